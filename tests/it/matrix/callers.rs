//! Who calls: with what token, and what that lets them see, told apart from how the server decides it.

use std::time::Duration;

use biscuit_auth::UnverifiedBiscuit;
use biscuit_auth::builder::BlockBuilder;
use ingle::access::Category;
use ingle::apps::{Kind, Status};
use ingle::identity::representation::{Basis, Representation, establish};

use crate::server::{TestServer, tokens_in};

/// Whose records there are, by Patient.
pub const OWNERS: [&str; 5] = ["own", "foreign", "child", "ward", "absent"];

/// What a token lets its holder do with one type.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct May {
    pub read: bool,
    pub search: bool,
    /// Only observations of the laboratory.
    pub laboratory: bool,
}

const NOTHING: May = May { read: false, search: false, laboratory: false };
const BOTH: May = May { read: true, search: true, laboratory: false };

pub struct Caller {
    pub name: &'static str,
    pub token: Option<String>,
    /// The token is good.
    pub is_good: bool,
    /// A back-end client, which sees everybody.
    pub is_backend: bool,
    /// Patients whose records are covered.
    pub patients: Vec<&'static str>,
    /// By type; what is not listed cannot be touched.
    pub may: Vec<(&'static str, May)>,
    /// Sensitive records are withheld.
    pub withholds: bool,
}

impl Caller {
    fn new(name: &'static str, token: Option<String>, patients: &[&'static str]) -> Self {
        let may = ["Patient", "Condition", "Observation"].map(|kind| (kind, BOTH)).to_vec();
        let (is_good, is_backend, withholds) = (token.is_some(), false, false);
        Self { name, token, is_good, is_backend, patients: patients.to_vec(), may, withholds }
    }

    fn bad(self) -> Self {
        Self { is_good: false, ..self }
    }

    fn only(self, may: &[(&'static str, May)]) -> Self {
        Self { may: may.to_vec(), ..self }
    }

    pub fn may(&self, kind: &str) -> May {
        self.may.iter().find(|(known, _)| *known == kind).map_or(NOTHING, |(_, may)| *may)
    }

    /// Whether a record of that type and owner is there for the caller.
    pub fn sees(&self, kind: &str, owner: &str) -> bool {
        let is_sensitive = kind == "Condition";
        owner != "absent"
            && (self.is_backend || self.patients.contains(&owner))
            && !(is_sensitive && self.withholds)
            && (!self.may(kind).laboratory || kind == "Observation")
    }
}

/// The house of the matrix: five people, one of whom acts for two others, for one of them no more.
pub async fn house() -> TestServer {
    let mut builder = TestServer::builder();
    for (id, patient) in [("M1", "own"), ("M2", "foreign"), ("M3", "child"), ("M4", "ward")] {
        builder = builder.member(id, patient, &format!("{patient}@example.com"));
        builder = builder.resource(&format!(
            r#"{{"resourceType":"Condition","id":"c-{patient}","subject":{{"reference":"Patient/{patient}"}},
                "code":{{"coding":[{{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"B20"}}]}}}}"#
        ));
        builder = builder.resource(&format!(
            r#"{{"resourceType":"Observation","id":"o-{patient}","status":"final","code":{{"text":"x"}},
                "category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}}]}}],
                "subject":{{"reference":"Patient/{patient}"}}}}"#
        ));
    }
    let server = builder.start().await;
    for represented in ["M3", "M4"] {
        let new = Representation::new("M1", represented, Basis::RepresentativesFile);
        server.plan.store.transact(move |txn| establish(txn, new, 0)).await.unwrap();
    }
    server
}

/// A token that its app has narrowed, without asking anybody.
fn narrowed(token: &str, check: &str) -> String {
    let body = token.strip_prefix("ing_").unwrap();
    let padded = format!("{body}{}", "=".repeat((4 - body.len() % 4) % 4));
    let block = BlockBuilder::new().code(check).unwrap();
    let narrowed = UnverifiedBiscuit::from_base64(padded).unwrap().append(block).unwrap();
    format!("ing_{}", narrowed.to_base64().unwrap().trim_end_matches('='))
}

pub async fn all(server: &TestServer) -> Vec<Caller> {
    let own = ["own"];
    let expired = server.tokens("M1", "patient/*.rs").await.access_token;
    server.hand.advance(Duration::from_secs(4_000));
    let token = async |scopes: &str| Some(server.tokens("M1", scopes).await.access_token);
    let acting = async |whose: &str| {
        let (app, _) = server.app(Kind::Browser, "patient/*.rs").await;
        let shared = Category::ALL.to_vec();
        Some(tokens_in(&server.plan, &app, ("M1", whose), "patient/*.rs", shared).await.access_token)
    };
    let revoked = {
        let (app, _) = server.app(Kind::Browser, "patient/*.rs").await;
        let tokens = server.tokens_for(&app, "M1", "patient/*.rs").await;
        let form = [("token", tokens.access_token.as_str()), ("client_id", &app.client_id)];
        assert_eq!(server.post_form("/oauth/revoke", None, &form).await.status, 200);
        tokens.access_token
    };
    let suspended = {
        let (app, _) = server.app(Kind::Browser, "patient/*.rs").await;
        let token = server.tokens_for(&app, "M1", "patient/*.rs").await.access_token;
        server.plan.apps.set_status(&app.client_id, Status::Suspended).await.unwrap();
        token
    };
    let ended = acting("M4").await;
    let now = server.plan.clock.now().as_second();
    assert!(server.plan.identity.representations().end("M1", "M4", now).await.unwrap());
    let whole = token("patient/*.rs").await.unwrap();
    let laboratory = May { read: true, search: true, laboratory: true };
    let (read, search) = (May { search: false, ..BOTH }, May { read: false, ..BOTH });
    let mut callers = vec![
        Caller::new("anyone", None, &[]),
        Caller::new("forged token", Some("ing_x".into()), &own).bad(),
        Caller::new("token of the other realm", Some(whole.replace("ing_", "ings_")), &own).bad(),
        Caller::new("expired token", Some(expired), &own).bad(),
        Caller::new("revoked token", Some(revoked), &own).bad(),
        Caller::new("token of a suspended app", Some(suspended), &own).bad(),
        Caller::new("token of an ended representative", ended, &["ward"]).bad(),
        Caller::new("member, all", Some(whole.clone()), &own),
        Caller::new("member, version 1", token("patient/*.read").await, &own),
        Caller::new("member, reading", token("patient/*.r").await, &own).only(&[
            ("Patient", read),
            ("Condition", read),
            ("Observation", read),
        ]),
        Caller::new("member, searching", token("patient/*.s").await, &own).only(&[
            ("Patient", search),
            ("Condition", search),
            ("Observation", search),
        ]),
        Caller::new("member, one type", token("patient/Condition.rs").await, &own).only(&[("Condition", BOTH)]),
        Caller::new("member, granular", token("patient/Observation.rs?category=laboratory").await, &own)
            .only(&[("Observation", laboratory)]),
        Caller::new(
            "member, granular for another category",
            token("patient/Observation.rs?category=survey").await,
            &[],
        )
        .only(&[("Observation", laboratory)]),
        Caller::new("member, signing in only", token("openid fhirUser").await, &own).only(&[]),
        Caller::new("member, narrowed to a type", Some(narrowed(&whole, r#"check if resource_type("Patient")"#)), &own)
            .only(&[("Patient", BOTH)]),
        Caller::new("member, narrowed to reading", Some(narrowed(&whole, r#"check if operation("read")"#)), &own)
            .only(&[("Patient", read), ("Condition", read), ("Observation", read)]),
        Caller::new("member, narrowed to nobody", Some(narrowed(&whole, r#"check if patient("foreign")"#)), &[])
            .only(&[]),
        Caller::new("second member", Some(server.tokens("M2", "patient/*.rs").await.access_token), &["foreign"]),
        Caller::new("representative", acting("M3").await, &["child"]),
    ];
    callers.push(Caller {
        withholds: true,
        ..Caller::new("member, withheld", Some(server.tokens_withholding("M1", "patient/*.rs").await), &own)
    });
    for (name, scopes, may) in [
        ("back end, all", "system/*.rs", vec![("Patient", BOTH), ("Condition", BOTH), ("Observation", BOTH)]),
        ("back end, one type", "system/Patient.rs", vec![("Patient", BOTH)]),
        ("back end, granular", "system/Observation.rs?category=laboratory", vec![("Observation", laboratory)]),
    ] {
        let caller = Caller { is_backend: true, ..Caller::new(name, Some(server.system(scopes).await), &[]) };
        callers.push(caller.only(&may));
    }
    callers
}
