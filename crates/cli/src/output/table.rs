//! Plain tables with aligned columns.

use super::paint;

/// Prints rows under their headers; numbers are aligned to the right.
pub(crate) fn table(headers: &[&str], rows: Vec<Vec<String>>) {
    let mut widths: Vec<usize> = headers.iter().map(|header| header.chars().count()).collect();
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let header: Vec<String> = headers.iter().map(|&header| header.to_owned()).collect();
    out!("{}", paint::bold(&line(&header, &widths)));
    for row in &rows {
        out!("{}", line(row, &widths));
    }
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let mut text = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        let padding = " ".repeat(width - cell.chars().count());
        let number = !cell.is_empty() && cell.chars().all(|c| c.is_ascii_digit() || c == ',');
        let parts = if number { [padding.as_str(), cell] } else { [cell, padding.as_str()] };
        text.push_str(&parts.concat());
        text.push_str("  ");
    }
    text.trim_end().to_owned()
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes for people.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}
