//! `[server]` and `[server.limits]`: the listening side.

use std::net::SocketAddr;
use std::time::Duration;

use super::key::section;
use super::value::{Network, Span};

section! {
    /// The listening side. TLS is ended by a reverse proxy in front of Ingle.
    "server" => Server {
        /// Address and port to listen on.
        Default listen: SocketAddr = r#""127.0.0.1:8080""#;
        /// Proxies whose `X-Forwarded-For` is believed: addresses or networks. From anyone else the header is ignored.
        Default trusted_proxies: Vec<Network> = r#"["127.0.0.1", "::1"]"#;
        /// How long running requests may take to finish after SIGTERM.
        Default shutdown_grace: Span = r#""10s""#;
    }
}

section! {
    /// How much one caller may ask of the server.
    "server.limits" => Limits {
        /// Connections held at the same time; more wait until one ends.
        Default connections: u32 = "4096";
    }
}

impl Server {
    /// How long running requests may take to finish.
    #[must_use]
    pub fn grace(&self) -> Duration {
        self.shutdown_grace.duration()
    }
}
