//! Which payment belongs to which claim, and which of several decisions stands: real data of clearinghouses and payers.

use std::fmt::Write as _;

use serde_json::Value;

use super::x12::state;
use super::*;

const RUTH: Member = Member { number: "ALD100", family: "VANCE", given: "RUTH", birth: "19590312" };
const JANE: Member = Member { number: "ALD200", family: "STONE", given: "JANE", birth: "19700101" };

#[derive(Clone, Copy)]
struct Member {
    number: &'static str,
    family: &'static str,
    given: &'static str,
    birth: &'static str,
}

fn interchange(kind: &str, guide: &str, day: &str, set: &str, body: &str) -> String {
    let short = &day[2..];
    format!(
        "ISA*00*          *00*          *ZZ*SENDER         *ZZ*ALDER          *{short}*0900*^*00501*000000001*0*P*:~\
         GS*{kind}*SENDER*ALDER*{day}*0900*1*X*{guide}~ST*{set}*0001*{guide}~{body}~SE*{}*0001~GE*1*1~IEA*1*000000001~",
        body.split('~').count() + 2
    )
}

fn enrol(who: &[Member]) -> String {
    let mut body = "BGN*00*1*20260101~N1*P5*MILL*FI*900000001".to_owned();
    for Member { number, family, given, birth } in who {
        let _ = write!(
            body,
            "~INS*Y*18*021*28*A***FT~REF*0F*{number}~NM1*IL*1*{family}*{given}****MI*{number}~PER*IP**TE*5552010100~\
             N3*14 MILL LANE~N4*ALDER*OH*43004~DMG*D8*{birth}*F~HD*021**HLT*SILVER*EMP~DTP*348*D8*20260101"
        );
    }
    interchange("BE", "005010X220A1", "20260101", "834", &body)
}

/// A claim: `head` is CLM and the segments after it, up to the lines.
fn claim(day: &str, who: Member, head: &str, lines: &[(&str, &str, &str)]) -> String {
    let Member { number, family, given, birth } = who;
    let mut body = format!(
        "BHT*0019*00*1*{day}*0900*CH~HL*1**20*1~NM1*85*2*MILL STREET CLINIC*****XX*1234567893~N3*2 MILL STREET~\
         N4*ALDER*OH*43004~REF*EI*900000003~HL*2*1*22*0~SBR*P*18*******CI~NM1*IL*1*{family}*{given}****MI*{number}~\
         DMG*D8*{birth}*F~NM1*PR*2*ALDER*****PI*ALDER~{head}~HI*ABK:E119"
    );
    for (at, (code, charge, served)) in lines.iter().enumerate() {
        let line = at + 1;
        let _ = write!(body, "~LX*{line}~SV1*HC:{code}*{charge}*UN*1*11**1~DTP*472*D8*{served}~REF*6R*L{line}");
    }
    interchange("HC", "005010X222A1", day, "837", &body)
}

fn paid(day: &str, body: &str) -> String {
    let head = format!(
        "BPR*I*1*C*ACH************{day}~TRN*1*1*1900000002~N1*PR*ALDER~N1*PE*MILL STREET CLINIC*XX*1234567893~LX*1"
    );
    interchange("HP", "005010X221A1", day, "835", &format!("{head}~{body}"))
}

const OF_RUTH: &str = "NM1*QC*1*VANCE*RUTH****MI*ALD100";

/// Loads the files together, and again one by one in reverse order; asserts that both give the same.
fn eobs(files: &[String]) -> Vec<Value> {
    let together = Bench::new();
    let apart = Bench::new();
    for (at, file) in files.iter().enumerate() {
        together.put(&format!("{at}.x12"), file);
    }
    together.load();
    for (at, file) in files.iter().enumerate().rev() {
        apart.put("one.x12", file);
        apart.load();
        assert!(at < files.len());
    }
    assert_eq!(state(&together), state(&apart), "in another order");
    state(&together)
        .into_iter()
        .filter(|(key, _)| key.starts_with("ExplanationOfBenefit/"))
        .map(|(_, one)| one)
        .collect()
}

fn total(eob: &Value, code: &str) -> i64 {
    let rows = eob["total"].as_array().unwrap();
    let row = rows.iter().find(|row| row["category"]["coding"][0]["code"] == code);
    row.map_or(0, |row| row["amount"]["value"].as_f64().unwrap() as i64)
}

fn line(eob: &Value, at: usize, code: &str) -> i64 {
    let rows = eob["item"][at]["adjudication"].as_array().unwrap();
    let row = rows.iter().find(|row| row["category"]["coding"][0]["code"] == code);
    row.map_or(0, |row| row["amount"]["value"].as_f64().unwrap() as i64)
}

/// Number, status, outcome, dollars paid.
fn told(eobs: &[Value]) -> Vec<(String, String, String, i64)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut out: Vec<_> = eobs
        .iter()
        .map(|eob| {
            let number = text(&eob["identifier"][0]["value"]);
            (number, text(&eob["status"]), text(&eob["outcome"]), total(eob, "benefit"))
        })
        .collect();
    out.sort_by(|one, other| one.0.cmp(&other.0));
    out
}

fn row(number: &str, status: &str, outcome: &str, paid: i64) -> (String, String, String, i64) {
    (number.to_owned(), status.to_owned(), outcome.to_owned(), paid)
}

const VISIT: &[(&str, &str, &str)] = &[("99213", "150", "20260205")];

#[test]
fn a_payment_for_somebody_else_under_the_same_number_waits() {
    let own = claim("20260210", RUTH, "CLM*1001*150***11:B:1*Y*A*Y*Y", VISIT);
    let decided =
        paid("20260220", &format!("CLP*1001*1*150*100*0*12*ICN1~{OF_RUTH}~SVC*HC:99213*150*100~CAS*CO*45*50"));
    let other = paid(
        "20260301",
        "CLP*1001*1*900*500*400*12*ICN77~NM1*QC*1*STONE*JANE****MI*ALD200~SVC*HC:99215*900*500~CAS*PR*1*400",
    );
    let strange = other.replace("MILL STREET CLINIC*XX*1234567893", "OTHER PRACTICE*XX*1902800006");
    let of_another_day = paid(
        "20260302",
        &format!("CLP*1001*1*150*90*0*12*ICN78~{OF_RUTH}~SVC*HC:99213*150*90~DTM*472*20260401~CAS*CO*45*60"),
    );
    for stray in [other, strange, of_another_day] {
        let found = eobs(&[enrol(&[RUTH, JANE]), own.clone(), stray.clone()]);
        assert_eq!(told(&found), [row("1001", "active", "queued", 0)]);
        let found = eobs(&[enrol(&[RUTH, JANE]), own.clone(), decided.clone(), stray]);
        assert_eq!(told(&found), [row("ICN1", "active", "complete", 100)]);
    }
}

#[test]
fn a_replacement_that_names_another_members_claim_ends_nothing() {
    let files = [
        enrol(&[RUTH, JANE]),
        claim("20260210", RUTH, "CLM*R-1*150***11:B:1*Y*A*Y*Y", VISIT),
        paid("20260220", &format!("CLP*R-1*1*150*100*0*12*ICN1~{OF_RUTH}~SVC*HC:99213*150*100~CAS*CO*45*50")),
        claim("20260301", JANE, "CLM*J-7*150***11:B:7*Y*A*Y*Y~REF*F8*ICN1", VISIT),
    ];
    assert_eq!(told(&eobs(&files)), [row("ICN1", "active", "complete", 100), row("J-7", "active", "queued", 0)]);
    let bench = Bench::new();
    for (at, file) in files.iter().enumerate() {
        bench.put(&format!("{at}.x12"), file);
    }
    let summary = bench.load();
    assert!(summary.findings.iter().any(|finding| finding.rule == "replaced-by-another-member"), "{summary:?}");
}

#[test]
fn of_several_decisions_the_right_one_stands() {
    let own = claim("20260210", RUTH, "CLM*R-1*150***11:B:1*Y*A*Y*Y", VISIT);
    let clp = |status: &str, icn: &str, charge: &str, paid: &str, more: &str| {
        format!("CLP*R-1*{status}*{charge}*{paid}*0*12*{icn}~{OF_RUTH}~SVC*HC:99213*{charge}*{paid}~{more}~REF*6R*L1")
    };
    let first = paid("20260220", &clp("1", "ICN1", "150", "100", "CAS*CO*45*50"));
    // Sent twice: voiding the second, a duplicate, takes nothing from the first.
    let again = claim("20260225", RUTH, "CLM*R-1*150***11:B:1*Y*A*Y*Y", VISIT);
    let duplicate = paid("20260301", &clp("4", "ICN2", "150", "0", "CAS*OA*18*150"));
    let found = eobs(&[enrol(&[RUTH]), own.clone(), first, again, duplicate]);
    assert_eq!(told(&found), [row("ICN1", "active", "complete", 100)]);
    // The correction comes before the reversal, and its number sorts before the number of the claim it corrects.
    let corrected = clp("1", "ICN10", "150", "120", "CAS*CO*45*30");
    let reversed = clp("22", "ICN9", "-150", "-100", "CAS*CO*45*-50");
    let first = paid("20260220", &clp("1", "ICN9", "150", "100", "CAS*CO*45*50"));
    for body in [format!("{corrected}~{reversed}"), format!("{reversed}~{corrected}")] {
        let found = eobs(&[enrol(&[RUTH]), own.clone(), first.clone(), paid("20260310", &body)]);
        assert_eq!(told(&found), [row("ICN10", "active", "complete", 120)]);
    }
    // Taken back, with nothing in its place.
    let found = eobs(&[enrol(&[RUTH]), own, first, paid("20260310", &reversed)]);
    assert_eq!(told(&found), [row("ICN9", "cancelled", "queued", 0)]);
}

#[test]
fn an_account_number_is_used_for_several_visits() {
    let first = claim("20260210", RUTH, "CLM*A-1*150***11:B:1*Y*A*Y*Y", VISIT);
    let second = claim("20260402", RUTH, "CLM*A-1*150***11:B:1*Y*A*Y*Y", &[("99213", "150", "20260401")]);
    let clp = |icn: &str, paid: &str, more: &str| {
        format!("CLP*A-1*1*150*{paid}*0*12*{icn}~{OF_RUTH}~SVC*HC:99213*150*{paid}{more}~CAS*CO*45*50")
    };
    // By the service date where the payment has one, else the visit that had been billed by then.
    for (one, other) in [("~DTM*472*20260205", "~DTM*472*20260401"), ("", "")] {
        let found = eobs(&[
            enrol(&[RUTH]),
            first.clone(),
            paid("20260220", &clp("ICN1", "100", one)),
            second.clone(),
            paid("20260410", &clp("ICN2", "90", other)),
        ]);
        assert_eq!(
            told(&found),
            [row("ICN1", "active", "complete", 100), row("ICN2", "active", "complete", 90)],
            "{one}"
        );
        let day = |number: &str| {
            found.iter().find(|eob| eob["identifier"][0]["value"] == number).unwrap()["billablePeriod"]["start"].clone()
        };
        assert_eq!((day("ICN1"), day("ICN2")), ("2026-02-05".into(), "2026-04-01".into()), "{one}");
    }
}

#[test]
fn a_claim_that_the_payer_split_is_one() {
    let head = "CLM*S-1*210***11:B:1*Y*A*Y*Y";
    let own = claim("20260210", RUTH, head, &[("99213", "150", "20260205"), ("83036", "60", "20260205")]);
    let first = format!("CLP*S-1*1*150*95*25*12*ICN1~{OF_RUTH}~SVC*HC:99213*150*95~CAS*CO*45*30~CAS*PR*3*25~REF*6R*L1");
    let second = format!("CLP*S-1*1*60*40*5*12*ICN2~{OF_RUTH}~SVC*HC:83036*60*40~CAS*CO*45*15~CAS*PR*1*5~REF*6R*L2");
    let found = eobs(&[enrol(&[RUTH]), own.clone(), paid("20260220", &format!("{first}~{second}"))]);
    let [eob] = found.as_slice() else { panic!("{found:?}") };
    let totals = ["submitted", "benefit", "memberliability", "eligible"].map(|code| total(eob, code));
    assert_eq!(totals, [210, 135, 30, 165]);
    assert_eq!((line(eob, 0, "benefit"), line(eob, 1, "benefit")), (95, 40));
    // One half alone says nothing about the other.
    let found = eobs(&[enrol(&[RUTH]), own, paid("20260220", &first)]);
    assert_eq!((line(&found[0], 0, "benefit"), line(&found[0], 1, "benefit")), (95, 0));
}

#[test]
fn lines_are_matched_by_number_then_day_and_in_pieces() {
    // The same service on two days: the date says which was paid.
    let head = "CLM*L-1*200***11:B:1*Y*A*Y*Y";
    let two_days = claim("20260210", RUTH, head, &[("80053", "100", "20260201"), ("80053", "100", "20260202")]);
    let decided = paid(
        "20260220",
        &format!(
            "CLP*L-1*1*200*60*0*12*ICN1~{OF_RUTH}~SVC*HC:80053*100*0~DTM*472*20260202~CAS*CO*97*100~\
             SVC*HC:80053*100*60~DTM*472*20260201~CAS*CO*45*40"
        ),
    );
    let found = eobs(&[enrol(&[RUTH]), two_days, decided]);
    assert_eq!((line(&found[0], 0, "benefit"), line(&found[0], 1, "benefit")), (60, 0));
    assert_eq!(found[0]["payment"]["type"]["coding"][0]["code"], "partiallypaid");
    // One line decided in two pieces, and one under another code than was sent.
    let head = "CLM*L-2*260***11:B:1*Y*A*Y*Y";
    let own = claim("20260210", RUTH, head, &[("97110", "200", "20260205"), ("82947", "60", "20260205")]);
    let decided = paid(
        "20260220",
        &format!(
            "CLP*L-2*1*260*140*45*12*ICN2~{OF_RUTH}~SVC*HC:97110*100*60~CAS*CO*45*20~CAS*PR*3*20~REF*6R*L1~\
             SVC*HC:97110*100*50~CAS*CO*45*30~CAS*PR*3*20~REF*6R*L1~SVC*HC:80048*60*30**1*HC:82947~CAS*CO*45*25~CAS*PR*3*5"
        ),
    );
    let found = eobs(&[enrol(&[RUTH]), own, decided]);
    assert_eq!((line(&found[0], 0, "benefit"), line(&found[0], 0, "copay")), (110, 40));
    assert_eq!((line(&found[0], 1, "benefit"), line(&found[0], 1, "copay")), (30, 5));
    assert_eq!(
        ["benefit", "copay", "eligible", "memberliability"].map(|code| total(&found[0], code)),
        [140, 45, 185, 45]
    );
    // A line that the claim does not have: its money is part of the total.
    let own = claim("20260210", RUTH, "CLM*L-3*100***11:B:1*Y*A*Y*Y", &[("99213", "100", "20260205")]);
    let decided = paid("20260220", &format!("CLP*L-3*1*100*70*30*12*ICN3~{OF_RUTH}~SVC*HC:99499*100*70~CAS*PR*1*30"));
    let found = eobs(&[enrol(&[RUTH]), own, decided]);
    assert_eq!(["benefit", "deductible", "memberliability"].map(|code| total(&found[0], code)), [70, 30, 30]);
}

#[test]
fn what_is_denied_and_what_is_allowed_follows_from_the_reasons() {
    let head = "CLM*D-1*150***11:B:1*Y*A*Y*Y";
    let own = claim("20260210", RUTH, head, VISIT);
    for (paid_amount, reasons, kind, eligible) in [
        // Denied under a status that says "processed as primary".
        ("0", "CAS*CO*197*150", "denied", 0),
        ("0", "CAS*PR*96*100~CAS*CO*45*50", "denied", 0),
        // All of it is the member's share, or another payer's, or under a capitation: not denied.
        ("0", "CAS*PR*1*150", "paid", 150),
        ("0", "CAS*OA*23*150", "paid", 150),
        ("0", "CAS*CO*24*150", "paid", 0),
        // A non-covered amount is beyond the allowed amount; so is an out-of-network provider's charge above it.
        ("55", "CAS*CO*96*70~CAS*PR*3*25", "paid", 80),
        ("20", "CAS*PR*45*110~CAS*PR*2*20", "paid", 40),
    ] {
        let decision =
            format!("CLP*D-1*1*150*{paid_amount}*0*12*ICN1~{OF_RUTH}~SVC*HC:99213*150*{paid_amount}~{reasons}");
        let found = eobs(&[enrol(&[RUTH]), own.clone(), paid("20260220", &decision)]);
        assert_eq!(found[0]["payment"]["type"]["coding"][0]["code"], kind, "{reasons}");
        assert_eq!(total(&found[0], "eligible"), eligible, "{reasons}");
    }
}

#[test]
fn a_doctors_visit_to_a_hospital_is_not_as_long_as_the_stay() {
    let head = "CLM*H-1*150***21:B:1*Y*A*Y*Y~DTP*435*D8*20251228~DTP*096*D8*20260210";
    let found = eobs(&[enrol(&[RUTH]), claim("20260210", RUTH, head, &[("99232", "150", "20260102")])]);
    assert_eq!(found[0]["billablePeriod"], serde_json::json!({"start": "2026-01-02", "end": "2026-01-02"}));
}

#[test]
fn every_tooth_and_every_minute_is_told() {
    let body =
        claim("20260210", RUTH, "CLM*T-1*540***11:B:1*Y*A*Y*Y~DTP*472*D8*20260205", &[("D2392", "240", "20260205")]);
    let teeth = "SV3*AD:D2392*240**10:20**1~TOO*JP*14*M:O~TOO*JP*15*D";
    let dental = body.replace("X222A1", "X224A2").replace("SV1*HC:D2392*240*UN*1*11**1", teeth);
    let found = eobs(&[enrol(&[RUTH]), dental]);
    let item = &found[0]["item"][0];
    assert_eq!(item["bodySite"]["coding"][0]["code"], "14");
    let told = |sequence: &Value| {
        let infos = found[0]["supportingInfo"].as_array().unwrap();
        infos.iter().find(|info| info["sequence"] == *sequence).unwrap()["code"]["coding"][0]["code"].clone()
    };
    let others: Vec<Value> = item["informationSequence"].as_array().unwrap().iter().map(told).collect();
    assert_eq!(others, ["15", "10", "20"]);
    // Anesthesia is billed by the minute.
    let narcosis = claim("20260210", RUTH, "CLM*T-2*1200***22:B:1*Y*A*Y*Y", &[("00790", "1200", "20260205")]);
    let found = eobs(&[enrol(&[RUTH]), narcosis.replace("*UN*1*11", "*MJ*95*11")]);
    assert_eq!(
        (&found[0]["item"][0]["quantity"]["code"], &found[0]["item"][0]["quantity"]["value"]),
        (&"min".into(), &95.into())
    );
}

#[test]
fn two_bills_of_one_visit_under_one_number_are_two() {
    let visit = claim("20260210", RUTH, "CLM*M7*150***22:B:1*Y*A*Y*Y", &[("99213", "150", "20260205")]);
    let other = claim("20260210", RUTH, "CLM*M7*80***22:B:1*Y*A*Y*Y", &[("96372", "80", "20260205")]);
    let hospital =
        claim("20260210", RUTH, "CLM*M7*300***13:A:1**A*Y*Y~DTP*434*D8*20260205", &[("G0463", "300", "20260205")])
            .replace("X222A1", "X223A2")
            .replace("SV1*HC:G0463*300*UN*1*11**1", "SV2*0510*HC:G0463*300*UN*1");
    let clp = |icn: &str, charge: &str, paid: &str, code: &str| {
        format!(
            "CLP*M7*1*{charge}*{paid}*0*12*{icn}~{OF_RUTH}~SVC*HC:{code}*{charge}*{paid}~DTM*472*20260205~CAS*CO*45*1"
        )
    };
    let bodies = [clp("I1", "150", "149", "99213"), clp("I2", "80", "79", "96372"), clp("I3", "300", "299", "G0463")];
    let found = eobs(&[enrol(&[RUTH]), visit, other, hospital, paid("20260220", &bodies.join("~"))]);
    let expected = [("I1", 149), ("I2", 79), ("I3", 299)].map(|(number, paid)| row(number, "active", "complete", paid));
    assert_eq!(told(&found), expected);
}

#[test]
fn a_relatives_payment_under_the_familys_number_is_not_hers() {
    let own = claim("20260210", RUTH, "CLM*1001*150***11:B:1*Y*A*Y*Y", VISIT);
    let of =
        |who: &str, paid: &str| format!("CLP*1001*1*150*{paid}*0*12*I{paid}~{who}~SVC*HC:99213*150*{paid}~CAS*CO*45*1");
    for relative in
        ["NM1*QC*1*VANCE*TIM****MI*ALD100", "NM1*QC*1*VANCE*TIM****MI*ALD100-02~NM1*IL*1*VANCE*RUTH****MI*ALD100"]
    {
        let found = eobs(&[enrol(&[RUTH]), own.clone(), paid("20260220", &of(relative, "33"))]);
        assert_eq!(told(&found), [row("1001", "active", "queued", 0)], "{relative}");
        let both = paid("20260220", &[of(relative, "33"), of(OF_RUTH, "100")].join("~"));
        assert_eq!(told(&eobs(&[enrol(&[RUTH]), own.clone(), both])), [row("I100", "active", "complete", 100)]);
    }
}

#[test]
fn a_replacement_is_of_the_visit_whose_decision_it_names() {
    let visit = |sent: &str, day: &str, head: &str| {
        claim(sent, RUTH, &format!("CLM*1001*150***11:B:{head}"), &[("99213", "150", day)])
    };
    let clp = |icn: &str, charge: &str, amount: &str, status: &str| {
        format!("CLP*1001*{status}*{charge}*{amount}*0*12*{icn}~{OF_RUTH}~SVC*HC:99213*{charge}*{amount}~CAS*CO*45*1")
    };
    let first = [
        enrol(&[RUTH]),
        visit("20260206", "20260205", "1*Y*A*Y*Y"),
        paid("20260209", &clp("0I-1", "150", "100", "1")),
        visit("20260213", "20260212", "1*Y*A*Y*Y"),
        paid("20260216", &clp("I2", "150", "90", "1")),
    ];
    // The date was wrong; the number is written without its dash.
    let replaced = visit("20260301", "20260206", "7*Y*A*Y*Y~REF*F8*I1");
    let found = eobs(&[first.as_slice(), std::slice::from_ref(&replaced)].concat());
    let days = |found: &[Value]| -> Vec<(Value, Value)> {
        let one = |eob: &Value| (eob["identifier"][0]["value"].clone(), eob["billablePeriod"]["start"].clone());
        let mut all: Vec<_> = found.iter().map(one).collect();
        all.sort_by_key(|(number, _)| number.to_string());
        all
    };
    assert_eq!(days(&found), [("0I-1".into(), "2026-02-06".into()), ("I2".into(), "2026-02-12".into())]);
    let (reversed, corrected) = (clp("0I-1", "-150", "-100", "22"), clp("I3", "150", "101", "1"));
    for body in [format!("{reversed}~{corrected}"), format!("{corrected}~{reversed}")] {
        let found = eobs(&[first.as_slice(), &[replaced.clone(), paid("20260310", &body)]].concat());
        assert_eq!(told(&found), [row("I2", "active", "complete", 90), row("I3", "active", "complete", 101)], "{body}");
    }
    // Under another number of the provider's, and with a shorter given name.
    let ruthie = claim("20260210", Member { given: "RUTHIE", ..RUTH }, "CLM*A-1*150***11:B:1*Y*A*Y*Y", VISIT);
    let payment =
        paid("20260220", &format!("CLP*A-1*1*150*100*0*12*0012345~{OF_RUTH}~SVC*HC:99213*150*100~CAS*CO*45*50"));
    let replaced = claim("20260301", RUTH, "CLM*A-2*150***11:B:7*Y*A*Y*Y~REF*F8*00-12345", VISIT);
    let found = eobs(&[enrol(&[RUTH]), ruthie.clone(), payment.clone(), replaced]);
    assert_eq!(told(&found), [row("0012345", "cancelled", "complete", 100), row("A-2", "active", "queued", 0)]);
    let again = claim("20260211", RUTH, "CLM*A-1*150***11:B:1*Y*A*Y*Y", VISIT);
    assert_eq!(told(&eobs(&[enrol(&[RUTH]), ruthie, again, payment])), [row("0012345", "active", "complete", 100)]);
}

#[test]
fn a_payee_may_be_named_by_its_tax_number() {
    let head = "CLM*S-1*250***11:B:1*Y*A*Y*Y";
    let own = claim("20260210", RUTH, head, &[("99213", "150", "20260205"), ("83036", "100", "20260205")]);
    let body = format!(
        "CLP*S-1*1*150*95*0*12*ICN1~{OF_RUTH}~SVC*HC:99213*150*95~CAS*CO*45*55~CLP*S-1*1*100*40*0*12*ICN2~{OF_RUTH}~\
         SVC*HC:83036*100*40~CAS*CO*45*60"
    );
    let by_tax = paid("20260220", &body).replace("XX*1234567893~LX", "FI*900000003~LX");
    assert_eq!(told(&eobs(&[enrol(&[RUTH]), own, by_tax])), [row("ICN2", "active", "complete", 135)]);
}

/// A claim with a mistyped birth date waits, and takes nothing from the correct one. Two claims that are kept apart and
/// prove to be the same member's are both there: one id for both silently lost one.
#[test]
fn a_claim_that_is_not_quite_hers_costs_her_no_other() {
    let visit = claim("20260210", RUTH, "CLM*B-1*150***11:B:1*Y*A*Y*Y", VISIT);
    let payment = paid("20260220", &format!("CLP*B-1*1*150*100*0*12*ICN1~{OF_RUTH}~SVC*HC:99213*150*100~CAS*CO*45*50"));
    let mistyped = Member { birth: "19590321", ..RUTH };
    let again = claim("20260211", mistyped, "CLM*B-1*150***11:B:1*Y*A*Y*Y", VISIT);
    let found = eobs(&[enrol(&[RUTH]), visit.clone(), again]);
    assert_eq!(told(&found), [row("B-1", "active", "queued", 0)]);
    let unborn = Member { birth: "", ..RUTH };
    let second = claim("20260402", unborn, "CLM*B-1*80***11:B:1*Y*A*Y*Y", &[("96372", "80", "20260401")]);
    assert_eq!(eobs(&[enrol(&[RUTH]), visit, second, payment]).len(), 2);
}
