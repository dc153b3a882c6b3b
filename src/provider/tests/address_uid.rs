//! E-mail addresses: as the uid (ID_KEY), and whether the answers report one.

use serde_json::{Value, json};

use super::super::{Provider, ProviderError};
use super::mapping::mapped_with;
use super::{key, object, provider, settings, try_provider};
use crate::model::Identity;

const CEO: &str = "ceo@corp.example";

fn by_address(name: &str, more: Value) -> Provider {
    let mut values =
        object(json!({"KEY": "k", "SECRET": "s", "ID_KEY": "email", "OIDC_ENDPOINT": "https://id.example",
        "API_URL": "https://o.example/oauth2", "DOMAIN": "t.auth0.example"}));
    values.extend(object(more));
    provider(&settings(name, Value::Object(values)))
}

fn mapped(provider: &Provider, profile: Value) -> Result<Identity, ProviderError> {
    let mut profile = object(profile);
    profile.insert("sub".to_owned(), json!("1"));
    profile.insert("id".to_owned(), json!("1"));
    let profile = Value::Object(profile);
    let bodies = json!([profile, [{"email": profile["email"], "primary": true, "verified": profile["verified"]}]]);
    let bodies = if provider.name() == "github" { bodies } else { json!([profile]) };
    mapped_with(provider, json!({}), json!({"access_token": "at"}), Some(profile), bodies)
}

#[test]
fn fault_a6_an_unverified_address_is_no_uid() {
    for (name, flag, verified) in [
        ("oidc", "email_verified", json!({"email_verified": true})),
        ("okta-oauth2", "email_verified", json!({"email_verified": true})),
        ("auth0", "email_verified", json!({"email_verified": true})),
        ("google-oauth2", "email_verified", json!({"email_verified": true, "hd": "corp.example"})),
        ("discord", "verified", json!({"verified": true})),
        ("github", "verified", json!({"verified": true})),
    ] {
        let by_address = by_address(name, json!({}));
        let with = |more: &Value, email: &str| {
            let mut profile = object(verified.clone());
            profile.extend(object(json!({ "email": email })));
            profile.extend(object(more.clone()));
            mapped(&by_address, Value::Object(profile))
        };
        assert_eq!(with(&json!({}), CEO).expect(name).uid, CEO);
        for unverified in [json!(false), json!(null), json!("false"), json!(0)] {
            let refused = with(&json!({ flag: unverified }), CEO);
            assert!(matches!(refused, Err(ProviderError::NotAllowed { .. })), "{name}: {unverified}: {refused:?}");
        }
        for other in ["eve@evil.example@corp.example", "ceo", "\"ceo\"@corp.example"] {
            assert!(with(&json!({}), other).is_err(), "{name}: {other}");
        }
    }
}

/// Google does not keep an address of an organization that it does not know.
#[test]
fn fault_a6_an_address_that_google_does_not_keep_is_no_uid() {
    let google = by_address("google-oauth2", json!({}));
    let refused = mapped(&google, json!({"email": CEO, "email_verified": true}));
    assert!(matches!(refused, Err(ProviderError::NotAllowed { .. })), "{refused:?}");
}

/// The flag is about the address beside it.
#[test]
fn fault_a6_another_verified_address_is_no_uid() {
    let by_mail = by_address("oidc", json!({"ID_KEY": "mail"}));
    let of = |mail: &str| mapped(&by_mail, json!({"mail": mail, "email": "eve@evil.example", "email_verified": true}));
    assert!(matches!(of(CEO), Err(ProviderError::NotAllowed { .. })));
    assert_eq!(of("Eve@evil.example").expect("the verified address").uid, "eve@evil.example");
    // The member need not be called an address.
    let contact = by_address("oidc", json!({"ID_KEY": "contact", "EMAIL_KEY": "contact"}));
    assert!(mapped(&contact, json!({"contact": CEO, "email": "eve@evil.example", "email_verified": true})).is_err());
    let both = json!({"contact": CEO, "email": CEO, "email_verified": true});
    assert_eq!(mapped(&contact, both).expect("a verified address").uid, CEO);
}

#[test]
fn fault_a12_the_uid_is_the_normal_form_of_the_address() {
    let oidc = by_address("oidc", json!({}));
    for (sent, normal) in [
        (CEO, CEO),
        ("CEO@Corp.Example", CEO),
        (" ceo@corp.example ", CEO),
        ("ceo@corp.example.", CEO),
        ("ceo@MÜLLER.example", "ceo@xn--mller-kva.example"),
    ] {
        let made = mapped(&oidc, json!({"email": sent, "email_verified": true})).expect(sent);
        assert_eq!(made.uid, normal, "{sent}");
        assert!(made.has_uid(normal) && made.has_uid(sent) && made.has_uid(&sent.to_uppercase()), "{sent}");
        assert!(!made.has_uid("coo@corp.example") && !made.has_uid(""));
    }
    // Only an address has spellings.
    let by_sub = provider(&settings("oidc", json!({"KEY": "k", "OIDC_ENDPOINT": "https://id.example"})));
    let claims = json!({"sub": "Ada@corp.example", "email": CEO});
    let made = mapped_with(&by_sub, json!({}), json!({}), Some(claims), json!([null])).expect("an identity");
    assert!(made.uid == "Ada@corp.example" && !made.has_uid("ada@corp.example"));
}

#[test]
fn a_provider_that_verifies_no_address_needs_a_setting_for_addresses_as_the_uid() {
    const UNVERIFIED: &str = "_ID_KEY_ACCEPTS_UNVERIFIED_EMAIL";
    let started = |name: &str, more: Value| {
        let mut values = object(json!({"KEY": "k", "SECRET": "s", "ID_KEY": "email"}));
        values.extend(object(more));
        try_provider(&settings(name, Value::Object(values)))
    };
    let gitlab = |host: &str| json!({"API_URL": format!("https://{host}")});
    for (name, values) in [
        ("facebook", json!({})),
        ("facebook-limited-login", json!({})),
        ("vk-oauth2", json!({})),
        ("yandex-oauth2", json!({})),
        ("gitlab", gitlab("gitlab.example")),
    ] {
        let errors = started(name, values.clone()).err().unwrap_or_default();
        let is_named = errors.iter().any(|error| error.name.ends_with("_ID_KEY") && error.problem.contains(UNVERIFIED));
        assert!(is_named, "{name}: {errors:?}");
        let mut accepting = object(values);
        accepting.insert("ID_KEY_ACCEPTS_UNVERIFIED_EMAIL".to_owned(), json!(true));
        let (_, warnings) = started(name, Value::Object(accepting)).expect(name);
        assert!(warnings.iter().any(|text| text.contains(UNVERIFIED) && text.contains("signs in as")), "{warnings:?}");
    }
    let oidc = json!({"OIDC_ENDPOINT": "https://id.example"});
    assert!(started("oidc", oidc).is_ok() && started("discord", json!({})).is_ok());
    assert!(started("gitlab", json!({})).is_ok() && started("gitlab", gitlab("gitlab.com/")).is_ok());
    // It signs no user in.
    assert!(started("drip", json!({})).is_ok());
    let accepts = by_address("oidc", json!({"ID_KEY_ACCEPTS_UNVERIFIED_EMAIL": true}));
    assert_eq!(mapped(&accepts, json!({"email": "CEO@corp.example"})).expect("accepted").uid, CEO);
    assert_eq!(mapped(&accepts, json!({"email": "no address"})).expect("accepted").uid, "no address");
}

#[test]
fn accepting_unverified_addresses_without_an_address_as_the_uid_warns() {
    let warns = |more: Value| {
        let mut values = object(json!({"KEY": "k", "SECRET": "s", "ID_KEY_ACCEPTS_UNVERIFIED_EMAIL": true}));
        values.extend(object(more));
        let (_, warnings) = try_provider(&settings("discord", Value::Object(values))).expect("a provider");
        warnings.iter().any(|text| text.contains("_ID_KEY_ACCEPTS_UNVERIFIED_EMAIL: has no effect"))
    };
    assert!(warns(json!({})) && warns(json!({"ID_KEY": "id"})));
    assert!(!warns(json!({"ID_KEY": "email"})) && !warns(json!({"ID_KEY_ACCEPTS_UNVERIFIED_EMAIL": false})));
    // A setting for all providers may be for another one.
    let mut shared = settings("discord", json!({"KEY": "k", "SECRET": "s"}));
    shared.shared.insert("ID_KEY_ACCEPTS_UNVERIFIED_EMAIL".to_owned(), json!(true));
    let (_, warnings) = try_provider(&shared).expect("a provider");
    assert!(!warnings.iter().any(|text| text.contains("has no effect")), "{warnings:?}");
}

/// A request that the settings leave out makes no answer incomplete.
#[test]
fn sec_23_the_answers_report_an_address_or_its_verification() {
    let gitlab = provider(&key("gitlab"));
    let oidc = provider(&settings("oidc", json!({"KEY": "k", "SECRET": "s", "OIDC_ENDPOINT": "https://op.example"})));
    for (provider, body, reports) in [
        (&gitlab, json!({"id": 1, "username": "a", "email": "a@b.example"}), true),
        (&gitlab, json!({"id": 1, "username": "a", "confirmed_at": "2020-01-01"}), true),
        (&gitlab, json!({"id": 1, "username": "a", "email": null}), false),
        (&oidc, json!({"sub": "1", "email": "a@b.example"}), true),
        (&oidc, json!({"sub": "1", "email_verified": false}), true),
        (&oidc, json!({"sub": "1", "email": null}), false),
    ] {
        let claims = body.get("sub").is_some().then(|| body.clone());
        let bodies = if claims.is_some() { json!([null]) } else { json!([body, null]) };
        let token = json!({"access_token": "at", "token_type": "bearer"});
        let identity = mapped_with(provider, json!({}), token, claims, bodies).expect("an identity");
        assert_eq!(identity.reports_email, reports, "{body}");
    }
}
