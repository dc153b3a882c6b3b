/** The tokens of the signed-in user: storage and remaining lifetime. */

import { fromBase64, memoryKeyValues, readJson, writeJson } from "./browser.js";

/** A kind of credential, without the `user` variants of its login routes. */
export type Family = "session" | "token" | "jwt-pair" | "jwt-sliding" | "knox";

export interface Credentials {
  family: Family;
  /** Access, sliding, permanent or knox token. */
  token: string;
  refresh?: string | undefined;
  /** Milliseconds since 1970, by this machine's clock: when `token` was received. */
  received: number;
  /** Identifies the login in messages between tabs. It stays the same when tokens are refreshed, and is not a secret. */
  login: string;
}

export type Awaitable<T> = T | Promise<T>;

/** `sessionStorage`, `localStorage`, or the storage of an app, such as React Native's AsyncStorage. */
export interface KeyValueStorage {
  getItem(name: string): Awaitable<string | null>;
  setItem(name: string, value: string): Awaitable<void>;
  removeItem(name: string): Awaitable<void>;
}

/** Where credentials are stored. `server`: the URL of the server that issued them. Each server has its own. */
export interface CredentialStorage {
  get(server: string): Awaitable<Credentials | null>;
  /** `null` deletes them. */
  set(credentials: Credentials | null, server: string): Awaitable<void>;
  /** Whether a duplicated tab gets a copy, as it does of session storage. Then tabs send each other refreshed tokens. */
  isCopied?: boolean;
}

/** Lost when the page is closed or reloaded; no other page can read it. */
export function memoryStorage(): CredentialStorage {
  return webStorage(memoryKeyValues());
}

/** Stores credentials in `sessionStorage`, or in another storage of keys and texts. Any script on your page can read them. */
export function webStorage(storage?: KeyValueStorage, name = "rest-social-auth.credentials"): CredentialStorage {
  const rows = () => storage ?? sessionStorage;
  return {
    get: (server) => readJson<Credentials>(rows(), name, server),
    set: (credentials, server) => writeJson(rows(), name, server, credentials),
  };
}

/** Whether the token should be refreshed before the next request. It does not depend on the accuracy of the clock. */
export function needsRefresh(credentials: Credentials): boolean {
  const life = lifetime(credentials.token);
  const left = timeLeft(credentials);
  // A sliding token can be refreshed only while it is valid, so refresh it in the second half of its lifetime.
  if (credentials.family === "jwt-sliding") return left > 0 && left < life / 2;
  return credentials.refresh !== undefined && left < Math.min(10_000, life / 2);
}

/** Milliseconds until the token expires; NaN for a token without a lifetime in it. */
export function timeLeft({ received, token }: Credentials): number {
  return received + lifetime(token) - Date.now();
}

/** Milliseconds between `iat` and `exp` of a JWT; NaN for other tokens. */
function lifetime(token: string): number {
  try {
    const { iat, exp } = JSON.parse(fromBase64(token.split(".")[1])) as { iat: number; exp: number };
    return (exp - iat) * 1000;
  } catch {
    return NaN;
  }
}
