//! `ingle serve`: the realms behind one listening socket, until somebody says stop.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use parking_lot::Mutex;

use super::args::Global;
use super::control::{self, Running};
use super::exit::Code;
use super::inbox::Pace;
use super::reindex::kinds;
use super::{demo, install, runtime};
use crate::config::Config;
use crate::fhir::definitions::Definitions;
use crate::load::Stop;
use crate::outbound::Mail;
use crate::realm::{Realm, RealmKind};
use crate::web;

/// How often what is over is forgotten: codes, sessions, revocations.
const SWEEP_EVERY: Duration = Duration::from_mins(5);
/// Between two steps of one sweep others write.
const SWEEP_PAUSE: Duration = Duration::from_millis(20);

pub(super) fn run(global: &Global) -> anyhow::Result<Code> {
    let config = install::config(global)?;
    super::definitions::supply(&config)?;
    let outside = install::outside(&config)?;
    let definitions = Definitions::default();
    let mut realms = Vec::new();
    for kind in kinds(config.apps.sandbox) {
        let realm = install::realm(kind, &config, &outside, &definitions)?;
        if kind == RealmKind::Sandbox && realm.identity.first_members(1)?.is_empty() {
            demo::fill(&realm)?;
        }
        realms.push(realm);
    }
    if let [plan, sandbox] = realms.as_slice()
        && let Some(definer) = &plan.definer
    {
        definer.also(&sandbox.store, &sandbox.index);
    }
    runtime()?.block_on(async {
        let server = bind(&config)?;
        if config.plan.support_phone.is_none() && config.plan.support_email.is_none() {
            tracing::warn!(
                "members who are stuck find no number on the pages; set support_phone or support_email in [plan]"
            );
        }
        tokio::spawn(try_mail(outside.mail.clone()));
        let loading = Arc::new(Mutex::new(()));
        let running = Running {
            config: Arc::clone(&config),
            outside: outside.clone(),
            realms: realms.clone(),
            loading: Arc::clone(&loading),
        };
        let controlled = tokio::spawn(async move {
            if let Err(error) = control::serve(running).await {
                tracing::error!(%error, "commands cannot reach this server");
            }
        });
        let inbox = config.load.inbox.clone().zip(realms.first().cloned());
        let stop = Stop::default();
        let watching = inbox.map(|(inbox, realm)| {
            tokio::spawn(super::inbox::watch(realm, inbox, config.validation.loads, Pace::USUAL, stop.clone(), loading))
        });
        // A load ends while requests drain.
        let signal = async {
            stop_signal().await;
            stop.ask();
        };
        listen(server, &config, &realms, false, signal).await;
        controlled.abort();
        if let Some(watching) = watching {
            watching.abort();
        }
        anyhow::Ok(())
    })?;
    for realm in &realms {
        install::close(realm);
    }
    Ok(Code::Done)
}

/// Says early what members would say later.
async fn try_mail(mail: Mail) {
    if let Err(error) = mail.check().await {
        tracing::error!(%error, "no mail will leave as things are");
    }
}

/// Takes the address of the configuration.
pub(super) fn bind(config: &Config) -> anyhow::Result<web::Server> {
    let listen = config.server.listen;
    let server = web::Server::bind(listen, config.limits.connections)
        .with_context(|| format!("{listen} cannot be listened on; stop what uses it or change [server] listen"))?;
    tracing::info!(address = %server.address(), "listening");
    Ok(server)
}

/// Serves the realms until `stop`, then lets running requests finish.
pub(super) async fn listen(
    server: web::Server,
    config: &Config,
    realms: &[Arc<Realm>],
    demo: bool,
    stop: impl Future<Output = ()> + Send,
) {
    let mut sweeps: Vec<_> = realms.iter().map(|realm| tokio::spawn(sweep(Arc::clone(realm)))).collect();
    sweeps.extend(realms.iter().map(|realm| tokio::spawn(rederive(Arc::clone(realm)))));
    server.serve(web::app(realms, demo), stop, config.server.grace()).await;
    sweeps.iter().for_each(tokio::task::JoinHandle::abort);
    for realm in realms {
        // A mail server that hangs must not keep the process from ending.
        if tokio::time::timeout(config.server.grace(), realm.identity.settle()).await.is_err() {
            tracing::warn!("some messages were still on their way when the server stopped");
        }
    }
    tracing::info!("stopped");
}

/// Resource numbers that one step looks at: some milliseconds of the writer's time.
const REDERIVED_AT_ONCE: u64 = 100;
/// Between two steps, so that others get to write.
const REDERIVE_PAUSE: Duration = Duration::from_millis(10);

/// Applies changed rules of labels and access to what is stored, in the background.
async fn rederive(realm: Arc<Realm>) {
    let (mut relabelled, mut changed) = (0, 0);
    loop {
        let now = realm.clock.now();
        match realm.store.transact(move |txn| txn.rederive(REDERIVED_AT_ONCE, now)).await {
            Ok(step) => {
                relabelled += step.relabelled;
                changed += step.changed;
                if step.unread > 0 {
                    tracing::error!(count = step.unread, "stored resources cannot be read; run `ingle verify`");
                }
                if step.done {
                    break;
                }
            }
            Err(error) => {
                tracing::error!(%error, "changed rules are not applied to what is stored; restart the server to try again");
                return;
            }
        }
        tokio::time::sleep(REDERIVE_PAUSE).await;
    }
    if relabelled + changed > 0 {
        tracing::info!(relabelled, changed, "changed rules were applied to what is stored");
    }
}

async fn sweep(realm: Arc<Realm>) {
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    loop {
        ticks.tick().await;
        // As many steps as there is something left: what comes in between two ticks has no limit.
        loop {
            match realm.store.sweep(realm.clock.now()).await {
                Ok(0) => break,
                Ok(_) => tokio::time::sleep(SWEEP_PAUSE).await,
                Err(error) => {
                    tracing::warn!(%error, "codes, sessions and authorizations that ended could not be swept away");
                    break;
                }
            }
        }
        loop {
            match realm.identity.sweep().await {
                Ok(0) => break,
                Ok(_) => tokio::time::sleep(SWEEP_PAUSE).await,
                Err(error) => {
                    tracing::warn!(%error, "old budgets could not be swept away");
                    break;
                }
            }
        }
    }
}

/// SIGTERM and SIGINT. SIGHUP has nothing to reload yet, and must not end the server.
#[cfg(unix)]
pub(super) async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let streams = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()), signal(SignalKind::hangup()));
    let (Ok(mut terminate), Ok(mut interrupt), Ok(mut hangup)) = streams else {
        tracing::error!("signals cannot be received; stop the server with SIGKILL");
        return std::future::pending().await;
    };
    loop {
        tokio::select! {
            _ = terminate.recv() => return,
            _ = interrupt.recv() => return,
            _ = hangup.recv() => tracing::info!("there is nothing to reload in this version"),
        }
    }
}

#[cfg(not(unix))]
pub(super) async fn stop_signal() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
