//! The workflows and jobs that run, and their order.

use super::*;

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
    let text = |calls: &str| {
        format!(
            "{HEAD}jobs: {{j: {{executor: e, parameters: {{n: {{type: integer, default: 1}}}}, steps: [checkout]}}}}\n\
             workflows: {{w: {{jobs: [{calls}]}}}}"
        )
    };
    assert_eq!(jobs(&planned(&text("j, j: {n: 2}")).unwrap()), ["j-1", "j-2"]);
    for (calls, says) in [
        (
            "j, j",
            "workflows.w.jobs[1].j: the workflow calls j twice with the same arguments",
        ),
        (
            "j, j: {n: 2}, j: {name: last, requires: [j]}",
            "workflows.w.jobs[2].j.requires[0]: the workflow calls j several times; give each call a name",
        ),
        (
            "j: {name: a}, j: {name: b, requires: [j]}",
            "it requires j, and the workflow has no such job",
        ),
        (
            "j: {name: first}, j: {name: b, requires: [frist]}",
            "did you mean \"first\"?",
        ),
    ] {
        let error = planned(&text(calls)).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn without_workflows_the_job_build_runs() {
    let text = "version: 2.1\njobs: {build: {docker: [{image: a}], steps: [run: 'true']}}\n";
    assert_eq!(jobs(&planned(text).unwrap()), ["build"]);
    let plan = planned(&text.replace("build", "make")).unwrap();
    assert!(
        plan.workflows.is_empty() && plan.notes[0].contains("nothing runs"),
        "{plan:?}"
    );
    let error = planned(&text.replace("build", "make").replace("run:", "rum:")).unwrap_err();
    assert!(error.contains("there is no command rum"), "{error}");
}

/// CircleCI refuses a config with a mistake in a workflow that does not run.
#[test]
fn workflows_that_do_not_run_are_checked() {
    let text = |condition: &str| {
        format!(
            "{HEAD}jobs: {{j: {{executor: e, steps: [nothing]}}, k: {{executor: e, steps: [checkout]}}}}\n\
             workflows: {{on: {{jobs: [k]}}, off: {{{condition}, jobs: [j]}}}}"
        )
    };
    for condition in [
        "when: false",
        "unless: true",
        "triggers: [schedule: {cron: '0 0 * * *', filters: {branches: {only: main}}}]",
    ] {
        let error = planned(&text(condition)).unwrap_err();
        assert!(
            error.contains("jobs.j.steps[0]: there is no command nothing"),
            "{error}"
        );
    }
    let selection = Selection {
        workflow: Some("on".to_owned()),
        job: None,
    };
    let plan = planned_of(&text("when: false"), &on_main(), &selection, &[]).unwrap();
    assert_eq!(jobs(&plan), ["k"]);
}

#[test]
fn groups_of_jobs_lie_between_a_start_and_an_end() {
    let text = format!(
        "{HEAD}jobs: {{j: {{executor: e, steps: [checkout]}}}}
job-groups: {{g: {{jobs: [j: {{name: migrate}}, j: {{name: verify, requires: [migrate]}}, j: {{name: other}}]}}}}
workflows:
  w:
    jobs: [j: {{name: build}}, g: {{requires: [build], serial-group: 'deploy/<< pipeline.project.slug >>'}}, j: {{name: last, requires: [g]}}]
  twice:
    jobs: [g: {{name: one}}, g: {{name: two, requires: [one]}}]
"
    );
    let pipeline = Pipeline {
        project_slug: "gh/acme/shop".to_owned(),
        ..on_main()
    };
    let plan = planned_of(&text, &pipeline, &Selection::default(), &[]).unwrap();
    let requires: Vec<String> = plan
        .workflows
        .iter()
        .flat_map(|it| &it.jobs)
        .map(|job| {
            let names: Vec<&str> = job.requires.iter().map(|it| it.job.as_str()).collect();
            format!("{}: {}", job.name, names.join(" "))
        })
        .collect();
    let expected = [
        "build: ",
        "g-start: build",
        "migrate: g-start",
        "verify: migrate",
        "other: g-start",
        "g: verify other",
        "last: g",
        "one-start: ",
        "one-migrate: one-start",
        "one-verify: one-migrate",
        "one-other: one-start",
        "one: one-verify one-other",
        "two-start: one",
        "two-migrate: two-start",
        "two-verify: two-migrate",
        "two-other: two-start",
        "two: two-verify two-other",
    ];
    assert_eq!(requires, expected);
    for (from, to, says) in [
        (
            "requires: [g]}",
            "requires: [verify]}",
            "verify is a job of a group; require the group g",
        ),
        ("name: two, ", "", "the group g is called twice"),
        ("name: one", "matrix: {}", "jobs[0].g.matrix: unknown key"),
        (
            "requires: [migrate]",
            "requires: [build]",
            "requires build, which the group does not have",
        ),
    ] {
        let text = text.replace(from, to).replace(
            "g: {name: one}",
            if says.contains("twice") {
                "g"
            } else {
                "g: {name: one}"
            },
        );
        let error = planned_of(&text, &pipeline, &Selection::default(), &[]).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
    let error = planned(&text).unwrap();
    assert!(!error.workflows.is_empty());
    let error = planned(&text.replace("deploy/<< pipeline.project.slug >>", "a b")).unwrap_err();
    assert!(error.contains("no name of a serial group"), "{error}");
}

/// Where a filter has both, CircleCI uses `only`.
#[test]
fn only_goes_before_ignore() {
    let text = |filters: &str| {
        format!(
            "{HEAD}jobs: {{j: {{executor: e, steps: [checkout]}}}}\nworkflows: {{w: {{jobs: [j: {{filters: {filters}}}]}}}}"
        )
    };
    let runs = |filters: &str| !jobs(&planned(&text(filters)).unwrap()).is_empty();
    assert!(runs("{branches: {only: main, ignore: main}}"));
    assert!(!runs("{branches: {only: dev, ignore: other}}"));
    assert!(runs("{branches: {}}"));
    let on_tag = Pipeline {
        branch: None,
        tag: Some("v1".to_owned()),
        ..on_main()
    };
    let on_tag = |filters: &str| planned_of(&text(filters), &on_tag, &Selection::default(), &[]).unwrap();
    assert!(jobs(&on_tag("{tags: {}}")).is_empty());
    assert_eq!(jobs(&on_tag("{tags: {ignore: v2}}")), ["j"]);
}
