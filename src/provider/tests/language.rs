//! Expressions, templates, URLs and answers.

use serde_json::{Value, json};

use super::super::call::render_url;
use super::super::descriptor::ErrorRules;
use super::super::expression::{Expr, Scope, Template};
use super::super::quirks::tripit;
use super::super::request_rules::Format;
use super::super::{ProviderError, Stage, error_description, reply};
use super::object;
use crate::outgoing::Reply;
use crate::settings::SettingValues;

fn eval(source: &str, profile: &Value) -> Option<Value> {
    let values =
        SettingValues::from_iter([("NAME_KEY".to_owned(), json!("nick")), ("LIST".to_owned(), json!(["a", "b"]))]);
    let scope = Scope::of(&values).with("profile", Some(profile));
    let expr = Expr::parse(source).unwrap_or_else(|problem| panic!("{problem}"));
    expr.eval(&scope).unwrap_or_else(|error| panic!("{error}")).map(std::borrow::Cow::into_owned)
}

#[test]
fn fast_path_and_minijinja_agree() {
    let profile = json!({
        "name": "Ana", "empty": "", "none": null, "zero": 0, "nick": "an", "a-b": {"c": [{"d": 7}]}, "list": [], "no": false
    });
    let paths = [
        "profile.name",
        "profile.none",
        "profile.missing",
        "profile['a-b'].c[0].d",
        "profile[NAME_KEY]",
        "profile.name.first",
        "profile.list[0]",
        "profile.none.more",
    ];
    let mut all: Vec<String> = paths.map(str::to_owned).to_vec();
    for left in ["name", "empty", "none", "zero", "missing", "list", "no"] {
        all.push(format!("profile.{left} or profile.nick"));
        all.push(format!("profile.{left} or profile.none or ''"));
        all.push(format!("profile.{left} | default('x')"));
        all.push(format!("profile.{left} | default(profile.nick)"));
    }
    for source in &all {
        // A second pair of parentheses is beyond the fast path, so this one goes through minijinja.
        assert_eq!(eval(source, &profile), eval(&format!("(({source}))"), &profile), "{source}");
    }
}

/// Only the members that an expression names are converted for minijinja.
#[test]
fn an_expression_reads_each_way_to_a_member() {
    let profile =
        json!({"name": "Ana", "nick": "an", "key": "nick", "of": {"name": "deep"}, "list": [{"v": 1}], "n": 2});
    for (source, wanted) in [
        ("profile.of.name ~ profile.name", json!("deepAna")),
        ("profile[profile.key] ~ ''", json!("an")),
        ("profile[NAME_KEY] ~ profile.name", json!("anAna")),
        ("(profile['of'].name, profile.n)", json!(["deep", 2])),
        ("profile.list[0].v + profile.n", json!(3)),
        ("profile is defined and profile.missing is undefined", json!(true)),
        ("profile | length", json!(6)),
        ("'nick' in profile and profile.name is string", json!(true)),
        ("profile.missing.more is undefined", json!(true)),
        ("[profile][0].nick ~ ''", json!("an")),
    ] {
        assert_eq!(eval(source, &profile), Some(wanted), "{source}");
    }
}

#[test]
fn functions() {
    let profile = json!({
        "mail": "ana@example.com", "url": "https://x.example/people/ana/", "enc": "J%C3%B6rg", "nick": "Jörg", "none": null,
        "mails": [{"v": 1}, {"v": 2, "primary": true}], "roles": {"teacher": 1, "admin": 2}, "json": "{\"a\":{\"b\":5}}", "n": 5
    });
    for (source, wanted) in [
        ("local_part(profile.mail)", json!("ana")),
        ("local_part(profile.none)", Value::Null),
        ("last_segment(trim_sep(profile.url, '/'), '/')", json!("ana")),
        ("urldecode(profile.enc)", json!("Jörg")),
        ("chars(profile.nick, 1)", json!("örg")),
        ("chars(profile.nick, 0, 1)", json!("J")),
        ("first_where(profile.mails, 'primary').v", json!(2)),
        ("first_where(profile.mails | reverse, 'v').v", json!(2)),
        ("first_having(profile.mails, 'v').v", json!(1)),
        ("first_key(profile.roles)", json!("teacher")),
        ("non_null(profile.none, profile.nick)", json!("Jörg")),
        ("containing(profile.nick, '@')", Value::Null),
        ("containing(profile.mail, '@')", json!("ana@example.com")),
        ("concat(profile.nick, profile.none, profile.n)", json!("Jörg5")),
        ("origin('https://front.example:8443/cb?a=b')", json!("https://front.example:8443")),
        ("primary(profile.mails).v", json!(2)),
        ("primary(profile.mails | reject('eq', profile.mails[1]) | list).v", json!(1)),
        ("words('a,,b', ',')", json!(["a", "b"])),
        ("names(['a', ['b', 'c']])", json!(["a", "b"])),
        ("sorted_pairs(only(profile.roles, ['teacher', 'admin', 'other']), '&')", json!("admin=2&teacher=1")),
        ("sorted_pairs(without(profile.roles, ['admin']), '\\n')", json!("teacher=1")),
        ("same('a', 'a') and not same('', '') and not same('a', 'b') and not same(1, 1)", json!(true)),
        ("hmac_sha256_hex(sha256('a'), 'b') == hmac_sha256_hex('a', 'b')", json!(false)),
        ("parse_json(profile.json).a.b", json!(5)),
        ("base64('a:b')", json!("YTpi")),
        ("any_of(['b', 'c'], LIST)", json!(true)),
        ("any_of(profile.missing, LIST)", json!(false)),
        ("any_of('a', LIST)", json!(true)),
        ("is_true('true') and is_true(true) and not is_true(1) and not is_true('True')", json!(true)),
        // RFC 4231 has no text key and text message; this pair is that of Wikipedia's HMAC article.
        (
            "hmac_sha256_hex('key', 'The quick brown fox jumps over the lazy dog')",
            json!("f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"),
        ),
    ] {
        assert_eq!(eval(source, &profile), Some(wanted), "{source}");
    }
    assert_eq!(eval("first_where(profile.mails, 'other').v", &profile), None);
    assert_eq!(eval("local_part(profile.missing)", &profile), None);
}

#[test]
fn r_err_21_type_errors_do_not_contain_the_value() {
    let profile = json!({"mail": 7});
    let scope = Scope::default().with("profile", Some(&profile));
    let error = Expr::parse("local_part(profile.mail)").unwrap().eval(&scope).unwrap_err().to_string();
    assert!(!error.contains('7'), "{error}");
}

#[test]
fn templates_without_a_value_and_with_slashes() {
    let values =
        SettingValues::from_iter([("URL".to_owned(), json!("https://x.example/base/")), ("N".to_owned(), json!(5))]);
    let scope = Scope::of(&values);
    let render = |source: &str| Template::parse(source).unwrap().render(&scope).unwrap();
    assert_eq!(render("{URL}/login").as_deref(), Some("https://x.example/base/login"));
    assert_eq!(render("{URL}login{N}").as_deref(), Some("https://x.example/base/login5"));
    assert_eq!(render("a{MISSING}b"), None);
    assert_eq!(render("{{\"id_token\": {N}}}").as_deref(), Some("{\"id_token\": 5}"));
    assert_eq!(render("").as_deref(), Some(""));
    assert!(Template::parse("a{b").is_err() && Template::parse("a}b").is_err());
}

#[test]
fn sec_38_values_cannot_change_the_host() {
    let reach = |source: &str, token: Value, hosts: &[&str]| {
        let values = SettingValues::from_iter([("DOMAIN".to_owned(), json!("id.example.com:8443"))]);
        let place = object(json!({"shop": "one.myshopify.com"}));
        let scope = Scope::of(&values).with("token", Some(&token)).with("address", Some(&place));
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        render_url(&Template::parse(source).unwrap(), &scope, &hosts).map(|url| url.map(String::from))
    };
    let ok = |url: &str| Ok(Some(url.to_owned()));
    assert_eq!(reach("https://{DOMAIN}/x", json!({}), &[]), ok("https://id.example.com:8443/x"));
    assert_eq!(reach("https://{address.shop}/x", json!({}), &[]), ok("https://one.myshopify.com/x"));
    assert_eq!(
        reach("https://a.example/{token.id}", json!({"id": "a/../b?c#d"}), &[]),
        ok("https://a.example/a%2F..%2Fb%3Fc%23d")
    );
    assert_eq!(reach("https://{token.p}.vend.example/x", json!({"p": "one"}), &[]), ok("https://one.vend.example/x"));
    assert_eq!(
        reach("{token.id}", json!({"id": "https://eu.sf.example/id"}), &["*.sf.example"]),
        ok("https://eu.sf.example/id")
    );
    assert_eq!(reach("{token.id}", json!({}), &["*.sf.example"]), Ok(None));
    for (source, id) in [
        ("{token.id}", "https://evil.example/"),
        ("{token.id}", "https://sf.example.evil.example/"),
        ("{token.id}", "https://.sf.example@evil.example/"),
        ("{token.id}", "https://user@eu.sf.example/"),
        ("{token.id}", "file:///etc/passwd"),
        ("{token.id}", "nonsense"),
        ("https://{token.id}.vend.example/", "evil.example/"),
        ("https://{token.id}.vend.example/", "evil.example"),
        ("https://{token.id}.vend.example/", "a@b"),
        ("https://{token.id}.vend.example/", ""),
        ("https://a.example/x/{token.id}/y", ".."),
    ] {
        assert!(reach(source, json!({"id": id}), &["*.sf.example"]).is_err(), "{source} {id}");
    }
}

fn answer(status: u16, body: &str) -> Reply {
    Reply { status, headers: Default::default(), body: body.as_bytes().to_vec() }
}

#[test]
fn answers_are_classified() {
    #[derive(Debug, PartialEq)]
    enum Is {
        Good,
        Declined,
        BadCode,
        RefusedClient,
        Failed,
    }
    let of = |stage, status, body: &str| match reply::read(
        &answer(status, body),
        stage,
        Format::Json,
        &ErrorRules::default(),
        &[],
    ) {
        Ok(_) => Is::Good,
        Err(ProviderError::AccessDenied { .. }) => Is::Declined,
        Err(ProviderError::InvalidCode { .. }) => Is::BadCode,
        Err(ProviderError::ClientRejected { .. }) => Is::RefusedClient,
        Err(ProviderError::Failed { .. } | ProviderError::EndpointNotFound { .. }) => Is::Failed,
        Err(other) => panic!("{other}"),
    };
    let deep = "[".repeat(5000);
    for (stage, status, body, wanted) in [
        (Stage::Token, 200, "{\"access_token\":\"a\",\"error\":null}", Is::Good),
        (Stage::Token, 400, "{\"error\":\"invalid_grant\"}", Is::BadCode),
        (Stage::Token, 200, "{\"error\":\"bad_verification_code\"}", Is::BadCode),
        (Stage::Token, 400, "error=invalid_grant", Is::BadCode),
        (Stage::Token, 400, "{\"error\":\"access_denied\"}", Is::Declined),
        (Stage::Refresh, 400, "{\"error\":\"access_denied\"}", Is::BadCode),
        (Stage::RequestToken, 401, "{\"error\":\"permission_denied\"}", Is::Failed),
        (Stage::Profile, 403, "{\"error\":\"access_denied\"}", Is::Failed),
        (Stage::Token, 401, "{\"error\":\"invalid_client\"}", Is::RefusedClient),
        (Stage::Token, 503, "{\"error\":\"invalid_client\"}", Is::Failed),
        (Stage::Profile, 401, "{\"error\":\"invalid_client\"}", Is::Failed),
        (Stage::Token, 503, "{\"error\":\"invalid_grant\"}", Is::Failed),
        (Stage::Token, 500, "{\"error\":\"access_denied\"}", Is::Failed),
        (Stage::Refresh, 502, "{\"error\":\"invalid_grant\"}", Is::Failed),
        (Stage::Token, 400, "{\"error\":{\"code\":\"invalid_grant\",\"message\":\"m\"}}", Is::BadCode),
        (Stage::Token, 400, "", Is::Failed),
        (Stage::Token, 429, "{}", Is::Failed),
        (Stage::Token, 500, "<html>", Is::Failed),
        (Stage::Token, 200, "<html>", Is::Failed),
        (Stage::Token, 302, "{\"access_token\":\"a\"}", Is::Failed),
        (Stage::Token, 200, &deep, Is::Failed),
        (Stage::Profile, 200, "{\"id\":1,\"error\":\"\"}", Is::Good),
        (Stage::Profile, 401, "{\"error\":\"invalid_token\"}", Is::Failed),
        (Stage::Profile, 404, "{\"message\":\"no\"}", Is::Failed),
    ] {
        assert_eq!(of(stage, status, body), wanted, "{stage} {status} {}", &body[..body.len().min(60)]);
    }
}

#[test]
fn error_rules_of_a_descriptor() {
    let rules: ErrorRules =
        toml::from_str("code = 'body.errcode'\nmessage = 'body.errmsg'\ninvalid_code = ['40029']").unwrap();
    let of = |body: &str| reply::read(&answer(200, body), Stage::Token, Format::Json, &rules, &[]);
    assert!(
        matches!(of("{\"errcode\":40029,\"errmsg\":\"bad\"}"), Err(ProviderError::InvalidCode { message: Some(m) }) if m == "bad")
    );
    assert!(matches!(of("{\"errcode\":40013}"), Err(ProviderError::Failed { .. })));
    assert!(of("{\"errcode\":0,\"access_token\":\"a\"}").is_ok());
}

#[test]
fn sec_46_descriptions_are_shortened_and_cleaned() {
    let text = "code topsecretcode\u{0} was refused at https://x.example/?client_secret=s3cr3t  for s3cr3t";
    assert_eq!(
        error_description::safe_description(text, &["topsecretcode", "s3cr3t"]),
        None,
        "a description with a secret is not shown"
    );
    let text = "The code\u{0} was refused at https://x.example/?a=b  today";
    assert_eq!(
        error_description::safe_description(text, &["s3cr3t"]).as_deref(),
        Some("The code was refused at today")
    );
    assert_eq!(error_description::safe_description(&"so ".repeat(1000), &[]).map(|text| text.len()), Some(300));
}

#[test]
fn sec_7_errors_of_a_callback() {
    let of = |fields: Value| reply::callback_error(&object(fields));
    assert!(of(json!({"code": "c", "error": null, "error_code": "", "denied": false})).is_none());
    for declined in [
        json!({"error": "access_denied"}),
        json!({"denied": "tok"}),
        json!({"oauth_problem": "user_refused"}),
        json!({"error": "user_cancelled_login"}),
        json!({"error_code": 200, "error_message": "m"}),
    ] {
        assert!(matches!(of(declined.clone()), Some(ProviderError::AccessDenied { .. })), "{declined}");
    }
    for other in [json!({"error": "server_error"}), json!({"error": {"code": "x"}})] {
        assert!(matches!(of(other.clone()), Some(ProviderError::AuthorizationError { .. })), "{other}");
    }
}

#[test]
fn signed_json_needs_the_secret_of_the_app() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let payload = URL_SAFE_NO_PAD.encode(r#"{"oauth_token":"t","issued_at":1}"#);
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"secret");
    let signature = URL_SAFE_NO_PAD.encode(aws_lc_rs::hmac::sign(&key, payload.as_bytes()));
    let signed = format!("{signature}=.{payload}");
    let of = |signed: &str, secret| {
        eval(&format!("signed_json(profile.signed, '{secret}').oauth_token"), &json!({"signed": signed}))
    };
    assert_eq!(of(&signed, "secret"), Some(json!("t")));
    for (wrong, secret) in [(signed.as_str(), "another"), (&payload, "secret"), (&format!("{signed}x"), "secret")] {
        assert_eq!(of(wrong, secret), None, "{wrong}");
    }
}

#[test]
fn tripit_uses_the_primary_address() {
    let address = |text: &str, primary: bool| {
        format!(
            "<ProfileEmailAddress><address>{text}</address><is_confirmed>true</is_confirmed>\
             <is_primary>{primary}</is_primary></ProfileEmailAddress>"
        )
    };
    let xml = format!(
        "<Response><Profile ref=\"p-1\"><ProfileEmailAddresses>{}{}</ProfileEmailAddresses>\
         <screen_name>ada</screen_name><public_display_name>Ada B.</public_display_name></Profile></Response>",
        address("old@mail.example", false),
        address("ada@mail.example", true),
    );
    let found = tripit::profile(&xml).unwrap();
    assert_eq!(found["id"], "p-1");
    assert_eq!((&found["email"], &found["email_confirmed"]), (&json!("ada@mail.example"), &json!(true)));
    assert_eq!((&found["name"], &found["screen_name"]), (&json!("Ada B."), &json!("ada")));
    assert_eq!(tripit::profile("<Response/>"), None);
    assert_eq!(tripit::profile("no XML"), None);
}
