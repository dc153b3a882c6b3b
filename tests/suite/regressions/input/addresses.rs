//! E-mail addresses and domains from providers, users, the webhook, the settings and a Django database.

use rest_social_auth::model::EmailAddress;
use serde_json::{Value, json};

use crate::support::test_app::TestAppBuilder;
use crate::support::{Answer, Engine, Reply, TestApp, on_both_databases};

on_both_databases! {
    fault_a5_invalid_email_passes_no_allow_list_and_is_not_stored,
    fault_a5_invalid_email_from_a_user_is_a_validation_error,
    fault_a6_allow_lists_accept_verified_emails_only,
    fault_a6_setting_restores_the_behaviour_of_drsa,
    fault_a12_non_ascii_letters_are_not_case_folded,
    fault_a12_emails_stored_by_earlier_releases_are_found,
    fault_a13_deny_lists_match_every_spelling,
    fault_a13_denied_organizations_match_every_spelling,
    deny_lists_refuse_a_login_without_email,
    fault_a20_mapped_email_is_checked_against_the_deny_lists,
    fault_a20_sign_up_needs_an_explicit_allow,
    fault_a20_values_changed_by_the_webhook_are_checked_again,
}

const BY_EMAIL: &str = "social_details,social_uid,auth_allowed,social_user,get_username,associate_by_email,create_user,\
                        associate_user,load_extra_data,user_details";
const WITH_EMAIL: &str = "social_details,social_uid,auth_allowed,social_user,get_username,require_email,create_user,\
                          associate_user,load_extra_data,user_details";
const WEBHOOK: &str = "POST hooks.example/users";

/// Texts that only some parsers accept as an address of `company.com`.
const NOT_ADDRESSES: [&str; 16] = [
    "eve@evil.example@company.com",
    "eve@evil.example,x@company.com",
    "eve@evil.example;x@company.com",
    "eve@evil.example\r\nx@company.com",
    "x@company.com\r\nBcc: eve@evil.example",
    "\"eve@evil.example\"@company.com",
    "\"a b\"@company.com",
    "Eve <eve@evil.example> x@company.com",
    "eve\u{200b}@company.com",
    "eve\u{ad}@company.com",
    "eve\u{202e}@company.com",
    "eve @company.com",
    "eve..x@company.com",
    "@company.com",
    "eve@company\u{3002}com",
    "\u{ff45}ve@company.com",
];

/// Signs in with an address of a domain that Google hosts, so Google is trusted to verify it.
fn google(sub: usize, email: &str) -> Value {
    json!({"sub": sub.to_string(), "email": email, "email_verified": true, "hd": "company.com"})
}

async fn sign_in(app: &TestApp, provider: &str, code: &str) -> Answer {
    app.client().login(&format!("token_user/{provider}"), json!({"code": code})).await
}

/// Signs in at Google, or at GitHub when the address shall be unverified.
async fn with_email(app: &TestApp, n: usize, email: &str, is_verified: bool) -> Answer {
    let code = format!("u{n}");
    if !is_verified {
        app.fake_users.set_profile("github", &code, json!({"id": n, "login": code, "email": email}));
        return sign_in(app, "github", &code).await;
    }
    app.fake_users.set_profile("google-oauth2", &code, google(n, email));
    sign_in(app, "google-oauth2", &code).await
}

async fn fault_a5_invalid_email_passes_no_allow_list_and_is_not_stored(engine: Engine) {
    let closed = TestApp::builder(engine).with("SOCIAL_AUTH_WHITELISTED_DOMAINS", "company.com").start().await;
    let open = TestApp::start(engine).await;
    let others = ["@", "not an address", "a@localhost", "a@127.0.0.1", "a@[127.0.0.1]"];
    let long = format!("{}@company.com", "a".repeat(65));
    for (n, text) in NOT_ADDRESSES.into_iter().chain(others).chain([long.as_str()]).enumerate() {
        with_email(&closed, n + 1, text, true).await.problem(403, "not_allowed");
        assert_eq!(with_email(&open, n + 1, text, true).await.ok()["email"], "", "{text:?}");
    }
    assert_eq!(closed.database.count("users").await, 0);
    let stored = "SELECT count(*) FROM users WHERE email <> '' OR email_lower <> '' OR email_verified";
    assert_eq!(open.database.number(stored).await, 0, "what is no address is not verified either");
    assert_eq!(with_email(&closed, 90, "Ana@COMPANY.com", true).await.ok()["email"], "Ana@company.com");
}

async fn fault_a5_invalid_email_from_a_user_is_a_validation_error(engine: Engine) {
    let plan = TestApp::builder(engine)
        .with("REST_SOCIAL_EDITABLE_USER_FIELDS", "email")
        .with("SOCIAL_AUTH_PIPELINE", WITH_EMAIL);
    let plan = plan.with("DENY_LISTS_ACCEPT_MISSING_EMAIL", "true");
    let app = plan.with("SOCIAL_AUTH_DENIED_DOMAINS", "evil.example").start().await;
    let authorization = format!("Token {}", app.token("token", "u1").await);
    let edit = async |email: &str| {
        let edit = app.client().request("PATCH", "/api/user/").header("authorization", &authorization);
        edit.json(&json!({"email": email})).send().await
    };
    app.fake_users.set_profile("github", "u7", json!({"id": 7, "login": "seven", "email": null}));
    let flow_token = app.login("token_user", "u7").await.json()["flow_token"].clone();
    for text in NOT_ADDRESSES {
        assert!(edit(text).await.problem(400, "invalid_request")["errors"]["email"].is_array(), "{text:?}");
        let answer = json!({"flow_token": flow_token, "email": text});
        let answer = app.client().post("/api/login/social/resume/").json(&answer).send().await;
        assert!(answer.problem(400, "invalid_request")["errors"]["email"].is_array(), "{text:?}");
    }
    edit("x@sub.evil.example").await.problem(400, "invalid_request");
    assert_eq!(edit(" Ana@Company.COM ").await.ok()["email"], "Ana@company.com");
    assert_eq!(edit("").await.ok()["email"], "");
}

async fn fault_a6_allow_lists_accept_verified_emails_only(engine: Engine) {
    for (list, entry) in [("WHITELISTED_DOMAINS", "company.com"), ("WHITELISTED_EMAILS", "ceo@company.com")] {
        let plan = TestApp::builder(engine).oidc().with(&format!("SOCIAL_AUTH_{list}"), entry);
        let app = plan.start().await;
        with_email(&app, 1, "ceo@company.com", false).await.problem(403, "not_allowed");
        for (n, unverified) in [json!(null), json!("no"), json!(0), json!(1), json!([true])].into_iter().enumerate() {
            let code = format!("u{}", n + 3);
            let claims = json!({"sub": code, "email": "ceo@company.com", "email_verified": unverified});
            app.fake_users.set_profile("oidc", &code, claims);
            sign_in(&app, "oidc", &code).await.problem(403, "not_allowed");
        }
        with_email(&app, 9, "CEO@Company.com", true).await.ok();
        assert_eq!(app.database.count("users").await, 1, "{list}");
    }
}

async fn fault_a6_setting_restores_the_behaviour_of_drsa(engine: Engine) {
    let plan = TestApp::builder(engine).with("SOCIAL_AUTH_WHITELISTED_DOMAINS", "company.com");
    let app = plan.with("ALLOW_LISTS_ACCEPT_UNVERIFIED_EMAIL", "true").start().await;
    with_email(&app, 1, "ceo@company.com", false).await.ok();
    with_email(&app, 2, "ceo@evil.example", true).await.problem(403, "not_allowed");
    with_email(&app, 3, "ceo@evil.example@company.com", true).await.problem(403, "not_allowed");
}

async fn fault_a12_non_ascii_letters_are_not_case_folded(engine: Engine) {
    let plan = TestApp::builder(engine).oidc().with("SOCIAL_AUTH_PIPELINE", BY_EMAIL);
    let plan = plan.with("SOCIAL_AUTH_TRUSTED_EMAIL_PROVIDERS", "google-oauth2,oidc");
    let app = plan.with("SOCIAL_AUTH_FORCE_EMAIL_LOWERCASE", "true").start().await;
    let mark = with_email(&app, 1, "MARK@gmail.com", true).await.ok();
    assert_eq!(mark["email"], "mark@gmail.com");
    let umlaut = with_email(&app, 2, "ü@MÜLLER.example", true).await.ok();
    for (n, email, owner) in [
        (3, "mar\u{212a}@gmail.com", None),
        (4, "\u{ff4d}ark@gmail.com", None),
        (5, "mark@gmai\u{ff4c}.com", None),
        (6, "Mark@Gmail.com", Some(&mark)),
        (7, "ü@xn--mller-kva.example", Some(&umlaut)),
        (8, "u\u{308}@xn--mller-kva.example", None),
    ] {
        let code = format!("u{n}");
        let claims = json!({"sub": code, "preferred_username": code, "email": email, "email_verified": true});
        app.fake_users.set_profile("oidc", &code, claims);
        let id = sign_in(&app, "oidc", &code).await.ok()["id"].clone();
        match owner {
            Some(owner) => assert_eq!(id, owner["id"], "{email:?}"),
            None => assert!(id != mark["id"] && id != umlaut["id"], "{email:?}"),
        }
    }
}

/// Earlier releases stored the e-mail key in lower case, non-ASCII letters too.
async fn fault_a12_emails_stored_by_earlier_releases_are_found(engine: Engine) {
    let app = TestApp::start(engine).await;
    for n in 1..=4 {
        app.login("token", &format!("u{n}")).await.ok();
    }
    for (n, (email, key)) in [
        ("ü@MÜLLER.example", "ü@müller.example"),
        ("a@xn--mller-kva.example", "a@xn--mller-kva.example"),
        ("mar\u{212a}@gmail.com", "mark@gmail.com"),
        ("Mark@gmail.com", "mark@gmail.com"),
    ]
    .into_iter()
    .enumerate()
    {
        let update =
            format!("UPDATE users SET email = '{email}', email_lower = '{key}' WHERE username = 'user{}'", n + 1);
        app.database.run(&update).await;
    }
    let store = app.database.repository().await;
    for (text, username) in [
        ("ü@müller.example", "user1"),
        ("ü@xn--mller-kva.example", "user1"),
        ("a@müller.example", "user2"),
        ("mark@gmail.com", "user4"),
    ] {
        let address = EmailAddress::parse(text).expect("an address");
        let found = store.users_by_email(&address).await.expect("a read");
        assert_eq!(found.iter().map(|user| user.username.as_str()).collect::<Vec<_>>(), [username], "{text}");
    }
    store.close().await;
}

async fn fault_a13_deny_lists_match_every_spelling(engine: Engine) {
    let plan = TestApp::builder(engine).with("SOCIAL_AUTH_DENIED_DOMAINS", "evil.example,müller.example");
    // An invalid address must not count as a missing one, which this setting accepts.
    let plan = plan.with("DENY_LISTS_ACCEPT_MISSING_EMAIL", "true");
    let app = plan.with("SOCIAL_AUTH_DENIED_EMAILS", "eve@good.example").start().await;
    for (n, email) in [
        "eve@evil.example",
        "eve@EVIL.Example.",
        "eve@sub.evil.example",
        "eve@evil\u{3002}example",
        "eve@evil\u{ff0e}example",
        "eve@\u{ff45}vil.example",
        "eve@ev\u{ad}il.example",
        "eve@ev\u{200b}il.example",
        "eve@evil.example..",
        "eve@xn--mller-kva.example",
        "eve@MÜLLER.example",
        "EVE@good.example",
        "\u{ff45}ve@good.example",
        "ev\u{ad}e@good.example",
        "\"eve\"@good.example",
    ]
    .into_iter()
    .enumerate()
    {
        for is_verified in [true, false] {
            with_email(&app, 2 * n + usize::from(is_verified) + 1, email, is_verified)
                .await
                .problem(403, "not_allowed");
        }
    }
    assert_eq!(app.database.count("users").await, 0);
    with_email(&app, 90, "ana@good.example", false).await.ok();
}

async fn fault_a13_denied_organizations_match_every_spelling(engine: Engine) {
    let app = TestApp::builder(engine).with("SOCIAL_AUTH_DENIED_ORGANIZATIONS", "École Acme").start().await;
    let at = async |n: usize, organization: &str| {
        let code = format!("u{n}");
        let claims = json!({"sub": code, "email": "a@gmail.com", "email_verified": true, "hd": organization});
        app.fake_users.set_profile("google-oauth2", &code, claims);
        sign_in(&app, "google-oauth2", &code).await
    };
    for (n, name) in ["éCOLE acme", " École  Acme ", "E\u{301}cole Acme", "École A\u{200b}cme", "École \u{ff21}cme"]
        .into_iter()
        .enumerate()
    {
        at(n + 1, name).await.problem(403, "organization_not_allowed");
    }
    at(9, "Ecole").await.ok();
    let app = TestApp::builder(engine).with("SOCIAL_AUTH_ALLOWED_ORGANIZATIONS", "mark").start().await;
    app.fake_users.set_profile(
        "google-oauth2",
        "u1",
        json!({"sub": "1", "email": "a@gmail.com", "email_verified": true, "hd": "mar\u{212a}"}),
    );
    sign_in(&app, "google-oauth2", "u1").await.problem(403, "organization_not_allowed");
}

fn asking(engine: Engine) -> TestAppBuilder {
    TestApp::builder(engine)
        .with("WEBHOOK_URL", "https://hooks.example/users")
        .with("WEBHOOK_SECRETS", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        .with("WEBHOOK_EVENTS", "user.creating")
}

async fn fault_a20_sign_up_needs_an_explicit_allow(engine: Engine) {
    let app = asking(engine).start().await;
    let silent = [
        Reply::of(204, "text/plain", ""),
        Reply::of(200, "text/plain", ""),
        Reply::of(200, "text/html", "<html>ok</html>"),
        Reply::json(&json!({})),
        Reply::json(&json!({"user": {"username": "ana"}})),
        Reply::json(&json!({"allow": null})),
        Reply::json(&json!({"allow": "true"})),
        Reply::json(&json!({"allow": 1})),
        Reply::json(&json!([{"allow": true}])),
        Reply::json(&json!(true)),
        Reply::json_at(202, &json!({"status": "queued"})),
        Reply::json_at(302, &json!({"allow": true})),
        Reply::json_at(500, &json!({"allow": true})),
    ];
    for (n, reply) in silent.into_iter().enumerate() {
        app.double.always(WEBHOOK, reply);
        app.login("token", &format!("u{}", n + 1)).await.problem(503, "sign_up_unavailable");
    }
    assert_eq!(app.database.count("users").await, 0);
    app.double.always(WEBHOOK, Reply::json(&json!({"allow": true})));
    app.login("token", "u90").await.ok();
    let lenient = asking(engine).with("WEBHOOK_ON_FAILURE", "allow").start().await;
    lenient.double.always(WEBHOOK, Reply::json(&json!({"user": {"username": "ana"}})));
    assert_eq!(
        lenient.login("token_user", "u1").await.ok()["username"],
        "user1",
        "a response without allow changes nothing"
    );
}

async fn fault_a20_mapped_email_is_checked_against_the_deny_lists(engine: Engine) {
    let plan = TestApp::builder(engine)
        .with("SOCIAL_AUTH_NO_DEFAULT_PROTECTED_USER_FIELDS", "true")
        .with("SOCIAL_AUTH_USER_FIELD_MAPPING", r#"{"username": "email"}"#)
        .with("SOCIAL_AUTH_DENIED_DOMAINS", "evil.example");
    let app = plan.with("SOCIAL_AUTH_DENIED_EMAILS", "eve@good.example").start().await;
    for (n, (mapped, stored)) in [
        ("ana@good.example", "ana@good.example"),
        ("new@good.example", "new@good.example"),
        ("eve@evil.example", "new@good.example"),
        ("eve@sub.EVIL.example", "new@good.example"),
        ("EVE@good.example", "new@good.example"),
        ("last@good.example", "last@good.example"),
    ]
    .into_iter()
    .enumerate()
    {
        let code = format!("u{}1", "0".repeat(n));
        app.fake_users.set_profile("github", &code, json!({"id": 1, "login": mapped, "email": "ana@good.example"}));
        app.login("token", &code).await.ok();
        assert_eq!(app.database.text("SELECT email FROM users").await, stored, "after {mapped}");
    }
}

async fn deny_lists_refuse_a_login_without_email(engine: Engine) {
    for (list, entry) in [("DENIED_DOMAINS", "evil.example"), ("DENIED_EMAILS", "eve@evil.example")] {
        let plan = TestApp::builder(engine).with(&format!("SOCIAL_AUTH_{list}"), entry);
        let app = plan.start().await;
        app.login("token", "u1").await.ok();
        // An existing user without an address is refused too.
        for (n, email) in [(1, json!(null)), (2, json!(null)), (3, json!("")), (4, json!(" "))] {
            let code = format!("u00{n}");
            app.fake_users.set_profile("github", &code, json!({"id": n, "login": code, "email": email}));
            app.login("token", &code).await.problem(403, "not_allowed");
        }
        app.fake_users.set_profile("github", "u05", json!({"id": 5, "login": "five"}));
        app.login("token", "u05").await.problem(403, "not_allowed");
        assert_eq!(app.database.count("users").await, 1, "{list}");

        let lenient = app.start_node_with(&[("DENY_LISTS_ACCEPT_MISSING_EMAIL", "true")]).await;
        app.fake_users.set_profile("github", "u06", json!({"id": 6, "login": "six"}));
        lenient.client().login("token/github", json!({"code": "u06"})).await.ok();
        app.fake_users.set_profile("github", "u07", json!({"id": 7, "login": "eve", "email": "eve@evil.example"}));
        lenient.client().login("token/github", json!({"code": "u07"})).await.problem(403, "not_allowed");
    }
}

async fn fault_a20_values_changed_by_the_webhook_are_checked_again(engine: Engine) {
    let plan = asking(engine).with("SOCIAL_AUTH_DENIED_DOMAINS", "evil.example");
    let app = plan.with("SOCIAL_AUTH_DENIED_EMAILS", "eve@company.com").start().await;
    let amended = async |n: usize, user: Value| {
        app.double.always(WEBHOOK, Reply::json(&json!({"allow": true, "user": user})));
        app.login("token_user", &format!("u{n}")).await
    };
    for (n, email) in ["x@evil.example", "x@sub.EVIL.example", "EVE@company.com"].into_iter().enumerate() {
        for verified in [true, false] {
            let answer =
                amended(10 * (n + 1) + usize::from(verified), json!({"email": email, "email_verified": verified}));
            answer.await.problem(403, "not_allowed");
        }
    }
    for (n, email) in NOT_ADDRESSES.into_iter().enumerate() {
        amended(100 + n, json!({"email": email})).await.problem(503, "sign_up_unavailable");
    }
    assert_eq!(app.database.count("users").await, 0);
    assert_eq!(amended(1, json!({"email": "Ana@GOOD.example"})).await.ok()["email"], "Ana@good.example");

    // With an allow list the webhook must return a listed address and mark it as verified.
    let app = asking(engine).with("SOCIAL_AUTH_WHITELISTED_DOMAINS", "company.com").start().await;
    for (n, (user, is_allowed)) in [
        (json!({}), true),
        (json!({"email": "other@company.com"}), false),
        (json!({"email": "other@company.com", "email_verified": true}), true),
        (json!({"email": "ana@elsewhere.example", "email_verified": true}), false),
        (json!({"email": ""}), false),
        (json!({"email_verified": false}), false),
    ]
    .into_iter()
    .enumerate()
    {
        app.double.always(WEBHOOK, Reply::json(&json!({"allow": true, "user": user})));
        let answer = with_email(&app, n + 1, &format!("ana{n}@company.com"), true).await;
        if is_allowed { drop(answer.ok()) } else { drop(answer.problem(403, "not_allowed")) }
    }
}
