//! The security requirements, each test named by its number, each with its attack.

mod accounts; // SEC-22 to 25: whose account, and what links two
mod browser; // SEC-32 to 36: cookies, cross-site calls, CORS, headers
mod credentials; // SEC-26 to 29, 42: what we issue and when it ends
mod flow; // SEC-1 to 7: starting and finishing a login
mod id_token; // SEC-17 to 19: what a provider says in a JWT
mod input; // SEC-44, 46: what comes in from callers and from providers
mod oauth1; // SEC-12 to 16
mod redirect; // SEC-8 to 11: where a login may return to
