//! The provider simulator of `rest-social-auth dev`: it takes the place of every provider of the catalogue, without a network and
//! without a key. The server's own code is unchanged; its client reaches the hosts of simulated providers here.
//!
//! `cli/` starts it; `serve` never does. It has two listeners: one for browsers, with the authorization endpoints, the demo provider and
//! the control endpoints, and one with TLS for the calls of the server, which answers under the names of all hosts.

mod answers;
mod authority;
mod authorization;
mod call_log;
mod configuration;
mod control;
mod demo;
mod expiring_map;
mod keys;
mod logins;
mod pages;
mod params;
mod personas;
mod provider;
mod refusal;
mod request;
mod rewriting;
mod signature;
mod state;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use poem::endpoint::make;
use poem::http::StatusCode;
use poem::{EndpointExt as _, IntoEndpoint as _, Request, Response, Route, get, post};
use tokio::net::TcpListener;
use url::Url;

pub use self::call_log::RecordedCall;
pub use self::configuration::Simulated;
pub use self::personas::Personas;

use self::authority::Authority;
use self::demo::Demo;
use self::keys::Keys;
use self::provider::SimulatedProvider;
use self::request::ProviderRequest;
use self::state::SimulatorState;
use crate::clock::Deps;
use crate::login;
use crate::outgoing::SimulatedNetwork;
use crate::provider::Providers;
use crate::server::listen;
use crate::settings::Settings;

/// Time limit for open requests at a shutdown.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a provider that does not answer keeps the connection open.
const SILENCE: Duration = Duration::from_secs(60);

/// The simulator before its providers are known.
pub struct Simulator {
    base: Url,
    demo: Demo,
    personas: Arc<Personas>,
    keys: Arc<Keys>,
    authority: Arc<Authority>,
    deps: Deps,
}

/// The simulator, ready to run.
pub struct ReadySimulator {
    state: Arc<SimulatorState>,
    demo: Demo,
    authority: Arc<Authority>,
}

impl Simulator {
    /// `base`: the address for browsers, such as `http://127.0.0.1:8001`.
    ///
    /// Errors: a key cannot be generated.
    pub fn new(base: Url, personas: Personas, deps: Deps) -> Result<Self, String> {
        let authority = Authority::new().map_err(|error| format!("a certificate cannot be created: {error}"))?;
        let demo = Demo::new(&base, &personas, deps.clone());
        Ok(Self {
            base,
            demo,
            personas: Arc::new(personas),
            keys: Arc::default(),
            authority: Arc::new(authority),
            deps,
        })
    }

    /// The settings of the demo provider.
    pub fn demo_settings(&self) -> toml::Table {
        self.demo.settings()
    }

    /// Adds every provider of the catalogue that is in service and not configured, and the operator's own with a sample. `only`: these
    /// names alone, unless it is empty; `none` is no provider.
    ///
    /// Errors: a sample is invalid, or a name unknown.
    pub fn add_providers(&self, settings: &mut Settings, only: &[String]) -> Result<Vec<Simulated>, String> {
        configuration::add_providers(settings, only, &self.keys)
    }

    /// Simulates one provider, whatever its settings are.
    ///
    /// Errors: there is no provider of this name, or it has no sample.
    pub fn add_provider(&self, name: &str, settings: &mut Settings) -> Result<Simulated, String> {
        configuration::add_provider(name, settings, &self.keys)
    }

    /// For the client of the server. `hosts`: the address of the listener with TLS.
    pub fn network(&self, hosts: SocketAddr, simulated: &[Simulated]) -> SimulatedNetwork {
        let mut pages = self.base.clone();
        pages.set_path("/at/");
        SimulatedNetwork {
            address: hosts,
            root: self.authority.root().to_owned(),
            pages,
            providers: simulated.iter().map(|one| one.name.clone()).collect::<HashSet<_>>(),
        }
    }

    /// Connects the samples with the providers that the server has made of the settings.
    pub fn with_providers(
        self,
        providers: &Providers,
        simulated: Vec<Simulated>,
        settings: &Settings,
    ) -> ReadySimulator {
        let list = simulated.into_iter().filter_map(|Simulated { name, sample }| {
            let provider = providers.get(&name)?.clone();
            let uris = login::registered_redirect_uris(settings, &name);
            Some(Arc::new(SimulatedProvider::new(provider, Arc::new(sample), uris)))
        });
        let state = SimulatorState::new(list.collect(), self.personas, self.keys, self.deps);
        ReadySimulator { state: Arc::new(state), demo: self.demo, authority: self.authority }
    }
}

impl ReadySimulator {
    /// The calls so far.
    pub fn calls(&self) -> impl Fn() -> Vec<RecordedCall> + use<> {
        let state = self.state.clone();
        move || state.log().list(None)
    }

    /// Serves until `shutdown`. `pages`: for browsers, with the certificate for https. `hosts`: for the server.
    ///
    /// Errors: those of the listeners, and an invalid certificate.
    pub async fn run(
        self,
        pages: (TcpListener, Option<listen::Certificate>),
        hosts: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        let stages = listen::Shutdown { limit: SHUTDOWN_TIMEOUT, ..listen::Shutdown::default() };
        let closing = stages.closing.clone();
        tokio::spawn(async move {
            shutdown.await;
            closing.cancel();
        });
        let tls = pages.1.as_ref().map(listen::tls_acceptor).transpose()?;
        let acceptor = self.authority.acceptor().map_err(std::io::Error::other)?;
        let browser = self.demo.mount(browser_routes(&self.state)).into_endpoint();
        let state = self.state;
        let server = make(move |request| answer(state.clone(), request));
        let (browser, server) = tokio::join!(
            listen::serve(pages.0, tls, browser, &stages),
            listen::serve(hosts, Some(acceptor), server, &stages)
        );
        browser.and(server)
    }
}

fn browser_routes(state: &Arc<SimulatorState>) -> Route {
    Route::new()
        .at("/at/*path", get(authorization::authorize).data(state.clone()))
        .at("/simulator/consent", post(authorization::consent).data(state.clone()))
        .at("/simulator/calls", get(control::calls).delete(control::clear_calls).data(state.clone()))
        .at("/simulator/providers", get(control::providers).data(state.clone()))
        .at("/simulator/personas", get(control::personas).data(state.clone()))
        .at("/simulator/choose", get(control::choose).data(state.clone()))
}

/// Answers a request of the server to a provider.
async fn answer(state: Arc<SimulatorState>, mut request: Request) -> poem::Result<Response> {
    let body = request.take_body();
    let Some(request) = ProviderRequest::read(&request, body).await else {
        return Ok(Response::builder().status(StatusCode::BAD_REQUEST).finish());
    };
    let answer = answers::answer(&state, &request);
    tokio::time::sleep(answer.delay.unwrap_or(SILENCE)).await;
    let kind = match answer.body.trim_start().chars().next() {
        Some('{' | '[') => "application/json",
        Some('<') => "text/xml; charset=utf-8",
        _ => "text/plain; charset=utf-8",
    };
    let response = Response::builder().status(answer.status).content_type(kind);
    let headers = answer.headers.into_iter();
    Ok(headers.fold(response, |response, (name, value)| response.header(name, value)).body(answer.body))
}
