//! A realm's OAuth on a real store, without HTTP.

mod flow;
mod narrowing;
mod refresh;

use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;
use crate::apps::{self, Kind, Maker, NewApp};
use crate::identity::roster::{Enrolment, enrol};
use crate::identity::{self, ContactKey, Identity, Member, Representations};
use crate::outbound::{ClockHand, Mail, Sms};

pub(super) const REDIRECT: &str = "https://app.example/cb";
pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(super) const ISSUER: &str = "https://plan.example";

pub(super) struct Room {
    pub(super) oauth: OAuth,
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) hand: ClockHand,
    pub(super) apps: Apps,
    pub(super) consent: Consent,
    pub(super) identity: Identity,
    pub(super) web: App,
    pub(super) secret: String,
    pub(super) public: App,
    pub(super) dir: tempfile::TempDir,
}

use crate::apps::App;

pub(super) async fn room() -> Room {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("store.redb")).unwrap();
    let (clock, hand) = Clock::manual("2026-03-02T09:00:00Z".parse().unwrap());
    let chance = Chance::seeded(1);
    let app_settings = apps::Settings {
        prefix: "app-",
        review: false,
        plan_names: vec!["Plan".into()],
        home: "https://plan.example".into(),
    };
    let apps = Apps::open(store.clone(), chance.clone(), clock.clone(), app_settings).unwrap();
    let consent = Consent::open(store.clone(), clock.clone(), chance.clone()).unwrap();
    let oauth = open(&store, &clock, &apps, &consent, Keys::in_memory(&chance).unwrap());
    let settings = identity::Settings {
        keys: ContactKey::new(&[9; 32]),
        sealing_key: [4; 32],
        plan: "Plan".into(),
        show_codes: false,
    };
    let transports = (Mail::memory().0, Sms::memory().0);
    let identity = Identity::new(store.clone(), clock.clone(), chance, transports, settings).unwrap();
    for (id, represents) in [("M1", vec!["M2".to_owned()]), ("M2", vec![]), ("M3", vec![])] {
        let row = Enrolment { member_id: id.into(), patient: format!("pat-{id}"), represents, ..Enrolment::default() };
        store.transact(move |txn| enrol(txn, &ContactKey::new(&[9; 32]), &row, 0)).await.unwrap();
    }
    let (web, secret) = apps.register_as("app-web", new_app(Kind::Web)).await.unwrap();
    let (public, _) = apps.register(new_app(Kind::Browser)).await.unwrap();
    Room { oauth, store, clock, hand, apps, consent, identity, web, secret: secret.unwrap(), public, dir }
}

pub(super) fn open(store: &Store, clock: &Clock, apps: &Apps, consent: &Consent, keys: Keys) -> OAuth {
    let rooms = Rooms {
        store: store.clone(),
        clock: clock.clone(),
        chance: Chance::system(),
        apps: apps.clone(),
        consent: consent.clone(),
        representations: Representations::open(store.clone()).unwrap(),
    };
    let settings = Settings {
        realm: "plan",
        issuer: ISSUER.into(),
        prefix: "ing_",
        access_life: limits::ACCESS_LIFE,
        grant_life: limits::GRANT_LIFE,
    };
    OAuth::open(rooms, keys, settings).unwrap()
}

fn new_app(kind: Kind) -> NewApp {
    NewApp {
        name: "Demo App".into(),
        kind,
        redirects: vec![REDIRECT.into()],
        scopes: "patient/*.rs user/*.rs offline_access".into(),
        homepage: String::new(),
        maker: Maker::default(),
        owner: "dev".into(),
    }
}

pub(super) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

/// A correct request, with some parameters replaced (an empty value leaves one out).
pub(super) fn request(app: &App, changes: &[(&str, &str)]) -> Form {
    let challenge = challenge(VERIFIER);
    let mut pairs: Vec<(&str, &str)> = vec![
        ("response_type", "code"),
        ("client_id", &app.client_id),
        ("redirect_uri", REDIRECT),
        ("scope", "openid fhirUser launch/patient offline_access patient/*.rs"),
        ("state", "a state & more"),
        ("aud", "https://plan.example/fhir"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
        ("nonce", "n-1"),
    ];
    for (name, value) in changes {
        pairs.retain(|(n, _)| n != name);
        pairs.push((name, value));
    }
    Form::new(pairs.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect())
}

pub(super) fn form(pairs: &[(&str, &str)]) -> Form {
    Form::new(pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect())
}

/// The parameters of an address.
pub(super) fn query(address: &str) -> Form {
    Form::parse(address.split_once('?').unwrap().1)
}

impl Room {
    pub(super) fn member(&self, id: &str) -> Member {
        self.identity.find_member(id).unwrap().unwrap()
    }

    pub(super) async fn pending(&self, app: &App, changes: &[(&str, &str)]) -> String {
        match self.oauth.begin(&request(app, changes), None).await.unwrap() {
            Begun::Ask(id) => id,
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn approve(&self, id: &str, who: &str, whose: &str) -> Result<String, Error> {
        let (who, whose) = (self.member(who), self.member(whose));
        let decision = Decision { who: &who, whose: &whose, shared: vec![], signed_in: self.oauth.now() };
        self.oauth.approve(id, decision).await
    }

    pub(super) async fn code(&self, app: &App) -> String {
        let id = self.pending(app, &[]).await;
        query(&self.approve(&id, "M1", "M1").await.unwrap()).get("code").unwrap().to_owned()
    }

    pub(super) fn credentials<'a>(&'a self, app: &'a App) -> Vec<(&'a str, &'a str)> {
        let mut pairs = vec![("client_id", app.client_id.as_str())];
        if app.kind.has_secret() {
            pairs.push(("client_secret", &self.secret));
        }
        pairs
    }

    pub(super) async fn redeem(&self, app: &App, code: &str) -> Result<TokenAnswer, Error> {
        let mut pairs = self.credentials(app);
        pairs.extend([
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ]);
        self.oauth.token(&form(&pairs), None).await
    }

    pub(super) async fn refresh(&self, app: &App, token: &str, scope: &str) -> Result<TokenAnswer, Error> {
        let mut pairs = self.credentials(app);
        pairs.extend([("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)]);
        self.oauth.token(&form(&pairs), None).await
    }

    pub(super) async fn tokens(&self, app: &App) -> TokenAnswer {
        let code = self.code(app).await;
        self.redeem(app, &code).await.unwrap()
    }
}

pub(super) fn code_of(result: Result<TokenAnswer, Error>) -> Code {
    match result {
        Err(Error::Refused(refusal)) => refusal.code,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was answered"),
    }
}

pub(super) const HOUR: Duration = Duration::from_hours(1);

impl Room {
    /// Stops the member's own sharing with an app.
    async fn stop(&self, member: &str, app: &App) {
        let patient = format!("pat-{member}");
        let grants = self.consent.of_member(member).unwrap();
        let grant = grants.iter().find(|grant| grant.client_id == app.client_id).unwrap();
        self.consent
            .stop(&grant.id, crate::consent::Asker { member: &member.into(), patient: &patient.into() })
            .await
            .unwrap();
    }
}
