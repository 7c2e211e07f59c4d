//! From the tree of a resource to XML: elements in the order of the standard, values as attributes.

use std::borrow::Cow;
use std::sync::Arc;

use super::read::is_deep;
use super::{FHIR, XHTML};
use crate::fhir::json::{MAX_DEPTH, Node};
use crate::fhir::shape::{Content, Shape};

/// Writes a resource as XML. Elements unknown to R4 come last, unchanged.
#[must_use]
pub fn write(resource: &Node<'_>, pretty: bool) -> Vec<u8> {
    let mut writer = Writer { out: b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>".to_vec(), pretty };
    writer.resource(resource, 0);
    writer.out
}

struct Writer {
    out: Vec<u8>,
    pretty: bool,
}

impl Writer {
    fn text(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn line(&mut self, level: usize) {
        if self.pretty {
            self.out.push(b'\n');
            self.out.resize(self.out.len() + 2 * level, b' ');
        }
    }

    fn open(&mut self, name: &str, level: usize) {
        self.line(level);
        self.text("<");
        self.text(name);
    }

    fn close(&mut self, name: &str) {
        self.text("</");
        self.text(name);
        self.text(">");
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.text(" ");
        self.text(name);
        self.text("=\"");
        for c in value.chars() {
            match c {
                '&' => self.text("&amp;"),
                '<' => self.text("&lt;"),
                '>' => self.text("&gt;"),
                '"' => self.text("&quot;"),
                '\n' => self.text("&#10;"),
                '\r' => self.text("&#13;"),
                '\t' => self.text("&#9;"),
                // These characters are allowed neither in XML 1.0 nor in FHIR's strings.
                '\0'..'\x20' | '\u{fffe}' | '\u{ffff}' => self.text("\u{fffd}"),
                c => {
                    let mut bytes = [0; 4];
                    self.out.extend_from_slice(c.encode_utf8(&mut bytes).as_bytes());
                }
            }
        }
        self.text("\"");
    }

    fn resource(&mut self, resource: &Node<'_>, level: usize) {
        let name = resource.text_of("resourceType").filter(|name| is_name(name)).unwrap_or("Resource");
        self.open(name, level);
        if level == 0 {
            self.attribute("xmlns", FHIR);
        }
        self.text(">");
        self.elements(resource, &Shape::of(name).unwrap_or_default(), level, Some("resourceType"));
        self.line(level);
        self.close(name);
    }

    /// Writes the elements of an object, without attributes and without the given one.
    fn elements(&mut self, object: &Node<'_>, shape: &Arc<Shape>, level: usize, without: Option<&str>) {
        if level > MAX_DEPTH {
            return;
        }
        let members = object.members();
        let mut ordered: Vec<(usize, &str)> = Vec::with_capacity(members.len());
        for (name, _) in members.iter().filter(|(name, _)| Some(&**name) != without && is_name(name)) {
            let plain = match name.strip_prefix('_') {
                Some(plain) if members.iter().any(|(other, _)| other == plain) => continue,
                Some(plain) => plain,
                None => name,
            };
            ordered.push((shape.place(plain).unwrap_or(usize::MAX), plain));
        }
        ordered.sort_by_key(|(place, _)| *place);
        for (place, name) in ordered {
            let member = shape.members.get(place);
            if member.is_some_and(|member| member.is_attribute) {
                continue;
            }
            let values = object.get(name).map(Node::items).unwrap_or_default();
            let beside = members.iter().find(|(other, _)| other.strip_prefix('_') == Some(name));
            let beside = beside.map(|(_, beside)| beside.items()).unwrap_or_default();
            for at in 0..values.len().max(beside.len()) {
                let value = values.get(at).unwrap_or(&Node::Null);
                let beside = beside.get(at).filter(|beside| **beside != Node::Null);
                self.element(name, value, beside, member.map(|member| member.content), level + 1);
            }
        }
    }

    fn element(
        &mut self,
        name: &str,
        value: &Node<'_>,
        beside: Option<&Node<'_>>,
        content: Option<Content>,
        level: usize,
    ) {
        let is_resource =
            content == Some(Content::Resource) || (content.is_none() && value.get("resourceType").is_some());
        match value {
            Node::Object(_) if is_resource => {
                self.open(name, level);
                self.text(">");
                self.resource(value, level + 1);
                self.line(level);
                self.close(name);
            }
            Node::Object(_) => {
                let shape = match content {
                    Some(Content::Elements(at)) => at.shape(),
                    _ => Arc::default(),
                };
                self.open(name, level);
                for member in shape.members.iter().filter(|member| member.is_attribute) {
                    if let Some(text) = value.text_of(&member.name) {
                        self.attribute(&member.name, text);
                    }
                }
                let start = self.out.len();
                self.text(">");
                self.elements(value, &shape, level, None);
                self.end(name, start, level);
            }
            Node::String(text) if content == Some(Content::Xhtml) => {
                self.line(level);
                self.narrative(text);
            }
            _ => {
                self.open(name, level);
                if let Some(id) = beside.and_then(|beside| beside.text_of("id")) {
                    self.attribute("id", id);
                }
                match value {
                    Node::String(text) | Node::Number(text) => self.attribute("value", text),
                    Node::Bool(value) => self.attribute("value", if *value { "true" } else { "false" }),
                    _ => {}
                }
                let start = self.out.len();
                self.text(">");
                if let Some(beside) = beside {
                    self.elements(beside, &Shape::of("Element").unwrap_or_default(), level, None);
                }
                self.end(name, start, level);
            }
        }
    }

    /// Ends an element whose start tag ends at `start`; an empty one is self-closing.
    fn end(&mut self, name: &str, start: usize, level: usize) {
        if self.out.len() == start + 1 {
            self.out.truncate(start);
            self.text("/>");
        } else {
            self.line(level);
            self.close(name);
        }
    }

    /// The XHTML unchanged if it is well-formed, and as plain text if it is not.
    fn narrative(&mut self, text: &str) {
        let text = &*numbered(text);
        let is_div = |parsed: roxmltree::Document<'_>| parsed.root_element().has_tag_name((XHTML, "div"));
        let is_xml = !is_deep(text) && roxmltree::Document::parse(text).is_ok_and(is_div);
        if is_xml && !text.trim_start().starts_with("<?") {
            self.text(text.trim());
            return;
        }
        self.text("<div xmlns=\"");
        self.text(XHTML);
        self.text("\">");
        let words = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        self.text(&words.replace(|c: char| c < ' ' && !matches!(c, '\n' | '\t' | '\r'), "\u{fffd}"));
        self.close("div");
    }
}

/// HTML entities that narratives use and XML does not define, with their characters.
const ENTITIES: [(&str, u32); 43] = [
    ("aacute", 225),
    ("acute", 180),
    ("bull", 8226),
    ("cent", 162),
    ("copy", 169),
    ("deg", 176),
    ("divide", 247),
    ("eacute", 233),
    ("euro", 8364),
    ("frac12", 189),
    ("frac14", 188),
    ("frac34", 190),
    ("ge", 8805),
    ("hellip", 8230),
    ("iacute", 237),
    ("iquest", 191),
    ("laquo", 171),
    ("ldquo", 8220),
    ("le", 8804),
    ("lsquo", 8216),
    ("mdash", 8212),
    ("micro", 181),
    ("middot", 183),
    ("nbsp", 160),
    ("ndash", 8211),
    ("ntilde", 241),
    ("oacute", 243),
    ("ouml", 246),
    ("para", 182),
    ("plusmn", 177),
    ("pound", 163),
    ("raquo", 187),
    ("rarr", 8594),
    ("rdquo", 8221),
    ("reg", 174),
    ("rsquo", 8217),
    ("sect", 167),
    ("sup2", 178),
    ("sup3", 179),
    ("times", 215),
    ("trade", 8482),
    ("uacute", 250),
    ("uuml", 252),
];

/// A narrative with HTML entities as numeric references.
fn numbered(text: &str) -> Cow<'_, str> {
    let mut parts = text.split('&');
    let mut out = parts.next().unwrap_or_default().to_owned();
    let mut changed = false;
    for part in parts {
        out.push('&');
        let known = part.split_once(';').and_then(|(name, rest)| {
            let (_, code) = ENTITIES.iter().find(|(known, _)| *known == name)?;
            Some((code, rest))
        });
        match known {
            Some((code, rest)) => {
                changed = true;
                out.push('#');
                out.push_str(&code.to_string());
                out.push(';');
                out.push_str(rest);
            }
            None => out.push_str(part),
        }
    }
    if changed { Cow::Owned(out) } else { Cow::Borrowed(text) }
}

/// Names of elements; anything else cannot stand in XML.
fn is_name(name: &str) -> bool {
    let plain = name.strip_prefix('_').unwrap_or(name);
    plain.starts_with(|c: char| c.is_ascii_alphabetic()) && plain.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
