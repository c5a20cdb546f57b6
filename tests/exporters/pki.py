"""Certificates for tests, made by the openssl command in a directory of their own."""

import subprocess
from pathlib import Path

_CONFIG = """\
[ca]
default_ca = here
[here]
database = {dir}/index.txt
serial = {dir}/serial
new_certs_dir = {dir}
default_md = sha256
default_crl_days = 3650
crlnumber = {dir}/crlnumber
policy = any
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[host]
basicConstraints = CA:false
subjectAltName = {san}
"""

HOSTS = "DNS:localhost, IP:127.0.0.1, IP:::1"


class Pki:
    """An authority, an intermediate below it, and certificates of hosts. ``key`` as openssl names it."""

    def __init__(self, directory: Path, key: str = "ec") -> None:
        self._directory, self._key = directory, key
        (directory / "index.txt").touch()
        (directory / "serial").write_text("1000\n")
        (directory / "crlnumber").write_text("01\n")
        self.ca = self._authority("root", issuer=None, expires="20400101000000Z")
        self._authority("intermediate", issuer="root", expires="20350101000000Z")

    def host(
        self,
        name: str,
        san: str = HOSTS,
        issuer: str = "root",
        expires: str = "20380101000000Z",
    ) -> Path:
        """Return a PEM file with key, certificate and, where there is one, the intermediate."""
        request = self._request(name)
        self._sign(name, request, issuer, "host", expires, san)
        parts = [self._path(name, "key"), self._path(name, "crt")]
        if issuer != "root":
            parts.append(self._path(issuer, "crt"))
        bundle = self._path(name, "pem")
        bundle.write_text("".join(part.read_text() for part in parts))
        return bundle

    def key_of(self, name: str) -> Path:
        """Return the file with the key alone."""
        return self._path(name, "key")

    def locked_key_of(self, name: str, pass_phrase: str) -> Path:
        """Return the key of a host, encrypted."""
        locked = self._path(name, "locked")
        _openssl(
            "pkey", "-in", str(self._path(name, "key")), "-aes256", "-passout", f"pass:{pass_phrase}",
            "-out", str(locked),
        )  # fmt: skip
        return locked

    def revoked(self, *names: str) -> Path:
        """Take back certificates of hosts; return the root's list of all that were."""
        by = ["-config", self._config(""), "-cert", str(self.ca), "-keyfile", str(self._path("root", "key"))]
        for name in names:
            _openssl("ca", *by, "-revoke", str(self._path(name, "crt")))
        found = self._path("root", "crl")
        _openssl("ca", *by, "-gencrl", "-out", str(found))
        return found

    def _authority(self, name: str, issuer: str | None, expires: str) -> Path:
        request = self._request(name)
        self._sign(name, request, issuer, "authority", expires, "DNS:unused")
        return self._path(name, "crt")

    def _path(self, name: str, suffix: str) -> Path:
        return self._directory / f"{name}.{suffix}"

    def _request(self, name: str) -> Path:
        kind = {"ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["rsa:2048"]}[self._key]
        request = self._path(name, "csr")
        _openssl(
            "req", "-new", "-newkey", *kind, "-nodes", "-subj", f"/CN={name}", "-config", self._config(""),
            "-keyout", str(self._path(name, "key")), "-out", str(request),
        )  # fmt: skip
        return request

    def _sign(
        self, name: str, request: Path, issuer: str | None, extensions: str, expires: str, san: str
    ) -> None:
        by = ["-selfsign", "-keyfile", str(self._path(name, "key"))]
        if issuer is not None:
            by = ["-cert", str(self._path(issuer, "crt")), "-keyfile", str(self._path(issuer, "key"))]
        _openssl(
            "ca", "-batch", "-notext", "-config", self._config(san), "-extensions", extensions, *by,
            "-startdate", "20200101000000Z", "-enddate", expires,
            "-in", str(request), "-out", str(self._path(name, "crt")),
        )  # fmt: skip

    def _config(self, san: str) -> str:
        path = self._directory / "openssl.cnf"
        path.write_text(_CONFIG.format(dir=self._directory, san=san or "DNS:unused"))
        return str(path)


def _openssl(*arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr}")
