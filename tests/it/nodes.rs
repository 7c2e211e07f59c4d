//! Two whole realms over one log in memory: what is done on the one that leads is true on the other, in its file, in its
//! index and in what its rooms keep in memory.

use std::sync::Arc;
use std::time::Duration;

use ingle::access::{Operation, View};
use ingle::apps::{App, Kind, Maker, NewApp, Status};
use ingle::config::Config;
use ingle::consent;
use ingle::fhir::definitions::Definitions;
use ingle::fhir::filter;
use ingle::identity::roster::{Enrolment, enrol};
use ingle::identity::{self, Audience, SignIn, Visitor, Wording};
use ingle::index::Query;
use ingle::oauth::{Keys, TokenAnswer};
use ingle::outbound::{Chance, Clock, ClockHand, Mail, Outbox, Sms};
use ingle::realm::{Outside, Realm, RealmKind};
use ingle::store::{self, Log, Membership, MemoryLog};
use poem::http::Method;
use poem::{Endpoint, IntoResponse};

use crate::server::{ADDRESS, REDIRECT, form, put, request, tokens_in};

/// How long a stop may take to reach another node.
const A_SECOND: Duration = Duration::from_secs(1);
const SCOPES: &str = "openid fhirUser launch/patient offline_access patient/*.rs";

struct Cluster {
    folder: tempfile::TempDir,
    log: Arc<MemoryLog>,
    config: Arc<Config>,
    outside: Outside,
    hand: ClockHand,
    outbox: Outbox,
}

impl Cluster {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let flags = [("plan.name", "Test Plan"), ("plan.url", ADDRESS), ("storage.path", "data")]
            .into_iter()
            .chain([("mail.transport", "file:mail"), ("mail.from", "plan@plan.example"), ("apps.registration", "open")])
            .map(|(key, value)| (key, value.to_owned()));
        let config = Arc::new(Config::load(None, &[], &flags.collect::<Vec<_>>()).unwrap());
        let (clock, hand) = Clock::manual("2026-03-02T09:00:00Z".parse().unwrap());
        let (mail, outbox) = Mail::memory();
        let outside = Outside { clock, chance: Chance::seeded(7), mail, sms: Sms::memory().0 };
        Self { folder, log: Arc::default(), config, outside, hand, outbox }
    }

    fn open(&self, node: &str) -> Arc<Realm> {
        let now = self.outside.clock.now().as_second();
        let keys = Keys::open(&self.folder.path().join("keys"), &self.outside.chance, now).unwrap();
        let membership = Membership {
            log: Arc::clone(&self.log) as Arc<dyn Log>,
            node: node.to_owned(),
            clock: self.outside.clock.clone(),
        };
        let folder = self.folder.path().join(node);
        let realm = Realm::open_as_node(
            RealmKind::Plan,
            &self.config,
            &folder,
            &self.outside,
            &Definitions::default(),
            (keys, membership),
        );
        Arc::new(realm.unwrap())
    }
}

async fn fill(leader: &Arc<Realm>) {
    let member = Enrolment {
        member_id: "M1".into(),
        patient: "p1".into(),
        given: "Ana".into(),
        family: "Alder".into(),
        birth_date: "1950-02-03".into(),
        emails: vec!["ana@example.org".into()],
        ..Enrolment::default()
    };
    let realm = Arc::clone(leader);
    leader.store.transact(move |txn| enrol(txn, realm.identity.contact_key(), &member, 0)).await.unwrap();
    let condition = |n: u32| {
        format!(
            r#"{{"resourceType":"Condition","id":"c{n}","subject":{{"reference":"Patient/p{}"}},"recordedDate":"2026-02-{:02}","code":{{"text":"Told {} times"}}}}"#,
            n % 3,
            1 + n % 28,
            "again ".repeat(30)
        )
    };
    let resources: Vec<String> = (0..50)
        .map(condition)
        .chain((0..3).map(|n| {
            format!(r#"{{"resourceType":"Patient","id":"p{n}","name":[{{"family":"Alder{n}"}}],"gender":"female"}}"#)
        }))
        .collect();
    put(leader, resources.iter().map(String::as_str));
}

async fn app(leader: &Realm, name: &str) -> App {
    let new = NewApp {
        name: name.into(),
        kind: Kind::Browser,
        redirects: vec![REDIRECT.into()],
        scopes: SCOPES.into(),
        homepage: String::new(),
        maker: Maker::default(),
        owner: "dev".into(),
    };
    leader.apps.register(new).await.unwrap().0
}

async fn within(limit: Duration, what: &str, holds: impl AsyncFn() -> bool) {
    let clock = Clock::system();
    while !holds().await {
        assert!(clock.monotonic() < limit, "{what} took longer than {limit:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn caught_up(leader: &Realm, follower: &Realm) {
    within(Duration::from_secs(10), "catching up", async || leader.store.applied() == follower.store.applied()).await;
}

/// The numbers of what some searches find, in order: what the index says, and where it is not sure the filter.
fn answers(realm: &Realm) -> Vec<Vec<u64>> {
    let view = View::operator(realm.clock.now());
    let snapshot = realm.store.snapshot().unwrap();
    let reader = snapshot.reader(&view, Operation::Search).unwrap();
    let searches = [
        ("Condition", "patient", "Patient/p1"),
        ("Condition", "recorded-date", "ge2026-02-10"),
        ("Condition", "_id", "c7"),
        ("Patient", "family", "alder2"),
        ("Patient", "gender", "female"),
        ("Patient", "gender", "male"),
    ];
    let find = |(kind, name, value): (&str, &str, &str)| {
        let kind = ingle::fhir::Kind::parse(kind).unwrap();
        let clauses = [filter::standard_clause(kind, name, value, realm.clock.now(), ADDRESS).unwrap().unwrap()];
        let query = Query { kind, clauses: &clauses, sort: &[], after: None, limit: 100 };
        let matches = realm.index.find(&view, &query).unwrap();
        let is_one = |rid: &u64| {
            let stored = reader.get(*rid).unwrap().unwrap();
            clauses[0].matches(&ingle::fhir::prepare(&stored.body).unwrap().extracted)
        };
        let found = matches.places.into_iter().map(|place| place.rid);
        found.filter(|rid| !matches.inexact || is_one(rid)).collect()
    };
    searches.into_iter().map(find).collect()
}

async fn assert_equal(leader: &Realm, follower: &Realm) {
    caught_up(leader, follower).await;
    let print = |realm: &Realm| realm.store.snapshot().unwrap().fingerprints().unwrap();
    assert_eq!(print(leader), print(follower));
    let found = answers(leader);
    assert!(found[0].len() > 10 && found[5].len() <= 1, "{found:?}");
    assert_eq!(found, answers(follower));
}

async fn status(realm: &Arc<Realm>, token: &str) -> u16 {
    let request = request(Method::GET, "/fhir/Patient/p1", Some(token)).finish();
    let response = ingle::web::app(&[Arc::clone(realm)], false).call(request).await;
    response.map_or_else(|error| error.into_response().status(), |response| response.into_response().status()).as_u16()
}

#[tokio::test]
async fn what_the_leader_writes_the_follower_holds_and_finds() {
    let cluster = Cluster::new();
    let (leader, follower) = (cluster.open("a"), cluster.open("b"));
    fill(&leader).await;
    let app = app(&leader, "One").await;
    tokens_in(&leader, &app, ("M1", "M1"), SCOPES, ingle::access::Category::ALL.to_vec()).await;
    assert_equal(&leader, &follower).await;
    // Versions, a tombstone, one that moves, and all of it in the overlay and in the index itself.
    put(
        &leader,
        std::iter::once(r#"{"resourceType":"Patient","id":"p0","name":[{"family":"Alder2"}],"gender":"male"}"#),
    );
    put(&leader, std::iter::once(r#"{"resourceType":"Condition","id":"c7","subject":{"reference":"Patient/p2"}}"#));
    let now = leader.clock.now();
    let condition = ingle::fhir::Kind::parse("Condition").unwrap();
    let delete = move |txn: &mut store::Txn<'_>| txn.delete_resource(condition, "c1", now, None);
    leader.store.transact(delete).await.unwrap();
    assert_equal(&leader, &follower).await;
    follower.index.settle().unwrap();
    assert_equal(&leader, &follower).await;
    let heads = |realm: &Realm| realm.store.snapshot().unwrap().fingerprints().unwrap().get("audit.heads").copied();
    within(A_SECOND, "the head of the audit", async || heads(&follower).is_some()).await;
}

#[tokio::test]
async fn a_stop_on_one_node_is_in_force_on_the_other_within_a_second() {
    let cluster = Cluster::new();
    let (leader, follower) = (cluster.open("a"), cluster.open("b"));
    fill(&leader).await;
    let mut apps = Vec::new();
    for name in ["Stopped", "Suspended", "Revoked", "Kept"] {
        let app = app(&leader, name).await;
        let tokens: TokenAnswer =
            tokens_in(&leader, &app, ("M1", "M1"), SCOPES, ingle::access::Category::ALL.to_vec()).await;
        apps.push((app, tokens.access_token));
    }
    caught_up(&leader, &follower).await;
    for (app, token) in &apps {
        assert_eq!((status(&leader, token).await, status(&follower, token).await), (200, 200), "{}", app.name);
    }
    let [(stopped, by_stop), (suspended, by_status), (revoked, by_revocation), (_, kept)] = apps.as_slice() else {
        panic!("four apps");
    };
    let refused = async |token: &str, what: &str| {
        assert_eq!(status(&leader, token).await, 401, "{what} is in force here at once");
        within(A_SECOND, what, async || status(&follower, token).await == 401).await;
    };
    stop(&leader, stopped).await.unwrap();
    refused(by_stop, "a stop").await;
    leader.apps.set_status(&suspended.client_id, Status::Suspended).await.unwrap();
    refused(by_status, "a suspension").await;
    let ended = form(&[("token", by_revocation), ("client_id", &revoked.client_id)]);
    leader.oauth.revoke(&ended, None).await.unwrap();
    refused(by_revocation, "a revocation").await;
    // What comes back comes back everywhere.
    leader.apps.set_status(&suspended.client_id, Status::Active).await.unwrap();
    within(A_SECOND, "an app that is put back", async || status(&follower, by_status).await == 200).await;
    assert_eq!(status(&follower, kept).await, 200);
    assert_equal(&leader, &follower).await;
}

#[tokio::test]
async fn a_browser_that_is_signed_in_or_out_on_one_node_is_so_on_the_other() {
    let cluster = Cluster::new();
    let (leader, follower) = (cluster.open("a"), cluster.open("b"));
    fill(&leader).await;
    let visitor = Visitor { secret: "visitor", network: None, known: None };
    let wording = Wording { subject: "Code", mail: "{code}\n".into(), sms: "{code}".into() };
    leader.identity.send_code(visitor, Audience::Member, "ana@example.org", &wording).await.unwrap();
    leader.identity.settle().await;
    let letter = cluster.outbox.letters().pop().unwrap();
    let code = letter.text.lines().find(|line| line.len() == 6).unwrap();
    let signed_in = leader.identity.check_code(visitor, Audience::Member, "ana@example.org", code).await.unwrap();
    let SignIn::Done(new) = signed_in else { panic!("she is signed in") };
    within(A_SECOND, "a sign-in", async || follower.identity.session(&new.secret).await.is_ok()).await;
    leader.identity.sign_out(&new.secret).await.unwrap();
    let is_out = async || matches!(follower.identity.session(&new.secret).await, Err(identity::Error::SignedOut));
    within(A_SECOND, "a sign-out", is_out).await;
    assert_equal(&leader, &follower).await;
}

#[tokio::test]
async fn a_deposed_leader_is_refused_and_an_app_is_out_there_all_the_same() {
    let cluster = Cluster::new();
    let (old, new) = (cluster.open("a"), cluster.open("b"));
    fill(&old).await;
    let app = app(&old, "One").await;
    let token = tokens_in(&old, &app, ("M1", "M1"), SCOPES, ingle::access::Category::ALL.to_vec()).await.access_token;
    caught_up(&old, &new).await;
    // As if the old one had not been heard of for an hour.
    let later = cluster.outside.clock.now() + Duration::from_hours(1);
    cluster.log.lease("b", later, Duration::from_secs(5)).unwrap().unwrap();
    let refused = stop(&old, &app).await;
    assert!(matches!(refused, Err(consent::Error::Store(store::Error::NotLeading))), "{refused:?}");
    assert_eq!(status(&old, &token).await, 401, "she asked for it");
    within(A_SECOND, "the change of the lead", async || new.store.leads() && !old.store.leads()).await;
    assert_eq!(status(&new, &token).await, 200, "nothing of it was kept");
    stop(&new, &app).await.unwrap();
    assert_eq!(status(&new, &token).await, 401);
    assert_equal(&new, &old).await;
}

#[tokio::test]
async fn a_node_that_was_away_goes_on_where_it_was_and_can_take_the_lead() {
    let cluster = Cluster::new();
    let (leader, follower) = (cluster.open("a"), cluster.open("b"));
    fill(&leader).await;
    let app = app(&leader, "One").await;
    let token =
        tokens_in(&leader, &app, ("M1", "M1"), SCOPES, ingle::access::Category::ALL.to_vec()).await.access_token;
    caught_up(&leader, &follower).await;
    drop(follower);
    put(
        &leader,
        std::iter::once(r#"{"resourceType":"Patient","id":"p2","name":[{"family":"Alder2"}],"gender":"female"}"#),
    );
    stop(&leader, &app).await.unwrap();
    let follower = cluster.open("b");
    assert_eq!(status(&follower, &token).await, 401);
    assert_equal(&leader, &follower).await;
    drop(leader);
    cluster.hand.advance(Duration::from_secs(6));
    within(A_SECOND, "the change of the lead", async || follower.store.leads()).await;
    put(&follower, std::iter::once(r#"{"resourceType":"Condition","id":"c7","subject":{"reference":"Patient/p1"}}"#));
    let back = cluster.open("a");
    assert!(!back.store.leads());
    assert_equal(&follower, &back).await;
}

/// The member's own sharing with an app.
async fn stop(realm: &Realm, app: &App) -> Result<ingle::access::ClientId, ingle::consent::Error> {
    let grants = realm.consent.of_member("M1").unwrap();
    let grant = grants.iter().find(|grant| grant.client_id == app.client_id).unwrap();
    realm.consent.stop(&grant.id, ingle::consent::Asker { member: &"M1".into(), patient: &"ana".into() }).await
}
