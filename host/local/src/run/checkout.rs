//! The step `checkout`: the repository as it is on this machine, with uncommitted changes.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::error::LocalError;
use crate::pipeline::Pipeline;

/// Copies the repository to `target`: the files that git does not ignore, and the history. Without git, all files. The
/// state directory is not copied. Returns why it failed, if it did.
pub(super) fn run(
    repository: &Path,
    target: &Path,
    pipeline: &Pipeline,
    state: &Path,
) -> Result<Option<String>, LocalError> {
    fs::create_dir_all(target).map_err(LocalError::files("cannot check out to", target))?;
    // The state directory is canonical, too: one may contain the other.
    let canonical = |path: &Path, what| path.canonicalize().map_err(LocalError::files(what, path));
    let repository = &canonical(repository, "cannot read the repository at")?;
    let target = &canonical(target, "cannot check out to")?;
    if !target.starts_with(state) && !is_ours(target, state)? {
        return Ok(Some(format!(
            "{} is outside of the job's directory and is not empty, and a checkout would overwrite its files: empty \
             it, or use a relative working_directory",
            target.display()
        )));
    }
    if !repository.join(".git").exists() {
        return copy_all(repository, target, state).map(|()| None);
    }
    let listed = git(
        repository,
        &["ls-files", "-z", "--cached", "--others", "--exclude-standard"],
    )?;
    let names = listed
        .stdout
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty());
    for name in names {
        let name = Path::new(OsStr::from_bytes(name));
        let from = repository.join(name);
        // Deleted and not committed, or a submodule: git lists both.
        let is_file = from.symlink_metadata().is_ok_and(|it| !it.is_dir());
        if is_file && !from.starts_with(state) {
            copy(&from, &target.join(name))?;
        }
    }
    if !target.join(".git").exists() {
        history(repository, target, pipeline)?;
    }
    Ok(None)
}

/// Returns whether a checkout may write to a directory outside of the job's: it is empty, or was when an earlier checkout
/// wrote to it.
fn is_ours(target: &Path, state: &Path) -> Result<bool, LocalError> {
    let list = state.join("checkouts");
    let unread = || LocalError::files("cannot use the list of checkouts", list.clone());
    let known = match fs::read(&list) {
        Ok(known) => known,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(unread()(error)),
    };
    let own = target.as_os_str().as_bytes();
    // Separated by what no path has.
    if known.split(|byte| *byte == 0).any(|it| it == own) {
        return Ok(true);
    }
    let mut entries = fs::read_dir(target).map_err(LocalError::files("cannot check out to", target))?;
    if entries.next().is_some() {
        return Ok(false);
    }
    let mut longer = known;
    longer.extend_from_slice(own);
    longer.push(0);
    fs::write(&list, longer).map_err(unread())?;
    Ok(true)
}

/// Clones the history, so that steps can use git. Objects are hard links, which takes no time.
fn history(repository: &Path, target: &Path, pipeline: &Pipeline) -> Result<(), LocalError> {
    let beside = target.join(".git-of-checkout");
    let from = repository.as_os_str();
    let clone: [&OsStr; 6] = [
        "clone".as_ref(),
        "--quiet".as_ref(),
        "--no-checkout".as_ref(),
        "--".as_ref(),
        from,
        beside.as_os_str(),
    ];
    git(repository, &clone)?;
    let git_dir = target.join(".git");
    fs::rename(beside.join(".git"), &git_dir)
        .and_then(|()| fs::remove_dir(&beside))
        .map_err(LocalError::files("cannot move the history to", &git_dir))?;
    git(target, &["remote", "set-url", "origin", &pipeline.git_url])?;
    // It names the branch that is checked out here, which need not be the default branch.
    git(
        target,
        &["update-ref", "--no-deref", "-d", "refs/remotes/origin/HEAD"],
    )?;
    if let Some(branch) = &pipeline.default_branch {
        let branch = format!("refs/remotes/origin/{branch}");
        git(target, &["symbolic-ref", "refs/remotes/origin/HEAD", &branch])?;
    }
    // A repository without a commit has nothing to compare the files with.
    if git(target, &["rev-parse", "--verify", "--quiet", "HEAD"]).is_ok() {
        git(target, &["reset", "--quiet"])?;
    }
    Ok(())
}

fn git<A: AsRef<OsStr>>(directory: &Path, arguments: &[A]) -> Result<Output, LocalError> {
    let failed = LocalError::files("git failed for the repository", directory);
    let output = Command::new("git")
        .arg("-C")
        .arg(directory)
        .args(arguments)
        .output();
    match output {
        Ok(output) if output.status.success() => Ok(output),
        Ok(output) => Err(failed(std::io::Error::other(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        ))),
        Err(error) => Err(failed(error)),
    }
}

fn copy_all(from: &Path, to: &Path, state: &Path) -> Result<(), LocalError> {
    let unread = |path: &Path| LocalError::files("cannot read the repository at", path.to_owned());
    let mut directories = vec![PathBuf::new()];
    while let Some(directory) = directories.pop() {
        let path = from.join(&directory);
        for entry in fs::read_dir(&path).map_err(unread(&path))? {
            let entry = entry.map_err(unread(&path))?;
            let name = directory.join(entry.file_name());
            let kind = entry.file_type().map_err(unread(&path))?;
            if entry.path() == state {
                continue;
            }
            if kind.is_dir() {
                let inner = to.join(&name);
                fs::create_dir_all(&inner).map_err(LocalError::files("cannot check out to", &inner))?;
                directories.push(name);
            } else {
                copy(&entry.path(), &to.join(&name))?;
            }
        }
    }
    Ok(())
}

/// Copies a file with its permission bits, or a symlink as one.
fn copy(from: &Path, to: &Path) -> Result<(), LocalError> {
    let failed = || LocalError::files("cannot check out to", to.to_owned());
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).map_err(failed())?;
    }
    let metadata = from
        .symlink_metadata()
        .map_err(LocalError::files("cannot read the repository at", from))?;
    if metadata.is_symlink() {
        let target = fs::read_link(from).map_err(LocalError::files("cannot read the repository at", from))?;
        match symlink(target, to) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(failed()(error)),
            _ => return Ok(()),
        }
    }
    if metadata.is_file() {
        fs::copy(from, to).map_err(failed())?;
    }
    Ok(())
}
