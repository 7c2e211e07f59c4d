//! `[access]`: what of a member's records apps do not get unasked.

use std::path::PathBuf;

use super::key::section;

section! {
    /// What apps do not get of a member's records unless she chooses to share it.
    "access" => Access {
        /// A file of codes that mark records as being about a private topic: added to Ingle's own lists, or taken from them.
        /// `docs/sensitive.md` has the form of a line. Relative to the folder of this file. When it changes, records that are
        /// stored already are looked at again, in the background of `ingle serve` or at once by `ingle reindex`.
        Optional sensitive_codes: Option<PathBuf> = r#""sensitive-codes.txt""#;
    }
}
