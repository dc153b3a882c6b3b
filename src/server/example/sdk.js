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
    const { status } = response;
    const members = await response.json().catch(() => {
    }) ?? {};
    const text = (name) => typeof members[name] === "string" ? members[name] : void 0;
    const flowToken = text("flow_token");
    return new _Problem({
      code: text("code") ?? "unexpected_answer",
      detail: text("detail") ?? `The server answered ${status}.`,
      status,
      requestId: text("request_id"),
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
async function access(use) {
  try {
    return await use();
  } catch (cause) {
    if (cause instanceof Problem) throw cause;
    throw new Problem({ code: "storage_failed", detail: "The storage failed.", cause });
  }
}
async function readJson(storage, name) {
  const text = await access(() => storage.getItem(name));
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return null;
  }
}
function writeJson(storage, name, value) {
  return access(() => value === null ? storage.removeItem(name) : storage.setItem(name, JSON.stringify(value)));
}
function fromBase64(text = "") {
  return atob(text.replaceAll("-", "+").replaceAll("_", "/"));
}

// src/authorization-request.ts
var REQUESTS = "rest-social-auth.authorization-requests";
var PENDING = "rest-social-auth.pending-login";
function requestKeys(state, authorizationUrl) {
  const token = new URL(authorizationUrl).searchParams.get("oauth_token");
  return token ? [state, token] : [state];
}
var IncompleteLogins = class {
  #storage;
  constructor(storage) {
    this.#storage = storage;
  }
  async save(request) {
    await this.#write([...await this.#read(), request]);
  }
  /** Returns the request of the first known key and deletes it, because a state is accepted once. */
  async consume(keys) {
    const rows = await this.#read();
    const row = keys.flatMap((key) => rows.filter((each) => each.keys.includes(key)))[0];
    if (row) await this.#write(rows.filter((each) => each !== row));
    return row;
  }
  async #read() {
    const rows = await readJson(this.#storage, REQUESTS) ?? [];
    return rows.filter(({ expires }) => expires > Date.now());
  }
  async #write(rows) {
    await writeJson(this.#storage, REQUESTS, rows.length > 0 ? rows : null);
  }
  setPending(login) {
    return writeJson(this.#storage, PENDING, login);
  }
  /** The pending login, of this page only if `page` is given. */
  async pending(page) {
    const login = await readJson(this.#storage, PENDING);
    if (login && login.expires <= Date.now()) {
      await this.setPending(null);
      return null;
    }
    return page === void 0 || page === login?.page ? login : null;
  }
};

// src/call.ts
async function call(send, request, milliseconds, isStreamed, origin) {
  const { signal } = request;
  const limit = new AbortController();
  const abort = () => limit.abort(signal.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort);
  const timer = setTimeout(() => limit.abort(), milliseconds);
  try {
    const response = await send(request, { signal: limit.signal });
    if (!isStreamed) await response.clone().arrayBuffer();
    return response;
  } catch (cause) {
    if (signal?.aborted) throw signal.reason;
    if (limit.signal.aborted) {
      throw new Problem({ code: "timeout", detail: `The server did not answer within ${milliseconds / 1e3} seconds.`, cause });
    }
    const isOtherOrigin = origin !== void 0 && origin !== new URL(request.url).origin;
    const hint = isOtherOrigin ? `, or its ALLOWED_ORIGINS does not list ${origin}` : "";
    throw new Problem({ code: "network_error", detail: `The server could not be reached${hint}.`, cause });
  } finally {
    clearTimeout(timer);
  }
}
async function bodyOf(response) {
  if (!response.ok) throw await Problem.of(response);
  if (response.status === 204) return void 0;
  return response.json().catch((cause) => {
    throw new Problem({ code: "unexpected_answer", detail: "The response is not JSON.", status: response.status, cause });
  });
}
function init(method, { signal } = {}, body) {
  const headers = { accept: "application/json", ...body && { "content-type": "application/json" } };
  return { method, headers, signal, body: body && JSON.stringify(body) };
}

// src/callback.ts
var CALLBACK_PARAMETER = /^(code|denied|hash|app_state|error(_.*)?|oauth_.*|openid\.mode|tgAuthResult)$/;
var OTHER_PARAMETER = /^(openid\..*|(redirect_)?state|iss|scope|session_state|authuser|halted|is_new|hd|prompt|id_token|token_type|expires_in)$/;
var KEY_PARAMETERS = ["state", "redirect_state", "oauth_token", "denied", "app_state"];
function readCallback(address) {
  const url = new URL(address);
  const fragment = new URLSearchParams(url.hash.slice(1));
  const signed = fragment.get("tgAuthResult");
  const telegram = signed === null ? {} : readTelegram(signed);
  for (const params of [url.searchParams, fragment]) {
    const fields = { ...Object.fromEntries(params), ...telegram };
    const keys = KEY_PARAMETERS.flatMap((name) => fields[name] || []);
    if (keys.length > 0 && Object.keys(fields).some((name) => CALLBACK_PARAMETER.test(name) && fields[name])) return { fields, keys };
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
function cleanAddress(address) {
  const url = new URL(address);
  for (const name of [...url.searchParams.keys()]) {
    if (CALLBACK_PARAMETER.test(name) || OTHER_PARAMETER.test(name)) url.searchParams.delete(name);
  }
  const fragment = new URLSearchParams(url.hash.slice(1));
  if (url.hash === "#_=_" || [...fragment.keys()].some((name) => CALLBACK_PARAMETER.test(name))) url.hash = "";
  return url.href.replace(/#$/, "");
}

// src/popup.ts
var CHANNEL = "rest-social-auth.callback.";
var ACKNOWLEDGEMENT_TIMEOUT = 700;
var CLOSED_CHECK_INTERVAL = 400;
var CLOSED_CHECKS = 3;
function openChannels({ BroadcastChannel }, keys) {
  return BroadcastChannel ? keys.map((key) => new BroadcastChannel(CHANNEL + key)) : [];
}
async function sendToOpener(browser, keys, fields) {
  const channels = openChannels(browser, keys);
  if (channels.length === 0) return false;
  return new Promise((resolve) => {
    const done = (isReceived) => {
      clearTimeout(timer);
      for (const channel of channels) channel.close();
      resolve(isReceived);
    };
    const timer = setTimeout(() => done(false), ACKNOWLEDGEMENT_TIMEOUT);
    for (const channel of channels) {
      channel.onmessage = (event) => {
        if (!event.data.fields) done(true);
      };
      channel.postMessage({ fields });
    }
  });
}
function waitForCallback(browser, { keys, expires }, popup, signal) {
  return new Promise((resolve, reject) => {
    const channels = openChannels(browser, keys);
    const done = () => {
      clearInterval(timer);
      signal?.removeEventListener("abort", abort);
      for (const channel of channels) channel.close();
    };
    const fail = (reason) => {
      done();
      reject(reason);
    };
    const abort = () => fail(signal?.reason);
    for (const channel of channels) {
      channel.onmessage = (event) => {
        const { fields } = event.data;
        if (!fields) return;
        channel.postMessage({});
        setTimeout(() => {
          done();
          resolve(fields);
        }, 0);
      };
    }
    let checks = 0;
    const timer = setInterval(() => {
      if (Date.now() > expires) {
        fail(new Problem({ code: "state_expired", detail: "This sign-in has expired. Start again." }));
      }
      checks = popup.closed && browser.document?.hasFocus() ? checks + 1 : 0;
      if (checks < CLOSED_CHECKS) return;
      fail(new Problem({ code: "popup_closed", detail: "The sign-in window was closed." }));
    }, CLOSED_CHECK_INTERVAL);
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort);
  });
}

// src/credentials.ts
function memoryStorage() {
  return webStorage(memoryKeyValues());
}
function webStorage(storage, name = "rest-social-auth.credentials") {
  const rows = () => storage ?? sessionStorage;
  return {
    get: () => readJson(rows(), name),
    set: (credentials) => writeJson(rows(), name, credentials)
  };
}
function authorization(credentials) {
  return `${credentials.family.startsWith("jwt") ? "Bearer" : "Token"} ${credentials.token}`;
}
function needsRefresh(credentials, now) {
  const life = lifetime(credentials.token);
  const left = credentials.received + life - now;
  if (credentials.family === "jwt-sliding") return left > 0 && left < life / 2;
  return credentials.refresh !== void 0 && left < Math.min(1e4, life / 2);
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
var OTHER_TAB_TIMEOUT = 50;
var AuthState = class {
  #kind;
  #environment;
  #storageOption;
  #listeners = /* @__PURE__ */ new Set();
  #storageInUse;
  #tabStorageInUse;
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
  constructor(kind, storage, environment) {
    this.#kind = kind;
    this.#storageOption = storage;
    this.#environment = environment;
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
  /** The stored credentials; after a refresh, the refreshed ones, even if the storage did not take them yet. */
  stored() {
    return this.#inTurn(async () => {
      const storage = this.#storage;
      let stored = await storage.get();
      const saved = stored;
      for (const [replaced, refreshed] of this.#unsaved) if (stored?.token === replaced) stored = refreshed;
      try {
        if (stored !== saved) await storage.set(stored);
        this.#unsaved.clear();
      } catch {
      }
      if (stored) this.#login = stored.login;
      return stored;
    });
  }
  #store(credentials) {
    return this.#inTurn(() => this.#storage.set(credentials));
  }
  #inTurn(use) {
    const turn = this.#storageUse.then(() => access(use));
    this.#storageUse = turn.catch(() => {
    });
    return turn;
  }
  /** The stored credentials, refreshed when they expire soon. */
  async current() {
    const stored = await this.stored();
    if (stored) void this.#channel;
    return stored && needsRefresh(stored, Date.now()) ? this.refresh(stored) : stored;
  }
  /** The family of the current credential, or of the client's kind when signed out. */
  async family() {
    const stored = await this.stored();
    if (stored) return stored.family;
    const session = await readJson(this.tabStorage, SESSION_KEY);
    return session === this.#environment.baseUrl() ? "session" : familyOf(this.#kind);
  }
  /** Stores the credentials of a login; `null` for a session. Returns the credentials that they replace. */
  async signIn(credentials, user) {
    const former = await this.stored();
    await this.#store(credentials);
    await this.#markSession(credentials === null && familyOf(this.#kind) !== "session");
    this.#login = credentials?.login;
    this.#logins++;
    this.#userChanged("signed-in", user);
    const login = credentials?.login;
    if (login && former?.login === login) this.#post({ type: "token-refreshed", login, credentials });
    else this.#post({ type: "signed-in", login, user });
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
  /** Called before a change of the user; the function takes the changed user, unless the login has ended or is another one. */
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
  /** One refresh at a time for all waiting requests, in this tab and in other tabs of the origin. */
  refresh(stale) {
    this.#refreshing ??= withLock(() => this.#refreshOnce(stale)).finally(() => {
      this.#refreshing = void 0;
    });
    return this.#refreshing;
  }
  async #refreshOnce(stale) {
    if (this.#storage.isCopied) await this.#askOtherTabs(stale);
    const stored = await this.stored();
    if (stored?.token !== stale.token) return stored;
    const [path, body] = stale.family === "jwt-sliding" ? ["/api/token/sliding/refresh/", { token: stale.token }] : ["/api/token/refresh/", { refresh: stale.refresh }];
    const response = await this.#environment.post(path, body);
    if (response.status === 401) {
      await this.forget(stale);
      return null;
    }
    const { access: access2, token = access2, refresh = stale.refresh } = await bodyOf(response);
    if (!token) throw new Problem({ code: "unexpected_answer", detail: "The response has no token." });
    const received = Math.max(Date.now(), stale.received + 1);
    this.#unsaved.set(stale.token, { ...stale, token, refresh, received });
    const current = await this.stored();
    if (current?.token === token) {
      this.#emit({ type: "token-refreshed", isRemote: false });
      this.#postRefreshed(current);
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
  #postRefreshed(credentials) {
    const { login } = credentials;
    this.#post({ type: "token-refreshed", login, credentials: this.#storage.isCopied ? credentials : void 0 });
  }
  async #receive(message) {
    const former = this.#login;
    const stored = await this.stored();
    const { type, login } = message;
    const isOwn = login === void 0 ? await this.family() === "session" : login === (stored?.login ?? former);
    if (type === "newer-token") {
      if (isOwn && stored && stored.received > message.received) this.#postRefreshed(stored);
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
  #markSession(isSession) {
    return writeJson(this.tabStorage, SESSION_KEY, isSession ? this.#environment.baseUrl() : null);
  }
  /** The session storage of the tab; memory where there is none. */
  get tabStorage() {
    return this.#tabStorageInUse ??= storageOf(this.#environment.browser(), "sessionStorage") ?? memoryKeyValues();
  }
  /** Opened when there is something to hear: importing the client, or creating it on a server, opens nothing. */
  get #channel() {
    const { BroadcastChannel } = this.#environment.browser();
    if (!this.#channelInUse && BroadcastChannel) {
      this.#channelInUse = new BroadcastChannel(`rest-social-auth.${this.#environment.baseUrl()}`);
      this.#channelInUse.onmessage = ({ data }) => void this.#receive(data).catch(() => {
      });
    }
    return this.#channelInUse;
  }
  get #storage() {
    return this.#storageInUse ??= storageFor(this.#storageOption, this.#environment.browser());
  }
};
function familyOf(kind) {
  return kind.replace(/[-_]user$/, "");
}
function authenticated(request, family, credentials) {
  const copy = new Request(request, { credentials: family === "session" ? "include" : "omit" });
  if (credentials) copy.headers.set("authorization", authorization(credentials));
  return copy;
}
function storageFor(option = "tab", browser) {
  if (typeof option === "object") return option;
  const rows = option === "memory" ? void 0 : storageOf(browser, option === "tab" ? "sessionStorage" : "localStorage");
  return rows ? { ...webStorage(rows), isCopied: option === "tab" } : memoryStorage();
}
function withLock(work) {
  return globalThis.navigator?.locks?.request("rest-social-auth.refresh", work) ?? work();
}

// src/client.ts
var pendingCallbacks = /* @__PURE__ */ new WeakMap();
var RESULT_LIFETIME = 1e3;
var NAVIGATION_TIME = 5e3;
var PENDING_ENDED = ["state_expired", "code_already_used", "flow_mismatch"];
var USER_IF_ANY = "/api/user/?optional=true";
var ASK_LINK = "ask_link";
function createClient(options = {}) {
  return new SocialAuth(options);
}
var SocialAuth = class {
  kind;
  #options;
  #state;
  #incompleteInUse;
  constructor(options) {
    this.#options = options;
    this.kind = options.kind ?? "session";
    this.#state = new AuthState(this.kind, options.storage, {
      browser: () => this.#browser,
      baseUrl: () => this.baseUrl,
      post: (path, body) => this.#request("POST", path, "jwt-pair", body),
      loadUser: () => this.#loadUser()
    });
  }
  /** The server's URL, without a slash at the end. Problems: `no_browser`, `invalid_base_url`. */
  get baseUrl() {
    const { baseUrl = "/" } = this.#options;
    const page = this.#browser.location?.href;
    if (page === void 0 && !/^https?:/.test(baseUrl)) {
      throw new Problem({ code: "no_browser", detail: "There is no page: pass baseUrl, or redirect: false." });
    }
    const { href, origin } = new URL(baseUrl, page);
    if (href !== `${origin}/`) {
      throw new Problem({ code: "invalid_base_url", detail: `baseUrl must not have a path: ${href}` });
    }
    return origin;
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
  async providers(options = {}) {
    const list = await this.#ask("GET", "/api/login/social/providers/", options);
    return list.providers;
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
    if (redirect && !location) throw new Problem({ code: "no_browser", detail: "There is no page: pass baseUrl, or redirect: false." });
    const { begun, request } = await this.#begin(provider, options);
    const url = begun.authorization_url;
    await this.#incomplete.save(request);
    if (!redirect || !location) return { url };
    location.assign(url);
    return new Promise((resolve) => {
      const settle = (result) => {
        clearTimeout(timer);
        browser.removeEventListener?.("pageshow", onShow);
        resolve(result);
      };
      const onShow = ({ persisted }) => persisted && settle(this.#state.restored());
      browser.addEventListener?.("pageshow", onShow);
      const timer = setTimeout(() => settle({ outcome: "none" }), NAVIGATION_TIME);
    });
  }
  async #signInByPopup(provider, options) {
    const popup = this.#browser.open?.("about:blank", "_blank", "popup,width=480,height=720");
    if (!popup) throw new Problem({ code: "popup_blocked", detail: "The sign-in window was blocked." });
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
    const signIn = async () => {
      const { begun, request } = await this.#begin(provider, options);
      const token = await obtain(begun.nonce);
      if (token === null) return { outcome: "none" };
      return this.#completeLogin(request, { state: begun.state, id_token: token }, options);
    };
    return withRetryOptions({ ...options, provider }, signIn());
  }
  async #begin(provider, options) {
    const { redirectUri = this.#options.redirectUri, scope, next, link = false, data, parameters, signal } = options;
    const isSession = link && await this.#state.family() === "session";
    if (link && !await (isSession ? this.user(options) : this.#state.current())) {
      throw new Problem({ code: "not_authenticated", status: 401, detail: "Sign in first." });
    }
    const kind = options.kind ?? (isSession ? "session" : this.kind);
    const body = { ...parameters, redirect_uri: redirectUri, scope: scope?.join(" "), next, data };
    const path = `/api/login/social/begin/${encodeURIComponent(provider)}/`;
    const begun = await this.#post(path, body, { kind, link, signal });
    const request = {
      ...retryOptionsOf({ ...options, provider }),
      kind,
      keys: requestKeys(begun.state, begun.authorization_url),
      flowToken: begun.flow_token,
      expires: Date.now() + begun.expires_in * 1e3,
      next: begun.next ?? void 0,
      link
    };
    if (begun.authorization_url.includes("form_post")) {
      if (link && !isSession) throw new Problem({ code: "link_needs_session", detail: "Only a session can link." });
      const fields = { ...parameters, kind, next: begun.redirect_uri, app_state: begun.state, scope: body.scope ?? "" };
      const query = new URLSearchParams({ ...fields, data: data ? JSON.stringify(data) : "" });
      begun.authorization_url = this.baseUrl + path.replace("begin", "authorize") + "?" + query;
    }
    return { begun, request };
  }
  /**
   * Completes a login on the page at `redirectUri`: reads the URL, removes the code from it, and signs in. It is safe to
   * call it on any page and more than once. When this page is reloaded while a login needs additional input, it returns
   * `input-required` again. `url`: a callback that is not the page's URL, in an app.
   *
   * Problems: those of the server, such as `access_denied` when the user denied consent, and `callback_unknown`.
   */
  handleCallback(options = {}) {
    const browser = this.#browser;
    const address = options.url ?? browser.location?.href;
    const callback = address && readCallback(address);
    if (!callback) {
      const earlier = pendingCallbacks.get(browser);
      return earlier ?? this.pendingLogin(pageOf(address)).then((login) => login ?? { outcome: "none" });
    }
    if (!options.url) browser.history?.replaceState(browser.history.state, "", cleanAddress(address));
    const result = this.#completeCallback(callback, options);
    pendingCallbacks.set(browser, result);
    const forget = () => pendingCallbacks.get(browser) === result && pendingCallbacks.delete(browser);
    const forgetLater = () => void setTimeout(forget, RESULT_LIFETIME);
    result.then(forgetLater, forgetLater);
    return result;
  }
  async #completeCallback({ keys, fields }, options) {
    const request = await this.#incomplete.consume(keys);
    if (request) return this.#completeLogin(request, fields, options);
    if (await sendToOpener(this.#browser, keys, fields)) {
      this.#browser.close?.();
      return { outcome: "sent-to-opener" };
    }
    throw new Problem({
      code: "callback_unknown",
      detail: "This sign-in is not of this tab, or is complete. Start again."
    });
  }
  #completeLogin(request, fields, { signal }) {
    const { provider, kind, flowToken } = request;
    if (fields["app_state"]) return this.#result(request, this.#redirected(request, fields, signal));
    const path = `/api/login/social/${kind}/${encodeURIComponent(provider)}/`;
    return this.#result(request, this.#post(path, { ...fields, flow_token: flowToken }, { ...request, signal }));
  }
  /** How the server's redirect flow ends: with an error, a one-time code, or a session cookie. */
  async #redirected({ kind, data }, { error, code }, signal) {
    if (error) throw new Problem({ code: error, detail: error });
    if (code) return this.#post("/api/login/social/swap/", { code }, { kind, signal });
    return data ? { data } : {};
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
    const login = await this.#incomplete.pending(page);
    return login && { outcome: "input-required", ...login };
  }
  /** Forgets the pending login of this tab, for example because the user does not want to answer. */
  cancelPendingLogin() {
    return this.#incomplete.setPending(null);
  }
  /**
   * Continues the pending login of this tab with the user's answers, by the names of its fields. The server may ask for more
   * input again. The step `ask_link` gets the credential of the signed-in user too.
   *
   * Problems: those of the server; `state_expired` when no login waits. After `invalid_request` with `errors` by field, call
   * it again with other answers.
   */
  async resume(answers, { signal } = {}) {
    const pending = await this.#incomplete.pending();
    if (!pending) {
      throw new Problem({ code: "state_expired", detail: "This sign-in has expired. Start again." });
    }
    const link = pending.step === ASK_LINK && answers["link"] === "link";
    const body = { flow_token: pending.flowToken, answers };
    try {
      const answer = this.#post("/api/login/social/resume/", body, { kind: pending.kind, link, signal });
      return await this.#result({ ...pending, link: link || pending.link }, answer, true);
    } catch (problem) {
      const code = problem instanceof Problem ? problem.code : "";
      if (PENDING_ENDED.includes(code)) await this.cancelPendingLogin();
      if (code === "link_login_required") await this.#incomplete.setPending({ ...pending, isWaiting: true });
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
      await this.#incomplete.setPending(pending);
      return { outcome: "input-required", ...pending };
    }
  }
  async #signedIn({ provider, kind, next, link }, body, isResumed) {
    const { is_new: isNew, data, token, refresh, app_state: _appState, kind: _kind, ...fields } = body;
    const user = fields.id === void 0 ? null : fields;
    const family = familyOf(kind);
    let credentials = null;
    if (family !== "session") {
      if (!token) throw new Problem({ code: "unexpected_answer", detail: "The response has no token." });
      const id = link && (await this.#state.stored())?.login || `${Date.now()}-${Math.random()}`;
      credentials = { family, token, refresh, received: Date.now(), login: id };
    } else if (!await this.#hasCookie()) {
      throw new Problem({
        code: "cookie_refused",
        detail: `The browser did not store the session cookie: this page and ${this.baseUrl} are two sites, as localhost and 127.0.0.1 are.`
      });
    }
    const former = await this.#state.signIn(credentials, user);
    if (isResumed || !(await this.#incomplete.pending())?.isWaiting) await this.cancelPendingLogin();
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
  /** Whether the browser sends the session cookie. It always does on the host of the server, where nothing is asked. */
  async #hasCookie() {
    const page = this.#browser.location?.href;
    if (!page || new URL(page).hostname === new URL(this.baseUrl).hostname) return true;
    return (await this.#request("GET", USER_IF_ANY, "session")).status === 200;
  }
  /** The signed-in user, or `null`. */
  user(options = {}) {
    return this.#state.setUser(this.#loadUser(options));
  }
  async #loadUser(options = {}) {
    if (!await this.#state.stored() && await this.#state.family() !== "session") return null;
    return await this.#ask("GET", USER_IF_ANY, options).catch(ignoreExpired) ?? null;
  }
  /** Updates editable fields of the user. Problems: `invalid_request` with `errors` by field. */
  async updateUser(change, options = {}) {
    const userUpdated = await this.#state.updatesUser();
    const user = await this.#ask("PATCH", "/api/user/", options, change);
    userUpdated(user);
    return user;
  }
  /** Everything that the server stores about this user. */
  exportUser(options = {}) {
    return this.#ask("GET", "/api/user/export/", options);
  }
  /** Deletes the user permanently. Problems: `fresh_login_required` (sign in again first). */
  async deleteUser(options = {}) {
    await this.#ask("DELETE", "/api/user/", options);
    await this.#signOut(true);
  }
  /** The social accounts of this user. */
  socialAccounts(options = {}) {
    return this.#ask("GET", "/api/user/social/", options);
  }
  /**
   * Unlinks an account by its `id` in the list. Problems: `last_login_method` (link another account first),
   * `fresh_login_required` (sign in again first), `not_found`.
   */
  unlink(account, options = {}) {
    return this.#ask("DELETE", `/api/user/social/${account}/`, options);
  }
  /**
   * The provider's access token of an account, refreshed when necessary. Problems: `token_not_kept` when the server
   * stores none, `token_ended` when it has expired (sign in with the account again).
   */
  providerToken(account, options = {}) {
    return this.#ask("GET", `/api/user/social/${account}/token/`, options);
  }
  /** All credentials of this user, the last used first. `current` marks the credential of this request. */
  async credentials(options = {}) {
    const listed = [];
    for (let query = ""; query !== void 0; ) {
      const page = await this.#send(`/api/user/credentials/${query}`, init("GET", options));
      listed.push(...await bodyOf(page));
      query = /^<(\?[^>]*)/.exec(page.headers.get("link") ?? "")?.[1];
    }
    return listed;
  }
  /** Revokes one credential by its `id`. To revoke the current one, call `logout`. Problems: `not_found`. */
  revokeCredential(id, options = {}) {
    return this.#ask("DELETE", `/api/user/credentials/${encodeURIComponent(id)}/`, options);
  }
  /** Revokes all other credentials, access tokens of other JWT pairs included. */
  revokeOtherCredentials(options = {}) {
    return this.revokeCredential("others", options);
  }
  /**
   * Sends a request with the credentials to a path of the server or a URL of one of `origins`. A JWT that expires soon is
   * refreshed first. After a 401 the token is refreshed once and the request repeated. The time limit ends with the headers
   * of the response.
   */
  fetch(input, init2) {
    return this.#send(input, init2, true);
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
  async #ask(method, path, options = {}, body) {
    return bodyOf(await this.#send(path, init(method, options, body)));
  }
  /** Posts a login request. Only linking sends the current credential: an expired one would fail the login. */
  async #post(path, body, { kind, link, signal }) {
    const credentials = link ? await this.#state.current() : null;
    return bodyOf(await this.#request("POST", path, familyOf(kind), body, credentials, { signal }));
  }
  /** Calls an operation of the server with these credentials, or for the family `session` with the cookie. */
  #request(method, path, family, body, credentials, options) {
    const request = new Request(this.baseUrl + path, init(method, options, body));
    return this.#call(authenticated(request, family, credentials));
  }
  async #send(input, init2, isStreamed = false) {
    const own = this.baseUrl;
    const original = new Request(input instanceof Request ? input : new URL(input, own), init2);
    const { origin, pathname } = new URL(original.url);
    const isOwn = origin === own;
    const isAllowed = isOwn || this.#options.origins?.some((address) => new URL(address).origin === origin);
    if (!isAllowed || isOwn && pathname.startsWith("/api/token/")) return this.#call(original, isStreamed);
    const credentials = await this.#state.current();
    const retry = credentials?.family.startsWith("jwt") && original.clone();
    const send = async (request, token) => this.#call(authenticated(request, await this.#state.family(), token), isStreamed);
    const response = await send(original, credentials);
    if (response.status !== 401 || !credentials) return response;
    const refreshed = retry ? await this.#state.refresh(credentials) : null;
    if (retry && refreshed?.login === credentials.login) return send(retry, refreshed);
    if (isOwn) await this.#state.forget(credentials);
    return response;
  }
  #call(request, isStreamed = false) {
    const { fetch: send = fetch, timeout = 3e4 } = this.#options;
    const page = this.#browser.location?.href;
    return call(send, request, timeout, isStreamed, page && new URL(page).origin);
  }
  get #browser() {
    return this.#options.browser ?? (typeof window === "undefined" ? NO_BROWSER : window);
  }
  get #incomplete() {
    return this.#incompleteInUse ??= new IncompleteLogins(this.#state.tabStorage);
  }
};
var NO_BROWSER = {};
function ignoreExpired(problem) {
  if (!(problem instanceof Problem) || problem.status !== 401) throw problem;
}
function pageOf(address = "") {
  return address.replace(/[?#].*$/, "");
}
export {
  Problem,
  SocialAuth,
  createClient,
  memoryStorage,
  webStorage
};
