/** Google One Tap. Google's script uses FedCM where the browser supports it, and a prompt of its own elsewhere. */

import type { SocialAuth } from "./client.js";
import { Problem } from "./problem.js";
import type { NothingHappened, SignInOptions, SignInResult } from "./types.js";

const SCRIPT = "https://accounts.google.com/gsi/client";

/** The part of Google's script that is used: https://developers.google.com/identity/gsi/web/reference/js-reference */
interface GoogleIdentity {
  initialize(options: {
    client_id: string;
    nonce?: string;
    auto_select: boolean;
    use_fedcm_for_prompt: true;
    callback(response: { credential: string }): void;
  }): void;
  prompt(onMoment: (moment: PromptMoment) => void): void;
  cancel(): void;
}

interface PromptMoment {
  isSkippedMoment(): boolean;
  isDismissedMoment(): boolean;
  getDismissedReason(): string;
}

export interface OneTapOptions extends Omit<SignInOptions, "redirectUri" | "scope" | "parameters"> {
  /** The name of the provider in your server. Default: `google-oauth2`. */
  provider?: "google-oauth2" | "google-openidconnect" | (string & {}) | undefined;
  /** Signs a returning user in without a click. Do not use it right after a logout. */
  autoSelect?: boolean | undefined;
}

/** Ends the prompt that is shown: Google's script has one at a time. */
let endPrompt = () => {};
let loading: Promise<GoogleIdentity> | undefined;

/**
 * Shows the prompt and signs in. The outcome is `none` when the user dismisses it, or Google does not show it: for example
 * because the user has no Google session. A second call, such as StrictMode's, replaces the first, whose outcome
 * is `none`. Your page must allow scripts and frames of https://accounts.google.com.
 *
 * Problems: those of the server; `unknown_provider` when the server has no such provider; `network_error` when Google's
 * script does not load.
 */
export async function oneTap<Fields>(
  auth: SocialAuth<Fields>,
  { provider = "google-oauth2", autoSelect = false, ...options }: OneTapOptions = {},
): Promise<SignInResult<Fields> | NothingHappened> {
  const { signal } = options;
  endPrompt();
  let isSuperseded = false;
  endPrompt = () => (isSuperseded = true);
  const [identity, providers] = await Promise.all([loadIdentity(), auth.providers({ signal })]);
  const clientId = providers.find(({ name }) => name === provider)?.client_id;
  if (!clientId) throw new Problem({ code: "unknown_provider", detail: `The server has no provider ${provider}.` });
  let abort = () => {};
  const obtain = (nonce: string | undefined) =>
    new Promise<string | null>((resolve, reject) => {
      signal?.throwIfAborted();
      if (isSuperseded) return resolve(null);
      endPrompt = () => {
        isSuperseded = true;
        identity.cancel();
        resolve(null);
      };
      abort = () => {
        // The prompt of a later call stays.
        if (!isSuperseded) identity.cancel();
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", abort);
      identity.initialize({
        client_id: clientId,
        ...(nonce === undefined ? {} : { nonce }),
        auto_select: autoSelect,
        use_fedcm_for_prompt: true,
        callback: ({ credential }) => resolve(credential),
      });
      identity.prompt((moment) => {
        // After a sign-in the prompt is dismissed too, before the callback.
        const isSignIn = moment.isDismissedMoment() && moment.getDismissedReason() === "credential_returned";
        if (moment.isSkippedMoment() || (moment.isDismissedMoment() && !isSignIn)) resolve(null);
      });
    }).finally(() => signal?.removeEventListener("abort", abort));
  return isSuperseded ? { outcome: "none" } : auth.signInWithIdToken(provider, obtain, options);
}

function loadIdentity(): Promise<GoogleIdentity> {
  const loaded = () => (globalThis as { google?: { accounts?: { id?: GoogleIdentity } } }).google?.accounts?.id;
  const identity = loaded();
  if (identity) return Promise.resolve(identity);
  return (loading ??= new Promise<GoogleIdentity>((resolve, reject) => {
    const fail = () => reject(new Problem({ code: "network_error", detail: `${SCRIPT} could not be loaded.` }));
    const script = document.createElement("script");
    script.src = SCRIPT;
    script.async = true;
    script.onload = () => {
      const ready = loaded();
      if (ready) resolve(ready);
      else fail();
    };
    script.onerror = fail;
    document.head.append(script);
  }).finally(() => (loading = undefined)));
}
