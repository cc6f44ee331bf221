//! Standard input and output, taken away from everybody else.
//!
//! Problem: a library that prints a warning would write into the link, and a child would inherit it. Invariant: after this
//! the numbers of standard input and output lead to nothing and to standard error; the link lies elsewhere and is closed in
//! children.

use std::fs::File;
use std::io;

/// The link: what the agent says, and what it hears.
///
/// # Errors
/// What the system says.
pub(super) fn take() -> io::Result<(File, File)> {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd as _;
        let input = io::stdin().as_fd().try_clone_to_owned()?;
        let out = io::stdout().as_fd().try_clone_to_owned()?;
        rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
        rustix::stdio::dup2_stdout(io::stderr())?;
        Ok((File::from(input), File::from(out)))
    }
    #[cfg(windows)]
    {
        use std::os::windows::io::AsHandle as _;
        // handles are inherited only by children that are given them; nobody here prints
        let input = io::stdin().as_handle().try_clone_to_owned()?;
        let out = io::stdout().as_handle().try_clone_to_owned()?;
        Ok((File::from(input), File::from(out)))
    }
}
