//! The load run: files to blocks, blocks to prepared resources on every core, resources to the store in the order of
//! the files.
//!
//! ```text
//! reader thread -> blocks -> workers (parse, check, extract, pack) -> this thread (order) -> store writer
//! ```
//! Order matters twice: the last of two versions wins in every run alike, and one member's records, which stand
//! together in the files, stay neighbors on disk. A fixed number of tickets bounds the work in progress, so memory does
//! not grow with the files.
//!
//! Files are taken by content, not by name: first the directory and the drug list, then the members, then the records
//! about members, then their representatives. X12 and tables of claims go to the shelf first (`shelf.rs`), since the
//! parts of one claim may be spread over files and loads.

mod commit;
mod complete;
mod departed;
mod ended;
mod fold;
mod latest;
mod networks;
mod ordered;
mod read;
mod retire;
mod roster;
mod shelf;
mod undo;
mod work;

use std::collections::{HashMap, HashSet};
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use self::commit::{CommitEntry, Committer};
use self::complete::Lists;
use self::ordered::{InOrder, Numbered};
use self::read::{FileOfFormat, Job, JobOutcome};
use self::shelf::{Class, Shelf, ToShelf};
use crate::config::Policy;
use crate::formats::Format;
use crate::formats::fhir::{Known, NameKey};
use crate::formats::issue::{RecordPlace, Rule};
use crate::formats::x12::{Cutter, Splitter, Tally};
use crate::load::claim_rows;
use crate::load::doctor::Doctor;
use crate::load::report::{Ledger, Summary};
use crate::load::resources::{Batch, Deferred, settle};
use crate::load::signs::Signs;
use crate::load::source::{self, BLOCK_BYTES, Inputs, Source};
use crate::load::{Error, Request, Stop, Target};
use crate::map::plan::plan;
use crate::map::record::PlanContext;
use crate::outbound::Clock;

pub use crate::load::run::undo::Undone;
pub use crate::load::run::undo::undo;

/// Blocks under way at the same time, per worker.
const BLOCKS_PER_WORKER: usize = 2;
/// Bytes of resources that wait for an identifier; beyond this, they are settled with the identifiers known so far.
const DEFERRED_BYTES: usize = 64 << 20;
/// More workers than this wait for the store's one writer.
const WORKERS_MAX: usize = 8;

/// How far a run is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Bytes read.
    pub bytes: u64,
    /// Bytes to read.
    pub total: u64,
    /// Records accepted.
    pub kept: u64,
    /// Records refused.
    pub rejected: u64,
}

/// Loads files into the store.
///
/// # Errors
/// [`Error`] when nothing more can be loaded; refused records are in the summary instead.
pub fn run(
    request: &Request,
    target: &Target<'_>,
    clock: &Clock,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Summary, Error> {
    let started = clock.monotonic();
    let Inputs { files, others, closed } = source::find(&request.paths)?;
    if files.is_empty() && others.is_empty() && closed.is_empty() {
        return Err(Error::Nothing);
    }
    let total = files.iter().map(|file| source::size(file)).sum();
    let bytes = Arc::new(AtomicU64::new(0));
    if !request.dry_run {
        undo::start(target, files.len() as u64)?;
    }
    let mut run = Run {
        ledger: Ledger::new(&request.report),
        committer: Committer::new(target, request.dry_run),
        lists: Lists::new(&request.complete),
        names: HashMap::new(),
        deferred: Vec::new(),
        deferred_bytes: 0,
        doctor: Doctor::default(),
        target,
        seen: HashSet::new(),
        bytes,
        total,
        stop: request.stop.clone(),
        progress,
    };
    run.ledger.summary.files = files.len() as u64;
    let (sorted, mut troubles) = read::sort(&files, request);
    troubles.extend(others.iter().map(|path| read::no_file(path)));
    troubles.extend(closed.iter().map(|(path, cause)| read::closed_folder(path, cause)));
    for (path, format) in &sorted {
        run.ledger.taken(path, *format);
    }
    for (place, rule, reason) in troubles {
        let (rule, reject) = place.reject(rule, reason);
        run.lists.see_trouble(rule);
        run.ledger.reject(rule, &reject)?;
    }
    run.all(&sorted, request)?;
    run.tell_findings()?;
    run.ledger.finish(clock.monotonic().saturating_sub(started).as_secs_f64())
}

struct Run<'a> {
    ledger: Ledger,
    committer: Committer<'a>,
    lists: Lists,
    names: HashMap<NameKey, String>,
    deferred: Vec<Deferred>,
    deferred_bytes: usize,
    doctor: Doctor,
    target: &'a Target<'a>,
    /// Member ids of this run: in a dry run the store does not have them when the representatives are checked.
    seen: HashSet<String>,
    bytes: Arc<AtomicU64>,
    total: u64,
    stop: Stop,
    progress: &'a mut dyn FnMut(&Progress),
}

impl Run<'_> {
    fn all(&mut self, sorted: &[FileOfFormat], request: &Request) -> Result<(), Error> {
        let of = |formats: &[Format]| -> Vec<FileOfFormat> {
            sorted.iter().filter(|(_, format)| formats.contains(format)).cloned().collect()
        };
        self.pieces(&of(&[Format::Fhir]), request)?;
        self.settle_deferred()?;
        self.directory(&of(&[Format::Nppes, Format::Providers, Format::Qhp, Format::Formulary]), request)?;

        // Records about members name the plan, as payor or as insurer.
        let is_about_members = |(_, format): &FileOfFormat| {
            *format >= Format::Members && *format < Format::Hl7v2 && *format != Format::Eligibility
        };
        if sorted.iter().any(is_about_members) {
            let about = PlanContext { ids: self.target.ids, plan: self.target.plan, now: self.target.now };
            if let Ok((plan, _)) = work::prepared(&mut plan(about), Policy::Off) {
                let entry = CommitEntry { counts: Vec::new(), ..CommitEntry::of(plan, Format::Members) };
                self.committer.add(entry, &mut self.ledger)?;
                self.committer.flush(&mut self.ledger)?;
            }
        }

        let scratch = request.dry_run.then(|| request.report.with_extension("scratch"));
        if let Some(folder) = scratch.as_deref().and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty())
        {
            // A new plan has no reports yet, and no folder for them.
            let failed = |cause| Error::Report { path: folder.to_owned(), cause };
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut shelf = Shelf::new(self.target, scratch)?;
        for (path, format) in sorted {
            match format {
                Format::Enrolment | Format::Claims | Format::Payments | Format::Reviews | Format::Eligibility => {
                    self.x12(path, &mut shelf)?;
                }
                Format::ClaimRows => self.rows(path, &mut shelf, request)?,
                _ => {}
            }
        }
        shelf.flush(&mut self.ledger)?;
        self.roster(&of(&[Format::Members]), &shelf, request)?;
        self.claims(&shelf, request)?;
        shelf.end();

        self.pieces(&of(&[Format::Hl7v2, Format::Ccda]), request)?;
        self.committer.finish(&mut self.ledger)?;
        self.roster(&of(&[Format::Representatives]), &Shelf::new(self.target, None)?, request)?;
        self.tell();
        Ok(())
    }

    /// Loads the files that are about no member: providers and drugs.
    fn directory(&mut self, files: &[FileOfFormat], request: &Request) -> Result<(), Error> {
        let may_depart = !request.dry_run && files.iter().any(|(_, format)| *format == Format::Nppes);
        if may_depart {
            self.committer.departed.lock().is_unsettled = retire::begin(self.target)?;
        }
        self.pieces(files, request)?;
        self.committer.end(&mut self.ledger)?;
        self.lists.end_others(self.target, request.dry_run, &self.stop, &mut self.ledger)?;
        if may_depart {
            let newly = self.committer.departed.lock().take();
            retire::with_departed(self.target, &newly, &self.stop)?;
            retire::settled(self.target)?;
        }
        Ok(())
    }

    /// Reports findings about all records together.
    fn tell_findings(&mut self) -> Result<(), Error> {
        self.ledger.notice(Rule::BeforeBirth, self.doctor.too_early());
        let empty = self.doctor.empty_networks();
        let ids = empty.iter().map(|(id, ..)| *id).collect();
        let without = networks::without_providers(self.target, ids, &self.stop)?;
        for (_, name, place) in empty.into_iter().filter(|(id, ..)| without.contains(id)) {
            let (rule, reject) = place.reject(Rule::EmptyNetwork, format!("the network {name}"));
            self.ledger.reject(rule, &reject)?;
        }
        Ok(())
    }

    fn tell(&mut self) {
        let (kept, rejected) = (self.ledger.summary.kept, self.ledger.summary.rejected);
        (self.progress)(&Progress { bytes: self.bytes.load(Ordering::Relaxed), total: self.total, kept, rejected });
    }

    fn roster(&mut self, tables: &[FileOfFormat], shelf: &Shelf<'_>, request: &Request) -> Result<(), Error> {
        let known = Known { names: &self.names, find: self.target.find };
        let with = roster::RosterInput { request, target: self.target, known: &known };
        roster::load(tables, shelf, with, &mut self.ledger, &mut self.seen)
    }

    /// Assembles claims and reviews that new parts or new members have changed.
    fn claims(&mut self, shelf: &Shelf<'_>, request: &Request) -> Result<(), Error> {
        for class in [Class::Claims, Class::Reviews] {
            fold::all(self, shelf, class, request)?;
        }
        self.tell();
        Ok(())
    }

    /// Puts an X12 file on the shelf.
    fn x12(&mut self, path: &Path, shelf: &mut Shelf<'_>) -> Result<(), Error> {
        let mut source = Source::open(path, &self.bytes)?;
        let file: Arc<str> = path.display().to_string().into();
        let (mut cutter, mut splitter) = (Cutter::default(), Splitter::default());
        let mut block = vec![0; BLOCK_BYTES];
        let (file_name, asked) = (Arc::clone(&file), Tally::default());
        let mut to = ToShelf { shelf, ledger: &mut self.ledger, file: file_name, asked, failed: None };
        loop {
            self.stop.check()?;
            let count = source.read(&mut block).unwrap_or(0);
            let text = block.get(..count).unwrap_or_default();
            cutter.push(text, count == 0, &mut |segment| splitter.take(segment, &mut to));
            if let Some(failed) = to.failed.take() {
                return Err(failed);
            }
            if count == 0 {
                break;
            }
        }
        splitter.finish(&mut to);
        to.tell_asked();
        if let Some(failed) = to.failed.take() {
            return Err(failed);
        }
        if source.broken.is_some() {
            let place = RecordPlace { file, line: source.line(), entry: None };
            let reason = "the packed file is cut off or damaged; good records before the cut are kept";
            let (rule, reject) = place.reject(Rule::Truncated, reason);
            self.ledger.reject(rule, &reject)?;
        }
        self.tell();
        Ok(())
    }

    /// Puts a table of claims or prior authorizations on the shelf.
    fn rows(&mut self, path: &Path, shelf: &mut Shelf<'_>, request: &Request) -> Result<(), Error> {
        let source = Source::open(path, &self.bytes)?;
        let file: Arc<str> = path.display().to_string().into();
        let mut to = ToShelf { shelf, ledger: &mut self.ledger, file, asked: Tally::default(), failed: None };
        claim_rows::read(source, &request.mapping, &mut |found| to.found(found) && !request.stop.is_asked());
        let failed = to.failed.take();
        request.stop.check()?;
        self.tell();
        failed.map_or(Ok(()), Err)
    }

    /// Reads files in pieces, works on the pieces on every core, and stores the results in order.
    fn pieces(&mut self, files: &[FileOfFormat], request: &Request) -> Result<(), Error> {
        if files.is_empty() {
            return Ok(());
        }
        let workers = ordered::workers(WORKERS_MAX);
        let under_way = workers * BLOCKS_PER_WORKER + 2;
        let (validation, registry) = (request.validation, request.registry);
        let (target, bytes) = (self.target, Arc::clone(&self.bytes));
        std::thread::scope(|scope| {
            let (to_workers, jobs) = sync_channel::<Numbered<Job>>(under_way);
            let (done, batches) = sync_channel::<Numbered<JobOutcome>>(under_way);
            let (tickets, take_ticket) = sync_channel::<()>(under_way);
            for _ in 0..under_way {
                // The channel has room for exactly these.
                let _ = tickets.try_send(());
            }
            ordered::start(scope, workers, jobs, &done, move |job: Job| job.work(target, validation, registry));
            let reader = scope.spawn(move || {
                let mut out = read::Dispatcher { to_workers, done, take_ticket, next: 0 };
                read::all(files, request, &bytes, &mut out);
            });
            let outcome = self.take_in_order(&batches, &tickets);
            // Threads that wait to send or for a ticket see the closed channel, and return.
            drop((batches, tickets));
            reader.join().map_err(|_| Error::Worker)?;
            outcome
        })
    }

    fn take_in_order(
        &mut self,
        batches: &Receiver<Numbered<JobOutcome>>,
        tickets: &SyncSender<()>,
    ) -> Result<(), Error> {
        let mut in_order = InOrder::new();
        while let Ok(given) = batches.recv() {
            self.stop.check()?;
            in_order.put(given);
            while let Some(given) = in_order.next() {
                match given {
                    JobOutcome::Resources(batch) => self.take(batch)?,
                    JobOutcome::Records(worked) => self.take_records(worked?)?,
                }
                let _ = tickets.try_send(());
                self.tell();
            }
        }
        if in_order.is_empty() { Ok(()) } else { Err(Error::Worker) }
    }

    fn take_records(&mut self, worked: work::Worked) -> Result<(), Error> {
        for (rule, reject) in &worked.rejects {
            self.lists.see_trouble(*rule);
            self.ledger.reject(*rule, reject)?;
        }
        self.ledger.notice(Rule::NotListed, worked.skipped);
        for (place, signs) in worked.signs {
            self.signs(&place, signs)?;
        }
        for entry in worked.entries {
            self.lists.see(&entry);
            self.committer.add(entry, &mut self.ledger)?;
        }
        Ok(())
    }

    /// Reports what is doubtful about a resource that is kept.
    fn signs(&mut self, place: &RecordPlace, signs: Signs) -> Result<(), Error> {
        for rule in &signs.rules {
            let (rule, reject) = place.reject(*rule, "");
            self.ledger.reject(rule, &reject)?;
        }
        self.doctor.take(signs, place);
        Ok(())
    }

    fn take(&mut self, batch: Batch) -> Result<(), Error> {
        for (rule, reject) in &batch.rejects {
            // A bad line of FHIR does not affect a list; a file that cannot be opened may be one.
            if *rule != Rule::Json {
                self.lists.see_trouble(*rule);
            }
            self.ledger.reject(*rule, reject)?;
        }
        self.ledger.notice(Rule::Doubtful, batch.doubtful);
        for (place, signs) in batch.signs {
            self.signs(&place, signs)?;
        }
        self.names.extend(batch.names);
        for prepared in batch.ready {
            self.committer.add(CommitEntry::of(prepared, Format::Fhir), &mut self.ledger)?;
        }
        self.deferred_bytes += batch.deferred.iter().map(|deferred| deferred.text.len()).sum::<usize>();
        self.deferred.extend(batch.deferred);
        if self.deferred_bytes > DEFERRED_BYTES { self.settle_deferred() } else { Ok(()) }
    }

    fn settle_deferred(&mut self) -> Result<(), Error> {
        // Resources of this run's own files are preferred over older ones, so they must be in the store first.
        self.committer.flush(&mut self.ledger)?;
        let known = Known { names: &self.names, find: self.target.find };
        for deferred in self.deferred.drain(..) {
            match settle(&deferred, &known) {
                Ok((prepared, unresolved)) => {
                    self.ledger.notice(Rule::Unresolved, unresolved);
                    self.committer.add(CommitEntry::of(prepared, Format::Fhir), &mut self.ledger)?;
                }
                Err(issue) => {
                    let (rule, reject) = deferred.place.reject(Rule::Resource, issue.to_string());
                    self.ledger.reject(rule, &reject)?;
                }
            }
        }
        self.deferred_bytes = 0;
        Ok(())
    }
}
