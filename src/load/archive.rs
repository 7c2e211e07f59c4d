//! ZIP archives, read in place: every file in an archive is a file of the load. Nothing is unpacked to disk, so a path
//! inside an archive cannot escape a folder; a file in it is named by the archive's path and the last part of its own
//! name.
//!
//! Limits (THREATS 58): the number of files in an archive, and the size and compression ratio of each. Encrypted files
//! and compression methods other than deflate are refused. Absent: archives in archives, and spreadsheets, which are
//! ZIP archives too and are named by `sniff.rs`.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::read::DeflateDecoder;
use zip::{CompressionMethod, ZipArchive};

/// Files in one archive.
const FILES_MAX: usize = 10_000;
/// The largest file, unpacked.
const SIZE_MAX: u64 = 64 << 30;
/// The largest ratio of unpacked to packed size. Fixed-width files are mostly spaces, and compress well.
const RATIO_MAX: u64 = 500;
/// The first bytes of every archive.
const MAGIC: &[u8] = b"PK\x03\x04";
/// A file name that only office documents have.
const OFFICE: &str = "[Content_Types].xml";

/// A file in an archive.
struct ArchiveMember {
    index: usize,
    path: PathBuf,
    packed: u64,
}

/// The files in an archive, as paths below it; absent if the file is not an archive or cannot be read as one.
pub(super) fn files(path: &Path) -> Option<Vec<PathBuf>> {
    let mut start = [0; 4];
    File::open(path).ok()?.read_exact(&mut start).ok()?;
    if start != MAGIC {
        return None;
    }
    let (_, entries) = list(path).ok()?;
    Some(entries.into_iter().map(|entry| entry.path).collect()).filter(|files: &Vec<PathBuf>| !files.is_empty())
}

/// The size of a file on disk, packed.
pub(super) fn packed_size(path: &Path) -> Option<u64> {
    let (_, entries) = list(path.parent()?).ok()?;
    entries.into_iter().find(|entry| entry.path == path).map(|entry| entry.packed)
}

/// Opens a file in an archive; absent if the path does not lead through an archive.
pub(super) fn open(path: &Path) -> Option<io::Result<Unpacked>> {
    let archive = path.parent().filter(|parent| parent.is_file())?;
    Some(unpack(archive, path))
}

fn list(path: &Path) -> io::Result<(ZipArchive<File>, Vec<ArchiveMember>)> {
    let refuse = |words: &str| io::Error::new(io::ErrorKind::InvalidData, words.to_owned());
    let mut archive = ZipArchive::new(File::open(path)?).map_err(|_| refuse("the archive is damaged"))?;
    if archive.len() > FILES_MAX {
        return Err(refuse("the archive has more than 10,000 files"));
    }
    let (mut entries, mut names) = (Vec::new(), HashSet::new());
    for index in 0..archive.len() {
        let file = archive.by_index_raw(index).map_err(|_| refuse("the archive is damaged"))?;
        let whole = file.name().map_err(|_| refuse("a name in the archive is none"))?;
        if whole == OFFICE {
            return Err(refuse("it is an office document"));
        }
        let name: String =
            whole.rsplit(['/', '\\']).next().unwrap_or_default().chars().filter(|c| !c.is_control()).collect();
        if file.is_dir() || name.is_empty() || name.starts_with('.') || whole.starts_with("__MACOSX") {
            continue;
        }
        let mut unique = name.clone();
        while !names.insert(unique.clone()) {
            unique = format!("{name}~{index}");
        }
        entries.push(ArchiveMember { index, path: path.join(unique), packed: file.compressed_size() });
    }
    Ok((archive, entries))
}

fn unpack(archive: &Path, path: &Path) -> io::Result<Unpacked> {
    let refuse = |words: &str| io::Error::new(io::ErrorKind::InvalidData, words.to_owned());
    let (mut opened, entries) = list(archive)?;
    let entry =
        entries.into_iter().find(|entry| entry.path == path).ok_or_else(|| refuse("the archive has no such file"))?;
    let file = opened.by_index_raw(entry.index).map_err(|_| refuse("the archive is damaged"))?;
    if file.encrypted() {
        return Err(refuse("it is encrypted in its archive; unpack it first"));
    }
    if file.size() > SIZE_MAX || file.size() / RATIO_MAX > file.compressed_size() {
        return Err(refuse("it is larger unpacked than any file that is loaded"));
    }
    let (method, size, packed) = (file.compression(), file.size(), file.compressed_size());
    let start = file.data_start().ok_or_else(|| refuse("the archive is damaged"))?;
    drop(file);
    let mut disk = opened.into_inner();
    disk.seek(SeekFrom::Start(start))?;
    let disk = disk.take(packed);
    let reader: Box<dyn Read + Send> = match method {
        CompressionMethod::Stored => Box::new(disk),
        CompressionMethod::Deflated => Box::new(DeflateDecoder::new(io::BufReader::with_capacity(256 << 10, disk))),
        _ => return Err(refuse("it is packed in a way that is not read; unpack it first")),
    };
    Ok(Unpacked { reader, left: size })
}

/// A file as it is unpacked: exactly as many bytes as the archive states.
pub(super) struct Unpacked {
    reader: Box<dyn Read + Send>,
    left: u64,
}

impl Read for Unpacked {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 || out.is_empty() {
            return Ok(0);
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(out.len());
        let count = self.reader.read(out.get_mut(..most).unwrap_or_default())?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= count as u64;
        Ok(count)
    }
}
