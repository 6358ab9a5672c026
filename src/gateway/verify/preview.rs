//! Previews a message: its text, segments and prices, without sending it.

use super::room::Verify;
use crate::channels::Draft;
use crate::gateway::error::Error;
use crate::message::segments::{self, Encoding};
use crate::message::{Wording, text};
use crate::money::Money;
use crate::verification::code::Code;
use crate::verification::id::ProjectId;
use crate::verification::phone::Country;
use crate::verification::route::Channel;

/// The project, destination and wording of the message.
#[derive(Clone, Debug)]
pub struct PreviewRequest {
    pub project: ProjectId,
    pub country: Country,
    pub wording: Wording,
    /// Tried instead of the project's own templates.
    pub template: Option<String>,
    pub code_length: Option<u8>,
}

#[derive(Clone, Debug)]
pub struct Preview {
    pub locale: String,
    /// Contains a sample code such as 121212.
    pub text: String,
    pub encoding: Encoding,
    pub segments: u32,
    pub costs: Vec<Price>,
}

/// One provider's price.
#[derive(Clone, Debug)]
pub struct Price {
    pub channel: Channel,
    pub provider: String,
    /// `None`: no price for the country, so nothing would be sent.
    pub price: Option<Money>,
}

impl Verify {
    /// The inner error says what is wrong with the template.
    pub fn preview(&self, request: PreviewRequest) -> Result<Result<Preview, String>, Error> {
        let policy = self.core().directory.policy(request.project);
        let length = request.code_length.unwrap_or(policy.code_length);
        let sample = "12".repeat(4);
        let sample = &sample[..usize::from(length).min(sample.len())];
        let code = Code::parse(sample).ok_or(Error::Unavailable)?;
        let mut wording = request.wording;
        let mut own = policy.templates.clone();
        if let Some(template) = request.template {
            if let Err(fault) = text::check(&template, policy.max_segments) {
                return Ok(Err(fault));
            }
            let tag = wording.locale.get_or_insert_with(|| "en".to_owned());
            own.insert(tag.clone(), template);
        }
        let (country, brand) = (
            request.country.as_str(),
            self.brand(request.project, None, &policy),
        );
        let wording = text::choose(wording, &own, country, policy.ttl, &brand);
        let draft = Draft::new(request.country, &code, &wording);
        let mut costs = Vec::new();
        for step in &policy.route {
            for slot in self
                .core()
                .providers
                .iter()
                .filter(|slot| slot.provider.account().channel == step.channel)
            {
                costs.push(Price {
                    channel: step.channel,
                    provider: slot.provider.name().to_owned(),
                    price: self.finance().estimate(slot, &draft),
                });
            }
        }
        let text = draft.text().to_owned();
        let (encoding, segments) = segments::count(&text);
        Ok(Ok(Preview {
            locale: wording.locale.clone().unwrap_or_default(),
            text,
            encoding,
            segments,
            costs,
        }))
    }
}
