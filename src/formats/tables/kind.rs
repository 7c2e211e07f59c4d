//! What a table is about: members, claims, providers, drugs. Decided by evidence over all its columns and the cells of its first
//! rows, and never by the name of one column. Pure.
//!
//! What is loaded as providers or drugs can be read by anybody, and that cannot be taken back. So such a table must say something
//! that is said of providers or drugs alone, and nothing in it may look like a member's data, under whatever name. A roster decides
//! where sign-in codes go, so nothing in it may look like care. Where the evidence is for two kinds or for none, the person who
//! loads the file is asked (`--as KIND`). A section of the mapping that names columns of the table decides its kind.

use std::fmt::Write as _;

use super::claims::{ClaimHeader, ClaimTableLook, REVIEW_NAMES, looks_like as looks_like_claims, looks_like_reviews};
use super::drug_list::DrugListHeader;
use super::mapping::Mapping;
use super::members::{self, MemberField, MemberHeader};
use super::providers::{self, ProviderHeader, ProviderLook};
use super::signs::{Sign, by_cells, by_name, is_of_provider};
use super::start::{StartColumn, TableStart};
use super::{claims, drug_list};
use crate::formats::Format;
use crate::formats::columns::ColumnField;
use crate::formats::issue::Rule;
use crate::formats::records::{ClaimSource, NAMES as CLAIM_NAMES};

/// Columns that a reason names.
const SHOWN_MAX: usize = 12;

/// The verdict on a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TableVerdict {
    Is(Format),
    /// Known, and not loaded; a description.
    Foreign(String),
    /// Not known or not certain; a description with what to do.
    Unknown(String),
}

/// Kinds of tables that a mapping file has sections for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TableKind {
    Roster,
    Claims,
    Reviews,
    Providers,
    Formulary,
}

impl TableKind {
    const ALL: [Self; 5] = [Self::Claims, Self::Reviews, Self::Formulary, Self::Providers, Self::Roster];

    const fn section(self) -> &'static str {
        match self {
            Self::Roster => "the top, which is about members",
            Self::Claims => "[claims]",
            Self::Reviews => "[prior_authorizations]",
            Self::Providers => "[providers]",
            Self::Formulary => "[formulary]",
        }
    }
}

/// What speaks for a table being of a kind.
enum Evidence {
    Is(Format),
    /// It could be; a description of what speaks against it.
    Doubtful(String),
    No,
}

/// Decides what a table is.
pub(crate) fn decide(start: &TableStart, mapping: &Mapping) -> TableVerdict {
    if start.columns.len() < 2 {
        return TableVerdict::Unknown("no table and no format that we know".to_owned());
    }
    let plain = start.plain_names();
    let names: Vec<&str> = start.names().collect();
    let is = |name: &str| plain.iter().any(|known| known == name);
    if is("chargeid") && (is("transfertype") || is("transferoutid")) {
        return TableVerdict::Foreign(
            "a ledger, with a row for each charge, transfer and payment; its claims are in another table of its system"
                .to_owned(),
        );
    }
    let begins = |start: &str| plain.iter().any(|known| known.starts_with(start));
    if is("npi")
        && (begins("providersecondarypracticelocation")
            || is("endpointtype")
            || begins("providerotherorganizationname"))
    {
        return TableVerdict::Foreign(
            "a file that comes with the national registry's (further places, names or endpoints of providers); only the registry's main \
             file is loaded"
                .to_owned(),
        );
    }
    if looks_like_claims(&names, &mapping.claims) == ClaimTableLook::Fragment {
        return TableVerdict::Unknown(
            "a table of CMS's own data store, whose rows say nothing without those of others; ask for RIF or CCLF"
                .to_owned(),
        );
    }
    let sections = sections(&plain, mapping);
    let kinds: Vec<TableKind> =
        if sections.is_empty() { TableKind::ALL.to_vec() } else { sections.iter().map(|(kind, _)| *kind).collect() };
    let mut doubts = Vec::new();
    let mut found: Vec<Format> = Vec::new();
    for kind in kinds {
        match evidence(kind, start, &names, mapping, !sections.is_empty()) {
            Evidence::Is(format) => {
                // Claims and authorizations go one way; so does the section that names most columns.
                if !sections.is_empty() || format == Format::ClaimRows {
                    return TableVerdict::Is(format);
                }
                found.push(format);
            }
            Evidence::Doubtful(why) => doubts.push(why),
            Evidence::No => {}
        }
    }
    if let [only] = found.as_slice() {
        return TableVerdict::Is(*only);
    }
    if !found.is_empty() {
        let kinds: Vec<&str> = found.iter().map(|format| format.name()).collect();
        return TableVerdict::Unknown(format!(
            "a table of more than one kind; say which with --as {}",
            kinds.join(" or --as ")
        ));
    }
    if !doubts.is_empty() {
        return TableVerdict::Unknown(doubts.join(". It also looks like "));
    }
    TableVerdict::Unknown(unknown(start, mapping, &sections))
}

/// Why a file may not be loaded as this kind, though somebody said that it is one; absent if it may.
pub(crate) fn must_not_be(format: Format, start: &TableStart, mapping: &Mapping) -> Option<String> {
    if !matches!(format, Format::Providers | Format::Formulary) {
        return None;
    }
    let mut signs = private(format, start, mapping);
    signs.retain(|(_, sign, _)| sign.is_private());
    (!signs.is_empty()).then(|| {
        format!(
            "a table that must not be published: {}. What is loaded as {} can be read by anybody; load the file as what it is, or \
             without these columns",
            listed(&signs),
            format.name()
        )
    })
}

/// Whether a table of claims or prior authorizations holds the latter.
pub(crate) fn is_of_reviews(names: &[&str], mapping: &Mapping) -> bool {
    let plain: Vec<String> = names.iter().map(|name| crate::formats::cells::normal(name)).collect();
    let sections = sections(&plain, mapping);
    let (claims, reviews) = (
        looks_like_claims(names, &mapping.claims) == ClaimTableLook::Claims,
        looks_like_reviews(names, &mapping.reviews),
    );
    let first = sections.iter().map(|(kind, _)| *kind).find(|kind| match kind {
        TableKind::Claims => claims,
        TableKind::Reviews => reviews,
        _ => false,
    });
    first.map_or(reviews, |kind| kind == TableKind::Reviews)
}

/// The sections of the mapping that name columns of the table, and how many; the most first.
fn sections(plain: &[String], mapping: &Mapping) -> Vec<(TableKind, usize)> {
    let count = |kind: TableKind| match kind {
        TableKind::Roster => mapping.members.count(plain),
        TableKind::Claims => mapping.claims.count(plain),
        TableKind::Reviews => mapping.reviews.count(plain),
        TableKind::Providers => mapping.providers.count(plain),
        TableKind::Formulary => mapping.formulary.count(plain),
    };
    let mut out: Vec<(TableKind, usize)> =
        TableKind::ALL.into_iter().map(|kind| (kind, count(kind))).filter(|(_, count)| *count > 0).collect();
    out.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    out
}

fn evidence(kind: TableKind, start: &TableStart, names: &[&str], mapping: &Mapping, is_mapped: bool) -> Evidence {
    match kind {
        TableKind::Claims if looks_like_claims(names, &mapping.claims) == ClaimTableLook::Claims => {
            Evidence::Is(Format::ClaimRows)
        }
        TableKind::Reviews if looks_like_reviews(names, &mapping.reviews) => Evidence::Is(Format::ClaimRows),
        TableKind::Formulary if drug_list::looks_like(start.names(), &mapping.formulary) => {
            public(Format::Formulary, start, mapping)
        }
        TableKind::Providers => match providers::looks_like(start.names(), &mapping.providers) {
            ProviderLook::No => Evidence::No,
            ProviderLook::Evident => public(Format::Providers, start, mapping),
            _ if is_mapped || names_facilities(start, mapping) => public(Format::Providers, start, mapping),
            ProviderLook::Placed => Evidence::No,
            ProviderLook::Numbered if is_roster(start, mapping) => Evidence::No,
            ProviderLook::Numbered => match public(Format::Providers, start, mapping) {
                // Names and addresses are what a table of members has, too.
                Evidence::Is(_) => Evidence::Doubtful(
                    "a table with names and numbers of providers, and nothing that is said of providers alone, such as a specialty, a \
                     network or whether new patients are accepted. If every row is a provider whom anybody may see, load it with \
                     --as providers"
                        .to_owned(),
                ),
                // Members' data under a provider's number: the roster, or nothing that is known, says the rest.
                _ => Evidence::No,
            },
        },
        TableKind::Roster => roster(start, mapping),
        _ => Evidence::No,
    }
}

/// A table that would be public, if nothing in it speaks against that.
fn public(format: Format, start: &TableStart, mapping: &Mapping) -> Evidence {
    let signs = private(format, start, mapping);
    if !signs.is_empty() {
        return Evidence::Doubtful(format!(
            "a table of {}, which anybody can read, and holds more than that: {}. It is not loaded; without these columns it \
             would be, or say what it is with --as",
            format.name(),
            listed(&signs)
        ));
    }
    if format == Format::Providers && names_many_under_one_number(start, mapping) {
        return Evidence::Doubtful(
            "a table of providers, but people with other names stand under one NPI, as members do under the NPI of their doctor. \
             If every row is a provider, load it with --as providers"
                .to_owned(),
        );
    }
    Evidence::Is(format)
}

/// The columns of a table that must not be published, each with what it looks like and whether its name says so.
fn private<'t>(format: Format, start: &'t TableStart, mapping: &Mapping) -> Vec<(&'t StartColumn, Sign, bool)> {
    let head = csv::StringRecord::from(start.names().collect::<Vec<_>>());
    let known: Vec<bool> = if format == Format::Formulary {
        DrugListHeader::new(&head, &mapping.formulary).fields().iter().map(Option::is_some).collect()
    } else {
        ProviderHeader::new(&head, &mapping.providers).fields().iter().map(Option::is_some).collect()
    };
    // What a drug costs is said in a drug list; what was paid for one is not.
    let is_price = |column: &StartColumn, sign: Sign| {
        format == Format::Formulary
            && sign == Sign::Amount
            && !column.says(&["paid", "pd", "billed", "allowed", "charge", "charged"])
    };
    let mut out = Vec::new();
    for (column, is_known) in start.columns.iter().zip(known) {
        let named = by_name(column).filter(|_| !is_known);
        let seen = || by_cells(column, is_known || is_of_provider(column));
        match (named, named.or_else(seen)) {
            (_, Some(sign)) if is_price(column, sign) => {}
            (named, Some(sign)) => out.push((column, sign, named.is_some())),
            _ => {}
        }
    }
    out
}

/// Words in the names of facilities, or in what kinds of facilities are called.
const FACILITIES: [&str; 12] = [
    "hospital",
    "clinic",
    "pharmacy",
    "center",
    "centre",
    "facility",
    "medical",
    "dental",
    "health",
    "urgent care",
    "laborator",
    "hospice",
];

/// Whether most of the names in the table, or of the kinds beside them, are those of facilities.
fn names_facilities(start: &TableStart, mapping: &Mapping) -> bool {
    let head = csv::StringRecord::from(start.names().collect::<Vec<_>>());
    let header = ProviderHeader::new(&head, &mapping.providers);
    let is_facility = |cell: &String| {
        let cell = cell.to_lowercase();
        FACILITIES.iter().any(|word| cell.contains(word))
    };
    !header.has_persons()
        && start.columns.iter().zip(header.fields()).any(|(column, field)| {
            let says = matches!(field, Some(providers::ProviderField::Name | providers::ProviderField::Kind));
            says && column.cells.iter().filter(|cell| is_facility(cell)).count() * 2 > column.cells.len()
        })
}

/// Whether two people share an NPI: with another given name and another last name.
fn names_many_under_one_number(start: &TableStart, mapping: &Mapping) -> bool {
    let head = csv::StringRecord::from(start.names().collect::<Vec<_>>());
    let header = ProviderHeader::new(&head, &mapping.providers);
    let column = |field| {
        let at = header.fields().iter().position(|one| *one == Some(field))?;
        start.columns.get(at).map(|column| &column.cells)
    };
    let (Some(numbers), Some(given), Some(family)) = (
        column(providers::ProviderField::Npi),
        column(providers::ProviderField::Given),
        column(providers::ProviderField::Family),
    ) else {
        return false;
    };
    // Blank cells are left out of a column, and then cells do not stand side by side.
    if numbers.len() != given.len() || given.len() != family.len() {
        return false;
    }
    let mut seen = std::collections::HashMap::new();
    numbers.iter().zip(given.iter().zip(family)).any(|(number, (given, family))| {
        let (given, family) = (given.to_lowercase(), family.to_lowercase());
        let (first_given, first_family) = seen.entry(number).or_insert_with(|| (given.clone(), family.clone()));
        *first_given != given && *first_family != family
    })
}

fn is_roster(start: &TableStart, mapping: &Mapping) -> bool {
    MemberHeader::new(start.names(), &mapping.members).format().is_ok()
}

/// Fields that only a roster has.
const SAID_OF_MEMBERS: [MemberField; 6] = [
    MemberField::Plan,
    MemberField::Group,
    MemberField::Subscriber,
    MemberField::Relationship,
    MemberField::Newest,
    MemberField::OtherNumber,
];

fn roster(start: &TableStart, mapping: &Mapping) -> Evidence {
    let header = MemberHeader::new(start.names(), &mapping.members);
    let Ok(format) = header.format() else { return Evidence::No };
    if format == Format::Representatives {
        return Evidence::Is(format);
    }
    let (mut care, mut others) = (Vec::new(), Vec::new());
    for (column, field) in start.columns.iter().zip(header.fields()) {
        let named = by_name(column).filter(|sign| field.is_none() || *sign == Sign::ClaimNumber);
        let sign = named.or_else(|| by_cells(column, field.is_some()));
        match sign {
            Some(sign) if sign.is_of_care() => care.push((column, sign, named.is_some())),
            Some(Sign::Day) if !column.says(&["death", "deceased", "died"]) && !column.plain.starts_with("death") => {
                others.push(column);
            }
            _ if field.is_none() && is_foreign(column) => others.push(column),
            _ => {}
        }
    }
    if !care.is_empty() {
        return Evidence::Doubtful(format!(
            "a table that names members and their care: {}. A roster has no such columns, and decides where sign-in codes go. If it \
             holds claims or authorizations, name its columns with --map; if it is the roster all the same, load it with --as members",
            listed(&care)
        ));
    }
    let says = |(column, field): (&StartColumn, &Option<MemberField>)| match field {
        Some(MemberField::Start | MemberField::End) => {
            ["cov", "elig", "enrol", "cvrg"].iter().any(|part| column.plain.contains(part))
        }
        Some(field) => SAID_OF_MEMBERS.contains(field),
        None => false,
    };
    if others.is_empty() || start.columns.iter().zip(header.fields()).any(says) {
        return Evidence::Is(Format::Members);
    }
    let others: Vec<String> = others.iter().take(SHOWN_MAX).map(|column| place(column)).collect();
    Evidence::Doubtful(format!(
        "a table that names members, but no column is said of a roster alone (plan, group, subscriber, relationship, coverage), and others \
         are no roster's: {}. If it is the roster, load it with --as members; if it holds claims, name its columns with --map",
        others.join(", ")
    ))
}

/// Whether a column that no roster needs is about providers or services.
fn is_foreign(column: &StartColumn) -> bool {
    let words = [
        "npi",
        "pcp",
        "dr",
        "vendor",
        "facility",
        "pharmacy",
        "taxonomy",
        "specialty",
        "tin",
        "proc",
        "procedure",
        "cpt",
        "hcpcs",
        "ndc",
        "drug",
        "rx",
        "units",
        "service",
        "svc",
        "status",
    ];
    is_of_provider(column) || (column.plain != "status" && column.says(&words)) || column.plain.contains("npi")
}

/// `column 4 (BIRTH_DT) looks like a birth date`. A name is shown only where it says what the column is: any other may be no name
/// but a value.
fn listed(signs: &[(&StartColumn, Sign, bool)]) -> String {
    let words = |(column, sign, is_named): &(&StartColumn, Sign, bool)| {
        let place = if *is_named { place(column) } else { format!("column {}", column.place) };
        format!("{place} looks like {}", sign.words())
    };
    let mut out = signs.iter().take(SHOWN_MAX).map(words).collect::<Vec<_>>().join(", ");
    if signs.len() > SHOWN_MAX {
        let _ = write!(out, ", and {} more", signs.len() - SHOWN_MAX);
    }
    out
}

fn place(column: &StartColumn) -> String {
    format!("column {} ({})", column.place, column.shown())
}

fn unknown(start: &TableStart, mapping: &Mapping, sections: &[(TableKind, usize)]) -> String {
    let missing = MemberHeader::new(start.names(), &mapping.members).format().err().unwrap_or_default().join(", ");
    let signs: Vec<(&StartColumn, Sign, bool)> =
        start.columns.iter().filter_map(|column| Some((column, by_name(column)?, true))).collect();
    let mut out = match sections {
        [] => "a table whose column names are not known here".to_owned(),
        [(kind, _), ..] => format!(
            "a table that --map names columns of in {}, and which lacks others that its kind needs (ingle load --map-names lists the names)",
            kind.section()
        ),
    };
    let _ = write!(
        out,
        ". Tables hold members, representatives, claims, prior authorizations, providers or drugs; for one of members there is no \
         column for {missing}"
    );
    if !signs.is_empty() {
        let _ = write!(out, "; {}", listed(&signs));
    }
    out.push_str(
        ". Run ingle load --suggest-map with this file, correct the mapping that it proposes, and load the file with --map",
    );
    out
}

/// What is to be said about the columns of a table of this kind: two for one field, and those that are not used.
pub(crate) fn said_of_columns(format: Format, start: &TableStart, mapping: &Mapping) -> Vec<(Rule, String)> {
    let head = csv::StringRecord::from(start.names().collect::<Vec<_>>());
    let plain = start.plain_names();
    match format {
        Format::Members | Format::Representatives => {
            let fields = MemberHeader::new(start.names(), &mapping.members);
            let wanted = plain.iter().map(|name| mapping.members.find(name, &members::NAMES));
            let is_cms = fields.has(MemberField::OtherNumber) || fields.has(MemberField::Newest);
            if is_cms {
                Vec::new()
            } else {
                said(start, fields.fields(), wanted, |field| name_in(&members::NAMES, field))
            }
        }
        Format::Providers => {
            let fields = ProviderHeader::new(&head, &mapping.providers);
            let wanted = plain.iter().map(|name| mapping.providers.find(name, &providers::NAMES));
            said(start, fields.fields(), wanted, |field| name_in(&providers::NAMES, field))
        }
        Format::Formulary => {
            let fields = DrugListHeader::new(&head, &mapping.formulary);
            let wanted = plain.iter().map(|name| mapping.formulary.find(name, &drug_list::NAMES));
            said(start, fields.fields(), wanted, |field| name_in(&drug_list::NAMES, field))
        }
        Format::ClaimRows => {
            let names: Vec<&str> = start.names().collect();
            let is_of_reviews = is_of_reviews(&names, mapping);
            let (own, known) = if is_of_reviews {
                (&mapping.reviews, REVIEW_NAMES.as_slice())
            } else {
                (&mapping.claims, CLAIM_NAMES.as_slice())
            };
            let header = ClaimHeader::new(start.names(), own, known);
            if header.source.is_cms() || header.source == ClaimSource::Ncpdp || header.is_wide {
                return Vec::new();
            }
            // Columns with other numbers at their ends are other fields.
            let wanted = plain.iter().map(|name| claims::find(name, own, known));
            let fields: Vec<Option<NumberedField>> =
                header.fields().iter().map(|one| one.map(|(field, index)| NumberedField(field, index))).collect();
            let wanted = wanted.map(|one| one.map(|(field, index)| NumberedField(field, index)));
            said(start, &fields, wanted, |NumberedField(field, _)| name_in(known, field))
        }
        _ => Vec::new(),
    }
}

/// A field of claims with its number.
#[derive(Clone, Copy, PartialEq, Eq)]
struct NumberedField(crate::formats::records::ClaimField, u16);

impl ColumnField for NumberedField {
    fn is_list(self) -> bool {
        self.0.is_list()
    }
}

fn name_in<F: ColumnField>(names: &[crate::formats::columns::Names<F>], field: F) -> &'static str {
    names.iter().find(|(one, ..)| *one == field).map_or("", |(_, name, _)| *name)
}

fn said<F: ColumnField>(
    start: &TableStart,
    fields: &[Option<F>],
    wanted: impl Iterator<Item = Option<F>>,
    name: impl Fn(F) -> &'static str,
) -> Vec<(Rule, String)> {
    let (mut out, mut unused): (Vec<(Rule, String)>, Vec<String>) = (Vec::new(), Vec::new());
    // A first row of values, which somebody's --as takes for names, must not be quoted.
    if fields.iter().flatten().count() < 2 {
        return out;
    }
    for (at, ((column, field), wanted)) in start.columns.iter().zip(fields).zip(wanted).enumerate() {
        let Some(wanted) = wanted.or(*field) else {
            unused.push(column.shown());
            continue;
        };
        let counts = |(_, one): &(usize, &Option<F>)| **one == Some(wanted);
        let first =
            fields.iter().enumerate().find(counts).and_then(|(first, _)| Some((first, start.columns.get(first)?)));
        match (field, first) {
            _ if wanted.is_list() => {}
            (None, Some((_, first))) => out.push((
                Rule::IdleColumn,
                format!(
                    "{} is taken from {}, as --map says; {} is not used",
                    name(wanted),
                    place(first),
                    place(column)
                ),
            )),
            (Some(_), Some((first_at, first))) if first_at < at => out.push((
                Rule::IdleColumn,
                format!(
                    "{} is taken from {}; {} counts only where that is empty. Name the right one with --map",
                    name(wanted),
                    place(first),
                    place(column)
                ),
            )),
            _ => {}
        }
    }
    if !unused.is_empty() {
        let more = unused.len().saturating_sub(SHOWN_MAX);
        unused.truncate(SHOWN_MAX);
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        out.push((Rule::UnusedColumns, format!("{}{more}", unused.join(", "))));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> TableVerdict {
        decide(&TableStart::read(text.as_bytes(), false), &Mapping::default())
    }

    fn is(text: &str, format: Format) {
        assert_eq!(of(text), TableVerdict::Is(format), "{text}");
    }

    fn is_refused(text: &str, words: &[&str]) {
        let TableVerdict::Unknown(found) = of(text) else { panic!("{text}: {:?}", of(text)) };
        for word in words {
            assert!(found.contains(word), "{text}: {found}");
        }
        for private in ["Quinte", "Rosalind", "1980", "E11", "555"] {
            assert!(!found.contains(private), "{text}: {found}");
        }
    }

    /// Six layouts with members' names and a doctor's NPI were published as providers.
    #[test]
    fn no_table_with_members_is_published() {
        let row = "Quinte,Rosalind,1 Home St,Hartford,CT,06103,1234567893";
        for (columns, cells) in [
            ("MBR_NBR,BIRTH_DT", "M1,1980-02-03"),
            ("CARD_ID,MBR_DOB", "M1,02/03/1980"),
            ("CLM,DIAG_1,PAID_AMT", "C1,E11.9,80"),
            ("SSN", "123-45-6789"),
            ("REFERRAL_NO,PATIENT", "R1,x"),
            ("SVC_DT", "2026-02-03"),
            // The same under names that say nothing.
            ("X1", "1980-02-03"),
            ("X1", "E11.9"),
            ("X1", "80.00"),
            ("X1", "123-45-6789"),
            ("X1", "1EG4-TE5-MK73"),
            ("SPECIALTY,DOB", "207Q00000X,1980-02-03"),
            ("NETWORK,X1", "Silver,19800203"),
            ("ACCEPTING,MEMBER_ID", "Y,M1"),
        ] {
            let text = format!("LAST_NAME,FIRST_NAME,ADDRESS,CITY,STATE,ZIP,NPI,{columns}\n{row},{cells}\n");
            assert!(matches!(of(&text), TableVerdict::Unknown(_)), "{text}: {:?}", of(&text));
        }
        let names = "LAST_NAME,FIRST_NAME,NPI,SPECIALTY";
        is_refused(
            &format!("{names}\nQuinte,Rosalind,1234567893,x\nOther,Other,1234567893,x\n"),
            &["under one NPI", "--as providers"],
        );
        is_refused(
            "LAST_NAME,FIRST_NAME,NPI\nQuinte,Rosalind,1234567893\n",
            &["said of providers alone", "--as providers"],
        );
        is_refused(
            &format!("{names},DOB\nQuinte,Rosalind,1234567893,x,1980-02-03\n"),
            &["column 5 (DOB)", "a birth date"],
        );
        is(&format!("{names}\nQuinte,Rosalind,1234567893,x\n"), Format::Providers);
        is("rxcui,tier,plan_id,copay\n209459,2,P1,10.00\n", Format::Formulary);
        is_refused("rxcui,tier,plan_id,patient\n209459,2,P1,x\n", &["column 4 (patient)"]);
        for text in
            ["LAST_NAME,NPI,DOB\nQuinte,1234567893,1980-02-03", "name,npi,X1\nA,1234567893,E11.9\nB,1234567893,I10.1"]
        {
            let start = TableStart::read(text.as_bytes(), false);
            assert!(must_not_be(Format::Providers, &start, &Mapping::default()).is_some(), "{text}");
            assert!(must_not_be(Format::Members, &start, &Mapping::default()).is_none());
        }
    }

    #[test]
    fn a_roster_has_nothing_of_care() {
        let (names, row) =
            ("MEMBER_ID,FIRST_NAME,LAST_NAME,DOB,PHONE,EMAIL", "M1,Rosalind,Quinte,1980-02-03,,a@b.example");
        for (columns, cells) in
            [("", ""), (",PLAN,PCP_NPI", ",GOLD,1234567893"), (",DEPARTMENT", ",Sales"), (",PREMIUM_AMT", ",8")]
        {
            is(&format!("{names}{columns}\n{row}{cells}\n"), Format::Members);
        }
        for (columns, cells) in [
            (",CLM_REF", ",C1"),
            (",AUTH_NBR,START_DATE,END_DATE", ",A1,2026-01-01,2026-01-31"),
            (",DX1", ",E11.9"),
            (",X1,PLAN", ",E11.9,GOLD"),
            (",PAID_AMOUNT,PLAN", ",80,GOLD"),
            (",X1,PLAN", ",80.00,GOLD"),
            (",SVC_DT", ",2026-02-01"),
            (",X1", ",2026-02-01"),
            (",PROVIDER_NPI,EFFECTIVE_DATE", ",1234567893,2026-01-01"),
        ] {
            is_refused(&format!("{names}{columns}\n{row}{cells}\n"), &["--as members", "--map", "column 7"]);
        }
    }

    #[test]
    fn a_section_of_the_mapping_decides() {
        let text = "KEY,LAST_NAME,FIRST_NAME,NPI,SPECIALTY\n1,Quinte,Rosalind,1234567893,x\n";
        is(text, Format::Providers);
        let with = |mapping: &str| decide(&TableStart::read(text.as_bytes(), false), &Mapping::parse(mapping).unwrap());
        let TableVerdict::Unknown(words) = with("[claims]\nclaim_number = \"KEY\"") else {
            panic!("a table of claims")
        };
        assert!(words.contains("[claims]") && words.contains("--map-names"), "{words}");
        assert_eq!(with("[providers]\nprovider_id = \"KEY\""), TableVerdict::Is(Format::Providers));
        assert_eq!(with("[claims]\nclaim_number = \"OTHER\""), TableVerdict::Is(Format::Providers));
    }

    #[test]
    fn a_ledger_is_no_table_of_claims() {
        let text = "ID,CLAIMID,CHARGEID,PATIENTID,TYPE,AMOUNT,METHOD,FROMDATE,TODATE,PROCEDURECODE,TRANSFEROUTID,TRANSFERTYPE\n";
        assert!(matches!(of(text), TableVerdict::Foreign(words) if words.contains("ledger")));
    }
}
