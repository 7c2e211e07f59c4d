//! From a request to a [`Principal`]. Each route declares its guard as data, so the authorization matrix test can
//! walk them all.

use poem::Request;
use poem::http::header::AUTHORIZATION;

use super::problem::Problem;
use crate::access::{Base, Principal, Role};
use crate::identity::{Audience, Level};
use crate::realm::Realm;

/// What a route asks of its caller. It is decided before the handler runs, and the handler receives the proof: a route and
/// its guard are made by one call (`routes.rs`, `pages/route.rs`), which takes no handler that wants another proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Nothing; metadata and discovery.
    Anyone,
    /// A FHIR base: an app's token where the base is not public. The handler's `decide` says what it opens.
    Fhir(Base),
    /// OAuth endpoints: the client authenticates itself in the handler, as its grant type demands.
    Client,
    /// A page that anybody may open. As on every page, a POST carries the form token of its browser.
    Visitor(Audience),
    /// A member who is signed in.
    Member,
    /// A developer who is signed in, as far as this level.
    Developer(Level),
    /// Staff who are signed in with this role.
    Staff(Role),
}

impl Guard {
    /// True for pages, whose answers are read by people.
    #[must_use]
    pub const fn is_page(self) -> bool {
        matches!(self, Self::Visitor(_) | Self::Member | Self::Developer(_) | Self::Staff(_))
    }

    /// Proves who is asking.
    pub(super) fn principal(self, realm: &Realm, request: &Request) -> Result<Principal, Problem> {
        match self {
            // Before anything is read of the request: strangers send no bodies here, and learn of no types.
            Self::Fhir(Base::Fhir) => bearer(realm, request)?.ok_or(Problem::SignIn),
            // A token sent to a public base is not looked at: the answer is the same for everyone. And whose browser it is
            // that asks for a page says its cookie, which `pages/route.rs` reads.
            _ => Ok(Principal::Anyone),
        }
    }
}

fn bearer(realm: &Realm, request: &Request) -> Result<Option<Principal>, Problem> {
    let mut headers = request.headers().get_all(AUTHORIZATION).iter();
    let Some(value) = headers.next() else { return Ok(None) };
    let token = value.to_str().ok().and_then(|text| text.split_once(' '));
    match token {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && headers.next().is_none() => {
            let access = realm.oauth.verify(token.trim())?;
            Ok(Some(Principal::App(access)))
        }
        _ => Err(Problem::Token),
    }
}
