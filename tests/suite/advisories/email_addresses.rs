//! E-mail addresses written so that they pass a list of domains or match another user's address.

use serde_json::{Value, json};

use super::{credential, google_profile, linked_accounts, linking_by_email, oidc_profile, sign_in};
use crate::support::{Engine, TestApp, on_both_databases};

on_both_databases! {
    cve_2026_40574_oauth2_proxy_email_with_two_domains_is_refused_by_allow_lists,
    ghsa_7rqj_auth_js_unicode_at_sign_does_not_change_the_domain,
    ghsa_7rqj_auth_js_other_spelling_of_a_denied_domain_is_denied,
    ghsa_7rqj_auth_js_similar_email_does_not_match_another_user,
}

fn escaped(email: &str) -> String {
    email.escape_debug().to_string()
}

/// oauth2-proxy compared the end of the claim with the domain, so `attacker@evil.example@company.com` was accepted for
/// company.com. Here addresses are parsed before the lists are checked, and an invalid address passes no list.
async fn cve_2026_40574_oauth2_proxy_email_with_two_domains_is_refused_by_allow_lists(engine: Engine) {
    let lists = [("WHITELISTED_DOMAINS", "company.com"), ("WHITELISTED_EMAILS", "ceo@company.com,x@company.com")];
    for (list, entries) in lists {
        let app = TestApp::builder(engine).oidc().with(&format!("SOCIAL_AUTH_{list}"), entries).start().await;
        for (n, email) in [
            "attacker@evil.example@company.com",
            "attacker@evil.example@ceo@company.com",
            "attacker@evil.example,ceo@company.com",
            "attacker@evil.example, ceo@company.com",
            "attacker@evil.example;ceo@company.com",
            "attacker@evil.example ceo@company.com",
            "attacker@evil.example\r\nceo@company.com",
            "attacker@evil.example\nceo@company.com",
            "attacker@evil.example\tceo@company.com",
            "attacker@evil.example\u{0}ceo@company.com",
            "attacker@evil.example\u{b}@company.com",
            "attacker@evil.example%40company.com",
            "attacker%40evil.example@@company.com",
            "<attacker@evil.example>ceo@company.com",
            "attacker@evil.example<ceo@company.com>",
            "CEO <ceo@company.com>",
            "ceo@company.com (attacker@evil.example)",
            "mailto:ceo@company.com",
            "attacker@evil.example#@company.com",
            "attacker@evil.example?@company.com",
            "attacker@evil.example/@company.com",
            "attacker@evil.example\\@company.com",
            "attacker@company.com@evil.example",
            "attacker@company.com.evil.example",
            "attacker@evilcompany.com",
            "attacker@sub.company.com",
            "attacker@.company.com",
            "attacker@company.com..",
            "attacker@company.com:25",
            "attacker@[company.com]",
            "attacker@-company.com",
            "@company.com",
            "@ceo@company.com",
            "company.com",
            "ceo",
            "",
        ]
        .into_iter()
        .enumerate()
        {
            let (code, sub) = (format!("u{}", n + 1), format!("s{n}"));
            app.fake_users.set_profile("oidc", &code, oidc_profile(&sub, email));
            let answer = sign_in(&app, "oidc", &code).await;
            assert_eq!(answer.status, 403, "{list}: {}: {}", escaped(email), answer.text);
        }
        assert_eq!(app.database.count("users").await, 0, "{list}");
        // Unverified addresses and values that are not texts are refused too.
        for (n, (email, verified)) in [
            (json!("ceo@company.com"), json!(false)),
            (json!("ceo@company.com"), Value::Null),
            (json!(["ceo@company.com"]), json!(true)),
            (json!({"value": "ceo@company.com"}), json!(true)),
        ]
        .into_iter()
        .enumerate()
        {
            let code = format!("u{}", n + 100);
            let profile = json!({"sub": code, "preferred_username": code, "email": email, "email_verified": verified});
            app.fake_users.set_profile("oidc", &code, profile);
            let answer = sign_in(&app, "oidc", &code).await;
            assert!(matches!(answer.status, 403 | 502), "{list}: {email}, verified {verified}: {}", answer.text);
        }
        for (code, email) in [("u200", "ceo@company.com"), ("u201", "X@COMPANY.com")] {
            app.fake_users.set_profile("oidc", code, oidc_profile(code, email));
            sign_in(&app, "oidc", code).await.ok();
        }
    }
}

/// Characters that Unicode compatibility normalization turns into `@`.
const AT_SIGNS: [char; 2] = ['\u{ff20}', '\u{fe6b}'];

/// Auth.js checked for a single `@` and normalized the address afterwards, which turned a full-width `@` into a second one.
/// Here an address is not normalized into another one: a character that looks like `@` is not a separator.
async fn ghsa_7rqj_auth_js_unicode_at_sign_does_not_change_the_domain(engine: Engine) {
    let app = TestApp::builder(engine).oidc().with("SOCIAL_AUTH_WHITELISTED_DOMAINS", "company.com").start().await;
    let mut emails = Vec::new();
    for at in AT_SIGNS {
        emails.extend([
            format!("attacker@evil.example{at}company.com"),
            format!("attacker{at}evil.example@company.com"),
            format!("attacker{at}company.com"),
            format!("attacker{at}company.com@evil.example"),
            format!("attacker@company.com{at}evil.example"),
            format!("{at}@company.com{at}"),
        ]);
    }
    for domain in [
        "comp\u{430}ny.com",
        "\u{ff43}ompany.com.evil.example",
        "company\u{2024}com.evil.example",
        "company.com\u{2044}evil.example",
        "company.com\u{200b}.evil.example",
        "c\u{f6}mpany.com",
        "xn--cmpany-wxa.com",
    ] {
        emails.push(format!("attacker@{domain}"));
    }
    for (n, email) in emails.iter().enumerate() {
        let (code, sub) = (format!("u{}", n + 1), format!("s{n}"));
        app.fake_users.set_profile("oidc", &code, oidc_profile(&sub, email));
        let answer = sign_in(&app, "oidc", &code).await;
        // A non-ASCII local part is valid (RFC 6531), so such an address may be accepted if it is stored unchanged.
        let is_of_company = email.rsplit_once('@').is_some_and(|(_, domain)| domain == "company.com");
        assert!(answer.status == 403 || (is_of_company && answer.status == 200), "{email}: {}", answer.text);
        if answer.status == 200 {
            assert_eq!(answer.field("email"), *email, "the address is stored unchanged");
        }
    }
}

/// The same for deny lists: other spellings of a denied domain must be denied too.
async fn ghsa_7rqj_auth_js_other_spelling_of_a_denied_domain_is_denied(engine: Engine) {
    let denied = "evil.example,b\u{fc}cher.example,xn--fa-hia.example";
    let plan = TestApp::builder(engine).oidc().with("SOCIAL_AUTH_DENIED_DOMAINS", denied);
    let app = plan.with("SOCIAL_AUTH_DENIED_EMAILS", "eve@good.example").start().await;
    for (n, email) in [
        "a@evil.example",
        "a@EVIL.EXAMPLE",
        "a@sub.evil.example",
        "a@\u{ff45}\u{ff56}\u{ff49}\u{ff4c}.example",
        "a@evil\u{3002}example",
        "a@evil\u{ff0e}example",
        "a@evil\u{ff61}example",
        "a@ev\u{ad}il.example",
        "a@evil\u{200b}.example",
        "a@evil\u{2060}.example",
        "a@evil.exampl\u{24d4}",
        "a@evil.example.",
        "a@xn--bcher-kva.example",
        "a@b\u{fc}cher.example",
        "a@B\u{dc}CHER.example",
        "a@bu\u{308}cher.example",
        "a@fa\u{df}.example",
        "eve@good.example",
        "EVE@good.example",
        "eve@GOOD.example",
        "eve@good\u{3002}example",
    ]
    .into_iter()
    .enumerate()
    {
        let (code, sub) = (format!("u{}", n + 1), format!("s{n}"));
        app.fake_users.set_profile("oidc", &code, oidc_profile(&sub, email));
        let answer = sign_in(&app, "oidc", &code).await;
        // An invalid address counts as no address. It is not denied, but it is not stored either.
        let no_address = answer.status == 200 && answer.field("email").is_empty();
        assert!(answer.status == 403 || no_address, "{}: {}", escaped(email), answer.text);
    }
    app.fake_users.set_profile("oidc", "u100", oidc_profile("s100", "ana@notevil.example"));
    assert_eq!(sign_in(&app, "oidc", "u100").await.field("email"), "ana@notevil.example");
}

/// The same for linking by address: an address that equals another one only after case folding or normalization is a
/// different address.
async fn ghsa_7rqj_auth_js_similar_email_does_not_match_another_user(engine: Engine) {
    for force_lowercase in ["false", "true"] {
        let plan = linking_by_email(engine, "google-oauth2,oidc");
        let app = plan.with("SOCIAL_AUTH_FORCE_EMAIL_LOWERCASE", force_lowercase).start().await;
        app.fake_users.set_profile("google-oauth2", "u1", google_profile("1", "mikes@example.com"));
        let victim = sign_in(&app, "google-oauth2", "u1").await;
        for (n, email) in [
            "mi\u{212a}es@example.com",
            "m\u{131}kes@example.com",
            "M\u{130}KES@example.com",
            "mike\u{17f}@example.com",
            "\u{ff4d}ikes@example.com",
            "mikes@ex\u{430}mple.com",
            "mikes\u{ff20}example.com",
            "mikes@example.com@evil.example",
            "mikes@evil.example@example.com",
            "mi\u{ad}kes@example.com",
            "mikes\u{200b}@example.com",
            "mikes+x@example.com",
            "m.ikes@example.com",
            " mikes@example.com\u{a0}x",
        ]
        .into_iter()
        .enumerate()
        {
            let (code, sub) = (format!("u{}", n + 2), format!("s{n}"));
            app.fake_users.set_profile("oidc", &code, oidc_profile(&sub, email));
            let answer = sign_in(&app, "oidc", &code).await;
            if answer.status == 200 {
                assert_ne!(answer.ok()["id"], victim.ok()["id"], "{}: {}", escaped(email), answer.text);
            } else {
                assert!((400..500).contains(&answer.status), "{}: {}", escaped(email), answer.text);
            }
        }
        assert_eq!(
            linked_accounts(&app, &credential(&victim)).await.len(),
            1,
            "FORCE_EMAIL_LOWERCASE {force_lowercase}"
        );
        // ASCII letters in another case are the same address.
        app.fake_users.set_profile("oidc", "u50", oidc_profile("s50", "MIKES@Example.com"));
        assert_eq!(sign_in(&app, "oidc", "u50").await.ok()["id"], victim.ok()["id"]);
    }
}
