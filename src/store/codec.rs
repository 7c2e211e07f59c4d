//! Compression of stored resources: zstd level 3 with a dictionary trained per resource type from the plan's own
//! data. Claims repeat the same systems, profiles and member names, so a dictionary shrinks them about seven times
//! where plain zstd reaches two. Old dictionaries are kept for ever: every record names the one it needs.
//!
//! Body: method (u8), dictionary id (number, method 2 only), length before compression (number), payload.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use zstd::dict::{DecoderDictionary, EncoderDictionary};
use zstd::zstd_safe::{CCtx, DCtx, compress_bound};

use super::error::Error;
use super::snapshot::Snapshot;
use super::tables;
use super::txn::GroupCodec;
use crate::fhir::Kind;

const LEVEL: i32 = 3;
/// Bodies below this gain nothing worth a context switch into zstd.
const MIN_COMPRESSED: usize = 128;
/// No resource is larger than this before compression; a larger length in a record is damage.
const MAX_BODY: usize = 64 << 20;
/// Samples of a type after which a dictionary is trained, and how large it may get: a first small one soon, better
/// ones when there is more to learn from.
/// A size is a little below a power of two, for redb gives a large value a run of pages that is one.
const TRAINING: [(usize, usize); 3] = [(16, (4 << 10) - 256), (200, (16 << 10) - 256), (2_000, (64 << 10) - 256)];
/// Bytes of samples kept per type while waiting for the next training, which takes the longer the more there are: twice
/// as many make nothing smaller.
const MAX_SAMPLE_BYTES: usize = 2 << 20;

/// A dictionary is trained while the writer waits from no more bytes than this.
const LEARNED_AT_ONCE: usize = 512 << 10;

const RAW: u8 = 0;
const PLAIN: u8 = 1;
const WITH_DICTIONARY: u8 = 2;

pub(super) struct Dictionary {
    id: u16,
    kind: Kind,
    encoder: EncoderDictionary<'static>,
    decoder: DecoderDictionary<'static>,
}

/// All dictionaries of the file and the samples for the next ones. Clones share.
#[derive(Clone, Default)]
pub(super) struct Dictionaries {
    known: Arc<RwLock<Known>>,
    learning: Arc<Mutex<Learning>>,
}

#[derive(Default)]
struct Known {
    by_id: Vec<Arc<Dictionary>>,
    newest: HashMap<Kind, Arc<Dictionary>>,
}

#[derive(Default)]
struct Learning {
    samples: HashMap<Kind, Samples>,
    /// Trained beside the writer, for it to keep with the next body of the type.
    trained: Vec<(Kind, Vec<u8>)>,
}

#[derive(Default)]
struct Samples {
    seen: usize,
    stage: usize,
    bytes: Vec<u8>,
    sizes: Vec<usize>,
}

thread_local! {
    static COMPRESS: RefCell<CCtx<'static>> = RefCell::new(CCtx::create());
    static DECOMPRESS: RefCell<DCtx<'static>> = RefCell::new(DCtx::create());
}

impl Dictionary {
    fn new(id: u16, kind: Kind, bytes: &[u8]) -> Self {
        let encoder = EncoderDictionary::copy(bytes, LEVEL);
        Self { id, kind, encoder, decoder: DecoderDictionary::copy(bytes) }
    }
}

impl Dictionaries {
    /// Reads the dictionaries of a file that was just opened.
    pub(super) fn read_all(&self, snapshot: &Snapshot) -> Result<(), Error> {
        let rows = snapshot.scan(tables::DICTIONARIES, &[], usize::from(u16::MAX))?;
        self.add(rows.iter().map(|(key, value)| (key.as_slice(), value.as_slice())))
    }

    /// Takes in rows of `dictionaries`, in order: of a file that was opened, or of a batch from elsewhere. Those that are known
    /// stay as they are.
    pub(super) fn add<'r>(&self, rows: impl Iterator<Item = (&'r [u8], &'r [u8])>) -> Result<(), Error> {
        let mut rows = rows.peekable();
        if rows.peek().is_none() {
            return Ok(());
        }
        let mut known = self.known.write();
        let mut learning = self.learning.lock();
        for (key, value) in rows {
            let damaged = || Error::Corrupted("a compression dictionary".into());
            let id = key.first_chunk().map(|c| u16::from_be_bytes(*c)).ok_or_else(damaged)?;
            let (kind, bytes) = value.split_first_chunk().ok_or_else(damaged)?;
            let kind = Kind::from_number(u16::from_be_bytes(*kind)).ok_or_else(damaged)?;
            if usize::from(id) < known.by_id.len() {
                continue;
            }
            known.add(Arc::new(Dictionary::new(id, kind, bytes)));
            // What was learned need not be learned again from less.
            learning.samples.entry(kind).or_default().stage += 1;
        }
        Ok(())
    }

    /// Takes in the dictionaries that a committed group trained.
    pub(super) fn adopt(&self, fresh: Vec<Dictionary>) {
        if fresh.is_empty() {
            return;
        }
        let mut known = self.known.write();
        for dictionary in fresh {
            known.add(Arc::new(dictionary));
        }
    }

    /// The body that [`GroupCodec::compress`] packed.
    pub(super) fn decompress(&self, packed: &[u8]) -> Result<Vec<u8>, Error> {
        unpack(packed, |id| self.known.read().by_id.get(id).cloned())
    }

    /// Trains in a thread of its own; without one there is no better dictionary for now.
    fn learn_beside(&self, kind: Kind, lesson: Lesson) {
        let learning = Arc::clone(&self.learning);
        let thread = std::thread::Builder::new().name("dictionary".into());
        let _ = thread.spawn(move || {
            if let Some(dictionary) = lesson.learn() {
                learning.lock().trained.push((kind, dictionary));
            }
        });
    }

    /// Packs a body ahead of the writer; nothing if no dictionary of its type was kept yet.
    pub(super) fn compress(&self, kind: Kind, body: &[u8]) -> Option<Vec<u8>> {
        let dictionary = self.known.read().newest.get(&kind).cloned()?;
        let mut out = Vec::with_capacity(body.len() / 4 + 16);
        pack(body, Some(&dictionary), &mut out);
        Some(out)
    }
}

/// Appends the packed body.
fn pack(body: &[u8], dictionary: Option<&Dictionary>, out: &mut Vec<u8>) {
    let length = tables::number(body.len() as u64);
    let start = out.len();
    if body.len() >= MIN_COMPRESSED {
        match dictionary {
            Some(dictionary) => {
                out.push(WITH_DICTIONARY);
                out.extend_from_slice(&tables::number(dictionary.id.into()));
            }
            None => out.push(PLAIN),
        }
        out.extend_from_slice(&length);
        let mut packed = Vec::with_capacity(compress_bound(body.len()));
        let written = COMPRESS.with_borrow_mut(|context| match dictionary {
            Some(dictionary) => context.compress_using_cdict(&mut packed, body, dictionary.encoder.as_cdict()),
            None => context.compress(&mut packed, body, LEVEL),
        });
        if written.is_ok() && packed.len() < body.len() {
            out.extend_from_slice(&packed);
            return;
        }
        out.truncate(start);
    }
    out.push(RAW);
    out.extend_from_slice(&length);
    out.extend_from_slice(body);
}

/// A packed body, with the dictionary of that number where one was used.
fn unpack<D>(packed: &[u8], find: impl FnOnce(usize) -> Option<D>) -> Result<Vec<u8>, Error>
where
    D: std::ops::Deref<Target = Dictionary>,
{
    let damaged = || Error::Corrupted("a record's body".into());
    let (method, rest) = packed.split_first().ok_or_else(damaged)?;
    let (dictionary, rest) = match *method {
        WITH_DICTIONARY => {
            let (id, rest) = tables::split_number(rest).ok_or_else(damaged)?;
            let found = usize::try_from(id).ok().and_then(find).ok_or_else(damaged)?;
            (Some(found), rest)
        }
        RAW | PLAIN => (None, rest),
        _ => return Err(damaged()),
    };
    let (length, payload) = tables::split_number(rest).ok_or_else(damaged)?;
    let length = usize::try_from(length).map_err(|_| damaged())?;
    if *method == RAW {
        return Ok(payload.to_vec());
    }
    if length > MAX_BODY {
        return Err(damaged());
    }
    let mut body = Vec::with_capacity(length);
    let written = DECOMPRESS.with_borrow_mut(|context| match &dictionary {
        Some(dictionary) => context.decompress_using_ddict(&mut body, payload, dictionary.decoder.as_ddict()),
        None => context.decompress(&mut body, payload),
    });
    if written == Ok(length) { Ok(body) } else { Err(damaged()) }
}

impl Known {
    fn add(&mut self, dictionary: Arc<Dictionary>) {
        self.newest.insert(dictionary.kind, Arc::clone(&dictionary));
        self.by_id.push(dictionary);
    }
}

/// What a dictionary is trained from.
struct Lesson {
    bytes: Vec<u8>,
    sizes: Vec<usize>,
    /// Of the dictionary.
    size: usize,
}

impl Lesson {
    /// Too little variety to learn from is not a failure: the bodies stay as they are.
    fn learn(&self) -> Option<Vec<u8>> {
        zstd::dict::from_continuous(&self.bytes, &self.sizes, self.size).ok()
    }
}

impl Learning {
    /// Notes a body; returns a lesson when it is time for a new dictionary.
    fn sample<B: AsRef<[u8]>>(&mut self, kind: Kind, body: impl FnOnce() -> B) -> Option<Lesson> {
        let samples = self.samples.entry(kind).or_default();
        let (count, size) = *TRAINING.get(samples.stage)?;
        samples.seen += 1;
        let body = body();
        let body = body.as_ref();
        if samples.bytes.len() + body.len() <= MAX_SAMPLE_BYTES {
            samples.bytes.extend_from_slice(body);
            samples.sizes.push(body.len());
        }
        if samples.seen < count {
            return None;
        }
        samples.stage += 1;
        let last = samples.stage >= TRAINING.len();
        Some(if last {
            Lesson { bytes: std::mem::take(&mut samples.bytes), sizes: std::mem::take(&mut samples.sizes), size }
        } else {
            Lesson { bytes: samples.bytes.clone(), sizes: samples.sizes.clone(), size }
        })
    }
}

impl GroupCodec {
    /// Packs a body.
    pub(super) fn compress(&self, kind: Kind, body: &[u8], out: &mut Vec<u8>) {
        let newest = self.fresh.iter().rev().find(|d| d.kind == kind);
        let known = if newest.is_none() { self.known.known.read().newest.get(&kind).cloned() } else { None };
        pack(body, newest.or(known.as_deref()), out);
    }

    /// A body of this group's transaction or of an earlier one.
    pub(super) fn decompress(&self, packed: &[u8]) -> Result<Vec<u8>, Error> {
        let known = self.known.known.read().by_id.len();
        match packed.split_first() {
            Some((&WITH_DICTIONARY, rest)) if tables::read_number(rest).is_some_and(|id| id >= known as u64) => {
                unpack(packed, |id| self.fresh.iter().find(|dictionary| usize::from(dictionary.id) == id))
            }
            _ => self.known.decompress(packed),
        }
    }

    /// Notes a body that is stored, as long as there is something to learn from it. Returns a new dictionary to keep, id and
    /// bytes, when one has been trained. Training from much takes a tenth of a second, for which the writer does not wait.
    pub(super) fn learn<B: AsRef<[u8]>>(&mut self, kind: Kind, body: impl FnOnce() -> B) -> Option<(u16, Vec<u8>)> {
        let mut learning = self.known.learning.lock();
        let dictionary = if let Some(at) = learning.trained.iter().position(|(of, _)| *of == kind) {
            learning.trained.swap_remove(at).1
        } else {
            let lesson = learning.sample(kind, body)?;
            drop(learning);
            if lesson.bytes.len() > LEARNED_AT_ONCE {
                self.known.learn_beside(kind, lesson);
                return None;
            }
            lesson.learn()?
        };
        let id = u16::try_from(self.known.known.read().by_id.len() + self.fresh.len()).ok()?;
        self.fresh.push(Dictionary::new(id, kind, &dictionary));
        Some((id, dictionary))
    }

    /// Forgets dictionaries trained since there were `count` fresh ones, because their closure was not kept.
    pub(super) fn drop_fresh_after(&mut self, count: usize) {
        self.fresh.truncate(count);
    }
}
