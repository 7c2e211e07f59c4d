mod nodes;

use jiff::Timestamp;

use super::*;
use crate::access::{Admitted, AppAccess, Base, Categories, Category, Operation, Principal, ScopeSet, View, decide};
use crate::fhir::definitions::{FIRST_OWN, Own};
use crate::fhir::{Kind, json, search_parameter};

const TABLE: Table = Table::new("test.rows");

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("s.redb")).unwrap();
    (folder, store)
}

fn put(store: &Store, json: &str) -> Written {
    let prepared = crate::access::admit_text(json.as_bytes()).unwrap();
    store.transact_blocking(move |txn| txn.put_resource(&prepared, Timestamp::UNIX_EPOCH, None)).unwrap()
}

fn app(patient: &str, scopes: &str, withheld: Categories) -> Principal {
    Principal::App(Arc::new(AppAccess {
        client_id: "app".into(),
        member: Some("m".into()),
        patients: vec![patient.into()],
        scopes: ScopeSet::parse(scopes).unwrap(),
        grant: None,
        withheld,
        issued: Timestamp::UNIX_EPOCH,
        expires: Timestamp::MAX,
        narrowing: None,
    }))
}

fn view(principal: &Principal, kind: &str) -> View {
    decide(principal, Base::Fhir, Kind::parse(kind).unwrap(), Operation::Read, Timestamp::UNIX_EPOCH).unwrap()
}

fn is_here(store: &Store, view: &View, kind: &str, id: &str) -> bool {
    let found = store.snapshot().unwrap().read(view, Kind::parse(kind).unwrap(), id).unwrap();
    matches!(found, Found::Here(_))
}

#[test]
fn a_refused_closure_leaves_nothing_and_its_neighbours_alone() {
    let (_folder, store) = store();
    store.transact_blocking(|txn| txn.put(TABLE, b"a", b"1".to_vec())).unwrap();
    let refused: Result<(), Error> = store.transact_blocking(|txn| {
        txn.put(TABLE, b"a", b"2".to_vec())?;
        txn.delete(TABLE, b"a")?;
        Err(Error::VersionConflict)
    });
    assert!(matches!(refused, Err(Error::VersionConflict)));
    let panicked: Result<(), Error> = store.transact_blocking(|txn| {
        txn.put(TABLE, b"b", b"2".to_vec())?;
        panic!("a defect")
    });
    assert!(matches!(panicked, Err(Error::Panicked)));
    let rows = store.snapshot().unwrap().scan(TABLE, b"", 10).unwrap();
    assert_eq!(rows, [(b"a".to_vec(), b"1".to_vec())]);
}

#[test]
fn a_closure_sees_its_own_writes_in_order() {
    let (_folder, store) = store();
    store.transact_blocking(|txn| txn.put(TABLE, b"k2", b"old".to_vec())).unwrap();
    let seen = store
        .transact_blocking(|txn| {
            txn.put(TABLE, b"k1", b"new".to_vec())?;
            txn.delete(TABLE, b"k2")?;
            txn.put(TABLE, b"k3", b"new".to_vec())?;
            txn.put(TABLE, b"other", b"x".to_vec())?;
            txn.scan(TABLE, b"k", 2)
        })
        .unwrap();
    let keys: Vec<_> = seen.into_iter().map(|(key, _)| String::from_utf8(key).unwrap()).collect();
    assert_eq!(keys, ["k1", "k3"]);
}

#[test]
fn versions_history_and_tombstones() {
    let (_folder, store) = store();
    let operator = View::operator(Timestamp::UNIX_EPOCH);
    let first = r#"{"resourceType":"Patient","id":"p","active":true}"#;
    assert_eq!(put(&store, first).outcome, Outcome::Created);
    assert_eq!(put(&store, first).outcome, Outcome::Unchanged);
    let second = put(&store, r#"{"resourceType":"Patient","id":"p","active":false}"#);
    assert_eq!((second.outcome, second.version), (Outcome::Updated, 2));
    let deleted =
        store.transact_blocking(|txn| txn.delete_resource(Kind::PATIENT, "p", Timestamp::UNIX_EPOCH, None)).unwrap();
    assert_eq!(deleted, Some(3));
    let snapshot = store.snapshot().unwrap();
    assert!(matches!(snapshot.read(&operator, Kind::PATIENT, "p").unwrap(), Found::Gone));
    let history = snapshot.history(&operator, Kind::PATIENT, "p", u32::MAX, 10).unwrap().unwrap();
    let versions: Vec<_> = history.iter().map(|stored| (stored.version, stored.deleted)).collect();
    assert_eq!(versions, [(3, true), (2, false), (1, false)]);
    let Found::Here(old) = snapshot.read_version(&operator, Kind::PATIENT, "p", 1).unwrap() else { panic!() };
    assert!(std::str::from_utf8(&old.body).unwrap().contains(r#""versionId":"1""#));
    assert_eq!(put(&store, first).outcome, Outcome::Created);
}

#[test]
fn a_wrong_expected_version_changes_nothing() {
    let (_folder, store) = store();
    put(&store, r#"{"resourceType":"Patient","id":"p"}"#);
    let other = crate::access::admit_text(br#"{"resourceType":"Patient","id":"p","active":true}"#).unwrap();
    let outcome = store.transact_blocking(move |txn| txn.put_resource(&other, Timestamp::UNIX_EPOCH, Some(7)));
    assert!(matches!(outcome, Err(Error::VersionConflict)));
}

#[test]
fn a_view_shows_one_patients_records_and_nothing_of_the_other() {
    let (_folder, store) = store();
    for id in ["a", "b"] {
        put(&store, &format!(r#"{{"resourceType":"Patient","id":"{id}"}}"#));
        put(
            &store,
            &format!(r#"{{"resourceType":"Condition","id":"c{id}","subject":{{"reference":"Patient/{id}"}}}}"#),
        );
    }
    put(&store, r#"{"resourceType":"Organization","id":"o","name":"Alder"}"#);
    put(&store, r#"{"resourceType":"Group","id":"g","member":[{"entity":{"reference":"Patient/a"}}]}"#);
    let ana = app("a", "patient/*.rs", Categories::NONE);
    let conditions = view(&ana, "Condition");
    assert!(is_here(&store, &conditions, "Condition", "ca"));
    assert!(!is_here(&store, &conditions, "Condition", "cb"));
    assert!(!is_here(&store, &conditions, "Patient", "b"));
    assert!(is_here(&store, &conditions, "Organization", "o"));
    assert!(!is_here(&store, &conditions, "Group", "g"));
}

#[test]
fn withheld_and_constrained_records_stay_away() {
    let (_folder, store) = store();
    put(&store, r#"{"resourceType":"Patient","id":"a"}"#);
    put(
        &store,
        r#"{"resourceType":"Condition","id":"sud","meta":{"security":[{"code":"ETH"}]},"subject":{"reference":"Patient/a"}}"#,
    );
    put(
        &store,
        r#"{"resourceType":"Observation","id":"lab","category":[{"coding":[{"code":"laboratory"}]}],"subject":{"reference":"Patient/a"}}"#,
    );
    put(
        &store,
        r#"{"resourceType":"Observation","id":"vital","category":[{"coding":[{"code":"vital-signs"}]}],"subject":{"reference":"Patient/a"}}"#,
    );
    let withheld = Categories::NONE.with(Category::SubstanceUse);
    assert!(!is_here(&store, &view(&app("a", "patient/*.rs", withheld), "Condition"), "Condition", "sud"));
    assert!(is_here(&store, &view(&app("a", "patient/*.rs", Categories::NONE), "Condition"), "Condition", "sud"));
    let labs = app("a", "patient/Observation.rs?category=laboratory", Categories::NONE);
    assert!(is_here(&store, &view(&labs, "Observation"), "Observation", "lab"));
    assert!(!is_here(&store, &view(&labs, "Observation"), "Observation", "vital"));
}

#[test]
fn a_record_that_moved_to_another_member_takes_its_past_with_it() {
    let (_folder, store) = store();
    for patient in ["a", "b"] {
        put(&store, &format!(r#"{{"resourceType":"Patient","id":"{patient}"}}"#));
    }
    put(&store, r#"{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/a"}}"#);
    put(&store, r#"{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/b"}}"#);
    let ana = view(&app("a", "patient/*.rs", Categories::NONE), "Condition");
    let snapshot = store.snapshot().unwrap();
    let kind = Kind::named("Condition");
    assert!(matches!(snapshot.read_version(&ana, kind, "c", 1).unwrap(), Found::Nothing));
    assert!(snapshot.history(&ana, kind, "c", u32::MAX, 10).unwrap().is_none());
    let patient = snapshot.rid(Kind::PATIENT, "a").unwrap().unwrap();
    assert!(snapshot.compartment(patient, kind, Categories::NONE, 0, 10).unwrap().is_empty());
}

#[test]
fn dictionaries_are_trained_used_and_found_again_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.redb");
    let store = Store::open(&path).unwrap();
    for n in 0..300 {
        put(&store, &condition(n));
    }
    let trained = |store: &Store| store.snapshot().unwrap().scan(tables::DICTIONARIES, b"", 10).unwrap().len();
    assert_eq!(trained(&store), 2);
    store.close();
    drop(store);
    let store = Store::open(&path).unwrap();
    let operator = View::operator(Timestamp::UNIX_EPOCH);
    for n in 0..300 {
        let found = store.snapshot().unwrap().read(&operator, Kind::named("Condition"), &format!("c{n}")).unwrap();
        let Found::Here(stored) = found else { panic!("c{n}") };
        assert!(std::str::from_utf8(&stored.body).unwrap().contains(&format!("number {n} of")));
    }
    for n in 300..600 {
        put(&store, &condition(n));
    }
    assert_eq!(trained(&store), 2, "what was learned from more is not learned again from less");
}

fn condition(n: usize) -> String {
    let (patient, day) = (n % 7, n % 28 + 1);
    format!(
        r#"{{"resourceType":"Condition","id":"c{n}","subject":{{"reference":"Patient/{patient}"}},"code":{{"coding":[{{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"E{n}.9","display":"Condition number {n} of the test"}}]}},"recordedDate":"2026-01-{day:02}"}}"#
    )
}

/// Whoever follows a store is told what its resources are found by at the time of the commit, whenever they were read.
#[test]
fn changes_are_told_with_what_the_plan_defines_by_then() {
    let (folder, other) = (tempfile::tempdir().unwrap(), store());
    let definitions = Definitions::default();
    let store = Store::open_defined(&folder.path().join("s.redb"), &definitions).unwrap();
    let told: Arc<parking_lot::Mutex<Vec<usize>>> = Arc::default();
    for store in [&store, &other.1] {
        let told = Arc::clone(&told);
        store.follow(Box::new(move |changes| {
            let own = |change: &Change| change.extracted.as_ref().unwrap().values_of(FIRST_OWN).count();
            told.lock().extend(changes.iter().map(own));
        }));
    }
    let define = |expression: &str| {
        let text = format!(
            r#"{{"status":"active","code":"x-own","base":["Condition"],"type":"token","expression":"{expression}"}}"#
        );
        let parameter = search_parameter::read(&json::parse(text.as_bytes()).unwrap()).unwrap().remove(0);
        definitions.replace(vec![Own { number: FIRST_OWN, parameter, is_ready: false }]);
    };
    let kept = |store: &Store, admitted: &Admitted| {
        let admitted = admitted.clone();
        store.transact_blocking(move |txn| txn.put_resource(&admitted, Timestamp::UNIX_EPOCH, None)).unwrap();
        std::mem::take(&mut *told.lock())
    };
    let admitted = |text: &str| crate::access::admit_text(text.as_bytes()).unwrap();
    let one = admitted(
        r#"{"resourceType":"Condition","id":"c","code":{"text":"a"},"category":[{"coding":[{"code":"x"},{"code":"y"}]}]}"#,
    );
    let mut packed = Admitted::clone(&one);
    store.pack(&mut packed, Timestamp::UNIX_EPOCH);
    assert_eq!(kept(&store, &admitted(r#"{"resourceType":"Condition","id":"before"}"#)), [0]);
    define("Condition.category");
    assert_eq!(kept(&store, &packed), [2], "it was packed before");
    let mut next = admitted(r#"{"resourceType":"Condition","id":"c","category":[{"coding":[{"code":"x"}]}]}"#);
    store.pack(&mut next, Timestamp::UNIX_EPOCH);
    assert_eq!(next.extracted.values_of(FIRST_OWN).count(), 1);
    define("Condition.bodySite");
    assert_eq!(kept(&store, &next), [0], "it was read for another definition");
    let mut last = admitted(r#"{"resourceType":"Condition","id":"d","bodySite":[{"coding":[{"code":"x"}]}]}"#);
    store.pack(&mut last, Timestamp::UNIX_EPOCH);
    definitions.replace(Vec::new());
    assert_eq!(kept(&store, &last), [0], "it is defined no more");
    assert_eq!(kept(&other.1, &last), [0], "elsewhere it never was");
}

#[test]
fn what_was_packed_ahead_is_kept_only_for_its_version_and_time() {
    let (_folder, store) = store();
    for n in 0..100 {
        put(&store, &condition(n));
    }
    let (early, late) = (Timestamp::from_second(1_000).unwrap(), Timestamp::from_second(2_000).unwrap());
    let packed = |text: &str| {
        let mut prepared = crate::access::admit_text(text.as_bytes()).unwrap();
        assert!(prepared.packed.is_none());
        store.pack(&mut prepared, early);
        assert!(prepared.packed.is_some(), "there is a dictionary");
        prepared
    };
    let kept = |prepared: &Admitted, now: Timestamp| {
        let (prepared, id) = (prepared.clone(), prepared.id.clone());
        store.transact_blocking(move |txn| txn.put_resource(&prepared, now, None)).unwrap();
        let view = View::operator(Timestamp::UNIX_EPOCH);
        let found = store.snapshot().unwrap().read(&view, Kind::named("Condition"), &id).unwrap();
        let Found::Here(stored) = found else { panic!("{id}") };
        let body: serde_json::Value = serde_json::from_slice(&stored.body).unwrap();
        (body["meta"]["versionId"].clone(), body["meta"]["lastUpdated"].clone(), stored.updated)
    };
    let first = packed(&condition(500));
    assert_eq!(kept(&first, early), ("1".into(), "1970-01-01T00:16:40.000Z".into(), early.as_microsecond()));
    // Of a resource that is there, the next version.
    let next = packed(&condition(500).replace("number 500", "number 501"));
    assert_eq!(kept(&next, early), ("2".into(), "1970-01-01T00:16:40.000Z".into(), early.as_microsecond()));
    // At another time than it was packed for.
    let other = packed(&condition(502));
    assert_eq!(kept(&other, late), ("1".into(), "1970-01-01T00:33:20.000Z".into(), late.as_microsecond()));
}

#[test]
fn a_newer_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.redb");
    let store = Store::open(&path).unwrap();
    store.transact_blocking(|txn| txn.put(tables::META, tables::META_FORMAT, (FORMAT + 1).to_be_bytes())).unwrap();
    store.close();
    drop(store);
    assert!(matches!(Store::open(&path), Err(Error::Newer { found, .. }) if found == FORMAT + 1));
}

#[test]
fn a_file_in_use_is_busy() {
    let (folder, _store) = store();
    assert!(matches!(Store::open(&folder.path().join("s.redb")), Err(Error::Busy)));
}

#[test]
fn many_at_once_is_the_same_as_one_by_one() {
    let (_folder, store) = store();
    for patient in ["a", "b"] {
        put(&store, &format!(r#"{{"resourceType":"Patient","id":"{patient}"}}"#));
    }
    for n in 0..40 {
        let patient = if n % 3 == 0 { "b" } else { "a" };
        put(
            &store,
            &format!(r#"{{"resourceType":"Condition","id":"c{n}","subject":{{"reference":"Patient/{patient}"}}}}"#),
        );
    }
    let ana = view(&app("a", "patient/*.rs", Categories::NONE), "Condition");
    let snapshot = store.snapshot().unwrap();
    let reader = snapshot.reader(&ana, Operation::Read).unwrap();
    let all: Vec<u64> = (0..50).collect();
    let few = vec![40, 3, 3, 17, 999];
    let sparse = vec![3, 42, 1_000_000];
    for rids in [all, few, sparse, vec![], vec![7]] {
        let one_by_one: Vec<_> =
            rids.iter().filter_map(|rid| reader.get(*rid).unwrap()).map(|s| s.id.clone()).collect();
        let at_once: Vec<_> = reader.get_all(&rids).unwrap().into_iter().map(|s| s.id.clone()).collect();
        assert_eq!(at_once, one_by_one, "{rids:?}");
    }
}

#[test]
fn compacting_waits_for_nobody_and_loses_nothing() {
    let (_folder, store) = store();
    for n in 0..200 {
        put(&store, &format!(r#"{{"resourceType":"Patient","id":"p{}","multipleBirthInteger":{n}}}"#, n % 20));
    }
    let reading = store.snapshot().unwrap();
    assert!(!store.compact().unwrap(), "a reader is in the way");
    drop(reading);
    assert!(store.compact().unwrap());
    let operator = View::operator(Timestamp::UNIX_EPOCH);
    assert_eq!(
        store.snapshot().unwrap().history(&operator, Kind::PATIENT, "p7", u32::MAX, 100).unwrap().unwrap().len(),
        10
    );
    put(&store, r#"{"resourceType":"Patient","id":"after"}"#);
    assert!(is_here(&store, &operator, "Patient", "after"));
}

const OPIOIDS: &str = r#"{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/p"},"code":{"coding":[
    {"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"F11.20"}]}}"#;

/// Puts a record into the file as an older program with other rules would have.
fn put_as_before(store: &Store, text: Vec<u8>, hash: u64) {
    let old = move |txn: &mut Txn<'_>| {
        let admitted = crate::access::admit_text(OPIOIDS.as_bytes()).unwrap();
        txn.put_resource(&admitted, Timestamp::UNIX_EPOCH, None)?;
        let rid =
            super::tables::read_number(&txn.get(tables::IDS, &super::tables::id_key(admitted.kind, "c"))?.unwrap());
        let key = super::tables::number(rid.unwrap());
        let (mut header, _) = {
            let record = txn.get(tables::CURRENT, &key)?.unwrap();
            let (header, body) = super::record::Header::read(&record)?;
            (header, body.to_vec())
        };
        header.rules = 0;
        header.hash = hash;
        header.categories = crate::access::Categories::NONE;
        let mut record = Vec::new();
        header.write(&mut record);
        txn.codec.compress(admitted.kind, &text, &mut record);
        txn.put(tables::CURRENT, &key, record)?;
        for patient in &header.patients {
            let entry = super::resources::compartment_key(*patient, header.kind, rid.unwrap());
            txn.put(tables::COMPARTMENT, &entry, Vec::new())?;
        }
        txn.delete(tables::META, b"rules")
    };
    store.transact_blocking(old).unwrap();
}

fn derive_all(store: &Store) -> Rederived {
    let mut all = Rederived::default();
    while !all.done {
        let now = "2026-03-02T09:00:00Z".parse().unwrap();
        let step = store.transact_blocking(move |txn| txn.rederive(1, now)).unwrap();
        all.relabelled += step.relabelled;
        all.changed += step.changed;
        all.done = step.done;
    }
    all
}

/// A rule that was changed held for new records only: who sees what was frozen into the header at the time of the write.
#[test]
fn changed_rules_reach_what_is_stored() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("store.redb")).unwrap();
    derive_all(&store);
    let labelled = crate::access::admit_text(OPIOIDS.as_bytes()).unwrap();
    put_as_before(&store, labelled.render(1, Timestamp::UNIX_EPOCH), labelled.hash as u64);
    let condition = Kind::named("Condition");
    let read = || match store.snapshot().unwrap().read(&View::operator(Timestamp::UNIX_EPOCH), condition, "c").unwrap()
    {
        Found::Here(stored) => stored,
        other => panic!("{other:?}"),
    };
    let holds = || store.snapshot().unwrap().facts_hold(&read(), &labelled).unwrap();
    assert!(!holds() && !store.snapshot().unwrap().is_derived().unwrap());
    let told = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let seen = Arc::clone(&told);
    store.follow(Box::new(move |changes| {
        seen.lock().extend(changes.iter().map(|change| (change.resource, change.kind)));
    }));
    assert_eq!(derive_all(&store), Rederived { changed: 1, done: true, ..Rederived::default() });
    assert!(holds() && store.snapshot().unwrap().is_derived().unwrap());
    assert_eq!(read().version, 1, "what it says is the same");
    assert_eq!(*told.lock(), [(condition, ChangeKind::Rederived)], "the index is told");
    assert_eq!(derive_all(&store), Rederived { done: true, ..Rederived::default() });

    // A text without the label is another text, and so a new version.
    let bare = crate::fhir::prepare(OPIOIDS.as_bytes()).unwrap();
    put_as_before(&store, bare.render(1, Timestamp::UNIX_EPOCH), bare.hash as u64);
    assert_eq!(derive_all(&store), Rederived { relabelled: 1, done: true, ..Rederived::default() });
    assert!(holds());
    assert_eq!(read().version, 2);
    let text = String::from_utf8(read().body.to_vec()).unwrap();
    assert!(text.contains("\"code\":\"ETH\""), "{text}");
}

/// A clinic that one claim names by its number alone and another by its name was called by its number or its name as the
/// hashes had it.
#[test]
fn of_several_mentions_the_one_that_says_most_stays() {
    let mentions = [
        r#"{"resourceType":"Organization","id":"o","name":"1234567893"}"#,
        r#"{"resourceType":"Organization","id":"o","name":"Cedar Street Clinic"}"#,
        r#"{"resourceType":"Organization","id":"o","name":"CEDAR STREET CLINIC"}"#,
    ];
    let mut kept = Vec::new();
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let (_folder, store) = store();
        let kind = Kind::parse("Organization").unwrap();
        for at in order {
            let prepared = crate::access::admit_text(mentions[at].as_bytes()).unwrap();
            store.transact_blocking(move |txn| txn.put_mention(&prepared, Timestamp::UNIX_EPOCH)).unwrap();
        }
        let text = store.transact_blocking(move |txn| txn.current_text(kind, "o")).unwrap().unwrap();
        let text = String::from_utf8(text).unwrap();
        kept.push(text.split_once("\"name\":").unwrap().1.to_owned());
    }
    kept.dedup();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(kept[0].to_lowercase(), "\"cedar street clinic\"}");
}
