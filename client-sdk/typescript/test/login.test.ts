import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient, memoryStorage, Problem, type CallbackResult } from "../src/index.js";
import { begun, MARA, Server, tab, waitForRedirect } from "./support.js";

const API = "https://api.example";

const BEGIN = "/api/login/social/begin/demo/";
const LOGIN = "/api/login/social/jwt-pair-user/demo/";

function server() {
  let count = 0;
  return new Server({
    [BEGIN]: () => begun(`s${++count}`),
    [LOGIN]: ({ body }) => [200, { ...MARA, token: `access-${String(body["code"])}`, refresh: "refresh" }],
  });
}

function client(host: Server, browser = tab()) {
  return createClient({ baseUrl: "https://api.example", kind: "jwt-pair-user", fetch: host.fetch, browser });
}

test("sign-in by redirect posts the callback with the flow token", async () => {
  const host = server();
  const browser = tab("https://app.example/login");
  await waitForRedirect(client(host, browser).signIn("demo", { redirectUri: "https://app.example/cb", next: "/after" }), browser);
  assert.equal(browser.location.href, "https://provider.example/authorize?state=s1");
  assert.deepEqual(host.at(BEGIN)[0]?.body, { redirect_uri: "https://app.example/cb", next: "/after" });

  browser.location.href = "https://app.example/cb?code=c&state=s1&iss=https%3A%2F%2Fprovider.example&tab=1";
  const back = client(host, browser);
  const result = await back.handleCallback();
  assert.deepEqual(result, { outcome: "signed-in", provider: "demo", kind: "jwt-pair-user", user: MARA, next: "/after" });
  const sent = { code: "c", state: "s1", iss: "https://provider.example", tab: "1", flow_token: "flow-s1" };
  assert.deepEqual(host.at(LOGIN)[0]?.body, sent);
  assert.equal(browser.location.href, "https://app.example/cb", "the code is removed from the URL");
  assert.equal(await back.token(), "access-c");
  assert.deepEqual(browser.sessionStorage.names(), ["rest-social-auth.credentials https://api.example"], "the flow token is deleted");
});

test("two parallel handleCallback calls (React StrictMode) post one login and return one result", async () => {
  const host = server();
  const browser = tab();
  await waitForRedirect(client(host, browser).signIn("demo"), browser);
  browser.location.href = "https://app.example/cb?code=c&state=s1";
  const [first, second] = await Promise.all([
    client(host, browser).handleCallback(),
    client(host, browser).handleCallback(),
  ]);
  assert.deepEqual(first, second);
  assert.equal(first.outcome, "signed-in");
  assert.equal(host.at(LOGIN).length, 1);
});

test("parallel logins in one tab or in two tabs use their own authorization requests", async () => {
  const host = server();
  const [one, two] = [tab(), tab()];
  await waitForRedirect(client(host, one).signIn("demo"), one);
  await waitForRedirect(client(host, one).signIn("demo"), one);
  await waitForRedirect(client(host, two).signIn("demo"), two);
  for (const [browser, state] of [[one, "s1"], [two, "s3"], [one, "s2"]] as const) {
    browser.location.href = `https://app.example/cb?code=c&state=${state}`;
    assert.equal((await client(host, browser).handleCallback()).outcome, "signed-in");
    assert.equal(host.at(LOGIN).at(-1)?.body["flow_token"], `flow-${state}`);
    await new Promise((resolve) => setTimeout(resolve, 1100));
  }
});

test("denied consent is posted to the server and returned as a problem", async () => {
  const denied = { code: "access_denied", detail: "The user denied consent.", title: "Bad Request", request_id: "r9" };
  const host = new Server({ [BEGIN]: () => begun("s1"), [LOGIN]: () => [400, denied] });
  const browser = tab();
  await waitForRedirect(client(host, browser).signIn("demo"), browser);
  browser.location.href = "https://app.example/cb?error=access_denied&state=s1";
  await assert.rejects(client(host, browser).handleCallback(), (problem: Problem) => {
    assert.deepEqual([problem.code, problem.status, problem.requestId], ["access_denied", 400, "r9"]);
    assert.deepEqual([problem.provider, problem.next], ["demo", "/after"], "the way back");
    return problem instanceof Problem;
  });
  assert.deepEqual(host.at(LOGIN)[0]?.body, { error: "access_denied", state: "s1", flow_token: "flow-s1" });
});

test("an unknown or completed callback is not posted", async () => {
  const host = server();
  const browser = tab("https://app.example/cb?code=stolen&state=unknown");
  await assert.rejects(client(host, browser).handleCallback(), { code: "callback_unknown" });
  assert.equal(host.seen.length, 0);
});

test("handleCallback does nothing on other pages", async () => {
  assert.deepEqual(await client(server()).handleCallback(), { outcome: "none" });
});

test("OAuth 1.0a: the request token matches the authorization request", async () => {
  const host = new Server({
    [BEGIN]: () => begun("s1", "https://provider.example/authorize?oauth_token=t1"),
    [LOGIN]: () => [200, { ...MARA, token: "a", refresh: "r" }],
  });
  const browser = tab();
  await waitForRedirect(client(host, browser).signIn("demo"), browser);
  browser.location.href = "https://app.example/cb?oauth_token=t1&oauth_verifier=v";
  assert.equal((await client(host, browser).handleCallback()).outcome, "signed-in");
  assert.deepEqual(host.at(LOGIN)[0]?.body, { oauth_token: "t1", oauth_verifier: "v", flow_token: "flow-s1" });
  assert.deepEqual(browser.sessionStorage.names(), ["rest-social-auth.credentials https://api.example"]);
});

/** The answer to begin of a provider that posts its callback. */
function begunByPost(): [number, object] {
  const [status, body] = begun("s1", "https://apple.example/authorize?state=s1&response_mode=form_post");
  return [status, { ...(body as object), redirect_uri: "https://app.example/cb" }];
}

test("a posted callback takes the redirect flow of the server, and its one-time code is exchanged", async () => {
  const host = new Server({
    [BEGIN]: begunByPost,
    "/api/login/social/swap/": () => [200, { ...MARA, token: "access", refresh: "refresh", kind: "jwt-pair-user", app_state: "s1" }],
  });
  const browser = tab();
  const options = { scope: ["email"], data: { plan: "pro" }, parameters: { login_hint: "mara" } };
  await waitForRedirect(client(host, browser).signIn("demo", options), browser);
  const { origin, pathname, searchParams } = new URL(browser.location.href);
  assert.equal(origin + pathname, "https://api.example/api/login/social/authorize/demo/");
  assert.deepEqual(Object.fromEntries(searchParams), {
    login_hint: "mara",
    kind: "jwt-pair-user",
    next: "https://app.example/cb",
    app_state: "s1",
    scope: "email",
    data: '{"plan":"pro"}',
  });

  browser.location.href = "https://app.example/cb?app_state=s1&code=once";
  const result = await client(host, browser).handleCallback();
  assert.deepEqual(result, { outcome: "signed-in", provider: "demo", kind: "jwt-pair-user", user: MARA, next: "/after" });
  assert.deepEqual(host.at("/api/login/social/swap/")[0]?.body, { code: "once" });
  assert.equal(host.at(LOGIN).length, 0);
  assert.equal(browser.location.href, "https://app.example/cb");
});

test("after a posted callback, a session has no code, and an error is a problem with the way back", async () => {
  const host = new Server({ [BEGIN]: begunByPost, "/api/user/": () => [200, MARA] });
  const browser = tab();
  const page = createClient({ baseUrl: "https://api.example", kind: "session", fetch: host.fetch, browser });
  await waitForRedirect(page.signIn("demo", { data: { plan: "pro" } }), browser);
  browser.location.href = "https://app.example/cb?app_state=s1&is_new=true";
  const result = await page.handleCallback();
  assert.deepEqual(result, {
    outcome: "signed-in", provider: "demo", kind: "session", user: null, next: "/after", data: { plan: "pro" },
  });
  assert.equal((await page.user())?.username, "mara");
  assert.equal(browser.location.href, "https://app.example/cb");

  await new Promise((resolve) => setTimeout(resolve, 1100));
  await waitForRedirect(page.signIn("demo"), browser);
  browser.location.href = "https://app.example/cb?app_state=s1&error=access_denied";
  const detail = "The sign-in failed.";
  await assert.rejects(page.handleCallback(), { code: "access_denied", detail, provider: "demo", next: "/after" });
});

test("only a session links a provider that posts its callback", async () => {
  const host = new Server({ [BEGIN]: begunByPost });
  const storage = memoryStorage();
  await storage.set({ family: "knox", token: "t", received: Date.now(), login: "1" }, API);
  const page = createClient({ baseUrl: "https://api.example", kind: "knox", fetch: host.fetch, browser: tab(), storage });
  await assert.rejects(page.signIn("demo", { link: true }), { code: "link_needs_session" });
});

test("sign-in by pop-up: the callback goes to the opener, which signs in, and the pop-up closes", async () => {
  const host = server();
  const popup = tab("about:blank");
  const handle = { closed: false, location: popup.location, close: () => popup.close?.() } as unknown as Window;
  const opener = { ...tab(), open: () => handle };
  const page = client(host, opener);
  const signedIn = page.signIn("demo", { mode: "popup" });
  while (popup.location.href === "about:blank") await new Promise((resolve) => setTimeout(resolve, 2));

  popup.location.href = "https://app.example/cb?code=c&state=s1";
  const inPopup: CallbackResult = await client(host, popup).handleCallback();
  assert.deepEqual(inPopup, { outcome: "sent-to-opener" });
  const result = await signedIn;
  assert.equal(result.outcome === "signed-in" && result.user?.username, "mara");
  assert.equal(await page.token(), "access-c", "the opener has the tokens");
  assert.equal(popup.isClosed, true);
  assert.equal(host.at(LOGIN).length, 1);
});

test("a blocked or closed pop-up is a problem", async () => {
  await assert.rejects(client(server()).signIn("demo", { mode: "popup" }), { code: "popup_blocked" });
  const handle = { closed: true, location: { href: "" }, close: () => {} } as unknown as Window;
  const opener = { ...tab(), open: () => handle };
  await assert.rejects(client(server(), opener).signIn("demo", { mode: "popup" }), { code: "popup_closed" });
});

test("an error of begin closes the pop-up", async () => {
  const host = new Server({ [BEGIN]: () => [404, { code: "unknown_provider", detail: "No such provider." }] });
  let closed = false;
  const handle = { closed: false, location: { href: "" }, close: () => (closed = true) } as unknown as Window;
  const page = client(host, { ...tab(), open: () => handle });
  await assert.rejects(page.signIn("demo", { mode: "popup" }), { code: "unknown_provider", status: 404 });
  assert.equal(closed, true);
});

test("cookies are sent for the session kind only, and current credentials only to link", async () => {
  const host = new Server({
    "/api/login/social/begin/demo/": () => begun("s1"),
    "/api/login/social/session/demo/": () => [200, MARA],
    "/api/login/social/knox/demo/": () => [200, { token: "k1" }],
  });
  const browser = tab();
  const knox = createClient({ baseUrl: "https://api.example", kind: "knox", fetch: host.fetch, browser });
  for (const link of [false, true]) {
    await waitForRedirect(knox.signIn("demo", { link }), browser);
    browser.location.href = "https://app.example/cb?code=c&state=s1";
    await knox.handleCallback();
    await new Promise((resolve) => setTimeout(resolve, 1100));
  }
  assert.deepEqual(host.seen.map((seen) => seen.authorization), [null, null, "Token k1", "Token k1"]);
  assert.ok(host.seen.every((seen) => seen.credentials === "omit"));

  await waitForRedirect(knox.signIn("demo", { kind: "session" }), browser);
  assert.equal(host.seen.at(-1)?.credentials, "include");
});

test("fault_b31 a session that a client of tokens began is seen and ended by it", async () => {
  let isSignedIn = true;
  const host = new Server({
    "/api/login/social/begin/demo/": () => begun("s1"),
    "/api/login/social/session/demo/": () => [200, MARA],
    "/api/user/": () => (isSignedIn ? [200, MARA] : [401, { code: "not_authenticated", detail: "No credential." }]),
    "/api/session/logout/": () => ((isSignedIn = false), [204, undefined]),
  });
  const browser = tab();
  const knox = createClient({ baseUrl: "https://api.example", kind: "knox", fetch: host.fetch, browser });
  await waitForRedirect(knox.signIn("demo", { kind: "session" }), browser);
  browser.location.href = "https://app.example/cb?code=c&state=s1";
  await knox.handleCallback();
  assert.deepEqual(await knox.user(), MARA);
  await knox.logout();
  assert.deepEqual(host.at("/api/session/logout/").map((seen) => seen.credentials), ["include"]);
  assert.equal(await knox.user(), null);
});

const TERMS = { name: "terms", type: "checkbox", title: "I accept", required: true };
const INPUT_REQUIRED = { code: "additional_input_required", detail: "More.", flow_token: "waiting", expires_in: 600, step: "terms", fields: [TERMS] };
const WRONG = { code: "invalid_request", detail: "Wrong.", errors: { terms: ["This must be accepted."] } };
const RESUME = "/api/login/social/resume/";

/** A server whose logins need additional input, and a tab in which one does. */
async function pendingLogin() {
  const host = new Server({
    [BEGIN]: () => begun("s1"),
    [LOGIN]: () => [403, INPUT_REQUIRED],
    [RESUME]: ({ body }) =>
      (body["answers"] as Record<string, unknown>)["terms"] === true
        ? [200, { kind: "jwt-pair-user", ...MARA, token: "a", refresh: "r" }]
        : [400, WRONG],
  });
  const browser = tab();
  await waitForRedirect(client(host, browser).signIn("demo"), browser);
  browser.location.href = "https://app.example/cb?code=c&state=s1";
  return { host, browser, auth: client(host, browser) };
}

test("a pending login returns its fields and completes with the answers", async () => {
  const { host, auth } = await pendingLogin();
  const login = await auth.handleCallback();
  assert.equal(login.outcome, "input-required");
  if (login.outcome !== "input-required") return;
  assert.deepEqual([login.step, login.fields, login.next], ["terms", [TERMS], "/after"]);
  assert.equal(await auth.token(), null, "the user is not signed in yet");

  await assert.rejects(auth.resume({ terms: false }), (problem: Problem) => {
    assert.deepEqual([problem.code, problem.errors], ["invalid_request", { terms: ["This must be accepted."] }]);
    assert.deepEqual([problem.provider, problem.next], ["demo", "/after"]);
    return true;
  });
  const done = await auth.resume({ terms: true });
  assert.deepEqual(done, { outcome: "signed-in", provider: "demo", kind: "jwt-pair-user", user: MARA, next: "/after" });
  assert.deepEqual(host.at(RESUME).at(-1)?.body, { flow_token: "waiting", answers: { terms: true } });
  assert.equal(await auth.token(), "a");
  assert.equal(await auth.pendingLogin(), null);
});

test("fault_e9 a pending login survives a reload of its page until it expires", async (context) => {
  const { host, browser, auth } = await pendingLogin();
  const login = JSON.parse(JSON.stringify(await auth.handleCallback())) as object;
  context.mock.timers.enable({ apis: ["Date"], now: Date.now() + 599_000 });
  assert.deepEqual(await client(host, browser).pendingLogin(), login);
  // The code is no longer in the URL of the page.
  assert.equal(browser.location.href, "https://app.example/cb");
  assert.deepEqual(await client(host, tab(browser.location.href)).handleCallback(), { outcome: "none" }, "another tab");
  const reloaded = { ...browser };
  assert.deepEqual(await client(host, reloaded).handleCallback(), login);
  reloaded.location = { ...browser.location, href: "https://app.example/elsewhere" };
  assert.deepEqual(await client(host, { ...reloaded }).handleCallback(), { outcome: "none" }, "another page");
  context.mock.timers.tick(2_000);
  assert.equal(await client(host, browser).pendingLogin(), null);
  host.answers[RESUME] = () => [400, { code: "state_expired", detail: "x" }];
  await assert.rejects(client(host, browser).resume({ terms: true }), { code: "state_expired" });
});

test("a pending login that the server no longer has is forgotten; after another refusal it can be answered again", async () => {
  const { host, auth } = await pendingLogin();
  await auth.handleCallback();
  for (const [code, isForgotten] of [["account_exists", false], ["network", false], ["code_already_used", true]] as const) {
    host.answers[RESUME] = () => [code === "network" ? 503 : 409, { code, detail: "x" }];
    await assert.rejects(auth.resume({ terms: true }), { code });
    assert.equal((await auth.pendingLogin()) === null, isForgotten, code);
  }
});

test("ask_link: the user signs in as before, and then the pending login is resumed with that credential", async () => {
  const link = { name: "link", type: "choice", title: "Link?", required: true, choices: ["link", "new"] };
  const { host, browser, auth } = await pendingLogin();
  host.answers[LOGIN] = () => [403, { ...INPUT_REQUIRED, step: "ask_link", fields: [link] }];
  host.answers["/api/login/social/jwt-pair-user/old/"] = () => [200, { ...MARA, token: "old", refresh: "old-refresh" }];
  host.answers["/api/login/social/begin/old/"] = () => begun("s2");
  host.answers["/api/token/blacklist/"] = () => [200, {}];
  host.answers[RESUME] = ({ authorization }) =>
    authorization === "Bearer old"
      ? [200, { kind: "jwt-pair-user", ...MARA, token: "linked", refresh: "r" }]
      : [403, { code: "link_login_required", detail: "Sign in as before." }];
  await auth.handleCallback();
  await assert.rejects(auth.resume({ link: "link" }), { code: "link_login_required" });

  await waitForRedirect(auth.signIn("old"), browser);
  browser.location.href = "https://app.example/cb?code=c&state=s2";
  assert.equal((await client(host, browser).handleCallback()).outcome, "signed-in");
  const result = await client(host, browser).resume({ link: "link" });
  assert.deepEqual([result.outcome, await auth.token(), await auth.pendingLogin()], ["signed-in", "linked", null]);
  assert.deepEqual(host.at("/api/token/blacklist/").map(({ body }) => body), [{ refresh: "old-refresh" }]);
});

test("is_new is returned as isNew and is not part of the user", async () => {
  const host = new Server({
    [BEGIN]: () => begun("s1"),
    [LOGIN]: () => [200, { ...MARA, locale: "de", token: "access", refresh: "refresh", is_new: true }],
  });
  const browser = tab();
  await waitForRedirect(client(host, browser).signIn("demo"), browser);
  browser.location.href = "https://app.example/cb?code=c&state=s1";
  const result = await client(host, browser).handleCallback();
  assert.ok(result.outcome === "signed-in");
  assert.equal(result.isNew, true);
  assert.deepEqual(result.user, { ...MARA, locale: "de" });
});

test("fault_e4 the promise of a redirect settles when the Back button shows the page again", async () => {
  const host = server();
  const browser = tab();
  const auth = client(host, browser);
  const events: string[] = [];
  auth.subscribe(({ type }) => events.push(type));
  const leaving = auth.signIn("demo");
  await waitForRedirect(leaving, browser);
  browser.comeBack();
  assert.deepEqual(await leaving, { outcome: "none" });
  assert.equal(browser.listeners(), 0);
  assert.deepEqual(events, ["signed-out"], "listeners get the state of the restored page");
});

test("the promise of a redirect settles when the browser still shows the page after five seconds, as after its Stop button", async (context) => {
  const host = server();
  const browser = tab();
  const leaving = client(host, browser).signIn("demo");
  context.mock.timers.enable({ apis: ["setTimeout"] });
  while (browser.listeners() === 0) await new Promise((resolve) => (setImmediate(resolve), context.mock.timers.tick(1)));
  let isSettled = false;
  void leaving.then(() => (isSettled = true));
  context.mock.timers.tick(4900);
  await Promise.resolve();
  assert.equal(isSettled, false);
  context.mock.timers.tick(200);
  assert.deepEqual(await leaving, { outcome: "none" });
  assert.equal(browser.listeners(), 0);
});

test("redirect: false returns the URL of the provider, and the callback completes", async () => {
  const host = server();
  const browser = tab();
  const { url } = await client(host, browser).signIn("demo", { redirect: false });
  assert.equal(url, "https://provider.example/authorize?state=s1");
  assert.deepEqual(browser.visited, []);
  const result = await client(host, browser).handleCallback({ url: "https://app.example/cb?code=c&state=s1" });
  assert.equal(result.outcome, "signed-in");
  assert.equal(browser.location.href, "https://app.example/", "the URL of the page stays");
});

test("fault_e5 linking while signed out is not_authenticated, and nothing is begun", async () => {
  for (const kind of ["jwt-pair", "session"] as const) {
    const host = new Server({ [BEGIN]: () => begun("s1"), "/api/user/": () => [401, { code: "not_authenticated", detail: "x" }] });
    let closed = 0;
    const popup = { closed: false, location: { href: "" }, close: () => closed++ } as unknown as Window;
    const auth = createClient({ baseUrl: "https://api.example", kind, fetch: host.fetch, browser: { ...tab(), open: () => popup } });
    const problem = { code: "not_authenticated", status: 401, provider: "demo", next: "/settings" };
    await assert.rejects(auth.signIn("demo", { link: true, next: "/settings" }), problem);
    await assert.rejects(auth.signIn("demo", { link: true, next: "/settings", mode: "popup" }), problem);
    assert.equal(closed, 1, "the pop-up closes");
    assert.deepEqual(host.at(BEGIN), [], kind);
  }
});

test("fault_e2 a session whose cookie the browser did not store is cookie_refused", async () => {
  let isStored = false;
  const host = new Server({
    [BEGIN]: () => begun("s1"),
    "/api/login/social/session/demo/": () => [200, MARA],
    "/api/user/": () => (isStored ? [200, MARA] : [401, { code: "not_authenticated", detail: "x" }]),
  });
  const login = async (page: string) => {
    const browser = tab(page);
    const auth = createClient({ baseUrl: "http://127.0.0.1:8000", fetch: host.fetch, browser });
    await waitForRedirect(auth.signIn("demo"), browser);
    browser.location.href = `${page}?code=c&state=s1`;
    return auth.handleCallback();
  };
  await assert.rejects(login("http://localhost:5173/cb"), { code: "cookie_refused", provider: "demo", next: "/after" });
  isStored = true;
  assert.equal((await login("http://localhost:5173/cb")).outcome, "signed-in");
  host.seen.length = 0;
  assert.equal((await login("http://127.0.0.1:5173/cb")).outcome, "signed-in");
  assert.equal(host.at("/api/user/").length, 0, "on the same host nothing is asked");
});

test("fault_e12 a login revokes the tokens that it replaces", async () => {
  const host = server();
  host.answers["/api/token/blacklist/"] = () => [200, {}];
  const browser = tab();
  for (const link of [false, true]) {
    await waitForRedirect(client(host, browser).signIn("demo", { link }), browser);
    browser.location.href = `https://app.example/cb?code=${link}&state=s${link ? 2 : 1}`;
    await client(host, browser).handleCallback();
    await new Promise((resolve) => setTimeout(resolve, 1100));
  }
  const paths = host.seen.map(({ path }) => path);
  assert.deepEqual(paths.slice(-2), [LOGIN, "/api/token/blacklist/"], "after the new tokens are stored");
  assert.equal(host.at("/api/token/blacklist/").length, 1);
  assert.equal(await client(host, browser).token(), "access-true");
});

test("an aborted call rejects with the reason of the signal, and a silent server with timeout", async () => {
  const silent = (_input: RequestInfo | URL, init?: RequestInit) =>
    new Promise<Response>((_, reject) => {
      init?.signal?.addEventListener("abort", () => reject(init.signal?.reason));
    });
  const auth = createClient({ baseUrl: "https://api.example", fetch: silent, browser: tab(), timeout: 20 });
  await assert.rejects(auth.signIn("demo", { next: "/x" }), { code: "timeout", status: 0, provider: "demo", next: "/x" });
  const patient = createClient({ baseUrl: "https://api.example", fetch: silent, browser: tab() });
  const reason = new Error("the page was left");
  const controller = new AbortController();
  const calls = [
    patient.providers({ signal: controller.signal }),
    patient.signIn("demo", { signal: controller.signal }),
    patient.fetch("/x", { signal: controller.signal }),
  ].map((promise) => assert.rejects(promise, reason));
  setTimeout(() => controller.abort(reason), 5);
  await Promise.all(calls);
});

test("an aborted sign-in closes the pop-up", async () => {
  const host = server();
  let isClosed = false;
  const popup = { closed: false, location: { href: "" }, close: () => (isClosed = true) } as unknown as Window;
  const controller = new AbortController();
  const signIn = client(host, { ...tab(), open: () => popup }).signIn("demo", { mode: "popup", signal: controller.signal });
  while (popup.location.href === "") await new Promise((resolve) => setTimeout(resolve, 1));
  controller.abort();
  await assert.rejects(signIn, { name: "AbortError" });
  assert.equal(isClosed, true);
});

test("fault_e8 an unreachable server of another origin may be one that does not list the page's origin", async () => {
  const auth = createClient({ baseUrl: "https://api.example", fetch: () => Promise.reject(new TypeError("x")), browser: tab() });
  await assert.rejects(auth.providers(), { code: "network_error", detail: /ALLOWED_ORIGINS does not list https:\/\/app\.example/ });
});

test("fault_e11 the client can be created without a browser; what needs one says so", async () => {
  const host = new Server({ "/api/login/social/providers/": () => [200, { providers: [] }], [BEGIN]: () => begun("s1") });
  const auth = createClient({ baseUrl: "https://api.example", kind: "knox", fetch: host.fetch });
  auth.subscribe(() => {})();
  assert.deepEqual(await auth.providers(), []);
  assert.equal(await auth.user(), null);
  assert.deepEqual(await auth.handleCallback(), { outcome: "none" });
  assert.equal((await auth.signIn("demo", { redirect: false })).url, "https://provider.example/authorize?state=s1");
  await assert.rejects(auth.signIn("demo"), { code: "no_browser" });
  await assert.rejects(createClient().providers(), { code: "no_browser", detail: /baseUrl/ });
});

test("data and parameters are sent with begin, and data is returned", async () => {
  const data = { invitation: "i-7" };
  const host = new Server({
    [BEGIN]: () => begun("s1"),
    [LOGIN]: () => [200, { ...MARA, token: "access", refresh: "refresh", data, app_state: "x" }],
  });
  const browser = tab();
  const auth = client(host, browser);
  await waitForRedirect(auth.signIn("demo", { data, scope: ["a", "b"], parameters: { prompt: "login", max_age: 60 } }), browser);
  assert.deepEqual(host.at(BEGIN)[0]?.body, { prompt: "login", max_age: 60, scope: "a b", data });
  browser.location.href = "https://app.example/cb?code=c&state=s1";
  const result = await auth.handleCallback();
  assert.deepEqual(result.outcome === "signed-in" && [result.data, result.user], [data, MARA]);
});

test("an ID token that a script of the provider issues for the nonce signs in", async () => {
  const host = server();
  host.answers[BEGIN] = () => [200, { authorization_url: "https://p.example/", state: "s1", flow_token: "f", expires_in: 600, nonce: "n1" }];
  const auth = client(host);
  assert.deepEqual(await auth.signInWithIdToken("demo", async () => null), { outcome: "none" });
  const result = await auth.signInWithIdToken("demo", async (nonce) => `token with ${nonce}`);
  assert.equal(result.outcome, "signed-in");
  assert.deepEqual(host.at(LOGIN)[0]?.body, { state: "s1", id_token: "token with n1", flow_token: "f" });
});

test("a failed link login says so, and the next attempt links again", async () => {
  const host = server();
  host.answers["/api/token/blacklist/"] = () => [200, {}];
  const browser = tab();
  const auth = client(host, browser);
  const signIn = async (options: object, state: string) => {
    await waitForRedirect(auth.signIn("demo", options), browser);
    browser.location.href = `https://app.example/cb?code=${state}&state=${state}`;
    return auth.handleCallback();
  };
  await signIn({}, "s1");
  await new Promise((resolve) => setTimeout(resolve, 1100));
  const login = host.answers[LOGIN] as NonNullable<(typeof host.answers)[string]>;
  host.answers[LOGIN] = () => [400, { code: "access_denied", detail: "x" }];
  const options = { link: true, kind: "jwt-pair-user", data: { plan: "pro" }, scope: ["a"], parameters: { prompt: "login" } };
  const problem = await signIn(options, "s2").catch((error: Problem) => error);
  assert.ok(problem instanceof Problem);
  assert.deepEqual([problem.link, problem.kind, problem.next], [true, "jwt-pair-user", "/after"]);
  assert.deepEqual([problem.data, problem.scope, problem.parameters], [{ plan: "pro" }, ["a"], { prompt: "login" }]);
  host.answers[LOGIN] = login;
  await new Promise((resolve) => setTimeout(resolve, 1100));
  await signIn(problem, "s3");
  assert.deepEqual(host.at(BEGIN)[2]?.body, { prompt: "login", scope: "a", next: "/after", data: { plan: "pro" } });
  assert.equal(host.seen.filter(({ path, authorization }) => path === LOGIN && authorization === "Bearer access-s1").length, 2);
});

test("a login that links keeps its way back when it needs input", async () => {
  const { host, auth } = await pendingLogin();
  const login = await auth.handleCallback();
  assert.equal(login.outcome === "input-required" && login.link, false);
  host.answers[RESUME] = () => [409, { code: "account_in_use", detail: "x" }];
  await assert.rejects(auth.resume({ terms: true }), { link: false, provider: "demo" });
});

test("a logout, deleting the user and cancelling forget the pending login", async () => {
  const ends = [
    (auth: ReturnType<typeof client>) => auth.logout(),
    (auth: ReturnType<typeof client>) => auth.logoutEverywhere(),
    (auth: ReturnType<typeof client>) => auth.deleteUser(),
    (auth: ReturnType<typeof client>) => auth.cancelPendingLogin(),
  ];
  for (const end of ends) {
    const { host, auth } = await pendingLogin();
    host.answers["/api/logout/all/"] = host.answers["/api/user/"] = () => [204];
    assert.equal((await auth.handleCallback()).outcome, "input-required");
    await end(auth);
    assert.equal(await auth.pendingLogin(), null);
  }
});

test("an abandoned ask_link does not capture a later login", async () => {
  const link = { name: "link", type: "choice", title: "Link?", required: true, choices: ["link", "new"] };
  const { host, browser, auth } = await pendingLogin();
  const login = host.answers[LOGIN];
  host.answers[LOGIN] = () => [403, { ...INPUT_REQUIRED, step: "ask_link", fields: [link] }];
  assert.equal((await auth.handleCallback()).outcome, "input-required");
  host.answers[LOGIN] = () => [200, { ...MARA, token: "later", refresh: "r" }];
  host.answers[BEGIN] = () => begun("s9");
  assert.ok(login);
  await waitForRedirect(auth.signIn("demo"), browser);
  browser.location.href = "https://app.example/cb?code=c&state=s9";
  assert.equal((await client(host, browser).handleCallback()).outcome, "signed-in");
  assert.equal(await auth.pendingLogin(), null);
});

test("a client of another server leaves the callback to the client that began the login", async () => {
  const host = server();
  const browser = tab();
  await waitForRedirect(client(host, browser).signIn("demo"), browser);
  browser.location.href = "https://app.example/cb?code=c&state=s1";
  const other = createClient({ baseUrl: "https://other.example", kind: "jwt-pair-user", fetch: host.fetch, browser });
  const [theirs, own] = await Promise.allSettled([other.handleCallback(), client(host, browser).handleCallback()]);
  assert.equal(theirs.status === "rejected" && (theirs.reason as Problem).code, "callback_unknown");
  assert.equal(own.status === "fulfilled" && own.value.outcome, "signed-in");
  assert.equal(host.at(LOGIN).length, 1);
});

test("a signal ends the wait of one caller, and not the login", async () => {
  const host = server();
  const browser = tab();
  const auth = client(host, browser);
  await waitForRedirect(auth.signIn("demo"), browser);
  browser.location.href = "https://app.example/cb?code=c&state=s1";
  const controller = new AbortController();
  const first = auth.handleCallback({ signal: controller.signal });
  controller.abort();
  const second = auth.handleCallback({ signal: new AbortController().signal });
  await assert.rejects(first, { name: "AbortError" });
  assert.equal((await second).outcome, "signed-in");
  assert.equal(host.at(LOGIN).length, 1);
});

test("a page that is reloaded before the server has answered posts its callback again", async () => {
  const host = server();
  const browser = tab();
  await waitForRedirect(client(host, browser).signIn("demo"), browser);
  browser.location.href = "https://app.example/cb?code=c&state=s1";
  const offline = createClient({ baseUrl: "https://api.example", fetch: () => Promise.reject(new TypeError("x")), browser });
  await assert.rejects(offline.handleCallback(), { code: "network_error", provider: "demo", next: "/after" });
  assert.equal(browser.location.href, "https://app.example/cb");
  const reloaded = { ...browser };
  assert.equal((await client(host, reloaded).handleCallback()).outcome, "signed-in");
  assert.deepEqual(host.at(LOGIN)[0]?.body, { code: "c", state: "s1", flow_token: "flow-s1" });
  assert.deepEqual(await client(host, { ...browser }).handleCallback(), { outcome: "none" });
});

test("a redirect fails before the page is left when the browser forbids its storage", async () => {
  const host = server();
  const browser = Object.defineProperty({ ...tab() }, "sessionStorage", {
    get: () => {
      throw new DOMException("denied", "SecurityError");
    },
  });
  await assert.rejects(client(host, browser).signIn("demo", { next: "/x" }), { code: "storage_failed", provider: "demo", next: "/x" });
  assert.equal(host.seen.length, 0);
});

test("an unknown flow token ends the pending login", async () => {
  const { host, auth } = await pendingLogin();
  await auth.handleCallback();
  host.answers[RESUME] = () => [400, { code: "state_mismatch", detail: "x" }];
  await assert.rejects(auth.resume({ terms: true }), { code: "state_mismatch", provider: "demo", next: "/after" });
  assert.equal(await auth.pendingLogin(), null);
});

test("an answer without a URL and a text that is no URL are no TypeError", async () => {
  const host = server();
  host.answers[BEGIN] = () => [200, {}];
  await assert.rejects(client(host).signIn("demo", { redirect: false }), { code: "unexpected_answer" });
  assert.deepEqual(await client(host).handleCallback({ url: "x y" }), { outcome: "none" });
  for (const baseUrl of ["localhost:8000", "", "ftp://x", "http://["]) {
    for (const browser of [tab(), {}]) {
      await assert.rejects(createClient({ baseUrl, browser }).providers(), { code: "invalid_base_url" }, baseUrl);
    }
  }
});

test("the URL keeps the query of the redirect URI, also when the server chose it or a router changed the URL", async () => {
  for (const redirectUri of ["https://app.example/cb?tab=1", undefined]) {
    const host = server();
    const [status, answer] = begun("s1");
    host.answers[BEGIN] = () => [status, { ...(answer as object), redirect_uri: "https://app.example/cb?tab=1" }];
    const browser = tab();
    await waitForRedirect(client(host, browser).signIn("demo", { redirectUri }), browser);
    browser.location.href = "https://app.example/cb?tab=1&code=c&state=s1#part";
    const result = client(host, browser).handleCallback();
    browser.location.href = "https://app.example/cb/?tab=1&code=c&state=s1";
    assert.equal((await result).outcome, "signed-in");
    assert.equal(browser.location.href, "https://app.example/cb/?tab=1");
  }
});

test("the code of an unknown callback is removed from the URL, and that of another server's login stays", async () => {
  const host = server();
  const browser = tab("https://app.example/cb?code=stolen&state=forged");
  await assert.rejects(client(host, browser).handleCallback(), { code: "callback_unknown" });
  assert.equal(browser.location.href, "https://app.example/cb");
  await waitForRedirect(client(host, browser).signIn("demo"), browser);
  browser.location.href = "https://app.example/cb?code=c&state=s1";
  const other = createClient({ baseUrl: "https://other.example", fetch: host.fetch, browser });
  await assert.rejects(other.handleCallback(), { code: "callback_unknown" });
  assert.equal(browser.location.href, "https://app.example/cb?code=c&state=s1");
  assert.equal((await client(host, browser).handleCallback()).outcome, "signed-in");
});

test("a callback that the server has answered is not posted again", async () => {
  const host = server();
  const browser = tab();
  await waitForRedirect(client(host, browser).signIn("demo"), browser);
  browser.location.href = "https://app.example/cb?code=c&state=s1";
  host.answers[LOGIN] = () => [200, { ...MARA }];
  await assert.rejects(client(host, browser).handleCallback(), { code: "unexpected_answer" });
  assert.deepEqual(await client(host, { ...browser }).handleCallback(), { outcome: "none" });
  assert.equal(host.at(LOGIN).length, 1);
});

test("without a page and a baseUrl there is no callback", async () => {
  assert.deepEqual(await createClient({ browser: {} }).handleCallback(), { outcome: "none" });
});

test("a session login is not the login of a client of another kind in the same tab", async () => {
  const browser = tab(API);
  const host = server();
  host.answers["/api/login/social/session/demo/"] = () => [200, MARA];
  host.answers["/api/user/"] = () => [200, MARA];
  const session = createClient({ baseUrl: API, kind: "session", fetch: host.fetch, browser });
  await waitForRedirect(session.signIn("demo"), browser);
  browser.location.href = `${API}/?code=c&state=s1`;
  assert.equal((await session.handleCallback()).outcome, "signed-in");
  assert.equal(await client(host, browser).user(), null);
  assert.deepEqual(browser.sessionStorage.names(), []);
});
