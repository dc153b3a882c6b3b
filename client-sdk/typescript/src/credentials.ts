/** The tokens of the signed-in user: storage and remaining lifetime. */

/** A kind of credential, without the `user` variants of its login routes. */
export type Family = "session" | "token" | "jwt-pair" | "jwt-sliding" | "knox";

export interface Credentials {
  family: Family;
  /** Access, sliding, permanent or knox token. */
  token: string;
  refresh?: string;
  /** Milliseconds since 1970, by this machine's clock: when `token` was received. */
  received: number;
}

type Awaitable<T> = T | Promise<T>;

/** Where credentials are stored. `memoryStorage` is lost on reload; no other page can read it. */
export interface CredentialStorage {
  get(): Awaitable<Credentials | null>;
  /** `null` deletes them. */
  set(credentials: Credentials | null): Awaitable<void>;
}

/** The default: lost when the page is closed or reloaded. */
export function memoryStorage(): CredentialStorage {
  let stored: Credentials | null = null;
  return {
    get: () => stored,
    set: (credentials) => {
      stored = credentials;
    },
  };
}

/**
 * Stores credentials in the tab (`sessionStorage`) or, with `localStorage`, in the browser. Any script on your page can
 * read them: prefer the session kind or memory.
 */
export function webStorage(storage: Storage = sessionStorage, name = "rest-social-auth.credentials"): CredentialStorage {
  return {
    get: () => {
      try {
        return JSON.parse(storage.getItem(name) ?? "null") as Credentials | null;
      } catch {
        return null;
      }
    },
    set: (credentials) => {
      if (credentials) storage.setItem(name, JSON.stringify(credentials));
      else storage.removeItem(name);
    },
  };
}

/** The `Authorization` header of the credentials. */
export function authorization(credentials: Credentials): string {
  return `${credentials.family.startsWith("jwt") ? "Bearer" : "Token"} ${credentials.token}`;
}

/** Whether the token should be refreshed before the next request. It does not depend on the accuracy of the clock. */
export function needsRefresh(credentials: Credentials, now: number): boolean {
  const life = lifetime(credentials.token);
  if (life === undefined) return false;
  const left = credentials.received + life - now;
  switch (credentials.family) {
    case "jwt-pair":
      return credentials.refresh !== undefined && left < Math.min(10_000, life / 2);
    // A sliding token can be refreshed only while it is valid, so refresh it in the second half of its lifetime.
    case "jwt-sliding":
      return left > 0 && left < life / 2;
    default:
      return false;
  }
}

/** Milliseconds between `iat` and `exp` of a JWT; `undefined` for other tokens. */
function lifetime(token: string): number | undefined {
  try {
    const part = token.split(".")[1] ?? "";
    const { iat, exp } = JSON.parse(atob(part.replaceAll("-", "+").replaceAll("_", "/"))) as Record<string, unknown>;
    return typeof iat === "number" && typeof exp === "number" ? (exp - iat) * 1000 : undefined;
  } catch {
    return undefined;
  }
}
