//! Every number that bounds an authorization. Times are in seconds.

/// An authorization request waits this long for the member's decision.
pub const PENDING_LIFE: i64 = 10 * 60;
/// An authorization code can be redeemed for this long.
pub const CODE_LIFE: i64 = 60;
/// A redeemed code is remembered this long, so that its replay is noticed.
pub const CODE_MEMORY: i64 = 24 * 60 * 60;
/// Default life of an access token.
pub const ACCESS_LIFE: i64 = 60 * 60;
/// Default life of a grant with `offline_access`.
pub const GRANT_LIFE: i64 = 365 * 24 * 60 * 60;
/// Within this time the previous refresh token is answered with the same answer again, so that requests side by side agree.
pub const SAME_ANSWER: i64 = 60;
/// Longest text of any parameter of an authorization request.
pub const MAX_PARAMETER: usize = 4_000;
/// Longest `state`, and longest `nonce`: they are kept on the disk for whoever asks.
pub const MAX_KEPT: usize = 1_000;
/// Longest access token that is looked at; an attenuated one has a few hundred characters.
pub const MAX_TOKEN: usize = 6_000;
/// Blocks an app may append to its token.
pub const MAX_BLOCKS: usize = 8;
/// Scopes of one request.
pub const MAX_SCOPES: usize = 200;
/// Predicates in all checks that are appended to one token.
pub const MAX_PREDICATES: usize = 64;
/// Operations in the expressions of those checks.
pub const MAX_OPERATIONS: usize = 512;
/// Verified tokens kept in memory.
pub const CACHED_TOKENS: usize = 50_000;
/// Narrowed copies of tokens kept in memory, each with some 50 KiB.
pub const CACHED_NARROWED: usize = 512;
/// Seconds for which a verified token is kept without looking at its signature again.
pub const CACHE_LIFE: i64 = 60;
/// Answers of one attenuated token kept within one second.
pub const CACHED_ANSWERS: usize = 256;
/// Facts the check of a token may see; one grants up to 200 scopes.
pub const MAX_FACTS: u64 = 1_000;
/// Rounds of its rules.
pub const MAX_ROUNDS: u64 = 100;
/// Milliseconds of its rules. The library's default of one is missed by valid tokens on a busy machine.
pub const MAX_DATALOG_MS: u64 = 100;
/// A retired key verifies for this long after its successor was made.
pub const KEY_OVERLAP: i64 = 24 * 60 * 60;
/// A back-end client's token lives this long (SMART Backend Services: at most five minutes).
pub const BACKEND_LIFE: i64 = 300;
/// An assertion may end this far ahead.
pub const ASSERTION_LIFE: i64 = 300;
/// Clocks may differ by so much.
pub const CLOCK_SKEW: i64 = 30;
/// Longest assertion that is looked at.
pub const MAX_ASSERTION: usize = 8_000;
