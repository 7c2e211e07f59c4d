//! The append-only, hash-chained record of who saw what. An entry is in the file before the answer leaves.
