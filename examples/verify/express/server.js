// An Express service that accepts access tokens of rest-social-auth. docs/VERIFY.md explains each check.
//
// npm ci
// ISSUER=https://login.example.com CLIENT_ID=… CLIENT_SECRET=… node server.js

import express from "express";
import { createRemoteJWKSet, jwtVerify } from "jose";

// ISSUER: PUBLIC_URL of the server. AUDIENCE: its SIMPLE_JWT_AUDIENCE. The credential is that of `services add`.
const { ISSUER, AUDIENCE = ISSUER, CLIENT_ID, CLIENT_SECRET, PORT = "3000" } = process.env;
if (!/^https?:\/\//.test(ISSUER) || !CLIENT_ID || !CLIENT_SECRET)
  throw new Error("Set ISSUER (such as https://login.example.com), CLIENT_ID and CLIENT_SECRET.");
const BASIC = Buffer.from(`${encodeURIComponent(CLIENT_ID)}:${encodeURIComponent(CLIENT_SECRET)}`).toString("base64");
const RULES = {
  algorithms: ["ES256"], // never the one that the token names
  issuer: ISSUER,
  audience: AUDIENCE,
  typ: "at+jwt",
  clockTolerance: 5,
  requiredClaims: ["exp", "sub"],
};
// Fetches the keys every five minutes, and for an unknown `kid` at most every ten seconds.
const options = { timeoutDuration: 5000, cacheMaxAge: 300_000, cooldownDuration: 10_000 };
const keys = createRemoteJWKSet(new URL(`${ISSUER}/.well-known/jwks.json`), options);

const refuse = (response) =>
  response.status(401).set("WWW-Authenticate", 'Bearer error="invalid_token"').json({ error: "invalid_token" });

const tokenOf = (request) => /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? "")?.[1];

async function verified(request, response, next) {
  try {
    request.user = (await jwtVerify(tokenOf(request) ?? "", keys, RULES)).payload;
  } catch {
    return refuse(response);
  }
  next();
}

/** If the server cannot be asked, the request fails: Express answers 500. */
async function active(request, response, next) {
  const answer = await fetch(`${ISSUER}/api/token/introspect/`, {
    method: "POST",
    headers: { authorization: `Basic ${BASIC}` },
    body: new URLSearchParams({ token: tokenOf(request) }),
    signal: AbortSignal.timeout(5000),
  });
  if (!answer.ok) throw new Error(`introspection: ${answer.status} ${await answer.text()}`);
  const token = await answer.json();
  if (!token.active || token.token_use !== "access") return refuse(response);
  next();
}

const app = express();
const showUser = (request, response) => response.json({ sub: request.user.sub });
app.get("/me", verified, showUser);
app.get("/payment", verified, active, showUser);
app.listen(Number(PORT), "127.0.0.1");
