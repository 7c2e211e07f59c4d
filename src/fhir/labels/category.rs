//! The topics, which the pages and grants call categories, that are withheld from apps unless the member chooses to share them.

use serde::{Deserialize, Serialize};

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

    /// What no choice of a member covers: a label whose topic is not known.
    pub const UNNAMED: Self = Self(1 << 15);

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

    /// The categories of both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The categories that the sets have in common.
    #[must_use]
    pub const fn common(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// These categories without those.
    #[must_use]
    pub const fn without(self, those: Self) -> Self {
        Self(self.0 & !those.0)
    }

    /// True if there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
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
    fn names_are_read_back() {
        for category in Category::ALL {
            assert_eq!(Category::parse(category.name()), Some(category));
            assert!(Categories::ALL.contains(category));
        }
    }
}
