"""Servers on loopback that a DVC remote can be, started for a test and stopped after it."""

import contextlib
import getpass
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SECONDS_TO_START = 60
SSHD_CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/client_key.pub
PidFile {folder}/sshd.pid
PermitRootLogin yes
StrictModes no
UsePAM no
PasswordAuthentication no
Subsystem sftp internal-sftp
"""


@dataclass(frozen=True)
class Remote:
    """Where a remote is, and what `dvc remote modify --local` says of it."""

    url: str
    options: dict[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def folder_remote(folder: Path) -> Iterator[Remote]:
    """A plain folder."""
    yield Remote(str(folder / "store"))


@contextlib.contextmanager
def ssh_remote(folder: Path) -> Iterator[Remote]:
    """OpenSSH's server, entered by a key."""
    sshd = shutil.which("sshd") or "/usr/sbin/sshd"
    assert Path(sshd).exists(), "sshd is not installed; `make test-sharing` installs openssh-server"
    for name in ("host_key", "client_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    if getpass.getuser() == "root":
        Path("/run/sshd").mkdir(exist_ok=True)  # an empty folder that sshd locks itself into
    port = _free_port()
    (folder / "sshd_config").write_text(SSHD_CONFIG.format(port=port, folder=folder))
    with _server([sshd, "-D", "-e", "-f", str(folder / "sshd_config")], folder, port):
        options = {"keyfile": str(folder / "client_key"), "user": getpass.getuser()}
        yield Remote(f"ssh://127.0.0.1:{port}{folder}/store", options)


@contextlib.contextmanager
def s3_remote(folder: Path) -> Iterator[Remote]:
    """An S3-compatible server, moto's, with one bucket."""
    port = _free_port()
    with _server([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], folder, port):
        endpoint = f"http://127.0.0.1:{port}"
        with urllib.request.urlopen(urllib.request.Request(f"{endpoint}/bucket", method="PUT")) as answer:
            assert answer.status == 200
        keys = {"access_key_id": "key", "secret_access_key": "secret"}
        yield Remote("s3://bucket/dvc", {"endpointurl": endpoint, "region": "us-east-1", **keys})


@contextlib.contextmanager
def webdav_remote(folder: Path) -> Iterator[Remote]:
    """A WebDAV server, WsgiDAV's; the base collection must exist."""
    (folder / "served/dvc").mkdir(parents=True)
    port = _free_port()
    served = ["--root", str(folder / "served"), "--auth", "anonymous", "--server", "cheroot", "--no-config"]
    where = ["--host", "127.0.0.1", "--port", str(port)]
    with _server([sys.executable, "-m", "wsgidav.server.server_cli", *where, *served], folder, port):
        yield Remote(f"webdav://127.0.0.1:{port}/dvc")


REMOTES = {"folder": folder_remote, "ssh": ssh_remote, "s3": s3_remote, "webdav": webdav_remote}
"""Kind of remote -> context that starts it, in a folder of its own."""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _server(command: list[str], folder: Path, port: int) -> Iterator[None]:
    """Run a server until the block ends; it is up once it takes connections."""
    log = folder / "server.log"
    with open(log, "w") as stream, subprocess.Popen(command, cwd=folder, stdout=stream, stderr=stream) as process:
        try:
            deadline = time.monotonic() + SECONDS_TO_START
            while not _answers(port):
                assert process.poll() is None, f"{command[0]} ended\n{log.read_text()}"
                assert time.monotonic() < deadline, f"{command[0]} does not answer\n{log.read_text()}"
                time.sleep(0.1)
            yield
        finally:
            process.terminate()


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
