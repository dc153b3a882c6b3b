/** Errors: problem documents of the server (RFC 9457), and errors of this client. */

/** Codes of this client. All others come from the server. */
export type ClientCode =
  /** There was no response. */
  | "network_error"
  /** The response does not have the expected form. */
  | "unexpected_answer"
  /** The browser blocked the pop-up: call `signIn` directly in a click handler. */
  | "popup_blocked"
  /** The user closed the pop-up. */
  | "popup_closed"
  /** The login was not started in this tab, or it is already complete. */
  | "callback_unknown";

/** A code of the server, such as `invalid_code` or `state_expired`, or of this client. Use it, not the texts, in code. */
export type ProblemCode = ClientCode | (string & {});

export interface ProblemMembers {
  code: ProblemCode;
  detail: string;
  /** The HTTP status; 0 without a response. */
  status?: number;
  title?: string;
  requestId?: string;
  errors?: Record<string, string[]>;
  cause?: unknown;
}

/** The only type of error that this client throws. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly code: ProblemCode;
  /** A text for users. It may change between releases. */
  readonly detail: string;
  readonly status: number;
  readonly title: string;
  /** Also in the log of the server. */
  readonly requestId: string | undefined;
  /** Messages by field, for `invalid_request`. */
  readonly errors: Record<string, string[]>;

  constructor(members: ProblemMembers) {
    super(`${members.code}: ${members.detail}`, members.cause === undefined ? undefined : { cause: members.cause });
    this.code = members.code;
    this.detail = members.detail;
    this.status = members.status ?? 0;
    this.title = members.title ?? "";
    this.requestId = members.requestId;
    this.errors = members.errors ?? {};
  }

  /** Reads an error response. Never throws. */
  static async of(response: Response): Promise<Problem> {
    const { status } = response;
    const requestId = response.headers.get("x-request-id") ?? undefined;
    let body: unknown;
    try {
      body = await response.json();
    } catch (cause) {
      body = undefined;
    }
    return Problem.read(body, status, requestId);
  }

  /** Reads a parsed problem document. */
  static read(body: unknown, status: number, requestId?: string): Problem {
    const members = isRecord(body) ? body : {};
    const text = (name: string) => (typeof members[name] === "string" ? members[name] : undefined);
    const code = text("code");
    const id = text("request_id") ?? requestId;
    return new Problem({
      code: code ?? "unexpected_answer",
      detail: text("detail") ?? `The server answered ${status}.`,
      status,
      title: text("title") ?? "",
      ...(id === undefined ? {} : { requestId: id }),
      errors: isRecord(members["errors"]) ? (members["errors"] as Record<string, string[]>) : {},
    });
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
