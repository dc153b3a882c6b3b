/** React: who is signed in, sign-in buttons, a guard, and the callback page. */

import { createContext, useContext, useEffect, useId, useMemo, useReducer, useState, type FormEvent, type ReactNode } from "react";
import type { AskedField, CallbackResult, InputRequired, Problem, Provider, ProviderName, SignedIn, SocialAuth, User } from "./index.js";

/** `failed`: the server could not say who is signed in; `error` has the reason, and `reload` asks again. */
export type AuthStatus = "loading" | "signed-in" | "signed-out" | "failed";

interface State<Fields = unknown> {
  status: AuthStatus;
  user: User<Fields> | null;
  error: Problem | null;
}

export interface Auth<Fields = unknown> extends State<Fields> {
  client: SocialAuth<Fields>;
  reload: () => void;
}

const START = <a href="/">Start page</a>;
const SIGNING_IN = <p role="status">Signing in …</p>;
const WAITING = <p role="status">One moment …</p>;
const LOADING: State = { status: "loading", user: null, error: null };
const Context = createContext<Auth | null>(null);

/** Gives the components below it the client and the user, and follows the events of all tabs. */
export function AuthProvider({ client, children }: { client: SocialAuth; children?: ReactNode }) {
  const [state, setState] = useState(LOADING);
  const [loads, reload] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    let latest = 0;
    const load = async () => {
      const own = ++latest;
      const next = await client.getSession().then<State, State>(
        (session) => ({ status: session ? "signed-in" : "signed-out", user: session && session.user, error: null }),
        (error: Problem) => ({ status: "failed", user: null, error }),
      );
      if (own === latest) setState(next);
    };
    const unsubscribe = client.subscribe(({ type }) => type !== "token-refreshed" && void load());
    setState(LOADING);
    void load();
    return () => ((latest = Infinity), unsubscribe());
  }, [client, loads]);
  const auth = useMemo(() => ({ client, reload, ...state }), [client, reload, state]);
  return <Context.Provider value={auth}>{children}</Context.Provider>;
}

export function useAuth<Fields = unknown>(): Auth<Fields> {
  const auth = useContext(Context);
  if (!auth) throw new Error("useAuth needs an AuthProvider");
  return auth as Auth<Fields>;
}

/** The signed-in user; `null` when signed out, and while it loads. */
export const useUser = <Fields = unknown>(): User<Fields> | null => useAuth<Fields>().user;

function Alert({ problem, children }: { problem: Problem | null | undefined; children?: ReactNode }) {
  if (!problem) return null;
  const text = problem.code === "access_denied" ? "You denied access at the provider." : (problem.detail ?? String(problem));
  return <p role="alert" data-code={problem.code}>{text} {children}</p>;
}

const again = (onClick: () => void) => <button type="button" onClick={onClick}>Try again</button>;

/** An error that ended a login, and the ways on. */
function Failed({ problem, login = problem }: { problem: Problem; login?: Problem | InputRequired }) {
  const { client } = useAuth();
  const [latest, setLatest] = useState<Problem | null>(problem);
  const retry = () => (setLatest(null), client.signIn(login.provider as string, login).then(() => setLatest(problem), setLatest));
  return latest ? <Alert problem={latest}>{login.provider && again(retry)} {START}</Alert> : SIGNING_IN;
}

export interface SignInButtonsProps {
  /** Names of the providers to show, in their order; by default all, in the order of the server. */
  providers?: ProviderName[];
  mode?: "redirect" | "popup";
  /** Where the user continues: returned to `CallbackPage`, and with a problem. */
  next?: string;
  /** Links an account to the signed-in user. */
  link?: boolean;
  /** The text of a button. A title that occurs again has the name of the provider in it. */
  label?: (provider: Provider) => ReactNode;
  /** After a sign-in with a pop-up. */
  onSignedIn?: (result: SignedIn) => void;
}

/** A button for each provider of the server, or for those in `providers`. */
export function SignInButtons(props: SignInButtonsProps) {
  const { providers: names, mode, next, link, label = ({ title }) => `Sign in with ${title}`, onSignedIn } = props;
  const { client } = useAuth();
  const [providers, setProviders] = useState<Provider[]>();
  const [problem, setProblem] = useState<Problem | null>(); // `null` during a call
  const [pending, setPending] = useState<InputRequired | false>();
  const load = () => (setProblem(undefined), void client.providers().then(setProviders, setProblem));
  useEffect(load, [client]);
  const show = (result: CallbackResult) => {
    setProblem(undefined);
    setPending(result.outcome === "input-required" && result);
    if (result.outcome === "signed-in") onSignedIn?.(result);
  };
  const signIn = (provider: string) => (setProblem(null), client.signIn(provider, { mode, next, link }).then(show, setProblem));
  if (pending) return <AdditionalInput login={pending} onResult={show} />;
  if (!providers) return problem ? <Alert problem={problem}>{again(load)}</Alert> : WAITING;
  const usable = providers.filter(({ kinds }) => kinds.includes(client.kind));
  const shown = names ? names.flatMap((wanted) => usable.filter(({ name }) => name === wanted)) : usable;
  const titles = shown.map(({ title }) => title);
  return (
    <div className="sign-in-buttons">
      {shown.map((provider, at) => (
        <button key={provider.name} type="button" disabled={problem === null} onClick={() => signIn(provider.name)}>
          {label(titles.indexOf(provider.title) < at ? { ...provider, title: `${provider.title} (${provider.name})` } : provider)}
        </button>
      ))}
      {!shown[0] && <p>No sign-in is available.</p>}
      <Alert problem={problem} />
    </div>
  );
}

/** Shows its children to a signed-in user, and otherwise `signedOut`: by default the sign-in buttons, which lead back here. */
export function RequireAuth(props: { children?: ReactNode; signedOut?: ReactNode; loading?: ReactNode }) {
  const { children, signedOut, loading = WAITING } = props;
  const { status, error, reload } = useAuth();
  if (status === "signed-in") return children;
  if (status === "loading") return loading;
  if (error) return <Alert problem={error}>{again(reload)}</Alert>;
  return signedOut ?? <SignInButtons next={location.pathname + location.search + location.hash} />;
}

/** The form of a pending login. `onResult` gets the result, or the next form. */
export function AdditionalInput({ login, onResult }: { login: InputRequired; onResult(result: CallbackResult): void }) {
  const { client } = useAuth();
  const [problem, setProblem] = useState<Problem | null>();
  const isBusy = problem === null;
  const finish = (result: CallbackResult) => (setProblem(undefined), onResult(result));
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const answers: Record<string, string | boolean> = {};
    for (const { name, type } of login.fields) answers[name] = type === "checkbox" ? data.has(name) : `${data.get(name) ?? ""}`;
    setProblem(null);
    void client.resume(answers).then(finish, setProblem);
  };
  const cancel = () => void client.cancelPendingLogin().then(() => onResult({ outcome: "none" }), setProblem);
  // `state_expired`, `state_mismatch`, `code_already_used`, `flow_mismatch`: the client has forgotten the pending login.
  if (problem && /^(state|code|flow)_/.test(problem.code)) return <Failed problem={problem} login={login} />;
  return (
    <form onSubmit={submit} key={login.flowToken}>
      {login.fields.map((field) => (
        <Field key={field.name} field={field} errors={problem?.errors?.[field.name] ?? []} />
      ))}
      <Alert problem={problem?.code === "invalid_request" ? null : problem} />
      <button disabled={isBusy}>Continue</button>{" "}
      <button type="button" disabled={isBusy} onClick={cancel}>Cancel</button>
      {problem?.code === "link_login_required" && <SignInButtons />}
    </form>
  );
}

function Field({ field, errors }: { field: AskedField; errors: string[] }) {
  const { name, type, title, required, help, choices = [] } = field;
  const id = useId();
  const common = { id, name, required, "aria-invalid": !!errors[0], "aria-describedby": `${id}-help` };
  const options = ["", ...choices].map((choice) => <option key={choice}>{choice}</option>);
  return (
    <p>
      <label htmlFor={id}>{title}</label>{" "}
      {type === "choice" ? <select {...common}>{options}</select> : <input {...common} type={type} />}{" "}
      <span id={`${id}-help`}>
        {help && <small>{help}</small>} {errors[0] && <strong role="alert">{errors.join(" ")}</strong>}
      </span>
    </p>
  );
}

/**
 * The page at the client's `redirectUri`: completes the login, asks for additional input, and shows errors with a way to try
 * again. Then it calls `onSignedIn`, by default `location.replace(next ?? "/")`. `children`: what it shows on a page without
 * a callback.
 */
export function CallbackPage({ onSignedIn, children }: { onSignedIn?: (result: SignedIn) => void; children?: ReactNode }) {
  const { client } = useAuth();
  const [result, setResult] = useState<CallbackResult | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  useEffect(() => void client.handleCallback().then(setResult, setProblem), [client]);
  useEffect(() => {
    const finish = onSignedIn ?? (({ next }) => location.replace(next ?? "/"));
    if (result?.outcome !== "signed-in") return;
    // A login that asked whether to link waits for this one.
    client.pendingLogin().then((pending) => (pending ? setResult(pending) : finish(result))).catch(setProblem);
    // Once for each result, not for each new function that the parent passes.
  }, [result]);
  if (problem) return <Failed problem={problem} />;
  if (result?.outcome === "input-required") return <AdditionalInput login={result} onResult={setResult} />;
  if (result?.outcome === "sent-to-opener") return <p role="status">Done. You can close this window.</p>;
  if (result?.outcome === "none") return children ?? <p role="status">No sign-in is in progress. {START}</p>;
  return SIGNING_IN;
}
