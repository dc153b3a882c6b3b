// The form for additional input of a pending login, built from the fields in the response.

/** Shows the form in `place` until the login is complete; returns its result. */
export async function provideInput(auth, result, place) {
  let errors = {};
  while (result.outcome === "input-required") {
    const answers = await submitForm(result.fields, errors, place);
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

function submitForm(fields, errors, place) {
  const form = document.createElement("form");
  const inputs = fields.map((field) => [field, inputOf(field)]);
  for (const [field, input] of inputs) {
    const label = document.createElement("label");
    const isBox = field.type === "checkbox";
    label.append(...(isBox ? [input, ` ${field.title}`] : [field.title, " ", input]));
    const error = document.createElement("strong");
    error.textContent = (errors[field.name] ?? []).join(" ");
    const help = document.createElement("small");
    help.textContent = field.help ?? "";
    const row = document.createElement("p");
    row.append(label, " ", help, " ", error);
    form.append(row);
  }
  const button = document.createElement("button");
  button.textContent = "Continue";
  form.append(button);
  place.replaceChildren(form);
  place.hidden = false;
  return new Promise((resolve) => {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      place.replaceChildren();
      place.hidden = true;
      const answer = ([field, input]) => [field.name, field.type === "checkbox" ? input.checked : input.value];
      resolve(Object.fromEntries(inputs.map(answer)));
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
