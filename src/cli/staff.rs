//! `ingle staff`: people who may use the console.

use anyhow::bail;

use super::args::{Global, Staff};
use super::control::Said;
use super::exit::Code;
use super::{install, wait};
use crate::fhir::definitions::Definitions;
use crate::realm::{Realm, RealmKind};

pub(super) fn run(global: &Global, command: &Staff) -> anyhow::Result<Code> {
    let config = install::config(global)?;
    let realm = install::realm(RealmKind::Plan, &config, &install::outside(&config)?, &Definitions::default())?;
    let mut said = Said::default();
    let outcome = act(global, command, &realm, &mut said);
    install::close(&realm);
    said.print();
    outcome
}

/// Carries a command out on an open realm.
pub(super) fn act(global: &Global, command: &Staff, realm: &Realm, said: &mut Said) -> anyhow::Result<Code> {
    match command {
        Staff::Add { email, role } => {
            let account = wait(realm.identity.add_staff(email, (*role).into()))?;
            if global.json {
                said.line(serde_json::json!({"email": account.email, "role": account.role}));
            } else {
                said.line(format_args!("{} is on the list of staff", account.email));
            }
        }
        Staff::Remove { email } => {
            if !wait(realm.identity.remove_staff(email))? {
                bail!("{email} is not on the list; `ingle staff list` shows it");
            }
            if global.json {
                said.line(serde_json::json!({"email": email, "role": null}));
            } else {
                said.line(format_args!("{email} has no access any more"));
            }
        }
        Staff::List => {
            for account in realm.identity.staff()? {
                let role = serde_json::to_value(account.role)?;
                let second = account.has_second_factor();
                if global.json {
                    said.line(serde_json::json!({"email": account.email, "role": role, "authenticator": second}));
                } else {
                    let (role, by) =
                        (role.as_str().unwrap_or_default(), if second { "authenticator" } else { "mail only" });
                    said.line(format_args!("{:<40} {role:<10} {by}", account.email));
                }
            }
        }
    }
    Ok(Code::Done)
}
