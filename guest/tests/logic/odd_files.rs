//! Files that are not what their size says, holes, special files, and what is baton's own.

use baton_guest::attach::Attach;
use baton_guest::error::Result;
use baton_guest::persist::{self, IfNoFiles, Persist, SpecialFiles};
use baton_guest::testing::{MemoryFiles, MemoryScratch, MemoryStore};
use baton_guest::transfer_plan::Planned;
use baton_guest::{Error, ports};

use crate::support::driver::{all_of, attach, everything, persist, persisted};
use crate::support::{build, code, noise};

const MIB: usize = 1 << 20;

fn plan(store: &MemoryStore, files: &MemoryFiles, request: &Persist) -> Result<Planned> {
    persist::plan(store, files, &MemoryScratch, request)
}

/// Persists, attaches, and checks that every file came with its content.
#[track_caller]
fn assert_comes_back(files: &MemoryFiles, workers: usize) {
    let store = MemoryStore::default();
    persist(&store, files, &everything(build(1)), workers).unwrap();
    files.wrong_sizes.borrow_mut().clear();
    let to = MemoryFiles::default();
    attach(&store, &to, &all_of("latest", build(2)), workers).unwrap();
    assert_eq!(to.listing(), files.listing());
}

#[test]
fn a_file_whose_listed_size_is_wrong_is_read_to_its_end() {
    // In /proc every file lists 0, in /sys 4096; other file systems list what was true before.
    for listed in [0, 1, 4096, MIB, MIB + 1, 33 * MIB, 70 * MIB] {
        for length in [0, 1, 5, 4096, MIB, MIB + 1, 34 * MIB] {
            let in_pieces = (length < 2 * MIB).then_some(Some(100_000));
            for read_bytes_max in [None].into_iter().chain(in_pieces) {
                let files = MemoryFiles::default();
                files.file("a", "before", 0o644);
                files.file("odd", noise(length as u64, length), 0o644);
                files.file("z", noise(7, 2 * MIB), 0o644);
                files.wrong_sizes.borrow_mut().insert("odd".into(), listed as u64);
                files.read_bytes_max.set(read_bytes_max);
                assert_comes_back(&files, 2);
            }
        }
    }
}

#[test]
fn a_file_of_a_wrong_size_that_changes_is_refused() {
    for (listed, length) in [
        (0, 10),
        (4096, 10),
        (0, 3 * MIB),
        (3 * MIB, 10),
        (2 * MIB, 5 * MIB),
    ] {
        let (store, files) = (MemoryStore::default(), MemoryFiles::default());
        files.file("odd", noise(1, length), 0o644);
        files.wrong_sizes.borrow_mut().insert("odd".into(), listed as u64);
        *files.after_read.borrow_mut() = Some(("odd".into(), noise(2, length)));
        let error = persist(&store, &files, &everything(build(1)), 1).unwrap_err();
        assert_eq!(code(&error), "file-changed", "{listed} and {length}");
    }
}

#[test]
fn files_of_a_wrong_size_are_stored_again_where_their_pack_is_gone() {
    for length in [10, 3 * MIB] {
        let (store, files) = (MemoryStore::default(), MemoryFiles::default());
        files.file("odd", noise(1, length), 0o644);
        files.wrong_sizes.borrow_mut().insert("odd".into(), 0);
        persisted(&store, &files, build(1));
        store
            .objects
            .borrow_mut()
            .retain(|key, _| !key.starts_with("v1/packs/"));
        persisted(&store, &files, build(2));
        let to = MemoryFiles::default();
        attach(&store, &to, &all_of("latest", build(3)), 1).unwrap();
        assert_eq!(to.content("odd").unwrap(), noise(1, length));
    }
}

#[test]
fn holes_are_neither_read_nor_written() {
    let mut content = vec![0; 80 * MIB];
    let data: &[(usize, usize)] = &[(5 * MIB + 17, 3000), (40 * MIB - 1, 70_000), (79 * MIB, MIB)];
    for (start, length) in data {
        content[*start..start + length].copy_from_slice(&noise(*start as u64, *length));
    }
    let holes = [
        (0, 5 * MIB),
        (5 * MIB + 8192, 35 * MIB - 8192 - 4096),
        (40 * MIB + 70_000, 39 * MIB - 70_000),
    ];
    let persist_with = |holes: &[(usize, usize)], workers| {
        let (store, files) = (MemoryStore::default(), MemoryFiles::default());
        files.file("sparse", content.clone(), 0o644);
        let holes = holes
            .iter()
            .map(|(start, length)| (*start as u64, *length as u64));
        files.holes.borrow_mut().insert("sparse".into(), holes.collect());
        persist(&store, &files, &everything(build(1)), workers).unwrap();
        (files.moved_bytes.get().0, files, store)
    };
    let (read, files, store) = persist_with(&holes, 1);
    let (read_whole, _, whole) = persist_with(&[], 1);
    assert_eq!(read_whole, 80 * MIB as u64);
    assert!(read < 30 * MIB as u64, "{read} bytes were read");
    assert_eq!(
        store.keys("v1/trees/"),
        whole.keys("v1/trees/"),
        "a hole and zeros are the same slices"
    );
    let to = MemoryFiles::default();
    attach(&store, &to, &all_of("latest", build(2)), 1).unwrap();
    assert_eq!(to.listing(), files.listing());
    let written = to.moved_bytes.get().1;
    assert!(written < 2 * MIB as u64, "{written} bytes were written");
    // Equal bytes are neither written again nor are their holes read; and a hole can replace data.
    to.holes.borrow_mut().clone_from(&files.holes.borrow());
    let read = to.moved_bytes.get().0;
    attach(&store, &to, &all_of("latest", build(2)), 1).unwrap();
    assert_eq!(to.moved_bytes.get().1, written);
    assert!(to.moved_bytes.get().0 - read < 10 * MIB as u64);
    to.holes.borrow_mut().clear();
    to.file("sparse", noise(1, 80 * MIB), 0o644);
    attach(&store, &to, &all_of("latest", build(2)), 1).unwrap();
    assert_eq!(to.listing(), files.listing());
}

#[test]
fn a_file_that_is_all_hole_comes_back() {
    for length in [1, 4096, MIB, MIB + 1, 64 * MIB, 64 * MIB + 5] {
        let files = MemoryFiles::default();
        files.file("hole", vec![0; length], 0o644);
        files
            .holes
            .borrow_mut()
            .insert("hole".into(), vec![(0, length as u64)]);
        assert_comes_back(&files, 2);
    }
}

fn special(files: SpecialFiles) -> Persist {
    Persist {
        special_files: files,
        ..everything(build(1))
    }
}

#[test]
fn special_files_are_listed_all_at_once_or_left_out() {
    let (store, files) = (MemoryStore::default(), MemoryFiles::default());
    files.file("file", "x", 0o644);
    files.special("pipe", "FIFO");
    let error = plan(&store, &files, &special(SpecialFiles::Fail)).unwrap_err();
    let Error::Invalid(problem) = &error else {
        panic!("{error:?}")
    };
    assert_eq!(
        (problem.message.as_str(), problem.subject.as_str()),
        ("a FIFO cannot be persisted", "pipe")
    );
    files.special("run/sock", "socket");
    for number in 0..10 {
        files.special(&format!("x/{number}"), "character device");
    }
    let error = plan(&store, &files, &special(SpecialFiles::Fail)).unwrap_err();
    let Error::Invalid(problem) = &error else {
        panic!("{error:?}")
    };
    assert_eq!(problem.message, "12 special files cannot be persisted");
    assert!(
        problem
            .subject
            .starts_with("pipe (FIFO), run/sock (socket), x/0 (character device), ")
            && problem.subject.ends_with("x/7 (character device) and 2 more"),
        "{}",
        problem.subject
    );
    let planned = plan(&store, &files, &special(SpecialFiles::Skip)).unwrap();
    assert_eq!(planned.warnings.len(), 1);
    assert_eq!(
        (planned.files, planned.warnings[0].code.as_ref()),
        (1, "special-skipped")
    );
    // What is excluded is nobody's trouble.
    let mut request = special(SpecialFiles::Fail);
    request.paths.extend(["!pipe", "!run", "!x/*"].map(str::to_owned));
    assert!(plan(&store, &files, &request).unwrap().warnings.is_empty());
}

#[test]
fn what_is_batons_own_is_left_out() {
    let (store, files) = (MemoryStore::default(), MemoryFiles::default());
    files.file("a/s/v1/store", "x", 0o644);
    files.file("a/file", "y", 0o644);
    files.reserved.borrow_mut().insert("a/s".into());
    let with = |paths: &[&str], if_no_files| Persist {
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        if_no_files,
        ..everything(build(1))
    };
    let planned = plan(&store, &files, &with(&["."], IfNoFiles::Fail)).unwrap();
    assert_eq!(planned.files, 1);
    assert_eq!(planned.warnings.len(), 1);
    assert_eq!(
        (
            planned.warnings[0].code.as_ref(),
            planned.warnings[0].subject.as_str()
        ),
        ("store-skipped", "a/s")
    );
    for path in ["a/s", "a/s/v1", "a/s/**", "*/s", "a/s/v1/store"] {
        let error = plan(&store, &files, &with(&["a/file", path], IfNoFiles::Fail)).unwrap_err();
        assert_eq!(code(&error), "store-in-root", "{path}");
        let planned = plan(&store, &files, &with(&["a/file", path], IfNoFiles::Warn)).unwrap();
        assert!(
            planned.warnings.iter().any(|it| it.code == "store-in-root"),
            "{path}"
        );
    }
    for paths in [&["a/file"][..], &[".", "!a/s"]] {
        let planned = plan(&store, &files, &with(paths, IfNoFiles::Fail)).unwrap();
        assert!(planned.warnings.is_empty(), "{paths:?}: {:?}", planned.warnings);
    }
}

#[test]
fn a_path_through_a_symlink_says_so() {
    let (store, files) = (MemoryStore::default(), MemoryFiles::default());
    files.symlink("bazel-bin", "/cache/bin");
    files.symlink("d/link", "../x");
    files.file("file", "y", 0o644);
    let with = |path: &str| Persist {
        paths: vec!["file".to_owned(), path.to_owned()],
        if_no_files: IfNoFiles::Fail,
        ..everything(build(1))
    };
    for (path, link) in [
        ("bazel-bin/*.jar", "bazel-bin is a symlink to /cache/bin"),
        ("bazel-bin/a/b.jar", "bazel-bin is a symlink to /cache/bin"),
        ("bazel-*/x", "bazel-bin is a symlink to /cache/bin"),
        ("d/link/**", "d/link is a symlink to ../x"),
        ("**/b.jar", "bazel-bin is a symlink to /cache/bin"),
    ] {
        let error = plan(&store, &files, &with(path)).unwrap_err();
        assert_eq!(code(&error), "through-symlink", "{path}");
        assert!(error.to_string().contains(link), "{path}: {error}");
    }
    assert_eq!(
        code(&plan(&store, &files, &with("other/*.jar")).unwrap_err()),
        "no-files"
    );
    assert!(
        plan(&store, &files, &with("bazel-bin"))
            .unwrap()
            .warnings
            .is_empty()
    );
    assert_eq!(
        plan(&store, &files, &with("bazel-bin/")).unwrap().warnings[0].code,
        "symlink-itself"
    );
}

#[test]
fn an_only_that_leads_nowhere_says_why() {
    let (store, files) = (MemoryStore::default(), MemoryFiles::default());
    files.symlink("bin", "/cache");
    files.file("pages/[id].js", "id", 0o644);
    files.file("pages/i.js", "i", 0o644);
    persisted(&store, &files, build(1));
    let only = |patterns: &[&str]| baton_guest::attach::Attach {
        only: patterns.iter().map(|pattern| (*pattern).to_owned()).collect(),
        ..all_of("latest", build(2))
    };
    let to = MemoryFiles::default();
    let error = attach(&store, &to, &only(&["bin/x"]), 1).unwrap_err();
    assert_eq!(code(&error), "through-symlink");
    let error = attach(&store, &to, &only(&["nope", "neither"]), 1).unwrap_err();
    assert_eq!(code(&error), "nothing-selected");
    let plan = |patterns: &[&str]| {
        baton_guest::attach::plan(&store, &to, &MemoryScratch, &only(patterns))
            .unwrap()
            .warnings
    };
    let codes = |patterns: &[&str]| -> Vec<String> {
        plan(patterns)
            .into_iter()
            .map(|it| it.code.into_owned())
            .collect()
    };
    assert_eq!(codes(&["pages", "nope"]), ["nothing-selected"]);
    assert_eq!(codes(&["pages", "!*.map"]), ["unused-exclude"]);
    assert_eq!(codes(&["pages/[id].js"]), ["pattern-is-path"]);
    attach(&store, &to, &only(&["pages/[id].js"]), 1).unwrap();
    assert!(to.content("pages/[id].js").is_some() && to.content("pages/i.js").is_none());
}

#[test]
fn whether_a_path_exists_is_asked_without_following() {
    let files = MemoryFiles::default();
    files.file("d/f", "x", 0o644);
    files.symlink("link", "d");
    let exists = |path: &str| ports::Files::exists(&files, path).unwrap();
    assert!(exists("d") && exists("d/f") && exists("link"));
    assert!(!exists("link/f") && !exists("d/f/g") && !exists("x") && !exists("d/x"));
}

/// Attaches over directories and files that cannot be changed: `chattr +i` or `+a`.
#[test]
fn what_is_immutable_is_left_alone_or_found_before_the_first_change() {
    let build_of = |change: &dyn Fn(&MemoryFiles)| {
        let (store, files) = (MemoryStore::default(), MemoryFiles::default());
        for path in ["first", "kept/file", "kept/inner/file", "kept/link"] {
            files.file(path, path, 0o644);
        }
        persisted(&store, &files, build(1));
        let to = MemoryFiles::default();
        attach(&store, &to, &all_of("latest", build(9)), 1).unwrap();
        files.file("first", "changed", 0o644);
        files.file("kept/inner/file", "changed", 0o644);
        change(&files);
        persisted(&store, &files, build(2));
        (store, to)
    };
    let flags = ports::EntryFlags {
        fixed: true,
        ..ports::EntryFlags::default()
    };
    let immutable = |to: &MemoryFiles, path: &str| {
        to.flags.borrow_mut().insert(path.to_owned(), flags);
    };
    let clean = Attach {
        clean: true,
        ..all_of("latest", build(9))
    };

    // What is equal stays, and what is beside and below it is attached.
    let (store, to) = build_of(&|_| {});
    immutable(&to, "kept");
    immutable(&to, "kept/file");
    attach(&store, &to, &clean, 1).unwrap();
    assert_eq!(to.content("kept/inner/file").unwrap(), b"changed");

    type Change<'a> = (&'a str, &'a dyn Fn(&MemoryFiles));
    let changes: [Change<'_>; 6] = [
        ("kept", &|files| files.file("kept/file", "other", 0o644)),
        ("kept", &|files| files.file("kept/more", "more", 0o644)),
        ("kept", &|files| files.directory("kept", 0o700)),
        ("kept", &|files| files.directory("kept/new", 0o755)),
        ("kept/file", &|files| files.file("kept/file", "other", 0o644)),
        // Equal, except its time.
        ("kept/file", &|files| files.file("kept/file", "kept/file", 0o644)),
    ];
    for (number, (path, change)) in changes.into_iter().enumerate() {
        let (store, to) = build_of(change);
        immutable(&to, path);
        let before = to.listing();
        for request in [all_of("latest", build(9)), clean.clone()] {
            let error = attach(&store, &to, &request, 1).unwrap_err();
            assert_eq!(code(&error), "in-the-way", "{number}: {error}");
            assert!(error.to_string().contains("immutable"), "{error}");
            assert_eq!(to.listing(), before, "{number}");
        }
    }

    // What --clean would remove there.
    let (store, to) = build_of(&|_| {});
    to.file("kept/inner/stale", "stale", 0o644);
    to.file("other/stale", "stale", 0o644);
    for path in ["kept/inner", "other", "other/stale"] {
        to.flags.borrow_mut().clear();
        immutable(&to, path);
        let before = to.listing();
        let error = attach(&store, &to, &clean, 1).unwrap_err();
        assert!(error.to_string().contains("immutable"), "{error}");
        assert_eq!(to.listing(), before, "{path}");
    }
}
