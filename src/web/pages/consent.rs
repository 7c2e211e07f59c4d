//! The member's decision: who asks, for what, whose records, until when. The form carries the request's id and her
//! choices; what was asked stays on the server, so a form can only narrow it.

use askama::Template;
use poem::Response;

use super::frame::{Frame, html, see_other};
use super::oops::Oops;
use super::visit::{MemberIn, Visit};
use super::words::Words;
use super::{cards, login};
use crate::access::Category;
use crate::apps::App;
use crate::identity::{Audience, Member};
use crate::oauth::{Asking, Decision};

struct Choice {
    /// Her name on this form: member ids are not for pages, and a place in a list is another person's when the list changes.
    id: String,
    name: String,
    is_self: bool,
}

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage {
    t: Words,
    f: Frame,
    app: App,
    request: String,
    who: String,
    people: Vec<Choice>,
    cards: Vec<&'static str>,
    categories: Vec<&'static str>,
    /// Where the app runs: the host that gets the code.
    goes_to: String,
    /// What she chose before something was wrong.
    chosen: String,
    shared: Vec<&'static str>,
    /// True if sharing goes on after today.
    long: bool,
    until: String,
    member_page: String,
}

/// `GET /consent`
pub(in crate::web) async fn show(visit: Visit, who: MemberIn) -> Result<Response, Oops> {
    let request = login::request(&visit);
    let asking = visit.realm().oauth.asking(&request)?;
    if who.since < asking.signed_in_from {
        return Ok(see_other(&format!("{}/login?request={request}", visit.frame.base)));
    }
    consent_page(visit, &who.member, asking, request, None)
}

/// `POST /consent`: share or cancel. Cancelling needs no sign-in: the login page offers it too.
pub(in crate::web) async fn decide(visit: Visit) -> Result<Response, Oops> {
    let request = login::request(&visit);
    let oauth = &visit.realm().oauth;
    if visit.form.get("decision") != Some("share") {
        return Ok(see_other(&oauth.decline(&request).await?));
    }
    let MemberIn { member: who, since: signed_in } = visit.member_in()?;
    let people = visit.realm().identity.people_of(&who.member_id)?;
    // Even if there is only one person left: who she was shown is whom she decides for.
    let chosen = visit.form.get("person").unwrap_or_default();
    let whose = people.iter().find(|person| visit.realm().identity.form_name(&request, person) == chosen);
    let Some(whose) = whose else {
        let asking = oauth.asking(&request)?;
        let text = visit.words().say("consent.choose_person").to_owned();
        return consent_page(visit, &who, asking, request, Some(text));
    };
    let shared: Vec<Category> = visit.form.all("share").filter_map(Category::parse).collect();
    let about = oauth.asking(&request)?.app.client_id.to_string();
    visit.ask.acts(|actor| (actor.patients, actor.about) = (vec![whose.patient.clone()], Some(about)));
    let address = oauth.approve(&request, Decision { who: &who, whose, shared, signed_in }).await?;
    Ok(see_other(&address))
}

/// `POST /consent/switch`: sign in as someone else, with the same request.
pub(in crate::web) async fn switch(visit: Visit) -> Result<Response, Oops> {
    let request = login::request(&visit);
    visit.realm().identity.sign_out(&visit.secret).await?;
    let mut response = see_other(&format!("{}/login?request={request}", visit.frame.base));
    visit.leave(&mut response, Audience::Member);
    Ok(response)
}

fn consent_page(
    visit: Visit,
    who: &Member,
    asking: Asking,
    request: String,
    problem: Option<String>,
) -> Result<Response, Oops> {
    let people = visit.realm().identity.people_of(&who.member_id)?;
    let identity = &visit.realm().identity;
    let people: Vec<Choice> = people
        .iter()
        .map(|person| Choice {
            id: identity.form_name(&request, person),
            name: person.name(),
            is_self: person.member_id == who.member_id,
        })
        .collect();
    let chosen = visit.typed("person");
    let shared = visit.form.all("share").filter_map(Category::parse).map(Category::name).collect();
    let (t, member_page) = (visit.words(), format!("{}/member", visit.realm().address));
    let status = login::status(problem.is_some());
    let f = match problem {
        Some(text) => visit.frame.wrong("person", text),
        None => visit.frame,
    };
    let page = ConsentPage {
        t,
        f,
        request,
        who: who.name(),
        people,
        cards: cards::of(&asking.granted.types),
        goes_to: asking.goes_to,
        chosen,
        shared,
        categories: Category::ALL.iter().map(|category| category.name()).collect(),
        long: asking.granted.offline,
        until: t.day(asking.until),
        member_page,
        app: asking.app,
    };
    Ok(html(&page, status))
}
