//! The methods, each with its class, its parameters and its result. The one table of them.
//!
//! Invariant: what a method needs a right for is a property of the method, written here and checked in one place.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api;

/// What a method needs a right for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Reads what is no secret: every program of the same user may.
    Look,
    /// Uses an account: needs an approval.
    Use,
    /// Adds, signs out, stops: every program of the same user may, and it is recorded.
    Keep,
    /// Decides for a person.
    Grant,
}

impl Class {
    /// The word in the documentation.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Class::Look => "look",
            Class::Use => "use",
            Class::Keep => "keep",
            Class::Grant => "grant",
        }
    }
}

/// Parameters that know their method: what [`crate::Client::call`] takes.
pub trait Call: Serialize {
    /// The method.
    const METHOD: Method;
    /// What it answers.
    type Result: DeserializeOwned + Serialize;
}

macro_rules! methods {
    ($($variant:ident $name:literal $class:ident $call:ident($params:path) -> $result:path;)*) => {
        /// A method of the local API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs)] // the schema says what each does
        pub enum Method { $($variant,)* }

        impl Method {
            /// All of them.
            pub const ALL: &[Method] = &[$(Method::$variant,)*];

            /// Its name on the wire.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Method::$variant => $name,)* }
            }

            /// What it needs a right for.
            #[must_use]
            pub const fn class(self) -> Class {
                match self { $(Method::$variant => Class::$class,)* }
            }

            /// The method of that name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Method> {
                match name { $($name => Some(Method::$variant),)* _ => None }
            }
        }

        /// A request whose parameters have been read.
        #[derive(Clone, Debug)]
        #[allow(missing_docs)] // the schema says what each does
        pub enum Request { $($variant($params),)* }

        impl Request {
            /// Which method it is.
            #[must_use]
            pub const fn method(&self) -> Method {
                match self { $(Request::$variant(_) => Method::$variant,)* }
            }

            /// Reads the parameters of `method`. Missing parameters are `{}`.
            ///
            /// # Errors
            /// When they are not what the method takes; the text names the field and holds no value of it.
            pub fn read(method: Method, params: Option<&str>) -> Result<Request, serde_json::Error> {
                let params = params.unwrap_or("{}");
                match method {
                    $(Method::$variant => serde_json::from_str(params).map(Request::$variant),)*
                }
            }
        }

        /// What a client calls: one type a method, where several share the same parameters.
        pub mod call {
            use super::{Call, Method, api};
            use serde::Serialize;
            $(
                #[doc = concat!("`", $name, "`")]
                #[derive(Clone, Debug, Serialize)]
                #[serde(transparent)]
                pub struct $call(pub $params);
                impl Call for $call {
                    const METHOD: Method = Method::$variant;
                    type Result = $result;
                }
            )*
        }
    };
}

methods! {
    Hello "hello" Look Hello(api::Hello) -> api::Welcome;
    AgentStatus "agent.status" Look AgentStatus(api::Empty) -> api::AgentStatus;
    AccountList "account.list" Look AccountList(api::Empty) -> api::Accounts;
    AccountStatus "account.status" Look AccountStatus(api::AccountStatus) -> api::AccountStatusResult;
    EventsSubscribe "events.subscribe" Look EventsSubscribe(api::Empty) -> api::Empty;
    AuditRead "audit.read" Look AuditRead(api::AuditRead) -> api::AuditPage;
    ApprovalList "approval.list" Look ApprovalList(api::Empty) -> api::Approvals;
    SignInList "sign_in.list" Look SignInList(api::Empty) -> api::SignIns;
    TokenGet "token.get" Use TokenGet(api::TokenGet) -> api::TokenGrant;
    SignInStart "sign_in.start" Keep SignInStart(api::SignInStart) -> api::SignInStarted;
    SignInWait "sign_in.wait" Keep SignInWait(api::SignInRef) -> api::SignInFinished;
    SignInCallback "sign_in.callback" Keep SignInCallback(api::SignInCallback) -> api::SignInCalledBack;
    SignInCancel "sign_in.cancel" Keep SignInCancel(api::SignInRef) -> api::Empty;
    SignInRedirect "sign_in.redirect" Keep SignInRedirect(api::SignInRedirect) -> api::Empty;
    AccountRefresh "account.refresh" Keep AccountRefresh(api::AccountRefresh) -> api::Refreshed;
    AccountSignOut "account.sign_out" Keep AccountSignOut(api::SignOut) -> api::Receipts;
    AccountRename "account.rename" Keep AccountRename(api::AccountRename) -> api::AccountResult;
    AgentStop "agent.stop" Keep AgentStop(api::Empty) -> api::Empty;
    AgentPause "agent.pause" Keep AgentPause(api::Pause) -> api::Empty;
    ApprovalGrant "approval.grant" Grant ApprovalGrant(api::ApprovalGrant) -> api::ApprovalGranted;
    ApprovalDeny "approval.deny" Grant ApprovalDeny(api::ApprovalDeny) -> api::Empty;
    ApprovalRemove "approval.remove" Grant ApprovalRemove(api::ApprovalRemove) -> api::Empty;
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for method in Method::ALL {
            assert_eq!(Method::from_name(method.name()), Some(*method));
        }
        assert_eq!(Method::from_name("token.Get"), None);
    }

    #[test]
    fn unknown_and_missing_fields_are_refused() {
        let told =
            Request::read(Method::TokenGet, Some(r#"{"account":"a","newer":1}"#)).unwrap_err().to_string();
        assert!(told.contains("newer"), "{told}");
        Request::read(Method::TokenGet, None).unwrap_err();
        Request::read(Method::AgentStop, None).unwrap();
        Request::read(Method::AgentStop, Some(r#"{"now":true}"#)).unwrap_err();
    }
}
