//! Latest: the highest order of those that count, whatever the order in which builds end, at a cost that does not grow.

use baton_guest::context::Context;
use baton_guest::lookup::Scope;
use baton_guest::order::Node;
use baton_guest::record::Record;
use baton_guest::testing::MemoryStore;
use proptest::prelude::*;

use crate::support::driver::{persisted_file, put_record, resolve, resolve_scope, scope};
use crate::support::{build, cases, code};

/// A build by run and attempt.
fn at(run: u64, attempt: u64) -> Context {
    Context {
        attempt: Some(attempt),
        number: Some(run * 100 + attempt),
        ..build(run)
    }
}

/// The record of one node of a parallel job.
fn node(run: u64, attempt: u64, index: u32, total: u32) -> Record {
    Context {
        node: Some(Node { index, total }),
        ..at(run, attempt)
    }
    .record("dist")
    .unwrap()
}

/// Returns run, attempt and nodes of the latest of `main`.
fn latest(store: &MemoryStore) -> Vec<(u64, u64, u32)> {
    let found = resolve(store, "latest", build(1)).unwrap();
    found
        .iter()
        .map(|record| (record.order.run, record.order.attempt, record.node.index))
        .collect()
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn latest_is_the_highest_order_however_builds_end(
        builds in prop::collection::hash_map(
            // Numbers of one to eight bytes, so that names of different lengths are compared.
            (any::<u64>(), 0u32..64, 0u64..4).prop_map(|(run, shift, attempt)| (run >> shift, attempt)),
            prop_oneof![4 => Just("counts"), 1 => Just("fork"), 1 => Just("pull"), 1 => Just("branch"), 1 => Just("tag")],
            1..12,
        ),
    ) {
        let store = MemoryStore::default();
        let mut best = None;
        // A hash map gives them in no order.
        for ((run, attempt), kind) in builds {
            let context = Context {
                branch: match kind { "branch" => Some("other".into()), "tag" => None, _ => Some("main".into()) },
                tag: (kind == "tag").then(|| "v1".to_owned()),
                fork: kind == "fork",
                pull_request: (kind == "pull").then(|| "7".to_owned()),
                run: Some(run),
                number: Some(run),
                attempt: Some(attempt),
                ..build(0)
            };
            persisted_file(&store, context, "file", &format!("{run} {attempt}"));
            if kind == "counts" {
                best = best.max(Some((run, attempt)));
            }
            match best {
                Some((run, attempt)) => prop_assert_eq!(latest(&store), [(run, attempt, 0)]),
                None => prop_assert!(resolve(&store, "latest", build(1)).is_err()),
            }
        }
    }

    #[test]
    fn the_latest_complete_build_is_the_answer(
        nodes in prop::collection::hash_set((0u64..6, 0u64..2, 0u32..3), 0..30),
        totals in prop::collection::vec(1u32..4, 12),
    ) {
        let store = MemoryStore::default();
        let total_of = |run: u64, attempt: u64| totals[(run * 2 + attempt) as usize];
        let mut complete = None;
        for run in 0..6 {
            for attempt in 0..2 {
                let total = total_of(run, attempt);
                let there: Vec<u32> =
                    (0..total).filter(|index| nodes.contains(&(run, attempt, *index))).collect();
                for index in &there {
                    put_record(&store, &node(run, attempt, *index, total));
                }
                if there.len() == total as usize {
                    complete = Some((run, attempt, total));
                }
            }
        }
        baton_guest::store_format::prepare(&store, false).ok();
        match complete {
            Some((run, attempt, total)) => {
                let all: Vec<_> = (0..total).map(|index| (run, attempt, index)).collect();
                prop_assert_eq!(latest(&store), all);
            }
            None => prop_assert!(resolve(&store, "latest", build(1)).is_err()),
        }
    }
}

#[test]
fn latest_costs_the_same_with_ten_builds_and_with_two_thousand() {
    let calls = |builds: u64| {
        let store = MemoryStore::default();
        for run in 1..=builds {
            put_record(&store, &build(run).record("dist").unwrap());
        }
        store.calls.set(0);
        assert_eq!(latest(&store), [(builds, 0, 0)]);
        store.calls.get()
    };
    assert_eq!(calls(10), calls(2000));
    assert!(
        calls(2000) <= 4,
        "that nothing moved it, the counter, that there is no other, and a record"
    );
}

#[test]
fn a_parallel_job_is_latest_when_all_of_its_nodes_are_there() {
    let store = MemoryStore::default();
    let persisted = |run, index, total| {
        let context = Context {
            node: Some(Node { index, total }),
            ..at(run, 1)
        };
        persisted_file(&store, context, &format!("{index}"), &format!("{run} {index}"));
        latest(&store)
    };
    persisted(1, 0, 1);
    assert_eq!(persisted(2, 1, 2), [(1, 1, 0)]);
    assert_eq!(persisted(2, 0, 2), [(2, 1, 0), (2, 1, 1)]);
    assert_eq!(persisted(3, 2, 3), [(2, 1, 0), (2, 1, 1)]);
    assert_eq!(persisted(4, 0, 1), [(4, 1, 0)]);
}

#[test]
fn a_build_that_never_was_complete_is_said_to_be_incomplete() {
    let store = MemoryStore::default();
    let context = Context {
        node: Some(Node { index: 1, total: 4 }),
        ..at(9, 1)
    };
    persisted_file(&store, context, "file", "");
    let error = resolve(&store, "latest", build(1)).unwrap_err();
    assert_eq!(code(&error), "incomplete-build");
    assert!(
        error
            .to_string()
            .starts_with("only 1 of 4 parallel nodes of build (build 901) have persisted"),
        "{error}"
    );
}

#[test]
fn an_incomplete_build_of_another_job_is_not_what_is_missing() {
    let store = MemoryStore::default();
    let context = Context {
        node: Some(Node { index: 1, total: 4 }),
        ..at(9, 1)
    };
    persisted_file(&store, context, "file", "");
    let wanted = Scope {
        jobs: vec!["docs".into()],
        ..scope("latest", build(1))
    };
    assert_eq!(code(&resolve_scope(&store, &wanted).unwrap_err()), "no-build");
}

#[test]
fn two_jobs_of_a_run_that_share_a_number_are_told_apart_by_name() {
    let store = MemoryStore::default();
    for job in ["build", "docs"] {
        persisted_file(
            &store,
            Context {
                job: Some(job.into()),
                ..at(5, 1)
            },
            job,
            job,
        );
    }
    for selector in ["latest", "build:501", "sha:00000"] {
        let error = resolve(&store, selector, build(1)).unwrap_err();
        assert_eq!(code(&error), "ambiguous-job", "{selector}");
        let text = error.to_string();
        assert!(text.contains("build") && text.contains("docs"), "{text}");
        for job in ["build", "docs"] {
            let wanted = Scope {
                jobs: vec![job.into()],
                ..scope(selector, build(1))
            };
            let found = resolve_scope(&store, &wanted).unwrap();
            assert_eq!(found[0].job.as_deref(), Some(job), "{selector}");
        }
    }
    // A later attempt of one of them leaves no doubt.
    persisted_file(
        &store,
        Context {
            job: Some("docs".into()),
            ..at(5, 2)
        },
        "docs",
        "docs",
    );
    assert_eq!(latest(&store), [(5, 2, 0)]);
}

#[test]
fn a_job_is_found_behind_builds_of_others() {
    let store = MemoryStore::default();
    persisted_file(
        &store,
        Context {
            job: Some("docs".into()),
            ..at(1, 1)
        },
        "docs",
        "docs",
    );
    for run in 2..100 {
        put_record(&store, &at(run, 1).record("dist").unwrap());
    }
    let wanted = Scope {
        jobs: vec!["docs".into()],
        ..scope("latest", build(1))
    };
    assert_eq!(resolve_scope(&store, &wanted).unwrap()[0].order.run, 1);
    let unknown = Scope {
        jobs: vec!["lint".into()],
        ..scope("latest", build(1))
    };
    assert_eq!(code(&resolve_scope(&store, &unknown).unwrap_err()), "no-build");
}

#[test]
fn the_base_is_the_same_jobs_own_build() {
    use crate::support::driver::{everything, persist};
    use crate::support::noise;
    use baton_guest::testing::MemoryFiles;
    let store = MemoryStore::default();
    let files = |seed: u64, file: &str| {
        let files = MemoryFiles::default();
        files.file(file, noise(seed, 100_000), 0o644);
        files
    };
    for run in 1..4 {
        for (attempt, job) in [(1, "build"), (2, "docs"), (3, "docs")] {
            let context = Context {
                job: Some(job.into()),
                ..at(run, attempt)
            };
            let report = persist(&store, &files(job.len() as u64, job), &everything(context), 1).unwrap();
            let expected = if run == 1 && attempt < 3 { 100_000 } else { 0 };
            assert_eq!(report.new_bytes, expected, "{job} of run {run}");
        }
    }
}

#[test]
fn keys_that_no_baton_wrote_are_nobodys_builds() {
    let store = MemoryStore::default();
    persisted_file(&store, at(1, 1), "file", "");
    let prefix = build(1).keys().unwrap().branch("dist", "main");
    for foreign in ["0/00/stray", "6/stray", "zz", "0/x-y-z"] {
        store
            .objects
            .borrow_mut()
            .insert(format!("{prefix}{foreign}"), b"stray".to_vec());
    }
    assert_eq!(latest(&store), [(1, 1, 0)]);
}
