//! A person using the dashboard, over HTTP with a cookie jar.

use crate::stage::TestApp;

pub const PASSWORD: &str = "correct horse battery staple";

/// A minimal browser: it only keeps cookies.
pub struct Person<'a> {
    app: &'a TestApp,
    pub cookies: Vec<(String, String)>,
    /// `X-Forwarded-For`, as set by a proxy in front of the server.
    pub from: Option<String>,
}

pub struct Page {
    pub headers: reqwest::header::HeaderMap,
    pub status: u16,
    pub to: String,
    pub text: String,
}

impl<'a> Person<'a> {
    pub fn new(app: &'a TestApp) -> Self {
        Self {
            app,
            cookies: Vec::new(),
            from: None,
        }
    }

    pub async fn send(&mut self, request: reqwest::RequestBuilder) -> Page {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut request = request.header("Cookie", cookies.join("; "));
        if let Some(from) = &self.from {
            request = request.header("X-Forwarded-For", from);
        }
        let reply = self.app.send(request).await;
        for cookie in reply.headers.get_all("set-cookie") {
            let text = cookie.to_str().unwrap();
            assert!(
                text.contains("HttpOnly")
                    && text.contains("SameSite=Lax")
                    && text.contains("Secure"),
                "{text}"
            );
            let (name, value) = text.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        Page {
            headers: reply.headers.clone(),
            status: reply.status,
            to: reply.header("location").unwrap_or_default().to_owned(),
            text: reply.text,
        }
    }

    pub async fn get(&mut self, path: &str) -> Page {
        let page = self
            .send(self.app.open_request(reqwest::Method::GET, path))
            .await;
        assert!(
            page.status != 200 || page.text.starts_with("<!DOCTYPE html>"),
            "{path}"
        );
        page
    }

    /// Submits a page's form, including its token.
    pub async fn post(&mut self, page: &str, path: &str, fields: &[(&str, &str)]) -> Page {
        let found = self.get(page).await;
        let token = hidden(&found, "form_token");
        let mut fields = fields.to_vec();
        fields.push(("form_token", &token));
        self.send_form(path, &fields).await
    }

    pub async fn send_form(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let request = self.app.open_request(reqwest::Method::POST, path);
        self.send(request.form(fields)).await
    }

    pub async fn sign_in(&mut self, email: &str, password: &str) -> Page {
        self.post(
            "/dashboard/sign-in",
            "/dashboard/sign-in",
            &[("email", email), ("password", password)],
        )
        .await
    }
}

/// Creates a user and returns the path of the invitation link.
pub async fn invited(app: &TestApp, email: &str, role: &str) -> String {
    let role = pinroute::gateway::Role::parse(role).unwrap();
    let made = app
        .gateway
        .admin()
        .users()
        .create(email, role, &app.stage.act())
        .await;
    made.unwrap().link.path
}

/// A signed-in user with this role.
pub async fn person<'a>(app: &'a TestApp, email: &str, role: &str) -> Person<'a> {
    let link = invited(app, email, role).await;
    let mut person = Person::new(app);
    let page = person.post(&link, &link, &[("password", PASSWORD)]).await;
    assert_eq!((page.status, page.to.as_str()), (303, "/dashboard"));
    person
}

/// The value of the first hidden field with this name.
pub fn hidden(page: &Page, name: &str) -> String {
    let found = page.text.split(&format!("name=\"{name}\" value=\"")).nth(1);
    let found = found.unwrap_or_else(|| panic!("no field {name}: {} {}", page.status, page.text));
    found.split('"').next().unwrap().to_owned()
}
