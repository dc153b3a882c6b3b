//! SEC-30: families of refresh and sliding tokens. A retry after a lost answer is safe; a token that is used after its successor
//! was used ends the family.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::client::claims;
use crate::support::test_app::TestAppBuilder;
use crate::support::{Answer, Client, Engine, Reply, TestApp, on_both_databases};

on_both_databases! {
    sec_30_lost_answers_tabs_and_parallel_refreshes_keep_the_user_signed_in,
    sec_30_reuse_after_the_successor_was_used_revokes_the_family,
    sec_30_family_ends_after_its_absolute_lifetime,
    sec_30_logout_and_revocation_end_the_family,
    sec_30_without_blacklisting_tokens_work_as_in_drsa,
    sec_30_token_of_simplejwt_starts_a_family,
    sec_30_sweeper_keeps_the_rows_that_detect_reuse,
    sec_30_clock_of_another_node_ends_no_reuse_detection,
    sec_30_revocation_is_remembered_as_long_as_access_tokens,
    sec_30_family_is_read_by_indexes,
}

const WEBHOOK_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The two kinds of login that can be refreshed.
const KINDS: [&str; 2] = ["jwt-pair", "jwt-sliding"];

fn rotating(engine: Engine) -> TestAppBuilder {
    TestApp::builder(engine).with("SIMPLE_JWT_ROTATE_REFRESH_TOKENS", "true")
}

/// What a client holds: the token that it refreshes with, and the one that it sends with requests.
#[derive(Clone, Debug)]
struct Held {
    refresh: String,
    access: String,
}

async fn sign_in(app: &TestApp, kind: &str, code: &str) -> Held {
    let answer = app.login(kind, code).await;
    let access = answer.field("token");
    Held { refresh: if kind == "jwt-pair" { answer.field("refresh") } else { access.clone() }, access }
}

async fn try_refresh(client: &Client, kind: &str, token: &str) -> Answer {
    let (path, body) = match kind {
        "jwt-pair" => ("/api/token/refresh/", json!({"refresh": token})),
        _ => ("/api/token/sliding/refresh/", json!({"token": token})),
    };
    client.post(path).json(&body).send().await
}

fn held(kind: &str, answer: &Answer) -> Held {
    answer.ok();
    match kind {
        "jwt-pair" => Held { refresh: answer.field("refresh"), access: answer.field("access") },
        _ => Held { refresh: answer.field("token"), access: answer.field("token") },
    }
}

async fn refresh(app: &TestApp, kind: &str, token: &Held) -> Held {
    held(kind, &try_refresh(&app.client(), kind, &token.refresh).await)
}

async fn refused(app: &TestApp, kind: &str, token: &Held, detail: &str) {
    let answer = try_refresh(&app.client(), kind, &token.refresh).await;
    assert_eq!(answer.problem(401, "token_not_valid")["detail"], detail, "{kind}");
}

/// Whether the token authenticates a request, and whether `/api/token/verify/` agrees.
async fn is_accepted(app: &TestApp, token: &Held) -> bool {
    let user = app.client().user(&format!("Bearer {}", token.access)).await;
    if user.status != 200 {
        user.problem(401, "token_not_valid");
        let verify = app.client().post("/api/token/verify/").json(&json!({"token": token.access})).send().await;
        assert!(matches!(verify.status, 400 | 401), "{}", verify.text);
    }
    user.status == 200
}

/// Valid tokens in the database.
async fn live(app: &TestApp) -> i64 {
    app.database.number("SELECT count(*) FROM refresh_tokens WHERE blacklisted IS NULL").await
}

async fn sec_30_lost_answers_tabs_and_parallel_refreshes_keep_the_user_signed_in(engine: Engine) {
    let app = rotating(engine).start().await;
    for (number, kind) in KINDS.iter().enumerate() {
        let mut token = sign_in(&app, kind, &format!("u{}1", "0".repeat(number))).await;
        let families = i64::try_from(number).expect("a small number") + 1;
        // Each answer is lost once, and the client sends the same token again.
        for _ in 0..3 {
            refresh(&app, kind, &token).await;
            token = refresh(&app, kind, &token).await;
            assert_eq!(live(&app).await, families, "{kind}");
        }
        // Two tabs refresh the token that they share. Whichever answer is stored last, it works.
        for keeps_first in [true, false] {
            let (first, second) = (refresh(&app, kind, &token).await, refresh(&app, kind, &token).await);
            assert_eq!(live(&app).await, families, "{kind}");
            assert!(is_accepted(&app, &first).await && is_accepted(&app, &second).await);
            token = refresh(&app, kind, if keeps_first { &first } else { &second }).await;
        }
        // A page whose ten requests all find that the access token has expired.
        for kept in [0, 4, 9] {
            let client = app.client();
            let calls = (0..10).map(|_| try_refresh(&client, kind, &token.refresh));
            let answers: Vec<Held> = join_all(calls).await.iter().map(|answer| held(kind, answer)).collect();
            assert_eq!(live(&app).await, families, "{kind}");
            token = answers[kept].clone();
            assert!(is_accepted(&app, &token).await, "{kind}");
        }
        let token = refresh(&app, kind, &token).await;
        assert!(is_accepted(&app, &token).await);
        assert_eq!(live(&app).await, families, "{kind}");
        assert_eq!(listed(&app, &token).await.len(), number + 1, "a family is one credential");
    }
    assert_eq!(app.database.number("SELECT count(*) FROM audit_events WHERE event = 'token_reused'").await, 0);
}

async fn listed(app: &TestApp, token: &Held) -> Vec<Value> {
    let request =
        app.client().get("/api/user/credentials/").header("authorization", format!("Bearer {}", token.access));
    let list = request.send().await.ok().as_array().cloned().expect("a list");
    assert_eq!(list.iter().filter(|entry| entry["current"] == true).count(), 1, "{list:?}");
    list
}

/// An attacker and the client both use a token of one login, in each order that the rule tells apart.
async fn sec_30_reuse_after_the_successor_was_used_revokes_the_family(engine: Engine) {
    let plan = rotating(engine).with("WEBHOOK_URL", "https://hooks.example/users");
    let app = plan.with("WEBHOOK_SECRETS", WEBHOOK_SECRET).start().await;
    app.double.always("POST hooks.example/users", Reply::json(&json!({})));
    let events = async || {
        let of = async |sql: &str| app.database.number(sql).await;
        let audit = of("SELECT count(*) FROM audit_events WHERE event = 'token_reused'").await;
        let webhook = of("SELECT count(*) FROM webhook_events WHERE type = 'token.reused'").await;
        (audit, webhook, of("SELECT count(*) FROM audit_events WHERE event = 'refused'").await)
    };
    let knox = format!("Token {}", app.token("knox", "u1").await);
    let mut logins = 1;
    let mut expected = (0, 0, 0);
    for kind in KINDS {
        for attacker_repeats_first in [true, false] {
            logins += 2;
            let other_login = sign_in(&app, kind, &format!("u{}1", "0".repeat(logins))).await;
            let stolen = sign_in(&app, kind, &format!("u{}1", "0".repeat(logins + 1))).await;
            let client = refresh(&app, kind, &stolen).await;
            let (newest, reused) = if attacker_repeats_first {
                // The attacker's refresh looks like a retry, until both have used what they got.
                let attacker = refresh(&app, kind, &stolen).await;
                (refresh(&app, kind, &attacker).await, client)
            } else {
                (refresh(&app, kind, &client).await, stolen)
            };
            assert!(is_accepted(&app, &newest).await);
            refused(&app, kind, &reused, "Token is blacklisted").await;
            expected = (expected.0 + 1, expected.1 + 1, expected.2);
            assert_eq!(events().await, expected, "one event for the revocation, and no second one for the refusal");
            refused(&app, kind, &newest, "Token is blacklisted").await;
            refused(&app, kind, &reused, "Token is blacklisted").await;
            expected.2 += 2;
            assert_eq!(events().await, expected, "the family is revoked once");
            assert!(!is_accepted(&app, &newest).await, "{kind}: access ends too");
            assert!(is_accepted(&app, &other_login).await, "{kind}: other logins of the user go on");
            refresh(&app, kind, &other_login).await;
        }
    }
    let reused = app.database.text("SELECT min(body) FROM webhook_events WHERE type = 'token.reused'").await;
    let body: Value = serde_json::from_str(&reused).expect("JSON");
    assert_eq!((&body["data"]["user"]["username"], &body["data"]["credential"]), (&json!("user1"), &json!("jwt-pair")));
    app.client().user(&knox).await.ok();
}

async fn sec_30_family_ends_after_its_absolute_lifetime(engine: Engine) {
    let plan = rotating(engine).with("SIMPLE_JWT_FAMILY_LIFETIME", "1000");
    let app = plan.with("SIMPLE_JWT_SLIDING_TOKEN_LIFETIME", "600").start().await;
    let end = app.clock.now().seconds() + 1000;
    let pair = sign_in(&app, "jwt-pair", "u1").await;
    let sliding = sign_in(&app, "jwt-sliding", "u01").await;
    assert_eq!(claims(&pair.refresh)["exp"], end, "the first token is limited as well");
    assert_eq!(claims(&sliding.refresh)["refresh_exp"], end);
    let long = app.start_node_with(&[("SIMPLE_JWT_SLIDING_TOKEN_LIFETIME", "86400")]).await;
    let long = long.client().login("jwt-sliding/github", json!({"code": "u001"})).await.field("token");
    assert_eq!((&claims(&long)["exp"], &claims(&long)["refresh_exp"]), (&json!(end), &json!(end)));
    app.advance(Duration::from_secs(500));
    let (pair, sliding) = (refresh(&app, "jwt-pair", &pair).await, refresh(&app, "jwt-sliding", &sliding).await);
    assert_eq!((&claims(&pair.refresh)["exp"], &claims(&sliding.refresh)["exp"]), (&json!(end), &json!(end)));
    app.advance(Duration::from_secs(400));
    let (pair, sliding) = (refresh(&app, "jwt-pair", &pair).await, refresh(&app, "jwt-sliding", &sliding).await);
    assert_eq!(claims(&pair.access)["exp"], end);
    // A setting that was reduced ends families whose tokens have a later `exp`.
    let stricter = app.start_node_with(&[("SIMPLE_JWT_FAMILY_LIFETIME", "900")]).await;
    for (kind, token) in [("jwt-pair", &pair), ("jwt-sliding", &sliding)] {
        let answer = try_refresh(&stricter.client(), kind, &token.refresh).await;
        assert_eq!(answer.problem(401, "token_not_valid")["detail"], "Token is expired", "{kind}");
    }
    let user = stricter.client().user(&format!("Bearer {}", sliding.access)).await;
    assert_eq!(user.problem(401, "token_not_valid")["messages"][0]["message"], "Token is expired");
    app.advance(Duration::from_secs(99));
    let pair = refresh(&app, "jwt-pair", &pair).await;
    app.advance(Duration::from_secs(1));
    refused(&app, "jwt-pair", &pair, "Token is expired").await;
    refused(&app, "jwt-sliding", &sliding, "Token is expired").await;
    assert!(!is_accepted(&app, &pair).await);
}

async fn sec_30_logout_and_revocation_end_the_family(engine: Engine) {
    let app = rotating(engine).start().await;
    let mut logins = 0;
    for kind in KINDS {
        for way in ["blacklist", "blacklist the parent", "delete", "delete others", "log out everywhere"] {
            logins += 2;
            let owner = format!("Token {}", app.token("knox", &format!("u{}1", "0".repeat(logins))).await);
            let first = sign_in(&app, kind, &format!("u{}1", "0".repeat(logins + 1))).await;
            let newest = refresh(&app, kind, &first).await;
            let blacklist = async |token: &str| {
                app.client().post("/api/token/blacklist/").json(&json!({"refresh": token})).send().await
            };
            match way {
                "blacklist" => drop(blacklist(&newest.refresh).await.ok()),
                // The answer with the newest token was lost.
                "blacklist the parent" => drop(blacklist(&first.refresh).await.ok()),
                "log out everywhere" => {
                    let out = app.client().post("/api/logout/all/");
                    let out = out.header("authorization", format!("Bearer {}", newest.access)).send().await;
                    assert_eq!(out.status, 204, "{}", out.text);
                }
                _ => {
                    let list = listed(&app, &newest).await;
                    let (id, authorization) = match way {
                        "delete" => {
                            let current = list.iter().find(|entry| entry["current"] == true).expect("this one");
                            (current["id"].as_str().expect("an id"), format!("Bearer {}", newest.access))
                        }
                        _ => ("others", owner.clone()),
                    };
                    let delete = app.client().request("DELETE", &format!("/api/user/credentials/{id}/"));
                    assert_eq!(delete.header("authorization", authorization).send().await.status, 204);
                }
            }
            assert!(!is_accepted(&app, &newest).await, "{kind}, {way}");
            let detail = if way == "log out everywhere" { "Token is invalid" } else { "Token is blacklisted" };
            for token in [&first, &newest] {
                refused(&app, kind, token, detail).await;
                let again = blacklist(&token.refresh).await;
                assert_eq!(again.problem(401, "token_not_valid")["detail"], detail, "{kind}, {way}");
            }
        }
    }
    assert_eq!(live(&app).await, 0);
    assert_eq!(app.database.number("SELECT count(*) FROM audit_events WHERE event = 'token_reused'").await, 0);
}

/// BLACKLIST_AFTER_ROTATION is off, as by default in simplejwt.
async fn sec_30_without_blacklisting_tokens_work_as_in_drsa(engine: Engine) {
    let app = rotating(engine).with("SIMPLE_JWT_BLACKLIST_AFTER_ROTATION", "false").start().await;
    let first = sign_in(&app, "jwt-pair", "u1").await;
    let second = refresh(&app, "jwt-pair", &first).await;
    let third = refresh(&app, "jwt-pair", &second).await;
    for token in [&first, &second, &third, &first] {
        refresh(&app, "jwt-pair", token).await;
    }
    let blacklist = app.client().post("/api/token/blacklist/").json(&json!({"refresh": second.refresh}));
    blacklist.send().await.ok();
    refused(&app, "jwt-pair", &second, "Token is blacklisted").await;
    assert!(is_accepted(&app, &second).await && is_accepted(&app, &third).await);
    refresh(&app, "jwt-pair", &third).await;
    assert_eq!(listed(&app, &third).await.len(), 1);

    let sliding = sign_in(&app, "jwt-sliding", "u01").await;
    let renewed = refresh(&app, "jwt-sliding", &sliding).await;
    assert_eq!(claims(&renewed.refresh)["jti"], claims(&sliding.refresh)["jti"], "R-CMP-06");
    refresh(&app, "jwt-sliding", &sliding).await;

    // From the first refresh with the setting on, one token of the family is valid.
    let detecting = app.start_node_with(&[("SIMPLE_JWT_BLACKLIST_AFTER_ROTATION", "true")]).await;
    let client = detecting.client();
    held("jwt-pair", &try_refresh(&client, "jwt-pair", &third.refresh).await);
    let old = try_refresh(&client, "jwt-pair", &first.refresh).await;
    assert_eq!(old.problem(401, "token_not_valid")["detail"], "Token is blacklisted");
    assert_eq!(app.database.number("SELECT count(*) FROM audit_events WHERE event = 'token_reused'").await, 1);
}

/// Django issued the token, and no import copied its row.
async fn sec_30_token_of_simplejwt_starts_a_family(engine: Engine) {
    let app = rotating(engine).with("SIMPLE_JWT_FAMILY_LIFETIME", "7200").start().await;
    let mut logins = 0;
    for kind in KINDS {
        logins += 1;
        let token = sign_in(&app, kind, &format!("u{}1", "0".repeat(logins))).await;
        app.database.run("DELETE FROM refresh_tokens").await;
        let client = app.client();
        let calls = (0..10).map(|_| try_refresh(&client, kind, &token.refresh));
        let answers: Vec<Held> = join_all(calls).await.iter().map(|answer| held(kind, answer)).collect();
        assert_eq!(live(&app).await, 1, "{kind}");
        assert_eq!(app.database.number("SELECT count(DISTINCT family) FROM refresh_tokens").await, 1);
        let newest = refresh(&app, kind, &answers[3]).await;
        assert!(is_accepted(&app, &newest).await);
        refused(&app, kind, &token, "Token is blacklisted").await;
        assert!(!is_accepted(&app, &newest).await, "{kind}");
    }
    // The import copied a blacklisted row, and a row without a family of ours.
    let token = sign_in(&app, "jwt-pair", "u2").await;
    app.database.run("UPDATE refresh_tokens SET signed_in = NULL, blacklisted = 5 WHERE user_id = 2").await;
    refused(&app, "jwt-pair", &token, "Token is blacklisted").await;
    app.database.run("UPDATE refresh_tokens SET blacklisted = NULL WHERE user_id = 2").await;
    refresh(&app, "jwt-pair", &token).await;
    app.advance(Duration::from_secs(7200));
    refused(&app, "jwt-pair", &token, "Token is expired").await;
}

async fn sec_30_sweeper_keeps_the_rows_that_detect_reuse(engine: Engine) {
    let app = rotating(engine).with("SIMPLE_JWT_REFRESH_TOKEN_LIFETIME", "3600").start().await;
    let repository = app.database.repository().await;
    let sweep = async || {
        rest_social_auth::store::sweep(repository.as_ref(), app.clock.now(), 1000).await.expect("a sweep");
    };
    let stolen = sign_in(&app, "jwt-pair", "u1").await;
    let client = refresh(&app, "jwt-pair", &stolen).await;
    let mut newest = refresh(&app, "jwt-pair", &client).await;
    app.advance(Duration::from_secs(3599));
    sweep().await;
    newest = refresh(&app, "jwt-pair", &newest).await;
    refused(&app, "jwt-pair", &stolen, "Token is blacklisted").await;
    sweep().await;
    assert!(!is_accepted(&app, &newest).await, "a revoked family is remembered while its access tokens could be used");
    refused(&app, "jwt-pair", &newest, "Token is blacklisted").await;
    // The refresh tokens have expired. Their rows stay until the access tokens have, too, on every node.
    app.advance(Duration::from_secs(3601));
    sweep().await;
    assert!(app.database.count("refresh_tokens").await > 0);
    app.advance(Duration::from_secs(300 + 300));
    sweep().await;
    assert_eq!(app.database.count("refresh_tokens").await, 0);
}

/// A node whose clock is four minutes ahead deletes expired rows. The others still accept the tokens of these rows.
async fn sec_30_clock_of_another_node_ends_no_reuse_detection(engine: Engine) {
    let plan = rotating(engine).with("SIMPLE_JWT_REFRESH_TOKEN_LIFETIME", "3600");
    let app = plan.with("SIMPLE_JWT_ACCESS_TOKEN_LIFETIME", "5").start().await;
    let repository = app.database.repository().await;
    let stolen = sign_in(&app, "jwt-pair", "u1").await;
    let client = refresh(&app, "jwt-pair", &stolen).await;
    let newest = refresh(&app, "jwt-pair", &client).await;
    app.advance(Duration::from_secs(3599));
    let ahead = app.clock.now().plus(Duration::from_secs(4 * 60));
    rest_social_auth::store::sweep(repository.as_ref(), ahead, 1000).await.expect("a sweep");
    // Without its row the used token would be unknown, and start a family of its own.
    refused(&app, "jwt-pair", &stolen, "Token is blacklisted").await;
    refused(&app, "jwt-pair", &newest, "Token is blacklisted").await;
    assert_eq!(app.database.number("SELECT count(*) FROM audit_events WHERE event = 'token_reused'").await, 1);
}

/// Without rotation a refresh token issues access tokens until it expires, which then outlive it.
async fn sec_30_revocation_is_remembered_as_long_as_access_tokens(engine: Engine) {
    let plan = TestApp::builder(engine).with("SIMPLE_JWT_REFRESH_TOKEN_LIFETIME", "600");
    let plan = plan.with("SIMPLE_JWT_ACCESS_TOKEN_LIFETIME", "3600").with("SIMPLE_JWT_LEEWAY", "30");
    let app = plan.start().await;
    let repository = app.database.repository().await;
    let first = sign_in(&app, "jwt-pair", "u1").await;
    app.advance(Duration::from_secs(590));
    let answer = try_refresh(&app.client(), "jwt-pair", &first.refresh).await;
    let token = Held { refresh: first.refresh, access: answer.field("access") };
    assert!(is_accepted(&app, &token).await);
    let owner = format!("Token {}", app.token("knox", "u01").await);
    let others = app.client().request("DELETE", "/api/user/credentials/others/").header("authorization", owner);
    assert_eq!(others.send().await.status, 204);
    assert!(!is_accepted(&app, &token).await);
    // The second before the access token expires.
    app.advance(Duration::from_secs(3600 + 29));
    rest_social_auth::store::sweep(repository.as_ref(), app.clock.now(), 1000).await.expect("a sweep");
    assert!(!is_accepted(&app, &token).await, "a revoked access token is accepted again");
}

/// Every access token is verified with the second of these reads.
async fn sec_30_family_is_read_by_indexes(engine: Engine) {
    let app = TestApp::start(engine).await;
    let explain = if engine == Engine::Sqlite { "EXPLAIN QUERY PLAN" } else { "EXPLAIN" };
    for (index, join) in [
        ("refresh_tokens_valid", "r.family = 'f' AND r.blacklisted IS NULL"),
        ("refresh_tokens_family_revoked", "r.family_revoked >= 5"),
    ] {
        let sql = format!(
            "{explain} SELECT u.id, r.family FROM users u LEFT JOIN refresh_tokens r ON r.user_id = u.id AND {join} WHERE u.id = 1"
        );
        let plan = app.database.plan(&sql).await;
        assert!(plan.contains(index), "{plan}");
    }
}
