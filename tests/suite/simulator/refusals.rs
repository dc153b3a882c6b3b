//! What the simulator refuses when the whole server sends it, and what the server refuses that the simulator did not send. Single wrong
//! parameters are tested in `src/simulator/tests.rs`.

use serde_json::json;

use super::{Dev, callback_of};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_simulator_refuses_what_the_provider_refuses() {
    let dev = Dev::start(&[]).await;
    let browser = dev.process.client();
    let begun = dev.begin(&browser, "github").await;
    let path = dev.page_of(&begun);
    for changed in [
        path.replace("client_id=simulated-github", "client_id=another"),
        path.replace("redirect_uri=http", "redirect_uri=https%3A%2F%2Fevil.example%2F&x=http"),
        path.replace("response_type=code", "response_type=token"),
        path.replace("code_challenge_method=S256", "code_challenge_method=plain"),
        path.replace("/login/oauth/", "/login/other/"),
    ] {
        assert_ne!(changed, path);
        let answer = dev.simulator().get(&format!("{changed}&login_hint=mara")).send().await;
        assert_eq!((answer.status, answer.header("location")), (400, None), "{changed}");
    }
    // A code of one login is refused with the verifier of another.
    let other = dev.begin(&browser, "github").await;
    let code = callback_of(&dev.consent(&begun, "login_hint=mara").await)["code"].clone();
    let mut callback = callback_of(&dev.consent(&other, "login_hint=mara").await);
    callback.insert("code".to_owned(), code);
    let answer = dev.finish(&browser, "github", "token_user", &other, &callback).await;
    assert_eq!((answer.status, &answer.json()["code"]), (400, &json!("invalid_code")), "{}", answer.text);
    let calls = dev.calls("github").await;
    let refused = calls.iter().rfind(|call| call["stage"] == "token").expect("a token request");
    assert_eq!(refused["answer"]["error"], "bad_verification_code", "{refused}");
    assert!(refused["problem"].as_str().expect("a problem").contains("code_verifier"), "{refused}");
    let text = json!(calls).to_string();
    assert!(!text.contains("simulated-secret-of-github"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_assertion_of_steam_telegram_or_apple_is_refused() {
    let dev = Dev::start(&[]).await;
    let browser = dev.process.client();
    for (provider, field, value) in [
        ("steam", "openid.claimed_id", "https://steamcommunity.com/openid/id/76561190000004712"),
        ("telegram", "id", "4712"),
        ("telegram", "first_name", "Eve"),
        ("apple-id", "code", "sim_code0_0123456789abcdef0123456789abcdef"),
        ("shopify", "shop", "another-shop.myshopify.com"),
    ] {
        let begun = dev.begin(&browser, provider).await;
        let mut callback = callback_of(&dev.consent(&begun, "login_hint=mara").await);
        assert!(
            callback.insert(field.to_owned(), value.to_owned()).is_some_and(|old| old != value),
            "{provider} {field}"
        );
        let answer = dev.finish(&browser, provider, "token_user", &begun, &callback).await;
        assert!((400..500).contains(&answer.status), "{provider} {field}: {} {}", answer.status, answer.text);
    }
    // An assertion is accepted once.
    let begun = dev.begin(&browser, "telegram").await;
    let callback = callback_of(&dev.consent(&begun, "login_hint=mara").await);
    assert_eq!(dev.finish(&browser, "telegram", "token_user", &begun, &callback).await.status, 200);
    let again = dev.begin(&dev.process.client(), "telegram").await;
    let mut replayed = callback.clone();
    let other = callback_of(&dev.consent(&again, "login_hint=mara").await);
    let state = ["state", "redirect_state"].into_iter().find(|name| other.contains_key(*name)).expect("a state");
    replayed.insert(state.to_owned(), other[state].clone());
    let answer = dev.finish(&dev.process.client(), "telegram", "token_user", &again, &replayed).await;
    assert!(answer.status >= 400, "{}", answer.text);
}
