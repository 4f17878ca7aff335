//! Prune: what is kept and why, what is deleted and when, and that nothing is lost beside a persist.

mod damage;
mod deletion;

use std::cell::{Cell, RefCell};

use baton_guest::channel::Target;
use baton_guest::condemned::Condemned;
use baton_guest::context::Context;
use baton_guest::persist;
use baton_guest::ports::Store;
use baton_guest::prune::{self, Policy, Prune, PrunePlan, Pruned};
use baton_guest::testing::{MemoryClock, MemoryFiles, MemoryScratch, MemoryStore};
use baton_guest::verify::{self, Verify};

use crate::channels::{back, main_branch, promote, rollback, with_builds};
use crate::support::driver::{all_of, attach, everything, persisted, persisted_file, resolve, work};
use crate::support::{build, code, noise};

const HOUR_MS: u64 = 3_600_000;
/// One day after the time of the builds of [`build`].
const LATER_MS: u64 = 1_700_000_000_000 + 24 * HOUR_MS;

pub(crate) fn request(policy: Policy) -> Prune {
    Prune {
        context: build(1),
        policy,
        grace_ms: HOUR_MS,
        no_other_writers: false,
    }
}

fn keep_last(count: u32) -> Policy {
    Policy {
        keep_last: Some(count),
        ..Policy::default()
    }
}

fn at(now_ms: u64) -> MemoryClock {
    MemoryClock(Cell::new(now_ms))
}

fn plan(store: &impl Store, policy: Policy) -> PrunePlan {
    prune::plan(store, &at(LATER_MS), &MemoryScratch, &request(policy)).unwrap()
}

pub(crate) fn prune_at(store: &impl Store, policy: Policy, now_ms: u64) -> Pruned {
    let clock = at(now_ms);
    let planned = prune::plan(store, &clock, &MemoryScratch, &request(policy)).unwrap();
    prune::run(store, &clock, &MemoryScratch, &planned.rest).unwrap()
}

/// Returns the numbers of the builds that a plan keeps.
fn kept(plan: &PrunePlan) -> Vec<u64> {
    let decided = plan.decisions.items(&MemoryScratch).map(Result::unwrap);
    let kept = decided.filter(|it| !it.reasons.is_empty());
    kept.map(|it| it.record.number).collect()
}

/// Returns what is wrong with a store, every byte read.
pub(crate) fn damages(store: &impl Store) -> Vec<String> {
    let planned = verify::plan(
        store,
        &MemoryScratch,
        &Verify {
            scope: None,
            data: true,
            names_builds: false,
        },
    )
    .unwrap();
    let run =
        |task: &baton_guest::transfer_plan::Task| verify::run(store, &MemoryScratch, &task.payload).unwrap();
    let outcomes: Vec<_> = planned.tasks.iter().map(run).collect();
    let verified = verify::finish(store, &MemoryScratch, &planned.rest, &outcomes).unwrap();
    let shown = |finding: &verify::Finding| format!("{:?}", finding.damage);
    verified.findings.iter().map(shown).collect()
}

#[test]
fn without_a_rule_every_build_is_kept() {
    let store = with_builds(3);
    assert_eq!(kept(&plan(&store, Policy::default())), [1, 2, 3]);
}

#[test]
fn the_last_of_each_branch_are_kept() {
    let store = with_builds(4);
    for (run, branch) in [(5, "a"), (6, "a"), (7, "b")] {
        let context = Context {
            branch: Some(branch.into()),
            ..build(run)
        };
        persisted_file(&store, context, "version", "x");
    }
    let plan = plan(&store, keep_last(2));
    assert_eq!(kept(&plan), [3, 4, 5, 6, 7]);
    let reasons: Vec<_> = plan
        .decisions
        .items(&MemoryScratch)
        .map(|it| it.unwrap().reasons.join(", "))
        .collect();
    assert_eq!(
        reasons,
        [
            "",
            "",
            "among the last 2 of branch main",
            "newest of branch main, among the last 2 of branch main",
            "among the last 2 of branch a",
            "newest of branch a, among the last 2 of branch a",
            "newest of branch b, among the last 2 of branch b",
        ]
    );
}

#[test]
fn what_a_channel_or_a_rollback_points_to_is_kept() {
    let store = with_builds(6);
    promote(&store, "build:1").unwrap();
    promote(&store, "build:2").unwrap();
    promote(&store, "build:3").unwrap();
    let to = back(main_branch(), Target::Build("build:4".into()));
    baton_guest::channel::rollback(&store, &to).unwrap();
    // 3 is on the channel, 2 and 1 one and two steps back, 4 held, 6 the newest.
    assert_eq!(kept(&plan(&store, keep_last(0))), [1, 2, 3, 4, 6]);
    let one_step = Policy {
        keep_channel_steps: 1,
        ..keep_last(0)
    };
    assert_eq!(kept(&plan(&store, one_step.clone())), [2, 3, 4, 6]);
    let none = Policy {
        keep_channel_steps: 0,
        ..keep_last(0)
    };
    assert_eq!(kept(&plan(&store, none)), [3, 4, 6]);
    assert_eq!(prune_at(&store, one_step, LATER_MS).removed, 2);
    // Build 1 is gone, and what is left is named.
    let error = rollback(&store, crate::channels::production(), 2).unwrap_err();
    assert_eq!(code(&error), "build-gone");
    assert!(
        error
            .to_string()
            .ends_with("the last that is left is build:2, 1 step back"),
        "{error}"
    );
    let moved = rollback(&store, crate::channels::production(), 1).unwrap();
    assert_eq!(moved.event.build.id.number, 2);
    let error = rollback(&store, crate::channels::production(), 1).unwrap_err();
    assert_eq!(code(&error), "build-gone");
    assert!(
        error
            .to_string()
            .ends_with("none of the builds before it is left"),
        "{error}"
    );
}

#[test]
fn what_sorts_behind_all_names_hides_no_channel_from_a_prune_and_no_build_from_a_look_up() {
    let store = with_builds(6);
    promote(&store, "build:1").unwrap();
    let put = |key: &str| {
        store
            .objects
            .borrow_mut()
            .insert(key.to_owned(), b"junk".to_vec())
    };
    for junk in [
        "v1/projects/aaa/~~~",
        "v1/projects/aaa/~~~/~~~",
        "v1/projects/~~~/~~~",
    ] {
        put(junk);
    }
    assert_eq!(kept(&plan(&store, keep_last(0))), [1, 6]);
    for counters in ["builds/dist/main", "numbers/dist/trusted"] {
        put(&format!(
            "v1/projects/gh~2Facme~2Fshop/{counters}/0-0000000000000000/~~~/~~~"
        ));
    }
    for (selector, number) in [("latest@main", 6), ("build:3", 3), ("channel:production", 1)] {
        assert_eq!(
            resolve(&store, selector, build(9)).unwrap()[0].number,
            number,
            "{selector}"
        );
    }
}

#[test]
fn a_date_ahead_of_the_clock_is_as_old_as_its_neighbours() {
    let ahead = |run: u64| Context {
        branch: Some("gone".into()),
        now_ms: LATER_MS * 2,
        ..build(run)
    };
    let gone = || Policy {
        branches_gone: vec!["gone".into()],
        ..keep_last(1)
    };
    // The one before it is a day old, and nothing was persisted since.
    let store = with_builds(1);
    persisted_file(&store, ahead(2), "file", "two");
    assert_eq!(kept(&plan(&store, gone())), [1]);
    // The next one was persisted within the grace period, so it may have been, too.
    let recent = Context {
        now_ms: LATER_MS - HOUR_MS / 2,
        ..build(3)
    };
    persisted_file(&store, recent, "file", "three");
    assert_eq!(kept(&plan(&store, gone())), [2, 3]);
    // Alone in its counter nothing tells its age.
    let store = MemoryStore::default();
    persisted_file(&store, ahead(2), "file", "two");
    let planned = plan(&store, gone());
    assert_eq!(
        planned
            .decisions
            .items(&MemoryScratch)
            .next()
            .unwrap()
            .unwrap()
            .reasons,
        ["its date is ahead of the clock, and no other build tells its age"]
    );
}

#[test]
fn prune_keeps_what_latest_answers_over_several_counters() {
    let store = MemoryStore::default();
    let of = |runner: &str, run: Option<u64>, second: u64| Context {
        runner: runner.into(),
        run,
        number: run,
        now_ms: 1_700_000_000_000 + second * 1000,
        ..build(1)
    };
    for (runner, run, second) in [
        ("jenkins", Some(1200), 1),
        ("github-actions", Some(57), 2),
        ("github-actions", Some(58), 3),
        ("none", None, 4),
    ] {
        persisted_file(
            &store,
            of(runner, run, second),
            "file",
            &format!("{runner} {second}"),
        );
    }
    assert_eq!(kept(&plan(&store, keep_last(1))), [58]);
    let mut two = kept(&plan(&store, keep_last(2)));
    two.sort_unstable();
    assert_eq!(two, [57, 58]);
}

#[test]
fn tags_and_young_builds_are_kept_if_asked() {
    let store = with_builds(1);
    for run in [2, 3] {
        let context = Context {
            branch: None,
            tag: Some(format!("v{run}")),
            ..build(run)
        };
        persisted_file(&store, context, "version", "x");
    }
    assert_eq!(kept(&plan(&store, keep_last(1))), [1]);
    let tags = Policy {
        keep_tags: true,
        ..keep_last(1)
    };
    assert_eq!(kept(&plan(&store, tags)), [1, 2, 3]);
    let within = Policy {
        keep_within_ms: Some(24 * HOUR_MS - 2500),
        ..Policy::default()
    };
    // Build 3 is from three seconds after the day began.
    assert_eq!(kept(&plan(&store, within)), [1, 3]);
    let young = prune::plan(
        &store,
        &at(LATER_MS - 24 * HOUR_MS),
        &MemoryScratch,
        &request(keep_last(0)),
    )
    .unwrap();
    assert_eq!(kept(&young), [1, 2, 3]);
}

#[test]
fn a_branch_that_is_gone_keeps_nothing() {
    let store = with_builds(2);
    let context = Context {
        branch: Some("gone".into()),
        ..build(3)
    };
    persisted_file(&store, context, "version", "3");
    let gone = Policy {
        branches_gone: vec!["gone".into()],
        ..Policy::default()
    };
    assert_eq!(kept(&plan(&store, gone)), [1, 2]);
}

#[test]
fn the_newest_build_of_each_job_is_kept() {
    let store = MemoryStore::default();
    for (run, job) in [(1, "app"), (2, "docs"), (3, "docs")] {
        let context = Context {
            job: Some(job.into()),
            ..build(run)
        };
        persisted_file(&store, context, job, "x");
    }
    assert_eq!(kept(&plan(&store, keep_last(1))), [1, 3]);
}

#[test]
fn an_incomplete_newest_build_does_not_displace_a_complete_one() {
    let store = with_builds(1);
    let context = Context {
        node: Some(baton_guest::order::Node { index: 0, total: 2 }),
        ..build(2)
    };
    persisted_file(&store, context, "part", "x");
    assert_eq!(kept(&plan(&store, keep_last(1))), [1]);
    assert_eq!(prune_at(&store, keep_last(1), LATER_MS).removed, 1);
    assert_eq!(resolve(&store, "latest", build(3)).unwrap()[0].number, 1);
}

#[test]
fn other_projects_are_left_alone() {
    let store = with_builds(2);
    for run in [1, 2] {
        let context = Context {
            project: Some("gh/acme/other".into()),
            ..build(run)
        };
        persisted_file(&store, context, "version", &format!("other {run}"));
    }
    assert_eq!(prune_at(&store, keep_last(1), LATER_MS).removed, 1);
    let other = Context {
        project: Some("gh/acme/other".into()),
        ..build(1)
    };
    assert_eq!(resolve(&store, "build:1", other).unwrap().len(), 1);
    assert_eq!(damages(&store), [""; 0]);
}

#[test]
fn a_dry_run_changes_nothing() {
    let store = with_builds(3);
    let before = store.objects.borrow().clone();
    plan(&store, keep_last(1));
    assert!(before == *store.objects.borrow());
}

#[test]
fn the_other_jobs_of_a_held_run_are_kept() {
    let store = MemoryStore::default();
    for run in 1..=3 {
        for (attempt, job) in [(1, "app"), (2, "docs")] {
            let context = Context {
                job: Some(job.into()),
                attempt: Some(attempt),
                ..build(run)
            };
            persisted_file(&store, context, job, &run.to_string());
        }
    }
    let mut to = back(main_branch(), Target::Steps(2));
    to.scope.jobs = vec!["app".into()];
    baton_guest::channel::rollback(&store, &to).unwrap();
    assert_eq!(kept(&plan(&store, keep_last(0))), [1, 1, 3, 3]);
}
