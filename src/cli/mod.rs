//! One file per command. Data goes to stdout, talk to stderr; `anyhow` is allowed here and nowhere else.
