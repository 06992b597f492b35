"""Checks of the pages; see pkcs11-test/pages.sh."""

import ast
import json
import os
import re
import subprocess
import sys
import tempfile

import yaml

SCENARIOS = "pkcs11-test/lib/scenarios/pages.sh"
GENERATED = ["docs/failures.md", "docs/return-values.md"]
README_LINES = range(120, 151)

# Phrases that read as if translated, and what to write instead.
PHRASES = {
    r"\bis none\b|\bare none\b": "is invalid, is not supported",
    r"\bholds none\b|\bhold none\b": "contains no ...",
    r"no setting's": "an unknown setting",
    r"\bcounts? on behind\b": "keeps counting across",
    r"\bbytes behind\b": "trailing data",
    r"\bare no X\.509\b|\bis no X\.509\b": "not valid X.509",
    r"\btruth values?\b": "boolean",
    r"\bof what passes\b|\bfails in passing\b": "transient",
    r"\bthe begin of\b": "the start of",
    r"\ball else\b": "everything else",
    r"\bauthorities\b(?! for timestamps)": "CA certificates",
    r"\bwho only\b": "say which caller",
    r"\btime-out": "timeout",
    r"\bhost program\b": "application",
}

failures = []
passed = 0


def check(ok, place, problem):
    global passed
    if ok:
        passed += 1
    else:
        failures.append(f"{place}: {problem}")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def tracked(*patterns):
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    paths = subprocess.run(listed, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return [path for path in paths if os.path.exists(path)]


class Block:
    """A fenced code block: its language, its name if it has one, its first line, its text."""

    def __init__(self, info, line):
        words = info.split()
        self.language = words[0] if words else ""
        self.name = words[1] if len(words) > 1 else None
        self.line = line
        self.text = ""


def parse(page):
    """The text of a page without code, and its code blocks."""
    prose, blocks, block = [], [], None
    for number, line in enumerate(read(page).splitlines(), 1):
        if line.startswith("```"):
            if block is None:
                block = Block(line[3:], number + 1)
            else:
                blocks.append(block)
                block = None
            prose.append("")
        elif block is not None:
            block.text += line + "\n"
            prose.append("")
        else:
            prose.append("" if line.startswith("    ") else line)
    check(block is None, page, "a code block does not end")
    return prose, blocks


def anchors(page):
    """The anchors of a page's headings, as GitHub makes them."""
    found = set()
    for line in parse(page)[0]:
        heading = re.match(r"#+ +(.*)", line)
        if heading:
            text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading[1]).replace("`", "").strip().lower()
            anchor = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
            unique, count = anchor, 0
            while unique in found:
                count += 1
                unique = f"{anchor}-{count}"
            found.add(unique)
    return found


def check_links(page, prose):
    for number, line in enumerate(prose, 1):
        for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", line)):
            if re.match(r"https?://", target):
                continue
            path, _, anchor = target.partition("#")
            path = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
            place = f"{page}:{number}"
            if not os.path.exists(path):
                check(False, place, f"there is no {path}")
            else:
                check(not anchor or anchor in anchors(path), place, f"{path} has no heading #{anchor}")
        # Files that are named without a link.
        for path in re.findall(r"`((?:tests|pkcs11-test|include|docs)/[\w./-]+)`", line):
            check(os.path.exists(path), f"{page}:{number}", f"there is no {path}")


def program_accepts(command, text):
    with tempfile.NamedTemporaryFile("w", suffix=".c") as file:
        file.write(text)
        file.flush()
        done = subprocess.run([*command, file.name], stderr=subprocess.PIPE, text=True)
    return done.stderr.strip().replace(file.name, "code") if done.returncode else None


def shell_problem(text):
    return program_accepts(["bash", "-n"], text)


def brackets_problem(text):
    text = re.sub(r"'''.*?'''|'[^']*'|\"[^\"]*\"", "''", text, flags=re.DOTALL)
    open_brackets = []
    for character in text:
        if character in "([{":
            open_brackets.append(character)
        elif character in ")]}" and (not open_brackets or open_brackets.pop() + character not in ("()", "[]", "{}")):
            return f"{character} closes nothing"
    return f"{open_brackets[-1]} is not closed" if open_brackets else None


def scripts(value, key=""):
    """The shell scripts in a CI configuration."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from scripts(part, name)
    elif isinstance(value, list) and key in ("script", "before_script"):
        yield "\n".join(value)
    elif isinstance(value, list):
        for part in value:
            yield from scripts(part)
    elif isinstance(value, str) and key in ("run", "script"):
        yield value


def yaml_problem(text):
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        return str(error)
    if not isinstance(value, dict):
        return "not a mapping"
    return next(filter(None, (shell_problem(re.sub(r"\$\{\{.*?\}\}", "x", script)) for script in scripts(value))), None)


def json_problem(text):
    try:
        json.loads(text)
    except ValueError as error:
        return str(error)
    return None


def python_problem(text):
    try:
        ast.parse(text)
    except SyntaxError as error:
        return str(error)
    return None


DOCKER = "ARG|CMD|COPY|ENTRYPOINT|ENV|EXPOSE|FROM|HEALTHCHECK|LABEL|RUN|SHELL|USER|VOLUME|WORKDIR"


def dockerfile_problem(text):
    lines = text.replace("\\\n", " ").strip().splitlines()
    lines = [line for line in lines if line.strip() and not line.startswith("#")]
    if not re.match(r"(ARG|FROM) ", lines[0]):
        return "does not start with FROM"
    for line in lines:
        instruction = re.match(rf"({DOCKER}) +(\S.*)", line)
        if not instruction:
            return f"unknown instruction: {line}"
        if instruction[1] == "RUN":
            problem = shell_problem(re.sub(r"^(--\S+ +)*", "", instruction[2]))
            if problem:
                return problem
    return None


def groovy_problem(text):
    return brackets_problem(text) or next(
        filter(None, (shell_problem(script.replace("\\\\", "\\")) for script in re.findall(r"sh '''(.*?)'''", text, re.DOTALL))),
        None,
    )


def nginx_problem(text):
    for line in text.splitlines():
        if line.strip() and not re.search(r"[;{}]$", line):
            return f"no end: {line}"
    return brackets_problem(text)


def ini_problem(text):
    for line in text.splitlines():
        if line.strip() and not re.match(r"\[[\w.-]+\]$|#|%|[\w-]+(\.\w+)* *[=:] ?\S|[\w-]+ \S", line):
            return f"not a setting: {line}"
    return None


def c_problem(text):
    return program_accepts(["cc", "-fsyntax-only", "-I/usr/include/p11-kit-1", "-Iinclude"], text)


SYNTAX = {
    "sh": shell_problem,
    "yaml": yaml_problem,
    "json": json_problem,
    "python": python_problem,
    "dockerfile": dockerfile_problem,
    "groovy": groovy_problem,
    "nginx": nginx_problem,
    "ini": ini_problem,
    "c": c_problem,
    "dts": brackets_problem,
    "go": brackets_problem,
    "js": brackets_problem,
}


def check_syntax(page, blocks):
    for block in blocks:
        place = f"{page}:{block.line}"
        problem_of = SYNTAX.get(block.language)
        if problem_of is None:
            check(False, place, f"a code block in an unknown language: {block.language}")
        else:
            problem = problem_of(block.text)
            check(problem is None, place, problem)


def blocks_that_run():
    """The (page, name) of each block that a row runs."""
    used = set()
    for function in re.split(r"\n(?=\w+\(\) )", read(SCENARIOS)):
        variables = dict(re.findall(r"\b(page)=(\S+\.md)", function))
        loop = re.search(r"for name in ([^;]*);", function)
        for page, name in re.findall(r"page_(?:commands (?:\d+|some)|block) (\S+) ([\w$-]+)", function):
            page = variables.get("page", page) if page == "$page" else page
            names = loop[1].split() if name == "$name" and loop else [name]
            used.update((page, name) for name in names)
    return used


def check_names(blocks_of):
    names = {(page, block.name) for page, blocks in blocks_of.items() for block in blocks if block.name}
    used = blocks_that_run()
    for page, name in sorted(names | used):
        check((page, name) in used, page, f"no row of {SCENARIOS} runs the block {name}")
        check((page, name) in names, page, f"has no block {name}, which {SCENARIOS} runs")


def check_phrases(page, prose):
    for number, line in enumerate(prose, 1):
        line = re.sub(r"`[^`]*`", "", line)
        for phrase, better in PHRASES.items():
            found = re.search(phrase, line, re.IGNORECASE)
            if found:
                check(False, f"{page}:{number}", f'"{found[0]}": write "{better}"')
    check(True, page, "")


def main():
    pages = [page for page in tracked("*.md") if page != "CHANGELOG.md"]
    blocks_of = {}
    for page in pages:
        prose, blocks = parse(page)
        check_links(page, prose)
        if page not in GENERATED:
            blocks_of[page] = blocks
            check_syntax(page, blocks)
            check_phrases(page, prose)
    check_names(blocks_of)
    index = read("docs/README.md")
    for page in pages:
        if page.startswith("docs/") and page != "docs/README.md":
            check(f"({page[5:]}" in index, page, "docs/README.md does not list it")
    lines = read("README.md").count("\n")
    check(lines in README_LINES, "README.md", f"{lines} lines")

    for failure in failures:
        print(failure)
    result = "FAILED" if failures else "ok"
    print(f"test result: {result}. {passed} passed; {len(failures)} failed; 0 ignored")
    sys.exit(1 if failures else 0)


main()
