//! Reads Rust, as far as it takes to see paths: no syntax tree, but words, and where a path begins.

#[derive(Clone, Copy)]
pub struct Token {
    pub line: usize,
    pub text: &'static str,
}

/// A file's words without comments, literals and what is compiled for tests only.
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

/// What a file names at the crate's root: `crate::NAME`, `use crate::{NAME, …}`, `super::…::NAME`.
/// The file's own module lies `depth` below that root, which `root` names.
pub fn names_at_root<'a>(code: &'a [Token], depth: usize, root: &str) -> Vec<&'a Token> {
    let (mut found, mut braces, mut inline) = (Vec::new(), 0_usize, Vec::new());
    for (at, token) in code.iter().enumerate() {
        let starts_path = is(code, at + 1, "::") && !(at > 0 && is(code, at - 1, "::"));
        match token.text {
            "{" => {
                braces += 1;
                if at > 1 && is(code, at - 2, "mod") {
                    inline.push(braces);
                }
            }
            "}" => {
                if inline.last() == Some(&braces) {
                    inline.pop();
                }
                braces = braces.saturating_sub(1);
            }
            "super" | "self" if starts_path => {
                follow(code, at, depth + inline.len(), &mut found);
            }
            name if starts_path && name == root => follow(code, at + 2, 0, &mut found),
            _ => {}
        }
    }
    found
}

/// Follows a path or a tree of paths from a module that lies `depth` below the root.
fn follow<'a>(code: &'a [Token], at: usize, depth: usize, found: &mut Vec<&'a Token>) {
    let Some(token) = code.get(at) else { return };
    match token.text {
        "super" => follow(code, at + 2, depth.saturating_sub(1), found),
        "self" if is(code, at + 1, "::") => follow(code, at + 2, depth, found),
        "self" => {}
        "{" => {
            let mut nested = 0_usize;
            for (index, token) in code.iter().enumerate().skip(at) {
                match token.text {
                    "{" => nested += 1,
                    "}" => nested -= 1,
                    _ => {}
                }
                if nested == 0 {
                    return;
                }
                let starts_branch = index == at || (nested == 1 && token.text == ",");
                if starts_branch && !is(code, index + 1, "}") {
                    follow(code, index + 1, depth, found);
                }
            }
        }
        _ if depth == 0 => found.push(token),
        _ => {}
    }
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
    fn named(depth: usize, text: &'static str) -> String {
        let code = code(text);
        let names: Vec<_> = names_at_root(&code, depth, "crate")
            .iter()
            .map(|token| token.text)
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
        (1, "use crate::{a, b::{C, d}, e::*,};", "a b e"),
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
