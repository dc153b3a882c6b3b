//! A provider that fails: each fault has its promised status within its time, and leaves no row behind (SEC-37).

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;

use crate::support::people::{
    FACEBOOK_TOKEN, GITHUB_TOKEN, GITHUB_USER, ISSUER, TWITTER_ACCESS, TWITTER_REQUEST, TWITTER_USER,
};
use crate::support::{Engine, Reply, World, on_both_databases};

on_both_databases! {
    sec_37_each_fault_of_the_token_call_is_told_and_leaves_nothing,
    sec_37_each_fault_of_the_profile_call_is_told_and_leaves_nothing,
    sec_37_each_fault_of_oauth_1_is_told_and_leaves_nothing,
    sec_37_a_provider_that_does_not_answer_ends_in_time,
    sec_37_all_calls_of_a_login_end_in_time,
    sec_37_no_redirect_is_followed,
    sec_37_addresses_of_this_network_are_not_called,
    sec_37_a_certificate_of_a_stranger_is_not_trusted,
    a_silent_provider_does_not_slow_down_anybody_else,
    sec_39_a_provider_that_is_down_is_left_alone_and_costs_the_others_nothing,
    sec_39_refusals_open_no_breaker,
    a_login_works_again_once_its_provider_does,
    what_failed_can_be_tried_with_another_code,
}

/// Faults that end at once, each `502 provider_error`.
fn quick_faults() -> Vec<(&'static str, Reply)> {
    let gzip_bomb_head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03".to_vec();
    vec![
        ("reset", Reply::Reset),
        ("endless body", Reply::Endless),
        ("truncated body", Reply::Truncated),
        ("status 500", Reply::of(500, "text/html", "<h1>Server Error</h1>")),
        ("status 503", Reply::of(503, "text/plain", "")),
        ("status 404", Reply::json_at(404, &json!({"message": "Not Found"}))),
        ("status 204", Reply::of(204, "application/json", "")),
        ("garbage", Reply::of(200, "application/json", vec![0xff, 0xfe, 0x00, 0x80, 0xc3, 0x28])),
        ("no JSON", Reply::of(200, "text/html", "<html>sign in</html>")),
        ("nothing", Reply::of(200, "application/json", "")),
        ("no token", Reply::json(&json!({"scope": "user"}))),
        ("a list", Reply::json(&json!([1, 2]))),
        ("null", Reply::json(&json!(null))),
        ("deep JSON", Reply::of(200, "application/json", format!("{}{}", "[".repeat(5000), "]".repeat(5000)))),
        ("huge number", Reply::of(200, "application/json", r#"{"access_token": 1e99999, "id": 1e99999}"#)),
        ("gzip bomb", Reply::of(200, "application/json", gzip_bomb_head).with_header("content-encoding", "gzip")),
        (
            "redirect",
            Reply::of(302, "text/html", "").with_header("location", "https://169.254.169.254/latest/meta-data/"),
        ),
        // The last one: the endpoint is not called for a while after it.
        ("status 429", Reply::json_at(429, &json!({"message": "slow down"})).with_header("retry-after", "60")),
    ]
}

async fn each_fault_at(engine: Engine, place: &str, provider: &str) {
    let world = World::start(engine).await;
    world.client().login(&format!("token/{provider}"), json!({"code": "u999"})).await.ok();
    for (n, (fault, reply)) in quick_faults().into_iter().enumerate() {
        world.double.always(place, reply);
        let (before, begun) = (world.database.counts().await, Instant::now());
        let browser = world.browser();
        let begun_login = world.begin(&browser, provider, json!({})).await;
        let body = json!({"code": format!("u{n}"), "state": begun_login.state});
        let answer = browser.login(&format!("session/{provider}"), body).await;
        assert_eq!(answer.status, 502, "{fault} at {place}: {}", answer.text);
        answer.problem(502, "provider_error");
        assert!(begun.elapsed() < Duration::from_secs(8), "{fault} took {:?}", begun.elapsed());
        let mut after = world.database.counts().await;
        for (table, remembers) in [("login_attempts", 1), ("used_codes", 1), ("audit_events", 1)] {
            *after.get_mut(table).expect("the table") -= remembers;
        }
        assert_eq!(after, before, "{fault} at {place} left a row");
    }
}

async fn sec_37_each_fault_of_the_token_call_is_told_and_leaves_nothing(engine: Engine) {
    each_fault_at(engine, GITHUB_TOKEN, "github").await;
}

async fn sec_37_each_fault_of_the_profile_call_is_told_and_leaves_nothing(engine: Engine) {
    each_fault_at(engine, GITHUB_USER, "github").await;
}

async fn sec_37_each_fault_of_oauth_1_is_told_and_leaves_nothing(engine: Engine) {
    let world = World::start(engine).await;
    for place in [TWITTER_REQUEST, TWITTER_ACCESS, TWITTER_USER] {
        let world = if place == TWITTER_REQUEST { &world } else { &World::start(engine).await };
        for (n, (fault, reply)) in quick_faults().into_iter().enumerate() {
            let browser = world.browser();
            if place == TWITTER_REQUEST {
                world.double.always(place, reply);
                browser.login("token/twitter", json!({})).await.problem(502, "provider_error");
                continue;
            }
            let token = browser.login("token/twitter", json!({})).await.field("oauth_token");
            world.double.always(place, reply);
            let body = json!({"oauth_token": token, "oauth_verifier": format!("u{n}")});
            let answer = browser.login("token/twitter", body).await;
            assert_eq!(answer.status, 502, "{fault} at {place}: {}", answer.text);
        }
        let counts = world.database.counts().await;
        assert_eq!((counts["users"], counts["social_accounts"], counts["tokens"]), (0, 0, 0));
    }
}

async fn sec_37_a_provider_that_does_not_answer_ends_in_time(engine: Engine) {
    let world = World::on(engine).with("SOCIAL_AUTH_REQUESTS_TIMEOUT", "1").start().await;
    for (n, (place, reply)) in [
        (GITHUB_TOKEN, Reply::Hang),
        (GITHUB_TOKEN, Reply::Drip),
        (GITHUB_USER, Reply::Hang),
        (GITHUB_USER, Reply::Drip),
    ]
    .into_iter()
    .enumerate()
    {
        let healthy = json!({"access_token": format!("gho_u{n}"), "token_type": "bearer"});
        world.double.always(GITHUB_TOKEN, Reply::json(&healthy));
        world.double.always(place, reply);
        let begun = Instant::now();
        world.login("token", &format!("u{n}")).await.problem(504, "provider_timeout");
        let took = begun.elapsed();
        assert!((Duration::from_millis(900)..Duration::from_secs(3)).contains(&took), "{took:?} at {place}");
    }
    world.double.always("GET id.example/.well-known/openid-configuration", Reply::Hang);
    let counts = world.database.counts().await;
    assert_eq!((counts["users"], counts["social_accounts"], counts["tokens"]), (0, 0, 0));
}

async fn sec_37_all_calls_of_a_login_end_in_time(engine: Engine) {
    // By default a call may take ten seconds and a login fifteen: eight for the token, and seven are left.
    let world = World::start(engine).await;
    let token = Reply::json(&json!({"access_token": "gho_u1", "token_type": "bearer"}));
    world.double.always(GITHUB_TOKEN, token.after(Duration::from_secs(8)));
    world.double.always(GITHUB_USER, Reply::Hang);
    world.double.always(FACEBOOK_TOKEN, Reply::Hang);
    let timed = |route: &'static str, code: &'static str| {
        let client = world.client();
        async move {
            let begun = Instant::now();
            client.login(route, json!({"code": code})).await.problem(504, "provider_timeout");
            begun.elapsed().as_secs_f64()
        }
    };
    let (two_calls, one_call) = tokio::join!(timed("token/github", "u1"), timed("token/facebook", "u2"));
    assert!((14.0..17.0).contains(&two_calls), "{two_calls} s");
    assert!((9.0..12.0).contains(&one_call), "{one_call} s");
}

async fn sec_37_no_redirect_is_followed(engine: Engine) {
    let world = World::start(engine).await;
    for status in [301, 302, 303, 307, 308] {
        let away = Reply::of(status, "text/html", "").with_header("location", "https://evil.example/steal");
        world.double.always(GITHUB_TOKEN, away);
        world.login("token", &format!("u{status}")).await.problem(502, "provider_error");
    }
    assert!(world.double.calls().iter().all(|call| call.host == "github.com"), "nobody else was called");
}

async fn sec_37_addresses_of_this_network_are_not_called(engine: Engine) {
    for host in [
        "169.254.169.254",
        "127.0.0.1",
        "10.0.0.1",
        "192.168.1.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[fd00::1]",
        "0.0.0.0",
        "[64:ff9b::7f00:1]",
    ] {
        let plan = World::on(engine).oidc().with("SOCIAL_AUTH_OIDC_OIDC_ENDPOINT", &format!("https://{host}"));
        let Ok(world) = plan.try_start().await else { continue };
        let answer = world.client().login("token/oidc", json!({"code": "u1"})).await;
        answer.problem(502, "provider_error");
        assert!(world.double.calls().is_empty(), "{host} was asked");
    }
}

async fn sec_37_a_certificate_of_a_stranger_is_not_trusted(engine: Engine) {
    let world = World::on(engine).with("SSL_CERT_FILE", "").start().await;
    world.login("token", "u1").await.problem(502, "provider_error");
    assert!(world.double.calls().is_empty(), "no request left before the certificate was checked");
}

async fn a_silent_provider_does_not_slow_down_anybody_else(engine: Engine) {
    let world = World::on(engine).with("SOCIAL_AUTH_REQUESTS_TIMEOUT", "4").start().await;
    world.double.always(FACEBOOK_TOKEN, Reply::Hang);
    let token = world.token("jwt-pair", "u1").await;
    let hanging = join_all((0..32).map(|n| {
        let client = world.client();
        async move { client.login("token/facebook", json!({"code": format!("u{n}")})).await }
    }));
    let others = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let begun = Instant::now();
        for n in 10..20 {
            world.login("token", &format!("u{n}")).await.ok();
            world.client().user(&format!("Bearer {token}")).await.ok();
        }
        begun.elapsed()
    };
    let (answers, took) = tokio::join!(hanging, others);
    assert!(took < Duration::from_secs(3), "ten logins at another provider took {took:?}");
    for answer in answers {
        answer.problem(504, "provider_timeout");
    }
}

async fn sec_39_a_provider_that_is_down_is_left_alone_and_costs_the_others_nothing(engine: Engine) {
    let world = World::on(engine).with("SOCIAL_AUTH_REQUESTS_TIMEOUT", "3").start().await;
    for (fault, reply) in [("silence", Reply::Hang), ("status 503", Reply::of(503, "text/plain", ""))] {
        world.double.always(FACEBOOK_TOKEN, reply);
        let down = |n: usize| {
            let client = world.client();
            let code = format!("{}-u{n}", fault.len());
            async move { client.login("token/facebook", json!({"code": code})).await }
        };
        join_all((0..10).map(down)).await;
        world.double.forget();
        let begun = Instant::now();
        for answer in join_all((10..20).map(down)).await {
            answer.problem(502, "provider_error");
        }
        assert!(begun.elapsed() < Duration::from_millis(2500), "{fault}: {:?}", begun.elapsed());
        assert!(world.double.calls().is_empty(), "{fault}: nobody is asked");
        world.login("token", &format!("u{}", fault.len())).await.ok();

        // A few seconds later one login is the trial; as soon as that one works, all do.
        world.people.answer(&world.double);
        tokio::time::sleep(Duration::from_millis(5100)).await;
        world.client().login("token/facebook", json!({"code": format!("u{}", fault.len())})).await.ok();
        world.client().login("token/facebook", json!({"code": format!("u0{}", fault.len())})).await.ok();
    }
}

async fn sec_39_refusals_open_no_breaker(engine: Engine) {
    let world = World::start(engine).await;
    for n in 0..30 {
        world.login("token", &format!("bad{n}")).await.problem(400, "invalid_code");
    }
    world.double.always(GITHUB_TOKEN, Reply::json_at(429, &json!({"message": "slow down"})));
    for n in 0..15 {
        world.login("token", &format!("u{n}")).await.problem(502, "provider_error");
    }
    world.people.answer(&world.double);
    world.login("token", "u77").await.ok();
}

async fn a_login_works_again_once_its_provider_does(engine: Engine) {
    let world = World::on(engine).oidc().start().await;
    let discovery = "GET id.example/.well-known/openid-configuration";
    world.double.always(discovery, Reply::of(500, "text/plain", "down"));
    world.client().login("token/oidc", json!({"code": "u1"})).await.problem(502, "provider_error");
    world.people.answer(&world.double);
    world.advance(Duration::from_secs(120));
    world.client().login("token/oidc", json!({"code": "u2"})).await.ok();
    assert!(world.double.calls().iter().all(|call| format!("https://{}", call.host) == ISSUER));
}

async fn what_failed_can_be_tried_with_another_code(engine: Engine) {
    let world = World::start(engine).await;
    world.double.always(GITHUB_USER, Reply::of(500, "text/plain", "down"));
    world.login("token", "u1").await.problem(502, "provider_error");
    world.people.answer(&world.double);
    world.login("token", "u1").await.problem(400, "code_already_used");
    world.login("token", "u01").await.ok();
}
