// Starts a program for one check and stops it.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Milliseconds until a program that does not answer counts as hanging. */
const START_TIMEOUT = 120_000;

export function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), "rest-social-auth-docs-"));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A free port whose successor, used by the demo provider, is free too. */
export async function freePort() {
  const isFree = (port) =>
    new Promise((done) => {
      const server = createServer().once("error", () => done(false));
      server.listen(port, "127.0.0.1", () => server.close(() => done(true)));
    });
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 20_000);
    if ((await isFree(port)) && (await isFree(port + 1))) return port;
  }
}

/** Starts `command` and waits until `url` answers with success, or with any status. */
export async function start(command, args, { cwd, env, url, anyStatus = false }) {
  const child = spawn(command, args, {
    cwd,
    env: { PATH: process.env.PATH, HOME: cwd, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own: npm does not stop the program that it runs.
    detached: true,
  });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (log += data));
  const ended = new Promise((done) => child.once("exit", done));
  const isRunning = () => child.exitCode === null && child.signalCode === null;
  const stop = async () => {
    if (isRunning()) process.kill(-child.pid, "SIGTERM");
    await ended;
  };
  const deadline = Date.now() + START_TIMEOUT;
  for (;;) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok || (answer && anyStatus)) return { stop, log: () => log };
    if (!isRunning() || Date.now() > deadline) {
      await stop();
      throw new Error(`${command} ${args.join(" ")} did not start:\n${log}`);
    }
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** `rest-social-auth dev` with these options in an empty folder. `data` is the folder of its database. */
export async function startDev(binary, env = {}, args = []) {
  const { folder, remove } = temporaryFolder();
  const port = await freePort();
  const base = `http://127.0.0.1:${port}`;
  const own = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value.replaceAll("http://127.0.0.1:8000", base)]));
  const options = { cwd: folder, env: { LISTEN: `127.0.0.1:${port}`, ...own }, url: `${base}/readyz` };
  const server = await start(binary, ["dev", ...args], options).catch((error) => {
    remove();
    throw error;
  });
  const stop = () => server.stop().finally(remove);
  return { ...server, base, port, stop, data: join(folder, "rest-social-auth-dev") };
}
