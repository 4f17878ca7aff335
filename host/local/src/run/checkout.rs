//! The step `checkout`: the repository as it is on this machine, with uncommitted changes.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::copy::{self, Copied};
use super::inside::Inside;
use crate::error::LocalError;
use crate::pipeline::Pipeline;

/// Copies the repository to `target`: the files that git does not ignore, and the history. Without git, all files. The
/// state directory is not copied. Returns why it failed, if it did.
pub(super) fn run(
    repository: &Path,
    target: &Path,
    inside: &Inside,
    pipeline: &Pipeline,
    state: &Path,
) -> Result<Option<String>, LocalError> {
    let target = match inside.create(target) {
        Ok(target) => target,
        Err(error) => return Ok(Some(format!("cannot create the directory: {error}"))),
    };
    // The state directory is canonical, too: one may contain the other.
    let canonical = |path: &Path, what| path.canonicalize().map_err(LocalError::files(what, path));
    let repository = &canonical(repository, "cannot read the repository at")?;
    let target = &canonical(&target, "cannot check out to")?;
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
    let copier = Copier::open(repository, target)?;
    for name in names {
        let name = Path::new(OsStr::from_bytes(name));
        let from = repository.join(name);
        // Deleted and not committed, or a submodule: git lists both.
        let is_file = from.symlink_metadata().is_ok_and(|it| !it.is_dir());
        if is_file && !from.starts_with(state) {
            copier.copy(name)?;
        }
    }
    if !target.join(".git").exists() {
        history(repository, target, inside, pipeline)?;
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
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
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

/// Clones the history, so that steps can use git. It is completed in a directory that no job reaches, because git runs
/// programs that the configuration of a repository names.
fn history(repository: &Path, target: &Path, inside: &Inside, pipeline: &Pipeline) -> Result<(), LocalError> {
    let mut private = inside.directory.clone().into_os_string();
    private.push(".history");
    let private = PathBuf::from(private);
    let mut clone: Vec<&OsStr> = ["clone", "--quiet", "--no-checkout"].map(OsStr::new).to_vec();
    // Hard links take no time, but a job that writes to one changes the repository of the user.
    if inside.own_root.is_some() {
        clone.push("--no-hardlinks".as_ref());
    }
    clone.extend([OsStr::new("--"), repository.as_os_str(), private.as_os_str()]);
    git(repository, &clone)?;
    git(&private, &["remote", "set-url", "origin", &pipeline.git_url])?;
    // It names the branch that is checked out here, which need not be the default branch.
    git(
        &private,
        &["update-ref", "--no-deref", "-d", "refs/remotes/origin/HEAD"],
    )?;
    if let Some(branch) = &pipeline.default_branch {
        let branch = format!("refs/remotes/origin/{branch}");
        git(&private, &["symbolic-ref", "refs/remotes/origin/HEAD", &branch])?;
    }
    // A repository without a commit has nothing to compare the files with.
    if git(&private, &["rev-parse", "--verify", "--quiet", "HEAD"]).is_ok() {
        git(&private, &["read-tree", "HEAD"])?;
    }
    let git_dir = target.join(".git");
    let moved = match fs::rename(private.join(".git"), &git_dir) {
        // The working directory is on another file system.
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            Copier::open(&private, target)?.copy(Path::new(".git"))?;
            fs::remove_dir_all(&private)
        }
        moved => moved.and_then(|()| fs::remove_dir(&private)),
    };
    moved.map_err(LocalError::files("cannot move the history to", &git_dir))
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
        Ok(output) => Err(failed(io::Error::other(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        ))),
        Err(error) => Err(failed(error)),
    }
}

/// Copies all files of a directory that is no repository.
fn copy_all(from: &Path, to: &Path, state: &Path) -> Result<(), LocalError> {
    let unread = |path: &Path| LocalError::files("cannot read the repository at", path.to_owned());
    let copier = Copier::open(from, to)?;
    let mut directories = vec![PathBuf::new()];
    while let Some(directory) = directories.pop() {
        let path = from.join(&directory);
        for entry in fs::read_dir(&path).map_err(unread(&path))? {
            let entry = entry.map_err(unread(&path))?;
            let name = directory.join(entry.file_name());
            if entry.path() == state {
                continue;
            }
            if entry.file_type().map_err(unread(&path))?.is_dir() {
                copier.create(&name)?;
                directories.push(name);
            } else {
                copier.copy(&name)?;
            }
        }
    }
    Ok(())
}

/// Copies entries of the repository to the same paths of the checkout. A link that a job put there is not followed.
struct Copier<'a> {
    from: File,
    to: File,
    target: &'a Path,
}

impl Copier<'_> {
    fn open<'a>(repository: &Path, target: &'a Path) -> Result<Copier<'a>, LocalError> {
        Ok(Copier {
            from: File::open(repository)
                .map_err(LocalError::files("cannot read the repository at", repository))?,
            to: File::open(target).map_err(LocalError::files("cannot check out to", target))?,
            target,
        })
    }

    fn copy(&self, path: &Path) -> Result<(), LocalError> {
        let parent = path.parent().unwrap_or(Path::new(""));
        let name = path.file_name().unwrap_or_default().to_owned();
        copy::directory(self.from.as_fd(), parent, false)
            .and_then(|from| {
                let to = copy::directory(self.to.as_fd(), parent, true)?;
                copy::copy(from.as_fd(), &name, to.as_fd(), &name, &mut Copied::default())
            })
            .map_err(LocalError::files("cannot check out to", self.target.join(path)))
    }

    fn create(&self, path: &Path) -> Result<(), LocalError> {
        copy::directory(self.to.as_fd(), path, true)
            .map(drop)
            .map_err(LocalError::files("cannot check out to", self.target.join(path)))
    }
}
