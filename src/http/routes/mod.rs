//! The routes, one file for each subject.

mod begin;
mod credentials;
mod export;
mod health;
mod introspection;
mod login;
mod logout;
mod provider_token;
mod resume;
mod server_redirect;
mod social_accounts;
mod swap;
mod tokens;
mod user;
mod well_known;

use std::collections::HashMap;
use std::sync::Arc;

use poem::Route;
use poem_openapi::OpenApi;
use poem_openapi::registry::{MetaParamIn, MetaPath};

use super::openapi::NormalizedSpec;
use super::protocol::{AddressLimit, App, AuditScope, Resource, RouteRules};

/// All operations, in the order of the document.
pub type Operations = (
    login::Logins,
    begin::Begin,
    server_redirect::ServerRedirect,
    swap::Swap,
    resume::Resume,
    (user::Users, export::Exports, social_accounts::SocialAccounts, provider_token::ProviderTokens),
    credentials::Credentials,
    (tokens::Tokens, introspection::Introspections),
    logout::Logout,
    well_known::WellKnown,
    health::Health,
);

/// Every route of the API, each with and without its trailing slash.
pub fn routes(app: &Arc<App>) -> Route {
    let account = RouteRules::ACCOUNT;
    let login = RouteRules::LOGIN;
    let browser_flow = RouteRules { serves_browsers: true, ..login };
    let new = || app.clone();
    let mut routes = Route::new();
    let mut add = |mounted: Vec<(String, Arc<Resource>)>| {
        for (path, resource) in mounted {
            let route = std::mem::take(&mut routes);
            routes = route.at(&path, resource.clone()).at(format!("{path}/"), resource);
        }
    };
    add(mount(app, login::logins(app), login));
    add(mount(app, begin::Begin { app: new() }, login));
    let rules = RouteRules { get_has_effects: true, ..browser_flow };
    add(mount(app, server_redirect::ServerRedirect { app: new() }, rules));
    add(mount(app, swap::Swap { app: new() }, login));
    let rules = RouteRules { audit: AuditScope::PendingLogin, address_limit: AddressLimit::All, ..browser_flow };
    add(mount(app, resume::Resume { app: new() }, rules));
    add(mount(app, user::Users { app: new() }, account));
    add(mount(app, export::Exports { app: new() }, account));
    add(mount(app, social_accounts::SocialAccounts { app: new() }, account));
    let rules = RouteRules { get_has_effects: true, ..account };
    add(mount(app, provider_token::ProviderTokens { app: new() }, rules));
    add(mount(app, credentials::Credentials { app: new() }, account));
    add(mount(app, tokens::Tokens { app: new() }, account));
    add(mount(app, introspection::Introspections { app: new() }, RouteRules::SERVICE));
    add(mount(app, logout::Logout { app: new() }, account));
    let document = RouteRules { negotiates: false, ..account };
    add(mount(app, well_known::WellKnown { app: new() }, document));
    add(mount(app, health::Health { app: new() }, document));
    routes
}

/// The paths of an API, each with its methods.
fn mount<A: OpenApi>(app: &Arc<App>, api: A, rules: RouteRules) -> Vec<(String, Arc<Resource>)> {
    let mut table = HashMap::new();
    api.add_routes(&mut table);
    let documented = NormalizedSpec::<A>::meta().into_iter().flat_map(|api| api.paths);
    let resource = |MetaPath { path: pattern, operations }| {
        let path = table_key(&pattern);
        let mut parameters = operations.iter().flat_map(|operation| &operation.params);
        let names_provider = parameters.any(|param| param.in_type == MetaParamIn::Path && param.name == "provider");
        let methods = table.remove(&path).unwrap_or_default();
        let provider_parameter = names_provider.then_some("param0");
        (path, Arc::new(Resource::api(pattern, methods, app.clone(), rules, provider_parameter)))
    };
    documented.map(resource).collect()
}

/// The key of a documented path in the table of routes that the macros make: without the trailing slash, and with
/// `:param0` instead of `{provider}`.
fn table_key(pattern: &str) -> String {
    let mut number = 0;
    let segments = pattern.trim_end_matches('/').split('/').map(|segment| {
        if !segment.starts_with('{') {
            return segment.to_owned();
        }
        number += 1;
        format!(":param{}", number - 1)
    });
    segments.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_documented_path_has_its_key_in_the_table_of_routes() {
        assert_eq!(table_key("/api/login/social/knox/{provider}/"), "/api/login/social/knox/:param0");
        assert_eq!(table_key("/api/user/"), "/api/user");
        assert_eq!(table_key("/a/{b}/c/{d}"), "/a/:param0/c/:param1");
    }
}
