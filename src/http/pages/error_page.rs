//! The error page: what happened and what the user can do; below it, the details for the operator.

use minijinja::context;
use poem::Response;
use poem::http::StatusCode;

use super::Pages;
use super::texts::{Texts, fill};
use crate::http::protocol::{Failure, Language, current_request_id};

/// A response with the page, and with the headers that tell when to try again.
pub fn error_page(pages: &Pages, language: Language, failure: &Failure) -> Response {
    let (texts, name) = (Texts::of(language), explanation(failure));
    let text = |part| fill(texts.get(&["problems", name, part]), &[("reason", &failure.detail)]);
    let (title, text) = (text("title"), text("text"));
    let values = context! {
        detail => (text != failure.detail).then_some(&failure.detail),
        title,
        text,
        errors => failure.errors,
        code => failure.code,
        request_id => current_request_id(),
    };
    let mut response = pages.response(failure.status, pages.render("error.html", language, values));
    failure.add_retry_fields(&mut response);
    response
}

/// The texts for a user, in `problems` of `texts/`, by the code of the failure.
fn explanation(failure: &Failure) -> &'static str {
    match &*failure.code {
        "state_mismatch" => "sign_in_over",
        "state_expired" | "invalid_code" => "sign_in_expired",
        "flow_mismatch" => "other_browser",
        "code_already_used" => "sign_in_finished",
        "access_denied" => "access_denied",
        "callback_error" | "provider_error" | "provider_timeout" => "provider_failed",
        "database_unavailable" | "sign_up_unavailable" | "too_many_requests" => "unavailable",
        "account_in_use" => "account_in_use",
        "account_exists" => "account_exists",
        "user_inactive" => "user_inactive",
        "sign_up_closed" => "sign_up_closed",
        "not_allowed" | "organization_not_allowed" => "not_allowed",
        "provider_not_allowed" => "provider_not_allowed",
        "token_limit_exceeded" => "token_limit_exceeded",
        "fresh_login_required"
        | "link_login_required"
        | "not_authenticated"
        | "login_required"
        | "consent_required"
        | "account_selection_required"
        | "interaction_required" => "sign_in_again",
        "internal_error" => "internal_error",
        "not_found" => "page_not_found",
        // The text of a program's own step or webhook is shown unchanged.
        code if failure.status == StatusCode::FORBIDDEN && code != "csrf_failed" => "refused",
        _ => "invalid_link",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::SiteRules;

    async fn page_of_failure(language: Language, failure: &Failure) -> String {
        let page = error_page(&Pages::new(&SiteRules::with_name("Acme")), language, failure);
        assert_eq!(page.status(), failure.status);
        page.into_body().into_string().await.expect("HTML is text")
    }

    async fn page_of(code: &'static str, status: u16, detail: &str) -> String {
        let status = StatusCode::from_u16(status).expect("a status");
        page_of_failure(Language::English, &Failure::new(status, code, detail)).await
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
    async fn an_error_page_of_dev_leads_to_its_start_page() {
        for has_dev_start in [true, false] {
            let pages = Pages::new(&SiteRules { has_dev_start, ..SiteRules::with_name("Acme") });
            let page = error_page(&pages, Language::Spanish, &Failure::bad("state_mismatch", "Detail."));
            let html = page.into_body().into_string().await.expect("HTML is text");
            assert_eq!(html.contains(r#"<a href="/">Página de inicio del servidor de desarrollo</a>"#), has_dev_start);
        }
    }

    #[tokio::test]
    async fn every_explanation_exists_in_every_language() {
        let codes = include_str!("error_page.rs").split_once("match &*failure.code").expect("the match").1;
        let codes = codes.split_once("code if").expect("the end").0.split('"').skip(1).step_by(2);
        let codes: Vec<&'static str> = codes.collect();
        assert!(codes.len() > 30, "{codes:?}");
        for language in Language::ALL {
            for code in codes.iter().chain(&["something_new"]) {
                let page = page_of_failure(language, &Failure::bad(code, "Detail.")).await;
                assert!(page.contains(&format!(r#"<html lang="{}">"#, language.tag())), "{code}: {page}");
                assert!(page.contains("Detail.") && !page.contains("{reason}"), "{code}: {page}");
            }
        }
    }

    #[tokio::test]
    async fn an_error_page_has_the_errors_of_fields() {
        let failure = Failure::fields([("kind".to_owned(), "Must be one of <these>.".to_owned())]);
        let html = page_of_failure(Language::German, &failure).await;
        assert!(html.contains("<dt>kind</dt><dd lang=\"en\">Must be one of &lt;these&gt;.</dd>"), "{html}");
    }

    #[tokio::test]
    async fn the_text_of_a_step_of_the_program_is_shown_once_and_unchanged() {
        let page = page_of("eva_is_banned", 403, "Eva is banned.").await;
        assert!(page.contains("<p>Eva is banned.</p>"), "{page}");
        assert_eq!(page.matches("Eva is banned.").count(), 1);
    }
}
