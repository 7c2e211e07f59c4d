//! Yes and no, and blank cells. Pure.

use super::text::normal;

/// Marks that systems write for an empty cell.
pub(crate) fn is_blank(cell: &str) -> bool {
    cell.is_empty() || matches!(cell, "~" | "-" | "." | "NULL" | "null" | "N/A" | "n/a" | "NaN")
}

/// Ways to say no, as [`normal`] spells them.
const NO: [&str; 34] = [
    "n",
    "no",
    "f",
    "false",
    "0",
    "none",
    "na",
    "nan",
    "null",
    "not",
    "notapplicable",
    "doesnotapply",
    "notrequired",
    "nonerequired",
    "notneeded",
    "norequirement",
    "norequirements",
    "nopa",
    "noparequired",
    "nopriorauth",
    "nopriorauthorization",
    "nopriorauthorizationrequired",
    "nost",
    "nostrequired",
    "nostep",
    "nosteptherapy",
    "nosteptherapyrequired",
    "noql",
    "nolimit",
    "nolimits",
    "noquantitylimit",
    "notlimited",
    "unlimited",
    "norestrictions",
];

/// A cell that says no, or is blank. Any other text in a yes/no column counts as yes: telling a member that nothing is
/// required of her when something is, is the error that hurts.
pub(crate) fn is_no(cell: &str) -> bool {
    let is_mark = |c: char| c.is_whitespace() || "-–—_.~/✗✘☐".contains(c);
    cell.chars().all(is_mark) || NO.contains(&normal(cell).as_str())
}

/// A cell that says yes.
pub(crate) fn is_yes(cell: &str) -> bool {
    matches!(cell.to_ascii_lowercase().as_str(), "y" | "yes" | "true" | "t" | "1" | "x")
}
