//! The `user.creating` webhook, which is called before a user is created.

use super::*;

on_both_databases! {
    user_creating_is_sent_once_for_a_new_user_only,
    refusal_text_is_sanitized_and_no_user_is_created,
    response_changes_the_new_user,
    silent_receiver_refuses_the_sign_up_after_the_timeout,
    sign_up_continues_without_a_response_when_configured,
    step_runs_at_its_position_in_the_pipeline,
    declared_fields_are_sent_and_can_be_changed,
    r_usr_01_proposed_username_is_the_created_one,
    built_in_steps_work_in_every_accepted_order,
    sec_23_response_cannot_claim_what_belongs_to_another_user,
    redirect_or_endless_response_counts_as_no_response,
}

fn asking(engine: Engine) -> TestAppBuilder {
    plan(engine).with("WEBHOOK_EVENTS", "user.creating")
}

/// Starts a server whose receiver returns `answer` for every call.
async fn answering(plan: TestAppBuilder, answer: Value) -> TestApp {
    let app = plan.start().await;
    app.double.always(RECEIVER, Reply::json(&answer));
    app
}

async fn user_creating_is_sent_once_for_a_new_user_only(engine: Engine) {
    let app = start(asking(engine)).await;
    let authorization = format!("Token {}", app.token("token", "u1").await);
    let call = app.double.call_at(RECEIVER);
    let asked = verified(&call, SECRET);
    assert_eq!((&asked["type"], &asked["version"]), (&json!("user.creating"), &json!(1)));
    let user = json!({"username": "user1", "first_name": "First1", "last_name": "Last1", "email": "user1@example.com",
        "email_verified": false});
    assert_eq!(asked["data"]["user"], user);
    assert_eq!(
        (&asked["data"]["account"]["provider"], &asked["data"]["account"]["uid"]),
        (&json!("github"), &json!("1"))
    );
    assert_eq!(asked["data"]["account"]["extra_data"]["login"], "user1", "{asked}");
    assert!(!call.body.contains("gho_"), "no token: {}", call.body);

    app.login("session", "u01").await.ok();
    app.link("token/facebook", &authorization, "u2").await.ok();
    assert_eq!(app.double.calls_at(RECEIVER).len(), 1, "no call for an existing user");
    assert_eq!(app.database.count("webhook_events").await, 0, "no other field is sent");
}

async fn refusal_text_is_sanitized_and_no_user_is_created(engine: Engine) {
    let words = "Only <b>members</b> may sign up,\u{0} see https://evil.example/ or ask us.";
    let app = answering(asking(engine), json!({"allow": false, "message": words})).await;
    let refused = app.login("token", "u1").await.problem(403, "sign_up_refused");
    assert_eq!(refused["detail"], "Only b members /b may sign up, see or ask us.");
    assert_eq!(app.database.count("users").await, 0);
    let trail = "SELECT count(*) FROM audit_events WHERE event = 'refused' AND code = 'sign_up_refused'";
    assert_eq!(app.database.number(trail).await, 1);

    app.double.always(RECEIVER, Reply::json(&json!({"allow": false})));
    let refused = app.login("token", "u2").await.problem(403, "sign_up_refused");
    assert_eq!(refused["detail"], "Sign-up was refused.");
    // The user may try again, and the receiver may then allow it.
    app.double.always(RECEIVER, Reply::json(&json!({"allow": true})));
    app.login("token", "u02").await.ok();
}

async fn response_changes_the_new_user(engine: Engine) {
    let amended = json!({"username": "ana", "email": "ana@corp.example", "first_name": "Ana", "last_name": ""});
    let app = answering(asking(engine), json!({"allow": true, "user": amended})).await;
    let user = app.login("session", "u1").await.ok();
    assert_eq!((&user["username"], &user["email"]), (&json!("ana"), &json!("ana@corp.example")));
    assert_eq!((&user["first_name"], &user["last_name"]), (&json!("Ana"), &json!("")));
    let verified = "SELECT count(*) FROM users WHERE email_verified";
    assert_eq!(app.database.number(verified).await, 0, "the other address is not verified");
    // The username exists: the next one gets a suffix.
    let next = app.login("session", "u2").await.field("username");
    assert!(next.starts_with("ana") && next.len() == 7, "{next}");

    app.double.always(RECEIVER, Reply::json(&json!({"allow": true, "user": {"email_verified": true}})));
    let user = app.login("session", "u3").await.ok();
    assert_eq!((&user["username"], &user["email"]), (&json!("user3"), &json!("user3@example.com")));
    assert_eq!(app.database.number(verified).await, 1);
}

async fn silent_receiver_refuses_the_sign_up_after_the_timeout(engine: Engine) {
    let app = asking(engine).with("WEBHOOK_TIMEOUT", "0.5").start().await;
    let replies = [
        Reply::Hang,
        Reply::Drip,
        Reply::of(500, "text/plain", "boom"),
        Reply::of(403, "text/plain", "no"),
        Reply::of(200, "text/html", "<html>"),
        Reply::json(&json!({"allow": true, "user": {"username": ""}})),
        Reply::of(204, "text/plain", ""),
        Reply::of(200, "text/plain", ""),
        Reply::json(&json!({})),
        Reply::json(&json!({"user": {"username": "ana"}})),
    ];
    for (n, reply) in replies.into_iter().enumerate() {
        app.double.always(RECEIVER, reply);
        let events = app.login("token", &format!("u{}", n + 1)).await.problem(503, "sign_up_unavailable");
        assert!(!events.to_string().contains("hooks.example"), "{events}");
    }
    assert_eq!(app.database.count("users").await, 0);
    // Existing users are not affected.
    app.double.always(RECEIVER, Reply::json(&json!({"allow": true})));
    app.login("token", "u77").await.ok();
    app.double.always(RECEIVER, Reply::Hang);
    app.login("token", "u077").await.ok();
}

async fn sign_up_continues_without_a_response_when_configured(engine: Engine) {
    let plan = asking(engine).with("WEBHOOK_ON_FAILURE", "allow").with("WEBHOOK_TIMEOUT", "0.5");
    let app = plan.start().await;
    for (n, reply) in [Reply::Hang, Reply::of(500, "text/plain", "boom"), Reply::Reset].into_iter().enumerate() {
        app.double.always(RECEIVER, reply);
        let username = app.login("token_user", &format!("u{}", n + 1)).await.field("username");
        assert_eq!(username, format!("user{}", n + 1));
    }
    app.double.always(RECEIVER, Reply::json(&json!({"allow": false})));
    app.login("token", "u9").await.problem(403, "sign_up_refused");
}

async fn step_runs_at_its_position_in_the_pipeline(engine: Engine) {
    let steps = "social_details,social_uid,auth_allowed,social_user,webhook,get_username,create_user,associate_user,\
                 load_extra_data,user_details";
    // Configured for one provider, and called for that provider only.
    let plan = plan(engine).with("WEBHOOK_EVENTS", "user.deleted").with("SOCIAL_AUTH_FACEBOOK_PIPELINE", steps);
    let app = answering(plan, json!({"allow": false})).await;
    app.login("token", "u1").await.ok();
    app.client().login("token/facebook", json!({"code": "u2"})).await.problem(403, "sign_up_refused");

    let names = |errors: Vec<rest_social_auth::settings::SettingError>| {
        errors.into_iter().map(|error| error.name).collect::<Vec<String>>()
    };
    let without = TestApp::builder(engine).with("SOCIAL_AUTH_PIPELINE", steps).try_start().await;
    assert_eq!(without.err().map(names), Some(vec!["WEBHOOK_URL".to_owned()]));
    let late = steps.replace("webhook,", "").replace("create_user,", "create_user,webhook,");
    let late = asking(engine).with("SOCIAL_AUTH_PIPELINE", &late).try_start().await;
    assert_eq!(late.err().map(names), Some(vec!["SOCIAL_AUTH_PIPELINE".to_owned()]));
}

const FIELDS: &str =
    r#"{"company": {"type": "string", "from": "profile.company", "editable": true}, "seats": {"type": "integer"}}"#;

async fn declared_fields_are_sent_and_can_be_changed(engine: Engine) {
    let plan = plan(engine).with("REST_SOCIAL_USER_FIELDS", FIELDS);
    let app = plan.with("WEBHOOK_EVENTS", "user.creating,user.created,user.updated").start().await;
    let amended = json!({"allow": true, "user": {"fields": {"seats": 3}}});
    app.double.on(RECEIVER, move |call| {
        if body(call)["type"] == "user.creating" { Reply::json(&amended) } else { Reply::of(204, "text/plain", "") }
    });
    let profile = json!({"id": 1, "login": "ana", "email": "ana@example.com", "company": "Acme"});
    app.fake_users.set_profile("github", "u1", profile);
    let authorization = format!("Token {}", app.token("token", "u1").await);
    let change = app.client().request("PATCH", "/api/user/").header("authorization", &authorization);
    change.json(&json!({"company": "Other"})).send().await.ok();
    let events = by_type(&wait_for_calls(&app.double, 3).await);
    let fields: Vec<&Value> = events.iter().map(|(_, body)| &body["data"]["user"]["fields"]).collect();
    // Sorted by type: created, creating, updated.
    let wanted =
        [json!({"company": "Acme", "seats": 3}), json!({"company": "Acme"}), json!({"company": "Other", "seats": 3})];
    assert_eq!(fields, wanted.iter().collect::<Vec<_>>());

    app.double.always(RECEIVER, Reply::json(&json!({"allow": true, "user": {"fields": {"seats": "many"}}})));
    app.login("token", "u2").await.problem(503, "sign_up_unavailable");
}

async fn r_usr_01_proposed_username_is_the_created_one(engine: Engine) {
    let plan = asking(engine).with("SOCIAL_AUTH_USERNAME_IS_FULL_EMAIL", "true");
    let plan = plan.with("USERNAMES_ACCEPT_UNVERIFIED_EMAIL", "true");
    let app = start(plan.with("SOCIAL_AUTH_USER_FIELD_MAPPING", r#"{"fullname": "first_name"}"#)).await;
    let made = app.login("session", "u1").await.ok();
    let asked = body(&app.double.call_at(RECEIVER));
    for member in ["username", "first_name", "last_name", "email"] {
        assert_eq!(asked["data"]["user"][member], made[member], "{member}");
    }
    assert_eq!((&made["username"], &made["first_name"]), (&json!("user1@example.com"), &json!("First1 Last1")));
}

async fn built_in_steps_work_in_every_accepted_order(engine: Engine) {
    let nine = "social_details,social_uid,auth_allowed,social_user,get_username,create_user,associate_user,load_extra_data,\
                user_details";
    let before = |step: &str, steps: &str| nine.replace(step, &format!("{steps},{step}"));
    let orders = [
        (before("create_user", "webhook,require_email,save_avatar"), ""),
        (before("create_user", "save_avatar,require_email,webhook"), "seven@example.com"),
        (before("get_username", "require_email,webhook"), "seven@example.com"),
        (format!("save_avatar,{},require_email", before("get_username", "webhook")), ""),
        (format!("{},save_avatar", before("associate_user", "require_email")), ""),
    ];
    for (order, events) in orders {
        let plan = asking(engine).with("SOCIAL_AUTH_PIPELINE", &order).with("SOCIAL_AUTH_USERNAME_IS_FULL_EMAIL", "1");
        let plan = plan.with("USERNAMES_ACCEPT_UNVERIFIED_EMAIL", "1");
        let app = answering(plan, json!({"allow": true, "user": {"first_name": "Amended"}})).await;
        let profile = json!({"id": 7, "login": "seven", "avatar_url": "https://pictures.example/7.png"});
        app.fake_users.set_profile("github", "u7", profile);
        let waits = app.login("token_user", "u7").await;
        assert_eq!((waits.status, &waits.json()["step"]), (403, &json!("require_email")), "{order}");
        let answers = json!({"flow_token": waits.json()["flow_token"], "email": "seven@example.com"});
        let user = app.client().post("/api/login/social/resume/").json(&answers).send().await.ok();
        let (email, first) = (json!("seven@example.com"), json!("Amended"));
        assert_eq!((&user["username"], &user["email"], &user["first_name"]), (&email, &email, &first), "{order}");
        let asked = verified(&app.double.call_at(RECEIVER), SECRET);
        assert_eq!(asked["data"]["user"]["email"], events, "{order}");
        assert_eq!(app.double.calls_at(RECEIVER).len(), 1, "asked once: {order}");
        let kept =
            "SELECT count(*) FROM social_accounts WHERE CAST(extra_data AS TEXT) LIKE '%pictures.example/7.png%'";
        assert_eq!(app.database.number(kept).await, i64::from(order.contains("save_avatar")), "{order}");
    }
}

async fn sec_23_response_cannot_claim_what_belongs_to_another_user(engine: Engine) {
    let app = asking(engine).start().await;
    app.double.always(RECEIVER, Reply::json(&json!({"allow": true, "user": {"email_verified": true}})));
    app.login("token", "u1").await.ok();
    assert_eq!(app.database.number("SELECT count(*) FROM users WHERE email_verified").await, 1, "no other user has it");

    // Values that a response must not set, and an address that the first user has verified.
    let attack = json!({"allow": true, "user": {"id": 1, "user_id": 1, "username": "user1", "is_superuser": true, "is_staff": true,
        "is_active": false, "uid": "1", "provider": "github", "email": "USER1@example.com", "email_verified": true},
        "account": {"provider": "github", "uid": "1", "extra_data": {"admin": true}}, "who": {"id": 1}});
    app.double.always(RECEIVER, Reply::json(&attack));
    let second = app.login("token_user", "u2").await.ok();
    assert_ne!(second["username"], "user1");
    assert_eq!(app.database.count("users").await, 2, "no user is linked");
    let verified = "SELECT count(*) FROM users WHERE email_verified AND id <> 1";
    assert_eq!(app.database.number(verified).await, 0, "the address stays the first one's");
    assert_eq!(app.database.number("SELECT count(*) FROM users WHERE is_active").await, 2);
    let own = "SELECT count(*) FROM social_accounts WHERE user_id <> 1 AND provider = 'github' AND uid = '2'";
    assert_eq!(app.database.number(own).await, 1);
    let kept = app.database.text("SELECT CAST(extra_data AS TEXT) FROM social_accounts WHERE user_id <> 1").await;
    assert!(!kept.contains("admin"), "{kept}");
}

async fn redirect_or_endless_response_counts_as_no_response(engine: Engine) {
    let app = asking(engine).with("WEBHOOK_TIMEOUT", "2").start().await;
    let away = Reply::of(302, "text/plain", "").with_header("location", "https://hooks.example/yes");
    app.double.always("GET hooks.example/yes", Reply::json(&json!({"allow": true})));
    let huge = json!({"allow": true, "padding": "x".repeat(2 * 1024 * 1024)});
    let wrong = [
        json!({"allow": 1}),
        json!({"allow": true, "user": {"email": ["a@b.example"]}}),
        json!({"allow": true, "user": {"email_verified": "yes"}}),
    ];
    let mut replies = vec![away, Reply::Endless, Reply::Truncated, Reply::Reset, Reply::json(&huge)];
    replies.extend(wrong.iter().map(Reply::json));
    replies.push(Reply::of(200, "application/json", "{\"allow\": true"));
    for (n, reply) in replies.into_iter().enumerate() {
        app.double.always(RECEIVER, reply);
        app.login("token", &format!("u{}", n + 1)).await.problem(503, "sign_up_unavailable");
    }
    assert_eq!(app.database.count("users").await, 0);
    assert!(app.double.calls_at("GET hooks.example/yes").is_empty());
    let rows = "SELECT count(*) FROM audit_events WHERE code = 'sign_up_unavailable' AND provider = 'github'";
    assert_eq!(app.database.number(rows).await, 9);
}
