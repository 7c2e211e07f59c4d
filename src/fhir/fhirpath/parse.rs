//! From text to a tree (`FHIRPath` 2.0, grammar and precedence).

use super::Stop;

/// Levels of nesting.
const MAX_DEPTH: usize = 64;
/// Bytes of an expression.
const MAX_LENGTH: usize = 8_192;

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::fhir) enum Expression {
    Empty,
    Bool(bool),
    Number(f64),
    Text(String),
    /// A date or time, compared as text.
    Moment(String),
    This,
    Index,
    Total,
    /// `%name`
    External(String),
    /// A name, alone or after an expression.
    Member(Option<Box<Expression>>, String),
    /// A function with its arguments, alone or after an expression.
    Call(Option<Box<Expression>>, String, Vec<Expression>),
    At(Box<Expression>, Box<Expression>),
    Not(Box<Expression>),
    Binary(Operator, Box<Expression>, Box<Expression>),
    /// `is` and `as`, with the name of a type.
    Type(bool, Box<Expression>, String),
}

/// Binary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::fhir) enum Operator {
    Implies,
    Or,
    Xor,
    And,
    In,
    Contains,
    Equal,
    NotEqual,
    Equivalent,
    NotEquivalent,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Union,
    Add,
    Subtract,
    Join,
    Multiply,
    Divide,
    Whole,
    Rest,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Name(String),
    /// A name in backquotes, which is never a keyword.
    Quoted(String),
    Text(String),
    Number(f64),
    Moment(String),
    Symbol(&'static str),
}

const SYMBOLS: [&str; 25] = [
    "<=", ">=", "!=", "!~", "(", ")", "[", "]", "{", "}", ".", ",", "|", "=", "~", "<", ">", "+", "-", "&", "*", "/",
    "%", "$", "@",
];

pub(super) fn parse(text: &str) -> Result<Expression, Stop> {
    if text.len() > MAX_LENGTH {
        return Err(Stop::Syntax("it is too long"));
    }
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
    let whole = parser.binary(0)?;
    if parser.at == parser.tokens.len() { Ok(whole) } else { Err(Stop::Syntax("there is more than one expression")) }
}

fn tokens(text: &str) -> Result<Vec<Token>, Stop> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = if first.is_ascii_digit() {
            number(rest)?
        } else if first == '\'' || first == '`' {
            quoted(rest, first)?
        } else if first.is_alphabetic() || first == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            (Token::Name(name.to_owned()), after)
        } else if let Some(after) = rest.strip_prefix("//") {
            rest = after.split_once('\n').map_or("", |(_, after)| after).trim_start();
            continue;
        } else if let Some(after) = rest.strip_prefix('@') {
            let end = after.find(|c: char| !c.is_ascii_alphanumeric() && !"-:.+".contains(c)).unwrap_or(after.len());
            let (moment, after) = after.split_at(end);
            (Token::Moment(moment.to_owned()), after)
        } else {
            let symbol =
                SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)).ok_or(Stop::Syntax("a sign is not known"))?;
            (Token::Symbol(symbol), rest.get(symbol.len()..).unwrap_or_default())
        };
        out.push(token);
        rest = after.trim_start();
    }
    Ok(out)
}

fn number(text: &str) -> Result<(Token, &str), Stop> {
    let whole = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let mut end = whole;
    let tail = text.get(whole..).unwrap_or_default();
    if let Some(fraction) = tail.strip_prefix('.')
        && fraction.starts_with(|c: char| c.is_ascii_digit())
    {
        end += 1 + fraction.find(|c: char| !c.is_ascii_digit()).unwrap_or(fraction.len());
    }
    let (digits, after) = text.split_at(end);
    Ok((Token::Number(digits.parse().map_err(|_| Stop::Syntax("a number cannot be read"))?), after))
}

fn quoted(text: &str, mark: char) -> Result<(Token, &str), Stop> {
    let mut out = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        if c == mark {
            let after = text.get(at + 1..).unwrap_or_default();
            return Ok((if mark == '`' { Token::Quoted(out) } else { Token::Text(out) }, after));
        }
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next().map(|(_, c)| c) {
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('f') => out.push('\u{c}'),
            Some(c @ ('\'' | '"' | '`' | '\\' | '/')) => out.push(c),
            // The guides write regular expressions with single backslashes.
            Some(c) => out.extend(['\\', c]),
            None => break,
        }
    }
    Err(Stop::Syntax("a text has no end"))
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

/// Operators by precedence; the first binds least.
const LEVELS: [&[(&str, Operator)]; 9] = [
    &[("implies", Operator::Implies)],
    &[("or", Operator::Or), ("xor", Operator::Xor)],
    &[("and", Operator::And)],
    &[("in", Operator::In), ("contains", Operator::Contains)],
    &[("=", Operator::Equal), ("!=", Operator::NotEqual), ("~", Operator::Equivalent), ("!~", Operator::NotEquivalent)],
    &[("<=", Operator::LessEqual), (">=", Operator::GreaterEqual), ("<", Operator::Less), (">", Operator::Greater)],
    &[("|", Operator::Union)],
    &[("+", Operator::Add), ("-", Operator::Subtract), ("&", Operator::Join)],
    &[("*", Operator::Multiply), ("/", Operator::Divide), ("div", Operator::Whole), ("mod", Operator::Rest)],
];
/// `is` and `as` bind tighter than union and looser than addition.
const TYPES: usize = 7;

impl Parser {
    fn binary(&mut self, level: usize) -> Result<Expression, Stop> {
        self.depth += 1;
        if self.depth > MAX_DEPTH * (LEVELS.len() + 2) {
            return Err(Stop::Syntax("it is nested too deeply"));
        }
        let Some(operators) = LEVELS.get(level) else {
            let out = self.unary();
            self.depth -= 1;
            return out;
        };
        let mut left = self.binary(level + 1)?;
        loop {
            let found = operators.iter().find(|(word, _)| self.is(word));
            if let Some((_, operator)) = found {
                self.at += 1;
                let right = self.binary(level + 1)?;
                left = Expression::Binary(*operator, Box::new(left), Box::new(right));
            } else if level + 1 == TYPES && (self.is("is") || self.is("as")) {
                let is = self.is("is");
                self.at += 1;
                left = Expression::Type(is, Box::new(left), self.type_name()?);
            } else {
                self.depth -= 1;
                return Ok(left);
            }
        }
    }

    fn unary(&mut self) -> Result<Expression, Stop> {
        if self.is("-") {
            self.at += 1;
            let inner = self.unary()?;
            return Ok(Expression::Binary(Operator::Subtract, Box::new(Expression::Number(0.0)), Box::new(inner)));
        }
        if self.is("+") {
            self.at += 1;
        }
        let mut out = self.term()?;
        loop {
            if self.is(".") {
                self.at += 1;
                out = self.invocation(Some(Box::new(out)))?;
            } else if self.is("[") {
                self.at += 1;
                let index = self.binary(0)?;
                self.need("]")?;
                out = Expression::At(Box::new(out), Box::new(index));
            } else {
                return Ok(out);
            }
        }
    }

    fn term(&mut self) -> Result<Expression, Stop> {
        let token = self.tokens.get(self.at).cloned().ok_or(Stop::Syntax("it ends too early"))?;
        match token {
            Token::Text(text) => Ok(self.took(Expression::Text(text))),
            Token::Number(number) => {
                let out = self.took(Expression::Number(number));
                // A quantity's unit follows its number.
                if matches!(self.tokens.get(self.at), Some(Token::Text(_))) {
                    return Err(Stop::Unknown("a quantity with a unit"));
                }
                Ok(out)
            }
            Token::Moment(moment) => Ok(self.took(Expression::Moment(moment))),
            Token::Symbol("(") => {
                self.at += 1;
                let inner = self.binary(0)?;
                self.need(")")?;
                Ok(inner)
            }
            Token::Symbol("{") => {
                self.at += 1;
                self.need("}")?;
                Ok(Expression::Empty)
            }
            Token::Symbol("%") => {
                self.at += 1;
                match self.tokens.get(self.at).cloned() {
                    Some(Token::Name(name) | Token::Quoted(name) | Token::Text(name)) => {
                        Ok(self.took(Expression::External(name)))
                    }
                    _ => Err(Stop::Syntax("a name is expected after '%'")),
                }
            }
            Token::Symbol("$") => {
                self.at += 1;
                match self.tokens.get(self.at) {
                    Some(Token::Name(name)) if name == "this" => Ok(self.took(Expression::This)),
                    Some(Token::Name(name)) if name == "index" => Ok(self.took(Expression::Index)),
                    Some(Token::Name(name)) if name == "total" => Ok(self.took(Expression::Total)),
                    _ => Err(Stop::Syntax("'$this', '$index' or '$total' is expected")),
                }
            }
            Token::Name(name) if name == "true" => Ok(self.took(Expression::Bool(true))),
            Token::Name(name) if name == "false" => Ok(self.took(Expression::Bool(false))),
            Token::Name(_) | Token::Quoted(_) => self.invocation(None),
            Token::Symbol(_) => Err(Stop::Syntax("a value is expected")),
        }
    }

    fn invocation(&mut self, of: Option<Box<Expression>>) -> Result<Expression, Stop> {
        let name = match self.tokens.get(self.at).cloned() {
            Some(Token::Name(name) | Token::Quoted(name)) => name,
            Some(Token::Symbol("$")) => {
                // `a.$this` is the same as `$this` alone.
                return self.term();
            }
            _ => return Err(Stop::Syntax("a name is expected")),
        };
        self.at += 1;
        if !self.is("(") {
            return Ok(Expression::Member(of, name));
        }
        self.at += 1;
        let mut arguments = Vec::new();
        while !self.is(")") {
            if !arguments.is_empty() {
                self.need(",")?;
            }
            arguments.push(self.binary(0)?);
        }
        self.at += 1;
        match (name.as_str(), arguments.as_slice()) {
            ("not", []) => Ok(Expression::Not(of.unwrap_or_else(|| Box::new(Expression::This)))),
            ("is" | "as", [kind]) => {
                let kind = name_of(kind).ok_or(Stop::Syntax("a type is expected"))?;
                Ok(Expression::Type(name == "is", of.unwrap_or_else(|| Box::new(Expression::This)), kind))
            }
            _ => Ok(Expression::Call(of, name, arguments)),
        }
    }

    fn type_name(&mut self) -> Result<String, Stop> {
        let kind = self.unary()?;
        name_of(&kind).ok_or(Stop::Syntax("a type is expected"))
    }

    fn took(&mut self, out: Expression) -> Expression {
        self.at += 1;
        out
    }

    fn is(&self, word: &str) -> bool {
        match self.tokens.get(self.at) {
            Some(Token::Symbol(symbol)) => *symbol == word,
            Some(Token::Name(name)) => name == word,
            _ => false,
        }
    }

    fn need(&mut self, symbol: &str) -> Result<(), Stop> {
        if self.is(symbol) {
            self.at += 1;
            Ok(())
        } else {
            Err(Stop::Syntax("a bracket or a comma is missing"))
        }
    }
}

/// The name of a type: `Patient`, `FHIR.Patient`, `System.String`.
pub(super) fn name_of(expression: &Expression) -> Option<String> {
    match expression {
        Expression::Member(None, name) => Some(name.clone()),
        Expression::Member(Some(of), name) => match &**of {
            Expression::Member(None, space) if space == "FHIR" => Some(name.clone()),
            Expression::Member(None, space) if space == "System" => Some(name.to_lowercase()),
            _ => None,
        },
        _ => None,
    }
}
