//! Every number that bounds guessing, flooding and staying signed in. Times are in seconds.

/// How long an emailed code can be used.
pub const CODE_LIFE: i64 = 10 * 60;
/// Digits of a code.
pub const CODE_DIGITS: usize = 6;
/// Guesses judged per code; the sixth is refused unseen.
pub const CODE_TRIES: u32 = 5;
/// Wait before the same visitor may ask for another code.
pub const RESEND_AFTER: i64 = 30;

/// Codes sent to one address within an hour, and within a day.
pub const CODES_PER_ADDRESS_HOUR: u32 = 6;
/// See [`CODES_PER_ADDRESS_HOUR`].
pub const CODES_PER_ADDRESS_DAY: u32 = 20;
/// Codes asked for by one network (an IPv4 address or an IPv6 /64) within five minutes.
pub const CODES_PER_NETWORK: u32 = 25;
/// Authorization requests begun by one network within the same five minutes; each is a row on the disk.
pub const REQUESTS_PER_NETWORK: u32 = 300;
/// Window of [`CODES_PER_NETWORK`] and [`REQUESTS_PER_NETWORK`].
pub const NETWORK_WINDOW: i64 = 5 * 60;
/// Codes of one realm within a day: a bill for text messages has an upper end.
pub const CODES_PER_DAY: u32 = 20_000;

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
/// Rows removed per sweep, so that a sweep never holds the writer for long.
pub const SWEEP_BATCH: usize = 1_000;
