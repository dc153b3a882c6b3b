//! RFC 7662 and RFC 7009: services introspect and revoke the credentials of users with credentials of their own.

use std::time::Duration;

use base64::Engine as _;
use rest_social_auth::clock::Deps;
use rest_social_auth::model::{self, AuditEvent, AuditFilter, AuditKind, AuditRecord, UserId};
use rest_social_auth::secrets::ExposeSecret as _;
use serde_json::{Value, json};

use crate::support::client::{Request, claims};
use crate::support::{Answer, Client, Engine, TestApp, on_both_databases};

on_both_databases! {
    rfc_7662_introspection_describes_every_kind_of_credential,
    rfc_7662_introspection_is_no_use_of_the_credential,
    rfc_7662_only_valid_credentials_of_active_users_are_active,
    rfc_7662_access_token_of_a_revoked_family_is_not_active,
    rfc_6749_2_3_1_services_authenticate_by_header_or_body,
    rfc_7009_service_revokes_every_kind_of_credential,
    rfc_7009_tokens_of_another_issuer_are_revoked_or_refused,
    rfc_7009_replaced_refresh_token_revokes_its_family,
    rfc_7009_access_token_is_revoked_after_its_refresh_token_was_blacklisted,
}

/// A service with its credential.
pub struct Service {
    client: Client,
    id: String,
    secret: String,
}

impl Service {
    pub async fn add(app: &TestApp, name: &str) -> Self {
        let (service, secret) = model::Service::new(name.parse().expect("a name"), &Deps::system());
        let audit = AuditEvent::of_service(AuditKind::ServiceAdded, service.name.clone(), app.clock.now());
        let repository = app.database.repository().await;
        assert!(repository.insert_service(&service, &audit).await.expect("a write"));
        Self { client: app.client(), id: service.client_id, secret: secret.expose_secret().to_owned() }
    }

    /// The same service at another node.
    pub fn at(&self, client: Client) -> Self {
        Self { client, id: self.id.clone(), secret: self.secret.clone() }
    }

    fn call(&self, action: &str) -> Request {
        self.client.post(&format!("/api/token/{action}/")).header("authorization", basic(&self.id, &self.secret))
    }

    pub async fn introspect(&self, token: &str) -> Answer {
        self.call("introspect").form(&[("token", token)]).send().await
    }

    pub async fn is_active(&self, token: &str) -> bool {
        let answer = self.introspect(token).await;
        let body = answer.ok();
        if body["active"] != true {
            assert_eq!(body, json!({"active": false}), "RFC 7662, section 2.2: nothing else");
        }
        body["active"] == true
    }

    pub async fn revoke(&self, token: &str) -> Answer {
        self.call("revoke").form(&[("token", token)]).send().await
    }
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}")))
}

/// One credential of each kind, each of another user, by codes that begin with `code`, in the order session, token, knox, access, refresh, sliding.
async fn credentials(app: &TestApp, code: &str) -> [String; 6] {
    let browser = app.browser();
    browser.login("session/github", json!({"code": format!("{code}1")})).await.ok();
    let session = browser.cookie("sessionid").expect("a session");
    let token = app.token("token", &format!("{code}2")).await;
    let knox = app.token("knox", &format!("{code}3")).await;
    let pair = app.login("jwt-pair", &format!("{code}4")).await;
    let sliding = app.token("jwt-sliding", &format!("{code}5")).await;
    [session, token, knox, pair.field("token"), pair.field("refresh"), sliding]
}

async fn events(app: &TestApp, service: &str) -> Vec<AuditRecord> {
    let filter = AuditFilter { service: Some(service.to_owned()), ..AuditFilter::default() };
    app.database.repository().await.audit_events(&filter, 99).await.expect("the audit log")
}

async fn rfc_7662_introspection_describes_every_kind_of_credential(engine: Engine) {
    let app = TestApp::builder(engine)
        .with("SIMPLE_JWT_ISSUER", "https://login.example")
        .with("SIMPLE_JWT_AUDIENCE", "https://api.example")
        .start()
        .await;
    let service = Service::add(&app, "billing").await;
    let [session, token, knox, access, refresh, sliding] = credentials(&app, "u").await;
    let now = app.clock.now().seconds();
    let jwt = |token: &str, exp: i64| {
        let jti = claims(token)["jti"].clone();
        json!({"exp": now + exp, "iat": now, "iss": "https://login.example", "aud": ["https://api.example"], "jti": jti})
    };
    for (credential, sub, kind, scheme, usage, rest) in [
        (&session, "1", "session", None, "access", json!({"exp": now + 1_209_600, "iat": now})),
        (&token, "2", "token", Some("Token"), "access", json!({"iat": now})),
        (&knox, "3", "knox", Some("Token"), "access", json!({"exp": now + 36_000, "iat": now})),
        (&access, "4", "jwt-pair", Some("Bearer"), "access", jwt(&access, 300)),
        (&refresh, "4", "jwt-pair", None, "refresh", jwt(&refresh, 86_400)),
        (&sliding, "5", "jwt-sliding", Some("Bearer"), "access", jwt(&sliding, 300)),
    ] {
        let answer = service.introspect(credential).await;
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let mut wanted = json!({
            "active": true, "sub": sub, "username": format!("user{sub}"), "token_use": usage, "credential_kind": kind,
        });
        let members = wanted.as_object_mut().expect("an object");
        members.extend(scheme.map(|scheme| ("token_type".to_owned(), json!(scheme))));
        members.extend(rest.as_object().expect("an object").clone());
        assert_eq!(answer.ok(), wanted);
        // A wrong hint changes nothing (RFC 7662, section 2.1); JSON is accepted as on all routes.
        for hint in ["access_token", "refresh_token", "unknown"] {
            let body = json!({"token": credential, "token_type_hint": hint});
            assert_eq!(service.call("introspect").json(&body).send().await.ok(), wanted, "{hint}");
        }
    }
    let idle = app.start_node_with(&[("SESSION_IDLE_TIMEOUT", "3600")]).await;
    let at_idle = Service { client: idle.client(), ..service };
    assert_eq!(at_idle.introspect(&session).await.ok()["exp"], now + 3600, "the earlier of both time limits");
}

async fn rfc_7662_introspection_is_no_use_of_the_credential(engine: Engine) {
    let app = TestApp::builder(engine)
        .with("SESSION_IDLE_TIMEOUT", "3600")
        .with("REST_KNOX_AUTO_REFRESH", "true")
        .start()
        .await;
    let service = Service::add(&app, "billing").await;
    let credentials = credentials(&app, "u").await;
    let uses = async || {
        let mut uses = Vec::new();
        for (table, columns) in [
            ("sessions", "last_used + expires"),
            ("tokens", "last_used"),
            ("knox_tokens", "last_used + expires"),
            ("refresh_tokens", "last_used + expires"),
        ] {
            uses.push(app.database.number(&format!("SELECT CAST(sum({columns}) AS BIGINT) FROM {table}")).await);
        }
        uses
    };
    let before = uses().await;
    app.advance(Duration::from_secs(3599));
    for credential in &credentials {
        service.is_active(credential).await;
    }
    assert_eq!(uses().await, before);
    assert!(service.is_active(&credentials[0]).await);
    app.advance(Duration::from_secs(1));
    assert!(!service.is_active(&credentials[0]).await, "the session was idle for an hour");
}

async fn rfc_7662_only_valid_credentials_of_active_users_are_active(engine: Engine) {
    let app = TestApp::start(engine).await;
    let service = Service::add(&app, "billing").await;
    let credentials = credentials(&app, "u").await;
    for credential in &credentials {
        assert!(service.is_active(credential).await, "{credential}");
    }
    let access = &credentials[3];
    let parts: Vec<&str> = access.split('.').collect();
    let none = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    for garbage in [
        "x".to_owned(),
        "\0".to_owned(),
        "rsas_\u{fffd}".to_owned(),
        "..".to_owned(),
        "a".repeat(60_000),
        credentials[2].to_uppercase(),
        format!(" {}", credentials[1]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{none}.{}.", parts[1]),
        format!("{}.{}.{}", parts[0], parts[2], parts[1]),
    ] {
        assert!(!service.is_active(&garbage).await, "{garbage:.40}");
    }
    let repository = app.database.repository().await;
    for user in 1..=5 {
        repository.set_active(UserId(user), false, app.clock.now()).await.expect("a write");
        repository.set_active(UserId(user), true, app.clock.now()).await.expect("a write");
    }
    for credential in &credentials {
        assert!(!service.is_active(credential).await, "revoked: {credential}");
    }
    let fresh = self::credentials(&app, "u200").await;
    let start = app.clock.now().seconds();
    for (expiring, lifetime) in [(&[3, 5][..], 300), (&[2], 36_000), (&[4], 86_400), (&[0], 1_209_600)] {
        let left = start + lifetime - 1 - app.clock.now().seconds();
        app.advance(Duration::from_secs(u64::try_from(left).expect("a later time")));
        for credential in expiring {
            assert!(service.is_active(&fresh[*credential]).await, "{credential}");
        }
        app.advance(Duration::from_secs(1));
        for credential in expiring {
            assert!(!service.is_active(&fresh[*credential]).await, "expired: {credential}");
        }
    }
    app.database.run("UPDATE users SET is_active = false").await;
    assert!(!service.is_active(&fresh[1]).await, "the user is inactive");
    app.database.run("DELETE FROM users").await;
    assert!(!service.is_active(&fresh[1]).await, "the user is deleted");
}

async fn rfc_7662_access_token_of_a_revoked_family_is_not_active(engine: Engine) {
    let app = TestApp::builder(engine)
        .with("SIMPLE_JWT_ROTATE_REFRESH_TOKENS", "true")
        .with("SIMPLE_JWT_BLACKLIST_AFTER_ROTATION", "true")
        .start()
        .await;
    let service = Service::add(&app, "billing").await;
    let post = async |path: &str, body: Value| app.client().post(path).json(&body).send().await.ok();
    let (first, other) = (app.login("jwt-pair", "u1").await, app.login("jwt-pair", "u01").await);
    let renewed = post("/api/token/refresh/", json!({"refresh": first.field("refresh")})).await;
    let text = |name: &str| renewed[name].as_str().expect("a token").to_owned();
    assert!(!service.is_active(&first.field("refresh")).await, "it was rotated");
    for active in [first.field("token"), text("access"), text("refresh")] {
        assert!(service.is_active(&active).await);
    }
    post("/api/token/blacklist/", json!({"refresh": text("refresh")})).await;
    for revoked in [first.field("token"), text("access"), text("refresh")] {
        assert!(!service.is_active(&revoked).await, "its family was revoked");
    }
    assert!(service.is_active(&other.field("token")).await, "another login of the user");
}

async fn rfc_6749_2_3_1_services_authenticate_by_header_or_body(engine: Engine) {
    let app = TestApp::start(engine).await;
    let (service, other) = (Service::add(&app, "billing").await, Service::add(&app, "search").await);
    let (id, secret) = (service.id.as_str(), service.secret.as_str());
    let token = app.token("token", "u1").await;
    let path = "/api/token/introspect/";
    let with = |header: &str| app.client().post(path).header("authorization", header).form(&[("token", &token)]);
    let posted = |id: &str, secret: &str| {
        app.client().post(path).form(&[("token", &token), ("client_id", id), ("client_secret", secret)])
    };
    let encoded = basic(id, &secret.replace('_', "%5F"));
    let body = json!({"token": token, "client_id": id, "client_secret": secret});
    for request in [with(&basic(id, secret)), with(&encoded), posted(id, secret), app.client().post(path).json(&body)] {
        assert_eq!(request.send().await.ok()["active"], true);
    }
    // RFC 6749, 3.2: a parameter must not occur twice.
    let twice =
        app.client().post(path).header("authorization", basic(id, secret)).form(&[("token", "x"), ("token", &token)]);
    twice.send().await.problem(400, "invalid_request");
    let before = app.database.number("SELECT count(*) FROM audit_events WHERE event = 'refused'").await;
    let refused = [
        (app.client().post(path).form(&[("token", &token)]), false),
        (with(&format!("Token {token}")), false),
        (with("Basic"), false),
        (with(&basic(&other.id, secret)), true),
        (with(&basic(id, "")), true),
        (with(&basic("", secret)), false),
        (with(&basic("billing", secret)), false),
        (with(&basic(&"0".repeat(24), secret)), false),
        (with(&basic("a\0", secret)), false),
        (with(&basic(id, secret)).header("authorization", basic(id, secret)), false),
        (posted(id, &other.secret), true),
        (posted("\0", secret), false),
        (posted(id, ""), false),
    ];
    let count = refused.len();
    for (number, (request, names_service)) in refused.into_iter().enumerate() {
        let answer = request.send().await;
        assert_eq!(answer.problem(401, "invalid_client")["error"], "invalid_client", "{number}");
        assert_eq!(answer.header("www-authenticate"), Some(r#"Basic realm="services", charset="UTF-8""#));
        let newest = app.database.repository().await.audit_events(&AuditFilter::default(), 1).await.expect("events");
        assert_eq!(newest[0].code.as_deref(), Some("invalid_client"));
        assert_eq!(newest[0].service.is_some(), names_service, "{number} {:?}", newest[0]);
    }
    let after = app.database.number("SELECT count(*) FROM audit_events WHERE event = 'refused'").await;
    assert_eq!(after - before, i64::try_from(count).expect("a few"), "SEC-45: one event each");
    let both = [("token", token.as_str()), ("client_id", id), ("client_secret", secret)];
    service.call("introspect").form(&both).send().await.problem(400, "invalid_request");
    for (name, value) in [("client_secret", secret), ("client_secret", "x"), ("client_id", other.id.as_str())] {
        let fields = [("token", token.as_str()), (name, value)];
        service.call("introspect").form(&fields).send().await.problem(400, "invalid_request");
        service
            .call("introspect")
            .json(&json!({"token": token, name: value}))
            .send()
            .await
            .problem(400, "invalid_request");
    }
    let own_id = [("token", token.as_str()), ("client_id", id), ("client_secret", "")];
    assert_eq!(service.call("introspect").form(&own_id).send().await.ok()["active"], true);
    let twice = format!(r#"{{"token": "x", "token": "{token}"}}"#);
    let twice = service.call("introspect").body("application/json", twice).send().await;
    assert_eq!(twice.problem(400, "invalid_request")["error"], "invalid_request");
    let wrong_method = app.client().get(path).send().await;
    assert_eq!(wrong_method.problem(405, "method_not_allowed")["error"], "method_not_allowed");
    for action in ["introspect", "revoke"] {
        let missing = service.call(action).form(&[]).send().await.problem(400, "invalid_request");
        assert_eq!(
            (&missing["error"], &missing["errors"]["token"][0]),
            (&json!("invalid_request"), &json!("This field is required."))
        );
        service.call(action).body("text/plain", "x").send().await.problem(415, "unsupported_media_type");
        service
            .client
            .post(&format!("/api/token/{action}/"))
            .json(&json!({"token": token}))
            .send()
            .await
            .problem(401, "invalid_client");
    }
    let last_used = |id: &str| format!("SELECT count(*) FROM services WHERE client_id = '{id}' AND last_used > 0");
    assert_eq!(app.database.number(&last_used(id)).await, 1);
    assert_eq!(app.database.number(&last_used(&other.id)).await, 0, "its secret was not used");
}

async fn rfc_7009_service_revokes_every_kind_of_credential(engine: Engine) {
    let app = TestApp::start(engine).await;
    let service = Service::add(&app, "billing").await;
    let credentials = credentials(&app, "u").await;
    let pair = app.login("jwt-pair", "u6").await;
    let kept = app.login("jwt-pair", "u06").await;
    let revocable = credentials.iter().enumerate().filter(|(number, _)| *number != 3).map(|(_, token)| token.clone());
    let revocable: Vec<String> = revocable.chain([pair.field("token")]).collect();
    for (number, credential) in revocable.iter().enumerate() {
        assert!(service.is_active(credential).await, "{number}");
        assert_eq!(service.revoke(credential).await.ok(), json!({}));
        assert!(!service.is_active(credential).await, "{number}");
        assert_eq!(service.revoke(credential).await.ok(), json!({}), "it is revoked already");
    }
    for (kind, code, old) in [("token", "u02", &credentials[1]), ("knox", "u03", &credentials[2])] {
        let new = app.token(kind, code).await;
        assert_ne!(&new, old);
        app.client().user(&format!("Token {new}")).await.ok();
        app.client().user(&format!("Token {old}")).await.problem(401, "invalid_token");
    }
    app.client().user(&format!("Bearer {}", credentials[5])).await.problem(401, "token_not_valid");
    assert!(!service.is_active(&credentials[3]).await, "the refresh token of its family was revoked");
    assert!(!service.is_active(&pair.field("refresh")).await, "an access token of its family was revoked");
    assert!(service.is_active(&kept.field("token")).await && service.is_active(&kept.field("refresh")).await);
    service.revoke("unknown").await.ok();

    let events = events(&app, "billing").await;
    let revoked: Vec<_> = events.iter().filter(|row| row.event == "log_out").collect();
    let kinds: Vec<_> = revoked.iter().rev().filter_map(|row| row.kind.as_deref()).collect();
    assert_eq!(kinds, ["session", "token", "knox", "jwt-pair", "jwt-sliding", "jwt-pair"]);
    assert!(revoked.iter().all(|row| row.ip.is_some() && row.request_id.is_some()));
    let users: Vec<_> = revoked.iter().rev().filter_map(|row| row.user_id).collect();
    assert_eq!(users, [1, 2, 3, 4, 5, 6].map(UserId));
}

/// The thief of a replaced token could continue its family, because the successor was never used.
async fn rfc_7009_replaced_refresh_token_revokes_its_family(engine: Engine) {
    let plan = TestApp::builder(engine).with("SIMPLE_JWT_ROTATE_REFRESH_TOKENS", "true");
    let app = plan.with("SIMPLE_JWT_BLACKLIST_AFTER_ROTATION", "true").start().await;
    let service = Service::add(&app, "billing").await;
    for (kind, name, path, member) in [
        ("jwt-pair", "refresh", "/api/token/refresh/", "refresh"),
        ("jwt-sliding", "token", "/api/token/sliding/refresh/", "token"),
    ] {
        let refresh = async |token: &str| app.client().post(path).json(&json!({member: token})).send().await;
        let stolen = app.login(kind, &format!("u{}1", "0".repeat(kind.len()))).await.field(name);
        let successor = refresh(&stolen).await.field(member);
        service.revoke(&stolen).await.ok();
        service.revoke(&stolen).await.ok();
        for token in [&stolen, &successor] {
            refresh(token).await.problem(401, "token_not_valid");
            assert!(!service.is_active(token).await, "{kind}");
        }
    }
    assert_eq!(events(&app, "billing").await.iter().filter(|row| row.event == "log_out").count(), 2);
}

/// Without rotation, a blacklisted refresh token leaves its access tokens valid, as in simplejwt.
async fn rfc_7009_access_token_is_revoked_after_its_refresh_token_was_blacklisted(engine: Engine) {
    let app = TestApp::start(engine).await;
    let service = Service::add(&app, "billing").await;
    let pair = app.login("jwt-pair", "u1").await;
    let (access, refresh) = (pair.field("token"), pair.field("refresh"));
    app.client().post("/api/token/blacklist/").json(&json!({"refresh": refresh})).send().await.ok();
    assert!(service.is_active(&access).await);
    service.revoke(&access).await.ok();
    assert!(!service.is_active(&access).await);
    app.client().user(&format!("Bearer {access}")).await.problem(401, "token_not_valid");
}

async fn rfc_7009_tokens_of_another_issuer_are_revoked_or_refused(engine: Engine) {
    let app = TestApp::start(engine).await;
    let service = Service::add(&app, "billing").await;
    let pair = app.login("jwt-pair", "u1").await;
    // Without their row the tokens are like those of simplejwt with the same key.
    app.database.run("DELETE FROM refresh_tokens").await;
    let (access, refresh) = (pair.field("token"), pair.field("refresh"));
    assert!(service.is_active(&access).await && service.is_active(&refresh).await);
    let answer = service.revoke(&access).await;
    assert_eq!(answer.problem(400, "unsupported_token_type")["error"], "unsupported_token_type");
    service.revoke(&refresh).await.ok();
    assert!(!service.is_active(&refresh).await);
    app.client()
        .post("/api/token/refresh/")
        .json(&json!({"refresh": refresh}))
        .send()
        .await
        .problem(401, "token_not_valid");
    assert_eq!(events(&app, "billing").await.iter().filter(|row| row.event == "log_out").count(), 1);
}
