//! The changelog of social-core (the library behind django-rest-social-auth), releases 5.0.0 to 5.1.1: one test for each security
//! entry. Where the catalog has no such provider, a similar one is tested.

use serde_json::{Value, json};

use super::{configured, credential, link, linked_accounts, location_parameter, sign_in};
use crate::pending_logins::{flow_token, resume, with_terms};
use crate::provider_logins::{self, Case};
use crate::support::fake_users::OIDC_TOKEN;
use crate::support::{Engine, REDIRECT_URI, Reply, TestApp, on_both_databases, signer};

on_both_databases! {
    social_core_5_0_0_loginradius_callback_requires_its_state,
    social_core_5_0_0_odnoklassniki_callback_does_not_choose_the_api_host,
    social_core_5_0_0_pending_login_is_bound_to_its_browser,
    social_core_5_0_0_saml_response_is_refused,
    social_core_5_0_0_twilio_callback_url_keeps_https,
    social_core_5_0_0_vend_user_id_is_unique_per_shop,
    social_core_5_0_0_vk_app_requires_the_auth_key,
    social_core_5_0_1_get_does_not_complete_a_pending_login,
    social_core_5_0_2_line_callback_requires_its_state,
    social_core_5_0_2_shopify_callback_requires_its_state,
    social_core_5_1_0_private_use_redirect_uri_must_match_exactly,
    social_core_5_1_0_status_403_of_a_provider_refuses_the_login,
    social_core_5_1_0_malformed_id_token_is_a_provider_error,
    social_core_5_1_1_vk_app_posted_profile_is_ignored,
    social_core_5_1_1_configured_id_key_is_required,
}

async fn assert_state_is_required(engine: Engine, names: &'static [&'static str]) {
    let cases = provider_logins::cases().into_iter().filter(|case: &Case| names.contains(&case.provider.as_str()));
    let cases: Vec<Case> = cases.collect();
    assert!(cases.len() >= names.len(), "each has a case: {names:?}");
    provider_logins::play(engine, cases.into_iter(), |stage| async move {
        stage.refuses_callbacks_without_its_state().await;
    })
    .await;
}

/// The LoginRadius backend did not check the state of a callback (login CSRF), nor did those that release 4.8.7 corrected. Here
/// the callback of every provider is bound to the browser that began; the samples of all providers check all of them.
async fn social_core_5_0_0_loginradius_callback_requires_its_state(engine: Engine) {
    let corrected = &["loginradius", "clever", "eventbrite", "goclio", "mailchimp", "surveymonkey", "untappd"];
    assert_state_is_required(engine, corrected).await;
}

/// As LoginRadius.
async fn social_core_5_0_2_line_callback_requires_its_state(engine: Engine) {
    assert_state_is_required(engine, &["line"]).await;
}

/// As LoginRadius. Shopify's signature of the callback does not identify the browser that began.
async fn social_core_5_0_2_shopify_callback_requires_its_state(engine: Engine) {
    assert_state_is_required(engine, &["shopify"]).await;
}

/// The Odnoklassniki backends read the host of the API from the callback and the user from an unsigned answer. Here the host
/// comes from the descriptor, and user data in a callback is ignored.
async fn social_core_5_0_0_odnoklassniki_callback_does_not_choose_the_api_host(engine: Engine) {
    let plan = configured(TestApp::builder(engine), "odnoklassniki-oauth2", &[("PUBLIC_NAME", "PUBLIC98")]);
    let app = plan.start().await;
    app.double.always("POST api.ok.ru/oauth/token.do", Reply::json(&json!({"access_token": "a1"})));
    app.double.always("GET api.ok.ru/fb.do", Reply::json(&json!({"uid": "666", "name": "Eve"})));
    let evil = "https://evil.example/";
    for (n, (name, value)) in [
        ("api_server", json!(evil)),
        ("apiconnection", json!("1_2")),
        ("api_url", json!(evil)),
        ("host", json!("evil.example")),
        ("logged_user_id", json!("10")),
        ("uid", json!("10")),
        ("ok_user", json!({"uid": "10"})),
        ("accounts-server", json!(evil)),
        ("domain_prefix", json!("evil.example/")),
        ("shop", json!("evil.example")),
        ("ACCESS_TOKEN_URL", json!(evil)),
        ("token_url", json!(evil)),
        ("iss", json!(evil)),
        ("server", json!(evil)),
    ]
    .into_iter()
    .enumerate()
    {
        let mut body = json!({"code": format!("c{n}")});
        body[name] = value;
        let answer = app.client().login("token_user/odnoklassniki-oauth2", body).await;
        if answer.status == 200 {
            let accounts = linked_accounts(&app, &credential(&answer)).await;
            assert_eq!(accounts, [("odnoklassniki-oauth2".to_owned(), "666".to_owned())], "{name}");
        }
    }
    assert!(app.double.calls().iter().all(|call| call.host == "api.ok.ru"), "only the provider's host was called");
    assert!(!app.double.calls().is_empty());
}

/// A partial pipeline could be resumed by any session with its token (login CSRF). Here a pending login of a browser can be
/// resumed in that browser only, and one of an app with its flow token.
async fn social_core_5_0_0_pending_login_is_bound_to_its_browser(engine: Engine) {
    let app = with_terms(engine).start().await;
    let attacker = app.browser();
    let begun = app.begin(&attacker, "github", json!({})).await;
    let pending = attacker.login("session/github", json!({"code": "u6", "state": begun.state})).await;
    let token = flow_token(&pending);
    // The attacker sends the victim a link or a form with the attacker's flow token.
    let victim = app.browser();
    app.begin(&victim, "github", json!({})).await;
    for path in ["/api/login/social/resume/", "/api/login/social/resume"] {
        for (query, body) in [(String::new(), token.as_str()), (format!("?flow_token={token}"), "")] {
            let post = victim.post(&format!("{path}{query}")).header("origin", &app.node.base);
            let answer = post.form(&[("flow_token", body), ("terms", "on")]).send().await;
            assert!(answer.status >= 400, "{path}{query}: {}", answer.text);
        }
    }
    resume(&victim, &token, json!({"terms": true})).await.problem(400, "flow_mismatch");
    assert!(victim.cookie("sessionid").is_none(), "the victim is not signed in as the attacker");
    assert_eq!(app.database.count("users").await, 0);
    resume(&attacker, &token, json!({"terms": true})).await.ok();
}

/// SAML responses were accepted without a request. This server does not support SAML: every route refuses such a response, and
/// unsolicited answers of the supported protocols are refused too.
async fn social_core_5_0_0_saml_response_is_refused(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    let response = "PHNhbWxwOlJlc3BvbnNlIElEPSJfMSIvPg==";
    for path in [
        "token/saml",
        "session/saml",
        "complete/saml",
        "complete/oidc",
        "complete/github",
        "token/oidc",
        "session/github",
        "begin/saml",
    ] {
        let post = app.browser().post(&format!("/api/login/social/{path}/")).header("origin", &app.node.base);
        let answer = post.form(&[("SAMLResponse", response), ("RelayState", "oidc")]).send().await;
        assert!((400..500).contains(&answer.status), "{path}: {}", answer.text);
    }
    let browser = app.browser();
    for (path, query) in [
        ("complete/github", "code=u1"),
        ("complete/oidc", "code=u1&state=RelayState"),
        ("complete/oidc", "id_token=e30.e30.e30"),
        ("complete/twitter", "oauth_token=rt-1&oauth_verifier=u1"),
        ("complete/github", &format!("SAMLResponse={response}")),
    ] {
        let answer = browser.get(&format!("/api/login/social/{path}/?{query}")).send().await;
        assert_eq!(answer.status, 400, "{path}?{query}: {}", answer.text);
    }
    assert!(app.double.calls().is_empty() && browser.cookie("sessionid").is_none());
    assert_eq!(app.database.count("users").await, 0);
}

/// The Twilio backend changed its https callback to http. Here the callback comes from PUBLIC_URL or the allow lists, and no
/// header of a request changes its scheme, host or port.
async fn social_core_5_0_0_twilio_callback_url_keeps_https(engine: Engine) {
    let app = TestApp::builder(engine).with("PUBLIC_URL", "https://login.example").start().await;
    app.client().login("token/twilio", json!({"code": "u1"})).await.problem(404, "unknown_provider");
    let callback = "https://login.example/api/login/social/complete/github/";
    for (name, value) in [
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-port", "80"),
        ("x-forwarded-scheme", "http"),
        ("x-url-scheme", "http"),
        ("front-end-https", "off"),
        ("forwarded", "proto=http;host=evil.example"),
        ("x-original-url", "http://evil.example/"),
        ("x-rewrite-url", "/evil"),
    ] {
        let path = format!("/api/login/social/authorize/github/?next={REDIRECT_URI}");
        let answer = app.browser().get(&path).header("host", "login.example").header(name, value).send().await;
        assert_eq!(location_parameter(&answer, "redirect_uri").as_deref(), Some(callback), "{name}");
    }
    let begun = app.begin(&app.browser(), "github", json!({"redirect_uri": REDIRECT_URI})).await;
    assert_eq!(begun.parameter("redirect_uri"), Some(REDIRECT_URI));
}

/// Vend's user ids are unique within a shop only, so a user of one shop could be signed in as a user of another. Here the shop is
/// part of the uid, in lower case.
async fn social_core_5_0_0_vend_user_id_is_unique_per_shop(engine: Engine) {
    let app = configured(TestApp::builder(engine), "vend", &[]).start().await;
    for shop in ["one", "two"] {
        let token = json!({"access_token": shop, "domain_prefix": shop});
        app.double.always(&format!("POST {shop}.vendhq.com/api/1.0/token"), Reply::json(&token));
        let users = json!({"users": [{"id": "7", "username": "ola"}]});
        app.double.always(&format!("GET {shop}.vendhq.com/api/users"), Reply::json(&users));
    }
    let login_at = |code: &str, shop: &str| {
        let body = json!({"code": code, "domain_prefix": shop});
        let client = app.client();
        async move { client.login("token_user/vend", body).await }
    };
    let (first, second) = (login_at("c1", "one").await, login_at("c2", "two").await);
    assert_ne!(first.ok()["id"], second.ok()["id"]);
    for (code, shop) in [("c3", "ONE"), ("c4", "One")] {
        assert_eq!(login_at(code, shop).await.ok()["id"], first.ok()["id"], "{shop}");
    }
    for (n, shop) in ["one.vendhq.com/x?", "one#", "one:7", "two/../one", "one\\", "one%2e", "öne"].iter().enumerate()
    {
        let answer = login_at(&format!("d{n}"), shop).await;
        assert!(matches!(answer.status, 400 | 502), "{shop}: {}", answer.text);
    }
    assert_eq!(linked_accounts(&app, &credential(&first)).await, [("vend".to_owned(), "one:7".to_owned())]);
    assert_eq!(app.database.count("users").await, 2);
    assert!(app.double.calls().iter().all(|call| call.host == "one.vendhq.com" || call.host == "two.vendhq.com"));
}

async fn vk_app(engine: Engine) -> TestApp {
    configured(TestApp::builder(engine), "vk-app", &[("USERMODE", "0")]).start().await
}

/// The auth_key of viewer 10: MD5 of `k1_10_s1-secret`.
const AUTH_KEY: &str = "b8b72452e803c42abd146c4afb6efeab";

/// A VK app's page was accepted without an auth_key. Here the key is required and compared exactly before VK is called.
async fn social_core_5_0_0_vk_app_requires_the_auth_key(engine: Engine) {
    let app = vk_app(engine).await;
    let body = json!({"viewer_id": "10", "access_token": "a1", "api_id": "k1"});
    for key in [
        Value::Null,
        json!(""),
        json!(" "),
        json!(0),
        json!(true),
        json!([]),
        json!([AUTH_KEY]),
        json!({}),
        json!("undefined"),
        json!(AUTH_KEY.to_ascii_uppercase()),
        json!(format!("{AUTH_KEY}0")),
        json!(&AUTH_KEY[..31]),
        json!("d41d8cd98f00b204e9800998ecf8427e"),
    ] {
        let mut body = body.clone();
        body["auth_key"] = key.clone();
        let answer = app.client().login("token_user/vk-app", body).await;
        assert_eq!(answer.status, 400, "{key}: {}", answer.text);
    }
    let answer = app.client().login("token_user/vk-app", body).await;
    assert_eq!(answer.status, 400, "absent: {}", answer.text);
    // The key of another viewer is refused.
    let other = json!({"viewer_id": "11", "access_token": "a1", "auth_key": AUTH_KEY});
    assert_eq!(app.client().login("token_user/vk-app", other).await.status, 400);
    assert!(app.double.calls().is_empty());
    assert_eq!(app.database.count("users").await, 0);
}

/// A VK app's page posted the profile, so a forged profile replaced the signed viewer. Here the profile is VK's answer, and its
/// id must be the signed one.
async fn social_core_5_1_1_vk_app_posted_profile_is_ignored(engine: Engine) {
    let app = vk_app(engine).await;
    let set_profile = |id: Value| {
        let person = json!({"response": [{"id": id, "screen_name": "ola", "first_name": "Ola"}]});
        app.double.always("GET api.vk.ru/method/users.get", Reply::json(&person));
    };
    let forged = json!({"response": [{"id": 1, "screen_name": "victim", "first_name": "Victim"}]});
    let body = |token: &str| {
        json!({"viewer_id": "10", "access_token": token, "auth_key": AUTH_KEY, "api_id": "k1",
            "api_result": forged.to_string(), "user_id": "1", "uid": "1", "id": 1, "profile": forged, "is_app_user": "1"})
    };
    for (n, id) in [json!(1), json!("1"), json!(null), json!([10]), json!("010"), json!(10.5)].into_iter().enumerate() {
        set_profile(id.clone());
        let answer = app.client().login("token_user/vk-app", body(&format!("a{n}"))).await;
        assert!(matches!(answer.status, 400 | 403 | 502), "{id}: {}", answer.text);
    }
    assert_eq!(app.database.count("users").await, 0);
    set_profile(json!(10));
    let login = app.client().login("token_user/vk-app", body("right")).await;
    assert_eq!(login.field("username"), "ola");
    assert_eq!(linked_accounts(&app, &credential(&login)).await, [("vk-app".to_owned(), "10".to_owned())]);
}

/// A GET of the validation link of a partial pipeline consumed it, for example by a mail scanner or the attacker's page. Here GET
/// shows a page and changes nothing; a POST from this site in the browser that began completes the login.
async fn social_core_5_0_1_get_does_not_complete_a_pending_login(engine: Engine) {
    let app = with_terms(engine).with("ALLOWED_REDIRECT_URIS", REDIRECT_URI).start().await;
    let browser = app.browser();
    let answer = browser.get(&format!("/api/login/social/authorize/github/?next={REDIRECT_URI}")).send().await;
    let state = location_parameter(&answer, "state").expect("a state");
    let completed = browser.get(&format!("/api/login/social/complete/github/?code=u1&state={state}")).send().await;
    let code = location_parameter(&completed, "code").expect("a code");
    let path = format!("/api/login/social/resume/?code={code}");
    for (method, suffix) in
        [("GET", ""), ("HEAD", ""), ("GET", "&terms=on"), ("GET", "&terms=true&confirm=1"), ("GET", "&_method=POST")]
    {
        for client in [&browser, &app.client(), &app.browser()] {
            let call = client.request(method, &format!("{path}{suffix}")).header("accept", "text/html");
            call.send().await;
            assert_eq!(app.database.count("users").await, 0, "{method} {suffix}");
        }
    }
    let page = browser.get(&path).header("accept", "text/html").send().await;
    assert_eq!(page.status, 200, "the login is still pending: {}", page.text);
    let token = page.text.split("name=\"flow_token\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    let token = token.expect("a form").to_owned();
    // Another browser and a form of another site cannot complete it.
    let fields = [("flow_token", token.as_str()), ("terms", "true")];
    let post = |client: &crate::support::Client, origin: &str| {
        let post = client.post("/api/login/social/resume/").header("accept", "text/html").header("origin", origin);
        post.form(&fields).send()
    };
    assert!(post(&app.browser(), &app.node.base).await.status >= 400);
    assert_eq!(post(&browser, "https://evil.example").await.status, 403);
    assert_eq!(app.database.count("users").await, 0);
    assert_eq!(post(&browser, &app.node.base).await.status, 303);
    assert_eq!(app.database.count("users").await, 1);
}

/// 5.1 lets an operator allow private-use schemes of native apps. Here such a redirect URI must match an entry of the list
/// exactly.
async fn social_core_5_1_0_private_use_redirect_uri_must_match_exactly(engine: Engine) {
    let app = TestApp::builder(engine).with("ALLOWED_REDIRECT_URIS", "com.example.app:/cb").start().await;
    let begin = |uri: &str| {
        let body = json!({"redirect_uri": uri});
        let client = app.client();
        async move { client.post("/api/login/social/begin/github/").json(&body).send().await }
    };
    begin("com.example.app:/cb").await.ok();
    for uri in [
        "com.example.app:/cb/",
        "com.example.app:/cb?x=1",
        "com.example.app:/cb#x",
        "com.example.app:cb",
        "com.example.app://cb",
        "com.example.app:///cb",
        "COM.example.app:/cb",
        "com.example.app:/CB",
        "com.example.app:/%63b",
        " com.example.app:/cb",
        "com.example.app:/cb\t",
        "com.example.evil:/cb",
        "javascript:/cb",
        "data:/cb",
        "blob:https://front.example/cb",
        "intent:/cb",
        "vbscript:/cb",
    ] {
        begin(uri).await.problem(400, "redirect_uri_not_allowed");
        let query = url::form_urlencoded::byte_serialize(uri.as_bytes()).collect::<String>();
        let path = format!("/api/login/social/authorize/github/?kind=token&next={query}");
        app.browser().get(&path).send().await.problem(400, "redirect_uri_not_allowed");
    }
}

/// A provider's 403 became an unhandled error. Here it refuses the login at every call, and no user is created.
async fn social_core_5_1_0_status_403_of_a_provider_refuses_the_login(engine: Engine) {
    let forbidden =
        json!({"error": "access_denied", "error_description": "<script>alert(1)</script>", "sub": "s-1", "id": 1});
    for place in [
        "POST github.com/login/oauth/access_token",
        "GET api.github.com/user",
        OIDC_TOKEN,
        "GET id.example/userinfo",
        "GET id.example/keys",
        "GET id.example/.well-known/openid-configuration",
    ] {
        for status in [401, 403] {
            let app = TestApp::builder(engine).oidc().start().await;
            app.double.always(place, Reply::json_at(status, &forbidden));
            let provider = if place.contains("github") { "github" } else { "oidc" };
            let answer = sign_in(&app, provider, "u1").await;
            assert!(matches!(answer.status, 400 | 403 | 502), "{status} at {place}: {}", answer.text);
            assert!(answer.json()["code"].is_string() && !answer.text.contains("script"), "{}", answer.text);
            assert_eq!(app.database.count("users").await, 0, "{status} at {place}");
        }
    }
}

/// Errors of the JWT library were not handled. Here every malformed ID token refuses the login.
async fn social_core_5_1_0_malformed_id_token_is_a_provider_error(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    let valid = signer::signed(&app.fake_users.id_token_claims("u1", None, "a1"));
    let parts: Vec<&str> = valid.split('.').collect();
    let (head, claims, signature) = (parts[0], parts[1], parts[2]);
    let tokens = [
        json!(null),
        json!(""),
        json!("."),
        json!(".."),
        json!("..."),
        json!("a.b.c"),
        json!("e30.e30."),
        json!(head),
        json!(format!("{head}.{claims}")),
        json!(format!("{head}.{claims}.")),
        json!(format!("{head}.{claims}.{}", &signature[1..])),
        json!(format!("{head}.{claims}.{signature}.{signature}")),
        json!(format!("{head}.{claims}.{signature}=")),
        json!(format!("{head}.{claims}. {signature}")),
        json!(format!("{claims}.{head}.{signature}")),
        json!(format!("{head}.W10.{signature}")),
        json!(format!("{head}.{}.{signature}", "A".repeat(70_000))),
        json!(format!("{head}.\u{e9}.{signature}")),
        json!(17),
        json!(true),
        json!([valid]),
        json!({"token": valid}),
    ];
    for (n, token) in tokens.into_iter().enumerate() {
        let answer = json!({"access_token": "a1", "token_type": "Bearer", "id_token": token});
        app.double.always(OIDC_TOKEN, Reply::json(&answer));
        let answer = sign_in(&app, "oidc", &format!("u{}", n + 1)).await;
        answer.problem(502, "provider_error");
    }
    // Posted by an app: 400 or 502, but not 500.
    for token in ["", ".", "a.b.c", head, "\u{e9}.\u{e9}.\u{e9}"] {
        let answer = app.client().login("token/oidc", json!({"id_token": token})).await;
        assert!(matches!(answer.status, 400 | 502), "{token}: {}", answer.text);
    }
    assert_eq!(app.database.count("users").await, 0);
}

/// Some backends ignored a configured ID_KEY and used another member. Here the configured member is the id; if it is absent, the
/// login is refused and no other member is used.
async fn social_core_5_1_1_configured_id_key_is_required(engine: Engine) {
    let plan = TestApp::builder(engine).oidc().with("SOCIAL_AUTH_OIDC_ID_KEY", "employee");
    let app = plan.start().await;
    let profile = |sub: &str, employee: Value| json!({"sub": sub, "preferred_username": sub, "employee": employee, "email": format!("{sub}@example.com")});
    app.fake_users.set_profile("oidc", "u1", profile("s-1", json!("e-1")));
    let first = sign_in(&app, "oidc", "u1").await;
    assert_eq!(linked_accounts(&app, &credential(&first)).await, [("oidc".to_owned(), "e-1".to_owned())]);
    // Absent, empty or invalid: refused, even if the subject equals another user's id.
    for (n, employee) in [Value::Null, json!(""), json!(" "), json!([]), json!({}), json!(true)].into_iter().enumerate()
    {
        let code = format!("u{}", n + 2);
        app.fake_users.set_profile("oidc", &code, profile("e-1", employee.clone()));
        let answer = sign_in(&app, "oidc", &code).await;
        assert!(answer.status >= 400, "{employee}: {}", answer.text);
    }
    assert_eq!(app.database.count("users").await, 1);
    let linked = link(&app, &credential(&first), "github", "u1").await;
    assert_eq!(linked.ok()["id"], first.ok()["id"]);
}
