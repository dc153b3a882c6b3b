// What the pages share: elements, and actions with their errors.

export const element = (id) => document.getElementById(id);

/** An element with properties and children. */
export function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** Number of providers that are shown at once; `dev` simulates all of the catalogue, and the server lists well-known ones first. */
const FIRST_PROVIDERS = 9;
/** Shown with the others only: the same users as `demo`, for those who test OAuth 1.0a. */
const DEMO_OF_OAUTH1 = "demo-oauth1";

/** The providers with titles that differ: a title that occurs again is followed by the name of the provider. */
export function withDistinctTitles(providers) {
  const seen = new Set();
  return providers.map((provider) => {
    const isRepeated = seen.has(provider.title);
    seen.add(provider.title);
    return isRepeated ? { ...provider, title: `${provider.title} (${provider.name})` } : provider;
  });
}

/** A button for each provider, made by `button`. All but the first `count` are behind a disclosure, by title, with a search. */
export function providerList(providers, button, count = FIRST_PROVIDERS) {
  const distinct = withDistinctTitles(providers);
  const shown = distinct.filter(({ name }) => name !== DEMO_OF_OAUTH1).slice(0, count);
  const others = distinct.filter((provider) => !shown.includes(provider)).sort((a, b) => a.title.localeCompare(b.title));
  const first = shown.map(button);
  if (others.length === 0) return first;
  const rows = others.map((provider, at) => ({ ...provider, button: button(provider, shown.length + at) }));
  const none = make("p", { className: "none", hidden: true }, "No provider has this name.");
  const search = make("input", { type: "search", placeholder: "Search", autocomplete: "off", spellcheck: false });
  search.setAttribute("aria-label", "Search providers");
  search.addEventListener("input", () => {
    const wanted = search.value.trim().toLowerCase();
    for (const { name, title, button } of rows) button.hidden = !`${title} ${name}`.toLowerCase().includes(wanted);
    none.hidden = rows.some(({ button }) => !button.hidden);
  });
  const list = make("div", { className: "providers" }, ...rows.map(({ button }) => button));
  return [...first, make("details", { className: "more" }, make("summary", {}, `${others.length} more ${others.length === 1 ? "provider" : "providers"}`), search, list, none)];
}

/** Terms and descriptions of a `dl`. */
export const definitions = (rows) =>
  Object.entries(rows).flatMap(([term, text]) => [make("dt", {}, term), make("dd", {}, String(text))]);

/** The full name of a user, or else the username. */
export const nameOf = (user) => `${user.first_name} ${user.last_name}`.trim() || user.username;

/** The titles of providers by their names. */
export const titlesOf = (providers) => new Map(withDistinctTitles(providers).map(({ name, title }) => [name, title]));

/**
 * What the redirect flow of the server put into the URL without this client. A pending login continues on the page of the server.
 * Throws the error.
 */
export function readRedirect() {
  const { pathname, searchParams } = new URL(location.href);
  const [code, error] = ["code", "error"].map((name) => searchParams.get(name));
  if (searchParams.has("state") || searchParams.has("app_state")) return;
  if (searchParams.has("halted") && code) location.replace(`/api/login/social/resume/?code=${encodeURIComponent(code)}`);
  if (!error) return;
  history.replaceState(null, "", pathname);
  throw { code: error, detail: `The server refused the sign-in: ${error}.` };
}

/** Shows an error of the server or of the client. */
export function showProblem(problem) {
  const messages = {
    access_denied: "You denied access at the provider.",
    link_needs_session: "This provider can be linked only when you are signed in with a session.",
  };
  const alert = element("alert");
  alert.textContent = messages[problem.code] ?? problem.detail ?? String(problem);
  alert.dataset.code = problem.code ?? "";
  alert.hidden = false;
}

/** Runs one action at a time and shows its error. */
export async function run(text, work) {
  // The code of the start page can be read and copied meanwhile.
  const buttons = [...document.querySelectorAll('button:not([role="tab"], #copy)')].filter((button) => !button.disabled);
  element("alert").hidden = true;
  element("status").textContent = text;
  for (const button of buttons) button.disabled = true;
  try {
    await work();
  } catch (problem) {
    showProblem(problem);
  } finally {
    element("status").textContent = "";
    for (const button of buttons) button.disabled = false;
  }
}
