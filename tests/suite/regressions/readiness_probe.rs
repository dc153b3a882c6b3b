//! Faults F10: the probe of `/readyz` and `doctor` notices each table that a login cannot write.

use rest_social_auth::secrets::SecretString;
use rest_social_auth::store;

use crate::support::database::unique;
use crate::support::{Engine, TestApp, on_both_databases};

on_both_databases! {
    fault_f10_probe_fails_when_a_table_of_a_login_is_missing,
}

/// The tables that a login writes.
const TABLES_OF_A_LOGIN: [&str; 12] = [
    "users",
    "social_accounts",
    "sessions",
    "tokens",
    "knox_tokens",
    "refresh_tokens",
    "authorization_requests",
    "used_codes",
    "one_time_codes",
    "pending_logins",
    "audit_events",
    "webhook_events",
];

async fn fault_f10_probe_fails_when_a_table_of_a_login_is_missing(engine: Engine) {
    let app = TestApp::start(engine).await;
    let before = app.database.counts().await;
    // Without limits, so that no success is remembered.
    let repository = app.database.repository().await;
    let now = app.clock.now();
    for table in TABLES_OF_A_LOGIN {
        app.database.run(&format!("ALTER TABLE {table} RENAME TO {table}_elsewhere")).await;
        assert!(repository.probe(now).await.is_err_and(|error| error.to_string().contains(table)), "{table}");
        app.database.run(&format!("ALTER TABLE {table}_elsewhere RENAME TO {table}")).await;
        repository.probe(now).await.expect(table);
    }
    let mut after = app.database.counts().await;
    after.insert("readiness_probe".to_owned(), before["readiness_probe"]);
    assert_eq!(after, before, "a probe writes no other row");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_f10_probe_fails_without_the_right_to_write_a_table_of_a_login() {
    let app = TestApp::start(Engine::Postgres).await;
    let role = format!("role_{}", unique());
    let run = async |sql: String| app.database.run(&sql).await;
    let mut url = url::Url::parse(app.database.url()).expect("a URL");
    url.query_pairs_mut().append_pair("options[role]", &role);
    run(format!("CREATE ROLE {role}")).await;
    run(format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}")).await;
    let repository = store::open(&SecretString::from(url.as_str()), false).await.expect("a database that opens");
    let now = app.clock.now();
    for table in TABLES_OF_A_LOGIN {
        repository.probe(now).await.expect(table);
        run(format!("REVOKE INSERT ON {table} FROM {role}")).await;
        assert!(repository.probe(now).await.is_err_and(|error| error.to_string().contains(table)), "{table}");
        run(format!("GRANT INSERT ON {table} TO {role}")).await;
    }
    repository.close().await;
    run(format!("DROP OWNED BY {role}")).await;
    run(format!("DROP ROLE {role}")).await;
}
