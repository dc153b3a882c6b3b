//! How a login finds its account: stable ids, legacy uids, tenants and issuers.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::support::double::Double;
use crate::support::fake_users::{CLIENT_ID, OIDC_TOKEN};
use crate::support::test_app::Node;
use crate::support::{Answer, Engine, Reply, TestApp, on_both_databases, process, signer};

on_both_databases! {
    fault_a1_chosen_name_does_not_match_another_users_stable_id,
    fault_a1_imported_account_matches_its_legacy_uid_until_the_date,
    fault_a1_stable_id_does_not_match_a_legacy_name,
    fault_a1_legacy_uid_matches_only_with_the_same_stable_id,
    an_unverified_address_finds_no_imported_account,
    fault_a1_changed_id_key_does_not_match_earlier_accounts,
    fault_a15_same_subject_in_two_tenants_is_two_users,
    fault_a15_tenant_users_match_under_each_issuer_of_the_tenant,
    fault_a15_changed_issuer_does_not_match_earlier_accounts,
    fault_a15_account_without_uid_scope_gets_it_at_the_next_login,
    fault_a15_imported_account_without_tenant_matches_only_the_imported_tenant,
    fault_a1_a15_doctor_reports_accounts_that_cannot_sign_in,
    fault_a6_an_unverified_address_does_not_sign_in_as_its_user,
    fault_a12_an_address_as_uid_is_one_user_in_every_spelling,
    fault_a6_a_group_of_another_tenant_does_not_count,
    sec_25_an_account_that_no_login_finds_does_not_count,
    fault_a22_id_token_is_accepted_once_per_client,
    fault_d5_mailchimp_rejects_the_id_of_a_shared_account,
}

/// Providers whose profile has an id and a name: provider, token endpoint, profile endpoint, id field, name field.
const WITH_NAME: [(&str, &str, &str, &str, &str); 5] = [
    (
        "okta-oauth2",
        "okta.example/oauth2/default/v1/token",
        "okta.example/oauth2/default/v1/userinfo",
        "sub",
        "preferred_username",
    ),
    ("dailymotion", "api.dailymotion.com/oauth/token", "api.dailymotion.com/auth/", "id", "username"),
    (
        "arcgis",
        "www.arcgis.com/sharing/rest/oauth2/token",
        "www.arcgis.com/sharing/rest/community/self",
        "id",
        "username",
    ),
    ("deezer", "connect.deezer.com/oauth/access_token.php", "api.deezer.com/user/me", "id", "name"),
    ("qiita", "qiita.com/api/v2/access_tokens", "qiita.com/api/v2/authenticated_user", "permanent_id", "id"),
];

fn plan(engine: Engine) -> crate::support::test_app::TestAppBuilder {
    let mut plan =
        TestApp::builder(engine).with("SOCIAL_AUTH_OKTA_OAUTH2_API_URL", "https://okta.example/oauth2/default");
    for (provider, ..) in WITH_NAME {
        let name = provider.to_ascii_uppercase().replace('-', "_");
        plan = plan.with(&format!("SOCIAL_AUTH_{name}_KEY"), CLIENT_ID);
        plan = plan.with(&format!("SOCIAL_AUTH_{name}_SECRET"), "client-secret-5f2d7c");
    }
    plan
}

/// Logins that matched an imported account by its legacy uid.
const BY_FORMER_KEY: &str = "SELECT count(*) FROM audit_events WHERE event = 'sign_in' AND code = 'legacy_uid'";

/// Makes the provider return this profile for every code.
fn profile(double: &Double, at: usize, profile: &Value) {
    let (provider, token, userinfo, ..) = WITH_NAME[at];
    let answer = match provider {
        "deezer" => Reply::of(200, "text/plain", "access_token=at&expires=3600"),
        "qiita" => Reply::json(&json!({"token": "at"})),
        _ => Reply::json(&json!({"access_token": "at", "token_type": "Bearer", "expires_in": 3600})),
    };
    double.always(&format!("POST {token}"), answer);
    double.always(&format!("GET {userinfo}"), Reply::json(profile));
}

async fn signed_in(app: &TestApp, provider: &str, code: &str) -> Value {
    app.client().login(&format!("token_user/{provider}"), json!({"code": code})).await.ok()
}

async fn fault_a1_chosen_name_does_not_match_another_users_stable_id(engine: Engine) {
    for until in ["", "2999-01-01"] {
        let app = plan(engine).with("LEGACY_UIDS_UNTIL", until).start().await;
        for (at, (provider, _, _, id, name)) in WITH_NAME.into_iter().enumerate() {
            for (n, stable) in ["victim-1", "00uVICTIM", "4711"].into_iter().enumerate() {
                profile(&app.double, at, &json!({id: stable, name: "victim"}));
                let victim = signed_in(&app, provider, &format!("v{n}")).await;
                // The attacker's name equals the victim's id, then the victim's name.
                for (m, called) in [stable, "victim"].into_iter().enumerate() {
                    profile(&app.double, at, &json!({id: format!("attacker-{n}-{m}"), name: called}));
                    let attacker = signed_in(&app, provider, &format!("a{n}{m}")).await;
                    assert_ne!(attacker["id"], victim["id"], "{provider}: {called}, until {until:?}");
                }
                profile(&app.double, at, &json!({id: stable, name: "renamed"}));
                let again = signed_in(&app, provider, &format!("b{n}")).await;
                assert_eq!(again["id"], victim["id"], "{provider}: the victim still signs in");
            }
        }
    }
}

/// Turns the account into one that the import stored under a legacy uid.
async fn make_legacy(app: &TestApp, uid: &str, extra_data: &str) {
    let sql = format!(
        "UPDATE social_accounts SET uid = '{uid}', uid_scope = '', legacy_uid = true, extra_data = '{extra_data}'"
    );
    app.database.run(&sql).await;
}

async fn fault_a1_imported_account_matches_its_legacy_uid_until_the_date(engine: Engine) {
    for (until, is_found) in [("", false), ("2001-01-01", false), ("2999-01-01", true)] {
        let app = plan(engine).with("LEGACY_UIDS_UNTIL", until).start().await;
        profile(&app.double, 0, &json!({"sub": "00u1", "preferred_username": "ada"}));
        let owner = signed_in(&app, "okta-oauth2", "c1").await;
        make_legacy(&app, "ada", "{}").await;
        let found = signed_in(&app, "okta-oauth2", "c2").await;
        assert_eq!(found["id"] == owner["id"], is_found, "until {until:?}");
        let marked = "SELECT count(*) FROM social_accounts WHERE legacy_uid";
        assert_eq!(
            app.database.number(marked).await,
            i64::from(!is_found),
            "legacy_uid is cleared with the legacy uid"
        );
        assert_eq!(app.database.number(BY_FORMER_KEY).await, i64::from(is_found), "the audit log says so");
        if is_found {
            // Once the account has its stable id, the name matches no account.
            profile(&app.double, 0, &json!({"sub": "00u2", "preferred_username": "ada"}));
            assert_ne!(signed_in(&app, "okta-oauth2", "c3").await["id"], owner["id"]);
        }
    }
}

/// The legacy uid of an imported account may equal another user's stable id.
async fn fault_a1_stable_id_does_not_match_a_legacy_name(engine: Engine) {
    for (until, is_found) in [("", false), ("2001-01-01", false), ("2999-01-01", true)] {
        let app = plan(engine).with("LEGACY_UIDS_UNTIL", until).start().await;
        profile(&app.double, 1, &json!({"id": "x1", "username": "x2abc9"}));
        let owner = signed_in(&app, "dailymotion", "c1").await;
        make_legacy(&app, "x2abc9", r#"{"id": ""}"#).await;
        profile(&app.double, 1, &json!({"id": "x2abc9", "username": "ada"}));
        let other = signed_in(&app, "dailymotion", "c2").await;
        assert_eq!(other["id"] == owner["id"], is_found, "until {until:?}");
        assert_eq!(app.database.number(BY_FORMER_KEY).await, i64::from(is_found), "the audit log says so");
    }
    // When the account's extra data has the stable id, it decides at any time.
    let app = plan(engine).start().await;
    profile(&app.double, 1, &json!({"id": "x9", "username": "bob"}));
    let owner = signed_in(&app, "dailymotion", "c1").await;
    make_legacy(&app, "x9", r#"{"id": "x9"}"#).await;
    assert_eq!(signed_in(&app, "dailymotion", "c2").await["id"], owner["id"]);
}

async fn fault_a1_legacy_uid_matches_only_with_the_same_stable_id(engine: Engine) {
    let app = plan(engine).with("LEGACY_UIDS_UNTIL", "2999-01-01").start().await;
    profile(&app.double, 1, &json!({"id": "x1", "username": "ada"}));
    let owner = signed_in(&app, "dailymotion", "c1").await;
    make_legacy(&app, "ada", r#"{"id": "x1"}"#).await;
    // Another user has taken the name since.
    profile(&app.double, 1, &json!({"id": "x2", "username": "ada"}));
    assert_ne!(signed_in(&app, "dailymotion", "c2").await["id"], owner["id"]);
    profile(&app.double, 1, &json!({"id": "x1", "username": "ada"}));
    assert_eq!(signed_in(&app, "dailymotion", "c3").await["id"], owner["id"]);
}

/// SciStarter does not say whether an address is verified, so another user can enter that of the imported user there.
async fn an_unverified_address_finds_no_imported_account(engine: Engine) {
    for (accepts, is_found) in [("", false), ("true", true)] {
        let app = TestApp::builder(engine)
            .with("LEGACY_UIDS_UNTIL", "2999-01-01")
            .with("SOCIAL_AUTH_SCISTARTER_KEY", CLIENT_ID)
            .with("SOCIAL_AUTH_SCISTARTER_SECRET", "client-secret-5f2d7c")
            .with("SOCIAL_AUTH_SCISTARTER_LEGACY_UIDS_ACCEPT_UNVERIFIED_EMAIL", accepts)
            .start()
            .await;
        let profile = |id: &str| json!({"profile_id": id, "handle": id, "email": "ada@company.example"});
        app.double.always("POST scistarter.com/token", Reply::json(&json!({"access_token": "at"})));
        app.double.always("GET scistarter.com/api/user_info", Reply::json(&profile("p1")));
        let owner = signed_in(&app, "scistarter", "c1").await;
        make_legacy(&app, "ada@company.example", "{}").await;
        app.double.always("GET scistarter.com/api/user_info", Reply::json(&profile("p2")));
        let found = signed_in(&app, "scistarter", "c2").await;
        assert_eq!(found["id"] == owner["id"], is_found, "accepts {accepts:?}");
        assert_eq!(app.database.number(BY_FORMER_KEY).await, i64::from(is_found), "the audit log says so");
    }
}

async fn fault_a1_changed_id_key_does_not_match_earlier_accounts(engine: Engine) {
    let app = plan(engine).start().await;
    profile(&app.double, 0, &json!({"sub": "victim", "preferred_username": "v"}));
    signed_in(&app, "okta-oauth2", "c1").await;
    let node = app.start_node_with(&[("SOCIAL_AUTH_OKTA_OAUTH2_ID_KEY", "preferred_username")]).await;
    profile(&app.double, 0, &json!({"sub": "attacker", "preferred_username": "victim"}));
    at(&node, "okta-oauth2", "c2").await.problem(403, "not_allowed");
    assert_eq!(app.database.count("users").await, 1);
}

async fn at(node: &Node, provider: &str, code: &str) -> Answer {
    node.client().login(&format!("token_user/{provider}"), json!({"code": code})).await
}

/// Microsoft's multi-tenant endpoints. The code selects the tenant.
fn microsoft(app: &TestApp, subject: &'static str) {
    microsoft_at(app, subject, |tenant| format!("https://sts.windows.net/{tenant}/"));
}

fn microsoft_at(app: &TestApp, subject: &'static str, issuer: fn(&str) -> String) {
    let document = json!({
        "issuer": issuer("{tenantid}"),
        "authorization_endpoint": "https://login.microsoftonline.com/common/oauth2/authorize",
        "token_endpoint": "https://login.microsoftonline.com/common/oauth2/token",
        "jwks_uri": "https://login.microsoftonline.com/common/discovery/keys",
    });
    let place = "GET login.microsoftonline.com/common/.well-known/openid-configuration";
    app.double.always(place, Reply::json(&document));
    app.double.on("GET login.microsoftonline.com/common/discovery/keys", |_| Reply::json(&signer::jwks()));
    let fake_users = app.fake_users.clone();
    app.double.on("POST login.microsoftonline.com/common/oauth2/token", move |call| {
        let code = call.field("code").unwrap_or_default();
        let tenant = code.split('-').next().unwrap_or_default();
        let mut claims = fake_users.id_token_claims("u1", None, "at");
        claims["iss"] = issuer(tenant).into();
        claims["tid"] = tenant.into();
        claims["sub"] = subject.into();
        Reply::json(&json!({"access_token": "at", "token_type": "Bearer", "expires_in": 3600,
            "id_token": signer::signed(&claims)}))
    });
}

/// Microsoft's login, with one subject in every tenant.
async fn with_tenants(engine: Engine) -> TestApp {
    let plan = TestApp::builder(engine).with("SOCIAL_AUTH_AZUREAD_OAUTH2_KEY", CLIENT_ID);
    let app = plan.with("SOCIAL_AUTH_AZUREAD_OAUTH2_SECRET", "client-secret-5f2d7c").start().await;
    microsoft(&app, "subject-1");
    app
}

async fn fault_a15_same_subject_in_two_tenants_is_two_users(engine: Engine) {
    let app = with_tenants(engine).await;
    let first = signed_in(&app, "azuread-oauth2", "tenant1-a").await;
    let second = signed_in(&app, "azuread-oauth2", "tenant2-a").await;
    assert_ne!(first["id"], second["id"]);
    assert_eq!(signed_in(&app, "azuread-oauth2", "tenant1-b").await["id"], first["id"]);
    assert_eq!(signed_in(&app, "azuread-oauth2", "tenant2-b").await["id"], second["id"]);
}

/// Django does not store the tenant. An account of another tenant has the same subject.
async fn fault_a15_imported_account_without_tenant_matches_only_the_imported_tenant(engine: Engine) {
    let app = with_tenants(engine).await;
    let owner = signed_in(&app, "azuread-oauth2", "tenant1-a").await;
    let forget = "UPDATE social_accounts SET uid_scope = ''";
    app.database.run(forget).await;
    for code in ["tenant1-b", "tenant2-b"] {
        at(&app.node, "azuread-oauth2", code).await.problem(403, "not_allowed");
    }
    assert_eq!(app.database.count("users").await, 1);
    assert_eq!(app.database.number("SELECT count(*) FROM social_accounts WHERE uid_scope = ''").await, 1);
    let node = app.start_node_with(&[("SOCIAL_AUTH_AZUREAD_OAUTH2_IMPORTED_TENANT", "TENANT1")]).await;
    at(&node, "azuread-oauth2", "tenant2-c").await.problem(403, "not_allowed");
    assert_eq!(at(&node, "azuread-oauth2", "tenant1-c").await.ok()["id"], owner["id"]);
    // From now on the account has its tenant.
    assert_eq!(signed_in(&app, "azuread-oauth2", "tenant1-d").await["id"], owner["id"]);
    assert_ne!(signed_in(&app, "azuread-oauth2", "tenant2-d").await["id"], owner["id"]);
}

async fn fault_a15_tenant_users_match_under_each_issuer_of_the_tenant(engine: Engine) {
    let app = with_tenants(engine).await;
    let first = signed_in(&app, "azuread-oauth2", "tenant1-a").await;
    let second = signed_in(&app, "azuread-oauth2", "tenant2-a").await;
    // As an earlier release stored them: by the issuer of the ID token.
    for tenant in ["tenant1", "tenant2"] {
        let (old, new) = (format!("sub https://sts.windows.net/{tenant}"), format!("sub {tenant}"));
        let change = format!("UPDATE social_accounts SET uid_scope = '{old}' WHERE uid_scope = '{new}'");
        app.database.run(&change).await;
    }
    let v2 = "https://login.microsoftonline.com/{tenantid}/v2.0";
    let node = app.start_node_with(&[("SOCIAL_AUTH_AZUREAD_OAUTH2_ID_TOKEN_ISSUER", v2)]).await;
    microsoft_at(&app, "subject-1", |tenant| format!("https://login.microsoftonline.com/{tenant}/v2.0"));
    assert_eq!(at(&node, "azuread-oauth2", "tenant1-b").await.ok()["id"], first["id"]);
    assert_eq!(at(&node, "azuread-oauth2", "tenant2-b").await.ok()["id"], second["id"]);
    assert_eq!(app.database.count("users").await, 2);
}

/// The provider `oidc` with another issuer, whose users have the same subjects.
fn second_issuer(app: &TestApp) {
    const ISSUER: &str = "https://other.example";
    let document = json!({
        "issuer": ISSUER,
        "authorization_endpoint": "https://other.example/authorize",
        "token_endpoint": "https://other.example/token",
        "userinfo_endpoint": "https://other.example/userinfo",
        "jwks_uri": "https://other.example/keys",
        "id_token_signing_alg_values_supported": ["RS256"],
    });
    app.double.always("GET other.example/.well-known/openid-configuration", Reply::json(&document));
    app.double.on("GET other.example/keys", |_| Reply::json(&signer::jwks()));
    let fake_users = app.fake_users.clone();
    app.double.on("POST other.example/token", move |call| {
        let mut claims = fake_users.id_token_claims(&call.field("code").unwrap_or_default(), None, "at");
        claims["iss"] = ISSUER.into();
        let claims = signer::signed(&claims);
        Reply::json(&json!({"access_token": "at", "token_type": "Bearer", "expires_in": 3600, "id_token": claims}))
    });
    let fake_users = app.fake_users.clone();
    app.double.on("GET other.example/userinfo", move |_| {
        let claims = fake_users.id_token_claims("u1", None, "at");
        Reply::json(&json!({"sub": claims["sub"], "preferred_username": "other"}))
    });
}

async fn fault_a15_changed_issuer_does_not_match_earlier_accounts(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    let owner = signed_in(&app, "oidc", "u1").await;
    second_issuer(&app);
    let moved = ("SOCIAL_AUTH_OIDC_OIDC_ENDPOINT", "https://other.example");
    let node = app.start_node_with(&[moved]).await;
    at(&node, "oidc", "u01").await.problem(403, "not_allowed");
    assert_eq!(app.database.count("users").await, 1);
    // FORMER_ISSUERS declares that the users are the same, with or without a trailing slash.
    let former = ("SOCIAL_AUTH_OIDC_FORMER_ISSUERS", "https://id.example/");
    let node = app.start_node_with(&[moved, former]).await;
    assert_eq!(at(&node, "oidc", "u001").await.ok()["id"], owner["id"]);
    at(&app.node, "oidc", "u0001").await.problem(403, "not_allowed");
}

async fn fault_a15_account_without_uid_scope_gets_it_at_the_next_login(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    let owner = signed_in(&app, "oidc", "u1").await;
    app.database.run("UPDATE social_accounts SET uid_scope = ''").await;
    assert_eq!(signed_in(&app, "oidc", "u01").await["id"], owner["id"]);
    let known = "SELECT count(*) FROM social_accounts WHERE uid_scope = 'sub https://id.example'";
    assert_eq!(app.database.number(known).await, 1);
}

async fn fault_a1_a15_doctor_reports_accounts_that_cannot_sign_in(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    signed_in(&app, "oidc", "u1").await;
    app.login("token", "u1").await.ok();
    app.database.run("UPDATE social_accounts SET legacy_uid = true, uid_scope = '' WHERE provider = 'github'").await;
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let said = |endpoint: &str, until: &str| {
        let environment = [
            ("SECRET_KEY", crate::support::test_app::SECRET_KEY),
            ("PUBLIC_URL", "https://login.example"),
            ("DATABASE_URL", app.database.url()),
            ("HTTPS_PROXY", app.double.proxy()),
            ("SOCIAL_AUTH_OIDC_KEY", CLIENT_ID),
            ("SOCIAL_AUTH_OIDC_SECRET", "client-secret-5f2d7c"),
            ("SOCIAL_AUTH_OIDC_OIDC_ENDPOINT", endpoint),
            ("LEGACY_UIDS_UNTIL", until),
        ];
        String::from_utf8_lossy(&process::run(&["doctor", "--json"], &environment, folder.path()).stdout).into_owned()
    };
    let (same, other, open) = tokio::task::block_in_place(|| {
        (said("https://id.example", ""), said("https://other.example", ""), said("https://id.example", "2999-01-01"))
    });
    assert!(!same.contains("FORMER_ISSUERS") && same.contains("no login finds 1 imported accounts"), "{same}");
    assert!(other.contains("`sub https://id.example`") && other.contains("FORMER_ISSUERS"), "{other}");
    assert!(open.contains("until 2999-01-01"), "{open}");
}

async fn fault_a22_id_token_is_accepted_once_per_client(engine: Engine) {
    // Two providers with one client id: `oidc`, and one that extends it.
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let file = folder.path().join("settings.toml");
    let own = format!(
        "[providers.second]\nextends = \"oidc\"\noidc_endpoint = \"https://id.example\"\nkey = \"{CLIENT_ID}\"\nsecret = \"s\"\n"
    );
    std::fs::write(&file, own).expect("a file");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("rights");
    let app = TestApp::builder(engine).oidc().with_builder(move |builder| builder.settings_file(&file)).start().await;
    let token = signer::signed(&app.fake_users.id_token_claims("u7", None, ""));
    app.client().login("token/oidc", json!({"id_token": token})).await.ok();
    let again = app.client().login("token/second", json!({"id_token": token})).await;
    again.problem(400, "code_already_used");
    assert!(app.double.calls_at(OIDC_TOKEN).is_empty());
    assert_eq!(app.database.count("users").await, 1);
}

async fn fault_d5_mailchimp_rejects_the_id_of_a_shared_account(engine: Engine) {
    let plan =
        TestApp::builder(engine).with("SOCIAL_AUTH_MAILCHIMP_KEY", CLIENT_ID).with("SOCIAL_AUTH_MAILCHIMP_SECRET", "s");
    let app = plan.start().await;
    let token = json!({"access_token": "at", "expires_in": 0, "scope": null});
    app.double.always("POST login.mailchimp.com/oauth2/token", Reply::json(&token));
    let metadata = |answer: Value| app.double.always("GET login.mailchimp.com/oauth2/metadata", Reply::json(&answer));
    let incomplete = [
        json!({"login": {}}),
        json!({"user_id": null, "login": {"login_id": null}}),
        json!({"user_id": "", "login": {"login_id": ""}}),
        json!({"user_id": "acme", "login": {"login_id": ""}}),
        json!({"user_id": "acme", "login": {}}),
        json!({"accountname": "acme"}),
    ];
    for (n, without) in incomplete.into_iter().enumerate() {
        metadata(without.clone());
        let answer = app.client().login("token/mailchimp", json!({"code": format!("c{n}")})).await;
        assert_eq!(answer.status, 502, "{without}: {}", answer.text);
    }
    assert_eq!(app.database.count("users").await, 0);
    let shared =
        TestApp::builder(engine).with("SOCIAL_AUTH_MAILCHIMP_KEY", CLIENT_ID).with("SOCIAL_AUTH_MAILCHIMP_SECRET", "s");
    let mistakes = shared.with("SOCIAL_AUTH_MAILCHIMP_ID_KEY", "user_id").try_start().await.err().expect("a mistake");
    assert!(mistakes.iter().any(|mistake| mistake.name == "SOCIAL_AUTH_MAILCHIMP_ID_KEY"), "{mistakes:?}");
}

const BY_ADDRESS: (&str, &str) = ("SOCIAL_AUTH_OIDC_ID_KEY", "email");

/// Signs in at `oidc` as a user with this subject and address.
async fn with_address(app: &TestApp, code: &str, subject: &str, address: &str, verified: Value) -> Answer {
    let profile = json!({"sub": subject, "email": address, "email_verified": verified, "preferred_username": subject});
    app.fake_users.set_profile("oidc", code, profile);
    app.client().login("token_user/oidc", json!({"code": code})).await
}

async fn fault_a6_an_unverified_address_does_not_sign_in_as_its_user(engine: Engine) {
    const CEO: &str = "ceo@corp.example";
    let app = TestApp::builder(engine).oidc().with(BY_ADDRESS.0, BY_ADDRESS.1).start().await;
    let ceo = with_address(&app, "u1", "ceo", CEO, json!(true)).await.ok();
    for (n, unverified) in [json!(false), json!(null), json!("false"), json!(0)].into_iter().enumerate() {
        with_address(&app, &format!("u{}", n + 2), "eve", CEO, unverified).await.problem(403, "not_allowed");
    }
    assert_eq!(with_address(&app, "u9", "renamed", CEO, json!(true)).await.ok()["id"], ceo["id"]);
    assert_eq!(app.database.count("users").await, 1);
}

async fn fault_a12_an_address_as_uid_is_one_user_in_every_spelling(engine: Engine) {
    let app = TestApp::builder(engine).oidc().with(BY_ADDRESS.0, BY_ADDRESS.1).start().await;
    let ceo = with_address(&app, "u1", "ceo", "CEO@Corp.example", json!(true)).await.ok();
    assert_eq!(with_address(&app, "u2", "ceo", "ceo@corp.example", json!(true)).await.ok()["id"], ceo["id"]);
    let uid = "SELECT uid FROM social_accounts";
    assert_eq!(app.database.text(uid).await, "ceo@corp.example");
    // As an import stores it: the spelling that the provider sends, and another one.
    for (n, sent) in ["CEO@corp.Example", "ceo@corp.example"].into_iter().enumerate() {
        let imported = "UPDATE social_accounts SET uid = 'CEO@corp.Example', uid_scope = '', extra_data = '{}'";
        app.database.run(imported).await;
        let found = with_address(&app, &format!("u{}", n + 3), "ceo", sent, json!(true)).await.ok();
        assert_eq!(found["id"], ceo["id"], "{sent}");
        assert_eq!(app.database.text(uid).await, "ceo@corp.example", "the login stores the normal form");
    }
    // Another address is another user.
    assert_ne!(with_address(&app, "u9", "coo", "coo@corp.example", json!(true)).await.ok()["id"], ceo["id"]);
    // Nor does an account under a former key, which no login finds, replace the one in another spelling.
    let imported = "UPDATE social_accounts SET uid = 'CEO@corp.Example', uid_scope = '' WHERE uid = 'ceo@corp.example'";
    app.database.run(imported).await;
    let former = "UPDATE social_accounts SET uid = 'ceo@corp.example', uid_scope = '', legacy_uid = true, \
                  extra_data = '{}' WHERE uid = 'coo@corp.example'";
    app.database.run(former).await;
    let found = with_address(&app, "u10", "ceo", "ceo@corp.example", json!(true)).await.ok();
    assert_eq!(found["id"], ceo["id"]);
}

/// An administrator of any tenant of Microsoft can create a group of any name.
async fn fault_a6_a_group_of_another_tenant_does_not_count(engine: Engine) {
    let plan = TestApp::builder(engine)
        .with("SOCIAL_AUTH_AZUREAD_OAUTH2_KEY", CLIENT_ID)
        .with("SOCIAL_AUTH_AZUREAD_OAUTH2_SECRET", "client-secret-5f2d7c")
        .with("SOCIAL_AUTH_AZUREAD_OAUTH2_AUTHORITY_URL", "https://login.microsoftonline.com/common")
        .with("SOCIAL_AUTH_AZUREAD_OAUTH2_ALLOW_GROUPS", "admins");
    let app = plan.start().await;
    app.fake_users.change_claims(|claims| claims["groups"] = json!(["admins"]));
    microsoft(&app, "subject-1");
    at(&app.node, "azuread-oauth2", "evil-a").await.problem(403, "not_allowed");
    let tenant = ("SOCIAL_AUTH_AZUREAD_OAUTH2_ALLOWED_ORGANIZATIONS", "tenant1");
    let node = app.start_node_with(&[tenant]).await;
    at(&node, "azuread-oauth2", "evil-b").await.problem(403, "organization_not_allowed");
    at(&node, "azuread-oauth2", "tenant1-a").await.ok();
    assert_eq!(app.database.count("users").await, 1);
}

async fn sec_25_an_account_that_no_login_finds_does_not_count(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    let user = format!("Token {}", app.token("token", "u1").await);
    app.link("token/oidc", &user, "u1").await.ok();
    second_issuer(&app);
    let moved = ("SOCIAL_AUTH_OIDC_OIDC_ENDPOINT", "https://other.example");
    let former = ("SOCIAL_AUTH_OIDC_FORMER_ISSUERS", "https://id.example");
    let unlink = async |node: &Node| {
        let request = node.client().request("DELETE", "/api/user/social/1/");
        request.header("authorization", &user).send().await
    };
    // The account of the former issuer, and one under a key of an earlier release.
    let node = app.start_node_with(&[moved]).await;
    unlink(&node).await.problem(409, "last_login_method");
    app.database.run("UPDATE social_accounts SET legacy_uid = true WHERE provider = 'oidc'").await;
    app.database.run("UPDATE social_accounts SET extra_data = '{}' WHERE provider = 'oidc'").await;
    unlink(&app.node).await.problem(409, "last_login_method");
    app.database.run("UPDATE social_accounts SET legacy_uid = false").await;
    // A login at this node finds it.
    let node = app.start_node_with(&[moved, former]).await;
    assert_eq!(unlink(&node).await.status, 204);
    assert_eq!(app.database.count("social_accounts").await, 1);
}
