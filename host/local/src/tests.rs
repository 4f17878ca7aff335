//! Whole configs, planned.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use super::*;

fn planned_of(
    text: &str,
    pipeline: &Pipeline,
    selection: &Selection,
    orbs: &[OrbSource],
) -> Result<Plan, String> {
    let config = Config {
        file: "config.yml",
        text,
        orbs,
    };
    plan(config, pipeline, selection).map_err(|error| error.to_string())
}

fn on_main() -> Pipeline {
    Pipeline {
        number: 7,
        branch: Some("main".to_owned()),
        ..Pipeline::default()
    }
}

fn planned(text: &str) -> Result<Plan, String> {
    planned_of(text, &on_main(), &Selection::default(), &[])
}

fn jobs(plan: &Plan) -> Vec<&str> {
    plan.workflows
        .iter()
        .flat_map(|it| it.jobs.iter().map(|job| job.name.as_str()))
        .collect()
}

/// Returns the commands of a job.
fn commands(plan: &Plan, name: &str) -> Vec<String> {
    let job = plan
        .workflows
        .iter()
        .flat_map(|it| &it.jobs)
        .find(|job| job.name == name);
    let JobKind::Build(build) = &job.unwrap().kind else {
        panic!("{name}")
    };
    let run = |step: &Step| match &step.action {
        Action::Run(run) => Some(run.command.clone()),
        _ => None,
    };
    build.steps.iter().filter_map(run).collect()
}

const HEAD: &str = "version: 2.1\nexecutors: {e: {docker: [{image: a}]}}\n";

#[test]
fn commands_become_their_steps_and_conditions_are_decided() {
    let text = "
version: 2.1
executors:
  e: {parameters: {tag: {type: string, default: t}}, docker: [{image: 'a:<< parameters.tag >>'}], environment: {A: executor, B: b}}
commands:
  outer:
    parameters:
      loud: {type: boolean, default: false}
      after: {type: steps, default: []}
    steps:
      - inner: {text: from outer}
      - when: {condition: << parameters.loud >>, steps: [run: loud]}
      - unless: {condition: << parameters.loud >>, steps: [run: quiet]}
      - steps: << parameters.after >>
  inner:
    parameters: {text: {type: string}}
    steps: [run: echo << parameters.text >>]
jobs:
  j:
    executor: {name: e, tag: x}
    environment: {A: job}
    steps:
      - outer: {loud: true}
      - outer: {after: [inner: {text: last}, checkout]}
workflows: {w: {jobs: [j]}}";
    let plan = planned(text).unwrap();
    assert_eq!(
        commands(&plan, "j"),
        ["echo from outer", "loud", "echo from outer", "quiet", "echo last"]
    );
    let JobKind::Build(build) = &plan.workflows[0].jobs[0].kind else {
        panic!()
    };
    assert_eq!(build.executor, "docker: a:x");
    let last = |name: &str| {
        build
            .environment
            .iter()
            .rfind(|(key, _)| key == name)
            .unwrap()
            .1
            .clone()
    };
    assert_eq!((last("A"), last("B")), ("job".to_owned(), "b".to_owned()));
    assert_eq!(build.steps.last().unwrap().action.kind(), "checkout");
}

/// A name in a step that is passed to an orb means what it means where it was written.
#[test]
fn steps_and_executors_that_are_passed_keep_their_namespace() {
    let orb = OrbSource {
        name: "acme/tools".to_owned(),
        file: "tools.yml".to_owned(),
        text: "
version: 2.1
executors: {default: {docker: [{image: of-the-orb}]}}
commands:
  say: {steps: [run: the orb says << pipeline.number >>]}
  around:
    parameters: {what: {type: steps}}
    steps: [say, steps: << parameters.what >>]
jobs:
  job:
    parameters: {executor: {type: executor, default: default}, what: {type: steps, default: [say]}}
    executor: << parameters.executor >>
    steps: [around: {what: << parameters.what >>}]
"
        .to_owned(),
    };
    let text = "
version: 2.1
orbs: {tools: acme/tools@1.2}
executors: {default: {docker: [{image: of-the-config}]}}
commands: {say: {steps: [run: the config says]}}
workflows:
  w:
    jobs:
      - tools/job: {name: a}
      - tools/job: {name: b, executor: default, what: [say, tools/say], pre-steps: [say], post-steps: [tools/say]}
";
    let plan = planned_of(text, &on_main(), &Selection::default(), &[orb]).unwrap();
    assert_eq!(commands(&plan, "a"), ["the orb says 7", "the orb says 7"]);
    let b = [
        "the config says",
        "the orb says 7",
        "the config says",
        "the orb says 7",
        "the orb says 7",
    ];
    assert_eq!(commands(&plan, "b"), b);
    let executors: Vec<&str> = plan.workflows[0]
        .jobs
        .iter()
        .map(|job| match &job.kind {
            JobKind::Build(build) => build.executor.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(executors, ["docker: of-the-orb", "docker: of-the-config"]);
}

#[test]
fn a_matrix_is_required_by_its_name() {
    let text = format!(
        "{HEAD}
jobs:
  last: {{executor: e, steps: [run: last]}}
  test: {{parameters: {{os: {{type: string}}, n: {{type: integer}}}}, executor: e, steps: [run: 't << parameters.os >> << parameters.n >>']}}
workflows:
  w:
    jobs:
      - last: {{requires: [test]}}
      - test: {{matrix: {{parameters: {{os: [a, b], n: [1, 2]}}, exclude: [{{os: b, n: 1}}]}}}}
      - test: {{name: 'x-<< matrix.os >>', n: 3, matrix: {{alias: xs, parameters: {{os: [c]}}}}}}
"
    );
    let plan = planned(&text).unwrap();
    assert_eq!(jobs(&plan), ["test-1-a", "test-2-a", "test-2-b", "last", "x-c"]);
    assert_eq!(commands(&plan, "x-c"), ["t c 3"]);
}

#[test]
fn filters_decide_by_branch_and_by_tag() {
    let text = format!(
        "{HEAD}
jobs: {{j: {{executor: e, steps: [checkout]}}}}
workflows:
  w:
    jobs:
      - j: {{name: all}}
      - j: {{name: main, filters: {{branches: {{only: main}}}}}}
      - j: {{name: features, filters: {{branches: {{only: [/feature-.*/]}}}}}}
      - j: {{name: after, requires: [features]}}
      - j: {{name: after-any, requires: [features, all]}}
      - j: {{name: after-all-that, requires: [after, after-any]}}
      - j: {{name: not-main, filters: {{branches: {{ignore: main}}}}}}
      - j: {{name: tags, filters: {{branches: {{ignore: /.*/}}, tags: {{only: /v.+/}}}}}}
"
    );
    let on = |branch: Option<&str>, tag: Option<&str>| {
        let pipeline = Pipeline {
            branch: branch.map(str::to_owned),
            tag: tag.map(str::to_owned),
            ..Pipeline::default()
        };
        let plan = planned_of(&text, &pipeline, &Selection::default(), &[]).unwrap();
        jobs(&plan).join(" ")
    };
    assert_eq!(on(Some("main"), None), "all main after-any after-all-that");
    assert_eq!(
        on(Some("feature-1"), None),
        "all features after after-any after-all-that not-main"
    );
    assert_eq!(on(None, Some("v1")), "tags");
}

/// A job that a config forbids in any of the ways that there are.
#[test]
fn what_a_condition_forbids_does_not_run() {
    for condition in [
        "pipeline.parameters.deploy",
        "(pipeline.parameters.deploy)",
        "<< pipeline.parameters.deploy >>",
        "pipeline.git.branch matches /^release$/",
        "pipeline.number > 1000",
        "pipeline.git.branch==\"release\"",
        "not(pipeline.git.branch == \"main\")",
        "pipeline.git.branch == \"main\" and pipeline.parameters.deploy",
    ] {
        for (what, jobs, workflow) in [
            (
                "when",
                "{executor: e, steps: [run: deploy]}",
                format!("{{when: '{condition}', jobs: [j]}}"),
            ),
            (
                "unless",
                "{executor: e, steps: [run: deploy]}",
                format!("{{unless: 'not ({condition})', jobs: [j]}}"),
            ),
            (
                "filters",
                "{executor: e, steps: [run: deploy]}",
                format!("{{jobs: [j: {{filters: '{condition}'}}]}}"),
            ),
            (
                "condition",
                "{executor: e, steps: [when: {condition: 'CONDITION', steps: [run: deploy]}]}",
                "{jobs: [j]}".to_owned(),
            ),
            (
                "parameter",
                "{executor: e, parameters: {wanted: {type: boolean, default: true}}, steps: [when: {condition: << \
                 parameters.wanted >>, steps: [run: deploy]}]}",
                format!("{{jobs: [j: {{wanted: '<< ({condition}) and true or false >>'}}]}}"),
            ),
        ] {
            if what == "parameter" && condition.contains("<<") {
                continue; // References are not nested.
            }
            let text = format!(
                "{HEAD}
parameters: {{deploy: {{type: boolean, default: false}}}}
jobs: {{j: {}, other: {{executor: e, steps: [checkout]}}}}
workflows: {{w: {workflow}, x: {{jobs: [other]}}}}
",
                jobs.replace("CONDITION", condition)
            );
            let plan = planned(&text).unwrap_or_else(|error| panic!("{what} {condition}: {error}"));
            let deploys =
                self::jobs(&plan).contains(&"j") && commands(&plan, "j").contains(&"deploy".to_owned());
            assert!(!deploys, "{what} {condition}");
        }
    }
}

#[test]
fn workflows_run_where_their_conditions_hold() {
    let text = format!(
        "{HEAD}
parameters: {{action: {{type: enum, enum: [build, deploy], default: build}}}}
jobs: {{j: {{executor: e, steps: [checkout]}}}}
workflows:
  build: {{when: {{equal: [build, << pipeline.parameters.action >>]}}, jobs: [j]}}
  deploy: {{unless: {{equal: [build, << pipeline.parameters.action >>]}}, jobs: [j, hold: {{type: approval}}]}}
  nightly: {{triggers: [schedule: {{cron: '0 0 * * *'}}], jobs: [j]}}
"
    );
    let plan = planned(&text).unwrap();
    assert_eq!(
        plan.workflows
            .iter()
            .map(|it| it.name.as_str())
            .collect::<Vec<_>>(),
        ["build"]
    );
    assert!(
        plan.notes
            .iter()
            .any(|note| note.contains("only a schedule starts it")),
        "{:?}",
        plan.notes
    );
    let pipeline = Pipeline {
        arguments: vec![("action".to_owned(), "deploy".to_owned())],
        ..on_main()
    };
    let plan = planned_of(&text, &pipeline, &Selection::default(), &[]).unwrap();
    assert_eq!(jobs(&plan), ["j", "hold"]);
}

#[test]
fn a_selection_brings_what_a_job_requires() {
    let text = format!(
        "{HEAD}
jobs: {{j: {{executor: e, steps: [checkout]}}}}
workflows:
  one: {{jobs: [j: {{name: a}}, j: {{name: b, requires: [a]}}, j: {{name: c, requires: [b]}}, j: {{name: d}}]}}
  two: {{jobs: [j: {{name: e}}]}}
"
    );
    let only = |workflow: Option<&str>, job: Option<&str>| {
        let selection = Selection {
            workflow: workflow.map(str::to_owned),
            job: job.map(str::to_owned),
        };
        planned_of(&text, &on_main(), &selection, &[]).map(|plan| jobs(&plan).join(" "))
    };
    assert_eq!(only(None, Some("b")), Ok("a b".to_owned()));
    assert_eq!(only(Some("two"), None), Ok("e".to_owned()));
    assert!(
        only(Some("three"), None)
            .unwrap_err()
            .contains("there are one, two")
    );
    assert!(only(Some("two"), Some("a")).unwrap_err().contains("they have e"));
}

#[test]
fn jobs_that_a_workflow_calls_twice_are_numbered() {
    let text =
        format!("{HEAD}jobs: {{j: {{executor: e, steps: [checkout]}}}}\nworkflows: {{w: {{jobs: [j, j]}}}}");
    assert_eq!(jobs(&planned(&text).unwrap()), ["j-1", "j-2"]);
}

/// Each error names the file and the way to the place.
#[test]
fn errors_say_where() {
    let job = |steps: &str| {
        format!("{HEAD}jobs: {{j: {{executor: e, steps: {steps}}}}}\nworkflows: {{w: {{jobs: [j]}}}}")
    };
    for (text, says) in [
        (
            job("[run: a, nothing]"),
            "there is no command nothing: config.yml: workflows, w, j, step 2 (nothing)",
        ),
        (
            job("[run: {name: a}]"),
            "command is missing: config.yml: workflows, w, j, step 1 (run)",
        ),
        (job("[run: << parameters.x >>]"), "parameters.x is used"),
        (job("[a/b]"), "there is no command a/b"),
        (
            format!("{HEAD}workflows: {{w: {{jobs: [k]}}}}"),
            "there is no job k: config.yml: workflows, w, k",
        ),
        (
            format!("{HEAD}jobs: {{j: {{executor: f, steps: []}}}}\nworkflows: {{w: {{jobs: [j]}}}}"),
            "there is no executor f",
        ),
        (
            format!("{HEAD}jobs: {{j: {{steps: [checkout]}}}}\nworkflows: {{w: {{jobs: [j]}}}}"),
            "the job has no executor",
        ),
        (
            format!(
                "{HEAD}jobs: {{j: {{executor: e, steps: []}}}}\nworkflows: {{w: {{jobs: [j: {{requires: [k]}}]}}}}"
            ),
            "it requires k, and the workflow has no such job",
        ),
        (
            format!(
                "{HEAD}jobs: {{j: {{executor: e, steps: []}}}}\nworkflows: {{w: {{jobs: [j: {{name: a, requires: [b]}}, j: {{name: b, requires: [a]}}]}}}}"
            ),
            "these jobs wait for one another: a, b",
        ),
        ("version: 2\njobs: {}".to_owned(), "must be 2.1"),
        (
            "version: 2.1\norbs: {x: acme/x@1}\nworkflows: {}".to_owned(),
            "--orb acme/x=FILE",
        ),
        (
            format!(
                "{HEAD}commands: {{a: {{steps: [a]}}}}\njobs: {{j: {{executor: e, steps: [a]}}}}\nworkflows: {{w: {{jobs: [j]}}}}"
            ),
            "more than 32 deep",
        ),
    ] {
        let error = planned(&text).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn a_plan_prints() {
    let text = format!(
        "{HEAD}
jobs:
  build: {{executor: e, parallelism: 2, steps: [checkout, run: {{name: Build, command: make}}, persist_to_workspace: {{root: ., paths: [a]}}]}}
  tell: {{executor: e, steps: [run: {{command: tell, when: always}}]}}
workflows:
  w:
    jobs: [build, hold: {{type: approval, requires: [build]}}, tell: {{requires: [build: failed]}}]
"
    );
    let expected = "\
workflow w
  job build
    on this machine instead of docker: a
    2 nodes, one after the other
    checkout             checkout
    run                  Build
    persist_to_workspace persist_to_workspace
  job hold, after build
    waits for an approval
  job tell, after build (failed)
    on this machine instead of docker: a
    run                  tell (always)
";
    assert_eq!(planned(&text).unwrap().to_string(), expected);
}

#[test]
fn defaults_may_have_values_of_the_pipeline() {
    let text = "
version: 2.1
parameters: {v: {type: string, default: one}, n: {type: integer, default: 3}}
commands:
  say:
    parameters: {what: {type: string, default: '<< pipeline.parameters.v >> of << pipeline.number >>'}}
    steps: [run: echo << parameters.what >>]
jobs:
  j:
    parameters: {n: {type: integer, default: << pipeline.parameters.n >>}}
    docker: [{image: a}]
    parallelism: << parameters.n >>
    steps: [say]
workflows: {w: {jobs: [j]}}
";
    let plan = planned(text).unwrap();
    assert_eq!(commands(&plan, "j"), ["echo one of 7"]);
    let JobKind::Build(build) = &plan.workflows[0].jobs[0].kind else {
        panic!("{plan:?}")
    };
    assert_eq!(build.parallelism, 3);
}

#[test]
fn steps_within_arguments_of_steps_are_the_caller_s() {
    let text = "
version: 2.1
orbs:
  o:
    commands:
      hello: {steps: [run: echo the orb]}
      wrap: {parameters: {inner: {type: steps}}, steps: << parameters.inner >>}
      outer: {parameters: {after: {type: steps}}, steps: << parameters.after >>}
commands:
  hello: {steps: [run: echo the config]}
  outer: {parameters: {after: {type: steps}}, steps: << parameters.after >>}
jobs:
  j: {docker: [{image: a}], steps: [o/wrap: {inner: [outer: {after: [hello]}, o/outer: {after: [hello]}]}]}
workflows: {w: {jobs: [j]}}
";
    assert_eq!(
        commands(&planned(text).unwrap(), "j"),
        ["echo the config", "echo the config"]
    );
}

#[test]
fn commands_that_multiply_and_come_to_nothing_have_a_limit() {
    let mut text = "version: 2.1\ncommands:\n  c20: {steps: []}\n".to_owned();
    for at in 0..20 {
        text.push_str(&format!(
            "  c{at}: {{steps: [c{next}, c{next}]}}\n",
            next = at + 1
        ));
    }
    text.push_str("jobs: {j: {docker: [{image: a}], steps: [c0]}}\nworkflows: {w: {jobs: [j]}}\n");
    let error = planned(&text).unwrap_err();
    assert!(error.contains("more than 10000 steps"), "{error}");
}

#[test]
fn without_workflows_the_job_build_runs() {
    let text = "version: 2.1\njobs: {build: {docker: [{image: a}], steps: [run: 'true']}}\n";
    assert_eq!(jobs(&planned(text).unwrap()), ["build"]);
    let error = planned(&text.replace("build", "make")).unwrap_err();
    assert!(error.contains("neither workflows nor a job build"), "{error}");
}

#[test]
fn a_plan_is_safe_to_show() {
    let text = "version: 2.1\njobs: {build: {docker: [{image: a}], steps: [run: {name: \"a\\e[2Jb\\nc\", command: x}]}}\n";
    let shown = planned(text).unwrap().to_string();
    assert!(
        !shown.contains('\u{1b}') && shown.contains("a\\u{1b}[2Jb\\nc"),
        "{shown}"
    );
}
