//! The user's own routes: is_new, declared fields, PATCH, export and
//! deletion.

use std::time::Duration;

use futures_util::future::join_all;
use rest_social_auth::model::{AuditFilter, UserId};
use serde_json::{Value, json};

use crate::support::client::claims;
use crate::support::signer::challenge_of;
use crate::support::{Answer, Client, Engine, FRONTEND, LOGIN_ROUTES, REDIRECT_URI, TestApp, on_both_databases};

on_both_databases! {
    is_new_distinguishes_sign_up_from_sign_in_for_every_kind,
    is_new_is_in_the_redirect_the_code_exchange_and_a_repeat,
    names_have_no_control_or_bidi_characters,
    declared_fields_are_in_responses_claims_and_openapi,
    declared_field_is_read_per_provider,
    declared_field_is_updated_at_login_unless_configured_otherwise,
    invalid_value_leaves_a_declared_field_unchanged,
    invalid_declared_fields_stop_the_start_with_name_and_column,
    user_updates_the_editable_fields,
    field_that_is_not_editable_is_a_validation_error,
    changed_email_is_unverified_and_links_no_account,
    r_pipe_09_edited_fields_are_not_overwritten_by_a_login,
    username_stays_unique_in_a_race,
    sec_34_update_with_session_cookie_needs_an_allowed_origin,
    export_is_complete_and_has_no_secret,
    deleting_a_user_revokes_all_credentials_and_keeps_the_audit_log,
    deleting_a_user_revokes_the_provider_tokens,
    sec_25_deleting_and_unlinking_need_a_fresh_login,
}

const USER: &str = "/api/user/";

async fn patch(client: &Client, authorization: &str, body: Value) -> Answer {
    client.request("PATCH", USER).header("authorization", authorization).json(&body).send().await
}

async fn delete(client: &Client, path: &str, authorization: &str) -> Answer {
    client.request("DELETE", path).header("authorization", authorization).send().await
}

/// The GitHub profile of user 1 with additional fields.
fn github_user(more: Value) -> Value {
    let mut profile = json!({"id": 1, "login": "ana", "name": "Ana Lopez", "email": "ana@example.com"});
    profile.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
    profile
}

async fn is_new_distinguishes_sign_up_from_sign_in_for_every_kind(engine: Engine) {
    let app = TestApp::start(engine).await;
    assert!(!app.login("session", "u1").await.text.contains("is_new"), "only when configured");

    let app = TestApp::builder(engine).with("REST_SOCIAL_IS_NEW", "true").start().await;
    for (n, kind) in LOGIN_ROUTES.iter().enumerate() {
        let first = app.login(kind, &format!("u{}", n + 1)).await;
        let second = app.login(kind, &format!("u0{}", n + 1)).await;
        assert_eq!((&first.ok()["is_new"], &second.ok()["is_new"]), (&json!(true), &json!(false)), "{kind}");
        assert_eq!(first.keys().last().map(String::as_str), Some("is_new"), "{kind}");
    }
    // Linking another account to an existing user is not a sign-up.
    let token = format!("Token {}", app.token("token", "u001").await);
    assert_eq!(app.link("token/facebook", &token, "u20").await.ok()["is_new"], false);
    assert!(app.client().user(&token).await.ok().get("is_new").is_none(), "it is about a login");
}

async fn is_new_is_in_the_redirect_the_code_exchange_and_a_repeat(engine: Engine) {
    const APP: &str = "com.example.app:/cb";
    let plan = TestApp::builder(engine).with("REST_SOCIAL_IS_NEW", "true");
    let app = plan.with("ALLOWED_REDIRECT_URIS", &format!("{REDIRECT_URI},{APP}")).start().await;
    let redirect_flow = async |next: &str, kind: &str, code: &str| {
        let browser = app.browser();
        let there = browser.get(&format!("/api/login/social/authorize/github/?next={next}&kind={kind}")).send().await;
        let there = url::Url::parse(there.header("location").expect("a location")).expect("a URL");
        let state = there.query_pairs().find(|(name, _)| name == "state").expect("a state").1.into_owned();
        let path = format!("/api/login/social/complete/github/?code={code}&state={state}");
        browser.get(&path).send().await.header("location").expect("a location").to_owned()
    };
    assert_eq!(redirect_flow(REDIRECT_URI, "session", "u1").await, format!("{REDIRECT_URI}?is_new=true"));
    assert_eq!(redirect_flow(REDIRECT_URI, "session", "u01").await, format!("{REDIRECT_URI}?is_new=false"));
    let verifier = "v".repeat(43);
    let kind = format!("jwt-pair&code_challenge={}&code_challenge_method=S256", challenge_of(&verifier));
    let redirect = redirect_flow(APP, &kind, "u2").await;
    let code = redirect.split_once("code=").expect("a code").1.to_owned();
    let body = json!({"code": code, "code_verifier": verifier});
    let exchanged = app.client().post("/api/login/social/swap/").json(&body).send().await;
    assert_eq!(exchanged.ok()["is_new"], true);

    let browser = app.browser();
    let begun = app.begin(&browser, "github", json!({"redirect_uri": REDIRECT_URI})).await;
    let body = json!({"code": "u3", "state": begun.state});
    let first = browser.login("token/github", body.clone()).await;
    let again = browser.login("token/github", body).await;
    assert_eq!((first.ok()["is_new"].clone(), first.ok()), (json!(true), again.ok()));
}

const FIELDS: &str = r#"{
    "locale": {"from": "profile.locale"},
    "avatar": {"type": "url", "from": {"github": "profile.avatar_url", "facebook": "profile.picture.data.url"}},
    "joined": {"type": "date", "from": "profile.since", "update": "sign_up"},
    "followers": {"type": "integer", "from": "profile.followers"},
    "newsletter": {"type": "boolean", "editable": true},
    "nickname": {"from": "profile.nick", "editable": true}
}"#;

async fn with_fields(engine: Engine) -> TestApp {
    TestApp::builder(engine).with("REST_SOCIAL_USER_FIELDS", FIELDS).with("API_DOCS", "true").start().await
}

async fn names_have_no_control_or_bidi_characters(engine: Engine) {
    let app = TestApp::builder(engine)
        .with("REST_SOCIAL_USER_FIELDS", r#"{"about": {"from": "profile.bio", "editable": true}}"#)
        .with("REST_SOCIAL_EDITABLE_USER_FIELDS", "first_name,last_name,username")
        .start()
        .await;
    let bad = json!({"name": "A\u{1b}[31m B\r\nBcc: x\u{202e}", "bio": "a\u{1b}[0m\u{2066}\nb"});
    app.fake_users.set_profile("github", "u1", github_user(bad));
    let login = app.login("jwt-pair-user", "u1").await.ok();
    let names = (login["first_name"].as_str(), login["last_name"].as_str(), login["about"].as_str());
    assert_eq!(names, (Some("A[31m"), Some("B Bcc: x"), Some("a[0m\nb")), "{login}");
    let bearer = format!("Bearer {}", login["token"].as_str().expect("a token"));
    let patch = |body: Value| app.client().request("PATCH", "/api/user/").header("authorization", &bearer).json(&body);
    for name in ["first_name", "last_name", "username", "about"] {
        for text in ["\u{1b}[31mX", "X\u{202e}", "a\u{2067}b", "a\u{7}b"] {
            let problem = patch(json!({name: text})).send().await.problem(400, "invalid_request");
            assert!(problem["errors"][name].is_array(), "{problem}");
        }
    }
    patch(json!({"first_name": "a\nb"})).send().await.problem(400, "invalid_request");
    let changed = patch(json!({"first_name": "Zo\u{eb}", "about": "a\nb"})).send().await.ok();
    assert_eq!((&changed["first_name"], &changed["about"]), (&json!("Zo\u{eb}"), &json!("a\nb")));
}

async fn declared_fields_are_in_responses_claims_and_openapi(engine: Engine) {
    let app = with_fields(engine).await;
    let more = json!({"locale": "de", "avatar_url": "https://a.example/1.png", "followers": 7, "since": "2020-01-31"});
    app.fake_users.set_profile("github", "u1", github_user(more.clone()));
    app.fake_users.set_profile("github", "u01", github_user(more));
    let session = app.login("session", "u1").await;
    let all = "id,username,first_name,last_name,email,locale,avatar,joined,followers";
    assert_eq!(session.keys().join(","), all, "without those that have no value");
    assert_eq!(session.json()["followers"], 7);
    let pair = app.login("jwt-pair-user", "u01").await;
    assert_eq!(pair.keys().join(","), all.replace("id,", "id,token,refresh,"));
    for token in ["token", "refresh"] {
        let claims = claims(&pair.field(token));
        assert_eq!((&claims["locale"], &claims["joined"]), (&json!("de"), &json!("2020-01-31")), "{token}");
    }
    let bearer = format!("Bearer {}", pair.field("token"));
    assert_eq!(app.client().user(&bearer).await.json(), session.json());

    let document = app.client().get("/openapi.json").send().await.json();
    let schemas = &document["components"]["schemas"];
    for schema in ["User", "SessionUser", "UserWithToken", "UserWithTokenPair"] {
        let properties = &schemas[schema]["properties"];
        assert_eq!(properties["avatar"], json!({"type": "string", "format": "uri"}), "{schema}");
        assert_eq!(properties["followers"]["type"], "integer", "{schema}");
    }
    let change = schemas["UserChange"]["properties"].as_object().expect("properties");
    assert!(change["newsletter"]["nullable"] == true && !change.contains_key("avatar"), "{change:?}");
    for (path, has) in [("/openapi.yaml", "followers: {"), ("/docs/", "\"followers\":")] {
        let page = app.client().get(path).send().await;
        assert!(page.status == 200 && page.text.contains(has), "{path}");
    }
}

async fn declared_field_is_read_per_provider(engine: Engine) {
    let app = with_fields(engine).await;
    let picture = json!({"id": "9", "name": "Bo", "avatar_url": "https://wrong.example/",
        "picture": {"data": {"url": "https://f.example/9.jpg"}}});
    app.fake_users.set_profile("facebook", "u9", picture);
    let facebook = app.client().login("session/facebook", json!({"code": "u9"})).await;
    assert_eq!(facebook.field("avatar"), "https://f.example/9.jpg");
    let google = app.client().login("session/google-oauth2", json!({"code": "u8"})).await.ok();
    assert!(google.get("avatar").is_none(), "no place is named for google");
}

async fn declared_field_is_updated_at_login_unless_configured_otherwise(engine: Engine) {
    let plan = TestApp::builder(engine).with("REST_SOCIAL_USER_FIELDS", FIELDS);
    let plan = plan.with("SOCIAL_AUTH_PROTECTED_USER_FIELDS", "followers");
    let app = plan.with("SOCIAL_AUTH_IMMUTABLE_USER_FIELDS", "nickname").start().await;
    app.fake_users.set_profile(
        "github",
        "u1",
        github_user(json!({"locale": "de", "since": "2020-01-31", "followers": 1})),
    );
    let more = json!({"locale": "fr", "since": "2021-01-31", "followers": 2, "nick": "an"});
    app.fake_users.set_profile("github", "u01", github_user(more));
    app.fake_users.set_profile("github", "u001", github_user(json!({"locale": null, "nick": "other"})));
    app.login("session", "u1").await.ok();
    let second = app.login("session", "u01").await.ok();
    assert_eq!(second["locale"], "fr", "it follows");
    assert_eq!(second["joined"], "2020-01-31", "of the sign-up");
    assert_eq!((&second["followers"], &second["nickname"]), (&json!(1), &json!("an")), "protected; filled while empty");
    let third = app.login("session", "u001").await.ok();
    assert_eq!((&third["locale"], &third["nickname"]), (&json!("fr"), &json!("an")), "nothing said; immutable");
}

async fn invalid_value_leaves_a_declared_field_unchanged(engine: Engine) {
    let app = with_fields(engine).await;
    let more =
        json!({"locale": ["de"], "avatar_url": "javascript:alert(1)", "since": "yesterday", "followers": "many"});
    app.fake_users.set_profile("github", "u1", github_user(more));
    assert_eq!(app.login("session", "u1").await.keys().join(","), "id,username,first_name,last_name,email");
    app.fake_users.set_profile("github", "u01", github_user(json!({"locale": "d\u{0}e", "followers": " 12 "})));
    let user = app.login("session", "u01").await.ok();
    assert_eq!((&user["locale"], &user["followers"]), (&json!("de"), &json!(12)));
}

async fn invalid_declared_fields_stop_the_start_with_name_and_column(engine: Engine) {
    let errors_of = async |fields: &str| {
        let started = TestApp::builder(engine).with("REST_SOCIAL_USER_FIELDS", fields).try_start().await;
        let errors = started.err().unwrap_or_else(|| panic!("it starts with {fields}"));
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    };
    let name = "REST_SOCIAL_USER_FIELDS";
    for (fields, wanted) in [
        ("[]", format!("{name}: must be an object")),
        (r#"{"is_new": {}}"#, format!("{name}.is_new: is a name that answers or tokens already use")),
        (r#"{"user_id": {}}"#, format!("{name}.user_id: is a name")),
        (r#"{"Locale": {}}"#, format!("{name}.Locale: a field's name has")),
        (r#"{"a": {"type": "text"}}"#, format!("{name}.a.type: must be one of string,")),
        (r#"{"a": {"form": "x"}}"#, format!("{name}.a.form: is not a member of a field")),
        (r#"{"a": {"from": "profile.x +"}}"#, format!("{name}.a.from: `profile.x +`, column 1")),
        (r#"{"a": {"from": "person.x"}}"#, format!("{name}.a.from: `person.x`, column 1: there is no name `person`")),
        (r#"{"a": {"from": "access_token"}}"#, format!("{name}.a.from: `access_token`: may read only profile,")),
        (r#"{"a": {"from": {"githb": "profile.x"}}}"#, format!("{name}.a.from: there is no provider `githb`")),
    ] {
        let message = errors_of(fields).await;
        assert!(message.contains(&wanted), "{fields}: {message}");
    }
    let both = errors_of(r#"{"a": {"update": "never"}, "b": {"editable": "perhaps"}}"#).await;
    assert!(
        both.contains("a.update: must be one of login, sign_up") && both.contains("b.editable: must be true"),
        "{both}"
    );
    let plan = TestApp::builder(engine).with("REST_SOCIAL_EDITABLE_USER_FIELDS", "first_name,is_staff");
    let error = plan.try_start().await.err().expect("a mistake").remove(0).to_string();
    assert!(error.starts_with("REST_SOCIAL_EDITABLE_USER_FIELDS: \"is_staff\" is none of username,"), "{error}");
}

async fn editable(engine: Engine) -> TestApp {
    let plan = TestApp::builder(engine).with("REST_SOCIAL_USER_FIELDS", FIELDS);
    plan.with("REST_SOCIAL_EDITABLE_USER_FIELDS", "username,first_name,last_name,email").start().await
}

async fn user_updates_the_editable_fields(engine: Engine) {
    let app = editable(engine).await;
    let token = format!("Token {}", app.token("token", "u1").await);
    let change = json!({"username": "ana", "first_name": " Ana ", "newsletter": true, "unknown": [1]});
    let changed = patch(&app.client(), &token, change).await.ok();
    let wanted = json!({"id": 1, "username": "ana", "first_name": "Ana", "last_name": "Last1",
        "email": "user1@example.com", "newsletter": true});
    assert_eq!(changed, wanted);
    assert_eq!(app.client().user(&token).await.ok(), wanted);
    let form = app.client().request("PATCH", USER).header("authorization", &token);
    let form = form.form(&[("newsletter", "false"), ("last_name", ""), ("nickname", "an")]).send().await.ok();
    assert_eq!((&form["newsletter"], &form["last_name"], &form["nickname"]), (&json!(false), &json!(""), &json!("an")));
    let taken_away = patch(&app.client(), &token, json!({"nickname": null, "newsletter": ""})).await;
    assert_eq!(taken_away.keys().join(","), "id,username,first_name,last_name,email");
    assert_eq!(patch(&app.client(), &token, json!({})).await.ok(), taken_away.json());
}

async fn field_that_is_not_editable_is_a_validation_error(engine: Engine) {
    let app = TestApp::builder(engine).with("REST_SOCIAL_USER_FIELDS", FIELDS).start().await;
    let token = format!("Token {}", app.token("token", "u1").await);
    let mut body = json!({"id": 2, "first_name": "X", "avatar": "https://a.example/", "newsletter": "perhaps"});
    // Values of fields that are not editable are not validated.
    body["email"] = json!("x");
    let problem = patch(&app.client(), &token, body).await.problem(400, "invalid_request");
    let no = json!(["This field cannot be changed."]);
    assert_eq!(
        problem["errors"],
        json!({"id": no, "first_name": no, "email": no, "avatar": no, "newsletter": ["Must be a valid boolean."]})
    );
    app.client().request("PATCH", USER).json(&json!({})).send().await.problem(401, "not_authenticated");

    let app = editable(engine).await;
    let token = format!("Token {}", app.token("token", "u1").await);
    app.login("token", "u2").await.ok();
    let body = json!({"username": "a b", "first_name": "x".repeat(151), "last_name": null, "email": "invalid", "nickname": {}});
    let problem = patch(&app.client(), &token, body).await.problem(400, "invalid_request");
    let fields: Vec<&String> = problem["errors"].as_object().expect("errors").keys().collect();
    assert_eq!(fields, ["email", "first_name", "last_name", "nickname", "username"]);
    let taken = patch(&app.client(), &token, json!({"username": "user2", "first_name": "X"})).await;
    let message = json!({"username": ["A user with that username already exists."]});
    assert_eq!(taken.problem(400, "invalid_request")["errors"], message);
    assert_eq!(app.client().user(&token).await.field("first_name"), "First1", "all or nothing");
}

async fn changed_email_is_unverified_and_links_no_account(engine: Engine) {
    let plan = TestApp::builder(engine).with("REST_SOCIAL_EDITABLE_USER_FIELDS", "email").with(
        "SOCIAL_AUTH_PIPELINE",
        "social_details,social_uid,social_user,get_username,associate_by_email,create_user,associate_user,user_details",
    );
    let app = plan.start().await;
    // Google verifies the address.
    let google = app.client().login("token/google-oauth2", json!({"code": "u1"})).await;
    let token = format!("Token {}", google.field("token"));
    let verified = match engine {
        Engine::Sqlite => "SELECT email_verified FROM users",
        Engine::Postgres => "SELECT email_verified::int::bigint FROM users",
    };
    let before = app.database.number(verified).await;
    let same = patch(&app.client(), &token, json!({"email": app.client().user(&token).await.field("email")})).await;
    assert_eq!((same.status, app.database.number(verified).await), (200, before), "the same address stays as it was");
    patch(&app.client(), &token, json!({"email": "Victim@EXAMPLE.com"})).await.ok();
    assert_eq!(app.database.number(verified).await, 0);
    assert_eq!(app.client().user(&token).await.field("email"), "Victim@example.com");
    let victim = json!({"sub": "77", "email": "victim@example.com", "email_verified": true, "hd": "example.com"});
    app.fake_users.set_profile("google-oauth2", "u2", victim);
    let login = app.client().login("token/google-oauth2", json!({"code": "u2"})).await;
    login.problem(409, "account_exists");
}

async fn r_pipe_09_edited_fields_are_not_overwritten_by_a_login(engine: Engine) {
    let app = editable(engine).await;
    app.fake_users.set_profile("github", "u1", github_user(json!({"nick": "one", "locale": "de"})));
    app.fake_users.set_profile(
        "github",
        "u01",
        github_user(json!({"nick": "two", "locale": "fr", "name": "Eva Maier"})),
    );
    let token = format!("Token {}", app.token("token", "u1").await);
    patch(&app.client(), &token, json!({"first_name": "Annie", "nickname": "mine", "last_name": "Lopez"})).await.ok();
    let user = app.login("session", "u01").await.ok();
    assert_eq!((&user["first_name"], &user["nickname"]), (&json!("Annie"), &json!("mine")), "edited by the user");
    assert_eq!(
        (&user["last_name"], &user["locale"]),
        (&json!("Maier"), &json!("fr")),
        "posted as it was, or not at all"
    );
}

async fn username_stays_unique_in_a_race(engine: Engine) {
    let app = editable(engine).await;
    let mut tokens = Vec::new();
    for n in 1..=4 {
        tokens.push(format!("Token {}", app.token("token", &format!("u{n}")).await));
    }
    let client = app.client();
    let answers = join_all(tokens.iter().map(|token| patch(&client, token, json!({"username": "wanted"})))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400, 400, 400]);
}

async fn sec_34_update_with_session_cookie_needs_an_allowed_origin(engine: Engine) {
    let app = editable(engine).await;
    let browser = app.browser();
    browser.login("session/github", json!({"code": "u1"})).await.ok();
    let change = json!({"first_name": "X"});
    for method in ["PATCH", "DELETE"] {
        let call = || browser.request(method, USER).json(&change);
        call().send().await.problem(403, "csrf_failed");
        call().header("origin", "https://evil.example").send().await.problem(403, "csrf_failed");
    }
    let changed = browser.request("PATCH", USER).header("origin", FRONTEND).json(&change).send().await;
    assert_eq!(changed.field("first_name"), "X");
    let out = browser.request("DELETE", USER).header("origin", FRONTEND).send().await;
    assert_eq!((out.status, out.text.as_str()), (204, ""));
    assert!(browser.cookie("sessionid").is_none(), "the browser drops the cookie");
}

async fn export_is_complete_and_has_no_secret(engine: Engine) {
    let plan = TestApp::builder(engine).with("REST_SOCIAL_USER_FIELDS", FIELDS).with("STORE_PROVIDER_TOKENS", "true");
    let app = plan.start().await;
    app.fake_users.set_profile("github", "u1", github_user(json!({"locale": "de"})));
    let login = app.login("jwt-pair", "u1").await;
    let knox = app.client().post("/api/login/social/knox/facebook/").json(&json!({"code": "u2"})).send().await;
    knox.ok();
    let bearer = format!("Bearer {}", login.field("token"));
    patch(&app.client(), &bearer, json!({"newsletter": true})).await.ok();
    let answer = app.client().get("/api/user/export/").header("authorization", &bearer).send().await;
    assert_eq!(answer.keys().join(","), "exported,user,social_accounts,credentials,events");
    let export = answer.json();
    assert_eq!(export["user"]["fields"], json!({"locale": "de", "newsletter": true}));
    assert_eq!(export["user"]["edited"], json!(["newsletter"]));
    assert_eq!(export["social_accounts"][0]["uid"], "1");
    assert_eq!(export["credentials"].as_array().map(Vec::len), Some(1), "{export}");
    let events: Vec<&Value> = export["events"].as_array().expect("a list").iter().map(|row| &row["event"]).collect();
    assert_eq!(events, ["updated", "sign_up"]);
    for secret in ["gho_u1", &login.field("token"), &login.field("refresh")] {
        assert!(!answer.text.contains(secret), "{secret}");
    }
    app.client().get("/api/user/export/").send().await.problem(401, "not_authenticated");
}

async fn deleting_a_user_revokes_all_credentials_and_keeps_the_audit_log(engine: Engine) {
    let app = TestApp::start(engine).await;
    let pair = app.login("jwt-pair", "u1").await;
    let mut headers = vec![format!("Bearer {}", pair.field("token"))];
    for (kind, code) in [("token", "u01"), ("knox", "u001")] {
        headers.push(format!("Token {}", app.token(kind, code).await));
    }
    let browser = app.browser();
    browser.login("session/github", json!({"code": "u0001"})).await.ok();
    let other_user = format!("Token {}", app.token("token", "u2").await);
    let out = delete(&app.client(), USER, &headers[1]).await;
    assert_eq!((out.status, out.text.as_str()), (204, ""));
    for header in &headers {
        assert_eq!(app.client().user(header).await.status, 401, "{header}");
    }
    assert_eq!(browser.get(USER).send().await.status, 401);
    let refresh = json!({"refresh": pair.field("refresh")});
    assert_eq!(app.client().post("/api/token/refresh/").json(&refresh).send().await.status, 401);
    app.client().user(&other_user).await.ok();
    for table in ["users", "social_accounts", "tokens"] {
        assert_eq!(app.database.count(table).await, 1, "{table}");
    }
    let trail =
        app.database.repository().await.audit_events(&AuditFilter::of_user(UserId(1)), 9).await.expect("the audit log");
    assert_eq!((trail[0].event.as_str(), trail.len()), ("deleted", 5));
    assert_eq!(app.login("token_user", "u00001").await.ok()["id"], 3, "the account signs up a new user");
}

async fn deleting_a_user_revokes_the_provider_tokens(engine: Engine) {
    let app = TestApp::builder(engine).with("STORE_PROVIDER_TOKENS", "true").start().await;
    let login = app.client().login("token/google-oauth2", json!({"code": "u1"})).await;
    let token = format!("Token {}", login.field("token"));
    app.double.always("GET accounts.google.com/o/oauth2/revoke", crate::support::Reply::json(&json!({})));
    app.double.clear_calls();
    assert_eq!(delete(&app.client(), USER, &token).await.status, 204);
    app.double.wait_for_call("GET accounts.google.com/o/oauth2/revoke").await;
}

async fn sec_25_deleting_and_unlinking_need_a_fresh_login(engine: Engine) {
    let rotating = TestApp::builder(engine).with("SIMPLE_JWT_ROTATE_REFRESH_TOKENS", "True");
    let plan =
        rotating.with("SIMPLE_JWT_BLACKLIST_AFTER_ROTATION", "True").with("SIMPLE_JWT_ACCESS_TOKEN_LIFETIME", "3600");
    let app = plan.start().await;
    let pair = app.login("jwt-pair", "u1").await;
    let permanent = format!("Token {}", app.token("token", "u01").await);
    let knox = format!("Token {}", app.token("knox", "u001").await);
    let sliding = app.token("jwt-sliding", "u0001").await;
    app.advance(Duration::from_secs(200));
    let renew = json!({"token": sliding});
    let sliding = app.client().post("/api/token/sliding/refresh/").json(&renew).send().await.field("token");
    app.advance(Duration::from_secs(290));
    let renew = json!({"token": sliding});
    let sliding = app.client().post("/api/token/sliding/refresh/").json(&renew).send().await.field("token");
    app.advance(Duration::from_secs(290));
    let renew = json!({"token": sliding});
    let sliding = app.client().post("/api/token/sliding/refresh/").json(&renew).send().await.field("token");
    app.advance(Duration::from_secs(121));
    // A refreshed token does not count as a fresh login.
    let refreshed =
        app.client().post("/api/token/refresh/").json(&json!({"refresh": pair.field("refresh")})).send().await;
    let bearers = [pair.field("token"), refreshed.field("access"), sliding].map(|token| format!("Bearer {token}"));
    for header in bearers.iter().chain([&permanent, &knox]) {
        let refused = delete(&app.client(), USER, header).await;
        refused.problem(403, "fresh_login_required");
        delete(&app.client(), "/api/user/social/1/", header).await.problem(403, "fresh_login_required");
    }
    let rows = app
        .database
        .repository()
        .await
        .audit_events(&AuditFilter::of_user(UserId(1)), 99)
        .await
        .expect("the audit log");
    assert_eq!(rows.iter().filter(|row| row.code.as_deref() == Some("fresh_login_required")).count(), 10);
    // A new login is enough, also for a permanent token, which stays the same.
    assert_eq!(format!("Token {}", app.token("token", "u00001").await), permanent);
    delete(&app.client(), "/api/user/social/1/", &permanent).await.problem(409, "last_login_method");
    assert_eq!(delete(&app.client(), USER, &permanent).await.status, 204);

    let app = TestApp::builder(engine).with("FRESH_LOGIN_AGE", "0").start().await;
    let knox = format!("Token {}", app.token("knox", "u1").await);
    app.advance(Duration::from_secs(30_000));
    assert_eq!(delete(&app.client(), USER, &knox).await.status, 204);
}
