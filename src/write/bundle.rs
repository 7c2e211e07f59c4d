//! A transaction: every change of a Bundle in one commit, in the order that the standard sets (deletions, creations,
//! updates), with references between its entries resolved (FHIR R4, http, 3.1.0.11.2).

use std::collections::{HashMap, HashSet};

use super::plan::{Aim, Done, Step};
use super::{Change, Condition, Error, Target, Writing};
use crate::access::View;
use crate::fhir::json::{self, Node};
use crate::fhir::links::{self, Place};
use crate::fhir::reference::{self, Reference};
use crate::fhir::{self, Kind};

/// Entries of one Bundle.
pub const MAX_ENTRIES: usize = 5_000;

/// One entry that changes something.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its place in the Bundle, from 0.
    pub at: usize,
    /// The type in its address.
    pub kind: Kind,
    /// The name by which other entries of the Bundle refer to it.
    pub full_url: Option<String>,
    /// The change.
    pub change: Change,
}

/// A committed transaction.
#[derive(Debug)]
pub struct Transaction {
    /// The result of each entry, with its place in the Bundle.
    pub done: Vec<(usize, Done)>,
}

/// The new references of a Bundle's entries.
#[derive(Default)]
struct Names {
    new: HashMap<String, String>,
    /// Relative references that mean an entry, because its `fullUrl` is an address that ends with them.
    relative: HashMap<String, String>,
}

impl Names {
    fn add(&mut self, full_url: Option<&str>, kind: Kind, id: &str) {
        let Some(full_url) = full_url else { return };
        let name = format!("{kind}/{id}");
        if let Reference::Resource { kind, id, .. } = reference::parse(full_url) {
            self.relative.insert(format!("{kind}/{id}"), name.clone());
        }
        self.new.insert(full_url.to_owned(), name);
    }
}

impl Writing<'_> {
    /// Makes every change or none.
    ///
    /// # Errors
    /// [`Error::Entry`] with the entry at fault; then nothing was done.
    pub async fn transaction(&self, view: &View, entries: Vec<Entry>) -> Result<Transaction, Error> {
        if entries.len() > MAX_ENTRIES {
            return Err(Error::TooMany);
        }
        // Conditions, references and versions must hold together, so nobody else may write until the commit.
        let _alone = self.turn.0.write().await;
        let mut names = Names::default();
        let mut targets = Vec::with_capacity(entries.len());
        for entry in &entries {
            let target = self.settle(view, entry).map_err(|error| at(entry.at, error))?;
            if let Settled::New(id) | Settled::There(id) = &target {
                names.add(entry.full_url.as_deref(), entry.kind, id);
            }
            targets.push(target);
        }
        let mut steps = Vec::with_capacity(entries.len());
        for (entry, target) in entries.iter().zip(targets) {
            let step = self.step(view, entry, target, &names).map_err(|error| at(entry.at, error))?;
            steps.push((order(&entry.change), entry.at, step));
        }
        unique(&steps)?;
        steps.sort_by_key(|(order, at, _)| (*order, *at));
        let places: Vec<usize> = steps.iter().map(|(_, at, _)| *at).collect();
        let committed = self.commit(steps.into_iter().map(|(.., step)| step).collect()).await;
        let done = committed.map_err(|(failed, error)| at(places.get(failed).copied().unwrap_or(failed), error))?;
        Ok(Transaction { done: places.into_iter().zip(done).collect() })
    }

    /// Which resource an entry is about, decided by the state before the transaction.
    fn settle(&self, view: &View, entry: &Entry) -> Result<Settled, Error> {
        let aim = Aim { view, kind: entry.kind };
        Ok(match &entry.change {
            Change::Create { unless: Some(condition), .. } => match self.matching(aim, condition)? {
                Some(found) => Settled::There(found.id.clone()),
                None => Settled::New(self.chance.id()),
            },
            Change::Create { unless: None, .. } => Settled::New(self.chance.id()),
            Change::Update { target: Target::Id(id), .. } => Settled::There(id.clone()),
            Change::Update { target: Target::Matching(condition), body, .. } => {
                if let Some(found) = self.matching(aim, condition)? {
                    return Ok(Settled::There(found.id.clone()));
                }
                let node = json::parse(body).map_err(fhir::Issue::from)?;
                Settled::New(node.text_of("id").map_or_else(|| self.chance.id(), str::to_owned))
            }
            Change::Patch { .. } | Change::Delete { .. } => Settled::Later,
        })
    }

    fn step(&self, view: &View, entry: &Entry, target: Settled, names: &Names) -> Result<Step, Error> {
        let aim = Aim { view, kind: entry.kind };
        match &entry.change {
            Change::Create { body, unless } => {
                let node = self.renamed(view, body, names)?;
                let unless = unless.as_ref().filter(|_| matches!(target, Settled::There(_)));
                self.create(aim, node, unless, target.id())
            }
            Change::Update { target: asked, body, expected, absent } => {
                let node = self.renamed(view, body, names)?;
                self.update(aim, node, asked, *expected, *absent, target.id())
            }
            Change::Patch { .. } | Change::Delete { .. } => self.plan(aim, entry.change.clone()),
        }
    }

    /// The resource of an entry, with its references resolved.
    fn renamed<'b>(&self, view: &View, body: &'b [u8], names: &Names) -> Result<Node<'b>, Error> {
        let mut node = json::parse(body).map_err(fhir::Issue::from)?;
        let mut searches = Vec::new();
        conditional(&node, &mut searches);
        let mut found = HashMap::new();
        for text in searches {
            let (kind, condition) = parse_condition(&text).ok_or(Error::Reference)?;
            let target = self.matching(Aim { view, kind }, &condition)?.ok_or(Error::Reference)?;
            found.insert(text, format!("{kind}/{}", target.id));
        }
        links::rewrite(&mut node, &|place, text| {
            let of_reference = || names.relative.get(text).or_else(|| found.get(text));
            names.new.get(text).or_else(|| if place == Place::Reference { of_reference() } else { None }).cloned()
        });
        Ok(node)
    }
}

/// Which resource an entry is about.
enum Settled {
    New(String),
    There(String),
    /// The plan of the entry decides.
    Later,
}

impl Settled {
    fn id(self) -> Option<String> {
        match self {
            Self::New(id) | Self::There(id) => Some(id),
            Self::Later => None,
        }
    }
}

/// References of the form `Patient?identifier=…`.
fn conditional(node: &Node<'_>, out: &mut Vec<String>) {
    for (name, value) in node.members() {
        match value {
            Node::String(text) if name == "reference" && parse_condition(text).is_some() => out.push(text.to_string()),
            Node::Object(_) => conditional(value, out),
            Node::Array(items) => items.iter().for_each(|item| conditional(item, out)),
            _ => {}
        }
    }
}

/// Type and condition of `Patient?identifier=…`.
fn parse_condition(text: &str) -> Option<(Kind, Condition)> {
    let (kind, query) = text.split_once('?')?;
    Some((Kind::parse(kind)?, form_urlencoded::parse(query.as_bytes()).into_owned().collect()))
}

/// Deletions, creations, updates.
const fn order(change: &Change) -> u8 {
    match change {
        Change::Delete { .. } => 0,
        Change::Create { .. } => 1,
        Change::Update { .. } | Change::Patch { .. } => 2,
    }
}

fn unique(steps: &[(u8, usize, Step)]) -> Result<(), Error> {
    let mut seen = HashSet::new();
    for (_, place, step) in steps {
        let (kind, id) = step.identity();
        // Several creations may find the same existing resource; that changes nothing.
        let changes = !matches!(step, Step::Keep(_));
        if changes && !seen.insert((kind, id.to_owned())) {
            return Err(at(*place, Error::Twice));
        }
    }
    Ok(())
}

fn at(at: usize, error: Error) -> Error {
    Error::Entry { at, error: Box::new(error) }
}
