//! Text that came from outside, made safe for a terminal, in columns.

use crate::model::is_bidi_or_control;

/// Without control characters and those that turn the direction of writing: a name must not move the cursor.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if is_bidi_or_control(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// One line a row, the first row being the heading.
pub(super) fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let rows: Vec<[String; N]> = rows.iter().map(|row| row.each_ref().map(|cell| plain(cell))).collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; N]| {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_from_outside_cannot_steer_a_terminal() {
        let rows = [["name", "id"], ["a\u{1b}[2Jb\n", "\u{202e}7"]].map(|row| row.map(str::to_owned));
        assert_eq!(columns(&rows), "name     id\na\u{fffd}[2Jb\u{fffd}  \u{fffd}7\n");
    }
}
