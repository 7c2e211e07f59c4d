use proptest::prelude::*;

use super::*;

fn error(text: &str) -> JsonError {
    parse(text.as_bytes()).unwrap_err()
}

#[test]
fn keeps_the_text_of_numbers() {
    let node = parse(b"\xef\xbb\xbf {\"value\" : 1.00, \"e\":-1e-5 }\n").unwrap();
    assert_eq!(node.to_string(), r#"{"value":1.00,"e":-1e-5}"#);
}

#[test]
fn says_where_it_went_wrong() {
    assert_eq!(
        error("{\n  \"a\": 1,\n  \"a\": 2\n}"),
        JsonError { line: 3, column: 3, reason: "a member name that this object already has" }
    );
    assert_eq!(error("[1,]").column, 4);
    assert_eq!(error("{\"a\":").reason, "the text ends in the middle of a value");
    assert_eq!(error("1 2").reason, "text after the end of the value");
    assert_eq!(parse(b"\"\xff\"").unwrap_err().reason, "not UTF-8");
}

#[test]
fn refuses_what_fhir_cannot_carry() {
    for (text, reason) in [
        (r#""\ud800""#, "half of a surrogate pair"),
        (r#""\ud800\u0041""#, "half of a surrogate pair"),
        (r#""\u0000""#, "a NUL character"),
        (r#""\x""#, "an unknown escape"),
        ("\"a\nb\"", "a control character in a string"),
        ("01", "a number with a leading zero"),
        ("1.", "a number that ends too early"),
        ("-", "a number without digits"),
        ("nul", "expected a value"),
        ("", "the text ends in the middle of a value"),
    ] {
        assert_eq!(error(text).reason, reason, "{text}");
    }
    let deep = "[".repeat(MAX_DEPTH + 2);
    assert_eq!(error(&deep).reason, "nested too deeply");
}

#[test]
fn unescapes_and_escapes_again() {
    let node = parse(br#""a\"\\\/\b\u00e9\ud83d\ude00\n""#).unwrap();
    assert_eq!(node.text(), Some("a\"\\/\u{8}é😀\n"));
    assert_eq!(node.to_string(), "\"a\\\"\\\\/\\u0008é😀\\n\"");
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(parse(&bytes));
    }

    #[test]
    fn agrees_with_serde_json(text in "[\\[\\]{}:,\"0-9a-z\\\\ \\-.eE]{0,40}") {
        let ours = parse(text.as_bytes());
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        if let Ok(node) = &ours {
            let again: serde_json::Value = serde_json::from_str(&node.to_string()).unwrap();
            prop_assert_eq!(theirs.ok(), Some(again));
        }
    }
}
