//! Reading the parameters of a search.

use jiff::Timestamp;

use super::links::{Link, Reading};
use super::words::Words;
use super::{DEFAULT_COUNT, Error, MAX_COUNT, MAX_PARAMETERS};
use crate::access::PatientId;
use crate::fhir::definitions::{SearchParameters, Targets};
use crate::fhir::filter::{self, Clause, Field, Refusal, Test, Wanted};
use crate::fhir::{Extracted, Form, Kind, Subset};
use crate::index::{Sort, SortBy};
use crate::store::Stored;

/// A parsed search.
#[derive(Clone, Debug)]
pub struct Query {
    /// The type.
    pub kind: Kind,
    /// The search parameters at the moment of the search, which read the resources too.
    pub defined: SearchParameters,
    /// Conditions, joined by and.
    pub clauses: Vec<Clause>,
    /// Conditions on other resources, also joined by and.
    pub links: Vec<Link>,
    /// Conditions on words.
    pub words: Vec<Words>,
    /// Order.
    pub sort: Vec<Sort>,
    /// Matches per page; zero for a count only.
    pub count: usize,
    /// Whether to count.
    pub total: Total,
    /// References to follow.
    pub includes: Vec<Include>,
    /// Whether contained resources are searched; absent if they are not.
    pub contained: Option<Inside>,
    /// The part of each resource that is wanted; absent for all of it.
    pub subset: Option<Subset>,
    /// The cursor of a later page.
    pub cursor: Option<String>,
    /// The parameters that were used, as they came: the self link.
    pub used: Vec<(String, String)>,
    /// Parameters that were dropped, because the caller asked for leniency.
    pub dropped: Vec<String>,
}

/// `_contained` and `_containedType`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inside {
    /// Resources on their own are searched too.
    pub both: bool,
    /// A match is returned as the contained resource, and not as its container.
    pub inner: bool,
}

/// `_total`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Total {
    /// Exact, if counting costs nothing extra.
    Free,
    /// Exact.
    Accurate,
    /// None.
    None,
}

/// One `_include` or `_revinclude`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Include {
    /// The type that holds the reference.
    pub source: Kind,
    /// The reference parameter; absent for `*`.
    pub parameter: Option<u16>,
    /// The type referred to, if it matters.
    pub target: Option<Kind>,
    /// From included resources too.
    pub iterate: bool,
    /// In reverse: resources that refer to the matches.
    pub reverse: bool,
}

/// Result parameters of R4 that this server knows and does not support.
const UNSUPPORTED: [&str; 2] = ["_filter", "_query"];
const MAX_SORT_KEYS: usize = 3;
const MAX_INCLUDES: usize = 20;

impl Query {
    /// Reads the decoded parameters of a search of `kind`, by what is `defined`. `base` is the address of the FHIR base.
    pub fn read(
        defined: SearchParameters,
        kind: Kind,
        parameters: &[(String, String)],
        lenient: bool,
        now: Timestamp,
        base: &str,
    ) -> Result<Self, Error> {
        if parameters.len() > MAX_PARAMETERS {
            return Err(Error::TooMany);
        }
        let mut query = Self::empty(defined, kind);
        query.take_all(parameters, lenient, &Reading { now, base, depth: 0 })?;
        Ok(query)
    }

    /// The inner search of a link.
    pub(super) fn read_below(&self, kind: Kind, condition: (&str, &str), reading: &Reading<'_>) -> Result<Self, Error> {
        let mut query = Self::empty(self.defined.clone(), kind);
        let (key, value) = condition;
        query.take_all(&[(key.to_owned(), value.to_owned())], false, reading)?;
        Ok(query)
    }

    /// Ids of the patients that the query names, for the audit.
    #[must_use]
    pub fn patients(&self) -> Vec<PatientId> {
        let is_whose = |field| match field {
            Field::Id => self.kind == Kind::PATIENT,
            Field::Parameter(number) => self.kind.compartment().contains(&usize::from(number)),
            Field::Updated | Field::Contained => false,
        };
        let named = self.clauses.iter().filter(|clause| is_whose(clause.field));
        let wanted = named.flat_map(|clause| match &clause.test {
            Test::Any(wanted) => wanted.as_slice(),
            _ => &[],
        });
        let id = |wanted: &Wanted| match wanted {
            Wanted::Id(id) => Some(PatientId::from(&**id)),
            Wanted::Reference { kind, id } if kind.is_none_or(|kind| kind == Kind::PATIENT) => {
                Some(PatientId::from(&**id))
            }
            _ => None,
        };
        wanted.filter_map(id).collect()
    }

    /// A search by a parameter of the tables.
    pub(super) fn of(kind: Kind, clause: Clause) -> Self {
        Self { clauses: vec![clause], ..Self::empty(SearchParameters::TABLES, kind) }
    }

    fn empty(defined: SearchParameters, kind: Kind) -> Self {
        Self {
            kind,
            defined,
            clauses: Vec::new(),
            links: Vec::new(),
            words: Vec::new(),
            sort: Vec::new(),
            count: DEFAULT_COUNT,
            total: Total::Free,
            includes: Vec::new(),
            contained: None,
            subset: None,
            cursor: None,
            used: Vec::new(),
            dropped: Vec::new(),
        }
    }

    fn take_all(&mut self, parameters: &[(String, String)], lenient: bool, reading: &Reading<'_>) -> Result<(), Error> {
        for (key, value) in parameters {
            match self.take(key, value, reading) {
                Ok(used) => {
                    if used {
                        self.used.push((key.clone(), value.clone()));
                    }
                }
                Err(error) if lenient && is_unknown(&error) => self.dropped.push(error.to_string()),
                Err(error) => return Err(error),
            }
        }
        for once in ["_count", "_total", "_contained", "_containedType"] {
            let mut values = parameters.iter().filter(|(name, value)| name == once && !value.is_empty());
            let first = values.next();
            if values.any(|other| Some(other) != first) {
                return Err(Error::Repeated { name: once.into() });
            }
        }
        if let Some(inside) = &mut self.contained {
            inside.inner = parameters.iter().any(|(name, value)| name == "_containedType" && value == "contained");
            if inside.inner && !self.includes.is_empty() {
                return Err(result("_containedType", "'container', which is the one that goes with '_include'"));
            }
            if self.links.iter().any(|link| !matches!(link, Link::To { .. } | Link::Parts { .. })) {
                return Err(result(
                    "_contained",
                    "'false': '_has' and '_list' ask who refers to a resource, and to one inside another nobody else can",
                ));
            }
        }
        if self.subset == Some(Subset::Text) && !self.includes.is_empty() {
            return Err(result("_summary", "one that goes with '_include'; 'true' and 'data' do"));
        }
        Ok(())
    }

    /// Sets the requested part of each resource; there can be one.
    fn only(&mut self, subset: Option<Subset>) -> Result<(), Error> {
        if subset.is_some() && self.subset.is_some() {
            return Err(result("_elements", "to be given twice or together with '_summary'"));
        }
        self.subset = self.subset.take().or(subset);
        Ok(())
    }

    /// True if the parameter belongs in the self link.
    fn take(&mut self, key: &str, value: &str, reading: &Reading<'_>) -> Result<bool, Error> {
        match key {
            "_count" => {
                let count: usize = value.parse().map_err(|_| result("_count", "a whole number such as 50"))?;
                self.count = count.min(MAX_COUNT);
            }
            "_total" => {
                self.total = match value {
                    "none" => Total::None,
                    "accurate" => Total::Accurate,
                    "estimate" => Total::Free,
                    _ => return Err(result("_total", "'none', 'estimate' or 'accurate'")),
                }
            }
            "_summary" if value == "count" => self.count = 0,
            "_summary" => self.only(Subset::summary(value).map_err(|expected| result("_summary", expected))?)?,
            "_elements" => {
                self.only(Some(Subset::elements(value).map_err(|expected| result("_elements", expected))?))?;
            }
            "_sort" if value.is_empty() => return Ok(false),
            "_sort" => self.sort = self.sort_keys(value)?,
            "_cursor" => {
                self.cursor = Some(value.to_owned());
                return Ok(false);
            }
            "_format" | "_pretty" => {}
            _ if key.starts_with("_has:") && !value.is_empty() => self.links.push(reading.has(self, key, value)?),
            _ if key.contains('.') && !value.is_empty() => self.links.push(reading.chain(self, key, value)?),
            _ if value.is_empty() && (key.starts_with("_has:") || key.contains('.')) => return Ok(false),
            "_text" | "_content" if !value.is_empty() => self.words.push(Words::read(key == "_text", value)?),
            "_list" if !value.is_empty() => self.links.push(Link::Listed { id: Reading::list(value)? }),
            "_contained" if !value.is_empty() => self.contained = inside(value)?,
            "_containedType" if matches!(value, "container" | "contained") => {}
            "_containedType" if !value.is_empty() => {
                return Err(result("_containedType", "'container' or 'contained'"));
            }
            "_text" | "_content" | "_list" | "_contained" | "_containedType" => return Ok(false),
            _ if UNSUPPORTED.contains(&key.split(':').next().unwrap_or(key)) => {
                return Err(Error::Unsupported { name: key.chars().take(64).collect() });
            }
            _ if key == "_include" || key.starts_with("_include:") => self.include(key, value, false)?,
            _ if key == "_revinclude" || key.starts_with("_revinclude:") => self.include(key, value, true)?,
            _ if let Some(link) = reading.parts(self, key, value)? => self.links.push(link),
            _ => match filter::clause(&self.defined, self.kind, key, value, reading.now, reading.base)? {
                Some(clause) => self.clauses.push(clause),
                None => return Ok(false),
            },
        }
        Ok(true)
    }

    /// True if a resource satisfies every condition but the links.
    pub(super) fn admits(&self, stored: &Stored, extracted: &Extracted) -> Result<bool, Error> {
        if !self.clauses.iter().all(|clause| clause.matches(extracted)) {
            return Ok(false);
        }
        for words in &self.words {
            if !words.found_in(stored)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn sort_keys(&self, value: &str) -> Result<Vec<Sort>, Error> {
        if !self.sort.is_empty() {
            return Err(Error::Repeated { name: "_sort".into() });
        }
        let mut keys = Vec::new();
        for name in value.split(',').filter(|name| !name.is_empty()) {
            let (name, descending) = name.strip_prefix('-').map_or((name, false), |name| (name, true));
            let by = match name {
                "_lastUpdated" => Some(SortBy::Updated),
                "_id" => Some(SortBy::Id),
                _ => self
                    .defined
                    .named(self.kind, name)
                    .filter(|(_, parameter)| is_sortable(parameter.form))
                    .map(|(number, _)| SortBy::Parameter(number)),
            };
            let by = by.ok_or_else(|| result("_sort", &format!("one of {}", self.sortable())))?;
            keys.push(Sort { by, descending });
        }
        if keys.len() > MAX_SORT_KEYS {
            return Err(Error::Limit { name: "_sort", limit: "at most three keys" });
        }
        Ok(keys)
    }

    fn sortable(&self) -> String {
        let own = self.defined.of(self.kind).filter(|(_, parameter)| is_sortable(parameter.form));
        let names: Vec<&str> = ["_lastUpdated", "_id"].into_iter().chain(own.map(|(_, own)| &*own.code)).collect();
        names.join(", ")
    }

    fn include(&mut self, key: &str, value: &str, reverse: bool) -> Result<(), Error> {
        let name = if reverse { "_revinclude" } else { "_include" };
        let expected = "a type, a reference parameter and perhaps a type, such as 'Coverage:payor:Organization'";
        let wrong = || result(name, expected);
        let iterate = match key.split_once(':') {
            None => false,
            Some((_, "iterate" | "recurse")) => true,
            Some(_) => return Err(wrong()),
        };
        if self.includes.len() >= MAX_INCLUDES {
            return Err(Error::Limit { name, limit: "at most 20 values in one search" });
        }
        let mut parts = value.split(':');
        let source = match parts.next() {
            Some("*") if !reverse => self.kind,
            Some(text) => Kind::parse(text).ok_or_else(wrong)?,
            None => return Err(wrong()),
        };
        let parameter = match parts.next() {
            Some("*") => None,
            None if value == "*" => None,
            Some(code) => {
                let (number, found) = self.defined.named(source, code).ok_or_else(wrong)?;
                if found.form != Form::Reference {
                    return Err(wrong());
                }
                Some((number, &found.targets))
            }
            None => return Err(wrong()),
        };
        let target = match parts.next() {
            None | Some("") => None,
            Some(text) => {
                let kind = Kind::parse(text).ok_or_else(wrong)?;
                if let Some((_, Targets::These(kinds))) = parameter
                    && !kinds.contains(&kind)
                {
                    return Err(wrong());
                }
                Some(kind)
            }
        };
        let parameter = parameter.map(|(number, _)| number);
        self.includes.push(Include { source, parameter, target, iterate, reverse });
        Ok(())
    }
}

/// The value of `_contained`.
fn inside(value: &str) -> Result<Option<Inside>, Error> {
    match value {
        "false" => Ok(None),
        "true" => Ok(Some(Inside { both: false, inner: false })),
        "both" => Ok(Some(Inside { both: true, inner: false })),
        _ => Err(result("_contained", "'true', 'false' or 'both'")),
    }
}

/// Forms whose values have an order of their own.
const fn is_sortable(form: Form) -> bool {
    !matches!(form, Form::Composite | Form::Special)
}

fn is_unknown(error: &Error) -> bool {
    matches!(error, Error::Refused(Refusal::Unknown { .. } | Refusal::Form { .. }) | Error::Unsupported { .. })
}

fn result(name: &'static str, expected: &str) -> Error {
    Error::Result { name, expected: expected.to_owned() }
}
