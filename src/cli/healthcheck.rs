//! `healthcheck`: asks the server of the same settings whether it works; for containers, whose image has no HTTP client.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;

use super::configuration::settings_for;
use super::failure::Failure;
use super::output::print_either;

/// The status line is at the beginning of the answer.
const MAX_HEAD: u64 = 1024;

#[derive(Args)]
pub(super) struct Options {
    /// Address and port of the server, instead of LISTEN
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// Ask whether the process is alive (/healthz) instead of whether it can serve logins (/readyz)
    #[arg(long)]
    live: bool,
    /// Maximum time of the connection and of the answer, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=300))]
    timeout: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Needs LISTEN only: the other settings are those of the server.
pub(super) fn run(options: &Options, config: Option<&Path>) -> Result<(), Failure> {
    let address = match options.listen {
        Some(address) => address,
        None => settings_for(config, &["LISTEN"])?.listen,
    };
    let address = reachable(address);
    let path = if options.live { "/healthz" } else { "/readyz" };
    let status = status_of(address, path, Duration::from_secs(options.timeout))
        .map_err(|error| Failure::Other(format!("{address} does not answer {path}: {error}")))?;
    if status != 200 {
        return Err(Failure::Other(format!("{address} answers {path} with {status}")));
    }
    let result = json!({"ok": true, "address": address.to_string(), "path": path, "status": status});
    print_either(options.json, &result, &format!("{address} answers {path} with {status}"))
}

/// A server that listens on all addresses is asked at the loopback address.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Without a runtime and without TLS, which `serve` does not have: a check costs a few milliseconds.
fn status_of(address: SocketAddr, path: &str, timeout: Duration) -> std::io::Result<u16> {
    let deadline = Instant::now() + timeout;
    // A time limit of zero is invalid, and means that the time is over.
    let left = || {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(std::io::Error::from(ErrorKind::TimedOut)) } else { Ok(left) }
    };
    let mut stream = TcpStream::connect_timeout(&address, timeout)?;
    stream.set_write_timeout(Some(left()?))?;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: healthcheck\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut head = Vec::new();
    let mut part = [0; 256];
    while !head.contains(&b'\n') && (head.len() as u64) < MAX_HEAD {
        // Of the whole answer, not of each part.
        stream.set_read_timeout(Some(left()?))?;
        match stream.read(&mut part)? {
            0 => break,
            count => head.extend_from_slice(part.get(..count).unwrap_or_default()),
        }
    }
    status_in(&head).ok_or_else(|| std::io::Error::other("the answer is not HTTP/1.1"))
}

/// The three digits of a status line (RFC 9112, section 4).
fn status_in(head: &[u8]) -> Option<u16> {
    let rest = head.strip_prefix(b"HTTP/1.1 ")?;
    let (status, after) = rest.split_at_checked(3)?;
    let is_whole = matches!(after.first(), Some(b' ' | b'\r' | b'\n')) && status.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(status).ok().filter(|_| is_whole)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_three_digits() {
        for head in ["HTTP/1.1 200 OK\r\n", "HTTP/1.1 200\r\n", "HTTP/1.1 200 \r\n"] {
            assert_eq!(status_in(head.as_bytes()), Some(200), "{head}");
        }
        for head in ["HTTP/1.1 2000 OK\r\n", "HTTP/1.1 20", "HTTP/1.1 200", "HTTP/1.1 +20 OK\r\n", "HTTP/2 200\r\n", ""]
        {
            assert_eq!(status_in(head.as_bytes()), None, "{head}");
        }
    }

    #[test]
    fn sec_44_a_server_that_sends_a_byte_at_a_time_does_not_extend_the_limit() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let trickling = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            // Less than the head that is read at most: this ends only when the client closes the connection.
            while stream.write_all(b"x").is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let status = status_of(address, "/readyz", Duration::from_millis(200));
        let is_over = |error: &std::io::Error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
        assert!(status.is_err_and(|error| is_over(&error)));
        trickling.join().expect("no panic");
    }

    #[test]
    fn a_server_on_all_addresses_is_asked_at_the_loopback_address() {
        let asked = |address: &str| reachable(address.parse().expect("an address")).to_string();
        assert_eq!(asked("0.0.0.0:8000"), "127.0.0.1:8000");
        assert_eq!(asked("[::]:8000"), "[::1]:8000");
        assert_eq!(asked("192.0.2.7:80"), "192.0.2.7:80");
    }
}
