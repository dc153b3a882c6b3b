//! SEC-43: rate limits by address, by address and provider, by user and by provider; on one node and on several.

mod signed_in_users;

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use rest_social_auth::model::AuditFilter;
use rest_social_auth::secrets::Digest;
use rest_social_auth::store::{SharedUse, sweep};
use serde_json::json;

use crate::support::database::Stored;
use crate::support::fake_users::{CLIENT_ID, CLIENT_SECRET, GITHUB_TOKEN, TWITTER_REQUEST};
use crate::support::process::Process;
use crate::support::test_app::{SECRET_KEY, TestAppBuilder};
use crate::support::{Answer, Client, Engine, Reply, TestApp, on_both_databases};

on_both_databases! {
    sec_43_of_a_thousand_wrong_codes_the_provider_sees_the_limit,
    sec_43_of_parallel_wrong_codes_the_provider_sees_the_limit,
    sec_43_honest_logins_at_the_same_moment_wait_for_each_other,
    sec_43_repeated_login_does_not_count,
    sec_43_refused_login_changes_nothing_and_works_after_retry_after,
    sec_43_address_limit_counts_networks,
    sec_43_ipv6_site_has_a_limit_of_its_own,
    sec_43_refused_refresh_tokens_do_not_use_up_the_limit_of_the_user,
    sec_43_user_limit_counts_links_refreshes_and_exports,
    sec_43_provider_limit_counts_all_addresses,
    sec_43_provider_limit_counts_refreshes_of_its_tokens,
    sec_43_limits_can_be_turned_off,
    sec_43_shared_use_is_granted_up_to_the_quota,
}

fn limited(engine: Engine) -> TestAppBuilder {
    TestApp::builder(engine).with("RATE_LIMITS", "on")
}

/// Checks a 429 of this limit with all of its header fields; returns the seconds of Retry-After.
#[track_caller]
fn refused(answer: &Answer, limit: &str, policy: &str) -> u64 {
    answer.problem(429, "too_many_requests");
    let seconds = answer.header("retry-after").expect("Retry-After").parse().expect("a number");
    assert!(seconds > 0);
    assert_eq!(answer.header("ratelimit-policy"), Some(&*format!("\"{limit}\";{policy}")));
    assert_eq!(answer.header("ratelimit"), Some(&*format!("\"{limit}\";r=0;t={seconds}")));
    seconds
}

/// A post of a wrong code from an address behind the trusted proxy.
async fn wrong_code(client: &Client, code: &str, address: &str) -> Answer {
    let request = client.post("/api/login/social/token/github/").header("x-forwarded-for", address);
    request.json(&json!({"code": code})).send().await
}

/// Lets time pass for the server and for the database, whose clock measures what nodes share.
async fn pass(app: &TestApp, span: Duration) {
    app.advance(span);
    app.database.run(&format!("UPDATE rate_limits SET expires = expires - {}", span.as_millis())).await;
}

async fn refusals(app: &TestApp) -> Vec<String> {
    let repository = app.database.repository().await;
    let filter = AuditFilter { refused: Some(true), ..AuditFilter::default() };
    let events = repository.audit_events(&filter, 5000).await.expect("the audit log");
    events.into_iter().map(|event| event.code.unwrap_or_default()).collect()
}

/// The default number of logins, in an hour, so that nothing is restored meanwhile. A wrong code counts as ten.
const WRONG_CODES: (&str, &str) = ("RATE_LIMIT_PROVIDER_ADDRESS", "600/1h");

async fn sec_43_of_a_thousand_wrong_codes_the_provider_sees_the_limit(engine: Engine) {
    let app = limited(engine).with(WRONG_CODES.0, WRONG_CODES.1).start().await;
    let client = app.client();
    for code in ["u1", "u2", "u3"] {
        assert_eq!(app.login("token", code).await.header("ratelimit"), None);
    }
    assert_eq!(app.database.count("rate_limits").await, 0, "a common login costs no statement");
    let mut answers = Vec::new();
    for chunk in 0..100 {
        let posts = (0..10).map(|n| {
            let code = format!("wrong-{chunk}-{n}");
            let client = client.clone();
            async move { wrong_code(&client, &code, "192.0.2.1").await }
        });
        answers.extend(join_all(posts).await);
    }
    let seen = app.double.calls_at(GITHUB_TOKEN).len() - 3;
    assert!((58..=60).contains(&seen), "{seen}");
    assert_eq!(answers.iter().filter(|answer| answer.status == 400).count(), seen);
    let last = answers.last().expect("an answer");
    let seconds = refused(last, "provider-address", "q=600;w=3600");
    assert_eq!(app.database.count("used_codes").await, i64::try_from(seen).expect("few") + 3, "no code is claimed");
    let codes = refusals(&app).await;
    assert_eq!(codes.iter().filter(|code| *code == "too_many_requests").count(), 1, "one audit event, not 900");
    assert_eq!(codes.len(), seen + 1);

    // Another provider is not limited, and this one accepts a login after the wait.
    let facebook = client.login("token/facebook", json!({"code": "u4"})).await;
    facebook.ok();
    refused(&app.login("token", "u5").await, "provider-address", "q=600;w=3600");
    pass(&app, Duration::from_secs(seconds)).await;
    app.login("token", "u5").await.ok();
}

async fn sec_43_of_parallel_wrong_codes_the_provider_sees_the_limit(engine: Engine) {
    let app = limited(engine).with(WRONG_CODES.0, WRONG_CODES.1).start().await;
    let wrong = Reply::json(&json!({"error": "bad_verification_code"}));
    app.double.always(GITHUB_TOKEN, wrong.after(Duration::from_millis(200)));
    let client = app.client();
    let posts = (0..300).map(|n| {
        let client = client.clone();
        async move { wrong_code(&client, &format!("wrong{n}"), "192.0.2.1").await.status }
    });
    let statuses = join_all(posts).await;
    let count = |status: u16| statuses.iter().filter(|other| **other == status).count();
    assert_eq!((app.double.calls_at(GITHUB_TOKEN).len(), count(400), count(429)), (60, 60, 240));
}

/// An office that signs in at once: 170 users of one address, of whom 60 at a time call the provider.
async fn sec_43_honest_logins_at_the_same_moment_wait_for_each_other(engine: Engine) {
    let app = limited(engine).with(WRONG_CODES.0, WRONG_CODES.1).start().await;
    app.double.on(GITHUB_TOKEN, |call| {
        let code = call.field("code").unwrap_or_default();
        let answer = Reply::json(&json!({"access_token": format!("gho_{code}"), "token_type": "bearer"}));
        answer.after(Duration::from_millis(500))
    });
    let client = app.client();
    let posts = (0..170).map(|n| {
        let client = client.clone();
        async move { client.login("token/github", json!({"code": format!("u{n}")})).await }
    });
    for answer in join_all(posts).await {
        answer.ok();
    }
    assert_eq!(app.double.calls_at(GITHUB_TOKEN).len(), 170);
}

/// A double click, and React's StrictMode, post a code twice.
async fn sec_43_repeated_login_does_not_count(engine: Engine) {
    let app = limited(engine).with("RATE_LIMIT_PROVIDER_ADDRESS", "2/1h").with("RATE_LIMIT_USER", "2/1h").start().await;
    let browser = app.browser();
    let begun = app.begin(&browser, "github", json!({})).await;
    let post = || browser.login("token/github", json!({"code": "u1", "state": begun.state}));
    let (first, second) = tokio::join!(post(), post());
    let first = first.ok();
    assert_eq!(second.ok(), first);
    for _ in 0..5 {
        assert_eq!(post().await.ok(), first);
    }
    app.login("token", "u2").await.ok();
    refused(&app.login("token", "u3").await, "provider-address", "q=2;w=3600");
    assert_eq!(post().await.ok(), first, "a repeat is answered when nothing is left, too");
    assert_eq!(app.double.calls_at(GITHUB_TOKEN).len(), 2);

    // A link counts by user as well: one unit for begin, one for the login.
    let token = format!("Token {}", first["token"].as_str().expect("a token"));
    let begin = || app.client().post("/api/login/social/begin/facebook/").header("authorization", &token);
    let begun = begin().json(&json!({})).send().await.ok();
    let body = json!({"code": "u1", "state": begun["state"], "flow_token": begun["flow_token"]});
    for _ in 0..3 {
        app.client().login("token/facebook", body.clone()).await.ok();
    }
    refused(&begin().json(&json!({})).send().await, "user", "q=2;w=3600");
}

async fn sec_43_ipv6_site_has_a_limit_of_its_own(engine: Engine) {
    let plan = limited(engine).with("RATE_LIMIT_ADDRESS", "30/1h").with("RATE_LIMIT_PROVIDER_ADDRESS", "3/1h");
    let app = plan.with("TRUSTED_PROXIES", "127.0.0.1").start().await;
    let client = app.client();
    let login = async |n: u32, address: &str| {
        let request = client.post("/api/login/social/token/github/").header("x-forwarded-for", address);
        request.json(&json!({"code": format!("u{n}")})).send().await
    };
    // Each /64 is below its own limit.
    for n in 0..6 {
        login(n, &format!("2001:db8:0:{n:x}::1")).await.ok();
    }
    refused(&login(6, "2001:db8:0:6::1").await, "provider-address", "q=6;w=3600");
    login(7, "2001:db8:1::1").await.ok();
    login(8, "192.0.2.1").await.ok();
    pass(&app, Duration::from_secs(3600)).await;
    for n in 10..13 {
        login(n, "2001:db8:0:6::1").await.ok();
    }
    refused(&login(13, "2001:db8:0:6::2").await, "provider-address", "q=3;w=3600");
    // The limit of the address counts in the same way.
    for n in 0..70 {
        let answer = wrong_code(&client, "", &format!("2001:db8:2:{n:x}::1")).await;
        if n < 60 {
            answer.problem(400, "invalid_request");
        } else {
            refused(&answer, "address", "q=60;w=3600");
        }
    }
}

/// An old tab, or a thief whose token was revoked, repeats a dead token again and again.
async fn sec_43_refused_refresh_tokens_do_not_use_up_the_limit_of_the_user(engine: Engine) {
    for rotates in ["false", "true"] {
        let plan = limited(engine).with("RATE_LIMIT_USER", "3/1h").with("RATE_LIMIT_ADDRESS", "30/1h");
        let plan = plan.with("SIMPLE_JWT_ROTATE_REFRESH_TOKENS", rotates).with("TRUSTED_PROXIES", "127.0.0.1");
        let app = plan.start().await;
        let dead = app.login("jwt-pair", "u1").await.field("refresh");
        let dead_sliding = app.token("jwt-sliding", "u01").await;
        let mut alive = app.login("jwt-pair", "u001").await.field("refresh");
        for token in [&dead, &dead_sliding] {
            app.client().post("/api/token/blacklist/").json(&json!({"refresh": token})).send().await.ok();
        }
        let client = app.client();
        let refresh = async |token: &str, address: &str| {
            let request = client.post("/api/token/refresh/").header("x-forwarded-for", address);
            request.json(&json!({"refresh": token})).send().await
        };
        let blacklist = async |address: &str| {
            let request = client.post("/api/token/blacklist/").header("x-forwarded-for", address);
            request.json(&json!({"refresh": dead})).send().await
        };
        let slide = async |address: &str| {
            let request = client.post("/api/token/sliding/refresh/").header("x-forwarded-for", address);
            request.json(&json!({"token": dead_sliding})).send().await
        };
        let garbage = format!("{dead}x");
        for _ in 0..10 {
            refresh(&dead, "192.0.2.1").await.problem(401, "token_not_valid");
            refresh(&garbage, "192.0.2.1").await.problem(401, "token_not_valid");
            slide("192.0.2.1").await.problem(401, "token_not_valid");
        }
        // They count by address instead.
        refused(&refresh(&dead, "192.0.2.1").await, "address", "q=30;w=3600");
        refused(&slide("192.0.2.1").await, "address", "q=30;w=3600");
        refused(&blacklist("192.0.2.1").await, "address", "q=30;w=3600");
        refresh(&dead, "192.0.2.2").await.problem(401, "token_not_valid");
        // The user refreshes as often as ever, from that address too.
        for _ in 0..3 {
            let answer = refresh(&alive, "192.0.2.1").await;
            answer.ok();
            if rotates == "true" {
                alive = answer.field("refresh");
            }
        }
        refused(&refresh(&alive, "192.0.2.3").await, "user", "q=3;w=3600");
    }
}

async fn sec_43_refused_login_changes_nothing_and_works_after_retry_after(engine: Engine) {
    let app = limited(engine).with("RATE_LIMIT_PROVIDER_ADDRESS", "2/8m").start().await;
    let browser = app.browser();
    let begun = app.begin(&browser, "github", json!({})).await;
    let authorized = browser.get("/api/login/social/authorize/github/?next=https://front.example/cb").send().await;
    assert_eq!(authorized.status, 303);
    let url = url::Url::parse(authorized.header("location").expect("a location")).expect("a URL");
    let state = url.query_pairs().find(|(name, _)| name == "state").expect("a state").1.into_owned();
    for code in ["u1", "u2"] {
        app.login("token", code).await.ok();
    }
    let before = app.database.dump().await;
    let post = || browser.login("token/github", json!({"code": "u3", "state": begun.state}));
    // Two waits are shorter than the lifetime of an authorization request.
    let seconds = refused(&post().await, "provider-address", "q=2;w=480");
    assert!((200..=240).contains(&seconds), "{seconds}");
    // A browser in the redirect flow gets a page that it can reload.
    let callback = || {
        let request = browser.get(&format!("/api/login/social/complete/github/?code=u4&state={state}"));
        request.header("accept", "text/html").send()
    };
    let page = callback().await;
    assert!(page.status == 429 && page.header("retry-after").is_some(), "{}", page.headers_and_body());
    assert!(page.text.contains("<html") && page.header("ratelimit").is_some(), "{}", page.headers_and_body());
    let rows_of_logins = |dump: Vec<Stored>| -> BTreeSet<(String, String, Vec<u8>)> {
        let stored = dump.into_iter().map(|Stored { table, column, bytes }| (table, column, bytes));
        stored.filter(|(table, _, _)| table != "rate_limits" && table != "audit_events").collect()
    };
    assert!(rows_of_logins(app.database.dump().await) == rows_of_logins(before), "no row changed");
    assert_eq!(app.double.calls_at(GITHUB_TOKEN).len(), 2);

    pass(&app, Duration::from_secs(seconds)).await;
    post().await.ok();
    pass(&app, Duration::from_secs(240)).await;
    assert_eq!(callback().await.header("location"), Some("https://front.example/cb"));
    // OAuth 1.0a calls the provider before the user is there, and counts then too.
    pass(&app, Duration::from_secs(36_000)).await;
    for _ in 0..2 {
        app.client().login("token/twitter", json!({})).await.ok();
    }
    refused(&app.client().login("token/twitter", json!({})).await, "provider-address", "q=2;w=480");
    let begin = app.client().post("/api/login/social/begin/twitter/").json(&json!({})).send().await;
    refused(&begin, "provider-address", "q=2;w=480");
    assert_eq!(app.double.calls_at(TWITTER_REQUEST).len(), 2);
}

async fn sec_43_address_limit_counts_networks(engine: Engine) {
    let settings = |app: TestAppBuilder| app.with("RATE_LIMIT_ADDRESS", "3/1h");
    let behind = settings(limited(engine)).with("TRUSTED_PROXIES", "127.0.0.1").start().await;
    for group in [
        // Each has one limit: an IPv4 address in all of its forms, and an IPv6 /64.
        ["203.0.113.7", "::ffff:203.0.113.7", "6.6.6.6, 203.0.113.7", "203.0.113.7:4711"],
        ["2001:db8::1", "2001:db8::2", "2001:db8::ffff:1:2:3", "[2001:db8::3]:99"],
        ["203.0.113.8", "203.0.113.8", "203.0.113.8", "203.0.113.8"],
        ["2001:db8:0:1::1", "2001:db8:0:1::1", "2001:db8:0:1::1", "2001:db8:0:1::1"],
    ] {
        for (n, address) in group.iter().enumerate() {
            let answer = wrong_code(&behind.client(), "", address).await;
            if n < 3 {
                answer.problem(400, "invalid_request");
            } else {
                let seconds = refused(&answer, "address", "q=3;w=3600");
                assert!((1100..=1200).contains(&seconds), "{address}: {seconds}");
            }
        }
    }
    // The other steps of a login count too, before anything is read; reading the list of providers does not.
    let from = |request: crate::support::client::Request| request.header("x-forwarded-for", "203.0.113.7").send();
    let client = behind.client();
    for path in ["begin/github/", "resume/", "swap/", "complete/github/", "nowhere/"] {
        refused(
            &from(client.post(&format!("/api/login/social/{path}")).json(&json!({}))).await,
            "address",
            "q=3;w=3600",
        );
    }
    for path in ["authorize/github/", "complete/github/", "resume/?code=x"] {
        refused(&from(client.get(&format!("/api/login/social/{path}"))).await, "address", "q=3;w=3600");
    }
    from(client.get("/api/login/social/providers/")).await.ok();
    let listed =
        from(client.post("/api/login/social/swap/").json(&json!({})).header("origin", "https://front.example"));
    let exposed = listed.await.header("access-control-expose-headers").unwrap_or_default().to_owned();
    assert!(exposed.contains("ratelimit, ratelimit-policy") && exposed.contains("retry-after"), "{exposed}");
    assert_eq!(refusals(&behind).await.iter().filter(|code| *code == "too_many_requests").count(), 4);

    // Without TRUSTED_PROXIES the header has no effect, over loopback as elsewhere.
    let alone = settings(limited(engine)).start().await;
    for n in 0..3 {
        wrong_code(&alone.client(), "", &format!("203.0.113.{n}")).await.problem(400, "invalid_request");
    }
    refused(&wrong_code(&alone.client(), "", "203.0.113.9").await, "address", "q=3;w=3600");
    // A wrong credential of a service counts as well.
    let guess = alone.client().post("/api/token/introspect/").header("authorization", "Basic eDp5");
    refused(&guess.form(&[("token", "x")]).send().await, "address", "q=3;w=3600");
}

async fn sec_43_user_limit_counts_links_refreshes_and_exports(engine: Engine) {
    let app = limited(engine).with("RATE_LIMIT_USER", "3/1h").start().await;
    let pair = app.login("jwt-pair", "u1").await.ok();
    let sliding = app.token("jwt-sliding", "u01").await;
    let bearer = format!("Bearer {sliding}");
    let refresh = |token: &str| {
        let token = json!({"refresh": token});
        let client = app.client();
        async move { client.post("/api/token/refresh/").json(&token).send().await }
    };
    let refresh_token = pair["refresh"].as_str().expect("a refresh token").to_owned();
    refresh(&refresh_token).await.ok();
    let export = || app.client().get("/api/user/export/").header("authorization", &bearer).send();
    export().await.ok();
    let slide = || app.client().post("/api/token/sliding/refresh/").json(&json!({"token": sliding})).send();
    slide().await.ok();
    for answer in [refresh(&refresh_token).await, export().await, slide().await] {
        let seconds = refused(&answer, "user", "q=3;w=3600");
        assert!((1100..=1200).contains(&seconds), "{seconds}");
    }
    let link = app.link("token/facebook", &format!("Token {}", app.token("token", "u001").await), "u1").await;
    refused(&link, "user", "q=3;w=3600");
    // What a back end asks on each request of its users is not limited, and other users are not.
    app.client().post("/api/token/verify/").json(&json!({"token": refresh_token})).send().await.ok();
    app.client().user(&bearer).await.ok();
    let other = app.login("jwt-pair", "u2").await.field("refresh");
    refresh(&other).await.ok();
    // A link counts when it begins and when it completes.
    let token = format!("Token {}", app.token("token", "u3").await);
    app.link("token/facebook", &token, "u3").await.ok();
    let begin = || app.client().post("/api/login/social/begin/facebook/").header("authorization", &token);
    begin().json(&json!({})).send().await.ok();
    refused(&begin().json(&json!({})).send().await, "user", "q=3;w=3600");
    let users: Vec<i64> = {
        let filter = AuditFilter { code: Some("too_many_requests".into()), ..AuditFilter::default() };
        let events = app.database.repository().await.audit_events(&filter, 99).await.expect("the audit log");
        events.iter().filter_map(|event| event.user_id).map(|user| user.0).collect()
    };
    assert_eq!(users.len(), 2, "one audit event for each user: {users:?}");
}

async fn sec_43_provider_limit_counts_all_addresses(engine: Engine) {
    let app = limited(engine).with("RATE_LIMIT_PROVIDER", "5/1h").with("TRUSTED_PROXIES", "127.0.0.1").start().await;
    let client = app.client();
    let mut statuses = Vec::new();
    for n in 0..20 {
        let answer = wrong_code(&client, &format!("wrong{n}"), &format!("198.51.100.{n}")).await;
        if answer.status == 429 {
            refused(&answer, "provider", "q=5;w=3600");
        }
        statuses.push(answer.status);
    }
    assert_eq!(statuses[..5], [400; 5]);
    assert_eq!(statuses[5..], [429; 15]);
    assert_eq!(app.double.calls_at(GITHUB_TOKEN).len(), 5);
    client.login("token/facebook", json!({"code": "u1"})).await.ok();
    assert_eq!(refusals(&app).await.iter().filter(|code| *code == "too_many_requests").count(), 1);
}

async fn sec_43_provider_limit_counts_refreshes_of_its_tokens(engine: Engine) {
    let plan = limited(engine).with("RATE_LIMIT_PROVIDER", "2/1h").with("STORE_PROVIDER_TOKENS", "true");
    let app = plan.with("SOCIAL_AUTH_DISCORD_KEY", "k1").with("SOCIAL_AUTH_DISCORD_SECRET", "s1-secret").start().await;
    let tokens = json!({"access_token": "a", "refresh_token": "r", "expires_in": 100});
    app.double.always("POST discord.com/api/oauth2/token", Reply::json(&tokens));
    app.double.always("GET discord.com/api/users/@me", Reply::json(&json!({"id": "10", "username": "ola"})));
    let login = app.client().login("token/discord", json!({"code": "c1"})).await;
    let user = format!("Token {}", login.field("token"));
    let get = |path: &str| app.client().get(path).header("authorization", &user).send();
    let account = get("/api/user/social/").await.ok()[0]["id"].clone();
    let path = format!("/api/user/social/{account}/token/");
    app.advance(Duration::from_secs(110));
    get(&path).await.ok();
    app.advance(Duration::from_secs(110));
    refused(&get(&path).await, "provider", "q=2;w=3600");
    assert_eq!(app.double.calls_at("POST discord.com/api/oauth2/token").len(), 2);
}

async fn sec_43_limits_can_be_turned_off(engine: Engine) {
    let app = TestApp::builder(engine)
        .with("RATE_LIMITS", "off")
        .with("RATE_LIMIT_ADDRESS", "1/24h")
        .with("RATE_LIMIT_PROVIDER_ADDRESS", "1/24h")
        .start()
        .await;
    let other = app.start_node_with(&[("RATE_LIMITS", "on"), ("RATE_LIMIT_ADDRESS", "off")]).await;
    for n in 1..4 {
        app.login("token", &format!("u{n}")).await.ok();
    }
    other.client().login("token/github", json!({"code": "u4"})).await.ok();
    refused(&other.client().login("token/github", json!({"code": "u5"})).await, "provider-address", "q=1;w=86400");
    let wrong = TestApp::builder(engine).with("RATE_LIMIT_USER", "many").try_start().await;
    let names: Vec<String> = wrong.err().into_iter().flatten().map(|error| error.name).collect();
    assert_eq!(names, ["RATE_LIMIT_USER"]);
}

/// The database measures the time, in hours here, so that the duration of the test does not matter.
async fn sec_43_shared_use_is_granted_up_to_the_quota(engine: Engine) {
    const HOUR: Duration = Duration::from_secs(3600);
    let app = TestApp::start(engine).await;
    let repository = app.database.repository().await;
    let (key, other) = (Digest::of(b"one"), Digest::of(b"other"));
    let ask = async |key: &Digest, part: u32, cost: u32| {
        let shared = SharedUse { key, part: HOUR * part, cost: HOUR * cost, period: HOUR * 60 };
        let wait = repository.use_rate_limit(shared).await.expect("the database answers");
        // Rounded to hours: some milliseconds have passed.
        wait.map(|wait| (wait.as_secs_f64() / 3600.0).round())
    };
    assert_eq!(ask(&key, 20, 20).await, None);
    assert_eq!(ask(&key, 30, 30).await, None);
    assert_eq!(ask(&key, 20, 20).await, Some(10.0), "50 of 60 are used");
    pass(&app, HOUR * 9).await;
    assert_eq!(ask(&key, 20, 20).await, Some(1.0), "a refusal changes nothing");
    assert_eq!(ask(&key, 10, 10).await, None);
    pass(&app, HOUR * 52).await;
    assert_eq!(ask(&key, 60, 60).await, None, "all is restored");
    assert_eq!(ask(&other, 60, 60).await, None, "another key");
    // A use may exceed what is left, which others then wait for. What it does not need is returned.
    let large = Digest::of(b"large");
    assert_eq!(ask(&large, 1, 50).await, None);
    assert_eq!(ask(&large, 1, 40).await, None);
    assert_eq!(ask(&large, 1, 1).await, Some(31.0));
    repository.return_rate_limit(&large, HOUR * 35).await.expect("a write");
    assert_eq!(ask(&large, 1, 1).await, None);
    // Parallel requests of many nodes.
    let busy = Digest::of(b"busy");
    let granted = join_all((0..30).map(|_| ask(&busy, 6, 6))).await;
    assert_eq!(granted.iter().filter(|refused| refused.is_none()).count(), 10);
    assert_eq!(app.database.count("rate_limits").await, 4);
    // All but one are restored at about the same time. The clock of the node that deletes restored rows may be ahead.
    let restored = app.database.number("SELECT max(expires) FROM rate_limits").await;
    let at = |minutes: u64| rest_social_auth::clock::UnixMillis(restored).plus(Duration::from_secs(minutes * 60));
    sweep(repository.as_ref(), at(4), 10).await.expect("a sweep");
    assert_eq!(app.database.count("rate_limits").await, 3);
    sweep(repository.as_ref(), at(6), 10).await.expect("a sweep");
    assert_eq!(app.database.count("rate_limits").await, 0, "restored ones are deleted");
}

/// Each node may allow a tenth by itself; all three share the rest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_43_three_nodes_share_one_limit() {
    let app = limited(Engine::Postgres).with("RATE_LIMIT_PROVIDER", "30/1h").start().await;
    let nodes = [app.start_second_node().await, app.start_second_node().await];
    let clients = [app.client(), nodes[0].client(), nodes[1].client()];
    let posts = (0..90).map(|n| {
        let client = &clients[n % 3];
        async move { client.login("token/github", json!({"code": format!("u{n}")})).await }
    });
    let answers = join_all(posts).await;
    let seen = app.double.calls_at(GITHUB_TOKEN).len();
    assert!((30..=36).contains(&seen), "{seen}");
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), seen);
    for (n, client) in clients.iter().enumerate() {
        let answer = client.login("token/github", json!({"code": format!("u{}", 90 + n)})).await;
        let seconds = refused(&answer, "provider", "q=30;w=3600");
        assert!(seconds <= 134, "{seconds}");
    }
    pass(&app, Duration::from_secs(134)).await;
    clients[2].login("token/github", json!({"code": "u99"})).await.ok();

    // A database that fails leaves each node with its own limit, never without one.
    pass(&app, Duration::from_secs(3600)).await;
    app.database.run("ALTER TABLE rate_limits RENAME TO hidden").await;
    app.double.clear_calls();
    for n in 0..40 {
        clients[1].login("token/github", json!({"code": format!("u{}", 100 + n)})).await;
    }
    assert_eq!(app.double.calls_at(GITHUB_TOKEN).len(), 30);
}

/// The processes have the system clock, the server in this process has that of the test, which is days away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_43_three_processes_share_the_limit_of_wrong_codes() {
    let app = limited(Engine::Postgres).with(WRONG_CODES.0, WRONG_CODES.1).start().await;
    let environment = [
        ("DATABASE_URL", app.database.url()),
        ("SECRET_KEY", SECRET_KEY),
        ("HTTPS_PROXY", app.double.proxy()),
        ("SSL_CERT_FILE", app.double.authority().to_str().expect("a path in UTF-8")),
        ("ALLOWED_REDIRECT_URIS", crate::support::REDIRECT_URI),
        ("TRUSTED_PROXIES", "127.0.0.1"),
        ("SOCIAL_AUTH_GITHUB_KEY", CLIENT_ID),
        ("SOCIAL_AUTH_GITHUB_SECRET", CLIENT_SECRET),
        WRONG_CODES,
    ];
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let processes = join_all((0..3).map(|_| Process::start(&["serve"], &environment, folder.path()))).await;
    let clients: Vec<Client> = processes.iter().map(Process::client).collect();
    let posts = (0..300).map(|n| {
        let client = clients[n % 3].clone();
        async move { wrong_code(&client, &format!("wrong{n}"), "127.0.0.1").await.status }
    });
    let statuses = join_all(posts).await;
    let seen = app.double.calls_at(GITHUB_TOKEN).len();
    // The quota, and a tenth of it for each further node. The last code of a node may exceed what is left.
    assert!((60..=75).contains(&seen), "{seen}");
    assert_eq!(statuses.iter().filter(|status| **status == 400).count(), seen);
    for n in 0..20 {
        wrong_code(&app.client(), &format!("late{n}"), "127.0.0.1").await;
    }
    assert_eq!(
        app.double.calls_at(GITHUB_TOKEN).len() - seen,
        6,
        "the tenth of the fourth node, whatever its clock says"
    );
    let answer = wrong_code(&app.client(), "later", "127.0.0.1").await;
    assert!(refused(&answer, "provider-address", "q=600;w=3600") <= 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_43_a_node_that_stops_returns_what_it_does_not_use() {
    let app = limited(Engine::Postgres).with("RATE_LIMIT_PROVIDER", "300/1h").start().await;
    let other = app.start_second_node().await;
    let client = other.client();
    // A tenth of the node itself, and one login of a part of 13.
    for n in 0..31 {
        client.login("token/github", json!({"code": format!("u{n}")})).await.ok();
    }
    let restored = async || app.database.number("SELECT max(expires) FROM rate_limits").await;
    assert_eq!(app.database.count("rate_limits").await, 1);
    let before = restored().await;
    other.stop().await;
    let returned = before - restored().await;
    assert!((159_000..=161_000).contains(&returned), "{returned} ms instead of twelve times 13.3 s");
}
