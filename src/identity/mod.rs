//! Members, staff and developers: who someone is, how she proves it, and how long the proof lasts.
//!
//! A member is on the plan's roster and proves that she holds an address on file by typing back a code. Developers and
//! staff have accounts, the same codes, and an authenticator. What is proven becomes a session in the store.
//!
//! Invariants: raw member addresses are never stored; a guess is counted and durable before it is compared; the store
//! holds digests of codes and cookies, never the secrets; asking for a code takes the same work and gives the same
//! answer whether or not the address is on file.
//!
//! Deliberately absent: words (the pages hand them in), cookies and forms (`web`), what a member may see (`access`).

mod account;
mod budget;
mod code;
mod contact;
pub(crate) mod family;
mod known;
pub mod limits;
pub(crate) mod matching;
pub mod representation;
pub mod roster;
mod seal;
mod second;
mod session;
mod sign_in;
#[cfg(test)]
mod tests;
mod totp;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::sync::Notify;

pub use account::Account;
pub use code::{Audience, Waiting};
pub use contact::{Contact, ContactDigest, ContactKey};
pub use representation::{Representation, Representations};
pub use roster::Member;
pub use seal::Sealer;
pub use session::{Level, NewSession, Session};
pub use sign_in::{SignIn, Wording};
pub use totp::{Factor, Offer};

pub use crate::access::{Person, Role};

use crate::outbound::{Chance, Clock, Letter, Mail, Sms, Text};
use crate::store::{self, Snapshot, Store, Table};

/// Where ends were noted before the store did it for all rooms.
const NOTED_BEFORE: Table = Table::new("identity.expiry");

/// Why someone could not be signed in or found.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not an address that a code could be sent to.
    #[error("this is not an e-mail address or a US phone number")]
    Address,
    /// A budget of codes or guesses is used up.
    #[error("too many codes were asked for; the next may be asked for in {wait} seconds")]
    TooMany {
        /// Seconds until the next is allowed.
        wait: i64,
    },
    /// There is no code to compare with: none was asked for in this browser, or it was used.
    #[error("no code is waiting; ask for a new one")]
    NoCode,
    /// The code is older than ten minutes.
    #[error("the code has expired; ask for a new one")]
    Expired,
    /// Every try was used.
    #[error("the code was tried too often; ask for a new one")]
    Spent,
    /// The code is not the one that was sent.
    #[error("the code is not right, {left} tries are left")]
    Wrong {
        /// Tries left.
        left: u32,
    },
    /// No member with this address has that birth date.
    #[error("the birth date does not match")]
    BirthDate,
    /// The session does not exist, is over, or is of another kind.
    #[error("signed out; sign in again")]
    SignedOut,
    /// There is no such account or member.
    #[error("no such account")]
    Unknown,
    /// The cryptography library refused a key or a seed; a defect of the installation.
    #[error("a key of this installation cannot be used; look at data/keys, and take it back from a backup")]
    Keys,
    /// The disk.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// What the realm decides about sign-in.
#[derive(Clone)]
pub struct Settings {
    /// Key of every digest in this room.
    pub keys: ContactKey,
    /// Key of the authenticator seeds, 32 bytes.
    pub sealing_key: [u8; 32],
    /// The plan's name, shown in authenticator apps.
    pub plan: String,
    /// The sandbox shows codes on the page, because it sends no mail.
    pub show_codes: bool,
}

/// The browser that asks: the secret of its cookie, and the network it comes from.
#[derive(Clone, Copy)]
pub struct Visitor<'a> {
    /// Secret of the cookie of the audience in question.
    pub secret: &'a str,
    /// Address of the network peer, where it is known.
    pub network: Option<IpAddr>,
    /// What the browser kept of an earlier sign-in.
    pub known: Option<&'a str>,
}

/// A handle to the room; clones share it.
#[derive(Clone)]
pub struct Identity(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    chance: Chance,
    mail: Mail,
    sms: Sms,
    settings: Settings,
    sealer: Sealer,
    representations: Representations,
    /// Messages on their way: sending never holds up an answer, which would tell by its time that there was something
    /// to send.
    sending: AtomicUsize,
    sent: Notify,
    trouble: Trouble,
}

/// Which kind of message did not leave the last time.
#[derive(Default)]
struct Trouble {
    by_mail: AtomicBool,
    by_text: AtomicBool,
}

impl Identity {
    /// Puts the room together.
    ///
    /// # Errors
    /// [`Error::Keys`] if the sealing key cannot be used.
    pub fn new(
        store: Store,
        clock: Clock,
        chance: Chance,
        transports: (Mail, Sms),
        settings: Settings,
    ) -> Result<Self, Error> {
        let sealer = Sealer::new(&settings.sealing_key).ok_or(Error::Keys)?;
        let (mail, sms) = transports;
        let (sending, sent, trouble) = (AtomicUsize::new(0), Notify::new(), Trouble::default());
        let representations = Representations::open(store.clone())?;
        store.forget_from(&[code::ENDING, session::ENDING]);
        Ok(Self(Arc::new(Inner {
            store,
            clock,
            chance,
            mail,
            sms,
            settings,
            sealer,
            representations,
            sending,
            sent,
            trouble,
        })))
    }

    /// The key under which contacts are digested, for loading the roster.
    #[must_use]
    pub fn contact_key(&self) -> &ContactKey {
        &self.0.settings.keys
    }

    /// The member with this id.
    pub fn find_member(&self, member_id: &str) -> Result<Option<Member>, Error> {
        Ok(roster::find_member(&self.0.store.snapshot()?, member_id)?)
    }

    /// The member whose records this Patient carries.
    pub fn find_by_patient(&self, patient: &str) -> Result<Option<Member>, Error> {
        Ok(roster::find_by_patient(&self.0.store.snapshot()?, patient)?)
    }

    /// The people whose records a member may share: herself first, then those she represents.
    pub fn people_of(&self, member_id: &str) -> Result<Vec<Member>, Error> {
        let snapshot = self.0.store.snapshot()?;
        let Some(member) = roster::find_member(&snapshot, member_id)? else { return Err(Error::Unknown) };
        let now = self.now();
        let mut people = Vec::new();
        for acts in self.0.representations.of_representative(member_id)?.iter().filter(|acts| acts.stands(now)) {
            people.extend(roster::find_member(&snapshot, &acts.represented)?);
        }
        people.insert(0, member);
        Ok(people)
    }

    /// Who acts for whom.
    #[must_use]
    pub fn representations(&self) -> &Representations {
        &self.0.representations
    }

    /// The first members of the roster, for the sandbox's and the demo's list of people who can sign in.
    pub fn first_members(&self, limit: usize) -> Result<Vec<Member>, Error> {
        Ok(roster::first_members(&self.0.store.snapshot()?, limit)?)
    }

    /// Finds the session of a cookie, and notes that it is in use.
    pub async fn session(&self, secret: &str) -> Result<Session, Error> {
        let key = self.session_key(secret);
        let now = self.now();
        let snapshot = self.0.store.snapshot()?;
        let found = session::find(&snapshot, &key)?.filter(|session| !session.is_over(now));
        let Some(session) = found.filter(|session| still_exists(&snapshot, session)) else {
            return Err(Error::SignedOut);
        };
        if session.wants_touch(now) {
            self.0.store.transact(move |txn| session::touch(txn, &key, now)).await?;
        }
        Ok(session)
    }

    /// Ends a session; nothing happens if there is none.
    pub async fn sign_out(&self, secret: &str) -> Result<(), Error> {
        let key = self.session_key(secret);
        Ok(self.0.store.transact(move |txn| session::end(txn, &key)).await?)
    }

    /// A secret for the cookie of a browser that is not signed in: it ties forms and codes to that browser.
    #[must_use]
    pub fn new_visitor(&self) -> String {
        self.0.chance.token()
    }

    /// The token that every form of this browser carries.
    #[must_use]
    pub fn form_token(&self, secret: &str) -> String {
        hex(&self.0.settings.keys.keyed("form", secret.as_bytes()))
    }

    /// True if the form was made for this browser.
    #[must_use]
    pub fn form_token_is_right(&self, secret: &str, token: &str) -> bool {
        let right = self.form_token(secret);
        aws_lc_rs::constant_time::verify_slices_are_equal(right.as_bytes(), token.as_bytes()).is_ok()
    }

    /// The name of a person on the form of one authorization request. It says nothing about her, and names nobody in another
    /// request, or once another person has her number.
    #[must_use]
    pub fn form_name(&self, request: &str, person: &Member) -> String {
        let parts = [request.as_bytes(), &[0], person.member_id.as_bytes(), &[0], person.patient.as_bytes()];
        hex(&self.0.settings.keys.keyed("person", &parts.concat()))
    }

    /// Seals a few words for one browser to carry to its next page. Nobody else can read or use them.
    #[must_use]
    pub fn seal_for(&self, secret: &str, words: &str) -> Option<String> {
        let sealed = self.0.sealer.seal(&format!("browser {secret}"), words.as_bytes())?;
        Some(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// What was sealed for this browser.
    #[must_use]
    pub fn open_for(&self, secret: &str, sealed: &str) -> Option<String> {
        let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        String::from_utf8(self.0.sealer.open(&format!("browser {secret}"), &sealed)?).ok()
    }

    /// Waits until every message that was handed over is sent: for a calm stop, and for tests.
    pub async fn settle(&self) {
        loop {
            let sent = self.0.sent.notified();
            if self.0.sending.load(Ordering::Acquire) == 0 {
                return;
            }
            sent.await;
        }
    }

    /// What the transports were given, for the demo's outbox page; nothing where mail is really sent.
    #[must_use]
    pub fn outbox(&self) -> (Vec<Letter>, Vec<Text>) {
        (self.0.mail.outbox(), self.0.sms.outbox())
    }

    /// Forgets what people's budgets were in windows that are over; call it every few minutes. Codes and sessions end in the
    /// store's own sweep.
    pub async fn sweep(&self) -> Result<usize, Error> {
        let now = self.now();
        Ok(self.0.store.transact(move |txn| budget::sweep(txn, now)).await?)
    }

    fn now(&self) -> i64 {
        self.0.clock.now().as_second()
    }

    fn session_key(&self, secret: &str) -> ContactDigest {
        self.0.settings.keys.keyed("session", secret.as_bytes())
    }
}

/// A session does not outlive whom it stands for: staff who were removed or got another role are out at once.
fn still_exists(snapshot: &Snapshot, session: &Session) -> bool {
    match &session.who {
        Person::Member { member } => matches!(roster::find_member(snapshot, member), Ok(Some(_))),
        Person::Developer { account } => matches!(account::find(snapshot, account), Ok(Some(_))),
        Person::Staff { account, role } => {
            matches!(account::find(snapshot, account), Ok(Some(account)) if account.role == Some(*role))
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        for nibble in [byte >> 4, byte & 15] {
            out.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
        out
    })
}
