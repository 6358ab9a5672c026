//! Files with a secret that others on the machine may read.

use std::path::Path;

/// A warning about such a file; `None` for one that only its owner reads, or that is not there.
pub fn warning(file: &Path) -> Option<String> {
    let readers = readers(file)?;
    let file = file.display();
    Some(format!(
        "{file}: {readers} may read this secret; chmod 600 {file}"
    ))
}

/// Who besides its owner may read a file.
#[cfg(unix)]
pub fn readers(file: &Path) -> Option<&'static str> {
    use std::os::unix::fs::MetadataExt as _;
    let found = std::fs::metadata(file).ok()?;
    let folder = file.parent().filter(|folder| *folder != Path::new(""));
    let folder = std::fs::metadata(folder.unwrap_or_else(|| Path::new("."))).ok()?;
    // Where there is no `/proc`, every file counts as this user's.
    let user = std::fs::metadata("/proc/self").map_or(found.uid(), |own| own.uid());
    others(found.mode(), folder.mode(), found.uid(), user)
}

/// Who else may read a file with this mode and owner, in a folder with this mode, when `user` runs the program.
#[cfg(unix)]
fn others(file: u32, folder: u32, owner: u32, user: u32) -> Option<&'static str> {
    // Who may not enter the folder cannot read what is in it.
    let open = |read: u32, enter: u32| file & read != 0 && folder & enter != 0;
    // A secret mounted into a pod and a credential of systemd are root's, and the program itself reads them as their group.
    let is_for_us = owner != user && user != 0;
    match (open(0o040, 0o010), open(0o004, 0o001)) {
        (_, true) => Some("everyone on this machine"),
        (true, false) if !is_for_us => Some("its group"),
        _ => None,
    }
}

#[cfg(not(unix))]
pub fn readers(_: &Path) -> Option<&'static str> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::others;

    #[test]
    fn a_file_of_another_user_may_be_read_by_its_group() {
        let (root, pinroute) = (0, 10001);
        for (file, folder, owner, user, expected) in [
            (0o600, 0o755, pinroute, pinroute, None),
            (0o640, 0o700, pinroute, pinroute, None),
            (0o640, 0o755, pinroute, pinroute, Some("its group")),
            (0o440, 0o1777, root, pinroute, None),
            (0o440, 0o1777, root, root, Some("its group")),
            (
                0o444,
                0o1777,
                root,
                pinroute,
                Some("everyone on this machine"),
            ),
        ] {
            assert_eq!(
                others(file, folder, owner, user),
                expected,
                "{file:o} {folder:o} {owner} {user}"
            );
        }
    }
}
