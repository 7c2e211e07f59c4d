//! What one resource costs before it is stored: reading its JSON, checking and extracting it, and asking the filter.
//!
//! `cargo bench` prints one JSON line per figure, median of batches. Whole-system figures are `ingle bench`'s.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a bench stops at its first surprise")]

use std::hint::black_box;

use ingle::fhir::{self, Kind, filter};
use ingle::outbound::Clock;

const BATCHES: usize = 40;
const BATCH: usize = 200;

/// A claim of the size and shape that plans have, written here.
fn claim() -> String {
    let amount = |code: &str, value: u32| {
        format!(
            r#"{{"category":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/adjudication","code":"{code}"}}]}},"amount":{{"value":{value}.50,"currency":"USD"}}}}"#
        )
    };
    let item = |n: u32| {
        format!(
            r#"{{"sequence":{n},"productOrService":{{"coding":[{{"system":"https://plan.example/codes","code":"9{n:04}"}}]}},"servicedDate":"2026-03-{:02}","adjudication":[{},{},{}]}}"#,
            n + 1,
            amount("submitted", 100 + n),
            amount("eligible", 90 + n),
            amount("benefit", 80 + n)
        )
    };
    let items: Vec<String> = (1..=5).map(item).collect();
    format!(
        r#"{{"resourceType":"ExplanationOfBenefit","id":"bench","meta":{{"profile":["http://hl7.org/fhir/us/carin-bb/StructureDefinition/C4BB-ExplanationOfBenefit-Professional-NonClinician"]}},"identifier":[{{"system":"https://plan.example/ids/claim","value":"c-1"}}],"status":"active","type":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/claim-type","code":"professional"}}]}},"patient":{{"reference":"Patient/p1"}},"billablePeriod":{{"start":"2026-03-01","end":"2026-03-09"}},"created":"2026-03-10","provider":{{"reference":"Practitioner/d1"}},"insurance":[{{"focal":true,"coverage":{{"reference":"Coverage/v1"}}}}],"item":[{}]}}"#,
        items.join(",")
    )
}

fn figure(clock: &Clock, measure: &str, mut work: impl FnMut()) {
    let mut batches: Vec<f64> = (0..BATCHES)
        .map(|_| {
            let started = clock.monotonic();
            (0..BATCH).for_each(|_| work());
            clock.monotonic().saturating_sub(started).as_secs_f64() * 1e6 / BATCH as f64
        })
        .collect();
    batches.sort_by(f64::total_cmp);
    println!(r#"{{"measure":"{measure}","value":{:.3},"unit":"us","bytes":{}}}"#, batches[BATCHES / 2], claim().len());
}

fn main() {
    let clock = Clock::system();
    let text = claim();
    let kind = Kind::named("ExplanationOfBenefit");
    let prepared = fhir::prepare(text.as_bytes()).expect("the claim is sound");
    let node = fhir::json::parse(text.as_bytes()).expect("the claim is sound");
    let clause = filter::standard_clause(kind, "service-date", "ge2026-03-05", clock.now(), "")
        .expect("the query is sound")
        .expect("the value is not empty");
    figure(&clock, "read JSON", || drop(black_box(fhir::json::parse(text.as_bytes()))));
    figure(&clock, "read, check, extract", || drop(black_box(fhir::prepare(text.as_bytes()))));
    figure(&clock, "find topics", || {
        black_box(fhir::labels::of(&node));
    });
    figure(&clock, "admit", || drop(black_box(ingle::access::admit_text(text.as_bytes()))));
    figure(&clock, "render a version", || drop(black_box(prepared.render(1, jiff::Timestamp::UNIX_EPOCH))));
    figure(&clock, "ask the filter", || {
        black_box(clause.matches(&prepared.extracted));
    });
}
