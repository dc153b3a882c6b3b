import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import ts from "typescript";
import { createClient, type Problem, type Session, type SocialAuth } from "../src/index.js";
import { MARA, Server, tab } from "./support.js";

const FOLDER = "build/readme";
mkdirSync(FOLDER, { recursive: true });

/** Declarations that the examples expect from the page, and the modules of Expo that they use. */
const AROUND = `
import type { AskedField, SocialAuth } from "rest-social-auth-client";
declare global {
  const auth: SocialAuth;
  function ask(fields: AskedField[]): Promise<Record<string, string | boolean>>;
}
`;
const EXPO = `
declare module "expo-crypto" {
  export enum CryptoDigestAlgorithm { SHA256 = "SHA-256" }
  export function getRandomValues<T extends Uint8Array>(bytes: T): T;
  export function digest(algorithm: CryptoDigestAlgorithm, data: Uint8Array): Promise<ArrayBuffer>;
}
declare module "expo-secure-store" {
  export function getItemAsync(key: string, options?: { requireAuthentication?: boolean }): Promise<string | null>;
  export function setItemAsync(key: string, value: string, options?: { requireAuthentication?: boolean }): Promise<void>;
  export function deleteItemAsync(key: string, options?: { requireAuthentication?: boolean }): Promise<void>;
}
declare module "expo-web-browser" {
  export function openAuthSessionAsync(
    url: string,
    redirectUrl?: string | null,
    options?: { preferEphemeralSession?: boolean },
  ): Promise<{ type: "cancel" | "dismiss" | "opened" | "locked" } | { type: "success"; url: string }>;
}
`;

/** The examples of the README with the titles above them. */
function examples() {
  const blocks = readFileSync("README.md", "utf8").matchAll(/^#+ ([^\n]*)$|^```(tsx?)\n(.*?)^```/gms);
  let title = "";
  return [...blocks].flatMap(([, heading, extension = "", text = ""], at) => {
    title = heading ?? title;
    return heading === undefined ? [{ title, name: `example-${at}.${extension}`, text }] : [];
  });
}

function write(name: string, text: string): string {
  writeFileSync(join(FOLDER, name), text);
  return join(FOLDER, name);
}

test("every example of the README compiles, with the imports that it shows", () => {
  const files = examples().map(({ name, text }) => write(name, `${text}\nexport {};\n`));
  assert.ok(files.length >= 12);
  const own = (name: string) => [join(process.cwd(), "src", name)];
  const program = ts.createProgram([write("around.ts", AROUND), write("expo.d.ts", EXPO), ...files], {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    lib: ["lib.es2022.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
    types: [],
    jsx: ts.JsxEmit.ReactJSX,
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    paths: {
      "rest-social-auth-client": own("index.ts"),
      "rest-social-auth-client/api": own("api.ts"),
      "rest-social-auth-client/google": own("google.ts"),
      "rest-social-auth-client/native": own("native.ts"),
      "rest-social-auth-client/react": own("react.tsx"),
    },
  });
  const faults = ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => {
    return `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
  });
  assert.deepEqual(faults, []);
});

/** Imports the example below a title. */
async function load<T>(title: string): Promise<T> {
  const example = examples().find((each) => each.title === title);
  const module = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
  const file = write(`${title}.mjs`, ts.transpileModule(example?.text ?? "", { compilerOptions: module }).outputText);
  return (await import(pathToFileURL(resolve(file)).href)) as T;
}

/** A client with a signed-in session. */
function signedIn(): SocialAuth {
  const host = new Server({ "/api/user/": () => [200, MARA], "/api/session/logout/": () => [204] });
  return createClient({ baseUrl: "https://api.example", fetch: host.fetch, browser: tab() });
}

function unreachable(): SocialAuth {
  const fetch = () => Promise.reject(new TypeError("no connection"));
  return createClient({ baseUrl: "https://api.example", fetch, browser: tab() });
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((done) => setTimeout(done, 1));
}

test("the recipe for Vue follows the session until its scope ends", async () => {
  const { effectScope } = await import("vue");
  type Recipe = { useSession(auth: SocialAuth): {
      session: { value: Session | null };
      isLoading: { value: boolean };
      error: { value: Problem | null };
    } };
  const { useSession } = await load<Recipe>("Vue");
  const auth = signedIn();
  const scope = effectScope();
  const { session, isLoading } = scope.run(() => useSession(auth)) as ReturnType<typeof useSession>;
  assert.deepEqual([session.value, isLoading.value], [null, true]);
  await until(() => !isLoading.value);
  assert.equal(session.value?.user.username, "mara");
  await auth.logout();
  await until(() => session.value === null);
  scope.stop();
  const offline = effectScope().run(() => useSession(unreachable())) as ReturnType<typeof useSession>;
  await until(() => !offline.isLoading.value);
  assert.equal(offline.error.value?.code, "network_error");
});

test("the recipe for Svelte follows the session", async () => {
  type Recipe = {
    sessionStore(auth: SocialAuth): { subscribe(run: (session: Session | Problem | null | undefined) => void): () => void };
  };
  const { sessionStore } = await load<Recipe>("Svelte");
  const auth = signedIn();
  const seen: (string | null | undefined)[] = [];
  const stop = sessionStore(auth).subscribe((session) => seen.push(session && (session as Session).user.username));
  await until(() => seen.length === 2);
  await auth.logout();
  await until(() => seen.length === 3);
  stop();
  assert.deepEqual(seen, [undefined, "mara", null]);
  const failures: unknown[] = [];
  sessionStore(unreachable()).subscribe((session) => failures.push(session));
  await until(() => failures.length === 2);
  assert.equal((failures[1] as Problem).code, "network_error");
});
