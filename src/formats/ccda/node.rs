//! Elements of a document: children by name, attributes, nullFlavor, text.

use roxmltree::Node;

use super::text::{SDTC, V3, XSI};

/// An element.
pub(crate) type El<'d> = Node<'d, 'd>;

/// Text of one element; a longer text is only in the original.
const TEXT_MAX: usize = 64 << 10;
/// Elements of narrative that begin a line.
const LINES: [&str; 9] = ["paragraph", "tr", "item", "br", "caption", "title", "list", "table", "text"];

/// Children with that name.
pub(crate) fn kids<'d>(el: El<'d>, name: &str) -> impl Iterator<Item = El<'d>> {
    el.children().filter(move |kid| kid.tag_name().name() == name && kid.tag_name().namespace() == Some(V3))
}

/// The first child with that name.
pub(crate) fn kid<'d>(el: El<'d>, name: &str) -> Option<El<'d>> {
    kids(el, name).next()
}

/// The first child with that name in the SDTC extension namespace, or in the namespace of documents.
pub(crate) fn added<'d>(el: El<'d>, name: &str) -> Option<El<'d>> {
    let mut kids = el.children().filter(|kid| kid.tag_name().name() == name);
    kids.find(|kid| matches!(kid.tag_name().namespace(), Some(SDTC | V3)))
}

/// The first element that these names lead to.
pub(crate) fn path<'d>(el: El<'d>, names: &[&str]) -> Option<El<'d>> {
    names.iter().try_fold(el, |el, name| kid(el, name))
}

/// All elements that these names lead to.
pub(crate) fn all<'d>(el: El<'d>, names: &[&str]) -> Vec<El<'d>> {
    names.iter().fold(vec![el], |found, name| found.into_iter().flat_map(|el| kids(el, name)).collect())
}

/// An attribute; empty if it is not there.
pub(crate) fn attr<'d>(el: El<'d>, name: &str) -> &'d str {
    el.attribute(name).unwrap_or_default().trim()
}

/// An attribute of the first child with that name.
pub(crate) fn kid_attr<'d>(el: El<'d>, kid_name: &str, name: &str) -> &'d str {
    kid(el, kid_name).map(|kid| attr(kid, name)).unwrap_or_default()
}

pub(crate) fn is_null(el: El<'_>) -> bool {
    el.has_attribute("nullFlavor")
}

/// The type that an element declares (`xsi:type`), without its prefix.
pub(crate) fn kind(el: El<'_>) -> &str {
    let kind = el.attribute((XSI, "type")).or_else(|| el.attribute("type")).unwrap_or_default();
    kind.rsplit(':').next().unwrap_or_default()
}

/// Whether an element declares a template, in any version.
pub(crate) fn follows(el: El<'_>, template: &str) -> bool {
    kids(el, "templateId").any(|id| attr(id, "root") == template)
}

/// The text of an element, in one line.
pub(crate) fn text(el: El<'_>) -> String {
    lines(el).join(" ")
}

/// The text of an element as people see it, as lines.
pub(crate) fn lines(el: El<'_>) -> Vec<String> {
    let (mut out, mut line, mut length) = (Vec::new(), String::new(), 0);
    for node in el.descendants() {
        if node.is_element() {
            if LINES.contains(&node.tag_name().name()) {
                out.push(std::mem::take(&mut line));
            } else {
                line.push(' ');
            }
        } else if let Some(text) = node.text().filter(|_| node.is_text()) {
            length += text.len();
            if length > TEXT_MAX {
                break;
            }
            line.push_str(text);
        }
    }
    out.push(line);
    out.iter().map(|line| crate::formats::cells::text::line(line)).filter(|line| !line.is_empty()).collect()
}

/// Identifiers that are not null: root and extension, the latter possibly empty.
pub(crate) fn ids(el: El<'_>) -> Vec<(&str, &str)> {
    let ids = kids(el, "id").filter(|id| !is_null(*id)).map(|id| (attr(id, "root"), attr(id, "extension")));
    ids.filter(|(root, _)| !root.is_empty()).collect()
}
