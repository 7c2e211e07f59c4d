use super::*;
use crate::fhir::json;

const JSON: &str = r#"{"resourceType":"Observation","id":"o1","meta":{"profile":["http://a","http://b"],"_profile":[null,{"id":"p2"}]},
"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><b>a &lt; b</b></div>"},
"contained":[{"resourceType":"Patient","id":"p","active":true,"_birthDate":{"extension":[{"url":"http://x","valueCode":"unknown"}]}}],
"extension":[{"id":"e","url":"http://e","valueString":"\"quoted\" & <b>\nline"}],
"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"1-8"}]},"valueQuantity":{"value":1.00,"unit":"mg"},
"component":[{"code":{"text":"x"},"valueInteger":3},{"code":{"text":"y"},"valueBoolean":false}]}"#;

const XML: &str = concat!(
    r#"<?xml version="1.0" encoding="UTF-8"?><Observation xmlns="http://hl7.org/fhir"><id value="o1"/>"#,
    r#"<meta><profile value="http://a"/><profile id="p2" value="http://b"/></meta>"#,
    r#"<text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml"><b>a &lt; b</b></div></text>"#,
    r#"<contained><Patient><id value="p"/><active value="true"/>"#,
    r#"<birthDate><extension url="http://x"><valueCode value="unknown"/></extension></birthDate></Patient></contained>"#,
    r#"<extension id="e" url="http://e"><valueString value="&quot;quoted&quot; &amp; &lt;b&gt;&#10;line"/></extension>"#,
    r#"<status value="final"/><code><coding><system value="http://loinc.org"/><code value="1-8"/></coding></code>"#,
    r#"<valueQuantity><value value="1.00"/><unit value="mg"/></valueQuantity>"#,
    r#"<component><code><text value="x"/></code><valueInteger value="3"/></component>"#,
    r#"<component><code><text value="y"/></code><valueBoolean value="false"/></component></Observation>"#,
);

#[test]
fn json_becomes_xml_and_xml_becomes_json() {
    let node = json::parse(JSON.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(write(&node, false)).unwrap(), XML);
    let back = read(XML.as_bytes()).unwrap();
    assert_eq!(json::parse(&back).unwrap(), node);
    // With line breaks, it is the same resource.
    let pretty = write(&node, true);
    assert!(pretty.split(|byte| *byte == b'\n').count() > 20);
    assert_eq!(json::parse(&read(&pretty).unwrap()).unwrap(), node);
}

#[test]
fn elements_are_put_in_order_and_what_cannot_stand_in_xml_never_breaks_it() {
    let json = r#"{"birthDate":"2000-01-01","resourceType":"Patient","id":"p","colour":"red","a b":1,"gender":"f\u0001",
        "text":{"status":"generated","div":"<div>&nope;<br>"}}"#;
    let xml = String::from_utf8(write(&json::parse(json.as_bytes()).unwrap(), false)).unwrap();
    let expected = "<id value=\"p\"/><text><status value=\"generated\"/><div xmlns=\"http://www.w3.org/1999/xhtml\">\
        &lt;div&gt;&amp;nope;&lt;br&gt;</div></text><gender value=\"f\u{fffd}\"/><birthDate value=\"2000-01-01\"/><colour value=\"red\"/>";
    assert!(xml.contains(expected), "{xml}");
    assert!(roxmltree::Document::parse(&xml).is_ok());
}

#[test]
fn entities_of_html_become_numbers() {
    let div = r#"<div xmlns=\"http://www.w3.org/1999/xhtml\">a&nbsp;&reg; &amp; b</div>"#;
    let json = format!(r#"{{"resourceType":"Patient","text":{{"status":"generated","div":"{div}"}}}}"#);
    let xml = String::from_utf8(write(&json::parse(json.as_bytes()).unwrap(), false)).unwrap();
    assert!(xml.contains(">a&#160;&#174; &amp; b</div>"), "{xml}");
}

#[test]
fn what_is_not_fhir_is_refused_with_its_place() {
    let body = |inner: &str| format!("<Patient xmlns=\"http://hl7.org/fhir\">\n{inner}</Patient>");
    for (xml, expected) in [
        (body("<colour value=\"red\"/>"), "line 2, column 1: there is no element 'colour' here"),
        (
            body("<gender value=\"f\"/><gender value=\"m\"/>"),
            "line 2, column 20: the element 'gender' may stand here once",
        ),
        (body("<gender/>"), "line 2, column 1: this element has neither a value nor an extension"),
        (
            body("<gender>female</gender>"),
            "line 2, column 9: text between elements; values stand in the attribute 'value'",
        ),
        (body("<name><given></name>"), "line 2, column 14: an element is closed that was not opened last"),
        (body("<contained/>"), "line 2, column 1: one resource is expected here"),
        ("<Patient/>".into(), "line 1, column 1: a resource must be in the namespace http://hl7.org/fhir"),
        ("<Cat xmlns=\"http://hl7.org/fhir\"/>".into(), "line 1, column 1: this is not a resource type of FHIR R4"),
        (
            "<!DOCTYPE p [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><Patient xmlns=\"http://hl7.org/fhir\"/>".into(),
            "line 1, column 1: a document type is not accepted",
        ),
        (body("<gender value=\"&e;\"/>"), "line 2, column 16: an entity that XML does not know"),
        ("<a>".repeat(100_000), "line 1, column 1: nested too deeply"),
        (String::new(), "line 1, column 1: not well-formed XML"),
    ] {
        assert_eq!(read(xml.as_bytes()).unwrap_err().to_string(), expected, "{}", xml.get(..80).unwrap_or(&xml));
    }
    assert!(read(b"\xff").is_err());
}
