//! The scripts of `integrations/`, as the other runners call them. baton is on the path, so nothing is installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::laptop::BATON;
use crate::trees::tree;

struct Agent {
    dir: TempDir,
}

impl Agent {
    fn new() -> Agent {
        let dir = tempfile::Builder::new().prefix("baton-agent-").tempdir().unwrap();
        let agent = Agent { dir };
        fs::create_dir_all(agent.path("work/dist/bin")).unwrap();
        fs::write(agent.path("work/dist/bin/app"), "app").unwrap();
        fs::write(agent.path("work/dist/a b"), "text").unwrap();
        fs::write(agent.path("work/notes"), "notes").unwrap();
        agent
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn bash(&self, script: &str, variables: &[(&str, &str)]) -> Output {
        let integrations = baton_testkit::repository().join("integrations");
        let beside = Path::new(BATON).parent().unwrap();
        let mut command = Command::new("bash");
        command
            .args(["-euo", "pipefail", "-c", script])
            .current_dir(self.path("work"))
            .env_clear()
            .env(
                "PATH",
                format!("{}:/usr/local/bin:/usr/bin:/bin", beside.display()),
            )
            .env("HOME", self.path("home"))
            .env("INTEGRATIONS", integrations)
            .env("BATON_PROJECT", "gh/acme/shop")
            .env("BATON_BRANCH", "main")
            .env("BATON_STORE", self.path("store"))
            .envs(variables.iter().copied());
        command.output().unwrap()
    }
}

#[track_caller]
fn out(output: &Output) -> String {
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{err}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn the_shared_script_persists_and_attaches_and_prints_the_build() {
    let agent = Agent::new();
    let paths = "dist\nnotes\n!dist/a*\n";
    let ran = agent.bash(
        "$INTEGRATIONS/shell/steps.sh",
        &[("PARAM_PERSIST", paths), ("BATON_NUMBER", "7")],
    );
    assert_eq!(out(&ran), "build:7\n");
    let ran = agent.bash(
        "$INTEGRATIONS/shell/steps.sh",
        &[("PARAM_ATTACH", "latest"), ("PARAM_AT", "out put")],
    );
    assert_eq!(out(&ran), "");
    let names: Vec<String> = tree(&agent.path("work/out put")).into_keys().collect();
    assert_eq!(names, ["dist", "dist/bin", "dist/bin/app", "notes"]);
    // A store that is given goes before the variable.
    let ran = agent.bash(
        "$INTEGRATIONS/shell/steps.sh",
        &[("PARAM_ATTACH", "latest"), ("PARAM_STORE", "/no/such/store")],
    );
    assert!(!ran.status.success() && String::from_utf8_lossy(&ran.stderr).contains("/no/such/store"));
}

#[test]
fn the_plugin_persists_after_a_command_that_did_well() {
    let agent = Agent::new();
    let hooks = "source $INTEGRATIONS/buildkite/baton/hooks/environment; $INTEGRATIONS/buildkite/baton/hooks/pre-command; \
                 $INTEGRATIONS/buildkite/baton/hooks/post-command";
    let build = [
        ("BUILDKITE_PLUGIN_BATON_PERSIST_0", "dist"),
        ("BUILDKITE_PLUGIN_BATON_PERSIST_1", "notes"),
        ("BATON_NUMBER", "8"),
    ];
    let failed = [&build[..], &[("BUILDKITE_COMMAND_EXIT_STATUS", "1")]].concat();
    assert!(out(&agent.bash(hooks, &failed)).contains("persists nothing"));
    assert!(!agent.path("store").exists());
    let done = [&build[..], &[("BUILDKITE_COMMAND_EXIT_STATUS", "0")]].concat();
    assert!(out(&agent.bash(hooks, &done)).ends_with("build:8\n"));
    let deploy = [
        ("BUILDKITE_PLUGIN_BATON_ATTACH", "latest@main"),
        ("BUILDKITE_PLUGIN_BATON_AT", "out"),
    ];
    out(&agent.bash(hooks, &deploy));
    assert_eq!(tree(&agent.path("work/out/dist")), tree(&agent.path("work/dist")));
}

#[test]
fn the_example_for_shells_builds_and_deploys() {
    let agent = Agent::new();
    let number = [("BATON_NUMBER", "9")];
    assert_eq!(
        out(&agent.bash("$INTEGRATIONS/shell/example.sh build", &number)),
        "build:9\n"
    );
    let deployed = out(&agent.bash("$INTEGRATIONS/shell/example.sh deploy", &[]));
    assert_eq!(
        deployed,
        fs::read_to_string(agent.path("work/dist/built.txt")).unwrap()
    );
    assert_eq!(
        agent.bash("$INTEGRATIONS/shell/example.sh", &[]).status.code(),
        Some(2)
    );
}
