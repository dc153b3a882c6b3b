// Generated from client-sdk/typescript by `make sdk`. Do not edit.

// node_modules/openapi-fetch/dist/index.mjs
var PATH_PARAM_RE = /\{[^{}]+\}/g;
var supportsRequestInitExt = () => {
  return typeof process === "object" && Number.parseInt(process?.versions?.node?.substring(0, 2)) >= 18 && process.versions.undici;
};
function randomID() {
  return Math.random().toString(36).slice(2, 11);
}
function createClient(clientOptions) {
  let {
    baseUrl = "",
    Request: CustomRequest = globalThis.Request,
    fetch: baseFetch = globalThis.fetch,
    querySerializer: globalQuerySerializer,
    bodySerializer: globalBodySerializer,
    pathSerializer: globalPathSerializer,
    headers: baseHeaders,
    requestInitExt = void 0,
    ...baseOptions
  } = { ...clientOptions };
  requestInitExt = supportsRequestInitExt() ? requestInitExt : void 0;
  baseUrl = removeTrailingSlash(baseUrl);
  const globalMiddlewares = [];
  async function coreFetch(schemaPath, fetchOptions) {
    const {
      baseUrl: localBaseUrl,
      fetch: fetch2 = baseFetch,
      Request: Request2 = CustomRequest,
      headers,
      params = {},
      parseAs = "json",
      querySerializer: requestQuerySerializer,
      bodySerializer = globalBodySerializer ?? defaultBodySerializer,
      pathSerializer: requestPathSerializer,
      body,
      middleware: requestMiddlewares = [],
      ...init
    } = fetchOptions || {};
    let finalBaseUrl = baseUrl;
    if (localBaseUrl) {
      finalBaseUrl = removeTrailingSlash(localBaseUrl) ?? baseUrl;
    }
    let querySerializer = typeof globalQuerySerializer === "function" ? globalQuerySerializer : createQuerySerializer(globalQuerySerializer);
    if (requestQuerySerializer) {
      querySerializer = typeof requestQuerySerializer === "function" ? requestQuerySerializer : createQuerySerializer({
        ...typeof globalQuerySerializer === "object" ? globalQuerySerializer : {},
        ...requestQuerySerializer
      });
    }
    const pathSerializer = requestPathSerializer || globalPathSerializer || defaultPathSerializer;
    const serializedBody = body === void 0 ? void 0 : bodySerializer(
      body,
      // Note: we declare mergeHeaders() both here and below because it’s a bit of a chicken-or-egg situation:
      // bodySerializer() needs all headers so we aren’t dropping ones set by the user, however,
      // the result of this ALSO sets the lowest-priority content-type header. So we re-merge below,
      // setting the content-type at the very beginning to be overwritten.
      // Lastly, based on the way headers work, it’s not a simple “present-or-not” check becauase null intentionally un-sets headers.
      mergeHeaders(baseHeaders, headers, params.header)
    );
    const finalHeaders = mergeHeaders(
      // with no body, we should not to set Content-Type
      serializedBody === void 0 || // if serialized body is FormData; browser will correctly set Content-Type & boundary expression
      serializedBody instanceof FormData ? {} : {
        "Content-Type": "application/json"
      },
      baseHeaders,
      headers,
      params.header
    );
    const finalMiddlewares = [...globalMiddlewares, ...requestMiddlewares];
    const requestInit = {
      redirect: "follow",
      ...baseOptions,
      ...init,
      body: serializedBody,
      headers: finalHeaders
    };
    let id;
    let options;
    let request = new Request2(
      createFinalURL(schemaPath, { baseUrl: finalBaseUrl, params, querySerializer, pathSerializer }),
      requestInit
    );
    let response;
    for (const key in init) {
      if (!(key in request)) {
        request[key] = init[key];
      }
    }
    if (finalMiddlewares.length) {
      id = randomID();
      options = Object.freeze({
        baseUrl: finalBaseUrl,
        fetch: fetch2,
        parseAs,
        querySerializer,
        bodySerializer,
        pathSerializer
      });
      for (const m of finalMiddlewares) {
        if (m && typeof m === "object" && typeof m.onRequest === "function") {
          const result = await m.onRequest({
            request,
            schemaPath,
            params,
            options,
            id
          });
          if (result) {
            if (result instanceof Request2) {
              request = result;
            } else if (result instanceof Response) {
              response = result;
              break;
            } else {
              throw new Error("onRequest: must return new Request() or Response() when modifying the request");
            }
          }
        }
      }
    }
    if (!response) {
      try {
        response = await fetch2(request, requestInitExt);
      } catch (error2) {
        let errorAfterMiddleware = error2;
        if (finalMiddlewares.length) {
          for (let i = finalMiddlewares.length - 1; i >= 0; i--) {
            const m = finalMiddlewares[i];
            if (m && typeof m === "object" && typeof m.onError === "function") {
              const result = await m.onError({
                request,
                error: errorAfterMiddleware,
                schemaPath,
                params,
                options,
                id
              });
              if (result) {
                if (result instanceof Response) {
                  errorAfterMiddleware = void 0;
                  response = result;
                  break;
                }
                if (result instanceof Error) {
                  errorAfterMiddleware = result;
                  continue;
                }
                throw new Error("onError: must return new Response() or instance of Error");
              }
            }
          }
        }
        if (errorAfterMiddleware) {
          throw errorAfterMiddleware;
        }
      }
      if (finalMiddlewares.length) {
        for (let i = finalMiddlewares.length - 1; i >= 0; i--) {
          const m = finalMiddlewares[i];
          if (m && typeof m === "object" && typeof m.onResponse === "function") {
            const result = await m.onResponse({
              request,
              response,
              schemaPath,
              params,
              options,
              id
            });
            if (result) {
              if (!(result instanceof Response)) {
                throw new Error("onResponse: must return new Response() when modifying the response");
              }
              response = result;
            }
          }
        }
      }
    }
    const contentLength = response.headers.get("Content-Length");
    if (response.status === 204 || request.method === "HEAD" || contentLength === "0" && !response.headers.get("Transfer-Encoding")?.includes("chunked")) {
      return response.ok ? { data: void 0, response } : { error: void 0, response };
    }
    if (response.ok) {
      const getResponseData = async () => {
        if (parseAs === "stream") {
          return response.body;
        }
        if (parseAs === "json" && !contentLength) {
          const raw = await response.text();
          return raw ? JSON.parse(raw) : void 0;
        }
        return await response[parseAs]();
      };
      return { data: await getResponseData(), response };
    }
    let error = await response.text();
    try {
      error = JSON.parse(error);
    } catch {
    }
    return { error, response };
  }
  return {
    request(method, url, init) {
      return coreFetch(url, { ...init, method: method.toUpperCase() });
    },
    /** Call a GET endpoint */
    GET(url, init) {
      return coreFetch(url, { ...init, method: "GET" });
    },
    /** Call a PUT endpoint */
    PUT(url, init) {
      return coreFetch(url, { ...init, method: "PUT" });
    },
    /** Call a POST endpoint */
    POST(url, init) {
      return coreFetch(url, { ...init, method: "POST" });
    },
    /** Call a DELETE endpoint */
    DELETE(url, init) {
      return coreFetch(url, { ...init, method: "DELETE" });
    },
    /** Call a OPTIONS endpoint */
    OPTIONS(url, init) {
      return coreFetch(url, { ...init, method: "OPTIONS" });
    },
    /** Call a HEAD endpoint */
    HEAD(url, init) {
      return coreFetch(url, { ...init, method: "HEAD" });
    },
    /** Call a PATCH endpoint */
    PATCH(url, init) {
      return coreFetch(url, { ...init, method: "PATCH" });
    },
    /** Call a TRACE endpoint */
    TRACE(url, init) {
      return coreFetch(url, { ...init, method: "TRACE" });
    },
    /** Register middleware */
    use(...middleware) {
      for (const m of middleware) {
        if (!m) {
          continue;
        }
        if (typeof m !== "object" || !("onRequest" in m || "onResponse" in m || "onError" in m)) {
          throw new Error("Middleware must be an object with one of `onRequest()`, `onResponse() or `onError()`");
        }
        globalMiddlewares.push(m);
      }
    },
    /** Unregister middleware */
    eject(...middleware) {
      for (const m of middleware) {
        const i = globalMiddlewares.indexOf(m);
        if (i !== -1) {
          globalMiddlewares.splice(i, 1);
        }
      }
    }
  };
}
function serializePrimitiveParam(name, value, options) {
  if (value === void 0 || value === null) {
    return "";
  }
  if (typeof value === "object") {
    throw new Error(
      "Deeply-nested arrays/objects aren’t supported. Provide your own `querySerializer()` to handle these."
    );
  }
  return `${name}=${options?.allowReserved === true ? value : encodeURIComponent(value)}`;
}
function serializeObjectParam(name, value, options) {
  if (!value || typeof value !== "object") {
    return "";
  }
  const values = [];
  const joiner = {
    simple: ",",
    label: ".",
    matrix: ";"
  }[options.style] || "&";
  if (options.style !== "deepObject" && options.explode === false) {
    for (const k in value) {
      values.push(k, options.allowReserved === true ? value[k] : encodeURIComponent(value[k]));
    }
    const final2 = values.join(",");
    switch (options.style) {
      case "form": {
        return `${name}=${final2}`;
      }
      case "label": {
        return `.${final2}`;
      }
      case "matrix": {
        return `;${name}=${final2}`;
      }
      default: {
        return final2;
      }
    }
  }
  for (const k in value) {
    const finalName = options.style === "deepObject" ? `${name}[${k}]` : k;
    values.push(serializePrimitiveParam(finalName, value[k], options));
  }
  const final = values.join(joiner);
  return options.style === "label" || options.style === "matrix" ? `${joiner}${final}` : final;
}
function serializeArrayParam(name, value, options) {
  if (!Array.isArray(value)) {
    return "";
  }
  if (options.explode === false) {
    const joiner2 = { form: ",", spaceDelimited: "%20", pipeDelimited: "|" }[options.style] || ",";
    const final = (options.allowReserved === true ? value : value.map((v) => encodeURIComponent(v))).join(joiner2);
    switch (options.style) {
      case "simple": {
        return final;
      }
      case "label": {
        return `.${final}`;
      }
      case "matrix": {
        return `;${name}=${final}`;
      }
      // case "spaceDelimited":
      // case "pipeDelimited":
      default: {
        return `${name}=${final}`;
      }
    }
  }
  const joiner = { simple: ",", label: ".", matrix: ";" }[options.style] || "&";
  const values = [];
  for (const v of value) {
    if (options.style === "simple" || options.style === "label") {
      values.push(options.allowReserved === true ? v : encodeURIComponent(v));
    } else {
      values.push(serializePrimitiveParam(name, v, options));
    }
  }
  return options.style === "label" || options.style === "matrix" ? `${joiner}${values.join(joiner)}` : values.join(joiner);
}
function createQuerySerializer(options) {
  return function querySerializer(queryParams) {
    const search = [];
    if (queryParams && typeof queryParams === "object") {
      for (const name in queryParams) {
        const value = queryParams[name];
        if (value === void 0 || value === null) {
          continue;
        }
        if (Array.isArray(value)) {
          if (value.length === 0) {
            continue;
          }
          search.push(
            serializeArrayParam(name, value, {
              style: "form",
              explode: true,
              ...options?.array,
              allowReserved: options?.allowReserved || false
            })
          );
          continue;
        }
        if (typeof value === "object") {
          search.push(
            serializeObjectParam(name, value, {
              style: "deepObject",
              explode: true,
              ...options?.object,
              allowReserved: options?.allowReserved || false
            })
          );
          continue;
        }
        search.push(serializePrimitiveParam(name, value, options));
      }
    }
    return search.join("&");
  };
}
function defaultPathSerializer(pathname, pathParams) {
  let nextURL = pathname;
  for (const match of pathname.match(PATH_PARAM_RE) ?? []) {
    let name = match.substring(1, match.length - 1);
    let explode = false;
    let style = "simple";
    if (name.endsWith("*")) {
      explode = true;
      name = name.substring(0, name.length - 1);
    }
    if (name.startsWith(".")) {
      style = "label";
      name = name.substring(1);
    } else if (name.startsWith(";")) {
      style = "matrix";
      name = name.substring(1);
    }
    if (!pathParams || pathParams[name] === void 0 || pathParams[name] === null) {
      continue;
    }
    const value = pathParams[name];
    if (Array.isArray(value)) {
      nextURL = nextURL.replace(match, serializeArrayParam(name, value, { style, explode }));
      continue;
    }
    if (typeof value === "object") {
      nextURL = nextURL.replace(match, serializeObjectParam(name, value, { style, explode }));
      continue;
    }
    if (style === "matrix") {
      nextURL = nextURL.replace(match, `;${serializePrimitiveParam(name, value)}`);
      continue;
    }
    nextURL = nextURL.replace(match, style === "label" ? `.${encodeURIComponent(value)}` : encodeURIComponent(value));
  }
  return nextURL;
}
function defaultBodySerializer(body, headers) {
  if (body instanceof FormData) {
    return body;
  }
  if (headers) {
    const contentType = headers.get instanceof Function ? headers.get("Content-Type") ?? headers.get("content-type") : headers["Content-Type"] ?? headers["content-type"];
    if (contentType === "application/x-www-form-urlencoded") {
      return new URLSearchParams(body).toString();
    }
  }
  return JSON.stringify(body);
}
function createFinalURL(pathname, options) {
  let finalURL = `${options.baseUrl}${pathname}`;
  if (options.params?.path) {
    finalURL = options.pathSerializer(finalURL, options.params.path);
  }
  let search = options.querySerializer(options.params.query ?? {});
  if (search.startsWith("?")) {
    search = search.substring(1);
  }
  if (search) {
    finalURL += `?${search}`;
  }
  return finalURL;
}
function mergeHeaders(...allHeaders) {
  const finalHeaders = new Headers();
  for (const h of allHeaders) {
    if (!h || typeof h !== "object") {
      continue;
    }
    const iterator = h instanceof Headers ? h.entries() : Object.entries(h);
    for (const [k, v] of iterator) {
      if (v === null) {
        finalHeaders.delete(k);
      } else if (Array.isArray(v)) {
        for (const v2 of v) {
          finalHeaders.append(k, v2);
        }
      } else if (v !== void 0) {
        finalHeaders.set(k, v);
      }
    }
  }
  return finalHeaders;
}
function removeTrailingSlash(url) {
  if (url.endsWith("/")) {
    return url.substring(0, url.length - 1);
  }
  return url;
}

// src/authorization-request.ts
var PREFIX = "rest-social-auth.authorization-request.";
function requestKeys(state, authorizationUrl) {
  const token = new URL(authorizationUrl).searchParams.get("oauth_token");
  return token ? [state, token] : [state];
}
var AuthorizationRequests = class {
  #storage;
  constructor(storage) {
    this.#storage = storage;
  }
  save(keys, request) {
    this.#deleteExpired();
    for (const key of keys) {
      this.#storage.setItem(PREFIX + key, JSON.stringify({ ...request, keys }));
    }
  }
  /** Returns the request of the first known key and deletes it, because a state is accepted once. */
  consume(keys) {
    for (const key of keys) {
      const row = this.#read(PREFIX + key);
      if (row) {
        for (const other of row.keys) this.#storage.removeItem(PREFIX + other);
        return row.expires > Date.now() ? row : void 0;
      }
    }
    return void 0;
  }
  #read(name) {
    const text = this.#storage.getItem(name);
    if (text === null) return void 0;
    try {
      return JSON.parse(text);
    } catch {
      this.#storage.removeItem(name);
      return void 0;
    }
  }
  #deleteExpired() {
    for (let at = this.#storage.length - 1; at >= 0; at--) {
      const name = this.#storage.key(at);
      if (name?.startsWith(PREFIX)) {
        const row = this.#read(name);
        if (row && row.expires <= Date.now()) this.#storage.removeItem(name);
      }
    }
  }
};

// src/callback.ts
var PROVIDER_PARAMETERS = [
  "code",
  "state",
  "iss",
  "scope",
  "session_state",
  "authuser",
  "hd",
  "prompt",
  "id_token",
  "token_type",
  "expires_in",
  "oauth_token",
  "oauth_verifier",
  "oauth_problem",
  "denied",
  "redirect_state",
  "error",
  "error_code",
  "error_description",
  "error_message",
  "error_reason",
  "error_uri"
];
var CALLBACK_PARAMETERS = [
  "code",
  "error",
  "oauth_token",
  "oauth_verifier",
  "denied",
  "oauth_problem",
  "error_code",
  "openid.mode",
  "hash"
];
var TELEGRAM = "tgAuthResult";
var KEY_PARAMETERS = ["state", "redirect_state", "oauth_token", "denied"];
function readCallback(address) {
  const url = new URL(address);
  const fragment = new URLSearchParams(url.hash.slice(1));
  const signed = fragment.get(TELEGRAM);
  const telegram = signed === null ? {} : readTelegram(signed);
  for (const params of [url.searchParams, fragment]) {
    const fields = { ...Object.fromEntries(params), ...telegram };
    const keys = KEY_PARAMETERS.flatMap((name) => fields[name] || []);
    if (keys.length > 0 && CALLBACK_PARAMETERS.some((name) => fields[name])) return { fields, keys };
  }
  return void 0;
}
function readTelegram(text) {
  try {
    const bytes = Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));
    const data = JSON.parse(new TextDecoder().decode(bytes));
    return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, String(value)]));
  } catch {
    return { error: "access_denied" };
  }
}
function cleanAddress(address) {
  const url = new URL(address);
  for (const name of [...url.searchParams.keys()]) {
    if (PROVIDER_PARAMETERS.includes(name) || name.startsWith("openid.")) url.searchParams.delete(name);
  }
  const fragment = new URLSearchParams(url.hash.slice(1));
  if (url.hash === "#_=_" || [...CALLBACK_PARAMETERS, TELEGRAM].some((name) => fragment.has(name))) url.hash = "";
  return url.href.replace(/#$/, "");
}

// src/credentials.ts
function memoryStorage() {
  let stored = null;
  return {
    get: () => stored,
    set: (credentials) => {
      stored = credentials;
    }
  };
}
function webStorage(storage = sessionStorage, name = "rest-social-auth.credentials") {
  return {
    get: () => {
      try {
        return JSON.parse(storage.getItem(name) ?? "null");
      } catch {
        return null;
      }
    },
    set: (credentials) => {
      if (credentials) storage.setItem(name, JSON.stringify(credentials));
      else storage.removeItem(name);
    }
  };
}
function authorization(credentials) {
  return `${credentials.family.startsWith("jwt") ? "Bearer" : "Token"} ${credentials.token}`;
}
function needsRefresh(credentials, now) {
  const life = lifetime(credentials.token);
  if (life === void 0) return false;
  const left = credentials.received + life - now;
  switch (credentials.family) {
    case "jwt-pair":
      return credentials.refresh !== void 0 && left < Math.min(1e4, life / 2);
    // A sliding token can be refreshed only while it is valid, so refresh it in the second half of its lifetime.
    case "jwt-sliding":
      return left > 0 && left < life / 2;
    default:
      return false;
  }
}
function lifetime(token) {
  try {
    const part = token.split(".")[1] ?? "";
    const { iat, exp } = JSON.parse(atob(part.replaceAll("-", "+").replaceAll("_", "/")));
    return typeof iat === "number" && typeof exp === "number" ? (exp - iat) * 1e3 : void 0;
  } catch {
    return void 0;
  }
}

// src/problem.ts
var Problem = class _Problem extends Error {
  name = "Problem";
  code;
  /** A text for users. It may change between releases. */
  detail;
  status;
  title;
  /** Also in the log of the server. */
  requestId;
  /** Messages by field, for `invalid_request`. */
  errors;
  /** For `additional_input_required`. */
  additionalInput;
  constructor(members) {
    super(`${members.code}: ${members.detail}`, members.cause === void 0 ? void 0 : { cause: members.cause });
    this.code = members.code;
    this.detail = members.detail;
    this.status = members.status ?? 0;
    this.title = members.title ?? "";
    this.requestId = members.requestId;
    this.errors = members.errors ?? {};
    this.additionalInput = members.additionalInput;
  }
  /** Reads an error response. Never throws. */
  static async of(response) {
    const { status } = response;
    const requestId = response.headers.get("x-request-id") ?? void 0;
    let body;
    try {
      body = await response.json();
    } catch (cause) {
      body = void 0;
    }
    return _Problem.read(body, status, requestId);
  }
  /** Reads a parsed problem document. */
  static read(body, status, requestId) {
    const members = isRecord(body) ? body : {};
    const text = (name) => typeof members[name] === "string" ? members[name] : void 0;
    const code = text("code");
    const id = text("request_id") ?? requestId;
    const additionalInput = code === "additional_input_required" ? readAdditionalInput(members) : void 0;
    return new _Problem({
      code: code ?? "unexpected_answer",
      detail: text("detail") ?? `The server answered ${status}.`,
      status,
      title: text("title") ?? "",
      ...id === void 0 ? {} : { requestId: id },
      ...additionalInput === void 0 ? {} : { additionalInput },
      errors: isRecord(members["errors"]) ? members["errors"] : {}
    });
  }
};
function readAdditionalInput(members) {
  const { flow_token: flowToken, step, fields, expires_in: expiresIn } = members;
  if (!flowToken || !step || !fields || !expiresIn) return void 0;
  return { flowToken, step, fields, expiresIn };
}
function isRecord(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// src/popup.ts
var CHANNEL = "rest-social-auth.callback.";
var ACKNOWLEDGEMENT_TIMEOUT = 700;
var CLOSED_CHECK_INTERVAL = 400;
var CLOSED_CHECKS = 3;
function sendToOpener(keys, fields) {
  if (typeof BroadcastChannel === "undefined") return Promise.resolve(false);
  return new Promise((resolve) => {
    const channels = keys.map((key) => new BroadcastChannel(CHANNEL + key));
    const done = (isReceived) => {
      clearTimeout(timer);
      for (const channel of channels) channel.close();
      resolve(isReceived);
    };
    const timer = setTimeout(() => done(false), ACKNOWLEDGEMENT_TIMEOUT);
    for (const channel of channels) {
      channel.onmessage = (event) => {
        if (event.data?.kind === "acknowledgement") done(true);
      };
      channel.postMessage({ kind: "callback", fields });
    }
  });
}
function waitForCallback(keys, popup, hasFocus) {
  return new Promise((resolve, reject) => {
    const channels = keys.map((key) => new BroadcastChannel(CHANNEL + key));
    const done = () => {
      clearInterval(timer);
      for (const channel of channels) channel.close();
    };
    for (const channel of channels) {
      channel.onmessage = (event) => {
        const { kind, fields } = event.data ?? {};
        if (kind !== "callback" || !fields) return;
        channel.postMessage({ kind: "acknowledgement" });
        setTimeout(() => {
          done();
          resolve(fields);
        }, 0);
      };
    }
    let checks = 0;
    const timer = setInterval(() => {
      checks = popup.closed && hasFocus() ? checks + 1 : 0;
      if (checks < CLOSED_CHECKS) return;
      done();
      reject(new Problem({ code: "popup_closed", detail: "The window was closed before the sign-in was complete." }));
    }, CLOSED_CHECK_INTERVAL);
  });
}

// src/client.ts
var pendingCallbacks = /* @__PURE__ */ new WeakMap();
var SESSION_KEY = "rest-social-auth.session";
var RESULT_LIFETIME = 1e3;
function createClient2(options = {}) {
  return new SocialAuth(options);
}
var SocialAuth = class {
  kind;
  /** All operations of the server, typed from its OpenAPI document and sent with the credentials. */
  api;
  #baseUrl;
  #redirectUri;
  #storage;
  #origins;
  #onSignedOut;
  #fetchOption;
  #browserOption;
  #refreshing;
  constructor(options) {
    const { baseUrl, kind = "session", redirectUri, storage = memoryStorage(), origins = [], onSignedOut } = options;
    this.#fetchOption = options.fetch;
    this.#browserOption = options.browser;
    this.#baseUrl = new URL(baseUrl ?? "/", this.#browser.location.href).href.replace(/\/$/, "");
    this.kind = kind;
    this.#redirectUri = redirectUri;
    this.#storage = storage;
    this.#origins = new Set([this.#baseUrl, ...origins].map((address) => new URL(address).origin));
    this.#onSignedOut = onSignedOut ?? (() => {
    });
    this.api = createClient({ baseUrl: this.#baseUrl, fetch: (request) => this.#send(request) });
  }
  /** The configured providers, in the order of the server. */
  async providers() {
    return (await this.#answer(this.api.GET("/api/login/social/providers/"))).providers;
  }
  async signIn(provider, options = {}) {
    if (options.mode === "popup") return this.#signInByPopup(provider, options);
    const begun = await this.#begin(provider, options);
    new AuthorizationRequests(this.#browser.sessionStorage).save(begun.keys, begun.request);
    this.#browser.location.assign(begun.authorizationUrl);
    return new Promise(() => {
    });
  }
  async #signInByPopup(provider, options) {
    const popup = this.#browser.open("about:blank", "_blank", "popup,width=480,height=720");
    if (!popup) throw new Problem({ code: "popup_blocked", detail: "The browser blocked the sign-in window." });
    try {
      const { keys, request, authorizationUrl } = await this.#begin(provider, options);
      const callback = waitForCallback(keys, popup, () => this.#browser.document.hasFocus());
      popup.location.href = authorizationUrl;
      return await this.#completeLogin(request, await callback);
    } finally {
      popup.close();
    }
  }
  async #begin(provider, options) {
    const { redirectUri = this.#redirectUri, scope, next, link = false, address } = options;
    const kind = options.kind ?? (link && await this.#family() === "session" ? "session" : this.kind);
    const body = {
      ...address,
      ...redirectUri === void 0 ? {} : { redirect_uri: redirectUri },
      ...scope === void 0 ? {} : { scope },
      ...next === void 0 ? {} : { next }
    };
    const path = `/api/login/social/begin/${encodeURIComponent(provider)}/`;
    const begun = await this.#post(path, body, kind, link);
    const request = {
      provider,
      kind,
      flowToken: begun.flow_token,
      expires: Date.now() + begun.expires_in * 1e3,
      ...begun.next ? { next: begun.next } : {},
      ...link ? { link } : {}
    };
    const authorizationUrl = begun.authorization_url;
    return { request, authorizationUrl, keys: requestKeys(begun.state, authorizationUrl) };
  }
  /**
   * Completes a login on the page at `redirectUri`: reads the URL, removes the code from it, and signs in. It is safe to
   * call it on any page and more than once.
   *
   * Problems: those of the server, such as `access_denied` when the user denied consent, and `callback_unknown`.
   */
  handleCallback() {
    const browser = this.#browser;
    const callback = readCallback(browser.location.href);
    if (!callback) return pendingCallbacks.get(browser) ?? Promise.resolve({ outcome: "none" });
    browser.history.replaceState(browser.history.state, "", cleanAddress(browser.location.href));
    const result = this.#completeCallback(callback);
    pendingCallbacks.set(browser, result);
    const forget = () => {
      setTimeout(() => {
        if (pendingCallbacks.get(browser) === result) pendingCallbacks.delete(browser);
      }, RESULT_LIFETIME);
    };
    result.then(forget, forget);
    return result;
  }
  async #completeCallback({ keys, fields }) {
    const request = new AuthorizationRequests(this.#browser.sessionStorage).consume(keys);
    if (request) return this.#completeLogin(request, fields);
    if (await sendToOpener(keys, fields)) {
      this.#browser.close();
      return { outcome: "sent-to-opener" };
    }
    throw new Problem({
      code: "callback_unknown",
      detail: "This sign-in was not started in this tab, or it is already complete. Start again."
    });
  }
  async #completeLogin(request, fields) {
    const { provider, kind, flowToken, next, link = false } = request;
    const path = `/api/login/social/${kind}/${encodeURIComponent(provider)}/`;
    const answer = this.#post(path, { ...fields, flow_token: flowToken }, kind, link);
    return this.#outcome({ provider, kind, next }, answer);
  }
  /**
   * Continues a pending login with the user's answers. The server may ask for more input again.
   *
   * Problems: those of the server. After `invalid_request` with `errors` by field, call it again with other answers.
   */
  async resume(pending, answers) {
    const { provider, kind, next, flowToken } = pending;
    const path = "/api/login/social/resume/";
    const answer = this.#post(path, { flow_token: flowToken, answers }, kind, false);
    return this.#outcome({ provider, kind, next }, answer);
  }
  async #outcome(login, answer) {
    const { kind } = login;
    let body;
    try {
      body = await answer;
    } catch (problem) {
      if (!(problem instanceof Problem) || !problem.additionalInput) throw problem;
      const { expiresIn, ...asked } = problem.additionalInput;
      return { outcome: "input-required", ...login, ...asked, expires: Date.now() + expiresIn * 1e3 };
    }
    const family = familyOf(kind);
    if (family !== "session") {
      const { token, refresh } = body;
      if (!token) throw new Problem({ code: "unexpected_answer", detail: "The response of the login has no token." });
      await this.#storage.set({ family, token, received: Date.now(), ...refresh ? { refresh } : {} });
      this.#markSession(false);
    } else {
      await this.#storage.set(null);
      this.#markSession(familyOf(this.kind) !== "session");
    }
    const { is_new: isNew } = body;
    return { outcome: "signed-in", ...login, user: userOf(body), ...isNew === void 0 ? {} : { isNew } };
  }
  /** The signed-in user, or `null`. */
  async user() {
    if (await this.#family() !== "session" && await this.#storage.get() === null) return null;
    const { data, error, response } = await this.api.GET("/api/user/");
    if (data) return data;
    if (response.status === 401) return null;
    throw Problem.read(error, response.status);
  }
  /** Updates editable fields of the user. Problems: `invalid_request` with `errors` by field. */
  async updateUser(change) {
    return this.#answer(this.api.PATCH("/api/user/", { body: change }));
  }
  /** Everything that the server stores about this user. */
  async exportUser() {
    return this.#answer(this.api.GET("/api/user/export/"));
  }
  /** Deletes the user permanently. Problems: `fresh_login_required` (sign in again first). */
  async deleteUser() {
    await this.#done(this.api.DELETE("/api/user/"));
    await this.#clear();
  }
  /** The social accounts of this user. */
  async socialAccounts() {
    return this.#answer(this.api.GET("/api/user/social/"));
  }
  /**
   * Unlinks an account by its `id` in the list. Problems: `last_login_method` (link another account first),
   * `fresh_login_required` (sign in again first), `not_found`.
   */
  async unlink(account) {
    await this.#done(this.api.DELETE("/api/user/social/{id}/", { params: { path: { id: String(account) } } }));
  }
  /**
   * The provider's access token of an account, refreshed when necessary. Problems: `token_not_kept` when the server
   * stores none, `token_ended` when it has expired (sign in with the account again).
   */
  async providerToken(account) {
    return this.#answer(this.api.GET("/api/user/social/{id}/token/", { params: { path: { id: String(account) } } }));
  }
  /** All credentials of this user, the last used first. `current` marks the credential of this request. */
  async credentials() {
    const listed = [];
    let cursor;
    do {
      const page = await this.api.GET("/api/user/credentials/", { params: { query: cursor === void 0 ? {} : { cursor } } });
      listed.push(...await this.#answer(Promise.resolve(page)));
      cursor = cursorOf(page.response.headers.get("link"));
    } while (cursor !== void 0);
    return listed;
  }
  /** Revokes one credential by its `id`. To revoke the current one, call `logout`. Problems: `not_found`. */
  async revokeCredential(id) {
    await this.#done(this.api.DELETE("/api/user/credentials/{id}/", { params: { path: { id } } }));
  }
  /** Revokes all other credentials, access tokens of other JWT pairs included. */
  async revokeOtherCredentials() {
    await this.revokeCredential("others");
  }
  /**
   * Sends a request with the credentials to a path of the server or a URL of one of `origins`. A JWT that expires soon is
   * refreshed first. After a 401 the token is refreshed once and the request repeated.
   */
  async fetch(input, init) {
    return this.#send(new Request(new URL(input, `${this.#baseUrl}/`), init));
  }
  /** The token for requests that do not use this client, refreshed when necessary; `null` without a token. */
  async token() {
    return (await this.#current())?.token ?? null;
  }
  /**
   * Signs out. The server revokes sessions, knox tokens and JWTs. All devices of a user share one permanent token
   * (`token`), so this client only deletes its copy; `logoutEverywhere` revokes it.
   */
  async logout() {
    const stored = await this.#storage.get();
    const family = await this.#family();
    try {
      if (family === "session") await this.#logOut(this.api.POST("/api/session/logout/"));
      else if (stored && family === "knox") await this.#logOut(this.api.POST("/api/knox/logout/"));
      else if (stored && family !== "token") await this.#blacklist(stored.refresh ?? stored.token);
    } finally {
      await this.#clear();
    }
  }
  /** Revokes all credentials of this user, on all devices. */
  async logoutEverywhere() {
    try {
      await this.#logOut(this.api.POST("/api/logout/all/"));
    } finally {
      await this.#clear();
    }
  }
  /** The family of the current credential, or of the client's kind when signed out. */
  async #family() {
    const stored = await this.#storage.get();
    if (stored) return stored.family;
    return this.#browser.sessionStorage.getItem(SESSION_KEY) === this.#baseUrl ? "session" : familyOf(this.kind);
  }
  #markSession(isSession) {
    const storage = this.#browser.sessionStorage;
    if (isSession) storage.setItem(SESSION_KEY, this.#baseUrl);
    else storage.removeItem(SESSION_KEY);
  }
  async #clear() {
    await this.#storage.set(null);
    this.#markSession(false);
  }
  async #blacklist(refresh) {
    await this.#logOut(this.api.POST("/api/token/blacklist/", { body: { refresh } }));
  }
  async #done(call) {
    const { error, response } = await call;
    if (!response.ok) throw Problem.read(error, response.status);
  }
  /** Logging out with an expired credential (401) counts as success. */
  async #logOut(call) {
    const { error, response } = await call;
    if (!response.ok && response.status !== 401) throw Problem.read(error, response.status);
  }
  async #answer(call) {
    const { data, error, response } = await call;
    if (data === void 0) throw Problem.read(error, response.status);
    return data;
  }
  /** Posts a login request. Only linking sends the current credential: an expired one would fail the login. */
  async #post(path, body, kind, link) {
    const headers = new Headers({ "content-type": "application/json", accept: "application/json" });
    const credentials = link ? await this.#current() : null;
    if (credentials) headers.set("authorization", authorization(credentials));
    const request = new Request(this.#baseUrl + path, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
      credentials: familyOf(kind) === "session" ? "include" : "omit"
    });
    const response = await this.#call(request);
    if (!response.ok) throw await Problem.of(response);
    return await response.json();
  }
  async #send(request) {
    if (!this.#origins.has(new URL(request.url).origin)) return this.#call(request);
    const credentials = await this.#current();
    const retry = credentials?.refresh ? request.clone() : void 0;
    const response = await this.#call(await this.#with(request, credentials));
    if (response.status !== 401 || !credentials) return response;
    const refreshed = retry ? await this.#refresh(credentials) : null;
    if (retry && refreshed) return this.#call(await this.#with(retry, refreshed));
    if (new URL(request.url).origin === new URL(this.#baseUrl).origin) await this.#forget(credentials);
    return response;
  }
  async #with(request, credentials) {
    const isSession = await this.#family() === "session";
    const authenticated = new Request(request, { credentials: isSession ? "include" : "omit" });
    if (credentials) authenticated.headers.set("authorization", authorization(credentials));
    return authenticated;
  }
  async #current() {
    const credentials = await this.#storage.get();
    return credentials && needsRefresh(credentials, Date.now()) ? this.#refresh(credentials) : credentials;
  }
  /** One refresh at a time for all waiting requests, in this tab and in other tabs with the same storage. */
  #refresh(stale) {
    this.#refreshing ??= withLock(() => this.#refreshOnce(stale)).finally(() => {
      this.#refreshing = void 0;
    });
    return this.#refreshing;
  }
  async #refreshOnce(stale) {
    const stored = await this.#storage.get();
    if (stored?.token !== stale.token) return stored;
    const [path, body] = stale.family === "jwt-sliding" ? ["/api/token/sliding/refresh/", { token: stale.token }] : ["/api/token/refresh/", { refresh: stale.refresh }];
    const headers = { "content-type": "application/json", accept: "application/json" };
    const response = await this.#call(
      new Request(this.#baseUrl + path, { method: "POST", headers, body: JSON.stringify(body), credentials: "omit" })
    );
    if (response.status === 401) {
      await this.#forget(stale);
      return null;
    }
    if (!response.ok) throw await Problem.of(response);
    const { access, token = access, refresh = stale.refresh } = await response.json();
    if (!token) throw new Problem({ code: "unexpected_answer", detail: "The response of the refresh has no token." });
    const refreshed = { ...stale, token, received: Date.now(), ...refresh ? { refresh } : {} };
    await this.#storage.set(refreshed);
    return refreshed;
  }
  /** Deletes rejected credentials, unless another tab has stored new ones. */
  async #forget(credentials) {
    if ((await this.#storage.get())?.token !== credentials.token) return;
    await this.#storage.set(null);
    this.#onSignedOut();
  }
  async #call(request) {
    try {
      return await (this.#fetchOption ?? fetch)(request);
    } catch (cause) {
      if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
      throw new Problem({ code: "network_error", detail: "The server could not be reached.", cause });
    }
  }
  get #browser() {
    return this.#browserOption ?? window;
  }
};
function userOf({ kind: _kind, token: _token, refresh: _refresh, is_new: _isNew, ...user }) {
  return user.id === void 0 ? null : user;
}
function familyOf(kind) {
  return kind.replace(/[-_]user$/, "");
}
function cursorOf(link) {
  const query = /^<\?([^>]*)>;\s*rel="next"$/.exec(link ?? "")?.[1];
  return query === void 0 ? void 0 : new URLSearchParams(query).get("cursor") ?? void 0;
}
async function withLock(work) {
  const locks = globalThis.navigator?.locks;
  return locks ? await locks.request("rest-social-auth.refresh", work) : work();
}
export {
  Problem,
  SocialAuth,
  createClient2 as createClient,
  memoryStorage,
  webStorage
};
