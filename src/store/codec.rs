//! Compression of stored resources: zstd level 3 with a dictionary trained per resource type from the plan's own
//! data. Claims repeat the same systems, profiles and member names, so a dictionary shrinks them about seven times
//! where plain zstd reaches two. Old dictionaries are kept for ever: every record names the one it needs.
//!
//! Body: method (u8), dictionary id (number, method 2 only), length before compression (number), payload.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
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
const TRAINING: [(usize, usize); 4] =
    [(16, (4 << 10) - 256), (200, (16 << 10) - 256), (2_000, (32 << 10) - 256), (10_000, (64 << 10) - 256)];
/// Bytes of samples kept per type while waiting for the next training.
const MAX_SAMPLE_BYTES: usize = 4 << 20;

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
pub(super) struct Dictionaries(Arc<RwLock<Known>>);

#[derive(Default)]
struct Known {
    by_id: Vec<Arc<Dictionary>>,
    newest: HashMap<Kind, Arc<Dictionary>>,
    samples: HashMap<Kind, Samples>,
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
        let mut known = self.0.write();
        for (key, value) in rows {
            let damaged = || Error::Corrupted("a compression dictionary".into());
            let id = key.first_chunk().map(|c| u16::from_be_bytes(*c)).ok_or_else(damaged)?;
            let (kind, bytes) = value.split_first_chunk().ok_or_else(damaged)?;
            let kind = Kind::from_number(u16::from_be_bytes(*kind)).ok_or_else(damaged)?;
            known.add(Arc::new(Dictionary::new(id, kind, bytes)));
        }
        Ok(())
    }

    /// Takes in the dictionaries that a committed group trained.
    pub(super) fn adopt(&self, fresh: Vec<Dictionary>) {
        if fresh.is_empty() {
            return;
        }
        let mut known = self.0.write();
        for dictionary in fresh {
            known.add(Arc::new(dictionary));
        }
    }

    /// The body that [`GroupCodec::compress`] packed.
    pub(super) fn decompress(&self, packed: &[u8]) -> Result<Vec<u8>, Error> {
        unpack(packed, |id| self.0.read().by_id.get(id).cloned())
    }
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

    /// Notes a body; returns a training set when it is time for a new dictionary.
    fn sample(&mut self, kind: Kind, body: &[u8]) -> Option<(Vec<u8>, Vec<usize>, usize)> {
        let samples = self.samples.entry(kind).or_default();
        let (count, size) = *TRAINING.get(samples.stage)?;
        samples.seen += 1;
        if samples.bytes.len() + body.len() <= MAX_SAMPLE_BYTES {
            samples.bytes.extend_from_slice(body);
            samples.sizes.push(body.len());
        }
        if samples.seen < count {
            return None;
        }
        samples.stage += 1;
        let last = samples.stage >= TRAINING.len();
        let set = if last {
            (std::mem::take(&mut samples.bytes), std::mem::take(&mut samples.sizes), size)
        } else {
            (samples.bytes.clone(), samples.sizes.clone(), size)
        };
        Some(set)
    }
}

impl GroupCodec {
    /// Packs a body. The second part is a new dictionary to store, id and bytes, if this body completed a sample.
    pub(super) fn compress(&mut self, kind: Kind, body: &[u8], out: &mut Vec<u8>) -> Option<(u16, Vec<u8>)> {
        let trained = self.train(kind, body);
        let length = tables::number(body.len() as u64);
        let newest = self.fresh.iter().rev().find(|d| d.kind == kind);
        let known = if newest.is_none() { self.known.0.read().newest.get(&kind).cloned() } else { None };
        let dictionary = newest.or(known.as_deref());
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
                return trained;
            }
            out.truncate(start);
        }
        out.push(RAW);
        out.extend_from_slice(&length);
        out.extend_from_slice(body);
        trained
    }

    /// A body of this group's transaction or of an earlier one.
    pub(super) fn decompress(&self, packed: &[u8]) -> Result<Vec<u8>, Error> {
        let known = self.known.0.read().by_id.len();
        match packed.split_first() {
            Some((&WITH_DICTIONARY, rest)) if tables::read_number(rest).is_some_and(|id| id >= known as u64) => {
                unpack(packed, |id| self.fresh.iter().find(|dictionary| usize::from(dictionary.id) == id))
            }
            _ => self.known.decompress(packed),
        }
    }

    fn train(&mut self, kind: Kind, body: &[u8]) -> Option<(u16, Vec<u8>)> {
        let mut known = self.known.0.write();
        let (bytes, sizes, size) = known.sample(kind, body)?;
        let id = u16::try_from(known.by_id.len() + self.fresh.len()).ok()?;
        drop(known);
        // Too little variety to learn from is not a failure: the bodies stay as they are.
        let dictionary = zstd::dict::from_continuous(&bytes, &sizes, size).ok()?;
        self.fresh.push(Dictionary::new(id, kind, &dictionary));
        Some((id, dictionary))
    }

    /// Forgets dictionaries trained since there were `count` fresh ones, because their closure was not kept.
    pub(super) fn drop_fresh_after(&mut self, count: usize) {
        self.fresh.truncate(count);
    }
}
