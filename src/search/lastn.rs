//! `Observation/$lastn` (FHIR R4, observation-operations: lastn): the most recent observations of each code that a
//! search finds.

use super::page::{Page, Searched};
use super::query::Query;
use super::{Error, MAX_LINKED};
use crate::access::{CHECK, View};
use crate::fhir::definitions::Kind;
use crate::fhir::json::{self, Node};
use crate::index::{Sort, SortBy};
use crate::store::{self, Stored};

/// Observations of one code at most.
pub const MAX_EACH: usize = 100;
/// Observations in one answer.
const MAX_ANSWERED: usize = 1_000;

/// The codes of an observation. Two observations are grouped if they share a coding, or have the same text.
type Codes = Vec<String>;

impl Searched<'_> {
    /// The latest `max` observations of each code in the query's results, newest first within a code.
    pub fn lastn(&self, view: &View, query: &Query, max: usize) -> Result<Page, Error> {
        if query.contained.is_some() {
            return Err(Error::Unsupported { name: "_contained".into() });
        }
        let mut ordered = query.clone();
        let date = Kind::named("Observation").standard_parameter("date").map(|(number, _)| number);
        ordered.sort =
            date.map(|number| Sort { by: SortBy::Parameter(number), descending: true }).into_iter().collect();
        ordered.count = MAX_LINKED;
        let mut groups: Vec<(Codes, Vec<Stored>)> = Vec::new();
        self.each(view, &ordered, &mut |stored| {
            view.spend(CHECK).map_err(store::Error::from)?;
            let codes = codes_of(stored)?;
            let group = groups.iter_mut().find(|(known, _)| codes.iter().any(|code| known.contains(code)));
            match group {
                Some((known, latest)) => {
                    known.extend(codes.into_iter().filter(|code| !code.is_empty()));
                    known.sort_unstable();
                    known.dedup();
                    if latest.len() < max {
                        latest.push(stored.clone());
                    }
                }
                None => groups.push((codes, vec![stored.clone()])),
            }
            Ok(())
        })?;
        let matches: Vec<Stored> = groups.into_iter().flat_map(|(_, latest)| latest).collect();
        if matches.len() > MAX_ANSWERED {
            return Err(Error::TooCostly(query.kind));
        }
        let total = Some(matches.len() as u64);
        Ok(Page { matches, included: Vec::new(), total, next: None, cut: false })
    }
}

fn codes_of(stored: &Stored) -> Result<Codes, Error> {
    let damaged = || store::Error::Corrupted(format!("{}/{}", stored.kind, stored.rid));
    let node = json::parse(&stored.body).map_err(|_| damaged())?;
    let code = node.get("code");
    let codings = code.and_then(|code| code.get("coding")).map(Node::items).unwrap_or_default();
    let mut out: Codes = codings
        .iter()
        .filter_map(|coding| {
            Some(format!("{}|{}", coding.text_of("system").unwrap_or_default(), coding.text_of("code")?))
        })
        .collect();
    if out.is_empty() {
        out.push(code.and_then(|code| code.text_of("text")).unwrap_or_default().to_owned());
    }
    Ok(out)
}
