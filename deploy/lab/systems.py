"""The interconnected systems and the resolver of the lab: nginx with TLS, and dnsmasq."""

import asyncio
import ipaddress
import subprocess
from pathlib import Path
from typing import Final

from deploy import debian
from deploy.lab.nodes import Nodes
from deploy.lab.order import Places
from deploy.lab.topology import HUB, Topology

_OPENSSL_SECONDS: Final = 30
_DAYS: Final = "30"
_NEW_KEY: Final = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_EXTENSIONS: Final = """[req]
distinguished_name = dn
[dn]
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {names}
"""
_PAGE: Final = (
    '<!doctype html><html lang=\\"vi\\"><head><meta charset=\\"utf-8\\"><title>{title}</title></head>'
    "<body><h1>{title}</h1><p>{text}</p></body></html>"
)
_NGINX: Final = """user root root;  # the only user that exists for sure
daemon off;
master_process off;
pid "{directory}/pid";
error_log "{directory}/error.log" warn;
events {{ worker_connections 64; }}
http {{
  access_log off;
  charset utf-8;
  default_type text/html;
  client_body_temp_path "{directory}/body";
  proxy_temp_path "{directory}/proxy";
  fastcgi_temp_path "{directory}/fastcgi";
  uwsgi_temp_path "{directory}/uwsgi";
  scgi_temp_path "{directory}/scgi";
  server {{
    listen {address}:80;
    listen {address}:443 ssl;
    ssl_certificate "{certificates}/server.pem";
    ssl_certificate_key "{certificates}/server.key";
    location / {{
      if (-f "{flag}") {{ return 200 "{maintenance}"; }}
      return 200 "{healthy}";
    }}
  }}
}}
"""


def ca_file(places: Places) -> Path:
    """Return the certificate that the systems' certificates lead to."""
    return places.certificates / "ca.pem"


def flag(places: Places, system: str) -> Path:
    """Return the file whose presence makes a system show its maintenance page."""
    return places.run / "systems" / system / "maintenance"


def make_certificates(topology: Topology, places: Places) -> None:
    """Make a private authority and one certificate for all systems and the hub. Raises debian.ToolMissing and
    subprocess.CalledProcessError."""
    places.certificates.mkdir(parents=True, exist_ok=True)
    addresses = [node.address for node in topology.nodes.values() if node.role == "system"]
    addresses.append(topology.nodes[HUB].address)
    names = [f"DNS:{name}" for name in topology.names] + [f"IP:{address}" for address in addresses]
    (places.certificates / "openssl.cnf").write_text(
        _EXTENSIONS.format(names=",".join(names)), encoding="utf-8"
    )
    _openssl(
        places, "req", "-x509", *_NEW_KEY, "-keyout", "ca.key", "-out", "ca.pem", "-days", _DAYS,
        "-subj", "/CN=Thong suot lab", "-extensions", "ca", "-config", "openssl.cnf",
    )  # fmt: skip
    _openssl(
        places, "req", "-new", *_NEW_KEY, "-keyout", "server.key", "-out", "server.csr",
        "-subj", "/CN=lab.test", "-config", "openssl.cnf",
    )  # fmt: skip
    _openssl(
        places, "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
        "-CAcreateserial", "-days", _DAYS, "-extfile", "openssl.cnf", "-extensions", "server",
        "-out", "server.pem",
    )  # fmt: skip


def _openssl(places: Places, *words: str) -> None:
    subprocess.run(
        [str(debian.find("openssl")), *words], cwd=places.certificates, check=True, capture_output=True,
        timeout=_OPENSSL_SECONDS, env=debian.environment(),
    )  # fmt: skip


def write_resolver_files(topology: Topology, places: Places) -> dict[Path, str]:
    """Write what name resolution reads; returns the system's file by our own, to be put in its place.

    A smallest system has no hosts or nsswitch.conf: there is nothing to hide then, and the C library's own
    defaults (files, then dns) serve. Without resolv.conf names could not be pointed at the lab.
    """
    contents = {
        "resolv.conf": f"nameserver {topology.resolver}\noptions timeout:1 attempts:2\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
        "hosts": "127.0.0.1 localhost\n::1 localhost\n",
    }
    directory = places.run / "etc"
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in contents.items():
        (directory / name).write_text(text, encoding="ascii")
    return {
        directory / name: f"/etc/{name}"
        for name in contents
        if name == "resolv.conf" or Path("/etc", name).exists()
    }


async def start_resolver(nodes: Nodes) -> None:
    """Start dnsmasq in every dns node."""
    words = [str(debian.find("dnsmasq")), "--no-daemon", "--conf-file", "--no-resolv", "--no-hosts"]
    words += ["--pid-file", "--log-facility=-", "--cache-size=0", "--local=/#/"]
    words += [f"--host-record={name},{address}" for name, address in nodes.topology.names.items()]
    for node in nodes.topology.nodes.values():
        if node.role == "dns":
            await nodes.start(node.name, node.name, words, debian.environment())


async def start_systems(nodes: Nodes) -> None:
    """Start one nginx per system."""
    systems = [node for node in nodes.topology.nodes.values() if node.role == "system"]
    await asyncio.gather(*(_start_system(nodes, node.component, node.name, node.address) for node in systems))


async def _start_system(nodes: Nodes, component: str, name: str, address: str) -> None:
    system = component.removeprefix("system:")
    directory = flag(nodes.places, system).parent
    directory.mkdir(parents=True, exist_ok=True)
    configuration = directory / "nginx.conf"
    configuration.write_text(nginx_configuration(nodes.places, system, address), encoding="utf-8")
    words = [str(debian.find("nginx")), "-e", str(directory / "error.log"), "-c", str(configuration)]
    await nodes.start(name, name, words, debian.environment())


def nginx_configuration(places: Places, system: str, address: str) -> str:
    """Return the configuration of one system's nginx."""
    ipaddress.IPv4Address(address)
    return _NGINX.format(
        directory=flag(places, system).parent, flag=flag(places, system), certificates=places.certificates,
        address=address, healthy=_PAGE.format(title=system, text="OK"),
        maintenance=_PAGE.format(title="Hệ thống đang bảo trì", text="Xin quay lại sau."),
    )  # fmt: skip
