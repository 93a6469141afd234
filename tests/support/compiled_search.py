"""A search of compiled libraries (ELF for x86-64) for the environment variables that they read.

It finds the calls of `getenv` and of the functions by which TensorFlow, XLA and LLVM read variables, and the names whose addresses
are loaded just before. It does not see a name that comes from a table or is put together (those of oneDNN, some of hwloc and gRPC).
"""

import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from conftest import ROOT
from environment_search import MODULES

SITE = Path(np.__file__).parents[1]
NAME = re.compile(rb"(_?[A-Z][A-Z0-9]*(?:_[A-Za-z0-9]+)*)\0")
GETENV = re.compile(rb"(?:(?:__)?secure_|curl_)?getenv$")
READER = re.compile(rb"(?:Read|Parse|Param)\w*FromEnv|3sys7Process6GetEnv")
NEAR, FAR = 24, 64  # bytes between the load of a name and the call: of a function with one argument, and with several
CHUNK = 1 << 25
ELF, X86_64 = b"\x7fELF\x02\x01", 62
RELA, NOBITS, DYNSYM = 4, 8, 11  # types of sections
ALLOC, EXECUTABLE = 2, 4  # flags of sections
SYMBOL = np.dtype([("name", "<u4"), ("kind", "<u4"), ("value", "<i8"), ("size", "<i8")])
RELOCATION = np.dtype([("slot", "<i8"), ("type", "<u4"), ("symbol", "<u4"), ("addend", "<i8")])
LISTING = """
import sys
sys.path.insert(0, {scripts!r})
import {modules}
for line in open("/proc/self/maps"):
    if " r-xp " in line and "/" in line:
        print(line.split(maxsplit=5)[-1], end="")
"""


def names() -> set[str]:
    """Return the names of the variables that the libraries read which the project's processes load, and the others beside these."""
    code = LISTING.format(scripts=str(ROOT / "scripts"), modules=", ".join(MODULES))
    loaded = set(
        map(Path, subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines())
    )
    packages = {SITE / path.relative_to(SITE).parts[0] for path in loaded if path.is_relative_to(SITE)}
    return {name for path in loaded.union(*(package.rglob("*.so*") for package in packages)) for name in names_in(path)}


def names_in(path: Path) -> set[str]:
    """Return the names of the variables that a library reads; none for a file of another kind."""
    with path.open("rb") as file:
        head = file.read(20)
    is_library = head.startswith(ELF) and head[18] == X86_64
    return set(_Library(path).names()) if is_library else set()


class _Library:
    def __init__(self, path: Path) -> None:
        self.data = np.memmap(path, np.uint8, "r")
        (start,), (size, count) = struct.unpack_from("<Q", self.data, 40), struct.unpack_from("<HH", self.data, 58)
        # Of each section its type, flags, address, offset, size, and the section that it refers to.
        self.sections = [struct.unpack_from("<IQQQQI", self.data, start + size * index + 4) for index in range(count)]

    def names(self) -> Iterator[str]:
        functions, slots = self._readers()
        calls = []
        for at, target, is_jump in self._calls(slots, indirect=True):
            calls.append((at, slots[target]))
            if is_jump:  # perhaps a stub for other calls; up to five bytes may precede its jump
                functions |= {at - before: slots[target] for before in (0, 4, 5)}
        calls += [(at, functions[target]) for at, target, _ in self._calls(functions, indirect=False)]
        for at, distance in calls:  # "lea register, [rip + displacement]" loads an address
            code = self._bytes(at - distance, distance)
            for match in re.finditer(rb"(?s)(?=[\x48\x4c]\x8d[\x05\x0d\x15\x1d\x25\x2d\x35\x3d](.{4}))", code):
                after = at - distance + match.start() + 7
                if name := NAME.match(self._bytes(after + struct.unpack("<i", match[1])[0], 100)):
                    yield name[1].decode()

    def _readers(self) -> tuple[dict[int, int], dict[int, int]]:
        """Return the addresses of functions that read variables, and of pointers to such, each with the distance of names."""
        found = {}
        for _, _, _, offset, size, link in (section for section in self.sections if section[0] == DYNSYM):
            symbols, texts = self.data[offset : offset + size].view(SYMBOL), self.sections[link]
            text = self.data[texts[3] : texts[3] + texts[4]].tobytes()
            for index, start in enumerate(symbols["name"].tolist()):
                name = text[start : text.index(b"\0", start)]
                if GETENV.match(name) or READER.search(name):
                    found[index] = (int(symbols["value"][index]), NEAR if GETENV.match(name) else FAR)
        slots = {}
        for _, _, _, offset, size, _ in (section for section in self.sections if section[0] == RELA):
            entries = self.data[offset : offset + size].view(RELOCATION)
            entries = entries[np.isin(entries["symbol"], list(found))]
            slots |= {
                slot: found[symbol][1] for slot, symbol in zip(entries["slot"].tolist(), entries["symbol"].tolist(), strict=True)
            }
        return {address: distance for address, distance in found.values() if address}, slots

    def _calls(self, targets: dict[int, int], *, indirect: bool) -> Iterator[tuple[int, int, bool]]:
        """Yield the calls of, and jumps to, some addresses: where each is, its target, and whether it is an (indirect) jump."""
        wanted, length = np.array(list(targets), np.int64), 6 if indirect else 5
        for kind, flags, address, offset, size, _ in self.sections:
            for start in range(0, size - length, CHUNK) if flags & EXECUTABLE and kind != NOBITS else ():
                part = self.data[offset + start : offset + min(size, start + CHUNK + length - 1)]
                at = np.flatnonzero((part[: 1 - length] == 0xFF) if indirect else (part[: 1 - length] & 0xFE) == 0xE8)
                if indirect:
                    at = at[(part[at + 1] | 0x30) == 0x35]  # 15: call, 25: jump
                displacements = np.stack([part[at + length - 4 + byte] for byte in range(4)], axis=1).view("<i4")[:, 0]
                places = address + start + at
                reached = places + length + displacements
                for index in np.flatnonzero(np.isin(reached, wanted)):
                    yield int(places[index]), int(reached[index]), bool(part[at[index] + 1] == 0x25)

    def _bytes(self, address: int, count: int) -> bytes:
        """Return what stands at an address, or nothing where the file holds nothing for it."""
        for kind, flags, begin, offset, size, _ in self.sections:
            if flags & ALLOC and kind != NOBITS and begin <= address < begin + size:
                return bytes(self.data[offset + address - begin :][:count])
        return b""
