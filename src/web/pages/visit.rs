//! One request for a page: which browser, who is signed in, in which language, and what the form says. A POST gets here
//! only with the token of its own browser and from our own pages; what a page's guard asks for is proved here too.

use std::sync::Arc;

use poem::Response;
use poem::http::{HeaderMap, Method, header};

use super::cookies;
use super::frame::{Frame, see_other};
use super::oops::Oops;
use super::words::Words;
use crate::access::Person;
use crate::config::Language;
use crate::identity::{Audience, Level, Member, NewSession, Session, Visitor};
use crate::oauth::Form;
use crate::realm::Realm;
use crate::web::ask::Ask;
use crate::web::problem::Problem;

/// Seconds within which the next page must come for what it is to show.
const ONCE_LIFE: u32 = 120;

/// One request for a page.
pub(in crate::web) struct Visit {
    pub(in crate::web) ask: Ask,
    pub(super) audience: Audience,
    /// Secret of the audience's cookie: of the session, or of a browser that is not signed in.
    pub(super) secret: String,
    pub(super) session: Option<Session>,
    /// What this browser kept of an earlier sign-in.
    known: Option<String>,
    /// The form of a POST, or the query of a GET.
    pub(in crate::web) form: Form,
    pub(super) frame: Frame,
    pub(super) cookies: Vec<String>,
}

/// Whose forms a page takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Forms {
    /// Our own, with the token of their browser.
    Ours,
    /// Any site's: an authorization request changes nothing until the member decides on a page of ours.
    Anyones,
}

/// Proof that a member is signed in. Only a visit makes one.
pub(in crate::web) struct MemberIn {
    pub(super) member: Member,
    /// When she signed in.
    pub(super) since: i64,
}

impl MemberIn {
    /// When she signed in.
    pub(in crate::web) const fn since(&self) -> i64 {
        self.since
    }
}

/// Proof that a developer is signed in, as far as the level says. Only a visit makes one.
pub(in crate::web) struct DeveloperIn {
    pub(super) account: String,
    pub(super) level: Level,
}

impl Visit {
    pub(super) async fn open(mut ask: Ask, audience: Audience, forms: Forms) -> Result<(Self, Option<Oops>), Problem> {
        let query = Form::new(ask.query());
        let (language, chosen) = language(&ask, &query);
        let mut lines = Vec::new();
        if chosen {
            lines.push(cookies::language_line(&ask.realm, Words::new(language).code()));
        }
        let realm = Arc::clone(&ask.realm);
        let kept = cookies::secret(ask.all_headers(), &realm, audience);
        let secret = kept.clone().unwrap_or_else(|| realm.identity.new_visitor());
        let posted = ask.method() == Method::POST;
        // A form of another site comes without our cookies; a new one must not replace the one that stayed at home.
        if kept.is_none() && !(posted && forms == Forms::Anyones) {
            lines.push(cookies::cookie_line(&realm, audience, &secret));
        }
        let session = match &kept {
            Some(secret) => realm.identity.session(secret).await.ok().filter(|s| fits(&s.who, audience)),
            None => None,
        };
        if let Some(session) = &session {
            ask.acts(|actor| actor.person = Some(session.who.clone()));
        }
        let form = if posted { Form::new(ask.form().await?) } else { query };
        let frame = frame(&ask, &realm, audience, Words::new(language), (&secret, session.as_ref()), &form);
        let token = form.get("form").unwrap_or_default();
        let ours = !posted
            || forms == Forms::Anyones
            || (is_our_own(&ask) && realm.identity.form_token_is_right(&secret, token));
        let known = cookies::known(ask.all_headers(), &realm, audience);
        let visit = Self { ask, audience, secret, session, known, form, frame, cookies: lines };
        Ok((visit, (!ours).then_some(Oops::Expired)))
    }

    pub(super) fn realm(&self) -> &Realm {
        &self.ask.realm
    }

    /// What was typed into a field, to show it again. What a link says is not shown: its words would be the plan's.
    pub(super) fn typed(&self, name: &str) -> String {
        let is_posted = self.ask.method() == Method::POST;
        self.form.get(name).filter(|_| is_posted).unwrap_or_default().to_owned()
    }

    pub(super) fn words(&self) -> Words {
        self.frame.t
    }

    /// The browser, for the identity room.
    pub(in crate::web) fn visitor(&self) -> Visitor<'_> {
        Visitor { secret: &self.secret, network: self.ask.network(), known: self.known.as_deref() }
    }

    /// The member who is signed in.
    pub(in crate::web) fn member_in(&self) -> Result<MemberIn, Oops> {
        let Some(Session { who: Person::Member { member }, level: Level::Full, since, .. }) = &self.session else {
            return Err(Oops::SignedOut);
        };
        let member = self.realm().identity.find_member(member)?.ok_or(Oops::SignedOut)?;
        Ok(MemberIn { member, since: *since })
    }

    /// The developer who is signed in at least so far.
    pub(super) fn developer_in(&self, least: Level) -> Result<DeveloperIn, Oops> {
        match &self.session {
            Some(Session { who: Person::Developer { account }, level, .. }) if *level >= least => {
                Ok(DeveloperIn { account: account.clone(), level: *level })
            }
            Some(Session { who: Person::Developer { .. }, .. }) => Err(Oops::SecondFactor),
            _ => Err(Oops::SignedOut),
        }
    }

    /// Puts a new session's secret into the browser.
    pub(super) fn enter(&self, response: &mut Response, new: &NewSession) {
        self.ask.acts(|actor| actor.person = Some(new.session.who.clone()));
        cookies::add_cookie(response, &cookies::cookie_line(self.realm(), self.audience, &new.secret));
    }

    /// Lets the browser keep that this address was signed in with here.
    pub(super) fn keep_known(&self, response: &mut Response, address: &str) {
        if let Some(known) = self.realm().identity.know_browser(address) {
            cookies::add_cookie(response, &cookies::known_line(self.realm(), self.audience, &known));
        }
    }

    /// Sends the browser on with something to show there once: reloading that page neither repeats the act nor shows
    /// the words again.
    pub(super) fn carry(&self, to: &str, words: &str) -> Response {
        let mut response = see_other(to);
        if let Some(sealed) = self.realm().identity.seal_for(&self.secret, words) {
            cookies::add_cookie(&mut response, &cookies::once_line(self.realm(), &sealed, ONCE_LIFE));
        }
        response
    }

    /// What the last page gave this browser to carry.
    pub(super) fn carried(&self) -> Option<String> {
        let sealed = cookies::once(self.ask.all_headers(), self.realm())?;
        self.realm().identity.open_for(&self.secret, &sealed)
    }

    /// Takes away what was carried, once it is shown.
    pub(super) fn put_down(&self, response: &mut Response) {
        cookies::add_cookie(response, &cookies::once_line(self.realm(), "", 0));
    }

    /// Takes the session's secret out of the browser.
    pub(super) fn leave(&self, response: &mut Response, audience: Audience) {
        cookies::add_cookie(response, &format!("{}; Max-Age=0", cookies::cookie_line(self.realm(), audience, "")));
    }
}

fn frame(
    ask: &Ask,
    realm: &Realm,
    audience: Audience,
    t: Words,
    (secret, session): (&str, Option<&Session>),
    form: &Form,
) -> Frame {
    let signed_in = session.filter(|s| s.level == Level::Full).and_then(|session| match &session.who {
        Person::Member { member } => realm.identity.find_member(member).ok().flatten().map(|member| member.name()),
        Person::Developer { account } | Person::Staff { account, .. } => {
            realm.identity.account(account).ok().map(|account| account.email)
        }
    });
    let bare = Frame::bare(realm, t.language());
    let sign_out = if audience == Audience::Developer { "/developers/sign-out".to_owned() } else { bare.sign_out };
    Frame {
        here: here(ask, realm, audience, t, form),
        signed_in,
        sign_out,
        audience: audience.name(),
        form: realm.identity.form_token(secret),
        ..bare
    }
}

/// This page in the other language. A page that answers a form has no address of its own: its start has.
fn here(ask: &Ask, realm: &Realm, audience: Audience, t: Words, form: &Form) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let path = if ask.method() == Method::GET {
        for (name, value) in ask.query().iter().filter(|(name, _)| name != "lang") {
            query.append_pair(name, value);
        }
        ask.uri().path().to_owned()
    } else {
        if let Some(request) = form.get("request") {
            query.append_pair("request", request);
        }
        match audience {
            Audience::Developer => "/developers".to_owned(),
            _ => format!("{}/login", realm.kind.prefix()),
        }
    };
    query.append_pair("lang", t.other_code());
    format!("{path}?{}", query.finish())
}

/// The language of the answer, and whether it was chosen just now.
fn language(ask: &Ask, query: &Form) -> (Language, bool) {
    let offered = &ask.realm.config.plan.languages;
    let chosen = query.get("lang").and_then(known).filter(|language| offered.contains(language));
    (chosen.unwrap_or_else(|| language_of(offered, ask.all_headers())), chosen.is_some())
}

/// The language of a browser: what it chose here before, else the first of its own that the plan offers.
pub(super) fn language_of(offered: &[Language], headers: &HeaderMap) -> Language {
    let offers = |language: &Language| offered.contains(language);
    let kept = cookies::language(headers).as_deref().and_then(known).filter(offers);
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // Browsers list languages in order of preference; weights only repeat that order.
    let preferred = || {
        let codes = accepted.split(',').filter_map(|part| part.split([';', '-']).next());
        codes.filter_map(|code| known(&code.trim().to_ascii_lowercase())).find(offers)
    };
    kept.or_else(preferred).or_else(|| offered.first().copied()).unwrap_or(Language::En)
}

fn known(code: &str) -> Option<Language> {
    match code {
        "en" => Some(Language::En),
        "es" => Some(Language::Es),
        _ => None,
    }
}

fn fits(who: &Person, audience: Audience) -> bool {
    matches!(
        (who, audience),
        (Person::Member { .. }, Audience::Member)
            | (Person::Developer { .. }, Audience::Developer)
            | (Person::Staff { .. }, Audience::Staff)
    )
}

/// True unless the browser says that another site sent this form. A browser too old to say so still needs the token.
fn is_our_own(ask: &Ask) -> bool {
    let Some(origin) = ask.header(header::ORIGIN) else { return true };
    let address = &ask.realm.config.plan.url;
    let host = origin.split_once("://").map(|(_, host)| host);
    // Compared as whole origins; the host a browser asked for cannot be set by another site's form.
    origin == address.as_str() || (host.is_some() && host == ask.header(header::HOST))
}
