//! `[mail]` and `[sms]`: how codes and notices reach people.

use super::key::section;
use super::value::Secret;

section! {
    /// How codes and notices reach people by e-mail.
    "mail" => Mail {
        /// `smtps://user:password@host` (TLS from the start), `smtp://user:password@host:587?tls=required` (STARTTLS),
        /// or `file:FOLDER`, which writes one `.eml` file per message. It holds a password, so it may be written
        /// as `{ file = "mail.url" }` or `{ env = "MAIL_URL" }`.
        Required transport: Secret = r#""file:outbox/mail""#;
        /// The sender that members see.
        Required from: String = r#""Alder County Health Plan <no-reply@alder.example>""#;
    }
}

section! {
    /// How codes reach people by text message. Without a transport, no text messages are sent.
    "sms" => Sms {
        /// `file:FOLDER`, which writes one `.json` file `{"to", "body"}` per message.
        Optional transport: Option<Secret> = r#""file:outbox/sms""#;
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
        if transport.expose().starts_with("https://") {
            refuse("transport", "names a webhook, which this version cannot call yet; use file:FOLDER".to_owned());
        } else if !transport.expose().starts_with("file:") {
            refuse("transport", "must begin with file:".to_owned());
        }
    }
}
