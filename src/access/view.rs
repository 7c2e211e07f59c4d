//! The decision, and what the store and the index then ask of it.

use std::sync::Arc;

use jiff::Timestamp;

use super::effort::{Effort, Exhausted};
use super::id::PatientId;
use super::principal::{AppAccess, Principal};
use super::scope::Level;
use crate::fhir::filter::Clause;
use crate::fhir::labels::Categories;
use crate::fhir::{Audience, Kind};

/// One of the FHIR bases of a realm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Base {
    /// `/fhir`: members' data, for apps with a token.
    Fhir,
    /// `/directory`: the provider directory, for anyone.
    Directory,
    /// `/formulary`: the drug formulary, for anyone.
    Formulary,
}

/// What a request wants to do with a type: the letters of SMART scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Create.
    Create,
    /// Read, vread, history of an instance.
    Read,
    /// Update and patch.
    Update,
    /// Delete.
    Delete,
    /// Search and type history.
    Search,
}

/// Why a request is refused before anything is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Nobody has signed in and this base needs it.
    #[error("this needs an access token")]
    SignIn,
    /// The token's scopes do not cover it.
    #[error("the access token's scopes do not cover this")]
    Scope,
    /// The base does not serve it to anybody.
    #[error("this base does not serve that")]
    NotServed,
}

/// Whose resources a View reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach<'v> {
    /// Resources of these patients; types that belong to nobody are open to whoever has the scope.
    Patients(&'v [PatientId]),
    /// Resources published in that base.
    Public(Base),
    /// Everything: loads, exports and checks by the operator.
    Everything,
}

/// What a View lets through of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Every resource within reach.
    All,
    /// Resources that satisfy all clauses of at least one of these.
    Only(Vec<Vec<Clause>>),
}

/// What access asks of a resource, besides whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its type.
    pub kind: Kind,
    /// Where it is published.
    pub audience: Audience,
    /// In which categories it is.
    pub categories: Categories,
}

/// What a caller may see. There is no way to make an unlimited one from a request.
#[derive(Clone, Debug)]
pub struct View {
    source: Source,
    now: Timestamp,
    /// Only this patient's compartment, where a request says so; nobody's if it is empty.
    compartment: Option<Vec<PatientId>>,
    /// What reading under it may cost; without limit if absent.
    effort: Option<Effort>,
}

#[derive(Clone, Debug)]
enum Source {
    App(Arc<AppAccess>, Vec<PatientId>),
    /// A back-end client of the plan: all patients, as far as its `system/` scopes go.
    System(Arc<AppAccess>),
    Public(Base),
    Operator,
}

/// Types outside every compartment that an app may read when its scopes name them: who treated, where, under which
/// plan. Anything not listed is closed to members' apps.
const SHARED: [Kind; 13] = [
    Kind::named("Organization"),
    Kind::named("Practitioner"),
    Kind::named("PractitionerRole"),
    Kind::named("Location"),
    Kind::named("Medication"),
    Kind::named("HealthcareService"),
    Kind::named("InsurancePlan"),
    Kind::named("Endpoint"),
    Kind::named("OrganizationAffiliation"),
    Kind::named("MedicationKnowledge"),
    Kind::named("Questionnaire"),
    Kind::named("Substance"),
    Kind::named("PlanDefinition"),
];

/// Types of the provider directory (Plan-Net 1.1 `CapabilityStatement`).
pub(super) const DIRECTORY: [Kind; 8] = [
    Kind::named("Endpoint"),
    Kind::named("HealthcareService"),
    Kind::named("InsurancePlan"),
    Kind::named("Location"),
    Kind::named("Organization"),
    Kind::named("OrganizationAffiliation"),
    Kind::named("Practitioner"),
    Kind::named("PractitionerRole"),
];

/// Types of the drug formulary (Drug Formulary 2.0 `CapabilityStatement`).
pub(super) const FORMULARY: [Kind; 4] =
    [Kind::named("Basic"), Kind::named("InsurancePlan"), Kind::named("Location"), Kind::named("MedicationKnowledge")];

impl Base {
    /// The path of the base within its realm.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Fhir => "fhir",
            Self::Directory => "directory",
            Self::Formulary => "formulary",
        }
    }

    /// True if the base has resources of that type.
    #[must_use]
    pub fn serves(self, kind: Kind) -> bool {
        match self {
            Self::Fhir => kind.is_personal() || SHARED.contains(&kind),
            Self::Directory => DIRECTORY.contains(&kind),
            Self::Formulary => FORMULARY.contains(&kind),
        }
    }
}

impl Operation {
    pub(super) const fn letter(self) -> u8 {
        1 << match self {
            Self::Create => 0,
            Self::Read => 1,
            Self::Update => 2,
            Self::Delete => 3,
            Self::Search => 4,
        }
    }

    /// True for what changes a resource.
    #[must_use]
    pub const fn is_write(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Delete)
    }

    /// The word used in token attenuation: `read` or `search`, `write` for the rest.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Search => "search",
            Self::Create | Self::Update | Self::Delete => "write",
        }
    }
}

/// Decides what a principal sees of a type in a base. Nothing is looked up: the answer depends on the token alone.
///
/// # Errors
/// [`Denied`], before anything is known about the data.
pub fn decide(
    principal: &Principal,
    base: Base,
    kind: Kind,
    operation: Operation,
    now: Timestamp,
) -> Result<View, Denied> {
    if base != Base::Fhir {
        if operation.is_write() || !base.serves(kind) {
            return Err(Denied::NotServed);
        }
        return Ok(View { source: Source::Public(base), now, compartment: None, effort: None });
    }
    let Principal::App(access) = principal else { return Err(Denied::SignIn) };
    if access.member.is_none() {
        let view = View { source: Source::System(Arc::clone(access)), now, compartment: None, effort: None };
        return if view.permit(kind, operation).is_some() { Ok(view) } else { Err(Denied::Scope) };
    }
    if !base.serves(kind) {
        return Err(Denied::NotServed);
    }
    if operation.is_write() {
        return Err(Denied::Scope);
    }
    let reached = |patient: &&PatientId| {
        access.narrowing.as_ref().is_none_or(|narrowing| narrowing.allows(now, kind.name(), operation, Some(patient)))
    };
    let patients: Vec<PatientId> = access.patients.iter().filter(reached).cloned().collect();
    let view = View { source: Source::App(Arc::clone(access), patients), now, compartment: None, effort: None };
    match view.permit(kind, operation) {
        Some(_) => Ok(view),
        None => Err(Denied::Scope),
    }
}

impl View {
    /// The operator's own View, for commands and background work that no caller steers. Web handlers cannot make it:
    /// the tidy test keeps this call out of `web/`.
    #[must_use]
    pub const fn operator(now: Timestamp) -> Self {
        Self { source: Source::Operator, now, compartment: None, effort: None }
    }

    /// The same View, whose reading costs an effort.
    #[must_use]
    pub fn costing(self, effort: &Effort) -> Self {
        Self { effort: Some(effort.clone()), ..self }
    }

    /// Takes units of work off what reading under this View may cost.
    ///
    /// # Errors
    /// [`Exhausted`] if there are none left, or nobody waits for the answer any more.
    pub fn spend(&self, units: u32) -> Result<(), Exhausted> {
        self.effort.as_ref().map_or(Ok(()), |effort| effort.spend(units))
    }

    /// What reading under this View may cost; without limit if absent.
    #[must_use]
    pub const fn effort(&self) -> Option<&Effort> {
        self.effort.as_ref()
    }

    /// The part of the View that is about one patient: nothing, if she is not within it.
    #[must_use]
    pub fn of_patient(self, patient: &str) -> Self {
        let within = match self.reach() {
            Reach::Patients(patients) => patients.iter().any(|own| own == patient),
            Reach::Public(_) => false,
            Reach::Everything => true,
        };
        let compartment = if within { vec![patient.into()] } else { Vec::new() };
        Self { compartment: Some(compartment), ..self }
    }

    /// Whose resources are within reach.
    #[must_use]
    pub fn reach(&self) -> Reach<'_> {
        if let Some(patients) = &self.compartment {
            return Reach::Patients(patients);
        }
        match &self.source {
            Source::App(_, patients) => Reach::Patients(patients),
            Source::Public(base) => Reach::Public(*base),
            Source::Operator | Source::System(_) => Reach::Everything,
        }
    }

    /// What may pass of a type; nothing at all if absent.
    #[must_use]
    pub fn permit(&self, kind: Kind, operation: Operation) -> Option<Permit> {
        let (access, is_system) = match &self.source {
            Source::Operator => return Some(Permit::All),
            Source::Public(base) => return base.serves(kind).then_some(Permit::All),
            Source::App(access, patients) => {
                if !Base::Fhir.serves(kind) || (kind.is_personal() && patients.is_empty()) {
                    return None;
                }
                (access, false)
            }
            Source::System(access) => (access, true),
        };
        if self.now >= access.expires || !self.narrowing_allows(kind, operation) {
            return None;
        }
        let mut only = Vec::new();
        // A system scope covers what the plan's policy lets a back-end client see, never a member's grant; and the other
        // scopes mean nothing without a member.
        let speaks = |level| (level == Level::System) == is_system;
        let covering = access.scopes.scopes().iter().filter(|s| speaks(s.level) && s.covers(kind, operation));
        for scope in covering {
            if scope.only.is_empty() {
                return Some(Permit::All);
            }
            only.push(scope.only.clone());
        }
        (!only.is_empty()).then_some(Permit::Only(only))
    }

    /// Whether the View shows a resource with these facts: whose it is, where it is published, what is withheld. What of the
    /// type may pass at all says [`View::permit`]. `is_mine` says whether the resource is in the compartment of one of the
    /// View's patients; it is asked only where that decides.
    #[must_use]
    pub fn shows(&self, facts: &Facts, is_mine: impl FnOnce() -> bool) -> bool {
        let within = match self.reach() {
            Reach::Everything => true,
            Reach::Public(Base::Directory) => facts.audience.directory,
            Reach::Public(Base::Formulary) => facts.audience.formulary,
            Reach::Public(Base::Fhir) => false,
            Reach::Patients(_) => !facts.kind.is_personal() || is_mine(),
        };
        within && !self.withheld().overlaps(facts.categories)
    }

    /// Categories that must not pass.
    #[must_use]
    pub fn withheld(&self) -> Categories {
        match &self.source {
            Source::App(access, _) => access.withheld,
            // What is labelled sensitive has no business in a public base.
            Source::Public(_) => Categories::from_bits(u16::MAX),
            // The plan's own systems hold the records anyway.
            Source::Operator | Source::System(_) => Categories::NONE,
        }
    }

    fn narrowing_allows(&self, kind: Kind, operation: Operation) -> bool {
        let (access, patients) = match &self.source {
            Source::App(access, patients) => (access, patients.as_slice()),
            Source::System(access) => (access, [].as_slice()),
            Source::Public(_) | Source::Operator => return true,
        };
        let Some(narrowing) = &access.narrowing else { return true };
        if kind.is_personal() && !patients.is_empty() {
            // The patients were narrowed for the type first asked; another type may be narrower still.
            return patients.iter().all(|patient| narrowing.allows(self.now, kind.name(), operation, Some(patient)));
        }
        narrowing.allows(self.now, kind.name(), operation, None)
    }
}

#[cfg(test)]
mod tests;
