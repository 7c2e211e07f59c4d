//! `ingle dev definitions DIR`: reads the guides' packages and writes the tables that validation works with, so that the
//! next version of a guide is one command. And the plan's own packages, which are read when a command begins.

use std::path::Path;

use anyhow::{Context, ensure};

use crate::config::Config;
use crate::fhir::packages::{Packages, Role, Tables};
use crate::fhir::{labels, structures};

/// The packages that are read, in this order; where two define the same, the later one counts.
pub const PACKAGES: [(&str, Role); 9] = [
    ("hl7.fhir.r4.core-4.0.1-repack", Role::Core),
    ("hl7.fhir.us.core-6.1.0", Role::Current),
    ("hl7.fhir.us.davinci-hrex-1.0.0", Role::Current),
    ("hl7.fhir.us.carin-bb-2.1.0-compiled", Role::Current),
    ("hl7.fhir.us.davinci-pdex-2.0.0", Role::Current),
    ("hl7.fhir.us.davinci-pdex-2.1.0-compiled", Role::Current),
    ("hl7.fhir.us.davinci-pdex-plan-net-1.2.0-compiled", Role::Current),
    ("hl7.fhir.us.davinci-drug-formulary-2.1.0-compiled", Role::Current),
    // Claims of earlier years say that they are of this version.
    ("hl7.fhir.us.carin-bb-2.0.0", Role::Versioned),
];

pub(super) fn run(packages: &Path) -> anyhow::Result<()> {
    let tables = generate(packages)?;
    let folder = Path::new("src/fhir/definitions");
    ensure!(folder.is_dir(), "run this in the project's own folder: there is no {}", folder.display());
    std::fs::write(folder.join("structures.tsv"), tables.structures)?;
    std::fs::write(folder.join("codes.tsv"), tables.codes)?;
    std::fs::write(folder.join("displays.tsv"), tables.displays)?;
    std::fs::write(folder.join("hierarchies.tsv"), tables.hierarchies)?;
    Ok(())
}

/// Makes the tables from a folder of packages.
///
/// # Errors
/// A package that is missing or cannot be read.
pub fn generate(packages: &Path) -> anyhow::Result<Tables> {
    let mut all = Packages::default();
    for (package, role) in PACKAGES {
        take(&mut all, &packages.join(format!("{package}.tgz")), role)?;
    }
    Ok(all.tables())
}

fn take(all: &mut Packages, path: &Path, role: Role) -> anyhow::Result<()> {
    let file = std::fs::File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    all.read(file, role).with_context(|| format!("{} is not a FHIR package", path.display()))
}

/// Reads the plan's own list of sensitive codes, `[access] sensitive_codes`, before anything is admitted.
pub(super) fn supply_codes(config: &Config) -> anyhow::Result<()> {
    let Some(file) = &config.access.sensitive_codes else { return Ok(()) };
    let named = || format!("[access] sensitive_codes, {}", file.display());
    let own = std::fs::read_to_string(file).with_context(named)?;
    labels::supply(&own).with_context(named)
}

/// Reads the plan's own packages, `[validation] packages`, in the order of their names.
pub(super) fn supply(config: &Config) -> anyhow::Result<()> {
    let Some(folder) = &config.validation.packages else { return Ok(()) };
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("the folder {} of [validation] packages cannot be read", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "tgz"));
    paths.sort();
    let mut all = Packages::default();
    for path in &paths {
        take(&mut all, path, Role::Versioned)?;
    }
    let profiles = structures::supply(&all.tables())?;
    tracing::info!(packages = paths.len(), profiles, "the plan's own packages were read");
    Ok(())
}
