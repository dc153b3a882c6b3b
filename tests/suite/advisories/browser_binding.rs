//! Logins that another browser began, and callbacks that are played into somebody else's.

use serde_json::json;

use super::{APP, authorize, begin_link, complete, credential, linked_accounts, location_parameter, sign_in, with_app};
use crate::support::fake_users::TWITTER_ACCESS;
use crate::support::{Engine, FRONTEND, REDIRECT_URI, on_both_databases};

on_both_databases! {
    cve_2026_47158_vaultwarden_request_of_another_browser_cannot_be_completed,
    cve_2025_68158_authlib_state_is_bound_to_its_browser_and_user,
}

/// Vaultwarden let anybody make a request with a state and a challenge of the own choice, and delivered the login of whoever
/// was led through it to the maker. Here the server makes the state, and only the browser that began can finish.
async fn cve_2026_47158_vaultwarden_request_of_another_browser_cannot_be_completed(engine: Engine) {
    let app = with_app(engine).await;
    let attacker = app.client();
    // RFC 7636, appendix B.
    let (verifier, challenge) =
        ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    let chosen = json!({"state": "chosen-by-the-attacker", "nonce": "chosen", "code_challenge": challenge,
        "code_challenge_method": "S256", "flow_token": "rsaf_chosen"});
    let begun = app.begin(&attacker, "github", chosen).await;
    for own in [&begun.state, &begun.flow_token] {
        assert!(!own.contains("chosen"), "the server makes it: {own}");
    }
    // The victim is led to the authorization URL, signs in there, and comes back to the front-end, which posts the callback.
    let victim = app.browser();
    for kind in ["session", "token", "jwt-pair", "knox"] {
        for state in [begun.state.as_str(), "chosen-by-the-attacker"] {
            let body = json!({"code": "u1", "state": state, "code_verifier": verifier});
            let answer = victim.post(&format!("/api/login/social/{kind}/github/")).header("origin", FRONTEND);
            let answer = answer.json(&body).send().await;
            // A state that this server did not make is the front-end's own, and the login is the victim's alone.
            if state == begun.state {
                answer.problem(400, "flow_mismatch");
            }
        }
    }
    let attackers = attacker.login(
        "token/github",
        json!({"code": "u1", "state": begun.state,
        "flow_token": begun.flow_token, "code_verifier": verifier}),
    );
    let attackers = attackers.await;
    assert_eq!(attackers.status, 400, "the victim's code is used up: {}", attackers.text);

    // The redirect flow: the attacker's own challenge, so that the attacker alone could exchange the code at the end.
    for kind in ["session", "jwt-pair", "knox_user"] {
        let attacker = app.browser();
        let next = if kind == "session" { REDIRECT_URI } else { APP };
        let query =
            format!("next={next}&kind={kind}&code_challenge={challenge}&code_challenge_method=S256&state=chosen");
        let query = if kind == "session" { format!("next={next}") } else { query };
        let there = authorize(&attacker, "github", &query).await;
        let state = location_parameter(&there, "state").expect("a state");
        assert_ne!(state, "chosen");
        let victim = app.browser();
        complete(&victim, "github", &format!("code=u2&state={state}")).await.problem(400, "flow_mismatch");
        authorize(&victim, "github", &format!("next={REDIRECT_URI}")).await;
        complete(&victim, "github", &format!("code=u2&state={state}")).await.problem(400, "flow_mismatch");
        assert!(victim.cookie("sessionid").is_none());
    }
    // OAuth 1.0a: a request token that was made with the attacker's credential links nobody who finishes it elsewhere.
    let attackers = credential(&sign_in(&app, "github", "u6").await);
    let first = app.client().post("/api/login/social/token/twitter/").header("authorization", &attackers);
    let first = first.json(&json!({})).send().await.ok();
    let body = json!({"oauth_token": first["oauth_token"], "oauth_verifier": "u1"});
    let finished = app.browser().login("token_user/twitter", body).await;
    assert_eq!(finished.status, 400, "{}", finished.text);
    assert_eq!(linked_accounts(&app, &attackers).await.len(), 1);
    assert!(app.double.calls_at(TWITTER_ACCESS).is_empty());
}

/// Authlib looked a callback's state up in a cache that all users share, and did not ask whose it was: a link with the
/// attacker's code and state signed the victim in as the attacker, or linked the attacker's account to the victim. Here a
/// state is of the browser and of the user that it was made for.
async fn cve_2025_68158_authlib_state_is_bound_to_its_browser_and_user(engine: Engine) {
    let app = with_app(engine).await;
    let attacker = app.browser();
    let begun = app.begin(&attacker, "facebook", json!({})).await;
    let there = authorize(&attacker, "facebook", &format!("next={REDIRECT_URI}")).await;
    let state = location_parameter(&there, "state").expect("a state");

    let victim = app.browser();
    victim.login("session/github", json!({"code": "u1"})).await.ok();
    let session = victim.cookie("sessionid");
    let token = credential(&sign_in(&app, "github", "u01").await);
    let known = json!({"code": "u6", "state": begun.state});
    let callback = format!("code=u06&state={state}");
    // The link is opened in the victim's browser: signed in, with a login of the victim's own begun, and signed out.
    for own_login in [false, true] {
        if own_login {
            let begin = victim.post("/api/login/social/begin/facebook/").header("origin", FRONTEND);
            begin.json(&json!({})).send().await.ok();
        }
        let post = victim.post("/api/login/social/session/facebook/").header("origin", FRONTEND);
        post.json(&known).send().await.problem(400, "flow_mismatch");
        complete(&victim, "facebook", &callback).await.problem(400, "flow_mismatch");
        let posted = victim.post("/api/login/social/complete/facebook/").header("origin", "https://www.facebook.com");
        posted.form(&[("code", "u06"), ("state", &state)]).send().await.problem(400, "flow_mismatch");
        let with_token = app.client().post("/api/login/social/token/facebook/").header("authorization", &token);
        with_token.json(&known).send().await.problem(400, "flow_mismatch");
    }
    app.browser().login("session/facebook", known.clone()).await.problem(400, "flow_mismatch");
    assert_eq!(victim.cookie("sessionid"), session, "the victim stays who they are");
    // Without any state, as classic front-ends post: signed in or refused, but nothing is linked.
    for body in [
        json!({"code": "u006"}),
        json!({"code": "u0006", "state": "made-by-the-front-end"}),
        json!({"code": "u00006", "state": ""}),
    ] {
        let post = app.client().post("/api/login/social/token_user/facebook/").header("authorization", &token);
        post.json(&body).send().await;
        let other = app.browser();
        other.login("session/github", json!({"code": format!("u{}1", "0".repeat(body.to_string().len()))})).await.ok();
        other.post("/api/login/social/session/facebook/").header("origin", FRONTEND).json(&body).send().await;
    }
    assert_eq!(linked_accounts(&app, &token).await, [("github".to_owned(), "1".to_owned())]);
    // A request that the victim began for linking is finished with the victim's credential, or not at all.
    let begun = begin_link(&app.client(), &token, "facebook").await;
    let body = json!({"code": "u000006", "state": begun["state"]});
    attacker.login("token/facebook", body).await.problem(400, "flow_mismatch");
    assert_eq!(linked_accounts(&app, &token).await.len(), 1);
}
