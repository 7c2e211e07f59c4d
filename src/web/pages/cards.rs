//! What an app may read, in cards with plain words instead of resource types.

/// Cards in the order they are shown, with the types that make each of them appear.
const CARDS: [(&str, &[&str]); 4] = [
    ("person", &["Patient", "RelatedPerson"]),
    ("coverage", &["Coverage"]),
    ("claims", &["ExplanationOfBenefit", "Claim", "ClaimResponse"]),
    (
        "clinical",
        &[
            "AllergyIntolerance",
            "CarePlan",
            "CareTeam",
            "Condition",
            "Device",
            "DiagnosticReport",
            "DocumentReference",
            "Encounter",
            "Goal",
            "Immunization",
            "MedicationDispense",
            "MedicationRequest",
            "MedicationStatement",
            "Observation",
            "Procedure",
            "QuestionnaireResponse",
            "ServiceRequest",
            "Specimen",
        ],
    ),
];

/// The cards for these types; `*` is all records.
pub(super) fn of(types: &[String]) -> Vec<&'static str> {
    if types.iter().any(|kind| kind == "*") {
        return vec!["all"];
    }
    let mut cards: Vec<&'static str> = CARDS
        .iter()
        .filter(|(_, members)| types.iter().any(|kind| members.contains(&kind.as_str())))
        .map(|(card, _)| *card)
        .collect();
    let known = |kind: &String| CARDS.iter().any(|(_, members)| members.contains(&kind.as_str()));
    if !types.iter().all(known) {
        cards.push("other");
    }
    cards
}

/// The card of one type, for the list of what was read.
pub(super) fn of_one(kind: &str) -> &'static str {
    CARDS.iter().find(|(_, members)| members.contains(&kind)).map_or("other", |(card, _)| card)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_on_a_card() {
        let of = |types: &[&str]| super::of(&types.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(of(&["Coverage", "*"]), ["all"]);
        assert_eq!(of(&["Coverage", "Patient", "Observation"]), ["person", "coverage", "clinical"]);
        assert_eq!(of(&["Practitioner"]), ["other"]);
        assert!(of(&[]).is_empty());
        assert_eq!(of_one("Claim"), "claims");
    }
}
