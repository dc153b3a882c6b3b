//! The served documents: the server they name, their size, and what a caller that has them gets.

use std::io::Read as _;

use serde_json::{Value, json};

use crate::support::{Engine, TestApp, on_both_databases};

on_both_databases! {
    served_document_is_minified_and_names_the_public_url,
    served_documents_are_compressed_and_not_sent_again,
    swagger_ui_calls_the_server_that_it_comes_from,
}

async fn served_document_is_minified_and_names_the_public_url(engine: Engine) {
    let app = TestApp::builder(engine).with("PUBLIC_URL", "https://login.example").start().await;
    let json = app.client().get("/openapi.json").send().await;
    assert_eq!(json.header("content-type"), Some("application/json"));
    assert!(!json.text.contains('\n') && !json.text.contains("\": "), "it is minified");
    assert_eq!(json.json()["servers"], json!([{"url": "https://login.example"}]));
    let yaml = app.client().get("/openapi.yaml").send().await;
    let yaml: Value = serde_yaml::from_str(&yaml.text).expect("YAML");
    assert_eq!(yaml, json.json());
}

async fn served_documents_are_compressed_and_not_sent_again(engine: Engine) {
    let app = TestApp::builder(engine).with("API_DOCS", "true").start().await;
    for path in ["/openapi.json", "/openapi.yaml", "/docs/"] {
        let plain = app.client().get(path).send().await;
        let packed = app.client().get(path).header("accept-encoding", "gzip, deflate, br").send().await;
        assert_eq!((packed.status, packed.header("content-encoding")), (200, Some("gzip")), "{path}");
        assert!(packed.bytes.len() * 2 < plain.bytes.len() + 1000, "{path}: {} bytes", packed.bytes.len());
        let mut unpacked = String::new();
        flate2::read::GzDecoder::new(&*packed.bytes).read_to_string(&mut unpacked).expect("gzip");
        assert!(unpacked == plain.text, "{path}");

        for answer in [&plain, &packed] {
            assert_eq!(answer.header("cache-control"), Some("no-cache"), "{path}");
            assert!(answer.header("vary").is_some_and(|names| names.contains("Accept-Encoding")), "{path}");
        }
        let tag = packed.header("etag").expect("a tag");
        let again = app.client().get(path).header("if-none-match", tag).send().await;
        assert_eq!((again.status, again.bytes.len(), again.header("etag")), (304, 0, Some(tag)), "{path}");
        let policy = "content-security-policy";
        assert_eq!(again.header(policy), plain.header(policy), "{path}: the browser replaces the stored header");
    }
}

async fn swagger_ui_calls_the_server_that_it_comes_from(engine: Engine) {
    let plan = TestApp::builder(engine).with("PUBLIC_URL", "https://login.example");
    let app = plan.with("API_DOCS", "true").start().await;
    let page = app.client().get("/docs/").send().await.text;
    assert!(page.contains(r#""servers":[{"url":"/"}]"#));
}
