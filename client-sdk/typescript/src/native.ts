/**
 * Apps: React Native, with or without Expo. The user signs in with the system's browser by the server's redirect flow
 * (RFC 8252): no token is in a URL, and the app proves with PKCE that the one-time code is its own.
 */

import { SocialAuth } from "./client.js";
import { readJson, wait, writeJson } from "./browser.js";
import { webStorage, type KeyValueStorage } from "./credentials.js";
import { Problem, withRetryOptions } from "./problem.js";
import type { CallOptions, ClientOptions, ProviderName, SignInResult } from "./types.js";

export interface NativeOptions extends Omit<ClientOptions, "browser" | "storage" | "redirectUri"> {
  baseUrl: string;
  /** The URL that returns to the app, such as `com.example.app:/signed-in`. It must be in ALLOWED_REDIRECT_URIS. */
  redirectUri: string;
  /** Where tokens are stored: the keychain, such as Expo's SecureStore. */
  storage: KeyValueStorage;
  /** Opens the system's browser and returns the URL that returned to the app: Expo's `WebBrowser.openAuthSessionAsync`. */
  openBrowser(url: string, redirectUri: string): Promise<{ type: string; url?: string }>;
  /** Fills an array with random bytes: Expo's `Crypto.getRandomValues`. */
  getRandomValues(bytes: Uint8Array): Uint8Array;
  /** SHA-256: with Expo `(data) => Crypto.digest(Crypto.CryptoDigestAlgorithm.SHA256, data)`. */
  sha256(data: Uint8Array): Promise<ArrayBuffer>;
}

export interface NativeSignInOptions extends CallOptions {
  /** A subset of the scopes that are configured in the server. */
  scope?: string[] | undefined;
  /** Returned with the result. */
  next?: string | undefined;
  /** Parameters for the provider, such as `{ prompt: "select_account" }`. */
  parameters?: Record<string, string> | undefined;
}

/** The login that the browser was opened for, stored in case the system ends the app in the meantime. */
interface StartedLogin {
  provider: string;
  next?: string | undefined;
  codeVerifier: string;
}

const STARTED = "rest-social-auth.started-login";

export interface NativeAuth<Fields> {
  /** The client for everything but `signIn`: user, events, requests, `resume`, logout. */
  auth: SocialAuth<Fields>;
  /** Signs in. Problems: those of the server, and `popup_closed` when the user closes the browser. */
  signIn(provider: ProviderName, options?: NativeSignInOptions): Promise<SignInResult<Fields>>;
  /** Completes a login whose URL opened the app again: pass `Linking.getInitialURL()`. `null`: not the URL of a login. */
  handleUrl(url: string | null, options?: CallOptions): Promise<SignInResult<Fields> | null>;
}

export function createNativeClient<Fields = unknown>(options: NativeOptions): NativeAuth<Fields> {
  const { redirectUri, storage: values, openBrowser, getRandomValues, sha256, ...client } = options;
  const storage = keychain(values);
  const kind = client.kind ?? "jwt-pair-user";
  const auth = new SocialAuth<Fields>({ ...client, kind, storage: webStorage(storage), browser: { sessionStorage: storage } });

  async function signIn(provider: ProviderName, { scope, next, parameters, signal }: NativeSignInOptions = {}) {
    const codeVerifier = base64url(getRandomValues(new Uint8Array(32)));
    const challenge = base64url(new Uint8Array(await sha256(Uint8Array.from(codeVerifier, (char) => char.charCodeAt(0)))));
    await writeJson(storage, STARTED, auth.baseUrl, { provider, next, codeVerifier } satisfies StartedLogin);
    const query = {
      ...parameters,
      kind,
      next: redirectUri,
      code_challenge: challenge,
      code_challenge_method: "S256",
      ...(scope ? { scope: scope.join(" ") } : {}),
    };
    const text = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
    const url = `${auth.baseUrl}/api/login/social/authorize/${encodeURIComponent(provider)}/?${text.join("&")}`;
    const answer = await openBrowser(url, redirectUri);
    const result = await handleUrl(answer.url ?? null, { signal });
    if (result) return result;
    const closed = new Problem({ code: "popup_closed", detail: "The browser was closed before the sign-in was complete." });
    return withRetryOptions({ provider, next }, Promise.reject<SignInResult<Fields>>(closed));
  }

  /** The URL that is handled now: the app may get it from the browser and from the system. */
  let handled: { url: string; result: Promise<SignInResult<Fields> | null> } | undefined;

  function handleUrl(url: string | null, options: CallOptions = {}): Promise<SignInResult<Fields> | null> {
    if (url === null || pageOf(url) !== pageOf(redirectUri)) return Promise.resolve(null);
    const current = handled;
    if (current?.url === url) return wait(() => current.result, options.signal);
    const result = complete(url).finally(() => {
      if (handled?.result === result) handled = undefined;
    });
    handled = { url, result };
    return wait(() => result, options.signal);
  }

  async function complete(url: string): Promise<SignInResult<Fields> | null> {
    const started = await readJson<StartedLogin>(storage, STARTED, auth.baseUrl);
    if (!started) return null;
    const { provider, next, codeVerifier } = started;
    const parameters = parametersOf(url);
    const { code, error = "callback_unknown" } = parameters;
    const login = { provider, kind, codeVerifier, next };
    if (code !== undefined) {
      const forget = async () => {
        // The user may have started another login in the meantime.
        const latest = await readJson<StartedLogin>(storage, STARTED, auth.baseUrl);
        if (latest?.codeVerifier === codeVerifier) await writeJson(storage, STARTED, auth.baseUrl, null);
      };
      try {
        const result = await auth.exchangeCode(code, login);
        await forget();
        return result;
      } catch (problem) {
        // Without an answer of the server, the URL can be handled again.
        if (!/^(network_error|timeout)$/.test(`${(problem as Problem | null)?.code}`)) await forget();
        throw problem;
      }
    }
    // Any app can open this URL, so it does not end the login.
    const refused = new Problem({ code: error, detail: "The sign-in was refused." });
    return withRetryOptions({ provider, next }, Promise.reject<SignInResult<Fields>>(refused));
  }

  return { auth, signIn, handleUrl };
}

/** The query of a URL. React Native's `URL` does not read it. */
function parametersOf(url: string): Record<string, string | undefined> {
  const query = /\?([^#]*)/.exec(url)?.[1] ?? "";
  const decode = (text = "") => decodeURIComponent(text.replaceAll("+", " "));
  try {
    return Object.fromEntries(query.split("&").map((pair) => pair.split("=").map(decode) as [string, string]));
  } catch {
    return {};
  }
}

/** A URL without query, fragment and a slash at the end. */
function pageOf(url: string): string {
  return url.replace(/[?#].*$/, "").replace(/\/$/, "");
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** A keychain, such as Expo's, accepts only these characters in the name of a value. */
function keychain(values: KeyValueStorage): KeyValueStorage {
  const accepted = (name: string) => name.replace(/[^\w.-]/g, "_");
  return {
    getItem: (name) => values.getItem(accepted(name)),
    setItem: (name, value) => values.setItem(accepted(name), value),
    removeItem: (name) => values.removeItem(accepted(name)),
  };
}
