/** A minimal browser and server for the tests. */

import type { Browser, Channel } from "../src/browser.js";

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

  names(): string[] {
    return [...this.#rows.keys()];
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

/** All open channels of the test: a message reaches the other channels of its name. */
const channels = new Set<TestChannel>();

class TestChannel implements Channel {
  onmessage: ((event: MessageEvent) => void) | null = null;
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
    channels.add(this);
  }

  postMessage(message: unknown): void {
    for (const other of channels) {
      if (other === this || other.#name !== this.#name) continue;
      const data = structuredClone(message);
      setTimeout(() => channels.has(other) && other.onmessage?.({ data } as MessageEvent), 0);
    }
  }

  close(): void {
    channels.delete(this);
  }
}

/** Closes the channels of earlier tests. */
export function closeChannels(): void {
  channels.clear();
}

export interface Tab extends Browser {
  location: { href: string; assign(address: string): void };
  sessionStorage: MemoryStorage;
  localStorage: MemoryStorage;
  /** The URLs passed to `assign` and `replaceState`. */
  readonly visited: string[];
  isClosed: boolean;
  /** How many listeners wait for the page to be shown again. */
  listeners(): number;
  /** Shows the page again, as the Back button does. */
  comeBack(): void;
}

/** One tab with its own session storage. `opener` shares its local storage. */
export function tab(address = "https://app.example/", opener?: Tab): Tab {
  const visited: string[] = [];
  const shown: ((event: { persisted: boolean }) => void)[] = [];
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
    localStorage: opener?.localStorage ?? new MemoryStorage(),
    document: { hasFocus: () => true },
    BroadcastChannel: TestChannel,
    open: () => null,
    close() {
      created.isClosed = true;
    },
    addEventListener: (_type, listener) => void shown.push(listener),
    removeEventListener: (_type, listener) => void shown.splice(shown.indexOf(listener), 1),
    listeners: () => shown.length,
    comeBack() {
      for (const listener of [...shown]) listener({ persisted: true });
    },
  };
  return created;
}

/** A duplicate of a tab: with a copy of its session storage. */
export function duplicate(original: Tab): Tab {
  const copy = tab(original.location.href, original);
  for (let at = 0; at < original.sessionStorage.length; at++) {
    const name = original.sessionStorage.key(at) as string;
    copy.sessionStorage.setItem(name, original.sessionStorage.getItem(name) as string);
  }
  return copy;
}

/** Waits until the messages between tabs and the listeners have run. */
export function settle(milliseconds = 20): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Waits for the redirect to the provider: `signIn` by redirect does not settle. */
export async function waitForRedirect(promise: Promise<unknown>, browser: Tab): Promise<void> {
  const visits = browser.visited.length;
  let failure: Promise<unknown> | undefined;
  promise.catch(() => {
    failure = promise;
  });
  while (browser.visited.length === visits && !failure) await new Promise((resolve) => setTimeout(resolve, 1));
  await failure;
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
  readonly answers: Record<string, (seen: Seen) => Answer>;

  constructor(answers: Record<string, (seen: Seen) => Answer>) {
    this.answers = answers;
  }

  readonly fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    init?.signal?.throwIfAborted();
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
    const [status, body, headers] = this.answers[seen.path]?.(seen) ?? [404, { code: "not_found", detail: seen.path }];
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
