//! Why a message did not leave. Texts never hold the address or the message.

use std::path::PathBuf;

/// What went wrong on the way out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configured transport is not one we have.
    #[error("{0}")]
    Transport(String),
    /// The configured sender is not an address.
    #[error("the sender in [mail] from is not an e-mail address; write NAME <BOX@DOMAIN>")]
    Sender,
    /// The address or number to write to is not one.
    #[error("the address is not one that mail or text messages can be sent to")]
    Recipient,
    /// The message cannot be put into the form that mail has.
    #[error("the message cannot be written as mail")]
    Unwritable,
    /// The mail server refused for good.
    #[error("the mail server refused the message{}; check [mail] in fhir.toml", code(.0.as_ref()))]
    Refused(Option<u16>),
    /// The mail server's certificate is not one that we trust, or it speaks no TLS.
    #[error(
        "the mail server cannot be trusted: its certificate is not from an authority that is known, or is for another name; set [mail] authority in fhir.toml if the plan has an authority of its own"
    )]
    Untrusted,
    /// The mail server could not be reached or asked to try later.
    #[error("the mail server could not take the message now{}; try again later", code(.0.as_ref()))]
    Unreachable(Option<u16>),
    /// The receiver of text messages refused for good.
    #[error("the receiver of text messages refused the message (status {0}); check [sms] in fhir.toml")]
    RefusedText(u16),
    /// The receiver of text messages could not be reached, or asked to try later, three times.
    #[error("the receiver of text messages could not take the message now{}; try again later", status(.0.as_ref()))]
    NotTaken(Option<u16>),
    /// The certificate of the plan's own authority cannot be used.
    #[error("the certificate file {} cannot be used: {cause}", file.display())]
    Authority {
        /// Which file.
        file: PathBuf,
        /// Why.
        cause: String,
    },
    /// The outbox folder could not be written.
    #[error("the outbox folder {} cannot be written: {cause}", folder.display())]
    Folder {
        /// Which folder.
        folder: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
}

fn code(code: Option<&u16>) -> String {
    code.map(|code| format!(" (code {code})")).unwrap_or_default()
}

fn status(status: Option<&u16>) -> String {
    status.map(|status| format!(" (status {status})")).unwrap_or_default()
}
