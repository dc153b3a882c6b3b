//! The root certificates that outgoing TLS connections trust: those of the system and of SSL_CERT_FILE. Read once, at start.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use crate::settings::SettingError;

/// Files in which systems store all root certificates. Reading one is faster than reading a folder of hundreds of files.
const BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Makes aws-lc-rs the default TLS crypto provider of the process. Further calls have no effect.
pub fn install_crypto() {
    // An error means that a provider is installed already.
    let _ = aws_lc_rs::default_provider().install_default();
}

pub(super) fn config(extra_roots: Option<&Path>) -> Result<ClientConfig, SettingError> {
    let mut roots = system_roots();
    if let Some(path) = extra_roots {
        add_file(&mut roots, path)?;
    }
    if roots.is_empty() {
        // A process has several clients.
        static WARNED: std::sync::Once = std::sync::Once::new();
        WARNED.call_once(|| {
            tracing::warn!(
                "this system has no root certificates, so no provider on the Internet can be called; set SSL_CERT_FILE"
            );
        });
    }
    config_of(roots)
}

/// Trusts one root certificate alone, given as PEM. Errors: the certificate is invalid.
pub(super) fn config_with_root(root: &str) -> Result<ClientConfig, SettingError> {
    let wrong = || SettingError::new("SSL_CERT_FILE", "the certificate of the simulator is invalid");
    let certificate = CertificateDer::from_pem_slice(root.as_bytes()).map_err(|_| wrong())?;
    let mut roots = RootCertStore::empty();
    roots.add(certificate).map_err(|_| wrong())?;
    config_of(roots)
}

fn config_of(roots: RootCertStore) -> Result<ClientConfig, SettingError> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| SettingError::new("SSL_CERT_FILE", error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// `load_native_certs` reads SSL_CERT_FILE instead of the system's certificates, but here that setting adds to them. So it is
/// called only where no bundle is found.
fn system_roots() -> RootCertStore {
    let found = match BUNDLES.iter().map(Path::new).find(|path| path.is_file()) {
        Some(bundle) => rustls_native_certs::load_certs_from_paths(Some(bundle), None),
        None => rustls_native_certs::load_native_certs(),
    };
    let mut roots = RootCertStore::empty();
    // Skips certificates that cannot be parsed, which old bundles contain.
    roots.add_parsable_certificates(found.certs);
    roots
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), SettingError> {
    let wrong = |problem: String| SettingError::new("SSL_CERT_FILE", problem);
    let found = rustls_native_certs::load_certs_from_paths(Some(path), None);
    if let Some(error) = found.errors.first() {
        return Err(wrong(error.to_string()));
    }
    if found.certs.is_empty() {
        return Err(wrong(format!("{} contains no certificate in PEM format", path.display())));
    }
    for certificate in found.certs {
        roots
            .add(certificate)
            .map_err(|error| wrong(format!("{} contains an invalid certificate: {error}", path.display())))?;
    }
    Ok(())
}
