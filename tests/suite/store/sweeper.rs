//! The sweeper deletes expired and surplus rows, in small batches.

use std::time::Duration;

use rest_social_auth::model::NewCredential;
use rest_social_auth::store::{Claimed, ExpiringTable, LoginCommit};

use super::{NOW, authorization_request, code, create, digest, known, knox, refresh, session, store};
use crate::support::{Engine, on_both_databases};

on_both_databases! {
    fault_f10_one_call_of_the_sweeper_deletes_a_small_batch,
    sweeper_deletes_expired_and_surplus_rows,
}

async fn fault_f10_one_call_of_the_sweeper_deletes_a_small_batch(engine: Engine) {
    let store = store(engine).await;
    store.user("1").await;
    let expired = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
                   INSERT INTO knox_tokens (digest, token_key, user_id, created, expires, last_used)
                   SELECT 'digest ' || i, 'key', 1, 5, 6, 5 FROM n";
    store.database.run(expired).await;
    // A login waits for one call at most.
    let deleted = store.repository.delete_expired(ExpiringTable::KnoxTokens, NOW).await.expect("a write");
    assert!((1..=1000).contains(&deleted), "{deleted}");
    rest_social_auth::store::sweep(store.repository.as_ref(), NOW, 1000).await.expect("a sweep");
    assert_eq!(store.database.count("knox_tokens").await, 0);
}

async fn sweeper_deletes_expired_and_surplus_rows(engine: Engine) {
    let store = store(engine).await;
    let user = store.user("1").await;
    let (account, _) = store.repository.accounts_by_uid("github", &["1"]).await.expect("a read").remove(0);
    let known = LoginCommit { target: known(&user, &account), ..create("1", &[]) };
    store.commit(&known, |user| session("s", user)).await.expect("the user");
    store.commit(&known, |user| NewCredential::Knox(knox("k", user))).await.expect("the user");
    store.commit(&known, |user| NewCredential::Refresh(refresh("r", user.id))).await.expect("the user");
    for n in 0..20 {
        let later = NOW.plus(Duration::from_secs(n));
        store
            .repository
            .insert_authorization_request(&authorization_request(&format!("a{n}"), later))
            .await
            .expect("an insert");
        assert!(matches!(store.claim(None, Some(&code(&format!("c{n}"), later))).await, Claimed::Acquired));
    }
    assert_eq!(
        rest_social_auth::store::sweep(store.repository.as_ref(), NOW, 1000).await.expect("a sweep"),
        0,
        "nothing is old or too much"
    );
    rest_social_auth::store::sweep(store.repository.as_ref(), NOW, 7).await.expect("a sweep");
    assert_eq!(
        (store.database.count("authorization_requests").await, store.database.count("used_codes").await),
        (20, 20)
    );
    store.database.run("UPDATE authorization_requests SET claimed = created").await;
    rest_social_auth::store::sweep(store.repository.as_ref(), NOW, 7).await.expect("a sweep");
    assert_eq!(
        (store.database.count("authorization_requests").await, store.database.count("used_codes").await),
        (7, 20)
    );
    assert!(store.repository.authorization_request(&digest("a19")).await.expect("a read").is_some(), "the newest stay");
    assert!(store.repository.authorization_request(&digest("a0")).await.expect("a read").is_none(), "the oldest go");

    rest_social_auth::store::sweep(store.repository.as_ref(), NOW.plus(Duration::from_secs(61)), 1000)
        .await
        .expect("a sweep");
    let counts = store.database.counts().await;
    // Without its row, a revoked refresh token would be accepted on a node whose clock is behind.
    assert_eq!((counts["sessions"], counts["knox_tokens"], counts["refresh_tokens"]), (0, 0, 1));
    assert_eq!((counts["tokens"], counts["users"], counts["social_accounts"]), (1, 1, 1), "these do not expire");
    rest_social_auth::store::sweep(store.repository.as_ref(), NOW.plus(Duration::from_secs(86_400)), 1000)
        .await
        .expect("a sweep");
    let counts = store.database.counts().await;
    assert_eq!((counts["authorization_requests"], counts["used_codes"], counts["refresh_tokens"]), (0, 0, 0));
}
