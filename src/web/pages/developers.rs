//! For makers of apps: signing in, the list of apps, the authenticator.

use std::fmt::Write;

use askama::Template;
use poem::Response;
use poem::http::StatusCode;
use qrcodegen::{QrCode, QrCodeEcc};

use super::frame::{Frame, html, see_other};
use super::login::{CodePage, Person, code_problem, status, wording};
use super::oops::Oops;
use super::visit::{DeveloperIn, Visit};
use super::words::Words;
use super::{developer_apps, sandbox};
use crate::identity::{Audience, Error, Level, NewSession, Offer, SignIn};

/// Invented members listed for developers.
const PEOPLE: usize = 25;

pub(super) struct Card {
    pub(super) client_id: String,
    pub(super) name: String,
    pub(super) sandbox: bool,
    pub(super) state: &'static str,
}

#[derive(Template)]
#[template(path = "developers.html")]
struct DevelopersPage {
    t: Words,
    f: Frame,
    address: String,
    apps: Vec<Card>,
    secured: bool,
    backup_left: usize,
    /// Address of the sandbox, or empty.
    sandbox: String,
    people: Vec<Person>,
}

struct Picture {
    key: String,
    size: i32,
    path: String,
}

#[derive(Template)]
#[template(path = "authenticator.html")]
struct AuthenticatorPage {
    t: Words,
    f: Frame,
    /// A new authenticator to scan, or nothing if its code is owed.
    offer: Option<Picture>,
}

#[derive(Template)]
#[template(path = "backup_codes.html")]
struct BackupCodesPage {
    t: Words,
    f: Frame,
    codes: Vec<String>,
}

/// `GET /developers`
pub(in crate::web) async fn show(visit: Visit) -> Result<Response, Oops> {
    if let Err(Oops::SecondFactor) = visit.developer_in(Level::Full) {
        return Err(Oops::SecondFactor);
    }
    developers_page(visit, None)
}

/// `POST /developers/login`: sends a code.
pub(in crate::web) async fn send(visit: Visit) -> Result<Response, Oops> {
    let address = visit.form.get("address").unwrap_or_default().to_owned();
    let (t, wording) = (visit.words(), wording(&visit));
    match visit.realm().identity.send_code(visit.visitor(), Audience::Developer, &address, &wording).await {
        Ok(()) => Ok(code_page(visit, None)),
        Err(Error::Address) => developers_page(visit, Some(t.say("developers.address_wrong").into())),
        Err(Error::TooMany { wait }) => {
            let text = t.fill("login.too_many", t.wait(wait));
            if visit.realm().identity.waiting(visit.visitor(), Audience::Developer)?.is_some() {
                return Ok(code_page(visit, Some(("", text))));
            }
            developers_page(visit, Some(text))
        }
        Err(other) => Err(other.into()),
    }
}

/// `POST /developers/login/code`
pub(in crate::web) async fn check(visit: Visit) -> Result<Response, Oops> {
    let typed = visit.form.get("code").unwrap_or_default();
    let address = visit.form.get("address").unwrap_or_default();
    match visit.realm().identity.check_code(visit.visitor(), Audience::Developer, address, typed).await {
        Ok(SignIn::Done(new)) => {
            let mut response = entered(&visit, &new, "/developers");
            visit.keep_known(&mut response, address);
            Ok(response)
        }
        Ok(SignIn::SecondFactor(new)) => {
            let mut response = entered(&visit, &new, "/developers/authenticator");
            visit.keep_known(&mut response, address);
            Ok(response)
        }
        Ok(SignIn::BirthDate) => Err(Oops::Broken("a developer was asked for a birth date".into())),
        Err(error) => {
            let text = code_problem(visit.words(), error)?;
            Ok(code_page(visit, Some(("code", text))))
        }
    }
}

/// `GET /developers/authenticator`: offers one, or asks for the code of the one there is.
pub(in crate::web) async fn authenticator(visit: Visit, who: DeveloperIn) -> Result<Response, Oops> {
    authenticator_page(visit, who, None).await
}

/// `POST /developers/authenticator`
pub(in crate::web) async fn check_authenticator(visit: Visit, who: DeveloperIn) -> Result<Response, Oops> {
    let DeveloperIn { account, level } = &who;
    let typed = visit.form.get("code").unwrap_or_default();
    let identity = &visit.realm().identity;
    let judged = if *level == Level::Full && !identity.account(account)?.has_second_factor() {
        identity.enrol_authenticator(&visit.secret, typed).await.map(|(new, codes)| (new, Some(codes)))
    } else {
        identity.check_authenticator(&visit.secret, typed).await.map(|(new, _)| (new, None))
    };
    let t = visit.words();
    match judged {
        Ok((new, None)) => Ok(entered(&visit, &new, "/developers")),
        Ok((new, Some(codes))) => {
            let mut response = html(&BackupCodesPage { t, f: visit.frame.clone(), codes }, StatusCode::OK);
            visit.enter(&mut response, &new);
            Ok(response)
        }
        Err(Error::Wrong { .. } | Error::NoCode) => {
            authenticator_page(visit, who, Some(t.say("totp.wrong").into())).await
        }
        Err(Error::TooMany { wait }) => {
            authenticator_page(visit, who, Some(t.fill("totp.too_many", t.wait(wait)))).await
        }
        Err(other) => Err(other.into()),
    }
}

/// `POST /developers/sign-out`
pub(in crate::web) async fn sign_out(visit: Visit) -> Result<Response, Oops> {
    visit.realm().identity.sign_out(&visit.secret).await?;
    let mut response = see_other("/");
    visit.leave(&mut response, Audience::Developer);
    Ok(response)
}

fn entered(visit: &Visit, new: &NewSession, to: &str) -> Response {
    let mut response = see_other(to);
    visit.enter(&mut response, new);
    response
}

fn developers_page(visit: Visit, problem: Option<String>) -> Result<Response, Oops> {
    let (mut apps, mut secured, mut backup_left) = (Vec::new(), false, 0);
    if let Ok(DeveloperIn { account, .. }) = visit.developer_in(Level::Full) {
        let known = visit.realm().identity.account(&account)?;
        (secured, backup_left) = (known.has_second_factor(), known.backup_codes_left());
        apps = developer_apps::cards(&visit, &account)?;
    }
    let (sandbox, people) = match &visit.ask.sandbox {
        Some(realm) => (realm.address.clone(), sandbox::people(realm, PEOPLE)?),
        None => (String::new(), Vec::new()),
    };
    let address = visit.typed("address");
    let (t, status) = (visit.words(), status(problem.is_some()));
    let f = match problem {
        Some(text) => visit.frame.wrong("address", text),
        None => visit.frame,
    }
    .broad();
    Ok(html(&DevelopersPage { t, f, address, apps, secured, backup_left, sandbox, people }, status))
}

fn code_page(visit: Visit, problem: Option<(&'static str, String)>) -> Response {
    let address = visit.form.get("address").unwrap_or_default().to_owned();
    let trouble = visit.realm().identity.has_trouble(&address);
    let (t, status) = (visit.words(), status(problem.is_some()));
    let f = match problem {
        Some((field, text)) => visit.frame.wrong(field, text),
        None => visit.frame,
    };
    let (action, start) = ("/developers/login".to_owned(), "/developers".to_owned());
    html(&CodePage { t, f, request: String::new(), address, shown: None, trouble, action, start }, status)
}

async fn authenticator_page(visit: Visit, who: DeveloperIn, problem: Option<String>) -> Result<Response, Oops> {
    let DeveloperIn { account, level } = who;
    let enrolled = visit.realm().identity.account(&account)?.has_second_factor();
    if enrolled && level == Level::Full {
        return Ok(see_other("/developers"));
    }
    let offer =
        if enrolled { None } else { Some(picture(visit.realm().identity.offer_authenticator(&account).await?)?) };
    let (t, status) = (visit.words(), status(problem.is_some()));
    let f = match problem {
        Some(text) => visit.frame.wrong("code", text),
        None => visit.frame,
    };
    Ok(html(&AuthenticatorPage { t, f, offer }, status))
}

/// The QR code as one SVG path: no script, no picture file, no inline style.
fn picture(offer: Offer) -> Result<Picture, Oops> {
    const BORDER: i32 = 4;
    let code = QrCode::encode_text(&offer.url, QrCodeEcc::Medium).map_err(|error| Oops::Broken(error.to_string()))?;
    let mut path = String::new();
    for y in 0..code.size() {
        for x in (0..code.size()).filter(|x| code.get_module(*x, y)) {
            // Writing to a String cannot fail.
            let _ = write!(path, "M{},{}h1v1h-1z", x + BORDER, y + BORDER);
        }
    }
    Ok(Picture { key: offer.key, size: code.size() + 2 * BORDER, path })
}

/// Two parts of an address put together, for templates.
fn joined(base: &str, rest: &str) -> String {
    format!("{base}{rest}")
}
