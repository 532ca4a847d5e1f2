//! [`Progress`]: a bar on standard error for work of minutes.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};

/// How often the bar is drawn while nothing else moves it, so that a long step does not look like a hang.
const TICK: Duration = Duration::from_millis(500);

/// A bar over a known number of steps. Nothing is drawn where standard error is no terminal, and nothing is left of it when
/// it goes.
pub struct Progress {
    bar: ProgressBar,
    begun: AtomicU64,
}

impl Progress {
    /// A bar over `total` steps, none of which has begun.
    pub fn new(total: u64) -> Progress {
        Progress::on(ProgressDrawTarget::stderr(), total)
    }

    fn on(target: ProgressDrawTarget, total: u64) -> Progress {
        let style = ProgressStyle::with_template("{bar:24} {pos} of {len}, {elapsed_precise}  {msg}")
            .expect("the template of the progress bar parses");
        let bar = ProgressBar::with_draw_target(Some(total), target)
            .with_style(style.progress_chars("=> "))
            .with_finish(ProgressFinish::AndClear);
        bar.enable_steady_tick(TICK);
        Progress { bar, begun: AtomicU64::new(0) }
    }

    /// Begins the next step, which `label` names, and counts the one before it as done.
    pub fn step(&self, label: &str) {
        self.bar.set_position(self.begun.fetch_add(1, Ordering::Relaxed));
        self.bar.set_message(label.to_owned());
    }

    /// Writes a line to `out`, which may be the same terminal, clear of the bar.
    ///
    /// # Errors
    /// As `out`.
    pub fn writeln(&self, out: &mut impl Write, line: &str) -> io::Result<()> {
        self.bar.suspend(|| writeln!(out, "{line}"))
    }

    /// Takes the bar off the screen.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use indicatif::TermLike;

    use super::*;

    /// A terminal that remembers what was written to it.
    #[derive(Debug, Clone, Default)]
    struct Paper(Arc<Mutex<String>>);

    impl Paper {
        fn text(&self) -> String {
            self.0.lock().expect("no test panicked").clone()
        }
    }

    impl TermLike for Paper {
        fn width(&self) -> u16 {
            80
        }
        fn move_cursor_up(&self, _: usize) -> std::io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> std::io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> std::io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> std::io::Result<()> {
            Ok(())
        }
        fn write_line(&self, line: &str) -> std::io::Result<()> {
            self.write_str(line)
        }
        fn write_str(&self, text: &str) -> std::io::Result<()> {
            self.0.lock().expect("no test panicked").push_str(text);
            Ok(())
        }
        fn clear_line(&self) -> std::io::Result<()> {
            self.write_str("<clear>")
        }
        fn flush(&self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_step_is_done_when_the_next_begins() {
        let paper = Paper::default();
        let progress = Progress::on(ProgressDrawTarget::term_like(Box::new(paper.clone())), 2);
        progress.step("one");
        progress.bar.force_draw();
        assert!(paper.text().contains("0 of 2") && paper.text().contains("one"), "{}", paper.text());
        assert!(!paper.text().contains("1 of 2"), "{}", paper.text());
        progress.step("two");
        progress.bar.force_draw();
        assert!(paper.text().contains("1 of 2") && paper.text().contains("two"), "{}", paper.text());
    }

    #[test]
    fn lines_are_printed_on_a_cleared_screen_and_nothing_is_left() {
        let paper = Paper::default();
        let progress = Progress::on(ProgressDrawTarget::term_like(Box::new(paper.clone())), 1);
        progress.step("only");
        progress.bar.force_draw();
        let before = paper.text().matches("<clear>").count();
        let mut out = Vec::new();
        progress.writeln(&mut out, "a row").unwrap();
        assert_eq!(out, b"a row\n");
        assert!(paper.text().matches("<clear>").count() > before, "{}", paper.text());
        progress.finish();
        assert!(paper.text().ends_with("<clear>"), "{}", paper.text());
    }
}
