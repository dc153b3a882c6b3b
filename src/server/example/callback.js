// The redirect URI of the examples. In a pop-up, it sends the callback to the opener and closes.

import { provideInput } from "/example/ask.js";
import { element, showProblem } from "/example/page.js";
import { createClient, webStorage } from "/example/sdk.js";

// Stores the credential under the key of the example page for its kind.
const storage = {
  get: () => null,
  set: (credentials, server) => {
    if (credentials) webStorage(sessionStorage, `example.${credentials.family.split("-")[0]}`).set(credentials, server);
  },
};

try {
  const auth = createClient({ storage });
  const result = await provideInput(auth, await auth.handleCallback(), element("ask"));
  switch (result.outcome) {
    case "signed-in":
      location.replace(result.next ?? "/example/");
      break;
    case "canceled":
      location.replace("/example/");
      break;
    case "sent-to-opener":
      element("status").textContent = "Done. You can close this window.";
      break;
    case "none":
      element("title").textContent = "Nothing to sign in";
      element("status").textContent = "This page has no callback parameters. Start a sign-in on one of the example pages.";
      break;
  }
} catch (problem) {
  element("status").textContent = "";
  showProblem(problem);
}
