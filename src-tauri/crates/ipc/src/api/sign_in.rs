//! A sign-in on its way. It lives in the agent and survives the program that started it.

use serde::{Deserialize, Serialize};

use super::account::{Account, RedirectKind, RegistrationKind};
use super::receipt::Receipt;
use crate::fault::Fault;
use crate::secret::{self, Secret};

/// Which redirect to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RedirectChoice {
    /// What this issuer accepted before, else the scheme when the desktop app handles it, else loopback.
    #[default]
    Auto,
    /// The private-use scheme.
    Scheme,
    /// `http://127.0.0.1:<port>/callback`.
    Loopback,
    /// `http://localhost:<port>/callback`.
    Localhost,
}

/// Whether the person agreed to a new issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IssuerChangeChoice {
    /// Sign in at the new one, and revoke at the old one.
    Accept,
}

/// `sign_in.start` parameters: a server's URL for a new account, or an account to sign in again.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignInStart {
    /// The server's address, as a person typed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The account to sign in again, or to give more scopes; instead of `url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The new account's name; made from the host when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `auto` when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect: Option<RedirectChoice>,
    /// Instead of what the server asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// OpenID Connect Core §3.1.2.1, e.g. `select_account`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// OpenID Connect Core §3.1.2.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_hint: Option<String>,
    /// The issuer to use when the server names several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Said when the server moved to another issuer and the person agreed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer_change: Option<IssuerChangeChoice>,
    /// Said when somebody else came back on a sign-in again and the person wants that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replace: bool,
    /// A client that the person registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Its secret.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "secret::expose_some")]
    pub client_secret: Option<Secret>,
    /// Its redirect URI, exactly as it was registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
    /// An initial access token for the registration (RFC 7591 §3).
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "secret::expose_some")]
    pub registration_token: Option<Secret>,
}

/// `sign_in.start` result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInStarted {
    /// The sign-in's id. Progress follows as notifications on the same connection.
    pub sign_in: String,
}

/// Parameters of `sign_in.wait` and `sign_in.cancel`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignInRef {
    /// The sign-in's id.
    pub sign_in: String,
}

/// `sign_in.wait` result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInFinished {
    /// The account, new or renewed.
    pub account: Account,
}

/// `sign_in.callback` parameters: the address that the browser was sent to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignInCallback {
    /// The whole address, from the scheme's handler or pasted.
    pub url: String,
    /// Which sign-in a person pasted it for; by `state` when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_in: Option<String>,
}

/// `sign_in.callback` result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInCalledBack {
    /// Which sign-in it was.
    pub sign_in: String,
    /// The account, new or renewed; none when the sign-in was for an examination, which keeps nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Account>,
}

/// `sign_in.redirect` parameters: try the other way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignInRedirect {
    /// The sign-in's id.
    pub sign_in: String,
    /// Which way.
    pub kind: RedirectChoice,
}

/// `sign_in.list` result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignIns {
    /// Those on their way.
    pub sign_ins: Vec<SignIn>,
}

/// A sign-in on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignIn {
    /// Its id.
    pub sign_in: String,
    /// The server's address.
    pub server: String,
    /// The account's name, when it has one already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When it was started.
    pub started_at: u64,
    /// When it is given up.
    pub expires_at: u64,
    /// Where it is.
    pub progress: Step,
}

/// Where a sign-in is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// Asking the server who its issuer is.
    Discovering,
    /// Getting a client identity.
    Registering {
        /// Where.
        issuer: String,
    },
    /// A person has to open the address.
    Browser(Box<BrowserStep>),
    /// The code is being turned into tokens.
    Exchanging,
    /// The tokens go into the keychain.
    Storing,
    /// The end.
    Done(Box<DoneStep>),
    /// The end of a sign-in that was for an examination: its tokens are used there and kept nowhere.
    Tried,
    /// The end.
    Failed {
        /// Why.
        error: Fault,
    },
}

/// What the program in front of the person has to open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrowserStep {
    /// Open it; never log it.
    pub authorization_url: String,
    /// Where the browser will be sent back.
    pub redirect_uri: String,
    /// Which way that is.
    pub redirect_kind: RedirectKind,
    /// The issuer.
    pub issuer: String,
    /// The server's address.
    pub server: String,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// How we came to a client identity.
    pub registration: RegistrationKind,
    /// When the sign-in is given up.
    pub expires_at: u64,
    /// Set when an answer came that was not to be believed, and why: the step is sent again then, and the right answer
    /// is still waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Fault>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoneStep {
    /// The account, new or renewed.
    pub account: Account,
    /// What was asked for.
    pub asked: Vec<String>,
    /// What was granted.
    pub granted: Vec<String>,
    /// Set when the account was somebody else's before: who that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    /// What became of the tokens of the former issuer, when the server had moved to another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former: Option<Receipt>,
}

/// The notification `sign_in.progress`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInProgress {
    /// Which.
    pub sign_in: String,
    /// Where it is: `step` and its fields lie beside `sign_in`.
    #[serde(flatten)]
    pub step: Step,
}
