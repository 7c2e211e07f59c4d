//! What every page keeps to, and what each does with bad input.

use super::*;

const PAGES: [&str; 7] =
    ["/", "/login", "/developers", "/outbox", "/sandbox/", "/sandbox/login", "/developers/apps/nothing"];

#[tokio::test]
async fn every_page_has_its_headers_and_landmarks() {
    let house = house().await;
    for path in PAGES {
        for language in ["en", "es"] {
            let mut browser = house.browser();
            let page = browser.get(&format!("{path}?lang={language}")).await;
            if page.status.as_u16() == 303 {
                continue;
            }
            let header = |name: &str| page.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default();
            assert!(header("content-type").starts_with("text/html"), "{path}");
            let policy = header("content-security-policy");
            assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"), "{path}");
            assert_eq!(header("cache-control"), "no-store", "{path}");
            assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
            assert!(header("access-control-allow-origin").is_empty(), "{path}");
            assert!(page.says(&format!("<html lang=\"{language}\">")), "{path}");
            for part in ["<main id=\"main\"", "class=\"skip\"", "<nav aria-label", "<footer>", "<h1>"] {
                assert!(page.says(part), "{path} has no {part}");
            }
            for banned in ["<script", "style=", "onclick", " on", "javascript:"] {
                let found = banned == " on" && !page.text.contains(" onload") && !page.text.contains(" onclick");
                assert!(found || !page.says(banned), "{path} has {banned}");
            }
            assert!(!page.says(">?<"), "{path} lacks a word");
        }
    }
}

#[tokio::test]
async fn a_stranger_and_a_member_get_the_same_answer() {
    let house = house().await;
    let mut pages = Vec::new();
    for address in ["rosa.delgado@example.com", "nobody.nowhere@example.com"] {
        let mut browser = house.browser();
        browser.get("/login").await;
        let sent = browser.post("/login", &[("address", address)]).await;
        let wrong = browser.post("/login/code", &[("address", address), ("code", "000 000")]).await;
        for page in [sent, wrong] {
            let token = page.form_token();
            pages.push((page.status, page.text.replace(address, "ADDRESS").replace(&token, "TOKEN")));
        }
    }
    house.plan.identity.settle().await;
    let (known, unknown) = pages.split_at(2);
    assert_eq!(known, unknown);
    assert!(known[1].1.contains("You can try 4 more times"));
    assert_eq!(house.outbox.letters().len(), 1);
}

#[tokio::test]
async fn forms_of_other_sites_and_browsers_are_refused() {
    let house = house().await;
    let mut browser = house.browser();
    browser.get("/login").await;
    for origin in ["https://evil.example", "null", "https://plan.example.evil.example"] {
        let page = browser.post_from(origin, "/login", &[("address", "rosa.delgado@example.com")]).await;
        assert_eq!(page.status.as_u16(), 403, "{origin}");
    }
    let page = browser.post_from(BASE, "/login", &[("address", "rosa.delgado@example.com")]).await;
    assert_eq!(page.status.as_u16(), 200);
    browser.cookies.clear();
    let page = browser.post("/login", &[("address", "rosa.delgado@example.com")]).await;
    assert_eq!(page.status.as_u16(), 403, "a token without its cookie");
    assert!(page.says("This page was open too long"));
}

#[tokio::test]
async fn errors_are_said_in_title_summary_and_beside_the_field() {
    let house = house().await;
    let mut browser = house.browser();
    browser.language = "es-MX,es;q=0.9";
    browser.get("/login").await;
    let page = browser.post("/login", &[("address", "<b>rosa")]).await;
    assert!(page.title().starts_with("Error: "));
    assert!(page.says("Hay un problema") && page.says("href=\"#address\"") && page.says("id=\"address-error\""));
    assert!(page.says("&#60;b&#62;rosa") && !page.says("<b>rosa"), "what was typed is kept, and is text");
}

#[tokio::test]
async fn an_app_that_asks_wrongly_gets_nobody_redirected() {
    let house = house().await;
    let (app, _) = house.register(&house.plan, "Try & see").await;
    let mut browser = house.browser();
    let good = authorize("", &app, BASE);
    let page = browser.get(&good.replace("app.example%2Fcb", "evil.example%2Fcb")).await;
    assert_eq!((page.status.as_u16(), page.location()), (400, ""));
    assert!(page.says("This app cannot connect") && page.says("evil.example"));
    let page = browser.get(&good.replace(&app, "app-unknown")).await;
    assert_eq!((page.status.as_u16(), page.location()), (400, ""));
    let page = browser.get(&good.replace("S256", "plain")).await;
    assert_eq!(
        (page.status.as_u16(), page.location()),
        (400, ""),
        "nobody has looked at this app: a link, no redirect"
    );
    assert!(page.says("error=invalid_request"));
    house.plan.apps.set_status(&app, ingle::apps::Status::Active).await.unwrap();
    let page = browser.get(&good.replace("S256", "plain")).await;
    assert_eq!(query(page.location(), "error"), "invalid_request");
}

#[tokio::test]
async fn a_person_who_lost_her_way_gets_a_page_and_a_program_an_outcome() {
    let house = house().await;
    let mut browser = house.browser();
    let page = browser.get("/no/such/page").await;
    assert_eq!(page.status.as_u16(), 404);
    assert!(page.says("This page does not exist") && page.says("href=\"/\""));
    let answer = house.get("/no/such/page", None).await;
    assert_eq!(answer.issue().0, "not-found");
    let page = browser.get("/consent?request=nothing").await;
    assert_eq!((page.status.as_u16(), page.location()), (303, "/login?request=nothing"));
    let page = browser.get(page.location()).await;
    assert_eq!(page.status.as_u16(), 410);
    assert!(page.says("This request has ended"));
}

#[tokio::test]
async fn a_language_is_remembered() {
    let house = house().await;
    let mut browser = house.browser();
    let page = browser.get("/login").await;
    assert!(page.says("lang=es") && page.says("<html lang=\"en\">"));
    browser.get("/login?lang=es").await;
    for path in ["/login", "/", "/no/such/page"] {
        assert!(browser.get(path).await.says("<html lang=\"es\">"), "{path}");
    }
    let page = browser.get("/login?lang=fr").await;
    assert!(page.says("<html lang=\"es\">"), "a language that is not offered is not chosen");
}

#[tokio::test]
async fn cookies_are_bound_to_the_host_and_out_of_reach_of_scripts() {
    let house = house().await;
    let page = house.browser().get("/login").await;
    let line = page.headers.get("set-cookie").unwrap().to_str().unwrap();
    assert!(line.starts_with("__Host-ingle-member="), "{line}");
    for part in ["Path=/", "HttpOnly", "SameSite=Lax", "Secure"] {
        assert!(line.contains(part), "{line}");
    }
}

#[tokio::test]
async fn a_code_that_expired_or_was_asked_for_too_often_says_what_to_do() {
    let house = house().await;
    let mut browser = house.browser();
    let address = ("address", "rosa.delgado@example.com");
    browser.get("/login").await;
    browser.post("/login", &[address]).await;
    let page = browser.post("/login", &[address]).await;
    assert!(page.says("You can ask for a new code in 30 seconds") && page.says("one-time-code"));
    let code = house.code(address.1).await;
    house.hand.advance(std::time::Duration::from_mins(10));
    let page = browser.post("/login/code", &[address, ("code", &code)]).await;
    assert!(page.says("That code has expired"));
    let page = browser.post("/login", &[address]).await;
    assert_eq!(page.status.as_u16(), 200, "the page it is on can send a new one");
    for _ in 0..5 {
        browser.post("/login/code", &[address, ("code", "0 0 0 0 0 0")]).await;
    }
    let code = house.code(address.1).await;
    let page = browser.post("/login/code", &[address, ("code", &code)]).await;
    assert!(page.says("tried too often"), "five guesses are judged, the sixth is not");
}

#[tokio::test]
async fn a_signed_out_reader_is_shown_the_way_in() {
    let house = house().await;
    let mut browser = house.browser();
    assert_eq!(browser.get("/member").await.location(), "/login");
    assert_eq!(browser.get("/member/stop?grant=x").await.location(), "/login");
    assert_eq!(browser.get("/developers/apps/new").await.location(), "/developers");
    browser.get("/login").await;
    let page = browser.post("/member/stop", &[("grant", "x")]).await;
    assert_eq!(page.status.as_u16(), 401);
    assert!(page.says("You are signed out"));
}

/// What a page could read from its address.
const NAMES: [&str; 22] = [
    "stopped",
    "request",
    "grant",
    "address",
    "birth",
    "code",
    "person",
    "share",
    "decision",
    "error",
    "message",
    "name",
    "redirects",
    "homepage",
    "maker",
    "policy",
    "contact",
    "lang",
    "redirect_uri",
    "state",
    "scope",
    "do",
];

/// A link put its words into the plan's own: "Sharing with your plan. Call 1-900-555-0199 now has stopped." (access.md, minor).
#[tokio::test]
async fn threat_100_no_page_says_what_a_link_says() {
    let house = house().await;
    let (app, _) = house.register(&house.plan, "Try").await;
    let mut member = house.browser();
    member.get("/login").await;
    member.post("/login", &[("address", "rosa.delgado@example.com")]).await;
    let code = house.code("rosa.delgado@example.com").await;
    member.post("/login/code", &[("address", "rosa.delgado@example.com"), ("code", &code)]).await;
    let mut developer = house.browser();
    house.sign_in_developer(&mut developer).await;
    let mut nobody = house.browser();
    let marker = "Call 1-900-555-0199 now";
    for name in NAMES {
        let query: String = form_urlencoded::Serializer::new(String::new()).append_pair(name, marker).finish();
        for path in
            PAGES.iter().chain(&["/member/stop", "/consent", "/developers/apps/new", "/developers/authenticator"])
        {
            for browser in [&mut nobody, &mut member, &mut developer] {
                let page = browser.get(&format!("{path}?{query}")).await;
                assert!(!page.says("Call 1-900"), "{path}?{name}: {}", page.text);
            }
        }
        let authorize = format!("/oauth/authorize?client_id={app}&{query}");
        let page = nobody.get(&authorize).await;
        assert!(!page.says("Call 1-900"), "{authorize}: {}", page.text);
    }
}
