//! The one gate out. What a FHIR base says about records is written from a [`Disclosed`], which can be made only by entering
//! it in the audit; a handler of a FHIR base returns an [`Outgoing`], which is made from that, or from an answer without
//! records. So a handler that forgets the audit does not compile.
//!
//! Deliberately absent: the writing itself (`fhir/respond`), and when the entry is on the file (the door waits for it).

use std::ops::Deref;

use poem::Response;

use super::ask::Ask;
use super::problem::Problem;
use crate::access::{Base, PatientId, Principal};
use crate::audit::{self, Entry, Who};
use crate::fhir::Kind;
use crate::search::{Page, Query};
use crate::store::Stored;

/// Something about records that is in the audit and may leave.
pub(super) struct Disclosed<T>(T);

/// An answer of a FHIR base: nothing in it is missing in the audit.
pub(in crate::web) struct Outgoing(Response);

/// What names the resources that it is about, for the audit.
pub(super) trait Records {
    /// Calls `take` with the number and the type of each resource.
    fn each(&self, take: &mut dyn FnMut(u64, Kind));

    /// How many resources an answer tells of that it does not hold, such as the total of a search.
    fn told(&self) -> Option<u64> {
        None
    }
}

/// What an answer is about, besides the records that it holds: an answer without any says something too.
#[derive(Clone, Copy, Default)]
pub(super) struct Sought<'q> {
    kind: Option<Kind>,
    named: Named<'q>,
}

/// Patients that a request names. They are only looked for where the token does not say whose records it reads.
#[derive(Clone, Copy, Default)]
enum Named<'q> {
    #[default]
    Nobody,
    One(&'q str),
    By(&'q Query),
}

impl Named<'_> {
    fn patients(self) -> Vec<PatientId> {
        match self {
            Self::Nobody => Vec::new(),
            Self::One(patient) => vec![patient.into()],
            Self::By(query) => query.patients(),
        }
    }
}

impl<'q> Sought<'q> {
    /// One type.
    pub(super) const fn of(kind: Kind) -> Self {
        Self { kind: Some(kind), named: Named::Nobody }
    }

    /// One type of one patient.
    pub(super) const fn of_patient(kind: Kind, patient: &'q str) -> Self {
        Self { kind: Some(kind), named: Named::One(patient) }
    }

    /// What a search asks for.
    pub(super) const fn by(query: &'q Query) -> Self {
        Self { kind: Some(query.kind), named: Named::By(query) }
    }
}

impl<T> Deref for Disclosed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Disclosed<T> {
    /// The answer that tells it.
    pub(super) fn answer(self, write: impl FnOnce(T) -> Response) -> Outgoing {
        Outgoing(write(self.0))
    }
}

impl Outgoing {
    /// An answer that holds nothing from the store. The tidy test lists the few files that may say so.
    pub(super) const fn without_records(response: Response) -> Self {
        Self(response)
    }

    /// The answer, for the door.
    pub(in crate::web) fn into_response(self) -> Response {
        self.0
    }
}

impl Records for Stored {
    fn each(&self, take: &mut dyn FnMut(u64, Kind)) {
        take(self.rid, self.kind);
    }
}

impl Records for Vec<Stored> {
    fn each(&self, take: &mut dyn FnMut(u64, Kind)) {
        for stored in self {
            take(stored.rid, stored.kind);
        }
    }
}

impl Records for Page {
    fn each(&self, take: &mut dyn FnMut(u64, Kind)) {
        for stored in self.matches.iter().chain(&self.included) {
            take(stored.rid, stored.kind);
        }
    }

    fn told(&self) -> Option<u64> {
        self.total.filter(|_| self.matches.is_empty())
    }
}

impl Ask {
    /// Refuses a change that could not be entered in the audit once it is made.
    pub(super) fn can_disclose(&self) -> Result<(), Problem> {
        if self.realm.audit.is_well() { Ok(()) } else { Err(Problem::Audit(audit::Error::Stopped)) }
    }

    /// Enters in the audit what goes out, and gives it back as what may. On an error nothing may leave, nor before the
    /// entry is in the file, which the door sees to. The public bases keep no record of who asked what (Plan-Net 1.1,
    /// privacy).
    pub(super) fn disclose<T: Records>(
        &self,
        interaction: &str,
        sought: &Sought<'_>,
        records: T,
        status: u16,
    ) -> Result<Disclosed<T>, Problem> {
        let Principal::App(access) = &self.principal else { return Ok(Disclosed(records)) };
        if self.base != Base::Fhir {
            return Ok(Disclosed(records));
        }
        let mut types: Vec<(&str, u32)> = Vec::new();
        let mut personal = Vec::new();
        records.each(&mut |rid, kind| {
            if kind.is_personal() {
                personal.push(rid);
            }
            let name = kind.name();
            match types.iter_mut().find(|(known, _)| *known == name) {
                Some((_, count)) => *count += 1,
                None => types.push((name, 1)),
            }
        });
        // That there is nothing, or how much there is, is said of somebody too.
        if let Some(kind) = sought.kind
            && types.iter().all(|(known, _)| *known != kind.name())
        {
            types.push((kind.name(), records.told().unwrap_or(0).try_into().unwrap_or(u32::MAX)));
        }
        let is_personal = !personal.is_empty() || sought.kind.is_some_and(Kind::is_personal);
        // A member's token says whose records it reads; for a back-end client the records and the request say it.
        let mut named;
        let patients = match &access.member {
            _ if !is_personal => &[],
            Some(_) => access.patients.as_slice(),
            None => {
                named = sought.named.patients();
                named.extend(self.realm.store.snapshot()?.patients_of(&personal)?);
                named.sort_unstable();
                named.dedup();
                named.as_slice()
            }
        };
        let entry = Entry {
            request: &self.id,
            who: Who::from(&self.principal),
            grant: access.grant.as_deref(),
            patients,
            interaction,
            about: None,
            types: &types,
            status,
        };
        self.entered.set(self.realm.audit.enter(&entry)?);
        Ok(Disclosed(records))
    }
}
