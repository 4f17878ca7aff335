//! `baton verify`: whether the store holds what it says.

use std::time::Instant;

use baton_host::builds::Build;
use baton_host::context::Field;
use baton_host::verify::{Finding, Remedy, VerifyRequest};

use super::args::{Format, LookUpArgs, Verify};
use super::failure::Failure;
use super::json;
use super::output::{named, several, sized};
use super::progress::Talk;
use super::settings::Settings;
use super::sink::{note, print, print_json, say};

/// How many of the builds that a damage hurts are named.
const NAMED_MAX: usize = 10;

pub(crate) fn run(settings: &Settings, args: Verify) -> Result<(), Failure> {
    let Verify {
        selector,
        all,
        data,
        key,
        look_up,
    } = args;
    let selector = match selector {
        None if all || names_no_build(settings, &look_up)? => None,
        selector => Some(selector.unwrap_or_else(|| "latest".to_owned())),
    };
    let checked = Checked::of(selector.as_deref());
    let scope = match selector.clone() {
        None => None,
        // The selected build is checked, without falling back to another one.
        Some(selector) => Some(settings.scope(selector, look_up, true)?),
    };
    settings.check_pinned(key.as_ref())?;
    let mut settings = settings.clone();
    settings.options.require_signed = key.as_ref().map(super::settings::verifying_key).transpose()?;
    let started = Instant::now();
    let mut talk = Talk::of_packs(checked.verb());
    let mut request = scope.map_or_else(VerifyRequest::store, VerifyRequest::build);
    request.data = data;
    // Their signatures are checked.
    request.names_builds = key.is_some();
    let report = settings.reader()?.verify(&request, &mut talk);
    talk.end();
    let (report, unsigned) = report?;
    let took = started.elapsed();
    if settings.format == Format::Json {
        print_json(&json::Verified {
            bytes: report.bytes,
            checked: checked.name(),
            findings: report.findings.iter().map(finding).collect(),
            packs: report.packs,
            records: report.records,
            seconds: took.as_secs_f64(),
            selector,
            trees: report.trees,
            unsigned: unsigned.iter().map(ToString::to_string).collect(),
            warnings: json::warnings(&talk.warnings),
        });
    } else {
        for finding in &report.findings {
            print_finding(finding);
        }
        for error in &unsigned {
            print(&error.to_string());
        }
        let read = match data {
            true => format!(", {} read", sized(report.bytes)),
            false => String::new(),
        };
        note(&format!(
            "{} verified: {}, {}, {}{read}: {}; {:.1} s",
            match &selector {
                None => format!("{} {}", checked.name(), settings.store.location),
                Some(selector) => format!("{} {}", checked.name(), selector),
            },
            several(report.records, "record"),
            several(report.trees, "tree"),
            several(report.packs, "pack"),
            match (report.findings.len() as u64, unsigned.len() as u64) {
                (0, 0) => "all is well".to_owned(),
                (damages, 0) => several(damages, "damage"),
                (0, unsigned) => format!("{} not signed", several(unsigned, "build")),
                (damages, unsigned) => format!(
                    "{}, {} not signed",
                    several(damages, "damage"),
                    several(unsigned, "build")
                ),
            },
            took.as_secs_f64()
        ));
        for hint in hints(&report.findings) {
            say("");
            say(&format!("hint: {hint}"));
        }
    }
    match report.findings.is_empty() && unsigned.is_empty() {
        true => Ok(()),
        false => Err(Failure::Reported(1)),
    }
}

/// The remedy for each kind of finding.
const REMEDIES: [(Remedy, &str, &str); 3] = [
    (
        Remedy::PersistAgain,
        "persist-again",
        "persist the files of each build again under its number: that stores again what is missing or damaged; \
         `baton prune --drop-damaged` gives up builds whose files are gone, `baton remove` gives up one",
    ),
    (
        Remedy::Prune,
        "prune",
        "`baton prune` writes a new list of what is condemned",
    ),
    (
        Remedy::MoveAgain,
        "move-again",
        "`baton rollback CHANNEL --to SELECTOR` points a channel to a build again, if its last move is damaged; an older one \
         is lost, and `baton prune --drop-damaged` gives up the moves before it",
    ),
];

fn hints(findings: &[Finding]) -> impl Iterator<Item = &'static str> {
    let is_found = |remedy: Remedy| findings.iter().any(|finding| finding.remedy == remedy);
    REMEDIES
        .iter()
        .filter(move |(remedy, ..)| is_found(*remedy))
        .map(|(.., hint)| *hint)
}

/// The subject of a run: the first word of its result.
#[derive(Clone, Copy)]
enum Checked {
    Build,
    Workspace,
    Store,
}

impl Checked {
    fn of(selector: Option<&str>) -> Checked {
        match selector {
            None => Checked::Store,
            Some(selector) if selector == "workspace" || selector.starts_with("workflow:") => {
                Checked::Workspace
            }
            Some(_) => Checked::Build,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Checked::Build => "build",
            Checked::Workspace => "workspace",
            Checked::Store => "store",
        }
    }

    fn verb(self) -> &'static str {
        match self {
            Checked::Build => "verifying the build",
            Checked::Workspace => "verifying the workspace",
            Checked::Store => "verifying the store",
        }
    }
}

/// Whether nothing here names one build: neither an option nor the branch that is checked out. Then the whole store is
/// meant, unless it is CircleCI's, which is only looked up job by job.
fn names_no_build(settings: &Settings, look_up: &LookUpArgs) -> Result<bool, Failure> {
    let LookUpArgs {
        name,
        job,
        context,
        from_env,
    } = look_up;
    if name.is_some()
        || !job.is_empty()
        || context.values.get(Field::Workspace).is_some()
        || from_env.is_some()
        || settings.store.is_circleci()
    {
        return Ok(false);
    }
    let context = settings.look_up_context(&context.values)?;
    Ok(context.project.is_none() || context.branch.is_none())
}

fn print_finding(finding: &Finding) {
    let damage = &finding.damage;
    print(&format!("{}: {}", damage.key, damage.message));
    if !damage.expected.is_empty() {
        print(&format!("  expected {}", damage.expected));
    }
    if !damage.found.is_empty() {
        print(&format!("  found    {}", damage.found));
    }
    let name = |build: &Build| format!("{} of {}", named(build), build.artifact);
    for build in finding.builds.iter().take(NAMED_MAX) {
        print(&format!("  hurts    {}", name(build)));
    }
    if let Some(more) = finding
        .hurts
        .checked_sub(NAMED_MAX as u64)
        .filter(|more| *more > 0)
    {
        print(&format!("  and {} more", several(more, "build")));
    }
}

fn finding(finding: &Finding) -> json::Finding {
    let remedy = REMEDIES.iter().find(|(remedy, ..)| *remedy == finding.remedy);
    json::Finding {
        builds: json::builds(&finding.builds),
        expected: finding.damage.expected.clone(),
        found: finding.damage.found.clone(),
        hurts: finding.hurts,
        key: finding.damage.key.clone(),
        message: finding.damage.message.clone(),
        remedy: remedy.map(|(_, name, _)| *name),
    }
}
