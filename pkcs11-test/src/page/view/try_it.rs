//! "Try it".

use super::super::Page;
use super::super::try_it::{self, Kind};
use super::{Lines, block, text};

/// The commands for a shell, for each tool.
pub(in crate::page) fn try_it(page: &Page) -> String {
    let quoted = |value: &str| format!("'{}'", value.replace('\'', r"'\''"));
    let mut first = format!(
        "export SIGNPATH_API_URL={}\nexport SIGNPATH_ORGANIZATION_ID={}\nexport SIGNPATH_API_TOKEN={}\n",
        quoted(&page.api.url),
        quoted(&page.api.organization.id.to_string()),
        quoted(&format!("file:{}", page.token_file.display())),
    );
    if let Some(file) = &page.tls_ca_file {
        first.push_str(&format!(
            "export SIGNPATH_TLS_CA_FILE={}\n",
            quoted(&file.display().to_string())
        ));
    }
    if let Some(folder) = try_it::command_folder() {
        first.push_str(&format!("export PATH={}:$PATH\n", quoted(&folder)));
    }
    first.push_str(&format!(
        "cd \"$(mktemp -d)\"\necho 'Hello, SignPath' >file\ncp {} ca.pem\n",
        quoted(&page.state.path("code-signing-ca.pem").display().to_string())
    ));
    let policies = page.api.organization.policies();
    let tools: String = try_it::commands(&policies, &try_it::module())
        .iter()
        .enumerate()
        .map(|(index, commands)| {
            let content = match &commands.text {
                Ok(content) => block(
                    &format!("commands-{index}"),
                    &format!("Sign and verify with {}", commands.tool),
                    Lines::Kept,
                    content,
                ),
                Err(missing) => format!("<p>{}</p>", text(missing)),
            };
            format!(
                r#"<details name="tool"{open}><summary>{tool} <small>docs/{page}</small></summary>{content}</details>"#,
                open = if index == 0 { " open" } else { "" },
                tool = commands.tool,
                page = commands.page,
            )
        })
        .collect();
    let label = try_it::policy(&policies, Kind::X509).map_or_else(String::new, |policy| {
        format!(", for <strong>{}</strong> of this service", text(&policy.entry.label()))
    });
    format!(
        r#"<p>The commands of the documentation, which its tests run{label}. Tools that sign programs and archives need an <code>app.exe</code> or <code>app.jar</code> of yours.</p>
<div class="try"><div>{first}</div><div class="tool-list">{tools}</div></div>"#,
        first = block("commands-first", "First, in a shell", Lines::Kept, &first),
    )
}
