//! R-RT and R-IN: paths, request bodies of a login, and the order of checks.

use serde_json::{Value, json};

use crate::support::fake_users::{FACEBOOK_TOKEN, GITHUB_TOKEN};
use crate::support::{Engine, LOGIN_ROUTES, TestApp, on_both_databases};

on_both_databases! {
    r_rt_01_nine_resources_and_no_other_spelling,
    r_rt_02_provider_is_in_the_url_or_in_the_body,
    r_rt_03_trailing_slash_is_optional,
    r_rt_04_unknown_paths_are_not_found,
    r_rt_05_method_not_allowed_has_an_allow_header,
    r_rt_08_login_responses_are_not_cacheable,
    r_rt_09_sign_up_and_sign_in_have_the_same_status,
    path_without_a_kind_is_a_session_login,
    r_in_01_json_form_and_multipart_are_accepted,
    r_in_02_url_takes_precedence_over_the_body,
    r_in_03_query_is_ignored,
    r_in_05_each_field_error_has_its_message,
    r_in_06_an_empty_optional_field_of_a_form_is_absent,
    r_in_07_code_is_sent_unchanged_and_the_last_repeated_field_is_used,
    r_in_08_invalid_json_is_reported_with_its_position,
    r_in_09_json_must_be_an_object,
    r_in_10_a_provider_of_another_type_is_a_field_error,
    r_in_11_responses_are_json_for_every_accept_header,
    r_in_12_checks_run_in_the_order_of_drsa,
    unknown_body_fields_are_ignored,
}

async fn r_rt_01_nine_resources_and_no_other_spelling(engine: Engine) {
    let app = TestApp::start(engine).await;
    for (n, kind) in LOGIN_ROUTES.iter().enumerate() {
        let body = json!({"provider": "github", "code": format!("u{n}")});
        app.client().login(kind, body).await.ok();
    }
    for kind in ["token-user", "knox-user", "jwt_pair", "jwt_pair_user", "jwt-pair_user", "Token", "sessions"] {
        let answer = app.client().login(&format!("{kind}/github"), json!({"code": "u1"})).await;
        assert_eq!(answer.status, 404, "{kind}: {}", answer.text);
    }
}

async fn r_rt_02_provider_is_in_the_url_or_in_the_body(engine: Engine) {
    let app = TestApp::start(engine).await;
    let first = app.client().login("token_user/github", json!({"code": "u1"})).await.field("token");
    let second = app.client().login("token_user", json!({"provider": "github", "code": "u1b1"})).await;
    second.problem(400, "invalid_code");
    let second = app.client().login("token_user", json!({"provider": "github", "code": "u01"})).await;
    assert_eq!(second.field("token"), first, "person 1 again, by another code");
    let misspelt = app.client().login("token/GitHub", json!({"code": "u1"})).await.problem(404, "unknown_provider");
    assert_eq!(misspelt["detail"], "No provider of this name is configured. Did you mean github?");
}

async fn r_rt_03_trailing_slash_is_optional(engine: Engine) {
    let app = TestApp::start(engine).await;
    for (n, path) in ["token", "token/", "token/github", "token/github/", "github", ""].iter().enumerate() {
        let body = json!({"provider": "github", "code": format!("u{n}")});
        app.client().post(&format!("/api/login/social/{path}")).json(&body).send().await.ok();
    }
    for path in ["/api/login/social", "/api/user", "/api/token/verify", "/api/login/social/begin/github"] {
        let answer = app.client().request("OPTIONS", path).send().await;
        assert_ne!(answer.status, 404, "{path}");
    }
}

async fn r_rt_04_unknown_paths_are_not_found(engine: Engine) {
    let app = TestApp::start(engine).await;
    for path in [
        "/api/login/social/token/github//",
        "/api/login/social/token/git.hub/",
        "/api/login/social/token/github/more/",
        "/api/login/",
        "/api/nothing/",
        "/nothing",
    ] {
        let answer = app.client().post(path).json(&json!({"code": "u1"})).send().await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
    }
    assert!(app.double.calls().is_empty());
}

async fn r_rt_05_method_not_allowed_has_an_allow_header(engine: Engine) {
    let app = TestApp::start(engine).await;
    for path in
        ["/api/login/social/token/", "/api/login/social/token/github/", "/api/token/verify/", "/api/knox/logout/"]
    {
        for method in ["GET", "PUT", "PATCH", "DELETE"] {
            let answer = app.client().request(method, path).send().await;
            let body = answer.problem(405, "method_not_allowed");
            let allow = answer.header("allow").unwrap_or_default();
            assert!(allow.contains("POST") && !allow.contains(method), "{method} {path}: {allow}, {body}");
        }
    }
    let user = app.client().post("/api/user/").send().await;
    assert_eq!((user.status, user.header("allow").is_some_and(|allow| allow.contains("GET"))), (405, true));
}

async fn r_rt_08_login_responses_are_not_cacheable(engine: Engine) {
    let app = TestApp::start(engine).await;
    for body in [json!({"code": "u1"}), json!({"code": "bad"}), json!({})] {
        let answer = app.client().login("token/github", body).await;
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{}", answer.text);
    }
}

async fn r_rt_09_sign_up_and_sign_in_have_the_same_status(engine: Engine) {
    let app = TestApp::start(engine).await;
    let new = app.login("token_user", "u1").await;
    let known = app.login("token_user", "u01").await;
    assert_eq!((new.status, &new.text), (known.status, &known.text));
    assert_eq!(new.status, 200);
}

async fn path_without_a_kind_is_a_session_login(engine: Engine) {
    let app = TestApp::start(engine).await;
    for (n, path) in ["/api/login/social/", "/api/login/social/github/"].iter().enumerate() {
        let body = json!({"provider": "github", "code": format!("u{n}")});
        let answer = app.client().post(path).json(&body).send().await;
        assert_eq!(answer.keys(), ["id", "username", "first_name", "last_name", "email"]);
        assert!(answer.set_cookie("sessionid").is_some(), "{path}");
    }
}

async fn r_in_01_json_form_and_multipart_are_accepted(engine: Engine) {
    let app = TestApp::start(engine).await;
    let post = || app.client().post("/api/login/social/token_user/");
    let json = post().json(&json!({"provider": "github", "code": "u1"})).send().await;
    let form = post().form(&[("provider", "github"), ("code", "u01")]).send().await;
    let multipart = post().multipart(&[("provider", "github"), ("code", "u001")]).send().await;
    assert_eq!((json.field("username"), &form.text, &multipart.text), ("user1".to_owned(), &json.text, &json.text));
    let charset =
        post().body("application/json; charset=utf-8", r#"{"provider":"github","code":"u0001"}"#).send().await;
    assert_eq!(charset.text, json.text);

    // As curl sends JSON without a header.
    let form = "application/x-www-form-urlencoded";
    let mistaken = post().body(form, r#"{"provider":"github","code":"u2"}"#).send().await;
    let mistaken = mistaken.problem(415, "unsupported_media_type");
    assert!(mistaken["detail"].to_string().contains("Content-Type: application/json"), "{mistaken}");
    for kind in ["text/plain", "application/xml", "application/octet-stream"] {
        post().body(kind, r#"{"provider":"github","code":"u2"}"#).send().await.problem(415, "unsupported_media_type");
    }
    post().send().await.problem(400, "provider_missing");
    post().body("application/json", "").send().await.problem(400, "provider_missing");
    let no_fields = app.client().post("/api/login/social/token/github/").send().await;
    assert_eq!(no_fields.problem(400, "invalid_request")["errors"], json!({"code": ["This field is required."]}));
}

async fn r_in_02_url_takes_precedence_over_the_body(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.client().login("token/facebook", json!({"provider": "github", "code": "u1"})).await.ok();
    assert_eq!(app.double.calls_at(FACEBOOK_TOKEN).len(), 1);
    assert!(app.double.calls_at(GITHUB_TOKEN).is_empty());
    for (provider, message) in [
        (json!(["github"]), "Not a valid string."),
        (json!(""), "This field may not be blank."),
        (json!("  "), "This field may not be blank."),
        (json!(null), "This field may not be null."),
        (json!("a\u{0}"), "Null characters are not allowed."),
    ] {
        let answer = app.client().login("token/facebook", json!({"provider": provider, "code": "u2"})).await;
        assert_eq!(answer.problem(400, "invalid_request")["errors"]["provider"], json!([message]), "{provider}");
    }
}

async fn r_in_03_query_is_ignored(engine: Engine) {
    let app = TestApp::start(engine).await;
    let post = |query: &str| app.client().post(&format!("/api/login/social/token/{query}"));
    post("?code=u1&provider=github").json(&json!({})).send().await.problem(400, "provider_missing");
    let body = json!({"provider": "github", "code": "u1"});
    post("?format=json").json(&body).send().await.ok();
    post("?format=xml").json(&body).send().await.problem(404, "not_found");
}

async fn r_in_05_each_field_error_has_its_message(engine: Engine) {
    let app = TestApp::start(engine).await;
    for (fields, field, message) in [
        (json!({}), "code", "This field is required."),
        (json!({"code": ""}), "code", "This field may not be blank."),
        (json!({"code": "   "}), "code", "This field may not be blank."),
        (json!({"code": null}), "code", "This field may not be null."),
        (json!({"code": true}), "code", "Not a valid string."),
        (json!({"code": ["u1"]}), "code", "Not a valid string."),
        (json!({"code": {"a": 1}}), "code", "Not a valid string."),
        (json!({"code": "u1\u{0}"}), "code", "Null characters are not allowed."),
        (json!({"code": "u1", "redirect_uri": ""}), "redirect_uri", "This field may not be blank."),
        (json!({"code": "u1", "redirect_uri": null}), "redirect_uri", "This field may not be null."),
    ] {
        let answer = app.client().login("token/github", fields.clone()).await;
        let wanted: Value = json!({field: [message]});
        assert_eq!(answer.problem(400, "invalid_request")["errors"], wanted, "{fields}");
    }
    let both = app.client().login("token/github", json!({"redirect_uri": false})).await;
    let wanted = json!({"code": ["This field is required."], "redirect_uri": ["Not a valid string."]});
    assert_eq!(both.problem(400, "invalid_request")["errors"], wanted, "all faults at once");
    let odd = json!({"code": {"a": 1}, "state": ["x"], "flow_token": {}, "code_verifier": [1], "nonce": true});
    let no = json!(["Not a valid string."]);
    // As in django-rest-social-auth, a state that is no text counts as absent.
    let wanted = json!({"code": no, "code_verifier": no});
    let odd = app.client().login("token/github", odd).await;
    assert_eq!(
        odd.problem(400, "invalid_request")["errors"],
        wanted,
        "all faults at once, those of our own fields too"
    );
    assert!(app.double.calls().is_empty());

    // R-IN-04: a number is accepted as text.
    let number = app.client().login("token/github", json!({"code": 5})).await;
    number.problem(400, "invalid_code");
    assert_eq!(app.double.call_at(GITHUB_TOKEN).field("code").as_deref(), Some("5"));
}

async fn r_in_06_an_empty_optional_field_of_a_form_is_absent(engine: Engine) {
    let app = TestApp::start(engine).await;
    let form = [("code", "u1"), ("redirect_uri", "")];
    app.client().post("/api/login/social/token/github/").form(&form).send().await.ok();
    let sent = app.double.call_at(GITHUB_TOKEN).field("redirect_uri");
    assert_eq!(sent, Some(format!("{}/", app.node.base)), "not an empty one");
}

async fn r_in_07_code_is_sent_unchanged_and_the_last_repeated_field_is_used(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.client().login("token/github", json!({"code": " u1 "})).await.ok();
    assert_eq!(app.double.call_at(GITHUB_TOKEN).field("code").as_deref(), Some(" u1 "));
    app.double.clear_calls();
    let form = [("code", "bad"), ("code", "u2")];
    app.client().post("/api/login/social/token/github/").form(&form).send().await.ok();
    assert_eq!(app.double.call_at(GITHUB_TOKEN).field("code").as_deref(), Some("u2"));
}

async fn r_in_08_invalid_json_is_reported_with_its_position(engine: Engine) {
    let app = TestApp::start(engine).await;
    let post = |body: &'static [u8]| app.client().post("/api/login/social/token/").body("application/json", body);
    let problem = post(b"{bad").send().await.problem(400, "invalid_json");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("line 1")), "{problem}");
    for body in [&b"{\"code\":\"u1\""[..], b"\xff\xfe", b"nul", b"{} {}", b"{\"a\":1e999}"] {
        post(body).send().await.problem(400, "invalid_json");
    }
}

async fn r_in_09_json_must_be_an_object(engine: Engine) {
    let app = TestApp::start(engine).await;
    for path in ["token", "token/github"] {
        for body in ["[]", "[1]", "\"u1\"", "5", "null", "true"] {
            let path = format!("/api/login/social/{path}/");
            let answer = app.client().post(&path).body("application/json", body).send().await;
            answer.problem(400, "invalid_json");
        }
    }
}

async fn r_in_10_a_provider_of_another_type_is_a_field_error(engine: Engine) {
    let app = TestApp::start(engine).await;
    for provider in [json!(["github"]), json!({"name": "github"}), json!(true)] {
        let answer = app.client().login("token", json!({"provider": provider, "code": "u1"})).await;
        assert_eq!(answer.problem(400, "invalid_request")["errors"]["provider"], json!(["Not a valid string."]));
    }
    app.client().login("token", json!({"provider": 5, "code": "u1"})).await.problem(404, "unknown_provider");
    for provider in [json!(null), json!(""), json!("  ")] {
        app.client().login("token", json!({"provider": provider, "code": "u1"})).await.problem(400, "provider_missing");
    }
}

async fn r_in_11_responses_are_json_for_every_accept_header(engine: Engine) {
    let app = TestApp::start(engine).await;
    for (n, accept) in ["text/html,application/xhtml+xml,*/*;q=0.8", "text/html", "application/json", "application/*"]
        .iter()
        .enumerate()
    {
        let post = app.client().post("/api/login/social/token/github/").header("accept", accept);
        let answer = post.json(&json!({"code": format!("u{n}")})).send().await;
        answer.ok();
        assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with("application/json")), "{accept}");
    }
    let post = app.client().post("/api/login/social/token/github/").header("accept", "image/png");
    post.json(&json!({"code": "u1"})).send().await.problem(406, "not_acceptable");
}

async fn r_in_12_checks_run_in_the_order_of_drsa(engine: Engine) {
    let app = TestApp::start(engine).await;
    let bad = "Token 0123456789012345678901234567890123456789";
    let with = |method: &str, path: &str, authorization: &str| {
        let request = app.client().request(method, path);
        if authorization.is_empty() { request } else { request.header("authorization", authorization) }
    };
    let token = "/api/login/social/token/";
    with("POST", "/api/login/social/tokens/github/", bad).send().await.problem(404, "not_found");
    with("PUT", token, bad).send().await.problem(405, "method_not_allowed");
    with("POST", token, bad).body("application/json", "{bad").send().await.problem(401, "invalid_token");
    let session = with("POST", "/api/login/social/session/", "").header("origin", "https://evil.example");
    session.body("application/json", "{bad").send().await.problem(403, "csrf_failed");
    with("POST", token, "").body("application/json", "{bad").send().await.problem(400, "invalid_json");
    with("POST", token, "").json(&json!({"code": 1})).send().await.problem(400, "provider_missing");
    let unknown = json!({"provider": "nope", "redirect_uri": 1});
    with("POST", token, "").json(&unknown).send().await.problem(404, "unknown_provider");
    let fields = json!({"provider": "github", "redirect_uri": "https://evil.example"});
    with("POST", token, "").json(&fields).send().await.problem(400, "invalid_request");
    let first_step = json!({"provider": "twitter", "code": 7});
    assert_eq!(with("POST", token, "").json(&first_step).send().await.keys()[0], "oauth_token");
}

async fn unknown_body_fields_are_ignored(engine: Engine) {
    let app = TestApp::start(engine).await;
    let body = json!({"code": "u1", "clientId": "x", "redirectUri": "https://elsewhere.example", "popupOptions": {"width": 1},
        "scope": ["a", null], "optionalUrlParams": null, "requiredUrlParams": ["scope"], "type": "2.0", "authorizationHeader": true});
    app.client().login("token/github", body).await.ok();
    let call = app.double.call_at(GITHUB_TOKEN);
    assert_eq!(call.field("redirect_uri"), Some(format!("{}/", app.node.base)));
}
