//! Small pieces of JSON that every resource has.

use crate::fhir::json::{Node, node};
use crate::map::record::PlanContext;

pub(super) const PLAN_NET: &str = "http://hl7.org/fhir/us/davinci-pdex-plan-net/StructureDefinition/";
/// The version of Plan-Net that is named in `meta.profile`.
const PLAN_NET_VERSION: &str = "1.2.0";
pub(super) const CODES: &str = "http://hl7.org/fhir/us/davinci-pdex-plan-net/CodeSystem/";
pub(super) const NPI_SYSTEM: &str = "http://hl7.org/fhir/sid/us-npi";
pub(super) const NUCC: &str = "http://nucc.org/provider-taxonomy";

/// The source of a resource. Of two sources for one resource, the later one in this list is trusted more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DirectorySource {
    /// Another record names it, and only its name or number is known.
    Mentioned,
    Nppes,
    Qhp,
    /// The plan's own table.
    Table,
}

impl DirectorySource {
    const ALL: [Self; 4] = [Self::Mentioned, Self::Nppes, Self::Qhp, Self::Table];

    const fn name(self) -> &'static str {
        match self {
            Self::Mentioned => "mentioned",
            Self::Nppes => "nppes",
            Self::Qhp => "qhp",
            Self::Table => "table",
        }
    }

    /// The end of a source's address in `meta.source`.
    pub(super) fn path(self) -> String {
        format!("/source/{}", self.name())
    }

    /// The source that a resource names in `meta.source`; absent if none of these readers made it.
    pub(crate) fn of(resource: &Node<'_>) -> Option<Self> {
        let name = resource.get("meta")?.text_of("source")?.rsplit_once("/source/")?.1;
        Self::ALL.into_iter().find(|source| source.name() == name)
    }
}

/// `meta`: the profiles, and the source.
fn meta(profiles: &[String], source: DirectorySource, about: PlanContext<'_>) -> Node<'static> {
    let mut out = Node::object();
    if !profiles.is_empty() {
        out.set("profile", profiles);
    }
    out.set("source", format!("{}{}", about.ids, source.path()));
    // The drug list's profiles require it. The server replaces it with its own.
    out.set("lastUpdated", about.now.to_string());
    out
}

/// The address of a Plan-Net profile, with its version.
pub(super) fn profile(name: &str) -> String {
    format!("{PLAN_NET}plannet-{name}|{PLAN_NET_VERSION}")
}

/// The start of a Plan-Net resource.
pub(super) fn start(
    kind: &str,
    id: &str,
    profile: &str,
    source: DirectorySource,
    about: PlanContext<'_>,
) -> Node<'static> {
    adopted(kind, id, &[self::profile(profile)], source, about)
}

/// Starts a resource with these profiles.
pub(crate) fn adopted(
    kind: &str,
    id: &str,
    profiles: &[String],
    source: DirectorySource,
    about: PlanContext<'_>,
) -> Node<'static> {
    let mut out = Node::object();
    out.set("resourceType", kind);
    out.set("id", id);
    out.set("meta", meta(profiles, source, about));
    out
}

/// Adds a list, unless it is empty: FHIR has no empty lists.
pub(super) fn put_all(out: &mut Node<'static>, name: &'static str, values: Vec<Node<'static>>) {
    if !values.is_empty() {
        out.set(name, values);
    }
}

/// Adds a list that merging joins, in the order that merging keeps.
pub(super) fn put_joined(out: &mut Node<'static>, name: &'static str, mut values: Vec<Node<'static>>) {
    if values.len() > 1 {
        values.sort_by_cached_key(Node::sorted_text);
        values.dedup();
    }
    put_all(out, name, values);
}

/// The first and the last day of validity, `YYYY-MM-DD` or empty, and whether the source also states that it has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(crate) from: String,
    pub(crate) until: String,
    pub(crate) is_ended: bool,
}

impl Validity {
    /// True if it is over. A validity that begins later is not over.
    pub(super) fn is_over(&self, about: PlanContext<'_>) -> bool {
        self.is_ended || about.is_over(&self.until)
    }

    /// The `period`, if one of its ends is known.
    pub(super) fn put(&self, out: &mut Node<'static>) {
        let mut period = Node::object();
        for (name, day) in [("start", &self.from), ("end", &self.until)] {
            if !day.is_empty() {
                period.set(name, day.as_str());
            }
        }
        if !period.is_empty() {
            out.set("period", period);
        }
    }

    /// Merges two rows about the same resource: a row that states an end does not override one that does not; else the
    /// validity runs from the earlier start to the later end, where no date counts as the earliest and the latest.
    pub(crate) fn join(&mut self, other: Self) {
        match (self.is_ended, other.is_ended) {
            (true, false) => *self = other,
            (false, true) => {}
            _ => {
                self.from = std::mem::take(&mut self.from).min(other.from);
                if !self.until.is_empty() && (other.until.is_empty() || other.until > self.until) {
                    self.until = other.until;
                }
            }
        }
    }
}

/// Starts a resource that is in the directory while it is valid: its profile makes it public, and marks it as active.
pub(super) fn start_while(
    kind: &str,
    id: &str,
    span: &Validity,
    source: DirectorySource,
    about: PlanContext<'_>,
) -> Node<'static> {
    let is_over = span.is_over(about);
    let profiles = if is_over { Vec::new() } else { vec![profile(kind)] };
    let mut out = adopted(kind, id, &profiles, source, about);
    out.set("active", !is_over);
    out
}

/// A `CodeableConcept` of one code.
pub(crate) fn coded(system: &str, code: &str) -> Node<'static> {
    node!({"coding": [{"system": system, "code": code}]})
}

/// A code of one of Plan-Net's own systems.
pub(super) fn of_plan_net(system: &str, code: &str) -> Node<'static> {
    coded(&format!("{CODES}{system}"), code)
}

pub(crate) fn reference(kind: &str, id: &str) -> Node<'static> {
    node!({"reference": format!("{kind}/{id}")})
}

/// A Plan-Net extension with a value; the member's name has the value's type.
pub(super) fn extension(name: &str, value: (&'static str, Node<'static>)) -> Node<'static> {
    let mut out = Node::object();
    out.set("url", format!("{PLAN_NET}{name}"));
    out.set(value.0, value.1);
    out
}

/// The day on which the plan last verified the record. Plan-Net has no element for it, so the plan names its own.
pub(super) fn verified(day: &str, about: PlanContext<'_>) -> Option<Node<'static>> {
    (!day.is_empty()).then(|| node!({"url": format!("{}/last-verified", about.ids), "valueDate": day}))
}
