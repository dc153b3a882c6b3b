// Shows the document, and in `dev` signs in for the operations that need a user. `spec` and `isDemo` are declared before.

// Swagger UI puts a link into the button that opens an operation. An element in a button cannot be reached by all users.
const withoutNestedLinks = ({ React }) => ({
  components: { DeepLink: ({ text }) => React.createElement("span", null, text) },
});

const ui = SwaggerUIBundle({
  dom_id: "#ui",
  spec,
  deepLinking: true,
  docExpansion: "none",
  filter: true,
  defaultModelsExpandDepth: 0,
  plugins: [withoutNestedLinks],
});

const REQUEST_KEY = "docs.request";
const TOKEN_KEY = "docs.token";
const place = document.getElementById("sign-in");

async function call(path, body) {
  const init = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(path, init);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.detail);
  return answer;
}

function show(...children) {
  place.replaceChildren(...children);
}

function make(tag, text, onclick) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (onclick) Object.assign(made, { type: "button", onclick });
  return made;
}

/** The operations then send the token. A knox token is valid for hours, and no other token of the user is affected. */
function use({ username, token }) {
  ui.preauthorizeApiKey("knox", `Token ${token}`);
  const signOut = () => {
    ui.authActions.logout(["knox"]);
    sessionStorage.removeItem(TOKEN_KEY);
    fetch("/api/knox/logout/", { method: "POST", headers: { Authorization: `Token ${token}` } });
    showProviders();
  };
  show(make("p", `Signed in as ${username}`), make("button", "Sign out", signOut));
}

async function signIn(provider) {
  const redirect_uri = `${location.origin}/docs/`;
  const begun = await call(`/api/login/social/begin/${provider}/`, { redirect_uri });
  sessionStorage.setItem(REQUEST_KEY, JSON.stringify({ provider, flow_token: begun.flow_token }));
  location.assign(begun.authorization_url);
}

async function showProviders(problem) {
  const { providers } = await call("/api/login/social/providers/");
  const buttons = providers.map(({ name, title }, at) => {
    const button = make("button", `Sign in with ${title}`, () => signIn(name).catch(showProviders));
    if (at > 0) button.className = "quiet";
    return button;
  });
  show(...(problem ? [make("p", problem.message)] : []), ...buttons);
}

/** Completes the login that the URL and the storage of the tab belong to. */
async function complete(fields) {
  const { provider, flow_token } = JSON.parse(sessionStorage.getItem(REQUEST_KEY));
  sessionStorage.removeItem(REQUEST_KEY);
  history.replaceState(null, "", location.pathname);
  const { username, token } = await call(`/api/login/social/knox_user/${provider}/`, { ...fields, flow_token });
  sessionStorage.setItem(TOKEN_KEY, JSON.stringify({ username, token }));
}

if (isDemo) {
  const fields = Object.fromEntries(new URLSearchParams(location.search));
  const isCallback = sessionStorage.getItem(REQUEST_KEY) !== null && Object.keys(fields).length > 0;
  (isCallback ? complete(fields) : Promise.resolve())
    .then(() => {
      const stored = sessionStorage.getItem(TOKEN_KEY);
      return stored ? use(JSON.parse(stored)) : showProviders();
    })
    .catch(showProviders);
}
