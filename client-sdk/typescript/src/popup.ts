/**
 * Sends the callback from a pop-up to the page that opened it, through a BroadcastChannel for this login. The channel
 * also works when a provider's Cross-Origin-Opener-Policy has separated the two windows.
 */

import type { AuthorizationRequest } from "./authorization-request.js";
import type { Browser } from "./browser.js";
import { Problem } from "./problem.js";

const CHANNEL = "rest-social-auth.callback.";
/** Milliseconds that the callback page waits for the opener's acknowledgement. */
const ACKNOWLEDGEMENT_TIMEOUT = 700;
/** Milliseconds between two checks whether the pop-up is closed. */
const CLOSED_CHECK_INTERVAL = 400;
/** Consecutive checks after which the pop-up counts as closed. */
const CLOSED_CHECKS = 3;

/** The callback, with its fields; without them, the acknowledgement. */
interface Message {
  fields?: Record<string, string>;
}

function openChannels({ BroadcastChannel }: Browser, keys: string[]) {
  return BroadcastChannel ? keys.map((key) => new BroadcastChannel(CHANNEL + key)) : [];
}

/** On the callback page: sends the callback to the opener. `false`: no page waits for it. */
export async function sendToOpener(browser: Browser, keys: string[], fields: Record<string, string>): Promise<boolean> {
  const channels = openChannels(browser, keys);
  if (channels.length === 0) return false;
  return new Promise((resolve) => {
    const done = (isReceived: boolean) => {
      clearTimeout(timer);
      for (const channel of channels) channel.close();
      resolve(isReceived);
    };
    const timer = setTimeout(() => done(false), ACKNOWLEDGEMENT_TIMEOUT);
    for (const channel of channels) {
      channel.onmessage = (event: MessageEvent<Message>) => {
        if (!event.data.fields) done(true);
      };
      channel.postMessage({ fields } satisfies Message);
    }
  });
}

/**
 * On the opener: waits for the callback and returns its fields. Problems: `popup_closed`, and `state_expired` when the user
 * has not signed in at the time `expires`. An aborted signal rejects with its reason.
 */
export function waitForCallback(
  browser: Browser,
  { keys, expires }: AuthorizationRequest,
  popup: Window,
  signal?: AbortSignal,
): Promise<Record<string, string>> {
  return new Promise((resolve, reject) => {
    const channels = openChannels(browser, keys);
    const done = () => {
      clearInterval(timer);
      signal?.removeEventListener("abort", abort);
      for (const channel of channels) channel.close();
    };
    const fail = (reason: unknown) => {
      done();
      reject(reason);
    };
    const abort = () => fail(signal?.reason);
    for (const channel of channels) {
      channel.onmessage = (event: MessageEvent<Message>) => {
        const { fields } = event.data;
        if (!fields) return;
        channel.postMessage({} satisfies Message);
        // Close the channel only after the acknowledgement is sent.
        setTimeout(() => {
          done();
          resolve(fields);
        }, 0);
      };
    }
    // A pop-up that a provider's policy has separated looks closed while it is used. Then this page has no focus.
    let checks = 0;
    const timer = setInterval(() => {
      if (Date.now() > expires) {
        fail(new Problem({ code: "state_expired", detail: "This sign-in has expired. Start again." }));
      }
      checks = popup.closed && browser.document?.hasFocus() ? checks + 1 : 0;
      if (checks < CLOSED_CHECKS) return;
      fail(new Problem({ code: "popup_closed", detail: "The sign-in window was closed." }));
    }, CLOSED_CHECK_INTERVAL);
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort);
  });
}
