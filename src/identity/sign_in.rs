//! From a typed address to a session.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use super::budget::{self, Budget};
use super::code::{self, Audience, Guess, NewChallenge, TextMessage, Waiting};
use super::session::{self, Level, NewSession, Session};
use super::{Account, Contact, ContactDigest, Error, Identity, Member, Visitor, account, limits, roster};
use crate::access::Person;
use crate::outbound::{Letter, Text};
use crate::store;

/// The words of the message, from the catalogue; `{code}` stands for the code.
#[derive(Clone)]
pub struct Wording {
    /// Subject of the mail.
    pub subject: &'static str,
    /// Text of the mail.
    pub mail: String,
    /// Text of the SMS.
    pub sms: String,
}

/// What a right code led to.
pub enum SignIn {
    /// She is in.
    Done(NewSession),
    /// Several members share the address: her birth date says which one she is.
    BirthDate,
    /// The account has an authenticator: its code is owed.
    SecondFactor(NewSession),
}

/// Whom a proven contact stands for.
enum Found {
    Members(Vec<Member>),
    Account(Box<Account>),
    Nobody,
}

impl Identity {
    /// Sends a code to the address that was typed, if it may. The answer does not depend on whether it is on file.
    pub async fn send_code(
        &self,
        visitor: Visitor<'_>,
        audience: Audience,
        typed: &str,
        wording: &Wording,
    ) -> Result<(), Error> {
        let contact = Contact::parse(typed).ok_or(Error::Address)?;
        if audience != Audience::Member && matches!(contact, Contact::Phone(_)) {
            return Err(Error::Address);
        }
        let inner = &self.0;
        let digest = inner.settings.keys.digest(&contact);
        let key = code::key_of(&inner.settings.keys, visitor.secret, audience);
        let network = visitor.network.and_then(network_key);
        let code = inner.chance.digits(limits::CODE_DIGITS);
        let reachable = !matches!(self.find(audience, &digest, &contact)?, Found::Nobody);
        let known = visitor.known.and_then(|sealed| self.known_browser(sealed, &digest));
        let text = matches!(contact, Contact::Phone(_))
            .then_some(TextMessage { is_sent: reachable && !inner.settings.show_codes });
        let (now, keys, show) = (self.now(), inner.settings.keys.clone(), inner.settings.show_codes && reachable);
        let kept = code.clone();
        let issue = move |txn: &mut store::Txn<'_>| {
            code::issue(
                txn,
                now,
                &keys,
                &NewChallenge { key, contact: digest, code: &kept, show, network, known, text },
            )
        };
        inner.store.transact(issue).await?.map_err(|wait| Error::TooMany { wait })?;
        if reachable && !inner.settings.show_codes {
            self.post(contact, &code, wording);
        }
        Ok(())
    }

    /// Counts an authorization request of a visitor's network, so that nobody fills the disk by asking.
    pub async fn count_request(&self, visitor: Visitor<'_>) -> Result<(), Error> {
        let Some(network) = visitor.network.and_then(network_key) else { return Ok(()) };
        let now = self.now();
        let spend = move |txn: &mut store::Txn<'_>| {
            for budget in budget::of_network(("request", "site-request"), &network, limits::REQUESTS_PER_NETWORK) {
                if let Err(wait) = budget::spend(txn, now, &budget)? {
                    return Ok(Err(wait));
                }
            }
            Ok::<_, store::Error>(Ok(()))
        };
        self.0.store.transact(spend).await?.map_err(|wait| Error::TooMany { wait })
    }

    /// What the page may say about the code this browser waits for.
    pub fn waiting(&self, visitor: Visitor<'_>, audience: Audience) -> Result<Option<Waiting>, Error> {
        let key = code::key_of(&self.0.settings.keys, visitor.secret, audience);
        Ok(code::waiting(&self.0.store.snapshot()?, self.now(), &key)?)
    }

    /// Judges a typed code.
    pub async fn check_code(
        &self,
        visitor: Visitor<'_>,
        audience: Audience,
        address: &str,
        typed: &str,
    ) -> Result<SignIn, Error> {
        let inner = &self.0;
        let key = code::key_of(&inner.settings.keys, visitor.secret, audience);
        let now = self.now();
        let challenge = match inner.store.transact(move |txn| code::count_guess(txn, now, &key)).await? {
            Guess::Judge(challenge) => challenge,
            Guess::NoCode => return Err(Error::NoCode),
            Guess::Expired => return Err(Error::Expired),
            Guess::Spent => return Err(Error::Spent),
        };
        let left = self.waiting(visitor, audience)?.map_or(0, |waiting| waiting.tries_left);
        // The address comes back with the form because it is not stored; it must be the one the code went to.
        let contact = Contact::parse(address).filter(|c| inner.settings.keys.digest(c) == challenge.contact);
        let right = code::is_right(&inner.settings.keys, &key, &challenge, typed);
        let Some(contact) = contact.filter(|_| right) else { return Err(Error::Wrong { left }) };
        let found = self.find(audience, &challenge.contact, &contact)?;
        if matches!(found, Found::Nobody) {
            return Err(Error::Wrong { left });
        }
        if !inner.store.transact(move |txn| code::consume(txn, &key)).await? {
            return Err(Error::NoCode);
        }
        self.enter(visitor, audience, found).await
    }

    /// The second question for an address that several members share.
    pub async fn check_birth_date(&self, visitor: Visitor<'_>, birth_date: &str) -> Result<NewSession, Error> {
        let inner = &self.0;
        let key = code::key_of(&inner.settings.keys, visitor.secret, Audience::Member);
        let now = self.now();
        let judged = move |txn: &mut store::Txn<'_>| {
            let Some(contact) = code::proven(txn, now, &key)? else { return Ok(Err(Error::NoCode)) };
            let limit = limits::BIRTH_DATE_TRIES;
            let budget = Budget { what: "birth", whose: &contact, window: 60 * 60, limit };
            Ok::<_, store::Error>(
                budget::spend(txn, now, &budget)?.map(|()| contact).map_err(|wait| Error::TooMany { wait }),
            )
        };
        let contact = inner.store.transact(judged).await??;
        let mut members = roster::find_by_contact(&inner.store.snapshot()?, &contact)?;
        members.retain(|member| !member.birth_date.is_empty() && member.birth_date == birth_date.trim());
        // Twins with one address cannot be told apart by a date: the call centre can.
        let (Some(member), None) = (members.pop(), members.pop()) else { return Err(Error::BirthDate) };
        self.raise(visitor.secret, Audience::Member, Person::Member { member: member.member_id }, Level::Full).await
    }

    fn find(&self, audience: Audience, digest: &ContactDigest, contact: &Contact) -> Result<Found, Error> {
        let snapshot = self.0.store.snapshot()?;
        Ok(match audience {
            Audience::Member => match roster::find_by_contact(&snapshot, digest)? {
                members if members.is_empty() => Found::Nobody,
                members => Found::Members(members),
            },
            Audience::Developer => {
                let known = account::find_by_address(&snapshot, audience, &contact.address())?;
                Found::Account(Box::new(known.unwrap_or_else(|| self.new_account(contact.address(), None))))
            }
            Audience::Staff => account::find_by_address(&snapshot, audience, &contact.address())?
                .map_or(Found::Nobody, |account| Found::Account(Box::new(account))),
        })
    }

    /// Turns what was proven into a session.
    async fn enter(&self, visitor: Visitor<'_>, audience: Audience, found: Found) -> Result<SignIn, Error> {
        match found {
            Found::Nobody => Err(Error::Unknown),
            Found::Members(members) => {
                let mut members = members.into_iter();
                let (Some(member), None) = (members.next(), members.next()) else { return Ok(SignIn::BirthDate) };
                let who = Person::Member { member: member.member_id };
                Ok(SignIn::Done(self.raise(visitor.secret, audience, who, Level::Full).await?))
            }
            Found::Account(fresh) => {
                let open = move |txn: &mut store::Txn<'_>| {
                    let address = fresh.email.clone();
                    account::open(txn, audience, &address, *fresh)
                };
                let account = self.0.store.transact(open).await?;
                let who = match account.role {
                    Some(role) => Person::Staff { account: account.id.clone(), role },
                    None => Person::Developer { account: account.id.clone() },
                };
                // Staff owe an authenticator from the first day; until it is enrolled only that page is open to them.
                if account.has_second_factor() || account.role.is_some() {
                    return Ok(SignIn::SecondFactor(self.raise(visitor.secret, audience, who, Level::Partial).await?));
                }
                Ok(SignIn::Done(self.raise(visitor.secret, audience, who, Level::Full).await?))
            }
        }
    }

    /// Makes a session under a new secret and ends whatever the old one stood for.
    pub(super) async fn raise(
        &self,
        old_secret: &str,
        audience: Audience,
        who: Person,
        level: Level,
    ) -> Result<NewSession, Error> {
        let secret = self.0.chance.token();
        let (new_key, old_key) = (self.session_key(&secret), self.session_key(old_secret));
        let challenge = code::key_of(&self.0.settings.keys, old_secret, audience);
        let session = Session::new(who, level, self.now());
        let kept = session.clone();
        let keep = move |txn: &mut store::Txn<'_>| {
            session::end(txn, &old_key)?;
            code::close(txn, &challenge)?;
            session::put(txn, &new_key, &kept)
        };
        self.0.store.transact(keep).await?;
        Ok(NewSession { secret, session })
    }

    /// Whether the last message by mail, or by text for a telephone number, did not leave. Who asks learns nothing about an
    /// address: it is the same for all.
    #[must_use]
    pub fn has_trouble(&self, address: &str) -> bool {
        Contact::parse(address).is_some_and(|contact| self.trouble_of(&contact).load(Ordering::Relaxed))
    }

    fn trouble_of(&self, contact: &Contact) -> &AtomicBool {
        match contact {
            Contact::Email(_) => &self.0.trouble.by_mail,
            Contact::Phone(_) => &self.0.trouble.by_text,
        }
    }

    /// Hands a message to its transport without waiting for it.
    fn post(&self, contact: Contact, code: &str, wording: &Wording) {
        let room = self.clone();
        let fill = |text: &str| text.replace("{code}", code);
        let (subject, mail, sms) = (wording.subject, fill(&wording.mail), fill(&wording.sms));
        let on_its_way = OnItsWay::new(&room);
        tokio::spawn(async move {
            let trouble = room.trouble_of(&contact);
            let sent = match &contact {
                Contact::Email(to) => room.0.mail.send(Letter { to: to.clone(), subject, text: mail }).await,
                Contact::Phone(_) => room.0.sms.send(Text { to: contact.address(), body: sms }).await,
            };
            trouble.store(sent.is_err(), Ordering::Relaxed);
            if let Err(error) = sent {
                tracing::error!(%error, "a sign-in code could not be sent");
            }
            drop(on_its_way);
        });
    }
}

/// Counts a message until it is sent, or until its transport failed in whatever way.
struct OnItsWay(Identity);

impl OnItsWay {
    fn new(room: &Identity) -> Self {
        room.0.sending.fetch_add(1, Ordering::AcqRel);
        Self(room.clone())
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        self.0.0.sending.fetch_sub(1, Ordering::AcqRel);
        self.0.0.sent.notify_waiters();
    }
}

/// What one household or office shares. Loopback is not counted: behind a proxy that is not listed in the config every
/// visitor comes from there, and one budget for all of them would lock the plan out.
fn network_key(address: IpAddr) -> Option<Vec<u8>> {
    match address.to_canonical() {
        address if address.is_loopback() => None,
        IpAddr::V4(v4) => Some(v4.octets().to_vec()),
        IpAddr::V6(v6) => Some(v6.octets().into_iter().take(8).collect()),
    }
}
