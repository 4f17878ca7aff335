//! Nodes of a parallel job that are run again one by one, as GitLab, Buildkite and GitHub do: a build is of each node the last
//! attempt, in every look-up, move and prune.

use baton_guest::context::Context;
use baton_guest::lookup::{self, Scope};
use baton_guest::order::Node;
use baton_guest::prune::{self, Policy, Remove};
use baton_guest::record::Record;
use baton_guest::testing::{MemoryClock, MemoryScratch, MemoryStore};
use proptest::prelude::*;

use crate::channels::{back, main_branch, promote, rollback};
use crate::prune::prune_at;
use crate::support::driver::{persisted_file, put_record, resolve, resolve_scope, scope};
use crate::support::{build, cases, code};

/// A node of a job of a pipeline, of which each try has a number of its own.
fn tried(run: u64, index: u32, attempt: u64) -> Context {
    Context {
        attempt: Some(attempt),
        workflow: Some(format!("w{run}")),
        node: Some(Node { index, total: 3 }),
        now_ms: 1_700_000_000_000 + run * 1000 + attempt,
        ..build(run)
    }
}

fn put(store: &MemoryStore, context: Context) {
    put_record(store, &context.record("dist").unwrap());
}

/// Persists a node of a run with a file that says which try it is.
fn persist(store: &MemoryStore, run: u64, index: u32, attempt: u64) {
    let path = format!("part-{index}");
    persisted_file(
        store,
        tried(run, index, attempt),
        &path,
        &format!("{run} {attempt}"),
    );
}

/// Returns run, node and attempt of what a selector means.
fn found(store: &MemoryStore, selector: &str) -> Vec<(u64, u32, u64)> {
    let records = resolve(store, selector, build(1)).unwrap();
    shown(&records)
}

fn shown(records: &[Record]) -> Vec<(u64, u32, u64)> {
    let shown = |record: &Record| (record.order.run, record.node.index, record.order.attempt);
    records.iter().map(shown).collect()
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn a_build_is_of_each_node_the_last_attempt(
        tries in prop::collection::vec((1u64..4, 0u32..3), 1..24),
        others in prop::collection::vec((1u64..4, 0u64..40), 0..4),
    ) {
        let store = MemoryStore::default();
        baton_guest::store_format::prepare(&store, false).unwrap();
        // Jobs of the same runs with numbers of their own stand between.
        for (run, attempt) in others {
            let other = Context { job: Some("other".into()), number: Some(1000 + run), ..tried(run, 0, attempt) };
            put(&store, Context { branch: Some("side".into()), ..other.clone() });
            put(&store, Context { node: Some(Node { index: 0, total: 2 }), ..other });
        }
        let mut last = std::collections::BTreeMap::new();
        for (attempt, (run, index)) in (0u64..).zip(&tries) {
            put(&store, tried(*run, *index, attempt));
            last.insert((*run, *index), attempt);
        }
        let nodes = |run: u64| -> Vec<(u64, u32, u64)> {
            (0..3).filter_map(|index| Some((run, index, *last.get(&(run, index))?))).collect()
        };
        let whole = (1..4).rev().map(nodes).find(|nodes| nodes.len() == 3);
        match whole {
            Some(expected) => prop_assert_eq!(found(&store, "latest"), expected),
            None => {
                let error = resolve(&store, "latest", build(1)).unwrap_err();
                prop_assert_eq!(code(&error), "incomplete-build");
            }
        }
        for run in 1..4 {
            let expected = nodes(run);
            for selector in [format!("build:{run}"), format!("sha:{run:040x}")] {
                if expected.len() == 3 {
                    prop_assert_eq!(&found(&store, &selector), &expected, "{}", selector);
                } else {
                    prop_assert!(resolve(&store, &selector, build(1)).is_err());
                }
            }
        }
    }
}

#[test]
fn what_is_run_again_later_does_not_change_what_was_promoted() {
    let store = MemoryStore::default();
    for (index, attempt) in [(0, 71), (1, 72), (2, 73)] {
        persist(&store, 1, index, attempt);
    }
    promote(&store, "latest").unwrap();
    persist(&store, 1, 1, 90);
    assert_eq!(found(&store, "latest"), [(1, 0, 71), (1, 1, 90), (1, 2, 73)]);
    assert_eq!(
        found(&store, "channel:production"),
        [(1, 0, 71), (1, 1, 72), (1, 2, 73)]
    );
    promote(&store, "build:1").unwrap();
    assert_eq!(
        found(&store, "channel:production"),
        [(1, 0, 71), (1, 1, 90), (1, 2, 73)]
    );
}

#[test]
fn a_rollback_passes_over_no_node() {
    let store = MemoryStore::default();
    for run in 1..=3 {
        for index in 0..3 {
            persist(&store, run, index, run * 10 + u64::from(index));
        }
    }
    persist(&store, 2, 0, 99);
    let moved = baton_guest::channel::rollback(
        &store,
        &back(main_branch(), baton_guest::channel::Target::Steps(1)),
    );
    assert_eq!(
        shown(&moved.unwrap().records),
        [(2, 0, 99), (2, 1, 21), (2, 2, 22)]
    );
    assert_eq!(found(&store, "latest"), [(2, 0, 99), (2, 1, 21), (2, 2, 22)]);
    // A step back leads to what there was before the node was run again.
    assert_eq!(
        shown(&rollback(&store, main_branch(), 1).unwrap().records),
        [(2, 0, 20), (2, 1, 21), (2, 2, 22)]
    );
}

#[test]
fn a_prune_keeps_all_nodes_or_none() {
    let store = MemoryStore::default();
    for run in 1..=2 {
        for index in 0..3 {
            persist(&store, run, index, run * 10 + u64::from(index));
        }
    }
    persist(&store, 2, 1, 99);
    let policy = Policy {
        keep_last: Some(1),
        ..Policy::default()
    };
    let pruned = prune_at(&store, policy, 1_800_000_000_000);
    assert_eq!(pruned.removed, 1);
    assert_eq!(found(&store, "latest"), [(2, 0, 20), (2, 1, 99), (2, 2, 22)]);
    assert!(resolve(&store, "build:1", build(1)).is_err());
    assert_eq!(crate::prune::damages(&store), [""; 0]);
}

#[test]
fn a_removal_takes_all_attempts() {
    let store = MemoryStore::default();
    for (index, attempt) in [(0, 71), (1, 72), (2, 73), (1, 90)] {
        persist(&store, 1, index, attempt);
    }
    let clock = MemoryClock(std::cell::Cell::new(1_800_000_000_000));
    let request = Remove {
        scope: scope("build:1", build(1)),
        reason: None,
        even_if_pointed_to: false,
    };
    let planned = prune::plan_removal(&store, &clock, &MemoryScratch, &request).unwrap();
    assert_eq!(planned.records.len(), 4);
    prune::run(&store, &clock, &MemoryScratch, &planned.rest).unwrap();
    assert_eq!(
        code(&resolve(&store, "build:1", build(1)).unwrap_err()),
        "no-build"
    );
}

#[test]
fn the_newest_build_with_certain_files_has_all_nodes() {
    let store = MemoryStore::default();
    for (index, attempt) in [(0, 71), (1, 72), (2, 73)] {
        persist(&store, 1, index, attempt);
    }
    let other = |index, attempt| persisted_file(&store, tried(2, index, attempt), "other", "x");
    let nodes: Vec<Record> = [(0, 81), (2, 82), (1, 83)]
        .map(|(index, attempt)| other(index, attempt))
        .into();
    assert_eq!(nodes.len(), 3);
    let wanted = Scope {
        having: vec!["part-1".into()],
        ..scope("latest", build(1))
    };
    let records = resolve_scope(&store, &wanted).unwrap();
    assert_eq!(shown(&records), [(1, 0, 71), (1, 1, 72), (1, 2, 73)]);
}

#[test]
fn of_two_jobs_that_share_a_number_none_is_preferred_for_having_been_run_again() {
    let store = MemoryStore::default();
    let job = |job: &str, attempt: u64| Context {
        job: Some(job.into()),
        node: None,
        ..tried(1, 0, attempt)
    };
    persisted_file(&store, job("a", 1), "a", "x");
    persisted_file(&store, job("b", 1), "b", "x");
    persisted_file(&store, job("a", 2), "a", "y");
    let error = resolve(&store, "latest", build(1)).unwrap_err();
    assert_eq!(code(&error), "ambiguous-job");
    let of_a = Scope {
        jobs: vec!["a".into()],
        ..scope("latest", build(1))
    };
    assert_eq!(resolve_scope(&store, &of_a).unwrap()[0].order.attempt, 2);
    // Jobs with numbers of their own are builds of their own.
    persisted_file(
        &store,
        Context {
            number: Some(7),
            ..job("c", 7)
        },
        "c",
        "x",
    );
    assert_eq!(resolve(&store, "latest", build(1)).unwrap()[0].number, 7);
    drop(lookup::resolve(&store, &scope("build:7", build(1))).unwrap());
}
