use proptest::prelude::*;

use super::*;

const DIGEST: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn latest(branch: &str) -> Selector {
    Selector::Latest {
        branch: Some(branch.to_owned()),
    }
}

#[test]
fn every_form_is_read_and_written() {
    let tree = format!("tree:{DIGEST}");
    let commit = format!("sha:{DIGEST}");
    for (text, selector) in [
        ("latest", Selector::Latest { branch: None }),
        ("latest@main", latest("main")),
        ("latest@feature/a@2:b", latest("feature/a@2:b")),
        ("latest@@", latest("@")),
        ("build:1234", Selector::Build(1234)),
        ("build:0", Selector::Build(0)),
        ("build:18446744073709551615", Selector::Build(u64::MAX)),
        ("sha:abc1", Selector::Commit("abc1".to_owned())),
        (&commit, Selector::Commit(DIGEST.to_owned())),
        ("tag:v1.2", Selector::Tag("v1.2".to_owned())),
        ("channel:prod eu", Selector::Channel("prod eu".to_owned())),
        (
            "tag:release/2026 é:1",
            Selector::Tag("release/2026 é:1".to_owned()),
        ),
        ("workspace", Selector::Workspace),
        ("workflow:6a1f-22", Selector::Workflow("6a1f-22".to_owned())),
        (&tree, Selector::Tree(DIGEST.to_owned())),
    ] {
        assert_eq!(text.parse(), Ok(selector.clone()));
        assert_eq!(selector.to_string(), text);
    }
}

#[test]
fn digits_are_normalised() {
    assert_eq!("sha:ABCdef0".parse(), Ok(Selector::Commit("abcdef0".to_owned())));
    assert_eq!("build:007".parse(), Ok(Selector::Build(7)));
    let tree = format!("tree:{}", DIGEST.to_uppercase());
    assert_eq!(tree.parse(), Ok(Selector::Tree(DIGEST.to_owned())));
}

#[test]
fn what_was_meant_is_suggested() {
    let bare_tree = format!("tree:{DIGEST}");
    let long = format!("latest:{}", "b".repeat(300));
    let bare_commit = format!("sha:{}", &"abcdef".repeat(10));
    #[rustfmt::skip]
    let cases = [
        // Mistyped kinds.
        ("lastest", Some("latest")),
        ("lates", Some("latest")),
        ("Latest", Some("latest")),
        ("LATEST@Main", Some("latest@Main")),
        ("latst@a/b", Some("latest@a/b")),
        ("biuld:7", Some("build:7")),
        ("BUILD:7", Some("build:7")),
        ("builds:7", Some("build:7")),
        ("shaw:abcd", Some("sha:abcd")),
        ("tga:v1", Some("tag:v1")),
        ("wrokspace", Some("workspace")),
        ("workflw:x", Some("workflow:x")),
        // Other words, and other separators.
        ("commit:ABCD", Some("sha:abcd")),
        ("branch:main", Some("latest@main")),
        ("newest", Some("latest")),
        ("number=7", Some("build:7")),
        ("latest:main", Some("latest@main")),
        ("latest@", Some("latest")),
        ("latest@ main", Some("latest@main")),
        ("build@7", Some("build:7")),
        ("build#7", Some("build:7")),
        ("build: 7", Some("build:7")),
        ("commit : abcd", Some("sha:abcd")),
        (" latest\n", Some("latest")),
        ("workspace:x", Some("workflow:x")),
        ("workspace:", Some("workspace")),
        // Values without a kind.
        ("1234", Some("build:1234")),
        ("#1234", Some("build:1234")),
        (" 1234\n", Some("build:1234")),
        ("1234567", Some("build:1234567")),
        ("12345678901234567890123", Some("sha:12345678901234567890123")),
        ("abcdef1", Some("sha:abcdef1")),
        ("ABCDEF1", Some("sha:abcdef1")),
        (bare_commit.trim_start_matches("sha:"), Some(bare_commit.as_str())),
        (bare_tree.trim_start_matches("tree:"), Some(bare_tree.as_str())),
        // The value does not fit, so only the form can be told.
        ("build", Some("build:NUMBER")),
        ("build:", Some("build:NUMBER")),
        ("build:x", Some("build:NUMBER")),
        ("build:+7", Some("build:NUMBER")),
        ("build:-7", Some("build:NUMBER")),
        ("build:18446744073709551616", Some("build:NUMBER")),
        ("sha:abc", Some("sha:COMMIT")),
        ("sha:abcg", Some("sha:COMMIT")),
        ("sha:é123", Some("sha:COMMIT")),
        ("tag:", Some("tag:NAME")),
        ("tag:a\nb", Some("tag:NAME")),
        ("workflow", Some("workflow:ID")),
        ("tree:abcdef0", Some("tree:ID")),
        // Nothing is near, or it is too long to be repeated.
        (&long, None),
        ("release:production", None),
        ("abcdef", None),
        ("main", None),
        ("vintage", None),
        (":7x", None),
        ("@", None),
        ("é", None),
    ];
    for (text, meant) in cases {
        let suggestion = match text.parse::<Selector>() {
            Err(
                SelectorError::UnknownKind { suggestion, .. } | SelectorError::Malformed { suggestion, .. },
            ) => suggestion,
            other => Some(format!("{other:?}")),
        };
        assert_eq!(suggestion.as_deref(), meant, "for `{text}`");
    }
}

#[test]
fn messages_name_the_text_the_reason_and_what_was_meant() {
    const KNOWN: &str = "latest, latest@BRANCH, build:NUMBER, sha:COMMIT, tag:NAME, channel:NAME, workspace, workflow:ID, tree:ID";
    let long = "x".repeat(1025);
    #[rustfmt::skip]
    let cases = [
        ("", format!("a selector is empty; known are {KNOWN}")),
        ("release:production", format!("unknown selector kind in `release:production`; known are {KNOWN}")),
        ("1234", format!("unknown selector kind in `1234`; known are {KNOWN}; did you mean `build:1234`?")),
        ("latest:", "selector `latest:` is not valid: a branch follows `@`; did you mean `latest`?".to_owned()),
        ("tag", "selector `tag` is not valid: a value follows `:`; did you mean `tag:NAME`?".to_owned()),
        ("tag:", "selector `tag:` is not valid: a name is missing; did you mean `tag:NAME`?".to_owned()),
        (
            "tag:v1\n",
            "selector `tag:v1\n` is not valid: a name has no space at either end, and no control characters; \
             did you mean `tag:v1`?".to_owned(),
        ),
        (
            "build:x",
            "selector `build:x` is not valid: a build number is decimal digits; did you mean `build:NUMBER`?".to_owned(),
        ),
        (
            "build:18446744073709551616",
            "selector `build:18446744073709551616` is not valid: a build number is at most 18446744073709551615; \
             did you mean `build:NUMBER`?".to_owned(),
        ),
        (
            "sha:abc",
            "selector `sha:abc` is not valid: a commit is 4 to 64 hexadecimal digits; did you mean `sha:COMMIT`?".to_owned(),
        ),
        (
            "tree:abc",
            "selector `tree:abc` is not valid: a tree id is 64 hexadecimal digits; did you mean `tree:ID`?".to_owned(),
        ),
        (
            "workspace:x",
            "selector `workspace:x` is not valid: this workflow's workspace takes no value; \
             did you mean `workflow:x`?".to_owned(),
        ),
        (&long, format!("selector `{}…` is 1025 bytes long, more than 1024", "x".repeat(200))),
    ];
    assert!(
        "x".repeat(1024)
            .parse::<Selector>()
            .is_err_and(|error| error.to_string().starts_with("unknown"))
    );
    for (text, message) in cases {
        assert_eq!(
            text.parse::<Selector>().map_err(|error| error.to_string()),
            Err(message)
        );
    }
}

#[test]
fn the_module_lists_every_form() {
    let header = include_str!("mod.rs");
    for form in known().split(", ") {
        assert!(
            header.contains(&format!("//! | `{form}` |")),
            "`{form}` is not in the table"
        );
    }
}

#[test]
fn edits_are_counted() {
    for (from, to, edits) in [
        ("", "", 0),
        ("", "abc", 3),
        ("abc", "abc", 0),
        ("abc", "abd", 1),
        ("abc", "ab", 1),
        ("abc", "xabc", 1),
        ("abc", "acb", 1),
        ("biuld", "build", 1),
        ("lastest", "latest", 1),
        ("kitten", "sitting", 3),
        // What was swapped is not edited again: with that, it would be 2.
        ("ca", "abc", 3),
        ("ab", "ba", 1),
        ("abcd", "badc", 2),
        ("naïve", "naive", 1),
    ] {
        let [from_chars, to_chars] = [from, to].map(|text| text.chars().collect::<Vec<_>>());
        assert_eq!(distance(&from_chars, &to_chars), edits, "{from} to {to}");
        assert_eq!(distance(&to_chars, &from_chars), edits, "{to} to {from}");
    }
}

#[test]
fn near_names_come_best_first() {
    let branches = [
        "main",
        "mian",
        "maintenance",
        "feature/login-form",
        "feature/logout",
        "release/1",
        "dev",
    ];
    #[rustfmt::skip]
    let cases: &[(&str, &[&str])] = &[
        ("main", &["main", "mian", "maintenance"]),
        ("MAIN", &["main", "mian", "maintenance"]),
        ("mina", &["mian"]),
        ("login", &["feature/login-form"]),
        ("feature/login", &["feature/logout", "feature/login-form"]),
        ("feature/logn-form", &["feature/login-form", "feature/logout"]),
        ("release/2", &["release/1"]),
        ("release/1-hotfix-of-something", &[]),
        ("release/1-hotfix", &["release/1"]),
        ("feature/other-things-altogether", &[]),
        ("de", &["dev"]),
        ("d", &[]),
        ("", &[]),
        ("x", &[]),
    ];
    for (wanted, near) in cases {
        assert_eq!(nearest(wanted, branches.into_iter(), 3), *near, "near `{wanted}`");
    }
    assert_eq!(nearest("main", branches.into_iter(), 1), ["main"]);
    assert_eq!(nearest("main", branches.into_iter(), 0), [""; 0]);
    assert_eq!(
        nearest("ab1", ["ab3", "ab2", "ab3"].into_iter(), 9),
        ["ab2", "ab3"]
    );
    assert_eq!(nearest("dev", ["DEV", "other"].into_iter(), 9), ["DEV"]);
    // Too long to be compared, but one still starts the other.
    let (long, longer) = ("x".repeat(300), "x".repeat(301));
    assert_eq!(
        nearest(&long, [longer.as_str()].into_iter(), 1),
        [longer.as_str()]
    );
    assert_eq!(
        nearest(&format!("y{long}"), [format!("z{long}").as_str()].into_iter(), 1),
        [""; 0]
    );
}

/// The definition, read from the ends.
fn naive_distance(from: &[char], to: &[char]) -> usize {
    let ([from_start @ .., from_last], [to_start @ .., to_last]) = (from, to) else {
        return from.len().max(to.len());
    };
    let edited = (naive_distance(from_start, to) + 1)
        .min(naive_distance(from, to_start) + 1)
        .min(naive_distance(from_start, to_start) + usize::from(from_last != to_last));
    match (from_start, to_start) {
        ([from_rest @ .., from_other], [to_rest @ .., to_other])
            if from_last == to_other && from_other == to_last =>
        {
            edited.min(naive_distance(from_rest, to_rest) + 1)
        }
        _ => edited,
    }
}

fn selectors() -> impl Strategy<Value = Selector> {
    let name = || {
        "[^\\s\\p{Cc}]([^\\p{Cc}]{0,12}[^\\s\\p{Cc}])?"
            .prop_filter("nobody can give such a name", |name| crate::name::is_plain(name))
    };
    prop_oneof![
        Just(Selector::Latest { branch: None }),
        name().prop_map(|branch| Selector::Latest { branch: Some(branch) }),
        any::<u64>().prop_map(Selector::Build),
        "[0-9a-f]{4,64}".prop_map(Selector::Commit),
        name().prop_map(Selector::Tag),
        name().prop_map(Selector::Channel),
        Just(Selector::Workspace),
        name().prop_map(Selector::Workflow),
        "[0-9a-f]{64}".prop_map(Selector::Tree),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn selectors_survive_writing_and_reading(selector in selectors()) {
        prop_assert_eq!(selector.to_string().parse(), Ok(selector));
    }

    #[test]
    fn any_text_is_read_or_refused_with_something_valid(
        text in "\\PC{0,12}|\\s{0,1}(latest|build|sha|tag|tree|work[a-z]{0,5}|[a-z]{0,6})[:@=# ]{0,2}[a-f0-9\\s]{0,9}",
    ) {
        match text.parse::<Selector>() {
            Ok(selector) => prop_assert_eq!(selector.to_string().parse(), Ok(selector)),
            Err(SelectorError::UnknownKind { suggestion, .. } | SelectorError::Malformed { suggestion, .. }) => {
                let is_valid = |text: &String| {
                    KINDS.iter().any(|(_, form)| form == text) || text.parse::<Selector>().is_ok()
                };
                prop_assert!(suggestion.iter().all(is_valid), "`{:?}` for `{}`", suggestion, text);
                prop_assert_ne!(suggestion, Some(text));
            }
            Err(error) => prop_assert!(text.is_empty(), "{} for `{}`", error, text),
        }
    }

    #[test]
    fn distance_agrees_with_its_definition(from in "[abc]{0,5}", to in "[abc]{0,5}") {
        let [from, to] = [from, to].map(|text| text.chars().collect::<Vec<_>>());
        prop_assert_eq!(distance(&from, &to), naive_distance(&from, &to));
    }

    #[test]
    fn nearest_returns_known_names_best_first(
        wanted in "[ab/]{0,8}",
        known in proptest::collection::vec("[ab/]{0,8}", 0..12),
        most in 0_usize..5,
    ) {
        let near = nearest(&wanted, known.iter().map(String::as_str), most);
        prop_assert!(near.len() <= most);
        prop_assert!(near.iter().all(|name| known.iter().any(|known| known == name)));
        let closeness: Vec<_> = near.iter().map(|name| closeness(&wanted, name)).collect();
        prop_assert!(closeness.is_sorted() && closeness.iter().all(Option::is_some));
        if most > 0 && known.contains(&wanted) && !wanted.is_empty() {
            prop_assert_eq!(near.first().copied(), Some(wanted.as_str()));
        }
    }
}
