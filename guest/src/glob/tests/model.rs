//! Random patterns, against a matcher that is so simple that it is right.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

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
