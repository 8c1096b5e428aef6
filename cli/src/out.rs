//! The one way to standard output, and the colours that it may have there.

use std::io::{self, BufWriter, IsTerminal as _, StdoutLock, Write};

/// Standard output for one command, buffered. What is written appears when it is flushed.
#[derive(Debug)]
pub(crate) struct Out {
    writer: BufWriter<StdoutLock<'static>>,
    paint: Paint,
}

/// Whether words are coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    /// As text alone.
    Plain,
    /// With the terminal's colours.
    Coloured,
}

/// What a word stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Must be mended.
    Error,
    /// Worth a look.
    Warning,
    /// As it should be.
    Good,
    /// What the lines below are about.
    Heading,
}

impl Out {
    /// The process's standard output. It is coloured on a terminal, unless `NO_COLOR` is set to anything
    /// (<https://no-color.org>).
    pub(crate) fn stdout() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let paint = if wanted && io::stdout().is_terminal() {
            Paint::Coloured
        } else {
            Paint::Plain
        };
        let writer = BufWriter::new(io::stdout().lock());
        Self { writer, paint }
    }

    /// How its words are to be painted.
    pub(crate) fn paint(&self) -> Paint {
        self.paint
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Paint {
    /// `text` in the colour of `tone`.
    pub(crate) fn word(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Error => "1;31",
            Tone::Warning => "1;33",
            Tone::Good => "1;32",
            Tone::Heading => "1",
        };
        match self {
            Self::Plain => text.to_owned(),
            Self::Coloured => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}
