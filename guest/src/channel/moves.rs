//! One move: decided on the last event, and created under the next number.

use super::decision::{MoveDecision, dated};
use crate::condemned::{Condemned, Removed};
use crate::error::{Error, Problem, Result};
use crate::event::{Action, Event, History, history};
use crate::lookup::Scope;
use crate::pointer::Pointer;
use crate::ports::{PutOutcome, Store};
use crate::record::Record;
use crate::store_format;

/// A mover that loses the race for an event this often does not compete with movers, but with a defect.
const TRIES_MAX: u32 = 1_000;
/// A reason longer than this, in bytes, belongs elsewhere.
const REASON_BYTES_MAX: usize = 10_000;

/// A completed move.
#[derive(Debug)]
pub struct Moved {
    /// The event that says so.
    pub event: Event,
    /// The build that is pointed to now: a record for each node.
    pub records: Vec<Record>,
    /// Warnings of the look-up of a selector.
    pub warnings: Vec<Problem>,
}

/// Decides on the last event and creates the next one, until no other mover comes between.
pub(super) fn make_move(
    store: &impl Store,
    scope: &Scope,
    pointer: &Pointer,
    reason: Option<&str>,
    is_named: bool,
    decide: impl Fn(Option<&Event>, &History) -> Result<MoveDecision>,
) -> Result<Moved> {
    if reason.is_some_and(|reason| reason.len() > REASON_BYTES_MAX) {
        let message = format!("a reason has {REASON_BYTES_MAX} bytes at most");
        return Err(Error::invalid("wrong-reason", message, ""));
    }
    scope.check_names()?;
    pointer.check_name()?;
    store_format::check(store)?;
    let context = &scope.context;
    let history = history(context.project()?, scope.artifact(), pointer);
    for _ in 0..TRIES_MAX {
        let (current, based_on) = match history.last(store) {
            // A build that is named needs nothing of an event that cannot be read but its number.
            Err(Error::Damaged(_)) if is_named => (None, history.last_sequence(store)?),
            last => {
                let last = last?;
                let sequence = last.as_ref().map_or(0, |event| event.sequence);
                (last, sequence)
            }
        };
        let decision = decide(current.as_ref(), &history)?;
        let event = Event {
            project: context.project()?.to_owned(),
            artifact: scope.artifact().to_owned(),
            pointer: pointer.clone(),
            sequence: following(based_on)?,
            action: decision.action,
            build: dated(&decision.records)?,
            previous: decision.previous,
            based_on,
            newest: decision.newest,
            back: decision.back,
            held: decision.held,
            reason: reason.map(str::to_owned),
            actor: context.actor.clone(),
            runner: context.runner.clone(),
            url: context.url.clone(),
            created_ms: context.now_ms,
        };
        check_not_removed(store, &event)?;
        if event.create(store)? == PutOutcome::AlreadyExists {
            continue;
        }
        // A prune says what it removes, and then looks where everything points; a mover points, and then looks what is
        // removed. So at least one of the two sees the other.
        if let Err(error) = check_not_removed(store, &event) {
            take_back(store, event, current)?;
            return Err(error);
        }
        return Ok(Moved {
            event,
            records: decision.records,
            warnings: decision.warnings,
        });
    }
    let message = format!("other jobs moved it {TRIES_MAX} times meanwhile");
    Err(Error::stale("moved-meanwhile", message, &pointer.selector()))
}

/// Checks that no prune is removing the build that an event points to. One that is pointed to already is not removed.
fn check_not_removed(store: &impl Store, event: &Event) -> Result<()> {
    if event.previous.as_ref() == Some(&event.build.id) {
        return Ok(());
    }
    let build = Removed::new(&event.project, &event.artifact, event.build.id.clone());
    match Condemned::last(store) {
        Ok(list) => list.check_build(&build, event.created_ms),
        Err(Error::Damaged(damage)) => {
            let message = format!(
                "cannot tell whether a prune is removing {}: the list of removed builds is damaged",
                event.build.id
            );
            Err(Error::conflict("list-damaged", message, &damage.key))
        }
        Err(error) => Err(error),
    }
}

/// Points back to where `before` pointed, unless somebody has moved on meanwhile. A channel that pointed nowhere has
/// nowhere to go back to.
fn take_back(store: &impl Store, event: Event, before: Option<Event>) -> Result<()> {
    let (sequence, based_on) = (following(event.sequence)?, event.sequence);
    let undone = match (before, &event.newest) {
        (Some(before), _) => before,
        // Released, the branch's newest build is its latest again.
        (None, Some(newest)) => Event {
            action: Action::Release,
            build: newest.clone(),
            held: false,
            ..event.clone()
        },
        (None, None) => return Ok(()),
    };
    let undone = Event {
        sequence,
        based_on,
        previous: Some(event.build.id),
        reason: Some("a prune was removing the build".to_owned()),
        actor: event.actor,
        url: event.url,
        runner: event.runner,
        created_ms: event.created_ms,
        ..undone
    };
    undone.create(store).map(drop)
}

/// Returns the next sequence. Nobody moves a channel that often, but a store may say so.
fn following(sequence: u64) -> Result<u64> {
    sequence.checked_add(1).ok_or_else(|| {
        Error::limit(
            "history-full",
            "a history has no more numbers",
            &sequence.to_string(),
        )
    })
}
