//! openapi-generator, rust.

use openapi_generator_client::apis::configuration::Configuration;
use openapi_generator_client::apis::{Error, begin_api, jwt_api, login_api, logout_api, user_api};
use openapi_generator_client::models::{
    BeginInput, LoginResult, LoginWithProviderInput, Problem, RefreshInput, ResumeInput, UserWithTokenPair,
};
use serde_json::json;

const EMAIL: &str = "noor@demo.example";

async fn login(configuration: &Configuration) -> Result<UserWithTokenPair, Problem> {
    let redirect_uri = Some(format!("{}/docs/", configuration.base_path));
    let begin = BeginInput { redirect_uri: redirect_uri.clone(), ..Default::default() };
    let begun = begin_api::begin_login(configuration, "demo", Some(begin)).await.expect("begin");
    println!("{}", begun.authorization_url);
    let line = std::io::stdin().lines().next().expect("a line").expect("a line");
    let mut callback: LoginWithProviderInput = serde_json::from_str(&line).expect("the callback");
    (callback.flow_token, callback.redirect_uri) = (Some(begun.flow_token), redirect_uri);
    login_api::login_jwt_pair_user_with_provider(configuration, "demo", callback).await.map_err(problem)
}

/// The problem document of a call that failed.
fn problem<E>(error: Error<E>) -> Problem {
    match error {
        Error::ResponseError(response) => serde_json::from_str(&response.content).expect("a problem document"),
        other => panic!("{other}"),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let base_path = std::env::args().nth(1).expect("a URL");
    let mut configuration = Configuration { base_path, ..Configuration::default() };
    let pending = login(&configuration).await.expect_err("a pending login");
    assert_eq!(pending.code, "additional_input_required");
    assert_eq!(pending.fields.expect("fields")[0].name, "email");
    let answers = json!({"flow_token": pending.flow_token, "answers": {"email": EMAIL}});
    let answers: ResumeInput = serde_json::from_value(answers).expect("the input");
    let resumed = login_api::resume_login(&configuration, answers).await.map_err(problem).expect("resume");
    let LoginResult::JwtPairUserLogin(resumed) = resumed else { panic!("{resumed:?}") };
    assert_eq!(resumed.email, EMAIL);

    let second = login(&configuration).await.expect("the second login");
    assert_eq!(second.email, EMAIL);
    let refreshed = jwt_api::refresh_token(&configuration, RefreshInput::new(second.refresh)).await.expect("refresh");
    configuration.bearer_access_token = Some(refreshed.access);
    assert_eq!(user_api::get_user(&configuration).await.expect("user").id, resumed.id);
    logout_api::logout_everything(&configuration).await.expect("logout");
    let gone = user_api::get_user(&configuration).await.map_err(problem).expect_err("no user");
    assert_eq!(gone.code, "token_not_valid");
}
