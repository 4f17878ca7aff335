//! The settings that a repository may make: a `baton.toml` in a checkout, which a pull request can write.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;

use crate::files::{set_bits, write};
use crate::place::{Job, Place};

/// A checkout: a directory with `.git`, and a job in it with a store that somebody named outside of it.
fn checkout(place: &Place) -> Job {
    let job = place.job("work");
    fs::create_dir(job.path(".git")).unwrap();
    write(&job.path("dist/app"), "app");
    job
}

/// The value that an attacker would set each key to.
const ATTACKS: [(&str, &str); 21] = [
    ("component", "\"evil.wasm\""),
    ("component", "\"/dev/zero\""),
    ("store", "\"s3://evil\""),
    ("store", "\"gs://evil/p\""),
    ("store", "\"az://evil\""),
    ("store", "\"circleci:gh/evil/evil\""),
    ("store", "\"circleci:\""),
    ("store", "\"memory:\""),
    ("store", "\"/tmp/evil\""),
    ("store", "\"../evil\""),
    ("store", "\"link/evil\""),
    ("store", "7"),
    ("endpoint", "\"http://127.0.0.1:9\""),
    ("region", "\"evil.example/x\""),
    ("region", "\"eu-central-1\""),
    ("addressing", "\"virtual-host\""),
    ("ca-file", "\"evil.pem\""),
    ("allow-http", "true"),
    ("allow-http", "false"),
    ("role-arn", "\"arn:aws:iam::1:role/evil\""),
    ("role-arn", "[]"),
];

const COMMANDS: [&str; 12] = [
    "persist dist",
    "persist dist --dry-run",
    "attach latest --at out",
    "latest",
    "builds",
    "show",
    "verify --all",
    "promote latest production",
    "prune",
    "policy persist dist",
    "doctor",
    "component",
];

#[test]
fn a_file_of_the_checkout_decides_neither_code_nor_identity_nor_destination() {
    let place = Place::new();
    let job = checkout(&place);
    fs::create_dir(place.path("outside")).unwrap();
    symlink("../outside", job.path("link")).unwrap();
    job.baton("persist dist --number 1").succeeds();
    let before = place.store().all();
    for (number, (key, value)) in ATTACKS.iter().enumerate() {
        // Beside what is harmless, and where the job's own store is named outside.
        write(&job.path("baton.toml"), format!("workers = 2\n{key} = {value}\n"));
        // Every command reads the settings by the same way: each is tried with some.
        for words in COMMANDS.iter().skip(number % 4).step_by(4) {
            let ran = job.baton(words).ends(1);
            let names = format!("baton.toml sets `{key}`, which a file that comes with a checkout must not");
            ran.tells(&names)
                .tells("hint: use the flag or the BATON_ variable")
                .tells("BATON_CONFIG");
        }
    }
    assert_eq!(place.store().all(), before);
    assert!(!job.path("out").exists() && !place.path("evil").exists() && !Path::new("/tmp/evil").exists());
    assert_eq!(fs::read_dir(place.path("outside")).unwrap().count(), 0);
    // Several are named at once, and the same in JSON.
    write(
        &job.path("baton.toml"),
        "region = \"x\"\ncomponent = \"y\"\nworkers = 1\n",
    );
    let ran = job
        .baton("latest --format json")
        .ends(1)
        .tells("sets `region`, `component`, which");
    let error: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(error["error"]["code"], "config-distrusted");
}

#[test]
fn a_file_that_the_person_names_may_say_all() {
    let place = Place::new();
    let job = checkout(&place).without("BATON_STORE");
    write(
        &job.path("baton.toml"),
        format!("store = {:?}\n", place.path("named").display().to_string()),
    );
    job.baton("persist dist --number 1").ends(1).tells("sets `store`");
    job.baton("persist dist --number 1 --config baton.toml")
        .succeeds();
    job.clone()
        .set("BATON_CONFIG", job.path("baton.toml"))
        .baton("latest")
        .succeeds()
        .prints(["build:1"]);
    fs::write(job.path("same.wasm"), baton_host::Component::embedded().bytes()).unwrap();
    write(
        &job.path("ci/own.toml"),
        "component = \"../same.wasm\"\nstore = \"../../named\"\n",
    );
    job.baton("latest --config ci/own.toml")
        .succeeds()
        .prints(["build:1"]);
}

#[test]
fn the_search_ends_at_the_top_of_the_repository() {
    let place = Place::new();
    let outer = place.job(".");
    write(&outer.path("baton.toml"), "workers = 0\n");
    let job = place.job("work/below/deep");
    let stops = |at: &str| {
        fs::create_dir_all(place.path(at)).unwrap();
        job.baton("policy latest").succeeds();
        fs::remove_dir(place.path(at)).unwrap();
    };
    job.baton("policy latest")
        .ends(1)
        .tells("workers must be at least 1");
    stops("work/.git");
    stops("work/below/.git");
    stops("work/below/deep/.git");
    // A worktree and a submodule have a file.
    write(&place.path("work/.git"), "gitdir: elsewhere\n");
    job.baton("policy latest").succeeds();
    // What lies at the top itself is of the repository.
    write(&place.path("work/baton.toml"), "workers = 0\n");
    job.baton("policy latest")
        .ends(1)
        .tells("workers must be at least 1");
}

#[test]
fn a_file_that_somebody_else_may_write_is_not_read() {
    let place = Place::new();
    let job = checkout(&place);
    let file = job.path("baton.toml");
    write(&file, "workers = 0\n");
    let is_read = || job.baton("policy latest").code == Some(1);
    let is_not_read = |why: &str| {
        let ran = job.baton("policy latest").succeeds();
        ran.tells("baton.toml is not read: ")
            .tells(why)
            .tells("BATON_CONFIG");
    };
    assert!(is_read());
    set_bits(&file, 0o666);
    is_not_read("it can be written by anybody");
    set_bits(&file, 0o606);
    is_not_read("it can be written by anybody");
    set_bits(&file, 0o644);
    set_bits(job.dir(), 0o777);
    is_not_read("its directory can be written by anybody");
    // As in /tmp: others may add files, and not replace this one.
    set_bits(job.dir(), 0o1777);
    assert!(is_read());
    set_bits(job.dir(), 0o755);
    // Nor does a link decide which file is read, nor can a FIFO hang a run.
    fs::rename(&file, job.path("other.toml")).unwrap();
    symlink("other.toml", &file).unwrap();
    is_not_read("it is a symlink");
    fs::remove_file(&file).unwrap();
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&file)
            .status()
            .unwrap()
            .success()
    );
    is_not_read("it is not a regular file");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    is_not_read("it is not a regular file");
    // The person's word goes before all that.
    job.baton("policy latest --config other.toml")
        .ends(1)
        .tells("workers must be at least 1");
}

#[test]
fn the_owner_of_a_file_is_this_user_or_root() {
    let place = Place::new();
    let job = checkout(&place);
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root gives files away");
        return;
    }
    let file = job.path("baton.toml");
    write(&file, "workers = 0\n");
    let give = |path: &Path, owner: u32, group: u32| chown(path, Some(owner), Some(group)).unwrap();
    let not_read = |job: &Job, why: &str| {
        job.baton("policy latest").succeeds().tells(why);
    };
    give(&file, 4242, 0);
    not_read(&job, "it belongs to another user, number 4242");
    let by_sudo = job.clone().set("SUDO_UID", "4242");
    by_sudo
        .baton("policy latest")
        .ends(1)
        .tells("workers must be at least 1");
    not_read(&job.clone().set("SUDO_UID", "4243"), "belongs to another user");
    give(&file, 0, 0);
    give(job.dir(), 4242, 4242);
    not_read(&job, "its directory belongs to another user, number 4242");
    give(job.dir(), 0, 0);
    give(&file, 0, 50);
    set_bits(&file, 0o664);
    not_read(&job, "it can be written by a group, number 50");
    give(&file, 0, 0);
    not_read(&job, "it can be written by a group, number 0");
    // Another user believes root and itself, with the group that is its own, and no third one.
    set_bits(&file, 0o644);
    let Some(nobody) = place.without_privileges(job) else {
        return;
    };
    set_bits(&file, 0o664);
    nobody
        .baton("policy latest")
        .ends(1)
        .tells("workers must be at least 1");
    give(&file, 65534, 50);
    not_read(&nobody, "it can be written by a group, number 50");
    give(&file, 0, 0);
    set_bits(&file, 0o644);
    nobody
        .baton("policy latest")
        .ends(1)
        .tells("workers must be at least 1");
    give(&file, 4242, 4242);
    not_read(&nobody, "it belongs to another user, number 4242");
}

#[test]
fn what_the_runner_or_git_say_goes_before_the_project_of_a_file() {
    let place = Place::new();
    let circle = place.circle("build", 7);
    write(&circle.path("file"), "x");
    write(
        &circle.path("baton.toml"),
        "project = \"gh/victim/app\"\ndefault-branch = \"trunk\"\n",
    );
    circle
        .baton("persist file")
        .succeeds()
        .tells("warning: baton.toml names the project gh/victim/app, and this is gh/acme/shop (from CIRCLE_REPOSITORY_URL), which is used");
    assert!(place.store().keys("v1/projects/gh~2Fvictim~2Fapp").is_empty());
    assert_eq!(circle.json("show latest")["builds"][0]["project"], "gh/acme/shop");
    // A person who names the file means it.
    circle
        .baton("persist file --config baton.toml")
        .succeeds()
        .omits("warning: baton.toml");
    assert!(!place.store().keys("v1/projects/gh~2Fvictim~2Fapp").is_empty());
    // Where nobody knows, the file is right.
    let laptop = place.bare("laptop").set("BATON_BRANCH", "main");
    write(&laptop.path("file"), "x");
    write(&laptop.path("baton.toml"), "project = \"gh/acme/tool\"\n");
    laptop
        .baton("persist file")
        .succeeds()
        .omits("warning: baton.toml");
    assert_eq!(laptop.json("show latest")["builds"][0]["project"], "gh/acme/tool");
}

#[test]
fn a_location_and_the_way_to_it_come_from_one_place() {
    let place = Place::new();
    let job = checkout(&place);
    write(
        &job.path("ci.toml"),
        "store = \"s3://theirs\"\nendpoint = \"http://127.0.0.1:9\"\nallow-http = true\nregion = \"r\"\nstore-timeout-seconds = 2\n",
    );
    let named = job.clone().set("BATON_CONFIG", "ci.toml");
    // The store is named outside: nothing of the file's way to another one is used.
    named.baton("persist dist --number 1").succeeds();
    let keys = |job: Job| {
        job.set("AWS_ACCESS_KEY_ID", "id")
            .set("AWS_SECRET_ACCESS_KEY", "secret")
            .set("BATON_STORE_TIMEOUT_SECONDS", "1")
    };
    keys(named.clone().set("BATON_STORE", "s3://ours"))
        .baton("latest")
        .ends(1)
        .tells("the region of the bucket is not known")
        .omits("127.0.0.1:9");
    // And the other way round.
    let by_file = keys(named.without("BATON_STORE"));
    for (variable, value, key) in [
        ("BATON_ENDPOINT", "http://127.0.0.1:8", "endpoint"),
        ("BATON_REGION", "us-east-1", "region"),
        ("BATON_ADDRESSING", "path", "addressing"),
        ("BATON_ALLOW_HTTP", "true", "allow-http"),
        ("BATON_CA_FILE", "ca.pem", "ca-file"),
        ("BATON_ROLE_ARN", "arn:aws:iam::1:role/x", "role-arn"),
    ] {
        by_file
            .clone()
            .set(variable, value)
            .baton("latest")
            .ends(1)
            .tells(&format!(
                "`{key}` is set by a flag or a variable, and the store by ci.toml"
            ));
    }
    by_file.baton("latest").ends(1).tells("127.0.0.1:9");
    write(&job.path("half.toml"), "endpoint = \"http://127.0.0.1:9\"\n");
    for job in [&job, &job.clone().without("BATON_STORE")] {
        job.baton("latest --config half.toml")
            .ends(1)
            .tells("half.toml sets `endpoint` and no `store`");
    }
}

#[test]
fn who_runs_another_component_is_told_once_what_it_may_use() {
    let place = Place::new();
    let job = checkout(&place);
    fs::write(job.path("same.wasm"), baton_host::Component::embedded().bytes()).unwrap();
    let other = job.clone().set("BATON_COMPONENT", "same.wasm");
    let ran = other.baton("persist dist --number 1").succeeds();
    assert_eq!(ran.err.matches("same.wasm").count(), 1, "{}", ran.err);
    let ran = ran.tells("warning: the component same.wasm runs in place of the built-in one: it makes all decisions, and may use directory ");
    ran.tells(&format!("{} (read); store ", job.dir().display()));
    let ran = other.baton("attach latest --at out").succeeds();
    ran.tells("out (read, write); store ").tells("store (read)");
    other.baton("component").succeeds().omits("warning");
    job.baton("latest").succeeds().omits("warning");
}

#[test]
fn numbers_have_bounds() {
    let place = Place::new();
    let job = place.job("work");
    for key in [
        "workers",
        "memory-mib",
        "timeout-seconds",
        "store-timeout-seconds",
    ] {
        let cloud = job
            .clone()
            .set("BATON_STORE", "s3://b")
            .set("AWS_REGION", "us-east-1");
        for value in ["9223372036854775807", "18446744073709551615", "604801"] {
            cloud
                .baton(&format!("latest --{key} {value}"))
                .ends(2)
                .tells(&format!("--{key}"))
                .tells(" is not in 1..=");
        }
        cloud
            .baton(&format!("latest --{key} 0"))
            .ends(2)
            .tells("0 is not in 1..=");
    }
    assert_eq!(
        fs::metadata(job.dir()).unwrap().permissions().mode() & 0o777,
        0o755
    );
}
