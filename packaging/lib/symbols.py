#!/usr/bin/env python3
"""Prepares what is about to be split into a file that is shipped and its debug symbols.

Usage: symbols.py remap FILE FROM=TO ...
       symbols.py identify SHIPPED DEBUG

remap replaces the folders of this machine that are left in debug information. The compilers remap their own; what zig adds when
it links has zig's folder. A path keeps its length: it gets slashes.

identify sets the build ID of both files to one made of what is shipped. The linker's depends on the debug information, and so
on the folders of the machine.
"""

import hashlib
import pathlib
import struct
import sys

NOTE = struct.pack("<III4s", 4, 20, 3, b"GNU\0")


def remap(file: str, *maps: str) -> None:
    path = pathlib.Path(file)
    content = path.read_bytes()
    for entry in reversed(maps):
        old, new = (part.encode() for part in entry.split("=", 1))
        new = new if len(new) <= len(old) else b"/"
        content = content.replace(old, new.ljust(len(old), b"/"))
    path.write_bytes(content)


def identify(shipped: str, debug: str) -> None:
    places = []
    for file in (shipped, debug):
        content = bytearray(pathlib.Path(file).read_bytes())
        if content.count(NOTE) != 1:
            sys.exit(f"symbols.py: {file} does not have one build ID")
        places.append((file, content, content.index(NOTE) + len(NOTE)))
    _, content, start = places[0]
    content[start:start + 20] = bytes(20)
    identity = hashlib.sha1(content).digest()
    for file, content, start in places:
        content[start:start + 20] = identity
        pathlib.Path(file).write_bytes(content)


{"remap": remap, "identify": identify}[sys.argv[1]](*sys.argv[2:])
