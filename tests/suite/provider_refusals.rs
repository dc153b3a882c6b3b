//! Checks of single providers: changed account owners, unsigned callbacks, users of another
//! tenant or team.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Engine, Reply, TestApp, on_both_databases, signer};

on_both_databases! {
    eve_online_character_with_another_owner_is_refused,
    fault_a22_the_owner_of_a_character_is_stored_by_every_pipeline,
    vend_legacy_uid_does_not_identify_a_user_of_another_shop,
    unsigned_callback_is_refused_without_calling_the_provider,
    sec_38_callback_cannot_choose_another_token_host,
    a_user_outside_the_github_organization_is_refused,
    azuread_user_of_another_tenant_is_refused,
    slack_user_of_another_team_is_refused,
    bitbucket_user_whose_name_is_the_slug_of_another_is_refused,
    workos_user_of_another_organization_or_connection_is_refused,
    vk_id_response_must_repeat_state_and_user_id,
    sec_44_only_a_confirmed_access_token_is_stored_for_longer_than_a_code,
    the_callback_of_a_vk_application_signs_in_once,
}

async fn start_app(engine: Engine, provider: &str, more: &[(&str, &str)]) -> TestApp {
    let prefix = format!("SOCIAL_AUTH_{}", provider.to_ascii_uppercase().replace('-', "_"));
    let mut plan =
        TestApp::builder(engine).with(&format!("{prefix}_KEY"), "k1").with(&format!("{prefix}_SECRET"), "s1-secret");
    for (name, value) in more {
        plan = plan.with(&format!("{prefix}_{name}"), value);
    }
    plan.start().await
}

async fn eve_online_character_with_another_owner_is_refused(engine: Engine) {
    let app = start_app(engine, "eveonline", &[]).await;
    let token = json!({"access_token": "a1", "token_type": "Bearer"});
    app.double.always("POST login.eveonline.com/oauth/token", Reply::json(&token));
    let owner = |hash: Value| {
        let profile = json!({"CharacterID": 90, "CharacterName": "Ola", "CharacterOwnerHash": hash});
        app.double.always("GET login.eveonline.com/oauth/verify", Reply::json(&profile));
    };
    for (hash, code) in [(json!("first"), "c1"), (json!("first"), "c2")] {
        owner(hash);
        let client = app.client();
        client.login("token/eveonline", json!({"code": code})).await.ok();
    }
    owner(json!("second"));
    let client = app.client();
    client.login("token/eveonline", json!({"code": "c3"})).await.problem(403, "not_allowed");
    for (hash, code) in [(json!("  "), "c4"), (Value::Null, "c5")] {
        owner(hash);
        let client = app.client();
        client.login("token/eveonline", json!({"code": code})).await.problem(403, "not_allowed");
    }
    assert_eq!(app.database.count("users").await, 1);
    // An imported account may have an empty owner hash, which is ignored.
    for empty in ["\"\"", "null", "[]"] {
        let kept = format!("{{\"owner_hash\": {empty}}}");
        app.database.run(&format!("UPDATE social_accounts SET extra_data = '{kept}'")).await;
        owner(json!("first"));
        app.client().login("token/eveonline", json!({"code": format!("e{empty}")})).await.ok();
    }
}

/// The step load_extra_data stores the owner hash for applications. The identity needs it in any pipeline.
async fn fault_a22_the_owner_of_a_character_is_stored_by_every_pipeline(engine: Engine) {
    let steps = "social_details,social_uid,auth_allowed,social_user,get_username,create_user,associate_user";
    let app = start_app(engine, "eveonline", &[("PIPELINE", steps)]).await;
    let token = json!({"access_token": "a1", "token_type": "Bearer"});
    app.double.always("POST login.eveonline.com/oauth/token", Reply::json(&token));
    let owner = |hash: &str| {
        let profile = json!({"CharacterID": 90, "CharacterName": "Ola", "CharacterOwnerHash": hash});
        app.double.always("GET login.eveonline.com/oauth/verify", Reply::json(&profile));
    };
    let login = async |code: &str| app.client().login("token_user/eveonline", json!({"code": code})).await;
    owner("seller");
    let seller = login("c1").await.ok();
    let stored = app.database.text("SELECT CAST(extra_data AS TEXT) FROM social_accounts").await;
    let stored = serde_json::from_str::<Value>(&stored).expect("JSON");
    assert_eq!(stored, json!({"owner_hash": "seller", "id": 90}), "nothing else is stored");
    owner("buyer");
    login("c2").await.problem(403, "not_allowed");
    owner("seller");
    assert_eq!(login("c3").await.ok()["id"], seller["id"]);
    // An account without the hash, such as an imported one, gets it at its next login.
    app.database.run("UPDATE social_accounts SET extra_data = '{}'").await;
    assert_eq!(login("c4").await.ok()["id"], seller["id"]);
    owner("buyer");
    login("c5").await.problem(403, "not_allowed");
    assert_eq!(app.database.count("users").await, 1);
}

async fn vend_legacy_uid_does_not_identify_a_user_of_another_shop(engine: Engine) {
    let plan = TestApp::builder(engine).with("SOCIAL_AUTH_VEND_KEY", "k1").with("SOCIAL_AUTH_VEND_SECRET", "s1-secret");
    let app = plan.with("LEGACY_UIDS_UNTIL", "2999-01-01").start().await;
    for shop in ["one", "two"] {
        let token = json!({"access_token": "a1", "domain_prefix": shop});
        app.double.always(&format!("POST {shop}.vendhq.com/api/1.0/token"), Reply::json(&token));
        let users = json!({"users": [{"id": "7", "username": shop, "email": format!("{shop}@mail.example")}]});
        app.double.always(&format!("GET {shop}.vendhq.com/api/users"), Reply::json(&users));
    }
    let client = app.client();
    let first = client.login("token_user/vend", json!({"code": "c1", "domain_prefix": "one"})).await.ok();
    // As the import stores the uid of an earlier release of DRSA.
    app.database.run("UPDATE social_accounts SET uid = '7', uid_scope = '', legacy_uid = true").await;
    let other = client.login("token_user/vend", json!({"code": "c2", "domain_prefix": "two"})).await.ok();
    assert_ne!(first["username"], other["username"]);
    let again = client.login("token_user/vend", json!({"code": "c3", "domain_prefix": "ONE"})).await.ok();
    assert_eq!(first["username"], again["username"]);
    assert_eq!(app.database.count("users").await, 2);
    for prefix in ["evil.example/", "a.b", "", "-a"] {
        let answer = client.login("token/vend", json!({"code": "c4", "domain_prefix": prefix})).await;
        assert!(matches!(answer.status, 400 | 502), "{prefix}: {}", answer.text);
    }
    assert!(app.double.calls().iter().all(|call| call.host.ends_with(".vendhq.com")));
}

async fn unsigned_callback_is_refused_without_calling_the_provider(engine: Engine) {
    let now = |app: &TestApp| app.clock.now().seconds();
    let shopify = start_app(engine, "shopify", &[]).await;
    let body = |shop: &str, hmac: &str| json!({"code": "c1", "shop": shop, "hmac": hmac, "timestamp": now(&shopify).to_string(), "state": "of-theirs"});
    let login = |body: Value| {
        let client = shopify.client();
        async move { client.login("token/shopify", body).await }
    };
    login(body("lamps.myshopify.com", "00")).await.problem(400, "invalid_code");
    for shop in ["evil.example", "evil.example/.myshopify.com", "a.b.myshopify.com", ".myshopify.com"] {
        login(body(shop, "00")).await.problem(400, "invalid_request");
    }
    assert!(shopify.double.calls().is_empty());

    let vk = start_app(engine, "vk-app", &[]).await;
    let viewer =
        json!({"code": "", "viewer_id": "10", "access_token": "a1", "auth_key": "0cc175b9c0f1b6a831c399e269772661"});
    vk.client().login("token/vk-app", viewer).await.problem(400, "invalid_code");
    assert!(vk.double.calls().is_empty());

    let canvas = start_app(engine, "facebook-app", &[]).await;
    for signed in ["nothing", "bm90aGluZw.eyJvYXV0aF90b2tlbiI6ImExIn0", "."] {
        canvas
            .client()
            .login("token/facebook-app", json!({"signed_request": signed}))
            .await
            .problem(400, "invalid_code");
    }
    let padded = json!({"signed_request": "bm90aGluZw==.eyJvYXV0aF90b2tlbiI6ImExIn0"});
    canvas.client().login("token/facebook-app", padded).await.problem(400, "invalid_code");
    assert!(canvas.double.calls().is_empty());
    // Facebook checks a posted access token against this app by its appsecret_proof.
    let refused = json!({"error": {"code": 100, "type": "OAuthException", "message": "Invalid appsecret_proof"}});
    canvas.double.always("GET graph.facebook.com/v24.0/me", Reply::json_at(400, &refused));
    canvas
        .client()
        .login("token/facebook-app", json!({"access_token": "another-apps"}))
        .await
        .problem(502, "provider_error");
    let call = canvas.double.call_at("GET graph.facebook.com/v24.0/me");
    assert!(call.query.iter().any(|(name, _)| name == "appsecret_proof"));
    let trusting = start_app(engine, "facebook-app", &[("APPSECRET_PROOF", "false")]).await;
    trusting.client().login("token/facebook-app", json!({"access_token": "a1"})).await.problem(400, "invalid_code");
}

/// Otherwise any caller could fill the table with rows of 60 days while Facebook does not answer.
async fn sec_44_only_a_confirmed_access_token_is_stored_for_longer_than_a_code(engine: Engine) {
    const ME: &str = "GET graph.facebook.com/v24.0/me";
    let app = start_app(engine, "facebook-app", &[]).await;
    let refused = json!({"error": {"code": 190, "type": "OAuthException", "message": "Invalid OAuth access token."}});
    let remembered = "SELECT count(*) FROM used_codes WHERE expires - claimed > 600000";
    let login = async |token: &str| app.client().login("token/facebook-app", json!({"access_token": token})).await;
    for (token, reply) in [
        ("refused", Reply::json_at(400, &refused)),
        ("undecided", Reply::json_at(429, &refused)),
        ("unanswered", Reply::of(503, "text/html", "<h1>down</h1>")),
    ] {
        app.double.always(ME, reply);
        login(token).await.problem(502, "provider_error");
        assert_eq!(app.database.number(remembered).await, 0, "{token}");
    }
    app.double.always(ME, Reply::json(&json!({"id": "77", "name": "Ola"})));
    login("confirmed").await.ok();
    assert_eq!((app.database.number(remembered).await, app.database.count("used_codes").await), (1, 4));
    app.advance(Duration::from_secs(59 * 86_400));
    let repository = app.database.repository().await;
    rest_social_auth::store::sweep(repository.as_ref(), app.clock.now(), 100).await.expect("a sweep");
    login("confirmed").await.problem(400, "code_already_used");
}

/// The auth_key of a user never changes. The claim lived for ten minutes, and the same callback signed in again after that.
async fn the_callback_of_a_vk_application_signs_in_once(engine: Engine) {
    // MD5 of `k1_10_s1-secret`.
    const AUTH_KEY: &str = "b8b72452e803c42abd146c4afb6efeab";
    let app = start_app(engine, "vk-app", &[]).await;
    let profile = json!({"response": [{"id": 10, "screen_name": "ola", "first_name": "Ola"}]});
    app.double.always("GET api.vk.ru/method/users.get", Reply::json(&profile));
    let login = async |token: &str, viewer: Value| {
        let body = json!({"viewer_id": viewer, "auth_key": AUTH_KEY, "access_token": token});
        app.client().login("token/vk-app", body).await
    };
    login("a1", json!("10")).await.ok();
    let repository = app.database.repository().await;
    for days in [0, 1, 180] {
        app.advance(Duration::from_secs(days * 86_400 + 615));
        rest_social_auth::store::sweep(repository.as_ref(), app.clock.now(), 100).await.expect("a sweep");
        login("a1", json!("10")).await.problem(400, "code_already_used");
        login("a1", json!(10)).await.problem(400, "code_already_used");
        for written in ["a1 ", " a1", "a1\n", "a1\u{ad}"] {
            login(written, json!("10")).await.problem(400, "invalid_code");
        }
    }
    login("a2", json!("10")).await.ok();
}

async fn sec_38_callback_cannot_choose_another_token_host(engine: Engine) {
    let app = start_app(engine, "zoho", &[]).await;
    for server in
        ["https://evil.example", "https://accounts.zoho.eu.evil.example", "https://u@accounts.zoho.eu", "file:///etc"]
    {
        let body = json!({"code": format!("c{}", server.len()), "accounts-server": server});
        app.client().login("token/zoho", body).await.problem(400, "invalid_code");
    }
    assert!(app.double.calls().is_empty());
    let app = start_app(engine, "vend", &[]).await;
    for prefix in [json!("evil.example/"), json!("a b"), json!("."), json!(["x"]), json!({"a": 1}), json!(true)] {
        let body = json!({"code": format!("c{prefix}"), "domain_prefix": prefix});
        let answer = app.client().login("token/vend", body).await;
        assert_eq!(answer.status, 400, "{prefix}: {}", answer.text);
    }
    assert!(app.double.calls().is_empty());
}

/// GitHub redirects the question of a user who is not a member to the public members.
async fn a_user_outside_the_github_organization_is_refused(engine: Engine) {
    let enterprise = [("URL", "https://ghe.example"), ("API_URL", "https://ghe.example/api/v3")];
    for (provider, api, path, setting) in [
        ("github-org", "api.github.com", "orgs/acme", ("NAME", "acme")),
        ("github-team", "api.github.com", "teams/7", ("ID", "7")),
        ("github-enterprise-org", "ghe.example/api/v3", "orgs/acme", ("NAME", "acme")),
        ("github-enterprise-team", "ghe.example/api/v3", "teams/7", ("ID", "7")),
    ] {
        let more: Vec<_> =
            enterprise.into_iter().filter(|_| provider.contains("enterprise")).chain([setting]).collect();
        let app = start_app(engine, provider, &more).await;
        let site = api.trim_end_matches("/api/v3").trim_start_matches("api.");
        let token = Reply::json(&json!({"access_token": "a1", "token_type": "bearer"}));
        app.double.always(&format!("POST {site}/login/oauth/access_token"), token);
        app.double.always(&format!("GET {api}/user"), Reply::json(&json!({"id": 7, "login": "eve"})));
        app.double.always(&format!("GET {api}/user/emails"), Reply::json(&json!([])));
        let members = format!("GET {api}/{path}/members/eve");
        let saml = json!({"message": "Resource protected by organization SAML enforcement."});
        let elsewhere = format!("https://{api}/{path}/public_members/eve");
        for (n, answer) in [
            Reply::of(302, "text/plain", "").with_header("Location", &elsewhere),
            Reply::json_at(403, &saml),
            Reply::json_at(404, &json!({"message": "Not Found"})),
        ]
        .into_iter()
        .enumerate()
        {
            app.double.always(&members, answer);
            let answer = app.client().login(&format!("token/{provider}"), json!({"code": format!("c{n}")})).await;
            assert_eq!(answer.status, 403, "{provider} {n}: {}", answer.text);
        }
        // The rate limit of GitHub has the status 403, too.
        let limit = json!({"message": "API rate limit exceeded"});
        app.double.always(&members, Reply::json_at(403, &limit).with_header("X-RateLimit-Remaining", "0"));
        app.client().login(&format!("token/{provider}"), json!({"code": "c8"})).await.problem(502, "provider_error");
        app.double.always(&members, Reply::of(204, "text/plain", ""));
        app.client().login(&format!("token/{provider}"), json!({"code": "c9"})).await.ok();
        // Without the name of the user there is no membership to check; without the last segment the URL is that of the list.
        app.double.always(&format!("GET {api}/{path}/members/"), Reply::json(&json!([])));
        for (n, user) in
            [json!({"id": 7}), json!({"id": 7, "login": null}), json!({"id": 7, "login": ""})].iter().enumerate()
        {
            app.double.always(&format!("GET {api}/user"), Reply::json(user));
            let answer = app.client().login(&format!("token/{provider}"), json!({"code": format!("d{n}")})).await;
            answer.problem(502, "provider_error");
        }
    }
}

async fn azuread_user_of_another_tenant_is_refused(engine: Engine) {
    const TENANT: &str = "5f2d7c00-1111-4222-8333-444455556666";
    let app = start_app(engine, "azuread-tenant-oauth2", &[("TENANT_ID", TENANT)]).await;
    let at = |path: &str| format!("login.microsoftonline.com/{TENANT}/{path}");
    let document =
        json!({"issuer": "https://sts.windows.net/{tenantid}/", "jwks_uri": format!("https://{}", at("keys"))});
    app.double.always(&format!("GET {}", at(".well-known/openid-configuration")), Reply::json(&document));
    app.double.always(&format!("GET {}", at("keys")), Reply::json(&signer::jwks()));
    let now = app.clock.now().seconds();
    let issue = |tenant: Option<&str>, issuer: &str| {
        let mut claims = json!({
            "iss": format!("https://sts.windows.net/{issuer}/"), "aud": "k1", "sub": "s1", "name": "Ola", "iat": now, "exp": now + 60
        });
        if let Some(tenant) = tenant {
            claims["tid"] = json!(tenant);
        }
        let token = json!({"access_token": "a1", "id_token": signer::signed(&claims)});
        app.double.always(&format!("POST {}", at("oauth2/token")), Reply::json(&token));
    };
    let another = "00000000-1111-4222-8333-444455556666";
    for (code, tenant, issuer, status) in [
        ("c1", Some(TENANT), TENANT, 200),
        ("c2", Some(another), another, 403),
        ("c3", Some(TENANT), another, 502),
        ("c4", None, TENANT, 502),
    ] {
        issue(tenant, issuer);
        let answer = app.client().login("token/azuread-tenant-oauth2", json!({"code": code})).await;
        assert_eq!(answer.status, status, "{code}: {}", answer.text);
    }
}

/// The slug of `john@smith` is `john_smith`, which another user may have as a name.
async fn bitbucket_user_whose_name_is_the_slug_of_another_is_refused(engine: Engine) {
    const API: &str = "bb.example/rest/api/latest";
    let app = start_app(engine, "bitbucket-datacenter-oauth2", &[("URL", "https://bb.example")]).await;
    app.double.always("POST bb.example/rest/oauth2/latest/token", Reply::json(&json!({"access_token": "a1"})));
    let set_user = |header: &str, slug: &str, profile: Value| {
        let version = Reply::json(&json!({"version": "8"})).with_header("X-AUSERNAME", header);
        app.double.always(&format!("GET {API}/application-properties"), version);
        app.double.always(&format!("GET {API}/users/{slug}"), Reply::json(&profile));
    };
    let login =
        async |code: &str| app.client().login("token_user/bitbucket-datacenter-oauth2", json!({"code": code})).await;
    set_user("john_smith", "john_smith", json!({"id": 101, "name": "john@smith", "slug": "john_smith"}));
    login("c1").await.problem(403, "not_allowed");
    set_user("john_smith", "john_smith", json!({"id": 101, "slug": "john_smith"}));
    login("c2").await.problem(403, "not_allowed");
    assert_eq!(app.database.count("users").await, 0);
    set_user("John_Smith", "John_Smith", json!({"id": 102, "name": "john_smith", "slug": "john_smith"}));
    login("c3").await.ok();
    // The name is decoded once and encoded once.
    set_user("ada%40smith", "ada%40smith", json!({"id": 103, "name": "ada@smith", "slug": "ada%40smith"}));
    login("c4").await.ok();
}

/// The browser can remove the organization from the authorization URL.
async fn workos_user_of_another_organization_or_connection_is_refused(engine: Engine) {
    let settings = [("ORGANIZATION", "org_A"), ("CONNECTION", "conn_A")];
    for (at, provider_settings) in [&settings[..], &settings[..1], &settings[1..]].into_iter().enumerate() {
        let app = start_app(engine, "workos", provider_settings).await;
        let pinned = |name: &str| provider_settings.iter().any(|(other, _)| *other == name);
        for (n, (organization, connection)) in [
            (json!("org_A"), json!("conn_A")),
            (json!("org_B"), json!("conn_A")),
            (json!("org_A"), json!("conn_B")),
            (Value::Null, Value::Null),
            (json!(["org_A"]), json!(["conn_A"])),
        ]
        .into_iter()
        .enumerate()
        {
            let is_member = (!pinned("ORGANIZATION") || organization == "org_A")
                && (!pinned("CONNECTION") || connection == "conn_A");
            let profile = json!({"id": format!("prof_{n}"), "organization_id": organization,
                "connection_id": connection, "email": format!("u{n}@mail.example")});
            let token = json!({"access_token": "a1", "profile": profile});
            app.double.always("POST api.workos.com/sso/token", Reply::json(&token));
            let answer = app.client().login("token/workos", json!({"code": format!("c{n}")})).await;
            assert_eq!(answer.status, if is_member { 200 } else { 403 }, "{at} {n}: {}", answer.text);
        }
    }
}

async fn slack_user_of_another_team_is_refused(engine: Engine) {
    let app = start_app(engine, "slack", &[("TEAM", "T1")]).await;
    app.double.always("POST slack.com/api/oauth.access", Reply::json(&json!({"access_token": "a1"})));
    for (code, team, status) in [
        ("c1", json!({"id": "T1"}), 200),
        ("c2", json!({"id": "T2"}), 403),
        ("c3", json!("T1"), 403),
        ("c4", Value::Null, 403),
    ] {
        let profile =
            json!({"ok": true, "user": {"id": "U1", "name": "Ola", "email": "ola@mail.example"}, "team": team});
        app.double.always("GET slack.com/api/users.identity", Reply::json(&profile));
        let answer = app.client().login("token/slack", json!({"code": code})).await;
        assert_eq!(answer.status, status, "{code}: {}", answer.text);
    }
}

async fn vk_id_response_must_repeat_state_and_user_id(engine: Engine) {
    let app = start_app(engine, "vk-id", &[]).await;
    let profile = json!({"user": {"user_id": "10", "first_name": "Ola"}});
    app.double.always("POST id.vk.ru/oauth2/user_info", Reply::json(&profile));
    for (code, user, repeats, status) in
        [("c1", json!(10), true, 200), ("c2", json!(11), true, 403), ("c3", json!(10), false, 400)]
    {
        app.double.on("POST id.vk.ru/oauth2/auth", move |call| {
            let state = call.field("state").filter(|_| repeats);
            Reply::json(&json!({"access_token": "a1", "user_id": user, "state": state}))
        });
        let browser = app.browser();
        let begun = app.begin(&browser, "vk-id", json!({})).await;
        let inner = json!({"code": code, "device_id": "d1", "state": begun.state, "type": "code_v2"});
        // VK sends the parameters in either form.
        let body = if code == "c1" { json!({"payload": inner.to_string()}) } else { inner };
        let answer = browser.login("token/vk-id", body).await;
        assert_eq!(answer.status, status, "{code}: {}", answer.text);
    }
}
