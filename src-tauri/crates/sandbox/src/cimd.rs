//! Client ID Metadata Documents (draft-ietf-oauth-client-id-metadata-document): a client_id that is the address of
//! the client's metadata. Fetched when it asks for authorization, bounded in size and time, without redirects.

use crate::client::{AuthMethod, Client, Origin};
use crate::secret::Digest;
use serde_json::Value;
use std::time::Duration;
use url::{Host, Url};

/// The draft recommends 5 KiB; this much leaves room for long lists of redirects.
const MOST: usize = 64 * 1024;
/// A person is waiting for the page.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether a client_id is such an address: https with a path, or, in the sandbox, http on loopback.
pub(crate) fn is_document(id: &str) -> bool {
    let Ok(url) = Url::parse(id) else { return false };
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    let scheme = url.scheme() == "https" || (url.scheme() == "http" && loopback);
    let plain = url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
    // Dots would make two texts one address; `Url` has taken them out, so the texts differ then.
    scheme && plain && url.path() != "/" && url.as_str() == id
}

/// Fetches documents.
#[derive(Debug)]
pub(crate) struct Documents {
    http: reqwest::Client,
}

/// Reads an answer's body up to a bound.
pub(crate) async fn bounded(mut answer: reqwest::Response, most: usize) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|e| format!("it broke off: {e}"))? {
        if body.len() + chunk.len() > most {
            return Err(format!("it is larger than {most} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

impl Documents {
    pub(crate) fn new(http: reqwest::Client) -> Self {
        Self { http }
    }

    /// The client that the document describes, or why there is none.
    pub(crate) async fn client(&self, id: &str) -> Result<Client, String> {
        let fetched = tokio::time::timeout(PATIENCE, self.fetch(id)).await;
        let doc = fetched.unwrap_or_else(|_| Err("it took too long".into()));
        let doc = doc.map_err(|why| format!("the metadata document at {id} cannot be had: {why}"))?;
        describe(id, &doc).map_err(|why| format!("the metadata document at {id}: {why}"))
    }

    async fn fetch(&self, id: &str) -> Result<Value, String> {
        let request = self.http.get(id).header("accept", "application/json");
        let answer = request.send().await.map_err(|e| e.without_url().to_string())?;
        if answer.status() != reqwest::StatusCode::OK {
            return Err(format!("status {}", answer.status().as_u16()));
        }
        let body = bounded(answer, MOST).await?;
        serde_json::from_slice(&body).map_err(|e| format!("it is no JSON: {e}"))
    }
}

fn describe(id: &str, doc: &Value) -> Result<Client, String> {
    if doc.get("client_id").and_then(Value::as_str) != Some(id) {
        return Err("its client_id is not its address".into());
    }
    if doc.get("client_secret").is_some() {
        return Err("a public document holds no secret".into());
    }
    let redirect_uris: Vec<String> = doc
        .get("redirect_uris")
        .and_then(|v| serde_json::from_value(v.clone()).ok())
        .filter(|list: &Vec<String>| !list.is_empty())
        .ok_or("redirect_uris is missing")?;
    for uri in &redirect_uris {
        crate::redirect::kind(uri)?;
    }
    match doc.get("token_endpoint_auth_method").and_then(Value::as_str) {
        None | Some("none") => {}
        Some(other) => return Err(format!("the method {other:?} is not offered here; use none")),
    }
    Ok(Client {
        id: id.to_owned(),
        name: doc.get("client_name").and_then(Value::as_str).unwrap_or(id).to_owned(),
        origin: Origin::Document,
        auth: AuthMethod::None,
        secret: None::<Digest>,
        secret_expires_at: 0,
        redirect_uris,
        registration_token: None,
        metadata: doc.clone(),
        number: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_addresses_with_a_path_are_documents() {
        assert!(is_document("https://app.example/client.json"));
        assert!(is_document("http://127.0.0.1:8080/client.json"));
        for not in [
            "http://app.example/c",
            "https://app.example/",
            "https://u@app.example/c",
            "https://app.example/a/../c",
            "https://app.example/c#x",
            "sandbox-client-1",
        ] {
            assert!(!is_document(not), "{not}");
        }
    }

    #[test]
    fn a_document_names_itself() {
        let id = "https://app.example/c";
        let doc = json!({"client_id": id, "redirect_uris": ["http://127.0.0.1/callback"]});
        assert!(describe(id, &doc).is_ok());
        assert!(describe("https://app.example/d", &doc).is_err());
        assert!(describe(id, &json!({"client_id": id})).is_err());
    }
}
