//! The icon of a program that asks, where the system has one.
//!
//! Invariant: it helps to recognise and proves nothing, and the page shows it beside the path, never instead of it; a file
//! is taken only if it is small and a PNG.

use mcp_login_ipc::api::Subject;

/// Bytes of a picture. One of 64 pixels has a tenth of that.
const MAX_PICTURE: u64 = 64 * 1024;
/// How a PNG begins.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// As an address that the page's policy lets in.
pub(super) fn of(subject: &Subject) -> Option<String> {
    let picture = system::picture(std::path::Path::new(&subject.program))?;
    (picture.starts_with(PNG) && picture.len() as u64 <= MAX_PICTURE)
        .then(|| format!("data:image/png;base64,{}", base64(&picture)))
}

/// RFC 4648 §4.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let all = [chunk[0], chunk.get(1).copied().unwrap_or(0), chunk.get(2).copied().unwrap_or(0)];
        let number = u32::from(all[0]) << 16 | u32::from(all[1]) << 8 | u32::from(all[2]);
        for place in 0..4 {
            let letter = LETTERS[(number >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
fn small(path: &std::path::Path, most: u64) -> Option<Vec<u8>> {
    let meta = std::fs::metadata(path).ok()?;
    (meta.is_file() && meta.len() <= most).then(|| std::fs::read(path).ok())?
}

/// By the desktop entry that starts the program, and the icon that it names.
#[cfg(target_os = "linux")]
mod system {
    use super::{MAX_PICTURE, small};
    use std::path::{Path, PathBuf};

    /// No desktop entry comes near this.
    const MAX_ENTRY: u64 = 256 * 1024;
    /// Entries that are looked at. A full desktop has some three hundred.
    const MAX_ENTRIES: usize = 2_000;
    /// What is shown at 48 pixels, the best first.
    const SIZES: &[&str] = &["64x64", "48x48", "128x128", "96x96", "256x256", "32x32"];

    pub(super) fn picture(program: &Path) -> Option<Vec<u8>> {
        let program = std::fs::canonicalize(program).ok()?;
        let dirs = data_dirs();
        let entries =
            dirs.iter().filter_map(|dir| std::fs::read_dir(dir.join("applications")).ok()).flatten();
        let name = entries.take(MAX_ENTRIES).find_map(|entry| {
            let text = String::from_utf8(small(&entry.ok()?.path(), MAX_ENTRY)?).ok()?;
            let group = text.split("[Desktop Entry]").nth(1)?.split("\n[").next()?;
            let value = |key: &str| group.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            let exec = value("Exec")?.trim_start_matches('"').split(['"', ' ']).next()?;
            (std::fs::canonicalize(exec).ok()? == program).then(|| value("Icon").map(str::to_owned))?
        })?;
        if name.starts_with('/') {
            return small(Path::new(&name), MAX_PICTURE);
        }
        if name.contains('/') {
            return None;
        }
        let file = format!("{name}.png");
        let themed = |dir: &PathBuf| {
            SIZES
                .iter()
                .map(|size| dir.join("icons/hicolor").join(size).join("apps").join(&file))
                .collect::<Vec<_>>()
        };
        let loose = dirs.iter().map(|dir| dir.join("pixmaps").join(&file));
        dirs.iter().flat_map(themed).chain(loose).find_map(|path| small(&path, MAX_PICTURE))
    }

    fn data_dirs() -> Vec<PathBuf> {
        let own = directories::BaseDirs::new().map(|dirs| dirs.data_dir().to_owned());
        let system = std::env::var("XDG_DATA_DIRS").ok().filter(|dirs| !dirs.is_empty());
        let system = system.unwrap_or_else(|| "/usr/local/share:/usr/share".to_owned());
        own.into_iter().chain(std::env::split_paths(&system).filter(|dir| dir.is_absolute())).collect()
    }
}

/// The bundle's icon file, which holds PNGs of several sizes.
#[cfg(target_os = "macos")]
mod system {
    use super::{MAX_PICTURE, PNG, small};
    use std::path::Path;

    /// An icon file with all its sizes.
    const MAX_ICNS: u64 = 8 * 1024 * 1024;
    /// The kinds that hold a PNG of 64 to 256 pixels, the best first.
    const KINDS: &[&[u8; 4]] = &[b"ic12", b"ic07", b"ic13", b"ic08"];

    pub(super) fn picture(program: &Path) -> Option<Vec<u8>> {
        let bundle = program.ancestors().find(|dir| dir.extension().is_some_and(|end| end == "app"))?;
        let resources = std::fs::read_dir(bundle.join("Contents/Resources")).ok()?;
        let file = resources
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.extension().is_some_and(|end| end == "icns"))?;
        let icns = small(&file, MAX_ICNS)?;
        KINDS.iter().find_map(|kind| chunk(&icns, kind))
    }

    fn chunk(icns: &[u8], kind: &[u8; 4]) -> Option<Vec<u8>> {
        let mut rest = icns.strip_prefix(b"icns")?.get(4..)?;
        while rest.len() >= 8 {
            let length = u32::from_be_bytes(rest.get(4..8)?.try_into().ok()?) as usize;
            let body = rest.get(8..length)?;
            if rest.starts_with(kind) && body.starts_with(PNG) && body.len() as u64 <= MAX_PICTURE {
                return Some(body.to_vec());
            }
            rest = &rest[length..];
        }
        None
    }
}

#[cfg(windows)]
#[path = "icon/windows.rs"]
mod system;

/// Red, green, blue and alpha, from blue, green, red and alpha and the shape of an icon. One from before there was alpha has
/// none at all: then what the shape leaves dark is seen.
#[cfg(any(windows, test))]
fn rgba(colour: &[u8], shape: &[u8]) -> Vec<u8> {
    let has_alpha = colour.chunks_exact(4).any(|pixel| pixel[3] != 0);
    let pixels = colour.chunks_exact(4).zip(shape.chunks_exact(4));
    let seen = |pixel: &[u8], shape: &[u8]| match has_alpha {
        true => pixel[3],
        false if shape[0] == 0 => 255,
        false => 0,
    };
    pixels.flat_map(|(pixel, shape)| [pixel[2], pixel[1], pixel[0], seen(pixel, shape)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_icon_is_as_seen_as_it_says_or_as_its_shape_is() {
        let (dark, light) = ([0, 0, 0, 0], [255, 255, 255, 0]);
        let with_alpha = [[1, 2, 3, 0], [4, 5, 6, 128]].concat();
        assert_eq!(rgba(&with_alpha, &[dark, dark].concat()), [3, 2, 1, 0, 6, 5, 4, 128]);
        let without = [[1, 2, 3, 0], [4, 5, 6, 0]].concat();
        assert_eq!(rgba(&without, &[dark, light].concat()), [3, 2, 1, 255, 6, 5, 4, 0]);
    }

    #[test]
    fn rfc_4648_test_vectors() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
