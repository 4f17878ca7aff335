//! The manual that the command prints.

use crate::place::Place;

/// Wide enough that no line depends on where the tests run.
const COLUMNS: &str = "100";

fn assert_help(name: &str, words: &str) {
    let place = Place::new();
    // What clap shows of a variable's value would be this test's.
    let job = place.bare("work").without("BATON_STORE").set("COLUMNS", COLUMNS);
    let help = job.baton(words).succeeds().out;
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, help));
}

macro_rules! helps {
    ($($name:ident: $words:literal,)*) => {
        $(
            #[test]
            fn $name() {
                assert_help(stringify!($name), $words);
            }
        )*

        #[test]
        fn every_command_has_its_help_here() {
            let place = Place::new();
            let help = place.bare("work").baton("--help").succeeds().out;
            let commands = help.split("Commands:\n").nth(1).unwrap().lines().take_while(|line| !line.is_empty());
            let words = [$($words),*];
            for command in commands.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help") {
                assert!(words.contains(&format!("{command} --help").as_str()), "{command}");
            }
        }
    };
}

helps! {
    help: "--help",
    help_short: "-h",
    help_persist: "persist --help",
    help_attach: "attach --help",
    help_latest: "latest --help",
    help_builds: "builds --help",
    help_artifacts: "artifacts --help",
    help_channels: "channels --help",
    help_show: "show --help",
    help_diff: "diff --help",
    help_promote: "promote --help",
    help_rollback: "rollback --help",
    help_release: "release --help",
    help_history: "history --help",
    help_verify: "verify --help",
    help_prune: "prune --help",
    help_remove: "remove --help",
    help_policy: "policy --help",
    help_local: "local --help",
    help_doctor: "doctor --help",
    help_component: "component --help",
}
