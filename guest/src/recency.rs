//! The one order of builds: look-ups, lists, moves, layers and prunes all follow it.
//!
//! A number orders builds within its own counter only. Between counters, one that says more ranks above one of the same
//! runner that says less, any counter ranks above none, and otherwise the build that was persisted last is the newer
//! (docs/reference/format.md, "Order").

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::counter::{Counter, Rank};
use crate::order::Order;

/// A date that is further ahead of the asker's clock than this, in milliseconds, is one of a wrong clock.
pub const AHEAD_MS_MAX: u64 = 5 * 60 * 1000;

/// The rule that decides between builds of different counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Across {
    /// The ranks of the counters, and then the dates: among the builds of a project.
    Ranks,
    /// The dates alone: among the jobs of one workflow, which ran in that order however they were counted.
    Dates,
}

/// Everything by which two builds of one artifact are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recency<'a> {
    /// Whether it is neither of a fork nor of a pull request.
    pub trusted: bool,
    /// The counter of its order.
    pub counter: &'a Counter,
    /// Its position in its counter.
    pub order: Order,
    /// When it was persisted, in milliseconds since 1970.
    pub created_ms: u64,
}

impl Recency<'_> {
    /// Returns whether its date is ahead of the asker's clock.
    pub fn is_ahead(&self, now_ms: u64) -> bool {
        self.created_ms > now_ms.saturating_add(AHEAD_MS_MAX)
    }

    /// Returns whether it is the newer of two builds.
    pub fn is_newer_than(&self, other: &Recency<'_>, now_ms: u64) -> bool {
        self.is_newer_across(other, Across::Ranks, now_ms)
    }

    /// Returns whether it is the newer of two builds of one workflow or of many.
    pub fn is_newer_across(&self, other: &Recency<'_>, across: Across, now_ms: u64) -> bool {
        if self.trusted == other.trusted && self.counter == other.counter {
            return self.within(now_ms) > other.within(now_ms);
        }
        first_across(&[*self, *other], across, now_ms) == Some(0)
    }

    /// Says why a build is newer than another one that it [is newer than](Recency::is_newer_than).
    pub fn why_newer_than(&self, other: &Recency<'_>) -> String {
        if self.trusted != other.trusted {
            return "a fork or a pull request built the other".to_owned();
        }
        if self.counter == other.counter {
            return format!("its number is the higher of {}", self.counter);
        }
        match (other.is_outranked_by(self), other.counter.rank) {
            (true, Rank::Time) => "the other has no run number".to_owned(),
            (true, _) => "the other has a job number and no run number".to_owned(),
            (false, _) => "it was persisted later, and their numbers do not compare".to_owned(),
        }
    }

    /// Returns whether the rank of another build's counter decides against this one, whatever the two dates.
    pub fn is_outranked_by(&self, other: &Recency<'_>) -> bool {
        let (rank, above) = (self.counter.rank, other.counter.rank);
        let is_comparable = rank == Rank::Time || self.counter.runner == other.counter.runner;
        rank > above && is_comparable
    }

    /// Returns its position within its counter. Without a number the date is the order, and one that is ahead of the clock
    /// does not win by it.
    fn within(&self, now_ms: u64) -> (bool, Order) {
        let is_believed = self.counter.rank != Rank::Time || !self.is_ahead(now_ms);
        (is_believed, self.order)
    }
}

/// Returns which of several builds, each the newest of its counter, is the newest.
///
/// Of those that are trusted, if there are any: what no rank decides against, and of these what was persisted last. A date
/// ahead of the clock loses to any other. Equal dates are decided by the counters, so that all readers agree.
pub fn first(heads: &[Recency<'_>], now_ms: u64) -> Option<usize> {
    first_across(heads, Across::Ranks, now_ms)
}

fn first_across(heads: &[Recency<'_>], across: Across, now_ms: u64) -> Option<usize> {
    let is_trusted = heads.iter().any(|head| head.trusted);
    let candidates = || {
        heads
            .iter()
            .enumerate()
            .filter(|(_, head)| head.trusted == is_trusted)
    };
    // Of each runner, and of all of them: the best rank.
    let mut best: BTreeMap<&str, Rank> = BTreeMap::new();
    let mut best_of_all = Rank::Time;
    // Of several builds of one counter, its order decides.
    let mut newest: BTreeMap<&Counter, (bool, Order)> = BTreeMap::new();
    for (_, head) in candidates() {
        let counter = head.counter;
        let of_counter = newest.entry(counter).or_insert(head.within(now_ms));
        *of_counter = head.within(now_ms).max(*of_counter);
        let of_runner = best.entry(&counter.runner).or_insert(counter.rank);
        *of_runner = counter.rank.min(*of_runner);
        best_of_all = counter.rank.min(best_of_all);
    }
    candidates()
        .filter(|(_, Recency { counter, .. })| match counter.rank {
            _ if across == Across::Dates => true,
            Rank::Time => best_of_all == Rank::Time,
            rank => best.get(counter.runner.as_str()) == Some(&rank),
        })
        .filter(|(_, head)| newest.get(head.counter) == Some(&head.within(now_ms)))
        .max_by_key(|(at, head)| {
            (
                !head.is_ahead(now_ms),
                head.created_ms,
                Reverse(head.counter),
                Reverse(*at),
            )
        })
        .map(|(at, _)| at)
}

/// Sorts builds, the newest first: counter by counter the newest, then the next of that counter. The parts of one build
/// stay together.
pub fn newest_first<T>(
    builds: Vec<T>,
    across: Across,
    now_ms: u64,
    recency: impl Fn(&T) -> Recency<'_>,
) -> Vec<T> {
    let mut counters: BTreeMap<(bool, Counter), Vec<T>> = BTreeMap::new();
    for build in builds {
        let Recency { trusted, counter, .. } = recency(&build);
        let counter = (trusted, counter.clone());
        counters.entry(counter).or_default().push(build);
    }
    // The newest last, where it is taken from. Stable, so that equal ones keep the order that they came in.
    let mut counters: Vec<Vec<T>> = counters
        .into_values()
        .map(|mut builds| {
            builds.reverse();
            builds.sort_by_key(|build| recency(build).within(now_ms));
            builds
        })
        .collect();
    let mut sorted = Vec::new();
    loop {
        counters.retain(|builds| !builds.is_empty());
        let heads: Vec<Recency<'_>> = counters
            .iter()
            .filter_map(|builds| builds.last().map(&recency))
            .collect();
        let next = first_across(&heads, across, now_ms).and_then(|at| Some((at, heads.get(at)?.order)));
        let Some((at, order)) = next else {
            return sorted;
        };
        if let Some(builds) = counters.get_mut(at) {
            while let Some(build) = builds.pop_if(|build| recency(build).order == order) {
                sorted.push(build);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use proptest::prelude::*;

    use super::*;

    const NOW_MS: u64 = 1_000_000_000;

    /// A build that owns what a recency borrows.
    #[derive(Debug, Clone, PartialEq, Eq)]
    struct Build {
        trusted: bool,
        counter: Counter,
        order: Order,
        created_ms: u64,
    }

    fn recency(build: &Build) -> Recency<'_> {
        let Build {
            trusted,
            counter,
            order,
            created_ms,
        } = build;
        Recency {
            trusted: *trusted,
            counter,
            order: *order,
            created_ms: *created_ms,
        }
    }

    fn build(rank: Rank, runner: &str, by: &str, run: u64, created_ms: u64) -> Build {
        let counter = match rank {
            Rank::Time => Counter::none(),
            rank => Counter {
                rank,
                runner: runner.into(),
                by: by.into(),
                part: None,
            },
        };
        Build {
            trusted: true,
            counter,
            order: Order { run, attempt: 0 },
            created_ms,
        }
    }

    fn any_build() -> impl Strategy<Value = Build> {
        let rank = prop_oneof![Just(Rank::Run), Just(Rank::Number), Just(Rank::Time)];
        let number = prop_oneof![0u64..5, Just(u64::MAX)];
        // Some of the dates are ahead of the clock, and some are equal.
        let created = prop_oneof![4 => 0u64..9, 1 => (0u64..3).prop_map(|ms| NOW_MS * 2 + ms)];
        (any::<bool>(), rank, 0u8..2, 0u8..2, number, created).prop_map(
            |(trusted, rank, runner, by, run, created_ms)| Build {
                trusted,
                ..build(
                    rank,
                    &runner.to_string(),
                    &by.to_string(),
                    if rank == Rank::Time { created_ms } else { run },
                    created_ms,
                )
            },
        )
    }

    proptest! {
        #[test]
        fn the_order_is_total_and_does_not_depend_on_where_it_starts(
            builds in prop::collection::vec(any_build(), 0..12),
            turn in 0usize..12,
        ) {
            let sorted = newest_first(builds.clone(), Across::Ranks, NOW_MS, recency);
            prop_assert_eq!(sorted.len(), builds.len());
            let mut turned = builds.clone();
            turned.rotate_left(turn.min(builds.len()));
            // Equal builds may change places with each other.
            let key = |build: &Build| (build.trusted, build.counter.clone(), build.order);
            let keys: Vec<_> = sorted.iter().map(key).collect();
            let distinct = builds.iter().map(key).collect::<std::collections::HashSet<_>>().len() == builds.len();
            if distinct {
                let again = newest_first(turned, Across::Ranks, NOW_MS, recency);
                prop_assert_eq!(&again, &sorted);
            }
            // Within a counter the order is that of its numbers, and what is trusted comes before what is not.
            for (at, one) in sorted.iter().enumerate() {
                for other in sorted.get(at + 1..).unwrap_or_default() {
                    prop_assert!(one.trusted >= other.trusted);
                    if (one.trusted, &one.counter) == (other.trusted, &other.counter) {
                        prop_assert!(!recency(other).is_newer_than(&recency(one), NOW_MS), "{keys:?}");
                    }
                }
            }
        }

        #[test]
        fn the_first_of_the_sorted_is_the_first_of_the_heads(builds in prop::collection::vec(any_build(), 1..12)) {
            let sorted = newest_first(builds, Across::Ranks, NOW_MS, recency);
            let mut heads: Vec<Build> = Vec::new();
            for build in &sorted {
                if heads.iter().all(|head| (head.trusted, &head.counter) != (build.trusted, &build.counter)) {
                    heads.push(build.clone());
                }
            }
            let newest = first(&heads.iter().map(recency).collect::<Vec<_>>(), NOW_MS).unwrap();
            prop_assert_eq!(heads.get(newest), sorted.first());
        }

        #[test]
        fn of_two_different_builds_one_is_newer(a in any_build(), b in any_build()) {
            let newer = (recency(&a).is_newer_than(&recency(&b), NOW_MS), recency(&b).is_newer_than(&recency(&a), NOW_MS));
            prop_assert!(newer != (true, true));
            if (a.trusted, &a.counter, a.order) != (b.trusted, &b.counter, b.order) {
                prop_assert!(newer != (false, false));
            }
        }

        #[test]
        fn a_later_number_is_newer_whatever_the_dates(a in any_build(), more in 1u64..9, created_ms in 0u64..NOW_MS) {
            prop_assume!(a.counter.rank != Rank::Time && a.order.run < u64::MAX - 9);
            let later = Build {
                order: Order { run: a.order.run + more, attempt: 0 },
                created_ms,
                ..a.clone()
            };
            prop_assert!(recency(&later).is_newer_than(&recency(&a), NOW_MS));
        }
    }

    fn newest(builds: &[Build]) -> &Build {
        let heads: Vec<_> = builds.iter().map(recency).collect();
        builds.get(first(&heads, NOW_MS).unwrap()).unwrap()
    }

    #[test]
    fn a_rank_decides_within_a_runner_and_a_date_between_runners() {
        let run = build(Rank::Run, "circleci", "", 413, 1);
        let job = build(Rank::Number, "circleci", "", 1234, 5);
        let other = build(Rank::Number, "jenkins", "", 3, 3);
        let laptop = build(Rank::Time, "", "", 9, 9);
        assert_eq!(newest(&[run.clone(), job.clone(), laptop.clone()]), &run);
        assert_eq!(newest(&[job.clone(), laptop.clone()]), &job);
        assert_eq!(newest(&[run.clone(), job, other.clone(), laptop.clone()]), &other);
        assert_eq!(newest(std::slice::from_ref(&laptop)), &laptop);
        let fork = Build {
            trusted: false,
            ..build(Rank::Run, "circleci", "", 999, 999)
        };
        assert_eq!(newest(&[fork, laptop.clone()]), &laptop);
    }

    #[test]
    fn a_date_ahead_of_the_clock_does_not_win() {
        let ahead = build(Rank::Run, "jenkins", "", 1, NOW_MS * 2);
        let dated = build(Rank::Run, "circleci", "", 1, 1);
        assert_eq!(newest(&[ahead.clone(), dated.clone()]), &dated);
        let (laptop, wrong) = (
            build(Rank::Time, "", "", 5, 5),
            build(Rank::Time, "", "", NOW_MS * 2, NOW_MS * 2),
        );
        assert!(recency(&laptop).is_newer_than(&recency(&wrong), NOW_MS));
        let slow = build(Rank::Run, "jenkins", "", 1, NOW_MS + AHEAD_MS_MAX);
        assert_eq!(newest(&[slow.clone(), dated]), &slow, "clocks differ a little");
    }
}
