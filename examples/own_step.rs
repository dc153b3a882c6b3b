//! A login server with custom pipeline steps. A new user accepts the terms first, and the date is stored in a declared field.
//! Users of a competitor are refused. JWTs have a claim for staff. Run it like `serve`, with the settings in the environment
//! or in a file:
//!
//! ```text
//! REST_SOCIAL_AUTH_CONFIG=settings.toml cargo run --example own_step
//! ```

use rest_social_auth::async_trait;
use rest_social_auth::login::{Draft, InputField, Step, Stop};
use rest_social_auth::model::{Identity, User, UserField, UserFieldType};
use rest_social_auth::server::{Builder, Server};
use serde_json::{Map, Value, json};

/// The default pipeline with the custom steps at the positions where their inputs are known.
pub const PIPELINE: &str = "social_details, social_uid, auth_allowed, social_user, no_competitors, get_username, \
                            require_email, terms, create_user, associate_user, load_extra_data, user_details";

/// The edition of the terms, stored with the user.
const EDITION: &str = "2026-11-01";

/// Asks a new user to accept the terms. The login becomes pending (403 `additional_input_required`) and continues when the answer is posted to
/// `/api/login/social/resume/`.
pub struct Terms;

#[async_trait]
impl Step for Terms {
    async fn run(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        // Existing users accepted the terms before.
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

/// Refuses a login with a custom code, which the front-end finds in the problem document.
pub struct NoCompetitors;

#[async_trait]
impl Step for NoCompetitors {
    async fn run(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        if draft.email_verified() && draft.email().ends_with("@competitor.example") {
            return Err(Stop::refuse("competitor", "Accounts of competitor.example cannot sign in."));
        }
        Ok(())
    }
}

/// Additional claims of the JWTs.
pub fn claims(user: &User, identity: &Identity) -> Map<String, Value> {
    let is_staff = user.email_verified && user.email.ends_with("@example.com");
    let mut claims = Map::new();
    claims.insert("staff".to_owned(), is_staff.into());
    claims.insert("signed_in_with".to_owned(), identity.provider.as_str().into());
    claims
}

/// Adds the steps, fields and claims of this program.
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
