//! `/.well-known/jwks.json` and `/.well-known/oauth-authorization-server`.

use std::collections::BTreeSet;

use serde_json::json;

use super::{PUBLIC_URL, code, es256, key_set};
use crate::support::client::{claims, jwt_header};
use crate::support::{Engine, FRONTEND, on_both_databases};

on_both_databases! {
    key_set_and_metadata_are_public_and_cacheable,
}

async fn key_set_and_metadata_are_public_and_cacheable(engine: Engine) {
    let app = es256(engine).with("SIMPLE_JWT_KEY_PUBLICATION", "86400").start().await;
    let get = |path: &str| app.client().get(path);
    let jwks = "/.well-known/jwks.json";
    let metadata = "/.well-known/oauth-authorization-server";
    for (path, media_type) in [(jwks, "application/jwk-set+json"), (metadata, "application/json")] {
        for origin in [FRONTEND, "https://elsewhere.example"] {
            let answer = get(path).header("origin", origin).header("accept", media_type).send().await;
            answer.ok();
            assert_eq!(answer.header("content-type"), Some(media_type));
            assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
            assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "sec_35: without credentials");
            assert_eq!(answer.header("access-control-allow-credentials"), None);
            assert_eq!(answer.header("vary"), None);
        }
        let tag = get(path).send().await.header("etag").expect("an ETag").to_owned();
        for (known, status) in [(tag.clone(), 304), (format!("W/{tag}, \"x\""), 304), ("\"x\"".to_owned(), 200)] {
            let answer = get(path).header("if-none-match", &known).send().await;
            assert_eq!((answer.status, answer.header("etag")), (status, Some(tag.as_str())), "{known}");
            assert_eq!(answer.text.is_empty(), status == 304);
        }
    }
    let keys = key_set(&app.client()).await["keys"].as_array().expect("keys").clone();
    assert_eq!(keys.len(), 2, "the one that signs, and the next one");
    for key in keys {
        let members: Vec<&str> = key.as_object().expect("a key").keys().map(String::as_str).collect();
        let expected = BTreeSet::from(["alg", "crv", "kid", "kty", "use", "x", "y"]);
        assert_eq!(members.into_iter().collect::<BTreeSet<_>>(), expected, "no private member");
        assert_eq!((&key["alg"], &key["use"]), (&json!("ES256"), &json!("sig")));
        // RFC 7638: the digest of the required members in lexicographic order.
        let thumbprint = format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, key["x"], key["y"]);
        let digest = rest_social_auth::secrets::Digest::of(thumbprint.as_bytes());
        assert_eq!(key["kid"], data_encoding::BASE64URL_NOPAD.encode(digest.as_bytes()));
    }
    assert_eq!(
        get(metadata).send().await.ok(),
        json!({
            "issuer": PUBLIC_URL,
            "jwks_uri": format!("{PUBLIC_URL}/.well-known/jwks.json"),
            "response_types_supported": [],
            "grant_types_supported": [],
            "introspection_endpoint": format!("{PUBLIC_URL}/api/token/introspect/"),
            "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "revocation_endpoint": format!("{PUBLIC_URL}/api/token/revoke/"),
            "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "access_token_signing_alg_values_supported": ["ES256"],
        })
    );
    // RFC 8414, 3.3: the issuer is the URL of the document, whatever `iss` of the tokens is.
    let renamed = app.start_node_with(&[("SIMPLE_JWT_ISSUER", "https://sso.example")]).await;
    assert_eq!(renamed.client().get(metadata).send().await.ok()["issuer"], PUBLIC_URL);
    let token = renamed.client().login("jwt-pair/github", json!({"code": code()})).await.field("token");
    assert_eq!(claims(&token)["iss"], "https://sso.example");
    let symmetric = app.start_node_with(&[("SIMPLE_JWT_ALGORITHM", "HS256")]).await;
    assert_eq!(key_set(&symmetric.client()).await, json!({"keys": []}), "a secret key is never published");
    let answer = symmetric.client().get(metadata).send().await.ok();
    assert_eq!(
        (&answer["issuer"], answer.get("access_token_signing_alg_values_supported")),
        (&json!(PUBLIC_URL), None)
    );
    let token = symmetric.client().login("jwt-pair/github", json!({"code": code()})).await.field("token");
    assert_eq!(jwt_header(&token), json!({"alg": "HS256", "typ": "JWT"}));
    assert!(["iss", "aud", "sub", "client_id"].iter().all(|name| claims(&token).get(name).is_none()));
}
