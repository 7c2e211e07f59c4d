use std::time::Duration;

use super::roster::{Enrolled, Enrolment, enrol};
use super::*;
use crate::outbound::{ClockHand, Outbox};

struct Room {
    identity: Identity,
    hand: ClockHand,
    outbox: Outbox,
    store: Store,
    _dir: tempfile::TempDir,
}

fn settings() -> Settings {
    Settings {
        keys: ContactKey::new(&[9; 32]),
        sealing_key: [4; 32],
        plan: "Example Health Plan".into(),
        show_codes: false,
    }
}

async fn room() -> Room {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("store.redb")).unwrap();
    let (clock, hand) = Clock::manual("2026-03-02T09:00:00Z".parse().unwrap());
    let (mail, outbox) = Mail::memory();
    let (sms, _) = Sms::memory();
    let identity = Identity::new(store.clone(), clock, Chance::seeded(1), (mail, sms), settings()).unwrap();
    let rows = [row("M1", "ana@example.org", "1980-05-01", &["M2"]), row("M2", "kid@example.org", "2015-02-03", &[])];
    let twins =
        [row("M3", "shared@example.org", "1970-01-01", &[]), row("M4", "shared@example.org", "1971-01-01", &[])];
    for row in rows.into_iter().chain(twins) {
        enrol_row(&store, row).await;
    }
    Room { identity, hand, outbox, store, _dir: dir }
}

fn row(id: &str, email: &str, birth_date: &str, represents: &[&str]) -> Enrolment {
    Enrolment {
        member_id: id.into(),
        patient: format!("pat-{id}"),
        given: "Ana".into(),
        family: "Ruiz".into(),
        birth_date: birth_date.into(),
        emails: vec![email.into()],
        phones: vec![],
        represents: represents.iter().map(ToString::to_string).collect(),
    }
}

async fn enrol_row(store: &Store, row: Enrolment) -> Enrolled {
    store.transact(move |txn| enrol(txn, &settings().keys, &row, 0)).await.unwrap()
}

fn wording() -> Wording {
    Wording { subject: "Code", mail: "Your code:\n\n{code}\n".into(), sms: "{code}".into() }
}

fn visitor(secret: &str) -> Visitor<'_> {
    Visitor { secret, network: None, known: None }
}

impl Room {
    async fn code_for(&self, secret: &str, audience: Audience, address: &str) -> String {
        self.identity.send_code(visitor(secret), audience, address, &wording()).await.unwrap();
        self.identity.settle().await;
        let letter = self.outbox.letters().pop().unwrap();
        letter.text.lines().find(|line| line.len() == 6).unwrap().to_owned()
    }
}

fn done(sign_in: SignIn) -> NewSession {
    match sign_in {
        SignIn::Done(session) => session,
        SignIn::BirthDate => panic!("birth date asked"),
        SignIn::SecondFactor(_) => panic!("second factor asked"),
    }
}

#[tokio::test]
async fn a_member_signs_in_with_a_code_and_is_signed_out_when_idle() {
    let room = room().await;
    let code = room.code_for("v1", Audience::Member, "Ana@Example.org").await;
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    let signed_in =
        room.identity.check_code(visitor("v1"), Audience::Member, "ana@example.org", &spaced).await.unwrap();
    let new = done(signed_in);
    assert_eq!(new.session.who, Person::Member { member: "M1".into() });
    assert_ne!(new.secret, "v1");
    for _ in 0..3 {
        room.hand.advance(Duration::from_mins(14));
        assert!(room.identity.session(&new.secret).await.is_ok());
    }
    room.hand.advance(Duration::from_mins(15));
    assert!(matches!(room.identity.session(&new.secret).await, Err(Error::SignedOut)));
}

#[tokio::test]
async fn a_session_ends_after_twelve_hours_and_at_sign_out() {
    let room = room().await;
    let code = room.code_for("v1", Audience::Member, "ana@example.org").await;
    let new = done(room.identity.check_code(visitor("v1"), Audience::Member, "ana@example.org", &code).await.unwrap());
    for _ in 0..71 {
        room.hand.advance(Duration::from_mins(10));
        assert!(room.identity.session(&new.secret).await.is_ok());
    }
    room.hand.advance(Duration::from_mins(10));
    assert!(room.identity.session(&new.secret).await.is_err());
    room.identity.sweep().await.unwrap();

    let code = room.code_for("v2", Audience::Member, "ana@example.org").await;
    let new = done(room.identity.check_code(visitor("v2"), Audience::Member, "ana@example.org", &code).await.unwrap());
    room.identity.sign_out(&new.secret).await.unwrap();
    assert!(room.identity.session(&new.secret).await.is_err());
}

#[tokio::test]
async fn a_code_is_for_one_browser_one_use_and_ten_minutes() {
    let room = room().await;
    let code = room.code_for("v1", Audience::Member, "ana@example.org").await;
    let other = room.identity.check_code(visitor("v2"), Audience::Member, "ana@example.org", &code).await;
    assert!(matches!(other, Err(Error::NoCode)));
    let swapped = room.identity.check_code(visitor("v1"), Audience::Member, "kid@example.org", &code).await;
    assert!(matches!(swapped, Err(Error::Wrong { left: 4 })));
    done(room.identity.check_code(visitor("v1"), Audience::Member, "ana@example.org", &code).await.unwrap());
    let again = room.identity.check_code(visitor("v1"), Audience::Member, "ana@example.org", &code).await;
    assert!(matches!(again, Err(Error::NoCode)));

    let code = room.code_for("v3", Audience::Member, "ana@example.org").await;
    room.hand.advance(Duration::from_mins(10));
    let late = room.identity.check_code(visitor("v3"), Audience::Member, "ana@example.org", &code).await;
    assert!(matches!(late, Err(Error::Expired)));
}

#[tokio::test]
async fn an_unknown_address_gets_the_same_answers_and_no_mail() {
    let room = room().await;
    room.identity.send_code(visitor("v1"), Audience::Member, "nobody@example.org", &wording()).await.unwrap();
    room.identity.settle().await;
    assert!(room.outbox.letters().is_empty());
    let known = room.identity.waiting(visitor("v1"), Audience::Member).unwrap().unwrap();
    room.code_for("v2", Audience::Member, "ana@example.org").await;
    assert_eq!(known, room.identity.waiting(visitor("v2"), Audience::Member).unwrap().unwrap());
    let guess = room.identity.check_code(visitor("v1"), Audience::Member, "nobody@example.org", "000000").await;
    assert!(matches!(guess, Err(Error::Wrong { left: 4 })));
}

/// Two hundred guesses at once: the counter is in the single-writer transaction, so five are judged.
#[tokio::test(flavor = "multi_thread")]
async fn parallel_guesses_are_counted_one_by_one() {
    let room = room().await;
    let code = room.code_for("v1", Audience::Member, "ana@example.org").await;
    let wrong = if code == "000000" { "111111" } else { "000000" };
    let guesses = (0..200).map(|_| {
        let identity = room.identity.clone();
        tokio::spawn(
            async move { identity.check_code(visitor("v1"), Audience::Member, "ana@example.org", wrong).await },
        )
    });
    let mut judged = 0;
    for guess in guesses.collect::<Vec<_>>() {
        match guess.await.unwrap() {
            Err(Error::Wrong { .. }) => judged += 1,
            Err(Error::Spent) => {}
            _ => panic!("neither wrong nor spent"),
        }
    }
    assert_eq!(judged, limits::CODE_TRIES);
    let right = room.identity.check_code(visitor("v1"), Audience::Member, "ana@example.org", &code).await;
    assert!(matches!(right, Err(Error::Spent)));
}

/// The counter survives restarts: a guesser who can make the server stop gains nothing.
#[tokio::test]
async fn guesses_are_counted_over_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.redb");
    let (clock, _hand) = Clock::manual("2026-03-02T09:00:00Z".parse().unwrap());
    let mut judged = 0;
    for restart in 0..8 {
        let store = Store::open(&path).unwrap();
        let transports = (Mail::memory().0, Sms::memory().0);
        let identity = Identity::new(store.clone(), clock.clone(), Chance::seeded(1), transports, settings()).unwrap();
        if restart == 0 {
            enrol_row(&store, row("M1", "ana@example.org", "", &[])).await;
            identity.send_code(visitor("v1"), Audience::Member, "ana@example.org", &wording()).await.unwrap();
            identity.settle().await;
        }
        for guess in 0..50 {
            let typed = format!("99{guess:04}");
            match identity.check_code(visitor("v1"), Audience::Member, "ana@example.org", &typed).await {
                Err(Error::Wrong { .. }) => judged += 1,
                Err(Error::Spent) => {}
                _ => panic!("neither wrong nor spent"),
            }
        }
        drop(identity);
        store.close();
    }
    assert_eq!(judged, 5);
}

#[tokio::test]
async fn codes_are_rationed_per_address_and_network() {
    let room = room().await;
    let network = Some("203.0.113.9".parse().unwrap());
    let ask = |secret: &'static str, address: &'static str| {
        let identity = room.identity.clone();
        async move {
            identity.send_code(Visitor { secret, network, known: None }, Audience::Member, address, &wording()).await
        }
    };
    ask("v1", "ana@example.org").await.unwrap();
    assert!(matches!(ask("v1", "ana@example.org").await, Err(Error::TooMany { wait: 30 })));
    for secret in ["v2", "v3", "v4", "v5", "v6"] {
        ask(secret, "ana@example.org").await.unwrap();
    }
    assert!(matches!(ask("v7", "ana@example.org").await, Err(Error::TooMany { .. })));
    let mut refused = 0;
    for n in 0..30 {
        let address = format!("nobody{n}@example.org");
        let visitor = Visitor { secret: &address, network, known: None };
        refused += usize::from(room.identity.send_code(visitor, Audience::Member, &address, &wording()).await.is_err());
    }
    assert_eq!(refused, 30 - (25 - 6));
}

#[tokio::test]
async fn authorization_requests_are_rationed_per_network() {
    let room = room().await;
    let from = |address: &str| Visitor { secret: "v", network: Some(address.parse().unwrap()), known: None };
    for _ in 0..limits::REQUESTS_PER_NETWORK {
        room.identity.count_request(from("2001:db8::1")).await.unwrap();
    }
    let neighbour = room.identity.count_request(from("2001:db8::2")).await;
    assert!(matches!(neighbour, Err(Error::TooMany { .. })), "an IPv6 network is a /64");
    assert!(room.identity.count_request(from("2001:db8:0:1::1")).await.is_ok());
    assert!(room.identity.count_request(from("127.0.0.1")).await.is_ok());
}

/// Codes asked for strangers used up everybody's (access.md B2): what is not sent costs nothing, nobody can spend another's,
/// and one customer's 65,536 networks count together.
#[tokio::test]
async fn threat_89_strangers_use_up_nobodys_codes() {
    let room = room().await;
    let ask = |secret: String, network: Option<IpAddr>, address: String, known: Option<String>| {
        let identity = room.identity.clone();
        async move {
            let visitor = Visitor { secret: &secret, network, known: known.as_deref() };
            identity.send_code(visitor, Audience::Member, &address, &wording()).await
        }
    };
    let known = room.identity.know_browser("ana@example.org").unwrap();
    // 2,000 networks ask ten times each: more than the 20,000 a day that the whole plan once had.
    for round in 0..10_u16 {
        let asked = (0..2_000_u16).map(|n| {
            let network = Some(IpAddr::from([0x2001, 0xdb8, n, 0, 0, 0, 0, 1]));
            ask(format!("v{round}-{n}"), network, format!("n{round}-{n}@example.net"), None)
        });
        for answer in futures_util::future::join_all(asked).await {
            answer.unwrap();
        }
    }
    for n in 0..limits::CODES_PER_ADDRESS_DAY {
        let taken = ask(format!("s{n}"), None, "ana@example.org".into(), None).await;
        assert_eq!(taken.is_ok(), n < limits::CODES_PER_ADDRESS_HOUR);
    }
    ask("hers".into(), None, "ana@example.org".into(), Some(known.clone())).await.unwrap();
    let other = ask("x".into(), None, "kid@example.org".into(), Some(known)).await;
    assert!(other.is_ok(), "a browser is known for one address and does no harm elsewhere");
    ask("y".into(), None, "ana@example.org".into(), Some("forged".into())).await.unwrap_err();

    let site = |n: u32| Some(IpAddr::from([0x2600, 1, 2, n as u16, 0, 0, 0, 1]));
    let limit = limits::CODES_PER_NETWORK * limits::NETWORKS_PER_SITE;
    for n in 0..=limit {
        let asked = ask(format!("w{n}"), site(n), format!("w{n}@example.net"), None).await;
        assert_eq!(asked.is_ok(), n < limit, "{n}");
    }
}

#[tokio::test]
async fn a_code_may_be_typed_as_telephones_show_it() {
    let room = room().await;
    for (at, dress) in
        ["{}\u{2011}{}", "{}\u{2014}{}", "{}\u{200b}{}", " {} {} ", "{}.{}", "wide", "arabic"].iter().enumerate()
    {
        let secret = format!("v{at}");
        let code = room.code_for(&secret, Audience::Member, "ana@example.org").await;
        let from =
            |zero: char| code.chars().map(|c| char::from_u32(zero as u32 + c as u32 - '0' as u32).unwrap()).collect();
        let typed: String = match *dress {
            "wide" => from('\u{ff10}'),
            "arabic" => from('\u{660}'),
            dress => dress.replacen("{}", &code[..3], 1).replacen("{}", &code[3..], 1),
        };
        done(room.identity.check_code(visitor(&secret), Audience::Member, "ana@example.org", &typed).await.unwrap());
        room.hand.advance(Duration::from_hours(1));
    }
}

#[tokio::test]
async fn a_shared_address_asks_for_the_birth_date() {
    let room = room().await;
    let code = room.code_for("v1", Audience::Member, "shared@example.org").await;
    let sign_in = room.identity.check_code(visitor("v1"), Audience::Member, "shared@example.org", &code).await.unwrap();
    assert!(matches!(sign_in, SignIn::BirthDate));
    let wrong = room.identity.check_birth_date(visitor("v1"), "1999-01-01").await;
    assert!(matches!(wrong, Err(Error::BirthDate)));
    assert!(matches!(room.identity.check_birth_date(visitor("v2"), "1971-01-01").await, Err(Error::NoCode)));
    let new = room.identity.check_birth_date(visitor("v1"), "1971-01-01").await.unwrap();
    assert_eq!(new.session.who, Person::Member { member: "M4".into() });
    assert!(matches!(room.identity.check_birth_date(visitor("v1"), "1970-01-01").await, Err(Error::NoCode)));
}

#[tokio::test]
async fn a_representative_sees_whom_she_acts_for() {
    let room = room().await;
    let people = room.identity.people_of("M1").unwrap();
    assert_eq!(people.iter().map(|m| m.member_id.as_str()).collect::<Vec<_>>(), ["M1", "M2"]);
    assert_eq!(room.identity.people_of("M2").unwrap().len(), 1);
    assert_eq!(room.identity.find_by_patient("pat-M2").unwrap().unwrap().member_id, "M2");
}

#[tokio::test]
async fn enrolling_again_changes_only_what_changed() {
    let room = room().await;
    let same = enrol_row(&room.store, row("M1", "ana@example.org", "1980-05-01", &["M2"])).await;
    let moved = enrol_row(&room.store, row("M1", "new@example.org", "1980-05-01", &["M2"])).await;
    assert_eq!((same, moved), (Enrolled::Unchanged, Enrolled::Redirected));
    room.identity.send_code(visitor("v1"), Audience::Member, "ana@example.org", &wording()).await.unwrap();
    room.identity.settle().await;
    assert!(room.outbox.letters().is_empty(), "the old address is forgotten");
    room.code_for("v2", Audience::Member, "new@example.org").await;
}

#[tokio::test]
async fn a_developer_enrols_an_authenticator_and_owes_it_from_then_on() {
    let room = room().await;
    let code = room.code_for("v1", Audience::Developer, "dev@example.org").await;
    let new =
        done(room.identity.check_code(visitor("v1"), Audience::Developer, "dev@example.org", &code).await.unwrap());
    let Person::Developer { account } = new.session.who.clone() else { panic!("not a developer") };
    let offer = room.identity.offer_authenticator(&account).await.unwrap();
    assert_eq!(room.identity.offer_authenticator(&account).await.unwrap().key, offer.key, "reloading keeps the seed");
    let wrong = room.identity.enrol_authenticator(&new.secret, "123456").await;
    assert!(matches!(wrong, Err(Error::Wrong { .. })));
    let typed = authenticator(&offer, room.identity.now());
    let (raised, backup) = room.identity.enrol_authenticator(&new.secret, &typed).await.unwrap();
    assert_eq!(backup.len(), limits::BACKUP_CODES);
    assert!(room.identity.session(&new.secret).await.is_err(), "a rise ends the old secret");
    assert_eq!(raised.session.level, Level::Full);

    room.hand.advance(Duration::from_mins(1));
    let code = room.code_for("v2", Audience::Developer, "dev@example.org").await;
    let sign_in = room.identity.check_code(visitor("v2"), Audience::Developer, "dev@example.org", &code).await.unwrap();
    let SignIn::SecondFactor(partial) = sign_in else { panic!("no second factor asked") };
    assert_eq!(partial.session.level, Level::Partial);
    let replay = room.identity.check_authenticator(&partial.secret, &typed).await;
    assert!(matches!(replay, Err(Error::Wrong { .. })), "a step is accepted once");
    let (full, factor) = room.identity.check_authenticator(&partial.secret, &backup[0]).await.unwrap();
    assert_eq!((full.session.level, factor), (Level::Full, Factor::Backup(limits::BACKUP_CODES - 1)));
}

#[tokio::test]
async fn staff_exist_only_after_they_were_added() {
    let room = room().await;
    room.identity.send_code(visitor("v1"), Audience::Staff, "boss@example.org", &wording()).await.unwrap();
    room.identity.settle().await;
    assert!(room.outbox.letters().is_empty());
    room.identity.add_staff("Boss@example.org", Role::Admin).await.unwrap();
    let code = room.code_for("v2", Audience::Staff, "boss@example.org").await;
    let sign_in = room.identity.check_code(visitor("v2"), Audience::Staff, "boss@example.org", &code).await.unwrap();
    assert!(matches!(sign_in, SignIn::SecondFactor(_)), "staff owe an authenticator from the first day");
    assert_eq!(room.identity.staff().unwrap().len(), 1);
    assert!(room.identity.remove_staff("boss@example.org").await.unwrap());
    assert!(room.identity.staff().unwrap().is_empty());
}

#[tokio::test]
async fn form_tokens_belong_to_a_browser() {
    let room = room().await;
    let token = room.identity.form_token("v1");
    assert!(room.identity.form_token_is_right("v1", &token));
    assert!(!room.identity.form_token_is_right("v2", &token));
    assert!(!room.identity.form_token_is_right("v1", ""));
}

fn authenticator(offer: &Offer, now: i64) -> String {
    let secret = totp_rs::Secret::try_from_base32(offer.key.replace(' ', "")).unwrap();
    totp_rs::Builder::new().with_secret(secret).build_noncompliant().generate(now as u64).to_string()
}
