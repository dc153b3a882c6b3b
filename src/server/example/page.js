// What the pages share: elements, and actions with their errors.

export const element = (id) => document.getElementById(id);

/** An element with properties and children. */
export function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** Terms and descriptions of a `dl`. */
/** Number of providers that are shown at once; `dev` simulates all of the catalogue. */
const FIRST_PROVIDERS = 4;

/** Buttons of providers, of which all but the first are behind a disclosure. */
export function providerList(buttons) {
  const [first, more] = [buttons.slice(0, FIRST_PROVIDERS), buttons.slice(FIRST_PROVIDERS)];
  if (more.length === 0) return first;
  const summary = make("summary", {}, `${more.length} more providers`);
  return [...first, make("details", { className: "more" }, summary, make("div", { className: "providers" }, ...more))];
}

export const definitions = (rows) =>
  Object.entries(rows).flatMap(([term, text]) => [make("dt", {}, term), make("dd", {}, String(text))]);

/** Shows an error of the server or of the client. */
export function showProblem(problem) {
  const messages = { access_denied: "You denied access at the provider." };
  const alert = element("alert");
  alert.textContent = messages[problem.code] ?? problem.detail ?? String(problem);
  alert.dataset.code = problem.code ?? "";
  alert.hidden = false;
}

/** Runs one action at a time and shows its error. */
export async function run(text, work) {
  const buttons = [...document.querySelectorAll("button")].filter((button) => !button.disabled);
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
