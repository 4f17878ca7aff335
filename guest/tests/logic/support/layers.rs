//! Layers of a workspace in few words.

use baton_guest::Result;
use baton_guest::attach::Attach;
use baton_guest::context::Context;
use baton_guest::lookup::Scope;
use baton_guest::persist::Persist;
use baton_guest::testing::{MemoryFiles, MemoryStore};
use baton_guest::workspace::OnConflict;

use super::driver::{all_of, attach, everything, persist};
use super::job;

/// Files by path and content; a content of `->` makes a symlink, a path that ends in `/` a directory.
pub(crate) fn files(all: &[(&str, &str)]) -> MemoryFiles {
    let files = MemoryFiles::default();
    for (path, content) in all {
        match (path.strip_suffix('/'), content.strip_prefix("->")) {
            (Some(dir), _) => files.directory(dir, 0o755),
            (None, Some(target)) => files.symlink(path, target),
            (None, None) => files.file(path, *content, 0o644),
        }
    }
    files
}

/// Persists a layer whatever the others hold.
pub(crate) fn layer(store: &MemoryStore, context: Context, name: &str, all: &[(&str, &str)]) {
    let request = Persist {
        name: name.into(),
        check_conflicts: false,
        ..everything(context)
    };
    persist(store, &files(all), &request, 1).unwrap();
}

/// All artifacts of the workspace `w`.
pub(crate) fn workspace() -> Attach {
    let scope = Scope {
        selector: "workspace".into(),
        context: job("w", "deploy", 99),
        ..Scope::default()
    };
    Attach {
        scope,
        ..all_of("workspace", Context::default())
    }
}

/// Returns the files after an attach into an empty directory.
pub(crate) fn attached(store: &MemoryStore, request: &Attach) -> Result<MemoryFiles> {
    let to = MemoryFiles::default();
    attach(store, &to, request, 1).map(|_| to)
}

/// The paths and contents of what is attached, without attributes.
pub(crate) fn paths(files: &MemoryFiles) -> Vec<String> {
    let shown = |line: String| {
        let path = line.split(' ').next().unwrap_or_default().to_owned();
        match files.content(&path) {
            Some(content) => format!("{path}={}", String::from_utf8(content).unwrap()),
            None if line.contains(" -> ") => path + "@",
            None => path,
        }
    };
    files.listing().into_iter().map(shown).collect()
}

/// The same, taking the later layer's where two differ.
pub(crate) fn newest() -> Attach {
    Attach {
        on_conflict: OnConflict::Newest,
        ..workspace()
    }
}
