//! The target of a rollback: a number of steps back, or a build that is named.

use super::decision::{MoveDecision, check_trust, dated};
use super::moves::{Moved, make_move};
use crate::build_id::DatedBuild;
use crate::error::{Error, Result};
use crate::event::{Action, Event, History};
use crate::lookup::{self, Scope, one_build};
use crate::pointer::Pointer;
use crate::ports::Store;
use crate::record::Record;

/// Finds where a channel goes back to. Its builds form a chain: each event knows the one that a step back leads to.
pub(super) fn back_on_channel(
    store: &impl Store,
    request: &Rollback,
    current: Option<&Event>,
    history: &History,
) -> Result<MoveDecision> {
    let scope = &request.scope;
    let Some(current) = current else {
        return Err(lookup::no_history(store, scope, &request.pointer)?);
    };
    let (records, back, warnings) = match &request.target {
        Target::Steps(steps) => {
            let (records, back) = steps_back(store, request, current, history, *steps)?;
            (records, back, Vec::new())
        }
        Target::Build(selector) => {
            let wanted = Scope {
                selector: selector.clone(),
                ..scope.clone()
            };
            let (records, warnings) = one_build(store, &wanted)?;
            let (back, was_there) = behind(store, history, current, &dated(&records)?, scope.context.now_ms)?;
            // What was promoted once was allowed then.
            check_trust(&records, was_there)?;
            (records, back, warnings)
        }
    };
    Ok(MoveDecision {
        action: Action::Rollback,
        records,
        held: true,
        newest: None,
        back,
        previous: Some(current.build.id.clone()),
        warnings,
    })
}

/// Returns the build so many steps back, and what a further step leads to. Where a prune removed it, the error names the
/// last one that is left.
fn steps_back(
    store: &impl Store,
    request: &Rollback,
    current: &Event,
    history: &History,
    steps: u32,
) -> Result<(Vec<Record>, Option<u64>)> {
    let keys = request.scope.context.keys()?;
    let artifact = request.scope.artifact();
    let mut event = current.clone();
    let mut path = Vec::new();
    for step in 0..steps {
        let before = match event.back {
            Some(before) => history.get(store, before)?,
            None => None,
        };
        let Some(before) = before else {
            return Err(lookup::no_earlier(step, &current.build.id, &request.pointer));
        };
        event = before;
        path.push(event.build.id.clone());
    }
    match lookup::by_id(store, &keys, artifact, &event.build.id) {
        Ok(records) => Ok((records, event.back)),
        Err(Error::NothingMatched(problem)) => {
            let mut left = "; none of the builds before it is left".to_owned();
            for (steps, id) in (1..).zip(&path) {
                if !lookup::ignore_damage(lookup::by_id(store, &keys, artifact, id))?.is_empty() {
                    let plural = if steps == 1 { "" } else { "s" };
                    left = format!("; the last that is left is {id}, {steps} step{plural} back");
                }
            }
            Err(Error::nothing_matched(
                "build-gone",
                format!("{}{left}", problem.message),
                &problem.subject,
            ))
        }
        Err(error) => Err(error),
    }
}

/// Returns what a further step back from `target` leads to: what came before it in the chain, or, where it never was on
/// the channel, the first that is older; and whether it was.
fn behind(
    store: &impl Store,
    history: &History,
    current: &Event,
    target: &DatedBuild,
    now_ms: u64,
) -> Result<(Option<u64>, bool)> {
    let mut event = current.clone();
    let mut older = None;
    for _ in 0..STEPS_MAX {
        if event.build.id == target.id {
            return Ok((event.back, true));
        }
        if older.is_none() && target.recency().is_newer_than(&event.build.recency(), now_ms) {
            older = Some(event.sequence);
        }
        // What is further back than an event that cannot be read is lost.
        let before = match event.back {
            Some(before) => lookup::ignore_damage(history.get(store, before))?,
            None => None,
        };
        let Some(before) = before else {
            break;
        };
        event = before;
    }
    Ok((older, false))
}

/// Goes to a build that is named, where the last event cannot be read: what was before is lost.
pub(super) fn over_damage(store: &impl Store, request: &Rollback, selector: &str) -> Result<MoveDecision> {
    let wanted = Scope {
        selector: selector.to_owned(),
        ..request.scope.clone()
    };
    let (records, warnings) = one_build(store, &wanted)?;
    let newest = match &request.pointer {
        // Whether it was on the channel before is lost, too.
        Pointer::Channel(_) => {
            check_trust(&records, false)?;
            None
        }
        Pointer::Branch(branch) => {
            check_branch(&records, branch)?;
            Some(dated(&lookup::newest_of_branch(store, &request.scope, branch)?)?)
        }
    };
    Ok(MoveDecision {
        action: Action::Rollback,
        records,
        held: true,
        newest,
        back: None,
        previous: None,
        warnings,
    })
}

/// Checks that a build can be the latest of a branch.
fn check_branch(records: &[Record], branch: &str) -> Result<()> {
    let other = records
        .iter()
        .find(|record| record.branch.as_deref() != Some(branch) || !record.eligible());
    let Some(other) = other else {
        return Ok(());
    };
    let message = format!("{} cannot be the latest of branch {branch}", other.job_name());
    Err(Error::invalid(
        "other-branch",
        message,
        &other.build_id().to_string(),
    ))
}

/// Finds where a branch's latest goes back to: an earlier build of the branch.
pub(super) fn back_on_branch(store: &impl Store, request: &Rollback, branch: &str) -> Result<MoveDecision> {
    let scope = &request.scope;
    let latest = Scope {
        selector: request.pointer.selector(),
        ..scope.clone()
    };
    let now = dated(&one_build(store, &latest)?.0)?;
    let newest = dated(&lookup::newest_of_branch(store, scope, branch)?)?;
    let (records, warnings) = match &request.target {
        Target::Steps(steps) => (lookup::before(store, scope, branch, &now, *steps)?, Vec::new()),
        Target::Build(selector) => {
            let wanted = Scope {
                selector: selector.clone(),
                ..scope.clone()
            };
            one_build(store, &wanted)?
        }
    };
    check_branch(&records, branch)?;
    Ok(MoveDecision {
        action: Action::Rollback,
        records,
        held: true,
        newest: Some(newest),
        back: None,
        previous: Some(now.id),
        warnings,
    })
}
/// A rollback goes back this many builds at most.
const STEPS_MAX: u32 = 1_000;

/// The target of a rollback.
#[derive(Debug, Clone)]
pub enum Target {
    /// To the build that a selector means.
    Build(String),
    /// This many builds back.
    Steps(u32),
}

/// Goes back to an earlier build.
#[derive(Debug, Clone)]
pub struct Rollback {
    /// The channel or branch that moves.
    pub pointer: Pointer,
    /// The artifact, and who asks. Its selector has no meaning here.
    pub scope: Scope,
    /// The target.
    pub target: Target,
    /// Why.
    pub reason: Option<String>,
    /// Whether to stay there until it is released.
    pub hold: bool,
}

/// Goes back to an earlier build.
pub fn rollback(store: &impl Store, request: &Rollback) -> Result<Moved> {
    let Rollback {
        pointer,
        scope,
        target,
        reason,
        hold,
    } = request;
    if let Target::Steps(steps) = target
        && !(1..=STEPS_MAX).contains(steps)
    {
        let message = format!("a rollback goes 1 to {STEPS_MAX} builds back");
        return Err(Error::invalid("wrong-steps", message, &steps.to_string()));
    }
    let is_named = matches!(target, Target::Build(_));
    make_move(
        store,
        scope,
        pointer,
        reason.as_deref(),
        is_named,
        |current, history| {
            let is_lost = current.is_none() && history.last_sequence(store)? > 0;
            let mut decision = match (target, pointer) {
                (Target::Build(selector), _) if is_lost => over_damage(store, request, selector)?,
                (_, Pointer::Channel(_)) => back_on_channel(store, request, current, history)?,
                (_, Pointer::Branch(branch)) => back_on_branch(store, request, branch)?,
            };
            decision.held = *hold;
            Ok(decision)
        },
    )
}
