//! The settings of every command: flags, then `BATON_*`, then `baton.toml`, then the defaults. Clap has merged the first
//! two.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use baton_host::builds::{BuildContext, Scope};
use baton_host::circleci::ToldNumber;
use baton_host::context::{Context, Field, FieldValues, Git, Inputs, Provenance, Row, Runner};
use baton_host::store::{StoreError, StoreLocation};
use baton_host::{
    Baton, CircleCi, Component, Interrupt, MemoryStore, ObjectStore, Options, Problem, SigningKey,
    VerifyingKey,
};

use super::args::{
    Format, Global, KeySource, LookUpArgs, MEMORY_MIB_MAX, SECONDS_MAX, StoreArgs, WORKERS_MAX,
};
use super::config::Config;
use super::failure::Failure;
use super::signals;
use super::sink::{Level, detail, say, shows};
use super::stores::{self, Store};
use super::traced::Traced;

/// A key in PEM has a few hundred bytes.
const KEY_BYTES_MAX: u64 = 64 << 10;
/// GitHub's events have at most 25 MB.
const EVENT_BYTES_MAX: u64 = 64 << 20;

/// A way to open the store.
type Open = fn(&Store, &Interrupt) -> Result<Arc<dyn ObjectStore>, StoreError>;

/// The settings of this run.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) format: Format,
    pub(crate) store: Store,
    pub(crate) config_file: Option<PathBuf>,
    pub(crate) options: Options,
    project: Option<String>,
    /// Whether the project is from a file that nobody named: then runner and git go before it.
    project_is_last: bool,
    default_branch: Option<String>,
    /// Whether nobody named a store, so that it is in the user's data directory.
    is_default_store: bool,
    /// Why git named no branch, where it was asked.
    git_said: Arc<OnceLock<String>>,
    /// Whether a warning that the event file cannot be read was printed.
    event_said: Arc<OnceLock<()>>,
    /// Whether the context was printed.
    context_said: Arc<OnceLock<()>>,
}

impl Settings {
    pub(crate) fn read(global: &Global) -> Result<Settings, Failure> {
        let config = Config::read(global.config.as_deref())?;
        let (location, reach) = place(global, &config)?;
        let said = &config.said;
        let mut options = Options::default();
        options.home = etcetera::home_dir().ok();
        // The orb keeps a store for CircleCI's own step there, and its state.
        options.reserved = options.home.iter().map(|home| home.join(".baton")).collect();
        if let Some(file) = global.component.clone().or(said.component.clone()) {
            options.component = Component::from_file(&file)?;
        }
        let workers = global.workers.or(said.workers);
        options.workers = within("workers", workers, options.workers, WORKERS_MAX)?;
        let memory_mib = global.memory_mib.or(said.memory_mib);
        let memory_mib = within(
            "memory-mib",
            memory_mib,
            options.memory_bytes_max >> 20,
            MEMORY_MIB_MAX,
        )?;
        options.memory_bytes_max = memory_mib << 20;
        options.scratch_dir = std::env::temp_dir();
        let seconds = global.timeout_seconds.or(said.timeout_seconds);
        let seconds = within(
            "timeout-seconds",
            seconds,
            options.call_time_max.as_secs(),
            SECONDS_MAX,
        )?;
        options.call_time_max = Duration::from_secs(seconds);
        let is_default_store = location.is_none();
        let store = Store::new(location, reach, options.workers)?;
        tell(global, &config, &options, &store);
        Ok(Settings {
            format: global.format.into(),
            store,
            config_file: config.file,
            options,
            project: config.said.project,
            project_is_last: !config.is_named,
            default_branch: config.said.default_branch,
            is_default_store,
            git_said: Arc::default(),
            event_said: Arc::default(),
            context_said: Arc::default(),
        })
    }

    /// Opens the store to read from it, and loads the component.
    pub(crate) fn reader(&self) -> Result<Baton, Failure> {
        self.baton(Store::open)
    }

    /// Opens the store to add events to it, and loads the component: the store must exist.
    pub(crate) fn mover(&self) -> Result<Baton, Failure> {
        self.baton(Store::open_to_add)
    }

    /// Opens the store to write to it, creates it if it is missing, and loads the component.
    pub(crate) fn writer(&self) -> Result<Baton, Failure> {
        self.baton(Store::create)
    }

    /// Opens the store to look what a command would do, and loads the component.
    pub(crate) fn looker(&self) -> Result<Baton, Failure> {
        self.baton(Store::look)
    }

    /// Loads the component on a store, and lets Ctrl-C and the runner's signal end it in order.
    fn baton(&self, open: Open) -> Result<Baton, Failure> {
        let interrupt = signals::interrupt()?;
        let store = open(&self.store, &interrupt)?;
        let circleci = self.store.is_circleci().then(|| self.store.circleci());
        self.load(store, interrupt, circleci.transpose()?)
    }

    /// Returns how CircleCI is reached, whatever the store is.
    pub(crate) fn circleci(&self) -> Result<CircleCi, Failure> {
        self.store.circleci()
    }

    /// Loads the component to ask CircleCI, whatever the store is: it gets none.
    pub(crate) fn asker(&self, circleci: CircleCi) -> Result<Baton, Failure> {
        let interrupt = signals::interrupt()?;
        self.load(Arc::new(MemoryStore::default()), interrupt, Some(circleci))
    }

    fn load(
        &self,
        store: Arc<dyn ObjectStore>,
        interrupt: Interrupt,
        circleci: Option<CircleCi>,
    ) -> Result<Baton, Failure> {
        let store: Arc<dyn ObjectStore> = match shows(Level::Verbose) {
            true => Arc::new(Traced::new(store)),
            false => store,
        };
        let mut options = self.options.clone();
        options.interrupt = interrupt;
        options.circleci = circleci;
        options.on_wait = Some(super::progress::say_that_it_waits());
        Ok(Baton::new(store, options)?)
    }

    /// Finds which build this is, to persist it.
    pub(crate) fn context(&self, flags: &FieldValues) -> Result<Context, Failure> {
        self.detect(flags, |found| {
            found.has(Field::Commit) && found.has(Field::DefaultBranch)
        })
    }

    /// Finds which build asks, to look another one up.
    pub(crate) fn look_up_context(&self, flags: &FieldValues) -> Result<BuildContext, Failure> {
        Ok(self.detect(flags, |_| true)?.into())
    }

    fn detect(&self, flags: &FieldValues, suffices: impl Fn(&Context) -> bool) -> Result<Context, Failure> {
        let context = self.detected(flags, suffices)?;
        if self.context_said.set(()).is_ok() {
            for Row {
                name,
                value,
                provenance,
            } in context.rows()
            {
                if let (Some(value), Some(provenance)) = (value, provenance) {
                    detail(|| format!("context: {name} is {value} (from {provenance})"));
                }
            }
        }
        Ok(context)
    }

    /// Asks git only where the runner and the flags do not suffice: that takes longer than all the rest.
    fn detected(&self, flags: &FieldValues, suffices: impl Fn(&Context) -> bool) -> Result<Context, Failure> {
        let (event, unreadable) = event();
        let project = self.project.clone().filter(|_| !self.project_is_last);
        let inputs = Inputs {
            event,
            config: FieldValues::default()
                .with(Field::Project, project)
                .with(Field::DefaultBranch, self.default_branch.clone()),
            ..Inputs::from_variables(std::env::vars_os())
        };
        let found = Context::detect(&inputs, flags)?;
        if let Some(why) = unreadable.filter(|_| found.runner.value == Runner::GithubActions) {
            self.say_unreadable(&why);
        }
        let known = found.has(Field::Project) && (found.has(Field::Branch) || found.has(Field::Tag));
        if known && suffices(&found) {
            self.say_other_project(&found);
            return Ok(found);
        }
        let git = Git::read(Path::new("."));
        detail(|| "context: git was asked for what the runner and the options do not say".to_owned());
        if let Some(why) = git.why_no_branch() {
            // Several looks at one place say the same.
            let _ = self.git_said.set(why);
        }
        let mut inputs = Inputs { git, ..inputs };
        let found = Context::detect(&inputs, flags)?;
        let last = self.project.as_ref().filter(|_| self.project_is_last);
        match (last, found.text(Field::Project)) {
            // A directory's name says less than a file.
            (Some(last), named) if named.is_none_or(|name| name.starts_with("local/")) => {
                inputs.config = inputs.config.with(Field::Project, Some(last.clone()));
                Ok(Context::detect(&inputs, flags)?)
            }
            _ => {
                self.say_other_project(&found);
                Ok(found)
            }
        }
    }

    /// Warns, once, that the event file cannot be read: what may be for a pull request then counts as a fork's.
    fn say_unreadable(&self, why: &str) {
        if self.event_said.set(()).is_ok() {
            say(&format!(
                "warning: cannot read the event file that GITHUB_EVENT_PATH names, so the default branch is unknown, and a build \
                 that may be for a pull request counts as a fork's: {why}"
            ));
        }
    }

    /// Warns where a file that nobody named says another project than the one that is used.
    fn say_other_project(&self, found: &Context) {
        let (Some(project), Some(used)) = (&self.project, found.get(Field::Project)) else {
            return;
        };
        let value = used.value.to_string();
        if self.project_is_last && *project != value {
            say(&format!(
                "warning: baton.toml names the project {}, and this is {} (from {}), which is used",
                project, value, used.provenance
            ));
        }
    }

    /// Returns a warning where a CI system runs this and nobody named a store: the machine, and the default store with it,
    /// may be gone after the job.
    pub(crate) fn warn_of_store(&self, context: &Context) -> Option<Problem> {
        let unknown_ci = || {
            let says_yes = |value: OsString| !["", "0", "false"].iter().any(|no| value == *no);
            context.runner.provenance == Provenance::Default && std::env::var_os("CI").is_some_and(says_yes)
        };
        let is_ci = context.runner.value != Runner::None || unknown_ci();
        let message = "no store is named with --store or BATON_STORE, so the files are kept on this machine, \
                       which a CI system may discard after the job";
        (self.is_default_store && is_ci)
            .then(|| Problem::new("store-of-this-machine", message).about(self.store.location.to_string()))
    }

    /// Returns why git named no branch, where it was asked and did not.
    pub(crate) fn git_said(&self) -> Option<&str> {
        self.git_said.get().map(String::as_str)
    }

    /// Returns the scope of a look-up.
    pub(crate) fn scope(&self, selector: String, args: LookUpArgs, strict: bool) -> Result<Scope, Failure> {
        let LookUpArgs {
            name,
            job,
            context,
            from_env,
        } = args;
        let context = self.look_up_context(&context.values)?;
        let circleci = match &self.store.location {
            StoreLocation::CircleCi(slug) => {
                let told = from_env.as_deref().map(told).transpose()?;
                let project = project_slug(slug.as_ref(), &context)?;
                Some(self.store.circleci()?.source(&project, told))
            }
            _ if from_env.is_some() => {
                return Err(Failure::usage(
                    "--from-env is for --store circleci: any other store knows what is the latest",
                ));
            }
            _ => None,
        };
        let mut scope = Scope::new(&selector, context);
        scope.name = name;
        scope.jobs = job;
        scope.strict = strict;
        scope.circleci = circleci;
        Ok(scope)
    }
}

/// Prints with `--verbose` which configuration file, store and component are used, and who named the store.
fn tell(global: &Global, config: &Config, options: &Options, store: &Store) {
    detail(|| match &config.file {
        Some(file) => format!("config: {}", file.display()),
        None => "config: no baton.toml".to_owned(),
    });
    detail(|| {
        let source = match (&global.store, &config.said.store) {
            (Some(_), _) => "--store or BATON_STORE",
            (None, Some(_)) => "the config",
            (None, None) => "the default",
        };
        format!("store: {} (from {source})", store.location)
    });
    detail(|| match options.component.path() {
        Some(file) => format!("component: {}", file.display()),
        None => "component: built in".to_owned(),
    });
    detail(|| {
        format!(
            "limits: {} workers, {} MiB of memory each, {} s for each step",
            options.workers,
            options.memory_bytes_max >> 20,
            options.call_time_max.as_secs()
        )
    });
}

/// Returns the text of GitHub's event file, or why it cannot be read.
fn event() -> (Option<String>, Option<String>) {
    let Some(path) = std::env::var_os("GITHUB_EVENT_PATH").filter(|path| !path.is_empty()) else {
        return (None, None);
    };
    let path = Path::new(&path);
    match baton_host::files::read_text(path, EVENT_BYTES_MAX) {
        Ok(text) => (Some(text), None),
        Err(error) => (None, Some(format!("{}: {error}", path.display()))),
    }
}

/// Returns the slug of the project of CircleCI: the one that was named, or that of the runner.
pub(crate) fn project_slug(named: Option<&String>, context: &BuildContext) -> Result<String, Failure> {
    named.or(context.project.as_ref()).cloned().ok_or_else(|| {
        anyhow!("it is not known which project of CircleCI this is: name it as in --store circleci:gh/OWNER/REPOSITORY")
            .into()
    })
}

/// Reads the number that a variable says is the latest.
fn told(variable: &str) -> Result<ToldNumber, Failure> {
    let value = stores::variable(variable)?.ok_or_else(|| {
        anyhow!(
            "{variable} is not set, so it does not say which build is the latest: `baton latest set` sets it"
        )
    })?;
    let number = value
        .trim()
        .parse()
        .map_err(|_| anyhow!("{variable} is {value:?}, and should be the number of a build"))?;
    Ok(ToldNumber::new(variable, number))
}

impl Settings {
    /// Refuses another component than the built-in one if a signature is created or required. A component reads the files
    /// that are signed, and checks those that are attached: another one could lie about both.
    pub(crate) fn check_pinned(&self, key: Option<&KeySource>) -> Result<(), Failure> {
        let is_pinned = self.options.component.digest() == Component::embedded().digest();
        match key {
            Some(_) if !is_pinned => Err(anyhow!(
                "signatures are created and checked with the built-in component only, and --component names another: it could read or attach other files than it says"
            )
            .into()),
            _ => Ok(()),
        }
    }
}

/// Reads the key that signs.
pub(crate) fn signing_key(source: &KeySource) -> Result<SigningKey, Failure> {
    let pem = key_text(source)?;
    let key = SigningKey::from_pem(&pem).with_context(|| unusable(source))?;
    Ok(key)
}

/// Reads the key that checks signatures.
pub(crate) fn verifying_key(source: &KeySource) -> Result<VerifyingKey, Failure> {
    let pem = key_text(source)?;
    let key = VerifyingKey::from_pem(&pem).with_context(|| unusable(source))?;
    Ok(key)
}

fn key_text(source: &KeySource) -> Result<String, Failure> {
    let text = match source {
        KeySource::File(path) => {
            baton_host::files::read_text(path, KEY_BYTES_MAX).with_context(|| unusable(source))?
        }
        KeySource::Variable(name) => std::env::var(name).with_context(|| unusable(source))?,
    };
    Ok(text)
}

fn unusable(source: &KeySource) -> String {
    match source {
        KeySource::File(path) => format!("the key in {} cannot be used", path.display()),
        KeySource::Variable(name) => format!("the key in the variable {name} cannot be used"),
    }
}

/// Returns where the store is and how it is reached: both from the flags and variables, or both from the file. The way to
/// one store must not lead to another, and carry its credentials along.
fn place(global: &Global, config: &Config) -> Result<(Option<StoreLocation>, StoreArgs), Failure> {
    let reach = StoreArgs {
        // A limit, and no part of the way.
        store_timeout_seconds: global
            .reach
            .store_timeout_seconds
            .or(config.reach.store_timeout_seconds),
        ..global.reach.clone()
    };
    let (given, written) = (global.reach.keys(), config.reach.keys());
    let shown = |keys: &[&str]| {
        keys.iter()
            .map(|key| format!("`{key}`"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let file = config.file.as_deref().unwrap_or(Path::new("")).display();
    match (&global.store, &config.said.store) {
        (Some(store), Some(_)) => Ok((Some(stores::location(store, Path::new(""))?), reach)),
        (_, None) if !written.is_empty() => Err(anyhow!(
            "{file} sets {} and no `store`: how a store is reached stands where the store is named",
            shown(&written)
        )
        .into()),
        (Some(store), None) => Ok((Some(stores::location(store, Path::new(""))?), reach)),
        (None, Some(_)) if !given.is_empty() => Err(anyhow!(
            "{} is set by a flag or a variable, and the store by {file}: how a store is reached stands where the store is named; name it with --store too, or write all of it into the file",
            shown(&given)
        )
        .into()),
        (None, Some(store)) => Ok((
            Some(stores::location(store, config.beside())?),
            reach.or(config.reach.clone()),
        )),
        (None, None) => Ok((None, reach)),
    }
}

/// Returns a number that has a meaning: from 1 to `max`.
fn within<N: PartialOrd + From<u8> + std::fmt::Display>(
    name: &str,
    value: Option<N>,
    default: N,
    max: N,
) -> Result<N, Failure> {
    match value {
        Some(value) if value < N::from(1) => Err(anyhow!("{name} must be at least 1").into()),
        Some(value) if value > max => Err(anyhow!("{name} must be at most {max}").into()),
        Some(value) => Ok(value),
        None => Ok(default),
    }
}
