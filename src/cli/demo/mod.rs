//! `ingle demo`: the whole product on one command, with a plan that does not exist.

mod health_history;
mod plan;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};

use super::args::{Demo, Global};
use super::exit::Code;
use super::load::into_realm;
use super::{install, runtime, serve};
use crate::config::Config;
use crate::fhir::definitions::Definitions;
use crate::load::{Mapping, Request, Stop};
use crate::outbound::Clock;
use crate::realm::{Realm, RealmKind};
use health_history::HealthHistory;

/// Marks a folder as the demo's own, so that `--fresh` never removes anything else.
const MARK: &str = ".ingle-demo";

pub(super) fn run(global: &Global, args: &Demo) -> anyhow::Result<Code> {
    let Some(app_port) = args.port.checked_add(1) else {
        bail!("port {} leaves no room for the sample app", args.port)
    };
    prepare(&args.dir, args.fresh)?;
    let dir = std::path::absolute(&args.dir)?;
    let config = Arc::new(config(&dir, args.port)?);
    let outside = install::outside(&config)?;
    let definitions = Definitions::default();
    let mut realms = Vec::new();
    for kind in [RealmKind::Plan, RealmKind::Sandbox] {
        let realm = install::realm(kind, &config, &outside, &definitions)?;
        fill(&realm)?;
        realms.push(realm);
    }
    let plan = realms.first().context("there is no plan realm")?;
    runtime()?.block_on(async {
        // Both listen before anything is printed: the addresses must work when they are read.
        let server = serve::bind(&config)?;
        let sample = HealthHistory::start(plan, app_port).await?;
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let app = tokio::spawn(sample.serve(wait(stopped.clone())));
        tell(global, &dir, &config, app_port);
        tokio::spawn(async move {
            serve::stop_signal().await;
            // Whoever listens is on the other end; if nobody is, all have stopped.
            let _ = stop.send(true);
        });
        serve::listen(server, &config, &realms, true, wait(stopped)).await;
        app.abort();
        anyhow::Ok(())
    })?;
    for realm in &realms {
        install::close(realm);
    }
    Ok(Code::Done)
}

async fn wait(mut stopped: tokio::sync::watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a stop as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

fn prepare(dir: &Path, fresh: bool) -> anyhow::Result<()> {
    let mark = dir.join(MARK);
    if dir.exists() && !mark.exists() && dir.read_dir()?.next().is_some() {
        bail!("{} holds files that no demo made; choose another folder with --dir", dir.display());
    }
    if fresh && mark.exists() {
        std::fs::remove_dir_all(dir).with_context(|| format!("{} cannot be removed", dir.display()))?;
    }
    std::fs::create_dir_all(dir).with_context(|| format!("{} cannot be made", dir.display()))?;
    for folder in ["mail", "sms"] {
        let folder = dir.join("outbox").join(folder);
        std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    std::fs::write(mark, "This folder belongs to `ingle demo`; `--fresh` removes it.\n")?;
    Ok(())
}

/// The demo's configuration: everything by flag, nothing from files or the environment.
fn config(dir: &Path, port: u16) -> anyhow::Result<Config> {
    let file = |name: &str| format!("file:{}", dir.join("outbox").join(name).display());
    let flags = [
        ("plan.name", "Alder County Health Plan".to_owned()),
        ("plan.url", format!("http://127.0.0.1:{port}")),
        ("plan.legal_name", "Alder County Community Health Plan, Inc. (made up)".to_owned()),
        ("plan.support_email", "help@alder.example".to_owned()),
        ("plan.support_phone", "1-800-555-0100".to_owned()),
        ("plan.support_hours", "Monday to Friday, 8 am to 6 pm".to_owned()),
        ("server.listen", format!("127.0.0.1:{port}")),
        ("storage.path", dir.join("data").display().to_string()),
        ("mail.transport", file("mail")),
        ("mail.from", "Alder County Health Plan <no-reply@alder.example>".to_owned()),
        ("sms.transport", file("sms")),
        // In the demo one person is both the developer and the staff, so no app waits for approval.
        ("apps.registration", "open".to_owned()),
    ];
    Ok(Config::load(None, &[], &flags)?)
}

/// Loads the made-up plan into a realm; a second time changes nothing.
pub(super) fn fill(realm: &Realm) -> anyhow::Result<()> {
    let folder = tempfolder(realm)?;
    plan::unpack(&folder)?;
    let request = Request {
        paths: vec![folder.clone()],
        format: None,
        mapping: Mapping::default(),
        dry_run: false,
        report: folder.with_extension("rejected"),
        validation: realm.config.validation.loads,
        claims_as_clinical: crate::config::ClaimsAsClinical::Encounters,
        registry: crate::config::Registry::All,
        complete: Vec::new(),
        stop: Stop::default(),
    };
    let outcome = into_realm(realm, &request, &mut |_| {});
    std::fs::remove_dir_all(&folder).with_context(|| format!("{} cannot be removed", folder.display()))?;
    let summary = outcome?;
    if summary.rejected > 0 {
        bail!("the demo's own data was not accepted, which is a defect; see {:?}", summary.report);
    }
    realm.index.settle()?;
    Ok(())
}

fn tempfolder(realm: &Realm) -> anyhow::Result<std::path::PathBuf> {
    let folder = realm.config.storage.path.join(format!("unpacked-{}", realm.kind.name()));
    std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    Ok(folder)
}

fn tell(global: &Global, dir: &Path, config: &Config, app_port: u16) {
    let base = config.plan.url.as_str();
    let sample = format!("http://127.0.0.1:{app_port}/");
    let people = plan::people();
    if global.json {
        let people: Vec<_> = people
            .iter()
            .map(|p| serde_json::json!({"name": p.name, "member_id": p.member_id, "signs_in_with": p.address}))
            .collect();
        let out = serde_json::json!({
            "plan": base, "fhir": format!("{base}/fhir"), "directory": format!("{base}/directory"), "sandbox": format!("{base}/sandbox/fhir"),
            "outbox": format!("{base}/outbox"), "outbox_folder": dir.join("outbox"), "sample_app": sample, "people": people,
        });
        println!("{out}");
        return;
    }
    println!("A made-up health plan is running. Stop it with Ctrl-C.\n");
    for (what, address) in [
        ("the plan's front door", format!("{base}/")),
        ("Health History, a sample app", sample),
        ("mail and texts it \"sent\"", format!("{base}/outbox")),
        ("developers, with a sandbox", format!("{base}/developers")),
        ("FHIR, with a token", format!("{base}/fhir/metadata")),
        ("provider directory, open", format!("{base}/directory/Practitioner?name=liu")),
    ] {
        println!("  {what:<30} {address}");
    }
    println!("\nThese people can sign in; their codes appear in /outbox and under {}:\n", dir.join("outbox").display());
    for person in people {
        println!("  {:<20} {:<8} {}", person.name, person.member_id, person.address);
    }
    println!("\nWho they are: fixtures/demo/README.md. Started at {}.", Clock::system().now().strftime("%H:%M UTC"));
}
