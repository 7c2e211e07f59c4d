//! From the text of one query parameter to a [`Clause`]. A parameter that cannot be honored exactly is refused with an
//! explanation for the developer, never dropped.

use std::borrow::Cow;

use jiff::Timestamp;

use super::amount::Searched;
use super::{Clause, Field, Prefix, System, Test, Wanted, implied, is_searchable, near};
use crate::fhir::dates::{self, Span};
use crate::fhir::decimal;
use crate::fhir::definitions::{Component, Form, Kind, SearchParameters, Targets};
use crate::fhir::extract::fold;
use crate::fhir::reference::{self, Reference};
use crate::fhir::terminology::{self, Way};

/// Alternatives in one parameter.
const MAX_ALTERNATIVES: usize = 100;
/// Bytes of one alternative.
const MAX_VALUE: usize = 1_024;

/// Why a parameter was not understood, for the author of the query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such parameter for this type.
    #[error("{kind} has no search parameter '{name}'{}", nearest.as_ref().map(|n| format!("; did you mean '{n}'?")).unwrap_or_default())]
    Unknown {
        /// The type searched.
        kind: Kind,
        /// The requested name.
        name: String,
        /// A similar parameter that exists.
        nearest: Option<String>,
    },
    /// The parameter exists and cannot be searched here.
    #[error("search by '{name}' (a {form:?} parameter) is not supported by this server")]
    Form {
        /// The parameter.
        name: String,
        /// Its form.
        form: Form,
    },
    /// The modifier does not fit the parameter.
    #[error("the modifier ':{modifier}' cannot be used with '{name}'")]
    Modifier {
        /// The parameter.
        name: String,
        /// The requested modifier.
        modifier: String,
    },
    /// The value cannot be read.
    #[error("the value of '{name}' is not {expected}")]
    Value {
        /// The parameter.
        name: String,
        /// The expected form, with an example.
        expected: &'static str,
    },
    /// Beyond a limit.
    #[error("'{name}' has more than {limit} {what}")]
    TooLong {
        /// The parameter.
        name: String,
        /// The limit.
        limit: usize,
        /// The limited unit.
        what: &'static str,
    },
}

/// As [`clause`], by the parameters of the tables alone: a plan's own come and go, and what decides about access must not
/// change its meaning.
///
/// # Errors
/// [`Refusal`] with an explanation for the developer.
pub fn standard_clause(
    kind: Kind,
    key: &str,
    value: &str,
    now: Timestamp,
    base: &str,
) -> Result<Option<Clause>, Refusal> {
    clause(&SearchParameters::TABLES, kind, key, value, now, base)
}

/// Reads `name[:modifier]` and its value for a search of `kind` by one of the parameters that are `defined`. Nothing is
/// returned for an empty value, which R4 says to ignore. `base` is this server's address, so that absolute references to it
/// count as local.
///
/// # Errors
/// [`Refusal`] with an explanation for the developer.
pub fn clause(
    defined: &SearchParameters,
    kind: Kind,
    key: &str,
    value: &str,
    now: Timestamp,
    base: &str,
) -> Result<Option<Clause>, Refusal> {
    let (name, modifier) = key.split_once(':').map_or((key, None), |(name, modifier)| (name, Some(modifier)));
    if value.is_empty() {
        return Ok(None);
    }
    let nothing = &Targets::These(Cow::Borrowed(&[]));
    let (field, form, found) = match name {
        "_id" => (Field::Id, Form::Token, None),
        "_lastUpdated" => (Field::Updated, Form::Date, None),
        _ => {
            let (number, found) = defined.named(kind, name).ok_or_else(|| unknown(defined, kind, name))?;
            if !is_searchable(found) {
                return Err(Refusal::Form { name: name.to_owned(), form: found.form });
            }
            (Field::Parameter(number), found.form, Some(found))
        }
    };
    let (targets, components) = found.map_or((nothing, &[] as &[_]), |found| (&found.targets, &*found.components));
    let read = Reader { name, field, form, targets, components, modifier, now, base };
    let mut test = read.test(value)?;
    if let (Some(parameter), Form::Token, None | Some("not")) = (found, form, modifier) {
        implied::widen(kind, parameter, &mut test);
    }
    Ok(Some(Clause { field, test }))
}

fn unknown(defined: &SearchParameters, kind: Kind, name: &str) -> Refusal {
    let codes = defined.of(kind).map(|(_, parameter)| &*parameter.code);
    let nearest = codes.map(|code| (strsim::damerau_levenshtein(code, name), code)).min();
    let nearest = nearest.filter(|(distance, _)| *distance <= 3).map(|(_, code)| code.to_owned());
    Refusal::Unknown { kind, name: name.chars().take(64).collect(), nearest }
}

struct Reader<'q> {
    name: &'q str,
    field: Field,
    form: Form,
    targets: &'q Targets,
    components: &'q [Component],
    modifier: Option<&'q str>,
    now: Timestamp,
    base: &'q str,
}

impl Reader<'_> {
    fn test(&self, value: &str) -> Result<Test, Refusal> {
        if self.modifier == Some("missing") && self.field != Field::Id && self.field != Field::Updated {
            return match value {
                "true" => Ok(Test::Missing(true)),
                "false" => Ok(Test::Missing(false)),
                _ => Err(self.wrong("'true' or 'false'")),
            };
        }
        if let (Form::Token, Some("in" | "not-in")) = (self.form, self.modifier) {
            return self.of_set(value);
        }
        let parts = split(value, ',');
        if parts.len() > MAX_ALTERNATIVES {
            return Err(self.too_long(MAX_ALTERNATIVES, "alternatives"));
        }
        let mut wanted = Vec::with_capacity(parts.len());
        for part in parts.iter().filter(|part| !part.is_empty()) {
            if part.len() > MAX_VALUE {
                return Err(self.too_long(MAX_VALUE, "bytes in one value"));
            }
            match (self.form, self.modifier) {
                (Form::Token, Some("below")) => wanted.extend(self.related(part, Way::Below)?),
                (Form::Token, Some("above")) => wanted.extend(self.related(part, Way::Above)?),
                _ => wanted.push(self.wanted(part)?),
            }
        }
        Ok(if self.modifier == Some("not") { Test::Not(wanted) } else { Test::Any(wanted) })
    }

    /// The codes of a value set (`:in`, `:not-in`).
    fn of_set(&self, value: &str) -> Result<Test, Refusal> {
        let members = terminology::members(&unescape(value));
        let members = members.ok_or_else(|| self.wrong("the address of a value set that this server carries"))?;
        // An element of type `code` has no system.
        let token = |concept: terminology::Concept| {
            [System::Is(concept.system.into()), System::None]
                .map(|system| Wanted::Token { system, code: Some(concept.code.into()) })
        };
        let wanted = members.into_iter().flat_map(token).collect();
        Ok(if self.modifier == Some("not-in") { Test::Not(wanted) } else { Test::Any(wanted) })
    }

    /// A code and the codes above or below it (`:above`, `:below`).
    fn related(&self, part: &str, way: Way) -> Result<Vec<Wanted>, Refusal> {
        let expected = "a code of a system whose order this server carries, such as \
            'http://terminology.hl7.org/CodeSystem/condition-clinical|active' (HL7's own systems; not SNOMED CT, LOINC or \
            ICD): name the codes themselves, joined by commas";
        let Wanted::Token { system, code: Some(code) } = token(part) else { return Err(self.wrong(expected)) };
        let named = match &system {
            System::Is(system) => Some(&**system),
            System::Any => None,
            System::None => return Err(self.wrong(expected)),
        };
        let found = terminology::related(named, &code, way).ok_or_else(|| self.wrong(expected))?;
        let mut wanted = Vec::new();
        for (system, codes) in found {
            for code in codes {
                let of = |system| Wanted::Token { system, code: Some(code.as_str().into()) };
                // An element of type `code` has no system.
                wanted.extend(named.is_none().then(|| of(System::None)));
                wanted.push(of(System::Is(system.as_str().into())));
            }
        }
        Ok(wanted)
    }

    /// A canonical reference with the versions that its version is part of (`:above`) or that are part of it
    /// (`:below`).
    fn canonical(&self, part: &str, way: Way) -> Result<Wanted, Refusal> {
        let text = unescape(part);
        let (address, version) = text.split_once('|').map_or((text.as_str(), None), |(a, v)| (a, Some(v)));
        if !address.contains(':') {
            return Err(self.wrong(
                "a canonical address, perhaps with a version, such as 'http://example.org/fhir/Questionnaire/q|1.2', or a \
                 reference to something that has parts, such as 'Location/1' or 'Organization/1'",
            ));
        }
        Ok(Wanted::Canonical { address: address.into(), version: version.map(Into::into), way })
    }

    fn wanted(&self, part: &str) -> Result<Wanted, Refusal> {
        match (self.form, self.modifier) {
            _ if self.field == Field::Id => {
                if self.modifier.is_some() {
                    return Err(self.no_modifier());
                }
                // `Patient/1` is accepted: clients pass the text of a reference.
                let text = unescape(part);
                let id = text.rsplit('/').next().unwrap_or_default();
                Ok(Wanted::Id(id.into()))
            }
            (Form::Token, None | Some("not")) => Ok(token(part)),
            (Form::Token, Some("text")) => Ok(Wanted::Text(fold(&unescape(part)).into())),
            (Form::String, None) => Ok(Wanted::Starts(fold(&unescape(part)).into())),
            (Form::String, Some("contains")) => Ok(Wanted::Contains(fold(&unescape(part)).into())),
            (Form::String, Some("exact")) => Ok(Wanted::Exact(unescape(part).into())),
            (Form::Token, Some("of-type")) => self.typed(part),
            (Form::Uri, None) => Ok(Wanted::Uri(unescape(part).into())),
            (Form::Uri, Some("below")) => Ok(Wanted::Below(unescape(part).into())),
            (Form::Uri, Some("above")) => Ok(Wanted::Above(unescape(part).into())),
            (Form::Number, None) => Ok(Wanted::Number(self.amount(part)?)),
            (Form::Quantity, None) => self.quantity(part),
            (Form::Special, None) => match near::parse(part) {
                Some((latitude, longitude, metres)) => Ok(Wanted::Near { latitude, longitude, metres }),
                None => Err(self.wrong("a place such as '42.36|-71.06|10|km' (latitude, longitude, distance, unit)")),
            },
            (Form::Composite, None) => self.composite(part),
            (Form::Date, None) => self.date(part),
            (Form::Reference, None) => self.reference(part, None),
            (Form::Reference, Some("identifier")) => match token(part) {
                Wanted::Token { system, code: Some(value) } => Ok(Wanted::Logical { system, value }),
                _ => Err(self.wrong("an identifier such as 'http://example.org/ids|123'")),
            },
            (Form::Reference, Some("below")) => self.canonical(part, Way::Below),
            (Form::Reference, Some("above")) => self.canonical(part, Way::Above),
            (Form::Reference, Some(name)) => {
                let kind = Kind::parse(name).filter(|kind| self.may_point_to(*kind));
                kind.map_or_else(|| Err(self.no_modifier()), |kind| self.reference(part, Some(kind)))
            }
            _ => Err(self.no_modifier()),
        }
    }

    /// `type-system|type-code|value`
    fn typed(&self, part: &str) -> Result<Wanted, Refusal> {
        let parts = split(part, '|');
        let [system, code, value] = parts.as_slice() else {
            return Err(self
                .wrong("an identifier with its type, such as 'http://terminology.hl7.org/CodeSystem/v2-0203|MR|123'"));
        };
        let system = if system.is_empty() { System::Any } else { System::Is(unescape(system).into()) };
        Ok(Wanted::Typed { system, code: unescape(code).into(), value: unescape(value).into() })
    }

    fn amount(&self, text: &str) -> Result<Searched, Refusal> {
        let (prefix, text) = split_prefix(text);
        let expected = "a number such as '5.4', 'gt100' or '1e2' (prefixes: eq ne gt lt ge le sa eb ap)";
        Ok(Searched { prefix, decimal: decimal::parse(text).ok_or_else(|| self.wrong(expected))? })
    }

    /// `number`, `number|system|code` or `number||unit`
    fn quantity(&self, part: &str) -> Result<Wanted, Refusal> {
        let parts = split(part, '|');
        let (number, system, code) = match parts.as_slice() {
            [number] => (number, "", ""),
            [number, system, code] => (number, *system, *code),
            _ => {
                return Err(self.wrong("a quantity such as '5.4|http://unitsofmeasure.org|mg', '5.4||mg' or '5.4'"));
            }
        };
        let system = if system.is_empty() { System::Any } else { System::Is(unescape(system).into()) };
        let code = (!code.is_empty()).then(|| unescape(code).into());
        Ok(Wanted::Quantity { searched: self.amount(number)?, system, code })
    }

    /// The components, joined by `$`, each in its own form.
    fn composite(&self, part: &str) -> Result<Wanted, Refusal> {
        let parts = split(part, '$');
        if parts.len() != self.components.len() {
            return Err(self.wrong("one value for each of its parts, joined by '$', such as '8480-6$gt120'"));
        }
        let read = |(component, part): (&Component, &&str)| {
            let form = component.form;
            Reader { form, targets: &Targets::Any, components: &[], modifier: None, ..*self }.wanted(part)
        };
        Ok(Wanted::All(self.components.iter().zip(&parts).map(read).collect::<Result<_, _>>()?))
    }

    fn may_point_to(&self, kind: Kind) -> bool {
        match self.targets {
            Targets::Any => true,
            Targets::These(kinds) => kinds.contains(&kind),
        }
    }

    fn reference(&self, part: &str, named: Option<Kind>) -> Result<Wanted, Refusal> {
        let text = unescape(part);
        match reference::parse(&text) {
            Reference::Resource { base, kind, id, .. }
                if (base.is_empty() || base == self.base) && named.is_none_or(|named| named == kind) =>
            {
                Ok(Wanted::Reference { kind: Some(kind), id: id.into() })
            }
            Reference::Resource { .. } => Ok(Wanted::Uri(text.into())),
            Reference::Other(id) if reference::is_id(id) => Ok(Wanted::Reference { kind: named, id: id.into() }),
            Reference::Other(address) if address.contains(':') => Ok(Wanted::Uri(text.into())),
            Reference::Contained(_) | Reference::Other(_) => {
                Err(self.wrong("a reference such as 'Patient/123' or '123'"))
            }
        }
    }

    fn date(&self, part: &str) -> Result<Wanted, Refusal> {
        let (prefix, text) = split_prefix(part);
        let expected = "a date such as '2026-03-01' or 'ge2026-03' (prefixes: eq ne gt lt ge le sa eb ap)";
        // A plus sign that was not encoded arrives as a space: `…T10:00:00 05:00` can only mean a zone.
        let text = if text.contains('T') { text.replacen(' ', "+", 1) } else { text.to_owned() };
        let mut span = dates::parse(&text).ok_or_else(|| self.wrong(expected))?;
        if prefix == Prefix::Ap {
            let now = self.now.as_microsecond();
            let middle = span.lo.midpoint(span.hi);
            // A tenth of the distance from now (FHIR R4, search, 3.1.1.4.6).
            let slack = now.abs_diff(middle).div_euclid(10) as i64;
            span = Span { lo: span.lo.saturating_sub(slack), hi: span.hi.saturating_add(slack) };
        }
        Ok(Wanted::Date { prefix, span })
    }

    fn wrong(&self, expected: &'static str) -> Refusal {
        Refusal::Value { name: self.name.to_owned(), expected }
    }

    fn too_long(&self, limit: usize, what: &'static str) -> Refusal {
        Refusal::TooLong { name: self.name.to_owned(), limit, what }
    }

    fn no_modifier(&self) -> Refusal {
        let modifier = self.modifier.unwrap_or_default().chars().take(64).collect();
        Refusal::Modifier { name: self.name.to_owned(), modifier }
    }
}

fn split_prefix(text: &str) -> (Prefix, &str) {
    let prefix = match text.get(..2) {
        Some("eq") => Prefix::Eq,
        Some("ne") => Prefix::Ne,
        Some("gt") => Prefix::Gt,
        Some("lt") => Prefix::Lt,
        Some("ge") => Prefix::Ge,
        Some("le") => Prefix::Le,
        Some("sa") => Prefix::Sa,
        Some("eb") => Prefix::Eb,
        Some("ap") => Prefix::Ap,
        _ => return (Prefix::Eq, text),
    };
    (prefix, text.get(2..).unwrap_or_default())
}

fn token(part: &str) -> Wanted {
    let parts = split(part, '|');
    match parts.as_slice() {
        [system, code] => Wanted::Token {
            system: if system.is_empty() { System::None } else { System::Is(unescape(system).into()) },
            code: (!code.is_empty()).then(|| unescape(code).into()),
        },
        _ => Wanted::Token { system: System::Any, code: Some(unescape(part).into()) },
    }
}

/// Splits at a separator that is not escaped by a backslash.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut escaped = false;
    text.split(|c| {
        let here = c == separator && !escaped;
        escaped = c == '\\' && !escaped;
        here
    })
    .collect()
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' { chars.next().unwrap_or('\\') } else { c });
    }
    out
}
