/** What the client uses of a browser. Every part is optional: a server has none, and an app passes its own. */

import type { Awaitable, KeyValueStorage } from "./credentials.js";
import { fail, Problem } from "./problem.js";

/** `window` in a browser. Tests and apps pass an object with the parts that they have. */
export interface Browser {
  location?: { href: string; assign(address: string): void };
  history?: { state: unknown; replaceState(state: unknown, unused: string, address: string): void };
  sessionStorage?: KeyValueStorage;
  localStorage?: KeyValueStorage;
  document?: { hasFocus(): boolean };
  BroadcastChannel?: new (name: string) => Channel;
  open?(address: string, target: string, features: string): Window | null;
  close?(): void;
  addEventListener?(type: "pageshow", listener: (event: { persisted: boolean }) => void): void;
  removeEventListener?(type: "pageshow", listener: (event: { persisted: boolean }) => void): void;
}

/** The part of a `BroadcastChannel` that the client uses. */
export interface Channel {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: unknown): void;
  close(): void;
}

/** A storage of the browser; `undefined` without one, or when the browser forbids it. */
export function storageOf(browser: Browser, name: "sessionStorage" | "localStorage"): KeyValueStorage | undefined {
  try {
    return browser[name];
  } catch {
    return undefined;
  }
}

/** A key-value storage in memory, for pages without session storage. */
export function memoryKeyValues(): KeyValueStorage {
  const rows = new Map<string, string>();
  return {
    getItem: (name) => rows.get(name) ?? null,
    setItem: (name, value) => void rows.set(name, value),
    removeItem: (name) => void rows.delete(name),
  };
}

/** Uses a storage. Problems: `storage_failed`, so that a storage that fails never looks empty. */
export async function withStorage<T>(use: () => Awaitable<T>): Promise<T> {
  try {
    return await use();
  } catch (cause) {
    if (cause instanceof Problem) throw cause;
    fail("storage_failed", "The storage failed.", { cause });
  }
}

/**
 * Reads a JSON value of a server. Invalid content counts as absent. Each server has its own values, because credentials, codes
 * and flow tokens are sent only to the server that they are for. Problems: `storage_failed`.
 */
export async function readJson<T>(storage: KeyValueStorage, name: string, server: string): Promise<T | null> {
  const text = await withStorage(() => storage.getItem(`${name} ${server}`));
  try {
    return JSON.parse(text ?? "null") as T | null;
  } catch {
    return null;
  }
}

/** Writes a JSON value of a server; `null` deletes it. Problems: `storage_failed`. */
export function writeJson(storage: KeyValueStorage, name: string, server: string, value: unknown): Promise<void> {
  const row = `${name} ${server}`;
  return withStorage(() => (value === null ? storage.removeItem(row) : storage.setItem(row, JSON.stringify(value))));
}

/** Parses a URL; `undefined` for another text. */
export function parseUrl(address: string, base?: string): URL | undefined {
  try {
    return new URL(address, base);
  } catch {
    return undefined;
  }
}

/**
 * Waits for work until the caller's signal is aborted or the time limit is over. The work goes on unless it uses its own
 * signal, which is aborted then. Problems: `timeout`.
 */
export function wait<T>(
  work: (limit: AbortSignal) => Promise<T>,
  signal: AbortSignal | undefined,
  milliseconds?: number,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const limit = new AbortController();
    const end = (reason: unknown) => {
      reject(reason);
      limit.abort(reason);
    };
    const abort = () => end(signal?.reason);
    const late = () => end(new Problem({ code: "timeout", detail: `No answer in ${milliseconds} ms.` }));
    const timer = milliseconds && setTimeout(late, milliseconds);
    signal?.addEventListener("abort", abort);
    if (signal?.aborted) abort();
    void work(limit.signal).then(resolve, reject).finally(() => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    });
  });
}

/** Decodes base64 of URLs to a text with one character for each byte. */
export function fromBase64(text = ""): string {
  return atob(text.replaceAll("-", "+").replaceAll("_", "/"));
}
