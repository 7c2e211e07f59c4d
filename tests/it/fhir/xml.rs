//! JSON and XML, both ways.

use poem::http::Method;

use crate::server::{Answer, TestServer, request};

const PATIENT: &str = r#"<?xml version="1.0"?>
<Patient xmlns="http://hl7.org/fhir"><!-- a comment -->
  <text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">Words</div></text>
  <identifier><system value="http://plan.example/mrn"/><value value="7"/></identifier>
  <active value="true"/>
  <name><family value="Birch"/></name>
  <multipleBirthInteger value="2"/>
</Patient>"#;

async fn send(server: &TestServer, token: &str, method: Method, path: &str, kind: &str, body: &str) -> Answer {
    let request = request(method, path, Some(token)).content_type(kind);
    server.send(request.body(body.to_owned())).await
}

async fn accepting(server: &TestServer, token: Option<&str>, path: &str, accept: &str) -> Answer {
    server.send(request(Method::GET, path, token).header("accept", accept).finish()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_is_written_in_xml_and_read_in_either_form() {
    let server = TestServer::builder().start().await;
    let token = server.system("system/*.cruds").await;
    let created =
        send(&server, &token, Method::POST, "/fhir/Patient?_format=xml", "application/fhir+xml", PATIENT).await;
    assert_eq!(created.status, 201, "{}", created.text());
    assert_eq!(created.header("content-type"), Some("application/fhir+xml; charset=utf-8"));
    let path = created.header("location").unwrap().strip_prefix("https://plan.example").unwrap().to_owned();
    let path = path.split("/_history").next().unwrap().to_owned();
    let json = server.get(&path, Some(&token)).await;
    assert_eq!(json.json()["active"], true);
    assert_eq!(json.json()["multipleBirthInteger"], 2);
    assert_eq!(json.json()["name"][0]["family"], "Birch");

    let xml = accepting(&server, Some(&token), &path, "application/fhir+xml").await;
    assert_eq!(xml.header("etag"), Some("W/\"1\""));
    assert!(
        xml.text()
            .starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Patient xmlns=\"http://hl7.org/fhir\"><id value=")
    );
    assert!(xml.text().contains("<div xmlns=\"http://www.w3.org/1999/xhtml\">Words</div>"));
    // What was read can be sent back: nothing changes.
    let same = send(&server, &token, Method::PUT, &path, "application/fhir+xml", &xml.text()).await;
    assert_eq!((same.status.as_u16(), same.header("etag")), (200, Some("W/\"1\"")), "{}", same.text());

    let bundle = accepting(&server, Some(&token), "/fhir/Patient?_format=xml&_pretty=true", "*/*").await;
    assert!(bundle.text().contains("\n    <resource>\n      <Patient>"), "{}", bundle.text());
    let change = r#"<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="operation"/>
        <part><name value="type"/><valueCode value="replace"/></part><part><name value="path"/><valueString value="Patient.active"/></part>
        <part><name value="value"/><valueBoolean value="false"/></part></parameter></Parameters>"#;
    let patched = send(&server, &token, Method::PATCH, &path, "application/fhir+xml", change).await;
    assert_eq!(
        (patched.status.as_u16(), &patched.json()["active"]),
        (200, &serde_json::json!(false)),
        "{}",
        patched.text()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_and_capabilities_come_in_the_form_that_is_asked_for() {
    let server = TestServer::builder().start().await;
    let token = server.system("system/*.cruds").await;
    let missing = accepting(&server, Some(&token), "/fhir/Patient/none", "application/fhir+xml").await;
    assert_eq!(missing.status, 404);
    assert!(
        missing.text().contains("<OperationOutcome xmlns=\"http://hl7.org/fhir\"><issue><severity value=\"error\"/>")
    );
    let metadata =
        accepting(&server, None, "/fhir/metadata", "application/fhir+xml;q=0.9, application/fhir+json;q=0.5").await;
    assert!(metadata.text().contains("<format value=\"application/fhir+xml\"/>"));
    // The better liked of two, and what no one writes.
    let json = accepting(&server, None, "/fhir/metadata", "application/fhir+xml;q=0.4, application/fhir+json").await;
    assert_eq!(json.json()["resourceType"], "CapabilityStatement");
    assert_eq!(accepting(&server, None, "/fhir/metadata", "text/turtle").await.status, 406);
    assert_eq!(accepting(&server, None, "/fhir/metadata?_format=ttl", "*/*").await.status, 406);

    let bomb =
        "<!DOCTYPE x [<!ENTITY a \"aaaaaaaa\"><!ENTITY b \"&a;&a;&a;\">]><Patient xmlns=\"http://hl7.org/fhir\"/>";
    let refused = send(&server, &token, Method::POST, "/fhir/Patient", "application/fhir+xml", bomb).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.issue().1, "not valid FHIR XML: line 1, column 1: a document type is not accepted");
    let wrong = send(&server, &token, Method::POST, "/fhir/Patient", "text/turtle", "x").await;
    assert_eq!(wrong.status, 415);
}

/// Every example of R4 and of the guides is the same resource after a way through XML.
#[test]
fn the_guides_examples_survive_xml() {
    for (name, text) in super::examples::examples().unwrap_or_default() {
        let node = ingle::fhir::json::parse(&text).unwrap();
        let xml = ingle::fhir::xml::write(&node, false);
        let back = ingle::fhir::xml::read(&xml).unwrap_or_else(|error| panic!("{name}: {error}"));
        let back = ingle::fhir::json::parse(&back).unwrap();
        if let Some(way) = difference(&node, &back) {
            panic!("{name}: {way}");
        }
    }
}

/// Where two trees differ, without regard to the order of members.
fn difference(left: &ingle::fhir::json::Node<'_>, right: &ingle::fhir::json::Node<'_>) -> Option<String> {
    use ingle::fhir::json::Node;
    match (left, right) {
        (Node::Object(members), Node::Object(others)) => {
            if members.len() != others.len() {
                return Some(format!("{} members, {} members", members.len(), others.len()));
            }
            members.iter().find_map(|(name, value)| match right.get(name) {
                None => Some(format!("{name}: missing")),
                // The words are kept; white space around them is not.
                Some(Node::String(other)) if name == "div" => {
                    (other.trim() != value.text()?.trim().replace("&reg;", "&#174;")).then(|| "div".into())
                }
                Some(other) => difference(value, other).map(|way| format!("{name}.{way}")),
            })
        }
        (Node::Array(items), Node::Array(others)) if items.len() == others.len() => items
            .iter()
            .zip(others)
            .enumerate()
            .find_map(|(at, (one, other))| difference(one, other).map(|way| format!("[{at}].{way}"))),
        _ => (left != right).then(|| format!("{left} became {right}")),
    }
}
