/** What a provider's redirect brings along: read from the address, and removed from it. */

/** Parameters that only providers and OAuth use. */
const OURS = [
  "code",
  "state",
  "iss",
  "scope",
  "session_state",
  "authuser",
  "hd",
  "prompt",
  "id_token",
  "token_type",
  "expires_in",
  "oauth_token",
  "oauth_verifier",
  "oauth_problem",
  "denied",
  "redirect_state",
  "error",
  "error_code",
  "error_description",
  "error_message",
  "error_reason",
  "error_uri",
];
/** One of these makes an address a callback. */
const MARKS = [
  "code",
  "error",
  "oauth_token",
  "oauth_verifier",
  "denied",
  "oauth_problem",
  "error_code",
  "openid.mode",
  "hash",
];
/** Behind it Telegram puts its signed data, in JSON and base64. */
const TELEGRAM = "tgAuthResult";
/** What names the login, in the order in which it is looked for. */
const NAMES = ["state", "redirect_state", "oauth_token", "denied"];

export interface Callback {
  /** All that the provider sent, as it goes to the server. */
  fields: Record<string, string>;
  /** Keys by which the login can be found; at least one. */
  keys: string[];
}

/**
 * Reads a callback's address; `undefined` where it is none. Some providers answer in the fragment. Fields that came
 * twice count as their last value, as they do at the server.
 */
export function readCallback(address: string): Callback | undefined {
  const url = new URL(address);
  const fragment = new URLSearchParams(url.hash.slice(1));
  const signed = fragment.get(TELEGRAM);
  const telegram = signed === null ? {} : readTelegram(signed);
  for (const params of [url.searchParams, fragment]) {
    const fields = { ...Object.fromEntries(params), ...telegram };
    const keys = NAMES.flatMap((name) => fields[name] || []);
    if (keys.length > 0 && MARKS.some((mark) => fields[mark])) return { fields, keys };
  }
  return undefined;
}

/** What Telegram signed; the person's no is `false`. */
function readTelegram(text: string): Record<string, string> {
  try {
    const bytes = Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));
    const data = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, String(value)]));
  } catch {
    return { error: "access_denied" };
  }
}

/** The address without what the provider added: codes do not belong into a history. */
export function cleanAddress(address: string): string {
  const url = new URL(address);
  for (const name of [...url.searchParams.keys()]) {
    if (OURS.includes(name) || name.startsWith("openid.")) url.searchParams.delete(name);
  }
  const fragment = new URLSearchParams(url.hash.slice(1));
  if (url.hash === "#_=_" || [...MARKS, TELEGRAM].some((mark) => fragment.has(mark))) url.hash = "";
  return url.href.replace(/#$/, "");
}
