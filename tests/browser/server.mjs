// Starts and stops the server under test.

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** Milliseconds until a server that does not start or stop counts as hanging. */
const START_TIMEOUT = 300_000;
const STOP_TIMEOUT = 120_000;

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

/** Whether the server answers. Its certificate is self-signed. */
function isHealthy(base) {
  const { get } = base.startsWith("https") ? https : http;
  return new Promise((done) => {
    const request = get(`${base}/healthz`, { rejectUnauthorized: false }, (response) => {
      response.resume();
      done(response.statusCode === 200);
    });
    request.once("error", () => done(false));
  });
}

/** `settings`: variables of the server. `command`: `dev`, or `serve` with the settings that it requires. */
export async function startServer(binary, { tls = false, command = "dev", settings = {} } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "rest-social-auth-browser-"));
  const port = await freePort();
  const base = `${tls ? "https" : "http"}://127.0.0.1:${port}`;
  const required = command === "serve" ? { PUBLIC_URL: base, SECRET_KEY: randomBytes(48).toString("base64") } : {};
  const system = { PATH: process.env.PATH, HOME: folder, LISTEN: `127.0.0.1:${port}`, RUST_LOG: "info" };
  const env = { ...system, ...required, ...settings };
  const child = spawn(resolve(binary), [command, ...(tls ? ["--tls"] : [])], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (log += data));
  let ended = false;
  const end = new Promise((done) =>
    child.once("exit", (code, signal) => {
      ended = true;
      done(code ?? signal);
    }),
  );
  child.once("error", (error) => {
    ended = true;
    log += String(error);
  });

  const stop = async () => {
    if (!ended) child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT);
    await end;
    clearTimeout(late);
    rmSync(folder, { recursive: true, force: true });
  };

  const deadline = Date.now() + START_TIMEOUT;
  for (;;) {
    if (ended || Date.now() > deadline) {
      if (!ended) await stop();
      throw new Error(`The server did not start:\n${log}`);
    }
    if (await isHealthy(base)) break;
    await new Promise((done) => setTimeout(done, 50));
  }
  return { base, stop, log: () => log };
}
