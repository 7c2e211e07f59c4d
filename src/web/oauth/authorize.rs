//! The authorization endpoint. It never decides: a good request waits while the member signs in and chooses.

use poem::Response;

use crate::oauth::Begun;
use crate::web::pages::{Oops, Visit, app_error, see_other, unfit};

/// `GET /oauth/authorize` and `POST /oauth/authorize`
pub(in crate::web) async fn begin(visit: Visit) -> Result<Response, Oops> {
    visit.ask.realm.identity.count_request(visit.visitor()).await?;
    let oauth = visit.ask.realm.oauth.clone();
    let base = visit.ask.realm.kind.prefix();
    let signed_in = visit.member_in().ok().map(|member| member.since());
    Ok(match oauth.begin(&visit.form, signed_in).await? {
        // The consent page sends on to signing in whoever is not signed in, or has been for too long for the app.
        Begun::Ask(id) if signed_in.is_some() => see_other(&format!("{base}/consent?request={id}")),
        Begun::Ask(id) => see_other(&format!("{base}/login?request={id}")),
        Begun::Answer { address, directly: true, .. } => see_other(&address),
        Begun::Answer { address, refusal, name, .. } => app_error(visit, &name, address, &refusal),
        Begun::Unfit(reason) => unfit(visit, &reason),
    })
}
