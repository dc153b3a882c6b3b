//! Kept HTTP/1.1 connections to one port of this machine.

use std::sync::Mutex;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::Failure;

pub struct Host {
    port: u16,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

impl Host {
    pub fn new(port: u64) -> Self {
        Self { port: u16::try_from(port).expect("a port"), idle: Mutex::default() }
    }

    /// The status and the body of the answer.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), Failure> {
        let kept = self.idle.lock().expect("no panic").pop();
        let mut connection = match kept {
            Some(connection) if !connection.is_closed() => connection,
            _ => {
                let stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
                stream.set_nodelay(true)?;
                let (connection, task) = http1::handshake(TokioIo::new(stream)).await?;
                tokio::spawn(task);
                connection
            }
        };
        connection.ready().await?;
        let answer = connection.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        self.idle.lock().expect("no panic").push(connection);
        Ok((status, body))
    }
}
