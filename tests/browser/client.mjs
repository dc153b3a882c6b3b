// Browser tests of the TypeScript client: the first example of its README as printed, and examples/react-spa.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { extname, join, resolve } from "node:path";
import { findings } from "./accessibility.mjs";
import { freePort } from "./server.mjs";

const CLIENT = resolve("client-sdk/typescript");
const SPA = resolve("examples/react-spa");
const FOLDER = resolve("target/browser/client-pages");
const SCREENSHOTS = "target/screenshots";
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css" };
const PROVIDERS = ["Demo provider", "Demo provider (OAuth 1.0a)"];
const PORT = await freePort();
const ORIGIN = `http://127.0.0.1:${PORT}`;
/** The same pages on another site than the server. */
const OTHER_SITE = `http://localhost:${PORT}`;
/** The pages may call the server, tokens rotate as `init` writes it, and a step asks the demo user without an address. */
const SETTINGS = {
  ALLOWED_ORIGINS: `${ORIGIN},${OTHER_SITE}`,
  ALLOWED_REDIRECT_URIS: [`${ORIGIN}/callback`, `${ORIGIN}/readme/`, `${ORIGIN}/session/`, `${OTHER_SITE}/session/`].join(),
  REST_SOCIAL_EDITABLE_USER_FIELDS: "first_name",
  SIMPLE_JWT_ROTATE_REFRESH_TOKENS: "true",
  SIMPLE_JWT_BLACKLIST_AFTER_ROTATION: "true",
  SOCIAL_AUTH_PIPELINE:
    "social_details,social_uid,auth_allowed,social_user,get_username,require_email,create_user,associate_user," +
    "load_extra_data,user_details",
};

export const tests = [];

function test(name, run, options = {}) {
  tests.push({ name: `client: ${name}`, run, settings: SETTINGS, ...options });
}

const { buildSync } = createRequire(join(CLIENT, "package.json"))("esbuild");

/** Bundles a page of the client and writes it to `/name/`. */
function writePage(name, text) {
  const entry = join(FOLDER, name, "page.ts");
  mkdirSync(join(FOLDER, name), { recursive: true });
  writeFileSync(entry, text);
  const html = `<!doctype html><link rel="icon" href="data:,"><body><script type="module" src="page.js"></script>`;
  writeFileSync(join(FOLDER, name, "index.html"), html);
  buildSync({
    entryPoints: [entry],
    outfile: join(FOLDER, name, "page.js"),
    bundle: true,
    format: "esm",
    target: "es2022",
    alias: { "rest-social-auth-client": join(CLIENT, "src/index.ts") },
  });
}

/** The first example of the README. Only the address of the server is replaced. */
function firstExample(base) {
  const text = /```ts\n(.*?)```/s.exec(readFileSync(join(CLIENT, "README.md"), "utf8"))[1];
  assert.ok(text.includes("http://localhost:8000"));
  return text.replace("http://localhost:8000", base).replace("${location.origin}/", "${location.origin}/readme/");
}

/** A session from another site than the server: its cookie is not stored. */
const SESSION_PAGE = (base) => `
import { createClient } from "rest-social-auth-client";
const auth = createClient({ baseUrl: "${base}", redirectUri: location.origin + "/session/" });
const result = await auth.handleCallback().catch((problem) => ({ outcome: problem.code }));
document.body.append(result.outcome);
if (result.outcome === "none") await auth.signIn("demo");
`;

/** Builds the application for development: only there StrictMode runs effects twice. `make test-browser` has built the client. */
function buildApplication(base) {
  const env = { ...process.env, NODE_ENV: "development", VITE_AUTH_URL: base };
  const run = (tool, ...options) => execFileSync(join("node_modules/.bin", tool), options, { cwd: SPA, env, stdio: "inherit" });
  run("tsc");
  run("vite", "build", "--mode", "development", "--logLevel", "warn", "--outDir", FOLDER, "--emptyOutDir");
}

let pages;
/** Builds and serves the pages once; a path without a file is a route of the application. */
async function servePages(base) {
  if (pages) return;
  rmSync(FOLDER, { recursive: true, force: true });
  buildApplication(base);
  writePage("readme", firstExample(base));
  writePage("session", SESSION_PAGE(base));
  pages = createServer((request, response) => {
    const path = new URL(request.url, "http://127.0.0.1").pathname;
    for (const name of [path, join(path, "index.html"), "index.html"]) {
      try {
        const body = readFileSync(join(FOLDER, name));
        return response.writeHead(200, { "content-type": TYPES[extname(name)] ?? "text/plain" }).end(body);
      } catch {
        // Try the next name.
      }
    }
  });
  await new Promise((done) => pages.listen(PORT, "127.0.0.1", done));
}

export async function closeClientPages() {
  pages?.closeAllConnections();
  await new Promise((done) => (pages ? pages.close(done) : done()));
}

const button = (page, name) => page.getByRole("button", { name, exact: true });
const heading = (page, name) => page.getByRole("heading", { name, exact: true });
/** Chooses a user of the demo provider. */
const consentTo = (page, user) => page.locator("button").filter({ hasText: user }).click();

/** Takes a screenshot; axe finds nothing. */
async function look(page, name) {
  await page.screenshot({ path: `${SCREENSHOTS}/client-${name}.png`, fullPage: true });
  assert.deepEqual(await findings(page), [], name);
}

/** Counts the requests of a context to the server, by method and path. */
function countRequests(context) {
  const counts = {};
  context.on("request", (request) => {
    const name = `${request.method()} ${new URL(request.url()).pathname}`;
    counts[name] = (counts[name] ?? 0) + 1;
  });
  return (name) => counts[name] ?? 0;
}

async function openApplication({ page, base }) {
  await servePages(base);
  await page.goto(`${ORIGIN}/account`);
}

async function signIn(visit, { provider = PROVIDERS[0], user = "Mara Lindqvist", title = user } = {}) {
  await openApplication(visit);
  await button(visit.page, `Sign in with ${provider}`).click();
  await consentTo(visit.page, user);
  await heading(visit.page, title).waitFor();
}

/** Makes the access token of a page look as if it expired soon. */
function age(page) {
  return page.evaluate(() => {
    const name = Object.keys(sessionStorage).find((each) => each.startsWith("rest-social-auth.credentials"));
    const stored = JSON.parse(sessionStorage.getItem(name));
    sessionStorage.setItem(name, JSON.stringify({ ...stored, received: stored.received - 86_400_000 }));
  });
}

test("fault_e1 the first example of the README signs in and survives a reload", async ({ page, base }) => {
  await servePages(base);
  await page.goto(`${ORIGIN}/readme/`);
  await button(page, "Sign in").click();
  await consentTo(page, "Mara Lindqvist");
  await page.getByText("Hello, Mara!").waitFor();
  await page.reload();
  await page.getByText("Hello, Mara!").waitFor();
  await button(page, "Sign out").click();
  await page.getByText("You are signed out.").waitFor();
  await page.reload();
  await page.getByText("You are signed out.").waitFor();
});

test("fault_e2 a session on another site than the server is cookie_refused", async ({ page, base }) => {
  await servePages(base);
  await page.goto(`${ORIGIN}/session/`);
  await consentTo(page, "Mara Lindqvist");
  await page.getByText("signed-in").waitFor();
  await page.context().clearCookies();
  await page.goto(`${OTHER_SITE}/session/`);
  await consentTo(page, "Mara Lindqvist");
  await page.getByText("cookie_refused").waitFor();
});

test("React: a guarded page, the callback in StrictMode, a reload, and the way out", async (visit) => {
  const { page, context } = visit;
  const count = countRequests(context);
  await signIn(visit);
  assert.equal(page.url(), `${ORIGIN}/account`, "the user continues on the guarded page, and no code is left in the URL");
  assert.equal(count("POST /api/login/social/jwt-pair-user/demo/"), 1, "StrictMode completes the login once");
  await page.getByRole("list", { name: "Linked accounts" }).getByText("Demo provider: ").waitFor();
  await look(page, "account");
  await page.reload();
  await heading(page, "Mara Lindqvist").waitFor();
  await page.getByLabel("First name").fill("Maria");
  await button(page, "Save").click();
  await heading(page, "Maria Lindqvist").waitFor();
  await page.getByLabel("First name").fill("Mara");
  await button(page, "Save").click();
  await heading(page, "Mara Lindqvist").waitFor();
  await page.getByRole("link", { name: "Start", exact: true }).click();
  await heading(page, "Hello, Mara!").waitFor();
  await button(page, "Sign out").click();
  await heading(page, "Hello!").waitFor();
  await page.getByRole("link", { name: "Account", exact: true }).click();
  await heading(page, "Sign in").waitFor();
  await look(page, "sign-in");
});

test("React: Apple, which posts its callback to the server, signs in on the callback page", async (visit) => {
  const { page } = visit;
  await openApplication(visit);
  await button(page, "Sign in with Apple").click();
  await consentTo(page, "Mara Lindqvist");
  await page.getByRole("list", { name: "Linked accounts" }).getByText("Apple: ").waitFor();
  assert.equal(page.url(), `${ORIGIN}/account`, "no code is left in the URL");
});

test("fault_e6 two tabs with one login refresh once each time, stay signed in, and sign out together", async (visit) => {
  const { page, context } = visit;
  const count = countRequests(context);
  await signIn(visit);
  // A window that a page opens gets a copy of its session storage, as a duplicated tab does.
  const [other] = await Promise.all([context.waitForEvent("page"), page.evaluate(() => void window.open(location.href))]);
  await heading(other, "Mara Lindqvist").waitFor();
  for (const [refreshes, first, second] of [[1, page, other], [2, other, page], [3, page, other]]) {
    await age(first);
    await age(second);
    for (const tab of [first, second]) {
      await tab.reload();
      await heading(tab, "Mara Lindqvist").waitFor();
      await tab.getByRole("list", { name: "Devices" }).getByText("this device").waitFor();
    }
    assert.equal(count("POST /api/token/refresh/"), refreshes);
  }
  await button(other, "Sign out").click();
  await heading(page, "Sign in").waitFor();
});

test("fault_e12 linking an account keeps one device", async (visit) => {
  const { page } = visit;
  await signIn(visit, { user: "Yuki Brandt" });
  await button(page, `Link ${PROVIDERS[1]}`).click();
  await consentTo(page, "Yuki Brandt");
  await page.getByRole("list", { name: "Linked accounts" }).getByText("Demo provider (OAuth 1.0a): ").waitFor();
  assert.equal(await button(page, `Link ${PROVIDERS[1]}`).count(), 0, "a linked provider is not offered");
  await heading(page, "Yuki Brandt").waitFor();
  await page.getByRole("list", { name: "Devices" }).getByText("this device").waitFor();
  assert.equal(await page.getByRole("list", { name: "Devices" }).getByRole("listitem").count(), 1);
});

test("denied consent is shown on the callback page, which tries again and leads back", async (visit) => {
  const { page } = visit;
  await openApplication(visit);
  await button(page, `Sign in with ${PROVIDERS[0]}`).click();
  await button(page, "Deny").click();
  const alert = page.getByRole("alert").filter({ hasText: "You denied access at the provider." });
  await alert.waitFor();
  assert.equal(await alert.getAttribute("data-code"), "access_denied");
  await look(page, "denied");
  await button(page, "Try again").click();
  await consentTo(page, "Tomás");
  await page.getByRole("list", { name: "Devices" }).waitFor();
  assert.equal(page.url(), `${ORIGIN}/account`);
});

test("a link that was denied is a link again when it is tried again", async (visit) => {
  const { page } = visit;
  await signIn(visit);
  const devices = page.getByRole("list", { name: "Devices" });
  await devices.getByText("this device").waitFor();
  const count = await devices.getByRole("listitem").count();
  await button(page, `Link ${PROVIDERS[1]}`).click();
  await button(page, "Deny").click();
  await button(page, "Try again").click();
  await consentTo(page, "Mara Lindqvist");
  await heading(page, "Linked accounts").waitFor();
  await page.getByRole("list", { name: "Linked accounts" }).getByRole("listitem").nth(1).waitFor();
  await devices.getByText("this device").waitFor();
  assert.equal(await devices.getByRole("listitem").count(), count, "no new login");
});

test("fault_e9 additional input is asked for on the callback page, also after a reload", async (visit) => {
  const { page } = visit;
  await openApplication(visit);
  await button(page, `Sign in with ${PROVIDERS[0]}`).click();
  await consentTo(page, "Noor");
  await page.getByLabel("E-mail address").waitFor();
  await button(page, "Cancel").click();
  await page.getByText("No sign-in is in progress.").waitFor();
  await page.goto(`${ORIGIN}/account`);
  await button(page, `Sign in with ${PROVIDERS[0]}`).click();
  await consentTo(page, "Noor");
  await page.getByLabel("E-mail address").waitFor();
  await page.reload();
  await page.getByLabel("E-mail address").fill("noor@localhost");
  await button(page, "Continue").click();
  await page.getByRole("alert").filter({ hasText: "valid" }).waitFor();
  await look(page, "additional-input");
  await page.getByLabel("E-mail address").fill("noor@example.com");
  await button(page, "Continue").click();
  await page.getByRole("list", { name: "Devices" }).waitFor();
  assert.equal(page.url(), `${ORIGIN}/account`);
});

test("fault_e4 after the Back button at the provider, the buttons work again", async (visit) => {
  const { page } = visit;
  await openApplication(visit);
  await page.evaluate(() => (window.isRestored = true));
  await button(page, `Sign in with ${PROVIDERS[0]}`).click();
  await page.getByRole("heading", { name: "Choose a user" }).waitFor();
  await page.goBack({ waitUntil: "commit" });
  await heading(page, "Sign in").waitFor();
  assert.equal(await page.evaluate(() => window.isRestored), true, "the page comes from the back-forward cache");
  await button(page, `Sign in with ${PROVIDERS[0]}`).click();
  await consentTo(page, "Mara Lindqvist");
  await heading(page, "Mara Lindqvist").waitFor();
});

test("after the user stops the browser on its way to the provider, the buttons work again", async (visit) => {
  const { page } = visit;
  await openApplication(visit);
  const isProvider = (url) => url.pathname === "/authorize";
  let answer;
  await page.route(isProvider, (route) => new Promise((resolve) => (answer = () => resolve(route.abort()))), { times: 1 });
  await button(page, `Sign in with ${PROVIDERS[0]}`).click({ noWaitAfter: true });
  while (!answer) await new Promise((resolve) => setTimeout(resolve, 10));
  const session = await page.context().newCDPSession(page);
  await session.send("Page.stopLoading");
  await button(page, `Sign in with ${PROVIDERS[0]}`).click();
  answer();
  await consentTo(page, "Mara Lindqvist");
  await heading(page, "Mara Lindqvist").waitFor();
});
