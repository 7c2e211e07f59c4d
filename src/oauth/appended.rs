//! What an app may append to its token, looked at before any of it is run. The library's own limits are asked between
//! rounds only, so that one check that joins facts runs for seconds; here the shape decides, before a rule is evaluated.
//!
//! An appended block may hold checks over what a request is: `time`, `resource_type`, `operation`, `patient`. A request
//! has at most one fact of each, so that joins of them have at most one row. Anything else makes the token invalid: facts
//! and rules of the block, other predicates (the token's own facts are many), regular expressions, functions over sets,
//! blocks of third parties.
//!
//! Invariant: the cost of a token's checks is linear in its length, which `limits::MAX_TOKEN` bounds.

use biscuit_auth::Biscuit;
use biscuit_auth::format::schema;
use prost::Message;
use schema::op::Content;

use super::limits;

/// What a check may ask for.
const ASKED: [&str; 4] = ["time", "resource_type", "operation", "patient"];
/// Numbers below belong to symbols that every library knows (Biscuit specification, "Symbol table").
const FIRST_SYMBOL: u64 = 1_024;
/// The symbols that every library knows and that a check may ask for, with their numbers.
const KNOWN_SYMBOLS: [(u64, &str); 2] = [(3, "operation"), (5, "time")];

/// True if all that is appended to a token may be run.
pub(super) fn is_bounded(token: &Biscuit) -> bool {
    let mut symbols = Vec::new();
    let blocks = token.container().to_proto().blocks;
    for index in 0..=blocks.len() {
        let Ok(more) = token.block_symbols(index) else { return false };
        symbols.extend(more);
    }
    let mut left = Left { predicates: limits::MAX_PREDICATES, operations: limits::MAX_OPERATIONS };
    blocks.iter().all(|signed| {
        let block = schema::Block::decode(signed.block.as_slice());
        signed.external_signature.is_none() && block.is_ok_and(|block| left.takes(&block, &symbols))
    })
}

/// What the checks of one token may still have, over all its blocks.
struct Left {
    predicates: usize,
    operations: usize,
}

impl Left {
    fn takes(&mut self, block: &schema::Block, symbols: &[String]) -> bool {
        let only_checks = block.facts.is_empty() && block.rules.is_empty() && block.scope.is_empty();
        only_checks
            && block.checks.iter().flat_map(|check| &check.queries).all(|query| {
                query.scope.is_empty()
                    && query
                        .body
                        .iter()
                        .all(|predicate| is_asked(predicate.name, symbols) && take_one(&mut self.predicates))
                    && query.expressions.iter().all(|expression| self.takes_all(&expression.ops))
            })
    }

    /// Closures without parameters are the right sides of `&&` and `||`; those with one run once per element of a set.
    fn takes_all(&mut self, operations: &[schema::Op]) -> bool {
        operations.iter().all(|operation| {
            take_one(&mut self.operations)
                && match &operation.content {
                    Some(Content::Value(_)) => true,
                    Some(Content::Unary(unary)) => unary.kind != schema::op_unary::Kind::Ffi as i32,
                    Some(Content::Binary(binary)) => is_linear(binary.kind),
                    Some(Content::Closure(closure)) => closure.params.is_empty() && self.takes_all(&closure.ops),
                    None => false,
                }
        })
    }
}

fn take_one(left: &mut usize) -> bool {
    left.checked_sub(1).inspect(|fewer| *left = *fewer).is_some()
}

fn is_linear(kind: i32) -> bool {
    use schema::op_binary::Kind;
    ![Kind::Regex, Kind::All, Kind::Any, Kind::Ffi].iter().any(|forbidden| *forbidden as i32 == kind)
}

fn is_asked(name: u64, symbols: &[String]) -> bool {
    let own = || {
        let place = usize::try_from(name.checked_sub(FIRST_SYMBOL)?).ok()?;
        symbols.get(place).map(String::as_str)
    };
    let known = KNOWN_SYMBOLS.iter().find(|(number, _)| *number == name).map(|(_, symbol)| *symbol);
    known.or_else(own).is_some_and(|symbol| ASKED.contains(&symbol))
}
