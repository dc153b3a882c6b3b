import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { Window } from "happy-dom";
import { act, createElement } from "react";
import { createRoot } from "react-dom/client";
import { createClient, type Provider } from "../src/index.js";
import { AuthProvider, SignInButtons, type SignInButtonsProps } from "../src/react.js";
import { Server, settle, tab } from "./support.js";

const PROVIDERS = "/api/login/social/providers/";
const window = new Window();
Object.assign(globalThis, { window, document: window.document, IS_REACT_ACT_ENVIRONMENT: true });

const unmount: (() => void)[] = [];
afterEach(() => act(() => unmount.splice(0).forEach((each) => each())));

function provider(name: string, kinds = ["knox"]): Provider {
  return { name, title: name.toUpperCase(), kinds } as Provider;
}

/** Shows the buttons, and returns what the page shows and how to click. */
function buttons(host: Server, props: SignInButtonsProps = {}) {
  const container = window.document.createElement("div") as unknown as HTMLElement;
  const root = createRoot(container);
  const client = createClient({ baseUrl: "https://api.example", kind: "knox", fetch: host.fetch, browser: tab() });
  unmount.push(() => root.unmount());
  act(() => root.render(createElement(AuthProvider, { client }, createElement(SignInButtons, props))));
  const shown = () => [...container.querySelectorAll("button, p")].map((each) => each.textContent?.trim());
  const click = () => act(async () => (container.querySelector("button")?.click(), await settle()));
  return { shown, click, settle: () => act(settle) };
}

test("SignInButtons has the order of the server, or that of its providers", async () => {
  const host = new Server({ [PROVIDERS]: () => [200, { providers: [provider("a"), provider("b"), provider("c")] }] });
  for (const [providers, expected] of [[undefined, "ABC"], [["c", "x", "a"], "CA"]] as const) {
    const page = buttons(host, providers && { providers: [...providers] });
    await page.settle();
    assert.deepEqual(page.shown(), [...expected].map((title) => `Sign in with ${title}`));
  }
});

test("SignInButtons is never empty: it loads, has no provider, or can try again", async () => {
  const host = new Server({ [PROVIDERS]: () => [503, { code: "database_unavailable", detail: "Later." }] });
  const page = buttons(host);
  assert.deepEqual(page.shown(), ["One moment …"]);
  await page.settle();
  assert.deepEqual(page.shown(), ["Later. Try again", "Try again"]);
  host.answers[PROVIDERS] = () => [200, { providers: [provider("a")] }];
  await page.click();
  assert.deepEqual(page.shown(), ["Sign in with A"]);

  for (const [listed, names] of [[[], undefined], [[provider("a")], ["b"]], [[provider("a", ["token"])], undefined]] as const) {
    host.answers[PROVIDERS] = () => [200, { providers: listed }];
    const empty = buttons(host, names && { providers: [...names] });
    await empty.settle();
    assert.deepEqual(empty.shown(), ["No sign-in is available."]);
  }
});

test("SignInButtons shows the problem of a sign-in, and its buttons can be used again", async () => {
  const host = new Server({
    [PROVIDERS]: () => [200, { providers: [provider("a")] }],
    "/api/login/social/begin/a/": () => [429, { code: "throttled", detail: "Too many requests." }],
  });
  const page = buttons(host);
  await page.settle();
  await page.click();
  assert.deepEqual(page.shown(), ["Sign in with A", "Too many requests."]);
  await page.click();
  assert.equal(host.at("/api/login/social/begin/a/").length, 2);
});
