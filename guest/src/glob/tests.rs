use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

type Tested = Result<(), GlobError>;

/// Returns the selection of patterns where nothing exists that is written like one.
fn selection<S: AsRef<str>>(patterns: &[S]) -> Result<Selection, GlobError> {
    Selection::parse(patterns, |_| Ok(false))
}

/// Returns whether patterns take `path`: it or a directory above it is included, and none of them is excluded. What a
/// walk with [`Selection::check`] must come to.
fn takes<S: AsRef<str>>(patterns: &[S], path: &str) -> Result<bool, GlobError> {
    let (mut includes, mut excludes) = (Vec::new(), Vec::new());
    for pattern in patterns.iter().map(S::as_ref) {
        match pattern.strip_prefix('!') {
            Some(pattern) => excludes.push(Glob::parse(pattern)?),
            None => includes.push(Glob::parse(pattern)?),
        }
    }
    let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
    let mut taken = false;
    for prefix in ends.filter_map(|end| path.get(..end)) {
        if excludes.iter().any(|glob| glob.matches(prefix)) {
            return Ok(false);
        }
        taken = taken || includes.iter().any(|glob| glob.matches(prefix));
    }
    Ok(taken)
}

/// A pattern, what it matches, and what it does not.
type Case = (&'static str, &'static [&'static str], &'static [&'static str]);

#[rustfmt::skip]
const MATCHING: &[Case] = &[
    ("a", &["a"], &["A", "ab", "b", "a/b", "b/a", ""]),
    ("dist/app.js", &["dist/app.js"], &["dist", "dist/app_js", "x/dist/app.js", "dist/app.js/x"]),
    ("*", &["a", ".a", "...", "é", "a b"], &["a/b", ""]),
    ("*.js", &[".js", "a.js", "a.b.js"], &["ajs", "a.jsx", "d/a.js", "a.js/b"]),
    ("a*", &["a", "ab", "a*"], &["ba", "a/b"]),
    ("a*b*c", &["abc", "axbxc", "abbcc", "abcbc"], &["ab", "ac", "acb", "ab/c"]),
    ("?", &["a", "é", "漢", "🦀"], &["ab", "a/b", "", "e\u{301}"]),
    ("a?b", &["axb", "a.b", "a?b"], &["ab", "a/b", "axxb"]),
    ("[abc]", &["a", "b", "c"], &["d", "ab", "A", "[abc]"]),
    ("[a-cx]", &["a", "b", "c", "x"], &["d", "-", "w"]),
    ("[!a]", &["b", "!", "é"], &["a", "bb", "a/b"]),
    ("[^a-z]", &["A", "^", "0"], &["a", "z"]),
    ("[a^!]", &["a", "^", "!"], &["b"]),
    ("[]a]", &["]", "a"], &["[", "[]a]"]),
    ("[!]a]", &["b", "["], &["]", "a"]),
    ("[-a]", &["-", "a"], &["b"]),
    ("[a-]", &["-", "a"], &["b"]),
    ("[a-c-e]", &["b", "-", "e"], &["d"]),
    (r"[\]\-\\]", &["]", "-", "\\"], &["a", "[", "/"]),
    (r"[a\]b]", &["a", "]", "b"], &["a]", "\\"]),
    (r"[+-\]]", &["+", "A", "]", "."], &["*", "/", "^"]),
    ("[*?{,}]", &["*", "?", "{", ",", "}"], &["a", ""]),
    ("[α-ω]", &["β"], &["a", "Α"]),
    ("a[!b]c", &["axc", "a]c"], &["abc", "a/c", "ac"]),
    (r"a\[1\].txt", &["a[1].txt"], &["a1.txt", r"a\[1\].txt"]),
    (r"\*\?\{\\", &[r"*?{\"], &["aa{b"]),
    (r"\a\/b", &["a/b"], &[r"\a/b", "a", "b"]),
    (r"\!a", &["!a"], &["a", r"\!a"]),
    ("!a", &["!a"], &["a"]),
    ("**", &["a", "a/b", ".a/.b/c"], &[""]),
    ("a/**", &["a/b", "a/b/c", "a/.b"], &["a", "b", "ab", "b/a/c"]),
    ("**/a", &["a", "b/a", "b/c/a", "a/a"], &["b", "a/b", "ba", "b/ba"]),
    ("a/**/b", &["a/b", "a/x/b", "a/x/y/b", "a/b/b"], &["a", "b", "a/b/x", "x/a/b", "ab", "a/xb"]),
    ("**/a/**", &["a/b", "x/a/b", "a/a", "x/a/y/z"], &["a", "x/a", "b"]),
    ("**/**", &["a", "a/b"], &[""]),
    ("a/**/**/b", &["a/b", "a/x/b"], &["a", "a/x"]),
    ("a/**/**", &["a/b", "a/b/c"], &["a"]),
    ("**/*", &["a", "a/b", "a/b/c"], &[""]),
    ("*/**", &["a/b", "a/b/c"], &["a"]),
    ("**/a*/b", &["a/b", "x/ay/b", "a/x/a/b"], &["a/x/b", "x/b"]),
    ("**/a/*/b/**/c", &["a/x/b/c", "a/a/x/b/y/z/c", "a/x/a/y/b/c"], &["a/b/c", "a/x/y/b/c/d"]),
    ("src/**/*.{rs,toml}", &["src/a.rs", "src/x/b.toml"], &["src", "a.rs", "src/a.r", "src/a.rs/x"]),
    ("{a,b}", &["a", "b"], &["c", "ab", "{a,b}", "a,b"]),
    ("x{a,b{c,d}}y", &["xay", "xbcy", "xbdy"], &["xby", "xcy", "xacy"]),
    ("{a,b}{c,d}", &["ac", "ad", "bc", "bd"], &["ab", "cd", "a"]),
    ("{a/b,c}/d", &["a/b/d", "c/d"], &["a/d", "b/d", "a/b"]),
    ("a{,.gz}", &["a", "a.gz"], &["a,.gz"]),
    ("a{}b{c}", &["abc"], &["a{}b{c}", "ab"]),
    ("a{,/}", &["a"], &["a/b"]),
    ("a{/**,}/b", &["a/b", "a/x/b"], &["a"]),
    ("{**/,}a", &["a", "b/a"], &["ba"]),
    ("{[,],x}", &[",", "x"], &["[", "]"]),
    (r"{a\,b,c\}}", &["a,b", "c}"], &["a", "b", "c"]),
    ("{a,b}}", &["a}", "b}"], &["a", "b"]),
    ("a,b}]", &["a,b}]"], &["a"]),
    ("{1..3}", &["1..3"], &["1", "2"]),
    (".", &["a", "a/b", ".a"], &[""]),
    ("./", &["a", "a/b"], &[]),
    ("./.", &["a", "a/b"], &[]),
    ("./a", &["a"], &["b/a", "./a"]),
    ("a/", &["a"], &["a/b"]),
    ("a/./b/.", &["a/b"], &["a/./b", "a"]),
    ("a/**/.", &["a/b"], &["a"]),
    (".*", &[".a", "."], &["a"]),
    ("...", &["..."], &["a"]),
    ("a\nb", &["a\nb"], &["a", "b"]),
];

#[test]
fn patterns_match_what_they_say() -> Tested {
    for (pattern, matched, others) in MATCHING {
        let glob = Glob::parse(pattern)?;
        assert_eq!(glob.text(), *pattern);
        for path in *matched {
            assert!(glob.matches(path), "`{pattern}` must match `{path}`");
        }
        for path in *others {
            assert!(!glob.matches(path), "`{pattern}` must not match `{path}`");
        }
    }
    Ok(())
}

#[test]
fn walks_are_pruned_where_nothing_can_match() -> Tested {
    #[rustfmt::skip]
    const BELOW: &[Case] = &[
        ("a", &[""], &["a", "b", "a/b"]),
        ("a/b/c", &["", "a", "a/b"], &["b", "a/b/c", "a/c", "ab", "a/bc"]),
        ("a*/b?", &["", "a", "ab"], &["b", "a/b", "a/bc", "ba"]),
        ("**", &["", "a", "a/b"], &[]),
        ("a/**", &["", "a", "a/b", "a/b/c"], &["b", "ab"]),
        ("a/**/b", &["", "a", "a/b", "a/x/y"], &["b", "x/a"]),
        ("{a,b/c}/d", &["", "a", "b", "b/c"], &["c", "b/d", "a/d"]),
        (".", &["", "a", "a/b"], &[]),
        ("[!a]/b", &["", "b"], &["a", "bb"]),
    ];
    for (pattern, entered, pruned) in BELOW {
        let glob = Glob::parse(pattern)?;
        for directory in *entered {
            assert!(
                glob.may_match_below(directory),
                "`{pattern}` may match below `{directory}`"
            );
        }
        for directory in *pruned {
            assert!(
                !glob.may_match_below(directory),
                "`{pattern}` cannot match below `{directory}`"
            );
        }
    }
    Ok(())
}

#[test]
fn only_patterns_for_one_path_are_literal() -> Tested {
    for pattern in ["a", "./a/b/", r"a\[1\].txt", r"\*", "{a}", "a}", "!a"] {
        assert!(Glob::parse(pattern)?.is_literal(), "`{pattern}` is literal");
    }
    for pattern in [".", "*", "a?", "[a]", "a/**", "{a,b}", r"\**"] {
        assert!(!Glob::parse(pattern)?.is_literal(), "`{pattern}` is not literal");
    }
    Ok(())
}

#[test]
fn faults_are_placed() {
    use GlobFault::*;
    let cases: &[(GlobFault, &[&str])] = &[
        (Empty, &["", "{,a}", "{}", "{{},a}", "{,}"]),
        (Absolute, &["/", "//a", "{a,/b}", r"\/a", "{/,a}b"]),
        (Parent(1), &["..", r"\.\.", "../a", "../"]),
        (Parent(3), &["é/..", "./../b", "a/../b", "a/.{.,x}/b", "a/..{}/b"]),
        (Parent(6), &["a/{b,..}", "a{b}/.."]),
        (EmptyComponent(3), &["a//b", "a//", ".//a", r"a/\/b", "a///"]),
        (EmptyComponent(7), &["{a/,b}/c"]),
        (
            UnclosedClass(1),
            &["[", "[]", "[!]", "[^", r"[a-\/]", r"[a\", "[a-", "[a/b]", r"[\]"],
        ),
        (UnclosedClass(2), &["a[b", "{[}"]),
        (ReversedRange(2, 'z', 'a'), &["[z-a]", "[z-a"]),
        (ReversedRange(3, 'z', 'a'), &["[!z-a]", "x[z-a]", r"[x\z-\a]"]),
        (UnclosedBrace(1), &["{", "{a", "{a,", "{a{b}", "{a[}]", r"{a\}"]),
        (UnclosedBrace(2), &["a{b", "a{b{c}"]),
        (TrailingEscape, &[r"\", r"a\", r"a\\\", r"{a\"]),
        (GluedStars(1), &["***", "**a", "****", "**{a,b}", "**[a]", "**?"]),
        (GluedStars(2), &["a**", "a**/b"]),
        (GluedStars(3), &["x/**a", "a{*,b}*", r"\***"]),
        (Nul(2), &["a\0", "é\0[", "[\0]"]),
    ];
    for (fault, patterns) in cases {
        for pattern in *patterns {
            let refused = Glob::parse(pattern).map(|_| ());
            assert_eq!(refused, Err(GlobError::new(pattern, fault.clone())));
        }
    }
}

#[test]
fn messages_say_what_to_do() {
    let alternatives = "{a,b}".repeat(10);
    #[rustfmt::skip]
    let cases = [
        ("", "is empty or has an empty alternative; `.` selects everything below the root"),
        ("/a", "is absolute; write it relative to the root, with no `/` at its start"),
        ("é/../b", "has `..` at character 3; name something below the root, or choose a root further up"),
        ("a//b", "has an empty component at character 3; write a single `/`"),
        ("a[", "has a `[` at character 2 without a `]` before the next `/`; close it, or write `\\[`"),
        ("[z-a]", "has the range `z-a` at character 2, which is backwards; write `a-z`"),
        ("a{b", "has a `{` at character 2 without a `}`; close it, or write `\\{`"),
        (r"a\", r"ends in a `\` that escapes nothing; remove it, or write `\\`; names are separated by `/`"),
        ("a**", "has `**` beside other characters at character 2; write `*`, or put `**` alone between `/`"),
        (&alternatives, "expands to more than 1000 alternatives or 524288 characters; split it into several patterns"),
    ];
    for (pattern, fault) in cases {
        let message = Glob::parse(pattern).map_err(|error| error.to_string()).err();
        assert_eq!(message, Some(format!("pattern `{pattern}` {fault}")));
    }
}

#[test]
fn messages_are_short() {
    let message = |pattern: &str| Glob::parse(pattern).map_err(|error| error.to_string()).err();
    assert_eq!(
        message("a\0b").as_deref(),
        Some("pattern `a\0b` has a NUL at character 2, which no path can have; remove it")
    );
    assert_eq!(
        message("\u{1b}[31m\n").as_deref(),
        Some(
            "pattern `\u{1b}[31m\n` has a `[` at character 2 without a `]` before the next `/`; \
             close it, or write `\\[`"
        )
    );
    assert_eq!(
        message(&"é".repeat(2049)),
        Some(format!(
            "pattern `{}…` is 4098 bytes long, more than 4096; split it into several patterns",
            "é".repeat(200)
        ))
    );
    assert_eq!(message(&"é".repeat(2048)), None);
}

#[test]
fn braces_expand_to_a_thousand_alternatives_and_no_more() -> Tested {
    let group = |count: usize| format!("{{{}}}", vec!["a"; count].join(","));
    let expanded = |pattern: &str| Glob::parse(pattern).map(|glob| glob.alternatives.len());
    assert_eq!(expanded(&group(1000)), Ok(1000));
    assert_eq!(expanded(&group(10).repeat(3)), Ok(1000));
    assert_eq!(expanded(&format!("{{{},b}}", group(999))), Ok(1000));
    for pattern in [
        group(1001),
        group(10).repeat(3) + "{a,b}",
        format!("{{{},b,c}}", group(999)),
    ] {
        let refused = GlobError::new(&pattern, GlobFault::TooManyAlternatives);
        assert_eq!(expanded(&pattern), Err(refused));
    }
    // 600 alternatives are allowed, but not of 2,000 characters each.
    assert!(expanded(&(group(600) + &"a".repeat(2000))).is_err());
    // Nesting is not recursion.
    assert_eq!(
        expanded(&format!("{}a{}", "{".repeat(400), "}".repeat(400))),
        Ok(1)
    );
    assert!(expanded(&format!("{}a{}", "{".repeat(2047), "}".repeat(2047))).is_err());
    Ok(())
}

#[test]
fn matching_is_never_exponential() -> Tested {
    let name = "a".repeat(4000);
    let path = vec!["a"; 2000].join("/");
    let started = Instant::now();
    for (pattern, path) in [
        ("a*".repeat(2000) + "b", &name),
        (format!("*{}b", "a".repeat(1000)), &name),
        (format!("{}b", "*a?".repeat(1000)), &name),
        ("**/a/".repeat(800) + "b", &path),
        ("**/*a*/".repeat(500) + "b", &path),
        (format!("**/{}b", "a/".repeat(1000)), &path),
    ] {
        assert!(
            !Glob::parse(&pattern)?.matches(path),
            "`{pattern}` must not match"
        );
    }
    assert!(Glob::parse(&("a*".repeat(2000) + "a"))?.matches(&name));
    assert!(Glob::parse(&("**/a/".repeat(800) + "a"))?.matches(&path));
    // Debug builds take well under a second; anything exponential would not end.
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "took {:?}",
        started.elapsed()
    );
    Ok(())
}

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

/// A pattern as a tree, from which a naive matcher reads its meaning.
#[derive(Debug, Clone, PartialEq)]
enum Node {
    Char(char),
    One,
    Run,
    Class(bool, Vec<char>),
    Either(Vec<Vec<Node>>),
    Slash,
}

fn written(nodes: &[Node]) -> String {
    let one = |node: &Node| match node {
        Node::Char(char) if "*?[]{},!^-\\".contains(*char) => format!("\\{char}"),
        Node::Char(char) => char.to_string(),
        Node::One => "?".to_owned(),
        Node::Run => "*".to_owned(),
        Node::Class(negated, members) => {
            let escaped: String = members.iter().map(|member| format!("\\{member}")).collect();
            format!("[{}{escaped}]", if *negated { "!" } else { "" })
        }
        Node::Either(ways) => {
            format!(
                "{{{}}}",
                ways.iter().map(|way| written(way)).collect::<Vec<_>>().join(",")
            )
        }
        Node::Slash => "/".to_owned(),
    };
    nodes.iter().map(one).collect()
}

fn naive_alternatives(nodes: &[Node]) -> Vec<Vec<Node>> {
    let Some((first, rest)) = nodes.split_first() else {
        return vec![Vec::new()];
    };
    let starts = match first {
        Node::Either(ways) => ways.iter().flat_map(|way| naive_alternatives(way)).collect(),
        other => vec![vec![other.clone()]],
    };
    let rests = naive_alternatives(rest);
    starts
        .iter()
        .flat_map(|start| {
            rests
                .iter()
                .map(move |rest| [start.clone(), rest.clone()].concat())
        })
        .collect()
}

/// The components of each alternative; none if any is not allowed.
fn naive_components(nodes: &[Node]) -> Option<Vec<Vec<Vec<Node>>>> {
    let refused = |part: &Vec<Node>| {
        let glued = part.windows(2).any(|pair| pair == [Node::Run, Node::Run]);
        part.is_empty() || *part == vec![Node::Char('.'); 2] || (glued && part.len() > 2)
    };
    let alternatives = naive_alternatives(nodes).into_iter().map(|alternative| {
        let mut parts: Vec<Vec<Node>> = alternative
            .split(|node| *node == Node::Slash)
            .map(<[Node]>::to_vec)
            .collect();
        if parts.len() > 1 && parts.last().is_some_and(Vec::is_empty) {
            parts.pop();
        }
        if parts.iter().any(refused) {
            return None;
        }
        parts.retain(|part| *part != [Node::Char('.')]);
        Some(if parts.is_empty() {
            vec![vec![Node::Run, Node::Run]]
        } else {
            parts
        })
    });
    alternatives.collect()
}

fn naive_name(nodes: &[Node], name: &str) -> bool {
    let Some((first, rest)) = nodes.split_first() else {
        return name.is_empty();
    };
    let mut chars = name.chars();
    let next = chars.next();
    let tail = chars.as_str();
    match (first, next) {
        (Node::Run, None) => naive_name(rest, name),
        (Node::Run, Some(_)) => naive_name(rest, name) || naive_name(nodes, tail),
        (Node::Char(own), Some(char)) => *own == char && naive_name(rest, tail),
        (Node::One, Some(_)) => naive_name(rest, tail),
        (Node::Class(negated, members), Some(char)) => {
            members.contains(&char) != *negated && naive_name(rest, tail)
        }
        _ => false,
    }
}

fn naive_path(components: &[Vec<Node>], names: &[&str]) -> bool {
    match (components.split_first(), names.split_first()) {
        (None, _) => names.is_empty(),
        (Some((first, rest)), next) if *first == [Node::Run, Node::Run] => match next {
            None => false,
            Some(_) if rest.is_empty() => true,
            Some((_, tail)) => naive_path(rest, names) || naive_path(components, tail),
        },
        (Some(_), None) => false,
        (Some((first, rest)), Some((name, tail))) => naive_name(first, name) && naive_path(rest, tail),
    }
}

fn naive_below(components: &[Vec<Node>], names: &[&str]) -> bool {
    match (components.split_first(), names.split_first()) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some((first, _)), _) if *first == [Node::Run, Node::Run] => true,
        (Some((first, rest)), Some((name, tail))) => naive_name(first, name) && naive_below(rest, tail),
    }
}

fn nodes() -> impl Strategy<Value = Vec<Node>> {
    let char = prop_oneof![6 => prop::sample::select(vec!['a', 'b', '.']), 1 => prop::sample::select(vec!['é', '*', '-'])];
    let leaf = prop_oneof![
        5 => char.clone().prop_map(Node::Char),
        1 => Just(Node::One),
        2 => Just(Node::Run),
        1 => (any::<bool>(), vec(char, 1..3)).prop_map(|(negated, members)| Node::Class(negated, members)),
    ];
    let flat = path_of(vec(leaf.clone(), 1..4).boxed());
    let either = vec(prop_oneof![flat, vec(leaf.clone(), 0..2)], 1..4).prop_map(Node::Either);
    let node = prop_oneof![6 => leaf, 1 => either.clone()];
    let nested = vec(vec(node.clone(), 0..3), 1..3).prop_map(Node::Either);
    path_of(vec(prop_oneof![12 => node, 1 => nested], 1..4).boxed())
}

fn path_of(component: BoxedStrategy<Vec<Node>>) -> BoxedStrategy<Vec<Node>> {
    let component = prop_oneof![3 => component, 1 => Just(vec![Node::Run, Node::Run])];
    vec(component, 1..5)
        .prop_map(|components| components.join(&Node::Slash))
        .boxed()
}

fn names() -> impl Strategy<Value = Vec<String>> {
    let name = "[ab.é*-]{1,3}".prop_map(|name| {
        if name == "." || name == ".." {
            "a".to_owned()
        } else {
            name
        }
    });
    vec(name, 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn matching_agrees_with_a_naive_matcher(nodes in nodes(), paths in vec(names(), 1..24)) {
        let text = written(&nodes);
        let glob = Glob::parse(&text);
        let alternatives = naive_components(&nodes);
        prop_assert_eq!(glob.is_ok(), alternatives.is_some(), "`{}` is {:?}", text, glob);
        let (Ok(glob), Some(alternatives)) = (glob, alternatives) else { return Ok(()) };
        for path in paths {
            let names: Vec<&str> = path.iter().map(String::as_str).collect();
            let path = path.join("/");
            let matches = alternatives.iter().any(|components| naive_path(components, &names));
            prop_assert_eq!(glob.matches(&path), matches, "`{}` on `{}`", text, path);
            let below = alternatives.iter().any(|components| naive_below(components, &names));
            prop_assert_eq!(glob.may_match_below(&path), below, "`{}` below `{}`", text, path);
        }
    }

    #[test]
    fn a_pruned_walk_takes_what_includes_says(
        patterns in vec((nodes(), prop::bool::weighted(0.3)), 1..4),
        paths in vec(names(), 1..12),
    ) {
        let text = |(nodes, excludes): &(Vec<Node>, bool)| {
            format!("{}{}", if *excludes { "!" } else { "" }, written(nodes))
        };
        let patterns: Vec<String> = patterns.iter().map(text).collect();
        let Ok(mut selection) = selection(&patterns) else { return Ok(()) };
        for names in paths {
            let mut verdict = Verdict::Descend;
            for depth in 1..=names.len() {
                let path = names.iter().take(depth).cloned().collect::<Vec<_>>().join("/");
                verdict = selection.check(&path, depth < names.len(), verdict);
                let wanted = takes(&patterns, &path).unwrap_or_default();
                prop_assert_eq!(verdict == Verdict::Selected, wanted, "{:?} at `{}`", patterns, path);
            }
            prop_assert_ne!(verdict, Verdict::Descend);
        }
    }

    #[test]
    fn no_text_is_too_odd(text in "[ab*?\\[\\]{},!^\\\\/.-]{0,16}|\\PC{0,12}", names in names()) {
        match Glob::parse(&text) {
            Ok(glob) => {
                prop_assert!(!glob.matches(&names.join("/")) || glob.may_match_below(""));
            }
            Err(error) => prop_assert!(error.to_string().contains(&text)),
        }
    }

    #[test]
    fn an_escaped_name_is_itself(name in "[^/\\x00]{1,12}") {
        prop_assume!(name != "." && name != "..");
        let escaped: String = name.chars().flat_map(|char| ['\\', char]).collect();
        let glob = Glob::parse(&escaped);
        prop_assert!(glob.is_ok_and(|glob| glob.is_literal() && glob.matches(&name)));
    }
}

#[test]
fn patterns_that_were_taken_as_paths_are_written_so_that_they_remain_paths() -> Tested {
    let given = [
        "pages/[id].js",
        "./dist/",
        "src/*.{js,ts}",
        "{a,b}",
        "!x[1]",
        "!*.map",
        "!plain",
    ];
    let exists = |path: &str| ["pages/[id].js", "{a,b}", "x[1]"].contains(&path);
    let taken = Selection::parse(&given, |path| Ok::<_, GlobError>(exists(path)))?.patterns();
    let written = [
        "pages/\\[id\\].js",
        "dist",
        "src/*.{js,ts}",
        "\\{a\\,b\\}",
        "!x\\[1\\]",
        "!*.map",
        "!plain",
    ];
    assert_eq!(taken, written);
    let again = selection(&taken)?;
    assert_eq!(again.patterns(), written);
    assert!(again.includes("pages/[id].js") && !again.includes("pages/i.js") && !again.includes("a"));
    assert!(
        again.includes("dist/x") && again.may_include_below("dist") && !again.may_include_below("pages/i")
    );
    Ok(())
}
