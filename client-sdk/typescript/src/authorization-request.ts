/**
 * Logins that are not complete, stored in the tab: authorization requests until their callback, and the pending login until
 * the user has answered. An authorization request has the key of a value that its callback contains, so several logins in
 * one tab never use each other's request.
 */

import { isCallbackOf, type CallbackFields, type RequestKeys } from "./callback.js";
import { fail, type RetryOptions } from "./problem.js";
import type { AuthState } from "./state.js";
import type { components } from "./schema.js";

/** One of the server's nine login routes. */
export type LoginKind = components["schemas"]["LoginKind"];

export interface AuthorizationRequest extends RetryOptions {
  /** The URL of the server that created it. No other server gets its flow token. */
  server: string;
  keys: RequestKeys;
  kind: LoginKind;
  /** Binds the login to this client when there is no cookie. */
  flowToken: string;
  /** Where the front-end continues after the login. */
  next: string | undefined;
  /** Whether to link the account to the signed-in user. */
  link: boolean;
  /** Milliseconds since 1970. */
  expires: number;
  /** The page of its callback and the callback's fields, from then on until the server has answered. */
  page?: string;
  fields?: CallbackFields;
}

const REQUESTS = "rest-social-auth.requests";
/** The pending login of the tab, also one that has expired: an `InputRequired`. */
export const PENDING = "rest-social-auth.pending-login";

/**
 * The request of a callback: the one with its key, also when it is of another server. Without a callback, the one whose
 * callback on this page has no answer yet, because the page was reloaded. It stays stored until `forgetCallbacks`.
 */
export async function claimRequest(
  state: AuthState,
  page: string,
  fields: CallbackFields | undefined,
): Promise<AuthorizationRequest | undefined> {
  const rows = await readRequests(state);
  const row = rows.find((each) => (fields ? isCallbackOf(each.keys, fields) : each.page === page && each.server === state.server));
  if (row && row.server !== state.server) fail("callback_unknown", "This sign-in is not of this tab, or is complete. Start again.");
  if (row && fields) {
    Object.assign(row, { page, fields });
    await state.write(REQUESTS, rows, "");
  }
  return row;
}

/** Forgets the requests of the server that had their callback: it has answered, or the user begins again with `added`. */
export async function forgetCallbacks(state: AuthState, ...added: AuthorizationRequest[]): Promise<void> {
  const rows = (await readRequests(state)).filter((each) => !each.fields || each.server !== state.server).concat(added);
  await state.write(REQUESTS, rows[0] ? rows : null, "");
}

/** The requests of all servers, so that a client knows the callback of another server's client. */
async function readRequests(state: AuthState): Promise<AuthorizationRequest[]> {
  const rows = (await state.read<AuthorizationRequest[]>(REQUESTS, "")) ?? [];
  return rows.filter(({ expires }) => expires > Date.now());
}
