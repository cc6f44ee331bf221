//! The directory in the person's own `Path`, never the machine's.
//!
//! Problem: the usual ways cut a long `Path` or write its variables out. Invariant: what else stands there stays byte for
//! byte, and the value keeps its type.

use super::{Done, Trouble};
use std::path::Path;
use windows_registry::{CURRENT_USER, Key, Type, Value};

const ENVIRONMENT: &str = "Environment";
const NAME: &str = "Path";

pub(super) fn add(program: &Path) -> Result<Done, Trouble> {
    let dir = dir(program);
    let key = CURRENT_USER.create(ENVIRONMENT).map_err(|why| unwritable(&why.message()))?;
    change(&key, &dir, with)
}

pub(super) fn remove(program: &Path) -> Result<Done, Trouble> {
    let dir = dir(program);
    let Ok(key) = CURRENT_USER.options().read().write().open(ENVIRONMENT) else {
        return Ok(Done { place: None, changed: false, hint: None });
    };
    let done = change(&key, &dir, without)?;
    Ok(Done { place: done.changed.then(|| dir.into()), ..done })
}

fn change(key: &Key, dir: &str, edit: fn(&str, &str) -> Option<String>) -> Result<Done, Trouble> {
    let there = key.get_value(NAME).ok();
    let kind = there.as_ref().map_or(Type::ExpandString, Value::ty);
    if !matches!(kind, Type::String | Type::ExpandString) {
        return Err(unwritable("it is no text"));
    }
    // written out by nobody: `get_string` would replace %USERPROFILE%, the raw value does not
    let before = there.map(|value| text(&value)).unwrap_or_default();
    let after = edit(&before, dir);
    let changed = after.is_some();
    if let Some(after) = after {
        let written = if after.is_empty() {
            key.remove_value(NAME)
        } else if kind == Type::String {
            key.set_string(NAME, after)
        } else {
            key.set_expand_string(NAME, after)
        };
        written.map_err(|why| unwritable(&why.message()))?;
    }
    // The installer tells the desktop; by hand it is read when the person comes back.
    let hint =
        changed.then(|| "Terminals that are opened after your next sign-in to Windows see it.".to_owned());
    Ok(Done { place: Some(dir.into()), changed, hint })
}

fn text(value: &Value) -> String {
    let letters = value.as_wide();
    let end = letters.iter().position(|letter| *letter == 0).unwrap_or(letters.len());
    String::from_utf16_lossy(&letters[..end])
}

/// The list with the directory at its end; nothing when it is in there.
fn with(list: &str, dir: &str) -> Option<String> {
    if entries(list).any(|entry| is(entry, dir)) {
        return None;
    }
    let list = list.trim_end_matches(';');
    Some(if list.is_empty() { dir.to_owned() } else { format!("{list};{dir}") })
}

/// The list without the directory; nothing when it is not in there.
fn without(list: &str, dir: &str) -> Option<String> {
    if !entries(list).any(|entry| is(entry, dir)) {
        return None;
    }
    Some(entries(list).filter(|entry| !is(entry, dir)).collect::<Vec<_>>().join(";"))
}

fn entries(list: &str) -> impl Iterator<Item = &str> {
    list.split(';')
}

/// As Windows compares: without case, quotes, or a stroke at the end.
fn is(entry: &str, dir: &str) -> bool {
    let plain = |text: &str| text.trim().trim_matches('"').trim_end_matches(['\\', '/']).to_lowercase();
    plain(entry) == plain(dir)
}

fn dir(program: &Path) -> String {
    program.parent().unwrap_or(program).display().to_string()
}

fn unwritable(why: &str) -> Trouble {
    Trouble::Unwritable { what: format!("HKCU\\{ENVIRONMENT}\\{NAME}"), why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = r"C:\Users\ada müller\AppData\Local\Programs\MCP Login";

    #[test]
    fn what_else_stands_there_stays_as_it_is() {
        let long = format!(r"%USERPROFILE%\bin;;C:\a b\;{}", "C:\\x;".repeat(2_000));
        let added = with(&long, OURS);
        assert_eq!(added.as_deref(), Some(format!("{};{OURS}", long.trim_end_matches(';')).as_str()));
        let added = added.unwrap_or_default();
        assert_eq!(with(&added, &OURS.to_uppercase()), None);
        assert_eq!(without(&added, OURS).as_deref(), Some(long.trim_end_matches(';')));
        assert_eq!(without(&long, OURS), None);
    }

    #[test]
    fn the_only_entry_leaves_nothing() {
        assert_eq!(with("", OURS).as_deref(), Some(OURS));
        assert_eq!(without(&format!("\"{OURS}\\\""), OURS).as_deref(), Some(""));
    }
}
