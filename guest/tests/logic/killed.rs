//! An attach that is killed: everything under a user's name is whole, and the next run completes it.

use std::cell::Cell;

use baton_guest::attach::{self, Attach};
use baton_guest::error::{Error, Problem, Result};
use baton_guest::ports::{AttributeChange, DirEntry, Edit, File, Files, Link, Open, Time};
use baton_guest::testing::{MemoryFile, MemoryFiles, MemoryScratch, MemoryStore};
use baton_guest::transfer_plan::Planned;

use crate::support::driver::{all_of, attach, persisted};
use crate::support::{build, noise};

/// Lets so many changes happen, and none after them: as if the process were gone.
struct Dying<'a> {
    inner: &'a MemoryFiles,
    left: Cell<u32>,
    has_begun: Cell<bool>,
}

struct DyingFile<'a> {
    inner: MemoryFile,
    left: &'a Cell<u32>,
}

fn change(left: &Cell<u32>) -> Result<()> {
    let gone = || {
        Error::Files(Problem {
            code: "killed".into(),
            ..Problem::default()
        })
    };
    left.set(left.get().checked_sub(1).ok_or_else(gone)?);
    Ok(())
}

impl File for DyingFile<'_> {
    fn read(&self, offset: u64, length: usize, buffer: &mut Vec<u8>) -> Result<usize> {
        self.inner.read(offset, length, buffer)
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        // A write may end in its middle.
        let half = bytes.get(..bytes.len() / 2).unwrap_or_default();
        change(self.left).inspect_err(|_| drop(self.inner.write(offset, half)))?;
        self.inner.write(offset, bytes)
    }

    fn set_size(&self, size: u64) -> Result<()> {
        change(self.left)?;
        self.inner.set_size(size)
    }

    fn seen(&self) -> Result<(u64, Time)> {
        self.inner.seen()
    }
}

impl<'a> Files for &'a Dying<'a> {
    type File = DyingFile<'a>;

    fn page(&self, dir: &str, after: Option<&[u8]>) -> Result<(Vec<DirEntry>, bool)> {
        self.inner.page(dir, after)
    }

    fn entry(&self, path: &str) -> Result<Option<DirEntry>> {
        self.inner.entry(path)
    }

    fn open(&self, path: &str, how: Open) -> Result<DyingFile<'a>> {
        if how == Open::Create {
            change(&self.left)?;
        }
        Ok(DyingFile {
            inner: self.inner.open(path, how)?,
            left: &self.left,
        })
    }

    fn begin_changes(&self) -> Result<()> {
        self.has_begun.set(true);
        Ok(())
    }

    fn edit(&self, edit: Edit<'_>) -> Result<()> {
        change(&self.left)?;
        self.inner.edit(edit)
    }

    fn apply(&self, changes: &[AttributeChange]) -> Result<()> {
        changes.iter().try_for_each(|one| {
            change(&self.left)?;
            self.inner.apply(std::slice::from_ref(one))
        })
    }

    fn link(&self, links: &[Link]) -> Result<()> {
        links.iter().try_for_each(|one| {
            change(&self.left)?;
            self.inner.link(std::slice::from_ref(one))
        })
    }
}

/// Some of each kind, of which the next version keeps, changes, and drops some.
fn version(number: u64) -> MemoryFiles {
    let files = MemoryFiles::default();
    files.file("d/kept", "kept", 0o644);
    files.file("d/changes", noise(number, 2000), 0o644);
    files.file(&format!("d/only{number}"), "x", 0o644);
    files.file(&format!("new{number}/deep/file"), noise(90, 300), 0o600);
    files.directory("empty", 0o755);
    files.symlink("link", &number.to_string());
    let mut large = noise(7, (1 << 20) + 2000);
    large.truncate((1 << 20) + 2000 - 100 * number as usize);
    files.file("large", large, 0o644);
    match number {
        1 => files.file("kind", "a file", 0o644),
        _ => files.file("kind/is", "a directory", 0o644),
    }
    files
}

/// Attaches `new` over `old`, killed after no change, after one, and so on. Returns how many changes there are.
fn killed_anywhere(store: &MemoryStore, old: &MemoryFiles, new: &MemoryFiles, request: &Attach) -> u32 {
    let known = |path: &str, content: &[u8]| {
        [old, new]
            .iter()
            .any(|version| version.content(path).is_some_and(|known| known == content))
    };
    for changes in 0.. {
        let there = MemoryFiles::default();
        attach(store, &there, &all_of("build:1", build(9)), 1).unwrap();
        let dying = Dying {
            inner: &there,
            left: Cell::new(changes),
            has_begun: Cell::new(false),
        };
        let planned = attach::plan(store, &&dying, &MemoryScratch, request);
        let ended = planned.and_then(|planned| work(store, &dying, &planned));
        for line in there
            .listing()
            .iter()
            .filter(|line| !line.starts_with(".baton-attach"))
        {
            let path = line.split(' ').next().unwrap_or_default();
            if let Some(content) = there.content(path) {
                assert!(
                    known(path, &content),
                    "{path} is neither old nor new after {changes} changes"
                );
            }
        }
        attach(store, &there, request, 1).unwrap();
        assert_eq!(there.listing(), new.listing(), "after {changes} changes");
        if ended.is_ok() {
            return changes;
        }
    }
    unreachable!("a run ends")
}

fn work(store: &MemoryStore, dying: &Dying<'_>, planned: &Planned) -> Result<attach::Attached> {
    let mut worker = attach::Worker::default();
    let run =
        |task: &baton_guest::transfer_plan::Task| worker.run(store, &dying, &MemoryScratch, &task.payload);
    let outcomes = planned.tasks.iter().map(run).collect::<Result<Vec<_>>>()?;
    attach::finish(&dying, &MemoryScratch, &planned.rest, &outcomes)
}

/// As a host does that ends the component at any point, and then lets another instance remove what it left.
#[test]
fn an_attach_that_is_ended_before_it_begins_to_change_leaves_nothing() {
    let store = MemoryStore::default();
    for number in [1, 2] {
        persisted(&store, &version(number), build(number));
    }
    let request = Attach {
        clean: true,
        ..all_of("build:2", build(9))
    };
    let (mut in_plan, mut after_plan) = (0, 0);
    for changes in 0.. {
        let there = MemoryFiles::default();
        attach(&store, &there, &all_of("build:1", build(9)), 1).unwrap();
        // A file system of its own has a staging directory of its own.
        let mounted = baton_guest::ports::EntryFlags {
            mounted: true,
            ..Default::default()
        };
        there.flags.borrow_mut().insert("d".to_owned(), mounted);
        let before = there.listing();
        let dying = Dying {
            inner: &there,
            left: Cell::new(changes),
            has_begun: Cell::new(false),
        };
        match attach::plan(&store, &&dying, &MemoryScratch, &request) {
            Err(_) => {
                attach::abandon_plan(&there).unwrap();
                in_plan += 1;
            }
            Ok(planned) => {
                let ended = work(&store, &dying, &planned);
                if dying.has_begun.get() {
                    break;
                }
                assert!(ended.is_err());
                attach::abandon(&there, &planned.rest).unwrap();
                after_plan += 1;
            }
        }
        assert_eq!(there.listing(), before, "after {changes} changes");
    }
    assert!(in_plan > 8 && after_plan > 8, "{in_plan} and {after_plan}");
}

#[test]
fn what_a_plan_left_is_found_without_it_and_nothing_else_is_removed() {
    let files = MemoryFiles::default();
    for path in [
        ".baton-attach/t/1",
        "a/.baton-attach~1/f/1",
        "a/b/.baton-attach~2/f/1",
        // Of an attach into another directory.
        "a/.baton-attach/f/1",
        "a/b/.baton-attach~1/f/1",
        "store/.baton-attach~1/f/1",
        "a/b/mine",
    ] {
        files.file(path, "", 0o644);
    }
    let reserved = baton_guest::ports::EntryFlags {
        reserved: Some(baton_guest::ports::Reserved::Store),
        ..Default::default()
    };
    files.flags.borrow_mut().insert("store".to_owned(), reserved);
    attach::abandon_plan(&files).unwrap();
    let kept: Vec<String> = files
        .listing()
        .iter()
        .filter(|line| line.contains("/1 ") || line.contains("mine"))
        .filter_map(|line| line.split(' ').next().map(str::to_owned))
        .collect();
    assert_eq!(
        kept,
        [
            "a/.baton-attach/f/1",
            "a/b/.baton-attach~1/f/1",
            "a/b/mine",
            "store/.baton-attach~1/f/1"
        ]
    );
}

#[test]
fn a_killed_attach_leaves_whole_files_and_the_next_one_completes_it() {
    let store = MemoryStore::default();
    for number in [1, 2] {
        persisted(&store, &version(number), build(number));
    }
    let request = Attach {
        clean: true,
        ..all_of("build:2", build(9))
    };
    let changes = killed_anywhere(&store, &version(1), &version(2), &request);
    assert!(changes > 30, "{changes}");
    // And in reverse, where a file replaces a directory.
    let (store, reversed) = (MemoryStore::default(), [version(2), version(1)]);
    for (number, files) in (1..).zip(&reversed) {
        persisted(&store, files, build(number));
    }
    killed_anywhere(&store, &reversed[0], &reversed[1], &request);
}
