//! Resources while they are built.

use std::borrow::Cow;

use super::US_CORE;
use crate::fhir::json::{Node, node};
use crate::fhir::validate::{Severity, validate};

/// A resource, or a part of one. Empty values are left out, since FHIR has none.
pub(crate) struct ResourceBuilder(Node<'static>);

impl ResourceBuilder {
    /// Starts a resource.
    pub(crate) fn new(kind: &str, id: &str) -> Self {
        let mut out = Self::part();
        out.set("resourceType", kind);
        out.set("id", id);
        out
    }

    /// Starts a part of a resource.
    pub(crate) const fn part() -> Self {
        Self(Node::object())
    }

    /// Continues a finished resource.
    pub(crate) fn again(resource: Node<'static>) -> Self {
        match resource {
            Node::Object(_) => Self(resource),
            _ => Self::part(),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Node<'static>> {
        self.0.get(name)
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// Merges another resource: lists grow, objects are merged, and of two different texts the first stays.
    pub(crate) fn join(&mut self, other: Self) {
        join(&mut self.0, other.0);
    }

    pub(crate) fn set(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Node<'static>>) -> &mut Self {
        let value = value.into();
        if !value.is_empty() {
            self.0.set(name, value);
        }
        self
    }

    pub(crate) fn value(self) -> Node<'static> {
        self.0
    }

    /// Finishes the resource, which claims each of these US Core profiles that it meets.
    pub(crate) fn claim(self, profiles: &[&str]) -> Node<'static> {
        claim(self.value(), profiles)
    }
}

fn join(known: &mut Node<'static>, other: Node<'static>) {
    let Node::Object(members) = other else { return };
    for (name, value) in members {
        match (known.get_mut(&name), value) {
            (None, value) => known.set(name, value),
            (Some(Node::Array(list)), Node::Array(more)) => {
                for one in more {
                    if !list.contains(&one) {
                        list.push(one);
                    }
                }
            }
            (Some(part @ Node::Object(_)), more @ Node::Object(_)) => join(part, more),
            _ => {}
        }
    }
}

/// Adds the profiles that a resource meets. A profile has a hundred requirements. The validator knows all of them, so
/// it decides, and no mapper repeats them.
fn claim(mut resource: Node<'static>, profiles: &[&str]) -> Node<'static> {
    let errors = |profiles: &[&str]| {
        validate(&resource, profiles).iter().filter(|issue| issue.severity == Severity::Error).count()
    };
    let before = errors(&[]);
    let addresses = profiles.iter().map(|name| format!("{US_CORE}{name}"));
    let met: Vec<String> = addresses.filter(|address| errors(&[address]) == before).collect();
    if !met.is_empty() {
        resource.set("meta", node!({ "profile": met }));
    }
    resource
}
