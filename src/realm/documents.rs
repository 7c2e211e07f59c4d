//! Documents that are the same for everybody and dear to make, such as what a base serves: made once and kept until what
//! they are made from is another.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

/// A document in the forms that it is sent in.
#[derive(Debug)]
pub struct Document {
    /// As it is.
    pub plain: Bytes,
    /// Packed; absent where that gains nothing.
    pub packed: Option<Bytes>,
    /// What tells it from another text.
    pub tag: String,
}

/// The documents of a realm. Their names are ours, so there are few.
#[derive(Debug, Default)]
pub struct Documents(Mutex<HashMap<&'static str, (u64, Arc<Document>)>>);

impl Documents {
    /// The document of that name; made where it is not there, or was made from something else than `stamp` stands for. Who
    /// comes meanwhile waits, for one is enough.
    pub fn get(&self, name: &'static str, stamp: u64, make: impl FnOnce() -> Document) -> Arc<Document> {
        let mut kept = self.0.lock();
        match kept.get(name) {
            Some((of, document)) if *of == stamp => Arc::clone(document),
            _ => {
                let document = Arc::new(make());
                kept.insert(name, (stamp, Arc::clone(&document)));
                document
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_made_once_for_each_stamp() {
        let documents = Documents::default();
        let mut made = 0;
        for stamp in [1, 1, 2, 2, 2, 1] {
            documents.get("a", stamp, || {
                made += 1;
                Document { plain: Bytes::new(), packed: None, tag: String::new() }
            });
        }
        assert_eq!(made, 3);
    }
}
