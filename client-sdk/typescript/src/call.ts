/** One request to the server, within a time limit. */

import { wait } from "./browser.js";
import { fail, Problem, requireValue } from "./problem.js";

/**
 * Sends a request. The time limit includes the body of the response, unless the caller reads it as a stream. Problems:
 * `timeout` when there is no response in time, `network_error`. An aborted request rejects with the reason of its signal.
 */
export function call(
  send: typeof fetch,
  request: Request,
  milliseconds: number,
  isStreamed: boolean,
  page?: string,
): Promise<Response> {
  const work = async (signal: AbortSignal) => {
    try {
      // The signal of the request also ends a body that is read as a stream. Older browsers have no `AbortSignal.any`.
      const response = await send(request, { signal: AbortSignal.any?.([request.signal, signal]) ?? signal });
      // Reading the copy to its end fills the buffer from which the body of the response is read.
      if (!isStreamed) await response.clone().arrayBuffer();
      return response;
    } catch (cause) {
      // A script cannot know whether CORS refused the response.
      const origin = page && new URL(page).origin;
      const isOtherOrigin = origin && !request.url.startsWith(`${origin}/`);
      const hint = isOtherOrigin ? `, or its ALLOWED_ORIGINS does not list ${origin}` : "";
      fail("network_error", `The server could not be reached${hint}.`, { cause });
    }
  };
  return wait(work, request.signal, milliseconds);
}

/**
 * Does the work while no other tab does work with this name. Without locks, as where the browser forbids them, it is done at
 * once.
 */
export async function withLock<T>(name: string, work: () => Promise<T>): Promise<T> {
  let started: Promise<T> | undefined;
  const start = () => (started ??= work());
  try {
    await navigator.locks.request(name, start);
  } catch {
    // The error of the work, which is returned below, or of the lock.
  }
  return start();
}

/** The body of a successful response. Problems: that of the response, or `unexpected_answer`. */
export async function bodyOf<T>(response: Response): Promise<T> {
  if (!response.ok) throw await Problem.of(response);
  if (response.status === 204) return undefined as T;
  return requireValue((await response.json().catch(() => {})) as T, response.status);
}

/** The options of a request that sends and expects JSON. */
export function requestInit(method: string, { signal }: { signal?: AbortSignal | undefined } = {}, body?: object): RequestInit {
  const headers = { accept: "application/json", ...(body && { "content-type": "application/json" }) };
  return { method, headers, signal, body: body && JSON.stringify(body) } as RequestInit;
}
