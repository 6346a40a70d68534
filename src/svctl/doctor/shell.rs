//! The words of a shell script, as far as they are clear without running it. Pure.

/// A word of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// What it is, quotes taken off.
    pub text: Vec<u8>,
    /// Whether the shell passes it unchanged: it has no variable and no glob.
    pub is_plain: bool,
}

/// A simple command, redirections left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// The number of its first line, from 1.
    pub line: usize,
    /// Its words.
    pub words: Vec<Word>,
}

impl Command {
    /// Whether its first word is one of these.
    #[must_use]
    pub fn starts_with(&self, names: &[&[u8]]) -> bool {
        self.words.first().is_some_and(|word| names.contains(&&word.text[..]))
    }
}

/// What ends a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A newline, a semicolon, or the end.
    End,
    /// `&&`, `||`, `|`
    Joint,
    /// `&`
    Background,
}

/// Whether a word gives a variable its value.
#[must_use]
pub fn is_assignment(word: &[u8]) -> bool {
    let mut parts = word.splitn(2, |&byte| byte == b'=');
    let name = parts.next().unwrap_or_default();
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    parts.next().is_some() && !name.is_empty() && name.iter().all(is_name)
}

/// The simple commands of a script, each with what ends it, and whether all of the script was
/// understood: subshells, functions, branches of a `case` and here-documents are not.
#[must_use]
pub fn commands(text: &[u8]) -> (Vec<(Command, Mark)>, bool) {
    let mut reader = Reader { left: text, line: 1, is_clear: true };
    let mut commands: Vec<(Command, Mark)> = Vec::new();
    while let Some(read) = reader.command() {
        commands.push(read);
    }
    (commands, reader.is_clear)
}

struct Reader<'a> {
    left: &'a [u8],
    line: usize,
    /// Whether all of the script so far was understood.
    is_clear: bool,
}

/// The next element of a script.
enum Token {
    Word(Word),
    Mark(Mark),
    /// A redirection: the next word belongs to it.
    Redirection,
}

impl Reader<'_> {
    fn take(&mut self) -> Option<u8> {
        let (&byte, left) = self.left.split_first()?;
        self.left = left;
        self.line += usize::from(byte == b'\n');
        Some(byte)
    }

    fn take_if(&mut self, wanted: u8) -> bool {
        let is_it = self.left.first() == Some(&wanted);
        if is_it {
            self.take();
        }
        is_it
    }

    /// The next command that has words, and what ends it.
    fn command(&mut self) -> Option<(Command, Mark)> {
        let mut command = Command::default();
        let mut is_target = false;
        loop {
            let line = self.line;
            match self.token() {
                Some(Token::Word(_)) if is_target => is_target = false,
                Some(Token::Word(word)) => {
                    if command.words.is_empty() {
                        command.line = line;
                    }
                    command.words.push(word);
                }
                Some(Token::Redirection) => is_target = true,
                Some(Token::Mark(_)) if command.words.is_empty() => is_target = false,
                Some(Token::Mark(mark)) => return Some((command, mark)),
                None if command.words.is_empty() => return None,
                None => return Some((command, Mark::End)),
            }
        }
    }

    fn token(&mut self) -> Option<Token> {
        loop {
            match self.left.first()? {
                b' ' | b'\t' | b'\r' => {
                    self.take();
                }
                b'\\' if self.left.get(1) == Some(&b'\n') => {
                    self.take();
                    self.take();
                }
                b'#' => {
                    while !matches!(self.left.first(), None | Some(b'\n')) {
                        self.take();
                    }
                }
                _ => break,
            }
        }
        match *self.left.first()? {
            b'\n' | b';' => {
                self.take();
                Some(Token::Mark(Mark::End))
            }
            b'&' => {
                self.take();
                // bash has `&>file`.
                if self.take_if(b'>') {
                    return Some(Token::Redirection);
                }
                Some(Token::Mark(if self.take_if(b'&') { Mark::Joint } else { Mark::Background }))
            }
            b'|' => {
                self.take();
                let _ = self.take_if(b'|') || self.take_if(b'&');
                Some(Token::Mark(Mark::Joint))
            }
            b'<' | b'>' => Some(self.redirection()),
            // A subshell, a function, a branch of a case.
            b'(' | b')' => {
                self.is_clear = false;
                self.take();
                Some(Token::Mark(Mark::Joint))
            }
            _ => Some(self.word()),
        }
    }

    fn redirection(&mut self) -> Token {
        let first = self.take();
        // After `<<` comes a here-document, and `<(` holds a command.
        if first == Some(b'<') && matches!(self.left.first(), Some(b'<')) {
            self.is_clear = false;
        }
        while matches!(self.left.first(), Some(b'>' | b'<' | b'&' | b'|')) {
            self.take();
        }
        Token::Redirection
    }

    fn word(&mut self) -> Token {
        let mut word = Word { text: Vec::new(), is_plain: true };
        while let Some(&byte) = self.left.first() {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'&' | b'|' | b'(' | b')' => break,
                b'<' | b'>' => {
                    // The word is the number of a descriptor.
                    if word.text.iter().all(u8::is_ascii_digit) {
                        return self.redirection();
                    }
                    break;
                }
                b'\\' => {
                    self.take();
                    match self.take() {
                        Some(b'\n') | None => {}
                        Some(byte) => word.text.push(byte),
                    }
                }
                b'\'' => {
                    self.take();
                    while let Some(byte) = self.take().filter(|&byte| byte != b'\'') {
                        word.text.push(byte);
                    }
                }
                b'"' => self.double_quoted(&mut word),
                b'$' | b'`' => self.replaced(&mut word),
                b'*' | b'?' | b'[' | b'~' | b'{' if byte != b'[' || !word.text.is_empty() => {
                    // Only a brace that is a whole word groups commands.
                    word.is_plain &= byte == b'{' && word.text.is_empty();
                    self.take();
                    word.text.push(byte);
                }
                _ => {
                    self.take();
                    word.text.push(byte);
                }
            }
        }
        Token::Word(word)
    }

    fn double_quoted(&mut self, word: &mut Word) {
        self.take();
        while let Some(&byte) = self.left.first() {
            match byte {
                b'"' => {
                    self.take();
                    return;
                }
                b'\\' => {
                    self.take();
                    let quotes = matches!(self.left.first(), Some(b'"' | b'\\' | b'$' | b'`'));
                    if !quotes {
                        word.text.push(b'\\');
                    }
                    word.text.extend(self.take());
                }
                b'$' | b'`' => self.replaced(word),
                _ => {
                    self.take();
                    word.text.push(byte);
                }
            }
        }
    }

    /// A variable, or a command that is replaced by its output.
    fn replaced(&mut self, word: &mut Word) {
        word.is_plain = false;
        let first = self.take();
        word.text.extend(first);
        let (open, close) = match (first, self.left.first()) {
            (Some(b'`'), _) => (0, b'`'),
            (_, Some(b'(')) => (b'(', b')'),
            (_, Some(b'{')) => (b'{', b'}'),
            _ => return,
        };
        let mut depth = 0_u32;
        while let Some(byte) = self.take() {
            word.text.push(byte);
            if byte == b'\\' {
                word.text.extend(self.take());
            } else if byte == open && open != 0 {
                depth += 1;
            } else if byte == close {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return;
                }
            }
        }
        self.is_clear = false;
    }
}
