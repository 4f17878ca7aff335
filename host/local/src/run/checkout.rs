//! The step `checkout`: the repository as it lies here, changes that nobody has committed included.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::error::LocalError;
use crate::pipeline::Pipeline;

/// Brings the repository to `target`: what git tracks and what it does not ignore, and its history. Without git, all that
/// is there. The directory of the runs is left out. Returns why it failed; nothing where it did not.
pub(super) fn run(
    repository: &Path,
    target: &Path,
    pipeline: &Pipeline,
    session: &Path,
) -> Result<Option<String>, LocalError> {
    fs::create_dir_all(target).map_err(LocalError::files("the checkout cannot be made", target))?;
    // As the session's directory is: so that the one can be found within the other.
    let canonical = |path: &Path, what| path.canonicalize().map_err(LocalError::files(what, path));
    let repository = &canonical(repository, "the repository cannot be read")?;
    let target = &canonical(target, "the checkout cannot be made")?;
    if !target.starts_with(session) && !is_ours(target, session)? {
        return Ok(Some(format!(
            "{} is outside of the job's directory and has something in it, and a checkout would overwrite that: empty \
             it, or name a relative working_directory",
            target.display()
        )));
    }
    if !repository.join(".git").exists() {
        return copy_all(repository, target, session).map(|()| None);
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
        if is_file && !from.starts_with(session) {
            copy(&from, &target.join(name))?;
        }
    }
    if !target.join(".git").exists() {
        history(repository, target, pipeline)?;
    }
    Ok(None)
}

/// Returns whether a directory that is no job's own may be written to: it is empty, or an earlier checkout found it so.
fn is_ours(target: &Path, session: &Path) -> Result<bool, LocalError> {
    let list = session.join("checkouts");
    let unread = || LocalError::files("the list of checkouts cannot be used", list.clone());
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
    let mut entries =
        fs::read_dir(target).map_err(LocalError::files("the checkout cannot be made", target))?;
    if entries.next().is_some() {
        return Ok(false);
    }
    let mut longer = known;
    longer.extend_from_slice(own);
    longer.push(0);
    fs::write(&list, longer).map_err(unread())?;
    Ok(true)
}

/// Brings the history along, so that steps can ask git. Objects are shared by hard links: that takes no time.
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
        .map_err(LocalError::files("the history cannot be brought to", &git_dir))?;
    git(target, &["remote", "set-url", "origin", &pipeline.git_url])?;
    // It names the branch that is checked out here, which need not be the one that others start from.
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
    let failed = LocalError::files("git cannot be asked about the repository", directory);
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

fn copy_all(from: &Path, to: &Path, session: &Path) -> Result<(), LocalError> {
    let unread = |path: &Path| LocalError::files("the repository cannot be read", path.to_owned());
    let mut directories = vec![PathBuf::new()];
    while let Some(directory) = directories.pop() {
        let path = from.join(&directory);
        for entry in fs::read_dir(&path).map_err(unread(&path))? {
            let entry = entry.map_err(unread(&path))?;
            let name = directory.join(entry.file_name());
            let kind = entry.file_type().map_err(unread(&path))?;
            if entry.path() == session {
                continue;
            }
            if kind.is_dir() {
                let made = to.join(&name);
                fs::create_dir_all(&made).map_err(LocalError::files("the checkout cannot be made", &made))?;
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
    let uncopied = || LocalError::files("the checkout cannot be made", to.to_owned());
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).map_err(uncopied())?;
    }
    let metadata = from
        .symlink_metadata()
        .map_err(LocalError::files("the repository cannot be read", from))?;
    if metadata.is_symlink() {
        let target = fs::read_link(from).map_err(LocalError::files("the repository cannot be read", from))?;
        match symlink(target, to) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(uncopied()(error)),
            _ => return Ok(()),
        }
    }
    if metadata.is_file() {
        fs::copy(from, to).map_err(uncopied())?;
    }
    Ok(())
}
