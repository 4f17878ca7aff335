//! Moving what people deploy: promote, rollback, release, and the history of a channel or of a branch's latest.
//!
//! Every move is decided on the last event that was seen, and created under the next number. Who loses that race looks
//! again and decides anew, so that a history has no gap, no number twice, and no move that nobody decided on.

mod back;

use back::{back_on_branch, back_on_channel, over_damage};

use crate::condemned::{Condemned, Removed};
use crate::counter::Standing;
use crate::error::{Error, Problem, Result};
use crate::event::{Action, Event, History, Pointer, history};
use crate::lookup::{self, Scope};
use crate::ports::{PutOutcome, Store};
use crate::record::{BuildId, Placed, Record};
use crate::store_format;

/// Who loses the race for an event this often does not compete with movers, but with a defect.
const TRIES_MAX: u32 = 1_000;
/// A rollback goes back this many builds at most.
const STEPS_MAX: u32 = 1_000;
/// A reason longer than this, in bytes, belongs elsewhere.
const REASON_BYTES_MAX: usize = 10_000;

/// Points a channel at a build.
#[derive(Debug, Clone)]
pub struct Promote {
    /// The build, and who asks.
    pub scope: Scope,
    /// The channel's name.
    pub channel: String,
    /// Why.
    pub reason: Option<String>,
    /// What the channel must point to now.
    pub if_current: Option<String>,
    /// Whether the build may be of a fork or a pull request.
    pub allow_fork: bool,
}

/// Where a rollback goes.
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
    /// What is moved.
    pub pointer: Pointer,
    /// The artifact, and who asks. Its selector has no meaning here.
    pub scope: Scope,
    /// Where to.
    pub target: Target,
    /// Why.
    pub reason: Option<String>,
    /// Whether to stay there until it is released.
    pub hold: bool,
}

/// A move that was made.
#[derive(Debug)]
pub struct Moved {
    /// The event that says so.
    pub event: Event,
    /// The build that is pointed to now: a record for each node.
    pub records: Vec<Record>,
    /// What the look-up of a selector warned of.
    pub warnings: Vec<Problem>,
}

/// What a mover decided: the rest of the event follows from who moves what.
struct Decision {
    action: Action,
    records: Vec<Record>,
    held: bool,
    newest: Option<Placed>,
    back: Option<u64>,
    previous: Option<BuildId>,
    warnings: Vec<Problem>,
}

/// Points a channel at the build that a selector means. A channel does not go back to an older build unless the caller
/// says which one it replaces, and a held one does not move at all: so a slow old job undoes nothing.
pub fn promote(store: &impl Store, request: &Promote) -> Result<Moved> {
    let pointer = Pointer::Channel(request.channel.clone());
    let scope = &request.scope;
    let reason = request.reason.as_deref();
    make_move(store, scope, &pointer, reason, false, |current, _| {
        let (records, warnings) = one_build(store, scope)?;
        let target = placed(&records)?;
        check_trust(&records, request.allow_fork)?;
        let now = current.map(|event| &event.build);
        if let Some(selector) = &request.if_current {
            let expected = Scope {
                selector: selector.clone(),
                ..scope.clone()
            };
            let expected = placed(&one_build(store, &expected)?.0)?.id;
            if now.map(|now| &now.id) != Some(&expected) {
                let now = now.map_or_else(|| "no build".to_owned(), |now| now.id.to_string());
                let message = format!("the channel points to {now}, not to {expected}");
                return Err(Error::stale("not-current", message, &pointer.selector()));
            }
        }
        if let Some(event) = current.filter(|event| event.held) {
            return Err(Error::stale(
                "channel-held",
                event.rolled_back(),
                &pointer.selector(),
            ));
        }
        if let Some(now) = now.filter(|_| request.if_current.is_none()) {
            check_not_older(&target, now, scope.context.now_ms, &pointer)?;
        }
        Ok(Decision {
            action: Action::Promote,
            // Promoted twice, it is still one step back to what was there before.
            back: current.and_then(|event| match event.build.id == target.id {
                true => event.back,
                false => Some(event.sequence),
            }),
            previous: now.map(|now| now.id.clone()),
            records,
            held: false,
            newest: None,
            warnings,
        })
    })
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

/// Ends a hold. A channel stays where it is, and can be promoted again; a branch's latest is its newest build again.
pub fn release(store: &impl Store, scope: &Scope, pointer: &Pointer, reason: Option<&str>) -> Result<Moved> {
    make_move(store, scope, pointer, reason, false, |current, _| {
        if current.is_none() {
            return Err(lookup::no_history(store, scope, pointer)?);
        }
        let Some(event) = current.filter(|event| event.action == Action::Rollback) else {
            let message = "it is not held, so there is nothing to release";
            return Err(Error::stale("not-held", message, &pointer.selector()));
        };
        let records = match pointer {
            Pointer::Channel(_) => {
                lookup::by_id(store, &scope.context.keys()?, scope.artifact(), &event.build.id)?
            }
            Pointer::Branch(branch) => lookup::newest_of_branch(store, scope, branch)?,
        };
        Ok(Decision {
            action: Action::Release,
            newest: matches!(pointer, Pointer::Branch(_))
                .then(|| placed(&records))
                .transpose()?,
            records,
            held: false,
            back: event.back,
            previous: Some(event.build.id.clone()),
            warnings: Vec::new(),
        })
    })
}

/// Returns the last moves of a channel or a branch, the newest first, at most `limit`, and warnings of those that are lost.
pub fn events(
    store: &impl Store,
    scope: &Scope,
    pointer: &Pointer,
    limit: u32,
) -> Result<(Vec<Event>, Vec<Problem>)> {
    scope.check_names()?;
    pointer.check_name()?;
    let events = history(scope.context.project()?, scope.artifact(), pointer).events(store, limit)?;
    match events.0.is_empty() {
        true => Err(lookup::no_history(store, scope, pointer)?),
        false => Ok(events),
    }
}

/// Decides on the last event and creates the next one, until no other mover comes between.
fn make_move(
    store: &impl Store,
    scope: &Scope,
    pointer: &Pointer,
    reason: Option<&str>,
    is_named: bool,
    decide: impl Fn(Option<&Event>, &History) -> Result<Decision>,
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
            build: placed(&decision.records)?,
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
                "whether a prune is removing {} is unknown: the list of what it removes is damaged",
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

/// Returns the one job run that a scope's selector means.
pub(crate) fn one_build(store: &impl Store, scope: &Scope) -> Result<(Vec<Record>, Vec<Problem>)> {
    let resolved = lookup::resolve(store, scope)?;
    let records: Vec<Record> = resolved
        .layers
        .into_iter()
        .filter_map(|layer| layer.record)
        .collect();
    let mut ids = records.iter().map(|record| record.build_id().all_attempts());
    match ids.next() {
        Some(first) if ids.all(|other| other == first) => Ok((records, resolved.warnings)),
        _ => Err(Error::invalid(
            "not-one-build",
            "this does not mean one build; a number, a commit, a tag, a channel or latest does",
            &scope.selector,
        )),
    }
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

fn placed(records: &[Record]) -> Result<Placed> {
    Placed::of(records).ok_or_else(|| Error::internal("a build of no record"))
}

/// Checks that a build is neither of a fork nor of a pull request: anyone may open one.
fn check_trust(records: &[Record], allow_fork: bool) -> Result<()> {
    match records.iter().find(|record| !record.trusted() && !allow_fork) {
        None => Ok(()),
        Some(record) => {
            let message = format!(
                "{} built this, and a channel takes no such build unless it is told to",
                record.origin()
            );
            Err(Error::invalid(
                "untrusted-build",
                message,
                &record.build_id().to_string(),
            ))
        }
    }
}

/// Checks that a channel does not go back to an older build.
fn check_not_older(target: &Placed, now: &Placed, now_ms: u64, pointer: &Pointer) -> Result<()> {
    // A fork's that is allowed is compared as any other, and one that is not a fork's may always follow it.
    let as_allowed = |placed: &'_ Placed| placed.id.trusted || !target.id.trusted;
    let of = |placed| Standing {
        trusted: as_allowed(placed),
        ..Placed::standing(placed)
    };
    let (target_standing, now_standing) = (of(target), of(now));
    if !now_standing.is_newer_than(&target_standing, now_ms) {
        return Ok(());
    }
    let message = format!(
        "the channel points to {}, which is newer than {}: {}",
        now.id,
        target.id,
        now_standing.why_newer_than(&target_standing)
    );
    Err(Error::stale("older-build", message, &pointer.selector()))
}
