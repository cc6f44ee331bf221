//! Linux: a Secret Service on the session bus (GNOME Keyring, KWallet, KeePassXC).

use std::sync::Arc;

use keyring_core::CredentialStore;
use secret_service::blocking::SecretService;
use secret_service::{EncryptionType, Error as Service};
use zbus::fdo;

use super::{Failure, absent, broken};
use crate::{Error, Kind};

pub(super) const KIND: Kind = Kind::SecretService;

pub(super) fn open() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(zbus_secret_service_keyring_store::Store::new()?)
}

/// What a person reads in Seahorse or KWallet.
pub(super) fn modifiers(service: &str, name: &str) -> Vec<(&'static str, String)> {
    vec![("label", format!("{service} {name}"))]
}

/// Over a connection of its own, because the store does not tell whether the collection is locked without asking
/// the person to unlock it. `Plain` negotiates no key: no secret is asked for.
pub(super) fn probe() -> Result<(), Failure> {
    let locked = || SecretService::connect(EncryptionType::Plain)?.get_default_collection()?.is_locked();
    match locked() {
        Ok(false) => Ok(()),
        Ok(true) => Err(Failure::Refused(Error::Locked)),
        Err(error) => Err(service(&error)),
    }
}

pub(super) fn tell(source: &(dyn std::error::Error + Send + Sync + 'static)) -> Failure {
    match source.downcast_ref::<Service>() {
        Some(error) => service(error),
        None => broken(source.to_string(), None),
    }
}

fn service(error: &Service) -> Failure {
    match error {
        Service::Locked => Failure::Refused(Error::Locked),
        Service::Prompt => Failure::Refused(Error::Dismissed),
        // no default collection, and none can be made without asking for a new password
        Service::NoResult | Service::Unavailable => absent(error.to_string(), None),
        Service::Zbus(bus) => bus_error(bus),
        Service::ZbusFdo(standard) => standard_error(standard),
        other => broken(other.to_string(), None),
    }
}

fn bus_error(error: &zbus::Error) -> Failure {
    match error {
        // nobody listens where the session bus should be
        zbus::Error::Connection(..) | zbus::Error::Address(_) => absent(error.to_string(), None),
        zbus::Error::FDO(standard) => standard_error(standard),
        zbus::Error::MethodError(name, _, _) => match name.as_str() {
            "org.freedesktop.Secret.Error.IsLocked" => Failure::Refused(Error::Locked),
            "org.freedesktop.DBus.Error.AccessDenied" => Failure::Refused(Error::Denied),
            "org.freedesktop.DBus.Error.ServiceUnknown" | "org.freedesktop.DBus.Error.NameHasNoOwner" => {
                absent(error.to_string(), None)
            }
            // the service could not be started
            other if other.starts_with("org.freedesktop.DBus.Error.Spawn.") => {
                absent(error.to_string(), None)
            }
            _ => broken(error.to_string(), None),
        },
        other => broken(other.to_string(), None),
    }
}

fn standard_error(error: &fdo::Error) -> Failure {
    match error {
        fdo::Error::ZBus(bus) => bus_error(bus),
        fdo::Error::AccessDenied(_) => Failure::Refused(Error::Denied),
        fdo::Error::ServiceUnknown(_)
        | fdo::Error::NameHasNoOwner(_)
        | fdo::Error::SpawnExecFailed(_)
        | fdo::Error::SpawnForkFailed(_)
        | fdo::Error::SpawnChildExited(_)
        | fdo::Error::SpawnChildSignaled(_)
        | fdo::Error::SpawnFailed(_)
        | fdo::Error::SpawnFailedToSetup(_)
        | fdo::Error::SpawnConfigInvalid(_)
        | fdo::Error::SpawnServiceNotValid(_)
        | fdo::Error::SpawnServiceNotFound(_)
        | fdo::Error::SpawnPermissionsInvalid(_)
        | fdo::Error::SpawnFileInvalid(_)
        | fdo::Error::SpawnNoMemory(_) => absent(error.to_string(), None),
        other => broken(other.to_string(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(error: Service) -> Failure {
        tell(&error)
    }

    #[test]
    fn every_answer_that_calls_for_another_next_step_is_told_apart() {
        assert!(matches!(told(Service::Locked), Failure::Refused(Error::Locked)));
        assert!(matches!(told(Service::Prompt), Failure::Refused(Error::Dismissed)));
        assert!(matches!(told(Service::NoResult), Failure::Broken(Error::Absent { .. })));
        assert!(matches!(told(Service::PromptDisconnected), Failure::Broken(Error::Platform { .. })));
        let unknown = fdo::Error::ServiceUnknown("org.freedesktop.secrets".into());
        assert!(matches!(told(Service::ZbusFdo(unknown.clone())), Failure::Broken(Error::Absent { .. })));
        let wrapped = Service::Zbus(zbus::Error::FDO(Box::new(unknown)));
        assert!(matches!(told(wrapped), Failure::Broken(Error::Absent { .. })));
        let pipe = zbus::Error::InputOutput(Arc::new(std::io::ErrorKind::BrokenPipe.into()));
        assert!(matches!(told(Service::Zbus(pipe)), Failure::Broken(Error::Platform { .. })));
    }
}
