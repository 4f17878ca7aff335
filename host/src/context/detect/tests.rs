#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::super::field::ValueType;
use super::super::testing::{detect, field, git, shown, variables};
use super::*;

const CIRCLE: &str = "
    CIRCLECI=true
    CIRCLE_BRANCH=circle-branch
    CIRCLE_BUILD_NUM=12
    CIRCLE_SHA1=2222222222222222222222222222222222222222";

/// A value that each type accepts, and its displayed form. Different digits give different values.
fn sample(field: Field, digit: u8) -> String {
    match field.value_type() {
        ValueType::Text => format!("{}-{digit}", field.name()),
        ValueType::Project => format!("acme/{digit}"),
        ValueType::Commit => digit.to_string().repeat(7),
        ValueType::Number | ValueType::PullRequest => format!("{digit}{}", field as u8),
        ValueType::Node => format!("{digit}/9"),
        ValueType::Boolean => (digit == 1).to_string(),
    }
}

fn every_variable(digit: u8) -> String {
    let lines = Field::ALL
        .iter()
        .map(|field| format!("{}={}", field.variable(), sample(*field, digit)));
    lines.collect::<Vec<_>>().join("\n")
}

fn every_value(digit: u8) -> FieldValues {
    Field::ALL.iter().fold(FieldValues::default(), |values, field| {
        values.with(*field, Some(sample(*field, digit)))
    })
}

/// Returns the line of the runner, and a line for each field with the sample of the digit.
fn every_line(digit: u8, provenance: impl Fn(Field) -> Provenance) -> Vec<String> {
    let runner = "runner: circleci (CIRCLECI)".to_owned();
    let fields = Field::ALL.iter().map(|field| {
        let value = sample(*field, digit);
        format!("{}: {value} ({})", field.name(), provenance(*field))
    });
    [runner].into_iter().chain(fields).collect()
}

fn inputs(environments: &[&str]) -> Inputs {
    Inputs {
        variables: variables(environments),
        git: git(),
        ..Inputs::default()
    }
}

fn flags(field: Field, value: &str) -> FieldValues {
    FieldValues::default().with(field, Some(value.to_owned()))
}

#[test]
fn a_value_of_the_config_wins_over_the_runner() {
    let inputs = Inputs {
        config: every_value(1),
        ..inputs(&[CIRCLE])
    };
    let context = Context::detect(&inputs, &FieldValues::default()).unwrap();
    let expected = every_line(1, |field| Provenance::Config(field.name()));
    assert_eq!(shown(&context), expected);
}

#[test]
fn a_variable_wins_over_the_config_and_the_runner() {
    let inputs = Inputs {
        config: every_value(1),
        ..inputs(&[CIRCLE, &every_variable(2)])
    };
    let context = Context::detect(&inputs, &FieldValues::default()).unwrap();
    let expected = every_line(2, |field| Provenance::Variable(field.variable()));
    assert_eq!(shown(&context), expected);
}

#[test]
fn a_flag_wins_over_everything() {
    let inputs = Inputs {
        config: every_value(1),
        ..inputs(&[CIRCLE, &every_variable(2)])
    };
    let context = Context::detect(&inputs, &every_value(3)).unwrap();
    let expected = every_line(3, |field| Provenance::Flag(field.flag()));
    assert_eq!(shown(&context), expected);
    assert_eq!(context.node(), Some((3, 9)));
    assert_eq!(context.number(Field::Attempt), Some(37));
    assert_eq!(context.text(Field::Branch), Some("branch-3"));
    assert!(!context.is_fork());
}

#[test]
fn the_runner_wins_over_git_and_git_comes_last() {
    let context = Context::detect(&inputs(&[CIRCLE]), &FieldValues::default()).unwrap();
    assert_eq!(
        field(&context, "branch").unwrap(),
        "circle-branch (CIRCLE_BRANCH)"
    );
    assert_eq!(
        field(&context, "commit").unwrap(),
        "2222222222222222222222222222222222222222 (CIRCLE_SHA1)"
    );
    let without = Context::detect(&inputs(&[CIRCLE, "CIRCLE_BRANCH="]), &FieldValues::default());
    assert_eq!(
        field(&without.unwrap(), "branch").unwrap(),
        "git-branch (git symbolic-ref HEAD)"
    );
}

#[test]
fn an_empty_flag_or_variable_counts_as_none() {
    let empty = flags(Field::Branch, "").with(Field::Node, Some(String::new()));
    let context = Context::detect(&inputs(&[CIRCLE, "BATON_BRANCH=\nBATON_RUN="]), &empty).unwrap();
    assert_eq!(
        field(&context, "branch").unwrap(),
        "circle-branch (CIRCLE_BRANCH)"
    );
    assert_eq!(field(&context, "run"), None);
    assert_eq!(field(&context, "node"), None);
}

#[test]
fn a_tag_by_flag_keeps_the_runners_branch_and_a_branch_by_flag_its_tag() {
    let context = Context::detect(&inputs(&[CIRCLE]), &flags(Field::Tag, "v3")).unwrap();
    assert_eq!(field(&context, "tag").unwrap(), "v3 (--tag)");
    assert_eq!(
        field(&context, "branch").unwrap(),
        "circle-branch (CIRCLE_BRANCH)"
    );

    let main = flags(Field::Branch, "main");
    let context = Context::detect(&inputs(&[CIRCLE, "CIRCLE_TAG=v1"]), &main).unwrap();
    assert_eq!(field(&context, "tag").unwrap(), "v1 (CIRCLE_TAG)");
    assert_eq!(field(&context, "branch").unwrap(), "main (--branch)");
}

#[test]
fn a_value_of_the_wrong_form_is_named_with_what_is_expected() {
    for (environment, message) in [
        (
            "BATON_NUMBER=abc",
            "BATON_NUMBER is \"abc\", but must be a whole number from 0 to 18446744073709551615",
        ),
        (
            "BATON_COMMIT=main",
            "BATON_COMMIT is \"main\", but must be a commit: 7 to 64 hexadecimal digits",
        ),
        (
            "BATON_FORK=maybe",
            "BATON_FORK is \"maybe\", but must be true, false, 1 or 0",
        ),
        (
            "BATON_NODE=8/8",
            "BATON_NODE is \"8/8\", but must be a node whose index is below its total: \
             the first of eight is 0/8, the last 7/8",
        ),
        (
            "BATON_PROJECT=../other",
            "BATON_PROJECT is \"../other\", but must be a name like gh/acme/shop, \
             or the URL of a repository",
        ),
    ] {
        assert_eq!(detect(&[CIRCLE, environment]).unwrap_err().to_string(), message);
    }
    let error = Context::detect(&inputs(&[CIRCLE]), &flags(Field::Run, "last")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "--run is \"last\", but must be a whole number from 0 to 18446744073709551615"
    );
}

#[test]
fn what_is_overridden_may_be_broken() {
    let broken = "
        CIRCLE_BUILD_NUM=x
        CIRCLE_SHA1=x
        CIRCLE_NODE_INDEX=x
        CIRCLE_NODE_TOTAL=2";
    assert!(detect(&[CIRCLE, broken]).is_err());
    let context = Context::detect(&inputs(&[CIRCLE, broken]), &every_value(3)).unwrap();
    assert_eq!(field(&context, "number").unwrap(), "36 (--number)");
}

#[test]
fn a_repository_url_as_the_project_loses_its_token() {
    let context = detect(&[
        CIRCLE,
        "BATON_PROJECT=https://jane:t0ken@github.com/acme/shop.git",
    ])
    .unwrap();
    assert_eq!(
        field(&context, "project").unwrap(),
        "gh/acme/shop (BATON_PROJECT)"
    );
}
