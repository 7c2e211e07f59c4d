//! What the fuzz targets do with bytes. `cargo fuzz` runs them on what it makes up, and the ordinary suite on `fuzz/corpus`.

use ingle::fhir::definitions::{Kind, SearchParameters};
use ingle::fhir::json::{self, Node};
use ingle::fhir::reference::{self, Reference};
use ingle::fhir::{dates, decimal, fhirpath, patch, ucum, validate, xml};
use ingle::outbound::Chance;
use ingle::search::{Cursors, Query};

/// A target by its name.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 15] = [
    ("fhir_json", fhir_json),
    ("fhir_xml", fhir_xml),
    ("query", query),
    ("date", date),
    ("number", number),
    ("reference", reference),
    ("cursor", cursor),
    ("fhirpath", fhirpath),
    ("patch", patch),
    ("x12", x12),
    ("ndjson", ndjson),
    ("csv_claims", csv_claims),
    ("ncpdp", ncpdp),
    ("hl7v2", hl7v2),
    ("ccda", ccda),
];

fn resource() -> Node<'static> {
    let text = r#"{"resourceType":"Patient","id":"p","active":true,"name":[{"family":"A","given":["x","y"]},{"family":"B"}],
        "birthDate":"2000-01-01","multipleBirthInteger":2,"contained":[{"resourceType":"Patient","id":"q"}]}"#;
    json::parse(text.as_bytes()).expect("it is JSON")
}

/// JSON is read, written and read again; what is a resource is prepared and validated.
pub fn fhir_json(data: &[u8]) {
    let Ok(node) = json::parse(data) else { return };
    let mut out = Vec::new();
    node.write(&mut out);
    assert_eq!(json::parse(&out).as_ref(), Ok(&node), "written JSON is the same");
    let mut pretty = Vec::new();
    node.write_pretty(&mut pretty, 0);
    assert_eq!(json::parse(&pretty).as_ref(), Ok(&node), "JSON in lines is the same");
    let _ = validate::validate(&node, &[]);
    if let Ok(prepared) = ingle::fhir::prepare(data) {
        let again = ingle::fhir::prepare(&out).expect("a resource stays one");
        assert_eq!(prepared.hash, again.hash);
    }
    // Whatever it is, its XML is well-formed.
    let written = xml::write(&node, false);
    if let Err(error) = xml::read(&written) {
        assert_ne!(error.reason, "not well-formed XML");
    }
}

/// XML that is read is JSON; written again and read again, it is the same but for the order of elements, which is the
/// standard's from then on.
pub fn fhir_xml(data: &[u8]) {
    let Ok(text) = xml::read(data) else { return };
    let Ok(node) = json::parse(&text) else { return };
    let read_again = |node| xml::read(&xml::write(node, true)).expect("what was read can be read again");
    let once = read_again(&node);
    let value = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).expect("JSON");
    assert_eq!(value(&once), value(node.to_string().as_bytes()));
    let ordered = json::parse(&once).expect("JSON");
    assert_eq!(json::parse(&read_again(&ordered)).as_ref().map(ToString::to_string), Ok(ordered.to_string()));
}

/// The first byte chooses the type, the rest is a query string.
pub fn query(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let kinds: Vec<Kind> = Kind::all().collect();
    let kind = kinds[usize::from(*first) % kinds.len()];
    let pairs: Vec<(String, String)> = form_urlencoded::parse(rest).into_owned().collect();
    let now = jiff::Timestamp::from_second(1_772_442_000).expect("a time");
    for lenient in [false, true] {
        let _ = Query::read(SearchParameters::TABLES, kind, &pairs, lenient, now, "https://plan.example/fhir");
    }
}

/// A date is a span that is not empty.
pub fn date(data: &[u8]) {
    if let Some(span) = std::str::from_utf8(data).ok().and_then(dates::parse) {
        assert!(span.lo < span.hi);
    }
}

/// Numbers and units.
pub fn number(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = decimal::parse(text);
    let _ = ucum::parse(text);
}

/// A reference to a resource has a sound id.
pub fn reference(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Reference::Resource { id, .. } = reference::parse(text) {
        assert!(reference::is_id(id));
    }
    let _ = reference::uuid(text);
}

/// No text is a cursor but those that were sealed.
pub fn cursor(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let cursors = Cursors::new(&Chance::seeded(7));
    assert!(cursors.open(text, &[b"caller"], jiff::Timestamp::UNIX_EPOCH).is_none());
}

/// An expression of a client.
pub fn fhirpath(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = fhirpath::select(text, &resource());
}

/// A patch: JSON Patch if it is a list, `FHIRPath` Patch otherwise. What comes out can be written and read.
pub fn patch(data: &[u8]) {
    let Ok(asked) = json::parse(data) else { return };
    let mut node = resource();
    let done = match asked {
        Node::Array(_) => patch::json_patch(&mut node, &asked),
        _ => patch::fhirpath_patch(&mut node, &asked),
    };
    if done.is_ok() {
        let mut out = Vec::new();
        node.write(&mut out);
        let _ = json::parse(&out);
    }
}

/// X12 is cut, printed again to the byte, and each part is read as what it is.
pub fn x12(data: &[u8]) {
    assert_eq!(ingle::load::parse::x12_printed(data), data, "printing what was cut gives the file");
    let parts = ingle::load::parse::x12(data, false);
    assert!(ingle::load::parse::x12(data, true) <= parts);
}

/// A file of resources, a Bundle or lines; and what it looks like.
pub fn ndjson(data: &[u8]) {
    let _ = ingle::load::parse::look(data);
    let _ = ingle::load::parse::fhir(data);
}

/// A file of rows of claims: every row that is read can be read again, and a bill or a refusal comes of it.
pub fn csv_claims(data: &[u8]) {
    let (_, lost) = ingle::load::probe::rows(data);
    assert_eq!(lost, 0, "a row is read as it was written");
}

/// A pharmacy's message is printed as it was read, and makes rows or refusals.
pub fn ncpdp(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Some(printed) = ingle::load::probe::ncpdp(text)
    {
        assert_eq!(printed, text);
    }
    csv_claims(data);
}

/// Messages are printed again to the letter, and whatever becomes of them is valid.
pub fn hl7v2(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        for (text, printed) in ingle::load::parse::hl7v2_printed(text) {
            assert_eq!(text, printed, "printing what was read gives the message");
        }
    }
    all_valid(&ingle::load::parse::hl7v2(data));
}

/// Whatever becomes of a document is valid.
pub fn ccda(data: &[u8]) {
    all_valid(&ingle::load::parse::ccda(data));
}

fn all_valid(resources: &[json::Node<'_>]) {
    for resource in resources {
        let text = resource.to_string();
        let node = json::parse(text.as_bytes()).expect("it is JSON");
        let issues = validate::validate(&node, &[]);
        assert!(issues.iter().all(|issue| issue.severity != validate::Severity::Error), "{issues:?}");
    }
}
