"""As test/conformance/actors/files.ts."""

import errno
import os
import shutil
import tempfile
from pathlib import Path

from vivarium import VivariumError

held = []


def parts(path):
    with open(path, "r+b", buffering=0) as file:
        file.seek(2)
        read = file.read(4)
        file.seek(0)
        file.write(b"XY")
        return [len(read), read.decode("latin-1"), os.fstat(file.fileno()).st_size]


def stream(path):
    length = total = 0
    with open(path, "rb") as file:
        while piece := file.read(65_536):
            length += len(piece)
            total += piece[0]
    return [length, total > 0]


def temporary():
    folder = tempfile.mkdtemp(prefix="own-", dir="/tmp")
    Path(folder, "note").write_text("mine")
    return Path(folder, "note").read_text()


def write(path, text, mode):
    with open(path, mode, encoding="utf-8", newline="") as file:
        file.write(text)


def hold(path, count):
    for _ in range(count):
        held.append(open(path))
    return len(held)


steps = {
    "read": lambda step: Path(step["path"]).read_text(encoding="utf-8"),
    "bytes": lambda step: Path(step["path"]).read_bytes(),
    "write": lambda step: write(step["path"], step.get("text", ""), "w"),
    "append": lambda step: write(step["path"], step.get("text", ""), "a"),
    "create": lambda step: write(step["path"], step.get("text", "") * step.get("size", 1), "x"),
    "list": lambda step: sorted(os.listdir(step["path"])),
    "size": lambda step: os.stat(step["path"]).st_size,
    "kind": lambda step: "folder" if os.stat(step["path"]).st_mode & 0o170000 == 0o040000 else "file",
    "link": lambda step: Path(step["path"]).is_symlink(),
    "modified": lambda step: round(os.stat(step["path"]).st_mtime * 1000),
    "times": lambda step: os.utime(step["path"], (step["time"], step["time"])),
    "folder": lambda step: os.mkdir(step["path"]),
    "folders": lambda step: os.makedirs(step["path"], exist_ok=True),
    "unlink": lambda step: os.unlink(step["path"]),
    "rmdir": lambda step: os.rmdir(step["path"]),
    "remove": lambda step: shutil.rmtree(step["path"]),
    "rename": lambda step: os.rename(step["path"], step["to"]),
    "copy": lambda step: shutil.copyfile(step["path"], step["to"]) and None,
    "truncate": lambda step: os.truncate(step["path"], step["size"]),
    "writable": lambda step: os.access(step["path"], os.W_OK),
    "temporary": lambda step: temporary(),
    "parts": lambda step: parts(step["path"]),
    "stream": lambda step: stream(step["path"]),
    "hold": lambda step: hold(step["path"], step["size"]),
}


def attempt(step):
    try:
        return steps[step["do"]](step)
    except VivariumError as error:
        return {"error": error.code, "message": str(error)}
    except OSError as error:
        return {"error": errno.errorcode[error.errno], "path": error.filename}


def handle(wanted):
    return [attempt(step) for step in wanted]
