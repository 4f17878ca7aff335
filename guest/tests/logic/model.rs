//! Everything that a team does to its builds, in any order, beside a simple model of what should come of it.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use baton_guest::channel::{self, Promote, Rollback, Target};
use baton_guest::context::Context;
use baton_guest::pointer::Pointer;
use baton_guest::prune::{self, Policy};
use baton_guest::testing::{MemoryClock, MemoryFiles, MemoryScratch, MemoryStore};
use proptest::prelude::*;

use crate::channels::{back, main_branch, production, release, rollback, who};
use crate::prune::{damages, request};
use crate::support::driver::{all_of, attach, everything, persist, resolve, scope};
use crate::support::{build, cases, code};

/// The grace period of these prunes, and how far the clock moves between two steps.
const GRACE_MS: u64 = 3_600_000;
const STEP_MS: u64 = 1_300_000;
/// A time after those of all builds of `build`.
const START_MS: u64 = 1_800_000_000_000;

#[derive(Debug, Clone)]
enum Step {
    /// A build of this number, with contents that repeat.
    Persist(u64),
    Promote(u64),
    /// On the channel or on the branch, so many steps.
    Rollback(bool, u32),
    Release(bool),
    Prune(u32),
    /// The latest, the channel, or a build.
    Attach(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1u64..30).prop_map(Step::Persist),
        3 => (1u64..30).prop_map(Step::Promote),
        2 => (any::<bool>(), 1u32..3).prop_map(|(channel, steps)| Step::Rollback(channel, steps)),
        2 => any::<bool>().prop_map(Step::Release),
        2 => (0u32..3).prop_map(Step::Prune),
        2 => (0u64..32).prop_map(Step::Attach),
    ];
    prop::collection::vec(step, 1..60)
}

/// The expected state.
#[derive(Debug, Default)]
struct Model {
    /// When each was persisted.
    builds: BTreeMap<u64, u64>,
    /// Each move of the channel: where to, and which move a step back leads to.
    moves: Vec<(u64, Option<usize>)>,
    channel_held: bool,
    /// Where the branch is held.
    branch_held: Option<u64>,
    branch_moves: usize,
}

impl Model {
    fn latest(&self) -> Option<u64> {
        self.branch_held.or(self.builds.keys().last().copied())
    }

    fn channel(&self) -> Option<u64> {
        self.moves.last().map(|(build, _)| *build)
    }

    /// Applies a prune that keeps so many builds.
    fn prune(&mut self, keep: usize, now_ms: u64) {
        let steps_back =
            (1..=Policy::default().keep_channel_steps).filter_map(|steps| self.channel_back(steps));
        let steps_back: Vec<u64> = steps_back.map(|(build, _)| build).collect();
        let last: BTreeSet<u64> = self.builds.keys().rev().take(keep.max(1)).copied().collect();
        let pointed = [self.channel(), self.branch_held].into_iter().flatten();
        let pointed: BTreeSet<u64> = pointed.chain(steps_back).collect();
        self.builds.retain(|build, created_ms| {
            last.contains(build) || pointed.contains(build) || now_ms - *created_ms < GRACE_MS
        });
    }

    /// Returns where so many steps back lead on the channel, or none.
    fn channel_back(&self, steps: u32) -> Option<(u64, Option<usize>)> {
        let mut at = self.moves.len().checked_sub(1)?;
        for _ in 0..steps {
            at = self.moves[at].1?;
        }
        Some(self.moves[at])
    }

    fn branch_back(&self, steps: u32) -> Option<u64> {
        let now = self.latest()?;
        let (build, _) = self.builds.range(..now).rev().nth(steps as usize - 1)?;
        Some(*build)
    }
}

fn content(number: u64) -> String {
    // So that what one build had and was pruned, another one wants again.
    format!("contents {}", number % 4)
}

fn promotion(number: u64) -> Promote {
    Promote {
        scope: scope(&format!("build:{number}"), who()),
        channel: "production".into(),
        reason: None,
        if_current: None,
        allow_fork: false,
    }
}

fn check(store: &MemoryStore, model: &Model) {
    let resolved = |selector: &str| {
        resolve(store, selector, build(1))
            .ok()
            .map(|records| records[0].number)
    };
    assert_eq!(resolved("latest@main"), model.latest());
    let on_channel = model.channel().filter(|build| model.builds.contains_key(build));
    assert_eq!(resolved("channel:production"), on_channel);
    for number in 1..30 {
        let there = model.builds.contains_key(&number).then_some(number);
        assert_eq!(resolved(&format!("build:{number}")), there);
    }
    let history = |pointer: &Pointer| {
        channel::events(store, &scope("latest", who()), pointer, 1000).map_or(0, |(events, _)| events.len())
    };
    assert_eq!(history(&production()), model.moves.len());
    assert_eq!(history(&main_branch()), model.branch_moves);
}

fn run(steps: Vec<Step>) {
    let (store, clock) = (MemoryStore::default(), MemoryClock(Cell::new(START_MS)));
    let mut model = Model::default();
    for step in steps {
        clock.0.set(clock.0.get() + STEP_MS);
        match step {
            Step::Persist(number) => {
                // A build never changes, so a number comes once.
                if model.builds.contains_key(&number) {
                    continue;
                }
                let files = MemoryFiles::default();
                files.file("file", content(number), 0o644);
                let context = Context {
                    now_ms: clock.0.get(),
                    ..build(number)
                };
                match persist(&store, &files, &everything(context), 1) {
                    Ok(_) => drop(model.builds.insert(number, clock.0.get())),
                    // What a prune has just removed stays away for a while.
                    Err(error) => assert_eq!(code(&error), "build-gone"),
                }
            }
            Step::Promote(number) => {
                let moved = channel::promote(&store, &promotion(number)).map(|moved| moved.event.sequence);
                let now = model.channel();
                let wanted = match () {
                    () if !model.builds.contains_key(&number) => Err(["no-build", "empty-store"]),
                    () if model.channel_held => Err(["channel-held"; 2]),
                    () if now.is_some_and(|now| number < now) => Err(["older-build"; 2]),
                    () => Ok(model.moves.len() as u64 + 1),
                };
                match (moved, wanted) {
                    (Ok(sequence), Ok(wanted)) => {
                        assert_eq!(sequence, wanted);
                        let last = model.moves.len().checked_sub(1);
                        let back = match last {
                            Some(at) if model.moves[at].0 == number => model.moves[at].1,
                            other => other,
                        };
                        model.moves.push((number, back));
                    }
                    // What the last prune has just removed may be persisted again, but not pointed to before the next.
                    (Err(error), Ok(_)) if code(&error) == "build-gone" => {}
                    (Err(error), Err(wanted)) => assert!(wanted.contains(&code(&error)), "{error:?}"),
                    (moved, wanted) => panic!("{moved:?} instead of {wanted:?}"),
                }
            }
            Step::Rollback(true, steps) => {
                let moved = rollback(&store, production(), steps);
                match model
                    .channel_back(steps)
                    .filter(|(build, _)| model.builds.contains_key(build))
                {
                    Some((number, back)) => match moved {
                        Ok(moved) => {
                            assert_eq!(moved.event.build.id.number, number);
                            model.moves.push((number, back));
                            model.channel_held = true;
                        }
                        Err(error) => assert_eq!(code(&error), "build-gone"),
                    },
                    None => drop(moved.unwrap_err()),
                }
            }
            Step::Rollback(false, steps) => {
                let moved = rollback(&store, main_branch(), steps);
                match model.branch_back(steps) {
                    Some(number) => match moved {
                        Ok(moved) => {
                            assert_eq!(moved.event.build.id.number, number);
                            model.branch_held = Some(number);
                            model.branch_moves += 1;
                        }
                        Err(error) => assert_eq!(code(&error), "build-gone"),
                    },
                    None => drop(moved.unwrap_err()),
                }
            }
            Step::Release(true) => {
                let released = release(&store, &production());
                assert_eq!(released.is_ok(), model.channel_held, "{released:?}");
                if model.channel_held {
                    let last = *model.moves.last().unwrap();
                    model.moves.push(last);
                    model.channel_held = false;
                }
            }
            Step::Release(false) => {
                let released = release(&store, &main_branch());
                match released {
                    Ok(_) => {
                        assert!(model.branch_held.take().is_some());
                        model.branch_moves += 1;
                    }
                    Err(error) => assert!(
                        model.branch_held.is_none() || code(&error) == "build-gone",
                        "{error:?}"
                    ),
                }
            }
            Step::Prune(keep) => {
                let request = prune::Prune {
                    grace_ms: GRACE_MS,
                    ..request(Policy {
                        keep_last: Some(keep),
                        ..Policy::default()
                    })
                };
                if store.keys("").is_empty() {
                    let error = prune::plan(&store, &clock, &MemoryScratch, &request).unwrap_err();
                    assert_eq!(code(&error), "empty-store");
                    continue;
                }
                let plan = prune::plan(&store, &clock, &MemoryScratch, &request).unwrap();
                assert!(
                    !prune::run(&store, &clock, &MemoryScratch, &plan.rest)
                        .unwrap()
                        .overtaken
                );
                model.prune(keep as usize, clock.0.get());
            }
            Step::Attach(number) => {
                let (selector, wanted) = match number {
                    0 => ("latest@main".to_owned(), model.latest()),
                    31 => ("channel:production".to_owned(), model.channel()),
                    number => (format!("build:{number}"), Some(number)),
                };
                let files = MemoryFiles::default();
                let attached = attach(&store, &files, &all_of(&selector, build(1)), 1);
                match wanted.filter(|build| model.builds.contains_key(build)) {
                    Some(build) => {
                        attached.unwrap();
                        assert_eq!(files.content("file").unwrap(), content(build).into_bytes());
                    }
                    None => drop(attached.unwrap_err()),
                }
            }
        }
        check(&store, &model);
        if !store.keys("").is_empty() {
            assert_eq!(damages(&store), [""; 0]);
        }
    }
    let seen = model.builds.keys().map(|number| (number, content(*number)));
    for (number, content) in seen {
        let files = MemoryFiles::default();
        attach(&store, &files, &all_of(&format!("build:{number}"), build(1)), 1).unwrap();
        assert_eq!(files.content("file").unwrap(), content.into_bytes());
    }
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn whatever_is_done_to_builds_is_as_the_model_says(steps in steps()) {
        run(steps);
    }
}

/// A rollback to a build by its name, which the model leaves out.
#[test]
fn a_build_that_is_held_survives_every_prune() {
    let store = crate::channels::with_builds(5);
    let to: Rollback = back(main_branch(), Target::Build("build:2".into()));
    channel::rollback(&store, &to).unwrap();
    run(Vec::new());
    for hours in 1..6 {
        crate::prune::prune_at(
            &store,
            Policy {
                keep_last: Some(0),
                ..Policy::default()
            },
            START_MS + hours * GRACE_MS,
        );
        assert_eq!(resolve(&store, "latest", build(9)).unwrap()[0].number, 2);
    }
    assert_eq!(damages(&store), [""; 0]);
}
