//! The header row of a table of claims: the field of each column, and the kind of system that wrote the table.

use crate::formats::cells::normal;
use crate::formats::columns::{Names, Own};
use crate::formats::records::{ClaimField, ClaimSource, NAMES};

/// Columns of one table.
const COLUMNS_MAX: usize = 2_000;

/// The header row.
#[derive(Clone, Debug)]
pub(crate) struct ClaimHeader {
    columns: Vec<Option<(ClaimField, u16)>>,
    pub(crate) source: ClaimSource,
    /// The content of each row: everything, or only the head, the lines, the diagnoses or the procedures of a claim.
    pub(crate) facet: &'static str,
    /// Whether one row holds several lines side by side.
    pub(crate) is_wide: bool,
}

impl ClaimHeader {
    pub(crate) fn new<'h>(
        cells: impl Iterator<Item = &'h str>,
        own: &Own<ClaimField>,
        known: &[Names<ClaimField>],
    ) -> Self {
        let names: Vec<String> = cells.take(COLUMNS_MAX).map(normal).collect();
        let is = |name: &str| names.iter().any(|cell| cell == name);
        // What the plan's mapping names counts, and no other column beside it.
        let mapped: Vec<(ClaimField, u16)> = names.iter().filter_map(|name| find(name, own, &[])).collect();
        let mut columns: Vec<Option<(ClaimField, u16)>> = Vec::with_capacity(names.len());
        for name in &names {
            let is_idle = |(field, index): &(ClaimField, u16)| !field.is_list() && mapped.contains(&(*field, *index));
            let mut found = find(name, own, &[]).or_else(|| find(name, own, known).filter(|found| !is_idle(found)));
            if let Some((field, index)) = &mut found
                && field.is_list()
            {
                while columns.contains(&Some((*field, *index))) {
                    *index += 1;
                }
            }
            columns.push(found);
        }
        let has = |field: ClaimField| columns.iter().flatten().any(|(known, _)| *known == field);
        let is_drugs = has(ClaimField::Ndc)
            && !has(ClaimField::Service)
            && (has(ClaimField::Days) || has(ClaimField::Prescription));
        let is_review = known.first().is_some_and(|(_, name, _)| *name == "authorization_number");
        let source = if is_review {
            if is("utn") { ClaimSource::CmsReviews } else { ClaimSource::Reviews }
        } else if is("curclmuniqid") {
            ClaimSource::Cclf
        } else if is("desynpufid") {
            ClaimSource::SynPuf
        } else if is("beneid") && (is("clmid") || is("pdeid")) {
            ClaimSource::Rif
        } else if is_drugs {
            ClaimSource::Drugs
        } else {
            ClaimSource::Plan
        };
        let facet = match source {
            ClaimSource::Cclf if is("clmdgnscd") => "diagnosis",
            ClaimSource::Cclf if is("clmprcdrcd") => "procedure",
            ClaimSource::Cclf if is("clmbillfactypecd") => "head",
            _ => "",
        };
        let is_wide = !has(ClaimField::Line) && columns.contains(&Some((ClaimField::Service, 2)));
        Self { columns, source, facet, is_wide }
    }

    pub(crate) fn has(&self, field: ClaimField) -> bool {
        self.columns.iter().flatten().any(|(known, _)| *known == field)
    }

    pub(crate) fn len(&self) -> usize {
        self.columns.len()
    }

    /// The field of each column, with its number where a field stands several times.
    pub(crate) fn fields(&self) -> &[Option<(ClaimField, u16)>] {
        &self.columns
    }

    /// Cells of a row with their fields.
    pub(crate) fn cells<'r>(&'r self, row: &'r csv::StringRecord) -> impl Iterator<Item = (ClaimField, u16, &'r str)> {
        self.columns
            .iter()
            .zip(row)
            .filter_map(|(column, cell)| column.map(|(field, index)| (field, index, cell.trim())))
    }

    pub(crate) fn is_drugs(&self) -> bool {
        self.source == ClaimSource::Drugs
            || (self.has(ClaimField::Ndc) && !self.has(ClaimField::Service) && !self.has(ClaimField::Revenue))
    }
}

/// The field of a column: by its whole name, else by its name without the number at its end.
pub(crate) fn find(name: &str, own: &Own<ClaimField>, known: &[Names<ClaimField>]) -> Option<(ClaimField, u16)> {
    if let Some(field) = own.find(name, known) {
        return Some((field, 0));
    }
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let index = name.get(stem.len()..)?.parse().ok().filter(|index| *index < 100)?;
    let field = own.find(stem, known)?;
    // For a field that occurs once, a number at the end of the name means something else, such as a second address line.
    (field.is_list() || field.is_of_line()).then_some((field, index))
}

/// The kind of table that a header row announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClaimTableLook {
    Claims,
    /// One of CMS's normalized tables, whose rows mean nothing without the others'.
    Fragment,
    No,
}

/// Whether it is the header row of a table of claims: columns for a claim, a member, and a service or an amount.
pub(crate) fn looks_like(cells: &[&str], own: &Own<ClaimField>) -> ClaimTableLook {
    if cells.iter().any(|cell| normal(cell) == "clmdtsgntrsk") {
        return ClaimTableLook::Fragment;
    }
    let header = ClaimHeader::new(cells.iter().copied(), own, &NAMES);
    let any = |fields: &[ClaimField]| fields.iter().any(|field| header.has(*field));
    let named = header.has(ClaimField::Claim) || (header.has(ClaimField::Prescription) && header.has(ClaimField::Ndc));
    let about = any(&[
        ClaimField::Charge,
        ClaimField::Paid,
        ClaimField::ClaimPaid,
        ClaimField::ClaimCharge,
        ClaimField::Service,
        ClaimField::Revenue,
        ClaimField::Ndc,
        ClaimField::Diagnosis,
        ClaimField::Procedure,
    ]);
    let dated = any(&[ClaimField::From, ClaimField::LineFrom, ClaimField::PaidOn]);
    if named && header.has(ClaimField::Member) && about && dated { ClaimTableLook::Claims } else { ClaimTableLook::No }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> ClaimHeader {
        ClaimHeader::new(text.split(','), &Own::default(), &NAMES)
    }

    #[test]
    fn numbers_at_the_end_tell_lists_apart() {
        let header = header("Claim ID,Diag 1,Diag 2,Modifier,Mod 2,HCPCS_1ST_MDFR_CD,HCPCS_2ND_MDFR_CD,Paid Amt,x");
        assert_eq!(
            header.columns,
            [
                Some((ClaimField::Claim, 0)),
                Some((ClaimField::Diagnosis, 1)),
                Some((ClaimField::Diagnosis, 2)),
                Some((ClaimField::Modifier, 0)),
                Some((ClaimField::Modifier, 2)),
                Some((ClaimField::Modifier, 1)),
                Some((ClaimField::Modifier, 3)),
                Some((ClaimField::Paid, 0)),
                None
            ]
        );
        assert!(!header.is_wide);
    }

    #[test]
    fn sources_are_told_by_their_columns() {
        for (text, source, facet) in [
            ("CUR_CLM_UNIQ_ID,BENE_MBI_ID,CLM_DGNS_CD", ClaimSource::Cclf, "diagnosis"),
            ("BENE_ID,CLM_ID,HCPCS_CD", ClaimSource::Rif, ""),
            ("DESYNPUF_ID,CLM_ID,HCPCS_CD_1,HCPCS_CD_2", ClaimSource::SynPuf, ""),
            ("Member ID,Rx Number,NDC,Days Supply", ClaimSource::Drugs, ""),
            ("Member ID,Claim Number,CPT", ClaimSource::Plan, ""),
        ] {
            let header = header(text);
            assert_eq!((header.source, header.facet), (source, facet), "{text}");
        }
        assert!(header("DESYNPUF_ID,CLM_ID,HCPCS_CD_1,HCPCS_CD_2").is_wide);
    }

    #[test]
    fn what_looks_like_claims() {
        let looks = |text: &str| looks_like(&text.split(',').collect::<Vec<_>>(), &Own::default());
        assert_eq!(looks("member_id,claim_number,dos,cpt,charge"), ClaimTableLook::Claims);
        assert_eq!(looks("member_id,rx_number,ndc,fill_date"), ClaimTableLook::Claims);
        assert_eq!(looks("CLM_UNIQ_ID,CLM_DT_SGNTR_SK,CLM_LINE_NUM"), ClaimTableLook::Fragment);
        for text in ["member_id,first_name,last_name,dob", "npi,name,specialty", "rxcui,ndc,tier,plan_id"] {
            assert_eq!(looks(text), ClaimTableLook::No, "{text}");
        }
    }
}
