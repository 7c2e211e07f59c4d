//! "Health History", a sample app as a third party would write it: it knows the plan's address, its own client id and
//! secret, and speaks to the plan by HTTP only. It keeps what it gets in memory.

mod client;
mod pages;

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context;
use futures_util::FutureExt;
use parking_lot::Mutex;

use crate::apps::{Kind, Maker, NewApp};
use crate::outbound::Chance;
use crate::realm::Realm;
use crate::web::{Reply, Server, Visit, site};
use client::{Client, Started, Tokens};

/// Browsers it remembers; the oldest is forgotten first.
const BROWSERS: usize = 1_000;
/// Connections at the same time.
const CONNECTIONS: u32 = 64;

const CLIENT_ID: &str = "app-health-history";
const SCOPES: &str = "launch/patient openid fhirUser offline_access patient/Patient.rs patient/Coverage.rs \
patient/ExplanationOfBenefit.rs patient/Condition.rs patient/MedicationRequest.rs patient/Observation.rs \
patient/Immunization.rs patient/AllergyIntolerance.rs";

/// The sample app, listening.
pub(super) struct HealthHistory {
    server: Server,
    app: App,
}

struct App {
    client: Client,
    chance: Chance,
    browsers: Mutex<Browsers>,
}

/// What it knows of each browser, by cookie.
#[derive(Default)]
struct Browsers {
    known: HashMap<String, Browser>,
    order: std::collections::VecDeque<String>,
}

#[derive(Clone, Default)]
struct Browser {
    started: Option<Started>,
    tokens: Option<Tokens>,
}

impl HealthHistory {
    /// Takes its port and registers with the plan, as its developer once did on `/developers`.
    pub(super) async fn start(plan: &Realm, port: u16) -> anyhow::Result<Self> {
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
        let server = Server::bind(address, CONNECTIONS)
            .with_context(|| format!("the sample app cannot listen on {address}; choose another --port"))?;
        let home = format!("http://{address}");
        let new = NewApp {
            name: "Health History".to_owned(),
            kind: Kind::Web,
            redirects: vec![format!("{home}/callback")],
            scopes: SCOPES.to_owned(),
            homepage: String::new(),
            maker: Maker { name: "Ingle, as a sample".into(), ..Maker::default() },
            owner: "health-history".to_owned(),
        };
        let (app, secret) = plan.apps.register_as(CLIENT_ID, new).await?;
        let secret = secret.context("the sample app was given no secret")?;
        let fhir = format!("{}/fhir", plan.address);
        let client = Client::new(fhir, app.client_id.into_string(), secret, format!("{home}/callback"), SCOPES)?;
        let app = App { client, chance: plan.chance.clone(), browsers: Mutex::default() };
        Ok(Self { server, app })
    }

    /// Answers until `stop`.
    pub(super) async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) {
        let Self { server, app } = self;
        let app = Arc::new(app);
        let site = site(move |visit| {
            let app = Arc::clone(&app);
            async move { app.answer(visit).await }.boxed()
        });
        server.serve(site, stop, std::time::Duration::from_secs(1)).await;
    }
}

impl App {
    async fn answer(&self, visit: Visit) -> Reply {
        let cookie = visit.cookie.clone().filter(|cookie| self.browsers.lock().known.contains_key(cookie));
        let browser = cookie.as_ref().and_then(|cookie| self.browsers.lock().known.get(cookie).cloned());
        let outcome = match (visit.path.as_str(), visit.is_post) {
            ("/", false) => Ok(Reply::Page(200, pages::home(browser.is_some_and(|b| b.tokens.is_some())))),
            ("/connect", _) => self.connect(cookie).await,
            ("/callback", false) => self.callback(cookie, browser, &visit).await,
            ("/claims", false) => self.claims(cookie, browser, &visit).await,
            ("/refresh", true) => self.refresh(cookie, browser).await,
            ("/forget", true) => {
                self.remember(cookie, Browser::default());
                Ok(go("/"))
            }
            _ => Ok(Reply::Page(404, pages::problem("There is no such page here.", ""))),
        };
        outcome.unwrap_or_else(|error| {
            let detail = format!("{error:#}");
            Reply::Page(502, pages::problem("The plan did not give what was asked for.", &detail))
        })
    }

    async fn connect(&self, cookie: Option<String>) -> anyhow::Result<Reply> {
        let (started, to) = self.client.start(&self.chance).await?;
        let cookie = self.remember(cookie, Browser { started: Some(started), tokens: None });
        Ok(Reply::Redirect { to, cookie: Some(cookie) })
    }

    async fn callback(&self, cookie: Option<String>, browser: Option<Browser>, visit: &Visit) -> anyhow::Result<Reply> {
        let parameter = |name: &str| visit.query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
        let Some(started) = browser.and_then(|browser| browser.started) else {
            return Ok(Reply::Page(400, pages::problem("This browser did not ask to connect. Begin again.", "")));
        };
        if parameter("state") != Some(&started.state) {
            return Ok(Reply::Page(400, pages::problem("The answer does not belong to this browser's question.", "")));
        }
        let Some(code) = parameter("code") else {
            let why = parameter("error").unwrap_or("no code");
            let detail = format!("{why}: {}", parameter("error_description").unwrap_or_default());
            return Ok(Reply::Page(200, pages::problem("You did not connect. Nothing was shared.", &detail)));
        };
        let tokens = self.client.redeem(&started, code).await?;
        self.remember(cookie, Browser { started: None, tokens: Some(tokens) });
        Ok(go("/claims"))
    }

    async fn claims(&self, cookie: Option<String>, browser: Option<Browser>, visit: &Visit) -> anyhow::Result<Reply> {
        let Some(tokens) = browser.and_then(|browser| browser.tokens) else { return Ok(go("/")) };
        let page = visit.query.iter().find(|(name, _)| name == "page").map(|(_, url)| url.as_str());
        match self.client.claims(&tokens, page).await? {
            Some(found) => Ok(Reply::Page(200, pages::claims(&found))),
            // The access token has run out, or the member has stopped sharing: the refresh token tells which.
            None => self.renew(cookie, &tokens).await,
        }
    }

    async fn refresh(&self, cookie: Option<String>, browser: Option<Browser>) -> anyhow::Result<Reply> {
        let Some(tokens) = browser.and_then(|browser| browser.tokens) else { return Ok(go("/")) };
        self.renew(cookie, &tokens).await
    }

    async fn renew(&self, cookie: Option<String>, tokens: &Tokens) -> anyhow::Result<Reply> {
        let Ok(fresh) = self.client.refresh(tokens).await else {
            self.remember(cookie, Browser::default());
            return Ok(Reply::Page(200, pages::ended()));
        };
        // A token that is new and refused all the same must not send the browser in circles.
        let reply = match self.client.claims(&fresh, None).await? {
            Some(found) => Reply::Page(200, pages::claims(&found)),
            None => Reply::Page(200, pages::ended()),
        };
        self.remember(cookie, Browser { started: None, tokens: Some(fresh) });
        Ok(reply)
    }

    /// Keeps what is known of a browser, under its cookie or a new one.
    fn remember(&self, cookie: Option<String>, browser: Browser) -> String {
        let mut browsers = self.browsers.lock();
        let cookie = cookie.unwrap_or_else(|| {
            let cookie = self.chance.token();
            browsers.order.push_back(cookie.clone());
            cookie
        });
        browsers.known.insert(cookie.clone(), browser);
        while browsers.order.len() > BROWSERS {
            if let Some(oldest) = browsers.order.pop_front() {
                browsers.known.remove(&oldest);
            }
        }
        cookie
    }
}

fn go(to: &str) -> Reply {
    Reply::Redirect { to: to.to_owned(), cookie: None }
}
