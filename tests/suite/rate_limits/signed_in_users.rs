//! Calls of signed-in users that write.

use super::*;

on_both_databases! {
    sec_43_user_limit_counts_calls_that_write_for_the_user,
    sec_43_csrf_refusals_of_a_signed_in_user_count_by_address,
}

async fn sec_43_user_limit_counts_calls_that_write_for_the_user(engine: Engine) {
    let settings = |app: TestAppBuilder| app.with("REST_SOCIAL_EDITABLE_USER_FIELDS", "first_name");
    for (method, path, status) in [
        ("DELETE", "/api/user/credentials/others/", 204),
        ("DELETE", "/api/user/credentials/unknown/", 404),
        ("PATCH", "/api/user/", 200),
        ("DELETE", "/api/user/social/1/", 409),
    ] {
        let app = settings(limited(engine)).with("RATE_LIMIT_USER", "3/1h").start().await;
        let user = format!("Token {}", app.token("token", "u1").await);
        let call = |n: usize| {
            let request = app.client().request(method, path).header("authorization", &user);
            let request = if method == "PATCH" { request.json(&json!({"first_name": n.to_string()})) } else { request };
            request.send()
        };
        for n in 0..3 {
            assert_eq!(call(n).await.status, status, "{method} {path}");
        }
        refused(&call(3).await, "user", "q=3;w=3600");
        let before = app.database.count("audit_events").await;
        for n in 4..9 {
            refused(&call(n).await, "user", "q=3;w=3600");
        }
        assert_eq!(app.database.count("audit_events").await, before, "{method} {path}");
    }
}

async fn sec_43_csrf_refusals_of_a_signed_in_user_count_by_address(engine: Engine) {
    let app = limited(engine).with("RATE_LIMIT_ADDRESS", "4/1h").start().await;
    let browser = app.browser();
    browser.login("session/github", json!({"code": "u1"})).await.ok();
    let patch = || browser.request("PATCH", "/api/user/").header("origin", "https://evil.example").json(&json!({}));
    for _ in 0..3 {
        patch().send().await.problem(403, "csrf_failed");
    }
    refused(&patch().send().await, "address", "q=4;w=3600");
    let before = app.database.count("audit_events").await;
    refused(&patch().send().await, "address", "q=4;w=3600");
    assert_eq!(app.database.count("audit_events").await, before);
    browser.get("/api/user/").send().await.ok();
}
