//! Compares the examples of docs/reference/format.md with the code: each has the digest that it shows, and the guest reads
//! and writes it in that form.

use baton_guest::condemned::Condemned;
use baton_guest::keys;
use baton_guest::ports::ExistingCheck;
use baton_guest::record::Record;
use baton_guest::testing::MemoryStore;
use baton_guest::tree::{Entries, Writer};

use crate::asked::memory;
use crate::stores::written::{Written, digest, name, number};

pub(crate) const DOCUMENT: &str = include_str!("../../../docs/reference/format.md");

/// Returns the block that begins with a text, lines that are wrapped in it joined again.
fn block(start: &str) -> String {
    let at = DOCUMENT.find(start).unwrap();
    let block = DOCUMENT[at..].split("```").next().unwrap();
    block.replace("\n ", "")
}

/// Returns the cells of the rows that follow a heading of a table, without the marks of code.
pub(crate) fn rows(heading: &str) -> Vec<Vec<String>> {
    let table = DOCUMENT.split(heading).nth(1).unwrap();
    let lines = table.lines().skip(1).take_while(|line| line.starts_with('|'));
    let cells = |line: &str| {
        let cells = line.trim_matches('|').split('|');
        cells
            .map(|cell| cell.trim().trim_matches('`').to_owned())
            .collect()
    };
    lines.map(cells).collect()
}

#[test]
fn small_objects_have_the_digests_that_they_show() {
    for kind in ["store", "record"] {
        let object = block(&format!("{{\"baton\":\"{kind}\""));
        let (header, value) = object.split_once('\n').unwrap();
        assert!(
            header.contains(&digest(value.as_bytes())),
            "{kind}: {}",
            digest(value.as_bytes())
        );
    }
    let bytes = block("{\"baton\":\"record\"").into_bytes();
    let leaf = "fffffffffffffe62-fffffffffffffb27-631c87e4-0000-0001-fe";
    assert!(DOCUMENT.contains(leaf));
    let own =
        format!("v1/projects/gh~2Facme~2Fshop/numbers/default/trusted/0-0ce89ac0501c9726/6/fb/27/{leaf}");
    assert_eq!(Record::open(&own, &bytes).unwrap().number, 1240);
}

#[test]
fn names_and_numbers_are_those_of_the_tables() {
    let names = rows("| text | name |\n");
    assert!(names.len() >= 3);
    for row in &names {
        assert_eq!(
            (name(&row[0]), keys::name(&row[0])),
            (row[1].clone(), row[1].clone())
        );
    }
    let numbers = rows("| number | names |\n");
    assert!(numbers.len() >= 9);
    for row in &numbers {
        let value = row[0].replace(',', "").parse().unwrap();
        assert_eq!(
            (number(value), baton_guest::order::newest_first(value)),
            (row[1].clone(), row[1].clone())
        );
    }
}

#[test]
fn the_tree_has_the_id_that_it_shows() {
    let command = DOCUMENT.find("$ zstd -dc /srv/baton/v1/trees/").unwrap();
    let (command, lines) = DOCUMENT[command..].split_once('\n').unwrap();
    let mut written = Written::new();
    written.put_tree(lines.split("```").next().unwrap());
    let id = written
        .objects
        .keys()
        .find_map(|key| key.rsplit_once("v1/trees/")?.1.get(3..))
        .unwrap();
    let store = memory(&written);
    let mut entries = Entries::open(&store, &id.parse().unwrap()).unwrap();
    let (mut part, mut table) = (Vec::new(), None);
    while let Some(located) = entries.next_entry().unwrap() {
        part.push(located.entry);
        table = Some((*located.table).clone());
    }
    let (again, sound) = (MemoryStore::default(), Default::default());
    let mut writer = Writer::new(&again, entries.covers(), None, &sound, ExistingCheck::Bytes);
    writer.part(part, table.unwrap()).unwrap();
    let id = writer.finish().unwrap().id.unwrap();
    assert!(command.ends_with(&keys::tree(&id)), "{command}, and it is {id}");
    assert!(DOCUMENT.matches(&id.to_string()).count() >= 3);
}

#[test]
fn the_list_of_what_is_condemned_is_read() {
    let mut written = Written::new();
    written.put_condemned(2, &block("{\"baton\":\"condemned\""));
    let list = Condemned::last(&memory(&written)).unwrap();
    assert_eq!((list.sequence, list.packs.len(), list.builds.len()), (2, 1, 1));
}
