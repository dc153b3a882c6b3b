// Tests the pages of the server, the demo provider, Swagger UI and the TypeScript client in a browser:
// `node tests/browser/run.mjs --bin PATH`.
//
// Starts `rest-social-auth dev` in an empty folder on free ports, and Debian's Chromium without a window. Prints a line for
// each test and `N passed, N failed`. Screenshots go to target/screenshots/. `--only TEXT` runs the tests with this text.

import { mkdirSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { tests as accessibilityTests } from "./accessibility.mjs";
import { closeClientPages, tests as clientTests } from "./client.mjs";
import { tests as codeTests } from "./demo_code.mjs";
import { tests as pageTests } from "./pages.mjs";
import { startServer } from "./server.mjs";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
/** Milliseconds that a test waits for an element. It only stops a test that hangs. */
const ELEMENT_TIMEOUT = 180_000;

const { values: options } = parseArgs({
  options: {
    bin: { type: "string", default: "target/debug/rest-social-auth" },
    chromium: { type: "string", default: process.env.CHROMIUM ?? "/usr/bin/chromium" },
    only: { type: "string", default: "" },
  },
});

/** The sites on which a test may load something. */
const LOCAL = ["127.0.0.1", "localhost"];

/** A browser context with its own cookies and storage, which records errors on every page. */
async function newVisit(browser, base, viewport = { width: 1100, height: 800 }) {
  const context = await browser.newContext({ viewport, serviceWorkers: "block", ignoreHTTPSErrors: true });
  context.setDefaultTimeout(ELEMENT_TIMEOUT);
  const errors = [];
  const hosts = new Set();
  context.on("request", (request) => hosts.add(new URL(request.url()).hostname));
  context.on("console", (message) => {
    // The browser logs every error response. Tests check the responses themselves.
    const isResponse = message.text().startsWith("Failed to load resource");
    if (message.type() === "error" && !isResponse) errors.push(message.text());
  });
  context.on("weberror", (error) => errors.push(String(error.error())));
  const page = await context.newPage();
  return {
    context,
    page,
    base,
    /** Script errors, violations of the content security policy, and requests to other hosts. */
    errors: () => [...errors, ...[...hosts].filter((host) => !LOCAL.includes(host)).map((host) => `asked ${host}`)],
  };
}

const servers = {};
/** The server of a test, started for the first test that needs it. */
async function serverOf({ tls, command, settings }) {
  const key = JSON.stringify([tls, command, settings]);
  servers[key] ??= await startServer(options.bin, { tls, command, settings });
  return servers[key];
}
const stopAll = () => Promise.all([closeClientPages(), ...Object.values(servers).map((server) => server.stop())]);

// Stop the servers and the browser when the run is interrupted.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void stopAll().then(() => process.exit(1)));
const tests = [...pageTests, ...codeTests, ...accessibilityTests, ...clientTests];
const browser = await chromium.launch({
  executablePath: options.chromium,
  headless: true,
  args: FLAGS,
  // The Back button must restore pages as it does for users.
  ignoreDefaultArgs: ["--disable-back-forward-cache"],
});
let [passed, failed] = [0, 0];
try {
  for (const { name, run, ...settings } of tests.filter((test) => test.name.includes(options.only))) {
    const started = performance.now();
    const { base } = await serverOf(settings);
    const visit = await newVisit(browser, base, settings.viewport);
    try {
      await run(visit, () => newVisit(browser, base));
      const errors = visit.errors();
      if (errors.length > 0) throw new Error(errors.join("\n"));
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
if (failed > 0) console.log("The log of the server is in target/browser/server.log.");
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
