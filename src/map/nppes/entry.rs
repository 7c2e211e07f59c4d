//! One provider of the registry, as resources.

use serde_json::Value;

use crate::formats::issue::{Place, Rule};
use crate::map::plan_net::{Location, Organization, Practitioner, Role, Source, organization_id, practitioner_id};
use crate::map::record::{About, Record, Whom, Whose};

pub(super) struct Entry {
    pub(super) place: Place,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    /// The place is absent if the block has said it before.
    Person(Box<(Practitioner, Role, Option<Location>)>),
    Organization(Box<(Organization, Option<Location>)>),
    /// Deactivated. The registry then often keeps the number only, and does not say what it was.
    Gone {
        npi: String,
        person: bool,
        organization: bool,
    },
}

impl Record for Entry {
    fn place(&self) -> &Place {
        &self.place
    }

    fn whom(&self) -> Option<Whom> {
        None
    }

    fn resources(&self, _: &Whose, about: About<'_>) -> Result<Vec<Value>, (Rule, String)> {
        let source = Source::Nppes;
        Ok(match &self.kind {
            Kind::Person(parts) => {
                let (person, role, location) = &**parts;
                let mut out = vec![person.resource(source, about)];
                out.extend(location.as_ref().map(|location| location.resource(source, about, "")));
                out.push(role.resource(source, about));
                out
            }
            Kind::Organization(parts) => {
                let (organization, location) = &**parts;
                let mut out = vec![organization.resource(source, about)];
                out.extend(location.as_ref().map(|location| location.resource(source, about, &organization.name)));
                out
            }
            Kind::Gone { npi, person, organization } => {
                let mut out = Vec::with_capacity(2);
                if *person {
                    let (id, npi) = (practitioner_id(npi, ""), npi.clone());
                    let gone = Practitioner { id, npi, is_inactive: true, ..Practitioner::default() };
                    out.push(gone.resource(source, about));
                }
                if *organization {
                    let (id, npi) = (organization_id(npi, ""), npi.clone());
                    let gone = Organization { id, npi, is_inactive: true, ..Organization::default() };
                    out.push(gone.resource(source, about));
                }
                out
            }
        })
    }
}
