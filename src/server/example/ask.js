// The form for additional input of a pending login, built from the fields in the response.

import { make } from "/example/page.js";

/** Shows the form in `place` until the login is complete; returns its result, or `{ outcome: "canceled" }`. */
export async function provideInput(auth, result, place) {
  let errors = {};
  while (result.outcome === "input-required") {
    const answers = await submitForm(result.fields, errors, place);
    if (!answers) {
      await auth.cancelPendingLogin();
      return { outcome: "canceled" };
    }
    try {
      result = await auth.resume(answers);
      errors = {};
    } catch (problem) {
      if (problem.code !== "invalid_request") throw problem;
      errors = problem.errors;
    }
  }
  return result;
}

/** The answers of the user; null for "Cancel". */
function submitForm(fields, errors, place) {
  const form = make("form");
  form.append(make("h2", {}, "One more step"), make("p", {}, "This information is needed before you are signed in."));
  const inputs = fields.map((field) => [field, inputOf(field)]);
  for (const [field, input] of inputs) {
    const isBox = field.type === "checkbox";
    const label = make("label", {}, ...(isBox ? [input, make("span", {}, field.title)] : [field.title, input]));
    if (isBox) label.className = "tick";
    const about = make("span", { id: `about-${field.name}` });
    if (field.help) about.append(make("small", {}, field.help));
    const error = (errors[field.name] ?? []).join(" ");
    if (error) about.append(make("strong", {}, error));
    input.setAttribute("aria-describedby", about.id);
    if (error) input.setAttribute("aria-invalid", "true");
    form.append(make("p", { className: "field" }, label, about));
  }
  const cancel = make("button", { type: "button", className: "quiet" }, "Cancel");
  form.append(make("button", {}, "Continue"), " ", cancel);
  place.replaceChildren(form);
  place.hidden = false;
  // On a phone, the form is below what the user sees.
  inputs[0]?.[1].focus();
  // The page waits for the user now.
  const status = document.getElementById("status");
  const text = status?.textContent;
  if (status) status.textContent = "";
  return new Promise((resolve) => {
    const end = (answers) => {
      place.replaceChildren();
      place.hidden = true;
      if (status) status.textContent = text;
      resolve(answers);
    };
    cancel.addEventListener("click", () => end(null));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const answer = ([field, input]) => [field.name, field.type === "checkbox" ? input.checked : input.value];
      end(Object.fromEntries(inputs.map(answer)));
    });
  });
}

function inputOf({ name, type, required, choices = [] }) {
  const input = document.createElement(type === "choice" ? "select" : "input");
  if (type === "choice") input.append(new Option("", ""), ...choices.map((choice) => new Option(choice, choice)));
  else input.type = type;
  input.name = name;
  input.required = required;
  return input;
}
