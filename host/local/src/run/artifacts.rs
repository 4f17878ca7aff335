//! The step `store_artifacts`: files that the API serves from then on.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::assignment::Assignment;
use super::inside::Inside;
use super::services::unknown;
use crate::api::{Artifact, Content};
use crate::error::{LocalError, Place};

/// Stores a file, or all files of a directory, as artifacts of the job. `path` is the path in the config, and `from` what it
/// means here. Returns why it failed, if it did.
pub(super) fn store(
    assignment: &Assignment<'_>,
    path: &str,
    inside: &Inside,
    from: &Path,
    destination: Option<&str>,
    place: &Place,
) -> Result<Option<String>, LocalError> {
    // CircleCI reports it, and continues.
    if !from.exists() {
        assignment.note(&format!("{} does not exist", from.display()));
        return Ok(None);
    }
    let prefix = settled(destination.unwrap_or(path));
    let mut files = Vec::new();
    if from.is_dir() {
        list(from, from, &mut files)?;
    } else {
        files.push(PathBuf::new());
    }
    let (record, node) = (assignment.record, assignment.name.index);
    let kept = assignment
        .services
        .directory()
        .join("artifacts")
        .join(record.number.to_string())
        .join(node.to_string());
    for file in &files {
        let Some(relative) = file.to_str() else {
            return Ok(Some(format!("the name {} is not UTF-8", file.display())));
        };
        let name = [prefix.as_str(), relative]
            .iter()
            .filter(|part| !part.is_empty())
            .copied()
            .collect::<Vec<_>>()
            .join("/");
        let source = if relative.is_empty() {
            from.to_owned()
        } else {
            from.join(file)
        };
        let target = kept.join(blake3::hash(name.as_bytes()).to_hex().as_str());
        let mut opened = match inside.open(&source) {
            Ok(opened) => opened.file,
            Err(error) => return Ok(Some(format!("cannot read {}: {error}", source.display()))),
        };
        fs::create_dir_all(&kept)
            .and_then(|()| File::create(&target))
            .and_then(|mut target| io::copy(&mut opened, &mut target))
            .map_err(LocalError::files("cannot store the artifact", &source))?;
        let artifact = Artifact {
            path: name,
            node,
            content: Content::File(target),
        };
        assignment
            .services
            .api
            .add_artifact(&record.project, record.number, artifact)
            .map_err(unknown(place))?;
    }
    assignment.note(&format!("stored {} files", files.len()));
    Ok(None)
}

/// Returns the name of an artifact for a path: relative, and without `.` and `..`.
fn settled(path: &str) -> String {
    let mut parts = Vec::new();
    let path = path.strip_prefix("~/").unwrap_or(path);
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Lists the files below a directory, by their paths in it. Links to files count as files; links to directories are not
/// followed, and what is neither is left out.
fn list(root: &Path, directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), LocalError> {
    let unread = |path: &Path| LocalError::files("cannot read artifacts from", path.to_owned());
    let mut entries = fs::read_dir(directory)
        .and_then(|entries| entries.collect::<Result<Vec<_>, _>>())
        .map_err(unread(directory))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let kind = entry.file_type().map_err(unread(&path))?;
        if kind.is_dir() {
            list(root, &path, files)?;
        } else if path.is_file()
            && let Ok(relative) = path.strip_prefix(root)
        {
            files.push(relative.to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_name() {
        for (path, name) in [
            ("dist", "dist"),
            ("./dist/", "dist"),
            ("~/out", "out"),
            ("/tmp/x", "tmp/x"),
            (".", ""),
            (".coverage", ".coverage"),
            ("v1.", "v1."),
            ("a/./b", "a/b"),
            ("../../up", "up"),
            ("a/../b", "b"),
        ] {
            assert_eq!(settled(path), name, "{path}");
        }
    }
}
