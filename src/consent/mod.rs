//! Grants to apps, sharing choices, sensitive-data choices.
