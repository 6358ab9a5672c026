//! What an integration is configured with, from the arguments.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cli::Failure;
use crate::integrations::{
    Application, Auth, AuthKind, Faults, FieldNames, Kind, Method, Preset, PublicKey, SmsText,
    check_secret,
};
use crate::storage::Integration;
use crate::verification::phone::Country;
use crate::verification::span;
use crate::webhooks::address;

#[derive(Debug, clap::Args)]
pub struct Choices {
    /// For people.
    #[arg(long)]
    name: Option<String>,
    /// With kind generic: logto, kratos, authentik, keycloak, casdoor, fusionauth, novu or auth0.
    #[arg(long, value_parser = preset)]
    preset: Option<Preset>,
    /// A file with the secret; - reads it from standard input. Without it, one is made where that is possible.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// With kind generic: bearer, basic, header or query.
    #[arg(long, value_parser = auth)]
    auth: Option<AuthKind>,
    /// The name of the header or the parameter.
    #[arg(long, value_name = "NAME")]
    auth_name: Option<String>,
    /// The country of numbers without a calling code, such as UZ.
    #[arg(long, value_name = "COUNTRY", value_parser = country)]
    default_country: Option<Country>,
    /// How long a code is good, such as 5m, where the request does not tell.
    #[arg(long, value_parser = ttl)]
    ttl: Option<Duration>,
    /// Where a value is, such as phone=/user/mobile: phone, code, text, id, locale or ip.
    #[arg(long = "field", value_name = "FIELD=PLACE", value_parser = field)]
    fields: Vec<(String, String)>,
    /// Read requests by GET too; `--get false` ends it.
    #[arg(long, num_args = 0..=1, default_missing_value = "true")]
    get: Option<bool>,
    /// The text of an SMS: host or template.
    #[arg(long, value_parser = sms_text)]
    sms_text: Option<SmsText>,
    /// Send texts without a code too, by SMS alone; `--allow-messages false` ends it.
    #[arg(long, num_args = 0..=1, default_missing_value = "true")]
    allow_messages: Option<bool>,
    /// With kind `vonage_application`: a file with the RSA key, as PEM, that verifies its requests.
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
    /// With kind `vonage_application`: where its webhooks go; empty: nowhere.
    #[arg(long, value_name = "URL")]
    status_url: Option<String>,
}

impl Choices {
    pub fn preset(&self) -> Option<Preset> {
        self.preset
    }

    pub fn is_secret_given(&self) -> bool {
        self.secret_file.is_some()
    }

    /// Changes what was chosen, and refuses what does not fit together.
    /// `allow_private`: of `webhooks`.
    pub fn apply(self, integration: &mut Integration, allow_private: bool) -> Result<(), Failure> {
        let settings = &mut integration.settings;
        settings.preset = self.preset.or(settings.preset);
        settings.auth = Auth {
            kind: self.auth.unwrap_or(settings.auth.kind),
            name: self.auth_name.or(settings.auth.name.take()),
        };
        settings.default_country = self.default_country.or(settings.default_country);
        settings.ttl = self.ttl.or(settings.ttl);
        for (field, place) in self.fields {
            if let Some(known) = settings.fields.named(&field) {
                *known = Some(place).filter(|place| !place.is_empty());
            }
        }
        match self.get {
            Some(true) => settings.methods = vec![Method::Post, Method::Get],
            Some(false) => settings.methods.clear(),
            None => {}
        }
        settings.sms_text = self.sms_text.unwrap_or(settings.sms_text);
        settings.allow_messages = self.allow_messages.unwrap_or(settings.allow_messages);
        if let Some(file) = &self.public_key {
            let public_key = read_public_key(file)?;
            let before = settings.application.take();
            settings.application = Some(Application {
                status_url: before.and_then(|before| before.status_url),
                public_key,
            });
        }
        if let Some(url) = self.status_url {
            let why = "--status-url: is for kind vonage_application, with --public-key";
            let application = settings.application.as_mut();
            let application = application.ok_or_else(|| Failure::Wrong(vec![why.to_owned()]))?;
            let read = |url: &String| status_url(url, allow_private);
            let url = Some(url).filter(|url| !url.is_empty()).as_ref().map(read);
            let wrong = |why| Failure::Wrong(vec![format!("--status-url: {why}")]);
            application.status_url = url.transpose().map_err(wrong)?;
        }
        if let Some(name) = self.name {
            integration.name = name;
        }
        let mut faults: Faults = integration.settings.faults(integration.kind);
        if !(1..=60).contains(&integration.name.chars().count()) {
            faults.push(("name", "must have 1 to 60 characters".to_owned()));
        }
        if !faults.is_empty() {
            let said = |(name, why): (&str, String)| format!("--{}: {why}", name.replace('_', "-"));
            return Err(Failure::Wrong(faults.into_iter().map(said).collect()));
        }
        if let Some(file) = self.secret_file {
            integration.secret = Some(read_secret(integration.kind, &file)?);
        }
        Ok(())
    }
}

pub fn read_secret(kind: Kind, file: &Path) -> Result<String, Failure> {
    let wrong = |why: String| Failure::Wrong(vec![format!("--secret-file: {why}")]);
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map(|_| ())
    } else {
        std::fs::read_to_string(file).map(|read| text = read)
    };
    read.map_err(|error| wrong(format!("{}: {error}", file.display())))?;
    let secret = text.trim();
    check_secret(kind, secret).map_err(|fault| wrong(format!("the secret {fault}")))?;
    Ok(secret.to_owned())
}

fn read_public_key(file: &Path) -> Result<PublicKey, Failure> {
    let wrong = |why: String| Failure::Wrong(vec![format!("--public-key: {why}")]);
    let text = std::fs::read_to_string(file);
    let text = text.map_err(|error| wrong(format!("{}: {error}", file.display())))?;
    PublicKey::try_from(text).map_err(|why| wrong(why.to_owned()))
}

/// Whether it is public is found out when it is used.
fn status_url(text: &str, allow_private: bool) -> Result<String, String> {
    match address::read(text, allow_private) {
        Ok(url) if url.scheme() == "https" || allow_private => Ok(url.into()),
        Ok(_) => Err("must be an https address".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

pub fn kind(text: &str) -> Result<Kind, String> {
    let known = Kind::ALL.map(Kind::as_str).join(", ");
    Kind::parse(text).ok_or_else(|| format!("must be one of {known}"))
}

fn preset(text: &str) -> Result<Preset, String> {
    let known = Preset::ALL.map(Preset::as_str).join(", ");
    Preset::parse(text).ok_or_else(|| format!("must be one of {known}"))
}

fn auth(text: &str) -> Result<AuthKind, String> {
    let known = AuthKind::ALL.map(AuthKind::as_str).join(", ");
    AuthKind::parse(text).ok_or_else(|| format!("must be one of {known}"))
}

fn country(text: &str) -> Result<Country, String> {
    Country::existing(text)
}

fn ttl(text: &str) -> Result<Duration, String> {
    let range = Duration::from_secs(30)..=Duration::from_hours(24);
    let ttl = span::parse(text)?;
    let fits = range.contains(&ttl);
    fits.then_some(ttl)
        .ok_or_else(|| "must be from 30s to 24h".to_owned())
}

fn field(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| {
        let mut names = FieldNames::default();
        names.named(name).is_some()
    });
    let (name, place) =
        pair.ok_or("must be FIELD=PLACE, with phone, code, text, id, locale or ip")?;
    if place.len() > 100 {
        return Err("the place may have at most 100 characters".to_owned());
    }
    Ok((name.to_owned(), place.to_owned()))
}

fn sms_text(text: &str) -> Result<SmsText, String> {
    match text {
        "host" => Ok(SmsText::Host),
        "template" => Ok(SmsText::Template),
        _ => Err("must be host or template".to_owned()),
    }
}
