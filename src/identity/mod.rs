//! Members, staff and developers: matching to enrollment, codes, TOTP, sessions.
