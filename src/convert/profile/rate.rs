//! Bytes and rows over time, in bins that widen as the run goes on.

/// Bins at most; when a run outlasts them, two become one.
const BINS: usize = 512;

/// Width of a bin at first, in nanoseconds.
const FIRST_WIDTH: u64 = 1 << 20;

/// Amounts by bin of time. A file's bytes and rows are spread evenly over the time it took.
#[derive(Clone, Debug)]
pub(super) struct Rate {
    width: u64,
    bins: Vec<[f64; 2]>,
}

impl Default for Rate {
    fn default() -> Self {
        Self { width: FIRST_WIDTH, bins: Vec::new() }
    }
}

impl Rate {
    /// Spreads `bytes` and `rows` over the time from `start` to `end`.
    pub(super) fn add(&mut self, start: u64, end: u64, bytes: u64, rows: u64) {
        let end = end.max(start + 1);
        while place(end - 1, self.width) >= BINS {
            self.widen();
        }
        let (first, last) = (place(start, self.width), place(end - 1, self.width));
        if self.bins.len() <= last {
            self.bins.resize(last + 1, [0.0; 2]);
        }
        for (bin, number) in self.bins[first..=last].iter_mut().zip(first as u64..) {
            let from = start.max(number * self.width);
            let until = end.min((number + 1) * self.width);
            let share = ratio(until - from, end - start);
            bin[0] += ratio(bytes, 1) * share;
            bin[1] += ratio(rows, 1) * share;
        }
    }

    /// Width of a bin in nanoseconds, and the amounts by bin: bytes, rows.
    pub(super) fn bins(&self) -> (u64, &[[f64; 2]]) {
        (self.width, &self.bins)
    }

    fn widen(&mut self) {
        self.width *= 2;
        self.bins = self.bins.chunks(2).map(|pair| pair.iter().fold([0.0; 2], sum)).collect();
    }
}

fn sum(a: [f64; 2], b: &[f64; 2]) -> [f64; 2] {
    [a[0] + b[0], a[1] + b[1]]
}

fn place(time: u64, width: u64) -> usize {
    usize::try_from(time / width).unwrap_or(usize::MAX)
}

/// A share, or a figure for a chart.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_spread_over_their_time_and_survive_the_widening_of_bins() {
        let mut rate = Rate::default();
        rate.add(0, 4 * FIRST_WIDTH, 400, 40);
        let (width, bins) = rate.bins();
        assert_eq!((width, bins), (FIRST_WIDTH, &[[100.0, 10.0]; 4][..]));
        rate.add(FIRST_WIDTH * 2000, FIRST_WIDTH * 2000, 7, 1);
        let (width, bins) = rate.bins();
        assert_eq!((width, bins.len()), (4 * FIRST_WIDTH, 501));
        assert_eq!((bins[0], bins[1], bins[500]), ([400.0, 40.0], [0.0, 0.0], [7.0, 1.0]));
    }
}
