//! Writes stores as docs/reference/format.md describes them, from that page alone: nothing here uses code of the project.
//! If the reader refuses a store that this module writes, the document or the reader is wrong.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The objects of a store, by key.
#[derive(Clone, Default)]
pub(crate) struct Written {
    pub(crate) objects: BTreeMap<String, Vec<u8>>,
}

/// "Sizes, digests": BLAKE3, 64 lower-case hex digits.
pub(crate) fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// "Keys": any text as one name.
pub(crate) fn name(text: &str) -> String {
    let mut name = String::new();
    for (at, byte) in text.bytes().enumerate() {
        let stands = byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' || (byte == b'.' && at > 0);
        match stands {
            true => name.push(byte.into()),
            false => name += &format!("~{byte:02X}"),
        }
    }
    match name.len() {
        0..=180 => name,
        _ => format!("{}~-{}", &name[..140], &digest(text.as_bytes())[..32]),
    }
}

/// "Numbers in keys": several names.
pub(crate) fn number(number: u64) -> String {
    let bytes = number.to_be_bytes();
    let zeros = bytes[..7].iter().take_while(|byte| **byte == 0).count();
    let names = bytes[zeros..].iter().map(|byte| format!("/{:02x}", 255 - byte));
    zeros.to_string() + &names.collect::<String>()
}

/// "Numbers in keys": one name, inverted in 64 bits.
fn inverted(number: u64) -> String {
    format!("{:016x}", u64::MAX - number)
}

/// "Frames": says the size of its content, no checksum, no dictionary, raw blocks of 128 KiB at most (RFC 8878).
pub(crate) fn frame(content: &[u8]) -> Vec<u8> {
    let mut frame = frame_header(content.len() as u32);
    let blocks: Vec<&[u8]> = match content {
        [] => vec![content],
        content => content.chunks(128 << 10).collect(),
    };
    for (at, block) in blocks.iter().enumerate() {
        push_block(&mut frame, 0, block.len(), at + 1 == blocks.len());
        frame.extend_from_slice(block);
    }
    frame
}

/// A frame's magic number, its descriptor (one segment, the size in four bytes) and the size.
pub(crate) fn frame_header(size: u32) -> Vec<u8> {
    [&[0x28, 0xb5, 0x2f, 0xfd, 0xa0], &size.to_le_bytes()[..]].concat()
}

/// Adds the header of a block: 0 is raw, 1 is one byte many times.
pub(crate) fn push_block(frame: &mut Vec<u8>, kind: u32, size: usize, is_last: bool) {
    let header = (size as u32) << 3 | kind << 1 | u32::from(is_last);
    frame.extend_from_slice(&header.to_le_bytes()[..3]);
}

/// Returns a frame of what is before, so many times 128 KiB of the letter `n`, and what is after.
pub(crate) fn bomb(before: &[u8], blocks: usize, after: &[u8]) -> Vec<u8> {
    let size = before.len() + (blocks << 17) + after.len();
    let mut frame = frame_header(size as u32);
    push_block(&mut frame, 0, before.len(), false);
    frame.extend_from_slice(before);
    for _ in 0..blocks {
        push_block(&mut frame, 1, 1 << 17, false);
        frame.push(b'n');
    }
    push_block(&mut frame, 0, after.len(), true);
    frame.extend_from_slice(after);
    frame
}

/// "Small objects": two lines, of which the first has the digest of the second.
pub(crate) fn small(kind: &str, value: &str) -> Vec<u8> {
    let value = format!("{value}\n");
    let header = json!({ "baton": kind, "version": 1, "digest": digest(value.as_bytes()) });
    format!("{header}\n{value}").into_bytes()
}

/// "Record": the build of a number on the branch `main`.
pub(crate) fn record(number: u64, tree: &str) -> Value {
    json!({
        "artifact": "default", "project": "gh/acme/shop", "branch": "main", "tag": null,
        "commit": format!("{number:040x}"), "number": number,
        "counter": { "rank": "run", "runner": "circleci", "by": "2b0f", "part": null },
        "order": { "run": number, "attempt": number },
        "workflow": "w1", "workspace": "w1", "job": "build", "node": { "index": 0, "total": 1 }, "revision": 1,
        "pull_request": null, "fork": false, "runner": "circleci", "url": null, "actor": "jane",
        "created_ms": 1_700_000_000_000_u64 + number, "tree": tree, "files": 1, "bytes": 1,
    })
}

/// Returns a value with some fields replaced.
pub(crate) fn with(mut value: Value, fields: Value) -> Value {
    for (field, new) in fields.as_object().unwrap() {
        value[field] = new.clone();
    }
    value
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

fn trust(record: &Value) -> &'static str {
    match record["fork"] == false && record["pull_request"].is_null() {
        true => "trusted",
        false => "untrusted",
    }
}

/// "Numbers in keys": `<counter>`.
fn counter(record: &Value) -> String {
    let counter = &record["counter"];
    let rank = match text(counter, "rank") {
        "run" => 0,
        "number" => 1,
        _ => 2,
    };
    let by = format!("{}\0{}", text(counter, "runner"), text(counter, "by"));
    format!("{rank}-{}", &digest(by.as_bytes())[..16])
}

/// "Numbers in keys": JOB.
pub(crate) fn job(record: &Value) -> String {
    digest(format!("{}\0{}", text(record, "workflow"), text(record, "job")).as_bytes())[..8].to_owned()
}

/// "Numbers in keys": `<leaf>`.
fn leaf(record: &Value) -> String {
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    format!(
        "{}-{}-{:04x}-{:04x}-{:02x}",
        inverted(number(&record["order"]["attempt"])),
        job(record),
        number(&record["node"]["index"]),
        number(&record["node"]["total"]),
        255_u64.saturating_sub(number(&record["revision"]))
    )
}

/// "Store layout": all keys of a record, the number's first.
pub(crate) fn keys(record: &Value) -> Vec<String> {
    let (artifact, trust, counter) = (name(text(record, "artifact")), trust(record), counter(record));
    let run = record["order"]["run"].as_u64().unwrap_or_default();
    let order = format!("{}-{}", inverted(run), leaf(record));
    let own = number(record["number"].as_u64().unwrap_or_default());
    let mut below = vec![format!("numbers/{artifact}/{trust}/{counter}/{own}/{order}")];
    if let Some((first, rest)) = record["commit"]
        .as_str()
        .and_then(|commit| commit.split_at_checked(2))
    {
        let (second, rest) = rest.split_at_checked(2).unwrap_or((rest, ""));
        below.push(format!(
            "commits/{artifact}/{trust}/{first}/{second}/{rest}/{counter}/{order}"
        ));
    }
    if let Some(tag) = record["tag"].as_str() {
        below.push(format!("tags/{artifact}/{trust}/{}/{counter}/{order}", name(tag)));
    }
    if let Some(workspace) = record["workspace"].as_str() {
        let job = name(record["job"].as_str().unwrap_or("-"));
        let node = format!("{:04x}", record["node"]["index"].as_u64().unwrap_or_default());
        let workspace = name(workspace);
        below.push(format!(
            "workspaces/{workspace}/{trust}/{artifact}/{job}/{node}/{counter}/{order}"
        ));
    }
    if let (Some(branch), "trusted") = (record["branch"].as_str(), trust) {
        below.push(format!(
            "builds/{artifact}/{}/{counter}/{}/{}",
            name(branch),
            number(run),
            leaf(record)
        ));
    }
    let project = name(text(record, "project"));
    below
        .iter()
        .map(|key| format!("v1/projects/{project}/{key}"))
        .collect()
}

/// "Moving": how an event names the build of a record.
pub(crate) fn build(record: &Value) -> Value {
    json!({
        "number": record["number"], "trusted": trust(record) == "trusted", "counter": record["counter"],
        "order": record["order"], "job": job(record), "nodes": record["node"]["total"],
        "created_ms": record["created_ms"],
    })
}

/// "Moving": an event that points a channel at the build of a record.
pub(crate) fn event(sequence: u64, channel: &str, record: &Value) -> Value {
    json!({
        "project": record["project"], "artifact": record["artifact"], "pointer": { "channel": channel },
        "sequence": sequence, "action": "promote", "build": build(record), "previous": null,
        "based_on": sequence.saturating_sub(1), "newest": null, "back": null, "held": false,
        "reason": null, "actor": "jane", "runner": "circleci", "url": null, "created_ms": 1_700_000_000_999_u64,
    })
}

/// "Store layout": the key of an event.
pub(crate) fn event_key(event: &Value) -> String {
    let (kind, of) = match event["pointer"]["branch"].as_str() {
        Some(branch) => ("moves", branch),
        None => ("channels", text(&event["pointer"], "channel")),
    };
    let (project, artifact) = (name(text(event, "project")), name(text(event, "artifact")));
    let sequence = number(event["sequence"].as_u64().unwrap_or_default());
    format!("v1/projects/{project}/{kind}/{artifact}/{}/{sequence}", name(of))
}

/// "Tree": lines with a header that counts them. `packs` come first.
pub(crate) fn tree(packs: &[Value], entries: &[Value]) -> Vec<Value> {
    let header = json!({ "baton": "tree", "version": 1, "entries": entries.len(), "packs": packs.len() });
    [&[header], packs, entries].concat()
}

pub(crate) fn lines(values: &[Value]) -> String {
    values.iter().map(|value| format!("{value}\n")).collect()
}

pub(crate) fn directory(path: &str) -> Value {
    json!({ "path": path, "kind": "directory", "mode": "755", "modified": [1_600_000_000, 5] })
}

pub(crate) fn symlink(path: &str, target: &str) -> Value {
    json!({ "path": path, "kind": "symlink", "modified": [-1, 999_999_999], "target": target })
}

pub(crate) fn empty(path: &str) -> Value {
    file(path, b"")
}

/// A file without a place: `bundle` or `slices` come by [`with`].
pub(crate) fn file(path: &str, content: &[u8]) -> Value {
    json!({
        "path": path, "kind": "file", "mode": "644", "modified": [1_600_000_000, 0],
        "size": content.len(), "digest": digest(content),
    })
}

/// "Chunks, bundles and slices": the digest of a file that is kept in slices.
pub(crate) fn sliced(slices: &[&[u8]]) -> String {
    let run: Vec<u8> = slices
        .iter()
        .flat_map(|slice| {
            [
                blake3::hash(slice).as_bytes(),
                &(slice.len() as u64).to_le_bytes()[..],
            ]
            .concat()
        })
        .collect();
    digest(&run)
}

impl Written {
    /// A store with its marker.
    pub(crate) fn new() -> Written {
        let mut store = Written::default();
        store.put("v1/store", small("store", r#"{"made_by":"nobody"}"#));
        store
    }

    pub(crate) fn put(&mut self, key: &str, bytes: impl Into<Vec<u8>>) {
        self.objects.insert(key.to_owned(), bytes.into());
    }

    /// Puts an object under the digest of its bytes.
    pub(crate) fn put_named(&mut self, kind: &str, bytes: Vec<u8>) -> String {
        let id = digest(&bytes);
        self.put(&format!("v1/{kind}/{}/{id}", &id[..2]), bytes);
        id
    }

    pub(crate) fn put_tree(&mut self, text: &str) -> String {
        self.put_named("trees", frame(text.as_bytes()))
    }

    /// Puts frames into a pack, one after the other. Returns its line of a chunk table; those of slices need a digest yet.
    pub(crate) fn put_pack(&mut self, chunks: &[&[u8]]) -> Value {
        let (mut pack, mut cells) = (Vec::new(), Vec::new());
        for chunk in chunks {
            let frame = frame(chunk);
            cells.push(json!([pack.len(), frame.len(), chunk.len()]));
            pack.extend(frame);
        }
        json!({ "pack": self.put_named("packs", pack), "chunks": cells })
    }

    /// Puts a record under all of its keys, and what leads to its workspace.
    pub(crate) fn put_record(&mut self, record: &Value) {
        for key in keys(record) {
            self.put(&key, small("record", &record.to_string()));
        }
        if let (Some(workflow), Some(workspace)) = (record["workflow"].as_str(), record["workspace"].as_str())
        {
            let project = name(text(record, "project"));
            let (workflow, trust, of) = (name(workflow), trust(record), name(workspace));
            let value = json!({ "workspace": workspace }).to_string();
            self.put(
                &format!("v1/projects/{project}/workflows/{workflow}/{trust}/{of}"),
                small("workflow", &value),
            );
        }
    }

    pub(crate) fn put_event(&mut self, event: &Value) {
        self.put(&event_key(event), small("event", &event.to_string()));
    }

    /// "Deleting": a list of what is condemned.
    pub(crate) fn put_condemned(&mut self, sequence: u64, lines: &str) {
        self.put_list(sequence, frame(lines.as_bytes()));
    }

    /// The frame of a list, whatever it holds, with its digest after it.
    pub(crate) fn put_list(&mut self, sequence: u64, mut list: Vec<u8>) {
        let own = blake3::hash(&list);
        list.extend_from_slice(own.as_bytes());
        self.put(&format!("v1/condemned/{}", number(sequence)), list);
    }
}
