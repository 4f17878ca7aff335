//! Error codes that take several commands to provoke.

use std::os::unix::fs::PermissionsExt;

use crate::files::{set_bits, write};
use crate::place::{Job, Place, Ran};

/// Runs the command that fails, or warns, for its JSON.
fn ends(job: &Job, words: &str) -> Option<Ran> {
    Some(job.run(words.split_whitespace().chain(["--format", "json"])))
}

pub(super) fn ambiguous_commit(_: &Place, job: &Job) -> Option<Ran> {
    for (number, commit) in [("3", "abcd1111"), ("4", "abcd2222")] {
        job.run(["persist", "dist", "--number", number, "--commit", commit])
            .succeeds();
    }
    ends(job, "show sha:abcd")
}

pub(super) fn ambiguous_job(_: &Place, job: &Job) -> Option<Ran> {
    for name in ["one", "two"] {
        let job = job.clone().set("BATON_RUN", "9").set("BATON_ATTEMPT", "1");
        job.run(["persist", "dist", "--number", "9", "--job", name])
            .succeeds();
    }
    ends(job, "latest")
}

pub(super) fn build_exists(_: &Place, job: &Job) -> Option<Ran> {
    ends(job, "persist file --number 2 --commit 0123456789abcdef")
}

pub(super) fn channel_held(_: &Place, job: &Job) -> Option<Ran> {
    job.baton("rollback production --to build:1").succeeds();
    ends(job, "promote build:2 production")
}

pub(super) fn config_distrusted(_: &Place, job: &Job) -> Option<Ran> {
    write(&job.path("baton.toml"), "component = \"other.wasm\"\n");
    ends(job, "latest")
}

pub(super) fn damaged(place: &Place, job: &Job) -> Option<Ran> {
    place.store().clear("v1/trees/");
    ends(job, "attach build:2 --at out")
}

pub(super) fn damaged_skipped(place: &Place, job: &Job) -> Option<Ran> {
    let tree = job.json("show build:2")["builds"][0]["tree"]
        .as_str()
        .unwrap()
        .to_owned();
    place.store().remove(&format!("v1/trees/{}/{tree}", &tree[..2]));
    ends(job, "attach latest --at out")
}

pub(super) fn empty_store(place: &Place, job: &Job) -> Option<Ran> {
    let store = place.path("empty");
    std::fs::create_dir(&store).unwrap();
    ends(&job.clone().store(&store), "latest")
}

pub(super) fn held(_: &Place, job: &Job) -> Option<Ran> {
    job.baton("rollback --branch main").succeeds();
    ends(job, "latest")
}

pub(super) fn rolled_back(_: &Place, job: &Job) -> Option<Ran> {
    job.baton("rollback --branch main --no-hold").succeeds();
    ends(job, "latest")
}

pub(super) fn incomplete(_: &Place, job: &Job) -> Option<Ran> {
    job.baton("persist dist --name parts --node 0/2 --number 5")
        .succeeds();
    ends(job, "show build:5 --name parts")
}

pub(super) fn later_format(place: &Place, job: &Job) -> Option<Ran> {
    let marker = String::from_utf8(place.store().get("v1/store")).unwrap();
    place
        .store()
        .put("v1/store", marker.replace("\"version\":1", "\"version\":9"));
    ends(job, "persist dist --number 3")
}

pub(super) fn leftover(_: &Place, job: &Job) -> Option<Ran> {
    write(&job.path("dist/.baton-attach/f"), "half");
    ends(job, "persist dist --number 3")
}

pub(super) fn missing_context(place: &Place, _: &Job) -> Option<Ran> {
    let job = place.bare("nowhere").set("BATON_PROJECT", "gh/acme/shop");
    ends(&job, "latest")
}

pub(super) fn no_memory(_: &Place, job: &Job) -> Option<Ran> {
    job.baton("persist dist").succeeds();
    Some(job.bash("ulimit -v 2000000; baton latest --format json"))
}

pub(super) fn no_workspace(place: &Place, _: &Job) -> Option<Ran> {
    let job = place
        .bare("nowhere")
        .set("BATON_PROJECT", "gh/acme/shop")
        .branch("main");
    ends(&job, "attach --at out")
}

pub(super) fn not_utf8(_: &Place, job: &Job) -> Option<Ran> {
    use std::os::unix::ffi::OsStrExt;
    std::fs::write(job.path("dist").join(std::ffi::OsStr::from_bytes(b"\xff")), "x").unwrap();
    ends(job, "persist dist --number 3")
}

pub(super) fn not_one_build(_: &Place, job: &Job) -> Option<Ran> {
    let tree = job.json("show build:2")["builds"][0]["tree"]
        .as_str()
        .unwrap()
        .to_owned();
    ends(job, &format!("promote tree:{tree} production"))
}

pub(super) fn not_signed(_: &Place, job: &Job) -> Option<Ran> {
    write(
        &job.path("key.pem"),
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n",
    );
    ends(job, "attach build:1 --at out --require-signed key.pem")
}

pub(super) fn object_too_large(place: &Place, job: &Job) -> Option<Ran> {
    let marker = std::fs::File::create(place.path("store/v1/store")).unwrap();
    marker.set_len(1 << 30).unwrap();
    ends(job, "persist dist --number 3")
}

pub(super) fn other_branch(_: &Place, job: &Job) -> Option<Ran> {
    job.baton("persist dist --number 3 --branch other").succeeds();
    ends(job, "rollback --branch main --to build:3")
}

pub(super) fn path_conflict(_: &Place, job: &Job) -> Option<Ran> {
    let job = job.clone().set("BATON_WORKSPACE", "w");
    job.baton("persist dist --number 3 --job one").succeeds();
    write(&job.path("dist/app"), "other");
    ends(&job, "persist dist --number 4 --job two")
}

pub(super) fn path_too_long(_: &Place, job: &Job) -> Option<Ran> {
    let name = "n".repeat(200);
    // Longer than a path may be, so made step by step.
    let deep = format!("cd dist; for i in $(seq 25); do mkdir {name}; cd {name}; done");
    job.bash(&deep).succeeds();
    let ran = ends(job, "persist dist --number 3");
    job.bash("rm -rf dist").succeeds();
    ran
}

pub(super) fn permission_root(place: &Place, job: &Job) -> Option<Ran> {
    let job = place.without_privileges(job.clone())?;
    set_bits(&job.path("dist/app"), 0);
    ends(&job, "persist dist --number 3")
}

pub(super) fn permission_store(place: &Place, job: &Job) -> Option<Ran> {
    let job = place.without_privileges(job.clone())?;
    for key in place.store().packs() {
        set_bits(&place.path(&format!("store/{key}")), 0);
    }
    ends(&job, "attach latest --at out")
}

pub(super) fn permission_target(place: &Place, job: &Job) -> Option<Ran> {
    let job = place.without_privileges(job.clone())?;
    write(&job.path("out/dist/app"), "old");
    let bits = std::fs::Permissions::from_mode(0o000);
    std::fs::set_permissions(job.path("out/dist"), bits).unwrap();
    ends(&job, "attach latest --at out")
}

pub(super) fn reserved_name(place: &Place, job: &Job) -> Option<Ran> {
    let tree = place.store().put_tree(&[
        serde_json::json!({ "baton": "tree", "version": 1, "entries": 1, "packs": 0 }),
        serde_json::json!({ "path": ".baton-attach", "kind": "directory", "mode": "755", "modified": [0, 0] }),
    ]);
    ends(job, &format!("attach tree:{tree} --at out"))
}

pub(super) fn special_bits(_: &Place, job: &Job) -> Option<Ran> {
    set_bits(&job.path("dist/app"), 0o4755);
    ends(job, "persist dist --number 3")
}

pub(super) fn special_file(_: &Place, job: &Job) -> Option<Ran> {
    job.bash("mkfifo dist/pipe").succeeds();
    ends(job, "persist dist --number 3")
}

pub(super) fn told_and_selected(_: &Place, job: &Job) -> Option<Ran> {
    let job = job
        .clone()
        .set("LATEST_BUILD_NUM", "7")
        .set("CIRCLE_TOKEN", "token");
    let store = "--store circleci:gh/acme/shop --api http://127.0.0.1:9";
    ends(&job, &format!("attach build:1 --from-env --at out {store}"))
}

pub(super) fn unsafe_to_prune(place: &Place, job: &Job) -> Option<Ran> {
    place.store().clear("v1/trees/");
    ends(job, "prune")
}

pub(super) fn wrong_name(_: &Place, job: &Job) -> Option<Ran> {
    ends(job, &format!("persist dist --name {}", "n".repeat(101)))
}

pub(super) fn wrong_reason(_: &Place, job: &Job) -> Option<Ran> {
    ends(
        job,
        &format!("promote build:2 staging --reason {}", "r".repeat(10_001)),
    )
}

pub(super) fn wrong_variable(_: &Place, job: &Job) -> Option<Ran> {
    let job = job.clone().set("CIRCLE_TOKEN", "token");
    ends(
        &job,
        "latest set --value 1 --var 1X --store circleci:gh/acme/shop --api http://127.0.0.1:9",
    )
}

pub(super) fn state_unsafe(_: &Place, job: &Job) -> Option<Ran> {
    job.baton("local good.yml --state own").succeeds();
    job.bash("mkdir elsewhere; rm -rf own/jobs; ln -s ../elsewhere own/jobs")
        .succeeds();
    ends(job, "local good.yml --state own")
}

pub(super) fn ambiguous_pattern(_: &Place, job: &Job) -> Option<Ran> {
    write(&job.path("!file"), "x");
    ends(job, "persist . !file --number 3")
}

pub(super) fn pattern_is_path(_: &Place, job: &Job) -> Option<Ran> {
    write(&job.path("dist/[id].js"), "x");
    write(&job.path("dist/i.js"), "x");
    ends(job, "persist dist/[id].js --number 3")
}

pub(super) fn special_skipped(_: &Place, job: &Job) -> Option<Ran> {
    job.bash("mkfifo dist/pipe").succeeds();
    ends(job, "persist dist --special-files skip --number 3")
}

pub(super) fn store_in_root(_: &Place, job: &Job) -> Option<Ran> {
    let job = job.clone().store(&job.path("own"));
    job.baton("persist dist --number 3").succeeds();
    ends(&job, "persist own --number 4")
}

pub(super) fn store_skipped(_: &Place, job: &Job) -> Option<Ran> {
    let job = job.clone().store(&job.path("own"));
    ends(&job, "persist . --number 3")
}

pub(super) fn symlink_itself(_: &Place, job: &Job) -> Option<Ran> {
    job.bash("ln -s dist linked").succeeds();
    ends(job, "persist linked/ --number 3")
}

pub(super) fn through_symlink(_: &Place, job: &Job) -> Option<Ran> {
    job.bash("ln -s dist linked").succeeds();
    ends(job, "persist linked/app --number 3")
}

pub(super) fn clean_kept(_: &Place, job: &Job) -> Option<Ran> {
    let job = job.clone().store(&job.path("ws/store"));
    job.baton("persist . --root dist --number 3").succeeds();
    write(&job.path("ws/old"), "x");
    ends(&job, "attach build:3 --at ws --clean")
}

pub(super) fn clean_refused(_: &Place, job: &Job) -> Option<Ran> {
    job.baton("persist . --root dist --number 3").succeeds();
    let home = job.path("home");
    write(&home.join("mine"), "x");
    ends(&job.clone().set("HOME", home), "attach build:3 --at home --clean")
}

pub(super) fn in_the_way(_: &Place, job: &Job) -> Option<Ran> {
    let job = job.clone().store(&job.path("ws/store"));
    write(&job.path("other/store"), "a file where the store is");
    job.baton("persist . --root other --number 3").succeeds();
    ends(&job, "attach build:3 --at ws --clean")
}

pub(super) fn no_run_number(place: &Place, _: &Job) -> Option<Ran> {
    let job = place.circle("ci", 7).without("BATON_RUN");
    write(&job.path("dist/app"), "1");
    ends(&job, "persist dist")
}

fn two_directories(job: &Job) {
    write(&job.path("a/f"), "1");
    write(&job.path("b/f"), "2");
    write(&job.path("top"), "3");
    job.baton("persist a b top --number 3").succeeds();
}

pub(super) fn paths_collide(_: &Place, job: &Job) -> Option<Ran> {
    two_directories(job);
    ends(job, "attach build:3 --at out --flatten")
}

pub(super) fn paths_left_out(_: &Place, job: &Job) -> Option<Ran> {
    two_directories(job);
    ends(job, "attach build:3 --at out --strip 1 --only a --only top")
}

pub(super) fn tag_build(place: &Place, _: &Job) -> Option<Ran> {
    let job = place
        .bare("nowhere")
        .set("BATON_PROJECT", "gh/acme/shop")
        .set("BATON_TAG", "v1");
    ends(&job, "latest")
}

pub(super) fn untrusted_build(_: &Place, job: &Job) -> Option<Ran> {
    job.baton("persist dist --number 7 --fork").succeeds();
    ends(job, "promote build:7 production")
}

pub(super) fn untrusted_left_out(_: &Place, job: &Job) -> Option<Ran> {
    let job = job.clone().set("BATON_WORKSPACE", "w");
    job.baton("persist dist --number 7 --job one").succeeds();
    job.baton("persist file --number 8 --job two --fork").succeeds();
    ends(&job, "attach workspace --at out")
}

pub(super) fn wrong_counter(_: &Place, job: &Job) -> Option<Ran> {
    let counter = "x".repeat(1001);
    ends(job, &format!("persist dist --number 3 --counter {counter}"))
}

/// The channel is moved to and fro, and of its moves the second is harmed.
fn moves(place: &Place, job: &Job) {
    for build in ["build:1", "build:2", "build:1"] {
        job.baton(&format!("rollback production --to {build}")).succeeds();
    }
    let events = place.store().keys("v1/projects/gh~2Facme~2Fshop/channels/");
    place.store().put(&events[2], "gone");
}

pub(super) fn event_lost(place: &Place, job: &Job) -> Option<Ran> {
    moves(place, job);
    ends(job, "history production")
}

pub(super) fn damaged_way_back(place: &Place, job: &Job) -> Option<Ran> {
    for build in ["build:1", "build:2"] {
        job.baton(&format!("promote {build} staging")).succeeds();
    }
    let events = place
        .store()
        .keys("v1/projects/gh~2Facme~2Fshop/channels/default/staging/");
    place.store().put(&events[1], "gone");
    ends(job, "rollback staging")
}

pub(super) fn damaged_history(place: &Place, job: &Job) -> Option<Ran> {
    for event in place.store().keys("v1/projects/gh~2Facme~2Fshop/channels/") {
        place.store().put(&event, "gone");
    }
    ends(job, "history production")
}

pub(super) fn damaged_and_gone(place: &Place, job: &Job) -> Option<Ran> {
    let job = job.clone().number(9);
    write(&job.path("first"), "first");
    write(&job.path("second"), "second");
    job.baton("persist first").succeeds();
    place.store().clear("v1/packs/");
    std::fs::remove_file(job.path("first")).unwrap();
    ends(&job, "persist second")
}

/// The directory is removed while attach waits for another one into it.
pub(super) fn directory_removed(_: &Place, job: &Job) -> Option<Ran> {
    let script = "mkdir gone; exec 9<gone; flock 9; baton attach latest --at gone --format json 9<&- & attach=$!; \
                  sleep 1; rmdir gone; flock -u 9; wait $attach";
    Some(job.bash(script))
}
