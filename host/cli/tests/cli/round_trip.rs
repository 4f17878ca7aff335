//! Persisted files are attached unchanged.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};

use crate::files::{
    What, assert_same, listing, noise, read, seen, set_bits, set_time, text, write, write_all,
};
use crate::place::{Job, Place};

const MIB: usize = 1 << 20;

/// Persists all that is in the job's directory, attaches it elsewhere, and compares.
#[track_caller]
fn round_trip(place: &Place, job: &Job) {
    job.baton("persist .").succeeds();
    let target = place.path("arrived");
    job.run([
        OsStr::new("attach"),
        OsStr::new("latest"),
        OsStr::new("--at"),
        target.as_os_str(),
    ])
    .succeeds();
    assert_same(job.dir(), &target);
}

#[test]
fn files_of_every_size_arrive_whole() {
    let place = Place::new();
    let job = place.job("work");
    for (name, content) in [
        ("empty", Vec::new()),
        ("one-byte", b"x".to_vec()),
        ("one-mib", noise(1, MIB)),
        ("one-mib-and-a-byte", noise(2, MIB + 1)),
        ("noise", noise(3, 5 * MIB)),
        ("text", text(4, 5 * MIB)),
        ("zeros", vec![0; 5 * MIB]),
        // More than one task, and more than one segment of a file.
        ("large", [noise(5, 20 * MIB), text(6, 20 * MIB)].concat()),
    ] {
        write(&job.path(name), content);
    }
    round_trip(&place, &job);
}

#[test]
fn permission_bits_arrive_on_files_and_directories() {
    let place = Place::new();
    let job = place.job("work");
    for bits in [0o644, 0o755, 0o600, 0o444, 0o777, 0o400, 0o111, 0o666] {
        let file = job.path(&format!("file-{bits:o}"));
        write(&file, format!("{bits:o}"));
        // Who is not root cannot read what it persists without this.
        set_bits(&file, bits | if is_root() { 0 } else { 0o400 });
    }
    for bits in [0o755, 0o700, 0o555, 0o777, 0o500] {
        let dir = job.path(&format!("dir-{bits:o}"));
        write(&dir.join("file"), "inside");
        fs::create_dir(dir.join("below")).unwrap();
        set_bits(&dir, bits);
    }
    if is_root() {
        write(&job.path("file-0"), "nobody may read this");
        set_bits(&job.path("file-0"), 0);
        fs::create_dir(job.path("dir-0")).unwrap();
        set_bits(&job.path("dir-0"), 0);
    }
    round_trip(&place, &job);
}

#[test]
fn permission_bits_arrive_where_they_count() {
    let place = Place::new();
    let job = place.job("work");
    for (dir, bits) in [("open", 0o755), ("closed", 0o555), ("closed/inner", 0o500)] {
        write(&job.path(dir).join("file"), dir);
        write(&job.path(dir).join("secret"), "only mine");
        set_bits(&job.path(dir).join("secret"), 0o400);
        set_bits(&job.path(dir).join("file"), 0o444);
        // The outer one is closed last, below.
        set_bits(&job.path(dir), if dir == "closed" { 0o755 } else { bits });
    }
    set_bits(&job.path("closed"), 0o555);
    let Some(job) = place.without_privileges(job) else {
        return;
    };
    round_trip(&place, &job);
}

#[test]
fn symlinks_arrive_as_they_are() {
    let place = Place::new();
    let job = place.job("work");
    write_all(job.dir(), &[("dir/file", "content"), ("file", "content")]);
    let long = format!("a/{}", "b".repeat(4000));
    for (name, target) in [
        ("relative", "file"),
        ("dir/up", "../file"),
        ("to-a-directory", "dir"),
        ("to-itself", "to-itself"),
        ("dangling", "nowhere/at all"),
        ("absolute", "/etc/hostname"),
        ("absolute-and-dangling", "/no/such/file"),
        ("out", "../../../../etc"),
        ("dot", "."),
        ("odd", "name\nwith \"quotes\" and ünïcödé"),
        ("long", &long),
    ] {
        symlink(target, job.path(name)).unwrap();
    }
    set_time(&job.path("dangling"), 1_000_000_000, 123_456_789);
    round_trip(&place, &job);
}

#[test]
fn empty_directories_arrive() {
    let place = Place::new();
    let job = place.job("work");
    for dir in ["empty", "deep/er/empty", "beside/one", "beside/two"] {
        fs::create_dir_all(job.path(dir)).unwrap();
    }
    round_trip(&place, &job);
}

#[test]
fn times_arrive_to_the_nanosecond() {
    let place = Place::new();
    let job = place.job("work");
    let times = [
        ("now", 1_764_000_000, 987_654_321),
        ("epoch", 0, 0),
        ("one-nanosecond", 0, 1),
        ("before-1970", -1, 500_000_000),
        ("long-before-1970", -2_000_000_000, 999_999_999),
        ("after-2038", 4_000_000_000, 1),
    ];
    for (name, seconds, nanoseconds) in times {
        let (file, dir, link) = (
            job.path(name),
            job.path("dir").join(name),
            job.path(&format!("link-{name}")),
        );
        write(&file, name);
        write(&job.path(&format!("large-{name}")), noise(1, 2 * MIB));
        fs::create_dir_all(&dir).unwrap();
        write(&dir.join("file"), "inside");
        symlink("file", &link).unwrap();
        for path in [file, job.path(&format!("large-{name}")), dir, link] {
            set_time(&path, seconds, nanoseconds);
        }
    }
    set_time(&job.path("dir"), -5, 5);
    assert_eq!(
        seen(&job.path("before-1970")).modified,
        (-1, 500_000_000),
        "this file system keeps such times"
    );
    round_trip(&place, &job);
}

#[test]
fn odd_names_arrive() {
    let place = Place::new();
    let job = place.job("work");
    let longest = "n".repeat(255);
    for name in [
        "with space",
        " leading and trailing ",
        "with\nnewline",
        "with\ttab\u{1b}[31m",
        "with 'single' and \"double\" quotes",
        "-rf",
        "--name",
        "!bang",
        "#hash",
        "~tilde",
        "back\\slash",
        "*",
        "?",
        "[a]",
        "{a,b}",
        "$HOME",
        "`id`",
        "..hidden",
        "...",
        "colon:colon",
        "CON",
        "\u{1f680}",
        "ünïcödé",
        "u\u{308}", // not composed, and another name than:
        "\u{fc}",
        "日本語",
        "\u{202e}reversed",
        "\u{7f}",
        &longest,
    ] {
        write(&job.path("files").join(name), name);
        write(&job.path("dirs").join(name).join(name), name);
    }
    // As deep as a path may be: baton opens it name by name.
    let deep = job.path("deep").join(["d".repeat(240).as_str(); 14].join("/"));
    write(&deep.join("file"), "deep down");
    round_trip(&place, &job);
}

#[test]
fn hard_links_arrive_as_files_of_their_own() {
    let place = Place::new();
    let job = place.job("work");
    write(&job.path("one"), "shared");
    fs::hard_link(job.path("one"), job.path("two")).unwrap();
    write(&job.path("large-one"), noise(1, 3 * MIB));
    fs::hard_link(job.path("large-one"), job.path("large-two")).unwrap();
    round_trip(&place, &job);
    fs::write(place.path("arrived/one"), "changed").unwrap();
    assert_eq!(read(&place.path("arrived/two")), "shared");
}

#[test]
fn setuid_setgid_and_sticky_bits_are_dropped_with_a_warning() {
    let place = Place::new();
    let job = place.job("work");
    write_all(job.dir(), &[("setuid", "x"), ("setgid", "x"), ("plain", "x")]);
    fs::create_dir(job.path("sticky")).unwrap();
    set_bits(&job.path("setuid"), 0o4755);
    set_bits(&job.path("setgid"), 0o2750);
    set_bits(&job.path("sticky"), 0o1777);
    let persisted = job.baton("persist .").succeeds().omits("plain");
    for (name, bits) in [("setuid", "4755"), ("setgid", "2750"), ("sticky", "1777")] {
        persisted
            .err
            .lines()
            .find(|line| line.starts_with("warning:") && line.contains(bits) && line.ends_with(name))
            .unwrap();
    }
    job.baton("attach latest --at ../arrived").succeeds();
    let bits = |name: &str| match seen(&place.path("arrived").join(name)).what {
        What::File { bits, .. } | What::Directory { bits } => bits,
        _ => 0,
    };
    assert_eq!(
        [bits("setuid"), bits("setgid"), bits("sticky")],
        [0o755, 0o750, 0o777]
    );
}

/// Persists what cannot be persisted, and checks that the store answers as before.
#[track_caller]
fn refused(place: &Place, job: &Job, words: &str, shown: &str) {
    let before = place.store().all();
    job.baton(words).ends(1).tells("error: ").tells(shown);
    let added = place
        .store()
        .all()
        .into_iter()
        .filter(|(key, digest)| before.get(key) != Some(digest));
    let visible: Vec<String> = added
        .map(|(key, _)| key)
        .filter(|key| !key.starts_with("v1/packs/"))
        .collect();
    assert_eq!(visible, [""; 0], "a failed persist adds nothing but packs");
    job.baton("latest").succeeds().prints(["build:1"]);
}

#[test]
fn what_is_no_file_is_refused_by_its_path() {
    let place = Place::new();
    let job = place.job("work");
    write(&job.path("dir/file"), "fine");
    job.baton("persist dir --number 1").succeeds();
    let fifo = job.path("dir/a fifo");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::from_bits_retain(0o644), 0).unwrap();
    refused(
        &place,
        &job,
        "persist dir --number 2",
        "a FIFO cannot be persisted: dir/a fifo",
    );
    fs::remove_file(fifo).unwrap();
    let _listener = UnixListener::bind(job.path("dir/socket")).unwrap();
    refused(
        &place,
        &job,
        "persist dir --number 2",
        "a socket cannot be persisted: dir/socket",
    );
    fs::remove_file(job.path("dir/socket")).unwrap();
    let device = job.path("dir/device");
    match mknodat(
        CWD,
        &device,
        FileType::CharacterDevice,
        Mode::from_bits_retain(0o644),
        makedev(1, 3),
    ) {
        Err(error) => println!("skipped: no device can be made here: {error}"),
        Ok(()) => refused(
            &place,
            &job,
            "persist dir --number 2",
            "a character device cannot be persisted: dir/device",
        ),
    }
    // What is not wanted is nobody's trouble.
    job.run(["persist", "dir", "!dir/device", "--number", "3"])
        .succeeds();
}

#[test]
fn a_name_that_is_not_utf8_is_refused_and_shown_escaped() {
    let place = Place::new();
    let job = place.job("work");
    write(&job.path("fine"), "fine");
    job.baton("persist . --number 1").succeeds();
    let odd = Path::new(OsStr::from_bytes(b"caf\xe9\x07"));
    write(&job.dir().join(odd), "odd");
    for pattern in [".", "*", "caf*", "**/*"] {
        refused(
            &place,
            &job,
            &format!("persist {pattern} --number 2"),
            r"a name is not UTF-8: caf\xe9\u{7}",
        );
    }
    fs::create_dir(job.path("dir")).unwrap();
    fs::rename(job.dir().join(odd), job.path("dir").join(odd)).unwrap();
    for pattern in [".", "dir", "dir/caf?*"] {
        refused(
            &place,
            &job,
            &format!("persist {pattern} --number 2"),
            r"a name is not UTF-8: dir/caf\xe9\u{7}",
        );
    }
    job.run(["persist", ".", "!dir/caf*", "--number", "4"]).succeeds();
    job.baton("persist fine --number 3").succeeds();
}

#[test]
fn a_symlink_that_points_to_a_name_that_is_not_utf8_is_refused() {
    let place = Place::new();
    let job = place.job("work");
    write(&job.path("fine"), "fine");
    job.baton("persist . --number 1").succeeds();
    symlink(OsStr::from_bytes(b"caf\xe9"), job.path("link")).unwrap();
    refused(&place, &job, "persist . --number 2", r"caf\xe9: link");
}

#[test]
fn what_may_not_be_read_is_refused_by_its_path() {
    let place = Place::new();
    let job = place.job("work");
    write_all(job.dir(), &[("fine", "fine"), ("dir/secret", "secret")]);
    let Some(job) = place.without_privileges(job) else {
        return;
    };
    job.baton("persist fine --number 1").succeeds();
    set_bits(&job.path("dir/secret"), 0o200);
    refused(&place, &job, "persist . --number 2", "dir/secret");
    set_bits(&job.path("dir/secret"), 0o600);
    set_bits(&job.path("dir"), 0o300);
    refused(&place, &job, "persist . --number 2", "dir");
    set_bits(&job.path("dir"), 0o700);
}

#[test]
fn persisting_changes_nothing_in_the_directory() {
    let place = Place::new();
    let job = place.job("work");
    write_all(job.dir(), &[("a/b", "b"), ("c", "c")]);
    let before = listing(job.dir());
    job.baton("persist .").succeeds();
    assert_eq!(listing(job.dir()), before);
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
