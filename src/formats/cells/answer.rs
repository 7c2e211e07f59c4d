//! Yes and no, and cells that say nothing. Pure.

use super::text::normal;

/// Marks that systems write where they have nothing.
pub(crate) fn is_blank(cell: &str) -> bool {
    cell.is_empty() || matches!(cell, "~" | "-" | "." | "NULL" | "null" | "N/A" | "n/a" | "NaN")
}

/// Ways to say that something does not hold, as [`normal`] has them.
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

/// A cell that says no, or says nothing. Whatever else stands where yes or no is asked means that there is something: to tell
/// somebody that nothing is asked of her, though it is, is the error that hurts.
pub(crate) fn is_no(cell: &str) -> bool {
    let is_mark = |c: char| c.is_whitespace() || "-–—_.~/✗✘☐".contains(c);
    cell.chars().all(is_mark) || NO.contains(&normal(cell).as_str())
}

/// A cell that says yes.
pub(crate) fn is_yes(cell: &str) -> bool {
    matches!(cell.to_ascii_lowercase().as_str(), "y" | "yes" | "true" | "t" | "1" | "x")
}
