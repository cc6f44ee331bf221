//! Stands in for the desktop app: carries what the agent says to the test, and back. The test finds in its first line how it
//! was started. With `--to SOCKET` it speaks to the agent's socket instead, as the app does.

#[cfg(unix)]
fn main() -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::net::UnixStream;

    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let home = std::env::var_os("HOME").ok_or(std::io::ErrorKind::NotFound)?;
    // Without a stage it is a window that does not come up.
    let mut stage = UnixStream::connect(std::path::Path::new(&home).join("window.sock"))?;
    let environment: std::collections::BTreeMap<String, String> = std::env::vars().collect();
    let descriptors: Vec<String> = std::fs::read_dir("/proc/self/fd")
        .map(|list| list.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
        .unwrap_or_default();
    let born = serde_json::json!({
        "pid": std::process::id(),
        "arguments": arguments,
        "environment": environment,
        "descriptors": descriptors,
    });
    writeln!(stage, "{born}")?;
    eprintln!("the stand-in came up");
    if let [to, socket] = arguments.as_slice()
        && to == "--to"
    {
        let agent = UnixStream::connect(socket)?;
        return carry(agent.try_clone()?, agent, stage);
    }
    carry(std::io::stdin(), std::io::stdout(), stage)
}

/// Both ways, until one of them ends.
#[cfg(unix)]
fn carry(
    from: impl std::io::Read + Send + 'static,
    to: impl std::io::Write + Send + 'static,
    stage: std::os::unix::net::UnixStream,
) -> std::io::Result<()> {
    let heard = stage.try_clone()?;
    std::thread::spawn(move || pump(heard, to));
    pump(from, stage);
    Ok(())
}

#[cfg(unix)]
fn pump(mut from: impl std::io::Read, mut to: impl std::io::Write) {
    let mut room = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut room) {
        if to.write_all(&room[..read]).and_then(|()| to.flush()).is_err() {
            break;
        }
    }
    std::process::exit(0);
}

#[cfg(not(unix))]
fn main() {}
