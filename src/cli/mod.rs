//! One file per command. Data goes to stdout, talk to stderr; `anyhow` is allowed here and nowhere else.
//!
//! A command returns its exit code, or an error whose code `exit.rs` knows. Errors are printed once, here, on one line.

mod app;
mod args;
mod bench;
mod control;
pub mod definitions;
mod demo;
mod dev;
mod exit;
mod inbox;
mod init;
mod install;
mod load;
mod paper;
mod reindex;
mod serve;
mod staff;
#[cfg(test)]
mod tests;
mod verify;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};
use exit::Code;

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let args = Args::parse();
    install::start_log(&args.global, matches!(args.command, Command::Serve));
    match run(&args) {
        Ok(code) => code.into(),
        Err(error) => {
            eprintln!("ingle: {error:#}");
            exit::code_of(&error).into()
        }
    }
}

fn run(args: &Args) -> anyhow::Result<Code> {
    if let Some(code) = control::ask(args)? {
        return Ok(code);
    }
    let global = &args.global;
    match &args.command {
        Command::Demo(own) => demo::run(global, own),
        Command::Init(own) => init::run(global, own),
        Command::Serve => serve::run(global),
        Command::Load(own) => load::run(global, own),
        Command::Verify => verify::run(global),
        Command::Reindex => reindex::run(global),
        Command::Bench(own) => bench::run(global, own),
        Command::Staff { command } => staff::run(global, command),
        Command::App { command } => app::run(global, command),
        Command::Completions { shell } => Ok(paper::completions(*shell)),
        Command::Man { folder } => paper::man(folder.as_deref()),
        Command::Dev { command } => dev::run(command),
    }
}

/// Waits for work of the store, in a command or on a thread of a running server.
fn wait<T, E>(work: impl Future<Output = Result<T, E>>) -> anyhow::Result<T>
where
    anyhow::Error: From<E>,
{
    match tokio::runtime::Handle::try_current() {
        Ok(server) => Ok(server.block_on(work)?),
        Err(_) => Ok(runtime()?.block_on(work)?),
    }
}

/// The runtime for commands that wait for the network or for the store.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}
