//! SIMPLE_JWT_*: who has the keys, and what follows from it.

use super::{errors_of, good, serve};
use crate::settings::Settings;

#[test]
fn sec_30_rotation_detects_reuse_unless_blacklisting_is_turned_off() {
    let rotate = ("SIMPLE_JWT_ROTATE_REFRESH_TOKENS", "true");
    let warns = |settings: &Settings| settings.warnings.iter().any(|text| text.contains("BLACKLIST_AFTER_ROTATION"));
    for (written, blacklists, is_warned) in [(&[rotate][..], true, false), (&[][..], false, false)] {
        let settings = good("", written);
        assert_eq!((settings.jwt.blacklist_after_rotation, warns(&settings)), (blacklists, is_warned), "{written:?}");
    }
    for (value, blacklists) in [("true", true), ("false", false)] {
        let settings = good("", &[rotate, ("SIMPLE_JWT_BLACKLIST_AFTER_ROTATION", value)]);
        assert_eq!((settings.jwt.blacklist_after_rotation, warns(&settings)), (blacklists, !blacklists), "{value}");
    }
    let settings = good("", &[("SIMPLE_JWT_BLACKLIST_AFTER_ROTATION", "false")]);
    assert!(!settings.jwt.blacklist_after_rotation && !warns(&settings));
}

#[test]
fn sec29_short_signing_key_is_refused_and_asymmetric_algorithms_have_keys_of_the_server() {
    let errors = errors_of(serve("", &[("SIMPLE_JWT_SIGNING_KEY", "short")]));
    assert_eq!(errors, ["SIMPLE_JWT_SIGNING_KEY: must have at least 32 bytes"]);
    let es256 = ("SIMPLE_JWT_ALGORITHM", "ES256");
    let jwt = good("", &[es256]).jwt;
    assert!(jwt.makes_keys);
    assert_eq!(jwt.issuer_of_own_tokens(), Some("https://login.example.com"));
    assert_eq!(jwt.audience_of_own_tokens(), ["https://login.example.com"]);
    let hs256 = good("", &[]).jwt;
    assert_eq!((hs256.makes_keys, hs256.issuer_of_own_tokens()), (false, None));
    assert!(hs256.audience_of_own_tokens().is_empty());
    assert!(!good("", &[es256, ("SIMPLE_JWT_SIGNING_KEY", "-----BEGIN")]).jwt.makes_keys);
    let errors = errors_of(serve("", &[es256, ("SIMPLE_JWT_SIGNING_KEY_FILE", "/nowhere/key.pem")]));
    assert!(errors.len() == 1 && errors[0].starts_with("SIMPLE_JWT_SIGNING_KEY_FILE: cannot be read"), "{errors:?}");
    let errors = errors_of(serve("", &[es256, ("SIMPLE_JWT_KEY_ROTATION", "3600")]));
    assert_eq!(errors, ["SIMPLE_JWT_KEY_ROTATION: must be 0 or at least SIMPLE_JWT_KEY_PUBLICATION"]);
}

#[test]
fn jwts_name_their_user_by_id_only() {
    for field in ["id", "pk"] {
        good("", &[("SIMPLE_JWT_USER_ID_FIELD", field)]);
    }
    let errors = errors_of(serve("", &[("SIMPLE_JWT_USER_ID_FIELD", "username")]));
    assert!(errors.len() == 1 && errors[0].contains("set a new SIMPLE_JWT_SIGNING_KEY"), "{errors:?}");
}

#[test]
fn audience_may_be_a_list_and_the_issuer_may_not() {
    for written in [r#"["a", "b"]"#, "a, b"] {
        assert_eq!(good("", &[("SIMPLE_JWT_AUDIENCE", written)]).jwt.audience, ["a", "b"]);
    }
    assert_eq!(good("simple_jwt_audience = [\"a\", \"b\"]", &[]).jwt.audience, ["a", "b"]);
    assert_eq!(good("", &[("SIMPLE_JWT_AUDIENCE", "site")]).jwt.audience, ["site"]);
    for (name, written) in
        [("SIMPLE_JWT_AUDIENCE", "('a', 'b')"), ("SIMPLE_JWT_AUDIENCE", r#"[""]"#), ("SIMPLE_JWT_ISSUER", r#"["a"]"#)]
    {
        let errors = errors_of(serve("", &[(name, written)]));
        assert!(errors.len() == 1 && errors[0].starts_with(name), "{errors:?}");
    }
}
