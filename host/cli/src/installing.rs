//! `baton completions` and `baton man`: what a package installs beside the binary. Both read only the grammar of the command
//! line.

use std::path::Path;

use anyhow::{Context as _, anyhow};
use clap::CommandFactory as _;

use super::args::{Cli, Completions, Man};
use super::failure::Failure;
use super::sink::{note, print_lines};

pub(crate) fn completions(args: &Completions) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "baton", &mut script);
    print_lines(&String::from_utf8_lossy(&script));
    Ok(())
}

pub(crate) fn man(args: &Man) -> Result<(), Failure> {
    let root = root();
    if let Some(dir) = &args.dir {
        return write_all(&root, dir);
    }
    let mut command = &root;
    for name in &args.command {
        command = command
            .find_subcommand(name)
            .ok_or_else(|| anyhow!("baton has no command {}", args.command.join(" ")))?;
    }
    print_lines(&String::from_utf8_lossy(&page(command)?));
    Ok(())
}

/// Returns the grammar, in which each command has the name of its page: `baton-persist`.
fn root() -> clap::Command {
    let mut root = Cli::command();
    root.build();
    root.disable_help_subcommand(true)
}

fn page(command: &clap::Command) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone())
        .render(&mut page)
        .context("cannot render the man page")?;
    Ok(page)
}

fn write_all(root: &clap::Command, dir: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(dir).with_context(|| format!("cannot create the directory {}", dir.display()))?;
    let mut waiting = vec![root];
    let mut count = 0;
    while let Some(command) = waiting.pop() {
        let name = command.get_display_name().unwrap_or(command.get_name());
        let file = dir.join(format!("{name}.1"));
        std::fs::write(&file, page(command)?).with_context(|| format!("cannot write {}", file.display()))?;
        waiting.extend(command.get_subcommands().filter(|sub| sub.get_name() != "help"));
        count += 1;
    }
    note(&format!("wrote {count} man pages to {}", dir.display()));
    Ok(())
}
