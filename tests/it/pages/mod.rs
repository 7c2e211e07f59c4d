//! The pages, as a browser without scripts sees them.

pub mod browser;
mod flow;
mod manners;

use ingle::apps::{Kind, Maker, NewApp};
use ingle::identity::roster::{Enrolment, enrol};
use ingle::realm::Realm;

pub use crate::server::{ADDRESS as BASE, CHALLENGE, REDIRECT, TestServer, VERIFIER};
pub use browser::{Browser, Page, between};

/// Both realms with a mother, her child, and nothing else.
pub async fn house() -> TestServer {
    let settings = [("plan.name", "Alder County Health Plan"), ("plan.support_phone", "1-800-555-0100")];
    let house = settings.into_iter().fold(TestServer::builder(), |builder, (key, value)| builder.setting(key, value));
    let house = house.start().await;
    for realm in [&house.plan, &house.sandbox] {
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
            realm.store.transact(move |txn| enrol(txn, &key, &row, 0)).await.unwrap();
        }
    }
    house
}

impl TestServer {
    pub fn browser(&self) -> Browser<'_> {
        Browser::new(self)
    }

    /// The code in the last letter to an address.
    pub async fn code(&self, address: &str) -> String {
        self.plan.identity.settle().await;
        let letter = self.outbox.letters().into_iter().rev().find(|letter| letter.to == address).unwrap();
        letter.text.lines().find(|line| line.len() == 6 && line.parse::<u32>().is_ok()).unwrap().to_owned()
    }

    pub async fn sign_in_developer(&self, browser: &mut Browser<'_>) -> Page {
        browser.get("/developers").await;
        browser.post("/developers/login", &[("address", "dev@example.org")]).await;
        let code = self.code("dev@example.org").await;
        browser.post("/developers/login/code", &[("address", "dev@example.org"), ("code", &code)]).await
    }

    /// An app of a server in a realm, with its secret.
    pub async fn register(&self, realm: &Realm, name: &str) -> (String, String) {
        let new = NewApp {
            name: name.into(),
            kind: Kind::Web,
            redirects: vec![REDIRECT.into()],
            scopes: "openid fhirUser launch/patient patient/*.rs offline_access".into(),
            homepage: String::new(),
            maker: Maker::default(),
            owner: "someone".into(),
        };
        let (app, secret) = realm.apps.register(new).await.unwrap();
        (app.client_id.into_string(), secret.unwrap())
    }

    /// Redeems a code at the token endpoint.
    pub async fn redeem(&self, prefix: &str, (client_id, secret): (&str, &str), code: &str) -> serde_json::Value {
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", client_id),
            ("client_secret", secret),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ];
        let answer = self.post_form(&format!("{prefix}/oauth/token"), None, &form).await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
        answer.json()
    }
}

/// A correct authorization request.
pub fn authorize(prefix: &str, client_id: &str, issuer: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", REDIRECT),
        ("scope", "openid fhirUser launch/patient patient/*.rs offline_access"),
        ("state", "s-1"),
        ("aud", &format!("{issuer}/fhir")),
        ("code_challenge", CHALLENGE),
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

/// What an authenticator app would show.
pub fn authenticator(key: &str, now: i64) -> String {
    let secret = totp_rs::Secret::try_from_base32(key.replace(' ', "")).unwrap();
    totp_rs::Builder::new().with_secret(secret).build_noncompliant().generate(now as u64).to_string()
}
