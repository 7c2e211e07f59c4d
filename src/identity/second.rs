//! Accounts' second step: enrolling an authenticator, and checking its codes.

use super::account::{self, Account};
use super::budget::{self, Budget};
use super::code::Audience;
use super::session::{Level, NewSession};
use super::totp::{self, Factor, Offer, SecondFactor};
use super::{Error, Identity, Role, Session, limits};
use crate::access::Person;
use crate::store;

/// Label of sealed seeds.
const SEED: &str = "totp";
/// Bytes of a seed (RFC 4226 recommends 160 bits).
const SEED_BYTES: usize = 20;

impl Identity {
    /// The account with this id.
    pub fn account(&self, id: &str) -> Result<Account, Error> {
        account::find(&self.0.store.snapshot()?, id)?.ok_or(Error::Unknown)
    }

    /// Every staff account.
    pub fn staff(&self) -> Result<Vec<Account>, Error> {
        Ok(account::staff(&self.0.store.snapshot()?)?)
    }

    /// Lets someone into the console; an existing account gets the new role.
    pub async fn add_staff(&self, email: &str, role: Role) -> Result<Account, Error> {
        let Some(super::Contact::Email(email)) = super::Contact::parse(email) else { return Err(Error::Address) };
        let fresh = self.new_account(email.clone(), Some(role));
        let add = move |txn: &mut store::Txn<'_>| {
            let mut account = account::open(txn, Audience::Staff, &email, fresh)?;
            account.role = Some(role);
            account::put(txn, &account)?;
            Ok::<_, store::Error>(account)
        };
        Ok(self.0.store.transact(add).await?)
    }

    /// Takes someone out of the console; false if she was not in it.
    pub async fn remove_staff(&self, email: &str) -> Result<bool, Error> {
        let Some(super::Contact::Email(email)) = super::Contact::parse(email) else { return Err(Error::Address) };
        Ok(self.0.store.transact(move |txn| account::remove_staff(txn, &email)).await?)
    }

    /// Makes a seed for an authenticator and shows it. It counts for nothing until a code from it was typed.
    pub async fn offer_authenticator(&self, id: &str) -> Result<Offer, Error> {
        let account = self.account(id)?;
        if account.has_second_factor() {
            return Err(Error::SignedOut);
        }
        if let Some(sealed) = &account.offered {
            let seed = self.0.sealer.open(SEED, sealed).ok_or(Error::Keys)?;
            return totp::offer(&seed, &self.0.settings.plan, &account.email).ok_or(Error::Keys);
        }
        let mut seed = [0; SEED_BYTES];
        self.0.chance.fill(&mut seed);
        let sealed = self.0.sealer.seal(SEED, &seed).ok_or(Error::Keys)?;
        let offer = totp::offer(&seed, &self.0.settings.plan, &account.email).ok_or(Error::Keys)?;
        let id = account.id;
        let keep = move |txn: &mut store::Txn<'_>| {
            let Some(mut account) = account::get(txn, &id)? else { return Ok(()) };
            account.offered = Some(sealed);
            account::put(txn, &account)
        };
        self.0.store.transact(keep).await?;
        Ok(offer)
    }

    /// Confirms the offered authenticator by its first code. Gives the backup codes, once, and a raised session.
    pub async fn enrol_authenticator(&self, secret: &str, typed: &str) -> Result<(NewSession, Vec<String>), Error> {
        let (session, id, audience) = self.account_session(secret).await?;
        self.spend_try(&id).await?;
        let account = self.account(&id)?;
        let sealed = account.offered.filter(|_| account.second.is_none()).ok_or(Error::NoCode)?;
        let seed = self.0.sealer.open(SEED, &sealed).ok_or(Error::Keys)?;
        let typed: String = typed.chars().filter(char::is_ascii_digit).collect();
        let Some(step) = totp::step_of(&seed, &typed, self.now()) else { return Err(Error::Wrong { left: 0 }) };
        let codes: Vec<String> = (0..limits::BACKUP_CODES).map(|_| self.backup_code()).collect();
        let digests = codes.iter().map(|code| totp::backup_digest(&self.0.settings.keys, code)).collect();
        let second = SecondFactor::new(sealed, step, digests);
        let keep = move |txn: &mut store::Txn<'_>| {
            let Some(mut account) = account::get(txn, &id)? else { return Ok(()) };
            account.second = Some(second);
            account.offered = None;
            account::put(txn, &account)
        };
        self.0.store.transact(keep).await?;
        Ok((self.raise(secret, audience, session.who, Level::Full).await?, codes))
    }

    /// Judges an authenticator or backup code and raises the session.
    pub async fn check_authenticator(&self, secret: &str, typed: &str) -> Result<(NewSession, Factor), Error> {
        let (session, id, audience) = self.account_session(secret).await?;
        self.spend_try(&id).await?;
        let account = self.account(&id)?;
        let second = account.second.ok_or(Error::NoCode)?;
        let seed = self.0.sealer.open(SEED, second.sealed_seed()).ok_or(Error::Keys)?;
        let (keys, now, typed) = (self.0.settings.keys.clone(), self.now(), typed.to_owned());
        // Comparing and storing the step is one act: of two requests with the same code one finds it used.
        let judge = move |txn: &mut store::Txn<'_>| {
            let Some(mut account) = account::get(txn, &id)? else { return Ok(None) };
            let factor = account.second.as_mut().and_then(|second| second.accept(&seed, &keys, &typed, now));
            account::put(txn, &account)?;
            Ok::<_, store::Error>(factor)
        };
        let factor = self.0.store.transact(judge).await?.ok_or(Error::Wrong { left: 0 })?;
        Ok((self.raise(secret, audience, session.who, Level::Full).await?, factor))
    }

    pub(super) fn new_account(&self, email: String, role: Option<Role>) -> Account {
        Account { id: self.0.chance.id(), email, role, created: self.now(), second: None, offered: None }
    }

    /// Counts a try in a transaction of its own, before anything is compared.
    async fn spend_try(&self, id: &str) -> Result<(), Error> {
        let (now, id) = (self.now(), id.to_owned());
        let spend = move |txn: &mut store::Txn<'_>| {
            let (window, limit) = (limits::TOTP_WINDOW, limits::TOTP_TRIES);
            budget::spend(txn, now, &Budget { what: "totp", whose: id.as_bytes(), window, limit })
        };
        self.0.store.transact(spend).await?.map_err(|wait| Error::TooMany { wait })
    }

    async fn account_session(&self, secret: &str) -> Result<(Session, String, Audience), Error> {
        let session = self.session(secret).await?;
        let (id, audience) = match &session.who {
            Person::Developer { account } => (account.clone(), Audience::Developer),
            Person::Staff { account, .. } => (account.clone(), Audience::Staff),
            Person::Member { .. } => return Err(Error::SignedOut),
        };
        Ok((session, id, audience))
    }

    /// Ten letters and digits in three groups: 50 bits, easy to write down.
    fn backup_code(&self) -> String {
        let letters: String = self.0.chance.id().chars().take(10).collect::<String>().to_lowercase();
        let (first, rest) = letters.split_at_checked(4).unwrap_or((&letters, ""));
        let (second, third) = rest.split_at_checked(3).unwrap_or((rest, ""));
        format!("{first}-{second}-{third}")
    }
}
