//! Members of an element, read leniently: text or number, one value or a list.

use crate::fhir::json::Node;
use crate::formats::cells::is_no;

/// Values of one member's list.
const LIST_MAX: usize = 1_000;

/// The trimmed text of a member; empty if it is missing, null or not text.
pub(crate) fn text(value: &Node<'_>, name: &str) -> String {
    plain(value.get(name).unwrap_or(&Node::Null))
}

/// The nonempty texts of a member that is a list or a single value.
pub(crate) fn texts(value: &Node<'_>, name: &str) -> Vec<String> {
    items(value, name).map(plain).filter(|text| !text.is_empty()).collect()
}

/// The values of a member that is a list or, as some files have it, a single value.
pub(crate) fn items<'v, 'n>(value: &'v Node<'n>, name: &str) -> impl Iterator<Item = &'v Node<'n>> {
    let given = value.get(name).filter(|given| **given != Node::Null);
    given.map(Node::items).unwrap_or_default().iter().take(LIST_MAX)
}

/// True or false, also in words; absent if the member says nothing. Any word other than a "no" counts as true.
pub(crate) fn flag(value: &Node<'_>, name: &str) -> Option<bool> {
    match value.get(name)? {
        Node::Bool(flag) => Some(*flag),
        other => Some(plain(other)).filter(|words| !words.is_empty()).map(|words| !is_no(&words)),
    }
}

/// The first and the last day of the years that a member lists.
pub(crate) fn years(value: &Node<'_>) -> (String, String) {
    let years = || items(value, "years").filter_map(|year| plain(year).parse::<u16>().ok());
    let years = || years().filter(|year| (1990..2100).contains(year));
    match (years().min(), years().max()) {
        (Some(first), Some(last)) => (format!("{first}-01-01"), format!("{last}-12-31")),
        _ => (String::new(), String::new()),
    }
}

fn plain(value: &Node<'_>) -> String {
    match value {
        Node::String(text) => text.split_whitespace().collect::<Vec<_>>().join(" "),
        Node::Number(number) => number.to_string(),
        _ => String::new(),
    }
}
