//! Logins completed by another browser, at another provider or by another flow, or completed twice.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{APP, CHALLENGE, VERIFIER, authorize, complete, location_parameter, sign_in, with_app};
use crate::pending_logins::{flow_token, resume, with_terms};
use crate::support::fake_users::GITHUB_TOKEN;
use crate::support::{Answer, Client, Engine, REDIRECT_URI, TestApp, on_both_databases, signer};

on_both_databases! {
    cve_2025_46815_zitadel_proofs_of_a_login_are_accepted_once,
    cve_2026_41425_authlib_state_is_bound_to_its_browser_on_every_node,
    cve_2025_12421_mattermost_code_of_one_flow_is_refused_by_every_other,
    ghsa_x445_auth_js_state_is_bound_to_its_provider,
    ghsa_7w99_better_auth_concurrent_redemptions_of_a_code_succeed_once,
    cve_2026_45675_open_webui_concurrent_first_users_have_equal_rights,
}

/// The one-time code that an app exchanges after the redirect flow.
async fn one_time_code(app: &TestApp, kind: &str, code: &str) -> String {
    let browser = app.browser();
    let redirect = authorize(&browser, "github", &format!("next={APP}&kind={kind}&{CHALLENGE}")).await;
    let state = location_parameter(&redirect, "state").expect("a state");
    let completed = complete(&browser, "github", &format!("code={code}&state={state}")).await;
    location_parameter(&completed, "code").expect("a code")
}

async fn exchange_code(client: &Client, code: &str) -> Answer {
    client.post("/api/login/social/swap/").json(&json!({"code": code, "code_verifier": VERIFIER})).send().await
}

/// The number of users, accounts and credentials of each kind.
async fn row_counts(app: &TestApp) -> Vec<(String, i64)> {
    let counts = app.database.counts().await.into_iter();
    let tables = ["users", "social_accounts", "sessions", "tokens", "knox_tokens", "jwt_tokens", "refresh_tokens"];
    counts.filter(|(table, _)| tables.contains(&table.as_str())).collect()
}

/// Zitadel's intents (id and token of a login at an identity provider) could be used again by anyone who saw them. Here each
/// proof of a login (code, one-time code, ID token, pending login) is accepted once, even if that use fails.
async fn cve_2025_46815_zitadel_proofs_of_a_login_are_accepted_once(engine: Engine) {
    let app = with_app(engine).await;
    let observer = app.client();
    // The one-time code, seen in the app's URL.
    let code = one_time_code(&app, "knox_user", "u1").await;
    exchange_code(&app.client(), &code).await.ok();
    let before = row_counts(&app).await;
    for seconds in [0, 1, 59, 3600] {
        app.advance(Duration::from_secs(seconds));
        exchange_code(&observer, &code).await.problem(400, "invalid_code");
    }
    // The provider's code and state, seen in the callback URL: another browser posts them to every route.
    let browser = app.browser();
    let begun = app.begin(&browser, "github", json!({})).await;
    let body = json!({"code": "u02", "state": begun.state});
    browser.login("token_user/github", body.clone()).await.ok();
    let after = row_counts(&app).await;
    app.double.clear_calls();
    for kind in ["session", "token", "jwt-pair", "jwt-sliding", "knox"] {
        for body in [body.clone(), json!({"code": "u02"}), json!({"code": "u02", "state": "another"})] {
            for client in [&observer, &app.browser()] {
                let answer = client.login(&format!("{kind}/github"), body.clone()).await;
                assert_eq!(answer.status, 400, "{kind} {body}: {}", answer.text);
            }
        }
    }
    complete(&app.browser(), "github", &format!("code=u02&state={}", begun.state)).await.problem(400, "state_mismatch");
    // A stolen ID token.
    let token = signer::signed(&app.fake_users.id_token_claims("u3", None, ""));
    observer.login("token/oidc", json!({"id_token": token})).await.ok();
    for kind in ["session", "token", "jwt-pair", "knox"] {
        let answer = app.browser().login(&format!("{kind}/oidc"), json!({"id_token": token})).await;
        answer.problem(400, "code_already_used");
    }
    assert!(app.double.calls_at(GITHUB_TOKEN).is_empty(), "no second call to the provider");
    assert!(row_counts(&app).await.iter().zip(&after).all(|(now, then)| now.0 == then.0 && now.1 <= then.1 + 1));
    assert!(before.iter().any(|(table, count)| table == "users" && *count == 1));
    // A pending login.
    let app = with_terms(engine).start().await;
    let pending = flow_token(&app.login("token_user", "u4").await);
    resume(&app.client(), &pending, json!({"terms": true})).await.ok();
    app.advance(Duration::from_secs(31));
    resume(&observer.at(&app.node.base), &pending, json!({"terms": true})).await.problem(400, "code_already_used");
}

/// Authlib's Starlette client with a cache did not compare the callback with the session. Here the table of authorization
/// requests is shared by all nodes: knowing a state is not enough on any of them.
async fn cve_2026_41425_authlib_state_is_bound_to_its_browser_on_every_node(engine: Engine) {
    let app = with_app(engine).await;
    let other_node = app.start_second_node().await;
    let bases = [app.node.base.clone(), other_node.base.clone()];
    for provider in ["github", "google-oauth2", "oidc"] {
        let attacker = app.browser();
        let begun = app.begin(&attacker, provider, json!({})).await;
        let redirect = authorize(&attacker, provider, &format!("next={REDIRECT_URI}")).await;
        let state = location_parameter(&redirect, "state").expect("a state");
        let nonce = begun.parameter("nonce").map(|nonce| format!("~{nonce}")).unwrap_or_default();
        app.double.clear_calls();
        for base in &bases {
            for victim in [app.client().at(base), app.browser().at(base)] {
                for (name, value) in [
                    ("state", begun.state.clone()),
                    ("redirect_state", begun.state.clone()),
                    ("state", format!(" {} ", begun.state)),
                ] {
                    let mut body = json!({"code": format!("u6{nonce}"), "flow_token": Value::Null});
                    body[name] = json!(value);
                    for kind in ["session", "token", "jwt-pair", "jwt-sliding", "knox"] {
                        let answer = victim.login(&format!("{kind}/{provider}"), body.clone()).await;
                        let is_own_login = value != begun.state && answer.status == 200;
                        assert!(answer.status == 400 || is_own_login, "{kind} {provider} {name}: {}", answer.text);
                    }
                }
                for path in [format!("code=u6{nonce}&state={state}"), format!("code=u6{nonce}&redirect_state={state}")]
                {
                    let answer = complete(&victim, provider, &path).await;
                    assert_eq!(answer.status, 400, "{provider} {path}: {}", answer.text);
                }
            }
        }
        // The browser that began can complete at any node.
        let body = json!({"code": format!("u007{nonce}"), "state": begun.state});
        attacker.at(&other_node.base).login(&format!("token/{provider}"), body).await.ok();
    }
    other_node.stop().await;
}

/// Mattermost exchanged a code without checking that it came from the same flow, and selected the user by an address that the
/// attacker could choose. Here a value of one flow is refused by every other route, and request fields do not select the user.
async fn cve_2025_12421_mattermost_code_of_one_flow_is_refused_by_every_other(engine: Engine) {
    let app = with_app(engine).await;
    let victim = sign_in(&app, "github", "u1").await.ok();
    let client = app.client();
    let begun = app.begin(&client, "github", json!({})).await;
    let code = one_time_code(&app, "knox_user", "u6").await;
    let knox = app.token("knox", "u06").await;
    let secrets: Vec<(&str, String)> = vec![
        ("state", begun.state.clone()),
        ("flow token", begun.flow_token.clone()),
        ("knox token", knox),
        ("provider's code", "u006".to_owned()),
        ("one-time code", code.clone()),
    ];
    let crafted =
        json!({"email": "user1@example.com", "username": "user1", "user_id": victim["id"], "login_id": "user1"});
    for (what, secret) in &secrets {
        let post = async |path: &str, mut body: Value| {
            for (name, value) in crafted.as_object().into_iter().flatten() {
                body[name] = value.clone();
            }
            app.client().post(path).json(&body).send().await
        };
        // As a one-time code.
        if *what != "one-time code" {
            post("/api/login/social/swap/", json!({"code": secret})).await.problem(400, "invalid_code");
        }
        // As a pending login.
        post("/api/login/social/resume/", json!({"flow_token": secret, "terms": true}))
            .await
            .problem(400, "state_mismatch");
        // As a provider's code, state, request token or ID token.
        if *what != "provider's code" {
            for body in [
                json!({"code": secret}),
                json!({"code": secret, "state": secret}),
                json!({"oauth_token": secret, "oauth_verifier": "u1"}),
                json!({"id_token": secret}),
            ] {
                for provider in ["github", "twitter", "oidc"] {
                    let answer = post(&format!("/api/login/social/token/{provider}/"), body.clone()).await;
                    // The first step of OAuth 1.0a answers 200 without a credential.
                    let is_first_step = answer.status == 200 && answer.json()["token"].is_null();
                    assert!(
                        is_first_step || matches!(answer.status, 400 | 502),
                        "{what} at {provider}: {}",
                        answer.text
                    );
                }
            }
        }
        // As a credential.
        if *what != "knox token" {
            for scheme in ["Token", "Bearer"] {
                assert_eq!(client.user(&format!("{scheme} {secret}")).await.status, 401, "{what} as {scheme}");
            }
        }
    }
    // In its own flow the code signs in its own user, whatever other fields are posted.
    let mut body = crafted.clone();
    body["code"] = json!(code);
    body["code_verifier"] = json!(VERIFIER);
    let exchanged = client.post("/api/login/social/swap/").json(&body).send().await;
    assert_eq!(exchanged.field("username"), "user6");
    assert_ne!(exchanged.ok()["id"], victim["id"]);
    // A code bound to a code challenge is refused with another verifier, and that use consumes it.
    let browser = app.browser();
    let query = format!("next={APP}&kind=token&{CHALLENGE}");
    let state = location_parameter(&authorize(&browser, "github", &query).await, "state").expect("a state");
    let completed = complete(&browser, "github", &format!("code=u0006&state={state}")).await;
    let code = location_parameter(&completed, "code").expect("a code");
    for verifier in [json!("x".repeat(43)), json!(VERIFIER)] {
        let body = json!({"code": code, "code_verifier": verifier});
        assert_eq!(client.post("/api/login/social/swap/").json(&body).send().await.status, 400);
    }
}

/// Auth.js did not bind state, nonce and verifier to their provider, so the callback of one provider completed a login begun at
/// another. Here each pair of different providers is refused, in both flows.
async fn ghsa_x445_auth_js_state_is_bound_to_its_provider(engine: Engine) {
    let plan = TestApp::builder(engine).oidc().with("STATE_POLICY", "when_present");
    // The same client at the same issuer under a second provider name.
    let plan = ["KEY", "SECRET", "OIDC_ENDPOINT"].iter().fold(plan, |plan, name| {
        let value = match *name {
            "KEY" => crate::support::fake_users::CLIENT_ID,
            "SECRET" => crate::support::fake_users::CLIENT_SECRET,
            _ => crate::support::fake_users::ISSUER,
        };
        plan.with(&format!("SOCIAL_AUTH_AUTHENTIK_{name}"), value)
    });
    let app = plan.start().await;
    let providers = ["github", "google-oauth2", "facebook", "oidc", "authentik", "twitter"];
    for begun_at in providers {
        for completed_at in providers.into_iter().filter(|name| *name != begun_at) {
            let browser = app.browser();
            let answer = browser.post(&format!("/api/login/social/begin/{begun_at}/")).json(&json!({})).send().await;
            if answer.status == 502 {
                // authentik has no discovery document in this test and cannot begin.
                continue;
            }
            let begun = answer.ok();
            let url = url::Url::parse(begun["authorization_url"].as_str().expect("a URL")).expect("a URL");
            let parameter =
                |name: &str| url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned());
            app.double.clear_calls();
            let nonce = parameter("nonce").map(|nonce| format!("~{nonce}")).unwrap_or_default();
            let token = parameter("oauth_token");
            let mut body =
                json!({"code": format!("u1{nonce}"), "state": begun["state"], "flow_token": begun["flow_token"]});
            if let Some(token) = &token {
                // OAuth 1.0a has no state: the request token identifies the authorization request.
                body["state"] = json!(token);
            }
            if token.is_some() || completed_at == "twitter" {
                body["oauth_token"] =
                    json!(token.clone().unwrap_or_else(|| begun["state"].as_str().unwrap_or_default().to_owned()));
                body["oauth_verifier"] = json!("u1");
            }
            for kind in ["session", "token", "jwt-pair", "knox"] {
                let answer = browser.login(&format!("{kind}/{completed_at}"), body.clone()).await;
                let context = format!("{begun_at} completed at {completed_at}: {}", answer.text);
                assert_eq!(answer.status, 400, "{context}");
                assert_eq!(answer.json()["code"], "state_mismatch", "{context}");
            }
            let redirect = authorize(&browser, begun_at, &format!("next={REDIRECT_URI}")).await;
            app.double.clear_calls();
            let name = if token.is_some() { "oauth_token" } else { "state" };
            let value = location_parameter(&redirect, name).unwrap_or_default();
            let query = format!("code=u2&state={value}&oauth_token={value}&oauth_verifier=u2");
            complete(&browser, completed_at, &query).await.problem(400, "state_mismatch");
            assert!(app.double.calls().is_empty(), "{begun_at} completed at {completed_at}: a provider was called");
        }
    }
    assert_eq!(app.database.count("users").await, 0);
}

/// Better Auth read a code and deleted it in two steps, so concurrent requests redeemed it more than once. Here
/// a code, a one-time code, an ID token and a pending login are claimed by one statement, at one node or at several.
async fn ghsa_7w99_better_auth_concurrent_redemptions_of_a_code_succeed_once(engine: Engine) {
    let app = with_app(engine).await;
    let other_node = app.start_second_node().await;
    let clients: Vec<Client> =
        (0..12).map(|n| if n % 2 == 0 { app.client() } else { app.client().at(&other_node.base) }).collect();
    let successes = |answers: &[Answer]| answers.iter().filter(|answer| answer.status == 200).count();
    let statuses = |answers: &[Answer]| answers.iter().map(|answer| answer.status).collect::<BTreeSet<_>>();

    let answers = join_all(clients.iter().map(|client| client.login("knox/github", json!({"code": "u1"})))).await;
    assert_eq!(successes(&answers), 1, "a code: {:?}", statuses(&answers));
    assert_eq!(app.double.calls_at(GITHUB_TOKEN).len(), 1);

    let code = one_time_code(&app, "knox_user", "u2").await;
    let answers = join_all(clients.iter().map(|client| exchange_code(client, &code))).await;
    assert_eq!(successes(&answers), 1, "a one-time code: {:?}", statuses(&answers));

    let token = signer::signed(&app.fake_users.id_token_claims("u3", None, ""));
    let body = json!({"id_token": token});
    let answers = join_all(clients.iter().map(|client| client.login("knox/oidc", body.clone()))).await;
    assert_eq!(successes(&answers), 1, "an ID token: {:?}", statuses(&answers));

    // One state with different codes: one code is sent to the provider.
    let begun = app.begin(&app.client(), "facebook", json!({})).await;
    let answers = join_all(clients.iter().enumerate().map(|(n, client)| {
        let body =
            json!({"code": format!("u{}4", "0".repeat(n)), "state": begun.state, "flow_token": begun.flow_token});
        client.login("knox/facebook", body)
    }));
    let answers = answers.await;
    assert_eq!(successes(&answers), 1, "a state: {:?}", statuses(&answers));

    assert_eq!(app.database.count("knox_tokens").await, 4, "one credential each");
    assert_eq!(app.database.count("users").await, 4);
    assert!(!statuses(&answers).contains(&500));
    other_node.stop().await;

    // A pending login: a client may get the same answer again, but not a second credential.
    let app = with_terms(engine).start().await;
    let pending = flow_token(&app.login("knox_user", "u5").await);
    let clients: Vec<Client> = (0..8).map(|_| app.client()).collect();
    let answers = join_all(clients.iter().map(|client| resume(client, &pending, json!({"terms": true})))).await;
    let tokens: BTreeSet<String> =
        answers.iter().filter(|answer| answer.status == 200).map(|answer| answer.field("token")).collect();
    assert_eq!(tokens.len(), 1, "{:?}", statuses(&answers));
    assert_eq!((app.database.count("users").await, app.database.count("knox_tokens").await), (1, 1));
}

/// Open WebUI made the first user an administrator and checked for an empty table before the insert, so concurrent first logins
/// created several administrators. Here no rule depends on being first, and limits are counted in the same transaction.
async fn cve_2026_45675_open_webui_concurrent_first_users_have_equal_rights(engine: Engine) {
    let plan = TestApp::builder(engine).with("REST_SOCIAL_IS_NEW", "true").with("REST_KNOX_TOKEN_LIMIT_PER_USER", "1");
    let app = plan.start().await;
    // Different accounts: users with equal rights.
    let logins = (1..=8).map(|n| {
        let client = app.client();
        async move { client.login("token_user/github", json!({"code": format!("u{n}")})).await }
    });
    let users = join_all(logins).await;
    let ids: BTreeSet<String> = users.iter().map(|user| user.ok()["id"].to_string()).collect();
    assert_eq!((ids.len(), app.database.count("users").await), (8, 8));
    let columns = app.database.dump().await.into_iter().filter(|stored| stored.table == "users");
    let privileged: BTreeSet<String> = columns
        .map(|stored| stored.column)
        .filter(|column| ["staff", "admin", "superuser", "role", "group"].iter().any(|word| column.contains(word)))
        .collect();
    assert!(privileged.is_empty(), "columns that give a user rights: {privileged:?}");
    let keys: BTreeSet<Vec<String>> = users.iter().map(Answer::keys).collect();
    assert_eq!(keys.len(), 1, "{keys:?}");

    // One account: one login signs up, the others sign in.
    let logins = (0..8).map(|n| {
        let client = app.client();
        async move { client.login("token_user/facebook", json!({"code": format!("u{}9", "0".repeat(n))})).await }
    });
    let answers = join_all(logins).await;
    let signed_up = answers.iter().filter(|answer| answer.status == 200 && answer.json()["is_new"] == true).count();
    assert_eq!(signed_up, 1, "{:?}", answers.iter().map(|answer| answer.text.clone()).collect::<Vec<_>>());
    assert_eq!(app.database.count("users").await, 9);

    // The token limit is not exceeded.
    let logins = (0..8).map(|n| {
        let client = app.client();
        async move { client.login("knox/google-oauth2", json!({"code": format!("u{}7", "0".repeat(n))})).await }
    });
    let answers = join_all(logins).await;
    assert!(answers.iter().any(|answer| answer.status == 200));
    assert_eq!(app.database.count("knox_tokens").await, 1);
}
