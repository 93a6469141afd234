"""Work-arounds for bugs of other projects, a module for each project. Knows no other package."""

import logging
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

from packaging.specifiers import SpecifierSet

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Workaround:
    """A work-around. `versions` are those of `package` that it was tested with, as packaging writes them."""

    name: str
    package: str
    versions: str

    def applies(self) -> bool:
        """Return whether the work-around is for the installed version. If it is not, say so once."""
        installed = version(self.package)
        if installed in SpecifierSet(self.versions):
            return True
        _warn(f"work-around {self.name} is left out: it is for {self.package} {self.versions}, and {installed} is installed")
        return False


@cache
def _warn(line: str) -> None:
    """Log a line, once in each process."""
    logger.warning(line)
