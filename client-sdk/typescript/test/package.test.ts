import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { createClient, Problem, type ProblemCode, type ProviderName, type SocialAuth } from "../src/index.js";
import { AuthProvider, RequireAuth, useUser } from "../src/react.js";

/** Bytes of an entry point with everything that it imports but React, minified and compressed. */
async function size(entry: string): Promise<number> {
  const { outputFiles } = await build({
    entryPoints: [`src/${entry}`],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    jsx: "automatic",
    external: ["react", "react/jsx-runtime"],
    write: false,
  });
  return gzipSync(outputFiles[0]?.contents ?? "", { level: 9 }).length;
}

test("the client has at most 7 kB, and the part for React 2 kB and 200 lines", async () => {
  const limits = { "index.ts": 7 * 1024, "react.tsx": 2 * 1024 };
  for (const [entry, limit] of Object.entries(limits)) {
    const bytes = await size(entry);
    assert.ok(bytes <= limit, `${entry}: ${bytes} bytes of ${limit}`);
  }
  assert.ok(readFileSync("src/react.tsx", "utf8").trimEnd().split("\n").length <= 200);
});

test("the package exports what package.json names, and the client has no dependency", async () => {
  const { exports } = JSON.parse(readFileSync("package.json", "utf8")) as { exports: Record<string, { default: string }> };
  for (const [name, { default: file }] of Object.entries(exports)) {
    const module = file.replace("./dist/", "../src/");
    const exported = Object.keys((await import(module)) as object);
    assert.ok(exported.length > 0, name);
  }
  const { metafile } = await build({ entryPoints: ["src/index.ts"], bundle: true, write: false, metafile: true, format: "esm" });
  assert.deepEqual(Object.keys(metafile.inputs).filter((file) => !file.startsWith("src/")), []);
});

test("React renders on a server, where the user is not known yet, and a hook without provider says what it needs", () => {
  const client = createClient({ baseUrl: "https://api.example" });
  const page = createElement(RequireAuth, { loading: "loading" }, "for users");
  assert.equal(renderToString(createElement(AuthProvider, { client }, page)), "loading");
  const Name = () => useUser()?.username ?? "signed out";
  assert.equal(renderToString(createElement(AuthProvider, { client }, createElement(Name))), "signed out");
  assert.throws(() => renderToString(createElement(Name)), /useAuth needs an AuthProvider/);
});

test("names of providers and codes complete, and accept others", () => {
  const provider: ProviderName = "github";
  const own: ProviderName = "my-company";
  const code: ProblemCode = "account_in_use";
  const step: ProblemCode = "invitation_required";
  assert.equal(typeof (provider + own + code + step), "string");
  assert.equal(new Problem({ code, detail: "x" }).code, code);
});

test("declared fields have their types, and such a client is a client", async () => {
  const typed = createClient<{ locale?: string }>({ baseUrl: "https://api.example", browser: {}, kind: "knox" });
  const plain: SocialAuth = typed;
  const locale: string | undefined = (await typed.user())?.locale;
  assert.equal(locale, undefined);
  assert.equal(plain.kind, "knox");
  // @ts-expect-error a declared field has its type
  const wrong = () => typed.updateUser({ locale: 7 });
  assert.equal(typeof wrong, "function");
});
