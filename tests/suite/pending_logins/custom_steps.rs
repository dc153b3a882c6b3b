//! Custom pipeline steps and claims of a Rust program.

use super::*;

on_both_databases! {
    custom_step_refuses_with_its_own_code,
    fault_b36_question_with_an_invalid_field_name_is_refused,
    custom_claims_are_in_issued_and_refreshed_tokens,
    custom_step_must_be_named_by_a_pipeline,
    custom_step_must_be_reachable_by_an_allowed_provider,
    custom_step_sets_a_declared_field,
    email_set_by_a_step_is_not_overwritten,
}

/// Refuses one username.
struct BanEva;

#[async_trait]
impl Step for BanEva {
    async fn run(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        match draft.identity().username.as_deref() {
            Some("eva") => Err(Stop::refuse("eva_is_banned", "This user is banned.")),
            _ => Ok(()),
        }
    }
}

async fn custom_step_refuses_with_its_own_code(engine: Engine) {
    let pipeline = WITH_TERMS.replace("terms", "ban_eva");
    let plan = TestApp::builder(engine).with("SOCIAL_AUTH_PIPELINE", &pipeline);
    let app = plan.with_builder(|builder| builder.step("ban_eva", BanEva)).start().await;
    app.fake_users.set_profile("github", "u1", json!({"id": 1, "login": "eva"}));
    let problem = app.login("token", "u1").await.problem(403, "eva_is_banned");
    assert_eq!(problem["detail"], "This user is banned.");
    assert_eq!(app.database.text("SELECT code FROM audit_events WHERE event = 'refused'").await, "eva_is_banned");
    app.login("token", "u2").await.ok();
    assert_eq!(app.database.count("users").await, 1);
}

async fn custom_claims_are_in_issued_and_refreshed_tokens(engine: Engine) {
    let program = |builder: rest_social_auth::server::Builder| {
        builder.claims(|user, identity| {
            let claims = json!({"via": identity.provider, "roles": ["reader"], "user_id": "999", "exp": 1, "sub": "evil",
                "token_type": "refresh", "name_of": user.username, "refresh_exp": 1, "username": "evil"});
            claims.as_object().cloned().unwrap_or_default()
        })
    };
    let app = TestApp::builder(engine).with_builder(program).start().await;
    let pair = app.login("jwt-pair-user", "u1").await;
    for token in ["token", "refresh"] {
        let claims = claims(&pair.field(token));
        assert_eq!(
            (&claims["via"], &claims["roles"], &claims["name_of"]),
            (&json!("github"), &json!(["reader"]), &json!("user1"))
        );
        assert_eq!((&claims["user_id"], &claims["username"]), (&json!("1"), &json!("user1")));
        assert!(claims["exp"].as_i64() > Some(1) && claims.get("sub").is_none() && claims.get("refresh_exp").is_none());
    }
    let refreshed =
        app.client().post("/api/token/refresh/").json(&json!({"refresh": pair.field("refresh")})).send().await;
    let access = refreshed.field("access");
    assert_eq!((&claims(&access)["via"], &claims(&access)["token_type"]), (&json!("github"), &json!("access")));
    app.client().user(&format!("Bearer {access}")).await.ok();
    assert_eq!(claims(&app.token("jwt-sliding", "u01").await)["roles"], json!(["reader"]));
}

async fn custom_step_must_be_named_by_a_pipeline(engine: Engine) {
    let errors_of = |result: Result<TestApp, Vec<rest_social_auth::settings::SettingError>>| {
        result
            .err()
            .map(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
            .unwrap_or_default()
    };
    let unused =
        errors_of(TestApp::builder(engine).with_builder(|builder| builder.step("terms", Terms)).try_start().await);
    assert!(unused.contains("SOCIAL_AUTH_PIPELINE") && unused.contains("\"terms\""), "{unused}");
    let misspelled = WITH_TERMS.replace("terms", "trems");
    let plan = TestApp::builder(engine)
        .with("SOCIAL_AUTH_PIPELINE", &misspelled)
        .with_builder(|builder| builder.step("terms", Terms));
    let misspelled = errors_of(plan.try_start().await);
    assert!(misspelled.contains("\"trems\" is not a step; did you mean terms?"), "{misspelled}");
    let built_in = errors_of(
        TestApp::builder(engine).with_builder(|builder| builder.step("create_user", Terms)).try_start().await,
    );
    assert!(built_in.contains("is the name of a built-in step"), "{built_in}");
}

async fn custom_step_must_be_reachable_by_an_allowed_provider(engine: Engine) {
    let mut plan = with_terms(engine);
    for provider in ["GITHUB", "FACEBOOK", "GOOGLE_OAUTH2"] {
        plan = plan.with(&format!("SOCIAL_AUTH_{provider}_PIPELINE"), &WITH_TERMS.replace("terms,", ""));
    }
    // Twitter alone uses the general pipeline with the step, and it is denied.
    let plan = plan.with("SOCIAL_AUTH_DENIED_PROVIDERS", "twitter");
    let errors = plan.try_start().await.err().expect("a setting error");
    let errors = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(
        errors.contains("SOCIAL_AUTH_PIPELINE") && errors.contains("every provider has a PIPELINE without it"),
        "{errors}"
    );
}

async fn custom_step_sets_a_declared_field(engine: Engine) {
    struct Birthday;
    #[async_trait]
    impl Step for Birthday {
        async fn run(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
            if draft.field("birthday").is_some() {
                return Ok(());
            }
            let Some(birthday) = draft.answer("birthday").cloned() else {
                return Err(Stop::ask([InputField::text("birthday", "Birthday")]));
            };
            assert!(draft.set_field("undeclared", &birthday).is_err());
            draft.set_field("birthday", &birthday).map_err(|problem| Stop::invalid("birthday", problem))
        }
    }
    let plan = TestApp::builder(engine).with("SOCIAL_AUTH_PIPELINE", &WITH_TERMS.replace("terms", "birthday"));
    let plan =
        plan.with("REST_SOCIAL_USER_FIELDS", r#"{"birthday": {"type": "date"}}"#).with("REST_SOCIAL_IS_NEW", "1");
    let app = plan.with_builder(|builder| builder.step("birthday", Birthday)).start().await;
    let token = flow_token(&app.login("jwt-pair-user", "u1").await);
    let invalid = resume(&app.client(), &token, json!({"birthday": "soon"})).await.problem(400, "invalid_request");
    assert!(invalid["errors"]["birthday"][0].as_str().is_some_and(|text| text.contains("YYYY-MM-DD")), "{invalid}");
    let done = resume(&app.client(), &token, json!({"birthday": "2001-02-03"})).await;
    let user = done.ok();
    assert_eq!((&user["birthday"], &user["is_new"]), (&json!("2001-02-03"), &json!(true)));
    assert_eq!(claims(&done.field("token"))["birthday"], "2001-02-03");
    assert_eq!(app.login("token_user", "u01").await.ok()["birthday"], "2001-02-03", "not asked again");
}

async fn email_set_by_a_step_is_not_overwritten(engine: Engine) {
    struct SetEmail;
    #[async_trait]
    impl Step for SetEmail {
        async fn run(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
            draft.set_email("chosen@example.com");
            Ok(())
        }
    }
    let pipeline = format!("set_email,{}", WITH_TERMS.replace("terms,", ""));
    let plan = TestApp::builder(engine).with("SOCIAL_AUTH_PIPELINE", &pipeline);
    let app = plan.with_builder(|builder| builder.step("set_email", SetEmail)).start().await;
    assert_eq!(app.login("token_user", "u1").await.ok()["email"], "chosen@example.com");
}

/// Asks for a field whose name could not be the id of a form input.
struct AskInvalidName;

#[async_trait]
impl Step for AskInvalidName {
    async fn run(&self, _: &mut Draft<'_>) -> Result<(), Stop> {
        Err(Stop::ask([InputField::text("pet name", "Pet name")]))
    }
}

async fn fault_b36_question_with_an_invalid_field_name_is_refused(engine: Engine) {
    let plan = TestApp::builder(engine).with("SOCIAL_AUTH_PIPELINE", WITH_TERMS);
    let app = plan.with_builder(|builder| builder.step("terms", AskInvalidName)).start().await;
    app.login("token", "u1").await.problem(403, "step_failed");
    assert_eq!(app.database.count("pending_logins").await, 0);
}
