//! `dev`: a server for development on this machine, with the provider simulator on other ports.

use std::ffi::OsString;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::Args;
use tokio::net::TcpListener;
use tokio::sync::watch;
use url::{Host, Url};

use super::configuration::{self, database_name, environment, settings, variable};
use super::dev_directory::DevDirectory;
use super::dev_seed::seed;
use super::failure::Failure;
use super::output::print;
use super::{logging, signals};
use crate::clock::Deps;
use crate::outgoing::Client;
use crate::provider::Providers;
use crate::secrets::ExposeSecret as _;
use crate::server::{Server, listen};
use crate::settings::{Mode, SettingError, Settings, StatePolicy, sqlite_file};
use crate::simulator::{Personas, Simulated, Simulator};

/// Ports after that of the server on which the simulator tries to listen.
const MAX_SIMULATOR_PORTS: u16 = 50;

/// The providers of `Simulator::demo_settings`.
const DEMO_PROVIDERS: [&str; 2] = ["demo", "demo-oauth1"];

/// The options of `dev`.
#[derive(Args)]
pub(super) struct Options {
    /// Loopback address and port, instead of LISTEN. The simulator listens on the next free port
    #[arg(long, value_name = "ADDR:PORT", conflicts_with = "port")]
    listen: Option<String>,
    /// Port on 127.0.0.1, instead of LISTEN; 0 is a free one
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Serve https with a self-signed certificate for this machine
    #[arg(long)]
    tls: bool,
    /// For tests: a temporary database, no rate limits, and an end with the parent process
    #[arg(long)]
    ephemeral: bool,
    /// Print the addresses as one line of JSON when the server is ready
    #[arg(long)]
    print_url: bool,
    /// Sign these personas in at the simulated GitHub when the server starts, so that the users exist
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    seed: Vec<String>,
    /// Simulate only these providers of the catalogue; `none` for no provider
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    simulate: Vec<String>,
    /// TOML file with personas and behaviours, instead of the built-in ones
    #[arg(long, value_name = "FILE")]
    personas: Option<PathBuf>,
}

pub(super) async fn dev(config: Option<&Path>, options: Options, deps: Deps) -> Result<(), Failure> {
    let personas = personas(options.personas.as_deref())?;
    if let Some(unknown) = options.seed.iter().find(|name| personas.find(name).is_none()) {
        return Err(Failure::CommandLine(format!("--seed: there is no persona {unknown:?}")));
    }
    let directory = if options.ephemeral { DevDirectory::temporary(&deps)? } else { DevDirectory::open()? };
    let certificate = options.tls.then(|| directory.certificate()).transpose()?;
    let mut environment =
        dev_environment(&directory, certificate.as_ref().map(|certificate| certificate.chain.as_str()))?;
    let listen = options.listen.or_else(|| options.port.map(|port| format!("127.0.0.1:{port}")));
    environment.extend(listen.map(|listen| ("LISTEN".to_owned(), listen.into())));

    // The settings contain the address of the simulator, so all listen before the settings are read.
    let listener = listen::bind_setting("LISTEN", listen_address(config, &environment)?, false)?;
    let address = local_address(&listener)?;
    let pages_listener = bind_next_port(address)?;
    let hosts_listener = bind_free_port()?;
    let scheme = if options.tls { "https" } else { "http" };
    let (own_url, simulator_url) = (base_url(scheme, address)?, base_url(scheme, local_address(&pages_listener)?)?);
    let simulator = Simulator::new(simulator_url.clone(), personas, deps.clone()).map_err(Failure::Other)?;

    let mut defaults = simulator.demo_settings();
    defaults.extend(dev_defaults(&directory, &directory.secret_key(&deps)?, options.ephemeral));
    // The allowed redirect URIs need the real port, which LISTEN with port 0 does not have.
    environment.push(("LISTEN".to_owned(), address.to_string().into()));
    let mut settings = settings(Mode::Dev, defaults, config, environment, &deps)?;
    let simulated = simulator.add_providers(&mut settings, &options.simulate).map_err(Failure::CommandLine)?;
    let configured: Vec<&str> = settings.providers.iter().map(|provider| provider.name.as_str()).collect();
    settings.provider_lists.check(&configured).map_err(|error| Failure::Settings(vec![error]))?;
    logging::start(&settings, None)?;
    let announcement = if options.print_url {
        addresses_json(&own_url, &simulator_url, &settings)
    } else {
        announcement(&own_url, &simulator_url, &settings, &directory, &simulated)
    };
    let seed_client = Client::new(&settings.outgoing)?;
    let client =
        Client::with_simulator(&settings.outgoing, simulator.network(local_address(&hosts_listener)?, &simulated))?;
    let providers = Providers::from_settings(&settings, &client, &deps)?;
    let simulator = simulator.with_providers(&providers, simulated, &settings);
    let server = Server::build_simulated(settings, providers, deps).await?.without_idle_grace_period();
    server.repository().migrate().await?;

    let (stop, stopped) = watch::channel(());
    let ignored = || tracing::warn!("SIGHUP ignored: `dev` reads its settings at start only");
    let signal = signals::stop_signal(ignored)?;
    let parent = options.ephemeral.then(signals::parent_exit);
    tokio::spawn(async move {
        match parent {
            Some(parent) => tokio::select! { () = signal => {}, () = parent => {} },
            None => signal.await,
        }
        drop(stop);
    });
    let pages = (pages_listener, certificate.clone());
    let simulator = tokio::spawn(simulator.run(pages, hosts_listener, dropped(stopped.clone())));
    let served = tokio::spawn(server.run(listener, certificate, dropped(stopped)));
    let failed = |error: std::io::Error| Failure::Other(format!("the server failed: {error}"));
    seed(&seed_client, &own_url, &options.seed).await?;
    print(&announcement)?;
    for task in [served, simulator] {
        match task.await {
            Ok(result) => result.map_err(failed)?,
            Err(_) => return Err(Failure::Other("the server or the simulator failed".to_owned())),
        }
    }
    Ok(())
}

fn personas(file: Option<&Path>) -> Result<Personas, Failure> {
    let Some(file) = file else { return Ok(Personas::built_in()) };
    let wrong = |problem: String| Failure::CommandLine(format!("--personas: {}: {problem}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    Personas::parse(&text).map_err(wrong)
}

/// Resolves when the sender is dropped.
async fn dropped(mut stopped: watch::Receiver<()>) {
    while stopped.changed().await.is_ok() {}
}

/// The process's variables, changed so that the server calls the demo provider without a proxy and trusts its certificate.
fn dev_environment(directory: &DevDirectory, chain: Option<&str>) -> Result<Vec<(String, OsString)>, Failure> {
    let mut environment = environment();
    let no_proxy = match variable(&environment, "NO_PROXY")? {
        None => variable(&environment, "no_proxy")?,
        found => found,
    };
    let hosts = no_proxy.into_iter().chain(["127.0.0.1", "localhost", "::1"]);
    let without_proxy = hosts.collect::<Vec<_>>().join(",");
    let roots = match chain {
        Some(chain) => Some(directory.roots(chain, variable(&environment, "SSL_CERT_FILE")?)?.display().to_string()),
        None => None,
    };
    environment.push(("NO_PROXY".to_owned(), without_proxy.into()));
    environment.extend(roots.map(|roots| ("SSL_CERT_FILE".to_owned(), roots.into())));
    Ok(environment)
}

/// The file and the environment take precedence over these.
fn dev_defaults(directory: &DevDirectory, secret_key: &str, is_ephemeral: bool) -> toml::Table {
    let text = |text: &str| toml::Value::String(text.to_owned());
    let mut defaults = toml::Table::from_iter([
        ("secret_key".to_owned(), text(secret_key)),
        ("database_url".to_owned(), text(&format!("sqlite://{}", directory.path("dev.db").display()))),
        ("state_policy".to_owned(), text("required")),
        ("outgoing_allow_private".to_owned(), toml::Value::Boolean(true)),
    ]);
    if is_ephemeral {
        defaults.insert("rate_limits".to_owned(), text("off"));
    }
    defaults
}

/// LISTEN. Errors: it is invalid or not a loopback address. Other errors are reported later, when all settings are read.
fn listen_address(config: Option<&Path>, environment: &[(String, OsString)]) -> Result<SocketAddr, Failure> {
    let (settings, mut errors) = configuration::read(Mode::Dev, toml::Table::new(), config, environment.to_vec());
    errors.retain(|error| error.name.eq_ignore_ascii_case("LISTEN"));
    if errors.is_empty() { Ok(settings.listen) } else { Err(Failure::Settings(errors)) }
}

/// Listens on a free port of this machine.
pub(super) fn bind_free_port() -> Result<TcpListener, SettingError> {
    listen::bind_setting("LISTEN", SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), false)
}

/// Listens on the first free port after that of `address`.
fn bind_next_port(address: SocketAddr) -> Result<TcpListener, Failure> {
    for step in 1..=MAX_SIMULATOR_PORTS {
        let Some(port) = address.port().checked_add(step) else { break };
        if let Ok(listener) = listen::bind(SocketAddr::new(address.ip(), port), false) {
            return Ok(listener);
        }
    }
    listen::bind_setting("LISTEN", SocketAddr::new(address.ip(), 0), false).map_err(Failure::from)
}

pub(super) fn local_address(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener
        .local_addr()
        .map_err(|error| Failure::Other(format!("the address of the listener cannot be read: {error}")))
}

pub(super) fn base_url(scheme: &str, address: SocketAddr) -> Result<Url, Failure> {
    Url::parse(&format!("{scheme}://{address}"))
        .map_err(|error| Failure::Other(format!("the address is not a URL: {error}")))
}

/// One line for programs.
fn addresses_json(own: &Url, simulator: &Url, settings: &Settings) -> String {
    let own = settings.public_url.as_ref().unwrap_or(own);
    let address = |url: &Url| url.as_str().trim_end_matches('/').to_owned();
    let line = serde_json::json!({"url": address(own), "simulator": address(simulator), "pid": std::process::id()});
    format!("{line}\n")
}

/// With `localhost` instead of an address of this machine: front-ends in development are at `localhost`, and to a browser an address is
/// another site, whose session cookie it does not send.
fn named(own: &Url) -> Url {
    let mut named = own.clone();
    let is_address = match own.host() {
        Some(Host::Ipv4(address)) => address == Ipv4Addr::LOCALHOST,
        Some(Host::Ipv6(address)) => address == Ipv6Addr::LOCALHOST,
        _ => false,
    };
    if is_address && named.set_host(Some("localhost")).is_err() {
        return own.clone();
    }
    named
}

/// The value of DATABASE_URL for other commands; of PostgreSQL without user, password and parameters.
fn database(settings: &Settings) -> String {
    let url = settings.database_url.expose_secret();
    let name = database_name(url);
    if sqlite_file(url).is_some() { format!("sqlite://{name}") } else { name }
}

/// Which providers are simulated, and which have a client of the operator.
fn provider_lines(own: &Url, settings: &Settings, simulated: &[Simulated]) -> String {
    let is_simulated = |name: &str| simulated.iter().any(|one| one.name == name);
    let real = settings.providers.iter().map(|provider| provider.name.as_str());
    let real: Vec<&str> = real.filter(|name| !is_simulated(name) && !DEMO_PROVIDERS.contains(name)).collect();
    let mut lines = match simulated {
        [] => "Simulated      no provider".to_owned(),
        [first, ..] => {
            let providers = if simulated.len() == 1 { "provider" } else { "providers" };
            format!(
                "Simulated      {} {providers}, such as {own}api/login/social/authorize/{}/",
                simulated.len(),
                first.name
            )
        }
    };
    if !real.is_empty() {
        lines += &format!("\n  Real           {}, with the client of the settings", real.join(", "));
    }
    lines
}

fn announcement(
    own: &Url,
    demo: &Url,
    settings: &Settings,
    directory: &DevDirectory,
    simulated: &[Simulated],
) -> String {
    // PUBLIC_URL is the address that the operator wants.
    let own = &settings.public_url.clone().unwrap_or_else(|| named(own));
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
    let providers = provider_lines(own, settings, simulated);
    format!(
        "\n  Open {own}\n\n  Examples       {own}example/\n  API and docs   {own}docs/\n  Demo provider  {demo} (client `demo`, secret `demo-secret`)\n  \
         {providers}\n  \
         Redirect URIs  every page of this machine, and ALLOWED_REDIRECT_URIS\n  State          {state}\n  \
         Data           {}\n  Database       {}\n{warning}\n  Stop with Ctrl-C.\n",
        directory.path("").display(),
        database(settings)
    )
}
