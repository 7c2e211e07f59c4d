//! Searches inside the process, each beside the index asked alone for the same conditions, and beside a copy of the bytes
//! of its answer: what a search costs that neither the index nor the copying can be blamed for.

use std::hint::black_box;

use anyhow::{Context, ensure};

use super::Figure;
use super::plan::Plan;
use crate::access::{Base, Operation, Principal, View, decide};
use crate::fhir::{Kind, filter};
use crate::index;
use crate::search::{Page, Query, Searched};

const ROUNDS: u32 = 500;

/// One search within one patient.
struct Case {
    search: &'static str,
    of_index: &'static str,
    of_copy: &'static str,
    kind: &'static str,
    parameters: &'static [(&'static str, &'static str)],
    /// What is asked of the index alone, query by query: type, parameter, value.
    asked: &'static [(&'static str, &'static str, &'static str)],
}

const EOB: &str = "ExplanationOfBenefit";
const CASES: [Case; 5] = [
    Case {
        search: "claims of a patient by type (token), inside the process",
        of_index: "the index alone, same condition",
        of_copy: "a copy of the answer's bytes",
        kind: EOB,
        parameters: &[("patient", "p0"), ("type", "professional"), ("_count", "20")],
        asked: &[(EOB, "type", "professional")],
    },
    Case {
        search: "claims of a patient by service-date, inside the process",
        of_index: "the index alone, same condition",
        of_copy: "a copy of the answer's bytes",
        kind: EOB,
        parameters: &[("patient", "p0"), ("service-date", "ge2024-06"), ("_count", "20")],
        asked: &[(EOB, "service-date", "ge2024-06")],
    },
    Case {
        search: "Observation?patient.birthdate= (chain), inside the process",
        of_index: "the index alone, both links",
        of_copy: "a copy of the answer's bytes",
        kind: "Observation",
        parameters: &[("patient.birthdate", "gt1900"), ("status", "final"), ("_count", "20")],
        asked: &[("Patient", "birthdate", "gt1900"), ("Observation", "status", "final")],
    },
    Case {
        search: "Patient?_has:ExplanationOfBenefit (reverse chain), inside the process",
        of_index: "the index alone, the inner search",
        of_copy: "a copy of the answer's bytes",
        kind: "Patient",
        parameters: &[("_has:ExplanationOfBenefit:patient:type", "professional")],
        asked: &[(EOB, "type", "professional")],
    },
    Case {
        search: "claims of a patient with _include, inside the process",
        of_index: "the index alone, the claims of the patient",
        of_copy: "a copy of the answer's bytes",
        kind: EOB,
        parameters: &[("patient", "p0"), ("_include", "ExplanationOfBenefit:patient"), ("_count", "20")],
        asked: &[(EOB, "patient", "Patient/p0")],
    },
];

/// Prints two figures for each search.
pub(super) fn measure(plan: &Plan) -> anyhow::Result<()> {
    let token = plan.tokens(1)?.pop().context("no token")?;
    let access = Principal::App(plan.realm.oauth.verify(&token)?);
    for case in &CASES {
        let (ours, page) = search(plan, &access, case)?;
        ensure!(!page.matches.is_empty(), "{} finds nothing", case.search);
        let figure = |ceiling, of| Figure {
            measure: case.search,
            value: ours,
            unit: "us",
            ceiling: Some(ceiling),
            of: Some(of),
            members: plan.members,
            ..Figure::default()
        };
        figure(index_alone(plan, &access, case)?, case.of_index).print();
        figure(copy(plan, &page), case.of_copy).print();
    }
    Ok(())
}

fn search(plan: &Plan, access: &Principal, case: &Case) -> anyhow::Result<(f64, Page)> {
    let realm = &plan.realm;
    let kind = Kind::named(case.kind);
    let pairs: Vec<_> = case.parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let now = plan.clock.now();
    let once = || -> anyhow::Result<Page> {
        let view = decide(access, Base::Fhir, kind, Operation::Search, now)?;
        let query = Query::read(realm.definitions.now(), kind, &pairs, false, now, "")?;
        let searched =
            Searched { store: &realm.store, index: &realm.index, cursors: &realm.cursors, caller: "bench", now };
        Ok(searched.page(&view, &query)?)
    };
    let page = once()?;
    let started = plan.clock.monotonic();
    for _ in 0..ROUNDS {
        black_box(once()?);
    }
    Ok((each(plan, started), page))
}

fn index_alone(plan: &Plan, access: &Principal, case: &Case) -> anyhow::Result<f64> {
    let now = plan.clock.now();
    let mut queries: Vec<(Kind, View, filter::Clause)> = Vec::new();
    for (kind, name, value) in case.asked {
        let kind = Kind::named(kind);
        let view = decide(access, Base::Fhir, kind, Operation::Search, now)?;
        queries.push((kind, view, filter::standard_clause(kind, name, value, now, "")?.context("no clause")?));
    }
    let started = plan.clock.monotonic();
    for _ in 0..ROUNDS {
        for (kind, view, clause) in &queries {
            let clauses = std::slice::from_ref(clause);
            let query = index::Query { kind: *kind, clauses, sort: &[], after: None, limit: 21 };
            black_box(plan.realm.index.find(view, &query)?);
        }
    }
    Ok(each(plan, started))
}

fn copy(plan: &Plan, page: &Page) -> f64 {
    let bodies = || page.matches.iter().chain(&page.included).map(|stored| &stored.body);
    let size = bodies().map(bytes::Bytes::len).sum();
    let started = plan.clock.monotonic();
    for _ in 0..ROUNDS {
        let mut out = Vec::with_capacity(size);
        for body in bodies() {
            out.extend_from_slice(body);
        }
        black_box(out);
    }
    each(plan, started)
}

/// Microseconds of one round.
fn each(plan: &Plan, started: std::time::Duration) -> f64 {
    plan.clock.monotonic().saturating_sub(started).as_secs_f64() * 1e6 / f64::from(ROUNDS)
}
