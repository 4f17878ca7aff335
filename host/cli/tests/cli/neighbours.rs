//! Attacks by another user of the same disk: links inside a store, a FIFO in place of an object or a file, a directory that
//! is renamed while a run uses it. None of them redirects a run or stops it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use baton_host::attach::AttachRequest;
use baton_host::builds::{BuildContext, Scope};
use baton_host::transfer::Totals;
use baton_host::{Baton, DirectoryStore, Options, Progress};
use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::files::{assert_same_listing, listing, noise, read, set_bits, write, write_all};
use crate::place::{Job, Place};

fn persisted(place: &Place) -> Job {
    let job = place.job("work");
    write_all(job.dir(), &[("dist/app", "app"), ("dist/data", "data")]);
    write(&job.path("dist/large"), noise(1, 2 << 20));
    job.baton("persist dist --number 1").succeeds();
    job
}

fn fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
}

/// Sets the time of a file to a week ago.
fn age(path: &Path) {
    let week = Duration::from_secs(7 * 24 * 60 * 60);
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - week).unwrap();
}

#[test]
fn a_link_inside_a_store_is_followed_by_no_command() {
    for linked in [".tmp", "v1/packs", "v1/trees", "v1/projects", "v1"] {
        let place = Place::new();
        let job = persisted(&place);
        let (at, elsewhere) = (place.path("store").join(linked), place.path("elsewhere"));
        fs::rename(&at, &elsewhere).unwrap();
        write_all(&elsewhere, &[("notes", "mine"), ("12-3-4567", "mine, too")]);
        for name in ["notes", "12-3-4567"] {
            age(&elsewhere.join(name));
        }
        symlink(&elsewhere, &at).unwrap();
        let before = listing(&elsewhere);
        write(&job.path("dist/app"), "changed");
        for words in [
            "persist dist --number 2",
            "attach latest --at out",
            "verify --all",
            "prune --keep-last 1 --grace 1s --no-other-writers",
            "promote latest production",
        ] {
            // Only what needs nothing below the link may succeed.
            let ran = job.baton(words);
            if ran.code != Some(0) {
                ran.ends(1).tells("a symbolic link is in its path");
            }
        }
        job.baton("persist dist --number 3")
            .ends(1)
            .tells("symbolic link");
        assert_same_listing(&before, &listing(&elsewhere));
    }
}

#[test]
fn of_temporary_files_only_its_own_old_ones_are_removed() {
    let place = Place::new();
    let job = persisted(&place);
    let temporary = place.path("store/.tmp");
    let names = ["notes", "12-3", "a-1-2", "1-2-3-4", "12-3-4567", "99-0-1"];
    for name in names {
        write(&temporary.join(name), "x");
        age(&temporary.join(name));
    }
    write(&temporary.join("7-7-7"), "new");
    fs::create_dir(temporary.join("1-1-1")).unwrap();
    symlink("notes", temporary.join("2-2-2")).unwrap();
    job.baton("persist dist --number 2").succeeds();
    let mut left: Vec<String> = fs::read_dir(&temporary)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(
        left,
        ["1-1-1", "1-2-3-4", "12-3", "2-2-2", "7-7-7", "a-1-2", "notes"]
    );
}

#[test]
fn a_fifo_in_place_of_an_object_stops_nothing() {
    let place = Place::new();
    let job = persisted(&place);
    let store = place.store();
    let (record, pack, tree) = (
        store.records("builds").remove(0),
        store.packs().remove(0),
        store.trees().remove(0),
    );
    for key in [record, pack, tree] {
        let (at, aside) = (place.path("store").join(&key), place.path("aside"));
        fs::rename(&at, &aside).unwrap();
        fifo(&at);
        for words in [
            "latest",
            "show latest",
            "attach latest --at out --strict",
            "verify --all --data",
        ] {
            let started = Instant::now();
            let ran = job.baton(words);
            assert!(started.elapsed() < Duration::from_secs(20), "{words} with {key}");
            if words.starts_with("verify") {
                assert_ne!(ran.code, Some(0), "{key}: {}", ran.out);
            }
        }
        fs::remove_file(&at).unwrap();
        fs::rename(&aside, &at).unwrap();
    }
    job.baton("verify --all --data").succeeds();
}

#[test]
fn what_is_no_regular_file_is_no_key_certificate_or_component() {
    let place = Place::new();
    let job = persisted(&place);
    fifo(&job.path("fifo"));
    for file in ["fifo", "/dev/zero"] {
        for words in [
            format!("latest --component {file}"),
            format!("latest --store s3://bucket --ca-file {file}"),
            format!("persist dist --number 2 --sign {file}"),
            format!("local {file}"),
        ] {
            let started = Instant::now();
            job.baton(&words).ends(1).tells("not a regular file");
            assert!(started.elapsed() < Duration::from_secs(20), "{words}");
        }
    }
}

/// Replaces the target by a link to another directory as soon as the plan is complete.
struct Swap {
    target: PathBuf,
    outside: PathBuf,
}

impl Progress for Swap {
    fn planned(&mut self, _: &Totals) {
        fs::rename(&self.target, self.target.with_extension("moved")).unwrap();
        symlink(&self.outside, &self.target).unwrap();
    }
}

#[test]
fn a_target_that_is_renamed_meanwhile_stays_the_same_directory() {
    let place = Place::new();
    let job = persisted(&place);
    let (target, outside) = (place.path("out"), place.path("outside"));
    write_all(
        &outside,
        &[
            ("dist/app", "theirs"),
            ("dist/old", "theirs"),
            ("other", "theirs"),
        ],
    );
    write_all(&target, &[("dist/app", "old"), ("dist/old", "old")]);
    let before = listing(&outside);
    let store = Arc::new(DirectoryStore::open(&place.path("store")).unwrap());
    let baton = Baton::new(store, Options::default()).unwrap();
    let mut context = BuildContext::new("none");
    context.project = Some("gh/acme/shop".into());
    context.branch = Some("main".into());
    let mut attach = AttachRequest::new(Scope::new("latest", context));
    attach.clean = true;
    let mut swap = Swap {
        target: target.clone(),
        outside: outside.clone(),
    };
    baton.attach(&target, &attach, &mut swap).unwrap();
    assert_same_listing(&before, &listing(&outside));
    let moved = place.path("out.moved");
    assert_eq!(read(&moved.join("dist/app")), read(&job.path("dist/app")));
    assert!(!moved.join("dist/old").exists());
}

#[test]
fn a_store_is_private_unless_somebody_asked_otherwise() {
    let modes = |place: &Place| {
        let mut modes: Vec<u32> = Vec::new();
        let mut dirs = vec![place.path("store")];
        while let Some(dir) = dirs.pop() {
            modes.push(fs::metadata(&dir).unwrap().permissions().mode() & 0o7777);
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => dirs.push(path),
                    false => modes.push(fs::metadata(&path).unwrap().permissions().mode() & 0o7777),
                }
            }
        }
        modes.sort_unstable();
        modes.dedup();
        modes
    };
    let place = Place::new();
    persisted(&place);
    assert_eq!(modes(&place), [0o600, 0o700]);

    // What a usual umask leaves was asked for by nobody.
    let place = Place::new();
    fs::create_dir(place.path("store")).unwrap();
    set_bits(&place.path("store"), 0o755);
    persisted(&place);
    assert_eq!(modes(&place), [0o600, 0o700, 0o755]);

    // A directory of a group.
    let place = Place::new();
    fs::create_dir(place.path("store")).unwrap();
    set_bits(&place.path("store"), 0o770);
    persisted(&place);
    assert_eq!(modes(&place), [0o660, 0o770]);

    let place = Place::new();
    let job = place.job("work").set("BATON_STORE_MODE", "755");
    write_all(job.dir(), &[("dist/app", "app")]);
    job.bash("umask 077; baton persist dist --number 1").succeeds();
    assert_eq!(modes(&place), [0o644, 0o755]);
    for wrong in ["888", "1777", "rwx", "", "-7"] {
        job.clone()
            .set("BATON_STORE_MODE", wrong)
            .baton("latest")
            .ends(2)
            .tells("permission bits are octal");
    }
}
