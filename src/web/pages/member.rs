//! The member's own page: what she shares, who read it, and how to stop.

use askama::Template;
use poem::Response;
use poem::http::StatusCode;

use super::cards;
use super::frame::{Frame, html, see_other};
use super::oops::Oops;
use super::visit::{MemberIn, Visit};
use super::words::Words;
use crate::access::{Category, PatientId};
use crate::audit::Activity;
use crate::consent::{Asker, Grant};
use crate::identity::{Audience, Member};
use crate::oauth::scopes;
use crate::realm::Realm;

/// One app on the page, for one person's records, by one person's decision. Whoever connects an app on phone and tablet has
/// two grants to it and sees one card: stopping ends both, and nothing that another card shows.
struct Connected {
    /// The newest of its grants, which stands for all that the card shows.
    grant: String,
    name: String,
    whose: String,
    /// Who decided, where that was somebody else.
    decided_by: Option<String>,
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
    whose: String,
    grant: String,
}

/// `GET /member`
pub(in crate::web) async fn show(visit: Visit, MemberIn { member, .. }: MemberIn) -> Result<Response, Oops> {
    let (t, realm) = (visit.words(), visit.realm());
    let people = realm.identity.people_of(&member.member_id)?;
    let now = realm.clock.now().as_second();
    // What she decided, and what others decided about her own records.
    let mut grants = realm.consent.of_member(&member.member_id)?;
    let of_hers = realm.consent.of_patient(&member.patient)?;
    grants.extend(of_hers.into_iter().filter(|grant| grant.member != member.member_id));
    grants.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| b.id.cmp(&a.id)));
    let (mut live, mut ended) = (Vec::new(), Vec::new());
    for mut grants in together(grants) {
        let is_live = is_in_force(realm, &grants, now)?;
        if is_live {
            grants.retain(|grant| grant.is_live(now));
        }
        let card = connected(realm, t, &member, &grants, is_live.then_some(now))?;
        if is_live { live.push(card) } else { ended.push(card) }
    }
    let activity = activity(realm, t, &member, &people)?;
    let stopped = visit.form.get("stopped").map(|grant| stopped_app(realm, &member, grant)).transpose()?.flatten();
    let (who, f) = (member.name(), visit.frame.broad());
    Ok(html(&MemberPage { t, f, who, live, ended, activity, stopped }, StatusCode::OK))
}

/// `GET /member/stop`: asks before it happens.
pub(in crate::web) async fn confirm(visit: Visit, MemberIn { member, .. }: MemberIn) -> Result<Response, Oops> {
    let realm = visit.realm();
    let grant = realm.consent.find(visit.form.get("grant").unwrap_or_default())?.ok_or(Oops::Missing)?;
    if !asker(&member).may_stop(&grant) {
        return Err(Oops::Missing);
    }
    let (app, whose) = (app_name(realm, &grant.client_id)?, names(realm, &grant.patients)?);
    let grant = grant.id.to_string();
    Ok(html(&StopPage { t: visit.words(), f: visit.frame, app, whose, grant }, StatusCode::OK))
}

/// `POST /member/stop`
pub(in crate::web) async fn stop(visit: Visit, MemberIn { member, .. }: MemberIn) -> Result<Response, Oops> {
    let grant = visit.form.get("grant").unwrap_or_default();
    if let Some(found) = visit.realm().consent.find(grant)? {
        visit.ask.acts(|actor| {
            actor.about = Some(found.client_id.to_string());
            actor.grant = Some(found.id);
            actor.patients = found.patients;
        });
    }
    visit.realm().consent.stop(grant, asker(&member)).await?;
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("stopped", grant).finish();
    Ok(see_other(&format!("{}/member?{query}", visit.frame.base)))
}

/// The app of a grant that she stopped. Of anything else in an address the page says nothing.
fn stopped_app(realm: &Realm, member: &Member, grant: &str) -> Result<Option<String>, Oops> {
    let ended = realm.consent.find(grant)?.filter(|grant| asker(member).may_stop(grant) && grant.revoked.is_some());
    ended.map(|grant| app_name(realm, &grant.client_id)).transpose()
}

fn asker(member: &Member) -> Asker<'_> {
    Asker { member: &member.member_id, patient: &member.patient }
}

/// `POST /sign-out`: ends the session on the server and takes the cookie away.
pub(in crate::web) async fn sign_out(visit: Visit) -> Result<Response, Oops> {
    visit.realm().identity.sign_out(&visit.secret).await?;
    let mut response = see_other(&format!("{}/", visit.frame.base));
    visit.leave(&mut response, Audience::Member);
    Ok(response)
}

/// Grants that are one card, newest first within each.
fn together(grants: Vec<Grant>) -> Vec<Vec<Grant>> {
    let mut groups: Vec<Vec<Grant>> = Vec::new();
    for grant in grants {
        match groups.iter_mut().find(|group| group.first().is_some_and(|first| first.is_on_card_of(&grant))) {
            Some(group) => group.push(grant),
            None => groups.push(vec![grant]),
        }
    }
    groups
}

/// Whether apps can read under any of them: the grant is live, and who decided for somebody else may still act for her.
fn is_in_force(realm: &Realm, grants: &[Grant], now: i64) -> Result<bool, Oops> {
    for grant in grants.iter().filter(|grant| grant.is_live(now)) {
        let mut acts = true;
        for patient in &grant.patients {
            let since = realm.identity.representations().may_act(&grant.member, patient, now)?;
            acts &= since.is_some_and(|since| since <= grant.created);
        }
        if acts {
            return Ok(true);
        }
    }
    Ok(false)
}

/// One card; `now` for one whose sharing goes on.
fn connected(realm: &Realm, t: Words, member: &Member, grants: &[Grant], now: Option<i64>) -> Result<Connected, Oops> {
    let newest = grants.first().ok_or(Oops::Missing)?;
    let ends = grants.iter().map(|grant| grant.until).max().unwrap_or_default();
    let until = match newest.revoked {
        Some(at) if now.is_none() => t.fill("member.ended_on", t.day(at)),
        _ if now.is_some() => t.day(ends),
        _ if ends <= realm.clock.now().as_second() => t.fill("member.ran_out", t.day(ends)),
        _ => t.say("member.acts_no_more").to_owned(),
    };
    let scopes = grants.iter().map(|grant| grant.scopes.as_str()).collect::<Vec<_>>().join(" ");
    // A grant's scopes were narrowed when it was made; narrowing to itself only reads them.
    let types = scopes::narrow(&scopes, &scopes).map(|granted| granted.types).unwrap_or_default();
    let shared = |category: &&Category| grants.iter().any(|grant| grant.shared.contains(category));
    let reads: Vec<_> = grants.iter().filter_map(|grant| realm.audit.last_read(&grant.id)).collect();
    let times: u64 = reads.iter().map(|read| read.reads).sum();
    Ok(Connected {
        name: app_name(realm, &newest.client_id)?,
        whose: names(realm, &newest.patients)?,
        decided_by: if newest.member == member.member_id {
            None
        } else {
            realm.identity.find_member(&newest.member)?.map(|other| other.name())
        },
        cards: cards::of(&types),
        shared: Category::ALL.iter().filter(shared).map(|category| category.name()).collect(),
        since: t.day(grants.iter().map(|grant| grant.created).min().unwrap_or_default()),
        until,
        last_read: reads.iter().map(|read| read.at).max().map(|at| (t.moment(at), times)),
        grant: newest.id.to_string(),
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

fn names(realm: &Realm, patients: &[PatientId]) -> Result<String, Oops> {
    let mut names = Vec::new();
    for patient in patients {
        names.extend(realm.identity.find_by_patient(patient)?.map(|person| person.name()));
    }
    Ok(names.join(", "))
}
