//! Addresses in the settings: where to listen, the server's own URL, the exact lists of origins and redirect URIs, and
//! proxies. All are checked when they are read, so that a request is only ever compared with them (SEC-8, SEC-10, SEC-47).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipnet::IpNet;
use serde_json::Value;
use url::{Host, Url};

use super::value;
use crate::model::{Domain, EmailAddress};

/// Schemes that a browser runs or reads instead of leaving the page.
const NEVER: [&str; 7] = ["javascript", "data", "file", "vbscript", "blob", "about", "filesystem"];

pub(super) fn listen(value: &Value) -> Result<SocketAddr, String> {
    let written = value::text(value)?;
    let written = written.trim();
    if let Some(port) = written.strip_prefix("localhost:").and_then(|port| port.parse().ok()) {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    written
        .parse()
        .map_err(|_| "must be an IP address and a port, such as 127.0.0.1:8000, 0.0.0.0:8000 or [::]:8000".to_owned())
}

/// Addresses, and networks such as 10.0.0.0/8.
pub(super) fn networks(value: &Value) -> Result<Vec<IpNet>, String> {
    let one = |text: &String| {
        if text.to_ascii_lowercase().starts_with("::ffff:") {
            return Err(format!("{text:?}: an IPv4 address is written as such"));
        }
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map_err(|_| format!("{text:?} is neither an IP address nor a network such as 10.0.0.0/8"))
    };
    value::list(value)?.iter().map(one).collect()
}

pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// Scheme, host and port; https unless it is this machine.
pub(super) fn public_url(value: &Value) -> Result<Url, String> {
    let written = value::text(value)?;
    let url = Url::parse(written.trim())
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| "must be an absolute URL, such as https://login.example.com".to_owned())?;
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() || has_user(&url) {
        return Err("must be scheme, host and port only, without a path".to_owned());
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err("must be https, since its host is not this machine".to_owned());
    }
    Ok(url)
}

/// An origin as a browser writes it in `Origin`. `Ok(true)` where it is plain http to another machine.
pub(super) fn origin(written: &str) -> Result<bool, String> {
    let wrong = || format!("{written:?} is no origin; one looks like https://app.example.com, without a path");
    let (scheme, rest) = written.split_once("://").ok_or_else(wrong)?;
    if rest.is_empty() || rest.contains(['/', '?', '#', '@', '\\', '*']) || has_blank(written) {
        return Err(wrong());
    }
    let url = Url::parse(written).map_err(|_| wrong())?;
    if !matches!(scheme, "http" | "https") {
        // Apps in a web view: capacitor://localhost.
        return if url.scheme() == scheme && !NEVER.contains(&scheme) { Ok(false) } else { Err(wrong()) };
    }
    let exact = url.origin().ascii_serialization();
    if exact != written {
        return Err(format!("{written:?} is never sent so; browsers write it as {exact}"));
    }
    Ok(scheme == "http" && !is_loopback(&url))
}

/// A redirect URI, kept to the letter. `Ok(true)` where it is plain http to another machine.
pub(super) fn redirect_uri(written: &str) -> Result<bool, String> {
    let wrong = |problem: &str| Err(format!("{written:?} {problem}"));
    if has_blank(written) || written.contains('\\') {
        return wrong("holds a blank, a control character or a backslash");
    }
    if written.contains('*') {
        return wrong("holds a *: entries are compared as exact strings, there are no patterns");
    }
    let Ok(url) = Url::parse(written) else {
        return wrong("is no absolute URI");
    };
    if NEVER.contains(&url.scheme()) {
        return wrong("has a scheme that no login may return to");
    }
    if written.contains('#') {
        return wrong("has a fragment, which a redirect URI may not have");
    }
    let after_scheme = written.split_once(':').map_or("", |(_, rest)| rest);
    if !matches!(url.scheme(), "http" | "https") {
        // An app's own scheme: com.example.app:/cb (RFC 8252, 7.1).
        return if after_scheme.trim_matches('/').is_empty() {
            wrong("is only a scheme; list the whole redirect URI, such as com.example.app:/callback")
        } else {
            Ok(false)
        };
    }
    if !after_scheme.starts_with("//") || url.host_str().is_none_or(str::is_empty) || has_user(&url) {
        return wrong("must name a host, and no user");
    }
    let path = after_scheme.split('?').next().unwrap_or_default();
    if path.split('/').any(|segment| segment == "." || segment == "..") {
        return wrong("has . or .. in its path");
    }
    Ok(url.scheme() == "http" && !is_loopback(&url))
}

/// A path on the server's own URL (R-URI-03).
pub(super) fn redirect_path(value: &Value) -> Result<String, String> {
    let written = value::text(value)?;
    if !written.starts_with('/') || written.starts_with("//") {
        return Err(
            "must be a path that begins with one /; names of Django's URLs are not known here, and a whole URI \
                    belongs into REST_SOCIAL_OAUTH_ABSOLUTE_REDIRECT_URI"
                .to_owned(),
        );
    }
    // Held against the rules by standing on a host.
    redirect_uri(&format!("https://host.example{written}")).map_err(|_| "is no path that a URI can have".to_owned())?;
    Ok(written)
}

/// A proxy may be written without a scheme, as curl takes it.
pub(super) fn proxy(value: &Value) -> Result<Url, String> {
    let wrong = || "must be the address of an http proxy, such as http://proxy.example:3128".to_owned();
    let written = value::text(value)?;
    let written = written.trim();
    let whole = if written.contains("://") { written.to_owned() } else { format!("http://{written}") };
    Url::parse(&whole)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|host| !host.is_empty()))
        .ok_or_else(wrong)
}

/// What `dev` adds to the two lists, on every name this machine has for itself: the server's own pages.
pub(super) fn own_loopback(port: u16) -> (Vec<String>, Vec<String>) {
    let mut origins = Vec::new();
    for scheme in ["http", "https"] {
        for host in ["127.0.0.1", "localhost", "[::1]"] {
            // A default port is not written in an origin.
            let default = matches!((scheme, port), ("http", 80) | ("https", 443));
            origins.push(if default { format!("{scheme}://{host}") } else { format!("{scheme}://{host}:{port}") });
        }
    }
    let pages = ["/", "/example/", "/example/callback/", "/docs/"];
    let uris = origins.iter().flat_map(|origin| pages.map(|page| format!("{origin}{page}"))).collect();
    (origins, uris)
}

fn has_user(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

fn has_blank(written: &str) -> bool {
    written.chars().any(|character| character.is_whitespace() || character.is_control())
}

/// A domain of the lists of who may sign in. There are no patterns: an entry that no address can match would let everybody
/// pass, or nobody.
pub(super) fn domain(written: &str) -> Result<Domain, String> {
    Domain::parse(written.trim()).ok_or_else(|| format!("{written:?} is not a domain such as example.com"))
}

/// An e-mail address of the lists of who may sign in.
pub(super) fn email(written: &str) -> Result<EmailAddress, String> {
    let address = EmailAddress::parse(written.trim()).filter(|address| !address.as_str().contains('*'));
    address.ok_or_else(|| format!("{written:?} is not an e-mail address such as ana@example.com"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn networks_are_addresses_or_ranges_and_ipv4_is_written_as_such() {
        let read = |text: &str| networks(&json!([text])).map(|list| list.len());
        assert_eq!((read("10.0.0.0/8"), read("192.0.2.7"), read("2001:db8::/32")), (Ok(1), Ok(1), Ok(1)));
        for wrong in ["::ffff:10.0.0.0/104", "::FFFF:192.0.2.7", "proxy.example", "10.0.0.0/33"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sec10_redirect_uris_are_whole_and_of_a_scheme_that_leaves_the_page() {
        for good in [
            "https://app.example.com/cb",
            "http://myapp.com",
            "http://127.0.0.1/cb",
            "com.example.app:/cb",
            "myapp://callback",
            "https://app.example.com/cb?a=b",
        ] {
            assert!(redirect_uri(good).is_ok(), "{good}");
        }
        for bad in [
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "JavaScript:alert(1)",
            "/cb",
            "not a uri",
            "https://app.example.com/cb#x",
            "https://a@app.example.com/cb",
            "https:app.example.com/cb",
            "https://app.example.com/a/../cb",
            "https://*.example.com/cb",
            "https://app.example.com\\cb",
            "com.example.app:",
            "myapp://",
        ] {
            assert!(redirect_uri(bad).is_err(), "{bad}");
        }
        assert_eq!(redirect_uri("http://myapp.com"), Ok(true));
        assert_eq!(redirect_uri("http://localhost:3000/cb"), Ok(false));
    }

    #[test]
    fn origins_stand_as_browsers_write_them() {
        for good in
            ["https://app.example.com", "http://localhost:3000", "https://a.example:8443", "capacitor://localhost"]
        {
            assert!(origin(good).is_ok(), "{good}");
        }
        for bad in [
            "https://app.example.com/",
            "https://App.example.com",
            "https://app.example.com:443",
            "app.example.com",
            "null",
            "*",
            "https://*.example.com",
            "https://",
            "https://a@b.example",
        ] {
            assert!(origin(bad).is_err(), "{bad}");
        }
        let hint = origin("https://App.example.com:443").expect_err("not exact");
        assert!(hint.contains("https://app.example.com"), "{hint}");
    }

    #[test]
    fn sec47_the_public_url_is_https_unless_it_is_this_machine() {
        for good in
            ["https://login.example.com", "https://login.example.com/", "http://127.0.0.1:8000", "http://[::1]:1"]
        {
            assert!(public_url(&json!(good)).is_ok(), "{good}");
        }
        for bad in [
            "http://login.example.com",
            "login.example.com",
            "https://a.example/path",
            "ftp://a.example",
            "https://u@a.example",
        ] {
            assert!(public_url(&json!(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_redirect_path_stays_on_its_host() {
        for good in ["/", "/oauth/done/", "/done?x=1"] {
            assert!(redirect_path(&json!(good)).is_ok(), "{good}");
        }
        for bad in ["name", "//evil.example", "https://evil.example", "/a b", "/a#b", "/../x"] {
            assert!(redirect_path(&json!(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_proxy_needs_no_scheme() {
        assert_eq!(proxy(&json!("proxy.example:3128")).map(String::from), Ok("http://proxy.example:3128/".to_owned()));
        for bad in ["socks5://proxy.example", "http://", ""] {
            assert!(proxy(&json!(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn listening_takes_an_address_and_a_port() {
        assert_eq!(listen(&json!("localhost:8000")), Ok(SocketAddr::from(([127, 0, 0, 1], 8000))));
        assert!(listen(&json!("[::]:8000")).is_ok());
        for bad in ["8000", ":8000", "example.com:8000", "127.0.0.1:99999"] {
            assert!(listen(&json!(bad)).is_err(), "{bad}");
        }
    }
}
