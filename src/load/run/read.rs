//! The reading side: what each file is, and its text in blocks.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, SyncSender};

use crate::config::Policy;
use crate::fhir::json;
use crate::load::fhir::{Batch, Place};
use crate::load::report::Rule;
use crate::load::sniff::{Look, look};
use crate::load::source::{DOCUMENT_MAX, Piece, Source};
use crate::load::{Format, Request};

/// A piece of text for a worker.
pub(super) enum Job {
    /// Lines of NDJSON, with the number of the first.
    Lines(Arc<str>, u64, Vec<u8>),
    /// One JSON document.
    Document(Arc<str>, Vec<u8>),
    /// The beginning of a JSON document.
    Cut(Arc<str>, Vec<u8>),
}

impl Job {
    pub(super) fn work(self, validation: Policy) -> Batch {
        let mut batch = Batch { validation, ..Batch::default() };
        match self {
            Self::Lines(file, first, text) => batch.lines(&file, first, &text),
            Self::Document(file, text) => batch.file(&file, &text),
            Self::Cut(file, text) => batch.cut_file(&file, &text),
        }
        batch
    }
}

/// Files that are tables; they are loaded after all resources.
#[derive(Default)]
pub(super) struct Tables(pub(super) Vec<(PathBuf, Format)>);

/// Where the reader sends its work.
pub(super) struct Out {
    pub(super) to_workers: SyncSender<(u64, Job)>,
    pub(super) done: SyncSender<(u64, Batch)>,
    pub(super) take_ticket: Receiver<()>,
    pub(super) next: u64,
}

/// The other side has stopped; why, it knows itself.
struct Closed;

impl Out {
    fn ticket(&mut self) -> Result<u64, Closed> {
        self.take_ticket.recv().map_err(|_| Closed)?;
        self.next += 1;
        Ok(self.next - 1)
    }

    fn job(&mut self, job: Job) -> Result<(), Closed> {
        let number = self.ticket()?;
        self.to_workers.send((number, job)).map_err(|_| Closed)
    }

    fn reject(&mut self, place: &Place, rule: Rule, reason: String) -> Result<(), Closed> {
        let number = self.ticket()?;
        let batch = Batch { rejects: vec![place.reject(rule, reason)], ..Batch::default() };
        self.done.send((number, batch)).map_err(|_| Closed)
    }
}

/// Reads every file in order.
pub(super) fn all(files: &[PathBuf], request: &Request, bytes: &Arc<AtomicU64>, out: &mut Out) -> Tables {
    let mut tables = Tables::default();
    for path in files {
        let file: Arc<str> = path.display().to_string().into();
        let whole = Place { file: Arc::clone(&file), line: 0, entry: None };
        let mut source = match Source::open(path, bytes) {
            Ok(source) => source,
            Err(error) => {
                if out.reject(&whole, Rule::UnknownFile, error.to_string()).is_err() {
                    return tables;
                }
                continue;
            }
        };
        let found = request.format.map_or_else(|| look(source.start(), &request.mapping), Look::Is);
        let sent = match found {
            Look::Empty => empty(&whole, &source, out),
            Look::Other(words) => out.reject(&whole, Rule::UnknownFile, format!("this looks like {words}")),
            Look::Is(Format::Fhir) => resources(path, &file, source, out),
            Look::Is(format) => {
                tables.0.push((path.clone(), format));
                Ok(())
            }
        };
        if sent.is_err() {
            break;
        }
    }
    tables
}

fn empty(whole: &Place, source: &Source, out: &mut Out) -> Result<(), Closed> {
    if source.broken.is_some() {
        return out.reject(whole, Rule::Truncated, "the packed file is cut off or damaged at its beginning".to_owned());
    }
    Ok(())
}

fn resources(path: &Path, file: &Arc<str>, mut source: Source, out: &mut Out) -> Result<(), Closed> {
    let place = |line| Place { file: Arc::clone(file), line, entry: None };
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
    if source.broken.is_some() {
        let reason = "the packed file is cut off or damaged here; what came before was kept";
        return out.reject(&place(source.line()), Rule::Truncated, reason.to_owned());
    }
    Ok(())
}

/// NDJSON says so by its name, or shows it: the first line is a whole JSON value.
fn is_lines(path: &Path, source: &mut Source) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    name.trim_end_matches(".gz").ends_with(".ndjson") || json::parse(source.first_line()).is_ok()
}
