//! The workflows of a config: which of them run, with which jobs, and what each job waits for.

use super::actions;
use super::calls::Called;
use super::error::{LocalError, Place};
use super::jobs::{self, Call};
use super::logic;
use super::namespace::{Namespace, Section};
use super::orbs::OrbReference;
use super::order;
use super::pipeline::{Pipeline, PipelineValues};
use super::plan::Workflow;
use super::requires;
use super::template::Scope;
use super::yaml::Yaml;

/// The context in which workflows are planned.
pub(crate) struct Workflows<'a> {
    pub(crate) config: &'a Namespace,
    pub(crate) values: &'a PipelineValues<'a>,
    pub(crate) pipeline: &'a Pipeline,
    /// Orbs that are not available: a workflow that does not run is not checked where it uses one.
    pub(crate) unavailable: &'a [OrbReference],
    pub(crate) notes: Vec<String>,
}

impl Workflows<'_> {
    pub(crate) fn scope<'s>(&'s self, parameters: &'s [(String, Yaml)]) -> Scope<'s> {
        Scope {
            pipeline: self.values,
            parameters,
            prefix: "matrix",
            in_orb: false,
        }
    }

    /// Returns a workflow; nothing where its condition does not hold, or only a schedule starts it. It is expanded in any
    /// case: CircleCI refuses a config with a mistake in a workflow that does not run.
    pub(crate) fn plan(
        &mut self,
        name: &str,
        body: &Yaml,
        place: &Place,
    ) -> Result<Option<Workflow>, LocalError> {
        let Some(note) = self.why_not(name, body, place)? else {
            return self.expand(name, body, place).map(Some);
        };
        let notes = self.notes.len();
        let expanded = self.expand(name, body, place);
        self.notes.truncate(notes);
        self.notes.push(note);
        match expanded {
            Err(LocalError::OrbMissing { reference, .. }) if self.unavailable.contains(&reference) => {
                self.notes.push(format!(
                    "the workflow {name} is not checked: the orb {reference} is not available"
                ));
            }
            expanded => drop(expanded?),
        }
        Ok(None)
    }

    /// Returns why a workflow does not run; nothing where it does.
    fn why_not(&self, name: &str, body: &Yaml, place: &Place) -> Result<Option<String>, LocalError> {
        for (key, wanted) in [("when", true), ("unless", false)] {
            if let Some(condition) = body.get(key)
                && logic::holds(condition, &self.scope(&[]), &place.within(key))? != wanted
            {
                return Ok(Some(format!(
                    "the workflow {name} does not run: its {key} says so"
                )));
            }
        }
        let is_scheduled = body.get("triggers").is_some();
        Ok(is_scheduled.then(|| format!("the workflow {name} does not run: only a schedule starts it")))
    }

    fn expand(&mut self, name: &str, body: &Yaml, place: &Place) -> Result<Workflow, LocalError> {
        let mut called: Vec<Called> = Vec::new();
        let jobs = body
            .get("jobs")
            .ok_or_else(|| place.wrong("the workflow has no jobs"))?;
        let place = place.within("jobs");
        for (at, call) in jobs.items(&place)?.iter().enumerate() {
            self.call(call, &place.item(at), None, &mut called)?;
        }
        requires::number_repeated(&mut called)?;
        let jobs = requires::without_filtered(name, &called, &mut self.notes)?;
        let max_auto_reruns = match body.get("max_auto_reruns") {
            Some(value) => actions::auto_reruns(value, &place)?,
            None => 0,
        };
        Ok(Workflow {
            name: name.to_owned(),
            max_auto_reruns,
            jobs: order::ordered(jobs, &place)?,
        })
    }

    /// Expands the jobs of a config that has no workflows, as far as they need no arguments.
    pub(crate) fn check_jobs(&self) -> Result<(), LocalError> {
        let jobs = self.config.get("jobs").unwrap_or(&Yaml::Null);
        for (name, body) in jobs.entries(&self.config.place.within("jobs"))? {
            let declared = body.get("parameters").unwrap_or(&Yaml::Null);
            let needs_arguments = matches!(declared, Yaml::Map(parameters)
                if parameters.iter().any(|(_, declaration)| declaration.get("default").is_none()));
            if let (false, Some(job)) = (needs_arguments, self.config.own(Section::Jobs, name)) {
                let call = Call {
                    job,
                    arguments: Vec::new(),
                    before: Yaml::Null,
                    after: Yaml::Null,
                };
                jobs::expand(self.config, self.values, &call, &self.config.place)?;
            }
        }
        Ok(())
    }
}
