//! The tags that group the operations.

use poem_openapi::Tags;

/// A group of operations.
#[derive(Tags)]
pub enum Tag {
    /// Post the parameters of the provider's callback and get a signed-in user: `code`, and `state` if the login was begun here
    /// (with `flow_token` from a client without cookies). Each kind of credential has its own route; all take the same body. A
    /// new user is created. If the login was begun with a credential, the provider's account is linked to that user instead;
    /// a credential sent only with this call links nothing. In OAuth 1.0a a call without `oauth_token`, as front-ends of
    /// django-rest-social-auth make it, is answered 200 with an `oauth_token` for the provider's URL; use begin instead.
    #[oai(rename = "login")]
    Login,
    /// Session login under the paths without a kind, as front-ends of django-rest-social-auth use them. New front-ends use
    /// `/api/login/social/session/`.
    #[oai(rename = "compatibility")]
    Compatibility,
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
    /// For services that accept the credentials of this server: public keys, metadata, introspection and revocation.
    #[oai(rename = "services")]
    Services,
    /// For the operator of the server.
    #[oai(rename = "operations")]
    Operations,
}
