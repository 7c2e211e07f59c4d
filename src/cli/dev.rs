//! Tools for working on Ingle itself; hidden from the help.

use super::args::Dev;
use super::exit::Code;

pub(super) fn run(command: &Dev) -> anyhow::Result<Code> {
    match command {
        Dev::FhirToml => print!("{}", crate::config::sample()),
        Dev::Definitions { packages } => super::definitions::run(packages)?,
    }
    Ok(Code::Done)
}
