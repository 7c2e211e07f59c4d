//! A browser without scripts: keeps cookies, sends forms with the token of the page it is on.

use std::collections::BTreeMap;

use poem::http::{HeaderMap, Method, StatusCode, header};

use crate::server::{TestServer, request};

/// A page as the browser got it.
pub struct Page {
    pub status: StatusCode,
    pub headers: HeaderMap,
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

pub struct Browser<'a> {
    house: &'a TestServer,
    pub cookies: BTreeMap<String, String>,
    pub language: &'static str,
    /// Token of the last page that had one.
    token: String,
}

impl<'a> Browser<'a> {
    pub fn new(house: &'a TestServer) -> Self {
        Self { house, cookies: BTreeMap::new(), language: "en-US,en;q=0.9", token: String::new() }
    }

    pub async fn get(&mut self, path: &str) -> Page {
        self.send(request(Method::GET, path, None), String::new()).await
    }

    /// Sends a form of the page the browser is on.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let body = self.form(fields);
        self.send(request(Method::POST, path, None), body).await
    }

    /// Sends a form as another site would, with that site's origin.
    pub async fn post_from(&mut self, origin: &str, path: &str, fields: &[(&str, &str)]) -> Page {
        let body = self.form(fields);
        self.send(request(Method::POST, path, None).header("origin", origin), body).await
    }

    fn form(&self, fields: &[(&str, &str)]) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("form", &self.token).extend_pairs(fields).finish()
    }

    async fn send(&mut self, request: poem::RequestBuilder, body: String) -> Page {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = request
            .header("cookie", cookies.join("; "))
            .header("accept-language", self.language)
            .header("accept", "text/html,*/*;q=0.8")
            .header("host", "plan.example")
            .content_type("application/x-www-form-urlencoded");
        let answer = self.house.send(request.body(body)).await;
        let page = Page { status: answer.status, text: answer.text(), headers: answer.headers };
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
