//! `fhir.toml`: one file per section, validated once into plain structs that are handed down.
//!
//! Invariant: whoever holds a [`Config`] needs no further check. Absent on purpose: reloading, and any key that the
//! code does not honour.

mod access;
mod apps;
mod key;
mod load;
mod mail;
mod plan;
mod read;
mod sample;
mod server;
mod storage;
#[cfg(test)]
mod tests;
mod validation;
mod value;

use std::path::{Path, PathBuf};

pub use access::Access;
pub use apps::{Apps, Registration};
pub use key::{Key, Need, Section};
pub use load::{ClaimsAsClinical, Complete, Load, Registry};
pub use mail::{Mail, Sms};
pub use plan::{Language, Plan};
pub use read::{Finding, Setting, Source};
pub use sample::{SECTIONS, sample, written};
pub use server::{Limits, Server};
pub use storage::Storage;
pub use validation::{Policy, Validation};
pub use value::{BaseUrl, Network, Secret, Span};

use read::Reader;

/// The configuration in force.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who the plan is.
    pub plan: Plan,
    /// The listening side.
    pub server: Server,
    /// How much one caller may ask.
    pub limits: Limits,
    /// Where the data lives.
    pub storage: Storage,
    /// E-mail.
    pub mail: Mail,
    /// Text messages.
    pub sms: Sms,
    /// Third-party apps.
    pub apps: Apps,
    /// What apps do not get unasked.
    pub access: Access,
    /// What becomes of resources that are not valid.
    pub validation: Validation,
    /// `[load]`.
    pub load: Load,
    /// The file that was read, if there was one.
    pub file: Option<PathBuf>,
    /// Every key with its value in force and where it came from; secrets masked.
    pub settings: Vec<Setting>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file that was asked for cannot be read.
    #[error("the configuration file {} cannot be read: {cause}; run `ingle init` to write one", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// One or more keys are wrong.
    #[error("the configuration is not valid: {}", list(.0))]
    Invalid(Vec<Finding>),
}

fn list(findings: &[Finding]) -> String {
    findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  ")
}

/// Prefix of environment variables that stand for keys; sections and keys are parted by two underscores.
const ENV_PREFIX: &str = "INGLE_";

impl Config {
    /// Reads and validates. `env` is the whole environment; `flags` are `(section.key, value)`.
    pub fn load(path: Option<&Path>, env: &[(String, String)], flags: &[(&str, String)]) -> Result<Self, Error> {
        let text = match path {
            None => String::new(),
            Some(path) => {
                std::fs::read_to_string(path).map_err(|cause| Error::Unreadable { path: path.to_owned(), cause })?
            }
        };
        let base = path.and_then(Path::parent).unwrap_or(Path::new(""));
        let lookup = |name: &str| env.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
        let mut reader = Reader::new(base, &lookup);
        if let Some(path) = path {
            reader.add_file(path, &text);
        }
        for (variable, value) in env {
            if let Some(name) = env_key(variable) {
                reader.add_text(&name, value, Source::Env(variable.clone()));
            }
        }
        for (name, value) in flags {
            reader.add_text(name, value, Source::Flag("command line".to_owned()));
        }
        Self::assemble(reader, base, path)
    }

    fn assemble(mut reader: Reader<'_>, base: &Path, path: Option<&Path>) -> Result<Self, Error> {
        let (plan, server, limits) = (Plan::read(&mut reader), Server::read(&mut reader), Limits::read(&mut reader));
        let (storage, mail, sms) = (Storage::read(&mut reader), Mail::read(&mut reader), Sms::read(&mut reader));
        let (apps, access) = (Apps::read(&mut reader), Access::read(&mut reader));
        let validation = Validation::read(&mut reader);
        let load = Load::read(&mut reader);
        let read = (|| Some((plan?, server?, limits?, storage?, mail?, sms?, apps?, access?, validation?, load?)))();
        let Some((plan, server, limits, mut storage, mut mail, mut sms, apps, mut access, mut validation, mut load)) =
            read
        else {
            return Err(Error::Invalid(reader.findings));
        };
        let mut found = Vec::new();
        plan.check(&mut |key, message| found.push(("plan", key.to_owned(), message)));
        mail.check(&mut |key, message| found.push(("mail", key.to_owned(), message)));
        sms.check(&mut |key, message| found.push(("sms", key.to_owned(), message)));
        apps.check(&mut |key, message| found.push(("apps", key.to_owned(), message)));
        for (section, key, message) in found {
            let name = format!("{section}.{key}");
            let source = reader.source_of(&name);
            reader.findings.push(Finding { source, message: format!("{name} {message}") });
        }
        if !reader.findings.is_empty() {
            return Err(Error::Invalid(reader.findings));
        }
        storage.path = base.join(&storage.path);
        access.sensitive_codes = access.sensitive_codes.map(|file| base.join(file));
        validation.packages = validation.packages.map(|folder| base.join(folder));
        load.inbox = load.inbox.map(|folder| base.join(folder));
        mail.transport = below(base, &mail.transport);
        for file in [&mut mail.authority, &mut sms.authority].into_iter().flatten() {
            *file = base.join(&file);
        }
        sms.transport = sms.transport.as_ref().map(|transport| below(base, transport));
        let (file, settings) = (path.map(Path::to_owned), reader.settings);
        Ok(Self { plan, server, limits, storage, mail, sms, apps, access, validation, load, file, settings })
    }
}

/// `file:` folders are relative to the configuration file, as every path in it.
fn below(base: &Path, transport: &Secret) -> Secret {
    match transport.expose().strip_prefix("file:") {
        Some(folder) => Secret::new(format!("file:{}", base.join(folder).display())),
        None => transport.clone(),
    }
}

/// `INGLE_SERVER__LIMITS__CONNECTIONS` is `server.limits.connections`. Variables without two underscores are not keys.
fn env_key(variable: &str) -> Option<String> {
    let rest = variable.strip_prefix(ENV_PREFIX)?;
    rest.contains("__").then(|| rest.to_ascii_lowercase().replace("__", "."))
}
