// Runs the commands and snippets of README and of the manual: `node tests/docs/run.mjs --bin PATH`.
//
// Each check claims code blocks. In README and in the tutorial every block must be claimed. `--only TEXT` runs the checks with
// this text in their names; `--client DIR` is the folder of the TypeScript client.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { blocksIn, blocksOf, ROOT } from "./blocks.mjs";
import { checkFiveMinutes } from "./five_minutes.mjs";
import { startDev } from "./server.mjs";
import { checkSettings } from "./settings.mjs";
import { checkTypes } from "./types.mjs";
import { checkVerify } from "./verify.mjs";

const { values: options } = parseArgs({
  options: {
    bin: { type: "string", default: "target/debug/rest-social-auth" },
    chromium: { type: "string", default: process.env.CHROMIUM ?? "/usr/bin/chromium" },
    client: { type: "string", default: "client-sdk/typescript" },
    only: { type: "string", default: "" },
  },
});
const binary = resolve(ROOT, options.bin);
const client = resolve(ROOT, options.client);

const README = "README.md";
const TUTORIAL = "docs/FIVE_MINUTES.md";

/** Runs the Python blocks of a page in one program, against a development server. */
async function checkPython(file, check) {
  const server = await startDev(binary);
  try {
    const blocks = blocksIn(file, "python");
    const program = blocks.map(({ text }) => text.replaceAll(/http:\/\/127\.0\.0\.1:8000|https:\/\/login\.example\.com/g, server.base));
    const run = spawnSync("python3", ["-W", "error::SyntaxWarning", "-c", [...program, check].join("\n")], { encoding: "utf8" });
    if (run.status !== 0) throw new Error(run.stderr);
    return { blocks, output: run.stdout };
  } finally {
    await server.stop();
  }
}

/** The function `sign_in` of docs/TESTING.md, for checks of other pages. */
const signIn = () => blocksIn("docs/TESTING.md", "python")[0].text.replace(/^print.*$/m, "");

const checks = [
  {
    name: "README: the first commands are targets of make",
    run() {
      const blocks = blocksIn(README, "sh");
      const targets = blocks.flatMap(({ text }) => [...text.matchAll(/^make (\S+)/gm)].map(([, target]) => target));
      const dry = spawnSync("make", ["--dry-run", ...targets], { cwd: ROOT, encoding: "utf8" });
      if (dry.status !== 0 || !/exec \S+ dev *$/m.test(dry.stdout)) throw new Error(dry.stderr || dry.stdout);
      return blocks;
    },
  },
  {
    // tests/suite/regressions/operation/documents.rs runs them: a login of the demo provider, and the answers as printed.
    name: "README: the login by hand is run by the Rust suite",
    run: () => blocksIn(README, "console"),
  },
  {
    name: "FIVE_MINUTES: the commands and the page, in a browser",
    run: () => checkFiveMinutes(TUTORIAL, { binary, client, chromium: options.chromium }),
  },
  {
    name: "TESTING: the login without a browser",
    async run() {
      const { blocks, output } = await checkPython("docs/TESTING.md", "");
      if (output.trim() !== "mara@demo.example") throw new Error(output);
      return blocks;
    },
  },
  {
    name: "SERVER_RENDERED: the functions of a back-end",
    async run() {
      const { blocks } = await checkPython(
        "docs/SERVER_RENDERED.md",
        `assert signed_in_user("sessionid=unknown") is None
import urllib.error
try:
    exchange("rsax_unknown", "a" * 43)
except urllib.error.HTTPError as error:
    assert json.load(error)["code"] == "invalid_code"
else:
    raise AssertionError("an unknown code was exchanged")`,
      );
      return blocks;
    },
  },
  {
    name: "VERIFY: a service accepts the tokens of a development server",
    run: () => checkVerify(binary, signIn()),
  },
  {
    name: "settings files of the manual start a server",
    run: () =>
      checkSettings(binary, ["docs/PIPELINE.md", "docs/CUSTOM_PROVIDER.md", "docs/WEBHOOKS.md", "docs/SETTINGS.md"]),
  },
  {
    name: "TypeScript of the manual and of the start page has no type errors",
    run: () => checkTypes(client, ["docs/SPA.md"], { "start.tsx": startPageCode() }),
  },
];

/** The code for React on the start page of the development server. */
const startPageCode = () =>
  readFileSync(resolve(ROOT, "src/server/example/code/react.tsx"), "utf8").replace("{{ kind.user_route }}", "jwt-pair-user");

const claimed = new Set();
let failed = 0;
for (const { name, run } of checks.filter((check) => check.name.includes(options.only))) {
  const started = performance.now();
  try {
    for (const { file, line } of await run()) claimed.add(`${file}:${line}`);
    console.log(`ok     ${name} (${Math.round(performance.now() - started)} ms)`);
  } catch (error) {
    failed++;
    console.log(`FAILED ${name}\n       ${String(error.stack ?? error).replaceAll("\n", "\n       ")}`);
  }
}
if (options.only === "") {
  for (const { file, line, language } of [README, TUTORIAL].flatMap(blocksOf)) {
    if (claimed.has(`${file}:${line}`) || failed > 0) continue;
    failed++;
    console.log(`FAILED ${file}:${line}: no check runs this block (${language})`);
  }
}
process.exitCode = failed > 0 ? 1 : 0;
