//! SEC-22 to SEC-25: account matching and linking.

use rest_social_auth::model::{AuditFilter, UserId};
use serde_json::{Value, json};

use crate::support::{Answer, Engine, Reply, TestApp, on_both_databases};

on_both_databases! {
    sec_22_same_subject_at_two_providers_is_two_users,
    sec_22_email_does_not_identify_a_user,
    sec_23_only_a_trusted_provider_links_by_verified_email,
    sec_23_preregistered_email_does_not_capture_the_owners_login,
    sec_23_untrusted_verification_never_links_later,
    sec_23_lookalike_letter_is_another_email,
    sec_23_parallel_first_logins_with_one_email_create_one_user,
    sec_23_email_of_two_users_links_to_neither,
    sec_23_verification_that_its_provider_withdraws_no_longer_counts,
    sec_23_answer_without_an_optional_part_withdraws_nothing,
    sec_23_unlinking_withdraws_what_the_account_verified,
    sec_24_unverified_email_is_stored_as_unverified,
    sec_25_account_of_another_user_is_never_moved,
    sec_25_linking_and_unlinking_are_audited,
    sec_25_linking_needs_a_fresh_login_unless_disabled,
}

const BY_EMAIL: &str = "social_details,social_uid,auth_allowed,social_user,get_username,associate_by_email,create_user,\
                        associate_user,load_extra_data,user_details";

fn linking(engine: Engine, trusted: &str) -> crate::support::test_app::TestAppBuilder {
    let plan = TestApp::builder(engine).oidc().with("SOCIAL_AUTH_PIPELINE", BY_EMAIL);
    plan.with("SOCIAL_AUTH_TRUSTED_EMAIL_PROVIDERS", trusted)
}

async fn at(app: &TestApp, provider: &str, code: &str) -> Answer {
    app.client().login(&format!("token_user/{provider}"), json!({"code": code})).await
}

/// A profile with a domain that Google hosts, so Google is trusted to verify the address.
fn hosted(sub: &str, email: &str) -> Value {
    json!({"sub": sub, "email": email, "email_verified": true, "hd": "example.com"})
}

async fn sec_22_same_subject_at_two_providers_is_two_users(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    app.fake_users.set_profile("google-oauth2", "u1", hosted("one-subject", "a@example.com"));
    app.fake_users.set_profile(
        "oidc",
        "u1",
        json!({"sub": "one-subject", "preferred_username": "b", "email": "b@example.com"}),
    );
    let (first, second) = (at(&app, "google-oauth2", "u1").await.ok(), at(&app, "oidc", "u1").await.ok());
    assert_ne!(first["id"], second["id"]);
    assert_eq!(app.database.count("users").await, 2);
}

async fn sec_22_email_does_not_identify_a_user(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    app.fake_users.set_profile("google-oauth2", "u1", hosted("1", "a@example.com"));
    let first = at(&app, "google-oauth2", "u1").await.ok();
    // The same address with another subject is another user, at every provider.
    app.fake_users.set_profile("google-oauth2", "u2", hosted("2", "a@example.com"));
    let second = at(&app, "google-oauth2", "u2").await.ok();
    let profile = json!({"sub": "3", "preferred_username": "c", "email": "a@example.com", "email_verified": true});
    app.fake_users.set_profile("oidc", "u3", profile);
    let third = at(&app, "oidc", "u3").await.ok();
    assert!(first["id"] != second["id"] && second["id"] != third["id"] && first["id"] != third["id"]);
    // Another address with the same subject is the same user.
    app.fake_users.set_profile("google-oauth2", "u4", hosted("1", "new@example.com"));
    assert_eq!(at(&app, "google-oauth2", "u4").await.ok()["id"], first["id"]);
}

async fn sec_23_only_a_trusted_provider_links_by_verified_email(engine: Engine) {
    for (trusted, code, status) in [("", "u1", 409), ("google-oauth2", "u1", 409), ("google-oauth2,oidc", "u1", 200)] {
        let app = linking(engine, trusted).start().await;
        app.fake_users.set_profile("google-oauth2", code, hosted("1", "user1@example.com"));
        let owner = at(&app, "google-oauth2", code).await.ok();
        let other = at(&app, "oidc", code).await;
        assert_eq!(other.status, status, "trusted: {trusted:?}: {}", other.text);
        if status == 200 {
            assert_eq!(other.ok()["id"], owner["id"]);
        } else {
            let problem = other.problem(409, "account_exists");
            let detail = problem["detail"].as_str().expect("a text");
            assert!(detail.contains("Sign in as you did before"), "what to do next: {detail}");
            assert!(!detail.to_lowercase().contains("google"), "no provider is named: {detail}");
            // The advice in the error works: sign in as before, then link.
            let authorization = format!("Token {}", owner["token"].as_str().expect("a token"));
            assert_eq!(app.link("token_user/oidc", &authorization, "u01").await.ok()["id"], owner["id"]);
        }
        assert_eq!(app.database.count("users").await, 1);
    }
    // A trusted provider, but the address is not verified.
    let app = linking(engine, "google-oauth2,oidc").start().await;
    at(&app, "oidc", "u1").await.ok();
    for (n, unverified) in [json!(false), json!(null), json!("no")].into_iter().enumerate() {
        let code = format!("u{}1", "0".repeat(n + 1));
        let profile = json!({"sub": "x", "email": "user1@example.com", "email_verified": unverified});
        app.fake_users.set_profile("oidc", &code, profile);
        at(&app, "oidc", &code).await.problem(409, "account_exists");
    }
}

async fn sec_23_preregistered_email_does_not_capture_the_owners_login(engine: Engine) {
    let app = linking(engine, "google-oauth2,oidc,github").start().await;
    // The attacker signs up with the victim's address at a provider that verifies none.
    app.fake_users.set_profile("github", "u6", json!({"id": 66, "login": "attacker", "email": "user1@example.com"}));
    let attacker = at(&app, "github", "u6").await.ok();
    at(&app, "oidc", "u1").await.problem(409, "account_exists");
    let rows = (app.database.count("users").await, app.database.count("social_accounts").await);
    assert_eq!(rows, (1, 1), "the attacker cannot use the victim's account");
    let authorization = format!("Token {}", attacker["token"].as_str().expect("a token"));
    let accounts = app.client().get("/api/user/social/").header("authorization", authorization).send().await.ok();
    assert_eq!(accounts.as_array().map(Vec::len), Some(1));

    // By default (without the step) the owner gets a separate user.
    let app = TestApp::builder(engine).oidc().start().await;
    app.fake_users.set_profile("github", "u6", json!({"id": 66, "login": "attacker", "email": "user1@example.com"}));
    let attacker = at(&app, "github", "u6").await.ok();
    assert_ne!(at(&app, "oidc", "u1").await.ok()["id"], attacker["id"]);
}

async fn sec_23_untrusted_verification_never_links_later(engine: Engine) {
    let app = linking(engine, "google-oauth2").start().await;
    // A provider that marks any address as verified.
    let lax =
        json!({"sub": "6", "preferred_username": "attacker", "email": "user1@example.com", "email_verified": true});
    app.fake_users.set_profile("oidc", "u6", lax);
    let attacker = at(&app, "oidc", "u6").await.ok();
    app.fake_users.set_profile("google-oauth2", "u1", hosted("1", "user1@example.com"));
    at(&app, "google-oauth2", "u1").await.problem(409, "account_exists");
    let verified = "SELECT count(*) FROM users WHERE email_verified AND email_verified_by = 'oidc'";
    assert_eq!(app.database.number(verified).await, 1, "as it was said");

    // An address that the webhook verified links; one that it no longer verifies does not.
    app.database.run("UPDATE users SET email_verified_by = ''").await;
    app.fake_users.set_profile("google-oauth2", "u2", hosted("2", "user1@example.com"));
    assert_eq!(at(&app, "google-oauth2", "u2").await.ok()["id"], attacker["id"]);
    app.database.run("UPDATE users SET email_verified_by = '?'").await;
    app.fake_users.set_profile("google-oauth2", "u3", hosted("3", "user1@example.com"));
    at(&app, "google-oauth2", "u3").await.problem(409, "account_exists");
    assert_eq!(app.database.count("users").await, 1);
}

async fn sec_23_lookalike_letter_is_another_email(engine: Engine) {
    let app = linking(engine, "google-oauth2,oidc").start().await;
    app.fake_users.set_profile("google-oauth2", "u1", hosted("1", "Mike@example.com"));
    let mike = at(&app, "google-oauth2", "u1").await.ok();
    for (code, email, same) in [("u2", "mI\u{212a}e@example.com", false), ("u3", "MIKE@example.com", true)] {
        let profile = json!({"sub": code, "preferred_username": code, "email": email, "email_verified": true});
        app.fake_users.set_profile("oidc", code, profile);
        assert_eq!(at(&app, "oidc", code).await.ok()["id"] == mike["id"], same, "{email}");
    }
}

async fn sec_23_parallel_first_logins_with_one_email_create_one_user(engine: Engine) {
    let app = linking(engine, "google-oauth2").start().await;
    for n in 1..=6 {
        app.fake_users.set_profile("google-oauth2", &format!("u{n}"), hosted(&n.to_string(), "one@example.com"));
    }
    let app = &app;
    let logins = (1..=6).map(|n| async move { at(app, "google-oauth2", &format!("u{n}")).await.status });
    let statuses = futures_util::future::join_all(logins).await;
    assert!(statuses.contains(&200), "{statuses:?}");
    assert_eq!(app.database.count("users").await, 1, "{statuses:?}");
}

/// The next owner of the address `n@example.com` signs in at another provider.
async fn next_owner(app: &TestApp, provider: &str, n: usize) -> Answer {
    let code = format!("u{}", 1000 + n);
    app.fake_users.set_profile(provider, &code, hosted(&format!("next{n}"), &format!("{n}@example.com")));
    at(app, provider, &code).await
}

async fn sec_23_verification_that_its_provider_withdraws_no_longer_counts(engine: Engine) {
    // Of the address `same`, by the members of the provider's later answer.
    let cases = [
        (json!({"email": "same", "email_verified": true}), false),
        (json!({"email": "SAME", "email_verified": "true"}), false),
        (json!({}), false),
        (json!({"email": null, "email_verified": null}), false),
        (json!({"email": "other", "email_verified": true}), true),
        (json!({"email": "other", "email_verified": false}), true),
        (json!({"email": "other"}), true),
        (json!({"email": "no address", "email_verified": true}), true),
        (json!({"email": "same", "email_verified": false}), true),
        (json!({"email": "same", "email_verified": "False"}), true),
        (json!({"email": "same", "email_verified": 0}), true),
        (json!({"email": "same", "email_verified": null}), true),
        (json!({"email": "same"}), true),
        (json!({"email": "", "email_verified": false}), true),
        (json!({"email": null, "email_verified": false}), true),
        (json!({"email_verified": false}), true),
    ];
    for may_change in ["false", "true"] {
        let plan = linking(engine, "google-oauth2,oidc");
        let app = plan.with("SOCIAL_AUTH_NO_DEFAULT_PROTECTED_USER_FIELDS", may_change).start().await;
        for (n, (members, is_withdrawn)) in cases.iter().enumerate() {
            let (sub, code) = (format!("sub{n}"), format!("u{}", n + 1));
            app.fake_users.set_profile("oidc", &code, hosted(&sub, &format!("{n}@example.com")));
            let user = at(&app, "oidc", &code).await.ok();
            let mut later = members.clone();
            later["sub"] = sub.into();
            let address = match members["email"].as_str() {
                Some("other") => Some(format!("other{n}@example.com")),
                Some("same") => Some(format!("{n}@example.com")),
                Some("SAME") => Some(format!("{n}@EXAMPLE.com")),
                _ => None,
            };
            if let Some(address) = address {
                later["email"] = address.into();
            }
            let code = format!("u{}", n + 101);
            app.fake_users.set_profile("oidc", &code, later.clone());
            assert_eq!(at(&app, "oidc", &code).await.ok()["id"], user["id"]);
            let answer = next_owner(&app, "google-oauth2", n).await;
            if !is_withdrawn {
                assert_eq!(answer.ok()["id"], user["id"], "{later}");
            } else if may_change == "true" && members["email"] == "other" {
                // With another address of the user, this one is free.
                assert_ne!(answer.ok()["id"], user["id"], "{later}");
            } else {
                answer.problem(409, "account_exists");
            }
        }
    }
}

/// The profile and the addresses of GitHub are two requests, and the second may fail.
async fn sec_23_answer_without_an_optional_part_withdraws_nothing(engine: Engine) {
    const EMAILS: &str = "GET api.github.com/user/emails";
    let plan = linking(engine, "github,google-oauth2").with("SOCIAL_AUTH_GITHUB_SCOPE", "user:email");
    let app = plan.start().await;
    let profile = json!({"id": 1, "login": "one", "email": "1@example.com"});
    for code in ["u1", "u2"] {
        app.fake_users.set_profile("github", code, profile.clone());
    }
    app.double.always(EMAILS, Reply::json(&json!([{"email": "1@example.com", "primary": true, "verified": true}])));
    let user = at(&app, "github", "u1").await.ok();
    app.double.always(EMAILS, Reply::json_at(500, &json!({})));
    assert_eq!(at(&app, "github", "u2").await.ok()["id"], user["id"]);
    assert_eq!(next_owner(&app, "google-oauth2", 1).await.ok()["id"], user["id"]);
}

async fn sec_23_unlinking_withdraws_what_the_account_verified(engine: Engine) {
    for unlinked in ["google-oauth2", "github"] {
        let app = linking(engine, "google-oauth2,oidc").start().await;
        app.fake_users.set_profile("google-oauth2", "u1", hosted("1", "1@example.com"));
        let user = at(&app, "google-oauth2", "u1").await.ok();
        let authorization = format!("Token {}", user["token"].as_str().expect("a token"));
        // Another account of the provider does not verify the address.
        app.fake_users.set_profile("google-oauth2", "u2", hosted("2", "2@example.com"));
        app.link("token/google-oauth2", &authorization, "u2").await.ok();
        app.link("token/github", &authorization, "u1").await.ok();
        let get = app.client().get("/api/user/social/").header("authorization", &authorization);
        let accounts = get.send().await.ok();
        let account = accounts.as_array().expect("a list").iter().find(|account| account["provider"] == unlinked);
        let path = format!("/api/user/social/{}/", account.expect("the account")["id"]);
        let answer = app.client().request("DELETE", &path).header("authorization", &authorization).send().await;
        assert_eq!(answer.status, 204, "{}", answer.text);
        match unlinked {
            "github" => assert_eq!(next_owner(&app, "oidc", 1).await.ok()["id"], user["id"]),
            _ => drop(next_owner(&app, "oidc", 1).await.problem(409, "account_exists")),
        }
    }
}

async fn sec_23_email_of_two_users_links_to_neither(engine: Engine) {
    let plan = TestApp::builder(engine).oidc().with("SOCIAL_AUTH_OIDC_PIPELINE", BY_EMAIL);
    let app = plan.with("SOCIAL_AUTH_TRUSTED_EMAIL_PROVIDERS", "oidc,google-oauth2").start().await;
    for n in ["1", "2"] {
        app.fake_users.set_profile("google-oauth2", &format!("u{n}"), hosted(n, "user7@example.com"));
        at(&app, "google-oauth2", &format!("u{n}")).await.ok();
    }
    at(&app, "oidc", "u7").await.problem(409, "account_exists");
    assert_eq!(app.database.count("social_accounts").await, 2);
}

async fn sec_24_unverified_email_is_stored_as_unverified(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    let is_verified = match engine {
        Engine::Sqlite => "email_verified = 1",
        Engine::Postgres => "email_verified",
    };
    let mut wanted = 0;
    for (n, (provider, profile, verified)) in [
        // Google is trusted for its own addresses and for domains that it hosts.
        ("google-oauth2", json!({"email": "a@gmail.com", "email_verified": true}), true),
        ("google-oauth2", json!({"email": "a@example.com", "email_verified": true, "hd": "example.com"}), true),
        ("google-oauth2", json!({"email": "a@example.com", "email_verified": true}), false),
        ("oidc", json!({"email": "a@example.com", "email_verified": true}), true),
        ("oidc", json!({"email": "a@example.com", "email_verified": "true"}), true),
        ("oidc", json!({"email": "a@example.com", "email_verified": "yes"}), false),
        ("oidc", json!({"email": "a@example.com"}), false),
        ("oidc", json!({"email": "", "email_verified": true}), false),
        ("github", json!({"email": "a@example.com", "login": "a"}), false),
        ("facebook", json!({"email": "a@example.com", "name": "A"}), false),
    ]
    .into_iter()
    .enumerate()
    {
        let code = format!("u{}", n + 1);
        let mut profile = profile;
        profile["sub"] = json!(format!("s{n}"));
        profile["id"] = json!(n + 1);
        app.fake_users.set_profile(provider, &code, profile);
        at(&app, provider, &code).await.ok();
        wanted += i64::from(verified);
        let stored = app.database.number(&format!("SELECT count(*) FROM users WHERE {is_verified}")).await;
        assert_eq!(stored, wanted, "case {n} at {provider}");
    }
}

async fn sec_25_account_of_another_user_is_never_moved(engine: Engine) {
    let app = TestApp::start(engine).await;
    let first = format!("Token {}", app.token("token", "u1").await);
    let second = app.login("token_user", "u2").await.ok();
    app.link("token/github", &first, "u02").await.problem(409, "account_in_use");
    assert_eq!(app.login("token_user", "u002").await.ok()["id"], second["id"], "it signs in the same user as before");
    // Two parallel logins link one account: one succeeds.
    let third = format!("Token {}", app.token("token", "u3").await);
    let both =
        [(&first, "u9"), (&third, "u09")].map(|(authorization, code)| app.link("token/facebook", authorization, code));
    let mut statuses: Vec<u16> =
        futures_util::future::join_all(both).await.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    let owners = "SELECT count(*) FROM social_accounts WHERE provider = 'facebook'";
    assert_eq!(app.database.number(owners).await, 1);
}

async fn sec_25_linking_and_unlinking_are_audited(engine: Engine) {
    let app = TestApp::start(engine).await;
    let owner = format!("Token {}", app.token("token", "u1").await);
    app.link("token/facebook", &owner, "u1").await.ok();
    let accounts = app.client().get("/api/user/social/").header("authorization", &owner).send().await.ok();
    let delete = |account: &Value| {
        let path = format!("/api/user/social/{}/", account["id"]);
        app.client().request("DELETE", &path).header("authorization", &owner).send()
    };
    assert_eq!(delete(&accounts[0]).await.status, 204);
    delete(&accounts[1]).await.problem(409, "last_login_method");
    let rows = app
        .database
        .repository()
        .await
        .audit_events(&AuditFilter::of_user(UserId(1)), 10)
        .await
        .expect("the audit log");
    let events: Vec<&str> = rows.iter().rev().map(|row| row.event.as_str()).collect();
    assert_eq!(events, ["sign_up", "link", "unlink", "refused"]);
}

async fn sec_25_linking_needs_a_fresh_login_unless_disabled(engine: Engine) {
    let later = std::time::Duration::from_secs(901);
    let app = TestApp::start(engine).await;
    let browser = app.browser();
    browser.login("session/github", json!({"code": "u1"})).await.ok();
    let owner = format!("Token {}", app.token("token", "u01").await);
    let by_token = |code: &'static str| app.link("token_user/facebook", &owner, code);
    by_token("u2").await.ok();
    app.advance(later);
    by_token("u3").await.problem(403, "fresh_login_required");
    // Signing in again with a linked account links nothing and makes the login fresh.
    by_token("u02").await.ok();
    by_token("u03").await.ok();
    // The same with a session cookie, through begin and the redirect flow.
    let post = |path: &str| browser.post(path).header("origin", &app.node.base);
    let begun = post("/api/login/social/begin/facebook/").json(&json!({})).send().await.ok();
    let login = json!({"code": "u4", "state": begun["state"]});
    let linked = post("/api/login/social/session/facebook/").json(&login).send().await;
    linked.problem(403, "fresh_login_required");
    let authorize = browser.get("/api/login/social/authorize/facebook/?next=https://front.example/cb");
    let authorize = authorize.header("sec-fetch-site", "same-origin").send().await;
    let there = url::Url::parse(authorize.header("location").expect("a location")).expect("a URL");
    let state = there.query_pairs().find(|(name, _)| name == "state").expect("a state").1.into_owned();
    let redirect = browser.get(&format!("/api/login/social/complete/facebook/?code=u5&state={state}")).send().await;
    assert_eq!(redirect.header("location"), Some("https://front.example/cb?error=fresh_login_required"));
    let accounts = "SELECT count(*) FROM social_accounts WHERE provider = 'facebook'";
    assert_eq!((app.database.number(accounts).await, app.database.count("users").await), (2, 1));

    // DRSA never asks for a fresh login.
    let app = TestApp::builder(engine).with("LINK_NEEDS_FRESH_LOGIN", "false").start().await;
    let owner = format!("Token {}", app.token("token", "u1").await);
    app.advance(later);
    app.link("token/facebook", &owner, "u2").await.ok();
}
