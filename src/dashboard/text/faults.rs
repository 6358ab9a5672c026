//! What is wrong with what somebody typed, and the mend; in both languages. `{}` stands for the value.

use crate::gateway::{BookError, RateProblem};
use crate::money::MoneyError;
use crate::reports::exchange::{FactorError, Missing};
use crate::reports::query::{Fault, Problem};
use crate::webhooks::address::AddressError;

/// Every word; one that is missing in a language does not compile.
#[derive(Debug)]
pub struct FaultTexts {
    pub required: &'static str,
    pub ambiguous: &'static str,
    pub choose: &'static str,
    pub choose_some: &'static str,
    pub too_long_text: &'static str,
    pub not_a_number: &'static str,
    pub too_fine: &'static str,
    pub too_large: &'static str,
    pub not_positive: &'static str,
    pub negative: &'static str,
    pub downwards: &'static str,
    pub not_a_rate: &'static str,
    pub rate_too_fine: &'static str,
    pub rate_too_large: &'static str,
    pub not_a_currency: &'static str,
    pub same_currency: &'static str,
    pub other_currency: &'static str,
    pub not_a_date: &'static str,
    pub not_a_month: &'static str,
    pub not_a_zone: &'static str,
    pub not_a_country: &'static str,
    pub not_a_group: &'static str,
    pub no_project: &'static str,
    pub no_provider: &'static str,
    pub other_channel: &'static str,
    pub gap: &'static str,
    pub reversed: &'static str,
    pub too_long: &'static str,
    pub too_long_by_hour: &'static str,
    pub too_early: &'static str,
    pub no_rate: &'static str,
    pub no_rate_days: &'static str,
    pub and_more: &'static str,
    pub add_rate: &'static str,
    pub note_required: &'static str,
    pub future: &'static str,
    pub too_old: &'static str,
    pub too_much: &'static str,
    pub shares: &'static str,
    pub days: &'static str,
    pub unreadable: &'static str,
    pub scheme: &'static str,
    pub credentials: &'static str,
    pub address_too_long: &'static str,
    pub private: &'static str,
    pub most_webhooks: &'static str,
}

/// The words with values in the places of `{}`.
pub fn filled(words: &str, values: &[&str]) -> String {
    let mut parts = words.split("{}");
    let mut out = parts.next().unwrap_or_default().to_owned();
    let mut values = values.iter();
    for part in parts {
        out.push_str(values.next().copied().unwrap_or_default());
        out.push_str(part);
    }
    out
}

impl FaultTexts {
    pub fn money(&self, error: &MoneyError) -> String {
        let (words, value) = match error {
            MoneyError::NotANumber(value) => (self.not_a_number, value),
            MoneyError::TooFine(value) => (self.too_fine, value),
            MoneyError::TooLarge(value) => (self.too_large, value),
            MoneyError::NotACurrency(value) => (self.not_a_currency, value),
        };
        filled(words, &[value])
    }

    pub fn factor(&self, error: &FactorError) -> String {
        let (words, value) = match error {
            FactorError::NotARate(value) => (self.not_a_rate, value),
            FactorError::TooFine(value) => (self.rate_too_fine, value),
            FactorError::TooLarge(value) => (self.rate_too_large, value),
            FactorError::Zero(value) => (self.not_positive, value),
        };
        filled(words, &[value])
    }

    pub fn range(&self, fault: &Fault) -> String {
        match fault.problem {
            Problem::Reversed { .. } => self.reversed.to_owned(),
            Problem::TooEarly => self.too_early.to_owned(),
            Problem::TooLong {
                days,
                most,
                by_hour,
            } => {
                let words = if by_hour {
                    self.too_long_by_hour
                } else {
                    self.too_long
                };
                filled(words, &[&days.to_string(), &most.to_string()])
            }
        }
    }

    /// Which currencies on which days.
    pub fn missing(&self, missing: &Missing) -> String {
        const SHOWN: usize = 5;
        let one = |(currency, days): (&String, &std::collections::BTreeSet<_>)| {
            let shown: Vec<String> = days
                .iter()
                .take(SHOWN)
                .map(|day: &chrono::NaiveDate| day.to_string())
                .collect();
            let mut told = filled(
                self.no_rate_days,
                &[currency, &missing.to, &shown.join(", ")],
            );
            let more = days.len().saturating_sub(SHOWN);
            if more > 0 {
                told.push_str(&filled(self.and_more, &[&more.to_string()]));
            }
            told
        };
        let all: Vec<String> = missing.days.iter().map(one).collect();
        format!(
            "{} {}",
            filled(self.no_rate, &[&all.join("; ")]),
            self.add_rate
        )
    }

    pub fn rate(&self, problem: &RateProblem) -> String {
        match problem {
            RateProblem::NoProvider { provider, known } => {
                filled(self.no_provider, &[provider, &known.join(", ")])
            }
            RateProblem::OtherChannel(channel) => filled(self.other_channel, &[channel.as_str()]),
            RateProblem::OtherCurrency(currency) => {
                filled(self.other_currency, &[currency.as_str()])
            }
            RateProblem::Gap { country, today } => {
                let place = country.map_or_else(|| "*".to_owned(), |country| country.to_string());
                filled(self.gap, &[&place, &today.to_string()])
            }
        }
    }

    pub fn booking(&self, error: &BookError) -> String {
        match error {
            BookError::WrongCurrency(currency) => filled(self.other_currency, &[currency.as_str()]),
            BookError::Future => self.future.to_owned(),
            BookError::TooOld => self.too_old.to_owned(),
            BookError::TooMuch => self.too_much.to_owned(),
            BookError::NoProvider(_) | BookError::Failed(_) => self.choose.to_owned(),
        }
    }

    pub fn address(&self, error: &AddressError) -> String {
        match error {
            AddressError::Unreadable => self.unreadable.to_owned(),
            AddressError::Scheme(scheme) => filled(self.scheme, &[scheme]),
            AddressError::Credentials => self.credentials.to_owned(),
            AddressError::TooLong => self.address_too_long.to_owned(),
            AddressError::Private(host) => filled(self.private, &[host]),
        }
    }
}

pub(super) const ENGLISH: FaultTexts = FaultTexts {
    required: "Fill this in.",
    ambiguous: "{} may mean two things: write 1200 or 1.200000.",
    choose: "Choose one of the list.",
    choose_some: "Choose at least one.",
    too_long_text: "At most {} characters fit.",
    not_a_number: "“{}” is not a number such as 0.05.",
    too_fine: "“{}” has more than six decimals.",
    too_large: "“{}” is too large.",
    not_positive: "It must be more than 0.",
    negative: "It must not be below 0.",
    downwards: "A top-up is more than 0; a correction downwards is an adjustment.",
    not_a_rate: "“{}” is not a rate such as 0.0105.",
    rate_too_fine: "“{}” has more than twelve decimals.",
    rate_too_large: "“{}” is too large: it must be below 1000000.",
    not_a_currency: "“{}” is not a currency code such as USD.",
    same_currency: "Both are the same currency.",
    other_currency: "This account is in {}.",
    not_a_date: "“{}” is not a date such as 2026-11-01.",
    not_a_month: "“{}” is not a month such as 2026-11.",
    not_a_zone: "“{}” is not an IANA time zone such as Asia/Tashkent.",
    not_a_country: "“{}” is not a country code such as UZ.",
    not_a_group: "“{}” is nothing to group by.",
    no_project: "“{}” is not a project.",
    no_provider: "“{}” is not configured; there are {}.",
    other_channel: "This provider carries {}.",
    gap: "This leaves {} without a price until then, so that nothing is sent there. Add a row from {} or earlier first.",
    reversed: "The last day is before the first: swap them.",
    too_long: "{} days are too many at once; {} fit.",
    too_long_by_hour: "{} days by the hour are too many at once; {} fit.",
    too_early: "It must be a day since 1970.",
    no_rate: "An exchange rate is missing: {}.",
    no_rate_days: "{} to {} on {}",
    and_more: " and {} more",
    add_rate: "Add it under “Exchange rates”, or choose another currency.",
    note_required: "An adjustment needs a reason.",
    future: "This is in the future.",
    too_old: "This is before 1970.",
    too_much: "The account would be beyond a million million.",
    shares: "Up to ten shares from 0.1 to 100, with commas between them, such as 50, 80.",
    days: "A whole number of days from 1 to 3650, or nothing.",
    unreadable: "This is not an address such as https://shop.example/hooks.",
    scheme: "“{}” cannot be called; only https and http can.",
    credentials: "It must not hold a user or password; the signature says who calls.",
    address_too_long: "It is longer than 2048 bytes.",
    private: "It leads to the private address {}; only an operator can allow that, with webhooks.allow_private = true.",
    most_webhooks: "The project has {} endpoints already; remove one that is not needed.",
};

pub(super) const RUSSIAN: FaultTexts = FaultTexts {
    required: "Заполните это поле.",
    ambiguous: "{} можно понять по-разному: напишите 1200 или 1.200000.",
    choose: "Выберите из списка.",
    choose_some: "Выберите хотя бы одно.",
    too_long_text: "Помещается не больше {} знаков.",
    not_a_number: "«{}» — не число вида 0.05.",
    too_fine: "У «{}» больше шести знаков после запятой.",
    too_large: "«{}» — слишком много.",
    not_positive: "Нужно больше 0.",
    negative: "Нельзя меньше 0.",
    downwards: "Пополнение больше 0; уменьшение — это корректировка.",
    not_a_rate: "«{}» — не курс вида 0.0105.",
    rate_too_fine: "У «{}» больше двенадцати знаков после запятой.",
    rate_too_large: "«{}» — слишком много: нужно меньше 1000000.",
    not_a_currency: "«{}» — не код валюты вида USD.",
    same_currency: "Это одна и та же валюта.",
    other_currency: "Этот счёт в {}.",
    not_a_date: "«{}» — не дата вида 2026-11-01.",
    not_a_month: "«{}» — не месяц вида 2026-11.",
    not_a_zone: "«{}» — не часовой пояс IANA вида Asia/Tashkent.",
    not_a_country: "«{}» — не код страны вида UZ.",
    not_a_group: "По «{}» группировать нельзя.",
    no_project: "«{}» — не проект.",
    no_provider: "«{}» не настроен; есть {}.",
    other_channel: "Этот провайдер отправляет по каналу {}.",
    gap: "До этого дня {} останется без цены, и туда ничего не отправится. Сначала добавьте строку с {} или раньше.",
    reversed: "Последний день раньше первого: поменяйте их местами.",
    too_long: "{} дней сразу — слишком много; помещается {}.",
    too_long_by_hour: "{} дней по часам — слишком много; помещается {}.",
    too_early: "Нужен день не раньше 1970 года.",
    no_rate: "Не хватает курса: {}.",
    no_rate_days: "{} в {} на {}",
    and_more: " и ещё {}",
    add_rate: "Добавьте его в «Курсы валют» или выберите другую валюту.",
    note_required: "Корректировке нужна причина.",
    future: "Это в будущем.",
    too_old: "Это раньше 1970 года.",
    too_much: "На счёте стало бы больше триллиона.",
    shares: "До десяти долей от 0.1 до 100 через запятую, например 50, 80.",
    days: "Целое число дней от 1 до 3650 или ничего.",
    unreadable: "Это не адрес вида https://shop.example/hooks.",
    scheme: "По «{}» обратиться нельзя; только https и http.",
    credentials: "В адресе не должно быть имени и пароля: кто звонит, говорит подпись.",
    address_too_long: "Адрес длиннее 2048 байт.",
    private: "Он ведёт на внутренний адрес {}; разрешить это может только оператор: webhooks.allow_private = true.",
    most_webhooks: "У проекта уже {} адресов; удалите ненужный.",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_in_their_places_in_both_languages() {
        assert_eq!(filled("{} of {}", &["1", "2"]), "1 of 2");
        assert_eq!(filled("none", &["1"]), "none");
        let error = MoneyError::NotANumber("x{}".to_owned());
        assert_eq!(ENGLISH.money(&error), "“x{}” is not a number such as 0.05.");
        let gap = RateProblem::Gap {
            country: None,
            today: chrono::NaiveDate::from_ymd_opt(2026, 11, 1).unwrap(),
        };
        for t in [&ENGLISH, &RUSSIAN] {
            let told = t.rate(&gap);
            assert!(told.contains('*') && told.contains("2026-11-01"), "{told}");
        }
    }
}
