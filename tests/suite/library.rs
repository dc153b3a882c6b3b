//! The server as a library: runs the program in `examples/` over HTTP.

use serde_json::json;

use crate::support::client::claims;
use crate::support::{Engine, TestApp, on_both_databases};

#[path = "../../examples/own_step.rs"]
#[expect(dead_code, reason = "its main function is for cargo run --example")]
mod own_step;

on_both_databases! {
    custom_steps_ask_for_input_refuse_and_set_fields,
}

async fn custom_steps_ask_for_input_refuse_and_set_fields(engine: Engine) {
    let app = TestApp::builder(engine).with_builder(own_step::extended).start().await;
    let pending = app.login("jwt-pair", "u1").await;
    let asked = pending.problem(403, "additional_input_required");
    assert_eq!((&asked["step"], &asked["fields"][0]["name"]), (&json!("terms"), &json!("terms")));
    let resume = || app.client().post("/api/login/social/resume/");
    let answers = json!({"flow_token": asked["flow_token"], "terms": true});
    let token = resume().json(&answers).send().await.field("token");
    let staff_claims = claims(&token);
    assert_eq!(
        (&staff_claims["staff"], &staff_claims["signed_in_with"]),
        (&json!(false), &json!("github")),
        "GitHub verifies no address"
    );
    let user = app.client().user(&format!("Bearer {token}")).await.ok();
    assert_eq!(user["accepted_terms"], "2026-11-01", "the custom field, filled by the custom step");
    let again = app.login("jwt-pair-user", "u01").await;
    assert_eq!(again.ok()["accepted_terms"], "2026-11-01");
    assert_eq!(claims(&again.field("token"))["accepted_terms"], "2026-11-01");
    let served = app.client().get("/openapi.json").send().await.ok();
    assert_eq!(served["components"]["schemas"]["User"]["properties"]["accepted_terms"]["format"], "date");

    // The profile fills the other field, and the user may change it.
    let french = json!({"sub": "6", "email": "six@example.com", "email_verified": true, "locale": "fr"});
    app.fake_users.set_profile("google-oauth2", "u6", french);
    let pending = app.client().login("token_user/google-oauth2", json!({"code": "u6"})).await.json();
    let answers = json!({"flow_token": pending["flow_token"], "terms": true});
    let user = resume().json(&answers).send().await;
    assert_eq!(user.ok()["locale"], "fr");
    let authorization = format!("Token {}", user.field("token"));
    let change = app.client().request("PATCH", "/api/user/").header("authorization", authorization);
    assert_eq!(change.json(&json!({"locale": "de"})).send().await.ok()["locale"], "de");

    let rival =
        json!({"sub": "7", "email": "eva@competitor.example", "email_verified": true, "hd": "competitor.example"});
    app.fake_users.set_profile("google-oauth2", "u7", rival);
    app.client().login("token/google-oauth2", json!({"code": "u7"})).await.problem(403, "competitor");

    // Two steps ask for input: the built-in step for an address, the custom step for the terms.
    app.fake_users.set_profile("github", "u8", json!({"id": 8, "login": "eight"}));
    let first = app.login("token_user", "u8").await.json();
    assert_eq!(first["step"], "require_email");
    let answers = json!({"flow_token": first["flow_token"], "email": "eight@example.com"});
    let second = resume().json(&answers).send().await;
    let (first, second) = (answers, second.problem(403, "additional_input_required"));
    assert_eq!(second["step"], "terms");
    assert_ne!(first["flow_token"], second["flow_token"]);
    let done = resume().json(&json!({"flow_token": second["flow_token"], "terms": true})).send().await;
    assert_eq!(done.ok()["email"], "eight@example.com");
}
