//! Names of a config and of its orbs: which command, job or executor a name means, and from where.

use std::cell::OnceCell;
use std::sync::Arc;

use super::error::{LocalError, Place};
use super::orbs::{OrbReference, OrbSource};
use super::parameters;
use super::pipeline::PipelineValues;
use super::shape;
use super::spelling::similar;
use super::template::Scope;
use super::yaml::Yaml;

/// Orbs within orbs are followed this far.
const ORB_DEPTH_MAX: usize = 8;

/// The section of a config that a name is looked up in.
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

    fn noun(self) -> &'static str {
        match self {
            Section::Commands => "command",
            Section::Jobs => "job",
            Section::Executors => "executor",
        }
    }
}

/// A config, or an orb, with the orbs that it names.
#[derive(Debug)]
pub(crate) struct Namespace {
    /// How the orb is reached from the config: none of these for the config itself.
    pub(crate) path: Vec<String>,
    /// Its name in the registry, for example `circleci/continuation`.
    pub(crate) registered: Option<String>,
    /// The place of the body.
    pub(crate) place: Place,
    body: Yaml,
    orbs: Vec<Orb>,
    sources: Arc<[OrbSource]>,
}

/// An orb as it is named. It is read when something of it is used.
#[derive(Debug)]
struct Orb {
    name: String,
    /// A reference to the registry, a URL, or the orb itself.
    written: Yaml,
    read: OnceCell<Namespace>,
}

/// The meaning of a name: a command, a job or an executor, and the namespace that it speaks in.
#[derive(Clone)]
pub(crate) struct Found<'a> {
    pub(crate) namespace: &'a Namespace,
    pub(crate) body: &'a Yaml,
    pub(crate) place: Place,
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
        // Parameters of the pipeline may say which version of an orb it is.
        let orbs = match body.get("orbs") {
            Some(orbs) => scope.fill_references(orbs, &place.within("orbs"))?,
            None => Yaml::Null,
        };
        Namespace::read(body, &orbs, place, Vec::new(), sources.into())
    }

    fn read(
        body: Yaml,
        orbs: &Yaml,
        place: Place,
        path: Vec<String>,
        sources: Arc<[OrbSource]>,
    ) -> Result<Namespace, LocalError> {
        if path.len() > ORB_DEPTH_MAX {
            return Err(place.wrong(format!("orbs lie within orbs more than {ORB_DEPTH_MAX} deep")));
        }
        let orbs = orbs
            .entries(&place.within("orbs"))?
            .iter()
            .map(|(name, written)| Orb {
                name: name.clone(),
                written: written.clone(),
                read: OnceCell::new(),
            });
        Ok(Namespace {
            path,
            registered: None,
            orbs: orbs.collect(),
            place,
            body,
            sources,
        })
    }

    pub(crate) fn in_orb(&self) -> bool {
        !self.path.is_empty()
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Yaml> {
        self.body.get(key)
    }

    /// Returns what `name` means in the namespace `from`, which lies within this one. Reads the orb that it names.
    pub(crate) fn look_up<'a>(
        &'a self,
        from: &'a Namespace,
        section: Section,
        name: &str,
    ) -> Result<Option<Found<'a>>, LocalError> {
        let (namespace, plain) = match name.strip_prefix('@').and_then(|it| it.split_once(':')) {
            Some((path, plain)) => (self.beneath(path)?, plain),
            // A config that was processed already has the jobs of orbs under their whole names.
            None if from.has(section, name) => (Some(from), name),
            None => match name.split_once('/') {
                Some((orb, plain)) => (from.orb(orb)?, plain),
                None => (Some(from), name),
            },
        };
        Ok(namespace.and_then(|it| it.own(section, plain)))
    }

    fn has(&self, section: Section, name: &str) -> bool {
        self.body
            .get(section.key())
            .is_some_and(|all| all.get(name).is_some())
    }

    /// Returns what is declared under a name here.
    pub(crate) fn own(&self, section: Section, name: &str) -> Option<Found<'_>> {
        Some(Found {
            namespace: self,
            body: self.body.get(section.key())?.get(name)?,
            place: self.place.within(section.key()).within(name),
        })
    }

    /// Returns the error that `name` means nothing in the namespace `from`, with what was probably meant.
    pub(crate) fn unknown(from: &Namespace, section: Section, name: &str, place: &Place) -> LocalError {
        let shown = name.rsplit(':').next().unwrap_or(name);
        let what = section.noun();
        let orb = match name.strip_prefix('@') {
            Some(_) => None,
            None => name.split_once('/').map(|(orb, _)| orb),
        };
        if let Some(orb) = orb
            && from.orbs.iter().all(|it| it.name != orb)
        {
            let known: Vec<&str> = from.orbs.iter().map(|it| it.name.as_str()).collect();
            let hint = meant(orb, &known);
            return place.wrong(format!(
                "there is no {what} {shown}: the orb {orb} is not declared{hint}"
            ));
        }
        let found = match orb {
            Some(orb) => from.orb(orb).ok().flatten(),
            None => Some(from),
        };
        let known = match found.and_then(|it| it.body.get(section.key())) {
            Some(Yaml::Map(entries)) => entries.iter().map(|(name, _)| name.as_str()).collect(),
            _ => Vec::new(),
        };
        let plain = shown.rsplit('/').next().unwrap_or(shown);
        place.wrong(format!("there is no {what} {shown}{}", meant(plain, &known)))
    }

    fn beneath(&self, path: &str) -> Result<Option<&Namespace>, LocalError> {
        let mut namespace = self;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            match namespace.orb(part)? {
                Some(inner) => namespace = inner,
                None => return Ok(None),
            }
        }
        Ok(Some(namespace))
    }

    /// Returns an orb that is named here.
    pub(crate) fn orb(&self, name: &str) -> Result<Option<&Namespace>, LocalError> {
        let Some(orb) = self.orbs.iter().find(|orb| orb.name == name) else {
            return Ok(None);
        };
        if orb.read.get().is_none() {
            let read = self.read_orb(orb)?;
            // It is empty: nothing else fills it.
            let _ = orb.read.set(read);
        }
        Ok(orb.read.get())
    }

    fn read_orb(&self, orb: &Orb) -> Result<Namespace, LocalError> {
        let place = self.place.within("orbs").within(&orb.name);
        let (body, place, registered) = match &orb.written {
            Yaml::Map(_) => (orb.written.clone(), place, None),
            Yaml::Text(reference) => {
                let reference = OrbReference::parse(reference, &place)?;
                let Some(source) = reference.find(&self.sources) else {
                    return Err(LocalError::OrbMissing { place, reference });
                };
                let (body, place) = Yaml::read(&source.text, &source.file)?;
                shape::check_orb(&body, &place)?;
                (body, place, Some(reference.name().to_owned()))
            }
            other => return Err(place.wrong(format!("an orb is expected, not {}", other.kind()))),
        };
        let mut path = self.path.clone();
        path.push(orb.name.clone());
        let orbs = body.get("orbs").cloned().unwrap_or_default();
        let read = Namespace::read(body, &orbs, place, path, Arc::clone(&self.sources))?;
        Ok(Namespace { registered, ..read })
    }

    /// Returns a name that means everywhere what `name` means here: `@ORB/ORB:NAME`. What is no name of a section stays:
    /// a step may be one of CircleCI's own.
    fn absolute(&self, section: Section, name: &str) -> String {
        if name.starts_with('@') {
            return name.to_owned();
        }
        match name.split_once('/') {
            _ if self.has(section, name) => format!("@{}:{name}", self.path.join("/")),
            Some((orb, plain)) => {
                let path: Vec<&str> = self.path.iter().map(String::as_str).chain([orb]).collect();
                format!("@{}:{plain}", path.join("/"))
            }
            None => name.to_owned(),
        }
    }

    /// Returns an argument such that the names in it keep their meaning where it is passed to: steps and executors are
    /// those of the caller.
    fn carried(&self, parameter_type: &str, value: &Yaml) -> Result<Yaml, LocalError> {
        Ok(match (parameter_type, value) {
            ("executor", Yaml::Text(name)) => Yaml::Text(self.absolute(Section::Executors, name)),
            ("executor", Yaml::Map(entries)) => {
                let carried = entries.iter().map(|(key, value)| match key.as_str() {
                    "name" => Ok((key.clone(), self.carried("executor", value)?)),
                    _ => Ok((key.clone(), value.clone())),
                });
                Yaml::Map(carried.collect::<Result<_, LocalError>>()?)
            }
            ("steps", Yaml::List(steps)) => {
                let steps = steps.iter().map(|step| self.carried_step(step));
                Yaml::List(steps.collect::<Result<_, _>>()?)
            }
            _ => value.clone(),
        })
    }

    fn carried_step(&self, step: &Yaml) -> Result<Yaml, LocalError> {
        let carried = |(key, value): &(String, Yaml)| match (key.as_str(), value) {
            ("when" | "unless", Yaml::Map(inner)) => {
                let inner = inner.iter().map(|(key, value)| match key.as_str() {
                    "steps" => Ok((key.clone(), self.carried("steps", value)?)),
                    _ => Ok((key.clone(), value.clone())),
                });
                Ok((key.clone(), Yaml::Map(inner.collect::<Result<_, LocalError>>()?)))
            }
            ("steps", steps) => Ok((key.clone(), self.carried("steps", steps)?)),
            _ => Ok((
                self.absolute(Section::Commands, key),
                self.carried_arguments(key, value)?,
            )),
        };
        Ok(match step {
            Yaml::Text(name) => Yaml::Text(self.absolute(Section::Commands, name)),
            Yaml::Map(entries) => Yaml::Map(entries.iter().map(carried).collect::<Result<_, LocalError>>()?),
            // A list of steps that a parameter gave.
            Yaml::List(_) => self.carried("steps", step)?,
            other => other.clone(),
        })
    }

    /// Steps and executors among the arguments of a step are names of the caller, too.
    fn carried_arguments(&self, command: &str, arguments: &Yaml) -> Result<Yaml, LocalError> {
        let Yaml::Map(entries) = arguments else {
            return Ok(arguments.clone());
        };
        // What is absolute was carried before.
        if command.starts_with('@') {
            return Ok(arguments.clone());
        }
        let found = self.look_up(self, Section::Commands, command)?;
        let declared = found.and_then(|found| found.body.get("parameters"));
        let carried = entries.iter().map(|(name, value)| {
            let declaration = declared.and_then(|declared| declared.get(name));
            let value = match declaration {
                Some(declaration) => self.carried(type_of(declaration), value)?,
                None => value.clone(),
            };
            Ok((name.clone(), value))
        });
        Ok(Yaml::Map(carried.collect::<Result<_, LocalError>>()?))
    }

    /// Binds the arguments of a call in this namespace to what the callee declares. Values of the pipeline in a default are
    /// filled in as they are where the callee is written.
    pub(crate) fn bind(
        &self,
        callee: &Found<'_>,
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
                (Some((_, argument)), _) => self.carried(type_of(declaration), argument)?,
                (None, Some(default)) => {
                    let place = callee.place.within("parameters").within(name).within("default");
                    let default = scope.fill(default, &place)?;
                    callee.namespace.carried(type_of(declaration), &default)?
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

fn meant(name: &str, known: &[&str]) -> String {
    similar(name, known).map_or_else(String::new, |meant| format!("; did you mean {meant:?}?"))
}
