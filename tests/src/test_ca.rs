//! A certificate authority for one test, with certificates of every kind that a client must tell apart.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use tempfile::TempDir;

/// The authority, with its files in a directory that goes away.
pub struct TestCa {
    issuer: CertifiedIssuer<'static, KeyPair>,
    dir: TempDir,
}

/// A certificate and its key, as PEM files.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The certificate.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl std::fmt::Debug for TestCa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TestCa({})", self.dir.path().display())
    }
}

impl Default for TestCa {
    fn default() -> Self {
        Self::new()
    }
}

impl TestCa {
    /// A fresh authority.
    pub fn new() -> TestCa {
        let mut params = CertificateParams::new(Vec::new()).expect("no names, no wrong names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, "MCP Login test authority");
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("an authority");
        let dir = tempfile::Builder::new().prefix("mcp-login-ca-").tempdir().expect("a temporary directory");
        fs::write(dir.path().join("ca.pem"), issuer.pem()).expect("the authority is written");
        TestCa { issuer, dir }
    }

    /// The authority's own certificate. On Linux a program that is started with it in `SSL_CERT_FILE` trusts it, alone.
    pub fn file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// A good certificate for these hosts (names or addresses).
    pub fn issue(&self, hosts: &[&str]) -> Certificate {
        self.sign("good", params(hosts))
    }

    /// One whose time is over.
    pub fn expired(&self, hosts: &[&str]) -> Certificate {
        let mut params = params(hosts);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
        self.sign("expired", params)
    }

    /// One that no authority signed.
    pub fn self_signed(&self, hosts: &[&str]) -> Certificate {
        let key = KeyPair::generate().expect("a key");
        let cert = params(hosts).self_signed(&key).expect("a certificate");
        write(self.dir.path(), "self-signed", &cert.pem(), &key)
    }

    fn sign(&self, name: &str, params: CertificateParams) -> Certificate {
        let key = KeyPair::generate().expect("a key");
        let cert = params.signed_by(&key, &self.issuer).expect("a certificate");
        write(self.dir.path(), name, &cert.pem(), &key)
    }
}

fn params(hosts: &[&str]) -> CertificateParams {
    let names: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
    CertificateParams::new(names).expect("hosts that may stand in a certificate")
}

fn write(dir: &Path, name: &str, pem: &str, key: &KeyPair) -> Certificate {
    let dir = tempfile::Builder::new().prefix(name).tempdir_in(dir).expect("a temporary directory").keep();
    let certificate = Certificate { cert: dir.join("cert.pem"), key: dir.join("key.pem") };
    fs::write(&certificate.cert, pem).expect("a certificate is written");
    fs::write(&certificate.key, key.serialize_pem()).expect("a key is written");
    certificate
}
