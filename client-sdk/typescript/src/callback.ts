/** Reads the parameters of a provider's callback from the URL, and removes them from it. */

import { fromBase64, parseUrl } from "./browser.js";

/** A URL with one of these parameters is a callback. The last one is Telegram's: signed data as base64-encoded JSON. */
const CALLBACK_PARAMETER = /^(code|denied|hash|app_state|error(_.*)?|oauth_.*|openid\.mode|tgAuthResult)$/;
/** Parameters that identify the authorization request. */
const KEY_PARAMETERS = ["state", "redirect_state", "oauth_token", "denied", "app_state"];

/** All parameters of the provider, sent to the server unchanged. */
export type CallbackFields = Record<string, string>;

/** Random values in the callback of an authorization request: its state and, in OAuth 1.0a, the request token. */
export type RequestKeys = (string | null)[];

/** Whether a callback is that of the authorization request with these keys. */
export function isCallbackOf(keys: RequestKeys, fields: CallbackFields): boolean {
  return KEY_PARAMETERS.some((name) => keys.includes(fields[name] as string));
}

/**
 * Reads the URL of a callback; `undefined` for any other URL. Some providers use the fragment. Of a repeated parameter the
 * last value counts, as in the server.
 */
export function readCallback(address: string): CallbackFields | undefined {
  const url = parseUrl(address);
  const fragment = new URLSearchParams(url?.hash.slice(1));
  const signed = fragment.get("tgAuthResult");
  const telegram = signed && readTelegram(signed);
  for (const params of [url?.searchParams ?? [], fragment]) {
    const fields: CallbackFields = { ...Object.fromEntries(params), ...(telegram || {}) };
    const isCallback = Object.keys(fields).some((name) => CALLBACK_PARAMETER.test(name) && fields[name]);
    if (isCallback && KEY_PARAMETERS.some((name) => fields[name])) return fields;
  }
  return undefined;
}

/** Telegram's signed data. `false` means that the user denied consent. */
function readTelegram(text: string): Record<string, string> {
  try {
    const bytes = Uint8Array.from(fromBase64(text), (char) => char.charCodeAt(0));
    const data = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, String(value)]));
  } catch {
    return { error: "access_denied" };
  }
}

/** A URL without query and fragment. */
export function pageOf(address = ""): string {
  return address.replace(/[?#].*$/, "");
}

/** The URL of a callback with the query of the redirect URI only, so that the browser history contains no code. */
export function cleanAddress(address: string, redirectUri = ""): string {
  return pageOf(address) + redirectUri.replace(/^[^?]*/, "");
}
