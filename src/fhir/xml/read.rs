//! From XML to JSON text. R4's structures define which element is a list, a number or a boolean.

use std::sync::Arc;

use roxmltree::{Document, Node, ParsingOptions};

use super::{FHIR, XHTML};
use crate::fhir::json::{self, MAX_DEPTH, write_string};
use crate::fhir::shape::{Content, Member, Shape};

/// Elements and texts of one document.
const MAX_NODES: u32 = 1_000_000;
/// Start tags open at a time, counted before the text is parsed: deeper nesting would exhaust the parser's stack.
const MAX_OPEN: usize = 256;

/// The place and the reason of a mistake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {reason}")]
pub struct XmlError {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// The mistake; quotes at most the names of elements.
    pub reason: String,
}

/// Reads the XML of a resource and writes it as JSON.
///
/// # Errors
/// [`XmlError`] with the place of the first mistake.
pub fn read(bytes: &[u8]) -> Result<Vec<u8>, XmlError> {
    let wrong = |reason: &str| XmlError { line: 1, column: 1, reason: reason.to_owned() };
    let text = std::str::from_utf8(bytes).map_err(|_| wrong("not UTF-8"))?;
    if is_deep(text) {
        return Err(wrong("nested too deeply"));
    }
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text.trim_start_matches('\u{feff}'), options).map_err(|error| {
        let at = error.pos();
        XmlError { line: at.row, column: at.col, reason: plain(&error).to_owned() }
    })?;
    let mut reader = Reader { document: &document, out: Vec::with_capacity(bytes.len()) };
    reader.resource(document.root_element(), 0)?;
    Ok(reader.out)
}

/// The parser's message, without the names and texts of the document.
fn plain(error: &roxmltree::Error) -> &'static str {
    match error {
        roxmltree::Error::DtdDetected => "a document type is not accepted",
        roxmltree::Error::NodesLimitReached => "too many elements",
        roxmltree::Error::UnexpectedCloseTag(..) => "an element is closed that was not opened last",
        roxmltree::Error::UnknownNamespace(..) => "a prefix without its namespace",
        roxmltree::Error::DuplicatedAttribute(..) => "an attribute that this element already has",
        roxmltree::Error::UnknownEntityReference(..) => "an entity that XML does not know",
        _ => "not well-formed XML",
    }
}

/// True if more tags are open at a time than any resource needs. When in doubt, it refuses.
pub(super) fn is_deep(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut open = 0_usize;
    for at in memchr::memchr_iter(b'<', bytes) {
        match bytes.get(at + 1) {
            Some(b'/') => open = open.saturating_sub(1),
            Some(b'?' | b'!') | None => {}
            Some(_) => {
                let end = memchr::memchr(b'>', bytes.get(at..).unwrap_or_default()).map_or(bytes.len(), |end| at + end);
                if end.checked_sub(1).and_then(|last| bytes.get(last)) != Some(&b'/') {
                    open += 1;
                }
            }
        }
        if open > MAX_OPEN {
            return true;
        }
    }
    false
}

struct Reader<'x> {
    document: &'x Document<'x>,
    out: Vec<u8>,
}

type Read<T> = Result<T, XmlError>;

impl<'x> Reader<'x> {
    fn wrong(&self, at: Node<'x, 'x>, reason: impl Into<String>) -> XmlError {
        let place = self.document.text_pos_at(at.range().start);
        XmlError { line: place.row, column: place.col, reason: reason.into() }
    }

    fn resource(&mut self, element: Node<'x, 'x>, depth: usize) -> Read<()> {
        let name = element.tag_name().name();
        if element.tag_name().namespace() != Some(FHIR) {
            return Err(self.wrong(element, format!("a resource must be in the namespace {FHIR}")));
        }
        let shape = Shape::of(name).filter(|_| crate::fhir::Kind::parse(name).is_some());
        let shape = shape.ok_or_else(|| self.wrong(element, "this is not a resource type of FHIR R4"))?;
        self.out.extend_from_slice(b"{\"resourceType\":");
        write_string(name, &mut self.out);
        self.members(element, &shape, true, depth)?;
        self.out.push(b'}');
        Ok(())
    }

    /// Writes the elements and attributes of an element as members of an open object; `rest` if it has members already.
    fn members(&mut self, element: Node<'x, 'x>, shape: &Arc<Shape>, rest: bool, depth: usize) -> Read<()> {
        if depth > MAX_DEPTH {
            return Err(self.wrong(element, "nested too deeply"));
        }
        let mut rest = rest;
        for member in shape.members.iter().filter(|member| member.is_attribute) {
            if let Some(text) = element.attribute(member.name.as_str()) {
                self.name(&member.name, &mut rest);
                write_string(text, &mut self.out);
            }
        }
        let mut groups: Vec<(&Member, Vec<Node<'x, 'x>>)> = Vec::new();
        for child in self.children(element)? {
            let name = child.tag_name().name();
            let member = shape.member(name).filter(|member| !member.is_attribute);
            let member =
                member.ok_or_else(|| self.wrong(child, format!("there is no element '{}' here", short(name))))?;
            match groups.iter_mut().find(|(known, _)| known.name == member.name) {
                Some((_, group)) if member.is_list => group.push(child),
                Some(_) => return Err(self.wrong(child, format!("the element '{}' may stand here once", short(name)))),
                None => groups.push((member, vec![child])),
            }
        }
        for (member, group) in groups {
            if let Content::Primitive(kind) = member.content {
                self.primitives(member, kind, &group, &mut rest, depth)?;
                continue;
            }
            self.name(&member.name, &mut rest);
            if member.is_list {
                self.out.push(b'[');
            }
            for (at, child) in group.into_iter().enumerate() {
                if at > 0 {
                    self.out.push(b',');
                }
                self.content(child, member.content, depth)?;
            }
            if member.is_list {
                self.out.push(b']');
            }
        }
        Ok(())
    }

    /// Child elements; text between them is a mistake, except white space.
    fn children(&self, element: Node<'x, 'x>) -> Read<Vec<Node<'x, 'x>>> {
        let mut out = Vec::new();
        for child in element.children() {
            if child.is_element() {
                out.push(child);
            } else if child.is_text() && !child.text().unwrap_or_default().trim().is_empty() {
                return Err(self.wrong(child, "text between elements; values stand in the attribute 'value'"));
            }
        }
        Ok(out)
    }

    fn name(&mut self, name: &str, rest: &mut bool) {
        if std::mem::replace(rest, true) {
            self.out.push(b',');
        }
        write_string(name, &mut self.out);
        self.out.push(b':');
    }

    fn content(&mut self, child: Node<'x, 'x>, content: Content, depth: usize) -> Read<()> {
        match content {
            Content::Elements(at) => {
                self.out.push(b'{');
                self.members(child, &at.shape(), false, depth + 1)?;
                self.out.push(b'}');
                Ok(())
            }
            Content::Resource => {
                let children = self.children(child)?;
                let [resource] = children.as_slice() else {
                    return Err(self.wrong(child, "one resource is expected here"));
                };
                self.resource(*resource, depth + 1)
            }
            Content::Xhtml => {
                if child.tag_name().namespace() != Some(XHTML) {
                    return Err(self.wrong(child, format!("a narrative must be in the namespace {XHTML}")));
                }
                let text = self.document.input_text().get(child.range()).unwrap_or_default();
                let own = |name: &str| text.split('>').next().unwrap_or_default().contains(name);
                if !text.starts_with("<div") {
                    return Err(self.wrong(child, "write the narrative without a prefix"));
                }
                let text = if own("xmlns") {
                    text.to_owned()
                } else {
                    text.replacen("<div", &format!("<div xmlns=\"{XHTML}\""), 1)
                };
                write_string(&text, &mut self.out);
                Ok(())
            }
            Content::Primitive(_) => Ok(()),
        }
    }

    /// Writes values in one member, and their ids and extensions in the member beside it.
    fn primitives(
        &mut self,
        member: &Member,
        kind: &str,
        group: &[Node<'x, 'x>],
        rest: &mut bool,
        depth: usize,
    ) -> Read<()> {
        let has_value = |child: &Node<'_, '_>| child.attribute("value").is_some();
        let has_beside = |child: &Node<'_, '_>| child.attribute("id").is_some() || child.has_children();
        if group.iter().any(has_value) {
            self.name(&member.name, rest);
            self.list(member, group, |own, child| {
                match child.attribute("value") {
                    Some(text) => own.value(kind, text),
                    None => own.out.extend_from_slice(b"null"),
                }
                Ok(())
            })?;
        }
        if group.iter().any(has_beside) {
            self.name(&format!("_{}", member.name), rest);
            let element = Shape::of("Element").unwrap_or_default();
            self.list(member, group, |own, child| {
                if !has_beside(&child) {
                    own.out.extend_from_slice(b"null");
                    return Ok(());
                }
                own.out.push(b'{');
                own.members(child, &element, false, depth + 1)?;
                own.out.push(b'}');
                Ok(())
            })?;
        }
        if let Some(child) = group.iter().find(|child| !has_value(child) && !has_beside(child)) {
            return Err(self.wrong(*child, "this element has neither a value nor an extension"));
        }
        Ok(())
    }

    fn list(
        &mut self,
        member: &Member,
        group: &[Node<'x, 'x>],
        mut each: impl FnMut(&mut Self, Node<'x, 'x>) -> Read<()>,
    ) -> Read<()> {
        if member.is_list {
            self.out.push(b'[');
        }
        for (at, child) in group.iter().enumerate() {
            if at > 0 {
                self.out.push(b',');
            }
            each(self, *child)?;
        }
        if member.is_list {
            self.out.push(b']');
        }
        Ok(())
    }

    /// Numbers and booleans are literals in JSON; a malformed one stays text, and is refused later with its path.
    fn value(&mut self, kind: &str, text: &str) {
        let is_number = || matches!(json::parse(text.as_bytes()), Ok(json::Node::Number(_)));
        let is_bare = match kind {
            "boolean" => matches!(text, "true" | "false"),
            "decimal" | "integer" | "positiveInt" | "unsignedInt" => is_number(),
            _ => false,
        };
        if is_bare {
            self.out.extend_from_slice(text.trim().as_bytes());
        } else {
            write_string(text, &mut self.out);
        }
    }
}

fn short(name: &str) -> String {
    name.chars().take(64).collect()
}
