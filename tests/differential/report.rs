//! What a side answered, row by row, and the comparison of both.

use std::fmt::Display;
use std::rc::Rc;

use pkcs11_test::harness::{Answer, Module, Output, Rv, Stderr, last_called};

/// A script of calls, by its name.
pub type Script = (&'static str, fn(&Module, &mut Report));

/// Rows of a script: `"case" => call => answer;`, or `"case" => call => answer: REASON;` where SoftHSM gives another one,
/// which docs/return-values.md shows. Without an answer, it is the same on both sides, and too long or too random to stand
/// here. `@ expression;` in front of a row is set-up. In answers, `*` stands for anything.
macro_rules! rows {
    ($report:expr; $($(@ $set_up:expr;)* $case:expr => $call:expr $(=> $ours:tt $(: $reason:ident)?)?;)*) => {$(
        $(let _ = $set_up;)*
        let answer = $call;
        $report.note($case, answer, expected!($($ours $($reason)?)?));
    )*};
}

/// The same with functions of C, each of which is a case of its own: `C_Function(arguments) => answer;`, with a situation
/// in front if it is called several times.
macro_rules! calls {
    ($module:ident, $report:expr; $(
        $(@ $set_up:expr;)* $($case:literal:)? $function:ident($($argument:expr),*) $(=> $ours:tt $(: $reason:ident)?)?;
    )*) => {$(
        $(let _ = $set_up;)*
        let rv = pkcs11_test::call!($module, $function($($argument),*));
        let case = concat!(stringify!($function) $(, ": ", $case)?);
        $report.note(case, rv, expected!($($ours $($reason)?)?));
    )*};
}

macro_rules! expected {
    () => {
        None
    };
    ($ours:tt) => {
        Some((text!($ours), None))
    };
    ($ours:tt $reason:ident) => {
        Some((text!($ours), Some($crate::reasons::$reason)))
    };
}

/// What the running script answers in cases that have no answer of their own, by the pattern of their names; the first that
/// fits counts. With a reason, SoftHSM may answer otherwise.
macro_rules! answers {
    ($report:expr; $($pattern:literal => $ours:tt $(: $reason:ident)?;)*) => {
        $report.answers_to(&[$(($pattern, expected!($ours $($reason)?))),*])
    };
}

macro_rules! text {
    ($text:literal) => {
        concat!($text)
    };
    ($text:tt) => {
        stringify!($text)
    };
}

/// An answer of the module, and why SoftHSM has another one.
pub type Expected = Option<(&'static str, Option<&'static str>)>;

/// What scripts found: our answers, and those of SoftHSM, if it has the functions.
pub type Part = (Report, Option<Report>);

/// The answers of one side, in the order of the calls.
#[derive(Default)]
pub struct Report {
    script: &'static str,
    pub answers: Vec<Noted>,
    /// What the running script expects by the pattern of the names of cases, and whether there is such a case.
    patterns: Vec<(&'static str, Expected, bool)>,
    /// Where our module writes its lines.
    stderr: Option<Rc<Stderr>>,
    wrong: Vec<String>,
    /// What else the line of a failure has to say.
    pub hint: String,
}

/// An answer that was noted.
pub struct Noted {
    pub script: &'static str,
    pub case: String,
    /// The function that gave it.
    pub function: &'static str,
    pub answer: String,
    pub expected: Expected,
    /// Whether that stands in its row, not in a pattern.
    has_row: bool,
}

impl Noted {
    /// The full name of the case.
    fn name(&self) -> String {
        format!("{}: {}", self.script, self.case)
    }
}

impl Report {
    /// Runs scripts, each between a C_Initialize and a C_Finalize. With stderr, also checks what each call writes there.
    pub fn of(module: &Module, scripts: &[Script], stderr: Option<&Rc<Stderr>>) -> Self {
        let mut report = Self { stderr: stderr.cloned(), ..Self::default() };
        for (name, script) in scripts {
            report.script = name;
            module.initialize();
            script(module, &mut report);
            module.finalize();
            report.end();
        }
        report
    }

    /// Ends a script, each of whose patterns is that of a case.
    fn end(&mut self) {
        for (pattern, ..) in self.patterns.drain(..).filter(|(.., is_of_case)| !is_of_case) {
            self.wrong
                .push(format!("{}: {pattern}\n  is listed, but no such case was run", self.script));
        }
    }

    /// Whether the running script has that case.
    pub fn has(&self, case: &str) -> bool {
        let mut answers = self.answers.iter();
        answers.any(|noted| (noted.script, &*noted.case) == (self.script, case))
    }

    /// Notes an answer of the function that was called last. A case has one.
    pub fn note(&mut self, case: impl Display, answer: impl Told, expected: Expected) {
        let (script, case, function) = (self.script, case.to_string(), last_called());
        let name = format!("{script}: {case}");
        assert!(!self.has(&case), "two cases are called {name:?}");
        let answer = answer.told();
        if let Some(stderr) = &self.stderr {
            let lines = stderr.lines();
            let line = lines.last().map(String::as_str);
            if !is_right(line, function, &case, &answer, &self.hint) {
                let wrong = format!("{name}\n  {answer} of {function}, on stderr: {lines:#?}");
                self.wrong.push(wrong);
            }
        }
        let mut patterns = self.patterns.iter_mut();
        let found = patterns.find(|(pattern, ..)| fits(pattern, &case)).and_then(|found| {
            found.2 = true;
            found.1
        });
        let has_row = expected.is_some();
        let expected = expected.or(found);
        self.answers.push(Noted { script, case, function, answer, expected, has_row });
    }

    /// Says what the running script answers in cases of these names.
    pub fn answers_to(&mut self, patterns: &[(&'static str, Expected)]) {
        let patterns = patterns.iter().map(|(pattern, expected)| (*pattern, *expected, false));
        self.patterns.extend(patterns);
    }
}

/// Answers that a user is not told about.
const SILENT: &[(&str, &str)] = &[
    ("*", "CKR_CRYPTOKI_*"),
    ("*", "CKR_FUNCTION_NOT_*"),
    ("*", "CKR_FUNCTION_CANCELED"),
    ("*", "CKR_SESSION_CLOSED"),
    ("*", "CKR_NO_EVENT"),
    ("*", "CKR_USER_ALREADY_LOGGED_IN"),
    ("*", "CKR_KEY_INDIGESTIBLE"),
    ("*", "CKR_ATTRIBUTE_SENSITIVE"),
    ("*", "CKR_BUFFER_TOO_SMALL"),
    ("*", "CKR_STATE_UNSAVEABLE"),
    ("*", "CKR_SIGNATURE_*"),
    ("*", "CKR_RANDOM_SEED_NOT_SUPPORTED"),
    ("C_Logout", "CKR_USER_NOT_LOGGED_IN"),
    ("C_GetMechanismInfo", "CKR_MECHANISM_INVALID"),
    ("C_GetAttributeValue", "CKR_ATTRIBUTE_TYPE_INVALID"),
    ("C_GetOperationState", "CKR_OPERATION_NOT_INITIALIZED"),
];

/// Whether the last line on stderr fits an answer: a failure is told with function and return value, and with the argument
/// if the case names one, such as `NULL pData`, and with the hint.
fn is_right(line: Option<&str>, function: &str, case: &str, answer: &str, hint: &str) -> bool {
    let Some(rv) = return_value(answer).filter(|rv| *rv != "CKR_OK") else {
        return true;
    };
    let start = format!("error: {function}: ");
    let told = line.filter(|line| line.starts_with(&start) && line.ends_with(&format!("[{rv}]")));
    let fits_row = |(of, answer): &&(&str, &str)| fits(of, function) && fits(answer, rv);
    if SILENT.iter().any(|row| fits_row(&row))
        || case.contains("C_GetInterface: ") && told.is_none()
    {
        return told.is_none();
    }
    let is_argument = |word: &&str| word.starts_with('p') && word.contains(char::is_uppercase);
    let mut parts = case.split([' ', ',']).filter(is_argument).chain([hint]);
    told.is_some_and(|line| parts.all(|part| line.contains(part)))
}

/// The return value in an answer, if it is one.
pub fn return_value(answer: &str) -> Option<&str> {
    let is_of_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let end = answer.find(|c| !is_of_name(c)).unwrap_or(answer.len());
    answer.get(..end).filter(|name| name.starts_with("CKR_"))
}

/// Something that a call gave.
pub trait Told {
    fn told(self) -> String;
}

macro_rules! told {
    ($($type:ty: $value:ident => $told:expr;)*) => {
        $(impl Told for $type {
            fn told(self) -> String {
                let $value = self;
                $told
            }
        })*
    };
}

told! {
    Rv: rv => rv.to_string();
    bool: value => value.to_string();
    usize: value => value.to_string();
    u64: value => value.to_string();
    String: text => text;
    &str: text => text.to_owned();
    (): _nothing => String::new();
    Vec<u8>: bytes => shown(&bytes);
}

impl<T: Told> Told for Answer<T> {
    fn told(self) -> String {
        match self.map(T::told) {
            Ok(told) if told.is_empty() => "CKR_OK".to_owned(),
            Ok(told) => format!("CKR_OK, {told}"),
            Err(rv) => rv.told(),
        }
    }
}

/// The length that came back, and whether the buffer was left alone.
impl Told for Output {
    fn told(self) -> String {
        let (rv, length, written) = (self.rv, self.length, written(&self.buffer));
        format!("{rv}, length {length}, {written}")
    }
}

/// Whether a buffer that was full of zeros was left alone.
fn written(buffer: &[u8]) -> &'static str {
    match buffer.iter().all(|byte| *byte == 0) {
        true => "nothing written",
        false => "written",
    }
}

/// A signature as far as both sides can agree on it: its length.
pub fn length(signature: Answer<Vec<u8>>) -> Answer<String> {
    signature.map(|signature| format!("{} bytes", signature.len()))
}

/// How many were found.
pub fn count<T>(found: Answer<Vec<T>>) -> Answer<usize> {
    found.map(|found| found.len())
}

/// Panics with all that is wrong on our side.
pub fn assert_expected(parts: &[Part]) {
    let wrong: Vec<_> = parts.iter().flat_map(|(ours, softhsm)| wrong(ours, softhsm)).collect();
    let (count, wrong) = (wrong.len(), wrong.join("\n\n"));
    assert!(wrong.is_empty(), "{count} are wrong:\n\n{wrong}\n");
}

/// The answers that are not as their rows say, and what is said of cases that there are not.
fn wrong(ours: &Report, softhsm: &Option<Report>) -> Vec<String> {
    let names =
        |report: &Report| -> Vec<String> { report.answers.iter().map(Noted::name).collect() };
    if let Some(softhsm) = softhsm {
        assert_eq!(names(softhsm), names(ours), "the sides ran other cases");
    }
    let mut wrong = ours.wrong.clone();
    for (index, noted) in ours.answers.iter().enumerate() {
        let own = &noted.answer;
        let theirs = softhsm.as_ref().map_or(own, |softhsm| &softhsm.answers[index].answer);
        let (expected, reason) = noted.expected.unwrap_or(("*", None));
        let complaint = match reason {
            _ if !fits(expected, own) => format!("our module: not {expected}"),
            None if theirs != own => "differs, and is not listed".to_owned(),
            Some(reason) if theirs == own && noted.has_row => {
                format!("no longer differs, and is listed: {reason}")
            }
            _ => continue,
        };
        let name = noted.name();
        wrong.push(format!("{name}\n  {complaint}\n    SoftHSM: {theirs}\n    ours:    {own}"));
    }
    wrong
}

/// Whether `text` is `pattern`, in which each `*` stands for anything.
pub fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            (0..=text.len()).any(|end| text.get(end..).is_some_and(|tail| fits(rest, tail)))
        }),
    }
}

/// Bytes for people: text as such, others in hexadecimal digits.
pub fn shown(bytes: &[u8]) -> String {
    let is_text = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
    match bytes {
        [] => "no bytes".to_owned(),
        _ if bytes.len() > 2 && bytes.iter().all(is_text) => {
            format!("{:?}", String::from_utf8_lossy(bytes))
        }
        _ => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{} bytes {digits}", bytes.len())
        }
    }
}

#[test]
fn an_answer_other_than_its_row_says_is_wrong() {
    let (same, differs) = (Some(("x*", None)), Some(("*x", Some("a reason"))));
    // What is expected of our answer, ours, and SoftHSM's; how much is wrong if a row says so, and if a pattern does.
    for (expected, ours, softhsm, by_row, by_pattern) in [
        (None, "x", "x", 0, 0),
        (None, "x", "y", 1, 1),
        (same, "xy", "xy", 0, 0),
        (same, "y", "y", 1, 1),
        (same, "x", "xy", 1, 1),
        (differs, "yx", "y", 0, 0),
        (differs, "x", "x", 1, 0),
        (differs, "z", "y", 1, 1),
    ] {
        let report = |answer: &'static str, of_row, of_pattern| {
            let mut report = Report::default();
            report.answers_to(&[("o*", of_pattern), ("another", None)]);
            report.note("one", answer, of_row);
            report.end();
            report
        };
        for (of_row, of_pattern, count) in [(expected, None, by_row), (None, expected, by_pattern)]
        {
            let [softhsm, ours] = [softhsm, ours].map(|answer| report(answer, of_row, of_pattern));
            // One more for the pattern without a case.
            assert_eq!(wrong(&ours, &Some(softhsm)).len(), count + 1, "{expected:?}");
        }
    }
}

#[test]
fn a_failure_has_a_line_that_names_its_argument() {
    let line = Some("error: C_Sign: pData is NULL [CKR_ARGUMENTS_BAD]");
    let loud = Some("error: C_Sign: no room [CKR_BUFFER_TOO_SMALL]");
    for (line, case, answer, hint, expected) in [
        (line, "NULL pData", "CKR_ARGUMENTS_BAD", "is NULL", true),
        (line, "NULL pData", "CKR_ARGUMENTS_BAD", "was NULL", false),
        (line, "NULL pSignature", "CKR_ARGUMENTS_BAD", "", false),
        (None, "NULL pData", "CKR_ARGUMENTS_BAD", "", false),
        (None, "no room", "CKR_BUFFER_TOO_SMALL, length 9", "", true),
        (loud, "no room", "CKR_BUFFER_TOO_SMALL, length 9", "", false),
    ] {
        assert_eq!(is_right(line, "C_Sign", case, answer, hint), expected, "{line:?} {case}");
    }
}
