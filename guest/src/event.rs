//! The event: one move of a channel, or of what is the latest of a branch. The history is the pointer: the newest event
//! says where it points.
//!
//! Events are numbered from 1 without a gap. Each is created under its number, so of two movers that saw the same last
//! event one loses, and looks again.

use serde::{Deserialize, Serialize};

use crate::build_id::{BuildId, DatedBuild};
use crate::context::ARTIFACT;
use crate::error::{Error, Problem, Result, warning};
use crate::keys;
use crate::pointer::Pointer;
use crate::ports::{PutMode, PutOutcome, Store, get_intact};
use crate::sealed::{open, seal};

/// The kind of a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Pointed a channel at a build.
    Promote,
    /// Went back to an earlier one.
    Rollback,
    /// Ended a hold.
    Release,
}

/// One move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The project's name.
    pub project: String,
    /// The artifact's name.
    pub artifact: String,
    /// The channel or branch that moved.
    pub pointer: Pointer,
    /// From 1, without a gap.
    pub sequence: u64,
    /// The kind of the move.
    pub action: Action,
    /// The new target.
    pub build: DatedBuild,
    /// The target before.
    #[serde(default)]
    pub previous: Option<BuildId>,
    /// The number of the event that the mover saw last, 0 where there was none.
    pub based_on: u64,
    /// On a branch: the newest build that the mover saw. Without a hold, a newer one ends what the event says.
    #[serde(default)]
    pub newest: Option<DatedBuild>,
    /// Of a channel: the number of the event that one step back leads to.
    #[serde(default)]
    pub back: Option<u64>,
    /// Whether it stays there until it is released.
    pub held: bool,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
    /// The person who moved it.
    #[serde(default)]
    pub actor: Option<String>,
    /// The CI system.
    pub runner: String,
    /// The link to the job.
    #[serde(default)]
    pub url: Option<String>,
    /// When, in milliseconds since 1970.
    pub created_ms: u64,
}

impl Event {
    /// Returns its key.
    pub fn key(&self) -> String {
        history(&self.project, &self.artifact, &self.pointer).event(self.sequence)
    }

    /// Returns the event that a step back from this one leads to.
    pub fn before(&self, store: &impl Store) -> Result<Option<Event>> {
        let history = history(&self.project, &self.artifact, &self.pointer);
        match self.back {
            Some(sequence) => history.get(store, sequence),
            None => Ok(None),
        }
    }

    /// Adds it to the history, unless another one has its number.
    pub fn create(&self, store: &impl Store) -> Result<PutOutcome> {
        store.put(&self.key(), &seal("event", self)?, PutMode::Create)
    }

    /// Reads the event that lies under `key`.
    pub fn read(store: &impl Store, key: &str) -> Result<Event> {
        let event: Event = get_intact(store, key, None, |bytes| open("event", key, &bytes))?
            .ok_or_else(|| Error::damaged(key, "the event is missing"))?;
        if let Some(fault) = event.fault() {
            return Err(Error::damaged(key, fault));
        }
        if event.key() != key {
            let message = format!(
                "this is event {} of {}, which has another key",
                event.sequence,
                event.pointer.selector()
            );
            return Err(Error::damaged(key, message));
        }
        Ok(event)
    }

    /// Says what no event can say.
    fn fault(&self) -> Option<&'static str> {
        if self.sequence == 0 || self.back.is_some_and(|back| back == 0 || back >= self.sequence) {
            return Some("it steps back to an event that is not before it");
        }
        let newest = self.newest.as_ref().map(|newest| &newest.id);
        let mut builds = [Some(&self.build.id), self.previous.as_ref(), newest]
            .into_iter()
            .flatten();
        builds
            .any(|build| !build.is_possible())
            .then_some("it names a build that no job can have")
    }

    /// Returns the command that ends a hold.
    fn release(&self) -> String {
        let pointer = match &self.pointer {
            Pointer::Channel(name) => name.clone(),
            Pointer::Branch(name) => format!("--branch {name}"),
        };
        let name = match self.artifact.as_str() {
            ARTIFACT => String::new(),
            name => format!(" --name {name}"),
        };
        format!("`baton release {pointer}{name}`")
    }

    /// Returns the message that a rollback decided, with its actor and the command that ends the hold.
    pub fn rolled_back(&self) -> String {
        let by = self
            .actor
            .as_ref()
            .map(|actor| format!(" by {actor}"))
            .unwrap_or_default();
        let why = self
            .reason
            .as_ref()
            .map(|reason| format!(" ({reason})"))
            .unwrap_or_default();
        let until = match (self.held, &self.pointer) {
            (true, _) => format!("is held there until {}", self.release()),
            (false, Pointer::Channel(_)) => "stays there until the next promote".to_owned(),
            (false, Pointer::Branch(_)) => "stays there until the next build".to_owned(),
        };
        format!("it was rolled back to {}{by}{why}, and {until}", self.build.id)
    }
}

/// Keys of one history.
pub struct History {
    prefix: String,
}

/// Returns the keys of a pointer's history.
pub fn history(project: &str, artifact: &str, pointer: &Pointer) -> History {
    let keys = keys::Project::new(project);
    let prefix = match pointer {
        Pointer::Channel(name) => keys.channel(artifact, name),
        Pointer::Branch(name) => keys.moves(artifact, name),
    };
    History { prefix }
}

impl History {
    fn event(&self, sequence: u64) -> String {
        format!("{}{}", self.prefix, crate::order::newest_first(sequence))
    }

    /// Returns the last event: one listing and one read, however long the history.
    pub fn last(&self, store: &impl Store) -> Result<Option<Event>> {
        let key = store.list(&self.prefix, None, 1)?.pop();
        key.map(|key| Event::read(store, &key)).transpose()
    }

    /// Returns the number of the last event, whatever can be read of it.
    pub fn last_sequence(&self, store: &impl Store) -> Result<u64> {
        let key = store.list(&self.prefix, None, 1)?.pop();
        let names = key.as_deref().and_then(|key| key.strip_prefix(&self.prefix));
        Ok(names.and_then(crate::order::number).unwrap_or_default())
    }

    /// Returns the event of a number, or nothing where the history begins later: what was before was given up.
    pub fn get(&self, store: &impl Store, sequence: u64) -> Result<Option<Event>> {
        let key = self.event(sequence);
        match Event::read(store, &key) {
            Err(Error::Damaged(_))
                if store.head(&key)?.is_none() && store.list(&self.prefix, Some(&key), 1)?.is_empty() =>
            {
                Ok(None)
            }
            found => found.map(Some),
        }
    }

    /// Returns the last events, the newest first, at most `limit` (1 to 1,000), and a warning for each that is missing
    /// between them or cannot be read. Fails where none can be read.
    pub fn events(&self, store: &impl Store, limit: u32) -> Result<(Vec<Event>, Vec<Problem>)> {
        let (mut events, mut lost, mut first) = (Vec::new(), Vec::new(), None);
        let mut expected = None;
        for key in store.list(&self.prefix, None, limit)? {
            let name = key.strip_prefix(&self.prefix);
            let Some(sequence) = name.and_then(crate::order::number) else {
                continue;
            };
            if let Some(expected) = expected.filter(|expected| sequence < *expected) {
                let message = match expected - sequence {
                    1 => format!("event {expected} is missing"),
                    _ => format!("events {} to {expected} are missing", sequence + 1),
                };
                lost.push(warning("event-lost", message, &key));
            }
            expected = sequence.checked_sub(1);
            match Event::read(store, &key) {
                Ok(event) => events.push(event),
                Err(error @ Error::Damaged(_)) => {
                    let message = format!("event {sequence} cannot be read: {error}");
                    lost.push(warning("event-lost", message, &key));
                    first.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        match first {
            Some(error) if events.is_empty() => Err(error),
            _ => Ok((events, lost)),
        }
    }
}
