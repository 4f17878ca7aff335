//! The library as a program embeds it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use baton_host::attach::AttachRequest;
use baton_host::builds::{BuildContext, Scope};
use baton_host::persist::PersistRequest;
use baton_host::store::{CloudOptions, StoreError, StoreLocation, StoreUse};
use baton_host::transfer::{StepKind, Totals};
use baton_host::{Baton, CloudStore, DirectoryStore, Error, Options, PluginError, Progress};

fn context() -> BuildContext {
    let mut context = BuildContext::new("my-runner");
    context.project = Some("gh/acme/shop".to_owned());
    context.branch = Some("main".to_owned());
    context
}

fn baton(place: &Path) -> Baton {
    let store = DirectoryStore::create(&place.join("store")).unwrap();
    Baton::new(Arc::new(store), Options::default()).unwrap()
}

fn latest() -> AttachRequest {
    AttachRequest::new(Scope::new("latest", context()))
}

/// Persists one file and attaches it elsewhere.
fn round_trip(place: &Path) {
    fs::create_dir_all(place.join("work/dist")).unwrap();
    fs::write(place.join("work/dist/app"), "hello").unwrap();
    let baton = baton(place);
    let request = PersistRequest::new(["dist"], context());
    let persisted = baton.persist(&place.join("work"), &request, &mut ()).unwrap();
    assert_eq!((persisted.files, persisted.bytes), (1, 5));
    let attached = baton.attach(&place.join("out"), &latest(), &mut ()).unwrap();
    assert_eq!(attached.bytes, 5);
    assert_eq!(fs::read_to_string(place.join("out/dist/app")).unwrap(), "hello");
}

/// Opens a store on a server that does not exist.
fn nowhere() -> Result<CloudStore, StoreError> {
    let StoreLocation::Cloud(location) = StoreLocation::parse("s3://bucket", Path::new("/")).unwrap() else {
        unreachable!("a bucket is a cloud location");
    };
    let keys = [("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret")];
    let keys = keys.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut options = CloudOptions {
        endpoint: Some("http://127.0.0.1:9".into()),
        time_budget: Duration::from_millis(100),
        variables: keys.into_iter().collect(),
        ..CloudOptions::default()
    };
    options.http.allow_http = true;
    CloudStore::open(&location, options, StoreUse::Write)
}

fn async_program<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    runtime.block_on(future)
}

#[test]
fn an_async_program_gives_it_a_thread_that_may_block() {
    let place = tempfile::tempdir().unwrap();
    async_program(async {
        let place = place.path().to_owned();
        tokio::task::spawn_blocking(move || round_trip(&place))
            .await
            .unwrap();
        let opened = tokio::task::spawn_blocking(nowhere).await.unwrap();
        assert!(matches!(opened, Err(StoreError::Remote { .. })), "{opened:?}");
    });
}

#[test]
fn it_does_not_panic_in_a_task_that_it_blocks() {
    let place = tempfile::tempdir().unwrap();
    async_program(async {
        round_trip(place.path());
        let opened = nowhere();
        assert!(matches!(opened, Err(StoreError::Remote { .. })), "{opened:?}");
    });
}

#[test]
fn a_dry_run_changes_nothing_and_needs_no_target() {
    let place = tempfile::tempdir().unwrap();
    round_trip(place.path());
    let baton = baton(place.path());
    let request = PersistRequest::new(["dist"], context());
    let plan = baton.plan_persist(&place.path().join("work"), &request).unwrap();
    assert_eq!((plan.totals.files, plan.totals.bytes), (1, 5));

    let target = place.path().join("absent");
    let plan = baton.plan_attach(&target, &latest()).unwrap();
    let steps: Vec<_> = plan.steps.collect::<Result<_, _>>().unwrap();
    let step = steps.iter().find(|step| step.path == "dist/app").unwrap();
    assert_eq!(step.action, StepKind::Create);
    assert!(!target.exists());

    let plan = baton.plan_attach(&place.path().join("out"), &latest()).unwrap();
    let steps: Vec<_> = plan.steps.collect::<Result<_, _>>().unwrap();
    assert!(
        steps.iter().all(|step| step.action != StepKind::Create),
        "{steps:?}"
    );
}

#[test]
fn a_failure_has_its_meaning_in_its_type() {
    let place = tempfile::tempdir().unwrap();
    let failed = baton(place.path()).attach(&place.path().join("out"), &latest(), &mut ());
    let Err(Error::Plugin(PluginError::NothingMatched(problem))) = failed else {
        unreachable!("{failed:?}");
    };
    assert!(!problem.code.is_empty() && !problem.message.is_empty());
    // Nor does it leave the target that it created.
    assert!(!place.path().join("out").exists());
}

#[test]
fn progress_tells_the_size_first_and_sums_up_to_it() {
    #[derive(Default)]
    struct Sums {
        planned: Option<Totals>,
        bytes: u64,
    }
    impl Progress for Sums {
        fn planned(&mut self, totals: &Totals) {
            assert_eq!(self.bytes, 0);
            self.planned = Some(totals.clone());
        }
        fn done(&mut self, done: baton_host::transfer::Done) {
            self.bytes += done.bytes;
        }
    }
    let place = tempfile::tempdir().unwrap();
    fs::create_dir_all(place.path().join("work")).unwrap();
    for number in 0..100 {
        fs::write(place.path().join(format!("work/{number}")), vec![number; 10_000]).unwrap();
    }
    let mut sums = Sums::default();
    let request = PersistRequest::new(["."], context());
    baton(place.path())
        .persist(&place.path().join("work"), &request, &mut sums)
        .unwrap();
    assert_eq!(sums.planned.unwrap().bytes, 1_000_000);
    assert_eq!(sums.bytes, 1_000_000);
}
