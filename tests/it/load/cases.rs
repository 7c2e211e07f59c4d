//! The case files beside the project, each loaded into a whole server: what its README says must happen.

use std::collections::BTreeMap;

use ingle::load::{Mapping, Summary};
use serde_json::Value;

use super::load_with;
use crate::beside::beside;
use crate::server::TestServer;

/// What is there after some files were loaded, one load after the other.
struct Loaded {
    server: TestServer,
    /// Of the last load.
    summary: Summary,
    /// By type.
    resources: BTreeMap<&'static str, Vec<Value>>,
    /// Types in the public directory.
    public: BTreeMap<&'static str, Vec<Value>>,
}

/// Loads the members of all cases and then files, named in the folder of cases, and with a mapping beside them if there is one.
async fn after(files: &[&str]) -> Option<Loaded> {
    let cases = beside("the cases of loading", "cases")?;
    let server = TestServer::builder().start().await;
    let mut summary = Summary::default();
    for file in std::iter::once(&"00-members.csv").chain(files) {
        let path = cases.join(file);
        let mapping = std::fs::read_to_string(path.with_extension("toml")).unwrap_or_default();
        let mapping = Mapping::parse(&mapping).unwrap();
        summary = tokio::task::block_in_place(|| load_with(&server, vec![path], mapping));
    }
    let token = server.system("system/*.cruds").await;
    let (mut resources, mut public) = (BTreeMap::new(), BTreeMap::new());
    for kind in ["Patient", "Coverage", "ExplanationOfBenefit"] {
        let found = server.get(&format!("/fhir/{kind}?_count=1000"), Some(&token)).await.json();
        resources.insert(kind, entries(&found));
    }
    for kind in ["Practitioner", "PractitionerRole", "Organization", "Location"] {
        public.insert(kind, entries(&server.get(&format!("/directory/{kind}?_count=1000"), None).await.json()));
    }
    Some(Loaded { server, summary, resources, public })
}

fn entries(bundle: &Value) -> Vec<Value> {
    let entries = bundle["entry"].as_array().into_iter().flatten();
    entries.map(|entry| entry["resource"].clone()).filter(|one| one["resourceType"] != "OperationOutcome").collect()
}

impl Loaded {
    fn found(&self, rule: &str) -> u64 {
        self.summary.findings.iter().find(|finding| finding.rule == rule).map_or(0, |finding| finding.count)
    }

    /// The reasons under a rule, joined.
    fn reasons(&self, rule: &str) -> String {
        let found = self.summary.findings.iter().find(|finding| finding.rule == rule);
        let reasons = found.into_iter().flat_map(|finding| &finding.examples).map(|example| example.reason.as_str());
        reasons.collect::<Vec<_>>().join("; ")
    }

    fn claims(&self) -> &[Value] {
        &self.resources["ExplanationOfBenefit"]
    }

    fn claim(&self, number: &str) -> &Value {
        let is = |one: &&Value| one["identifier"].to_string().contains(&format!("\"{number}\""));
        self.claims().iter().find(is).unwrap_or_else(|| panic!("no claim {number}: {:#?}", self.summary))
    }

    fn total(&self, number: &str, code: &str) -> Option<f64> {
        let total = self.claim(number)["total"].as_array().cloned().unwrap_or_default();
        let one = total.iter().find(|one| one["category"]["coding"][0]["code"] == code)?;
        one["amount"]["value"].as_f64()
    }

    fn member(&self, number: &str) -> Option<&Value> {
        self.resources["Patient"].iter().find(|one| one["identifier"][0]["value"] == number)
    }

    fn provider(&self, number: &str) -> String {
        self.claim(number)["provider"].to_string()
    }

    fn coverage(&self, number: &str) -> Vec<(String, String)> {
        let id = self.member(number).unwrap()["id"].as_str().unwrap();
        let whose = format!("Patient/{id}");
        let of = self.resources["Coverage"].iter().filter(|one| one["beneficiary"]["reference"] == whose.as_str());
        let day = |one: &Value, edge: &str| one["period"][edge].as_str().unwrap_or_default().to_owned();
        of.map(|one| (day(one, "start"), day(one, "end"))).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn days_in_october_are_days() {
    let Some(after_claims) = after(&["data/01-october.csv"]).await else { return };
    assert_eq!((after_claims.claims().len(), after_claims.summary.rejected), (6, 0), "{:#?}", after_claims.summary);
    let after = after(&["data/01-october-members.csv"]).await.unwrap();
    assert_eq!(after.member("D101").unwrap()["birthDate"], "1970-10-27");
    assert_eq!(after.coverage("D102"), [("2025-10-01".to_owned(), String::new())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_digits_may_begin_with_the_month() {
    let Some(after) = after(&["43-mmddyyyy.csv"]).await else { return };
    assert_eq!(after.member("L31").unwrap()["birthDate"], "1970-02-14", "{:#?}", after.summary);
    assert_eq!(after.coverage("L31")[0].0, "2026-01-01");
}

/// Members with their doctor's NPI, and claims with the patient's name, were taken for providers and stood in the directory.
#[tokio::test(flavor = "multi_thread")]
async fn members_are_not_published() {
    for file in ["data/02-members-with-their-doctor.csv", "data/02-claims-with-an-unknown-member-column.csv"] {
        let Some(after) = after(&[file]).await else { return };
        assert!(after.public.values().all(Vec::is_empty), "{file}: {:#?}", after.public);
        assert_eq!((after.found("unknown-file"), after.summary.rejected), (1, 1), "{file}: {:#?}", after.summary);
        let said = after.reasons("unknown-file");
        assert!(said.contains("column") && !said.contains("Example"), "{said}");
    }
}

/// Claims with the clinic's e-mail were taken for the roster, and sign-in codes went to the clinic.
#[tokio::test(flavor = "multi_thread")]
async fn claims_are_no_roster() {
    let Some(after) = after(&["data/10-roster.csv", "data/10-claims-taken-for-the-roster.csv"]).await else { return };
    let telecom = after.member("D1001").unwrap()["telecom"].to_string();
    assert!(telecom.contains("case@example.org") && !telecom.contains("clinic"), "{telecom}");
    let said = after.reasons("unknown-file");
    assert!(said.contains("--as members") && said.contains("DX1"), "{said}");
    let digest = |address: &str| ingle::identity::Contact::parse(address).unwrap();
    assert!(digest("case@example.org") != digest("frontdesk@clinic.example"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_mapping_names_counts() {
    let Some(mapped) = after(&["data/03-map-against-a-known-name.csv"]).await else { return };
    assert_eq!(mapped.total("D3-1", "benefit"), Some(70.0), "{:#?}", mapped.summary);
    assert!(mapped.provider("D3-1").contains("1234567893") || mapped.provider("D3-1").contains("Sample Clinic"));
    assert!(mapped.reasons("two-columns-for-one-field").contains("paid is taken from column 12 (NET_PD)"));
    let employer = after(&["data/03-employer-group.csv"]).await.unwrap();
    let token = employer.server.system("system/*.cruds").await;
    let names = employer.server.get("/fhir/Organization?_count=100", Some(&token)).await.text();
    assert!(names.contains("Sample Clinic") && !names.contains("Example Employer"), "{names}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_amounts_are_left_out() {
    let Some(unpaid) = after(&["data/04-allowed-without-paid.csv"]).await else { return };
    let claim = unpaid.claim("D4-1");
    assert_eq!((unpaid.total("D4-1", "benefit"), unpaid.total("D4-1", "eligible")), (None, Some(100.0)));
    assert!(claim["payment"].is_null() && !claim["item"].to_string().contains("\"benefit\""), "{claim:#}");
    let unshared = after(&["data/04-paid-without-share.csv"]).await.unwrap();
    assert_eq!((unshared.total("D4-2", "benefit"), unshared.total("D4-2", "memberliability")), (Some(80.0), None));
    assert!(!unshared.claim("D4-2").to_string().contains("memberliability"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_cell_may_have_a_line_break() {
    let Some(after) = after(&["35-header-with-line-break.csv"]).await else { return };
    assert_eq!((after.summary.rejected, after.found("unknown-file")), (0, 0), "{:#?}", after.summary);
}

/// A birth date of a provider stays out of the directory, and the report says which columns were left out.
#[tokio::test(flavor = "multi_thread")]
async fn columns_that_are_not_used_are_listed() {
    let Some(after) = after(&["44-provider-columns.txt"]).await else { return };
    let public = serde_json::to_string(&after.public).unwrap();
    assert!(!public.contains("1970"), "{public}");
    let said = format!("{} {}", after.reasons("columns-not-used"), after.reasons("unknown-file"));
    assert!(said.contains("column") || said.contains("Provider_DOB"), "{:#?}", after.summary);
}

#[tokio::test(flavor = "multi_thread")]
async fn tooth_surfaces_are_single_letters() {
    let Some(after) = after(&["data/05-tooth-surfaces.csv"]).await else { return };
    let claim = &after.claims()[0];
    let surfaces = claim["item"][0]["subSite"].as_array().unwrap();
    let codes: Vec<&str> = surfaces.iter().map(|one| one["coding"][0]["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["M", "O", "D"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_whose_lines_do_not_add_up_is_told_of() {
    let Some(after) = after(&["20-total-differs-from-lines.837"]).await else { return };
    assert_eq!(after.found("totals-disagree"), 1, "{:#?}", after.summary);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_code_stands_under_a_system_whose_form_it_has_not() {
    let Some(after) = after(&["data/05-codes-of-another-form.csv"]).await else { return };
    assert_eq!((after.claims().len(), after.found("code-of-another-form")), (5, 5), "{:#?}", after.summary);
    let text: String = after.claims().iter().map(Value::to_string).collect();
    for wrong in ["\"code\":\"185345009\"", "e002090d", "195662009", "250.00", "\"195.662009\""] {
        assert!(!text.contains(wrong), "{wrong}");
    }
    assert!(!after.claim("D5-5")["diagnosis"].to_string().contains("E11"), "ICD-10 before its day");
    let drugs = self::after(&["data/05-ndc-from-a-spreadsheet.csv"]).await.unwrap();
    assert_eq!((drugs.claims().len(), drugs.found("code-of-another-form")), (5, 4), "{:#?}", drugs.summary);
    let codes: Vec<String> = drugs
        .claims()
        .iter()
        .flat_map(|claim| claim["item"][0]["productOrService"]["coding"].as_array().cloned().unwrap_or_default())
        .filter(|coding| coding["system"] == "http://hl7.org/fhir/sid/ndc")
        .map(|coding| coding["code"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(codes, ["00093107401"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn amounts_that_cannot_be_read_are_not_zero() {
    let Some(after) = after(&["37-amounts-that-cannot-be-read.837"]).await else { return };
    assert_eq!((after.claims().len(), after.found("claim"), after.summary.kept), (0, 4, 0), "{:#?}", after.summary);
    assert!(after.reasons("claim").contains("(its form is $999)"), "{}", after.reasons("claim"));
    let files = ["37-claim-for-the-payment.837", "37-amounts-that-cannot-be-read.835"];
    let paid = self::after(&files).await.unwrap();
    assert_eq!((paid.found("claim"), paid.summary.kept, paid.summary.rejected), (1, 0, 1), "{:#?}", paid.summary);
    assert_eq!(paid.claims()[0]["outcome"], "queued");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pending_request_of_cms_is_not_certified() {
    let Some(after) = after(&["data/06-cms-review-pending.csv"]).await else { return };
    let text = after.claims()[0]["item"].to_string();
    assert!(!text.contains("\"A2\"") && text.contains("\"A4\""), "{text}");
    assert_eq!(text.matches("eligible").count(), 0, "{text}");
}

/// What a roster says beside the columns that are read is at least named.
#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_is_not_read_is_named() {
    for (file, columns) in [
        ("41-members-with-status.csv", "status, date_of_death"),
        ("41-roster-is-active.csv", "ID, IsActive"),
        ("41-action-code-term.txt", "Record_Type, Action_Code, Plan_Number"),
        ("19-suffix-country.csv", "suffix, country"),
    ] {
        let Some(after) = after(&[file]).await else { return };
        assert_eq!(after.reasons("columns-not-used"), columns);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_have_no_hidden_characters_and_zip_codes_their_zeros() {
    let Some(after) = after(&["35-invisible-and-zip.csv"]).await else { return };
    let family = |number: &str| after.member(number).unwrap()["name"][0]["family"].as_str().unwrap().to_owned();
    let zip = |number: &str| after.member(number).unwrap()["address"][0]["postalCode"].as_str().unwrap().to_owned();
    assert_eq!(["N06", "N08"].map(family), ["Sample", "Sam ple"]);
    assert_eq!(["N06", "N07"].map(zip), ["03004", "03004-1234"]);
    assert!(after.member("N09").is_none() && after.summary.rejected == 1, "{:#?}", after.summary);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_days_of_the_statement_stand() {
    let Some(after) = after(&["data/12-line-day-outside-the-statement.txt"]).await else { return };
    let period = &after.claims()[0]["billablePeriod"];
    assert_eq!((&period["start"], after.found("line-outside-claim")), (&"2026-01-24".into(), 1), "{period}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_known_and_of_no_use_are_named() {
    for file in ["data/08-nppes-practice-locations.csv", "data/08-nppes-endpoints.csv"] {
        let Some(after) = after(&[file]).await else { return };
        assert_eq!((after.found("other-message"), after.summary.rejected), (1, 0), "{:#?}", after.summary);
    }
    let pharmacy = after(&["data/13-pharmacy-table-without-ndc.csv"]).await;
    assert!(pharmacy.is_none_or(|after| after.reasons("claim-row").contains("NDC")));
}
