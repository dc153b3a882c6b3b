//! What links an account to a user: only an authorization request that the user made here.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, Client, Engine, World, on_both_databases, signer, world};

on_both_databases! {
    fault_a2_a_login_without_an_authorization_request_never_links,
    fault_a2_a_session_is_replaced_and_not_linked_to,
    fault_a2_an_id_token_links_nothing_by_itself,
    fault_a2_a_request_of_an_anonymous_caller_never_links,
    fault_a2_the_setting_brings_back_what_django_rest_social_auth_does,
    fault_a3_a_first_step_ends_with_the_credential_that_made_it,
    fault_a3_a_request_that_links_ends_in_its_browser_under_every_policy,
    fault_a17_linking_needs_a_fresh_login_by_default,
    fault_b12_the_scheme_of_a_credential_is_read_in_any_case,
    fault_b12_a_credential_that_cannot_be_read_is_refused,
}

/// Every login route, and how its credential is presented.
const ROUTES: [(&str, &str); 8] = [
    ("token", "Token"),
    ("token_user", "Token"),
    ("jwt-pair", "Bearer"),
    ("jwt-pair-user", "Bearer"),
    ("jwt-sliding", "Bearer"),
    ("jwt-sliding-user", "Bearer"),
    ("knox", "Token"),
    ("knox_user", "Token"),
];

const ACCOUNTS_OF_VICTIM: &str = "SELECT count(*) FROM social_accounts WHERE user_id = 1";

async fn post(world: &World, route: &str, authorization: &str, body: Value) -> Answer {
    let post = world.client().post(&format!("/api/login/social/{route}/"));
    post.header("authorization", authorization).json(&body).send().await
}

async fn fault_a2_a_login_without_an_authorization_request_never_links(engine: Engine) {
    for policy in ["when_present", "off"] {
        let world = World::on(engine).with("STATE_POLICY", policy).start().await;
        for (n, (route, scheme)) in ROUTES.into_iter().enumerate() {
            let victim = format!("{scheme} {}", world.token(route, &format!("u{}1", "0".repeat(n))).await);
            // The attacker's code, with no state and with one that this server did not make.
            for (m, state) in [json!(null), json!("a-state-of-the-front-end")].into_iter().enumerate() {
                let body = json!({"code": format!("u{}", 100 + 2 * n + m), "state": state});
                post(&world, &format!("{route}/facebook"), &victim, body).await.ok();
            }
        }
        assert_eq!(world.database.number(ACCOUNTS_OF_VICTIM).await, 1, "{policy}");
        assert_eq!(world.database.count("users").await, 17, "{policy}: each account has a user of its own");
        // An account that signs another user in does so, whoever is signed in: nobody is linked, nothing is moved.
        let victim = format!("Token {}", world.token("token", &format!("u{}1", "0".repeat(20))).await);
        let other = post(&world, "token_user/facebook", &victim, json!({"code": "u0100"})).await.ok();
        assert_eq!(other["id"], 2, "{policy}");
        // With an account of their own, a user signs in.
        let own =
            post(&world, "token_user/github", &victim, json!({"code": format!("u{}1", "0".repeat(21))})).await.ok();
        assert_eq!(own["id"], 1, "{policy}");
    }
}

async fn fault_a2_a_session_is_replaced_and_not_linked_to(engine: Engine) {
    let world = World::start(engine).await;
    for (n, route) in ["session/facebook", "facebook"].into_iter().enumerate() {
        let browser = world.browser();
        browser.login("session/github", json!({"code": format!("u{}1", "0".repeat(n))})).await.ok();
        let before = browser.cookie("sessionid").expect("a session");
        let post = browser.post(&format!("/api/login/social/{route}/")).header("origin", &world.node.base);
        let other = post.json(&json!({"code": format!("u{}", 7 + n)})).send().await.ok();
        assert_ne!(other["id"], 1, "{route}");
        let old = world.browser();
        old.set_cookie("sessionid", &before);
        assert_eq!(old.get("/api/user/").send().await.status, 401, "{route}: the session before is over");
        assert_eq!(browser.get("/api/user/").send().await.ok()["id"], other["id"]);
    }
    assert_eq!(world.database.number(ACCOUNTS_OF_VICTIM).await, 1);
}

async fn fault_a2_an_id_token_links_nothing_by_itself(engine: Engine) {
    let world = World::on(engine).oidc().start().await;
    let victim = format!("Token {}", world.token("token", "u1").await);
    let token = signer::signed(&world.people.id_token_claims("u5", None, ""));
    let other = post(&world, "token_user/oidc", &victim, json!({"id_token": token})).await.ok();
    assert_ne!(other["id"], 1);
    assert_eq!(world.database.number(ACCOUNTS_OF_VICTIM).await, 1);
}

async fn fault_a2_a_request_of_an_anonymous_caller_never_links(engine: Engine) {
    let world = World::start(engine).await;
    let victim = format!("Token {}", world.token("token", "u1").await);
    let begun = world.begin(&world.client(), "facebook", json!({})).await;
    let body = json!({"code": "u5", "state": begun.state, "flow_token": begun.flow_token});
    assert_ne!(post(&world, "token_user/facebook", &victim, body).await.ok()["id"], 1);
    // OAuth 1.0a: the attacker's own first step.
    let token = world.client().login("token/twitter", json!({})).await.field("oauth_token");
    let body = json!({"oauth_token": token, "oauth_verifier": "u6"});
    assert_ne!(post(&world, "token_user/twitter", &victim, body).await.ok()["id"], 1);
    assert_eq!(world.database.number(ACCOUNTS_OF_VICTIM).await, 1);
}

async fn fault_a2_the_setting_brings_back_what_django_rest_social_auth_does(engine: Engine) {
    let world = World::on(engine).with("LINK_WITHOUT_AUTHORIZATION_REQUEST", "true").start().await;
    let caller = format!("Token {}", world.token("token", "u1").await);
    assert_eq!(post(&world, "token_user/facebook", &caller, json!({"code": "u5"})).await.ok()["id"], 1);
    assert_eq!(world.database.number(ACCOUNTS_OF_VICTIM).await, 2);
    world.client().login("token/facebook", json!({"code": "u9"})).await.ok();
    post(&world, "token/facebook", &caller, json!({"code": "u09"})).await.problem(409, "account_in_use");
}

async fn fault_a3_a_first_step_ends_with_the_credential_that_made_it(engine: Engine) {
    let world = World::start(engine).await;
    let attacker = format!("Token {}", world.token("token", "u1").await);
    let first_step = || post(&world, "token/twitter", &attacker, json!({}));
    let body = |token: String, verifier: &str| json!({"oauth_token": token, "oauth_verifier": verifier});
    // A victim without cookies, then one who is signed in.
    let token = first_step().await.field("oauth_token");
    world.client().login("token/twitter", body(token, "u5")).await.problem(400, "flow_mismatch");
    let victim = format!("Token {}", world.token("token", "u2").await);
    let token = first_step().await.field("oauth_token");
    post(&world, "token/twitter", &victim, body(token, "u6")).await.problem(400, "flow_mismatch");
    // The cookie of the first step alone is not the credential.
    let browser = world.browser();
    let begun = browser.post("/api/login/social/token/twitter/").header("authorization", &attacker);
    let token = begun.json(&json!({})).send().await.field("oauth_token");
    browser.login("token/twitter", body(token, "u7")).await.problem(400, "flow_mismatch");
    assert_eq!(world.database.number(ACCOUNTS_OF_VICTIM).await, 1);
    // Both steps with the credential link, as a front-end of django-rest-social-auth does it.
    let token = first_step().await.field("oauth_token");
    post(&world, "token/twitter", &attacker, body(token, "u8")).await.ok();
    assert_eq!(world.database.number(ACCOUNTS_OF_VICTIM).await, 2);
}

async fn fault_a3_a_request_that_links_ends_in_its_browser_under_every_policy(engine: Engine) {
    for policy in ["required", "when_present", "off"] {
        let world = World::on(engine).with("STATE_POLICY", policy).start().await;
        let first = world.begin(&world.client(), "github", json!({})).await;
        let body = json!({"code": "u1", "state": first.state, "flow_token": first.flow_token});
        let owner = format!("Token {}", world.client().login("token/github", body).await.field("token"));
        let begin = |client: Client| {
            let owner = owner.clone();
            async move {
                let post = client.post("/api/login/social/begin/facebook/").header("authorization", owner);
                post.json(&json!({})).send().await
            }
        };
        // Neither cookie nor flow token: with and without a credential.
        let begun = begin(world.browser()).await;
        let body = json!({"code": "u5", "state": begun.field("state")});
        world.client().login("token/facebook", body.clone()).await.problem(400, "flow_mismatch");
        post(&world, "token/facebook", &owner, body).await.problem(400, "flow_mismatch");
        assert_eq!(world.database.number(ACCOUNTS_OF_VICTIM).await, 1, "{policy}");
        // With the flow token it links, also where the credential does not come along again.
        let begun = begin(world.client()).await;
        let body = json!({"code": "u6", "state": begun.field("state"), "flow_token": begun.field("flow_token")});
        world.client().login("token/facebook", body).await.ok();
        assert_eq!(world.database.number(ACCOUNTS_OF_VICTIM).await, 2, "{policy}");
    }
}

async fn fault_a17_linking_needs_a_fresh_login_by_default(engine: Engine) {
    let world = World::start(engine).await;
    let owner = format!("Token {}", world.token("token", "u1").await);
    world.advance(Duration::from_secs(901));
    world.link("token/facebook", &owner, "u5").await.problem(403, "fresh_login_required");
    // The request of a login that was too old stays one, also where the credential does not come along again.
    let begun = world.client().post("/api/login/social/begin/facebook/").header("authorization", &owner);
    let begun = begun.json(&json!({})).send().await;
    let body = json!({"code": "u6", "state": begun.field("state"), "flow_token": begun.field("flow_token")});
    world.client().login("token/facebook", body).await.problem(403, "fresh_login_required");
    // OAuth 1.0a.
    let token = post(&world, "token/twitter", &owner, json!({})).await.field("oauth_token");
    let body = json!({"oauth_token": token, "oauth_verifier": "u7"});
    post(&world, "token/twitter", &owner, body).await.problem(403, "fresh_login_required");
    assert_eq!((world.database.count("users").await, world.database.count("social_accounts").await), (1, 1));
    world.login("token", "u01").await.ok();
    world.link("token/facebook", &owner, "u05").await.ok();
}

async fn fault_b12_the_scheme_of_a_credential_is_read_in_any_case(engine: Engine) {
    let world = World::start(engine).await;
    let tokens = [
        (world.token("jwt-pair", "u1").await, ["bearer", "BEARER", "Bearer "], "jwt-pair"),
        (world.token("jwt-sliding", "u01").await, ["bearer", "bEARER", "Bearer  "], "jwt-sliding"),
        (world.token("token", "u001").await, ["token", "TOKEN", "Token "], "token"),
        (world.token("knox", "u0001").await, ["token", "TOKEN", "Token  "], "knox"),
    ];
    for (n, (token, schemes, kind)) in tokens.iter().enumerate() {
        for (m, scheme) in schemes.iter().enumerate() {
            let authorization = format!("{scheme} {token}");
            assert_eq!(world.client().user(&authorization).await.ok()["id"], 1, "{authorization}");
            let linked =
                world.link(&format!("{kind}/facebook"), &authorization, &format!("u{}", 10 * n + m + 50)).await;
            linked.ok();
        }
    }
    assert_eq!(world.database.count("users").await, 1);
}

async fn fault_b12_a_credential_that_cannot_be_read_is_refused(engine: Engine) {
    let world = World::start(engine).await;
    world.double.forget();
    for route in ["jwt-pair", "jwt-pair-user", "jwt-sliding", "jwt-sliding-user"] {
        for authorization in ["bearer x", "BEARER x", "Bearer  x", "Bearer", "bearer ", "bearer a b", "b\u{e9}arer x"] {
            let answer = post(&world, &format!("{route}/github"), authorization, json!({"code": "u1"})).await;
            assert_eq!(answer.status, 401, "{authorization:?} on {route}: {}", answer.text);
        }
        let two = world.client().post(&format!("/api/login/social/{route}/github/"));
        let two = two.header("authorization", "Token x").header("authorization", "Bearer x");
        assert_eq!(two.json(&json!({"code": "u1"})).send().await.status, 401, "{route}");
    }
    for route in ["token", "token_user", "knox", "knox_user"] {
        for authorization in ["token x", "TOKEN x", "Token", "token a b", "\u{e9}"] {
            let answer = post(&world, &format!("{route}/github"), authorization, json!({"code": "u1"})).await;
            assert_eq!(answer.status, 401, "{authorization:?} on {route}: {}", answer.text);
        }
    }
    assert!(world.double.calls().is_empty());
    assert_eq!(world.database.count("users").await, 0);
}

#[test]
fn fault_a2_a17_the_ways_of_django_rest_social_auth_are_warnings_at_start() {
    let warnings = |settings: &[(&str, &str)]| {
        let base = [("SECRET_KEY", world::SECRET_KEY), ("PUBLIC_URL", "https://login.example")];
        let environment = base.iter().chain(settings).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        world::read(environment.collect()).expect("settings without a mistake").warnings
    };
    for (name, value, safe) in
        [("LINK_WITHOUT_AUTHORIZATION_REQUEST", "true", "false"), ("LINK_NEEDS_FRESH_LOGIN", "false", "true")]
    {
        let said = |warnings: Vec<String>| warnings.iter().any(|warning| warning.starts_with(name));
        assert!(said(warnings(&[(name, value)])), "{name}");
        assert!(!said(warnings(&[(name, safe)])) && !said(warnings(&[])), "{name}");
    }
    let github = [("SOCIAL_AUTH_GITHUB_KEY", "k"), ("SOCIAL_AUTH_GITHUB_SECRET", "s")];
    let accepts = ("DENY_LISTS_ACCEPT_MISSING_EMAIL", "true");
    let list = ("SOCIAL_AUTH_DENIED_DOMAINS", "evil.example");
    let said = |settings: &[(&str, &str)]| {
        let settings: Vec<(&str, &str)> = github.iter().chain(settings).copied().collect();
        warnings(&settings).iter().any(|warning| warning.starts_with(accepts.0))
    };
    assert!(said(&[accepts, list]) && !said(&[accepts]) && !said(&[list]));
}
