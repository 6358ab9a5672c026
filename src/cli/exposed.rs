//! Files with a secret that others on the machine may read.

use std::path::Path;

/// A warning about such a file; `None` for one that only its owner reads, or that is not there.
#[cfg(unix)]
pub fn warning(file: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &Path| Some(std::fs::metadata(path).ok()?.permissions().mode());
    let file_mode = mode(file)?;
    // Who may not enter the folder cannot read what is in it.
    let folder = file.parent().filter(|folder| *folder != Path::new(""));
    let folder_mode = mode(folder.unwrap_or_else(|| Path::new(".")))?;
    let open = |read: u32, enter: u32| file_mode & read != 0 && folder_mode & enter != 0;
    let readers = match (open(0o040, 0o010), open(0o004, 0o001)) {
        (_, true) => "everyone on this machine",
        (true, false) => "its group",
        (false, false) => return None,
    };
    let file = file.display();
    Some(format!(
        "{file}: {readers} may read this secret; chmod 600 {file}"
    ))
}

#[cfg(not(unix))]
pub fn warning(_: &Path) -> Option<String> {
    None
}
