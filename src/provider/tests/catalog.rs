//! The descriptors that come with the program.

use toml::Table;

use super::super::catalog::{catalog_entries, entry_of, read};
use super::super::request_rules::ClientAuth;

#[test]
fn every_descriptor_is_valid() {
    for entry in catalog_entries() {
        let descriptor = read(Some(entry.id), &Table::new()).unwrap_or_else(|error| panic!("{}: {error}", entry.id));
        assert!(!descriptor.title.is_empty(), "{} has no title", entry.id);
    }
}

#[test]
fn a_name_has_one_default_entry() {
    for entry in catalog_entries() {
        let current = catalog_entries().filter(|other| other.name == entry.name && !other.variant_only).count();
        assert_eq!(current, 1, "{}", entry.name);
        assert!(
            entry.name == entry.id || catalog_entries().all(|other| other.id != entry.name || other.name == entry.name)
        );
    }
}

/// Several backends of social-core have the same name: the current one is the default, VARIANT selects the others by ID.
#[test]
fn variants_have_the_backend_names_of_social_core() {
    for (name, current, former) in [
        ("fitbit", "fitbit-oauth2", &["fitbit-oauth1"][..]),
        ("helmholtz", "helmholtz", &["nfdi-base", "nfdi-helmholtz"]),
        ("orcid", "orcid", &["orcid-member"]),
        ("orcid-sandbox", "orcid-sandbox", &["orcid-member-sandbox"]),
        ("twitch", "twitch-openidconnect", &["twitch-oauth2"]),
    ] {
        let id = |variant| entry_of(name, variant).expect("it is in the catalogue").map(|entry| entry.id);
        assert_eq!(id(None), Some(current));
        for variant in former.iter().chain([&current]) {
            assert_eq!(id(Some(variant)), Some(*variant));
        }
        let ids = catalog_entries().filter(|entry| entry.name == name).count();
        assert_eq!(ids, former.len() + 1, "{name}");
    }
}

#[test]
fn every_reason_is_a_sentence() {
    for entry in catalog_entries() {
        let descriptor = read(Some(entry.id), &Table::new()).expect("it can be read");
        for rule in descriptor.checks.iter().chain(&descriptor.admission) {
            let is_sentence = rule.reason.ends_with('.') && rule.reason.contains(' ') && !rule.reason.contains('_');
            assert!(is_sentence, "{}: {}", entry.id, rule.reason);
        }
    }
}

/// Its fields may be valid for years, but a code is remembered for ten minutes.
#[test]
fn a_callback_with_a_token_instead_of_a_code_says_what_may_be_used_once() {
    for entry in catalog_entries() {
        let descriptor = read(Some(entry.id), &Table::new()).expect("it can be read");
        let says = descriptor.single_use.is_some();
        assert!(says || descriptor.token.auth != ClientAuth::None, "{} needs [single_use]", entry.id);
        // Otherwise the caller could set `expires_in`, by which the length of a session is chosen.
        let chooses = descriptor.token.root.is_some() || descriptor.token.auth != ClientAuth::None;
        assert!(chooses, "{} needs token.root, which leaves only verified members", entry.id);
    }
}

/// A refresh has no callback, so the tokens must be stored with what the URL needs.
#[test]
fn a_token_endpoint_that_the_callback_selects_is_kept_for_the_refresh() {
    for entry in catalog_entries() {
        let descriptor = read(Some(entry.id), &Table::new()).expect("it can be read");
        let url = descriptor.refresh.url.as_ref().unwrap_or(&descriptor.token.url);
        let reads_callback = !url.reads_only(|root| root != "callback");
        assert!(!reads_callback || !descriptor.refresh.needs.is_empty(), "{} needs refresh.needs", entry.id);
    }
}

#[test]
fn a_descriptor_inherits_from_its_parent() {
    let child = read(Some("github-enterprise"), &Table::new()).expect("it is in the catalogue");
    assert_eq!(child.token.url.source(), "{URL}/login/oauth/access_token");
    assert_eq!(
        (child.user.username.as_ref().map(|rule| rule.source()), child.scope.separator.as_str()),
        (Some("profile.login"), ",")
    );
    assert_eq!(child.userinfo.len(), 2);
}

#[test]
fn errors_name_the_field() {
    let own = |text: &str| read(None, &text.parse::<Table>().expect("the test writes TOML")).unwrap_err();
    assert!(own("[token]\nurll = 'x'").contains("urll"), "{}", own("[token]\nurll = 'x'"));
    assert!(own("[user]\nemail = 'profile.'").contains("column"), "{}", own("[user]\nemail = 'profile.'"));
    assert!(own("[user]\nemail = 'person.mail'").contains("person"));
    assert!(own("extends = 'githb'").contains("did you mean `github`?"));
}

/// The API that replaced the one of the name: asked for by VARIANT, so that rows, settings and requests of the name stay.
#[test]
fn fault_c10_variants_use_the_current_apis() {
    for (name, variant, token_url) in [
        ("battlenet-oauth2", "battlenet-oauth2-global", "https://oauth.battle.net/token"),
        ("hubspot", "hubspot-2026-03", "https://api.hubapi.com/oauth/2026-03/token"),
        ("pinterest", "pinterest-v5", "https://api.pinterest.com/v5/oauth/token"),
    ] {
        let id = |variant| entry_of(name, variant).expect("it is in the catalogue").map(|entry| entry.id);
        assert_eq!((id(None), id(Some(variant))), (Some(name), Some(variant)));
        let of = |id: &str| read(Some(id), &Table::new()).expect("it can be read");
        let (current, next) = (of(name), of(variant));
        assert_eq!(next.token.url.source(), token_url);
        assert_ne!(current.token.url.source(), token_url);
        assert_eq!(current.uid.key, next.uid.key, "{name}: accounts must stay the same");
        assert!(current.service.is_some_and(|service| service.contains(variant)), "{name}");
    }
}
