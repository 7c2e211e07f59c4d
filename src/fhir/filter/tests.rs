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
    crate::fhir::prepare(json.as_bytes()).unwrap().extracted.as_ref().clone()
}

fn says(resource: &Extracted, key: &str, value: &str) -> bool {
    let now: Timestamp = "2026-11-24T00:00:00Z".parse().unwrap();
    let base = "https://plan.example/fhir";
    standard_clause(resource.kind, key, value, now, base).unwrap().is_none_or(|clause| clause.matches(resource))
}

#[test]
fn what_is_contained_is_not_missing() {
    let json = r##"{"resourceType":"MedicationRequest","id":"r","status":"active","intent":"order",
        "contained":[{"resourceType":"Medication","id":"m"}],
        "medicationReference":{"reference":"#m"},"subject":{"reference":"Patient/ana"}}"##;
    let request = crate::fhir::prepare(json.as_bytes()).unwrap().extracted.as_ref().clone();
    for (key, value, holds) in [
        ("medication:missing", "true", false),
        ("medication:missing", "false", true),
        ("medication", "m", false),
        ("medication", "Medication/m", false),
        ("requester:missing", "true", true),
    ] {
        assert_eq!(says(&request, key, value), holds, "{key}={value}");
    }
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
    /// For any input, the reader answers or refuses; it never panics.
    #[test]
    fn no_query_breaks_the_reader(key in "(code|date|subject|performer|_id|_tag)(:[a-zA-Z]{0,8})?", value in ".{0,40}") {
        let kind = Kind::named("Observation");
        drop(standard_clause(kind, &key, &value, Timestamp::UNIX_EPOCH, ""));
    }

    /// `ne` is the opposite of `eq`, and each pair of complementary prefixes covers the line.
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

fn measured(rest: &str) -> Extracted {
    let json = format!(
        r#"{{"resourceType":"Observation","id":"o","status":"final","code":{{"coding":[{{"code":"weight"}}]}},{rest}}}"#
    );
    crate::fhir::prepare(json.as_bytes()).unwrap().extracted.as_ref().clone()
}

/// The rows of FHIR R4, search, 3.1.1.4.5: the precision of a number's text decides which values equal it.
#[test]
fn number_prefixes_mean_what_the_standard_says() {
    for (searched, value, matching) in [
        ("100", "100", "eq ge le ap"),
        ("100", "100.4", "eq gt ge sa ap"),
        ("100", "99.5", "eq lt le eb ap"),
        ("100", "100.5", "ne gt ge sa ap"),
        ("100.00", "100.004", "eq gt ge sa ap"),
        ("100.00", "100.01", "ne gt ge sa ap"),
        ("1e2", "95", "eq lt le eb ap"),
        ("1e2", "106", "ne gt ge sa ap"),
        ("100", "80", "ne lt le eb"),
        ("100", "120", "ne gt ge sa"),
        ("-5", "-5.2", "eq lt le eb ap"),
    ] {
        let resource = measured(&format!(r#""valueQuantity":{{"value":{value},"unit":"kg"}}"#));
        let found: Vec<&str> = ["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]
            .into_iter()
            .filter(|prefix| says(&resource, "value-quantity", &format!("{prefix}{searched}")))
            .collect();
        assert_eq!(found.join(" "), matching, "{searched} against {value}");
    }
}

#[test]
fn quantities_compare_across_units_that_measure_the_same() {
    let ucum = "http://unitsofmeasure.org";
    let grams =
        measured(r#""valueQuantity":{"value":5400,"unit":"grams","system":"http://unitsofmeasure.org","code":"g"}"#);
    for (query, matches) in [
        ("5400", true),
        (&format!("5400|{ucum}|g"), true),
        (&format!("5.4|{ucum}|kg"), true),
        (&format!("5.400|{ucum}|kg"), true),
        (&format!("5.5|{ucum}|kg"), false),
        (&format!("gt5.3|{ucum}|kg"), true),
        (&format!("ge5.4|{ucum}|kg"), true),
        (&format!("gt5.4|{ucum}|kg"), false),
        (&format!("lt12|{ucum}|[lb_av]"), true),
        (&format!("5400|{ucum}|mL"), false),
        (&format!("5400|{ucum}|apples"), false),
        ("5400|http://other.example|g", false),
        ("5400||g", true),
        ("5400||grams", true),
        ("5400||kg", false),
        (&format!("5400|{ucum}|"), true),
    ] {
        assert_eq!(says(&grams, "value-quantity", query), matches, "{query}");
    }
    let below = measured(r#""valueQuantity":{"value":5,"comparator":"<","code":"g"}"#);
    assert!(says(&below, "value-quantity", "lt3") && !says(&below, "value-quantity", "5"));
    assert!(!says(&below, "value-quantity", "gt5"));
    for wrong in ["", "heavy", "5|kg", "5|a|b|c", "xx5"] {
        let now = Timestamp::UNIX_EPOCH;
        let read = standard_clause(crate::fhir::Kind::named("Observation"), "value-quantity", wrong, now, "");
        assert!(read.is_err() || wrong.is_empty(), "{wrong}");
    }
}

#[test]
fn the_parts_of_a_composite_hold_below_one_element() {
    let pressure = measured(
        r#""component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":128}},
        {"code":{"coding":[{"system":"http://loinc.org","code":"8462-4"}]},"valueQuantity":{"value":82}},
        {"code":{"coding":[{"code":"note"}]}}]"#,
    );
    for (key, value, matches) in [
        ("component-code-value-quantity", "8480-6$gt120", true),
        ("component-code-value-quantity", "8462-4$gt120", false),
        ("component-code-value-quantity", "http://loinc.org|8462-4$82", true),
        ("component-code-value-quantity", "8462-4$gt120,8480-6$128", true),
        ("component-code-value-quantity", "note$0", false),
        ("combo-code-value-quantity", "8480-6$lt130", true),
        ("code-value-quantity", "weight$gt0", false),
        ("component-code-value-quantity:missing", "false", true),
        ("code-value-quantity:missing", "true", true),
    ] {
        assert_eq!(says(&pressure, key, value), matches, "{key}={value}");
    }
    let weight = measured(r#""valueQuantity":{"value":71.5,"unit":"kg"}"#);
    assert!(says(&weight, "code-value-quantity", "weight$71.5||kg"));
    assert!(says(&weight, "combo-code-value-quantity", "weight$gt70"));
    assert!(!says(&weight, "code-value-quantity", "height$71.5"));
    let kind = weight.kind;
    for wrong in ["weight", "weight$1$2", "weight$heavy"] {
        assert!(standard_clause(kind, "code-value-quantity", wrong, Timestamp::UNIX_EPOCH, "").is_err(), "{wrong}");
    }
}

#[test]
fn addresses_identifiers_and_places() {
    let prepared = |json: &str| crate::fhir::prepare(json.as_bytes()).unwrap().extracted;
    let profiled = prepared(
        r#"{"resourceType":"Patient","id":"p","meta":{"profile":["http://x/fhir/patient|2.0.0"]},
        "identifier":[{"type":{"coding":[{"system":"http://t","code":"MR"}]},"system":"http://s","value":"12"},
        {"type":{"coding":[{"system":"http://t","code":"SS"}]},"value":"34"}]}"#,
    );
    for (key, value, matches) in [
        ("_profile", "http://x/fhir/patient", true),
        ("_profile", "http://x/fhir/patient|2.0.0", true),
        ("_profile", "http://x/fhir/patient|1.0.0", false),
        ("_profile", "http://x/fhir", false),
        ("_profile:below", "http://x/fhir", true),
        ("_profile:below", "http://x/fhir/pat", false),
        ("_profile:above", "http://x/fhir/patient|2.0.0/more", true),
        ("identifier:of-type", "http://t|MR|12", true),
        ("identifier:of-type", "|MR|12", true),
        ("identifier:of-type", "http://t|MR|34", false),
        ("identifier:of-type", "http://t|SS|34", true),
    ] {
        assert_eq!(says(&profiled, key, value), matches, "{key}={value}");
    }
    let clinic =
        prepared(r#"{"resourceType":"Location","id":"l","position":{"latitude":42.3601,"longitude":-71.0589}}"#);
    for (value, matches) in [
        ("42.36|-71.06", true),
        ("42.36|-71.06|1|km", true),
        ("42.36|-71.06|10|m", false),
        ("40.7128|-74.0060|300", false),
        ("40.7128|-74.0060|200|[mi_us]", true),
    ] {
        assert_eq!(says(&clinic, "near", value), matches, "{value}");
    }
}
