/** Reads the parameters of a provider's callback from the URL, and removes them from it. */

import { fromBase64 } from "./browser.js";

/** A URL with one of these parameters is a callback. The last one is Telegram's: signed data as base64-encoded JSON. */
const CALLBACK_PARAMETER = /^(code|denied|hash|app_state|error(_.*)?|oauth_.*|openid\.mode|tgAuthResult)$/;
/** Others that a provider or OAuth adds. */
const OTHER_PARAMETER =
  /^(openid\..*|(redirect_)?state|iss|scope|session_state|authuser|halted|is_new|hd|prompt|id_token|token_type|expires_in)$/;
/** Parameters that identify the authorization request, in order of precedence. */
const KEY_PARAMETERS = ["state", "redirect_state", "oauth_token", "denied", "app_state"];

export interface Callback {
  /** All parameters of the provider, sent to the server unchanged. */
  fields: Record<string, string>;
  /** Keys of the authorization request; at least one. */
  keys: string[];
}

/**
 * Reads the URL of a callback; `undefined` for any other URL. Some providers use the fragment. Of a repeated parameter the
 * last value counts, as in the server.
 */
export function readCallback(address: string): Callback | undefined {
  const url = new URL(address);
  const fragment = new URLSearchParams(url.hash.slice(1));
  const signed = fragment.get("tgAuthResult");
  const telegram = signed === null ? {} : readTelegram(signed);
  for (const params of [url.searchParams, fragment]) {
    const fields = { ...Object.fromEntries(params), ...telegram };
    const keys = KEY_PARAMETERS.flatMap((name) => fields[name] || []);
    if (keys.length > 0 && Object.keys(fields).some((name) => CALLBACK_PARAMETER.test(name) && fields[name])) return { fields, keys };
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

/** The URL without the provider's parameters, so that the browser history contains no code. */
export function cleanAddress(address: string): string {
  const url = new URL(address);
  for (const name of [...url.searchParams.keys()]) {
    if (CALLBACK_PARAMETER.test(name) || OTHER_PARAMETER.test(name)) url.searchParams.delete(name);
  }
  const fragment = new URLSearchParams(url.hash.slice(1));
  if (url.hash === "#_=_" || [...fragment.keys()].some((name) => CALLBACK_PARAMETER.test(name))) url.hash = "";
  return url.href.replace(/#$/, "");
}
