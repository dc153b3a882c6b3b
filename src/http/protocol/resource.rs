//! One path with its methods: the checks before a handler runs (R-IN-12: path, method, then what the caller accepts), and
//! the response to a refusal.

use std::collections::HashMap;
use std::sync::Arc;

use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderValue, Method, header};
use poem::{Endpoint, EndpointExt as _, IntoResponse as _, Request, Response, Route};

use super::app::App;
use super::audit::{AuditMiddleware, AuditScope};
use super::language::Language;
use super::negotiation::{check_acceptable, wants_html};
use super::problem::Failure;
use super::rejection::Rejection;

/// The pattern of the path that responded, such as `/api/user/social/{id}/`; for the log. Beside each response.
#[derive(Clone, Debug)]
pub struct RoutePattern(pub Arc<str>);

/// Which requests of a route RATE_LIMIT_ADDRESS counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressLimit {
    /// None.
    None,
    /// Those that start, change or complete something.
    WithEffects,
    /// Those that only read too: their refusals are in the audit log.
    All,
}

/// What the routes of one subject have in common.
#[derive(Clone, Copy, Debug)]
pub struct RouteRules {
    /// Which refusals belong in the audit log.
    pub audit: AuditScope,
    /// Whether `Accept` and `?format=` are checked: the responses are JSON.
    pub negotiates: bool,
    /// Whether GET starts or completes something: then there is no HEAD, which link checkers send.
    pub get_has_effects: bool,
    /// Which requests RATE_LIMIT_ADDRESS counts.
    pub address_limit: AddressLimit,
    /// Whether OAuth libraries call the routes: they look for the code in `error` (RFC 6749, section 5.2).
    pub has_oauth_errors: bool,
    /// Whether browsers navigate here: then they get error pages instead of problem documents.
    pub serves_browsers: bool,
}

impl RouteRules {
    /// Routes of a signed-in user, and of tokens.
    pub const ACCOUNT: Self = Self {
        audit: AuditScope::Account,
        negotiates: true,
        get_has_effects: false,
        address_limit: AddressLimit::None,
        has_oauth_errors: false,
        serves_browsers: false,
    };
    /// Routes that services call.
    pub const SERVICE: Self = Self { audit: AuditScope::Service, has_oauth_errors: true, ..Self::ACCOUNT };
    /// Routes that are a step of a login.
    pub const LOGIN: Self =
        Self { audit: AuditScope::Login, address_limit: AddressLimit::WithEffects, ..Self::ACCOUNT };
}

/// One path with its methods.
pub struct Resource {
    pattern: RoutePattern,
    methods: Vec<(Method, BoxEndpoint<'static>)>,
    allow: HeaderValue,
    answers_head: bool,
    api: Option<ApiRoute>,
}

/// What a route of the API has and a page has not.
struct ApiRoute {
    app: Arc<App>,
    rules: RouteRules,
    /// The name of the path parameter that names the provider.
    provider_parameter: Option<&'static str>,
}

impl Resource {
    /// Adds a page or a file to the routes, also without the slash at the end of its path. It is not in the API document, and
    /// refuses nothing.
    pub fn mount_page(route: Route, path: &str, page: impl Endpoint<Output = Response> + 'static) -> Route {
        let resource = Arc::new(Self::new(path.to_owned(), [(Method::GET, page.boxed())].into(), None));
        match path.strip_suffix('/').filter(|without_slash| !without_slash.is_empty()) {
            Some(without_slash) => route.at(without_slash, resource.clone()).at(path, resource),
            None => route.at(path, resource),
        }
    }

    /// A path of the API.
    pub fn api(
        pattern: String,
        methods: HashMap<Method, BoxEndpoint<'static>>,
        app: Arc<App>,
        rules: RouteRules,
        provider_parameter: Option<&'static str>,
    ) -> Self {
        Self::new(pattern, methods, Some(ApiRoute { app, rules, provider_parameter }))
    }

    fn new(pattern: String, methods: HashMap<Method, BoxEndpoint<'static>>, api: Option<ApiRoute>) -> Self {
        let answers_head = !api.as_ref().is_some_and(|api| api.rules.get_has_effects);
        let mut methods: Vec<_> = methods.into_iter().collect();
        methods.sort_by(|(a, _), (b, _)| a.as_str().cmp(b.as_str()));
        let mut allow = String::new();
        for (method, _) in &methods {
            allow.push_str(method.as_str());
            allow.push_str(if *method == Method::GET && answers_head { ", HEAD, " } else { ", " });
        }
        allow.push_str("OPTIONS");
        let allow = HeaderValue::try_from(allow).expect("methods are ASCII");
        Self { pattern: RoutePattern(pattern.into()), methods, allow, answers_head, api }
    }

    async fn respond(&self, mut request: Request) -> Response {
        // HEAD is answered like GET; the connection leaves the body out.
        let is_head = request.method() == Method::HEAD && self.answers_head;
        let method = if is_head { &Method::GET } else { request.method() };
        let Some((_, endpoint)) = self.methods.iter().find(|(known, _)| known == method) else {
            return self.without_handler(request.method());
        };
        let Some(ApiRoute { app, rules, provider_parameter }) = &self.api else {
            return endpoint.get_response(request).await;
        };
        let has_effects = rules.get_has_effects || !request.method().is_safe();
        // The refusal of a request that only reads is not in the audit log.
        if !has_effects
            && rules.negotiates
            && let Err(failure) = check_acceptable(&request)
        {
            return failure.into_response();
        }
        let as_page = (rules.serves_browsers && wants_html(&request)).then(|| Language::of(&request));
        let provider = provider_parameter.and_then(|name| request.raw_path_param(name)).map(str::to_owned);
        let audit = AuditMiddleware::before(&mut request, rules.audit, provider);
        let answer = match check_before_handler(app, *rules, has_effects, &request).await {
            Ok(()) => endpoint.call(request).await.map_err(Rejection::from_error),
            Err(failure) => Err(failure.into()),
        };
        match answer {
            Ok(response) => response,
            Err(mut rejection) => {
                rejection.failure.is_oauth_error |= rules.has_oauth_errors;
                audit.record(app, &mut rejection.failure).await;
                rejection.into_response(&app.pages, as_page)
            }
        }
    }

    fn without_handler(&self, method: &Method) -> Response {
        let mut response = if method == Method::OPTIONS {
            Response::default()
        } else {
            let is_oauth_error = self.api.as_ref().is_some_and(|api| api.rules.has_oauth_errors);
            Failure { is_oauth_error, ..Failure::method_not_allowed() }.into_response()
        };
        response.headers_mut().insert(header::ALLOW, self.allow.clone());
        response
    }
}

/// Counts a request by its client's address, before it costs anything (SEC-43): a refusal costs a row of the audit log. Then
/// checks what the caller accepts.
async fn check_before_handler(
    app: &App,
    rules: RouteRules,
    has_effects: bool,
    request: &Request,
) -> Result<(), Failure> {
    let is_counted = match rules.address_limit {
        AddressLimit::None => false,
        AddressLimit::WithEffects => has_effects,
        AddressLimit::All => true,
    };
    if is_counted {
        app.check_address_limit(request).await?;
    }
    if rules.negotiates && has_effects { check_acceptable(request) } else { Ok(()) }
}

impl Endpoint for Resource {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let mut response = self.respond(request).await;
        response.extensions_mut().insert(self.pattern.clone());
        Ok(response)
    }
}
