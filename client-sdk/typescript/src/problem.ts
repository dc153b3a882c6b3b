/** Errors: problem documents of the server (RFC 9457), and errors of this client. */

import type { components } from "./schema.js";

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

/** What a pending login asks for, with `additional_input_required`. */
export interface AdditionalInput {
  flowToken: string;
  /** The pipeline step that needs the input, such as `require_email`. */
  step: string;
  fields: components["schemas"]["AskedField"][];
  /** Seconds for which the login is pending. */
  expiresIn: number;
}

export interface ProblemMembers {
  code: ProblemCode;
  detail: string;
  /** The HTTP status; 0 without a response. */
  status?: number;
  title?: string;
  requestId?: string;
  errors?: Record<string, string[]>;
  additionalInput?: AdditionalInput;
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
  /** For `additional_input_required`. */
  readonly additionalInput: AdditionalInput | undefined;

  constructor(members: ProblemMembers) {
    super(`${members.code}: ${members.detail}`, members.cause === undefined ? undefined : { cause: members.cause });
    this.code = members.code;
    this.detail = members.detail;
    this.status = members.status ?? 0;
    this.title = members.title ?? "";
    this.requestId = members.requestId;
    this.errors = members.errors ?? {};
    this.additionalInput = members.additionalInput;
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
    const additionalInput = code === "additional_input_required" ? readAdditionalInput(members) : undefined;
    return new Problem({
      code: code ?? "unexpected_answer",
      detail: text("detail") ?? `The server answered ${status}.`,
      status,
      title: text("title") ?? "",
      ...(id === undefined ? {} : { requestId: id }),
      ...(additionalInput === undefined ? {} : { additionalInput }),
      errors: isRecord(members["errors"]) ? (members["errors"] as Record<string, string[]>) : {},
    });
  }
}

function readAdditionalInput(members: Partial<components["schemas"]["Problem"]>): AdditionalInput | undefined {
  const { flow_token: flowToken, step, fields, expires_in: expiresIn } = members;
  if (!flowToken || !step || !fields || !expiresIn) return undefined;
  return { flowToken, step, fields, expiresIn };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
