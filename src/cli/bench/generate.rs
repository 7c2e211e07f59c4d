//! A made-up plan of any size: 145 resources a member, claims of about 4.6 KB shaped like CARIN BB, written as NDJSON
//! member by member. The same seed gives the same bytes.

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::path::Path;

/// Resources of one member: patient, coverage, claims, observations, conditions, encounters, medications.
pub(super) const PER_MEMBER: usize = 145;
const CLAIMS: usize = 60;
const OBSERVATIONS: usize = 45;
const CONDITIONS: usize = 15;
const ENCOUNTERS: usize = 15;
const MEDICATIONS: usize = 8;
/// Members per file.
const MEMBERS_PER_FILE: usize = 1_000;
/// Practitioners in the public directory.
pub(super) const PRACTITIONERS: usize = 2_000;

/// A small repeatable generator (xorshift64*); nothing here is secret.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(super) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize) % sides.max(1)
    }

    pub(super) fn pick<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of.get(self.roll(of.len())).copied().unwrap_or_default()
    }

    fn day(&mut self) -> String {
        format!("20{:02}-{:02}-{:02}", 20 + self.roll(6), 1 + self.roll(12), 1 + self.roll(28))
    }

    fn cents(&mut self) -> String {
        format!("{}.{:02}", self.roll(2_500), self.roll(100))
    }
}

const FAMILIES: [&str; 16] = [
    "Alder", "Birch", "Castaño", "Delgado", "Eriksson", "Fontaine", "Greco", "Haddad", "Ishikawa", "Jansen",
    "Kowalski", "Lindgren", "Moreau", "Nakamura", "Okafor", "Petrov",
];
const GIVEN: [&str; 12] =
    ["Ana", "Bruno", "Carla", "Dmitri", "Elena", "Farid", "Grace", "Hugo", "Inés", "Jonas", "Keiko", "Liam"];
const CITIES: [&str; 8] =
    ["Birchmont", "Cedar Hollow", "Port Linden", "Fernley", "Ash Creek", "Maple Run", "Oakdale", "Pine Bluff"];
const AMOUNTS: [(&str, &str); 6] = [
    ("http://terminology.hl7.org/CodeSystem/adjudication", "submitted"),
    ("http://terminology.hl7.org/CodeSystem/adjudication", "eligible"),
    ("http://terminology.hl7.org/CodeSystem/adjudication", "benefit"),
    ("http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBAdjudication", "paidtoprovider"),
    ("http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBAdjudication", "memberliability"),
    ("http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBAdjudication", "discount"),
];

/// Writes the members' NDJSON files into `folder`; returns the number of resources and of bytes.
pub(super) fn members(folder: &Path, members: usize) -> std::io::Result<(usize, u64)> {
    let mut bytes = 0;
    for (file, first) in (0..members).step_by(MEMBERS_PER_FILE).enumerate() {
        let mut out = BufWriter::new(std::fs::File::create(folder.join(format!("members-{file:04}.ndjson")))?);
        let mut text = String::new();
        for member in first..members.min(first + MEMBERS_PER_FILE) {
            text.clear();
            write_member(member, &mut text);
            bytes += text.len() as u64;
            out.write_all(text.as_bytes())?;
        }
        out.flush()?;
    }
    Ok((members * PER_MEMBER, bytes))
}

/// Writes the public directory; returns the number of resources.
pub(super) fn directory(folder: &Path) -> std::io::Result<usize> {
    let mut dice = Dice::new(77);
    let mut text = String::new();
    for n in 0..PRACTITIONERS {
        let (family, given, city) = (dice.pick(&FAMILIES), dice.pick(&GIVEN), dice.pick(&CITIES));
        line(
            &mut text,
            &format!(
                r#"{{"resourceType":"Practitioner","id":"prac-{n}","meta":{{"profile":["http://hl7.org/fhir/us/davinci-pdex-plan-net/StructureDefinition/plannet-Practitioner"]}},"active":true,"identifier":[{{"system":"http://hl7.org/fhir/sid/us-npi","value":"{}"}}],"name":[{{"family":"{family}","given":["{given}"]}}],"address":[{{"city":"{city}","state":"OR","postalCode":"97{:03}"}}]}}"#,
                1_000_000_000 + n,
                dice.roll(1_000),
            ),
        );
        line(
            &mut text,
            &format!(
                r#"{{"resourceType":"PractitionerRole","id":"role-{n}","meta":{{"profile":["http://hl7.org/fhir/us/davinci-pdex-plan-net/StructureDefinition/plannet-PractitionerRole"]}},"active":true,"practitioner":{{"reference":"Practitioner/prac-{n}"}},"specialty":[{{"coding":[{{"system":"http://nucc.org/provider-taxonomy","code":"20{}Q00000X"}}]}}]}}"#,
                dice.roll(40),
            ),
        );
    }
    std::fs::write(folder.join("directory.ndjson"), text)?;
    Ok(PRACTITIONERS * 2)
}

fn line(out: &mut String, resource: &str) {
    out.push_str(resource);
    out.push('\n');
}

fn write_member(n: usize, out: &mut String) {
    let mut dice = Dice::new(n as u64 + 1);
    let patient = format!("p{n}");
    let (family, given) = (dice.pick(&FAMILIES), dice.pick(&GIVEN));
    line(
        out,
        &format!(
            r#"{{"resourceType":"Patient","id":"{patient}","meta":{{"profile":["http://hl7.org/fhir/us/carin-bb/StructureDefinition/C4BB-Patient"]}},"identifier":[{{"type":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MB"}}]}},"system":"https://plan.example/ids/member","value":"M{n:07}"}}],"name":[{{"family":"{family}","given":["{given}"]}}],"gender":"{}","birthDate":"19{:02}-{:02}-{:02}","address":[{{"line":["{} Ridge Road"],"city":"{}","state":"OR","postalCode":"97{:03}"}}]}}"#,
            dice.pick(&["female", "male"]),
            20 + dice.roll(79),
            1 + dice.roll(12),
            1 + dice.roll(28),
            1 + dice.roll(900),
            dice.pick(&CITIES),
            dice.roll(1_000),
        ),
    );
    line(
        out,
        &format!(
            r#"{{"resourceType":"Coverage","id":"{patient}-cov","meta":{{"profile":["http://hl7.org/fhir/us/carin-bb/StructureDefinition/C4BB-Coverage"]}},"status":"active","subscriberId":"M{n:07}","beneficiary":{{"reference":"Patient/{patient}"}},"relationship":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/subscriber-relationship","code":"self"}}]}},"period":{{"start":"2020-01-01"}},"payor":[{{"reference":"Organization/plan"}}]}}"#,
        ),
    );
    for claim in 0..CLAIMS {
        line(out, &self::claim(&patient, claim, &mut dice));
    }
    for at in 0..OBSERVATIONS {
        observation(&patient, at, &mut dice, out);
    }
    for at in 0..CONDITIONS {
        let (letter, code) = (dice.pick(&["E", "I", "J", "M"]), dice.roll(90));
        line(
            out,
            &format!(
                r#"{{"resourceType":"Condition","id":"{patient}-c{at}","meta":{{"profile":["http://hl7.org/fhir/us/core/StructureDefinition/us-core-condition-problems-health-concerns"]}},"clinicalStatus":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}}]}},"category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/condition-category","code":"problem-list-item"}}]}}],"code":{{"coding":[{{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"{letter}{code:02}.{}"}}]}},"subject":{{"reference":"Patient/{patient}"}},"recordedDate":"{}"}}"#,
                dice.roll(10),
                dice.day(),
            ),
        );
    }
    for at in 0..ENCOUNTERS {
        let (day, practitioner) = (dice.day(), dice.roll(PRACTITIONERS));
        line(
            out,
            &format!(
                r#"{{"resourceType":"Encounter","id":"{patient}-e{at}","meta":{{"profile":["http://hl7.org/fhir/us/core/StructureDefinition/us-core-encounter"]}},"status":"finished","class":{{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"}},"type":[{{"coding":[{{"system":"http://snomed.info/sct","code":"{}"}}]}}],"subject":{{"reference":"Patient/{patient}"}},"participant":[{{"individual":{{"reference":"Practitioner/prac-{practitioner}"}}}}],"period":{{"start":"{day}T09:{:02}:00Z","end":"{day}T10:{:02}:00Z"}}}}"#,
                185_300_000 + dice.roll(9_000),
                dice.roll(60),
                dice.roll(60),
            ),
        );
    }
    for at in 0..MEDICATIONS {
        line(
            out,
            &format!(
                r#"{{"resourceType":"MedicationRequest","id":"{patient}-m{at}","meta":{{"profile":["http://hl7.org/fhir/us/core/StructureDefinition/us-core-medicationrequest"]}},"status":"active","intent":"order","medicationCodeableConcept":{{"coding":[{{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","code":"{}"}}]}},"subject":{{"reference":"Patient/{patient}"}},"authoredOn":"{}","dosageInstruction":[{{"text":"Take {} a day"}}]}}"#,
                100_000 + dice.roll(900_000),
                dice.day(),
                1 + dice.roll(4),
            ),
        );
    }
}

fn observation(patient: &str, at: usize, dice: &mut Dice, out: &mut String) {
    let (day, loinc) = (dice.day(), 1_000 + dice.roll(80_000));
    line(
        out,
        &format!(
            r#"{{"resourceType":"Observation","id":"{patient}-o{at}","meta":{{"profile":["http://hl7.org/fhir/us/core/StructureDefinition/us-core-observation-lab"]}},"status":"final","category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory","display":"Laboratory"}}]}}],"code":{{"coding":[{{"system":"http://loinc.org","code":"{loinc}-{}"}}],"text":"Test {loinc}"}},"subject":{{"reference":"Patient/{patient}"}},"encounter":{{"reference":"Encounter/{patient}-e{}"}},"effectiveDateTime":"{day}T08:{:02}:00Z","issued":"{day}T17:{:02}:00Z","valueQuantity":{{"value":{}.{},"unit":"mg/dL","system":"http://unitsofmeasure.org","code":"mg/dL"}},"referenceRange":[{{"low":{{"value":{}}},"high":{{"value":{}}}}}]}}"#,
            dice.roll(10),
            dice.roll(ENCOUNTERS),
            dice.roll(60),
            dice.roll(60),
            dice.roll(300),
            dice.roll(10),
            dice.roll(50),
            100 + dice.roll(100),
        ),
    );
}

/// One claim of about 4.6 KB.
pub(super) fn claim(patient: &str, n: usize, dice: &mut Dice) -> String {
    let (start, kind) = (dice.day(), dice.pick(&["professional", "institutional", "pharmacy", "oral"]));
    let mut text = format!(
        r#"{{"resourceType":"ExplanationOfBenefit","id":"{patient}-eob{n}","meta":{{"profile":["http://hl7.org/fhir/us/carin-bb/StructureDefinition/C4BB-ExplanationOfBenefit-Professional-NonClinician"]}},"identifier":[{{"type":{{"coding":[{{"system":"http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBIdentifierType","code":"uc"}}]}},"system":"https://plan.example/ids/claim","value":"{patient}-{n}-{}"}}],"status":"active","type":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/claim-type","code":"{kind}"}}]}},"use":"claim","patient":{{"reference":"Patient/{patient}"}},"billablePeriod":{{"start":"{start}","end":"{start}"}},"created":"{start}T12:{:02}:{:02}Z","insurer":{{"reference":"Organization/plan"}},"provider":{{"reference":"Practitioner/prac-{}"}},"outcome":"complete","careTeam":[{{"sequence":1,"provider":{{"reference":"Practitioner/prac-{}"}},"role":{{"coding":[{{"system":"http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBClaimCareTeamRole","code":"rendering"}}]}}}}],"supportingInfo":[{{"sequence":1,"category":{{"coding":[{{"system":"http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBSupportingInfoType","code":"clmrecvddate"}}]}},"timingDate":"{start}"}}],"diagnosis":[{{"sequence":1,"diagnosisCodeableConcept":{{"coding":[{{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"{}{:02}.{}"}}]}},"type":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/ex-diagnosistype","code":"principal"}}]}}]}}],"insurance":[{{"focal":true,"coverage":{{"reference":"Coverage/{patient}-cov"}}}}],"item":["#,
        dice.roll(1_000_000),
        dice.roll(60),
        dice.roll(60),
        dice.roll(PRACTITIONERS),
        dice.roll(PRACTITIONERS),
        dice.pick(&["E", "I", "J", "M", "K"]),
        dice.roll(90),
        dice.roll(10),
    );
    for item in 1..=2 {
        if item > 1 {
            text.push(',');
        }
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            r#"{{"sequence":{item},"diagnosisSequence":[1],"productOrService":{{"coding":[{{"system":"https://plan.example/codes/service","code":"{}"}}]}},"servicedDate":"{start}","locationCodeableConcept":{{"coding":[{{"system":"https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set","code":"{}"}}]}},"quantity":{{"value":{}}},"adjudication":["#,
            10_000 + dice.roll(90_000),
            dice.pick(&["11", "21", "22", "23"]),
            1 + dice.roll(5),
        );
        amounts(&mut text, 4, dice);
        text.push_str("]}");
    }
    text.push_str("],\"total\":[");
    amounts(&mut text, AMOUNTS.len(), dice);
    let _ = write!(
        text,
        r#"],"payment":{{"type":{{"coding":[{{"system":"http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBPayerAdjudicationStatus","code":"paid"}}]}},"date":"{}","amount":{{"value":{},"currency":"USD"}}}}}}"#,
        dice.day(),
        dice.cents(),
    );
    text
}

fn amounts(text: &mut String, count: usize, dice: &mut Dice) {
    for (at, (system, code)) in AMOUNTS.iter().take(count).enumerate() {
        if at > 0 {
            text.push(',');
        }
        let _ = write!(
            text,
            r#"{{"category":{{"coding":[{{"system":"{system}","code":"{code}"}}]}},"amount":{{"value":{},"currency":"USD"}}}}"#,
            dice.cents(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_has_what_the_figures_say() {
        let mut text = String::new();
        write_member(3, &mut text);
        assert_eq!(text.lines().count(), PER_MEMBER);
        let mut claims = Vec::new();
        for line in text.lines() {
            let prepared = crate::fhir::prepare(line.as_bytes()).unwrap();
            if prepared.kind == crate::fhir::Kind::named("ExplanationOfBenefit") {
                claims.push(line.len());
            }
        }
        let mean = claims.iter().sum::<usize>() / claims.len();
        assert!((4_300..4_900).contains(&mean), "{mean}");
    }
}
