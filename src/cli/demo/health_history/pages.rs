//! The sample app's pages: plain HTML, no script, everything from outside escaped.

use std::fmt::Write;

use super::client::Found;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem;color:#1d1d1f;background:#fff}\
h1{font-size:1.5rem}a{color:#0b4f9c}.note{background:#fff4d6;color:#1d1d1f;padding:.75rem 1rem;border-left:4px solid #8a6100}\
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.4rem .6rem;border-bottom:1px solid #767676}\
td.n,th.n{text-align:right}code{word-break:break-all}\
.go,button{display:inline-block;min-height:44px;padding:.6rem 1.2rem;border:2px solid #0b4f9c;background:#0b4f9c;color:#fff;font:inherit;text-decoration:none;border-radius:4px;cursor:pointer}\
button.quiet{background:#fff;color:#0b4f9c}form{display:inline}";

fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
<title>{title} - Health History</title><style>{STYLE}</style></head><body><header><p><a href=\"/\">Health History</a>, \
a sample app. It is not part of the health plan.</p></header><main><h1>{title}</h1>{body}</main></body></html>"
    )
}

pub(super) fn home(connected: bool) -> String {
    let body = if connected {
        "<p>You are connected.</p><p><a class=\"go\" href=\"/claims\">See your claims</a></p>\
<form method=\"post\" action=\"/forget\"><button class=\"quiet\">Forget me in this browser</button></form>"
    } else {
        "<p>See your claims in one list. We ask your health plan for them; you sign in there, not here, and decide what \
to share.</p><p><a class=\"go\" href=\"/connect\">Connect to my health plan</a></p>"
    };
    page("Your health history", body)
}

pub(super) fn problem(what: &str, detail: &str) -> String {
    let detail = if detail.is_empty() { String::new() } else { format!("<p><code>{}</code></p>", escape(detail)) };
    page(
        "That did not work",
        &format!("<p class=\"note\">{}</p>{detail}<p><a href=\"/\">Start again</a></p>", escape(what)),
    )
}

pub(super) fn ended() -> String {
    let body = "<p class=\"note\">The plan does not let us read your records any more. You stopped sharing, or your \
permission has ended.</p><p><a class=\"go\" href=\"/connect\">Connect again</a></p>";
    page("Sharing has ended", body)
}

pub(super) fn claims(found: &Found) -> String {
    let mut body = match found.total {
        Some(total) => format!("<p>{total} claims.</p>"),
        None => String::new(),
    };
    if found.claims.is_empty() {
        body.push_str("<p>The plan has no claims for you yet.</p>");
    } else {
        body.push_str(
            "<div class=\"scroll\" role=\"region\" aria-label=\"Claims\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">Date</th><th scope=\"col\">Kind</th>\
<th scope=\"col\">Who</th><th scope=\"col\">What</th><th scope=\"col\" class=\"n\">Billed</th><th scope=\"col\" class=\"n\">Plan paid</th>\
<th scope=\"col\" class=\"n\">Your part</th></tr></thead><tbody>",
        );
        for claim in &found.claims {
            body.push_str("<tr>");
            for cell in [&claim.day, &claim.kind, &claim.who, &claim.what] {
                // Writing to a String cannot fail.
                let _ = write!(body, "<td>{}</td>", escape(cell));
            }
            for cell in [&claim.billed, &claim.paid, &claim.yours] {
                let _ = write!(body, "<td class=\"n\">{}</td>", escape(cell));
            }
            body.push_str("</tr>");
        }
        body.push_str("</tbody></table></div>");
    }
    if let Some(next) = &found.next {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("page", next).finish();
        let _ = write!(body, "<p><a href=\"/claims?{}\">Older claims</a></p>", escape(&query));
    }
    let _ = write!(
        body,
        "<p><form method=\"post\" action=\"/refresh\"><button>Get a new token and read again</button></form> \
<form method=\"post\" action=\"/forget\"><button class=\"quiet\">Forget me in this browser</button></form></p>\
<p>Asked the plan for <code>{}</code></p>",
        escape(&found.request)
    );
    page("Your claims", &body)
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_comes_from_outside_is_escaped() {
        assert!(!super::problem("<b>", "\"><script>").contains("<script>"));
        assert_eq!(super::escape("<a href='x'>&\""), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;");
    }
}
