//! Accounts linked by an unverified e-mail address, or by a proof that belongs to another account.

use rest_social_auth::async_trait;
use rest_social_auth::login::{Draft, InputField, Step, Stop};
use serde_json::{Value, json};

use super::{
    BY_EMAIL, begin_link, configured, credential, google_profile, link, linked_accounts, linking_by_email,
    oidc_profile, sign_in,
};
use crate::pending_logins::{WITH_TERMS, flow_token, resume};
use crate::support::{Engine, Reply, TestApp, on_both_databases};

on_both_databases! {
    cve_2026_41574_nhost_unverified_email_does_not_link,
    cve_2026_44166_pocketbase_pre_registered_email_does_not_hijack_its_owner,
    cve_2026_53516_better_auth_stored_unverified_email_does_not_link,
    cve_2026_92161_flarum_request_fields_do_not_change_the_profile,
    cve_2026_34456_reviactyl_equal_email_does_not_link_by_default,
    cve_2025_61783_social_app_django_insert_conflict_does_not_link,
    cve_2026_9087_keycloak_pending_login_is_bound_to_its_account,
    cve_2026_27946_zitadel_user_cannot_mark_an_email_as_verified,
}

/// The answers of a provider for the attacker, whose profile contains the victim's address unverified.
struct UnverifiedEmail {
    provider: &'static str,
    settings: &'static [(&'static str, &'static str)],
    answers: Vec<(&'static str, Value)>,
}

const VICTIM: &str = "user1@example.com";

fn token() -> Value {
    json!({"access_token": "a1", "token_type": "Bearer"})
}

fn unverified_emails() -> Vec<UnverifiedEmail> {
    let entry = |provider, answers| UnverifiedEmail { provider, settings: &[], answers };
    let discord = |verified: Value| {
        let me = json!({"id": "666", "username": "eve", "email": VICTIM, "verified": verified});
        entry("discord", vec![("POST discord.com/api/oauth2/token", token()), ("GET discord.com/api/users/@me", me)])
    };
    let bitbucket = |addresses: Value| {
        let me = json!({"uuid": "{666}", "username": "eve", "display_name": "Eve"});
        entry(
            "bitbucket-oauth2",
            vec![
                ("POST bitbucket.org/site/oauth2/access_token", token()),
                ("GET api.bitbucket.org/2.0/user/emails", json!({"values": addresses})),
                ("GET api.bitbucket.org/2.0/user", me),
            ],
        )
    };
    let github = |addresses: Value| {
        let me = json!({"id": 666, "login": "eve", "email": null});
        entry(
            "github",
            vec![
                ("POST github.com/login/oauth/access_token", token()),
                ("GET api.github.com/user", me),
                ("GET api.github.com/user/emails", addresses),
            ],
        )
    };
    let gitlab = |confirmed: Value| {
        let me = json!({"id": 666, "username": "eve", "email": VICTIM, "confirmed_at": confirmed});
        entry("gitlab", vec![("POST gitlab.com/oauth/token", token()), ("GET gitlab.com/api/v4/user", me)])
    };
    let dropbox = |verified: Value| {
        let me = json!({"account_id": "dbid:666", "email": VICTIM, "email_verified": verified, "name": {}});
        entry(
            "dropbox-oauth2",
            vec![
                ("POST api.dropboxapi.com/oauth2/token", token()),
                ("POST api.dropboxapi.com/2/users/get_current_account", me),
            ],
        )
    };
    vec![
        discord(json!(false)),
        discord(Value::Null),
        discord(json!("false")),
        bitbucket(json!([{"email": VICTIM, "is_primary": true, "is_confirmed": false}])),
        bitbucket(json!([{"email": VICTIM, "is_primary": false, "is_confirmed": false}])),
        bitbucket(json!([{"email": VICTIM, "is_primary": true}])),
        github(json!([{"email": VICTIM, "primary": true, "verified": false}])),
        github(json!([{"email": VICTIM, "primary": false, "verified": true}])),
        github(json!([VICTIM])),
        gitlab(Value::Null),
        gitlab(json!("")),
        dropbox(json!(false)),
        dropbox(json!("no")),
        entry(
            "microsoft-graph",
            vec![
                ("POST login.microsoftonline.com/common/oauth2/v2.0/token", token()),
                ("GET graph.microsoft.com/v1.0/me", json!({"id": "666", "userPrincipalName": "eve", "mail": VICTIM})),
            ],
        ),
        entry(
            "spotify",
            vec![
                ("POST accounts.spotify.com/api/token", token()),
                ("GET api.spotify.com/v1/me", json!({"id": "eve", "email": VICTIM})),
            ],
        ),
        entry(
            "patreon",
            vec![
                ("POST www.patreon.com/api/oauth2/token", token()),
                (
                    "GET www.patreon.com/api/oauth2/v2/identity",
                    json!({"data": {"id": "666", "attributes": {"full_name": "Eve", "email": VICTIM, "is_email_verified": false}}}),
                ),
            ],
        ),
        entry(
            "zoom-oauth2",
            vec![
                ("POST zoom.us/oauth/token", token()),
                ("GET api.zoom.us/v2/users/me", json!({"id": "666", "email": VICTIM, "verified": 0})),
            ],
        ),
    ]
}

/// Nhost linked by address, but its adapters for Discord, Bitbucket and Microsoft ignored that the provider marked it as
/// unverified. Here the mark is read for each provider, a missing mark means unverified, and such an address does not link.
async fn cve_2026_41574_nhost_unverified_email_does_not_link(engine: Engine) {
    for (n, UnverifiedEmail { provider, settings, answers }) in unverified_emails().into_iter().enumerate() {
        let plan = linking_by_email(engine, &format!("google-oauth2,{provider}"));
        let app = configured(plan, provider, settings).start().await;
        app.fake_users.set_profile("google-oauth2", "u1", google_profile("1", VICTIM));
        let victim = credential(&sign_in(&app, "google-oauth2", "u1").await);
        for (place, answer) in answers {
            app.double.always(place, Reply::json(&answer));
        }
        let attacker = sign_in(&app, provider, "u6").await;
        // Without an address the login creates another user; with an unverified address it is refused.
        assert!(attacker.status == 409 || attacker.status == 200, "{n} {provider}: {}", attacker.text);
        if attacker.status == 200 {
            assert_ne!(attacker.ok()["id"], json!(1), "{n} {provider}: {}", attacker.text);
        }
        let google = vec![("google-oauth2".to_owned(), "1".to_owned())];
        assert_eq!(linked_accounts(&app, &victim).await, google, "{n} {provider}");
    }
    // With a verified address, the same provider links.
    let plan = configured(linking_by_email(engine, "google-oauth2,discord"), "discord", &[]);
    let app = plan.start().await;
    app.fake_users.set_profile("google-oauth2", "u1", google_profile("1", VICTIM));
    let victim = sign_in(&app, "google-oauth2", "u1").await.ok();
    let me = json!({"id": "10", "username": "user1", "email": VICTIM, "verified": true});
    app.double.always("POST discord.com/api/oauth2/token", Reply::json(&token()));
    app.double.always("GET discord.com/api/users/@me", Reply::json(&me));
    assert_eq!(sign_in(&app, "discord", "u1").await.ok()["id"], victim["id"]);
}

/// PocketBase accepted any address at sign-up and linked the owner of that address to the attacker's account when the owner
/// signed in by another provider; both had access. Here an unverified address neither links nor locks out its owner.
async fn cve_2026_44166_pocketbase_pre_registered_email_does_not_hijack_its_owner(engine: Engine) {
    let pre_registration = |app: &TestApp| {
        app.fake_users.set_profile("github", "u6", json!({"id": 66, "login": "eve", "email": VICTIM}));
        // `createData` is the field that PocketBase read; fields of the body do not set user data.
        json!({"code": "u6", "createData": {"email": VICTIM, "verified": true}, "email": VICTIM, "email_verified": true})
    };
    // Default settings: the owner is not locked out.
    let app = TestApp::builder(engine).oidc().start().await;
    let body = pre_registration(&app);
    let attacker = app.client().login("token_user/github", body).await;
    let owner = sign_in(&app, "oidc", "u1").await;
    assert_ne!(owner.ok()["id"], attacker.ok()["id"]);
    assert_eq!(linked_accounts(&app, &credential(&attacker)).await.len(), 1);
    assert_eq!(linked_accounts(&app, &credential(&owner)).await.len(), 1);
    // Linking by address with every provider trusted: the owner is not linked to the attacker's user, and the attacker gets no
    // access to the owner's accounts.
    let app = linking_by_email(engine, "github,google-oauth2,oidc").start().await;
    let body = pre_registration(&app);
    let attacker = app.client().login("token_user/github", body).await;
    let owner = sign_in(&app, "oidc", "u1").await;
    assert!(owner.status == 409 || owner.ok()["id"] != attacker.ok()["id"], "{}", owner.text);
    let github = vec![("github".to_owned(), "66".to_owned())];
    assert_eq!(linked_accounts(&app, &credential(&attacker)).await, github);
    // In the other order, the attacker is not linked to the owner's user either.
    let app = linking_by_email(engine, "github,google-oauth2,oidc").start().await;
    let owner = sign_in(&app, "oidc", "u1").await;
    let body = pre_registration(&app);
    let attacker = app.client().login("token_user/github", body).await;
    assert!(attacker.status == 409 || attacker.ok()["id"] != owner.ok()["id"], "{}", attacker.text);
    assert_eq!(linked_accounts(&app, &credential(&owner)).await.len(), 1);
}

/// Better Auth checked that the provider had verified the address, but not that the stored user's address was verified, so the
/// victim was linked to an earlier sign-up with the victim's address. Here a trusted provider must have verified both.
async fn cve_2026_53516_better_auth_stored_unverified_email_does_not_link(engine: Engine) {
    // (source of the stored address, profile, provider, whether the owner's login is linked)
    let cases = [
        ("sent by github", json!({"id": 66, "login": "eve", "email": VICTIM}), "github", false),
        ("unverified at oidc", json!({"sub": "66", "email": VICTIM, "email_verified": false}), "oidc", false),
        ("oidc without email_verified", json!({"sub": "66", "email": VICTIM}), "oidc", false),
        ("verified by oidc", json!({"sub": "66", "email": VICTIM, "email_verified": true}), "oidc", true),
    ];
    for (source, profile, provider, is_linked) in cases {
        let app = linking_by_email(engine, "google-oauth2,oidc,github").start().await;
        app.fake_users.set_profile(provider, "u6", profile);
        let stored = sign_in(&app, provider, "u6").await;
        app.fake_users.set_profile("google-oauth2", "u1", google_profile("1", VICTIM));
        let owner = sign_in(&app, "google-oauth2", "u1").await;
        assert_eq!(owner.status, if is_linked { 200 } else { 409 }, "{source}: {}", owner.text);
        let accounts = linked_accounts(&app, &credential(&stored)).await;
        assert_eq!(accounts.len(), 1 + usize::from(is_linked), "{source}: {accounts:?}");
    }
    // An address that the user entered is unverified, whatever the provider verified before.
    let plan = linking_by_email(engine, "google-oauth2,oidc");
    let app = plan.with("REST_SOCIAL_EDITABLE_USER_FIELDS", "email").start().await;
    app.fake_users.set_profile("oidc", "u6", oidc_profile("66", "eve@example.com"));
    let stored = sign_in(&app, "oidc", "u6").await;
    let change = app.client().request("PATCH", "/api/user/").header("authorization", credential(&stored));
    change.json(&json!({"email": VICTIM})).send().await.ok();
    app.fake_users.set_profile("google-oauth2", "u1", google_profile("1", VICTIM));
    sign_in(&app, "google-oauth2", "u1").await.problem(409, "account_exists");
    assert_eq!(linked_accounts(&app, &credential(&stored)).await.len(), 1);
}

/// Flarum (SEC-23) treated an address from the request as one that the provider had verified. Here no field of a request becomes
/// part of the profile.
async fn cve_2026_92161_flarum_request_fields_do_not_change_the_profile(engine: Engine) {
    let app = linking_by_email(engine, "google-oauth2,oidc,github").start().await;
    let victim = sign_in(&app, "oidc", "u1").await;
    let claims = json!({"sub": "s-1", "email": VICTIM, "email_verified": true});
    for (n, (name, value)) in [
        ("email", json!(VICTIM)),
        ("email_verified", json!(true)),
        ("emailVerified", json!(true)),
        ("user", json!({"email": VICTIM, "email_verified": true})),
        ("user", json!(json!({"email": VICTIM, "name": {"firstName": "Eve"}}).to_string())),
        ("profile", json!({"id": "s-1", "email": VICTIM})),
        ("details", json!({"email": VICTIM})),
        ("response", claims.clone()),
        ("userinfo", claims.clone()),
        ("access_token", json!("oidc-u1")),
        ("uid", json!("s-1")),
        ("id", json!("s-1")),
        ("sub", json!("s-1")),
        ("user_id", json!(1)),
    ]
    .into_iter()
    .enumerate()
    {
        let code = format!("u{}", 60 + n);
        for provider in ["github", "oidc"] {
            let mut body = json!({"code": code, "email": "another@example.com"});
            body[name] = value.clone();
            let attacker = app.client().login(&format!("token_user/{provider}"), body).await;
            // The user has the identity and the address of the provider's profile.
            if attacker.status == 200 {
                assert_ne!(attacker.ok()["id"], victim.ok()["id"], "{provider} {name}: {}", attacker.text);
                assert_eq!(attacker.field("email"), format!("user{}@example.com", 60 + n), "{provider} {name}");
            }
        }
    }
    assert_eq!(linked_accounts(&app, &credential(&victim)).await.len(), 1);
}

/// Reviactyl linked a social login to any local account with the same address. Here linking by address is off by default: two
/// accounts with one address are two users, in any order and even if the address is verified.
async fn cve_2026_34456_reviactyl_equal_email_does_not_link_by_default(engine: Engine) {
    let orders = [["google-oauth2", "oidc"], ["oidc", "google-oauth2"], ["github", "oidc"], ["oidc", "github"]];
    for [first, second] in orders {
        let app = TestApp::builder(engine).oidc().start().await;
        app.fake_users.set_profile("google-oauth2", "u1", google_profile("1", VICTIM));
        let owner = sign_in(&app, first, "u1").await;
        let other = sign_in(&app, second, "u1").await;
        assert_ne!(owner.ok()["id"], other.ok()["id"], "{first}, {second}");
        for login in [&owner, &other] {
            assert_eq!(linked_accounts(&app, &credential(login)).await.len(), 1, "{first}, {second}");
        }
        // Linking after signing in works.
        let third = if [first, second].contains(&"github") { "google-oauth2" } else { "github" };
        let linked = link(&app, &credential(&owner), third, "u01").await;
        assert_eq!(linked.ok()["id"], owner.ok()["id"], "{first}, {second}");
    }
}

/// After a conflict on insert, social-app-django looked up the user by address although linking by address was not in the
/// pipeline. Here a conflict of usernames, addresses or accounts leads to another user or a refusal, never to a link.
async fn cve_2025_61783_social_app_django_insert_conflict_does_not_link(engine: Engine) {
    // The same address and the same username, sequentially and concurrently.
    let app = TestApp::builder(engine).oidc().start().await;
    app.fake_users.set_profile("google-oauth2", "u1", google_profile("1", VICTIM));
    let owner = sign_in(&app, "google-oauth2", "u1").await;
    let same_name =
        json!({"sub": "666", "preferred_username": owner.field("username"), "email": VICTIM, "email_verified": true});
    app.fake_users.set_profile("oidc", "u6", same_name);
    let other = sign_in(&app, "oidc", "u6").await;
    assert_ne!(other.ok()["id"], owner.ok()["id"]);
    assert_ne!(other.field("username"), owner.field("username"), "usernames are unique");
    let (first, second) = (sign_in(&app, "github", "u7"), sign_in(&app, "facebook", "u7"));
    let (first, second) = tokio::join!(first, second);
    assert_ne!(first.ok()["id"], second.ok()["id"]);
    for login in [&owner, &other, &first, &second] {
        assert_eq!(linked_accounts(&app, &credential(login)).await.len(), 1);
    }
    // With a unique index on addresses, as an operator may add: refused.
    let app = TestApp::builder(engine).oidc().start().await;
    let owner = sign_in(&app, "github", "u1").await;
    app.database.run("CREATE UNIQUE INDEX one_user_of_an_address ON users (email)").await;
    let refused = sign_in(&app, "oidc", "u1").await;
    assert!(refused.status >= 400, "{}", refused.text);
    assert_eq!(linked_accounts(&app, &credential(&owner)).await.len(), 1);
    assert_eq!((app.database.count("users").await, app.database.count("social_accounts").await), (1, 1));
}

/// Asks for a proof that was sent to the user.
struct AskProof;

#[async_trait]
impl Step for AskProof {
    async fn run(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        match draft.answer("proof") {
            Some(proof) if *proof == "swordfish" => Ok(()),
            Some(_) => Err(Stop::invalid("proof", "The proof is wrong.")),
            None => Err(Stop::ask([InputField::text("proof", "Proof")])),
        }
    }
}

/// Keycloak stored the proof of an e-mail verification by user and provider, so a second account at the same provider could use
/// it and be linked to the victim. Here a pending login is bound to the account and the browser that it began with.
async fn cve_2026_9087_keycloak_pending_login_is_bound_to_its_account(engine: Engine) {
    let pipeline = WITH_TERMS.replace("terms", "ask_proof");
    let plan = TestApp::builder(engine).with("SOCIAL_AUTH_PIPELINE", &pipeline);
    let app = plan.with_builder(|builder| builder.step("ask_proof", AskProof)).start().await;
    let pending = async |code: &str| {
        let browser = app.browser();
        let begun = app.begin(&browser, "github", json!({})).await;
        let answer = browser.login("token_user/github", json!({"code": code, "state": begun.state})).await;
        let token = flow_token(&answer);
        (browser, token)
    };
    let (victim, victim_token) = pending("u1").await;
    let (attacker, attacker_token) = pending("u6").await;
    // Neither browser can resume the pending login of the other.
    let proof = || json!({"proof": "swordfish"});
    resume(&attacker, &victim_token, proof()).await.problem(400, "flow_mismatch");
    resume(&victim, &attacker_token, proof()).await.problem(400, "flow_mismatch");
    assert_eq!(app.database.count("users").await, 0);
    let done = resume(&victim, &victim_token, proof()).await;
    assert_eq!(done.field("username"), "user1");
    assert_eq!(linked_accounts(&app, &credential(&done)).await, [("github".to_owned(), "1".to_owned())]);
    // The completed login cannot be resumed again, and the attacker's pending login still needs its own proof.
    let again = resume(&attacker, &victim_token, proof()).await;
    assert!(again.status >= 400, "{}", again.text);
    resume(&attacker, &attacker_token, json!({"proof": "guessed"})).await.problem(400, "invalid_request");

    // A link request links one account, and only with the credential of its user.
    let app = TestApp::builder(engine).oidc().start().await;
    let victim = credential(&sign_in(&app, "github", "u1").await);
    let attacker = credential(&sign_in(&app, "github", "u6").await);
    let client = app.client();
    let begun = begin_link(&client, &victim, "facebook").await;
    let complete = |credential: &str, code: &str| {
        let post = client.post("/api/login/social/token_user/facebook/").header("authorization", credential);
        post.json(&json!({"code": code, "state": begun["state"], "flow_token": begun["flow_token"]})).send()
    };
    complete(&attacker, "u6").await.problem(400, "flow_mismatch");
    complete(&victim, "u1").await.ok();
    let second = complete(&victim, "u6").await;
    assert!(second.status >= 400, "one request links one account: {}", second.text);
    assert_eq!(linked_accounts(&app, &victim).await.len(), 2);
    assert_eq!(linked_accounts(&app, &attacker).await.len(), 1);
}

/// Zitadel let users set the verified flag of their own address when they changed their profile. Here the flag is not writable,
/// and changing the address clears it.
async fn cve_2026_27946_zitadel_user_cannot_mark_an_email_as_verified(engine: Engine) {
    let verified_users = match engine {
        Engine::Sqlite => "SELECT count(*) FROM users WHERE email_verified = 1",
        Engine::Postgres => "SELECT count(*) FROM users WHERE email_verified",
    };
    let plan = linking_by_email(engine, "google-oauth2,oidc");
    let plan = plan.with("REST_SOCIAL_EDITABLE_USER_FIELDS", "first_name,last_name,email,username");
    let app = plan.start().await;
    app.fake_users.set_profile("github", "u6", json!({"id": 66, "login": "eve", "email": "eve@example.com"}));
    let attacker = credential(&sign_in(&app, "github", "u6").await);
    for (name, value) in [
        ("email_verified", json!(true)),
        ("is_email_verified", json!(true)),
        ("is_verified", json!(true)),
        ("verified", json!(true)),
        ("email", json!({"email": VICTIM, "is_verified": true})),
        ("email", json!([VICTIM])),
        ("email_verified_by", json!("google-oauth2")),
        ("is_active", json!(true)),
        ("is_staff", json!(true)),
        ("id", json!(2)),
    ] {
        for method in ["PATCH", "PUT", "POST"] {
            let call = app.client().request(method, "/api/user/").header("authorization", &attacker);
            let mut body = json!({"email": VICTIM});
            body[name] = value.clone();
            let answer = call.json(&body).send().await;
            assert!(
                answer.status != 500 && (answer.status >= 400 || method == "PATCH"),
                "{method} {name}: {}",
                answer.text
            );
            assert_eq!(app.database.number(verified_users).await, 0, "{method} {name}: {}", answer.text);
            assert_eq!(app.client().user(&attacker).await.ok()["id"], 1, "{method} {name}");
        }
    }
    // Replacing a verified address clears the flag.
    let app = TestApp::builder(engine).oidc().with("REST_SOCIAL_EDITABLE_USER_FIELDS", "email");
    let app = app.with("SOCIAL_AUTH_PIPELINE", BY_EMAIL).start().await;
    let verified = credential(&sign_in(&app, "oidc", "u6").await);
    assert_eq!(app.database.number(verified_users).await, 1);
    let change = app.client().request("PATCH", "/api/user/").header("authorization", &verified);
    change.json(&json!({"email": VICTIM})).send().await.ok();
    assert_eq!(app.database.number(verified_users).await, 0);
}
