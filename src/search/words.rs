//! `_text` and `_content` (FHIR R4, search, 3.1.1.4.7): words of a narrative, or of any text in a resource. No index
//! has them: the results of the other parameters are read, up to the limit that every such search has.

use super::Error;
use crate::fhir::fold;
use crate::fhir::json::{self, MAX_DEPTH, Node};
use crate::store::{self, Stored};

/// Words in one parameter.
const MAX_WORDS: usize = 20;

/// Words that a resource must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// In its narrative only.
    narrative: bool,
    /// Lists of words; a resource matches if it has all words of one list.
    any: Vec<Vec<String>>,
}

impl Words {
    /// Reads the value of `_text` (narrative) or `_content`: words, with `,` between alternatives; a word that ends
    /// with `*` is a prefix.
    pub(super) fn read(narrative: bool, value: &str) -> Result<Self, Error> {
        let any: Vec<Vec<String>> = value
            .split(',')
            .map(|list| list.split_whitespace().map(|word| fold(word.trim_matches('"'))).collect::<Vec<_>>())
            .filter(|list| !list.is_empty())
            .collect();
        let count: usize = any.iter().map(Vec::len).sum();
        if count == 0 || count > MAX_WORDS {
            let name = if narrative { "_text" } else { "_content" };
            return Err(Error::Result { name, expected: "one to twenty words such as 'chest pain'".into() });
        }
        Ok(Self { narrative, any })
    }

    /// True if a stored resource has the words.
    pub(super) fn found_in(&self, stored: &Stored) -> Result<bool, Error> {
        let damaged = || store::Error::Corrupted(format!("{}/{}", stored.kind, stored.rid));
        let node = json::parse(&stored.body).map_err(|_| damaged())?;
        let mut text = String::new();
        if self.narrative {
            text.push_str(&plain(node.get("text").and_then(|text| text.text_of("div")).unwrap_or_default()));
        } else {
            gather(&node, &mut text, 0);
        }
        let text = fold(&text);
        let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let has = |sought: &String| match sought.strip_suffix('*') {
            Some(start) => words.iter().any(|word| word.starts_with(start)),
            None => words.contains(&sought.as_str()),
        };
        Ok(self.any.iter().any(|list| list.iter().all(has)))
    }
}

fn gather(node: &Node<'_>, out: &mut String, depth: usize) {
    match node {
        Node::String(text) => {
            out.push_str(text);
            out.push(' ');
        }
        Node::Array(items) => items.iter().for_each(|item| gather(item, out, depth + 1)),
        Node::Object(members) if depth <= MAX_DEPTH => {
            for (name, value) in members {
                match value {
                    Node::String(text) if name == "div" => out.push_str(&plain(text)),
                    // Names of profiles, systems and references are not words.
                    Node::String(_) if matches!(&**name, "reference" | "system" | "url" | "profile" | "data") => {}
                    _ => gather(value, out, depth + 1),
                }
            }
        }
        _ => {}
    }
}

/// A narrative without its tags.
fn plain(div: &str) -> String {
    let mut out = String::with_capacity(div.len());
    for part in div.split('<') {
        out.push_str(part.split_once('>').map_or(part, |(_, text)| text));
        out.push(' ');
    }
    out
}
