//! The security requirements. Each test carries the number of its requirement and performs the attack.

mod accounts; // SEC-22 to 25: account matching and linking
mod browser; // SEC-32 to 36: cookies, cross-site requests, CORS, security headers
mod connections; // SEC-43, 44: limits of connections
mod credentials; // SEC-26 to 29, 42: issue and revocation of credentials
mod flow; // SEC-1 to 7: state, PKCE, nonce, codes
mod http2; // SEC-44: limits of HTTP/2
mod id_token; // SEC-17 to 19: ID token validation
mod input; // SEC-44, 46: limits on requests, no echo of provider texts
mod oauth1; // SEC-12 to 16: OAuth 1.0a: OAuth 1.0a
mod redirect; // SEC-8 to 11: redirect URIs and origins
