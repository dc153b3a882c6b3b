//! The users of `dev --seed`: each persona signs in once, through the server's own routes.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::Instant;
use url::Url;

use super::failure::Failure;
use crate::outgoing::{Body, Client, Reply, Request};
use crate::provider::request_rules::Method;

/// The provider at which the personas sign in.
const PROVIDER: &str = "github";
const TIMEOUT: Duration = Duration::from_secs(30);

/// Errors: a persona cannot sign in, for example because GitHub is not simulated.
pub(super) async fn seed(client: &Client, server: &Url, personas: &[String]) -> Result<(), Failure> {
    for persona in personas {
        sign_in(client, server, persona)
            .await
            .map_err(|problem| Failure::Other(format!("--seed {persona}: {problem}")))?;
    }
    Ok(())
}

async fn sign_in(client: &Client, server: &Url, persona: &str) -> Result<(), String> {
    let route = |path: &str| server.join(path).map_err(|error| error.to_string());
    let choice = Map::from_iter([("login_hint".to_owned(), Value::from(persona))]);
    let begun = post(client, route(&format!("/api/login/social/begin/{PROVIDER}/"))?, choice).await?;
    let text = |name: &str| begun.get(name).and_then(Value::as_str).unwrap_or_default();
    let page = Url::parse(text("authorization_url")).map_err(|error| error.to_string())?;
    let answer = send(client, Request::new(Method::GET, page)).await?;
    let headers = answer.headers();
    let location = headers.get("location").and_then(Value::as_str).unwrap_or_default();
    let callback = Url::parse(location).map_err(|_| format!("{PROVIDER} is not simulated"))?;
    let mut body: Map<String, Value> =
        callback.query_pairs().map(|(name, value)| (name.into_owned(), Value::from(value.into_owned()))).collect();
    body.insert("flow_token".to_owned(), json!(text("flow_token")));
    post(client, route(&format!("/api/login/social/token/{PROVIDER}/"))?, body).await.map(drop)
}

async fn post(client: &Client, url: Url, body: Map<String, Value>) -> Result<Value, String> {
    let request = Request { body: Body::Json(body), ..Request::new(Method::POST, url) };
    let answer = send(client, request).await?;
    let json = answer.json().unwrap_or_default();
    if answer.is_success() { Ok(json) } else { Err(format!("status {}: {}", answer.status, json["detail"])) }
}

async fn send(client: &Client, request: Request) -> Result<Reply, String> {
    client.send(&request, Instant::now() + TIMEOUT).await.map_err(|error| error.to_string())
}
