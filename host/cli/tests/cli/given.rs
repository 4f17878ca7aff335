//! Values as runners and people give them: names, numbers, pull requests, paths, and what is missing.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use crate::files::write;
use crate::place::{Job, Place};

fn job(place: &Place) -> Job {
    let job = place.job("work").number(1);
    write(&job.path("file"), "content");
    job
}

/// Returns the fields of the newest build, as JSON.
fn newest(job: &Job) -> serde_json::Value {
    job.json("builds --limit 1")["builds"][0].clone()
}

#[test]
fn a_pull_request_is_a_number_or_none() {
    let place = Place::new();
    let job = job(&place);
    for (number, (given, expected)) in [
        ("7", Some("7")),
        ("007", Some("7")),
        ("PULL/7", Some("7")),
        ("refs/pull/7/merge", Some("7")),
        ("false", None),
        ("null", None),
        ("0", None),
        ("", None),
    ]
    .into_iter()
    .enumerate()
    {
        let job = job.clone().number(number as u64 + 1);
        job.clone()
            .set("BATON_PULL_REQUEST", given)
            .baton("persist file")
            .succeeds();
        let build = newest(&job);
        assert_eq!(build["pull_request"].as_str(), expected, "{given}");
        assert_eq!(build["eligible"].as_bool(), Some(expected.is_none()), "{given}");
    }
    for wrong in [
        "abc",
        "true",
        "-1",
        "7.5",
        "https://github.com/acme/shop/pull/7",
        "\u{a0}",
    ] {
        let expected = "but must be the number of a pull request, for example 7, or false for none";
        job.clone()
            .set("BATON_PULL_REQUEST", wrong)
            .baton("persist file")
            .ends(1)
            .tells("BATON_PULL_REQUEST is ")
            .tells(expected);
        job.run(["persist", "file", &format!("--pull-request={wrong}")])
            .ends(2)
            .tells("--pull-request is ")
            .tells(expected);
    }
}

#[test]
fn what_a_runner_says_for_none_is_none() {
    let place = Place::new();
    let circle = place.circle("build", 7);
    write(&circle.path("file"), "content");
    let buildkite = place.job("bk").set("BUILDKITE", "true");
    write(&buildkite.path("file"), "content");
    let zeros = "0".repeat(40);
    let circle = circle.set("CIRCLE_SHA1", zeros).set("BATON_COMMIT", "");
    circle.baton("persist file").succeeds();
    assert!(newest(&circle)["commit"].is_null());
    for none in ["false", ""] {
        buildkite
            .clone()
            .set("BUILDKITE_PULL_REQUEST", none)
            .number(8)
            .baton("persist file")
            .succeeds();
        assert!(newest(&buildkite)["pull_request"].is_null());
    }
    let fork = place.circle("build", 9).set("CIRCLE_BRANCH", "PULL/7");
    write(&fork.path("file"), "content");
    fork.baton("persist file").succeeds();
    let build = newest(&fork);
    assert_eq!(build["pull_request"], "7");
    assert_eq!(
        (&build["fork"], &build["eligible"]),
        (&true.into(), &false.into())
    );
}

#[test]
fn a_value_that_is_not_utf8_is_an_error_that_names_it() {
    let place = Place::new();
    let broken = OsStr::from_bytes(b"gr\xfc\xdfe");
    for variable in [
        "BATON_BRANCH",
        "BATON_JOB",
        "BATON_TAG",
        "BATON_PROJECT",
        "BATON_ACTOR",
    ] {
        job(&place)
            .set(variable, broken)
            .baton("persist file")
            .ends(1)
            .tells(&format!("{variable} is \"gr"))
            .tells("which is not UTF-8");
    }
    let circle = place.circle("build", 7);
    write(&circle.path("file"), "content");
    let circle = circle.set("CIRCLE_BRANCH", broken);
    circle
        .baton("persist file")
        .ends(1)
        .tells("CIRCLE_BRANCH is ")
        .tells("which is not UTF-8");
    // What is overridden is not looked at.
    circle.baton("persist file --branch main").succeeds();
    // Nor is what baton does not read.
    job(&place)
        .set("LESSCHARSET", broken)
        .baton("persist file")
        .succeeds();
    job(&place)
        .set("BATON_STORE", "circleci:")
        .set("CIRCLE_TOKEN", broken)
        .baton("latest")
        .ends(1)
        .tells("CIRCLE_TOKEN");
    // And git's answers.
    let git = job(&place).without("BATON_BRANCH");
    git.bash("git init -q . && printf 'ref: refs/heads/gr\\374\\337e\\n' >.git/HEAD")
        .succeeds();
    git.baton("persist file")
        .ends(1)
        .tells("git symbolic-ref HEAD is ")
        .tells("which is not UTF-8");
}

#[test]
fn white_space_is_no_way_to_say_nothing_and_no_part_of_a_name() {
    let place = Place::new();
    let job = job(&place);
    for blank in [" ", "\u{a0}", "\t\u{2003}"] {
        job.run(["persist", "file", "--branch", blank])
            .ends(2)
            .tells("--branch is ")
            .tells("must be more than white space");
        for variable in [
            "BATON_BRANCH",
            "BATON_JOB",
            "BATON_TAG",
            "BATON_WORKSPACE",
            "BATON_ACTOR",
        ] {
            job.clone()
                .set(variable, blank)
                .baton("persist file")
                .ends(1)
                .tells(&format!("{variable} is "))
                .tells("must be more than white space");
        }
    }
    for (variable, value) in [
        ("BATON_BRANCH", "main "),
        ("BATON_TAG", " v1"),
        ("BATON_JOB", "build\u{a0}"),
        ("BATON_PROJECT", "gh/acme/shop\n"),
    ] {
        job.clone()
            .set(variable, value)
            .baton("persist file")
            .ends(1)
            .tells(&format!("{variable} is "))
            .tells("must be without white space at its ends");
    }
}

#[test]
fn what_can_be_persisted_can_be_selected() {
    let place = Place::new();
    let job = job(&place);
    job.baton("persist file").succeeds();
    let rule = "no control characters, and no space at either end";
    for name in [
        "production ",
        " production",
        "produc\ntion",
        "\u{a0}",
        "production\u{200b}",
    ] {
        job.run(["promote", "build:1", name]).ends(1).tells(rule);
        job.run(["rollback", name]).ends(1).tells(rule);
        job.run(["release", name]).ends(1).tells(rule);
        job.run(["history", name]).ends(1).tells(rule);
        job.run(["attach", &format!("channel:{name}"), "--at", "out"])
            .ends(1);
        for words in [
            ["latest", "--name", name],
            ["latest", "--job", name],
            ["builds", "--name", name],
            ["builds", "--job", name],
            ["builds", "--branch", name],
            ["builds", "--tag", name],
            ["history", "--branch", name],
            ["prune", "--branches-gone", name],
        ] {
            job.run(words).ends(1).tells(rule);
        }
        job.run(["persist", "file", "--name", name]).ends(1).tells(rule);
    }
    for (number, (variable, flag)) in [
        ("BATON_TAG", "--tag"),
        ("BATON_BRANCH", "--branch"),
        ("BATON_JOB", "--job"),
        ("BATON_WORKFLOW", "--workflow"),
        ("BATON_WORKSPACE", "--workspace"),
    ]
    .into_iter()
    .enumerate()
    {
        for name in ["v\u{7}1", "v1\u{200b}", &"x".repeat(1001)] {
            job.clone()
                .set(variable, name)
                .baton("persist file")
                .ends(1)
                .tells(rule);
            job.run(["persist", "file", flag, name]).ends(1).tells(rule);
        }
        let longest = "x".repeat(1000);
        let number = (number + 2).to_string();
        job.run([
            "persist", "file", "--number", &number, "--name", "long", flag, &longest,
        ])
        .succeeds();
    }
    assert!(
        place
            .store()
            .keys("v1/projects/gh~2Facme~2Fshop/channels")
            .is_empty()
    );
    let longest = "x".repeat(1000);
    job.run(["latest", "--name", "long", "--branch", &longest])
        .succeeds();
    job.run(["show", &format!("tag:{longest}"), "--name", "long"])
        .succeeds();
    // An ordinary name works on both sides.
    job.baton("promote build:1 production").succeeds();
    job.baton("attach channel:production --at out").succeeds();
}

#[test]
fn numbers_out_of_range_say_so() {
    let place = Place::new();
    let circle = place.circle("build", 7);
    write(&circle.path("file"), "content");
    circle
        .clone()
        .set("CIRCLE_BUILD_NUM", "18446744073709551616")
        .baton("persist file")
        .ends(1)
        .tells("CIRCLE_BUILD_NUM is \"18446744073709551616\", but must be a whole number from 0 to 18446744073709551615");
    circle
        .clone()
        .set("CIRCLE_NODE_INDEX", "1")
        .set("CIRCLE_NODE_TOTAL", "70000")
        .baton("persist file")
        .ends(1)
        .tells("CIRCLE_NODE_TOTAL is \"70000\", but must be at most 65535 parallel nodes");
    circle
        .baton("persist file --node 1/70000")
        .ends(2)
        .tells("--node is \"1/70000\", but must be a node of a job with at most 65535 nodes");
    circle
        .baton("persist file --node 8/8")
        .ends(2)
        .tells("whose index is below its total");
}

#[test]
fn a_tag_build_has_no_branch_and_says_what_to_name() {
    let place = Place::new();
    let job = job(&place).without("BATON_BRANCH").set("BATON_TAG", "v1.2");
    job.baton("persist file").succeeds();
    for words in [
        "latest",
        "attach latest --at out",
        "show",
        "promote latest production",
    ] {
        job.baton(words)
            .ends(1)
            .tells("this is a build of the tag v1.2, and a tag has no branch")
            .tells("latest@BRANCH")
            .tells("tag:v1.2")
            .omits("BATON_BRANCH is not set");
    }
    job.baton("attach tag:v1.2 --at out").succeeds();
    let circle = place.circle("build", 9).set("CIRCLE_TAG", "v2");
    circle.baton("latest").ends(1).tells("the tag v2").tells("tag:v2");
}

#[test]
fn where_git_refuses_its_own_words_are_said() {
    let place = Place::new();
    let job = job(&place);
    job.baton("persist file").succeeds();
    let job = job.without("BATON_BRANCH");
    let ran = job.baton("latest").ends(1).tells("BATON_BRANCH is not set\n");
    let ran = ran.tells("git says: fatal: not a git repository");
    assert_eq!(ran.err.matches("BATON_BRANCH").count(), 1, "{}", ran.err);
    job.bash("git init -q . && echo '[core' >.git/config").succeeds();
    job.baton("latest")
        .ends(1)
        .tells("git says: fatal: bad config line 1 in file");
    job.baton("doctor").tells("");
    let doctor = job.baton("doctor").out;
    assert!(doctor.contains("git says: fatal: bad config line 1"), "{doctor}");
    job.bash("rm -rf .git; git init -q . && git -c user.name=j -c user.email=j@x commit -q --allow-empty -m x && git checkout -q --detach")
        .succeeds();
    job.baton("latest")
        .ends(1)
        .tells("git says that HEAD is detached, at ");
    let without_git = job.clone().set("PATH", "/nonexistent");
    without_git.baton("latest").ends(1).tells("git cannot be run: ");
    job.baton("latest@main").ends(2);
    job.baton("show latest@main").succeeds();
}

#[test]
fn a_repository_that_somebody_else_owns_says_what_git_says() {
    let place = Place::new();
    let job = job(&place);
    job.baton("persist file").succeeds();
    let job = job.without("BATON_BRANCH").without("BATON_PROJECT");
    job.bash("git init -q .").succeeds();
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can give a repository away");
        return;
    }
    job.bash("chown -R 12345 .git .").succeeds();
    job.baton("latest")
        .ends(1)
        .tells("git says: fatal: detected dubious ownership in repository at ")
        .tells("safe.directory");
}

#[test]
fn a_tilde_is_expanded_and_what_would_stay_is_refused() {
    let place = Place::new();
    let job = job(&place);
    let home = place.path("home");
    let tilde = |job: &Job| {
        let left = job.bash("find .. -name '~*' -o -name '*$HOME*'").succeeds().out;
        assert_eq!(left, "");
    };
    for (number, store) in ["~/s", "file:~/s"].into_iter().enumerate() {
        job.clone()
            .set("BATON_STORE", store)
            .number(number as u64 + 1)
            .baton("persist file")
            .succeeds();
    }
    assert!(home.join("s/v1/store").is_file());
    job.run(["persist", "file", "--number", "3", "--store", "~/s"])
        .succeeds();
    write(&job.path("baton.toml"), "store = \"~/t\"\n");
    // A file of the checkout must not name a place outside of it.
    let by_file = job
        .clone()
        .without("BATON_STORE")
        .set("BATON_CONFIG", "baton.toml");
    by_file.baton("persist file").succeeds();
    assert!(home.join("t/v1/store").is_file());
    by_file.run(["attach", "latest", "--at", "~/out"]).succeeds();
    assert!(home.join("out/file").is_file());
    fs::create_dir(home.join("root")).unwrap();
    write(&home.join("root/x"), "x");
    by_file
        .run(["persist", "x", "--root", "~/root", "--number", "9"])
        .succeeds();
    by_file
        .run([
            "persist",
            "~/root/*",
            "!~/root/y",
            "--root",
            "~",
            "--number",
            "10",
        ])
        .succeeds()
        .tells("1 file");
    tilde(&job);
    fs::remove_file(job.path("baton.toml")).unwrap();
    for wrong in ["~jane/s", "./~/s", "$HOME/s", "a/${HOME}/s"] {
        job.clone()
            .set("BATON_STORE", wrong)
            .baton("persist file")
            .ends(1)
            .tells("does not name a store: ")
            .tells("expanded");
        job.run(["persist", "file", "--store", wrong])
            .ends(1)
            .tells("expanded");
        let by_file = job
            .clone()
            .without("BATON_STORE")
            .set("BATON_CONFIG", "baton.toml");
        write(&job.path("baton.toml"), format!("store = \"{wrong}\"\n"));
        by_file.baton("persist file").ends(1).tells("expanded");
        write(&job.path("baton.toml"), format!("component = \"{wrong}\"\n"));
        by_file.baton("latest").ends(1).tells("expanded");
        for words in [
            ["attach", "latest", "--at", wrong],
            ["persist", "file", "--root", wrong],
            ["latest", "--config", wrong, "--job=x"],
            ["latest", "--component", wrong, "--job=x"],
            ["latest", "--ca-file", wrong, "--job=x"],
            ["persist", "file", "--sign", wrong],
            ["local", "--state", wrong, "--dry-run"],
        ] {
            job.run(words).ends(2).tells("expanded");
        }
        fs::remove_file(job.path("baton.toml")).unwrap();
    }
    tilde(&job);
}

#[test]
fn the_scripts_of_the_integrations_take_the_same_paths() {
    let place = Place::new();
    let home = place.path("home");
    fs::create_dir(home.join("root")).unwrap();
    write(&home.join("root/x"), "x");
    let scripts = concat!(env!("CARGO_MANIFEST_DIR"), "/../../integrations");
    let persist = job(&place)
        .without("BATON_STORE")
        .set("PARAM_ROOT", "~/root")
        .set("PARAM_ARTIFACT", "default")
        .set("PARAM_STORE", "~/s")
        .set("PARAM_PATHS", "x")
        .set("PARAM_IF_NO_FILES", "error")
        .set("PARAM_SPECIAL_FILES", "error")
        .set("PARAM_ON_CONFLICT", "error")
        .set("PARAM_SIGN", "false")
        .set("PARAM_ROLE_ARN", "")
        .set("PARAM_REGION", "");
    let persisting = format!("bash {scripts}/orb/src/scripts/persist.sh");
    persist.bash(&persisting).succeeds();
    assert!(home.join("s/v1/store").is_file());
    let attach = persist
        .clone()
        .set("PARAM_SELECTOR", "latest")
        .set("PARAM_AT", "~/out")
        .set("PARAM_ARTIFACT", "")
        .set("PARAM_JOB", "")
        .set("PARAM_ONLY", "")
        .set("PARAM_CLEAN", "false")
        .set("PARAM_STRIP", "0")
        .set("PARAM_IF_NO_BUILD", "error")
        .set("PARAM_STRICT", "false")
        .set("PARAM_REQUIRE_SIGNED", "false");
    let attaching = format!("bash {scripts}/orb/src/scripts/attach.sh");
    attach.bash(&attaching).succeeds();
    assert!(home.join("out/x").is_file());
    let shared = attach
        .clone()
        .set("PARAM_ATTACH", "latest")
        .set("PARAM_AT", "~/again")
        .set("PARAM_PERSIST", "x")
        .number(2);
    shared.bash(&format!("bash {scripts}/shell/steps.sh")).succeeds();
    assert!(home.join("again/x").is_file());
    for wrong in ["~jane/x", "$NOWHERE/x", "a/~/x"] {
        for (job, script, parameter, code) in [
            (&persist, &persisting, "PARAM_ROOT", 2),
            (&persist, &persisting, "PARAM_STORE", 1),
            (&attach, &attaching, "PARAM_AT", 2),
            (&attach, &attaching, "PARAM_STORE", 1),
        ] {
            let ran = job.clone().set(parameter, wrong).bash(script);
            ran.ends(code).tells("expanded");
        }
    }
    assert!(!persist.path("~").exists() && !persist.path("$NOWHERE").exists());
}

#[test]
fn on_ci_a_store_that_nobody_named_is_a_warning() {
    let place = Place::new();
    let circle = place.circle("build", 7).without("BATON_STORE");
    write(&circle.path("file"), "content");
    let warning = "warning: no store is named with --store or BATON_STORE";
    circle
        .baton("persist file")
        .succeeds()
        .tells(warning)
        .tells("home/data/baton/store");
    let report = circle.clone().set("CIRCLE_BUILD_NUM", "8").json("persist file");
    assert_eq!(report["warnings"][0]["code"], "store-of-this-machine");
    let doctor = circle.baton("doctor").ends(1).out;
    assert!(doctor.contains("PROBLEM  store"), "{doctor}");
    assert!(doctor.contains("name a store that outlives the job"), "{doctor}");
    // A CI system that baton does not know says so with CI, and a person's machine is none.
    let unknown = job(&place).without("BATON_STORE");
    unknown
        .clone()
        .set("CI", "true")
        .baton("persist file")
        .succeeds()
        .tells(warning);
    unknown
        .clone()
        .set("CI", "false")
        .baton("persist file")
        .succeeds()
        .omits("warning");
    unknown.baton("persist file").succeeds().omits("warning");
    let doctor = unknown.baton("doctor").succeeds().out;
    assert!(!doctor.contains("PROBLEM"), "{doctor}");
    // Named, even if it is the same place, it is what somebody wants.
    let named = circle.set("BATON_STORE", place.path("home/data/baton/store"));
    named
        .set("CIRCLE_BUILD_NUM", "9")
        .baton("persist file")
        .succeeds()
        .omits("machine");
}

#[test]
fn a_command_line_that_is_wrong_as_a_whole_ends_with_2() {
    let place = Place::new();
    let job = job(&place);
    for (words, tells) in [
        ("latest --format intoto", "--format intoto is for `baton show`"),
        ("show --sign key.pem", "--sign needs --format intoto"),
        ("latest --from-env", "--from-env is for --store circleci"),
        ("latest --workers 0", "--workers"),
        ("latest --memory-mib 0", "--memory-mib"),
        ("latest --timeout-seconds 0", "--timeout-seconds"),
        ("latest --store-timeout-seconds 0", "--store-timeout-seconds"),
        ("local --env =x", "--env"),
        ("builds --branch=", "--branch"),
        ("builds --tag=", "--tag"),
        ("builds --commit=", "--commit"),
        ("rollback --branch=", "--branch"),
        ("history --branch=", "--branch"),
        ("persist ~/file --root out", "~/file is not below the root out"),
    ] {
        let ran = job.baton(words).ends(2).tells(tells);
        assert_eq!(ran.out, "", "{words}");
        let ran = job.clone().set("BATON_FORMAT", "json").baton(words).ends(2);
        assert_eq!(ran.out, "", "{words}");
    }
    // As a variable it is what surrounds the command that is wrong.
    for (flag, variable, value) in [
        ("--node", "BATON_NODE", "9/3"),
        ("--run", "BATON_RUN", "x"),
        ("--fork", "BATON_FORK", "maybe"),
        ("--commit", "BATON_COMMIT", "main"),
        ("--branch", "BATON_BRANCH", " "),
        ("--pull-request", "BATON_PULL_REQUEST", "abc"),
    ] {
        job.run(["persist", "file", flag, value]).ends(2).tells(flag);
        job.clone()
            .set(variable, value)
            .baton("persist file")
            .ends(1)
            .tells(variable);
    }
    for key in ["", "env:"] {
        job.run(["persist", "file", "--sign", key]).ends(2);
    }
    job.clone().set("BATON_WORKERS", "0").baton("latest").ends(2);
}

#[test]
fn a_store_that_cannot_be_written_to_keeps_its_hint() {
    let place = Place::new();
    let job = job(&place);
    let closed = place.path("closed");
    fs::create_dir(&closed).unwrap();
    crate::files::set_bits(&closed, 0o500);
    let Some(job) = place.without_privileges(job) else {
        return;
    };
    let job = job.set("BATON_STORE", closed.join("s"));
    let ran = job.baton("persist file").ends(1).tells("hint: ");
    let shown: serde_json::Value =
        serde_json::from_str(&job.baton("persist file --format json").ends(1).out).unwrap();
    assert_eq!(shown["error"]["code"], "permission-denied", "{}", ran.err);
    assert_eq!(shown["error"]["kind"], "store");
}

#[test]
fn on_a_persons_machine_attach_says_what_to_attach() {
    let place = Place::new();
    let job = job(&place);
    job.baton("persist file").succeeds();
    job.baton("attach --at o")
        .ends(1)
        .tells("there is no workspace")
        .tells("hint: attach a build, for example with `baton attach latest --at DIR`")
        .omits("the flag of the same name");
    job.baton("attach latest --at o").succeeds();
}

#[test]
fn verify_says_what_it_checked() {
    let place = Place::new();
    let job = job(&place);
    job.baton("persist file").succeeds();
    let first_word = |ran: crate::place::Ran| {
        let last = ran.err.lines().last().unwrap_or_default().to_owned();
        last.split(' ').next().unwrap_or_default().to_owned()
    };
    assert_eq!(first_word(job.baton("verify").succeeds()), "build");
    assert_eq!(first_word(job.baton("verify build:1").succeeds()), "build");
    assert_eq!(first_word(job.baton("verify --all").succeeds()), "store");
    let nowhere = place.bare("nowhere");
    let ran = nowhere
        .baton("verify")
        .succeeds()
        .tells("store ")
        .tells("1 record");
    assert_eq!(first_word(ran), "store");
    let report = nowhere.json("verify");
    assert_eq!(
        (&report["checked"], &report["selector"]),
        (&"store".into(), &serde_json::Value::Null)
    );
    let report = job.json("verify");
    assert_eq!(
        (&report["checked"], &report["selector"]),
        (&"build".into(), &"latest".into())
    );
    // What names a build is not answered with the store.
    for words in ["verify latest", "verify --name app", "verify --job build"] {
        nowhere.baton(words).ends(1).tells("BATON_BRANCH is not set");
    }
}
