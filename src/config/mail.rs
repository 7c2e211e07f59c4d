//! `[mail]` and `[sms]`: how codes and notices reach people.

use std::path::PathBuf;

use super::key::section;
use super::value::Secret;

section! {
    /// How codes and notices reach people by e-mail.
    "mail" => Mail {
        /// `smtps://user:password@host` (TLS from the start), `smtp://user:password@host:587?tls=required` (STARTTLS),
        /// or `file:FOLDER`, which writes one `.eml` file per message. It holds a password, so it may be written
        /// as `{ file = "mail.url" }` or `{ env = "MAIL_URL" }`.
        Required transport: Secret = r#""file:outbox/mail""#;
        /// PEM file of the authority that signed the mail server's certificate, where it is the plan's own.
        Optional authority: Option<PathBuf> = r#""mail-authority.pem""#;
        /// The sender that members see.
        Required from: String = r#""Alder County Health Plan <no-reply@alder.example>""#;
    }
}

section! {
    /// How codes reach people by text message. Without a transport, no text messages are sent.
    "sms" => Sms {
        /// `https://…`, which gets one signed request `{"to", "body"}` per message (docs/messages.md), or `file:FOLDER`, which
        /// writes it as one `.json` file.
        Optional transport: Option<Secret> = r#""file:outbox/sms""#;
        /// What signs the requests: `whsec_` and the base64 of at least 24 random bytes. It may be written as
        /// `{ file = "sms.secret" }` or `{ env = "SMS_SECRET" }`.
        Optional secret: Option<Secret> = r#""whsec_BASE64OF24BYTESORMORE""#;
        /// PEM file of the authority that signed the receiver's certificate, where it is the plan's own.
        Optional authority: Option<PathBuf> = r#""sms-authority.pem""#;
    }
}

impl Mail {
    pub(super) fn check(&self, refuse: &mut dyn FnMut(&str, String)) {
        let transport = self.transport.expose();
        if !["smtp://", "smtps://", "file:"].iter().any(|scheme| transport.starts_with(scheme)) {
            refuse("transport", "must begin with smtp://, smtps:// or file:".to_owned());
        }
        if !self.from.contains('@') {
            refuse("from", "must be an e-mail address, with or without a name before it".to_owned());
        }
    }
}

impl Sms {
    pub(super) fn check(&self, refuse: &mut dyn FnMut(&str, String)) {
        let Some(transport) = &self.transport else { return };
        if !["https://", "http://", "file:"].iter().any(|scheme| transport.expose().starts_with(scheme)) {
            refuse("transport", "must begin with https:// or file:".to_owned());
        } else if !transport.expose().starts_with("file:") && self.secret.is_none() {
            refuse("secret", "is missing; it signs each message that is sent to the transport".to_owned());
        }
    }
}
