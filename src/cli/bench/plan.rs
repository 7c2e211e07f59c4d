//! The plan that is measured: generated, loaded through the real loader, with members who can share.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};

use super::{Figure, generate};
use crate::apps::{Kind as AppKind, Maker, NewApp};
use crate::cli::runtime;
use crate::config::Config;
use crate::fhir::definitions::Definitions;
use crate::identity::roster::{Enrolment, enrol};
use crate::load;
use crate::oauth::{Begun, Decision, Form};
use crate::outbound::{Chance, Clock, Mail, Sms};
use crate::realm::{Outside, Realm, RealmKind};
use crate::store::Txn;

/// Members who sign in; the others are only there.
pub(super) const SIGNED_IN: usize = 32;
const REDIRECT: &str = "https://app.example/cb";
/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub(super) struct Plan {
    pub(super) realm: Arc<Realm>,
    pub(super) runtime: tokio::runtime::Runtime,
    pub(super) clock: Clock,
    pub(super) members: usize,
    pub(super) resources: usize,
    pub(super) config: PathBuf,
    folder: PathBuf,
}

/// What is known of a plan after its realm is closed.
pub(super) struct About {
    pub(super) members: usize,
    pub(super) config: PathBuf,
}

impl Plan {
    /// Generates, loads, and prints the figures of the load.
    pub(super) fn load(folder: &Path, members: usize, clock: &Clock) -> anyhow::Result<Self> {
        let files = folder.join("files");
        std::fs::create_dir_all(&files)?;
        let (count, bytes) = generate::members(&files, members)?;
        let public = generate::directory(&files)?;
        let (config, path) = configure(folder)?;
        let outside =
            Outside { clock: clock.clone(), chance: Chance::system(), mail: Mail::memory().0, sms: Sms::off() };
        let open = || {
            anyhow::Ok(Arc::new(Realm::open(
                RealmKind::Plan,
                &config,
                &config.storage.path,
                &outside,
                &Definitions::default(),
            )?))
        };
        let runtime = runtime()?;
        let mut plan = Self {
            realm: open()?,
            runtime,
            clock: clock.clone(),
            members,
            resources: count + public,
            config: path,
            folder: folder.to_owned(),
        };
        plan.time_load(&files)?;
        // As after `ingle load`: no merge of the index is under way when something else is measured.
        super::super::install::close_after_much(&plan.realm);
        plan.measure_disk(bytes);
        std::fs::remove_dir_all(&files)?;
        plan.realm = open()?;
        plan.enrol()?;
        Ok(plan)
    }

    fn time_load(&self, files: &Path) -> anyhow::Result<()> {
        let realm = &self.realm;
        forget_peak();
        // As `ingle load` does.
        realm.index.in_bulk();
        let started = self.clock.monotonic();
        let request = load::Request {
            paths: vec![files.to_owned()],
            format: None,
            mapping: load::Mapping::default(),
            dry_run: false,
            report: self.folder.join("rejects.csv"),
            validation: crate::config::Policy::Off,
            claims_as_clinical: crate::config::ClaimsAsClinical::Encounters,
            registry: crate::config::Registry::All,
            complete: Vec::new(),
            stop: load::Stop::default(),
        };
        let target = load::Target {
            store: &realm.store,
            contacts: realm.identity.contact_key(),
            now: realm.clock.now(),
            find: &|_, _, _| None,
            ids: "https://plan.example/ids",
            plan: "Bench",
        };
        let summary = load::run(&request, &target, &realm.clock, &mut |_| {})?;
        ensure!(summary.rejected == 0, "{} generated resources were rejected", summary.rejected);
        // Durable is not enough: the figure counts until everything is in the index itself.
        realm.index.settle()?;
        let seconds = self.clock.monotonic().saturating_sub(started).as_secs_f64();
        self.figure("load, durable and searchable", self.resources as f64 / seconds, "resources/s");
        self.figure("load, peak memory", own_memory("VmHWM").unwrap_or(0.0), "MB");
        Ok(())
    }

    fn measure_disk(&self, bytes: u64) {
        let disk =
            (size_of(&self.folder.join("data/plan/store.redb")) + size_of(&self.folder.join("data/plan/index"))) as f64;
        self.figure("disk per resource, store and index", disk / self.resources as f64, "bytes");
        let loaded = (self.members * generate::PER_MEMBER) as f64;
        self.figure("JSON per resource, as it came", bytes as f64 / loaded, "bytes");
    }

    fn figure(&self, measure: &'static str, value: f64, unit: &'static str) {
        Figure { measure, value, unit, members: self.members, ..Figure::default() }.print();
    }

    fn enrol(&self) -> anyhow::Result<()> {
        for n in 0..SIGNED_IN.min(self.members) {
            let row = Enrolment { member_id: format!("M{n:07}"), patient: format!("p{n}"), ..Enrolment::default() };
            let realm = Arc::clone(&self.realm);
            self.realm
                .store
                .transact_blocking(move |txn: &mut Txn<'_>| enrol(txn, realm.identity.contact_key(), &row, 0))?;
        }
        Ok(())
    }

    /// One access token for each of the first `count` members, by way of the whole authorization flow.
    pub(super) fn tokens(&self, count: usize) -> anyhow::Result<Vec<String>> {
        self.runtime.block_on(async {
            let new = NewApp {
                name: "Sample app".into(),
                kind: AppKind::Browser,
                redirects: vec![REDIRECT.into()],
                scopes: "patient/*.rs".into(),
                homepage: String::new(),
                maker: Maker::default(),
                owner: "bench".into(),
            };
            let (app, _) = self.realm.apps.register(new).await?;
            let mut tokens = Vec::with_capacity(count);
            for n in 0..count {
                tokens.push(self.token(&app.client_id, n % SIGNED_IN.min(self.members)).await?);
            }
            Ok(tokens)
        })
    }

    async fn token(&self, client_id: &str, member: usize) -> anyhow::Result<String> {
        let realm = &self.realm;
        let form = |pairs: &[(&str, &str)]| {
            Form::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
        };
        let asked = form(&[
            ("response_type", "code"),
            ("client_id", client_id),
            ("redirect_uri", REDIRECT),
            ("scope", "patient/*.rs"),
            ("state", "s"),
            ("aud", &realm.base(crate::access::Base::Fhir)),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ]);
        let Begun::Ask(id) = realm.oauth.begin(&asked, None).await? else {
            anyhow::bail!("the authorization was refused")
        };
        let who = realm.identity.find_member(&format!("M{member:07}"))?.context("a member is missing")?;
        let decision =
            Decision { who: &who, whose: &who, shared: Vec::new(), signed_in: realm.clock.now().as_second() };
        let address = realm.oauth.approve(&id, decision).await?;
        let query = address.split_once('?').map(|(_, query)| query).unwrap_or_default();
        let code = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "code").context("no code")?.1;
        let redeem = form(&[
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
            ("client_id", client_id),
        ]);
        Ok(realm.oauth.token(&redeem, None).await?.access_token)
    }

    /// Stops the realm, so that another process can open it.
    pub(super) fn close(self) -> anyhow::Result<About> {
        self.realm.index.settle()?;
        self.realm.audit.seal()?;
        self.realm.store.close();
        self.runtime.shutdown_background();
        Ok(About { members: self.members, config: self.config })
    }
}

pub(super) fn configure(folder: &Path) -> anyhow::Result<(Arc<Config>, PathBuf)> {
    let path = folder.join("fhir.toml");
    std::fs::write(
        &path,
        "[plan]\nname = \"Bench\"\nurl = \"http://127.0.0.1:8080\"\n[storage]\npath = \"data\"\n\
         [mail]\ntransport = \"file:mail\"\nfrom = \"bench@plan.example\"\n[apps]\nsandbox = false\nregistration = \"open\"\n",
    )?;
    Ok((Arc::new(Config::load(Some(&path), &[], &[])?), path))
}

/// Begins a new peak; where the system does not allow it, the figure includes what came before.
pub(super) fn forget_peak() {
    drop(std::fs::write("/proc/self/clear_refs", "5"));
}

pub(super) fn own_memory(field: &str) -> Option<f64> {
    memory_of("self", field)
}

/// Megabytes of a process, by a field of its status file.
pub(super) fn memory_of(process: &str, field: &str) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1_024.0)
}

/// Bytes of a file, or of the files in a folder.
fn size_of(path: &Path) -> u64 {
    let Ok(about) = std::fs::metadata(path) else { return 0 };
    if about.is_file() {
        return about.len();
    }
    std::fs::read_dir(path).map_or(0, |entries| entries.flatten().map(|entry| size_of(&entry.path())).sum())
}
