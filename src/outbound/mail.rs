//! E-mail out: SMTP, a folder of `.eml` files, or memory in tests.
//!
//! Invariant: subjects are ours, never a person's words, and nothing but the text of a letter holds six digits in a
//! row, so that a program (and a phone) finds the code.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use lettre::message::header::{ContentTransferEncoding, ContentType, MIME_VERSION_1_0};
use lettre::message::{Body, Mailbox};
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::{self, AsyncSmtpTransportBuilder};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use parking_lot::Mutex;
use url::Url;

use super::folder::{Folder, letters};
use super::{Chance, Clock, Error, tls};

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
    Smtp(Arc<Smtp>),
    /// The folder, and a copy in memory of the last letters for the demo's outbox page.
    Folder(Folder, Outbox),
}

/// A mail server. Its pool of connections begins a task of its own, so it is made at the first message: most commands run
/// without a runtime and send nothing.
struct Smtp {
    builder: AsyncSmtpTransportBuilder,
    pool: OnceLock<AsyncSmtpTransport<Tokio1Executor>>,
}

impl Smtp {
    fn pool(&self) -> &AsyncSmtpTransport<Tokio1Executor> {
        self.pool.get_or_init(|| self.builder.clone().build())
    }
}

/// What a test's transport "sent".
#[derive(Clone, Default)]
pub struct Outbox(Arc<Mutex<Vec<Letter>>>);

/// Letters that an outbox keeps in memory.
const MAX_KEPT: usize = 500;

/// Longest time to reach a mail server.
const SMTP_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time for one message, from the connection to the server's word that it has it.
const SMTP_WITHIN: Duration = Duration::from_secs(30);

impl Mail {
    /// A transport from its configured address: `smtp://`, `smtps://` or `file:DIR`. `authority` is the file of the authority
    /// that vouches for the mail server, where it is the plan's own.
    pub fn from_url(
        url: &str,
        from: &str,
        authority: Option<&Path>,
        clock: Clock,
        chance: Chance,
    ) -> Result<Self, Error> {
        let from: Mailbox = from.parse().map_err(|_| Error::Sender)?;
        let by = if let Some(folder) = url.strip_prefix("file:") {
            Carrier::Folder(Folder::new(folder, clock.clone(), chance.clone()), Outbox::default())
        } else if url.starts_with("smtp://") || url.starts_with("smtps://") {
            let builder = server(url, authority)?.timeout(Some(SMTP_TIMEOUT));
            Carrier::Smtp(Arc::new(Smtp { builder, pool: OnceLock::new() }))
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
                    Carrier::Smtp(smtp) => in_time(smtp.pool().send(message)).await.map(drop),
                }
            }
        }
    }

    /// Whether the mail server can be reached and lets us in. Nothing is sent.
    pub async fn check(&self) -> Result<(), Error> {
        match &self.0 {
            Way::Real { by: Carrier::Smtp(smtp), .. } => {
                let answers = in_time(smtp.pool().test_connection()).await?;
                if answers { Ok(()) } else { Err(Error::Unreachable(None)) }
            }
            Way::Memory(_) | Way::Real { .. } => Ok(()),
        }
    }
}

/// The library's own limit is for the connection; a server that is silent after that would be waited for without end.
async fn in_time<T>(work: impl Future<Output = Result<T, smtp::Error>>) -> Result<T, Error> {
    match tokio::time::timeout(SMTP_WITHIN, work).await {
        Ok(done) => done.map_err(|error| failed(&error)),
        Err(_) => Err(Error::Unreachable(None)),
    }
}

fn failed(error: &smtp::Error) -> Error {
    let code = error.status().map(u16::from);
    // Waiting mends neither a certificate nor an answer such as "no such user".
    if is_untrusted(error) {
        return Error::Untrusted;
    }
    if error.is_permanent() || error.is_client() { Error::Refused(code) } else { Error::Unreachable(code) }
}

/// Whether a certificate is at the bottom of it: the library reports a connection that failed.
fn is_untrusted(error: &smtp::Error) -> bool {
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let inside = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let by_tls = inside.and_then(|inside| inside.downcast_ref()).or_else(|| cause.downcast_ref());
        if matches!(by_tls, Some(rustls::Error::InvalidCertificate(_))) {
            return true;
        }
        next = cause.source();
    }
    false
}

/// A mail server from its address. Codes open records, so they do not leave this machine in the clear.
fn server(address: &str, authority: Option<&Path>) -> Result<AsyncSmtpTransportBuilder, Error> {
    let refused = |why: &str| Error::Transport(format!("[mail] transport {why}"));
    let unread = || refused("is not an address such as smtps://user:password@host");
    let url = Url::parse(address).map_err(|_| unread())?;
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(unread)?;
    let is_here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    let starts_tls = url.query_pairs().any(|(name, value)| name == "tls" && value == "required");
    if url.scheme() == "smtp" && !starts_tls && !is_here {
        return Err(refused("would send codes in the clear: use smtps://, or smtp://HOST?tls=required for STARTTLS"));
    }
    let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(address).map_err(|_| unread())?;
    let Some(authority) = authority else { return Ok(builder) };
    let unfit = |error: smtp::Error| Error::Authority { file: authority.to_owned(), cause: error.to_string() };
    let certificate = Certificate::from_pem(&tls::read(authority)?).map_err(unfit)?;
    let trusts = TlsParameters::builder(host.to_owned()).add_root_certificate(certificate).build().map_err(unfit)?;
    Ok(match (url.scheme(), starts_tls) {
        ("smtps", _) => builder.tls(Tls::Wrapper(trusts)),
        (_, true) => builder.tls(Tls::Required(trusts)),
        _ => builder,
    })
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
        let mail = Mail::from_url(&url, "Plan <no-reply@plan.example>", None, clock, Chance::seeded(seed)).unwrap();
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
        let build = |url| {
            let made = Mail::from_url(url, "a@b.example", None, Clock::system(), Chance::seeded(1));
            made.err().map(|error| error.to_string())
        };
        assert!(build("pigeon:").unwrap().contains("smtps://"));
        assert!(Mail::from_url("file:x", "nobody", None, Clock::system(), Chance::seeded(1)).is_err());
        for open in ["smtp://u:p@mail.example", "smtp://mail.example:25?tls=opportunistic"] {
            assert!(build(open).unwrap().contains("in the clear"), "{open}");
        }
    }

    /// Every command with a real mail server ended in "there is no reactor running" (pages.md 1).
    #[test]
    fn a_mail_server_is_named_without_a_runtime() {
        for url in ["smtps://u:p@mail.example", "smtp://u:p@mail.example:587?tls=required", "smtp://127.0.0.1:2525"] {
            Mail::from_url(url, "a@b.example", None, Clock::system(), Chance::seeded(1))
                .unwrap_or_else(|e| panic!("{e}"));
        }
    }
}
