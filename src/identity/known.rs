//! Browsers that members have signed in with. Anybody can ask for codes in a member's name until the address has had its
//! codes for the hour; a browser that she has used has codes of its own, which nobody else can use up. It proves nothing:
//! the code is still needed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::contact::{Contact, ContactDigest};
use super::{Identity, limits};

/// Label of what is sealed.
const LABEL: &str = "known browser";
/// Bytes of a browser's own name.
const ID: usize = 16;

/// A browser that was used to sign in with one address.
pub(super) struct KnownBrowser {
    pub(super) id: [u8; ID],
}

impl Identity {
    /// What a browser keeps after its code for this address was right, for [`super::Visitor::known`].
    #[must_use]
    pub fn know_browser(&self, address: &str) -> Option<String> {
        let inner = &self.0;
        let digest = inner.settings.keys.digest(&Contact::parse(address)?);
        let until = self.now() + limits::KNOWN_LIFE;
        let id = inner.settings.keys.keyed("browser", inner.chance.token().as_bytes());
        let words = [digest.as_slice(), &until.to_be_bytes(), id.get(..ID)?].concat();
        Some(URL_SAFE_NO_PAD.encode(inner.sealer.seal(LABEL, &words)?))
    }

    /// The browser, if this address was signed in with there.
    pub(super) fn known_browser(&self, sealed: &str, address: &ContactDigest) -> Option<KnownBrowser> {
        let words = self.0.sealer.open(LABEL, &URL_SAFE_NO_PAD.decode(sealed).ok()?)?;
        let (digest, rest) = words.split_at_checked(address.len())?;
        let (until, id) = rest.split_first_chunk()?;
        let is_good = digest == address && self.now() < i64::from_be_bytes(*until);
        is_good.then_some(KnownBrowser { id: id.try_into().ok()? })
    }
}
