//! Tables for people.

use comfy_table::{Cell, CellAlignment, Table, TableComponent};

/// Which side the values of a column are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Text, times.
    Left,
    /// Numbers, so that their digits are below each other.
    Right,
}

/// Returns a table with a header and nothing in it.
///
/// Rows are as wide as they need to be: what is cut or wrapped cannot be searched for.
pub(crate) fn table(columns: impl IntoIterator<Item = (impl ToString, Side)>) -> Table {
    let mut table = Table::new();
    table.force_no_tty();
    let (names, sides): (Vec<_>, Vec<_>) = columns
        .into_iter()
        .map(|(name, side)| (name.to_string(), side))
        .unzip();
    table.load_preset(comfy_table::presets::NOTHING);
    table.set_style(TableComponent::VerticalLines, '│');
    table.set_style(TableComponent::HeaderLines, '─');
    table.set_style(TableComponent::MiddleHeaderIntersections, '┼');
    table.set_header(names.into_iter().zip(&sides).map(|(name, side)| {
        Cell::new(name).set_alignment(match side {
            Side::Left => CellAlignment::Left,
            Side::Right => CellAlignment::Right,
        })
    }));
    for (column, side) in table.column_iter_mut().zip(sides) {
        column.set_cell_alignment(match side {
            Side::Left => CellAlignment::Left,
            Side::Right => CellAlignment::Right,
        });
    }
    table
}

/// Returns the lines of a table, without blanks at their ends.
pub(crate) fn render(table: &Table) -> String {
    table.lines().fold(String::new(), |mut text, line| {
        text.push_str(line.trim_end());
        text.push('\n');
        text
    })
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn numbers_are_on_the_right_and_lines_have_no_blanks_at_their_ends() {
        let mut users = table([
            ("name", Side::Left),
            ("pageviews", Side::Right),
            ("note", Side::Left),
        ]);
        users.add_row(["Ann", "1,234", ""]);
        users.add_row(["Bartholomew", "7", "new"]);
        assert_snapshot!(render(&users));
    }
}
