//! A whole Ingle in the test's own process: both realms in a fresh folder, with clock, chance, mail and text messages
//! in the test's hand. Requests go through the same endpoint that listens in production.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ingle::apps::{App, Kind, Maker, NewApp};
use ingle::config::{Config, Policy};
use ingle::fhir::definitions::Definitions;
use ingle::identity::Member;
use ingle::identity::roster::{Enrolment, enrol};
use ingle::load;
use ingle::oauth::{Begun, Decision, Form, Keys, TokenAnswer};
use ingle::outbound::{Chance, Clock, ClockHand, Mail, Outbox, Sms, TextOutbox};
use ingle::realm::{Outside, Realm, RealmKind};
use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderMap, Method, StatusCode};
use poem::{Endpoint, EndpointExt, Request, Response};

pub const ADDRESS: &str = "https://plan.example";
pub const REDIRECT: &str = "https://app.example/cb";
/// The code verifier of RFC 7636, appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub struct TestServer {
    pub plan: Arc<Realm>,
    pub sandbox: Arc<Realm>,
    pub hand: ClockHand,
    pub outbox: Outbox,
    pub texts: TextOutbox,
    app: BoxEndpoint<'static, Response>,
    pub folder: tempfile::TempDir,
}

/// Builds a [`TestServer`].
pub struct Builder {
    resources: Vec<String>,
    members: Vec<Enrolment>,
    demo_data: bool,
    settings: Vec<(String, String)>,
}

/// What came back.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl TestServer {
    pub fn builder() -> Builder {
        Builder { resources: Vec::new(), members: Vec::new(), demo_data: false, settings: Vec::new() }
    }

    pub async fn send(&self, request: Request) -> Answer {
        let response = self.app.call(request).await.unwrap_or_else(poem::Error::into_response);
        let (parts, body) = response.into_parts();
        let body = body.into_bytes().await.unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub async fn get(&self, path: &str, token: Option<&str>) -> Answer {
        self.send(request(Method::GET, path, token).finish()).await
    }

    pub async fn post_form(&self, path: &str, token: Option<&str>, form: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = request(Method::POST, path, token).content_type("application/x-www-form-urlencoded");
        self.send(request.body(body)).await
    }

    /// Stores resources in the plan's realm; what is not JSON fails the test.
    pub fn put(&self, resources: &[&str]) {
        put(&self.plan, resources.iter().copied());
    }

    /// Loads a file into the plan's realm.
    pub fn load(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let (rejected, rejects) = load_files(&self.plan, self.folder.path(), vec![path], Policy::Reject);
        assert_eq!(rejected, 0, "{rejects}");
    }

    /// Loads a file whose records are not checked against FHIR and their profiles, as an install does unless it says otherwise.
    pub fn load_unchecked(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let (rejected, rejects) = load_files(&self.plan, self.folder.path(), vec![path], Policy::Off);
        assert_eq!(rejected, 0, "{rejects}");
    }

    /// Loads a file of which some records are refused; how many.
    pub fn load_partly(&self, name: &str, text: &str) -> u64 {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        load_files(&self.plan, self.folder.path(), vec![path], Policy::Reject).0
    }

    /// Registers an app in the plan's realm.
    pub async fn app(&self, kind: Kind, scopes: &str) -> (App, Option<String>) {
        let new = NewApp {
            // Of two that are the same within a minute, one is a second click.
            name: format!("Test App {}", self.plan.apps.all().unwrap().len() + 1),
            kind,
            redirects: vec![REDIRECT.into()],
            scopes: scopes.into(),
            homepage: String::new(),
            maker: Maker::default(),
            owner: "dev".into(),
        };
        self.plan.apps.register(new).await.unwrap()
    }

    /// An access token of a back-end client with these scopes, through the token endpoint.
    pub async fn system(&self, scopes: &str) -> String {
        let key = BackendKey::new();
        let app = self.plan.apps.register_backend("Back end", scopes, &key.jwks()).await.unwrap();
        let assertion = key.assertion(&app.client_id, self.plan.clock.now().as_second(), &self.plan.chance.id());
        let answer = self.post_form("/oauth/token", None, &backend_form(&assertion, scopes)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// Goes from registration to tokens at the level of rooms, with everything agreed to.
    pub async fn tokens(&self, member: &str, scopes: &str) -> TokenAnswer {
        let (app, _) = self.app(Kind::Browser, scopes).await;
        self.tokens_for(&app, member, scopes).await
    }

    /// [`TestServer::tokens`] of a member who shares nothing sensitive: the access token.
    pub async fn tokens_withholding(&self, member: &str, scopes: &str) -> String {
        let (app, _) = self.app(Kind::Browser, scopes).await;
        self.tokens_sharing(&app, member, scopes, Vec::new()).await.access_token
    }

    pub async fn tokens_for(&self, app: &App, member: &str, scopes: &str) -> TokenAnswer {
        self.tokens_sharing(app, member, scopes, ingle::access::Category::ALL.to_vec()).await
    }

    /// With these topics shared and no other.
    pub async fn tokens_sharing(
        &self,
        app: &App,
        member: &str,
        scopes: &str,
        shared: Vec<ingle::access::Category>,
    ) -> TokenAnswer {
        tokens_in(&self.plan, app, (member, member), scopes, shared).await
    }
}

/// [`TestServer::tokens_for`] in any realm.
/// `people` are who decides and whose records they are.
pub async fn tokens_in(
    realm: &Realm,
    app: &App,
    people: (&str, &str),
    scopes: &str,
    shared: Vec<ingle::access::Category>,
) -> TokenAnswer {
    let asked = form(&[
        ("response_type", "code"),
        ("client_id", &app.client_id),
        ("redirect_uri", REDIRECT),
        ("scope", scopes),
        ("state", "s"),
        ("aud", &format!("{ADDRESS}/fhir")),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]);
    let begun = realm.oauth.begin(&asked, None).await.unwrap();
    let Begun::Ask(id) = begun else { panic!("{begun:?}") };
    let member = |id| realm.identity.find_member(id).unwrap().expect("the member is on the roster");
    let (who, whose): (Member, Member) = (member(people.0), member(people.1));
    let decision = Decision { who: &who, whose: &whose, shared, signed_in: realm.clock.now().as_second() };
    let address = realm.oauth.approve(&id, decision).await.unwrap();
    let query = address.split_once('?').unwrap().1;
    let code = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "code").unwrap().1.into_owned();
    let redeem = form(&[
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
        ("client_id", &app.client_id),
    ]);
    realm.oauth.token(&redeem, None).await.unwrap()
}

impl Builder {
    /// A resource in the plan's realm.
    pub fn resource(mut self, json: &str) -> Self {
        self.resources.push(json.to_owned());
        self
    }

    /// A member with an address on file and a Patient of her own.
    pub fn member(mut self, id: &str, patient: &str, email: &str) -> Self {
        self.members.push(Enrolment {
            member_id: id.into(),
            patient: patient.into(),
            given: "Ana".into(),
            family: "Alder".into(),
            birth_date: "1950-02-03".into(),
            emails: vec![email.into()],
            ..Enrolment::default()
        });
        self.resource(&format!(r#"{{"resourceType":"Patient","id":"{patient}","name":[{{"family":"Alder"}}]}}"#))
    }

    /// The demo plan's data, through the real loader.
    pub fn demo_data(mut self) -> Self {
        self.demo_data = true;
        self
    }

    /// A setting of `fhir.toml`, such as `("apps.registration", "review")`.
    pub fn setting(mut self, key: &str, value: &str) -> Self {
        self.settings.push((key.to_owned(), value.to_owned()));
        self
    }

    pub async fn start(self) -> TestServer {
        let folder = tempfile::tempdir().unwrap();
        let flags: Vec<(&str, String)> = [("plan.name", "Test Plan"), ("plan.url", ADDRESS), ("storage.path", "data")]
            .into_iter()
            .chain([("mail.transport", "file:mail"), ("mail.from", "plan@plan.example"), ("apps.registration", "open")])
            .map(|(key, value)| (key, value.to_owned()))
            .chain(self.settings.iter().map(|(key, value)| (key.as_str(), value.clone())))
            .collect();
        let config = Arc::new(Config::load(None, &[], &flags).unwrap());
        // The demo plan's youngest member was born in July.
        let now = if self.demo_data { "2026-11-24T09:00:00Z" } else { "2026-03-02T09:00:00Z" };
        let (clock, hand) = Clock::manual(now.parse().unwrap());
        let (mail, outbox) = Mail::memory();
        let (sms, texts) = Sms::memory();
        let outside = Outside { clock, chance: Chance::seeded(7), mail, sms };
        let definitions = Definitions::default();
        let open = |kind| {
            let path = Realm::folder(folder.path(), kind);
            let keys = Keys::in_memory(&outside.chance).unwrap();
            Arc::new(Realm::open_with_keys(kind, &config, &path, &outside, &definitions, keys).unwrap())
        };
        let (plan, sandbox) = (open(RealmKind::Plan), open(RealmKind::Sandbox));
        plan.definer.as_ref().unwrap().also(&sandbox.store, &sandbox.index);
        put(&plan, self.resources.iter().map(String::as_str));
        for member in self.members {
            let realm = Arc::clone(&plan);
            let row = move |txn: &mut ingle::store::Txn<'_>| enrol(txn, realm.identity.contact_key(), &member, 0);
            plan.store.transact(row).await.unwrap();
        }
        if self.demo_data {
            let (rejected, rejects) = load_files(&plan, folder.path(), demo_files(), Policy::Reject);
            assert_eq!(rejected, 0, "the demo data must load whole: {rejects}");
        }
        let app = ingle::web::app(&[Arc::clone(&plan), Arc::clone(&sandbox)], true).boxed();
        TestServer { plan, sandbox, hand, outbox, texts, app, folder }
    }
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The ids of a searchset's entries of one mode.
    pub fn ids(&self, mode: &str) -> Vec<String> {
        let bundle = self.json();
        let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
        let of_mode = entries.into_iter().filter(|entry| entry["search"]["mode"] == mode);
        of_mode.map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned()).collect()
    }

    /// What an `OperationOutcome` says: issue code and text.
    pub fn issue(&self) -> (String, String) {
        let outcome = self.json();
        assert_eq!(outcome["resourceType"], "OperationOutcome", "{outcome}");
        let issue = &outcome["issue"][0];
        (issue["code"].as_str().unwrap().to_owned(), issue["details"]["text"].as_str().unwrap().to_owned())
    }
}

pub fn request(method: Method, path: &str, token: Option<&str>) -> poem::RequestBuilder {
    let request = Request::builder().method(method).uri_str(path);
    match token {
        Some(token) => request.header("Authorization", format!("Bearer {token}")),
        None => request,
    }
}

pub fn form(pairs: &[(&str, &str)]) -> Form {
    Form::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

pub fn put<'r>(realm: &Realm, resources: impl Iterator<Item = &'r str>) {
    let now = realm.clock.now();
    for json in resources {
        let prepared = ingle::access::admit_text(json.as_bytes()).unwrap_or_else(|issue| panic!("{issue}: {json}"));
        let put = move |txn: &mut ingle::store::Txn<'_>| txn.put_resource(&prepared, now, None);
        realm.store.transact_blocking(put).unwrap();
    }
}

/// The data among the files of `fixtures/demo`.
fn demo_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo/plan");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|ending| ending == "ndjson" || ending == "csv")).collect()
}

/// How many records were refused, and the report of them.
fn load_files(realm: &Realm, folder: &Path, paths: Vec<PathBuf>, validation: Policy) -> (u64, String) {
    let request = load::Request {
        paths,
        format: None,
        mapping: load::Mapping::default(),
        dry_run: false,
        report: folder.join("rejects.csv"),
        validation,
        claims_as_clinical: ingle::config::ClaimsAsClinical::Encounters,
        registry: ingle::config::Registry::All,
        complete: Vec::new(),
        stop: load::Stop::default(),
    };
    let target = load::Target {
        store: &realm.store,
        contacts: realm.identity.contact_key(),
        now: realm.clock.now(),
        find: &|_, _, _| None,
        ids: "https://plan.example/ids",
        plan: "Test Plan",
    };
    let summary = load::run(&request, &target, &realm.clock, &mut |_| {}).unwrap();
    let rejects = std::fs::read_to_string(folder.join("rejects.csv")).unwrap_or_default();
    (summary.rejected, rejects)
}

/// The key of a back-end client.
pub struct BackendKey(aws_lc_rs::signature::EcdsaKeyPair);

impl BackendKey {
    pub fn new() -> Self {
        let signing = &aws_lc_rs::signature::ECDSA_P384_SHA384_FIXED_SIGNING;
        Self(aws_lc_rs::signature::EcdsaKeyPair::generate(signing).unwrap())
    }

    pub fn jwks(&self) -> String {
        use aws_lc_rs::signature::KeyPair;
        let (x, y) = self.0.public_key().as_ref()[1..].split_at(48);
        let key = serde_json::json!({"kty": "EC", "crv": "P-384", "kid": "k1", "alg": "ES384", "use": "sig",
            "x": base64(x), "y": base64(y)});
        serde_json::json!({ "keys": [key] }).to_string()
    }

    /// A good assertion.
    pub fn assertion(&self, client_id: &str, now: i64, jti: &str) -> String {
        let claims = serde_json::json!({"iss": client_id, "sub": client_id, "aud": format!("{ADDRESS}/oauth/token"),
            "exp": now + 240, "jti": jti});
        self.sign(&serde_json::json!({"alg": "ES384", "typ": "JWT", "kid": "k1"}), &claims)
    }

    pub fn sign(&self, header: &serde_json::Value, claims: &serde_json::Value) -> String {
        let text = format!("{}.{}", base64(header.to_string().as_bytes()), base64(claims.to_string().as_bytes()));
        let random = aws_lc_rs::rand::SystemRandom::new();
        format!("{text}.{}", base64(self.0.sign(&random, text.as_bytes()).unwrap().as_ref()))
    }
}

fn base64(bytes: &[u8]) -> String {
    use ::base64::Engine;
    ::base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// What a back-end client sends for a token.
pub fn backend_form<'f>(assertion: &'f str, scopes: &'f str) -> [(&'f str, &'f str); 4] {
    [
        ("grant_type", "client_credentials"),
        ("scope", scopes),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion),
    ]
}
