//! Writes and reads the file of a backup.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};

use super::manifest::{FIRST_LINE, Manifest};

/// More than a manifest ever has.
const LONGEST_LINE: u64 = 64 * 1024;

/// A file that is not whole yet, removed when dropped. Only its owner may read it.
#[derive(Debug)]
pub struct Partial(PathBuf);

impl Partial {
    /// An empty one next to `file`.
    pub fn beside(file: &Path, kind: &str) -> Result<Self, String> {
        let name = file
            .file_name()
            .ok_or_else(|| format!("{}: is no file name", file.display()))?;
        let name = format!(
            ".{}.{}.{kind}.partial",
            name.to_string_lossy(),
            std::process::id()
        );
        let path = file.with_file_name(name);
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options
            .open(&path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    fn fault(&self, error: &std::io::Error) -> String {
        format!("{}: {error}", self.0.display())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
        for side in ["-wal", "-shm", "-journal"] {
            let mut name = self.0.as_os_str().to_owned();
            name.push(side);
            let _ = std::fs::remove_file(PathBuf::from(name));
        }
    }
}

/// Length and SHA-256 of the rest of a file.
fn measure(mut file: impl Read) -> std::io::Result<(u64, String)> {
    let (mut context, mut bytes) = (Context::new(&SHA256), 0);
    let mut piece = vec![0; 1 << 20];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok((bytes, hex::encode(context.finish()))),
            n => {
                context.update(&piece[..n]);
                bytes += n as u64;
            }
        }
    }
}

/// Writes a backup with this copy; the manifest's length and sum are filled in.
pub fn write(to: &Path, mut manifest: Manifest, copy: &Partial) -> Result<Manifest, String> {
    let mut from = File::open(&copy.0).map_err(|error| copy.fault(&error))?;
    (manifest.bytes, manifest.sha256) = measure(&mut from).map_err(|error| copy.fault(&error))?;
    from.rewind().map_err(|error| copy.fault(&error))?;
    let whole = Partial::beside(to, "backup")?;
    let mut written = || -> std::io::Result<()> {
        let mut out = BufWriter::new(File::options().write(true).open(&whole.0)?);
        writeln!(out, "{FIRST_LINE}\n{}", serde_json::to_string(&manifest)?)?;
        std::io::copy(&mut from, &mut out)?;
        out.into_inner()?.sync_all()
    };
    written().map_err(|error| whole.fault(&error))?;
    publish(&whole, to)?;
    Ok(manifest)
}

/// Gives a whole file its name, which nothing has.
pub fn publish(whole: &Partial, name: &Path) -> Result<(), String> {
    let fault = |error: std::io::Error| format!("{}: {error}", name.display());
    File::open(&whole.0)
        .and_then(|file| file.sync_all())
        .map_err(fault)?;
    std::fs::hard_link(&whole.0, name).map_err(fault)?;
    // The name itself must survive a loss of power.
    let folder = name.parent().filter(|folder| *folder != Path::new(""));
    let folder = File::open(folder.unwrap_or_else(|| Path::new(".")));
    folder.and_then(|folder| folder.sync_all()).map_err(fault)
}

/// A backup that is read, at the beginning of its copy.
#[derive(Debug)]
pub struct Archive {
    pub manifest: Manifest,
    file: File,
    begins_at: u64,
}

impl Archive {
    /// Opens a backup and checks that it is whole.
    pub fn open(path: &Path) -> Result<Self, String> {
        let fault = |problem: String| format!("{}: {problem}", path.display());
        let mut file = File::open(path).map_err(|error| fault(error.to_string()))?;
        let mut head = BufReader::new((&mut file).take(LONGEST_LINE));
        let (mut first, mut second) = (Vec::new(), Vec::new());
        let read = head
            .read_until(b'\n', &mut first)
            .and_then(|_| head.read_until(b'\n', &mut second));
        read.map_err(|error| fault(error.to_string()))?;
        let begins_at = (first.len() + second.len()) as u64;
        let first = String::from_utf8_lossy(&first);
        if first.trim_end() != FIRST_LINE {
            return Err(fault(if first.starts_with("pinroute backup ") {
                "a newer version of pinroute made this backup; restore it with that one".to_owned()
            } else {
                "is not a backup that `pinroute backup` made".to_owned()
            }));
        }
        let manifest: Manifest = serde_json::from_slice(&second)
            .map_err(|_| fault("is damaged: its second line cannot be read".to_owned()))?;
        let mut archive = Self {
            manifest,
            file,
            begins_at,
        };
        let measured = archive.copy().and_then(measure);
        let (bytes, sha256) = measured.map_err(|error| fault(error.to_string()))?;
        if (bytes, &sha256) != (archive.manifest.bytes, &archive.manifest.sha256) {
            return Err(fault(
                "is damaged or not whole: its length or its sum differs".to_owned(),
            ));
        }
        Ok(archive)
    }

    /// The copy, from its beginning.
    pub fn copy(&mut self) -> std::io::Result<&mut File> {
        self.file.seek(SeekFrom::Start(self.begins_at))?;
        Ok(&mut self.file)
    }
}
