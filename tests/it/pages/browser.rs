//! A browser without scripts: keeps cookies, sends forms with the token of the page it is on.

use std::collections::BTreeMap;

use poem::http::{StatusCode, header};
use poem::test::TestClient;
use poem::{Endpoint, Response};

/// A page as the browser got it.
pub struct Page {
    pub status: StatusCode,
    pub headers: poem::http::HeaderMap,
    pub text: String,
}

impl Page {
    /// Where a redirect goes.
    pub fn location(&self) -> &str {
        self.headers.get(header::LOCATION).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub fn form_token(&self) -> String {
        between(&self.text, "name=\"form\" value=\"", "\"").unwrap_or_default()
    }

    /// The value of a hidden field.
    pub fn hidden(&self, name: &str) -> String {
        between(&self.text, &format!("name=\"{name}\" value=\""), "\"").unwrap_or_default()
    }

    pub fn title(&self) -> String {
        between(&self.text, "<title>", "</title>").unwrap_or_default()
    }

    pub fn says(&self, text: &str) -> bool {
        self.text.contains(text)
    }
}

pub fn between(text: &str, start: &str, end: &str) -> Option<String> {
    let (_, rest) = text.split_once(start)?;
    Some(rest.split_once(end)?.0.to_owned())
}

pub struct Browser<'a, E> {
    client: &'a TestClient<E>,
    pub cookies: BTreeMap<String, String>,
    pub language: &'static str,
    /// Token of the last page that had one.
    token: String,
}

impl<'a, E: Endpoint> Browser<'a, E> {
    pub fn new(client: &'a TestClient<E>) -> Self {
        Self { client, cookies: BTreeMap::new(), language: "en-US,en;q=0.9", token: String::new() }
    }

    pub async fn get(&mut self, path: &str) -> Page {
        let request = self.client.get(path);
        self.send(request).await
    }

    /// Sends a form of the page the browser is on.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let mut pairs = vec![("form", self.token.clone())];
        pairs.extend(fields.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let request = self.client.post(path).form(&pairs);
        self.send(request).await
    }

    /// Sends a form as another site would: without a token, with that site's origin.
    pub async fn post_from(&mut self, origin: &str, path: &str, fields: &[(&str, &str)]) -> Page {
        let mut pairs = vec![("form", self.token.clone())];
        pairs.extend(fields.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let request = self.client.post(path).form(&pairs).header("origin", origin);
        self.send(request).await
    }

    async fn send(&mut self, request: poem::test::TestRequestBuilder<'_, E>) -> Page {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let response =
            request.header("cookie", cookies.join("; ")).header("accept-language", self.language).send().await.0;
        let page = read(response).await;
        for line in page.headers.get_all(header::SET_COOKIE) {
            let line = line.to_str().unwrap();
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            if line.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let token = page.form_token();
        if !token.is_empty() {
            self.token = token;
        }
        page
    }
}

async fn read(mut response: Response) -> Page {
    let text = response.take_body().into_string().await.unwrap_or_default();
    Page { status: response.status(), headers: response.headers().clone(), text }
}
