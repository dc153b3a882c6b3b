//! An Axum service that accepts access tokens of rest-social-auth. docs/VERIFY.md explains each check.
use axum::{Json, Router, extract::State, http::HeaderMap, http::StatusCode, routing::get};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use serde_json::{Value, json};
use std::{env, sync::Arc, time::Duration, time::Instant};
struct Service {
    issuer: String,               // PUBLIC_URL of the server
    credential: (String, String), // of `rest-social-auth services add`
    rules: Validation,
    http: reqwest::Client,
    keys: tokio::sync::Mutex<(Option<(JwkSet, Instant)>, Option<Instant>)>, // when fetched, and when last asked for
}
type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;
impl Service {
    /// Fetches the keys every five minutes, and for an unknown id, but at most every ten seconds.
    async fn key(&self, kid: &str) -> Result<DecodingKey> {
        let (keys, asked) = &mut *self.keys.lock().await;
        keys.take_if(|(_, fetched)| fetched.elapsed() > Duration::from_secs(300));
        let is_known = keys.as_ref().is_some_and(|(set, _)| set.find(kid).is_some());
        if !is_known && asked.is_none_or(|at| at.elapsed() > Duration::from_secs(10)) {
            *asked = Some(Instant::now());
            let answer = self.http.get(format!("{}/.well-known/jwks.json", self.issuer)).send().await?;
            *keys = Some((answer.error_for_status()?.json().await?, Instant::now()));
        }
        Ok(DecodingKey::from_jwk(keys.as_ref().and_then(|(set, _)| set.find(kid)).ok_or("unknown key")?)?)
    }
    async fn verify(&self, token: &str) -> Result<Value> {
        let header = decode_header(token)?;
        let kid = header.kid.filter(|_| header.typ.as_deref() == Some("at+jwt")).ok_or("no access token")?;
        Ok(decode::<Value>(token, &self.key(&kid).await?, &self.rules)?.claims)
    }
    async fn is_active(&self, token: &str) -> Result<bool> {
        let call = self.http.post(format!("{}/api/token/introspect/", self.issuer)).form(&[("token", token)]);
        let answer = call.basic_auth(&self.credential.0, Some(&self.credential.1)).send().await?;
        let answer: Value = answer.error_for_status()?.json().await?;
        Ok(answer["active"] == true && answer["token_use"] == "access")
    }
}
/// If the server cannot be asked, the request fails.
async fn answer(service: Arc<Service>, headers: HeaderMap, introspects: bool) -> Result<Json<Value>, StatusCode> {
    let header = headers.get("authorization").and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| value.strip_prefix("Bearer ")).ok_or(StatusCode::UNAUTHORIZED)?;
    let claims = service.verify(token).await.map_err(|_| StatusCode::UNAUTHORIZED)?;
    let active = !introspects || service.is_active(token).await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    if active { Ok(Json(json!({"sub": claims["sub"]}))) } else { Err(StatusCode::UNAUTHORIZED) }
}
#[tokio::main]
async fn main() -> Result<()> {
    let (issuer, credential) = (env::var("ISSUER")?, (env::var("CLIENT_ID")?, env::var("CLIENT_SECRET")?));
    let mut rules = Validation::new(Algorithm::ES256); // never the algorithm that the token names
    rules.set_issuer(&[&issuer]);
    rules.set_audience(&[env::var("AUDIENCE").unwrap_or(issuer.clone())]); // SIMPLE_JWT_AUDIENCE of the server
    rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    rules.leeway = 5; // seconds
    let http = reqwest::Client::builder().timeout(Duration::from_secs(5)).build()?;
    let service = Arc::new(Service { issuer, credential, rules, http, keys: Default::default() });
    let resource = |introspects| get(move |State(service), headers| answer(service, headers, introspects));
    let app = Router::new().route("/me", resource(false)).route("/payment", resource(true)).with_state(service);
    Ok(axum::serve(tokio::net::TcpListener::bind(format!("127.0.0.1:{}", env::var("PORT")?)).await?, app).await?)
}
