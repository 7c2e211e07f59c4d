//! The front door.

use askama::Template;
use poem::Response;
use poem::http::StatusCode;

use super::frame::{Frame, html};
use super::oops::Oops;
use super::visit::Visit;
use super::words::Words;

#[derive(Template)]
#[template(path = "front.html")]
struct Front {
    t: Words,
    f: Frame,
}

/// `GET /`
pub(in crate::web) async fn show(visit: Visit) -> Result<Response, Oops> {
    Ok(html(&Front { t: visit.words(), f: visit.frame.broad() }, StatusCode::OK))
}
