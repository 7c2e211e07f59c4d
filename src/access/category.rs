//! Categories of data that are withheld from apps unless the member chooses to share them (42 CFR Part 2 and the like).
//! A resource is in a category because a security label on it says so; labels are set where it is admitted (`admit`).

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::fhir::{Extracted, Kind, Value};

/// One sensitive category.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Category {
    /// Treatment for the use of alcohol or drugs.
    SubstanceUse,
    /// Mental health.
    MentalHealth,
    /// Sexual and reproductive health.
    ReproductiveHealth,
    /// HIV and AIDS.
    Hiv,
    /// Domestic violence and abuse.
    Violence,
    /// Genetic information.
    Genetic,
}

/// A set of categories.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Categories(u16);

/// Codes of HL7's `ActCode` for information sensitivity, by category.
const LABELS: [(&str, Category); 15] = [
    ("ETH", Category::SubstanceUse),
    ("ETHUD", Category::SubstanceUse),
    ("OPIOIDUD", Category::SubstanceUse),
    ("SUD", Category::SubstanceUse),
    ("42CFRPart2", Category::SubstanceUse),
    ("MH", Category::MentalHealth),
    ("PSY", Category::MentalHealth),
    ("PSYTHPN", Category::MentalHealth),
    ("SEX", Category::ReproductiveHealth),
    ("STD", Category::ReproductiveHealth),
    ("HIV", Category::Hiv),
    ("SDV", Category::Violence),
    ("VIO", Category::Violence),
    ("GDIS", Category::Genetic),
    ("SCA", Category::Genetic),
];

/// A number for the labels and what they stand for.
pub(super) fn hash() -> u64 {
    let lines: Vec<String> = LABELS.iter().map(|(label, category)| format!("{label} {}", category.name())).collect();
    xxh3_64(lines.join("\n").as_bytes())
}

/// The parameter whose values are the labels; asked for with every resource that is stored.
static SECURITY: LazyLock<Option<u16>> =
    LazyLock::new(|| Kind::PATIENT.standard_parameter("_security").map(|(number, _)| number));

impl Category {
    /// All categories, in the order they are shown.
    pub const ALL: [Self; 6] =
        [Self::SubstanceUse, Self::MentalHealth, Self::ReproductiveHealth, Self::Hiv, Self::Violence, Self::Genetic];

    /// The name used in forms, tokens and stored grants.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SubstanceUse => "substance-use",
            Self::MentalHealth => "mental-health",
            Self::ReproductiveHealth => "reproductive-health",
            Self::Hiv => "hiv",
            Self::Violence => "violence",
            Self::Genetic => "genetic",
        }
    }

    /// The category of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.name() == name)
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

impl Categories {
    /// No category.
    pub const NONE: Self = Self(0);
    /// Every category.
    pub const ALL: Self = Self((1 << Category::ALL.len()) - 1);

    /// The set with these bits; unknown bits are kept, so that an older program withholds what a newer one labelled.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// The bits kept on disk.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// This set and one more.
    #[must_use]
    pub const fn with(self, category: Category) -> Self {
        Self(self.0 | category.bit())
    }

    /// True if the sets have a category in common.
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// True if the category is in the set.
    #[must_use]
    pub const fn contains(self, category: Category) -> bool {
        self.0 & category.bit() != 0
    }

    /// The categories in the set.
    pub fn iter(self) -> impl Iterator<Item = Category> {
        Category::ALL.into_iter().filter(move |category| self.contains(*category))
    }

    /// The categories that a resource's security labels put it in.
    #[must_use]
    pub fn of(resource: &Extracted) -> Self {
        let Some(security) = *SECURITY else { return Self::ALL };
        let mut found = Self::NONE;
        for value in resource.values_of(security) {
            if let Value::Token { code: Some(code), .. } = value {
                for (label, category) in LABELS {
                    if code.eq_ignore_ascii_case(label) {
                        found = found.with(category);
                    }
                }
            }
        }
        found
    }
}

impl FromIterator<Category> for Categories {
    fn from_iter<I: IntoIterator<Item = Category>>(categories: I) -> Self {
        categories.into_iter().fold(Self::NONE, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_decide() {
        let text = br#"{"resourceType":"Condition","id":"c","meta":{"security":[
            {"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"ETH"},{"code":"HIV"},{"code":"N"}]}}"#;
        let extracted = crate::fhir::prepare(text).unwrap().extracted;
        let found: Vec<_> = Categories::of(&extracted).iter().collect();
        assert_eq!(found, [Category::SubstanceUse, Category::Hiv]);
    }

    #[test]
    fn names_are_read_back() {
        for category in Category::ALL {
            assert_eq!(Category::parse(category.name()), Some(category));
            assert!(Categories::ALL.contains(category));
        }
    }
}
