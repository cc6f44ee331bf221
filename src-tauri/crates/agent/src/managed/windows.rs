//! Reads the key of Group Policy, whole.

use super::registry::{self, Data, Key};
use super::{Mistake, Tree};
use mcp_login_ipc::identity::DIRECTORY_NAME;
use windows_registry::{LOCAL_MACHINE, Type, Value};

/// Keys below one another: the schema has three.
const DEPTH: usize = 4;
/// `ERROR_FILE_NOT_FOUND`, as an HRESULT.
const NOT_THERE: i32 = 0x8007_0002_u32.cast_signed();

/// What Group Policy put there. Only an administrator writes to it.
pub(super) fn system() -> Result<Option<(String, Tree)>, Mistake> {
    let path = format!("Software\\Policies\\{DIRECTORY_NAME}");
    let place = format!("HKLM\\{path}");
    match LOCAL_MACHINE.open(&path).and_then(|key| read(&key, DEPTH)) {
        Ok(key) => Ok(Some((place, registry::tree(key)))),
        Err(error) if error.code().0 == NOT_THERE => Ok(None),
        Err(error) => Err(Mistake { place, key: "key".to_owned(), what: error.message() }),
    }
}

fn read(key: &windows_registry::Key, depth: usize) -> windows_registry::Result<Key> {
    let mut found = Key::default();
    for (name, value) in key.values()? {
        found.values.insert(name, data(value));
    }
    if depth > 0 {
        for name in key.keys()? {
            let below = read(&key.open(&name)?, depth - 1)?;
            found.keys.insert(name, below);
        }
    }
    Ok(found)
}

fn data(value: Value) -> Data {
    match value.ty() {
        Type::String | Type::ExpandString => String::try_from(value).map_or(Data::Other, Data::Text),
        // An empty line is how the list ends; the format has no room for one within.
        Type::MultiString => Vec::<String>::try_from(value).map_or(Data::Other, |mut lines| {
            lines.retain(|line| !line.is_empty());
            Data::Texts(lines)
        }),
        Type::U32 => u32::try_from(value).map_or(Data::Other, Data::Number),
        _ => Data::Other,
    }
}
