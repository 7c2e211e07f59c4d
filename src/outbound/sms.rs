//! Text messages out: a signed request per message, a folder of `.json` files, or memory in tests.

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;

use super::folder::Folder;
use super::webhook::Webhook;
use super::{Chance, Clock, Error, tls};

/// One text message to one number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Text {
    /// The number, digits with an optional plus.
    pub to: String,
    /// The message; a code stands on its own line.
    pub body: String,
}

/// A handle to the text-message transport. Cloning is cheap.
#[derive(Clone)]
pub struct Sms(Way);

#[derive(Clone)]
enum Way {
    Off,
    /// The folder, and a copy in memory of the last messages for the demo's outbox page.
    Folder(Folder, TextOutbox),
    Webhook(Arc<Webhook>),
    Memory(TextOutbox),
}

/// What a test's transport "sent".
#[derive(Clone, Default)]
pub struct TextOutbox(Arc<Mutex<Vec<Text>>>);

/// Messages that an outbox keeps in memory.
const MAX_KEPT: usize = 500;

impl Sms {
    /// A transport from its configured address: `https://…` with the secret that signs, or `file:DIR`. `authority` is the file
    /// of the authority that vouches for the receiver, where it is the plan's own.
    pub fn from_url(
        url: &str,
        secret: Option<&str>,
        authority: Option<&Path>,
        clock: Clock,
        chance: Chance,
    ) -> Result<Self, Error> {
        if let Some(folder) = url.strip_prefix("file:") {
            return Ok(Self(Way::Folder(Folder::new(folder, clock, chance), TextOutbox::default())));
        }
        if !["https://", "http://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(Error::Transport("[sms] transport must begin with https:// or file:".to_owned()));
        }
        let secret =
            secret.ok_or_else(|| Error::Transport("[sms] secret is missing; it signs each message".to_owned()))?;
        let authority = authority.map(tls::read).transpose()?;
        let webhook = Webhook::new(url, secret, authority.as_deref(), clock, chance)?;
        Ok(Self(Way::Webhook(Arc::new(webhook))))
    }

    /// No transport: every message is refused.
    #[must_use]
    pub const fn off() -> Self {
        Self(Way::Off)
    }

    /// A transport for tests, and what it was given.
    #[must_use]
    pub fn memory() -> (Self, TextOutbox) {
        let outbox = TextOutbox::default();
        (Self(Way::Memory(outbox.clone())), outbox)
    }

    /// Sends one text message.
    pub async fn send(&self, text: Text) -> Result<(), Error> {
        let digits = text.to.strip_prefix('+').unwrap_or(&text.to);
        if !(7..=15).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Error::Recipient);
        }
        match &self.0 {
            Way::Off => Err(Error::Transport("no [sms] transport is set, so no text message was sent".to_owned())),
            Way::Folder(folder, outbox) => {
                let content = serde_json::to_vec(&text).map_err(|_| Error::Recipient)?;
                outbox.keep(text);
                folder.write("json", content).await
            }
            Way::Webhook(webhook) => webhook.send(serde_json::to_vec(&text).map_err(|_| Error::Recipient)?).await,
            Way::Memory(outbox) => {
                outbox.keep(text);
                Ok(())
            }
        }
    }
}

impl Sms {
    /// What the transport was given lately, oldest first.
    #[must_use]
    pub fn outbox(&self) -> Vec<Text> {
        match &self.0 {
            Way::Off | Way::Webhook(_) => Vec::new(),
            Way::Folder(_, outbox) | Way::Memory(outbox) => outbox.texts(),
        }
    }
}

impl TextOutbox {
    fn keep(&self, text: Text) {
        let mut kept = self.0.lock();
        if kept.len() >= MAX_KEPT {
            kept.remove(0);
        }
        kept.push(text);
    }

    /// Everything sent so far, oldest first.
    #[must_use]
    pub fn texts(&self) -> Vec<Text> {
        self.0.lock().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_json_file_per_message() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file:{}", folder.path().display());
        let sms = Sms::from_url(&url, None, None, Clock::system(), Chance::seeded(1)).unwrap();
        sms.send(Text { to: "+15555550142".to_owned(), body: "Your code:\n123456".to_owned() }).await.unwrap();
        let refused = sms.send(Text { to: "call me".to_owned(), body: String::new() }).await;
        assert!(matches!(refused, Err(Error::Recipient)));
        let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().path()).collect();
        assert_eq!(files.len(), 1);
        let text = std::fs::read_to_string(&files[0]).unwrap();
        assert_eq!(text, r#"{"to":"+15555550142","body":"Your code:\n123456"}"#);
    }

    #[test]
    fn what_cannot_be_a_receiver_is_refused_in_words() {
        let secret = format!("whsec_{}", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, [7; 32]));
        let build = |url: &str, secret: Option<&str>| {
            let made = Sms::from_url(url, secret, None, Clock::system(), Chance::seeded(1));
            made.err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert_eq!(build("https://sms.example/send", Some(&secret)), "");
        assert_eq!(build("http://127.0.0.1:9/send", Some(&secret)), "");
        assert!(build("https://sms.example/send", None).contains("secret is missing"));
        assert!(build("https://sms.example/send", Some("short")).contains("openssl rand"));
        assert!(build("http://sms.example/send", Some(&secret)).contains("must begin with https://"));
        assert!(build("tel:", Some(&secret)).contains("file:"));
    }
}
