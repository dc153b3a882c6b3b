//! The step `ask_link`: a new account whose verified e-mail address another user has is linked only after a login of that user.

use std::time::Duration;

use futures_util::future::join;
use rest_social_auth::async_trait;
use rest_social_auth::login::{Draft, InputField, Step, Stop};
use serde_json::{Value, json};

use crate::support::client::{self, location};
use crate::support::test_app::TestAppBuilder;
use crate::support::{Answer, Client, Engine, FRONTEND, REDIRECT_URI, TestApp, on_both_databases};

on_both_databases! {
    account_is_linked_after_a_login_of_the_existing_user,
    question_is_in_the_language_of_the_user,
    separate_user_gets_the_address_unverified,
    question_needs_verified_addresses_and_trusted_providers,
    old_credential_and_another_user_do_not_link,
    pending_login_of_another_browser_is_not_linked,
    only_link_is_offered_while_sign_up_is_closed,
    two_tabs_have_one_result,
    revoked_credential_cancels_the_link_before_the_last_step,
    session_login_links_on_the_page_of_the_server,
    concurrent_sign_ups_with_one_address_verify_it_once,
    wrong_order_of_the_step_is_an_error_at_start,
}

const STEPS: &str = "social_details,social_uid,auth_allowed,social_user,ask_link,get_username,create_user,associate_user,\
                     load_extra_data,user_details";

fn plan(engine: Engine) -> TestAppBuilder {
    TestApp::builder(engine)
        .oidc()
        .with("SOCIAL_AUTH_PIPELINE", STEPS)
        .with("SOCIAL_AUTH_TRUSTED_EMAIL_PROVIDERS", "google-oauth2,oidc")
        .with("LINK_NEEDS_FRESH_LOGIN", "false")
}

/// Ada has a user through Google, and the same address at the other provider.
async fn start(plan: TestAppBuilder) -> TestApp {
    let app = plan.start().await;
    for code in ["u1", "u01", "u001", "u0001"] {
        app.fake_users.set_profile("google-oauth2", code, google("200001"));
    }
    for code in ["u7", "u07", "u007"] {
        app.fake_users.set_profile("oidc", code, oidc("s-7", true));
    }
    app.client().login("token/google-oauth2", json!({"code": "u1"})).await.ok();
    app.advance(Duration::from_secs(60));
    app
}

fn google(sub: &str) -> Value {
    json!({"sub": sub, "name": "Ada Lovelace", "email": "ada@gmail.com", "email_verified": true})
}

fn oidc(sub: &str, verified: bool) -> Value {
    json!({"sub": sub, "preferred_username": "lovelace", "email": "Ada@gmail.com", "email_verified": verified})
}

async fn sign_in(client: &Client, provider: &str, code: &str) -> Answer {
    client.login(&format!("knox_user/{provider}"), json!({"code": code})).await
}

/// The flow token of a login that asks.
#[track_caller]
fn flow_token(pending: &Answer) -> String {
    let body = pending.json();
    assert_eq!((&body["step"], &body["fields"][0]["name"]), (&json!("ask_link"), &json!("link")), "{body}");
    body["flow_token"].as_str().expect("a flow token").to_owned()
}

async fn resume(client: &Client, token: &str, link: &str, authorization: Option<&str>) -> Answer {
    let request = client.post("/api/login/social/resume/").header("origin", FRONTEND);
    let request = match authorization {
        Some(token) => request.header("authorization", format!("Token {token}")),
        None => request,
    };
    request.json(&json!({"flow_token": token, "link": link})).send().await
}

async fn account_is_linked_after_a_login_of_the_existing_user(engine: Engine) {
    let app = start(plan(engine)).await;
    let client = app.client();
    let pending = sign_in(&client, "oidc", "u7").await;
    let token = flow_token(&pending);
    assert_eq!(pending.json()["fields"][0]["choices"], json!(["link", "new"]));
    assert!(pending.json()["fields"][0]["help"].to_string().contains("google-oauth2"), "{}", pending.text);
    let first = resume(&client, &token, "link", None).await.problem(403, "link_login_required");
    assert!(first["detail"].to_string().contains("google-oauth2"), "{first}");
    resume(&client, &token, "other", None).await.problem(400, "invalid_request");
    assert_eq!(app.database.count("social_accounts").await, 1);

    let ada = sign_in(&client, "google-oauth2", "u01").await;
    let linked = resume(&client, &token, "link", Some(&ada.field("token"))).await.ok();
    assert_eq!((&linked["id"], &linked["username"]), (&ada.ok()["id"], &ada.ok()["username"]));
    assert_eq!((app.database.count("users").await, app.database.count("social_accounts").await), (1, 2));
    assert_eq!(app.database.number("SELECT count(*) FROM audit_events WHERE event = 'link'").await, 1);
    // From now on the account signs in without a question.
    assert_eq!(sign_in(&client, "oidc", "u07").await.ok()["id"], linked["id"]);
}

async fn question_is_in_the_language_of_the_user(engine: Engine) {
    let app = start(plan(engine)).await;
    let login = app.client().post("/api/login/social/knox_user/oidc/").header("accept-language", "de");
    let pending = login.json(&json!({"code": "u7"})).send().await;
    flow_token(&pending);
    let field = &pending.json()["fields"][0];
    assert_eq!(field["title"], "Es gibt schon einen Benutzer mit deiner E-Mail-Adresse. Bist du das?");
    assert!(field["help"].to_string().contains("Melde dich an wie bisher (google-oauth2)"), "{field}");
    assert_eq!(field["choices"], json!(["link", "new"]));
}

async fn separate_user_gets_the_address_unverified(engine: Engine) {
    let app = start(plan(engine)).await;
    let client = app.client();
    let token = flow_token(&sign_in(&client, "oidc", "u7").await);
    let other = resume(&client, &token, "new", None).await.ok();
    assert_eq!((app.database.count("users").await, app.database.count("social_accounts").await), (2, 2));
    let verified = "SELECT count(*) FROM users WHERE email_verified";
    assert_eq!(app.database.number(verified).await, 1, "the address stays that of the first user");
    // The account has a user now, and the question is not asked again.
    assert_eq!(sign_in(&client, "oidc", "u07").await.ok()["id"], other["id"]);
    // The address still leads to the first user only.
    app.fake_users.set_profile("oidc", "u8", oidc("s-8", true));
    assert!(sign_in(&client, "oidc", "u8").await.json()["fields"][0]["help"].to_string().contains("google-oauth2"));
}

async fn question_needs_verified_addresses_and_trusted_providers(engine: Engine) {
    // The new account's address is not verified.
    let app = start(plan(engine)).await;
    app.fake_users.set_profile("oidc", "u8", oidc("s-8", false));
    sign_in(&app.client(), "oidc", "u8").await.ok();
    // The provider of the new account, or of the existing user, is not trusted.
    for trusted in ["google-oauth2", "oidc", "github"] {
        let app = start(plan(engine).with("SOCIAL_AUTH_TRUSTED_EMAIL_PROVIDERS", trusted)).await;
        sign_in(&app.client(), "oidc", "u7").await.ok();
        assert_eq!(app.database.count("users").await, 2, "{trusted}");
    }
    // A user who only typed or withheld a verification is not asked about: the address may be that of another user.
    let app = plan(engine).start().await;
    let unverified = json!({"sub": "200001", "email": "ada@gmail.com", "email_verified": false});
    app.fake_users.set_profile("oidc", "u8", oidc("s-8", false));
    app.fake_users.set_profile("google-oauth2", "u1", unverified);
    sign_in(&app.client(), "oidc", "u8").await.ok();
    app.fake_users.set_profile("oidc", "u7", oidc("s-7", true));
    sign_in(&app.client(), "oidc", "u7").await.ok();
    assert_eq!(app.database.count("users").await, 2);
    // The user who has the address verified was deactivated.
    let app = start(plan(engine)).await;
    app.database.run("UPDATE users SET is_active = false").await;
    sign_in(&app.client(), "oidc", "u7").await.ok();
    assert_eq!(app.database.number("SELECT count(*) FROM users WHERE email_verified").await, 1);
}

async fn old_credential_and_another_user_do_not_link(engine: Engine) {
    let app = start(plan(engine)).await;
    let client = app.client();
    let before = sign_in(&client, "google-oauth2", "u01").await.field("token");
    app.advance(Duration::from_secs(1));
    let token = flow_token(&sign_in(&client, "oidc", "u7").await);
    app.advance(Duration::from_secs(1));
    let eve = app.token("knox", "u9").await;
    for credential in [&before, &eve] {
        resume(&client, &token, "link", Some(credential)).await.problem(403, "link_login_required");
    }
    resume(&client, &token, "link", Some("0123456789")).await.problem(401, "invalid_token");
    assert_eq!(app.database.number("SELECT count(*) FROM social_accounts WHERE provider = 'oidc'").await, 0);
    let after = sign_in(&client, "google-oauth2", "u001").await.field("token");
    app.advance(Duration::from_secs(599));
    resume(&client, &token, "link", Some(&after)).await.problem(400, "state_expired");
    assert_eq!(app.database.number("SELECT count(*) FROM social_accounts WHERE provider = 'oidc'").await, 0);
}

fn parameter(url: &url::Url, name: &str) -> String {
    client::parameter(url, name).unwrap_or_else(|| panic!("no {name} in {url}"))
}

/// Goes through the redirect flow and returns where it ends.
async fn redirect_flow(browser: &Client, provider: &str, code: &str, query: &str) -> url::Url {
    let begun = location(&browser.get(&format!("/api/login/social/authorize/{provider}/?{query}")).send().await);
    let nonce = begun.query_pairs().find(|(name, _)| name == "nonce").map(|(_, nonce)| format!("~{nonce}"));
    let (state, nonce) = (parameter(&begun, "state"), nonce.unwrap_or_default());
    let callback = format!("/api/login/social/complete/{provider}/?code={code}{nonce}&state={state}");
    location(&browser.get(&callback).send().await)
}

async fn pending_login_of_another_browser_is_not_linked(engine: Engine) {
    let app = start(plan(engine)).await;
    // The attacker, with an account that has the victim's address, sends the end of the flow to the victim.
    let attacker = app.browser();
    let query = format!("next={REDIRECT_URI}&kind=knox_user");
    let end = redirect_flow(&attacker, "oidc", "u7", &query).await;
    let victim = app.browser();
    let exchanged = victim.post("/api/login/social/swap/").json(&json!({"code": parameter(&end, "code")})).send().await;
    let token = flow_token(&exchanged);
    let credential = sign_in(&victim, "google-oauth2", "u01").await.field("token");
    resume(&victim, &token, "link", Some(&credential)).await.problem(400, "flow_mismatch");
    resume(&app.client(), &token, "link", Some(&credential)).await.problem(400, "flow_mismatch");
    assert_eq!(app.database.count("social_accounts").await, 1);
    // In the browser that signed in, it is linked.
    resume(&attacker, &token, "link", Some(&credential)).await.ok();
    assert_eq!(app.database.count("social_accounts").await, 2);
}

async fn only_link_is_offered_while_sign_up_is_closed(engine: Engine) {
    let app = start(plan(engine)).await;
    let node = app.start_node_with(&[("SOCIAL_AUTH_SIGN_UP", "false")]).await;
    let client = node.client();
    let pending = sign_in(&client, "oidc", "u7").await;
    assert_eq!(pending.json()["fields"][0]["choices"], json!(["link"]), "{}", pending.text);
    let token = flow_token(&pending);
    resume(&client, &token, "new", None).await.problem(400, "invalid_request");
    let ada = sign_in(&client, "google-oauth2", "u01").await.field("token");
    resume(&client, &token, "link", Some(&ada)).await.ok();
    assert_eq!(app.database.count("users").await, 1);
}

async fn two_tabs_have_one_result(engine: Engine) {
    let app = start(plan(engine)).await;
    let client = app.client();
    let token = flow_token(&sign_in(&client, "oidc", "u7").await);
    let ada = sign_in(&client, "google-oauth2", "u01").await.field("token");
    let (link, new) = join(resume(&client, &token, "link", Some(&ada)), resume(&client, &token, "new", None)).await;
    assert_eq!((link.ok()["id"].clone(), app.database.count("social_accounts").await), (new.ok()["id"].clone(), 2));
    let users = app.database.count("users").await;
    let of_first = app.database.number("SELECT count(*) FROM social_accounts WHERE user_id = 1").await;
    assert!((users, of_first) == (1, 2) || (users, of_first) == (2, 1), "{users} users, {of_first} accounts");
}

/// Asks every user of an account that is linked or new.
struct Terms;

#[async_trait]
impl Step for Terms {
    async fn run(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        if draft.account().is_some() || draft.answer("terms").is_some() {
            return Ok(());
        }
        Err(Stop::ask([InputField::checkbox("terms", "I accept")]))
    }
}

async fn revoked_credential_cancels_the_link_before_the_last_step(engine: Engine) {
    let plan = plan(engine).with("SOCIAL_AUTH_PIPELINE", &STEPS.replace("get_username", "terms,get_username"));
    let plan = plan.with_builder(|builder| builder.step("terms", Terms));
    let app = plan.start().await;
    app.fake_users.set_profile("google-oauth2", "u1", google("200001"));
    app.fake_users.set_profile("google-oauth2", "u01", google("200001"));
    let client = app.client();
    let accept = async |pending: &Answer| {
        let body = json!({"flow_token": pending.json()["flow_token"], "terms": true});
        client.post("/api/login/social/resume/").json(&body).send().await
    };
    accept(&sign_in(&client, "google-oauth2", "u1").await).await.ok();
    for (code, is_revoked) in [("u7", true), ("u8", false)] {
        app.fake_users.set_profile("oidc", code, oidc("s-7", true));
        app.advance(Duration::from_secs(1));
        let token = flow_token(&sign_in(&client, "oidc", code).await);
        let google_code = if is_revoked { "u01" } else { "u001" };
        app.fake_users.set_profile("google-oauth2", google_code, google("200001"));
        let ada = sign_in(&client, "google-oauth2", google_code).await.field("token");
        let terms = resume(&client, &token, "link", Some(&ada)).await;
        assert_eq!(terms.json()["step"], "terms", "{}", terms.text);
        if is_revoked {
            let logout = client.post("/api/logout/all/").header("authorization", format!("Token {ada}"));
            assert_eq!(logout.send().await.status, 204);
            accept(&terms).await.problem(400, "flow_mismatch");
            assert_eq!(app.database.count("social_accounts").await, 1);
        } else {
            // The answer of the first step is kept.
            assert_eq!(accept(&terms).await.ok()["id"], 1);
        }
    }
    assert_eq!((app.database.count("users").await, app.database.count("social_accounts").await), (1, 2));
}

async fn session_login_links_on_the_page_of_the_server(engine: Engine) {
    let app = start(plan(engine)).await;
    let browser = app.browser();
    let end = redirect_flow(&browser, "oidc", "u7", &format!("next={REDIRECT_URI}")).await;
    assert_eq!(parameter(&end, "halted"), "ask_link");
    let path = format!("/api/login/social/resume/?code={}", parameter(&end, "code"));
    let page = browser.get(&path).header("accept", "text/html").send().await;
    let token = page.text.split("name=\"flow_token\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    let token = token.unwrap_or_else(|| panic!("no form: {}", page.text)).to_owned();
    let submit = async || {
        let post =
            browser.post("/api/login/social/resume/").header("accept", "text/html").header("origin", &app.node.base);
        post.form(&[("flow_token", token.as_str()), ("link", "link")]).send().await
    };
    let first = submit().await;
    assert_eq!(first.status, 403, "{}", first.text);
    assert!(first.text.contains("google-oauth2") && first.text.contains("flow_token"), "{}", first.text);
    // The old login returns to the page.
    let back = url::form_urlencoded::byte_serialize(path.as_bytes()).collect::<String>();
    let returned = redirect_flow(&browser, "google-oauth2", "u01", &format!("next={back}")).await;
    assert_eq!(returned.as_str(), format!("{}{path}", app.node.base));
    assert_eq!(location(&submit().await).as_str(), REDIRECT_URI);
    assert_eq!(browser.get("/api/user/social/").send().await.ok().as_array().map(Vec::len), Some(2));
}

async fn concurrent_sign_ups_with_one_address_verify_it_once(engine: Engine) {
    let app = plan(engine).start().await;
    app.fake_users.set_profile("google-oauth2", "u1", google("200001"));
    app.fake_users.set_profile("oidc", "u7", oidc("s-7", true));
    let (first, second) = (app.client(), app.client());
    let (google, oidc) = join(sign_in(&first, "google-oauth2", "u1"), sign_in(&second, "oidc", "u7")).await;
    let asked = [&google, &oidc].into_iter().filter(|answer| answer.json()["step"] == "ask_link").count();
    assert_eq!((asked, app.database.count("users").await), (1, 1), "{} {}", google.text, oidc.text);
}

async fn wrong_order_of_the_step_is_an_error_at_start(engine: Engine) {
    for (steps, problem) in [
        (STEPS.replace("social_user,ask_link", "ask_link,social_user"), "social_user must come before ask_link"),
        (
            STEPS.replace("ask_link,get_username", "get_username").replace("user_details", "user_details,ask_link"),
            "ask_link",
        ),
        (STEPS.replace("ask_link", "ask_link,associate_by_email"), "exclude each other"),
    ] {
        let errors = plan(engine).with("SOCIAL_AUTH_PIPELINE", &steps).try_start().await.err().expect("an error");
        assert!(errors.iter().any(|error| error.to_string().contains(problem)), "{problem}: {errors:?}");
    }
}
