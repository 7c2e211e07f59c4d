//! Every error of every room becomes an answer here and nowhere else.
//!
//! Policy. The caller reads what happened, where, and what to do, and never anything about data she may not see: not
//! found and not hers are one answer. What is our fault is logged once, here, with the request id and without PHI; the
//! caller gets the id to quote. FHIR bases answer with an `OperationOutcome` (FHIR R4, http, 3.1.0.1.4), OAuth endpoints
//! with an RFC 6749 error object, pages with a page.

use poem::Response;
use poem::http::{HeaderMap, HeaderValue, StatusCode, header};

use super::{fhir, pages};
use crate::access::Operation;
use crate::fhir::filter::Refusal;
use crate::fhir::outcome::{self, Problem as Outcome};
use crate::fhir::xml::XmlError;
use crate::fhir::{Kind, patch};
use crate::realm::{LONGEST, Realm, Refused};
use crate::{audit, index, oauth, search, store, write};

/// Why a request gets no good answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    /// No token on a base that needs one.
    #[error("this needs an access token: send 'Authorization: Bearer …'")]
    SignIn,
    /// A token that is malformed, expired or revoked.
    #[error("the access token is not valid, has expired, or was revoked; get a new one")]
    Token,
    /// Scopes too small.
    #[error("the access token's scopes do not allow {} on {kind}; {}", .operation.word(), scope(*.operation, *.kind))]
    Scope {
        /// The type.
        kind: Kind,
        /// What was wanted.
        operation: Operation,
    },
    /// A type that the base does not serve.
    #[error("this base does not serve '{0}'; its CapabilityStatement at 'metadata' lists what it does")]
    UnknownType(String),
    /// Not there, or not the caller's.
    #[error("there is no such resource, or it is not yours to see")]
    NotFound,
    /// It was there.
    #[error("this resource has been deleted")]
    Gone,
    /// No such address.
    #[error("there is nothing at this address")]
    NoRoute,
    /// No such operation.
    #[error("this server has no such operation here; its CapabilityStatement at 'metadata' lists those that it has")]
    Operation,
    /// Not with this method.
    #[error("this address does not take that method")]
    Method,
    /// `Accept` or `_format` asks for what we do not write.
    #[error("this server answers in JSON and XML: ask for 'application/fhir+json' or 'application/fhir+xml'")]
    NotAcceptable,
    /// The body is of another type.
    #[error(
        "the body must be of type 'application/x-www-form-urlencoded', or 'application/fhir+json' for an operation"
    )]
    MediaType,
    /// A body that is not FHIR JSON.
    #[error("the body must be of type 'application/fhir+json' or 'application/fhir+xml'")]
    ResourceType,
    /// A patch of a kind we do not take.
    #[error("a patch must be of type 'application/json-patch+json', or 'application/fhir+json' for a FHIRPath Patch")]
    PatchType,
    /// What members' apps do not get.
    #[error(
        "this is for back-end clients with a 'system/' scope; ask for the history of one resource, or search by '_lastUpdated'"
    )]
    BackEndOnly,
    /// A change was not made.
    #[error(transparent)]
    Write(write::Error),
    /// The body is too large.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// The body does not come to its end.
    #[error("the body did not arrive within {0} seconds; send it again")]
    Slow(u64),
    /// The body broke off.
    #[error("the body broke off before its end; send it again")]
    BrokenOff,
    /// The search was not understood.
    #[error(transparent)]
    Search(search::Error),
    /// The body of an operation cannot be read.
    #[error("the body cannot be read: {0}")]
    Parameters(String),
    /// What an operation needs is missing or unknown.
    #[error("{0}")]
    Asked(String),
    /// A body that is not the XML of a resource.
    #[error("not valid FHIR XML: {0}")]
    Xml(XmlError),
    /// Terminology that is not carried.
    #[error("this server does not carry that value set or code system; it carries what the guides enumerate")]
    NotCarried,
    /// A header cannot be read.
    #[error("the header '{0}' cannot be read")]
    Header(&'static str),
    /// What an app did wrong at an OAuth endpoint.
    #[error(transparent)]
    Refused(oauth::Refusal),
    /// The audit takes nothing, so nothing leaves.
    #[error("nothing can be disclosed at the moment; try again later")]
    Audit(#[from] audit::Error),
    /// The store failed.
    #[error("the server cannot answer at the moment; try again later")]
    Store(store::Error),
    /// The pool of readers did not do it.
    #[error(transparent)]
    Readers(#[from] Refused),
    /// The allowance of a socket's thread is used up; the work begins again in the pool, so nobody reads this.
    #[error("the server is busy; try again later")]
    Exhausted,
    /// Anything else that is our fault.
    #[error("the server made a mistake; tell the plan the request id")]
    Internal(String),
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Exhausted(_) => Self::Exhausted,
            other => Self::Store(other),
        }
    }
}

impl From<oauth::Error> for Problem {
    fn from(error: oauth::Error) -> Self {
        match error {
            oauth::Error::InvalidToken => Self::Token,
            oauth::Error::Refused(refusal) => Self::Refused(refusal),
            oauth::Error::Store(error) => Self::Store(error),
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<search::Error> for Problem {
    fn from(error: search::Error) -> Self {
        match error {
            search::Error::Store(error) => error.into(),
            search::Error::Index(index::Error::Exhausted(_)) => Self::Exhausted,
            other => Self::Search(other),
        }
    }
}

impl From<write::Error> for Problem {
    fn from(error: write::Error) -> Self {
        match error {
            write::Error::Store(error) => error.into(),
            write::Error::Condition(error) => error.into(),
            write::Error::Scope { kind, operation } => Self::Scope { kind, operation },
            write::Error::NotFound => Self::NotFound,
            write::Error::Gone => Self::Gone,
            other => Self::Write(other),
        }
    }
}

/// Seconds after which to try again when the disk or the index could not answer.
const RETRY_AFTER: u64 = 5;

/// Which scope to ask for.
fn scope(operation: Operation, kind: Kind) -> String {
    match operation {
        Operation::Read | Operation::Search => format!("ask for a scope such as 'patient/{kind}.rs'"),
        Operation::Create | Operation::Update | Operation::Delete => {
            format!("changes are for back-end clients with a scope such as 'system/{kind}.cruds'")
        }
    }
}

/// Status and issue code of a change that was not made.
fn of_write(error: &write::Error) -> (StatusCode, &'static str) {
    use write::Error;
    match error {
        Error::Body(_) | Error::Bundle(_) | Error::Patch(patch::Error::Malformed(_)) => {
            (StatusCode::BAD_REQUEST, "invalid")
        }
        Error::WrongType | Error::WrongId | Error::Twice | Error::Condition(_) => (StatusCode::BAD_REQUEST, "value"),
        Error::Patch(patch::Error::Unfit { .. }) => (StatusCode::UNPROCESSABLE_ENTITY, "processing"),
        Error::Several => (StatusCode::PRECONDITION_FAILED, "multiple-matches"),
        Error::Reference => (StatusCode::PRECONDITION_FAILED, "not-found"),
        Error::NoCondition => (StatusCode::PRECONDITION_FAILED, "incomplete"),
        Error::Version | Error::Exists => (StatusCode::PRECONDITION_FAILED, "conflict"),
        Error::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
        Error::TooMany => (StatusCode::PAYLOAD_TOO_LARGE, "too-costly"),
        Error::Entry { error, .. } => of_write(error),
        Error::NotFound => (StatusCode::NOT_FOUND, "not-found"),
        Error::Gone => (StatusCode::GONE, "deleted"),
        Error::Scope { .. } => (StatusCode::FORBIDDEN, "forbidden"),
        Error::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "transient"),
    }
}

impl Problem {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::SignIn | Self::Token | Self::Refused(oauth::Refusal { code: oauth::Code::InvalidClient, .. }) => {
                StatusCode::UNAUTHORIZED
            }
            Self::Scope { .. } | Self::BackEndOnly => StatusCode::FORBIDDEN,
            Self::Write(error) => of_write(error).0,
            Self::UnknownType(_) | Self::NotFound | Self::NotCarried | Self::NoRoute | Self::Operation => {
                StatusCode::NOT_FOUND
            }
            Self::Gone | Self::Search(search::Error::Cursor) => StatusCode::GONE,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::MediaType | Self::ResourceType | Self::PatchType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Slow(_) => StatusCode::REQUEST_TIMEOUT,
            Self::Readers(Refused::Budget(_)) => StatusCode::TOO_MANY_REQUESTS,
            Self::Search(search::Error::Index(_))
            | Self::Audit(_)
            | Self::Store(_)
            | Self::Readers(_)
            | Self::Exhausted => StatusCode::SERVICE_UNAVAILABLE,
            Self::Search(_)
            | Self::Parameters(_)
            | Self::Asked(_)
            | Self::Xml(_)
            | Self::BrokenOff
            | Self::Header(_)
            | Self::Refused(_) => StatusCode::BAD_REQUEST,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// A code of FHIR's issue-type value set.
    fn issue(&self) -> &'static str {
        match self {
            Self::SignIn => "login",
            Self::Token => "expired",
            Self::Scope { .. } | Self::BackEndOnly => "forbidden",
            Self::Write(error) => of_write(error).1,
            Self::UnknownType(_)
            | Self::Operation
            | Self::Method
            | Self::NotAcceptable
            | Self::MediaType
            | Self::ResourceType
            | Self::PatchType => "not-supported",
            Self::NotFound | Self::NotCarried | Self::NoRoute => "not-found",
            Self::Gone => "deleted",
            Self::TooLarge(_) => "too-long",
            Self::Slow(_) | Self::Readers(Refused::Late) => "timeout",
            Self::BrokenOff => "incomplete",
            Self::Search(error) => match error {
                search::Error::Refused(Refusal::Value { .. }) | search::Error::Result { .. } => "value",
                search::Error::Refused(Refusal::TooLong { .. }) => "too-long",
                search::Error::TooCostly(_) | search::Error::TooMany | search::Error::Limit { .. } => "too-costly",
                search::Error::Cursor => "expired",
                search::Error::Index(_) => "transient",
                _ => "not-supported",
            },
            Self::Parameters(_) | Self::Asked(_) | Self::Xml(_) | Self::Header(_) | Self::Refused(_) => "invalid",
            Self::Readers(Refused::Budget(_)) => "throttled",
            Self::Audit(_) | Self::Store(_) | Self::Readers(Refused::Busy(_)) | Self::Exhausted => "transient",
            Self::Internal(_) => "exception",
        }
    }

    /// Logs what is our fault; once, here.
    fn log(&self, request: &str) {
        match self {
            Self::Audit(error) => tracing::error!(request, %error, "nothing is disclosed: the audit failed"),
            Self::Store(error) => tracing::error!(request, %error, "the store failed"),
            Self::Write(write::Error::Entry { error, .. }) => {
                if let write::Error::Store(error) = &**error {
                    tracing::error!(request, %error, "the store failed");
                }
            }
            Self::Search(search::Error::Index(error)) => tracing::error!(request, %error, "the index failed"),
            Self::Internal(error) => tracing::error!(request, error, "a request failed"),
            _ => {}
        }
    }

    /// The answer at an OAuth endpoint (RFC 6749 5.2).
    pub(super) fn to_error_object(&self, request: &str) -> Response {
        self.log(request);
        let (code, status) = match self {
            Self::Refused(refusal) => (refusal.code.text(), self.status()),
            Self::Token => ("invalid_token", self.status()),
            Self::Audit(_) | Self::Store(_) => ("temporarily_unavailable", self.status()),
            Self::Internal(_) => ("server_error", self.status()),
            // A form of the wrong type or size has the one status that RFC 6749 gives to bad requests.
            _ => ("invalid_request", StatusCode::BAD_REQUEST),
        };
        let why = match self {
            Self::Refused(refusal) => refusal.why.clone(),
            other => other.to_string(),
        };
        let mut response = Response::builder()
            .status(status)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CACHE_CONTROL, "no-store")
            .header(header::PRAGMA, "no-cache")
            .body(serde_json::json!({ "error": code, "error_description": why }).to_string());
        if status == StatusCode::UNAUTHORIZED {
            let scheme = if matches!(self, Self::Token) { "Bearer error=\"invalid_token\"" } else { "Basic" };
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
        }
        response
    }

    /// The answer to a person: the page says what to do; what the log keeps is the same as elsewhere.
    pub(super) fn to_page(&self, realm: &Realm, headers: &HeaderMap, request: &str) -> Response {
        self.log(request);
        pages::broken(realm, headers, self.status(), request)
    }

    /// The answer on a FHIR base.
    pub(super) fn to_outcome(&self, request: &str) -> Response {
        self.log(request);
        let text = self.to_string();
        let expression = match self {
            Self::Search(error) => parameter_of(error).map(|name| format!("http.{name}")),
            Self::Write(error) => of_body(error),
            _ => None,
        };
        let problem = Outcome { severity: "error", code: self.issue(), text: &text, expression: expression.as_deref() };
        let body = match self {
            Self::Write(write::Error::Invalid(issues)) => {
                outcome::all(&issues.iter().map(fhir::write::problem_of).collect::<Vec<_>>())
            }
            _ => problem.to_json(),
        };
        let mut response = Response::builder()
            .status(self.status())
            .header(header::CONTENT_TYPE, "application/fhir+json; charset=utf-8")
            .header(header::CACHE_CONTROL, "no-store")
            .body(body);
        let challenge = match self {
            Self::SignIn => Some("Bearer"),
            Self::Token => Some("Bearer error=\"invalid_token\""),
            Self::Scope { .. } => Some("Bearer error=\"insufficient_scope\""),
            _ => None,
        };
        if let Some(challenge) = challenge {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        let again = match self {
            Self::Readers(Refused::Busy(seconds) | Refused::Budget(seconds)) => Some(*seconds),
            Self::Readers(Refused::Late) => Some(LONGEST.as_secs()),
            _ => (response.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(RETRY_AFTER),
        };
        if let Some(again) = again {
            response.headers_mut().insert(header::RETRY_AFTER, again.into());
        }
        response
    }
}

/// The element at fault in what was sent.
fn of_body(error: &write::Error) -> Option<String> {
    match error {
        write::Error::Body(issue) => issue.expression().map(str::to_owned),
        write::Error::WrongId => Some("Resource.id".to_owned()),
        write::Error::Entry { at, error } => match of_body(error) {
            Some(inner) => Some(format!("Bundle.entry[{at}].resource.{inner}")),
            None => Some(format!("Bundle.entry[{at}]")),
        },
        _ => None,
    }
}

/// The parameter at fault.
fn parameter_of(error: &search::Error) -> Option<&str> {
    let name = match error {
        search::Error::Refused(refusal) => name_of(refusal),
        search::Error::Result { name, .. } | search::Error::Limit { name, .. } => name,
        search::Error::Unsupported { name } | search::Error::Repeated { name } => name,
        _ => return None,
    };
    // Some are about no one parameter.
    name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'[').then_some(name)
}

fn name_of(refusal: &Refusal) -> &str {
    match refusal {
        Refusal::Unknown { name, .. }
        | Refusal::Form { name, .. }
        | Refusal::Modifier { name, .. }
        | Refusal::Value { name, .. }
        | Refusal::TooLong { name, .. } => name,
    }
}
