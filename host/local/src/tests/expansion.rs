//! Commands, jobs, executors and orbs: what a config comes to.

use super::*;

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
    2 nodes
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

/// An orb is read where something of it is used, and by nothing else.
#[test]
fn only_orbs_that_are_used_are_wanted() {
    let text = |condition: &str| {
        format!(
            "{HEAD}orbs: {{used: acme/used@1, unused: acme/unused@1}}\n\
             jobs: {{k: {{executor: e, steps: [checkout]}}}}\n\
             workflows: {{a: {{jobs: [k]}}, b: {{{condition}, jobs: [used/j]}}}}"
        )
    };
    let plan = |condition: &str, workflow: Option<&str>, unavailable: &[&str]| {
        let unavailable: Vec<OrbReference> = unavailable
            .iter()
            .map(|it| OrbReference::parse(it, &Place::file("")).unwrap())
            .collect();
        let text = text(condition);
        let config = Config {
            file: "config.yml",
            text: &text,
            orbs: &[],
            unavailable: &unavailable,
        };
        let selection = Selection {
            workflow: workflow.map(str::to_owned),
            job: None,
        };
        super::plan(config, &on_main(), &selection)
    };
    let wanted = |planned: Result<Plan, LocalError>| match planned {
        Err(LocalError::OrbMissing { reference, .. }) => reference.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(wanted(plan("when: true", None, &[])), "acme/used@1");
    assert_eq!(wanted(plan("when: false", None, &[])), "acme/used@1");
    assert_eq!(wanted(plan("when: true", None, &["acme/used@1"])), "acme/used@1");
    assert_eq!(jobs(&plan("when: true", Some("a"), &[]).unwrap()), ["k"]);
    let unchecked = plan("when: false", None, &["acme/used@1"]).unwrap();
    assert!(
        unchecked
            .notes
            .contains(&"the workflow b is not checked: the orb acme/used@1 is not available".to_owned()),
        "{:?}",
        unchecked.notes
    );
}

#[test]
fn version_2_has_no_references_and_no_keys_of_2_1() {
    let text = |version: &str| {
        format!(
            "version: {version}\njobs: {{build: {{docker: [{{image: a}}], steps: [run: 'cat <<EOF << parameters.x >> \\<<']}}}}\n\
             workflows: {{version: 2, w: {{jobs: [build]}}}}"
        )
    };
    for version in ["2", "2.0", "'2'"] {
        let plan = planned(&text(version)).unwrap();
        assert_eq!(commands(&plan, "build"), ["cat <<EOF << parameters.x >> \\<<"]);
    }
    assert!(planned(&text("2.1")).unwrap_err().contains("cannot evaluate"));
    let error = planned("version: 2\norbs: {}\njobs: {}").unwrap_err();
    assert_eq!(
        error,
        "config.yml:2: orbs: version 2 has no orbs; write version: 2.1"
    );
    assert!(
        planned("jobs: {}")
            .unwrap_err()
            .contains("the version is missing")
    );
}

#[test]
fn a_job_of_an_orb_overrides_one_of_the_config() {
    let text = |overriding: &str| {
        format!(
            "version: 2.1
orbs: {{o: {{jobs: {{other: {{docker: [{{image: a}}], steps: [run: the orb]}}}}}}}}
jobs: {{j: {{docker: [{{image: a}}], steps: [run: the config]}}}}
workflows: {{w: {{jobs: [j: {{override-with: {overriding}}}]}}}}"
        )
    };
    assert_eq!(commands(&planned(&text("o/other")).unwrap(), "j"), ["the orb"]);
    assert_eq!(commands(&planned(&text("o/none")).unwrap(), "j"), ["the config"]);
}

/// A job that was expanded by CircleCI has the name of the orb's in the config itself.
#[test]
fn a_processed_config_is_planned() {
    let text = "version: 2\njobs: {node/test: {docker: [{image: a}], steps: [checkout]}}\nworkflows: {version: 2, w: {jobs: [node/test]}}";
    assert_eq!(jobs(&planned(text).unwrap()), ["node/test"]);
}

#[test]
fn a_job_s_own_machine_replaces_that_of_its_executor() {
    let text = format!(
        "{HEAD}jobs: {{j: {{executor: e, machine: {{image: ubuntu}}, steps: [checkout]}}}}\nworkflows: {{w: {{jobs: [j]}}}}"
    );
    let plan = planned(&text).unwrap();
    let JobKind::Build(build) = &plan.workflows[0].jobs[0].kind else {
        panic!("{plan:?}")
    };
    assert_eq!(build.executor, "machine: ubuntu");
}
