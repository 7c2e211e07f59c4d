//! What every page has around its own content, and how a page becomes an answer.

use askama::Template;
use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};

use super::static_files;
use super::words::Words;
use crate::config::Language;
use crate::identity::Audience;
use crate::realm::{Realm, RealmKind};

/// No script, no style and no picture but our own; nobody may frame us. Forms are not restricted to ourselves, because
/// browsers hold the redirect after a form to the same rule and consent ends with a redirect to the app.
const POLICY: &str =
    "default-src 'self'; base-uri 'none'; object-src 'none'; script-src 'none'; frame-ancestors 'none'";

/// What is wrong with a form: said in the summary and beside the field, in the same words.
#[derive(Clone, Debug)]
pub(super) struct Wrong {
    /// Id of the field, or empty if it is none in particular.
    pub(super) field: &'static str,
    pub(super) text: String,
}

/// Around every page.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) t: Words,
    pub(super) plan: String,
    /// What the realm's paths begin with.
    pub(super) base: &'static str,
    pub(super) sandbox: bool,
    /// Version of the stylesheet, so that browsers fetch a new one.
    pub(super) style: &'static str,
    /// This page in the other language.
    pub(super) here: String,
    /// The name of who is signed in.
    pub(super) signed_in: Option<String>,
    /// Where the button to sign out goes.
    pub(super) sign_out: String,
    /// Whose pages these are: `member`, `developer`.
    pub(super) audience: &'static str,
    /// The token that every form carries.
    pub(super) form: String,
    pub(super) problem: Option<Wrong>,
    pub(super) phone: Option<String>,
    pub(super) hours: Option<String>,
    pub(super) email: Option<String>,
    pub(super) legal: Option<String>,
    /// `narrow` for pages to read and fill in, `broad` for lists.
    pub(super) width: &'static str,
}

impl Frame {
    /// Around a page that knows nothing of its reader.
    pub(super) fn bare(realm: &Realm, language: Language) -> Self {
        let plan = &realm.config.plan;
        let base = realm.kind.prefix();
        Self {
            t: Words::new(language),
            plan: plan.name.clone(),
            base,
            sandbox: realm.kind == RealmKind::Sandbox,
            style: static_files::version(),
            here: format!("{base}/"),
            signed_in: None,
            sign_out: format!("{base}/sign-out"),
            audience: Audience::Member.name(),
            form: String::new(),
            problem: None,
            phone: plan.support_phone.clone(),
            hours: plan.support_hours.clone(),
            email: plan.support_email.clone(),
            legal: plan.legal_name.clone(),
            width: "narrow",
        }
    }

    pub(super) const fn has_help(&self) -> bool {
        self.phone.is_some() || self.email.is_some()
    }

    /// Where a member who is stuck finds help, as a sentence; nothing where the plan has named no way.
    pub(super) fn help(&self) -> String {
        match (&self.phone, &self.email) {
            (Some(phone), _) => self.t.fill("help.call", phone),
            (None, Some(email)) => self.t.fill("help.write", email),
            (None, None) => String::new(),
        }
    }

    /// A text with that sentence behind it.
    pub(super) fn with_help(&self, text: &str) -> String {
        format!("{text} {}", self.help()).trim_end().to_owned()
    }

    pub(super) fn is_wrong(&self, field: &str) -> bool {
        self.problem.as_ref().is_some_and(|problem| problem.field == field)
    }

    pub(super) fn problem_text(&self) -> &str {
        self.problem.as_ref().map_or("", |problem| &problem.text)
    }

    /// The same page with something wrong on it.
    pub(super) fn wrong(mut self, field: &'static str, text: impl Into<String>) -> Self {
        self.problem = Some(Wrong { field, text: text.into() });
        self
    }

    pub(super) const fn broad(mut self) -> Self {
        self.width = "broad";
        self
    }
}

/// Renders a page. A template that fails to render is a defect; the answer says so without words of its own.
pub(super) fn html(template: &impl Template, status: StatusCode) -> Response {
    match template.render() {
        Ok(text) => {
            let mut response = text.into_response();
            response.set_status(status);
            dress(&mut response);
            response
        }
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The headers of every page.
fn dress(response: &mut Response) {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        // Not `no-referrer`: with it browsers send `Origin: null` with our own forms, and the check would be blind.
        // Other sites see nothing either way.
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// Sends the browser on with GET, whatever it came with.
pub(in crate::web) fn see_other(to: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    if let Ok(to) = HeaderValue::from_str(to) {
        response.headers_mut().insert(header::LOCATION, to);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
