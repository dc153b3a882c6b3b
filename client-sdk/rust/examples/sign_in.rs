//! Signs in with the demo provider of `rest-social-auth dev`: open the printed URL, sign in, and paste the address that you end at.

use rest_social_auth_client::{Client, types::BeginInput, types::LoginWithProviderInput};
use url::Url;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let base = std::env::args().nth(1).unwrap_or("http://127.0.0.1:8000".to_owned());
    let client = Client::new(&base);
    let redirect_uri = Some(format!("{base}/docs/"));
    let begin = BeginInput { redirect_uri: redirect_uri.clone(), ..Default::default() };
    let begun = client.begin_login("demo", &begin).await?.into_inner();
    println!("{}", begun.authorization_url);
    let callback = Url::parse(&std::io::stdin().lines().next().ok_or("no address")??)?;
    let mut callback: LoginWithProviderInput = serde_urlencoded::from_str(callback.query().unwrap_or_default())?;
    (callback.flow_token, callback.redirect_uri) = (Some(begun.flow_token), redirect_uri);
    let login = client.login_jwt_pair_user_with_provider("demo", &callback).await?;
    println!("Signed in as {}", login.username);
    Ok(())
}
