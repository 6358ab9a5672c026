//! Reads Rust as far as it takes to see paths: no syntax tree, but words, and where a path begins.

#[derive(Clone, Copy)]
pub struct Token {
    pub line: usize,
    pub text: &'static str,
}

/// A file's words without comments, literals and test-only code.
pub fn code(text: &'static str) -> Vec<Token> {
    without_tests(&tokens(text))
}

/// Words, `::` and single signs; comments and literals are left out.
fn tokens(text: &'static str) -> Vec<Token> {
    let (mut tokens, mut rest, mut line) = (Vec::new(), text, 1);
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if first == '"' {
            quoted(rest, '"')
        } else if let Some(length) = raw_string(rest) {
            length
        } else if first == '\'' {
            let mut after = rest.chars().skip(1);
            match (after.next(), after.next()) {
                (Some('\\'), _) | (_, Some('\'')) => quoted(rest, '\''),
                _ => 1, // a lifetime
            }
        } else {
            let length = match rest.find(|c| !is_word(c)).unwrap_or(rest.len()) {
                0 if rest.starts_with("::") => 2,
                0 => first.len_utf8(),
                length => length,
            };
            if !first.is_whitespace() {
                tokens.push(Token {
                    line,
                    text: &rest[..length],
                });
            }
            length
        };
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    tokens
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
        } else {
            at += rest.chars().next().map_or(0, char::len_utf8);
        }
        if depth == 0 || at == text.len() {
            return at;
        }
    }
}

/// The length of a literal with its quotes.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of `r"…"`, `br#"…"#` and the like, if the text begins with one.
fn raw_string(text: &str) -> Option<usize> {
    let after = ["r", "br", "cr"].into_iter().find_map(|prefix| {
        text.strip_prefix(prefix)
            .filter(|it| it.starts_with(['#', '"']))
    })?;
    let body = after.trim_start_matches('#');
    let end = format!("\"{}", "#".repeat(after.len() - body.len()));
    let body = body.strip_prefix('"')?;
    let close = body.find(&end).map_or(body.len(), |at| at + end.len());
    Some(text.len() - body.len() + close)
}

/// Leaves out each item under `#[cfg(test)]`, and a file under `#![cfg(test)]`.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    const MARK: [&str; 6] = ["[", "cfg", "(", "test", ")", "]"];
    let marked = |at: usize| {
        MARK.iter()
            .enumerate()
            .all(|(offset, text)| is(tokens, at + offset, text))
    };
    let (mut kept, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        if is(tokens, at, "#") && is(tokens, at + 1, "!") && marked(at + 2) {
            return Vec::new();
        }
        if is(tokens, at, "#") && marked(at + 1) {
            at = item_end(tokens, at + 1 + MARK.len());
        } else {
            kept.push(tokens[at]);
            at += 1;
        }
    }
    kept
}

/// The index after an item that begins at `at`: after its `;` or the brace that closes it.
fn item_end(tokens: &[Token], at: usize) -> usize {
    let mut depth = 0;
    for (index, token) in tokens.iter().enumerate().skip(at) {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" => depth -= 1,
            "}" => {
                depth -= 1;
                if depth == 0 {
                    return index + 1;
                }
            }
            ";" if depth == 0 => return index + 1,
            _ => {}
        }
        if depth < 0 {
            return index;
        }
    }
    tokens.len()
}

fn is(tokens: &[Token], at: usize, text: &str) -> bool {
    tokens.get(at).is_some_and(|token| token.text == text)
}

/// A path as written in the file: `super::b::C`.
#[derive(Clone, Debug)]
pub struct Written {
    pub line: usize,
    pub words: Vec<&'static str>,
    /// The modules inside the file that it is written in.
    pub inside: Vec<&'static str>,
    /// Of a `use`: the name that it binds. A glob binds `*`.
    pub binds: Option<&'static str>,
    /// Of a `use`: whether it hands the name on.
    pub handed_on: bool,
}

impl Written {
    /// The path from the crate's root, which `root` names; `None`: it begins with a name in scope.
    pub fn absolute(&self, module: &[&'static str], root: &str) -> Option<Vec<&'static str>> {
        let mut at: Vec<&str> = [module, &self.inside].concat();
        let mut words = self.words.iter().copied().peekable();
        match words.next()? {
            first if first == root => at.clear(),
            "super" => {
                at.pop();
            }
            "self" => {}
            _ => return None,
        }
        while words.next_if_eq(&"super").is_some() {
            at.pop();
        }
        Some(at.into_iter().chain(words).collect())
    }
}

/// Every path of two words or more, and everything that a `use` names.
pub fn written(code: &[Token]) -> Vec<Written> {
    let (mut found, mut inside, mut braces) = (Vec::new(), Vec::new(), 0_usize);
    let mut at = 0;
    while at < code.len() {
        match code[at].text {
            "use" if !is(code, at + 1, "<") => {
                let first = found.len();
                let handed_on = is_handed_on(code, at);
                at = branches(code, at + 1, &[], &mut found);
                for written in &mut found[first..] {
                    written.handed_on = handed_on;
                    written.inside = inside.iter().map(|(_, name)| *name).collect();
                }
                continue;
            }
            "{" => {
                braces += 1;
                if at > 1 && is(code, at - 2, "mod") {
                    inside.push((braces, code[at - 1].text));
                }
            }
            "}" => {
                inside.pop_if(|(depth, _)| *depth == braces);
                braces = braces.saturating_sub(1);
            }
            _ if is_path_start(code, at) => {
                let mut words = vec![code[at].text];
                let mut end = at + 1;
                while is(code, end, "::") && code.get(end + 1).is_some_and(is_name) {
                    words.push(code[end + 1].text);
                    end += 2;
                }
                if words.len() > 1 {
                    found.push(Written {
                        line: code[at].line,
                        words,
                        inside: inside.iter().map(|(_, name)| *name).collect(),
                        binds: None,
                        handed_on: false,
                    });
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

fn is_name(token: &Token) -> bool {
    token.text.starts_with(is_word)
}

fn is_path_start(code: &[Token], at: usize) -> bool {
    let follows = |sign| at > 0 && is(code, at - 1, sign);
    is_name(&code[at]) && is(code, at + 1, "::") && !follows("::") && !follows(".")
}

/// Whether the `use` at `at` is `pub`, or `pub(…)`.
fn is_handed_on(code: &[Token], at: usize) -> bool {
    let mut before = at;
    if at > 0 && is(code, at - 1, ")") {
        before = code[..at]
            .iter()
            .rposition(|token| token.text == "(")
            .unwrap_or(0);
    }
    before > 0 && is(code, before - 1, "pub")
}

/// The branches of the tree of a `use` that begins at `at`; answers the index after it.
fn branches(
    code: &[Token],
    mut at: usize,
    stem: &[&'static str],
    found: &mut Vec<Written>,
) -> usize {
    let mut words = stem.to_vec();
    let mut line = code.get(at).map_or(0, |token| token.line);
    while let Some(token) = code.get(at) {
        match token.text {
            "::" => at += 1,
            "{" => {
                at += 1;
                while at < code.len() && !is(code, at, "}") {
                    at = branches(code, at, &words, found);
                    at += usize::from(is(code, at, ","));
                }
                return at + 1;
            }
            "as" => {
                let alias = code.get(at + 1).map_or("_", |token| token.text);
                push(found, line, words, Some(alias));
                return at + 2;
            }
            "self" if !words.is_empty() => at += 1,
            text if text == "*" || is_name(token) => {
                line = token.line;
                words.push(text);
                at += 1;
            }
            _ => break,
        }
    }
    push(found, line, words, None);
    at
}

fn push(
    found: &mut Vec<Written>,
    line: usize,
    words: Vec<&'static str>,
    alias: Option<&'static str>,
) {
    found.push(Written {
        line,
        binds: alias.or(words.last().copied()),
        words,
        inside: Vec::new(),
        handed_on: false,
    });
}

/// The first words of paths, and what a bare `use` or `extern crate` names.
pub fn first_words(code: &[Token]) -> Vec<&Token> {
    let before = |at: usize, back: usize| at.checked_sub(back).map_or("", |it| code[it].text);
    code.iter()
        .enumerate()
        .filter(|(_, token)| token.text != "use" && token.text.starts_with(is_word))
        .filter(|(at, _)| match before(*at, 1) {
            "use" | "crate" => true,
            "::" => before(*at, 2) == "use" || !before(*at, 2).ends_with(is_word),
            _ => is(code, at + 1, "::"),
        })
        .map(|(_, token)| token)
        .collect()
}

#[test]
fn paths_are_seen_and_look_alikes_are_not() {
    /// The name at the crate root that a path refers to, from a module at this depth.
    fn named(depth: usize, text: &'static str) -> String {
        let module = &["own", "inner"][..depth];
        let names: Vec<_> = written(&code(text))
            .iter()
            .filter_map(|path| path.absolute(module, "crate")?.first().copied())
            .filter(|name| *name != "own")
            .collect();
        names.join(" ")
    }
    fn sqlx(text: &'static str) -> usize {
        first_words(&code(text))
            .iter()
            .filter(|token| token.text == "sqlx")
            .count()
    }

    #[rustfmt::skip]
    let cases = [
        (1, "use crate::a::B; fn f() { crate::c::d() }", "a c"),
        (1, "use crate::{a, b::{C, d}, e::*,};", "a b b e"),
        (1, "use super::a::B; use self::own::C;", "a"),
        (2, "use super::own; use super::super::a; use super::{super::b, c};", "a b"),
        (1, "mod inner { use super::own; use super::super::a; } use super::b;", "a b"),
        (1, "pub(crate) fn f() {} macro_rules! m { () => { $crate::a::b() } }", "a"),
        (1, "// crate::a\n/* crate::b /* crate::c */ */ const A: &str = \"crate::d\";", ""),
        (1, r###"const A: &str = r##"crate::a "# "##; crate::b::c"###, "b"),
        (1, r#"fn f<'a>(c: &'a char) { ['"', '\'', b'"']; crate::a::b }"#, "a"),
        (1, "#[cfg(test)] mod tests { use crate::a; } use crate::b;", "b"),
        (1, "#[cfg(test)] #[path = \"x\"] mod tests; use crate::b;", "b"),
        (1, "#[cfg(test)] fn f(a: [u8; 2]) { crate::a::b() } use crate::c;", "c"),
        (1, "#![cfg(test)] use crate::a;", ""),
    ];
    for (depth, text, expected) in cases {
        assert_eq!(named(depth, text), expected, "{text}");
    }
    let bound: Vec<_> = written(&code(
        "use super::a::{self, B as C, d::*}; pub(super) use e::F; pub use g;",
    ))
    .iter()
    .map(|path| (path.words.join("::"), path.binds, path.handed_on))
    .collect();
    let expected = [
        ("super::a", "a", false),
        ("super::a::B", "C", false),
        ("super::a::d::*", "*", false),
        ("e::F", "F", true),
        ("g", "g", true),
    ];
    let expected = expected.map(|(path, name, on)| (path.to_owned(), Some(name), on));
    assert_eq!(bound, expected);
    assert_eq!(
        sqlx("use sqlx; use sqlx::Row; use ::sqlx::Pool; use {sqlx::Any};"),
        4
    );
    assert_eq!(
        sqlx("#[derive(sqlx::FromRow)] struct A(Vec<sqlx::Row>);"),
        2
    );
    assert_eq!(
        sqlx("#[sqlx(rename)] struct A { sqlx: own::sqlx::B } // sqlx::Row"),
        0
    );
}
