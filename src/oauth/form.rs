//! Parameters as they came: OAuth forbids saying one twice, and an empty value counts as not said.

use super::error::{Code, Refusal};
use super::limits::MAX_PARAMETER;

/// The parameters of one request.
#[derive(Debug, Clone, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Takes decoded name-value pairs, in order.
    #[must_use]
    pub fn new(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// Reads `a=b&c=d`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    /// The first value of a parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, v)| n == name && !v.is_empty()).map(|(_, v)| v.as_str())
    }

    /// Every value of a parameter, for choices of which several may be ticked.
    pub fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// A value that must be there.
    pub(super) fn need(&self, name: &'static str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| Refusal::new(Code::InvalidRequest, format!("the parameter {name} is missing")))
    }

    /// The name of a parameter that was said twice.
    pub(super) fn repeated(&self) -> Option<&str> {
        self.0
            .iter()
            .enumerate()
            .find(|(at, (name, _))| self.0.iter().take(*at).any(|(n, _)| n == name))
            .map(|(_, (name, _))| name.as_str())
    }

    /// Refuses repeated and oversize parameters.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        if let Some(name) = self.repeated() {
            let name: String = name.chars().take(40).collect();
            return Err(Refusal::new(Code::InvalidRequest, format!("the parameter {name} was sent twice")));
        }
        if self.0.iter().any(|(name, value)| name.len() + value.len() > MAX_PARAMETER) {
            return Err(Refusal::new(Code::InvalidRequest, "a parameter is too long"));
        }
        Ok(())
    }
}

/// An address with parameters added to its query.
pub(super) fn with_query(address: &str, pairs: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs {
        query.append_pair(name, value);
    }
    let joint = match address.find('?') {
        None => "?",
        Some(_) if address.ends_with(['?', '&']) => "",
        Some(_) => "&",
    };
    format!("{address}{joint}{}", query.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_said_once() {
        assert_eq!(Form::parse("a=1&b=2&a=3").repeated(), Some("a"));
        assert!(Form::parse("a=1&b=2").check().is_ok());
        assert!(Form::parse("a=&b=2").get("a").is_none());
        assert!(Form::parse(&format!("a={}", "x".repeat(MAX_PARAMETER))).check().is_err());
    }

    #[test]
    fn answers_keep_the_query_of_the_address() {
        assert_eq!(with_query("https://a/cb", &[("code", "x y")]), "https://a/cb?code=x+y");
        assert_eq!(with_query("https://a/cb?n=1", &[("code", "x")]), "https://a/cb?n=1&code=x");
        assert_eq!(with_query("org.a:/cb", &[("error", "a&b")]), "org.a:/cb?error=a%26b");
    }
}
