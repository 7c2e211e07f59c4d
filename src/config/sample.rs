//! The shipped `fhir.toml`, written from the doc comments of the sections.

use std::fmt::Write;

use super::{Access, Apps, Limits, Load, Mail, Need, Plan, Section, Server, Sms, Storage, Validation};

/// Every section, in the order of the file.
pub const SECTIONS: &[Section] = &[
    Plan::SECTION,
    Server::SECTION,
    Limits::SECTION,
    Storage::SECTION,
    Mail::SECTION,
    Sms::SECTION,
    Apps::SECTION,
    Access::SECTION,
    Validation::SECTION,
    Load::SECTION,
];

const OPENING: &str = "\
# Ingle reads this file from the folder it is started in, or from /etc/ingle, or from --config FILE.
# Lines that begin with `# key =` show the value used when the key is left out, or an example.
# Every key can also be set by the environment: [server] listen is INGLE_SERVER__LISTEN.
# Lengths of time are written 30s, 10m, 12h, 90d.
";

/// The whole commented file. Required keys are written with an example, all others are commented out.
#[must_use]
pub fn sample() -> String {
    written(|_, _| None)
}

/// The commented file with the given values (TOML text by section and key) in place of the samples.
#[must_use]
pub fn written(value: impl Fn(&str, &str) -> Option<String>) -> String {
    let mut out = OPENING.to_owned();
    for section in SECTIONS {
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "\n# {}\n[{}]\n",
            section.about.iter().map(|l| l.trim()).collect::<Vec<_>>().join("\n# "),
            section.name
        );
        for key in section.keys {
            for line in key.docs {
                let _ = writeln!(out, "# {}", line.trim());
            }
            match (value(section.name, key.name), key.need) {
                (Some(text), _) => drop(writeln!(out, "{} = {text}", key.name)),
                (None, Need::Required) => drop(writeln!(out, "{} = {}", key.name, key.sample)),
                (None, Need::Default) => drop(writeln!(out, "# {} = {}", key.name, key.sample)),
                (None, Need::Optional) => drop(writeln!(out, "# Not set. Example:\n# {} = {}", key.name, key.sample)),
            }
        }
    }
    out
}
