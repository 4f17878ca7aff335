//! From the steps of a config to those that run: commands become their steps, conditions are decided.

use super::actions;
use super::error::{LocalError, Place};
use super::namespace::{Found, Namespace, Section};
use super::pipeline::PipelineValues;
use super::plan::{Action, Step, When};
use super::template::Scope;
use super::yaml::Yaml;

/// Commands call commands this deep.
const COMMAND_DEPTH_MAX: usize = 32;
/// A job has at most this many steps, with the calls of commands.
const STEPS_MAX: usize = 10_000;

/// The context in which steps are expanded.
pub(crate) struct Steps<'a> {
    pub(crate) config: &'a Namespace,
    pub(crate) pipeline: &'a PipelineValues<'a>,
    pub(crate) expanded: Vec<Step>,
    /// How many steps were looked at: commands that call each other may be many, and come to nothing.
    pub(crate) count: usize,
}

impl<'a> Steps<'a> {
    /// Adds steps whose references are filled in already, and which speak in the namespace `from`.
    pub(crate) fn add(&mut self, steps: &Yaml, from: &'a Namespace, place: &Place) -> Result<(), LocalError> {
        self.add_at(steps, from, place, 0)
    }

    fn add_at(
        &mut self,
        steps: &Yaml,
        from: &'a Namespace,
        place: &Place,
        depth: usize,
    ) -> Result<(), LocalError> {
        if depth > COMMAND_DEPTH_MAX {
            return Err(place.wrong(format!(
                "commands call commands more than {COMMAND_DEPTH_MAX} deep"
            )));
        }
        for (at, step) in steps.items(place)?.iter().enumerate() {
            let place = place.item(at);
            let (name, arguments) = match step {
                Yaml::Text(name) => (name.as_str(), &Yaml::Null),
                Yaml::Map(entries) => match entries.as_slice() {
                    [(name, arguments)] => (name.as_str(), arguments),
                    _ => return Err(place.wrong("a step has one name: are its keys indented below it?")),
                },
                // A parameter that is a list of steps, among others.
                Yaml::List(_) => {
                    self.add_at(step, from, &place, depth + 1)?;
                    continue;
                }
                other => return Err(place.wrong(format!("a step is expected, not {}", other.kind()))),
            };
            let place = match step {
                Yaml::Map(_) => place.within(name.rsplit(':').next().unwrap_or(name)),
                _ => place,
            };
            self.count += 1;
            if self.count > STEPS_MAX {
                return Err(place.wrong(format!(
                    "the job has more than {STEPS_MAX} steps, those that are commands included"
                )));
            }
            self.add_one(name, arguments, from, &place, depth)?;
        }
        Ok(())
    }

    fn add_one(
        &mut self,
        name: &str,
        arguments: &Yaml,
        from: &'a Namespace,
        place: &Place,
        depth: usize,
    ) -> Result<(), LocalError> {
        match name {
            "when" | "unless" => {
                let condition = arguments
                    .get("condition")
                    .ok_or_else(|| place.wrong("condition is missing"))?;
                let steps = arguments
                    .get("steps")
                    .ok_or_else(|| place.wrong("steps is missing"))?;
                // It was decided where its references were filled in.
                let holds = condition
                    .as_bool()
                    .ok_or_else(|| place.wrong("the condition was not evaluated"))?;
                if holds == (name == "when") {
                    self.add_at(steps, from, &place.within("steps"), depth + 1)?;
                }
                return Ok(());
            }
            "steps" => return self.add_at(arguments, from, place, depth + 1),
            _ => {}
        }
        let Some(command) = self.config.look_up(from, Section::Commands, name)? else {
            let step = actions::step(name, arguments, place)?;
            let step = step.ok_or_else(|| Namespace::unknown(from, Section::Commands, name, place))?;
            self.expanded.push(step);
            return Ok(());
        };
        let parameters = from.bind(&command, arguments.entries(place)?, self.pipeline, place)?;
        if let Some(step) = continuation(&command, &parameters) {
            self.expanded.push(step);
            return Ok(());
        }
        let scope = Scope {
            pipeline: self.pipeline,
            parameters: &parameters,
            prefix: "parameters",
            in_orb: command.namespace.in_orb(),
        };
        let place = command.place.called_from(place);
        let steps = command
            .body
            .get("steps")
            .ok_or_else(|| place.wrong("the command has no steps"))?;
        let place = place.within("steps");
        let steps = scope.fill(steps, &place)?;
        self.add_at(&steps, command.namespace, &place, depth + 1)
    }
}

/// Returns the step that continues a pipeline, where a command is the one of CircleCI's orb that asks the API to: its script
/// asks circleci.com, whatever the API of the run is.
fn continuation(command: &Found<'_>, parameters: &[(String, Yaml)]) -> Option<Step> {
    let is_it = command.namespace.registered.as_deref() == Some("circleci/continuation")
        && command.place.ends_with("continue");
    let text = |name: &str| {
        let value = parameters.iter().find(|(known, _)| known == name);
        value.and_then(|(_, value)| value.as_text()).map(str::to_owned)
    };
    let adds_files = text("parameter_for_files_changed").is_some_and(|name| !name.is_empty());
    if !is_it || adds_files {
        return None;
    }
    Some(Step {
        name: "Continue the pipeline".to_owned(),
        when: match text("when").as_deref() {
            Some("always") => When::Always,
            Some("on_fail") => When::OnFail,
            _ => When::OnSuccess,
        },
        action: Action::Continue {
            configuration: text("configuration_path")?,
            parameters: text("parameters").unwrap_or_default(),
        },
    })
}
