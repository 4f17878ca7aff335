//! What triggered the pipeline, and the values that a config may ask of it.

use super::error::{LocalError, Place};
use super::parameters;
use super::yaml::Yaml;

/// What only some ways to trigger a pipeline give a value to.
const ABSENT: [&str; 4] = ["schedule.", "trigger_parameters.", "event.", "deploy."];

/// One pipeline: the numbers that CircleCI would give it, and what git says of the commit.
#[derive(Debug, Clone, Default)]
pub struct Pipeline {
    /// A UUID, the same for nothing else.
    pub id: String,
    /// The number within the project, from 1.
    pub number: u64,
    /// The branch; nothing where a tag was pushed.
    pub branch: Option<String>,
    /// The tag that was pushed.
    pub tag: Option<String>,
    /// The branch that others start from.
    pub default_branch: Option<String>,
    /// The commit, as 40 hex digits.
    pub revision: String,
    /// The commit before.
    pub base_revision: String,
    /// The URL of the repository, for example `https://github.com/acme/shop`.
    pub git_url: String,
    /// `github`, `bitbucket`, or another.
    pub project_type: String,
    /// The parameters that the pipeline was triggered with, as text; an integer or a boolean becomes one where it is declared
    /// as such.
    pub arguments: Vec<(String, String)>,
}

impl Pipeline {
    /// Returns a value such as `pipeline.number`; `name` comes without `pipeline.`.
    fn value(&self, name: &str) -> Option<Yaml> {
        let text = |text: &str| Some(Yaml::Text(text.to_owned()));
        match name {
            "id" => text(&self.id),
            "number" => Some(Yaml::Integer(i64::try_from(self.number).unwrap_or(i64::MAX))),
            "git.branch" => text(self.branch.as_deref().unwrap_or_default()),
            "git.branch.is_default" => Some(Yaml::Bool(
                self.branch.is_some() && self.branch == self.default_branch,
            )),
            "git.tag" => text(self.tag.as_deref().unwrap_or_default()),
            "git.revision" => text(&self.revision),
            "git.base_revision" => text(&self.base_revision),
            "git.repo_owner" => text(self.owner_and_name().0),
            "git.repo_name" => text(self.owner_and_name().1),
            "project.git_url" => text(&self.git_url),
            "project.type" => text(&self.project_type),
            "trigger_source" => text("api"),
            "in_setup" => Some(Yaml::Bool(false)),
            // Nothing of the kind has triggered it.
            _ if ABSENT.iter().any(|prefix| name.starts_with(prefix)) => text(""),
            _ => None,
        }
    }

    /// Returns the last two parts of the repository's URL.
    pub(crate) fn owner_and_name(&self) -> (&str, &str) {
        let url = self.git_url.trim_end_matches(".git");
        let mut parts = url.rsplit(['/', ':']);
        let name = parts.next().unwrap_or_default();
        (parts.next().unwrap_or_default(), name)
    }
}

/// What `<< pipeline.… >>` means in one config.
#[derive(Debug, Clone)]
pub(crate) struct PipelineValues<'a> {
    pipeline: &'a Pipeline,
    /// The declared parameters with their values.
    parameters: Vec<(String, Yaml)>,
}

impl<'a> PipelineValues<'a> {
    /// Checks the arguments of the pipeline against what the config declares.
    pub(crate) fn bind(
        pipeline: &'a Pipeline,
        config: &Yaml,
        place: &Place,
    ) -> Result<PipelineValues<'a>, LocalError> {
        let declared = config.get("parameters").unwrap_or(&Yaml::Null);
        let place = place.within("parameters");
        for (name, declaration) in declared.entries(&place)? {
            if declaration.get("default").is_none() {
                return Err(place
                    .within(name)
                    .wrong("a parameter of a pipeline needs a default"));
            }
        }
        let arguments = pipeline.arguments.iter().map(|(name, text)| {
            let declared_type = declared.get(name).and_then(|it| it.get("type")?.as_text());
            let integer = text.parse().ok().filter(|_| declared_type == Some("integer"));
            let value = integer.map_or_else(|| Yaml::Text(text.clone()), Yaml::Integer);
            (name.clone(), value)
        });
        let parameters = parameters::bind(declared, &arguments.collect::<Vec<_>>(), &place)?;
        Ok(PipelineValues { pipeline, parameters })
    }

    /// Returns the value of `<< pipeline.NAME >>`. In orbs the parameters of the pipeline are out of scope, as CircleCI
    /// has it, and the other values are not.
    pub(crate) fn get(&self, name: &str, in_orb: bool, place: &Place) -> Result<Yaml, LocalError> {
        if let Some(parameter) = name.strip_prefix("parameters.") {
            if in_orb {
                return Err(place.wrong(format!(
                    "pipeline.{name} is used in an orb, where the parameters of a pipeline are out of scope"
                )));
            }
            let found = self.parameters.iter().find(|(known, _)| known == parameter);
            return found.map(|(_, value)| value.clone()).ok_or_else(|| {
                place.wrong(format!(
                    "pipeline.{name} is used, and no such parameter is declared"
                ))
            });
        }
        self.pipeline
            .value(name)
            .ok_or_else(|| place.unsupported(format!("pipeline.{name} has no value here")))
    }
}
