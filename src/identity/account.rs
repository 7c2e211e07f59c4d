//! Accounts of developers and staff. A developer makes hers by proving an e-mail address; a staff account exists only
//! after `ingle staff add`. Their addresses are kept as typed, since the plan writes to them.

use serde::{Deserialize, Serialize};

use super::code::Audience;
use super::totp::SecondFactor;
use crate::access::Role;
use crate::store::{self, Snapshot, Table, Txn};

/// Account id -> [`Account`] as JSON.
const ACCOUNTS: Table = Table::new("identity.accounts");
/// Audience name + 0 + address -> account id.
const ADDRESSES: Table = Table::new("identity.account_addresses");

/// A developer or staff account.
#[derive(Clone, Serialize, Deserialize)]
pub struct Account {
    /// Fresh id, never reused.
    pub id: String,
    /// Where its codes go.
    pub email: String,
    /// Staff have a role, developers none.
    pub role: Option<Role>,
    /// When it was made.
    pub created: i64,
    /// The authenticator, once enrolled.
    pub(super) second: Option<SecondFactor>,
    /// An authenticator that was shown but not yet confirmed.
    pub(super) offered: Option<Vec<u8>>,
}

impl Account {
    /// True once an authenticator was confirmed.
    #[must_use]
    pub const fn has_second_factor(&self) -> bool {
        self.second.is_some()
    }

    /// Backup codes that were not used yet.
    #[must_use]
    pub fn backup_codes_left(&self) -> usize {
        self.second.as_ref().map_or(0, SecondFactor::backup_codes_left)
    }
}

pub(super) fn find(snapshot: &Snapshot, id: &str) -> Result<Option<Account>, store::Error> {
    snapshot.get_json(ACCOUNTS, id.as_bytes())
}

pub(super) fn get(txn: &mut Txn<'_>, id: &str) -> Result<Option<Account>, store::Error> {
    txn.get_json(ACCOUNTS, id.as_bytes())
}

pub(super) fn put(txn: &mut Txn<'_>, account: &Account) -> Result<(), store::Error> {
    txn.put_json(ACCOUNTS, account.id.as_bytes(), account)
}

pub(super) fn find_by_address(
    snapshot: &Snapshot,
    audience: Audience,
    address: &str,
) -> Result<Option<Account>, store::Error> {
    let Some(id) = snapshot.get(ADDRESSES, &address_key(audience, address))? else { return Ok(None) };
    snapshot.get_json(ACCOUNTS, &id)
}

/// The account with this address, made with `id` if there is none.
pub(super) fn open(
    txn: &mut Txn<'_>,
    audience: Audience,
    address: &str,
    fresh: Account,
) -> Result<Account, store::Error> {
    let key = address_key(audience, address);
    if let Some(id) = txn.get(ADDRESSES, &key)?
        && let Some(account) = txn.get_json(ACCOUNTS, &id)?
    {
        return Ok(account);
    }
    txn.put(ADDRESSES, &key, fresh.id.as_bytes())?;
    put(txn, &fresh)?;
    Ok(fresh)
}

/// Every staff account.
pub(super) fn staff(snapshot: &Snapshot) -> Result<Vec<Account>, store::Error> {
    let mut accounts = Vec::new();
    for (_, id) in snapshot.scan(ADDRESSES, &address_key(Audience::Staff, ""), usize::MAX)? {
        accounts.extend(snapshot.get_json::<Account>(ACCOUNTS, &id)?);
    }
    Ok(accounts)
}

/// Removes a staff account; false if there was none. Its sessions end at their next use, for they name it.
pub(super) fn remove_staff(txn: &mut Txn<'_>, address: &str) -> Result<bool, store::Error> {
    let key = address_key(Audience::Staff, address);
    let Some(id) = txn.get(ADDRESSES, &key)? else { return Ok(false) };
    txn.delete(ADDRESSES, &key)?;
    txn.delete(ACCOUNTS, &id)?;
    Ok(true)
}

fn address_key(audience: Audience, address: &str) -> Vec<u8> {
    [audience.name().as_bytes(), &[0], address.as_bytes()].concat()
}
