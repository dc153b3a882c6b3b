// src/main.tsx of a project that `npm create vite@latest -- --template react-ts` makes.
// npm install ./rest-social-auth-client-0.1.0.tgz, which `npm pack` makes in client-sdk/typescript.
// `serve` must know your page: set ALLOWED_ORIGINS=http://localhost:5173
// and ALLOWED_REDIRECT_URIS=http://localhost:5173/
import { createRoot } from "react-dom/client";
import { createClient } from "rest-social-auth-client";
import { AuthProvider, RequireAuth, useAuth } from "rest-social-auth-client/react";

const auth = createClient({
  baseUrl: "http://localhost:8000",
  kind: "{{ kind.user_route }}",
  redirectUri: `${location.origin}/`,
});

function Account() {
  const { user, client } = useAuth();
  return (
    <p>
      Hello, {user?.first_name || user?.username}!{" "}
      <button onClick={() => client.logout()}>Sign out</button>
    </p>
  );
}

await auth.handleCallback().catch((problem) => alert(problem.detail));
createRoot(document.getElementById("root")!).render(
  <AuthProvider client={auth}>
    <RequireAuth>
      <Account />
    </RequireAuth>
  </AuthProvider>,
);
