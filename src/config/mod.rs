//! `fhir.toml`: one file per section, validated once into plain structs that are handed down.
