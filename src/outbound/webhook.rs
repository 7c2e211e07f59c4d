//! Text messages out through an address that the plan runs or rents: one signed HTTPS request per message.
//!
//! The signature is that of Standard Webhooks: `webhook-signature: v1,` and the base64 of HMAC-SHA256 over
//! `{webhook-id}.{webhook-timestamp}.{body}` with the shared secret, so the receiver knows that it was us, and when. One
//! message has one id however often it is sent: the receiver drops the second.
//!
//! Deliberately absent: following redirects, and the environment's proxies.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, StatusCode};
use url::{Host, Url};

use super::{Chance, Clock, Error, tls};

/// A receiver that does not answer must not hold a message for longer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Tries for one message.
const TRIES: u32 = 3;
/// Wait before the second try; it doubles.
const PAUSE: Duration = Duration::from_millis(500);
/// Secrets of Standard Webhooks begin with this; base64 follows.
const SECRET_PREFIX: &str = "whsec_";
/// Bytes of the shortest secret.
const SHORTEST_SECRET: usize = 24;

pub(super) struct Webhook {
    client: Client,
    url: Url,
    key: hmac::Key,
    clock: Clock,
    chance: Chance,
}

impl Webhook {
    pub(super) fn new(
        url: &str,
        secret: &str,
        authority: Option<&[u8]>,
        clock: Clock,
        chance: Chance,
    ) -> Result<Self, Error> {
        let refused = |why: &str| Error::Transport(format!("[sms] {why}"));
        let url = Url::parse(url).map_err(|_| refused("transport is not an address such as https://host/path"))?;
        if url.scheme() != "https" && !is_this_machine(&url) {
            return Err(refused("transport must begin with https:// unless the host is this machine"));
        }
        let secret = secret.trim();
        let encoded = secret.strip_prefix(SECRET_PREFIX).unwrap_or(secret);
        let key = STANDARD.decode(encoded).ok().filter(|key| key.len() >= SHORTEST_SECRET).ok_or_else(|| {
            refused("secret must be whsec_ and the base64 of at least 24 random bytes; make one with `openssl rand -base64 32`")
        })?;
        let client = tls::http(authority)?.timeout(TIMEOUT).build();
        let client = client.map_err(|_| refused("transport cannot be set up"))?;
        Ok(Self { client, url, key: hmac::Key::new(hmac::HMAC_SHA256, &key), clock, chance })
    }

    /// Done when the receiver has it.
    pub(super) async fn send(&self, body: Vec<u8>) -> Result<(), Error> {
        let id = format!("msg_{}", self.chance.id());
        let mut pause = PAUSE;
        let mut tries = 0;
        loop {
            tries += 1;
            match self.once(&id, body.clone()).await {
                Err(Error::NotTaken(_)) if tries < TRIES => tokio::time::sleep(pause).await,
                result => return result,
            }
            pause *= 2;
        }
    }

    async fn once(&self, id: &str, body: Vec<u8>) -> Result<(), Error> {
        let at = self.clock.now().as_second();
        let signed = [format!("{id}.{at}.").as_bytes(), &body].concat();
        let signature = STANDARD.encode(hmac::sign(&self.key, &signed));
        let request = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", at)
            .header("webhook-signature", format!("v1,{signature}"));
        let status = match request.body(body).send().await {
            Ok(answer) => answer.status(),
            Err(_) => return Err(Error::NotTaken(None)),
        };
        match status {
            status if status.is_success() => Ok(()),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Err(Error::NotTaken(Some(status.as_u16()))),
            status if status.is_server_error() => Err(Error::NotTaken(Some(status.as_u16()))),
            status => Err(Error::RefusedText(status.as_u16())),
        }
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
