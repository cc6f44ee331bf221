//! The issuer behind a resource that runs alone.

/// Placeholder until the resource mode lands.
#[derive(Debug)]
pub(crate) struct Upstream {
    issuer: String,
}

impl Upstream {
    pub(crate) async fn discover(
        _http: reqwest::Client,
        issuer: &str,
        _introspection: Option<(String, String)>,
        _cache: u64,
    ) -> Result<Self, String> {
        Ok(Self { issuer: issuer.to_owned() })
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }
}

impl Upstream {
    pub(crate) async fn bearer(
        &self,
        _site: &crate::site::Site,
        _token: &str,
    ) -> Result<crate::guard::Bearer, crate::guard::Refusal> {
        Err(crate::guard::Refusal::Upstream)
    }
}
