//! SIMPLE_JWT_*: who has the keys, and what follows from it.

use super::{errors_of, good, serve};

#[test]
fn sec29_short_signing_key_is_refused_and_asymmetric_algorithms_have_keys_of_the_server() {
    let errors = errors_of(serve("", &[("SIMPLE_JWT_SIGNING_KEY", "short")]));
    assert_eq!(errors, ["SIMPLE_JWT_SIGNING_KEY: must have at least 32 bytes"]);
    let es256 = ("SIMPLE_JWT_ALGORITHM", "ES256");
    let jwt = good("", &[es256]).jwt;
    assert!(jwt.makes_keys);
    assert_eq!(jwt.issuer_of_own_tokens(), Some("https://login.example.com"));
    assert_eq!(jwt.audience_of_own_tokens(), Some("https://login.example.com"));
    let hs256 = good("", &[]).jwt;
    assert_eq!((hs256.makes_keys, hs256.issuer_of_own_tokens(), hs256.audience_of_own_tokens()), (false, None, None));
    assert!(!good("", &[es256, ("SIMPLE_JWT_SIGNING_KEY", "-----BEGIN")]).jwt.makes_keys);
    let errors = errors_of(serve("", &[es256, ("SIMPLE_JWT_SIGNING_KEY_FILE", "/nowhere/key.pem")]));
    assert!(errors.len() == 1 && errors[0].starts_with("SIMPLE_JWT_SIGNING_KEY_FILE: cannot be read"), "{errors:?}");
    let errors = errors_of(serve("", &[es256, ("SIMPLE_JWT_KEY_ROTATION", "3600")]));
    assert_eq!(errors, ["SIMPLE_JWT_KEY_ROTATION: must be 0 or at least SIMPLE_JWT_KEY_PUBLICATION"]);
}
