//! SEC-26 to SEC-29 and SEC-42: issue, storage, verification and revocation of credentials.

use std::marker::PhantomData;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use data_encoding::HEXLOWER;
use rest_social_auth::model::UserId;
use rest_social_auth::secrets::{Digest, SecretString, ServerKey};
use serde_json::{Value, json};

use crate::support::client::{claims, jwt_header};
use crate::support::signer;
use crate::support::test_app::SECRET_KEY;
use crate::support::{Engine, TestApp, on_both_databases};

on_both_databases! {
    sec_26_deactivating_a_user_revokes_every_credential_at_once,
    sec_27_responses_do_not_reveal_which_users_exist,
    sec_28_database_dump_contains_no_usable_credential,
    sec_29_token_of_another_type_is_refused,
    sec_29_forged_tokens_are_refused,
    sec_29_other_audience_is_refused,
    sec_29_asymmetric_tokens_have_a_type_and_a_pinned_algorithm,
}

async fn sec_26_deactivating_a_user_revokes_every_credential_at_once(engine: Engine) {
    let app = TestApp::start(engine).await;
    let browser = app.browser();
    browser.login("session/github", json!({"code": "u1"})).await.ok();
    let mut headers = Vec::new();
    for (n, (kind, scheme)) in
        [("token", "Token"), ("knox", "Token"), ("jwt-pair", "Bearer"), ("jwt-sliding", "Bearer")].iter().enumerate()
    {
        let token = app.token(kind, &format!("u{}1", "0".repeat(n + 1))).await;
        headers.push(format!("{scheme} {token}"));
    }
    let refresh = app.login("jwt-pair", "u0000001").await.field("refresh");
    for header in &headers {
        app.client().user(header).await.ok();
    }
    let repository = app.database.repository().await;
    assert!(repository.set_active(UserId(1), false, app.clock.now()).await.expect("a write"));
    for header in &headers {
        assert_eq!(app.client().user(header).await.status, 401, "{header}");
    }
    assert_eq!(browser.get("/api/user/").send().await.status, 401);
    let post = |path: &str, body: Value| app.client().post(path).json(&body).send();
    assert_eq!(post("/api/token/refresh/", json!({"refresh": refresh})).await.status, 401);
    assert_eq!(post("/api/token/verify/", json!({"token": refresh})).await.status, 401);
    app.login("token", "u00000001").await.problem(403, "user_inactive");

    // After reactivation, revoked JWTs and sessions stay revoked.
    assert!(repository.set_active(UserId(1), true, app.clock.now()).await.expect("a write"));
    assert_eq!(post("/api/token/refresh/", json!({"refresh": refresh})).await.status, 401);
    app.login("token", "u000000001").await.ok();
}

async fn sec_27_responses_do_not_reveal_which_users_exist(engine: Engine) {
    let app = TestApp::start(engine).await;
    app.login("token", "u1").await.ok();
    app.login("token", "u2").await.ok();
    let repository = app.database.repository().await;
    repository.set_active(UserId(2), false, app.clock.now()).await.expect("a write");
    // The response to an invalid code is the same for every user.
    let mut answers = Vec::new();
    for code in ["bad-u1", "bad-u2", "bad-u3"] {
        let mut body = app.login("token", code).await.problem(400, "invalid_code");
        body["request_id"] = json!("");
        answers.push(body.to_string());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    // So is the response to a forged credential of an active, an inactive and a missing user.
    for user in ["1", "2", "999"] {
        let made_up = signer::hs256(
            b"not the key",
            &json!({"token_type": "access", "exp": 1_795_530_000_i64, "jti": "a", "user_id": user}),
        );
        app.client().user(&format!("Bearer {made_up}")).await.problem(401, "token_not_valid");
    }
}

async fn sec_28_database_dump_contains_no_usable_credential(engine: Engine) {
    let app = TestApp::builder(engine).oidc().start().await;
    let browser = app.browser();
    let mut secrets = Vec::new();
    browser.login("session/github", json!({"code": "u1"})).await.ok();
    secrets.extend(browser.cookie("sessionid"));
    for (kind, code) in [("token", "u01"), ("knox", "u001"), ("jwt-sliding", "u0001")] {
        secrets.push(app.token(kind, code).await);
    }
    let pair = app.login("jwt-pair", "u00001").await;
    secrets.extend([pair.field("token"), pair.field("refresh")]);
    // The dump includes authorization requests and a stored answer.
    let browser = app.browser();
    let begun = app.begin(&browser, "oidc", json!({})).await;
    secrets.extend([begun.state.clone(), begun.flow_token.clone(), "u1".to_owned()]);
    secrets.extend(browser.cookies().into_values());
    let kept = app.begin(&browser, "github", json!({})).await;
    let answer = browser.login("knox/github", json!({"code": "u000001", "state": kept.state})).await;
    secrets.push(answer.field("token"));

    let dump = app.database.dump().await;
    assert!(dump.len() > 50, "there is something to try: {}", dump.len());
    for stored in &dump {
        let (bytes, place) = (&stored.bytes, format!("{}.{}", stored.table, stored.column));
        for secret in secrets.iter().filter(|secret| secret.len() > 8) {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{place} holds {secret}");
        }
        let text = String::from_utf8(bytes.clone()).ok();
        let mut forms = vec![HEXLOWER.encode(bytes), URL_SAFE_NO_PAD.encode(bytes), STANDARD.encode(bytes)];
        forms.extend(text.filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())));
        for form in forms.iter().filter(|form| form.len() >= 15) {
            let client = app.client();
            for scheme in ["Token", "Bearer"] {
                assert_eq!(client.user(&format!("{scheme} {form}")).await.status, 401, "{place} as {scheme}");
            }
            for value in [form.clone(), format!("rsas_{form}")] {
                let browser = app.browser();
                browser.set_cookie("sessionid", &value);
                assert_eq!(browser.get("/api/user/").send().await.status, 401, "{place} as a session");
            }
        }
    }
}

async fn sec_29_token_of_another_type_is_refused(engine: Engine) {
    let app = TestApp::start(engine).await;
    let pair = app.login("jwt-pair", "u1").await;
    let (access, refresh) = (pair.field("token"), pair.field("refresh"));
    let sliding = app.token("jwt-sliding", "u01").await;
    app.client().user(&format!("Bearer {refresh}")).await.problem(401, "token_not_valid");
    for (path, field, token) in [
        ("/api/token/refresh/", "refresh", &access),
        ("/api/token/refresh/", "refresh", &sliding),
        ("/api/token/sliding/refresh/", "token", &access),
        ("/api/token/sliding/refresh/", "token", &refresh),
        ("/api/token/blacklist/", "refresh", &access),
    ] {
        let answer = app.client().post(path).json(&json!({field: token})).send().await;
        assert_eq!(answer.problem(401, "token_not_valid")["detail"], "Token has wrong type", "{path}");
    }
}

async fn sec_29_forged_tokens_are_refused(engine: Engine) {
    let app = TestApp::start(engine).await;
    let access = app.token("jwt-pair", "u1").await;
    let good = claims(&access);
    app.client().user(&format!("Bearer {}", signer::hs256(SECRET_KEY.as_bytes(), &good))).await.ok();
    let changed = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        signer::hs256(SECRET_KEY.as_bytes(), &claims)
    };
    let (head, rest) = access.split_once('.').expect("a JWT");
    let forged = [
        signer::unsigned(&good),
        signer::unsigned(&good).trim_end_matches('.').to_owned(),
        signer::hs256(b"", &good),
        signer::hs256(b"secret", &good),
        signer::signed(&good),
        format!("{head}.{}", rest.replace('.', "..")),
        format!("{access}A"),
        format!("{head}.{}", rest.split('.').next().unwrap_or_default()),
        changed("user_id", json!(["1"])),
        changed("user_id", json!("1 OR 1=1")),
        changed("user_id", json!(1.5)),
        changed("exp", json!("9999999999")),
        changed("exp", json!(0)),
        changed("jti", json!("")),
        changed("jti", json!("x".repeat(100))),
        changed("token_type", json!("refresh")),
        changed("nbf", json!(1_795_530_000_i64)),
        "a".repeat(9000),
        format!("{head}.{}.{}", "e30".repeat(2000), "a"),
    ];
    for token in forged {
        let answer = app.client().user(&format!("Bearer {token}")).await;
        assert_eq!(answer.status, 401, "{token}: {}", answer.text);
    }
}

async fn sec_29_other_audience_is_refused(engine: Engine) {
    let plan = TestApp::builder(engine).with("SIMPLE_JWT_AUDIENCE", "us");
    let app = plan.with("SIMPLE_JWT_ISSUER", "https://login.example").start().await;
    let good = claims(&app.token("jwt-pair", "u1").await);
    for (name, value) in [
        ("aud", json!("them")),
        ("aud", json!(["them", "others"])),
        ("iss", json!("https://evil.example")),
        ("aud", json!(null)),
    ] {
        let mut claims = good.clone();
        claims[name] = value;
        let token = signer::hs256(SECRET_KEY.as_bytes(), &claims);
        app.client().user(&format!("Bearer {token}")).await.problem(401, "token_not_valid");
    }
}

async fn sec_29_asymmetric_tokens_have_a_type_and_a_pinned_algorithm(engine: Engine) {
    let key = rcgen::KeyPair::generate().expect("a P-256 key");
    let plan = TestApp::builder(engine)
        .with("SIMPLE_JWT_ALGORITHM", "ES256")
        .with("SIMPLE_JWT_SIGNING_KEY", &key.serialize_pem());
    let app = plan.with("SIMPLE_JWT_VERIFYING_KEY", &key.public_key_pem()).start().await;
    let pair = app.login("jwt-pair", "u1").await;
    let access = pair.field("token");
    for (token, kind) in [(&access, "at+jwt"), (&pair.field("refresh"), "refresh+jwt")] {
        let header = jwt_header(token);
        assert_eq!((&header["alg"], &header["typ"]), (&json!("ES256"), &json!(kind)));
        assert!(header["kid"].as_str().is_some_and(|kid| !kid.is_empty()), "{header}");
    }
    app.client().user(&format!("Bearer {access}")).await.ok();
    let good = claims(&access);
    for secret in [key.public_key_pem().into_bytes(), SECRET_KEY.as_bytes().to_vec()] {
        let forged = signer::hs256(&secret, &good);
        app.client().user(&format!("Bearer {forged}")).await.problem(401, "token_not_valid");
    }
    assert_eq!(app.client().user(&format!("Bearer {}", signer::unsigned(&good))).await.status, 401);
}

/// Whether `T` can be compared by `==`: the inherent constant wins where it exists.
struct Comparable<T>(PhantomData<T>);

trait NotComparable {
    const BY_EQ: bool = false;
}

impl<T> NotComparable for Comparable<T> {}

impl<T: PartialEq> Comparable<T> {
    const BY_EQ: bool = true;
}

#[test]
fn sec_42_secrets_cannot_be_compared_by_eq_nor_printed() {
    const {
        assert!(Comparable::<String>::BY_EQ, "the probe works");
        assert!(!Comparable::<Digest>::BY_EQ);
        assert!(!Comparable::<SecretString>::BY_EQ);
        assert!(!Comparable::<ServerKey>::BY_EQ);
    }
    let secret = SecretString::from("visible");
    let shown = format!("{secret:?} {:?} {:?}", Digest::of(b"visible"), ServerKey::new(&secret));
    assert!(!shown.contains("visible"), "{shown}");
    assert!(!shown.contains(&HEXLOWER.encode(Digest::of(b"visible").as_bytes())[..8]), "{shown}");
}
