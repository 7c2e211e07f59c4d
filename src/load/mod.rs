//! Plan data in: bytes become records and issues (pure), records become FHIR, a run keeps them.
