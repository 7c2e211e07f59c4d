//! `OperationOutcome`: the only form of error on the FHIR bases.

use super::json::write_string;

/// One issue of an `OperationOutcome`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem<'a> {
    /// `error`, `warning` or `information`.
    pub severity: &'static str,
    /// A code of the issue-type value set.
    pub code: &'static str,
    /// What happened and what to do, for a developer; no PHI.
    pub text: &'a str,
    /// The element or parameter at fault, as `FHIRPath`.
    pub expression: Option<&'a str>,
}

/// The `OperationOutcome` with these issues.
#[must_use]
pub fn all(problems: &[Problem<'_>]) -> Vec<u8> {
    let mut out = br#"{"resourceType":"OperationOutcome","issue":["#.to_vec();
    for (at, problem) in problems.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        problem.write(&mut out);
    }
    out.extend_from_slice(b"]}");
    out
}

impl Problem<'_> {
    /// The `OperationOutcome` with this one issue.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        all(std::slice::from_ref(self))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"severity\":\"");
        out.extend_from_slice(self.severity.as_bytes());
        out.extend_from_slice(b"\",\"code\":\"");
        out.extend_from_slice(self.code.as_bytes());
        out.extend_from_slice(b"\",\"details\":{\"text\":");
        write_string(self.text, out);
        out.push(b'}');
        if let Some(expression) = self.expression {
            out.extend_from_slice(b",\"expression\":[");
            write_string(expression, out);
            out.push(b']');
        }
        out.push(b'}');
    }
}
