//! Pages for what went wrong. Each says what happened, what to do next, and where help is (in the footer).

use askama::Template;
use poem::Response;
use poem::http::{HeaderMap, StatusCode};

use super::frame::{Frame, html, see_other};
use super::visit::language_of;
use super::words::Words;
use crate::realm::Realm;
use crate::{apps, consent, identity, oauth, store};

/// Why a page cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(in crate::web) enum Oops {
    /// No such page, or not for this person.
    #[error("no such page")]
    Missing,
    /// The form was made for another browser or session, or another site sent it.
    #[error("the form has expired")]
    Expired,
    /// Nobody is signed in.
    #[error("signed out")]
    SignedOut,
    /// The authenticator's code is owed.
    #[error("the second factor is owed")]
    SecondFactor,
    /// The authorization request is over.
    #[error("the request has ended")]
    RequestEnded,
    /// A budget is used up; it is refilled after so many seconds.
    #[error("too many requests")]
    TooMany(i64),
    /// Our fault.
    #[error("{0}")]
    Broken(String),
}

#[derive(Template)]
#[template(path = "oops.html")]
pub(super) struct OopsPage {
    pub(super) t: Words,
    pub(super) f: Frame,
    pub(super) title: String,
    pub(super) text: String,
    /// For the makers of an app.
    pub(super) reason: String,
    /// Address and words of the way out.
    pub(super) link: Option<(String, &'static str)>,
}

impl Oops {
    pub(super) fn to_page(&self, frame: Frame, request: &str) -> Response {
        let t = frame.t;
        let (title, text, status) = match self {
            Self::SecondFactor => return see_other("/developers/authenticator"),
            Self::Missing => ("oops.missing_title", t.say("oops.missing").to_owned(), StatusCode::NOT_FOUND),
            Self::Expired => ("oops.expired_title", t.say("oops.expired").to_owned(), StatusCode::FORBIDDEN),
            Self::SignedOut => ("oops.signed_out_title", t.say("oops.signed_out").to_owned(), StatusCode::UNAUTHORIZED),
            Self::RequestEnded => ("consent.ended_title", t.say("consent.ended").to_owned(), StatusCode::GONE),
            Self::TooMany(wait) => {
                ("oops.many_title", t.fill("oops.many", t.wait(*wait)), StatusCode::TOO_MANY_REQUESTS)
            }
            Self::Broken(error) => {
                tracing::error!(request, error, "a page failed");
                let text = frame.with_help(&t.fill("oops.broken", request));
                ("oops.broken_title", text, StatusCode::INTERNAL_SERVER_ERROR)
            }
        };
        let link = match self {
            Self::SignedOut if frame.audience == "developer" => ("/developers".to_owned(), t.say("login.title")),
            Self::SignedOut => (format!("{}/login", frame.base), t.say("login.title")),
            _ => (format!("{}/", frame.base), t.say("site.home")),
        };
        let title = t.say(title).to_owned();
        html(&OopsPage { t, f: frame, title, text, reason: String::new(), link: Some(link) }, status)
    }
}

/// A page for a request that never became a visit: no route, no readable form, or a defect.
pub(in crate::web) fn broken(realm: &Realm, headers: &HeaderMap, status: StatusCode, request: &str) -> Response {
    let f = Frame::bare(realm, language_of(&realm.config.plan.languages, headers));
    let t = f.t;
    let (title, text) = if status.is_server_error() {
        (t.say("oops.broken_title"), f.with_help(&t.fill("oops.broken", request)))
    } else {
        (t.say("oops.missing_title"), t.say("oops.missing").to_owned())
    };
    let link = Some((format!("{}/", f.base), t.say("site.home")));
    html(&OopsPage { t, f, title: title.to_owned(), text, reason: String::new(), link }, status)
}

impl From<store::Error> for Oops {
    fn from(error: store::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

impl From<identity::Error> for Oops {
    fn from(error: identity::Error) -> Self {
        match error {
            identity::Error::SignedOut => Self::SignedOut,
            identity::Error::Unknown => Self::Missing,
            identity::Error::TooMany { wait } => Self::TooMany(wait),
            other => Self::Broken(other.to_string()),
        }
    }
}

impl From<consent::Error> for Oops {
    fn from(error: consent::Error) -> Self {
        match error {
            consent::Error::Unknown => Self::Missing,
            consent::Error::Store(error) => error.into(),
        }
    }
}

impl From<apps::Error> for Oops {
    fn from(error: apps::Error) -> Self {
        match error {
            apps::Error::Unknown => Self::Missing,
            other => Self::Broken(other.to_string()),
        }
    }
}

impl From<oauth::Error> for Oops {
    fn from(error: oauth::Error) -> Self {
        match error {
            oauth::Error::NoRequest => Self::RequestEnded,
            oauth::Error::NotHers => Self::Missing,
            other => Self::Broken(other.to_string()),
        }
    }
}
