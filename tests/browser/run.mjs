// The example pages, the demo provider and Swagger UI in a real browser: `node tests/browser/run.mjs --bin PATH`.
//
// Starts the binary's `dev` in an empty folder, on ports of its own, and Debian's Chromium without a window. Prints a line
// for each promise and `N passed, N failed`; screenshots go to target/screenshots/. `--only TEXT` runs some of them.

import { mkdirSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { startServer } from "./server.mjs";
import { tests } from "./promises.mjs";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
/** Milliseconds after which a test that waits for something on a page is stuck; no test compares with it. */
const PATIENCE = 180_000;

const { values: options } = parseArgs({
  options: {
    bin: { type: "string", default: "target/debug/rest-social-auth" },
    chromium: { type: "string", default: process.env.CHROMIUM ?? "/usr/bin/chromium" },
    only: { type: "string", default: "" },
  },
});

/** A person's browser: cookies and storage of its own, and a record of what must not happen on any page. */
async function visitor(browser, base, viewport = { width: 1100, height: 800 }) {
  const context = await browser.newContext({ viewport, serviceWorkers: "block", ignoreHTTPSErrors: true });
  context.setDefaultTimeout(PATIENCE);
  const complaints = [];
  const hosts = new Set();
  context.on("request", (request) => hosts.add(new URL(request.url()).hostname));
  context.on("console", (message) => {
    // The browser logs every answer that is an error; those are looked at where they are wanted.
    const isAnswer = message.text().startsWith("Failed to load resource");
    if (message.type() === "error" && !isAnswer) complaints.push(message.text());
  });
  context.on("weberror", (error) => complaints.push(String(error.error())));
  const page = await context.newPage();
  return {
    context,
    page,
    base,
    /** What went wrong unseen: script errors, breaches of the content security policy, calls to other hosts. */
    complaints: () => [...complaints, ...[...hosts].filter((host) => host !== "127.0.0.1").map((host) => `asked ${host}`)],
  };
}

const servers = {};
/** The server that a test wants, started when the first one does. */
async function serverOf({ tls = false }) {
  servers[tls] ??= await startServer(options.bin, { tls });
  return servers[tls];
}
const stopAll = () => Promise.all(Object.values(servers).map((server) => server.stop()));

// Neither server nor browser may outlive a run that is stopped from outside.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void stopAll().then(() => process.exit(1)));
const browser = await chromium.launch({ executablePath: options.chromium, headless: true, args: FLAGS });
let [passed, failed] = [0, 0];
try {
  for (const { name, run, ...wants } of tests.filter((test) => test.name.includes(options.only))) {
    const started = performance.now();
    const { base } = await serverOf(wants);
    const visit = await visitor(browser, base, wants.viewport);
    try {
      await run(visit, () => visitor(browser, base));
      const complaints = visit.complaints();
      if (complaints.length > 0) throw new Error(complaints.join("\n"));
      passed++;
      console.log(`ok     ${name} (${Math.round(performance.now() - started)} ms)`);
    } catch (error) {
      failed++;
      console.log(`FAILED ${name}\n       ${String(error.stack ?? error).replaceAll("\n", "\n       ")}`);
      await visit.page.screenshot({ path: `target/screenshots/failed-${failed}.png` }).catch(() => {});
    } finally {
      await visit.context.close();
    }
  }
} finally {
  await browser.close();
  await stopAll();
}
mkdirSync("target/browser", { recursive: true });
writeFileSync("target/browser/server.log", Object.values(servers).map((server) => server.log()).join("\n"));
if (failed > 0) console.log("What the server said stands in target/browser/server.log.");
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
