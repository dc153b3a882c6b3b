/**
 * The credential in use, and the user to whom it belongs: stores, refreshes and forgets it, and tells listeners and other
 * tabs about changes.
 */

import type { LoginKind } from "./authorization-request.js";
import { access, memoryKeyValues, readJson, storageOf, writeJson, type Browser, type Channel } from "./browser.js";
import { bodyOf } from "./call.js";
import {
  authorization,
  memoryStorage,
  needsRefresh,
  webStorage,
  type Awaitable,
  type Credentials,
  type CredentialStorage,
  type Family,
  type KeyValueStorage,
} from "./credentials.js";
import { Problem } from "./problem.js";
import type { AuthEvent, ClientOptions, NothingHappened, User } from "./types.js";

/** Session storage key: the tab is signed in with a session although the client has another kind. */
const SESSION_KEY = "rest-social-auth.session";
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
  browser: () => Browser;
  baseUrl: () => string;
  post: (path: string, body: object) => Promise<Response>;
  /** Asks the server for the user. */
  loadUser: () => Promise<User | null>;
}

export class AuthState {
  readonly #kind: LoginKind;
  readonly #environment: Environment;
  readonly #storageOption: ClientOptions["storage"];
  readonly #listeners = new Set<(event: AuthEvent) => void>();
  #storageInUse: CredentialStorage | undefined;
  #tabStorageInUse: KeyValueStorage | undefined;
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

  constructor(kind: LoginKind, storage: ClientOptions["storage"], environment: Environment) {
    this.#kind = kind;
    this.#storageOption = storage;
    this.#environment = environment;
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

  /** The stored credentials; after a refresh, the refreshed ones, even if the storage did not take them yet. */
  stored(): Promise<Credentials | null> {
    return this.#inTurn(async () => {
      const storage = this.#storage;
      let stored = await storage.get();
      const saved = stored;
      for (const [replaced, refreshed] of this.#unsaved) if (stored?.token === replaced) stored = refreshed;
      try {
        if (stored !== saved) await storage.set(stored);
        this.#unsaved.clear();
      } catch {
        // The next use of the storage tries again.
      }
      if (stored) this.#login = stored.login;
      return stored;
    });
  }

  #store(credentials: Credentials | null): Promise<void> {
    return this.#inTurn(() => this.#storage.set(credentials));
  }

  #inTurn<T>(use: () => Awaitable<T>): Promise<T> {
    const turn = this.#storageUse.then(() => access(use));
    this.#storageUse = turn.catch(() => {});
    return turn;
  }

  /** The stored credentials, refreshed when they expire soon. */
  async current(): Promise<Credentials | null> {
    const stored = await this.stored();
    if (stored) void this.#channel;
    return stored && needsRefresh(stored, Date.now()) ? this.refresh(stored) : stored;
  }

  /** The family of the current credential, or of the client's kind when signed out. */
  async family(): Promise<Family> {
    const stored = await this.stored();
    if (stored) return stored.family;
    const session = await readJson(this.tabStorage, SESSION_KEY);
    return session === this.#environment.baseUrl() ? "session" : familyOf(this.#kind);
  }

  /** Stores the credentials of a login; `null` for a session. Returns the credentials that they replace. */
  async signIn(credentials: Credentials | null, user: User | null): Promise<Credentials | null> {
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

  /** Called before a change of the user; the function takes the changed user, unless the login has ended or is another one. */
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

  /** One refresh at a time for all waiting requests, in this tab and in other tabs of the origin. */
  refresh(stale: Credentials): Promise<Credentials | null> {
    this.#refreshing ??= withLock(() => this.#refreshOnce(stale)).finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #refreshOnce(stale: Credentials): Promise<Credentials | null> {
    if (this.#storage.isCopied) await this.#askOtherTabs(stale);
    const stored = await this.stored();
    if (stored?.token !== stale.token) return stored;
    const [path, body]: [string, object] =
      stale.family === "jwt-sliding"
        ? ["/api/token/sliding/refresh/", { token: stale.token }]
        : ["/api/token/refresh/", { refresh: stale.refresh }];
    const response = await this.#environment.post(path, body);
    if (response.status === 401) {
      await this.forget(stale);
      return null;
    }
    const { access, token = access, refresh = stale.refresh } = await bodyOf<Record<string, string>>(response);
    if (!token) throw new Problem({ code: "unexpected_answer", detail: "The response has no token." });
    // Tabs compare `received`, so it increases even when the clock is set back.
    const received = Math.max(Date.now(), stale.received + 1);
    this.#unsaved.set(stale.token, { ...stale, token, refresh, received });
    // The user may have signed out in the meantime.
    const current = await this.stored();
    if (current?.token === token) {
      this.#emit({ type: "token-refreshed", isRemote: false });
      this.#postRefreshed(current);
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

  #postRefreshed(credentials: Credentials): void {
    const { login } = credentials;
    this.#post({ type: "token-refreshed", login, credentials: this.#storage.isCopied ? credentials : undefined });
  }

  async #receive(message: Message): Promise<void> {
    const former = this.#login;
    const stored = await this.stored();
    const { type, login } = message;
    const isOwn = login === undefined ? (await this.family()) === "session" : login === (stored?.login ?? former);
    if (type === "newer-token") {
      if (isOwn && stored && stored.received > message.received) this.#postRefreshed(stored);
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

  #markSession(isSession: boolean): Promise<void> {
    return writeJson(this.tabStorage, SESSION_KEY, isSession ? this.#environment.baseUrl() : null);
  }

  /** The session storage of the tab; memory where there is none. */
  get tabStorage(): KeyValueStorage {
    return (this.#tabStorageInUse ??= storageOf(this.#environment.browser(), "sessionStorage") ?? memoryKeyValues());
  }

  /** Opened when there is something to hear: importing the client, or creating it on a server, opens nothing. */
  get #channel(): Channel | undefined {
    const { BroadcastChannel } = this.#environment.browser();
    if (!this.#channelInUse && BroadcastChannel) {
      this.#channelInUse = new BroadcastChannel(`rest-social-auth.${this.#environment.baseUrl()}`);
      this.#channelInUse.onmessage = ({ data }: MessageEvent<Message>) => void this.#receive(data).catch(() => {});
    }
    return this.#channelInUse;
  }

  get #storage(): CredentialStorage {
    return (this.#storageInUse ??= storageFor(this.#storageOption, this.#environment.browser()));
  }
}

export function familyOf(kind: LoginKind): Family {
  return kind.replace(/[-_]user$/, "") as Family;
}

/** The headers and cookies with which a request is sent. */
export function authenticated(request: Request, family: Family, credentials?: Credentials | null): Request {
  const copy = new Request(request, { credentials: family === "session" ? "include" : "omit" });
  if (credentials) copy.headers.set("authorization", authorization(credentials));
  return copy;
}

function storageFor(option: ClientOptions["storage"] = "tab", browser: Browser): CredentialStorage {
  if (typeof option === "object") return option;
  const rows = option === "memory" ? undefined : storageOf(browser, option === "tab" ? "sessionStorage" : "localStorage");
  return rows ? { ...webStorage(rows), isCopied: option === "tab" } : memoryStorage();
}

function withLock<T>(work: () => Promise<T>): Promise<T> {
  return (globalThis.navigator?.locks?.request("rest-social-auth.refresh", work) as Promise<T> | undefined) ?? work();
}
