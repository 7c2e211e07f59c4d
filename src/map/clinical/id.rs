//! Ids that are the same whenever the same statement is made again.

use std::collections::HashMap;

use crate::map::record::made_id;

/// Ids of one record's statements about one member.
pub(crate) struct Ids {
    patient: String,
    source: String,
    seen: HashMap<String, u32>,
}

impl Ids {
    /// For a member and a sender.
    pub(crate) fn new(patient: &str, source: &str) -> Self {
        Self { patient: patient.to_owned(), source: source.to_owned(), seen: HashMap::new() }
    }

    /// The id of the statement that these texts identify. Where a system gives two statements one number they are still
    /// two: the second is distinguished by a counter.
    pub(crate) fn next(&mut self, kind: &str, parts: &[&str]) -> String {
        let id = self.same(kind, parts);
        let turn = self.seen.entry(id.clone()).or_insert(0);
        *turn += 1;
        if *turn == 1 { id } else { made_id(&[&id, &turn.to_string()]) }
    }

    /// The id without a counter: for resources that are referred to, or described in several places.
    pub(crate) fn same(&self, kind: &str, parts: &[&str]) -> String {
        let mut all = vec![kind, &self.patient, &self.source];
        all.extend(parts);
        made_id(&all)
    }
}
