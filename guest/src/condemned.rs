//! The list of objects that a prune is going to delete, and since when.
//!
//! Nothing is deleted in the run that finds it useless. It is condemned first, and a persist does not use what is
//! condemned: it stores it again, under another name. So a later prune may delete it, once no persist can be left that
//! looked before it was condemned (docs/reference/format.md, "Deleting").
//!
//! The lists are numbered from 1 without a gap, and each is created under its number: of two prunes that run at once,
//! one loses, and deletes nothing. Only the last list counts.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::build_id::BuildId;
use crate::date::date;
use crate::error::{Error, Result};
use crate::id::{Digest, PackId, TreeId};
use crate::json_lines::{Reader, Writer};
use crate::keys;
use crate::order::{newest_first, number};
use crate::ports::{PutMode, PutOutcome, Store, get_intact};
use crate::sealed::VERSION;

/// More marks than this are refused when they are read.
const MARKS_MAX: u64 = 10_000_000;

/// The phase of an object's deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// No record led to it, and maybe none does yet: a persist that still runs may have put it there.
    Seen,
    /// Nobody uses it any more, and nobody may.
    Condemned,
    /// It may be gone already.
    Deleting,
}

/// The state of one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The phase.
    pub phase: Phase,
    /// Since when, in milliseconds since 1970.
    pub since_ms: u64,
}

/// One list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Condemned {
    /// Its number, 0 where there is no list yet.
    pub sequence: u64,
    /// By pack.
    pub packs: BTreeMap<PackId, Mark>,
    /// By tree.
    pub trees: BTreeMap<TreeId, Mark>,
    /// Builds whose records this prune or one before it removes, unless something points to one, and until when, in
    /// milliseconds since 1970, nothing may begin to.
    pub builds: BTreeMap<Removed, u64>,
    /// Until when, in milliseconds since 1970, an earlier list may still count whose words are lost: what that condemned or
    /// was deleting is unknown. 0 where no list was lost.
    pub unknown_until_ms: u64,
}

/// Names a build across projects.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Removed {
    /// The project's name.
    pub project: String,
    /// The artifact's name.
    pub artifact: String,
    /// The job run. Of a parallel job, all attempts of its nodes.
    pub build: BuildId,
}

impl Removed {
    /// Returns the name of what is removed with a build.
    pub fn new(project: &str, artifact: &str, build: BuildId) -> Removed {
        Removed {
            project: project.to_owned(),
            artifact: artifact.to_owned(),
            build: build.all_attempts(),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Header {
    baton: String,
    version: u32,
    sequence: u64,
    packs: u64,
    trees: u64,
    builds: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    unknown_until_ms: u64,
}

fn is_zero(ms: &u64) -> bool {
    *ms == 0
}

#[derive(Serialize, Deserialize)]
struct Line {
    id: Digest,
    #[serde(flatten)]
    mark: Mark,
}

impl Condemned {
    /// Reads the last list.
    pub fn last(store: &impl Store) -> Result<Condemned> {
        // A list that a prune replaces is deleted: then there is a later one.
        for _ in 0..100 {
            let Some((key, _)) = last_key(store)? else {
                return Ok(Condemned::default());
            };
            if let Some(list) = get_intact(store, &key, None, |bytes| Condemned::from_bytes(&key, &bytes))? {
                return Ok(list);
            }
        }
        let message = "prunes keep replacing the list of condemned objects";
        Err(Error::stale("pruned-meanwhile", message, keys::CONDEMNED))
    }

    /// Reads the last list like [`Condemned::last`]. In place of a damaged list it returns one that says only
    /// its number, and that nothing is known.
    pub fn last_or_unknown(store: &impl Store) -> Result<Condemned> {
        match Condemned::last(store) {
            Err(error) => {
                let damage = error.into_damage()?;
                let sequence = damage.key.strip_prefix(keys::CONDEMNED).and_then(number);
                Ok(Condemned {
                    sequence: sequence.unwrap_or_default(),
                    unknown_until_ms: u64::MAX,
                    ..Condemned::default()
                })
            }
            list => list,
        }
    }

    /// Returns the number of the last list, 0 where there is none.
    pub fn last_sequence(store: &impl Store) -> Result<u64> {
        Ok(last_key(store)?.map_or(0, |(_, sequence)| sequence))
    }

    /// Returns the key of the list of a number.
    pub fn key(sequence: u64) -> String {
        format!("{}{}", keys::CONDEMNED, newest_first(sequence))
    }

    /// Adds the list, unless another prune has taken its number.
    pub fn create(&self, store: &impl Store) -> Result<PutOutcome> {
        store.put(&Condemned::key(self.sequence), &self.to_bytes()?, PutMode::Create)
    }

    /// Checks that no prune is removing a build.
    pub fn check_build(&self, build: &Removed, now_ms: u64) -> Result<()> {
        let Some(until_ms) = self.builds.get(build).filter(|until_ms| **until_ms > now_ms) else {
            return Ok(());
        };
        let message = format!(
            "a prune or `baton remove` removed {}, and nothing may refer to it again before {}",
            build.build,
            date(*until_ms)
        );
        Err(Error::stale("build-gone", message, &build.artifact))
    }

    /// Returns whether an earlier list may still count whose words are lost.
    pub fn is_unknown(&self, now_ms: u64) -> bool {
        now_ms < self.unknown_until_ms
    }

    /// Returns whether a tree may not be used.
    pub fn has_tree(&self, id: &TreeId) -> bool {
        self.trees.get(id).is_some_and(|mark| mark.phase > Phase::Seen)
    }

    /// Returns the packs that may not be used.
    pub fn packs(&self) -> HashSet<PackId> {
        let gone = self.packs.iter().filter(|(_, mark)| mark.phase > Phase::Seen);
        gone.map(|(id, _)| *id).collect()
    }

    /// Returns the stored form.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut lines = Writer::new();
        lines.line(&Header {
            baton: "condemned".to_owned(),
            version: VERSION,
            sequence: self.sequence,
            packs: self.packs.len() as u64,
            trees: self.trees.len() as u64,
            builds: self.builds.len() as u64,
            unknown_until_ms: self.unknown_until_ms,
        })?;
        let packs = self.packs.iter().map(|(id, mark)| (id.digest(), mark));
        let trees = self.trees.iter().map(|(id, mark)| (id.digest(), mark));
        for (id, mark) in packs.chain(trees) {
            lines.line(&Line { id, mark: *mark })?;
        }
        for (build, until_ms) in &self.builds {
            lines.line(&(build, until_ms))?;
        }
        let mut bytes = lines.finish()?;
        let digest = Digest::of(&bytes);
        bytes.extend_from_slice(digest.as_bytes());
        Ok(bytes)
    }

    /// Reads the stored form of the object `key`.
    pub fn from_bytes(key: &str, bytes: &[u8]) -> Result<Condemned> {
        // Its name does not say what is in it, so its digest follows it.
        let digest_at = bytes.len().saturating_sub(32);
        let (bytes, digest) = bytes.split_at_checked(digest_at).unwrap_or_default();
        let found = Digest::of(bytes);
        if digest != found.as_bytes() {
            return Err(Error::damaged(key, "the list was altered or cut short"));
        }
        let mut lines = Reader::new(key, bytes.to_vec())?;
        let header: Header = lines.header("condemned")?;
        if key != Condemned::key(header.sequence) {
            let message = format!("this is list {}, which has another key", header.sequence);
            return Err(Error::damaged(key, message));
        }
        if header.packs.max(header.trees).max(header.builds) > MARKS_MAX {
            let message =
                format!("a list of condemned objects has {MARKS_MAX} packs, trees and builds at most");
            return Err(Error::limit("list-too-large", message, key));
        }
        let mut condemned = Condemned {
            sequence: header.sequence,
            unknown_until_ms: header.unknown_until_ms,
            ..Condemned::default()
        };
        for _ in 0..header.packs {
            let Line { id, mark } = lines.next("a pack")?;
            condemned.packs.insert(id.into(), mark);
        }
        for _ in 0..header.trees {
            let Line { id, mark } = lines.next("a tree")?;
            condemned.trees.insert(id.into(), mark);
        }
        for _ in 0..header.builds {
            let (build, until_ms) = lines.next("a build")?;
            condemned.builds.insert(build, until_ms);
        }
        lines.end()?;
        Ok(condemned)
    }
}

/// Returns the key of the last list, and its number. What has another name is no list.
fn last_key(store: &impl Store) -> Result<Option<(String, u64)>> {
    let lists = store.list(keys::CONDEMNED, None, 100)?;
    Ok(lists.into_iter().find_map(|key| {
        let sequence = number(key.strip_prefix(keys::CONDEMNED)?)?;
        Some((key, sequence))
    }))
}
