//! Tools for working on Ingle itself; hidden from the help.

use super::args::Dev;
use super::exit::Code;

pub(super) fn run(command: &Dev) -> Code {
    match command {
        Dev::FhirToml => print!("{}", crate::config::sample()),
    }
    Code::Done
}
