import assert from "node:assert/strict";
import { createHash, webcrypto } from "node:crypto";
import { afterEach, test } from "node:test";
import { oneTap } from "../src/google.js";
import { createClient, Problem } from "../src/index.js";
import { createNativeClient } from "../src/native.js";
import { MARA, MemoryStorage, Server, tab } from "./support.js";

const EXCHANGE = "/api/login/social/swap/";
const REDIRECT_URI = "com.example.app:/signed-in";

/** An app whose browser returns `answer`, and whose keychain is `storage`. */
function app(answer: (authorize: URL) => { type: string; url?: string }, storage = new MemoryStorage()) {
  const host = new Server({
    [EXCHANGE]: () => [200, { kind: "jwt-pair-user", ...MARA, token: "access", refresh: "refresh" }],
    "/api/user/": ({ authorization }) => (authorization === "Bearer access" ? [200, MARA] : [401, {}]),
  });
  const opened: URL[] = [];
  const native = createNativeClient({
    baseUrl: "https://api.example",
    redirectUri: REDIRECT_URI,
    fetch: host.fetch,
    storage,
    openBrowser: async (url, redirectUri) => {
      assert.equal(redirectUri, REDIRECT_URI);
      opened.push(new URL(url));
      return answer(new URL(url));
    },
    getRandomValues: (bytes) => webcrypto.getRandomValues(bytes),
    sha256: (data) => webcrypto.subtle.digest("SHA-256", data as BufferSource),
  });
  return { host, opened, storage, ...native };
}

const success = (query: string) => () => ({ type: "success", url: `${REDIRECT_URI}?${query}` });

test("an app signs in with the system's browser, proves the code with PKCE, and keeps the tokens in its storage", async () => {
  const { host, opened, storage, auth, signIn } = app(success("code=rsax_1"));
  const result = await signIn("github", { next: "/inbox", parameters: { prompt: "login" }, scope: ["a", "b"] });
  assert.deepEqual(result, { outcome: "signed-in", provider: "github", kind: "jwt-pair-user", user: MARA, next: "/inbox" });
  assert.equal(opened[0]?.pathname, "/api/login/social/authorize/github/");
  const { code_challenge: challenge, ...query } = Object.fromEntries(opened[0]?.searchParams ?? []);
  assert.deepEqual(query, {
    prompt: "login",
    kind: "jwt-pair-user",
    next: REDIRECT_URI,
    code_challenge_method: "S256",
    scope: "a b",
  });
  const { code, code_verifier: verifier } = host.at(EXCHANGE)[0]?.body ?? {};
  assert.equal(code, "rsax_1");
  assert.match(String(verifier), /^[A-Za-z0-9_-]{43}$/);
  assert.equal(createHash("sha256").update(String(verifier)).digest("base64url"), challenge);
  assert.deepEqual(storage.names(), ["rest-social-auth.credentials_https___api.example"]);
  assert.deepEqual(await app(success("")).auth.user(), null);
  assert.deepEqual(await auth.user(), MARA);
});

test("a denied, failed or closed browser is a problem with the way back", async () => {
  const cases = [
    [success("error=access_denied"), "access_denied"],
    [() => ({ type: "cancel" }), "popup_closed"],
    [() => ({ type: "success", url: "com.example.other:/x?code=c" }), "popup_closed"],
  ] as const;
  for (const [answer, code] of cases) {
    await assert.rejects(app(answer).signIn("github", { next: "/inbox" }), { code, provider: "github", next: "/inbox" });
  }
});

test("an app that the system ended while the browser was open completes with the URL that opens it", async () => {
  const storage = new MemoryStorage();
  await assert.rejects(app(() => ({ type: "dismiss" }), storage).signIn("github", { next: "/inbox" }), { code: "popup_closed" });
  const restarted = app(success(""), storage);
  assert.equal(await restarted.handleUrl(null), null);
  assert.equal(await restarted.handleUrl("com.example.app:/other?code=rsax_2"), null);
  const result = await restarted.handleUrl(`${REDIRECT_URI}?code=rsax_2`);
  assert.equal(result?.outcome === "signed-in" && result.next, "/inbox");
  assert.equal(await restarted.handleUrl(`${REDIRECT_URI}?code=rsax_2`), null, "each login is completed once");
});

test("a pending login of an app is resumed", async () => {
  const { host, auth, signIn } = app(success("halted=require_email&code=rsax_3"));
  const field = { name: "email", type: "email", title: "E-mail address", required: true };
  host.answers[EXCHANGE] = () => [
    403,
    { code: "additional_input_required", detail: "x", flow_token: "f", expires_in: 600, step: "require_email", fields: [field] },
  ];
  host.answers["/api/login/social/resume/"] = () => [200, { kind: "jwt-pair-user", ...MARA, token: "access", refresh: "r" }];
  const pending = await signIn("github");
  assert.deepEqual(pending.outcome === "input-required" && pending.fields, [field]);
  assert.equal((await auth.resume({ email: "mara@demo.example" })).outcome, "signed-in");
});

interface Options {
  client_id: string;
  nonce: string;
  use_fedcm_for_prompt: boolean;
  callback(response: { credential: string }): void;
}

/** Google's script: `show` decides what happens to the prompt. */
function google(show: (options: Options, dismiss: (reason: string) => void) => void) {
  let options: Options | undefined;
  const id = {
    initialize: (given: Options) => (options = given),
    prompt(onMoment: (moment: object) => void) {
      const moment = (reason: string) => ({
        isSkippedMoment: () => reason === "skipped",
        isDismissedMoment: () => reason !== "skipped",
        getDismissedReason: () => reason,
      });
      show(options as Options, (reason) => onMoment(moment(reason)));
    },
    cancelled: 0,
    cancel: () => void id.cancelled++,
  };
  return id;
}

function page() {
  const host = new Server({
    "/api/login/social/providers/": () => [200, { providers: [{ name: "google-oauth2", client_id: "client.apps" }] }],
    "/api/login/social/begin/google-oauth2/": () => [
      200,
      { authorization_url: "https://accounts.google.com/", state: "s1", flow_token: "f1", expires_in: 600, nonce: "n1" },
    ],
    "/api/login/social/knox_user/google-oauth2/": () => [200, { ...MARA, token: "k1" }],
  });
  return { host, auth: createClient({ baseUrl: "https://api.example", kind: "knox_user", fetch: host.fetch, browser: tab() }) };
}

const world = globalThis as { google?: unknown; document?: unknown };

afterEach(() => {
  delete world.google;
  delete world.document;
});

test("One Tap signs in with the ID token that Google issues for the nonce of the server", async () => {
  const { host, auth } = page();
  const id = google((options, dismiss) => {
    assert.deepEqual([options.client_id, options.nonce, options.use_fedcm_for_prompt], ["client.apps", "n1", true]);
    dismiss("credential_returned");
    setTimeout(() => options.callback({ credential: "id-token" }), 1);
  });
  world.google = { accounts: { id } };
  const result = await oneTap(auth, { next: "/inbox" });
  assert.equal(result.outcome === "signed-in" && result.user?.username, "mara");
  const sent = host.at("/api/login/social/knox_user/google-oauth2/")[0]?.body;
  assert.deepEqual(sent, { state: "s1", flow_token: "f1", id_token: "id-token" });
  assert.equal(await auth.token(), "k1");
});

test("a dismissed or skipped prompt has the outcome none, and an aborted one is cancelled", async () => {
  const { host, auth } = page();
  for (const reason of ["cancel_called", "skipped"]) {
    world.google = { accounts: { id: google((_options, dismiss) => dismiss(reason)) } };
    assert.deepEqual(await oneTap(auth), { outcome: "none" });
  }
  const controller = new AbortController();
  const id = google(() => controller.abort());
  world.google = { accounts: { id } };
  await assert.rejects(oneTap(auth, { signal: controller.signal }), { name: "AbortError" });
  assert.equal(id.cancelled, 1);
  await assert.rejects(oneTap(auth, { provider: "google-openidconnect" }), { code: "unknown_provider" });
  assert.equal(host.at("/api/login/social/knox_user/google-oauth2/").length, 0);
});

test("Google's script is loaded once; when it does not load, that is a problem", async () => {
  const id = google((options) => options.callback({ credential: "id-token" }));
  const scripts: { src: string; onload(): void; onerror(): void }[] = [];
  let isBlocked = true;
  world.document = {
    createElement: () => ({}),
    head: {
      append(script: (typeof scripts)[0]) {
        scripts.push(script);
        if (!isBlocked) world.google = { accounts: { id } };
        setTimeout(isBlocked ? script.onerror : script.onload, 1);
      },
    },
  };
  const { auth } = page();
  await assert.rejects(oneTap(auth), (problem: Problem) => problem.code === "network_error");
  isBlocked = false;
  await oneTap(auth);
  await oneTap(auth);
  assert.deepEqual(scripts.map(({ src }) => src), Array(2).fill("https://accounts.google.com/gsi/client"));
});

test("StrictMode: a second call takes the place of the first, and Google's script is initialized once", async () => {
  const { auth } = page();
  let initialized = 0;
  const id = google((options) => setTimeout(() => options.callback({ credential: "id-token" }), 1));
  const { initialize } = id;
  id.initialize = (given) => (initialized++, initialize(given));
  world.google = { accounts: { id } };
  const signal = new AbortController().signal;
  const removed: unknown[] = [];
  signal.removeEventListener = (_type: string, listener: unknown) => void removed.push(listener);
  const [first, second] = await Promise.all([oneTap(auth), oneTap(auth, { signal })]);
  assert.deepEqual([first.outcome, second.outcome, initialized], ["none", "signed-in", 1]);
  assert.equal(removed.length, 1, "the signal may live longer than the prompt");
});

test("a login of an app survives a lost answer and URLs of other apps, and is completed once", async () => {
  const { host, storage, handleUrl, signIn } = app(() => ({ type: "dismiss" }));
  const started = "rest-social-auth.started-login";
  await assert.rejects(signIn("github"), { code: "popup_closed" });
  assert.equal(await handleUrl("com.example.app:/signed-in-other?code=c"), null);
  await assert.rejects(handleUrl(`${REDIRECT_URI}?error=x`), { code: "x" });
  await assert.rejects(handleUrl(`${REDIRECT_URI}?code=%E0`), { code: "callback_unknown" });
  const answer = host.answers[EXCHANGE] as NonNullable<(typeof host.answers)[string]>;
  host.answers[EXCHANGE] = () => {
    throw new TypeError("no route");
  };
  await assert.rejects(handleUrl(`${REDIRECT_URI}?code=c`), { code: "network_error" });
  host.answers[EXCHANGE] = answer;
  const both = await Promise.all([handleUrl(`${REDIRECT_URI}?code=c`), handleUrl(`${REDIRECT_URI}?code=c`)]);
  assert.deepEqual(both.map((result) => result?.outcome), ["signed-in", "signed-in"]);
  assert.deepEqual([host.at(EXCHANGE).length, storage.getItem(started)], [2, null]);
  await assert.rejects(signIn("github"), { code: "popup_closed" });
  host.answers[EXCHANGE] = () => [400, { code: "invalid_code" }];
  await assert.rejects(handleUrl(`${REDIRECT_URI}?code=d`), { code: "invalid_code" });
  assert.equal(storage.getItem(started), null);
});
