//! The times of tests, which `store_test_results` keeps and `circleci tests split` uses.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// The kind of a name that has a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimingsType {
    File,
    Class,
    Test,
}

/// Seconds, by the names of files, classes and tests.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Timings {
    files: BTreeMap<String, f64>,
    classes: BTreeMap<String, f64>,
    tests: BTreeMap<String, f64>,
}

impl Timings {
    /// Reads timings from a file, which may not exist.
    pub(crate) fn read(file: &Path) -> io::Result<Timings> {
        match std::fs::read_to_string(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Timings::default()),
            text => serde_json::from_str(&text?).map_err(io::Error::from),
        }
    }

    /// Writes timings to a file.
    pub(crate) fn write(&self, file: &Path) -> io::Result<()> {
        std::fs::write(file, serde_json::to_string(self)?)
    }

    /// Adds the time of a test to a file, class or test.
    pub(crate) fn add(&mut self, kind: TimingsType, name: &str, seconds: f64) {
        if !name.is_empty() {
            *self.of_mut(kind).entry(name.to_owned()).or_default() += seconds;
        }
    }

    /// Adds all times of another node.
    pub(crate) fn merge(&mut self, other: &Timings) {
        for kind in [TimingsType::File, TimingsType::Class, TimingsType::Test] {
            for (name, seconds) in other.of(kind) {
                self.add(kind, name, *seconds);
            }
        }
    }

    /// Returns the seconds of a file, class or test. `./a` and `a` are one file.
    pub(crate) fn seconds(&self, kind: TimingsType, name: &str) -> Option<f64> {
        let of = self.of(kind);
        let other = match name.strip_prefix("./") {
            Some(rest) => rest.to_owned(),
            None => format!("./{name}"),
        };
        of.get(name).or_else(|| of.get(&other)).copied()
    }

    /// Returns the type that has times of the most names.
    pub(crate) fn best_type(&self, names: &[&str]) -> TimingsType {
        let known = |kind| {
            names
                .iter()
                .filter(|name| self.seconds(kind, name).is_some())
                .count()
        };
        let mut best = TimingsType::File;
        for kind in [TimingsType::Class, TimingsType::Test] {
            if known(kind) > known(best) {
                best = kind;
            }
        }
        best
    }

    fn of(&self, kind: TimingsType) -> &BTreeMap<String, f64> {
        match kind {
            TimingsType::File => &self.files,
            TimingsType::Class => &self.classes,
            TimingsType::Test => &self.tests,
        }
    }

    fn of_mut(&mut self, kind: TimingsType) -> &mut BTreeMap<String, f64> {
        match kind {
            TimingsType::File => &mut self.files,
            TimingsType::Class => &mut self.classes,
            TimingsType::Test => &mut self.tests,
        }
    }
}
