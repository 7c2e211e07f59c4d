//! From clauses and a View to a tantivy query. The View's part is built first and joined to every other part, so that
//! everything is counted and compared within the View.

use std::collections::BTreeSet;
use std::ops::Bound;

use tantivy::query::{
    AllQuery, BooleanQuery, EmptyQuery, Occur, Query as TantivyQuery, RangeQuery, TermQuery, TermSetQuery,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{Searcher, Term};

use super::collect::Spans;
use super::schema::{Fields, date_slot};
use super::{Error, Query, terms};
use crate::access::{Operation, Permit, Reach, View};
use crate::fhir::Kind;
use crate::fhir::dates::Span;
use crate::fhir::definitions::{SearchParameters, Targets};
use crate::fhir::filter::{Clause, Field as Looked, Prefix, System, Test, Wanted};

/// Distinct strings that a `:contains` may select; beyond this, the filter does all the work.
const MAX_CONTAINED: usize = 5_000;
/// Up to this many alternatives, one query for each is cheaper than one set of documents as large as the segment.
const MANY: usize = 64;
/// From this many alternatives on, it pays to check whether all are references.
const SEVERAL: usize = 8;

pub(super) struct Plan {
    pub(super) query: Box<dyn TantivyQuery>,
    /// True if the filter must check the results.
    pub(super) inexact: bool,
    /// The date conditions that are checked on each document.
    pub(super) spans: Vec<Spans>,
}

type Part = Box<dyn TantivyQuery>;

/// A query that finds at least the wanted documents, and whether it finds exactly those.
struct Narrowed {
    part: Part,
    exact: bool,
}

/// The plan of a query; nothing if the View shows nothing of the type.
pub(super) fn plan(
    searcher: &Searcher,
    fields: Fields,
    defined: &SearchParameters,
    view: &View,
    query: &Query<'_>,
) -> Result<Option<Plan>, Error> {
    let Some(permit) = view.permit(query.kind, Operation::Search) else { return Ok(None) };
    let builder = Builder { searcher, fields, defined, kind: query.kind };
    let mut parts = vec![(Occur::Must, builder.within(view))];
    for bit in (0..u16::BITS).filter(|bit| view.withheld().bits() >> bit & 1 == 1) {
        parts.push((Occur::MustNot, builder.term(&terms::of_category(bit))));
    }
    let mut inexact = false;
    if let Permit::Only(sets) = permit {
        let mut any = Vec::new();
        for clauses in &sets {
            let (part, exact) = builder.all(clauses)?;
            inexact |= !exact;
            any.push(part);
        }
        parts.push((Occur::Must, Box::new(BooleanQuery::union(any))));
    }
    // One patient has few resources, and a term selects few: there, checking the dates of each document costs less than
    // a range query, which opens its columns every time.
    let of_patient = query.kind.is_personal() && matches!(view.reach(), Reach::Patients(_));
    let selective = of_patient || query.clauses.iter().any(is_selective);
    let mut spans = Vec::new();
    for clause in query.clauses {
        let asked = spans_of(query.kind, clause);
        if asked.is_none() || !selective {
            let narrowed = builder.clause(clause)?;
            inexact |= !narrowed.exact && asked.is_none();
            parts.push((Occur::Must, narrowed.part));
        }
        spans.extend(asked);
    }
    let query: Part = match parts.len() {
        1 => parts.pop().map_or_else(|| Box::new(EmptyQuery) as Part, |(_, part)| part),
        _ => Box::new(BooleanQuery::new(parts)),
    };
    Ok(Some(Plan { query, inexact, spans }))
}

/// The date conditions of a clause, if its parameter has a column.
fn spans_of(kind: Kind, clause: &Clause) -> Option<Spans> {
    let Test::Any(wanted) = &clause.test else { return None };
    let slot = match clause.field {
        Looked::Updated => None,
        Looked::Parameter(number) => Some(date_slot(kind, number)?),
        Looked::Id | Looked::Contained => return None,
    };
    let span = |wanted: &Wanted| match wanted {
        Wanted::Date { prefix, span } => Some((*prefix, *span)),
        _ => None,
    };
    Some(Spans { slot, wanted: wanted.iter().map(span).collect::<Option<_>>()? })
}

/// True for a clause that terms can select by.
fn is_selective(clause: &Clause) -> bool {
    let Test::Any(wanted) = &clause.test else { return false };
    wanted.iter().all(|wanted| {
        matches!(
            wanted,
            Wanted::Token { code: Some(_), .. } | Wanted::Reference { .. } | Wanted::Uri(_) | Wanted::Logical { .. }
        )
    })
}

struct Builder<'b> {
    searcher: &'b Searcher,
    fields: Fields,
    defined: &'b SearchParameters,
    kind: Kind,
}

impl Builder<'_> {
    /// Resources of the type that are within the View's reach.
    fn within(&self, view: &View) -> Part {
        match view.reach() {
            Reach::Public(base) => self.term(&terms::of_base(self.kind, base)),
            Reach::Patients(ids) if self.kind.is_personal() => match ids {
                [] => Box::new(EmptyQuery),
                [id] => self.term(&terms::of_patient(self.kind, id)),
                ids => one_of(ids.iter().map(|id| self.value(&terms::of_patient(self.kind, id))).collect()),
            },
            Reach::Patients(_) | Reach::Everything => self.term(&terms::of_kind(self.kind)),
        }
    }

    fn all(&self, clauses: &[Clause]) -> Result<(Part, bool), Error> {
        let mut exact = true;
        let mut parts = Vec::new();
        for clause in clauses {
            let narrowed = self.clause(clause)?;
            exact &= narrowed.exact;
            parts.push(narrowed.part);
        }
        Ok((Box::new(BooleanQuery::intersection(parts)), exact))
    }

    fn clause(&self, clause: &Clause) -> Result<Narrowed, Error> {
        match &clause.test {
            Test::Missing(missing) => {
                let Looked::Parameter(number) = clause.field else { return Ok(anything()) };
                let present = self.present(number)?;
                let part = if *missing { not(present) } else { present };
                Ok(Narrowed { part, exact: true })
            }
            Test::Any(wanted) => self.any(clause.field, wanted),
            Test::Not(wanted) => {
                let inner = self.any(clause.field, wanted)?;
                // A part that may find too much must not be excluded.
                Ok(if inner.exact { Narrowed { part: not(inner.part), exact: true } } else { anything() })
            }
        }
    }

    fn any(&self, field: Looked, wanted: &[Wanted]) -> Result<Narrowed, Error> {
        if let Some(terms) = self.exact_terms(field, wanted) {
            return Ok(exactly(one_of(terms)));
        }
        if let (holders @ [_, ..], rest) = split_holders(wanted) {
            let rids = holders.iter().filter_map(|wanted| match wanted {
                Wanted::Itself { rid, .. } => Some(Term::from_field_u64(self.fields.rid, *rid)),
                _ => None,
            });
            let rest = self.any(field, rest)?;
            return Ok(Narrowed { part: either(one_of(rids.collect()), rest.part), exact: rest.exact });
        }
        let mut exact = true;
        let mut parts = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            let narrowed = self.wanted(field, wanted)?;
            exact &= narrowed.exact;
            parts.push(narrowed.part);
        }
        Ok(match parts.len() {
            0 => Narrowed { part: Box::new(EmptyQuery), exact: true },
            1 => Narrowed { part: parts.pop().unwrap_or_else(|| Box::new(EmptyQuery)), exact },
            _ => Narrowed { part: Box::new(BooleanQuery::union(parts)), exact },
        })
    }

    /// The terms of many references or tokens, as chains and value sets produce them; nothing for anything else.
    fn exact_terms(&self, field: Looked, wanted: &[Wanted]) -> Option<Vec<Term>> {
        let Looked::Parameter(number) = field else { return None };
        if wanted.len() < SEVERAL {
            return None;
        }
        let term = |wanted: &Wanted| match wanted {
            Wanted::Reference { kind: Some(kind), id } => {
                Some(self.value(&terms::of_reference(number, Some(*kind), id)))
            }
            Wanted::Token { system, code } => Some(self.value(&terms::of_token(number, system, code.as_deref())?)),
            _ => None,
        };
        wanted.iter().map(term).collect()
    }

    fn wanted(&self, field: Looked, wanted: &Wanted) -> Result<Narrowed, Error> {
        let number = match (field, wanted) {
            // The store looks up the ids; the index only returns candidates.
            (Looked::Id, Wanted::Id(_)) => return Ok(anything()),
            (Looked::Updated, Wanted::Date { prefix, span }) => return Ok(exactly(self.updated(*prefix, *span))),
            (Looked::Contained, Wanted::Kind(inside)) => {
                return Ok(exactly(self.term(&terms::of_contained(self.kind, *inside))));
            }
            (Looked::Parameter(number), _) => number,
            _ => return Ok(exactly(Box::new(EmptyQuery))),
        };
        Ok(match wanted {
            Wanted::Token { system, code } => match terms::of_token(number, system, code.as_deref()) {
                Some(term) => exactly(self.term(&term)),
                None => anything(),
            },
            Wanted::Text(text) => exactly(self.prefix(&terms::term(number, b'x', &[text.as_bytes()]))?),
            Wanted::Starts(text) => exactly(self.prefix(&terms::term(number, b't', &[text.as_bytes()]))?),
            Wanted::Exact(text) => {
                let folded = crate::fhir::fold(text);
                Narrowed { part: self.term(&terms::term(number, b't', &[folded.as_bytes()])), exact: false }
            }
            Wanted::Contains(text) => self.contains(number, text)?,
            Wanted::Reference { kind, id } => exactly(self.reference(number, *kind, id)),
            Wanted::Uri(uri) => exactly(self.term(&terms::term(number, b'u', &[uri.as_bytes()]))),
            Wanted::Logical { system, value } => exactly(self.term(&terms::of_logical(number, system, value))),
            Wanted::Date { prefix, span } => self.date(number, *prefix, *span)?,
            Wanted::Id(_) | Wanted::Kind(_) | Wanted::Itself { .. } => exactly(Box::new(EmptyQuery)),
            // The identifier's own term narrows; the filter checks its type.
            Wanted::Typed { value, .. } => match terms::of_token(number, &System::Any, Some(value)) {
                Some(term) => Narrowed { part: self.term(&term), exact: false },
                None => anything(),
            },
            Wanted::Below(_)
            | Wanted::Above(_)
            | Wanted::Canonical { .. }
            | Wanted::Number(_)
            | Wanted::Quantity { .. }
            | Wanted::Near { .. }
            | Wanted::All(_) => Narrowed { part: self.present(number)?, exact: false },
        })
    }

    fn value(&self, bytes: &[u8]) -> Term {
        Term::from_field_bytes(self.fields.term, bytes)
    }

    fn term(&self, bytes: &[u8]) -> Part {
        Box::new(TermQuery::new(self.value(bytes), IndexRecordOption::Basic))
    }

    /// Documents with a term that begins with these bytes. Where such terms are few, each gets its own query, since a
    /// range marks its documents in a set as large as the segment.
    fn prefix(&self, bytes: &[u8]) -> Result<Part, Error> {
        let mut found = Vec::new();
        let all = self.walk(bytes, |key| {
            let term = self.value(key);
            if !found.contains(&term) {
                found.push(term);
            }
            found.len() <= MANY
        })?;
        if all {
            return Ok(one_of(found));
        }
        let (from, to) = (Bound::Included(self.value(bytes)), Bound::Excluded(self.value(&after_prefix(bytes))));
        Ok(Box::new(RangeQuery::new(from, to)))
    }

    /// Passes the terms that begin with these bytes to `more`, each once per segment, until `more` has seen enough.
    /// Returns true if it saw all.
    fn walk(&self, prefix: &[u8], mut more: impl FnMut(&[u8]) -> bool) -> Result<bool, Error> {
        let end = after_prefix(prefix);
        for segment in self.searcher.segment_readers() {
            let index = segment.inverted_index(self.fields.term)?;
            let range = index.terms().range().ge(prefix).lt(&end);
            let mut stream = range.into_stream().map_err(|error| Error::Failed(error.to_string()))?;
            while stream.advance() {
                if !more(stream.key()) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Resources with any value of a parameter. There is one such term for each set of parameters that occur together.
    fn present(&self, number: u16) -> Result<Part, Error> {
        let mut found = BTreeSet::new();
        self.walk(&terms::of_presence(number), |key| {
            if terms::is_present(number, key) {
                found.insert(self.value(key));
            }
            true
        })?;
        Ok(one_of(found.into_iter().collect()))
    }

    fn reference(&self, number: u16, kind: Option<Kind>, id: &str) -> Part {
        let targets = self.defined.numbered(self.kind, number).map(|parameter| &parameter.targets);
        match (kind, targets) {
            (None, Some(Targets::These(kinds))) => {
                one_of(kinds.iter().map(|kind| self.value(&terms::of_reference(number, Some(*kind), id))).collect())
            }
            _ => self.term(&terms::of_reference(number, kind, id)),
        }
    }

    fn contains(&self, number: u16, text: &str) -> Result<Narrowed, Error> {
        let prefix = terms::term(number, b't', &[]);
        let mut found = Vec::new();
        let all = self.walk(&prefix, |key| {
            let string = key.get(prefix.len()..).unwrap_or_default();
            if memchr::memmem::find(string, text.as_bytes()).is_none() {
                return true;
            }
            let room = found.len() < MAX_CONTAINED;
            if room {
                found.push(self.value(key));
            }
            room
        })?;
        if !all {
            return Ok(Narrowed { part: self.present(number)?, exact: false });
        }
        Ok(exactly(one_of(found)))
    }

    /// `_lastUpdated`: one value per resource, a millisecond wide.
    fn updated(&self, prefix: Prefix, span: Span) -> Part {
        let column = self.fields.updated;
        // The value ends a millisecond after its start.
        relation(
            prefix,
            span,
            |lo| above(column, lo),
            |lo| below(column, lo),
            |hi| above(column, less(hi, 1_000)),
            |hi| below(column, less(hi, 1_000)),
        )
    }

    fn date(&self, number: u16, prefix: Prefix, span: Span) -> Result<Narrowed, Error> {
        let columns = date_slot(self.kind, number)
            .and_then(|slot| Some((*self.fields.date_lo.get(slot)?, *self.fields.date_hi.get(slot)?)));
        let Some((lo, hi)) = columns else {
            return Ok(Narrowed { part: self.present(number)?, exact: false });
        };
        // With several values the two columns do not pair, and `ne` is not the opposite of `eq`.
        let part = if prefix == Prefix::Ne {
            self.present(number)?
        } else {
            relation(prefix, span, |v| above(lo, v), |v| below(lo, v), |v| above(hi, v), |v| below(hi, v))
        };
        Ok(Narrowed { part, exact: false })
    }
}

/// Splits alternatives into resources named by their numbers, which a chain puts first, and everything else.
fn split_holders(wanted: &[Wanted]) -> (&[Wanted], &[Wanted]) {
    wanted.split_at(wanted.iter().take_while(|wanted| matches!(wanted, Wanted::Itself { .. })).count())
}

/// The first key after all that begin with `prefix`. Terms begin with a parameter number below the largest, so there
/// always is one.
fn after_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            break;
        }
    }
    end
}

/// A prefix as conditions on the two ends of a target: `above(v)` means at or above `v`, `below(v)` at or below.
fn relation(
    prefix: Prefix,
    span: Span,
    lo_above: impl Fn(i64) -> Part,
    lo_below: impl Fn(i64) -> Part,
    hi_above: impl Fn(i64) -> Part,
    hi_below: impl Fn(i64) -> Part,
) -> Part {
    let contained = || both(lo_above(span.lo), hi_below(span.hi));
    let after = || hi_above(span.hi.saturating_add(1));
    let before = || lo_below(less(span.lo, 1));
    match prefix {
        Prefix::Eq => contained(),
        Prefix::Ne => not(contained()),
        Prefix::Gt => after(),
        Prefix::Lt => before(),
        Prefix::Ge => either(after(), contained()),
        Prefix::Le => either(before(), contained()),
        Prefix::Sa => lo_above(span.hi),
        Prefix::Eb => hi_below(span.lo),
        Prefix::Ap => both(lo_below(less(span.hi, 1)), hi_above(span.lo.saturating_add(1))),
    }
}

const fn less(value: i64, by: i64) -> i64 {
    value.saturating_sub(by)
}

fn above(column: Field, value: i64) -> Part {
    Box::new(RangeQuery::new(Bound::Included(Term::from_field_i64(column, value)), Bound::Unbounded))
}

fn below(column: Field, value: i64) -> Part {
    Box::new(RangeQuery::new(Bound::Unbounded, Bound::Included(Term::from_field_i64(column, value))))
}

fn both(left: Part, right: Part) -> Part {
    Box::new(BooleanQuery::intersection(vec![left, right]))
}

fn either(left: Part, right: Part) -> Part {
    Box::new(BooleanQuery::union(vec![left, right]))
}

fn not(part: Part) -> Part {
    Box::new(BooleanQuery::new(vec![(Occur::Must, Box::new(AllQuery)), (Occur::MustNot, part)]))
}

/// Documents with any of these terms.
fn one_of(mut terms: Vec<Term>) -> Part {
    let term = |term| Box::new(TermQuery::new(term, IndexRecordOption::Basic)) as Part;
    match terms.len() {
        0 => Box::new(EmptyQuery),
        1 => terms.pop().map_or_else(|| Box::new(EmptyQuery) as Part, term),
        2..=MANY => Box::new(BooleanQuery::union(terms.into_iter().map(term).collect())),
        _ => Box::new(TermSetQuery::new(terms)),
    }
}

fn exactly(part: Part) -> Narrowed {
    Narrowed { part, exact: true }
}

fn anything() -> Narrowed {
    Narrowed { part: Box::new(AllQuery), exact: false }
}
