//! R-URI: which redirect URI goes into the token call. What is not listed never does (SEC-8 is in `security.rs`).

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::support::people::{self, GITHUB_TOKEN, TWITTER_REQUEST};
use crate::support::{Engine, FRONT, REDIRECT, World, on_both_databases};

on_both_databases! {
    r_uri_01_the_requests_own_comes_first,
    r_uri_02_then_the_absolute_setting,
    r_uri_03_then_the_path_on_the_servers_own_address,
    r_uri_04_an_origin_replaces_scheme_and_host,
    r_uri_05_an_origin_without_a_host_is_refused,
    r_uri_06_https_can_be_insisted_on,
    r_uri_09_the_first_step_of_oauth_1_follows_the_same_rules,
    a_begun_login_keeps_the_redirect_uri_it_was_begun_with,
}

/// What the token call of a login carried.
async fn sent(world: &World, origin: Option<&str>, redirect_uri: Option<&str>) -> Option<String> {
    world.double.forget();
    let mut body = json!({"code": next_code()});
    if let Some(redirect_uri) = redirect_uri {
        body["redirect_uri"] = redirect_uri.into();
    }
    let mut post = world.client().post("/api/login/social/token/github/");
    if let Some(origin) = origin {
        post = post.header("origin", origin);
    }
    post.json(&body).send().await.ok();
    world.double.call_at(GITHUB_TOKEN).field("redirect_uri")
}

/// A code is good once.
fn next_code() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    format!("u{}", NEXT.fetch_add(1, Ordering::SeqCst))
}

async fn r_uri_01_the_requests_own_comes_first(engine: Engine) {
    let world =
        World::on(engine).with("REST_SOCIAL_OAUTH_ABSOLUTE_REDIRECT_URI", "https://abs.example/cb").start().await;
    assert_eq!(sent(&world, Some(FRONT), Some(REDIRECT)).await.as_deref(), Some(REDIRECT));
    assert_eq!(sent(&world, None, Some(REDIRECT)).await.as_deref(), Some(REDIRECT));
    assert_eq!(sent(&world, None, Some("https://abs.example/cb")).await.as_deref(), Some("https://abs.example/cb"));
}

async fn r_uri_02_then_the_absolute_setting(engine: Engine) {
    let world =
        World::on(engine).with("REST_SOCIAL_OAUTH_ABSOLUTE_REDIRECT_URI", "https://abs.example/cb").start().await;
    assert_eq!(sent(&world, Some(FRONT), None).await.as_deref(), Some("https://abs.example/cb"));
}

async fn r_uri_03_then_the_path_on_the_servers_own_address(engine: Engine) {
    let world = World::start(engine).await;
    let base = world.node.base.clone();
    assert_eq!(sent(&world, None, None).await, Some(format!("{base}/")));
    let world = World::on(engine).with("REST_SOCIAL_OAUTH_REDIRECT_URI", "/oauth/done/?from=social").start().await;
    let wanted = format!("{}/oauth/done/?from=social", world.node.base);
    assert_eq!(sent(&world, None, None).await.as_ref(), Some(&wanted), "the query survives");
    assert_eq!(sent(&world, None, Some(&wanted)).await.as_ref(), Some(&wanted), "it counts as listed");
}

async fn r_uri_04_an_origin_replaces_scheme_and_host(engine: Engine) {
    let plan = World::on(engine).with("ALLOWED_ORIGINS", "https://front.example,https://front.example:3000");
    let world = plan.with("REST_SOCIAL_OAUTH_REDIRECT_URI", "/oauth/done/?a=1").start().await;
    let sent_by = |origin| sent(&world, Some(origin), None);
    assert_eq!(sent_by("https://front.example:3000").await.as_deref(), Some("https://front.example:3000/oauth/done/"));
    assert_eq!(sent_by(FRONT).await.as_deref(), Some("https://front.example/oauth/done/"), "the query is dropped");

    let world = World::on(engine).with("REST_SOCIAL_DOMAIN_FROM_ORIGIN", "False").start().await;
    let own = format!("{}/", world.node.base);
    assert_eq!(sent(&world, Some(FRONT), None).await, Some(own));

    let world = World::on(engine).with("ALLOWED_ORIGINS", "").start().await;
    let own = format!("{}/", world.node.base);
    assert_eq!(sent(&world, Some(FRONT), None).await, Some(own), "off where no origin is listed");
}

async fn r_uri_05_an_origin_without_a_host_is_refused(engine: Engine) {
    let world = World::start(engine).await;
    for origin in ["null", "front.example", "", "https://front.example/", "https://FRONT.example"] {
        let post = world.client().post("/api/login/social/token/github/").header("origin", origin);
        post.json(&json!({"code": "u1"})).send().await.problem(400, "origin_not_allowed");
    }
    assert!(world.double.calls().is_empty());
}

async fn r_uri_06_https_can_be_insisted_on(engine: Engine) {
    let world = World::on(engine).with("SOCIAL_AUTH_REDIRECT_IS_HTTPS", "True").start().await;
    let https = format!("{}/", world.node.base.replace("http://", "https://"));
    assert_eq!(sent(&world, None, None).await, Some(https));
    assert_eq!(sent(&world, Some(FRONT), None).await.as_deref(), Some("https://front.example/"));
}

async fn r_uri_09_the_first_step_of_oauth_1_follows_the_same_rules(engine: Engine) {
    let world = World::start(engine).await;
    let own = format!("{}/", world.node.base);
    for (origin, redirect_uri, wanted) in
        [(None, None, own.as_str()), (Some(FRONT), None, "https://front.example/"), (None, Some(REDIRECT), REDIRECT)]
    {
        world.double.forget();
        let mut post = world.client().post("/api/login/social/token/twitter/");
        if let Some(origin) = origin {
            post = post.header("origin", origin);
        }
        let body = redirect_uri.map_or(json!({}), |uri| json!({"redirect_uri": uri}));
        post.json(&body).send().await.ok();
        let callback = people::oauth1_field(&world.double.call_at(TWITTER_REQUEST), "oauth_callback");
        let callback = callback.expect("a callback");
        assert_eq!(without_redirect_state(&callback), wanted, "{callback}");
    }
    let evil = json!({"redirect_uri": "https://evil.example/"});
    world.client().login("token/twitter", evil).await.problem(400, "redirect_uri_not_allowed");
}

async fn a_begun_login_keeps_the_redirect_uri_it_was_begun_with(engine: Engine) {
    let world = World::start(engine).await;
    let browser = world.browser();
    let begun = world.begin(&browser, "github", json!({"redirect_uri": REDIRECT})).await;
    browser.login("token/github", json!({"code": "u1", "state": begun.state})).await.ok();
    assert_eq!(world.double.call_at(GITHUB_TOKEN).field("redirect_uri").as_deref(), Some(REDIRECT));
}

fn without_redirect_state(callback: &str) -> &str {
    callback.split(['?', '&']).next().unwrap_or_default()
}
