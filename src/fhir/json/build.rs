//! JSON that is made and not read: conversions, the macro `node!`, and changes to a tree.
//!
//! Invariant: an object never has two members of one name, since [`Node::set`] replaces and the macro is given each name
//! once. Decimals are texts ([`Node::number`]), so no digit is lost on the way to the store.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::{Node, parse, write_string};

/// Makes a [`Node`] as it is written in JSON, with expressions in place of values:
/// `node!({"resourceType": "Patient", "id": id, "name": [{"family": family}]})`. Expressions are moved in.
macro_rules! node {
    (@array [$($made:expr,)*]) => { $crate::fhir::json::Node::Array(vec![$($made),*]) };
    (@array [$($made:expr,)*] {$($inner:tt)*} $(, $($rest:tt)*)?) => {
        $crate::fhir::json::node!(@array [$($made,)* $crate::fhir::json::node!({$($inner)*}),] $($($rest)*)?)
    };
    (@array [$($made:expr,)*] [$($inner:tt)*] $(, $($rest:tt)*)?) => {
        $crate::fhir::json::node!(@array [$($made,)* $crate::fhir::json::node!([$($inner)*]),] $($($rest)*)?)
    };
    (@array [$($made:expr,)*] $next:expr $(, $($rest:tt)*)?) => {
        $crate::fhir::json::node!(@array [$($made,)* $crate::fhir::json::Node::from($next),] $($($rest)*)?)
    };
    (@object [$($made:expr,)*]) => { $crate::fhir::json::Node::Object(vec![$($made),*]) };
    (@object [$($made:expr,)*] $name:literal : {$($inner:tt)*} $(, $($rest:tt)*)?) => {
        $crate::fhir::json::node!(@object [$($made,)* ($name.into(), $crate::fhir::json::node!({$($inner)*})),] $($($rest)*)?)
    };
    (@object [$($made:expr,)*] $name:literal : [$($inner:tt)*] $(, $($rest:tt)*)?) => {
        $crate::fhir::json::node!(@object [$($made,)* ($name.into(), $crate::fhir::json::node!([$($inner)*])),] $($($rest)*)?)
    };
    (@object [$($made:expr,)*] $name:literal : $value:expr $(, $($rest:tt)*)?) => {
        $crate::fhir::json::node!(@object [$($made,)* ($name.into(), $crate::fhir::json::Node::from($value)),] $($($rest)*)?)
    };
    ([$($inner:tt)*]) => { $crate::fhir::json::node!(@array [] $($inner)*) };
    ({$($inner:tt)*}) => { $crate::fhir::json::node!(@object [] $($inner)*) };
    ($value:expr) => { $crate::fhir::json::Node::from($value) };
}

pub(crate) use node;

impl<'a> Node<'a> {
    /// An object without members.
    #[must_use]
    pub const fn object() -> Self {
        Self::Object(Vec::new())
    }

    /// The number that a text is, with its digits as they are written; absent if JSON has no such number.
    #[must_use]
    pub fn number(text: &str) -> Option<Self> {
        match parse(text.as_bytes()) {
            Ok(Node::Number(number)) => Some(Self::Number(Cow::Owned(number.into_owned()))),
            _ => None,
        }
    }

    /// True for what FHIR leaves out: null, and a text, list or object with nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Bool(_) | Self::Number(_) => false,
            Self::String(text) => text.is_empty(),
            Self::Array(items) => items.is_empty(),
            Self::Object(members) => members.is_empty(),
        }
    }

    /// The member with that name, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Self> {
        match self {
            Self::Object(members) => members.iter_mut().find(|(key, _)| key == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// Gives a member its value: in its place if there is one, else behind the others. What is no object becomes one.
    pub fn set(&mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Self>) {
        let (name, value) = (name.into(), value.into());
        if let Self::Object(members) = self {
            match members.iter_mut().find(|(key, _)| *key == name) {
                Some((_, known)) => *known = value,
                None => members.push((name, value)),
            }
        } else {
            *self = Self::Object(vec![(name, value)]);
        }
    }

    /// Adds to the list that a member is; the list begins if there is none.
    pub fn push(&mut self, name: &'static str, value: impl Into<Self>) {
        match self.get_mut(name) {
            Some(Self::Array(items)) => items.push(value.into()),
            _ => self.set(name, vec![value.into()]),
        }
    }

    /// Takes a member out.
    pub fn remove(&mut self, name: &str) -> Option<Self> {
        let Self::Object(members) = self else { return None };
        let at = members.iter().position(|(key, _)| key == name)?;
        Some(members.remove(at).1)
    }

    /// The text with the members of each object sorted by name: equal values have equal texts, so lists can be sorted by it.
    #[must_use]
    pub fn sorted_text(&self) -> String {
        let mut out = Vec::new();
        self.write_sorted(&mut out);
        String::from_utf8(out).unwrap_or_default()
    }

    fn write_sorted(&self, out: &mut Vec<u8>) {
        match self {
            Self::Array(items) => {
                out.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    item.write_sorted(out);
                }
                out.push(b']');
            }
            Self::Object(members) => {
                let mut sorted: Vec<_> = members.iter().collect();
                sorted.sort_by(|(one, _), (other, _)| one.cmp(other));
                out.push(b'{');
                for (at, (name, value)) in sorted.into_iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    write_string(name, out);
                    out.push(b':');
                    value.write_sorted(out);
                }
                out.push(b'}');
            }
            other => other.write(out),
        }
    }
}

impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(one), Self::Bool(other)) => one == other,
            (Self::Number(one), Self::Number(other)) | (Self::String(one), Self::String(other)) => one == other,
            (Self::Array(one), Self::Array(other)) => one == other,
            (Self::Object(one), Self::Object(more)) => {
                // Most objects that are compared were made by the same code, so the names stand at the same places.
                one.len() == more.len()
                    && one.iter().zip(more).all(|((name, value), (same, found))| {
                        if name == same { value == found } else { other.get(name) == Some(value) }
                    })
            }
            _ => false,
        }
    }
}

impl Eq for Node<'_> {}

impl From<bool> for Node<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Node<'_> {
    fn from(text: &str) -> Self {
        Self::String(Cow::Owned(text.to_owned()))
    }
}

impl From<&&str> for Node<'_> {
    fn from(text: &&str) -> Self {
        (*text).into()
    }
}

impl From<&String> for Node<'_> {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<String> for Node<'_> {
    fn from(text: String) -> Self {
        Self::String(Cow::Owned(text))
    }
}

impl<'a> From<&Node<'a>> for Node<'a> {
    fn from(node: &Self) -> Self {
        node.clone()
    }
}

/// Whole numbers.
macro_rules! whole {
    ($($kind:ty)*) => {
        $(impl From<$kind> for Node<'_> {
            fn from(number: $kind) -> Self {
                Self::Number(Cow::Owned(number.to_string()))
            }
        })*
    };
}

whole!(i32 i64 u32 u64 usize);

/// Null if it is no number.
impl From<f64> for Node<'_> {
    fn from(number: f64) -> Self {
        if !number.is_finite() {
            return Self::Null;
        }
        let mut text = String::new();
        // The shortest digits that mean this number.
        let _ = write!(text, "{number:?}");
        Self::Number(Cow::Owned(text))
    }
}

/// Null if there is nothing.
impl<'a, T: Into<Node<'a>>> From<Option<T>> for Node<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<'a, T: Into<Node<'a>>> From<Vec<T>> for Node<'a> {
    fn from(values: Vec<T>) -> Self {
        values.into_iter().collect()
    }
}

impl<'a, T: Clone + Into<Node<'a>>> From<&[T]> for Node<'a> {
    fn from(values: &[T]) -> Self {
        values.iter().cloned().collect()
    }
}

impl<'a, T: Clone + Into<Node<'a>>> From<&Vec<T>> for Node<'a> {
    fn from(values: &Vec<T>) -> Self {
        values.as_slice().into()
    }
}

impl<'a, T: Into<Node<'a>>> FromIterator<T> for Node<'a> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Self::Array(values.into_iter().map(Into::into).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_what_is_written() {
        let (id, none): (String, Option<&str>) = ("p".into(), None);
        let made = node!({
            "resourceType": "Patient",
            "id": id,
            "active": true,
            "none": none,
            "name": [{"family": "Quill", "given": vec!["Ana", "B"]}, [], {}],
            "count": [1, 2_u32, -3_i64],
            "if": if 1 < 2 { "yes" } else { "no" },
            "value": Node::number("7.20"),
        });
        assert_eq!(
            made.to_string(),
            r#"{"resourceType":"Patient","id":"p","active":true,"none":null,"name":[{"family":"Quill","given":["Ana","B"]},[],{}],"count":[1,2,-3],"if":"yes","value":7.20}"#
        );
        assert_eq!(parse(made.to_string().as_bytes()).unwrap(), made);
    }

    #[test]
    fn numbers_keep_their_digits() {
        for text in ["0", "-0.50", "7.20", "123456789012345678.90", "1e5"] {
            assert_eq!(Node::number(text).unwrap().to_string(), text);
        }
        for text in ["", "007", ".5", "5.", "+1", "1 2", "NaN", "\"1\""] {
            assert_eq!(Node::number(text), None, "{text}");
        }
        assert_eq!(Node::from(41.77).to_string(), "41.77");
        assert_eq!(Node::from(41.0).to_string(), "41.0");
        assert_eq!(Node::from(f64::NAN), Node::Null);
    }

    #[test]
    fn members_are_replaced_added_and_taken_out() {
        let mut made = node!({"a": 1, "b": 2});
        made.set("a", "x");
        made.set("c", Some(true));
        made.push("d", 1);
        made.push("d", 2);
        assert_eq!(made.to_string(), r#"{"a":"x","b":2,"c":true,"d":[1,2]}"#);
        assert_eq!(made.remove("b"), Some(2.into()));
        assert_eq!((made.remove("b"), Node::Null.remove("b")), (None, None));
        *made.get_mut("a").unwrap() = Node::Null;
        assert_eq!(made.to_string(), r#"{"a":null,"c":true,"d":[1,2]}"#);
        let mut made = Node::default();
        made.set("a", 1);
        assert_eq!(made.to_string(), r#"{"a":1}"#);
    }

    #[test]
    fn the_order_of_members_is_no_difference() {
        let (one, other) = (node!({"a": 1, "b": [{"c": "x", "d": "y"}]}), node!({"b": [{"d": "y", "c": "x"}], "a": 1}));
        assert_eq!(one, other);
        assert_eq!(one.sorted_text(), other.sorted_text());
        assert_eq!(other.sorted_text(), r#"{"a":1,"b":[{"c":"x","d":"y"}]}"#);
        for different in [
            node!({"a": 1}),
            node!({"a": 1, "c": [{"c": "x", "d": "y"}]}),
            node!({"a": 2, "b": [{"c": "x", "d": "y"}]}),
            node!({"a": "1", "b": [{"c": "x", "d": "y"}]}),
            node!([1]),
        ] {
            assert_ne!(one, different);
            assert_ne!(different, one);
        }
        assert_ne!(node!([1, 2]), node!([2, 1]));
        assert_ne!(Node::number("1.0"), Node::number("1.00"));
    }

    #[test]
    fn nothing_is_empty() {
        for empty in [Node::Null, node!(""), node!([]), node!({}), Node::object()] {
            assert!(empty.is_empty());
        }
        for full in [node!(false), node!(0), node!("a"), node!([""]), node!({"a": ""})] {
            assert!(!full.is_empty());
        }
    }
}
