//! The example front-end, embedded in the binary: a page for each kind of credential, a callback page, and the bundle of the
//! SDK. The files are static; the pages use the public API like any other front-end.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use minijinja::{Environment, context};
use poem::endpoint::make_sync;
use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{EndpointExt as _, Request, Response, Route};

use crate::http::Resource;
use crate::secrets::Digest;

/// No inline script or style, no other host. Cross-Origin-Opener-Policy is missing because the callback page of a pop-up needs
/// its opener.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

struct Asset {
    text: String,
    content_type: &'static str,
    /// A digest of the text, so that a browser loads it once.
    etag: HeaderValue,
}

impl Asset {
    fn new(text: String, content_type: &'static str) -> Self {
        let digest = Digest::of(text.as_bytes());
        let etag = format!("\"{}\"", HEXLOWER.encode(&digest.as_bytes()[..16]));
        Self { text, content_type, etag: HeaderValue::try_from(etag).expect("hex digits are ASCII") }
    }

    fn answer(&self, request: &Request) -> Response {
        let is_known = request.headers().get(header::IF_NONE_MATCH).is_some_and(|etag| *etag == self.etag);
        let mut response = if is_known {
            Response::builder().status(StatusCode::NOT_MODIFIED).finish()
        } else {
            Response::builder().content_type(self.content_type).body(self.text.clone())
        };
        let headers = response.headers_mut();
        headers.insert(header::ETAG, self.etag.clone());
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        response
    }
}

/// Paths below `/example/` with their files.
fn assets() -> [(&'static str, Asset); 12] {
    let text = |text: &str, content_type| Asset::new(text.to_owned(), content_type);
    [
        ("", page("index.html", None)),
        ("session/", page("kind.html", Some(&KINDS[0]))),
        ("token/", page("kind.html", Some(&KINDS[1]))),
        ("jwt/", page("kind.html", Some(&KINDS[2]))),
        ("knox/", page("kind.html", Some(&KINDS[3]))),
        ("callback/", page("callback.html", None)),
        ("sdk.js", text(include_str!("example/sdk.js"), SCRIPT)),
        ("kind.js", text(include_str!("example/kind.js"), SCRIPT)),
        ("ask.js", text(include_str!("example/ask.js"), SCRIPT)),
        ("callback.js", text(include_str!("example/callback.js"), SCRIPT)),
        ("example.css", text(include_str!("example/example.css"), "text/css; charset=utf-8")),
        ("icon.svg", text(include_str!("example/icon.svg"), "image/svg+xml")),
    ]
}

/// One example page and its kind of credential.
#[derive(serde::Serialize)]
struct Kind {
    path: &'static str,
    title: &'static str,
    about: &'static str,
    /// The login routes of the page and their labels.
    routes: &'static [(&'static str, &'static str)],
}

const KINDS: [Kind; 4] = [
    Kind {
        path: "session",
        title: "Session",
        about: "A cookie that scripts cannot read, for sites on the domain of the server.",
        routes: &[("session", "Session")],
    },
    Kind {
        path: "token",
        title: "Token",
        about: "One permanent token for each user, the same at every login, sent as “Authorization: Token”. Signing out \
                deletes it from this page; signing out everywhere revokes it.",
        routes: &[("token_user", "Token")],
    },
    Kind {
        path: "jwt",
        title: "JWT",
        about: "Signed tokens that any of your services can verify, sent as “Authorization: Bearer”. They are valid \
                for minutes and refreshed automatically.",
        routes: &[("jwt-pair-user", "Access and refresh token"), ("jwt-sliding-user", "One sliding token")],
    },
    Kind {
        path: "knox",
        title: "Knox",
        about: "A token for each login, stored as a digest only, sent as “Authorization: Token”. It can be \
                revoked alone or with all others of its user.",
        routes: &[("knox_user", "Knox")],
    },
];

pub fn mount(route: Route) -> Route {
    assets().into_iter().fold(route, |route, (path, asset)| {
        let path = format!("/example/{path}");
        let endpoint = make_sync(move |request| asset.answer(&request)).boxed();
        let resource = Arc::new(Resource::page(path.clone(), [(Method::GET, endpoint)].into()));
        match path.strip_suffix('/') {
            Some(without_slash) => route.at(without_slash, resource.clone()).at(&path, resource),
            None => route.at(&path, resource),
        }
    })
}

fn page(template: &'static str, kind: Option<&Kind>) -> Asset {
    let mut pages = Environment::new();
    let text = match template {
        "index.html" => include_str!("example/index.html"),
        "kind.html" => include_str!("example/kind.html"),
        _ => include_str!("example/callback.html"),
    };
    pages.add_template(template, text).expect("the templates are part of the program and parse");
    let values = context! { kinds => KINDS, kind };
    let page = pages.get_template(template).and_then(|page| page.render(values));
    Asset::new(page.expect("the templates use nothing that can fail"), HTML)
}

#[cfg(test)]
mod tests {
    use poem::Endpoint as _;

    use super::*;

    async fn get(path: &str, etag: Option<&HeaderValue>) -> Response {
        let mut request = Request::builder().uri_str(path);
        if let Some(etag) = etag {
            request = request.header(header::IF_NONE_MATCH, etag);
        }
        mount(Route::new()).get_response(request.finish()).await
    }

    #[tokio::test]
    async fn files_have_type_policy_and_etag() {
        for (path, asset) in assets() {
            let path = format!("/example/{path}");
            let first = get(&path, None).await;
            assert_eq!(first.status(), StatusCode::OK, "{path}");
            assert_eq!(first.headers()[header::CONTENT_TYPE], asset.content_type, "{path}");
            assert!(first.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().contains("script-src 'self'"));
            assert!(!first.headers().contains_key("cross-origin-opener-policy"), "{path}: a pop-up needs its opener");
            assert_eq!(get(&path, Some(&first.headers()[header::ETAG])).await.status(), StatusCode::NOT_MODIFIED);
        }
        assert_eq!(get("/example", None).await.status(), StatusCode::OK);
    }

    #[test]
    fn pages_load_nothing_from_other_hosts_and_have_no_inline_script_or_style() {
        for (path, asset) in assets().iter().filter(|(_, asset)| asset.content_type == HTML) {
            for forbidden in ["<script>", " style=", "<style", " onclick", "http://", "https://"] {
                assert!(!asset.text.contains(forbidden), "{path}: {forbidden}");
            }
            for link in asset.text.split(r#"src=""#).skip(1).filter_map(|rest| rest.split('"').next()) {
                let name = link.strip_prefix("/example/").unwrap_or_else(|| panic!("{path}: {link}"));
                assert!(assets().iter().any(|(known, _)| *known == name), "{path}: {link}");
            }
        }
    }
}
