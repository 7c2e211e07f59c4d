//! `ingle init`: a commented fhir.toml, the data folder, fresh keys. Nothing that is there is overwritten.

use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};

use super::args::{Global, Init};
use super::exit::Code;
use super::install;
use crate::config::{BaseUrl, Config, written};
use crate::fhir::definitions::Definitions;
use crate::realm::RealmKind;

/// Section and key of what is asked, the words of the question, and the example that is taken when nothing is answered.
const QUESTIONS: [(&str, &str, &str, &str); 6] = [
    ("plan", "name", "The plan's name, as members know it", "Example Health Plan"),
    ("plan", "url", "The public address of this server", "http://localhost:8080"),
    (
        "mail",
        "transport",
        "How mail leaves: smtps://user:password@host, or file:FOLDER to try things out",
        "file:outbox/mail",
    ),
    ("mail", "from", "The sender of the plan's mail", "Example Health Plan <no-reply@example.com>"),
    // No examples: a number that nobody answers is worse than none.
    ("plan", "support_phone", "The number that members who are stuck can call; pages show it", ""),
    ("plan", "support_email", "The address that they can write to", ""),
];

pub(super) fn run(global: &Global, args: &Init) -> anyhow::Result<Code> {
    let file = args.dir.join("fhir.toml");
    if file.exists() {
        bail!("{} is already there and is not overwritten; edit it, or choose another folder", file.display());
    }
    let given = [&args.name, &args.url, &args.mail, &args.from, &args.phone, &args.email];
    let ask = !args.yes && std::io::stdin().is_terminal();
    if !ask && !args.yes && args.name.is_none() {
        bail!("nobody is here to answer; give --name, --url and the rest, or --yes to take the examples");
    }
    let mut answers = Vec::new();
    for ((section, key, words, example), given) in QUESTIONS.into_iter().zip(given) {
        let answer = match given {
            Some(given) => given.clone(),
            None if ask => question(words, example)?,
            None => example.to_owned(),
        };
        if answer.is_empty() {
            continue;
        }
        if key == "url"
            && let Err(wrong) = BaseUrl::parse(&answer)
        {
            bail!("the address {wrong}; give another with --url");
        }
        answers.push((section, key, toml::Value::String(answer).to_string()));
    }
    let text = written(|section, key| {
        answers.iter().find(|(s, k, _)| *s == section && *k == key).map(|(_, _, value)| value.clone())
    });
    std::fs::create_dir_all(&args.dir).with_context(|| format!("{} cannot be made", args.dir.display()))?;
    write_new(&file, &text)?;
    let file = std::path::absolute(&file)?;
    let config = open(&file).inspect_err(|_| {
        // The next try must not find it "already there".
        let _ = std::fs::remove_file(&file);
    })?;
    let data = config.storage.path.display();
    if global.json {
        println!("{}", serde_json::json!({"config": file, "data": config.storage.path}));
    } else {
        eprintln!("Wrote {} and {data} with fresh keys.", file.display());
        if config.plan.support_phone.is_none() && config.plan.support_email.is_none() {
            eprintln!("Members who are stuck find no number yet: set support_phone or support_email in [plan].");
        }
        eprintln!("Next: look through the file, then `ingle load` your data and `ingle serve`.");
    }
    Ok(Code::Done)
}

/// Makes the keys and the empty stores, which opening a realm does.
fn open(file: &Path) -> anyhow::Result<Arc<Config>> {
    let config = Arc::new(Config::load(Some(file), &[], &[])?);
    let outside = install::outside(&config)?;
    let definitions = Definitions::default();
    for kind in [RealmKind::Plan, RealmKind::Sandbox] {
        install::close(&*install::realm(kind, &config, &outside, &definitions)?);
    }
    Ok(config)
}

fn question(words: &str, example: &str) -> anyhow::Result<String> {
    if example.is_empty() {
        eprint!("{words}: ");
    } else {
        eprint!("{words} [{example}]: ");
    }
    std::io::stderr().flush()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(if line.trim().is_empty() { example.to_owned() } else { line.trim().to_owned() })
}

/// The mail transport may hold a password, so the file is its owner's only.
fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).with_context(|| format!("{} cannot be written", path.display()))?;
    file.write_all(text.as_bytes())?;
    Ok(())
}
