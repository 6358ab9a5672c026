//! A sink's file: an event a line, flushed to the disk batch by batch, and rotated.
//!
//! The file is opened anew for each batch, so that it can be moved or shared by processes, and locked meanwhile.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::settings::FileSettings;

/// Files rotated within one second that can be told apart.
const MOST_PER_SECOND: u32 = 1_000;

#[derive(Debug)]
pub struct EventFile {
    settings: FileSettings,
}

impl EventFile {
    #[must_use]
    pub fn new(settings: FileSettings) -> Self {
        Self { settings }
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.settings.path
    }

    /// Appends a line for each text. When it returns, they are on the disk. On a failure it takes back what it can.
    pub fn append(&self, texts: &[String], now: DateTime<Utc>) -> Result<(), String> {
        let mut lines = texts.join("\n");
        lines.push('\n');
        self.try_append(&lines, now).map_err(|fault| {
            let path = self.path().display();
            format!("cannot write `{path}`: {fault}")
        })
    }

    fn try_append(&self, lines: &str, now: DateTime<Utc>) -> io::Result<()> {
        let mut file = open(self.path())?;
        if self.is_full(&file, lines.len(), now)? {
            self.rotate(now)?;
            file = open(self.path())?;
        }
        let length = file.metadata()?.len();
        // A line that a crash cut off must not run into the next one.
        let cut = length > 0 && last_byte(&mut file)? != b'\n';
        let written = (|| {
            if cut {
                file.write_all(b"\n")?;
            }
            file.write_all(lines.as_bytes())?;
            file.sync_data()
        })();
        if written.is_err() {
            let _ = file.set_len(length);
            return written;
        }
        if length == 0 {
            flush_folder(self.path())?;
        }
        if self.settings.rotate_daily {
            // By it the day is known after a restart.
            file.set_modified(now.into())?;
        }
        Ok(())
    }

    fn is_full(&self, file: &File, more: usize, now: DateTime<Utc>) -> io::Result<bool> {
        let metadata = file.metadata()?;
        if metadata.len() == 0 {
            return Ok(false);
        }
        let more = u64::try_from(more).unwrap_or(u64::MAX);
        let size = metadata.len().saturating_add(more);
        let written_at: DateTime<Utc> = metadata.modified()?.into();
        let is_of_before = self.settings.rotate_daily && written_at.date_naive() < now.date_naive();
        Ok(is_of_before || self.settings.rotate_at.is_some_and(|most| size > most))
    }

    /// Renames the file to `PATH.20261105T100000-000` and deletes the oldest of such files.
    fn rotate(&self, now: DateTime<Utc>) -> io::Result<()> {
        let mut rotated = self.rotated()?;
        let base = format!("{}.{}", self.path().display(), now.format("%Y%m%dT%H%M%S"));
        let mut names = (0..MOST_PER_SECOND).map(|n| PathBuf::from(format!("{base}-{n:03}")));
        // After the last one of this second, also when older ones are deleted already.
        let of_now = |name: &&PathBuf| name.to_string_lossy().starts_with(&base);
        let last = rotated.iter().rfind(of_now);
        let name = names
            .find(|name| last.is_none_or(|last| name > last))
            .ok_or_else(|| io::Error::other("it was rotated too often within this second"))?;
        std::fs::rename(self.path(), &name)?;
        flush_folder(self.path())?;
        rotated.push(name);
        let surplus = rotated.len().saturating_sub(self.settings.keep);
        for name in rotated.iter().take(surplus) {
            if let Err(error) = std::fs::remove_file(name) {
                tracing::warn!(file = %name.display(), %error, "cannot delete an old file of a sink");
            }
        }
        Ok(())
    }

    /// The rotated files, oldest first.
    fn rotated(&self) -> io::Result<Vec<PathBuf>> {
        let own = self.path().file_name().unwrap_or_default();
        let own = own.to_string_lossy();
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder(self.path()))? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let rest = name.strip_prefix(&*own);
            if rest
                .and_then(|rest| rest.strip_prefix('.'))
                .is_some_and(is_stamp)
            {
                found.push(entry.path());
            }
        }
        found.sort_unstable();
        Ok(found)
    }
}

/// Whether events could be appended to a file, and the file be rotated. The problem is for the operator.
pub fn check(path: &Path) -> Result<(), String> {
    let folder = folder(path);
    let shown = folder.display();
    match std::fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return Err(format!("`{shown}` is not a folder")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(format!("the folder `{shown}` does not exist; create it"));
        }
        Err(error) => return Err(format!("the folder `{shown}` cannot be read: {error}")),
    }
    if path.is_dir() {
        return Err(format!("`{}` is a folder; name a file", path.display()));
    }
    if path.exists() {
        let opened = OpenOptions::new().append(true).open(path);
        opened.map_err(|error| format!("`{}` cannot be written: {error}", path.display()))?;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let trial = folder.join(format!(".{name}.{}", std::process::id()));
    let made = File::create(&trial).and_then(|_| std::fs::remove_file(&trial));
    made.map_err(|error| format!("the folder `{shown}` is not writable: {error}"))
}

/// `20261105T100000-000`.
fn is_stamp(text: &str) -> bool {
    let fits = |(place, b): (usize, u8)| match place {
        8 => b == b'T',
        15 => b == b'-',
        _ => b.is_ascii_digit(),
    };
    text.len() == 19 && text.bytes().enumerate().all(fits)
}

/// Opens the file and locks it, until it is dropped.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).read(true).append(true);
    // It tells who has verified which number.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
    let file = options.open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(io::Error::other("it is being written already")),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn last_byte(file: &mut File) -> io::Result<u8> {
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last[0])
}

/// Makes a new or renamed file's name durable.
fn flush_folder(path: &Path) -> io::Result<()> {
    File::open(folder(path))?.sync_all()
}

fn folder(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    folder.unwrap_or_else(|| Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::random;

    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            let name = format!("pinroute-sink-{:016x}", u64::from_be_bytes(random()));
            let folder = std::env::temp_dir().join(name);
            std::fs::create_dir(&folder).unwrap();
            Self(folder)
        }

        fn file(&self, settings: impl FnOnce(&mut FileSettings)) -> EventFile {
            let mut all = FileSettings {
                path: self.0.join("events.jsonl"),
                rotate_at: None,
                rotate_daily: false,
                keep: 2,
            };
            settings(&mut all);
            EventFile::new(all)
        }

        fn read(&self) -> String {
            std::fs::read_to_string(self.0.join("events.jsonl")).unwrap()
        }

        fn names(&self) -> Vec<String> {
            let entries = std::fs::read_dir(&self.0).unwrap();
            let names = entries.map(|it| it.unwrap().file_name().to_string_lossy().into_owned());
            let mut names: Vec<String> = names.collect();
            names.sort();
            names
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_line_that_was_cut_off_does_not_run_into_the_next_one() {
        let (folder, now) = (Folder::new(), at("2026-11-05T10:00:00Z"));
        let file = folder.file(|_| {});
        file.append(&texts(&["{\"a\":1}", "{\"a\":2}"]), now)
            .unwrap();
        let whole = folder.read();
        assert_eq!(whole, "{\"a\":1}\n{\"a\":2}\n");
        std::fs::write(file.path(), format!("{whole}{{\"a\":")).unwrap();
        file.append(&texts(&["{\"a\":3}"]), now).unwrap();
        assert_eq!(folder.read(), format!("{whole}{{\"a\":\n{{\"a\":3}}\n"));
    }

    #[test]
    fn a_file_is_rotated_when_it_would_grow_too_large_and_only_so_many_are_kept() {
        let (folder, now) = (Folder::new(), at("2026-11-05T10:00:00Z"));
        let file = folder.file(|settings| settings.rotate_at = Some(10));
        for text in ["11111", "222", "33333", "44444", "55555", "66666"] {
            file.append(&texts(&[text]), now).unwrap();
        }
        assert_eq!(folder.read(), "66666\n");
        assert_eq!(
            folder.names(),
            [
                "events.jsonl",
                "events.jsonl.20261105T100000-002",
                "events.jsonl.20261105T100000-003"
            ]
        );
        let oldest = folder.0.join("events.jsonl.20261105T100000-002");
        assert_eq!(std::fs::read_to_string(oldest).unwrap(), "44444\n");
    }

    #[test]
    fn a_file_of_another_day_is_rotated_also_after_a_restart() {
        let folder = Folder::new();
        let write = |text: &str, now: &str| {
            let file = folder.file(|settings| settings.rotate_daily = true);
            file.append(&texts(&[text]), at(now)).unwrap();
        };
        write("1", "2026-11-05T23:59:58Z");
        write("2", "2026-11-05T23:59:59Z");
        assert_eq!(folder.names().len(), 1);
        write("3", "2026-11-06T00:00:00Z");
        assert_eq!(folder.read(), "3\n");
        let old = folder.0.join("events.jsonl.20261106T000000-000");
        assert_eq!(std::fs::read_to_string(old).unwrap(), "1\n2\n");
    }

    #[test]
    fn files_of_others_are_not_taken_for_rotated_ones() {
        assert!(is_stamp("20261105T100000-000"));
        for other in [
            "",
            "gz",
            "20261105",
            "20261105T100000-0000",
            "2026110XT100000-000",
        ] {
            assert!(!is_stamp(other), "{other}");
        }
    }

    #[test]
    fn what_cannot_be_written_is_told_with_its_reason() {
        let folder = Folder::new();
        let fault = |path: PathBuf| check(&path).unwrap_err();
        assert!(fault(folder.0.join("none/events.jsonl")).contains("does not exist; create it"));
        assert!(fault(folder.0.clone()).contains("name a file"));
        std::fs::write(folder.0.join("plain"), "").unwrap();
        let within = fault(folder.0.join("plain/events.jsonl"));
        assert!(within.contains("is not a folder"), "{within}");
        assert_eq!(check(&folder.0.join("events.jsonl")), Ok(()));
        assert_eq!(folder.names(), ["plain"]);
        let lost = folder.file(|settings| settings.path = folder.0.join("none/events.jsonl"));
        let lost = lost.append(&texts(&["{}"]), at("2026-11-05T10:00:00Z"));
        assert!(lost.unwrap_err().contains("none/events.jsonl"));
    }

    #[test]
    fn a_file_that_another_writes_is_left_alone() {
        let (folder, now) = (Folder::new(), at("2026-11-05T10:00:00Z"));
        let file = folder.file(|_| {});
        let other = open(file.path()).unwrap();
        let fault = file.append(&texts(&["{}"]), now).unwrap_err();
        assert!(fault.contains("being written already"), "{fault}");
        drop(other);
        file.append(&texts(&["{}"]), now).unwrap();
        assert_eq!(folder.read(), "{}\n");
    }
}
