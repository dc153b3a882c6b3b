//! The least that the same answers cost: a bare hyper server and SQLite. It checks no input and no state, has no limits and no log,
//! keeps no claim and no audit event, and syncs no commit.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use hmac::{Hmac, Mac as _};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;

use crate::client::Host;
use crate::{Failure, Options};

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000;
    CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY, username TEXT NOT NULL UNIQUE, email TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS accounts (
        uid TEXT PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users (id), extra_data TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS refresh_tokens (
        jti INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users (id), expires INTEGER NOT NULL);";
/// Base64 of `{"alg":"HS256","typ":"JWT"}`.
const JWT_HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";
const LIFETIME: u64 = 3600;

struct Baseline {
    provider: Host,
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
    key: Hmac<Sha256>,
}

pub async fn serve(options: &Options) -> Result<(), Failure> {
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open(options.text("database"))?;
        connection.execute_batch(SCHEMA)?;
        Ok(connection)
    };
    let baseline = Arc::new(Baseline {
        provider: Host::new(options.number("provider")),
        writer: Mutex::new(open()?),
        reader: Mutex::new(open()?),
        key: Hmac::new_from_slice(b"a key of this benchmark")?,
    });
    let listener = TcpListener::bind(("127.0.0.1", u16::try_from(options.number("port"))?)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let baseline = baseline.clone();
        let service = service_fn(move |request| answer(baseline.clone(), request));
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(baseline: Arc<Baseline>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let answered = match request.uri().path() {
        "/healthz" => Ok("{}".to_owned()),
        "/api/user/" => baseline.user(&request),
        "/api/token/refresh/" => baseline.refresh(request).await,
        _ => baseline.login(request).await,
    };
    let (status, body) = match answered {
        Ok(body) => (StatusCode::OK, body),
        Err(error) => (StatusCode::BAD_REQUEST, json!({"error": error.to_string()}).to_string()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", hyper::header::HeaderValue::from_static("application/json"));
    Ok(response)
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl Baseline {
    fn sign(&self, user: i64, kind: &str, jti: i64) -> String {
        let claims = json!({"token_type": kind, "exp": now() + LIFETIME, "jti": jti, "user_id": user});
        let signed = format!("{JWT_HEADER}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let tag = self.key.clone().chain_update(&signed).finalize().into_bytes();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    fn verify(&self, token: &str) -> Result<i64, Failure> {
        let (signed, tag) = token.rsplit_once('.').ok_or("no JWT")?;
        self.key.clone().chain_update(signed).verify_slice(&URL_SAFE_NO_PAD.decode(tag)?)?;
        let claims: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(signed.split_once('.').ok_or("no claims")?.1)?)?;
        if claims["exp"].as_u64().is_none_or(|expires| expires <= now()) {
            return Err("expired".into());
        }
        Ok(claims["user_id"].as_i64().ok_or("no user")?)
    }

    fn user(&self, request: &Request<Incoming>) -> Result<String, Failure> {
        let header = request.headers().get("authorization").ok_or("no token")?.to_str()?;
        let id = self.verify(header.strip_prefix("Bearer ").ok_or("no bearer token")?)?;
        let reader = self.reader.lock().expect("no panic");
        let mut read = reader.prepare_cached("SELECT username, email FROM users WHERE id = ?1")?;
        let (username, email): (String, String) = read.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(json!({"id": id, "username": username, "email": email}).to_string())
    }

    async fn refresh(&self, request: Request<Incoming>) -> Result<String, Failure> {
        let body: Value = serde_json::from_slice(&request.into_body().collect().await?.to_bytes())?;
        let user = self.verify(body["refresh"].as_str().ok_or("no token")?)?;
        Ok(json!({"access": self.sign(user, "access", 0)}).to_string())
    }

    async fn login(&self, request: Request<Incoming>) -> Result<String, Failure> {
        let body: Value = serde_json::from_slice(&request.into_body().collect().await?.to_bytes())?;
        let code = body["code"].as_str().ok_or("no code")?;
        let form = format!("client_id=client&client_secret=secret&grant_type=authorization_code&code={code}");
        let exchange = Request::post("/login/oauth/access_token")
            .header("host", "provider")
            .header("accept", "application/json")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from(form)))?;
        let token: Value = serde_json::from_slice(&self.provider.send(exchange).await?.1)?;
        let bearer = format!("Bearer {}", token["access_token"].as_str().ok_or("no access token")?);
        let read = Request::get("/user").header("host", "provider").header("authorization", bearer);
        let profile: Value = serde_json::from_slice(&self.provider.send(read.body(Full::default())?).await?.1)?;
        let (user, jti) = self.store(&profile)?;
        let (access, refresh) = (self.sign(user, "access", jti), self.sign(user, "refresh", jti));
        Ok(json!({"id": user, "username": profile["login"], "email": profile["email"], "token": access, "refresh": refresh})
            .to_string())
    }

    /// One transaction: the user and the account if they are new, otherwise the account's data, and a token.
    fn store(&self, profile: &Value) -> Result<(i64, i64), Failure> {
        let (uid, now) = (profile["id"].to_string(), now());
        let (login, email) = (profile["login"].as_str(), profile["email"].as_str());
        let extra_data = json!({"auth_time": now, "id": profile["id"], "login": login}).to_string();
        let mut writer = self.writer.lock().expect("no panic");
        let tx = writer.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let known: Option<i64> = tx
            .prepare_cached("UPDATE accounts SET extra_data = ?2 WHERE uid = ?1 RETURNING user_id")?
            .query_row(params![uid, extra_data], |row| row.get(0))
            .optional()?;
        let user = match known {
            Some(user) => user,
            None => {
                tx.prepare_cached("INSERT INTO users (username, email) VALUES (?1, ?2)")?
                    .execute(params![login, email])?;
                let user = tx.last_insert_rowid();
                tx.prepare_cached("INSERT INTO accounts (uid, user_id, extra_data) VALUES (?1, ?2, ?3)")?
                    .execute(params![uid, user, extra_data])?;
                user
            }
        };
        tx.prepare_cached("INSERT INTO refresh_tokens (user_id, expires) VALUES (?1, ?2)")?
            .execute(params![user, (now + LIFETIME) as i64])?;
        let jti = tx.last_insert_rowid();
        tx.commit()?;
        Ok((user, jti))
    }
}
