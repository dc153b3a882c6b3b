// Browser tests of the example pages. Elements are found by role and text, as users find them.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";

const SCREENSHOTS = "target/screenshots";
mkdirSync(SCREENSHOTS, { recursive: true });

const KINDS = [
  { page: "session" },
  { page: "token" },
  { page: "jwt", choose: "Access and refresh token" },
  { page: "jwt", choose: "One sliding token" },
  { page: "knox" },
];
const PROVIDERS = ["Demo provider", "Demo provider (OAuth 1.0a)"];
const MODES = { redirect: "Redirect in this tab", popup: "In a pop-up window" };
const PHONE = { width: 375, height: 740 };

export const tests = [];

/** `options`: a viewport, or a server with TLS. */
function test(name, run, options = {}) {
  tests.push({ name, run, ...options });
}

const button = (page, name) => page.getByRole("button", { name, exact: true });
const shot = (page, name) => page.screenshot({ path: `${SCREENSHOTS}/${name}.png`, fullPage: true });

/** Clicks a button of a provider, which may be behind the disclosure of the other providers. */
async function clickProvider(page, name) {
  await button(page, `Sign in with ${PROVIDERS[0]}`).waitFor();
  const wanted = page.getByRole("button", { name, exact: true, includeHidden: true });
  await wanted.waitFor({ state: "attached" });
  if (!(await wanted.isVisible())) await page.locator("details.more:visible > summary").click();
  await wanted.click();
}

async function open({ page, base }, { page: path, choose }) {
  await page.goto(`${base}/example/${path}/`);
  await button(page, `Sign in with ${PROVIDERS[0]}`).waitFor();
  if (choose) await page.getByLabel(choose).check();
}

/** Starts a sign-in; returns the page with the provider's consent form. */
async function toProvider({ context, page }, provider, mode) {
  await page.getByLabel(MODES[mode]).check();
  const click = () => clickProvider(page, `Sign in with ${provider}`);
  let consent = page;
  if (mode === "popup") [consent] = await Promise.all([context.waitForEvent("page"), click()]);
  else await click();
  await consent.getByRole("heading", { name: "Choose a user" }).waitFor();
  return consent;
}

async function choose(consent, user) {
  const isPopup = (await consent.opener()) !== null;
  const closed = isPopup ? consent.waitForEvent("close") : undefined;
  await consent.getByRole("button", { name: `Continue as ${user}` }).click();
  await closed;
}

async function signIn(visit, kind, { provider = PROVIDERS[0], mode = "redirect", user = "Mara Lindqvist" } = {}) {
  await open(visit, kind);
  await choose(await toProvider(visit, provider, mode), user);
  await visit.page.getByRole("heading", { name: /^Signed in as / }).waitFor();
}

/** Calls the authenticated resource; returns status and code as the page shows them. */
async function call({ page }) {
  const status = page.locator("#answer-status");
  // Clear the response of an earlier call.
  await status.evaluate((node) => (node.textContent = ""));
  await button(page, "Call it").click();
  await status.filter({ hasText: /\d{3}/ }).waitFor();
  return status.textContent();
}

async function signOut({ page }, how = "Sign out") {
  await button(page, how).click();
  await page.getByRole("heading", { name: "Sign in", exact: true }).waitFor();
}

for (const kind of KINDS) {
  for (const provider of PROVIDERS) {
    for (const mode of Object.keys(MODES)) {
      const label = kind.choose ? `${kind.page} (${kind.choose.toLowerCase()})` : kind.page;
      test(`${label}: sign in with ${provider} by ${mode}, call, sign out`, async (visit) => {
        const { page, base } = visit;
        await signIn(visit, kind, { provider, mode });
        assert.equal(page.url(), `${base}/example/${kind.page}/`, "no code is left in the URL");
        await page.getByRole("heading", { name: "Signed in as Mara Lindqvist" }).waitFor();
        await page.getByRole("listitem").filter({ hasText: `${provider}: ` }).waitFor();
        assert.equal(await call(visit), "200 OK");
        if (provider === PROVIDERS[0]) await shot(page, `${label.replaceAll(/[^a-z]+/g, "-")}-${mode}`);
        await signOut(visit);
        assert.match(await call(visit), /^401 /);
      });
    }
  }
}

for (const provider of PROVIDERS) {
  for (const mode of Object.keys(MODES)) {
    test(`denied consent at ${provider} by ${mode} shows an error, and the user stays signed out`, async (visit) => {
      const { page } = visit;
      await open(visit, { page: "session" });
      const consent = await toProvider(visit, provider, mode);
      await button(consent, "Deny").click();
      const alert = page.getByRole("alert").filter({ hasText: "You denied access at the provider." });
      await alert.waitFor();
      assert.equal(await alert.getAttribute("data-code"), "access_denied");
      if (provider === PROVIDERS[0]) await shot(page, `denied-${mode}`);
      await open(visit, { page: "session" });
    });
  }
}

test("a closed pop-up shows an error", async (visit) => {
  await open(visit, { page: "knox" });
  const consent = await toProvider(visit, PROVIDERS[0], "popup");
  await consent.close();
  await visit.page.getByRole("alert").filter({ hasText: "The sign-in window was closed." }).waitFor();
});

test("a session is a cookie that scripts cannot read, and the page stores nothing", async (visit) => {
  await signIn(visit, { page: "session" });
  const cookie = (await visit.context.cookies()).find(({ name }) => name === "sessionid");
  assert.deepEqual([cookie?.httpOnly, cookie?.sameSite, cookie?.path], [true, "Lax", "/"]);
  assert.equal(await visit.page.evaluate(() => sessionStorage.length + localStorage.length), 0);
});

test("the user stays signed in after a reload, and in another tab with a session", async (visit) => {
  for (const page of ["session", "knox"]) {
    await signIn(visit, { page });
    await visit.page.reload();
    await visit.page.getByRole("heading", { name: /^Signed in as / }).waitFor();
  }
  const other = await visit.context.newPage();
  await other.goto(`${visit.base}/example/session/`);
  await other.getByRole("heading", { name: /^Signed in as / }).waitFor();
});

test("signing out everywhere revokes the token of another browser", async (visit, newVisit) => {
  const other = await newVisit();
  try {
    for (const each of [visit, other]) await signIn(each, { page: "knox" }, { user: "Tomás Oyelaran-Ruiz" });
    assert.equal(await call(other), "200 OK");
    await signOut(visit, "Sign out everywhere");
    assert.equal(await call(other), "401 invalid_token");
  } finally {
    await other.context.close();
  }
});

test("a callback with an unknown state is refused", async ({ page, base }) => {
  await page.goto(`${base}/example/callback/?code=stolen&state=forged`);
  await page.getByRole("alert").filter({ hasText: "is not of this tab" }).waitFor();
  assert.equal(page.url(), `${base}/example/callback/`);
});

test("all steps work with the keyboard", async (visit) => {
  const { page } = visit;
  await open(visit, { page: "session" });
  await button(page, `Sign in with ${PROVIDERS[0]}`).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Choose a user" }).waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Signed in as mara" }).waitFor();
});

test(
  "on a phone, no page is wider than the screen",
  async (visit) => {
    const { page, base } = visit;
    const fits = async (name) => {
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(overflow <= 0, `${name}: ${overflow} pixels too wide`);
      await shot(page, `phone-${name}`);
    };
    await page.goto(`${base}/example/`);
    await fits("start");
    await open(visit, { page: "jwt" });
    await fits("jwt");
    const consent = await toProvider(visit, PROVIDERS[1], "redirect");
    await fits("consent");
    await choose(consent, "Noor");
    await page.getByRole("heading", { name: "Signed in as Noor" }).waitFor();
    await call(visit);
    await fits("signed-in");
  },
  { viewport: PHONE },
);

test(
  "over TLS, a session is a __Host- cookie, and both providers work",
  async (visit) => {
    await signIn(visit, { page: "session" });
    const cookie = (await visit.context.cookies()).find(({ name }) => name === "__Host-sessionid");
    assert.deepEqual([cookie?.httpOnly, cookie?.secure, cookie?.path], [true, true, "/"]);
    await signOut(visit);
    await signIn(visit, { page: "knox" }, { provider: PROVIDERS[1], mode: "popup" });
    assert.equal(await call(visit), "200 OK");
  },
  { tls: true },
);

for (const [kind, shown] of Object.entries({ JWT: "Payload", Session: "Cookie", Token: "Authorization: Token", Knox: "Authorization: Token" })) {
  test(`start page: sign in for a ${kind} credential, see it, link an account, unlink it, sign out`, async (visit) => {
    const { page, base } = visit;
    await page.goto(base);
    await page.getByRole("radio", { name: kind, exact: true }).check({ force: true });
    await button(page, `Sign in with ${PROVIDERS[0]}`).click();
    await choose(page, "Mara Lindqvist");
    await page.getByRole("heading", { name: "Signed in as Mara Lindqvist" }).waitFor();
    assert.equal(page.url(), `${base}/`, "no code is left in the URL");
    await page.locator("#credential").filter({ hasText: shown }).waitFor();
    assert.ok((await page.locator("#devices li").count()) > 0);
    await page.locator("#devices").filter({ hasText: "this page" }).waitFor();

    // Other tests sign in with Mara's account at this provider.
    assert.equal(await button(page, `Link ${PROVIDERS[0]}`).count(), 0, "a linked provider is not offered");
    await page.locator("#link summary").click();
    await button(page, `Link ${PROVIDERS[1]}`).click();
    await choose(page, "Tomás Oyelaran-Ruiz");
    await page.locator("#accounts li").nth(1).waitFor();
    await page.getByRole("button", { name: `Unlink ${PROVIDERS[1]}` }).click();
    await page.locator("#accounts li").nth(1).waitFor({ state: "detached" });

    // The linked account has changed the name of the user.
    await page.reload();
    await page.getByRole("heading", { name: /^Signed in as / }).waitFor();
    await button(page, "Sign out").click();
    await page.getByRole("heading", { name: "Sign in", exact: true }).waitFor();
  });
}

for (const [kind, heading] of Object.entries({ JWT: "Payload", Session: "Cookie", Knox: "Authorization: Token" })) {
  test(`start page: Apple, which posts its callback, signs in for a ${kind} credential`, async ({ page, base }) => {
    await page.goto(base);
    await page.getByRole("radio", { name: kind, exact: true }).check({ force: true });
    await button(page, "Sign in with Apple").click();
    await button(page, "Deny").click();
    await page.getByRole("alert").filter({ hasText: "You denied access at the provider." }).waitFor();
    await button(page, "Sign in with Apple").click();
    await page.getByRole("button", { name: "Continue as Mara Lindqvist" }).click();
    await page.getByRole("heading", { name: "Signed in as Mara Lindqvist" }).waitFor();
    assert.equal(page.url(), `${base}/`, "no code is left in the URL");
    await page.locator("#credential").filter({ hasText: heading }).waitFor();
  });
}

for (const mode of Object.keys(MODES)) {
  test(`Apple signs in on an example page by ${mode}`, async (visit) => {
    const { context, page, base } = visit;
    await open(visit, { page: "jwt" });
    await page.getByLabel(MODES[mode]).check();
    const click = () => button(page, "Sign in with Apple").click();
    const [consent] = await Promise.all([mode === "popup" ? context.waitForEvent("page") : page, click()]);
    await consent.getByRole("button", { name: "Continue as Mara Lindqvist" }).click();
    await page.getByRole("heading", { name: "Signed in as Mara Lindqvist" }).waitFor();
    await page.getByRole("listitem").filter({ hasText: /^Apple: / }).waitFor();
    assert.equal(page.url(), `${base}/example/jwt/`);
  });
}

test("Apple is linked to the user of a session only", async (visit) => {
  const { page, base } = visit;
  for (const kind of ["JWT", "Session"]) {
    await page.goto(base);
    await page.getByRole("radio", { name: kind, exact: true }).check({ force: true });
    await button(page, `Sign in with ${PROVIDERS[0]}`).click();
    await choose(page, "Yuki Brandt");
    await button(page, "Link Apple").click();
    if (kind === "Session") break;
    await page.getByRole("alert").filter({ hasText: "only when you are signed in with a session" }).waitFor();
    await button(page, "Sign out").click();
    await page.getByRole("heading", { name: "Sign in", exact: true }).waitFor();
  }
  await page.getByRole("button", { name: "Continue as Yuki Brandt" }).click();
  await page.locator("#accounts").filter({ hasText: "Apple" }).waitFor();
});

test("the pages show what a link of the redirect flow ends with", async ({ page, base }) => {
  const link = `${base}/api/login/social/authorize/github/?login_hint=mara&next=${base}`;
  await page.goto(`${link}/&behaviour=denied`);
  await page.getByRole("alert").filter({ hasText: "You denied access at the provider." }).waitFor();
  assert.equal(page.url(), `${base}/`);
  await page.goto(`${link}/example/session/&behaviour=invalid-code`);
  await page.getByRole("alert").filter({ hasText: "The server refused the sign-in: " }).waitFor();
  assert.equal(page.url(), `${base}/example/session/`);
  await page.goto(`${link}/`);
  await page.getByRole("heading", { name: "Signed in as Mara Lindqvist" }).waitFor();
  await page.locator("#credential").filter({ hasText: "Cookie" }).waitFor();
});

test(
  "the pages send a pending login of a link to the form of the server",
  async ({ page, base }) => {
    for (const path of ["/", "/example/session/"]) {
      await page.goto(`${base}/api/login/social/authorize/github/?login_hint=noor&next=${base}${path}`);
      await page.getByLabel("E-mail address").waitFor();
      assert.ok(page.url().startsWith(`${base}/api/login/social/resume/?code=`), page.url());
    }
  },
  {
    settings: {
      SOCIAL_AUTH_PIPELINE:
        "social_details,social_uid,auth_allowed,social_user,get_username,require_email,create_user,associate_user," +
        "load_extra_data,user_details",
    },
  },
);

test("the buttons of a simulated provider say what happens", async ({ page, base }) => {
  await page.goto(`${base}/api/login/social/authorize/github/?next=${base}/`);
  await page.getByRole("button", { name: "Continue as Mara Lindqvist" }).waitFor();
  await page.getByLabel("What happens").selectOption("denied");
  await page.getByRole("button", { name: "Deny: Mara Lindqvist" }).waitFor();
  assert.equal(await page.getByRole("button", { name: /Continue as/ }).count(), 0);
});

test("start page: the code follows the kind of credential, and is copied", async (visit) => {
  const { page, base, context } = visit;
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.goto(base);
  const copied = async (label) => {
    await page.getByRole("tab", { name: label }).click();
    await page.getByRole("button", { name: `Copy the ${label} code` }).click();
    return page.evaluate(() => navigator.clipboard.readText());
  };
  assert.ok((await copied("React")).includes(`baseUrl: "${base.replace("127.0.0.1", "localhost")}"`));
  assert.ok((await copied("React")).includes('kind: "jwt-pair-user"'));
  await page.getByRole("radio", { name: "Knox", exact: true }).check({ force: true });
  assert.ok((await copied("curl")).includes(`${base}/api/login/social/knox_user/demo/`));
  assert.ok((await copied("Python")).includes("Token {login.json()['token']}"));
  await page.getByRole("tab", { name: "Python" }).press("ArrowRight");
  assert.equal(await page.getByRole("tab", { name: "React" }).getAttribute("aria-selected"), "true");
});

test("the start page links to the examples and they to the consent page", async (visit) => {
  const { page, base } = visit;
  await page.goto(base);
  await page.getByRole("navigation").getByRole("link", { name: "Examples" }).click();
  await page.getByRole("heading", { name: "Sign in, four ways" }).waitFor();
  await shot(page, "start");
  await page.getByRole("link", { name: /^Knox A token for each login/ }).click();
  await button(page, `Sign in with ${PROVIDERS[0]}`).waitFor();
  await shot(page, "signed-out");
  await toProvider(visit, PROVIDERS[0], "redirect");
  await shot(page, "consent");
});

/** Executes an operation in Swagger UI; returns its response. */
async function execute(page, operation, { provider, body } = {}) {
  const block = page.locator(`[id$="-${operation}"]`);
  await block.locator(".opblock-summary-control").click();
  await block.getByRole("button", { name: "Try it out" }).click();
  if (provider) await block.getByRole("textbox", { name: "provider" }).fill(provider);
  if (body) await block.locator("textarea.body-param__text").fill(JSON.stringify(body));
  await block.getByRole("button", { name: "Execute" }).click();
  const response = block.locator(".live-responses-table tbody .response").first();
  await response.waitFor();
  const status = await response.locator(".response-col_status").textContent();
  const text = await response.locator(".highlight-code code, .microlight code").first().textContent();
  return { status: Number.parseInt(status, 10), body: JSON.parse(text) };
}

test("Swagger UI signs in against the demo provider", async (visit) => {
  const { page, base, context } = visit;
  await page.goto(`${base}/docs/`);
  // The groups are collapsed.
  for (const group of ["begin", "login"]) await page.locator(`#operations-tag-${group} button`).first().click();
  const list = await execute(page, "listProviders");
  assert.deepEqual([list.status, list.body.providers.slice(0, 2).map(({ name }) => name)], [200, ["demo", "demo-oauth1"]]);

  const redirect_uri = `${base}/example/callback/`;
  const begun = await execute(page, "beginLogin", { provider: "demo", body: { redirect_uri } });
  assert.equal(begun.status, 200);
  const consent = await context.newPage();
  await consent.goto(begun.body.authorization_url);
  const [back] = await Promise.all([
    consent.waitForRequest((request) => request.url().startsWith(redirect_uri)),
    choose(consent, "Yuki Brandt"),
  ]);
  const body = { ...Object.fromEntries(new URL(back.url()).searchParams), flow_token: begun.body.flow_token };
  const login = await execute(page, "loginTokenUserWithProvider", { provider: "demo", body });
  assert.deepEqual([login.status, login.body.first_name], [200, "Yuki"]);
  await page.evaluate(() => window.scrollTo(0, 0));
  await page.screenshot({ path: `${SCREENSHOTS}/docs.png` });
});

test("Swagger UI signs in by its button, and then calls an operation as this user", async (visit) => {
  const { page, base } = visit;
  await page.goto(`${base}/docs/`);
  assert.equal(await page.locator(".opblock").count(), 0, "the groups are collapsed");
  await page.getByPlaceholder("Filter by tag").waitFor();
  await page.locator("#sign-in").getByRole("button").first().waitFor();
  assert.equal(await page.locator("#sign-in").getByRole("button").count(), 1, "the others are behind the disclosure");
  await page.getByRole("navigation").getByRole("link", { name: "Examples" }).waitFor();
  await button(page, `Sign in with ${PROVIDERS[0]}`).click();
  await choose(page, "Mara Lindqvist");
  await page.getByText("Signed in as Mara Lindqvist").waitFor();
  await page.locator("#operations-tag-user button").first().click();
  const user = await execute(page, "getUser");
  assert.deepEqual([user.status, user.body.first_name], [200, "Mara"]);
  await button(page, "Sign out").click();
  await button(page, `Sign in with ${PROVIDERS[0]}`).waitFor();
  await page.locator("#sign-in summary").click();
  await button(page, "Sign in with Apple").click();
  await page.getByRole("button", { name: "Continue as Mara Lindqvist" }).click();
  await page.getByText("Signed in as Mara Lindqvist").waitFor();
});
