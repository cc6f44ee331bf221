//! Client authentication (RFC 6749 §2.3).
use crate::secret::ClientSecret;
use crate::values::ClientId;
use serde::{Deserialize, Serialize};

/// `token_endpoint_auth_method` (RFC 7591 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AuthMethod {
    /// Public client: `client_id` in the body.
    #[serde(rename = "none")]
    None,
    /// `client_secret_basic`.
    #[serde(rename = "client_secret_basic")]
    Basic,
    /// `client_secret_post`.
    #[serde(rename = "client_secret_post")]
    Post,
}

/// Who we are at an issuer, as requests to its endpoints need it.
#[derive(Clone, Debug)]
pub struct Client {
    /// `client_id`.
    pub id: ClientId,
    /// Its secret, if it is a confidential client.
    pub secret: Option<ClientSecret>,
    /// How it authenticates at the token endpoint.
    pub method: AuthMethod,
}
