//! A login whose decision is based on a row that has changed since it was read.

use super::*;

on_both_databases! {
    fault_a1_legacy_row_does_not_block_the_user_with_that_stable_id,
    fault_a1_one_of_two_logins_claims_a_legacy_row,
    fault_a1_duplicate_new_uid_is_no_database_error,
    fault_b7_decision_on_an_outdated_row_is_made_again,
    fault_a5_one_verified_email_belongs_to_one_user,
}

/// Turns the user's account into one that was imported under a legacy uid.
async fn imported(store: &Store, uid: &str) -> (SocialAccount, User) {
    store.user(uid).await;
    store
        .database
        .run(&format!("UPDATE social_accounts SET uid_scope = '', legacy_uid = true WHERE uid = '{uid}'"))
        .await;
    account(store, uid).await
}

async fn account(store: &Store, uid: &str) -> (SocialAccount, User) {
    store.repository.accounts_by_uid("github", &[uid]).await.expect("a read").remove(0)
}

async fn signs_in(store: &Store, who: LoginTarget, uid: &str, session_name: &str) -> bool {
    let login = LoginCommit { target: who, ..create(uid, &[]) };
    store.commit(&login, |user| session(session_name, user)).await.is_some()
}

async fn fault_a1_legacy_row_does_not_block_the_user_with_that_stable_id(engine: Engine) {
    let store = store(engine).await;
    let (_, former) = imported(&store, "x2abc9").await;
    let second = store.commit(&create("x2abc9", &["second"]), |user| session("s", user)).await.expect("a new user");
    assert_ne!(second.id, former.id);
    // A row of unknown scope that is not a legacy row may be the same account.
    store.database.run("UPDATE social_accounts SET legacy_uid = false").await;
    assert!(store.commit(&create("x2abc9", &["third"]), |user| session("t", user)).await.is_none());
}

async fn fault_a1_one_of_two_logins_claims_a_legacy_row(engine: Engine) {
    let store = store(engine).await;
    let (account_read, user) = imported(&store, "name").await;
    assert!(signs_in(&store, rekeyed(&user, &account_read), "id-1", "first").await);
    assert!(!signs_in(&store, rekeyed(&user, &account_read), "id-2", "second").await);
    assert_eq!(account(&store, "id-1").await.1.id, user.id);
    assert_eq!(store.database.count("sessions").await, 1);
}

async fn fault_a1_duplicate_new_uid_is_no_database_error(engine: Engine) {
    let store = store(engine).await;
    let (account_read, user) = imported(&store, "name").await;
    store.user("id-1").await;
    assert!(!signs_in(&store, rekeyed(&user, &account_read), "id-1", "s").await);
    assert_eq!(account(&store, "name").await.0.extra_data, account_read.extra_data, "nothing was written");
}

async fn fault_b7_decision_on_an_outdated_row_is_made_again(engine: Engine) {
    let store = store(engine).await;
    store.user("1").await;
    let (read, user) = account(&store, "1").await;
    let who = known(&user, &read);
    let with = |extra_data| LoginCommit { target: who.clone(), extra_data, ..create("1", &[]) };
    let profile = with(json!({"id": 1, "picture": "p"}));
    assert!(store.commit(&profile, |user| session("first", user)).await.is_some());
    // The same profile again, from a parallel login.
    assert!(store.commit(&profile, |user| session("second", user)).await.is_some());
    // A profile without the picture: the row had none when it was read.
    assert!(store.commit(&with(json!({"id": 1})), |user| session("third", user)).await.is_none());
    assert_eq!(account(&store, "1").await.0.extra_data["picture"], "p");
    assert_eq!(store.database.count("sessions").await, 2);
}

async fn fault_a5_one_verified_email_belongs_to_one_user(engine: Engine) {
    let store = store(engine).await;
    for uid in ["1", "2"] {
        store.user(uid).await;
    }
    let changes = join_all(["1", "2"].map(|uid| {
        let store = &store;
        async move {
            let (read, user) = account(store, uid).await;
            let who = known(&user, &read);
            let email = Some(NewEmail { address: "new@example.com".to_owned(), is_verified: true });
            let login = LoginCommit { target: who, email, ..create(uid, &[]) };
            store.commit(&login, |user| session(uid, user)).await.is_some()
        }
    }));
    assert_eq!(changes.await.iter().filter(|done| **done).count(), 1);
}
