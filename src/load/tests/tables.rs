//! Tables of claims and prior authorizations over whole runs: their resources, in any order, twice, changed and taken
//! back.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use super::x12::state;
use super::*;
use crate::config::Policy;

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/load/tables");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_none_or(|ending| ending != "ndjson"));
    files.sort();
    files
}

fn request(bench: &Bench, paths: Vec<PathBuf>) -> Request {
    Request { paths, validation: Policy::Reject, ..bench.request() }
}

fn load(bench: &Bench, paths: Vec<PathBuf>) -> Summary {
    bench.run(&request(bench, paths))
}

fn eobs(bench: &Bench) -> BTreeMap<String, Value> {
    let all = state(bench).into_values().filter(|body| body["resourceType"] == "ExplanationOfBenefit");
    all.map(|body| (body["identifier"][0]["value"].as_str().unwrap().to_owned(), body)).collect()
}

fn total(eob: &Value, code: &str) -> Option<f64> {
    let rows = eob["total"].as_array().unwrap();
    let row = rows.iter().find(|row| row["category"]["coding"][0]["code"] == code);
    row.map(|row| row["amount"]["value"].as_f64().unwrap())
}

#[test]
fn the_fixtures_come_to_what_stands_beside_them() {
    let bench = Bench::new();
    let summary = load(&bench, fixtures());
    let lines: Vec<String> = state(&bench).values().map(Value::to_string).collect();
    let found = format!("{}\n{}\n", lines.join("\n"), bench.report().join("\n"));
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/load/tables/all.expected.ndjson");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&beside, &found).unwrap();
    }
    assert_eq!(
        found,
        fs::read_to_string(&beside).unwrap_or_default(),
        "run with UPDATE_EXPECTED=1 and read what changed"
    );
    assert_eq!(summary.rejected, bench.report().len() as u64);
    for resource in state(&bench).values() {
        crate::map::fixtures_tests::assert_valid_when_stored(resource);
    }
}

#[test]
fn amounts_are_those_of_the_rows() {
    let bench = Bench::new();
    load(&bench, fixtures());
    let eobs = eobs(&bench);
    let sums = |number: &str| {
        let eob = &eobs[number];
        ["submitted", "eligible", "benefit", "memberliability"].map(|code| total(eob, code))
    };
    // The later file paid the second line again.
    assert_eq!(sums("C-1001"), [Some(1259.5), Some(912.0), Some(812.0), Some(100.0)]);
    assert_eq!(sums("C-1002"), [Some(13000.0), Some(8500.0), Some(7900.0), Some(600.0)]);
    // CMS: an update replaces an insert of the same day; a stay is decided as a whole.
    assert_eq!(sums("-9001"), [Some(120.0), Some(95.0), Some(76.0), Some(19.0)]);
    assert_eq!(sums("-9100"), [Some(12000.0), Some(9316.0), Some(8000.0), Some(1316.0)]);
    assert!(eobs["-9100"]["item"].as_array().unwrap().iter().all(|item| item["adjudication"].is_null()));
    assert_eq!(sums("-9200"), [Some(100.0), Some(100.0), Some(84.0), Some(10.0)]);
    // The third version of a stay under its third number, and no other.
    // CCLF1 says nothing of the member's share, so neither it nor the allowed amount is known.
    assert_eq!(sums("5003"), [Some(20000.0), None, Some(10500.0), None]);
    assert!(!eobs.contains_key("5001") && !eobs.contains_key("5002"));
    // Amounts that CCLF7 does not have are absent.
    assert_eq!(sums("7001"), [None, None, None, Some(10.0)]);
    // Request and response.
    assert_eq!(sums("7700001-2026-03-01"), [Some(47.0), Some(47.0), Some(37.0), Some(10.0)]);
    let denied: Vec<&str> = eobs
        .iter()
        .filter(|(_, eob)| eob["payment"]["type"]["coding"][0]["code"] == "denied")
        .map(|(number, _)| number.as_str())
        .collect();
    assert_eq!(denied, ["-9002", "7700002-2026-03-02", "C-1005"]);
}

#[test]
fn a_profile_is_claimed_where_its_demands_are_met() {
    let bench = Bench::new();
    load(&bench, fixtures());
    let short = |eob: &Value| {
        let url = eob["meta"]["profile"][0].as_str().unwrap();
        url.rsplit('/').next().unwrap().replace("C4BB-ExplanationOfBenefit", "").replace("|2.0.0", "")
    };
    let mut by_profile: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (number, eob) in eobs(&bench) {
        by_profile.entry(short(&eob)).or_default().push(number);
    }
    insta::assert_snapshot!(
        by_profile
            .iter()
            .map(|(profile, numbers)| format!("{profile}: {}", numbers.join(" ")))
            .collect::<Vec<_>>()
            .join("\n")
    );
}

#[test]
fn what_is_taken_back_is_cancelled_and_what_is_replaced_says_by_what() {
    let bench = Bench::new();
    load(&bench, fixtures());
    let eobs = eobs(&bench);
    let cancelled: Vec<&str> =
        eobs.iter().filter(|(_, eob)| eob["status"] == "cancelled").map(|(number, _)| number.as_str()).collect();
    assert_eq!(cancelled, ["-9201", "7700003-2026-03-03", "C-1009", "C-1010", "RX-2"]);
    // Its earlier version can still be read.
    assert_eq!(total(&eobs["C-1009"], "benefit"), Some(75.0));
    let related = |number: &str| {
        let row = &eobs[number]["related"][0];
        (row["relationship"]["coding"][0]["code"].clone(), row["reference"]["value"].clone())
    };
    assert_eq!(related("C-1010"), ("replacedby".into(), "C-1011".into()));
    assert_eq!(related("C-1011"), ("prior".into(), "C-1010".into()));
}

#[test]
fn the_order_of_the_files_does_not_matter() {
    let files = fixtures();
    let whole = Bench::new();
    load(&whole, files.clone());
    let expected = state(&whole);
    let (members, others): (Vec<PathBuf>, Vec<PathBuf>) = files.iter().cloned().partition(|file| {
        let name = file.to_str().unwrap();
        name.ends_with("members.csv") || name.ends_with("beneficiary.csv") || name.ends_with("ZC8Y26")
    });
    for turn in 0..4 {
        let mut order = others.clone();
        if turn % 2 == 1 {
            order.reverse();
        }
        order.rotate_left(turn * 4);
        // Members come first or last: claims wait for them.
        let at = if turn < 2 { 0 } else { order.len() };
        order.splice(at..at, members.clone());
        let bench = Bench::new();
        for file in &order {
            load(&bench, vec![file.clone()]);
        }
        let found = state(&bench);
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "turn {turn}");
        for (key, body) in &expected {
            assert_eq!(&found[key], body, "turn {turn}, {key}");
        }
        // And again: nothing changes.
        let changes = bench.changes();
        load(&bench, files.clone());
        assert_eq!(bench.changes(), changes);
    }
}

#[test]
fn a_dry_run_counts_the_same_and_keeps_nothing() {
    let bench = Bench::new();
    let members = fixtures().into_iter().filter(|file| {
        let name = file.to_str().unwrap();
        name.ends_with("members.csv") || name.ends_with("beneficiary.csv") || name.ends_with("ZC8Y26")
    });
    load(&bench, members.collect());
    let before = bench.changes();
    let dry = bench.run(&Request { dry_run: true, ..request(&bench, fixtures()) });
    assert_eq!(bench.changes(), before);
    let wet = load(&bench, fixtures());
    assert_eq!((dry.kept, dry.rejected, dry.by_kind), (wet.kept, wet.rejected, wet.by_kind));
}

#[test]
fn a_mapping_names_columns_of_the_plans_own() {
    let bench = Bench::new();
    bench.put("m.csv", "member_id,last_name,first_name,dob\nM1,Doe,Ana,1980-01-02\n");
    bench.put(
        "c.csv",
        "Vorgang,Karte,Tag,Leistung,Betrag,Bezahlt,Arzt,Dx\nA1,M1,2026-01-02,99213,100,80,1234567893,E11.9\n",
    );
    bench.put("p.csv", "Vorgang,Karte,Tag,Was,Entscheid,Wer\nG1,M1,2026-01-02,70551,approved,1234567893\n");
    let plain = bench.load();
    assert_eq!((plain.kept, plain.rejected), (1, 2));
    let mapping = "[claims]\nclaim_number = \"Vorgang\"\nmember_id = \"Karte\"\nservice_from = \"Tag\"\n\
        procedure_code = \"Leistung\"\ncharge = \"Betrag\"\npaid = \"Bezahlt\"\nbilling_npi = \"Arzt\"\n\
        [prior_authorizations]\nauthorization_number = \"Vorgang\"\nmember_id = \"Karte\"\nrequested_date = \"Tag\"\n\
        procedure_code = \"Was\"\ndecision = \"Entscheid\"\nrequesting_npi = \"Wer\"\n";
    let request = Request { mapping: Mapping::parse(mapping).unwrap(), ..request(&bench, bench.request().paths) };
    let summary = bench.run(&request);
    assert_eq!((summary.kept, summary.rejected), (3, 0), "{:?}", bench.report());
    // Neither table has a second fact about the member, and the report says so.
    assert!(summary.findings.iter().any(|finding| finding.rule == "member-by-number-alone"), "{summary:?}");
    let eobs = eobs(&bench);
    assert_eq!((total(&eobs["A1"], "benefit"), &eobs["G1"]["use"]), (Some(80.0), &"preauthorization".into()));
}

#[test]
fn a_wrong_birth_date_keeps_a_claim_from_somebody_else() {
    let bench = Bench::new();
    bench.put("m.csv", "member_id,last_name,first_name,dob\nM1,Doe,Ana,1980-01-02\n");
    bench.put(
        "c.csv",
        "claim_number,member_id,dob,dos,cpt,charge,billing_npi\nA1,M1,1999-01-02,2026-01-02,99213,100,1234567893\n",
    );
    let summary = bench.load();
    assert_eq!((summary.kept, summary.rejected), (1, 1));
    assert!(eobs(&bench).is_empty());
}

/// CMS gives a beneficiary a new number when the old one was stolen; old claims carry the old one.
#[test]
fn a_member_is_found_by_the_number_that_she_had_before() {
    let bench = Bench::new();
    let pair = |now: &str, before: &str| format!("M{now}{before}2018-01-012020-01-01{}\n", " ".repeat(12));
    let claim = |number: &str, member: &str| format!("{number},{member},1950-01-02,2019-01-02,99213,100,1234567893\n");
    let claims = |member| format!("claim_number,member_id,dob,dos,cpt,charge,billing_npi\n{}", claim("A1", member));
    // Named so that the file of former numbers comes before the table of members.
    bench.put(
        "a.ZC9",
        pair("1EG4TE5MK73", "1EG4TE5MK72") + &pair("1EG4TE5MK75", "1EG4TE5MK74") + &pair("1EG4TE5MK73", "1EG4TE5MK76"),
    );
    bench.put(
        "m.csv",
        "member_id,last_name,first_name,dob\n1EG4TE5MK73,Doe,Ana,1950-01-02\n1EG4TE5MK76,Doe,Ana,1950-01-02\n",
    );
    bench.put("c.csv", claims("1EG4TE5MK72"));
    let summary = bench.load();
    // Two members, one pair, one claim; numbers of nobody and of two members are refused.
    assert_eq!((summary.kept, summary.rejected), (4, 2), "{:?}", bench.report());
    assert_eq!(
        bench.report(),
        [
            "a.ZC9:2 unknown-member nobody on the roster has the present or the former number",
            "a.ZC9:3 member the present and the former number are two members of the roster; enrol her once",
        ]
    );
    assert_eq!(eobs(&bench).len(), 1);
    let again = bench.load();
    assert_eq!((again.kept, again.changed), (4, 0));
    // A birth date that is not hers still keeps a claim away.
    bench.put("c.csv", claims("1EG4TE5MK72").replace("A1", "A2").replace("1950", "1951"));
    assert_eq!(bench.load().kept, 3);
    assert_eq!(eobs(&bench).len(), 1);
}

/// The public samples, folder by folder: what is kept, and why the rest is not. A change here is a change that plans
/// see. Correct refusals: claims and former numbers of members who are in no file, drugs without a pharmacy
/// (de-SynPUF), rows of the RIF samples with a cell too many, beneficiaries without names, IDR tables that need each
/// other, and files that are not tables.
#[test]
fn the_public_samples_go_through() {
    let Some(shared) = crate::beside::beside("the_public_samples_go_through", "data") else { return };
    let mut out = String::new();
    for folder in [
        "csv-claims/bcda-app",
        "csv-claims/beneficiary-fhir-data/rif-static-samples",
        "csv-claims/beneficiary-fhir-data/rif-synthea",
        "csv-claims/etl-cms",
        "csv-claims/medicare_cclf_connector",
        "csv-members",
        "csv-priorauth",
        "ncpdp",
    ] {
        let bench = Bench::new();
        // The members of these two are in no file.
        let table = match folder {
            "csv-priorauth" => Some("csv-priorauth/beneficiary-fhir-data/SYNTHETIC_PRAUC.csv"),
            "csv-claims/etl-cms" => Some("csv-claims/etl-cms/input/carrier_claims.csv"),
            _ => None,
        };
        if let Some(table) = table {
            let text = fs::read_to_string(shared.join(table)).unwrap();
            let numbers: std::collections::BTreeSet<&str> =
                text.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
            let rows: Vec<String> = numbers.iter().map(|number| format!("{number},A,B,1950-01-01\n")).collect();
            bench.put("members.csv", format!("member_id,first_name,last_name,dob\n{}", rows.concat()));
            bench.load();
        }
        let summary = load(&bench, vec![shared.join(folder)]);
        let kinds: Vec<String> = summary.by_kind.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let mut findings: Vec<String> =
            summary.findings.iter().map(|finding| format!("  {} {}\n", finding.count, finding.rule)).collect();
        findings.sort();
        out.extend([format!(
            "{folder}: {} rejected; kept {}\n{}",
            summary.rejected,
            kinds.join(", "),
            findings.concat()
        )]);
        for resource in state(&bench).values().filter(|body| body["resourceType"] == "ExplanationOfBenefit") {
            crate::map::fixtures_tests::assert_valid_when_stored(resource);
        }
        // Some samples describe one member in several ways; a second run gives the same result as the first.
        let first = state(&bench);
        load(&bench, vec![shared.join(folder)]);
        assert_eq!(state(&bench), first, "{folder}");
    }
    insta::assert_snapshot!(out);
}

const HEADER: &str = "Claim Number,Line,Member ID,DOB,DOS,CPT,Dx1,POS,Billed Amount,Allowed Amount,Paid Amount,Billing NPI,Paid Date,Claim Status\n";
const ROSTER: &str =
    "member_id,first_name,last_name,date_of_birth,gender,email\nALD100,Ruth,Vance,1959-03-12,F,ruth@example.com\n";

/// A row: line, service, charge, paid, day, status.
fn row(cells: [&str; 6]) -> String {
    let [line, service, charge, paid, day, status] = cells;
    format!("C1,{line},ALD100,3/12/1959,1/5/26,{service},E119,11,{charge},{paid},{paid},1234567893,{day},{status}\n")
}

/// The result of the rows, together and one by one in reverse: status, and the service and dollars paid of each line.
fn come_to(rows: &[[&str; 6]]) -> (String, Vec<(String, i64)>) {
    let header = if rows.iter().all(|row| row[0].is_empty()) { HEADER.replace("Line,", "") } else { HEADER.to_owned() };
    let text = |cells: &[&str; 6]| row(*cells).replace(",,ALD100", ",ALD100");
    let together = Bench::new();
    together.put("members.csv", ROSTER);
    together.put("claims.csv", header.clone() + &rows.iter().map(text).collect::<String>());
    together.load();
    let found = eobs(&together);
    if !rows[0][0].is_empty() {
        let apart = Bench::new();
        apart.put("members.csv", ROSTER);
        for cells in rows.iter().rev() {
            apart.put("claims.csv", header.clone() + &text(cells));
            apart.load();
        }
        assert_eq!(eobs(&apart), found, "in another order");
    }
    let eob = &found["C1"];
    let paid = |item: &Value| {
        let rows = item["adjudication"].as_array().unwrap();
        let row = rows.iter().find(|row| row["category"]["coding"][0]["code"] == "benefit");
        row.map_or(0, |row| row["amount"]["value"].as_f64().unwrap() as i64)
    };
    let code = |item: &Value| item["productOrService"]["coding"][0]["code"].as_str().unwrap().to_owned();
    let lines = eob["item"].as_array().unwrap().iter().map(|item| (code(item), paid(item))).collect();
    (eob["status"].as_str().unwrap().to_owned(), lines)
}

#[test]
fn a_row_takes_back_what_it_undoes() {
    let first = ["1", "99213", "150", "100", "1/20/2026", "Paid"];
    let corrected = ["1", "99213", "150", "120", "2/20/2026", "Paid"];
    let stands = |paid: i64| ("active".to_owned(), vec![("99213".to_owned(), paid)]);
    let ended = ("cancelled".to_owned(), vec![("99213".to_owned(), 100)]);
    // Reversed and paid again on one day, however the first row says it.
    for reversal in [
        ["1", "99213", "-150", "-100", "2/20/2026", "Reversed"],
        ["1", "99213", "150", "(100.00)", "2/20/2026", "Paid"],
        ["1", "99213", "150", "100", "2/20/2026", "22"],
        ["1", "99213", "", "", "2/20/2026", "Void"],
    ] {
        assert_eq!(come_to(&[first, reversal, corrected]), stands(120), "{reversal:?}");
        assert_eq!(come_to(&[first, reversal]), ended, "{reversal:?}");
    }
    // A replacement that was taken back leaves nothing of the claim that it replaced.
    let of_second = ["1", "99213", "-150", "-120", "3/1/2026", "Reversed"];
    assert_eq!(come_to(&[first, corrected, of_second]).0, "cancelled");
    // A day's corrections, all of one day.
    let of_day = |paid: &'static str, status: &'static str| ["1", "99213", "150", paid, "2/20/2026", status];
    assert_eq!(come_to(&[of_day("100", "Paid"), of_day("100", "X"), of_day("60", "Paid")]), stands(60));
}

#[test]
fn a_table_without_line_numbers_goes_by_the_service() {
    let rows = [
        ["", "99213", "150", "100", "1/20/2026", "Paid"],
        ["", "83036", "60", "45", "1/20/2026", "Paid"],
        ["", "83036", "-60", "-45", "2/20/2026", "Reversed"],
        ["", "83036", "60", "30", "2/20/2026", "Paid"],
    ];
    let expected = ("active".to_owned(), vec![("99213".to_owned(), 100), ("83036".to_owned(), 30)]);
    assert_eq!(come_to(&rows), expected);
    // The same service twice is two lines.
    let twice = ["", "97110", "80", "40", "1/20/2026", "Paid"];
    assert_eq!(come_to(&[twice, twice]).1.len(), 2);
}

#[test]
fn rows_that_contradict_each_other_are_named() {
    let bench = Bench::new();
    bench.put("members.csv", ROSTER);
    let [one, other] = ["100", "90"].map(|paid| row(["1", "99213", "150", paid, "", "Paid"]));
    bench.put("claims.csv", format!("{HEADER}{one}{other}"));
    assert!(bench.load().findings.iter().any(|finding| finding.rule == "rows-without-order"));
    // Pending and then paid is not a contradiction, whichever comes first.
    for rows in [["Pending", "Paid"], ["Paid", "Pending"]] {
        let rows = rows.map(|status| row(["1", "99213", "150", if status == "Paid" { "100" } else { "" }, "", status]));
        let bench = Bench::new();
        bench.put("members.csv", ROSTER);
        bench.put("claims.csv", format!("{HEADER}{}", rows.concat()));
        let summary = bench.load();
        assert!(summary.findings.iter().all(|finding| finding.rule != "rows-without-order"), "{summary:?}");
        assert_eq!(total(&eobs(&bench)["C1"], "benefit"), Some(100.0));
    }
}

#[test]
fn a_birth_date_with_two_digits_is_before_the_care() {
    let bench = Bench::new();
    bench.put("members.csv", "member_id,first_name,last_name,date_of_birth,gender\nALD100,Ruth,Vance,1938-03-12,F\n");
    bench.put(
        "claims.csv",
        format!("{HEADER}{}", row(["1", "99213", "150", "100", "1/20/2026", "Paid"])).replace("3/12/1959", "3/12/38"),
    );
    assert_eq!((bench.load().rejected, eobs(&bench).len()), (0, 1));
}

#[test]
fn a_coverage_that_ends_before_it_begins_never_was() {
    let bench = Bench::new();
    let header = "member_id,first_name,last_name,date_of_birth,gender,plan,coverage_start,coverage_end\n";
    bench.put("members.csv", format!("{header}A1,Ruth,Vance,1938-03-12,F,SILVER,2026-01-01,2025-12-31\nA2,Jo,Vance,1940-03-12,F,SILVER,2026-01-01,2026-06-30\n"));
    assert_eq!(bench.load().rejected, 0);
    let coverages = state(&bench).into_keys().filter(|key| key.starts_with("Coverage/")).count();
    assert_eq!((state(&bench).into_keys().filter(|key| key.starts_with("Patient/")).count(), coverages), (2, 1));
}

#[test]
fn a_claim_is_voided_replaced_and_lowered_as_a_whole() {
    let numbered = ["1", "99213", "150", "100", "2/20/2026", "Paid"];
    let second = ["2", "83036", "60", "40", "2/20/2026", "Paid"];
    // A void without a service covers all lines.
    assert_eq!(come_to(&[numbered, second, ["1", "", "", "", "3/1/2026", "Void"]]).0, "cancelled");
    // Part of the payment is taken back.
    let (status, lines) = come_to(&[numbered, second, ["1", "99213", "0", "-20", "3/1/2026", "Adjusted"]]);
    assert_eq!((status.as_str(), lines[0].1, lines[1].1), ("active", 80, 40));
    // Denied and then paid on the same day, in whatever order the rows come.
    let refused = ["1", "99213", "150", "0", "2/20/2026", "Denied"];
    assert_eq!(come_to(&[refused, numbered]).1, [("99213".to_owned(), 100)]);
    assert_eq!(come_to(&[numbered, refused]).1, [("99213".to_owned(), 100)]);
    // A replacement has its own lines and none of the earlier ones.
    let header = HEADER.replace("Line,", "Frequency,");
    let bench = Bench::new();
    bench.put("members.csv", ROSTER);
    let first = row(["1", "99213", "150", "100", "2/20/2026", "Paid"]);
    let replaced = row(["7", "99214", "180", "130", "3/1/2026", "Paid"]);
    bench.put("claims.csv", header + &first + &replaced);
    bench.load();
    let eob = &eobs(&bench)["C1"];
    assert_eq!((total(eob, "submitted"), total(eob, "benefit")), (Some(180.0), Some(130.0)));
}

#[test]
fn requests_without_line_numbers_go_by_the_service() {
    let header = "Authorization Number,Requesting NPI,Member ID,DOB,Start Date,End Date,CPT,Units Requested,Units Approved,Decision,Decision Date\n";
    let row = |cells: &str| format!("PA1,1245319599,ALD100,3/12/1959,1/5/26,2/5/26,{cells}\n");
    let bench = Bench::new();
    bench.put("members.csv", ROSTER);
    let first = row("97110,12,12,Approved,1/6/26") + &row("97140,12,,Denied,1/6/26") + &row("97161,1,,Pending,");
    bench.put("reviews.csv", header.to_owned() + &first);
    bench.load();
    let codes = || -> Vec<String> {
        let found = eobs(&bench);
        assert!(found.contains_key("PA1"), "{:?} {:?}", found.keys(), bench.report());
        let items = found["PA1"]["item"].as_array().unwrap();
        items.iter().map(|item| item["productOrService"]["coding"][0]["code"].as_str().unwrap().to_owned()).collect()
    };
    let mut found = codes();
    found.sort();
    assert_eq!(found, ["97110", "97140", "97161"]);
    bench.put("reviews.csv", header.to_owned() + &row("97161,1,1,Approved,1/9/26"));
    bench.load();
    assert_eq!(codes().len(), 3);
}

/// A switch states no time: of its messages, the later one counts.
#[test]
fn messages_of_one_day_count_in_the_order_in_which_they_stand() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/load/tables");
    let switch = fs::read_to_string(folder.join("switch.ncpdp")).unwrap();
    let of_one_fill = |line: &str| {
        let line = line.replace("20260302", "20260301").replace("20260303", "20260301");
        line.replace("7700002", "7700001").replace("7700003", "7700001")
    };
    let lines: Vec<String> = switch.lines().map(of_one_fill).collect();
    let [asked, paid, refused, taken_back, accepted] = [0, 1, 3, 6, 7].map(|at| lines[at].as_str());
    let again = asked.replace("E70000060000", "E70000090000");
    let come_to = |messages: &[&str]| {
        let bench = Bench::new();
        bench.put("switch.ncpdp", messages.join("\n") + "\n");
        load(&bench, vec![folder.join("members.csv"), bench.folder.path().join("in")]);
        let mut found = eobs(&bench);
        let (_, eob) = found.pop_first().unwrap();
        assert!(found.is_empty());
        let quantity = eob["item"][0]["quantity"]["value"].as_f64().unwrap() as i64;
        (eob["status"].as_str().unwrap().to_owned(), quantity, total(&eob, "benefit").is_some_and(|paid| paid > 0.0))
    };
    assert_eq!(come_to(&[asked, refused, asked, paid]), ("active".to_owned(), 60, true));
    assert_eq!(come_to(&[asked, paid, taken_back, accepted]), ("cancelled".to_owned(), 60, true));
    assert_eq!(come_to(&[asked, paid, taken_back, accepted, &again, paid]), ("active".to_owned(), 90, true));
}

/// CMS's natural key is the same for two bills of a hospital for one day; without a cancellation both stand.
#[test]
fn two_bills_under_one_natural_key_are_two() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/load/tables");
    let number = "5001         ";
    let bench = Bench::new();
    for part in ["T.TEST.ZC1Y26", "T.TEST.ZC2Y26", "T.TEST.ZC8Y26"] {
        let text = fs::read_to_string(folder.join(part)).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let own: Vec<String> = lines.iter().filter(|line| line.starts_with(number)).cloned().collect();
        // Without the cancellation and the change that follow.
        lines.retain(|line| !line.starts_with("500"));
        lines.extend(own.clone());
        lines.extend(own.iter().map(|line| line.replacen(number, "5901         ", 1)));
        bench.put(part, lines.join("\n") + "\n");
    }
    bench.load();
    let found = eobs(&bench);
    let mut ids: Vec<&Value> = ["5001", "5901"].iter().map(|number| &found[*number]["id"]).collect();
    ids.dedup();
    assert_eq!(ids.len(), 2);
    assert_eq!(found["5001"]["total"], found["5901"]["total"]);
}

#[test]
fn an_empty_file_is_named() {
    let bench = Bench::new();
    bench.put("claims.x12", "\r\n");
    let summary = bench.load();
    assert_eq!(summary.rejected, 0);
    assert_eq!(summary.findings.iter().map(|finding| finding.rule).collect::<Vec<_>>(), ["other-message"]);
}
