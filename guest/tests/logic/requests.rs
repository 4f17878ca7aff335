//! Look-ups take the same number of requests however long the history is.

use baton_guest::channel::{self, Promote, Rollback, Target};
use baton_guest::context::Context;
use baton_guest::lookup;
use baton_guest::pointer::Pointer;
use baton_guest::record::Record;
use baton_guest::testing::MemoryStore;

use crate::support::build;
use crate::support::driver::{put_record, scope};

/// Records of as many builds, with a channel that is moved every thousandth time, and the branch `held` rolled back.
fn store_of(builds: u64) -> MemoryStore {
    let store = MemoryStore::default();
    let record = |run: u64, branch: &str| -> Record {
        Context {
            branch: Some(branch.into()),
            // Digits that differ in front, as those of commits do.
            commit: Some(format!(
                "{:016x}{run:024x}",
                run.wrapping_mul(0x9e37_79b9_7f4a_7c15)
            )),
            ..build(run)
        }
        .record("dist")
        .unwrap()
    };
    for run in 1..=builds {
        put_record(&store, &record(run, if run % 10 == 0 { "held" } else { "main" }));
    }
    for run in (1..=builds).filter(|run| run % 1000 == 1) {
        let request = Promote {
            scope: scope(&format!("build:{run}"), build(1)),
            channel: "production".into(),
            reason: None,
            if_current: None,
            allow_fork: false,
        };
        channel::promote(&store, &request).unwrap();
    }
    let request = Rollback {
        pointer: Pointer::Branch("held".into()),
        scope: scope("latest", build(1)),
        target: Target::Build("build:10".into()),
        reason: None,
        hold: true,
    };
    channel::rollback(&store, &request).unwrap();
    store
}

#[test]
fn look_ups_do_not_grow_with_history() {
    let (short, long) = (store_of(10), store_of(30_000));
    let commit = format!("sha:{:016x}", 7u64.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    for (selector, most) in [
        ("latest", 4),
        ("latest@held", 4),
        ("channel:production", 4),
        (commit.as_str(), 5),
        ("build:7", 4),
    ] {
        let requests = |store: &MemoryStore| {
            store.calls.set(0);
            lookup::resolve(store, &scope(selector, build(1))).unwrap();
            store.calls.get()
        };
        let (few, many) = (requests(&short), requests(&long));
        assert_eq!(few, many, "{selector}");
        assert!(many <= most, "{selector} takes {many} requests");
    }
}
