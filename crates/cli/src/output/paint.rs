//! Colours, on a terminal only.

use std::io::{IsTerminal as _, stderr, stdout};

use crate::settings::from_environment;

pub(crate) fn red(text: &str) -> String {
    wrap("31;1", text)
}

pub(crate) fn green(text: &str) -> String {
    wrap("32", text)
}

pub(crate) fn yellow(text: &str) -> String {
    wrap("33", text)
}

pub(crate) fn bold(text: &str) -> String {
    wrap("1", text)
}

fn wrap(code: &str, text: &str) -> String {
    // https://no-color.org
    let plain = from_environment("NO_COLOR").is_some() || !stdout().is_terminal() || !stderr().is_terminal();
    if plain { text.to_owned() } else { format!("\u{1b}[{code}m{text}\u{1b}[0m") }
}
