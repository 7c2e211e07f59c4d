//! `[access] sensitive_codes`: a plan's own codes, and what becomes of records that are stored already.

use super::Install;

const CONDITION: &str = r#"{"resourceType":"Condition","id":"c1","subject":{"reference":"Patient/p1"},"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"M54.5"}]}}"#;

#[test]
fn threat_92_changed_lists_reach_what_is_stored() {
    let install = Install::new();
    let plain = std::fs::read_to_string(install.path("fhir.toml")).unwrap();
    install.write("in.ndjson", format!("{{\"resourceType\":\"Patient\",\"id\":\"p1\"}}\n{CONDITION}\n"));
    let (code, said, talk) = install.run(&["load", "in.ndjson"]);
    assert_eq!(code, 0, "{said}{talk}");
    let differs = || {
        let (code, said, talk) = install.run(&["verify"]);
        assert_eq!(code, 0, "{said}{talk}");
        (said + &talk).contains("withhold or attribute 1 resources otherwise")
    };
    let reindex = || {
        let (code, said, talk) = install.run(&["reindex"]);
        assert_eq!(code, 0, "{said}{talk}");
    };
    assert!(!differs());
    install.write("own.txt", "# back pain\nviolence icd-10-cm M54*\n");
    let with_list = plain.replace("# sensitive_codes = \"sensitive-codes.txt\"", "sensitive_codes = \"own.txt\"");
    assert_ne!(with_list, plain);
    install.write("fhir.toml", &with_list);
    assert!(differs(), "the list is new");
    reindex();
    assert!(!differs());
    // Without the list the label goes again.
    install.write("fhir.toml", &plain);
    assert!(differs(), "the list is gone");
    reindex();
    assert!(!differs());

    install.write("fhir.toml", &with_list);
    install.write("own.txt", "violence icd-10-cm M54*\nvoilence icd-10-cm M55*\n");
    let (code, _, talk) = install.run(&["verify"]);
    assert_ne!(code, 0);
    assert!(talk.contains("own.txt") && talk.contains("line 2: 'voilence' is no topic"), "{talk}");
}
