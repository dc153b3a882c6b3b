// Generated from client-sdk/typescript by `make sdk`. Do not edit.

// src/problem.ts
var Problem = class _Problem extends Error {
  name = "Problem";
  constructor({ cause, ...members }) {
    super(`${members.code}: ${members.detail}`, { cause });
    Object.assign(this, { status: 0, errors: {}, ...members });
  }
  /** Reads an error response. Never throws. */
  static async of(response) {
    const { status, headers } = response;
    const members = await response.json().catch(() => {
    }) ?? {};
    const text = (name) => typeof members[name] === "string" ? members[name] : void 0;
    const flowToken = text("flow_token");
    return new _Problem({
      code: text("code") ?? "unexpected_answer",
      detail: text("detail") ?? `The server answered ${status}.`,
      status,
      requestId: text("request_id"),
      retryAfter: Number(headers.get("retry-after")) || void 0,
      errors: members["errors"] ?? {},
      additionalInput: flowToken && {
        flowToken,
        step: members["step"],
        fields: members["fields"],
        expiresIn: members["expires_in"]
      }
    });
  }
};
function fail(code, detail, more) {
  throw new Problem({ code, detail, ...more });
}
function requireValue(part, status) {
  return part || fail("unexpected_answer", "The answer is not of rest-social-auth.", { status });
}
var RETRY_OPTIONS = ["provider", "next", "link", "kind", "data", "scope", "parameters", "redirectUri"];
function retryOptionsOf(login) {
  return Object.fromEntries(RETRY_OPTIONS.map((name) => [name, login[name]]));
}
async function withRetryOptions(login, work) {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Problem) Object.assign(error, retryOptionsOf(login));
    throw error;
  }
}

// src/browser.ts
function storageOf(browser, name) {
  try {
    return browser[name];
  } catch {
    return void 0;
  }
}
function memoryKeyValues() {
  const rows = /* @__PURE__ */ new Map();
  return {
    getItem: (name) => rows.get(name) ?? null,
    setItem: (name, value) => void rows.set(name, value),
    removeItem: (name) => void rows.delete(name)
  };
}
async function withStorage(use) {
  try {
    return await use();
  } catch (cause) {
    if (cause instanceof Problem) throw cause;
    fail("storage_failed", "The storage failed.", { cause });
  }
}
async function readJson(storage, name, server) {
  const text = await withStorage(() => storage.getItem(`${name} ${server}`));
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return null;
  }
}
function writeJson(storage, name, server, value) {
  const row = `${name} ${server}`;
  return withStorage(() => value === null ? storage.removeItem(row) : storage.setItem(row, JSON.stringify(value)));
}
function parseUrl(address, base) {
  try {
    return new URL(address, base);
  } catch {
    return void 0;
  }
}
function wait(work, signal, milliseconds) {
  return new Promise((resolve, reject) => {
    const limit = new AbortController();
    const end = (reason) => {
      reject(reason);
      limit.abort(reason);
    };
    const abort = () => end(signal?.reason);
    const late = () => end(new Problem({ code: "timeout", detail: `No answer in ${milliseconds} ms.` }));
    const timer = milliseconds && setTimeout(late, milliseconds);
    signal?.addEventListener("abort", abort);
    if (signal?.aborted) abort();
    void work(limit.signal).then(resolve, reject).finally(() => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    });
  });
}
function fromBase64(text = "") {
  return atob(text.replaceAll("-", "+").replaceAll("_", "/"));
}

// src/callback.ts
var CALLBACK_PARAMETER = /^(code|denied|hash|app_state|error(_.*)?|oauth_.*|openid\.mode|tgAuthResult)$/;
var KEY_PARAMETERS = ["state", "redirect_state", "oauth_token", "denied", "app_state"];
function isCallbackOf(keys, fields) {
  return KEY_PARAMETERS.some((name) => keys.includes(fields[name]));
}
function readCallback(address) {
  const url = parseUrl(address);
  const fragment = new URLSearchParams(url?.hash.slice(1));
  const signed = fragment.get("tgAuthResult");
  const telegram = signed && readTelegram(signed);
  for (const params of [url?.searchParams ?? [], fragment]) {
    const fields = { ...Object.fromEntries(params), ...telegram || {} };
    const isCallback = Object.keys(fields).some((name) => CALLBACK_PARAMETER.test(name) && fields[name]);
    if (isCallback && KEY_PARAMETERS.some((name) => fields[name])) return fields;
  }
  return void 0;
}
function readTelegram(text) {
  try {
    const bytes = Uint8Array.from(fromBase64(text), (char) => char.charCodeAt(0));
    const data = JSON.parse(new TextDecoder().decode(bytes));
    return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, String(value)]));
  } catch {
    return { error: "access_denied" };
  }
}
function pageOf(address = "") {
  return address.replace(/[?#].*$/, "");
}
function cleanAddress(address, redirectUri = "") {
  return pageOf(address) + redirectUri.replace(/^[^?]*/, "");
}

// src/authorization-request.ts
var REQUESTS = "rest-social-auth.requests";
var PENDING = "rest-social-auth.pending-login";
async function claimRequest(state, page, fields) {
  const rows = await readRequests(state);
  const row = rows.find((each) => fields ? isCallbackOf(each.keys, fields) : each.page === page && each.server === state.server);
  if (row && row.server !== state.server) fail("callback_unknown", "This sign-in is not of this tab, or is complete. Start again.");
  if (row && fields) {
    Object.assign(row, { page, fields });
    await state.write(REQUESTS, rows, "");
  }
  return row;
}
async function forgetCallbacks(state, ...added) {
  const rows = (await readRequests(state)).filter((each) => !each.fields || each.server !== state.server).concat(added);
  await state.write(REQUESTS, rows[0] ? rows : null, "");
}
async function readRequests(state) {
  const rows = await state.read(REQUESTS, "") ?? [];
  return rows.filter(({ expires }) => expires > Date.now());
}

// src/call.ts
function call(send, request, milliseconds, isStreamed, page) {
  const work = async (signal) => {
    try {
      const response = await send(request, { signal: AbortSignal.any?.([request.signal, signal]) ?? signal });
      if (!isStreamed) await response.clone().arrayBuffer();
      return response;
    } catch (cause) {
      const origin = page && new URL(page).origin;
      const isOtherOrigin = origin && !request.url.startsWith(`${origin}/`);
      const hint = isOtherOrigin ? `, or its ALLOWED_ORIGINS does not list ${origin}` : "";
      fail("network_error", `The server could not be reached${hint}.`, { cause });
    }
  };
  return wait(work, request.signal, milliseconds);
}
async function withLock(name, work) {
  let started;
  const start = () => started ??= work();
  try {
    await navigator.locks.request(name, start);
  } catch {
  }
  return start();
}
async function bodyOf(response) {
  if (!response.ok) throw await Problem.of(response);
  if (response.status === 204) return void 0;
  return requireValue(await response.json().catch(() => {
  }), response.status);
}
function requestInit(method, { signal } = {}, body) {
  const headers = { accept: "application/json", ...body && { "content-type": "application/json" } };
  return { method, headers, signal, body: body && JSON.stringify(body) };
}

// src/popup.ts
var CHANNEL = "rest-social-auth.callback";
var ACKNOWLEDGEMENT_TIMEOUT = 700;
var CLOSED_CHECK_INTERVAL = 400;
var CLOSED_CHECKS = 3;
async function sendToOpener({ BroadcastChannel }, fields) {
  if (!BroadcastChannel) return false;
  const channel = new BroadcastChannel(CHANNEL);
  const isReceived = await new Promise((resolve) => {
    channel.onmessage = ({ data: { keys = [] } }) => isCallbackOf(keys, fields) && resolve(true);
    channel.postMessage({ fields });
    setTimeout(() => resolve(false), ACKNOWLEDGEMENT_TIMEOUT);
  });
  channel.close();
  return isReceived;
}
async function waitForCallback({ BroadcastChannel, document }, { keys }, popup, signal) {
  const channel = BroadcastChannel && new BroadcastChannel(CHANNEL);
  let timer;
  const callback = new Promise((resolve, reject) => {
    if (channel) {
      channel.onmessage = ({ data: { fields = {} } }) => {
        if (!isCallbackOf(keys, fields)) return;
        channel.postMessage({ keys });
        setTimeout(() => resolve(fields), 0);
      };
    }
    let checks = 0;
    timer = setInterval(() => {
      checks = popup.closed && document?.hasFocus() ? checks + 1 : 0;
      if (checks >= CLOSED_CHECKS) reject(new Problem({ code: "popup_closed", detail: "The sign-in window was closed." }));
    }, CLOSED_CHECK_INTERVAL);
  });
  try {
    return await wait(() => callback, signal);
  } finally {
    clearInterval(timer);
    channel?.close();
  }
}

// src/credentials.ts
function memoryStorage() {
  return webStorage(memoryKeyValues());
}
function webStorage(storage, name = "rest-social-auth.credentials") {
  const rows = () => storage ?? sessionStorage;
  return {
    get: (server) => readJson(rows(), name, server),
    set: (credentials, server) => writeJson(rows(), name, server, credentials)
  };
}
function needsRefresh(credentials) {
  const life = lifetime(credentials.token);
  const left = timeLeft(credentials);
  if (credentials.family === "jwt-sliding") return left > 0 && left < life / 2;
  return credentials.refresh !== void 0 && left < Math.min(1e4, life / 2);
}
function timeLeft({ received, token }) {
  return received + lifetime(token) - Date.now();
}
function lifetime(token) {
  try {
    const { iat, exp } = JSON.parse(fromBase64(token.split(".")[1]));
    return (exp - iat) * 1e3;
  } catch {
    return NaN;
  }
}

// src/state.ts
var SESSION_KEY = "rest-social-auth.session";
var STORAGE_DELAY = 100;
var OTHER_TAB_TIMEOUT = 50;
var AuthState = class {
  #environment;
  #storage;
  /** The session storage of the tab; memory where there is none. */
  #tabStorage;
  #listeners = /* @__PURE__ */ new Set();
  /** Refreshed credentials that are not stored yet, by the token that they replace. The server no longer accepts that. */
  #unsaved = /* @__PURE__ */ new Map();
  /** Ends when the last use of the storage ends: a sign-out and a refresh of this tab never mix. */
  #storageUse = Promise.resolve();
  #channelInUse;
  #refreshing;
  #user;
  /** The login of the credentials that this tab had last. */
  #login;
  /** How often a user signed in or out in this tab. */
  #logins = 0;
  /** Ends the wait for a newer token of another tab. */
  #onNewerToken = () => {
  };
  constructor(environment) {
    this.#environment = environment;
    this.#storage = storageFor(environment);
    this.#tabStorage = storageOf(environment.browser, "sessionStorage") ?? memoryKeyValues();
  }
  /** The URL of the server. Problems: `no_browser`, `invalid_base_url`. */
  get server() {
    return this.#environment.baseUrl();
  }
  subscribe(listener) {
    const subscription = (event) => listener(event);
    this.#listeners.add(subscription);
    void this.#channel;
    return () => void this.#listeners.delete(subscription);
  }
  /** The user, loaded once for each login. */
  user() {
    return this.#user ?? this.setUser(this.#environment.loadUser());
  }
  setUser(user) {
    this.#user = user;
    user.catch(() => {
      if (this.#user === user) this.#user = void 0;
    });
    return user;
  }
  /** The stored credentials; after a refresh, the refreshed ones, even if they are not stored yet. */
  stored() {
    return this.#inTurn(async () => {
      const storage = this.#storage;
      let stored = await storage.get(this.#environment.baseUrl());
      const saved = stored;
      for (const [replaced, refreshed] of this.#unsaved) if (stored?.token === replaced) stored = refreshed;
      try {
        if (stored !== saved) await storage.set(stored, this.#environment.baseUrl());
        this.#unsaved.clear();
      } catch {
      }
      if (stored) this.#login = stored.login;
      return stored;
    });
  }
  #store(credentials) {
    return this.#inTurn(() => this.#storage.set(credentials, this.#environment.baseUrl()));
  }
  #inTurn(use) {
    const turn = this.#storageUse.then(() => withStorage(use));
    this.#storageUse = turn.catch(() => {
    });
    return turn;
  }
  /** The stored credentials, refreshed when they expire soon. */
  async current() {
    const stored = await this.stored();
    if (stored) void this.#channel;
    if (!stored || !needsRefresh(stored)) return stored;
    return this.refresh(stored).catch((problem) => {
      if (timeLeft(stored) > 0) return stored;
      throw problem;
    });
  }
  /** The family of the current credential, or of the client's kind when signed out. */
  async family() {
    const stored = await this.stored();
    if (stored) return stored.family;
    return await this.read(SESSION_KEY) ? "session" : familyOf(this.#environment.kind);
  }
  /** Stores the credentials of a login; `null` for a session. Returns the credentials that they replace. */
  async signIn(credentials, user) {
    const former = await this.stored();
    await this.#store(credentials);
    await this.#markSession(!credentials && familyOf(this.#environment.kind) !== "session");
    const login = this.#login = credentials?.login;
    this.#logins++;
    this.#userChanged("signed-in", user);
    this.#post(credentials && former?.login === login ? this.#refreshed(credentials) : { type: "signed-in", login, user });
    return former;
  }
  /** Deletes the credentials. `isEverywhere`: the credentials of all tabs are revoked. */
  async signOut(isEverywhere = false) {
    const login = (await this.stored())?.login;
    const wasSignedIn = login ?? await this.family() === "session";
    await this.#store(null);
    await this.#markSession(false);
    this.#signedOut(false);
    if (wasSignedIn) this.#post({ type: "signed-out", login, isEverywhere });
  }
  /** Deletes rejected credentials, unless another tab has stored new ones. */
  async forget(credentials) {
    if ((await this.stored())?.token === credentials.token) await this.signOut();
  }
  /** Called before a change of the user; pass the changed user to the returned function. It has no effect if the login has ended or is another one. */
  async updatesUser() {
    const login = (await this.stored())?.login;
    const logins = this.#logins;
    return (user) => {
      if (logins !== this.#logins) return;
      this.#userChanged("user-updated", user);
      this.#post({ type: "user-updated", login, user });
    };
  }
  /** A page of the back-forward cache is shown again: its state may be old. */
  async restored() {
    const user = await this.setUser(this.#environment.loadUser());
    this.#emit({ type: user ? "signed-in" : "signed-out", user, isRemote: true });
    return { outcome: "none" };
  }
  /**
   * One refresh at a time for all waiting requests, in this tab and in other tabs that have the same login. Problems: `timeout`,
   * also while another tab refreshes.
   */
  refresh(stale) {
    const lock = `rest-social-auth.refresh.${this.#environment.baseUrl()}.${stale.login}`;
    const refreshing = this.#refreshing ??= withLock(lock, () => this.#refreshOnce(stale)).finally(() => {
      this.#refreshing = void 0;
    });
    return wait(() => refreshing, void 0, this.#environment.timeout);
  }
  async #refreshOnce(stale) {
    if (this.#storage.isCopied) await this.#askOtherTabs(stale);
    const stored = await this.stored();
    if (stored?.token !== stale.token) return stored;
    const { post } = this.#environment;
    const response = await (stale.family === "jwt-sliding" ? post("/api/token/sliding/refresh/", { token: stale.token }) : post("/api/token/refresh/", { refresh: stale.refresh }));
    if (response.status === 401) {
      await this.forget(stale);
      return null;
    }
    const { access, token = access, refresh = stale.refresh } = await bodyOf(response);
    const received = Math.max(Date.now(), stale.received + 1);
    this.#unsaved.set(stale.token, { ...stale, token: requireValue(token), refresh, received });
    const current = await this.stored();
    if (current && current.token === token) {
      this.#emit({ type: "token-refreshed", isRemote: false });
      this.#post(this.#refreshed(current));
    }
    return current;
  }
  /** A duplicated tab may have refreshed the tokens of which this tab has a copy. Then they are stored here too. */
  async #askOtherTabs({ login, received }) {
    if (!this.#channel) return;
    const answer = new Promise((resolve) => {
      this.#onNewerToken = resolve;
      setTimeout(resolve, OTHER_TAB_TIMEOUT);
    });
    this.#post({ type: "newer-token", login, received });
    await answer;
  }
  #refreshed(credentials) {
    const { login } = credentials;
    return { type: "token-refreshed", login, credentials: this.#storage.isCopied ? credentials : void 0 };
  }
  async #receive(message) {
    const former = this.#login;
    const stored = await this.stored();
    const { type, login } = message;
    const isOwn = login === void 0 ? await this.family() === "session" : login === (stored?.login ?? former);
    if (type === "newer-token") {
      if (isOwn && stored && stored.received > message.received) this.#post(this.#refreshed(stored));
    } else if (type === "token-refreshed") {
      if (!isOwn) return;
      const { credentials } = message;
      if (credentials && stored && credentials.received > stored.received) await this.#store(credentials);
      this.#onNewerToken();
      this.#emit({ type, isRemote: true });
    } else if (type === "signed-out") {
      if (!isOwn) return void (message.isEverywhere && stored && await this.#environment.loadUser());
      if (stored?.login === login) await this.#store(null);
      this.#signedOut(true);
    } else if (isOwn) {
      this.#userChanged(type, message.user, true);
    }
  }
  /** `null`: the user is loaded when it is needed. */
  #userChanged(type, user, isRemote = false) {
    this.#user = user ? Promise.resolve(user) : void 0;
    this.#emit({ type, user, isRemote });
  }
  #signedOut(isRemote) {
    this.#login = void 0;
    this.#logins++;
    this.#user = Promise.resolve(null);
    this.#emit({ type: "signed-out", isRemote });
  }
  /** Listeners run later, so that an error of theirs does not fail the call that caused the event. */
  #emit(event) {
    for (const listener of this.#listeners) queueMicrotask(() => listener(event));
  }
  #post(message) {
    this.#channel?.postMessage(message);
  }
  /** A value of the tab, for this server; for all servers if `server` is empty. Problems: `storage_failed`. */
  read(name, server = this.#environment.baseUrl()) {
    return readJson(this.#tabStorage, name, server);
  }
  /** Stores a value that `read` returns; `null` deletes it. Problems: `storage_failed`. */
  write(name, value, server = this.#environment.baseUrl()) {
    return writeJson(this.#tabStorage, name, server, value);
  }
  #markSession(isSession) {
    return this.write(SESSION_KEY, isSession || null);
  }
  /** Opened when another tab may post a message: importing the client, or creating it on a server, opens nothing. */
  get #channel() {
    const { BroadcastChannel } = this.#environment.browser;
    if (!this.#channelInUse && BroadcastChannel) {
      this.#channelInUse = new BroadcastChannel(`rest-social-auth.${this.#environment.baseUrl()}`);
      this.#channelInUse.onmessage = ({ data }) => (
        // The process of this tab may get the message before the change of the storage.
        void setTimeout(() => this.#receive(data).catch(() => {
        }), data.login && data.type === "signed-in" ? STORAGE_DELAY : 0)
      );
    }
    return this.#channelInUse;
  }
};
function familyOf(kind) {
  return kind.replace(/[-_]user$/, "");
}
function authenticated(request, family, credentials) {
  const withCookies = family === "session" || request.credentials === "include";
  const copy = new Request(request, { credentials: withCookies ? "include" : "omit" });
  if (credentials) {
    const scheme = credentials.family.startsWith("jwt") ? "Bearer" : "Token";
    copy.headers.set("authorization", `${scheme} ${credentials.token}`);
  }
  return copy;
}
function storageFor({ storage = "tab", browser }) {
  if (typeof storage === "object") return storage;
  const isTab = storage === "tab";
  const rows = storage === "memory" ? void 0 : storageOf(browser, isTab ? "sessionStorage" : "localStorage");
  return { ...webStorage(rows ?? memoryKeyValues()), isCopied: isTab };
}

// src/client.ts
var callbackResults = /* @__PURE__ */ new WeakMap();
var RESULT_LIFETIME = 1e3;
var NAVIGATION_TIME = 5e3;
var PENDING_ENDED = /^(state|code|flow)_/;
var USER_IF_ANY = "/api/user/?optional=true";
function createClient(options = {}) {
  return new SocialAuth(options);
}
var SocialAuth = class {
  kind;
  #options;
  #state;
  #browser;
  #timeout;
  constructor(options) {
    this.#options = options;
    this.kind = options.kind ?? "session";
    this.#timeout = options.timeout ?? 3e4;
    this.#browser = options.browser ?? (typeof window === "undefined" ? {} : window);
    this.#state = new AuthState({
      kind: this.kind,
      storage: options.storage,
      browser: this.#browser,
      baseUrl: () => this.baseUrl,
      timeout: this.#timeout,
      post: (path, body) => this.#request("POST", path, "jwt-pair", body),
      loadUser: () => this.#loadUser()
    });
  }
  /** The server's URL, without a slash at the end. Problems: `no_browser`, `invalid_base_url`. */
  get baseUrl() {
    const { baseUrl = "/" } = this.#options;
    const page = this.#browser.location?.href;
    const origin = /^(https?:\/\/[^/@]+)\/$/.exec(`${baseUrl && parseUrl(baseUrl, page)?.href}`)?.[1];
    return origin ?? fail(page || baseUrl !== "/" ? "invalid_base_url" : "no_browser", `baseUrl is no origin: ${baseUrl}`);
  }
  /**
   * Calls the listener after each change of the state, in this tab or in another tab with the same login. Returns a function
   * that ends the subscription.
   */
  subscribe(listener) {
    return this.#state.subscribe(listener);
  }
  /** Who is signed in, or `null`. Asks the server once for each login; `user()` asks each time. */
  async getSession() {
    const user = await this.#state.user();
    return user && { user, kind: await this.#state.family() };
  }
  /** The configured providers, in the order of the server. */
  async providers(options) {
    const list = await this.#ask("GET", "/api/login/social/providers/", options);
    return requireValue(list.providers);
  }
  signIn(provider, options = {}) {
    const { mode, redirect } = options;
    const isPopup = mode === "popup";
    const signIn = isPopup ? this.#signInByPopup(provider, options) : this.#signInByRedirect(provider, options, redirect);
    return withRetryOptions({ ...options, provider }, signIn);
  }
  async #signInByRedirect(provider, options, redirect = true) {
    const browser = this.#browser;
    const { location } = browser;
    if (redirect && !location) fail("no_browser", "No page.");
    if (location) await withStorage(() => browser.sessionStorage);
    const { begun, request } = await this.#begin(provider, options);
    const url = begun.authorization_url;
    await forgetCallbacks(this.#state, request);
    if (!redirect || !location) return { url };
    location.assign(url);
    return new Promise((resolve) => {
      const settle = (result) => {
        browser.removeEventListener?.("pageshow", onShow);
        resolve(result);
      };
      const onShow = ({ persisted }) => persisted && settle(this.#state.restored());
      browser.addEventListener?.("pageshow", onShow);
      setTimeout(() => settle({ outcome: "none" }), NAVIGATION_TIME);
    });
  }
  async #signInByPopup(provider, options) {
    const popup = this.#browser.open?.("", "_blank", "width=480,height=720");
    if (!popup) fail("popup_blocked", "The sign-in window was blocked.");
    try {
      const { begun, request } = await this.#begin(provider, options);
      const callback = waitForCallback(this.#browser, request, popup, options.signal);
      popup.location.href = begun.authorization_url;
      return await this.#completeLogin(request, await callback, options);
    } finally {
      popup.close();
    }
  }
  /**
   * Signs in with an ID token that a script or an app of the provider issues, such as Google's. `obtain` gets the nonce that
   * the token must contain, and returns the token, or `null` if there is none.
   */
  signInWithIdToken(provider, obtain, options = {}) {
    const signIn = this.#begin(provider, options).then(async ({ begun, request }) => {
      const token = await obtain(begun.nonce);
      if (token === null) return { outcome: "none" };
      return this.#completeLogin(request, { state: begun.state, id_token: token }, options);
    });
    return withRetryOptions({ ...options, provider }, signIn);
  }
  async #begin(provider, options) {
    const { redirectUri = this.#options.redirectUri, scope, next, link = false, data, parameters, signal } = options;
    const isSession = link && await this.#state.family() === "session";
    if (link && !await wait(() => isSession ? this.user() : this.#state.current(), signal)) {
      fail("not_authenticated", "Sign in first.", { status: 401 });
    }
    const kind = options.kind ?? (isSession ? "session" : this.kind);
    const body = { ...parameters, redirect_uri: redirectUri, scope: scope?.join(" "), next, data };
    const path = `/api/login/social/begin/${encodeURIComponent(provider)}/`;
    const begun = await this.#post(path, body, { kind, link, signal });
    const request = {
      ...retryOptionsOf({ ...options, provider, redirectUri: begun.redirect_uri }),
      server: this.baseUrl,
      kind,
      keys: [begun.state, new URL(requireValue(begun.authorization_url)).searchParams.get("oauth_token")],
      flowToken: begun.flow_token,
      expires: Date.now() + begun.expires_in * 1e3,
      next: begun.next ?? void 0,
      link
    };
    if (begun.authorization_url.includes("form_post")) {
      if (link && !isSession) fail("link_needs_session", "Only a session can link.");
      const query = new URLSearchParams({
        ...parameters,
        kind,
        next: begun.redirect_uri,
        app_state: begun.state,
        scope: body.scope ?? "",
        data: JSON.stringify(data) ?? ""
      });
      begun.authorization_url = this.baseUrl + path.replace("begin", "authorize") + "?" + query;
    }
    return { begun, request };
  }
  /**
   * Completes a login on the page at `redirectUri`: reads the URL, removes the code from it, and signs in. It is safe to
   * call it on any page and more than once. When this page is reloaded before the server has answered, it asks again; when
   * it is reloaded while a login needs additional input, it returns `input-required` again. It leaves the callback of another
   * server in the URL. `url`: a callback that is not the page's URL, in an app. `signal` ends the wait, not the login.
   *
   * Problems: those of the server, such as `access_denied` when the user denied consent, and `callback_unknown`.
   */
  async handleCallback({ url, signal } = {}) {
    const browser = this.#browser;
    const address = url ?? browser.location?.href;
    if (!address && !this.#options.baseUrl) return { outcome: "none" };
    const server = this.baseUrl;
    const callback = address ? readCallback(address) : void 0;
    const results = callbackResults.get(browser) ?? {};
    callbackResults.set(browser, results);
    let result = results[server];
    if (!result || callback && result.address !== address) {
      const added = Object.assign(this.#completeCallback(callback, address), { address });
      const forgetLater = () => setTimeout(() => results[server] === added && delete results[server], callback ? RESULT_LIFETIME : 0);
      added.then(forgetLater, forgetLater);
      result = results[server] = added;
    }
    return wait(() => result, signal);
  }
  async #completeCallback(callback, address) {
    const { history, location } = this.#browser;
    const page = pageOf(address);
    const request = await claimRequest(this.#state, page, callback);
    const href = location?.href ?? "";
    if (callback && readCallback(href)) {
      history?.replaceState(history.state, "", cleanAddress(href, (request ?? this.#options).redirectUri));
    }
    if (request?.fields) return this.#completeLogin(request, request.fields);
    if (!callback) return await this.pendingLogin(page) ?? { outcome: "none" };
    if (await sendToOpener(this.#browser, callback)) {
      this.#browser.close?.();
      return { outcome: "sent-to-opener" };
    }
    fail("callback_unknown", "This sign-in is not of this tab, or is complete. Start again.");
  }
  async #completeLogin(request, fields, { signal } = {}) {
    const { provider, kind, flowToken } = request;
    const path = `/api/login/social/${kind}/${encodeURIComponent(provider)}/`;
    const answer = fields["app_state"] ? this.#redirected(request, fields, signal) : this.#post(path, { ...fields, flow_token: flowToken }, { ...request, signal });
    const { status } = await answer.catch((problem) => problem);
    if (status !== 0) await forgetCallbacks(this.#state);
    return this.#result(request, answer);
  }
  /** How the server's redirect flow ends: with an error, a one-time code, or a session cookie. */
  async #redirected({ kind, data }, { error, code }, signal) {
    if (error) fail(error, "The sign-in failed.", { status: 400 });
    if (code) return this.#post("/api/login/social/swap/", { code }, { kind, signal });
    return { data };
  }
  /**
   * Exchanges the one-time code of the server-side redirect flow, for apps: `kind` is that of `authorize`.
   *
   * Problems: `invalid_code`, `flow_mismatch`.
   */
  exchangeCode(code, login) {
    const { provider, kind = this.kind, next, codeVerifier: code_verifier, signal } = login;
    const answer = this.#post("/api/login/social/swap/", { code, code_verifier }, { kind, signal });
    return this.#result({ provider, kind, next, link: false }, answer);
  }
  /**
   * The login of this tab that waits for additional input, also after a reload; `null` when there is none or it has
   * expired. With `page`, only if it began on this page.
   */
  async pendingLogin(page) {
    const login = await this.#state.read(PENDING);
    const isPending = login && login.expires > Date.now() && login.page === (page ?? login.page);
    return isPending ? { outcome: "input-required", ...login } : null;
  }
  /** Forgets the pending login of this tab, for example because the user does not want to answer. */
  async cancelPendingLogin() {
    await this.#state.write(PENDING, null);
  }
  /**
   * Continues the pending login of this tab with the user's answers, by the names of its fields. The server may ask for more
   * input again. The step `ask_link` gets the credential of the signed-in user too.
   *
   * Problems: those of the server; `state_expired` when no login waits. After `invalid_request` with `errors` by field, call
   * it again with other answers. After a problem that ends the login, such as `state_expired`, `pendingLogin` returns `null`.
   */
  async resume(answers, { signal } = {}) {
    const pending = await this.#state.read(PENDING);
    if (!pending) fail("state_expired", "This sign-in has expired. Start again.");
    const link = pending.step === "ask_link" && answers["link"] === "link";
    const body = { flow_token: pending.flowToken, answers };
    try {
      const answer = this.#post("/api/login/social/resume/", body, { kind: pending.kind, link, signal });
      return await this.#result({ ...pending, link: link || pending.link }, answer, true);
    } catch (problem) {
      const code = `${problem?.code}`;
      if (PENDING_ENDED.test(code)) await this.cancelPendingLogin();
      if (code === "link_login_required") await this.#state.write(PENDING, { ...pending, isWaiting: true });
      throw problem;
    }
  }
  async #result(login, answer, isResumed = false) {
    try {
      return await withRetryOptions(login, answer.then((body) => this.#signedIn(login, body, isResumed)));
    } catch (problem) {
      if (!(problem instanceof Problem) || !problem.additionalInput) throw problem;
      const { expiresIn, ...input } = problem.additionalInput;
      const page = pageOf(this.#browser.location?.href);
      const pending = { ...retryOptionsOf(login), ...input, page, expires: Date.now() + expiresIn * 1e3 };
      await this.#state.write(PENDING, pending);
      return { outcome: "input-required", ...pending };
    }
  }
  async #signedIn({ provider, kind, next, link }, body, isResumed) {
    const { is_new: isNew, data, token, refresh, app_state: _appState, kind: _kind, ...fields } = body;
    const user = fields.id === void 0 ? null : fields;
    const family = familyOf(kind);
    let credentials = null;
    if (family !== "session") {
      const id = link && (await this.#state.stored())?.login || `${Math.random()}`;
      credentials = { family, token: requireValue(token), refresh, received: Date.now(), login: id };
    } else {
      const page = this.#browser.location?.href;
      const isOtherHost = page && new URL(page).hostname !== new URL(this.baseUrl).hostname;
      if (isOtherHost && (await this.#request("GET", USER_IF_ANY, "session")).status !== 200) {
        fail("cookie_refused", `No cookie: this page and ${this.baseUrl} are two sites.`);
      }
    }
    const former = await this.#state.signIn(credentials, user);
    if (isResumed || !(await this.pendingLogin())?.isWaiting) await this.cancelPendingLogin();
    if (former && former.token !== token) await this.#revoke(former).catch(() => {
    });
    return {
      outcome: "signed-in",
      provider,
      kind,
      next,
      user,
      ...isNew !== void 0 && { isNew },
      ...data && { data }
    };
  }
  /** The signed-in user, or `null`. */
  user({ signal } = {}) {
    return wait(() => this.#state.setUser(this.#loadUser()), signal);
  }
  async #loadUser() {
    if (!await this.#state.stored() && await this.#state.family() !== "session") return null;
    return await this.#ask("GET", USER_IF_ANY).catch(ignoreExpired) ?? null;
  }
  /** Updates editable fields of the user. Problems: `invalid_request` with `errors` by field. */
  async updateUser(change, options) {
    const userUpdated = await this.#state.updatesUser();
    const user = await this.#ask("PATCH", "/api/user/", options, change);
    userUpdated(user);
    return user;
  }
  /** Everything that the server stores about this user. */
  exportUser(options) {
    return this.#ask("GET", "/api/user/export/", options);
  }
  /** Deletes the user permanently. Problems: `fresh_login_required` (sign in again first). */
  async deleteUser(options) {
    await this.#ask("DELETE", "/api/user/", options);
    await this.#signOut(true);
  }
  /** The social accounts of this user. */
  socialAccounts(options) {
    return this.#ask("GET", "/api/user/social/", options);
  }
  /**
   * Unlinks an account by its `id` in the list. Problems: `last_login_method` (link another account first),
   * `fresh_login_required` (sign in again first), `not_found`.
   */
  unlink(account, options) {
    return this.#ask("DELETE", `/api/user/social/${account}/`, options);
  }
  /**
   * The provider's access token of an account, refreshed when necessary. Problems: `token_not_kept` when the server
   * stores none, `token_ended` when it has expired (sign in with the account again).
   */
  providerToken(account, options) {
    return this.#ask("GET", `/api/user/social/${account}/token/`, options);
  }
  /** All credentials of this user, the last used first. `current` marks the credential of this request. */
  async credentials(options) {
    const listed = [];
    for (let query = ""; query !== void 0; ) {
      const page = await this.#send(`/api/user/credentials/${query}`, requestInit("GET", options));
      listed.push(...await bodyOf(page));
      query = /^<(\?[^>]*)/.exec(page.headers.get("link") ?? "")?.[1];
    }
    return listed;
  }
  /** Revokes one credential by its `id`. To revoke the current one, call `logout`. Problems: `not_found`. */
  revokeCredential(id, options) {
    return this.#ask("DELETE", `/api/user/credentials/${encodeURIComponent(id)}/`, options);
  }
  /** Revokes all other credentials, access tokens of other JWT pairs included. */
  revokeOtherCredentials(options) {
    return this.revokeCredential("others", options);
  }
  /**
   * Sends a request with the credentials to a path of the server or a URL of one of `origins`. A JWT that expires soon is
   * refreshed first. After a 401 the token is refreshed once and the request repeated. The time limit ends with the headers
   * of the response.
   */
  fetch(input, init) {
    return this.#send(input, init, true);
  }
  /** The token for requests that do not use this client, refreshed when necessary; `null` without a token. */
  async token() {
    return (await this.#state.current())?.token ?? null;
  }
  /**
   * Signs out. The server revokes sessions, knox tokens and JWTs. All devices of a user share one permanent token
   * (`token`), so this client only deletes its copy; `logoutEverywhere` revokes it.
   *
   * When the server cannot be reached, a token is deleted nevertheless. A session stays signed in, because scripts cannot
   * delete its cookie: call `logout` again.
   */
  async logout() {
    const stored = await this.#state.stored();
    if (stored) return this.#revoke(stored).finally(() => this.#signOut());
    if (await this.#state.family() === "session") {
      await this.#ask("POST", "/api/session/logout/").catch(ignoreExpired);
    }
    await this.#signOut();
  }
  /** Revokes all credentials of this user, on all devices. After a problem the user stays signed in: call it again. */
  async logoutEverywhere() {
    await this.#ask("POST", "/api/logout/all/").catch(ignoreExpired);
    await this.#signOut(true);
  }
  /** The next user of this tab must not see the form of a pending login. */
  async #signOut(isEverywhere = false) {
    await this.cancelPendingLogin();
    await forgetCallbacks(this.#state);
    await this.#state.signOut(isEverywhere);
  }
  /** Revokes a credential that is not a session. All devices share a permanent token, so it is not revoked. */
  async #revoke(credentials) {
    const { family, token, refresh = token } = credentials;
    if (family === "token") return;
    const isKnox = family === "knox";
    const answer = isKnox ? this.#request("POST", "/api/knox/logout/", family, void 0, credentials) : this.#request("POST", "/api/token/blacklist/", family, { refresh });
    await answer.then(bodyOf).catch(ignoreExpired);
  }
  /** Calls an operation of the server with the credentials and returns its answer. */
  async #ask(method, path, options, body) {
    return bodyOf(await this.#send(path, requestInit(method, options, body)));
  }
  /** Posts a login request. Only linking sends the current credential: an expired one would fail the login. */
  async #post(path, body, { kind, link, signal }) {
    const credentials = link ? await wait(() => this.#state.current(), signal) : null;
    return bodyOf(await this.#request("POST", path, familyOf(kind), body, credentials, { signal }));
  }
  /** Calls an operation of the server with these credentials, or for the family `session` with the cookie. */
  #request(method, path, family, body, credentials, options) {
    const request = new Request(this.baseUrl + path, requestInit(method, options, body));
    return this.#call(authenticated(request, family, credentials));
  }
  async #send(input, init, isStreamed = false) {
    const own = this.baseUrl;
    const original = new Request(input instanceof Request ? input : new URL(input, own), init);
    const { signal } = original;
    const { origin, pathname } = new URL(original.url);
    const isOwn = origin === own;
    const isAllowed = isOwn || this.#options.origins?.some((address) => parseUrl(address)?.origin === origin);
    if (!isAllowed || isOwn && pathname.startsWith("/api/token/")) return this.#call(original, isStreamed);
    const credentials = await wait(() => this.#state.current(), signal);
    const retry = credentials?.family.startsWith("jwt") && original.clone();
    const send = async (request, token) => this.#call(authenticated(request, await this.#state.family(), token), isStreamed);
    const response = await send(original, credentials);
    if (response.status !== 401 || !credentials) return response;
    const refreshed = retry ? await wait(() => this.#state.refresh(credentials), signal) : null;
    if (retry && refreshed?.login === credentials.login) return send(retry, refreshed);
    if (isOwn) await this.#state.forget(credentials);
    return response;
  }
  #call(request, isStreamed = false) {
    const { fetch: send = fetch } = this.#options;
    return call(send, request, this.#timeout, isStreamed, this.#browser.location?.href);
  }
};
function ignoreExpired(problem) {
  if (!(problem instanceof Problem) || problem.status !== 401) throw problem;
}
export {
  Problem,
  SocialAuth,
  createClient,
  memoryStorage,
  webStorage
};
