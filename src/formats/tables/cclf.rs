//! CMS's claim and claim line feed: fixed columns without a header row. The layouts are the public record layout's; a
//! line's layout is recognized by the position of its dates, which differs in every layout, so names of files do not
//! matter.
//!
//! Cells get the names of the layout and are read like those of a table.

use crate::formats::cells;
use crate::formats::encoding;

/// A layout: its width, the positions of dates (from 1), and the names of the columns with their widths.
struct Layout {
    width: usize,
    columns: &'static [(&'static str, usize)],
}

/// The number of the layout of beneficiaries, and of the list of their former numbers.
const BENEFICIARIES: usize = 7;
const FORMER_NUMBERS: usize = 8;

/// CCLF1 to CCLF9.
static LAYOUTS: [Layout; 9] = [
    Layout {
        width: 292,
        columns: &[
            ("CUR_CLM_UNIQ_ID", 13),
            ("PRVDR_OSCAR_NUM", 6),
            ("BENE_MBI_ID", 11),
            ("", 11),
            ("CLM_TYPE_CD", 2),
            ("CLM_FROM_DT", 10),
            ("CLM_THRU_DT", 10),
            ("CLM_BILL_FAC_TYPE_CD", 1),
            ("CLM_BILL_CLSFCTN_CD", 1),
            ("PRNCPL_DGNS_CD", 7),
            ("ADMTG_DGNS_CD", 7),
            ("", 2),
            ("CLM_PMT_AMT", 17),
            ("", 1),
            ("", 2),
            ("BENE_PTNT_STUS_CD", 2),
            ("DGNS_DRG_CD", 4),
            ("", 1),
            ("FAC_PRVDR_NPI_NUM", 10),
            ("OPRTG_PRVDR_NPI_NUM", 10),
            ("ATNDG_PRVDR_NPI_NUM", 10),
            ("OTHR_PRVDR_NPI_NUM", 10),
            ("CLM_ADJSMT_TYPE_CD", 2),
            ("CLM_EFCTV_DT", 10),
            ("", 10),
            ("", 11),
            ("CLM_ADMSN_TYPE_CD", 2),
            ("CLM_ADMSN_SRC_CD", 2),
            ("CLM_BILL_FREQ_CD", 1),
            ("", 1),
            ("DGNS_PRCDR_ICD_IND", 1),
            ("CLM_MDCR_INSTNL_TOT_CHRG_AMT", 15),
            ("", 89),
        ],
    },
    Layout {
        width: 179,
        columns: &[
            ("CUR_CLM_UNIQ_ID", 13),
            ("CLM_LINE_NUM", 10),
            ("BENE_MBI_ID", 11),
            ("", 11),
            ("CLM_TYPE_CD", 2),
            ("CLM_LINE_FROM_DT", 10),
            ("CLM_LINE_THRU_DT", 10),
            ("CLM_LINE_PROD_REV_CTR_CD", 4),
            ("", 10),
            ("CLM_LINE_HCPCS_CD", 5),
            ("", 11),
            ("PRVDR_OSCAR_NUM", 6),
            ("CLM_FROM_DT", 10),
            ("CLM_THRU_DT", 10),
            ("CLM_LINE_SRVC_UNIT_QTY", 24),
            ("CLM_LINE_CVRD_PD_AMT", 17),
            ("HCPCS_1_MDFR_CD", 2),
            ("HCPCS_2_MDFR_CD", 2),
            ("HCPCS_3_MDFR_CD", 2),
            ("HCPCS_4_MDFR_CD", 2),
            ("HCPCS_5_MDFR_CD", 2),
            ("", 5),
        ],
    },
    Layout {
        width: 94,
        columns: &[
            ("CUR_CLM_UNIQ_ID", 13),
            ("BENE_MBI_ID", 11),
            ("", 11),
            ("CLM_TYPE_CD", 2),
            ("CLM_VAL_SQNC_NUM", 2),
            ("CLM_PRCDR_CD", 7),
            ("CLM_PRCDR_PRFRM_DT", 10),
            ("", 11),
            ("PRVDR_OSCAR_NUM", 6),
            ("CLM_FROM_DT", 10),
            ("CLM_THRU_DT", 10),
            ("DGNS_PRCDR_ICD_IND", 1),
        ],
    },
    Layout {
        width: 92,
        columns: &[
            ("CUR_CLM_UNIQ_ID", 13),
            ("BENE_MBI_ID", 11),
            ("", 11),
            ("CLM_TYPE_CD", 2),
            ("CLM_PROD_TYPE_CD", 1),
            ("CLM_VAL_SQNC_NUM", 2),
            ("CLM_DGNS_CD", 7),
            ("", 11),
            ("PRVDR_OSCAR_NUM", 6),
            ("CLM_FROM_DT", 10),
            ("CLM_THRU_DT", 10),
            ("CLM_POA_IND", 7),
            ("DGNS_PRCDR_ICD_IND", 1),
        ],
    },
    Layout {
        width: 363,
        columns: &[
            ("CUR_CLM_UNIQ_ID", 13),
            ("CLM_LINE_NUM", 10),
            ("BENE_MBI_ID", 11),
            ("", 11),
            ("CLM_TYPE_CD", 2),
            ("CLM_FROM_DT", 10),
            ("CLM_THRU_DT", 10),
            ("", 3),
            ("", 2),
            ("", 2),
            ("", 1),
            ("CLM_POS_CD", 2),
            ("CLM_LINE_FROM_DT", 10),
            ("CLM_LINE_THRU_DT", 10),
            ("CLM_LINE_HCPCS_CD", 5),
            ("CLM_LINE_CVRD_PD_AMT", 15),
            ("", 1),
            ("CLM_LINE_DGNS_CD", 7),
            ("", 10),
            ("RNDRG_PRVDR_NPI_NUM", 10),
            ("CLM_CARR_PMT_DNL_CD", 2),
            ("", 2),
            ("CLM_ADJSMT_TYPE_CD", 2),
            ("CLM_EFCTV_DT", 10),
            ("", 10),
            ("CLM_CNTL_NUM", 40),
            ("", 11),
            ("CLM_LINE_ALOWD_CHRG_AMT", 17),
            ("CLM_LINE_SRVC_UNIT_QTY", 24),
            ("HCPCS_1_MDFR_CD", 2),
            ("HCPCS_2_MDFR_CD", 2),
            ("HCPCS_3_MDFR_CD", 2),
            ("HCPCS_4_MDFR_CD", 2),
            ("HCPCS_5_MDFR_CD", 2),
            ("", 2),
            ("CLM_DGNS_1_CD", 7),
            ("CLM_DGNS_2_CD", 7),
            ("CLM_DGNS_3_CD", 7),
            ("CLM_DGNS_4_CD", 7),
            ("CLM_DGNS_5_CD", 7),
            ("CLM_DGNS_6_CD", 7),
            ("CLM_DGNS_7_CD", 7),
            ("CLM_DGNS_8_CD", 7),
            ("DGNS_PRCDR_ICD_IND", 1),
            ("CLM_DGNS_9_CD", 7),
            ("CLM_DGNS_10_CD", 7),
            ("CLM_DGNS_11_CD", 7),
            ("CLM_DGNS_12_CD", 7),
            ("", 3),
        ],
    },
    Layout {
        width: 227,
        columns: &[
            ("CUR_CLM_UNIQ_ID", 13),
            ("CLM_LINE_NUM", 10),
            ("BENE_MBI_ID", 11),
            ("", 11),
            ("CLM_TYPE_CD", 2),
            ("CLM_FROM_DT", 10),
            ("CLM_THRU_DT", 10),
            ("", 1),
            ("CLM_POS_CD", 2),
            ("CLM_LINE_FROM_DT", 10),
            ("CLM_LINE_THRU_DT", 10),
            ("CLM_LINE_HCPCS_CD", 5),
            ("CLM_LINE_CVRD_PD_AMT", 15),
            ("", 1),
            ("PAYTO_PRVDR_NPI_NUM", 10),
            ("ORDRG_PRVDR_NPI_NUM", 10),
            ("CLM_CARR_PMT_DNL_CD", 2),
            ("", 2),
            ("CLM_ADJSMT_TYPE_CD", 2),
            ("CLM_EFCTV_DT", 10),
            ("", 10),
            ("CLM_CNTL_NUM", 40),
            ("", 11),
            ("CLM_LINE_ALOWD_CHRG_AMT", 17),
            ("", 2),
        ],
    },
    Layout {
        width: 193,
        columns: &[
            ("CUR_CLM_UNIQ_ID", 13),
            ("BENE_MBI_ID", 11),
            ("", 11),
            ("CLM_LINE_NDC_CD", 11),
            ("CLM_TYPE_CD", 2),
            ("CLM_LINE_FROM_DT", 10),
            ("", 2),
            ("CLM_SRVC_PRVDR_GNRC_ID_NUM", 20),
            ("", 1),
            ("CLM_DAW_PROD_SLCTN_CD", 1),
            ("CLM_LINE_SRVC_UNIT_QTY", 24),
            ("CLM_LINE_DAYS_SUPLY_QTY", 9),
            ("", 2),
            ("CLM_PRSBNG_PRVDR_GNRC_ID_NUM", 20),
            ("CLM_LINE_BENE_PMT_AMT", 13),
            ("CLM_ADJSMT_TYPE_CD", 2),
            ("CLM_EFCTV_DT", 10),
            ("", 10),
            ("CLM_LINE_RX_SRVC_RFRNC_NUM", 12),
            ("CLM_LINE_RX_FILL_NUM", 9),
        ],
    },
    Layout {
        width: 549,
        columns: &[
            ("BENE_MBI_ID", 11),
            ("", 11),
            ("", 5),
            ("BENE_ZIP_CD", 5),
            ("BENE_BRTH_DT", 10),
            ("BENE_SEX_CD", 1),
            ("", 1),
            ("", 7),
            ("BENE_DEATH_DT", 10),
            ("", 20),
            ("BENE_1ST_NAME", 30),
            ("BENE_MIDL_NAME", 15),
            ("BENE_LAST_NAME", 40),
            ("", 2),
            ("BENE_PART_A_ENRLMT_BGN_DT", 10),
            ("BENE_PART_B_ENRLMT_BGN_DT", 10),
            ("BENE_LINE_1_ADR", 45),
            ("BENE_LINE_2_ADR", 45),
            ("", 160),
            ("GEO_ZIP_PLC_NAME", 100),
            ("GEO_USPS_STATE_CD", 2),
            ("GEO_ZIP5_CD", 5),
            ("", 4),
        ],
    },
    Layout {
        width: 55,
        columns: &[
            ("HICN_MBI_XREF_IND", 1),
            ("CRNT_NUM", 11),
            ("PRVS_NUM", 11),
            ("PRVS_ID_EFCTV_DT", 10),
            ("PRVS_ID_OBSLT_DT", 10),
            ("", 12),
        ],
    },
];

/// The kind of a fixed-width line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Feed {
    Claims(usize),
    Beneficiaries,
    /// CCLF9: former numbers of beneficiaries.
    FormerNumbers,
    /// CCLFA and CCLFB: the CMS model under which a claim or a line was paid.
    Models,
}

/// The layout of a line, if it is one of the feed's.
pub(crate) fn feed(line: &[u8]) -> Option<Feed> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let fits = |layout: &'static Layout| {
        // Trailing spaces get lost, and newer versions of the layouts add columns there.
        let mut days = cells(layout, line).filter(|(name, _)| {
            name.ends_with("_FROM_DT")
                || name.ends_with("_BRTH_DT")
                || name.ends_with("_EFCTV_DT") && layout.width < 100
        });
        let is_day = |text: &str| text.len() == 10 && cells::day(text).value().is_some();
        let first = days.next().is_some_and(|(_, text)| is_day(&text));
        first && days.all(|(_, text)| is_day(&text)) && line.len() + 20 >= layout.width
    };
    let Some(number) = LAYOUTS.iter().position(fits) else {
        return is_of_models(line).then_some(Feed::Models);
    };
    Some(match number {
        BENEFICIARIES => Feed::Beneficiaries,
        FORMER_NUMBERS => Feed::FormerNumbers,
        number => Feed::Claims(number),
    })
}

/// True for a line of CCLFA or CCLFB: a claim, in CCLFB a line, a beneficiary, her former number, the type of claim, in
/// CCLFA a day, and then a yes or no for each benefit enhancement. The rest differs between versions.
fn is_of_models(line: &[u8]) -> bool {
    let at = |from: usize, width: usize| line.get(from..from + width).unwrap_or_default();
    let is_number = |text: &[u8]| {
        let text = text.trim_ascii();
        !text.is_empty() && text.iter().all(u8::is_ascii_digit)
    };
    let is_person = |text: &[u8]| text.len() == 11 && text.iter().all(u8::is_ascii_alphanumeric);
    let are_switches =
        |text: &[u8]| text.len() == 5 && text.iter().all(|byte| matches!(byte, b'Y' | b'N' | b' ' | b'~'));
    let is_day = |text: &[u8]| {
        std::str::from_utf8(text).is_ok_and(|text| text.len() == 10 && cells::day(text).value().is_some())
    };
    let of_claims = || is_person(at(13, 11)) && is_number(at(35, 2)) && is_day(at(37, 10)) && are_switches(at(47, 5));
    let of_lines = || is_number(at(13, 10)) && is_person(at(23, 11)) && is_number(at(45, 2)) && are_switches(at(47, 5));
    is_number(at(0, 13)) && (of_claims() || of_lines())
}

/// The current and a former number of each beneficiary, by line; absent if the file is not CCLF9.
pub(crate) fn former_numbers(text: &[u8]) -> Option<Vec<(u64, String, String)>> {
    let lines = text.split(|byte| *byte == b'\n').zip(1..);
    let mut lines = lines.filter(|(line, _)| !line.iter().all(u8::is_ascii_whitespace)).peekable();
    if feed(lines.peek()?.0) != Some(Feed::FormerNumbers) {
        return None;
    }
    let names = names(FORMER_NUMBERS);
    let rows = lines.map(|(line, number)| {
        let row = row(FORMER_NUMBERS, line);
        let cell = |name: &str| names.iter().zip(&row).find(|(known, _)| **known == name).map_or("", |(_, text)| text);
        (number, cell("CRNT_NUM").to_owned(), cell("PRVS_NUM").to_owned())
    });
    Some(rows.collect())
}

/// The names of the columns that are read.
pub(crate) fn names(number: usize) -> Vec<&'static str> {
    let columns = LAYOUTS.get(number).map(|layout| layout.columns).unwrap_or_default();
    columns.iter().map(|(name, _)| *name).filter(|name| !name.is_empty()).collect()
}

/// A line as a row of a table.
pub(crate) fn row(number: usize, line: &[u8]) -> csv::StringRecord {
    LAYOUTS.get(number).map(|layout| cells(layout, line).map(|(_, text)| text).collect()).unwrap_or_default()
}

fn cells<'a>(layout: &'static Layout, line: &'a [u8]) -> impl Iterator<Item = (&'static str, String)> + 'a {
    let mut at = 0;
    layout.columns.iter().filter_map(move |(name, width)| {
        let cell = line.get(at..line.len().min(at + width)).unwrap_or_default();
        at += width;
        (!name.is_empty()).then(|| (*name, encoding::text(cell).trim().to_owned()))
    })
}

/// A file of beneficiaries as a table with a header row, for the reader of members; absent for any other file.
pub(crate) fn beneficiaries(text: &[u8]) -> Option<Vec<u8>> {
    let mut lines =
        text.split(|byte| *byte == b'\n').filter(|line| !line.iter().all(u8::is_ascii_whitespace)).peekable();
    if feed(lines.peek()?) != Some(Feed::Beneficiaries) {
        return None;
    }
    let mut out = csv::WriterBuilder::new().delimiter(b'|').from_writer(Vec::with_capacity(text.len() / 2));
    out.write_record(names(BENEFICIARIES)).ok()?;
    for line in lines {
        out.write_record(&row(BENEFICIARIES, line)).ok()?;
    }
    out.into_inner().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of a layout with these cells.
    fn line(number: usize, facts: &[(&str, &str)]) -> String {
        let mut out = String::new();
        for (name, width) in LAYOUTS[number].columns {
            let text = facts.iter().find(|(known, _)| known == name).map_or("", |(_, text)| text);
            out.extend([format!("{text:width$}")]);
        }
        out
    }

    #[test]
    fn the_columns_fill_the_widths() {
        for layout in &LAYOUTS {
            assert_eq!(layout.columns.iter().map(|(_, width)| width).sum::<usize>(), layout.width);
        }
    }

    #[test]
    fn former_numbers_are_read_by_line() {
        let facts = [
            ("HICN_MBI_XREF_IND", "M"),
            ("CRNT_NUM", "1EG4TE5MK73"),
            ("PRVS_NUM", "1EG4TE5MK72"),
            ("PRVS_ID_EFCTV_DT", "2018-01-01"),
        ];
        let text = format!("{}\r\n\n{}", line(FORMER_NUMBERS, &facts), line(FORMER_NUMBERS, &facts).trim_end());
        let pair = |number| (number, "1EG4TE5MK73".to_owned(), "1EG4TE5MK72".to_owned());
        assert_eq!(former_numbers(text.as_bytes()), Some(vec![pair(1), pair(3)]));
        assert_eq!(former_numbers(b"member_id,first_name\n"), None);
    }

    #[test]
    fn every_layout_is_told_from_the_others() {
        let days = [
            ("CLM_FROM_DT", "2026-01-02"),
            ("CLM_THRU_DT", "2026-01-02"),
            ("CLM_LINE_FROM_DT", "2026-01-02"),
            ("CLM_LINE_THRU_DT", "2026-01-02"),
            ("CLM_EFCTV_DT", "2026-01-20"),
            ("BENE_BRTH_DT", "1950-01-02"),
            ("PRVS_ID_EFCTV_DT", "2018-01-01"),
        ];
        for number in 0..LAYOUTS.len() {
            let expected = match number {
                BENEFICIARIES => Feed::Beneficiaries,
                FORMER_NUMBERS => Feed::FormerNumbers,
                number => Feed::Claims(number),
            };
            assert_eq!(feed(line(number, &days).as_bytes()), Some(expected), "CCLF{}", number + 1);
        }
        let blank = " ".repeat(11);
        for text in [
            format!("0000012345678{}{blank}602026-01-02YN Y  0102", "1EG4TE5MK72"),
            format!("0000012345678{:>10}{}{blank}71YN   ~N0102", 1, "1EG4TE5MK72"),
        ] {
            assert_eq!(feed(text.as_bytes()), Some(Feed::Models), "{text}");
        }
        for text in ["", "a,b,c", "1SG0A00AA001000044288         xxxxxxx"] {
            assert_eq!(feed(text.as_bytes()), None);
        }
    }
}
