//! Signing in as a member: address, code, and where several members share an address, the birth date. The pages and
//! the work behind them are the same whether or not the address is on file.

use askama::Template;
use poem::Response;
use poem::http::StatusCode;

use super::frame::{Frame, html, see_other};
use super::oops::Oops;
use super::route::waiting;
use super::visit::Visit;
use super::words::Words;
use crate::identity::{Audience, Error, NewSession, SignIn, Wording};

/// Invented members offered for signing in to the sandbox.
const PEOPLE: usize = 12;

/// A member who can sign in to the sandbox.
pub(super) struct Person {
    pub(super) name: String,
    pub(super) address: String,
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    t: Words,
    f: Frame,
    /// Name of the app that asks, or empty.
    app: String,
    request: String,
    address: String,
    people: Vec<Person>,
}

#[derive(Template)]
#[template(path = "code.html")]
pub(super) struct CodePage {
    pub(super) t: Words,
    pub(super) f: Frame,
    pub(super) request: String,
    pub(super) address: String,
    /// The sandbox's code.
    pub(super) shown: Option<String>,
    /// True while messages do not leave.
    pub(super) trouble: bool,
    /// Where the forms go.
    pub(super) action: String,
    /// Where another address can be typed.
    pub(super) start: String,
}

#[derive(Template)]
#[template(path = "birth_date.html")]
struct BirthDatePage {
    t: Words,
    f: Frame,
    request: String,
    value: String,
}

/// `GET /login`
pub(in crate::web) async fn show(visit: Visit) -> Result<Response, Oops> {
    let request = request(&visit);
    if let Ok(member) = visit.member_in() {
        // An app may want her to sign in again.
        let from = if request.is_empty() { 0 } else { visit.realm().oauth.asking(&request)?.signed_in_from };
        if member.since() >= from {
            return Ok(see_other(&onward(&visit, &request)));
        }
    }
    login_page(visit, None)
}

/// `POST /login`: sends a code.
pub(in crate::web) async fn send(visit: Visit) -> Result<Response, Oops> {
    let address = visit.form.get("address").unwrap_or_default().to_owned();
    let wording = wording(&visit);
    let t = visit.words();
    match visit.realm().identity.send_code(visit.visitor(), Audience::Member, &address, &wording).await {
        Ok(()) => code_page(visit, None),
        Err(Error::Address) => login_page(visit, Some(t.say("login.address_wrong").into())),
        Err(Error::TooMany { wait }) => {
            let text = t.fill("login.too_many", t.wait(wait));
            // A code may be waiting already: the page to type it in is where she wants to be.
            if visit.realm().identity.waiting(visit.visitor(), Audience::Member)?.is_some() {
                return code_page(visit, Some(("", text)));
            }
            login_page(visit, Some(text))
        }
        Err(other) => Err(other.into()),
    }
}

/// `POST /login/code`: judges a code.
pub(in crate::web) async fn check(visit: Visit) -> Result<Response, Oops> {
    let typed = visit.form.get("code").unwrap_or_default();
    let address = visit.form.get("address").unwrap_or_default();
    let judged = visit.realm().identity.check_code(visit.visitor(), Audience::Member, address, typed).await;
    match judged {
        Ok(SignIn::Done(new)) => {
            let mut response = entered(&visit, &new);
            visit.keep_known(&mut response, address);
            Ok(response)
        }
        Ok(SignIn::BirthDate) => Ok(birth_date_page(visit, None)),
        Ok(SignIn::SecondFactor(_)) => Err(Oops::Broken("a member was asked for an authenticator".into())),
        Err(error) => {
            let text = code_problem(visit.words(), error)?;
            code_page(visit, Some(("code", text)))
        }
    }
}

/// `POST /login/birth-date`
pub(in crate::web) async fn birth_date(visit: Visit) -> Result<Response, Oops> {
    let t = visit.words();
    let Some(date) = iso_date(visit.form.get("birth").unwrap_or_default()) else {
        return Ok(birth_date_page(visit, Some(t.say("birth.format").into())));
    };
    match visit.realm().identity.check_birth_date(visit.visitor(), &date).await {
        Ok(new) => Ok(entered(&visit, &new)),
        Err(Error::BirthDate) => {
            let text = visit.frame.with_help(t.say("birth.wrong"));
            Ok(birth_date_page(visit, Some(text)))
        }
        Err(Error::TooMany { wait }) => Ok(birth_date_page(visit, Some(t.fill("login.too_many", t.wait(wait))))),
        Err(Error::NoCode) => login_page(visit, Some(t.say("code.expired").into())),
        Err(other) => Err(other.into()),
    }
}

/// What a judged code says to the person. What is no judgement is passed on.
pub(super) fn code_problem(t: Words, error: Error) -> Result<String, Oops> {
    Ok(match error {
        Error::Wrong { left: 0 } | Error::Spent => t.say("code.spent").into(),
        Error::Wrong { left: 1 } => t.say("code.wrong_last").into(),
        Error::Wrong { left } => t.fill("code.wrong", left),
        Error::Expired => t.say("code.expired").into(),
        Error::NoCode => t.say("code.none").into(),
        other => return Err(other.into()),
    })
}

pub(super) fn wording(visit: &Visit) -> Wording {
    let (t, plan) = (visit.words(), &visit.frame.plan);
    Wording { subject: t.say("mail.subject"), mail: t.fill("mail.body", plan), sms: t.fill("mail.sms", plan) }
}

fn entered(visit: &Visit, new: &NewSession) -> Response {
    let mut response = see_other(&onward(visit, &request(visit)));
    visit.enter(&mut response, new);
    response
}

/// Where a member goes once she is in.
fn onward(visit: &Visit, request: &str) -> String {
    let base = visit.frame.base;
    if request.is_empty() { format!("{base}/member") } else { format!("{base}/consent?request={request}") }
}

/// The waiting authorization request that the forms carry along.
pub(super) fn request(visit: &Visit) -> String {
    waiting(&visit.form)
}

fn login_page(visit: Visit, problem: Option<String>) -> Result<Response, Oops> {
    let request = request(&visit);
    let app = match request.as_str() {
        "" => String::new(),
        id => visit.realm().oauth.asking(id)?.app.name,
    };
    let people = if visit.frame.sandbox { people(&visit)? } else { Vec::new() };
    let address = visit.typed("address");
    let (t, status) = (visit.words(), status(problem.is_some()));
    let f = match problem {
        Some(text) => visit.frame.wrong("address", text),
        None => visit.frame,
    };
    Ok(html(&LoginPage { t, f, app, request, address, people }, status))
}

fn code_page(visit: Visit, problem: Option<(&'static str, String)>) -> Result<Response, Oops> {
    let request = request(&visit);
    let shown = visit.realm().identity.waiting(visit.visitor(), Audience::Member)?.and_then(|waiting| waiting.shown);
    let address = visit.form.get("address").unwrap_or_default().to_owned();
    let trouble = visit.realm().identity.has_trouble(&address);
    let (t, status) = (visit.words(), status(problem.is_some()));
    let action = format!("{}/login", visit.frame.base);
    let start = if request.is_empty() { action.clone() } else { format!("{action}?request={request}") };
    let f = match problem {
        Some((field, text)) => visit.frame.wrong(field, text),
        None => visit.frame,
    };
    Ok(html(&CodePage { t, f, request, address, shown, trouble, action, start }, status))
}

fn birth_date_page(visit: Visit, problem: Option<String>) -> Response {
    let request = request(&visit);
    let value = visit.typed("birth");
    let (t, status) = (visit.words(), status(problem.is_some()));
    let f = match problem {
        Some(text) => visit.frame.wrong("birth", text),
        None => visit.frame,
    };
    html(&BirthDatePage { t, f, request, value }, status)
}

pub(super) const fn status(wrong: bool) -> StatusCode {
    if wrong { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }
}

/// The sandbox's members who can sign in. Their addresses are made from their names by the fixtures' own rule, since
/// the roster keeps digests only.
pub(super) fn people(visit: &Visit) -> Result<Vec<Person>, Oops> {
    super::sandbox::people(visit.realm(), PEOPLE)
}

/// `MM/DD/YYYY` as Americans write it, or ISO, as a date of the roster.
fn iso_date(typed: &str) -> Option<String> {
    let parts: Vec<&str> = typed.trim().split(['/', '-', '.', ' ']).filter(|part| !part.is_empty()).collect();
    let [first, second, third] = parts.as_slice() else { return None };
    let (year, month, day) = if first.len() == 4 { (first, second, third) } else { (third, first, second) };
    let date = jiff::civil::Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()?;
    (year.len() == 4).then(|| date.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_as_people_type_them() {
        for good in ["03/31/1975", "3/31/1975", "3-31-1975", "1975-03-31", " 03 31 1975 "] {
            assert_eq!(iso_date(good).as_deref(), Some("1975-03-31"), "{good}");
        }
        for bad in ["", "31/03/1975", "1975", "3/31/75", "a/b/c", "02/30/1975"] {
            assert_eq!(iso_date(bad), None, "{bad}");
        }
    }
}
