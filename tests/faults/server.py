"""The server as a child process: started, stopped by signal, and measured."""

import asyncio
import os
import pathlib
import resource
import signal
import socket
import time

import client

#: A loaded machine starts a process slowly. A process that cannot start ends, so this limit is for one that hangs.
START_LIMIT = 120


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """`serve` with a database and providers. It keeps its port when it is started again."""

    def __init__(self, binary, folder, database_url, providers, settings=None, public_url=None):
        """`providers`: the URL of a provider that speaks GitHub's protocol, by its name in the settings."""
        self.binary, self.folder = str(binary), pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port, self.process, self.log = free_port(), None, self.folder / "log"
        self.base = f"http://127.0.0.1:{self.port}"
        config = self.folder / "settings.toml"
        config.write_text("\n".join(
            f'[providers.{name}]\nextends = "github-enterprise"\nkey = "client"\nsecret = "secret"\n'
            f'url = "{url}"\napi_url = "{url}"\n'
            for name, url in providers.items()
        ))
        config.chmod(0o600)
        self.environment = {
            "DATABASE_URL": database_url,
            "LISTEN": f"127.0.0.1:{self.port}",
            "OUTGOING_ALLOW_PRIVATE": "true",
            "PATH": os.environ["PATH"],
            "PUBLIC_URL": public_url or self.base,
            "RATE_LIMITS": "off",
            "REST_SOCIAL_AUTH_CONFIG": str(config),
            "SECRET_KEY": "a-key-of-the-fault-suite-0a1b2c3d4e5f60718293",
            "STATE_POLICY": "when_present",
        } | (settings or {})

    async def spawn(self):
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                self.binary, "serve", env=self.environment, cwd=self.folder, stdin=asyncio.subprocess.DEVNULL,
                stdout=log, stderr=log, preexec_fn=ignore_file_size_signal, restore_signals=False,
            )

    async def start(self):
        """Waits until `/readyz` answers 200."""
        await self.spawn()
        await self.until_ready()
        return self

    async def until_ready(self):
        end = time.monotonic() + START_LIMIT
        while time.monotonic() < end:
            if self.process.returncode is not None:
                raise AssertionError(f"the server ended with {self.process.returncode}:\n{self.last_lines()}")
            if await self.is_ready():
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"the server is not ready within {START_LIMIT} s:\n{self.last_lines()}")

    async def is_ready(self):
        try:
            return (await self.call("GET", "/readyz")).status == 200
        except client.Lost:
            return False

    async def call(self, method, path, body=None, headers=None):
        return await client.call(self.base, method, path, body, headers)

    def signal(self, number):
        self.process.send_signal(number)

    async def kill(self):
        if self.process and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def stop(self):
        """A graceful shutdown, which must succeed."""
        if self.process is None or self.process.returncode is not None:
            return
        self.signal(signal.SIGTERM)
        status = await self.process.wait()
        assert status == 0, f"SIGTERM ended the server with {status}:\n{self.last_lines()}"

    def last_lines(self, count=15):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])

    def panics(self):
        return [line for line in self.log.read_text(errors="replace").splitlines() if "panicked" in line]

    def limit_file_size(self, size):
        """Writes beyond this size of a file fail; None: no limit."""
        limit = resource.RLIM_INFINITY if size is None else size
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    def memory(self):
        """The proportional set size of its data in bytes: without the pages of the program, which servers share."""
        lines = pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text().splitlines()[1:]
        sizes = dict(line.split()[:2] for line in lines)
        return int(sizes["Pss_Anon:"]) * 1024

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


def ignore_file_size_signal():
    """Lets a write above the limit of a file's size fail, as on a full disk, instead of ending the process."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
