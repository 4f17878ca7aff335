//! A config as it is written: values in their order. Anchors, aliases and merge keys are resolved by the parser.
//!
//! JSON's values would not do: their maps are sorted, and CircleCI names the jobs of a matrix in the order of the config.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Spanned, UserMessageFormatter};

use super::error::{Lines, LocalError, Place, item_key};

/// One value of a config.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Yaml {
    /// Nothing, or `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number, for example the version 2.1.
    Number(f64),
    /// A text.
    Text(String),
    /// A sequence.
    List(Vec<Yaml>),
    /// A mapping, in its order. No key occurs twice.
    Map(Vec<(String, Yaml)>),
}

impl Yaml {
    /// Parses one document.
    ///
    /// # Errors
    ///
    /// [`LocalError::Yaml`] where the text is no YAML, has a key twice, or has several documents.
    pub fn parse(text: &str, file: &str) -> Result<Yaml, LocalError> {
        Ok(Yaml::read(text, file)?.0)
    }

    /// Parses one document, and returns the place of its root, which knows the line of each key.
    pub(crate) fn read(text: &str, file: &str) -> Result<(Yaml, Place), LocalError> {
        // Of YAML 1.1 only `true` and `false`: `y` in a matrix is a text. A parameter knows whether its `yes` is a boolean.
        let options = serde_saphyr::options! { strict_booleans: true };
        match serde_saphyr::from_str_with_options::<Read>(text, options) {
            Ok(read) => {
                let lines = Lines {
                    line: 1,
                    below: read.below,
                };
                Ok((read.value, Place::root(file, lines)))
            }
            Err(error) => {
                let line = error.location().map_or(0, |at| at.line());
                // Other texts of the parser name functions of its library.
                let said = error
                    .render_with_formatter(&UserMessageFormatter)
                    .replace("<input>", file);
                let below = Vec::new();
                Err(LocalError::Yaml {
                    place: Place::root(file, Lines { line, below }),
                    source: said.into(),
                })
            }
        }
    }

    /// Returns the value of a key; nothing where this is no map, or has no such key.
    pub(crate) fn get(&self, key: &str) -> Option<&Yaml> {
        match self {
            Yaml::Map(entries) => entries
                .iter()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Yaml::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns a boolean, in any of the forms of YAML 1.1.
    pub(crate) fn as_bool(&self) -> Option<bool> {
        match self {
            Yaml::Bool(value) => Some(*value),
            Yaml::Text(text) => match text.to_ascii_lowercase().as_str() {
                "yes" | "true" | "on" => Some(true),
                "no" | "false" | "off" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns the entries of a map. Null is a map without entries.
    pub(crate) fn entries(&self, place: &Place) -> Result<&[(String, Yaml)], LocalError> {
        match self {
            Yaml::Map(entries) => Ok(entries),
            Yaml::Null => Ok(&[]),
            other => Err(place.wrong(format!("a map is expected, not {}", other.kind()))),
        }
    }

    /// Returns the items of a list. Null is a list without items.
    pub(crate) fn items(&self, place: &Place) -> Result<&[Yaml], LocalError> {
        match self {
            Yaml::List(items) => Ok(items),
            Yaml::Null => Ok(&[]),
            other => Err(place.wrong(format!("a list is expected, not {}", other.kind()))),
        }
    }

    /// Returns one text, or each of a list of texts.
    pub(crate) fn texts(&self, place: &Place) -> Result<Vec<String>, LocalError> {
        match self {
            Yaml::List(items) => items.iter().map(|item| item.scalar(place)).collect(),
            other => Ok(vec![other.scalar(place)?]),
        }
    }

    /// Returns a text, a number or a boolean as text.
    pub(crate) fn scalar(&self, place: &Place) -> Result<String, LocalError> {
        match self {
            Yaml::Null => Ok(String::new()),
            Yaml::List(_) | Yaml::Map(_) => {
                Err(place.wrong(format!("a text is expected, not {}", self.kind())))
            }
            scalar => Ok(scalar.to_string()),
        }
    }

    /// Returns what this is, for a message.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Yaml::Null => "nothing",
            Yaml::Bool(_) => "a boolean",
            Yaml::Integer(_) => "an integer",
            Yaml::Number(_) => "a number",
            Yaml::Text(_) => "a text",
            Yaml::List(_) => "a list",
            Yaml::Map(_) => "a map",
        }
    }
}

/// Shows a scalar as it goes into a text; lists and maps as one line.
impl fmt::Display for Yaml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Yaml::Null => Ok(()),
            Yaml::Bool(value) => write!(f, "{value}"),
            Yaml::Integer(value) => write!(f, "{value}"),
            Yaml::Number(value) => write!(f, "{value}"),
            Yaml::Text(text) => f.write_str(text),
            Yaml::List(items) => {
                f.write_str("[")?;
                for (at, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if at == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Yaml::Map(entries) => {
                f.write_str("{")?;
                for (at, (key, value)) in entries.iter().enumerate() {
                    write!(f, "{}{key}: {value}", if at == 0 { "" } else { ", " })?;
                }
                f.write_str("}")
            }
        }
    }
}

/// A value, and the lines of what is in it.
struct Read {
    value: Yaml,
    below: Vec<(String, Lines)>,
}

impl From<Yaml> for Read {
    fn from(value: Yaml) -> Read {
        let below = Vec::new();
        Read { value, below }
    }
}

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Read, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Read;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of a config")
    }

    fn visit_unit<E>(self) -> Result<Read, E> {
        Ok(Yaml::Null.into())
    }

    fn visit_none<E>(self) -> Result<Read, E> {
        Ok(Yaml::Null.into())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Read, D::Error> {
        deserializer.deserialize_any(Any)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Read, E> {
        Ok(Yaml::Bool(value).into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Read, E> {
        Ok(Yaml::Integer(value).into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Read, E> {
        // A number beyond 63 bits is no count of anything: it stays what it looks like.
        let value = i64::try_from(value).map_or_else(|_| Yaml::Text(value.to_string()), Yaml::Integer);
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Read, E> {
        Ok(Yaml::Number(value).into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Read, E> {
        Ok(Yaml::Text(value.to_owned()).into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Read, A::Error> {
        let (mut items, mut below) = (Vec::new(), Vec::new());
        while let Some(item) = seq.next_element::<Spanned<Read>>()? {
            let line = item.defined.line();
            let inner = item.value.below;
            below.push((item_key(items.len()), Lines { line, below: inner }));
            items.push(item.value.value);
        }
        let value = Yaml::List(items);
        Ok(Read { value, below })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Read, A::Error> {
        let (mut entries, mut below) = (Vec::new(), Vec::new());
        while let Some((key, value)) = map.next_entry::<Spanned<Read>, Read>()? {
            let name = key.value.value.to_string();
            let line = key.defined.line();
            let inner = value.below;
            below.push((name.clone(), Lines { line, below: inner }));
            entries.push((name, value.value));
        }
        let value = Yaml::Map(entries);
        Ok(Read { value, below })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

    use super::*;

    fn parsed(text: &str) -> Yaml {
        Yaml::parse(text, "config.yml").unwrap()
    }

    #[test]
    fn the_order_of_keys_stays() {
        let keys = |value: &Yaml| match value {
            Yaml::Map(entries) => entries.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        assert_eq!(keys(&parsed("b: 1\na: 2\nc: 3")), ["b", "a", "c"]);
    }

    #[test]
    fn anchors_and_merge_keys_are_resolved() {
        let text = "base: &base {image: a, size: 1}\nuse: {<<: *base, size: 2}\nsame: *base";
        let value = parsed(text);
        let used = value.get("use").unwrap();
        assert_eq!(used.get("image"), Some(&Yaml::Text("a".to_owned())));
        assert_eq!(used.get("size"), Some(&Yaml::Integer(2)));
        assert_eq!(value.get("same"), value.get("base"));
    }

    #[test]
    fn scalars_keep_their_kind() {
        let value = parsed("{a: 2.1, b: 2, c: y, d: 'yes', e: , f: true, g: '2'}");
        assert_eq!(value.get("a"), Some(&Yaml::Number(2.1)));
        assert_eq!(value.get("b"), Some(&Yaml::Integer(2)));
        assert_eq!(value.get("c"), Some(&Yaml::Text("y".to_owned())));
        assert_eq!(value.get("d"), Some(&Yaml::Text("yes".to_owned())));
        assert_eq!(value.get("e"), Some(&Yaml::Null));
        assert_eq!(value.get("f"), Some(&Yaml::Bool(true)));
        assert_eq!(value.get("g"), Some(&Yaml::Text("2".to_owned())));
    }

    #[test]
    fn a_key_twice_is_an_error_with_its_place() {
        let error = Yaml::parse("a: 1\na: 2", ".circleci/config.yml").unwrap_err();
        assert_eq!(
            error.to_string(),
            ".circleci/config.yml:2: cannot be read as YAML"
        );
    }

    #[test]
    fn places_know_their_lines() {
        let text = "base: &base\n  image: a\njobs:\n  build:\n    <<: *base\n    steps:\n      - checkout\n      - run:\n          name: b\n";
        let (_, root) = Yaml::read(text, "c.yml").unwrap();
        let build = root.within("jobs").within("build");
        for (place, shown) in [
            (root.clone(), "c.yml:1"),
            (build.clone(), "c.yml:4: jobs.build"),
            (build.within("image"), "c.yml:2: jobs.build.image"),
            (build.within("steps").item(0), "c.yml:7: jobs.build.steps[0]"),
            (
                build.within("steps").item(1).within("run").within("name"),
                "c.yml:9: jobs.build.steps[1].run.name",
            ),
            // A place that does not exist has the line of the nearest key.
            (build.within("shell").within("x"), "c.yml:4: jobs.build.shell.x"),
        ] {
            assert_eq!(place.to_string(), shown);
        }
    }
}
