//! Background writes: refreshed provider tokens, pruning and the sweeper.

use std::sync::Arc;
use std::time::Duration;

use rest_social_auth::clock::UnixMillis;
use rest_social_auth::model::{AuditEvent, AuditFilter, AuditKind, CodeClaim, UserId};
use rest_social_auth::secrets::Digest;
use rest_social_auth::store::{Claimed, delete_in_batches};
use serde_json::json;

use crate::support::{Database, Engine, Reply, TestApp, on_both_databases};

on_both_databases! {
    fault_b10_refreshed_tokens_survive_a_failed_write,
    fault_b10_tokens_of_another_user_are_deleted_after_a_failed_write,
    fault_b22_rows_dated_in_the_future_do_not_stop_pruning,
    fault_f10_logins_do_not_wait_for_the_end_of_a_sweep,
}

/// Fails a test that hangs. It is no limit that the server must meet.
const HANGS: Duration = Duration::from_secs(60);

async fn ends<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANGS, future).await.unwrap_or_else(|_| panic!("{what} does not finish"))
}

async fn fault_b10_refreshed_tokens_survive_a_failed_write(engine: Engine) {
    let plan = TestApp::builder(engine).with("STORE_PROVIDER_TOKENS", "true");
    let app = Arc::new(plan.with("SOCIAL_AUTH_VEND_KEY", "k1").with("SOCIAL_AUTH_VEND_SECRET", "s1").start().await);
    app.double.on("POST one.vendhq.com/api/1.0/token", |call| match call.field("grant_type").as_deref() {
        // Refresh token rotation: the first refresh token is accepted once.
        Some("refresh_token") if call.field("refresh_token").as_deref() == Some("r-1") => {
            Reply::json(&json!({"access_token": "second", "refresh_token": "r-2", "expires_in": 3600}))
        }
        Some("refresh_token") => {
            Reply::json(&json!({"access_token": "third", "refresh_token": "r-3", "expires_in": 3600}))
        }
        _ => Reply::json(&json!({"access_token": "first", "refresh_token": "r-1", "expires_in": 100})),
    });
    let users = json!({"users": [{"id": "7", "username": "ola", "email": "ola@mail.example"}]});
    app.double.always("GET one.vendhq.com/api/users", Reply::json(&users));
    let login = app.client().login("token/vend", json!({"code": "c1", "domain_prefix": "one"})).await;
    let authorization = format!("Token {}", login.field("token"));
    let path = app.provider_token_path(&authorization).await;
    let token = || {
        let (client, path, authorization) = (app.client(), path.clone(), authorization.clone());
        async move { client.get(&path).header("authorization", &authorization).send().await.field("access_token") }
    };
    app.advance(Duration::from_secs(200));
    refuse_saves(&app, engine).await;
    app.double.clear_calls();
    let renewed = tokio::spawn(token());
    ends("the call to the provider", async {
        while app.double.calls().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    // Defaults: at most 15 s of provider calls, 15 s of write retries and 5 s for the last write.
    let leased = app.database.number("SELECT lease_expires FROM social_accounts").await - app.clock.now().0;
    assert!(leased >= 35_000, "the lease of {leased} ms expires before the last write");
    tokio::time::sleep(Duration::from_millis(200)).await;
    accept_saves(&app, engine).await;
    assert_eq!(ends("the renewal", renewed).await.expect("no panic"), "second");
    assert_eq!(app.database.number("SELECT count(*) FROM social_accounts WHERE lease_expires IS NOT NULL").await, 0);
    // The second refresh token is stored.
    assert_eq!(token().await, "second");
    app.advance(Duration::from_secs(4000));
    assert_eq!(token().await, "third");
}

async fn fault_b10_tokens_of_another_user_are_deleted_after_a_failed_write(engine: Engine) {
    let plan = TestApp::builder(engine).with("STORE_PROVIDER_TOKENS", "true");
    let app = plan.with("SOCIAL_AUTH_VK_ID_KEY", "k1").with("SOCIAL_AUTH_VK_ID_SECRET", "s1-secret").start().await;
    app.double.on("POST id.vk.ru/oauth2/auth", |call| match call.field("grant_type").as_deref() {
        Some("refresh_token") => Reply::json(&json!({"access_token": "second", "expires_in": 3600, "user_id": 11})),
        _ => Reply::json(&json!({"access_token": "first", "refresh_token": "r-1", "expires_in": 100, "user_id": 10})),
    });
    let person = json!({"user": {"user_id": "10", "first_name": "Ola"}});
    app.double.always("POST id.vk.ru/oauth2/user_info", Reply::json(&person));
    let login = app.client().login("token/vk-id", json!({"code": "c1", "device_id": "device-3"})).await;
    let authorization = format!("Token {}", login.field("token"));
    let path = app.provider_token_path(&authorization).await;
    app.advance(Duration::from_secs(200));
    refuse_saves(&app, engine).await;
    app.double.clear_calls();
    let renewed = tokio::spawn(app.client().get(&path).header("authorization", &authorization).send());
    ends("the call to the provider", async {
        while app.double.calls().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    accept_saves(&app, engine).await;
    ends("the renewal", renewed).await.expect("no panic").problem(409, "token_ended");
    let left = "SELECT count(*) FROM social_accounts WHERE lease_expires IS NOT NULL OR encrypted_tokens IS NOT NULL";
    assert_eq!(app.database.number(left).await, 0, "neither tokens nor a lease are left");
    let repository = app.database.repository().await;
    let filter = AuditFilter { event: Some(AuditKind::ProviderTokensDropped), ..AuditFilter::default() };
    let trail = repository.audit_events(&filter, 10).await.expect("the audit log");
    let said = trail.iter().map(|row| (row.provider.as_deref(), row.code.as_deref(), row.user_id));
    assert_eq!(said.collect::<Vec<_>>(), [(Some("vk-id"), Some("another_user"), Some(UserId(1)))]);
    repository.close().await;
}

async fn accept_saves(app: &TestApp, engine: Engine) {
    let end = if engine == Engine::Sqlite { "DROP TRIGGER fault" } else { "DROP TRIGGER fault ON social_accounts" };
    app.database.run(end).await;
}

async fn refuse_saves(app: &TestApp, engine: Engine) {
    if engine == Engine::Sqlite {
        let sql = "CREATE TRIGGER fault BEFORE UPDATE OF encrypted_tokens ON social_accounts BEGIN SELECT RAISE(ROLLBACK, 'disk full'); END";
        return app.database.run(sql).await;
    }
    let sql =
        "CREATE FUNCTION fault() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'disk full'; END $$ LANGUAGE plpgsql";
    app.database.run(sql).await;
    let sql = "CREATE TRIGGER fault BEFORE UPDATE OF encrypted_tokens ON social_accounts FOR EACH ROW EXECUTE FUNCTION fault()";
    app.database.run(sql).await;
}

async fn fault_b22_rows_dated_in_the_future_do_not_stop_pruning(engine: Engine) {
    let database = Database::create(engine).await;
    let repository = database.repository().await;
    // More rows than one batch come before it.
    let rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
                INSERT INTO audit_events (at, event) SELECT 9000000000000 + i, 'login' FROM n";
    database.run(rows).await;
    for at in [1, 2, 5000] {
        repository
            .insert_audit_event(&AuditEvent::of_operator(AuditKind::Deactivated, UserId(1), UnixMillis(at)))
            .await
            .expect("a row");
    }
    assert_eq!(delete_in_batches(|| repository.prune_audit(UnixMillis(3))).await.expect("a prune"), 2);
    assert_eq!(database.count("audit_events").await, 1501);
    repository.close().await;
}

async fn fault_f10_logins_do_not_wait_for_the_end_of_a_sweep(engine: Engine) {
    let database = Database::create(engine).await;
    let repository = database.repository().await;
    let code = if engine == Engine::Sqlite { "CAST(i AS BLOB)" } else { "CAST(CAST(i AS text) AS bytea)" };
    database
        .run(&format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
             INSERT INTO used_codes (code, claimed, expires) SELECT {code}, 1, 1 FROM n"
        ))
        .await;
    let sweeper = repository.clone();
    let sweep = tokio::spawn(async move {
        rest_social_auth::store::sweep(sweeper.as_ref(), UnixMillis(1_000_000), 1_000_000).await
    });
    for n in 0..5 {
        let digest = Digest::of(format!("code {n}").as_bytes());
        let now = UnixMillis(1_000_000);
        let claim = CodeClaim { digest, binding: None, claimed: now, expires: now.plus(Duration::from_secs(9)) };
        assert!(matches!(repository.claim(None, Some(&claim), now).await, Ok(Claimed::Acquired)));
    }
    assert!(!sweep.is_finished(), "five claims were written before the sweep finished");
    assert_eq!(ends("the sweep", sweep).await.expect("no panic").expect("a sweep"), 20_000);
    assert_eq!(database.count("used_codes").await, 5);
    repository.close().await;
}
