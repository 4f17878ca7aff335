//! Single patterns: their matches, and the messages about a wrong one.

mod model;
mod selection;

use std::time::{Duration, Instant};

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
