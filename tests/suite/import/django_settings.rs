//! Projects whose signing keys, algorithms, serializers or claim names differ from the defaults of DRSA.

use serde_json::json;

use super::{Project, RunOptions, assert_credentials_work, count, import, import_with, note, python, use_credential};
use crate::support::test_app::SECRET_KEY;
use crate::support::{Engine, TestApp, on_both_databases};

on_both_databases! {
    jwts_of_every_algorithm_are_accepted,
    custom_claim_names_and_token_prefixes_are_accepted,
    jwts_of_another_key_are_reported_and_refused,
    sessions_of_the_former_key_and_of_the_cached_db_engine_are_accepted,
    pickled_sessions_are_reported_and_not_unpickled,
    project_without_time_zones_is_imported,
}

#[test]
fn every_setting_of_the_django_packages_is_documented() {
    let documents = [include_str!("../../../docs/SETTINGS.md"), include_str!("../../../docs/MOVING.md")].concat();
    let names = python("setting_names.py", &[], SECRET_KEY, "");
    let names: Vec<&str> = names.lines().collect();
    assert!(names.len() > 100, "{names:?}");
    for name in names {
        let short = name.trim_start_matches("SOCIAL_AUTH_");
        let has_line = [name, short].iter().any(|name| documents.contains(&format!("`{name}`")));
        assert!(has_line, "{name} is in neither document");
    }
}

async fn jwts_of_every_algorithm_are_accepted(engine: Engine) {
    for algorithm in ["RS256", "ES256"] {
        let project = Project::on_sqlite(&["--algorithm", algorithm]);
        let key = |number: usize| project.content["keys"][number].as_str().expect("a key");
        let settings = [
            ("SIMPLE_JWT_ALGORITHM", algorithm),
            ("SIMPLE_JWT_SIGNING_KEY", key(0)),
            ("SIMPLE_JWT_VERIFYING_KEY", key(1)),
        ];
        let app =
            settings.iter().fold(TestApp::builder(engine), |plan, (name, value)| plan.with(name, value)).start().await;
        let report = import_with(&app, &project, RunOptions { settings: &settings, ..RunOptions::default() }).await;
        assert!(note(&report, "jwts_of_another_key").is_none(), "{algorithm}: {report}");
        assert_credentials_work(&app, &project).await;
    }
}

async fn custom_claim_names_and_token_prefixes_are_accepted(engine: Engine) {
    let django_settings = json!({
        "SIMPLE_JWT": {
            "USER_ID_CLAIM": "who", "TOKEN_TYPE_CLAIM": "what", "JTI_CLAIM": "number",
            "SLIDING_TOKEN_REFRESH_EXP_CLAIM": "until", "ISSUER": "https://old.example", "AUDIENCE": "site",
        },
        "REST_KNOX": {"TOKEN_PREFIX": "kx-", "AUTH_TOKEN_CHARACTER_LENGTH": 40},
    });
    let project = Project::on_sqlite(&["--settings", &django_settings.to_string()]);
    assert!(project.credentials().iter().any(|item| item.kind == "knox" && item.value.starts_with("kx-")));
    let settings = [
        ("SIMPLE_JWT_USER_ID_CLAIM", "who"),
        ("SIMPLE_JWT_TOKEN_TYPE_CLAIM", "what"),
        ("SIMPLE_JWT_JTI_CLAIM", "number"),
        ("SIMPLE_JWT_SLIDING_TOKEN_REFRESH_EXP_CLAIM", "until"),
        ("SIMPLE_JWT_ISSUER", "https://old.example"),
        ("SIMPLE_JWT_AUDIENCE", "site"),
        ("REST_KNOX_TOKEN_PREFIX", "kx-"),
    ];
    let app =
        settings.iter().fold(TestApp::builder(engine), |plan, (name, value)| plan.with(name, value)).start().await;
    import_with(&app, &project, RunOptions { settings: &settings, ..RunOptions::default() }).await;
    assert_credentials_work(&app, &project).await;
}

const DJANGO_KEY: &str = "the-key-that-django-signed-with-before-the-import";

async fn jwts_of_another_key_are_reported_and_refused(engine: Engine) {
    let project = Project::with_key(&[], DJANGO_KEY);
    let app = TestApp::start(engine).await;
    let report = import(&app, &project).await;
    assert!(note(&report, "jwts_of_another_key").expect("a note").count > 0, "{report}");
    assert_eq!(count(&report, "django_session", "other_key"), 6, "{report}");
    for item in project.credentials().iter().filter(|item| item.is_valid) {
        let answer = use_credential(&app, item).await;
        let is_row = matches!(item.kind.as_str(), "token" | "knox");
        assert_eq!(answer.status, if is_row { 200 } else { 401 }, "{}", item.kind);
    }
}

async fn sessions_of_the_former_key_and_of_the_cached_db_engine_are_accepted(engine: Engine) {
    let settings = json!({"SESSION_ENGINE": "django.contrib.sessions.backends.cached_db"}).to_string();
    let project = Project::with_key(&["--settings", &settings], DJANGO_KEY);
    let app = TestApp::builder(engine).with("SIMPLE_JWT_SIGNING_KEY", DJANGO_KEY).start().await;
    let import_settings = [("SIMPLE_JWT_SIGNING_KEY", DJANGO_KEY)];
    import_with(
        &app,
        &project,
        RunOptions { settings: &import_settings, django_secret_key: Some(DJANGO_KEY), ..RunOptions::default() },
    )
    .await;
    assert_credentials_work(&app, &project).await;
}

async fn pickled_sessions_are_reported_and_not_unpickled(engine: Engine) {
    let settings = json!({"SESSION_SERIALIZER": "pickles.PickleSerializer"}).to_string();
    let project = Project::with_key(&["--settings", &settings], SECRET_KEY);
    let app = TestApp::start(engine).await;
    let report = import(&app, &project).await;
    // Another session had expired, which is checked first.
    assert_eq!(count(&report, "django_session", "not_json"), 6, "{report}");
    assert_eq!(app.database.count("sessions").await, 0);
}

async fn project_without_time_zones_is_imported(engine: Engine) {
    let project = Project::on_sqlite(&["--settings", &json!({"USE_TZ": false, "TIME_ZONE": "UTC"}).to_string()]);
    let app = TestApp::start(engine).await;
    import(&app, &project).await;
    assert_credentials_work(&app, &project).await;
}
