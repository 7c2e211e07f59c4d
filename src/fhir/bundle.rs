//! Bundles made by joining stored bytes: nothing is parsed on the way out.

use super::json::write_string;

/// Builds a Bundle of type `searchset` or `history`.
pub struct BundleWriter {
    out: Vec<u8>,
    entries: usize,
}

/// Why an entry is in a searchset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It matches the query.
    Match,
    /// A match refers to it, or it refers to a match.
    Include,
    /// An `OperationOutcome` about the search.
    Outcome,
}

const FIRST: &[u8] = b",\"entry\":[{";
const NEXT: &[u8] = b",{";
const FULL_URL: &[u8] = b"\"fullUrl\":\"";
const RESOURCE: &[u8] = b",\"resource\":";
const END: &[u8] = b"]}";
const END_OF_NONE: &[u8] = b"}";

impl Mode {
    /// The bytes that end an entry.
    const fn end(self) -> &'static [u8] {
        match self {
            Self::Match => b",\"search\":{\"mode\":\"match\"}}",
            Self::Include => b",\"search\":{\"mode\":\"include\"}}",
            Self::Outcome => b",\"search\":{\"mode\":\"outcome\"}}",
        }
    }
}

impl BundleWriter {
    /// Starts a Bundle. `links` are pairs of relation and address.
    #[must_use]
    pub fn new(kind: &str, total: Option<u64>, links: &[(&str, &str)], size: usize) -> Self {
        let mut out = Vec::with_capacity(size + 512);
        out.extend_from_slice(b"{\"resourceType\":\"Bundle\",\"type\":\"");
        out.extend_from_slice(kind.as_bytes());
        out.push(b'"');
        if let Some(total) = total {
            out.extend_from_slice(format!(",\"total\":{total}").as_bytes());
        }
        out.extend_from_slice(b",\"link\":[");
        for (at, (relation, url)) in links.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            out.extend_from_slice(b"{\"relation\":\"");
            out.extend_from_slice(relation.as_bytes());
            out.extend_from_slice(b"\",\"url\":");
            write_string(url, &mut out);
            out.push(b'}');
        }
        out.push(b']');
        Self { out, entries: 0 }
    }

    /// Adds a resource of a searchset; `resource` is its JSON.
    pub fn entry(&mut self, full_url: &[&str], resource: &[u8], mode: Mode) {
        self.open(full_url, Some(resource));
        self.out.extend_from_slice(mode.end());
    }

    /// The length of the Bundle if only these entries follow: for each, the lengths of its address and of its resource.
    pub fn size_with(&self, entries: impl Iterator<Item = (usize, usize, Mode)>) -> usize {
        let (mut size, mut count) = (self.out.len(), self.entries);
        for (full_url, resource, mode) in entries {
            size += if count == 0 { FIRST.len() } else { NEXT.len() };
            size += FULL_URL.len() + full_url + 1 + RESOURCE.len() + resource + mode.end().len();
            count += 1;
        }
        size + if count > 0 { END.len() } else { END_OF_NONE.len() }
    }

    /// Adds a version of a history; a deletion has no resource. `request` is method and path, `status` the code.
    pub fn version(&mut self, full_url: &[&str], resource: Option<&[u8]>, request: (&str, &str), answer: &Answer<'_>) {
        self.open(full_url, resource);
        let (method, path) = request;
        self.out.extend_from_slice(b",\"request\":{\"method\":\"");
        self.out.extend_from_slice(method.as_bytes());
        self.out.extend_from_slice(b"\",\"url\":");
        write_string(path, &mut self.out);
        let Answer { status, etag, modified } = answer;
        self.out.extend_from_slice(
            format!(
                "}},\"response\":{{\"status\":\"{status}\",\"etag\":\"W/\\\"{etag}\\\"\",\"lastModified\":\"{modified}\"}}}}"
            )
            .as_bytes(),
        );
    }

    /// Reserves space for this many more bytes.
    pub fn reserve(&mut self, size: usize) {
        self.out.reserve(size);
    }

    /// Takes the bytes written so far, if there are at least `least`.
    pub fn take(&mut self, least: usize) -> Option<Vec<u8>> {
        (self.out.len() >= least).then(|| std::mem::replace(&mut self.out, Vec::with_capacity(least + least / 4)))
    }

    /// The rest of the Bundle.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.out.extend_from_slice(if self.entries > 0 { END } else { END_OF_NONE });
        self.out
    }

    fn open(&mut self, full_url: &[&str], resource: Option<&[u8]>) {
        self.out.extend_from_slice(if self.entries == 0 { FIRST } else { NEXT });
        self.entries += 1;
        self.out.extend_from_slice(FULL_URL);
        // Made of the base address, a type name and a logical id, so nothing needs escaping.
        for part in full_url {
            self.out.extend_from_slice(part.as_bytes());
        }
        self.out.push(b'"');
        if let Some(resource) = resource {
            self.out.extend_from_slice(RESOURCE);
            self.out.extend_from_slice(resource);
        }
    }
}

/// The response in a history entry.
pub struct Answer<'a> {
    /// The status line, such as `200 OK`.
    pub status: &'a str,
    /// The version.
    pub etag: u32,
    /// The time, as an instant.
    pub modified: &'a str,
}

/// The response to one entry of a batch or transaction.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// The status line, such as `201 Created`.
    pub status: &'a str,
    /// The address of the resource, with its version.
    pub location: Option<&'a str>,
    /// Its version as an entity tag.
    pub etag: Option<&'a str>,
    /// The time of the version, as an instant.
    pub modified: Option<&'a str>,
    /// JSON of the requested resource.
    pub resource: Option<&'a [u8]>,
    /// JSON of an `OperationOutcome`.
    pub outcome: Option<&'a [u8]>,
}

/// The Bundle of responses, `batch-response` or `transaction-response`, in the order of the requests.
#[must_use]
pub fn answers(kind: &str, answered: &[Answered<'_>]) -> Vec<u8> {
    let size = answered.iter().map(|answer| answer.resource.map_or(0, <[u8]>::len) + 256).sum::<usize>();
    let mut out = Vec::with_capacity(size + 64);
    out.extend_from_slice(b"{\"resourceType\":\"Bundle\",\"type\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.push(b'"');
    for (at, answer) in answered.iter().enumerate() {
        out.extend_from_slice(if at == 0 { b",\"entry\":[{" } else { b",{" });
        if let Some(resource) = answer.resource {
            out.extend_from_slice(b"\"resource\":");
            out.extend_from_slice(resource);
            out.push(b',');
        }
        out.extend_from_slice(b"\"response\":{\"status\":");
        write_string(answer.status, &mut out);
        for (name, value) in [("location", answer.location), ("etag", answer.etag), ("lastModified", answer.modified)] {
            if let Some(value) = value {
                out.push(b',');
                write_string(name, &mut out);
                out.push(b':');
                write_string(value, &mut out);
            }
        }
        if let Some(outcome) = answer.outcome {
            out.extend_from_slice(b",\"outcome\":");
            out.extend_from_slice(outcome);
        }
        out.extend_from_slice(b"}}");
    }
    out.extend_from_slice(if answered.is_empty() { b"}" } else { b"]}" });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_is_known_before() {
        let entries =
            [("a", "{}", Mode::Match), ("https://x/Patient/1", "{\"a\":1}", Mode::Include), ("u", "", Mode::Outcome)];
        for count in 0..=entries.len() {
            let entries = &entries[..count];
            let mut bundle = BundleWriter::new("searchset", Some(3), &[("self", "https://x")], 0);
            let size = bundle.size_with(entries.iter().map(|(url, resource, mode)| (url.len(), resource.len(), *mode)));
            for (url, resource, mode) in entries {
                bundle.entry(&[url], resource.as_bytes(), *mode);
            }
            assert_eq!(bundle.finish().len(), size);
        }
    }
}
