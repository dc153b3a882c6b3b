import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { createClient, memoryStorage, type AuthEvent, type LoginKind, type SocialAuth } from "../src/index.js";
import { begun, closeChannels, duplicate, jwt, MARA, Server, settle, tab, waitForRedirect, type Tab } from "./support.js";

const API = "https://api.example";

beforeEach(closeChannels);

/** A server with one user. Each login and each refresh issues new tokens. */
function server() {
  let [logins, refreshes] = [0, 0];
  return new Server({
    "/api/login/social/begin/demo/": () => begun(`s${++logins}`),
    "/api/login/social/jwt-pair-user/demo/": () => [200, { ...MARA, token: jwt(300, "login"), refresh: `r${logins}` }],
    "/api/login/social/knox/demo/": () => [200, { token: `k${logins}` }],
    "/api/login/social/session/demo/": () => [200, MARA],
    "/api/token/refresh/": () => [200, { access: jwt(300, "new"), refresh: `refreshed-${++refreshes}` }],
    "/api/token/blacklist/": () => [200, {}],
    "/api/session/logout/": () => [204],
    "/api/logout/all/": () => [204],
    "/api/user/": ({ method, body }) => [200, method === "PATCH" ? { ...MARA, ...body } : MARA],
  });
}

function page(host: Server, browser: Tab, kind: LoginKind = "jwt-pair-user", storage: "tab" | "browser" = "tab") {
  const auth = createClient({ baseUrl: "https://api.example", kind, storage, fetch: host.fetch, browser });
  const events: string[] = [];
  auth.subscribe((event: AuthEvent) => events.push(`${event.type}${event.isRemote ? " in another tab" : ""}`));
  return { auth, events };
}

let states = 0;
async function signIn(auth: SocialAuth, browser: Tab, host: Server) {
  await waitForRedirect(auth.signIn("demo"), browser);
  states = host.at("/api/login/social/begin/demo/").length;
  browser.location.href = `https://app.example/cb?code=c&state=s${states}`;
  assert.equal((await auth.handleCallback()).outcome, "signed-in");
  await settle();
}

test("each change of the state is an event, and an ended subscription gets none", async () => {
  const host = server();
  const browser = tab();
  const { auth, events } = page(host, browser);
  const users: unknown[] = [];
  const unsubscribe = auth.subscribe((event) => "user" in event && users.push(event.user));
  await signIn(auth, browser, host);
  await auth.updateUser({ first_name: "Ada" });
  await settle();
  unsubscribe();
  await auth.logout();
  await settle();
  assert.deepEqual(events, ["signed-in", "user-updated", "signed-out"]);
  assert.deepEqual(users, [MARA, { ...MARA, first_name: "Ada" }]);
});

test("a listener that throws fails neither the call nor the other listeners", async (context) => {
  const uncaught: unknown[] = [];
  const { queueMicrotask } = globalThis;
  context.mock.method(globalThis, "queueMicrotask", (work: () => void) => {
    queueMicrotask(() => {
      try {
        work();
      } catch (error) {
        uncaught.push(error);
      }
    });
  });
  const host = server();
  const browser = tab();
  const auth = createClient({ baseUrl: "https://api.example", kind: "jwt-pair-user", fetch: host.fetch, browser });
  let calls = 0;
  auth.subscribe(() => {
    throw new Error("of the listener");
  });
  auth.subscribe(() => calls++);
  await signIn(auth, browser, host);
  assert.equal(calls, 1);
  assert.equal(String(uncaught[0]), "Error: of the listener");
});

test("getSession asks the server once for each login", async () => {
  const host = server();
  const browser = tab();
  const { auth } = page(host, browser, "knox");
  assert.equal(await auth.getSession(), null);
  await signIn(auth, browser, host);
  const sessions = await Promise.all([auth.getSession(), auth.getSession()]);
  assert.deepEqual(sessions, [{ user: MARA, kind: "knox" }, { user: MARA, kind: "knox" }]);
  assert.equal(host.at("/api/user/").length, 1);
  await auth.updateUser({ first_name: "Ada" });
  assert.equal((await auth.getSession())?.user.first_name, "Ada");
  assert.equal(host.at("/api/user/").length, 2, "the update, and no more");
});

test("an update that is answered after the user signed out does not sign in again", async () => {
  for (const kind of ["jwt-pair-user", "session"] as const) {
    const host = server();
    let answer = () => {};
    const isSignedOut = new Promise<void>((resolve) => (answer = resolve));
    const fetch: typeof host.fetch = async (input, init) => {
      const response = await host.fetch(input, init);
      if ((input as Request).method === "PATCH") await isSignedOut;
      return response;
    };
    const storage = memoryStorage();
    const auth = createClient({ baseUrl: "https://api.example", kind, storage, fetch, browser: tab("https://api.example/") });
    if (kind !== "session") await storage.set({ family: "jwt-pair", token: jwt(300, "a"), refresh: "r", received: Date.now(), login: "l" }, API);
    assert.equal((await auth.getSession())?.user.first_name, MARA.first_name);
    const events: string[] = [];
    auth.subscribe(({ type }) => events.push(type));
    const updating = auth.updateUser({ first_name: "Ada" });
    while (!host.seen.some(({ method }) => method === "PATCH")) await settle();
    await auth.logout();
    answer();
    await updating;
    await settle();
    assert.equal(await auth.getSession(), null, kind);
    assert.deepEqual(events, ["signed-out"], kind);
  }
});

test("a failed getSession is asked again", async () => {
  const host = server();
  const { auth } = page(host, tab(), "session");
  host.answers["/api/user/"] = () => [503, { code: "database_unavailable", detail: "x" }];
  await assert.rejects(auth.getSession(), { code: "database_unavailable" });
  host.answers["/api/user/"] = () => [200, MARA];
  assert.deepEqual(await auth.getSession(), { user: MARA, kind: "session" });
});

test("tabs that share a session or a storage get each other's events", async () => {
  for (const [kind, storage] of [["session", "tab"], ["jwt-pair-user", "browser"]] as const) {
    const host = server();
    const one = tab();
    const two = tab("https://app.example/", one);
    const [first, second] = [page(host, one, kind, storage), page(host, two, kind, storage)];
    await signIn(first.auth, one, host);
    await settle(150);
    assert.deepEqual((await second.auth.getSession())?.user, MARA);
    await second.auth.updateUser({ first_name: "Ada" });
    await settle();
    assert.equal((await first.auth.getSession())?.user.first_name, "Ada");
    await first.auth.logout();
    await settle();
    assert.equal(await second.auth.getSession(), null);
    assert.deepEqual(first.events, ["signed-in", "user-updated in another tab", "signed-out"], kind);
    assert.deepEqual(second.events, ["signed-in in another tab", "user-updated", "signed-out in another tab"], kind);
  }
});

test("a sign-in is seen if its message arrives before the change of the storage", async () => {
  const host = server();
  const one = tab();
  const two = tab("https://app.example/", one);
  const shared = one.localStorage;
  let isLate = true;
  // As the process of another tab may read it.
  two.localStorage = Object.assign(Object.create(shared), {
    getItem: (name: string) => (isLate ? null : shared.getItem(name)),
  }) as typeof shared;
  const [first, second] = [page(host, one, "jwt-pair-user", "browser"), page(host, two, "jwt-pair-user", "browser")];
  await signIn(first.auth, one, host);
  isLate = false;
  await settle(150);
  assert.deepEqual(second.events, ["signed-in in another tab"]);
  assert.deepEqual((await second.auth.getSession())?.user, MARA);
});

test("a tab with its own login ignores the login and logout of another tab", async () => {
  const host = server();
  const [one, two] = [tab(), tab()];
  const [first, second] = [page(host, one), page(host, two)];
  await signIn(first.auth, one, host);
  await signIn(second.auth, two, host);
  await first.auth.logout();
  await settle();
  assert.deepEqual(second.events, ["signed-in"]);
  assert.notEqual(await second.auth.token(), null);
});

test("signing out everywhere reaches tabs with a login of their own", async () => {
  const host = server();
  const [one, two] = [tab(), tab()];
  const [first, second] = [page(host, one), page(host, two)];
  await signIn(first.auth, one, host);
  await signIn(second.auth, two, host);
  host.answers["/api/user/"] = () => [401, { code: "token_not_valid", detail: "x" }];
  host.answers["/api/token/refresh/"] = () => [401, { code: "token_not_valid", detail: "x" }];
  await first.auth.logoutEverywhere();
  while (second.events.length < 2) await settle();
  assert.deepEqual(second.events, ["signed-in", "signed-out"]);
  assert.equal(await second.auth.token(), null);
});

/** Makes the stored access token of a tab look old. */
function age(browser: Tab) {
  const name = "rest-social-auth.credentials https://api.example";
  const stored = JSON.parse(browser.sessionStorage.getItem(name) as string) as { received: number };
  browser.sessionStorage.setItem(name, JSON.stringify({ ...stored, received: stored.received - 299_000 }));
}

test("fault_e6 a duplicated tab gets the tokens that the other one refreshes, and both stay signed in", async () => {
  const host = server();
  const one = tab();
  const first = page(host, one);
  await signIn(first.auth, one, host);
  const two = duplicate(one);
  const second = page(host, two);
  age(one);
  const token = await first.auth.token();
  await settle();
  assert.equal(await second.auth.token(), token);
  assert.deepEqual(host.at("/api/token/refresh/").map(({ body }) => body), [{ refresh: "r1" }]);
  assert.deepEqual([first.events.at(-1), second.events], ["token-refreshed", ["token-refreshed in another tab"]]);

  age(two);
  await second.auth.token();
  await settle();
  age(one);
  await first.auth.token();
  const sent = host.at("/api/token/refresh/").map(({ body }) => body["refresh"]);
  assert.deepEqual(sent, ["r1", "refreshed-1", "refreshed-2"], "no token is sent twice");
  await second.auth.logout();
  await settle();
  assert.deepEqual([await first.auth.token(), first.events.at(-1)], [null, "signed-out in another tab"]);
});

test("fault_e6 a duplicated tab that missed a refresh asks the other tabs before it refreshes", async () => {
  const host = server();
  const one = tab();
  const first = page(host, one);
  await signIn(first.auth, one, host);
  const two = duplicate(one);
  age(one);
  const token = await first.auth.token();
  age(two);
  assert.equal(await page(host, two).auth.token(), token);
  assert.equal(host.at("/api/token/refresh/").length, 1);
});

test("tokens are sent to other tabs only if a duplicated tab may have a copy of them", async () => {
  for (const [storage, isSent] of [["tab", true], ["browser", false], ["memory", false]] as const) {
    closeChannels();
    const host = server();
    const browser = tab();
    const auth = createClient({ baseUrl: "https://api.example", kind: "jwt-pair-user", storage, fetch: host.fetch, browser });
    await signIn(auth, browser, host);
    const messages: { credentials?: unknown }[] = [];
    const channel = new (browser.BroadcastChannel as NonNullable<Tab["BroadcastChannel"]>)("rest-social-auth.https://api.example");
    channel.onmessage = ({ data }: MessageEvent) => messages.push(data as { credentials?: unknown });
    host.answers["/x"] = ({ authorization }) => [authorization?.includes(".eyJ") && messages.length > 0 ? 200 : 401, {}];
    await auth.fetch("/x");
    await settle();
    assert.equal(messages.some(({ credentials }) => credentials !== undefined), isSent, storage);
  }
});
