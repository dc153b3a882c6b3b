/**
 * The credential in use, and the user to whom it belongs: stores, refreshes and forgets it, and informs listeners and other
 * tabs of changes.
 */

import type { LoginKind } from "./authorization-request.js";
import { memoryKeyValues, readJson, storageOf, wait, withStorage, writeJson, type Browser, type Channel } from "./browser.js";
import { bodyOf, withLock } from "./call.js";
import {
  needsRefresh,
  timeLeft,
  webStorage,
  type Awaitable,
  type Credentials,
  type CredentialStorage,
  type Family,
  type KeyValueStorage,
} from "./credentials.js";
import { requireValue } from "./problem.js";
import type { AuthEvent, ClientOptions, NothingHappened, User } from "./types.js";

/** Session storage key: the tab is signed in with a session although the client has another kind. */
const SESSION_KEY = "rest-social-auth.session";
/** Milliseconds after which what another tab has stored can be read. */
const STORAGE_DELAY = 100;
/** Milliseconds that a tab waits for a newer token of a duplicated tab before it refreshes its own. */
const OTHER_TAB_TIMEOUT = 50;

/** Messages between tabs. `login` is that of the credentials; absent for a session, whose cookie all tabs share. */
type Message =
  | { type: "signed-in" | "user-updated"; login?: string | undefined; user: User | null }
  | { type: "signed-out"; login?: string | undefined; isEverywhere: boolean }
  | { type: "token-refreshed"; login: string; credentials?: Credentials | undefined }
  /** Asks duplicated tabs for newer tokens of this login. */
  | { type: "newer-token"; login: string; received: number };

/** What the state needs from the client. */
interface Environment {
  kind: LoginKind;
  storage: ClientOptions["storage"];
  browser: Browser;
  baseUrl: () => string;
  /** Milliseconds within which the server must answer. */
  timeout: number;
  post: (path: string, body: object) => Promise<Response>;
  /** Asks the server for the user. */
  loadUser: () => Promise<User | null>;
}

export class AuthState {
  readonly #environment: Environment;
  readonly #storage: CredentialStorage;
  /** The session storage of the tab; memory where there is none. */
  readonly #tabStorage: KeyValueStorage;
  readonly #listeners = new Set<(event: AuthEvent) => void>();
  /** Refreshed credentials that are not stored yet, by the token that they replace. The server no longer accepts that. */
  readonly #unsaved = new Map<string, Credentials>();
  /** Ends when the last use of the storage ends: a sign-out and a refresh of this tab never mix. */
  #storageUse: Promise<unknown> = Promise.resolve();
  #channelInUse: Channel | undefined;
  #refreshing: Promise<Credentials | null> | undefined;
  #user: Promise<User | null> | undefined;
  /** The login of the credentials that this tab had last. */
  #login: string | undefined;
  /** How often a user signed in or out in this tab. */
  #logins = 0;
  /** Ends the wait for a newer token of another tab. */
  #onNewerToken = () => {};

  constructor(environment: Environment) {
    this.#environment = environment;
    this.#storage = storageFor(environment);
    this.#tabStorage = storageOf(environment.browser, "sessionStorage") ?? memoryKeyValues();
  }

  /** The URL of the server. Problems: `no_browser`, `invalid_base_url`. */
  get server(): string {
    return this.#environment.baseUrl();
  }

  subscribe(listener: (event: AuthEvent) => void): () => void {
    // The same function may subscribe twice, and each subscription ends alone.
    const subscription = (event: AuthEvent) => listener(event);
    this.#listeners.add(subscription);
    void this.#channel;
    return () => void this.#listeners.delete(subscription);
  }

  /** The user, loaded once for each login. */
  user(): Promise<User | null> {
    return this.#user ?? this.setUser(this.#environment.loadUser());
  }

  setUser(user: Promise<User | null>): Promise<User | null> {
    this.#user = user;
    user.catch(() => {
      if (this.#user === user) this.#user = undefined;
    });
    return user;
  }

  /** The stored credentials; after a refresh, the refreshed ones, even if they are not stored yet. */
  stored(): Promise<Credentials | null> {
    return this.#inTurn(async () => {
      const storage = this.#storage;
      let stored = await storage.get(this.#environment.baseUrl());
      const saved = stored;
      for (const [replaced, refreshed] of this.#unsaved) if (stored?.token === replaced) stored = refreshed;
      try {
        if (stored !== saved) await storage.set(stored, this.#environment.baseUrl());
        this.#unsaved.clear();
      } catch {
        // The next use of the storage tries again.
      }
      if (stored) this.#login = stored.login;
      return stored;
    });
  }

  #store(credentials: Credentials | null): Promise<void> {
    return this.#inTurn(() => this.#storage.set(credentials, this.#environment.baseUrl()));
  }

  #inTurn<T>(use: () => Awaitable<T>): Promise<T> {
    const turn = this.#storageUse.then(() => withStorage(use));
    this.#storageUse = turn.catch(() => {});
    return turn;
  }

  /** The stored credentials, refreshed when they expire soon. */
  async current(): Promise<Credentials | null> {
    const stored = await this.stored();
    if (stored) void this.#channel;
    if (!stored || !needsRefresh(stored)) return stored;
    return this.refresh(stored).catch((problem: unknown) => {
      // The refresh began before the token expired.
      if (timeLeft(stored) > 0) return stored;
      throw problem;
    });
  }

  /** The family of the current credential, or of the client's kind when signed out. */
  async family(): Promise<Family> {
    const stored = await this.stored();
    if (stored) return stored.family;
    return (await this.read(SESSION_KEY)) ? "session" : familyOf(this.#environment.kind);
  }

  /** Stores the credentials of a login; `null` for a session. Returns the credentials that they replace. */
  async signIn(credentials: Credentials | null, user: User | null): Promise<Credentials | null> {
    const former = await this.stored();
    await this.#store(credentials);
    await this.#markSession(!credentials && familyOf(this.#environment.kind) !== "session");
    const login = (this.#login = credentials?.login);
    this.#logins++;
    this.#userChanged("signed-in", user);
    this.#post(credentials && former?.login === login ? this.#refreshed(credentials) : { type: "signed-in", login, user });
    return former;
  }

  /** Deletes the credentials. `isEverywhere`: the credentials of all tabs are revoked. */
  async signOut(isEverywhere = false): Promise<void> {
    const login = (await this.stored())?.login;
    const wasSignedIn = login ?? (await this.family()) === "session";
    await this.#store(null);
    await this.#markSession(false);
    this.#signedOut(false);
    if (wasSignedIn) this.#post({ type: "signed-out", login, isEverywhere });
  }

  /** Deletes rejected credentials, unless another tab has stored new ones. */
  async forget(credentials: Credentials): Promise<void> {
    if ((await this.stored())?.token === credentials.token) await this.signOut();
  }

  /** Called before a change of the user; pass the changed user to the returned function. It has no effect if the login has ended or is another one. */
  async updatesUser(): Promise<(user: User) => void> {
    const login = (await this.stored())?.login;
    const logins = this.#logins;
    return (user) => {
      if (logins !== this.#logins) return;
      this.#userChanged("user-updated", user);
      this.#post({ type: "user-updated", login, user });
    };
  }

  /** A page of the back-forward cache is shown again: its state may be old. */
  async restored(): Promise<NothingHappened> {
    const user = await this.setUser(this.#environment.loadUser());
    this.#emit({ type: user ? "signed-in" : "signed-out", user, isRemote: true } as AuthEvent);
    return { outcome: "none" };
  }

  /**
   * One refresh at a time for all waiting requests, in this tab and in other tabs that have the same login. Problems: `timeout`,
   * also while another tab refreshes.
   */
  refresh(stale: Credentials): Promise<Credentials | null> {
    const lock = `rest-social-auth.refresh.${this.#environment.baseUrl()}.${stale.login}`;
    const refreshing = (this.#refreshing ??= withLock(lock, () => this.#refreshOnce(stale)).finally(() => {
      this.#refreshing = undefined;
    }));
    return wait(() => refreshing, undefined, this.#environment.timeout);
  }

  async #refreshOnce(stale: Credentials): Promise<Credentials | null> {
    if (this.#storage.isCopied) await this.#askOtherTabs(stale);
    const stored = await this.stored();
    if (stored?.token !== stale.token) return stored;
    const { post } = this.#environment;
    const response = await (stale.family === "jwt-sliding"
      ? post("/api/token/sliding/refresh/", { token: stale.token })
      : post("/api/token/refresh/", { refresh: stale.refresh }));
    if (response.status === 401) {
      await this.forget(stale);
      return null;
    }
    const { access, token = access, refresh = stale.refresh } = await bodyOf<Record<string, string>>(response);
    // Tabs compare `received`, so it increases even when the clock is set back.
    const received = Math.max(Date.now(), stale.received + 1);
    this.#unsaved.set(stale.token, { ...stale, token: requireValue(token), refresh, received });
    // The user may have signed out in the meantime.
    const current = await this.stored();
    if (current && current.token === token) {
      this.#emit({ type: "token-refreshed", isRemote: false });
      this.#post(this.#refreshed(current));
    }
    return current;
  }

  /** A duplicated tab may have refreshed the tokens of which this tab has a copy. Then they are stored here too. */
  async #askOtherTabs({ login, received }: Credentials): Promise<void> {
    if (!this.#channel) return;
    const answer = new Promise<void>((resolve) => {
      this.#onNewerToken = resolve;
      setTimeout(resolve, OTHER_TAB_TIMEOUT);
    });
    this.#post({ type: "newer-token", login, received });
    await answer;
  }

  #refreshed(credentials: Credentials): Message {
    const { login } = credentials;
    return { type: "token-refreshed", login, credentials: this.#storage.isCopied ? credentials : undefined };
  }

  async #receive(message: Message): Promise<void> {
    const former = this.#login;
    const stored = await this.stored();
    const { type, login } = message;
    const isOwn = login === undefined ? (await this.family()) === "session" : login === (stored?.login ?? former);
    if (type === "newer-token") {
      if (isOwn && stored && stored.received > message.received) this.#post(this.#refreshed(stored));
    } else if (type === "token-refreshed") {
      if (!isOwn) return;
      const { credentials } = message;
      if (credentials && stored && credentials.received > stored.received) await this.#store(credentials);
      this.#onNewerToken();
      this.#emit({ type, isRemote: true });
    } else if (type === "signed-out") {
      // The credential of this tab is another one, and perhaps of another user: ask the server.
      if (!isOwn) return void (message.isEverywhere && stored && (await this.#environment.loadUser()));
      if (stored?.login === login) await this.#store(null);
      this.#signedOut(true);
    } else if (isOwn) {
      this.#userChanged(type, message.user, true);
    }
  }

  /** `null`: the user is loaded when it is needed. */
  #userChanged(type: "signed-in" | "user-updated", user: User | null, isRemote = false): void {
    this.#user = user ? Promise.resolve(user) : undefined;
    this.#emit({ type, user, isRemote } as AuthEvent);
  }

  #signedOut(isRemote: boolean): void {
    this.#login = undefined;
    this.#logins++;
    this.#user = Promise.resolve(null);
    this.#emit({ type: "signed-out", isRemote });
  }

  /** Listeners run later, so that an error of theirs does not fail the call that caused the event. */
  #emit(event: AuthEvent): void {
    for (const listener of this.#listeners) queueMicrotask(() => listener(event));
  }

  #post(message: Message): void {
    this.#channel?.postMessage(message);
  }

  /** A value of the tab, for this server; for all servers if `server` is empty. Problems: `storage_failed`. */
  read<T>(name: string, server = this.#environment.baseUrl()): Promise<T | null> {
    return readJson(this.#tabStorage, name, server);
  }

  /** Stores a value that `read` returns; `null` deletes it. Problems: `storage_failed`. */
  write(name: string, value: unknown, server = this.#environment.baseUrl()): Promise<void> {
    return writeJson(this.#tabStorage, name, server, value);
  }

  #markSession(isSession: boolean): Promise<void> {
    return this.write(SESSION_KEY, isSession || null);
  }

  /** Opened when another tab may post a message: importing the client, or creating it on a server, opens nothing. */
  get #channel(): Channel | undefined {
    const { BroadcastChannel } = this.#environment.browser;
    if (!this.#channelInUse && BroadcastChannel) {
      this.#channelInUse = new BroadcastChannel(`rest-social-auth.${this.#environment.baseUrl()}`);
      this.#channelInUse.onmessage = ({ data }: MessageEvent<Message>) =>
        // The process of this tab may get the message before the change of the storage.
        void setTimeout(() => this.#receive(data).catch(() => {}), data.login && data.type === "signed-in" ? STORAGE_DELAY : 0);
    }
    return this.#channelInUse;
  }
}

export function familyOf(kind: LoginKind): Family {
  return kind.replace(/[-_]user$/, "") as Family;
}

/** The headers and cookies with which a request is sent. Cookies only for a session, or where the caller includes them. */
export function authenticated(request: Request, family: Family, credentials?: Credentials | null): Request {
  const withCookies = family === "session" || request.credentials === "include";
  const copy = new Request(request, { credentials: withCookies ? "include" : "omit" });
  if (credentials) {
    const scheme = credentials.family.startsWith("jwt") ? "Bearer" : "Token";
    copy.headers.set("authorization", `${scheme} ${credentials.token}`);
  }
  return copy;
}

function storageFor({ storage = "tab", browser }: Environment): CredentialStorage {
  if (typeof storage === "object") return storage;
  const isTab = storage === "tab";
  const rows = storage === "memory" ? undefined : storageOf(browser, isTab ? "sessionStorage" : "localStorage");
  return { ...webStorage(rows ?? memoryKeyValues()), isCopied: isTab };
}
