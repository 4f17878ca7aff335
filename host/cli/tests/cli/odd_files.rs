//! Patterns that are names of files, files that are not what their size says, special files, holes, and a store among
//! the files.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use crate::files::{assert_same, noise, write, write_all};
use crate::place::{Job, Place};

/// Returns what attach brings into an empty directory, a path a line.
fn brought(job: &Job, name: &str) -> String {
    job.run(["attach", "latest", "--at", name]).succeeds();
    job.bash(&format!("cd '{name}' && find . -type f | LC_ALL=C sort"))
        .succeeds()
        .out
}

#[test]
fn a_path_that_exists_as_it_is_written_is_that_path() {
    let place = Place::new();
    let job = place.job("work");
    for (number, (name, other)) in [
        ("pages/[id].js", "pages/i.js"),
        ("pages/[...slug].js", "pages/s.js"),
        ("a*b", "axb"),
        ("a?b", "acb"),
        ("x{1,2}", "x1"),
        ("!first", "second"),
        (r"back\slash", "backslash"),
        ("[", "]"),
        ("{open", "open"),
        ("a**b", "ab"),
        ("(group)/[id]/page.tsx", "(group)/i/page.tsx"),
        ("@slot/$id.tsx", "@slot/id.tsx"),
    ]
    .into_iter()
    .enumerate()
    {
        let job = job.clone().number(number as u64 * 3 + 1);
        let root = format!("root{number}");
        write_all(&job.path(&root), &[(name, "wanted"), (other, "other")]);
        job.run(["persist", "--root", &root, "--", name]).succeeds();
        assert_eq!(brought(&job, &format!("one{number}")), format!("./{name}\n"));
        // As an exclude, and of an artifact.
        let number = number as u64 * 3 + 2;
        let job = job.number(number);
        job.run(["persist", "--root", &root, "--", ".", &format!("!{name}")])
            .succeeds();
        assert_eq!(brought(&job, &format!("all{number}")), format!("./{other}\n"));
        let job = job.number(number + 1);
        job.run(["persist", ".", "--root", &root]).succeeds();
        let out = format!("only{number}");
        job.run(["attach", "latest", "--at", &out, &format!("--only={name}")])
            .succeeds();
        assert!(
            job.path(&out).join(name).exists() && !job.path(&out).join(other).exists(),
            "{name}"
        );
    }
}

#[test]
fn a_pattern_stays_one_where_nothing_has_its_name() {
    let place = Place::new();
    let job = place.job("work");
    write_all(
        &job.path("w"),
        &[
            ("pages/i.js", "i"),
            ("pages/[id].js", "id"),
            ("x", "y"),
            ("!x", "z"),
        ],
    );
    job.run(["persist", "--root", "w", "pages/[i].js"])
        .succeeds()
        .omits("warning");
    job.run(["persist", "--root", "w", "--dry-run", "pages/[id].js"])
        .succeeds()
        .tells("not as a pattern: that also matches pages/i.js: pages/[id].js");
    job.run(["persist", "--root", "w", "--dry-run", "{pages/[id].js}"])
        .succeeds()
        .omits("warning")
        .prints(["store           0 B pages", "store           1 B pages/i.js"]);
    job.run(["persist", "--root", "w", "--dry-run", ".", "!x"])
        .ends(1)
        .tells("it excludes x, which exists too: !x")
        .tells(r"hint: write '\!NAME' for the path, or '!./NAME' to exclude");
    job.run(["persist", "--root", "w", "--dry-run", r"\!x"])
        .succeeds()
        .prints(["store           1 B !x"]);
    job.run(["persist", "--root", "w", "--dry-run", "*", "!pages", "!./x"])
        .succeeds()
        .prints(["store           1 B !x"]);
}

#[test]
fn an_exclude_that_leaves_nothing_out_is_warned_of() {
    let place = Place::new();
    let job = place.job("work");
    write_all(&job.path("w"), &[("secret.key", "k"), ("app", "a")]);
    for (exclude, warns) in [
        ("!secret.kye", true),
        ("!*.pem", true),
        ("!*.key", false),
        ("!secret.key", false),
    ] {
        let ran = job
            .run(["persist", ".", exclude, "--root", "w", "--dry-run"])
            .succeeds();
        let text = format!("warning: this exclude matches nothing: {exclude}");
        if warns {
            ran.tells(&text)
        } else {
            ran.omits("warning")
        };
    }
    job.run([
        "persist",
        ".",
        "!typo",
        "--root",
        "w",
        "--dry-run",
        "--if-no-files",
        "ignore",
    ])
    .succeeds()
    .omits("warning");
    job.run(["persist", ".", "--root", "w"]).succeeds();
    job.run([
        "attach", "latest", "--at", "out", "--only", ".", "--only", "!typo",
    ])
    .succeeds()
    .tells("warning: this exclude matches nothing: !typo");
}

#[test]
fn a_path_through_a_symlink_says_what_to_do() {
    let place = Place::new();
    let job = place.job("work").number(1);
    write(&job.path("cache/bin/app.jar"), "jar");
    symlink("cache/bin", job.path("bazel-bin")).unwrap();
    for path in ["bazel-bin/*.jar", "bazel-bin/app.jar", "bazel-*/app.jar"] {
        job.run(["persist", path])
            .ends(3)
            .tells("bazel-bin is a symlink to cache/bin, and symlinks are not followed")
            .tells("hint: name the target of the link, or, to persist, make it the root: --root LINK");
        // Also where another path takes the link.
        job.run(["persist", ".", path])
            .ends(3)
            .tells("bazel-bin is a symlink to cache/bin");
    }
    job.run(["persist", "bazel-bin/"])
        .succeeds()
        .tells("warning: stored the symlink itself");
    let job = job.number(2);
    job.run(["persist", "*.jar", "--root", "bazel-bin"])
        .succeeds()
        .omits("warning");
    assert_eq!(brought(&job, "out"), "./app.jar\n");
}

#[test]
fn special_files_are_listed_or_left_out() {
    let place = Place::new();
    let job = place.job("work");
    write(&job.path("w/file"), "x");
    job.bash("mkfifo w/one w/two").succeeds();
    drop(std::os::unix::net::UnixListener::bind(job.path("w/sock")).unwrap());
    job.baton("persist . --root w")
        .ends(1)
        .tells("3 special files cannot be persisted: one (FIFO), sock (socket), two (FIFO)")
        .tells("hint: leave them out with --special-files skip");
    job.baton("persist . --root w --special-files skip")
        .succeeds()
        .tells("warning: left out 3 special files: one (FIFO), sock (socket), two (FIFO)");
    assert_eq!(brought(&job, "out"), "./file\n");
}

#[test]
fn the_store_is_never_persisted_with_the_files() {
    let place = Place::new();
    let job = place.job("work");
    write(&job.path("file"), "x");
    symlink(job.dir(), place.path("link")).unwrap();
    let stores = [
        Path::new("./s").to_owned(),
        job.path("s"),
        place.path("link/s"),
        Path::new("../link/s").to_owned(),
    ];
    for (number, store) in stores.iter().enumerate() {
        let job = job.clone().store(store).number(number as u64 + 1);
        job.baton("persist .")
            .succeeds()
            .tells("warning: left out the store of baton: s")
            .tells("1 file, 1 B");
        let other = place.job("link").store(store).number(number as u64 + 11);
        other
            .baton("persist .")
            .succeeds()
            .tells("warning: left out the store of baton: s")
            .tells("1 file, 1 B");
    }
    let job = job.store(Path::new("s"));
    for path in ["s", "s/v1", "s/**"] {
        job.run(["persist", path])
            .ends(3)
            .tells("s is the store of baton, which is never persisted");
    }
    job.run(["persist", ".", "!s", "--dry-run"])
        .succeeds()
        .omits("store");
    for root in ["s", "s/v1"] {
        job.run(["persist", ".", "--root", root])
            .ends(1)
            .tells("the store of baton");
    }
    // The orb keeps one for CircleCI's own step, whatever store this run writes to.
    write_all(
        &place.path("home"),
        &[(".baton/store/v1/store", "x"), (".baton/job", "1"), ("kept", "y")],
    );
    let job = job.store(&place.path("other"));
    job.run(
        ["persist", ".", "--root"]
            .map(Into::into)
            .into_iter()
            .chain([place.path("home").into_os_string()]),
    )
    .succeeds()
    .tells("warning: left out the store of baton: .baton")
    .tells("1 file, 1 B");
}

#[test]
#[cfg(target_os = "linux")]
fn files_of_proc_and_sys_are_read_to_their_end() {
    let place = Place::new();
    let job = place.job("work");
    for (number, (root, file)) in [
        ("/proc", "version"),
        ("/proc", "filesystems"),
        ("/sys/kernel", "profiling"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = Path::new(root).join(file);
        let Ok(content) = fs::read(&path) else { continue };
        let job = job.clone().number(number as u64 + 1);
        job.run(["persist", file, "--root", root]).succeeds();
        job.baton(&format!("attach latest --at out{number}")).succeeds();
        assert_eq!(
            fs::read(job.path(&format!("out{number}/{file}"))).unwrap(),
            content,
            "{}",
            path.display()
        );
    }
}

#[test]
fn holes_stay_holes() {
    let place = Place::new();
    let job = place.job("work");
    write(&job.path("w/other"), noise(1, 3 << 20));
    let sparse = job.path("w/sparse");
    let file = fs::File::create(&sparse).unwrap();
    file.set_len(2 << 30).unwrap();
    for at in [5 << 20, (1 << 30) + 12_345] {
        std::os::unix::fs::FileExt::write_all_at(&file, &noise(at, 100_000), at).unwrap();
    }
    drop(file);
    let taken = |path: &Path| fs::metadata(path).unwrap().blocks() * 512;
    if taken(&sparse) > 64 << 20 {
        println!("skipped: the file system keeps no holes");
        return;
    }
    job.baton("persist . --root w").succeeds();
    job.baton("attach latest --at out").succeeds();
    assert_same(&job.path("w"), &job.path("out"));
    assert!(taken(&job.path("out/sparse")) <= taken(&sparse) + (256 << 10));
    job.baton("attach latest --at out")
        .succeeds()
        .tells("0 new with 0 B");
    // A change in the middle leaves the rest what it was.
    let file = fs::File::options()
        .write(true)
        .open(job.path("out/sparse"))
        .unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"changed", 1 << 29).unwrap();
    drop(file);
    job.baton("attach latest --at out").succeeds().tells("1 new with");
    assert_same(&job.path("w"), &job.path("out"));
    assert!(taken(&job.path("out/sparse")) <= taken(&sparse) + (256 << 10));
}
