//! The pages, as a browser without scripts sees them.

mod browser;
mod flow;
mod manners;

use std::sync::Arc;

use ingle::apps::{Kind, NewApp};
use ingle::config::Config;
use ingle::identity::roster::{Enrolment, enrol};
use ingle::outbound::{Chance, Clock, ClockHand, Mail, Outbox, Sms};
use ingle::realm::{Outside, Realm, RealmKind};
use poem::Endpoint;
use poem::test::{TestClient, TestResponse};

pub use browser::{Browser, Page, between};

pub const BASE: &str = "https://plan.example";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// Both realms with the same few members.
pub struct House<E> {
    pub client: TestClient<E>,
    pub plan: Arc<Realm>,
    pub sandbox: Arc<Realm>,
    pub mail: Outbox,
    pub clock: Clock,
    pub hand: ClockHand,
    _dir: tempfile::TempDir,
}

pub async fn house() -> House<impl Endpoint> {
    let dir = tempfile::tempdir().unwrap();
    let flags = [
        ("plan.name", "Alder County Health Plan".to_owned()),
        ("plan.url", BASE.to_owned()),
        ("plan.support_phone", "1-800-555-0100".to_owned()),
        ("mail.transport", "file:outbox/mail".to_owned()),
        ("mail.from", "Plan <no-reply@plan.example>".to_owned()),
        ("storage.path", dir.path().display().to_string()),
    ];
    let config = Arc::new(Config::load(None, &[], &flags).unwrap());
    let (clock, hand) = Clock::manual("2026-03-02T09:00:00Z".parse().unwrap());
    let ((mail, letters), (sms, _)) = (Mail::memory(), Sms::memory());
    let outside = Outside { clock: clock.clone(), chance: Chance::system(), mail, sms };
    let open = |kind| Arc::new(Realm::open(kind, &config, dir.path(), &outside).unwrap());
    let (plan, sandbox) = (open(RealmKind::Plan), open(RealmKind::Sandbox));
    for realm in [&plan, &sandbox] {
        for (id, patient, given, email, represents) in [
            ("ALD1001", "rosa-delgado", "Rosa", "rosa.delgado@example.com", vec!["ALD1003".to_owned()]),
            ("ALD1003", "mateo-delgado", "Mateo", "", vec![]),
        ] {
            let row = Enrolment {
                member_id: id.into(),
                patient: patient.into(),
                given: given.into(),
                family: "Delgado".into(),
                birth_date: "1981-05-14".into(),
                emails: vec![email.into()],
                phones: vec![],
                represents,
            };
            let key = realm.identity.contact_key().clone();
            realm.store.transact(move |txn| enrol(txn, &key, &row)).await.unwrap();
        }
    }
    let client = TestClient::new(ingle::web::app(&[Arc::clone(&plan), Arc::clone(&sandbox)], true));
    House { client, plan, sandbox, mail: letters, clock, hand, _dir: dir }
}

impl<E: Endpoint> House<E> {
    pub fn browser(&self) -> Browser<'_, E> {
        Browser::new(&self.client)
    }

    /// The code in the last letter to an address.
    pub async fn code(&self, address: &str) -> String {
        self.plan.identity.settle().await;
        let letter = self.mail.letters().into_iter().rev().find(|letter| letter.to == address).unwrap();
        letter.text.lines().find(|line| line.len() == 6 && line.parse::<u32>().is_ok()).unwrap().to_owned()
    }

    pub async fn sign_in_developer(&self, browser: &mut Browser<'_, E>) -> Page {
        browser.get("/developers").await;
        browser.post("/developers/login", &[("address", "dev@example.org")]).await;
        let code = self.code("dev@example.org").await;
        browser.post("/developers/login/code", &[("address", "dev@example.org"), ("code", &code)]).await
    }

    pub async fn register(&self, realm: &Realm, name: &str) -> (String, String) {
        let new = NewApp {
            name: name.into(),
            kind: Kind::Web,
            redirects: vec!["https://app.example/cb".into()],
            scopes: "openid fhirUser launch/patient patient/*.rs offline_access".into(),
            homepage: String::new(),
            owner: "someone".into(),
        };
        let (app, secret) = realm.apps.register(new).await.unwrap();
        (app.client_id, secret.unwrap())
    }

    pub async fn tokens(&self, prefix: &str, client_id: &str, secret: &str, code: &str) -> serde_json::Value {
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", client_id),
            ("client_secret", secret),
            ("code", code),
            ("redirect_uri", "https://app.example/cb"),
            ("code_verifier", VERIFIER),
        ];
        let response = self.client.post(format!("{prefix}/oauth/token")).form(&form).send().await;
        response.assert_status_is_ok();
        json(response).await
    }
}

/// A correct authorization request.
pub fn authorize(prefix: &str, client_id: &str, issuer: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", "https://app.example/cb"),
        ("scope", "openid fhirUser launch/patient patient/*.rs offline_access"),
        ("state", "s-1"),
        ("aud", &format!("{issuer}/fhir")),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method", "S256"),
    ] {
        query.append_pair(name, value);
    }
    format!("{prefix}/oauth/authorize?{}", query.finish())
}

/// A parameter of an address.
pub fn query(address: &str, name: &str) -> String {
    let (_, query) = address.split_once('?').unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).find(|(n, _)| n == name).map(|(_, v)| v.into_owned()).unwrap_or_default()
}

pub async fn json(response: TestResponse) -> serde_json::Value {
    serde_json::from_str(&response.0.into_body().into_string().await.unwrap()).unwrap()
}

/// What an authenticator app would show.
pub fn authenticator(key: &str, now: i64) -> String {
    let secret = totp_rs::Secret::try_from_base32(key.replace(' ', "")).unwrap();
    totp_rs::Builder::new().with_secret(secret).build_noncompliant().generate(now as u64).to_string()
}
