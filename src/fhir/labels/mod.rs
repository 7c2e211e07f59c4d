//! Which records are about topics that a member decides about apart (42 CFR Part 2 and the like), and the security labels that
//! say so. Pure.
//!
//! A record is about a topic if it names a code of the topic's list (`codes.txt` and the plan's own file, `lists.rs`) or a label
//! on it says so (`sensitivity.rs`), wherever in it that stands: on a line of a claim, in an extension, in a contained resource.
//! The first also gives it the topic's label. Every code of a code system counts, a diagnosis that was ruled out as well.
//!
//! Invariants: labels that came with a record stay. Those that the lists gave are marked by their `id` and go when no list asks
//! for them any more, so that a changed list is applied in full to what is stored. Setting labels twice changes nothing.
//!
//! Absent on purpose: text and pictures, and resources that a record refers to. Drugs of the formulary and services of the
//! directory are about nobody; codes in them mean nothing here.

mod category;
mod lists;
mod sensitivity;
mod systems;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::OnceLock;

pub use category::{Categories, Category};
use lists::Lists;
pub use lists::Wrong;
use sensitivity::{ACT_CODE, Said};

use super::definitions::Kind;
use super::extract::is_of_formulary;
use super::json::Node;

/// The lists in force: ours and the plan's own. Configuration of the process, set once before anything is admitted.
static LISTS: OnceLock<Lists> = OnceLock::new();

/// How the `id` of a label begins that the lists gave.
const LISTED: &str = "listed-";

/// Why a plan's own list is not in force.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSupplied {
    /// A line cannot be read.
    #[error(transparent)]
    Wrong(#[from] Wrong),
    /// Other lists are in force already.
    #[error("a process labels by one set of lists, and this one does by another already")]
    TooLate,
}

/// Adds a plan's own list to ours, before anything is admitted.
///
/// # Errors
/// [`NotSupplied`].
pub fn supply(own: &str) -> Result<(), NotSupplied> {
    let lists = Lists::with(own)?;
    let hash = lists.hash();
    if LISTS.get_or_init(|| lists).hash() == hash { Ok(()) } else { Err(NotSupplied::TooLate) }
}

fn lists() -> &'static Lists {
    LISTS.get_or_init(Lists::built_in)
}

/// A number for the lists in force and what labels mean.
#[must_use]
pub fn hash() -> u64 {
    lists().hash() ^ sensitivity::hash().rotate_left(1)
}

/// The topics of a resource.
#[must_use]
pub fn of(resource: &Node<'_>) -> Categories {
    Seen::of(resource, lists()).topics()
}

/// Gives a resource the labels that its codes ask for, and takes away those that they do not any more. Returns its topics.
pub fn set(resource: &mut Node<'_>) -> Categories {
    set_by(resource, lists())
}

fn set_by(resource: &mut Node<'_>, lists: &Lists) -> Categories {
    let seen = Seen::of(resource, lists);
    if seen.marked.bits() & !seen.listed.bits() != 0 {
        take_away(resource, seen.listed);
    }
    for topic in seen.listed.iter() {
        let label = sensitivity::label(topic);
        if !security(resource).iter().any(|known| known.text_of("code") == Some(label)) {
            add(resource, label);
        }
    }
    seen.topics()
}

/// The labels that codes ask for, as system and code: for what is made of a document that names them.
#[must_use]
pub fn called_for<'c>(codes: impl Iterator<Item = (&'c str, &'c str)>) -> Vec<Node<'static>> {
    let topics = codes.fold(Categories::NONE, |topics, (system, code)| topics.and(lists().of(system, code)));
    topics.iter().map(|topic| coding(sensitivity::label(topic))).collect()
}

/// What was found in a resource.
#[derive(Default)]
struct Seen {
    /// Topics of listed codes.
    listed: Categories,
    /// Topics of labels that the lists gave before.
    marked: Categories,
    /// What other labels say.
    said: Said,
}

impl Seen {
    fn of(resource: &Node<'_>, lists: &Lists) -> Self {
        let mut seen = Self::default();
        let lists = is_about_somebody(resource).then_some(lists);
        for label in security(resource) {
            match given(label) {
                Some(topic) => seen.marked = seen.marked.with(topic),
                None => seen.label(label),
            }
        }
        for (name, value) in resource.members() {
            if name == "meta" {
                let rest = value.members().iter().filter(|(name, _)| name != "security");
                rest.for_each(|(name, value)| seen.member(name, value, lists));
            } else {
                seen.member(name, value, lists);
            }
        }
        seen
    }

    fn topics(&self) -> Categories {
        self.listed.and(self.said.topics())
    }

    fn label(&mut self, label: &Node<'_>) {
        // In documents labels are concepts.
        let codings = label.get("coding").map(Node::items).unwrap_or_default();
        for coding in std::iter::once(label).chain(codings) {
            if let Some(code) = coding.text_of("code") {
                self.said.label(coding.text_of("system"), code);
            }
        }
    }

    fn member(&mut self, name: &str, value: &Node<'_>, lists: Option<&Lists>) {
        match value {
            Node::Array(_) | Node::Object(_) if matches!(name, "security" | "securityLabel") => {
                value.items().iter().for_each(|label| self.label(label));
            }
            Node::Array(items) => items.iter().for_each(|item| self.look(item, lists)),
            Node::Object(_) => self.look(value, lists),
            // A Composition says it with a bare code.
            Node::String(code) if name == "confidentiality" => self.said.label(None, code),
            _ => {}
        }
    }

    /// This runs for everything in every resource of a load.
    fn look(&mut self, node: &Node<'_>, lists: Option<&Lists>) {
        let (mut system, mut code) = (None, None);
        for (name, value) in node.members() {
            match (&**name, value) {
                ("system", Node::String(text)) => system = Some(&**text),
                ("code", Node::String(text)) => code = Some(&**text),
                _ => self.member(name, value, lists),
            }
        }
        if let (Some(system), Some(code)) = (system, code) {
            if let Some(lists) = lists {
                self.listed = self.listed.and(lists.of(system, code));
            }
            self.said.coding(system, code);
        }
    }
}

/// Whether what a resource says is about a person, so that its codes count. Medications are named by the orders of persons.
fn is_about_somebody(resource: &Node<'_>) -> bool {
    let kind = resource.text_of("resourceType").and_then(Kind::parse);
    kind.is_some_and(|kind| {
        let is_listed_drug = kind == Kind::named("Basic") && is_of_formulary(resource);
        (kind.is_personal() || kind == Kind::named("Medication")) && !is_listed_drug
    })
}

fn security<'n, 'a>(resource: &'n Node<'a>) -> &'n [Node<'a>] {
    resource.get("meta").and_then(|meta| meta.get("security")).map(Node::items).unwrap_or_default()
}

/// The topic of a label that the lists gave.
fn given(label: &Node<'_>) -> Option<Category> {
    let code = label.text_of("id")?.strip_prefix(LISTED)?;
    let is_ours = label.text_of("code") == Some(code) && label.text_of("system") == Some(ACT_CODE);
    Category::ALL.into_iter().find(|topic| is_ours && sensitivity::label(*topic) == code)
}

fn coding(label: &'static str) -> Node<'static> {
    let text = |text: &'static str| Node::String(Cow::Borrowed(text));
    Node::Object(vec![(Cow::Borrowed("system"), text(ACT_CODE)), (Cow::Borrowed("code"), text(label))])
}

fn add(resource: &mut Node<'_>, label: &'static str) {
    let mut marked = Node::Object(vec![(Cow::Borrowed("id"), Node::String(format!("{LISTED}{label}").into()))]);
    if let (Node::Object(members), Node::Object(coding)) = (&mut marked, coding(label)) {
        members.extend(coding);
    }
    if resource.get("meta").is_none() {
        resource.set("meta", Node::Object(Vec::new()));
    }
    if let Some(meta) = resource.get_mut("meta") {
        meta.push("security", marked);
    }
}

/// Takes away labels that the lists gave, but for these topics.
fn take_away(resource: &mut Node<'_>, but: Categories) {
    let Some(meta) = resource.get_mut("meta") else { return };
    if let Some(Node::Array(labels)) = meta.get_mut("security") {
        labels.retain(|label| given(label).is_none_or(|topic| but.contains(topic)));
        if labels.is_empty() {
            meta.remove("security");
        }
    }
    if meta.members().is_empty() {
        resource.remove("meta");
    }
}
