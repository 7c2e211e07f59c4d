//! The reading side: recognizes each file, and cuts its text into blocks.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, SyncSender};

use super::work::{Worked, records};
use crate::config::{Policy, Registry};
use crate::fhir::{Kind, json};
use crate::formats::ccda::text;
use crate::formats::issue::{RecordPlace, Rule};
use crate::formats::sniff::{Look, has_names, look, table};
use crate::formats::tables::kind;
use crate::formats::{self, Format, nppes};
use crate::load::resources::Batch;
use crate::load::source::{DOCUMENT_MAX, Piece, Source};
use crate::load::table::TableReader;
use crate::load::{Error, Request, Target};
use crate::map::tables::TableColumns;
use crate::map::{ccda, hl7v2, qhp};

/// Rows of a table that one worker takes at a time.
const ROWS: usize = 250;

/// A piece of text for a worker.
pub(super) enum Job {
    /// Lines of NDJSON, with the number of the first.
    Lines(Arc<str>, u64, Vec<u8>),
    /// One JSON document.
    Document(Arc<str>, Vec<u8>),
    /// A JSON document that is cut off.
    Cut(Arc<str>, Vec<u8>),
    /// Whole records of another format, with the number of the first line.
    Records(Format, Arc<str>, u64, Vec<u8>),
    /// Rows of a table, each with the number of its line.
    Rows(Arc<str>, Arc<TableColumns>, Vec<(u64, csv::StringRecord)>),
}

/// The result of a job.
pub(super) enum JobOutcome {
    Resources(Batch),
    Records(Result<Worked, Error>),
}

impl Job {
    pub(super) fn work(self, target: &Target<'_>, validation: Policy, registry: Registry) -> JobOutcome {
        let mut batch = Batch { validation, ..Batch::default() };
        match self {
            Self::Lines(file, first, text) => batch.lines(&file, first, &text),
            Self::Document(file, text) => batch.file(&file, &text),
            Self::Cut(file, text) => batch.cut_file(&file, &text),
            Self::Records(format, file, first, text) => {
                let read = match format {
                    Format::Qhp => qhp::read(&file, first, &text),
                    Format::Hl7v2 => hl7v2::read(&file, first, &text),
                    _ => ccda::read(&file, &text),
                };
                return JobOutcome::Records(records(read, format, target, validation));
            }
            Self::Rows(file, columns, mut rows) => {
                let skipped = match columns.as_ref() {
                    TableColumns::Nppes(header) if registry == Registry::Listed => listed(target, header, &mut rows),
                    _ => Ok(0),
                };
                let mut read = columns.read(&file, &rows);
                match skipped {
                    Err(error) => return JobOutcome::Records(Err(error)),
                    Ok(skipped) => read.skipped = skipped,
                }
                return JobOutcome::Records(records(read, columns.format(), target, validation));
            }
        }
        batch.ready.iter_mut().for_each(|one| target.store.pack(one, target.now));
        JobOutcome::Resources(batch)
    }
}

/// Keeps the rows of providers who are in the directory; returns how many others there were.
fn listed(
    target: &Target<'_>,
    header: &nppes::NppesHeader,
    rows: &mut Vec<(u64, csv::StringRecord)>,
) -> Result<u64, Error> {
    let snapshot = target.store.snapshot()?;
    let before = rows.len();
    let mut failed = None;
    rows.retain(|(_, row)| {
        let id = format!("npi-{}", header.npi(row));
        [Kind::named("Practitioner"), Kind::named("Organization")].into_iter().any(|kind| {
            match snapshot.rid(kind, &id) {
                Ok(rid) => rid.is_some(),
                Err(error) => {
                    failed = Some(error);
                    false
                }
            }
        })
    });
    match failed {
        Some(error) => Err(error.into()),
        None => Ok((before - rows.len()) as u64),
    }
}

/// Where the reader sends its work.
pub(super) struct Dispatcher {
    pub(super) to_workers: SyncSender<(u64, Job)>,
    pub(super) done: SyncSender<(u64, JobOutcome)>,
    pub(super) take_ticket: Receiver<()>,
    pub(super) next: u64,
}

/// The receiver has stopped, and knows the reason itself.
pub(super) struct Closed;

impl Dispatcher {
    fn ticket(&mut self) -> Result<u64, Closed> {
        self.take_ticket.recv().map_err(|_| Closed)?;
        self.next += 1;
        Ok(self.next - 1)
    }

    fn job(&mut self, job: Job) -> Result<(), Closed> {
        let number = self.ticket()?;
        self.to_workers.send((number, job)).map_err(|_| Closed)
    }

    fn reject(&mut self, place: &RecordPlace, rule: Rule, reason: String) -> Result<(), Closed> {
        let number = self.ticket()?;
        let batch = Batch { rejects: vec![place.reject(rule, reason)], ..Batch::default() };
        self.done.send((number, JobOutcome::Resources(batch))).map_err(|_| Closed)
    }
}

/// A file and its format.
pub(super) type FileOfFormat = (PathBuf, Format);

/// What is to be reported about files as a whole.
pub(super) type FileFindings = Vec<(RecordPlace, Rule, String)>;

/// Recognizes the format of each file. Files that cannot be loaded are reported, and so is what is doubtful about a table's columns.
pub(super) fn sort(files: &[PathBuf], request: &Request) -> (Vec<FileOfFormat>, FileFindings) {
    let (mut sorted, mut troubles) = (Vec::new(), Vec::new());
    for path in files {
        let whole = whole(path);
        let mut source = match Source::open(path, &Arc::new(AtomicU64::new(0))) {
            Ok(source) => source,
            Err(error) => {
                troubles.push((whole, Rule::Unreadable, error.to_string()));
                continue;
            }
        };
        match request.format.map_or_else(|| look(source.start(), &request.mapping), Look::Is) {
            Look::Is(format) if !is_table(format) || !has_names(source.start()) => sorted.push((path.clone(), format)),
            Look::Is(format) => {
                let start = table(source.start());
                if let Some(words) = kind::must_not_be(format, &start, &request.mapping) {
                    troubles.push((whole, Rule::NotPublic, format!("this looks like {words}")));
                    continue;
                }
                sorted.push((path.clone(), format));
                let said = kind::said_of_columns(format, &start, &request.mapping);
                troubles.extend(said.into_iter().map(|(rule, reason)| (whole.clone(), rule, reason)));
            }
            Look::Foreign(words) => troubles.push((whole, Rule::OtherMessage, format!("this is {words}"))),
            Look::Packed(words) => troubles.push((whole, Rule::Unreadable, format!("this looks like {words}"))),
            Look::Other(words) => troubles.push((whole, Rule::UnknownFile, format!("this looks like {words}"))),
            Look::Empty if source.broken.is_some() => {
                let reason = "the packed file is cut off or damaged at its beginning".to_owned();
                troubles.push((whole, Rule::Truncated, reason));
            }
            Look::Empty if source.start().iter().all(u8::is_ascii_whitespace) => {
                let reason = "the file is empty; if it should not be, its transfer has failed".to_owned();
                troubles.push((whole, Rule::OtherMessage, reason));
            }
            Look::Empty => {}
        }
    }
    (sorted, troubles)
}

/// Whether a format is told and read by the names of columns.
const fn is_table(format: Format) -> bool {
    matches!(
        format,
        Format::Providers | Format::Formulary | Format::Members | Format::Representatives | Format::ClaimRows
    )
}

/// The report line for a path that is not a regular file.
pub(super) fn no_file(path: &Path) -> (RecordPlace, Rule, String) {
    let reason = "this is no file but a pipe, a device or a link to a folder; it was not opened";
    (whole(path), Rule::Unreadable, reason.to_owned())
}

/// The report line for a folder that may not be read.
pub(super) fn closed_folder(path: &Path, cause: &std::io::Error) -> (RecordPlace, Rule, String) {
    let reason =
        format!("this folder cannot be read ({cause}); what is in it was left out, and everything else was loaded");
    (whole(path), Rule::Unreadable, reason)
}

fn whole(path: &Path) -> RecordPlace {
    RecordPlace { file: path.display().to_string().into(), line: 0, entry: None }
}

/// Reads files in order and sends them to the workers in pieces.
pub(super) fn all(files: &[FileOfFormat], request: &Request, bytes: &Arc<AtomicU64>, out: &mut Dispatcher) {
    for (path, format) in files {
        let whole = whole(path);
        let source = match Source::open(path, bytes) {
            Ok(source) => source,
            Err(error) => {
                if out.reject(&whole, Rule::Unreadable, error.to_string()).is_err() {
                    return;
                }
                continue;
            }
        };
        let file = Arc::clone(&whole.file);
        let sent = match format {
            Format::Fhir => resources(path, &file, source, out),
            Format::Qhp => blocks(*format, &file, source, formats::qhp::cut::cut, out),
            Format::Hl7v2 => blocks(*format, &file, source, crate::formats::hl7v2::cut, out),
            Format::Ccda => document(*format, &file, source, out),
            _ => rows(*format, &file, source, request, out),
        };
        if sent.is_err() {
            return;
        }
    }
}

fn blocks(
    format: Format,
    file: &Arc<str>,
    mut source: Source,
    cut: fn(&[u8]) -> Option<usize>,
    out: &mut Dispatcher,
) -> Result<(), Closed> {
    while let Some(piece) = source.next_by(cut) {
        match piece {
            Piece::Lines(first, text) => out.job(Job::Records(format, Arc::clone(file), first, text))?,
            Piece::TooLong(line) => {
                let place = RecordPlace { file: Arc::clone(file), line, entry: None };
                out.reject(
                    &place,
                    Rule::TooLong,
                    "a record longer than 64 MiB; the rest of the file is left out".to_owned(),
                )?;
            }
        }
    }
    broken(file, &source, out)
}

fn document(format: Format, file: &Arc<str>, mut source: Source, out: &mut Dispatcher) -> Result<(), Closed> {
    if let Some(text) = source.rest(text::DOCUMENT_MAX) {
        out.job(Job::Records(format, Arc::clone(file), 1, text))?;
    } else {
        let place = RecordPlace { file: Arc::clone(file), line: 0, entry: None };
        out.reject(&place, Rule::TooLong, "a document of more than 32 MiB".to_owned())?;
    }
    broken(file, &source, out)
}

fn rows(
    format: Format,
    file: &Arc<str>,
    source: Source,
    request: &Request,
    out: &mut Dispatcher,
) -> Result<(), Closed> {
    let place = |line| RecordPlace { file: Arc::clone(file), line, entry: None };
    let mut table = match TableReader::open(source, format, &request.mapping) {
        Ok(table) => table,
        Err(reason) => return out.reject(&place(0), Rule::UnknownFile, reason.to_owned()),
    };
    loop {
        let (rows, troubles) = table.next(ROWS);
        for line in troubles {
            out.reject(
                &place(line),
                Rule::Truncated,
                "the table cannot be read here; good records before it are kept".to_owned(),
            )?;
        }
        if rows.is_empty() {
            return Ok(());
        }
        out.job(Job::Rows(Arc::clone(file), table.columns(), rows))?;
    }
}

fn broken(file: &Arc<str>, source: &Source, out: &mut Dispatcher) -> Result<(), Closed> {
    if source.broken.is_none() {
        return Ok(());
    }
    let place = RecordPlace { file: Arc::clone(file), line: source.line(), entry: None };
    let reason = "the packed file is cut off or damaged here; good records before the cut are kept";
    out.reject(&place, Rule::Truncated, reason.to_owned())
}

fn resources(path: &Path, file: &Arc<str>, mut source: Source, out: &mut Dispatcher) -> Result<(), Closed> {
    let place = |line| RecordPlace { file: Arc::clone(file), line, entry: None };
    if is_lines(path, &mut source) {
        while let Some(piece) = source.next() {
            match piece {
                Piece::Lines(first, text) => out.job(Job::Lines(Arc::clone(file), first, text))?,
                Piece::TooLong(line) => {
                    out.reject(&place(line), Rule::TooLong, "the line is longer than 16 MiB".to_owned())?;
                }
            }
        }
    } else if let Some(text) = source.rest(DOCUMENT_MAX) {
        if source.broken.is_none() {
            return out.job(Job::Document(Arc::clone(file), text));
        }
        out.job(Job::Cut(Arc::clone(file), text))?;
    } else {
        return out.reject(&place(0), Rule::TooLong, "a JSON document of more than 128 MiB; write NDJSON".to_owned());
    }
    broken(file, &source, out)
}

/// A file is NDJSON by its name, or if its first line is a whole JSON value.
fn is_lines(path: &Path, source: &mut Source) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    name.trim_end_matches(".gz").ends_with(".ndjson") || json::parse(source.first_line()).is_ok()
}
