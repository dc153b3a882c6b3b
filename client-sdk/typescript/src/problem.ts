/** Errors: problem documents of the server (RFC 9457), and errors of this client. */

import type { ServerCode } from "./names.js";
import type { LoginKind } from "./authorization-request.js";
import type { AskedField, SignInOptions } from "./types.js";

/** Codes of this client. All others come from the server. */
export type ClientCode =
  /** There was no response. */
  | "network_error"
  /** The server did not answer within the time limit. */
  | "timeout"
  /** The response does not have the expected form. */
  | "unexpected_answer"
  /** The browser blocked the pop-up: call `signIn` directly in a click handler. */
  | "popup_blocked"
  /** The user closed the pop-up. */
  | "popup_closed"
  /** The login was not started in this tab, or it is already complete. */
  | "callback_unknown"
  /** The login succeeded, and the browser did not store the session cookie: page and server are on different sites. */
  | "cookie_refused"
  /** Providers that post their callback, such as Apple, can be linked only by a user with a session. */
  | "link_needs_session"
  /** The call needs a part of a browser that this environment does not have, such as the page's URL. */
  | "no_browser"
  /** The `baseUrl` of the client is not the origin of a server, such as `https://auth.example.com`. */
  | "invalid_base_url"
  /** The storage of the login failed: a locked keychain, or a full or forbidden storage of the browser. */
  | "storage_failed";

/**
 * A code of the server, such as `invalid_code` or `state_expired`, or of this client. Use it, not the texts, in code. Your
 * server may have others: newer ones, and those of its own pipeline steps.
 */
export type ProblemCode = ClientCode | ServerCode | (string & {});

/** What a pending login needs, for `additional_input_required`. */
export interface AdditionalInput {
  flowToken: string;
  /** The pipeline step that needs the input, such as `require_email`. */
  step: string;
  fields: AskedField[];
  /** Seconds until the pending login expires. */
  expiresIn: number;
}

export interface ProblemMembers {
  code: ProblemCode;
  detail: string;
  /** The HTTP status; 0 without a response. */
  status?: number | undefined;
  requestId?: string | undefined;
  retryAfter?: number | undefined;
  errors?: Record<string, string[]> | undefined;
  additionalInput?: AdditionalInput | undefined;
  cause?: unknown;
}

/** The only type of error that this client throws, besides the reason of an `AbortSignal`. */
export class Problem extends Error {
  override readonly name = "Problem";
  declare readonly code: ProblemCode;
  /** A text for users. It may change between releases. */
  declare readonly detail: string;
  declare readonly status: number;
  /** Also in the log of the server. */
  declare readonly requestId: string | undefined;
  /** Seconds after which the server accepts the request again, such as for `throttled`. */
  declare readonly retryAfter: number | undefined;
  /** Messages by field, for `invalid_request`. */
  declare readonly errors: Record<string, string[]>;
  /** For `additional_input_required`. `signIn` and `handleCallback` return the outcome `input-required` instead. */
  declare readonly additionalInput: AdditionalInput | undefined;
  /** The provider of the login that failed. To try again, call `signIn(problem.provider, problem)`. */
  declare readonly provider: string | undefined;
  /** The `next` of the login that failed. */
  declare readonly next: string | undefined;
  /** Whether the login that failed links an account. Without it, a repeated login would sign in another user. */
  declare readonly link: boolean | undefined;
  /** The kind of the login that failed. */
  declare readonly kind: LoginKind | undefined;
  /** The options `data`, `scope`, `parameters` and `redirectUri` of the login that failed. */
  declare readonly data: SignInOptions["data"];
  declare readonly scope: SignInOptions["scope"];
  declare readonly parameters: SignInOptions["parameters"];
  declare readonly redirectUri: string | undefined;

  constructor({ cause, ...members }: ProblemMembers) {
    super(`${members.code}: ${members.detail}`, { cause });
    Object.assign(this, { status: 0, errors: {}, ...members });
  }

  /** Reads an error response. Never throws. */
  static async of(response: Response): Promise<Problem> {
    const { status, headers } = response;
    const members = ((await response.json().catch(() => {})) ?? {}) as Record<string, unknown>;
    const text = (name: string) => (typeof members[name] === "string" ? members[name] : undefined);
    const flowToken = text("flow_token");
    return new Problem({
      code: text("code") ?? "unexpected_answer",
      detail: text("detail") ?? `The server answered ${status}.`,
      status,
      requestId: text("request_id"),
      retryAfter: Number(headers.get("retry-after")) || undefined,
      errors: (members["errors"] ?? {}) as Record<string, string[]>,
      additionalInput: (flowToken && {
        flowToken,
        step: members["step"],
        fields: members["fields"],
        expiresIn: members["expires_in"],
      }) as AdditionalInput | undefined,
    });
  }
}

/** Throws a problem of this client. */
export function fail(code: ProblemCode, detail: string, more?: Partial<ProblemMembers>): never {
  throw new Problem({ code, detail, ...more });
}

/** A part that each answer of the server has. Problems: `unexpected_answer`. */
export function requireValue<T>(part: T, status?: number): NonNullable<T> {
  return part || fail("unexpected_answer", "The answer is not of rest-social-auth.", { status });
}

/** What repeats a login. */
export type RetryOptions = Omit<SignInOptions, "signal"> & { provider: string };

const RETRY_OPTIONS = ["provider", "next", "link", "kind", "data", "scope", "parameters", "redirectUri"] as const;

/** The part of a login that repeats it. */
export function retryOptionsOf(login: RetryOptions): RetryOptions {
  return Object.fromEntries(RETRY_OPTIONS.map((name) => [name, login[name]])) as unknown as RetryOptions;
}

/** Awaits a part of a login. Its problems get what repeats the login. */
export async function withRetryOptions<T>(login: RetryOptions, work: Promise<T>) {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Problem) Object.assign(error, retryOptionsOf(login));
    throw error;
  }
}
