//! From a scope to jobs and what they stored: a baton store, or plain files.

use std::collections::BTreeSet;

use super::artifacts::{self, Artifact, Objects};
use super::find::{Candidates, Matches, find};
use super::job::Job;
use super::send::Client;
use super::source::Source;
use super::store::{ArtifactStore, Index};
use crate::error::{Error, Problem, Result, warning};
use crate::keys::{self, Project};
use crate::lookup::{self, Query, Scope};
use crate::ports::{Http, Store};

/// If no job is named, at most this many successful jobs without artifacts are skipped.
const EMPTY_MAX: usize = 20;

/// A job, and what it stored.
type Stored = (Job, Vec<Artifact>);

/// The artifacts that the jobs of a scope stored.
pub enum Artifacts<H> {
    /// A baton store, and what the scope means in it.
    Store(ArtifactStore<H>, Box<Scope>),
    /// Plain files, by job.
    Plain(Vec<Stored>),
}

/// Finds the jobs of a scope, lists their artifacts, and sees what those are. Warnings come along.
pub fn open<'a, H: Http>(
    http: &'a H,
    source: &Source,
    scope: &Scope,
) -> Result<(Artifacts<&'a H>, Vec<Problem>)> {
    let client = Client { http, source };
    let mut warnings = Vec::new();
    let (stored, several) = stored(&client, scope, &mut warnings)?;
    let all = stored.iter().flat_map(|(_, artifacts)| artifacts);
    let Some(Objects { objects, beside }) = artifacts::store_objects(all, &scope.selector)? else {
        return Ok((Artifacts::Plain(stored), warnings));
    };
    if beside > 0 {
        let message = format!("{beside} plain artifacts next to the baton store are ignored");
        warnings.push(warning("plain-beside-store", message, &source.project));
    }
    let store = ArtifactStore::new(
        http,
        Index {
            source: source.clone(),
            objects,
        },
    );
    let job = stored.first().map(|(job, _)| job).filter(|_| !several);
    let inner = inner_scope(&store, scope, job)?;
    Ok((Artifacts::Store(store, Box::new(inner)), warnings))
}

/// Returns the jobs of a scope, without a look at their artifacts where the scope names a job.
pub fn resolve<H: Http>(http: &H, source: &Source, scope: &Scope) -> Result<(Vec<Job>, Vec<Problem>)> {
    let client = Client { http, source };
    let mut warnings = Vec::new();
    if scope.jobs.is_empty() {
        let (stored, _) = stored(&client, scope, &mut warnings)?;
        return Ok((stored.into_iter().map(|(job, _)| job).collect(), warnings));
    }
    let pinned = pinned_scope(source, scope)?;
    let jobs = match find(&client, &pinned)? {
        Matches::All(jobs) => jobs,
        Matches::First(mut candidates) => match candidates.next(&client)? {
            Some(job) => vec![job],
            None => return Err(candidates.nothing(&pinned)),
        },
    };
    note_unsuccessful(&jobs, &mut warnings);
    compare_with_pinned(&client, scope, &jobs, &mut warnings)?;
    Ok((jobs, warnings))
}

/// Returns the store among the artifacts of the job that persisted a build: for what is asked of the build later.
pub fn store_of<'a, H: Http>(http: &'a H, source: &Source, number: u64) -> Result<ArtifactStore<&'a H>> {
    let client = Client { http, source };
    let artifacts = artifacts::all(&client, number)?;
    let found = artifacts::store_objects(artifacts.iter(), &format!("build:{number}"))?;
    let index = Index {
        source: source.clone(),
        objects: found.unwrap_or_default().objects,
    };
    Ok(ArtifactStore::new(http, index))
}

/// Returns the jobs of a scope with their artifacts, of which there is at least one, and whether several jobs count.
fn stored<H: Http>(
    client: &Client<'_, H>,
    scope: &Scope,
    warnings: &mut Vec<Problem>,
) -> Result<(Vec<Stored>, bool)> {
    let pinned = pinned_scope(client.source, scope)?;
    let found = match find(client, &pinned)? {
        Matches::All(jobs) => {
            let mut stored = Vec::new();
            let mut empty = Vec::new();
            for job in jobs {
                match artifacts::all(client, job.number)? {
                    artifacts if artifacts.is_empty() => empty.push(job),
                    artifacts => stored.push((job, artifacts)),
                }
            }
            if stored.is_empty() {
                return Err(no_artifacts(&empty, &pinned));
            }
            return Ok((stored, true));
        }
        Matches::First(mut candidates) => first_with_artifacts(client, &pinned, &mut candidates)?,
    };
    let jobs: Vec<Job> = vec![found.0.clone()];
    note_unsuccessful(&jobs, warnings);
    compare_with_pinned(client, scope, &jobs, warnings)?;
    Ok((vec![found], false))
}

fn first_with_artifacts<H: Http>(
    client: &Client<'_, H>,
    scope: &Scope,
    candidates: &mut Candidates,
) -> Result<Stored> {
    let mut empty = Vec::new();
    while let Some(job) = candidates.next(client)? {
        let artifacts = artifacts::all(client, job.number)?;
        if !artifacts.is_empty() {
            return Ok((job, artifacts));
        }
        empty.push(job);
        // A job that was named is the answer, whether it has artifacts or not: an older one would be a stale one.
        if !scope.jobs.is_empty() || empty.len() == EMPTY_MAX {
            break;
        }
    }
    if empty.is_empty() {
        return Err(candidates.nothing(scope));
    }
    Err(no_artifacts(&empty, scope))
}

/// Says that a job that was named by its number did not succeed: who names a build gets that one.
fn note_unsuccessful(jobs: &[Job], warnings: &mut Vec<Problem>) {
    for job in jobs {
        if let Some(status) = &job.unsuccessful {
            let message = format!("{} is {status}: its artifacts may be incomplete", job.shown());
            warnings.push(warning(
                "unsuccessful-job",
                message,
                &format!("build:{}", job.number),
            ));
        }
    }
}

fn no_artifacts(jobs: &[Job], scope: &Scope) -> Error {
    let shown: Vec<String> = jobs.iter().take(5).map(Job::shown).collect();
    let have = if jobs.len() == 1 { "has" } else { "have" };
    let message = format!(
        "{} {have} no artifacts: either none were stored, or they expired, as they do after at most 30 days",
        shown.join(", ")
    );
    Error::nothing_matched("no-artifacts", message, &scope.selector)
}

/// Returns the scope with the number that a variable pinned in place of `latest`.
fn pinned_scope(source: &Source, scope: &Scope) -> Result<Scope> {
    let Some(pinned) = &source.pinned else {
        return Ok(scope.clone());
    };
    if !matches!(scope.parsed()?, crate::selector::Selector::Latest { .. }) {
        let message = format!(
            "{} says which build is the latest, and the selector asks for another one",
            pinned.variable
        );
        return Err(Error::invalid("told-and-selected", message, &scope.selector));
    }
    Ok(Scope {
        selector: format!("build:{}", pinned.number),
        ..scope.clone()
    })
}

/// Warns where a variable pinned of another build than the API does. That the API does not answer is no reason to fail:
/// the user has said what is to decide.
fn compare_with_pinned<H: Http>(
    client: &Client<'_, H>,
    scope: &Scope,
    jobs: &[Job],
    warnings: &mut Vec<Problem>,
) -> Result<()> {
    let (Some(pinned), Some(job)) = (&client.source.pinned, jobs.first()) else {
        return Ok(());
    };
    let named = Scope {
        // The job that the variable points to says which job is meant, where nobody did.
        jobs: if scope.jobs.is_empty() {
            job.name.iter().cloned().collect()
        } else {
            scope.jobs.clone()
        },
        ..scope.clone()
    };
    let newest = match find(client, &named) {
        Ok(Matches::First(mut candidates)) => candidates.next(client),
        Ok(Matches::All(_)) => Ok(None),
        Err(error) => Err(error),
    };
    match newest {
        Ok(Some(newest)) if newest.number != pinned.number => {
            let message = format!(
                "{} says {}, but the latest is {} according to the API: a variable keeps the value that it had when the job began",
                pinned.variable,
                pinned.number,
                newest.shown()
            );
            warnings.push(warning("stale-variable", message, &pinned.variable));
        }
        Ok(_) => {}
        Err(error) => {
            let message = format!("cannot check whether {} is the latest: {error}", pinned.number);
            warnings.push(warning("latest-unknown", message, &pinned.variable));
        }
    }
    Ok(())
}

/// Returns what a scope means within the store that was found: the build of the job, or the layers of the workflow.
fn inner_scope(store: &impl Store, scope: &Scope, job: Option<&Job>) -> Result<Scope> {
    let mut inner = Scope {
        // The jobs were chosen by their names in the API, which may differ from those in the records.
        jobs: Vec::new(),
        ..scope.clone()
    };
    inner.context.project = Some(project(store, scope)?);
    let Some(job) = job else {
        return Ok(inner);
    };
    inner.selector = format!("build:{}", job.number);
    // A job can store whatever it likes, an old build's store as well. Which job is meant was decided by the API, and what
    // the store has must be of that one.
    let query = Query {
        scope: inner.clone(),
        limit: 1000,
        ..Query::default()
    };
    let numbers: BTreeSet<u64> = lookup::list(store, &query)?.iter().map(|it| it.number).collect();
    if !numbers.is_empty() && !numbers.contains(&job.number) {
        let shown: Vec<String> = numbers.iter().take(5).map(|it| format!("build:{it}")).collect();
        let message = format!(
            "the baton store among the artifacts of {} has no build of that job, only of {}",
            job.shown(),
            shown.join(", ")
        );
        return Err(Error::invalid("store-of-another-job", message, &scope.selector));
    }
    Ok(inner)
}

/// Returns the project whose builds the store has: that of the scope, or the only one.
fn project(store: &impl Store, scope: &Scope) -> Result<String> {
    let all = store.list(keys::PROJECTS, None, u32::MAX)?;
    if let Some(own) = &scope.context.project
        && all.iter().any(|key| Project::new(own).owns(key))
    {
        return Ok(own.clone());
    }
    let name = |key: &String| {
        key.strip_prefix(keys::PROJECTS)?
            .split('/')
            .next()
            .map(str::to_owned)
    };
    let names: BTreeSet<String> = all.iter().filter_map(name).collect();
    let texts: Vec<String> = names.iter().filter_map(|name| keys::text(name)).collect();
    match texts.as_slice() {
        [only] => Ok(only.clone()),
        [] => {
            let message = "the baton store among the artifacts has no build in it";
            Err(Error::nothing_matched("no-build", message, &scope.selector))
        }
        several => {
            let message = format!(
                "the baton store among the artifacts has builds of {}",
                several.join(", ")
            );
            Err(Error::invalid("ambiguous-project", message, &scope.selector))
        }
    }
}
