//! The titles of a report's columns and what they mean, in each language; the JSON keys are the same in all.
//!
//! To add a column: its row in [`COLUMNS`].

use crate::locale::{LANGUAGES, Locale};

/// A title and a meaning, in the order of [`Locale::ALL`].
type Words = [[&'static str; 2]; LANGUAGES];

#[rustfmt::skip]
const COLUMNS: [(&str, Words); 31] = [
    ("month", [["Month", "Calendar month"], ["Месяц", "Календарный месяц"]]),
    ("week", [["Week", "Week of ISO 8601, from Monday"], ["Неделя", "Неделя по ISO 8601, с понедельника"]]),
    ("day", [["Day", "Day in the time zone of the report"], ["День", "День в часовом поясе отчёта"]]),
    ("hour", [["Hour", "Start of the hour in the time zone of the report"], ["Час", "Начало часа в часовом поясе отчёта"]]),
    ("project", [["Project", "Site or app that asked"], ["Проект", "Сайт или приложение, от которого пришёл запрос"]]),
    ("channel", [["Channel", "Way that the code was sent"], ["Канал", "Способ отправки кода"]]),
    ("provider", [["Provider", "Account that carried the message"], ["Провайдер", "Счёт, через который отправлено сообщение"]]),
    ("country", [["Country", "Country of the number (ISO 3166)"], ["Страна", "Страна номера (ISO 3166)"]]),
    ("country_name", [["Country name", "Name of the country"], ["Название страны", "Название страны"]]),
    ("currency", [["Currency", "Currency of all amounts (ISO 4217)"], ["Валюта", "Валюта всех сумм (ISO 4217)"]]),
    ("verifications", [
        ["Verifications", "Verifications created, in the row of their last attempt"],
        ["Проверки", "Созданные проверки номеров, в строке последней попытки"]]),
    ("attempts", [
        ["Attempts", "Attempts to deliver a code, skipped steps included"],
        ["Попытки", "Попытки доставить код, включая пропущенные шаги"]]),
    ("delivered", [["Delivered", "Codes that were delivered"], ["Доставлено", "Доставленные коды"]]),
    ("approved", [
        ["Approved", "Verifications whose right code was entered"],
        ["Подтверждено", "Проверки, в которых введён верный код"]]),
    ("charged", [
        ["Charged", "What providers charged, on the day of the charge"],
        ["Списано", "Сколько списали провайдеры, по дню списания"]]),
    ("refunded", [
        ["Refunded", "What providers refunded, on the day of the refund"],
        ["Возвращено", "Сколько провайдеры вернули, по дню возврата"]]),
    ("refunded_expected", [
        ["Refunds expected", "Refunds that the provider documents but has not reported; not in the net spend"],
        ["Ожидаемые возвраты", "Возвраты, обещанные правилами провайдера, но ещё не подтверждённые; в чистые расходы не входят"]]),
    ("net", [
        ["Net spend", "Charged minus refunded"],
        ["Чистые расходы", "Списано минус возвращено"]]),
    ("sms_equivalent", [
        ["SMS-only cost", "What the requested sends would have cost as SMS: the default text at the country's cheapest rate of the day"],
        ["Если бы только SMS", "Сколько стоили бы те же отправки по SMS: обычный текст по самому дешёвому тарифу страны на этот день"]]),
    ("requested", [["Requested", "Codes that were requested"], ["Запрошено", "Запрошенные коды"]]),
    ("sent", [["Sent", "Codes that a provider accepted"], ["Отправлено", "Коды, принятые провайдером"]]),
    ("read", [["Read", "Codes that were read"], ["Прочитано", "Прочитанные коды"]]),
    ("sent_p50", [["Sent, median, s", "Seconds until sent: half took less"], ["Отправлено, медиана, с", "Секунды до отправки: половина быстрее"]]),
    ("sent_p95", [["Sent, 95%, s", "Seconds until sent: 95% took less"], ["Отправлено, 95 %, с", "Секунды до отправки: 95 % быстрее"]]),
    ("delivered_p50", [["Delivered, median, s", "Seconds until delivered: half took less"], ["Доставлено, медиана, с", "Секунды до доставки: половина быстрее"]]),
    ("delivered_p95", [["Delivered, 95%, s", "Seconds until delivered: 95% took less"], ["Доставлено, 95 %, с", "Секунды до доставки: 95 % быстрее"]]),
    ("read_p50", [["Read, median, s", "Seconds until read: half took less"], ["Прочитано, медиана, с", "Секунды до прочтения: половина быстрее"]]),
    ("read_p95", [["Read, 95%, s", "Seconds until read: 95% took less"], ["Прочитано, 95 %, с", "Секунды до прочтения: 95 % быстрее"]]),
    ("approved_p50", [["Approved, median, s", "Seconds until approved: half took less"], ["Подтверждено, медиана, с", "Секунды до подтверждения: половина быстрее"]]),
    ("approved_p95", [["Approved, 95%, s", "Seconds until approved: 95% took less"], ["Подтверждено, 95 %, с", "Секунды до подтверждения: 95 % быстрее"]]),
    ("checked_by_host", [
        ["Checked elsewhere", "Codes that a site or an identity server made, of which nothing is known; no part of the approval rate"],
        ["Проверяются не здесь", "Коды сайта или сервера входа, о вводе которых ничего не известно; в доле подтверждений не учтены"]]),
];

/// Empty for an unknown column, which a test rules out.
fn of(locale: &Locale, key: &str) -> [&'static str; 2] {
    let mut columns = COLUMNS.iter();
    let found = columns.find(|(known, _)| *known == key);
    found.map_or(["", ""], |(_, words)| words[locale.place])
}

/// The title of a column.
#[must_use]
pub fn title(locale: &Locale, key: &str) -> &'static str {
    of(locale, key)[0]
}

/// What a column means, in one sentence.
#[must_use]
pub fn meaning(locale: &Locale, key: &str) -> &'static str {
    of(locale, key)[1]
}

/// The words of a spreadsheet around its rows.
#[derive(Clone, Copy, Debug)]
pub struct Sheet {
    pub costs: &'static str,
    pub conversion: &'static str,
    pub total: &'static str,
    pub about: &'static str,
    pub report: &'static str,
    pub period: &'static str,
    pub zone: &'static str,
    pub project: &'static str,
    pub every_project: &'static str,
    pub grouped_by: &'static str,
    pub not_grouped: &'static str,
    pub made_at: &'static str,
    pub made_by: &'static str,
    pub column: &'static str,
    pub key: &'static str,
    pub meaning: &'static str,
    /// What the row of totals contains.
    pub totals: &'static str,
    /// The same, where totals are not sums of the rows.
    pub totals_once: &'static str,
}

const SHEETS: [Sheet; LANGUAGES] = [
    Sheet {
        costs: "Costs",
        conversion: "Conversion",
        total: "Total",
        about: "About",
        report: "Report",
        period: "Period",
        zone: "Time zone",
        project: "Project",
        every_project: "all projects",
        grouped_by: "Grouped by",
        not_grouped: "not grouped",
        made_at: "Created",
        made_by: "Created by",
        column: "Column",
        key: "Name in the API",
        meaning: "Meaning",
        totals: "The totals are formulas over the rows that a filter leaves visible.",
        totals_once: "The total counts each verification once, so it is not the sum of rows that count attempts; durations are not summed.",
    },
    Sheet {
        costs: "Расходы",
        conversion: "Конверсия",
        total: "Итого",
        about: "О выгрузке",
        report: "Отчёт",
        period: "Период",
        zone: "Часовой пояс",
        project: "Проект",
        every_project: "все проекты",
        grouped_by: "Группировка",
        not_grouped: "нет",
        made_at: "Создана",
        made_by: "Чем создана",
        column: "Столбец",
        key: "Имя в API",
        meaning: "Что значит",
        totals: "Итоги — формулы по строкам, которые оставил фильтр.",
        totals_once: "В итоге каждая проверка учтена один раз, поэтому он не равен сумме строк, в которых считаются попытки; время не суммируется.",
    },
];

#[must_use]
pub fn sheet(locale: &Locale) -> &'static Sheet {
    &SHEETS[locale.place]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reports::query::Group;
    use crate::reports::{conversion, costs};

    #[test]
    fn every_column_has_a_title_of_its_own() {
        let groups = Group::ALL.map(Group::as_str);
        let columns = groups
            .into_iter()
            .chain(costs::FIGURES)
            .chain(conversion::FIGURES);
        for column in columns {
            let known = COLUMNS.iter().any(|(key, _)| *key == column);
            assert!(known, "{column} has no title");
        }
        for locale in Locale::ALL {
            let mut titles: Vec<&str> = COLUMNS.iter().map(|(key, _)| title(locale, key)).collect();
            titles.sort_unstable();
            let all = titles.len();
            titles.dedup();
            assert_eq!(
                titles.len(),
                all,
                "{}: two columns with one title",
                locale.code
            );
        }
    }
}
