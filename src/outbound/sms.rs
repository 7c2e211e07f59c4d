//! Text messages out: a folder of `.json` files, or memory in tests. Absent for now: the webhook to a provider.

use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;

use super::folder::Folder;
use super::{Chance, Clock, Error};

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
    Memory(TextOutbox),
}

/// What a test's transport "sent".
#[derive(Clone, Default)]
pub struct TextOutbox(Arc<Mutex<Vec<Text>>>);

/// Messages that an outbox keeps in memory.
const MAX_KEPT: usize = 500;

impl Sms {
    /// A transport from its configured address: `file:DIR`.
    pub fn from_url(url: &str, clock: Clock, chance: Chance) -> Result<Self, Error> {
        match url.strip_prefix("file:") {
            Some(folder) => Ok(Self(Way::Folder(Folder::new(folder, clock, chance), TextOutbox::default()))),
            None if url.starts_with("https://") => Err(Error::Transport(
                "[sms] transport names a webhook, which this version cannot call yet; use file:FOLDER".to_owned(),
            )),
            None => Err(Error::Transport("[sms] transport must begin with file:".to_owned())),
        }
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
            Way::Off => Vec::new(),
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
        let sms = Sms::from_url(&url, Clock::system(), Chance::seeded(1)).unwrap();
        sms.send(Text { to: "+15555550142".to_owned(), body: "Your code:\n123456".to_owned() }).await.unwrap();
        let refused = sms.send(Text { to: "call me".to_owned(), body: String::new() }).await;
        assert!(matches!(refused, Err(Error::Recipient)));
        let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().path()).collect();
        assert_eq!(files.len(), 1);
        let text = std::fs::read_to_string(&files[0]).unwrap();
        assert_eq!(text, r#"{"to":"+15555550142","body":"Your code:\n123456"}"#);
    }

    #[test]
    fn a_webhook_is_refused_in_words() {
        let error = Sms::from_url("https://sms.example", Clock::system(), Chance::seeded(1)).err().unwrap();
        assert!(error.to_string().contains("cannot call yet"));
    }
}
