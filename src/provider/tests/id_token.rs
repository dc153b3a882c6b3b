//! SEC-17 to SEC-19: one fault each, the kinds of tokens that are no ID tokens, and the keys.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Map, Value, json};

use super::super::id_token::{
    Expected, Purpose, accepted_until, access_token_hash, candidates, check, check_userinfo, signed_claims,
};
use super::super::jws::{SignatureAlgorithm, SignedToken, TokenError, VerifyingKey};
use super::super::keys::{Discovery, parse_keys};
use super::object;

const NOW: i64 = 1_800_000_000;
pub(super) const RS256: SignatureAlgorithm = SignatureAlgorithm::RS256;
const HS256: SignatureAlgorithm = SignatureAlgorithm::Standard(Algorithm::HS256);

fn rsa(size: KeySize) -> (EncodingKey, Value) {
    let pair = KeyPair::generate(size).unwrap();
    let pkcs8 = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
    let key = EncodingKey::from_rsa_pem(pem_of(pkcs8.as_ref()).as_bytes()).unwrap();
    let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&key, Algorithm::RS256).unwrap()).unwrap();
    jwk["kid"] = json!("one");
    jwk["use"] = json!("sig");
    (key, jwk)
}

fn pem_of(der: &[u8]) -> String {
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der))
}

pub(super) fn good() -> Value {
    json!({
        "iss": "https://idp.example", "aud": "a-key", "sub": "1234", "exp": NOW + 300, "iat": NOW - 5, "nonce": "n",
        "at_hash": access_token_hash("token", RS256),
    })
}

/// A token of this header and these claims, with a signature that is not verified.
fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.AAAA", part(header), part(claims))
}

pub(super) fn verdict_of(
    header: &Value,
    claims: &Value,
    change: impl FnOnce(&mut Expected<'_>),
) -> Result<(), TokenError> {
    let (issuers, audiences) = (["https://idp.example".to_owned()], ["a-key".to_owned()]);
    let mut expected = expected(&issuers, &audiences);
    change(&mut expected);
    let text = unsigned(header, claims);
    let token = SignedToken::parse(&text, &[RS256])?;
    check(&token, &token.claims()?, &expected)
}

/// Whether a token without an expected nonce is accepted as an ID token, as an access token and as either.
#[track_caller]
fn assert_accepted(header: &Value, claims: &Value, accepted: [bool; 3], what: &str) {
    for (purpose, accepted) in [Purpose::IdToken, Purpose::AccessToken, Purpose::Either].into_iter().zip(accepted) {
        let verdict = verdict_of(header, claims, |expected| {
            expected.purpose = purpose;
            expected.nonce = None;
        });
        assert_eq!(verdict.is_ok(), accepted, "{what} as {purpose:?}: {verdict:?}");
    }
}

pub(super) fn expected<'a>(issuers: &'a [String], audiences: &'a [String]) -> Expected<'a> {
    Expected {
        purpose: Purpose::IdToken,
        issuers,
        audiences,
        trusted_audiences: &[],
        client_id: "a-key",
        nonce: Some("n"),
        access_token: Some("token"),
        hashed_by: None,
        now: NOW,
        leeway: 1,
        requires_times: true,
        max_age: Some(600),
        max_authentication_age: None,
        acr_values: &[],
    }
}

fn verdict(claims: &Value) -> Result<(), TokenError> {
    verdict_of(&json!({"alg": "RS256", "typ": "JWT"}), claims, |_| {})
}

pub(super) fn with(name: &str, value: Value) -> Value {
    let mut claims = good();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = good();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

#[test]
fn sec_17_every_claim_is_checked() {
    verdict(&good()).unwrap();
    let mut several = with("aud", json!(["a-key", "other"]));
    assert!(verdict(&several).is_err(), "several audiences without azp");
    several["azp"] = json!("a-key");
    verdict(&several).unwrap();
    for fault in [
        without("iss"),
        with("iss", json!("https://idp.example/")),
        with("iss", json!("https://idp.example/realms/two")),
        with("iss", json!(["https://idp.example"])),
        without("aud"),
        with("aud", json!("other")),
        with("aud", json!([])),
        with("azp", json!("other")),
        with("azp", json!(["a-key"])),
        without("exp"),
        with("exp", json!(NOW - 1)),
        with("exp", json!("soon")),
        with("nbf", json!(NOW + 61)),
        with("nbf", json!("now")),
        without("iat"),
        with("iat", Value::Null),
        with("iat", json!(NOW + 61)),
        with("iat", json!(NOW - 602)),
        without("sub"),
        with("sub", json!("")),
        with("sub", json!(7)),
        without("nonce"),
        with("nonce", json!("m")),
        with("at_hash", json!("AAAA")),
        with("at_hash", json!(1)),
    ] {
        verdict(&fault).expect_err(&fault.to_string());
    }
    for within_the_leeway in [with("exp", json!(NOW)), with("iat", json!(NOW - 601)), without("at_hash")] {
        verdict(&within_the_leeway).unwrap();
    }
}

/// Every kind of token that a provider signs, held against the three purposes.
#[test]
fn fault_a4_other_kinds_of_tokens_are_refused() {
    let plain = || {
        let mut claims = good();
        claims.as_object_mut().unwrap().retain(|name, _| name != "nonce" && name != "at_hash");
        claims
    };
    let saying = |more: Value| {
        let mut claims = plain();
        claims.as_object_mut().unwrap().extend(object(more));
        claims
    };
    let bound = |more: Value| {
        let mut claims = good();
        claims.as_object_mut().unwrap().extend(object(more));
        claims
    };
    // What, `typ` of the header, claims; accepted as: ID token, access token, either.
    let table: Vec<(&str, Value, Value, [bool; 3])> = vec![
        ("no typ", Value::Null, plain(), [true, true, true]),
        ("typ JWT", json!("JWT"), plain(), [true, true, true]),
        ("typ jwt", json!("jwt"), plain(), [true, true, true]),
        ("typ application/jwt", json!("application/jwt"), plain(), [true, true, true]),
        ("typ ID", json!("ID"), plain(), [true, false, true]),
        ("typ at+jwt", json!("at+jwt"), plain(), [false, true, false]),
        ("typ application/at+JWT", json!("application/at+JWT"), plain(), [false, true, false]),
        ("typ logout+jwt", json!("logout+jwt"), plain(), [false; 3]),
        ("typ dpop+jwt", json!("dpop+jwt"), plain(), [false; 3]),
        ("typ secevent+jwt", json!("secevent+jwt"), plain(), [false; 3]),
        ("typ token-introspection+jwt", json!("token-introspection+jwt"), plain(), [false; 3]),
        ("typ rt+jwt", json!("rt+jwt"), plain(), [false; 3]),
        ("an empty typ", json!(""), plain(), [false; 3]),
        ("a typ that is no text", json!(1), plain(), [false; 3]),
        ("Keycloak's ID token", json!("JWT"), saying(json!({"typ": "ID"})), [true, false, true]),
        ("Keycloak's access token", json!("JWT"), saying(json!({"typ": "Bearer"})), [false, true, false]),
        (
            "the same with a nonce",
            json!("JWT"),
            bound(json!({"typ": "Bearer", "scope": "openid"})),
            [false, true, false],
        ),
        ("Keycloak's refresh token", json!("JWT"), saying(json!({"typ": "Refresh"})), [false; 3]),
        ("Keycloak's offline token", json!("JWT"), saying(json!({"typ": "Offline"})), [false; 3]),
        ("Keycloak's logout token", json!("JWT"), saying(json!({"typ": "Logout"})), [false; 3]),
        ("a claim typ that is no text", json!("JWT"), saying(json!({"typ": null})), [false; 3]),
        ("Cognito's ID token", Value::Null, saying(json!({"token_use": "id"})), [true, false, true]),
        ("Cognito's access token", Value::Null, saying(json!({"token_use": "access"})), [false, true, false]),
        ("Fence's ID token", Value::Null, saying(json!({"pur": "id", "scope": ["user"]})), [true, false, true]),
        ("Fence's refresh token", Value::Null, saying(json!({"pur": "refresh"})), [false; 3]),
        ("a logout token", json!("JWT"), bound(json!({"events": {"urn:logout": {}}})), [false; 3]),
        ("a security event without a subject of its own", json!("JWT"), bound(json!({"events": null})), [false; 3]),
        ("an access token with scope", json!("JWT"), saying(json!({"scope": "openid profile"})), [false, true, true]),
        ("Okta's access token", Value::Null, saying(json!({"scp": ["openid"], "cid": "a-key"})), [false, true, true]),
        ("Okta's for another client", Value::Null, bound(json!({"scp": ["openid"], "cid": "other"})), [false; 3]),
        ("Auth0's access token", json!("at+jwt"), saying(json!({"scope": "openid"})), [false, true, false]),
        ("an ID token that repeats the scope", json!("JWT"), bound(json!({"scope": "openid"})), [true, true, true]),
        ("Microsoft's access token", json!("JWT"), saying(json!({"scp": "access_as_user"})), [false, true, true]),
        ("one for another app", json!("JWT"), saying(json!({"appid": "other"})), [false; 3]),
        ("one issued to another client", json!("JWT"), saying(json!({"client_id": "other"})), [false; 3]),
    ];
    for (what, media_type, claims, accepted) in table {
        let mut header = json!({"alg": "RS256"});
        if !media_type.is_null() {
            header["typ"] = media_type;
        }
        assert_accepted(&header, &claims, accepted, what);
    }
}

#[test]
fn fault_a4_client_claims_count_only_in_access_tokens() {
    let bound = |more: Value| {
        let mut claims = good();
        claims.as_object_mut().unwrap().extend(object(more));
        claims
    };
    let plain = |more: Value| {
        let mut claims = bound(more);
        claims.as_object_mut().unwrap().retain(|name, _| name != "nonce" && name != "at_hash");
        claims
    };
    // Accepted as: ID token, access token, either.
    for (claims, accepted) in [
        (plain(json!({"client_id": null, "cid": null})), [true, true, true]),
        (bound(json!({"client_id": "customer-7", "cid": 7, "appid": "x"})), [true, false, true]),
        (plain(json!({"client_id": "customer-7"})), [false, false, false]),
        // Every token is a JWT: that makes none of them an ID token.
        (plain(json!({"typ": "JWT", "scope": "openid"})), [false, false, true]),
    ] {
        assert_accepted(&json!({"alg": "RS256", "typ": "JWT"}), &claims, accepted, &claims.to_string());
    }
}

#[test]
fn fault_a4_malformed_tokens_are_refused() {
    let token = unsigned(&json!({"alg": "RS256"}), &good());
    let parts: Vec<&str> = token.split('.').collect();
    let parsed =
        |text: &str| SignedToken::parse(text, &[RS256]).map(|_| ()).map_err(|refused| refused.reason.into_owned());
    parsed(&token).unwrap();
    let encrypted = parsed(&format!("{}.a.b.c.d", parts[0])).unwrap_err();
    assert!(encrypted.contains("encrypted"), "{encrypted}");
    for header in [
        json!({"alg": "RS256", "crit": ["exp"]}),
        json!({"alg": "RS256", "b64": false}),
        json!({"alg": "RS256", "enc": "A128GCM"}),
        json!({"alg": "RS256", "zip": "DEF"}),
        json!({"alg": "none"}),
        json!({"alg": "RS512"}),
        json!({"alg": "HS256"}),
        json!({"alg": ["RS256"]}),
        json!({}),
        json!("RS256"),
    ] {
        parsed(&unsigned(&header, &good())).expect_err(&header.to_string());
    }
    for text in ["", "a", "a.b", "a.b.c", "....", &format!("{}.{}", parts[0], parts[1])] {
        parsed(text).expect_err(text);
    }
}

#[test]
fn fault_d6_clock_skew_applies_to_iat_and_nbf_only() {
    for skewed in [with("iat", json!(NOW + 5)), with("iat", json!(NOW + 60)), with("nbf", json!(NOW + 60))] {
        verdict(&skewed).unwrap_or_else(|refused| panic!("{skewed}: {refused:?}"));
    }
    verdict(&with("exp", json!(NOW - 1))).expect_err("it has expired");
    // A longer JWT_LEEWAY applies to all three.
    let long = |claims: &Value| verdict_of(&json!({"alg": "RS256"}), claims, |expected| expected.leeway = 120);
    for claims in [with("iat", json!(NOW + 120)), with("nbf", json!(NOW + 120)), with("exp", json!(NOW - 119))] {
        long(&claims).unwrap_or_else(|refused| panic!("{claims}: {refused:?}"));
    }
    long(&with("exp", json!(NOW - 120))).expect_err("it has expired");
}

/// Whatever the claims say, a token is accepted at the last moment named and refused right after it.
#[test]
fn signed_userinfo_has_the_issuer_of_its_tenant() {
    let issuers = ["https://idp.example/{tenantid}".to_owned()];
    let of = |claims: Value| {
        let text = unsigned(&json!({"alg": "RS256"}), &claims);
        let token = SignedToken::parse(&text, &[RS256])?;
        check_userinfo(&token, &token.claims()?, &issuers, &["a-key".to_owned()], NOW)
    };
    assert!(of(json!({"iss": "https://idp.example/t1", "tid": "t1", "sub": "1"})).is_ok());
    for other in
        [json!({"iss": "https://idp.example/t2", "tid": "t1"}), json!({"iss": "https://idp.example/{tenantid}"})]
    {
        assert!(of(other.clone()).is_err(), "{other}");
    }
}

#[test]
fn fault_a16_accepted_until_is_the_last_accepted_second() {
    for leeway in [0, 1, 1200] {
        for (claims, max_age) in [
            (good(), Some(600)),
            (with("exp", json!(NOW + 5000)), Some(600)),
            (with("exp", json!(NOW + 5000)), None),
            (with("exp", json!(NOW + 30)), Some(600)),
        ] {
            let last = accepted_until(&object(claims.clone()), leeway, max_age).expect("it ends");
            for (now, accepted) in [(last, true), (last + 1, false)] {
                let verdict = verdict_of(&json!({"alg": "RS256"}), &claims, |expected| {
                    (expected.now, expected.leeway, expected.max_age) = (now, leeway, max_age);
                });
                assert_eq!(verdict.is_ok(), accepted, "{claims} at {now}, leeway {leeway}: {verdict:?}");
            }
        }
    }
    assert_eq!(accepted_until(&Map::new(), 1, Some(600)), None);
}

#[test]
fn fault_d7_trusted_audiences_need_no_azp() {
    let trusted: &'static [String] = vec!["an-api".to_owned()].leak();
    let verdict = |audiences: Value| {
        verdict_of(&json!({"alg": "RS256"}), &with("aud", audiences), |expected| expected.trusted_audiences = trusted)
    };
    verdict(json!(["a-key", "an-api"])).unwrap();
    let refused = verdict(json!(["a-key", "an-api", "other"])).unwrap_err();
    assert!(refused.reason.contains("TRUSTED_AUDIENCES"), "{refused:?}");
    verdict(json!(["an-api"])).expect_err("it is not for this client");
}

#[test]
fn sec_18_and_19_key_and_algorithm_must_match() {
    let (key, jwk) = rsa(KeySize::Rsa2048);
    let set = parse_keys(&json!({"keys": [{"kty": "strange"}, jwk]})).unwrap();
    let sign = |header: &Header, key: &EncodingKey| jsonwebtoken::encode(header, &good(), key).unwrap();
    let accepted = |token: &str| -> Result<(), TokenError> {
        let token = SignedToken::parse(token, &[RS256])?;
        signed_claims(&token, &candidates(&set, token.key_id.as_deref(), token.algorithm)).map(|_| ())
    };
    let named = |kid: &str| Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::RS256) };

    accepted(&sign(&named("one"), &key)).unwrap();
    accepted(&sign(&Header::new(Algorithm::RS256), &key)).unwrap();
    let elsewhere = Header { jku: Some("https://evil.example/keys".to_owned()), ..named("one") };
    let (strange, strange_jwk) = rsa(KeySize::Rsa2048);
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
}

/// Each changed token can still be read to its claims: the signature alone refuses it.
#[test]
fn sec_18_modified_tokens_are_refused() {
    let (key, jwk) = rsa(KeySize::Rsa2048);
    let set = parse_keys(&json!({"keys": [jwk]})).unwrap();
    let token = jsonwebtoken::encode(&Header::new(Algorithm::RS256), &good(), &key).unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let mut signature = URL_SAFE_NO_PAD.decode(parts[2]).unwrap();
    signature[100] ^= 1;
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let changed = [
        ("another subject", format!("{}.{}.{}", parts[0], part(&with("sub", json!("1235"))), parts[2])),
        ("another kid", format!("{}.{}.{}", part(&json!({"alg": "RS256", "kid": "one"})), parts[1], parts[2])),
        ("one bit of the signature", format!("{}.{}.{}", parts[0], parts[1], URL_SAFE_NO_PAD.encode(signature))),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
    ];
    let claims_of = |text: &str| {
        let token = SignedToken::parse(text, &[RS256]).unwrap_or_else(|refused| panic!("it can be read: {refused:?}"));
        token.claims().unwrap_or_else(|refused| panic!("its claims can be read: {refused:?}"));
        signed_claims(&token, &candidates(&set, token.key_id.as_deref(), token.algorithm))
            .map_err(|refused| refused.reason.into_owned())
    };
    claims_of(&token).unwrap();
    for (what, token) in changed {
        assert_eq!(claims_of(&token).expect_err(what), "its signature does not verify", "{what}");
    }
}

#[test]
fn fault_a28_keys_not_for_verification_are_ignored() {
    let (key, jwk) = rsa(KeySize::Rsa2048);
    let token = jsonwebtoken::encode(&Header::new(Algorithm::RS256), &good(), &key).unwrap();
    let token = SignedToken::parse(&token, &[RS256]).unwrap();
    let is_used = |change: Value| {
        let mut jwk = jwk.clone();
        jwk.as_object_mut().unwrap().extend(object(change));
        parse_keys(&json!({"keys": [jwk]})).is_ok_and(|set| {
            let fitting = candidates(&set, token.key_id.as_deref(), token.algorithm);
            !fitting.is_empty() && signed_claims(&token, &fitting).is_ok()
        })
    };
    for fit in [
        json!({}),
        json!({"use": null}),
        json!({"alg": "RS256"}),
        json!({"alg": null}),
        json!({"key_ops": ["verify"]}),
        json!({"key_ops": ["sign", "verify"], "use": "sig"}),
        json!({"issuer": "https://idp.example"}),
    ] {
        assert!(is_used(fit.clone()), "{fit}");
    }
    for unfit in [
        json!({"use": "enc"}),
        json!({"use": "other"}),
        json!({"alg": "RS512"}),
        json!({"alg": "PS256"}),
        json!({"alg": "RSA-OAEP"}),
        json!({"alg": "unknown"}),
        json!({"alg": 7}),
        json!({"key_ops": []}),
        json!({"key_ops": ["sign"]}),
        json!({"key_ops": ["encrypt", "wrapKey"]}),
        json!({"key_ops": ["VERIFY"]}),
        json!({"kty": "EC"}),
        json!({"kty": "oct"}),
        json!({"kty": null}),
        json!({"issuer": "https://another.example"}),
        json!({"issuer": "https://idp.example/{tenantid}"}),
    ] {
        assert!(!is_used(unfit.clone()), "{unfit}");
    }
}

/// RFC 7518, 3.3. The modulus is that of a key of 1024 bits, alone or with zeros before it.
#[test]
fn fault_a28_small_rsa_keys_are_ignored() {
    let small = [
        vec![0xc5; 128],
        vec![0xc5; 255],
        [vec![0; 200], vec![0xc5; 128]].concat(),
        [vec![0x7f], vec![0xc5; 255]].concat(),
    ];
    for modulus in small {
        let jwk = json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode(&modulus), "e": "AQAB"});
        assert!(parse_keys(&json!({"keys": [jwk]})).unwrap().is_empty(), "{} bytes", modulus.len());
    }
    let jwk = json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode(vec![0xc5; 256]), "e": "AQAB"});
    assert_eq!(parse_keys(&json!({"keys": [jwk]})).unwrap().len(), 1);
}

/// RFC 7517, 5: a set may have members and keys that a client does not understand.
#[test]
fn only_what_says_something_about_a_key_is_read() {
    let (key, jwk) = rsa(KeySize::Rsa2048);
    let token = jsonwebtoken::encode(&Header::new(Algorithm::RS256), &good(), &key).unwrap();
    let text = |name: &str| jwk[name].as_str().unwrap_or_default().to_owned();
    let octets = [vec![0], URL_SAFE_NO_PAD.decode(text("n")).unwrap()].concat();
    for (name, value) in [
        ("x5c", json!("a text")),
        ("x5t", json!(5)),
        ("kid", json!(5)),
        ("n", json!(format!("{}==", text("n")))),
        ("n", json!(URL_SAFE_NO_PAD.encode(octets))),
        ("e", json!("AAEAAQ")),
    ] {
        let mut changed = jwk.clone();
        changed[name] = value;
        assert!(verified_by(&changed, &token, RS256), "{name}");
    }
    let others = std::iter::repeat_n(json!({"kty": "strange"}), 100);
    let set = parse_keys(&json!({"keys": others.chain([jwk]).collect::<Vec<_>>()})).unwrap();
    assert_eq!(set.len(), 1);
    // An empty set withdraws all keys. Another document is none.
    assert!(parse_keys(&json!({"keys": []})).unwrap().is_empty());
    assert!(parse_keys(&json!({"error": "x"})).is_err());
}

fn verified_by(jwk: &Value, token: &str, algorithm: SignatureAlgorithm) -> bool {
    let Ok(set) = parse_keys(&json!({"keys": [jwk]})) else { return false };
    let Ok(token) = SignedToken::parse(token, &[algorithm]) else { return false };
    signed_claims(&token, &candidates(&set, token.key_id.as_deref(), token.algorithm)).is_ok()
}

fn message(algorithm: &str) -> String {
    let text = unsigned(&json!({"alg": algorithm, "typ": "JWT"}), &good());
    text.rsplit_once('.').unwrap().0.to_owned()
}

#[test]
fn fault_d7_es512_and_eddsa_are_verified() {
    let random = SystemRandom::new();
    let pair = EcdsaKeyPair::generate(&ECDSA_P521_SHA512_FIXED_SIGNING).unwrap();
    let point = pair.public_key().as_ref();
    let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..67]), URL_SAFE_NO_PAD.encode(&point[67..]));
    let text = message("ES512");
    let signature = URL_SAFE_NO_PAD.encode(pair.sign(&random, text.as_bytes()).unwrap().as_ref());
    let es512: SignatureAlgorithm = "ES512".parse().unwrap();
    let jwk = json!({"kty": "EC", "crv": "P-521", "x": x, "y": y, "alg": "ES512", "use": "sig"});
    assert!(verified_by(&jwk, &format!("{text}.{signature}"), es512));
    let other = message("ES512") + "x";
    assert!(!verified_by(&jwk, &format!("{other}.{signature}"), es512));
    assert!(!verified_by(&jwk, &format!("{text}.{signature}"), RS256));
    let mixed = json!({"kty": "EC", "crv": "P-521", "x": x, "y": y, "alg": "ES256"});
    assert!(!verified_by(&mixed, &format!("{text}.{signature}"), es512), "the key says another algorithm");

    let pair = Ed25519KeyPair::generate().unwrap();
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(pair.public_key().as_ref())});
    for name in ["EdDSA", "Ed25519"] {
        let text = message(name);
        let signature = URL_SAFE_NO_PAD.encode(pair.sign(text.as_bytes()).as_ref());
        assert!(verified_by(&jwk, &format!("{text}.{signature}"), name.parse().unwrap()), "{name}");
    }
}

#[test]
fn fault_d7_symmetric_algorithms_of_the_document_are_ignored() {
    let listed = |names: Value| {
        let document = json!({"issuer": "https://idp.example", "id_token_signing_alg_values_supported": names});
        let document = Discovery::read(document, None).unwrap();
        document.algorithms().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(listed(json!(["ES256"])), ["ES256"]);
    assert_eq!(listed(json!(["none", "HS256", "EdDSA", "ES512", "XY1", 7])), ["EdDSA", "ES512"]);
    assert!(listed(json!(["none", "HS256"])).is_empty());
    assert!(listed(Value::Null).is_empty());
}

#[test]
fn sec_18_symmetric_algorithms_need_the_descriptor() {
    let key = EncodingKey::from_secret(b"a-secret-of-thirty-two-characters");
    let text = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &good(), &key).unwrap();
    assert!(SignedToken::parse(&text, &[RS256]).is_err());
    let token = SignedToken::parse(&text, &[HS256]).unwrap();
    let is_signed_by = |secret: &str| VerifyingKey::of_secret(secret).is_some_and(|key| token.is_signed_by(&key));
    assert!(is_signed_by("a-secret-of-thirty-two-characters"));
    assert!(!is_signed_by("another") && !is_signed_by(""));
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
