//! Users in the repository: unique usernames, addresses, deactivation.

use super::*;

on_both_databases! {
    next_username_is_used_when_the_first_exists,
    deactivating_revokes_credentials_and_reports_whether_it_changed,
    users_are_found_by_email_in_any_case,
    unusual_texts_are_stored_unchanged,
}

async fn next_username_is_used_when_the_first_exists(engine: Engine) {
    let store = store(engine).await;
    store.user("ana").await;
    let second = store.commit(&create("2", &["ana", "ana", "ana2"]), |user| session("s", user)).await.expect("a user");
    assert_eq!(second.username, "ana2");
    let none_left = store.commit(&create("3", &["ana", "ana2"]), |user| session("t", user)).await;
    assert!(none_left.is_none(), "the decision must be made again");
    assert_eq!(store.database.count("users").await, 2);
}

async fn deactivating_revokes_credentials_and_reports_whether_it_changed(engine: Engine) {
    let store = store(engine).await;
    let user = store.user("1").await;
    assert!(store.repository.set_active(user.id, false, NOW).await.expect("a write"));
    assert!(!store.repository.set_active(UserId(999), false, NOW).await.expect("a write"));
    assert!(!store.repository.user(user.id).await.expect("a read").expect("the user").is_active);
    assert!(store.repository.set_active(user.id, true, NOW).await.expect("a write"));
    assert!(store.repository.user(user.id).await.expect("a read").expect("the user").is_active);
}

async fn users_are_found_by_email_in_any_case(engine: Engine) {
    let store = store(engine).await;
    let user = store.user("ana").await;
    let parsed = |text| EmailAddress::parse(text).expect("an address");
    for address in ["ana@example.com", "ANA@EXAMPLE.COM", "Ana@Example.com"] {
        let found = store.repository.users_by_email(&parsed(address)).await.expect("a read");
        assert_eq!(found.iter().map(|user| user.id).collect::<Vec<_>>(), [user.id], "{address}");
    }
    assert!(
        store.repository.users_by_email(&parsed("a_a@example.com")).await.expect("a read").is_empty(),
        "no pattern"
    );
    for (trusted_email_sources, found) in [(vec!["", "github"], 1), (vec!["", "gitlab"], 0), (vec![], 0)] {
        let trusted_email_sources: Vec<String> = trusted_email_sources.into_iter().map(str::to_owned).collect();
        let holders = store
            .repository
            .users_with_verified_email(&parsed("ANA@example.com"), &trusted_email_sources)
            .await
            .expect("a read");
        assert_eq!(holders.len(), found, "{trusted_email_sources:?}");
    }
}

async fn unusual_texts_are_stored_unchanged(engine: Engine) {
    let store = store(engine).await;
    let text = "Zoë 李 😀 ' \" \\ ; -- %_ \u{202e}";
    let login = LoginCommit {
        first_name: Some(text.into()),
        extra_data: json!({"text": text, "number": 1.5, "big": 9_007_199_254_740_993_i64}),
        ..create("uid ' 1", &["ana"])
    };
    let user = store.commit(&login, |user| session("s", user)).await.expect("a user");
    assert_eq!(user.first_name, text);
    let (account, owner) = store.repository.accounts_by_uid("github", &["uid ' 1"]).await.expect("a read").remove(0);
    assert_eq!((owner.first_name.as_str(), &account.extra_data), (text, &login.extra_data));
}
