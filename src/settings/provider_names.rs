//! Which entry of the provider catalogue an operator means by a name that is none.

use super::table::{SOCIAL_AUTH, hint, provider_variable};

/// Names of services, and the entry for a new application. Other entries of the service are older, or for special cases.
const SERVICES: [(&str, &str); 24] = [
    ("apple", "apple-id"),
    ("azure", "azuread-v2-tenant-oauth2"),
    ("azuread", "azuread-v2-tenant-oauth2"),
    ("bitbucket", "bitbucket-oauth2"),
    ("dropbox", "dropbox-oauth2"),
    ("entra", "azuread-v2-tenant-oauth2"),
    ("entra-id", "azuread-v2-tenant-oauth2"),
    ("google", "google-oauth2"),
    ("google-oidc", "google-openidconnect"),
    ("linkedin", "linkedin-openidconnect"),
    ("meta", "facebook"),
    ("microsoft", "azuread-v2-tenant-oauth2"),
    ("okta", "okta-openidconnect"),
    ("openid", "oidc"),
    ("openid-connect", "oidc"),
    ("paypal", "paypal-oauth2"),
    ("salesforce", "salesforce-oauth2"),
    ("stackexchange", "stackoverflow"),
    ("vk", "vk-id"),
    ("wechat", "weixin"),
    ("x", "twitter-oauth2"),
    ("yahoo", "yahoo-oauth2"),
    ("yandex", "yandex-oauth2"),
    ("zoom", "zoom-oauth2"),
];
/// Settings by which an unknown name is recognised as one of a provider.
const SETTINGS: [&str; 3] = ["KEY", "SECRET", "SCOPE"];

/// The entry of a service, otherwise the shortest name with the same first word, otherwise a name or a service with a misspelling.
pub fn meant_provider<'a>(name: &str, catalog: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let service = SERVICES.iter().find(|(service, _)| *service == name).map(|(_, entry)| *entry);
    let first_word = |name: &str| name.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
    let max_edits = if name.len() < 5 { 1 } else { 2 };
    let edits = |entry: &&str| strsim::damerau_levenshtein(&name, &entry.to_ascii_lowercase());
    let misspelt =
        || SERVICES.iter().filter(|(service, _)| edits(service) <= max_edits).min_by_key(|one| edits(&one.0));
    catalog
        .clone()
        .find(|entry| Some(*entry) == service)
        .or_else(|| catalog.clone().filter(|entry| first_word(entry) == first_word(&name)).min_by_key(|one| one.len()))
        .or_else(|| catalog.clone().filter(|entry| edits(entry) <= max_edits).min_by_key(edits))
        .or_else(|| misspelt().and_then(|(_, meant)| catalog.clone().find(|entry| entry == meant)))
}

/// The end of an error about an unknown provider.
pub(super) fn provider_hint(name: &str, catalog: &[&str]) -> String {
    hint(meant_provider(name, catalog.iter().copied()))
}

/// A setting of a provider that does not exist.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UnknownProviderSetting {
    /// The variable that is probably meant.
    pub meant: Option<String>,
}

/// `None`: the variable is no setting of a provider.
pub(super) fn unknown_provider_setting(name: &str, catalog: &[&str]) -> Option<UnknownProviderSetting> {
    let short = name.strip_prefix(SOCIAL_AUTH)?;
    let (provider, setting) = SETTINGS.iter().find_map(|setting| {
        let provider = short.strip_suffix(setting)?.strip_suffix('_')?;
        (!provider.is_empty()).then_some((provider, *setting))
    })?;
    let meant = meant_provider(provider, catalog.iter().copied());
    Some(UnknownProviderSetting { meant: meant.map(|entry| provider_variable(entry, setting)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CATALOG: [&str; 13] = [
        "google-oauth",
        "google-oauth2",
        "google-openidconnect",
        "azuread-v2-tenant-oauth2",
        "culture",
        "mineid",
        "linkedin-oauth2",
        "linkedin-openidconnect",
        "okta-openidconnect",
        "qiita",
        "xcs",
        "twitter-oauth2",
        "github",
    ];

    #[test]
    fn fault_e3_a_service_has_its_present_entry() {
        for (name, expected) in [
            ("SOCIAL_AUTH_GOOGLE_KEY", Some("SOCIAL_AUTH_GOOGLE_OAUTH2_KEY")),
            ("SOCIAL_AUTH_AZURE_SECRET", Some("SOCIAL_AUTH_AZUREAD_V2_TENANT_OAUTH2_SECRET")),
            ("SOCIAL_AUTH_MICROSOFT_KEY", Some("SOCIAL_AUTH_AZUREAD_V2_TENANT_OAUTH2_KEY")),
            ("SOCIAL_AUTH_LINKEDIN_KEY", Some("SOCIAL_AUTH_LINKEDIN_OPENIDCONNECT_KEY")),
            ("SOCIAL_AUTH_OKTA_KEY", Some("SOCIAL_AUTH_OKTA_OPENIDCONNECT_KEY")),
            ("SOCIAL_AUTH_X_KEY", Some("SOCIAL_AUTH_TWITTER_OAUTH2_KEY")),
            ("SOCIAL_AUTH_TWITTER_SCOPE", Some("SOCIAL_AUTH_TWITTER_OAUTH2_SCOPE")),
            ("SOCIAL_AUTH_GITHUV_KEY", Some("SOCIAL_AUTH_GITHUB_KEY")),
            ("SOCIAL_AUTH_SOMETHING_KEY", None),
        ] {
            let found = unknown_provider_setting(name, &CATALOG).expect("a setting of a provider");
            assert_eq!(found.meant.as_deref(), expected, "{name}");
        }
        assert_eq!(unknown_provider_setting("SOCIAL_AUTH_PIPELINES", &CATALOG), None);
        assert_eq!(unknown_provider_setting("SOCIAL_AUTH_KEY", &CATALOG), None);
    }
}
