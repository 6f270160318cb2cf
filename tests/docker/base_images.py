"""A stand-in for ``python:3.11-slim`` where no registry can be reached, and odd images made from it.

The file system comes from the host's own package archive, by mmdebstrap, and is kept in a cache folder as a tar; where
mmdebstrap is missing the real image is pulled. Images are named by what they consist of, and stay on the engine.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

REPOSITORY = "traindock-test/python"
ODD_REPOSITORY = "traindock-test/odd"
#: Where Debian's programs look for authorities.
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
_PACKAGES = ("python3", "python3-venv", "ca-certificates")
#: The classic builder's text is what is compared; a newer engine's CLI is not involved.
_LABEL = "traindock.test"


class NoBaseImage(Exception):
    """The stand-in cannot be made here; the text says what is missing."""


def cache_folders() -> list[Path]:
    """Return where the file system's tar may lie: the first is this user's to write to."""
    shared = Path("/var/cache/traindock-test")
    if named := os.environ.get("TRAINDOCK_TEST_CACHE"):
        return [Path(named)]
    if os.geteuid() == 0:
        return [shared]
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return [home / "traindock-test", shared]


def rootfs() -> Path | None:
    """Return the tar of a Debian or Ubuntu with Python, made if need be (20 to 60 s); None without mmdebstrap.

    Raises:
        NoBaseImage: mmdebstrap failed.
    """
    for folder in cache_folders():
        if found := _newest(folder):
            return found
    if shutil.which("mmdebstrap") is None or not Path("/etc/apt").is_dir():
        return None
    folder = cache_folders()[0]
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    with _locked(folder / "lock"):
        return _newest(folder) or _bootstrap(folder)


def python_of(tar: Path) -> str:
    """Return the version of Python in it, such as ``3.11``."""
    return tar.name.removesuffix(".tar").rpartition("-python")[2]


def _newest(folder: Path) -> Path | None:
    found = [path for path in folder.glob(f"{_suite()}-{platform.machine()}-python*.tar") if os.access(path, os.R_OK)]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def _suite() -> str:
    with contextlib.suppress(OSError):
        return platform.freedesktop_os_release().get("VERSION_CODENAME", "") or "stable"
    return "stable"


def _bootstrap(folder: Path) -> Path:
    made = folder / f"new-{os.getpid()}.tar"
    command = ["mmdebstrap", "--quiet", "--variant=apt", f"--include={','.join(_PACKAGES)}"]
    command += [f"--aptopt={line}" for line in _apt_options()]
    command += [_suite(), str(made), *_apt_sources()]
    try:
        result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if result.returncode:
            raise NoBaseImage(f"{' '.join(command)}\n{result.stderr[-3000:]}")
        with tarfile.open(made) as tar:
            versions = {match[1] for name in tar.getnames() if (match := re.search(r"/usr/bin/python(3\.\d+)$", name))}
        made.chmod(0o644)
        return made.rename(folder / f"{_suite()}-{platform.machine()}-python{max(versions)}.tar")
    finally:
        made.unlink(missing_ok=True)


def _apt_options() -> list[str]:
    """Return the host's ways to its archive: proxies, authorities, clocks."""
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    wanted = re.compile(r'Acquire::(https?(::.+)?|Check-.+|Retries) "(.+)";$')
    return [line for line in dump.splitlines() if wanted.match(line) and "User-Agent" not in line]


def _apt_sources() -> list[str]:
    """Return the distribution's own source files, not those of vendors; none means mmdebstrap's default."""
    folder = Path("/etc/apt/sources.list.d")
    own = [*(folder / f"{name}.sources" for name in ("debian", "ubuntu")), Path("/etc/apt/sources.list")]
    return [str(path) for path in own if path.is_file() and re.search(r"(?m)^(deb|URIs:)\s", path.read_text("utf-8"))]


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def host_bundle() -> bytes | None:
    """Return the authorities that this machine trusts, where it has them in one file."""
    for name in (os.environ.get("SSL_CERT_FILE"), BUNDLE, "/etc/pki/tls/certs/ca-bundle.crt"):
        if name and Path(name).is_file():
            return Path(name).read_bytes()
    return None


def base_image(client: Any, lock: Path) -> tuple[str, str]:
    """Return the name of the stand-in on this engine and the version of its Python, made if need be.

    Args:
        client: a docker-py client.
        lock: processes that share it make the image once.
    """
    tar = rootfs()
    version = python_of(tar) if tar else f"{sys.version_info[0]}.{sys.version_info[1]}"
    dockerfile = ["FROM {start}"]
    files: dict[str, bytes] = {}
    if bundle := host_bundle():
        files["ca-certificates.crt"] = bundle
        names = " ".join(f"{name}={BUNDLE}" for name in ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE"))
        dockerfile += [f"COPY ca-certificates.crt {BUNDLE}", f"ENV {names}"]
    dockerfile += ['CMD ["python3"]']
    with _locked(lock):
        # Podman calls what it imports so, and looks for a name without a host at Docker Hub.
        own = f"localhost/{REPOSITORY}" if _is_podman(client) else REPOSITORY
        if tar:
            stat = tar.stat()
            start = f"{own}:{version}-root-{_hash(tar.name, stat.st_size, stat.st_mtime_ns)}"
            if not _there(client, start):
                tag = start.rpartition(":")[2]
                told = client.api.import_image_from_file(str(tar), repository=own, tag=tag)
                if not _there(client, start):  # Podman 4 forgets the tag
                    client.api.tag(json.loads(told.splitlines()[-1])["status"], own, tag)
        else:
            start = f"python:{version}-slim"
            if not _there(client, start):
                client.images.pull(start)
        text = "\n".join(dockerfile).format(start=start)
        name = f"{own}:{version}-{_hash(text, *files.values())}"
        if not _there(client, name):
            _build(client, name, text, files)
        return name, version


#: For a Python that says it is older: options are those with which a version is asked for.
_OLD_PYTHON = """#!/usr/lib/aged/python3
import runpy, sys

class Version(tuple):
    major, minor, micro, releaselevel, serial = 3, 7, 17, "final", 0

sys.version_info = Version((3, 7, 17, "final", 0))
sys.version = "3.7.17 (default, Jun  6 2023, 20:10:09) \\n[GCC 10.2.1 20210110]"
sys.hexversion = 0x030711F0
arguments = sys.argv[1:]
while arguments and arguments[0].startswith("-") and arguments[0] not in ("-c", "-m", "-"):
    option = arguments.pop(0)
    if option in ("-V", "--version"):
        print("Python 3.7.17")
        sys.exit()
    if option in ("-W", "-X"):
        arguments.pop(0)
if not arguments or arguments[0] == "-":
    sys.argv = ["-"]
    exec(compile(sys.stdin.read(), "<stdin>", "exec"), {"__name__": "__main__"})
elif arguments[0] == "-c":
    sys.argv = ["-c", *arguments[2:]]
    exec(compile(arguments[1], "<string>", "exec"), {"__name__": "__main__"})
elif arguments[0] == "-m":
    sys.argv = arguments[1:]
    runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
else:
    sys.argv = arguments
    runpy.run_path(arguments[0], run_name="__main__")
"""

#: Copies Python, what it links to and nothing else, as images without a shell are made.
_CLOSURE = r"""
set -e
mkdir -p /rootfs/usr/lib /rootfs/usr/bin /rootfs/etc/ssl /rootfs/tmp
chmod 1777 /rootfs/tmp
for name in bin lib lib32 lib64 libx32; do [ ! -L /$name ] || cp -a /$name /rootfs/$name; done
cp -a --parents /usr/bin/python3 /usr/bin/python3.? /usr/bin/python3.?? /rootfs 2>/dev/null || true
cp -a --parents /usr/local/bin/python* /usr/local/lib/python3* /rootfs 2>/dev/null || true
cp -a --parents /usr/lib/python3* /etc/passwd /etc/group /etc/nsswitch.conf /etc/ssl/certs/ca-certificates.crt /rootfs
find /rootfs -type f \( -name 'python3.*' -o -name '*.so*' \) -exec ldd {} + 2>/dev/null |
    grep -o '/[^ ]*lib[^ ]*\.so[^ ]*' | sed 's,^/lib,/usr/lib,' | sort -u |
    while read -r library; do [ ! -e "$library" ] || cp -L --parents "$library" /rootfs; done
"""

_ODD: dict[str, tuple[str, dict[str, str]]] = {
    "no-python": (
        "FROM {base}\nRUN rm -rf /usr/bin/python* /usr/lib/python3* /usr/local/bin/python* /usr/local/lib/python3*",
        {},
    ),
    "python37": (
        "FROM {base}\nCOPY python3 /usr/lib/aged/new\n"
        'RUN mv "$(readlink -f "$(command -v python3)")" /usr/lib/aged/python3'
        " && rm -f /usr/bin/python3* /usr/local/bin/python*"
        " && mv /usr/lib/aged/new /usr/bin/python3 && chmod 755 /usr/bin/python3",
        {"python3": _OLD_PYTHON},
    ),
    "entrypoint": (
        'FROM {base}\nENTRYPOINT ["/bin/sh", "-c", "echo the entrypoint ran; exit 9"]',
        {},
    ),
    "distroless": (
        "FROM {base} AS whole\nCOPY closure.sh /\nRUN sh /closure.sh\n"
        "FROM scratch\nCOPY --from=whole /rootfs /\nENV SSL_CERT_FILE=" + BUNDLE,
        {"closure.sh": _CLOSURE},
    ),
    "no-tmp": ("FROM {base}\nRUN rm -rf /tmp", {}),
}


def odd_image(client: Any, what: str, base: str, lock: Path) -> str:
    """Return the name of an image with a peculiarity.

    Args:
        client: a docker-py client.
        what: ``no-python``; ``python37``, whose only Python says that it is 3.7; ``entrypoint``, one that fails;
            ``distroless``, with Python and its libraries, but no shell; or ``no-tmp``.
        base: what it is made from, see ``base_image``.
        lock: processes that share it make the image once.
    """
    dockerfile, files = _ODD[what]
    text = dockerfile.format(base=base)
    contents = {name: body.encode() for name, body in files.items()}
    host = "localhost/" if base.startswith("localhost/") else ""
    image = f"{host}{ODD_REPOSITORY}:{what}-{_hash(text, *contents.values())}"
    with _locked(lock):
        if not _there(client, image):
            _build(client, image, text, contents)
    return image


def _hash(*parts: object) -> str:
    joined = b"\0".join(part if isinstance(part, bytes) else str(part).encode() for part in parts)
    return hashlib.sha256(joined).hexdigest()[:10]


def _is_podman(client: Any) -> bool:
    return any("Podman" in part.get("Name", "") for part in client.version().get("Components") or ())


def _there(client: Any, name: str) -> bool:
    from docker.errors import ImageNotFound

    try:
        client.images.get(name)
    except ImageNotFound:
        return False
    return True


def _build(client: Any, name: str, dockerfile: str, files: Mapping[str, bytes]) -> None:
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        for path, content in {"Dockerfile": dockerfile.encode(), **files}.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            member.mode = 0o644
            tar.addfile(member, io.BytesIO(content))
    context.seek(0)
    client.images.build(
        fileobj=context, custom_context=True, tag=name, labels={_LABEL: "stand-in"}, rm=True, forcerm=True
    )
