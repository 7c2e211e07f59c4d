//! One provider of the registry, as resources.

use crate::fhir::json::Node;
use crate::formats::issue::{RecordPlace, Rule};
use crate::map::plan_net::{
    DirectorySource, Location, Organization, Practitioner, Role, organization_id, practitioner_id,
};
use crate::map::record::{KnownMember, NamedMember, PlanContext, Record};

pub(super) struct RegistryProvider {
    pub(super) place: RecordPlace,
    pub(super) kind: ProviderKind,
}

pub(super) enum ProviderKind {
    /// The location is absent if the block has named it before.
    Person(Box<(Practitioner, Role, Option<Location>)>),
    Organization(Box<(Organization, Option<Location>)>),
    /// Deactivated. The registry then often keeps only the number, without the entity type.
    Gone {
        npi: String,
        person: bool,
        organization: bool,
    },
}

impl Record for RegistryProvider {
    fn place(&self) -> &RecordPlace {
        &self.place
    }

    fn named_member(&self) -> Option<NamedMember> {
        None
    }

    fn resources(&self, _: &KnownMember, about: PlanContext<'_>) -> Result<Vec<Node<'static>>, (Rule, String)> {
        let source = DirectorySource::Nppes;
        Ok(match &self.kind {
            ProviderKind::Person(parts) => {
                let (person, role, location) = &**parts;
                let mut out = vec![person.resource(source, about)];
                out.extend(location.as_ref().map(|location| location.resource(source, about, "")));
                out.push(role.resource(source, about));
                out
            }
            ProviderKind::Organization(parts) => {
                let (organization, location) = &**parts;
                let mut out = vec![organization.resource(source, about)];
                out.extend(location.as_ref().map(|location| location.resource(source, about, &organization.name)));
                out
            }
            ProviderKind::Gone { npi, person, organization } => {
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
