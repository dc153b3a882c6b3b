//! The HTML pages of this server that a user sees: an error, and the questions of a pending login. They run no script and
//! load nothing; the Content-Security-Policy allows their one style by its digest.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::{Environment, context};
use poem::Response;
use poem::http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::Value;
use url::{Position, Url};

use super::problem::Failure;
use super::request_id::current_request_id;
use crate::login::{Fields, InputField, PendingLogin};
use crate::secrets::Digest;

const STYLE: &str = include_str!("page.css");

/// HTML is escaped in templates whose name ends in `.html`.
static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    for (name, text) in [
        ("layout.html", include_str!("layout.html")),
        ("error.html", include_str!("error.html")),
        ("question.html", include_str!("question.html")),
    ] {
        templates.add_template(name, text).expect("the templates are part of the program and parse");
    }
    templates.add_global("style", STYLE);
    templates
});

/// No `form-action`: browsers apply it to the redirects after a form, and a login redirects to other sites.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let digest = STANDARD.encode(Digest::of(STYLE.as_bytes()).as_bytes());
    let policy = format!("default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; frame-ancestors 'none'");
    HeaderValue::try_from(policy).expect("base64 is ASCII")
});

/// A response with a page of this module. The page's own referrer policy lets its form send an `Origin`.
pub fn html_response(status: StatusCode, html: String) -> Response {
    let response = Response::builder().status(status).content_type("text/html; charset=utf-8");
    response.header(header::CONTENT_SECURITY_POLICY, POLICY.clone()).body(html)
}

/// The error page: what happened and what the user can do; below it, the details for the operator.
pub fn error_page(failure: &Failure) -> Response {
    let Explanation { title, text } = explanation(failure);
    let html = render(
        "error.html",
        context! {
            title,
            text,
            detail => (text != failure.detail).then_some(&failure.detail),
            errors => failure.errors,
            code => failure.code,
            request_id => current_request_id(),
        },
    );
    html_response(failure.status, html)
}

/// The page that asks the questions of a pending login. `base_url`: its host tells the user who asks. `rejected`: the
/// answers that were refused, and why.
pub fn question_page<'a>(
    pending: &'a PendingLogin,
    base_url: &Url,
    rejected: Option<(&'a Fields, &'a Failure)>,
) -> String {
    #[derive(Serialize)]
    struct Question<'a> {
        #[serde(flatten)]
        field: &'a InputField,
        value: &'a str,
        errors: &'a [String],
    }
    let no_errors = BTreeMap::new();
    let errors = rejected.map_or(&no_errors, |(_, failure)| &failure.errors);
    let question = |field: &'a InputField| {
        let answer = rejected.and_then(|(answers, _)| answers.map().get(&field.name).and_then(Value::as_str));
        let errors = errors.get(&field.name).map_or(&[][..], Vec::as_slice);
        Question { field, value: answer.unwrap_or_default(), errors }
    };
    // Errors that belong to no field of the form are shown above it.
    let is_asked = |name: &String| pending.fields.iter().any(|field| field.name == *name);
    let others = errors.iter().filter(|(name, _)| !is_asked(name)).flat_map(|(_, messages)| messages);
    let detail = rejected.map(|(_, failure)| &failure.detail).filter(|_| errors.is_empty());
    render(
        "question.html",
        context! {
            title => "One more step",
            host => &base_url[Position::BeforeHost..Position::AfterPort],
            flow_token => pending.flow_token,
            messages => others.chain(detail).collect::<Vec<_>>(),
            fields => pending.fields.iter().map(question).collect::<Vec<_>>(),
        },
    )
}

fn render(template: &str, values: minijinja::Value) -> String {
    let page = TEMPLATES.get_template(template).and_then(|template| template.render(values));
    page.expect("the templates use nothing that can fail")
}

struct Explanation<'a> {
    title: &'static str,
    text: &'a str,
}

/// Title and text for a user, by the code of the failure. The text of a program's own step or webhook is shown unchanged.
fn explanation(failure: &Failure) -> Explanation<'_> {
    let (title, text) = match &*failure.code {
        "state_mismatch" => (
            "This sign-in is over",
            "It is already finished, or it was started in another browser. Go back to the site that you came from and sign \
             in there again.",
        ),
        "state_expired" | "invalid_code" => (
            "This sign-in has expired",
            "A sign-in must be finished within a few minutes. Go back to the site that you came from and start again.",
        ),
        "flow_mismatch" => (
            "This is another browser",
            "Continue in the browser where you started, with cookies allowed. Or start again in this browser.",
        ),
        "code_already_used" => (
            "This sign-in is already finished",
            "If you are not signed in, go back to the site that you came from and start again.",
        ),
        "access_denied" => ("You are not signed in", "You canceled the sign-in. Nothing has changed."),
        "callback_error" | "provider_error" | "provider_timeout" => (
            "Sign-in failed at the other site",
            "The site that you sign in with did not respond as expected. Wait a moment and try again, or sign in with \
             another account.",
        ),
        "database_unavailable" | "sign_up_unavailable" | "too_many_requests" => {
            ("Temporarily unavailable", "Sign-in is not possible at the moment. Wait a little and try again.")
        }
        "account_in_use" => (
            "This account belongs to another user",
            "It already signs in another user of this site. Sign in with it, or link a different account.",
        ),
        "account_exists" => (
            "You already have a user account",
            "A user with your e-mail address exists here. Sign in as you did before; after that you can link this account.",
        ),
        "user_inactive" => ("You cannot sign in", "Your user account is deactivated. Ask the operator of this site."),
        "sign_up_closed" => ("You cannot sign up", "This site accepts no new users. Ask the operator of this site."),
        "not_allowed" | "organization_not_allowed" => {
            ("You cannot sign in", "This account is not allowed to sign in here. Try another account if you have one.")
        }
        "provider_not_allowed" => {
            ("You cannot sign in this way", "Go back to the site that you came from and choose another way.")
        }
        "token_limit_exceeded" => {
            ("You are signed in on too many devices", "Sign out on a device that you no longer use, then try again.")
        }
        "fresh_login_required"
        | "link_login_required"
        | "not_authenticated"
        | "login_required"
        | "consent_required"
        | "account_selection_required"
        | "interaction_required" => (
            "Sign in again first",
            "Your last sign-in has ended, or it is too old for this. Sign in again, then repeat it.",
        ),
        "not_found" => ("There is no page here", "Check the address, or go back to the site that you came from."),
        "internal_error" => ("Something went wrong", "This is an error of the server. Go back and try again."),
        code if failure.status == StatusCode::FORBIDDEN && code != "csrf_failed" => {
            ("You cannot sign in", failure.detail.as_str())
        }
        _ => (
            "This link does not work",
            "The site that you came from sent an invalid request. Its operator can correct it with the details below.",
        ),
    };
    Explanation { title, text }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn page_of(code: &'static str, status: u16, detail: &str) -> String {
        let status = StatusCode::from_u16(status).expect("a status");
        let page = error_page(&Failure::new(status, code, detail));
        assert_eq!(page.status(), status);
        page.into_body().into_string().await.expect("HTML is text")
    }

    #[tokio::test]
    async fn an_error_page_explains_to_the_user_and_gives_details_to_the_operator() {
        let page = page_of("state_mismatch", 400, "Post the <state>.").await;
        let (for_user, details) = page.split_once("<footer>").expect("details");
        assert!(for_user.contains("<h1>This sign-in is over</h1>") && !for_user.contains("Post the"), "{page}");
        assert!(
            details.contains("Post the &lt;state&gt;.") && details.contains("<code>state_mismatch</code>"),
            "{page}"
        );
        let unknown = page_of("something_new", 400, "A new error.").await;
        assert!(unknown.contains("<h1>This link does not work</h1>") && unknown.contains("something_new"), "{unknown}");
        let csrf = page_of("csrf_failed", 403, "The Origin is not in ALLOWED_ORIGINS.").await;
        assert!(!csrf.contains("<p>The Origin"), "{csrf}");
    }

    #[tokio::test]
    async fn an_error_page_has_the_errors_of_fields() {
        let page = error_page(&Failure::fields([("kind".to_owned(), "Must be one of <these>.".to_owned())]));
        let html = page.into_body().into_string().await.expect("HTML is text");
        assert!(html.contains("<dt>kind</dt><dd>Must be one of &lt;these&gt;.</dd>"), "{html}");
    }

    #[tokio::test]
    async fn the_text_of_a_step_of_the_program_is_shown_once_and_unchanged() {
        let page = page_of("eva_is_banned", 403, "Eva is banned.").await;
        assert!(page.contains("<p>Eva is banned.</p>"), "{page}");
        assert_eq!(page.matches("Eva is banned.").count(), 1);
    }

    #[tokio::test]
    async fn the_content_security_policy_of_a_page_allows_only_its_style() {
        let page = error_page(&Failure::new(StatusCode::BAD_REQUEST, "invalid_request", "Text"));
        let policy = page.headers()[header::CONTENT_SECURITY_POLICY].to_str().expect("ASCII").to_owned();
        let html = page.into_body().into_string().await.expect("HTML is text");
        let style = html.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>")).expect("a style").0;
        let digest = STANDARD.encode(Digest::of(style.as_bytes()).as_bytes());
        assert!(policy.contains(&format!("style-src 'sha256-{digest}'")) && policy.contains("default-src 'none'"));
        assert!(!policy.contains("unsafe"), "{policy}");
    }
}
