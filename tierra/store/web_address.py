"""Web addresses, and the machines that may be asked for data.

A source, a redirect or a link to the next page names a host; this machine may reach more than whoever wrote it:
its own services, the network around it, the cloud's metadata service with its keys.
"""

import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit

from tierra.errors import Misconfigured, Unavailable

WEB: Final = re.compile(r"https?://", re.IGNORECASE)
PORTS: Final = {"http": 80, "https": 443}
UNWRITABLE: Final = re.compile(r"[\x00-\x20\x7f\\]")
NAME: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?")
# Programs read 2130706433, 0177.0.0.1 and 0x7f.1 as addresses, each in its own way.
NUMBER: Final = re.compile(r"(\d+|0[xX][0-9A-Fa-f]*)\.?")
LOCAL: Final = re.compile(r"(.*\.)?localhost\.?", re.IGNORECASE)

IpAddress = IPv4Address | IPv6Address
# Of this machine and of private networks: asked where the settings allow it.
OWN: Final = tuple(map(ip_network, ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10",
                                    "::1/128", "fc00::/7")))  # fmt: skip
# Metadata services of the clouds, where they are not link-local: never asked.
METADATA: Final = tuple(map(ip_network, ("192.0.0.0/24", "100.100.100.200/32", "168.63.129.16/32",
                                         "fd00:ec2::254/128", "fd20:ce::254/128")))  # fmt: skip
NAT64: Final = ip_network("64:ff9b::/96")


@dataclass(frozen=True)
class WebAddress:
    """An address in parts, each read once, so that what is checked is what is asked for."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """Whom a secret is for: the same scheme, host and port."""
        return self.scheme, self.host, self.port

    @property
    def url(self) -> str:
        """The address in one text."""
        return f"{self.scheme}://{self.authority}{self.target}"

    @property
    def authority(self) -> str:
        """Host and port, as a request names them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def is_web(path: str) -> bool:
    """Whether a path is a web address."""
    return bool(WEB.match(path))


def parse_address(url: str) -> WebAddress:
    """A web address in parts. Raises Misconfigured for another scheme, and for what two programs read differently."""
    require_writable(url)
    shown = url if len(url) < 200 else f"{url[:200]}…"
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme.lower(), parts.hostname or "", parts.port
    except ValueError:
        raise Misconfigured("url-invalid", f"{shown} is no address") from None
    if scheme not in PORTS:
        raise Misconfigured("url-invalid", f"{shown}: {scheme or 'no scheme'}:// is not read from")
    if fault := _fault(parts, host):
        raise Misconfigured("url-invalid", f"{shown}: {fault}")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return WebAddress(scheme, host, PORTS[scheme] if port is None else port, quote(target, safe="%/:?#[]@!$&'()*+,;=~"))


def require_writable(url: str) -> None:
    """Raise Misconfigured for what no address may have; some programs drop it, others do not."""
    if UNWRITABLE.search(url):
        raise Misconfigured("url-invalid", f"{url!a:.200}: it has a space, a backslash or a control character")


def _fault(parts: SplitResult, host: str) -> str:
    """What is wrong with the parts; empty when nothing is."""
    if "@" in parts.netloc:
        return "it names a user before its host"
    if ":" in host:
        return "" if _is_ip(host) else f"'{host}' is no IPv6 address"
    if not NAME.fullmatch(host) or len(host) > 253:
        return f"'{host}' is no host name in ASCII"
    if NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]) and not _is_ip(host):
        return f"'{host}' is no IPv4 address as it is usually written"
    return ""


def _is_ip(host: str) -> bool:
    try:
        return "%" not in host and bool(ip_address(host))
    except ValueError:
        return False


def resolve(host: str, port: int, allow_private: bool, only_private: bool = False) -> list[str]:
    """The addresses of a host, each of which may be asked. Raises Misconfigured or Unavailable."""
    if LOCAL.fullmatch(host) and not allow_private:
        raise Misconfigured("url-refused", f"{host} is this machine")
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unavailable("download-unavailable", f"{host}: its name is not found ({error})") from None
    found = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
    for each in found:  # one that is refused makes the whole answer suspicious
        if reason := why_refused(each, allow_private):
            message = f"{host} is {reason}" if host == each else f"{host} is {each}, {reason}"
            raise Misconfigured("url-refused" if not why_refused(each, True) else "url-forbidden", message)
        if only_private and not _is_own(_innermost(ip_address(each))):
            raise Misconfigured("url-invalid", f"a token would be sent to {host} in clear text; only https:// hides it")
    return found


def why_refused(address: str, allow_private: bool) -> str:
    """Why an IP address is not asked; empty when it is."""
    if "%" in address:
        return "an address of this machine's own link"
    ip = _innermost(ip_address(address))
    if ip.is_link_local or any(ip in each for each in METADATA):
        return "where clouds keep their metadata services"
    if _is_own(ip):
        return "" if allow_private else "of this machine or of a private network"
    is_public = ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)
    return "" if is_public and not getattr(ip, "is_site_local", False) else "no public address"


def _is_own(ip: IpAddress) -> bool:
    return any(ip in each for each in OWN)


def _innermost(ip: IpAddress) -> IpAddress:
    """The IPv4 address within an IPv6 one that is passed on to it."""
    if isinstance(ip, IPv4Address):
        return ip
    if ip in NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip
