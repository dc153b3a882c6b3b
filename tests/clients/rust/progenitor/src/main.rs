//! progenitor, as in client-sdk/rust.

use reqwest::header::{AUTHORIZATION, HeaderMap};
use rest_social_auth_client::types::{
    BeginInput, LoginResult, LoginWithProviderInput, Problem, RefreshInput, ResumeInput, UserWithTokenPair,
};
use rest_social_auth_client::{Client, Error, ResponseValue};

const EMAIL: &str = "noor@demo.example";

type Answer<T> = Result<ResponseValue<T>, Error<Problem>>;

async fn login(client: &Client, base: &str) -> Answer<UserWithTokenPair> {
    let redirect_uri = Some(format!("{base}/docs/"));
    let begin = BeginInput { redirect_uri: redirect_uri.clone(), ..Default::default() };
    let begun = client.begin_login("demo", &begin).await?.into_inner();
    println!("{}", begun.authorization_url);
    let line = std::io::stdin().lines().next().expect("a line").expect("a line");
    let mut callback: LoginWithProviderInput = serde_json::from_str(&line).expect("the callback");
    (callback.flow_token, callback.redirect_uri) = (Some(begun.flow_token), redirect_uri);
    client.login_jwt_pair_user_with_provider("demo", &callback).await
}

/// The problem document of a call that failed.
fn problem<T: std::fmt::Debug>(answer: Answer<T>) -> Problem {
    match answer {
        Err(Error::ErrorResponse(response)) => response.into_inner(),
        other => panic!("{other:?}"),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let base = std::env::args().nth(1).expect("a URL");
    let client = Client::new(&base);
    let pending = problem(login(&client, &base).await);
    assert_eq!(pending.code, "additional_input_required");
    assert_eq!(pending.fields[0].name, "email");
    let answers = serde_json::json!({"flow_token": pending.flow_token, "answers": {"email": EMAIL}});
    let answers: ResumeInput = serde_json::from_value(answers).expect("the input");
    let LoginResult::JwtPairUserLogin(resumed) = client.resume_login(&answers).await.expect("resume").into_inner() else {
        panic!("another kind");
    };
    assert_eq!(resumed.email, EMAIL);

    let second = login(&client, &base).await.expect("the second login");
    assert_eq!(second.email, EMAIL);
    let refresh = RefreshInput { refresh: second.refresh.clone() };
    let access = client.refresh_token(&refresh).await.expect("refresh").into_inner().access;
    let headers = HeaderMap::from_iter([(AUTHORIZATION, format!("Bearer {access}").parse().expect("a header"))]);
    let http = reqwest::Client::builder().default_headers(headers).build().expect("a client");
    let signed_in = Client::new_with_client(&base, http);
    assert_eq!(signed_in.get_user().await.expect("user").id, resumed.id);
    signed_in.logout_everything().await.expect("logout");
    assert_eq!(problem(signed_in.get_user().await).code, "token_not_valid");
}
