//! `ingle app`: third-party apps from the shell.

use std::path::Path;

use anyhow::{Context, bail};

use super::args::{App, Global};
use super::control::Said;
use super::exit::Code;
use super::{install, wait};
use crate::apps::{self, Status};
use crate::fhir::definitions::Definitions;
use crate::realm::{Realm, RealmKind};

pub(super) fn run(global: &Global, command: &App) -> anyhow::Result<Code> {
    let config = install::config(global)?;
    let kind = realm_of(command);
    let outside = install::outside(&config)?;
    let of_sandbox = kind == RealmKind::Sandbox;
    let definitions = if of_sandbox { install::definitions(&config, &outside)? } else { Definitions::default() };
    let realm = install::realm(kind, &config, &outside, &definitions)?;
    let mut said = Said::default();
    let outcome = act(global, command, &realm, &std::env::current_dir()?, &mut said);
    install::close(&realm);
    said.print();
    outcome
}

/// The realm of the app that a command is about.
pub(super) fn realm_of(command: &App) -> RealmKind {
    let sandbox = match command {
        App::List { sandbox } | App::Add { sandbox, .. } => *sandbox,
        App::Show { client_id }
        | App::Approve { client_id }
        | App::Suspend { client_id }
        | App::RotateSecret { client_id } => client_id.starts_with("sandbox-"),
    };
    if sandbox { RealmKind::Sandbox } else { RealmKind::Plan }
}

/// Carries a command out on an open realm; paths are meant from the folder.
pub(super) fn act(
    global: &Global,
    command: &App,
    realm: &Realm,
    folder: &Path,
    said: &mut Said,
) -> anyhow::Result<Code> {
    match command {
        App::Add { name, scopes, jwks, .. } => {
            let jwks = folder.join(jwks);
            let jwks = std::fs::read_to_string(&jwks).with_context(|| format!("cannot read {}", jwks.display()))?;
            let app = wait(realm.apps.register_backend(name, scopes, &jwks))?;
            if global.json {
                said.line(row(&app));
            } else {
                said.line(&app.client_id);
                said.say(format_args!("This is its client id. It asks for tokens at {}/oauth/token.", realm.address));
            }
        }
        App::List { .. } => {
            for app in realm.apps.all()? {
                if global.json {
                    said.line(row(&app));
                } else {
                    said.line(format_args!("{:<40} {:<10} {}", app.client_id, status(&app), app.name));
                }
            }
        }
        App::Show { client_id } => {
            let app = realm.apps.find(client_id)?.with_context(|| unknown(client_id))?;
            if global.json {
                said.line(row(&app));
            } else {
                said.line(format_args!("{}\n  client id  {}\n  status     {}", app.name, app.client_id, status(&app)));
                said.line(format_args!("  redirects  {}\n  scopes     {}", app.redirects.join(" "), app.scopes));
                let maker = &app.maker;
                said.line(format_args!("  maker      {}\n  contact    {}", maker.name, maker.contact));
                said.line(format_args!("  policy     {}\n  terms      {}", maker.policy, maker.terms));
            }
        }
        App::Approve { client_id } => set(realm, client_id, Status::Active, said)?,
        App::Suspend { client_id } => set(realm, client_id, Status::Suspended, said)?,
        App::RotateSecret { client_id } => {
            let secret = wait(rotate(realm, client_id))?;
            if global.json {
                said.line(serde_json::json!({"client_id": client_id, "client_secret": secret}));
            } else {
                said.line(&secret);
                said.say("This is shown once. The secret before it works until the next rotation.");
            }
        }
    }
    Ok(Code::Done)
}

fn set(realm: &Realm, client_id: &str, status: Status, said: &mut Said) -> anyhow::Result<()> {
    match wait(async { anyhow::Ok(realm.apps.set_status(client_id, status).await) })? {
        Ok(()) => {
            said.line(format_args!(
                "{client_id} is now {}",
                if status == Status::Active { "active" } else { "suspended" }
            ));
            Ok(())
        }
        Err(apps::Error::Unknown) => bail!(unknown(client_id)),
        Err(error) => Err(error.into()),
    }
}

/// Two secrets may live: the oldest goes when there are two already.
async fn rotate(realm: &Realm, client_id: &str) -> anyhow::Result<String> {
    let app = realm.apps.find(client_id)?.with_context(|| unknown(client_id))?;
    if app.secrets.len() > 1 {
        realm.apps.drop_oldest_secret(client_id).await?;
    }
    Ok(realm.apps.add_secret(client_id).await?)
}

fn unknown(client_id: &str) -> String {
    format!("there is no app {client_id}; `ingle app list` shows all")
}

fn status(app: &apps::App) -> &'static str {
    match app.status {
        Status::Active => "active",
        Status::Waiting => "waiting",
        Status::Suspended => "suspended",
    }
}

/// An app without its secrets' digests.
fn row(app: &apps::App) -> serde_json::Value {
    serde_json::json!({
        "client_id": app.client_id, "name": app.name, "status": status(app), "redirects": app.redirects,
        "scopes": app.scopes, "homepage": app.homepage, "vetted": app.vetted, "created": app.created,
        "maker": app.maker,
    })
}
