//! The order of builds, and its form in keys, where the newest comes first.
//!
//! A listing of keys is ascending, so numbers are stored inverted. A run number is spread over several names of two
//! hex digits each, so that no directory of a store has more than 256 entries however many builds there are; the first
//! name says how many there are, and sorts longer numbers first. All names that are compared with each other are of
//! equal length, since stores disagree on how `/` sorts (docs/reference/format.md, "Order").

use serde::{Deserialize, Serialize};

use crate::id::Digest;

/// The position of a build among the builds of its counter: compared by run, then by attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Order {
    /// The pipeline or run number, else the build's own, else the start time in milliseconds.
    pub run: u64,
    /// The job number or attempt.
    pub attempt: u64,
}

/// One node of a job that runs as several in parallel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Node {
    /// From 0.
    pub index: u32,
    /// At least 1.
    pub total: u32,
}

impl Node {
    /// A job that is not parallel.
    pub const ONLY: Node = Node { index: 0, total: 1 };
}

/// The last name of a build's keys: tells the parts of one run apart, and puts later attempts first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// The job number or attempt.
    pub attempt: u64,
    /// Eight hex digits made from workflow and job: two jobs of a run that share a number do not collide.
    pub job: String,
    /// The node.
    pub node: Node,
    /// The number of the revision of the node's build, from 1.
    pub revision: u8,
}

impl Leaf {
    /// Returns the leaf of a job run's first revision.
    pub fn new(attempt: u64, workflow: Option<&str>, job: Option<&str>, node: Node) -> Leaf {
        // NUL is in neither name, so no two pairs give the same text.
        let identity = format!("{}\0{}", workflow.unwrap_or_default(), job.unwrap_or_default());
        let job = Digest::of(identity.as_bytes())
            .to_string()
            .chars()
            .take(8)
            .collect();
        Leaf {
            attempt,
            job,
            node,
            revision: 1,
        }
    }

    /// Returns whether the other leaf of the same run is a node of the same job, in whichever attempt.
    pub fn same_job(&self, other: &Leaf) -> bool {
        self.job == other.job && self.node.total == other.node.total
    }

    /// Returns whether the other leaf of the same run is a node of the same attempt of the same job.
    pub fn same_attempt(&self, other: &Leaf) -> bool {
        self.attempt == other.attempt && self.same_job(other)
    }

    /// Returns the name.
    pub fn name(&self) -> String {
        format!(
            "{:016x}-{}-{:04x}-{:04x}-{:02x}",
            !self.attempt, self.job, self.node.index, self.node.total, !self.revision
        )
    }

    /// Returns the leaf that a name says.
    pub fn parse(name: &str) -> Option<Leaf> {
        let mut parts = name.split('-');
        let attempt = hex(parts.next()?, 16)?;
        let job = parts.next().filter(|job| hex(job, 8).is_some())?.to_owned();
        let index = u32::try_from(hex(parts.next()?, 4)?).ok()?;
        let total = u32::try_from(hex(parts.next()?, 4)?).ok()?;
        let revision = !u8::try_from(hex(parts.next()?, 2)?).ok()?;
        let whole = parts.next().is_none() && index < total && revision > 0;
        whole.then_some(Leaf {
            attempt: !attempt,
            job,
            node: Node { index, total },
            revision,
        })
    }
}

fn hex(text: &str, digits: usize) -> Option<u64> {
    let plain = text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    plain.then(|| u64::from_str_radix(text, 16).ok()).flatten()
}

/// Returns a number as names whose ascending order is the number's descending order: `6/fb/2d` for 1234.
pub fn newest_first(number: u64) -> String {
    let bytes = number.to_be_bytes();
    let unused = (number.leading_zeros() / 8).min(7);
    let mut name = unused.to_string();
    for byte in bytes.iter().skip(unused as usize) {
        name.push_str(&format!("/{:02x}", !byte));
    }
    name
}

/// Returns the number that [`newest_first`] gives these names.
pub fn number(names: &str) -> Option<u64> {
    let (_, digits) = names.split_once('/')?;
    let mut number = 0u64;
    for name in digits.split('/') {
        let byte = !u8::from_str_radix(name, 16).ok()?;
        number = number.checked_mul(256)? | u64::from(byte);
    }
    (newest_first(number) == names).then_some(number)
}

/// Returns a number as one name, inverted: for where few are compared.
pub fn inverted(number: u64) -> String {
    format!("{:016x}", !number)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_spread_over_names() {
        assert_eq!(newest_first(0), "7/ff");
        assert_eq!(newest_first(1234), "6/fb/2d");
        assert_eq!(newest_first(u64::MAX), "0/00/00/00/00/00/00/00/00");
    }

    proptest! {
        #[test]
        fn names_say_their_number(a: u64, shift in 0u32..64) {
            prop_assert_eq!(number(&newest_first(a >> shift)), Some(a >> shift));
        }

        #[test]
        fn newer_sorts_first(a: u64, b: u64, shift_a in 0u32..64, shift_b in 0u32..64) {
            let (a, b) = (a >> shift_a, b >> shift_b);
            prop_assert_eq!(newest_first(a).cmp(&newest_first(b)), b.cmp(&a));
            prop_assert_eq!(inverted(a).cmp(&inverted(b)), b.cmp(&a));
        }

        #[test]
        fn compared_names_are_of_equal_length(a: u64, b: u64, shift in 0u32..64) {
            let (a, b) = (newest_first(a), newest_first(b >> shift));
            let differing = a.split('/').zip(b.split('/')).find(|(a, b)| a != b);
            prop_assert!(differing.is_none_or(|(a, b)| a.len() == b.len()));
        }

        #[test]
        fn leaf_names_round_trip(attempt: u64, job in ".{0,9}", index in 0u32..9, more in 1u32..9, revision in 1u8..) {
            let node = Node { index, total: index + more };
            let leaf = Leaf { revision, ..Leaf::new(attempt, Some("w"), Some(&job), node) };
            prop_assert_eq!(Leaf::parse(&leaf.name()).unwrap(), leaf);
        }
    }

    #[test]
    fn other_names_say_no_number() {
        for wrong in [
            "", "7", "7/", "7/fe/", "7/FE", "6/ff/fe", "7/fe/fe", "7/0xfe", "8/00",
        ] {
            assert_eq!(number(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn wrong_leaf_names_are_refused() {
        let name = Leaf::new(1, None, None, Node::ONLY).name();
        for wrong in [
            "",
            "x",
            &name.to_uppercase(),
            &format!("{name}-"),
            &name.replace("-0000-", "-0001-"),
            &name.replace("-fe", "-ff"),
        ] {
            assert_eq!(Leaf::parse(wrong), None, "{wrong}");
        }
    }
}
