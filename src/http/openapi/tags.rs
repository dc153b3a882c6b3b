//! The tags that group the operations.

use poem_openapi::Tags;

/// A group of operations.
#[derive(Tags)]
pub enum Tag {
    /// Post the code of a provider's callback and get a signed-in user. Each kind of credential has its own route; all take
    /// the same body.
    #[oai(rename = "login")]
    Login,
    /// What a front-end needs before a login: the list of providers, and the URL to send the user to.
    #[oai(rename = "begin")]
    Begin,
    /// The redirect flow on the server, for pages without script and for native apps.
    #[oai(rename = "redirect")]
    ServerRedirect,
    /// The signed-in user, by any kind of credential.
    #[oai(rename = "user")]
    User,
    /// Refresh, verify and revoke JWTs.
    #[oai(rename = "jwt")]
    Jwt,
    /// Revoke credentials.
    #[oai(rename = "logout")]
    Logout,
    /// For services that accept the credentials of this server.
    #[oai(rename = "services")]
    Services,
    /// For the operator of the server.
    #[oai(rename = "operations")]
    Operations,
}
