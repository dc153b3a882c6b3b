//! `dev`: the whole thing on this machine alone, with the demo provider beside it on a port of its own.

use std::net::SocketAddr;
use std::path::Path;

use tokio::net::TcpListener;
use tokio::sync::watch;
use url::Url;

use super::dev_directory::Place;
use super::serve::bring_up_to_date;
use super::{Failure, bind, environment, logging, print, settings, signals};
use crate::clock::Deps;
use crate::demo::Demo;
use crate::provider;
use crate::server::{Server, listen};
use crate::settings::{Mode, Settings, Sources, StatePolicy, read_with_errors};

/// How many ports after the server's own are tried for the demo provider.
const TRIES: u16 = 50;

pub(super) async fn dev(config: Option<&Path>, tls: bool, deps: Deps) -> Result<(), Failure> {
    let place = Place::open()?;
    let certificate = tls.then(|| place.certificate()).transpose()?;
    let environment = environment_of_dev(&place, certificate.as_ref().map(|(chain, _)| chain.as_str()))?;

    // The demo provider's address is among the settings, and lies beside the server's.
    let listener = bind(where_to_listen(config, &environment), false)?;
    let address = local_address(&listener)?;
    let demo_listener = bind_beside(address)?;
    let scheme = if tls { "https" } else { "http" };
    let demo_url = base_url(scheme, local_address(&demo_listener)?)?;
    let demo = Demo::new(demo_url.clone(), deps.clone());

    let mut defaults = demo.settings();
    defaults.extend(defaults_of_dev(&place, &place.secret_key(&deps)?));
    let mut environment = environment;
    // Port 0 has become a real one, which the lists of loopback addresses name.
    environment.push(("LISTEN".to_owned(), address.to_string()));
    let settings = settings(Mode::Dev, defaults, config, environment, &deps)?;
    logging::start(&settings);
    let announcement = announcement(&base_url(scheme, address)?, &demo_url, &settings, &place);
    let server = Server::build(settings, deps, true).await?.without_idle_grace();
    bring_up_to_date(server.repository().as_ref()).await?;

    let (stop, stopped) = watch::channel(());
    let asked = signals::asked_to_stop()?;
    tokio::spawn(async move {
        asked.await;
        drop(stop);
    });
    let demo = tokio::spawn(demo.run(demo_listener, certificate.clone(), gone(stopped.clone())));
    print(&announcement)?;
    let served = server.run(listener, certificate, gone(stopped)).await;
    let failed = |error: std::io::Error| Failure::Other(format!("the server failed: {error}"));
    served.map_err(failed)?;
    match demo.await {
        Ok(result) => result.map_err(failed),
        Err(_) => Err(Failure::Other("the demo provider failed".to_owned())),
    }
}

/// Resolves when the other end is dropped.
async fn gone(mut stopped: watch::Receiver<()>) {
    while stopped.changed().await.is_ok() {}
}

/// What this machine is told about proxies and roots does not hold for the demo provider, which is on this machine.
fn environment_of_dev(place: &Place, chain: Option<&str>) -> Result<Vec<(String, String)>, Failure> {
    let mut environment = environment();
    let known = |name: &str| {
        environment.iter().rev().find(|(known, text)| known == name && !text.is_empty()).map(|(_, text)| text.clone())
    };
    let mut without_proxy = known("NO_PROXY").or_else(|| known("no_proxy")).unwrap_or_default();
    for host in ["127.0.0.1", "localhost", "::1"] {
        if !without_proxy.is_empty() {
            without_proxy.push(',');
        }
        without_proxy.push_str(host);
    }
    let roots = match chain {
        Some(chain) => Some(place.roots(chain, known("SSL_CERT_FILE").as_deref())?.display().to_string()),
        None => None,
    };
    environment.push(("NO_PROXY".to_owned(), without_proxy));
    environment.extend(roots.map(|roots| ("SSL_CERT_FILE".to_owned(), roots)));
    Ok(environment)
}

/// Weakest of all: the file and the environment win.
fn defaults_of_dev(place: &Place, secret_key: &str) -> toml::Table {
    let text = |text: &str| toml::Value::String(text.to_owned());
    toml::Table::from_iter([
        ("secret_key".to_owned(), text(secret_key)),
        ("database_url".to_owned(), text(&format!("sqlite://{}", place.path("dev.db").display()))),
        ("state_policy".to_owned(), text("required")),
        ("outgoing_allow_private".to_owned(), toml::Value::Boolean(true)),
    ])
}

/// Mistakes are told later, when everything is read.
fn where_to_listen(config: Option<&Path>, environment: &[(String, String)]) -> SocketAddr {
    let catalog = provider::catalog_names();
    let sources = Sources {
        mode: Mode::Dev,
        defaults: toml::Table::new(),
        file: config,
        environment: environment.to_vec(),
        catalog: &catalog,
        steps: &[],
        fields: &[],
    };
    let listen = read_with_errors(&sources).0.listen;
    if listen.ip().is_loopback() { listen } else { SocketAddr::from(([127, 0, 0, 1], listen.port())) }
}

/// On the next port, or the next free one after it.
fn bind_beside(address: SocketAddr) -> Result<TcpListener, Failure> {
    for step in 1..=TRIES {
        let Some(port) = address.port().checked_add(step) else { break };
        if let Ok(listener) = listen::bind(SocketAddr::new(address.ip(), port), false) {
            return Ok(listener);
        }
    }
    bind(SocketAddr::new(address.ip(), 0), false).map_err(Failure::from)
}

fn local_address(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener.local_addr().map_err(|error| Failure::Other(format!("the address is not known: {error}")))
}

fn base_url(scheme: &str, address: SocketAddr) -> Result<Url, Failure> {
    Url::parse(&format!("{scheme}://{address}")).map_err(|error| Failure::Other(format!("no address: {error}")))
}

fn announcement(own: &Url, demo: &Url, settings: &Settings, place: &Place) -> String {
    let own = settings.public_url.as_ref().unwrap_or(own);
    let warning = if own.scheme() == "https" {
        "\n  Your browser will warn of the certificate, which was made for this machine; go on to the page."
    } else {
        ""
    };
    let state = match settings.state_policy {
        StatePolicy::Required => {
            "needed; STATE_POLICY=when_present takes a code alone, as the original's front-ends post it"
        }
        StatePolicy::WhenPresent => "held against its login where one is posted",
        StatePolicy::Off => "not looked at",
    };
    let listed = settings.allowed_redirect_uris.iter().filter_map(|uri| uri.strip_prefix(own.as_str()));
    let pages = listed.map(|page| format!("/{page}")).collect::<Vec<_>>().join(", ");
    format!(
        "\n  Open {own}\n\n  Examples       {own}example/\n  API and docs   {own}docs/\n  Demo provider  {demo}\n  \
         Redirect URIs  {pages} on this address, and those of ALLOWED_REDIRECT_URIS\n  State          {state}\n  \
         Data           {}\n{warning}\n  Stop with Ctrl-C.\n",
        place.path("").display()
    )
}
