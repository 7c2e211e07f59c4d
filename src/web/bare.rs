//! The ceiling that `ingle bench` puts beside its figures: a route of poem, served by poem as it comes. Only Nagle's
//! algorithm is switched off, which would cost 40 ms on kept connections.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use poem::http::header;
use poem::http::uri::Scheme;
use poem::listener::{Acceptor, Listener, TcpAcceptor, TcpListener};
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Endpoint, Request, Response};
use tokio::net::TcpStream;

/// A server of one route, `/bare`, that returns the same bytes to everyone.
pub struct Bare {
    acceptor: AtOnce,
    address: SocketAddr,
    body: Bytes,
}

impl Bare {
    /// Takes an address.
    ///
    /// # Errors
    /// What the operating system says, such as an address in use.
    pub async fn bind(listen: SocketAddr, body: Bytes) -> std::io::Result<Self> {
        let acceptor = AtOnce(TcpListener::bind(listen).into_acceptor().await?);
        let address = acceptor.local_addr().first().and_then(|at| at.as_socket_addr().copied()).unwrap_or(listen);
        Ok(Self { acceptor, address, body })
    }

    /// The address it listens on.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` resolves.
    ///
    /// # Errors
    /// What the operating system says about the listening socket.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> std::io::Result<()> {
        let route = poem::Route::new().at("/bare", poem::get(Same(self.body)));
        poem::Server::new_with_acceptor(self.acceptor)
            .run_with_graceful_shutdown(route, stop, Some(Duration::ZERO))
            .await
    }
}

struct Same(Bytes);

impl Endpoint for Same {
    type Output = Response;

    async fn call(&self, _: Request) -> poem::Result<Response> {
        Ok(Response::builder()
            .header(header::CONTENT_TYPE, "application/fhir+json; charset=utf-8")
            .body(self.0.clone()))
    }
}

struct AtOnce(TcpAcceptor);

impl Acceptor for AtOnce {
    type Io = TcpStream;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.0.local_addr()
    }

    async fn accept(&mut self) -> std::io::Result<(TcpStream, LocalAddr, RemoteAddr, Scheme)> {
        let accepted = self.0.accept().await?;
        accepted.0.set_nodelay(true)?;
        Ok(accepted)
    }
}
