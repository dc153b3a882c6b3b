//! `providers guide`: how to register this server at a provider, with the real redirect URIs and the names of the settings.

use serde_json::json;

use super::failure::Failure;
use super::output::{print_either, safe};
use crate::login;
use crate::provider::{self, Guide, NamedRedirectUri};
use crate::settings::{Settings, provider_variable};

const EXAMPLES: &str = "PUBLIC_URL is not set, so the redirect URIs below are examples. With it, or public_url in the file of --config, they are yours.";

pub(super) fn print_guide(name: &str, as_json: bool, settings: &Settings) -> Result<(), Failure> {
    let guide = find(name, settings)?;
    let has_own = settings.public_url.is_some();
    let redirect_uris = if has_own { own_uris(settings, &guide.provider) } else { example_uris(&guide.provider) };
    let text = guide.render(1, &redirect_uris);
    let value = json!({
        "name": guide.provider,
        "title": guide.title,
        "redirect_uris": redirect_uris.iter().map(|one| &one.uri).collect::<Vec<_>>(),
        "redirect_uris_are_examples": !has_own,
        "settings": guide.values.iter().map(|one| provider_variable(&guide.provider, &one.setting)).collect::<Vec<_>>(),
        "text": text,
    });
    let note = if has_own { String::new() } else { format!("{EXAMPLES}\n\n") };
    print_either(as_json, &value, &format!("{note}{text}"))
}

/// Errors: there is no such provider.
pub(super) fn find(name: &str, settings: &Settings) -> Result<Guide, Failure> {
    let own = settings.providers.iter().find(|own| own.name == name && !own.descriptor.is_empty());
    let guide = match own.filter(|_| !provider::catalog_names().contains(&name)) {
        Some(own) => Guide::of_own_provider(name, &own.descriptor),
        None => Guide::find(name),
    };
    guide.map_err(|problem| Failure::Other(safe(&problem)))
}

/// The redirect URIs of these settings. The provider compares them exactly.
fn own_uris(settings: &Settings, provider: &str) -> Vec<NamedRedirectUri> {
    let own = settings.public_url.as_ref().map(|url| format!("{}/", url.origin().ascii_serialization()));
    let named = |uri: String| {
        let used_by = match &own {
            Some(own) if uri.starts_with(own.as_str()) && uri.ends_with(&callback_path(provider)) => REDIRECT_FLOW,
            Some(own) if uri.starts_with(own.as_str()) => "a page under PUBLIC_URL",
            _ => front_end(provider),
        };
        NamedRedirectUri { uri, used_by }
    };
    login::registered_redirect_uris(settings, provider).into_iter().map(named).collect()
}

const FRONT_END: &str = "your front-end, which posts the code";
const FRONT_END_WITHOUT_SCOPE: &str = "your front-end, which posts the code: only without SCOPE";
const REDIRECT_FLOW: &str = "the redirect flow of the server";

/// A front-end cannot read the callback of a provider that posts it. Apple does so if a login has a scope.
fn front_end(provider: &str) -> &'static str {
    let posts_callback = provider::catalog_entry(provider, None).is_ok_and(|(_, descriptor)| descriptor.form_post);
    if posts_callback { FRONT_END_WITHOUT_SCOPE } else { FRONT_END }
}

fn callback_path(provider: &str) -> String {
    format!("/api/login/social/complete/{provider}/")
}

fn example_uris(provider: &str) -> Vec<NamedRedirectUri> {
    let callback = format!("https://login.example.com{}", callback_path(provider));
    let front_end =
        NamedRedirectUri { uri: "https://app.example.com/callback".to_owned(), used_by: front_end(provider) };
    vec![front_end, NamedRedirectUri { uri: callback, used_by: REDIRECT_FLOW }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Mode, Sources, read_with_errors};

    const BEGIN: &str = "<!-- guides -->\n";
    const END: &str = "<!-- /guides -->";

    fn settings(environment: &[(&str, &str)], defaults: &str) -> Settings {
        let catalog = provider::catalog_names();
        let environment = environment.iter().map(|(name, text)| ((*name).to_owned(), (*text).into())).collect();
        let defaults = defaults.parse().expect("a table");
        read_with_errors(&Sources { mode: Mode::Serve, defaults, environment, catalog: &catalog, ..Sources::default() })
            .0
    }

    /// `make guides` writes the guides of the document; all other text of it is written by hand.
    #[test]
    fn provider_set_up_document_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/PROVIDER_SETUP.md");
        let written = std::fs::read_to_string(path).expect("the document");
        let (before, rest) = written.split_once(BEGIN).expect("the start marker");
        let (_, after) = rest.split_once(END).expect("the end marker");
        let guides: Vec<String> =
            Guide::all().iter().map(|guide| guide.render(2, &example_uris(&guide.provider))).collect();
        let expected = format!("{before}{BEGIN}\n{}\n{END}{after}", guides.join("\n"));
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, &expected).expect("the document can be written");
        } else {
            assert!(written == expected, "docs/PROVIDER_SETUP.md is not up to date: run make guides");
        }
    }

    #[test]
    fn redirect_uris_are_those_of_the_settings() {
        let settings = settings(
            &[("PUBLIC_URL", "https://id.example.org"), ("ALLOWED_REDIRECT_URIS", "https://app.example.org/back")],
            "",
        );
        let uris = own_uris(&settings, "github");
        let uris: Vec<(&str, &str)> = uris.iter().map(|one| (one.uri.as_str(), one.used_by)).collect();
        assert_eq!(
            uris,
            [
                ("https://app.example.org/back", FRONT_END),
                ("https://id.example.org/", "a page under PUBLIC_URL"),
                ("https://id.example.org/api/login/social/complete/github/", REDIRECT_FLOW),
            ]
        );
    }

    #[test]
    fn the_provider_of_a_misspelt_short_name_is_suggested() {
        let problem = |name: &str| match find(name, &settings(&[], "")) {
            Err(Failure::Other(problem)) => problem,
            _ => panic!("{name} has a guide"),
        };
        assert!(problem("microsof").ends_with("; did you mean `azuread-v2-tenant-oauth2`?"), "{}", problem("microsof"));
        assert!(problem("gogle").contains("google"), "{}", problem("gogle"));
        assert!(!problem("no-such-provider").contains("mean"), "{}", problem("no-such-provider"));
    }

    #[test]
    fn a_front_end_gets_the_callback_of_apple_only_without_a_scope() {
        let used_by = |provider| example_uris(provider).into_iter().map(|one| one.used_by).collect::<Vec<_>>();
        assert_eq!(used_by("apple-id"), [FRONT_END_WITHOUT_SCOPE, REDIRECT_FLOW]);
        assert_eq!(used_by("github"), [FRONT_END, REDIRECT_FLOW]);
    }

    #[test]
    fn own_provider_has_a_guide_with_a_table_for_the_file() {
        let settings = settings(&[], "[providers.acme]\nextends = 'oidc'\ntitle = 'Acme'\nkey = 'a'\n");
        let text = find("acme", &settings).map_or_else(|_| panic!("no guide"), |guide| guide.render(1, &[]));
        assert!(text.contains("   [providers.acme]\n   key = \"<client ID>\"\n"), "{text}");
        assert!(text.contains("   oidc_endpoint = \"<oidc endpoint>\"\n"), "{text}");
    }
}
