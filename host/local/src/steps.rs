//! From the steps of a config to those that run: commands become their steps, conditions are decided.

use super::actions;
use super::error::{LocalError, Place};
use super::namespace::{Namespace, Section};
use super::pipeline::PipelineValues;
use super::plan::Step;
use super::template::Scope;
use super::yaml::Yaml;

/// Commands call commands this deep.
const COMMAND_DEPTH_MAX: usize = 32;
/// A job has at most this many steps, with the calls of commands.
const STEPS_MAX: usize = 10_000;

/// What expanding steps needs to know.
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
            let (name, arguments) = match step {
                Yaml::Text(name) => (name.as_str(), &Yaml::Null),
                Yaml::Map(entries) => match entries.as_slice() {
                    [(name, arguments)] => (name.as_str(), arguments),
                    _ => {
                        let place = place.within(format!("step {}", at + 1));
                        return Err(place.wrong("a step has one name: are its keys indented below it?"));
                    }
                },
                // A parameter that is a list of steps, among others.
                Yaml::List(_) => {
                    self.add_at(step, from, &place.within(format!("step {}", at + 1)), depth + 1)?;
                    continue;
                }
                other => {
                    let place = place.within(format!("step {}", at + 1));
                    return Err(place.wrong(format!("a step is expected, not {}", other.kind())));
                }
            };
            let shown = name.rsplit(':').next().unwrap_or(name);
            let place = place.within(format!("step {} ({shown})", at + 1));
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
                    self.add_at(steps, from, place, depth + 1)?;
                }
                return Ok(());
            }
            "steps" => return self.add_at(arguments, from, place, depth + 1),
            _ => {}
        }
        let Some(command) = self.config.look_up(from, Section::Commands, name) else {
            let step = actions::step(name, arguments, place)?;
            let step = step.ok_or_else(|| place.wrong(format!("there is no command {name}")))?;
            self.expanded.push(step);
            return Ok(());
        };
        let parameters = from.bind(command, arguments.entries(place)?, self.pipeline, place)?;
        let scope = Scope {
            pipeline: self.pipeline,
            parameters: &parameters,
            prefix: "parameters",
            in_orb: command.namespace.in_orb(),
        };
        let steps = command
            .body
            .get("steps")
            .ok_or_else(|| place.wrong(format!("the command {name} has no steps")))?;
        let steps = scope.fill(steps, place)?;
        self.add_at(&steps, command.namespace, place, depth + 1)
    }
}
