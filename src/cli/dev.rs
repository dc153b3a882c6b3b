//! `dev`: a server for development on this machine, with the demo provider on another port.

use std::net::SocketAddr;
use std::path::Path;

use tokio::net::TcpListener;
use tokio::sync::watch;
use url::Url;

use super::configuration::{self, environment, settings};
use super::dev_directory::DevDirectory;
use super::failure::Failure;
use super::output::print;
use super::serve::bind;
use super::{logging, signals};
use crate::clock::Deps;
use crate::demo::Demo;
use crate::server::{Server, listen};
use crate::settings::{Mode, Settings, StatePolicy};

/// Ports after that of the server on which the demo provider tries to listen.
const MAX_DEMO_PORTS: u16 = 50;

pub(super) async fn dev(config: Option<&Path>, listen: Option<String>, tls: bool, deps: Deps) -> Result<(), Failure> {
    let directory = DevDirectory::open()?;
    let certificate = tls.then(|| directory.certificate()).transpose()?;
    let mut environment = dev_environment(&directory, certificate.as_ref().map(|(chain, _)| chain.as_str()))?;
    environment.extend(listen.map(|listen| ("LISTEN".to_owned(), listen)));

    // The settings contain the address of the demo provider, so both listen before the settings are read.
    check_listen(config, &environment)?;
    let listener = bind(listen_address(config, &environment), false)?;
    let address = local_address(&listener)?;
    let demo_listener = bind_next_port(address)?;
    let scheme = if tls { "https" } else { "http" };
    let demo_url = base_url(scheme, local_address(&demo_listener)?)?;
    let demo = Demo::new(demo_url.clone(), deps.clone());

    let mut defaults = demo.settings();
    defaults.extend(dev_defaults(&directory, &directory.secret_key(&deps)?));
    // The allowed redirect URIs need the real port, which LISTEN with port 0 does not have.
    environment.push(("LISTEN".to_owned(), address.to_string()));
    let settings = settings(Mode::Dev, defaults, config, environment, &deps)?;
    logging::start(&settings, None);
    let announcement = announcement(&base_url(scheme, address)?, &demo_url, &settings, &directory);
    let server = Server::build(settings, deps, true).await?.without_idle_grace_period();
    server.repository().migrate().await?;

    let (stop, stopped) = watch::channel(());
    let ignored = || tracing::warn!("SIGHUP ignored: `dev` reads its settings at start only");
    let signal = signals::stop_signal(ignored)?;
    tokio::spawn(async move {
        signal.await;
        drop(stop);
    });
    let demo = tokio::spawn(demo.run(demo_listener, certificate.clone(), dropped(stopped.clone())));
    print(&announcement)?;
    let served = server.run(listener, certificate, dropped(stopped)).await;
    let failed = |error: std::io::Error| Failure::Other(format!("the server failed: {error}"));
    served.map_err(failed)?;
    match demo.await {
        Ok(result) => result.map_err(failed),
        Err(_) => Err(Failure::Other("the demo provider failed".to_owned())),
    }
}

/// Resolves when the sender is dropped.
async fn dropped(mut stopped: watch::Receiver<()>) {
    while stopped.changed().await.is_ok() {}
}

/// The process's variables, changed so that the server calls the demo provider without a proxy and trusts its certificate.
fn dev_environment(directory: &DevDirectory, chain: Option<&str>) -> Result<Vec<(String, String)>, Failure> {
    let mut environment = environment();
    let variable = |name: &str| {
        environment.iter().rev().find(|(known, text)| known == name && !text.is_empty()).map(|(_, text)| text.clone())
    };
    let mut without_proxy = variable("NO_PROXY").or_else(|| variable("no_proxy")).unwrap_or_default();
    for host in ["127.0.0.1", "localhost", "::1"] {
        if !without_proxy.is_empty() {
            without_proxy.push(',');
        }
        without_proxy.push_str(host);
    }
    let roots = match chain {
        Some(chain) => Some(directory.roots(chain, variable("SSL_CERT_FILE").as_deref())?.display().to_string()),
        None => None,
    };
    environment.push(("NO_PROXY".to_owned(), without_proxy));
    environment.extend(roots.map(|roots| ("SSL_CERT_FILE".to_owned(), roots)));
    Ok(environment)
}

/// The file and the environment take precedence over these.
fn dev_defaults(directory: &DevDirectory, secret_key: &str) -> toml::Table {
    let text = |text: &str| toml::Value::String(text.to_owned());
    toml::Table::from_iter([
        ("secret_key".to_owned(), text(secret_key)),
        ("database_url".to_owned(), text(&format!("sqlite://{}", directory.path("dev.db").display()))),
        ("state_policy".to_owned(), text("required")),
        ("outgoing_allow_private".to_owned(), toml::Value::Boolean(true)),
    ])
}

/// Errors: LISTEN is invalid or not a loopback address. Another address would be used until all settings are read.
fn check_listen(config: Option<&Path>, environment: &[(String, String)]) -> Result<(), Failure> {
    let (_, mut errors) = configuration::read(Mode::Dev, toml::Table::new(), config, environment.to_vec());
    errors.retain(|error| error.name.eq_ignore_ascii_case("LISTEN"));
    if errors.is_empty() { Ok(()) } else { Err(Failure::Settings(errors)) }
}

/// Other errors are reported later, when all settings are read.
fn listen_address(config: Option<&Path>, environment: &[(String, String)]) -> SocketAddr {
    let listen = configuration::read(Mode::Dev, toml::Table::new(), config, environment.to_vec()).0.listen;
    if listen.ip().is_loopback() { listen } else { SocketAddr::from(([127, 0, 0, 1], listen.port())) }
}

/// Listens on the first free port after that of `address`.
fn bind_next_port(address: SocketAddr) -> Result<TcpListener, Failure> {
    for step in 1..=MAX_DEMO_PORTS {
        let Some(port) = address.port().checked_add(step) else { break };
        if let Ok(listener) = listen::bind(SocketAddr::new(address.ip(), port), false) {
            return Ok(listener);
        }
    }
    bind(SocketAddr::new(address.ip(), 0), false).map_err(Failure::from)
}

fn local_address(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener
        .local_addr()
        .map_err(|error| Failure::Other(format!("the address of the listener cannot be read: {error}")))
}

fn base_url(scheme: &str, address: SocketAddr) -> Result<Url, Failure> {
    Url::parse(&format!("{scheme}://{address}"))
        .map_err(|error| Failure::Other(format!("the address is not a URL: {error}")))
}

fn announcement(own: &Url, demo: &Url, settings: &Settings, directory: &DevDirectory) -> String {
    let own = settings.public_url.as_ref().unwrap_or(own);
    let warning = if own.scheme() == "https" {
        "\n  The certificate is self-signed: accept the warning of your browser."
    } else {
        ""
    };
    let state = match settings.state_policy {
        StatePolicy::Required => "required; front-ends of django-rest-social-auth need STATE_POLICY=when_present",
        StatePolicy::WhenPresent => "verified if the front-end sends one",
        StatePolicy::Off => "not verified",
    };
    let listed = settings.allowed_redirect_uris.iter().filter_map(|uri| uri.strip_prefix(own.as_str()));
    let pages = listed.map(|page| format!("/{page}")).collect::<Vec<_>>().join(", ");
    format!(
        "\n  Open {own}\n\n  Examples       {own}example/\n  API and docs   {own}docs/\n  Demo provider  {demo} (client `demo`, secret `demo-secret`)\n  \
         Redirect URIs  {pages} of this server, and ALLOWED_REDIRECT_URIS\n  State          {state}\n  \
         Data           {}\n{warning}\n  Stop with Ctrl-C.\n",
        directory.path("").display()
    )
}
