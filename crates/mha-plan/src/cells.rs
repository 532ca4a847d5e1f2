//! [`Cell`]: a block of a problem, and its division until every binding and grid meets the device's limits.

use std::ops::Range;

/// Ranges of batch rows, heads, query rows and keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    pub b: Range<u32>,
    pub n: Range<u32>,
    pub s: Range<u32>,
    pub t: Range<u32>,
}

/// A range of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    Batch,
    Head,
    Query,
    Key,
}

impl Cell {
    fn range(&self, axis: Axis) -> &Range<u32> {
        match axis {
            Axis::Batch => &self.b,
            Axis::Head => &self.n,
            Axis::Query => &self.s,
            Axis::Key => &self.t,
        }
    }

    fn with(&self, axis: Axis, range: Range<u32>) -> Cell {
        let mut cell = self.clone();
        match axis {
            Axis::Batch => cell.b = range,
            Axis::Head => cell.n = range,
            Axis::Query => cell.s = range,
            Axis::Key => cell.t = range,
        }
        cell
    }

    /// Two halves along an axis that has two entries or more. Batch rows are parted between groups of `batch_group`, where
    /// there are several, as the rows of a beam search read their whole group.
    fn halves(&self, axis: Axis, batch_group: u32) -> Option<(Cell, Cell)> {
        let range = self.range(axis);
        if range.len() < 2 {
            return None;
        }
        let mut middle = range.start + (range.end - range.start) / 2;
        if axis == Axis::Batch {
            let between = middle.next_multiple_of(batch_group);
            let before = middle / batch_group * batch_group;
            middle = [before, between].into_iter().find(|m| range.start < *m && *m < range.end).unwrap_or(middle);
        }
        Some((self.with(axis, range.start..middle), self.with(axis, middle..range.end)))
    }

    /// Keys in ranges of `chunk`.
    pub fn key_chunks(&self, chunk: u32) -> impl Iterator<Item = Cell> + '_ {
        self.t.clone().step_by(chunk.max(1) as usize).map(move |t| {
            let end = t.saturating_add(chunk).min(self.t.end);
            self.with(Axis::Key, t..end)
        })
    }
}

/// Divides `cell` along `axes` until no need passes its limit. `needs` gives the ratios of needs to limits. Halving goes
/// along the first axis that takes a quarter off the total of what is too large in both halves, else along the first that
/// takes anything off one of them; where none does, the cell is given back as the error.
pub fn divide(
    cell: Cell,
    axes: &[Axis],
    batch_group: u32,
    needs: &dyn Fn(&Cell) -> Vec<f64>,
) -> Result<Vec<Cell>, Cell> {
    let excess = |cell: &Cell| -> f64 { needs(cell).into_iter().filter(|&need| need > 1.0).sum() };
    let mut done = Vec::new();
    let mut open = vec![cell];
    while let Some(cell) = open.pop() {
        let now = excess(&cell);
        if now == 0.0 {
            done.push(cell);
            continue;
        }
        let halves_where = |good: &dyn Fn(f64, f64) -> bool| {
            let good = |(a, b): &(Cell, Cell)| good(excess(a), excess(b));
            axes.iter().find_map(|&axis| cell.halves(axis, batch_group).filter(good))
        };
        let much = |a: f64, b: f64| a.max(b) <= 0.75 * now;
        match halves_where(&much).or_else(|| halves_where(&|a, b| a.min(b) < now)) {
            // The first half is done first, so that cells come out in order.
            Some((a, b)) => open.extend([b, a]),
            None => return Err(cell),
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_covers_the_cell_once_in_order() {
        let cell = Cell { b: 0..3, n: 0..5, s: 0..7, t: 0..9 };
        let cells = divide(cell, &[Axis::Batch, Axis::Head, Axis::Query], 1, &|c| {
            vec![(c.b.len() * c.n.len() * c.s.len()) as f64 / 6.0]
        })
        .unwrap();
        let mut seen = Vec::new();
        for c in &cells {
            assert!(c.b.len() * c.n.len() * c.s.len() <= 6);
            assert_eq!(c.t, 0..9);
            for b in c.b.clone() {
                for n in c.n.clone() {
                    seen.extend(c.s.clone().map(|s| (b, n, s)));
                }
            }
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 3 * 5 * 7);
    }

    #[test]
    fn batch_rows_part_between_groups() {
        let cell = Cell { b: 0..9, n: 0..1, s: 0..1, t: 0..1 };
        let group_span = |c: &Cell| vec![f64::from(c.b.end.next_multiple_of(3) - c.b.start / 3 * 3) / 3.0];
        let cells = divide(cell, &[Axis::Batch], 3, &group_span).unwrap();
        assert_eq!(cells.into_iter().map(|c| c.b).collect::<Vec<_>>(), [0..3, 3..6, 6..9]);
    }

    #[test]
    fn what_no_axis_shrinks_is_given_back() {
        let cell = Cell { b: 0..1, n: 0..4, s: 0..4, t: 0..1 };
        let stuck = divide(cell, &[Axis::Batch, Axis::Head, Axis::Query], 1, &|_| vec![2.0]).unwrap_err();
        assert_eq!(stuck.n, 0..4);
    }

    #[test]
    fn key_chunks_end_where_the_cell_ends() {
        let cell = Cell { b: 0..1, n: 0..1, s: 0..1, t: 3..10 };
        let chunks: Vec<_> = cell.key_chunks(3).map(|c| c.t).collect();
        assert_eq!(chunks, [3..6, 6..9, 9..10]);
    }
}
