use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::fhir::dates;

fn observation(effective: &str) -> Extracted {
    let json = format!(
        r#"{{"resourceType":"Observation","id":"o","status":"final",{effective}
        "code":{{"coding":[{{"system":"http://loinc.org","code":"4548-4","display":"Hemoglobin A1c"}}],"text":"A1C  Test"}},
        "subject":{{"reference":"Patient/ana","identifier":{{"system":"http://x/ids","value":"7"}}}},
        "performer":[{{"reference":"https://elsewhere.example/fhir/Practitioner/9"}}]}}"#
    );
    crate::fhir::prepare(json.as_bytes()).unwrap().extracted
}

fn says(resource: &Extracted, key: &str, value: &str) -> bool {
    let now: Timestamp = "2026-11-24T00:00:00Z".parse().unwrap();
    let base = "https://plan.example/fhir";
    clause(resource.kind, key, value, now, base).unwrap().is_none_or(|clause| clause.matches(resource))
}

/// The table of `../shared/spec/fhir-rest.md`, row by row: searched span, target, prefixes that match.
#[test]
fn date_prefixes_mean_what_the_standard_says() {
    for (searched, target, matching) in [
        ("2020", r#""effectivePeriod":{"start":"2019-12-01","end":"2020-02-01"},"#, "ne lt le ap"),
        ("2020", r#""effectivePeriod":{"start":"2020-03-01","end":"2020-04-01"},"#, "eq ge le ap"),
        ("2020", r#""effectivePeriod":{"start":"2020-03-01"},"#, "ne gt ge ap"),
        ("2020-01-01", r#""effectiveDateTime":"2020-01-01","#, "eq ge le ap"),
        ("2020-01-01", r#""effectiveDateTime":"2020-01-02","#, "ne gt ge sa ap"),
        ("2020-01-01", r#""effectiveDateTime":"2019-12-31","#, "ne lt le eb ap"),
        ("2020-01-01", r#""effectiveDateTime":"2020-01-01T10:00:00Z","#, "eq ge le ap"),
        ("2020-01-01T10:00:00Z", r#""effectiveDateTime":"2020-01-01T05:00:00.5-05:00","#, "eq ge le ap"),
    ] {
        let resource = observation(target);
        let found: Vec<&str> = ["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]
            .into_iter()
            .filter(|prefix| says(&resource, "date", &format!("{prefix}{searched}")))
            .collect();
        assert_eq!(found.join(" "), matching, "{searched} against {target}");
    }
}

#[test]
fn a_missing_element_matches_nothing_but_missing() {
    let resource = observation("");
    for prefix in ["", "ne", "lt", "gt"] {
        assert!(!says(&resource, "date", &format!("{prefix}2020")), "{prefix}");
    }
    assert!(says(&resource, "date:missing", "true"));
    assert!(!says(&resource, "date:missing", "false"));
    assert!(says(&resource, "category:not", "laboratory"));
}

#[test]
fn tokens_references_and_words() {
    let resource = observation("");
    for (key, value, matches) in [
        ("code", "4548-4", true),
        ("code", "http://loinc.org|4548-4", true),
        ("code", "http://loinc.org|", true),
        ("code", "|4548-4", false),
        ("code", "http://other|4548-4", false),
        ("code", "x,4548-4", true),
        ("code:text", "hemoglobin a", true),
        ("code:text", "a1c test", true),
        ("code:text", "test", false),
        ("status", "|FINAL", true),
        ("subject", "ana", true),
        ("subject", "https://plan.example/fhir/Patient/ana", true),
        ("subject", "https://elsewhere.example/fhir/Patient/ana", false),
        ("subject:Patient", "ana", true),
        ("subject:Group", "ana", false),
        ("subject:identifier", "http://x/ids|7", true),
        ("subject:identifier", "|7", false),
        ("performer", "https://elsewhere.example/fhir/Practitioner/9", true),
        ("performer", "Practitioner/9", false),
        ("_id", "o", true),
        ("_id", "Observation/o", true),
    ] {
        assert_eq!(says(&resource, key, value), matches, "{key}={value}");
    }
}

#[test]
fn escapes_keep_separators_in_values() {
    let json = r#"{"resourceType":"Organization","id":"o","name":"Smith, Lee | Co"}"#;
    let resource = crate::fhir::prepare(json.as_bytes()).unwrap().extracted;
    assert!(says(&resource, "name:exact", r"Smith\, Lee \| Co"));
    assert!(!says(&resource, "name:exact", "Smith, Lee | Co"));
}

proptest! {
    /// Whatever is typed, the reader answers or refuses; it never panics.
    #[test]
    fn no_query_breaks_the_reader(key in "(code|date|subject|performer|_id|_tag)(:[a-zA-Z]{0,8})?", value in ".{0,40}") {
        let kind = Kind::named("Observation");
        drop(clause(kind, &key, &value, Timestamp::UNIX_EPOCH, ""));
    }

    /// `ne` is the opposite of `eq`, and each pair of neighbours covers the line.
    #[test]
    fn prefixes_agree_with_each_other(lo in -50_i64..50, width in 1_i64..20, has in -60_i64..60, long in 1_i64..30) {
        let (searched, target) = (dates::Span { lo, hi: lo + width }, dates::Span { lo: has, hi: has + long });
        let holds = |prefix: Prefix| prefix.holds(searched, target);
        prop_assert_ne!(holds(Prefix::Eq), holds(Prefix::Ne));
        prop_assert_eq!(holds(Prefix::Ge), holds(Prefix::Gt) || holds(Prefix::Eq));
        prop_assert_eq!(holds(Prefix::Le), holds(Prefix::Lt) || holds(Prefix::Eq));
        prop_assert!(!holds(Prefix::Sa) || holds(Prefix::Gt));
        prop_assert!(!holds(Prefix::Eb) || holds(Prefix::Lt));
    }
}
