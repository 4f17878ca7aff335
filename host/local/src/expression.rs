//! Expressions: `pipeline.git.branch == "main" and not (pipeline.parameters.dry-run)`.
//!
//! The grammar of CircleCI's configuration reference, "Using expressions in your configuration", from the loosest binding to
//! the tightest:
//!
//! ```text
//! or       = and ("or" and)*
//! and      = compared ("and" compared)*
//! compared = negated (("==" | "!=" | ">=" | ">" | "<=" | "<" | "starts-with" | "matches") negated)*
//! negated  = "not" negated | operand
//! operand  = "(" or ")" | "<<" or ">>" | STRING | NUMBER | "true" | "false" | "null" | /PATTERN/ | NAME
//! ```
//!
//! A text that does not follow it is an error, and never true or false.

use super::error::{LocalError, Place};
use super::logic::truthy;
use super::pattern;
use super::template::Scope;
use super::yaml::Yaml;

/// How deep parentheses may be nested, as for logic statements.
const DEPTH_MAX: usize = 100;

/// Evaluates an expression. `and` and `or` return the operand that decided, so `on-main and 10 or 1` is a number.
///
/// # Errors
///
/// [`LocalError::Wrong`] for a text that is no expression, for a name that is not declared, and for an operator that the
/// types of its operands do not allow.
pub(crate) fn evaluate(text: &str, scope: &Scope<'_>, place: &Place) -> Result<Yaml, LocalError> {
    let failed = |why: String| place.wrong(format!("cannot evaluate the expression {text:?}: {why}"));
    let tokens = tokens(text).map_err(failed)?;
    let mut parser = Parser {
        tokens: tokens.into_iter().peekable(),
        depth: 0,
    };
    let expression = parser.or().map_err(failed)?;
    match parser.tokens.next() {
        None => expression.value(&Evaluation { text, scope, place }),
        Some(token) => Err(failed(format!("{token} is not expected after its end"))),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    /// A value, a name, `and`, `or`, `not`, `starts-with`, `matches`.
    Word(String),
    Text(String),
    Pattern(String),
    Number(Yaml),
    Symbol(&'static str),
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Token::Word(word) => f.write_str(word),
            Token::Text(text) => write!(f, "{text:?}"),
            Token::Pattern(pattern) => write!(f, "/{pattern}/"),
            Token::Number(number) => write!(f, "{number}"),
            Token::Symbol(symbol) => f.write_str(symbol),
        }
    }
}

/// The longer ones first.
const SYMBOLS: [&str; 10] = ["<<", ">>", "==", "!=", ">=", "<=", ">", "<", "(", ")"];

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let token = if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            rest = rest.get(symbol.len()..).unwrap_or_default();
            Token::Symbol(symbol)
        } else if matches!(first, '"' | '\'' | '/') {
            let (quoted, after) = quoted(rest, first)?;
            rest = after;
            if first == '/' {
                Token::Pattern(quoted)
            } else {
                Token::Text(quoted)
            }
        } else {
            let ends = |c: char| c.is_whitespace() || "<>=!()\"'/".contains(c);
            let (word, after) = rest.split_at(rest.find(ends).unwrap_or(rest.len()));
            if word.is_empty() {
                return Err(format!("{first} is not expected"));
            }
            rest = after;
            number(word).unwrap_or_else(|| Token::Word(word.to_owned()))
        };
        tokens.push(token);
        rest = rest.trim_start();
    }
    Ok(tokens)
}

/// Returns what is between two quotes, or between the slashes of a pattern, and what follows.
fn quoted(text: &str, quote: char) -> Result<(String, &str), String> {
    let mut inner = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        if c == quote {
            return Ok((inner, text.get(at + 1..).unwrap_or_default()));
        }
        if c == '\\' {
            let escaped = chars.next().map(|(_, c)| c);
            match escaped {
                Some(c) if c == quote => inner.push(c),
                // A pattern has escapes of its own.
                Some('\\') if quote != '/' => inner.push('\\'),
                Some(c) => inner.extend(['\\', c]),
                None => break,
            }
        } else {
            inner.push(c);
        }
    }
    Err(format!("the closing {quote} is missing"))
}

fn number(word: &str) -> Option<Token> {
    let digits = word.strip_prefix('-').unwrap_or(word);
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let integer = word.parse().ok().map(Yaml::Integer);
    integer
        .or_else(|| word.parse().ok().map(Yaml::Number))
        .map(Token::Number)
}

#[derive(Debug)]
enum Expression {
    Value(Yaml),
    Pattern(String),
    Name(String),
    Not(Box<Expression>),
    And(Box<[Expression; 2]>),
    Or(Box<[Expression; 2]>),
    Compared(String, Box<[Expression; 2]>),
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    depth: usize,
}

type Parsed = Result<Expression, String>;

impl Parser {
    fn take_word(&mut self, wanted: &str) -> bool {
        let is_it = |token: &Token| matches!(token, Token::Word(word) if word == wanted);
        self.tokens.next_if(is_it).is_some()
    }

    fn or(&mut self) -> Parsed {
        let mut left = self.and()?;
        while self.take_word("or") {
            left = Expression::Or(Box::new([left, self.and()?]));
        }
        Ok(left)
    }

    fn and(&mut self) -> Parsed {
        let mut left = self.compared()?;
        while self.take_word("and") {
            left = Expression::And(Box::new([left, self.compared()?]));
        }
        Ok(left)
    }

    fn compared(&mut self) -> Parsed {
        let is_operator = |token: &Token| match token {
            Token::Word(word) => matches!(word.as_str(), "starts-with" | "matches"),
            Token::Symbol(symbol) => !matches!(*symbol, "(" | ")" | "<<" | ">>"),
            _ => false,
        };
        let mut left = self.negated()?;
        while let Some(operator) = self.tokens.next_if(is_operator) {
            left = Expression::Compared(operator.to_string(), Box::new([left, self.negated()?]));
        }
        Ok(left)
    }

    fn negated(&mut self) -> Parsed {
        if !self.take_word("not") {
            return self.operand();
        }
        self.deeper(|parser| Ok(Expression::Not(Box::new(parser.negated()?))))
    }

    fn operand(&mut self) -> Parsed {
        Ok(match self.tokens.next() {
            Some(Token::Symbol(open @ ("(" | "<<"))) => {
                let inner = self.deeper(Parser::or)?;
                let close = if open == "(" { ")" } else { ">>" };
                match self.tokens.next() {
                    Some(Token::Symbol(symbol)) if symbol == close => inner,
                    Some(other) => return Err(format!("{close} is expected, not {other}")),
                    None => return Err(format!("the closing {close} is missing")),
                }
            }
            Some(Token::Text(text)) => Expression::Value(Yaml::Text(text)),
            Some(Token::Number(number)) => Expression::Value(number),
            Some(Token::Pattern(pattern)) => Expression::Pattern(pattern),
            Some(Token::Word(word)) => match word.as_str() {
                "true" => Expression::Value(Yaml::Bool(true)),
                "false" => Expression::Value(Yaml::Bool(false)),
                "null" => Expression::Value(Yaml::Null),
                "and" | "or" | "starts-with" | "matches" => {
                    return Err(format!("a value is expected, not {word}"));
                }
                _ => Expression::Name(word),
            },
            Some(token @ Token::Symbol(_)) => return Err(format!("a value is expected, not {token}")),
            None => return Err("a value is missing at its end".to_owned()),
        })
    }

    fn deeper(&mut self, parse: impl FnOnce(&mut Parser) -> Parsed) -> Parsed {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("it is nested more than {DEPTH_MAX} levels deep"));
        }
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }
}

/// The context of an evaluation.
struct Evaluation<'a> {
    text: &'a str,
    scope: &'a Scope<'a>,
    place: &'a Place,
}

impl Evaluation<'_> {
    fn wrong(&self, why: impl std::fmt::Display) -> LocalError {
        self.place
            .wrong(format!("cannot evaluate the expression {:?}: {why}", self.text))
    }
}

impl Expression {
    fn value(&self, with: &Evaluation<'_>) -> Result<Yaml, LocalError> {
        match self {
            Expression::Value(value) => Ok(value.clone()),
            Expression::Name(name) => with.scope.value(name, with.place),
            Expression::Pattern(pattern) => {
                Err(with.wrong(format!("the pattern /{pattern}/ may stand only after matches")))
            }
            Expression::Not(operand) => Ok(Yaml::Bool(!truthy(&operand.value(with)?))),
            Expression::And(operands) => {
                let [left, right] = &**operands;
                let left = left.value(with)?;
                if truthy(&left) {
                    right.value(with)
                } else {
                    Ok(left)
                }
            }
            Expression::Or(operands) => {
                let [left, right] = &**operands;
                let left = left.value(with)?;
                if truthy(&left) {
                    Ok(left)
                } else {
                    right.value(with)
                }
            }
            Expression::Compared(operator, operands) => {
                let [left, right] = &**operands;
                compare(operator, &left.value(with)?, right, with).map(Yaml::Bool)
            }
        }
    }
}

fn compare(
    operator: &str,
    left: &Yaml,
    right: &Expression,
    with: &Evaluation<'_>,
) -> Result<bool, LocalError> {
    let text = |value: &Yaml| match value {
        Yaml::Text(text) => Ok(text.clone()),
        // A branch on a tag, and a tag on a branch.
        Yaml::Null => Ok(String::new()),
        other => Err(with.wrong(format!(
            "{operator} compares texts, and {other} is {}",
            other.kind()
        ))),
    };
    if operator == "matches" {
        let pattern = match right {
            Expression::Pattern(pattern) => pattern.clone(),
            other => text(&other.value(with)?)?,
        };
        return pattern::matches(&pattern, &text(left)?, with.place);
    }
    let right = right.value(with)?;
    let number = |value: &Yaml| match value {
        Yaml::Integer(value) => Ok(*value as f64),
        Yaml::Number(value) => Ok(*value),
        other => Err(with.wrong(format!(
            "{operator} compares numbers, and {other} is {}",
            other.kind()
        ))),
    };
    Ok(match operator {
        "==" => equal(left, &right),
        "!=" => !equal(left, &right),
        "starts-with" => text(left)?.starts_with(&text(&right)?),
        ">=" => number(left)? >= number(&right)?,
        ">" => number(left)? > number(&right)?,
        "<=" => number(left)? <= number(&right)?,
        "<" => number(left)? < number(&right)?,
        other => return Err(with.wrong(format!("there is no operator {other}"))),
    })
}

/// Values of different types are never equal. Whole and other numbers are of one type. A value that the pipeline does not
/// have, such as the tag on a branch, equals both the empty text and null.
fn equal(left: &Yaml, right: &Yaml) -> bool {
    match (left, right) {
        (Yaml::Null, Yaml::Text(text)) | (Yaml::Text(text), Yaml::Null) => text.is_empty(),
        (Yaml::Integer(integer), Yaml::Number(number)) | (Yaml::Number(number), Yaml::Integer(integer)) => {
            *integer as f64 == *number
        }
        (left, right) => left == right,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::pipeline::{Pipeline, PipelineValues};

    fn evaluated(text: &str) -> Result<Yaml, String> {
        let place = Place::file("config.yml");
        let pipeline = Pipeline {
            number: 7,
            branch: Some("release".to_owned()),
            ..Pipeline::default()
        };
        let config = "parameters: {deploy: {type: boolean, default: false}, words: {type: string, default: 'this and that'}, \
                      run-tests: {type: boolean, default: true}, level: {type: integer, default: 3}}";
        let config = Yaml::parse(config, "config.yml").unwrap();
        let values = PipelineValues::bind(&pipeline, &config, &place).unwrap();
        let scope = Scope {
            pipeline: &values,
            parameters: &[("to".to_owned(), Yaml::Text("you".to_owned()))],
            prefix: "parameters",
            in_orb: false,
        };
        evaluate(text, &scope, &place).map_err(|error| error.to_string())
    }

    #[test]
    fn expressions_are_evaluated_as_circleci_says() {
        for (text, expected) in [
            ("pipeline.parameters.deploy", false),
            ("(pipeline.parameters.deploy)", false),
            ("not pipeline.parameters.deploy", true),
            ("not(pipeline.parameters.deploy)", true),
            ("not not true", true),
            ("pipeline.parameters.run-tests", true),
            ("pipeline.git.branch matches /^release$/", true),
            ("pipeline.git.branch matches /^rel/", false),
            ("pipeline.git.branch matches /rel.*/", true),
            ("not (pipeline.git.branch matches /^feature-.*$/)", true),
            ("pipeline.git.branch==\"release\"", true),
            ("pipeline.git.branch == 'main'", false),
            ("pipeline.git.branch != 'main'", true),
            ("pipeline.number > 1000", false),
            ("pipeline.number >= 7 and pipeline.number<8", true),
            ("pipeline.number == 7.0", true),
            ("pipeline.number == \"7\"", false),
            ("pipeline.git.tag == \"\" and pipeline.git.tag == null", true),
            ("pipeline.git.branch != null", true),
            ("pipeline.number != \"7\"", true),
            ("pipeline.git.tag starts-with \"v\"", false),
            ("pipeline.git.branch starts-with \"rel\"", true),
            ("pipeline.git.branch or pipeline.git.tag", true),
            ("not pipeline.git.branch == \"release\"", false),
            ("true or false and false", true),
            ("(true or false) and false", false),
            ("not true and false", false),
            ("not (true and false)", true),
            ("\"\" or 0 or null", false),
            ("parameters.to == \"you\"", true),
            ("pipeline.parameters.words == \"this and that\"", true),
            (
                "pipeline.event.name == \"pull_request\" or << pipeline.parameters.deploy >>",
                false,
            ),
            (
                "\n pipeline.parameters.deploy\n or pipeline.git.branch == \"release\"\n",
                true,
            ),
            ("\"a \\\"b\\\"\" == 'a \"b\"'", true),
            ("\"v1/2\" matches /v\\d\\/\\d/", true),
        ] {
            let value = evaluated(text).unwrap();
            assert_eq!(truthy(&value), expected, "{text}: {value}");
        }
    }

    #[test]
    fn and_and_or_return_an_operand() {
        for (text, expected) in [
            (
                "pipeline.git.branch == \"release\" and 10 or 1",
                Yaml::Integer(10),
            ),
            ("pipeline.git.branch == \"main\" and 10 or 1", Yaml::Integer(1)),
            ("pipeline.git.tag or \"no tag\"", Yaml::Text("no tag".to_owned())),
        ] {
            assert_eq!(evaluated(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_expression_is_an_error() {
        for (text, says) in [
            ("", "a value is missing"),
            ("pipeline.git.branch ==", "a value is missing"),
            ("== 1", "a value is expected, not =="),
            ("pipeline.git.branch = \"main\"", "= is not expected"),
            ("pipeline.git.branch && true", "&& is not expected"),
            ("!pipeline.parameters.deploy", "! is not expected"),
            ("(true", "the closing ) is missing"),
            ("true)", ") is not expected after its end"),
            ("true true", "true is not expected after its end"),
            ("pipeline.git.branch == \"main", "the closing \" is missing"),
            ("pipeline.git.branch matches /main", "the closing / is missing"),
            ("/main/", "may stand only after matches"),
            ("pipeline.git.branch matches /(/", "cannot be used"),
            (
                "pipeline.number starts-with \"7\"",
                "compares texts, and 7 is an integer",
            ),
            (
                "pipeline.git.branch > 3",
                "compares numbers, and release is a text",
            ),
            ("pipeline.weather == 1", "no such value exists"),
            ("pipeline.parameters.no", "no such parameter"),
            ("main", "neither a value of the pipeline"),
            ("starts-with(pipeline.git.branch, \"a\")", "a value is expected"),
            ("contains(\"a\", \"b\")", "( is not expected"),
        ] {
            let error = evaluated(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
        let nested = format!("{}true{}", "(".repeat(200), ")".repeat(200));
        assert!(evaluated(&nested).unwrap_err().contains("100 levels"));
    }
}
