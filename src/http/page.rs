//! What a person at a browser sees of this server: the frame of its pages, and the words for a refusal. No script, nothing
//! from elsewhere; the one style is allowed by its digest.

use std::borrow::Cow;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poem::Response;
use poem::http::{HeaderValue, StatusCode, header};

use super::problem::{Failure, REQUEST_ID};
use crate::secrets::Digest;

const STYLE: &str = include_str!("page.css");

/// No `form-action`: browsers hold the redirects after a form against it, and a login lands elsewhere.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let digest = STANDARD.encode(Digest::of(STYLE.as_bytes()).as_bytes());
    let policy = format!("default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; frame-ancestors 'none'");
    HeaderValue::try_from(policy).expect("base64 is plain ASCII")
});

/// `body`: HTML below the heading. Its own referrer policy lets a form say where it comes from.
pub fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let title = escaped(title);
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><meta name=\"referrer\" content=\"same-origin\">\
         <title>{title}</title><style>{STYLE}</style></head><body><main><h1>{title}</h1>{body}</main></body></html>"
    );
    let response = Response::builder().status(status).content_type("text/html; charset=utf-8");
    response.header(header::CONTENT_SECURITY_POLICY, POLICY.clone()).body(page)
}

/// A problem document for people: what happened and what they can do; what helps a developer in small print.
pub fn refusal(failure: &Failure) -> Response {
    let (title, text) = safe_text(failure);
    let mut details = if text == failure.detail { String::new() } else { format!("{} ", escaped(&failure.detail)) };
    for (name, messages) in &failure.errors {
        details.push_str(&format!("<code>{}</code>: {} ", escaped(name), escaped(&messages.join(" "))));
    }
    let request_id = REQUEST_ID.try_with(Clone::clone).unwrap_or_default();
    let body = format!(
        "<p>{}</p><p class=\"fine\">For whoever runs the site: {details}Code <code>{}</code>, request <code>{}</code>.</p>",
        escaped(&text),
        escaped(&failure.code),
        escaped(&request_id)
    );
    page(failure.status, title, &body)
}

/// Heading and text by code. What the operator's own steps and software say is said to the person as it is.
fn safe_text(failure: &Failure) -> (&'static str, Cow<'_, str>) {
    let (title, text) = match &*failure.code {
        "state_mismatch" => (
            "This sign-in is over",
            "It was finished already, or it never began in this browser. Go back to the site that you came from and sign \
             in there once more.",
        ),
        "state_expired" | "invalid_code" => (
            "This took too long",
            "A sign-in has to be finished within a few minutes. Go back to the site that you came from and begin again.",
        ),
        "flow_mismatch" => (
            "This is another browser",
            "A sign-in has to end in the browser where it began, with cookies allowed. Go back there, or begin again here.",
        ),
        "code_already_used" => (
            "This sign-in is done",
            "It went through before. If you are not signed in, go back to the site that you came from and begin again.",
        ),
        "access_denied" => ("You were not signed in", "You said no, and nothing has changed."),
        "callback_error" | "provider_error" | "provider_timeout" => (
            "The other site does not let you through",
            "The site that you sign in with did not answer as it should. Wait a moment and try again, or sign in in another \
             way.",
        ),
        "database_unavailable" | "sign_up_unavailable" | "too_many_requests" => {
            ("Not just now", "Nobody can be signed in at the moment. Wait a little and try again.")
        }
        "account_in_use" => (
            "This account is taken",
            "It already signs in somebody else here. Sign in with it, or link another account.",
        ),
        "account_exists" => (
            "You have been here before",
            "Somebody with your e-mail address is known here. Sign in as you did then; after that you can link this account.",
        ),
        "user_inactive" => ("You cannot sign in", "Your user is switched off. Ask whoever runs the site."),
        "sign_up_closed" => ("You cannot sign in", "Only people who are known here may. Ask whoever runs the site."),
        "not_allowed" | "organization_not_allowed" => {
            ("You cannot sign in", "This account is not one of those that may. Perhaps you have another one.")
        }
        "provider_not_allowed" => ("You cannot sign in this way", "Go back and choose another one."),
        "token_limit_exceeded" => {
            ("You are signed in too often", "Sign out on a device that you do not use any more, then try again.")
        }
        "fresh_login_required" | "not_authenticated" => (
            "Sign in again first",
            "Your last sign-in is over, or too long ago for this. Sign in once more, then repeat it.",
        ),
        "internal_error" => ("Something went wrong", "It is no fault of yours. Go back and try again."),
        code if failure.status == StatusCode::FORBIDDEN && code != "csrf_failed" => {
            return ("You cannot sign in", failure.detail.as_str().into());
        }
        _ => (
            "This link does not work",
            "The site that sent you here made a mistake, and whoever runs it can mend that with what is written below.",
        ),
    };
    (title, text.into())
}

/// For a text or a quoted attribute of HTML.
pub fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn shown(code: &'static str, status: u16, detail: &str) -> String {
        let status = StatusCode::from_u16(status).expect("a status");
        let page = refusal(&Failure::new(status, code, detail));
        assert_eq!(page.status(), status);
        page.into_body().into_string().await.expect("HTML is text")
    }

    #[tokio::test]
    async fn a_person_is_told_in_words_for_people_and_a_developer_in_small_print() {
        let page = shown("state_mismatch", 400, "Post the <state>.").await;
        let (for_people, fine) = page.split_once("class=\"fine\"").expect("small print");
        assert!(for_people.contains("<h1>This sign-in is over</h1>") && !for_people.contains("Post the"), "{page}");
        assert!(fine.contains("Post the &lt;state&gt;. Code <code>state_mismatch</code>"), "{page}");
        let odd = shown("something_new", 400, "As yet unheard of.").await;
        assert!(odd.contains("<h1>This link does not work</h1>") && odd.contains("something_new"), "{odd}");
        let elsewhere = shown("csrf_failed", 403, "This Origin is not in ALLOWED_ORIGINS.").await;
        assert!(!elsewhere.contains("<p>This Origin"), "{elsewhere}");
    }

    #[tokio::test]
    async fn what_the_operators_own_step_says_is_said_as_it_is_and_once() {
        let page = shown("eva_is_banned", 403, "Eva knows why.").await;
        assert!(page.contains("<p>Eva knows why.</p>"), "{page}");
        assert_eq!(page.matches("Eva knows why.").count(), 1);
    }

    #[tokio::test]
    async fn the_policy_of_a_page_allows_its_style_and_nothing_else() {
        let page = page(StatusCode::OK, "Title & more", "<p>Text</p>");
        let policy = page.headers()[header::CONTENT_SECURITY_POLICY].to_str().expect("plain ASCII").to_owned();
        let html = page.into_body().into_string().await.expect("HTML is text");
        assert!(html.contains("<title>Title &amp; more</title>") && html.contains("<h1>Title &amp; more</h1>"));
        let style = html.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>")).expect("a style").0;
        let digest = STANDARD.encode(Digest::of(style.as_bytes()).as_bytes());
        assert!(policy.contains(&format!("style-src 'sha256-{digest}'")) && policy.contains("default-src 'none'"));
        assert!(!policy.contains("unsafe"), "{policy}");
    }
}
