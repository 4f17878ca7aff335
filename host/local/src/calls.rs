//! How a workflow calls a job: once, for each combination of a matrix, or with the other jobs of a group.

use super::error::{LocalError, Place};
use super::filters;
use super::jobs::{self, Call};
use super::matrix::{self, Combination};
use super::namespace::{Found, Namespace, Section};
use super::plan::{Job, JobKind};
use super::requires;
use super::spelling::{similar, unknown_key};
use super::workflows::Workflows;
use super::yaml::Yaml;

/// The keys of a call in a workflow that are not arguments of the job.
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

/// CircleCI's own limit.
const SERIAL_GROUP_LENGTH_MAX: usize = 512;

/// A job as a workflow calls it, before it is known what runs.
#[derive(Debug)]
pub(crate) struct Called {
    pub(crate) job: Job,
    pub(crate) place: Place,
    /// The keys of the call, filled in.
    pub(crate) options: Yaml,
    /// The name that `requires` may use for all combinations of a matrix.
    pub(crate) alias: Option<String>,
    /// The group that it belongs to, as the workflow calls it.
    pub(crate) group: Option<String>,
    pub(crate) filtered: bool,
}

impl Workflows<'_> {
    /// Adds what one item of `jobs` calls: a job, one for each combination of its matrix, or those of a group.
    pub(crate) fn call(
        &self,
        call: &Yaml,
        place: &Place,
        group: Option<&str>,
        called: &mut Vec<Called>,
    ) -> Result<(), LocalError> {
        let (job, options) = match call {
            Yaml::Text(job) => (job, &Yaml::Null),
            Yaml::Map(entries) => match entries.as_slice() {
                [(job, options)] => (job, options),
                _ => return Err(place.wrong("a job has one name: are its keys indented below it?")),
            },
            other => return Err(place.wrong(format!("a job is expected, not {}", other.kind()))),
        };
        let place = &place.within(job);
        let in_groups = self.config.get("job-groups").and_then(|groups| groups.get(job));
        if let Some(body) = in_groups {
            if group.is_some() {
                return Err(place.wrong(format!(
                    "{job} is a group of jobs, and a group has no groups in it"
                )));
            }
            return self.call_group(job, body, options, place, called);
        }
        let Some(matrix) = options.get("matrix") else {
            let called_one = self.call_one(job, options, &Vec::new(), place)?;
            called.push(Called {
                group: group.map(str::to_owned),
                ..called_one
            });
            return Ok(());
        };
        let within = place.within("matrix");
        let matrix = self.scope(&[]).fill(matrix, &within)?;
        let alias = match matrix.get("alias") {
            Some(alias) => alias.scalar(&within.within("alias"))?,
            None => job.to_owned(),
        };
        for combination in matrix::combinations(&matrix, &within)? {
            let called_one = self.call_one(job, options, &combination, place)?;
            called.push(Called {
                alias: Some(alias.clone()),
                group: group.map(str::to_owned),
                ..called_one
            });
        }
        Ok(())
    }

    fn call_one(
        &self,
        job: &str,
        options: &Yaml,
        combination: &Combination,
        place: &Place,
    ) -> Result<Called, LocalError> {
        let filters = options.get("filters");
        let entries = options.entries(place)?.iter();
        let entries = entries.filter(|(key, _)| key != "matrix" && key != "filters");
        let options = Yaml::Map(entries.cloned().collect());
        let scope = self.scope(combination);
        let options = scope.fill(&options, place)?;
        check_serial_group(&options, place)?;
        let name = match options.get("name") {
            Some(name) => name.scalar(&place.within("name"))?,
            None => matrix::name(job, combination),
        };
        let kind = match options.get("type") {
            None => self.build(job, &options, combination, place)?,
            Some(kind) => {
                let within = place.within("type");
                let kind = kind.scalar(&within)?;
                match jobs::kind(&kind, &within)? {
                    Some(kind) => {
                        check_own_keys(&options, place)?;
                        kind
                    }
                    None => self.build(job, &options, combination, place)?,
                }
            }
        };
        let filtered = match filters {
            Some(filters) => !filters::pass(filters, self.pipeline, &scope, &place.within("filters"))?,
            // Without filters a job runs for every branch and for no tag.
            None => self.pipeline.tag.is_some(),
        };
        let contexts = match options.get("context") {
            Some(contexts) => contexts.texts(&place.within("context"))?,
            None => Vec::new(),
        };
        let requires = requires::read(options.get("requires"), &place.within("requires"))?;
        Ok(Called {
            job: Job {
                name,
                requires,
                contexts,
                kind,
            },
            place: place.clone(),
            options,
            alias: None,
            group: None,
            filtered,
        })
    }

    /// Returns what the job of the config or of an orb does.
    fn build(
        &self,
        job: &str,
        options: &Yaml,
        combination: &Combination,
        place: &Place,
    ) -> Result<JobKind, LocalError> {
        let found = self.found(job, options, place)?;
        let own = options
            .entries(place)?
            .iter()
            .filter(|(key, _)| !OWN_KEYS.contains(&key.as_str()));
        let declared = found.body.get("parameters").unwrap_or(&Yaml::Null);
        if let Some((key, _)) = own.clone().find(|(key, _)| declared.get(key).is_none())
            && let Some(meant) = similar(key, &OWN_KEYS)
        {
            return Err(place
                .within(key)
                .wrong(format!("unknown key; did you mean {meant:?}?")));
        }
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

    /// Returns the job that is called: the one that overrides it, if that exists.
    fn found(&self, job: &str, options: &Yaml, place: &Place) -> Result<Found<'_>, LocalError> {
        if let Some(other) = options.get("override-with") {
            let other = other.scalar(&place.within("override-with"))?;
            if let Some(found) = self.config.look_up(self.config, Section::Jobs, &other)? {
                return Ok(found);
            }
        }
        let found = self.config.look_up(self.config, Section::Jobs, job)?;
        found.ok_or_else(|| Namespace::unknown(self.config, Section::Jobs, job, place))
    }

    /// Adds the jobs of a group, between one that they wait for and one that waits for them.
    fn call_group(
        &self,
        group: &str,
        body: &Yaml,
        options: &Yaml,
        place: &Place,
        called: &mut Vec<Called>,
    ) -> Result<(), LocalError> {
        let known = ["name", "requires", "filters", "serial-group"];
        let entries = options.entries(place)?;
        if let Some((key, _)) = entries.iter().find(|(key, _)| !known.contains(&key.as_str())) {
            return Err(unknown_key(place, key, &known));
        }
        let no_op = Yaml::Text("no-op".to_owned());
        let typed = entries.iter().cloned().chain([("type".to_owned(), no_op)]);
        let entry = self.call_one(group, &Yaml::Map(typed.collect()), &Vec::new(), place)?;
        let name = entry.job.name.clone();
        if called.iter().any(|it| it.group.as_ref() == Some(&name)) {
            return Err(place.wrong(format!("the group {name} is called twice; give each call a name")));
        }
        let mut inner: Vec<Called> = Vec::new();
        let definition = self
            .config
            .place
            .within("job-groups")
            .within(group)
            .within("jobs");
        let definition = definition.called_from(place);
        for (at, call) in body
            .get("jobs")
            .unwrap_or(&Yaml::Null)
            .items(&definition)?
            .iter()
            .enumerate()
        {
            self.call(call, &definition.item(at), Some(&name), &mut inner)?;
        }
        requires::number_repeated(&mut inner)?;
        called.extend(requires::grouped(
            entry,
            inner,
            &name,
            options.get("name").is_some(),
        )?);
        Ok(())
    }
}

/// Refuses keys that a job without steps has no use for.
fn check_own_keys(options: &Yaml, place: &Place) -> Result<(), LocalError> {
    for (key, _) in options.entries(place)? {
        if !OWN_KEYS.contains(&key.as_str()) {
            return Err(unknown_key(place, key, &OWN_KEYS));
        }
    }
    Ok(())
}

fn check_serial_group(options: &Yaml, place: &Place) -> Result<(), LocalError> {
    let Some(group) = options.get("serial-group") else {
        return Ok(());
    };
    let place = place.within("serial-group");
    let group = group.scalar(&place)?;
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || ".-_/".contains(c);
    match !group.is_empty() && group.len() <= SERIAL_GROUP_LENGTH_MAX && group.chars().all(is_allowed) {
        true => Ok(()),
        false => Err(place.wrong(format!(
            "{group:?} is no name of a serial group: it has from 1 to {SERIAL_GROUP_LENGTH_MAX} letters, digits, dots, \
             hyphens, underscores and slashes"
        ))),
    }
}
