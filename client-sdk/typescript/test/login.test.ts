import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient, Problem, type CallbackResult } from "../src/index.js";
import { begun, MARA, Server, tab, type Tab } from "./support.js";

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

/** Waits for the redirect to the provider: `signIn` by redirect never settles. */
async function waitForRedirect(promise: Promise<unknown>, browser: Tab): Promise<void> {
  const visits = browser.visited.length;
  let failure: Promise<unknown> | undefined;
  promise.catch(() => {
    failure = promise;
  });
  while (browser.visited.length === visits && !failure) await new Promise((resolve) => setTimeout(resolve, 1));
  await failure;
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
  assert.equal(browser.location.href, "https://app.example/cb?tab=1", "the code is removed from the URL");
  assert.equal(await back.token(), "access-c");
  assert.equal(browser.sessionStorage.length, 0, "the flow token is deleted");
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
  assert.equal(browser.sessionStorage.length, 0, "stored under two keys, and both are deleted");
});

test("sign-in by pop-up: the callback goes to the opener, which signs in, and the pop-up closes", async () => {
  const host = server();
  const popup = tab("about:blank");
  const handle = { closed: false, location: popup.location, close: () => popup.close() } as unknown as Window;
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

test("a pending login returns its fields and completes with the answers", async () => {
  const terms = { name: "terms", type: "checkbox", title: "I accept", required: true };
  const pending = {
    code: "additional_input_required",
    detail: "A step asks.",
    flow_token: "waiting",
    expires_in: 600,
    step: "terms",
    fields: [terms],
  };
  const wrong = { code: "invalid_request", detail: "Wrong.", errors: { terms: ["This must be accepted."] } };
  const host = new Server({
    [BEGIN]: () => begun("s1"),
    [LOGIN]: () => [403, pending],
    "/api/login/social/resume/": ({ body }) =>
      (body["answers"] as Record<string, unknown>)["terms"] === true
        ? [200, { kind: "jwt-pair-user", ...MARA, token: "a", refresh: "r" }]
        : [400, wrong],
  });
  const browser = tab();
  const auth = client(host, browser);
  await waitForRedirect(auth.signIn("demo"), browser);
  browser.location.href = "https://app.example/cb?code=c&state=s1";
  const login = await auth.handleCallback();
  assert.equal(login.outcome, "input-required");
  if (login.outcome !== "input-required") return;
  assert.deepEqual([login.step, login.fields, login.next], ["terms", [terms], "/after"]);
  assert.equal(await auth.token(), null, "the user is not signed in yet");

  await assert.rejects(auth.resume(login, { terms: false }), (problem: Problem) => {
    assert.deepEqual([problem.code, problem.errors], ["invalid_request", { terms: ["This must be accepted."] }]);
    return true;
  });
  const done = await auth.resume(login, { terms: true });
  assert.deepEqual(done, { outcome: "signed-in", provider: "demo", kind: "jwt-pair-user", user: MARA, next: "/after" });
  assert.deepEqual(host.at("/api/login/social/resume/").at(-1)?.body, { flow_token: "waiting", answers: { terms: true } });
  assert.equal(await auth.token(), "a");
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
