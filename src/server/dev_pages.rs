//! The pages of `dev`: the demo at `/`, an example for each kind of credential, a callback page, and the bundle of the client. The
//! files are static; the pages use the public API like any other front-end. `serve` has none of them.

use minijinja::{Environment, UndefinedBehavior, context};
use poem::Route;
use poem::endpoint::make_sync;
use poem::http::HeaderValue;

use crate::http::{CachedText, HTML, MARK, Resource, project_style};

/// No inline script or style, no other host. Cross-Origin-Opener-Policy is missing because the callback page of a pop-up needs
/// its opener.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// The files by their paths.
fn assets() -> Vec<(String, CachedText)> {
    let pages = templates();
    let page = |template: &str, page: &str, kind: Option<&Kind>| {
        let values = context! { kinds => KINDS, kind, page, languages => code_samples(&pages) };
        let html = pages.get_template(template).and_then(|template| template.render(values));
        CachedText::new(HTML, html.expect("the templates use nothing that can fail"))
    };
    let mut assets = vec![
        ("/".to_owned(), page("start.html", "start", None)),
        ("/example/".to_owned(), page("index.html", "examples", None)),
        ("/example/callback/".to_owned(), page("callback.html", "callback", None)),
    ];
    let kinds = KINDS.iter().map(|kind| (format!("/example/{}/", kind.path), page("kind.html", kind.path, Some(kind))));
    assets.extend(kinds);
    for (name, text, content_type) in [
        ("sdk.js", include_str!("example/sdk.js"), SCRIPT),
        ("page.js", include_str!("example/page.js"), SCRIPT),
        ("start.js", include_str!("example/start.js"), SCRIPT),
        ("kind.js", include_str!("example/kind.js"), SCRIPT),
        ("ask.js", include_str!("example/ask.js"), SCRIPT),
        ("callback.js", include_str!("example/callback.js"), SCRIPT),
        ("mark.svg", MARK, SVG),
    ] {
        assets.push((format!("/example/{name}"), CachedText::new(content_type, text.to_owned())));
    }
    let style = [project_style(), include_str!("example/example.css")].concat();
    assets.push(("/example/example.css".to_owned(), CachedText::new(STYLE, style)));
    assets
}

fn templates() -> Environment<'static> {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    // HTML is escaped in templates whose name ends in `.html`.
    for (name, text) in [
        ("head.html", include_str!("example/head.html")),
        ("top.html", include_str!("example/top.html")),
        ("start.html", include_str!("example/start.html")),
        ("index.html", include_str!("example/index.html")),
        ("kind.html", include_str!("example/kind.html")),
        ("callback.html", include_str!("example/callback.html")),
        ("mark.svg", MARK),
        ("react", include_str!("example/code/react.tsx")),
        ("curl", include_str!("example/code/curl.sh")),
        ("python", include_str!("example/code/python.py")),
    ] {
        templates.add_template(name, text).expect("the templates are part of the program and parse");
    }
    templates
}

/// The same login in one programming language, for each kind of credential.
#[derive(serde::Serialize)]
struct CodeSample {
    /// The name of its template.
    name: &'static str,
    title: &'static str,
    /// The code by kind.
    code: Vec<(&'static str, String)>,
}

fn code_samples(templates: &Environment<'_>) -> Vec<CodeSample> {
    let sample = |(name, title)| {
        let code = |kind: &Kind| {
            let code = templates.get_template(name).and_then(|template| template.render(context! { kind }));
            (kind.user_route, code.expect("the templates use nothing that can fail"))
        };
        CodeSample { name, title, code: KINDS.iter().map(code).collect() }
    };
    [("react", "React"), ("curl", "curl"), ("python", "Python")].map(sample).into()
}

/// A kind of credential, with an example page.
#[derive(serde::Serialize)]
struct Kind {
    path: &'static str,
    title: &'static str,
    about: &'static str,
    /// The login routes of the example page and their labels.
    routes: &'static [(&'static str, &'static str)],
    /// The login route of the demo, which returns the user too.
    user_route: &'static str,
    /// The scheme of the `Authorization` header.
    scheme: &'static str,
}

const KINDS: [Kind; 4] = [
    Kind {
        path: "jwt",
        title: "JWT",
        about: "Signed tokens, sent as “Authorization: Bearer”. They are valid for minutes and refreshed \
                automatically. With SIMPLE_JWT_ALGORITHM=ES256, your services can verify them.",
        routes: &[("jwt-pair-user", "Access and refresh token"), ("jwt-sliding-user", "One sliding token")],
        user_route: "jwt-pair-user",
        scheme: "Bearer",
    },
    Kind {
        path: "session",
        title: "Session",
        about: "A cookie that scripts cannot read, for sites on the domain of the server.",
        routes: &[("session", "Session")],
        user_route: "session",
        scheme: "",
    },
    Kind {
        path: "token",
        title: "Token",
        about: "One permanent token for each user, the same at every login, sent as “Authorization: Token”. Signing out \
                deletes it from this page; signing out everywhere revokes it.",
        routes: &[("token_user", "Token")],
        user_route: "token_user",
        scheme: "Token",
    },
    Kind {
        path: "knox",
        title: "Knox",
        about: "A token for each login, stored as a digest only, sent as “Authorization: Token”. It can be \
                revoked alone or with all others of its user.",
        routes: &[("knox_user", "Knox")],
        user_route: "knox_user",
        scheme: "Token",
    },
];

pub fn mount(route: Route) -> Route {
    assets().into_iter().fold(route, |route, (path, file)| {
        let file = file.with_policy(HeaderValue::from_static(POLICY));
        Resource::mount_page(route, &path, make_sync(move |request| file.response(request.headers())))
    })
}

#[cfg(test)]
mod tests {
    use poem::http::{StatusCode, header};
    use poem::{Endpoint as _, Request, Response};

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
        for (path, _) in assets() {
            let first = get(&path, None).await;
            assert_eq!(first.status(), StatusCode::OK, "{path}");
            let expected = match path.rsplit_once('.') {
                None => HTML,
                Some((_, "js")) => SCRIPT,
                Some((_, "css")) => STYLE,
                Some((_, "svg")) => SVG,
                Some((_, other)) => panic!("{other}"),
            };
            assert_eq!(first.headers()[header::CONTENT_TYPE], expected, "{path}");
            assert!(first.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().contains("script-src 'self'"));
            assert!(!first.headers().contains_key("cross-origin-opener-policy"), "{path}: a pop-up needs its opener");
            assert_eq!(get(&path, Some(&first.headers()[header::ETAG])).await.status(), StatusCode::NOT_MODIFIED);
        }
        assert_eq!(get("/example", None).await.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn pages_load_nothing_from_other_hosts_and_have_no_inline_script_or_style() {
        let assets = assets();
        for (path, _) in assets.iter().filter(|(path, _)| path.ends_with('/')) {
            let text = get(path, None).await.into_body().into_string().await.expect("a text");
            for forbidden in ["<script>", " style=", "<style", " onclick", "src=\"http", "href=\"http"] {
                assert!(!text.contains(forbidden), "{path}: {forbidden}");
            }
            for link in text.split(r#"src=""#).skip(1).filter_map(|rest| rest.split('"').next()) {
                assert!(assets.iter().any(|(known, _)| known == link), "{path}: {link}");
            }
        }
    }

    #[test]
    fn the_demo_has_code_for_each_kind_of_credential() {
        for CodeSample { name, code, .. } in code_samples(&templates()) {
            assert_eq!(code.len(), KINDS.len());
            for (kind, code) in code {
                // The page of React and the server must be of one site.
                let host = if name == "react" { "localhost" } else { "127.0.0.1" };
                assert!(code.contains(kind) && code.contains(&format!("http://{host}:8000")), "{name}: {code}");
                assert!(name == "react" || (kind == "session") != code.contains("Authorization"), "{name}: {code}");
            }
        }
    }
}
