use super::*;
use crate::identity::ContactKey;
use crate::identity::roster::{Enrolment, enrol};

fn room() -> (tempfile::TempDir, Store, Representations) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("s.redb")).unwrap();
    let representations = Representations::open(store.clone()).unwrap();
    (folder, store, representations)
}

fn put_member(store: &Store, id: &str, represents: &[&str], now: i64) -> Enrolled {
    let row = Enrolment {
        member_id: id.into(),
        patient: format!("pat-{id}"),
        represents: represents.iter().map(ToString::to_string).collect(),
        ..Enrolment::default()
    };
    store.transact_blocking(move |txn| enrol(txn, &ContactKey::new(&[1; 32]), &row, now)).unwrap()
}

fn establish_now(store: &Store, new: Representation, now: i64) -> Enrolled {
    store.transact_blocking(move |txn| establish(txn, new, now)).unwrap()
}

#[test]
fn a_representation_begins_and_ends_on_its_days() {
    let (_folder, store, room) = room();
    put_member(&store, "M1", &[], 0);
    put_member(&store, "M2", &[], 0);
    let new = Representation {
        from: Some(100),
        until: Some(200),
        ..Representation::new("M1", "M2", Basis::RepresentativesFile)
    };
    assert_eq!(establish_now(&store, new.clone(), 50), Enrolled::Created);
    for (now, may) in [(99, false), (100, true), (199, true), (200, false)] {
        assert_eq!(room.may_act("M1", "pat-M2", now).unwrap().is_some(), may, "{now}");
    }
    assert!(room.may_act("M1", "pat-M1", 0).unwrap().is_some(), "her own");
    assert!(room.may_act("M2", "pat-M1", 150).unwrap().is_none(), "the other way round");
    assert!(room.may_act("M1", "pat-nobody", 150).unwrap().is_none());
    // Said again, nothing changes; with another end, it goes on.
    assert_eq!(establish_now(&store, new.clone(), 150), Enrolled::Unchanged);
    assert_eq!(establish_now(&store, Representation { until: None, ..new }, 150), Enrolled::Updated);
    assert_eq!(room.may_act("M1", "pat-M2", 300).unwrap(), Some(50));
    assert_eq!(room.of_represented("M2").unwrap(), room.of_representative("M1").unwrap());
}

#[tokio::test]
async fn what_ended_is_over_and_what_comes_back_is_new() {
    let (_folder, store, room) = room();
    put_member(&store, "M1", &["M2", "M3"], 10);
    put_member(&store, "M2", &[], 10);
    assert_eq!(room.may_act("M1", "pat-M2", 20).unwrap(), Some(10));
    assert!(room.end("M1", "M2", 30).await.unwrap());
    assert!(!room.end("M1", "M2", 31).await.unwrap() && !room.end("M2", "M1", 31).await.unwrap());
    assert_eq!(room.may_act("M1", "pat-M2", 31).unwrap(), None);
    assert_eq!(room.of_represented("M2").unwrap()[0].status, Status::Ended(30));
    put_member(&store, "M1", &["M2", "M3"], 40);
    assert_eq!(room.may_act("M1", "pat-M2", 50).unwrap(), Some(40), "under another one than before");
}

#[test]
fn a_roster_ends_what_it_no_longer_names_and_leaves_what_another_file_began() {
    let (_folder, store, room) = room();
    for id in ["M2", "M3", "M4"] {
        put_member(&store, id, &[], 0);
    }
    put_member(&store, "M1", &["M2", "M3"], 0);
    establish_now(&store, Representation::new("M1", "M4", Basis::RepresentativesFile), 0);
    let may = |now| ["M2", "M3", "M4"].map(|id| room.may_act("M1", &format!("pat-{id}"), now).unwrap().is_some());
    assert_eq!(may(1), [true, true, true]);
    assert_eq!(put_member(&store, "M1", &[], 5), Enrolled::Unchanged);
    assert_eq!(may(6), [true, true, true], "a row without names says nothing of it");
    assert_eq!(put_member(&store, "M1", &["M3"], 7), Enrolled::Updated);
    assert_eq!(may(8), [false, true, true]);
    assert_eq!(put_member(&store, "M1", &["M3", "M4"], 9), Enrolled::Unchanged);
    assert_eq!(room.of_representative("M1").unwrap()[2].basis, Basis::RepresentativesFile);
}

#[test]
fn lists_of_an_older_roster_become_representations() {
    let (_folder, store, room) = room();
    drop(room);
    store
        .transact_blocking(|txn| {
            txn.delete(REPRESENTATIONS, &[0])?;
            let old = r#"{"member_id":"M1","patient":"pat-M1","given":"A","family":"B","birth_date":"","contacts":[],"represents":["M2"]}"#;
            txn.put(roster::TABLES[0], b"M1", old.as_bytes())
        })
        .unwrap();
    put_member(&store, "M2", &[], 0);
    let room = Representations::open(store).unwrap();
    assert_eq!(room.may_act("M1", "pat-M2", 1).unwrap(), Some(0));
}

#[test]
fn kinds_are_read_as_people_write_them() {
    for kind in Kind::ALL {
        assert_eq!(Kind::parse(kind.name()), Some(kind));
    }
    assert_eq!(Kind::parse("Power of Attorney"), Some(Kind::PowerOfAttorney));
    assert_eq!((Kind::parse("Mother"), Kind::parse("aunt")), (Some(Kind::Parent), None));
}
