//! What can go wrong between an app and the realm, by cause. The words of a [`Refusal`] are for the app's developer;
//! members never see them.

use crate::{apps, consent, store};

/// The error codes of RFC 6749 and its relatives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// A parameter is missing, repeated or malformed.
    InvalidRequest,
    /// The app could not prove who it is.
    InvalidClient,
    /// The code or refresh token is used, expired, revoked, or another app's.
    InvalidGrant,
    /// This app may not do this.
    UnauthorizedClient,
    /// A grant type this server does not know.
    UnsupportedGrantType,
    /// A response type other than `code`.
    UnsupportedResponseType,
    /// Nothing that can be granted, or more than was granted.
    InvalidScope,
    /// The member said no.
    AccessDenied,
    /// `prompt=none`, and nobody is signed in (`OpenID` Connect Core 3.1.2.6).
    LoginRequired,
    /// `prompt=none`, and the member has to decide.
    ConsentRequired,
    /// `request` was sent.
    RequestNotSupported,
    /// `request_uri` was sent.
    RequestUriNotSupported,
}

impl Code {
    /// The code as it travels.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::AccessDenied => "access_denied",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
        }
    }
}

/// A refusal with its reason for the developer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {why}", code.text())]
pub struct Refusal {
    /// The code.
    pub code: Code,
    /// What was wrong and what to do.
    pub why: String,
}

impl Refusal {
    pub(super) fn new(code: Code, why: impl Into<String>) -> Self {
        Self { code, why: why.into() }
    }
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The app did something that it can be told.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The access token is malformed, of another realm, expired or revoked. Which of these is nobody's business.
    #[error("the access token is not valid; get a new one")]
    InvalidToken,
    /// The authorization request is gone: decided, too old, or never made.
    #[error("this request has ended; start again from the app")]
    NoRequest,
    /// The member may not share these records.
    #[error("these records are not hers to share")]
    NotHers,
    /// A key could not be used.
    #[error("a signing key of this installation cannot be used; look at data/keys, and take it back from a backup")]
    Keys,
    /// The registry of apps.
    #[error(transparent)]
    Apps(#[from] apps::Error),
    /// The grants.
    #[error(transparent)]
    Consent(#[from] consent::Error),
    /// The disk.
    #[error(transparent)]
    Store(#[from] store::Error),
}
