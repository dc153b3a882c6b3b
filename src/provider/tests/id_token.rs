//! SEC-17 to SEC-19: one fault each, and the keys.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::super::ProviderError;
use super::super::documents::{Discovery, keys};
use super::super::id_token::{Expected, access_token_hash, candidates, check, head, shared_claims, signed_claims};
use super::object;
use crate::secrets::SecretString;

const NOW: i64 = 1_800_000_000;

fn rsa() -> (EncodingKey, Value) {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let pkcs8 = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
    let pem = pem_of(pkcs8.as_ref());
    let key = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
    let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&key, Algorithm::RS256).unwrap()).unwrap();
    jwk["kid"] = json!("one");
    jwk["use"] = json!("sig");
    (key, jwk)
}

fn pem_of(der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
}

fn good() -> Value {
    json!({
        "iss": "https://idp.example", "aud": "a-key", "sub": "1234", "exp": NOW + 300, "iat": NOW - 5, "nonce": "n",
        "at_hash": access_token_hash("token", Algorithm::RS256),
    })
}

fn verdict(claims: &Value) -> Result<(), ProviderError> {
    let (issuers, audiences) = (["https://idp.example".to_owned()], ["a-key".to_owned()]);
    let expected = Expected {
        issuers: Some(&issuers),
        audiences: &audiences,
        client_id: "a-key",
        nonce: Some("n"),
        access_token: Some("token"),
        hashed_by: Algorithm::RS256,
        now: NOW,
        leeway: 1,
        times: true,
        max_age: 600,
    };
    check(&object(claims.clone()), &expected).map(drop)
}

#[test]
fn sec_17_a_good_token_passes_and_one_with_any_fault_does_not() {
    verdict(&good()).unwrap();
    let with = |name: &str, value: Value| {
        let mut claims = good();
        claims[name] = value;
        claims
    };
    let without = |name: &str| {
        let mut claims = good();
        claims.as_object_mut().unwrap().remove(name);
        claims
    };
    let mut several = with("aud", json!(["a-key", "other"]));
    assert!(verdict(&several).is_err(), "several audiences without azp");
    several["azp"] = json!("a-key");
    verdict(&several).unwrap();
    for fault in [
        without("iss"),
        with("iss", json!("https://idp.example/")),
        without("aud"),
        with("aud", json!("other")),
        with("aud", json!([])),
        with("azp", json!("other")),
        without("exp"),
        with("exp", json!(NOW - 1)),
        with("exp", json!("soon")),
        with("nbf", json!(NOW + 2)),
        without("iat"),
        with("iat", json!(NOW + 2)),
        with("iat", json!(NOW - 602)),
        without("sub"),
        with("sub", json!("")),
        with("sub", json!(7)),
        without("nonce"),
        with("nonce", json!("m")),
        with("at_hash", json!("AAAA")),
        with("at_hash", json!(1)),
    ] {
        let error = verdict(&fault).expect_err(&fault.to_string());
        assert!(matches!(error, ProviderError::Failed { stage: "id_token", .. }), "{fault}");
    }
    for within_the_leeway in
        [with("exp", json!(NOW)), with("iat", json!(NOW - 601)), with("iat", json!(NOW + 1)), without("at_hash")]
    {
        verdict(&within_the_leeway).unwrap();
    }
}

#[test]
fn sec_18_and_19_only_the_published_key_with_the_listed_algorithm_signs() {
    let (key, jwk) = rsa();
    let set = keys(&json!({"keys": [{"kty": "strange"}, jwk]})).unwrap();
    let sign = |header: &Header, key: &EncodingKey| jsonwebtoken::encode(header, &good(), key).unwrap();
    let allowed = [Algorithm::RS256];
    let accepted = |token: &str| {
        let head = head(token, &allowed)?;
        signed_claims(token, &head, &candidates(&set, &head, false)).map(|_| ())
    };
    let named = |kid: &str| Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::RS256) };

    accepted(&sign(&named("one"), &key)).unwrap();
    accepted(&sign(&Header::new(Algorithm::RS256), &key)).unwrap();
    let elsewhere = Header { jku: Some("https://evil.example/keys".to_owned()), ..named("one") };
    let (strange, strange_jwk) = rsa();
    let mut with_key = elsewhere.clone();
    with_key.jwk = serde_json::from_value(strange_jwk).ok();
    let public_text = jwk["n"].as_str().unwrap().as_bytes().to_vec();
    let none = format!("{}.{}.", "eyJhbGciOiJub25lIn0", sign(&named("one"), &key).split('.').nth(1).unwrap());
    for (what, token) in [
        ("another key", sign(&named("one"), &strange)),
        ("another key, shown in the header", sign(&with_key, &strange)),
        ("an unknown kid", sign(&named("../../x"), &key)),
        ("a kid of 5 KB", sign(&named(&"k".repeat(5000)), &key)),
        ("HS256 with the public key", sign(&Header::new(Algorithm::HS256), &EncodingKey::from_secret(&public_text))),
        ("RS512, which is not listed", sign(&Header::new(Algorithm::RS512), &key)),
        ("alg none", none),
        ("crit", sign(&Header { crit: Some(vec!["x".to_owned()]), ..named("one") }, &key)),
        ("no token at all", "a.b.c".to_owned()),
    ] {
        assert!(accepted(&token).is_err(), "{what}");
    }
    let tampered = sign(&named("one"), &key).replacen(".ey", ".eyJ", 1);
    assert!(accepted(&tampered).is_err());

    for unfit in [json!({"use": "enc"}), json!({"alg": "RS512"})] {
        let mut other = jwk.clone();
        other.as_object_mut().unwrap().extend(object(unfit.clone()));
        let token = sign(&named("one"), &key);
        let head = head(&token, &allowed).unwrap();
        let fits = keys(&json!({"keys": [other]})).is_ok_and(|set| !candidates(&set, &head, false).is_empty());
        assert!(!fits, "{unfit}");
    }
}

#[test]
fn sec_18_a_shared_secret_counts_only_where_the_descriptor_lists_it() {
    let secret = SecretString::from("a-secret-of-thirty-two-characters");
    let key = EncodingKey::from_secret(b"a-secret-of-thirty-two-characters");
    let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &good(), &key).unwrap();
    assert!(head(&token, &[Algorithm::RS256]).is_err());
    let head = head(&token, &[Algorithm::HS256]).unwrap();
    assert_eq!(shared_claims(&token, &head, &secret).unwrap()["sub"], "1234");
    assert!(shared_claims(&token, &head, &SecretString::from("another")).is_err());
}

#[test]
fn sec_21_a_document_of_another_issuer_is_refused() {
    let document = json!({"issuer": "https://idp.example", "jwks_uri": "https://idp.example/keys"});
    assert!(Discovery::read(document.clone(), None).is_ok());
    assert!(Discovery::read(document.clone(), Some("https://idp.example")).is_ok());
    assert!(Discovery::read(document, Some("https://idp.example/")).is_err());
    assert!(Discovery::read(json!({"jwks_uri": "x"}), None).is_err());
    assert!(Discovery::read(json!([]), None).is_err());
}
