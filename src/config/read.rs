//! From file, environment and flags to one value per key, each remembering where it came from.
//!
//! Order: default < file < environment < flag. Every problem is collected, so one run shows them all.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::UnitDeserializer;
use toml::de::{DeTable, DeValue};

use super::sample::SECTIONS;
use super::{Key, Need, Section};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Built in.
    Default,
    /// A line of a file.
    File(PathBuf, usize),
    /// An environment variable.
    Env(String),
    /// A command-line flag.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Env(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// One key with the value in force; a secret's value is masked.
#[derive(Clone, Debug)]
pub struct Setting {
    /// `section.key`.
    pub name: String,
    /// The value as TOML, or `(secret)`; `None` for an optional key nobody wrote.
    pub value: Option<String>,
    /// Where it came from.
    pub source: Source,
}

/// One thing wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub source: Source,
    /// What, and what to do.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.source, self.message)
    }
}

/// Looks up an environment variable that a secret names.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Holds all written values until the sections take them.
pub(super) struct Reader<'a> {
    values: BTreeMap<String, (toml::Value, Source)>,
    base: &'a Path,
    lookup: Lookup<'a>,
    pub(super) findings: Vec<Finding>,
    pub(super) settings: Vec<Setting>,
}

impl<'a> Reader<'a> {
    /// `base` is the folder that relative secret files are read from.
    pub(super) fn new(base: &'a Path, lookup: Lookup<'a>) -> Self {
        Self { values: BTreeMap::new(), base, lookup, findings: Vec::new(), settings: Vec::new() }
    }

    /// Adds what the file says.
    pub(super) fn add_file(&mut self, path: &Path, text: &str) {
        let at = |offset: usize| Source::File(path.to_owned(), line_of(text, offset));
        match DeTable::parse(text) {
            Ok(table) => self.add_table("", table.get_ref(), &at, text),
            Err(error) => {
                let offset = error.span().map_or(0, |span| span.start);
                let message = error.message().lines().collect::<Vec<_>>().join("; ");
                self.findings.push(Finding { source: at(offset), message: format!("is not valid TOML: {message}") });
            }
        }
    }

    fn add_table(&mut self, section: &str, table: &DeTable<'_>, at: &dyn Fn(usize) -> Source, text: &str) {
        for (key, value) in table {
            let source = at(key.span().start);
            let name =
                if section.is_empty() { key.get_ref().to_string() } else { format!("{section}.{}", key.get_ref()) };
            match value.get_ref() {
                DeValue::Table(inner) if is_section_or_parent(&name) => self.add_table(&name, inner, at, text),
                _ if find_key(&name).is_some() => {
                    let span = value.span();
                    // The whole file parsed, so this slice of it does too.
                    if let Some(value) = text.get(span).and_then(parse_value) {
                        self.values.insert(name, (value, source));
                    }
                }
                _ => self.findings.push(Finding { source, message: unknown(&name) }),
            }
        }
    }

    /// Adds one value given as text, by the environment or a flag.
    pub(super) fn add_text(&mut self, name: &str, text: &str, source: Source) {
        let Some(key) = find_key(name) else {
            self.findings.push(Finding { source, message: unknown(name) });
            return;
        };
        match value_from_text(key, text) {
            Some(value) => drop(self.values.insert(name.to_owned(), (value, source))),
            None => {
                self.findings.push(Finding { source, message: format!("{name} wants a value like {}", key.sample) });
            }
        }
    }

    /// The value in force for one key, as the type that its section wants.
    pub(super) fn take<T: for<'de> Deserialize<'de>>(&mut self, section: &str, key: &str) -> Option<T> {
        let name = format!("{section}.{key}");
        let key = find_key(&name)?;
        let written = self.values.remove(&name);
        let (value, source) = match (written, key.need) {
            (Some((value, source)), _) => (Some(value), source),
            (None, Need::Default) => (parse_value(key.sample), Source::Default),
            (None, Need::Optional) => (None, Source::Default),
            (None, Need::Required) => {
                let message =
                    format!("[{section}] {} is missing; write for example {} = {}", key.name, key.name, key.sample);
                self.findings.push(Finding { source: Source::Default, message });
                return None;
            }
        };
        let shown = value.as_ref().map(|v| if key.is_secret() { "(secret)".to_owned() } else { v.to_string() });
        self.settings.push(Setting { name: name.clone(), value: shown, source: source.clone() });
        match self.decode(key, value) {
            Ok(value) => Some(value),
            Err(message) => {
                self.findings.push(Finding { source, message: format!("{name} {message}") });
                None
            }
        }
    }

    fn decode<T: for<'de> Deserialize<'de>>(&self, key: &Key, value: Option<toml::Value>) -> Result<T, String> {
        let Some(value) = value else {
            let absent: UnitDeserializer<serde::de::value::Error> = ().into_deserializer();
            return T::deserialize(absent).map_err(|error| error.to_string());
        };
        let value = if key.is_secret() { self.open_secret(value)? } else { value };
        T::deserialize(value).map_err(|error| error.message().lines().collect::<Vec<_>>().join("; "))
    }

    /// Replaces `{ file = ".." }` and `{ env = ".." }` by what they point at.
    fn open_secret(&self, value: toml::Value) -> Result<toml::Value, String> {
        let toml::Value::Table(table) = &value else { return Ok(value) };
        let text = match (table.len(), table.get("file"), table.get("env")) {
            (1, Some(toml::Value::String(file)), _) => std::fs::read_to_string(self.base.join(file))
                .map_err(|error| format!("names the file {file}, which cannot be read: {error}"))?,
            (1, _, Some(toml::Value::String(name))) => {
                (self.lookup)(name).ok_or_else(|| format!("names the environment variable {name}, which is not set"))?
            }
            _ => return Err("must be a text, { file = \"…\" } or { env = \"…\" }".to_owned()),
        };
        Ok(toml::Value::String(text.trim_end_matches(['\r', '\n']).to_owned()))
    }

    /// The source of a key that was taken, for findings made after reading.
    pub(super) fn source_of(&self, name: &str) -> Source {
        self.settings.iter().find(|s| s.name == name).map_or(Source::Default, |s| s.source.clone())
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

fn parse_value(text: &str) -> Option<toml::Value> {
    let mut table: toml::Table = toml::from_str(&format!("value = {text}")).ok()?;
    table.remove("value")
}

/// Text keys take the text as it stands, so that nobody has to quote inside quotes; lists may be `a,b`.
fn value_from_text(key: &Key, text: &str) -> Option<toml::Value> {
    if key.sample.starts_with('"') && !(key.is_secret() && text.trim_start().starts_with('{')) {
        return Some(toml::Value::String(text.to_owned()));
    }
    if key.sample.starts_with('[') && !text.trim_start().starts_with('[') {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        return Some(toml::Value::Array(parts.map(|part| toml::Value::String(part.to_owned())).collect()));
    }
    parse_value(text)
}

fn is_section_or_parent(name: &str) -> bool {
    SECTIONS.iter().any(|s| s.name == name || s.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
}

fn find_key(name: &str) -> Option<&'static Key> {
    let (section, key) = name.rsplit_once('.')?;
    let section: &Section = SECTIONS.iter().find(|s| s.name == section)?;
    section.keys.iter().find(|k| k.name == key)
}

/// The refusal of an unknown name, with the nearest known one. A key may be right but stand in the wrong section, so
/// all keys are candidates and those of the same section win ties.
fn unknown(name: &str) -> String {
    let sections = SECTIONS.iter().map(|s| (s.name.to_owned(), format!("[{}]", s.name)));
    let keys = SECTIONS.iter().flat_map(|s| {
        s.keys.iter().map(move |k| (format!("{}.{}", s.name, k.name), format!("{} in [{}]", k.name, s.name)))
    });
    let last = name.rsplit('.').next().unwrap_or(name);
    let nearest = sections
        .chain(keys)
        .map(|(candidate, shown)| {
            let whole = strsim::normalized_damerau_levenshtein(name, &candidate);
            let tail = strsim::normalized_damerau_levenshtein(last, candidate.rsplit('.').next().unwrap_or(""));
            (whole.max(tail * 0.95), shown)
        })
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(score, _)| *score >= NEAR);
    match nearest {
        Some((_, shown)) => format!("{name} is not a known key; did you mean {shown}?"),
        None => format!("{name} is not a known key; the shipped fhir.toml lists all keys"),
    }
}

/// Below this likeness a suggestion would only puzzle.
const NEAR: f64 = 0.6;
