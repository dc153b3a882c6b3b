/** The client: sign in by redirect or pop-up, call with credentials that renew themselves, sign out. */

import createFetchClient, { type Client } from "openapi-fetch";
import { Attempts, keysOf, type Attempt, type LoginKind } from "./attempt.js";
import { cleanAddress, readCallback, type Callback } from "./callback.js";
import {
  authorization,
  isDue,
  memoryStorage,
  type Credentials,
  type CredentialStorage,
  type Family,
} from "./credentials.js";
import { awaitCallback, offerCallback } from "./handover.js";
import { Problem } from "./problem.js";
import type { components, paths } from "./schema.js";

export type User = components["schemas"]["User"];
export type Provider = components["schemas"]["Provider"];
export type SocialAccount = components["schemas"]["SocialAccount"];
/** What a provider lets its holder do as this user: keep it out of logs and storage. */
export type ProviderToken = components["schemas"]["ProviderToken"];
/** Something that this user is signed in with, here or on another device. */
export type ListedCredential = components["schemas"]["Credential"];
/** One thing to ask the person; its answer goes under its `name`: a text, or a boolean for a checkbox. */
export type AskedField = components["schemas"]["AskedField"];
export type UserChange = components["schemas"]["UserChange"];
export type UserExport = components["schemas"]["UserExport"];

/** The parts of a browser's window that the flow uses; a test hands in its own. */
export interface Browser {
  location: { href: string; assign(address: string): void };
  history: { state: unknown; replaceState(state: unknown, unused: string, address: string): void };
  sessionStorage: Storage;
  document: { hasFocus(): boolean };
  open(address: string, target: string, features: string): Window | null;
  close(): void;
}

export interface ClientOptions {
  /** Where the server is. Default: the page's own origin. */
  baseUrl?: string;
  /**
   * Which login route is used when `signIn` names none. Default: `session`. After a login by another kind the client goes
   * on with that kind: `user`, `fetch` and `logout` use what the last login gave.
   */
  kind?: LoginKind;
  /** Where providers send the browser back to: a page of yours that calls `handleCallback`. Must be listed at the server. */
  redirectUri?: string;
  /** Where tokens are kept. Default: in memory. The session kind keeps nothing: its cookie is out of reach of scripts. */
  storage?: CredentialStorage;
  /** Further origins that may see the credentials in `fetch`, such as your own API's. Default: only the server's. */
  origins?: string[];
  /** Called when the server ended the credentials by itself. */
  onSignedOut?: () => void;
  fetch?: typeof fetch;
  browser?: Browser;
}

export interface SignInOptions {
  /** Instead of the client's own kind; the client goes on with what this login gives. */
  kind?: LoginKind;
  redirectUri?: string;
  /** Instead of the scopes that the server is configured with. */
  scope?: string[];
  /** Comes back with the answer; a path, or an address of a listed origin. */
  next?: string;
  /** Links the provider's account to whoever is signed in. Of itself for sessions: a cookie goes along with each call. */
  link?: boolean;
  /** What the provider's own address needs, such as Shopify's `{ shop: "…" }`. */
  address?: Record<string, string>;
}

export interface SignedIn {
  provider: string;
  kind: LoginKind;
  /** With session and the kinds that end in `user`; otherwise ask `user()`. */
  user: User | null;
  next: string | undefined;
  /** Whether it was a sign-up; where the server is set to tell (REST_SOCIAL_IS_NEW). */
  isNew?: boolean;
}

/** The server asks the person for more before it signs them in: draw `fields`, and give the answers to `resume`. */
export interface MoreNeeded {
  provider: string;
  kind: LoginKind;
  next: string | undefined;
  /** Which step asks, such as `require_email`. */
  step: string;
  fields: AskedField[];
  flowToken: string;
  /** Milliseconds since 1970: the login waits until then. */
  expires: number;
}

export type SignInResult = ({ outcome: "signed-in" } & SignedIn) | ({ outcome: "more-needed" } & MoreNeeded);

export type CallbackResult =
  | SignInResult
  /** This is the pop-up, and the page that opened it goes on. It closes itself. */
  | { outcome: "handed-over" }
  /** This address is no callback. */
  | { outcome: "none" };

/** One promise for one callback, however often a page asks (React's StrictMode asks twice). */
const handling = new WeakMap<object, Promise<CallbackResult>>();
/** Where a tab notes that it is signed in by a session although its client is of another kind. */
const SESSION_MARK = "rest-social-auth.session";
/** Milliseconds for which a finished callback is still the answer. */
const REMEMBERED = 1000;

export function createClient(options: ClientOptions = {}): SocialAuth {
  return new SocialAuth(options);
}

export class SocialAuth {
  readonly kind: LoginKind;
  /** All operations of the server, typed from its OpenAPI document; the credentials go along. */
  readonly api: Client<paths>;
  readonly #baseUrl: string;
  readonly #redirectUri: string | undefined;
  readonly #storage: CredentialStorage;
  readonly #origins: Set<string>;
  readonly #onSignedOut: () => void;
  readonly #fetchOption: typeof fetch | undefined;
  readonly #browserOption: Browser | undefined;
  #renewing: Promise<Credentials | null> | undefined;

  constructor(options: ClientOptions) {
    const { baseUrl, kind = "session", redirectUri, storage = memoryStorage(), origins = [], onSignedOut } = options;
    this.#fetchOption = options.fetch;
    this.#browserOption = options.browser;
    this.#baseUrl = new URL(baseUrl ?? "/", this.#browser.location.href).href.replace(/\/$/, "");
    this.kind = kind;
    this.#redirectUri = redirectUri;
    this.#storage = storage;
    this.#origins = new Set([this.#baseUrl, ...origins].map((address) => new URL(address).origin));
    this.#onSignedOut = onSignedOut ?? (() => {});
    this.api = createFetchClient<paths>({ baseUrl: this.#baseUrl, fetch: (request) => this.#send(request) });
  }

  /** What can be signed in with, in the server's order. */
  async providers(): Promise<Provider[]> {
    return (await this.#answer(this.api.GET("/api/login/social/providers/"))).providers;
  }

  /**
   * Begins a login. By redirect (the default) the page goes away, and the promise never settles; by pop-up it gives the
   * signed-in user, or what the person is asked first. Call it straight from a click, or browsers will block the pop-up.
   *
   * Problems: those of the server, `popup_blocked`, `popup_closed`.
   */
  signIn(provider: string, options: SignInOptions & { mode: "popup" }): Promise<SignInResult>;
  signIn(provider: string, options?: SignInOptions & { mode?: "redirect" }): Promise<never>;
  signIn(provider: string, options: SignInOptions & { mode?: "redirect" | "popup" }): Promise<SignInResult>;
  async signIn(provider: string, options: SignInOptions & { mode?: "redirect" | "popup" } = {}): Promise<SignInResult> {
    if (options.mode === "popup") return this.#signInByPopup(provider, options);
    const begun = await this.#begin(provider, options);
    new Attempts(this.#browser.sessionStorage).keep(begun.keys, begun.attempt);
    this.#browser.location.assign(begun.address);
    return new Promise<never>(() => {});
  }

  async #signInByPopup(provider: string, options: SignInOptions): Promise<SignInResult> {
    // Opened before anything is awaited: later, it is no longer the click's.
    const popup = this.#browser.open("about:blank", "_blank", "popup,width=480,height=720");
    if (!popup) throw new Problem({ code: "popup_blocked", detail: "The browser blocked the sign-in window." });
    try {
      const { keys, attempt, address } = await this.#begin(provider, options);
      const coming = awaitCallback(keys, popup, () => this.#browser.document.hasFocus());
      popup.location.href = address;
      return await this.#finish(attempt, await coming);
    } finally {
      popup.close();
    }
  }

  async #begin(provider: string, options: SignInOptions) {
    const { redirectUri = this.#redirectUri, scope, next, link = false, address } = options;
    // An account is linked to whoever is signed in, so the login is of the kind that shows who that is.
    const kind = options.kind ?? (link && (await this.#family()) === "session" ? "session" : this.kind);
    const body = {
      ...address,
      ...(redirectUri === undefined ? {} : { redirect_uri: redirectUri }),
      ...(scope === undefined ? {} : { scope }),
      ...(next === undefined ? {} : { next }),
    };
    const path = `/api/login/social/begin/${encodeURIComponent(provider)}/`;
    const begun = await this.#post<components["schemas"]["Begun"]>(path, body, kind, link);
    const attempt: Attempt = {
      provider,
      kind,
      flowToken: begun.flow_token,
      expires: Date.now() + begun.expires_in * 1000,
      ...(begun.next ? { next: begun.next } : {}),
      ...(link ? { link } : {}),
    };
    const target = begun.authorization_url;
    return { attempt, address: target, keys: keysOf(begun.state, target) };
  }

  /**
   * Finishes a login on the page of `redirectUri`: reads the address, removes the code from it, and signs in. Safe to
   * call on any page and more than once.
   *
   * Problems: those of the server, among them `access_denied` where the person said no, and `callback_unknown`.
   */
  handleCallback(): Promise<CallbackResult> {
    const browser = this.#browser;
    const callback = readCallback(browser.location.href);
    if (!callback) return handling.get(browser) ?? Promise.resolve({ outcome: "none" });
    browser.history.replaceState(browser.history.state, "", cleanAddress(browser.location.href));
    const result = this.#complete(callback);
    handling.set(browser, result);
    const forget = () => {
      setTimeout(() => {
        if (handling.get(browser) === result) handling.delete(browser);
      }, REMEMBERED);
    };
    result.then(forget, forget);
    return result;
  }

  async #complete({ keys, fields }: Callback): Promise<CallbackResult> {
    const attempt = new Attempts(this.#browser.sessionStorage).take(keys);
    if (attempt) return this.#finish(attempt, fields);
    if (await offerCallback(keys, fields)) {
      this.#browser.close();
      return { outcome: "handed-over" };
    }
    throw new Problem({
      code: "callback_unknown",
      detail: "This sign-in was not begun here, or is finished already. Begin again.",
    });
  }

  async #finish(attempt: Attempt, fields: Record<string, string>): Promise<SignInResult> {
    const { provider, kind, flowToken, next, link = false } = attempt;
    const path = `/api/login/social/${kind}/${encodeURIComponent(provider)}/`;
    const body = await this.#post<Answer>(path, { ...fields, flow_token: flowToken }, kind, link);
    return this.#outcome({ provider, kind, next }, body);
  }

  /**
   * Goes on with a login that waits for the person. It may ask for more once again.
   *
   * Problems: those of the server, among them `invalid_request` with `errors` by field, after which the same login can be
   * given other answers.
   */
  async resume(waiting: MoreNeeded, answers: Record<string, string | boolean>): Promise<SignInResult> {
    const { provider, kind, next, flowToken } = waiting;
    const path = "/api/login/social/resume/";
    const body = await this.#post<Answer>(path, { ...answers, flow_token: flowToken }, kind, false);
    return this.#outcome({ provider, kind, next }, body);
  }

  async #outcome(login: Pick<SignedIn, "provider" | "kind" | "next">, body: Answer): Promise<SignInResult> {
    const { kind } = login;
    if (asksForMore(body)) {
      const { flow_token: flowToken, expires_in, step, fields } = body;
      return { outcome: "more-needed", ...login, step, fields, flowToken, expires: Date.now() + expires_in * 1000 };
    }
    const family = familyOf(kind);
    if (family !== "session") {
      const { token, refresh } = body;
      if (!token) throw new Problem({ code: "unexpected_answer", detail: "The login's answer holds no token." });
      await this.#storage.set({ family, token, received: Date.now(), ...(refresh ? { refresh } : {}) });
      this.#markSession(false);
    } else {
      await this.#storage.set(null);
      this.#markSession(familyOf(this.kind) !== "session");
    }
    const { is_new: isNew } = body;
    return { outcome: "signed-in", ...login, user: userOf(body), ...(isNew === undefined ? {} : { isNew }) };
  }

  /** Who is signed in; `null`: nobody. */
  async user(): Promise<User | null> {
    if ((await this.#family()) !== "session" && (await this.#storage.get()) === null) return null;
    const { data, error, response } = await this.api.GET("/api/user/");
    if (data) return data;
    if (response.status === 401) return null;
    throw Problem.read(error, response.status);
  }

  /** Changes what the server lets users change about themselves. Problems: `invalid_request` with `errors` by field. */
  async updateUser(change: UserChange): Promise<User> {
    return this.#answer(this.api.PATCH("/api/user/", { body: change }));
  }

  /** All that the server keeps of this user. */
  async exportUser(): Promise<UserExport> {
    return this.#answer(this.api.GET("/api/user/export/"));
  }

  /** Deletes the user for good. Problems: `fresh_login_required`, and then sign in again first. */
  async deleteUser(): Promise<void> {
    await this.#done(this.api.DELETE("/api/user/"));
    await this.#clear();
  }

  /** The accounts that sign this user in. */
  async socialAccounts(): Promise<SocialAccount[]> {
    return this.#answer(this.api.GET("/api/user/social/"));
  }

  /**
   * Takes an account, by its `id` in the list, from this user. Problems: `last_login_method`, and then link another one
   * first; `fresh_login_required`, and then sign in again first; `not_found`.
   */
  async unlink(account: number): Promise<void> {
    await this.#done(this.api.DELETE("/api/user/social/{id}/", { params: { path: { id: String(account) } } }));
  }

  /**
   * The provider's own token of an account, renewed where it is due, to call the provider with. Problems:
   * `token_not_kept` where the server keeps none; `token_ended`, and then sign in with the account again.
   */
  async providerToken(account: number): Promise<ProviderToken> {
    return this.#answer(this.api.GET("/api/user/social/{id}/token/", { params: { path: { id: String(account) } } }));
  }

  /** All that this user is signed in with, the latest used first; `current` is the one that asks. */
  async credentials(): Promise<ListedCredential[]> {
    const listed: ListedCredential[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.api.GET("/api/user/credentials/", { params: { query: cursor === undefined ? {} : { cursor } } });
      listed.push(...(await this.#answer(Promise.resolve(page))));
      cursor = cursorOf(page.response.headers.get("link"));
    } while (cursor !== undefined);
    return listed;
  }

  /** Ends one of them by its `id`. To end this one, call `logout`. Problems: `not_found`. */
  async endCredential(id: string): Promise<void> {
    await this.#done(this.api.DELETE("/api/user/credentials/{id}/", { params: { path: { id } } }));
  }

  /** Ends all but the one that asks. An access token of a pair lives on until its own end, minutes later. */
  async endOthers(): Promise<void> {
    await this.endCredential("others");
  }

  /**
   * Calls with the credentials: a path of the server, or an address of one of `origins`. A JWT that is about to end is
   * renewed first, and one that turns out to be over is renewed once and the call repeated.
   */
  async fetch(input: string | URL, init?: RequestInit): Promise<Response> {
    return this.#send(new Request(new URL(input, `${this.#baseUrl}/`), init));
  }

  /** The token for calls that this client does not make itself, renewed where it is due; `null`: there is none. */
  async token(): Promise<string | null> {
    return (await this.#current())?.token ?? null;
  }

  /**
   * Signs out here. Sessions, knox tokens and JWTs end at the server; a permanent token (`token`) is one for all devices
   * of its user and is only forgotten: `logoutEverywhere` ends it.
   */
  async logout(): Promise<void> {
    const kept = await this.#storage.get();
    const family = await this.#family();
    try {
      if (family === "session") await this.#end(this.api.POST("/api/session/logout/"));
      else if (kept && family === "knox") await this.#end(this.api.POST("/api/knox/logout/"));
      else if (kept && family !== "token") await this.#blacklist(kept.refresh ?? kept.token);
    } finally {
      await this.#clear();
    }
  }

  /** Ends everything that this user is signed in with, on all devices. */
  async logoutEverywhere(): Promise<void> {
    try {
      await this.#end(this.api.POST("/api/logout/all/"));
    } finally {
      await this.#clear();
    }
  }

  /** Of what is signed in; where nothing is, of the client's own kind. */
  async #family(): Promise<Family> {
    const kept = await this.#storage.get();
    if (kept) return kept.family;
    return this.#browser.sessionStorage.getItem(SESSION_MARK) === this.#baseUrl ? "session" : familyOf(this.kind);
  }

  #markSession(isSession: boolean): void {
    const storage = this.#browser.sessionStorage;
    if (isSession) storage.setItem(SESSION_MARK, this.#baseUrl);
    else storage.removeItem(SESSION_MARK);
  }

  async #clear(): Promise<void> {
    await this.#storage.set(null);
    this.#markSession(false);
  }

  async #blacklist(refresh: string): Promise<void> {
    await this.#end(this.api.POST("/api/token/blacklist/", { body: { refresh } }));
  }

  async #done(call: Promise<{ error?: unknown; response: Response }>): Promise<void> {
    const { error, response } = await call;
    if (!response.ok) throw Problem.read(error, response.status);
  }

  /** A logout of what is over already is one, too. */
  async #end(call: Promise<{ error?: unknown; response: Response }>): Promise<void> {
    const { error, response } = await call;
    if (!response.ok && response.status !== 401) throw Problem.read(error, response.status);
  }

  async #answer<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
    const { data, error, response } = await call;
    if (data === undefined) throw Problem.read(error, response.status);
    return data;
  }

  /** A step of a login. Old credentials stay away from it: an expired one would only spoil it. */
  async #post<T>(path: string, body: object, kind: LoginKind, link: boolean): Promise<T> {
    const headers = new Headers({ "content-type": "application/json", accept: "application/json" });
    const credentials = link ? await this.#current() : null;
    if (credentials) headers.set("authorization", authorization(credentials));
    const request = new Request(this.#baseUrl + path, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
      credentials: familyOf(kind) === "session" ? "include" : "omit",
    });
    const response = await this.#call(request);
    if (!response.ok) throw await Problem.of(response);
    return (await response.json()) as T;
  }

  async #send(request: Request): Promise<Response> {
    if (!this.#origins.has(new URL(request.url).origin)) return this.#call(request);
    const credentials = await this.#current();
    const spare = credentials?.refresh ? request.clone() : undefined;
    const response = await this.#call(await this.#with(request, credentials));
    if (response.status !== 401 || !credentials) return response;
    const renewed = spare ? await this.#renew(credentials) : null;
    if (spare && renewed) return this.#call(await this.#with(spare, renewed));
    if (new URL(request.url).origin === new URL(this.#baseUrl).origin) await this.#forget(credentials);
    return response;
  }

  async #with(request: Request, credentials: Credentials | null): Promise<Request> {
    const isSession = (await this.#family()) === "session";
    const shown = new Request(request, { credentials: isSession ? "include" : "omit" });
    if (credentials) shown.headers.set("authorization", authorization(credentials));
    return shown;
  }

  async #current(): Promise<Credentials | null> {
    const credentials = await this.#storage.get();
    return credentials && isDue(credentials, Date.now()) ? this.#renew(credentials) : credentials;
  }

  /** One renewal at a time, however many calls wait for it, in this tab and in others that share the storage. */
  #renew(stale: Credentials): Promise<Credentials | null> {
    this.#renewing ??= locked(() => this.#renewOnce(stale)).finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #renewOnce(stale: Credentials): Promise<Credentials | null> {
    const kept = await this.#storage.get();
    if (kept?.token !== stale.token) return kept;
    const [path, body] =
      stale.family === "jwt-sliding"
        ? ["/api/token/sliding/refresh/", { token: stale.token }]
        : ["/api/token/refresh/", { refresh: stale.refresh }];
    const headers = { "content-type": "application/json", accept: "application/json" };
    const response = await this.#call(
      new Request(this.#baseUrl + path, { method: "POST", headers, body: JSON.stringify(body), credentials: "omit" }),
    );
    if (response.status === 401) {
      await this.#forget(stale);
      return null;
    }
    if (!response.ok) throw await Problem.of(response);
    const { access, token = access, refresh = stale.refresh } = (await response.json()) as Record<string, string>;
    if (!token) throw new Problem({ code: "unexpected_answer", detail: "The renewal's answer holds no token." });
    const renewed = { ...stale, token, received: Date.now(), ...(refresh ? { refresh } : {}) };
    await this.#storage.set(renewed);
    return renewed;
  }

  /** The server ended them; what another tab stored since then stays. */
  async #forget(credentials: Credentials): Promise<void> {
    if ((await this.#storage.get())?.token !== credentials.token) return;
    await this.#storage.set(null);
    this.#onSignedOut();
  }

  async #call(request: Request): Promise<Response> {
    try {
      return await (this.#fetchOption ?? fetch)(request);
    } catch (cause) {
      if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
      throw new Problem({ code: "network_error", detail: "The server could not be reached.", cause });
    }
  }

  get #browser(): Browser {
    return this.#browserOption ?? window;
  }
}

type SignedInAnswer = Partial<User> & { token?: string; refresh?: string; is_new?: boolean };
type Answer = SignedInAnswer | components["schemas"]["MoreNeeded"];

/** What the person must answer first has a flow token, and no credential. */
function asksForMore(body: Answer): body is components["schemas"]["MoreNeeded"] {
  return "flow_token" in body;
}

function userOf({ token: _token, refresh: _refresh, is_new: _isNew, ...user }: SignedInAnswer): User | null {
  return user.id === undefined ? null : (user as User);
}

function familyOf(kind: LoginKind): Family {
  return kind.replace(/[-_]user$/, "") as Family;
}

/** The cursor of the next page, from a `Link` header; `undefined`: there is no further page. */
function cursorOf(link: string | null): string | undefined {
  const query = /^<\?([^>]*)>;\s*rel="next"$/.exec(link ?? "")?.[1];
  return query === undefined ? undefined : (new URLSearchParams(query).get("cursor") ?? undefined);
}

async function locked<T>(work: () => Promise<T>): Promise<T> {
  const locks = globalThis.navigator?.locks;
  return locks ? await locks.request("rest-social-auth.renewal", work) : work();
}
