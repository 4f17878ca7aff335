//! A job whose way to the store leads through a proxy, and what must hold whatever the proxy did.

use serde_json::Value;

use crate::files::{assert_same, noise, text, write};
use crate::place::{Job, Place, Ran};
use crate::servers::proxy::Proxy;
use crate::servers::weed::Weed;

pub(crate) struct Scene {
    pub(crate) place: Place,
    /// Through the proxy.
    pub(crate) job: Job,
    /// Straight to the server.
    pub(crate) direct: Job,
    pub(crate) proxy: Proxy,
}

impl Scene {
    /// Returns a job that has persisted build 1. The server was tested at that moment, so a test sees only its own requests.
    pub(crate) fn new() -> Scene {
        let scene = Scene::before(Weed::shared());
        scene.write_tree(1);
        scene.job.baton("persist tree --number 1").succeeds();
        scene.proxy.reset();
        scene
    }

    /// Returns a job that has done nothing yet.
    pub(crate) fn before(weed: &Weed) -> Scene {
        let place = Place::new();
        let direct = place.job("work").set("BATON_ENDPOINT", weed.endpoint());
        let proxy = Proxy::before(weed.address());
        Scene {
            job: direct.clone().set("BATON_ENDPOINT", proxy.endpoint()),
            place,
            direct,
            proxy,
        }
    }

    /// Sets the time limit of one request including retries.
    pub(crate) fn within(mut self, seconds: u64) -> Scene {
        self.job = self.job.set("BATON_STORE_TIMEOUT_SECONDS", seconds.to_string());
        self
    }

    /// Writes the tree of a build: some files stay, and there are new ones for several packs.
    pub(crate) fn write_tree(&self, build: u64) {
        let path = |name: &str| self.job.path("tree").join(name);
        for number in 0..30 {
            write(&path(&format!("text/{number}")), text(number + build / 2, 20_000));
        }
        for part in 0..3 {
            write(&path(&format!("noise/{part}")), noise(build * 10 + part, 5 << 20));
        }
        write(&path("build"), build.to_string());
    }

    /// Checks that a build attaches completely when there is no fault.
    #[track_caller]
    pub(crate) fn arrives(&self, build: u64) {
        let _ = std::fs::remove_dir_all(self.job.path("arrived"));
        self.direct
            .baton(&format!("attach build:{build} --at arrived --strict"))
            .succeeds();
        assert_same(&self.job.path("tree"), &self.job.path("arrived/tree"));
    }

    /// Checks that nothing that was committed is lost, and that no other object exists.
    #[track_caller]
    pub(crate) fn is_sound(&self) {
        self.direct
            .baton("verify --all --data")
            .succeeds()
            .tells("all is well");
    }
}

/// Returns the error that a run with `--format json` ended with, and that it is one for people, too.
#[track_caller]
pub(crate) fn error(ran: Ran) -> Value {
    let ran = ran.ends(1).tells("error: ").tells("hint: ");
    let report: Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}", ran.out));
    let error = report["error"].clone();
    assert!(
        error["hint"].as_str().is_some_and(|hint| !hint.is_empty()),
        "{error:#}"
    );
    error
}

/// Checks that a run ended with this code.
#[track_caller]
pub(crate) fn fails(ran: Ran, code: &str) -> Value {
    let error = error(ran);
    assert_eq!(error["code"], code, "{error:#}");
    error
}
