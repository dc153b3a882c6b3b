/** The routes: a public start page, a page for signed-in users, and the callback of the login. */

import { Link, NavLink, Route, Routes, useLocation, useNavigate } from "react-router";
import { CallbackPage, RequireAuth, SignInButtons, useAuth, useUser } from "rest-social-auth-client/react";
import { Account } from "./Account";

export function App() {
  return (
    <>
      <Header />
      <main>
        <Routes>
          <Route path="/" element={<Start />} />
          <Route path="/account" element={<RequireAuth signedOut={<SignIn />}><Account /></RequireAuth>} />
          <Route path="/callback" element={<Callback />} />
          <Route path="*" element={<h1>This page does not exist.</h1>} />
        </Routes>
      </main>
    </>
  );
}

function Header() {
  const { client, status, user } = useAuth();
  return (
    <header>
      <nav aria-label="Pages">
        <NavLink to="/">Start</NavLink> <NavLink to="/account">Account</NavLink>
      </nav>
      {status === "signed-in" && (
        <p>
          {user?.username} <button type="button" onClick={() => client.logout().catch((problem) => alert(problem.detail))}>Sign out</button>
        </p>
      )}
    </header>
  );
}

function Start() {
  const user = useUser();
  return (
    <>
      <h1>{user ? `Hello, ${user.first_name || user.username}!` : "Hello!"}</h1>
      <p>This page is for everyone. <Link to="/account">Your account</Link> is for you.</p>
    </>
  );
}

/** Takes the place of a guarded page. After the login the user continues there. */
function SignIn() {
  const { pathname, search, hash } = useLocation();
  return (
    <>
      <h1>Sign in</h1>
      <SignInButtons next={pathname + search + hash} />
    </>
  );
}

function Callback() {
  const navigate = useNavigate();
  return (
    <>
      <h1>Signing in</h1>
      <CallbackPage onSignedIn={({ next }) => navigate(next ?? "/", { replace: true })} />
    </>
  );
}
