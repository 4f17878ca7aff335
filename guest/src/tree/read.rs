//! Reading a tree: its entries as a stream, with one stored part in memory.

use std::collections::HashSet;
use std::rc::Rc;

use super::form::{EntryLine, Header, PackLine, PartLine};
use super::{CHUNKS_MAX, Chunk, Content, Entry, Located, Location, Table, check_size};
use crate::error::{Error, Result};
use crate::glob::Selection;
use crate::id::{Digest, PackId, TreeId};
use crate::json_lines::Reader;
use crate::path;
use crate::ports::{Store, get_intact};

/// The largest stored part. Baton's own have some 250 kB.
const STORED_BYTES_MAX: usize = 64 << 20;

/// The entries of a stored tree in path order, each one's parent among them. A whole tree is checked only once its last
/// entry was read.
pub struct Entries<'a, S> {
    store: &'a S,
    /// Those that are still to be read.
    parts: std::vec::IntoIter<PartLine>,
    objects: Vec<TreeId>,
    part: Option<Part>,
    covers: Vec<String>,
    order: Order,
    slices: u64,
}

/// The part that is being read.
struct Part {
    key: String,
    lines: Reader,
    left: u64,
    table: Rc<Table>,
}

/// Checks the two rules that keep a tree inside its directory: paths strictly ascend, so none occurs twice, and each
/// parent is a directory of this tree, so nothing lies under a file or a symlink.
#[derive(Default)]
struct Order {
    last: String,
    above: Vec<String>,
}

impl<'a, S: Store> Entries<'a, S> {
    /// Opens the tree `id`: reads its list of parts, or the only one.
    pub fn open(store: &'a S, id: &TreeId) -> Result<Entries<'a, S>> {
        let (key, mut lines, header) = fetch(store, id)?;
        if !header.covers.is_empty() && Selection::of_patterns(&header.covers).is_err() {
            return Err(Error::damaged(&key, "its patterns cannot be parsed"));
        }
        let mut entries = Entries {
            store,
            parts: Vec::new().into_iter(),
            objects: vec![*id],
            part: None,
            covers: header.covers.clone(),
            order: Order::default(),
            slices: 0,
        };
        match header.parts {
            None => entries.part = Some(Part::read(key, lines, &header)?),
            Some(count) => entries.parts = read_parts(&key, &mut lines, &header, count)?.into_iter(),
        }
        Ok(entries)
    }

    /// Returns the patterns with which the tree was persisted: what they select and the tree does not have is not wanted any
    /// more. None: the entries of its top directory, with all that is in them.
    pub fn covers(&self) -> &[String] {
        &self.covers
    }

    /// Returns the objects of the tree that were read so far: itself, and its parts.
    pub fn objects(&self) -> &[TreeId] {
        &self.objects
    }

    /// Returns the next entry.
    pub fn next_entry(&mut self) -> Result<Option<Located>> {
        loop {
            let Some(part) = &mut self.part else {
                let Some(line) = self.parts.next() else {
                    return Ok(None);
                };
                self.part = Some(open_part(self.store, &line)?);
                self.objects.push(line.part);
                continue;
            };
            if part.left == 0 {
                part.lines.end()?;
                self.part = None;
                continue;
            }
            part.left -= 1;
            let line: EntryLine = part.lines.next("an entry")?;
            let key = &part.key;
            let entry = Entry::try_from(line).map_err(|why| Error::damaged(key, why))?;
            self.order.check(&entry).map_err(|why| Error::damaged(key, why))?;
            self.slices += part
                .table
                .check_location(&entry)
                .map_err(|why| Error::damaged(key, format!("{why}: {}", entry.path)))?;
            check_size(0, self.slices, key)?;
            return Ok(Some(Located {
                entry,
                table: Rc::clone(&part.table),
            }));
        }
    }
}

fn open_part(store: &impl Store, line: &PartLine) -> Result<Part> {
    let (key, lines, header) = fetch(store, &line.part)?;
    if header.parts.is_some() || header.entries != line.entries || !header.covers.is_empty() {
        return Err(Error::damaged(&key, "it is not the part that a tree lists"));
    }
    Part::read(key, lines, &header)
}

fn read_parts(key: &str, lines: &mut Reader, header: &Header, count: u64) -> Result<Vec<PartLine>> {
    let mut parts: Vec<PartLine> = Vec::new();
    let mut entries: u64 = 0;
    for _ in 0..count {
        let line: PartLine = lines.next("a part")?;
        entries = entries.saturating_add(line.entries);
        if line.entries == 0 || entries > header.entries {
            return Err(Error::damaged(
                key,
                "its parts do not have as many entries as it says",
            ));
        }
        parts.push(line);
    }
    lines.end()?;
    if entries != header.entries || header.packs != 0 {
        return Err(Error::damaged(
            key,
            "its parts do not have as many entries as it says",
        ));
    }
    Ok(parts)
}

impl Part {
    /// Reads what comes before the entries.
    fn read(key: String, mut lines: Reader, header: &Header) -> Result<Part> {
        let table = Rc::new(Table::read(&key, &mut lines, header)?);
        Ok(Part {
            key,
            lines,
            left: header.entries,
            table,
        })
    }
}

/// Reads the object of a tree or of a part, and checks that it is that. Returns its key, its other lines and the first.
fn fetch(store: &impl Store, id: &TreeId) -> Result<(String, Reader, Header)> {
    let key = crate::keys::tree(id);
    let checked = get_intact(store, &key, None, |bytes| {
        let found = TreeId::of(&bytes);
        if found == *id {
            return Ok(bytes);
        }
        let message = "the tree was altered, cut short or swapped";
        Err(Error::damaged_digest(
            &key,
            message,
            id.to_string(),
            found.to_string(),
        ))
    });
    let bytes = checked?
        .ok_or_else(|| Error::damaged_digest(&key, "the tree is missing", id.to_string(), String::new()))?;
    if bytes.len() > STORED_BYTES_MAX {
        let message = format!("a tree of {} bytes is too large", bytes.len());
        return Err(Error::limit("tree-too-large", message, &key));
    }
    let mut lines = Reader::new(&key, bytes)?;
    let header: Header = lines.header("tree")?;
    // Every pack has a chunk, and every part an entry.
    check_size(header.entries, header.packs, &key)?;
    check_size(header.parts.unwrap_or_default(), 0, &key)?;
    Ok((key, lines, header))
}

/// The objects that trees refer to.
#[derive(Debug, Default)]
pub struct References {
    /// Trees, and their parts.
    pub trees: HashSet<TreeId>,
    /// The packs that their chunks lie in.
    pub packs: HashSet<PackId>,
}

/// Gives the tables of a tree's parts to `each`, without a look at any entry.
pub fn tables(store: &impl Store, id: &TreeId, each: &mut dyn FnMut(&Table)) -> Result<()> {
    let (key, mut lines, header) = fetch(store, id)?;
    let Some(count) = header.parts else {
        each(&Table::read(&key, &mut lines, &header)?);
        return Ok(());
    };
    for line in read_parts(&key, &mut lines, &header, count)? {
        each(&open_part(store, &line)?.table);
    }
    Ok(())
}

/// Adds a tree, its parts and their packs, without a look at any entry. What is among the references already is not read
/// again: trees of one branch share most of their parts.
pub fn references(store: &impl Store, id: &TreeId, to: &mut References) -> Result<()> {
    if !to.trees.insert(*id) {
        return Ok(());
    }
    let (key, mut lines, header) = fetch(store, id)?;
    let Some(count) = header.parts else {
        to.packs.extend(Table::read(&key, &mut lines, &header)?.packs);
        return Ok(());
    };
    for line in read_parts(&key, &mut lines, &header, count)? {
        if to.trees.insert(line.part) {
            to.packs.extend(&open_part(store, &line)?.table.packs);
        }
    }
    Ok(())
}

impl Order {
    fn check(&mut self, entry: &Entry) -> Result<(), String> {
        if !self.last.is_empty() && path::compare(&self.last, &entry.path).is_ge() {
            return Err(format!("{} occurs twice or is out of order", entry.path));
        }
        self.last.clone_from(&entry.path);
        let parent = path::parent(&entry.path);
        while self.above.last().is_some_and(|dir| dir != parent) {
            self.above.pop();
        }
        if self.above.is_empty() && !parent.is_empty() {
            return Err(format!("{} is not in a directory of the tree", entry.path));
        }
        if entry.content == Content::Directory {
            self.above.push(entry.path.clone());
        }
        Ok(())
    }
}

impl Table {
    fn read(key: &str, lines: &mut Reader, header: &Header) -> Result<Table> {
        let mut table = Table::default();
        for index in 0..header.packs {
            let line: PackLine = lines.next("a pack's chunks")?;
            let pack = u32::try_from(index).map_err(|_| Error::damaged(key, "it has too many packs"))?;
            table.packs.push(line.pack);
            check_size(0, (table.chunks.len() + line.chunks.len()) as u64, key)?;
            for cell in line.chunks {
                table
                    .chunks
                    .push(cell.chunk(pack).map_err(|why| Error::damaged(key, why))?);
            }
        }
        Ok(table)
    }

    /// Checks that a file's bytes can be where the tree says, and are as many. Returns the number of its slices.
    fn check_location(&self, entry: &Entry) -> Result<u64, &'static str> {
        let Content::File {
            size,
            digest,
            location,
        } = &entry.content
        else {
            return Ok(0);
        };
        let chunk = |number: u32| {
            self.chunks
                .get(number as usize)
                .ok_or("a chunk is not in the table")
        };
        match location {
            Location::Empty if *size == 0 && *digest == Digest::of(b"") => Ok(0),
            Location::Empty => Err("a file that is not empty has no place"),
            Location::Bundle {
                chunk: number,
                offset,
            } => {
                let end = u64::from(*offset).checked_add(*size);
                let fits = end
                    .is_some_and(|end| *size > 0 && chunk(*number).is_ok_and(|c| end <= c.raw_length.into()));
                if fits {
                    Ok(0)
                } else {
                    Err("a file does not fit into its bundle")
                }
            }
            Location::Slices(runs) => {
                let (mut total, mut count) = (0, 0);
                for number in Location::slices(runs) {
                    let slice = chunk(number)?;
                    slice.digest.ok_or("a slice has no digest")?;
                    total += u64::from(slice.raw_length);
                    count += 1;
                    // A few bytes of runs can stand for billions of slices.
                    if count > CHUNKS_MAX as u64 {
                        return Ok(count);
                    }
                    if total > *size {
                        break;
                    }
                }
                if total != *size {
                    return Err("a file's slices are not as long as the file");
                }
                let part = |number| {
                    let slice: &Chunk = self.chunks.get(number as usize)?;
                    Some((slice.digest.as_ref()?, u64::from(slice.raw_length)))
                };
                if Digest::of_slices(Location::slices(runs).filter_map(part)) != *digest {
                    return Err("a file's digest is not that of its slices");
                }
                Ok(count)
            }
        }
    }
}
