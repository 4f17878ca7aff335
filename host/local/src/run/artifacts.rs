//! The step `store_artifacts`: files that the API has from then on.

use std::fs;
use std::path::{Path, PathBuf};

use super::job::Node;
use super::{Occurrence, Watch, unknown};
use crate::api::{Artifact, Content};
use crate::error::{LocalError, Place};

/// Keeps a file, or all files of a directory, as artifacts of the job. Returns why it failed; nothing where it did not.
pub(super) fn store(
    node: &Node<'_>,
    path: &str,
    destination: Option<&str>,
    place: &Place,
    watch: Watch<'_>,
) -> Result<Option<String>, LocalError> {
    let from = node.place.resolve(&node.working_directory, path);
    // CircleCI says that there is nothing, and goes on.
    if !from.exists() {
        watch(Occurrence::Note(&format!(
            "there is nothing at {}",
            from.display()
        )));
        return Ok(None);
    }
    let prefix = settled(destination.unwrap_or(path));
    let mut files = Vec::new();
    if from.is_dir() {
        list(&from, &from, &mut files)?;
    } else {
        files.push(PathBuf::new());
    }
    let run = node.run;
    let session = run.workflow.session;
    let kept = session
        .directory
        .join("artifacts")
        .join(run.api_job.number.to_string())
        .join(run.node.to_string());
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
            from.clone()
        } else {
            from.join(file)
        };
        let target = kept.join(blake3::hash(name.as_bytes()).to_hex().as_str());
        fs::create_dir_all(&kept)
            .and_then(|()| fs::copy(&source, &target))
            .map_err(LocalError::files("an artifact cannot be kept", &source))?;
        let artifact = Artifact {
            path: name,
            node: run.node,
            content: Content::File(target),
        };
        session
            .api
            .add_artifact(&run.api_job.project, run.api_job.number, artifact)
            .map_err(unknown(place))?;
    }
    watch(Occurrence::Note(&format!("kept {} files", files.len())));
    Ok(None)
}

/// Returns the name that a path has among artifacts: below nothing, and without `.` and `..`.
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
    let unread = |path: &Path| LocalError::files("artifacts cannot be read", path.to_owned());
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
