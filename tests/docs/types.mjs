// The TypeScript blocks of the manual are compiled, each as a module of its own. A block whose first line is a comment with a
// file name, such as `// auth.ts`, has that name, so that the other blocks can import it.

import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { blocksIn, ROOT } from "./blocks.mjs";
import { installClient } from "./client.mjs";
import { temporaryFolder } from "./server.mjs";

const TSCONFIG = {
  compilerOptions: {
    target: "es2023",
    lib: ["ES2023", "DOM"],
    module: "esnext",
    moduleResolution: "bundler",
    moduleDetection: "force",
    jsx: "react-jsx",
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: ["node"],
  },
  include: ["src"],
};

/** `others`: further modules by their names. */
export function checkTypes(client, files, others = {}) {
  const blocks = files.flatMap((file) => blocksIn(file, "ts", "tsx"));
  const { folder, remove } = temporaryFolder();
  try {
    installClient(client, folder);
    mkdirSync(join(folder, "src"));
    const names = new Map(
      blocks.map((block, number) => [/^\/\/ (\w+\.tsx?)\n/.exec(block.text)?.[1] ?? `block${number}.${block.language}`, block]),
    );
    for (const [name, text] of Object.entries(others)) writeFileSync(join(folder, "src", name), text);
    for (const [name, { text }] of names) writeFileSync(join(folder, "src", name), text);
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(TSCONFIG));
    const compiler = join(ROOT, "tests/docs/node_modules/.bin/tsc");
    const run = spawnSync(compiler, ["--project", folder, "--pretty", "false"], { cwd: folder, encoding: "utf8" });
    if (run.status !== 0) {
      const place = (name, row) => `${names.get(name)?.file}:${(names.get(name)?.line ?? 0) + Number(row)}`;
      throw new Error(run.stdout.replaceAll(/src\/(\w+\.tsx?)\((\d+),/g, (_, name, row) => `${place(name, row)} (`));
    }
    return blocks;
  } finally {
    remove();
  }
}
