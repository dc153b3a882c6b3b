/**
 * How a pop-up gives its callback to the page that opened it: by a BroadcastChannel of that one login, which works where
 * a provider's Cross-Origin-Opener-Policy has cut the two windows apart.
 */

import { Problem } from "./problem.js";

const CHANNEL = "rest-social-auth.callback.";
/** Milliseconds that a callback page waits for the page that began the login to take it. */
const TAKEN_WITHIN = 700;
/** Milliseconds between two looks at the pop-up. */
const LOOK_EVERY = 400;

interface Message {
  kind: "callback" | "taken";
  fields?: Record<string, string>;
}

/** On the callback page: offers the callback to whoever waits for it. `false`: nobody does. */
export function offerCallback(keys: string[], fields: Record<string, string>): Promise<boolean> {
  if (typeof BroadcastChannel === "undefined") return Promise.resolve(false);
  return new Promise((resolve) => {
    const channels = keys.map((key) => new BroadcastChannel(CHANNEL + key));
    const done = (taken: boolean) => {
      clearTimeout(timer);
      for (const channel of channels) channel.close();
      resolve(taken);
    };
    const timer = setTimeout(() => done(false), TAKEN_WITHIN);
    for (const channel of channels) {
      channel.onmessage = (event: MessageEvent<Message>) => {
        if (event.data?.kind === "taken") done(true);
      };
      channel.postMessage({ kind: "callback", fields } satisfies Message);
    }
  });
}

/** On the page that opened the pop-up: the callback's fields, once they come. */
export function awaitCallback(keys: string[], popup: Window, hasFocus: () => boolean): Promise<Record<string, string>> {
  return new Promise((resolve, reject) => {
    const channels = keys.map((key) => new BroadcastChannel(CHANNEL + key));
    const done = () => {
      clearInterval(watch);
      for (const channel of channels) channel.close();
    };
    for (const channel of channels) {
      channel.onmessage = (event: MessageEvent<Message>) => {
        const { kind, fields } = event.data ?? {};
        if (kind !== "callback" || !fields) return;
        channel.postMessage({ kind: "taken" } satisfies Message);
        // The answer must be out before the channel closes.
        setTimeout(() => {
          done();
          resolve(fields);
        }, 0);
      };
    }
    // A window that a provider cut off looks closed while it is in use: then the focus is with it, not here.
    let looks = 0;
    const watch = setInterval(() => {
      looks = popup.closed && hasFocus() ? looks + 1 : 0;
      if (looks < 3) return;
      done();
      reject(new Problem({ code: "popup_closed", detail: "The window was closed before the sign-in was finished." }));
    }, LOOK_EVERY);
  });
}
