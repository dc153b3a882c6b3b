import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient, memoryStorage, webStorage, type Credentials, type CredentialStorage } from "../src/index.js";
import { begun, jwt, MARA, MemoryStorage, Server, tab } from "./support.js";

const API = "https://api.example";

function client(host: Server, storage: CredentialStorage, kind: "jwt-pair" | "jwt-sliding" | "knox" | "token" | "session") {
  return createClient<{ locale?: string }>({ baseUrl: "https://api.example", kind, storage, fetch: host.fetch, browser: tab() });
}

async function storing(credentials: Omit<Credentials, "received" | "login">, age = 0): Promise<CredentialStorage> {
  const storage = memoryStorage();
  await storage.set({ ...credentials, received: Date.now() - age, login: "login-1" }, API);
  return storage;
}

const REFRESH = "/api/token/refresh/";
const SLIDING = "/api/token/sliding/refresh/";

test("ten requests with an expired access token cause one refresh", async () => {
  const fresh = jwt(300, "new");
  const host = new Server({
    [REFRESH]: () => [200, { access: fresh }],
    "/api/user/": ({ authorization }) => (authorization === `Bearer ${fresh}` ? [200, MARA] : [401, {}]),
  });
  const storage = await storing({ family: "jwt-pair", token: jwt(300, "old"), refresh: "r1" }, 299_000);
  const auth = client(host, storage, "jwt-pair");
  const users = await Promise.all(Array.from({ length: 10 }, () => auth.user()));
  assert.ok(users.every((user) => user?.username === "mara"));
  assert.equal(host.at(REFRESH).length, 1);
  assert.deepEqual(host.at(REFRESH)[0]?.body, { refresh: "r1" });
  assert.equal((await storage.get(API))?.refresh, "r1");
});

test("after a 401 the token is refreshed once, the request is repeated with its body, and the new refresh token is stored", async () => {
  const host = new Server({
    [REFRESH]: () => [200, { access: "new", refresh: "r2" }],
    "/notes": ({ authorization, body }) => (authorization === "Bearer new" ? [200, body] : [401, {}]),
  });
  const storage = await storing({ family: "jwt-pair", token: jwt(300, "old"), refresh: "r1" });
  const init = { method: "POST", body: JSON.stringify({ text: "hello" }) };
  const auth = client(host, storage, "jwt-pair");
  const answers = await Promise.all([1, 2, 3].map(() => auth.fetch("/notes", init)));
  for (const answer of answers) assert.deepEqual(await answer.json(), { text: "hello" });
  assert.equal(host.at(REFRESH).length, 1);
  assert.equal((await storage.get(API))?.refresh, "r2");
});

test("a refused refresh signs out; a failed refresh does not", async () => {
  let status = 503;
  const host = new Server({ [REFRESH]: () => [status, { code: "database_unavailable", detail: "" }] });
  const storage = await storing({ family: "jwt-pair", token: jwt(300, "old"), refresh: "r1" }, 301_000);
  let signedOutCalls = 0;
  const auth = createClient({
    baseUrl: "https://api.example",
    kind: "jwt-pair",
    storage,
    fetch: host.fetch,
    browser: tab(),
  });
  auth.subscribe(({ type }) => (signedOutCalls += type === "signed-out" ? 1 : 0));
  await assert.rejects(auth.user(), { code: "database_unavailable" });
  assert.notEqual(await storage.get(API), null);
  status = 401;
  assert.equal(await auth.token(), null);
  assert.equal(await storage.get(API), null);
  assert.equal(signedOutCalls, 1);
});

test("a sliding token is refreshed in the second half of its lifetime only", async () => {
  const host = new Server({ [SLIDING]: () => [200, { token: "refreshed" }] });
  const token = jwt(300, "sliding");
  for (const [age, shown] of [[0, token], [160_000, "refreshed"], [301_000, token]] as const) {
    const auth = client(host, await storing({ family: "jwt-sliding", token }, age), "jwt-sliding");
    assert.equal(await auth.token(), shown, `${age} ms old`);
  }
  assert.deepEqual(host.at(SLIDING).map(({ body }) => body), [{ token }]);
});

test("credentials are sent to the server and to configured origins only", async () => {
  const host = new Server({ "/x": () => [200, {}] });
  const auth = createClient({
    baseUrl: "https://api.example",
    kind: "knox",
    storage: await storing({ family: "knox", token: "k1" }),
    origins: ["https://Notes.example:443"],
    fetch: host.fetch,
    browser: tab(),
  });
  for (const address of ["/x", "https://notes.example/x", "https://other.example/x"]) await auth.fetch(address);
  assert.deepEqual(host.seen.map(({ authorization }) => authorization), ["Token k1", "Token k1", null]);
});

test("logout revokes each kind and deletes the credentials even when the server is unreachable", async () => {
  const host = new Server({
    "/api/knox/logout/": () => [204],
    "/api/token/blacklist/": () => [200, {}],
    "/api/session/logout/": () => [204],
  });
  const pair = { family: "jwt-pair", token: "a.b.c", refresh: "r1" } as const;
  const cases = [
    ["knox", { family: "knox", token: "k1" }, "/api/knox/logout/", {}],
    ["jwt-pair", pair, "/api/token/blacklist/", { refresh: "r1" }],
    ["jwt-sliding", { family: "jwt-sliding", token: "s.s.s" }, "/api/token/blacklist/", { refresh: "s.s.s" }],
    ["token", { family: "token", token: "t1" }, undefined, {}],
    ["session", undefined, "/api/session/logout/", {}],
  ] as const;
  for (const [kind, credentials, path, body] of cases) {
    host.seen.length = 0;
    const storage = credentials ? await storing(credentials) : memoryStorage();
    await client(host, storage, kind).logout();
    assert.deepEqual(host.seen.map((seen) => seen.path), path ? [path] : [], kind);
    if (path) assert.deepEqual(host.seen[0]?.body, body, kind);
    assert.equal(await storage.get(API), null, kind);
  }
  const storage = await storing({ family: "knox", token: "k1" });
  const broken = createClient({
    baseUrl: "https://api.example",
    kind: "knox",
    storage,
    browser: tab(),
    fetch: () => Promise.reject(new TypeError("no route")),
  });
  await assert.rejects(broken.logout(), { code: "network_error", status: 0 });
  assert.equal(await storage.get(API), null);
});

test("user() sends no request without a token", async () => {
  const host = new Server({});
  assert.equal(await client(host, memoryStorage(), "jwt-pair").user(), null);
  assert.equal(host.seen.length, 0);
});

test("web storage survives a reload, and invalid content counts as signed out", async () => {
  const storage = new MemoryStorage();
  await webStorage(storage).set({ family: "knox", token: "k1", received: 1, login: "l" }, API);
  assert.equal((await webStorage(storage).get(API))?.token, "k1");
  storage.setItem("rest-social-auth.credentials https://api.example", "{");
  assert.equal(await webStorage(storage).get(API), null);
});

test("a problem has the field errors, and an unexpected response is unexpected_answer", async () => {
  const host = new Server({
    "/api/login/social/providers/": () => [400, { code: "invalid_request", detail: "x", errors: { code: ["required"] }, request_id: "r1" }],
    "/api/user/social/": () => [502, undefined],
  });
  const auth = client(host, memoryStorage(), "session");
  await assert.rejects(auth.providers(), { code: "invalid_request", errors: { code: ["required"] }, requestId: "r1" });
  await assert.rejects(auth.socialAccounts(), { code: "unexpected_answer", status: 502 });
});

test("a user is updated, exported and deleted; deletion removes the credentials unless a fresh login is required", async () => {
  let isFresh = false;
  const host = new Server({
    "/api/user/": ({ method, body }) => {
      if (method === "PATCH") return [200, { id: 1, ...body }];
      return isFresh ? [204] : [403, { code: "fresh_login_required", detail: "x" }];
    },
    "/api/user/export/": () => [200, { events: [] }],
  });
  const storage = await storing({ family: "knox", token: "k1" });
  const auth = client(host, storage, "knox");
  assert.deepEqual(await auth.updateUser({ first_name: "Ada", locale: "de" }), { id: 1, first_name: "Ada", locale: "de" });
  assert.deepEqual(await auth.exportUser(), { events: [] });
  await assert.rejects(auth.deleteUser(), { code: "fresh_login_required", status: 403 });
  assert.equal((await storage.get(API))?.token, "k1");
  isFresh = true;
  await auth.deleteUser();
  assert.equal(await storage.get(API), null);
  assert.ok(host.seen.every(({ authorization }) => authorization === "Token k1"));
});

test("accounts are unlinked, provider tokens returned and credentials revoked by their ids", async () => {
  const host = new Server({
    "/api/user/social/7/": () => [204],
    "/api/user/social/8/": () => [409, { code: "last_login_method", detail: "x" }],
    "/api/user/social/7/token/": () => [200, { access_token: "gho_1", token_type: "bearer" }],
    "/api/user/credentials/": () => [200, [{ id: "knox-1", kind: "knox", current: true }]],
    "/api/user/credentials/knox%2F2/": () => [204],
    "/api/user/credentials/others/": () => [204],
  });
  const auth = client(host, await storing({ family: "knox", token: "k1" }), "knox");
  assert.equal((await auth.providerToken(7)).access_token, "gho_1");
  await auth.unlink(7);
  await assert.rejects(auth.unlink(8), { code: "last_login_method", status: 409 });
  assert.equal((await auth.credentials())[0]?.current, true);
  await auth.revokeCredential("knox/2");
  await auth.revokeOtherCredentials();
  await assert.rejects(auth.revokeCredential("gone"), { code: "not_found" });
  assert.deepEqual(host.seen.slice(4, 6).map(({ method, path }) => `${method} ${path}`), [
    "DELETE /api/user/credentials/knox%2F2/",
    "DELETE /api/user/credentials/others/",
  ]);
  assert.ok(host.seen.every(({ authorization }) => authorization === "Token k1"));
});

test("fault_b26 credentials() reads all pages", async () => {
  const host = new Server({
    "/api/user/credentials/": ({ query }) =>
      query === ""
        ? [200, [{ id: "knox-1", current: true }], { link: '<?limit=100&cursor=a-_b>; rel="next"' }]
        : [200, [{ id: "knox-2", current: false }]],
  });
  const auth = client(host, await storing({ family: "knox", token: "k1" }), "knox");
  assert.deepEqual((await auth.credentials()).map(({ id }) => id), ["knox-1", "knox-2"]);
  assert.deepEqual(host.seen.map(({ query }) => query), ["", "?limit=100&cursor=a-_b"]);
});

test("after a login of another kind, user, fetch and logout use its credential", async () => {
  const cases = [
    ["jwt-pair", "session", "/api/session/logout/", "include", null],
    ["knox", "session", "/api/session/logout/", "include", null],
    ["session", "knox", "/api/knox/logout/", "omit", "Token k1"],
    ["jwt-pair", "knox", "/api/knox/logout/", "omit", "Token k1"],
  ] as const;
  for (const [own, other, logout, credentials, authorization] of cases) {
    const host = new Server({
      "/api/login/social/begin/demo/": () => begun("s1"),
      [`/api/login/social/${other}/demo/`]: () => [200, other === "session" ? MARA : { token: "k1" }],
      "/api/user/": () => [200, MARA],
      [logout]: () => [204],
    });
    const browser = tab();
    const storage = webStorage(browser.sessionStorage);
    const page = () => createClient({ baseUrl: "https://api.example", kind: own, storage, fetch: host.fetch, browser });
    void page().signIn("demo", { kind: other });
    while (browser.visited.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    browser.location.href = "https://app.example/?code=c&state=s1";
    assert.equal((await page().handleCallback()).outcome, "signed-in");
    host.seen.length = 0;
    // A new client for each call: the stored credentials must survive a reload.
    assert.deepEqual(await page().user(), MARA, `${own}, ${other}`);
    await page().logout();
    assert.deepEqual(host.seen.map((seen) => seen.path), ["/api/user/", logout], `${own}, ${other}`);
    for (const seen of host.seen) {
      assert.deepEqual([seen.credentials, seen.authorization], [credentials, authorization], `${own}, ${other}`);
    }
    host.seen.length = 0;
    if (own !== "session") assert.equal(await page().user(), null, "signed out");
    assert.equal(host.seen.length, 0);
  }
});

test("a session whose logout fails stays signed in, here and in other tabs", async () => {
  const host = new Server({ "/api/user/": () => [200, MARA] });
  for (const path of ["/api/session/logout/", "/api/logout/all/"]) host.answers[path] = () => [500, { code: "internal_error" }];
  const auth = client(host, memoryStorage(), "session");
  const events: string[] = [];
  auth.subscribe(({ type }) => events.push(type));
  await assert.rejects(auth.logout(), { status: 500 });
  await assert.rejects(auth.logoutEverywhere(), { status: 500 });
  assert.deepEqual([events, (await auth.getSession())?.user], [[], MARA]);
  host.answers["/api/session/logout/"] = () => [401, { code: "not_authenticated" }];
  await auth.logout();
  assert.deepEqual(events, ["signed-out"]);
});

test("a storage that fails is a problem and never looks empty, and a refreshed token is stored later", async () => {
  let failing = "";
  const kept = memoryStorage();
  const storage = webStorage({
    getItem: async () => {
      if (failing.includes("get")) throw new Error("locked");
      return JSON.stringify(await kept.get(API));
    },
    setItem: async (_name, value) => {
      if (failing.includes("set")) throw new Error("locked");
      await kept.set(JSON.parse(value) as Credentials, API);
    },
    removeItem: () => kept.set(null, API),
  });
  let count = 0;
  const host = new Server({
    [REFRESH]: () => {
      failing = ["", "set", "get set"][count] ?? "";
      return [200, { access: `a${++count}`, refresh: `r${count}` }];
    },
    "/api/user/": ({ authorization }) => [authorization === `Bearer a${count}` && count > 0 ? 200 : 401, MARA],
  });
  const auth = client(host, storage, "jwt-pair");
  await kept.set({ family: "jwt-pair", token: "a0", refresh: "r0", received: Date.now(), login: "login-1" }, API);
  failing = "get";
  await assert.rejects(auth.user(), { code: "storage_failed" });
  failing = "";
  assert.deepEqual(await auth.user(), MARA);
  host.answers["/api/user/"] = ({ authorization }) => [authorization === `Bearer a${count}` && count > 1 ? 200 : 401, MARA];
  assert.deepEqual(await auth.user(), MARA, "a token that is not stored is used");
  assert.equal((await kept.get(API))?.token, "a1");
  host.answers["/api/user/"] = ({ authorization }) => [authorization === `Bearer a${count}` && count > 2 ? 200 : 401, MARA];
  await assert.rejects(auth.user(), { code: "storage_failed" });
  failing = "";
  assert.deepEqual(await auth.user(), MARA);
  assert.deepEqual([(await kept.get(API))?.refresh, host.at(REFRESH).map(({ body }) => body["refresh"])], ["r3", ["r0", "r1", "r2"]]);
});

test("a 401 about a token in the body does not sign out", async () => {
  for (const family of ["jwt-pair", "jwt-sliding", "knox"] as const) {
    const host = new Server({ "/api/token/verify/": () => [401, { code: "token_not_valid" }] });
    const auth = client(host, await storing({ family, token: "t", refresh: "r" }), family);
    assert.equal((await auth.fetch("/api/token/verify/", { method: "POST", body: "{}" })).status, 401);
    assert.equal(await auth.token(), "t");
    assert.deepEqual(host.seen.map(({ path, authorization }) => [path, authorization]), [["/api/token/verify/", null]]);
  }
});

test("a request that a parallel refresh of the sliding token overtakes is repeated", async () => {
  const host = new Server({
    [SLIDING]: () => [200, { token: "s2" }],
    "/x": ({ authorization }) => [authorization === "Bearer s2" ? 200 : 401, {}],
  });
  const auth = client(host, await storing({ family: "jwt-sliding", token: "s1" }), "jwt-sliding");
  const answers = await Promise.all([auth.fetch("/x"), auth.fetch("/x")]);
  assert.deepEqual([answers.map(({ status }) => status), host.at(SLIDING).length], [[200, 200], 1]);
});

test("a request of one user is not repeated with the token of another", async () => {
  const storage = await storing({ family: "knox", token: "k" });
  const host = new Server({ "/x": () => [401, {}] });
  const auth = client(host, storage, "jwt-pair");
  await storage.set({ family: "jwt-pair", token: "a1", refresh: "r1", received: Date.now(), login: "login-1" }, API);
  host.answers["/x"] = () => {
    void storage.set({ family: "jwt-pair", token: "b1", refresh: "q1", received: Date.now(), login: "login-2" }, API);
    return [401, {}];
  };
  assert.equal((await auth.fetch("/x")).status, 401);
  assert.equal(host.at("/x").length, 1);
  assert.equal(await auth.token(), "b1", "the other user stays signed in");
});

test("the time limit and the signal include the body of the answer", async () => {
  const stalled = async (_input: RequestInfo | URL, init?: RequestInit) =>
    new Response(
      new ReadableStream({
        start: (controller) => init?.signal?.addEventListener("abort", () => controller.error(init.signal?.reason)),
      }),
    );
  const options = { baseUrl: "https://api.example", fetch: stalled, browser: tab() };
  await assert.rejects(createClient({ ...options, timeout: 20 }).providers(), { code: "timeout" });
  const reason = new Error("left");
  const controller = new AbortController();
  setTimeout(() => controller.abort(reason), 5);
  await assert.rejects(createClient(options).providers({ signal: controller.signal }), reason);
  assert.equal((await createClient({ ...options, timeout: 20 }).fetch("/x")).status, 200, "fetch leaves the body to the caller");
});

test("a clock that is set back does not make a refreshed token look older", async (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: 10_000_000 });
  const host = new Server({ [REFRESH]: () => [200, { access: "a2" }], "/x": ({ authorization }) => [authorization === "Bearer a2" ? 200 : 401, {}] });
  const storage = await storing({ family: "jwt-pair", token: "a1", refresh: "r1" });
  context.mock.timers.setTime(5_000_000);
  assert.equal((await client(host, storage, "jwt-pair").fetch("/x")).status, 200);
  assert.equal((await storage.get(API))?.received, 10_000_001);
});

test("a baseUrl with a path is refused before anything is sent", async () => {
  const host = new Server({});
  for (const baseUrl of ["https://api.example/auth", "https://api.example/?x=1", "https://a:b@api.example"]) {
    const auth = createClient({ baseUrl, fetch: host.fetch, browser: tab() });
    await assert.rejects(auth.providers(), { code: "invalid_base_url" });
    await assert.rejects(auth.signIn("demo"), { code: "invalid_base_url" });
  }
  assert.equal(host.seen.length, 0);
});

test("a refresh that fails before the token expires does not fail the request", async () => {
  const host = new Server({
    [REFRESH]: () => [429, { code: "throttled", detail: "x" }, { "retry-after": "7" }],
    "/x": () => [200, {}],
  });
  const auth = client(host, await storing({ family: "jwt-pair", token: jwt(300, "old"), refresh: "r1" }, 295_000), "jwt-pair");
  assert.equal((await auth.fetch("/x")).status, 200);
  const late = client(host, await storing({ family: "jwt-pair", token: jwt(300, "old"), refresh: "r1" }, 301_000), "jwt-pair");
  await assert.rejects(late.fetch("/x"), { code: "throttled", retryAfter: 7 });
});

test("the signal and the time limit count while a token is refreshed", async () => {
  const expired = { family: "jwt-pair", token: jwt(300, "old"), refresh: "r1" } as const;
  const options = { baseUrl: API, kind: "jwt-pair", fetch: () => new Promise<Response>(() => {}), browser: tab() } as const;
  const slow = createClient({ ...options, storage: await storing(expired, 301_000) });
  const reason = new Error("left");
  const controller = new AbortController();
  setTimeout(() => controller.abort(reason), 5);
  await assert.rejects(slow.fetch("/x", { signal: controller.signal }), reason);
  const limited = createClient({ ...options, timeout: 20, storage: await storing(expired, 301_000) });
  await assert.rejects(limited.fetch("/x"), { code: "timeout" });
});

test("a browser that forbids locks still refreshes, and each lock is of one server and login", async () => {
  const names: string[] = [];
  const request = (name: string) => (names.push(name), Promise.reject(new DOMException("no", "SecurityError")));
  const original = Object.getOwnPropertyDescriptor(globalThis, "navigator");
  Object.defineProperty(globalThis, "navigator", { value: { locks: { request } }, configurable: true });
  const host = new Server({ [REFRESH]: () => [200, { access: "a2" }] });
  const auth = client(host, await storing({ family: "jwt-pair", token: jwt(300, "old"), refresh: "r1" }, 301_000), "jwt-pair");
  assert.equal(await auth.token(), "a2");
  Object.defineProperty(globalThis, "navigator", original ?? { value: undefined, configurable: true });
  assert.deepEqual(names, ["rest-social-auth.refresh.https://api.example.login-1"]);
});

test("each server has its own credentials in one storage", async () => {
  const host = new Server({ "/api/user/": () => [200, MARA] });
  const storage = await storing({ family: "knox", token: "k1" });
  const other = createClient({ baseUrl: "https://other.example", kind: "knox", storage, fetch: host.fetch, browser: tab() });
  assert.equal(await other.getSession(), null);
  assert.equal(host.seen.length, 0);
  assert.equal((await client(host, storage, "knox").user())?.username, "mara");
});

test("fetch keeps the cookies that the caller includes", async () => {
  const host = new Server({ "/x": () => [200, {}] });
  const auth = client(host, await storing({ family: "knox", token: "k1" }), "knox");
  await auth.fetch("/x", { credentials: "include" });
  assert.deepEqual(host.seen.map(({ credentials, authorization }) => [credentials, authorization]), [["include", "Token k1"]]);
});

test("the signal of fetch also ends a body that is read as a stream", async () => {
  const fetch: typeof globalThis.fetch = (_input, init) => {
    const start = (stream: ReadableStreamDefaultController) =>
      init?.signal?.addEventListener("abort", () => stream.error(init.signal?.reason));
    return Promise.resolve(new Response(new ReadableStream({ start })));
  };
  const reason = new Error("left");
  const controller = new AbortController();
  const auth = createClient({ baseUrl: API, kind: "knox", fetch, browser: tab() });
  const response = await auth.fetch("/x", { signal: controller.signal });
  setTimeout(() => controller.abort(reason), 5);
  await assert.rejects(response.text(), reason);
});

test("a page instead of an answer is unexpected_answer with its status", async () => {
  const fetch = () => Promise.resolve(new Response("<html>"));
  const auth = createClient({ baseUrl: API, fetch, browser: tab() });
  await assert.rejects(auth.providers(), { code: "unexpected_answer", status: 200 });
});
