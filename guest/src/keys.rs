//! The names of objects in a store. docs/reference/format.md has the same table with the reasons.

use super::keys;
use crate::build_id::BuildId;
use crate::counter::Counter;
use crate::id::{Digest, PackId, TreeId};
use crate::order::{Leaf, Order, inverted, newest_first};

/// Says that a directory or prefix is a store, and of which format version.
pub const STORE: &str = "v1/store";

/// The prefix of all keys of this version.
pub const VERSION: &str = "v1/";

/// The prefix of the keys of packs.
pub const PACKS: &str = "v1/packs/";

/// The prefix of the keys of trees.
pub const TREES: &str = "v1/trees/";

/// Below it, the lists of what a prune is going to delete.
pub const CONDEMNED: &str = "v1/condemned/";

/// Below it, everything that is of a project.
pub const PROJECTS: &str = "v1/projects/";

/// The longest name that [`name`] returns. Below the 200 bytes that every store takes.
const NAME_BYTES_MAX: usize = 180;

/// Returns any text as one name of a key. Letters, digits, `.`, `_` and `-` stand for themselves, except a dot in
/// front; any other byte is `~` and two upper-case hex digits. A text that is too long keeps its beginning and ends in
/// `~-` and its digest, which no short text does.
pub fn name(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'.' if at == 0 => encoded.push_str("~2E"),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("~{byte:02X}")),
        }
    }
    if encoded.len() > NAME_BYTES_MAX {
        let digest: String = Digest::of(text.as_bytes()).to_string().chars().take(32).collect();
        encoded.truncate(NAME_BYTES_MAX - 40);
        encoded.push_str("~-");
        encoded.push_str(&digest);
    }
    encoded
}

/// Returns the text whose [`name`] this is, or `None` where it was too long to be kept.
pub fn text(name: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'~' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// Returns the key after which a listing continues with the next name: after all keys of baton in `directory`, and after
/// `key`, the last one that was listed. Foreign keys after all of baton's names cost a request, and do not end the
/// listing.
pub fn behind(directory: &str, key: &str) -> String {
    // `~~` is in no encoded name, and sorts after all that can follow one.
    let end = format!("{directory}/~~");
    if end.as_str() < key { key.to_owned() } else { end }
}

/// Returns a pack's key.
pub fn pack(id: &PackId) -> String {
    sharded("packs", &id.to_string())
}

/// Returns a tree's key.
pub fn tree(id: &TreeId) -> String {
    sharded("trees", &id.to_string())
}

// 256 groups, so that a listing of a group stays short in a store of a million packs.
fn sharded(kind: &str, id: &str) -> String {
    format!("v1/{kind}/{}/{id}", id.get(..2).unwrap_or_default())
}

/// Keys of one project.
#[derive(Debug, Clone)]
pub struct Project {
    prefix: String,
}

impl Project {
    /// Returns the keys of the project of this name, for example `gh/acme/shop`.
    pub fn new(project: &str) -> Project {
        Project {
            prefix: format!("{PROJECTS}{}", name(project)),
        }
    }

    /// Returns whether a key is of this project.
    pub fn owns(&self, key: &str) -> bool {
        key.strip_prefix(&self.prefix)
            .is_some_and(|rest| rest.starts_with('/'))
    }

    /// Returns the prefix of the branches of an artifact. A branch's [`name`] and a `/` follow.
    pub fn branches(&self, artifact: &str) -> String {
        format!("{}/builds/{}/", self.prefix, name(artifact))
    }

    /// Returns the prefix of a branch's builds of an artifact, newest first.
    pub fn branch(&self, artifact: &str, branch: &str) -> String {
        format!("{}{}/", self.branches(artifact), name(branch))
    }

    /// Returns the key of a build's record on its branch: what `latest` looks up.
    pub fn build(
        &self,
        artifact: &str,
        branch: &str,
        counter: &Counter,
        order: Order,
        leaf: &Leaf,
    ) -> String {
        format!(
            "{}{}/{}/{}",
            self.branch(artifact, branch),
            counter.name(),
            newest_first(order.run),
            leaf.name()
        )
    }

    /// Returns the prefix of the artifacts of the project. An artifact's [`name`] and a `/` follow.
    pub fn artifacts(&self) -> String {
        format!("{}/numbers/", self.prefix)
    }

    /// Returns the prefix of all builds of an artifact by counter and number, highest first.
    pub fn numbers(&self, artifact: &str, trusted: bool) -> String {
        format!("{}/numbers/{}/{}/", self.prefix, name(artifact), trust(trusted))
    }

    /// Returns the prefix of the builds of a counter that have a number.
    pub fn number(&self, artifact: &str, trusted: bool, counter: &Counter, number: u64) -> String {
        format!(
            "{}{}/{}/",
            self.numbers(artifact, trusted),
            counter.name(),
            newest_first(number)
        )
    }

    /// Returns the prefix of the commits that begin with `commit`, of at least four hex digits. Two times two digits
    /// are names of their own, so that no listing grows long.
    pub fn commits(&self, artifact: &str, trusted: bool, commit: &str) -> String {
        let (first, rest) = commit.split_at_checked(2).unwrap_or((commit, ""));
        let (second, rest) = rest.split_at_checked(2).unwrap_or((rest, ""));
        format!(
            "{}/commits/{}/{}/{first}/{second}/{rest}",
            self.prefix,
            name(artifact),
            trust(trusted)
        )
    }

    /// Returns the prefix of the builds of a tag.
    pub fn tag(&self, artifact: &str, trusted: bool, tag: &str) -> String {
        format!(
            "{}/tags/{}/{}/{}/",
            self.prefix,
            name(artifact),
            trust(trusted),
            name(tag)
        )
    }

    /// Returns the prefix of the records of one number and run: attempts, jobs and nodes follow.
    pub fn run(&self, artifact: &str, id: &BuildId) -> String {
        format!(
            "{}{}-",
            self.number(artifact, id.trusted, &id.counter, id.number),
            inverted(id.order.run),
        )
    }

    /// Returns the prefix of a channel's events, newest first.
    pub fn channel(&self, artifact: &str, channel: &str) -> String {
        format!("{}{}/", self.channels(artifact), name(channel))
    }

    /// Returns the prefix of the channels of an artifact. A channel's [`name`] and a `/` follow.
    pub fn channels(&self, artifact: &str) -> String {
        format!("{}/channels/{}/", self.prefix, name(artifact))
    }

    /// Returns the prefix of the events that moved a branch's latest, newest first.
    pub fn moves(&self, artifact: &str, branch: &str) -> String {
        format!("{}/moves/{}/{}/", self.prefix, name(artifact), name(branch))
    }

    /// Returns the prefix of the signatures of the builds of a counter that have a number.
    pub fn signatures(&self, artifact: &str, trusted: bool, counter: &Counter, number: u64) -> String {
        format!(
            "{}/signatures/{}/{}/{}/{}/",
            self.prefix,
            name(artifact),
            trust(trusted),
            counter.name(),
            newest_first(number)
        )
    }

    /// Returns the prefix of the notes of removals of builds that had a number, the last one of a build first.
    pub fn removals(&self, artifact: &str, number: u64) -> String {
        format!(
            "{}/removals/{}/{}/",
            self.prefix,
            name(artifact),
            newest_first(number)
        )
    }

    /// Returns the prefix of a workspace's layers.
    pub fn workspace(&self, workspace: &str) -> String {
        format!("{}/workspaces/{}/", self.prefix, name(workspace))
    }

    /// Returns the prefix under which a rerun of a workflow names its workspace.
    pub fn workflow(&self, workflow: &str, trusted: bool) -> String {
        format!("{}/workflows/{}/{}/", self.prefix, name(workflow), trust(trusted))
    }
}

/// Returns the name that keeps what forks and pull requests built apart from all else.
pub fn trust(trusted: bool) -> &'static str {
    if trusted { "trusted" } else { "untrusted" }
}

/// Returns the last name of a look-up key: newest first by the whole order.
pub fn look_up(order: Order, leaf: &Leaf) -> String {
    format!("{}-{}", inverted(order.run), leaf.name())
}

/// Returns the leaf at the end of a build's key, of either form.
pub fn leaf(key: &str) -> Option<Leaf> {
    let last = key.rsplit('/').next()?;
    Leaf::parse(last).or_else(|| Leaf::parse(last.split_once('-')?.1))
}

/// Returns a build's key without its revision: what the keys of all revisions begin with.
pub fn stem(key: &str) -> &str {
    key.rsplit_once('-').map_or(key, |(stem, _)| stem)
}

/// Keeps, of keys in the order of a listing, those of the newest revision of each build's node.
pub fn keep_newest(keys: &mut Vec<String>) {
    keys.dedup_by(|key, before| stem(key) == stem(before));
}

/// The kinds of keys under which records lie.
pub(crate) const RECORDS: [&str; 5] = ["builds", "numbers", "commits", "tags", "workspaces"];

/// Returns whether a record lies under a key, or should.
pub(crate) fn is_record(key: &str) -> bool {
    RECORDS.contains(&kind(key))
}

/// Returns whether an event lies under a key, or should.
pub(crate) fn is_event(key: &str) -> bool {
    matches!(kind(key), "channels" | "moves")
}

/// Returns what the keys of a history begin with, and the number of an event in it.
pub(crate) fn event_of(key: &str) -> Option<(&str, u64)> {
    // v1/projects/PROJECT/KIND/ARTIFACT/NAME/
    let (end, _) = key.match_indices('/').nth(5)?;
    let (history, names) = key.split_at_checked(end + 1)?;
    Some((history, crate::order::number(names)?))
}

/// Returns the name after the project, which is the kind of a key.
pub(crate) fn kind(key: &str) -> &str {
    key.strip_prefix(keys::PROJECTS)
        .and_then(|rest| rest.split('/').nth(1))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use proptest::prelude::*;

    use super::*;
    use crate::order::Node;

    #[test]
    fn keys_are_as_the_format_says() {
        let project = Project::new("gh/acme/shop");
        let order = Order {
            run: 1234,
            attempt: 5,
        };
        let leaf = Leaf::new(5, Some("w"), Some("build"), Node::ONLY);
        insta::assert_snapshot!(
            [
                project.build("dist", "feature/x", &Counter::none(), order, &leaf),
                format!(
                    "{}{}",
                    project.number("dist", true, &Counter::none(), 1234),
                    look_up(order, &leaf)
                ),
                project.commits("dist", false, "abc123"),
                project.tag("dist", true, "v1.2"),
                project.workspace(".hidden"),
            ]
            .join("\n"),
            @r"
        v1/projects/gh~2Facme~2Fshop/builds/dist/feature~2Fx/2-2d3adedff11b61f1/6/fb/2d/fffffffffffffffa-c8aeaf24-0000-0001-fe
        v1/projects/gh~2Facme~2Fshop/numbers/dist/trusted/2-2d3adedff11b61f1/6/fb/2d/fffffffffffffb2d-fffffffffffffffa-c8aeaf24-0000-0001-fe
        v1/projects/gh~2Facme~2Fshop/commits/dist/untrusted/ab/c1/23
        v1/projects/gh~2Facme~2Fshop/tags/dist/trusted/v1.2/
        v1/projects/gh~2Facme~2Fshop/workspaces/~2Ehidden/
        "
        );
    }

    #[test]
    fn keys_are_told_apart() {
        assert_eq!(kind("v1/projects/p/numbers/dist/7/fe/x"), "numbers");
        assert_eq!(kind("v1/projects/p"), "");
        let event = format!("v1/projects/p/channels/dist/production/{}", newest_first(300));
        assert_eq!(
            event_of(&event),
            Some(("v1/projects/p/channels/dist/production/", 300))
        );
        assert_eq!(event_of("v1/projects/p/channels/dist/production/x"), None);
    }

    #[test]
    fn a_leaf_is_found_in_either_form() {
        let leaf_in = Leaf::new(5, None, None, Node { index: 1, total: 2 });
        let order = Order { run: 9, attempt: 5 };
        assert_eq!(leaf(&format!("x/{}", leaf_in.name())).unwrap(), leaf_in);
        assert_eq!(leaf(&format!("x/{}", look_up(order, &leaf_in))).unwrap(), leaf_in);
        assert_eq!(leaf("x/y"), None);
    }

    proptest! {
        #[test]
        fn names_are_valid_and_distinct(a in ".{1,300}", b in ".{1,300}") {
            let encoded = name(&a);
            prop_assert!(encoded.len() <= 200 && !encoded.starts_with('.'));
            prop_assert!(encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte)));
            prop_assert_eq!(name(&a) == name(&b), a == b);
            if encoded.len() <= NAME_BYTES_MAX && !encoded.contains("~-") {
                prop_assert_eq!(text(&encoded).unwrap(), a);
            }
        }
    }
}
