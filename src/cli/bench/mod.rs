//! `ingle bench`: the figures of the product on made-up data, one JSON line each, with the ceiling of the same run
//! beside it: what the HTTP library alone, the storage library alone or the index alone does on this machine.
//!
//! Everything runs on loopback in this process (start-up in a child), bounded in time, in a folder of its own that is
//! removed at the end.

mod beside;
mod client;
mod generate;
mod http;
mod loads;
mod plan;
mod rooms;
mod start;
mod within;
mod writer;

use std::time::Duration;

use serde::Serialize;

use super::args::{Bench, Global};
use super::exit::Code;
use crate::outbound::Clock;

/// One figure.
#[derive(Debug, Default, Serialize)]
struct Figure {
    /// What was measured.
    measure: &'static str,
    /// How much.
    value: f64,
    unit: &'static str,
    /// What the bare library does in the same run, in the same unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    ceiling: Option<f64>,
    /// What the ceiling is.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<&'static str>,
    /// Value over ceiling.
    #[serde(skip_serializing_if = "Option::is_none")]
    ratio: Option<f64>,
    /// Microseconds at the 50th and 99th percentile.
    #[serde(skip_serializing_if = "Option::is_none")]
    p50_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p99_us: Option<u64>,
    /// Members and resources in the plan measured.
    members: usize,
}

impl Figure {
    /// Prints the line at once, so that a run that is stopped has said what it knew.
    #[expect(clippy::print_stdout, reason = "the result of a command goes to stdout")]
    fn print(mut self) {
        self.ratio = self.ceiling.filter(|ceiling| *ceiling > 0.0).map(|ceiling| round(self.value / ceiling));
        self.value = round(self.value);
        self.ceiling = self.ceiling.map(round);
        if let Ok(line) = serde_json::to_string(&self) {
            println!("{line}");
        }
    }
}

fn round(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

pub(super) fn run(_: &Global, own: &Bench) -> anyhow::Result<Code> {
    let clock = Clock::system();
    let folder = std::env::temp_dir().join(format!("ingle-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let outcome = measure(own, &folder, &clock);
    std::fs::remove_dir_all(&folder)?;
    outcome.map(|()| Code::Done)
}

fn measure(own: &Bench, folder: &std::path::Path, clock: &Clock) -> anyhow::Result<()> {
    if let Some(claims) = own.claims {
        return loads::measure(folder, claims, clock);
    }
    let slice = Duration::from_millis(own.millis);
    let plan = plan::Plan::load(folder, own.members, clock)?;
    if let Some(only) = &own.only {
        if only == "beside" {
            return beside::measure(&plan);
        }
        return http::some(&plan, slice, only);
    }
    rooms::tokens(&plan)?;
    rooms::validation(&plan)?;
    rooms::storage(&plan)?;
    rooms::creates(&plan, slice)?;
    http::measure(&plan, slice)?;
    beside::measure(&plan)?;
    within::measure(&plan)?;
    // After all that reads: it gives one member a thousand more claims, and the bare route returns that member's bytes.
    rooms::overlay(&plan)?;
    let mixed = http::mixed(&plan)?;
    let about = plan.close()?;
    start::measure(folder, &about, clock)?;
    start::under_load(folder, &about, mixed, clock)
}
