//! The app's side of SMART App Launch: discovery, authorization with PKCE, tokens, reading. HTTP and nothing else.

use anyhow::{Context, bail};
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use crate::outbound::Chance;

/// A plan that does not answer within this is down.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(20);

pub(super) struct Client {
    http: reqwest::Client,
    fhir: String,
    id: String,
    secret: String,
    redirect: String,
    scopes: &'static str,
}

/// An authorization under way.
#[derive(Clone)]
pub(super) struct Started {
    pub(super) state: String,
    verifier: String,
}

/// What the token endpoint gave.
#[derive(Clone, Deserialize)]
pub(super) struct Tokens {
    access_token: String,
    refresh_token: Option<String>,
    patient: Option<String>,
}

#[derive(Deserialize)]
struct Discovery {
    authorization_endpoint: String,
    token_endpoint: String,
}

/// One page of claims.
pub(super) struct Found {
    /// The request that was made.
    pub(super) request: String,
    pub(super) total: Option<u64>,
    pub(super) claims: Vec<Claim>,
    pub(super) next: Option<String>,
}

/// A claim, as far as a table shows it.
pub(super) struct Claim {
    pub(super) day: String,
    pub(super) kind: String,
    pub(super) who: String,
    pub(super) what: String,
    pub(super) billed: String,
    pub(super) paid: String,
    pub(super) yours: String,
}

impl Client {
    pub(super) fn new(
        fhir: String,
        id: String,
        secret: String,
        redirect: String,
        scopes: &'static str,
    ) -> anyhow::Result<Self> {
        let http = crate::outbound::http(None)?.timeout(TIMEOUT).build()?;
        Ok(Self { http, fhir, id, secret, redirect, scopes })
    }

    /// Begins an authorization: what to remember, and where to send the browser.
    pub(super) async fn start(&self, chance: &Chance) -> anyhow::Result<(Started, String)> {
        let started = Started { state: chance.token(), verifier: chance.token() };
        let challenge = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, started.verifier.as_bytes()));
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("response_type", "code"),
                ("client_id", &self.id),
                ("redirect_uri", &self.redirect),
                ("scope", self.scopes),
                ("state", &started.state),
                ("aud", &self.fhir),
                ("code_challenge", &challenge),
                ("code_challenge_method", "S256"),
            ])
            .finish();
        let to = format!("{}?{query}", self.discover().await?.authorization_endpoint);
        Ok((started, to))
    }

    /// Turns a code into tokens.
    pub(super) async fn redeem(&self, started: &Started, code: &str) -> anyhow::Result<Tokens> {
        self.token(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect),
            ("code_verifier", &started.verifier),
        ])
        .await
    }

    /// New tokens for old ones.
    pub(super) async fn refresh(&self, tokens: &Tokens) -> anyhow::Result<Tokens> {
        let refresh = tokens.refresh_token.as_deref().context("the plan gave no refresh token")?;
        let fresh = self.token(&[("grant_type", "refresh_token"), ("refresh_token", refresh)]).await?;
        let refresh_token = fresh.refresh_token.or_else(|| tokens.refresh_token.clone());
        Ok(Tokens { refresh_token, patient: fresh.patient.or_else(|| tokens.patient.clone()), ..fresh })
    }

    /// A page of claims; `None` if the token is not accepted any more.
    pub(super) async fn claims(&self, tokens: &Tokens, page: Option<&str>) -> anyhow::Result<Option<Found>> {
        let patient = tokens.patient.as_deref().context("the plan did not say whose records these are")?;
        let first =
            format!("{}/ExplanationOfBenefit?patient={patient}&_sort=-billable-period-start&_count=20", self.fhir);
        let request = match page {
            // The token must not be sent anywhere else, whatever the address in our own page was changed to.
            Some(page) if page.starts_with(&format!("{}/", self.fhir)) => page.to_owned(),
            Some(_) => bail!("the next page is not on the plan's server"),
            None => first,
        };
        let response = self.http.get(&request).bearer_auth(&tokens.access_token).send().await?;
        if response.status() == reqwest::StatusCode::UNAUTHORIZED {
            return Ok(None);
        }
        let status = response.status();
        let bundle: Value = response.json().await.with_context(|| format!("HTTP {status}"))?;
        if !status.is_success() {
            let said = bundle.pointer("/issue/0/details/text").and_then(Value::as_str).unwrap_or_default();
            bail!("HTTP {status}: {said}");
        }
        let entries = bundle.get("entry").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let next = bundle
            .get("link")
            .and_then(Value::as_array)
            .and_then(|links| links.iter().find(|link| link.get("relation").is_some_and(|r| r == "next")))
            .and_then(|link| link.get("url")?.as_str())
            .map(str::to_owned);
        let claims = entries.iter().filter_map(|entry| entry.get("resource")).map(Claim::read).collect();
        Ok(Some(Found { request, total: bundle.get("total").and_then(Value::as_u64), claims, next }))
    }

    async fn discover(&self) -> anyhow::Result<Discovery> {
        let url = format!("{}/.well-known/smart-configuration", self.fhir);
        let response = self.http.get(&url).send().await.with_context(|| format!("{url} does not answer"))?;
        response.error_for_status()?.json().await.with_context(|| format!("{url} is no SMART configuration"))
    }

    async fn token(&self, form: &[(&str, &str)]) -> anyhow::Result<Tokens> {
        let url = self.discover().await?.token_endpoint;
        let response = self.http.post(&url).basic_auth(&self.id, Some(&self.secret)).form(form).send().await?;
        let status = response.status();
        let body: Value = response.json().await.with_context(|| format!("the token endpoint answered {status}"))?;
        if !status.is_success() {
            let said = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            bail!("{}: {}", said("error"), said("error_description"));
        }
        serde_json::from_value(body).context("the token endpoint gave no token")
    }
}

impl Claim {
    fn read(claim: &Value) -> Self {
        let text = |path: &str| claim.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let what =
            ["/item/0/productOrService/text", "/item/0/productOrService/coding/0/display", "/item/0/revenue/text"]
                .into_iter()
                .map(text)
                .find(|words| !words.is_empty())
                .unwrap_or_default();
        let amount = |code: &str| {
            let totals = claim.get("total").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let total = totals.iter().find(|total| {
                total.pointer("/category/coding/0/code").and_then(Value::as_str).is_some_and(|found| found == code)
            });
            let value = total.and_then(|total| total.pointer("/amount/value")).and_then(Value::as_f64);
            value.map(|value| format!("${value:.2}")).unwrap_or_default()
        };
        let kind = if text("/use") == "preauthorization" {
            "prior authorization".to_owned()
        } else {
            text("/type/coding/0/code")
        };
        Self {
            day: text("/billablePeriod/start"),
            kind,
            who: text("/provider/display"),
            what,
            billed: amount("submitted"),
            paid: amount("benefit"),
            yours: amount("memberliability"),
        }
    }
}
