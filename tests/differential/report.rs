//! What a side answered, and the comparison of both.

use std::fmt::Display;

use crate::token::{Answer, Token, last_called};
use crate::verification::Signed;

/// A script of calls, by its name. It starts with an initialized module.
pub type Script = (&'static str, fn(&Token, &mut Report));

/// The answers of one side, in the order of the calls.
#[derive(Default)]
pub struct Report {
    script: &'static str,
    pub answers: Vec<Noted>,
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
}

impl Noted {
    /// The full name of the case.
    pub fn name(&self) -> String {
        format!("{}: {}", self.script, self.case)
    }
}

impl Report {
    /// Runs scripts, each between a C_Initialize and a C_Finalize of its own.
    pub fn of(token: &Token, scripts: &[Script]) -> Self {
        let mut report = Self::default();
        for (name, script) in scripts {
            report.begin(name);
            token.initialize();
            script(token, &mut report);
            token.finalize();
        }
        report
    }

    /// What is noted from now on is of another script.
    pub fn begin(&mut self, script: &'static str) {
        self.script = script;
    }

    /// The full name of a case of the running script.
    pub fn case(&self, case: impl Display) -> String {
        format!("{}: {case}", self.script)
    }

    /// Notes an answer of the function that was called last. A case has one.
    pub fn note(&mut self, case: impl Display, answer: impl Display) {
        self.note_of(last_called(), case, answer);
    }

    fn note_of(&mut self, function: &'static str, case: impl Display, answer: impl Display) {
        let case = case.to_string();
        let is_this = |noted: &Noted| (noted.script, &noted.case) == (self.script, &case);
        assert!(
            !self.answers.iter().any(is_this),
            "two cases are called {:?}",
            self.case(&case)
        );
        self.answers.push(Noted {
            script: self.script,
            case,
            function,
            answer: answer.to_string(),
        });
    }

    /// Notes what a call fetched, or why it did not.
    pub fn fetched<T>(
        &mut self,
        case: impl Display,
        answer: Answer<T>,
        describe: impl Fn(&T) -> String,
    ) {
        // To describe it may take other calls.
        let function = last_called();
        match answer {
            Ok(value) => {
                let description = describe(&value);
                self.note_of(function, case, format!("CKR_OK, {description}"));
            }
            Err(rv) => self.note_of(function, case, rv),
        }
    }
}

/// Differences that have one reason.
pub struct Difference {
    /// Why the sides differ, and where the standard decides, the section of PKCS #11 3.2. A reason
    /// that starts with `defect:` is one that has to go away.
    pub reason: &'static str,
    /// The cases: name, answer of SoftHSM, answer of the module. `*` stands for anything.
    pub cases: &'static [(&'static str, &'static str, &'static str)],
}

/// Panics with all cases in which the sides differ other than `differences` says, and with all
/// that it says and that are not so.
pub fn compare(softhsm: &Report, ours: &Report, differences: &[Difference]) {
    let (softhsm, ours) = (&softhsm.answers, &ours.answers);
    let names = |answers: &[Noted]| -> Vec<String> { answers.iter().map(Noted::name).collect() };
    assert_eq!(names(softhsm), names(ours), "the sides ran other cases");

    let listed: Vec<_> = differences
        .iter()
        .flat_map(|difference| difference.cases.iter().map(|row| (row, difference.reason)))
        .collect();
    let mut wrong = Vec::new();
    for (softhsm, ours) in softhsm.iter().zip(ours) {
        let (case, softhsm, ours) = (&softhsm.name(), &softhsm.answer, &ours.answer);
        let rows: Vec<_> = listed
            .iter()
            .filter(|((pattern, ..), _)| fits(pattern, case))
            .collect();
        let is_listed = rows
            .iter()
            .any(|((_, theirs, own), _)| fits(theirs, softhsm) && fits(own, ours));
        let complaint = match (softhsm == ours, &rows[..]) {
            (true, []) => continue,
            (false, _) if is_listed => continue,
            (false, []) => "differs, and is not listed".to_owned(),
            (true, [(_, reason), ..]) => format!("no longer differs, and is listed: {reason}"),
            (false, [(_, reason), ..]) => format!("differs in another way than listed: {reason}"),
        };
        wrong.push(format!(
            "{case}\n  {complaint}\n    SoftHSM:    {softhsm}\n    our module: {ours}"
        ));
    }
    for ((pattern, ..), reason) in &listed {
        if !softhsm.iter().any(|noted| fits(pattern, &noted.name())) {
            wrong.push(format!("{pattern}\n  is no case, and is listed: {reason}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} cases are not as they should be:\n\n{}\n",
        wrong.len(),
        softhsm.len(),
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
#[should_panic(expected = "a script: one\n  differs, and is not listed\n    SoftHSM:    x")]
fn an_unlisted_difference_is_a_failure() {
    compare(&report("x"), &report("y"), &[]);
}

#[test]
#[should_panic(expected = "a script: one\n  no longer differs, and is listed: a reason")]
fn a_listed_difference_that_is_gone_is_a_failure() {
    compare(
        &report("x"),
        &report("x"),
        &listed("a script: one", "x", "y"),
    );
}

#[test]
#[should_panic(expected = "a script: one\n  differs in another way than listed: a reason")]
fn a_difference_is_listed_with_its_answers() {
    compare(
        &report("x"),
        &report("z"),
        &listed("a script: one", "x", "y"),
    );
}

#[test]
#[should_panic(expected = "another: one\n  is no case, and is listed: a reason")]
fn a_listed_difference_is_one_of_a_case() {
    compare(
        &report("x"),
        &report("x"),
        &listed("another: one", "x", "y"),
    );
}

#[cfg(test)]
fn report(answer: &str) -> Report {
    let mut report = Report::default();
    report.begin("a script");
    report.note("one", answer);
    report
}

#[cfg(test)]
fn listed(case: &'static str, softhsm: &'static str, ours: &'static str) -> [Difference; 1] {
    [Difference {
        reason: "a reason",
        cases: Box::leak(Box::new([(case, softhsm, ours)])),
    }]
}
