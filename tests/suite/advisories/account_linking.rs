//! Accounts joined by an address that was not verified, or by a proof that belongs to another account.

use rest_social_auth::async_trait;
use rest_social_auth::login::{Draft, Field, Step, Stop};
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

/// What one provider says of the attacker, whose profile names the victim's address without having verified it.
struct Unverified {
    provider: &'static str,
    settings: &'static [(&'static str, &'static str)],
    answers: Vec<(&'static str, Value)>,
}

const VICTIM: &str = "user1@example.com";

fn token() -> Value {
    json!({"access_token": "a1", "token_type": "Bearer"})
}

fn unverified_addresses() -> Vec<Unverified> {
    let entry = |provider, answers| Unverified { provider, settings: &[], answers };
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

/// Nhost linked by address, but its adapters for Discord, Bitbucket and Microsoft lost the provider's word that an address
/// is unverified. Here "verified" is read for each provider, absent means no, and such an address links nothing.
async fn cve_2026_41574_nhost_unverified_email_does_not_link(engine: Engine) {
    for (n, Unverified { provider, settings, answers }) in unverified_addresses().into_iter().enumerate() {
        let plan = linking_by_email(engine, &format!("google-oauth2,{provider}"));
        let app = configured(plan, provider, settings).start().await;
        app.fake_users.set_profile("google-oauth2", "u1", google_profile("1", VICTIM));
        let victim = credential(&sign_in(&app, "google-oauth2", "u1").await);
        for (place, answer) in answers {
            app.double.always(place, Reply::json(&answer));
        }
        let attacker = sign_in(&app, provider, "u6").await;
        // Without an address, the provider's account is a user of its own; with an unverified one it is refused.
        assert!(attacker.status == 409 || attacker.status == 200, "{n} {provider}: {}", attacker.text);
        if attacker.status == 200 {
            assert_ne!(attacker.ok()["id"], json!(1), "{n} {provider}: {}", attacker.text);
        }
        let google = vec![("google-oauth2".to_owned(), "1".to_owned())];
        assert_eq!(linked_accounts(&app, &victim).await, google, "{n} {provider}");
    }
    // The same providers link once they say that the address is verified.
    let plan = configured(linking_by_email(engine, "google-oauth2,discord"), "discord", &[]);
    let app = plan.start().await;
    app.fake_users.set_profile("google-oauth2", "u1", google_profile("1", VICTIM));
    let victim = sign_in(&app, "google-oauth2", "u1").await.ok();
    let me = json!({"id": "10", "username": "user1", "email": VICTIM, "verified": true});
    app.double.always("POST discord.com/api/oauth2/token", Reply::json(&token()));
    app.double.always("GET discord.com/api/users/@me", Reply::json(&me));
    assert_eq!(sign_in(&app, "discord", "u1").await.ok()["id"], victim["id"]);
}

/// PocketBase let a sign-up name any address, and linked the owner of that address to the attacker's account when the owner
/// came by another provider: both kept access. Here an address that nobody verified neither links nor locks out its owner.
async fn cve_2026_44166_pocketbase_pre_registered_email_does_not_hijack_its_owner(engine: Engine) {
    let made_in_advance = |app: &TestApp| {
        app.fake_users.set_profile("github", "u6", json!({"id": 66, "login": "eve", "email": VICTIM}));
        // What PocketBase called createData, and its neighbours: a login's body seeds nothing.
        json!({"code": "u6", "createData": {"email": VICTIM, "verified": true}, "email": VICTIM, "email_verified": true})
    };
    // One provider, default settings: no lockout.
    let app = TestApp::builder(engine).oidc().start().await;
    let body = made_in_advance(&app);
    let attacker = app.client().login("token_user/github", body).await;
    let owner = sign_in(&app, "oidc", "u1").await;
    assert_ne!(owner.ok()["id"], attacker.ok()["id"]);
    assert_eq!(linked_accounts(&app, &credential(&attacker)).await.len(), 1);
    assert_eq!(linked_accounts(&app, &credential(&owner)).await.len(), 1);
    // Joining by address, every provider trusted: the owner is not joined to the attacker's user, and the attacker gets no
    // part of what the owner does afterwards.
    let app = linking_by_email(engine, "github,google-oauth2,oidc").start().await;
    let body = made_in_advance(&app);
    let attacker = app.client().login("token_user/github", body).await;
    let owner = sign_in(&app, "oidc", "u1").await;
    assert!(owner.status == 409 || owner.ok()["id"] != attacker.ok()["id"], "{}", owner.text);
    let github = vec![("github".to_owned(), "66".to_owned())];
    assert_eq!(linked_accounts(&app, &credential(&attacker)).await, github);
    // The other way round, the attacker is not joined to the owner's user either.
    let app = linking_by_email(engine, "github,google-oauth2,oidc").start().await;
    let owner = sign_in(&app, "oidc", "u1").await;
    let body = made_in_advance(&app);
    let attacker = app.client().login("token_user/github", body).await;
    assert!(attacker.status == 409 || attacker.ok()["id"] != owner.ok()["id"], "{}", attacker.text);
    assert_eq!(linked_accounts(&app, &credential(&owner)).await.len(), 1);
}

/// Better Auth asked the provider whether the address is verified, and never asked its own row, so that a sign-up with the
/// victim's address caught the victim's first login. Here both sides must be verified, by a trusted provider.
async fn cve_2026_53516_better_auth_stored_unverified_email_does_not_link(engine: Engine) {
    // (how the stored user came to the address, whether the owner's login is joined to it)
    let cases = [
        ("github says it", json!({"id": 66, "login": "eve", "email": VICTIM}), "github", false),
        ("oidc says unverified", json!({"sub": "66", "email": VICTIM, "email_verified": false}), "oidc", false),
        ("oidc says nothing", json!({"sub": "66", "email": VICTIM}), "oidc", false),
        ("oidc says verified", json!({"sub": "66", "email": VICTIM, "email_verified": true}), "oidc", true),
    ];
    for (how, profile, provider, joined) in cases {
        let app = linking_by_email(engine, "google-oauth2,oidc,github").start().await;
        app.fake_users.set_profile(provider, "u6", profile);
        let stored = sign_in(&app, provider, "u6").await;
        app.fake_users.set_profile("google-oauth2", "u1", google_profile("1", VICTIM));
        let owner = sign_in(&app, "google-oauth2", "u1").await;
        assert_eq!(owner.status, if joined { 200 } else { 409 }, "{how}: {}", owner.text);
        let accounts = linked_accounts(&app, &credential(&stored)).await;
        assert_eq!(accounts.len(), 1 + usize::from(joined), "{how}: {accounts:?}");
    }
    // An address that the user typed in is not verified, however the account itself is.
    let plan = linking_by_email(engine, "google-oauth2,oidc");
    let app = plan.with("REST_SOCIAL_EDITABLE_USER_FIELDS", "email").start().await;
    app.fake_users.set_profile("oidc", "u6", oidc_profile("66", "eve@example.com"));
    let stored = sign_in(&app, "oidc", "u6").await;
    let typed = app.client().request("PATCH", "/api/user/").header("authorization", credential(&stored));
    typed.json(&json!({"email": VICTIM})).send().await.ok();
    app.fake_users.set_profile("google-oauth2", "u1", google_profile("1", VICTIM));
    sign_in(&app, "google-oauth2", "u1").await.problem(409, "account_exists");
    assert_eq!(linked_accounts(&app, &credential(&stored)).await.len(), 1);
}

/// Flarum's row of SEC-23: an address that came along with the request was taken for one that the provider verified. Here
/// nothing that a client posts is read as part of the profile, whatever it is called and wherever it stands.
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
            // user60 and so on: each is who the provider says, under the address that the provider says.
            if attacker.status == 200 {
                assert_ne!(attacker.ok()["id"], victim.ok()["id"], "{provider} {name}: {}", attacker.text);
                assert_eq!(attacker.field("email"), format!("user{}@example.com", 60 + n), "{provider} {name}");
            }
        }
    }
    assert_eq!(linked_accounts(&app, &credential(&victim)).await.len(), 1);
}

/// Reviactyl joined a social login to any local account of the same address. Here joining by address is no default: two
/// accounts of one address are two users, whichever comes first and however verified.
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
        // The proper way: sign in, then link.
        let third = if [first, second].contains(&"github") { "google-oauth2" } else { "github" };
        let linked = link(&app, &credential(&owner), third, "u01").await;
        assert_eq!(linked.ok()["id"], owner.ok()["id"], "{first}, {second}");
    }
}

/// social-app-django answered a conflict on insert by looking up the user of that address, although joining by address was
/// not in the pipeline. Here a conflict of names, addresses or accounts makes another user, or a refusal, never a link.
async fn cve_2025_61783_social_app_django_insert_conflict_does_not_link(engine: Engine) {
    // The same address and the same username, one after the other and at once.
    let app = TestApp::builder(engine).oidc().start().await;
    app.fake_users.set_profile("google-oauth2", "u1", google_profile("1", VICTIM));
    let owner = sign_in(&app, "google-oauth2", "u1").await;
    let same_name =
        json!({"sub": "666", "preferred_username": owner.field("username"), "email": VICTIM, "email_verified": true});
    app.fake_users.set_profile("oidc", "u6", same_name);
    let other = sign_in(&app, "oidc", "u6").await;
    assert_ne!(other.ok()["id"], owner.ok()["id"]);
    assert_ne!(other.field("username"), owner.field("username"), "a username is one user's");
    let (first, second) = (sign_in(&app, "github", "u7"), sign_in(&app, "facebook", "u7"));
    let (first, second) = tokio::join!(first, second);
    assert_ne!(first.ok()["id"], second.ok()["id"]);
    for login in [&owner, &other, &first, &second] {
        assert_eq!(linked_accounts(&app, &credential(login)).await.len(), 1);
    }
    // A site's own rule that an address is one user's, as a unique index of an imported database: a refusal.
    let app = TestApp::builder(engine).oidc().start().await;
    let owner = sign_in(&app, "github", "u1").await;
    app.database.run("CREATE UNIQUE INDEX one_user_of_an_address ON users (email)").await;
    let refused = sign_in(&app, "oidc", "u1").await;
    assert!(refused.status >= 400, "{}", refused.text);
    assert_eq!(linked_accounts(&app, &credential(&owner)).await.len(), 1);
    assert_eq!((app.database.count("users").await, app.database.count("social_accounts").await), (1, 1));
}

/// Asks every new account for a word that was sent to its user.
struct Word;

#[async_trait]
impl Step for Word {
    async fn run(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        match draft.answer("word") {
            Some(word) if *word == "swordfish" => Ok(()),
            Some(_) => Err(Stop::wrong("word", "That is another word.")),
            None => Err(Stop::ask([Field::text("word", "The word")])),
        }
    }
}

/// Keycloak keyed the proof of an e-mail verification by user and provider, so that a second account at the same provider
/// could use it up and be linked to the victim. Here a pending login is bound to the account and the browser it began with.
async fn cve_2026_9087_keycloak_pending_login_is_bound_to_its_account(engine: Engine) {
    let pipeline = WITH_TERMS.replace("terms", "word");
    let plan = TestApp::builder(engine).with("SOCIAL_AUTH_PIPELINE", &pipeline);
    let app = plan.with_builder(|builder| builder.step("word", Word)).start().await;
    let pending = async |code: &str| {
        let browser = app.browser();
        let begun = app.begin(&browser, "github", json!({})).await;
        let answer = browser.login("token_user/github", json!({"code": code, "state": begun.state})).await;
        let token = flow_token(&answer);
        (browser, token)
    };
    let (victim, victims) = pending("u1").await;
    let (attacker, attackers) = pending("u6").await;
    // The attacker's browser cannot use the victim's pending login, nor can the victim's proof finish the attacker's.
    let proof = || json!({"word": "swordfish"});
    resume(&attacker, &victims, proof()).await.problem(400, "flow_mismatch");
    resume(&victim, &attackers, proof()).await.problem(400, "flow_mismatch");
    assert_eq!(app.database.count("users").await, 0);
    let done = resume(&victim, &victims, proof()).await;
    assert_eq!(done.field("username"), "user1");
    assert_eq!(linked_accounts(&app, &credential(&done)).await, [("github".to_owned(), "1".to_owned())]);
    // The proof is used up with it: the attacker's own pending login must show its own.
    let late = resume(&attacker, &victims, proof()).await;
    assert!(late.status >= 400, "{}", late.text);
    resume(&attacker, &attackers, json!({"word": "guessed"})).await.problem(400, "invalid_request");

    // What a user began for linking links one account, and only with that user's own login.
    let app = TestApp::builder(engine).oidc().start().await;
    let victim = credential(&sign_in(&app, "github", "u1").await);
    let attacker = credential(&sign_in(&app, "github", "u6").await);
    let client = app.client();
    let begun = begin_link(&client, &victim, "facebook").await;
    let finish = |credential: &str, code: &str| {
        let post = client.post("/api/login/social/token_user/facebook/").header("authorization", credential);
        post.json(&json!({"code": code, "state": begun["state"], "flow_token": begun["flow_token"]})).send()
    };
    finish(&attacker, "u6").await.problem(400, "flow_mismatch");
    finish(&victim, "u1").await.ok();
    let second = finish(&victim, "u6").await;
    assert!(second.status >= 400, "one request links one account: {}", second.text);
    assert_eq!(linked_accounts(&app, &victim).await.len(), 2);
    assert_eq!(linked_accounts(&app, &attacker).await.len(), 1);
}

/// Zitadel let users set the verified flag of their own address by the call that changes their profile. Here no call of a
/// user can: the flag is not writable, and an address that is changed by hand loses it.
async fn cve_2026_27946_zitadel_user_cannot_mark_an_email_as_verified(engine: Engine) {
    let is_verified = match engine {
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
        ("email_vouched_by", json!("google-oauth2")),
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
            assert_eq!(app.database.number(is_verified).await, 0, "{method} {name}: {}", answer.text);
            assert_eq!(app.client().user(&attacker).await.ok()["id"], 1, "{method} {name}");
        }
    }
    // Nor does a verified address lend its flag to the one that replaces it.
    let app = TestApp::builder(engine).oidc().with("REST_SOCIAL_EDITABLE_USER_FIELDS", "email");
    let app = app.with("SOCIAL_AUTH_PIPELINE", BY_EMAIL).start().await;
    let verified = credential(&sign_in(&app, "oidc", "u6").await);
    assert_eq!(app.database.number(is_verified).await, 1);
    let change = app.client().request("PATCH", "/api/user/").header("authorization", &verified);
    change.json(&json!({"email": VICTIM})).send().await.ok();
    assert_eq!(app.database.number(is_verified).await, 0);
}
