/** What the client uses of a browser. Every part is optional: a server has none, and an app passes its own. */

import type { Awaitable, KeyValueStorage } from "./credentials.js";
import { Problem } from "./problem.js";

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
export async function access<T>(use: () => Awaitable<T>): Promise<T> {
  try {
    return await use();
  } catch (cause) {
    if (cause instanceof Problem) throw cause;
    throw new Problem({ code: "storage_failed", detail: "The storage failed.", cause });
  }
}

/** Reads a JSON value. Invalid content counts as absent. Problems: `storage_failed`. */
export async function readJson<T>(storage: KeyValueStorage, name: string): Promise<T | null> {
  const text = await access(() => storage.getItem(name));
  try {
    return JSON.parse(text ?? "null") as T | null;
  } catch {
    return null;
  }
}

/** Writes a JSON value; `null` deletes it. Problems: `storage_failed`. */
export function writeJson(storage: KeyValueStorage, name: string, value: unknown): Promise<void> {
  return access(() => (value === null ? storage.removeItem(name) : storage.setItem(name, JSON.stringify(value))));
}

/** Decodes base64 of URLs to a text with one character for each byte. */
export function fromBase64(text = ""): string {
  return atob(text.replaceAll("-", "+").replaceAll("_", "/"));
}
