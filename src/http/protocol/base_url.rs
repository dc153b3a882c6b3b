//! The server's own base URL.

use std::net::SocketAddr;

use poem::http::header;
use poem::http::uri::Scheme;
use poem::{Addr, Request};
use url::Url;

use crate::settings::{Settings, is_loopback};

/// PUBLIC_URL. In `dev` without one, the address that the request was sent to, if it is a loopback address: a host name
/// that was rebound to this machine (DNS rebinding) must not become the server's own.
pub fn base_url(settings: &Settings, request: &Request) -> Url {
    if let Some(url) = &settings.public_url {
        return url.clone();
    }
    let scheme = if *request.scheme() == Scheme::HTTPS { "https" } else { "http" };
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| request.uri().authority().map(|authority| authority.as_str()));
    let by_host = host.and_then(|host| Url::parse(&format!("{scheme}://{host}")).ok());
    by_host.filter(is_own_address).unwrap_or_else(|| {
        let address = match &request.local_addr().0 {
            Addr::SocketAddr(address) => *address,
            _ => settings.listen,
        };
        url_of_address(scheme, address)
    })
}

fn is_own_address(url: &Url) -> bool {
    is_loopback(url) && url.path() == "/" && url.username().is_empty() && url.password().is_none()
}

fn url_of_address(scheme: &str, address: SocketAddr) -> Url {
    Url::parse(&format!("{scheme}://{address}")).expect("a socket address is a valid authority")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_loopback_host_becomes_the_base_url() {
        let accepts = |url: &str| is_own_address(&Url::parse(url).expect("a URL"));
        for url in ["http://localhost:8000", "http://127.0.0.1", "http://[::1]:1", "https://app.localhost"] {
            assert!(accepts(url), "{url}");
        }
        for url in ["http://evil.example", "http://u@localhost", "http://localhost/x", "http://localhost.evil.example"]
        {
            assert!(!accepts(url), "{url}");
        }
    }
}
