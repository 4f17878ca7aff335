//! The workflows of a config: which of them run, with which jobs, and what each job waits for.

use std::collections::BTreeSet;

use super::error::{LocalError, Place};
use super::expression;
use super::jobs::{self, Call};
use super::logic;
use super::matrix;
use super::namespace::{Namespace, Section};
use super::order;
use super::pattern;
use super::pipeline::{Pipeline, PipelineValues};
use super::plan::{Job, JobKind, Requirement, Status, Workflow};
use super::template::Scope;
use super::yaml::Yaml;

/// What a workflow says of a job besides its arguments.
const OWN_KEYS: [&str; 12] = [
    "name",
    "requires",
    "filters",
    "context",
    "type",
    "matrix",
    "pre-steps",
    "post-steps",
    "serial-group",
    "override-with",
    "max_auto_reruns",
    "auto_rerun_delay",
];

/// What planning workflows needs to know.
pub(crate) struct Workflows<'a> {
    pub(crate) config: &'a Namespace,
    pub(crate) values: &'a PipelineValues<'a>,
    pub(crate) pipeline: &'a Pipeline,
    pub(crate) notes: Vec<String>,
}

/// A job as a workflow calls it, before it is known what runs.
struct Called {
    job: Job,
    /// The name that `requires` may use for all combinations of a matrix.
    alias: String,
    filtered: bool,
}

impl Workflows<'_> {
    fn scope<'s>(&'s self, parameters: &'s [(String, Yaml)]) -> Scope<'s> {
        Scope {
            pipeline: self.values,
            parameters,
            prefix: "matrix",
            in_orb: false,
        }
    }

    /// Returns a workflow; nothing where its condition does not hold, or only a schedule starts it.
    pub(crate) fn plan(
        &mut self,
        name: &str,
        body: &Yaml,
        place: &Place,
    ) -> Result<Option<Workflow>, LocalError> {
        for (key, wanted) in [("when", true), ("unless", false)] {
            if let Some(condition) = body.get(key) {
                let place = place.within(key);
                if logic::holds(condition, &self.scope(&[]), &place)? != wanted {
                    self.notes
                        .push(format!("the workflow {name} does not run: its {key} says so"));
                    return Ok(None);
                }
            }
        }
        if body.get("triggers").is_some() {
            self.notes.push(format!(
                "the workflow {name} does not run: only a schedule starts it"
            ));
            return Ok(None);
        }
        let mut called = Vec::new();
        let jobs = body
            .get("jobs")
            .ok_or_else(|| place.wrong("the workflow has no jobs"))?;
        for invocation in jobs.items(place)? {
            let (job, options) = match invocation {
                Yaml::Text(job) => (job, &Yaml::Null),
                Yaml::Map(entries) => match entries.as_slice() {
                    [(job, options)] => (job, options),
                    _ => return Err(place.wrong("a job has one name: are its keys indented below it?")),
                },
                other => return Err(place.wrong(format!("a job is expected, not {}", other.kind()))),
            };
            self.call(job, options, &place.within(job), &mut called)?;
        }
        number_repeated(&mut called);
        let called = self.without_filtered(name, called, place)?;
        let jobs = order::ordered(called, place)?;
        Ok(Some(Workflow {
            name: name.to_owned(),
            jobs,
        }))
    }

    /// Adds a job, or one for each combination of its matrix.
    fn call(
        &self,
        job: &str,
        options: &Yaml,
        place: &Place,
        called: &mut Vec<Called>,
    ) -> Result<(), LocalError> {
        let Some(matrix) = options.get("matrix") else {
            return self.call_one(job, job, options, &Vec::new(), place, called);
        };
        let place = &place.within("matrix");
        let matrix = self.scope(&[]).fill(matrix, place)?;
        let alias = match matrix.get("alias") {
            Some(alias) => alias.scalar(place)?,
            None => job.to_owned(),
        };
        for combination in matrix::combinations(&matrix, place)? {
            self.call_one(job, &alias, options, &combination, place, called)?;
        }
        Ok(())
    }

    fn call_one(
        &self,
        job: &str,
        alias: &str,
        options: &Yaml,
        combination: &matrix::Combination,
        place: &Place,
        called: &mut Vec<Called>,
    ) -> Result<(), LocalError> {
        let filters = options.get("filters");
        let entries = options.entries(place)?.iter();
        let entries = entries.filter(|(key, _)| key != "matrix" && key != "filters");
        let options = Yaml::Map(entries.cloned().collect());
        let scope = self.scope(combination);
        let options = scope.fill(&options, place)?;
        let name = match options.get("name") {
            Some(name) => name.scalar(place)?,
            None => matrix::name(job, combination),
        };
        let kind = match options.get("type").and_then(Yaml::as_text) {
            Some("approval") => JobKind::Approval,
            Some("no-op") => JobKind::NoOp,
            None | Some("build") => self.build(job, &options, combination, place)?,
            Some(other) => return Err(place.unsupported(format!("jobs of the type {other} do not run here"))),
        };
        let requires = options.get("requires").unwrap_or(&Yaml::Null);
        let requires = requires
            .items(place)?
            .iter()
            .map(|it| requirement(it, place))
            .collect::<Result<_, _>>()?;
        let filtered = match filters {
            Some(filters) => !self.passes(filters, &scope, &place.within("filters"))?,
            None => self.pipeline.tag.is_some(),
        };
        called.push(Called {
            job: Job { name, requires, kind },
            alias: alias.to_owned(),
            filtered,
        });
        Ok(())
    }

    fn build(
        &self,
        job: &str,
        options: &Yaml,
        combination: &matrix::Combination,
        place: &Place,
    ) -> Result<JobKind, LocalError> {
        let Some(found) = self.config.look_up(self.config, Section::Jobs, job) else {
            let in_group = self.config.get("job-groups").and_then(|all| all.get(job));
            if in_group.is_some() {
                return Err(
                    place.unsupported(format!("{job} is a group of jobs, and groups do not run here"))
                );
            }
            return Err(place.wrong(format!("there is no job {job}")));
        };
        let own = options
            .entries(place)?
            .iter()
            .filter(|(key, _)| !OWN_KEYS.contains(&key.as_str()));
        let arguments = combination.iter().chain(own).cloned().collect();
        let steps = |key: &str| options.get(key).cloned().unwrap_or_default();
        let call = Call {
            job: found,
            arguments,
            before: steps("pre-steps"),
            after: steps("post-steps"),
        };
        jobs::expand(self.config, self.values, &call, place)
    }

    /// Returns whether an expression says that the job runs, or the branch or the tag of the pipeline is one for it.
    fn passes(&self, filters: &Yaml, scope: &Scope<'_>, place: &Place) -> Result<bool, LocalError> {
        match filters {
            Yaml::Text(text) => {
                let value = expression::evaluate(text, scope, place)?;
                return Ok(logic::truthy(&value));
            }
            Yaml::Bool(passes) => return Ok(*passes),
            _ => {}
        }
        let filters = &scope.fill(filters, place)?;
        filters.entries(place)?;
        let (kind, name) = match (&self.pipeline.tag, &self.pipeline.branch) {
            (Some(tag), _) => ("tags", tag),
            (None, Some(branch)) => ("branches", branch),
            (None, None) => return Ok(filters.get("branches").is_none()),
        };
        let place = place.within(kind);
        // Without a filter a job runs for every branch and for no tag.
        let Some(filter) = filters.get(kind) else {
            return Ok(kind == "branches");
        };
        let named = |key: &str| -> Result<Option<bool>, LocalError> {
            match filter.get(key) {
                Some(names) => Ok(Some(pattern::names(&names.texts(&place)?, name, &place)?)),
                None => Ok(None),
            }
        };
        let only = named("only")?.unwrap_or(true);
        let ignored = named("ignore")?.unwrap_or(false);
        Ok(only && !ignored)
    }

    /// Leaves out the jobs that filters leave out, and those that require nothing else. Resolves what `requires` calls a whole matrix.
    fn without_filtered(
        &mut self,
        workflow: &str,
        called: Vec<Called>,
        place: &Place,
    ) -> Result<Vec<Job>, LocalError> {
        let names = |required: &str| -> Vec<(String, bool)> {
            let exact: Vec<&Called> = called.iter().filter(|it| it.job.name == required).collect();
            let meant = if exact.is_empty() {
                called.iter().filter(|it| it.alias == required).collect()
            } else {
                exact
            };
            meant
                .into_iter()
                .map(|it| (it.job.name.clone(), it.filtered))
                .collect()
        };
        let mut jobs = Vec::new();
        let mut left_out: BTreeSet<String> = BTreeSet::new();
        for it in &called {
            if it.filtered {
                self.notes.push(format!(
                    "the job {} of the workflow {workflow} does not run: its filters say so",
                    it.job.name
                ));
                left_out.insert(it.job.name.clone());
            }
            let mut job = it.job.clone();
            job.requires = Vec::new();
            for requirement in &it.job.requires {
                let meant = names(&requirement.job);
                if meant.is_empty() {
                    return Err(place.within(&job.name).wrong(format!(
                        "it requires {}, and the workflow has no such job",
                        requirement.job
                    )));
                }
                let meant = meant.into_iter().map(|(job, _)| Requirement {
                    job,
                    statuses: requirement.statuses.clone(),
                });
                job.requires.extend(meant);
            }
            jobs.push(job);
        }
        // A job waits for those that are left, and runs unless none is.
        loop {
            let waits_in_vain = |job: &&Job| {
                !left_out.contains(&job.name)
                    && !job.requires.is_empty()
                    && job.requires.iter().all(|it| left_out.contains(&it.job))
            };
            let Some(job) = jobs.iter().find(waits_in_vain) else {
                break;
            };
            self.notes.push(format!(
                "the job {} of the workflow {workflow} does not run: none of the jobs that it requires does",
                job.name
            ));
            left_out.insert(job.name.clone());
        }
        for job in &mut jobs {
            job.requires.retain(|it| !left_out.contains(&it.job));
        }
        jobs.retain(|job| !left_out.contains(&job.name));
        Ok(jobs)
    }
}

/// Numbers jobs that a workflow calls several times by one name, as CircleCI does.
fn number_repeated(called: &mut [Called]) {
    let names: Vec<String> = called.iter().map(|it| it.job.name.clone()).collect();
    let mut seen = std::collections::BTreeMap::<&str, usize>::new();
    for (it, name) in called.iter_mut().zip(&names) {
        if names.iter().filter(|other| *other == name).count() > 1 {
            let number = seen.entry(name).or_default();
            *number += 1;
            it.job.name = format!("{name}-{number}");
        }
    }
}

/// Returns what one item of `requires` says.
fn requirement(value: &Yaml, place: &Place) -> Result<Requirement, LocalError> {
    let place = place.within("requires");
    let (job, statuses) = match value {
        Yaml::Map(entries) => match entries.as_slice() {
            [(job, statuses)] => (job.clone(), statuses.texts(&place)?),
            _ => return Err(place.wrong("a job has one name")),
        },
        other => (other.scalar(&place)?, vec!["success".to_owned()]),
    };
    let mut meant = Vec::new();
    for status in statuses {
        match status.as_str() {
            "success" => meant.push(Status::Success),
            "failed" => meant.push(Status::Failed),
            "canceled" | "unauthorized" => meant.push(Status::Canceled),
            "not_run" => meant.push(Status::NotRun),
            "terminal" => meant.extend([Status::Success, Status::Failed, Status::Canceled, Status::NotRun]),
            other => {
                return Err(place.wrong(format!(
                    "{other} is no end of a job: there are success, failed, canceled, unauthorized, not_run and terminal"
                )));
            }
        }
    }
    Ok(Requirement { job, statuses: meant })
}
