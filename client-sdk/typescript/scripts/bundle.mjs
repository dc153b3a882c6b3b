// Bundles the SDK into the module that the server's example pages load, so that building the server needs no Node.
// `npm run generate` calls it, and `check.mjs` with another output file.

import { build } from "esbuild";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

export const BUNDLE = here("../../../src/server/example/sdk.js");

export async function bundle(outfile) {
  await build({
    entryPoints: [here("../src/index.ts")],
    outfile,
    bundle: true,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    legalComments: "inline",
    logLevel: "warning",
    banner: { js: "// Generated from client-sdk/typescript by `make sdk`. Do not edit." },
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundle(BUNDLE);
