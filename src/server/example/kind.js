// One page for each kind of credential: sign in, show the user, call a resource and sign out with the SDK.

import { provideInput } from "/example/ask.js";
import { createClient, webStorage } from "/example/sdk.js";

const element = (id) => document.getElementById(id);
const chosen = (name) => document.querySelector(`input[name="${name}"]:checked`).value;

const page = document.body.dataset.page;
const auth = createClient({
  kind: chosen("kind"),
  redirectUri: new URL("/example/callback/", location.href).href,
  // Session storage survives the redirect to the provider. Sessions store no token.
  storage: webStorage(sessionStorage, `example.${page}`),
});
auth.subscribe(({ type }) => type === "signed-out" && showUser(null));

/** Runs one action at a time and shows its error. */
async function run(text, work) {
  const buttons = [...document.querySelectorAll("button")].filter((button) => !button.disabled);
  element("alert").hidden = true;
  element("status").textContent = text;
  for (const button of buttons) button.disabled = true;
  try {
    await work();
    element("status").textContent = "";
  } catch (problem) {
    element("status").textContent = "";
    const messages = { access_denied: "You denied access at the provider." };
    element("alert").textContent = messages[problem.code] ?? problem.detail ?? String(problem);
    element("alert").dataset.code = problem.code ?? "";
    element("alert").hidden = false;
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}

function signIn(provider) {
  const mode = chosen("mode");
  const options = { mode, kind: chosen("kind"), next: location.pathname };
  return run(`Signing in with ${provider.title} …`, async () => {
    await provideInput(auth, await auth.signIn(provider.name, options), element("ask"));
    await showUser(await auth.user());
    element("user-title").focus();
  });
}

async function showProviders() {
  const providers = (await auth.providers()).filter(({ kinds }) => kinds.includes(auth.kind));
  element("providers").replaceChildren(
    ...providers.map((provider) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = `Sign in with ${provider.title}`;
      button.dataset.provider = provider.name;
      button.addEventListener("click", () => signIn(provider));
      return button;
    }),
  );
  if (providers.length === 0) element("providers").textContent = "No provider is configured.";
}

async function showUser(user) {
  element("signed-out").hidden = user !== null;
  element("signed-in").hidden = user === null;
  if (!user) return;
  element("username").textContent = user.username;
  const rows = { Id: user.id, Name: `${user.first_name} ${user.last_name}`.trim(), "E-mail": user.email || "none" };
  element("user").replaceChildren(
    ...Object.entries(rows).flatMap(([term, text]) => {
      const [name, value] = [document.createElement("dt"), document.createElement("dd")];
      name.textContent = term;
      value.textContent = text;
      return [name, value];
    }),
  );
  const accounts = await auth.socialAccounts();
  element("accounts").replaceChildren(
    ...accounts.map(({ provider, uid }) => {
      const item = document.createElement("li");
      item.textContent = `${provider}: ${uid}`;
      return item;
    }),
  );
}

element("call").addEventListener("click", () =>
  run("Calling …", async () => {
    const response = await auth.fetch("/api/user/social/", { headers: { accept: "application/json" } });
    const isGood = response.ok;
    element("answer-status").textContent = `${response.status} ${isGood ? "OK" : (await response.clone().json()).code}`;
    element("answer-status").className = isGood ? "good" : "bad";
    element("answer-body").textContent = JSON.stringify(await response.json(), null, 2);
    element("answer").hidden = false;
  }),
);

for (const [id, text, work] of [
  ["sign-out", "Signing out …", () => auth.logout()],
  ["sign-out-everywhere", "Signing out everywhere …", () => auth.logoutEverywhere()],
]) {
  element(id).addEventListener("click", () =>
    run(text, async () => {
      try {
        await work();
      } finally {
        await showUser(await auth.user());
        element("answer").hidden = true;
      }
    }),
  );
}

await run("Loading …", async () => {
  await showProviders();
  await showUser(await auth.user());
});
