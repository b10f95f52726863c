"""What cannot be used of a folder or table: all of it in one message, or counted and left out."""

from dataclasses import dataclass, field

from mlpcli.errors import DataError
from mlpcli.text import count

MOST_LISTED = 20


@dataclass
class Problems:
    """The parts of one source that cannot be used."""

    source: str
    """the folder or file"""
    unit: str
    """what a part is called"""
    skip: bool
    """whether they are left out; otherwise they are an error"""
    remedy: str = "Mend them, or leave them out with data.on_error=skip."
    listed: list[str] = field(default_factory=list)
    """the first of them, in words"""
    total: int = 0

    @property
    def is_full(self) -> bool:
        """Whether further ones are only counted."""
        return len(self.listed) == MOST_LISTED

    def add(self, part: str, problem: str) -> None:
        """Add a part that cannot be used, and why."""
        self.total += 1
        if not self.is_full:
            self.listed.append(f"{self.unit} {part}: {problem}".lstrip())

    def raise_if_any(self) -> None:
        """Raise a DataError that lists them, unless they may be left out."""
        if self.total and not self.skip:
            raise DataError(f"{self.text()}\n{self.remedy}")

    def text(self) -> str:
        """Return their number, and the first of them, each in a line."""
        lines = [f"{self.source}: {count(self.total, 'problem')}", *self.listed]
        if self.total > len(self.listed):
            lines.append(f"… and {self.total - len(self.listed):,} more")
        return "\n  ".join(lines)
