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
use crate::apps::{App, Apps, Error, Kind, NewApp, Status};
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
/// An example verifier of RFC 7636, so that the first link works without code. Real apps make their own.
const EXAMPLE_CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

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
    try_it: String,
    can_go_live: bool,
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
        owner,
    };
    let realm = visit.ask.sandbox.clone().unwrap_or_else(|| visit.ask.realm.clone());
    match realm.apps.register(new).await {
        Ok((app, secret)) => Ok(on_to(&visit, &app.client_id, secret.as_deref())),
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
    let new = NewApp {
        name: app.name,
        kind: app.kind,
        redirects: app.redirects,
        scopes: app.scopes,
        homepage: app.homepage,
        owner: app.owner,
    };
    let plan = visit.ask.realm.clone();
    let (app, secret) = plan.apps.register(new).await?;
    Ok(on_to(&visit, &app.client_id, secret.as_deref()))
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
        try_it: try_it(realm, &app),
        can_go_live: realm.kind == RealmKind::Sandbox,
        app,
    }
}

/// An authorization request that works as it stands.
fn try_it(realm: &Realm, app: &App) -> String {
    let Some(redirect) = app.redirects.first() else { return String::new() };
    let mut query = form_urlencoded::Serializer::new(String::new());
    let base = realm.oauth.settings().fhir_base();
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", &app.client_id),
        ("redirect_uri", redirect),
        ("scope", &app.scopes),
        ("state", "try-it"),
        ("aud", &base),
        ("code_challenge", EXAMPLE_CHALLENGE),
        ("code_challenge_method", "S256"),
    ] {
        query.append_pair(name, value);
    }
    format!("{}/oauth/authorize?{}", realm.address, query.finish())
}

const fn state(status: Status) -> &'static str {
    match status {
        Status::Active => "active",
        Status::Waiting => "waiting",
        Status::Suspended => "suspended",
    }
}
