use super::*;

/// Honest clients whose answer was lost had to ask the member again after 30 seconds, and a thief within them was not seen
/// (access.md S14).
#[tokio::test]
async fn a_refresh_token_is_good_until_its_successor_was_used() {
    let room = room().await;
    let old = room.tokens(&room.web).await.refresh_token.unwrap();
    let answer = room.refresh(&room.web, &old, "").await.unwrap();
    room.hand.advance(Duration::from_mins(1));
    assert_eq!(room.refresh(&room.web, &old, "").await.unwrap(), answer);
    assert_eq!(code_of(room.refresh(&room.public, &old, "").await), Code::InvalidGrant, "only to the same app");
    room.hand.advance(Duration::from_secs(1));
    let later = room.refresh(&room.web, &old, "").await.unwrap();
    assert_ne!(later, answer, "the first answer was lost, and its access token runs out");
    let lost = answer.refresh_token.unwrap();
    assert_eq!(code_of(room.refresh(&room.web, &lost, "").await), Code::InvalidGrant, "it was replaced");
    assert!(room.oauth.verify(&later.access_token).is_ok());

    let next = later.refresh_token.unwrap();
    let used = room.refresh(&room.web, &next, "").await.unwrap();
    assert_eq!(code_of(room.refresh(&room.web, &old, "").await), Code::InvalidGrant, "at once: somebody else went on");
    assert!(room.oauth.verify(&used.access_token).is_err(), "the family has ended");
    let last = used.refresh_token.unwrap();
    assert_eq!(code_of(room.refresh(&room.web, &last, "").await), Code::InvalidGrant);
}

/// fhirclient sends no `client_id` when it refreshes (access.md S9; RFC 6749, 6 does not ask a public client for it).
#[tokio::test]
async fn a_public_app_need_not_name_itself_to_refresh() {
    let room = room().await;
    let bare = async |token: &str| {
        room.oauth.token(&form(&[("grant_type", "refresh_token"), ("refresh_token", token)]), None).await
    };
    let public = room.tokens(&room.public).await.refresh_token.unwrap();
    assert!(bare(&public).await.is_ok());
    let confidential = room.tokens(&room.web).await.refresh_token.unwrap();
    assert_eq!(code_of(bare(&confidential).await), Code::InvalidClient, "it has a secret to show");
    assert_eq!(code_of(bare("ingr_never-made").await), Code::InvalidClient);
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_refreshes_get_one_and_the_same_answer() {
    let room = std::sync::Arc::new(room().await);
    let old = room.tokens(&room.web).await.refresh_token.unwrap();
    let tries: Vec<_> = (0..50)
        .map(|_| {
            let (room, old) = (std::sync::Arc::clone(&room), old.clone());
            tokio::spawn(async move { room.refresh(&room.web, &old, "").await.unwrap() })
        })
        .collect();
    let mut answers = Vec::new();
    for attempt in tries {
        answers.push(attempt.await.unwrap());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
    assert!(room.oauth.verify(&answers[0].access_token).is_ok());
}

#[tokio::test]
async fn a_refresh_asks_for_the_same_or_less() {
    let room = room().await;
    let first = room.tokens(&room.web).await;
    let less = room.refresh(&room.web, &first.refresh_token.unwrap(), "patient/Coverage.rs").await.unwrap();
    assert_eq!(less.scope, "patient/Coverage.rs");
    let next = less.refresh_token.unwrap();
    assert_eq!(code_of(room.refresh(&room.web, &next, "patient/*.rs user/*.rs").await), Code::InvalidScope);
    assert_eq!(room.refresh(&room.web, &next, "").await.unwrap().scope, first.scope, "the grant stays whole");
}

#[tokio::test]
async fn without_offline_access_there_is_no_refresh_and_the_grant_ends_with_the_token() {
    let room = room().await;
    let id = room.pending(&room.web, &[("scope", "patient/*.rs")]).await;
    let address = room.approve(&id, "M1", "M1").await.unwrap();
    let tokens = room.redeem(&room.web, query(&address).get("code").unwrap()).await.unwrap();
    assert!(tokens.refresh_token.is_none() && tokens.id_token.is_none());
    let grants = room.consent.of_member("M1").unwrap();
    assert_eq!(grants[0].until - grants[0].created, limits::ACCESS_LIFE);
}

#[tokio::test]
async fn a_grant_that_ended_by_itself_gives_nothing() {
    let room = room().await;
    let tokens = room.tokens(&room.web).await;
    room.hand.advance(Duration::from_secs(limits::GRANT_LIFE as u64));
    assert_eq!(code_of(room.refresh(&room.web, &tokens.refresh_token.unwrap(), "").await), Code::InvalidGrant);
}
