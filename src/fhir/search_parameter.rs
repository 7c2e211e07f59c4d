//! From a `SearchParameter` resource to a parameter that extraction, index and filter support (FHIR R4,
//! searchparameter). An unsupported definition is refused with an explanation when it is written, and never half
//! applied.

use std::borrow::Cow;
use std::sync::Arc;

use super::definitions::{Form, Kind, Parameter, Path, Step, Targets};
use super::fhirpath::{Expression, Operator, parsed_once};
use super::json::Node;
use super::shape::{Content, Shape};

/// Types of one parameter.
const MAX_BASES: usize = 20;
/// Alternatives of one expression.
const MAX_PATHS: usize = 20;
const MAX_CODE: usize = 64;

/// Why a definition cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {text}")]
pub struct Refused {
    /// The element at fault.
    pub path: &'static str,
    /// The expected content.
    pub text: String,
}

fn refused(path: &'static str, text: impl Into<String>) -> Refused {
    Refused { path, text: text.into() }
}

/// Reads a definition: a parameter for each of its base types; none unless it is active.
///
/// # Errors
/// [`Refused`] with the element.
pub fn read(resource: &Node<'_>) -> Result<Vec<Parameter>, Refused> {
    if resource.text_of("status") != Some("active") {
        return Ok(Vec::new());
    }
    let code = resource.text_of("code").unwrap_or_default();
    let is_code = code.len() <= MAX_CODE
        && code.starts_with(|c: char| c.is_ascii_alphabetic())
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if !is_code {
        return Err(refused("SearchParameter.code", "a name of letters, digits, '-' and '_' is expected"));
    }
    let form = match resource.text_of("type") {
        Some("number") => Form::Number,
        Some("date") => Form::Date,
        Some("string") => Form::String,
        Some("token") => Form::Token,
        Some("reference") => Form::Reference,
        Some("quantity") => Form::Quantity,
        Some("uri") => Form::Uri,
        _ => {
            let expected = "number, date, string, token, reference, quantity or uri; others are not served";
            return Err(refused("SearchParameter.type", expected));
        }
    };
    let expression = resource.text_of("expression").unwrap_or_default();
    let parsed = parsed_once(expression)
        .map_err(|stop| refused("SearchParameter.expression", format!("a FHIRPath is expected; {stop}")))?;
    let bases = resource.get("base").map(Node::items).unwrap_or_default();
    if bases.is_empty() || bases.len() > MAX_BASES {
        return Err(refused("SearchParameter.base", format!("1 to {MAX_BASES} resource types are expected")));
    }
    let targets = targets(resource)?;
    let mut out = Vec::with_capacity(bases.len());
    for base in bases {
        let kind = base.text().and_then(Kind::parse);
        let kind = kind.ok_or_else(|| refused("SearchParameter.base", "resource types of R4 are expected"))?;
        if kind.is_standard(code) {
            return Err(refused("SearchParameter.code", format!("{kind} has a parameter of that name already")));
        }
        out.push(Parameter {
            kind: Some(kind),
            code: Cow::Owned(code.to_owned()),
            form,
            paths: Cow::Owned(paths(&parsed, kind)?),
            targets: targets.clone(),
            components: Cow::Borrowed(&[]),
        });
    }
    Ok(out)
}

fn targets(resource: &Node<'_>) -> Result<Targets, Refused> {
    let Some(targets) = resource.get("target") else { return Ok(Targets::Any) };
    let kinds = targets.items().iter().map(|target| target.text().and_then(Kind::parse)).collect::<Option<_>>();
    kinds.map(Targets::These).ok_or_else(|| refused("SearchParameter.target", "resource types of R4 are expected"))
}

/// The paths of one type.
fn paths(expression: &Expression, kind: Kind) -> Result<Vec<Path>, Refused> {
    let mut alternatives = Vec::new();
    split(expression, &mut alternatives);
    if alternatives.len() > MAX_PATHS {
        return Err(refused("SearchParameter.expression", format!("at most {MAX_PATHS} alternatives are expected")));
    }
    let mut paths = Vec::new();
    for alternative in alternatives {
        let mut way = Way { kind, steps: Vec::new(), only: None, at: At::Start };
        let is_mine = way.walk(alternative).map_err(|text| refused("SearchParameter.expression", text))?;
        if is_mine && !way.steps.is_empty() {
            paths.push(Path { steps: Cow::Owned(way.steps), only: way.only });
        }
    }
    if paths.is_empty() {
        return Err(refused("SearchParameter.expression", format!("it says nothing of {kind}")));
    }
    Ok(paths)
}

fn split<'e>(expression: &'e Expression, out: &mut Vec<&'e Expression>) {
    match expression {
        Expression::Binary(Operator::Union, left, right) => {
            split(left, out);
            split(right, out);
        }
        other => out.push(other),
    }
}

/// The element that a path has reached.
enum At {
    Start,
    Shape(Arc<Shape>),
    /// A choice whose type is not yet known.
    Choice(&'static str, Arc<Shape>),
    /// A value, or an element whose members are unknown.
    End,
}

struct Way {
    kind: Kind,
    steps: Vec<Step>,
    only: Option<Kind>,
    at: At,
}

type Walked = Result<bool, &'static str>;
const NOT_SERVED: &str = "elements, where(name = 'text'), where(resolve() is Type), extension('url'), ofType(Type), first() and | are served";

impl Way {
    /// True if the expression is about this type.
    fn walk(&mut self, expression: &Expression) -> Walked {
        match expression {
            Expression::Member(None, name) => {
                if name == self.kind.name() || matches!(name.as_str(), "Resource" | "DomainResource") {
                    self.at = Shape::of(self.kind.name()).map_or(At::End, At::Shape);
                    return Ok(true);
                }
                if Kind::parse(name).is_some() {
                    return Ok(false);
                }
                self.at = Shape::of(self.kind.name()).map_or(At::End, At::Shape);
                self.member(name)
            }
            Expression::Member(Some(of), name) => Ok(self.walk(of)? && self.member(name)?),
            Expression::At(of, index) if **index == Expression::Number(0.0) => {
                self.steps.push(Step::First);
                let last = self.steps.len() - 1;
                let is_mine = self.walk(of)?;
                // The mark stands after the path that it applies to.
                let first = self.steps.remove(last);
                self.steps.push(first);
                Ok(is_mine)
            }
            Expression::Type(false, of, kind) => Ok(self.walk(of)? && self.narrow(kind)?),
            Expression::Call(Some(of), name, arguments) => {
                if !self.walk(of)? {
                    return Ok(false);
                }
                match (name.as_str(), arguments.as_slice()) {
                    ("where", [criterion]) => self.filter(criterion),
                    ("extension", [Expression::Text(url)]) => {
                        self.member("extension")?;
                        self.steps.push(Step::Where(Cow::Borrowed("url"), Cow::Owned(url.clone())));
                        Ok(true)
                    }
                    ("ofType" | "as", [Expression::Member(_, kind)]) => self.narrow(kind),
                    ("first", []) => {
                        self.steps.push(Step::First);
                        Ok(true)
                    }
                    _ => Err(NOT_SERVED),
                }
            }
            _ => Err(NOT_SERVED),
        }
    }

    fn member(&mut self, name: &str) -> Walked {
        let shape = match &self.at {
            At::Shape(shape) => Arc::clone(shape),
            At::Start | At::Choice(..) | At::End => {
                return Err("it goes on below a value, or below a choice without ofType()");
            }
        };
        if let Some(member) = shape.member(name) {
            self.steps.push(Step::Member(Cow::Owned(name.to_owned())));
            self.at = at(member.content);
            return Ok(true);
        }
        let stem = shape.members.iter().find_map(|member| member.stem.filter(|stem| *stem == name));
        let stem = stem.ok_or("it names an element that R4 does not have there")?;
        self.steps.push(Step::Choice(Cow::Borrowed(stem)));
        self.at = At::Choice(stem, shape);
        Ok(true)
    }

    fn narrow(&mut self, kind: &str) -> Walked {
        let At::Choice(stem, shape) = &self.at else { return Ok(true) };
        let suffix = kind.chars().next().map(|first| first.to_ascii_uppercase());
        let name: String = stem.chars().chain(suffix).chain(kind.chars().skip(1)).collect();
        let member = shape.member(&name).ok_or("it asks for a type that the element cannot have")?;
        let next = at(member.content);
        self.steps.pop();
        self.steps.push(Step::Member(Cow::Owned(name)));
        self.at = next;
        Ok(true)
    }

    fn filter(&mut self, criterion: &Expression) -> Walked {
        match criterion {
            Expression::Binary(Operator::Equal, left, right) => match (&**left, &**right) {
                (Expression::Member(None, name), Expression::Text(text)) => {
                    self.steps.push(Step::Where(Cow::Owned(name.clone()), Cow::Owned(text.clone())));
                    Ok(true)
                }
                _ => Err(NOT_SERVED),
            },
            Expression::Type(true, of, kind) if matches!(&**of, Expression::Call(None, name, _) if name == "resolve") =>
            {
                self.only = Some(Kind::parse(kind).ok_or("it names a type that R4 does not have")?);
                Ok(true)
            }
            _ => Err(NOT_SERVED),
        }
    }
}

fn at(content: Content) -> At {
    match content {
        Content::Elements(at) => At::Shape(at.shape()),
        Content::Primitive(_) | Content::Resource | Content::Xhtml => At::End,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::json::parse;

    fn definition(base: &str, kind: &str, expression: &str) -> String {
        serde_json::json!({"resourceType": "SearchParameter", "status": "active", "code": "x-test", "base": [base],
            "type": kind, "expression": expression})
        .to_string()
    }

    fn steps(base: &str, kind: &str, expression: &str) -> Result<String, Refused> {
        let text = definition(base, kind, expression);
        let parameters = read(&parse(text.as_bytes()).unwrap())?;
        let paths: Vec<String> =
            parameters[0].paths.iter().map(|path| format!("{:?}{:?}", path.steps, path.only)).collect();
        Ok(paths.join(" | "))
    }

    #[test]
    fn expressions_become_paths() {
        for (base, kind, expression, expected) in [
            ("Patient", "token", "Patient.maritalStatus", r#"[Member("maritalStatus")]None"#),
            (
                "Patient",
                "string",
                "Patient.extension('http://x').value.ofType(string)",
                r#"[Member("extension"), Where("url", "http://x"), Member("valueString")]None"#,
            ),
            (
                "Observation",
                "reference",
                "Observation.focus.where(resolve() is Device) | Patient.link.other",
                r#"[Member("focus")]Some(Device)"#,
            ),
            (
                "Patient",
                "string",
                "Patient.telecom.where(system = 'fax').value | contact.telecom.first().value",
                r#"[Member("telecom"), Where("system", "fax"), Member("value")]None | [Member("contact"), Member("telecom"), First, Member("value")]None"#,
            ),
            ("Observation", "quantity", "(Observation.value as Quantity)", r#"[Member("valueQuantity")]None"#),
            ("Observation", "date", "Observation.effective", r#"[Choice("effective")]None"#),
        ] {
            assert_eq!(steps(base, kind, expression).as_deref(), Ok(expected), "{expression}");
        }
    }

    #[test]
    fn what_cannot_be_served_is_named() {
        for (base, kind, expression, path) in [
            ("Cat", "token", "Patient.gender", "SearchParameter.base"),
            ("Patient", "composite", "Patient.gender", "SearchParameter.type"),
            ("Patient", "token", "", "SearchParameter.expression"),
            ("Patient", "token", "Patient.colour", "SearchParameter.expression"),
            ("Patient", "token", "Observation.code", "SearchParameter.expression"),
            ("Patient", "token", "Patient.name.exists()", "SearchParameter.expression"),
            ("Patient", "token", "Patient.gender.code", "SearchParameter.expression"),
            ("Patient", "token", "Patient.deceased.ofType(Quantity)", "SearchParameter.expression"),
        ] {
            assert_eq!(steps(base, kind, expression).unwrap_err().path, path, "{expression}");
        }
        let taken = definition("Patient", "token", "Patient.gender").replace("x-test", "gender");
        assert_eq!(read(&parse(taken.as_bytes()).unwrap()).unwrap_err().path, "SearchParameter.code");
        let draft = definition("Patient", "token", "?").replace("active", "draft");
        assert!(read(&parse(draft.as_bytes()).unwrap()).unwrap().is_empty());
    }
}
