//! Attach across file systems, with permissions of parts only, and on disks that fail.

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::files::{
    assert_same, assert_same_listing, listing, noise, read, set_bits, set_time, write, write_all,
};
use crate::place::{Job, Place, Ran};

/// Runs a script that may mount what it likes: its mounts end with it. Returns nothing, and says so, where that cannot be.
fn mounting(job: &Job, script: &str) -> Option<Ran> {
    let flags = match rustix::process::geteuid().is_root() {
        true => "-m",
        false => "-rm",
    };
    let script = format!("mount -t tmpfs tried /mnt\numount /mnt\necho tried >&2\n{script}");
    let job = job.clone().set("SCRIPT", script);
    let ran = job.bash(&format!("exec unshare {flags} bash -euo pipefail -c \"$SCRIPT\""));
    if ran.err.contains("tried\n") {
        return Some(ran);
    }
    println!("skipped: nothing can be mounted here: {}", ran.err);
    None
}

/// Runs baton with system calls that fail as strace injects it, for example `write:error=EIO`. Returns nothing, and says so,
/// where processes cannot be traced.
fn injected(job: &Job, fault: &str, words: &str) -> Option<Ran> {
    let trace = |fault: &str, words: &str| {
        let strace = "exec strace -f -qqq -o /dev/null -e signal=none";
        job.bash(&format!("{strace} -e inject={fault} {words}"))
    };
    if trace("getpid:error=EIO", "true").code != Some(0) {
        println!("skipped: strace is missing, or may not trace");
        return None;
    }
    Some(trace(fault, &format!("baton {words}")))
}

/// Persists a tree as build 1; `vol` is where something will be mounted.
fn persisted() -> (Place, Job) {
    let place = Place::new();
    let job = place.job("work");
    write_all(
        &job.path("tree"),
        &[
            ("a", "a"),
            ("vol/b", "b"),
            ("vol/new/deep/c", "c"),
            ("vol/inner/d", "d"),
        ],
    );
    write(&job.path("tree/vol/large"), noise(1, 3 << 20));
    std::os::unix::fs::symlink("b", job.path("tree/vol/link")).unwrap();
    set_time(&job.path("tree/vol"), 1_500_000_000, 42);
    job.baton("persist . --root tree --number 1").succeeds();
    write_all(
        job.dir(),
        &[("out/a", "old"), ("volume/b", "old"), ("volume/inner/d", "?")],
    );
    fs::create_dir_all(job.path("out/vol")).unwrap();
    (place, job)
}

#[test]
fn a_directory_that_is_mounted_below_the_target_is_written_to() {
    let (_place, job) = persisted();
    let mine = noise(2, 100);
    write(&job.path("volume/mine"), &mine);
    let Some(ran) = mounting(
        &job,
        "mount --bind volume out/vol
         baton attach latest --at out
         baton attach latest --at out --format json
         test ! -e out/.baton-attach
         ls -A out/vol",
    ) else {
        return;
    };
    let ran = ran.succeeds();
    assert!(
        ran.out.contains("\"new_files\": 0"),
        "the second time all is equal: {}",
        ran.out
    );
    assert!(!ran.out.contains(".baton-attach"), "{}", ran.out);
    assert_eq!(fs::read(job.path("volume/mine")).unwrap(), mine);
    fs::remove_file(job.path("volume/mine")).unwrap();
    set_time(&job.path("volume"), 1_500_000_000, 42);
    assert_same(&job.path("tree/vol"), &job.path("volume"));
    assert_eq!(read(&job.path("out/a")), "a");
}

#[test]
fn file_systems_in_each_other_are_written_to() {
    let (_place, job) = persisted();
    let Some(ran) = mounting(
        &job,
        "mount -t tmpfs one out/vol
         mkdir out/vol/inner
         mount -t tmpfs two out/vol/inner
         echo mine >out/vol/inner/mine
         baton attach latest --at out
         cat out/vol/inner/mine
         rm out/vol/inner/mine
         cp -a out/vol copied",
    ) else {
        return;
    };
    ran.succeeds().prints(["mine"]);
    for path in ["vol/inner", "vol"] {
        // A copy has another time: the file was removed after the attach.
        set_time(&job.path("copied"), 1_500_000_000, 42);
        let time = fs::metadata(job.path("tree").join(path)).unwrap();
        let copied = job
            .path("copied")
            .join(path.strip_prefix("vol").unwrap().trim_start_matches('/'));
        set_time(&copied, time.mtime(), time.mtime_nsec() as u32);
    }
    assert_same(&job.path("tree/vol"), &job.path("copied"));
}

#[test]
fn clean_leaves_what_is_mounted() {
    let (_place, job) = persisted();
    write_all(
        job.dir(),
        &[("volume/mine", "precious"), ("other/mine", "precious")],
    );
    let Some(ran) = mounting(
        &job,
        "mkdir -p out/gone/there
         echo x >out/gone/x
         mount --bind volume out/vol
         mount --bind other out/gone/there
         baton attach latest --at out --clean --dry-run
         baton attach latest --at out --clean
         test ! -e out/gone/x",
    ) else {
        return;
    };
    let ran = ran
        .succeeds()
        .tells("another file system is mounted here: vol")
        .tells("another file system is mounted here: gone/there");
    assert!(
        ran.out.contains("gone/x") && !ran.out.contains("mine"),
        "{}",
        ran.out
    );
    assert_eq!(read(&job.path("volume/mine")), "precious");
    assert_eq!(read(&job.path("other/mine")), "precious");
}

#[test]
fn what_is_mounted_cannot_be_replaced_and_nothing_is_changed() {
    let (_place, job) = persisted();
    write(&job.path("file"), "x");
    let before = listing(&job.path("out"));
    // A file of the same size is compared first.
    for mounted in [
        "mount --bind file out/a",
        "rm -r out/a; mkdir out/a; mount -t tmpfs one out/a",
    ] {
        let script = format!("{mounted}\nbaton attach latest --at out --clean");
        let Some(ran) = mounting(&job, &script) else {
            return;
        };
        ran.ends(1)
            .tells("it cannot be replaced: something is mounted on it");
        assert!(!job.path("out/vol/b").exists(), "nothing was changed");
        let _ = fs::remove_dir(job.path("out/a"));
        write(&job.path("out/a"), "old");
    }
    assert_eq!(listing(&job.path("out")).len(), before.len());
    // One that is equal already need not be.
    write(&job.path("file"), "a");
    let time = fs::metadata(job.path("tree/a")).unwrap();
    set_time(&job.path("file"), time.mtime(), time.mtime_nsec() as u32);
    if let Some(ran) = mounting(&job, "mount --bind file out/a\nbaton attach latest --at out") {
        ran.succeeds();
    }
}

#[test]
fn a_file_system_below_that_is_read_only_is_found_before_the_first_change() {
    let (_place, job) = persisted();
    let before = listing(&job.path("out"));
    let Some(ran) = mounting(
        &job,
        "mount --bind volume out/vol
         mount -o remount,ro,bind out/vol
         baton attach latest --at out",
    ) else {
        return;
    };
    ran.ends(1).tells("ead-only file system");
    assert_same_listing(&listing(&job.path("out")), &before);
    assert_eq!(read(&job.path("volume/b")), "old");
}

#[test]
fn only_a_volume_need_be_writable() {
    let (_place, job) = persisted();
    job.baton("persist vol --root tree --number 2").succeeds();
    let Some(ran) = mounting(
        &job,
        "mount --bind out out
         mount --bind volume out/vol
         mount -o remount,ro,bind out
         baton attach latest --at out --clean",
    ) else {
        return;
    };
    ran.succeeds();
    assert_eq!(read(&job.path("volume/b")), "b");
}

#[test]
fn who_may_write_to_the_directories_below_can_attach() {
    let place = Place::new();
    let job = place.job("work");
    write_all(
        &job.path("tree"),
        &[("dist/a", "new"), ("dist/new/b", "b"), ("logs/x", "x")],
    );
    job.baton("persist dist logs --root tree --number 1").succeeds();
    write_all(&job.path("out"), &[("dist/a", "old"), ("logs/stale", "stale")]);
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can give files away");
        return;
    }
    let Some(job) = place.without_privileges(job) else {
        return;
    };
    std::os::unix::fs::chown(job.path("out"), Some(0), Some(0)).unwrap();
    set_bits(&job.path("out"), 0o755);
    job.baton("attach latest --at out --clean").succeeds();
    assert_same(&job.path("tree"), &job.path("out"));
    // What would come beside them is refused before anything is changed.
    write(&job.path("tree/dist/a"), "newer");
    write(&job.path("tree/beside"), "x");
    job.baton("persist . --root tree --number 2").succeeds();
    let before = listing(&job.path("out"));
    job.baton("attach latest --at out")
        .ends(1)
        .tells("permission denied")
        .tells("hint: ");
    assert_same_listing(&listing(&job.path("out")), &before);
    // A directory that everybody may write to keeps the attributes that its owner gave it.
    job.baton("persist dist --root tree --number 3").succeeds();
    std::os::unix::fs::chown(job.path("out/dist"), Some(0), Some(0)).unwrap();
    set_bits(&job.path("out/dist"), 0o777);
    job.baton("attach latest --at out")
        .succeeds()
        .tells("keeps its permission bits and time");
    assert_eq!(read(&job.path("out/dist/a")), "newer");
    assert_eq!(fs::metadata(job.path("out/dist")).unwrap().mode() & 0o777, 0o777);
}

#[test]
fn a_file_with_other_names_is_replaced_and_they_stay_as_they_are() {
    let place = Place::new();
    let job = place.job("work");
    let large = noise(1, 3 << 20);
    write(&job.path("tree/same"), "same");
    write(&job.path("tree/large"), &large);
    write(&job.path("tree/changes"), "new!");
    job.baton("persist . --root tree --number 1").succeeds();
    let mut changed = large.clone();
    changed[1 << 20] ^= 1;
    for (name, content) in [
        ("same", b"same".as_slice()),
        ("large", &changed),
        ("changes", b"old!"),
    ] {
        write(&job.path(&format!("outside/{name}")), content);
        set_bits(&job.path(&format!("outside/{name}")), 0o600);
        set_time(&job.path(&format!("outside/{name}")), 1, 1);
        fs::create_dir_all(job.path("out")).unwrap();
        fs::hard_link(
            job.path(&format!("outside/{name}")),
            job.path(&format!("out/{name}")),
        )
        .unwrap();
    }
    let before = listing(&job.path("outside"));
    job.baton("attach latest --at out").succeeds();
    assert_same(&job.path("tree"), &job.path("out"));
    assert_same_listing(&listing(&job.path("outside")), &before);
    // One that is equal in every way stays what it is.
    fs::hard_link(job.path("out/same"), job.path("outside/again")).unwrap();
    job.baton("attach latest --at out").succeeds();
    assert_eq!(fs::metadata(job.path("out/same")).unwrap().nlink(), 2);
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_like_any_other() {
    let (_place, job) = persisted();
    let before = listing(&job.path("out"));
    // In units of 1,024 bytes: below the large file, and the packs.
    job.bash("ulimit -f 1000; baton attach latest --at out")
        .ends(1)
        .tells("File too large")
        .tells("hint: raise `ulimit -f`");
    assert_same_listing(&listing(&job.path("out")), &before);
    job.bash("ulimit -f 1000; baton persist . --root tree --number 2 --store ../second")
        .ends(1)
        .tells("File too large");
    job.baton("latest --store ../second").ends(3);
    assert!(
        listing(&job.path("../second/.tmp")).is_empty(),
        "nothing half-written stays"
    );
    job.bash("ulimit -f 1000; baton latest").succeeds();
}

#[test]
fn a_disk_that_fails_and_a_quota_are_named() {
    let (_place, job) = persisted();
    let before = listing(&job.path("out"));
    for (fault, tells, code) in [
        ("pwrite64:error=EDQUOT", "uota", "quota"),
        ("pwrite64:error=EIO", "Input/output error", "disk"),
        ("pwrite64:error=ENOSPC", "No space left", "free some space"),
        ("renameat,renameat2:error=EIO", "Input/output error", "disk"),
        ("mkdirat:error=EDQUOT", "uota", "quota"),
    ] {
        let Some(ran) = injected(&job, fault, "attach latest --at out") else {
            return;
        };
        ran.ends(1).tells(tells).tells("hint: ").tells(code);
        assert_same_listing(&listing(&job.path("out")), &before);
    }
    for (fault, tells) in [
        ("fsync,fdatasync:error=EDQUOT", "uota"),
        ("fsync,fdatasync:error=EIO", "Input/output error"),
    ] {
        let Some(ran) = injected(&job, fault, "persist tree --number 9") else {
            return;
        };
        assert_ne!(ran.code, Some(0), "{}", ran.err);
        ran.tells(tells);
        job.baton("latest").succeeds().prints(["build:1"]);
    }
}
