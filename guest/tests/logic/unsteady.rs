//! Directories that do not hold still, are full, or may not be written.

use baton_guest::attach::{self, Attach};
use baton_guest::ports::{Edit, Files};
use baton_guest::testing::{MemoryFiles, MemoryScratch, MemoryStore};

use crate::support::driver::{all_of, attach, everything, persist, persisted};
use crate::support::files::{CaseInsensitive, Unprivileged};
use crate::support::{build, code, noise};

/// Checks that a build left nothing that anybody could find.
fn assert_no_build(store: &MemoryStore, number: u64) {
    let of_build = build(number)
        .keys()
        .unwrap()
        .number("dist", true, &build(number).counter(), number);
    assert!(store.keys(&of_build).is_empty());
    assert!(
        !store
            .keys("v1/projects/")
            .iter()
            .any(|key| key.contains("/builds/"))
    );
}

#[test]
fn a_file_that_changes_while_it_is_read_is_refused() {
    for (length, grown) in [
        (10, 10),
        (10, 11),
        (10, 9),
        (10, 0),
        (3 << 20, 3 << 20),
        (3 << 20, 100),
        (40 << 20, 41 << 20),
    ] {
        let (store, files) = (MemoryStore::default(), MemoryFiles::default());
        files.file("a", "steady", 0o644);
        files.file("d/log", noise(1, length), 0o644);
        *files.after_read.borrow_mut() = Some(("d/log".into(), noise(2, grown)));
        let error = persist(&store, &files, &everything(build(1)), 2).unwrap_err();
        assert_eq!(code(&error), "file-changed", "{length} to {grown}");
        assert!(matches!(&error, baton_guest::Error::Invalid(it) if it.subject == "d/log"));
        assert_no_build(&store, 1);
        // It has settled, so the next run succeeds.
        persisted(&store, &files, build(1));
    }
}

#[test]
fn a_file_that_changes_or_vanishes_before_it_is_read_is_refused() {
    for length in [10, 3 << 20] {
        for vanishes in [true, false] {
            let (store, files) = (MemoryStore::default(), MemoryFiles::default());
            files.file("log", noise(1, length), 0o644);
            let planned =
                baton_guest::persist::plan(&store, &files, &MemoryScratch, &everything(build(1))).unwrap();
            if vanishes {
                files.edit(Edit::RemoveFile("log")).unwrap();
            } else {
                // As long as before, but later.
                files.file("log", noise(2, length), 0o644);
            }
            let error = crate::support::driver::work(&store, &files, &planned, 1).unwrap_err();
            assert_eq!(code(&error), if vanishes { "not-found" } else { "file-changed" });
            assert_no_build(&store, 1);
        }
    }
}

#[test]
fn a_full_disk_leaves_the_directory_as_it_was() {
    let (store, from) = (MemoryStore::default(), MemoryFiles::default());
    for number in 0..20 {
        from.file(&format!("new/{number}"), noise(number, 1000), 0o644);
    }
    from.file("there", noise(90, 2000), 0o644);
    from.file("zlarge", noise(91, 3 << 20), 0o644);
    persisted(&store, &from, build(1));
    for room in [0, 500, 1500, 2 << 20] {
        let to = MemoryFiles::default();
        to.file("there", "old", 0o600);
        to.file("zlarge", noise(92, 3 << 20), 0o600);
        to.file("other", "stays", 0o644);
        let before = to.listing();
        to.room_bytes.set(Some(room));
        let error = attach(&store, &to, &all_of("latest", build(2)), 2).unwrap_err();
        assert_eq!(code(&error), "no-space", "{room}");
        assert_eq!(to.listing(), before);
        to.room_bytes.set(None);
        attach(&store, &to, &all_of("latest", build(2)), 2).unwrap();
        assert_eq!(to.listing().len(), before.len() + 21);
    }
}

#[test]
fn what_a_killed_attach_left_is_taken_back_by_the_next() {
    let (store, from) = (MemoryStore::default(), MemoryFiles::default());
    for number in 0..10 {
        from.file(&format!("d/{number}"), noise(number, 1000), 0o444);
    }
    from.directory("d", 0o555);
    persisted(&store, &from, build(1));
    let to = MemoryFiles::default();
    let planned = attach::plan(&store, &to, &MemoryScratch, &all_of("latest", build(2))).unwrap();
    let mut worker = attach::Worker::default();
    worker
        .run(&store, &to, &MemoryScratch, &planned.tasks[0].payload)
        .unwrap();
    assert!(
        to.listing()
            .iter()
            .any(|line| line.starts_with(".baton-attach/t/1/0 "))
    );
    attach(&store, &to, &all_of("latest", build(2)), 1).unwrap();
    assert_eq!(to.listing(), from.listing());
    // Whatever has that name.
    for obstacle in ["file", "symlink"] {
        let to = MemoryFiles::default();
        match obstacle {
            "file" => to.file(".baton-attach", "x", 0o644),
            _ => to.symlink(".baton-attach", "/etc"),
        }
        attach(&store, &to, &all_of("latest", build(2)), 1).unwrap();
        assert_eq!(to.listing(), from.listing(), "{obstacle}");
    }
}

#[test]
fn directories_that_may_not_be_written_are_brought_up_to_date() {
    let store = MemoryStore::default();
    let tree = |number: u64| {
        let files = MemoryFiles::default();
        files.file("d/e/changes", noise(number, 100), 0o444);
        files.file("d/stays", "same", 0o444);
        files.file(&format!("d/only-in-{number}"), "", 0o444);
        files.file(&format!("d/new-{number}/file"), "x", 0o444);
        files.symlink("d/link", &number.to_string());
        for dir in ["d", "d/e", &format!("d/new-{number}")] {
            let bits = Some(0o555);
            files
                .apply(&[baton_guest::ports::AttributeChange {
                    path: dir.into(),
                    bits,
                    modified: Default::default(),
                }])
                .unwrap();
        }
        files
    };
    let to = Unprivileged::default();
    for number in 1..4 {
        let from = tree(number);
        persisted(&store, &from, build(number));
        let request = Attach {
            clean: true,
            ..all_of("latest", build(9))
        };
        attach(&store, &to, &request, 1).unwrap();
        assert_eq!(to.inner.listing(), from.listing());
    }
}

#[test]
fn a_file_that_cannot_be_compared_is_replaced() {
    let (store, from) = (MemoryStore::default(), MemoryFiles::default());
    from.file("a", "content", 0o644);
    from.file("b", noise(1, 2 << 20), 0o644);
    persisted(&store, &from, build(1));
    let to = MemoryFiles::default();
    to.special("a", "FIFO");
    to.file("b", noise(2, 2 << 20), 0o000);
    attach(&store, &to, &all_of("latest", build(2)), 1).unwrap();
    assert_eq!(to.listing(), from.listing());
}

#[test]
fn a_file_that_changes_while_it_is_compared_is_refused() {
    let (store, from) = (MemoryStore::default(), MemoryFiles::default());
    let mut content = noise(1, 8 << 20);
    from.file("large", content.clone(), 0o644);
    persisted(&store, &from, build(1));
    // The end differs, so the rest is copied from the existing file; but that changes after the first comparison.
    let to = MemoryFiles::default();
    *content.last_mut().unwrap() ^= 1;
    to.file("large", content, 0o644);
    *to.after_read.borrow_mut() = Some(("large".into(), noise(3, 8 << 20)));
    let error = attach(&store, &to, &all_of("latest", build(2)), 1).unwrap_err();
    assert_eq!(code(&error), "file-changed");
    assert_eq!(
        to.content("large").unwrap(),
        noise(3, 8 << 20),
        "it is as whoever changed it left it"
    );
    assert_eq!(to.listing().len(), 1);
}

#[test]
fn names_that_a_file_system_takes_for_one_are_refused() {
    for (one, other) in [
        ("README", "readme"),
        ("D/x", "d/y"),
        ("É", "é"),
        (".Baton-Attach", "a"),
    ] {
        let (store, from) = (MemoryStore::default(), MemoryFiles::default());
        from.file(one, "1", 0o644);
        from.file(other, "2", 0o644);
        persisted(&store, &from, build(1));
        let to = MemoryFiles::default();
        attach(&store, &to, &all_of("latest", build(2)), 1).unwrap();
        assert_eq!(
            to.listing(),
            from.listing(),
            "a file system that tells them apart has both"
        );
        let to = CaseInsensitive::default();
        to.inner.file("there", "", 0o644);
        let before = to.inner.listing();
        // The host has no plan yet, so nobody abandons it.
        let error = attach::plan(&store, &to, &MemoryScratch, &all_of("latest", build(2))).unwrap_err();
        assert_eq!(code(&error), "names-collide", "{one} and {other}");
        assert_eq!(to.inner.listing(), before);
    }
    let (store, from) = (MemoryStore::default(), MemoryFiles::default());
    from.file("readme", "1", 0o644);
    persisted(&store, &from, build(1));
    let to = CaseInsensitive::default();
    attach(&store, &to, &all_of("latest", build(2)), 1).unwrap();
    assert_eq!(to.inner.listing(), from.listing());
}

#[test]
fn abandoning_is_safe_at_any_time() {
    let store = MemoryStore::default();
    let to = MemoryFiles::default();
    to.file("a/b", "x", 0o644);
    persisted(&store, &to, build(1));
    let before = to.listing();
    let planned = attach::plan(&store, &to, &MemoryScratch, &all_of("latest", build(2))).unwrap();
    assert_ne!(to.listing(), before, "something is staged");
    for _ in 0..2 {
        attach::abandon(&to, &planned.rest).unwrap();
        assert_eq!(to.listing(), before);
    }
}
