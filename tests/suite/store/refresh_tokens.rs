//! Refresh tokens: races of rotations, revocations and blacklists.

use std::time::Duration;

use futures_util::future::join_all;
use rest_social_auth::model::{
    CredentialKind, FamilyState, NewCredential, PresentedToken, RefreshRefusal, RefreshRow, User,
};
use rest_social_auth::store::{BlacklistScope, Blacklisting, RefreshStep, Rotated, Rotation};

use super::{NOW, create, event, refresh, store};
use crate::support::{Engine, on_both_databases};

on_both_databases! {
    parallel_rotations_are_decided_one_after_the_other,
    fault_b35_rotation_after_a_revocation_is_refused,
    blacklisted_token_is_not_blacklisted_again,
}

/// As presented by a client.
fn presented(jti: &str) -> PresentedToken<'_> {
    PresentedToken { jti, kind: CredentialKind::JwtPair, issued: NOW, expires: NOW.plus(Duration::from_secs(60)) }
}

async fn parallel_rotations_are_decided_one_after_the_other(engine: Engine) {
    let store = store(engine).await;
    let user = store
        .commit(&create("1", &["ana"]), |user| NewCredential::Refresh(refresh("old", user.id)))
        .await
        .expect("a user");
    let reuse = event();
    let rotation = Rotation { user: user.id, token: presented("old"), blacklists: true, reuse: &reuse, now: NOW };
    let names: Vec<String> = (0..6).map(|n| format!("new{n}")).collect();
    // A refresh is refused once the token is replaced.
    let steps: Vec<_> = names
        .iter()
        .map(|jti| {
            move |user: &User, stored: Option<&FamilyState>| match stored {
                Some(state) if state.is_valid => {
                    let parent = Some(state.jti.clone());
                    RefreshStep::Issue(Box::new(RefreshRow { parent, ..refresh(jti, user.id) }))
                }
                _ => RefreshStep::Refuse(RefreshRefusal::Revoked),
            }
        })
        .collect();
    let rotations = join_all(steps.iter().map(|step| store.repository.rotate(&rotation, step))).await;
    let issued = rotations.iter().filter(|rotated| matches!(rotated, Ok(Rotated::Issued { .. }))).count();
    let refused = rotations.iter().filter(|rotated| matches!(rotated, Ok(Rotated::Refused(_)))).count();
    assert_eq!((issued, refused), (1, 5));
    assert_eq!(store.database.count("refresh_tokens").await, 2);
    let (_, state) = store.repository.token_family("old", user.id).await.expect("a read").expect("the user");
    let state = state.expect("a row");
    let newest = state.newest.expect("a successor");
    assert_eq!((state.is_valid, state.family.as_str(), newest.parent.as_deref()), (false, "family", Some("old")));
}

async fn fault_b35_rotation_after_a_revocation_is_refused(engine: Engine) {
    let store = store(engine).await;
    let read = store.user("1").await;
    store.repository.revoke_all(read.id, NOW, &event()).await.expect("a write");
    // A token of simplejwt has no row that the revocation could blacklist.
    let reuse = event();
    let rotation =
        Rotation { user: read.id, token: presented("simplejwts"), blacklists: true, reuse: &reuse, now: NOW };
    let next = |user: &User, _: Option<&FamilyState>| {
        if user.credential_generation == read.credential_generation {
            RefreshStep::Issue(Box::new(refresh("new", user.id)))
        } else {
            RefreshStep::Refuse(RefreshRefusal::UserRevoked)
        }
    };
    let rotated = store.repository.rotate(&rotation, &next).await;
    assert!(matches!(rotated, Ok(Rotated::Refused(RefreshRefusal::UserRevoked))));
    assert_eq!(store.database.count("refresh_tokens").await, 0);
}

async fn blacklisted_token_is_not_blacklisted_again(engine: Engine) {
    let store = store(engine).await;
    let user = store
        .commit(&create("1", &["ana"]), |user| NewCredential::Refresh(refresh("a", user.id)))
        .await
        .expect("a user");
    let audit = event();
    // One of this server, and one of another issuer with the same key.
    for (jti, scope) in [
        ("a", BlacklistScope::Token),
        ("simplejwts", BlacklistScope::Token),
        ("another of simplejwt", BlacklistScope::Family),
    ] {
        let blacklisting = Blacklisting { user: user.id, token: presented(jti), scope, now: NOW };
        let tries = (0..4).map(|_| store.repository.blacklist(&blacklisting, &audit));
        let first = join_all(tries).await.into_iter().filter(|done| matches!(done, Ok(true))).count();
        assert_eq!(first, 1, "{jti}");
        let (_, state) = store.repository.token_family(jti, user.id).await.expect("a read").expect("the user");
        assert!(state.is_some_and(|state| !state.is_valid && state.newest.is_none()), "{jti}");
    }
    let (_, revoked) = store.repository.access_token_user(user.id, NOW).await.expect("a read").expect("the user");
    assert_eq!(revoked, ["another of simplejwt"], "access tokens end with the family only");
}
