//! Writes that share a commit with others: a failing one, an abandoned one, and a connection that the database closed.

use sqlx::Connection as _;

use super::*;

on_both_databases! {
    fault_b6_a_failing_login_fails_no_other_of_its_group,
    last_login_and_changed_profile_are_written_in_a_group,
    account_of_an_unchanged_profile_is_not_written,
    credentials_of_all_kinds_are_written_in_a_group,
}

/// Users `0` to `n - 1` with their accounts.
async fn users(store: &Store, n: usize) -> Vec<(SocialAccount, User)> {
    let mut users = Vec::new();
    for uid in 0..n {
        store.user(&uid.to_string()).await;
        users.extend(store.repository.accounts_by_uid("github", &[&uid.to_string()]).await.expect("a read"));
    }
    users
}

fn returning(user: &User, account: &SocialAccount) -> LoginCommit {
    LoginCommit { target: known(user, account), ..create(&account.uid, &[]) }
}

async fn fault_b6_a_failing_login_fails_no_other_of_its_group(engine: Engine) {
    let store = &store(engine).await;
    let users = users(store, 16).await;
    let (account, user) = &users[0];
    store.commit(&returning(user, account), |user| session("taken", user)).await.expect("the first login");
    let logins = users.iter().enumerate().map(|(n, (account, user))| async move {
        // The digest of a session is its key: this insert fails.
        let name = if n == 7 { "taken".to_owned() } else { format!("s{n}") };
        let mut make = |user: &User| IssuedCredential { credential: session(&name, user), answer: None };
        store.repository.commit_login(returning(user, account), &mut make).await
    });
    let outcomes = join_all(logins).await;
    for (n, outcome) in outcomes.iter().enumerate() {
        assert_eq!(matches!(outcome, Ok(Committed::Done(_))), n != 7, "{n}: {outcome:?}");
    }
    assert_eq!(store.database.count("sessions").await, 16);
    // 16 first logins, one returning login, and the group without the failed one.
    assert_eq!(store.database.count("audit_events").await, 16 + 1 + 15);
}

async fn last_login_and_changed_profile_are_written_in_a_group(engine: Engine) {
    let store = &store(engine).await;
    let users = users(store, 8).await;
    let later = NOW.plus(Duration::from_secs(60));
    let logins = users.iter().map(|(account, user)| async move {
        let extra_data = json!({"id": user.id, "login": "new"});
        let login = LoginCommit { now: later, set_last_login: true, extra_data, ..returning(user, account) };
        store.commit(&login, |user| session(&user.id.to_string(), user)).await.expect("a login")
    });
    join_all(logins).await;
    for (_, user) in &users {
        let account = store.repository.accounts_of(user.id).await.expect("a read").remove(0);
        assert_eq!((account.extra_data, account.modified), (json!({"id": user.id, "login": "new"}), later));
        let user = store.repository.user(user.id).await.expect("a read").expect("the user");
        assert_eq!(user.last_login, Some(later));
    }
}

async fn account_of_an_unchanged_profile_is_not_written(engine: Engine) {
    let store = &store(engine).await;
    let (account, user) = users(store, 1).await.remove(0);
    let unchanged = |is_active: bool| {
        let target = LoginTarget::Known {
            user: Box::new(User { is_active, ..user.clone() }),
            account_id: account.id,
            account_modified: account.modified,
            is_account_changed: false,
            is_rekeyed: false,
        };
        LoginCommit { target, extra_data: json!({"ignored": true}), ..returning(&user, &account) }
    };
    store.commit(&unchanged(true), |user| session("first", user)).await.expect("a login");
    let kept = store.repository.accounts_of(user.id).await.expect("a read").remove(0);
    assert_eq!((&kept.extra_data, kept.modified), (&account.extra_data, account.modified));
    store.database.run("UPDATE users SET is_active = false").await;
    assert!(store.commit(&unchanged(true), |user| session("second", user)).await.is_none(), "an inactive user");
    store.database.run("UPDATE users SET is_active = true").await;
    store.database.run("DELETE FROM social_accounts").await;
    assert!(store.commit(&unchanged(true), |user| session("third", user)).await.is_none(), "an unlinked account");
    assert_eq!(store.database.count("sessions").await, 1);
}

async fn credentials_of_all_kinds_are_written_in_a_group(engine: Engine) {
    let store = &store(engine).await;
    let users = users(store, 12).await;
    let logins = users.iter().enumerate().map(|(n, (account, user))| async move {
        let name = format!("c{n}");
        let make = |user: &User| match n % 4 {
            0 => session(&name, user),
            1 => NewCredential::Knox(knox(&name, user)),
            2 => NewCredential::Refresh(refresh(&name, user.id)),
            _ => NewCredential::Token(TokenRow {
                digest: digest(&name),
                user_id: user.id,
                created: NOW,
                client: ClientInfo::default(),
            }),
        };
        store.commit(&returning(user, account), make).await.expect("a login");
    });
    join_all(logins).await;
    let repository = &store.repository;
    for (n, (_, user)) in users.iter().enumerate() {
        let name = format!("c{n}");
        let owner = match n % 4 {
            0 => repository.session(&digest(&name)).await.expect("a read").map(|(_, user)| user),
            1 => repository.knox(&name).await.expect("a read").map(|(_, user)| user),
            2 => repository
                .token_family(&name, user.id)
                .await
                .expect("a read")
                .and_then(|(user, state)| state.map(|_| user)),
            _ => repository.token(&digest(&name)).await.expect("a read").map(|(_, user)| user),
        };
        assert_eq!(owner.as_ref().map(|user| user.id), Some(user.id), "{name}");
    }
}

/// Ends the connections of the server for which `condition` holds.
async fn terminate(store: &Store, condition: &str) {
    store
        .database
        .run(&format!(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
             WHERE datname = current_database() AND application_name = 'rest-social-auth' AND {condition}"
        ))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_f1_connections_that_the_database_closed_are_replaced() {
    let store = store(Engine::Postgres).await;
    let (account, user) = users(&store, 1).await.remove(0);
    for round in 0..3 {
        let name = format!("s{round}");
        // The last call was less than a second ago, so no connection is tested before its use.
        terminate(&store, "true").await;
        store.repository.user(user.id).await.expect("a read").expect("the user");
        terminate(&store, "true").await;
        store.repository.insert_authorization_request(&authorization_request(&name, NOW)).await.expect("a write");
        terminate(&store, "true").await;
        let claimed = store.repository.claim(Some(&digest(&name)), Some(&code(&name, NOW)), NOW).await;
        assert!(matches!(claimed, Ok(Claimed::Acquired)), "{claimed:?}");
        terminate(&store, "true").await;
        store.commit(&returning(&user, &account), |user| session(&name, user)).await.expect("a login");
        let again = store.repository.claim(None, Some(&code(&name, NOW)), NOW).await;
        assert!(matches!(again, Ok(Claimed::CodeUsed(_))), "{again:?}");
    }
    assert_eq!(store.database.count("sessions").await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_f1_many_reads_on_closed_connections_do_not_wait_for_each_other() {
    let store = store(Engine::Postgres).await;
    let (_, user) = users(&store, 1).await.remove(0);
    // As many as the pool has connections, so that each holds one when it finds it closed.
    let read_all = || join_all((0..16).map(|_| store.repository.user(user.id)));
    read_all().await;
    terminate(&store, "true").await;
    let reads = tokio::time::timeout(Duration::from_secs(4), read_all()).await.expect("no wait for the queue limit");
    assert!(reads.into_iter().all(|read| read.expect("a read").is_some()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_f1_a_connection_lost_in_a_transaction_undoes_it() {
    let store = store(Engine::Postgres).await;
    let (account, user) = users(&store, 1).await.remove(0);
    let mut beside = lock_user(&store, &user).await;
    let login = returning(&user, &account);
    let mut issue = |user: &User| IssuedCredential { credential: session("lost", user), answer: None };
    let lost = store.repository.commit_login(login.clone(), &mut issue);
    let kill = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        terminate(&store, "wait_event_type = 'Lock'").await;
    };
    let (lost, ()) = futures_util::future::join(lost, kill).await;
    assert!(lost.is_err(), "{lost:?}");
    sqlx::raw_sql("COMMIT").execute(&mut beside).await.expect("the lock is released");
    store.commit(&login, |user| session("next", user)).await.expect("a login");
    assert_eq!(store.database.count("sessions").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_prepared_before_a_migration_are_valid_after_it() {
    let store = store(Engine::Postgres).await;
    let (account, user) = users(&store, 1).await.remove(0);
    for (round, table) in ["users", "social_accounts", "sessions", "used_codes"].into_iter().enumerate() {
        let name = format!("s{round}");
        let claimed = store.repository.claim(None, Some(&code(&name, NOW)), NOW).await;
        assert!(matches!(claimed, Ok(Claimed::Acquired)), "{claimed:?}");
        store.commit(&returning(&user, &account), |user| session(&name, user)).await.expect("a login");
        store.repository.session(&digest(&name)).await.expect("a read").expect("the session");
        // As the migration of a later release, applied while this one serves.
        store.database.run(&format!("ALTER TABLE {table} ADD COLUMN later text NOT NULL DEFAULT ''")).await;
    }
}

/// A connection beside the server's that has locked the user.
async fn lock_user(store: &Store, user: &User) -> sqlx::PgConnection {
    let options: sqlx::postgres::PgConnectOptions = store.database.url().parse().expect("a URL");
    let mut beside = sqlx::PgConnection::connect_with(&options).await.expect("a connection");
    let lock = format!("BEGIN; UPDATE users SET is_active = true WHERE id = {}", user.id);
    sqlx::raw_sql(sqlx::AssertSqlSafe(lock)).execute(&mut beside).await.expect("a lock");
    beside
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_waits_for_a_lock_holds_up_no_other_and_is_not_made_when_abandoned() {
    let store = store(Engine::Postgres).await;
    let users = users(&store, 2).await;
    let mut beside = lock_user(&store, &users[0].1).await;
    let (waiting, free) = (returning(&users[0].1, &users[0].0), returning(&users[1].1, &users[1].0));
    let abandoned = store.commit(&waiting, |user| session("abandoned", user));
    let (late, done) = futures_util::future::join(
        tokio::time::timeout(Duration::from_millis(500), abandoned),
        tokio::time::timeout(Duration::from_secs(10), store.commit(&free, |user| session("free", user))),
    )
    .await;
    assert!(late.is_err(), "the row is locked");
    done.expect("no wait").expect("a login");
    sqlx::raw_sql("COMMIT").execute(&mut beside).await.expect("the lock is released");
    store.commit(&waiting, |user| session("next", user)).await.expect("a login");
    assert_eq!(store.database.count("sessions").await, 2, "the abandoned login was not written");
}
