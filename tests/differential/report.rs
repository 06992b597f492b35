//! What a side answered, row by row, and the comparison of both.

use std::fmt::Display;

use pkcs11_test::harness::{Answer, Module, Output, Rv, last_called};

use crate::verification::Signed;

/// A script of calls, by its name.
pub type Script = (&'static str, fn(&Module, &mut Report));

/// Rows of a script: `"case" => call => answer;`, or `"case" => call => ours | SoftHSM's: REASON;` where the sides differ.
/// Without an answer, it is the same on both sides, and too long or too much of chance to stand here. `@ expression;` in
/// front of a row is set-up. In answers, `*` stands for anything.
macro_rules! rows {
    ($report:expr; $($(@ $set_up:expr;)* $case:expr => $call:expr $(=> $ours:tt $(| $theirs:tt: $reason:ident)?)?;)*) => {$(
        $(let _ = $set_up;)*
        let answer = $call;
        $report.note($case, answer, expected!($($ours $(| $theirs $reason)?)?));
    )*};
}

/// The same with functions of C, of which each is a case of its own: `C_Function(arguments) => answer;`, with a situation
/// in front if it is called several times.
macro_rules! calls {
    ($module:ident, $report:expr; $(
        $(@ $set_up:expr;)* $($case:literal:)? $function:ident($($argument:expr),*) $(=> $ours:tt $(| $theirs:tt: $reason:ident)?)?;
    )*) => {$(
        $(let _ = $set_up;)*
        let rv = pkcs11_test::call!($module, $function($($argument),*));
        let case = concat!(stringify!($function) $(, ": ", $case)?);
        $report.note(case, rv, expected!($($ours $(| $theirs $reason)?)?));
    )*};
}

macro_rules! expected {
    () => {
        None
    };
    ($ours:tt) => {
        Some((text!($ours), None))
    };
    ($ours:tt | $theirs:tt $reason:ident) => {
        Some((
            text!($ours),
            Some((text!($theirs), $crate::reasons::$reason)),
        ))
    };
}

/// What the running script answers in cases that are made in a loop, or in several states, by the pattern of their names;
/// the first that fits counts.
macro_rules! answers {
    ($report:expr; $($pattern:literal => $ours:tt $(| $theirs:tt: $reason:ident)?;)*) => {
        $report.answers_to(&[$(($pattern, expected!($ours $(| $theirs $reason)?))),*])
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

/// An answer of the module, and what SoftHSM says instead, with the reason.
pub type Expected = Option<(&'static str, Option<(&'static str, &'static str)>)>;

/// The pattern of the names of cases, and what is expected there.
type Pattern = (&'static str, Expected);

/// The answers of one side, in the order of the calls.
#[derive(Default)]
pub struct Report {
    script: &'static str,
    pub answers: Vec<Noted>,
    patterns: Vec<(&'static str, Pattern)>,
    /// All signatures that were made.
    pub signatures: Vec<Signed>,
}

/// An answer that was noted.
pub struct Noted {
    pub script: &'static str,
    pub case: String,
    /// The function that gave it.
    pub function: &'static str,
    pub answer: String,
    pub expected: Expected,
}

impl Noted {
    /// The full name of the case.
    pub fn name(&self) -> String {
        format!("{}: {}", self.script, self.case)
    }
}

impl Report {
    /// Runs scripts, each between a C_Initialize and a C_Finalize of its own.
    pub fn of(module: &Module, scripts: &[Script]) -> Self {
        let mut report = Self::default();
        for (name, script) in scripts {
            report.script = name;
            module.initialize();
            script(module, &mut report);
            module.finalize();
        }
        report
    }

    /// Runs scripts that initialize the module themselves.
    pub fn of_ours_alone(module: &Module, scripts: &[Script]) -> Self {
        let mut report = Self::default();
        for (name, script) in scripts {
            report.script = name;
            script(module, &mut report);
            module.finalize();
        }
        report
    }

    /// The full name of a case of the running script.
    pub fn case(&self, case: impl Display) -> String {
        format!("{}: {case}", self.script)
    }

    /// Notes an answer of the function that was called last. A case has one.
    pub fn note(&mut self, case: impl Display, answer: impl Told, expected: Expected) {
        let (script, case, function) = (self.script, case.to_string(), last_called());
        let is_this = |noted: &Noted| (noted.script, &noted.case) == (script, &case);
        assert!(
            !self.answers.iter().any(is_this),
            "two cases are called {:?}",
            self.case(&case)
        );
        let answer = answer.told();
        self.answers.push(Noted {
            script,
            case,
            function,
            answer,
            expected,
        });
    }

    /// Says what the running script answers in cases of these names.
    pub fn answers_to(&mut self, patterns: &[Pattern]) {
        let script = self.script;
        self.patterns
            .extend(patterns.iter().map(|pattern| (script, *pattern)));
    }

    /// What is expected of an answer.
    pub fn expected(&self, noted: &Noted) -> Expected {
        let is_here = |(script, (pattern, _)): &&(_, Pattern)| {
            *script == noted.script && fits(pattern, &noted.case)
        };
        noted.expected.or_else(|| {
            self.patterns
                .iter()
                .find(is_here)
                .and_then(|(_, (_, expected))| *expected)
        })
    }
}

/// Something that a call gave.
pub trait Told {
    fn told(self) -> String;
}

macro_rules! told {
    ($($type:ty)*) => {$(
        impl Told for $type {
            fn told(self) -> String {
                self.to_string()
            }
        }
    )*};
}

told!(Rv bool usize u64 String &str);

impl Told for () {
    fn told(self) -> String {
        String::new()
    }
}

impl Told for Vec<u8> {
    fn told(self) -> String {
        shown(&self)
    }
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
        let is_untouched = self.buffer.iter().all(|byte| *byte == 0);
        let written = if is_untouched {
            "nothing written"
        } else {
            "written"
        };
        format!("{}, length {}, {written}", self.rv, self.length)
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

/// Panics with all answers that are not as their rows say, and with all that is said of cases that there are not.
pub fn compare(softhsm: Option<&Report>, ours: &Report) {
    let names =
        |report: &Report| -> Vec<String> { report.answers.iter().map(Noted::name).collect() };
    if let Some(softhsm) = softhsm {
        assert_eq!(names(softhsm), names(ours), "the sides ran other cases");
    }
    let mut wrong = Vec::new();
    for (index, noted) in ours.answers.iter().enumerate() {
        let own = &noted.answer;
        let theirs = softhsm.map_or(own, |softhsm| &softhsm.answers[index].answer);
        let complaint = match ours.expected(noted) {
            Some((expected, _)) if !fits(expected, own) => format!("our module: not {expected}"),
            None | Some((_, None)) if theirs == own => continue,
            None | Some((_, None)) => "differs, and is not listed".to_owned(),
            Some((_, Some((_, reason)))) if theirs == own => {
                format!("no longer differs, and is listed: {reason}")
            }
            Some((_, Some((expected, _)))) if fits(expected, theirs) => continue,
            Some((_, Some((expected, _)))) => format!("SoftHSM: not {expected}"),
        };
        let case = noted.name();
        wrong.push(format!(
            "{case}\n  {complaint}\n    SoftHSM:    {theirs}\n    our module: {own}"
        ));
    }
    for (script, (pattern, _)) in &ours.patterns {
        let is_case = |noted: &Noted| noted.script == *script && fits(pattern, &noted.case);
        if !ours.answers.iter().any(is_case) {
            wrong.push(format!("{script}: {pattern}\n  is no case, and is listed"));
        }
    }
    let (count, all) = (wrong.len(), ours.answers.len());
    assert!(
        wrong.is_empty(),
        "{count} of {all} cases are not as they should be:\n\n{}\n",
        wrong.join("\n\n")
    );
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
fn a_star_stands_for_anything() {
    for (pattern, text, expected) in [
        ("a", "a", true),
        ("a", "ab", false),
        ("a*", "a", true),
        ("*: b", "a: b", true),
        ("*a*b", "xaab", true),
        ("*a*b", "xaabc", false),
        ("", "a", false),
    ] {
        assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
    }
}

#[test]
fn an_answer_that_is_not_as_its_row_says_is_a_failure() {
    let differ: Expected = Some(("x", Some(("y", "a reason"))));
    for (expected, ours, softhsm, complaint) in [
        (None, "x", "x", ""),
        (
            None,
            "x",
            "y",
            "one\n  differs, and is not listed\n    SoftHSM:    y",
        ),
        (Some(("x", None)), "x", "x", ""),
        (Some(("x", None)), "y", "y", "one\n  our module: not x"),
        (
            Some(("x", None)),
            "x",
            "y",
            "one\n  differs, and is not listed",
        ),
        (differ, "x", "y", ""),
        (
            differ,
            "x",
            "x",
            "one\n  no longer differs, and is listed: a reason",
        ),
        (differ, "x", "z", "one\n  SoftHSM: not y"),
        (differ, "z", "y", "one\n  our module: not x"),
    ] {
        for in_loop in [false, true] {
            let report = |answer: &'static str| {
                let mut report = Report {
                    script: "a script",
                    ..Report::default()
                };
                report.note("one", answer, expected.filter(|_| !in_loop));
                if in_loop && expected.is_some() {
                    report.answers_to(&[("o*", expected)]);
                }
                report
            };
            let failure =
                std::panic::catch_unwind(|| compare(Some(&report(softhsm)), &report(ours)));
            let failure = failure
                .err()
                .map(|failure| *failure.downcast::<String>().unwrap());
            assert_eq!(
                failure.is_some(),
                !complaint.is_empty(),
                "{expected:?} {ours} {softhsm}"
            );
            assert!(
                failure.unwrap_or_default().contains(complaint),
                "{complaint}"
            );
        }
    }
}

#[test]
#[should_panic(expected = "a script: another\n  is no case, and is listed")]
fn a_difference_is_one_of_a_case() {
    let mut report = Report {
        script: "a script",
        ..Report::default()
    };
    report.note("one", "x", None);
    report.answers_to(&[("another", Some(("x", None)))]);
    compare(None, &report);
}
