//! The issuer behind a resource that runs alone: found by its metadata, and asked about every token by
//! introspection, or, without credentials for that, trusted for the JWTs that its keys have signed.

use crate::cimd::bounded;
use crate::guard::{Bearer, Refusal, audience_fits};
use crate::jwk::{self, Header};
use crate::secret::Digest;
use crate::site::Site;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Metadata, keys and introspection answers are small.
const MOST: usize = 1024 * 1024;
/// The caller of the MCP server is waiting.
const PATIENCE: Duration = Duration::from_secs(10);
/// Introspections that are remembered.
const MOST_CACHED: usize = 1000;
/// A key that is not known makes us fetch the keys again, but not for every forged token.
const KEYS_AT_MOST_EVERY: Duration = Duration::from_secs(10);

/// The issuer.
#[derive(Debug)]
pub(crate) struct Upstream {
    http: reqwest::Client,
    issuer: String,
    introspection_endpoint: Option<String>,
    jwks_uri: Option<String>,
    credentials: Option<(String, String)>,
    cache_for: Duration,
    cache: Mutex<HashMap<Digest, (Instant, Value)>>,
    keys: Mutex<(Option<Instant>, Value)>,
}

/// The addresses at which an issuer's metadata may lie, in the order of MCP's authorization specification.
fn addresses(issuer: &str) -> Result<Vec<String>, String> {
    let url = url::Url::parse(issuer).map_err(|e| format!("{issuer}: {e}"))?;
    let origin = url.origin().ascii_serialization();
    let path = url.path().trim_end_matches('/');
    let mut out = vec![
        format!("{origin}/.well-known/oauth-authorization-server{path}"),
        format!("{origin}/.well-known/openid-configuration{path}"),
    ];
    if !path.is_empty() {
        out.push(format!("{origin}{path}/.well-known/openid-configuration"));
    }
    Ok(out)
}

async fn sent(request: reqwest::RequestBuilder) -> Result<Value, String> {
    let work = async {
        let answer = request.header("accept", "application/json").send().await;
        let answer = answer.map_err(|e| e.without_url().to_string())?;
        if answer.status() != reqwest::StatusCode::OK {
            return Err(format!("status {}", answer.status().as_u16()));
        }
        let body = bounded(answer, MOST).await?;
        serde_json::from_slice(&body).map_err(|e| format!("no JSON: {e}"))
    };
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| Err("it took too long".into()))
}

impl Upstream {
    /// Reads the issuer's metadata, whose `issuer` must be the one that was named.
    pub(crate) async fn discover(
        http: reqwest::Client,
        issuer: &str,
        credentials: Option<(String, String)>,
        cache_seconds: u64,
    ) -> Result<Self, String> {
        let mut tried = Vec::new();
        for address in addresses(issuer)? {
            let doc = match sent(http.get(&address)).await {
                Ok(doc) => doc,
                Err(why) => {
                    tried.push(format!("{address}: {why}"));
                    continue;
                }
            };
            if doc.get("issuer").and_then(Value::as_str) != Some(issuer) {
                return Err(format!("{address} is the metadata of {}, not of {issuer}", doc["issuer"]));
            }
            let text = |name: &str| doc.get(name).and_then(Value::as_str).map(str::to_owned);
            let this = Self {
                http,
                issuer: issuer.to_owned(),
                introspection_endpoint: text("introspection_endpoint"),
                jwks_uri: text("jwks_uri"),
                credentials,
                cache_for: Duration::from_secs(cache_seconds),
                cache: Mutex::default(),
                keys: Mutex::new((None, Value::Null)),
            };
            return match (&this.credentials, &this.introspection_endpoint, &this.jwks_uri) {
                (Some(_), None, _) => Err(format!("{issuer} offers no introspection")),
                (None, _, None) => {
                    Err(format!("{issuer} has no keys, and no introspection client was given"))
                }
                _ => Ok(this),
            };
        }
        Err(format!("no metadata: {}", tried.join("; ")))
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Who holds this token, or why it is refused: active, expiry, audience and issuer are refusals of their own.
    pub(crate) async fn bearer(&self, site: &Site, token: &str) -> Result<Bearer, Refusal> {
        let claims = if self.credentials.is_some() {
            let facts = self.introspected(token).await?;
            if facts.get("active") != Some(&Value::Bool(true)) {
                return Err(Refusal::Inactive);
            }
            // RFC 7662 makes `iss` optional; the issuer that we asked is meant then.
            if facts.get("iss").is_some_and(|iss| iss.as_str() != Some(&self.issuer)) {
                return Err(Refusal::Issuer);
            }
            facts
        } else {
            let claims = self.signed(token).await?;
            if claims.get("iss").and_then(Value::as_str) != Some(&self.issuer) {
                return Err(Refusal::Issuer);
            }
            if claims.get("exp").is_none() {
                return Err(Refusal::Expired);
            }
            claims
        };
        if claims.get("exp").is_some_and(|exp| !exp.as_f64().is_some_and(|exp| exp > site.now() as f64)) {
            return Err(Refusal::Expired);
        }
        let audience: Vec<String> = match claims.get("aud") {
            Some(Value::String(one)) => vec![one.clone()],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        if !audience_fits(site, &audience) {
            return Err(Refusal::Audience);
        }
        let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
        Ok(Bearer {
            subject: text("sub").unwrap_or_default(),
            email: text("email"),
            client: text("client_id"),
            scope: text("scope").unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
        })
    }

    async fn introspected(&self, token: &str) -> Result<Value, Refusal> {
        let (Some((id, secret)), Some(endpoint)) = (&self.credentials, &self.introspection_endpoint) else {
            return Err(Refusal::Upstream);
        };
        let digest = Digest::of(token);
        let remembered = {
            let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            cache.get(&digest).filter(|(until, _)| *until > Instant::now()).map(|(_, facts)| facts.clone())
        };
        if let Some(facts) = remembered {
            return Ok(facts);
        }
        let encoded =
            |text: &str| -> String { url::form_urlencoded::byte_serialize(text.as_bytes()).collect() };
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("token", token)
            .append_pair("token_type_hint", "access_token")
            .finish();
        let request = self
            .http
            .post(endpoint)
            .basic_auth(encoded(id), Some(encoded(secret)))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        let facts = sent(request).await.map_err(|_| Refusal::Upstream)?;
        if !self.cache_for.is_zero() {
            let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            if cache.len() >= MOST_CACHED {
                let now = Instant::now();
                cache.retain(|_, (until, _)| *until > now);
            }
            if cache.len() < MOST_CACHED {
                cache.insert(digest, (Instant::now() + self.cache_for, facts.clone()));
            }
        }
        Ok(facts)
    }

    async fn signed(&self, token: &str) -> Result<Value, Refusal> {
        let header = jwk::header(token).ok_or(Refusal::Unknown)?;
        let keys = self.known_keys();
        if let Some(claims) = jwk::verified(token, &header, &keys) {
            return Ok(claims);
        }
        let keys = self.fetched_keys(&header).await?;
        jwk::verified(token, &header, &keys).ok_or(Refusal::Unknown)
    }

    fn known_keys(&self) -> Value {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    async fn fetched_keys(&self, header: &Header) -> Result<Value, Refusal> {
        {
            let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
            let recent = keys.0.is_some_and(|at| at.elapsed() < KEYS_AT_MOST_EVERY);
            if recent || jwk::has(&keys.1, header) {
                return Ok(keys.1.clone());
            }
            keys.0 = Some(Instant::now());
        }
        let address = self.jwks_uri.as_deref().ok_or(Refusal::Upstream)?;
        let fresh = sent(self.http.get(address)).await.map_err(|_| Refusal::Upstream)?;
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).1 = fresh.clone();
        Ok(fresh)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_path_goes_behind_the_well_known_part() {
        assert_eq!(
            addresses("https://a.example/t").unwrap(),
            [
                "https://a.example/.well-known/oauth-authorization-server/t",
                "https://a.example/.well-known/openid-configuration/t",
                "https://a.example/t/.well-known/openid-configuration",
            ]
        );
        assert_eq!(addresses("https://a.example").unwrap().len(), 2);
    }
}
