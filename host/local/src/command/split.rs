//! `circleci tests split`: the share of the tests that one node runs.

use std::time::Duration;

use super::timings::{Timings, TimingsType};

/// How tests are split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Name,
    FileSize,
    Timings,
}

/// The options of a split.
#[derive(Debug)]
pub(super) struct Split {
    by: By,
    /// `None`: the type that has the most of the tests.
    timings_type: Option<TimingsType>,
    index: usize,
    total: usize,
    time_default: Option<Duration>,
    /// The command of `tests run`.
    pub(super) command: Option<String>,
    /// Files with the tests.
    pub(super) files: Vec<String>,
}

impl Split {
    /// Parses arguments. The node comes from the variables that CircleCI sets.
    pub(super) fn parse(
        arguments: &[&str],
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Split, String> {
        let number = |name: &str, default: usize| match variable(name) {
            Some(text) => text
                .parse()
                .map_err(|_| format!("{name} is {text}, and a number is expected")),
            None => Ok(default),
        };
        let mut split = Split {
            by: By::Name,
            timings_type: None,
            index: number("CIRCLE_NODE_INDEX", 0)?,
            total: number("CIRCLE_NODE_TOTAL", 1)?,
            time_default: None,
            command: None,
            files: Vec::new(),
        };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            if matches!(*argument, "-v" | "--verbose" | "--show-counts") {
                continue;
            }
            let Some(flag) = argument.strip_prefix("--") else {
                split.files.push((*argument).to_owned());
                continue;
            };
            let (flag, value) = match flag.split_once('=') {
                Some((flag, value)) => (flag, value),
                None => {
                    let value = rest.next();
                    (
                        flag,
                        *value.ok_or_else(|| format!("the flag --{flag} needs a value"))?,
                    )
                }
            };
            split.set(flag, value)?;
        }
        if split.index >= split.total {
            return Err(format!("there is no node {} of {}", split.index, split.total));
        }
        Ok(split)
    }

    fn set(&mut self, flag: &str, value: &str) -> Result<(), String> {
        let wrong = || format!("--{flag}={value} is not known to baton local");
        match flag {
            "split-by" => {
                self.by = match value {
                    "name" => By::Name,
                    "filesize" => By::FileSize,
                    "timings" => By::Timings,
                    _ => return Err(wrong()),
                }
            }
            "timings-type" => {
                self.timings_type = match value {
                    "autodetect" => None,
                    "file" | "filename" => Some(TimingsType::File),
                    "class" | "classname" => Some(TimingsType::Class),
                    "name" | "testname" => Some(TimingsType::Test),
                    _ => return Err(wrong()),
                }
            }
            "index" => self.index = value.parse().map_err(|_| wrong())?,
            "total" => self.total = value.parse().map_err(|_| wrong())?,
            "time-default" => {
                self.time_default = Some(humantime::parse_duration(value).map_err(|_| wrong())?);
            }
            "command" => self.command = Some(value.to_owned()),
            _ => return Err(wrong()),
        }
        Ok(())
    }

    /// Returns the tests of the node, and a message for the user if there is one.
    pub(super) fn share(
        &self,
        tests: &[&str],
        timings: &Timings,
        size: impl Fn(&str) -> Option<u64>,
    ) -> (Vec<String>, Option<String>) {
        let mut tests = tests.to_vec();
        tests.sort_unstable();
        let by_name = "falling back to weighting by name";
        match self.by {
            By::Name => (self.in_turn(&tests), None),
            By::FileSize => {
                let sizes: Vec<Option<f64>> = tests.iter().map(|test| Some(size(test)? as f64)).collect();
                if sizes.iter().all(Option::is_none) {
                    let message = format!("No file of the tests was found, {by_name}.");
                    return (self.in_turn(&tests), Some(message));
                }
                (self.balanced(&tests, &sizes, 0.0), None)
            }
            By::Timings => {
                let kind = self.timings_type.unwrap_or_else(|| timings.best_type(&tests));
                let times: Vec<Option<f64>> = tests.iter().map(|test| timings.seconds(kind, test)).collect();
                let Some(smallest) = times.iter().flatten().copied().reduce(f64::min) else {
                    let message = format!("Error auto-detecting timing type, {by_name}.");
                    return (self.in_turn(&tests), Some(message));
                };
                let default = self.time_default.map_or(smallest, |time| time.as_secs_f64());
                let unknown: Vec<String> = tests
                    .iter()
                    .zip(&times)
                    .filter(|(_, time)| time.is_none())
                    .map(|(test, _)| format!("No timing found for \"{test}\""))
                    .collect();
                let message = (!unknown.is_empty()).then(|| unknown.join("\n"));
                (self.balanced(&tests, &times, default), message)
            }
        }
    }

    /// Gives tests to the nodes in turn.
    fn in_turn(&self, tests: &[&str]) -> Vec<String> {
        let own = tests.iter().skip(self.index).step_by(self.total);
        own.map(|test| (*test).to_owned()).collect()
    }

    /// Gives each test, the heaviest first, to the node with the least weight.
    fn balanced(&self, tests: &[&str], weights: &[Option<f64>], default: f64) -> Vec<String> {
        let weights = weights.iter().map(|weight| weight.unwrap_or(default));
        let mut weighted: Vec<(&str, f64)> = tests.iter().copied().zip(weights).collect();
        weighted.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
        let mut nodes = vec![(0.0_f64, Vec::new()); self.total];
        for (test, weight) in weighted {
            // The number of tests decides between nodes of one weight.
            let lightest = nodes
                .iter_mut()
                .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.len().cmp(&b.1.len())));
            if let Some(node) = lightest {
                node.0 += weight;
                node.1.push(test.to_owned());
            }
        }
        let own = nodes.into_iter().nth(self.index);
        let mut own = own.map(|node| node.1).unwrap_or_default();
        own.sort_unstable();
        own
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn shares(flags: &[&str], tests: &[&str], timings: &Timings) -> Vec<String> {
        let share = |index: &str| {
            let variable = |name: &str| match name {
                "CIRCLE_NODE_INDEX" => Some(index.to_owned()),
                "CIRCLE_NODE_TOTAL" => Some("2".to_owned()),
                _ => None,
            };
            let split = Split::parse(flags, variable).unwrap();
            let size = |file: &str| (file != "gone").then_some(file.len() as u64);
            split.share(tests, timings, size).0.join(" ")
        };
        vec![share("0"), share("1")]
    }

    #[test]
    fn tests_are_split_by_name_size_and_time() {
        let tests = ["c", "a", "b", "eeeeeeee"];
        let none = Timings::default();
        assert_eq!(shares(&[], &tests, &none), ["a c", "b eeeeeeee"]);
        assert_eq!(
            shares(&["--split-by=filesize"], &tests, &none),
            ["eeeeeeee", "a b c"]
        );
        assert_eq!(
            shares(&["--split-by", "timings"], &tests, &none),
            ["a c", "b eeeeeeee"]
        );
        let mut timings = Timings::default();
        for (test, seconds) in [("a", 10.0), ("b", 1.0), ("c", 1.0)] {
            timings.add(TimingsType::File, test, seconds);
        }
        assert_eq!(
            shares(&["--split-by=timings"], &tests, &timings),
            ["a", "b c eeeeeeee"]
        );
        let flags = ["--split-by=timings", "--time-default=10s"];
        assert_eq!(shares(&flags, &tests, &timings), ["a b", "c eeeeeeee"]);
        // There are no times of classes.
        let flags = ["--split-by=timings", "--timings-type=classname"];
        assert_eq!(shares(&flags, &tests, &timings), ["a c", "b eeeeeeee"]);
    }

    #[test]
    fn every_test_is_in_exactly_one_share() {
        let tests: Vec<String> = (0..50).map(|number| format!("t{number}")).collect();
        let tests: Vec<&str> = tests.iter().map(String::as_str).collect();
        let mut timings = Timings::default();
        for (number, test) in tests.iter().enumerate().step_by(3) {
            timings.add(TimingsType::Class, test, number as f64);
        }
        for flags in [&[][..], &["--split-by=filesize"], &["--split-by=timings"]] {
            let shares = shares(flags, &tests, &timings).join(" ");
            let mut all: Vec<&str> = shares.split(' ').collect();
            all.sort_unstable();
            let mut expected = tests.clone();
            expected.sort_unstable();
            assert_eq!(all, expected, "{flags:?}");
        }
    }

    #[test]
    fn an_unknown_flag_is_an_error() {
        for flags in [
            &["--split-by=luck"][..],
            &["--magic=1"],
            &["--index"],
            &["--index=2"],
        ] {
            assert!(Split::parse(flags, |_| None).is_err(), "{flags:?}");
        }
    }
}
