//! What an examination found, as a line or as JSON.

use serde_json::{Value, json};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    Ok,
    /// It was not examined.
    Skipped,
    /// It works, but hardly as it should.
    Warning,
    Fault,
}

#[derive(Clone, Debug)]
pub(super) struct Finding {
    /// What was examined: one word, the same in each version.
    check: &'static str,
    grade: Grade,
    detail: String,
    /// What to do; empty: nothing, or the detail says it.
    mend: String,
}

impl Finding {
    pub fn ok(check: &'static str, detail: impl Into<String>) -> Self {
        Self::new(check, Grade::Ok, detail, "")
    }

    pub fn skipped(check: &'static str, detail: impl Into<String>) -> Self {
        Self::new(check, Grade::Skipped, detail, "")
    }

    pub fn warning(
        check: &'static str,
        detail: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self::new(check, Grade::Warning, detail, mend)
    }

    pub fn fault(check: &'static str, detail: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::new(check, Grade::Fault, detail, mend)
    }

    fn new(
        check: &'static str,
        grade: Grade,
        detail: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self {
            check,
            grade,
            detail: detail.into(),
            mend: mend.into(),
        }
    }

    pub fn is_fault(&self) -> bool {
        self.grade == Grade::Fault
    }

    fn word(&self) -> &'static str {
        match self.grade {
            Grade::Ok => "ok",
            Grade::Skipped => "skipped",
            Grade::Warning => "warning",
            Grade::Fault => "fault",
        }
    }

    /// `fault    redis: … -> mend`.
    pub fn line(&self) -> String {
        let (word, check, detail) = (self.word(), self.check, &self.detail);
        let line = match self.mend.as_str() {
            "" => format!("{word:<8} {check}: {detail}"),
            mend => format!("{word:<8} {check}: {detail} -> {mend}"),
        };
        line.replace('\n', " ")
    }

    pub fn json(&self) -> Value {
        let mend = Some(&self.mend).filter(|mend| !mend.is_empty());
        json!({ "check": self.check, "status": self.word(), "detail": self.detail, "mend": mend })
    }
}

pub(super) fn version() -> String {
    let (system, machine) = (std::env::consts::OS, std::env::consts::ARCH);
    format!(
        "pinroute {} on {system}, {machine}",
        env!("CARGO_PKG_VERSION")
    )
}
