//! `[storage]`: where the data lives.

use std::path::PathBuf;

use super::key::section;

section! {
    /// Where the data lives.
    "storage" => Storage {
        /// The data folder: store, index, audit, keys. Relative to the folder of this file. It holds protected health
        /// information: put it on an encrypted disk.
        Default path: PathBuf = r#""data""#;
    }
}
