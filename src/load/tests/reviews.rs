//! Requests for prior authorization (278) over whole runs.

use serde_json::{Value, json};

use super::x12::state;
use super::*;

/// The resource that the fixture's request gives with these segments in place of its own.
fn asked(um: &str, service: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/load/x12");
    let bench = Bench::new();
    bench.put("enrol.x12", fs::read_to_string(folder.join("enrol.x12")).unwrap());
    let request = fs::read_to_string(folder.join("review-asked.x12")).unwrap();
    let request = request.replace("UM*HS*I*42*11:B~", um).replace("SV1*HC:97110*400*UN*12~", service);
    bench.put("review.x12", request);
    let summary = bench.run(&Request { validation: crate::config::Policy::Reject, ..bench.request() });
    assert_eq!(summary.rejected, 0, "{:?}", bench.report());
    let found = state(&bench).into_iter().find(|(key, _)| key.starts_with("ExplanationOfBenefit/"));
    found.unwrap().1
}

/// Every request was elective, whatever its UM segment said.
#[test]
fn how_urgent_a_request_is_is_kept_and_never_made_up() {
    let service = "SV1*HC:97110:GP*400*UN*12~";
    for (um, level, priority) in [
        ("UM*HS*I*2*11:B**U~", Some("U"), "stat"),
        ("UM*HS*I*2*11:B**03~", Some("03"), "stat"),
        ("UM*HS*I*2*11:B**E~", Some("E"), "normal"),
        ("UM*HS*I*2*11:B~", None, "normal"),
        ("UM*HS*I*2*11:B**ZZ~", None, "normal"),
    ] {
        let found = asked(um, service);
        let code = found["extension"][0]["valueCodeableConcept"]["coding"][0]["code"].as_str();
        assert_eq!((code, found["priority"]["coding"][0]["code"].as_str()), (level, Some(priority)), "{um}");
    }
}

#[test]
fn modifiers_and_place_of_a_request_are_kept() {
    let found = asked("UM*HS*I*2*11:B**U~", "SV1*HC:97110:GP:59*400*UN*12~");
    let item = &found["item"][0];
    let codes: Vec<&Value> = item["modifier"].as_array().unwrap().iter().map(|one| &one["coding"][0]["code"]).collect();
    assert_eq!(
        (codes, &item["locationCodeableConcept"]["coding"][0]["code"]),
        (vec![&json!("GP"), &json!("59")], &json!("11"))
    );
    // The type of a bill is not a place of service.
    assert!(asked("UM*HS*I*2*13:A~", "SV1*HC:97110*400*UN*12~")["item"][0]["locationCodeableConcept"].is_null());
}
