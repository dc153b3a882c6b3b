//! Tokens issued to another client, tokens with a wrong at_hash, and truncated tokens.

use serde_json::{Value, json};

use super::{keycloak, keycloak_claims, sign_in};
use crate::support::fake_users::{CLIENT_ID, OIDC_TOKEN};
use crate::support::{Engine, Reply, TestApp, on_both_databases, signer};

on_both_databases! {
    cve_2026_30949_parse_token_of_another_client_is_refused,
    cve_2026_28498_authlib_at_hash_is_checked_for_every_algorithm,
    cve_2026_27840_zitadel_truncated_credential_is_refused,
}

/// Parse accepted any access token of the Keycloak realm, even if it was issued to another client. Here `azp` and `aud` must be
/// this client in every flow, and an access token that a caller posts is refused.
async fn cve_2026_30949_parse_token_of_another_client_is_refused(engine: Engine) {
    let app = keycloak(engine).await;
    let token_answer = |claims: &Value| {
        let token = json!({"access_token": signer::signed(claims), "token_type": "Bearer"});
        app.double.always("POST sso.example/realms/one/protocol/openid-connect/token", Reply::json(&token));
    };
    for (n, (change, is_accepted)) in [
        (json!({}), true),
        (json!({"azp": "another"}), false),
        (json!({"aud": "another", "azp": "another"}), false),
        (json!({"aud": ["k1", "another"], "azp": "another"}), false),
        (json!({"aud": ["k1", "another"], "azp": null}), false),
        (json!({"aud": null, "azp": "another"}), false),
        (json!({"aud": null, "azp": null}), false),
        (json!({"aud": "", "azp": ""}), false),
        (json!({"aud": [], "azp": ["k1"]}), false),
        (json!({"aud": "K1", "azp": "K1"}), false),
        (json!({"aud": "k1 another", "azp": "another"}), false),
        (json!({"aud": {"k1": true}, "azp": "k1x"}), false),
        (json!({"azp": 1}), false),
        (json!({"azp": {"client": "k1"}}), false),
    ]
    .into_iter()
    .enumerate()
    {
        token_answer(&keycloak_claims(&app, &change));
        let answer = sign_in(&app, "keycloak", &format!("c{n}")).await;
        assert_eq!(answer.status, if is_accepted { 200 } else { 502 }, "{change}: {}", answer.text);
    }
    assert_eq!(app.database.count("users").await, 1);
    // A token posted by the caller is refused.
    let stolen = signer::signed(&keycloak_claims(&app, &json!({"azp": "another"})));
    for name in ["access_token", "id_token", "token", "credential", "authData", "oauth_token"] {
        let answer = app.client().login("token/keycloak", json!({name: stolen, "id": "10"})).await;
        assert!(matches!(answer.status, 400 | 502), "{name}: {}", answer.text);
    }

    // The same for ID tokens from the token endpoint and from an app.
    let app = TestApp::builder(engine).oidc().start().await;
    for (n, (name, value)) in [
        ("azp", json!("another")),
        ("azp", json!("")),
        ("azp", json!([CLIENT_ID])),
        ("aud", json!("another")),
        ("aud", json!([])),
        ("aud", json!([[CLIENT_ID]])),
        ("aud", json!([CLIENT_ID, "another"])),
        ("aud", json!({CLIENT_ID: true})),
        ("aud", json!(format!("{CLIENT_ID} another"))),
        ("aud", json!(CLIENT_ID.to_ascii_uppercase())),
        ("aud", Value::Null),
    ]
    .into_iter()
    .enumerate()
    {
        let (changed, code) = (value.clone(), format!("u{}", n + 1));
        app.fake_users.change_claims(move |claims| claims[name] = changed.clone());
        let by_code = sign_in(&app, "oidc", &code).await;
        assert_eq!(by_code.status, 502, "{name} {value}: {}", by_code.text);
        let token = signer::signed(&app.fake_users.id_token_claims(&code, None, ""));
        let by_token = app.client().login("token/oidc", json!({"id_token": token})).await;
        assert_eq!(by_token.status, 502, "{name} {value}: {}", by_token.text);
    }
    assert_eq!(app.database.count("users").await, 0);
}

/// Authlib skipped the at_hash check for an unknown algorithm, so a changed header removed the binding between ID token and
/// access token. Here only listed algorithms are accepted, and an at_hash must be correct when it is present.
async fn cve_2026_28498_authlib_at_hash_is_checked_for_every_algorithm(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    let token_answer = |header: &Value, change: &Value, n: usize| {
        let code = format!("u{n}");
        let access_token = format!("oidc-{code}");
        let mut claims = app.fake_users.id_token_claims(&code, None, &access_token);
        for (name, value) in change.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        let token = signer::signed_with_header(header, &claims);
        app.double.always(
            OIDC_TOKEN,
            Reply::json(&json!({"access_token": access_token, "token_type": "Bearer", "id_token": token})),
        );
        code
    };
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": signer::KEY_ID});
    let another = signer::at_hash("another access token");
    let mut n = 0;
    for alg in [
        json!("CUSTOM_ALG"),
        json!("RS257"),
        json!("rs256"),
        json!("RS256 "),
        json!("none"),
        json!("None"),
        json!("HS256"),
        json!("RS512"),
        json!("PS256"),
        json!(""),
        json!(256),
        json!(["RS256"]),
        Value::Null,
    ] {
        for change in [json!({"at_hash": another}), json!({})] {
            n += 1;
            let mut header = header.clone();
            header["alg"] = alg.clone();
            let code = token_answer(&header, &change, n);
            let answer = sign_in(&app, "oidc", &code).await;
            assert_eq!(answer.status, 502, "alg {alg}, {change}: {}", answer.text);
        }
    }
    for at_hash in [
        json!(another),
        json!(""),
        json!(" "),
        json!(0),
        json!(false),
        json!([]),
        json!({}),
        json!("A"),
        json!(another.to_ascii_lowercase()),
        json!(format!("{}=", signer::at_hash(&format!("oidc-u{}", n + 9)))),
    ] {
        n += 1;
        let code = token_answer(&header, &json!({"at_hash": at_hash}), n);
        let answer = sign_in(&app, "oidc", &code).await;
        assert_eq!(answer.status, 502, "at_hash {at_hash}: {}", answer.text);
    }
    assert_eq!(app.database.count("users").await, 0);
    let code = token_answer(&header, &json!({}), n + 1);
    sign_in(&app, "oidc", &code).await.ok();
}

/// Zitadel accepted an opaque token without its last part. Here credentials are compared as a whole: truncated, extended and
/// rewritten ones are refused.
async fn cve_2026_27840_zitadel_truncated_credential_is_refused(engine: Engine) {
    let app = TestApp::start(engine).await;
    let variants = |token: &str| {
        let mut texts: Vec<String> = (0..token.len()).map(|length| token[..length].to_owned()).collect();
        texts.extend((1..4).map(|from| token[from..].to_owned()));
        texts.extend(["=", ".", "A", "0", "%00", ":1", "-at_1"].map(|more| format!("{token}{more}")));
        texts.push(token.chars().rev().collect());
        texts.retain(|text| text != token);
        texts
    };
    for (kind, scheme, code) in [
        ("token", "Token", "u1"),
        ("knox", "Token", "u01"),
        ("jwt-pair", "Bearer", "u001"),
        ("jwt-sliding", "Bearer", "u0001"),
    ] {
        let token = app.token(kind, code).await;
        app.client().user(&format!("{scheme} {token}")).await.ok();
        let texts = variants(&token);
        let other_case: String = token
            .chars()
            .map(|c| if c.is_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
            .collect();
        for text in texts.iter().chain([&other_case]) {
            let answer = app.client().user(&format!("{scheme} {text}")).await;
            assert_eq!(answer.status, 401, "{kind}, {} of {} characters: {}", text.len(), token.len(), answer.text);
        }
    }
    let refresh = app.login("jwt-pair", "u00001").await.field("refresh");
    for text in variants(&refresh) {
        let answer = app.client().post("/api/token/refresh/").json(&json!({"refresh": text})).send().await;
        assert!(matches!(answer.status, 400 | 401), "{} characters: {}", text.len(), answer.text);
    }
    let browser = app.browser();
    browser.login("session/github", json!({"code": "u000001"})).await.ok();
    let session = browser.cookie("sessionid").expect("a session");
    for text in variants(&session) {
        browser.set_cookie("sessionid", &text);
        assert_eq!(browser.get("/api/user/").send().await.status, 401, "{text}");
    }
    // The same for flow tokens.
    let client = app.client();
    let begun = app.begin(&client, "github", json!({})).await;
    for text in variants(&begun.flow_token).into_iter().step_by(7) {
        let body = json!({"code": "u6", "state": begun.state, "flow_token": text});
        client.login("token/github", body).await.problem(400, "flow_mismatch");
    }
    assert_eq!(app.database.count("users").await, 1);
}
