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
    ($($(#[doc = $doc:literal])* $variant:ident $name:literal $class:ident $call:ident($params:path) -> $result:path;)*) => {
        /// A method of the local API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Method { $($(#[doc = $doc])* $variant,)* }

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

            /// Reads parameters and result as the method's types and writes them again. For the schema's test.
            ///
            /// # Errors
            /// When one of them is not what the type takes.
            #[doc(hidden)]
            pub fn reread(
                self,
                params: &serde_json::Value,
                result: &serde_json::Value,
            ) -> Result<(serde_json::Value, serde_json::Value), serde_json::Error> {
                use serde::Deserialize as _;
                match self {
                    $(Method::$variant => Ok((
                        serde_json::to_value(<$params>::deserialize(params)?)?,
                        serde_json::to_value(<$result>::deserialize(result)?)?,
                    )),)*
                }
            }

            /// The method of that name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Method> {
                match name { $($name => Some(Method::$variant),)* _ => None }
            }
        }

        /// A request whose parameters have been read.
        #[derive(Clone, Debug)]
        pub enum Request { $($(#[doc = $doc])* $variant($params),)* }

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
    /// Says who is there. Optional; to be sent first when a client wants to know whether it is understood.
    Hello "hello" Look Hello(api::Hello) -> api::Welcome;
    /// How the agent is.
    AgentStatus "agent.status" Look AgentStatus(api::Empty) -> api::AgentStatus;
    /// All accounts, without their tokens.
    AccountList "account.list" Look AccountList(api::Empty) -> api::Accounts;
    /// One account; with `verify`, issuer and server are asked whether its token is good.
    AccountStatus "account.status" Look AccountStatus(api::AccountStatus) -> api::AccountStatusResult;
    /// From now on, notifications `event` come on this connection.
    EventsSubscribe "events.subscribe" Look EventsSubscribe(api::Empty) -> api::Empty;
    /// What was done, for whom.
    AuditRead "audit.read" Look AuditRead(api::AuditRead) -> api::AuditPage;
    /// Who may use what, and what waits for a person.
    ApprovalList "approval.list" Look ApprovalList(api::Empty) -> api::Approvals;
    /// The sign-ins on their way.
    SignInList "sign_in.list" Look SignInList(api::Empty) -> api::SignIns;
    /// Hands out an access token; rotates it first when it is about to end.
    TokenGet "token.get" Use TokenGet(api::TokenGet) -> api::TokenGrant;
    /// Makes a link of this connection: MCP messages follow, and the agent puts the token on. Nothing else may be under way on it.
    GatewayOpen "gateway.open" Use GatewayOpen(api::GatewayOpen) -> api::GatewayOpened;
    /// The links that are open, and what waits for a person.
    GatewayList "gateway.list" Look GatewayList(api::Empty) -> api::Gateway;
    /// Whether the HTTP door is open, and who has keys.
    DoorStatus "door.status" Look DoorStatus(api::Empty) -> api::Door;
    /// Opens or closes the HTTP door.
    DoorSet "door.set" Keep DoorSet(api::DoorSet) -> api::Door;
    /// Makes a key for one client and one account. It is worth nothing before a person has allowed it.
    DoorMakeKey "door.make_key" Keep DoorMakeKey(api::DoorMakeKey) -> api::DoorNewKey;
    /// Takes a key away.
    DoorForgetKey "door.forget_key" Keep DoorForgetKey(api::DoorForgetKey) -> api::Empty;
    /// Asks the page of releases which version is the newest. Downloads and installs nothing.
    UpdateCheck "update.check" Look UpdateCheck(api::Empty) -> api::Update;
    /// Begins a sign-in. Notifications `sign_in.progress` follow; the program in front of the person opens the address.
    SignInStart "sign_in.start" Keep SignInStart(api::SignInStart) -> api::SignInStarted;
    /// Waits until a sign-in is finished; notifications `sign_in.progress` come meanwhile.
    SignInWait "sign_in.wait" Keep SignInWait(api::SignInRef) -> api::SignInFinished;
    /// Brings in the address that the browser was sent to, from the scheme's handler or pasted.
    SignInCallback "sign_in.callback" Keep SignInCallback(api::SignInCallback) -> api::SignInCalledBack;
    /// Gives a sign-in up.
    SignInCancel "sign_in.cancel" Keep SignInCancel(api::SignInRef) -> api::Empty;
    /// Goes on with another redirect when the browser could not open the first.
    SignInRedirect "sign_in.redirect" Keep SignInRedirect(api::SignInRedirect) -> api::Empty;
    /// Looks at a server step by step, for whoever runs it: what it offers to desktop clients and what it lacks. Nothing is kept. Notifications `examination.progress` follow, and `sign_in.progress` when a person signs in for it.
    ServerExamine "server.examine" Keep ServerExamine(api::Examine) -> api::ExamineStarted;
    /// Rotates now, whatever the clock says.
    AccountRefresh "account.refresh" Keep AccountRefresh(api::AccountRefresh) -> api::Refreshed;
    /// Signs out and revokes; says what that really achieved.
    AccountSignOut "account.sign_out" Keep AccountSignOut(api::SignOut) -> api::Receipts;
    /// Changes what a person calls an account.
    AccountRename "account.rename" Keep AccountRename(api::AccountRename) -> api::AccountResult;
    /// Ends the agent; a new one starts when it is needed.
    AgentStop "agent.stop" Keep AgentStop(api::Empty) -> api::Empty;
    /// Stops rotation and hand-out, or goes on.
    AgentPause "agent.pause" Keep AgentPause(api::Pause) -> api::Empty;
    /// Takes an approval back. A `never` is taken back like an approval is granted: over the consent window's link.
    ApprovalRemove "approval.remove" Keep ApprovalRemove(api::ApprovalRemove) -> api::Empty;
    /// Shows the consent window for a question that waits.
    ApprovalAsk "approval.ask" Keep ApprovalAsk(api::ApprovalAsk) -> api::Empty;
    /// Asks the person beforehand whether a program may use an account, as `connect` does for a client. Only from our own programs.
    ApprovalRequest "approval.request" Keep ApprovalRequest(api::ApprovalRequest) -> api::ApprovalRequested;
    /// Says where windows can be opened, as an agent that was started without a display does not know. Only from our own programs.
    SessionAnnounce "session.announce" Keep SessionAnnounce(api::Announce) -> api::Empty;
    /// Asks the app to show its window.
    WindowShow "window.show" Keep WindowShow(api::Empty) -> api::Empty;
    /// Answers a question with yes, or lets a program in beforehand.
    ApprovalGrant "approval.grant" Grant ApprovalGrant(api::ApprovalGrant) -> api::ApprovalGranted;
    /// Answers a question with no.
    ApprovalDeny "approval.deny" Grant ApprovalDeny(api::ApprovalDeny) -> api::Empty;
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
