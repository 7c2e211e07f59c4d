//! From a change to a step that needs no further decision, and steps into the store.

use bytes::Bytes;

use super::{Change, Condition, Error, Form, Target, Writing};
use crate::access::{Admission, Admitted, NotAdmitted, Operation, Permit, View, admit};
use crate::fhir::json::{self, Node};
use crate::fhir::links::{self, Place};
use crate::fhir::reference::{self, Reference};
use crate::fhir::validate::{self, Issue, Severity};
use crate::fhir::{self, Extracted, Kind, patch, search_parameter};
use crate::search::{self, Query};
use crate::store::{self, Found, Outcome, Stored, Txn};

/// The result of a change.
#[derive(Clone, Debug)]
pub struct Done {
    /// Type.
    pub kind: Kind,
    /// Logical id.
    pub id: String,
    /// The outcome; absent if there was nothing to delete.
    pub outcome: Option<Outcome>,
    /// True for a deletion.
    pub deleted: bool,
    /// The version now current; zero if there is none.
    pub version: u32,
    /// When it became so, in microseconds since 1970.
    pub updated: i64,
    /// The resource as it is now; empty after a deletion.
    pub body: Bytes,
    /// Validation issues, where the policy only reports them.
    pub issues: Vec<Issue>,
}

/// A decided change.
pub(super) enum Step {
    Put { admitted: Box<Admitted>, expected: Option<u32>, issues: Vec<Issue> },
    Delete { kind: Kind, id: String, expected: Option<u32> },
    Keep(Done),
}

impl Step {
    /// The resource it is about.
    pub(super) fn identity(&self) -> (Kind, &str) {
        match self {
            Self::Put { admitted, .. } => (admitted.kind, &admitted.id),
            Self::Delete { kind, id, .. } => (*kind, id),
            Self::Keep(done) => (done.kind, &done.id),
        }
    }
}

/// An active search parameter that this server could not search by is refused.
fn define(kind: Kind, node: &Node<'_>) -> Result<(), Error> {
    if kind != Kind::named("SearchParameter") {
        return Ok(());
    }
    let refused = |refused: search_parameter::Refused| {
        let (path, text) = (refused.path.to_owned(), refused.text);
        Error::Invalid(vec![Issue { severity: Severity::Error, code: "not-supported", path, text }])
    };
    search_parameter::read(node).map(drop).map_err(refused)
}

impl From<NotAdmitted> for Error {
    fn from(refused: NotAdmitted) -> Self {
        match refused {
            NotAdmitted::Resource(issue) => Self::Body(issue),
            NotAdmitted::Invalid(issues) => Self::Invalid(issues),
        }
    }
}

/// Which step failed, and how.
struct Failed(usize, store::Error);

impl From<store::Error> for Failed {
    fn from(error: store::Error) -> Self {
        Self(0, error)
    }
}

impl From<Stored> for Done {
    fn from(stored: Stored) -> Self {
        let (kind, id, body) = (stored.kind, stored.id.clone(), stored.body.clone());
        let (version, updated, deleted) = (stored.version, stored.updated, stored.deleted);
        Self { kind, id, outcome: Some(Outcome::Unchanged), deleted, version, updated, body, issues: Vec::new() }
    }
}

/// The caller's View, and the type of the change.
#[derive(Clone, Copy)]
pub(super) struct Aim<'v> {
    pub(super) view: &'v View,
    pub(super) kind: Kind,
}

impl Writing<'_> {
    /// Decides the effect of a change. The caller holds the turn.
    pub(super) fn plan(&self, aim: Aim<'_>, change: Change) -> Result<Step, Error> {
        match change {
            Change::Create { body, unless } => {
                let node = json::parse(&body).map_err(fhir::Issue::from)?;
                self.create(aim, node, unless.as_ref(), None)
            }
            Change::Update { target, body, expected, absent } => {
                let node = json::parse(&body).map_err(fhir::Issue::from)?;
                self.update(aim, node, &target, expected, absent, None)
            }
            Change::Patch { target, body, form, expected } => self.patch(aim, &target, &body, form, expected),
            Change::Delete { target, expected } => self.delete(aim, &target, expected),
        }
    }

    /// Plans a new resource. `id` is the one a transaction has already given it.
    pub(super) fn create(
        &self,
        aim: Aim<'_>,
        node: Node<'_>,
        unless: Option<&Condition>,
        id: Option<String>,
    ) -> Result<Step, Error> {
        if let Some(found) = unless.map(|unless| self.matching(aim, unless)).transpose()?.flatten() {
            return Ok(Step::Keep(found.into()));
        }
        let id = id.unwrap_or_else(|| self.chance.id());
        self.put(aim, node, &id, Operation::Create, None)
    }

    /// Plans an update. `fresh` is the id for a resource that does not exist yet.
    #[expect(clippy::too_many_arguments, reason = "each is one part of the request line and its headers")]
    pub(super) fn update(
        &self,
        aim: Aim<'_>,
        node: Node<'_>,
        target: &Target,
        expected: Option<u32>,
        absent: bool,
        fresh: Option<String>,
    ) -> Result<Step, Error> {
        let Aim { view, kind } = aim;
        if fhir::kind_of(&node)? != kind {
            return Err(Error::WrongType);
        }
        let in_body = node.text_of("id").map(str::to_owned);
        let id = match target {
            Target::Id(id) if in_body.as_ref() == Some(id) => id.clone(),
            Target::Id(_) => return Err(Error::WrongId),
            Target::Matching(condition) => match (self.matching(aim, condition)?, in_body) {
                (Some(found), Some(in_body)) if found.id != in_body => return Err(Error::WrongId),
                (Some(found), _) => found.id.clone(),
                (None, Some(in_body)) => in_body,
                (None, None) => fresh.unwrap_or_else(|| self.chance.id()),
            },
        };
        if absent && matches!(self.store.snapshot()?.read(view, kind, &id)?, Found::Here(_)) {
            return Err(Error::Exists);
        }
        self.put(aim, node, &id, Operation::Update, expected)
    }

    fn put(
        &self,
        aim: Aim<'_>,
        mut node: Node<'_>,
        id: &str,
        operation: Operation,
        expected: Option<u32>,
    ) -> Result<Step, Error> {
        let Aim { view, kind } = aim;
        if fhir::kind_of(&node)? != kind {
            return Err(Error::WrongType);
        }
        links::rewrite(&mut node, &|place, text| self.relative(place, text));
        let Admission { resource: mut admitted, issues } = admit(&mut node, id, self.validation)?;
        // Whatever the plan says about what is valid, what has not the shape of FHIR is no resource.
        let shapeless = validate::shape(&node);
        if !shapeless.is_empty() {
            return Err(Error::Invalid(shapeless));
        }
        define(kind, &node)?;
        admitted.define(&self.store.definitions().now());
        let mut expected = expected;
        if let Permit::Only(only) = view.permit(kind, operation).ok_or(Error::Scope { kind, operation })? {
            let fits =
                |extracted: &Extracted| only.iter().any(|all| all.iter().all(|clause| clause.matches(extracted)));
            if !fits(&admitted.extracted) {
                return Err(Error::Scope { kind, operation });
            }
            // The replaced version must satisfy the View's conditions too, and still do so at the commit.
            let before = if operation == Operation::Update { self.current(aim, id)? } else { None };
            match before {
                Some(before) => expected = expected.or(Some(before.version)),
                // A resource that the View hides exists all the same, and must not be replaced as if it did not.
                None if self.is_there(kind, id)? => return Err(Error::Scope { kind, operation }),
                None => {}
            }
        }
        Ok(Step::Put { admitted: Box::new(admitted), expected, issues })
    }

    /// An address of this server as a relative reference: it stays valid when the plan's address changes.
    fn relative(&self, place: Place, text: &str) -> Option<String> {
        if place != Place::Reference {
            return None;
        }
        match reference::parse(text) {
            Reference::Resource { base, .. } if base == self.base => text.get(base.len() + 1..).map(str::to_owned),
            _ => None,
        }
    }

    fn patch(
        &self,
        aim: Aim<'_>,
        target: &Target,
        body: &[u8],
        form: Form,
        expected: Option<u32>,
    ) -> Result<Step, Error> {
        let found = match target {
            Target::Id(id) => self.current(aim, id)?.ok_or(Error::NotFound)?,
            Target::Matching(condition) => self.matching(aim, condition)?.ok_or(Error::NotFound)?,
        };
        if expected.is_some_and(|expected| expected != found.version) {
            return Err(Error::Version);
        }
        let wrong = |error: json::JsonError| patch::Error::Malformed(error.to_string());
        let asked = json::parse(body).map_err(wrong)?;
        let mut node = json::parse(&found.body).map_err(fhir::Issue::from)?;
        match form {
            Form::Json => patch::json_patch(&mut node, &asked)?,
            Form::FhirPath => patch::fhirpath_patch(&mut node, &asked)?,
            Form::MetaAdd => patch::add_meta(&mut node, &asked)?,
            Form::MetaDelete => patch::delete_meta(&mut node, &asked)?,
        }
        if node.text_of("id") != Some(&found.id) {
            return Err(Error::WrongId);
        }
        self.put(aim, node, &found.id, Operation::Update, Some(found.version))
    }

    pub(super) fn delete(&self, aim: Aim<'_>, target: &Target, expected: Option<u32>) -> Result<Step, Error> {
        let Aim { view, kind } = aim;
        let id = match target {
            Target::Id(id) => {
                let operation = Operation::Delete;
                let permit = view.permit(kind, operation).ok_or(Error::Scope { kind, operation })?;
                if permit != Permit::All && self.current(aim, id)?.is_none() {
                    return Ok(Step::Keep(nothing(kind, id)));
                }
                id.clone()
            }
            Target::Matching(condition) => match self.matching(aim, condition)? {
                Some(found) => found.id.clone(),
                None => return Ok(Step::Keep(nothing(kind, ""))),
            },
        };
        Ok(Step::Delete { kind, id, expected })
    }

    /// The current version of a resource that the View reaches.
    fn current(&self, aim: Aim<'_>, id: &str) -> Result<Option<Stored>, Error> {
        match self.store.snapshot()?.read(aim.view, aim.kind, id)? {
            Found::Here(stored) => Ok(Some(stored)),
            Found::Gone => Err(Error::Gone),
            Found::Nothing => Ok(None),
        }
    }

    fn is_there(&self, kind: Kind, id: &str) -> Result<bool, Error> {
        let all = View::operator(self.now);
        Ok(matches!(self.store.snapshot()?.read(&all, kind, id)?, Found::Here(_)))
    }

    /// The one resource that matches a condition, if there is one.
    pub(super) fn matching(&self, aim: Aim<'_>, condition: &Condition) -> Result<Option<Stored>, Error> {
        let Aim { view, kind } = aim;
        let operation = Operation::Search;
        if view.permit(kind, operation).is_none() {
            return Err(Error::Scope { kind, operation });
        }
        if !condition.iter().any(|(name, _)| is_selective(name)) {
            return Err(Error::NoCondition);
        }
        let mut query = Query::read(self.store.definitions().now(), kind, condition, false, self.now, self.base)?;
        if query.contained.is_some() {
            // A contained resource cannot be changed by itself.
            return Err(search::Error::Unsupported { name: "_contained".into() }.into());
        }
        // Two are enough to know that there are several.
        query.count = 2;
        let mut page = self.searched.page(view, &query)?;
        match page.matches.len() {
            0 | 1 => Ok(page.matches.pop()),
            _ => Err(Error::Several),
        }
    }

    /// Commits all steps or none; a failure names the step.
    pub(super) async fn commit(&self, steps: Vec<Step>) -> Result<Vec<Done>, (usize, Error)> {
        let now = self.now;
        let work = move |txn: &mut Txn<'_>| {
            let mut done = Vec::with_capacity(steps.len());
            for (at, step) in steps.into_iter().enumerate() {
                done.push(take(txn, step, now).map_err(|error| Failed(at, error))?);
            }
            Ok::<_, Failed>(done)
        };
        self.store.transact(work).await.map_err(|Failed(at, error)| (at, error.into()))
    }
}

fn take(txn: &mut Txn<'_>, step: Step, now: jiff::Timestamp) -> Result<Done, store::Error> {
    match step {
        Step::Keep(done) => Ok(done),
        Step::Put { admitted, expected, issues } => {
            let written = txn.put_resource(&admitted, now, expected)?;
            Ok(Done {
                kind: admitted.kind,
                body: admitted.render(written.version, written.updated).into(),
                id: admitted.id.clone(),
                outcome: Some(written.outcome),
                deleted: false,
                version: written.version,
                updated: written.updated.as_microsecond(),
                issues,
            })
        }
        Step::Delete { kind, id, expected } => {
            let version = txn.delete_resource(kind, &id, now, expected)?;
            let outcome = version.map(|_| Outcome::Updated);
            let (version, updated) = (version.unwrap_or(0), now.as_microsecond());
            Ok(Done { kind, id, outcome, deleted: true, version, updated, body: Bytes::new(), issues: Vec::new() })
        }
    }
}

fn nothing(kind: Kind, id: &str) -> Done {
    Done {
        kind,
        id: id.to_owned(),
        outcome: None,
        deleted: true,
        version: 0,
        updated: 0,
        body: Bytes::new(),
        issues: Vec::new(),
    }
}

/// True if the View lets only some resources of the type through, so that each must be looked at.
pub(super) fn is_restricted(aim: Aim<'_>, operation: Operation) -> Result<bool, Error> {
    let Aim { view, kind } = aim;
    Ok(view.permit(kind, operation).ok_or(Error::Scope { kind, operation })? != Permit::All)
}

/// True for a parameter that selects by content rather than shaping the answer.
fn is_selective(name: &str) -> bool {
    !name.starts_with('_')
        || ["_id", "_lastUpdated", "_tag", "_profile", "_security", "_source", "_has"]
            .iter()
            .any(|known| name.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with(':')))
}
