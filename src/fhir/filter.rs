//! The exact meaning of every search parameter, on one resource. The index only narrows; this module has the semantics
//! of FHIR R4 (search, sections 3.1.1.4 and 3.1.1.5), and everything that selects resources asks it.
//!
//! Deliberately absent: anything that needs a second resource (chains, `_has`, includes).

pub mod amount;
mod implied;
mod near;
mod parse;

use super::dates::Span;
use super::definitions::{Form, Kind, Parameter};
use super::extract::{Extracted, Quantity, Value};
use super::terminology::Way;
use super::ucum;

pub use parse::{Refusal, clause, standard_clause};

/// One `name[:modifier]=value,value` of a query. A resource matches if the test holds; clauses are joined by and.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    /// The field that is tested.
    pub field: Field,
    /// The test.
    pub test: Test,
}

/// The field that a clause tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `_id`
    Id,
    /// `_lastUpdated`
    Updated,
    /// A parameter, by its number.
    Parameter(u16),
    /// The types of its contained resources.
    Contained,
}

/// The test of a field's values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// At least one value matches at least one of these.
    Any(Vec<Wanted>),
    /// No value matches any of these; resources without a value match.
    Not(Vec<Wanted>),
    /// There is no value (true) or at least one (false).
    Missing(bool),
}

/// One alternative of a clause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A logical id.
    Id(Box<str>),
    /// A token; see [`System`].
    Token {
        /// The condition on the system.
        system: System,
        /// The code, compared without case; absent for `system|`.
        code: Option<Box<str>>,
    },
    /// Text beside a token, folded; matches a prefix.
    Text(Box<str>),
    /// A prefix of a string, folded.
    Starts(Box<str>),
    /// A part of a string, folded.
    Contains(Box<str>),
    /// A string, exactly.
    Exact(Box<str>),
    /// A reference to a resource of this server.
    Reference {
        /// The type, if the query names one.
        kind: Option<Kind>,
        /// The logical id.
        id: Box<str>,
    },
    /// A reference or uri, exactly.
    Uri(Box<str>),
    /// A logical reference.
    Logical {
        /// The condition on the namespace.
        system: System,
        /// The value.
        value: Box<str>,
    },
    /// A span of time.
    Date {
        /// How it is compared.
        prefix: Prefix,
        /// The span of the query's text.
        span: Span,
    },
    /// Addresses that begin with this one.
    Below(Box<str>),
    /// Addresses that are a prefix of this one.
    Above(Box<str>),
    /// References to an address: in any version, or in versions that the given one is part of (above) or that are part
    /// of it (below).
    Canonical {
        /// Without a version.
        address: Box<str>,
        /// The version, if one is named.
        version: Option<Box<str>>,
        /// Above or below.
        way: Way,
    },
    /// A number.
    Number(amount::Searched),
    /// A quantity.
    Quantity {
        /// The amount.
        searched: amount::Searched,
        /// The condition on the unit's system.
        system: System,
        /// The unit's code, or its text if no system is named; absent for any unit.
        code: Option<Box<str>>,
    },
    /// An identifier with a type.
    Typed {
        /// The condition on the type's system.
        system: System,
        /// The type.
        code: Box<str>,
        /// The identifier's value.
        value: Box<str>,
    },
    /// Positions near a point.
    Near {
        /// Millionths of a degree north.
        latitude: i64,
        /// Millionths of a degree east.
        longitude: i64,
        /// The largest distance.
        metres: u32,
    },
    /// The components of a composite, all below one element.
    All(Box<[Wanted]>),
    /// The type of a contained resource.
    Kind(Kind),
    /// This very resource, whatever its values are: its reference leads to a contained resource, where the match was
    /// found.
    Itself {
        /// Its number in the store.
        rid: u64,
        /// Its logical id.
        id: Box<str>,
    },
}

/// A query's condition on a token's system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum System {
    /// `code`: any system or none.
    Any,
    /// `|code`: no system.
    None,
    /// `system|code`: this system.
    Is(Box<str>),
}

/// Comparison prefixes (FHIR R4, search, 3.1.1.4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the standard's own two letters")]
pub enum Prefix {
    Eq,
    Ne,
    Gt,
    Lt,
    Ge,
    Le,
    Sa,
    Eb,
    Ap,
}

impl Clause {
    /// True if the resource satisfies the clause.
    #[must_use]
    pub fn matches(&self, resource: &Extracted) -> bool {
        match &self.test {
            Test::Missing(missing) => self.is_missing(resource) == *missing,
            Test::Any(wanted) => wanted.iter().any(|wanted| self.finds(wanted, resource)),
            Test::Not(wanted) => !wanted.iter().any(|wanted| self.finds(wanted, resource)),
        }
    }

    fn is_missing(&self, resource: &Extracted) -> bool {
        match self.field {
            Field::Id | Field::Updated => false,
            Field::Contained => resource.contains.is_empty(),
            Field::Parameter(number) => resource.values_of(number).next().is_none(),
        }
    }

    fn finds(&self, wanted: &Wanted, resource: &Extracted) -> bool {
        match self.field {
            Field::Id => matches!(wanted, Wanted::Id(id) if **id == *resource.id),
            Field::Updated => match wanted {
                // Served as milliseconds, and therefore compared as milliseconds.
                Wanted::Date { prefix, span } => {
                    let lo = resource.updated - resource.updated.rem_euclid(1_000);
                    prefix.holds(*span, Span { lo, hi: lo + 1_000 })
                }
                _ => false,
            },
            Field::Contained => matches!(wanted, Wanted::Kind(kind) if resource.contains.contains(kind)),
            Field::Parameter(_) if matches!(wanted, Wanted::Itself { .. }) => {
                matches!(wanted, Wanted::Itself { id, .. } if **id == *resource.id)
            }
            Field::Parameter(number) => resource.values_of(number).any(|value| wanted.matches(value)),
        }
    }
}

impl Wanted {
    /// True if a single value matches.
    #[must_use]
    pub fn matches(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Token { system, code }, Value::Token { system: has_system, code: has_code }) => {
                system.matches(has_system.as_deref())
                    && code.as_ref().is_none_or(|code| has_code.as_ref().is_some_and(|has| same_code(code, has)))
            }
            (Self::Text(text), Value::Text(has)) => has.starts_with(&**text),
            (Self::Starts(text), Value::String { folded, .. }) => folded.starts_with(&**text),
            (Self::Contains(text), Value::String { folded, .. }) => folded.contains(&**text),
            (Self::Exact(text), Value::String { exact, .. }) => **exact == **text,
            (Self::Reference { kind, id }, Value::Reference { base, kind: has_kind, id: has_id }) => {
                base.is_empty() && kind.is_none_or(|kind| kind == *has_kind) && id == has_id
            }
            // A canonical URL without a version means any version.
            (Self::Uri(uri), Value::Uri(has)) => {
                uri == has || has.strip_prefix(&**uri).is_some_and(|rest| rest.starts_with('|'))
            }
            (Self::Below(uri), Value::Uri(has)) => is_below(has, uri),
            (Self::Above(uri), Value::Uri(has)) => is_below(uri, has),
            (Self::Uri(uri), Value::Reference { base, kind, id }) => {
                !base.is_empty() && **uri == format!("{base}/{kind}/{id}")
            }
            (Self::Canonical { address, version, way }, Value::Uri(has)) => {
                let (has, its) = has.split_once('|').map_or((&**has, None), |(has, its)| (has, Some(its)));
                **address == *has && is_version(version.as_deref(), its, *way)
            }
            (Self::Canonical { address, version, way }, Value::Reference { base, kind, id }) => {
                !base.is_empty()
                    && **address == format!("{base}/{kind}/{id}")
                    && is_version(version.as_deref(), None, *way)
            }
            (Self::Logical { system, value }, Value::Logical { system: has_system, value: has }) => {
                system.matches(has_system.as_deref()) && value == has
            }
            (Self::Date { prefix, span }, Value::Date(has)) => prefix.holds(*span, *has),
            (Self::Number(searched), Value::Number(has)) => searched.holds(has),
            (Self::Quantity { searched, system, code }, Value::Quantity(has)) => {
                let Quantity { amount, system: has_system, code: has_code, unit } = &**has;
                let Some(code) = code else { return searched.holds(amount) };
                let (has_code, unit) = (has_code.as_deref(), unit.as_deref());
                match system {
                    System::Is(system) if Some(&**system) != has_system.as_deref() => false,
                    System::Is(system) => {
                        (amount::same_unit(code, has_code) && searched.holds(amount))
                            || (&**system == amount::UCUM && converted(searched, code, amount, has_code))
                    }
                    System::Any | System::None => {
                        (amount::same_unit(code, has_code) || amount::same_unit(code, unit)) && searched.holds(amount)
                    }
                }
            }
            (Self::Typed { system, code, value }, Value::Typed(has)) => {
                system.matches(has.system.as_deref()) && same_code(code, &has.code) && *value == has.value
            }
            (Self::Near { latitude, longitude, metres }, Value::Position { latitude: lat, longitude: lon }) => {
                near::distance((*latitude, *longitude), (*lat, *lon)) <= f64::from(*metres)
            }
            (Self::All(wanted), Value::Parts(parts)) => {
                wanted.len() == parts.len()
                    && wanted.iter().zip(parts).all(|(wanted, values)| values.iter().any(|value| wanted.matches(value)))
            }
            _ => false,
        }
    }
}

impl System {
    fn matches(&self, has: Option<&str>) -> bool {
        match self {
            Self::Any => true,
            Self::None => has.is_none(),
            Self::Is(system) => has == Some(system),
        }
    }
}

/// True if an address equals another or is below it.
fn is_below(address: &str, above: &str) -> bool {
    address
        .strip_prefix(above)
        // `…|1` is above `…|1.2`.
        .is_some_and(|rest| {
            rest.is_empty()
                || above.ends_with('/')
                || rest.starts_with(['/', '|', '#'])
                || (rest.starts_with('.') && above.contains('|'))
        })
}

/// True if a version equals another or is part of it: `1.2.3` is part of `1.2`, and no version is part of an absent
/// one.
fn is_version(asked: Option<&str>, has: Option<&str>, way: Way) -> bool {
    let (part, whole) = if way == Way::Below { (has, asked) } else { (asked, has) };
    match (part, whole) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(part), Some(whole)) => {
            part.strip_prefix(whole).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        }
    }
}

/// Compares amounts in different units of the same dimension.
fn converted(searched: &amount::Searched, asked: &str, has: &super::extract::Amount, code: Option<&str>) -> bool {
    match (ucum::parse(asked), code.and_then(ucum::parse)) {
        (Some(own), Some(unit)) => searched.holds_in(own, has, unit),
        _ => false,
    }
}

/// Codes are compared without case: hardly any system has two codes that differ by case alone, and people type the code
/// as they see it.
fn same_code(left: &str, right: &str) -> bool {
    left.eq_ignore_ascii_case(right)
}

impl Prefix {
    /// True if the prefix holds between the searched span and the target `has`.
    #[must_use]
    pub const fn holds(self, searched: Span, has: Span) -> bool {
        match self {
            Self::Eq => searched.contains(has),
            Self::Ne => !searched.contains(has),
            Self::Gt => has.hi > searched.hi,
            Self::Lt => has.lo < searched.lo,
            Self::Ge => has.hi > searched.hi || searched.contains(has),
            Self::Le => has.lo < searched.lo || searched.contains(has),
            Self::Sa => has.lo >= searched.hi,
            Self::Eb => has.hi <= searched.lo,
            // Widened when the query was read.
            Self::Ap => searched.overlaps(has),
        }
    }
}

/// True if this server can search by a parameter.
#[must_use]
pub fn is_searchable(parameter: &Parameter) -> bool {
    match parameter.form {
        Form::Composite => !parameter.components.is_empty(),
        _ => true,
    }
}

#[cfg(test)]
mod tests;
