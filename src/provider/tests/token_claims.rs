//! Members of ID tokens with values of another type or of another kind than expected.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::super::id_token::check;
use super::super::jws::SignedToken;
use super::id_token::{RS256, expected, good, verdict_of, with};
use super::object;

#[test]
fn with_required_values_the_acr_must_be_one_of_them() {
    static REQUIRED: LazyLock<[String; 2]> = LazyLock::new(|| ["urn:mfa", "urn:hardware"].map(str::to_owned));
    for (acr, is_valid) in [
        (json!("urn:mfa"), true),
        (json!("urn:hardware"), true),
        (json!("urn:pwd"), false),
        (json!("urn:mfa urn:hardware"), false),
        (json!("URN:MFA"), false),
        (json!(["urn:mfa"]), false),
        (json!(""), false),
        (json!(null), false),
        (json!(1), false),
    ] {
        let claims = with("acr", acr.clone());
        let header = json!({"alg": "RS256"});
        assert_eq!(
            verdict_of(&header, &claims, |expected| expected.acr_values = &*REQUIRED).is_ok(),
            is_valid,
            "{acr}"
        );
        assert!(verdict_of(&header, &claims, |_| {}).is_ok(), "{acr} without the setting");
    }
    assert!(verdict_of(&json!({"alg": "RS256"}), &good(), |expected| expected.acr_values = &*REQUIRED).is_err());
}

/// Only a text binds a token to its login or to other tokens.
#[test]
fn a_token_with_an_empty_hash_or_nonce_is_not_bound_as_an_id_token() {
    for name in ["nonce", "at_hash", "c_hash"] {
        for empty in [json!(null), json!(""), json!([]), json!(0), json!(true), json!({"a": 1}), json!(["n"])] {
            for more in [json!({"scope": "openid api"}), json!({"scp": ["api"]}), json!({"client_id": "other"})] {
                let mut claims = good();
                let members = claims.as_object_mut().unwrap();
                members.retain(|name, _| name != "nonce" && name != "at_hash");
                members.extend(object(more.clone()));
                members.insert(name.to_owned(), empty.clone());
                let verdict = verdict_of(&json!({"alg": "RS256"}), &claims, |expected| {
                    expected.nonce = None;
                    expected.access_token = None;
                });
                assert!(verdict.is_err(), "{claims}");
            }
        }
    }
}

/// Integers beyond 64 bits are read as texts, which a subject must be.
#[test]
fn a_number_of_any_size_is_no_subject() {
    let claims = good();
    let with_subject = |subject: &str| claims.to_string().replace(r#""1234""#, subject);
    let of = |claims: &str| {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let text = format!("{}.{}.AAAA", part(r#"{"alg": "RS256"}"#), part(claims));
        let (issuers, audiences) = (["https://idp.example".to_owned()], ["a-key".to_owned()]);
        let token = SignedToken::parse(&text, &[RS256]).unwrap();
        let expected = expected(&issuers, &audiences);
        token.claims().and_then(|claims| check(&token, &claims, &expected))
    };
    for subject in ["7", "-7", "1.5", "1e3", "123456789012345678901234567890", "-123456789012345678901234567890"] {
        assert!(of(&with_subject(subject)).is_err(), "{subject}");
    }
    assert!(of(&with_subject(&"9".repeat(400))).is_err());
    for subject in [r#""1234""#, r#""123456789012345678901234567890""#, r#""1e3""#] {
        of(&with_subject(subject)).unwrap_or_else(|error| panic!("{subject}: {error:?}"));
    }
    // Other claims keep their digits.
    let other = with_subject(r#""1234", "account": 123456789012345678901234567890"#);
    of(&other).unwrap();
}

/// RFC 7515, 4.1.4: a text. Otherwise a token could choose that every key is tried.
#[test]
fn a_kid_that_is_no_text_is_refused() {
    for (kid, is_valid) in
        [(json!("one"), true), (json!(null), true), (json!(5), false), (json!(["one"]), false), (json!({}), false)]
    {
        let header = json!({"alg": "RS256", "kid": kid});
        assert_eq!(verdict_of(&header, &good(), |_| {}).is_ok(), is_valid, "{kid}");
    }
}
