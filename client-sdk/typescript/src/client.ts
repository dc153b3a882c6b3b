/** The client: sign in by redirect or pop-up, make authenticated requests, refresh tokens, sign out. */

import createFetchClient, { type Client } from "openapi-fetch";
import { AuthorizationRequests, requestKeys, type AuthorizationRequest, type LoginKind } from "./authorization-request.js";
import { cleanAddress, readCallback, type Callback } from "./callback.js";
import {
  authorization,
  memoryStorage,
  needsRefresh,
  type Credentials,
  type CredentialStorage,
  type Family,
} from "./credentials.js";
import { sendToOpener, waitForCallback } from "./popup.js";
import { Problem } from "./problem.js";
import type { components, paths } from "./schema.js";

/** Members that the server's settings declare. The OpenAPI document of a server has them; the checked-in one has none. */
type DeclaredFields = { [field: string]: unknown };
export type User = components["schemas"]["User"] & DeclaredFields;
export type Provider = components["schemas"]["Provider"];
export type SocialAccount = components["schemas"]["SocialAccount"];
/** The provider's token of this user. Its bearer acts as the user, so do not log or store it. */
export type ProviderToken = components["schemas"]["ProviderToken"];
/** A credential of this user, on this or another device. */
export type ListedCredential = components["schemas"]["Credential"];
/** One input field. Its answer has the key `name` and is a text, or a boolean for a checkbox. */
export type AskedField = components["schemas"]["AskedField"];
export type UserChange = components["schemas"]["UserChange"] & DeclaredFields;
export type UserExport = components["schemas"]["UserExport"];

/** The parts of a browser window that the client uses. Tests pass their own. */
export interface Browser {
  location: { href: string; assign(address: string): void };
  history: { state: unknown; replaceState(state: unknown, unused: string, address: string): void };
  sessionStorage: Storage;
  document: { hasFocus(): boolean };
  open(address: string, target: string, features: string): Window | null;
  close(): void;
}

export interface ClientOptions {
  /** The server's URL. Default: the origin of the page. */
  baseUrl?: string;
  /**
   * The login route that `signIn` uses by default. Default: `session`. After a login of another kind, `user`, `fetch` and
   * `logout` use the credential of that login.
   */
  kind?: LoginKind;
  /** The page that calls `handleCallback`. It must be in the server's ALLOWED_REDIRECT_URIS. */
  redirectUri?: string;
  /** Where tokens are stored. Default: in memory. The session kind stores none: scripts cannot read its cookie. */
  storage?: CredentialStorage;
  /** Other origins to which `fetch` sends the credentials, such as your API. Default: the server only. */
  origins?: string[];
  /** Called when the server rejects the credentials because they are revoked or expired. */
  onSignedOut?: () => void;
  fetch?: typeof fetch;
  browser?: Browser;
}

export interface SignInOptions {
  /** Overrides the client's kind. The client then uses the credential of this login. */
  kind?: LoginKind;
  redirectUri?: string;
  /** Overrides the scopes configured in the server. */
  scope?: string[];
  /** Returned with the result: a path, or a URL of an allowed origin. */
  next?: string;
  /** Links the account to the signed-in user. With sessions this happens always, because the cookie is always sent. */
  link?: boolean;
  /** Values for the provider's URL, such as `{ shop: "…" }` for Shopify. */
  address?: Record<string, string>;
}

export interface SignedIn {
  provider: string;
  kind: LoginKind;
  /** Set for `session` and the kinds that end in `user`; otherwise call `user()`. */
  user: User | null;
  next: string | undefined;
  /** Whether the login was a sign-up. Set when the server has REST_SOCIAL_IS_NEW. */
  isNew?: boolean;
}

/** The login needs additional input: show `fields` in a form and pass the answers to `resume`. */
export interface InputRequired {
  provider: string;
  kind: LoginKind;
  next: string | undefined;
  /** The pipeline step that needs the input, such as `require_email`. */
  step: string;
  fields: AskedField[];
  flowToken: string;
  /** Milliseconds since 1970, when the pending login expires. */
  expires: number;
}

export type SignInResult = ({ outcome: "signed-in" } & SignedIn) | ({ outcome: "input-required" } & InputRequired);

export type CallbackResult =
  | SignInResult
  /** This page is the pop-up. The opener completes the login; the pop-up closes. */
  | { outcome: "sent-to-opener" }
  /** The URL is not a callback. */
  | { outcome: "none" };

/** One promise for each callback, also when a page calls twice (as React's StrictMode does). */
const pendingCallbacks = new WeakMap<object, Promise<CallbackResult>>();
/** Session storage key: the tab is signed in with a session although the client has another kind. */
const SESSION_KEY = "rest-social-auth.session";
/** Milliseconds for which `handleCallback` returns the result of a completed callback again. */
const RESULT_LIFETIME = 1000;

export function createClient(options: ClientOptions = {}): SocialAuth {
  return new SocialAuth(options);
}

export class SocialAuth {
  readonly kind: LoginKind;
  /** All operations of the server, typed from its OpenAPI document and sent with the credentials. */
  readonly api: Client<paths>;
  readonly #baseUrl: string;
  readonly #redirectUri: string | undefined;
  readonly #storage: CredentialStorage;
  readonly #origins: Set<string>;
  readonly #onSignedOut: () => void;
  readonly #fetchOption: typeof fetch | undefined;
  readonly #browserOption: Browser | undefined;
  #refreshing: Promise<Credentials | null> | undefined;

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

  /** The configured providers, in the order of the server. */
  async providers(): Promise<Provider[]> {
    return (await this.#answer(this.api.GET("/api/login/social/providers/"))).providers;
  }

  /**
   * Begins a login. With a redirect (the default) the browser leaves the page and the promise never settles. With a
   * pop-up the promise gives the result. Call it directly in a click handler, or the browser blocks the pop-up.
   *
   * Problems: those of the server, `popup_blocked`, `popup_closed`.
   */
  signIn(provider: string, options: SignInOptions & { mode: "popup" }): Promise<SignInResult>;
  signIn(provider: string, options?: SignInOptions & { mode?: "redirect" }): Promise<never>;
  signIn(provider: string, options: SignInOptions & { mode?: "redirect" | "popup" }): Promise<SignInResult>;
  async signIn(provider: string, options: SignInOptions & { mode?: "redirect" | "popup" } = {}): Promise<SignInResult> {
    if (options.mode === "popup") return this.#signInByPopup(provider, options);
    const begun = await this.#begin(provider, options);
    new AuthorizationRequests(this.#browser.sessionStorage).save(begun.keys, begun.request);
    this.#browser.location.assign(begun.authorizationUrl);
    return new Promise<never>(() => {});
  }

  async #signInByPopup(provider: string, options: SignInOptions): Promise<SignInResult> {
    // Open the window before the first await. Afterwards the browser no longer connects it with the click.
    const popup = this.#browser.open("about:blank", "_blank", "popup,width=480,height=720");
    if (!popup) throw new Problem({ code: "popup_blocked", detail: "The browser blocked the sign-in window." });
    try {
      const { keys, request, authorizationUrl } = await this.#begin(provider, options);
      const callback = waitForCallback(keys, popup, () => this.#browser.document.hasFocus());
      popup.location.href = authorizationUrl;
      return await this.#completeLogin(request, await callback);
    } finally {
      popup.close();
    }
  }

  async #begin(provider: string, options: SignInOptions) {
    const { redirectUri = this.#redirectUri, scope, next, link = false, address } = options;
    // Linking needs the credential of the signed-in user, so a session links by the session kind.
    const kind = options.kind ?? (link && (await this.#family()) === "session" ? "session" : this.kind);
    const body = {
      ...address,
      ...(redirectUri === undefined ? {} : { redirect_uri: redirectUri }),
      ...(scope === undefined ? {} : { scope }),
      ...(next === undefined ? {} : { next }),
    };
    const path = `/api/login/social/begin/${encodeURIComponent(provider)}/`;
    const begun = await this.#post<components["schemas"]["AuthorizationRequest"]>(path, body, kind, link);
    const request: AuthorizationRequest = {
      provider,
      kind,
      flowToken: begun.flow_token,
      expires: Date.now() + begun.expires_in * 1000,
      ...(begun.next ? { next: begun.next } : {}),
      ...(link ? { link } : {}),
    };
    const authorizationUrl = begun.authorization_url;
    return { request, authorizationUrl, keys: requestKeys(begun.state, authorizationUrl) };
  }

  /**
   * Completes a login on the page at `redirectUri`: reads the URL, removes the code from it, and signs in. It is safe to
   * call it on any page and more than once.
   *
   * Problems: those of the server, such as `access_denied` when the user denied consent, and `callback_unknown`.
   */
  handleCallback(): Promise<CallbackResult> {
    const browser = this.#browser;
    const callback = readCallback(browser.location.href);
    if (!callback) return pendingCallbacks.get(browser) ?? Promise.resolve({ outcome: "none" });
    browser.history.replaceState(browser.history.state, "", cleanAddress(browser.location.href));
    const result = this.#completeCallback(callback);
    pendingCallbacks.set(browser, result);
    const forget = () => {
      setTimeout(() => {
        if (pendingCallbacks.get(browser) === result) pendingCallbacks.delete(browser);
      }, RESULT_LIFETIME);
    };
    result.then(forget, forget);
    return result;
  }

  async #completeCallback({ keys, fields }: Callback): Promise<CallbackResult> {
    const request = new AuthorizationRequests(this.#browser.sessionStorage).consume(keys);
    if (request) return this.#completeLogin(request, fields);
    if (await sendToOpener(keys, fields)) {
      this.#browser.close();
      return { outcome: "sent-to-opener" };
    }
    throw new Problem({
      code: "callback_unknown",
      detail: "This sign-in was not started in this tab, or it is already complete. Start again.",
    });
  }

  async #completeLogin(request: AuthorizationRequest, fields: Record<string, string>): Promise<SignInResult> {
    const { provider, kind, flowToken, next, link = false } = request;
    const path = `/api/login/social/${kind}/${encodeURIComponent(provider)}/`;
    const answer = this.#post<Answer>(path, { ...fields, flow_token: flowToken }, kind, link);
    return this.#outcome({ provider, kind, next }, answer);
  }

  /**
   * Continues a pending login with the user's answers. The server may ask for more input again.
   *
   * Problems: those of the server. After `invalid_request` with `errors` by field, call it again with other answers.
   */
  async resume(pending: InputRequired, answers: Record<string, string | boolean>): Promise<SignInResult> {
    const { provider, kind, next, flowToken } = pending;
    const path = "/api/login/social/resume/";
    const answer = this.#post<Answer>(path, { flow_token: flowToken, answers }, kind, false);
    return this.#outcome({ provider, kind, next }, answer);
  }

  async #outcome(login: Pick<SignedIn, "provider" | "kind" | "next">, answer: Promise<Answer>): Promise<SignInResult> {
    const { kind } = login;
    let body: Answer;
    try {
      body = await answer;
    } catch (problem) {
      if (!(problem instanceof Problem) || !problem.additionalInput) throw problem;
      const { expiresIn, ...asked } = problem.additionalInput;
      return { outcome: "input-required", ...login, ...asked, expires: Date.now() + expiresIn * 1000 };
    }
    const family = familyOf(kind);
    if (family !== "session") {
      const { token, refresh } = body;
      if (!token) throw new Problem({ code: "unexpected_answer", detail: "The response of the login has no token." });
      await this.#storage.set({ family, token, received: Date.now(), ...(refresh ? { refresh } : {}) });
      this.#markSession(false);
    } else {
      await this.#storage.set(null);
      this.#markSession(familyOf(this.kind) !== "session");
    }
    const { is_new: isNew } = body;
    return { outcome: "signed-in", ...login, user: userOf(body), ...(isNew === undefined ? {} : { isNew }) };
  }

  /** The signed-in user, or `null`. */
  async user(): Promise<User | null> {
    if ((await this.#family()) !== "session" && (await this.#storage.get()) === null) return null;
    const { data, error, response } = await this.api.GET("/api/user/");
    if (data) return data;
    if (response.status === 401) return null;
    throw Problem.read(error, response.status);
  }

  /** Updates editable fields of the user. Problems: `invalid_request` with `errors` by field. */
  async updateUser(change: UserChange): Promise<User> {
    return this.#answer(this.api.PATCH("/api/user/", { body: change }));
  }

  /** Everything that the server stores about this user. */
  async exportUser(): Promise<UserExport> {
    return this.#answer(this.api.GET("/api/user/export/"));
  }

  /** Deletes the user permanently. Problems: `fresh_login_required` (sign in again first). */
  async deleteUser(): Promise<void> {
    await this.#done(this.api.DELETE("/api/user/"));
    await this.#clear();
  }

  /** The social accounts of this user. */
  async socialAccounts(): Promise<SocialAccount[]> {
    return this.#answer(this.api.GET("/api/user/social/"));
  }

  /**
   * Unlinks an account by its `id` in the list. Problems: `last_login_method` (link another account first),
   * `fresh_login_required` (sign in again first), `not_found`.
   */
  async unlink(account: number): Promise<void> {
    await this.#done(this.api.DELETE("/api/user/social/{id}/", { params: { path: { id: String(account) } } }));
  }

  /**
   * The provider's access token of an account, refreshed when necessary. Problems: `token_not_kept` when the server
   * stores none, `token_ended` when it has expired (sign in with the account again).
   */
  async providerToken(account: number): Promise<ProviderToken> {
    return this.#answer(this.api.GET("/api/user/social/{id}/token/", { params: { path: { id: String(account) } } }));
  }

  /** All credentials of this user, the last used first. `current` marks the credential of this request. */
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

  /** Revokes one credential by its `id`. To revoke the current one, call `logout`. Problems: `not_found`. */
  async revokeCredential(id: string): Promise<void> {
    await this.#done(this.api.DELETE("/api/user/credentials/{id}/", { params: { path: { id } } }));
  }

  /** Revokes all other credentials, access tokens of other JWT pairs included. */
  async revokeOtherCredentials(): Promise<void> {
    await this.revokeCredential("others");
  }

  /**
   * Sends a request with the credentials to a path of the server or a URL of one of `origins`. A JWT that expires soon is
   * refreshed first. After a 401 the token is refreshed once and the request repeated.
   */
  async fetch(input: string | URL, init?: RequestInit): Promise<Response> {
    return this.#send(new Request(new URL(input, `${this.#baseUrl}/`), init));
  }

  /** The token for requests that do not use this client, refreshed when necessary; `null` without a token. */
  async token(): Promise<string | null> {
    return (await this.#current())?.token ?? null;
  }

  /**
   * Signs out. The server revokes sessions, knox tokens and JWTs. All devices of a user share one permanent token
   * (`token`), so this client only deletes its copy; `logoutEverywhere` revokes it.
   */
  async logout(): Promise<void> {
    const stored = await this.#storage.get();
    const family = await this.#family();
    try {
      if (family === "session") await this.#logOut(this.api.POST("/api/session/logout/"));
      else if (stored && family === "knox") await this.#logOut(this.api.POST("/api/knox/logout/"));
      else if (stored && family !== "token") await this.#blacklist(stored.refresh ?? stored.token);
    } finally {
      await this.#clear();
    }
  }

  /** Revokes all credentials of this user, on all devices. */
  async logoutEverywhere(): Promise<void> {
    try {
      await this.#logOut(this.api.POST("/api/logout/all/"));
    } finally {
      await this.#clear();
    }
  }

  /** The family of the current credential, or of the client's kind when signed out. */
  async #family(): Promise<Family> {
    const stored = await this.#storage.get();
    if (stored) return stored.family;
    return this.#browser.sessionStorage.getItem(SESSION_KEY) === this.#baseUrl ? "session" : familyOf(this.kind);
  }

  #markSession(isSession: boolean): void {
    const storage = this.#browser.sessionStorage;
    if (isSession) storage.setItem(SESSION_KEY, this.#baseUrl);
    else storage.removeItem(SESSION_KEY);
  }

  async #clear(): Promise<void> {
    await this.#storage.set(null);
    this.#markSession(false);
  }

  async #blacklist(refresh: string): Promise<void> {
    await this.#logOut(this.api.POST("/api/token/blacklist/", { body: { refresh } }));
  }

  async #done(call: Promise<{ error?: unknown; response: Response }>): Promise<void> {
    const { error, response } = await call;
    if (!response.ok) throw Problem.read(error, response.status);
  }

  /** Logging out with an expired credential (401) counts as success. */
  async #logOut(call: Promise<{ error?: unknown; response: Response }>): Promise<void> {
    const { error, response } = await call;
    if (!response.ok && response.status !== 401) throw Problem.read(error, response.status);
  }

  async #answer<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
    const { data, error, response } = await call;
    if (data === undefined) throw Problem.read(error, response.status);
    return data;
  }

  /** Posts a login request. Only linking sends the current credential: an expired one would fail the login. */
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
    const retry = credentials?.refresh ? request.clone() : undefined;
    const response = await this.#call(await this.#with(request, credentials));
    if (response.status !== 401 || !credentials) return response;
    const refreshed = retry ? await this.#refresh(credentials) : null;
    if (retry && refreshed) return this.#call(await this.#with(retry, refreshed));
    if (new URL(request.url).origin === new URL(this.#baseUrl).origin) await this.#forget(credentials);
    return response;
  }

  async #with(request: Request, credentials: Credentials | null): Promise<Request> {
    const isSession = (await this.#family()) === "session";
    const authenticated = new Request(request, { credentials: isSession ? "include" : "omit" });
    if (credentials) authenticated.headers.set("authorization", authorization(credentials));
    return authenticated;
  }

  async #current(): Promise<Credentials | null> {
    const credentials = await this.#storage.get();
    return credentials && needsRefresh(credentials, Date.now()) ? this.#refresh(credentials) : credentials;
  }

  /** One refresh at a time for all waiting requests, in this tab and in other tabs with the same storage. */
  #refresh(stale: Credentials): Promise<Credentials | null> {
    this.#refreshing ??= withLock(() => this.#refreshOnce(stale)).finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #refreshOnce(stale: Credentials): Promise<Credentials | null> {
    const stored = await this.#storage.get();
    if (stored?.token !== stale.token) return stored;
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
    if (!token) throw new Problem({ code: "unexpected_answer", detail: "The response of the refresh has no token." });
    const refreshed = { ...stale, token, received: Date.now(), ...(refresh ? { refresh } : {}) };
    await this.#storage.set(refreshed);
    return refreshed;
  }

  /** Deletes rejected credentials, unless another tab has stored new ones. */
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

/** The answer of a login route. `resume` adds the kind. */
type Answer = Partial<User> & { kind?: LoginKind; token?: string; refresh?: string; is_new?: boolean };

function userOf({ kind: _kind, token: _token, refresh: _refresh, is_new: _isNew, ...user }: Answer): User | null {
  return user.id === undefined ? null : (user as User);
}

function familyOf(kind: LoginKind): Family {
  return kind.replace(/[-_]user$/, "") as Family;
}

/** The cursor of the next page from a `Link` header; `undefined` on the last page. */
function cursorOf(link: string | null): string | undefined {
  const query = /^<\?([^>]*)>;\s*rel="next"$/.exec(link ?? "")?.[1];
  return query === undefined ? undefined : (new URLSearchParams(query).get("cursor") ?? undefined);
}

async function withLock<T>(work: () => Promise<T>): Promise<T> {
  const locks = globalThis.navigator?.locks;
  return locks ? await locks.request("rest-social-auth.refresh", work) : work();
}
