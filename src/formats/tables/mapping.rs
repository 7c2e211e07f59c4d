//! The plan's own column names, by kind of table. Pure.

use super::{claims, drug_list, members, providers};
use crate::formats::columns::{Names, Own};
use crate::formats::records;

/// The plan's own column names, from a mapping file: `member_id = "MBR NO"`. Tables of other kinds have sections of
/// their own, such as `[providers]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    pub(crate) members: Own<members::MemberField>,
    pub(crate) providers: Own<providers::ProviderField>,
    pub(crate) formulary: Own<drug_list::DrugField>,
    pub(crate) claims: Own<records::ClaimField>,
    pub(crate) reviews: Own<records::ClaimField>,
}

impl Mapping {
    /// Reads a mapping file (TOML): our field name = the column's name, or a list of them.
    ///
    /// # Errors
    /// The mistake, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut table: toml::Table = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        let mut section = |name: &str| match table.remove(name) {
            None => Ok(toml::Table::new()),
            Some(toml::Value::Table(section)) => Ok(section),
            Some(_) => Err(format!("{name} is a section: write [{name}] and its columns below")),
        };
        let (providers, formulary) = (section("providers")?, section("formulary")?);
        let (claims, reviews) = (section("claims")?, section("prior_authorizations")?);
        let within = |name: &str, why: String| format!("in [{name}]: {why}");
        Ok(Self {
            members: Own::parse(&table, &members::NAMES)?,
            providers: Own::parse(&providers, &providers::NAMES).map_err(|why| within("providers", why))?,
            formulary: Own::parse(&formulary, &drug_list::NAMES).map_err(|why| within("formulary", why))?,
            claims: Own::parse(&claims, &records::NAMES).map_err(|why| within("claims", why))?,
            reviews: Own::parse(&reviews, &claims::REVIEW_NAMES).map_err(|why| within("prior_authorizations", why))?,
        })
    }
}

/// Every name that a mapping file may use, by section, as `ingle load --map-names` prints them.
#[must_use]
pub fn map_names() -> String {
    fn section<F>(title: &str, names: &[Names<F>]) -> String {
        let names: Vec<&str> = names.iter().map(|(_, name, _)| *name).collect();
        format!("{title}\n{}\n", names.join("\n"))
    }
    [
        section("# members and representatives, at the top of the file", &members::NAMES),
        section("[claims]", &records::NAMES),
        section("[prior_authorizations]", &claims::REVIEW_NAMES),
        section("[providers]", &providers::NAMES),
        section("[formulary]", &drug_list::NAMES),
    ]
    .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::Format;
    use crate::formats::tables::members::MemberHeader;

    #[test]
    fn a_mapping_adds_names() {
        let mapping = Mapping::parse("member_id = \"MBR NO\"\nbirth_date = [\"geboren\", \"né\"]").unwrap();
        let cells = ["mbr_no", "Geboren", "first", "last"];
        assert_eq!(MemberHeader::new(cells.into_iter(), &mapping.members).format(), Ok(Format::Members));
        assert!(Mapping::parse("colour = \"x\"").unwrap_err().contains("the fields are member_id"));
        assert!(Mapping::parse("member_id = 3").is_err());
        assert!(Mapping::parse("[providers]\nnpi = \"NPI NBR\"\n[formulary]\ntier = \"Level\"").is_ok());
        assert!(Mapping::parse("[providers]\ncolour = \"x\"").unwrap_err().starts_with("in [providers]: colour"));
        assert!(Mapping::parse("providers = 3").unwrap_err().contains("section"));
    }

    /// The list in the manual is the list of the program.
    #[test]
    fn the_manual_lists_every_name() {
        let manual = include_str!("../../../docs/load.md");
        assert!(
            manual.contains(&map_names()),
            "put what ingle load --map-names prints into docs/load.md:\n{}",
            map_names()
        );
        for line in map_names().lines().filter(|line| !line.starts_with(['#', '['])) {
            assert!(line.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{line}");
        }
    }
}
