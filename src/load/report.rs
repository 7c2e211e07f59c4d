//! What a load says about itself: counts, refused records, and what to do about them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Error;
use crate::formats::Format;
use crate::formats::issue::{Reject, Rule};

/// How often a rule was met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Name of the rule.
    pub rule: &'static str,
    /// How often.
    pub count: u64,
    /// What to do.
    pub fix: &'static str,
    /// The first places where it was met, with the reason: nothing of the records themselves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<Example>,
}

/// One place where a rule was met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Example {
    /// The file's name, with the folder that it is in.
    pub file: String,
    /// Line or segment, from 1; 0 for the file as a whole.
    pub line: u64,
    /// Entry of a Bundle, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<usize>,
    /// The mistake; empty where the rule is enough.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// What a file was taken for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TakenAs {
    /// The file's name, with the folder that it is in.
    pub file: String,
    /// The kind of file, as in `--as`.
    pub kind: &'static str,
}

/// The result of a load.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Files read.
    pub files: u64,
    /// What each file that was loaded was taken for.
    pub taken_as: Vec<TakenAs>,
    /// Records accepted, also in a dry run.
    pub kept: u64,
    /// Of these, how many are new or different.
    pub changed: u64,
    /// Of these, how many changed nothing.
    pub unchanged: u64,
    /// Records refused.
    pub rejected: u64,
    /// How long it took.
    pub seconds: f64,
    /// Records accepted, by kind of record.
    pub by_kind: BTreeMap<&'static str, u64>,
    /// What was noticed, the most frequent first.
    pub findings: Vec<Finding>,
    /// Where the refused records are, if there are any. Beside it stand the same as a table (`.csv`) and this summary
    /// (`.json`).
    pub report: Option<PathBuf>,
}

/// Examples that are kept for each rule.
const EXAMPLES: usize = 3;

/// Counts and writes as the run goes on.
pub(super) struct Ledger {
    path: PathBuf,
    file: Option<Files>,
    rules: BTreeMap<Rule, (u64, Vec<Example>)>,
    pub(super) summary: Summary,
}

/// The refused records, for programs and for people.
struct Files {
    lines: BufWriter<File>,
    table: csv::Writer<File>,
}

/// A cell that no spreadsheet evaluates as a formula.
fn cell(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

/// The last two parts of a path: files of several folders often have one name.
fn short(path: &str) -> &str {
    let mut slashes = path.rmatch_indices(['/', '\\']);
    let at = slashes.nth(1).map_or(0, |(at, _)| at + 1);
    path.get(at..).unwrap_or(path)
}

impl Ledger {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), file: None, rules: BTreeMap::new(), summary: Summary::default() }
    }

    pub(super) fn taken(&mut self, path: &Path, format: Format) {
        let file = short(&path.display().to_string()).to_owned();
        self.summary.taken_as.push(TakenAs { file, kind: format.name() });
    }

    pub(super) fn kept(&mut self, format: Format, changed: bool) {
        self.summary.kept += 1;
        *self.summary.by_kind.entry(format.name()).or_default() += 1;
        if changed {
            self.summary.changed += 1;
        } else {
            self.summary.unchanged += 1;
        }
    }

    pub(super) fn notice(&mut self, rule: Rule, count: u64) {
        if count > 0 {
            self.rules.entry(rule).or_default().0 += count;
        }
    }

    pub(super) fn reject(&mut self, rule: Rule, reject: &Reject) -> Result<(), Error> {
        let (count, examples) = self.rules.entry(rule).or_default();
        *count += 1;
        if examples.len() < EXAMPLES {
            let file = short(&reject.file).to_owned();
            let example = Example { file, line: reject.line, entry: reject.entry, reason: reject.reason.clone() };
            // A second report of the same place adds nothing.
            if !examples.contains(&example) {
                examples.push(example);
            }
        }
        if !rule.refuses() {
            return Ok(());
        }
        self.summary.rejected += 1;
        let path = self.path.clone();
        self.write(rule, reject).map_err(|cause| Error::Report { path, cause })
    }

    fn write(&mut self, rule: Rule, reject: &Reject) -> std::io::Result<()> {
        if self.file.is_none() {
            if let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                std::fs::create_dir_all(folder)?;
            }
            let lines = BufWriter::new(File::create(&self.path)?);
            let mut table = csv::Writer::from_writer(File::create(self.path.with_extension("csv"))?);
            table.write_record(["file", "line", "entry", "rule", "reason", "what to do"])?;
            self.file = Some(Files { lines, table });
        }
        if let Some(files) = &mut self.file {
            let line = serde_json::to_string(reject).unwrap_or_default();
            writeln!(files.lines, "{line}")?;
            let entry = reject.entry.map(|entry| entry.to_string()).unwrap_or_default();
            let (file, number) = (cell(&reject.file), reject.line.to_string());
            files.table.write_record([&file, &number, &entry, reject.rule, &cell(&reject.reason), rule.fix()])?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self, seconds: f64) -> Result<Summary, Error> {
        let path = self.path.clone();
        let failed = |cause| Error::Report { path: path.clone(), cause };
        if let Some(files) = &mut self.file {
            files.lines.flush().and_then(|()| files.table.flush()).map_err(failed)?;
            self.summary.report = Some(self.path.clone());
        }
        let mut findings: Vec<Finding> = std::mem::take(&mut self.rules)
            .into_iter()
            .map(|(rule, (count, examples))| Finding { rule: rule.name(), count, fix: rule.fix(), examples })
            .collect();
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.count));
        self.summary.findings = findings;
        self.summary.seconds = (seconds * 1000.0).round() / 1000.0;
        if self.file.is_some() {
            let text = serde_json::to_vec_pretty(&self.summary).unwrap_or_default();
            std::fs::write(self.path.with_extension("json"), text).map_err(failed)?;
        }
        Ok(self.summary)
    }
}
