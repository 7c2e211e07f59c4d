//! The main job through the pages: a developer registers an app, a member signs in with a code, agrees, the app gets
//! tokens, she sees it and stops it.

use super::*;

#[tokio::test]
async fn developer_to_stop_sharing() {
    let house = house().await;
    let mut developer = house.browser();
    developer.get("/developers").await;
    let page = developer.post("/developers/login", &[("address", "dev@example.org")]).await;
    assert!(page.says("dev@example.org"), "{}", page.text);
    let code = house.code("dev@example.org").await;
    let page = developer.post("/developers/login/code", &[("address", "dev@example.org"), ("code", &code)]).await;
    assert_eq!((page.status.as_u16(), page.location()), (303, "/developers"));
    let page = developer.get("/developers").await;
    assert!(page.says("Create your first app") && page.says("Signed in as dev@example.org"));
    developer.get("/developers/apps/new").await;
    let fields = [
        ("name", "Health History"),
        ("kind", "web"),
        ("redirects", "https://app.example/cb\r\nhttps://app.example/other"),
        ("scopes", "all"),
        ("scopes", "offline"),
    ];
    let page = developer.post("/developers/apps", &fields).await;
    let page = developer.get(page.location()).await;
    assert!(page.says("Health History is ready"), "{}", page.text);
    let sandbox_id = between(&page.text, "id=\"client-id\">", "<").unwrap();
    assert!(sandbox_id.starts_with("sandbox-app-"));
    let live = format!("/developers/apps/{sandbox_id}/live");
    let page = developer.post(&live, &[("policy", "http://app.example/privacy")]).await;
    for needed in ["The name of the maker.", "privacy policy.", "terms of use.", "for contact."] {
        assert!(page.says(needed), "{needed}");
    }
    let maker = [
        ("maker", "Example Apps, Inc."),
        ("policy", "https://app.example/privacy"),
        ("terms", "https://app.example/terms"),
        ("contact", "help@app.example"),
    ];
    let page = developer.post(&live, &maker).await;
    let again = developer.post(&live, &maker).await;
    assert_eq!(page.location(), again.location(), "two clicks make one app");
    let page = developer.get(page.location()).await;
    let client_id = between(&page.text, "id=\"client-id\">", "<").unwrap();
    let secret = between(&page.text, "id=\"secret\">", "<").unwrap();
    assert!(client_id.starts_with("app-"));
    let page = developer.get(&format!("/developers/apps/{client_id}")).await;
    assert!(!page.says(&secret), "a secret is shown once");

    let mut member = house.browser();
    let page = member.get(&authorize("", &client_id, BASE)).await;
    let login = page.location().to_owned();
    assert!(login.starts_with("/login?request="), "{login} {}", page.text);
    let page = member.get(&login).await;
    assert!(page.says("Health History wants to read"));
    let request = page.hidden("request");
    let page = member.post("/login", &[("address", "rosa.delgado@example.com"), ("request", &request)]).await;
    assert!(page.says("autocomplete=\"one-time-code\""));
    let code = house.code("rosa.delgado@example.com").await;
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    let answer = [("address", "rosa.delgado@example.com"), ("request", &request), ("code", &spaced)];
    let page = member.post("/login/code", &answer).await;
    let consent = page.location().to_owned();
    assert!(consent.starts_with("/consent?request="), "{}", page.text);
    let page = member.get(&consent).await;
    assert!(page.says("Share your records with Health History?") && page.says("Rosa Delgado (you)"));
    assert!(!page.says("checked"), "nothing sensitive is ticked beforehand");
    assert!(page.says("Made by Example Apps, Inc.") && page.says("Your records will go to app.example."));

    let nobody =
        member.post("/consent", &[("request", &request), ("decision", "share"), ("share", "mental-health")]).await;
    assert!(nobody.title().starts_with("Error:") && nobody.says("Choose whose records to share"));
    assert_eq!(nobody.text.matches(" checked").count(), 1, "what she ticked is still ticked (pages.md 11)");
    // A place in the list names nobody (access.md S2).
    let place = [("request", request.as_str()), ("decision", "share"), ("person", "0")];
    assert!(member.post("/consent", &place).await.says("Choose whose records to share"));
    let person = between(&page.text, "name=\"person\" value=\"", "\"").unwrap();
    let decision = [("request", request.as_str()), ("decision", "share"), ("person", &person), ("share", "hiv")];
    let page = member.post("/consent", &decision).await;
    assert_eq!(page.status.as_u16(), 303);
    let code = query(page.location(), "code");
    assert_eq!(query(page.location(), "state"), "s-1");
    assert_eq!(query(page.location(), "iss"), BASE);

    let tokens = house.redeem("", (&client_id, &secret), &code).await;
    assert_eq!(tokens["patient"], "rosa-delgado");
    let access = house.plan.oauth.verify(tokens["access_token"].as_str().unwrap()).unwrap();
    assert_eq!(access.patients, ["rosa-delgado"]);

    let page = member.get("/member").await;
    assert!(page.says("Health History") && page.says("HIV and AIDS") && page.says("Not yet"), "{}", page.text);
    let stop = between(&page.text, "href=\"/member/stop?grant=", "\"").unwrap();
    let page = member.get(&format!("/member/stop?grant={stop}")).await;
    assert!(page.says("Stop sharing with Health History?"));
    let page = member.post("/member/stop", &[("grant", &stop)]).await;
    let page = member.get(page.location()).await;
    assert!(page.says("Sharing with Health History has stopped") && page.says("Stopped on"), "{}", page.text);
    assert!(house.plan.oauth.verify(tokens["access_token"].as_str().unwrap()).is_err());
    let page = member.post("/sign-out", &[]).await;
    assert_eq!(page.location(), "/");
    let page = member.get("/member").await;
    assert_eq!(page.location(), "/login");
}

#[tokio::test]
async fn the_sandbox_shows_the_code_and_its_tokens_are_worthless_elsewhere() {
    let house = house().await;
    let (app, secret) = house.register(&house.sandbox, "Try").await;
    let mut member = house.browser();
    let base = format!("{BASE}/sandbox");
    let page = member.get(&authorize("/sandbox", &app, &base)).await;
    let page = member.get(page.location()).await;
    assert!(page.says("Use Rosa Delgado") && page.says("Sandbox:"));
    let request = page.hidden("request");
    let address = "rosa.delgado@example.com";
    let page = member.post("/sandbox/login", &[("address", address), ("request", &request)]).await;
    let code = between(&page.text, "<p class=\"code\">", "<").unwrap();
    assert!(house.outbox.letters().is_empty());
    let answer = [("address", address), ("request", &request), ("code", &code)];
    let page = member.post("/sandbox/login/code", &answer).await;
    assert!(page.location().starts_with("/sandbox/consent"));
    let page = member.get(page.location()).await;
    let person = between(&page.text, "name=\"person\" value=\"", "\"").unwrap();
    let decision = [("request", request.as_str()), ("decision", "share"), ("person", &person)];
    let page = member.post("/sandbox/consent", &decision).await;
    let tokens = house.redeem("/sandbox", (&app, &secret), &query(page.location(), "code")).await;
    let token = tokens["access_token"].as_str().unwrap();
    assert!(token.starts_with("ings_"));
    assert!(house.sandbox.oauth.verify(token).is_ok() && house.plan.oauth.verify(token).is_err());
    let page = member.get("/member").await;
    assert_eq!(page.location(), "/login", "signed in to the sandbox is not signed in to the plan");
}

#[tokio::test]
async fn cancel_goes_back_to_the_app_without_signing_in() {
    let house = house().await;
    let (app, _) = house.register(&house.plan, "Try").await;
    let mut member = house.browser();
    let page = member.get(&authorize("", &app, BASE)).await;
    let page = member.get(page.location()).await;
    let request = page.hidden("request");
    let page = member.post("/consent", &[("request", &request), ("decision", "cancel")]).await;
    assert_eq!(query(page.location(), "error"), "access_denied");
    let page = member.get(&format!("/login?request={request}")).await;
    assert_eq!(page.status.as_u16(), 410);
    assert!(page.says("This request has ended"));
}

#[tokio::test]
async fn an_authenticator_protects_a_developer() {
    let house = house().await;
    let mut developer = house.browser();
    house.sign_in_developer(&mut developer).await;
    let page = developer.get("/developers/authenticator").await;
    assert!(page.says("<svg class=\"qr\"") && !page.says("otpauth"));
    let key = between(&page.text, "id=\"key\">", "<").unwrap();
    let page = developer.post("/developers/authenticator", &[("code", "000000")]).await;
    assert!(page.title().starts_with("Error:"));
    let code = authenticator(&key, house.plan.clock.now().as_second());
    let page = developer.post("/developers/authenticator", &[("code", &code)]).await;
    assert!(page.says("Keep your backup codes"), "{}", page.text);
    let backup = between(&page.text, "<li class=\"code\">", "<").unwrap();
    house.hand.advance(std::time::Duration::from_mins(2));
    let mut again = house.browser();
    let page = house.sign_in_developer(&mut again).await;
    assert_eq!(page.location(), "/developers/authenticator");
    let page = again.get("/developers").await;
    assert_eq!(page.location(), "/developers/authenticator", "nothing else is open before it");
    let page = again.get("/developers/apps/new").await;
    assert_eq!(page.location(), "/developers/authenticator");
    again.get("/developers/authenticator").await;
    let page = again.post("/developers/authenticator", &[("code", &backup)]).await;
    assert_eq!(page.location(), "/developers");
    let page = again.get("/developers").await;
    assert!(page.says("9 backup codes"));
}

#[tokio::test]
async fn members_who_share_an_address_say_when_they_were_born() {
    let house = house().await;
    for (id, birth_date) in [("ALD2001", "1979-11-30"), ("ALD2002", "1981-02-03")] {
        let row = ingle::identity::roster::Enrolment {
            member_id: id.into(),
            patient: format!("patient-{id}").to_lowercase(),
            given: id.into(),
            birth_date: birth_date.into(),
            phones: vec!["541-555-0190".into()],
            ..Default::default()
        };
        let key = house.plan.identity.contact_key().clone();
        let enrol = move |txn: &mut ingle::store::Txn<'_>| ingle::identity::roster::enrol(txn, &key, &row, 0);
        house.plan.store.transact(enrol).await.unwrap();
    }
    let mut member = house.browser();
    member.get("/login").await;
    member.post("/login", &[("address", "(541) 555-0190")]).await;
    house.plan.identity.settle().await;
    let text = house.texts.texts().pop().unwrap();
    assert_eq!(text.to, "+15415550190");
    let code = text.body.lines().find(|line| line.len() == 6 && line.parse::<u32>().is_ok()).unwrap().to_owned();
    let page = member.post("/login/code", &[("address", "5415550190"), ("code", &code)]).await;
    assert!(page.says("When were you born?"), "{}", page.text);
    let page = member.post("/login/birth-date", &[("birth", "31/11/1979")]).await;
    assert!(page.says("Enter the date as month, day and year"));
    let page = member.post("/login/birth-date", &[("birth", "01/01/1970")]).await;
    assert!(page.says("That date does not match"));
    let page = member.post("/login/birth-date", &[("birth", "2/3/1981")]).await;
    assert_eq!(page.location(), "/member");
    assert!(member.get("/member").await.says("Hello, ALD2002"));
}

#[tokio::test]
async fn an_app_form_says_what_is_missing() {
    let house = house().await;
    let mut developer = house.browser();
    house.sign_in_developer(&mut developer).await;
    developer.get("/developers/apps/new").await;
    let good = [("name", "App"), ("kind", "web"), ("redirects", "https://app.example/cb"), ("scopes", "all")];
    for (field, value, says) in [
        ("name", "", "Enter a name of 1 to 60 letters"),
        ("kind", "robot", "Choose what kind of app it is"),
        ("redirects", "", "Enter one to ten redirect addresses"),
        ("redirects", "javascript:alert(1)", "Check the redirect address javascript:alert(1)"),
        ("scopes", "offline", "Choose at least one kind of record"),
    ] {
        let fields: Vec<(&str, &str)> =
            good.iter().map(|(name, given)| (*name, if *name == field { value } else { *given })).collect();
        let page = developer.post("/developers/apps", &fields).await;
        assert!(page.title().starts_with("Error:") && page.says(says), "{field} {value}: {}", page.text);
        assert!(page.says(&format!("href=\"#{field}\"")), "{field}");
    }
    let page = developer.get("/developers/apps/app-of-another").await;
    assert_eq!(page.status.as_u16(), 404);
}

#[tokio::test]
async fn a_secret_is_rolled_over_and_shown_once() {
    let house = house().await;
    let mut developer = house.browser();
    house.sign_in_developer(&mut developer).await;
    developer.get("/developers/apps/new").await;
    let fields = [("name", "App"), ("kind", "web"), ("redirects", "https://app.example/cb"), ("scopes", "claims")];
    let page = developer.post("/developers/apps", &fields).await;
    let address = page.location().to_owned();
    let secret = |page: &Page| between(&page.text, "id=\"secret\">", "<");
    let first = secret(&developer.get(&address).await).unwrap();
    assert_eq!(secret(&developer.get(&address).await), None, "reloading shows it no more");
    developer.post(&format!("{address}/secret"), &[("do", "add")]).await;
    let second = secret(&developer.get(&address).await).unwrap();
    assert_ne!(first, second);
    let page = developer.post(&format!("{address}/secret"), &[("do", "add")]).await;
    assert!(page.title().starts_with("Error:") && page.says("two secrets already"));
    developer.post(&format!("{address}/secret"), &[("do", "drop")]).await;
    let client_id = address.rsplit('/').next().unwrap();
    let app = house.sandbox.apps.find(client_id).unwrap().unwrap();
    assert!(!app.has_secret(&first) && app.has_secret(&second));
    assert_eq!(house.sandbox.apps.all().unwrap().len(), 1, "one form made one app");
}
