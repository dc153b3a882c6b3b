/** The one client of this application. Components get it from `useAuth`. */

import { createClient } from "rest-social-auth-client";

export const auth = createClient({
  baseUrl: import.meta.env.VITE_AUTH_URL ?? "http://localhost:8000",
  kind: "jwt-pair-user",
  redirectUri: `${location.origin}/callback`,
});
