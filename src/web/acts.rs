//! What is done here besides reading records is in the audit too: signing in and failing to, deciding, stopping, getting and
//! ending tokens, registering apps (45 CFR 164.312(b)). The door enters it for each POST of a page or an OAuth endpoint, so
//! no handler can forget it; handlers only say who it was. What an app was refused is entered as well.
//!
//! Deliberately absent: requests that are refused before anything was looked at, such as a form of another site, a token that
//! is none, or one request too many. Strangers make any number of them; they are in the log.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use parking_lot::Mutex;
use poem::http::{Method, StatusCode};

use super::ask::Entered;
use super::guard::Guard;
use super::problem::Problem;
use super::routes::Route;
use crate::access::{GrantId, PatientId, Person, Principal};
use crate::audit::{Entry, Who};
use crate::realm::Realm;

/// Acts of people who did not say who they are that one realm enters in one second. Honest ones never come near.
const STRANGERS_PER_SECOND: u32 = 100;

/// Who did something, as far as a handler learned it.
#[derive(Debug, Default)]
pub(super) struct Actor {
    pub(super) person: Option<Person>,
    /// Client id of an app that has proved who it is.
    pub(super) app: Option<String>,
    pub(super) grant: Option<GrantId>,
    pub(super) patients: Vec<PatientId>,
    /// The app that it is about.
    pub(super) about: Option<String>,
}

/// Keeps strangers from filling the disk.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    second: AtomicI64,
    entered: AtomicU32,
}

impl Strangers {
    fn may_enter(&self, second: i64) -> bool {
        if self.second.swap(second, Ordering::Relaxed) != second {
            let before = self.entered.swap(0, Ordering::Relaxed);
            if before > STRANGERS_PER_SECOND {
                tracing::warn!(left_out = before - STRANGERS_PER_SECOND, "more acts of strangers than the audit takes");
            }
        }
        self.entered.fetch_add(1, Ordering::Relaxed) < STRANGERS_PER_SECOND
    }
}

/// A request that was answered.
pub(super) struct Act<'a> {
    pub(super) route: &'a Route,
    pub(super) principal: &'a Principal,
    /// Its id.
    pub(super) request: &'a str,
    pub(super) status: StatusCode,
}

/// Enters what was done, if it is something to enter.
pub(super) fn enter(realm: &Realm, strangers: &Strangers, entered: &Entered, act: &Act<'_>) -> Result<(), Problem> {
    let Act { route, principal, request, status } = *act;
    let is_act = match route.guard {
        Guard::Fhir(_) => matches!(principal, Principal::App(_)) && is_refusal(status),
        Guard::Client => true,
        guard => guard.is_page() && route.method == Method::POST && status != StatusCode::FORBIDDEN,
    };
    if !is_act || status == StatusCode::TOO_MANY_REQUESTS {
        return Ok(());
    }
    let actor: &Mutex<Actor> = &entered.actor;
    let actor = actor.lock();
    let who = match (&actor.person, &actor.app, principal) {
        (Some(Person::Member { member }), ..) => Who::Member(member),
        (Some(Person::Developer { account }), ..) => Who::Developer(account),
        (Some(Person::Staff { account, .. }), ..) => Who::Staff(account),
        (None, Some(client_id), _) => Who::App(client_id),
        (None, None, principal) => Who::from(principal),
    };
    if who == Who::Anyone && !strangers.may_enter(realm.clock.now().as_second()) {
        return Ok(());
    }
    let of_token = match principal {
        Principal::App(access) => access.grant.as_ref(),
        _ => None,
    };
    let interaction = format!("{} {}", route.method, route.path);
    let entry = Entry {
        request,
        who,
        grant: actor.grant.as_ref().or(of_token).map(GrantId::as_str),
        patients: &actor.patients,
        interaction: &interaction,
        about: actor.about.as_deref(),
        types: &[],
        status: status.as_u16(),
    };
    entered.set(realm.audit.enter(&entry)?);
    Ok(())
}

/// An answer that says no; that something is not there is no refusal, though access may be the reason.
fn is_refusal(status: StatusCode) -> bool {
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE)
}
