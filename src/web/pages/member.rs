//! The member's own page: what she shares, who read it, and how to stop.

use askama::Template;
use poem::Response;
use poem::http::StatusCode;

use super::cards;
use super::frame::{Frame, html, see_other};
use super::oops::Oops;
use super::visit::{MemberIn, Visit};
use super::words::Words;
use crate::access::Category;
use crate::audit::Activity;
use crate::consent::Grant;
use crate::identity::{Audience, Member};
use crate::oauth::scopes;
use crate::realm::Realm;

/// One app on the page. Whoever connects an app on phone and tablet has two grants to it and sees one card: stopping
/// ends both.
struct Connected {
    client_id: String,
    name: String,
    whose: String,
    cards: Vec<&'static str>,
    shared: Vec<&'static str>,
    since: String,
    until: String,
    /// When it last read, and how many times it did.
    last_read: Option<(String, u64)>,
}

struct Row {
    when: String,
    who: String,
    whose: String,
    what: String,
}

#[derive(Template)]
#[template(path = "member.html")]
struct MemberPage {
    t: Words,
    f: Frame,
    who: String,
    live: Vec<Connected>,
    ended: Vec<Connected>,
    activity: Vec<Row>,
    /// Name of the app that was stopped just now.
    stopped: Option<String>,
}

#[derive(Template)]
#[template(path = "stop.html")]
struct StopPage {
    t: Words,
    f: Frame,
    app: String,
    client_id: String,
}

/// `GET /member`
pub(in crate::web) async fn show(visit: Visit, MemberIn { member, .. }: MemberIn) -> Result<Response, Oops> {
    let (t, realm) = (visit.words(), visit.realm());
    let people = realm.identity.people_of(&member.member_id)?;
    let now = realm.clock.now().as_second();
    let (live, ended): (Vec<Grant>, Vec<Grant>) =
        realm.consent.of_member(&member.member_id)?.into_iter().partition(|grant| grant.is_live(now));
    let list = |grants: Vec<Grant>| -> Result<Vec<Connected>, Oops> {
        together(grants).into_iter().map(|grants| connected(realm, t, &people, &grants, now)).collect()
    };
    let (live, ended) = (list(live)?, list(ended)?);
    let activity = activity(realm, t, &member, &people)?;
    let stopped = visit.form.get("stopped").map(|client_id| app_name(realm, client_id)).transpose()?;
    let (who, f) = (member.name(), visit.frame.broad());
    Ok(html(&MemberPage { t, f, who, live, ended, activity, stopped }, StatusCode::OK))
}

/// `GET /member/stop`: asks before it happens.
pub(in crate::web) async fn confirm(visit: Visit, _: MemberIn) -> Result<Response, Oops> {
    let client_id = visit.form.get("app").unwrap_or_default().to_owned();
    let app = visit.realm().apps.find(&client_id)?.ok_or(Oops::Missing)?.name;
    Ok(html(&StopPage { t: visit.words(), f: visit.frame, app, client_id }, StatusCode::OK))
}

/// `POST /member/stop`
pub(in crate::web) async fn stop(visit: Visit, MemberIn { member, .. }: MemberIn) -> Result<Response, Oops> {
    let client_id = visit.form.get("app").unwrap_or_default();
    visit.realm().consent.stop(&member.member_id, client_id).await?;
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("stopped", client_id).finish();
    Ok(see_other(&format!("{}/member?{query}", visit.frame.base)))
}

/// `POST /sign-out`: ends the session on the server and takes the cookie away.
pub(in crate::web) async fn sign_out(visit: Visit) -> Result<Response, Oops> {
    visit.realm().identity.sign_out(&visit.secret).await?;
    let mut response = see_other(&format!("{}/", visit.frame.base));
    visit.leave(&mut response, Audience::Member);
    Ok(response)
}

/// Grants to the same app for the same records, newest first within each group.
fn together(grants: Vec<Grant>) -> Vec<Vec<Grant>> {
    let mut groups: Vec<Vec<Grant>> = Vec::new();
    for grant in grants {
        let same = |group: &&mut Vec<Grant>| {
            group.first().is_some_and(|first| first.client_id == grant.client_id && first.patients == grant.patients)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(grant),
            None => groups.push(vec![grant]),
        }
    }
    groups
}

fn connected(realm: &Realm, t: Words, people: &[Member], grants: &[Grant], now: i64) -> Result<Connected, Oops> {
    let newest = grants.first().ok_or(Oops::Missing)?;
    let ends = grants.iter().map(|grant| grant.until).max().unwrap_or_default();
    let until = match newest.revoked {
        Some(at) => t.fill("member.ended_on", t.day(at)),
        None if now >= ends => t.fill("member.ran_out", t.day(ends)),
        None => t.day(ends),
    };
    let scopes = grants.iter().map(|grant| grant.scopes.as_str()).collect::<Vec<_>>().join(" ");
    // A grant's scopes were narrowed when it was made; narrowing to itself only reads them.
    let types = scopes::narrow(&scopes, &scopes).map(|granted| granted.types).unwrap_or_default();
    let shared = |category: &&Category| grants.iter().any(|grant| grant.shared.contains(category));
    let reads: Vec<_> = grants.iter().filter_map(|grant| realm.audit.last_read(&grant.id)).collect();
    let times: u64 = reads.iter().map(|read| read.reads).sum();
    Ok(Connected {
        name: app_name(realm, &newest.client_id)?,
        whose: names(people, &newest.patients),
        cards: cards::of(&types),
        shared: Category::ALL.iter().filter(shared).map(|category| category.name()).collect(),
        since: t.day(grants.iter().map(|grant| grant.created).min().unwrap_or_default()),
        until,
        last_read: reads.iter().map(|read| read.at).max().map(|at| (t.moment(at), times)),
        client_id: newest.client_id.clone(),
    })
}

/// The audit's look-up of everyone she may ask about, newest first.
fn activity(realm: &Realm, t: Words, member: &Member, people: &[Member]) -> Result<Vec<Row>, Oops> {
    let mut found: Vec<(&Member, Activity)> = people
        .iter()
        .flat_map(|person| realm.audit.activity(&person.patient).into_iter().map(move |row| (person, row)))
        .collect();
    found.sort_by_key(|(_, row)| std::cmp::Reverse(row.last));
    found.into_iter().map(|(person, row)| activity_row(realm, t, member, person, &row)).collect()
}

fn activity_row(realm: &Realm, t: Words, member: &Member, person: &Member, row: &Activity) -> Result<Row, Oops> {
    let who = match row.who.split_once(':') {
        Some(("app", client_id)) => app_name(realm, client_id)?,
        Some(("member", id)) if id == member.member_id => t.say("member.activity_you").to_owned(),
        Some(("member", id)) => realm.identity.find_member(id)?.map(|other| other.name()).unwrap_or_default(),
        _ => t.say("member.activity_plan").to_owned(),
    };
    let mut cards: Vec<(&'static str, u64)> = Vec::new();
    for (kind, count) in &row.types {
        let card = cards::of_one(kind);
        match cards.iter_mut().find(|(known, _)| *known == card) {
            Some((_, sum)) => *sum += count,
            None => cards.push((card, *count)),
        }
    }
    let what: Vec<String> =
        cards.into_iter().map(|(card, count)| format!("{}: {count}", t.part("card", card, "title"))).collect();
    Ok(Row { when: t.moment(row.last), who, whose: person.given.clone(), what: what.join("; ") })
}

fn app_name(realm: &Realm, client_id: &str) -> Result<String, Oops> {
    Ok(realm.apps.find(client_id)?.map_or_else(|| client_id.to_owned(), |app| app.name))
}

fn names(people: &[Member], patients: &[String]) -> String {
    let known = patients.iter().filter_map(|id| people.iter().find(|person| person.patient == *id));
    known.map(Member::name).collect::<Vec<_>>().join(", ")
}
