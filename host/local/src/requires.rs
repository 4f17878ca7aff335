//! The requirements of jobs: the names that `requires` has, and what is left of them where filters leave out jobs.

use std::collections::{BTreeMap, BTreeSet};

use super::calls::Called;
use super::error::{LocalError, Place};
use super::plan::{Job, JobKind, Requirement, Status};
use super::spelling::similar;
use super::yaml::Yaml;

/// Reads `requires`.
///
/// # Errors
///
/// [`LocalError::Wrong`] for what is no list, and for a status that does not exist.
pub(crate) fn read(value: Option<&Yaml>, place: &Place) -> Result<Vec<Requirement>, LocalError> {
    let items = value.unwrap_or(&Yaml::Null).items(place)?;
    let read = items
        .iter()
        .enumerate()
        .map(|(at, item)| requirement(item, &place.item(at)));
    read.collect()
}

fn requirement(value: &Yaml, place: &Place) -> Result<Requirement, LocalError> {
    let (job, statuses) = match value {
        Yaml::Map(entries) => match entries.as_slice() {
            [(job, statuses)] => (job.clone(), statuses.texts(&place.within(job))?),
            _ => return Err(place.wrong("a job has one name")),
        },
        other => (other.scalar(place)?, vec!["success".to_owned()]),
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

/// Numbers jobs that a workflow calls several times by one name, as CircleCI does.
///
/// # Errors
///
/// [`LocalError::Wrong`] for a job that is called twice with the same arguments: the second call is a slip.
pub(crate) fn number_repeated(called: &mut [Called]) -> Result<(), LocalError> {
    let names: Vec<String> = called.iter().map(|it| it.job.name.clone()).collect();
    for (at, it) in called.iter().enumerate() {
        let before = called.iter().take(at);
        let repeats = |other: &Called| {
            other.job.name == it.job.name && other.alias.is_none() && other.options == it.options
        };
        if it.alias.is_none() && before.into_iter().any(repeats) {
            return Err(it.place.wrong(format!(
                "the workflow calls {} twice with the same arguments; give each call a name",
                it.job.name
            )));
        }
    }
    let mut seen = BTreeMap::<&str, usize>::new();
    for (it, name) in called.iter_mut().zip(&names) {
        if names.iter().filter(|other| *other == name).count() > 1 {
            let number = seen.entry(name).or_default();
            *number += 1;
            it.job.name = format!("{name}-{number}");
        }
    }
    Ok(())
}

/// Returns the jobs of a group: the one that all others wait for, those of the group, and one that waits for all of them,
/// which has the name of the group.
pub(crate) fn grouped(
    mut entry: Called,
    mut inner: Vec<Called>,
    group: &str,
    is_named: bool,
) -> Result<Vec<Called>, LocalError> {
    let start = format!("{group}-start");
    entry.job.name.clone_from(&start);
    let names: BTreeSet<String> = inner
        .iter()
        .flat_map(|it| std::iter::once(it.job.name.clone()).chain(it.alias.clone()))
        .collect();
    let prefixed = |name: &str| match is_named {
        true => format!("{group}-{name}"),
        false => name.to_owned(),
    };
    let mut required = BTreeSet::new();
    for it in &mut inner {
        for requirement in &mut it.job.requires {
            if !names.contains(&requirement.job) {
                return Err(it.place.within("requires").wrong(format!(
                    "the job {} requires {}, which the group does not have",
                    it.job.name, requirement.job
                )));
            }
            required.insert(requirement.job.clone());
            requirement.job = prefixed(&requirement.job);
        }
        if it.job.requires.is_empty() {
            it.job.requires.push(success(&start));
        }
    }
    let is_last = |it: &&Called| {
        let alias = it.alias.iter();
        !std::iter::once(&it.job.name)
            .chain(alias)
            .any(|name| required.contains(name))
    };
    let last = inner
        .iter()
        .filter(is_last)
        .map(|it| success(&prefixed(&it.job.name)));
    let end = Called {
        job: Job {
            name: group.to_owned(),
            requires: last.collect(),
            contexts: Vec::new(),
            kind: JobKind::NoOp,
        },
        place: entry.place.clone(),
        options: Yaml::Null,
        alias: None,
        group: Some(group.to_owned()),
        filtered: false,
    };
    for it in &mut inner {
        it.job.name = prefixed(&it.job.name);
        it.alias = it.alias.as_deref().map(prefixed);
    }
    entry.group = Some(group.to_owned());
    Ok(std::iter::once(entry).chain(inner).chain([end]).collect())
}

fn success(job: &str) -> Requirement {
    Requirement {
        job: job.to_owned(),
        statuses: vec![Status::Success],
    }
}

/// Leaves out the jobs that filters leave out, and those that require nothing else. Resolves what `requires` calls a whole
/// matrix.
///
/// # Errors
///
/// [`LocalError::Wrong`] where a job requires one that the workflow does not have, or one that has several calls.
pub(crate) fn without_filtered(
    workflow: &str,
    called: &[Called],
    notes: &mut Vec<String>,
) -> Result<Vec<Job>, LocalError> {
    let mut jobs = Vec::new();
    let mut left_out: BTreeSet<String> = BTreeSet::new();
    for it in called {
        if it.filtered {
            notes.push(format!(
                "the job {} of the workflow {workflow} does not run: its filters say so",
                it.job.name
            ));
            left_out.insert(it.job.name.clone());
        }
        let mut job = it.job.clone();
        job.requires = Vec::new();
        for (at, requirement) in it.job.requires.iter().enumerate() {
            let meant = meant(it, requirement, called, &it.place.within("requires").item(at))?;
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
        notes.push(format!(
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

/// Returns the jobs that a job means with one of its requirements: one by its name, or all of a matrix.
fn meant(
    from: &Called,
    requirement: &Requirement,
    called: &[Called],
    place: &Place,
) -> Result<Vec<Requirement>, LocalError> {
    let required = &requirement.job;
    let exact: Vec<&Called> = called.iter().filter(|it| it.job.name == *required).collect();
    let meant = match exact.is_empty() {
        false => exact,
        true => called
            .iter()
            .filter(|it| it.alias.as_ref() == Some(required))
            .collect(),
    };
    // A group is required by its name, which is that of its last job.
    for group in meant
        .iter()
        .filter(|it| it.group != from.group)
        .filter_map(|it| it.group.as_ref())
    {
        if group != required {
            return Err(place.wrong(format!(
                "{required} is a job of a group; require the group {group}"
            )));
        }
    }
    if meant.is_empty() {
        let numbered = format!("{required}-1");
        if called.iter().any(|it| it.job.name == numbered) {
            return Err(place.wrong(format!(
                "the workflow calls {required} several times; give each call a name, and require that"
            )));
        }
        let names: Vec<&str> = called.iter().map(|it| it.job.name.as_str()).collect();
        let hint =
            similar(required, &names).map_or_else(String::new, |meant| format!("; did you mean {meant:?}?"));
        return Err(place.wrong(format!(
            "it requires {required}, and the workflow has no such job{hint}"
        )));
    }
    Ok(meant
        .into_iter()
        .map(|it| Requirement {
            job: it.job.name.clone(),
            statuses: requirement.statuses.clone(),
        })
        .collect())
}
