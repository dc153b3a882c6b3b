// The demo on the start page: sign in, then see the user, the credential, the linked accounts and the devices.

import { provideInput } from "/example/ask.js";
import { definitions, element, make, nameOf, providerList, readRedirect, run, titlesOf } from "/example/page.js";
import { createClient, webStorage } from "/example/sdk.js";

/** The addresses in the code of the page. A front-end at localhost needs the server at localhost: 127.0.0.1 is another site. */
const PRINTED_SERVER = "http://127.0.0.1:8000";
const PRINTED_SITE = "http://localhost:8000";
const KIND_KEY = "start.kind";

const storage = webStorage(sessionStorage, "start.credentials");
let auth;
let unsubscribe = () => {};

/** Uses the kind of credential that was chosen, now or before the redirect. */
function useKind(kind) {
  sessionStorage.setItem(KIND_KEY, kind);
  unsubscribe();
  auth = createClient({ kind, redirectUri: `${location.origin}/`, storage });
  unsubscribe = auth.subscribe(({ type }) => type === "signed-out" && show(null));
  for (const shown of document.querySelectorAll("[data-kind]")) shown.hidden = shown.dataset.kind !== kind;
}

// ---- the parts of a token

const decoded = (part) => {
  const bytes = Uint8Array.from(atob(part.replaceAll("-", "+").replaceAll("_", "/")), (byte) => byte.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
};

const MEANINGS = {
  iss: "who issued it",
  sub: "the user",
  aud: "for whom it is",
  jti: "id of this token",
  token_type: "what it may be used for",
  user_id: "id of the user",
  gen: "counts revocations of all tokens",
};

const time = (seconds) => new Date(seconds * 1000).toLocaleTimeString();

function meaning(claim, value) {
  if (claim === "exp") return `expires at ${time(value)}`;
  if (claim === "iat") return `issued at ${time(value)}`;
  if (claim === "refresh_exp") return `can be refreshed until ${time(value)}`;
  return MEANINGS[claim] ?? "";
}

function claimTable(title, claims) {
  const rows = Object.entries(claims).map(([claim, value]) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, make("code", {}, claim)),
      make("td", {}, make("code", {}, JSON.stringify(value)), " ", make("small", {}, meaning(claim, value))),
    ),
  );
  return make("table", { className: "claims" }, make("caption", {}, title), make("tbody", {}, ...rows));
}

function tokenText(...parts) {
  const names = parts.length > 1 ? ["header", "payload", "signature"] : ["whole"];
  const shown = parts.flatMap((part, at) => [at > 0 ? "." : "", make("span", { className: `part-${names[at]}` }, part)]);
  const block = make("p", { className: "token" }, make("code", {}, ...shown));
  return block;
}

/** Who can verify a token that is signed with this algorithm. */
const verifiedBy = (algorithm) =>
  algorithm.startsWith("HS")
    ? "It is signed with SECRET_KEY: only this server can verify it. With SIMPLE_JWT_ALGORITHM=ES256, your services can, too."
    : "Your services verify it with the public key of the server, without a call to the server.";

async function showCredential() {
  const credentials = await storage.get(auth.baseUrl);
  const note = (text) => make("p", {}, text);
  let content;
  if (!credentials) {
    content = [
      note("A session cookie. The browser sends it with each request to this server, and no script can read it: not this one either."),
      make("dl", {}, ...definitions({ Cookie: "sessionid", Flags: "HttpOnly, SameSite=Lax", Script: "cannot read it" })),
    ];
  } else if (credentials.family.startsWith("jwt")) {
    const [header, payload, signature] = credentials.token.split(".");
    content = [
      note(`An access token. ${verifiedBy(decoded(header).alg)}`),
      tokenText(header, payload, signature),
      claimTable("Header", decoded(header)),
      claimTable("Payload", decoded(payload)),
    ];
    if (credentials.refresh) content.push(note("A refresh token came with it. The client uses it before the access token expires."));
  } else {
    content = [
      note("A random value. The server stores only its digest, and looks it up at each call, so it can be revoked at once."),
      tokenText(credentials.token),
      make("dl", {}, ...definitions({ Header: "Authorization: Token …" })),
    ];
  }
  element("credential").replaceChildren(...content);
}

// ---- linked accounts and devices

const actionButton = (text, label, work) => {
  const button = make("button", { type: "button", className: "quiet small", onclick: work }, text);
  button.setAttribute("aria-label", label);
  return button;
};

/** A name for a device, from the User-Agent header of its login. */
function deviceName(agent = "") {
  const first = (names) => Object.entries(names).find(([, pattern]) => pattern.test(agent))?.[0];
  const browser = first({ Edge: /Edg/, Firefox: /Firefox/, Chromium: /Chrome/, Safari: /Safari/, curl: /^curl/, Python: /^python/ });
  const system = first({ Android: /Android/, iOS: /iPhone|iPad/, Windows: /Windows/, macOS: /Mac OS/, Linux: /Linux/ });
  return [browser, system].filter(Boolean).join(" on ") || agent.slice(0, 40) || "Unknown device";
}

const row = (title, details, ...actions) =>
  make("li", {}, make("div", {}, make("b", {}, ...title), make("small", {}, details)), ...actions);

function showAccounts(accounts, titles) {
  const last = accounts.length === 1;
  element("accounts").replaceChildren(
    ...accounts.map(({ id, provider, uid }) => {
      const title = titles.get(provider) ?? provider;
      const unlink = () => run("Unlinking …", async () => {
        await auth.unlink(id);
        await refresh();
      });
      return row([title], uid, ...(last ? [] : [actionButton("Unlink", `Unlink ${title}, ${uid}`, unlink)]));
    }),
  );
}

function showDevices(credentials) {
  element("devices").replaceChildren(
    ...credentials.map(({ id, kind, current, agent, created }) => {
      const name = deviceName(agent);
      const details = `${kind}, signed in ${new Date(created).toLocaleString()}`;
      const revoke = () => run("Revoking …", async () => {
        await auth.revokeCredential(id);
        await refresh();
      });
      const badge = current ? [" ", make("span", { className: "badge" }, "this page")] : [];
      return row([name, ...badge], details, ...(current ? [] : [actionButton("Revoke", `Revoke ${kind} of ${name}, ${details}`, revoke)]));
    }),
  );
}

// ---- the page

let providers = [];

const usable = () => providers.filter(({ kinds }) => kinds.includes(auth.kind));

function showProviders() {
  const signInButton = ({ name, title }, at) => {
    const properties = { type: "button", className: at > 0 ? "quiet" : "", onclick: () => signIn(name, title) };
    return make("button", properties, `Sign in with ${title}`);
  };
  element("providers").replaceChildren(...providerList(usable(), signInButton));
}

/** Buttons for the providers that are not linked. */
function showLinks(accounts) {
  const linked = accounts.map(({ provider }) => provider);
  const linkButton = ({ name, title }) => {
    const link = () => run(`Linking ${title} …`, () => auth.signIn(name, { link: true }));
    return make("button", { type: "button", className: "quiet small", onclick: link }, `Link ${title}`);
  };
  const others = usable().filter(({ name }) => !linked.includes(name));
  element("link").replaceChildren(...providerList(others, linkButton));
}

const signIn = (name, title) => run(`Signing in with ${title} …`, () => auth.signIn(name));

/** Shows the session that a link of the redirect flow started, when this page has no other credential. */
async function useSession() {
  if (await auth.user()) return;
  if (!(await createClient({ kind: "session" }).user())) return;
  radios.find(({ value }) => value === "session").checked = true;
  useKind("session");
  showProviders();
}

async function refresh() {
  await show(await auth.user());
}

async function show(user) {
  const isSignedIn = user !== null;
  for (const id of ["signed-in", "linked", "signed-in-devices", "credential"]) element(id).hidden = !isSignedIn;
  for (const id of ["signed-out", "steps"]) element(id).hidden = isSignedIn;
  element("credential-title").textContent = isSignedIn ? "What your application gets" : "How it works";
  if (!isSignedIn) return;
  const name = nameOf(user);
  element("user-title").textContent = `Signed in as ${name}`;
  element("initials").textContent = name.split(/\s+/, 2).map((word) => [...word][0]).join("");
  element("email").textContent = user.email || "no e-mail address";
  element("user").replaceChildren(...definitions({ Id: user.id, Username: user.username }));
  const [accounts, credentials] = await Promise.all([auth.socialAccounts(), auth.credentials()]);
  await showCredential();
  showAccounts(accounts, titlesOf(providers));
  showLinks(accounts);
  showDevices(credentials);
}

const radios = [...document.querySelectorAll('input[name="kind"]')];
for (const radio of radios) {
  radio.addEventListener("change", () => {
    useKind(radio.value);
    showProviders();
  });
}

for (const [id, text, work] of [
  ["sign-out", "Signing out …", () => auth.logout()],
  ["sign-out-everywhere", "Signing out everywhere …", () => auth.logoutEverywhere()],
]) {
  element(id).addEventListener("click", () => run(text, () => work().finally(refresh)));
}

// ---- the code

const tabs = [...document.querySelectorAll('[role="tab"]')];

function selectTab(chosen) {
  for (const tab of tabs) {
    tab.setAttribute("aria-selected", String(tab === chosen));
    tab.tabIndex = tab === chosen ? 0 : -1;
    element(tab.getAttribute("aria-controls")).hidden = tab !== chosen;
  }
  element("copy").setAttribute("aria-label", `Copy the ${chosen.textContent} code`);
}

for (const [at, tab] of tabs.entries()) {
  tab.addEventListener("click", () => selectTab(tab));
  tab.addEventListener("keydown", ({ key }) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
    if (!step) return;
    const next = tabs[(at + step + tabs.length) % tabs.length];
    selectTab(next);
    next.focus();
  });
}

element("copy").addEventListener("click", async () => {
  const code = document.querySelector('[role="tabpanel"]:not([hidden]) pre:not([hidden])');
  try {
    await navigator.clipboard.writeText(code.textContent);
    element("copy").textContent = "Copied";
  } catch {
    // Without the permission, the selected text can be copied by hand.
    getSelection().selectAllChildren(code);
    element("copy").textContent = "Press Ctrl-C";
  }
  setTimeout(() => (element("copy").textContent = "Copy"), 2000);
});

for (const code of document.querySelectorAll("pre code")) {
  const site = location.origin.replace(/\/\/(127\.0\.0\.1|\[::1\])/, "//localhost");
  code.textContent = code.textContent.replaceAll(PRINTED_SERVER, location.origin).replaceAll(PRINTED_SITE, site);
}
selectTab(tabs[0]);
const kind = sessionStorage.getItem(KIND_KEY);
const radio = radios.find(({ value }) => value === kind) ?? radios.find(({ checked }) => checked);
radio.checked = true;
useKind(radio.value);

await run("Loading …", async () => {
  providers = await auth.providers();
  showProviders();
  try {
    await provideInput(auth, await auth.handleCallback(), element("ask"));
  } finally {
    await useSession();
    await refresh();
  }
  readRedirect();
});
