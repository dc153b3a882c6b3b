/** The public types of the client. */

import type { LoginKind } from "./authorization-request.js";
import type { Browser } from "./browser.js";
import type { CredentialStorage, Family } from "./credentials.js";
import type { KnownProvider } from "./names.js";
import type { components } from "./schema.js";

/** The signed-in user. `Fields` are the fields that your server declares (docs/SETTINGS.md, fields of your own). */
export type User<Fields = unknown> = components["schemas"]["User"] & Fields;
export type Provider = components["schemas"]["Provider"];
export type SocialAccount = components["schemas"]["SocialAccount"];
/** The provider's token of this user. Its bearer acts as the user, so do not log or store it. */
export type ProviderToken = components["schemas"]["ProviderToken"];
/** A credential of this user, on this or another device. */
export type ListedCredential = components["schemas"]["Credential"];
/** One input field. Its answer has the key `name` and is a text, or a boolean for a checkbox. */
export type AskedField = components["schemas"]["AskedField"];
/** The fields to change. Null deletes a declared field. */
export type UserChange<Fields = unknown> = components["schemas"]["UserChange"] & { [Name in keyof Fields]?: Fields[Name] | null };
export type UserExport = components["schemas"]["UserExport"];
/** A provider of the catalogue, or one that your server declares. */
export type ProviderName = KnownProvider | (string & {});

export interface ClientOptions {
  /** The server's URL. Default: the origin of the page. */
  baseUrl?: string | undefined;
  /**
   * The login route that `signIn` uses by default. Default: `session`. After a login of another kind, `user`, `fetch` and
   * `logout` use the credential of that login.
   */
  kind?: LoginKind | undefined;
  /** The page that calls `handleCallback`. It must be in the server's ALLOWED_REDIRECT_URIS. */
  redirectUri?: string | undefined;
  /**
   * Where tokens are stored: in the tab (`sessionStorage`, the default), in the browser (`localStorage`), in memory, or in a
   * storage of your own. The session kind stores none: scripts cannot read its cookie.
   */
  storage?: "tab" | "browser" | "memory" | CredentialStorage | undefined;
  /** Other origins to which `fetch` sends the credentials, such as your API. Default: the server only. */
  origins?: string[] | undefined;
  /** Milliseconds within which the server must answer, and another tab must end its refresh. Default: 30,000. */
  timeout?: number | undefined;
  fetch?: typeof fetch | undefined;
  /** Default: `window`, where there is one. */
  browser?: Browser | undefined;
}

/** Options of every call to the server. */
export type CallOptions = {
  /** Ends the call, which then rejects with the reason of the signal. */
  signal?: AbortSignal | undefined;
};

export interface SignInOptions extends CallOptions {
  /** Overrides the client's kind. The client then uses the credential of this login. */
  kind?: LoginKind | undefined;
  redirectUri?: string | undefined;
  /** Overrides the scopes configured in the server. */
  scope?: string[] | undefined;
  /** Returned with the result, and with a problem: a path, or a URL of an allowed origin. */
  next?: string | undefined;
  /** Links the account to the signed-in user. With sessions this happens always, because the cookie is always sent. */
  link?: boolean | undefined;
  /** Returned with the result, at most 2 KB. The server's pipeline and webhooks get it too. */
  data?: Record<string, unknown> | undefined;
  /** Parameters for the provider, such as `{ prompt: "select_account", login_hint: "…" }`, or `{ shop: "…" }` for Shopify. */
  parameters?: Record<string, string | number> | undefined;
}

export interface SignedIn<Fields = unknown> {
  provider: string;
  kind: LoginKind;
  /** Set for `session` and the kinds that end in `user`; otherwise, and for a session after a posted callback, call `user()`. */
  user: User<Fields> | null;
  next: string | undefined;
  /** Whether the login was a sign-up. Set when the server has REST_SOCIAL_IS_NEW. */
  isNew?: boolean;
  /** The `data` of `signIn`. */
  data?: Record<string, unknown>;
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
  /** Whether the login links the account to the signed-in user. */
  link: boolean;
  /** The page where it began: `handleCallback` returns it again there. */
  page: string;
  /** `resume` was answered `link_login_required`, so it waits for a login of the user. */
  isWaiting?: boolean;
  /** Milliseconds since 1970, when the pending login expires. */
  expires: number;
}

export type SignInResult<Fields = unknown> =
  | ({ outcome: "signed-in" } & SignedIn<Fields>)
  | ({ outcome: "input-required" } & InputRequired);

/** Nothing happened: the URL is not a callback, the user came back from the provider, or closed Google's prompt. */
export interface NothingHappened {
  outcome: "none";
}

export type CallbackResult<Fields = unknown> =
  | SignInResult<Fields>
  /** This page is the pop-up. The opener completes the login; the pop-up closes. */
  | { outcome: "sent-to-opener" }
  | NothingHappened;

/** Who is signed in. */
export interface Session<Fields = unknown> {
  user: User<Fields>;
  kind: Family;
}

/** A change of the state, in this tab or in another one that has the same login. */
export type AuthEvent<Fields = unknown> = {
  /** Whether the change happened in another tab. */
  isRemote: boolean;
} & (
  | { type: "signed-in"; user: User<Fields> | null }
  | { type: "signed-out" }
  | { type: "user-updated"; user: User<Fields> }
  | { type: "token-refreshed" }
);
