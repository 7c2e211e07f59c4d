//! What the demo "sent". Mounted only while `ingle demo` runs.

use askama::Template;
use poem::Response;
use poem::http::StatusCode;

use super::frame::{Frame, html};
use super::oops::Oops;
use super::visit::Visit;
use super::words::Words;

struct Message {
    is_mail: bool,
    to: String,
    subject: &'static str,
    text: String,
}

#[derive(Template)]
#[template(path = "outbox.html")]
struct OutboxPage {
    t: Words,
    f: Frame,
    messages: Vec<Message>,
}

/// `GET /outbox`
pub(in crate::web) async fn show(visit: Visit) -> Result<Response, Oops> {
    // Whoever looks here waits for a message; one on its way is worth a moment.
    visit.realm().identity.settle().await;
    let (letters, texts) = visit.realm().identity.outbox();
    let letters = letters.into_iter().rev().map(|letter| Message {
        is_mail: true,
        to: letter.to,
        subject: letter.subject,
        text: letter.text,
    });
    let texts =
        texts.into_iter().rev().map(|text| Message { is_mail: false, to: text.to, subject: "", text: text.body });
    let messages = letters.chain(texts).collect();
    Ok(html(&OutboxPage { t: visit.words(), f: visit.frame, messages }, StatusCode::OK))
}
