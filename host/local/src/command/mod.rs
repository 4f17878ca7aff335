//! The command `circleci` that jobs find on their path: `env subst`, `step halt` and `tests glob`, `split` and `run`.
//!
//! It is the binary `baton` under another name, so it needs nothing else in a sandbox or a container.

mod glob;
mod split;
mod subst;
pub(crate) mod timings;

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use split::Split;
use timings::Timings;

/// The variable with the directory of the node.
pub(crate) const NODE_VARIABLE: &str = "BATON_LOCAL_NODE";
/// The file in it that ends the job once it exists.
pub(crate) const HALTED: &str = "halted";
/// The file in it with the times of tests.
pub(crate) const TIMINGS: &str = "timings.json";
/// The names under which the binary is this command.
pub(crate) const NAMES: [&str; 2] = ["circleci", "circleci-agent"];

const USAGE: &str = "circleci in baton local has env subst [TEXT], step halt, tests glob PATTERN..., tests split [FILE...] \
                     and tests run --command=COMMAND";

/// Returns whether a program was started under a name of this command.
pub fn is_meant(program: &OsStr) -> bool {
    let name = Path::new(program).file_name().and_then(OsStr::to_str);
    name.is_some_and(|name| NAMES.contains(&name))
}

/// Runs the command, and returns its exit code.
pub fn run(arguments: &[String]) -> u8 {
    match dispatch(arguments) {
        Ok(code) => code,
        Err(message) => {
            // If standard error is closed, the exit code is left.
            let _ = writeln!(io::stderr(), "error: {message}");
            1
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<u8, String> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["env", "subst"] => print(&subst::subst(&input(&[])?, variable)),
        ["env", "subst", text] => print(&format!("{}\n", subst::subst(text, variable))),
        ["step", "halt"] => {
            let file = node()?.join(HALTED);
            fs::write(&file, "").map_err(|error| format!("cannot write {}: {error}", file.display()))?;
            Ok(0)
        }
        ["tests", "glob", patterns @ ..] => {
            let found = glob::files(Path::new("."), patterns)?;
            print(&lines(&found))
        }
        ["tests", "split", rest @ ..] => print(&lines(&share(&Split::parse(rest, variable)?)?)),
        ["tests", "run", rest @ ..] => tests_run(rest),
        _ => Err(format!("circleci {} is not known: {USAGE}", words.join(" "))),
    }
}

fn lines<'t>(texts: impl IntoIterator<Item = &'t String>) -> String {
    texts.into_iter().flat_map(|text| [text.as_str(), "\n"]).collect()
}

/// Returns the tests of this node.
fn share(split: &Split) -> Result<Vec<String>, String> {
    let text = input(&split.files)?;
    let tests: Vec<&str> = text.split_whitespace().collect();
    let timings = match node() {
        Ok(node) => Timings::read(&node.join(TIMINGS))
            .map_err(|error| format!("cannot read the times of tests: {error}"))?,
        Err(_) => Timings::default(),
    };
    let size = |file: &str| Some(fs::metadata(file).ok()?.len());
    let (share, message) = split.share(&tests, &timings, size);
    if let Some(message) = message {
        // A message only: the tests are printed in any case.
        let _ = writeln!(io::stderr(), "{message}");
    }
    Ok(share)
}

/// Gives the tests of this node to a command, on its standard input.
fn tests_run(arguments: &[&str]) -> Result<u8, String> {
    let split = Split::parse(arguments, variable)?;
    let command = split
        .command
        .as_ref()
        .ok_or_else(|| "--command is missing: it runs the tests".to_owned())?;
    let share = share(&split)?;
    if share.is_empty() {
        return print("No tests to run on this node\n");
    }
    let failed = |error: io::Error| format!("cannot run {command}: {error}");
    let mut child = Command::new("bash")
        .args(["-c", command])
        .stdin(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        match stdin.write_all(share.join(" ").as_bytes()) {
            // A command need not read its tests.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(failed(error)),
            _ => {}
        }
    }
    let status = child.wait().map_err(failed)?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.unwrap_or(1))
}

/// Returns the content of files, or of standard input if there are none.
fn input(files: &[String]) -> Result<String, String> {
    let mut text = String::new();
    if files.is_empty() {
        let read = io::stdin().read_to_string(&mut text);
        read.map_err(|error| format!("cannot read standard input: {error}"))?;
    }
    for file in files {
        text += &fs::read_to_string(file).map_err(|error| format!("cannot read {file}: {error}"))?;
        text.push('\n');
    }
    Ok(text)
}

fn print(text: &str) -> Result<u8, String> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("cannot write to standard output: {error}"))
        }
        _ => Ok(0),
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn node() -> Result<PathBuf, String> {
    let node = std::env::var_os(NODE_VARIABLE).filter(|node| !node.is_empty());
    node.map(PathBuf::from).ok_or_else(|| {
        format!("the variable {NODE_VARIABLE} is not set: this command works only in the jobs of baton local")
    })
}
