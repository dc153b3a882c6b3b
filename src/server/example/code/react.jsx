// npm install rest-social-auth-client
import { createClient, webStorage } from "rest-social-auth-client";
import { useEffect, useState } from "react";

const auth = createClient({
  baseUrl: "http://127.0.0.1:8000",
  kind: "{{ kind.user_route }}",
  redirectUri: `${location.origin}/`,
{%- if kind.path != "session" %}
  storage: webStorage(sessionStorage), // survives the redirect and a reload
{%- endif %}
});

export function App() {
  const [user, setUser] = useState(null);

  useEffect(() => {
    auth.handleCallback().then(() => auth.user()).then(setUser);
  }, []);

  if (!user) return <button onClick={() => auth.signIn("demo")}>Sign in</button>;
  return (
    <p>
      Hello {user.first_name || user.username}{" "}
      <button onClick={() => auth.logout().then(() => setUser(null))}>Sign out</button>
    </p>
  );
}
