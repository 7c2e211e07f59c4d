//! A developer's apps: creating one, its keys, its second life with real members.

use askama::Template;
use poem::Response;
use poem::http::StatusCode;

use super::developers::Card;
use super::frame::{Frame, html, see_other};
use super::login::status;
use super::oops::Oops;
use super::visit::{DeveloperIn, Visit};
use super::words::Words;
use crate::apps::{App, Apps, Error, Kind, Maker, Missing, NewApp, Status};
use crate::oauth::pkce_challenge;
use crate::realm::{Realm, RealmKind};

/// Choices of the scopes picker, with the scopes each stands for.
const PICKS: [(&str, &str); 6] = [
    ("all", "patient/*.rs"),
    ("person", "patient/Patient.rs"),
    ("coverage", "patient/Coverage.rs"),
    ("claims", "patient/ExplanationOfBenefit.rs patient/Organization.rs patient/Practitioner.rs patient/Location.rs"),
    (
        "clinical",
        "patient/AllergyIntolerance.rs patient/CarePlan.rs patient/CareTeam.rs patient/Condition.rs \
         patient/DiagnosticReport.rs patient/DocumentReference.rs patient/Encounter.rs patient/Goal.rs \
         patient/Immunization.rs patient/MedicationRequest.rs patient/Observation.rs patient/Procedure.rs",
    ),
    ("offline", "offline_access"),
];
/// Scopes every app may ask for: they say who signed in.
const ALWAYS: &str = "openid fhirUser launch/patient";
const KINDS: [(&str, Kind); 3] = [("web", Kind::Web), ("browser", Kind::Browser), ("native", Kind::Native)];
/// What an app for members lacks, with the words for it.
const MISSING: [(Missing, &str); 5] = [
    (Missing::Maker, "app.needs_maker"),
    (Missing::Policy, "app.needs_policy"),
    (Missing::Terms, "app.needs_terms"),
    (Missing::Contact, "app.needs_contact"),
    (Missing::Redirect, "app.needs_redirect"),
];

/// The form as it was filled in.
#[derive(Default)]
struct Draft {
    name: String,
    kind: String,
    redirects: String,
    picks: Vec<String>,
    homepage: String,
}

#[derive(Template)]
#[template(path = "new_app.html")]
struct NewAppPage {
    t: Words,
    f: Frame,
    draft: Draft,
    kinds: Vec<&'static str>,
    picks: Vec<String>,
}

#[derive(Template)]
#[template(path = "app.html")]
struct AppPage {
    t: Words,
    f: Frame,
    app: App,
    sandbox: bool,
    fresh: bool,
    /// Shown this once.
    secret: Option<String>,
    secrets: Vec<(String, String)>,
    kind: &'static str,
    state: &'static str,
    walk: Option<Walk>,
    can_go_live: bool,
    /// The form for going live, as it was filled in.
    maker: Maker,
}

/// The first authorization, to walk by hand: a link and two commands.
struct Walk {
    link: String,
    redeem: String,
    read: String,
}

/// `GET /developers/apps/new`
pub(in crate::web) async fn blank(visit: Visit, _: DeveloperIn) -> Result<Response, Oops> {
    let picks = ["all", "offline"].map(str::to_owned).to_vec();
    Ok(form_page(visit, Draft { kind: "web".into(), picks, ..Draft::default() }, None))
}

/// `POST /developers/apps`: registers the app in the sandbox, where it works at once.
pub(in crate::web) async fn create(visit: Visit, who: DeveloperIn) -> Result<Response, Oops> {
    let owner = who.account;
    let text = |name: &str| visit.form.get(name).unwrap_or_default().to_owned();
    let draft = Draft {
        name: text("name"),
        kind: text("kind"),
        redirects: text("redirects"),
        picks: visit.form.all("scopes").map(str::to_owned).collect(),
        homepage: text("homepage"),
    };
    let t = visit.words();
    let Some((_, kind)) = KINDS.iter().find(|(name, _)| *name == draft.kind) else {
        return Ok(form_page(visit, draft, Some(("kind", t.say("new_app.kind_wrong").into()))));
    };
    let Some(scopes) = scopes_of(&draft.picks) else {
        return Ok(form_page(visit, draft, Some(("scopes", t.say("new_app.scopes_wrong").into()))));
    };
    let new = NewApp {
        name: draft.name.clone(),
        kind: *kind,
        redirects: draft.redirects.lines().map(str::to_owned).collect(),
        scopes,
        homepage: draft.homepage.clone(),
        maker: Maker::default(),
        owner,
    };
    let realm = visit.ask.sandbox.clone().unwrap_or_else(|| visit.ask.realm.clone());
    match realm.apps.register(new).await {
        Ok((app, secret)) => Ok(on_to(&visit, &app.client_id, secret.as_deref())),
        // The second of two clicks: the first one's answer carries the secret.
        Err(Error::Twice(client_id)) => Ok(see_other(&format!("/developers/apps/{client_id}"))),
        Err(error) => {
            let problem = problem(t, error)?;
            Ok(form_page(visit, draft, Some(problem)))
        }
    }
}

/// `GET /developers/apps/:id`
pub(in crate::web) async fn show(visit: Visit, who: DeveloperIn) -> Result<Response, Oops> {
    let (realm, app) = owned(&visit, &who)?;
    let carried = visit.carried();
    let mine = carried.as_deref().and_then(|words| words.split_once(' ')).filter(|(id, _)| *id == app.client_id);
    let secret = mine.map(|(_, secret)| secret.to_owned()).filter(|secret| !secret.is_empty());
    let fresh = mine.is_some();
    let mut response = html(&app_page(&visit, &realm, app, secret, fresh), StatusCode::OK);
    if fresh {
        visit.put_down(&mut response);
    }
    Ok(response)
}

/// `POST /developers/apps/:id/secret`: one more, or one less.
pub(in crate::web) async fn secret(visit: Visit, who: DeveloperIn) -> Result<Response, Oops> {
    let (realm, app) = owned(&visit, &who)?;
    let changed = match visit.form.get("do") {
        Some("drop") => realm.apps.drop_oldest_secret(&app.client_id).await.map(|()| None),
        _ => realm.apps.add_secret(&app.client_id).await.map(Some),
    };
    match changed {
        Ok(Some(secret)) => Ok(on_to(&visit, &app.client_id, Some(&secret))),
        Ok(None) => Ok(see_other(&format!("/developers/apps/{}", app.client_id))),
        Err(Error::SecretCount) => {
            let mut page = app_page(&visit, &realm, app, None, false);
            let text = page.t.say("app.limit");
            page.f = page.f.wrong("", text);
            Ok(html(&page, status(true)))
        }
        Err(other) => Err(other.into()),
    }
}

/// `POST /developers/apps/:id/live`: the same app for real members. The plan may want to look at it first.
pub(in crate::web) async fn go_live(visit: Visit, who: DeveloperIn) -> Result<Response, Oops> {
    let (realm, app) = owned(&visit, &who)?;
    if realm.kind != RealmKind::Sandbox {
        return Ok(see_other(&format!("/developers/apps/{}", app.client_id)));
    }
    let text = |name: &str| visit.form.get(name).unwrap_or_default().to_owned();
    let maker = Maker { name: text("maker"), policy: text("policy"), terms: text("terms"), contact: text("contact") };
    let new = NewApp {
        name: app.name.clone(),
        kind: app.kind,
        redirects: app.redirects.clone(),
        scopes: app.scopes.clone(),
        homepage: app.homepage.clone(),
        maker: maker.clone(),
        owner: app.owner.clone(),
    };
    let plan = visit.ask.realm.clone();
    let t = visit.words();
    let (field, text) = match plan.apps.register_for_members(new).await {
        Ok((app, secret)) => return Ok(on_to(&visit, &app.client_id, secret.as_deref())),
        Err(Error::Twice(client_id)) => return Ok(see_other(&format!("/developers/apps/{client_id}"))),
        Err(Error::Lacks(missing)) => {
            let needs = MISSING.iter().filter(|(what, _)| missing.contains(what)).map(|(_, words)| t.say(words));
            let field = match missing.first() {
                Some(Missing::Maker) => "maker",
                Some(Missing::Policy) => "policy",
                Some(Missing::Terms) => "terms",
                Some(Missing::Contact) => "contact",
                _ => "",
            };
            (field, t.fill("app.needs", needs.collect::<Vec<_>>().join(" ")))
        }
        Err(error) => ("", problem(t, error)?.1),
    };
    let mut page = app_page(&visit, &realm, app, None, false);
    page.maker = maker;
    page.f = page.f.wrong(field, text);
    Ok(html(&page, status(true)))
}

/// The developer's apps in both realms.
pub(super) fn cards(visit: &Visit, owner: &str) -> Result<Vec<Card>, Oops> {
    let card = |sandbox: bool| {
        move |app: App| Card {
            client_id: app.client_id.into_string(),
            name: app.name,
            sandbox,
            state: state(app.status),
        }
    };
    let of = |apps: &Apps| apps.of_owner(owner);
    let mut cards: Vec<Card> = match &visit.ask.sandbox {
        Some(realm) => of(&realm.apps)?.into_iter().map(card(true)).collect(),
        None => Vec::new(),
    };
    cards.extend(of(&visit.realm().apps)?.into_iter().map(card(false)));
    Ok(cards)
}

/// The app of the path, in whichever realm it lives, if it is this developer's.
fn owned(visit: &Visit, who: &DeveloperIn) -> Result<(std::sync::Arc<Realm>, App), Oops> {
    let client_id = visit.ask.segment("id");
    for realm in visit.ask.sandbox.iter().chain([&visit.ask.realm]) {
        match realm.apps.get_owned(&who.account, &client_id) {
            Ok(app) => return Ok((realm.clone(), app)),
            Err(Error::Unknown) => {}
            Err(other) => return Err(other.into()),
        }
    }
    Err(Oops::Missing)
}

fn scopes_of(picks: &[String]) -> Option<String> {
    let chosen: Vec<&str> =
        PICKS.iter().filter(|(name, _)| picks.iter().any(|p| p == name)).map(|(_, scopes)| *scopes).collect();
    let something = chosen.iter().any(|scopes| scopes.starts_with("patient/"));
    something.then(|| format!("{ALWAYS} {}", chosen.join(" ")))
}

fn problem(t: Words, error: Error) -> Result<(&'static str, String), Oops> {
    Ok(match error {
        Error::Name => ("name", t.say("new_app.name_wrong").into()),
        Error::PlanName => ("name", t.say("new_app.name_of_plan").into()),
        Error::TakenName => ("name", t.say("new_app.name_taken").into()),
        Error::RedirectCount => ("redirects", t.say("new_app.redirects_wrong").into()),
        Error::Redirect { address, reason } => ("redirects", t.fill2("new_app.redirect_wrong", address, reason)),
        Error::Scopes => ("scopes", t.say("new_app.scopes_wrong").into()),
        Error::TooMany => ("", t.say("new_app.too_many").into()),
        other => return Err(other.into()),
    })
}

fn form_page(visit: Visit, draft: Draft, problem: Option<(&'static str, String)>) -> Response {
    let (t, status) = (visit.words(), status(problem.is_some()));
    let f = match problem {
        Some((field, text)) => visit.frame.wrong(field, text),
        None => visit.frame,
    };
    let kinds = KINDS.iter().map(|(name, _)| *name).collect();
    let picks = PICKS.iter().map(|(name, _)| (*name).to_owned()).collect();
    html(&NewAppPage { t, f, draft, kinds, picks }, status)
}

/// To the app's own page, which shows the secret this once.
fn on_to(visit: &Visit, client_id: &str, secret: Option<&str>) -> Response {
    let words = format!("{client_id} {}", secret.unwrap_or_default());
    visit.carry(&format!("/developers/apps/{client_id}"), &words)
}

fn app_page(visit: &Visit, realm: &Realm, app: App, secret: Option<String>, fresh: bool) -> AppPage {
    let t = visit.words();
    AppPage {
        t,
        f: visit.frame.clone(),
        sandbox: realm.kind == RealmKind::Sandbox,
        fresh,
        secret,
        secrets: app.secrets.iter().map(|kept| (kept.hint.clone(), t.day(kept.created))).collect(),
        kind: KINDS.iter().find(|(_, kind)| *kind == app.kind).map_or("web", |(name, _)| *name),
        state: state(app.status),
        walk: walk(realm, &app, &visit.secret),
        can_go_live: realm.kind == RealmKind::Sandbox,
        maker: app.maker.clone(),
        app,
    }
}

/// An authorization request that works as it stands, and what comes after it. The verifier is on the page, for only with it
/// can the code be redeemed; it is this browser's own, and the same when the page is opened again.
fn walk(realm: &Realm, app: &App, browser: &str) -> Option<Walk> {
    let redirect = app.redirects.first()?;
    let verifier = realm.identity.form_token(&format!("{} {browser}", app.client_id));
    let mut query = form_urlencoded::Serializer::new(String::new());
    let base = realm.oauth.settings().fhir_base();
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", &app.client_id),
        ("redirect_uri", redirect),
        ("scope", &app.scopes),
        ("state", "try-it"),
        ("aud", &base),
        ("code_challenge", &pkce_challenge(&verifier)),
        ("code_challenge_method", "S256"),
    ] {
        query.append_pair(name, value);
    }
    let secret = if app.kind.has_secret() { " -d client_secret=SECRET" } else { "" };
    Some(Walk {
        link: format!("{}/oauth/authorize?{}", realm.address, query.finish()),
        redeem: format!(
            "curl {}/oauth/token -d grant_type=authorization_code -d code=CODE -d client_id={}{secret} \
             --data-urlencode redirect_uri='{redirect}' -d code_verifier={verifier}",
            realm.address, app.client_id
        ),
        read: format!("curl -H 'Authorization: Bearer ACCESS_TOKEN' {base}/Patient/PATIENT"),
    })
}

const fn state(status: Status) -> &'static str {
    match status {
        Status::Active => "active",
        Status::Waiting => "waiting",
        Status::Suspended => "suspended",
    }
}
