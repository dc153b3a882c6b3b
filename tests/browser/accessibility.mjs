// Every page in light and dark, on a phone and on a desktop: axe finds nothing, and nothing is wider than the screen.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const AXE = readFileSync(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
const SCREENSHOTS = "target/screenshots";
const SCREENS = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 900 } };
const NARROW = { width: 320, height: 700 };
const ASKING_PIPELINE =
  "social_details,social_uid,auth_allowed,social_user,get_username,require_email,create_user,associate_user," +
  "load_extra_data,user_details";
const SITE = { SITE_NAME: "Fernweh Reisen", SITE_ACCENT_COLOR: "#f2c200" };

const chooseUser = (page, name) => page.locator("button.user").filter({ hasText: name }).click();

async function toConsent({ page, base }, provider = "demo") {
  await page.goto(`${base}/api/login/social/authorize/${provider}/?next=${base}/example/`);
  await page.locator("button.user").first().waitFor();
}

/** The demo provider's page for an error that it cannot send to a redirect URI. */
async function toMessage(visit) {
  await toConsent(visit);
  const address = new URL(visit.page.url());
  address.searchParams.set("client_id", "unknown");
  await visit.page.goto(address.href);
  await visit.page.getByText("client_id").waitFor();
}

/** The page that asks a new user without an e-mail address for one. */
async function toQuestion(visit) {
  const { page, base } = visit;
  await toConsent(visit);
  const isBack = (request) => request.url().startsWith(`${base}/example/?`);
  const [back] = await Promise.all([page.waitForRequest(isBack), chooseUser(page, "Noor")]);
  const code = new URL(back.url()).searchParams.get("code");
  await page.goto(`${base}/api/login/social/resume/?code=${code}`);
  await page.locator("input[name=email]").waitFor();
}

async function toSignedIn({ page, base }, kind) {
  await page.goto(base);
  await page.getByRole("radio", { name: kind, exact: true }).check({ force: true });
  await page.getByRole("button", { name: "Sign in with Demo provider", exact: true }).click();
  await page.locator("button.user").first().waitFor();
  await chooseUser(page, "Mara");
  await page.getByRole("heading", { name: "Signed in as Mara Lindqvist" }).waitFor();
  await page.locator("#devices li").first().waitFor();
}

const open = (path) => async ({ page, base }) => {
  await page.goto(base + path);
};

async function toDocs({ page, base }) {
  await page.goto(`${base}/docs/`);
  await page.getByPlaceholder("Filter by tag").waitFor();
}

async function toOperation(visit) {
  const { page } = visit;
  await toDocs(visit);
  await page.locator("#operations-tag-begin button").first().click();
  await page.locator('[id$="-beginLogin"] .opblock-summary-control').click();
  await page.getByRole("button", { name: "Try it out" }).waitFor();
}

/** `languages`: the page is translated. */
const PAGES = [
  { name: "start", show: open("/") },
  { name: "start-signed-in", show: (visit) => toSignedIn(visit, "JWT") },
  { name: "start-signed-in-session", show: (visit) => toSignedIn(visit, "Session") },
  { name: "examples", show: open("/example/") },
  { name: "example-jwt", show: open("/example/jwt/") },
  { name: "example-callback", show: open("/example/callback/") },
  { name: "consent", show: toConsent, languages: true },
  { name: "consent-oauth1", show: (visit) => toConsent(visit, "demo-oauth1") },
  { name: "demo-message", show: toMessage },
  { name: "error", show: open("/api/login/social/authorize/demo/?next=https://evil.example/"), languages: true },
  { name: "not-found", show: open("/no/such/page"), languages: true },
  { name: "question", show: toQuestion, languages: true, settings: { SOCIAL_AUTH_PIPELINE: ASKING_PIPELINE } },
  { name: "serve", show: open("/"), languages: true, settings: { ...SITE, API_DOCS: "true" }, command: "serve" },
  { name: "serve-error", show: open("/no/such/page"), settings: { ...SITE, API_DOCS: "true" }, command: "serve" },
  { name: "docs", show: toDocs },
  { name: "docs-operation", show: toOperation },
];

/** Findings as text: rule, and the elements. */
export async function findings(page) {
  await page.evaluate(AXE);
  const results = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return results.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" | ")}`);
}

async function overflow(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
}

export const tests = PAGES.flatMap(({ name, show, languages, ...server }) =>
  (languages ? ["en", "de", "es"] : ["en"]).map((language) => ({
    name: `axe: ${name} (${language})`,
    ...server,
    run: async (visit) => {
      const { page } = visit;
      await page.setExtraHTTPHeaders({ "accept-language": language });
      await page.emulateMedia({ reducedMotion: "reduce" });
      await show(visit);
      assert.equal(await page.getAttribute("html", "lang"), language);
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        for (const [screen, size] of Object.entries(SCREENS)) {
          await page.setViewportSize(size);
          const path = `${SCREENSHOTS}/page-${name}-${language}-${colorScheme}-${screen}.png`;
          await page.screenshot({ path, fullPage: true });
          assert.deepEqual(await findings(page), [], `${colorScheme}, ${screen}`);
        }
      }
      await page.setViewportSize(NARROW);
      assert.ok((await overflow(page)) <= 0, "the page is wider than a small phone");
    },
  })),
);
