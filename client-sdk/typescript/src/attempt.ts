/**
 * Logins that were begun here, kept until their callback comes. They are keyed by what the callback will carry, so that
 * several tabs, or several logins of one tab, never take each other's.
 */

import type { components } from "./schema.js";

/** One of the server's nine login routes. */
export type LoginKind = components["schemas"]["LoginKind"];

export interface Attempt {
  provider: string;
  kind: LoginKind;
  /** Ties the login to this client where no cookie does. */
  flowToken: string;
  /** Where the front-end wants to go afterwards. */
  next?: string;
  /** Whether the login is to be linked to the user who is signed in. */
  link?: boolean;
  /** Milliseconds since 1970. */
  expires: number;
}

const PREFIX = "rest-social-auth.attempt.";

/** Keys under which a login that was begun is kept: its state, and in OAuth 1.0a the request token. */
export function keysOf(state: string, authorizationUrl: string): string[] {
  const token = new URL(authorizationUrl).searchParams.get("oauth_token");
  return token ? [state, token] : [state];
}

/** Begun logins in a tab's session storage. */
export class Attempts {
  readonly #storage: Storage;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  keep(keys: string[], attempt: Attempt): void {
    this.#sweep();
    for (const key of keys) {
      this.#storage.setItem(PREFIX + key, JSON.stringify({ ...attempt, keys }));
    }
  }

  /** The attempt of the first key that has one; it is kept no longer, since a state is good for one use. */
  take(keys: string[]): Attempt | undefined {
    for (const key of keys) {
      const row = this.#read(PREFIX + key);
      if (row) {
        for (const other of row.keys) this.#storage.removeItem(PREFIX + other);
        return row.expires > Date.now() ? row : undefined;
      }
    }
    return undefined;
  }

  #read(name: string): (Attempt & { keys: string[] }) | undefined {
    const text = this.#storage.getItem(name);
    if (text === null) return undefined;
    try {
      return JSON.parse(text) as Attempt & { keys: string[] };
    } catch {
      this.#storage.removeItem(name);
      return undefined;
    }
  }

  /** What was begun and never came back goes after its time. */
  #sweep(): void {
    for (let at = this.#storage.length - 1; at >= 0; at--) {
      const name = this.#storage.key(at);
      if (name?.startsWith(PREFIX)) {
        const row = this.#read(name);
        if (row && row.expires <= Date.now()) this.#storage.removeItem(name);
      }
    }
  }
}
