//! The people of enrollment files (834), and how long they are covered, over whole runs.

use std::collections::BTreeMap;

use serde_json::Value;

use super::x12::state;
use super::*;

/// An 834 with these loops, written on a day.
fn file(day: &str, loops: &str) -> String {
    let count = loops.matches('~').count() + 3;
    format!(
        "ISA*00*          *00*          *ZZ*SENDER         *ZZ*ALDER          *{short}*0900*^*00501*000000001*0*P*:~\
         GS*BE*SENDER*ALDER*{day}*0900*1*X*005010X220A1~ST*834*0001*005010X220A1~BGN*00*A1*{day}*0900****2~\
         {loops}SE*{count}*0001~GE*1*1~IEA*1*000000001~",
        short = &day[2..],
    )
}

/// Loads these loops as files of their own, one after the other.
fn loaded(files: &[(&str, &str)]) -> (Bench, Summary) {
    let bench = Bench::new();
    let mut summary = Summary::default();
    for (at, (day, loops)) in files.iter().enumerate() {
        bench.put(&format!("e{at}.x12"), file(day, loops));
        let name = bench.folder.path().join("in").join(format!("e{at}.x12"));
        summary = bench.run(&Request { paths: vec![name], ..bench.request() });
    }
    (bench, summary)
}

fn of_kind(bench: &Bench, kind: &str) -> Vec<Value> {
    let all: BTreeMap<String, Value> = state(bench);
    all.into_iter().filter(|(key, _)| key.starts_with(kind)).map(|(_, body)| body).collect()
}

/// Given name and member number of every Patient.
fn people(bench: &Bench) -> Vec<String> {
    let one = |body: &Value| {
        let (name, number) = (&body["name"][0]["given"][0], &body["identifier"][0]["value"]);
        format!("{} {}", name.as_str().unwrap(), number.as_str().unwrap())
    };
    let mut found: Vec<String> = of_kind(bench, "Patient/").iter().map(one).collect();
    found.sort();
    found
}

/// Plan, start and end of every Coverage.
fn spans(bench: &Bench) -> Vec<String> {
    let one = |body: &Value| {
        let classes = body["class"].as_array().unwrap();
        let plan = classes.iter().find(|class| class["type"]["coding"][0]["code"] == "plan").unwrap();
        let edge = |name: &str| body["period"][name].as_str().unwrap_or("-").to_owned();
        format!("{} {} {}", plan["value"].as_str().unwrap(), edge("start"), edge("end"))
    };
    let mut found: Vec<String> = of_kind(bench, "Coverage/").iter().map(one).collect();
    found.sort();
    found
}

const RUTH: &str = "INS*Y*18*021*28*A***FT~REF*0F*ALD100~NM1*IL*1*VANCE*RUTH****MI*ALD100~DMG*D8*19590312*F~\
    HD*021**HLT*SILVER*FAM~DTP*348*D8*20260101~";
const COLE: &str = "INS*N*19*021*28*A~REF*0F*ALD100~NM1*IL*1*VANCE*COLE~DMG*D8*20110704*M~\
    HD*021**HLT*SILVER*FAM~DTP*348*D8*20260101~";

/// A tester's file had REF*17*HOURLY for two members, who became one member; and a reason for a change in a reporting
/// category became a member's number.
#[test]
fn what_many_share_is_nobodys_number() {
    let hourly = |member: &str| member.replace("~NM1*IL", "~REF*17*HOURLY~NM1*IL");
    let other = |number: &str| RUTH.replace("RUTH", "ROSA").replace("ALD100", number).replace("19590312", "19700101");
    let inside = "N1*75*ADDL MAINT REASON~REF*17*DEMOCHG~REF*23*DEMOCHG1~REF*0F*DEMOCHG~REF*1L*DEMOCHG~";
    for category in [format!("LS*2700~LX*1~{inside}LE*2700~"), inside.to_owned()] {
        let loops = format!("{}{category}{}{}", hourly(RUTH), hourly(COLE), hourly(&other("ALD200")));
        let (bench, summary) = loaded(&[("20260101", &loops)]);
        assert_eq!(summary.rejected, 0, "{:?}", bench.report());
        let found = people(&bench);
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(found[1..], ["ROSA ALD200", "RUTH ALD100"]);
        assert!(found[0].starts_with("COLE ALD100-"));
        assert!(!of_kind(&bench, "Coverage/").iter().any(|one| one.to_string().contains("DEMOCHG")));
    }
}

fn rejected(bench: &Bench, words: &str) -> usize {
    bench.report().iter().filter(|line| line.contains(" member ") && line.contains(words)).count()
}

/// Two loops with one number became one person, with the coverage of both.
#[test]
fn two_people_with_one_number_do_not_become_one() {
    let other = RUTH.replace("RUTH", "ROSA").replace("19590312", "19700101");
    let child =
        |given: &str, birth: &str| COLE.replace("COLE~", &format!("{given}****MI*ALD900~")).replace("20110704", birth);
    for (loops, kept) in [
        // Two subscribers; two children; one number in two families; a child's number that is another family's
        // subscriber's.
        ([RUTH, &other].concat(), "RUTH ALD100"),
        ([child("COLE", "20110704"), child("DEE", "20130101")].concat(), "COLE ALD900"),
        (
            [RUTH.replace("MI*ALD100", "MI*ALD900"), child("DEE", "20130101").replace("0F*ALD100", "0F*ALD300")]
                .concat(),
            "RUTH ALD900",
        ),
    ] {
        let (bench, summary) = loaded(&[("20260101", &loops)]);
        assert_eq!((people(&bench), summary.rejected), (vec![kept.to_owned()], 1), "{:?}", bench.report());
        assert_eq!(rejected(&bench, "two people have this member number"), 1);
        assert_eq!(spans(&bench).len(), 1);
        let report = bench.report().concat();
        assert!(!["ROSA", "DEE", "VANCE", "ALD900", "2013"].iter().any(|text| report.contains(text)), "{report}");
    }
    // Nor do twins of one file, though they were born on one day.
    let (bench, _) = loaded(&[("20260101", &[child("COLE", "20110704"), child("DEE", "20110704")].concat())]);
    assert_eq!((people(&bench), rejected(&bench, "two people")), (vec!["COLE ALD900".to_owned()], 1));
    // The subscriber's number belongs to the subscriber alone, in whatever order the members come.
    let (bench, _) =
        loaded(&[("20260101", &[child("DEE", "20130101"), RUTH.replace("MI*ALD100", "MI*ALD900")].concat())]);
    let found = people(&bench);
    assert!(found.len() == 2 && found[0].starts_with("DEE ALD100-") && found[1] == "RUTH ALD900", "{found:?}");
}

#[test]
fn who_is_corrected_stays_one_person() {
    let number =
        |given: &str, birth: &str| COLE.replace("COLE~", &format!("{given}****MI*ALD900~")).replace("20110704", birth);
    for later in [number("COLE", "20120704"), number("COLIN", "20110704"), number("COLE JO", "20110704")] {
        let (bench, summary) = loaded(&[("20260101", &number("COLE", "20110704")), ("20260201", &later)]);
        assert_eq!((people(&bench).len(), summary.rejected), (1, 0), "{later} {:?}", bench.report());
        assert_eq!(spans(&bench).len(), 1);
    }
    let married = RUTH.replace("VANCE*RUTH", "ALDEN*RUTH");
    let (bench, _) = loaded(&[("20260101", RUTH), ("20260201", &married)]);
    assert_eq!(
        (people(&bench), of_kind(&bench, "Patient/")[0]["name"][0]["family"].as_str()),
        (vec!["RUTH ALD100".into()], Some("ALDEN"))
    );
}

/// A file had one number of a member in NM109 and another in REF*23; a claim with the second was refused as unknown.
#[test]
fn a_member_is_found_by_every_number_of_hers() {
    let ruth = RUTH.replace("MI*ALD100", "MI*ALD10001").replace("~NM1*IL", "~REF*23*RX555501~NM1*IL");
    let cole = COLE.replace("COLE~", "COLE****MI*ALD10002~").replace("~NM1*IL", "~REF*23*RX555502~NM1*IL");
    let dee = COLE.replace("COLE~", "DEE****MI*ALD100~").replace("~NM1*IL", "~REF*23*RX555503~NM1*IL");
    let edd = COLE.replace("COLE~", "EDD~").replace("~NM1*IL", "~REF*23*04~NM1*IL");
    let bench = Bench::new();
    bench.put("e.x12", file("20260101", &[&*ruth, &cole, &dee, &edd].concat()));
    let row = |claim: u32, number: &str, given: &str, birth: &str| {
        format!(
            "{claim},{number},{given},VANCE,{birth},2026-02-03,1245319599,Mill Street Clinic,99213,J069,100.00,80.00,60.00,2026-02-10,paid\n"
        )
    };
    let mut table = "claim_number,member_id,first_name,last_name,birth_date,service_from,billing_npi,billing_name,procedure_code,diagnosis_code,charge_amount,allowed_amount,paid_amount,paid_date,status\n".to_owned();
    let asked = [
        ("ALD10001", "RUTH", "1959-03-12"),
        ("RX555501", "RUTH", "1959-03-12"),
        ("ALD100", "RUTH", "1959-03-12"),
        ("ALD10002", "COLE", "2011-07-04"),
        ("RX555502", "COLE", "2011-07-04"),
        ("ALD100", "COLE", "2011-07-04"),
        ("RX555503", "DEE", "2011-07-04"),
        ("ALD100", "DEE", "2011-07-04"),
        ("ALD10004", "EDD", "2011-07-04"),
        ("ALD100", "EDD", "2011-07-04"),
    ];
    for (at, (number, given, birth)) in (1..).zip(asked) {
        table += &row(at, number, given, birth);
    }
    bench.put("c.csv", table);
    let summary = bench.load();
    assert_eq!(summary.rejected, 0, "{:?}", bench.report());
    let found = people(&bench);
    assert_eq!((found.len(), &*found[0], &*found[1]), (4, "COLE ALD10002", "DEE RX555503"), "{found:?}");
    assert!(found[2].starts_with("EDD ALD100-") && found[3] == "RUTH ALD10001", "{found:?}");
    let mut claims: BTreeMap<String, usize> = BTreeMap::new();
    for claim in of_kind(&bench, "ExplanationOfBenefit/") {
        *claims.entry(claim["patient"]["reference"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!((claims.len(), claims.into_values().sum::<usize>()), (4, 10));
}

fn ended(day: &str) -> String {
    format!(
        "INS*Y*18*024*07*A~REF*0F*ALD100~DTP*357*D8*{day}~NM1*IL*1*VANCE*RUTH****MI*ALD100~HD*024**HLT*SILVER*FAM~DTP*349*D8*{day}~"
    )
}

/// A termination that a later file moved to a later day did not move.
#[test]
fn the_termination_that_was_said_last_stands() {
    let of = |files: &[(&str, &str)]| spans(&loaded(files).0);
    let (march, june) = (ended("20260331"), ended("20260630"));
    assert_eq!(of(&[("20260101", RUTH), ("20260320", &march), ("20260420", &june)]), ["SILVER 2026-01-01 2026-06-30"]);
    assert_eq!(of(&[("20260101", RUTH), ("20260420", &june), ("20260320", &march)]), ["SILVER 2026-01-01 2026-06-30"]);
    assert_eq!(of(&[("20260101", RUTH), ("20260320", &june), ("20260420", &march)]), ["SILVER 2026-01-01 2026-03-31"]);
    // Also for a coverage that was void for a while.
    let never = ended("20251231");
    assert_eq!(of(&[("20260101", RUTH), ("20260320", &never)]), Vec::<String>::new());
    assert_eq!(of(&[("20260101", RUTH), ("20260320", &never), ("20260420", &june)]), ["SILVER 2026-01-01 2026-06-30"]);
    // Without products; the coverage of two years ago is over.
    let all = |text: &str| text.split("HD*").next().unwrap().to_owned();
    let old = [RUTH.replace("20260101", "20240101"), ended("20240430")].concat();
    let files = [("20240101", &*old), ("20260101", RUTH), ("20260320", &all(&march)), ("20260420", &all(&june))];
    assert_eq!(of(&files), ["SILVER 2024-01-01 2024-04-30", "SILVER 2026-01-01 2026-06-30"]);
    // Another span that only states its end.
    let whole = june.replace("DTP*349", "DTP*348*D8*20260101~DTP*349");
    assert_eq!(
        of(&[("20240101", &old), ("20260420", &whole)]),
        ["SILVER 2024-01-01 2024-04-30", "SILVER 2026-01-01 2026-06-30"]
    );
}

/// A coverage that was reported by mistake stayed as a coverage of one day.
#[test]
fn a_coverage_that_is_deleted_never_was() {
    let dental = "HD*021**DEN*DENTAL*FAM~DTP*348*D8*20260101~";
    let gone = "HD*002**DEN*DENTAL*FAM~DTP*348*D8*20260101~DTP*349*D8*20260101~";
    for kind in ["001", "002", "024"] {
        let later = format!("INS*Y*18*{kind}*28*A~REF*0F*ALD100~NM1*IL*1*VANCE*RUTH****MI*ALD100~{gone}");
        let (bench, _) = loaded(&[("20260101", &[RUTH, dental].concat()), ("20260201", &later)]);
        assert_eq!(spans(&bench), ["SILVER 2026-01-01 -"], "{kind}");
    }
}

/// A newborn who was given a name became two children, each with a coverage.
#[test]
fn a_new_name_makes_no_second_child() {
    let born = COLE.replace("COLE~", "BABYBOY~");
    let named = COLE
        .replace("NM1*IL*1*VANCE*COLE~", "NM1*74*1*VANCE*COLE~")
        .replace("20110704*M~", "20110704*M~NM1*70*1*VANCE*BABYBOY~");
    let later = COLE.replace("INS*N*19*021", "INS*N*19*001");
    let files = [("20260101", &*born), ("20260201", &*named), ("20260301", &*later)];
    let (bench, _) = loaded(&files);
    let found = people(&bench);
    assert!(found.len() == 1 && found[0].starts_with("COLE ALD100-"), "{found:?}");
    assert_eq!(spans(&bench).len(), 1);
    for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        assert_eq!(people(&loaded(&order.map(|at| files[at])).0), found, "{order:?}");
    }
    // A different person stays a different person.
    let (bench, _) = loaded(&[("20260101", &[&*born, &COLE.replace("COLE", "DEE")].concat()), ("20260201", &named)]);
    assert_eq!(people(&bench).len(), 2);
}

/// A new plan has no folder for reports, and a dry run failed: "the disk failed".
#[test]
fn a_dry_run_needs_no_folder() {
    let bench = Bench::new();
    bench.put("e.x12", file("20260101", RUTH));
    let report = bench.folder.path().join("data/reports/load.ndjson");
    let summary = bench.run(&Request { dry_run: true, report: report.clone(), ..bench.request() });
    assert_eq!((summary.kept, summary.rejected, bench.changes()), (1, 0, 0));
    assert!(!report.with_extension("scratch").exists());
}

/// Twins are one in the file as long as they have no names, and two from then on.
#[test]
fn newborn_twins_do_not_stay_one() {
    let named = |given: &str| {
        COLE.replace("NM1*IL*1*VANCE*COLE~", &format!("NM1*74*1*VANCE*{given}~"))
            .replace("20110704*M~", "20110704*M~NM1*70*1*VANCE*BABY~")
    };
    let files = [("20260101", COLE.replace("COLE", "BABY")), ("20260201", [named("COLE"), named("DEE")].concat())];
    let (bench, _) = loaded(&[(files[0].0, &files[0].1), (files[1].0, &files[1].1)]);
    let found = people(&bench);
    assert!(found.len() == 2 && found[0].starts_with("COLE") && found[1].starts_with("DEE"), "{found:?}");
}

/// The member first appeared in a change without a name.
#[test]
fn a_name_may_come_after_the_number() {
    let nameless = RUTH.replace("NM1*IL*1*VANCE*RUTH****MI*ALD100~", "").replace("DMG*D8*19590312*F~", "");
    let (bench, summary) = loaded(&[("20260101", &nameless), ("20260201", RUTH)]);
    assert_eq!((people(&bench), summary.rejected), (vec!["RUTH ALD100".to_owned()], 0), "{:?}", bench.report());
}

/// Two files know less and more about a member, in either order: the number finds her, and there is only one of her.
#[test]
fn who_gets_a_number_later_is_found_by_it() {
    let numbered = COLE.replace("COLE~", "COLE****MI*ALD10002~");
    let claim = "claim_number,member_id,first_name,last_name,birth_date,service_from,billing_npi,billing_name,procedure_code,\
        diagnosis_code,charge_amount,allowed_amount,paid_amount,paid_date,status\n";
    for order in [[0, 1], [1, 0]] {
        let files = [("20260101", COLE), ("20260201", &numbered)];
        let (bench, _) = loaded(&order.map(|at| files[at]));
        let row = |claim: u32, number: &str| {
            format!(
                "{claim},{number},COLE,VANCE,2011-07-04,2026-02-03,1245319599,Clinic,99213,J069,9.00,8.00,6.00,2026-02-10,paid\n"
            )
        };
        bench.put("c.csv", [claim, &row(1, "ALD100"), &row(2, "ALD10002")].concat());
        let summary = bench.load();
        assert_eq!((summary.rejected, people(&bench).len()), (0, 1), "{order:?} {:?}", bench.report());
        assert_eq!(of_kind(&bench, "ExplanationOfBenefit/").len(), 2);
    }
}

/// A change for a dependent alone, behind another family, came first: the subscriber's number looked like one of her
/// own and kept the subscriber out for ever.
#[test]
fn a_dependants_change_before_the_subscriber_keeps_nobody_out() {
    let john = RUTH.replace("RUTH", "JOHN").replace("ALD100", "BLD200").replace("19590312", "19700101");
    let change = COLE.replace("INS*N*19*021*28*A", "INS*N*19*001*25*A");
    let early = [john.as_str(), &change].concat();
    let family = [RUTH, COLE].concat();
    let (before, after) = (("20260301", early.as_str()), ("20260101", family.as_str()));
    for files in [vec![before, after], vec![after, before], vec![before, after, before]] {
        let (bench, summary) = loaded(&files);
        assert_eq!(summary.rejected, 0, "{:?}", bench.report());
        let found = people(&bench);
        assert_eq!((found.len(), found[1].as_str(), found[2].as_str()), (3, "JOHN BLD200", "RUTH ALD100"), "{found:?}");
        assert!(found[0].starts_with("COLE ALD100-"), "{found:?}");
    }
}

fn found(summary: &Summary, rule: &str) -> u64 {
    summary.findings.iter().find(|finding| finding.rule == rule).map_or(0, |finding| finding.count)
}

/// A table that gave a number to somebody else let her sign in as the member who had it: two rows that swapped, a file whose numbers
/// were sorted apart from the names, a number used again.
#[test]
fn a_number_does_not_pass_to_another_person() {
    let head = "member_id,first_name,last_name,dob,email\n";
    let rows = "1,Ana,Quintero,1980-02-14,ana@a.example\n2,Ben,Other,1975-05-06,ben@a.example\n\
                3,Cy,Twin,1990-01-01,cy@a.example\n4,Di,Twin,1990-01-01,di@a.example\n";
    let bench = Bench::new();
    bench.put("m.csv", format!("{head}{rows}"));
    assert_eq!(bench.load().rejected, 0);
    let before = state(&bench);
    let load = |rows: &str| {
        bench.put("m.csv", format!("{head}{rows}"));
        bench.load()
    };
    for (rows, refused) in [
        // A number used again.
        ("1,Eve,Stranger,1999-09-09,eve@a.example\n", 1),
        ("1,Ana,Stranger,1999-09-09,eve@a.example\n", 1),
        // Two rows that swap, and twins who do: their last name and birth date are one.
        ("1,Ben,Other,1975-05-06,ben@a.example\n2,Ana,Quintero,1980-02-14,ana@a.example\n", 2),
        ("3,Di,Twin,1990-01-01,di@a.example\n4,Cy,Twin,1990-01-01,cy@a.example\n", 2),
    ] {
        let summary = load(rows);
        assert_eq!((summary.rejected, found(&summary, "number-of-another-person")), (refused, refused), "{rows}");
        assert_eq!(state(&bench), before, "{rows}");
        assert!(!bench.report().concat().contains("Ana"), "{:?}", bench.report());
    }
    // One thing at a time is a correction: a name at marriage, a birth date that was mistyped, a given name.
    for row in ["1,Ana,Married,1980-02-14,\n", "1,Ana,Married,1980-02-15,\n", "1,Anna,Married,1980-02-15,\n"] {
        assert_eq!((load(row).rejected, found(&load(row), "number-of-another-person")), (0, 0), "{row}");
    }
}

#[test]
fn a_replaced_address_is_told_of() {
    let bench = Bench::new();
    let load = |contacts: &str| {
        bench.put("m.csv", format!("member_id,first_name,last_name,dob,email,phone\n1,Ana,B,1980-02-14,{contacts}\n"));
        found(&bench.load(), "sign-in-address-replaced")
    };
    for (contacts, expected) in [
        ("ana@a.example,", 0),
        ("ana@a.example,860-555-0101", 0),
        ("ana@a.example,860-555-0101", 0),
        ("clinic@a.example,860-555-0101", 1),
        ("clinic@a.example,860-555-0199", 1),
        (",860-555-0199", 0),
    ] {
        assert_eq!(load(contacts), expected, "{contacts}");
    }
}
