//! Narrows an access token without asking anybody: fewer record types, one patient, an earlier end.
//!
//! An Ingle access token is a biscuit. Whoever holds it can append a block of checks; the server honours every check of
//! every block, and what was appended cannot be taken off again. So an app can hand a weaker copy of its token to a
//! worker, a browser or a partner, and stopping the original stops every copy.
//!
//! ```text
//! cargo run --example narrow_token -- TOKEN 'check if resource_type($t), ["Coverage", "Patient"].contains($t)'
//! ```
//!
//! Checks see four facts about each request: `resource_type("Coverage")`, `operation("read")` or `operation("search")`,
//! `patient("id")`, and `time(2026-06-30T12:00:00Z)`:
//!
//! ```text
//! check if operation("read");
//! check if patient("rosa-delgado");
//! check if time($now), $now <= 2026-06-30T00:00:00Z;
//! ```
//!
//! The same takes a few lines with the biscuit libraries for JavaScript, Python, Java, Go and Haskell.

use std::process::ExitCode;

use biscuit_auth::UnverifiedBiscuit;
use biscuit_auth::builder::BlockBuilder;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [token, checks] = arguments.as_slice() else {
        eprintln!("usage: narrow_token TOKEN CHECKS");
        return ExitCode::from(2);
    };
    match narrow(token, checks) {
        Ok(narrowed) => {
            println!("{narrowed}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// The token without its prefix is base64url without padding; the library wants the padding.
fn narrow(token: &str, checks: &str) -> Result<String, Box<dyn std::error::Error>> {
    let (prefix, body) = token.split_once('_').ok_or("an access token begins with ing_ or ings_")?;
    let padded = format!("{body}{}", "=".repeat(body.len().wrapping_neg() % 4));
    let block = BlockBuilder::new().code(checks)?;
    let narrowed = UnverifiedBiscuit::from_base64(padded)?.append(block)?;
    Ok(format!("{prefix}_{}", narrowed.to_base64()?.trim_end_matches('=')))
}
