/**
 * Sends the callback from a pop-up to the page that opened it, through a BroadcastChannel. The channel also works when a
 * provider's Cross-Origin-Opener-Policy has separated the two windows.
 */

import type { AuthorizationRequest } from "./authorization-request.js";
import { wait, type Browser } from "./browser.js";
import { isCallbackOf, type CallbackFields, type RequestKeys } from "./callback.js";
import { Problem } from "./problem.js";

const CHANNEL = "rest-social-auth.callback";
/** Milliseconds that the callback page waits for the opener's acknowledgement. */
const ACKNOWLEDGEMENT_TIMEOUT = 700;
/** Milliseconds between two checks whether the pop-up is closed. */
const CLOSED_CHECK_INTERVAL = 400;
/** Consecutive checks after which the pop-up counts as closed. */
const CLOSED_CHECKS = 3;

/** The fields of a callback; or, as its acknowledgement, the keys of the authorization request. */
type Message = { fields: CallbackFields; keys?: undefined } | { keys: RequestKeys; fields?: undefined };

/** On the callback page: sends the callback to the opener. `false`: no page waits for it. */
export async function sendToOpener({ BroadcastChannel }: Browser, fields: CallbackFields): Promise<boolean> {
  if (!BroadcastChannel) return false;
  const channel = new BroadcastChannel(CHANNEL);
  const isReceived = await new Promise<boolean>((resolve) => {
    channel.onmessage = ({ data: { keys = [] } }: MessageEvent<Message>) => isCallbackOf(keys, fields) && resolve(true);
    channel.postMessage({ fields } satisfies Message);
    setTimeout(() => resolve(false), ACKNOWLEDGEMENT_TIMEOUT);
  });
  channel.close();
  return isReceived;
}

/**
 * On the opener: waits for the callback and returns its fields. Problems: `popup_closed`. An aborted signal rejects with its
 * reason.
 */
export async function waitForCallback(
  { BroadcastChannel, document }: Browser,
  { keys }: AuthorizationRequest,
  popup: Window,
  signal: AbortSignal | undefined,
): Promise<CallbackFields> {
  const channel = BroadcastChannel && new BroadcastChannel(CHANNEL);
  let timer: ReturnType<typeof setInterval> | undefined;
  const callback = new Promise<CallbackFields>((resolve, reject) => {
    if (channel) {
      channel.onmessage = ({ data: { fields = {} } }: MessageEvent<Message>) => {
        if (!isCallbackOf(keys, fields)) return;
        channel.postMessage({ keys } satisfies Message);
        // The channel closes only after the acknowledgement is sent.
        setTimeout(() => resolve(fields), 0);
      };
    }
    // A pop-up that a provider's policy has separated looks closed while it is used. Then this page has no focus.
    let checks = 0;
    timer = setInterval(() => {
      checks = popup.closed && document?.hasFocus() ? checks + 1 : 0;
      if (checks >= CLOSED_CHECKS) reject(new Problem({ code: "popup_closed", detail: "The sign-in window was closed." }));
    }, CLOSED_CHECK_INTERVAL);
  });
  try {
    return await wait(() => callback, signal);
  } finally {
    clearInterval(timer);
    channel?.close();
  }
}
