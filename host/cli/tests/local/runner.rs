//! The features of CircleCI that `baton local` has.

use std::fs;

use crate::laptop::Laptop;
use crate::orb::inlined;
use crate::trees::tree;

/// Returns a config with one workflow `w`.
pub(crate) fn config(jobs: &str, calls: &str) -> String {
    format!(
        "version: 2.1\nexecutors: {{e: {{docker: [{{image: a}}]}}}}\njobs:\n{jobs}\nworkflows: {{w: {{jobs: {calls}}}}}\n"
    )
}

#[test]
fn steps_run_as_when_says() {
    let laptop = Laptop::new();
    let config = config(
        "
  j:
    executor: e
    steps:
      - run: echo one >> steps
      - run: {command: echo never >> steps, when: on_fail}
      - run: {name: fails, command: 'false | cat; echo not here >> steps'}
      - run: echo not after a failure >> steps
      - run: {command: echo always >> steps, when: always}
      - run: {command: echo on_fail >> steps, when: on_fail}
      - store_artifacts: {path: steps}",
        "[j]",
    );
    let ran = laptop.local(&config, &[]).ends(1).tells("fails failed after");
    assert_eq!(ran.read("j", "project/steps"), "one\nalways\non_fail\n");
    let saved = fs::read_to_string(laptop.path("state/api.json")).unwrap();
    assert!(saved.contains("\"path\": \"steps\""), "{saved}");
}

#[test]
fn variables_are_those_of_circleci_the_project_the_job_and_the_step() {
    let laptop = Laptop::new();
    let config = config(
        "
  j:
    executor: e
    environment: {A: job, B: job}
    steps:
      - run: {command: 'echo \"$A $B $GIVEN ${HIDDEN-nothing} $CIRCLE_JOB $CIRCLE_BRANCH $CIRCLE_BUILD_NUM $CIRCLE_REPOSITORY_URL\" > seen', environment: {B: step}}
      - run: echo 'export LATER=yes' >> $BASH_ENV
      - run: echo \"$LATER $(circleci env subst '${A}-$B-$NONE-$')\" >> seen
      - run: test \"$HOME\" = \"$(cd ~ && pwd)\" && test \"$PWD\" = ~/project && test -d \"$TMPDIR\"",
        "[j: {name: a job}]",
    );
    let ran = laptop.local(&config, &["--env", "GIVEN=x y"]).succeeds();
    let expected = "job step x y nothing a job main 1 https://github.com/acme/shop\nyes job-job--$\n";
    assert_eq!(ran.read("a job", "project/seen"), expected);
}

#[test]
fn the_later_of_two_variables_is_the_one_that_circleci_takes() {
    let laptop = Laptop::new();
    let config = "
version: 2.1
jobs:
  j:
    docker: [{image: a, environment: {A: container, B: container, CIRCLE_BRANCH: container}}]
    environment: {CIRCLE_JOB: renamed}
    steps: [run: 'echo \"$A $B $CIRCLE_BRANCH $CIRCLE_JOB $CIRCLE_TOKEN\" > seen']
workflows: {w: {jobs: [j]}}
";
    let given = [
        "--env",
        "B=project",
        "--env",
        "CIRCLE_BRANCH=project",
        "--env",
        "CIRCLE_TOKEN=own",
    ];
    let ran = laptop.local(config, &given).succeeds();
    assert_eq!(
        ran.read("j", "project/seen"),
        "container project main renamed own\n"
    );
}

#[test]
fn a_job_sees_what_the_jobs_before_it_persisted_and_nothing_else() {
    let laptop = Laptop::new();
    let jobs = "
  p:
    parameters: {file: {type: string}, text: {type: string}}
    executor: e
    steps:
      - attach_workspace: {at: .}
      - run: mkdir -p w; echo << parameters.text >> > w/<< parameters.file >>
      - persist_to_workspace: {root: ., paths: [w/*]}";
    let calls = |last: &str| {
        format!(
            "[p: {{name: a, file: x, text: a}}, p: {{name: b, file: x, text: b, requires: [a]}}, p: {{name: c, file: y, text: c}},
              p: {{name: d, file: z, text: d, requires: [{last}]}}]"
        )
    };
    // Of two consecutive jobs the later one wins; the parallel one is not visible.
    let ran = laptop.local(&config(jobs, &calls("b")), &[]).succeeds();
    assert_eq!(ran.read("d", "project/w/x"), "b\n");
    assert!(!ran.home("d", "project/w/y").exists());
    // Nor does one that is beside the others, as long as what it persists is its own.
    let ran = laptop.local(&config(jobs, &calls("b, c")), &[]).succeeds();
    assert_eq!(ran.read("d", "project/w/x"), "b\n");
    assert_eq!(ran.read("d", "project/w/y"), "c\n");
    // Of two jobs side by side none does.
    let clash = calls("a, c").replace("file: y", "file: x");
    laptop
        .local(&config(jobs, &clash), &[])
        .ends(1)
        .tells("the workspace cannot be attached")
        .tells(": w/x");
}

#[test]
fn a_checkout_overwrites_nothing_of_the_person() {
    let laptop = Laptop::new();
    laptop.write("notes.txt", "not committed");
    laptop.commit();
    let elsewhere = laptop.path("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let at = |path: &std::path::Path| {
        let jobs = format!(
            "\n  j: {{executor: e, working_directory: {}, steps: [checkout]}}",
            path.display()
        );
        config(&jobs, "[j]")
    };
    let repository = laptop.path("shop");
    laptop
        .local(&at(&repository), &["--no-sandbox"])
        .ends(1)
        .tells("a checkout would overwrite its files");
    assert_eq!(
        fs::read_to_string(repository.join("notes.txt")).unwrap(),
        "not committed"
    );
    // An empty directory is taken, and is the runs' from then on.
    for _ in 0..2 {
        laptop.local(&at(&elsewhere), &["--no-sandbox"]).succeeds();
    }
    assert!(elsewhere.join("notes.txt").exists());
    let other = laptop.path("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("mine"), "mine").unwrap();
    laptop
        .local(&at(&other), &["--no-sandbox"])
        .ends(1)
        .tells("is not empty");
    assert_eq!(fs::read_dir(&other).unwrap().count(), 1);
}

#[test]
fn a_state_directory_with_something_else_in_it_is_refused() {
    let laptop = Laptop::new();
    let config = config("\n  j: {executor: e, steps: [run: 'true']}", "[j]");
    let mine = laptop.path("mine");
    fs::create_dir_all(mine.join("jobs/precious")).unwrap();
    let state = mine.display().to_string();
    laptop
        .local(&config, &["--state", &state])
        .ends(1)
        .tells("not of baton local");
    laptop.local(&config, &["--state", &state, "--reset"]).ends(1);
    assert!(mine.join("jobs/precious").exists());
    laptop.local(&config, &["--reset", "--dry-run"]).ends(2);
}

#[test]
fn what_an_earlier_job_left_in_the_state_directory_leads_nowhere() {
    let laptop = Laptop::new();
    let config = config("\n  j: {executor: e, steps: [run: 'true']}", "[j]");
    let precious = laptop.path("precious");
    for name in ["jobs", "artifacts", "workspaces", "lock", "api.json"] {
        let state = laptop.path(&format!("state-{name}"));
        let arguments = ["--state", &state.display().to_string()];
        laptop.local(&config, &arguments).succeeds();
        let entry = state.join(name);
        let _ = fs::remove_dir_all(&entry).or_else(|_| fs::remove_file(&entry));
        fs::create_dir_all(precious.join("docs")).unwrap();
        fs::write(precious.join("docs/thesis"), "years").unwrap();
        let target = match name {
            "lock" | "api.json" => precious.join("docs/thesis"),
            _ => precious.join("docs"),
        };
        std::os::unix::fs::symlink(&target, &entry).unwrap();
        laptop.local(&config, &arguments).ends(1).tells("cannot use");
        laptop
            .local(&config, &[&arguments[..], &["--reset"]].concat())
            .ends(1);
        assert_eq!(
            fs::read_to_string(precious.join("docs/thesis")).unwrap(),
            "years",
            "{name}"
        );
    }
}

#[test]
fn nodes_have_their_numbers_and_layers_of_their_own() {
    let laptop = Laptop::new();
    let config = config(
        "
  build:
    executor: e
    parallelism: 3
    steps:
      - run: mkdir out; echo \"$CIRCLE_NODE_INDEX of $CIRCLE_NODE_TOTAL\" > out/$CIRCLE_NODE_INDEX
      - persist_to_workspace: {root: ., paths: [out]}
  all:
    executor: e
    steps: [attach_workspace: {at: .}]",
        "[build, all: {requires: [build]}]",
    );
    let ran = laptop.local(&config, &[]).succeeds();
    let files: Vec<String> = tree(&ran.home("all", "project/out")).into_keys().collect();
    assert_eq!(files, ["0", "1", "2"]);
    assert_eq!(ran.read("all", "project/out/2"), "2 of 3\n");
}

#[test]
fn a_job_may_wait_for_a_failure() {
    let laptop = Laptop::new();
    let config = config(
        "
  breaks: {executor: e, steps: [run: exit 3]}
  tells: {executor: e, steps: [run: echo sorry > told]}
  goes-on: {executor: e, steps: [checkout]}",
        "[breaks, tells: {requires: [breaks: failed]}, goes-on: {requires: [breaks]}]",
    );
    let ran = laptop.local(&config, &[]).ends(1);
    let statuses: Vec<_> = ran.statuses().into_iter().collect();
    assert_eq!(
        statuses,
        [("breaks", "failed"), ("goes-on", "not_run"), ("tells", "success")]
    );
}

#[test]
fn a_step_that_says_nothing_is_ended_with_all_that_it_started() {
    let laptop = Laptop::new();
    let config = config(
        "
  j:
    executor: e
    steps:
      - run: {command: (sleep 60; echo late > ~/late) & sleep 60, no_output_timeout: 1s}",
        "[j]",
    );
    let started = std::time::Instant::now();
    laptop
        .local(&config, &[])
        .ends(1)
        .tells("printed nothing for 1 s");
    assert!(started.elapsed().as_secs() < 30);
}

#[test]
fn what_goes_on_in_the_background_ends_with_the_job() {
    let laptop = Laptop::new();
    let config = config(
        "
  j:
    executor: e
    steps:
      - run: {command: 'echo $$ > ~/pid; while :; do sleep 0.1; done', background: true}
      - run: while [ ! -s ~/pid ]; do sleep 0.05; done; kill -0 $(cat ~/pid)
      - run: circleci-agent step halt
      - run: echo 'not after a halt' > ~/late",
        "[j]",
    );
    let ran = laptop
        .local(&config, &["--no-sandbox"])
        .succeeds()
        .tells("the step has ended the job");
    assert!(!ran.home("j", "late").exists());
    // In a sandbox processes have other numbers: sandbox.rs has a test of it.
    let pid = ran.read("j", "pid");
    assert!(!std::path::Path::new("/proc").join(pid.trim()).exists(), "{pid}");
}

#[test]
fn checkout_has_what_nobody_has_committed_and_not_what_git_ignores() {
    let laptop = Laptop::new();
    laptop.write(".gitignore", "ignored\n");
    laptop.write("ignored", "x");
    laptop.write("new", "y");
    laptop.write("version.txt", "changed\n");
    let config = config(
        "  j: {executor: e, steps: [checkout, run: 'git rev-parse HEAD > ~/head; git remote get-url origin >> ~/head; git status --short > ~/status']}",
        "[j]",
    );
    let ran = laptop.local(&config, &[]).succeeds();
    assert_eq!(ran.read("j", "project/version.txt"), "changed\n");
    assert_eq!(ran.read("j", "project/new"), "y");
    assert!(ran.home("j", "project/build.sh").exists() && !ran.home("j", "project/ignored").exists());
    assert!(ran.read("j", "head").ends_with("https://github.com/acme/shop\n"));
    assert!(
        ran.read("j", "status").contains(" M version.txt"),
        "{}",
        ran.read("j", "status")
    );
}

#[test]
fn the_runs_may_be_kept_in_the_repository() {
    let laptop = Laptop::new();
    let config = config(
        "  j: {executor: e, steps: [checkout, run: 'echo a > a', store_artifacts: {path: a}]}",
        "[j]",
    );
    for _ in 0..2 {
        let ran = laptop.local(&config, &["--state", "runs"]).succeeds();
        assert!(ran.home("j", "project/build.sh").exists() && !ran.home("j", "project/runs").exists());
    }
}

#[test]
fn a_dry_run_prints_and_does_nothing() {
    let laptop = Laptop::new();
    let config = config("  j: {executor: e, steps: [run: touch ~/was-here]}", "[j]");
    for _ in 0..2 {
        let ran = laptop.local(&config, &["--dry-run"]).succeeds();
        assert_eq!(ran.json["pipeline"], 1);
        assert_eq!(
            ran.json["workflows"][0]["jobs"][0]["steps"][0]["command"],
            "touch ~/was-here"
        );
    }
    assert!(!laptop.path("state/jobs").exists() && !laptop.path("state/api.json").exists());
}

#[test]
fn runs_count_on_until_they_are_forgotten() {
    let laptop = Laptop::new();
    let config = config(
        "  j: {executor: e, steps: [run: 'true']}",
        "[j, {j: {context: x}}]",
    );
    assert_eq!(laptop.local(&config, &[]).succeeds().number("j-2"), 2);
    let ran = laptop.local(&config, &[]).succeeds();
    assert_eq!((ran.json["pipeline"].as_u64(), ran.number("j-1")), (Some(2), 3));
    assert_eq!(laptop.local(&config, &["--reset"]).succeeds().number("j-1"), 1);
}

#[test]
fn errors_name_the_file_and_the_place() {
    let laptop = Laptop::new();
    for (steps, code, says) in [
        (
            "[nothing]",
            "wrong-config",
            ".circleci/config.yml:4: jobs.j.steps[0]: there is no command nothing (called from .circleci/config.yml:5)",
        ),
        (
            "[run: echo << pipeline.weather >>]",
            "wrong-config",
            "pipeline.weather is used, and no such value exists",
        ),
        ("[", "wrong-config", "cannot be read as YAML"),
    ] {
        let config = config(&format!("  j: {{executor: e, steps: {steps}}}"), "[j]");
        let ran = laptop.local(&config, &[]).ends(1).tells(says);
        assert_eq!(ran.json["error"]["code"], code, "{}", ran.json);
    }
    // An orb that nothing uses is not asked for.
    let unused = "version: 2.1\norbs: {x: acme/x@1.2}\njobs: {}\nworkflows: {}\n";
    laptop.local(unused, &["--dry-run"]).succeeds();
}

/// A job does not see the variables of the person who runs it, and changes only its own home.
#[test]
fn a_missing_shell_and_a_missing_directory_say_so() {
    let laptop = Laptop::new();
    let shell = config(
        "  j: {executor: e, steps: [run: {command: a, shell: /no/such/shell}]}",
        "[j]",
    );
    laptop
        .local(&shell, &[])
        .ends(1)
        .tells("cannot start the shell `/no/such/shell`");
    let directory = config(
        "  j: {executor: e, steps: [run: {command: a, working_directory: no/such}]}",
        "[j]",
    );
    laptop
        .local(&directory, &[])
        .ends(1)
        .tells("no/such does not exist");
}

/// The branch that is checked out here is not the one that others start from.
#[test]
fn a_job_on_a_branch_does_not_take_it_for_the_default_one() {
    let laptop = Laptop::new();
    laptop.git("checkout --quiet -b feature");
    let config = config(
        "  j: {executor: e, steps: [checkout, run: '! git symbolic-ref --quiet refs/remotes/origin/HEAD && git remote > ~/remote']}",
        "[j]",
    );
    let ran = laptop.local(&config, &[]).succeeds();
    assert_eq!(ran.read("j", "remote"), "origin\n");
}

/// A workflow that does nothing but the job of the orb.
#[test]
fn the_orbs_job_takes_a_channel_back() {
    let laptop = Laptop::new();
    let store = laptop.path("bucket").display().to_string();
    fs::create_dir(&store).unwrap();
    let config = inlined(&format!(
        "
version: 2.1
orbs: {{baton: baton-ci/baton@0.1.0}}
parameters: {{back: {{type: boolean, default: false}}}}
jobs:
  build:
    docker: [{{image: a}}]
    environment: {{BATON_STORE: '{store}'}}
    steps:
      - checkout
      - run: ./build.sh
      - baton/persist: {{paths: build_artifacts, store: '', artifact: shop}}
      - baton/promote: {{artifact: shop}}
  deploy:
    docker: [{{image: a}}]
    steps:
      - baton/attach: {{selector: 'channel:production', store: '{store}', artifact: shop}}
workflows:
  build: {{unless: << pipeline.parameters.back >>, jobs: [build]}}
  back:
    when: << pipeline.parameters.back >>
    jobs:
      - baton/rollback: {{store: '{store}', artifact: shop, reason: the basket is empty}}
      - deploy: {{requires: [baton/rollback]}}
"
    ));
    for version in ["version 1\n", "version 2\n"] {
        laptop.write("version.txt", version);
        laptop.local(&config, &[]).succeeds();
    }
    let ran = laptop.local(&config, &["--parameter", "back=true"]).succeeds();
    assert_eq!(
        ran.read("deploy", "project/build_artifacts/app.txt"),
        "version 1\njob build\n"
    );
}

/// The orb's commands work where they are inlined under any name, and say what is wrong.
#[test]
fn the_orb_says_what_it_cannot_do() {
    let laptop = Laptop::new();
    let with = |step: &str| {
        inlined(&format!(
            "version: 2.1\norbs: {{baton: baton-ci/baton@0.1.0}}\njobs: {{j: {{docker: [{{image: a}}], steps: [{step}]}}}}\nworkflows: {{w: {{jobs: [j]}}}}"
        ))
    };
    laptop
        .local(&with("baton/promote: {store: circleci}"), &[])
        .ends(1)
        .tells("CircleCI artifacts can only be read");
    laptop
        .local(&with("baton/persist: {paths: '', store: 'file:/tmp'}"), &[])
        .ends(1)
        .tells("paths is empty");
    // CircleCI decides whether there is a step that stores the artifacts before it expands variables.
    laptop
        .local(&with("baton/persist: {store: $ST}"), &["--env", "ST=circleci"])
        .ends(1)
        .tells("no step stores the artifacts");
    laptop
        .local(&with("baton/persist: {if_no_files: maybe}"), &[])
        .ends(1)
        .tells("one of these is expected: error, warn, ignore");
    laptop
        .local(&with("baton/attach: {at: ., where: x}"), &[])
        .ends(1)
        .tells("there is no parameter where");
}
