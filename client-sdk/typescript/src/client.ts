/** The client: sign in by redirect or pop-up, make authenticated requests, refresh tokens, sign out. */

import { IncompleteLogins, requestKeys, type AuthorizationRequest, type LoginKind } from "./authorization-request.js";
import type { Browser } from "./browser.js";
import { bodyOf, call, init } from "./call.js";
import { cleanAddress, readCallback, type Callback } from "./callback.js";
import type { Credentials, Family } from "./credentials.js";
import { sendToOpener, waitForCallback } from "./popup.js";
import { Problem, retryOptionsOf, withRetryOptions, type RetryOptions } from "./problem.js";
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

/** One promise for each callback, also when a page calls twice (as React's StrictMode does). */
const pendingCallbacks = new WeakMap<object, Promise<CallbackResult<never>>>();
/** Milliseconds for which `handleCallback` returns the result of a completed callback again. */
const RESULT_LIFETIME = 1000;
/** Milliseconds after which a page that should have been left counts as not left. */
const NAVIGATION_TIME = 5000;
/** Codes after which a pending login cannot be resumed. */
const PENDING_ENDED = ["state_expired", "code_already_used", "flow_mismatch"];

/** Answered 204 instead of 401 when signed out, because browsers log a 401 as an error. */
const USER_IF_ANY = "/api/user/?optional=true";

/** The step that asks whether to link an account to an existing user, who then proves to be that user. */
const ASK_LINK = "ask_link";

/** `Fields`: the user fields that your server declares, such as `createClient<{ locale?: string }>()`. */
export function createClient<Fields = unknown>(options: ClientOptions = {}): SocialAuth<Fields> {
  return new SocialAuth<Fields>(options);
}

export class SocialAuth<Fields = unknown> {
  readonly kind: LoginKind;
  readonly #options: ClientOptions;
  readonly #state: AuthState;
  #incompleteInUse: IncompleteLogins | undefined;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.kind = options.kind ?? "session";
    this.#state = new AuthState(this.kind, options.storage, {
      browser: () => this.#browser,
      baseUrl: () => this.baseUrl,
      post: (path, body) => this.#request("POST", path, "jwt-pair", body),
      loadUser: () => this.#loadUser(),
    });
  }

  /** The server's URL, without a slash at the end. Problems: `no_browser`, `invalid_base_url`. */
  get baseUrl(): string {
    const { baseUrl = "/" } = this.#options;
    const page = this.#browser.location?.href;
    if (page === undefined && !/^https?:/.test(baseUrl)) {
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
  subscribe(listener: (event: AuthEvent<Fields>) => void): () => void {
    return this.#state.subscribe(listener as (event: AuthEvent) => void);
  }

  /** Who is signed in, or `null`. Asks the server once for each login; `user()` asks each time. */
  async getSession(): Promise<Session<Fields> | null> {
    const user = (await this.#state.user()) as User<Fields> | null;
    return user && { user, kind: await this.#state.family() };
  }

  /** The configured providers, in the order of the server. */
  async providers(options: CallOptions = {}): Promise<Provider[]> {
    const list = await this.#ask<components["schemas"]["ProviderList"]>("GET", "/api/login/social/providers/", options);
    return list.providers;
  }

  /**
   * Begins a login. With a redirect (the default) the browser leaves the page. The promise settles only when the user comes
   * back to this page with the Back button, or when the browser still shows it after five seconds. With `redirect: false` your
   * code sends the user to `url`. With a pop-up the promise gives the result. Call it directly in a click handler, or the
   * browser blocks the pop-up.
   *
   * Problems: those of the server, `not_authenticated` for `link` when signed out, `popup_blocked`, `popup_closed`.
   */
  signIn(provider: ProviderName, options: SignInOptions & { mode: "popup" }): Promise<SignInResult<Fields>>;
  signIn(provider: ProviderName, options: SignInOptions & { mode?: "redirect"; redirect: false }): Promise<{ url: string }>;
  signIn(provider: ProviderName, options?: SignInOptions & { mode?: "redirect" }): Promise<NothingHappened>;
  signIn(
    provider: ProviderName,
    options: SignInOptions & { mode?: "redirect" | "popup" },
  ): Promise<SignInResult<Fields> | NothingHappened>;
  signIn(
    provider: string,
    options: SignInOptions & { mode?: "redirect" | "popup"; redirect?: boolean } = {},
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
    if (redirect && !location) throw new Problem({ code: "no_browser", detail: "There is no page: pass baseUrl, or redirect: false." });
    const { begun, request } = await this.#begin(provider, options);
    const url = begun.authorization_url;
    await this.#incomplete.save(request);
    if (!redirect || !location) return { url };
    location.assign(url);
    return new Promise((resolve) => {
      const settle = (result: NothingHappened | Promise<NothingHappened>) => {
        clearTimeout(timer);
        browser.removeEventListener?.("pageshow", onShow);
        resolve(result);
      };
      const onShow = ({ persisted }: { persisted: boolean }) => persisted && settle(this.#state.restored());
      browser.addEventListener?.("pageshow", onShow);
      // A browser does not tell a page that the user stopped the navigation.
      const timer = setTimeout(() => settle({ outcome: "none" }), NAVIGATION_TIME);
    });
  }

  async #signInByPopup(provider: string, options: SignInOptions): Promise<SignInResult<Fields>> {
    // Open the window before the first await. Afterwards the browser no longer connects it with the click.
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
  signInWithIdToken(
    provider: ProviderName,
    obtain: (nonce: string | undefined) => Promise<string | null>,
    options: SignInOptions = {},
  ): Promise<SignInResult<Fields> | NothingHappened> {
    const signIn = async (): Promise<SignInResult<Fields> | NothingHappened> => {
      const { begun, request } = await this.#begin(provider, options);
      const token = await obtain(begun.nonce);
      if (token === null) return { outcome: "none" };
      return this.#completeLogin(request, { state: begun.state, id_token: token }, options);
    };
    return withRetryOptions({ ...options, provider }, signIn());
  }

  async #begin(provider: string, options: SignInOptions) {
    const { redirectUri = this.#options.redirectUri, scope, next, link = false, data, parameters, signal } = options;
    const isSession = link && (await this.#state.family()) === "session";
    // Without a signed-in user, the login would sign a new user up.
    if (link && !(await (isSession ? this.user(options) : this.#state.current()))) {
      throw new Problem({ code: "not_authenticated", status: 401, detail: "Sign in first." });
    }
    // Linking needs the credential of the signed-in user, so a session links by the session kind.
    const kind = options.kind ?? (isSession ? "session" : this.kind);
    const body = { ...parameters, redirect_uri: redirectUri, scope: scope?.join(" "), next, data };
    const path = `/api/login/social/begin/${encodeURIComponent(provider)}/`;
    const begun = await this.#post<components["schemas"]["AuthorizationRequest"]>(path, body, { kind, link, signal });
    const request: AuthorizationRequest = {
      ...retryOptionsOf({ ...options, provider }),
      kind,
      keys: requestKeys(begun.state, begun.authorization_url),
      flowToken: begun.flow_token,
      expires: Date.now() + begun.expires_in * 1000,
      next: begun.next ?? undefined,
      link,
    };
    // No page can read a callback that the provider posts, as Apple does. The server gets it, and sends the user here.
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
  handleCallback(options: CallOptions & { url?: string } = {}): Promise<CallbackResult<Fields>> {
    const browser = this.#browser;
    const address = options.url ?? browser.location?.href;
    const callback = address && readCallback(address);
    if (!callback) {
      const earlier = pendingCallbacks.get(browser) as Promise<CallbackResult<Fields>> | undefined;
      return earlier ?? this.pendingLogin(pageOf(address)).then((login) => login ?? { outcome: "none" });
    }
    if (!options.url) browser.history?.replaceState(browser.history.state, "", cleanAddress(address));
    const result = this.#completeCallback(callback, options);
    pendingCallbacks.set(browser, result as Promise<CallbackResult<never>>);
    const forget = () => pendingCallbacks.get(browser) === result && pendingCallbacks.delete(browser);
    const forgetLater = () => void setTimeout(forget, RESULT_LIFETIME);
    result.then(forgetLater, forgetLater);
    return result;
  }

  async #completeCallback({ keys, fields }: Callback, options: CallOptions): Promise<CallbackResult<Fields>> {
    const request = await this.#incomplete.consume(keys);
    if (request) return this.#completeLogin(request, fields, options);
    if (await sendToOpener(this.#browser, keys, fields)) {
      this.#browser.close?.();
      return { outcome: "sent-to-opener" };
    }
    throw new Problem({
      code: "callback_unknown",
      detail: "This sign-in is not of this tab, or is complete. Start again.",
    });
  }

  #completeLogin(
    request: AuthorizationRequest,
    fields: Record<string, string>,
    { signal }: CallOptions,
  ): Promise<SignInResult<Fields>> {
    const { provider, kind, flowToken } = request;
    if (fields["app_state"]) return this.#result(request, this.#redirected(request, fields, signal));
    const path = `/api/login/social/${kind}/${encodeURIComponent(provider)}/`;
    return this.#result(request, this.#post(path, { ...fields, flow_token: flowToken }, { ...request, signal }));
  }

  /** How the server's redirect flow ends: with an error, a one-time code, or a session cookie. */
  async #redirected(
    { kind, data }: AuthorizationRequest,
    { error, code }: Record<string, string>,
    signal: AbortSignal | undefined,
  ): Promise<SignedInAnswer> {
    if (error) throw new Problem({ code: error, detail: error });
    if (code) return this.#post("/api/login/social/swap/", { code }, { kind, signal });
    return data ? { data } : {};
  }

  /**
   * Exchanges the one-time code of the server-side redirect flow, for apps: `kind` is that of `authorize`.
   *
   * Problems: `invalid_code`, `flow_mismatch`.
   */
  exchangeCode(
    code: string,
    login: { provider: ProviderName; kind?: LoginKind; next?: string; codeVerifier?: string } & CallOptions,
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
    const login = await this.#incomplete.pending(page);
    return login && { outcome: "input-required", ...login };
  }

  /** Forgets the pending login of this tab, for example because the user does not want to answer. */
  cancelPendingLogin(): Promise<void> {
    return this.#incomplete.setPending(null);
  }

  /**
   * Continues the pending login of this tab with the user's answers, by the names of its fields. The server may ask for more
   * input again. The step `ask_link` gets the credential of the signed-in user too.
   *
   * Problems: those of the server; `state_expired` when no login waits. After `invalid_request` with `errors` by field, call
   * it again with other answers.
   */
  async resume(answers: Record<string, string | boolean>, { signal }: CallOptions = {}): Promise<SignInResult<Fields>> {
    const pending = await this.#incomplete.pending();
    if (!pending) {
      throw new Problem({ code: "state_expired", detail: "This sign-in has expired. Start again." });
    }
    const link = pending.step === ASK_LINK && answers["link"] === "link";
    const body = { flow_token: pending.flowToken, answers };
    try {
      const answer = this.#post<SignedInAnswer>("/api/login/social/resume/", body, { kind: pending.kind, link, signal });
      return await this.#result({ ...pending, link: link || pending.link }, answer, true);
    } catch (problem) {
      const code = problem instanceof Problem ? problem.code : "";
      if (PENDING_ENDED.includes(code)) await this.cancelPendingLogin();
      if (code === "link_login_required") await this.#incomplete.setPending({ ...pending, isWaiting: true });
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
      await this.#incomplete.setPending(pending);
      return { outcome: "input-required", ...pending };
    }
  }

  async #signedIn({ provider, kind, next, link }: LoginPart, body: SignedInAnswer, isResumed: boolean): Promise<SignInResult<Fields>> {
    const { is_new: isNew, data, token, refresh, app_state: _appState, kind: _kind, ...fields } = body;
    const user = fields.id === undefined ? null : (fields as User<Fields>);
    const family = familyOf(kind);
    let credentials: Credentials | null = null;
    if (family !== "session") {
      if (!token) throw new Problem({ code: "unexpected_answer", detail: "The response has no token." });
      // The user who links an account stays signed in, so duplicated tabs follow to the new tokens. The other value is
      // unique, not a secret. `crypto.randomUUID` is missing on plain http and in React Native.
      const id = (link && (await this.#state.stored())?.login) || `${Date.now()}-${Math.random()}`;
      credentials = { family, token, refresh, received: Date.now(), login: id };
    } else if (!(await this.#hasCookie())) {
      throw new Problem({
        code: "cookie_refused",
        detail:
          `The browser did not store the session cookie: this page and ${this.baseUrl} are two sites, as localhost and ` +
          "127.0.0.1 are.",
      });
    }
    const former = await this.#state.signIn(credentials, user);
    // The login that `ask_link` asks for does not end the one that asked.
    if (isResumed || !(await this.#incomplete.pending())?.isWaiting) await this.cancelPendingLogin();
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

  /** Whether the browser sends the session cookie. It always does on the host of the server, where nothing is asked. */
  async #hasCookie(): Promise<boolean> {
    const page = this.#browser.location?.href;
    if (!page || new URL(page).hostname === new URL(this.baseUrl).hostname) return true;
    return (await this.#request("GET", USER_IF_ANY, "session")).status === 200;
  }

  /** The signed-in user, or `null`. */
  user(options: CallOptions = {}): Promise<User<Fields> | null> {
    return this.#state.setUser(this.#loadUser(options)) as Promise<User<Fields> | null>;
  }

  async #loadUser(options: CallOptions = {}): Promise<User<Fields> | null> {
    if (!(await this.#state.stored()) && (await this.#state.family()) !== "session") return null;
    return (await this.#ask<User<Fields>>("GET", USER_IF_ANY, options).catch(ignoreExpired)) ?? null;
  }

  /** Updates editable fields of the user. Problems: `invalid_request` with `errors` by field. */
  async updateUser(change: UserChange<Fields>, options: CallOptions = {}): Promise<User<Fields>> {
    const userUpdated = await this.#state.updatesUser();
    const user = await this.#ask<User<Fields>>("PATCH", "/api/user/", options, change);
    userUpdated(user);
    return user;
  }

  /** Everything that the server stores about this user. */
  exportUser(options: CallOptions = {}): Promise<UserExport> {
    return this.#ask("GET", "/api/user/export/", options);
  }

  /** Deletes the user permanently. Problems: `fresh_login_required` (sign in again first). */
  async deleteUser(options: CallOptions = {}): Promise<void> {
    await this.#ask("DELETE", "/api/user/", options);
    await this.#signOut(true);
  }

  /** The social accounts of this user. */
  socialAccounts(options: CallOptions = {}): Promise<SocialAccount[]> {
    return this.#ask("GET", "/api/user/social/", options);
  }

  /**
   * Unlinks an account by its `id` in the list. Problems: `last_login_method` (link another account first),
   * `fresh_login_required` (sign in again first), `not_found`.
   */
  unlink(account: number, options: CallOptions = {}): Promise<void> {
    return this.#ask("DELETE", `/api/user/social/${account}/`, options);
  }

  /**
   * The provider's access token of an account, refreshed when necessary. Problems: `token_not_kept` when the server
   * stores none, `token_ended` when it has expired (sign in with the account again).
   */
  providerToken(account: number, options: CallOptions = {}): Promise<ProviderToken> {
    return this.#ask("GET", `/api/user/social/${account}/token/`, options);
  }

  /** All credentials of this user, the last used first. `current` marks the credential of this request. */
  async credentials(options: CallOptions = {}): Promise<ListedCredential[]> {
    const listed: ListedCredential[] = [];
    for (let query: string | undefined = ""; query !== undefined; ) {
      const page = await this.#send(`/api/user/credentials/${query}`, init("GET", options));
      listed.push(...(await bodyOf<ListedCredential[]>(page)));
      query = /^<(\?[^>]*)/.exec(page.headers.get("link") ?? "")?.[1];
    }
    return listed;
  }

  /** Revokes one credential by its `id`. To revoke the current one, call `logout`. Problems: `not_found`. */
  revokeCredential(id: string, options: CallOptions = {}): Promise<void> {
    return this.#ask("DELETE", `/api/user/credentials/${encodeURIComponent(id)}/`, options);
  }

  /** Revokes all other credentials, access tokens of other JWT pairs included. */
  revokeOtherCredentials(options: CallOptions = {}): Promise<void> {
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
  async #ask<T>(method: string, path: string, options: CallOptions = {}, body?: object): Promise<T> {
    return bodyOf<T>(await this.#send(path, init(method, options, body)));
  }

  /** Posts a login request. Only linking sends the current credential: an expired one would fail the login. */
  async #post<T>(
    path: string,
    body: object,
    { kind, link, signal }: { kind: LoginKind; link?: boolean | undefined; signal?: AbortSignal | undefined },
  ): Promise<T> {
    const credentials = link ? await this.#state.current() : null;
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
    const request = new Request(this.baseUrl + path, init(method, options, body));
    return this.#call(authenticated(request, family, credentials));
  }

  async #send(input: string | URL | Request, init?: RequestInit, isStreamed = false): Promise<Response> {
    const own = this.baseUrl;
    const original = new Request(input instanceof Request ? input : new URL(input, own), init);
    const { origin, pathname } = new URL(original.url);
    const isOwn = origin === own;
    const isAllowed = isOwn || this.#options.origins?.some((address) => new URL(address).origin === origin);
    // The routes for tokens need no credential. Their 401 is about the token in the body.
    if (!isAllowed || (isOwn && pathname.startsWith("/api/token/"))) return this.#call(original, isStreamed);
    const credentials = await this.#state.current();
    const retry = credentials?.family.startsWith("jwt") && original.clone();
    const send = async (request: Request, token: Credentials | null) =>
      this.#call(authenticated(request, await this.#state.family(), token), isStreamed);
    const response = await send(original, credentials);
    if (response.status !== 401 || !credentials) return response;
    const refreshed = retry ? await this.#state.refresh(credentials) : null;
    // Another tab may have signed in another user, for whom this request is not.
    if (retry && refreshed?.login === credentials.login) return send(retry, refreshed);
    if (isOwn) await this.#state.forget(credentials);
    return response;
  }

  #call(request: Request, isStreamed = false): Promise<Response> {
    const { fetch: send = fetch, timeout = 30_000 } = this.#options;
    const page = this.#browser.location?.href;
    return call(send, request, timeout, isStreamed, page && new URL(page).origin);
  }

  get #browser(): Browser {
    return this.#options.browser ?? (typeof window === "undefined" ? NO_BROWSER : window);
  }

  get #incomplete(): IncompleteLogins {
    return (this.#incompleteInUse ??= new IncompleteLogins(this.#state.tabStorage));
  }
}

const NO_BROWSER: Browser = {};

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

/** A URL without query and fragment. */
function pageOf(address = ""): string {
  return address.replace(/[?#].*$/, "");
}
