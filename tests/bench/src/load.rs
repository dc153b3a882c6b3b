//! Users who repeat one operation, each after the answer to the last one. Prints one JSON object.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request};
use serde_json::{Value, json};

use crate::client::Host;
use crate::process::{cpu_ticks, written_bytes};
use crate::{Failure, Options};

const LOGIN: &str = "/api/login/social/jwt-pair-user/github-enterprise/";

#[derive(Clone, Copy)]
enum Operation {
    /// Each login is of a new user.
    NewLogin,
    Login,
    Verify,
    Refresh,
}

struct Load {
    server: Host,
    operation: Operation,
    users: u64,
    /// Of the next login.
    next: AtomicU64,
}

struct Tokens {
    access: String,
    refresh: String,
}

impl Load {
    async fn call(
        &self,
        method: Method,
        path: &str,
        bearer: Option<&str>,
        body: Option<Value>,
    ) -> Result<Value, Failure> {
        let mut request = Request::builder().method(method).uri(path).header("host", "127.0.0.1");
        if let Some(token) = bearer {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Bytes::from(body.to_string())
            }
            None => Bytes::new(),
        };
        let (status, body) = self.server.send(request.body(Full::new(body))?).await?;
        if status.is_success() {
            Ok(serde_json::from_slice(&body)?)
        } else {
            Err(format!("{path}: {status} {}", String::from_utf8_lossy(&body)).into())
        }
    }

    /// Errors: also when the answer is of another user.
    async fn login(&self) -> Result<Tokens, Failure> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        // User 0 would have an id that is no identity.
        let user = if matches!(self.operation, Operation::NewLogin) { number } else { 1 + number % self.users };
        // Each code is used once; the provider reads the digits alone.
        let body = json!({"code": format!("u{user}.{number}"), "redirect_uri": "http://127.0.0.1/cb"});
        let answer = self.call(Method::POST, LOGIN, None, Some(body)).await?;
        if answer["username"] != format!("user{user}") {
            return Err(format!("user{user} got the answer of {}", answer["username"]).into());
        }
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        Ok(Tokens { access: text("token"), refresh: text("refresh") })
    }

    async fn once(&self, tokens: &Tokens) -> Result<(), Failure> {
        match self.operation {
            Operation::NewLogin | Operation::Login => self.login().await.map(drop),
            Operation::Verify => self.call(Method::GET, "/api/user/", Some(&tokens.access), None).await.map(drop),
            Operation::Refresh => {
                let body = json!({"refresh": tokens.refresh});
                self.call(Method::POST, "/api/token/refresh/", None, Some(body)).await.map(drop)
            }
        }
    }
}

pub async fn run(options: &Options) -> Result<(), Failure> {
    let operation = match options.text("operation") {
        "new-login" => Operation::NewLogin,
        "login" => Operation::Login,
        "verify" => Operation::Verify,
        "refresh" => Operation::Refresh,
        other => return Err(format!("--operation {other}: it is new-login, login, verify or refresh").into()),
    };
    let (users, concurrency) = (options.number("users"), options.number("concurrency"));
    let load = Arc::new(Load {
        server: Host::new(options.number("port")),
        operation,
        users,
        next: AtomicU64::new(options.number("first")),
    });
    let start = Instant::now();
    let warm = start + Duration::from_millis(options.number("warm-up-ms"));
    let end = warm + Duration::from_secs_f64(options.text("seconds").parse()?);
    let pids: Vec<u64> = options.text("pids").split(',').filter_map(|pid| pid.parse().ok()).collect();
    let workers = (0..concurrency).map(|_| tokio::spawn(work(load.clone(), warm, end))).collect::<Vec<_>>();
    tokio::time::sleep_until(warm.into()).await;
    let before: Vec<(u64, u64)> = pids.iter().map(|pid| (cpu_ticks(*pid), written_bytes(*pid))).collect();
    tokio::time::sleep_until(end.into()).await;
    let used: Vec<Value> = pids
        .iter()
        .zip(before)
        .map(|(pid, (cpu, written))| {
            json!({"cpu_ms": (cpu_ticks(*pid) - cpu) * 10, "written_bytes": written_bytes(*pid).saturating_sub(written)})
        })
        .collect();
    let mut latencies = Vec::new();
    for worker in workers {
        latencies.extend(worker.await??);
    }
    latencies.sort_unstable();
    let percentile = |part: f64| {
        let index = (latencies.len() as f64 * part) as usize;
        latencies.get(index.min(latencies.len().saturating_sub(1))).map_or(0.0, |micros| *micros as f64 / 1000.0)
    };
    let next = load.next.load(Ordering::Relaxed);
    println!(
        "{}",
        json!({"operations": latencies.len(), "seconds": (end - warm).as_secs_f64(), "p50_ms": percentile(0.5),
               "p99_ms": percentile(0.99), "max_ms": percentile(1.0), "processes": used, "next": next})
    );
    Ok(())
}

/// The durations of the operations between `warm` and `end`, in microseconds.
async fn work(load: Arc<Load>, warm: Instant, end: Instant) -> Result<Vec<u64>, Failure> {
    let tokens = match load.operation {
        Operation::NewLogin | Operation::Login => Tokens { access: String::new(), refresh: String::new() },
        Operation::Verify | Operation::Refresh => load.login().await?,
    };
    let mut latencies = Vec::new();
    loop {
        let started = Instant::now();
        if started >= end {
            return Ok(latencies);
        }
        load.once(&tokens).await?;
        let now = Instant::now();
        if started >= warm && now < end {
            latencies.push(u64::try_from((now - started).as_micros())?);
        }
    }
}
