//! Stylesheet and icon, from the binary. The address carries a version, so browsers may keep them for good.

use std::sync::LazyLock;

use aws_lc_rs::digest;
use poem::http::{StatusCode, header};
use poem::{IntoResponse, Response};
use rust_embed::Embed;

use crate::web::ask::Ask;
use crate::web::problem::Problem;

#[derive(Embed)]
#[folder = "static/"]
struct Files;

static VERSION: LazyLock<String> = LazyLock::new(|| {
    let style = Files::get("ingle.css").map(|file| file.data).unwrap_or_default();
    let hash = digest::digest(&digest::SHA256, &style);
    hash.as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
});

/// Changes with the stylesheet.
pub(super) fn version() -> &'static str {
    &VERSION
}

/// One file; names come from the embedded map only, so there is no path to walk out of.
pub(in crate::web) async fn file(ask: Ask) -> Result<Response, Problem> {
    let name = ask.segment("name");
    let Some(file) = Files::get(&name) else { return Err(Problem::NoRoute) };
    let kind = match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let mut response = file.data.into_owned().with_content_type(kind).into_response();
    response.set_status(StatusCode::OK);
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, poem::http::HeaderValue::from_static("public, max-age=31536000, immutable"));
    Ok(response)
}
