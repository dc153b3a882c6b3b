/** The page of a signed-in user: profile, linked accounts, devices. */

import { useCallback, useEffect, useState, type FormEvent } from "react";
import type { ListedCredential, Problem, Provider, SocialAccount } from "rest-social-auth-client";
import { SignInButtons, useAuth } from "rest-social-auth-client/react";

export function Account() {
  const { client, user } = useAuth();
  const [accounts, setAccounts] = useState<SocialAccount[]>([]);
  const [devices, setDevices] = useState<ListedCredential[]>([]);
  const [providers, setProviders] = useState<Provider[]>([]);
  const [problem, setProblem] = useState<Problem | null>(null);

  const load = useCallback(async () => {
    const [nextAccounts, nextDevices, nextProviders] = await Promise.all([
      client.socialAccounts(),
      client.credentials(),
      client.providers(),
    ]);
    setAccounts(nextAccounts);
    setDevices(nextDevices);
    setProviders(nextProviders);
  }, [client]);

  /** Calls the server and loads the lists again. */
  const run = useCallback(
    (work: () => Promise<unknown>) => {
      setProblem(null);
      work().then(load).catch(setProblem);
    },
    [load],
  );

  useEffect(() => run(async () => {}), [run]);

  const titleOf = (name: string) => providers.find((provider) => provider.name === name)?.title ?? name;
  const isLinked = (name: string) => accounts.some(({ provider }) => provider === name);
  const others = providers.map(({ name }) => name).filter((name) => !isLinked(name));

  function rename(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const name = new FormData(event.currentTarget).get("first_name");
    run(() => client.updateUser({ first_name: String(name) }));
  }

  return (
    <>
      <h1>{user?.first_name} {user?.last_name}</h1>
      {problem && <p role="alert" data-code={problem.code}>{problem.detail}</p>}
      <form onSubmit={rename}>
        <label>
          First name <input name="first_name" defaultValue={user?.first_name} key={user?.first_name} />
        </label>{" "}
        <button>Save</button>
      </form>

      <h2>Linked accounts</h2>
      <ul aria-label="Linked accounts">
        {accounts.map(({ id, provider, uid }) => (
          <li key={id}>
            {titleOf(provider)}: {uid} <button type="button" onClick={() => run(() => client.unlink(id))}>Unlink</button>
          </li>
        ))}
      </ul>
      {others.length > 0 && (
        <SignInButtons link providers={others} next="/account" label={({ title }) => `Link ${title}`} />
      )}

      <h2>Devices</h2>
      <ul aria-label="Devices">
        {devices.map(({ id, kind, created, current }) => (
          <li key={id}>
            {kind}, since {new Date(created).toLocaleString()}{" "}
            {current
              ? <strong>this device</strong>
              : <button type="button" onClick={() => run(() => client.revokeCredential(id))}>Sign out there</button>}
          </li>
        ))}
      </ul>
      <button type="button" onClick={() => void client.logoutEverywhere().catch(setProblem)}>Sign out everywhere</button>
    </>
  );
}
