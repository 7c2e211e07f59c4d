//! How entries lie in a file. Pure.
//!
//! ```text
//! segment = "INGLEAU1" | number of its first entry, u64 | link before its first entry, 32 bytes | frame*
//! frame   = length of the payload, u32 | payload, JSON | link, 32 bytes
//! link    = SHA-256(link before | length | payload)
//! ```
//! All numbers are little-endian. Changing, removing or swapping entries breaks a link; cutting the end off is found
//! by the signed head that was kept elsewhere.

use std::io::{self, Read};

use aws_lc_rs::digest;

/// A chain link.
pub(super) type Link = [u8; 32];

/// Largest payload. An entry names the patients of one page; a thousand of them fit.
pub(super) const ENTRY_MAX: usize = 1 << 20;

/// First bytes of every segment.
const MAGIC: &[u8; 8] = b"INGLEAU1";

/// Bytes before the first frame.
pub(super) const HEADER_LEN: u64 = 8 + 8 + 32;

/// Bytes around a payload.
pub(super) const AROUND: usize = 4 + 32;

/// What a segment continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) first: u64,
    pub(super) before: Link,
}

impl Header {
    pub(super) fn bytes(&self) -> Vec<u8> {
        [MAGIC.as_slice(), &self.first.to_le_bytes(), &self.before].concat()
    }

    /// `None` when the file does not begin like a segment.
    pub(super) fn read(from: &mut impl Read) -> io::Result<Option<Self>> {
        let (mut magic, mut first, mut before) = ([0; 8], [0; 8], [0; 32]);
        for part in [magic.as_mut_slice(), first.as_mut_slice(), before.as_mut_slice()] {
            if !fill(from, part)? {
                return Ok(None);
            }
        }
        Ok((&magic == MAGIC).then(|| Self { first: u64::from_le_bytes(first), before }))
    }
}

/// The link of a payload that follows `before`.
pub(super) fn link(before: &Link, payload: &[u8]) -> Link {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(before);
    context.update(&length(payload));
    context.update(payload);
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

/// Appends a frame and returns its link.
pub(super) fn push(out: &mut Vec<u8>, before: &Link, payload: &[u8]) -> Link {
    let link = link(before, payload);
    out.extend_from_slice(&length(payload));
    out.extend_from_slice(payload);
    out.extend_from_slice(&link);
    link
}

fn length(payload: &[u8]) -> [u8; 4] {
    // Payloads are at most ENTRY_MAX long.
    (payload.len() as u32).to_le_bytes()
}

/// What stands at the present place of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A whole frame; whether its link holds is for the caller to ask.
    Frame { payload: Vec<u8>, link: Link },
    /// The end, exactly after a frame.
    End,
    /// Bytes that are not a whole frame.
    Torn,
}

/// Reads the next frame.
pub(super) fn next(from: &mut impl Read) -> io::Result<Next> {
    let mut length = [0; 4];
    match read_up_to(from, &mut length)? {
        0 => return Ok(Next::End),
        4 => {}
        _ => return Ok(Next::Torn),
    }
    let length = u32::from_le_bytes(length) as usize;
    // Zero is what a file system shows for bytes that never reached the disk.
    if length == 0 || length > ENTRY_MAX {
        return Ok(Next::Torn);
    }
    let (mut payload, mut link) = (vec![0; length], [0; 32]);
    if !fill(from, &mut payload)? || !fill(from, &mut link)? {
        return Ok(Next::Torn);
    }
    Ok(Next::Frame { payload, link })
}

fn fill(from: &mut impl Read, out: &mut [u8]) -> io::Result<bool> {
    Ok(read_up_to(from, out)? == out.len())
}

fn read_up_to(from: &mut impl Read, mut out: &mut [u8]) -> io::Result<usize> {
    let mut total = 0;
    while !out.is_empty() {
        match from.read(out) {
            Ok(0) => break,
            Ok(count) => {
                total += count;
                out = out.get_mut(count..).unwrap_or_default();
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(total)
}
