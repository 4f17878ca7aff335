//! A job that a workflow calls once for each combination of values.

use super::error::{LocalError, Place};
use super::yaml::Yaml;

/// CircleCI's own limit.
const COMBINATIONS_MAX: usize = 128;

/// The arguments of one combination, in the order of the config.
pub(crate) type Combination = Vec<(String, Yaml)>;

/// Returns all combinations of a matrix but the excluded ones.
///
/// # Errors
///
/// [`LocalError::Wrong`] where a value is no list, or where there are too many combinations. Whatever else is excluded is
/// ignored.
pub(crate) fn combinations(matrix: &Yaml, place: &Place) -> Result<Vec<Combination>, LocalError> {
    let parameters = matrix
        .get("parameters")
        .ok_or_else(|| place.wrong("parameters is missing"))?;
    let mut all: Vec<Combination> = vec![Vec::new()];
    for (name, values) in parameters.entries(place)? {
        let values = values.items(&place.within(name))?;
        if values.is_empty() || all.len().saturating_mul(values.len()) > COMBINATIONS_MAX {
            return Err(place.wrong(format!("a matrix has from 1 to {COMBINATIONS_MAX} combinations")));
        }
        all = all
            .iter()
            .flat_map(|one| {
                values.iter().map(move |value| {
                    let mut longer = one.clone();
                    longer.push((name.clone(), value.clone()));
                    longer
                })
            })
            .collect();
    }
    for excluded in matrix.get("exclude").unwrap_or(&Yaml::Null).items(place)? {
        let entries = excluded.entries(place)?;
        let is_excluded = |one: &Combination| {
            one.len() == entries.len() && one.iter().all(|(name, value)| excluded.get(name) == Some(value))
        };
        all.retain(|one| !is_excluded(one));
    }
    Ok(all)
}

/// Returns the name of a combination that is given none: the job and the values, in the alphabetical order of their
/// parameters.
pub(crate) fn name(job: &str, combination: &Combination) -> String {
    let mut sorted: Vec<&(String, Yaml)> = combination.iter().collect();
    sorted.sort_by_key(|(parameter, _)| parameter);
    let values = sorted.into_iter().map(|(_, value)| value.to_string());
    std::iter::once(job.to_owned())
        .chain(values)
        .collect::<Vec<_>>()
        .join("-")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn named(matrix: &str) -> Result<Vec<String>, String> {
        let matrix = Yaml::parse(matrix, "config.yml").unwrap();
        combinations(&matrix, &Place::file("config.yml"))
            .map(|all| all.iter().map(|one| name("test", one)).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn every_combination_is_there_but_the_excluded_ones() {
        let matrix = "{parameters: {os: [linux, macos], level: [1, 2]}, exclude: [{os: macos, level: 1}, {os: beos, level: 1}]}";
        assert_eq!(
            named(matrix).unwrap(),
            ["test-1-linux", "test-2-linux", "test-2-macos"]
        );
    }

    #[test]
    fn what_is_no_matrix_is_an_error() {
        for (matrix, says) in [
            ("{parameters: {os: linux}}", "a list is expected"),
            ("{parameters: {os: []}}", "from 1 to 128"),
            ("{}", "parameters is missing"),
        ] {
            let error = named(matrix).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }
}
