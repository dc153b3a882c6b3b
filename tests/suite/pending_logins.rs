//! Pending logins: the 403 `additional_input_required`, the additional input, and the resume route.

mod custom_steps;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rest_social_auth::async_trait;
use rest_social_auth::login::{Draft, InputField, Step, Stop};
use serde_json::{Value, json};

use crate::support::client::claims;
use crate::support::fake_users::GITHUB_TOKEN;
use crate::support::test_app::TestAppBuilder;
use crate::support::{Answer, Client, Engine, TestApp, on_both_databases};

on_both_databases! {
    every_login_route_can_be_pending_and_resumed,
    invalid_input_keeps_the_login_pending,
    flow_token_is_valid_once_for_ten_minutes,
    another_browser_cannot_resume_a_pending_login,
    repeated_code_gets_the_same_pending_login,
    sec_28_pending_login_is_encrypted,
    completed_step_is_not_run_again_on_resume,
    provider_can_have_its_own_pipeline,
    sec_34_cross_site_request_cannot_resume_a_login,
    email_entered_by_the_user_is_not_verified,
    pending_link_is_bound_to_its_user_and_credential,
    concurrent_resumes_sign_in_once,
    second_request_for_input_keeps_the_first_answers,
    failed_write_keeps_the_login_pending,
    refused_resume_keeps_the_login_pending,
}

/// Asks new users to accept the terms and stores the plan that they chose.
pub struct Terms;

#[async_trait]
impl Step for Terms {
    async fn run(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        if draft.user().is_some() {
            return Ok(());
        }
        let plan = match (draft.answer("terms"), draft.answer("plan")) {
            (Some(Value::Bool(true)), plan) => plan.cloned().unwrap_or_default(),
            _ => {
                return Err(Stop::ask([
                    InputField::checkbox("terms", "I accept the terms").help("https://a.example/terms"),
                    InputField::choice("plan", "TestAppBuilder", &["free", "gold"]).optional(),
                ]));
            }
        };
        if plan == json!("gold") && draft.email() == "user13@example.com" {
            return Err(Stop::invalid("plan", "This plan is not available."));
        }
        draft.set_extra_data("plan", plan);
        Ok(())
    }
}

/// Counts its runs and sets the names of new users.
struct CountRuns(Arc<AtomicUsize>);

#[async_trait]
impl Step for CountRuns {
    async fn run(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let runs = self.0.fetch_add(1, Ordering::SeqCst) + 1;
        if draft.user().is_none() {
            draft.set_first_name(&format!("Run{runs}"));
            draft.set_username("chosen name");
        }
        Ok(())
    }
}

/// Asks for a password at every login.
struct AskPassword;

#[async_trait]
impl Step for AskPassword {
    async fn run(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        match draft.answer("password") {
            Some(password) if *password == "swordfish" => Ok(()),
            Some(_) => Err(Stop::invalid("password", "The password is wrong.")),
            None => Err(Stop::ask([InputField::text("password", "Password")])),
        }
    }
}

pub const WITH_TERMS: &str = "social_details,social_uid,auth_allowed,social_user,terms,get_username,create_user,associate_user,\
                          load_extra_data,user_details";
const WITH_EMAIL: &str = "social_details,social_uid,auth_allowed,social_user,get_username,associate_by_email,require_email,\
                          create_user,associate_user,load_extra_data,user_details";

pub fn with_terms(engine: Engine) -> TestAppBuilder {
    TestApp::builder(engine)
        .with("SOCIAL_AUTH_PIPELINE", WITH_TERMS)
        .with_builder(|builder| builder.step("terms", Terms))
}

#[track_caller]
pub fn pending_login(answer: &Answer) -> Value {
    assert!(answer.set_cookie("sessionid").is_none(), "no session before the login completes");
    answer.problem(403, "additional_input_required")
}

pub fn flow_token(answer: &Answer) -> String {
    pending_login(answer)["flow_token"].as_str().expect("a flow token").to_owned()
}

pub async fn resume(client: &Client, flow_token: &str, answers: Value) -> Answer {
    let body = json!({"flow_token": flow_token, "answers": answers});
    client.post("/api/login/social/resume/").json(&body).send().await
}

async fn every_login_route_can_be_pending_and_resumed(engine: Engine) {
    let app = with_terms(engine).start().await;
    let user = ["username", "first_name", "last_name", "email"];
    let with = |first: &[&str], rest: &[&str]| [first, rest].concat().iter().map(|key| (*key).to_owned()).collect();
    for (n, (route, keys)) in [
        ("session", with(&["id"], &user)),
        ("token", vec!["token".to_owned()]),
        ("token_user", with(&["id", "token"], &user)),
        ("jwt-pair", with(&["token", "refresh"], &[])),
        ("jwt-pair-user", with(&["id", "token", "refresh"], &user)),
        ("jwt-sliding", vec!["token".to_owned()]),
        ("jwt-sliding-user", with(&["id", "token"], &user)),
        ("knox", vec!["token".to_owned()]),
        ("knox_user", with(&["id", "token"], &user)),
    ]
    .into_iter()
    .enumerate()
    {
        let (client, code) = (app.browser(), format!("u{}", n + 1));
        let answer = client.login(&format!("{route}/github"), json!({"code": code})).await;
        let asked = pending_login(&answer);
        assert_eq!(
            asked.as_object().map(|all| all.keys().map(String::as_str).collect::<Vec<_>>()).expect("an object"),
            ["type", "title", "status", "code", "detail", "request_id", "flow_token", "expires_in", "step", "fields"]
        );
        assert_eq!((&asked["step"], &asked["expires_in"]), (&json!("terms"), &json!(600)), "{route}");
        assert_eq!(
            asked["fields"],
            json!([
                {"name": "terms", "type": "checkbox", "title": "I accept the terms", "required": true,
                    "help": "https://a.example/terms"},
                {"name": "plan", "type": "choice", "title": "TestAppBuilder", "required": false, "choices": ["free", "gold"]},
            ])
        );
        assert_eq!(
            app.database.count("users").await,
            i64::try_from(n).expect("few"),
            "no user before the login completes"
        );
        let done = resume(&client, &flow_token(&answer), json!({"terms": true, "plan": "free"})).await;
        assert_eq!(done.ok()["kind"], route);
        assert_eq!(done.keys()[1..], keys, "{route}");
        assert_eq!(done.set_cookie("sessionid").is_some(), route == "session", "{route}");
    }
    assert_eq!(app.double.calls_at(GITHUB_TOKEN).len(), 9, "no second call to the provider");
    // Existing users are not asked.
    app.login("token", "u01").await.ok();
    let with_plan = "SELECT count(*) FROM social_accounts WHERE CAST(extra_data AS TEXT) LIKE '%\"plan\"%free%'";
    assert_eq!(app.database.number(with_plan).await, 9);
}

async fn invalid_input_keeps_the_login_pending(engine: Engine) {
    let app = with_terms(engine).start().await;
    let client = app.client();
    let token = flow_token(&app.login("token_user", "u13").await);
    for (answers, field) in [
        (json!({}), "terms"),
        (json!({"terms": false}), "terms"),
        (json!({"terms": [1]}), "terms"),
        (json!({"terms": true, "plan": "silver"}), "plan"),
        (json!({"terms": true, "plan": {"a": 1}}), "plan"),
        (json!({"terms": true, "plan": "gold"}), "plan"),
    ] {
        let problem = resume(&client, &token, answers.clone()).await.problem(400, "invalid_request");
        assert!(problem["errors"][field].is_array(), "{answers}: {problem}");
    }
    assert_eq!(app.database.count("users").await, 0);
    let beside = json!({"flow_token": token, "answers": {"terms": false}, "terms": true});
    let problem = client.post("/api/login/social/resume/").json(&beside).send().await.problem(400, "invalid_request");
    assert!(problem["errors"]["terms"].is_array(), "the object wins: {problem}");
    let invalid = json!({"flow_token": token, "answers": ["terms"], "terms": true});
    let problem = client.post("/api/login/social/resume/").json(&invalid).send().await.problem(400, "invalid_request");
    assert_eq!(problem["errors"], json!({"answers": ["Must be an object."]}));
    let done = client.post("/api/login/social/resume/").form(&[("flow_token", &token), ("terms", "on")]).send().await;
    assert_eq!(done.ok()["username"], "user13");
    assert_eq!(app.database.number("SELECT count(*) FROM audit_events WHERE event = 'refused'").await, 0);
}

async fn flow_token_is_valid_once_for_ten_minutes(engine: Engine) {
    let app = with_terms(engine).start().await;
    let client = app.client();
    let accepted = || json!({"terms": true});
    resume(&client, "", accepted()).await.problem(400, "invalid_request");
    resume(&client, "rsaf_made_up", accepted()).await.problem(400, "state_mismatch");
    resume(&client, &"x".repeat(5000), accepted()).await.problem(400, "state_mismatch");
    let refused = "SELECT count(*) FROM audit_events WHERE event = 'refused' AND code = 'state_mismatch'";
    assert_eq!(app.database.number(refused).await, 2, "each refusal is one audit event (SEC-45)");

    let token = flow_token(&app.login("knox", "u1").await);
    let first = resume(&client, &token, accepted()).await;
    let again = resume(&client, &token, accepted()).await;
    assert_eq!(first.field("token"), again.field("token"), "a repeated request gets the same answer");
    app.advance(Duration::from_secs(31));
    resume(&client, &token, accepted()).await.problem(400, "code_already_used");
    assert_eq!((app.database.count("users").await, app.database.count("knox_tokens").await), (1, 1));

    let late = flow_token(&app.login("knox", "u2").await);
    app.advance(Duration::from_secs(600));
    resume(&client, &late, accepted()).await.problem(400, "state_expired");
    app.advance(Duration::from_secs(601));
    let repository = app.database.repository().await;
    rest_social_auth::store::sweep(repository.as_ref(), app.clock.now(), 100).await.expect("a sweep");
    assert_eq!(app.database.count("pending_logins").await, 0);
}

async fn another_browser_cannot_resume_a_pending_login(engine: Engine) {
    let app = with_terms(engine).start().await;
    let browser = app.browser();
    let begun = app.begin(&browser, "github", json!({})).await;
    let answer = browser.login("token/github", json!({"code": "u1", "state": begun.state})).await;
    let token = flow_token(&answer);
    for other in [app.client(), app.browser()] {
        resume(&other, &token, json!({"terms": true})).await.problem(400, "flow_mismatch");
    }
    let other = app.browser();
    app.begin(&other, "github", json!({})).await;
    resume(&other, &token, json!({"terms": true})).await.problem(400, "flow_mismatch");
    resume(&browser, &token, json!({"terms": true})).await.ok();
    // Without cookies the flow token alone authenticates the client.
    let begun = app.begin(&app.client(), "github", json!({})).await;
    let login = json!({"code": "u2", "state": begun.state, "flow_token": begun.flow_token});
    let token = flow_token(&app.client().login("token/github", login).await);
    resume(&app.client(), &token, json!({"terms": true})).await.ok();
}

async fn repeated_code_gets_the_same_pending_login(engine: Engine) {
    let app = with_terms(engine).start().await;
    let browser = app.browser();
    let begun = app.begin(&browser, "github", json!({})).await;
    let login = json!({"code": "u1", "state": begun.state});
    let first = browser.login("jwt-pair/github", login.clone()).await;
    let again = browser.login("jwt-pair/github", login.clone()).await;
    let without_id = |answer| {
        let mut problem = pending_login(answer);
        problem["request_id"].take();
        problem
    };
    assert_eq!(without_id(&first), without_id(&again));
    assert_eq!((app.double.calls_at(GITHUB_TOKEN).len(), app.database.count("pending_logins").await), (1, 1));
    app.advance(Duration::from_secs(31));
    browser.login("jwt-pair/github", login).await.problem(400, "code_already_used");
}

async fn sec_28_pending_login_is_encrypted(engine: Engine) {
    let app = with_terms(engine).with("STORE_PROVIDER_TOKENS", "true").start().await;
    let token = flow_token(&app.login("token", "u1").await);
    for stored in app.database.dump().await {
        let text = String::from_utf8_lossy(&stored.bytes).into_owned();
        for secret in [token.as_str(), "gho_u1", "user1", "First1"] {
            assert!(!text.contains(secret), "{}.{} holds {secret}", stored.table, stored.column);
        }
    }
    // A ciphertext cannot be moved to another row.
    let other = flow_token(&app.login("token", "u2").await);
    app.database
        .run("UPDATE pending_logins SET encrypted_login = (SELECT encrypted_login FROM pending_logins ORDER BY token LIMIT 1)")
        .await;
    let answers = [
        resume(&app.client(), &token, json!({"terms": true})).await,
        resume(&app.client(), &other, json!({"terms": true})).await,
    ];
    assert_eq!(
        answers.iter().filter(|answer| answer.status == 400).count(),
        1,
        "the row that received the other ciphertext is refused"
    );
    // The provider token is part of the encrypted login.
    let completed = answers.iter().find(|answer| answer.status == 200).expect("the unchanged row");
    let token = app.provider_token(completed).await.field("access_token");
    assert!(token.starts_with("gho_u"), "{token}");
}

async fn completed_step_is_not_run_again_on_resume(engine: Engine) {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let program = move |builder: rest_social_auth::server::Builder| {
        builder.step("terms", Terms).step("count_runs", CountRuns(counted.clone()))
    };
    let pipeline = WITH_TERMS.replace("terms", "count_runs,terms");
    let app = TestApp::builder(engine).with("SOCIAL_AUTH_PIPELINE", &pipeline).with_builder(program).start().await;
    let token = flow_token(&app.login("token_user", "u1").await);
    resume(&app.client(), &token, json!({})).await.problem(400, "invalid_request");
    let user = resume(&app.client(), &token, json!({"terms": true})).await.ok();
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    assert_eq!(
        (&user["first_name"], &user["username"]),
        (&json!("Run1"), &json!("chosenname")),
        "the changes of the step are kept"
    );
    assert_eq!(user["last_name"], "Last1");
    let known = app.login("token_user", "u01").await.ok();
    assert_eq!((runs.load(Ordering::SeqCst), &known["first_name"]), (2, &json!("First1")));
}

async fn provider_can_have_its_own_pipeline(engine: Engine) {
    let plan = TestApp::builder(engine).with("SOCIAL_AUTH_FACEBOOK_PIPELINE", WITH_TERMS);
    let app = plan.with_builder(|builder| builder.step("terms", Terms)).start().await;
    app.login("token", "u1").await.ok();
    pending_login(&app.client().login("token/facebook", json!({"code": "u1"})).await);
}

async fn sec_34_cross_site_request_cannot_resume_a_login(engine: Engine) {
    let app = with_terms(engine).start().await;
    let token = flow_token(&app.login("session", "u1").await);
    let post = || app.client().post("/api/login/social/resume/").form(&[("flow_token", &token), ("terms", "on")]);
    for (name, value) in [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")] {
        post().header(name, value).send().await.problem(403, "csrf_failed");
    }
    assert_eq!(app.database.count("users").await, 0);
    post().header("origin", crate::support::FRONTEND).send().await.ok();
}

async fn email_entered_by_the_user_is_not_verified(engine: Engine) {
    let plan = TestApp::builder(engine).oidc().with("SOCIAL_AUTH_PIPELINE", WITH_EMAIL);
    let plan = plan
        .with("SOCIAL_AUTH_TRUSTED_EMAIL_PROVIDERS", "oidc,github")
        .with("SOCIAL_AUTH_DENIED_DOMAINS", "evil.example")
        .with("DENY_LISTS_ACCEPT_MISSING_EMAIL", "true");
    let app = plan.start().await;
    let without_email = json!({"id": 7, "login": "seven", "email": null});
    app.fake_users.set_profile("github", "u7", without_email);
    let answer = app.login("token_user", "u7").await;
    let asked = pending_login(&answer);
    assert_eq!(asked["step"], "require_email");
    assert_eq!(
        asked["fields"],
        json!([{"name": "email", "type": "email", "title": "E-mail address", "required": true}])
    );
    let token = flow_token(&answer);
    for invalid in ["", "seven", "a@b@c.example", "a b@c.example", "<a@b.example>"] {
        let problem = resume(&app.client(), &token, json!({"email": invalid})).await.problem(400, "invalid_request");
        assert!(problem["errors"]["email"].is_array(), "{invalid}");
    }
    resume(&app.client(), &token, json!({"email": "x@sub.evil.example"})).await.problem(403, "not_allowed");
    let user = resume(&app.client(), &token, json!({"email": " User1@EXAMPLE.com "})).await.ok();
    assert_eq!(user["email"], "User1@example.com");

    // SEC-23: the owner of the address is neither linked to that user nor signed in as that user.
    app.client().login("token/oidc", json!({"code": "u1"})).await.problem(409, "account_exists");
    assert_eq!((app.database.count("users").await, app.database.count("social_accounts").await), (1, 1));
    // Users with an address and existing users are not asked.
    app.login("token", "u2").await.ok();
    app.fake_users.set_profile("github", "u07", json!({"id": 7, "login": "seven", "email": null}));
    app.login("token", "u07").await.ok();
}

async fn pending_link_is_bound_to_its_user_and_credential(engine: Engine) {
    let pipeline = WITH_TERMS.replace("terms", "ask_password");
    let plan = TestApp::builder(engine).with("SOCIAL_AUTH_FACEBOOK_PIPELINE", &pipeline);
    let app = plan.with_builder(|builder| builder.step("ask_password", AskPassword)).start().await;
    let owner = format!("Token {}", app.token("token", "u1").await);
    let token = flow_token(&app.link("token_user/facebook", &owner, "u9").await);
    let linked = resume(&app.client(), &token, json!({"password": "swordfish"})).await;
    assert_eq!(linked.ok()["username"], "user1");
    // Logging out everywhere cancels the pending link.
    let token = flow_token(&app.link("token/facebook", &owner, "u8").await);
    let out = app.client().post("/api/logout/all/").header("authorization", &owner).send().await;
    assert_eq!(out.status, 204);
    resume(&app.client(), &token, json!({"password": "swordfish"})).await.problem(400, "flow_mismatch");
    assert_eq!(app.database.count("social_accounts").await, 2);
}

async fn concurrent_resumes_sign_in_once(engine: Engine) {
    let app = with_terms(engine).start().await;
    let token = flow_token(&app.login("knox_user", "u1").await);
    let client = app.client();
    let answers = (0..8).map(|_| resume(&client, &token, json!({"terms": true})));
    let answers = futures_util::future::join_all(answers).await;
    assert!(answers.iter().all(|answer| answer.ok()["token"] == answers[0].ok()["token"]), "one answer for all");
    assert_eq!((app.database.count("users").await, app.database.count("knox_tokens").await), (1, 1));
    // Two pending logins of one new account: the second finds the user that the first created.
    let pending = [app.login("token_user", "u2").await, app.login("token_user", "u02").await];
    let tokens = pending.map(|answer| flow_token(&answer));
    let done = tokens.iter().map(|token| resume(&client, token, json!({"terms": true})));
    let done = futures_util::future::join_all(done).await;
    assert_eq!(done[0].ok()["id"], done[1].ok()["id"]);
    assert_eq!(app.database.count("users").await, 2);
}

/// Asks for a country first, and then for a number in that country.
struct TwoRounds;

#[async_trait]
impl Step for TwoRounds {
    async fn run(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let Some(country) = draft.answer("country").cloned() else {
            let nickname = InputField::text("nickname", "Nickname").optional();
            return Err(Stop::ask([InputField::choice("country", "Country", &["de", "fr"]), nickname]));
        };
        let Some(number) = draft.answer("number").cloned() else {
            let nickname = InputField::text("nickname", "Nickname").optional();
            return Err(Stop::ask([InputField::text("number", &format!("Number in {country}")), nickname]));
        };
        let nickname = draft.answer("nickname").cloned().unwrap_or_default();
        draft.set_extra_data("answers", json!([country, number, nickname]));
        Ok(())
    }
}

async fn second_request_for_input_keeps_the_first_answers(engine: Engine) {
    let plan = TestApp::builder(engine).with("SOCIAL_AUTH_PIPELINE", &WITH_TERMS.replace("terms", "rounds"));
    let app = plan.with_builder(|builder| builder.step("rounds", TwoRounds)).start().await;
    for (code, nickname) in [("u1", json!("Zoe")), ("u2", Value::Null)] {
        let first = flow_token(&app.login("token", code).await);
        let answer = resume(&app.client(), &first, json!({"country": "fr", "nickname": "Ana"})).await;
        assert_eq!(pending_login(&answer)["fields"][0]["title"], "Number in \"fr\"");
        let second = flow_token(&answer);
        // Invalid input in the second round does not discard the answers of the first.
        resume(&app.client(), &second, json!({"number": ""})).await.problem(400, "invalid_request");
        let done = resume(&app.client(), &second, json!({"number": "7", "nickname": nickname})).await;
        let authorization = format!("Token {}", done.field("token"));
        let accounts = app.client().get("/api/user/social/").header("authorization", authorization).send().await;
        let expected = json!(["fr", "7", nickname]);
        assert_eq!(accounts.ok()[0]["extra_data"]["answers"], expected, "the last answer counts, also when it is null");
    }
}

async fn failed_write_keeps_the_login_pending(engine: Engine) {
    let app = with_terms(engine).with("REST_KNOX_TOKEN_LIMIT_PER_USER", "1").start().await;
    let (client, accepted) = (app.client(), || json!({"terms": true}));
    // The database fails at the last statement of the login.
    let token = flow_token(&app.login("knox_user", "u1").await);
    app.database.run("ALTER TABLE audit_events RENAME TO audit_elsewhere").await;
    resume(&client, &token, accepted()).await.problem(503, "database_unavailable");
    app.database.run("ALTER TABLE audit_elsewhere RENAME TO audit_events").await;
    assert_eq!(app.database.count("users").await, 0);
    let user = resume(&client, &token, accepted()).await.ok();
    assert_eq!(user["username"], "user1");

    // The token limit refuses the login until another token is revoked.
    let pipeline = WITH_TERMS.replace("terms", "ask_password");
    let plan =
        TestApp::builder(engine).with("SOCIAL_AUTH_PIPELINE", &pipeline).with("REST_KNOX_TOKEN_LIMIT_PER_USER", "1");
    let app = plan.with_builder(|builder| builder.step("ask_password", AskPassword)).start().await;
    let (client, password) = (app.client(), || json!({"password": "swordfish"}));
    let first = resume(&client, &flow_token(&app.login("knox", "u1").await), password()).await.field("token");
    let token = flow_token(&app.login("knox", "u01").await);
    for _ in 0..2 {
        resume(&client, &token, password()).await.problem(403, "token_limit_exceeded");
    }
    let out = client.post("/api/knox/logout/").header("authorization", format!("Token {first}")).send().await;
    assert_eq!(out.status, 204, "{}", out.text);
    let answers = futures_util::future::join_all((0..6).map(|_| resume(&client, &token, password()))).await;
    assert!(answers.iter().all(|answer| answer.ok() == answers[0].ok()), "one answer for all");
    assert_eq!(app.database.count("knox_tokens").await, 1);
}

async fn refused_resume_keeps_the_login_pending(engine: Engine) {
    let plan = TestApp::builder(engine).with("SOCIAL_AUTH_PIPELINE", &WITH_TERMS.replace("terms", "ask_password"));
    let app = plan.with_builder(|builder| builder.step("ask_password", AskPassword)).start().await;
    let token = flow_token(&app.login("token_user", "u1").await);
    let first = resume(&app.client(), &token, json!({"password": "swordfish"})).await.ok();
    let token = flow_token(&app.login("token_user", "u01").await);
    app.database.run("UPDATE users SET is_active = (1 = 0)").await;
    resume(&app.client(), &token, json!({"password": "swordfish"})).await.problem(403, "user_inactive");
    app.database.run("UPDATE users SET is_active = (1 = 1)").await;
    let again = resume(&app.client(), &token, json!({"password": "swordfish"})).await.ok();
    assert_eq!(first["id"], again["id"]);
}
