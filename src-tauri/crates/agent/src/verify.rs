//! Asking both sides whether a token is good: the issuer by introspection (RFC 7662), the server by using it.

use mcp_login_ipc::api::{Verdict, Verification};
use mcp_login_oauth::AccessToken;
use mcp_login_oauth::client_auth::Client;
use mcp_login_oauth::http::{Http as _, Purpose, ReachRule, Request};
use mcp_login_oauth::introspect::{self, IntrospectionOutcome};
use mcp_login_oauth::revoke::Revocable;
use mcp_login_oauth::server_metadata::ServerMetadata;
use mcp_login_oauth::values::ServerUrl;
use secrecy::{ExposeSecret as _, SecretString};

use crate::core::{Core, Inner};
use crate::failure::Failure;
use crate::fetch::Fetched;
use crate::id::AccountId;

/// The smallest request that every MCP server must look at: with a bad token it answers 401 before reading it
/// (MCP authorization, Token Handling).
const PING: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

impl Core {
    /// Whether the account's access token is good, as the issuer and the server say. Changes nothing.
    ///
    /// # Errors
    /// [`Failure::NoSuchAccount`], [`Failure::Leaving`], and those of the vault.
    pub async fn verify(&self, id: &AccountId) -> Result<Verification, Failure> {
        let core = &self.0;
        let cell = core.cell(id)?;
        let snapshot = core.loaded(&cell).await?;
        if snapshot.is_leaving() {
            return Err(Failure::Leaving);
        }
        let account = &snapshot.account;
        let at = core.clock.now().unix();
        let Some(tokens) = &snapshot.tokens else {
            return Ok(Verification {
                introspection: Verdict::NotOffered,
                server: Verdict::NotOffered,
                fault: None,
                at,
            });
        };
        let rule = account.network.rule(&account.server, &core.allowed_hosts);
        let introspection = match core.registrations.client(&account.registration).await? {
            Some(client) => core.introspect(&rule, &account.metadata, &client, &tokens.access).await,
            None => Verdict::Refused,
        };
        let server = core.ask_server(&rule, &account.server, &tokens.access).await;
        Ok(Verification { introspection, server, fault: None, at })
    }
}

impl Core {
    /// What the server says to this token. Changes nothing.
    pub(crate) async fn try_token(&self, fetched: &Fetched) -> Verdict {
        let account = &fetched.account;
        let rule = account.network.rule(&account.server, &self.0.allowed_hosts);
        self.0.ask_server(&rule, &account.server, &fetched.access).await
    }
}

impl Inner {
    /// What the issuer says.
    pub(crate) async fn introspect(
        &self,
        rule: &ReachRule,
        metadata: &ServerMetadata,
        client: &Client,
        access: &SecretString,
    ) -> Verdict {
        let token = AccessToken::new(access.expose_secret());
        self.introspect_token(rule, metadata, client, Revocable::Access(&token)).await
    }

    /// The same for either token.
    pub(crate) async fn introspect_token(
        &self,
        rule: &ReachRule,
        metadata: &ServerMetadata,
        client: &Client,
        token: Revocable<'_>,
    ) -> Verdict {
        match introspect::introspect(&self.http, rule, metadata, client, token).await {
            IntrospectionOutcome::Active(_) => Verdict::Active,
            IntrospectionOutcome::Inactive => Verdict::Inactive,
            IntrospectionOutcome::NotOffered => Verdict::NotOffered,
            IntrospectionOutcome::Refused(_) | IntrospectionOutcome::Odd(_) => Verdict::Refused,
            IntrospectionOutcome::Later { .. } | IntrospectionOutcome::Failed(_) => Verdict::Unreachable,
        }
    }

    /// What the server says: 401 is a no, everything else that is not "later" is no no.
    pub(crate) async fn ask_server(
        &self,
        rule: &ReachRule,
        server: &ServerUrl,
        access: &SecretString,
    ) -> Verdict {
        let built = http::Request::post(server.url().as_str())
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("authorization", format!("Bearer {}", access.expose_secret()))
            .body(PING.to_vec());
        let Ok(inner) = built else { return Verdict::Unreachable };
        let reach = rule.for_url(server.url());
        match self.http.send(Request { purpose: Purpose::Challenge, reach, inner }).await {
            Ok(answer) if answer.status() == http::StatusCode::UNAUTHORIZED => Verdict::Inactive,
            Ok(answer) if answer.status().is_server_error() || answer.status().as_u16() == 429 => {
                Verdict::Unreachable
            }
            Ok(answer) if answer.status() == http::StatusCode::FORBIDDEN => Verdict::Refused,
            Ok(_) => Verdict::Active,
            Err(_) => Verdict::Unreachable,
        }
    }
}
