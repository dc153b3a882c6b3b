// Signs in with five providers in a browser, offline: `rest-social-auth dev` simulates them.
//
// Usage: node sign-in.mjs [path of rest-social-auth]. CHROMIUM is the path of the browser; default /usr/bin/chromium.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const BINARY = process.argv[2] ?? "rest-social-auth";
const PROVIDERS = ["google-oauth2", "github", "apple-id", "microsoft-graph", "twitter"];

// The server prints one line of JSON when it is ready, and stops with this process.
const child = spawn(BINARY, ["dev", "--ephemeral", "--port", "0", "--print-url"], { stdio: ["ignore", "pipe", "ignore"] });
const [line] = await once(createInterface({ input: child.stdout }), "line");
const { url, simulator } = JSON.parse(line);
const started = performance.now();
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
let failed = false;
try {
  const context = await browser.newContext();
  const page = await context.newPage();
  for (const provider of PROVIDERS) {
    // Your own button leads here. The consent page offers the personas.
    await page.goto(`${url}/api/login/social/authorize/${provider}/?next=/example/session/`, { waitUntil: "commit" });
    await page.getByRole("button", { name: "Continue as Mara Lindqvist" }).click({ noWaitAfter: true });
    await page.waitForURL(`${url}/example/session/**`, { waitUntil: "commit" });
    const user = await (await page.request.get(`${url}/api/user/`)).json();
    assert.equal(user.email, "mara@demo.example", provider);
    console.log(`${provider}: signed in as ${user.username}`);
    // The next login is that of another user.
    await context.clearCookies();
  }
  console.log(`${PROVIDERS.length} providers in ${((performance.now() - started) / 1000).toFixed(1)} s`);

  // Without a click: the link chooses the persona and what happens.
  await page.goto(`${url}/api/login/social/authorize/github/?next=/example/session/&login_hint=mara&behaviour=denied`, { waitUntil: "commit" });
  await page.waitForURL(`${url}/example/session/?error=access_denied`, { waitUntil: "commit" });

  // In advance, when your page makes the link: a choice for this browser.
  await page.request.get(`${simulator}/simulator/choose?login_hint=tomas`);
  await page.goto(`${url}/api/login/social/authorize/discord/?next=/example/session/`, { waitUntil: "commit" });
  await page.waitForURL(`${url}/example/session/**`, { waitUntil: "commit" });
  assert.equal((await (await page.request.get(`${url}/api/user/`)).json()).email, "tomas@demo.example");

  // What the server sent, for assertions; secrets are masked.
  const { calls } = await (await fetch(`${simulator}/simulator/calls?provider=github`)).json();
  const token = calls.find(({ stage }) => stage === "token");
  assert.equal(token.url, "https://github.com/login/oauth/access_token");
  assert.equal(token.body.grant_type, "authorization_code");
} catch (error) {
  failed = true;
  console.error(error);
} finally {
  await browser.close();
  child.kill();
  await once(child, "exit");
}
process.exit(failed ? 1 : 0);
