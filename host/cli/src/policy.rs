//! `baton policy`: what a command would be granted.

use clap::Parser;
use serde_json::json;

use super::args::{Cli, Command, Format, Global, Policy};
use super::failure::Failure;
use super::settings::Settings;
use super::sink::{print, print_json, say};

/// What the component gets of one kind.
struct Grant {
    what: &'static str,
    access: &'static str,
    place: String,
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
            let shown = |it: &Grant| json!({ "what": it.what, "access": it.access, "place": it.place });
            print_json(&json!({
                "grants": grants.iter().map(shown).collect::<serde_json::Value>(),
                "limits": {
                    "workers": limits.workers,
                    "memory_bytes_max": limits.memory_bytes_max,
                    "call_seconds_max": limits.call_time_max.as_secs(),
                    "handles_max": limits.handles_max,
                },
            }));
        }
        Format::Text => {
            for Grant { what, access, place } in grants {
                print(&format!("{what:12} {access:10} {place}"));
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
    let (Some(file), false) = (component.path(), is_idle(command)) else {
        return;
    };
    let granted: Vec<String> = grants(settings, command)
        .into_iter()
        .filter(|grant| grant.access != "none")
        .map(|Grant { what, access, place }| format!("{what} {place} ({access})"))
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

/// Whether a command runs no component.
fn is_idle(command: &Command) -> bool {
    matches!(command, Command::Policy(_) | Command::Component)
}

fn grants(settings: &Settings, command: &Command) -> Vec<Grant> {
    let directory = |access, place: &std::path::Path| Grant {
        what: "directory",
        access,
        place: std::path::absolute(place)
            .unwrap_or_else(|_| place.to_owned())
            .display()
            .to_string(),
    };
    let none = |what| Grant {
        what,
        access: "none",
        place: String::new(),
    };
    let store = |access| Grant {
        what: "store",
        access,
        place: settings.store.location.to_string(),
    };
    let network = || match settings.store.circleci().and_then(|it| Ok(it.servers()?)) {
        Ok(servers) => Grant {
            what: "network",
            access: "ask",
            place: format!(
                "{}, and where a redirect of theirs leads, once",
                servers.join(", ")
            ),
        },
        Err(failure) => Grant {
            what: "network",
            access: "none",
            place: failure.shown().message,
        },
    };
    let sets = matches!(command, Command::Latest(args) if args.command.is_some());
    let asks = sets || settings.store.is_circleci();
    let mut grants = match command {
        Command::Latest(_) if sets => vec![none("directory"), none("store")],
        Command::Persist(args) if args.dry_run => vec![directory("read", &args.root), store("read")],
        Command::Persist(args) => vec![directory("read", &args.root), store("read, create, repair")],
        Command::Attach(args) if args.dry_run => vec![directory("read", &args.at), store("read")],
        Command::Attach(args) => vec![directory("read, write", &args.at), store("read")],
        Command::Latest(_)
        | Command::Builds(_)
        | Command::Artifacts(_)
        | Command::Channels(_)
        | Command::Show(_)
        | Command::Diff(_)
        | Command::History(_)
        | Command::Verify(_)
        | Command::Doctor => vec![none("directory"), store("read")],
        Command::Prune(args) if args.dry_run => vec![none("directory"), store("read")],
        Command::Remove(args) if args.dry_run => vec![none("directory"), store("read")],
        Command::Prune(_) | Command::Remove(_) => vec![none("directory"), store("read, create, delete")],
        Command::Promote(_) | Command::Rollback(_) | Command::Release(_) => {
            vec![none("directory"), store("read, create")]
        }
        // Of the steps themselves nothing is in the sandbox.
        Command::Local(_) => vec![
            Grant {
                what: "directory",
                access: "read, write",
                place: "what the steps of the workspace name".to_owned(),
            },
            Grant {
                what: "store",
                access: "read, create, repair",
                place: "the workspaces of the runs".to_owned(),
            },
        ],
        Command::Policy(_) | Command::Component => vec![none("directory"), none("store")],
    };
    grants.push(if asks && !is_idle(command) {
        network()
    } else {
        none("network")
    });
    grants.extend(["environment", "secrets"].map(none));
    grants
}
