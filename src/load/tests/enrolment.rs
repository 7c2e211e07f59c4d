//! Who the people of enrolments (834) are, and how long they are covered, over whole runs.

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

/// A tester's file had REF*17*HOURLY for two members, who became one; and a reason for a change in a reporting category, which became
/// a member's number.
#[test]
fn what_many_share_is_nobodys_number() {
    let hourly = |member: &str| member.replace("~NM1*IL", "~REF*17*HOURLY~NM1*IL");
    let other = |number: &str| RUTH.replace("RUTH", "ROSA").replace("ALD100", number).replace("19590312", "19700101");
    let category =
        "LS*2700~LX*1~N1*75*ADDL MAINT REASON~REF*17*DEMOCHG~REF*23*DEMOCHG~REF*0F*DEMOCHG~REF*1L*DEMOCHG~LE*2700~";
    let loops = format!("{}{category}{}{}", hourly(RUTH), hourly(COLE), hourly(&other("ALD200")));
    let (bench, summary) = loaded(&[("20260101", &loops)]);
    assert_eq!(summary.rejected, 0, "{:?}", bench.report());
    let found = people(&bench);
    assert_eq!(found.len(), 3, "{found:?}");
    assert_eq!(found[1..], ["ROSA ALD200", "RUTH ALD100"]);
    assert!(found[0].starts_with("COLE ALD100-"));
    assert!(!of_kind(&bench, "Coverage/").iter().any(|one| one.to_string().contains("DEMOCHG")));
}
