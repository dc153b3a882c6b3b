//! A login server of your own: everybody new accepts the terms first, which their user remembers in a field of its own; guests
//! of a competitor stay outside, and tokens say who is staff. Run it like `serve`, with the settings in the environment or in a file:
//!
//! ```text
//! REST_SOCIAL_AUTH_CONFIG=settings.toml cargo run --example own_step
//! ```

use rest_social_auth::async_trait;
use rest_social_auth::login::{Draft, InputField, Step, Stop};
use rest_social_auth::model::{Identity, User, UserField, UserFieldType};
use rest_social_auth::server::{Builder, Server};
use serde_json::{Map, Value, json};

/// The original's nine steps, with ours where they have what they need.
pub const PIPELINE: &str = "social_details, social_uid, auth_allowed, social_user, no_competitors, get_username, \
                            require_email, terms, create_user, associate_user, load_extra_data, user_details";

/// Of the terms, as it is kept with the user.
const EDITION: &str = "2026-11-01";

/// Asks somebody new to accept the terms. The login waits: it is answered by 202, and goes on when the answer is posted to
/// `/api/login/social/resume/`.
pub struct Terms;

#[async_trait]
impl Step for Terms {
    async fn run(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        // Only somebody new: who is known accepted them before.
        if draft.user().is_some() {
            return Ok(());
        }
        if draft.answer("terms") != Some(&json!(true)) {
            let terms = InputField::checkbox("terms", "I accept the terms of use").help("https://example.com/terms");
            return Err(Stop::ask([terms]));
        }
        draft.set_field("accepted_terms", &json!(EDITION)).map_err(|problem| Stop::invalid("terms", problem))
    }
}

/// Refuses with a code of our own, which the front-end finds in the problem document.
pub struct NoCompetitors;

#[async_trait]
impl Step for NoCompetitors {
    async fn run(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        if draft.email_verified() && draft.email().ends_with("@competitor.example") {
            return Err(Stop::refuse("competitor", "Nice try. Talk to our sales people instead."));
        }
        Ok(())
    }
}

/// Further claims of the JWTs, for the services that trust them.
pub fn claims(user: &User, identity: &Identity) -> Map<String, Value> {
    let is_staff = user.email_verified && user.email.ends_with("@example.com");
    let mut claims = Map::new();
    claims.insert("staff".to_owned(), is_staff.into());
    claims.insert("signed_in_with".to_owned(), identity.provider.as_str().into());
    claims
}

/// All that this program adds.
pub fn extended(builder: Builder) -> Builder {
    builder
        .setting("SOCIAL_AUTH_PIPELINE", PIPELINE)
        .step("terms", Terms)
        .step("no_competitors", NoCompetitors)
        .user_field(UserField::new("accepted_terms", UserFieldType::Date))
        .user_field(UserField::new("locale", UserFieldType::String).from_provider("*", "profile.locale").editable())
        .claims(claims)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut builder = Server::builder().environment();
    if let Some(path) = std::env::var_os("REST_SOCIAL_AUTH_CONFIG") {
        builder = builder.settings_file(path);
    }
    let server = extended(builder).build().await?;
    let interrupted = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    server.serve(interrupted).await?;
    Ok(())
}
