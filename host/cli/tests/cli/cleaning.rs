//! The files that `attach --clean` removes, and those that it must never touch.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::files::{assert_same_listing, listing, read, set_bits, write, write_all};
use crate::place::{Job, Place};

/// Persists these paths of `tree` as build 1.
#[track_caller]
fn persist(job: &Job, paths: &[&str]) {
    job.run([&["persist", "--root", "tree", "--number", "1", "--"], paths].concat())
        .succeeds();
}

/// Returns what is below a directory, by name.
fn names(dir: &Path) -> Vec<String> {
    listing(dir)
        .into_keys()
        .map(|path| path.display().to_string())
        .collect()
}

/// A tree with `dist` and `src` in it, and a workspace with more.
fn workspace() -> (Place, Job) {
    let place = Place::new();
    let job = place.job("work");
    write_all(
        &job.path("tree"),
        &[("dist/app", "new"), ("dist/lib/x", "x"), ("top", "top")],
    );
    write_all(
        &job.path("ws"),
        &[
            ("dist/app", "old"),
            ("dist/stale", "stale"),
            ("dist/old/deep/stale", "stale"),
            ("src/main.rs", "precious"),
            ("notes", "precious"),
        ],
    );
    (place, job)
}

#[test]
fn only_what_the_artifact_covers_is_made_equal_to_it() {
    let (_place, job) = workspace();
    persist(&job, &["dist"]);
    let report = job.json("attach latest --at ws --clean");
    assert_eq!(report["removed"], 4, "dist/stale, dist/old, deep and stale");
    let left = [
        "dist",
        "dist/app",
        "dist/lib",
        "dist/lib/x",
        "notes",
        "src",
        "src/main.rs",
    ];
    assert_eq!(names(&job.path("ws")), left);
    assert_eq!(read(&job.path("ws/dist/app")), "new");
    // `.` is everything.
    job.baton("persist . --root tree --number 2").succeeds();
    job.baton("attach latest --at ws --clean").succeeds();
    assert_eq!(
        names(&job.path("ws")),
        ["dist", "dist/app", "dist/lib", "dist/lib/x", "top"]
    );
}

#[test]
fn directories_on_the_way_to_what_was_persisted_are_not_covered() {
    let place = Place::new();
    let job = place.job("work");
    write_all(
        &job.path("tree"),
        &[("packages/a/dist/x.js", "x"), ("docs/index.html", "x")],
    );
    persist(&job, &["packages/*/dist", "docs/*.html"]);
    let ws = job.path("ws");
    write_all(
        &ws,
        &[
            ("packages/a/dist/stale.js", ""),
            ("packages/a/src/index.ts", "precious"),
            ("packages/b/dist/stale.js", ""),
            ("packages/b/src/index.ts", "precious"),
            ("packages/README", "precious"),
            ("docs/stale.html", ""),
            ("docs/style.css", "precious"),
        ],
    );
    job.baton("attach latest --at ws --clean").succeeds();
    let left: Vec<String> = names(&ws).into_iter().filter(|path| path.contains('.')).collect();
    assert_eq!(
        left,
        [
            "docs/index.html",
            "docs/style.css",
            "packages/a/dist/x.js",
            "packages/a/src/index.ts",
            "packages/b/src/index.ts"
        ]
    );
    assert!(ws.join("packages/README").exists() && !ws.join("packages/b/dist").exists());
}

#[test]
fn what_was_excluded_is_not_covered() {
    let (_place, job) = workspace();
    persist(&job, &[".", "!node_modules", "!**/*.log"]);
    write_all(
        &job.path("ws"),
        &[
            ("node_modules/x/index.js", "x"),
            ("dist/old/run.log", "log"),
            ("dist/a.log", "log"),
        ],
    );
    job.baton("attach latest --at ws --clean").succeeds();
    let ws = job.path("ws");
    assert!(ws.join("node_modules/x/index.js").exists() && ws.join("dist/a.log").exists());
    assert_eq!(
        names(&ws.join("dist/old")),
        ["run.log"],
        "a directory stays for what stays in it"
    );
    assert!(!ws.join("notes").exists() && !ws.join("src").exists());
}

#[test]
fn a_path_that_is_written_like_a_pattern_covers_itself_alone() {
    let place = Place::new();
    let job = place.job("work");
    write(&job.path("tree/pages/[id].js"), "x");
    persist(&job, &["pages/[id].js"]);
    write(&job.path("ws/pages/i.js"), "precious");
    job.baton("attach latest --at ws --clean").succeeds();
    assert_eq!(names(&job.path("ws/pages")), ["[id].js", "i.js"]);
}

#[test]
fn each_layer_of_a_workspace_covers_its_own() {
    let place = Place::new();
    for (number, (name, path)) in (1..).zip([("build", "dist"), ("test", "reports")]) {
        let job = place.circle(name, number);
        write(&job.path(&format!("{path}/new")), name);
        job.baton(&format!("persist {path}")).succeeds();
    }
    let deploy = place.circle("deploy", 3);
    write_all(
        deploy.dir(),
        &[
            ("dist/stale", ""),
            ("reports/stale", ""),
            ("src/main", "precious"),
        ],
    );
    deploy.baton("attach --at . --clean").succeeds();
    assert_eq!(
        names(deploy.dir()),
        ["dist", "dist/new", "reports", "reports/new", "src", "src/main"]
    );
}

#[test]
fn clean_touches_nothing_that_only_leaves_out() {
    let (_place, job) = workspace();
    persist(&job, &["."]);
    job.baton("attach latest --at ws --clean --only dist/old --only dist/lib")
        .succeeds();
    let left = names(&job.path("ws"));
    assert!(!left.contains(&"dist/old".to_owned()));
    for path in ["dist/stale", "notes", "src/main.rs"] {
        assert!(left.contains(&path.to_owned()), "{path} stays: {left:?}");
    }
    assert_eq!(read(&job.path("ws/dist/app")), "old");
}

#[test]
fn a_store_below_the_target_stays() {
    let (place, job) = workspace();
    let ws = job.path("ws");
    for (number, store) in (10..).zip(["ws/store", "ws/cache/deep/store"]) {
        let job = job.clone().store(&job.path(store));
        job.baton(&format!("persist . --root tree --number {number}"))
            .succeeds();
        job.baton("attach latest --at ws --clean")
            .succeeds()
            .tells("warning: --clean removes nothing here: this is the store that this run uses");
        job.baton("latest").succeeds().prints([format!("build:{number}")]);
        job.baton("attach latest --at again").succeeds();
        assert!(!ws.join("notes").exists());
    }
    // By whatever name: through symlinks, relative, with `..`.
    fs::create_dir_all(place.path("far")).unwrap();
    symlink("../../far", ws.join("link")).unwrap();
    for (number, store) in (20..).zip([
        "ws/link/store",
        "ws/other",
        "ws/dist/../link/store",
        "ws/dist/../other",
    ]) {
        // Where the run does not know it by this name, it is no more than a symlink.
        let _ = symlink("link/store", ws.join("other"));
        let job = job.clone().set("BATON_STORE", store);
        job.baton(&format!("persist . --root tree --number {number}"))
            .succeeds();
        job.baton("attach latest --at ws --clean").succeeds();
        job.baton("latest").succeeds().prints([format!("build:{number}")]);
        assert!(
            ws.join("link").is_symlink() && place.path("far/store/v1").is_dir(),
            "{store}"
        );
    }
}

#[test]
fn a_target_in_the_store_is_not_cleaned() {
    let (place, job) = workspace();
    persist(&job, &["."]);
    let before = place.store().everything();
    for at in ["../store", "../store/v1", "../store/v1/packs"] {
        job.baton(&format!("attach latest --at {at} --clean"))
            .ends(1)
            .tells("--clean would empty the directory of --at, and this is the store");
        assert_eq!(place.store().everything(), before, "{at}");
    }
}

#[test]
fn a_symlink_that_leads_to_the_store_is_not_replaced() {
    let (place, job) = workspace();
    fs::create_dir(place.path("far")).unwrap();
    symlink("../../far", job.path("ws/top")).unwrap();
    let job = job.clone().store(&job.path("ws/top"));
    persist(&job, &["top"]);
    job.baton("attach latest --at ws")
        .ends(1)
        .tells("it cannot be replaced: this is the store that this run uses");
    assert!(job.path("ws/top").is_symlink());
}

#[test]
fn the_repository_of_a_checkout_stays() {
    let (_place, job) = workspace();
    persist(&job, &["."]);
    let ws = job.path("ws");
    write_all(
        &ws,
        &[
            (".git/HEAD", "ref: refs/heads/main"),
            (".git/objects/aa/bb", "x"),
            ("worktree/.git", "gitdir: /elsewhere"),
            ("worktree/file", "x"),
            ("vendor/lib/.git/HEAD", "ref: refs/heads/main"),
            ("vendor/lib/file", "x"),
            ("vendor/other/file", "x"),
            (".github/workflows/ci.yml", "x"),
        ],
    );
    job.baton("attach latest --at ws --clean").succeeds();
    let kept: Vec<String> = names(&ws)
        .into_iter()
        .filter(|path| !path.starts_with("dist"))
        .collect();
    let wanted = [
        ".git",
        ".git/HEAD",
        ".git/objects",
        ".git/objects/aa",
        ".git/objects/aa/bb",
        "top",
        "vendor",
        "vendor/lib",
        "vendor/lib/.git",
        "vendor/lib/.git/HEAD",
        "worktree",
        "worktree/.git",
    ];
    assert_eq!(kept, wanted);
    // Also where the artifact has one: what a checkout has besides is no business of the artifact's.
    write_all(&job.path("tree"), &[(".git/HEAD", "ref: refs/heads/other")]);
    job.baton("persist . --root tree --number 2").succeeds();
    job.baton("attach latest --at ws --clean").succeeds();
    assert_eq!(read(&ws.join(".git/HEAD")), "ref: refs/heads/other");
    assert!(ws.join(".git/objects/aa/bb").exists());
    // A repository is not replaced by something of another kind.
    fs::remove_dir_all(job.path("tree/.git")).unwrap();
    write(&job.path("tree/.git"), "gitdir: /elsewhere");
    job.baton("persist . --root tree --number 3").succeeds();
    job.baton("attach latest --at ws --clean")
        .ends(1)
        .tells("it cannot be replaced: this is the repository of a checkout: .git");
    assert!(ws.join(".git/HEAD").exists());
}

#[test]
fn a_target_in_the_repository_of_a_checkout_is_not_cleaned() {
    let (_place, job) = workspace();
    persist(&job, &["."]);
    write_all(
        &job.path("checkout"),
        &[
            (".git/HEAD", "ref: refs/heads/main"),
            (".git/hooks/pre-push", "x"),
            (".git/modules/lib/HEAD", "x"),
        ],
    );
    symlink("checkout/.git", job.path("by-link")).unwrap();
    fs::rename(job.path("checkout/.git/modules"), job.path("far")).unwrap();
    symlink("../../far", job.path("checkout/.git/modules")).unwrap();
    let before = listing(job.dir());
    for at in [
        "checkout/.git",
        "checkout/.git/",
        "checkout/.git/hooks",
        "checkout/.git/hooks/../../.git",
        "checkout/.git/modules/lib",
        "by-link",
        "by-link/hooks",
    ] {
        for dry_run in ["--dry-run", ""] {
            job.baton(&format!("attach latest --at {at} --clean {dry_run}"))
                .ends(1)
                .tells("--clean would empty the directory of --at, and this is the repository of a checkout");
        }
        assert_same_listing(&listing(job.dir()), &before);
    }
    // What the artifact does not cover is no reason to refuse it, and a name that is only like it is none.
    job.baton("persist dist --root tree --number 2").succeeds();
    job.baton("attach latest --at checkout/.git/hooks --clean")
        .succeeds();
    assert!(job.path("checkout/.git/hooks/pre-push").exists());
    fs::create_dir(job.path("mirror.git")).unwrap();
    job.baton("attach build:1 --at mirror.git --clean").succeeds();
}

#[test]
fn the_home_directory_and_the_root_are_not_emptied() {
    let (_place, job) = workspace();
    persist(&job, &["."]);
    let home = job.path("ws");
    let at_home = job.clone().set("HOME", &home);
    let before = listing(&home);
    for words in [
        "attach latest --at ws --clean",
        "attach latest --at ws/../ws --clean --dry-run",
    ] {
        at_home
            .baton(words)
            .ends(1)
            .tells("--clean would empty the directory of --at, and this is the home directory")
            .tells("hint: attach into a directory of its own");
    }
    assert_same_listing(&listing(&home), &before);
    job.baton("attach latest --at / --clean --dry-run")
        .ends(1)
        .tells("this is the root of the file system");
    // What an artifact covers there is its own.
    job.baton("persist dist --root tree --number 2").succeeds();
    at_home.baton("attach latest --at ws --clean").succeeds();
    assert!(!home.join("dist/stale").exists() && home.join("notes").exists());
    // And below the target it stays as it is.
    write(&job.path("ws/users/me/file"), "precious");
    job.baton("persist . --root tree --number 3").succeeds();
    job.clone()
        .set("HOME", job.path("ws/users/me"))
        .baton("attach latest --at ws --clean")
        .succeeds()
        .tells("this is the home directory: users/me");
    assert_eq!(read(&home.join("users/me/file")), "precious");
}

#[test]
fn names_that_are_not_utf8_are_refused_before_the_first_change() {
    let (_place, job) = workspace();
    persist(&job, &["dist"]);
    let odd = |dir: &str| job.path(dir).join(OsStr::from_bytes(b"caf\xe9"));
    // Where the artifact does not look, they are nobody's business.
    fs::write(odd("ws"), "precious").unwrap();
    job.baton("attach latest --at ws --clean").succeeds();
    assert_eq!(fs::read(odd("ws")).unwrap(), b"precious");
    for dir in ["ws/dist", "ws/dist/gone/deep"] {
        fs::create_dir_all(odd(dir)).unwrap();
        write(&job.path("ws/dist/app"), "old");
        write(&job.path("ws/dist/stale"), "stale");
        let before = listing(&job.path("ws/dist"));
        for words in [
            "attach latest --at ws --clean",
            "attach latest --at ws --clean --dry-run",
        ] {
            job.baton(words)
                .ends(1)
                .tells("its name is not UTF-8")
                .tells("caf\\xe9")
                .tells("hint: rename it");
        }
        assert_same_listing(&listing(&job.path("ws/dist")), &before);
        job.baton("attach latest --at ws").succeeds();
        fs::remove_dir(odd(dir)).unwrap();
    }
    job.baton("attach latest --at ws --clean").succeeds();
    assert_eq!(names(&job.path("ws/dist")), ["app", "lib", "lib/x"]);
}

#[test]
fn the_dry_run_counts_what_goes_with_a_directory() {
    let (_place, job) = workspace();
    persist(&job, &["."]);
    for number in 0..20 {
        write(&job.path(&format!("ws/old/{}/{number}", number % 3)), [1; 1000]);
    }
    let before = listing(&job.path("ws"));
    let plan = job.json("attach latest --at ws --clean --dry-run");
    let removed: Vec<&Value> = plan["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|step| step["action"] == "remove" && step["path"] == "old")
        .collect();
    assert_eq!(
        removed,
        [&json!({"action": "remove", "path": "old", "files": 20, "bytes": 20_000})]
    );
    let ran = job.baton("attach latest --at ws --clean --dry-run").succeeds();
    assert!(
        ran.out.contains("remove      20.0 kB old (20 files)\n"),
        "{}",
        ran.out
    );
    ran.tells("would remove 24 files, 20.0 kB");
    assert_same_listing(&listing(&job.path("ws")), &before);
    let report = job.json("attach latest --at ws --clean");
    assert_eq!(report["removed"], 24 + 7, "with the directories");
}

#[test]
fn removing_thousands_of_directories_takes_linear_time() {
    let place = Place::in_memory();
    let job = place.job("work");
    write(&job.path("tree/file"), "x");
    persist(&job, &["."]);
    for number in 0..6000 {
        write(&job.path(&format!("out/{number}/file")), "");
    }
    // A hundredth of what it takes to look at all of them for each of them.
    let report = job.json("attach latest --at out --clean --timeout-seconds 10");
    assert_eq!(report["removed"], 12_000);
    assert_eq!(names(&job.path("out")), ["file"]);
}

#[test]
fn what_cannot_be_removed_is_found_before_the_first_change() {
    let (_place, job) = workspace();
    persist(&job, &["dist"]);
    let stale = job.path("ws/dist/old/deep/stale");
    let flag = |flag| {
        let ended = Command::new("chattr").arg(flag).arg(&stale).output();
        ended.is_ok_and(|output| output.status.success())
    };
    if !flag("+i") {
        println!("skipped: files cannot be made immutable here");
        return;
    }
    let before = listing(&job.path("ws"));
    let refused = job.baton("attach latest --at ws --clean");
    assert!(flag("-i"));
    refused
        .ends(1)
        .tells("cannot remove it")
        .tells("dist/old/deep/stale");
    assert_same_listing(&listing(&job.path("ws")), &before);
    job.baton("attach latest --at ws --clean").succeeds();
}

#[test]
fn what_another_user_owns_is_found_before_the_first_change() {
    let (place, job) = workspace();
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can give files away");
        return;
    }
    persist(&job, &["dist"]);
    let Some(job) = place.without_privileges(job) else {
        return;
    };
    let owned = job.path("ws/dist/old/deep");
    std::os::unix::fs::chown(&owned, Some(0), Some(0)).unwrap();
    set_bits(&owned, 0o755);
    let before = listing(&job.path("ws"));
    job.baton("attach latest --at ws --clean")
        .ends(1)
        .tells("this user cannot remove it, or what is in it: it is another user's, or immutable")
        .tells("dist/old/deep");
    assert_same_listing(&listing(&job.path("ws")), &before);
    // Everybody may write to a sticky directory, and remove there what is their own.
    set_bits(&owned, 0o1777);
    std::os::unix::fs::chown(owned.join("stale"), Some(0), Some(0)).unwrap();
    job.baton("attach latest --at ws --clean")
        .ends(1)
        .tells("dist/old/deep/stale");
    assert_eq!(read(&job.path("ws/dist/app")), "old");
}
