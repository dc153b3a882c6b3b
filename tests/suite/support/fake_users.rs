//! The users of the tests and their profiles at each provider.
//!
//! The code `u7` signs in user 7: `user7`, `First7 Last7`, `user7@example.com`, id 7. So do `u07` and `u007`, because a
//! code is accepted once. The provider refuses any other code with its own error. A test that needs another user sets a
//! profile with [`FakeUsers::set_profile`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use rest_social_auth::clock::Deps;
use serde_json::{Value, json};

use super::double::{Call, Double, Reply};
use super::signer;

pub const CLIENT_ID: &str = "client-of-the-test";
pub const CLIENT_SECRET: &str = "client-secret-5f2d7c";
/// The issuer of the generic OpenID Connect provider.
pub const ISSUER: &str = "https://id.example";

pub const GITHUB_TOKEN: &str = "POST github.com/login/oauth/access_token";
pub const GITHUB_USER: &str = "GET api.github.com/user";
pub const FACEBOOK_TOKEN: &str = "GET graph.facebook.com/v24.0/oauth/access_token";
pub const FACEBOOK_ME: &str = "GET graph.facebook.com/v24.0/me";
pub const GOOGLE_TOKEN: &str = "POST accounts.google.com/o/oauth2/token";
pub const GOOGLE_USER: &str = "GET www.googleapis.com/oauth2/v3/userinfo";
pub const TWITTER_REQUEST: &str = "POST api.twitter.com/oauth/request_token";
pub const TWITTER_ACCESS: &str = "POST api.twitter.com/oauth/access_token";
pub const TWITTER_USER: &str = "GET api.twitter.com/1.1/account/verify_credentials.json";
pub const OIDC_TOKEN: &str = "POST id.example/token";
pub const OIDC_KEYS: &str = "GET id.example/keys";

type Change = Arc<dyn Fn(&mut Value) + Send + Sync>;

/// Cheap to clone.
#[derive(Clone, Default)]
pub struct FakeUsers {
    /// (provider, code) -> raw profile.
    profiles: Arc<Mutex<HashMap<(String, String), Value>>>,
    /// Applied to the claims of every id_token.
    claims: Arc<Mutex<Option<Change>>>,
    /// Unix seconds, as the server's clock has them.
    now: Arc<Mutex<i64>>,
    /// The secret of every issued request token.
    request_tokens: Arc<Mutex<HashMap<String, String>>>,
}

/// Settings of a server that calls this double for GitHub.
pub fn github_settings(double: &Double) -> [(&str, &str); 4] {
    [
        ("HTTPS_PROXY", double.proxy()),
        ("SSL_CERT_FILE", double.authority().to_str().expect("a path in UTF-8")),
        ("SOCIAL_AUTH_GITHUB_KEY", CLIENT_ID),
        ("SOCIAL_AUTH_GITHUB_SECRET", CLIENT_SECRET),
    ]
}

impl FakeUsers {
    /// A double of the providers that answers for these users.
    pub async fn start() -> (Double, Self) {
        let (double, fake_users) = (Double::start().await, Self::default());
        fake_users.answer(&double);
        (double, fake_users)
    }

    /// [`Self::start`] for a server process, whose clock is that of the system.
    pub async fn start_now() -> (Double, Self) {
        let (double, fake_users) = Self::start().await;
        fake_users.set_now(Deps::system().now().seconds());
        (double, fake_users)
    }

    /// Sets the raw profile that `provider` returns for `code`, instead of the default profile.
    pub fn set_profile(&self, provider: &str, code: &str, profile: Value) {
        self.profiles.lock().expect("the lock is not poisoned").insert((provider.to_owned(), code.to_owned()), profile);
    }

    /// Changes the claims of every id_token from now on.
    pub fn change_claims(&self, change: impl Fn(&mut Value) + Send + Sync + 'static) {
        *self.claims.lock().expect("the lock is not poisoned") = Some(Arc::new(change));
    }

    pub fn set_now(&self, seconds: i64) {
        *self.now.lock().expect("the lock is not poisoned") = seconds;
    }

    /// The token secret that the provider issued with a request token.
    pub fn request_token_secret(&self, token: &str) -> Option<String> {
        self.request_tokens.lock().expect("the lock is not poisoned").get(token).cloned()
    }

    /// Registers the replies of all providers below.
    pub fn answer(&self, double: &Double) {
        self.github(double);
        self.facebook(double);
        self.google(double);
        self.twitter(double);
        self.oidc(double);
    }

    fn profile(&self, provider: &str, code: &str, stock: impl Fn(&str) -> Value) -> Value {
        let profiles = self.profiles.lock().expect("the lock is not poisoned");
        match profiles.get(&(provider.to_owned(), code.to_owned())) {
            Some(profile) => profile.clone(),
            None => stock(number(code).unwrap_or("999999")),
        }
    }

    fn github(&self, double: &Double) {
        double.on(GITHUB_TOKEN, |call| match good_code(call, "code") {
            Some(code) => {
                Reply::json(&json!({"access_token": format!("gho_{code}"), "token_type": "bearer", "scope": ""}))
            }
            None => Reply::json(&json!({
                "error": "bad_verification_code",
                "error_description": "The code passed is incorrect or expired.",
            })),
        });
        let fake_users = self.clone();
        double.on(GITHUB_USER, move |call| {
            let Some(code) = call.header("authorization").and_then(|value| value.strip_prefix("token gho_")) else {
                return Reply::json_at(401, &json!({"message": "Bad credentials"}));
            };
            Reply::json(&fake_users.profile("github", code, |n| {
                json!({"id": n.parse::<i64>().unwrap_or(0), "login": format!("user{n}"), "name": format!("First{n} Last{n}"),
                    "email": format!("user{n}@example.com")})
            }))
        });
    }

    fn facebook(&self, double: &Double) {
        double.on(FACEBOOK_TOKEN, |call| match good_code(call, "code") {
            Some(code) => Reply::json(
                &json!({"access_token": format!("fb-{code}"), "token_type": "bearer", "expires_in": 5_183_944}),
            ),
            None => Reply::json_at(
                400,
                &json!({"error": {"message": "This authorization code has been used.", "type": "OAuthException",
                    "code": 100}}),
            ),
        });
        let fake_users = self.clone();
        double.on(FACEBOOK_ME, move |call| {
            let token = call.field("access_token").unwrap_or_default();
            let Some(code) = token.strip_prefix("fb-") else {
                return Reply::json_at(400, &json!({"error": {"message": "Invalid OAuth access token."}}));
            };
            Reply::json(&fake_users.profile("facebook", code, |n| {
                json!({"id": format!("10000{n}"), "name": format!("First{n} Last{n}"), "first_name": format!("First{n}"),
                    "last_name": format!("Last{n}"), "email": format!("user{n}@example.com")})
            }))
        });
    }

    fn google(&self, double: &Double) {
        double.on(GOOGLE_TOKEN, |call| match good_code(call, "code") {
            Some(code) => Reply::json(
                &json!({"access_token": format!("ya29.{code}"), "token_type": "Bearer", "expires_in": 3599}),
            ),
            None => {
                Reply::json_at(400, &json!({"error": "invalid_grant", "error_description": "Malformed auth code."}))
            }
        });
        let fake_users = self.clone();
        double.on(GOOGLE_USER, move |call| {
            let Some(code) = call.header("authorization").and_then(|value| value.strip_prefix("Bearer ya29.")) else {
                return Reply::json_at(401, &json!({"error": "invalid_request"}));
            };
            Reply::json(&fake_users.profile("google-oauth2", code, |n| {
                json!({"sub": format!("20000{n}"), "name": format!("First{n} Last{n}"), "given_name": format!("First{n}"),
                    "family_name": format!("Last{n}"), "email": format!("user{n}@example.com"), "email_verified": true})
            }))
        });
    }

    fn twitter(&self, double: &Double) {
        let fake_users = self.clone();
        double.on(TWITTER_REQUEST, move |_| {
            let mut tokens = fake_users.request_tokens.lock().expect("the lock is not poisoned");
            let (token, secret) = (format!("rt-{}", tokens.len() + 1), format!("rts-{}-9c41e0", tokens.len() + 1));
            let body = format!("oauth_token={token}&oauth_token_secret={secret}&oauth_callback_confirmed=true");
            tokens.insert(token, secret);
            Reply::of(200, "text/html; charset=utf-8", body)
        });
        double.on(TWITTER_ACCESS, |call| {
            let verifier = oauth1_field(call, "oauth_verifier").unwrap_or_default();
            match number(&verifier) {
                Some(n) => Reply::of(
                    200,
                    "text/html; charset=utf-8",
                    format!("oauth_token=tw-{verifier}&oauth_token_secret=tws-{verifier}&user_id=3000{n}&screen_name=bird{n}"),
                ),
                None => Reply::of(401, "text/plain", "Invalid request token."),
            }
        });
        let fake_users = self.clone();
        double.on(TWITTER_USER, move |call| {
            let token = oauth1_field(call, "oauth_token").unwrap_or_default();
            let Some(code) = token.strip_prefix("tw-") else {
                return Reply::json_at(401, &json!({"errors": [{"code": 89, "message": "Invalid or expired token."}]}));
            };
            Reply::json(&fake_users.profile("twitter", code, |n| {
                json!({"id": format!("3000{n}").parse::<i64>().unwrap_or(0), "id_str": format!("3000{n}"),
                    "screen_name": format!("bird{n}"), "name": format!("First{n} Last{n}"),
                    "email": format!("user{n}@example.com")})
            }))
        });
    }

    /// The code is `u7`, or `u7~NONCE` for an authorization request with a nonce.
    fn oidc(&self, double: &Double) {
        double.always(
            "GET id.example/.well-known/openid-configuration",
            Reply::json(&json!({
                "issuer": ISSUER,
                "authorization_endpoint": "https://id.example/authorize",
                "token_endpoint": "https://id.example/token",
                "userinfo_endpoint": "https://id.example/userinfo",
                "jwks_uri": "https://id.example/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"],
            })),
        );
        double.on(OIDC_KEYS, |_| Reply::json(&signer::jwks()));
        let fake_users = self.clone();
        double.on(OIDC_TOKEN, move |call| {
            let code = call.field("code").unwrap_or_default();
            let (code, nonce) = code.split_once('~').map_or((code.as_str(), None), |(code, nonce)| (code, Some(nonce)));
            if number(code).is_none() {
                return Reply::json_at(400, &json!({"error": "invalid_grant"}));
            }
            let access_token = format!("oidc-{code}");
            let claims = fake_users.id_token_claims(code, nonce, &access_token);
            Reply::json(&json!({"access_token": access_token, "token_type": "Bearer", "expires_in": 3600,
                "id_token": signer::signed(&claims)}))
        });
        let fake_users = self.clone();
        double.on("GET id.example/userinfo", move |call| {
            match call.header("authorization").and_then(|value| value.strip_prefix("Bearer oidc-")) {
                Some(code) => Reply::json(&fake_users.profile("oidc", code, oidc_profile)),
                None => Reply::json_at(401, &json!({"error": "invalid_token"})),
            }
        });
    }

    /// The claims of a login's ID token.
    pub fn id_token_claims(&self, code: &str, nonce: Option<&str>, access_token: &str) -> Value {
        let now = *self.now.lock().expect("the lock is not poisoned");
        let mut claims = self.profile("oidc", code, oidc_profile);
        let sub = claims["sub"].clone();
        claims["iss"] = ISSUER.into();
        claims["aud"] = CLIENT_ID.into();
        claims["sub"] = sub;
        claims["iat"] = now.into();
        claims["exp"] = (now + 600).into();
        claims["at_hash"] = signer::at_hash(access_token).into();
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        let change = self.claims.lock().expect("the lock is not poisoned").clone();
        if let Some(change) = change {
            change(&mut claims);
        }
        claims
    }
}

fn oidc_profile(n: &str) -> Value {
    json!({"sub": format!("s-{n}"), "preferred_username": format!("user{n}"), "name": format!("First{n} Last{n}"),
        "given_name": format!("First{n}"), "family_name": format!("Last{n}"), "email": format!("user{n}@example.com"),
        "email_verified": true})
}

/// A parameter of the OAuth 1.0a `Authorization` header, decoded.
pub fn oauth1_field(call: &Call, name: &str) -> Option<String> {
    let header = call.header("authorization")?.strip_prefix("OAuth ")?;
    header.split(',').find_map(|pair| {
        let (known, value) = pair.trim().split_once('=')?;
        let value = percent_encoding::percent_decode_str(value.trim_matches('"')).decode_utf8_lossy();
        (known == name).then(|| value.into_owned())
    })
}

fn good_code(call: &Call, field: &str) -> Option<String> {
    call.field(field).filter(|code| number(code).is_some())
}

/// `7` of `u7` or `u07`. These providers ignore spaces around a code. 0 is the id of no user.
fn number(code: &str) -> Option<&str> {
    let digits = code.trim().strip_prefix('u')?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| match digits.trim_start_matches('0') {
        "" => "1000000",
        number => number,
    })
}
