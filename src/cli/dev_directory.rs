//! Where `dev` keeps its data between two runs: a folder with the database, the secret key and the certificate, so that a
//! restart logs nobody out. Never used by `serve`.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::Failure;
use crate::clock::Deps;

pub(super) struct Place {
    folder: PathBuf,
}

/// Certificate chain and key, both PEM.
pub(super) type Certificate = (String, String);

impl Place {
    /// Beside the build, in a checkout; else in the current folder. Made where it is missing, for its owner alone.
    pub(super) fn open() -> Result<Self, Failure> {
        let folder = Path::new("target");
        let folder = if folder.is_dir() { folder.join("dev") } else { PathBuf::from("rest-social-auth-dev") };
        Self::at(folder)
    }

    fn at(folder: PathBuf) -> Result<Self, Failure> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(|error| Failure::Other(format!("{} cannot be made: {error}", folder.display())))?;
        Ok(Self { folder })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(super) fn secret_key(&self, deps: &Deps) -> Result<String, Failure> {
        self.kept("secret-key", || Ok(deps.token::<48>()))
    }

    /// Self-signed, for the names this machine has for itself.
    pub(super) fn certificate(&self) -> Result<Certificate, Failure> {
        let failed = |error: rcgen::Error| Failure::Other(format!("a certificate cannot be made: {error}"));
        let key = self.kept("tls-key.pem", || Ok(rcgen::KeyPair::generate().map_err(failed)?.serialize_pem()))?;
        let pair = rcgen::KeyPair::from_pem(&key).map_err(failed)?;
        let chain = self.kept("tls-certificate.pem", || {
            let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
            let mut wanted = rcgen::CertificateParams::new(names).map_err(failed)?;
            wanted.distinguished_name.push(rcgen::DnType::CommonName, "rest-social-auth dev");
            wanted.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
            Ok(wanted.self_signed(&pair).map_err(failed)?.pem())
        })?;
        Ok((chain, key))
    }

    /// The certificate, and what `further` (SSL_CERT_FILE) trusts, in one file.
    pub(super) fn roots(&self, chain: &str, further: Option<&str>) -> Result<PathBuf, Failure> {
        let mut text = format!("{chain}\n");
        if let Some(further) = further {
            let read = fs::read_to_string(further);
            text.push_str(&read.map_err(|error| Failure::Other(format!("{further} cannot be read: {error}")))?);
        }
        let path = self.path("tls-roots.pem");
        fs::write(&path, text).map_err(|error| written_wrong(&path, &error))?;
        Ok(path)
    }

    /// The text of a file, made by `make` when it is not there yet.
    fn kept(&self, name: &str, make: impl FnOnce() -> Result<String, Failure>) -> Result<String, Failure> {
        let path = self.path(name);
        match fs::read_to_string(&path) {
            Ok(text) if !text.trim().is_empty() => {
                make_private(&path)?;
                return Ok(text.trim_end().to_owned());
            }
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Failure::Other(format!("{} cannot be read: {error}", path.display())));
            }
            _ => {}
        }
        let text = make()?.trim_end().to_owned();
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options
            .open(&path)
            .and_then(|mut file| {
                // The mode above counts for a new file only.
                file.set_permissions(fs::Permissions::from_mode(0o600))?;
                file.write_all(text.as_bytes())
            })
            .map_err(|error| written_wrong(&path, &error))?;
        Ok(text)
    }
}

/// A file of an earlier run, or one that something else made.
fn make_private(path: &Path) -> Result<(), Failure> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(|error| written_wrong(path, &error))
}

fn written_wrong(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Other(format!("{} cannot be written: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good<T>(result: Result<T, Failure>) -> T {
        result.unwrap_or_else(|_| panic!("a failure"))
    }

    #[test]
    fn the_secret_key_survives_a_restart_and_is_its_owners_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let deps = Deps::system();
        let at = folder.path().join("dev");
        let first = good(good(Place::at(at.clone())).secret_key(&deps));
        let second = good(good(Place::at(at.clone())).secret_key(&deps));
        assert_eq!(first, second);
        assert!(first.len() >= 32);
        let rights = fs::metadata(at.join("secret-key")).expect("the file").permissions().mode();
        assert_eq!(rights & 0o777, 0o600);
    }

    #[test]
    fn fault_b39_a_file_that_is_there_becomes_its_owners_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = good(Place::at(folder.path().join("dev")));
        for text in ["", " \n", "a key of an earlier run, readable by all"] {
            let path = place.path("secret-key");
            fs::write(&path, text).expect("a file");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("rights");
            assert!(good(place.secret_key(&Deps::system())).len() >= 32);
            assert_eq!(fs::metadata(&path).expect("the file").permissions().mode() & 0o777, 0o600, "{text:?}");
        }
    }

    #[test]
    fn the_certificate_is_kept_and_fits_its_key() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = good(Place::at(folder.path().join("dev")));
        let (first, second) = (good(place.certificate()), good(place.certificate()));
        assert_eq!(first, second);
        assert!(first.0.contains("BEGIN CERTIFICATE") && first.1.contains("PRIVATE KEY"));
    }
}
