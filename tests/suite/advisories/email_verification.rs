//! Unverified and invalid e-mail addresses, where an allow list or a link depends on them.

use serde_json::{Value, json};

use super::{credential, google_profile, linked_accounts, linking_by_email, sign_in};
use crate::support::{Engine, TestApp, on_both_databases};

const VICTIM: &str = "user1@example.com";

on_both_databases! {
    cve_2026_47164_vaultwarden_sign_up_and_link_require_a_verified_email,
    social_core_5_0_0_invalid_email_causes_no_server_error,
}

/// Vaultwarden checked `email_verified` when it created a user, but not when it linked a login to an existing user. Here the
/// same rule applies to both.
async fn cve_2026_47164_vaultwarden_sign_up_and_link_require_a_verified_email(engine: Engine) {
    for verified in [json!(true), json!(false), Value::Null, json!("false"), json!(0), json!(1), json!("yes")] {
        let plan = linking_by_email(engine, "google-oauth2,oidc");
        let app = plan.with("SOCIAL_AUTH_OIDC_WHITELISTED_DOMAINS", "example.com").start().await;
        app.fake_users.set_profile("google-oauth2", "u1", google_profile("1", VICTIM));
        let victim = sign_in(&app, "google-oauth2", "u1").await;
        let profile = |email: &str| json!({"sub": "666", "preferred_username": "eve", "email": email, "email_verified": verified});
        // An existing user with the address.
        app.fake_users.set_profile("oidc", "u6", profile(VICTIM));
        let existing = sign_in(&app, "oidc", "u6").await;
        // A new user, with an allow list.
        app.fake_users.set_profile("oidc", "u06", profile("new@example.com"));
        let new = sign_in(&app, "oidc", "u06").await;
        let is_verified = verified == json!(true);
        assert_eq!(existing.status == 200, is_verified, "{verified}: {}", existing.text);
        assert_eq!(new.status == 200, is_verified, "{verified}: {}", new.text);
        let accounts = linked_accounts(&app, &credential(&victim)).await;
        assert_eq!(accounts.len(), 1 + usize::from(is_verified), "{verified}: {accounts:?}");
    }
}

/// An invalid address crashed the login. Here an invalid text counts as no address and the login succeeds; a value of another
/// type is a provider error.
async fn social_core_5_0_0_invalid_email_causes_no_server_error(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    let long = format!("{}@example.com", "x".repeat(5000));
    for (n, email) in [
        json!(""),
        json!("@"),
        json!("not an address"),
        json!("a@"),
        json!("@example.com"),
        json!("a@b@c"),
        json!("a@example.com\r\nBcc: eve@evil.example"),
        json!("\u{0}@example.com"),
        json!("a@\u{202e}example.com"),
        json!(long),
        json!(17),
        json!(true),
        json!(null),
        json!(["a@example.com"]),
        json!({"value": "a@example.com"}),
    ]
    .into_iter()
    .enumerate()
    {
        let (code, sub) = (format!("u{}", n + 1), format!("s{n}"));
        let profile = json!({"sub": sub, "preferred_username": sub, "email": email, "email_verified": true});
        app.fake_users.set_profile("oidc", &code, profile);
        let answer = sign_in(&app, "oidc", &code).await;
        if email.is_string() || email.is_null() {
            assert_eq!(answer.field("email"), "", "{email}");
        } else {
            answer.problem(502, "provider_error");
        }
    }
    let verified = match engine {
        Engine::Sqlite => "SELECT count(*) FROM users WHERE email_verified = 1",
        Engine::Postgres => "SELECT count(*) FROM users WHERE email_verified",
    };
    assert_eq!(app.database.number(verified).await, 0);
}
