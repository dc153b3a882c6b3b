//! The pages of the simulated providers: consent, refusal, and the form that Apple's response mode needs. They have the design of this
//! server, not that of a provider.

use std::sync::LazyLock;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::context;
use poem::Response;
use poem::http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::logins::Login;
use super::params::Params;
use super::personas::Outcome;
use super::provider::origin_of;
use super::state::SimulatorState;
use crate::http::{Language, Pages, Texts};
use crate::settings::SiteRules;

/// Sends the only form of a page.
const SUBMIT: &str = "document.forms[0].submit();";

static PAGES: LazyLock<Pages> = LazyLock::new(|| {
    let templates = [
        ("simulated.html", include_str!("pages/simulated.html")),
        ("form_post.html", include_str!("pages/form_post.html")),
        ("message.html", include_str!("pages/message.html")),
    ];
    let style = concat!(include_str!("pages/demo.css"), include_str!("pages/simulated.css"));
    Pages::with_templates(&SiteRules::with_name("Provider simulator"), &templates, style)
});

/// The page on which a user and a behaviour are chosen. `problem`: what was chosen in advance and does not exist.
pub fn consent(
    simulator: &SimulatorState,
    login: &Login,
    params: &Params,
    problem: Option<&str>,
    language: Language,
) -> Response {
    let texts = Texts::of(language);
    let users: Vec<Value> = simulator
        .personas
        .personas
        .iter()
        .enumerate()
        .map(|(place, persona)| {
            json!({
                "login": persona.login,
                "name": persona.name(),
                "initials": persona.initials(),
                "about": texts.built_in(&persona.about),
                "tone": place % 4,
            })
        })
        .collect();
    let behaviours = simulator.personas.behaviours.iter();
    let behaviours: Vec<Value> = behaviours
        .map(|one| {
            json!({"name": one.name, "title": texts.built_in(&one.title), "denies": one.outcome == Outcome::Denied})
        })
        .collect();
    let page = context! {
        title => title(texts, login.provider.title()),
        provider => login.provider.title(),
        origin => origin_of(&login.redirect_uri),
        consent_id => login.id,
        users,
        behaviours,
        problem,
        parameters => params.pairs(),
    };
    html(StatusCode::OK, language, "simulated.html", page)
}

fn title(texts: &Texts, provider: &str) -> String {
    texts.filled(&["simulated", "title"], &[("provider", provider)])
}

/// An error page, for an error that cannot be sent to a redirect URI. What the developer of the client did wrong is in English.
pub fn refusal(english: &str, language: Language) -> Response {
    html(StatusCode::BAD_REQUEST, language, "message.html", refusal_values(english, language))
}

/// The values of `message.html`.
pub fn refusal_values(english: &str, language: Language) -> minijinja::Value {
    let texts = Texts::of(language);
    let text = texts.built_in(english);
    context! { title => texts.get(&["simulated", "refused"]), is_english => text == english, text }
}

/// A page that posts the parameters to the redirect URI (OAuth 2.0 Form Post Response Mode).
pub fn form_post(redirect_uri: &str, provider: &str, pairs: &[(String, String)], language: Language) -> Response {
    let title = title(Texts::of(language), provider);
    let page = context! { title, redirect_uri, origin => origin_of(redirect_uri), pairs, submit => SUBMIT };
    let mut response = html(StatusCode::OK, language, "form_post.html", page);
    let hash = STANDARD.encode(digest::digest(&digest::SHA256, SUBMIT.as_bytes()));
    let policy = response.headers().get(header::CONTENT_SECURITY_POLICY).and_then(|value| value.to_str().ok());
    let policy = format!("{}; script-src 'sha256-{hash}'", policy.unwrap_or("default-src 'none'"));
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Redirects with status 303, so that the browser sends a GET (RFC 9700, section 4.12).
pub fn see_other(location: &str) -> Response {
    Response::builder().status(StatusCode::SEE_OTHER).header(header::LOCATION, location).finish()
}

fn html(status: StatusCode, language: Language, name: &str, values: minijinja::Value) -> Response {
    PAGES.response(status, PAGES.render(name, language, values))
}

#[cfg(test)]
mod tests {
    use super::super::personas::Personas;
    use super::*;

    #[test]
    fn built_in_users_and_behaviours_are_translated() {
        let all = Personas::built_in();
        let abouts = all.personas.iter().map(|persona| persona.about.as_str());
        let shown =
            abouts.filter(|about| about.contains(' ')).chain(all.behaviours.iter().map(|one| one.title.as_str()));
        for text in shown {
            for language in [Language::German, Language::Spanish] {
                assert_ne!(Texts::of(language).built_in(text), text, "{language:?}");
            }
        }
    }
}
