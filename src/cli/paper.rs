//! Completions and manual pages, made from the same definitions as the help.

use std::io::Write;
use std::path::Path;

use anyhow::Context;
use clap::CommandFactory;

use super::args::Args;
use super::exit::Code;

pub(super) fn completions(shell: clap_complete::Shell) -> Code {
    clap_complete::generate(shell, &mut Args::command(), "ingle", &mut std::io::stdout());
    Code::Done
}

pub(super) fn man(folder: Option<&Path>) -> anyhow::Result<Code> {
    let Some(folder) = folder else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Args::command()).render(&mut page)?;
        std::io::stdout().write_all(&page)?;
        return Ok(Code::Done);
    };
    std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    clap_mangen::generate_to(Args::command(), folder)
        .with_context(|| format!("{} cannot be written", folder.display()))?;
    Ok(Code::Done)
}
