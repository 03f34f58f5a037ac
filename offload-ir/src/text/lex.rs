//! Words, numbers, strings and punctuation of the textual form, with their positions.

use super::ParseError;

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// `[A-Za-z_][A-Za-z0-9_]*`
    Word(String),
    /// A number.
    Number(i128),
    /// A string, unescaped.
    Text(String),
    /// `..`
    Dots,
    /// Any other single character.
    Punct(char),
    /// End of the text.
    End,
}

impl Token {
    /// How a message calls it.
    pub(super) fn describe(&self) -> String {
        match self {
            Token::Word(w) => format!("`{w}`"),
            Token::Number(n) => format!("`{n}`"),
            Token::Text(t) => format!("{t:?}"),
            Token::Dots => "`..`".into(),
            Token::Punct(c) => format!("`{c}`"),
            Token::End => "the end of the text".into(),
        }
    }
}

/// A token with the place where it starts.
#[derive(Clone, Debug)]
pub(super) struct Spanned {
    pub(super) token: Token,
    pub(super) line: u32,
    pub(super) column: u32,
}

struct Lexer<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    line: u32,
    column: u32,
}

/// Splits `text` into tokens; the last one is [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Spanned>, ParseError> {
    let mut lexer = Lexer { rest: text.chars().peekable(), line: 1, column: 1 };
    let mut out = Vec::new();
    loop {
        lexer.skip_blanks();
        let (line, column) = (lexer.line, lexer.column);
        let token = lexer.token().map_err(|message| ParseError { line, column, message })?;
        let end = token == Token::End;
        out.push(Spanned { token, line, column });
        if end {
            return Ok(out);
        }
    }
}

impl Lexer<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.next()?;
        if c == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(c)
    }

    fn skip_blanks(&mut self) {
        while let Some(&c) = self.rest.peek() {
            if c == ';' {
                while self.rest.peek().is_some_and(|c| *c != '\n') {
                    self.next();
                }
            } else if c.is_whitespace() {
                self.next();
            } else {
                return;
            }
        }
    }

    fn token(&mut self) -> Result<Token, String> {
        let Some(&c) = self.rest.peek() else {
            return Ok(Token::End);
        };
        if c.is_ascii_alphabetic() || c == '_' {
            return Ok(Token::Word(self.word()));
        }
        if c.is_ascii_digit() || c == '-' {
            return self.number();
        }
        self.next();
        match c {
            '"' => self.text(),
            '.' if self.rest.peek() == Some(&'.') => {
                self.next();
                Ok(Token::Dots)
            }
            _ => Ok(Token::Punct(c)),
        }
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(&c) = self.rest.peek() {
            if !(c.is_ascii_alphanumeric() || c == '_') {
                break;
            }
            word.push(c);
            self.next();
        }
        word
    }

    fn number(&mut self) -> Result<Token, String> {
        let negative = self.rest.peek() == Some(&'-');
        if negative {
            self.next();
        }
        let digits = self.word();
        let value = match digits.strip_prefix("0x") {
            Some(hex) => i128::from_str_radix(hex, 16),
            None => digits.parse::<i128>(),
        };
        let value = value.map_err(|_| format!("`{digits}` is not a number"))?;
        let range = -(1i128 << 63)..1i128 << 64;
        let value = if negative { -value } else { value };
        if range.contains(&value) {
            Ok(Token::Number(value))
        } else {
            Err(format!("`{digits}` does not fit 64 bits"))
        }
    }

    fn text(&mut self) -> Result<Token, String> {
        let mut text = String::new();
        loop {
            match self.next() {
                None | Some('\n') => return Err("the string does not end on its line".into()),
                Some('"') => return Ok(Token::Text(text)),
                Some('\\') => text.push(self.escape()?),
                Some(c) => text.push(c),
            }
        }
    }

    fn escape(&mut self) -> Result<char, String> {
        match self.next() {
            Some('n') => Ok('\n'),
            Some('r') => Ok('\r'),
            Some('t') => Ok('\t'),
            Some('0') => Ok('\0'),
            Some(c @ ('"' | '\\' | '\'')) => Ok(c),
            Some('u') => {
                let mut code = String::new();
                if self.next() == Some('{') {
                    while let Some(c) = self.next().filter(|c| *c != '}') {
                        code.push(c);
                    }
                }
                let code = u32::from_str_radix(&code, 16).ok().and_then(char::from_u32);
                code.ok_or_else(|| "bad `\\u{…}` in the string".into())
            }
            _ => Err("unknown escape in the string".into()),
        }
    }
}
