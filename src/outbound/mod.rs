//! The outside of the process: the only way out (HTTP, mail, SMS), and the two things that come in unasked, time and
//! chance. Nothing else in the product opens a socket, reads a clock or draws a random number.

mod chance;
mod clock;
mod error;
mod folder;
mod mail;
mod sms;
mod tls;
mod webhook;

pub use chance::Chance;
pub use clock::{Clock, ClockHand};
pub use error::Error;
pub use mail::{Letter, Mail, Outbox};
pub use sms::{Sms, Text, TextOutbox};
pub use tls::http;
