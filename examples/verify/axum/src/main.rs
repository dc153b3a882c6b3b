//! An Axum service that accepts access tokens of rest-social-auth. docs/VERIFY.md explains each check.
//! `ISSUER=https://login.example.com CLIENT_ID=… CLIENT_SECRET=… cargo run`
use axum::http::{HeaderMap, StatusCode};
use axum::{Json, Router, extract::State, routing::get};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use serde_json::{Value, json};
use std::{env, sync::Arc, time::Duration, time::Instant};

struct Service {
    issuer: String,               // PUBLIC_URL of the server
    credential: (String, String), // of `rest-social-auth services add`
    rules: Validation,
    http: reqwest::Client,
    keys: tokio::sync::Mutex<(JwkSet, Option<Instant>)>, // and when they were fetched
}
type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

impl Service {
    /// Keys are fetched again after five minutes, and for an unknown id, but at most every ten seconds.
    async fn key(&self, kid: &str) -> Result<DecodingKey> {
        let (keys, fetched) = &mut *self.keys.lock().await;
        let max_age = Duration::from_secs(if keys.find(kid).is_some() { 300 } else { 10 });
        if fetched.is_none_or(|at| at.elapsed() > max_age) {
            let answer = self.http.get(format!("{}/.well-known/jwks.json", self.issuer)).send().await?;
            (*keys, *fetched) = (answer.error_for_status()?.json().await?, Some(Instant::now()));
        }
        Ok(DecodingKey::from_jwk(keys.find(kid).ok_or("unknown key")?)?)
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
    let token = headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let token = token.ok_or(StatusCode::UNAUTHORIZED)?;
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
    let http = reqwest::Client::builder().timeout(Duration::from_secs(5)).build()?;
    let keys = (JwkSet { keys: Vec::new() }, None).into();
    let app = Router::new()
        .route("/me", get(|State(service): State<Arc<Service>>, headers: HeaderMap| answer(service, headers, false)))
        .route(
            "/payment",
            get(|State(service): State<Arc<Service>>, headers: HeaderMap| answer(service, headers, true)),
        )
        .with_state(Arc::new(Service { issuer, credential, rules, http, keys }));
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{}", env::var("PORT")?)).await?;
    Ok(axum::serve(listener, app).await?)
}
