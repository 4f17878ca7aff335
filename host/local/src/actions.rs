//! The steps that CircleCI has itself: each with its keys, and with those keys only.

use std::time::Duration;

use super::error::{LocalError, Place};
use super::parameters::is_variable_name;
use super::plan::{Action, Run, Step, When};
use super::spelling::{similar, unknown_key};
use super::yaml::Yaml;

/// A command that says nothing for this long is ended, as on CircleCI.
const NO_OUTPUT_TIME_MAX: Duration = Duration::from_secs(600);
/// CircleCI's limits for automatic reruns.
const AUTO_RERUNS: std::ops::RangeInclusive<u32> = 1..=5;
const AUTO_RERUN_DELAY_MAX: Duration = Duration::from_secs(600);

/// Returns the step that a name of CircleCI's own means; nothing where it is none.
pub(crate) fn step(name: &str, arguments: &Yaml, place: &Place) -> Result<Option<Step>, LocalError> {
    let keys = Keys { arguments, place };
    let nothing = |why| Action::Nothing { why };
    let (action, allowed): (Action, &[&str]) = match name {
        "run" | "deploy" => return run(arguments, place).map(Some),
        "checkout" => {
            let action = Action::Checkout {
                path: keys.text("path")?,
            };
            (action, &["path", "method", "depth"])
        }
        "persist_to_workspace" => {
            let action = Action::Persist {
                root: keys.required("root")?,
                paths: keys.list("paths")?,
            };
            (action, &["root", "paths"])
        }
        "attach_workspace" => {
            let action = Action::Attach {
                at: keys.required("at")?,
            };
            (action, &["at"])
        }
        "store_artifacts" => {
            let action = Action::StoreArtifacts {
                path: keys.required("path")?,
                destination: keys.text("destination")?,
            };
            (action, &["path", "destination"])
        }
        "store_test_results" => {
            keys.only(&["path"])?;
            let action = Action::StoreTestResults {
                path: keys.required("path")?,
            };
            (action, &["path"])
        }
        "save_cache" => {
            keys.only(&["paths", "key"])?;
            let action = Action::SaveCache {
                key: keys.required("key")?,
                paths: keys.list("paths")?,
            };
            (action, &["paths", "key"])
        }
        "restore_cache" => {
            let mut all: Vec<String> = keys.text("key")?.into_iter().collect();
            if all.is_empty() || arguments.get("keys").is_some() {
                all.extend(keys.list("keys")?);
            }
            (Action::RestoreCache { keys: all }, &["key", "keys"])
        }
        "setup_remote_docker" => (
            nothing("the commands use the Docker of this machine, where there is one"),
            &["version", "docker_layer_caching"],
        ),
        "add_ssh_keys" => (nothing("no key of the project is here"), &["fingerprints"]),
        "install_signing_bundle" => (nothing("no certificate of the project is here"), &[]),
        _ => return Ok(None),
    };
    keys.only(allowed)?;
    Ok(Some(Step {
        name: keys.text("name")?.unwrap_or_else(|| name.to_owned()),
        // CircleCI keeps artifacts and test results of a job that failed.
        when: match name {
            "store_artifacts" | "store_test_results" => When::Always,
            _ => keys.when()?,
        },
        action,
    }))
}

/// The arguments of one step.
struct Keys<'a> {
    arguments: &'a Yaml,
    place: &'a Place,
}

impl Keys<'_> {
    fn text(&self, key: &str) -> Result<Option<String>, LocalError> {
        let value = self.arguments.get(key);
        value
            .map(|value| value.scalar(&self.place.within(key)))
            .transpose()
    }

    fn required(&self, key: &str) -> Result<String, LocalError> {
        match self.text(key)? {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(self.place.wrong(format!("{key} is missing"))),
        }
    }

    fn list(&self, key: &str) -> Result<Vec<String>, LocalError> {
        let place = self.place.within(key);
        let texts = match self.arguments.get(key) {
            None | Some(Yaml::Null) => Vec::new(),
            Some(texts) => texts.texts(&place)?,
        };
        match texts.is_empty() {
            true => Err(self.place.wrong(format!("{key} is missing"))),
            false => Ok(texts),
        }
    }

    fn when(&self) -> Result<When, LocalError> {
        match self.text("when")?.as_deref() {
            None | Some("on_success") => Ok(When::OnSuccess),
            Some("always") => Ok(When::Always),
            Some("on_fail") => Ok(When::OnFail),
            Some(other) => Err(self.place.within("when").wrong(format!(
                "when is {other}, and one of these is expected: on_success, always, on_fail"
            ))),
        }
    }

    /// Refuses keys that are misspelled. Others that the step does not have are ignored, as on CircleCI.
    fn only(&self, allowed: &[&str]) -> Result<(), LocalError> {
        let allowed: Vec<&str> = allowed.iter().copied().chain(["name", "when"]).collect();
        for (key, _) in self.arguments.entries(self.place)? {
            if !allowed.contains(&key.as_str()) && similar(key, &allowed).is_some() {
                return Err(unknown_key(self.place, key, &allowed));
            }
        }
        Ok(())
    }
}

fn run(arguments: &Yaml, place: &Place) -> Result<Step, LocalError> {
    let map;
    let arguments = match arguments {
        Yaml::Text(command) => {
            map = Yaml::Map(vec![("command".to_owned(), Yaml::Text(command.clone()))]);
            &map
        }
        other => other,
    };
    let keys = Keys { arguments, place };
    let allowed = [
        "command",
        "environment",
        "working_directory",
        "shell",
        "background",
        "no_output_timeout",
        "max_auto_reruns",
        "auto_rerun_delay",
    ];
    keys.only(&allowed)?;
    let command = keys.required("command")?;
    let first = command.lines().find(|line| !line.trim().is_empty());
    let background = match arguments.get("background") {
        None => false,
        Some(value) => value.as_bool().ok_or_else(|| {
            place.within("background").wrong(format!(
                "background is {}, and a boolean is expected",
                value.kind()
            ))
        })?,
    };
    let no_output_time_max = match keys.text("no_output_timeout")? {
        None => NO_OUTPUT_TIME_MAX,
        Some(text) => duration(&text).ok_or_else(|| {
            place.within("no_output_timeout").wrong(format!(
                "no_output_timeout is {text}, and a time such as 20m is expected"
            ))
        })?,
    };
    let max_auto_reruns = match arguments.get("max_auto_reruns") {
        None => 0,
        Some(value) => auto_reruns(value, place)?,
    };
    let auto_rerun_delay = match keys.text("auto_rerun_delay")? {
        None => Duration::ZERO,
        Some(text) => duration(&text)
            .filter(|delay| *delay <= AUTO_RERUN_DELAY_MAX)
            .ok_or_else(|| {
                place.wrong(format!(
                    "auto_rerun_delay is {text}, and a time of at most 10m is expected, such as 10s"
                ))
            })?,
    };
    Ok(Step {
        name: match keys.text("name")? {
            Some(name) => name,
            None => first.unwrap_or_default().trim().to_owned(),
        },
        when: keys.when()?,
        action: Action::Run(Box::new(Run {
            environment: environment(arguments.get("environment"), &place.within("environment"))?,
            working_directory: keys.text("working_directory")?,
            shell: keys.text("shell")?,
            command,
            background,
            no_output_time_max,
            max_auto_reruns,
            auto_rerun_delay,
        })),
    })
}

/// Returns how often a step or a workflow runs again.
pub(crate) fn auto_reruns(value: &Yaml, place: &Place) -> Result<u32, LocalError> {
    let number: Option<u32> = value.scalar(place)?.parse().ok();
    number
        .filter(|number| AUTO_RERUNS.contains(number))
        .ok_or_else(|| place.wrong("max_auto_reruns is a number from 1 to 5"))
}

/// Returns a time such as `10m`, `1.5h` or `30s`.
fn duration(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let seconds = match unit {
        's' => 1.0,
        'm' => 60.0,
        'h' => 3600.0,
        _ => return None,
    };
    let number: f64 = text.strip_suffix(unit)?.parse().ok()?;
    Duration::try_from_secs_f64(number * seconds).ok()
}

/// Returns the variables of an executor, a job or a step: a map, a text as in `NAME=VALUE`, or a list of these.
pub(crate) fn environment(value: Option<&Yaml>, place: &Place) -> Result<Vec<(String, String)>, LocalError> {
    let mut variables = Vec::new();
    if let Some(value) = value {
        add_variables(value, place, &mut variables)?;
    }
    Ok(variables)
}

fn add_variables(
    value: &Yaml,
    place: &Place,
    variables: &mut Vec<(String, String)>,
) -> Result<(), LocalError> {
    let mut add = |name: &str, value: String, place: &Place| {
        if !is_variable_name(name) {
            return Err(place.wrong(format!("{name:?} cannot be the name of a variable")));
        }
        variables.push((name.to_owned(), value));
        Ok(())
    };
    match value {
        Yaml::List(items) => {
            for (at, item) in items.iter().enumerate() {
                add_variables(item, &place.item(at), variables)?;
            }
            Ok(())
        }
        Yaml::Text(text) => match text.split_once('=') {
            Some((name, value)) => add(name, value.to_owned(), place),
            None => Err(place.wrong(format!("{text:?} is no variable; expected NAME=VALUE"))),
        },
        map => {
            for (name, value) in map.entries(place)? {
                let place = place.within(name);
                add(name, value.scalar(&place)?, &place)?;
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

    use super::*;

    fn stepped(name: &str, arguments: &str) -> Result<Option<Step>, String> {
        let arguments = Yaml::parse(arguments, "config.yml").unwrap();
        step(name, &arguments, &Place::file("config.yml")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_run_has_its_name_from_its_command() {
        let step = stepped("run", "|\n\n  make dist\n  make check").unwrap().unwrap();
        assert_eq!(step.name, "make dist");
        let Action::Run(run) = step.action else { panic!() };
        assert_eq!(run.no_output_time_max, Duration::from_secs(600));
        assert!(!run.background);
    }

    #[test]
    fn artifacts_of_a_failed_job_are_kept() {
        assert_eq!(
            stepped("store_artifacts", "{path: a}").unwrap().unwrap().when,
            When::Always
        );
        assert_eq!(
            stepped("run", "{command: a, when: on_fail}")
                .unwrap()
                .unwrap()
                .when,
            When::OnFail
        );
    }

    #[test]
    fn keys_that_mean_nothing_are_errors() {
        for (name, arguments, says) in [
            (
                "run",
                "{comand: a}",
                "config.yml: comand: unknown key; did you mean \"command\"?",
            ),
            ("run", "{name: a}", "command is missing"),
            ("run", "{command: a, when: never}", "when is never"),
            ("run", "{command: a, no_output_timeout: 20}", "a time such as 20m"),
            (
                "run",
                "{command: a, environment: {a-b: c}}",
                "cannot be the name of a variable",
            ),
            ("attach_workspace", "{}", "at is missing"),
            ("persist_to_workspace", "{root: .}", "paths is missing"),
            (
                "store_artifacts",
                "{path: a, detsination: b}",
                "did you mean \"destination\"?",
            ),
            ("save_cache", "{key: a, path: [b]}", "did you mean \"paths\"?"),
        ] {
            let error = stepped(name, arguments).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
        assert_eq!(stepped("my-command", "{}"), Ok(None));
        // Another key is ignored, as on CircleCI.
        assert!(
            stepped("store_artifacts", "{path: a, prefix: b}")
                .unwrap()
                .is_some()
        );
    }

    #[test]
    fn variables_are_maps_texts_and_lists_of_them() {
        let read = |text: &str| {
            let value = Yaml::parse(text, "config.yml").unwrap();
            environment(Some(&value), &Place::file("config.yml")).map_err(|error| error.to_string())
        };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let all = [pair("A", "b"), pair("C", "d=e"), pair("F", ""), pair("G", "1")];
        assert_eq!(read("[{A: b}, C=d=e, [{F: }, G=1]]").unwrap(), all);
        assert_eq!(read("").unwrap(), []);
        assert!(read("[A]").unwrap_err().contains("expected NAME=VALUE"));
        assert!(read("a-b=c").unwrap_err().contains("cannot be the name"));
    }

    #[test]
    fn times_have_units() {
        assert_eq!(duration("1.5h"), Some(Duration::from_secs(5400)));
        assert_eq!(duration("30s"), Some(Duration::from_secs(30)));
        assert_eq!(duration("10"), None);
        assert_eq!(duration("-1s"), None);
    }
}
