//! The repository by itself, on both databases: claims, races, rotation and the sweeper.

mod concurrent_logins;
mod group_commits;
mod migrations;
mod refresh_tokens;
mod sweeper;
mod users;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use rest_social_auth::clock::UnixMillis;
use rest_social_auth::model::{
    AuditEvent, AuditKind, AuthorizationRequest, ClientInfo, CodeClaim, CredentialKind, EmailAddress, KnoxRow,
    NewCredential, RefreshRow, SessionRow, SocialAccount, StartedBy, StoredPendingLogin, TokenRow, User, UserId,
};
use rest_social_auth::secrets::Digest;
use rest_social_auth::store::{
    Claimed, Committed, ConsumedCredential, IssuedCredential, LoginCommit, LoginTarget, NewEmail, Repository,
};
use serde_json::json;

use crate::support::{Database, Engine, on_both_databases};

on_both_databases! {
    authorization_request_is_claimed_once,
    claim_marks_authorization_request_and_code_or_neither,
    answer_is_stored_with_its_code,
    first_login_writes_all_rows_in_one_transaction,
    parallel_first_logins_create_one_user,
    account_linked_to_another_user_is_stale,
    login_of_a_deactivated_user_is_stale,
    login_does_not_overwrite_concurrent_edits,
    grouped_writes_have_separate_results,
    row_matched_by_legacy_uid_gets_the_new_uid,
    account_never_moves_to_another_user,
    revoke_all_revokes_every_credential_of_one_user,
    migrating_twice_changes_nothing,
    pending_login_is_consumed_once_or_nothing_is_written,
}

const NOW: UnixMillis = UnixMillis(1_795_521_600_000);

struct Store {
    database: Database,
    repository: Arc<dyn Repository>,
}

async fn store(engine: Engine) -> Store {
    let database = Database::create(engine).await;
    let repository = database.repository().await;
    Store { database, repository }
}

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

fn authorization_request(key: &str, created: UnixMillis) -> AuthorizationRequest {
    AuthorizationRequest {
        key: digest(key),
        provider: "github".into(),
        redirect_uri: "https://front.example/cb".into(),
        browser: digest("browser"),
        started_by: StartedBy::Begin { flow_token: digest(&format!("flow of {key}")) },
        code_challenge: Some("challenge".into()),
        encrypted_secret: Some(vec![0, 1, 255]),
        link_request: None,
        address: Some(json!({"shop": "a.example"})),
        server_redirect: None,
        encrypted_options: Some(vec![2, 0, 255]),
        created,
        expires: created.plus(Duration::from_secs(600)),
        claimed: None,
    }
}

fn code(text: &str, claimed: UnixMillis) -> CodeClaim {
    let expires = claimed.plus(Duration::from_secs(600));
    CodeClaim { digest: digest(text), binding: Some(digest("browser")), claimed, expires }
}

fn attach(user: &User) -> LoginTarget {
    LoginTarget::Link { user_id: user.id, generation: user.link_generation, by_email: None }
}

fn create(uid: &str, usernames: &[&str]) -> LoginCommit {
    let usernames = usernames.iter().map(|name| (*name).to_owned()).collect();
    LoginCommit {
        now: NOW,
        target: LoginTarget::Create {
            usernames,
            email: format!("{uid}@Example.com"),
            email_verified: true,
            verified_by: "github".into(),
            require_unclaimed_by: Vec::new(),
        },
        provider: "github".into(),
        uid: uid.into(),
        uid_scope: "id".into(),
        extra_data: json!({"id": 1, "list": [null, true, "ü"]}),
        first_name: Some("Ana".into()),
        last_name: Some("Lopez".into()),
        username: None,
        email: None,
        fields: serde_json::Map::new(),
        set_last_login: false,
        tokens: None,
        revoked_session: None,
        knox_limit: None,
        audit: event(),
        consumes: None,
        data: None,
    }
}

fn event() -> AuditEvent {
    AuditEvent { provider: Some("github".into()), ..AuditEvent::new(AuditKind::SignIn, ClientInfo::default(), NOW) }
}

fn session(text: &str, user: &User) -> NewCredential {
    NewCredential::Session(SessionRow {
        digest: digest(text),
        user_id: user.id,
        created: NOW,
        expires: NOW.plus(Duration::from_secs(60)),
        last_used: NOW,
        client: ClientInfo { ip: Some("192.0.2.1".into()), agent: Some("agent".into()), request_id: None },
    })
}

fn knox(text: &str, user: &User) -> KnoxRow {
    let expires = Some(NOW.plus(Duration::from_secs(60)));
    KnoxRow {
        digest: text.into(),
        token_key: "key".into(),
        user_id: user.id,
        created: NOW,
        expires,
        last_used: NOW,
        client: ClientInfo::default(),
    }
}

fn refresh(jti: &str, user: UserId) -> RefreshRow {
    RefreshRow {
        jti: jti.into(),
        family: "family".into(),
        parent: None,
        kind: CredentialKind::JwtPair,
        user_id: user,
        created: NOW,
        family_created: NOW,
        signed_in: Some(NOW),
        expires: NOW.plus(Duration::from_secs(60)),
        client: ClientInfo::default(),
    }
}

fn known(user: &User, account: &SocialAccount) -> LoginTarget {
    LoginTarget::Known {
        user: Box::new(user.clone()),
        account_id: account.id,
        account_modified: account.modified,
        is_account_changed: true,
        is_rekeyed: false,
    }
}

fn rekeyed(user: &User, account: &SocialAccount) -> LoginTarget {
    LoginTarget::Known {
        user: Box::new(user.clone()),
        account_id: account.id,
        account_modified: account.modified,
        is_account_changed: true,
        is_rekeyed: true,
    }
}

impl Store {
    async fn commit(
        &self,
        login: &LoginCommit,
        credential: impl Fn(&User) -> NewCredential + Send + Sync,
    ) -> Option<User> {
        let mut make =
            |user: &User| IssuedCredential { credential: credential(user), answer: Some(b"encrypted".to_vec()) };
        match self.repository.commit_login(login.clone(), &mut make).await.expect("a commit") {
            Committed::Done(user) => Some(*user),
            Committed::Stale | Committed::TooManyTokens | Committed::AlreadyCompleted => None,
        }
    }

    async fn user(&self, uid: &str) -> User {
        let token = format!("token of {uid}");
        let make = |user: &User| {
            NewCredential::Token(TokenRow {
                digest: digest(&token),
                user_id: user.id,
                created: NOW,
                client: ClientInfo::default(),
            })
        };
        self.commit(&create(uid, &[uid]), make).await.expect("a new user")
    }

    async fn claim(&self, authorization_request: Option<&str>, code: Option<&CodeClaim>) -> Claimed {
        let key = authorization_request.map(digest);
        self.repository.claim(key.as_ref(), code, NOW).await.expect("a claim")
    }
}

async fn authorization_request_is_claimed_once(engine: Engine) {
    let store = store(engine).await;
    store.repository.insert_authorization_request(&authorization_request("a", NOW)).await.expect("an insert");
    let kept =
        store.repository.authorization_request(&digest("a")).await.expect("a read").expect("the authorization request");
    assert_eq!((kept.provider.as_str(), kept.encrypted_secret.as_deref()), ("github", Some(&[0, 1, 255][..])));
    assert_eq!(kept.address, Some(json!({"shop": "a.example"})));
    assert!(kept.claimed.is_none() && kept.expires == NOW.plus(Duration::from_secs(600)));
    assert!(store.repository.authorization_request(&digest("b")).await.expect("a read").is_none());

    // A provider that sends one request token for two logins. The first keeps its row; written again it is the same.
    let first = authorization_request("a", NOW);
    let second = AuthorizationRequest { encrypted_secret: Some(vec![2]), ..authorization_request("a", NOW) };
    assert!(!store.repository.insert_authorization_request(&second).await.expect("an insert"));
    assert!(store.repository.insert_authorization_request(&first).await.expect("an insert"));
    let kept = store.repository.authorization_request(&digest("a")).await.expect("a read");
    assert_eq!(kept.and_then(|kept| kept.encrypted_secret), first.encrypted_secret);

    let open = |provider: &'static str, browser: &'static str| {
        let repository = store.repository.clone();
        async move {
            let browser = digest(browser);
            repository.has_open_authorization_request(provider, Some(&browser), None, NOW).await.expect("a read")
        }
    };
    assert!(open("github", "browser").await);
    assert!(!open("facebook", "browser").await && !open("github", "another").await);

    let repository = &store.repository;
    let codes: Vec<CodeClaim> = (0..8).map(|n| code(&format!("code {n}"), NOW)).collect();
    let key = digest("a");
    let claims = join_all(codes.iter().map(|code| repository.claim(Some(&key), Some(code), NOW))).await;
    let acquired = claims.iter().filter(|claim| matches!(claim, Ok(Claimed::Acquired))).count();
    let already_used = claims.iter().filter(|claim| matches!(claim, Ok(Claimed::RequestAlreadyUsed))).count();
    assert_eq!((acquired, already_used), (1, 7));
    assert!(!open("github", "browser").await);
    assert_eq!(store.database.count("used_codes").await, 1, "the refused claims left no code behind");
}

async fn claim_marks_authorization_request_and_code_or_neither(engine: Engine) {
    let store = store(engine).await;
    for key in ["a", "b"] {
        store.repository.insert_authorization_request(&authorization_request(key, NOW)).await.expect("an insert");
    }
    assert!(matches!(store.claim(Some("a"), Some(&code("code", NOW))).await, Claimed::Acquired));
    // The code is used: authorization request b must stay unclaimed.
    assert!(matches!(store.claim(Some("b"), Some(&code("code", NOW))).await, Claimed::CodeUsed(_)));
    let kept =
        store.repository.authorization_request(&digest("b")).await.expect("a read").expect("the authorization request");
    assert!(kept.claimed.is_none());
    // The authorization request is claimed: the code must stay unused.
    assert!(matches!(store.claim(Some("a"), Some(&code("other", NOW))).await, Claimed::RequestAlreadyUsed));
    assert!(matches!(store.claim(None, Some(&code("other", NOW))).await, Claimed::Acquired));
    assert!(matches!(store.claim(Some("b"), None).await, Claimed::Acquired));
    assert!(matches!(store.claim(Some("b"), None).await, Claimed::RequestAlreadyUsed));
}

async fn answer_is_stored_with_its_code(engine: Engine) {
    let store = store(engine).await;
    assert!(matches!(store.claim(None, Some(&code("code", NOW))).await, Claimed::Acquired));
    let used = store.repository.used_code(&digest("code")).await.expect("a read").expect("the claim");
    assert!(used.answer.is_none() && used.claimed == NOW);
    assert!(used.binding.is_some_and(|binding| binding.matches(&digest("browser"))));
    let login = LoginCommit { consumes: Some(ConsumedCredential::Code(digest("code"))), ..create("1", &["ana"]) };
    store.commit(&login, |user| session("s", user)).await.expect("a user");
    let used = store.repository.used_code(&digest("code")).await.expect("a read").expect("the claim");
    assert_eq!(used.answer.as_deref(), Some(&b"encrypted"[..]));
    assert!(matches!(store.claim(None, Some(&code("refused", NOW))).await, Claimed::Acquired));
    store.repository.store_answer(&digest("refused"), b"no").await.expect("a write");
    let used = store.repository.used_code(&digest("refused")).await.expect("a read").expect("the claim");
    assert_eq!(used.answer.as_deref(), Some(&b"no"[..]));
}

async fn first_login_writes_all_rows_in_one_transaction(engine: Engine) {
    let store = store(engine).await;
    let login = LoginCommit { set_last_login: true, ..create("1", &["ana"]) };
    let user = store.commit(&login, |user| session("s", user)).await.expect("a user");
    assert_eq!((user.username.as_str(), user.email.as_str(), user.last_login), ("ana", "1@Example.com", Some(NOW)));
    let (account, owner) = store.repository.accounts_by_uid("github", &["1"]).await.expect("a read").remove(0);
    assert_eq!(owner, user);
    assert_eq!(account.extra_data, json!({"id": 1, "list": [null, true, "ü"]}));
    let (row, owner) = store.repository.session(&digest("s")).await.expect("a read").expect("the session");
    assert_eq!((owner.id, row.client.ip.as_deref()), (user.id, Some("192.0.2.1")));
    assert_eq!(store.repository.accounts_of(user.id).await.expect("a read").len(), 1);
}

async fn parallel_first_logins_create_one_user(engine: Engine) {
    let store = store(engine).await;
    let logins = (0..8).map(|n| {
        let store = &store;
        async move {
            let name = format!("ana{n}");
            store.commit(&create("1", &[&name]), |user| session(&format!("s{n}"), user)).await
        }
    });
    let made = join_all(logins).await;
    assert_eq!(made.iter().flatten().count(), 1, "the other logins are stale");
    assert_eq!((store.database.count("users").await, store.database.count("social_accounts").await), (1, 1));
    assert_eq!(store.database.count("sessions").await, 1);
}

async fn account_linked_to_another_user_is_stale(engine: Engine) {
    let store = store(engine).await;
    let (first, second) = (store.user("1").await, store.user("2").await);
    let generation = second.link_generation;
    let moved =
        LoginTarget::Link { user_id: second.id, generation, by_email: EmailAddress::parse("another@example.com") };
    let moved = LoginCommit { target: moved, ..create("9", &[]) };
    assert!(
        store.commit(&moved, |user| session("s9", user)).await.is_none(),
        "the address belongs to another user now"
    );
    let attach = LoginCommit { target: attach(&second), ..create("1", &[]) };
    assert!(store.commit(&attach, |user| session("s", user)).await.is_none());
    let (account, owner) = store.repository.accounts_by_uid("github", &["1"]).await.expect("a read").remove(0);
    assert_eq!((account.user_id, owner.id), (first.id, first.id));
    let known = LoginCommit { target: known(&second, &account), ..create("1", &[]) };
    assert!(store.commit(&known, |user| session("s", user)).await.is_none());
    assert_eq!(store.database.count("sessions").await, 0);
}

async fn login_of_a_deactivated_user_is_stale(engine: Engine) {
    let store = store(engine).await;
    let user = store.user("1").await;
    store.repository.set_active(user.id, false, NOW).await.expect("a write");
    let (account, _) = store.repository.accounts_by_uid("github", &["1"]).await.expect("a read").remove(0);
    let known = LoginCommit { target: known(&user, &account), ..create("1", &[]) };
    assert!(store.commit(&known, |user| session("s", user)).await.is_none());
    let user = store.repository.user(user.id).await.expect("a read").expect("the user");
    let attach = LoginCommit { target: attach(&user), ..create("2", &[]) };
    assert!(store.commit(&attach, |user| session("s", user)).await.is_none());
    assert_eq!(store.database.count("social_accounts").await, 1, "rolled back");
}

async fn login_does_not_overwrite_concurrent_edits(engine: Engine) {
    let store = store(engine).await;
    let user = store.user("1").await;
    let (account, _) = store.repository.accounts_by_uid("github", &["1"]).await.expect("a read").remove(0);
    let edit = |user: &User| User { first_name: "Mine".into(), edited: vec!["first_name".into()], ..user.clone() };
    store.repository.update_user(user.id, &edit, &event()).await.expect("a write");
    // The decision was made on the row read before.
    let follows = LoginCommit { target: known(&user, &account), first_name: Some("Theirs".into()), ..create("1", &[]) };
    assert!(store.commit(&follows, |user| session("s", user)).await.is_none(), "the decision must be made again");
    let same = LoginCommit { set_last_login: true, first_name: None, ..follows.clone() };
    store.commit(&same, |user| session("s", user)).await.expect("a login");
    let after = store.repository.user(user.id).await.expect("a read").expect("the user");
    assert_eq!((after.first_name.as_str(), after.last_login), ("Mine", Some(NOW)));
    let updated = LoginCommit { target: known(&after, &account), ..follows };
    assert_eq!(store.commit(&updated, |user| session("t", user)).await.expect("a login").first_name, "Mine");
    // A second edit of the same field, which the list of edited fields does not show.
    let again = |user: &User| User { first_name: "Still mine".into(), ..user.clone() };
    store.repository.update_user(user.id, &again, &event()).await.expect("a write");
    let late = LoginCommit { last_name: Some("Theirs".into()), first_name: None, ..updated };
    assert!(store.commit(&late, |user| session("u", user)).await.is_none(), "the decision must be made again");
}

/// SQLite commits these writes in groups: a stale or duplicate write does not affect the others.
async fn grouped_writes_have_separate_results(engine: Engine) {
    let store = &store(engine).await;
    let user = store.user("1").await;
    let (account, _) = store.repository.accounts_by_uid("github", &["1"]).await.expect("a read").remove(0);
    let overtaken = User { token_generation: user.token_generation + 1, ..user.clone() };
    let (login, claims) = (create("1", &[]), (0..64).map(|n| code(&format!("code {}", n % 32), NOW)));
    let logins = (0..64).map(|n| {
        let who = if n % 2 == 0 { known(&user, &account) } else { known(&overtaken, &account) };
        let login = LoginCommit { target: who, ..login.clone() };
        async move { store.commit(&login, |user| session(&format!("s{n}"), user)).await.is_some() }
    });
    let claims = claims.map(|code| async move { matches!(store.claim(None, Some(&code)).await, Claimed::Acquired) });
    let (signed_in, claimed) = futures_util::future::join(join_all(logins), join_all(claims)).await;
    let evens: Vec<bool> = (0..64).map(|n| n % 2 == 0).collect();
    assert_eq!(signed_in, evens, "those that were decided on what is there, and no other");
    assert_eq!(claimed.iter().filter(|acquired| **acquired).count(), 32, "each code once");
    assert_eq!((store.database.count("sessions").await, store.database.count("used_codes").await), (32, 32));
    store.repository.close().await;
    let late = store.repository.claim(None, Some(&code("late", NOW)), NOW).await;
    assert!(late.is_err(), "a closed store answers at once");
}

async fn row_matched_by_legacy_uid_gets_the_new_uid(engine: Engine) {
    let store = store(engine).await;
    let user = store.user("ana@example.com").await;
    store.database.run("UPDATE social_accounts SET legacy_uid = true").await;
    let (account, _) =
        store.repository.accounts_by_uid("github", &["ana@example.com"]).await.expect("a read").remove(0);
    assert!(account.legacy_uid);
    let known = LoginCommit { target: rekeyed(&user, &account), ..create("100", &[]) };
    store.commit(&known, |user| session("s", user)).await.expect("the user");
    let (rekeyed, _) = store.repository.accounts_by_uid("github", &["100"]).await.expect("a read").remove(0);
    assert_eq!((rekeyed.id, rekeyed.legacy_uid, rekeyed.uid_scope.as_str()), (account.id, false, "id"));
    assert!(store.repository.accounts_by_uid("github", &["ana@example.com"]).await.expect("a read").is_empty());
    assert!(store.repository.accounts_by_uid("facebook", &["100"]).await.expect("a read").is_empty());
}

async fn account_never_moves_to_another_user(engine: Engine) {
    let store = store(engine).await;
    let (first, second) = (store.user("1").await, store.user("2").await);
    for _ in 0..3 {
        let attach = LoginCommit { target: attach(&second), ..create("1", &[]) };
        assert!(store.commit(&attach, |user| session("s", user)).await.is_none());
    }
    assert_eq!(store.repository.accounts_of(first.id).await.expect("a read").len(), 1);
    assert_eq!(store.repository.accounts_of(second.id).await.expect("a read").len(), 1);
}

async fn revoke_all_revokes_every_credential_of_one_user(engine: Engine) {
    let store = store(engine).await;
    let (user, other) = (store.user("1").await, store.user("2").await);
    let (account, _) = store.repository.accounts_by_uid("github", &["1"]).await.expect("a read").remove(0);
    let known = LoginCommit { target: known(&user, &account), ..create("1", &[]) };
    store.commit(&known, |user| session("s", user)).await.expect("the user");
    store.commit(&known, |user| NewCredential::Knox(knox("k", user))).await.expect("the user");
    store.commit(&known, |user| NewCredential::Refresh(refresh("r", user.id))).await.expect("the user");
    store.repository.revoke_all(user.id, NOW, &event()).await.expect("a write");
    assert!(store.repository.session(&digest("s")).await.expect("a read").is_none());
    assert!(store.repository.knox("k").await.expect("a read").is_none());
    assert!(store.repository.token(&digest("token of 1")).await.expect("a read").is_none());
    assert!(
        store
            .repository
            .token(&digest("token of 2"))
            .await
            .expect("a read")
            .is_some_and(|(_, user)| user.id == other.id)
    );
    let after = store.repository.user(user.id).await.expect("a read").expect("the user");
    assert_eq!(after.revoked_before, NOW.seconds());
    assert!(after.token_generation > user.token_generation);
    assert!(after.credential_generation > user.credential_generation);
}

async fn migrating_twice_changes_nothing(engine: Engine) {
    let store = store(engine).await;
    store.user("1").await;
    store.repository.migrate().await.expect("a second migration");
    store.repository.probe(NOW).await.expect("a write");
    assert_eq!(store.database.count("users").await, 1);
    store.repository.close().await;
    assert!(store.repository.user(UserId(1)).await.is_err());
}

fn halt(token: &str) -> StoredPendingLogin {
    let expires = NOW.plus(Duration::from_secs(600));
    StoredPendingLogin {
        token: digest(token),
        browser: None,
        encrypted: b"encrypted".to_vec(),
        link_to: None,
        expires,
        completed: None,
    }
}

async fn pending_login_is_consumed_once_or_nothing_is_written(engine: Engine) {
    let store = store(engine).await;
    let repository = &store.repository;
    for token in ["a", "b"] {
        repository.insert_pending_login(&halt(token)).await.expect("an insert");
    }
    let ends = |token: &str| Some(ConsumedCredential::StoredPendingLogin(digest(token)));
    // Eight parallel sign-ups of one user.
    let names: Vec<String> = (0..8).map(|n| format!("ana{n}")).collect();
    let logins: Vec<LoginCommit> =
        names.iter().map(|name| LoginCommit { consumes: ends("a"), ..create(name, &[name]) }).collect();
    let users =
        join_all(logins.iter().zip(&names).map(|(login, name)| store.commit(login, move |user| session(name, user))));
    assert_eq!(users.await.into_iter().flatten().count(), 1);
    assert_eq!((store.database.count("users").await, store.database.count("sessions").await), (1, 1));
    let completed =
        repository.pending_login(&digest("a")).await.expect("a read").expect("the row").completed.expect("completed");
    assert_eq!((completed.at, &completed.answer[..]), (NOW, &b"encrypted"[..]));
    // For an existing user: consumed by a step that asks again, and not consumed.
    let user = store.user("eva").await;
    let account = repository.accounts_of(user.id).await.expect("a read").remove(0);
    let again = |token| LoginCommit { target: known(&user, &account), consumes: ends(token), ..create("eva", &[]) };
    assert!(repository.replace_pending_login(&digest("b"), &halt("c"), b"more", NOW).await.expect("a write"));
    assert!(!repository.replace_pending_login(&digest("b"), &halt("d"), b"more", NOW).await.expect("a write"));
    repository.insert_pending_login(&halt("e")).await.expect("an insert");
    for (token, is_canceled) in [("b", false), ("e", true), ("e", false), ("unknown", false)] {
        let canceled = repository.cancel_pending_login(&digest(token), b"refusal", NOW).await;
        assert_eq!(canceled.expect("a write"), is_canceled, "{token}");
    }
    assert!(store.commit(&again("e"), |user| session("e", user)).await.is_none());
    assert!(store.commit(&again("b"), |user| session("b", user)).await.is_none());
    assert!(store.commit(&again("unknown"), |user| session("x", user)).await.is_none());
    assert_eq!((store.database.count("pending_logins").await, store.database.count("sessions").await), (4, 1));
    store.commit(&again("c"), |user| session("c", user)).await.expect("a login");
}
