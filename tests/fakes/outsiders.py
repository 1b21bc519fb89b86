"""Whom a station asks from outside: witnesses and a time stamping authority, served on this machine for a test."""

import asyncio
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from station.api.witness_server import create_witness_app
from station.ledger.witness_state import Evidence, Witness, WitnessFolder


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serve an application on a free port of this machine; yields its address."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False, lifespan="off")
    listening = config.bind_socket()
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()
        assert not thread.is_alive()


@dataclass
class OutsideWitness:
    """A witness with a folder of its own; `serve` may be called again and again, as after restarts."""

    folder: WitnessFolder
    found: list[Evidence] = field(default_factory=list)

    @property
    def vkey(self) -> str:
        return str(self.folder.verifier())

    @contextmanager
    def serve(self) -> Iterator[str]:
        with self.folder.served(), serving(create_witness_app(Witness(self.folder, self.found.append), "")) as url:
            yield url


def make_witness(path: Path, name: str) -> OutsideWitness:
    folder = WitnessFolder(path)
    folder.create_key(name)
    return OutsideWitness(folder)


_AUTHORITY = """
[tsa]
default_tsa = ours
[ours]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
certs = {folder}/root.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
[req]
distinguished_name = name
[name]
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
"""


class Authority:
    """A time stamping authority out of openssl: a root, a certificate for time stamping, `openssl ts -reply`."""

    def __init__(self, folder: Path, name: str = "Test") -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.config = folder / "openssl.cnf"
        self.config.write_text(_AUTHORITY.format(folder=folder))
        (folder / "serial").write_text("01\n")
        self._openssl(
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "3650",
            "-config",
            str(self.config),
            "-extensions",
            "root",
            "-subj",
            f"/CN={name} root",
            "-keyout",
            "root.key",
            "-out",
            "root.pem",
        )
        self._openssl(
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-config",
            str(self.config),
            "-subj",
            f"/CN={name} TSA",
            "-keyout",
            "tsa.key",
            "-out",
            "tsa.csr",
        )
        self._openssl(
            "x509",
            "-req",
            "-in",
            "tsa.csr",
            "-CA",
            "root.pem",
            "-CAkey",
            "root.key",
            "-CAcreateserial",
            "-days",
            "3650",
            "-extfile",
            str(self.config),
            "-extensions",
            "leaf",
            "-out",
            "tsa.pem",
        )

    @property
    def root(self) -> Path:
        return self.folder / "root.pem"

    def reply(self, query: bytes) -> bytes:
        (self.folder / "query.tsq").write_bytes(query)
        self._openssl("ts", "-reply", "-config", str(self.config), "-queryfile", "query.tsq", "-out", "reply.tsr")
        return (self.folder / "reply.tsr").read_bytes()

    def verifies(self, response: bytes, text: str) -> bool:
        """Whether openssl itself believes a time stamp over a checkpoint's text."""
        (self.folder / "kept.tsr").write_bytes(response)
        (self.folder / "text").write_bytes(text.encode())
        command = ["openssl", "ts", "-verify", "-in", "kept.tsr", "-data", "text", "-CAfile", "root.pem"]
        return subprocess.run(command, cwd=self.folder, capture_output=True, check=False).returncode == 0

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self.folder, capture_output=True, check=True)


@contextmanager
def stamping(authority: Authority, queries: list[bytes] | None = None, replay: bytes | None = None) -> Iterator[str]:
    """Serve an authority over HTTP (RFC 3161 section 3.4), or one that answers `replay` to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["content-length"]))
            if queries is not None:
                queries.append(query)
            body = authority.reply(query) if replay is None else replay
            self.send_response(200)
            self.send_header("content-type", "application/timestamp-reply")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join(20)
        server.server_close()
