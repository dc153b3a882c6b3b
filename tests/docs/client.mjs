// Installs the TypeScript client and the packages of tests/docs into a project, as `npm install` would, but without network.

import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./blocks.mjs";

const MODULES = join(ROOT, "tests/docs/node_modules");

/** Packs the client in `client` as `npm pack` does and unpacks it in `project`. */
export function installClient(client, project) {
  const modules = join(project, "node_modules");
  mkdirSync(modules, { recursive: true });
  for (const name of readdirSync(MODULES).filter((name) => name !== ".package-lock.json")) {
    symlinkSync(join(MODULES, name), join(modules, name));
  }
  const packed = run("npm", ["pack", "--silent", "--pack-destination", project], client).trim();
  const target = join(modules, "rest-social-auth-client");
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target);
  run("tar", ["--extract", "--gzip", "--strip-components=1", "--directory", target, "--file", join(project, packed)], project);
}

export function run(command, args, cwd) {
  const result = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (result.status !== 0) throw new Error(`${command} ${args.join(" ")}:\n${result.stderr}${result.stdout}`);
  return result.stdout;
}
