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

/** The operations then send a knox token. It is valid for hours, and no other token of the user is affected. */
async function startSignIn() {
  const [{ createClient, webStorage }, { make, nameOf, providerList }, { provideInput }] = await Promise.all(
    ["sdk", "page", "ask"].map((name) => import(`/example/${name}.js`)),
  );
  const place = document.getElementById("sign-in");
  const auth = createClient({
    kind: "knox_user",
    redirectUri: `${location.origin}/docs/`,
    storage: webStorage(sessionStorage, "docs.credentials"),
  });
  const action = (text, work, className = "") =>
    make("button", { type: "button", className, onclick: () => work().catch(show) }, text);

  /** Who is signed in, or buttons to sign in. `problem`: why the last action failed. */
  async function show(problem) {
    const user = await auth.user();
    const alert = problem ? [make("p", { className: "alert", role: "alert" }, problem.detail ?? String(problem))] : [];
    if (!user) {
      const usable = (await auth.providers()).filter(({ kinds }) => kinds.includes(auth.kind));
      const button = ({ name, title }, at) =>
        action(`Sign in with ${title}`, () => auth.signIn(name), at > 0 ? "quiet" : "");
      return place.replaceChildren(...alert, ...providerList(usable, button, 1));
    }
    ui.preauthorizeApiKey("knox", `Token ${await auth.token()}`);
    const signOut = async () => {
      ui.authActions.logout(["knox"]);
      await auth.logout();
      await show();
    };
    place.replaceChildren(...alert, make("p", {}, `Signed in as ${nameOf(user)}`), action("Sign out", signOut, "quiet"));
  }

  try {
    await provideInput(auth, await auth.handleCallback(), place);
    await show();
  } catch (problem) {
    await show(problem);
  }
}

if (isDemo) startSignIn();
