//! What a member sees when an app asks wrongly. She reads that nothing was shared; the reason is for the app's makers.

use poem::Response;
use poem::http::StatusCode;

use super::frame::html;
use super::oops::OopsPage;
use super::visit::Visit;
use crate::oauth::{Refusal, Unfit};

/// Nothing is sent to the app: its address is not known to be right.
pub(in crate::web) fn unfit(visit: Visit, unfit: &Unfit) -> Response {
    let t = visit.words();
    let reason = match unfit {
        Unfit::UnknownApp => t.say("oops.app_unknown").to_owned(),
        Unfit::Stopped { name } => t.fill("oops.app_stopped", name),
        Unfit::Redirect { name, sent } => t.fill2("oops.app_redirect", name, sent),
        Unfit::Repeated => t.say("oops.app_repeated").to_owned(),
    };
    let (title, text) = (t.say("oops.app_title").to_owned(), t.say("oops.app_text").to_owned());
    html(&OopsPage { t, f: visit.frame, title, text, reason, link: None }, StatusCode::BAD_REQUEST)
}

/// The app's address is right but nobody has looked at the app: a link, not a redirect.
pub(in crate::web) fn app_error(visit: Visit, name: &str, address: String, refusal: &Refusal) -> Response {
    let t = visit.words();
    let (title, text) = (t.fill("oops.app_error_title", name), t.say("oops.app_error_text").to_owned());
    let link = Some((address, t.say("oops.return_to_app")));
    html(&OopsPage { t, f: visit.frame, title, text, reason: refusal.to_string(), link }, StatusCode::BAD_REQUEST)
}
