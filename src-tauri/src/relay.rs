//! The agent's methods that the main window may call.
//!
//! Invariants: no method that hands out a token or decides for a person is among them; parameters and results pass
//! through the API's types, so that nothing unknown gets in; the address of a sign-in, which whoever holds it could open
//! elsewhere, never reaches a page.

use mcp_login_ipc::client::ClientError;
use mcp_login_ipc::method::{Call, call};
use mcp_login_ipc::{Client, Code, Fault};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What no page gets: only the shell opens it or puts it into the clipboard.
const ADDRESS: &str = "authorization_url";

macro_rules! methods {
    ($($name:literal $call:ident;)*) => {
        /// The methods, as they are called on the wire.
        #[cfg(test)]
        const METHODS: &[(&str, mcp_login_ipc::Method)] = &[$(($name, <call::$call as Call>::METHOD),)*];

        /// Calls one of them.
        ///
        /// # Errors
        /// `not_permitted` for a method that is none of them; else what the agent says.
        pub(crate) fn call(client: &mut Client, method: &str, params: Value) -> Result<Value, ClientError> {
            match method {
                $($name => typed(client, params, call::$call),)*
                _ => Err(Fault::new(Code::NotPermitted).detail("method", method).into()),
            }
        }
    };
}

methods! {
    "agent.status" AgentStatus;
    "account.list" AccountList;
    "account.status" AccountStatus;
    "account.refresh" AccountRefresh;
    "account.sign_out" AccountSignOut;
    "account.rename" AccountRename;
    "agent.pause" AgentPause;
    "update.check" UpdateCheck;
    "approval.list" ApprovalList;
    "approval.remove" ApprovalRemove;
    "approval.ask" ApprovalAsk;
    "audit.read" AuditRead;
    "sign_in.list" SignInList;
    "sign_in.start" SignInStart;
    "sign_in.cancel" SignInCancel;
    "sign_in.redirect" SignInRedirect;
    "sign_in.callback" SignInCallback;
}

fn typed<P: DeserializeOwned, C: Call>(
    client: &mut Client,
    params: Value,
    wrap: fn(P) -> C,
) -> Result<Value, ClientError> {
    let params = if params.is_null() { Value::Object(serde_json::Map::new()) } else { params };
    let params = serde_json::from_value(params).map_err(|_| {
        // serde's own words may hold what was passed
        Fault::new(Code::BadParameters)
            .detail("method", C::METHOD.name())
            .detail("reason", "a field is missing or unknown")
    })?;
    page(&client.call(&wrap(params))?)
}

/// A value as a page may have it.
///
/// # Errors
/// None that our types can cause.
pub(crate) fn page<T: Serialize>(value: &T) -> Result<Value, ClientError> {
    let mut value = serde_json::to_value(value).map_err(ClientError::Garbled)?;
    strip(&mut value);
    Ok(value)
}

/// Takes the address out, wherever it is.
fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove(ADDRESS);
            fields.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use mcp_login_ipc::Class;
    use mcp_login_ipc::api::{BrowserStep, Event, RedirectKind, RegistrationKind, SignIn, Step};

    #[test]
    fn the_names_are_the_methods_and_none_of_them_uses_or_grants() {
        for (name, method) in METHODS {
            assert_eq!(*name, method.name());
            assert!(matches!(method.class(), Class::Look | Class::Keep), "{name}");
        }
        assert_eq!(METHODS.len(), 17);
    }

    #[test]
    fn the_address_of_a_sign_in_reaches_no_page() {
        let step = BrowserStep {
            authorization_url: "https://auth.example.com/authorize?state=canary".to_owned(),
            redirect_uri: "http://127.0.0.1:1/callback".to_owned(),
            redirect_kind: RedirectKind::Loopback,
            issuer: "https://auth.example.com".to_owned(),
            server: "https://mcp.example.com".to_owned(),
            scopes: Vec::new(),
            registration: RegistrationKind::Dynamic,
            expires_at: 1,
            refused: None,
        };
        let sign_in = SignIn {
            sign_in: "1".to_owned(),
            server: "https://mcp.example.com".to_owned(),
            name: None,
            started_at: 0,
            expires_at: 1,
            progress: Step::Browser(Box::new(step)),
        };
        let event = Event::SignInChanged { sign_in: Box::new(sign_in) };
        assert!(serde_json::to_string(&event).unwrap().contains("canary"));
        let shown = page(&vec![event]).unwrap();
        assert!(!shown.to_string().contains("canary"), "{shown}");
        assert_eq!(shown[0]["sign_in"]["progress"]["issuer"], "https://auth.example.com");
    }
}
