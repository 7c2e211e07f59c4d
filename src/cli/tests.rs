//! The words of the help are part of the product: every change of them is looked at.

use clap::CommandFactory;

use super::args::Args;

/// The help of a command and, after it, of those below it.
fn help(command: &mut clap::Command, path: &str, out: &mut String) {
    let name = format!("{path} {}", command.get_name()).trim().to_owned();
    // The width of a terminal must not change the snapshot.
    let text = command.clone().term_width(100).render_long_help().to_string();
    out.push_str(&["# ", &name, "\n\n", &text, "\n"].concat());
    for below in command.get_subcommands_mut() {
        if below.get_name() != "help" && !below.is_hide_set() {
            help(below, &name, out);
        }
    }
}

#[test]
fn help_of_every_command() {
    let mut command = Args::command();
    command.build();
    let mut out = String::new();
    help(&mut command, "", &mut out);
    insta::assert_snapshot!("help", out);
}

#[test]
fn the_definitions_hold_together() {
    Args::command().debug_assert();
}
