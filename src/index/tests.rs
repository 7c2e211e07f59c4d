//! The index against the plain filter over all resources: for random data and random queries they must agree, with
//! part of the data in the overlay, after updates and deletions, inside every kind of View.

use std::sync::Arc;

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::select;

use super::overlay::compare;
use super::*;
use crate::access::{AppAccess, Base, Categories, Category, Operation, Principal, Reach, ScopeSet, View, decide};
use crate::fhir::definitions::{Definitions, FIRST_OWN, Own};
use crate::fhir::{filter, json, search_parameter};

const KIND: &str = "ExplanationOfBenefit";

fn claim(id: usize, patient: u8, code: u8, dates: &[u8], label: bool, word: u8) -> String {
    let periods: Vec<String> =
        dates.iter().map(|day| format!(r#"{{"servicedDate":"2026-0{}-1{}"}}"#, day % 3 + 1, day / 3)).collect();
    let systems = ["http://a", "http://b"];
    let words = ["Alder", "álder street", "Birch  Road", "BIRCH"];
    format!(
        r#"{{"resourceType":"{KIND}","id":"e{id}","meta":{{{}"tag":[{{"system":"{}","code":"T{code}"}}]}},
        "patient":{{"reference":"Patient/p{patient}"}},"status":"{}",
        "billablePeriod":{{"start":"2026-01-1{}"}},"disposition":"{}","item":[{}]}}"#,
        if label { r#""security":[{"code":"HIV"}],"# } else { "" },
        systems[usize::from(code) % 2],
        if code.is_multiple_of(2) { "active" } else { "Cancelled" },
        word % 7,
        words[usize::from(word) % words.len()],
        if periods.is_empty() { r#"{"sequence":1}"#.to_owned() } else { periods.join(",") },
    )
}

fn extracted(json: &str, updated: i64) -> Arc<Extracted> {
    let mut extracted = crate::fhir::prepare(json.as_bytes()).unwrap().extracted;
    Arc::make_mut(&mut extracted).updated = updated;
    extracted
}

fn clauses(pairs: &[(String, String)]) -> Vec<Clause> {
    let kind = Kind::parse(KIND).unwrap();
    pairs
        .iter()
        .filter_map(|(key, value)| filter::standard_clause(kind, key, value, Timestamp::UNIX_EPOCH, "").unwrap())
        .collect()
}

fn parameter() -> impl Strategy<Value = (String, String)> {
    let prefix = select(&["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"][..]).prop_map(str::to_owned);
    let date = select(&["2026", "2026-01", "2026-02-11", "2026-01-12T10:00:00Z", "2025-12-31", "2026-03"][..])
        .prop_map(str::to_owned);
    let dated = (
        select(&["service-date", "billable-period-start", "created"][..]).prop_map(str::to_owned),
        prefix.clone(),
        date,
    )
        .prop_map(|(name, prefix, date)| (name, format!("{prefix}{date}")));
    let updated =
        (prefix, select(&["1970-01-01T00:00:02Z", "1970", "1970-01-01T00:00:03.001Z"][..]).prop_map(str::to_owned))
            .prop_map(|(prefix, date)| ("_lastUpdated".to_owned(), format!("{prefix}{date}")));
    let tokens = (
        select(&["_tag", "_tag:not", "status", "status:not"][..]).prop_map(str::to_owned),
        select(&["T0", "t1", "http://a|T2", "http://b|", "|active", "ACTIVE", "cancelled,T3", "nothing"][..])
            .prop_map(str::to_owned),
    );
    let strings = (
        select(&["disposition", "disposition:exact", "disposition:contains"][..]).prop_map(str::to_owned),
        select(&["alder", "ALDER", "birch road", "Birch  Road", "ir", "ÁLD", "street", "x"][..])
            .prop_map(str::to_owned),
    );
    let references = (
        select(&["patient", "patient:Patient", "payee"][..]).prop_map(str::to_owned),
        select(&["p0", "Patient/p1", "p0,p2", "Patient/zz"][..]).prop_map(str::to_owned),
    );
    let missing = (
        select(&["service-date:missing", "created:missing", "status:missing"][..]).prop_map(str::to_owned),
        select(&["true", "false"][..]).prop_map(str::to_owned),
    );
    let ids = Just("_id".to_owned());
    prop_oneof![
        dated,
        updated,
        tokens,
        strings,
        references,
        missing,
        (ids, select(&["e0", "e1,e2", "e99"][..]).prop_map(str::to_owned)),
    ]
}

fn views() -> Vec<View> {
    let now = Timestamp::UNIX_EPOCH;
    let app = |patients: &[&str], scopes: &str, withheld| {
        let access = AppAccess {
            client_id: "a".into(),
            member: Some("m".into()),
            patients: patients.iter().map(|p| (*p).into()).collect(),
            scopes: ScopeSet::parse(scopes).unwrap(),
            grant: None,
            withheld,
            issued: now,
            expires: Timestamp::MAX,
            narrowing: None,
        };
        let kind = Kind::parse(KIND).unwrap();
        decide(&Principal::App(Arc::new(access)), Base::Fhir, kind, Operation::Search, now).unwrap()
    };
    vec![
        View::operator(now),
        app(&["p0"], "patient/*.rs", Categories::NONE),
        app(&["p0", "p1"], "patient/*.rs", Categories::NONE.with(Category::Hiv)),
        app(&["p1"], "patient/ExplanationOfBenefit.rs?status=active", Categories::NONE),
        app(&["p0"], "patient/ExplanationOfBenefit.rs?service-date=ge2026-02", Categories::NONE),
    ]
}

/// The resources that the View shows, computed in the plainest way.
fn visible(view: &View, resource: &Extracted) -> bool {
    let mine = match view.reach() {
        Reach::Everything => true,
        Reach::Patients(ids) => resource.patients.iter().any(|own| ids.iter().any(|id| **id == **own)),
        Reach::Public(_) => false,
    };
    let permitted = match view.permit(resource.kind, Operation::Search) {
        Some(crate::access::Permit::All) => true,
        Some(crate::access::Permit::Only(sets)) => sets.iter().any(|set| set.iter().all(|c| c.matches(resource))),
        None => false,
    };
    mine && permitted && !view.withheld().overlaps(resource.categories)
}

type Row = (u8, u8, Vec<u8>, bool, u8);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    proptest::collection::vec(
        (0_u8..3, 0_u8..5, proptest::collection::vec(0_u8..6, 0..3), any::<bool>(), 0_u8..20),
        1..14,
    )
}

struct World {
    index: Index,
    live: Vec<(u64, Arc<Extracted>)>,
    seq: u64,
}

impl World {
    fn put(&mut self, rid: u64, resource: Option<Arc<Extracted>>) {
        self.seq += 1;
        let fresh = !self.live.iter().any(|(known, _)| *known == rid);
        self.live.retain(|(known, _)| *known != rid);
        self.live.extend(resource.clone().map(|resource| (rid, resource)));
        let kind = resource.as_ref().map_or(Kind::parse(KIND).unwrap(), |resource| resource.kind);
        self.index.apply(vec![Change { seq: self.seq, rid, kind, fresh, extracted: resource }]);
    }

    fn expected(&self, view: &View, query: &Query<'_>) -> (Vec<u64>, u64) {
        let mut places: Vec<Place> = self
            .live
            .iter()
            .filter(|(_, resource)| visible(view, resource) && query.clauses.iter().all(|c| c.matches(resource)))
            .map(|(rid, _)| Place { keys: Vec::new(), rid: *rid })
            .collect();
        places.sort_by(|left, right| compare(&[], left, right));
        let total = places.len() as u64;
        let rids = places.into_iter().map(|place| place.rid).take(query.limit).collect();
        (rids, total)
    }

    /// The result for a caller who asks the filter wherever the index is inexact.
    fn found(&self, view: &View, query: &Query<'_>) -> (Vec<u64>, u64) {
        let matches = self.index.find(view, query).unwrap();
        let mut rids: Vec<u64> = matches.places.iter().map(|place| place.rid).collect();
        if !matches.inexact {
            return (rids, matches.total);
        }
        rids.retain(|rid| {
            let (_, resource) = self.live.iter().find(|(known, _)| known == rid).expect("found what is not there");
            visible(view, resource) && query.clauses.iter().all(|clause| clause.matches(resource))
        });
        let total = rids.len() as u64;
        (rids, total)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, ..ProptestConfig::default() })]

    #[test]
    fn index_and_filter_agree(
        first in rows(),
        second in rows(),
        in_bulk_from in 0_usize..14,
        queries in proptest::collection::vec(proptest::collection::vec(parameter(), 0..3), 6),
    ) {
        let (index, _) = Index::in_memory(&Clock::system()).unwrap();
        let mut world = World { index, live: Vec::new(), seq: 0 };
        for (at, (patient, code, dates, label, word)) in first.iter().enumerate() {
            let json = claim(at, *patient, *code, dates, *label, *word);
            world.put(at as u64 + 1, Some(extracted(&json, 2_000_000 + at as i64 * 700)));
        }
        world.index.settle().unwrap();
        // The second part is not committed: it is in the overlay, and from some point on in bulk mode: new resources,
        // updates, and every third is deleted.
        for (at, (patient, code, dates, label, word)) in second.iter().enumerate() {
            if at == in_bulk_from {
                world.index.in_bulk();
            }
            let json = claim(at + 5, *patient, *code, dates, *label, *word);
            let resource = (at % 3 != 2).then(|| extracted(&json, 3_000_000 + at as i64 * 700));
            world.put(at as u64 + 6, resource);
        }
        for settled in [false, true] {
            if settled {
                world.index.settle().unwrap();
            }
            for view in views() {
                for pairs in &queries {
                    let clauses = clauses(pairs);
                    let kind = Kind::parse(KIND).unwrap();
                    let query = Query { kind, clauses: &clauses, sort: &[], after: None, limit: 1_000 };
                    prop_assert_eq!(world.found(&view, &query), world.expected(&view, &query), "{:?} settled {}", pairs, settled);
                }
            }
        }
    }

    #[test]
    fn pages_join_to_the_whole_in_order(first in rows(), second in rows(), descending in any::<bool>(), step in 1_usize..5) {
        let (index, _) = Index::in_memory(&Clock::system()).unwrap();
        let mut world = World { index, live: Vec::new(), seq: 0 };
        for (at, (patient, code, dates, label, word)) in first.iter().chain(&second).enumerate() {
            let json = claim(at, *patient, *code, dates, *label, *word);
            world.put(at as u64 + 1, Some(extracted(&json, 2_000_000 + i64::from(*word) * 1_000)));
            if at + 1 == first.len() {
                world.index.settle().unwrap();
            }
        }
        let kind = Kind::parse(KIND).unwrap();
        let (by_word, _) = kind.standard_parameter("disposition").unwrap();
        let (by_date, _) = kind.standard_parameter("service-start-date").unwrap();
        for by in [SortBy::Updated, SortBy::Parameter(by_word), SortBy::Parameter(by_date)] {
            let sort = [Sort { by, descending }];
            let view = View::operator(Timestamp::UNIX_EPOCH);
            let find = |after: Option<&Place>, limit| {
                world.index.find(&view, &Query { kind, clauses: &[], sort: &sort, after, limit }).unwrap()
            };
            let whole = find(None, 1_000).places;
            prop_assert_eq!(whole.len(), world.live.len());
            prop_assert!(whole.is_sorted_by(|left, right| compare(&sort, left, right).is_lt()));
            let mut joined = Vec::new();
            while let page = find(joined.last(), step).places && !page.is_empty() {
                joined.extend(page);
            }
            prop_assert_eq!(joined, whole);
        }
    }
}

type Measured = (u8, u8, Option<(u8, u8)>, u8);

/// An observation with a value, a component, a profile and an identifier of a type.
fn observation(id: usize, (patient, value, component, word): Measured) -> String {
    let codes = ["g", "kg", "mL", ""];
    let quantity = |value: u8| {
        format!(
            r#"{{"value":{},"system":"http://unitsofmeasure.org","code":"u{}"}}"#,
            ["0.5", "1", "1.00", "1500", "2", "20"][usize::from(value) % 6],
            codes[usize::from(value) % 3]
        )
        .replace("\"u", "\"")
    };
    let component = component.map_or(String::new(), |(code, value)| {
        format!(
            r#","component":[{{"code":{{"coding":[{{"code":"c{}"}}]}},"valueQuantity":{}}}]"#,
            code % 3,
            quantity(value)
        )
    });
    format!(
        r#"{{"resourceType":"Observation","id":"o{id}","meta":{{"profile":["http://x/a{}/b|1"]}},"status":"final",
        "identifier":[{{"type":{{"coding":[{{"code":"T{}"}}]}},"value":"v{}"}}],
        "code":{{"coding":[{{"code":"c{}"}}]}},"subject":{{"reference":"Patient/p{patient}"}},"valueQuantity":{}{component}}}"#,
        word % 2,
        word % 2,
        word % 3,
        word % 3,
        quantity(value),
    )
}

fn measure() -> impl Strategy<Value = (String, String)> {
    let prefix = select(&["", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"][..]);
    let number = select(&["1", "1.0", "1.5", "2e1", "0"][..]);
    let unit = select(&["", "|http://unitsofmeasure.org|g", "|http://unitsofmeasure.org|kg", "||mL"][..]);
    let quantity =
        (select(&["value-quantity", "component-value-quantity", "combo-value-quantity"][..]), prefix, number, unit)
            .prop_map(|(name, prefix, number, unit)| (name.to_owned(), format!("{prefix}{number}{unit}")));
    let composite = (
        select(&["code-value-quantity", "component-code-value-quantity", "combo-code-value-quantity"][..]),
        select(&["c0$1", "c1$gt1", "c2$lt2,c0$gt1", "c9$1"][..]),
    )
        .prop_map(|(name, value)| (name.to_owned(), value.to_owned()));
    let others = (
        select(
            &[
                "_profile",
                "_profile:below",
                "_profile:above",
                "identifier:of-type",
                "value-quantity:missing",
                "status:below",
            ][..],
        ),
        select(
            &[
                "true",
                "|T0|v0",
                "http://x/a0/b",
                "http://x/a1",
                "http://x/a0/b|1",
                "http://x/a0/b|1.2",
                "|T1|v2",
                "amended",
            ][..],
        ),
    )
        .prop_map(|(name, value)| (name.to_owned(), value.to_owned()));
    prop_oneof![3 => quantity, 2 => composite, 1 => others]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn index_and_filter_agree_about_quantities_composites_and_addresses(
        rows in proptest::collection::vec((0_u8..3, 0_u8..6, proptest::option::of((0_u8..3, 0_u8..6)), 0_u8..6), 1..20),
        queries in proptest::collection::vec(proptest::collection::vec(measure(), 1..3), 6),
    ) {
        let (index, _) = Index::in_memory(&Clock::system()).unwrap();
        let mut world = World { index, live: Vec::new(), seq: 0 };
        for (at, row) in rows.iter().enumerate() {
            world.put(at as u64 + 1, Some(extracted(&observation(at, *row), at as i64)));
            if at == rows.len() / 2 {
                world.index.settle().unwrap();
            }
        }
        let kind = Kind::named("Observation");
        for view in [View::operator(Timestamp::UNIX_EPOCH), views().remove(1)] {
            // The View of one patient was made for another type; it still covers her observations.
            for pairs in &queries {
                let read = |(key, value): &(String, String)| filter::standard_clause(kind, key, value, Timestamp::UNIX_EPOCH, "").ok().flatten();
                let clauses: Vec<Clause> = pairs.iter().filter_map(read).collect();
                let query = Query { kind, clauses: &clauses, sort: &[], after: None, limit: 1_000 };
                prop_assert_eq!(world.found(&view, &query), world.expected(&view, &query), "{:?}", pairs);
            }
        }
    }
}

#[test]
fn an_index_made_with_other_tables_is_emptied() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::system();
    let definitions = Definitions::default();
    let (index, checkpoint) = Index::open(folder.path(), &clock, &definitions).unwrap();
    assert_eq!(checkpoint, 0);
    let kind = Kind::parse(KIND).unwrap();
    let extracted = Some(extracted(&claim(1, 0, 0, &[], false, 0), 0));
    index.apply(vec![Change { seq: 7, rid: 1, kind, fresh: true, extracted }]);
    index.settle().unwrap();
    drop(index);
    let (_, checkpoint) = Index::open(folder.path(), &clock, &definitions).unwrap();
    assert_eq!(checkpoint, 7);
    assert_eq!(parse_payload("7 1", made_with(&definitions)), None);
}

/// A parameter that an install defines.
fn own() -> Own {
    let text =
        br#"{"status":"active","code":"x-outcome","base":["ClaimResponse"],"type":"token","expression":"outcome"}"#;
    let parameter = search_parameter::read(&json::parse(text).unwrap()).unwrap().remove(0);
    Own { number: FIRST_OWN, parameter, is_ready: true }
}

#[test]
fn an_index_has_what_its_own_install_defines() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let clock = Clock::system();
    let (definitions, others) = (Definitions::default(), Definitions::default());
    let kind = Kind::parse(KIND).unwrap();
    let fill = |folder: &Path, definitions: &Definitions| {
        let (index, checkpoint) = Index::open(folder, &clock, definitions).unwrap();
        let extracted = Some(extracted(&claim(1, 0, 0, &[], false, 0), 0));
        index.apply(vec![Change { seq: 7, rid: 1, kind, fresh: true, extracted }]);
        index.settle().unwrap();
        (index, checkpoint)
    };
    let known = |folder: &Path, definitions: &Definitions| Index::open(folder, &clock, definitions).unwrap().1;
    let (mine, _) = fill(folder.path(), &definitions);
    drop(fill(other.path(), &others));
    definitions.replace(vec![own()]);
    mine.settle().unwrap();
    drop(mine);
    assert_eq!(known(folder.path(), &definitions), 7, "it says what it was made with");
    assert_eq!(known(other.path(), &others), 7, "the other one is as it was");
    assert_eq!(known(other.path(), &definitions), 0, "and lacks what is defined elsewhere");
}
