//! Ways out of the granted directory, and changes where there may be none.
//!
//! The test has put these into the directory: the files `mine` and `sub/mine`, and the links `out` to a directory beside it,
//! `file-link` to a file in that, `abs` to `/etc`, `self` to `/proc/self`, and `loop` to itself.

use std::fs;

use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{Descriptor, DescriptorFlags, NewTimestamp, OpenFlags, PathFlags};

use super::generated::baton::plugin::attributes::{self, Change, Edit, Range, Symlink};
use super::generated::baton::plugin::types::Timestamp;
use super::tried::Tried;

/// Paths to what lies outside.
const OUTSIDE: [&str; 14] = [
    "../outside/secret",
    "/etc/passwd",
    "//etc/passwd",
    "/proc/self/environ",
    "/proc/self/fd/0",
    "/dev/zero",
    "out/secret",
    "./out/./secret",
    "out/../outside/secret",
    "abs/passwd",
    "self/environ",
    "self/root/etc/passwd",
    "sub/../../outside/secret",
    "loop/secret",
];
/// Links whose last name leads outside. The link itself may be removed.
const LEADING: [&str; 8] = ["..", "/", "sub/../..", "out", "file-link", "abs", "self", "loop"];
/// Names that are none.
const ODD: [&str; 9] = [
    "mine/",
    "mine/.",
    "sub//mine",
    "./mine",
    "sub/../mine",
    "mi\0ne",
    "/mine",
    ".",
    "sub/.",
];

const TIME: Timestamp = Timestamp {
    seconds: 1,
    nanoseconds: 0,
};

fn change(path: &str, bits: u16) -> Change {
    Change {
        path: path.to_owned(),
        bits: Some(bits),
        modified: TIME,
    }
}

fn link(path: &str, target: &str) -> Symlink {
    Symlink {
        path: path.to_owned(),
        target: target.to_owned(),
        modified: TIME,
    }
}

/// Tries each way of the standard library, which goes through `wasi:filesystem`.
fn through_std(tried: &mut Tried) {
    // The C library takes `/` for the directory that it is given.
    for path in OUTSIDE.into_iter().chain(LEADING).filter(|path| *path != "/") {
        tried.must_fail(format!("read {path}"), fs::read(path));
        tried.must_fail(format!("list {path}"), fs::read_dir(path));
        tried.must_fail(format!("create {path}"), fs::File::create(path));
        tried.must_fail(
            format!("create in {path}"),
            fs::write(format!("{path}/new"), "evil"),
        );
        tried.must_fail(format!("make in {path}"), fs::create_dir(format!("{path}/dir")));
        tried.must_fail(
            format!("rename into {path}"),
            fs::rename("mine", format!("{path}/mine")),
        );
        tried.must_fail(
            format!("name in {path}"),
            fs::hard_link("mine", format!("{path}/mine")),
        );
    }
    for path in OUTSIDE {
        tried.must_fail(format!("look at {path}"), fs::metadata(path));
        tried.must_fail(format!("remove {path}"), fs::remove_file(path));
        tried.must_fail(format!("take {path}"), fs::rename(path, "taken"));
        tried.must_fail(format!("take a name of {path}"), fs::hard_link(path, "named"));
        tried.must_fail(format!("rename over {path}"), fs::rename("mine", path));
    }
}

/// Tries each call of `wasi:filesystem` that follows a link.
fn through_wasi(tried: &mut Tried, root: &Descriptor) {
    let follow = PathFlags::SYMLINK_FOLLOW;
    let (read, write) = (DescriptorFlags::READ, DescriptorFlags::WRITE);
    for path in OUTSIDE.into_iter().chain(LEADING) {
        for flags in [
            OpenFlags::empty(),
            OpenFlags::DIRECTORY,
            OpenFlags::CREATE,
            OpenFlags::TRUNCATE,
        ] {
            tried.must_fail(
                format!("open {path}"),
                root.open_at(follow, path, flags, read | write),
            );
            tried.must_fail(
                format!("open {path} to read"),
                root.open_at(follow, path, flags, read),
            );
        }
        tried.must_fail(format!("stat {path}"), root.stat_at(follow, path));
        let now = NewTimestamp::Now;
        tried.must_fail(
            format!("times of {path}"),
            root.set_times_at(follow, path, now, now),
        );
        tried.must_fail(
            format!("link to {path}"),
            root.link_at(follow, path, root, "linked"),
        );
        tried.must_fail(format!("hash {path}"), root.metadata_hash_at(follow, path));
    }
    for target in ["/etc", "/proc/self/environ"] {
        tried.must_fail(format!("a link to {target}"), root.symlink_at(target, "made"));
    }
    // A relative one is allowed. It does not lead out of the directory.
    let _ = root.symlink_at("../outside", "made");
    tried.must_fail("read through an own link", fs::read("made/secret"));
    tried.must_fail("write through an own link", fs::write("made/secret", "evil"));
    let _ = fs::remove_file("made");
}

/// Tries each call of baton's own import.
fn through_attributes(tried: &mut Tried, paths: &[&str]) {
    let text = |path: &str| path.to_owned();
    for &path in paths {
        let mut edit = |how: &str, edit: Edit| {
            tried.must_fail(format!("{how} {path:?}"), attributes::edits(&[edit]));
        };
        edit("make a directory", Edit::MakeDirectory(format!("{path}/new")));
        edit("make a file", Edit::MakeFile(format!("{path}/new")));
        edit("cut", Edit::SetSize((text(path), 0)));
        edit(
            "rename into",
            Edit::Rename((text("mine"), format!("{path}/mine"))),
        );
        edit("remove in", Edit::RemoveFile(format!("{path}/secret")));
        edit(
            "remove a directory in",
            Edit::RemoveDirectory(format!("{path}/dir")),
        );
        tried.must_fail(format!("entries of {path:?}"), attributes::entries(path, None));
        tried.must_fail(
            format!("look into {path:?}"),
            attributes::look(&format!("{path}/secret")),
        );
        tried.must_fail(format!("write {path:?}"), attributes::write(path, 0, b"evil"));
        tried.must_fail(
            format!("apply {path:?}"),
            attributes::apply(&[change(path, 0o777)]),
        );
        let symlinks = attributes::symlinks(&[link(&format!("{path}/link"), "/")]);
        tried.must_fail(format!("a link in {path:?}"), symlinks);
        let all = Range {
            offset: 0,
            length: u64::MAX,
        };
        let holes = attributes::holes(path, all, 1);
        tried.must_fail(format!("holes of {path:?}"), holes);
    }
}

/// Leaves the directory in all ways. Nothing outside may be read, changed or even looked at.
pub(super) fn outside() -> Tried {
    let mut tried = Tried::default();
    let roots = get_directories();
    tried.must_not("more than one directory", roots.len() != 1);
    through_std(&mut tried);
    for (root, _) in &roots {
        through_wasi(&mut tried, root);
    }
    through_attributes(&mut tried, &OUTSIDE);
    through_attributes(&mut tried, &LEADING);
    through_attributes(&mut tried, &ODD);
    for path in OUTSIDE {
        let mut edit = |how: &str, edit: Edit| {
            tried.must_fail(format!("{how} {path}"), attributes::edits(&[edit]));
        };
        edit("take", Edit::Rename((path.to_owned(), "taken".to_owned())));
        edit("replace", Edit::Rename(("mine".to_owned(), path.to_owned())));
        edit("remove", Edit::RemoveFile(path.to_owned()));
        tried.must_fail(format!("look at {path}"), attributes::look(path));
    }
    for bits in [0o4755, 0o2755, 0o1777, u16::MAX] {
        tried.must_fail(
            format!("bits {bits:o}"),
            attributes::apply(&[change("mine", bits)]),
        );
    }
    for nanoseconds in [1_000_000_000, u32::MAX, 0x3fff_ffff] {
        let mut change = change("mine", 0o644);
        change.modified.nanoseconds = nanoseconds;
        tried.must_fail(format!("{nanoseconds} nanoseconds"), attributes::apply(&[change]));
    }
    for target in ["", "a\0b", &"x".repeat(5000)] {
        tried.must_fail("an odd target", attributes::symlinks(&[link("odd", target)]));
    }
    tried.must_fail("changes begin in a plan", attributes::begin_changes());
    tried
}

/// Changes what may only be read.
pub(super) fn read_only() -> Tried {
    let mut tried = Tried::default();
    for (root, _) in get_directories() {
        let follow = PathFlags::empty();
        for flags in [OpenFlags::empty(), OpenFlags::CREATE, OpenFlags::TRUNCATE] {
            for path in ["mine", "new"] {
                let opened = root.open_at(follow, path, flags, DescriptorFlags::WRITE);
                tried.must_fail(format!("open {path} to write"), opened);
            }
        }
        tried.must_fail(
            "cut on opening",
            root.open_at(follow, "mine", OpenFlags::TRUNCATE, DescriptorFlags::READ),
        );
        let now = NewTimestamp::Now;
        tried.must_fail("times", root.set_times_at(follow, "mine", now, now));
        tried.must_fail("times of the directory", root.set_times(now, now));
        tried.must_fail("a link", root.symlink_at("mine", "new"));
        if let Ok(mine) = root.open_at(follow, "mine", OpenFlags::empty(), DescriptorFlags::READ) {
            tried.must_fail("write to what is open", mine.write(b"evil", 0));
            tried.must_fail("cut what is open", mine.set_size(0));
            tried.must_fail("times of what is open", mine.set_times(now, now));
            tried.must_fail("a stream to write", mine.write_via_stream(0));
        }
    }
    tried.must_fail("write", fs::write("mine", "evil"));
    tried.must_fail("create", fs::write("new", "evil"));
    tried.must_fail("make", fs::create_dir("new"));
    tried.must_fail("remove", fs::remove_file("mine"));
    tried.must_fail("remove a directory", fs::remove_dir("empty"));
    tried.must_fail("rename", fs::rename("mine", "new"));
    tried.must_fail("name", fs::hard_link("mine", "new"));
    let (mine, new) = ("mine".to_owned(), "new".to_owned());
    for edit in [
        Edit::MakeDirectory(new.clone()),
        Edit::MakeFile(new.clone()),
        Edit::SetSize((mine.clone(), 0)),
        Edit::Rename((mine.clone(), new)),
        Edit::RemoveFile(mine),
        Edit::RemoveDirectory("empty".to_owned()),
    ] {
        tried.must_fail(format!("{edit:?}"), attributes::edits(&[edit]));
    }
    tried.must_fail("write", attributes::write("mine", 0, b"evil"));
    tried.must_fail("apply", attributes::apply(&[change("mine", 0o777)]));
    tried.must_fail("symlinks", attributes::symlinks(&[link("new", "mine")]));
    tried.must_fail("begin", attributes::begin_changes());
    tried
}

/// Uses a directory where there is none.
pub(super) fn none() -> Tried {
    let mut tried = Tried::default();
    tried.must_not("a directory", !get_directories().is_empty());
    for path in ["", ".", "/", "..", "mine", "/etc/passwd"] {
        tried.must_fail(format!("read {path:?}"), fs::read(path));
        tried.must_fail(format!("list {path:?}"), fs::read_dir(path));
    }
    through_attributes(&mut tried, &["", "mine", "/etc/passwd", ".."]);
    tried.must_fail("entries", attributes::entries("", None));
    tried
}
