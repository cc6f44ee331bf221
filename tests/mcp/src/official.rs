//! rmcp's own way through a sign-in, as its documentation has it: the request that is refused gives the challenge, the
//! challenge begins the authorization, the redirect ends it.

use mcp_login_tests::Redirect;
use rmcp::ServiceExt as _;
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::auth::{AuthError, AuthorizationRequest, OAuthState};
use tokio::runtime::Runtime;

/// Nobody listens there: the test hands the redirect over.
const REDIRECT: &str = "http://127.0.0.1:7777/callback";

/// rmcp as the client of one server.
pub struct Official {
    runtime: Runtime,
    url: String,
    state: Option<OAuthState>,
}

impl std::fmt::Debug for Official {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Official").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Official {
    /// Not signed in yet.
    ///
    /// # Panics
    /// When there is no runtime to be had.
    #[must_use]
    pub fn new(url: &str) -> Official {
        // The first caller's provider stays; rmcp brings none.
        mcp_login_tests::http_client(|client| client);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Official { runtime: runtime.expect("a runtime"), url: url.to_owned(), state: None }
    }

    /// Asks without a token, and begins an authorization with the challenge. The result is the authorization request, or what
    /// rmcp says against it.
    ///
    /// # Errors
    /// As rmcp words it.
    ///
    /// # Panics
    /// When the server does not ask for a sign-in.
    pub fn begin(
        &mut self,
        change: impl FnOnce(AuthorizationRequest) -> AuthorizationRequest,
    ) -> Result<String, String> {
        let url = self.url.clone();
        let begun = self.runtime.block_on(async {
            let refused = ().serve(StreamableHttpClientTransport::from_uri(url.clone())).await;
            let Err(error) = refused else { panic!("the server does not ask for a sign-in") };
            let challenge = error.auth_challenge().expect("with a challenge").to_owned();
            let mut state = OAuthState::new(url, None).await?;
            let request = AuthorizationRequest::new(REDIRECT)
                .with_initial_scope_selection()
                .with_client_name("MCP Login")
                .with_challenge(challenge);
            state.start_authorization(change(request)).await?;
            let address = state.get_authorization_url().await?;
            Ok::<_, AuthError>((state, address))
        });
        let (state, address) = begun.map_err(|error| error.to_string())?;
        self.state = Some(state);
        Ok(address)
    }

    /// Ends it with the redirect.
    ///
    /// # Errors
    /// As rmcp words it.
    pub fn end(&mut self, redirect: &Redirect) -> Result<(), String> {
        let state = self.state.as_mut().expect("begun before");
        self.runtime.block_on(state.handle_callback_url(&redirect.url)).map_err(|error| error.to_string())
    }

    /// Asks for new tokens.
    ///
    /// # Panics
    /// When there are none.
    pub fn refresh(&mut self) {
        let state = self.state.as_ref().expect("signed in before");
        self.runtime.block_on(state.refresh_token()).expect("rmcp refreshes");
    }

    /// Begins an authorization for one scope more. The result is the authorization request.
    ///
    /// # Panics
    /// When rmcp refuses it.
    pub fn step_up(&mut self, scope: &str) -> String {
        let state = self.state.as_mut().expect("signed in before");
        self.runtime.block_on(state.request_scope_upgrade(scope, REDIRECT)).expect("rmcp asks for more")
    }
}
