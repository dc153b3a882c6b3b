/** What the client uses of a browser. Every part is optional: a server has none, and an app passes its own. */

import type { Awaitable, KeyValueStorage } from "./credentials.js";

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

/** Reads a JSON value. Invalid content counts as absent. */
export async function readJson<T>(storage: KeyValueStorage, name: string): Promise<T | null> {
  try {
    return JSON.parse((await storage.getItem(name)) ?? "null") as T | null;
  } catch {
    return null;
  }
}

/** Writes a JSON value; `null` deletes it. */
export function writeJson(storage: KeyValueStorage, name: string, value: unknown): Awaitable<void> {
  return value === null ? storage.removeItem(name) : storage.setItem(name, JSON.stringify(value));
}
