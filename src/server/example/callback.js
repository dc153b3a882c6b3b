// Where providers send the browser back to. In a pop-up, it hands over to the page that opened it and closes.

import { goOn } from "/example/ask.js";
import { createClient, webStorage } from "/example/sdk.js";

const element = (id) => document.getElementById(id);

// The login knows its kind of credential; each page of the example looks for its own.
const storage = {
  get: () => null,
  set: (credentials) => {
    if (credentials) webStorage(sessionStorage, `example.${credentials.family.split("-")[0]}`).set(credentials);
  },
};

try {
  const auth = createClient({ storage });
  const result = await goOn(auth, await auth.handleCallback(), element("ask"));
  switch (result.outcome) {
    case "signed-in":
      location.replace(result.next ?? "/example/");
      break;
    case "handed-over":
      element("status").textContent = "Done. You can close this window.";
      break;
    case "none":
      element("status").textContent = "Nobody is on the way back from a provider.";
      break;
  }
} catch (problem) {
  element("status").textContent = "";
  element("alert").textContent = problem.code === "access_denied" ? "You said no at the provider." : problem.detail;
  element("alert").dataset.code = problem.code;
  element("alert").hidden = false;
}
