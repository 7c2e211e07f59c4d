//! A request on its way through the house: what the guard proved, and what handlers read from it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use poem::error::ReadBodyError;
use poem::http::{HeaderMap, HeaderName, Method, Uri};
use poem::{Body, Request};

use super::acts::Actor;
use super::problem::Problem;
use super::router;
use crate::access::{Base, Denied, Effort, Operation, Principal, View, decide};
use crate::audit::{Audit, Place};
use crate::fhir::Kind;
use crate::fhir::json::{self, Node};
use crate::fhir::reference::is_id;
use crate::fhir::xml;
use crate::realm::{Caller, Network, Realm};

/// Bytes of a form, a search body, or the parameters of an operation.
pub(super) const MAX_FORM: usize = 1 << 20;
/// Bytes of a resource, a Bundle or a patch.
pub(super) const MAX_RESOURCE: usize = 16 << 20;
/// Longest time for a form to arrive after its head.
const FORM_WITHIN: Duration = Duration::from_secs(30);
/// Longest time for a resource: the largest takes two minutes at one megabit a second.
const RESOURCE_WITHIN: Duration = Duration::from_mins(4);

/// The last place in the audit that a request took. Its entries are written in order.
#[derive(Default)]
pub(super) struct Entered {
    place: parking_lot::Mutex<Option<Place>>,
    /// Who acts, as far as the handler learned it.
    pub(super) actor: parking_lot::Mutex<Actor>,
}

impl Entered {
    /// The answer waits for this place, and for those before it.
    pub(super) fn set(&self, place: Place) {
        *self.place.lock() = Some(place);
    }

    /// Returns once everything that was entered is in the file. Other requests that are under way go on meanwhile and
    /// share the write.
    pub(super) async fn settle(&self, audit: &Audit) -> Result<(), Problem> {
        let Some(place) = *self.place.lock() else { return Ok(()) };
        tokio::task::yield_now().await;
        audit.write(place).map_err(Problem::from)
    }
}

/// All of a body, if it is no larger than `most` and arrives within a time: a handler that waits has no other deadline.
async fn whole(body: Body, most: usize, within: Duration) -> Result<Bytes, Problem> {
    match tokio::time::timeout(within, body.into_bytes_limit(most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(ReadBodyError::PayloadTooLarge)) => Err(Problem::TooLarge(most)),
        Ok(Err(_)) => Err(Problem::BrokenOff),
        Err(_) => Err(Problem::Slow(within.as_secs())),
    }
}

/// Bytes of a body that is read for nothing, so that its connection can be used again: a client that is told "401, refresh,
/// try again" does so on the same connection (RFC 9112, 9.6).
const MAX_DRAINED: usize = 64 << 10;
/// Longest time for that.
const DRAINED_WITHIN: Duration = Duration::from_secs(1);

/// Reads what is left of a body that nobody wants; false if it is too long or slow, and the connection must end.
pub(super) async fn drain(body: Body) -> bool {
    whole(body, MAX_DRAINED, DRAINED_WITHIN).await.is_ok()
}

/// The network address that a request comes from: the connection's, or what a trusted proxy says.
pub(super) fn network(request: &Request, realm: &Realm) -> Option<IpAddr> {
    let trusted = |ip: IpAddr| realm.config.server.trusted_proxies.iter().any(|net| net.contains(ip));
    let peer = request.remote_addr().as_socket_addr().map(std::net::SocketAddr::ip)?;
    Some(nearest(peer, request.headers(), trusted))
}

/// The nearest address on the way that cannot be forged.
fn nearest(peer: IpAddr, headers: &HeaderMap, trusted: impl Fn(IpAddr) -> bool) -> IpAddr {
    if !trusted(peer) {
        return peer;
    }
    // The last address that no trusted proxy vouches for. What cannot be read hides everything before it, which the caller
    // may have written.
    let forwarded = headers.get_all("x-forwarded-for");
    let lines: Vec<&str> = forwarded.iter().map(|value| value.to_str().unwrap_or_default()).collect();
    let mut last = peer;
    for hop in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
        let Some(address) = hop_address(hop.trim()) else { break };
        last = address;
        if !trusted(address) {
            break;
        }
    }
    last
}

/// An address as proxies write it: alone, or with the port, which puts brackets around IPv6.
fn hop_address(hop: &str) -> Option<IpAddr> {
    let alone = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    alone.parse().ok().or_else(|| hop.parse().ok().map(|with_port: SocketAddr| with_port.ip()))
}

/// Whose turn it is when long work waits: an app and its member, or else a network.
pub(super) fn caller(principal: &Principal, network: Option<IpAddr>) -> Caller {
    let network = network.map(Network::of);
    match principal {
        Principal::App(access) => {
            let member = access.member.as_deref();
            let app = format!("{} {}", access.client_id, member.unwrap_or_default());
            Caller { app: Some(app.into()), network, is_of_the_plan: member.is_none() }
        }
        _ => Caller { app: None, network, is_of_the_plan: false },
    }
}

/// One request.
pub(crate) struct Ask {
    /// The realm it came to.
    pub realm: Arc<Realm>,
    /// The sandbox, where developers try their apps, if there is one.
    pub sandbox: Option<Arc<Realm>>,
    /// Who is asking.
    pub principal: Principal,
    /// The id that the answer carries.
    pub id: String,
    /// The FHIR base of the route, if it is one.
    pub base: Base,
    /// What this request entered in the audit; the answer waits for it.
    pub(super) entered: Arc<Entered>,
    /// The route's path, which says what the request's path names.
    pub(super) pattern: Arc<str>,
    pub(super) request: Request,
    pub(super) body: Body,
    /// What it may cost where it runs.
    pub(super) effort: Effort,
    /// True on a thread of the realm's readers, where it may take longer.
    pub(super) in_pool: bool,
}

impl Ask {
    /// A segment of the path by its name in the route, decoded; empty if it is not UTF-8.
    pub(super) fn segment(&self, name: &str) -> String {
        let raw = router::segment(&self.pattern, self.uri().path(), name).unwrap_or_default();
        if !raw.contains('%') {
            return raw.to_owned();
        }
        percent_decode_str(raw).decode_utf8().map(Into::into).unwrap_or_default()
    }

    pub(super) fn header(&self, name: HeaderName) -> Option<&str> {
        self.request.headers().get(name)?.to_str().ok()
    }

    /// A header that has no name in HTTP's own registry.
    pub(super) fn text_header(&self, name: &str) -> Option<&str> {
        self.request.headers().get(name)?.to_str().ok()
    }

    /// What `Prefer` says about something, such as `return` (RFC 7240).
    pub(super) fn prefers(&self, about: &str) -> Option<String> {
        let values = self.request.headers().get_all("prefer");
        let parts = values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split([',', ';']));
        parts.filter_map(|part| part.split_once('=')).find_map(|(name, value)| {
            name.trim().eq_ignore_ascii_case(about).then(|| value.trim().trim_matches('"').to_owned())
        })
    }

    /// A request inside this one, such as an entry of a Bundle: the same caller at the same base.
    pub(super) fn inner(&self, request: Request, pattern: &Arc<str>, body: Body) -> Self {
        Self {
            realm: Arc::clone(&self.realm),
            sandbox: self.sandbox.clone(),
            principal: self.principal.clone(),
            id: self.id.clone(),
            base: self.base,
            entered: Arc::clone(&self.entered),
            pattern: Arc::clone(pattern),
            request,
            body,
            effort: self.effort.clone(),
            in_pool: self.in_pool,
        }
    }

    /// Says for the audit who acts.
    pub(super) fn acts(&self, say: impl FnOnce(&mut Actor)) {
        say(&mut self.entered.actor.lock());
    }

    /// The media type of the body, without its parameters.
    pub(super) fn media(&self) -> &str {
        let content = self.request.content_type().unwrap_or_default();
        content.split(';').next().map(str::trim).unwrap_or_default()
    }

    /// The body.
    pub(super) async fn bytes(&mut self) -> Result<Vec<u8>, Problem> {
        self.bytes_up_to(MAX_RESOURCE).await
    }

    async fn bytes_up_to(&mut self, most: usize) -> Result<Vec<u8>, Problem> {
        let body = std::mem::replace(&mut self.body, Body::empty());
        Ok(whole(body, most, RESOURCE_WITHIN).await?.into())
    }

    /// The body, which must be a resource in JSON or XML; as JSON.
    pub(super) async fn resource(&mut self) -> Result<Vec<u8>, Problem> {
        self.resource_up_to(MAX_RESOURCE).await
    }

    /// [`Ask::resource`] for what strangers may send.
    pub(super) async fn small_resource(&mut self) -> Result<Vec<u8>, Problem> {
        self.resource_up_to(MAX_FORM).await
    }

    async fn resource_up_to(&mut self, most: usize) -> Result<Vec<u8>, Problem> {
        match self.media() {
            "application/fhir+json" | "application/json" | "application/json+fhir" => self.bytes_up_to(most).await,
            "application/fhir+xml" | "application/xml" | "text/xml" | "application/xml+fhir" => {
                let bytes = self.bytes_up_to(most).await?;
                self.apart(bytes.len(), move || xml::read(&bytes)).await?.map_err(Problem::Xml)
            }
            _ => {
                drain(std::mem::replace(&mut self.body, Body::empty())).await;
                Err(Problem::ResourceType)
            }
        }
    }

    pub(super) fn all_headers(&self) -> &HeaderMap {
        self.request.headers()
    }

    pub(super) fn uri(&self) -> &Uri {
        self.request.uri()
    }

    pub(super) fn method(&self) -> &Method {
        self.request.method()
    }

    /// The network address of the caller: the connection's, or what a trusted proxy says.
    pub(super) fn network(&self) -> Option<IpAddr> {
        network(&self.request, &self.realm)
    }

    /// The parameters of the query string, decoded, in order.
    pub(super) fn query(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(self.uri().query().unwrap_or_default().as_bytes()).into_owned().collect()
    }

    /// The fields of a form in the body, decoded, in order.
    pub(super) async fn form(&mut self) -> Result<Vec<(String, String)>, Problem> {
        let media = self.media().to_owned();
        let is_form = media == "application/x-www-form-urlencoded";
        if !is_form && !media.is_empty() {
            drain(std::mem::replace(&mut self.body, Body::empty())).await;
            return Err(Problem::MediaType);
        }
        let body = std::mem::replace(&mut self.body, Body::empty());
        let bytes = whole(body, MAX_FORM, FORM_WITHIN).await?;
        // Without a body everything stands in the query string.
        if !is_form && !bytes.is_empty() {
            return Err(Problem::MediaType);
        }
        Ok(form_urlencoded::parse(&bytes).into_owned().collect())
    }

    /// What an operation was given in its body: a `Parameters` resource with primitive values, a form, or nothing (FHIR R4,
    /// operations, 3.2.0.1).
    pub(super) async fn parameters(&mut self) -> Result<Vec<(String, String)>, Problem> {
        let content = self.request.content_type().unwrap_or_default();
        let mime = content.split(';').next().map(str::trim).unwrap_or_default().to_owned();
        if mime == "application/x-www-form-urlencoded" {
            return self.form().await;
        }
        if mime.is_empty() && self.bytes().await?.is_empty() {
            return Ok(Vec::new());
        }
        let bytes = self.small_resource().await.map_err(|problem| match problem {
            Problem::ResourceType => Problem::MediaType,
            other => other,
        })?;
        if bytes.is_empty() {
            return Ok(Vec::new());
        }
        let node = json::parse(&bytes).map_err(|error| Problem::Parameters(error.to_string()))?;
        if node.text_of("resourceType") != Some("Parameters") {
            return Err(Problem::Parameters("it is not a 'Parameters' resource".into()));
        }
        let items = node.get("parameter").map(Node::items).unwrap_or_default();
        let pair = |item: &Node<'_>| {
            let (_, value) = item.members().iter().find(|(name, _)| name.starts_with("value"))?;
            let value = match value {
                Node::String(text) => text.to_string(),
                Node::Number(_) | Node::Bool(_) => value.to_string(),
                Node::Null | Node::Array(_) | Node::Object(_) => return None,
            };
            Some((item.text_of("name")?.to_owned(), value))
        };
        let unread = || Problem::Parameters("each parameter needs a 'name' and a primitive 'value[x]'".into());
        items.iter().map(|item| pair(item).ok_or_else(unread)).collect()
    }

    /// The type named in the path.
    pub(super) fn kind(&self) -> Result<Kind, Problem> {
        let name = self.segment("kind");
        if name.starts_with('$') {
            return Err(Problem::Operation);
        }
        // Back-end clients see types on `/fhir` that no member's app does: `decide` tells them apart.
        let is_here = |kind: &Kind| self.base == Base::Fhir || self.base.serves(*kind);
        Kind::parse(&name).filter(is_here).ok_or(Problem::UnknownType(name))
    }

    /// The logical id named in the path.
    pub(super) fn instance(&self) -> Result<String, Problem> {
        let id = self.segment("id");
        match id.as_bytes() {
            [b'$', ..] => Err(Problem::Operation),
            _ if is_id(&id) => Ok(id),
            _ => Err(Problem::NotFound),
        }
    }

    /// What the caller may see: the first statement of every handler that reads resources.
    pub(super) fn decide(&self, kind: Kind, operation: Operation) -> Result<View, Problem> {
        let view = decide(&self.principal, self.base, kind, operation, self.realm.clock.now());
        view.map(|view| view.costing(&self.effort)).map_err(|denied| match denied {
            Denied::NotServed => Problem::UnknownType(kind.name().to_owned()),
            Denied::SignIn => Problem::SignIn,
            Denied::Scope => Problem::Scope { kind, operation },
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Error;

    use futures_util::{StreamExt, stream};

    use super::*;

    /// Whoever sends `X-Forwarded-For` writes its beginning; only what a proxy of ours has added is known.
    #[test]
    fn the_address_that_counts_cannot_be_forged() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let trusted = |address: IpAddr| [ip("127.0.0.1"), ip("10.0.0.1")].contains(&address);
        for (peer, forwarded, expected) in [
            ("192.0.2.7", &["198.51.100.9"][..], "192.0.2.7"),
            ("127.0.0.1", &[], "127.0.0.1"),
            ("127.0.0.1", &["198.51.100.9"], "198.51.100.9"),
            ("127.0.0.1", &["203.0.113.66, 198.51.100.9"], "198.51.100.9"),
            ("127.0.0.1", &["203.0.113.66, 198.51.100.9, 10.0.0.1"], "198.51.100.9"),
            ("127.0.0.1", &["203.0.113.66", "198.51.100.9"], "198.51.100.9"),
            ("127.0.0.1", &["10.0.0.1"], "10.0.0.1"),
            ("127.0.0.1", &["nonsense"], "127.0.0.1"),
            // Proxies that add the port (access.md S15).
            ("127.0.0.1", &["198.51.100.7, 203.0.113.9:4711"], "203.0.113.9"),
            ("127.0.0.1", &["198.51.100.7, [2001:db8::9]:4711"], "2001:db8::9"),
            ("127.0.0.1", &["198.51.100.7, [2001:db8::9]"], "2001:db8::9"),
            ("127.0.0.1", &["203.0.113.66, 198.51.100.9, unknown"], "127.0.0.1"),
            ("127.0.0.1", &["203.0.113.66, unknown, 10.0.0.1"], "10.0.0.1"),
        ] {
            let mut headers = HeaderMap::new();
            for line in forwarded {
                headers.append("x-forwarded-for", line.parse().unwrap());
            }
            assert_eq!(nearest(ip(peer), &headers, trusted), ip(expected), "{peer} {forwarded:?}");
        }
    }

    #[tokio::test]
    async fn a_body_is_whole_or_refused_for_its_own_reason() {
        let some = || stream::iter([Ok::<_, Error>("ab"), Ok("cd")]);
        let soon = Duration::from_millis(20);
        let read = async |body: Body, most| whole(body, most, soon).await.map_err(|problem| problem.status().as_u16());
        assert_eq!(read(Body::from_bytes_stream(some()), 4).await.unwrap(), "abcd");
        assert_eq!(read(Body::from_bytes_stream(some()), 3).await, Err(413));
        let silent = some().chain(stream::pending());
        assert_eq!(read(Body::from_bytes_stream(silent), 9).await, Err(408));
        let broken = some().chain(stream::iter([Err(Error::other("gone"))]));
        assert_eq!(read(Body::from_bytes_stream(broken), 9).await, Err(400));
    }
}
