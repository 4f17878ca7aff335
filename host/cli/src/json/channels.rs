//! Channels and their moves.

#[cfg(test)]
use schemars::JsonSchema;
use serde::Serialize;

use baton_host::channel::Move;

use super::{Build, Order, Warning};

/// One move of a channel or of a branch.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Event {
    action: MoveName,
    actor: Option<String>,
    /// The sequence of the last move that the mover read, or 0.
    based_on: u64,
    build: BuildId,
    created_ms: u64,
    /// Whether it stays there until it is released.
    held: bool,
    pointer: Pointer,
    previous: Option<BuildId>,
    reason: Option<String>,
    runner: String,
    /// From 1, without a gap.
    sequence: u64,
    url: Option<String>,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
enum MoveName {
    Promote,
    Rollback,
    Release,
}

/// A channel or a branch, by its name.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
enum Pointer {
    Channel(String),
    Branch(String),
}

/// A build, as far as a move names it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
struct BuildId {
    number: u64,
    order: Order,
    selector: String,
}

impl From<&baton_host::channel::BuildId> for BuildId {
    fn from(id: &baton_host::channel::BuildId) -> BuildId {
        BuildId {
            number: id.number,
            order: Order {
                attempt: id.order.attempt,
                run: id.order.run,
            },
            selector: id.selector.clone(),
        }
    }
}

impl From<&baton_host::channel::Event> for Event {
    fn from(event: &baton_host::channel::Event) -> Event {
        Event {
            action: match event.action {
                Move::Promote => MoveName::Promote,
                Move::Rollback => MoveName::Rollback,
                Move::Release => MoveName::Release,
            },
            actor: event.actor.clone(),
            based_on: event.based_on,
            build: BuildId::from(&event.build),
            created_ms: event.created_ms,
            held: event.held,
            pointer: match event.pointer.clone() {
                baton_host::channel::Pointer::Channel(name) => Pointer::Channel(name),
                baton_host::channel::Pointer::Branch(name) => Pointer::Branch(name),
            },
            previous: event.previous.as_ref().map(BuildId::from),
            reason: event.reason.clone(),
            runner: event.runner.clone(),
            sequence: event.sequence,
            url: event.url.clone(),
        }
    }
}

/// The result of `baton promote`, `baton rollback` and `baton release`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Moved {
    /// The target: one build, or one for each parallel node.
    pub(crate) builds: Vec<Build>,
    pub(crate) event: Event,
    pub(crate) warnings: Vec<Warning>,
}

/// The result of `baton channels`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Channels {
    pub(crate) artifact: String,
    /// The last move of each channel, in the order of the store.
    pub(crate) channels: Vec<Event>,
    /// Whether more follow the last one.
    pub(crate) more: bool,
}

/// The result of `baton history`, newest first.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct History {
    pub(crate) events: Vec<Event>,
    pub(crate) warnings: Vec<Warning>,
}
