//! The record of a build: one small object, written once, under each key by which the build can be found.
//!
//! It is two lines of JSON: a header with the digest of the second line, and the record itself. So a flipped bit shows,
//! and a person can read it.

use std::borrow::Borrow;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::build_id::{BuildId, DatedBuild, NODES_MAX};
use crate::counter::Counter;
use crate::error::{Error, Result};
use crate::id::TreeId;
use crate::keys;
use crate::order::{Leaf, Node, Order};
use crate::recency::Recency;
use crate::sealed::{open, seal};

/// The number of hex digits of a commit.
pub(crate) const COMMIT_DIGITS: RangeInclusive<usize> = 7..=64;

/// One job run that persisted an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The artifact's name.
    pub artifact: String,
    /// The project's name, for example `gh/acme/shop`.
    pub project: String,
    /// Absent on a tag.
    #[serde(default)]
    pub branch: Option<String>,
    /// Absent on a branch.
    #[serde(default)]
    pub tag: Option<String>,
    /// Lower-case hex.
    #[serde(default)]
    pub commit: Option<String>,
    /// The number that people and `build:N` use.
    pub number: u64,
    /// The counter of its order.
    pub counter: Counter,
    /// Its position among the builds of its counter.
    pub order: Order,
    /// This run of the workflow.
    #[serde(default)]
    pub workflow: Option<String>,
    /// The same for a workflow and its reruns.
    #[serde(default)]
    pub workspace: Option<String>,
    /// The job's name.
    #[serde(default)]
    pub job: Option<String>,
    /// The parallel node of the job.
    pub node: Node,
    /// The number of the revision of the node's build, from 1. The newest one answers.
    pub revision: u8,
    /// The number of the pull request that it was built for.
    #[serde(default)]
    pub pull_request: Option<String>,
    /// Whether the commit comes from a fork.
    pub fork: bool,
    /// The CI system.
    pub runner: String,
    /// The link to the job.
    #[serde(default)]
    pub url: Option<String>,
    /// The person who started it.
    #[serde(default)]
    pub actor: Option<String>,
    /// When it was persisted, in milliseconds since 1970.
    pub created_ms: u64,
    /// The version of baton that persisted it. Empty where an early one did.
    #[serde(default)]
    pub baton: String,
    /// The digest of the component that did, as the host says.
    #[serde(default)]
    pub component: Option<String>,
    /// Its files.
    pub tree: TreeId,
    /// The total number.
    pub files: u64,
    /// The sum of their sizes in bytes.
    pub bytes: u64,
}

impl Record {
    /// Returns whether it is neither of a fork nor of a pull request: anyone may open one. No selector takes what is
    /// not for what is.
    pub fn trusted(&self) -> bool {
        !self.fork && self.pull_request.is_none()
    }

    /// Returns the name of an untrusted build's origin for messages: `pull request 7 of a fork`.
    pub fn origin(&self) -> String {
        match (&self.pull_request, self.fork) {
            (Some(number), true) => format!("pull request {number} of a fork"),
            (Some(number), false) => format!("pull request {number}"),
            (None, _) => "a fork".to_owned(),
        }
    }

    /// Returns whether it can be the latest of its branch.
    pub fn eligible(&self) -> bool {
        self.branch.is_some() && self.trusted()
    }

    /// Returns what it takes to compare it with other builds.
    pub fn recency(&self) -> Recency<'_> {
        Recency {
            trusted: self.trusted(),
            counter: &self.counter,
            order: self.order,
            created_ms: self.created_ms,
        }
    }

    /// Returns the name of the job run that it is of.
    pub fn build_id(&self) -> BuildId {
        BuildId {
            number: self.number,
            trusted: self.trusted(),
            counter: self.counter.clone(),
            order: self.order,
            job: self.leaf().job,
            nodes: self.node.total,
        }
    }

    /// Returns the end of its keys.
    pub fn leaf(&self) -> Leaf {
        Leaf {
            revision: self.revision,
            ..Leaf::new(
                self.order.attempt,
                self.workflow.as_deref(),
                self.job.as_deref(),
                self.node,
            )
        }
    }

    /// Returns the keys under which it and the revisions before it are written, in the order of removal: first what makes
    /// it the latest, last its number, and the newest revision of each last, so that it answers until nothing does.
    pub fn keys_of_all_revisions(&self) -> Vec<String> {
        let revision = |revision| Record {
            revision,
            ..self.clone()
        };
        let mut keys: Vec<(usize, String)> = (1..=self.revision)
            .flat_map(|number| revision(number).keys().into_iter().enumerate())
            .collect();
        keys.sort_by_key(|(kind, _)| std::cmp::Reverse(*kind));
        keys.into_iter().map(|(_, key)| key).collect()
    }

    /// Returns the name of its job for messages.
    pub fn job_name(&self) -> String {
        let job = self.job.as_deref().unwrap_or("(no job)");
        match self.node {
            Node { total: 1, .. } => format!("{job} (build {})", self.number),
            Node { index, total } => format!("{job} node {index} of {total} (build {})", self.number),
        }
    }

    /// Returns the keys under which it is written, in the order of writing. The branch's comes last: until it exists,
    /// `latest` gives the old answer, and from then on every way of finding the build works.
    pub fn keys(&self) -> Vec<String> {
        let project = keys::Project::new(&self.project);
        let leaf = self.leaf();
        let look_up = keys::look_up(self.order, &leaf);
        let trusted = self.trusted();
        let mut all = vec![format!(
            "{}{look_up}",
            project.number(&self.artifact, trusted, &self.counter, self.number)
        )];
        if let Some(commit) = &self.commit {
            let commits = project.commits(&self.artifact, trusted, commit);
            all.push(format!("{commits}/{}/{look_up}", self.counter.name()));
        }
        if let Some(tag) = &self.tag {
            let tag = project.tag(&self.artifact, trusted, tag);
            all.push(format!("{tag}{}/{look_up}", self.counter.name()));
        }
        if let (Some(branch), true) = (&self.branch, self.eligible()) {
            all.push(project.build(&self.artifact, branch, &self.counter, self.order, &leaf));
        }
        all
    }

    /// Returns the prefix of its signatures. The name of a public key follows.
    pub fn signatures_prefix(&self) -> String {
        format!("{}/", self.signatures())
    }

    /// Returns the prefix of the signatures of all revisions of its node.
    pub fn all_signatures_prefix(&self) -> String {
        format!("{}-", keys::stem(&self.signatures()))
    }

    fn signatures(&self) -> String {
        let project = keys::Project::new(&self.project);
        let prefix = project.signatures(&self.artifact, self.trusted(), &self.counter, self.number);
        format!("{prefix}{}", keys::look_up(self.order, &self.leaf()))
    }

    /// Returns the key of its layer in its workspace, if it has one.
    pub fn layer_key(&self) -> Option<String> {
        let project = keys::Project::new(&self.project);
        Some(format!(
            "{}{}",
            layer_prefix(&project.workspace(self.workspace.as_deref()?), self),
            keys::look_up(self.order, &self.leaf()),
        ))
    }

    /// Says what no record can say: its keys would be none.
    fn fault(&self) -> Option<&'static str> {
        let Node { index, total } = self.node;
        let is_commit = |commit: &String| {
            let digits = commit
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            digits && COMMIT_DIGITS.contains(&commit.len())
        };
        if index >= total || total > NODES_MAX {
            return Some("its job cannot have its parallel node");
        }
        if self.revision == 0 {
            return Some("its revision is 0");
        }
        if !self.commit.as_ref().is_none_or(is_commit) {
            return Some("its commit does not have 7 to 64 lower-case hex digits");
        }
        None
    }

    /// Returns the stored form.
    pub fn seal(&self) -> Result<Vec<u8>> {
        seal("record", self)
    }

    /// Reads the stored form of the object `key`.
    pub fn open(key: &str, bytes: &[u8]) -> Result<Record> {
        let record: Record = open("record", key, bytes)?;
        if let Some(fault) = record.fault() {
            return Err(Error::damaged(key, fault));
        }
        // A record under a key that it does not name was put there by somebody else, or by accident.
        let own =
            record.keys().iter().any(|own| own == key) || record.layer_key().is_some_and(|own| own == key);
        if !own {
            let message = format!(
                "this is the record of {} {}, which has other keys",
                record.artifact, record.number
            );
            return Err(Error::damaged(key, message));
        }
        Ok(record)
    }
}

impl DatedBuild {
    /// Returns the build that these records are of: one for each node.
    pub fn of(records: &[impl Borrow<Record>]) -> Option<DatedBuild> {
        let records = || records.iter().map(Borrow::borrow);
        Some(DatedBuild {
            id: records().max_by_key(|record| record.order)?.build_id(),
            created_ms: records().map(|record| record.created_ms).max()?,
        })
    }
}

/// Returns what the keys of one job's layers of one artifact begin with.
fn layer_prefix(workspace: &str, record: &Record) -> String {
    let job = keys::name(record.job.as_deref().unwrap_or("-"));
    format!(
        "{workspace}{}/{}/{job}/{:04x}/{}/",
        keys::trust(record.trusted()),
        keys::name(&record.artifact),
        record.node.index,
        record.counter.name()
    )
}

#[cfg(test)]
pub(crate) mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::counter::Rank;

    pub(crate) fn example() -> Record {
        Record {
            artifact: "dist".into(),
            project: "gh/acme/shop".into(),
            branch: Some("main".into()),
            tag: None,
            commit: Some("abc1234".into()),
            number: 7,
            counter: Counter {
                rank: Rank::Run,
                runner: "circleci".into(),
                by: "gh/acme/shop".into(),
                part: None,
            },
            order: Order { run: 3, attempt: 7 },
            workflow: Some("w1".into()),
            workspace: Some("w1".into()),
            job: Some("build".into()),
            node: Node::ONLY,
            revision: 1,
            pull_request: None,
            fork: false,
            runner: "circleci".into(),
            url: None,
            actor: None,
            created_ms: 1_700_000_000_000,
            baton: "0.1.0".into(),
            component: None,
            tree: TreeId::of(b""),
            files: 1,
            bytes: 2,
        }
    }

    #[test]
    fn a_record_opens_only_whole_and_under_its_own_keys() {
        let record = example();
        let bytes = record.seal().unwrap();
        for key in record.keys().into_iter().chain(record.layer_key()) {
            assert_eq!(Record::open(&key, &bytes).unwrap(), record);
        }
        let swapped = Record {
            number: 8,
            ..example()
        }
        .keys()
        .remove(0);
        assert!(matches!(Record::open(&swapped, &bytes), Err(Error::Damaged(_))));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_shows() {
        let record = example();
        let (key, bytes) = (record.keys().remove(0), record.seal().unwrap());
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            *flipped.get_mut(at).unwrap() ^= 1;
            assert!(Record::open(&key, &flipped).is_err(), "byte {at}");
            assert!(
                Record::open(&key, bytes.get(..at).unwrap()).is_err(),
                "cut at {at}"
            );
        }
    }

    #[test]
    fn a_later_version_is_not_damage() {
        let bytes = example().seal().unwrap();
        let later = String::from_utf8(bytes)
            .unwrap()
            .replace("\"version\":1", "\"version\":2");
        let error = Record::open(&example().keys().remove(0), later.as_bytes()).unwrap_err();
        assert!(matches!(error, Error::Unsupported(_)), "{error:?}");
    }

    #[test]
    fn forks_and_pull_requests_have_no_key_on_a_branch() {
        let fork = Record {
            fork: true,
            ..example()
        };
        let pull = Record {
            pull_request: Some("12".into()),
            ..example()
        };
        for record in [fork, pull] {
            assert!(record.keys().iter().all(|key| !key.contains("/builds/")));
        }
        assert!(example().keys().last().unwrap().contains("/builds/"));
    }
}
