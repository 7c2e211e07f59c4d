//! Every number that bounds guessing, flooding and staying signed in. Times are in seconds.

/// How long an emailed code can be used.
pub const CODE_LIFE: i64 = 10 * 60;
/// Digits of a code.
pub const CODE_DIGITS: usize = 6;
/// Guesses judged per code; the sixth is refused unseen.
pub const CODE_TRIES: u32 = 5;
/// Wait before the same visitor may ask for another code.
pub const RESEND_AFTER: i64 = 30;

/// Codes for one address within an hour, and within a day, that are asked for by browsers it was never signed in with; and
/// as many for each browser that it was.
pub const CODES_PER_ADDRESS_HOUR: u32 = 6;
/// See [`CODES_PER_ADDRESS_HOUR`].
pub const CODES_PER_ADDRESS_DAY: u32 = 20;
/// A browser is known for so long after a sign-in.
pub const KNOWN_LIFE: i64 = 400 * 24 * 60 * 60;
/// Codes asked for by one network (an IPv4 address or an IPv6 /64) within [`NETWORK_WINDOW`].
pub const CODES_PER_NETWORK: u32 = 25;
/// Authorization requests begun by one network within the same time; each is a row on the disk.
pub const REQUESTS_PER_NETWORK: u32 = 300;
/// What all networks of one IPv6 /48, which is what one customer of a provider gets, may do together, in shares of one.
pub const NETWORKS_PER_SITE: u32 = 4;
/// Window of the limits per network.
pub const NETWORK_WINDOW: i64 = 5 * 60;
/// Text messages that one realm sends within a day: their bill has an upper end. Mail costs nothing, and codes for addresses
/// that are not on file are not sent, so neither is counted here: a stranger could use up what everybody needs.
pub const TEXTS_PER_DAY: u32 = 20_000;

/// Birth dates tried per hour for one address that several members share.
pub const BIRTH_DATE_TRIES: u32 = 5;
/// Authenticator or backup codes judged for one account within [`TOTP_WINDOW`].
pub const TOTP_TRIES: u32 = 5;
/// Window of [`TOTP_TRIES`].
pub const TOTP_WINDOW: i64 = 10 * 60;
/// Backup codes made at enrolment; each works once.
pub const BACKUP_CODES: usize = 10;

/// A member is signed out after this long without a page.
pub const MEMBER_IDLE: i64 = 15 * 60;
/// A member is signed out after this long whatever she does.
pub const MEMBER_ABSOLUTE: i64 = 12 * 60 * 60;
/// Staff and developers are signed out after this long, idle or not.
pub const ACCOUNT_ABSOLUTE: i64 = 8 * 60 * 60;
/// Staff and developers are signed out after this long without a page.
pub const ACCOUNT_IDLE: i64 = 30 * 60;
/// A session's last use is written at most this often: one disk write per page would be waste.
pub const TOUCH_EVERY: i64 = 30;

/// Members that may share one address on file; more looks like a placeholder address.
pub const MEMBERS_PER_ADDRESS: usize = 50;
/// Rows removed in one step of a sweep, so that it never holds the writer for long.
pub const SWEEP_BATCH: usize = 1_000;
