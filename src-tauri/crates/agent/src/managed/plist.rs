//! Managed preferences of macOS: what a configuration profile put there.

use super::Tree;
use plist::Value;

/// What a property list says.
pub(super) fn tree(value: Value) -> Tree {
    match value {
        Value::String(text) => Tree::Text(text),
        Value::Boolean(flag) => Tree::Flag(flag),
        Value::Array(list) => Tree::List(list.into_iter().map(tree).collect()),
        Value::Dictionary(table) => {
            Tree::Table(table.into_iter().map(|(name, value)| (name, tree(value))).collect())
        }
        Value::Date(_) => Tree::Other("a date"),
        Value::Data(_) => Tree::Other("data"),
        _ => Tree::Other("a number"),
    }
}

/// The user's own, else the computer's. Only the system writes there.
#[cfg(target_os = "macos")]
pub(super) fn system() -> Result<Option<(String, Tree)>, super::Mistake> {
    let dir = std::path::Path::new("/Library/Managed Preferences");
    let name = format!("{}.plist", mcp_login_ipc::identity::APPLICATION_ID);
    let user = directories::BaseDirs::new()
        .and_then(|dirs| dirs.home_dir().file_name().map(|user| dir.join(user).join(&name)));
    for path in user.into_iter().chain([dir.join(&name)]) {
        let place = path.display().to_string();
        let mistake = |what: String| super::Mistake { place: place.clone(), key: "file".to_owned(), what };
        match std::fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(mistake(error.to_string())),
            Ok(_) => {}
        }
        let value = Value::from_file(&path).map_err(|error| mistake(error.to_string()))?;
        return Ok(Some((place, tree(value))));
    }
    Ok(None)
}
