/**
 * Authorization requests in progress, stored until their callback. The key is a value that the callback contains, so
 * several tabs, or several logins in one tab, never use each other's request.
 */

import type { components } from "./schema.js";

/** One of the server's nine login routes. */
export type LoginKind = components["schemas"]["LoginKind"];

export interface AuthorizationRequest {
  provider: string;
  kind: LoginKind;
  /** Binds the login to this client when there is no cookie. */
  flowToken: string;
  /** Where the front-end continues after the login. */
  next?: string;
  /** Whether to link the account to the signed-in user. */
  link?: boolean;
  /** Milliseconds since 1970. */
  expires: number;
}

const PREFIX = "rest-social-auth.authorization-request.";

/** The keys of an authorization request: its state and, in OAuth 1.0a, the request token. */
export function requestKeys(state: string, authorizationUrl: string): string[] {
  const token = new URL(authorizationUrl).searchParams.get("oauth_token");
  return token ? [state, token] : [state];
}

/** The authorization requests in a tab's session storage. */
export class AuthorizationRequests {
  readonly #storage: Storage;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  save(keys: string[], request: AuthorizationRequest): void {
    this.#deleteExpired();
    for (const key of keys) {
      this.#storage.setItem(PREFIX + key, JSON.stringify({ ...request, keys }));
    }
  }

  /** Returns the request of the first known key and deletes it, because a state is accepted once. */
  consume(keys: string[]): AuthorizationRequest | undefined {
    for (const key of keys) {
      const row = this.#read(PREFIX + key);
      if (row) {
        for (const other of row.keys) this.#storage.removeItem(PREFIX + other);
        return row.expires > Date.now() ? row : undefined;
      }
    }
    return undefined;
  }

  #read(name: string): (AuthorizationRequest & { keys: string[] }) | undefined {
    const text = this.#storage.getItem(name);
    if (text === null) return undefined;
    try {
      return JSON.parse(text) as AuthorizationRequest & { keys: string[] };
    } catch {
      this.#storage.removeItem(name);
      return undefined;
    }
  }

  #deleteExpired(): void {
    for (let at = this.#storage.length - 1; at >= 0; at--) {
      const name = this.#storage.key(at);
      if (name?.startsWith(PREFIX)) {
        const row = this.#read(name);
        if (row && row.expires <= Date.now()) this.#storage.removeItem(name);
      }
    }
  }
}
