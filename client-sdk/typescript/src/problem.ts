/** Errors: the server's problem documents (RFC 9457), and what goes wrong before or without it. */

/** Codes of problems that this client finds itself; all others come from the server. */
export type ClientCode =
  /** There was no answer at all. */
  | "network_error"
  /** The answer is not one of this server's. */
  | "unexpected_answer"
  /** The browser opened no pop-up: call `signIn` straight from a click. */
  | "popup_blocked"
  /** The person closed the pop-up. */
  | "popup_closed"
  /** A callback of a login that this tab did not begin, or that was finished before. */
  | "callback_unknown";

/** A code of the server, such as `invalid_code` or `state_expired`, or of this client. Decide by it, not by the texts. */
export type ProblemCode = ClientCode | (string & {});

export interface ProblemMembers {
  code: ProblemCode;
  detail: string;
  /** The HTTP status; 0 where there was no answer. */
  status?: number;
  title?: string;
  requestId?: string;
  errors?: Record<string, string[]>;
  cause?: unknown;
}

/** Everything that this client throws. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly code: ProblemCode;
  /** For people; may change. */
  readonly detail: string;
  readonly status: number;
  readonly title: string;
  /** Stands in the server's log, too. */
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

  /** Reads an answer that is not a success. Never throws itself. */
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

  /** Reads a problem document that was parsed already. */
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
