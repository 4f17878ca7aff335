//! Events that are altered, missing or forged, and those who race for the next.

use super::*;

#[test]
fn who_loses_a_race_decides_anew() {
    let store = with_builds(3);
    promote(&store, "build:1").unwrap();
    let overtaken = |times| Overtaken {
        inner: &store,
        times: Cell::new(times),
        by: &|store| drop(promote(store, "build:2").unwrap()),
    };
    let moved = promote(&overtaken(3), "build:3").unwrap();
    assert_eq!((moved.event.sequence, moved.event.based_on), (5, 4));
    assert_eq!(moved.event.previous.unwrap().number, 2);
    // What it relied on holds no longer.
    let store = with_builds(3);
    promote(&store, "build:1").unwrap();
    let overtaken = Overtaken {
        inner: &store,
        times: Cell::new(1),
        by: &|store| drop(promote(store, "build:2").unwrap()),
    };
    let guarded = Promote {
        if_current: Some("build:1".into()),
        allow_fork: false,
        ..promotion("build:3")
    };
    assert_eq!(
        code(&channel::promote(&overtaken, &guarded).unwrap_err()),
        "not-current"
    );
    assert_eq!(number_of(&store, "channel:production"), 2);
}

#[test]
fn a_swapped_or_altered_event_is_damage() {
    let store = with_builds(2);
    promote(&store, "build:1").unwrap();
    promote(&store, "build:2").unwrap();
    let keys = store.keys("v1/projects/gh~2Facme~2Fshop/channels/");
    let older = store.objects.borrow()[&keys[1]].clone();
    store.objects.borrow_mut().insert(keys[0].clone(), older);
    let error = resolve(&store, "channel:production", build(1)).unwrap_err();
    assert!(matches!(error, Error::Damaged(_)), "{error}");
}

#[test]
fn an_event_says_what_it_was() {
    let store = with_builds(2);
    promote(&store, "build:1").unwrap();
    promote(&store, "build:2").unwrap();
    rollback(&store, production(), 1).unwrap();
    release(&store, &production()).unwrap();
    let events = channel::events(&store, &scope("latest", who()), &production(), 10)
        .unwrap()
        .0;
    let actions: Vec<_> = events.iter().map(|event| (event.action, event.held)).collect();
    assert_eq!(
        actions,
        [
            (Action::Release, false),
            (Action::Rollback, true),
            (Action::Promote, false),
            (Action::Promote, false)
        ]
    );
    let limited = channel::events(&store, &scope("latest", who()), &production(), 2)
        .unwrap()
        .0;
    assert_eq!(limited, events[..2]);
}

#[test]
fn a_forged_last_number_ends_with_an_error() {
    let store = with_builds(1);
    let mut event = promote(&store, "build:1").unwrap().event;
    event.sequence = u64::MAX;
    event.create(&store).unwrap();
    assert_eq!(code(&promote(&store, "build:1").unwrap_err()), "history-full");
}

/// The keys of the events of `production`, the oldest first.
fn events_of(store: &MemoryStore) -> Vec<String> {
    let mut keys = store.keys("v1/projects/");
    keys.retain(|key| key.contains("/channels/"));
    keys.reverse();
    keys
}

#[test]
fn a_channel_goes_on_over_an_older_event_that_is_lost() {
    let whole = with_builds(5);
    for number in 1..=4 {
        promote(&whole, &format!("build:{number}")).unwrap();
    }
    for is_gone in [false, true] {
        let store = copy(&whole);
        let key = &events_of(&store)[1];
        match is_gone {
            true => drop(store.objects.borrow_mut().remove(key)),
            false => drop(store.objects.borrow_mut().insert(key.clone(), b"gone".to_vec())),
        }
        let (events, lost) = channel::events(&store, &scope("latest", who()), &production(), 10).unwrap();
        let numbers: Vec<u64> = events.iter().map(|event| event.sequence).collect();
        assert_eq!(numbers, [4, 3, 1]);
        assert_eq!(lost.len(), 1);
        assert!(
            lost[0].code == "event-lost" && lost[0].message.contains("event 2"),
            "{lost:?}"
        );
        assert_eq!(number_of(&store, "channel:production"), 4);
        // One step back can be read, the next one cannot. A build that is named needs neither.
        assert_eq!(code(&rollback(&store, production(), 2).unwrap_err()), "damaged");
        let moved = channel::rollback(&store, &back(production(), Target::Build("build:1".into()))).unwrap();
        assert_eq!((moved.event.sequence, moved.event.build.id.number), (5, 1));
        release(&store, &production()).unwrap();
        promote(&store, "build:5").unwrap();
        assert_eq!(
            rollback(&store, production(), 1).unwrap().event.build.id.number,
            1
        );
    }
}

#[test]
fn a_history_may_begin_late() {
    let store = with_builds(4);
    for number in 1..=4 {
        promote(&store, &format!("build:{number}")).unwrap();
    }
    for key in events_of(&store).iter().take(2) {
        store.objects.borrow_mut().remove(key);
    }
    let (events, lost) = channel::events(&store, &scope("latest", who()), &production(), 10).unwrap();
    assert_eq!((events.len(), lost.len()), (2, 0));
    assert_eq!(
        code(&rollback(&store, production(), 2).unwrap_err()),
        "no-earlier-build"
    );
    assert_eq!(
        rollback(&store, production(), 1).unwrap().event.build.id.number,
        3
    );
}

#[test]
fn several_events_in_a_row_that_are_missing_are_one_warning() {
    let store = with_builds(5);
    for number in 1..=5 {
        promote(&store, &format!("build:{number}")).unwrap();
    }
    for key in &events_of(&store)[1..4] {
        store.objects.borrow_mut().remove(key);
    }
    let (_, lost) = channel::events(&store, &scope("latest", who()), &production(), 10).unwrap();
    assert_eq!(lost.len(), 1);
    assert_eq!(lost[0].message, "events 2 to 4 are missing");
}

/// One rule for both: what a prune keeps for a step back, `remove` does not take without a word.
#[test]
fn what_steps_back_lead_to_is_not_removed() {
    let store = with_builds(5);
    for number in 1..=5 {
        promote(&store, &format!("build:{number}")).unwrap();
    }
    let removal = |number: u64| {
        let request = Remove {
            scope: scope(&format!("build:{number}"), who()),
            reason: None,
            even_if_pointed_to: false,
        };
        prune::plan_removal(
            &store,
            &MemoryClock(Cell::new(1_700_000_000_000)),
            &MemoryScratch,
            &request,
        )
    };
    for number in 2..=5 {
        assert_eq!(
            code(&removal(number).unwrap_err()),
            "build-pointed-to",
            "build:{number}"
        );
    }
    removal(1).unwrap();
}

#[test]
fn what_is_before_a_lost_event_is_given_up_by_a_prune() {
    let whole = with_builds(6);
    for number in 1..=5 {
        promote(&whole, &format!("build:{number}")).unwrap();
    }
    let keep = |drop_damaged| Policy {
        keep_last: Some(1),
        drop_damaged,
        ..Policy::default()
    };
    for is_gone in [false, true] {
        let store = copy(&whole);
        let key = &events_of(&store)[2];
        match is_gone {
            true => drop(store.objects.borrow_mut().remove(key)),
            false => drop(store.objects.borrow_mut().insert(key.clone(), b"gone".to_vec())),
        }
        let found = damages(&store);
        assert!(found.len() == 1 && found[0].contains(key.as_str()), "{found:?}");
        let refused = prune::plan(
            &store,
            &MemoryClock(Cell::new(LATER_MS)),
            &MemoryScratch,
            &request(keep(false)),
        );
        assert_eq!(code(&refused.unwrap_err()), "unsafe-to-prune");
        prune_at(&store, keep(true), LATER_MS);
        assert_eq!(events_of(&store).len(), 2);
        assert_eq!(damages(&store), Vec::<String>::new());
        assert_eq!(number_of(&store, "channel:production"), 5);
        assert_eq!(
            rollback(&store, production(), 1).unwrap().event.build.id.number,
            4
        );
        assert_eq!(
            code(&rollback(&store, production(), 1).unwrap_err()),
            "no-earlier-build"
        );
        prune_at(&store, keep(false), LATER_MS + 1);
    }
}

#[test]
fn promoted_twice_it_is_one_step_back() {
    let store = with_builds(2);
    promote(&store, "build:1").unwrap();
    promote(&store, "build:2").unwrap();
    promote(&store, "build:2").unwrap();
    assert_eq!(
        rollback(&store, production(), 1).unwrap().event.build.id.number,
        1
    );
}
