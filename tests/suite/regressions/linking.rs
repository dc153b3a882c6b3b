//! Linking: only an authorization request that the signed-in user began links an account.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, Client, Engine, TestApp, on_both_databases, signer, test_app};

on_both_databases! {
    fault_a2_login_without_an_authorization_request_never_links,
    fault_a2_login_replaces_the_session_without_linking,
    fault_a2_posted_id_token_never_links,
    fault_a2_authorization_request_of_an_anonymous_caller_never_links,
    fault_a2_setting_restores_the_linking_of_drsa,
    fault_a3_oauth1_second_step_needs_the_credential_of_the_first,
    fault_a3_linking_request_completes_only_in_its_browser_under_every_policy,
    fault_a17_linking_needs_a_fresh_login_by_default,
    fault_b12_authorization_scheme_is_case_insensitive,
    fault_b12_unreadable_credential_is_refused,
}

/// Every login route with the Authorization scheme of its credential.
const ROUTES: [(&str, &str); 8] = [
    ("token", "Token"),
    ("token_user", "Token"),
    ("jwt-pair", "Bearer"),
    ("jwt-pair-user", "Bearer"),
    ("jwt-sliding", "Bearer"),
    ("jwt-sliding-user", "Bearer"),
    ("knox", "Token"),
    ("knox_user", "Token"),
];

const ACCOUNTS_OF_VICTIM: &str = "SELECT count(*) FROM social_accounts WHERE user_id = 1";

async fn post(app: &TestApp, route: &str, authorization: &str, body: Value) -> Answer {
    let post = app.client().post(&format!("/api/login/social/{route}/"));
    post.header("authorization", authorization).json(&body).send().await
}

async fn fault_a2_login_without_an_authorization_request_never_links(engine: Engine) {
    for policy in ["when_present", "off"] {
        let app = TestApp::builder(engine).with("STATE_POLICY", policy).start().await;
        for (n, (route, scheme)) in ROUTES.into_iter().enumerate() {
            let victim = format!("{scheme} {}", app.token(route, &format!("u{}1", "0".repeat(n))).await);
            // The attacker's code, without a state and with a foreign state.
            for (m, state) in [json!(null), json!("a-state-of-the-front-end")].into_iter().enumerate() {
                let body = json!({"code": format!("u{}", 100 + 2 * n + m), "state": state});
                post(&app, &format!("{route}/facebook"), &victim, body).await.ok();
            }
        }
        assert_eq!(app.database.number(ACCOUNTS_OF_VICTIM).await, 1, "{policy}");
        assert_eq!(app.database.count("users").await, 17, "{policy}: each account has a user of its own");
        // The account of another user signs that user in: no account is linked or moved.
        let victim = format!("Token {}", app.token("token", &format!("u{}1", "0".repeat(20))).await);
        let other = post(&app, "token_user/facebook", &victim, json!({"code": "u0100"})).await.ok();
        assert_eq!(other["id"], 2, "{policy}");
        // The caller's own account signs the caller in.
        let own = post(&app, "token_user/github", &victim, json!({"code": format!("u{}1", "0".repeat(21))})).await.ok();
        assert_eq!(own["id"], 1, "{policy}");
    }
}

async fn fault_a2_login_replaces_the_session_without_linking(engine: Engine) {
    let app = TestApp::start(engine).await;
    for (n, route) in ["session/facebook", "facebook"].into_iter().enumerate() {
        let browser = app.browser();
        browser.login("session/github", json!({"code": format!("u{}1", "0".repeat(n))})).await.ok();
        let before = browser.cookie("sessionid").expect("a session");
        let post = browser.post(&format!("/api/login/social/{route}/")).header("origin", &app.node.base);
        let other = post.json(&json!({"code": format!("u{}", 7 + n)})).send().await.ok();
        assert_ne!(other["id"], 1, "{route}");
        let old = app.browser();
        old.set_cookie("sessionid", &before);
        assert_eq!(old.get("/api/user/").send().await.status, 401, "{route}: the former session is revoked");
        assert_eq!(browser.get("/api/user/").send().await.ok()["id"], other["id"]);
    }
    assert_eq!(app.database.number(ACCOUNTS_OF_VICTIM).await, 1);
}

async fn fault_a2_posted_id_token_never_links(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    let victim = format!("Token {}", app.token("token", "u1").await);
    let token = signer::signed(&app.fake_users.id_token_claims("u5", None, ""));
    let other = post(&app, "token_user/oidc", &victim, json!({"id_token": token})).await.ok();
    assert_ne!(other["id"], 1);
    assert_eq!(app.database.number(ACCOUNTS_OF_VICTIM).await, 1);
}

async fn fault_a2_authorization_request_of_an_anonymous_caller_never_links(engine: Engine) {
    let app = TestApp::start(engine).await;
    let victim = format!("Token {}", app.token("token", "u1").await);
    let begun = app.begin(&app.client(), "facebook", json!({})).await;
    let body = json!({"code": "u5", "state": begun.state, "flow_token": begun.flow_token});
    assert_ne!(post(&app, "token_user/facebook", &victim, body).await.ok()["id"], 1);
    // OAuth 1.0a: the attacker's own first step.
    let token = app.client().login("token/twitter", json!({})).await.field("oauth_token");
    let body = json!({"oauth_token": token, "oauth_verifier": "u6"});
    assert_ne!(post(&app, "token_user/twitter", &victim, body).await.ok()["id"], 1);
    assert_eq!(app.database.number(ACCOUNTS_OF_VICTIM).await, 1);
}

async fn fault_a2_setting_restores_the_linking_of_drsa(engine: Engine) {
    let app = TestApp::builder(engine).with("LINK_WITHOUT_AUTHORIZATION_REQUEST", "true").start().await;
    let caller = format!("Token {}", app.token("token", "u1").await);
    assert_eq!(post(&app, "token_user/facebook", &caller, json!({"code": "u5"})).await.ok()["id"], 1);
    assert_eq!(app.database.number(ACCOUNTS_OF_VICTIM).await, 2);
    app.client().login("token/facebook", json!({"code": "u9"})).await.ok();
    post(&app, "token/facebook", &caller, json!({"code": "u09"})).await.problem(409, "account_in_use");
}

async fn fault_a3_oauth1_second_step_needs_the_credential_of_the_first(engine: Engine) {
    let app = TestApp::start(engine).await;
    let attacker = format!("Token {}", app.token("token", "u1").await);
    let first_step = || post(&app, "token/twitter", &attacker, json!({}));
    let body = |token: String, verifier: &str| json!({"oauth_token": token, "oauth_verifier": verifier});
    // First a victim without cookies, then a signed-in victim.
    let token = first_step().await.field("oauth_token");
    app.client().login("token/twitter", body(token, "u5")).await.problem(400, "flow_mismatch");
    let victim = format!("Token {}", app.token("token", "u2").await);
    let token = first_step().await.field("oauth_token");
    post(&app, "token/twitter", &victim, body(token, "u6")).await.problem(400, "flow_mismatch");
    // The cookie of the first step does not replace the credential.
    let browser = app.browser();
    let begun = browser.post("/api/login/social/token/twitter/").header("authorization", &attacker);
    let token = begun.json(&json!({})).send().await.field("oauth_token");
    browser.login("token/twitter", body(token, "u7")).await.problem(400, "flow_mismatch");
    assert_eq!(app.database.number(ACCOUNTS_OF_VICTIM).await, 1);
    // Both steps with the credential link the account, as front-ends of DRSA do.
    let token = first_step().await.field("oauth_token");
    post(&app, "token/twitter", &attacker, body(token, "u8")).await.ok();
    assert_eq!(app.database.number(ACCOUNTS_OF_VICTIM).await, 2);
}

async fn fault_a3_linking_request_completes_only_in_its_browser_under_every_policy(engine: Engine) {
    for policy in ["required", "when_present", "off"] {
        let app = TestApp::builder(engine).with("STATE_POLICY", policy).start().await;
        let first = app.begin(&app.client(), "github", json!({})).await;
        let body = json!({"code": "u1", "state": first.state, "flow_token": first.flow_token});
        let owner = format!("Token {}", app.client().login("token/github", body).await.field("token"));
        let begin = |client: Client| {
            let owner = owner.clone();
            async move {
                let post = client.post("/api/login/social/begin/facebook/").header("authorization", owner);
                post.json(&json!({})).send().await
            }
        };
        // Neither cookie nor flow token: with and without a credential.
        let begun = begin(app.browser()).await;
        let body = json!({"code": "u5", "state": begun.field("state")});
        app.client().login("token/facebook", body.clone()).await.problem(400, "flow_mismatch");
        post(&app, "token/facebook", &owner, body).await.problem(400, "flow_mismatch");
        assert_eq!(app.database.number(ACCOUNTS_OF_VICTIM).await, 1, "{policy}");
        // With the flow token it links, also without the credential in the second request.
        let begun = begin(app.client()).await;
        let body = json!({"code": "u6", "state": begun.field("state"), "flow_token": begun.field("flow_token")});
        app.client().login("token/facebook", body).await.ok();
        assert_eq!(app.database.number(ACCOUNTS_OF_VICTIM).await, 2, "{policy}");
    }
}

async fn fault_a17_linking_needs_a_fresh_login_by_default(engine: Engine) {
    let app = TestApp::start(engine).await;
    let owner = format!("Token {}", app.token("token", "u1").await);
    app.advance(Duration::from_secs(901));
    app.link("token/facebook", &owner, "u5").await.problem(403, "fresh_login_required");
    // The authorization request of a stale login stays refused, also without the credential.
    let begun = app.client().post("/api/login/social/begin/facebook/").header("authorization", &owner);
    let begun = begun.json(&json!({})).send().await;
    let body = json!({"code": "u6", "state": begun.field("state"), "flow_token": begun.field("flow_token")});
    app.client().login("token/facebook", body).await.problem(403, "fresh_login_required");
    // OAuth 1.0a.
    let token = post(&app, "token/twitter", &owner, json!({})).await.field("oauth_token");
    let body = json!({"oauth_token": token, "oauth_verifier": "u7"});
    post(&app, "token/twitter", &owner, body).await.problem(403, "fresh_login_required");
    assert_eq!((app.database.count("users").await, app.database.count("social_accounts").await), (1, 1));
    app.login("token", "u01").await.ok();
    app.link("token/facebook", &owner, "u05").await.ok();
}

async fn fault_b12_authorization_scheme_is_case_insensitive(engine: Engine) {
    let app = TestApp::start(engine).await;
    let tokens = [
        (app.token("jwt-pair", "u1").await, ["bearer", "BEARER", "Bearer "], "jwt-pair"),
        (app.token("jwt-sliding", "u01").await, ["bearer", "bEARER", "Bearer  "], "jwt-sliding"),
        (app.token("token", "u001").await, ["token", "TOKEN", "Token "], "token"),
        (app.token("knox", "u0001").await, ["token", "TOKEN", "Token  "], "knox"),
    ];
    for (n, (token, schemes, kind)) in tokens.iter().enumerate() {
        for (m, scheme) in schemes.iter().enumerate() {
            let authorization = format!("{scheme} {token}");
            assert_eq!(app.client().user(&authorization).await.ok()["id"], 1, "{authorization}");
            let linked = app.link(&format!("{kind}/facebook"), &authorization, &format!("u{}", 10 * n + m + 50)).await;
            linked.ok();
        }
    }
    assert_eq!(app.database.count("users").await, 1);
}

async fn fault_b12_unreadable_credential_is_refused(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.double.clear_calls();
    for route in ["jwt-pair", "jwt-pair-user", "jwt-sliding", "jwt-sliding-user"] {
        for authorization in ["bearer x", "BEARER x", "Bearer  x", "Bearer", "bearer ", "bearer a b", "b\u{e9}arer x"] {
            let answer = post(&app, &format!("{route}/github"), authorization, json!({"code": "u1"})).await;
            assert_eq!(answer.status, 401, "{authorization:?} on {route}: {}", answer.text);
        }
        let two = app.client().post(&format!("/api/login/social/{route}/github/"));
        let two = two.header("authorization", "Token x").header("authorization", "Bearer x");
        assert_eq!(two.json(&json!({"code": "u1"})).send().await.status, 401, "{route}");
    }
    for route in ["token", "token_user", "knox", "knox_user"] {
        for authorization in ["token x", "TOKEN x", "Token", "token a b", "\u{e9}"] {
            let answer = post(&app, &format!("{route}/github"), authorization, json!({"code": "u1"})).await;
            assert_eq!(answer.status, 401, "{authorization:?} on {route}: {}", answer.text);
        }
    }
    assert!(app.double.calls().is_empty());
    assert_eq!(app.database.count("users").await, 0);
}

#[test]
fn fault_a2_a17_settings_that_restore_drsa_behaviour_are_warnings_at_start() {
    let warnings = |settings: &[(&str, &str)]| {
        let base = [("SECRET_KEY", test_app::SECRET_KEY), ("PUBLIC_URL", "https://login.example")];
        let environment = base.iter().chain(settings).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        test_app::read_settings(environment.collect()).expect("settings without a mistake").warnings
    };
    for (name, value, safe) in
        [("LINK_WITHOUT_AUTHORIZATION_REQUEST", "true", "false"), ("LINK_NEEDS_FRESH_LOGIN", "false", "true")]
    {
        let said = |warnings: Vec<String>| warnings.iter().any(|warning| warning.starts_with(name));
        assert!(said(warnings(&[(name, value)])), "{name}");
        assert!(!said(warnings(&[(name, safe)])) && !said(warnings(&[])), "{name}");
    }
    let github = [("SOCIAL_AUTH_GITHUB_KEY", "k"), ("SOCIAL_AUTH_GITHUB_SECRET", "s")];
    let accepts = ("DENY_LISTS_ACCEPT_MISSING_EMAIL", "true");
    let list = ("SOCIAL_AUTH_DENIED_DOMAINS", "evil.example");
    let said = |settings: &[(&str, &str)]| {
        let settings: Vec<(&str, &str)> = github.iter().chain(settings).copied().collect();
        warnings(&settings).iter().any(|warning| warning.starts_with(accepts.0))
    };
    assert!(said(&[accepts, list]) && !said(&[accepts]) && !said(&[list]));
}
