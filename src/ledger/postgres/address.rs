//! Where the database is, and how to get in: the url, the password, the certificates.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::config;
use crate::ledger::LedgerError;
use crate::source::Shown;

/// The credential that a unit of systemd may hand over (`LoadCredential=ledger-password:…`).
const CREDENTIAL: &str = "ledger-password";

/// A dead peer is noticed after so long, even where nobody says that it is dead.
const PROBE: Duration = Duration::from_secs(3);

/// The database that a configuration names.
pub(super) struct Address {
    config: Config,
    password: Option<PathBuf>,
    tls: MakeRustlsConnect,
    /// The url without its password.
    pub(super) shown: String,
    /// Where all tables are.
    pub(super) schema: String,
}

impl Address {
    /// What `config` says; nothing is connected yet.
    pub(super) fn new(config: &config::Ledger) -> Result<Self, LedgerError> {
        let shown = config.shown_url();
        let mut to: Config = config.url.parse().map_err(|e| wrong(&shown, Box::new(e)))?;
        to.connect_timeout(PROBE).keepalives(true).keepalives_idle(PROBE).keepalives_interval(PROBE / 3);
        to.keepalives_retries(3).tcp_user_timeout(2 * PROBE);
        if to.get_application_name().is_none() {
            to.application_name("h5inbox");
        }
        let tls = MakeRustlsConnect::new(client(config, &to)?);
        Ok(Self { config: to, password: password_file(config), tls, shown, schema: config.schema.clone() })
    }

    /// What to connect with now: a password that was replaced counts from the next connection on.
    pub(super) fn now(&self) -> Result<(Config, MakeRustlsConnect), LedgerError> {
        let mut config = self.config.clone();
        if let Some(file) = &self.password {
            let text = fs::read_to_string(file).map_err(|e| {
                let said = format!("the password in {}: {e}; let the agent's user read it", Shown(file));
                wrong(&self.shown, said.into())
            })?;
            config.password(text.lines().next().unwrap_or_default());
        }
        Ok((config, self.tls.clone()))
    }

    /// The user that it connects as.
    pub(super) fn user(&self) -> &str {
        self.config.get_user().unwrap_or("h5inbox")
    }
}

/// A credential of the unit comes first: it is there only because somebody put it there for this agent.
fn password_file(config: &config::Ledger) -> Option<PathBuf> {
    let credential = std::env::var_os("CREDENTIALS_DIRECTORY").map(|folder| Path::new(&folder).join(CREDENTIAL));
    let named = (!config.password_file.as_os_str().is_empty()).then(|| config.password_file.clone());
    credential.filter(|file| file.exists()).or(named)
}

/// The server's certificate is verified whenever TLS is spoken, which is stricter than what libpq makes of `require`.
fn client(config: &config::Ledger, to: &Config) -> Result<ClientConfig, LedgerError> {
    let local = to.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
    let mut roots = RootCertStore::empty();
    if !config.tls_ca.as_os_str().is_empty() {
        trust(&config.tls_ca, &mut roots).map_err(|said| wrong(&config.shown_url(), said.into()))?;
    } else if to.get_ssl_mode() != SslMode::Disable && !local {
        // What cannot be read is not trusted; if that leaves none, the server is refused with a reason.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let versions = versions.map_err(|e| wrong(&config.shown_url(), Box::new(e)))?;
    Ok(versions.with_root_certificates(roots).with_no_client_auth())
}

fn trust(file: &Path, roots: &mut RootCertStore) -> Result<(), String> {
    let told = |what: &dyn std::fmt::Display| format!("`ledger.tls_ca` {}: {what}", Shown(file));
    for certificate in CertificateDer::pem_file_iter(file).map_err(|e| told(&e))? {
        roots.add(certificate.map_err(|e| told(&e))?).map_err(|e| told(&e))?;
    }
    if roots.is_empty() { Err(told(&"holds no certificate")) } else { Ok(()) }
}

fn wrong(shown: &str, source: Box<dyn std::error::Error + Send + Sync>) -> LedgerError {
    LedgerError::Unavailable { doing: format!("be reached at {shown}"), passing: false, source: Arc::from(source) }
}
