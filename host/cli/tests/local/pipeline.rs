//! The pipeline of a run: its values, the workflows that run in it, and the config that continues it.

use crate::laptop::Laptop;
use crate::runner::config;

/// A workflow that is named and runs nothing says so, and why.
#[test]
fn a_named_workflow_that_runs_nothing_is_no_success() {
    let laptop = Laptop::new();
    for (workflow, why) in [
        (
            "when: false, jobs: [j]",
            "the workflow w does not run: its when says so",
        ),
        (
            "jobs: [j: {filters: {branches: {only: other}}}]",
            "the job j of the workflow w does not run: its filters say so",
        ),
        (
            "triggers: [schedule: {cron: '0 0 * * *', filters: {branches: {only: main}}}], jobs: [j]",
            "only a schedule starts it",
        ),
    ] {
        let config = config("  j: {executor: e, steps: [run: 'true']}", "[j]");
        let config = config.replace("jobs: [j]", workflow);
        for more in [[].as_slice(), &["--dry-run"]] {
            let named: Vec<&str> = ["--workflow", "w"].iter().chain(more).copied().collect();
            laptop
                .local(&config, &named)
                .ends(3)
                .tells(why)
                .tells("the workflow w runs no job");
            laptop.local(&config, more).succeeds();
        }
    }
}

#[test]
fn values_of_the_pipeline_follow_from_git_and_options() {
    let laptop = Laptop::new();
    laptop.git("update-ref refs/remotes/origin/trunk HEAD");
    let echo = |value: &str| {
        config(
            &format!("  j: {{executor: e, steps: [run: 'got << {value} >>']}}"),
            "[j]",
        )
    };
    let got = |value: &str, options: &[&str]| {
        let all: Vec<&str> = ["--dry-run"].iter().chain(options).copied().collect();
        let ran = laptop.local(&echo(value), &all).succeeds();
        ran.json["workflows"][0]["jobs"][0]["steps"][0]["command"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    laptop
        .local(&echo("pipeline.git.branch.is_default"), &["--dry-run"])
        .ends(1)
        .tells("name it with --default-branch");
    assert_eq!(
        got("pipeline.git.branch.is_default", &["--default-branch", "main"]),
        "got true"
    );
    laptop.git("symbolic-ref refs/remotes/origin/HEAD refs/remotes/origin/trunk");
    assert_eq!(got("pipeline.git.branch.is_default", &[]), "got false");
    for (value, options, expected) in [
        (
            "pipeline.git.branch.is_default",
            ["--branch", "trunk"].as_slice(),
            "true",
        ),
        ("pipeline.project.slug", &[], "gh/acme/shop"),
        ("pipeline.git.commit.subject", &[], "change"),
        ("pipeline.event.name", &[], "push"),
        ("pipeline.trigger_source", &[], "webhook"),
        ("pipeline.git.tag or 0", &[], "0"),
        ("pipeline.schedule.name", &[], ""),
        (
            "pipeline.schedule.name",
            &["--pipeline-value", "schedule.name=nightly"],
            "nightly",
        ),
    ] {
        assert_eq!(
            got(value, options).trim_end(),
            format!("got {expected}").trim_end(),
            "{value}"
        );
    }
    laptop
        .local(
            &echo("pipeline.id"),
            &["--dry-run", "--pipeline-value", "schedule.nam=x"],
        )
        .ends(1)
        .tells("pipeline.schedule.nam does not exist");
}

/// The orb's step and a request to the API continue a pipeline in the same way.
#[test]
fn a_setup_workflow_continues_with_another_config() {
    let laptop = Laptop::new();
    laptop.write(
        "continuation.yml",
        "version: 2.1\ncommands: {continue: {parameters: {configuration_path: {type: string}, parameters: {type: string, default: '{}'}}, \
         steps: [run: asks circleci.com]}}\n",
    );
    laptop.write(
        "more.yml",
        "version: 2.1\nparameters: {to: {type: string, default: nobody}, n: {type: integer, default: 0}}\n\
         jobs: {j: {docker: [{image: a}], steps: [run: 'echo << pipeline.parameters.to >> << pipeline.parameters.n >> << pipeline.in_setup >> > ~/said']}, \
         k: {docker: [{image: a}], steps: [run: 'true']}}\n\
         workflows: {main: {jobs: [j]}, other: {when: << pipeline.parameters.n >>, jobs: [k]}}\n",
    );
    let config = |step: &str| {
        format!(
            "version: 2.1\nsetup: true\norbs: {{continuation: circleci/continuation@1}}\n\
             jobs: {{choose: {{docker: [{{image: a}}], steps: [checkout, {step}]}}}}\nworkflows: {{choose: {{jobs: [choose]}}}}\n"
        )
    };
    let orb = ["--offline", "--orb", "circleci/continuation=continuation.yml"];
    let by_orb =
        "continuation/continue: {configuration_path: more.yml, parameters: '{\"to\": \"you\", \"n\": 3}'}";
    let by_request = r#"run: "jq -Rs --arg key \"$CIRCLE_CONTINUATION_KEY\" '{\"continuation-key\": $key, configuration: ., parameters: {to: \"you\", n: 3}}' more.yml | curl -sSf --json @- $BATON_CIRCLECI_API/api/v2/pipeline/continue""#;
    let has = |program: &str| {
        std::process::Command::new(program)
            .arg("--version")
            .output()
            .is_ok()
    };
    let mut steps = vec![by_orb];
    if has("jq") && has("curl") {
        steps.push(by_request);
    }
    for step in steps {
        let ran = laptop.local(&config(step), &orb).succeeds();
        let ended: Vec<&str> = ran.statuses().into_keys().collect();
        assert_eq!(ended, ["choose", "j", "k"]);
        assert_eq!(ran.read("j", "said"), "you 3 false\n");
    }
    // A workflow that is named may be one of the second config.
    let named: Vec<&str> = orb.iter().chain(&["--workflow", "main"]).copied().collect();
    let ran = laptop.local(&config(by_orb), &named).succeeds();
    assert_eq!(ran.statuses().into_keys().collect::<Vec<_>>(), ["choose", "j"]);
    laptop
        .local(&config("run: 'true'"), &orb)
        .ends(1)
        .tells("did not continue the pipeline");
    laptop
        .local(
            &config("continuation/continue: {configuration_path: none.yml}"),
            &orb,
        )
        .ends(1)
        .tells("cannot read");
}
