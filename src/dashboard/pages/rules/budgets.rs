//! `/dashboard/budgets`: each project's budgets and their usage, and the form to set one.

use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};

use crate::dashboard::frame::fault::{Fault, Kind};
use crate::dashboard::frame::fields::{Fields, FormErrors, Input, sure};
use crate::dashboard::frame::forms::Form;
use crate::dashboard::frame::rights::{Posted, SetsRules, Signed};
use crate::dashboard::frame::shell;
use crate::dashboard::frame::show;
use crate::dashboard::frame::viewer::Viewer;
use crate::dashboard::text::faults::filled;
use crate::gateway::{BudgetError, BudgetState, Gateway, Project, parsed_overrides};
use crate::money::{Micros, Money};
use crate::verification::budget::{Budget, Period};
use crate::verification::id::ProjectId;
use crate::verification::phone::Country;

pub const PATH: &str = "/dashboard/budgets";

pub async fn list(
    signed: Signed<SetsRules>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    let t = signed.view.t;
    let done = show::was_done(&request, &[("saved", t.saved), ("removed", t.removed)]);
    page(
        &signed,
        &gateway,
        &Form::default(),
        &FormErrors::default(),
        done,
    )
    .await
}

async fn page(
    signed: &Signed<SetsRules>,
    gateway: &Gateway,
    form: &Form,
    wrong: &FormErrors,
    done: Option<&str>,
) -> Result<HttpResponse, Fault> {
    let view = &signed.view;
    let (t, m) = (view.t, view.t.rules);
    let trouble = |trouble| view.trouble(&trouble);
    let access = signed.access();
    let projects = gateway
        .admin()
        .list_projects(&access)
        .await
        .map_err(trouble)?;
    let budgets = gateway.finance().budgets(&access).await.map_err(trouble)?;
    let fields = Fields { t, form, wrong };
    let body = html! {
        (shell::heading(t.money.budgets, Some(m.budgets_lead), &shell::nothing()))
        (show::done(done))
        section class="panel" { h2 { (m.budget_new) } (new(view, gateway, &projects, fields)) }
        @for project in &projects {
            @let own: Vec<&BudgetState> = budgets.iter().filter(|state| state.project == project.id).collect();
            section class="panel" { (of_project(view, project, &own)) }
        }
    };
    Ok(view.form_page(wrong, t.money.budgets, PATH, &body))
}

fn new(view: &Viewer, gateway: &Gateway, projects: &[Project], fields: Fields<'_>) -> Markup {
    let (t, m) = (view.t, view.t.rules);
    let names: Vec<_> = projects
        .iter()
        .map(|project| (project.name.clone(), project.name.clone()))
        .collect();
    let periods = Period::ALL.map(|period| (period.as_str().to_owned(), period_name(view, period)));
    html! {
        (fields.summary())
        form class="filters" method="post" action=(PATH) {
            (shell::token(view))
            (fields.choice(t.project, "project", &names, "default"))
            (fields.choice(m.period, "period", &periods, "day"))
            (fields.line(m.limit, "limit", Input::Decimal, ""))
            (fields.line(t.money.currency, "currency", Input::Code, gateway.reporting_currency().as_str()))
            (fields.line_with(t.country, "country", Input::Code, "", Some(m.country_or_every)))
            (fields.line_with(m.alert_at, "alert_at", Input::Decimal, "50, 80", Some(m.alert_at_hint)))
            button type="submit" { (m.set) }
        }
        p class="hint" { (m.budget_hint) }
    }
}

fn period_name(view: &Viewer, period: Period) -> String {
    view.column(period.as_str()).to_owned()
}

fn of_project(view: &Viewer, project: &Project, budgets: &[&BudgetState]) -> Markup {
    let (t, m) = (view.t, view.t.rules);
    let own = parsed_overrides(&project.overrides).get("budget").is_some();
    html! {
        h2 { (project.name) @if !own { " " span class="hint" { (m.budget_default) } } }
        @if budgets.is_empty() { p class="hint" { (m.budget_none) } }
        @else {
            (show::table(&project.name, &html! {
                thead { tr {
                    th scope="col" { (m.period) } th scope="col" { (t.country) }
                    @for name in [m.used, m.reserved, m.limit] { th scope="col" class="figure" { (name) } }
                    th scope="col" { span class="unseen" { (m.used) } }
                    th scope="col" class="figure" { (m.alert_at) } th scope="col" { (m.resets) }
                    th scope="col" { span class="unseen" { (m.remove) } }
                } }
                tbody { @for state in budgets { (row(view, project, state)) } }
            }))
        }
        @if own { (sure(view, "/dashboard/budgets/follow", (m.budget_follow, &project.name), m.budget_follow_why, &[("project", &project.name)])) }
    }
}

fn row(view: &Viewer, project: &Project, state: &BudgetState) -> Markup {
    let (m, budget) = (view.t.rules, &state.budget);
    let currency = budget.limit.currency;
    let money = |amount: Micros| show::short(view, Money::new(amount, currency));
    let country = budget.country.map(|country| country.to_string());
    let alerts: Vec<String> = budget
        .alert_at
        .iter()
        .map(|share| {
            view.locale()
                .decimal(&(f64::from(*share) / 10.0).to_string())
        })
        .collect();
    let hidden = [
        ("project", project.name.as_str()),
        ("period", budget.period.as_str()),
        ("currency", currency.as_str()),
        ("country", country.as_deref().unwrap_or_default()),
    ];
    let what = format!(
        "{} · {} · {} · {}",
        project.name,
        period_name(view, budget.period),
        country.as_deref().unwrap_or(m.every_country),
        view.locale().exact(budget.limit)
    );
    html! {
        tr {
            th scope="row" { (period_name(view, budget.period)) }
            td data-label=(view.t.country) { @match &country { Some(code) => (show::country(view, code)), None => (m.every_country) } }
            td class="figure first" data-label=(m.used) { (money(state.spent)) }
            td class="figure" data-label=(m.reserved) { (money(state.reserved)) }
            td class="figure" data-label=(m.limit) { (money(budget.limit.amount)) }
            td { (gauge(state, &what)) }
            td class="figure" data-label=(m.alert_at) { (alerts.join(", ")) }
            td data-label=(m.resets) { (show::minute(view, state.resets_at)) }
            td class="acts" { (sure(view, "/dashboard/budgets/remove", (m.remove, &what), &what, &hidden)) }
        }
    }
}

/// A bar that shows how much of a budget is used.
fn gauge(state: &BudgetState, name: &str) -> Markup {
    let limit = state.budget.limit.amount.0;
    let used = state.used().0.min(limit);
    html! { meter min="0" max=(limit) value=(used) low=(limit / 2) high=(limit / 5 * 4) optimum="0" aria-label=(name) {} }
}

/// A budget on one line: name, gauge and figures.
pub fn meter(view: &Viewer, gateway: &Gateway, state: &BudgetState) -> Markup {
    let (budget, limit) = (&state.budget, state.budget.limit);
    let project = gateway.directory().project_name(state.project);
    let country = budget.country.map(|country| format!(" · {country}"));
    let name = format!(
        "{} · {}{}",
        project.unwrap_or_default(),
        period_name(view, budget.period),
        country.unwrap_or_default()
    );
    html! {
        div class="meter" {
            span { (name) }
            (gauge(state, &name))
            span class="figure" { (show::short(view, Money::new(state.used(), limit.currency))) " / " (show::short(view, limit)) }
        }
    }
}

pub async fn set(
    posted: Posted<SetsRules>,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Fault> {
    let (signed, form) = (&posted.signed, &posted.form);
    let view = &signed.view;
    let mut wrong = FormErrors::default();
    if let Some((project, budget)) = read(view, &gateway, form, &mut wrong) {
        let change = |budgets: &mut Vec<Budget>| {
            budgets.retain(|known| !known.is_of_the_same(&budget));
            budgets.push(budget.clone());
        };
        match gateway
            .admin()
            .change_budgets(&signed.access(), project, change)
            .await
        {
            Ok(()) => return Ok(view.go("/dashboard/budgets?done=saved")),
            Err(BudgetError::NoRate { from, to, .. }) => {
                let what = format!("{from} → {to}");
                let words = filled(view.t.faults.no_rate, &[&what]);
                wrong.note("currency", format!("{words} {}", view.t.faults.add_rate));
            }
            Err(error) => return Err(trouble(view, error)),
        }
    }
    page(signed, &gateway, form, &wrong, None).await
}

fn trouble(view: &Viewer, error: BudgetError) -> Fault {
    let trouble = match error {
        BudgetError::Failed(trouble) => trouble,
        BudgetError::Project(_) | BudgetError::NoRate { .. } => crate::gateway::Error::Unavailable,
    };
    view.trouble(&trouble)
}

fn read(
    view: &Viewer,
    gateway: &Gateway,
    form: &Form,
    wrong: &mut FormErrors,
) -> Option<(ProjectId, Budget)> {
    let t = view.t.faults;
    let project = gateway.directory().find_project(form.text("project"));
    if project.is_none() {
        wrong.note("project", t.choose);
    }
    let period = Period::parse(form.text("period"));
    if period.is_none() {
        wrong.note("period", t.choose);
    }
    let limit = wrong.amount(view, "limit", form);
    if limit.is_some_and(|limit| limit <= Micros::ZERO) {
        wrong.note("limit", t.not_positive);
    }
    let currency = wrong.currency(view, "currency", form);
    let country = match form.text("country") {
        "" | "*" => None,
        code => wrong.or_note(
            "country",
            Country::existing(&code.to_ascii_uppercase()),
            |_| filled(t.not_a_country, &[code]),
        ),
    };
    let alert_at = shares(form.text("alert_at"));
    if alert_at.is_none() {
        wrong.note("alert_at", t.shares);
    }
    let budget = Budget {
        period: period?,
        limit: Money::new(limit?, currency?),
        country,
        alert_at: alert_at?,
    };
    wrong.is_empty().then_some((project?, budget))
}

/// Reads percentages such as `50, 80` as thousandths.
fn shares(text: &str) -> Option<Vec<u16>> {
    let parts = text.split([',', ';', ' ', '%']);
    let share = |part: &str| {
        let percent: Micros = part.parse().ok()?;
        let thousandths = percent.0.checked_div(100_000)?;
        let exact = thousandths * 100_000 == percent.0 && (1..=1_000).contains(&thousandths);
        exact.then(|| u16::try_from(thousandths).ok()).flatten()
    };
    let mut shares: Vec<u16> = parts
        .filter(|part| !part.is_empty())
        .map(share)
        .collect::<Option<_>>()?;
    shares.sort_unstable();
    shares.dedup();
    (shares.len() <= 10).then_some(shares)
}

pub async fn remove(
    posted: Posted<SetsRules>,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Fault> {
    let (signed, form) = (&posted.signed, &posted.form);
    let view = &signed.view;
    if let Some(project) = gateway.directory().find_project(form.text("project")) {
        let gone = |budget: &Budget| {
            let country = budget.country.map(|country| country.to_string());
            budget.period.as_str() == form.text("period")
                && budget.limit.currency.as_str() == form.text("currency")
                && country.as_deref().unwrap_or_default() == form.text("country")
        };
        let change = |budgets: &mut Vec<Budget>| budgets.retain(|budget| !gone(budget));
        let changed = gateway
            .admin()
            .change_budgets(&signed.access(), project, change)
            .await;
        changed.map_err(|error| trouble(view, error))?;
    }
    Ok(view.go("/dashboard/budgets?done=removed"))
}

/// Removes a project's own budgets, so that the configured ones apply again.
pub async fn follow(
    posted: Posted<SetsRules>,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Fault> {
    let signed = &posted.signed;
    let name = posted.form.text("project");
    if gateway.directory().find_project(name).is_none() {
        return Err(signed.view.fault(Kind::NotFound));
    }
    let followed = gateway
        .admin()
        .follow_default_budgets(&signed.access(), name)
        .await;
    followed.map_err(|error| trouble(&signed.view, error))?;
    Ok(signed.view.go("/dashboard/budgets?done=saved"))
}

#[cfg(test)]
mod tests {
    use super::shares;

    #[test]
    fn shares_are_per_cent_with_one_decimal() {
        assert_eq!(shares("80, 50"), Some(vec![500, 800]));
        assert_eq!(shares("0.1;100 %"), Some(vec![1, 1_000]));
        assert_eq!(shares(""), Some(Vec::new()));
        for text in ["0", "101", "50.05", "x", "-5"] {
            assert_eq!(shares(text), None, "{text}");
        }
    }
}
