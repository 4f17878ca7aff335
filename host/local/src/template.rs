//! `<< parameters.x >>`, `<< pipeline.x >>`, expressions between `<<` and `>>`, and sections, filled in.

use super::error::{LocalError, Place};
use super::expression;
use super::logic::{self, truthy};
use super::pipeline::PipelineValues;
use super::yaml::Yaml;

/// The values that can be used at one place of a config.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) pipeline: &'a PipelineValues<'a>,
    /// The parameters of the command, job or executor; of a job in a workflow, those of its matrix.
    pub(crate) parameters: &'a [(String, Yaml)],
    /// The prefix of a parameter's name: `parameters` or `matrix`.
    pub(crate) prefix: &'static str,
    /// Whether the place is in an orb.
    pub(crate) in_orb: bool,
}

impl Scope<'_> {
    /// Fills in a value and all that is in it. A text that is nothing but one reference becomes what it refers to, of
    /// whatever kind: so lists of steps and booleans arrive as such.
    ///
    /// # Errors
    ///
    /// [`LocalError::Wrong`] for a name that is not declared, and for a list or map in the middle of a text.
    pub(crate) fn fill(&self, value: &Yaml, place: &Place) -> Result<Yaml, LocalError> {
        Ok(match value {
            Yaml::Text(text) => self.fill_text(text, true, place)?,
            Yaml::List(items) => {
                let items = items
                    .iter()
                    .enumerate()
                    .map(|(at, item)| self.fill(item, &place.item(at)));
                Yaml::List(items.collect::<Result<_, _>>()?)
            }
            Yaml::Map(entries) => {
                let filled = entries.iter().map(|(key, value)| {
                    let value = match conditional(key, value) {
                        Some(condition) => self.decide(value, condition, &place.within(key))?,
                        None => self.fill(value, &place.within(key))?,
                    };
                    Ok((key.clone(), value))
                });
                Yaml::Map(filled.collect::<Result<_, LocalError>>()?)
            }
            other => other.clone(),
        })
    }

    /// Fills in steps with a condition. The condition becomes whether it holds: once its references are filled in, an
    /// expression and a text that a parameter gave look the same.
    fn decide(&self, step: &Yaml, condition: &Yaml, place: &Place) -> Result<Yaml, LocalError> {
        let filled = step.entries(place)?.iter().map(|(key, value)| {
            let value = match key.as_str() {
                "condition" => Yaml::Bool(logic::holds(condition, self, &place.within(key))?),
                _ => self.fill(value, &place.within(key))?,
            };
            Ok((key.clone(), value))
        });
        Ok(Yaml::Map(filled.collect::<Result<_, LocalError>>()?))
    }

    /// Fills in the texts that are values of a map, and leaves what is deeper: the orbs that lie in a config have
    /// parameters of their own.
    pub(crate) fn fill_references(&self, map: &Yaml, place: &Place) -> Result<Yaml, LocalError> {
        let filled = map.entries(place)?.iter().map(|(name, value)| {
            let value = match value {
                Yaml::Text(_) => self.fill(value, &place.within(name))?,
                other => other.clone(),
            };
            Ok((name.clone(), value))
        });
        Ok(Yaml::Map(filled.collect::<Result<_, LocalError>>()?))
    }

    /// Fills in one text. Within a section a reference is never alone.
    fn fill_text(&self, text: &str, may_be_alone: bool, place: &Place) -> Result<Yaml, LocalError> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("<<") {
            if let Some(before) = before.strip_suffix('\\') {
                filled.push_str(before);
                filled.push_str("<<");
                rest = after;
                continue;
            }
            let Some((reference, following)) = after.split_once(">>") else {
                return Err(place.wrong(format!(
                    "<< has no >>; a << that is meant as such is written \\<<: {}",
                    line_of(after)
                )));
            };
            let reference = reference.trim();
            if let Some((name, wanted)) = section(reference) {
                let (inner, following) = section_end(name, following, place)?;
                filled.push_str(before);
                if truthy(&self.value(name, place)?) == wanted {
                    filled.push_str(&self.fill_text(inner, false, place)?.scalar(place)?);
                }
                rest = following;
                continue;
            }
            let value = match is_name(reference) {
                true => self.value(reference, place)?,
                false => expression::evaluate(reference, self, place)?,
            };
            let is_alone = filled.is_empty() && before.trim().is_empty() && following.trim().is_empty();
            if is_alone && may_be_alone {
                return Ok(value);
            }
            filled.push_str(before);
            filled.push_str(&value.scalar(place)?);
            rest = following;
        }
        filled.push_str(rest);
        Ok(Yaml::Text(filled))
    }

    /// Returns what a name refers to.
    pub(crate) fn value(&self, reference: &str, place: &Place) -> Result<Yaml, LocalError> {
        if let Some(name) = reference.strip_prefix("pipeline.") {
            return self.pipeline.get(name, self.in_orb, place);
        }
        let name = reference
            .strip_prefix(self.prefix)
            .and_then(|rest| rest.strip_prefix('.'));
        let Some(name) = name else {
            return Err(place.wrong(format!(
                "<< {reference} >> is neither a value of the pipeline nor one of {}; a << that is meant as such is \
                 written \\<<",
                self.prefix
            )));
        };
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).ok_or_else(|| {
            place.wrong(format!(
                "{}.{name} is used, and no such parameter is declared",
                self.prefix
            ))
        })
    }
}

/// Returns the condition of a step that is one of `when` and `unless`.
fn conditional<'y>(key: &str, step: &'y Yaml) -> Option<&'y Yaml> {
    let is_step = matches!(key, "when" | "unless") && step.get("steps").is_some();
    step.get("condition").filter(|_| is_step)
}

/// Whether what stands between `<<` and `>>` is a name and no expression. A parameter may have any name without a space.
fn is_name(reference: &str) -> bool {
    let is_part = |c: char| !c.is_whitespace() && !"\"'()<>=!/".contains(c);
    !reference.is_empty() && reference.chars().all(is_part)
}

/// Returns the name of a section that begins, and what it must be for the section to stay: `<<# x >>` true, `<<^ x >>` false.
fn section(reference: &str) -> Option<(&str, bool)> {
    let begins = |sign: char| reference.strip_prefix(sign).map(str::trim);
    begins('#')
        .map(|name| (name, true))
        .or_else(|| begins('^').map(|name| (name, false)))
}

/// Returns what is in a section, and what follows it. Sections of one name may be nested.
fn section_end<'t>(name: &str, text: &'t str, place: &Place) -> Result<(&'t str, &'t str), LocalError> {
    let (mut at, mut depth) = (0, 1);
    while let Some((before, after)) = text.get(at..).and_then(|rest| rest.split_once("<<")) {
        let Some((reference, _)) = after.split_once(">>") else {
            break;
        };
        let start = at + before.len();
        at = start + reference.len() + "<<>>".len();
        let reference = reference.trim();
        if section(reference).is_some_and(|(inner, _)| inner == name) {
            depth += 1;
        } else if reference.strip_prefix('/').map(str::trim) == Some(name) {
            depth -= 1;
        }
        if depth == 0 {
            return Ok((
                text.get(..start).unwrap_or_default(),
                text.get(at..).unwrap_or_default(),
            ));
        }
    }
    Err(place.wrong(format!("the section of {name} is not closed by <</{name}>>")))
}

fn line_of(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::pipeline::Pipeline;

    fn filled(text: &str, in_orb: bool) -> Result<Yaml, String> {
        let place = Place::file("config.yml");
        let pipeline = Pipeline {
            number: 7,
            branch: Some("main".to_owned()),
            arguments: vec![("level".to_owned(), "3".to_owned())],
            ..Pipeline::default()
        };
        let config = Yaml::parse("parameters: {level: {type: integer, default: 1}}", "config.yml").unwrap();
        let values = PipelineValues::bind(&pipeline, &config, &place).unwrap();
        let parameters = [
            ("to".to_owned(), Yaml::Text("you".to_owned())),
            ("flag".to_owned(), Yaml::Bool(false)),
            (
                "all".to_owned(),
                Yaml::List(vec![Yaml::Text("checkout".to_owned())]),
            ),
        ];
        let scope = Scope {
            pipeline: &values,
            parameters: &parameters,
            prefix: "parameters",
            in_orb,
        };
        scope
            .fill(&Yaml::Text(text.to_owned()), &place)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn references_are_filled_in() {
        let text = |text: &str| Ok(Yaml::Text(text.to_owned()));
        assert_eq!(
            filled("to <<parameters.to>> and << parameters.to >>", false),
            text("to you and you")
        );
        assert_eq!(
            filled("p-<< pipeline.number >>-<< pipeline.git.branch >>", true),
            text("p-7-main")
        );
        assert_eq!(
            filled("cat \\<<END << parameters.flag >>", false),
            text("cat <<END false")
        );
    }

    #[test]
    fn expressions_and_sections_are_filled_in() {
        let text = |text: &str| Ok(Yaml::Text(text.to_owned()));
        assert_eq!(
            filled("<< pipeline.git.branch == \"main\" and 10 or 1 >>", false),
            Ok(Yaml::Integer(10))
        );
        assert_eq!(
            filled("on << pipeline.git.tag or \"no tag\" >>", false),
            text("on no tag")
        );
        for (template, expected) in [
            (
                "a<<#parameters.to>> -t <<parameters.to>><</parameters.to>>",
                "a -t you",
            ),
            ("a<<# parameters.flag >> -f<</ parameters.flag >>b", "ab"),
            ("a<<^parameters.flag>> -n<</parameters.flag>>b", "a -nb"),
            (
                "a<<#parameters.to>> <<parameters.to>> <</parameters.to>>b",
                "a you b",
            ),
            (
                "<<#parameters.to>>1<<#parameters.to>>2<</parameters.to>>3<</parameters.to>>4",
                "1234",
            ),
        ] {
            assert_eq!(filled(template, false), text(expected), "{template}");
        }
    }

    #[test]
    fn a_reference_alone_keeps_its_kind() {
        assert_eq!(filled(" << parameters.flag >> ", false), Ok(Yaml::Bool(false)));
        assert_eq!(
            filled("<< pipeline.parameters.level >>", false),
            Ok(Yaml::Integer(3))
        );
        assert!(matches!(filled("<< parameters.all >>", false), Ok(Yaml::List(_))));
    }

    #[test]
    fn what_is_not_declared_is_an_error() {
        for (text, in_orb, says) in [
            ("<< parameters.no >>", false, "parameters.no is used"),
            (
                "<< pipeline.parameters.no >>",
                false,
                "pipeline.parameters.no is used",
            ),
            ("<< pipeline.parameters.level >>", true, "out of scope"),
            ("<< pipeline.weather >>", false, "no such value exists"),
            ("<< matrix.a >>", false, "neither a value of the pipeline"),
            ("cat <<END", false, "written \\<<"),
            ("<<#parameters.to>>", false, "is not closed"),
            ("<< parameters.to == >>", false, "a value is missing"),
            ("x << parameters.all >>", false, "a text is expected, not a list"),
        ] {
            let error = filled(text, in_orb).unwrap_err();
            assert!(
                error.contains(says) && error.starts_with("config.yml: "),
                "{error}"
            );
        }
    }
}
