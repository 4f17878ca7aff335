//! Counters: a number orders builds within its own counter only, which is a runner and what that runner counts by.

use serde::{Deserialize, Serialize};

use crate::id::Digest;

/// The reliability with which a counter gives the order of builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rank {
    /// It counts pipelines or runs: a rerun keeps its number.
    Run,
    /// It counts jobs: a rerun of an old pipeline gets a new number.
    Number,
    /// There is no number, only a time.
    Time,
}

/// The counter of a build's order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Counter {
    /// Its reliability.
    pub rank: Rank,
    /// The CI system. Empty where nothing is counted, and where a person named what is: other systems may share it.
    pub runner: String,
    /// The unit that the runner counts by: a project, a workflow file, a pipeline, a job. Empty if unknown.
    #[serde(default)]
    pub by: String,
    /// The branch, if the runner counts each branch separately.
    #[serde(default)]
    pub part: Option<String>,
}

impl Counter {
    /// Returns the counter of builds that have no number.
    pub fn none() -> Counter {
        Counter {
            rank: Rank::Time,
            runner: String::new(),
            by: String::new(),
            part: None,
        }
    }

    /// Returns the name in keys. All have the same length. The parts of a counter share it: a project may have any
    /// number of branches.
    pub fn name(&self) -> String {
        // NUL is in neither name, so no two pairs give the same text.
        let digest = Digest::of(format!("{}\0{}", self.runner, self.by).as_bytes()).to_string();
        let rank = match self.rank {
            Rank::Run => 0,
            Rank::Number => 1,
            Rank::Time => 2,
        };
        format!("{rank}-{}", digest.get(..16).unwrap_or_default())
    }

    /// Returns the rank that a [`Counter::name`] says, or `None` where it is no such name.
    pub fn rank_of(name: &str) -> Option<Rank> {
        let (rank, digest) = name.split_once('-')?;
        let is_digest = digest.len() == 16
            && digest
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        match rank {
            _ if !is_digest => None,
            "0" => Some(Rank::Run),
            "1" => Some(Rank::Number),
            "2" => Some(Rank::Time),
            _ => None,
        }
    }
}

/// As messages name it: `runs of github-actions (acme/shop/.github/workflows/ci.yml)`.
impl std::fmt::Display for Counter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counted = match self.rank {
            Rank::Run => "runs",
            Rank::Number => "numbers",
            Rank::Time => return formatter.write_str("builds without a number"),
        };
        formatter.write_str(counted)?;
        if !self.runner.is_empty() {
            write!(formatter, " of {}", self.runner)?;
        }
        match self.part.as_ref().unwrap_or(&self.by).as_str() {
            "" => Ok(()),
            by => write!(formatter, " ({by})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_their_rank_and_are_of_one_length() {
        let run = Counter {
            rank: Rank::Run,
            runner: "github-actions".to_owned(),
            by: ".github/workflows/ci.yml".to_owned(),
            part: None,
        };
        insta::assert_snapshot!(run.name(), @"0-f6ee2ff3c4d18ae5");
        insta::assert_snapshot!(Counter::none().name(), @"2-2d3adedff11b61f1");
        for counter in [run, Counter::none()] {
            assert_eq!(Counter::rank_of(&counter.name()), Some(counter.rank));
            assert_eq!(counter.name().len(), 18);
        }
        for wrong in [
            "",
            "0",
            "0-",
            "3-0123456789abcdef",
            "0-0123456789ABCDEF",
            "0-0123456789abcde",
        ] {
            assert_eq!(Counter::rank_of(wrong), None, "{wrong}");
        }
    }
}
