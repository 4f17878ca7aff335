//! Builds of several counters in one store: look-ups, lists and moves follow the one order of `counter`, at a cost that does
//! not grow with history.

use baton_guest::build_id::DatedBuild;
use baton_guest::context::Context;
use baton_guest::counter::Rank;
use baton_guest::lookup::{self, Query, Scope};
use baton_guest::recency::Across;
use baton_guest::recency::{self, Recency};
use baton_guest::record::Record;
use baton_guest::testing::MemoryStore;
use proptest::prelude::*;

use crate::support::driver::{put_record, scope};
use crate::support::{build, cases, code};

/// After all dates that are not ahead of the clock.
const NOW_MS: u64 = 1_800_000_000_000;

fn asker() -> Context {
    Context {
        now_ms: NOW_MS,
        ..build(1)
    }
}

/// Generates builds of several runners and counters, with and without numbers.
fn any_build() -> impl Strategy<Value = Context> {
    let runner = prop_oneof![Just("circleci"), Just("jenkins")];
    let counter = prop_oneof![Just(None), Just(Some("a")), Just(Some("b"))];
    let rank = prop_oneof![3 => Just(Rank::Run), 2 => Just(Rank::Number), 1 => Just(Rank::Time)];
    let ahead = prop_oneof![5 => Just(0u64), 1 => Just(NOW_MS)];
    (
        runner,
        counter,
        rank,
        0u64..300,
        0u64..9000,
        ahead,
        prop::bool::weighted(0.2),
    )
        .prop_map(|(runner, counter, rank, number, created, ahead, fork)| Context {
            runner: runner.into(),
            counter: counter.map(str::to_owned),
            run: (rank == Rank::Run).then_some(number),
            number: (rank != Rank::Time).then_some(number),
            fork,
            now_ms: 1_700_000_000_000 + created + ahead,
            // Of each counter and number one build, so that the order leaves nothing open.
            workflow: Some("w".into()),
            ..build(1)
        })
}

/// Puts the builds, each once. Returns their records.
fn put(store: &MemoryStore, builds: Vec<Context>) -> Vec<Record> {
    baton_guest::store_format::prepare(store, false).unwrap();
    let mut records: Vec<Record> = Vec::new();
    for context in builds {
        let record = context.record("dist").unwrap();
        if records.iter().all(|other| other.build_id() != record.build_id()) {
            put_record(store, &record);
            records.push(record);
        }
    }
    records
}

fn sorted(records: Vec<Record>) -> Vec<Record> {
    recency::newest_first(records, Across::Ranks, NOW_MS, Record::recency)
}

fn listed(store: &MemoryStore, branch: Option<&str>) -> Vec<Record> {
    let query = Query {
        scope: scope("latest", asker()),
        branch: branch.map(str::to_owned),
        limit: 1000,
        ..Query::default()
    };
    lookup::list(store, &query).unwrap()
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn the_latest_is_the_first_of_the_list_and_of_the_order(builds in prop::collection::vec(any_build(), 1..60)) {
        let store = MemoryStore::default();
        let records = put(&store, builds);
        let eligible: Vec<Record> = records.iter().filter(|record| record.eligible()).cloned().collect();
        let expected = sorted(eligible);
        prop_assert_eq!(&listed(&store, Some("main")), &expected);
        let latest = lookup::resolve(&store, &scope("latest", asker()));
        let first = latest.map(|resolved| resolved.layers[0].record.clone());
        match (expected.first(), first) {
            (None, Err(error)) => prop_assert_eq!(code(&error), "no-build"),
            (expected, first) => prop_assert_eq!(expected.cloned(), first.unwrap()),
        }
        // Over all branches it is shown who built what, and the place is that of the number.
        let everyone = |record: &Record| record.clone();
        let all = recency::newest_first(records.iter().map(everyone).collect(), Across::Ranks, NOW_MS, |record| Recency {
            trusted: true,
            ..record.recency()
        });
        let shown = listed(&store, None);
        prop_assert_eq!(shown.len(), all.len());
        // A fork's build of the same run has the same position.
        let place = |record: &Record| (record.counter.clone(), record.order);
        let places: std::collections::HashSet<_> = all.iter().map(place).collect();
        if places.len() == all.len() {
            prop_assert_eq!(shown.first().map(place), all.first().map(place));
        }
    }

    #[test]
    fn what_is_named_is_trusted_where_anything_is(builds in prop::collection::vec(any_build(), 1..40)) {
        let store = MemoryStore::default();
        let records = put(&store, builds);
        let number = records[0].number;
        let of_number: Vec<Record> = records.iter().filter(|record| record.number == number).cloned().collect();
        for (selector, matching) in [(format!("build:{number}"), of_number), (format!("sha:{:040x}", 1), records.clone())] {
            let resolved = lookup::resolve(&store, &scope(&selector, asker())).unwrap();
            let found = resolved.layers[0].record.clone().unwrap();
            prop_assert_eq!(found.trusted(), matching.iter().any(Record::trusted), "{}", selector);
            let expected = sorted(matching);
            prop_assert_eq!(&found, &expected[0]);
            let says_so = resolved.warnings.iter().any(|warning| warning.code == "untrusted");
            prop_assert_eq!(says_so, !found.trusted());
        }
    }

    #[test]
    fn within_a_counter_latest_never_goes_back(builds in prop::collection::vec(any_build(), 1..40)) {
        let store = MemoryStore::default();
        let mut before: Option<Record> = None;
        for record in builds.into_iter().map(|context| context.record("dist").unwrap()) {
            put_record(&store, &record);
            baton_guest::store_format::prepare(&store, false).ok();
            let Ok(resolved) = lookup::resolve(&store, &scope("latest", asker())) else {
                continue;
            };
            let latest = resolved.layers[0].record.clone().unwrap();
            if let Some(before) = &before && before.counter == latest.counter && latest.counter.rank != Rank::Time {
                prop_assert!(latest.order >= before.order);
            }
            before = Some(latest);
        }
    }

    #[test]
    fn steps_back_follow_the_list(mut builds in prop::collection::vec(any_build(), 2..30), steps in 1u32..6) {
        // Dates that grow with the numbers, as those of ordinary builds do.
        for context in &mut builds {
            context.fork = false;
            context.now_ms = 1_700_000_000_000 + context.number.unwrap_or(500) * 1000 + u64::from(context.runner == "jenkins");
        }
        let store = MemoryStore::default();
        put(&store, builds);
        let list = listed(&store, Some("main"));
        let from = DatedBuild::of(&list[..1]).unwrap();
        let back = lookup::before(&store, &scope("latest", asker()), "main", &from, steps);
        match (list.get(steps as usize), back) {
            (None, Err(error)) => prop_assert_eq!(code(&error), "no-earlier-build"),
            (expected, Ok(back)) => prop_assert_eq!(expected, back.first()),
            (expected, Err(error)) => prop_assert!(false, "{expected:?}: {error}"),
        }
    }
}

#[test]
fn look_ups_over_three_counters_cost_the_same_however_long_they_are() {
    let store_of = |builds: u64| {
        let store = MemoryStore::default();
        for run in 1..=builds {
            for (at, runner) in ["circleci", "jenkins", "none"].into_iter().enumerate() {
                let context = Context {
                    runner: runner.into(),
                    now_ms: 1_700_000_000_000 + run * 10 + at as u64,
                    ..build(run)
                };
                put_record(&store, &context.record("dist").unwrap());
            }
        }
        store
    };
    let (short, long) = (store_of(40), store_of(5_000));
    for (selector, most) in [("latest", 8), ("build:7", 10)] {
        let requests = |store: &MemoryStore| {
            store.calls.set(0);
            lookup::resolve(store, &scope(selector, asker())).unwrap();
            store.calls.get()
        };
        let (few, many) = (requests(&short), requests(&long));
        assert!(many <= most, "{selector} takes {many} requests");
        assert_eq!(few, many, "{selector}");
    }
}

#[test]
fn more_counters_than_a_look_up_asks_are_an_error_and_a_forks_do_not_count() {
    let store = MemoryStore::default();
    let of = |counter: u64, fork: bool| Context {
        counter: Some(counter.to_string()),
        fork,
        ..build(1)
    };
    put_record(&store, &of(0, false).record("dist").unwrap());
    for counter in 1..=300 {
        put_record(&store, &of(counter, true).record("dist").unwrap());
    }
    for selector in [
        "latest",
        "build:1",
        "sha:0000000000000000000000000000000000000001",
    ] {
        let found = lookup::resolve(&store, &scope(selector, asker())).unwrap();
        assert!(found.layers[0].record.as_ref().unwrap().trusted(), "{selector}");
    }
    for counter in 1..=300 {
        put_record(&store, &of(counter, false).record("dist").unwrap());
    }
    let error = lookup::resolve(&store, &scope("latest", asker())).unwrap_err();
    assert_eq!(code(&error), "too-many-counters");
}

#[test]
fn a_counter_that_fell_silent_is_not_reported() {
    const DAY_MS: u64 = 24 * 3_600_000;
    let warned = |days: u64| {
        let store = MemoryStore::default();
        for (file, days) in [("old.yml", 0), ("new.yml", days)] {
            let context = Context {
                counter: Some(file.into()),
                now_ms: 1_700_000_000_000 + days * DAY_MS,
                ..build(9)
            };
            put_record(&store, &context.record("dist").unwrap());
        }
        let resolved = lookup::resolve(&store, &scope("latest", asker())).unwrap();
        assert_eq!(resolved.layers[0].record.as_ref().unwrap().counter.by, "new.yml");
        resolved.warnings.len()
    };
    assert_eq!((warned(29), warned(31)), (1, 0));
}

#[test]
fn what_is_incomplete_or_damaged_in_a_counter_that_does_not_count_is_no_matter() {
    let store = MemoryStore::default();
    put_record(&store, &build(3).record("dist").unwrap());
    let laptop = Context {
        run: None,
        number: None,
        node: Some(baton_guest::order::Node { index: 0, total: 2 }),
        now_ms: NOW_MS - 1000,
        ..build(1)
    };
    put_record(&store, &laptop.record("dist").unwrap());
    let strict = Scope {
        strict: true,
        ..scope("latest", asker())
    };
    let resolved = lookup::resolve(&store, &strict).unwrap();
    assert_eq!(resolved.warnings, []);
    for (key, bytes) in store.objects.borrow_mut().iter_mut() {
        if key.contains("/builds/") && key.contains("/2-") {
            bytes.truncate(20);
        }
    }
    assert_eq!(lookup::resolve(&store, &strict).unwrap().warnings, []);
}

#[test]
fn numbers_at_both_ends_are_numbers() {
    let store = MemoryStore::default();
    for run in [0, u64::MAX, 1] {
        let context = Context {
            number: Some(run),
            run: Some(run),
            now_ms: 1_700_000_000_000,
            ..build(1)
        };
        put_record(&store, &context.record("dist").unwrap());
    }
    let numbers: Vec<u64> = listed(&store, Some("main"))
        .iter()
        .map(|record| record.number)
        .collect();
    assert_eq!(numbers, [u64::MAX, 1, 0]);
    for number in [0, u64::MAX] {
        let found = lookup::resolve(&store, &scope(&format!("build:{number}"), asker())).unwrap();
        assert_eq!(found.layers[0].record.as_ref().unwrap().number, number);
    }
}

#[test]
fn a_build_that_its_runners_other_counter_outranks_is_not_said_to_be_an_equal() {
    let store = MemoryStore::default();
    let of = |runner: &str, run: Option<u64>, second: u64| Context {
        runner: runner.into(),
        run,
        now_ms: 1_700_000_000_000 + second * 1000,
        ..build(9)
    };
    for context in [
        of("circleci", Some(9), 1),
        of("jenkins", Some(9), 2),
        of("circleci", None, 3),
    ] {
        put_record(&store, &context.record("dist").unwrap());
    }
    let resolved = lookup::resolve(&store, &scope("latest", asker())).unwrap();
    assert_eq!(resolved.layers[0].record.as_ref().unwrap().runner, "jenkins");
    let codes: Vec<&str> = resolved.warnings.iter().map(|warning| &*warning.code).collect();
    assert_eq!(codes, ["two-counters", "lower-counter"]);
}
