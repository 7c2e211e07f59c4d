//! The files of one chain: `000001.audit`, `000002.audit` and so on, and where the last of them ends.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Error;
use super::entry::Recorded;
use super::frame::{self, AROUND, HEADER_LEN, Header, Link, Next};

/// Where frames go. A trait so that tests can have a disk that fails.
pub(super) trait Sink: Send + Sync {
    fn append(&self, bytes: &[u8]) -> io::Result<()>;
    fn sync(&self) -> io::Result<()>;
}

/// A disk that is gone.
pub(super) struct Gone;

impl Sink for Gone {
    fn append(&self, _: &[u8]) -> io::Result<()> {
        Err(io::Error::other("the disk is gone"))
    }

    fn sync(&self) -> io::Result<()> {
        Err(io::Error::other("the disk is gone"))
    }
}

/// Where segments are made.
pub(super) trait Disk: Send + Sync {
    fn folder(&self) -> &Path;
    /// The segment's file, made when it is not there, to be written at its end.
    fn open(&self, number: u32) -> io::Result<Arc<dyn Sink>>;
}

/// The real thing.
pub(super) struct FolderDisk(PathBuf);

impl FolderDisk {
    pub(super) fn new(folder: &Path) -> Self {
        Self(folder.to_owned())
    }
}

impl Disk for FolderDisk {
    fn folder(&self) -> &Path {
        &self.0
    }

    fn open(&self, number: u32) -> io::Result<Arc<dyn Sink>> {
        let path = path(&self.0, number);
        let fresh = !path.exists();
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        if fresh {
            // The name itself must survive a power cut.
            File::open(&self.0)?.sync_all()?;
        }
        Ok(Arc::new(file))
    }
}

impl Sink for File {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut file = self;
        file.write_all(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Where writing goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    /// The last segment; 0 when there is none yet.
    pub(super) segment: u32,
    /// Its length.
    pub(super) len: u64,
    /// Number of the next frame.
    pub(super) next: u64,
    /// The last link.
    pub(super) link: Link,
    /// Bytes of a torn end that were set aside just now.
    pub(super) cut: u64,
    /// Whether the last frame is a signed head.
    pub(super) sealed: bool,
}

pub(super) fn path(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{number:06}.audit"))
}

/// Numbers of the segments, ascending.
pub(super) fn list(folder: &Path) -> Result<Vec<u32>, Error> {
    let failed = |cause| Error::Disk { path: folder.to_owned(), cause };
    let mut numbers = Vec::new();
    for file in std::fs::read_dir(folder).map_err(failed)? {
        let name = file.map_err(failed)?.file_name();
        let number: Option<u32> = name.to_str().and_then(|n| n.strip_suffix(".audit")).and_then(|n| n.parse().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Walks the last segment. What follows the last good frame is moved to a file of its own, `000007.audit.torn-4711`,
/// so that evidence is never destroyed, and the segment is shortened to its good part.
pub(super) fn find_end(folder: &Path) -> Result<End, Error> {
    let Some(number) = list(folder)?.pop() else {
        return Ok(End { segment: 0, len: 0, next: 0, link: [0; 32], cut: 0, sealed: false });
    };
    let path = path(folder, number);
    let failed = |cause| Error::Disk { path: path.clone(), cause };
    let file = File::open(&path).map_err(failed)?;
    let whole = file.metadata().map_err(failed)?.len();
    let mut from = BufReader::new(file);
    let Some(header) = Header::read(&mut from).map_err(failed)? else {
        return headless(folder, number, whole);
    };
    let (first, before) = (header.first, header.before);
    let mut end = End { segment: number, len: HEADER_LEN, next: first, link: before, cut: 0, sealed: false };
    let mut last = Vec::new();
    while let Next::Frame { payload, link } = frame::next(&mut from).map_err(failed)? {
        if link != frame::link(&end.link, &payload) {
            break;
        }
        end = End { len: end.len + (payload.len() + AROUND) as u64, next: end.next + 1, link, ..end };
        last = payload;
    }
    end.sealed = serde_json::from_slice::<Recorded>(&last).is_ok_and(|record| record.head.is_some());
    if end.len < whole {
        end.cut = whole - end.len;
        set_aside(&path, end.len, end.cut).map_err(failed)?;
    }
    Ok(end)
}

/// A crash between making a segment and writing its header leaves a file too short to be anything: the segment before
/// it is the last one. Anything longer is not ours to touch.
fn headless(folder: &Path, number: u32, len: u64) -> Result<End, Error> {
    let path = path(folder, number);
    if len >= HEADER_LEN {
        return Err(Error::Foreign { path, why: "it does not begin like an audit file" });
    }
    std::fs::remove_file(&path).map_err(|cause| Error::Disk { path, cause })?;
    find_end(folder)
}

fn set_aside(path: &Path, good: u64, cut: u64) -> io::Result<()> {
    use std::io::{Seek, SeekFrom};
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    file.seek(SeekFrom::Start(good))?;
    let aside = PathBuf::from(format!("{}.torn-{good}", path.display()));
    let mut to = File::create(&aside)?;
    io::copy(&mut file, &mut to)?;
    to.sync_all()?;
    file.set_len(good)?;
    file.sync_all()?;
    tracing::warn!(file = %path.display(), offset = good, bytes = cut, "the audit had a torn end; it was set aside");
    Ok(())
}
