//! The step `store_test_results`: JUnit XML, summed up, and the times of tests for `circleci tests split`.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::inside::Inside;
use super::outcome::TestCounts;
use crate::command::timings::{Timings, TimingsType};

/// A larger file is refused.
const FILE_BYTES_MAX: u64 = 256 << 20;
/// Directories this deep are searched.
const DEPTH_MAX: usize = 32;

/// The results of the tests of a node.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct TestResults {
    pub(super) counts: TestCounts,
    pub(super) timings: Timings,
}

impl TestResults {
    /// Adds the results of another step or node.
    pub(super) fn add(&mut self, other: &TestResults) {
        self.counts.passed += other.counts.passed;
        self.counts.failed += other.counts.failed;
        self.counts.skipped += other.counts.skipped;
        self.timings.merge(&other.timings);
    }
}

/// Reads a file of JUnit XML, or all files `*.xml` below a directory. Returns the results and the number of files, or why the
/// step fails.
pub(super) fn read(inside: &Inside, path: &Path) -> Result<(TestResults, usize), String> {
    let mut files = Vec::new();
    match path.is_dir() {
        true => {
            list(path, &mut files, 0).map_err(|error| format!("cannot read {}: {error}", path.display()))?
        }
        false => files.push(path.to_owned()),
    }
    let mut results = TestResults::default();
    for file in &files {
        let failed = |error: &dyn std::fmt::Display| {
            format!("cannot read the test results in {}: {error}", file.display())
        };
        let opened = inside.open(file).map_err(|error| failed(&error))?.file;
        let one = parse(opened).map_err(|error| failed(&error))?;
        results.add(&one);
    }
    Ok((results, files.len()))
}

fn list(directory: &Path, files: &mut Vec<PathBuf>, depth: usize) -> io::Result<()> {
    let mut entries = fs::read_dir(directory)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            if depth < DEPTH_MAX {
                list(&path, files, depth + 1)?;
            }
        } else if path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("xml"))
        {
            files.push(path);
        }
    }
    Ok(())
}

/// A test case while its elements are read.
#[derive(Default)]
struct Case {
    file: String,
    class: String,
    name: String,
    seconds: f64,
    failed: bool,
    skipped: bool,
}

fn parse(file: File) -> Result<TestResults, quick_xml::Error> {
    let mut reader = Reader::from_reader(BufReader::new(file.take(FILE_BYTES_MAX)));
    let mut results = TestResults::default();
    let mut buffer = Vec::new();
    // The files of the suites that are open.
    let mut suites: Vec<String> = Vec::new();
    let mut case: Option<Case> = None;
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer)? {
            Event::Start(element) => match element.name().as_ref() {
                b"testsuite" => suites.push(attribute(&element, "file")?),
                b"testcase" => case = Some(new_case(&element, &suites)?),
                name => mark(case.as_mut(), name),
            },
            Event::Empty(element) => match element.name().as_ref() {
                b"testcase" => results.count(&new_case(&element, &suites)?),
                name => mark(case.as_mut(), name),
            },
            Event::End(element) => match element.name().as_ref() {
                b"testsuite" => drop(suites.pop()),
                b"testcase" => {
                    if let Some(case) = case.take() {
                        results.count(&case);
                    }
                }
                _ => {}
            },
            Event::Eof => return Ok(results),
            _ => {}
        }
    }
}

fn mark(case: Option<&mut Case>, element: &[u8]) {
    if let Some(case) = case {
        match element {
            b"failure" | b"error" => case.failed = true,
            b"skipped" => case.skipped = true,
            _ => {}
        }
    }
}

fn new_case(element: &BytesStart<'_>, suites: &[String]) -> Result<Case, quick_xml::Error> {
    let mut file = attribute(element, "file")?;
    if file.is_empty() {
        // The innermost suite that has one.
        file = suites
            .iter()
            .rev()
            .find(|file| !file.is_empty())
            .cloned()
            .unwrap_or_default();
    }
    let seconds: f64 = attribute(element, "time")?
        .replace(',', "")
        .parse()
        .unwrap_or(0.0);
    Ok(Case {
        file,
        class: attribute(element, "classname")?,
        name: attribute(element, "name")?,
        seconds: if seconds.is_finite() {
            seconds.max(0.0)
        } else {
            0.0
        },
        ..Case::default()
    })
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Result<String, quick_xml::Error> {
    match element.try_get_attribute(name)? {
        Some(attribute) => Ok(attribute.normalized_value(XmlVersion::Implicit1_0)?.into_owned()),
        None => Ok(String::new()),
    }
}

impl TestResults {
    fn count(&mut self, case: &Case) {
        match (case.failed, case.skipped) {
            (true, _) => self.counts.failed += 1,
            (false, true) => self.counts.skipped += 1,
            (false, false) => self.counts.passed += 1,
        }
        let names = [
            (TimingsType::File, &case.file),
            (TimingsType::Class, &case.class),
            (TimingsType::Test, &case.name),
        ];
        for (kind, name) in names {
            self.timings.add(kind, name, case.seconds);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn parsed(text: &str) -> Result<TestResults, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("junit.xml");
        fs::write(&path, text).unwrap();
        parse(File::open(path).unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn cases_are_counted_and_timed() {
        let results = parsed(
            r#"<?xml version="1.0"?>
<testsuites><testsuite file="suite.rb">
  <testcase classname="C1" name="a &amp; b" time="1.5" file="one.rb"/>
  <testcase classname="C1" name="c" time="0.5"><failure>no &lt; yes</failure></testcase>
  <testcase classname="C2" name="d" time="1,000.0"><error/><system-out>x</system-out></testcase>
  <testcase classname="C2" name="e" time="nonsense"><skipped/></testcase>
</testsuite></testsuites>"#,
        )
        .unwrap();
        let counts = TestCounts {
            passed: 1,
            failed: 2,
            skipped: 1,
        };
        assert_eq!(results.counts, counts);
        let seconds = |kind, name: &str| results.timings.seconds(kind, name);
        assert_eq!(seconds(TimingsType::File, "one.rb"), Some(1.5));
        assert_eq!(seconds(TimingsType::File, "suite.rb"), Some(1000.5));
        assert_eq!(seconds(TimingsType::Class, "C1"), Some(2.0));
        assert_eq!(seconds(TimingsType::Test, "a & b"), Some(1.5));
    }

    #[test]
    fn what_is_no_xml_is_an_error() {
        assert!(parsed("<testsuite><testcase").is_err());
        assert!(parsed("<a></b>").is_err());
        assert_eq!(parsed("").unwrap(), TestResults::default());
    }
}
