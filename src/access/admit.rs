//! The one gate in. Whatever becomes a stored resource, by a load, over REST, in a batch or from another payer, is admitted
//! here: read, normalised, labelled by the codes it names, checked as the plan wants, searched for what can be found by, and
//! told apart by whose it is. The store takes nothing else.
//!
//! Invariant: the same resource gets the same labels and the same access facts whatever door it came in by. The facts carry
//! the number of the rules that made them ([`rules`]), so that a changed rule is applied to what is stored already. They
//! follow from the tables alone, whatever search parameters a plan defines: the values of those come later, from the store
//! that keeps the resource ([`Admitted::found_by`]).

use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use xxhash_rust::xxh3::xxh3_64;

use crate::config::Policy;
use crate::fhir::definitions::{SearchParameters, TABLES_HASH};
use crate::fhir::json::{self, Node};
use crate::fhir::labels::{self, Categories};
use crate::fhir::validate::{Issue, Severity, validate};
use crate::fhir::{self, Extracted, Packed, Prepared, prepare_about};

/// Counts changes of what this room derives from a resource that no table shows.
const LOGIC: u64 = 2;

/// A resource that may be stored, with what access asks of it.
#[derive(Clone, Debug)]
pub struct Admitted {
    prepared: Prepared,
    /// The plan's own search parameters whose values are there, by [`SearchParameters::extraction`].
    own: u64,
}

/// What was admitted, and what is not as it should be with it.
#[derive(Clone, Debug)]
pub struct Admission {
    /// The resource.
    pub resource: Admitted,
    /// Errors of a resource that is kept all the same, where the plan wants to know of them.
    pub issues: Vec<Issue>,
}

/// Why something is not admitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    /// It is no resource of FHIR R4.
    #[error(transparent)]
    Resource(#[from] fhir::Issue),
    /// It is not as FHIR R4 or a profile that it claims says.
    #[error("{}", first(.0))]
    Invalid(Vec<Issue>),
}

/// What is wrong first, and how much more there is.
fn first(issues: &[Issue]) -> String {
    let Some((first, more)) = issues.split_first() else { return String::new() };
    let more = if more.is_empty() { String::new() } else { format!(" (and {} more)", more.len()) };
    format!("{}: {}{more}", first.path, first.text)
}

/// A number for the rules that make labels and access facts of a resource; another number, other rules.
#[must_use]
pub fn rules() -> u64 {
    /// Asked for with each resource that is stored.
    static RULES: LazyLock<u64> =
        LazyLock::new(|| xxh3_64(&[LOGIC, TABLES_HASH, labels::hash()].map(u64::to_be_bytes).concat()));
    *RULES
}

/// Admits a parsed resource under an id. The node is left with its labels.
///
/// # Errors
/// [`NotAdmitted::Invalid`] only where the policy is to reject.
pub fn admit(node: &mut Node<'_>, id: &str, policy: Policy) -> Result<Admission, NotAdmitted> {
    fhir::kind_of(node)?;
    let issues = if policy == Policy::Off { Vec::new() } else { errors(node) };
    if policy == Policy::Reject && !issues.is_empty() {
        return Err(NotAdmitted::Invalid(issues));
    }
    let categories = labels::set(node);
    let prepared = prepare_about(node, id, categories)?;
    Ok(Admission { resource: Admitted { prepared, own: 0 }, issues })
}

/// Admits a text that brings its own id and was checked before, such as two stored statements put together.
///
/// # Errors
/// [`NotAdmitted::Resource`].
pub fn admit_text(text: &[u8]) -> Result<Admitted, NotAdmitted> {
    admit_checked(&mut json::parse(text).map_err(fhir::Issue::from)?)
}

/// Does the same for a resource that is parsed or made already.
///
/// # Errors
/// [`NotAdmitted::Resource`].
pub fn admit_checked(node: &mut Node<'_>) -> Result<Admitted, NotAdmitted> {
    let id = node.text_of("id").unwrap_or_default().to_owned();
    Ok(admit(node, &id, Policy::Off)?.resource)
}

/// The errors of a resource by FHIR R4 and the profiles that it claims.
fn errors(node: &Node<'_>) -> Vec<Issue> {
    let stamped = stamped(node);
    let mut issues = validate(stamped.as_ref().unwrap_or(node), &[]);
    issues.retain(|issue| issue.severity == Severity::Error);
    issues
}

/// The resource as it will be: the server says when it was last updated, and profiles ask for that.
fn stamped<'a>(node: &Node<'a>) -> Option<Node<'a>> {
    let meta = node.get("meta")?;
    if meta.get("lastUpdated").is_some() {
        return None;
    }
    let mut members = node.members().to_vec();
    let (_, meta) = members.iter_mut().find(|(name, _)| name == "meta")?;
    if let Node::Object(meta) = meta {
        meta.push(("lastUpdated".into(), Node::String("2000-01-01T00:00:00Z".into())));
    }
    Some(Node::Object(members))
}

impl Admitted {
    /// The categories that it is in.
    #[must_use]
    pub fn categories(&self) -> Categories {
        self.prepared.extracted.categories
    }

    /// What it is found by, with the values of the plan's own search parameters.
    #[must_use]
    pub fn found_by(&self, defined: &SearchParameters) -> Arc<Extracted> {
        let mut extracted = Arc::clone(&self.prepared.extracted);
        if self.own != defined.extraction()
            && (self.own != 0 || defined.own_of(self.kind).next().is_some())
            && let Ok(node) = json::parse(self.prepared.text())
        {
            fhir::extract_own(defined, &node, Arc::make_mut(&mut extracted));
        }
        extracted
    }

    /// Keeps [`Admitted::found_by`], so that the store's one writer need not read the resource for it.
    pub fn define(&mut self, defined: &SearchParameters) {
        self.prepared.extracted = self.found_by(defined);
        self.own = defined.extraction();
    }

    /// Puts the time of its version into the search values, so that the store's one writer need not copy them.
    pub fn stamp(&mut self, updated: Timestamp) {
        self.prepared.stamp(updated);
    }

    /// Keeps what the store made of it ahead of its turn to be written.
    pub fn keep_packed(&mut self, packed: Option<Packed>) {
        self.prepared.packed = packed;
    }
}

impl Deref for Admitted {
    type Target = Prepared;

    fn deref(&self) -> &Prepared {
        &self.prepared
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Category;

    const OPIOIDS: &str = r#"{"resourceType":"Condition","subject":{"reference":"Patient/p"},
        "code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"F11.20"}]}}"#;

    #[test]
    fn what_names_a_protected_code_is_in_its_category_and_says_so() {
        let mut node = json::parse(OPIOIDS.as_bytes()).unwrap();
        let admitted = admit(&mut node, "c", Policy::Off).unwrap().resource;
        assert!(admitted.categories().contains(Category::SubstanceUse));
        let text = String::from_utf8(admitted.text().to_vec()).unwrap();
        assert!(
            text.contains(r#""security":[{"id":"listed-ETH","system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"ETH"}]"#)
        );
        // What was admitted once is admitted as it is.
        assert_eq!(admit_text(&admitted.render(1, Timestamp::UNIX_EPOCH)).unwrap().hash, admitted.hash);
    }

    #[test]
    fn the_policy_decides_about_what_is_not_valid() {
        let node = || json::parse(br#"{"resourceType":"Condition","verificationStatus":7}"#).unwrap();
        assert!(admit(&mut node(), "c", Policy::Off).unwrap().issues.is_empty());
        assert!(!admit(&mut node(), "c", Policy::Warn).unwrap().issues.is_empty());
        let refused = admit(&mut node(), "c", Policy::Reject).unwrap_err();
        assert!(matches!(&refused, NotAdmitted::Invalid(issues) if !issues.is_empty()), "{refused}");
        assert!(matches!(admit_text(b"{}"), Err(NotAdmitted::Resource(fhir::Issue::NoType))));
    }
}
