//! Files that are either written whole or not at all.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error::BenchError;

/// A file to be written at the end of long work.
#[derive(Debug)]
pub struct OutputFile(PathBuf);

impl OutputFile {
    /// Checks at once that the file that `option` names could be written, so that minutes of work are not lost for a path.
    ///
    /// # Errors
    /// [`BenchError::Usage`] where the path is no file, its folder does not exist, or nothing can be written there.
    pub fn new(option: &str, path: &Path) -> Result<OutputFile, BenchError> {
        let usage =
            |what: String| BenchError::Usage(format!("{option} takes a file to write, got `{}`{what}", path.display()));
        if path.file_name().is_none() || (path.exists() && !path.is_file()) {
            return Err(usage(", which is none: name another".to_owned()));
        }
        let folder = folder(path);
        if !folder.is_dir() {
            return Err(usage(format!(" in no folder: `mkdir -p {}` first, or name another", folder.display())));
        }
        tempfile::tempfile_in(folder).map_err(|why| usage(format!(", which can't be written: {why}; name another")))?;
        Ok(OutputFile(path.to_owned()))
    }

    /// Checks that the file is not one that is read, which it would replace.
    ///
    /// # Errors
    /// [`BenchError::Usage`] where both are one file.
    pub fn apart_from(&self, read: &Path) -> Result<(), BenchError> {
        let same = |found: &PathBuf| read.canonicalize().is_ok_and(|read| read == *found);
        if !self.0.canonicalize().as_ref().is_ok_and(same) {
            return Ok(());
        }
        let shown = self.0.display();
        Err(BenchError::Usage(format!("a file to write is none that is read, got `{shown}`: name another")))
    }

    /// Replaces the file's content, in one step.
    ///
    /// # Errors
    /// [`BenchError::Write`]; the file then is what it was.
    pub fn write(&self, content: impl AsRef<[u8]>) -> Result<(), BenchError> {
        let written = || {
            let builder = &mut tempfile::Builder::new();
            #[cfg(unix)]
            builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
            let mut file = builder.tempfile_in(folder(&self.0))?;
            file.write_all(content.as_ref())?;
            file.persist(&self.0).map_err(|error| error.error)
        };
        written().map(drop).map_err(|source| BenchError::Write { path: self.0.clone(), source })
    }
}

/// A folder to write files into at the end of long work.
#[derive(Debug)]
pub struct OutputFolder {
    option: &'static str,
    path: PathBuf,
}

impl OutputFolder {
    /// Checks at once that files could be written into the folder that `option` names. Its last part need not exist yet.
    ///
    /// # Errors
    /// As [`OutputFile::new`].
    pub fn new(option: &'static str, path: &Path) -> Result<OutputFolder, BenchError> {
        let shown = path.display();
        let usage =
            |what: String| BenchError::Usage(format!("{option} takes a folder to write into, got `{shown}`{what}"));
        if path.exists() && !path.is_dir() {
            return Err(usage(", which is a file: name another".to_owned()));
        }
        let existing = if path.exists() { path } else { folder(path) };
        if !existing.is_dir() {
            return Err(usage(format!(" in no folder: `mkdir -p {shown}` first, or name another")));
        }
        tempfile::tempfile_in(existing)
            .map_err(|why| usage(format!(", which can't be written: {why}; name another")))?;
        Ok(OutputFolder { option, path: path.to_owned() })
    }

    /// Replaces the content of a file in it, in one step, and gives its path. Makes the folder if need be.
    ///
    /// # Errors
    /// [`BenchError::Usage`] or [`BenchError::Write`]; the file then is what it was.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> Result<PathBuf, BenchError> {
        fs::create_dir_all(&self.path).map_err(|source| BenchError::Write { path: self.path.clone(), source })?;
        let path = self.path.join(name);
        OutputFile::new(self.option, &path)?.write(content)?;
        Ok(path)
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole() {
        let home = tempfile::tempdir().expect("there is room for a folder");
        let path = home.path().join("results.json");
        let file = OutputFile::new("--json", &path).expect("it can be written");
        assert!(!path.exists(), "a check leaves nothing behind");
        file.write("one").expect("it can be written");
        file.write("two").expect("it can be written");
        assert_eq!(fs::read_to_string(&path).expect("it is there"), "two");
        assert_eq!(fs::read_dir(home.path()).expect("it is there").count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_file_that_is_read_is_not_written() {
        let home = tempfile::tempdir().expect("there is room for a folder");
        let (read, other) = (home.path().join("model.onnx"), home.path().join("results.json"));
        fs::write(&read, "model").expect("it can be written");
        assert!(OutputFile::new("--json", &other).expect("it can be written").apart_from(&read).is_ok());
        let again = OutputFile::new("--json", &home.path().join(".").join("model.onnx")).expect("it can be written");
        let error = again.apart_from(&read).expect_err("it is the same file").to_string();
        assert!(error.contains("none that is read") && !error.contains('\n'), "{error}");
    }

    #[test]
    fn what_could_not_be_written_is_found_before() {
        let home = tempfile::tempdir().expect("there is room for a folder");
        let missing = home.path().join("no").join("such");
        fs::write(home.path().join("file"), "").expect("it can be written");
        let errors = [
            OutputFile::new("--json", home.path()).map(drop),
            OutputFile::new("--json", &missing).map(drop),
            OutputFile::new("--json", &home.path().join("file").join("below")).map(drop),
            OutputFolder::new("--plot", &missing).map(drop),
            OutputFolder::new("--plot", &home.path().join("file")).map(drop),
        ];
        for (index, error) in errors.into_iter().enumerate() {
            let error = error.expect_err("it can't be written").to_string();
            let option = if index < 3 { "--json takes a file" } else { "--plot takes a folder" };
            assert!(error.starts_with(option) && error.contains("name another") && !error.contains('\n'), "{error}");
            assert!(error.contains(&*home.path().to_string_lossy()), "{error}");
        }
        assert!(!missing.exists());
        let plots = OutputFolder::new("--plot", &home.path().join("plots")).expect("only its last part is missing");
        assert!(!home.path().join("plots").exists(), "a check leaves nothing behind");
        assert!(plots.write("one.svg", "").expect("it can be written").is_file());
    }
}
