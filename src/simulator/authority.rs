//! The certificate authority of the simulator, created at each start: it issues a certificate for every host name that a client of the
//! simulator asks for. Only that client trusts it, and its key never leaves the process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

/// Number of certificates that are kept.
const MAX_CERTIFICATES: usize = 1024;

/// The authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: String,
    /// The key of all hosts.
    host_key: KeyPair,
    certificates: Mutex<HashMap<String, Arc<CertifiedKey>>>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority")
    }
}

impl Authority {
    /// Errors: a key cannot be generated.
    pub fn new() -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        parameters.distinguished_name.push(DnType::CommonName, "rest-social-auth provider simulator");
        let root = parameters.self_signed(&key)?.pem();
        let issuer = Issuer::new(parameters, key);
        Ok(Self { issuer, root, host_key: KeyPair::generate()?, certificates: Mutex::default() })
    }

    /// The root certificate, as PEM.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// Accepts connections for every host name, HTTP/1.1 only.
    ///
    /// Errors: TLS cannot be set up.
    pub fn acceptor(self: Arc<Self>) -> Result<TlsAcceptor, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(self);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    fn certificate(&self, host: &str) -> Option<Arc<CertifiedKey>> {
        let mut certificates = self.certificates.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = certificates.get(host) {
            return Some(known.clone());
        }
        let parameters = CertificateParams::new(vec![host.to_owned()]).ok()?;
        let certificate = parameters.signed_by(&self.host_key, &self.issuer).ok()?;
        let key = PrivatePkcs8KeyDer::from(self.host_key.serialize_der());
        let key = aws_lc_rs::sign::any_supported_type(&key.into()).ok()?;
        let made = Arc::new(CertifiedKey::new(vec![certificate.der().clone()], key));
        if certificates.len() >= MAX_CERTIFICATES {
            certificates.clear();
        }
        certificates.insert(host.to_owned(), made.clone());
        Some(made)
    }
}

impl ResolvesServerCert for Authority {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.certificate(hello.server_name()?)
    }
}
