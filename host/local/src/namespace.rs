//! Names of a config and of its orbs: which command, job or executor a name means, and from where.

use super::error::{LocalError, Place};
use super::parameters;
use super::pipeline::PipelineValues;
use super::template::Scope;
use super::yaml::Yaml;

/// Orbs within orbs are followed this far.
const ORB_DEPTH_MAX: usize = 8;

/// An orb as a file, for a config that names it in the registry.
#[derive(Debug, Clone)]
pub struct OrbSource {
    /// Its name in the registry without the version, for example `acme/deploy`.
    pub name: String,
    /// The file, for errors.
    pub file: String,
    /// What is in it.
    pub text: String,
}

/// What a name is looked up among.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Commands,
    Jobs,
    Executors,
}

impl Section {
    pub(crate) fn key(self) -> &'static str {
        match self {
            Section::Commands => "commands",
            Section::Jobs => "jobs",
            Section::Executors => "executors",
        }
    }
}

/// A config, or an orb, with the orbs that it uses.
#[derive(Debug)]
pub(crate) struct Namespace {
    /// How the orb is reached from the config: none of these for the config itself.
    pub(crate) path: Vec<String>,
    body: Yaml,
    orbs: Vec<Namespace>,
}

/// What a name means: a command, a job or an executor, and the namespace that it speaks in.
#[derive(Clone, Copy)]
pub(crate) struct Found<'a> {
    pub(crate) namespace: &'a Namespace,
    pub(crate) body: &'a Yaml,
}

impl Namespace {
    /// Reads a config with its orbs.
    pub(crate) fn config(
        body: Yaml,
        place: Place,
        pipeline: &PipelineValues<'_>,
        sources: &[OrbSource],
    ) -> Result<Namespace, LocalError> {
        let scope = Scope {
            pipeline,
            parameters: &[],
            prefix: "parameters",
            in_orb: false,
        };
        let orbs = match body.get("orbs") {
            // Parameters of the pipeline may say which version of an orb it is.
            Some(orbs) => scope.fill_references(orbs, &place.within("orbs"))?,
            None => Yaml::Null,
        };
        Namespace::read(body, &orbs, place, Vec::new(), sources)
    }

    fn read(
        body: Yaml,
        orbs: &Yaml,
        place: Place,
        path: Vec<String>,
        sources: &[OrbSource],
    ) -> Result<Namespace, LocalError> {
        if path.len() > ORB_DEPTH_MAX {
            return Err(place.wrong(format!("orbs lie within orbs more than {ORB_DEPTH_MAX} deep")));
        }
        let mut found = Vec::new();
        let orbs_place = place.within("orbs");
        for (name, orb) in orbs.entries(&orbs_place)? {
            let place = orbs_place.within(name);
            let (body, place) = match orb {
                Yaml::Map(_) => (orb.clone(), place),
                Yaml::Text(reference) => by_reference(reference, sources, &place)?,
                other => return Err(place.wrong(format!("an orb is expected, not {}", other.kind()))),
            };
            let mut inner = path.clone();
            inner.push(name.clone());
            let orbs = body.get("orbs").cloned().unwrap_or_default();
            found.push(Namespace::read(body, &orbs, place, inner, sources)?);
        }
        Ok(Namespace {
            path,
            body,
            orbs: found,
        })
    }

    pub(crate) fn in_orb(&self) -> bool {
        !self.path.is_empty()
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Yaml> {
        self.body.get(key)
    }

    /// Returns what `name` means in the namespace `from`, which lies within this one.
    pub(crate) fn look_up<'a>(
        &'a self,
        from: &'a Namespace,
        section: Section,
        name: &str,
    ) -> Option<Found<'a>> {
        let (namespace, plain) = match name.strip_prefix('@') {
            Some(absolute) => {
                let (path, plain) = absolute.split_once(':')?;
                (self.beneath(path)?, plain)
            }
            None => match name.split_once('/') {
                Some((orb, plain)) => (from.orb(orb)?, plain),
                None => (from, name),
            },
        };
        let body = namespace.body.get(section.key())?.get(plain)?;
        Some(Found { namespace, body })
    }

    fn beneath(&self, path: &str) -> Option<&Namespace> {
        let parts = path.split('/').filter(|part| !part.is_empty());
        let mut namespace = self;
        for part in parts {
            namespace = namespace.orb(part)?;
        }
        Some(namespace)
    }

    fn orb(&self, name: &str) -> Option<&Namespace> {
        self.orbs
            .iter()
            .find(|orb| orb.path.last().is_some_and(|it| it == name))
    }

    /// Returns a name that means everywhere what `name` means here: `@ORB/ORB:NAME`. What is no name of a section stays:
    /// a step may be one of CircleCI's own.
    fn absolute(&self, section: Section, name: &str) -> String {
        if name.starts_with('@') {
            return name.to_owned();
        }
        match name.split_once('/') {
            Some((orb, plain)) => {
                let path: Vec<&str> = self.path.iter().map(String::as_str).chain([orb]).collect();
                format!("@{}:{plain}", path.join("/"))
            }
            None if self
                .body
                .get(section.key())
                .and_then(|all| all.get(name))
                .is_some() =>
            {
                format!("@{}:{name}", self.path.join("/"))
            }
            None => name.to_owned(),
        }
    }

    /// Returns an argument such that the names in it keep their meaning where it is passed to: steps and executors are
    /// those of the caller.
    fn carried(&self, parameter_type: &str, value: &Yaml) -> Yaml {
        match (parameter_type, value) {
            ("executor", Yaml::Text(name)) => Yaml::Text(self.absolute(Section::Executors, name)),
            ("executor", Yaml::Map(entries)) => {
                let carried = |(key, value): &(String, Yaml)| {
                    let value = if key == "name" {
                        self.carried("executor", value)
                    } else {
                        value.clone()
                    };
                    (key.clone(), value)
                };
                Yaml::Map(entries.iter().map(carried).collect())
            }
            ("steps", Yaml::List(steps)) => {
                Yaml::List(steps.iter().map(|step| self.carried_step(step)).collect())
            }
            _ => value.clone(),
        }
    }

    fn carried_step(&self, step: &Yaml) -> Yaml {
        match step {
            Yaml::Text(name) => Yaml::Text(self.absolute(Section::Commands, name)),
            Yaml::Map(entries) => {
                let carried = |(key, value): &(String, Yaml)| match (key.as_str(), value) {
                    ("when" | "unless", Yaml::Map(inner)) => {
                        let inner = inner.iter().map(|(key, value)| {
                            let value = if key == "steps" {
                                self.carried("steps", value)
                            } else {
                                value.clone()
                            };
                            (key.clone(), value)
                        });
                        (key.clone(), Yaml::Map(inner.collect()))
                    }
                    ("steps", steps) => (key.clone(), self.carried("steps", steps)),
                    _ => (
                        self.absolute(Section::Commands, key),
                        self.carried_arguments(key, value),
                    ),
                };
                Yaml::Map(entries.iter().map(carried).collect())
            }
            other => other.clone(),
        }
    }

    /// Steps and executors among the arguments of a step are names of the caller, too.
    fn carried_arguments(&self, command: &str, arguments: &Yaml) -> Yaml {
        let Yaml::Map(entries) = arguments else {
            return arguments.clone();
        };
        // What is absolute was carried before.
        let relative = Some(command).filter(|command| !command.starts_with('@'));
        let found = relative.and_then(|command| self.look_up(self, Section::Commands, command));
        let declared = found.and_then(|found| found.body.get("parameters"));
        let carried = entries.iter().map(|(name, value)| {
            let declaration = declared.and_then(|declared| declared.get(name));
            let value = declaration.map_or_else(|| value.clone(), |it| self.carried(type_of(it), value));
            (name.clone(), value)
        });
        Yaml::Map(carried.collect())
    }

    /// Binds the arguments of a call in this namespace to what the callee declares. Values of the pipeline in a default are
    /// filled in as they are where the callee is written.
    pub(crate) fn bind(
        &self,
        callee: Found<'_>,
        arguments: &[(String, Yaml)],
        pipeline: &PipelineValues<'_>,
        place: &Place,
    ) -> Result<Vec<(String, Yaml)>, LocalError> {
        let declared = callee.body.get("parameters").unwrap_or(&Yaml::Null);
        let scope = Scope {
            pipeline,
            parameters: &[],
            prefix: "parameters",
            in_orb: callee.namespace.in_orb(),
        };
        let mut carried = Vec::new();
        for (name, declaration) in declared.entries(place)? {
            let argument = arguments.iter().find(|(given, _)| given == name);
            let value = match (argument, declaration.get("default")) {
                (Some((_, argument)), _) => self.carried(type_of(declaration), argument),
                (None, Some(default)) => {
                    let default = scope.fill(default, &place.within(format!("the default of {name}")))?;
                    callee.namespace.carried(type_of(declaration), &default)
                }
                (None, None) => continue,
            };
            carried.push((name.clone(), value));
        }
        let undeclared = arguments.iter().filter(|(name, _)| declared.get(name).is_none());
        carried.extend(undeclared.cloned());
        parameters::bind(declared, &carried, place)
    }
}

/// Returns the type that a declaration of a parameter names.
fn type_of(declaration: &Yaml) -> &str {
    declaration
        .get("type")
        .and_then(Yaml::as_text)
        .unwrap_or_default()
}

/// Finds the orb that a config names as in the registry.
fn by_reference(reference: &str, sources: &[OrbSource], place: &Place) -> Result<(Yaml, Place), LocalError> {
    let name = reference.split('@').next().unwrap_or_default();
    let Some(source) = sources.iter().find(|source| source.name == name) else {
        return Err(place.unsupported(format!(
            "the orb {reference} is not here, and nothing is fetched; give its file with --orb {name}=FILE"
        )));
    };
    let body = Yaml::parse(&source.text, &source.file)?;
    Ok((body, Place::file(&source.file)))
}
