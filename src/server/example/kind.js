// One page for each kind of credential: sign in, show the user, call a resource and sign out with the SDK.

import { provideInput } from "/example/ask.js";
import { definitions, element, make, nameOf, providerList, readRedirect, run, titlesOf } from "/example/page.js";
import { createClient, webStorage } from "/example/sdk.js";

const chosen = (name) => document.querySelector(`input[name="${name}"]:checked`).value;

const page = document.body.dataset.page;
const auth = createClient({
  kind: chosen("kind"),
  redirectUri: new URL("/example/callback/", location.href).href,
  // Session storage survives the redirect to the provider. Sessions store no token.
  storage: webStorage(sessionStorage, `example.${page}`),
});
auth.subscribe(({ type }) => type === "signed-out" && showUser(null));

function signIn(provider) {
  const mode = chosen("mode");
  const options = { mode, kind: chosen("kind"), next: location.pathname };
  return run(`Signing in with ${provider.title} …`, async () => {
    await provideInput(auth, await auth.signIn(provider.name, options), element("ask"));
    await showUser(await auth.user());
    element("user-title").focus();
  });
}

let titles = new Map();

async function showProviders() {
  const all = await auth.providers();
  titles = titlesOf(all);
  const providers = all.filter(({ kinds }) => kinds.includes(auth.kind));
  const button = (provider, at) => {
    const properties = { type: "button", className: at > 0 ? "quiet" : "", onclick: () => signIn(provider) };
    return make("button", properties, `Sign in with ${provider.title}`);
  };
  element("providers").replaceChildren(...providerList(providers, button));
  if (providers.length === 0) element("providers").textContent = "No provider is configured.";
}

async function showUser(user) {
  element("signed-out").hidden = user !== null;
  element("signed-in").hidden = user === null;
  if (!user) return;
  element("name").textContent = nameOf(user);
  const rows = { Id: user.id, Username: user.username, "E-mail": user.email || "none" };
  element("user").replaceChildren(...definitions(rows));
  const accounts = await auth.socialAccounts();
  element("accounts").replaceChildren(...accounts.map(({ provider, uid }) => make("li", {}, `${titles.get(provider) ?? provider}: ${uid}`)));
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
  readRedirect();
});
