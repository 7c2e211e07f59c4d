use super::*;
use crate::access::{Narrowing, ScopeSet};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn access(scopes: &str) -> AppAccess {
    AppAccess {
        client_id: "app".into(),
        member: Some("m".into()),
        patients: vec!["a".into()],
        scopes: ScopeSet::parse(scopes).unwrap(),
        grant: None,
        withheld: Categories::NONE,
        issued: NOW,
        expires: Timestamp::MAX,
        narrowing: None,
    }
}

fn ask(access: AppAccess, kind: &str, operation: Operation) -> Result<View, Denied> {
    decide(&Principal::App(Arc::new(access)), Base::Fhir, Kind::parse(kind).unwrap(), operation, NOW)
}

#[test]
fn the_scope_decides_by_type_and_letter() {
    for (scopes, kind, operation, allowed) in [
        ("patient/*.rs", "Condition", Operation::Read, true),
        ("patient/Condition.r", "Condition", Operation::Read, true),
        ("patient/Condition.r", "Condition", Operation::Search, false),
        ("patient/Condition.rs", "Organization", Operation::Read, false),
        ("patient/*.rs", "Organization", Operation::Read, true),
        // A back-end scope in a member's token opens nothing.
        ("system/*.rs", "Condition", Operation::Read, false),
        ("openid fhirUser", "Condition", Operation::Read, false),
    ] {
        assert_eq!(ask(access(scopes), kind, operation).is_ok(), allowed, "{scopes} {kind} {operation:?}");
    }
}

#[test]
fn writes_and_unserved_types_are_open_to_no_members_app() {
    for (kind, operation, why) in [
        ("Condition", Operation::Create, Denied::Scope),
        ("Condition", Operation::Delete, Denied::Scope),
        ("Group", Operation::Read, Denied::NotServed),
    ] {
        assert_eq!(ask(access("patient/*.*"), kind, operation).unwrap_err(), why);
    }
    let directory = |operation| decide(&Principal::Anyone, Base::Directory, Kind::named("Location"), operation, NOW);
    assert!(directory(Operation::Read).is_ok());
    assert_eq!(directory(Operation::Update).unwrap_err(), Denied::NotServed);
}

#[test]
fn an_empty_list_of_patients_means_nobody() {
    let nobody = AppAccess { patients: Vec::new(), ..access("patient/*.rs") };
    assert_eq!(ask(nobody, "Condition", Operation::Read).unwrap_err(), Denied::Scope);
}

#[test]
fn an_expired_token_sees_nothing() {
    let expired = AppAccess { expires: NOW, ..access("patient/*.rs") };
    assert_eq!(ask(expired, "Condition", Operation::Read).unwrap_err(), Denied::Scope);
}

#[test]
fn nobody_signed_in_sees_the_public_bases_only() {
    let kind = Kind::named("Practitioner");
    let of = |base, kind| decide(&Principal::Anyone, base, kind, Operation::Search, NOW);
    assert_eq!(of(Base::Fhir, kind).unwrap_err(), Denied::SignIn);
    assert_eq!(of(Base::Directory, kind).unwrap().reach(), Reach::Public(Base::Directory));
    assert_eq!(of(Base::Directory, Kind::PATIENT).unwrap_err(), Denied::NotServed);
}

struct OnlyCoverage;

impl Narrowing for OnlyCoverage {
    fn allows(&self, _: Timestamp, kind: &str, _: Operation, _: Option<&str>) -> bool {
        kind == "Coverage"
    }
}

#[test]
fn what_an_app_took_from_its_token_stays_away_from_includes_too() {
    let narrowed = || AppAccess { narrowing: Some(Arc::new(OnlyCoverage)), ..access("patient/*.rs") };
    assert!(ask(narrowed(), "Condition", Operation::Read).is_err());
    let view = ask(narrowed(), "Coverage", Operation::Search).unwrap();
    assert_eq!(view.permit(Kind::named("Coverage"), Operation::Read), Some(Permit::All));
    assert_eq!(view.permit(Kind::named("Organization"), Operation::Read), None);
    assert_eq!(view.permit(Kind::PATIENT, Operation::Read), None);
}

#[test]
fn a_back_end_client_has_its_system_scopes_and_nothing_else() {
    let system = |scopes: &str| AppAccess { member: None, patients: Vec::new(), ..access(scopes) };
    for (scopes, kind, operation, allowed) in [
        ("system/*.rs", "Condition", Operation::Read, true),
        ("system/*.rs", "Condition", Operation::Create, false),
        ("system/*.cruds", "Condition", Operation::Delete, true),
        ("system/Condition.c", "Condition", Operation::Create, true),
        ("system/Condition.c", "Condition", Operation::Update, false),
        ("system/Condition.cruds", "Patient", Operation::Read, false),
        // Types that no member's app sees.
        ("system/*.rs", "ValueSet", Operation::Read, true),
        ("patient/*.rs", "Condition", Operation::Read, false),
        ("user/*.cruds", "Condition", Operation::Create, false),
    ] {
        assert_eq!(ask(system(scopes), kind, operation).is_ok(), allowed, "{scopes} {kind} {operation:?}");
    }
    assert_eq!(ask(system("system/*.rs"), "Condition", Operation::Read).unwrap().reach(), Reach::Everything);
    // A member's app writes nothing, whatever its token says.
    assert_eq!(ask(access("patient/*.cruds"), "Condition", Operation::Create).unwrap_err(), Denied::Scope);
}

/// For one type only the first patient, for another both.
struct OnlyFirst;

impl Narrowing for OnlyFirst {
    fn allows(&self, _: Timestamp, kind: &str, _: Operation, patient: Option<&str>) -> bool {
        kind == "Observation" || patient == Some("a")
    }
}

/// Patients are narrowed for the type first asked; for another, one who is not within the limits closes it for all, rather
/// than letting her through with the others.
#[test]
fn a_type_that_is_narrower_for_one_patient_is_closed() {
    let two = AppAccess {
        patients: vec!["a".into(), "b".into()],
        narrowing: Some(Arc::new(OnlyFirst)),
        ..access("patient/*.rs")
    };
    let view = ask(two.clone(), "Observation", Operation::Search).unwrap();
    assert_eq!(view.permit(Kind::named("Observation"), Operation::Search), Some(Permit::All));
    assert_eq!(view.permit(Kind::named("Condition"), Operation::Search), None);
    let view = ask(two, "Condition", Operation::Search).unwrap();
    assert_eq!(view.reach(), Reach::Patients(&["a".into()]));
    assert_eq!(view.permit(Kind::named("Condition"), Operation::Search), Some(Permit::All));
}

/// What a View shows, by every fact that decides.
#[test]
fn a_view_shows_what_is_hers_published_there_and_not_withheld() {
    use crate::access::Category;
    let facts = |kind: &str, directory, formulary, categories| Facts {
        kind: Kind::parse(kind).unwrap(),
        audience: Audience { directory, formulary },
        categories,
    };
    let none = Categories::NONE;
    let hiv = none.with(Category::Hiv);
    let public = |base| decide(&Principal::Anyone, base, Kind::named("Location"), Operation::Read, NOW).unwrap();
    let (directory, formulary) = (public(Base::Directory), public(Base::Formulary));
    let hers = ask(access("patient/*.rs"), "Condition", Operation::Read).unwrap();
    let withheld = AppAccess { withheld: hiv, ..access("patient/*.rs") };
    let less = ask(withheld, "Condition", Operation::Read).unwrap();
    for (view, facts, is_mine, shown) in [
        (&directory, facts("Location", true, false, none), false, true),
        (&directory, facts("Location", false, true, none), false, false),
        (&directory, facts("Location", true, false, hiv), false, false),
        (&formulary, facts("Location", false, true, none), false, true),
        (&formulary, facts("Location", true, false, none), false, false),
        (&hers, facts("Condition", false, false, none), true, true),
        (&hers, facts("Condition", false, false, none), false, false),
        (&hers, facts("Condition", false, false, hiv), true, true),
        (&hers, facts("Location", false, false, none), false, true),
        (&less, facts("Condition", false, false, none), true, true),
        (&less, facts("Condition", false, false, hiv), true, false),
        (&View::operator(NOW), facts("Condition", false, false, hiv), false, true),
    ] {
        assert_eq!(view.shows(&facts, || is_mine), shown, "{facts:?} {is_mine}");
    }
}
