//! The pages and the OAuth endpoints: every route as every person with a session, of the right kind and of others, and as
//! the holders of tokens, which open no page.

use std::net::IpAddr;

use ingle::identity::{Audience, Level, Role, SignIn, Visitor, Wording};
use ingle::realm::Realm;
use ingle::web::{Guard, Realms, table};
use poem::http::Method;

use super::callers::house;
use crate::pages::authenticator;
use crate::pages::browser::Browser;
use crate::server::TestServer;

/// Who sits at the browser.
struct Person {
    name: String,
    /// Cookies by name.
    cookies: Vec<(String, String)>,
    is_member: bool,
    /// How far she is signed in as a developer.
    developer: Option<Level>,
}

const COOKIES: [(Audience, &str); 3] = [
    (Audience::Member, "__Host-ingle-member"),
    (Audience::Developer, "__Host-ingle-developer"),
    (Audience::Staff, "__Host-ingle-staff"),
];

fn cookie(audience: Audience) -> String {
    COOKIES.iter().find(|(known, _)| *known == audience).unwrap().1.to_owned()
}

fn wording() -> Wording {
    Wording { subject: "code", mail: "{code}\n{code}".replace("{code}\n", ""), sms: "{code}".into() }
}

/// Signs in with the code that was sent; the secret of the session's cookie, and how far it got.
async fn sign_in(server: &TestServer, audience: Audience, address: &str) -> (String, Level) {
    let identity = &server.plan.identity;
    let before = identity.new_visitor();
    let network: Option<IpAddr> = None;
    let visitor = Visitor { secret: &before, network, known: None };
    identity.send_code(visitor, audience, address, &wording()).await.unwrap();
    let code = server.code(address).await;
    match identity.check_code(visitor, audience, address, &code).await.unwrap() {
        SignIn::Done(new) => (new.secret, Level::Full),
        SignIn::SecondFactor(new) => (new.secret, Level::Partial),
        SignIn::BirthDate => panic!("one member has this address"),
    }
}

/// Enrols an authenticator for a session that owes one, or that wants one; the new secret.
async fn enrol(realm: &Realm, secret: &str) -> String {
    let session = realm.identity.session(secret).await.unwrap();
    let account = match session.who {
        ingle::access::Person::Developer { account } | ingle::access::Person::Staff { account, .. } => account,
        ingle::access::Person::Member { .. } => panic!("members have no authenticator yet"),
    };
    let offer = realm.identity.offer_authenticator(&account).await.unwrap();
    let code = authenticator(&offer.key, realm.clock.now().as_second());
    realm.identity.enrol_authenticator(secret, &code).await.unwrap().0.secret
}

async fn people(server: &TestServer) -> Vec<Person> {
    let member = |name: &str, secret: String| Person {
        name: name.into(),
        cookies: vec![(cookie(Audience::Member), secret)],
        is_member: true,
        developer: None,
    };
    let mut people = vec![Person { name: "nobody".into(), cookies: vec![], is_member: false, developer: None }];
    for (name, address) in
        [("member", "own@example.com"), ("second member", "foreign@example.com"), ("represented", "child@example.com")]
    {
        people.push(member(name, sign_in(server, Audience::Member, address).await.0));
    }
    let (fresh, level) = sign_in(server, Audience::Developer, "dev@example.org").await;
    assert_eq!(level, Level::Full);
    let secured = enrol(&server.plan, &fresh).await;
    let (partial, level) = sign_in(server, Audience::Developer, "dev@example.org").await;
    assert_eq!(level, Level::Partial);
    for (name, secret, level) in
        [("developer", &secured, Level::Full), ("developer, code only", &partial, Level::Partial)]
    {
        people.push(Person {
            name: name.into(),
            cookies: vec![(cookie(Audience::Developer), secret.clone())],
            is_member: false,
            developer: Some(level),
        });
    }
    for role in [Role::Admin, Role::Reviewer, Role::Support, Role::Analyst] {
        let address = format!("{role:?}@plan.example").to_lowercase();
        server.plan.identity.add_staff(&address, role).await.unwrap();
        let (partial, _) = sign_in(server, Audience::Staff, &address).await;
        let secret = enrol(&server.plan, &partial).await;
        // Staff pages come later. Until then a session of staff opens nothing, in whatever cookie it is sent.
        for (audience, name) in COOKIES {
            people.push(Person {
                name: format!("staff, {role:?}, in {name}"),
                cookies: vec![(cookie(audience), secret.clone())],
                is_member: false,
                developer: None,
            });
        }
    }
    // Sessions of one kind in the cookie of another.
    let (own, _) = sign_in(server, Audience::Member, "ward@example.com").await;
    people.push(Person {
        name: "member in a developer's cookie".into(),
        cookies: vec![(cookie(Audience::Developer), own)],
        is_member: false,
        developer: None,
    });
    people.push(Person {
        name: "developer in a member's cookie".into(),
        cookies: vec![(cookie(Audience::Member), secured.clone())],
        is_member: false,
        developer: None,
    });
    let invented = Person {
        name: "invented secret".into(),
        cookies: COOKIES.map(|(audience, _)| (cookie(audience), "x".repeat(43))).to_vec(),
        is_member: false,
        developer: None,
    };
    people.push(invented);
    people
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_keeps_its_lock() {
    let server = house().await;
    let people = people(&server).await;
    let mut cells = 0;
    for route in table().into_iter().filter(|route| route.guard.is_page() && route.realms != Realms::Demo) {
        // These end the session of whoever sends them; nobody needs one for that.
        let ends = ["/sign-out", "/developers/sign-out", "/consent/switch"].contains(&&*route.path);
        for person in people.iter().filter(|person| !ends || person.cookies.is_empty()) {
            let path = route.path.replace(":id", "app-nobody");
            let mut browser = Browser::new(&server);
            browser.cookies.extend(person.cookies.iter().cloned());
            let is_post = route.method == Method::POST;
            let page = if is_post {
                // A form of one of our pages, with its token.
                let start = match () {
                    () if path.starts_with("/developers") && person.developer == Some(Level::Partial) => {
                        "/developers/authenticator"
                    }
                    () if path.starts_with("/developers") => "/developers",
                    () if person.is_member => "/member",
                    () => "/login",
                };
                browser.get(start).await;
                browser.post(&path, &[]).await
            } else {
                browser.get(&path).await
            };
            let what = format!("{} {path} as {}: {} {}", route.method, person.name, page.status, page.location());
            let signed_out = (page.status == 303 && !is_post && page.location().starts_with(way_in(&route.path)))
                || (page.status == 401 && is_post);
            let owes = page.status == 303 && page.location() == "/developers/authenticator";
            match route.guard {
                Guard::Member => assert_eq!(!signed_out, person.is_member, "{what}"),
                Guard::Developer(least) => match person.developer {
                    None => assert!(signed_out, "{what}"),
                    Some(level) if level < least => assert!(owes, "{what}"),
                    // Who owes no code is sent back from the page that asks for one.
                    Some(Level::Full) if path == "/developers/authenticator" && !is_post => {
                        assert!(signed_out, "{what}");
                    }
                    Some(_) => assert!(!signed_out && !owes, "{what}"),
                },
                _ => assert!(page.status != 401 && page.status != 403, "{what}"),
            }
            assert!(!page.status.is_server_error(), "{what}");
            // A form that was made for another browser changes nothing, whoever sends it.
            if is_post && &*route.path != "/oauth/authorize" {
                let mut other = Browser::new(&server);
                other.cookies.extend(person.cookies.iter().cloned());
                let page = other.post(&path, &[]).await;
                assert_eq!(page.status, 403, "without a token: {what}");
                cells += 1;
            }
            cells += 1;
        }
    }
    assert!(cells >= 500, "{cells} cells");
}

/// Where a page sends whoever is signed out.
fn way_in(path: &str) -> &'static str {
    if path.starts_with("/developers") { "/developers" } else { "/login" }
}

/// A token opens no page, and a cookie opens no base.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_open_no_page_and_cookies_no_base() {
    let server = house().await;
    let token = server.tokens("M1", "patient/*.rs").await.access_token;
    let system = server.system("system/*.rs").await;
    let (secret, _) = sign_in(&server, Audience::Member, "own@example.com").await;
    let mut cells = 0;
    for route in table().into_iter().filter(|route| route.realms != Realms::Demo) {
        let path = route.path.replace(":kind", "Patient").replace(":id", "own").replace(":version", "1");
        let path = path.replace(":type", "Condition");
        match route.guard {
            Guard::Member | Guard::Developer(_) if route.method == Method::GET => {
                for token in [&token, &system] {
                    let answer = server.get(&path, Some(token)).await;
                    assert_eq!(answer.status, 303, "{path}");
                    assert!(answer.header("location").unwrap().starts_with(way_in(&path)), "{path}");
                    cells += 1;
                }
            }
            Guard::Fhir(ingle::access::Base::Fhir) => {
                let mut browser = Browser::new(&server);
                browser.cookies.insert(cookie(Audience::Member), secret.clone());
                let page =
                    if route.method == Method::GET { browser.get(&path).await } else { browser.post(&path, &[]).await };
                if route.method == Method::GET || route.method == Method::POST {
                    assert_eq!(page.status, 401, "{} {path}", route.method);
                    cells += 1;
                }
            }
            _ => {}
        }
    }
    assert!(cells >= 35, "{cells}");
}
