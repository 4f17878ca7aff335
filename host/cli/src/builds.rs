//! `baton builds`, `baton show`: questions about builds.

use baton_host::Baton;
use baton_host::builds::{Build, Counter, Kind, Query, Rank, Resolution, Scope, TreeEntry};

use super::args::{Builds, Format, KeySource, Show};
use super::failure::Failure;
use super::json;
use super::output::{age, counted, files, sized, warn};
use super::settings::{Settings, signing_key};
use super::sink::{note, print, print_json, print_json_text, print_table};

/// Says in a few words what a build is. A job of CircleCI with plain artifacts has no sums.
pub(crate) fn about(build: &Build) -> String {
    let job = build
        .job
        .as_ref()
        .map(|job| format!(" by {}", job))
        .unwrap_or_default();
    if build.tree.is_empty() {
        let ended = match build.created_ms {
            0 => String::new(),
            created_ms => format!(" {}", age(created_ms)),
        };
        return format!("built{job}{ended}");
    }
    format!(
        "{}, {}, persisted{job} {}",
        files(build.files),
        sized(build.bytes),
        age(build.created_ms)
    )
}

pub(crate) fn list(settings: &Settings, args: Builds) -> Result<(), Failure> {
    let Builds {
        commit,
        tag,
        branch,
        limit,
        name,
        job,
        context,
    } = args;
    let context = settings.look_up_context(&context.values)?;
    let mut query = Query::new(context);
    query.scope.name = Some(name);
    query.scope.jobs = job;
    query.branch = branch;
    query.commit = commit;
    query.tag = tag;
    query.limit = limit;
    let builds = settings.reader()?.list(&query)?;
    if settings.format == Format::Json {
        print_json(&json::Builds {
            builds: json::builds(&builds),
        });
        return Ok(());
    }
    if builds.is_empty() {
        note("no build matches");
        return Ok(());
    }
    let mut rows = vec![
        [
            "BUILD",
            "BRANCH",
            "TAG",
            "COMMIT",
            "JOB",
            "FILES",
            "SIZE",
            "PERSISTED",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    for build in &builds {
        let short = |text: &Option<String>, length: usize| {
            text.as_deref().map_or_else(
                || "-".to_owned(),
                |text| text.get(..length).unwrap_or(text).to_owned(),
            )
        };
        let node = build
            .node
            .map(|node| format!(" {}/{}", node.index, node.total))
            .unwrap_or_default();
        let mark = if build.eligible || build.branch.is_none() {
            ""
        } else {
            " (not for latest)"
        };
        rows.push(vec![
            build.selector.clone(),
            format!("{}{mark}", short(&build.branch, usize::MAX)),
            short(&build.tag, usize::MAX),
            short(&build.commit, 7),
            format!("{}{node}", short(&build.job, usize::MAX)),
            counted(build.files),
            sized(build.bytes),
            age(build.created_ms),
        ]);
    }
    print_table(&rows);
    Ok(())
}

pub(crate) fn show(settings: &Settings, args: Show, intoto: bool) -> Result<(), Failure> {
    if args.sign.is_some() && !intoto {
        return Err(Failure::usage(
            "--sign needs --format intoto: it signs the statement",
        ));
    }
    let mut scope = settings.scope(args.selector, args.look_up, args.strict.strict)?;
    scope.having = args.having.having;
    let baton = settings.reader()?;
    settings.check_pinned(args.sign.as_ref())?;
    if intoto {
        return print_statements(&baton, &scope, args.sign.as_ref());
    }
    let details = baton.show(&scope)?;
    if settings.format == Format::Json {
        let entries = details.entries.map(|entry| Ok(json::Entry::from(&entry?)));
        let shown = json::Show {
            builds: json::builds(&details.builds),
            entries: json::Rows::new(entries),
            warnings: json::warnings(&details.warnings),
        };
        print_json(&shown);
        shown.entries.end()?;
        return Ok(());
    }
    warn(&details.warnings);
    for build in &details.builds {
        for (field, value) in fields(build) {
            print(&format!("{field:12} {value}"));
        }
        print("");
    }
    for entry in details.entries {
        print(&line(&entry?));
    }
    Ok(())
}

/// Prints a statement a line, for each build that the selector means: as it is, or in an envelope.
fn print_statements(baton: &Baton, scope: &Scope, key: Option<&KeySource>) -> Result<(), Failure> {
    let key = key.map(signing_key).transpose()?;
    let Resolution { builds, warnings, .. } = baton.resolve(scope)?;
    warn(&warnings);
    for build in &builds {
        let statement = baton.statement(build)?;
        let shown = match &key {
            Some(key) => key.sign(&statement),
            None => statement,
        };
        print_json_text(&String::from_utf8_lossy(&shown));
    }
    Ok(())
}

/// Returns what a record says, without what it does not.
fn fields(build: &Build) -> Vec<(&'static str, String)> {
    let node = build.node.map(|node| format!("{} of {}", node.index, node.total));
    let rows = [
        ("build", Some(build.selector.clone())),
        (
            "artifact",
            Some(build.artifact.clone()).filter(|it| !it.is_empty()),
        ),
        ("project", Some(build.project.clone())),
        ("branch", build.branch.clone()),
        ("tag", build.tag.clone()),
        ("commit", build.commit.clone()),
        (
            "order",
            Some(format!("run {}, attempt {}", build.run, build.attempt)),
        ),
        ("counted by", counted_by(build)),
        ("workflow", build.workflow.clone()),
        ("workspace", build.workspace.clone()),
        ("job", build.job.clone()),
        ("node", node),
        (
            "revision",
            (build.revision > 1).then(|| build.revision.to_string()),
        ),
        ("pull request", build.pull_request.clone()),
        (
            "fork",
            build.fork.then(|| "yes: never the latest of a branch".to_owned()),
        ),
        ("runner", Some(build.runner.clone())),
        ("url", build.url.clone()),
        ("actor", build.actor.clone()),
        ("persisted", (build.created_ms > 0).then(|| age(build.created_ms))),
        ("by baton", Some(build.baton.clone()).filter(|it| !it.is_empty())),
        ("component", build.component.clone()),
        ("tree", Some(build.tree.clone()).filter(|it| !it.is_empty())),
        (
            "files",
            // Of plain artifacts, only the paths are known.
            (!build.tree.is_empty()).then(|| format!("{}, {}", counted(build.files), sized(build.bytes))),
        ),
    ];
    rows.into_iter()
        .filter_map(|(field, value)| Some((field, value?)))
        .collect()
}

/// Returns what the order of a build counts by.
fn counted_by(build: &Build) -> Option<String> {
    let Counter {
        rank,
        runner,
        by,
        part,
        ..
    } = &build.counter;
    let what = match rank {
        Rank::Run => "runs",
        Rank::Number => "numbers",
        Rank::Time => return Some("nothing: ordered by its time".to_owned()),
    };
    let by = part.as_ref().unwrap_or(by);
    Some(match by.as_str() {
        "" => format!("{what} of {runner}"),
        by if runner.is_empty() => format!("{what} of {by}"),
        by => format!("{what} of {runner}, {by}"),
    })
}

/// Returns an entry as `ls -l` would have it: kind and bits, size, digest, path.
fn line(entry: &TreeEntry) -> String {
    let letter = match entry.kind {
        Kind::Directory => 'd',
        Kind::Symlink => 'l',
        _ => '-',
    };
    let mut mode = String::from(letter);
    for shift in (0..9).rev() {
        let symbol = ["x", "w", "r"].get(shift % 3).copied().unwrap_or_default();
        let is_set = entry.kind == Kind::Symlink || entry.bits >> shift & 1 == 1;
        mode.push_str(if is_set { symbol } else { "-" });
    }
    let digest = entry.digest.get(..12).unwrap_or("");
    let arrow = if entry.kind == Kind::Symlink {
        format!(" -> {}", entry.target)
    } else {
        String::new()
    };
    format!(
        "{mode} {:>12} {digest:12} {}{arrow}",
        counted(entry.size),
        entry.path
    )
}
