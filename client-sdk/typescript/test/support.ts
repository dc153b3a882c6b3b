/** A minimal browser and server for the tests. */

import type { Browser } from "../src/client.js";

export class MemoryStorage implements Storage {
  readonly #rows = new Map<string, string>();

  get length(): number {
    return this.#rows.size;
  }

  clear(): void {
    this.#rows.clear();
  }

  getItem(name: string): string | null {
    return this.#rows.get(name) ?? null;
  }

  key(at: number): string | null {
    return [...this.#rows.keys()][at] ?? null;
  }

  removeItem(name: string): void {
    this.#rows.delete(name);
  }

  setItem(name: string, value: string): void {
    this.#rows.set(name, value);
  }
}

export interface Tab extends Browser {
  /** The URLs passed to `assign` and `replaceState`. */
  readonly visited: string[];
  isClosed: boolean;
}

/** One tab with its own session storage. */
export function tab(address = "https://app.example/"): Tab {
  const visited: string[] = [];
  const created: Tab = {
    visited,
    isClosed: false,
    location: {
      href: address,
      assign(next: string) {
        created.location.href = next;
        visited.push(next);
      },
    },
    history: {
      state: null,
      replaceState(_state: unknown, _unused: string, next: string) {
        created.location.href = next;
        visited.push(next);
      },
    },
    sessionStorage: new MemoryStorage(),
    document: { hasFocus: () => true },
    open: () => null,
    close() {
      created.isClosed = true;
    },
  };
  return created;
}

export interface Seen {
  method: string;
  path: string;
  query: string;
  authorization: string | null;
  credentials: RequestCredentials;
  body: Record<string, unknown>;
}

type Answer = [status: number, body?: unknown, headers?: Record<string, string>];

/** A server that answers by path and records the requests. */
export class Server {
  readonly seen: Seen[] = [];
  readonly #answers: Record<string, (seen: Seen) => Answer>;

  constructor(answers: Record<string, (seen: Seen) => Answer>) {
    this.#answers = answers;
  }

  readonly fetch = async (input: RequestInfo | URL): Promise<Response> => {
    const request = input as Request;
    const text = await request.text();
    const seen: Seen = {
      method: request.method,
      path: new URL(request.url).pathname,
      query: new URL(request.url).search,
      authorization: request.headers.get("authorization"),
      credentials: request.credentials,
      body: text ? (JSON.parse(text) as Record<string, unknown>) : {},
    };
    this.seen.push(seen);
    await new Promise((resolve) => setTimeout(resolve, 1));
    const [status, body, headers] = this.#answers[seen.path]?.(seen) ?? [404, { code: "not_found", detail: seen.path }];
    const type = status < 400 ? "application/json" : "application/problem+json";
    const payload = body === undefined ? null : JSON.stringify(body);
    return new Response(payload, { status, headers: { "content-type": type, "x-request-id": "r1", ...headers } });
  };

  at(path: string): Seen[] {
    return this.seen.filter((seen) => seen.path === path);
  }
}

/** The response to begin. */
export function begun(state: string, address = `https://provider.example/authorize?state=${state}`): Answer {
  return [200, { authorization_url: address, state, flow_token: `flow-${state}`, expires_in: 600, next: "/after" }];
}

/** An unsigned JWT with this lifetime in seconds. */
export function jwt(seconds: number, name: string): string {
  const now = Math.floor(Date.now() / 1000);
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "HS256" })}.${part({ iat: now, exp: now + seconds, jti: name })}.signature`;
}

export const MARA = { id: 1, username: "mara", first_name: "Mara", last_name: "L", email: "mara@demo.example" };
