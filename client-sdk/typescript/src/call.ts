/** One request to the server, within a time limit. */

import { Problem } from "./problem.js";

/**
 * Sends a request. The time limit includes the body of the response, unless the caller reads it as a stream. Problems:
 * `timeout` when there is no response in time, `network_error`. An aborted request rejects with the reason of its signal.
 */
export async function call(
  send: typeof fetch,
  request: Request,
  milliseconds: number,
  isStreamed: boolean,
  origin?: string,
): Promise<Response> {
  const { signal } = request;
  const limit = new AbortController();
  const abort = () => limit.abort(signal.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort);
  const timer = setTimeout(() => limit.abort(), milliseconds);
  try {
    const response = await send(request, { signal: limit.signal });
    // Reading the copy to its end fills the buffer from which the body of the response is read.
    if (!isStreamed) await response.clone().arrayBuffer();
    return response;
  } catch (cause) {
    if (signal?.aborted) throw signal.reason;
    if (limit.signal.aborted) {
      throw new Problem({ code: "timeout", detail: `The server did not answer within ${milliseconds / 1000} seconds.`, cause });
    }
    // A browser does not tell a script whether CORS refused the response.
    const isOtherOrigin = origin !== undefined && origin !== new URL(request.url).origin;
    const hint = isOtherOrigin ? `, or its ALLOWED_ORIGINS does not list ${origin}` : "";
    throw new Problem({ code: "network_error", detail: `The server could not be reached${hint}.`, cause });
  } finally {
    clearTimeout(timer);
  }
}

/** The body of a successful response. Problems: that of the response, or `unexpected_answer`. */
export async function bodyOf<T>(response: Response): Promise<T> {
  if (!response.ok) throw await Problem.of(response);
  if (response.status === 204) return undefined as T;
  return response.json().catch((cause: unknown) => {
    throw new Problem({ code: "unexpected_answer", detail: "The response is not JSON.", status: response.status, cause });
  });
}

/** The options of a request that sends and expects JSON. */
export function init(method: string, { signal }: { signal?: AbortSignal | undefined } = {}, body?: object): RequestInit {
  const headers = { accept: "application/json", ...(body && { "content-type": "application/json" }) };
  return { method, headers, signal, body: body && JSON.stringify(body) } as RequestInit;
}
