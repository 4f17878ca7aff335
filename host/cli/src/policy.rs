//! `baton policy`: what a command would be granted.

use std::path::Path;

use baton_host::{Access, GrantSet, NetworkAccess, Operation};
use clap::Parser;

use super::args::{Cli, Command, Format, Global, Policy};
use super::failure::Failure;
use super::json;
use super::settings::Settings;
use super::sink::{print, print_json, say};

/// The access to one kind of thing.
struct Grant {
    kind: &'static str,
    /// Absent: none.
    access: Option<String>,
    place: String,
}

impl Grant {
    fn access(&self) -> &str {
        self.access.as_deref().unwrap_or("none")
    }
}

pub(crate) fn run(outer: Global, args: &Policy) -> Result<(), Failure> {
    let words = std::iter::once("baton").chain(args.command.iter().map(String::as_str));
    // A usage error of the command is a usage error of this one.
    let cli = Cli::try_parse_from(words)?;
    let settings = &Settings::read(&cli.global.or(outer))?;
    let grants = grants(settings, &cli.command);
    let limits = &settings.options;
    match settings.format {
        Format::Json => {
            let shown = |it: &Grant| json::Grant {
                access: it.access().to_owned(),
                place: it.place.clone(),
                what: it.kind,
            };
            print_json(&json::Policy {
                grants: grants.iter().map(shown).collect(),
                limits: json::Limits {
                    call_seconds_max: limits.call_time_max.as_secs(),
                    handles_max: limits.handles_max,
                    memory_bytes_max: limits.memory_bytes_max,
                    workers: limits.workers,
                },
            });
        }
        Format::Text => {
            for grant in grants {
                print(&format!(
                    "{:12} {:10} {}",
                    grant.kind,
                    grant.access(),
                    grant.place
                ));
            }
            let (memory_mib, seconds) = (limits.memory_bytes_max >> 20, limits.call_time_max.as_secs());
            print(&format!(
                "limits       {} workers, each {memory_mib} MiB of memory, {} open files, {seconds} s a step",
                limits.workers, limits.handles_max
            ));
        }
    }
    Ok(())
}

/// Tells who runs another component than the built-in one what it is granted. Nobody has reviewed it with this host.
pub(crate) fn tell(settings: &Settings, command: &Command) {
    let component = &settings.options.component;
    let (Some(file), false) = (component.path(), operations(command).is_empty()) else {
        return;
    };
    let granted: Vec<String> = grants(settings, command)
        .into_iter()
        .filter(|grant| grant.access.is_some())
        .map(|grant| format!("{} {} ({})", grant.kind, grant.place, grant.access()))
        .collect();
    say(&format!(
        "warning: the component {} runs in place of the built-in one: it makes all decisions, and may use {}",
        file.display(),
        match granted.is_empty() {
            true => "nothing".to_owned(),
            false => granted.join("; "),
        }
    ));
}

/// Returns the operations that a command may ask the component for. Those of `baton local` are the steps of its jobs that
/// persist to a workspace and attach one; the steps themselves are not in the sandbox.
fn operations(command: &Command) -> Vec<Operation> {
    match command {
        Command::Persist(args) if args.dry_run => vec![Operation::Persist { dry_run: true }],
        Command::Persist(_) => vec![Operation::Persist { dry_run: false }, Operation::Sign],
        Command::Attach(args) => vec![Operation::Attach {
            dry_run: args.dry_run,
        }],
        Command::Latest(args) if args.command.is_some() => vec![Operation::SetLatest],
        Command::Latest(_)
        | Command::Builds(_)
        | Command::Artifacts(_)
        | Command::Channels(_)
        | Command::Show(_)
        | Command::Diff(_)
        | Command::History(_)
        | Command::Doctor => vec![Operation::LookUp],
        Command::Verify(_) => vec![Operation::Verify],
        Command::Prune(args) if args.dry_run => vec![Operation::PlanRemoval],
        Command::Remove(args) if args.dry_run => vec![Operation::PlanRemoval],
        Command::Prune(_) | Command::Remove(_) => vec![Operation::PlanRemoval, Operation::Remove],
        Command::Promote(_) | Command::Rollback(_) | Command::Release(_) => vec![Operation::Move],
        Command::Local(_) => vec![
            Operation::Persist { dry_run: false },
            Operation::Attach { dry_run: false },
        ],
        Command::Policy(_) | Command::Component(_) | Command::Completions(_) | Command::Man(_) => Vec::new(),
    }
}

/// Returns the most that an instance of the component gets in any of these operations.
fn union(operations: &[Operation]) -> GrantSet {
    let none = GrantSet {
        directory: None,
        store: None,
        network: None,
    };
    operations
        .iter()
        .map(|operation| operation.grants())
        .fold(none, |all, one| GrantSet {
            directory: match (all.directory, one.directory) {
                (Some(Access::Write), _) | (_, None) => all.directory,
                (_, wider) => wider,
            },
            store: match (all.store, one.store) {
                (Some(wider), Some(access)) if wider.includes(access) => all.store,
                (_, None) => all.store,
                (_, wider) => wider,
            },
            network: all.network.max(one.network),
        })
}

fn grants(settings: &Settings, command: &Command) -> Vec<Grant> {
    let granted = union(&operations(command));
    let place = |path: &Path| {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        absolute.display().to_string()
    };
    let (directory, store) = match command {
        Command::Persist(args) => (place(&args.root), settings.store.location.to_string()),
        Command::Attach(args) => (place(&args.at), settings.store.location.to_string()),
        Command::Local(_) => (
            "what the steps of the workspace name".to_owned(),
            "the workspaces of the runs".to_owned(),
        ),
        _ => (String::new(), settings.store.location.to_string()),
    };
    // Other stores than CircleCI's artifacts need no server but the store's, which the host asks.
    let asks = settings.store.is_circleci() || granted.network == Some(NetworkAccess::SetVariable);
    let network = granted.network.filter(|_| asks).map(|access| {
        let servers = settings.store.circleci().and_then(|it| Ok(it.servers()?));
        match servers {
            Ok(servers) => {
                let servers = servers.join(", ");
                (
                    Some(access.to_string()),
                    format!("{servers}, and where a redirect of theirs leads, once"),
                )
            }
            Err(failure) => (None, failure.shown().message),
        }
    });
    let (network, servers) = network.unwrap_or_default();
    let grant = |kind, access: Option<String>, place: String| Grant {
        kind,
        place: if access.is_some() || kind == "network" {
            place
        } else {
            String::new()
        },
        access,
    };
    vec![
        grant("directory", granted.directory.map(|it| it.to_string()), directory),
        grant("store", granted.store.map(|it| it.to_string()), store),
        grant("network", network, servers),
        grant("environment", None, String::new()),
        grant("secrets", None, String::new()),
    ]
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

    use clap::CommandFactory;

    use super::*;

    /// Each command, and its variants that are granted something else. The rows of the table are in this order.
    const COMMANDS: [&str; 25] = [
        "persist dist",
        "persist dist --dry-run",
        "attach --at out",
        "attach --at out --dry-run",
        "latest",
        "builds",
        "artifacts",
        "channels",
        "show latest",
        "diff latest latest",
        "history production",
        "verify latest",
        "doctor",
        "prune --keep-last 1 --dry-run",
        "remove build:1 --dry-run",
        "promote latest production",
        "rollback production",
        "release production",
        "prune --keep-last 1",
        "remove build:1",
        "latest set",
        "policy latest",
        "component",
        "completions bash",
        "man",
    ];

    fn parsed(words: &str) -> Command {
        let words = std::iter::once("baton").chain(words.split(' '));
        Cli::try_parse_from(words)
            .unwrap_or_else(|error| panic!("{error}"))
            .command
    }

    /// Returns the name that the table has for a command: `persist --dry-run`.
    fn shown(words: &str) -> String {
        let names = words.split(' ').enumerate();
        let kept = names.filter(|(at, word)| *at == 0 || matches!(*word, "--dry-run" | "set"));
        let kept: Vec<&str> = kept.map(|(_, word)| word).collect();
        format!("`{}`", kept.join(" "))
    }

    #[test]
    fn the_table_in_architecture_is_what_runs_get() {
        let mut rows: Vec<(GrantSet, Vec<String>)> = Vec::new();
        for words in COMMANDS {
            let granted = union(&operations(&parsed(words)));
            match rows.last_mut() {
                Some((last, names)) if *last == granted => names.push(shown(words)),
                _ => rows.push((granted, vec![shown(words)])),
            }
        }
        let mut table =
            "| command | directory | store | CircleCI's servers |\n|---|---|---|---|\n".to_owned();
        for (granted, names) in rows {
            let text = |access: Option<String>| access.unwrap_or_else(|| "none".to_owned());
            table.push_str(&format!(
                "| {} | {} | {} | {} |\n",
                names.join(", "),
                text(granted.directory.map(|it| it.to_string())),
                text(granted.store.map(|it| it.to_string())),
                text(granted.network.map(|it| it.to_string())),
            ));
        }
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ARCHITECTURE.md");
        let page = std::fs::read_to_string(page).unwrap();
        assert!(page.contains(&table), "ARCHITECTURE.md should have:\n{table}");
    }

    #[test]
    fn every_command_is_in_the_table() {
        // Steps of `baton local` run outside of the sandbox.
        let but = ["local", "help"];
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            let is_listed = COMMANDS.iter().any(|words| words.split(' ').next() == Some(name));
            assert!(is_listed || but.contains(&name), "{name}");
        }
    }
}
