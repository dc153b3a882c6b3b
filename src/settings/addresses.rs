//! Network addresses, URIs and e-mail addresses in the settings. All are checked when they are read, so that a request is
//! only compared with them (SEC-8, SEC-10, SEC-47).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipnet::IpNet;
use serde_json::Value;
use url::{Host, Url};

use super::database_url::has_broken_password;
use super::setting_reader;
use crate::clock::UnixMillis;
use crate::model::{Domain, EmailAddress};

/// Schemes that a browser or an operating system handles itself: they run code, show local data, or pass the redirect URI
/// with its code to another program. A list of allowed schemes is not possible: an app chooses its private-use scheme
/// freely, and RFC 8252 (8.4) only recommends to refuse one without a period, such as `myapp`, which apps of
/// django-rest-social-auth use. All schemes that begin with `chrome` are denied too.
const DENIED_SCHEMES: [&str; 22] = [
    "about",
    "android-app",
    "blob",
    "content",
    "data",
    "file",
    "filesystem",
    "ftp",
    "intent",
    "jar",
    "javascript",
    "mailto",
    "moz-extension",
    "resource",
    "safari-web-extension",
    "sms",
    "tel",
    "vbscript",
    "view-source",
    "wasm",
    "ws",
    "wss",
];

fn is_denied(scheme: &str) -> bool {
    DENIED_SCHEMES.contains(&scheme) || scheme.starts_with("chrome")
}

/// What an operator should know about an accepted URI.
type Warning = Option<&'static str>;

const PLAIN_HTTP: Warning = Some("is plain http: others on the network can read it");
const NO_PERIOD: Warning = Some("has a scheme without a period, which other apps may use too (RFC 8252, 8.4)");

pub(super) fn listen(value: &Value) -> Result<SocketAddr, String> {
    let text = setting_reader::text(value)?;
    if let Some(port) = text.strip_prefix("localhost:").and_then(|port| port.parse().ok()) {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    text.parse()
        .map_err(|_| "must be an IP address and a port, such as 127.0.0.1:8000, 0.0.0.0:8000 or [::]:8000".to_owned())
}

/// An address, or a network such as 10.0.0.0/8.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    match network.map_err(|_| format!("{text:?} is not an IP address or a network such as 10.0.0.0/8"))? {
        // Callers' addresses are compared in their IPv4 form.
        IpNet::V6(mapped) if mapped.addr().to_ipv4_mapped().is_some() => {
            Err(format!("{text:?} is an IPv4 address: write it without ::ffff:"))
        }
        network => Ok(network),
    }
}

/// Whether a network is larger than every private one: 10.0.0.0/8, fc00::/7.
pub(super) fn is_of_clients(network: &IpNet) -> bool {
    match network {
        IpNet::V4(network) => network.prefix_len() < 8,
        IpNet::V6(network) => network.prefix_len() < 7,
    }
}

/// Whether the host of a URL is this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

fn http_warning(url: &Url) -> Warning {
    if url.scheme() == "http" && !is_loopback(url) { PLAIN_HTTP } else { None }
}

/// Scheme, host and port; https unless the host is a loopback one.
pub(super) fn public_url(value: &Value) -> Result<Url, String> {
    let url =
        Url::parse(&setting_reader::text(value)?).map_err(|_| "must be a URL such as https://login.example.com")?;
    if url.path() != "/" || url.query().is_some() {
        return Err("must be scheme, host and port only, without a path".to_owned());
    }
    if http_warning(&url).is_some() {
        return Err("must be https, because its host is not a loopback one".to_owned());
    }
    Ok(url)
}

/// An origin as a browser writes it in `Origin`.
pub(super) fn origin(written: &str) -> Result<Warning, String> {
    let wrong = || format!("{written:?} is not an origin such as https://app.example.com, without a path");
    let (scheme, rest) = written.split_once("://").ok_or_else(wrong)?;
    if rest.is_empty() || rest.contains(['/', '?', '#', '@', '\\', '*']) || has_blank(written) {
        return Err(wrong());
    }
    let url = Url::parse(written).map_err(|_| wrong())?;
    if !matches!(scheme, "http" | "https") {
        // Apps in a web view (capacitor://localhost) and browser extensions.
        let is_allowed = url.scheme() == scheme && (!is_denied(scheme) || scheme.ends_with("-extension"));
        return if is_allowed { Ok(None) } else { Err(wrong()) };
    }
    let exact = url.origin().ascii_serialization();
    if exact != written {
        return Err(format!("{written:?} is never sent: browsers write it as {exact}"));
    }
    Ok(http_warning(&url))
}

/// The redirect URI that Google's pop-up has in the token request. It is no URI: no browser is redirected.
pub(crate) const POSTMESSAGE: &str = "postmessage";

/// A redirect URI of a login, or [`POSTMESSAGE`].
pub(super) fn redirect_uri_or_postmessage(written: &str) -> Result<Warning, String> {
    if written == POSTMESSAGE { Ok(None) } else { redirect_uri(written) }
}

/// A redirect URI, which requests must match exactly.
pub(super) fn redirect_uri(written: &str) -> Result<Warning, String> {
    let wrong = |problem: &str| Err(format!("{written:?} {problem}"));
    if has_blank(written) || written.contains('\\') {
        return wrong("contains a blank, a control character or a backslash");
    }
    if written.contains('*') {
        return wrong("contains *: entries are matched exactly, there are no patterns");
    }
    let Ok(url) = Url::parse(written) else {
        return wrong("is not an absolute URI");
    };
    if is_denied(url.scheme()) {
        return wrong("has a scheme that is not allowed in a redirect URI");
    }
    if written.contains('#') {
        return wrong("has a fragment, which a redirect URI must not have (RFC 6749, 3.1.2)");
    }
    let after_scheme = written.split_once(':').map_or("", |(_, rest)| rest);
    if !matches!(url.scheme(), "http" | "https") {
        // The private-use scheme of an app (RFC 8252, 7.1).
        if after_scheme.trim_matches('/').is_empty() {
            return wrong("is only a scheme: list the whole redirect URI, such as com.example.app:/callback");
        }
        return Ok(if url.scheme().contains('.') { None } else { NO_PERIOD });
    }
    let has_user = !url.username().is_empty() || url.password().is_some();
    if !after_scheme.starts_with("//") || url.host_str().is_none_or(str::is_empty) || has_user {
        return wrong("must have a host and no user");
    }
    let path = after_scheme.split('?').next().unwrap_or_default();
    // Servers decode %2e, and browsers treat it as a period.
    let is_dots = |segment: &str| matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
    if path.split('/').any(is_dots) {
        return wrong("has . or .. in its path");
    }
    Ok(http_warning(&url))
}

/// A path on the server's own URL (R-URI-03).
pub(super) fn redirect_path(value: &Value) -> Result<String, String> {
    let path = setting_reader::text(value)?;
    if !path.starts_with('/') || path.starts_with("//") {
        return Err(
            "must be a path that begins with one /: a name of a Django URL is not known here, and a whole URI is set \
                    with REST_SOCIAL_OAUTH_ABSOLUTE_REDIRECT_URI"
                .to_owned(),
        );
    }
    redirect_uri(&format!("https://host.example{path}")).map_err(|_| "is not a path of a URI".to_owned())?;
    Ok(path)
}

/// As curl accepts it: without a scheme it is http.
pub(super) fn proxy(value: &Value) -> Result<Url, String> {
    let text = setting_reader::text(value)?;
    let url = if text.contains("://") { text } else { format!("http://{text}") };
    Url::parse(&url)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|host| !host.is_empty()))
        .filter(|_| !has_broken_password(&url))
        .ok_or_else(|| {
            "must be the URL of an http proxy, such as http://proxy.example:3128. In user and password, percent-encode special \
             characters, such as / as %2F"
                .to_owned()
        })
}

/// The origins and pages of this server that `dev` lists, under every name of this machine.
pub(super) fn loopback_uris(port: u16) -> (Vec<String>, Vec<String>) {
    let mut origins = Vec::new();
    for scheme in ["http", "https"] {
        for host in ["127.0.0.1", "localhost", "[::1]"] {
            // An origin does not contain a default port.
            let is_default = matches!((scheme, port), ("http", 80) | ("https", 443));
            origins.push(if is_default { format!("{scheme}://{host}") } else { format!("{scheme}://{host}:{port}") });
        }
    }
    let pages = ["/", "/example/", "/example/callback/", "/docs/"];
    let uris = origins.iter().flat_map(|origin| pages.map(|page| format!("{origin}{page}"))).collect();
    (origins, uris)
}

fn has_blank(text: &str) -> bool {
    text.chars().any(|character| character.is_whitespace() || character.is_control())
}

/// A domain of an allow or deny list. There are no patterns: an entry that matches no address would allow all or none.
pub(super) fn domain(text: &str) -> Result<Domain, String> {
    Domain::parse(text.trim()).ok_or_else(|| format!("{text:?} is not a domain such as example.com"))
}

/// An e-mail address of an allow or deny list.
pub(super) fn email(text: &str) -> Result<EmailAddress, String> {
    let address = EmailAddress::parse(text.trim()).filter(|address| !address.as_str().contains('*'));
    address.ok_or_else(|| format!("{text:?} is not an e-mail address such as ana@example.com"))
}

/// A date means its first moment in UTC.
pub(super) fn date_or_time(value: &Value) -> Result<UnixMillis, String> {
    let text = setting_reader::text(value)?;
    let is_date = text.len() == "2027-03-01".len();
    let time = UnixMillis::from_rfc3339(&if is_date { format!("{text}T00:00:00Z") } else { text });
    time.ok_or_else(|| "must be a date such as 2027-03-01, or an RFC 3339 time".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn networks_are_addresses_or_ranges() {
        for good in ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"] {
            assert!(network(good).is_ok(), "{good}");
        }
        for wrong in ["::ffff:10.0.0.0/104", "::FFFF:192.0.2.7", "proxy.example", "10.0.0.0/33"] {
            assert!(network(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sec10_redirect_uris_have_an_allowed_scheme_and_match_exactly() {
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
            "JavaScript:alert(1)",
            "/cb",
            "not a uri",
            "https://app.example.com/cb#x",
            "https://a@app.example.com/cb",
            "https:app.example.com/cb",
            "https://app.example.com/a/../cb",
            "https://app.example.com/a/%2E%2e/cb",
            "https://app.example.com/a/.%2E/cb",
            "https://*.example.com/cb",
            "https://app.example.com\\cb",
            "com.example.app:",
            "myapp://",
        ] {
            assert!(redirect_uri(bad).is_err(), "{bad}");
        }
        assert_eq!(redirect_uri("http://myapp.com"), Ok(PLAIN_HTTP));
        assert_eq!(redirect_uri("myapp://callback"), Ok(NO_PERIOD));
        for good in ["http://localhost:3000/cb", "http://127.0.0.1/cb", "https://a.example/", "com.example.app:/cb"] {
            assert_eq!(redirect_uri(good), Ok(None));
        }
    }

    #[test]
    fn sec10_schemes_that_browsers_handle_are_denied_in_redirect_uris() {
        let schemes = DENIED_SCHEMES.into_iter().chain(["chrome", "chrome-extension", "FILE"]);
        for scheme in schemes {
            for rest in ["//callback", "callback", "/callback", "//a.b/callback?x=1"] {
                assert!(redirect_uri(&format!("{scheme}:{rest}")).is_err(), "{scheme}:{rest}");
            }
        }
        assert!(origin("javascript://x").is_err() && origin("chrome-extension://abcdefgh").is_ok());
    }

    #[test]
    fn origins_are_written_as_browsers_send_them() {
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
    fn sec47_public_url_is_https_or_loopback() {
        for good in
            ["https://login.example.com", "https://login.example.com/", "http://127.0.0.1:8000", "http://[::1]:1"]
        {
            assert!(public_url(&json!(good)).is_ok(), "{good}");
        }
        for bad in ["http://login.example.com", "login.example.com", "https://a.example/path"] {
            assert!(public_url(&json!(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn redirect_path_stays_on_its_host() {
        for good in ["/", "/oauth/done/", "/done?x=1"] {
            assert!(redirect_path(&json!(good)).is_ok(), "{good}");
        }
        for bad in ["name", "//evil.example", "https://evil.example", "/a b", "/a#b", "/../x"] {
            assert!(redirect_path(&json!(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_password_of_a_proxy_with_a_slash_is_an_error_that_does_not_contain_it() {
        for bad in ["http://u:12/Sup3rSecret@proxy.example", "u:12/Sup3rSecret@proxy.example:3128", "http://u:1?S@p"] {
            let problem = proxy(&json!(bad)).expect_err(bad);
            assert!(!problem.contains("Sup3r"), "{problem}");
        }
        assert!(proxy(&json!("http://u:12%2FSecret@proxy.example:3128")).is_ok());
    }

    #[test]
    fn proxy_needs_no_scheme() {
        assert_eq!(proxy(&json!("proxy.example:3128")).map(String::from), Ok("http://proxy.example:3128/".to_owned()));
        for bad in ["socks5://proxy.example", "http://", ""] {
            assert!(proxy(&json!(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn listen_is_an_address_and_a_port() {
        assert_eq!(listen(&json!("localhost:8000")), Ok(SocketAddr::from(([127, 0, 0, 1], 8000))));
        assert!(listen(&json!("[::]:8000")).is_ok());
        for bad in ["8000", ":8000", "example.com:8000", "127.0.0.1:99999"] {
            assert!(listen(&json!(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn date_means_its_first_moment() {
        let read = |text: &str| date_or_time(&Value::from(text)).ok().map(UnixMillis::rfc3339);
        assert_eq!(read("2027-03-01"), Some("2027-03-01T00:00:00.000Z".to_owned()));
        assert_eq!(read("2027-03-01T12:00:00+02:00"), Some("2027-03-01T10:00:00.000Z".to_owned()));
        for wrong in ["2027-02-30", "2027-3-1", "tomorrow", "2027", "1800000000"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
