//! What holds for every command: flags, then `BATON_*`, then `baton.toml`, then the defaults. Clap has merged the first
//! two.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use baton::context::{Context, Git, Overrides, Surroundings};
use baton::{
    Baton, BuildContext, CircleCi, Component, Interrupt, MemoryStore, ObjectStore, Options, Scope,
    SigningKey, StoreError, StoreLocation, ToldNumber, VerifyingKey,
};
use serde::Deserialize;

use super::args::{Format, Global, KeySource, LookUpArgs};
use super::failure::Failure;
use super::stores::{Store, StoreArgs};

const CONFIG_NAME: &str = "baton.toml";

/// The file with defaults.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Config {
    store: Option<String>,
    component: Option<PathBuf>,
    workers: Option<usize>,
    memory_mib: Option<usize>,
    timeout_seconds: Option<u64>,
    project: Option<String>,
    default_branch: Option<String>,
    /// What is left: how the store is reached. Any other key is an error.
    #[serde(flatten)]
    reach: toml::Table,
}

/// A way to open the store.
type Open = fn(&Store, &Interrupt) -> Result<Arc<dyn ObjectStore>, StoreError>;

/// What holds for this run.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) format: Format,
    pub(crate) store: Store,
    pub(crate) config_file: Option<PathBuf>,
    pub(crate) options: Options,
    project: Option<String>,
    default_branch: Option<String>,
}

impl Settings {
    pub(crate) fn read(global: &Global) -> Result<Settings, Failure> {
        let (config_file, config, reach) = read_config(global.config.as_deref())?;
        let beside = config_file
            .as_deref()
            .and_then(Path::parent)
            .unwrap_or(Path::new(""));
        let location = match (&global.store, &config.store) {
            (Some(store), _) => Some(StoreLocation::parse(store, Path::new(""))?),
            (None, Some(store)) => Some(StoreLocation::parse(store, beside)?),
            (None, None) => None,
        };
        let reach = global.reach.clone().or(StoreArgs {
            ca_file: reach.ca_file.map(|file| beside.join(file)),
            ..reach
        });
        let mut options = Options::default();
        if let Some(file) = global
            .component
            .clone()
            .or_else(|| config.component.map(|file| beside.join(file)))
        {
            options.component = Component::from_file(&file)?;
        }
        options.workers = at_least_one("workers", global.workers.or(config.workers), options.workers)?;
        let memory_mib = global.memory_mib.or(config.memory_mib);
        options.memory_bytes_max =
            at_least_one("memory-mib", memory_mib, options.memory_bytes_max >> 20)?.saturating_mul(1 << 20);
        let seconds = global.timeout_seconds.or(config.timeout_seconds);
        let seconds = at_least_one("timeout-seconds", seconds, options.call_time_max.as_secs())?;
        options.call_time_max = Duration::from_secs(seconds);
        let store = Store::new(location, reach, options.workers)?;
        Ok(Settings {
            format: global.format.into(),
            store,
            config_file,
            options,
            project: config.project,
            default_branch: config.default_branch,
        })
    }

    /// Opens the store to read from it, and loads the component.
    pub(crate) fn reader(&self) -> Result<Baton, Failure> {
        self.baton(Store::open)
    }

    /// Opens the store to add events to it, and loads the component: a store that is moved in must be there already.
    pub(crate) fn mover(&self) -> Result<Baton, Failure> {
        self.baton(Store::open_to_add)
    }

    /// Opens the store to write to it, made if it is not there, and loads the component.
    pub(crate) fn writer(&self) -> Result<Baton, Failure> {
        self.baton(Store::create)
    }

    /// Opens the store to look what a command would do, and loads the component.
    pub(crate) fn looker(&self) -> Result<Baton, Failure> {
        self.baton(Store::look)
    }

    /// Loads the component on a store, and lets Ctrl-C and the runner's signal end it in order.
    fn baton(&self, open: Open) -> Result<Baton, Failure> {
        let interrupt = Interrupt::default();
        let on_signal = interrupt.clone();
        ctrlc::set_handler(move || on_signal.set()).context("signals cannot be handled")?;
        let store = open(&self.store, &interrupt)?;
        let circleci = self.store.is_circleci().then(|| self.store.circleci());
        self.load(store, interrupt, circleci.transpose()?)
    }

    /// Loads the component to ask CircleCI, whatever the store is: it gets none.
    pub(crate) fn asker(&self, circleci: CircleCi) -> Result<Baton, Failure> {
        let interrupt = Interrupt::default();
        let on_signal = interrupt.clone();
        ctrlc::set_handler(move || on_signal.set()).context("signals cannot be handled")?;
        self.load(Arc::new(MemoryStore::default()), interrupt, Some(circleci))
    }

    fn load(
        &self,
        store: Arc<dyn ObjectStore>,
        interrupt: Interrupt,
        circleci: Option<CircleCi>,
    ) -> Result<Baton, Failure> {
        Ok(Baton::new(
            store,
            Options {
                interrupt,
                circleci,
                on_wait: Some(super::progress::say_that_it_waits()),
                ..self.options.clone()
            },
        )?)
    }

    /// Finds which build this is, to persist it.
    pub(crate) fn context(&self, overrides: &Overrides) -> Result<Context, Failure> {
        self.detect(overrides, |found| {
            found.commit.is_some() && found.default_branch.is_some()
        })
    }

    /// Finds which build asks, to look another one up.
    pub(crate) fn look_up_context(&self, overrides: &Overrides) -> Result<BuildContext, Failure> {
        Ok(self.detect(overrides, |_| true)?.into())
    }

    /// Asks git only where the runner and the flags do not suffice: that takes longer than all the rest.
    fn detect(&self, overrides: &Overrides, suffices: impl Fn(&Context) -> bool) -> Result<Context, Failure> {
        let mut variables: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        // The file's values stand where a variable could, but below it.
        for (name, value) in [
            ("BATON_PROJECT", &self.project),
            ("BATON_DEFAULT_BRANCH", &self.default_branch),
        ] {
            if let Some(value) = value {
                variables.entry(name.to_owned()).or_insert_with(|| value.clone());
            }
        }
        let event = variables
            .get("GITHUB_EVENT_PATH")
            .and_then(|path| std::fs::read_to_string(path).ok());
        let surroundings = Surroundings {
            variables,
            event,
            git: Git::none(),
        };
        let found = Context::detect(&surroundings, overrides)?;
        let known = found.project.is_some() && (found.branch.is_some() || found.tag.is_some());
        if known && suffices(&found) {
            return Ok(found);
        }
        let git = Git::read(Path::new("."));
        Ok(Context::detect(&Surroundings { git, ..surroundings }, overrides)?)
    }

    /// Returns the scope of a look-up.
    pub(crate) fn scope(&self, selector: String, args: LookUpArgs, strict: bool) -> Result<Scope, Failure> {
        let LookUpArgs {
            name,
            job,
            project,
            branch,
            workspace,
            from_env,
        } = args;
        let overrides = Overrides {
            project,
            branch,
            workspace,
            ..Overrides::default()
        };
        let context = self.look_up_context(&overrides)?;
        let circleci = match &self.store.location {
            StoreLocation::CircleCi(slug) => {
                let told = from_env.as_deref().map(told).transpose()?;
                let project = project_slug(slug.as_ref(), &context)?;
                Some(self.store.circleci()?.source(&project, told))
            }
            _ if from_env.is_some() => {
                return Err(anyhow!(
                    "--from-env is for --store circleci: any other store knows what is the latest"
                )
                .into());
            }
            _ => None,
        };
        Ok(Scope {
            name,
            jobs: job,
            strict,
            circleci,
            ..baton::request::scope(&selector, context)
        })
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
    let value = std::env::var(variable).map_err(|_| {
        anyhow!(
            "{variable} is not set, so it does not say which build is the latest: `baton latest set` sets it"
        )
    })?;
    let number = value
        .trim()
        .parse()
        .map_err(|_| anyhow!("{variable} is {value:?}, and should be the number of a build"))?;
    Ok(ToldNumber {
        variable: variable.to_owned(),
        number,
    })
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
    if matches!(source, KeySource::File(path) if path.as_os_str().is_empty()) {
        return Err(anyhow!(
            "the name of a key is empty: give a PEM file, or env: and the name of a variable"
        )
        .into());
    }
    let text = match source {
        KeySource::File(path) => std::fs::read_to_string(path).with_context(|| unusable(source))?,
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

fn read_config(named: Option<&Path>) -> Result<(Option<PathBuf>, Config, StoreArgs), Failure> {
    let found = match named {
        Some(file) => Some(file.to_owned()),
        None => {
            let here = std::env::current_dir().context("the current directory cannot be found")?;
            here.ancestors()
                .map(|dir| dir.join(CONFIG_NAME))
                .find(|file| file.is_file())
        }
    };
    let Some(file) = found else {
        return Ok((None, Config::default(), StoreArgs::default()));
    };
    let text =
        std::fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
    let wrong = || format!("{} is not as it should be", file.display());
    let config: Config = toml::from_str(&text).with_context(wrong)?;
    let reach = config.reach.clone().try_into().with_context(wrong)?;
    Ok((Some(file), config, reach))
}

fn at_least_one<N: PartialEq + From<u8>>(name: &str, value: Option<N>, default: N) -> Result<N, Failure> {
    match value {
        Some(value) if value == N::from(0) => Err(anyhow!("{name} must be at least 1").into()),
        Some(value) => Ok(value),
        None => Ok(default),
    }
}
