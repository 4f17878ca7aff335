//! The variables of projects, by project and name, saved as a list: the maps of JSON have one text as their key.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serializer};

type Variables = BTreeMap<(String, String), String>;

pub(super) fn serialize<S: Serializer>(variables: &Variables, to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(variables)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Variables, D::Error> {
    let pairs = Vec::<((String, String), String)>::deserialize(from)?;
    Ok(pairs.into_iter().collect())
}
