//! Starting: the options are checked, files read, the port taken, and the addresses known before anybody is told.

use crate::cimd::Documents;
use crate::client::Clients;
use crate::guise::Places;
use crate::log::Log;
use crate::options::{Mode, Options};
use crate::secret::Digest;
use crate::site::{Parts, Site};
use crate::switchboard::SwitchError;
use crate::{control, server};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// Why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port is taken, or may not be.
    #[error("port {0} of 127.0.0.1 cannot be had: {1}")]
    Port(u16, std::io::Error),
    /// A file cannot be read or written.
    #[error("{}: {}", .0.display(), .1)]
    File(PathBuf, std::io::Error),
    /// A file's content, or an option, is not what it should be.
    #[error("{0}")]
    Content(String),
    /// A fault that does not exist, or not so.
    #[error("--fault: {0}")]
    Fault(SwitchError),
    /// The issuer behind the resource cannot be used.
    #[error("--issuer: {0}")]
    Upstream(String),
}

/// A sandbox that runs, until it is dropped.
#[derive(Debug)]
pub struct Running {
    site: Arc<Site>,
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The issuer's identifier.
    #[must_use]
    pub fn issuer(&self) -> String {
        self.site.upstream.as_ref().map_or_else(|| self.site.issuer.clone(), |u| u.issuer().to_owned())
    }

    /// The MCP server's address.
    #[must_use]
    pub fn mcp(&self) -> String {
        self.site.mcp()
    }

    /// The control interface's address, with a slash at the end.
    #[must_use]
    pub fn control(&self) -> String {
        format!("{}/sandbox/", self.site.origin)
    }

    /// The line that programs read from the sandbox's standard output.
    #[must_use]
    pub fn ready_line(&self) -> String {
        let mcp = self.site.has_resource().then(|| self.mcp());
        json!({
            "ready": true,
            "issuer": self.issuer(),
            "mcp": mcp,
            "control": self.control(),
            "port": self.address.port(),
            "pid": std::process::id(),
        })
        .to_string()
    }

    /// Turns a fault on: `NAME[=ARG]`.
    ///
    /// # Errors
    /// The fault does not exist, or not so.
    pub fn fault(&self, text: &str) -> Result<(), SwitchError> {
        let fault = self.site.faults.add(text)?;
        control::apply(&self.site, &[fault]);
        Ok(())
    }

    /// Waits for ever; ends only when the task that accepts connections does.
    pub async fn serve(mut self) {
        let _ = (&mut self.task).await;
    }
}

fn read(path: &Path) -> Result<String, StartError> {
    std::fs::read_to_string(path).map_err(|e| StartError::File(path.to_owned(), e))
}

/// A secret from its file, or else from the environment: never from the command line, which others can see.
fn secret(file: Option<&PathBuf>, variable: &str) -> Result<Option<String>, StartError> {
    let text = match file {
        Some(path) => Some(read(path)?),
        None => std::env::var(variable).ok(),
    };
    Ok(text.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty()))
}

/// Starts a sandbox on 127.0.0.1.
///
/// # Errors
/// What [`StartError`] says; nothing is left running then.
pub async fn start(options: Options) -> Result<Running, StartError> {
    // Another part of the process may have chosen a provider before; it is the same one or as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let tls = tls(&options)?;
    let log = match &options.log {
        None => None,
        Some(path) => Some(
            std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)
                .map_err(|e| StartError::File(path.clone(), e))?,
        ),
    };
    let initial =
        secret(options.clients.initial_access_token_file.as_ref(), "MCP_LOGIN_SANDBOX_INITIAL_ACCESS_TOKEN")?;
    let introspection =
        secret(options.clients.introspection_client_file.as_ref(), "MCP_LOGIN_SANDBOX_INTROSPECTION_CLIENT")?;
    let introspection = match introspection {
        None => None,
        Some(text) => Some(
            text.split_once(':')
                .map(|(id, secret)| (id.to_owned(), secret.to_owned()))
                .ok_or_else(|| StartError::Content("the introspection client is written ID:SECRET".into()))?,
        ),
    };
    let http = client(&options)?;
    let port = options.port;
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|e| StartError::Port(port, e))?;
    let address = listener.local_addr().map_err(|e| StartError::Port(port, e))?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let origin = match &options.origin {
        None => format!("{scheme}://127.0.0.1:{}", address.port()),
        Some(origin) => {
            url::Url::parse(origin).map_err(|e| StartError::Content(format!("--origin {origin}: {e}")))?;
            origin.trim_end_matches('/').to_owned()
        }
    };
    let places = Places::new(options.guise, &options.issuer_path);
    let upstream = match (&options.issuer, options.mode) {
        (Some(issuer), Mode::Resource) => Some(
            crate::upstream::Upstream::discover(
                http.clone(),
                issuer,
                introspection.clone(),
                options.mcp.introspection_cache,
            )
            .await
            .map_err(StartError::Upstream)?,
        ),
        (Some(_), _) => {
            return Err(StartError::Content(
                "--issuer goes with --mode resource; for the sandbox's own see --origin".into(),
            ));
        }
        (None, _) => None,
    };
    let parts = Parts {
        other_origin: format!("{scheme}://localhost:{}", address.port()),
        issuer: format!("{origin}{}", places.issuer),
        origin,
        places,
        log: Log::new(log),
        initial_access_token: initial.as_deref().map(Digest::of),
        introspection_client: introspection.map(|(id, secret)| (id, Digest::of(&secret))),
        documents: Documents::new(http),
        upstream,
        clients: Clients::default(),
    };
    let site = Arc::new(Site::new(options, parts));
    configure(&site)?;
    let task = tokio::spawn(server::serve(site.clone(), listener, tls));
    Ok(Running { site, address, task })
}

/// Clients and faults that the options name.
fn configure(site: &Site) -> Result<(), StartError> {
    if let Some(path) = &site.options.clients.preregistered {
        let list: Vec<Value> = serde_json::from_str(&read(path)?)
            .map_err(|e| StartError::Content(format!("{}: {e}", path.display())))?;
        for body in &list {
            let (client, _) = control::configured(site, body)
                .map_err(|p| StartError::Content(format!("{}: {}", path.display(), p.description)))?;
            site.clients().insert(client);
        }
    }
    for text in &site.options.faults {
        let fault = site.faults.add(text).map_err(StartError::Fault)?;
        control::apply(site, &[fault]);
    }
    Ok(())
}

fn client(options: &Options) -> Result<reqwest::Client, StartError> {
    let mut builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    if let Some(path) = &options.ca {
        let pem = std::fs::read(path).map_err(|e| StartError::File(path.clone(), e))?;
        let ca = reqwest::Certificate::from_pem(&pem)
            .map_err(|e| StartError::Content(format!("{}: {e}", path.display())))?;
        builder = builder.tls_certs_merge([ca]);
    }
    builder.build().map_err(|e| StartError::Content(format!("the HTTP client: {e}")))
}

fn tls(options: &Options) -> Result<Option<TlsAcceptor>, StartError> {
    let (Some(chain), Some(key)) = (&options.tls_cert, &options.tls_key) else { return Ok(None) };
    let bad = |path: &Path, why: String| StartError::Content(format!("{}: {why}", path.display()));
    let certificates = CertificateDer::pem_file_iter(chain)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| bad(chain, e.to_string()))?;
    let key_der = PrivateKeyDer::from_pem_file(key).map_err(|e| bad(key, e.to_string()))?;
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(certificates, key_der)
        .map_err(|e| bad(chain, e.to_string()))?;
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}
