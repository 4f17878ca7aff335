//! The main job, once, on real files: persist a directory, attach it elsewhere, ask for the latest build, and compare.
//!
//! `cargo run --example tour [DIRECTORY]` takes the directory that is named, or the guest's sources. It is also an
//! example of how a program embeds baton: all that the command does goes through the same calls.

use std::collections::BTreeMap;
use std::error::Error;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use baton_host::attach::AttachRequest;
use baton_host::builds::{BuildContext, Scope};
use baton_host::persist::PersistRequest;
use baton_host::{Baton, DirectoryStore, Options};

fn main() -> Result<(), Box<dyn Error>> {
    let root = std::env::args_os()
        .nth(1)
        .map_or_else(default_root, PathBuf::from);
    let place = tempfile::tempdir()?;
    let (store, target) = (place.path().join("store"), place.path().join("attached"));

    // A runner would say these; on a laptop the command asks git.
    let mut context = BuildContext::new("none");
    context.project = Some("gh/acme/shop".to_owned());
    context.branch = Some("main".to_owned());
    context.number = Some(7);

    println!(
        "The component sees {} to read, the store, and nothing else.\n",
        root.display()
    );
    let baton = Baton::new(Arc::new(DirectoryStore::create(&store)?), Options::default())?;

    println!("$ baton persist --root {} .", root.display());
    let persisted = baton.persist(&root, &PersistRequest::new(["."], context.clone()), &mut ())?;
    println!(
        "  {} files, {} bytes; {} bytes stored\n",
        persisted.files, persisted.bytes, persisted.stored_bytes
    );

    println!("$ baton latest");
    let latest = baton.resolve(&Scope::new("latest", context.clone()))?;
    for build in latest.builds {
        println!(
            "  {} of {}, tree {}\n",
            build.selector, build.artifact, build.tree
        );
    }

    println!("$ baton attach latest --at {}", target.display());
    let attached = baton.attach(
        &target,
        &AttachRequest::new(Scope::new("latest", context.clone())),
        &mut (),
    )?;
    println!(
        "  {} files, {} bytes; {} new\n",
        attached.files, attached.bytes, attached.new_files
    );

    println!(
        "$ baton persist --root {} .      # again, as build 8",
        root.display()
    );
    context.number = Some(8);
    let again = baton.persist(&root, &PersistRequest::new(["."], context), &mut ())?;
    println!(
        "  {} files; {} new; {} bytes stored\n",
        again.files, again.new_files, again.stored_bytes
    );

    let (before, after) = (entries(&root)?, entries(&target)?);
    let executable = before
        .values()
        .filter(|line| line.starts_with("file") && line.contains("x "))
        .count();
    if let Some((path, line)) = before.iter().find(|(path, line)| after.get(*path) != Some(line)) {
        return Err(format!(
            "{}: {line}, but attached as {:?}",
            path.display(),
            after.get(path)
        )
        .into());
    }
    if before.len() != after.len() {
        return Err(format!("{} entries became {}", before.len(), after.len()).into());
    }
    println!(
        "Equal: {} entries, contents, permission bits ({executable} executable), times and links compared.",
        before.len()
    );
    Ok(())
}

/// The sources of the component: some dozen files that every checkout has.
fn default_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest")
}

/// Returns all that is below a directory: kind, bits, time, and content of each entry.
fn entries(root: &Path) -> Result<BTreeMap<PathBuf, String>, Box<dyn Error>> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir)? {
            let path = entry?.path();
            let metadata = std::fs::symlink_metadata(&path)?;
            let time = format!("{}.{:09}", metadata.mtime(), metadata.mtime_nsec());
            let mode = metadata.permissions().mode() & 0o777;
            let bits = if mode & 0o111 != 0 {
                format!("{mode:o}x ")
            } else {
                format!("{mode:o} ")
            };
            let line = if metadata.is_dir() {
                open.push(path.clone());
                format!("directory {bits}{time}")
            } else if metadata.is_symlink() {
                format!("symlink {time} {}", std::fs::read_link(&path)?.display())
            } else {
                format!("file {bits}{time} {}", blake3::hash(&std::fs::read(&path)?))
            };
            found.insert(path.strip_prefix(root)?.to_owned(), line);
        }
    }
    Ok(found)
}
