//! Selections: what the patterns of a request take together, and the warnings about them.

use super::*;

#[test]
fn a_selection_takes_directories_whole_and_excludes_win() -> Tested {
    /// The patterns, what they take, and what they leave.
    type Case = (
        &'static [&'static str],
        &'static [&'static str],
        &'static [&'static str],
    );
    #[rustfmt::skip]
    let cases: &[Case] = &[
        (&["dist"], &["dist", "dist/a", "dist/a/b"], &["a", "distx", "a/dist", ""]),
        (&["."], &["a", "a/b", ".git/x"], &[""]),
        (&["dist", "!dist/*.map"], &["dist", "dist/a.js", "dist/x/a.map"], &["dist/a.map"]),
        (&["!**/node_modules", "."], &["a", "a/b"], &["node_modules", "a/node_modules/x/y"]),
        (&[".", "!a/**"], &["a", "b"], &["a/b", "a/b/c"]),
        (&["a", "a/b/c", "!a/b"], &["a", "a/x"], &["a/b", "a/b/c"]),
        (&["**/*.rs", "!target/"], &["a.rs", "x/b.rs"], &["target/a.rs", "target", "x"]),
        (&[r"\!a", "b"], &["!a", "b"], &["a"]),
        (&["*", "!!a"], &["a", "b"], &["!a"]),
        (&["{a,b}/c"], &["a/c", "b/c/d"], &["a", "b", "c"]),
    ];
    for (patterns, taken, left) in cases {
        selection(patterns)?;
        for path in *taken {
            assert!(takes(patterns, path)?, "{patterns:?} must take `{path}`");
        }
        for path in *left {
            assert!(!takes(patterns, path)?, "{patterns:?} must leave `{path}`");
        }
    }
    Ok(())
}

#[test]
fn check_selects_descends_and_skips() -> Tested {
    use Verdict::{Descend, Selected, Skip};
    let mut selection = selection(&["a/*.rs", "b", "!b/x", "!*.tmp"])?;
    for (path, is_directory, parent, verdict) in [
        ("a", true, Descend, Descend),
        ("a", false, Descend, Skip),
        ("a/m.rs", false, Descend, Selected),
        ("a/m.rs", true, Descend, Selected),
        ("a/m.js", false, Descend, Skip),
        ("a/d", true, Descend, Skip),
        ("b", true, Descend, Selected),
        ("b/x", true, Selected, Skip),
        ("b/x/y", false, Skip, Skip),
        ("b/y", true, Selected, Selected),
        ("c.tmp", true, Descend, Skip),
        ("c", true, Descend, Skip),
        ("a/m.rs", false, Skip, Skip),
    ] {
        assert_eq!(
            selection.check(path, is_directory, parent),
            verdict,
            "{path} in {parent:?}"
        );
    }
    Ok(())
}

#[test]
fn patterns_that_took_nothing_are_reported() -> Tested {
    use Verdict::{Descend, Selected};
    let patterns = ["dist", "dist/*.js", "*.log", "none", "!x.log", "./docs/"];
    let mut selection = selection(&patterns)?;
    let unmatched = |selection: &Selection| -> Vec<String> {
        selection.unmatched().map(|(text, _)| text.to_owned()).collect()
    };
    assert_eq!(
        unmatched(&selection),
        ["dist", "dist/*.js", "*.log", "none", "./docs/"]
    );
    assert_eq!(selection.check("dist", true, Descend), Selected);
    // Below what is taken already, other patterns are still seen to match.
    assert_eq!(selection.check("dist/a.js", false, Selected), Selected);
    // What only matches excluded paths takes nothing.
    assert_eq!(selection.check("x.log", false, Descend), Verdict::Skip);
    assert_eq!(selection.check("docs", true, Descend), Selected);
    assert_eq!(unmatched(&selection), ["*.log", "none"]);
    Ok(())
}

#[test]
fn a_text_that_exists_is_that_path() -> Tested {
    use Verdict::{Descend, Selected, Skip};
    let odd = [
        "pages/[id].js",
        "*",
        "?",
        "a{b",
        "[",
        "[z-a]",
        r"back\slash",
        r"end\",
        "x**y",
        "!first",
        "{a,b}",
        "[...all]/x",
    ];
    for name in odd {
        for text in [name.to_owned(), format!("./{name}"), format!("{name}/")] {
            let mut asked = Vec::new();
            let mut exists = |path: &str| {
                asked.push(path.to_owned());
                Ok::<_, GlobError>(path == name)
            };
            let mut selection = Selection::parse(&[&text], &mut exists)?;
            let mut verdict = Descend;
            let ends = name.match_indices('/').map(|(end, _)| end).chain([name.len()]);
            for path in ends.filter_map(|end| name.get(..end)) {
                verdict = selection.check(path, path.len() < name.len(), verdict);
            }
            assert_eq!(verdict, Selected, "`{text}` asked for {asked:?}");
            assert_eq!(selection.unmatched().count(), 0);
            assert_eq!(
                selection.check("i", false, Descend),
                Skip,
                "`{text}` is no pattern"
            );
        }
        // Excluded by its name, too.
        let exclude = format!("!{name}");
        let mut selection = Selection::parse(&[".", &exclude], |path| Ok::<_, GlobError>(path == name))?;
        assert_eq!(selection.check(name, false, Selected), Skip, "`{exclude}`");
        assert_eq!(selection.check("i", false, Selected), Selected, "`{exclude}`");
        assert_eq!(selection.unused().count(), 0);
    }
    Ok(())
}

#[test]
fn what_a_text_would_have_meant_as_a_pattern_is_remembered() -> Tested {
    use Verdict::{Descend, Selected};
    let named =
        |patterns: &[&str], name: &str| Selection::parse(patterns, |path| Ok::<_, GlobError>(path == name));
    let shadowed = |selection: &Selection| -> Vec<(String, String, bool)> {
        let owned = |it: Shadowed<'_>| (it.text.to_owned(), it.other.to_owned(), it.is_ambiguous);
        selection.shadowed().map(owned).collect()
    };
    let mut selection = named(&["p/[id].js"], "p/[id].js")?;
    assert_eq!(selection.check("p", true, Descend), Descend);
    assert_eq!(selection.check("p/[id].js", false, Descend), Selected);
    assert_eq!(shadowed(&selection), []);
    selection.check("p/i.js", false, Descend);
    assert_eq!(
        shadowed(&selection),
        [("p/[id].js".into(), "p/i.js".into(), false)]
    );
    // A directory that only the pattern would lead into is looked into, or nobody could tell.
    let mut selection = named(&["[ab]/c"], "[ab]/c")?;
    assert_eq!(selection.check("a", true, Descend), Descend);
    selection.check("a/c", false, Descend);
    assert_eq!(shadowed(&selection).len(), 1);
    // What is taken anyway is no other: a shell has expanded `p/*`.
    let mut selection = named(&["p/[id].js", "p/i.js"], "p/[id].js")?;
    selection.check("p/i.js", false, Descend);
    assert_eq!(shadowed(&selection), []);
    // An exclude that names a path leaves in what the pattern would have left out.
    let mut selection = named(&[".", "!*.key"], "*.key")?;
    assert_eq!(selection.check("a.key", false, Descend), Selected);
    assert_eq!(shadowed(&selection), [("!*.key".into(), "a.key".into(), false)]);
    // `!x` that exists, beside `x` that exists, may mean either.
    let mut selection = named(&[".", "!x"], "!x")?;
    assert_eq!(selection.check("!x", false, Descend), Selected);
    assert_eq!(shadowed(&selection), []);
    selection.check("x", false, Descend);
    assert_eq!(shadowed(&selection), [("!x".into(), "x".into(), true)]);
    Ok(())
}

#[test]
fn excludes_that_left_nothing_out_are_reported() -> Tested {
    let mut selection = selection(&[".", "!a", "!a/b", "!typo", "!**/*.map", "!a/*.map"])?;
    selection.check("a", true, Verdict::Descend);
    selection.check("b.map", false, Verdict::Descend);
    // `a/b` went with `a`; what a wildcard might have matched there is not known.
    assert_eq!(selection.unused().collect::<Vec<_>>(), ["!typo", "!a/*.map"]);
    Ok(())
}

#[test]
fn where_nobody_looked_is_remembered_for_what_matches_nothing() -> Tested {
    let mut selection = selection(&["bin/*.jar", "b*/x", "**/y", "bin", "z", "found"])?;
    selection.check("found", false, Verdict::Descend);
    assert!(selection.note_barrier("bin"));
    assert!(!selection.note_barrier("bin"), "the first one is enough");
    assert!(selection.note_barrier("z"));
    let unmatched: Vec<_> = selection.unmatched().collect();
    let bin = Some("bin");
    assert_eq!(
        unmatched,
        [
            ("bin/*.jar", bin),
            ("b*/x", bin),
            ("**/y", bin),
            ("bin", bin),
            ("z", Some("z"))
        ]
    );
    Ok(())
}

#[test]
fn a_selection_must_include_something() {
    let refused = |patterns: &[&str]| selection(patterns).map(|_| ()).err();
    assert_eq!(refused(&[]), Some(GlobError::NoPattern));
    assert_eq!(
        refused(&["!a", "!b"]),
        Some(GlobError::new("!a", GlobFault::OnlyExcludes))
    );
    assert_eq!(refused(&["a", "!"]), Some(GlobError::new("!", GlobFault::Empty)));
    assert_eq!(
        refused(&["a", "!b//c"]),
        Some(GlobError::new("!b//c", GlobFault::EmptyComponent(4)))
    );
    assert_eq!(
        refused(&["!/a", "b"]),
        Some(GlobError::new("!/a", GlobFault::Absolute))
    );
    assert_eq!(
        refused(&["!dist"]).map(|error| error.to_string()).as_deref(),
        Some(
            "pattern `!dist` only excludes, and no pattern includes anything; add one that does, such as `.`"
        )
    );
}
