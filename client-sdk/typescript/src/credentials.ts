/** The tokens of whoever is signed in: where they are kept, and how much of their life is left. */

/** A kind of credential, whichever of its login routes gave it. */
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

/** Where credentials are kept. A page that reloads keeps nothing in `memoryStorage`, and gives nothing to a thief. */
export interface CredentialStorage {
  get(): Awaitable<Credentials | null>;
  /** `null`: forget them. */
  set(credentials: Credentials | null): Awaitable<void>;
}

/** The default: gone with the page. */
export function memoryStorage(): CredentialStorage {
  let kept: Credentials | null = null;
  return {
    get: () => kept,
    set: (credentials) => {
      kept = credentials;
    },
  };
}

/**
 * Keeps them in the tab (`sessionStorage`) or, where you hand in `localStorage`, in the browser. Any script that runs on
 * your page can read them there: prefer the session kind, or memory.
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

/** The `Authorization` header that shows them. */
export function authorization(credentials: Credentials): string {
  return `${credentials.family.startsWith("jwt") ? "Bearer" : "Token"} ${credentials.token}`;
}

/** Whether they can and should be renewed before they are shown. A clock that is wrong here does no harm. */
export function isDue(credentials: Credentials, now: number): boolean {
  const life = lifetime(credentials.token);
  if (life === undefined) return false;
  const left = credentials.received + life - now;
  switch (credentials.family) {
    case "jwt-pair":
      return credentials.refresh !== undefined && left < Math.min(10_000, life / 2);
    // A sliding token renews only itself, and only while it is good: it is renewed well before.
    case "jwt-sliding":
      return left > 0 && left < life / 2;
    default:
      return false;
  }
}

/** Milliseconds between a JWT's `iat` and `exp`; `undefined` for what is none. */
function lifetime(token: string): number | undefined {
  try {
    const part = token.split(".")[1] ?? "";
    const { iat, exp } = JSON.parse(atob(part.replaceAll("-", "+").replaceAll("_", "/"))) as Record<string, unknown>;
    return typeof iat === "number" && typeof exp === "number" ? (exp - iat) * 1000 : undefined;
  } catch {
    return undefined;
  }
}
