//! `ingle staff`: people who may use the console.

use anyhow::bail;

use super::args::{Global, Staff};
use super::exit::Code;
use super::{install, runtime};
use crate::fhir::definitions::Definitions;
use crate::realm::RealmKind;

pub(super) fn run(global: &Global, command: &Staff) -> anyhow::Result<Code> {
    let config = install::config(global)?;
    let realm = install::realm(RealmKind::Plan, &config, &install::outside(&config)?, &Definitions::default())?;
    let outcome = runtime()?.block_on(async {
        match command {
            Staff::Add { email, role } => {
                let account = realm.identity.add_staff(email, (*role).into()).await?;
                if global.json {
                    println!("{}", serde_json::json!({"email": account.email, "role": account.role}));
                } else {
                    println!("{} can sign in at {}/console with a code by mail", account.email, realm.address);
                }
            }
            Staff::Remove { email } => {
                if !realm.identity.remove_staff(email).await? {
                    bail!("{email} is not on the list; `ingle staff list` shows it");
                }
                println!("{email} has no access any more");
            }
            Staff::List => {
                for account in realm.identity.staff()? {
                    let role = serde_json::to_value(account.role)?;
                    let second = account.has_second_factor();
                    if global.json {
                        let row = serde_json::json!({"email": account.email, "role": role, "authenticator": second});
                        println!("{row}");
                    } else {
                        let role = role.as_str().unwrap_or_default().to_owned();
                        println!(
                            "{:<40} {role:<10} {}",
                            account.email,
                            if second { "authenticator" } else { "mail only" }
                        );
                    }
                }
            }
        }
        Ok(Code::Done)
    });
    install::close(&realm);
    outcome
}
