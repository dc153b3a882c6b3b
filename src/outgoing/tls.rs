//! What an outgoing TLS connection trusts: the system's roots and those of SSL_CERT_FILE. Read once, at start.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};

use crate::settings::SettingError;

/// Where systems keep all their roots in one file. One of them is read rather than a folder of some hundred files.
const BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Makes aws-lc-rs the one crypto library of the process. The first call counts, further ones do nothing.
pub fn install_crypto() {
    // An error means that it is installed already.
    let _ = aws_lc_rs::default_provider().install_default();
}

pub(super) fn config(extra_roots: Option<&Path>) -> Result<ClientConfig, SettingError> {
    let mut roots = system_roots();
    if let Some(path) = extra_roots {
        add_file(&mut roots, path)?;
    }
    if roots.is_empty() {
        tracing::warn!(
            "this system has no root certificates: no provider can be reached; name a file in SSL_CERT_FILE"
        );
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| SettingError::new("SSL_CERT_FILE", error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// SSL_CERT_FILE adds to these and does not replace them, so the usual look-up, which lets it, is the last resort.
fn system_roots() -> RootCertStore {
    let found = match BUNDLES.iter().map(Path::new).find(|path| path.is_file()) {
        Some(bundle) => rustls_native_certs::load_certs_from_paths(Some(bundle), None),
        None => rustls_native_certs::load_native_certs(),
    };
    let mut roots = RootCertStore::empty();
    // A system's bundle may hold certificates that nobody can use any more; they are left out.
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
        return Err(wrong(format!("{} holds no certificate in PEM form", path.display())));
    }
    for certificate in found.certs {
        roots
            .add(certificate)
            .map_err(|error| wrong(format!("{} holds a certificate that cannot be used: {error}", path.display())))?;
    }
    Ok(())
}
