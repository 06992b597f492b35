//! The faults that are on, and the form that switches them on.

use super::super::Page;
use super::super::faults::{DEFAULT_SECONDS, KINDS, words};
use super::text;

pub(in crate::page) fn active_faults(page: &Page) -> String {
    let active = page.faults.active();
    if active.is_empty() {
        return r#"<p class="calm">None. The service answers as SignPath does.</p>"#.to_owned();
    }
    let list: String = active
        .iter()
        .map(|fault| {
            let (what, which) = words(fault);
            format!(r#"<li><strong>{}</strong><span>{}</span></li>"#, text(&what), text(&which))
        })
        .collect();
    format!(
        r#"<ul class="active">{list}</ul><form method="post" action="{}" data-send><input type="hidden" name="fault" value="heal"><button type="submit" class="heal">Heal</button></form>"#,
        text(&page.link("/faults"))
    )
}

pub(super) fn form(page: &Page) -> String {
    let kinds: String = KINDS
        .iter()
        .enumerate()
        .map(|(index, kind)| {
            let seconds = kind.seconds.map_or_else(String::new, |what| {
                format!(r#" <small>({what}: seconds)</small>"#)
            });
            format!(
                r#"<label class="choice"><input type="radio" name="fault" value="{}"{}><span>{}{seconds}</span></label>"#,
                kind.name,
                if index == 1 { " checked" } else { "" },
                text(kind.words)
            )
        })
        .collect();
    format!(
        r#"<form method="post" action="{action}" class="fault-form" data-send><fieldset><legend>Switch on</legend>{kinds}</fieldset>
<div class="fields"><label><span>Next requests</span><input name="times" type="number" min="1" max="1000000" placeholder="until healed" inputmode="numeric"></label>
<label><span>Seconds</span><input name="seconds" type="number" min="0" max="86400" value="{DEFAULT_SECONDS}" inputmode="numeric"></label></div>
<button type="submit" class="primary">Switch on</button><p class="form-error" role="alert"></p></form>"#,
        action = text(&page.link("/faults")),
    )
}
