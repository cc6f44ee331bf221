//! Identifiers: the vault's, since they are its keys.

pub use mcp_login_vault::{AccountId, RegistrationId, RevocationId};

/// Ten random bytes from the system.
///
/// # Errors
/// The system has no random numbers: nothing can be done safely then.
pub(crate) fn random() -> Result<[u8; 10], crate::failure::Failure> {
    let mut bytes = [0; 10];
    getrandom::fill(&mut bytes).map_err(|_| crate::failure::Failure::Random)?;
    Ok(bytes)
}
