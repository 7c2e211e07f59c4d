//! Reading the chain back: the full check behind `ingle verify`, and the replay that rebuilds the look-ups.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use super::Error;
use super::entry::Recorded;
use super::frame::{self, AROUND, HEADER_LEN, Header, Link, Next};
use super::head::Verifier;
use super::journal::HEAD_FILE;
use super::segment;

/// What the check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Segment files read.
    pub segments: usize,
    /// Entries read; heads and notes are not counted.
    pub entries: u64,
    /// Signed heads whose signature holds (or was not asked for).
    pub heads: u64,
    /// Times a torn end was set aside after a crash.
    pub cuts: u64,
    /// Time of the last good frame.
    pub through: Option<jiff::Timestamp>,
    /// The first broken link; nothing after it was read.
    pub broken: Option<Broken>,
}

/// The first place where the chain does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which file.
    pub file: PathBuf,
    /// Which frame, counted from the beginning of the chain, from 0.
    pub entry: u64,
    /// Where in the file it begins.
    pub offset: u64,
    /// What is wrong.
    pub why: &'static str,
}

/// Calls `take` for everything in the files, in order: entries, heads and notes.
pub fn entries(folder: &Path, take: &mut dyn FnMut(&Recorded)) -> Result<(), Error> {
    replay(folder, u64::MAX, take)
}

/// Checks every link and every signed head. `verifier` may be left out, then signatures are not checked.
pub fn verify(folder: &Path, verifier: Option<&Verifier>) -> Result<Report, Error> {
    let mut walk = Walk { verifier, report: Report::default(), next: 0, link: [0; 32], newest_head: None };
    let numbers = segment::list(folder)?;
    for (index, number) in numbers.iter().enumerate() {
        let path = segment::path(folder, *number);
        if usize::try_from(*number) == Ok(index + 1) {
            walk.segment(&path)?;
        } else {
            walk.break_at(&path, 0, "a file before it is missing");
        }
        if walk.report.broken.is_some() {
            return Ok(walk.report);
        }
    }
    walk.compare_kept_head(folder);
    Ok(walk.report)
}

struct Walk<'a> {
    verifier: Option<&'a Verifier>,
    report: Report,
    next: u64,
    link: Link,
    newest_head: Option<String>,
}

impl Walk<'_> {
    fn segment(&mut self, path: &Path) -> Result<(), Error> {
        let failed = |cause| Error::Disk { path: path.to_owned(), cause };
        let mut from = BufReader::new(File::open(path).map_err(failed)?);
        self.report.segments += 1;
        match Header::read(&mut from).map_err(failed)? {
            None => self.break_at(path, 0, "it does not begin like an audit file"),
            Some(header) if header.first != self.next || header.before != self.link => {
                self.break_at(path, 0, "it does not continue the file before it");
            }
            Some(_) => {
                let mut offset = HEADER_LEN;
                while self.report.broken.is_none() {
                    match frame::next(&mut from).map_err(failed)? {
                        Next::End => break,
                        Next::Torn => self.break_at(path, offset, "the entry is not whole"),
                        Next::Frame { payload, link } => {
                            let len = (payload.len() + AROUND) as u64;
                            self.frame(path, offset, &payload, link);
                            offset += len;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn frame(&mut self, path: &Path, offset: u64, payload: &[u8], link: Link) {
        if link != frame::link(&self.link, payload) {
            return self.break_at(path, offset, "the entry or the one before it was changed, removed or moved");
        }
        let Ok(record) = serde_json::from_slice::<Recorded>(payload) else {
            return self.break_at(path, offset, "the entry cannot be read");
        };
        if let Some(head) = &record.head {
            if self.verifier.is_some_and(|v| !v.accepts(record.time, self.next, &self.link, head)) {
                return self.break_at(path, offset, "the signature of the head does not hold");
            }
            self.report.heads += 1;
            self.newest_head = Some(head.signature.clone());
        } else if record.cut.is_some() {
            self.report.cuts += 1;
        } else {
            self.report.entries += 1;
        }
        self.report.through = Some(record.time);
        self.link = link;
        self.next += 1;
    }

    /// The kept head is the last that was signed; a chain that ends before it was cut.
    fn compare_kept_head(&mut self, folder: &Path) {
        let path = folder.join(HEAD_FILE);
        let Ok(kept) = std::fs::read(&path) else { return };
        let kept = serde_json::from_slice::<Recorded>(&kept).ok().and_then(|record| record.head);
        match kept {
            None => self.break_at(&path, 0, "the kept head cannot be read"),
            Some(kept) if kept.entries >= self.next => {
                self.break_at(&path, 0, "the chain ends before its last signed head: entries were cut off");
            }
            Some(kept) if self.newest_head.as_ref() != Some(&kept.signature) && kept.entries + 1 == self.next => {
                self.break_at(&path, 0, "the kept head is not the one in the chain");
            }
            Some(_) => {}
        }
    }

    fn break_at(&mut self, file: &Path, offset: u64, why: &'static str) {
        self.report.broken = Some(Broken { file: file.to_owned(), entry: self.next, offset, why });
    }
}

/// Hands the newest records to `each`, oldest first, reading whole segments up to about `limit` bytes.
pub(super) fn replay(folder: &Path, limit: u64, each: &mut dyn FnMut(&Recorded)) -> Result<(), Error> {
    let mut chosen = Vec::new();
    let mut total = 0;
    for number in segment::list(folder)?.into_iter().rev() {
        let path = segment::path(folder, number);
        let len = std::fs::metadata(&path).map_err(|cause| Error::Disk { path: path.clone(), cause })?.len();
        if total > 0 && total + len > limit {
            break;
        }
        total += len;
        chosen.push(path);
    }
    for path in chosen.into_iter().rev() {
        let failed = |cause| Error::Disk { path: path.clone(), cause };
        let mut from = BufReader::new(File::open(&path).map_err(failed)?);
        if Header::read(&mut from).map_err(failed)?.is_none() {
            continue;
        }
        while let Next::Frame { payload, .. } = frame::next(&mut from).map_err(failed)? {
            if let Ok(record) = serde_json::from_slice(&payload) {
                each(&record);
            }
        }
    }
    Ok(())
}
