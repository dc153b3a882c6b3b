// Bundles the SDK into the one module that the server's example pages load, so that building the server needs no Node.
// Called by `npm run generate`, and by `check.mjs` with another place to write to.

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
    banner: { js: "// Made from client-sdk/typescript by `make sdk`: do not edit." },
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundle(BUNDLE);
