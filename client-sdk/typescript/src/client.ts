/** The client: sign in by redirect or pop-up, make authenticated requests, refresh tokens, sign out. */

import { claimRequest, forgetCallbacks, PENDING, type AuthorizationRequest, type LoginKind } from "./authorization-request.js";
import { parseUrl, wait, withStorage, type Browser } from "./browser.js";
import { bodyOf, call, requestInit } from "./call.js";
import { cleanAddress, pageOf, readCallback, type CallbackFields } from "./callback.js";
import type { Credentials, Family } from "./credentials.js";
import { sendToOpener, waitForCallback } from "./popup.js";
import { fail, Problem, requireValue, retryOptionsOf, withRetryOptions, type RetryOptions } from "./problem.js";
import type { components } from "./schema.js";
import { authenticated, AuthState, familyOf } from "./state.js";
import type {
  AuthEvent,
  CallbackResult,
  CallOptions,
  ClientOptions,
  InputRequired,
  ListedCredential,
  NothingHappened,
  Provider,
  ProviderName,
  ProviderToken,
  Session,
  SignInOptions,
  SignInResult,
  SocialAccount,
  User,
  UserChange,
  UserExport,
} from "./types.js";

/** Results of `handleCallback` by page and server. A page that calls twice, as React's StrictMode does, gets one promise. */
const callbackResults = new WeakMap<object, Record<string, Promise<CallbackResult<never>> & { address?: string | undefined }>>();
/** Milliseconds for which `handleCallback` returns the result of a completed callback again. */
const RESULT_LIFETIME = 1000;
/** Milliseconds after which a page that should have been left counts as not left. */
const NAVIGATION_TIME = 5000;
/** `state_expired`, `state_mismatch`, `code_already_used`, `flow_mismatch`: after these a pending login cannot be resumed. */
const PENDING_ENDED = /^(state|code|flow)_/;

/** Answered 204 instead of 401 when signed out, because browsers log a 401 as an error. */
const USER_IF_ANY = "/api/user/?optional=true";

/** `Fields`: the user fields that your server declares, such as `createClient<{ locale?: string }>()`. */
export function createClient<Fields = unknown>(options: ClientOptions = {}): SocialAuth<Fields> {
  return new SocialAuth<Fields>(options);
}

export class SocialAuth<Fields = unknown> {
  readonly kind: LoginKind;
  readonly #options: ClientOptions;
  readonly #state: AuthState;
  readonly #browser: Browser;
  readonly #timeout: number;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.kind = options.kind ?? "session";
    this.#timeout = options.timeout ?? 30_000;
    this.#browser = options.browser ?? (typeof window === "undefined" ? {} : window);
    this.#state = new AuthState({
      kind: this.kind,
      storage: options.storage,
      browser: this.#browser,
      baseUrl: () => this.baseUrl,
      timeout: this.#timeout,
      post: (path, body) => this.#request("POST", path, "jwt-pair", body),
      loadUser: () => this.#loadUser(),
    });
  }

  /** The server's URL, without a slash at the end. Problems: `no_browser`, `invalid_base_url`. */
  get baseUrl(): string {
    const { baseUrl = "/" } = this.#options;
    const page = this.#browser.location?.href;
    const origin = /^(https?:\/\/[^/@]+)\/$/.exec(`${baseUrl && parseUrl(baseUrl, page)?.href}`)?.[1];
    return origin ?? fail(page || baseUrl !== "/" ? "invalid_base_url" : "no_browser", `baseUrl is no origin: ${baseUrl}`);
  }

  /**
   * Calls the listener after each change of the state, in this tab or in another tab with the same login. Returns a function
   * that ends the subscription.
   */
  subscribe(listener: (event: AuthEvent<Fields>) => void): () => void {
    return this.#state.subscribe(listener as (event: AuthEvent) => void);
  }

  /** Who is signed in, or `null`. Asks the server once for each login; `user()` asks each time. */
  async getSession(): Promise<Session<Fields> | null> {
    const user = (await this.#state.user()) as User<Fields> | null;
    return user && { user, kind: await this.#state.family() };
  }

  /** The configured providers, in the order of the server. */
  async providers(options?: CallOptions): Promise<Provider[]> {
    const list = await this.#ask<components["schemas"]["ProviderList"]>("GET", "/api/login/social/providers/", options);
    return requireValue(list.providers);
  }

  /**
   * Begins a login. With a redirect (the default) the browser leaves the page. The promise settles only when the user comes
   * back to this page with the Back button, or when the browser still shows it after five seconds. With `redirect: false` your
   * code sends the user to `url`. With a pop-up the promise gives the result. Call it directly in a click handler, or the
   * browser blocks the pop-up.
   *
   * Problems: those of the server, `not_authenticated` for `link` when signed out, `popup_blocked`, `popup_closed`, and
   * `storage_failed` for a redirect when the browser forbids its storage.
   */
  signIn(provider: ProviderName, options: SignInOptions & { mode: "popup" }): Promise<SignInResult<Fields>>;
  signIn(
    provider: ProviderName,
    options: SignInOptions & { mode?: "redirect" | undefined; redirect: false },
  ): Promise<{ url: string }>;
  signIn(
    provider: ProviderName,
    options?: SignInOptions & { mode?: "redirect" | undefined; redirect?: true | undefined },
  ): Promise<NothingHappened>;
  signIn(
    provider: ProviderName,
    options: SignInOptions & { mode?: "redirect" | undefined; redirect?: boolean | undefined },
  ): Promise<NothingHappened | { url: string }>;
  signIn(
    provider: ProviderName,
    options: SignInOptions & { mode?: "redirect" | "popup" | undefined },
  ): Promise<SignInResult<Fields> | NothingHappened>;
  signIn(
    provider: string,
    options: SignInOptions & { mode?: "redirect" | "popup" | undefined; redirect?: boolean | undefined } = {},
  ): Promise<SignInResult<Fields> | NothingHappened | { url: string }> {
    const { mode, redirect } = options;
    const isPopup = mode === "popup";
    const signIn = isPopup ? this.#signInByPopup(provider, options) : this.#signInByRedirect(provider, options, redirect);
    return withRetryOptions<SignInResult<Fields> | NothingHappened | { url: string }>({ ...options, provider }, signIn);
  }

  async #signInByRedirect(
    provider: string,
    options: SignInOptions,
    redirect = true,
  ): Promise<NothingHappened | { url: string }> {
    const browser = this.#browser;
    const { location } = browser;
    if (redirect && !location) fail("no_browser", "No page.");
    // Where the storage is forbidden, the page that the user returns to could not know the login.
    if (location) await withStorage(() => browser.sessionStorage);
    const { begun, request } = await this.#begin(provider, options);
    const url = begun.authorization_url;
    await forgetCallbacks(this.#state, request);
    if (!redirect || !location) return { url };
    location.assign(url);
    return new Promise((resolve) => {
      const settle = (result: NothingHappened | Promise<NothingHappened>) => {
        browser.removeEventListener?.("pageshow", onShow);
        resolve(result);
      };
      const onShow = ({ persisted }: { persisted: boolean }) => persisted && settle(this.#state.restored());
      browser.addEventListener?.("pageshow", onShow);
      // A page cannot know that the user stopped the navigation.
      setTimeout(() => settle({ outcome: "none" }), NAVIGATION_TIME);
    });
  }

  async #signInByPopup(provider: string, options: SignInOptions): Promise<SignInResult<Fields>> {
    // Open the window before the first await. Afterwards the browser no longer connects it with the click.
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
  signInWithIdToken(
    provider: ProviderName,
    obtain: (nonce: string | undefined) => Promise<string | null>,
    options: SignInOptions = {},
  ): Promise<SignInResult<Fields> | NothingHappened> {
    const signIn = this.#begin(provider, options).then(async ({ begun, request }) => {
      const token = await obtain(begun.nonce);
      if (token === null) return { outcome: "none" } satisfies NothingHappened;
      return this.#completeLogin(request, { state: begun.state, id_token: token }, options);
    });
    return withRetryOptions<SignInResult<Fields> | NothingHappened>({ ...options, provider }, signIn);
  }

  async #begin(provider: string, options: SignInOptions) {
    const { redirectUri = this.#options.redirectUri, scope, next, link = false, data, parameters, signal } = options;
    const isSession = link && (await this.#state.family()) === "session";
    // Without a signed-in user, the login would sign a new user up.
    if (link && !(await wait<unknown>(() => (isSession ? this.user() : this.#state.current()), signal))) {
      fail("not_authenticated", "Sign in first.", { status: 401 });
    }
    // Linking needs the credential of the signed-in user, so a session links by the session kind.
    const kind = options.kind ?? (isSession ? "session" : this.kind);
    const body = { ...parameters, redirect_uri: redirectUri, scope: scope?.join(" "), next, data };
    const path = `/api/login/social/begin/${encodeURIComponent(provider)}/`;
    const begun = await this.#post<components["schemas"]["AuthorizationRequest"]>(path, body, { kind, link, signal });
    const request: AuthorizationRequest = {
      ...retryOptionsOf({ ...options, provider, redirectUri: begun.redirect_uri }),
      server: this.baseUrl,
      kind,
      keys: [begun.state, new URL(requireValue(begun.authorization_url)).searchParams.get("oauth_token")],
      flowToken: begun.flow_token,
      expires: Date.now() + begun.expires_in * 1000,
      next: begun.next ?? undefined,
      link,
    };
    // No page can read a callback that the provider posts, as Apple does. The server gets it, and sends the user here.
    if (begun.authorization_url.includes("form_post")) {
      if (link && !isSession) fail("link_needs_session", "Only a session can link.");
      const query = new URLSearchParams({
        ...parameters,
        kind,
        next: begun.redirect_uri,
        app_state: begun.state,
        scope: body.scope ?? "",
        data: JSON.stringify(data) ?? "",
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
  async handleCallback({ url, signal }: CallOptions & { url?: string | undefined } = {}): Promise<CallbackResult<Fields>> {
    const browser = this.#browser;
    const address = url ?? browser.location?.href;
    if (!address && !this.#options.baseUrl) return { outcome: "none" };
    const server = this.baseUrl;
    const callback = address ? readCallback(address) : undefined;
    const results = callbackResults.get(browser) ?? {};
    callbackResults.set(browser, results);
    let result = results[server];
    // The first call has removed the code from the URL, or leaves the URL as it is.
    if (!result || (callback && result.address !== address)) {
      const added = Object.assign(this.#completeCallback(callback, address) as Promise<CallbackResult<never>>, { address });
      const forgetLater = () => setTimeout(() => results[server] === added && delete results[server], callback ? RESULT_LIFETIME : 0);
      added.then(forgetLater, forgetLater);
      result = results[server] = added;
    }
    return wait(() => result as Promise<CallbackResult<Fields>>, signal);
  }

  async #completeCallback(callback: CallbackFields | undefined, address: string | undefined): Promise<CallbackResult<Fields>> {
    const { history, location } = this.#browser;
    const page = pageOf(address);
    const request = await claimRequest(this.#state, page, callback);
    // A router may have changed the URL in the meantime.
    const href = location?.href ?? "";
    if (callback && readCallback(href)) {
      history?.replaceState(history.state, "", cleanAddress(href, (request ?? this.#options).redirectUri));
    }
    if (request?.fields) return this.#completeLogin(request, request.fields);
    if (!callback) return (await this.pendingLogin(page)) ?? { outcome: "none" };
    if (await sendToOpener(this.#browser, callback)) {
      this.#browser.close?.();
      return { outcome: "sent-to-opener" };
    }
    fail("callback_unknown", "This sign-in is not of this tab, or is complete. Start again.");
  }

  async #completeLogin(
    request: AuthorizationRequest,
    fields: CallbackFields,
    { signal }: CallOptions = {},
  ): Promise<SignInResult<Fields>> {
    const { provider, kind, flowToken } = request;
    const path = `/api/login/social/${kind}/${encodeURIComponent(provider)}/`;
    const answer = fields["app_state"]
      ? this.#redirected(request, fields, signal)
      : this.#post<SignedInAnswer>(path, { ...fields, flow_token: flowToken }, { ...request, signal });
    // Without an answer of the server, a reload of the page posts the callback again.
    const { status } = (await answer.catch((problem: unknown) => problem)) as Partial<Problem>;
    if (status !== 0) await forgetCallbacks(this.#state);
    return this.#result(request, answer);
  }

  /** How the server's redirect flow ends: with an error, a one-time code, or a session cookie. */
  async #redirected(
    { kind, data }: AuthorizationRequest,
    { error, code }: Record<string, string>,
    signal: AbortSignal | undefined,
  ): Promise<SignedInAnswer> {
    if (error) fail(error, "The sign-in failed.", { status: 400 });
    if (code) return this.#post("/api/login/social/swap/", { code }, { kind, signal });
    return { data } as SignedInAnswer;
  }

  /**
   * Exchanges the one-time code of the server-side redirect flow, for apps: `kind` is that of `authorize`.
   *
   * Problems: `invalid_code`, `flow_mismatch`.
   */
  exchangeCode(
    code: string,
    login: {
      provider: ProviderName;
      kind?: LoginKind | undefined;
      next?: string | undefined;
      codeVerifier?: string | undefined;
    } & CallOptions,
  ): Promise<SignInResult<Fields>> {
    const { provider, kind = this.kind, next, codeVerifier: code_verifier, signal } = login;
    const answer = this.#post<SignedInAnswer>("/api/login/social/swap/", { code, code_verifier }, { kind, signal });
    return this.#result({ provider, kind, next, link: false }, answer);
  }

  /**
   * The login of this tab that waits for additional input, also after a reload; `null` when there is none or it has
   * expired. With `page`, only if it began on this page.
   */
  async pendingLogin(page?: string): Promise<({ outcome: "input-required" } & InputRequired) | null> {
    const login = await this.#state.read<InputRequired>(PENDING);
    const isPending = login && login.expires > Date.now() && login.page === (page ?? login.page);
    return isPending ? { outcome: "input-required", ...login } : null;
  }

  /** Forgets the pending login of this tab, for example because the user does not want to answer. */
  async cancelPendingLogin(): Promise<void> {
    await this.#state.write(PENDING, null);
  }

  /**
   * Continues the pending login of this tab with the user's answers, by the names of its fields. The server may ask for more
   * input again. The step `ask_link` gets the credential of the signed-in user too.
   *
   * Problems: those of the server; `state_expired` when no login waits. After `invalid_request` with `errors` by field, call
   * it again with other answers. After a problem that ends the login, such as `state_expired`, `pendingLogin` returns `null`.
   */
  async resume(answers: Record<string, string | boolean>, { signal }: CallOptions = {}): Promise<SignInResult<Fields>> {
    const pending = await this.#state.read<InputRequired>(PENDING);
    if (!pending) fail("state_expired", "This sign-in has expired. Start again.");
    // The step that asks whether to link an account to an existing user, who then proves to be that user.
    const link = pending.step === "ask_link" && answers["link"] === "link";
    const body = { flow_token: pending.flowToken, answers };
    try {
      const answer = this.#post<SignedInAnswer>("/api/login/social/resume/", body, { kind: pending.kind, link, signal });
      return await this.#result({ ...pending, link: link || pending.link }, answer, true);
    } catch (problem) {
      const code = `${(problem as Problem | null)?.code}`;
      if (PENDING_ENDED.test(code)) await this.cancelPendingLogin();
      if (code === "link_login_required") await this.#state.write(PENDING, { ...pending, isWaiting: true });
      throw problem;
    }
  }

  async #result(
    login: LoginPart,
    answer: Promise<SignedInAnswer>,
    isResumed = false,
  ): Promise<SignInResult<Fields>> {
    try {
      return await withRetryOptions(login, answer.then((body) => this.#signedIn(login, body, isResumed)));
    } catch (problem) {
      if (!(problem instanceof Problem) || !problem.additionalInput) throw problem;
      const { expiresIn, ...input } = problem.additionalInput;
      const page = pageOf(this.#browser.location?.href);
      const pending: InputRequired = { ...(retryOptionsOf(login) as LoginPart), ...input, page, expires: Date.now() + expiresIn * 1000 };
      await this.#state.write(PENDING, pending);
      return { outcome: "input-required", ...pending };
    }
  }

  async #signedIn({ provider, kind, next, link }: LoginPart, body: SignedInAnswer, isResumed: boolean): Promise<SignInResult<Fields>> {
    const { is_new: isNew, data, token, refresh, app_state: _appState, kind: _kind, ...fields } = body;
    const user = fields.id === undefined ? null : (fields as User<Fields>);
    const family = familyOf(kind);
    let credentials: Credentials | null = null;
    if (family !== "session") {
      // The user who links an account stays signed in, so duplicated tabs follow to the new tokens. The other value is
      // unique, not a secret. `crypto.randomUUID` is missing on plain http and in React Native.
      const id = (link && (await this.#state.stored())?.login) || `${Math.random()}`;
      credentials = { family, token: requireValue(token), refresh, received: Date.now(), login: id };
    } else {
      // On the host of the server, the browser always sends the session cookie, and nothing is asked.
      const page = this.#browser.location?.href;
      const isOtherHost = page && new URL(page).hostname !== new URL(this.baseUrl).hostname;
      if (isOtherHost && (await this.#request("GET", USER_IF_ANY, "session")).status !== 200) {
        fail("cookie_refused", `No cookie: this page and ${this.baseUrl} are two sites.`);
      }
    }
    const former = await this.#state.signIn(credentials, user);
    // The login that `ask_link` asks for does not end the one that asked.
    if (isResumed || !(await this.pendingLogin())?.isWaiting) await this.cancelPendingLogin();
    // Otherwise the replaced credential would stay valid, and in the user's list of devices.
    if (former && former.token !== token) await this.#revoke(former).catch(() => {});
    return {
      outcome: "signed-in",
      provider,
      kind,
      next,
      user,
      ...(isNew !== undefined && { isNew }),
      ...(data && { data }),
    };
  }

  /** The signed-in user, or `null`. */
  user({ signal }: CallOptions = {}): Promise<User<Fields> | null> {
    // `getSession` waits for the same answer, without this signal.
    return wait(() => this.#state.setUser(this.#loadUser()) as Promise<User<Fields> | null>, signal);
  }

  async #loadUser(): Promise<User<Fields> | null> {
    if (!(await this.#state.stored()) && (await this.#state.family()) !== "session") return null;
    return (await this.#ask<User<Fields>>("GET", USER_IF_ANY).catch(ignoreExpired)) ?? null;
  }

  /** Updates editable fields of the user. Problems: `invalid_request` with `errors` by field. */
  async updateUser(change: UserChange<Fields>, options?: CallOptions): Promise<User<Fields>> {
    const userUpdated = await this.#state.updatesUser();
    const user = await this.#ask<User<Fields>>("PATCH", "/api/user/", options, change);
    userUpdated(user);
    return user;
  }

  /** Everything that the server stores about this user. */
  exportUser(options?: CallOptions): Promise<UserExport> {
    return this.#ask("GET", "/api/user/export/", options);
  }

  /** Deletes the user permanently. Problems: `fresh_login_required` (sign in again first). */
  async deleteUser(options?: CallOptions): Promise<void> {
    await this.#ask("DELETE", "/api/user/", options);
    await this.#signOut(true);
  }

  /** The social accounts of this user. */
  socialAccounts(options?: CallOptions): Promise<SocialAccount[]> {
    return this.#ask("GET", "/api/user/social/", options);
  }

  /**
   * Unlinks an account by its `id` in the list. Problems: `last_login_method` (link another account first),
   * `fresh_login_required` (sign in again first), `not_found`.
   */
  unlink(account: number, options?: CallOptions): Promise<void> {
    return this.#ask("DELETE", `/api/user/social/${account}/`, options);
  }

  /**
   * The provider's access token of an account, refreshed when necessary. Problems: `token_not_kept` when the server
   * stores none, `token_ended` when it has expired (sign in with the account again).
   */
  providerToken(account: number, options?: CallOptions): Promise<ProviderToken> {
    return this.#ask("GET", `/api/user/social/${account}/token/`, options);
  }

  /** All credentials of this user, the last used first. `current` marks the credential of this request. */
  async credentials(options?: CallOptions): Promise<ListedCredential[]> {
    const listed: ListedCredential[] = [];
    for (let query: string | undefined = ""; query !== undefined; ) {
      const page = await this.#send(`/api/user/credentials/${query}`, requestInit("GET", options));
      listed.push(...(await bodyOf<ListedCredential[]>(page)));
      query = /^<(\?[^>]*)/.exec(page.headers.get("link") ?? "")?.[1];
    }
    return listed;
  }

  /** Revokes one credential by its `id`. To revoke the current one, call `logout`. Problems: `not_found`. */
  revokeCredential(id: string, options?: CallOptions): Promise<void> {
    return this.#ask("DELETE", `/api/user/credentials/${encodeURIComponent(id)}/`, options);
  }

  /** Revokes all other credentials, access tokens of other JWT pairs included. */
  revokeOtherCredentials(options?: CallOptions): Promise<void> {
    return this.revokeCredential("others", options);
  }

  /**
   * Sends a request with the credentials to a path of the server or a URL of one of `origins`. A JWT that expires soon is
   * refreshed first. After a 401 the token is refreshed once and the request repeated. The time limit ends with the headers
   * of the response.
   */
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response> {
    return this.#send(input, init, true);
  }

  /** The token for requests that do not use this client, refreshed when necessary; `null` without a token. */
  async token(): Promise<string | null> {
    return (await this.#state.current())?.token ?? null;
  }

  /**
   * Signs out. The server revokes sessions, knox tokens and JWTs. All devices of a user share one permanent token
   * (`token`), so this client only deletes its copy; `logoutEverywhere` revokes it.
   *
   * When the server cannot be reached, a token is deleted nevertheless. A session stays signed in, because scripts cannot
   * delete its cookie: call `logout` again.
   */
  async logout(): Promise<void> {
    const stored = await this.#state.stored();
    if (stored) return this.#revoke(stored).finally(() => this.#signOut());
    if ((await this.#state.family()) === "session") {
      await this.#ask<void>("POST", "/api/session/logout/").catch(ignoreExpired);
    }
    await this.#signOut();
  }

  /** Revokes all credentials of this user, on all devices. After a problem the user stays signed in: call it again. */
  async logoutEverywhere(): Promise<void> {
    await this.#ask<void>("POST", "/api/logout/all/").catch(ignoreExpired);
    await this.#signOut(true);
  }

  /** The next user of this tab must not see the form of a pending login. */
  async #signOut(isEverywhere = false): Promise<void> {
    await this.cancelPendingLogin();
    await forgetCallbacks(this.#state);
    await this.#state.signOut(isEverywhere);
  }

  /** Revokes a credential that is not a session. All devices share a permanent token, so it is not revoked. */
  async #revoke(credentials: Credentials): Promise<void> {
    const { family, token, refresh = token } = credentials;
    if (family === "token") return;
    const isKnox = family === "knox";
    const answer = isKnox
      ? this.#request("POST", "/api/knox/logout/", family, undefined, credentials)
      : this.#request("POST", "/api/token/blacklist/", family, { refresh });
    await answer.then(bodyOf).catch(ignoreExpired);
  }

  /** Calls an operation of the server with the credentials and returns its answer. */
  async #ask<T>(method: string, path: string, options?: CallOptions, body?: object): Promise<T> {
    return bodyOf<T>(await this.#send(path, requestInit(method, options, body)));
  }

  /** Posts a login request. Only linking sends the current credential: an expired one would fail the login. */
  async #post<T>(
    path: string,
    body: object,
    { kind, link, signal }: { kind: LoginKind; link?: boolean | undefined; signal?: AbortSignal | undefined },
  ): Promise<T> {
    const credentials = link ? await wait(() => this.#state.current(), signal) : null;
    return bodyOf<T>(await this.#request("POST", path, familyOf(kind), body, credentials, { signal }));
  }

  /** Calls an operation of the server with these credentials, or for the family `session` with the cookie. */
  #request(
    method: string,
    path: string,
    family: Family,
    body?: object,
    credentials?: Credentials | null,
    options?: { signal?: AbortSignal | undefined },
  ): Promise<Response> {
    const request = new Request(this.baseUrl + path, requestInit(method, options, body));
    return this.#call(authenticated(request, family, credentials));
  }

  async #send(input: string | URL | Request, init?: RequestInit, isStreamed = false): Promise<Response> {
    const own = this.baseUrl;
    const original = new Request(input instanceof Request ? input : new URL(input, own), init);
    const { signal } = original;
    const { origin, pathname } = new URL(original.url);
    const isOwn = origin === own;
    const isAllowed = isOwn || this.#options.origins?.some((address) => parseUrl(address)?.origin === origin);
    // The routes for tokens need no credential. Their 401 is about the token in the body.
    if (!isAllowed || (isOwn && pathname.startsWith("/api/token/"))) return this.#call(original, isStreamed);
    const credentials = await wait(() => this.#state.current(), signal);
    const retry = credentials?.family.startsWith("jwt") && original.clone();
    const send = async (request: Request, token: Credentials | null) =>
      this.#call(authenticated(request, await this.#state.family(), token), isStreamed);
    const response = await send(original, credentials);
    if (response.status !== 401 || !credentials) return response;
    const refreshed = retry ? await wait(() => this.#state.refresh(credentials), signal) : null;
    // Another tab may have signed in another user, for whom this request is not.
    if (retry && refreshed?.login === credentials.login) return send(retry, refreshed);
    if (isOwn) await this.#state.forget(credentials);
    return response;
  }

  #call(request: Request, isStreamed = false): Promise<Response> {
    const { fetch: send = fetch } = this.#options;
    return call(send, request, this.#timeout, isStreamed, this.#browser.location?.href);
  }
}

/** What a login keeps from its begin to its result. */
type LoginPart = RetryOptions & Pick<InputRequired, "kind" | "next" | "link">;

type SignedInAnswer = Partial<User> & {
  token?: string;
  refresh?: string;
  is_new?: boolean;
  data?: Record<string, unknown>;
  app_state?: string;
  /** `resume` and `swap` add it. */
  kind?: LoginKind;
};

/** An expired credential (401) counts as signed out. */
function ignoreExpired(problem: unknown): void {
  if (!(problem instanceof Problem) || problem.status !== 401) throw problem;
}
