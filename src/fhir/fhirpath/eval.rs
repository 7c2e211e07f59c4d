//! Evaluates a tree on a resource. Collections are lists; booleans have three values, the third being the empty
//! collection.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::parse::{Expression, Operator, name_of};
use super::{MAX_STEPS, Stop};
use crate::fhir::dates;
use crate::fhir::filter::amount::UCUM;
use crate::fhir::json::Node;
use crate::fhir::reference::{self, Reference};
use crate::fhir::structures;
use crate::fhir::ucum;

/// Values of one collection.
const MAX_VALUES: usize = 50_000;
static NOTHING: Node<'static> = Node::Null;

/// One value.
#[derive(Clone, Debug)]
enum Value<'v> {
    /// An element.
    Element(Element<'v>),
    Bool(bool),
    Number(f64),
    Text(Cow<'v, str>),
    /// The target of a reference; only its type is known.
    Elsewhere(String),
}

#[derive(Clone, Copy, Debug)]
struct Element<'v> {
    node: &'v Node<'v>,
    /// The sibling of a primitive value: its id and extensions.
    beside: Option<&'v Node<'v>>,
    /// The type, if the element's name implies it.
    kind: Option<&'v str>,
}

type Values<'v> = Vec<Value<'v>>;

/// The values of `$this` and `$index`.
#[derive(Clone)]
struct Scope<'v> {
    this: Values<'v>,
    index: usize,
}

pub(super) struct Evaluation<'v> {
    element: &'v Node<'v>,
    resource: &'v Node<'v>,
    /// The containing resource; itself if none contains it.
    top: &'v Node<'v>,
    steps: usize,
}

impl<'v> Evaluation<'v> {
    pub(super) const fn new(element: &'v Node<'v>, resource: &'v Node<'v>, top: &'v Node<'v>) -> Self {
        Self { element, resource, top, steps: 0 }
    }

    pub(super) fn holds(&mut self, expression: &Expression) -> Result<bool, Stop> {
        let scope = Scope { this: vec![plain(self.element)], index: 0 };
        let values = self.eval(expression, &scope)?;
        Ok(truth(&values).unwrap_or(true))
    }

    /// The elements that an expression finds; a computed value is not an element of the resource.
    pub(super) fn elements(&mut self, expression: &Expression) -> Result<Vec<&'v Node<'v>>, Stop> {
        let scope = Scope { this: vec![plain(self.element)], index: 0 };
        let node = |value: Value<'v>| match value {
            Value::Element(element) => element.node,
            _ => &NOTHING,
        };
        Ok(self.eval(expression, &scope)?.into_iter().map(node).collect())
    }

    fn eval(&mut self, expression: &Expression, scope: &Scope<'v>) -> Result<Values<'v>, Stop> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return Err(Stop::TooLong);
        }
        Ok(match expression {
            Expression::Empty => Vec::new(),
            Expression::Bool(value) => vec![Value::Bool(*value)],
            Expression::Number(value) => vec![Value::Number(*value)],
            Expression::Text(text) | Expression::Moment(text) => vec![Value::Text(text.clone().into())],
            Expression::This => scope.this.clone(),
            Expression::Index => vec![Value::Number(scope.index as f64)],
            Expression::Total => return Err(Stop::Unknown("$total")),
            Expression::External(name) => self.external(name)?,
            Expression::Member(of, name) => {
                let input = self.input(of.as_deref(), scope)?;
                let is_root = of.is_none();
                members(&input, name, is_root)
            }
            Expression::Call(of, name, arguments) => {
                let input = self.input(of.as_deref(), scope)?;
                self.call(input, name, arguments, scope)?
            }
            Expression::At(of, index) => {
                let input = self.eval(of, scope)?;
                let at = self.number(index, scope)?;
                at.and_then(|at| input.into_iter().nth(at as usize)).into_iter().collect()
            }
            Expression::Not(of) => {
                let value = self.eval(of, scope)?;
                truth(&value).map(|value| Value::Bool(!value)).into_iter().collect()
            }
            Expression::Binary(operator, left, right) => self.binary(*operator, left, right, scope)?,
            Expression::Type(is, of, kind) => {
                let input = self.eval(of, scope)?;
                if *is {
                    match input.as_slice() {
                        [one] => vec![Value::Bool(has_type(one, kind)?)],
                        _ => Vec::new(),
                    }
                } else {
                    of_type(input, kind)?
                }
            }
        })
    }

    fn input(&mut self, of: Option<&Expression>, scope: &Scope<'v>) -> Result<Values<'v>, Stop> {
        of.map_or_else(|| Ok(scope.this.clone()), |of| self.eval(of, scope))
    }

    fn external(&self, name: &str) -> Result<Values<'v>, Stop> {
        Ok(match name {
            "resource" => vec![plain(self.resource)],
            "rootResource" => vec![plain(self.top)],
            "context" => vec![plain(self.element)],
            "ucum" => vec![Value::Text("http://unitsofmeasure.org".into())],
            "sct" => vec![Value::Text("http://snomed.info/sct".into())],
            "loinc" => vec![Value::Text("http://loinc.org".into())],
            _ => return Err(Stop::Unknown("an external constant")),
        })
    }

    fn number(&mut self, expression: &Expression, scope: &Scope<'v>) -> Result<Option<f64>, Stop> {
        Ok(self.eval(expression, scope)?.first().and_then(number_of))
    }

    fn text(&mut self, arguments: &[Expression], at: usize, scope: &Scope<'v>) -> Result<Option<String>, Stop> {
        let Some(argument) = arguments.get(at) else { return Ok(None) };
        Ok(self.eval(argument, scope)?.first().and_then(text_of).map(Cow::into_owned))
    }

    /// Evaluates an argument for each value of the input.
    fn each<T>(
        &mut self,
        input: Values<'v>,
        argument: &Expression,
        mut take: impl FnMut(Value<'v>, Values<'v>) -> Result<Option<T>, Stop>,
    ) -> Result<Vec<T>, Stop> {
        let mut out = Vec::new();
        for (index, value) in input.into_iter().enumerate() {
            let scope = Scope { this: vec![value.clone()], index };
            let found = self.eval(argument, &scope)?;
            out.extend(take(value, found)?);
            if out.len() > MAX_VALUES {
                return Err(Stop::TooLong);
            }
        }
        Ok(out)
    }

    fn filter(&mut self, input: Values<'v>, argument: &Expression) -> Result<Values<'v>, Stop> {
        self.each(input, argument, |value, found| Ok((truth(&found) == Some(true)).then_some(value)))
    }

    fn call(
        &mut self,
        input: Values<'v>,
        name: &str,
        arguments: &[Expression],
        scope: &Scope<'v>,
    ) -> Result<Values<'v>, Stop> {
        let bool = |value: bool| Ok(vec![Value::Bool(value)]);
        let first = arguments.first();
        match (name, first) {
            ("exists", None) => bool(!input.is_empty()),
            ("exists", Some(criteria)) => bool(!self.filter(input, criteria)?.is_empty()),
            ("empty", None) => bool(input.is_empty()),
            ("count", None) => Ok(vec![Value::Number(input.len() as f64)]),
            ("where", Some(criteria)) => self.filter(input, criteria),
            ("select", Some(projection)) => {
                let found = self.each(input, projection, |_, found| Ok(Some(found)))?;
                Ok(found.into_iter().flatten().collect())
            }
            ("all", Some(criteria)) => {
                let found = self.each(input, criteria, |_, found| Ok(Some(truth(&found) == Some(true))))?;
                bool(found.into_iter().all(|holds| holds))
            }
            ("allTrue", None) => bool(input.iter().all(|value| truth(std::slice::from_ref(value)) == Some(true))),
            ("anyTrue", None) => bool(input.iter().any(|value| truth(std::slice::from_ref(value)) == Some(true))),
            ("first" | "single", None) => Ok(input.into_iter().take(1).collect()),
            ("last", None) => Ok(input.into_iter().last().into_iter().collect()),
            ("tail", None) => Ok(input.into_iter().skip(1).collect()),
            ("skip", Some(count)) => {
                let count = self.number(count, scope)?.unwrap_or(0.0) as usize;
                Ok(input.into_iter().skip(count).collect())
            }
            ("take", Some(count)) => {
                let count = self.number(count, scope)?.unwrap_or(0.0) as usize;
                Ok(input.into_iter().take(count).collect())
            }
            ("distinct", None) => Ok(distinct(input)),
            ("isDistinct", None) => {
                let count = input.len();
                bool(distinct(input).len() == count)
            }
            ("union" | "combine", Some(other)) => {
                let mut out = input;
                out.extend(self.eval(other, scope)?);
                Ok(if name == "union" { distinct(out) } else { out })
            }
            ("intersect", Some(other)) => {
                let other = self.eval(other, scope)?;
                Ok(distinct(input.into_iter().filter(|value| other.iter().any(|one| same(value, one))).collect()))
            }
            ("exclude", Some(other)) => {
                let other = self.eval(other, scope)?;
                Ok(input.into_iter().filter(|value| !other.iter().any(|one| same(value, one))).collect())
            }
            ("subsetOf", Some(other)) => {
                let other = self.eval(other, scope)?;
                bool(input.iter().all(|value| other.iter().any(|one| same(value, one))))
            }
            ("supersetOf", Some(other)) => {
                let other = self.eval(other, scope)?;
                bool(other.iter().all(|value| input.iter().any(|one| same(value, one))))
            }
            ("ofType", Some(kind)) => of_type(input, &name_of(kind).ok_or(Stop::Syntax("a type is expected"))?),
            ("iif", Some(condition)) => {
                let holds = truth(&self.eval(condition, scope)?) == Some(true);
                let branch = if holds { arguments.get(1) } else { arguments.get(2) };
                branch.map_or_else(|| Ok(Vec::new()), |branch| self.eval(branch, scope))
            }
            ("trace", _) => Ok(input),
            ("children", None) => Ok(input.iter().flat_map(children).collect()),
            ("descendants", None) => descendants(&input),
            ("repeat", Some(projection)) => {
                let (mut all, mut fresh): (Values<'v>, _) = (Vec::new(), input);
                while !fresh.is_empty() {
                    let found = self.each(fresh, projection, |_, found| Ok(Some(found)))?;
                    fresh =
                        found.into_iter().flatten().filter(|value| !all.iter().any(|one| same(value, one))).collect();
                    all.extend(fresh.iter().cloned());
                    if all.len() > MAX_VALUES {
                        return Err(Stop::TooLong);
                    }
                }
                Ok(all)
            }
            ("hasValue", None) => bool(matches!(input.as_slice(), [one] if text_of(one).is_some())),
            ("extension", Some(_)) => {
                let url = self.text(arguments, 0, scope)?.unwrap_or_default();
                let all = members(&input, "extension", false);
                Ok(all
                    .into_iter()
                    .filter(|one| matches!(one, Value::Element(one) if one.node.text_of("url") == Some(&url)))
                    .collect())
            }
            ("resolve", None) => Ok(input.iter().filter_map(|value| self.resolve(value)).collect()),
            ("memberOf", Some(_)) => {
                let set = self.text(arguments, 0, scope)?.unwrap_or_default();
                let [one] = input.as_slice() else { return Ok(Vec::new()) };
                bool(member_of(&set, one)?)
            }
            ("htmlChecks" | "conformsTo" | "now" | "today" | "timeOfDay" | "aggregate", _) => {
                Err(Stop::Unknown("a function"))
            }
            _ => self.text_function(&input, name, arguments, scope),
        }
    }

    fn text_function(
        &mut self,
        input: &[Value<'v>],
        name: &str,
        arguments: &[Expression],
        scope: &Scope<'v>,
    ) -> Result<Values<'v>, Stop> {
        let [one] = input else {
            return if input.is_empty() {
                Ok(Vec::new())
            } else {
                Err(Stop::Unknown("a text function of several values"))
            };
        };
        let Some(text) = text_of(one) else { return Ok(Vec::new()) };
        let argument = self.text(arguments, 0, scope)?;
        let some = |value: Value<'v>| Ok(vec![value]);
        match (name, argument) {
            ("startsWith", Some(part)) => some(Value::Bool(text.starts_with(&part))),
            ("endsWith", Some(part)) => some(Value::Bool(text.ends_with(&part))),
            ("contains", Some(part)) => some(Value::Bool(text.contains(&part))),
            ("indexOf", Some(part)) => {
                let at = text.find(&part).map_or(-1.0, |at| text.get(..at).unwrap_or_default().chars().count() as f64);
                some(Value::Number(at))
            }
            ("matches", Some(pattern)) => {
                let whole = regex::RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(1 << 20).build();
                some(Value::Bool(whole.map_err(|_| Stop::Unknown("a regular expression"))?.is_match(&text)))
            }
            ("length", None) => some(Value::Number(text.chars().count() as f64)),
            ("upper", None) => some(Value::Text(text.to_uppercase().into())),
            ("lower", None) => some(Value::Text(text.to_lowercase().into())),
            ("toString", None) => some(Value::Text(text.into_owned().into())),
            ("toInteger", None) => {
                Ok(text.parse::<i64>().ok().map(|number| Value::Number(number as f64)).into_iter().collect())
            }
            ("toDecimal", None) => Ok(text.parse().ok().map(Value::Number).into_iter().collect()),
            ("substring", Some(start)) => {
                let start: usize =
                    start.parse::<f64>().ok().filter(|start| *start >= 0.0).map_or(usize::MAX, |start| start as usize);
                let length = match arguments.get(1) {
                    Some(length) => self.number(length, scope)?.unwrap_or(0.0) as usize,
                    None => usize::MAX,
                };
                if start >= text.chars().count() {
                    return Ok(Vec::new());
                }
                some(Value::Text(text.chars().skip(start).take(length).collect::<String>().into()))
            }
            ("replace", Some(part)) => {
                let with = self.text(arguments, 1, scope)?.unwrap_or_default();
                some(Value::Text(text.replace(&part, &with).into()))
            }
            _ => Err(Stop::Unknown("a function")),
        }
    }

    /// The target of a reference: the resource if it is contained in this one, its type otherwise.
    fn resolve(&self, value: &Value<'v>) -> Option<Value<'v>> {
        let text = match value {
            Value::Element(element) => element.node.text_of("reference").or_else(|| element.node.text())?,
            Value::Text(text) => text,
            _ => return None,
        };
        match reference::parse(text) {
            Reference::Contained("") => Some(plain(self.top)),
            Reference::Contained(id) => {
                let contained = self.top.get("contained").map(Node::items).unwrap_or_default();
                contained.iter().find(|one| one.text_of("id") == Some(id)).map(plain)
            }
            Reference::Resource { kind, .. } => Some(Value::Elsewhere(kind.name().to_owned())),
            Reference::Other(_) => None,
        }
    }

    fn binary(
        &mut self,
        operator: Operator,
        left: &Expression,
        right: &Expression,
        scope: &Scope<'v>,
    ) -> Result<Values<'v>, Stop> {
        use Operator as O;
        let known = |value: Option<bool>| Ok(value.map(Value::Bool).into_iter().collect());
        let left = self.eval(left, scope)?;
        if let O::And | O::Or | O::Xor | O::Implies = operator {
            let left = truth(&left);
            // If the left side decides alone, an undecidable right side must not matter.
            match (operator, left) {
                (O::And, Some(false)) => return known(Some(false)),
                (O::Or, Some(true)) | (O::Implies, Some(false)) => return known(Some(true)),
                _ => {}
            }
            let right = truth(&self.eval(right, scope)?);
            return known(match (operator, left, right) {
                (O::And, Some(true), Some(true)) | (O::Or | O::Implies, _, Some(true)) => Some(true),
                (O::And, _, Some(false))
                | (O::Or, Some(false), Some(false))
                | (O::Implies, Some(true), Some(false)) => Some(false),
                (O::Xor, Some(left), Some(right)) => Some(left != right),
                _ => None,
            });
        }
        let right = self.eval(right, scope)?;
        match operator {
            O::Union => {
                let mut out = left;
                out.extend(right);
                Ok(distinct(out))
            }
            O::In | O::Contains => {
                let (one, many) = if operator == O::In { (&left, &right) } else { (&right, &left) };
                match one.as_slice() {
                    [] => Ok(Vec::new()),
                    [one] => known(Some(many.iter().any(|other| same(one, other)))),
                    _ => Err(Stop::Unknown("'in' with several values")),
                }
            }
            O::Equal | O::NotEqual if left.is_empty() || right.is_empty() => Ok(Vec::new()),
            O::Equal => known(Some(equal(&left, &right))),
            O::NotEqual => known(Some(!equal(&left, &right))),
            O::Equivalent => known(Some(equivalent(&left, &right))),
            O::NotEquivalent => known(Some(!equivalent(&left, &right))),
            O::Join => {
                let join = |values: &[Value<'v>]| values.first().and_then(text_of).unwrap_or_default().into_owned();
                Ok(vec![Value::Text((join(&left) + &join(&right)).into())])
            }
            _ => {
                let (Some(left), Some(right)) = (left.first(), right.first()) else { return Ok(Vec::new()) };
                arithmetic(operator, left, right)
            }
        }
    }
}

fn arithmetic<'v>(operator: Operator, left: &Value<'v>, right: &Value<'v>) -> Result<Values<'v>, Stop> {
    use Operator as O;
    let order = match (number_of(left), number_of(right)) {
        (Some(left), Some(right)) => {
            let result = match operator {
                O::Add => Some(left + right),
                O::Subtract => Some(left - right),
                O::Multiply => Some(left * right),
                O::Divide | O::Whole | O::Rest if right == 0.0 => return Ok(Vec::new()),
                O::Divide => Some(left / right),
                O::Whole => Some((left / right).trunc()),
                O::Rest => Some(left % right),
                _ => None,
            };
            if let Some(result) = result {
                return Ok(vec![Value::Number(result)]);
            }
            left.partial_cmp(&right)
        }
        _ if is_quantity(left) && is_quantity(right) => {
            Some(quantities(left, right).ok_or(Stop::Unknown("a comparison of these quantities"))?)
        }
        _ => match (text_of(left), text_of(right)) {
            (Some(left), Some(right)) if operator == O::Add => {
                return Ok(vec![Value::Text((left.into_owned() + &right).into())]);
            }
            (Some(left), Some(right)) if left.contains('T') && right.contains('T') => times(&left, &right)?,
            // Dates and times of day compare as their texts do; other pairs are undecided.
            (Some(left), Some(right)) if left.len() == right.len() || !left.contains('T') && !right.contains('T') => {
                let shorter = left.len().min(right.len());
                let (left, right) = (left.get(..shorter), right.get(..shorter));
                let order = left.cmp(&right);
                if order.is_eq() && shorter == 0 { None } else { Some(order) }
            }
            _ => return Err(Stop::Unknown("a comparison")),
        },
    };
    let holds = match operator {
        O::Less => order.map(Ordering::is_lt),
        O::LessEqual => order.map(Ordering::is_le),
        O::Greater => order.map(Ordering::is_gt),
        O::GreaterEqual => order.map(Ordering::is_ge),
        _ => return Err(Stop::Unknown("an operator")),
    };
    Ok(holds.map(Value::Bool).into_iter().collect())
}

/// The order of two times, whatever their zones; nothing if one is less precise and has the other in it.
fn times(left: &str, right: &str) -> Result<Option<Ordering>, Stop> {
    let (Some(left), Some(right)) = (dates::parse(left), dates::parse(right)) else {
        return Err(Stop::Unknown("a comparison"));
    };
    Ok(if left == right {
        Some(Ordering::Equal)
    } else if left.hi <= right.lo {
        Some(Ordering::Less)
    } else if right.hi <= left.lo {
        Some(Ordering::Greater)
    } else {
        None
    })
}

fn is_quantity(value: &Value<'_>) -> bool {
    matches!(value, Value::Element(Element { node: Node::Object(_), .. }))
}

/// The order of two quantities in one unit, or in units of one dimension; nothing if they have no common unit.
fn quantities(left: &Value<'_>, right: &Value<'_>) -> Option<Ordering> {
    let (Value::Element(left), Value::Element(right)) = (left, right) else { return None };
    let (left, right) = (left.node, right.node);
    let amount = |node: &Node<'_>| match node.get("value")? {
        Node::Number(text) if node.get("comparator").is_none() => text.parse::<f64>().ok(),
        _ => None,
    };
    let (low, high) = (amount(left)?, amount(right)?);
    let same = |name: &str| left.text_of(name) == right.text_of(name);
    if same("system") && same("code") && (left.get("code").is_some() || same("unit")) {
        return low.partial_cmp(&high);
    }
    let unit = |node: &Node<'_>| {
        let code = node.text_of("code").filter(|_| node.text_of("system") == Some(UCUM))?;
        ucum::parse(code)
    };
    let (own, other) = (unit(left)?, unit(right)?);
    if own.dimension != other.dimension {
        return None;
    }
    let (low, high) = (low * own.factor, high * other.factor);
    // 1000 mg are 1 g, whatever the last bit of the factors says.
    let are_equal = (low - high).abs() <= low.abs().max(high.abs()) * 1e-9;
    if are_equal { Some(Ordering::Equal) } else { low.partial_cmp(&high) }
}

fn plain<'v>(node: &'v Node<'v>) -> Value<'v> {
    Value::Element(Element { node, beside: None, kind: None })
}

/// A collection as a boolean: a single value that is not a boolean counts as true.
fn truth(values: &[Value<'_>]) -> Option<bool> {
    match values {
        [Value::Bool(value) | Value::Element(Element { node: Node::Bool(value), .. })] => Some(*value),
        [_] => Some(true),
        _ => None,
    }
}

fn text_of<'v>(value: &Value<'v>) -> Option<Cow<'v, str>> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string().into()),
        Value::Bool(value) => Some(value.to_string().into()),
        Value::Element(element) => match element.node {
            Node::String(text) | Node::Number(text) => Some(Cow::Borrowed(text)),
            Node::Bool(value) => Some(value.to_string().into()),
            _ => None,
        },
        Value::Elsewhere(_) => None,
    }
}

fn number_of(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Number(number) => Some(*number),
        Value::Element(Element { node: Node::Number(text), .. }) => text.parse().ok(),
        _ => None,
    }
}

/// The values of a member; for a choice, those under any of its typed names. A type's own name at the beginning means
/// the value itself.
fn members<'v>(input: &[Value<'v>], name: &str, is_root: bool) -> Values<'v> {
    let mut out = Vec::new();
    for value in input {
        let Value::Element(element) = value else { continue };
        if is_root && element.node.text_of("resourceType") == Some(name) {
            out.push(value.clone());
            continue;
        }
        if matches!(name, "extension" | "id") && !matches!(element.node, Node::Object(_)) {
            if let Some(beside) = element.beside.and_then(|beside| beside.get(name)) {
                out.extend(beside.items().iter().map(plain));
            }
            continue;
        }
        out.extend(children_named(element, Some(name)));
    }
    out
}

fn children<'v>(value: &Value<'v>) -> Values<'v> {
    match value {
        Value::Element(element) => children_named(element, None),
        _ => Vec::new(),
    }
}

fn children_named<'v>(element: &Element<'v>, name: Option<&str>) -> Values<'v> {
    let mut out = Vec::new();
    let members = element.node.members();
    // `responseCode` is not a choice named `response`.
    let choice = name.filter(|name| structures::is_choice(name));
    let beside_of = |plain: &str| {
        members.iter().find(|(other, _)| other.strip_prefix('_') == Some(plain)).map(|(_, beside)| beside)
    };
    for (member, child) in members.iter().filter(|(member, _)| member != "resourceType") {
        let (plain_name, only_beside) = match member.strip_prefix('_') {
            Some(plain) if members.iter().any(|(other, _)| other == plain) => continue,
            Some(plain) => (plain, true),
            None => (&**member, false),
        };
        let kind = match name {
            Some(name) if name == plain_name => None,
            Some(_) => match choice.and_then(|name| plain_name.strip_prefix(name)).filter(|kind| is_type(kind)) {
                Some(kind) => Some(kind),
                None => continue,
            },
            None => None,
        };
        if only_beside {
            out.extend(
                child
                    .items()
                    .iter()
                    .filter(|one| **one != Node::Null)
                    .map(|beside| Value::Element(Element { node: &NOTHING, beside: Some(beside), kind })),
            );
            continue;
        }
        let beside = beside_of(plain_name).map(Node::items).unwrap_or_default();
        for (at, node) in child.items().iter().enumerate() {
            let beside = beside.get(at).filter(|beside| **beside != Node::Null);
            out.push(Value::Element(Element { node, beside, kind }));
        }
    }
    out
}

/// True for the suffix of a choice's name: a type, with an initial capital.
fn is_type(tail: &str) -> bool {
    let mut chars = tail.chars();
    let Some(first) = chars.next().filter(char::is_ascii_uppercase) else { return false };
    let primitive = format!("{}{}", first.to_ascii_lowercase(), chars.as_str());
    structures::find(tail).is_some_and(|known| !known.is_resource) || PRIMITIVES.contains(&primitive.as_str())
}

const PRIMITIVES: [&str; 18] = [
    "boolean",
    "integer",
    "string",
    "decimal",
    "uri",
    "url",
    "canonical",
    "base64Binary",
    "instant",
    "date",
    "dateTime",
    "time",
    "code",
    "oid",
    "id",
    "markdown",
    "unsignedInt",
    "positiveInt",
];

fn descendants<'v>(input: &[Value<'v>]) -> Result<Values<'v>, Stop> {
    let mut out: Values<'v> = input.iter().flat_map(children).collect();
    let mut at = 0;
    while let Some(next) = out.get(at) {
        let more = children(next);
        out.extend(more);
        at += 1;
        if out.len() > MAX_VALUES {
            return Err(Stop::TooLong);
        }
    }
    Ok(out)
}

fn has_type(value: &Value<'_>, kind: &str) -> Result<bool, Stop> {
    let own = match value {
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.fract() == 0.0 => "integer",
        Value::Number(_) => "decimal",
        Value::Text(_) => "string",
        Value::Elsewhere(own) => own,
        Value::Element(element) => match (element.node.text_of("resourceType"), element.kind, element.node) {
            (Some(own), ..) | (None, Some(own), _) => own,
            (None, None, Node::Bool(_)) => "boolean",
            _ => return Err(Stop::Unknown("the type of an element")),
        },
    };
    Ok(own.eq_ignore_ascii_case(kind)
        || (matches!(kind, "Resource" | "DomainResource") && crate::fhir::Kind::parse(own).is_some()))
}

fn of_type<'v>(input: Values<'v>, kind: &str) -> Result<Values<'v>, Stop> {
    let mut out = Vec::new();
    for value in input {
        if has_type(&value, kind)? {
            out.push(value);
        }
    }
    Ok(out)
}

fn member_of(set: &str, value: &Value<'_>) -> Result<bool, Stop> {
    let codes = structures::codes_of(set).ok_or(Stop::Unknown("a value set that is not carried"))?;
    let known = |code: &str, system: Option<&str>| match system {
        Some(system) => codes.get(system).is_some_and(|members| members.contains(code)),
        None => codes.values().any(|members| members.contains(code)),
    };
    let coding = |node: &Node<'_>| node.text_of("code").is_some_and(|code| known(code, node.text_of("system")));
    Ok(match value {
        Value::Element(element) if matches!(element.node, Node::Object(_)) => match element.node.get("coding") {
            Some(codings) => codings.items().iter().any(coding),
            None => coding(element.node),
        },
        other => text_of(other).is_some_and(|code| known(&code, None)),
    })
}

fn same(left: &Value<'_>, right: &Value<'_>) -> bool {
    match (left, right) {
        (Value::Element(left), Value::Element(right))
            if left.node.members().is_empty() && right.node.members().is_empty() =>
        {
            scalar(&Value::Element(*left)) == scalar(&Value::Element(*right))
        }
        (Value::Element(left), Value::Element(right)) => left.node == right.node,
        _ => scalar(left).is_some() && scalar(left) == scalar(right),
    }
}

/// A text that is equal for equal values.
fn scalar(value: &Value<'_>) -> Option<String> {
    number_of(value).map(|number| number.to_string()).or_else(|| text_of(value).map(Cow::into_owned))
}

fn equal(left: &[Value<'_>], right: &[Value<'_>]) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
}

fn equivalent(left: &[Value<'_>], right: &[Value<'_>]) -> bool {
    let folded = |value: &Value<'_>| scalar(value).map(|text| text.to_lowercase());
    left.len() == right.len()
        && left.iter().all(|one| {
            right.iter().any(|other| same(one, other) || folded(one).is_some() && folded(one) == folded(other))
        })
}

fn distinct(values: Values<'_>) -> Values<'_> {
    let mut out: Values<'_> = Vec::with_capacity(values.len());
    for value in values {
        if !out.iter().any(|known| same(known, &value)) {
            out.push(value);
        }
    }
    out
}
