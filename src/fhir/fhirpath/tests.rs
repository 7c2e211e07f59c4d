use super::*;
use crate::fhir::json::parse;

const PATIENT: &str = r##"{"resourceType":"Patient","id":"p","active":true,"birthDate":"1950-02-03",
    "name":[{"use":"official","family":"Alder","given":["Ana","Maria"]},{"use":"usual","given":["Ann"]}],
    "contained":[{"resourceType":"Organization","id":"o","name":"Clinic"}],
    "managingOrganization":{"reference":"#o"},"generalPractitioner":[{"reference":"Practitioner/1"}],
    "multipleBirthInteger":2,"gender":"female","_gender":{"extension":[{"url":"http://x","valueString":"y"}]},
    "telecom":[{"system":"phone","value":"555-0101"}],"extension":[{"url":"http://e","valueDecimal":1.50}]}"##;

fn says(expression: &str) -> Result<bool, Stop> {
    let node = parse(PATIENT.as_bytes()).unwrap();
    let parsed = parse::parse(expression)?;
    eval::Evaluation::new(&node, &node, &node).holds(&parsed)
}

#[test]
fn expressions_mean_what_the_specification_says() {
    for (expression, expected) in [
        ("name.exists()", true),
        ("Patient.name.family = 'Alder'", true),
        ("name.given.count() = 3", true),
        ("name[0].given[1] = 'Maria'", true),
        ("name.where(use = 'usual').given = 'Ann'", true),
        ("name.where(use = 'nothing').exists()", false),
        ("name.all(given.exists())", true),
        ("name.all(family.exists())", false),
        ("active and gender = 'female'", true),
        ("active.not()", false),
        ("photo.empty() or communication.exists()", true),
        // An empty collection implies anything, and an empty result holds.
        ("photo.exists() implies name.empty()", true),
        ("name.exists() implies photo.exists()", false),
        ("photo.title = 'x'", true),
        ("multipleBirth is integer", true),
        ("multipleBirth.ofType(boolean).empty()", true),
        ("multipleBirth > 1 and multipleBirth <= 2", true),
        ("1 + 2 * 3 = 7 and (1 + 2) * 3 = 9", true),
        ("2 - 1 = 1", true),
        ("7 mod 5 = 2 and 7 div 2 = 3 and (7 div 0).empty()", true),
        ("'a' & 'b' = 'ab'", true),
        ("gender in ('male' | 'female')", true),
        ("('male' | 'other') contains gender", false),
        ("birthDate >= @1950-01-01", true),
        ("birthDate.matches('[0-9]{4}-[0-9]{2}-[0-9]{2}')", true),
        ("birthDate.matches('[0-9]{4}')", false),
        ("birthDate.substring(0, 4).toInteger() = 1950", true),
        ("telecom.value.startsWith('555') and telecom.value.length() = 8", true),
        ("managingOrganization.resolve() is Organization", true),
        ("managingOrganization.resolve().name = 'Clinic'", true),
        ("generalPractitioner.resolve() is Practitioner", true),
        ("generalPractitioner.all(resolve() is Organization)", false),
        ("name.given.distinct().count() = 3 and name.given.isDistinct()", true),
        ("gender.extension('http://x').exists() and gender.hasValue()", true),
        ("extension.where(url = 'http://e').value.exists()", true),
        ("extension('http://e').value = 1.5", true),
        ("name.select(given.first()).count() = 2", true),
        ("name.tail().count() = 1 and name.first().family = 'Alder' and name.last().given = 'Ann'", true),
        ("descendants().where($this = 'Clinic').exists()", true),
        ("iif(active, gender = 'male', true)", false),
        ("%resource.id = 'p' and %context.id = 'p'", true),
        ("name.given.subsetOf(name.given | 'x') and ('x' | 'Ana').intersect(name.given) = 'Ana'", true),
        ("name.given.exists($this.contains('ari'))", true),
        ("gender.memberOf('http://hl7.org/fhir/ValueSet/administrative-gender')", true),
        ("(name.use.count() = 2) xor (name.family.count() = 2)", true),
        ("{}.empty()", true),
        ("name.family ~ 'ALDER'", true),
        ("`name`.exists()", true),
    ] {
        assert_eq!(says(expression), Ok(expected), "{expression}");
    }
}

#[test]
fn what_cannot_be_decided_is_said_to_be_so() {
    for expression in [
        "birthDate <= today()",
        "text.`div`.htmlChecks() or name.foo()",
        "gender.memberOf('http://nowhere.example')",
        "name.where(",
        "name..family",
        "'open",
        "name family",
        "#",
    ] {
        assert!(says(expression).is_err(), "{expression}");
    }
    let deep = "(".repeat(2_000) + &")".repeat(2_000);
    assert!(says(&deep).is_err());
    // One side decides alone.
    assert_eq!(says("active or birthDate <= today()"), Ok(true));
}

/// Every expression in the tables can be parsed.
#[test]
fn the_invariants_of_the_guides_are_understood() {
    let mut unread = Vec::new();
    for expression in crate::fhir::structures::expressions() {
        if let Err(stop) = parse::parse(expression) {
            unread.push(format!("{stop}: {expression}"));
        }
    }
    assert!(unread.is_empty(), "{}", unread.join("\n"));
}
