//! Error codes and their statuses, and time limits in the served OpenAPI document.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::openapi::documented_codes;
use crate::support::process::run;
use crate::support::{Answer, Engine, TestApp, on_both_databases};

on_both_databases! {
    fault_b34_credential_of_an_inactive_user_is_invalid_token,
    fault_d4_jwt_of_a_deleted_user_is_user_not_found,
    fault_b32_served_openapi_states_the_configured_time_limits,
}

/// A JWT route that is called with a token.
const TOKEN_ROUTES: [(&str, &str); 3] =
    [("/api/token/refresh/", "refresh"), ("/api/token/verify/", "token"), ("/api/token/blacklist/", "refresh")];

/// The `Authorization` header of one login of each kind, and the refresh and sliding token.
struct SignedIn {
    headers: Vec<String>,
    refresh: String,
    sliding: String,
}

async fn signed_in(app: &TestApp) -> SignedIn {
    let pair = app.login("jwt-pair", "u1").await;
    let sliding = app.login("jwt-sliding", "u01").await.field("token");
    let token = app.token("token", "u001").await;
    let knox = app.token("knox", "u0001").await;
    let headers = vec![
        format!("Token {token}"),
        format!("Token {knox}"),
        format!("Bearer {}", pair.field("token")),
        format!("Bearer {sliding}"),
    ];
    SignedIn { headers, refresh: pair.field("refresh"), sliding }
}

async fn post(app: &TestApp, path: &str, body: Value) -> Answer {
    app.client().post(path).json(&body).send().await
}

async fn fault_b34_credential_of_an_inactive_user_is_invalid_token(engine: Engine) {
    let app = TestApp::start(engine).await;
    let SignedIn { headers, refresh, sliding } = signed_in(&app).await;
    app.database.run("UPDATE users SET is_active = false").await;
    for header in &headers {
        let problem = app.client().user(header).await.problem(401, "invalid_token");
        assert!(problem["detail"].as_str().is_some_and(|text| text.contains("inactive")), "{problem}");
    }
    for (path, name) in TOKEN_ROUTES {
        let problem = post(&app, path, json!({name: refresh})).await.problem(401, "invalid_token");
        assert_eq!(problem["detail"], "No active account found for the given token.", "{path}");
    }
    post(&app, "/api/token/sliding/refresh/", json!({"token": sliding})).await.problem(401, "invalid_token");
    app.login("token", "u00001").await.problem(403, "user_inactive");
}

async fn fault_d4_jwt_of_a_deleted_user_is_user_not_found(engine: Engine) {
    let app = TestApp::start(engine).await;
    let SignedIn { headers, refresh, sliding } = signed_in(&app).await;
    app.client().request("DELETE", "/api/user/").header("authorization", &headers[2]).send().await;
    assert_eq!(app.database.count("users").await, 0);
    for (path, name) in TOKEN_ROUTES {
        post(&app, path, json!({name: refresh})).await.problem(401, "user_not_found");
    }
    post(&app, "/api/token/sliding/refresh/", json!({"token": sliding})).await.problem(401, "user_not_found");
    for header in &headers[2..] {
        app.client().user(header).await.problem(401, "user_not_found");
    }
    // Deleting the user deletes its permanent and knox tokens.
    for header in &headers[..2] {
        app.client().user(header).await.problem(401, "invalid_token");
    }
}

/// Every error code of the OpenAPI document with its statuses.
fn codes(document: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let mut codes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let operations = document["paths"].as_object().expect("paths").values().flat_map(|path| path.as_object());
    for operation in operations.flat_map(|path| path.values()) {
        for (status, response) in operation["responses"].as_object().into_iter().flatten() {
            let Some(reference) = response["$ref"].as_str() else { continue };
            let response = document.pointer(reference.trim_start_matches('#')).expect("a shared response");
            for code in documented_codes(response) {
                codes.entry(code.to_owned()).or_default().insert(status.clone());
            }
        }
    }
    codes
}

#[test]
fn fault_b34_every_code_has_one_status() {
    let folder = TempDir::new().expect("a temporary folder");
    let output = run(&["openapi", "--format", "json"], &[], folder.path());
    let mut codes = codes(&serde_json::from_slice(&output.stdout).expect("JSON"));
    // Codes that the document does not contain, such as errors of the framework.
    for (code, status) in codes_of_sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        codes.entry(code).or_default().insert(status);
    }
    assert!(codes.len() > 40, "{}", codes.len());
    let several: Vec<_> = codes.iter().filter(|(_, statuses)| statuses.len() != 1).collect();
    assert!(several.is_empty(), "{several:?}");
    assert_eq!(codes["user_inactive"], BTreeSet::from(["403".to_owned()]));
}

/// Each `StatusCode::NAME, "code"` in the source files.
fn codes_of_sources(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            found.extend(codes_of_sources(&entry));
            continue;
        }
        let Ok(text) = std::fs::read_to_string(&entry) else { continue };
        for part in text.split("StatusCode::").skip(1) {
            let Some((name, rest)) = part.split_once(',') else { continue };
            let code = rest.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next());
            let status = poem_status(name);
            if let (Some(code), Some(status)) = (code.filter(|code| !code.contains('{')), status) {
                found.push((code.to_owned(), status));
            }
        }
    }
    found
}

fn poem_status(name: &str) -> Option<String> {
    let name = name.replace('_', " ").to_ascii_lowercase();
    let known = (400_u16..600).filter_map(|status| poem::http::StatusCode::from_u16(status).ok());
    let mut named = known.filter(|status| {
        status.canonical_reason().is_some_and(|reason| reason.replace(['-', '\''], " ").to_ascii_lowercase() == name)
    });
    named.next().map(|status| status.as_u16().to_string())
}

async fn fault_b32_served_openapi_states_the_configured_time_limits(engine: Engine) {
    let plan = TestApp::builder(engine).with("SIMPLE_JWT_ACCESS_TOKEN_LIFETIME", "7200").with("API_DOCS", "true");
    let app = plan.with("SOCIAL_AUTH_REQUESTS_TIMEOUT", "4").start().await;
    for path in ["/openapi.json", "/openapi.yaml", "/docs/"] {
        let document = app.client().get(path).send().await.text;
        for stale in ["five minutes long", "at most five minutes", "10 s a call"] {
            assert!(!document.contains(stale), "{path}: {stale}");
        }
        for own in ["The access token, 2 hours long", "at most 2 hours", "4 s a call"] {
            let unfolded = document.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(unfolded.contains(own), "{path}: {own}");
        }
    }
}
