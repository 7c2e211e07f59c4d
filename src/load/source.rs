//! Files on disk: finds them, unpacks them, and cuts them into blocks of whole lines.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;

use super::{Error, archive};
use crate::formats::encoding;

/// Bytes of lines that one worker takes at a time.
pub(super) const BLOCK_BYTES: usize = 1 << 20;
/// The longest line, and so the largest resource in NDJSON.
pub(super) const LINE_MAX: usize = 16 << 20;
/// The longest record of a format that is not cut by lines: a message or an element of an array.
pub(super) const RECORD_MAX: usize = 64 << 20;
/// The largest JSON document that is not NDJSON.
pub(super) const DOCUMENT_MAX: usize = 128 << 20;
/// Bytes of a file that are inspected to recognize its format.
pub(super) const LOOK_BYTES: usize = 64 << 10;

/// What lies under the paths of a load.
#[derive(Default)]
pub(super) struct Inputs {
    /// Every file, in the order of their names, so that runs are repeatable. Hidden files are left out; an archive is replaced by
    /// its files.
    pub(super) files: Vec<PathBuf>,
    /// Paths that are not regular files: reading a named pipe would block for ever.
    pub(super) others: Vec<PathBuf>,
    /// Folders that may not be read, and why. A mount has a `lost+found` that only root may read, and that costs nothing else.
    pub(super) closed: Vec<(PathBuf, io::Error)>,
}

/// Finds what lies under the paths.
///
/// # Errors
/// A path that was named cannot be read at all.
pub(super) fn find(paths: &[PathBuf]) -> Result<Inputs, Error> {
    let mut out = Inputs::default();
    for path in paths {
        let failed = |cause| Error::Unreadable { path: path.clone(), cause };
        let about = std::fs::metadata(path).map_err(failed)?;
        if about.is_dir() {
            let inside = std::fs::read_dir(path).map_err(failed)?;
            out.walk(inside, path);
        } else if about.is_file() {
            out.files.push(path.clone());
        } else {
            out.others.push(path.clone());
        }
    }
    out.files = out.files.iter().flat_map(|path| files_in(path)).collect();
    Ok(out)
}

/// The files that a path stands for: those in it if it is a readable archive, else itself.
#[must_use]
pub fn files_in(path: &Path) -> Vec<PathBuf> {
    archive::files(path).unwrap_or_else(|| vec![path.to_owned()])
}

impl Inputs {
    fn walk(&mut self, entries: std::fs::ReadDir, folder: &Path) {
        let mut inside = Vec::new();
        for entry in entries {
            match entry.and_then(|entry| Ok((entry.path(), entry.file_type()?.is_dir(), entry.file_name()))) {
                Ok((path, is_folder, name)) if !name.to_string_lossy().starts_with('.') => {
                    inside.push((path, is_folder));
                }
                Ok(_) => {}
                Err(cause) => self.closed.push((folder.to_owned(), cause)),
            }
        }
        inside.sort();
        for (path, is_folder) in inside {
            // Links to files are followed, links to folders are not: they may form a loop. A path that cannot be inspected
            // is reported when it is opened.
            if is_folder {
                match std::fs::read_dir(&path) {
                    Ok(entries) => self.walk(entries, &path),
                    Err(cause) => self.closed.push((path, cause)),
                }
            } else if std::fs::metadata(&path).map_or(true, |about| about.is_file()) {
                self.files.push(path);
            } else {
                self.others.push(path);
            }
        }
    }
}

/// The bytes that a file takes on disk.
pub(super) fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map(|about| about.len()).ok().or_else(|| archive::packed_size(path)).unwrap_or(0)
}

/// An open file, unpacked as it is read.
pub(super) struct Source {
    reader: Box<dyn Read>,
    /// Bytes that were read and not yet handed out.
    buffer: Vec<u8>,
    /// Why reading stopped before the end.
    pub(super) broken: Option<io::Error>,
    ended: bool,
    line: u64,
}

/// The next piece of a [`Source`].
pub(super) enum Piece {
    /// Whole lines, after the number of the first.
    Lines(u64, Vec<u8>),
    /// The rest of a line that was too long, which was skipped.
    TooLong(u64),
}

impl Source {
    /// Opens a file; `read` counts the bytes taken from the disk.
    pub(super) fn open(path: &Path, read: &Arc<AtomicU64>) -> Result<Self, Error> {
        let failed = |cause| Error::Unreadable { path: path.to_owned(), cause };
        if let Some(inside) = archive::open(path) {
            let reader = CountedRead { file: inside.map_err(failed)?, read: Arc::clone(read) };
            return Ok(Self::decoding(BufReader::new(reader)));
        }
        let file = CountedRead { file: File::open(path).map_err(failed)?, read: Arc::clone(read) };
        let mut buffered = BufReader::with_capacity(256 << 10, file);
        let packed = io::BufRead::fill_buf(&mut buffered).map_err(failed)?.starts_with(&[0x1f, 0x8b]);
        if packed {
            return Ok(Self::decoding(BufReader::with_capacity(256 << 10, MultiGzDecoder::new(buffered))));
        }
        Ok(Self::decoding(buffered))
    }

    /// Decodes UTF-16 text to UTF-8. XML stays as it is: it names its own encoding, and the original is kept.
    fn decoding(mut reader: impl io::BufRead + 'static) -> Self {
        let start = match reader.fill_buf() {
            Ok(start) => start,
            // A compressed file is damaged at its beginning. The reader may not report the error again.
            Err(error) => return Self { broken: Some(error), ended: true, ..Self::over(io::empty()) },
        };
        let declared = encoding::utf_16(start);
        let is_xml = declared.is_some_and(|utf_16| {
            let text = encoding::start(start.get(..64).unwrap_or(start), utf_16);
            text.trim_start().starts_with('<')
        });
        match declared.filter(|_| !is_xml) {
            Some(utf_16) => Self::over(encoding::Utf8Reader::new(reader, utf_16)),
            None => Self::over(reader),
        }
    }

    /// Text that is not on disk.
    pub(super) fn over(reader: impl Read + 'static) -> Self {
        Self { reader: Box::new(reader), buffer: Vec::new(), broken: None, ended: false, line: 1 }
    }

    /// The beginning of the file; nothing is consumed.
    pub(super) fn start(&mut self) -> &[u8] {
        self.fill(LOOK_BYTES);
        self.buffer.get(..LOOK_BYTES.min(self.buffer.len())).unwrap_or_default()
    }

    /// The first line in full, as far as it is at most [`LINE_MAX`] long; nothing is consumed.
    pub(super) fn first_line(&mut self) -> &[u8] {
        let mut want = LOOK_BYTES;
        loop {
            self.fill(want);
            let end = memchr::memchr(b'\n', &self.buffer);
            if end.is_some() || self.ended || want >= LINE_MAX {
                return self.buffer.get(..end.unwrap_or(self.buffer.len())).unwrap_or_default();
            }
            want *= 4;
        }
    }

    /// The whole file, if it is not larger than `max`.
    pub(super) fn rest(&mut self, max: usize) -> Option<Vec<u8>> {
        self.fill(max + 1);
        (self.buffer.len() <= max).then(|| std::mem::take(&mut self.buffer))
    }

    /// The next block of whole lines; the last line of a file needs no line end. After a read error the lines before
    /// it still come; the part of a line at the end does not.
    pub(super) fn next(&mut self) -> Option<Piece> {
        self.fill(BLOCK_BYTES);
        let mut cut = self.cut();
        while cut.is_none() && !self.ended && self.buffer.len() < LINE_MAX {
            self.fill(self.buffer.len() * 2);
            cut = self.cut();
        }
        let first = self.line;
        if let Some(cut) = cut {
            let rest = self.buffer.split_off(cut);
            let lines = std::mem::replace(&mut self.buffer, rest);
            self.line += memchr::memchr_iter(b'\n', &lines).count() as u64;
            return Some(Piece::Lines(first, lines));
        }
        if self.buffer.is_empty() {
            return None;
        }
        if self.ended {
            let last = std::mem::take(&mut self.buffer);
            return self.broken.is_none().then_some(Piece::Lines(first, last));
        }
        self.skip_line();
        Some(Piece::TooLong(first))
    }

    /// The next block of whole records, with the number of its first line; `cut` returns how much of a buffer that
    /// begins with a record is whole records. At the end of the file the rest is a block, whole or not.
    pub(super) fn next_by(&mut self, cut: fn(&[u8]) -> Option<usize>) -> Option<Piece> {
        let mut want = BLOCK_BYTES;
        loop {
            self.fill(want);
            let first = self.line;
            let found = if self.ended { Some(self.buffer.len()) } else { cut(&self.buffer).filter(|at| *at > 0) };
            match found {
                Some(0) => return None,
                Some(at) => {
                    let rest = self.buffer.split_off(at);
                    let block = std::mem::replace(&mut self.buffer, rest);
                    self.line += memchr::memchr_iter(b'\n', &block).count() as u64;
                    return Some(Piece::Lines(first, block));
                }
                None if want >= RECORD_MAX => {
                    self.buffer.clear();
                    self.ended = true;
                    return Some(Piece::TooLong(first));
                }
                None => want = want.saturating_mul(2),
            }
        }
    }

    /// The line on which reading stopped.
    pub(super) const fn line(&self) -> u64 {
        self.line
    }

    /// Just after the last line end in the buffer.
    fn cut(&self) -> Option<usize> {
        memchr::memrchr(b'\n', &self.buffer).map(|at| at + 1)
    }

    fn skip_line(&mut self) {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer) {
                self.buffer.drain(..=at);
                self.line += 1;
                return;
            }
            self.buffer.clear();
            self.fill(BLOCK_BYTES);
            if self.buffer.is_empty() {
                return;
            }
        }
    }

    /// Reads until the buffer holds `want` bytes or the file ends.
    fn fill(&mut self, want: usize) {
        while !self.ended && self.buffer.len() < want {
            let before = self.buffer.len();
            let step = (want - before).min(BLOCK_BYTES);
            self.buffer.resize(before + step, 0);
            let outcome = self.buffer.get_mut(before..).map_or(Ok(0), |free| self.reader.read(free));
            match outcome {
                Ok(0) => {
                    self.buffer.truncate(before);
                    self.ended = true;
                }
                Ok(count) => self.buffer.truncate(before + count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => self.buffer.truncate(before),
                Err(error) => {
                    self.buffer.truncate(before);
                    self.broken = Some(error);
                    self.ended = true;
                }
            }
        }
    }
}

/// Bytes in the buffer come first.
impl Read for Source {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.buffer.is_empty() && !self.ended {
            self.fill(BLOCK_BYTES);
        }
        let count = out.len().min(self.buffer.len());
        if let (Some(to), Some(from)) = (out.get_mut(..count), self.buffer.get(..count)) {
            to.copy_from_slice(from);
        }
        self.buffer.drain(..count);
        Ok(count)
    }
}

struct CountedRead<R> {
    file: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for CountedRead<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(out)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
