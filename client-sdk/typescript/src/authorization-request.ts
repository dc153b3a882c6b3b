/**
 * Logins that are not complete, stored in the tab: authorization requests until their callback, and the pending login until
 * the user has answered. An authorization request has the key of a value that its callback contains, so several logins in
 * one tab never use each other's request.
 */

import { readJson, writeJson } from "./browser.js";
import type { KeyValueStorage } from "./credentials.js";
import type { RetryOptions } from "./problem.js";
import type { InputRequired } from "./types.js";
import type { components } from "./schema.js";

/** One of the server's nine login routes. */
export type LoginKind = components["schemas"]["LoginKind"];

export interface AuthorizationRequest extends RetryOptions {
  /** Values that its callback contains. */
  keys: string[];
  kind: LoginKind;
  /** Binds the login to this client when there is no cookie. */
  flowToken: string;
  /** Where the front-end continues after the login. */
  next: string | undefined;
  /** Whether to link the account to the signed-in user. */
  link: boolean;
  /** Milliseconds since 1970. */
  expires: number;
}

const REQUESTS = "rest-social-auth.authorization-requests";
const PENDING = "rest-social-auth.pending-login";

/** The keys of an authorization request: its state and, in OAuth 1.0a, the request token. */
export function requestKeys(state: string, authorizationUrl: string): string[] {
  const token = new URL(authorizationUrl).searchParams.get("oauth_token");
  return token ? [state, token] : [state];
}

export class IncompleteLogins {
  readonly #storage: KeyValueStorage;

  constructor(storage: KeyValueStorage) {
    this.#storage = storage;
  }

  async save(request: AuthorizationRequest): Promise<void> {
    await this.#write([...(await this.#read()), request]);
  }

  /** Returns the request of the first known key and deletes it, because a state is accepted once. */
  async consume(keys: string[]): Promise<AuthorizationRequest | undefined> {
    const rows = await this.#read();
    const row = keys.flatMap((key) => rows.filter((each) => each.keys.includes(key)))[0];
    if (row) await this.#write(rows.filter((each) => each !== row));
    return row;
  }

  async #read(): Promise<AuthorizationRequest[]> {
    const rows = (await readJson<AuthorizationRequest[]>(this.#storage, REQUESTS)) ?? [];
    return rows.filter(({ expires }) => expires > Date.now());
  }

  async #write(rows: AuthorizationRequest[]): Promise<void> {
    await writeJson(this.#storage, REQUESTS, rows.length > 0 ? rows : null);
  }

  setPending(login: InputRequired | null): Promise<void> {
    return writeJson(this.#storage, PENDING, login);
  }

  /** The pending login, of this page only if `page` is given. */
  async pending(page?: string): Promise<InputRequired | null> {
    const login = await readJson<InputRequired>(this.#storage, PENDING);
    if (login && login.expires <= Date.now()) {
      await this.setPending(null);
      return null;
    }
    return page === undefined || page === login?.page ? login : null;
  }
}
