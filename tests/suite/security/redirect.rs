//! SEC-8 to SEC-11: a code only ever returns to an address that was listed, to the letter.

use serde_json::json;

use crate::support::people::GITHUB_TOKEN;
use crate::support::world::read;
use crate::support::{Engine, FRONT, REDIRECT, World, on_both_databases};

on_both_databases! {
    sec_08_a_redirect_uri_is_listed_to_the_letter_or_refused,
    sec_08_only_the_port_of_a_loopback_address_is_free,
    sec_08_an_origin_is_listed_to_the_letter_or_refused,
    sec_09_no_header_decides_where_a_login_returns_to,
    sec_10_apps_of_private_schemes_are_listed_whole,
    sec_11_no_answer_puts_a_credential_into_a_url,
}

async fn sec_08_a_redirect_uri_is_listed_to_the_letter_or_refused(engine: Engine) {
    let world = World::start(engine).await;
    let port = world.node.base.rsplit(':').next().expect("a port").to_owned();
    let own_elsewhere = format!("http://localhost:{port}/");
    for evil in [
        "https://evil.example",
        "https://front.example.evil.example/cb",
        "https://front.example@evil.example/cb",
        "https://front.example/cb/../x",
        "https://front.example/./cb",
        "http://front.example/cb",
        "https://FRONT.example/cb",
        "https://front.example./cb",
        "https://front.example/cb/",
        "https://front.example/%63b",
        "https://front.example/cb%2f",
        "https://front.example\\cb",
        "https://front.example/cb\n",
        "https://front.example/cb ",
        " https://front.example/cb",
        "https://user@front.example/cb",
        "https://front.example:443/cb",
        "https://fr\u{43e}nt.example/cb",
        "https://front.example/cb?next=https://evil.example",
        "https://front.example/cb#x",
        "//front.example/cb",
        "/cb",
        "not a uri",
        &own_elsewhere,
    ] {
        let body = json!({"code": "u1", "redirect_uri": evil});
        for path in
            ["/api/login/social/token/github/", "/api/login/social/begin/github/", "/api/login/social/token/twitter/"]
        {
            let answer = world.client().post(path).json(&body).send().await;
            answer.problem(400, "redirect_uri_not_allowed");
        }
    }
    assert!(world.double.calls().is_empty());
    world.client().login("token/github", json!({"code": "u1", "redirect_uri": REDIRECT})).await.ok();
}

async fn sec_08_only_the_port_of_a_loopback_address_is_free(engine: Engine) {
    let world =
        World::on(engine).with("ALLOWED_REDIRECT_URIS", "http://127.0.0.1/app,https://front.example/cb").start().await;
    let good = json!({"code": "u1", "redirect_uri": "http://127.0.0.1:49152/app"});
    world.client().login("token/github", good).await.ok();
    for evil in [
        "http://127.0.0.1:49152/other",
        "https://127.0.0.1:49152/app",
        "http://127.0.0.1:1@evil.example/app",
        "http://127.0.0.2:49152/app",
        "http://localhost:49152/app",
        "https://front.example:8443/cb",
    ] {
        let body = json!({"code": "u2", "redirect_uri": evil});
        world.client().login("token/github", body).await.problem(400, "redirect_uri_not_allowed");
    }
}

async fn sec_08_an_origin_is_listed_to_the_letter_or_refused(engine: Engine) {
    let origins: [&[&str]; 8] = [
        &["null"],
        &["https://evil.example"],
        &["https://front.example.evil.example"],
        &["https://front.example/path"],
        &["https://front.example:444"],
        &["http://front.example"],
        &[FRONT, "https://evil.example"],
        &[FRONT, FRONT],
    ];
    let world = World::start(engine).await;
    let ignoring = World::on(engine).with("REST_SOCIAL_DOMAIN_FROM_ORIGIN", "False").start().await;
    for (n, values) in origins.iter().enumerate() {
        let with = |world: &World, path: &str| {
            values.iter().fold(world.client().post(path), |request, value| request.header("origin", value))
        };
        let body = json!({"code": format!("u{n}")});
        with(&world, "/api/login/social/token/github/").json(&body).send().await.problem(400, "origin_not_allowed");
        // `begin` binds the browser, so it is closed to other sites whatever the redirect URI is made of.
        with(&world, "/api/login/social/begin/github/").json(&body).send().await.problem(403, "csrf_failed");
        with(&ignoring, "/api/login/social/token/github/").json(&body).send().await.ok();
    }
    assert!(world.double.calls().is_empty());
    let own = format!("{}/", ignoring.node.base);
    for call in ignoring.double.calls_at(GITHUB_TOKEN) {
        assert_eq!(call.field("redirect_uri").as_ref(), Some(&own), "the Origin was passed over");
    }
}

async fn sec_09_no_header_decides_where_a_login_returns_to(engine: Engine) {
    let world = World::start(engine).await;
    let own = format!("{}/", world.node.base);
    for (n, (name, value)) in [
        ("referer", "https://evil.example/"),
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
        ("forwarded", "host=evil.example;proto=https"),
        ("x-original-url", "https://evil.example/"),
    ]
    .iter()
    .enumerate()
    {
        world.double.forget();
        let post = world.client().post("/api/login/social/token/github/").header(name, value);
        post.json(&json!({"code": format!("u{n}")})).send().await.ok();
        assert_eq!(world.double.call_at(GITHUB_TOKEN).field("redirect_uri").as_ref(), Some(&own), "{name}");
    }
    let refused = world.client().post("/api/login/social/begin/github/").header("referer", REDIRECT);
    let evil = json!({"redirect_uri": "https://evil.example/"});
    refused.json(&evil).send().await.problem(400, "redirect_uri_not_allowed");
}

async fn sec_10_apps_of_private_schemes_are_listed_whole(engine: Engine) {
    let world = World::on(engine).with("ALLOWED_REDIRECT_URIS", "com.example.app:/cb").start().await;
    let app = json!({"code": "u1", "redirect_uri": "com.example.app:/cb"});
    world.client().login("token/github", app).await.ok();
    for evil in [
        "com.example.app:/other",
        "com.example.app://cb",
        "com.example.app.evil:/cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
    ] {
        let body = json!({"code": "u2", "redirect_uri": evil});
        world.client().login("token/github", body).await.problem(400, "redirect_uri_not_allowed");
    }
    for listed in ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "https://front.example/cb#x", "/cb"]
    {
        let environment = [
            ("SECRET_KEY", crate::support::world::SECRET_KEY),
            ("PUBLIC_URL", "https://login.example"),
            ("ALLOWED_REDIRECT_URIS", listed),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let errors = read(environment.into()).expect_err(listed);
        assert!(errors.iter().any(|error| error.name == "ALLOWED_REDIRECT_URIS"), "{listed}: {errors:?}");
    }
}

async fn sec_11_no_answer_puts_a_credential_into_a_url(engine: Engine) {
    let world = World::start(engine).await;
    for kind in ["session", "token", "jwt-pair", "knox"] {
        for path in [format!("{kind}/github"), kind.to_owned()] {
            let body = json!({"provider": "github", "code": format!("u{}", kind.len() + path.len())});
            let answer = world.client().login(&path, body).await;
            assert_eq!((answer.header("location"), answer.header("refresh")), (None, None), "{}", answer.text);
        }
    }
    let begun = world.begin(&world.browser(), "github", json!({})).await;
    assert!(!begun.url.as_str().contains(&begun.flow_token), "the flow token is not for the provider");
}
