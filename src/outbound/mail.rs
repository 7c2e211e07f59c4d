//! E-mail out: SMTP, a folder of `.eml` files, or memory in tests.
//!
//! Invariant: subjects are ours, never a person's words, and nothing but the text of a letter holds six digits in a
//! row, so that a program (and a phone) finds the code.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use lettre::message::header::{ContentTransferEncoding, ContentType, MIME_VERSION_1_0};
use lettre::message::{Body, Mailbox};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use parking_lot::Mutex;

use super::folder::{Folder, letters};
use super::{Chance, Clock, Error};

/// One message to one person, in plain text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The address.
    pub to: String,
    /// A fixed text of ours; it never repeats what somebody typed.
    pub subject: &'static str,
    /// Lines parted by `\n`; a code stands on its own line.
    pub text: String,
}

/// A handle to the mail transport. Cloning is cheap.
#[derive(Clone)]
pub struct Mail(Way);

#[derive(Clone)]
enum Way {
    Memory(Outbox),
    Real { by: Carrier, from: Arc<Mailbox>, clock: Clock, chance: Chance },
}

#[derive(Clone)]
enum Carrier {
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    /// The folder, and a copy in memory of the last letters for the demo's outbox page.
    Folder(Folder, Outbox),
}

/// What a test's transport "sent".
#[derive(Clone, Default)]
pub struct Outbox(Arc<Mutex<Vec<Letter>>>);

/// Letters that an outbox keeps in memory.
const MAX_KEPT: usize = 500;

/// A mail server that does not answer must not hold a sign-in for longer.
const SMTP_TIMEOUT: Duration = Duration::from_secs(10);

impl Mail {
    /// A transport from its configured address: `smtp://`, `smtps://` or `file:DIR`.
    pub fn from_url(url: &str, from: &str, clock: Clock, chance: Chance) -> Result<Self, Error> {
        let from: Mailbox = from.parse().map_err(|_| Error::Sender)?;
        let by = if let Some(folder) = url.strip_prefix("file:") {
            Carrier::Folder(Folder::new(folder, clock.clone(), chance.clone()), Outbox::default())
        } else if url.starts_with("smtp://") || url.starts_with("smtps://") {
            let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(|_| {
                Error::Transport("[mail] transport is not an address such as smtps://user:password@host".to_owned())
            })?;
            Carrier::Smtp(builder.timeout(Some(SMTP_TIMEOUT)).build())
        } else {
            return Err(Error::Transport("[mail] transport must begin with smtp://, smtps:// or file:".to_owned()));
        };
        Ok(Self(Way::Real { by, from: Arc::new(from), clock, chance }))
    }

    /// A transport for tests, and what it was given.
    #[must_use]
    pub fn memory() -> (Self, Outbox) {
        let outbox = Outbox::default();
        (Self(Way::Memory(outbox.clone())), outbox)
    }

    /// Sends one letter; done when the mail server (or the disk) has it.
    pub async fn send(&self, letter: Letter) -> Result<(), Error> {
        match &self.0 {
            Way::Memory(outbox) => {
                let _: Mailbox = letter.to.parse().map_err(|_| Error::Recipient)?;
                outbox.keep(letter);
                Ok(())
            }
            Way::Real { by, from, clock, chance } => {
                let message = write(&letter, from, clock, chance)?;
                match by {
                    Carrier::Folder(folder, outbox) => {
                        outbox.keep(letter);
                        folder.write("eml", message.formatted()).await
                    }
                    Carrier::Smtp(smtp) => match smtp.send(message).await {
                        Ok(_) => Ok(()),
                        Err(error) if error.is_permanent() => Err(Error::Refused(error.status().map(u16::from))),
                        Err(error) => Err(Error::Unreachable(error.status().map(u16::from))),
                    },
                }
            }
        }
    }
}

impl Mail {
    /// What a transport that reaches nobody (a folder, or memory) was given lately, oldest first.
    #[must_use]
    pub fn outbox(&self) -> Vec<Letter> {
        match &self.0 {
            Way::Memory(outbox) | Way::Real { by: Carrier::Folder(_, outbox), .. } => outbox.letters(),
            Way::Real { by: Carrier::Smtp(_), .. } => Vec::new(),
        }
    }
}

impl Outbox {
    fn keep(&self, letter: Letter) {
        let mut kept = self.0.lock();
        if kept.len() >= MAX_KEPT {
            kept.remove(0);
        }
        kept.push(letter);
    }

    /// Everything sent so far, oldest first.
    #[must_use]
    pub fn letters(&self) -> Vec<Letter> {
        self.0.lock().clone()
    }
}

/// The RFC 5322 message. The library would draw a Message-ID with digits and might choose base64, so both are set.
fn write(letter: &Letter, from: &Mailbox, clock: &Clock, chance: &Chance) -> Result<Message, Error> {
    let to: Mailbox = letter.to.parse().map_err(|_| Error::Recipient)?;
    let seconds = u64::try_from(clock.now().as_second()).unwrap_or(0);
    // Asking the library to use an encoding that it finds unfit would panic, with the letter in the panic's message.
    let encoded = |encoding| Body::new_with_encoding(letter.text.clone(), encoding);
    let body = encoded(ContentTransferEncoding::SevenBit)
        .or_else(|_| encoded(ContentTransferEncoding::QuotedPrintable))
        .map_err(|_| Error::Unwritable)?;
    Message::builder()
        .from(from.clone())
        .to(to)
        .date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
        .message_id(Some(format!("<{}@{}>", letters(chance, 32), from.email.domain())))
        .subject(letter.subject)
        .header(MIME_VERSION_1_0)
        .header(ContentType::TEXT_PLAIN)
        .body(body)
        .map_err(|_| Error::Unwritable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(text: &str) -> Letter {
        Letter { to: "rosa@example.com".to_owned(), subject: "Su código de acceso", text: text.to_owned() }
    }

    /// Every maximal run of digits of length six or more.
    fn runs(text: &str) -> Vec<&str> {
        text.split(|c: char| !c.is_ascii_digit()).filter(|run| run.len() >= 6).collect()
    }

    async fn sent(text: &str, seed: u64) -> String {
        let folder = tempfile::tempdir().unwrap();
        let (clock, _hand) = Clock::manual("2026-11-24T02:00:00Z".parse().unwrap());
        let url = format!("file:{}", folder.path().display());
        let mail = Mail::from_url(&url, "Plan <no-reply@plan.example>", clock, Chance::seeded(seed)).unwrap();
        mail.send(letter(text)).await.unwrap();
        let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().path()).collect();
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].extension().unwrap(), "eml");
        String::from_utf8(std::fs::read(&files[0]).unwrap()).unwrap()
    }

    #[tokio::test]
    async fn the_code_is_the_only_run_of_six_digits_and_stands_alone() {
        for seed in 0..50 {
            for text in [
                "Your code is\n\n123456\n\nIt works for ten minutes.\n",
                "Su código es\n\n123456\n\nCaduca pronto: ñandú 10.\n",
                "Someone, we hope you, asked for a code to sign in at Alder County Health Plan. Your code is:\n\n123456\n\nIt works for ten minutes.\n",
            ] {
                let file = sent(text, seed).await;
                assert_eq!(runs(&file), ["123456"], "{file}");
                assert!(file.contains("\r\n123456\r\n"), "{file}");
                assert!(!file.contains("base64"), "{file}");
            }
        }
    }

    #[tokio::test]
    async fn the_file_is_a_message() {
        let file = sent("Hello\n", 7).await;
        for header in
            ["From: ", "To: rosa@example.com", "Date: Tue, 24 Nov 2026 02:00:00 +0000", "Message-ID: <", "Subject: "]
        {
            assert!(file.contains(header), "{header} missing in {file}");
        }
        assert!(file.ends_with("\r\n\r\nHello\r\n"), "{file}");
    }

    #[tokio::test]
    async fn an_address_cannot_bring_headers() {
        let (mail, outbox) = Mail::memory();
        for to in ["a@example.com\r\nBcc: b@example.com", "nobody", ""] {
            let refused = mail.send(Letter { to: to.to_owned(), ..letter("x") }).await;
            assert!(matches!(refused, Err(Error::Recipient)), "{to}");
        }
        assert!(outbox.letters().is_empty());
        mail.send(letter("x")).await.unwrap();
        assert_eq!(outbox.letters().len(), 1);
    }

    #[test]
    fn wrong_transports_are_named() {
        let build =
            |url| Mail::from_url(url, "a@b.example", Clock::system(), Chance::seeded(1)).err().map(|e| e.to_string());
        assert!(build("pigeon:").unwrap().contains("smtps://"));
        assert!(Mail::from_url("file:x", "nobody", Clock::system(), Chance::seeded(1)).is_err());
    }
}
