"""The results as a picture: black, white and shapes, so that no colour is needed to read it."""

import math
import statistics
from collections.abc import Callable
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from parts import accuracy, command, epoch, growth

ROW_HEIGHT = 3.2
WIDTH = 13.0
OURS = {"color": "black"}
OTHERS = {"color": "0.75", "edgecolor": "0.3"}


def draw(measured: dict, path: Path) -> None:
    """Draw each part that was measured into a PNG file."""
    rows: list[list[Callable[[Axes], None]]] = []
    if measured.get("accuracy"):
        rows.append([lambda ax: _accuracy(ax, measured["accuracy"])])
    if "epoch" in measured:
        rows.append(_epoch_panels(measured["epoch"]))
    commands = []
    if "command" in measured:
        commands.append(
            lambda ax: _seconds(ax, measured["command"], f"Whole training, {command.EPOCHS} epochs")
        )
        commands.append(lambda ax: _memory(ax, measured["command"]))
    if "predict" in measured:
        commands.append(lambda ax: _seconds(ax, measured["predict"], "Whole prediction, 1 picture"))
    if commands:
        rows.append(commands)
    if "growth" in measured:
        rows.append(_growth_panels(measured["growth"]))
    with rc_context({"font.size": 9, "axes.titlesize": 10, "axes.titleweight": "bold"}):
        figure = Figure(figsize=(WIDTH, ROW_HEIGHT * len(rows)), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)
        for part, panels in zip(figure.subfigures(len(rows), 1, squeeze=False), rows, strict=True):
            axes = part[0].subplots(1, len(panels), squeeze=False)[0]
            for ax, panel in zip(axes, panels, strict=True):
                ax.spines[["top", "right"]].set_visible(False)
                panel(ax)
        figure.savefig(path, dpi=110)


def _accuracy(ax: Axes, records: list[dict]) -> None:
    """A line for each contestant through its medians, the runs of each seed faint behind it."""
    seconds, shares = [], []
    for name, marker in zip((accuracy.OURS, *accuracy.PEERS), "os^Dvx", strict=True):
        own = [r for r in records if r["contestant"] == name and r["seconds"]]
        medians = [statistics.median(r["seconds"]) for r in own]
        wrong = [1 - statistics.median(r["accuracies"]) for r in own]
        black = name == accuracy.OURS
        line = {"color": "black" if black else "0.45", "markerfacecolor": "black"}
        if not black:
            line["markerfacecolor"] = "white"
        ax.plot(medians, wrong, f"-{marker}", markersize=7, linewidth=1, label=name, **line)
        for record in own:
            wrongs = [1 - right for right in record["accuracies"]]
            ax.plot(record["seconds"], wrongs, marker, color="0.8", markersize=4, zorder=1)
            seconds += record["seconds"]
            shares += wrongs
    for goal in accuracy.CONFIGS:
        ax.axhline(1 - float(goal) / 100, color="0.6", linewidth=0.8, linestyle=":", zorder=0)
    shares += [1 - float(record["goal"]) / 100 for record in records]
    ax.set_xscale("log")
    ax.set_xlim(min(seconds) / 1.3, max(seconds) * 1.3)
    _plain_ticks(ax.xaxis, min(seconds) / 1.3, max(seconds) * 1.3)
    ax.set_yscale("log")
    low, high = min(shares) / 1.2, max(shares) * 1.2
    ax.set_ylim(high, low)
    ticks = [t for t in (80, 90, 95, 97, 98, 98.5, 99, 99.5) if low <= 1 - t / 100 <= high]
    ax.set_yticks([1 - t / 100 for t in ticks], [f"{t} %" for t in ticks])
    ax.set_yticks([], minor=True)
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    ax.set_title("Time to the answer: a line through each contestant's medians, its runs behind")
    ax.set_xlabel("seconds, from start to exit")
    ax.set_ylabel("right on the test images")


def _epoch_panels(records: list[dict]) -> list[Callable[[Axes], None]]:
    """A panel for each network; the first names the contestants for all."""
    panels = []
    for network in dict.fromkeys(record["network"] for record in records):
        own = {r["contestant"]: r for r in records if r["network"] == network}
        panels.append(lambda ax, own=own, first=not panels: _epoch(ax, own, first))
    return panels


def _epoch(ax: Axes, own: dict[str, dict], named: bool) -> None:
    """A dot for each contestant, on a scale of ratios: bars would need a zero."""
    names = list(epoch.CONTESTANTS)
    seconds = {
        name: epoch.seconds_of_an_epoch(own[name])
        for name in names
        if name in own and not own[name]["void"]
    }
    for y, name in enumerate(names):
        if name not in seconds:
            ax.annotate("not timed" if name not in own else "void", (0.03, y), **_IN_PANEL)
            continue
        marker, face = _mark(name)
        ax.plot(seconds[name], y, marker, color="black", markerfacecolor=face, markersize=7)
        ax.annotate(_significant(seconds[name]), (seconds[name], y), **_BESIDE)
    ax.set_xscale("log")
    low, high = min(seconds.values()), max(seconds.values())
    ax.set_xlim(low / 1.5, high * 3)
    ax.axvline(seconds[epoch.OURS], color="0.6", linewidth=0.8, linestyle=":")
    ax.set_yticks(range(len(names)), names if named else [""] * len(names))
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.grid(axis="y", color="0.9")
    ax.set_axisbelow(True)
    _plain_ticks(ax.xaxis, low / 1.5, high * 3)
    record = own[epoch.OURS]
    ax.set_title(f"{record['network']}, batch {record['batch']}")
    ax.set_xlabel("seconds an epoch")


_BESIDE = {"xytext": (7, 0), "textcoords": "offset points", "va": "center"}
_IN_PANEL = {
    "xycoords": ("axes fraction", "data"),
    "va": "center",
    "style": "italic",
    "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 1},
}


def _mark(name: str) -> tuple[str, str]:
    """Black for mlpcli, grey for it on a busy machine, a square for the limit, else open."""
    if name == epoch.LIMIT:
        return "s", "white"
    return "o", {epoch.OURS: "black", epoch.BUSY: "0.6"}.get(name, "white")


def _significant(value: float) -> str:
    """Three digits that say something, and none of a power of ten."""
    return f"{value:#.3g}".rstrip(".") if value < 1_000 else f"{value:,.0f}"


def _plain_ticks(axis, low: float, high: float) -> None:
    """1, 3, 10, 30, … instead of powers."""
    ticks = [
        digit * 10.0**power
        for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for digit in (1, 3)
    ]
    ticks = [tick for tick in ticks if low <= tick <= high]
    axis.set_ticks(ticks, [f"{tick:,.10g}" for tick in ticks])
    axis.set_ticks([], minor=True)


def _seconds(ax: Axes, records: list[dict], title: str) -> None:
    values = [statistics.median(record["seconds"]) for record in records]
    _bars(ax, [record["contestant"] for record in records], values, "{:.2f}")
    ax.set_title(title)
    ax.set_xlabel("seconds, from start to exit")


def _memory(ax: Axes, records: list[dict]) -> None:
    known = [record for record in records if record["memory"] is not None]
    values = [record["memory"] / 1e6 for record in known]
    _bars(ax, [record["contestant"] for record in known], values, "{:,.0f}")
    ax.set_title("Whole training, memory")
    ax.set_xlabel("MB at most")


def _bars(ax: Axes, names: list[str], values: list[float], text: str) -> None:
    for y, (name, value) in enumerate(zip(names, values, strict=True)):
        ax.barh(y, value, height=0.6, **(OURS if name == command.OURS else OTHERS))
        ax.annotate(text.format(value), (value, y), **_BESIDE | {"xytext": (4, 0)})
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlim(0, max(values, default=1) * 1.2)


def _growth_panels(results: dict) -> list[Callable[[Axes], None]]:
    return [
        lambda ax: _time_by_images(ax, results["images"]),
        lambda ax: _memory_by_images(ax, results["images"]),
        lambda ax: _networks(ax, results["networks"]),
    ]


def _time_by_images(ax: Axes, records: list[dict]) -> None:
    values = [growth.microseconds_a_sample(record) for record in records]
    ax.plot(_thousands(records), values, "o-", color="black")
    ax.set_ylim(0, max(values) * 1.3)
    ax.set_title("More images: time")
    ax.set_ylabel("µs a sample")
    _images_axis(ax, records)


def _memory_by_images(ax: Axes, records: list[dict]) -> None:
    known = [record for record in records if growth.most_memory(record) is not None]
    values = [growth.most_memory(record) / 1e6 for record in known]
    ax.plot(_thousands(known), values, "o-", color="black")
    ax.set_ylim(0, max(values, default=1) * 1.15)
    ax.set_title("More images: memory")
    ax.set_ylabel("MB at most")
    _images_axis(ax, records)


def _images_axis(ax: Axes, records: list[dict]) -> None:
    numbers = _thousands(records)
    ax.set_xscale("log")
    ax.set_xlim(numbers[0] / 1.5, numbers[-1] * 1.8)
    _plain_ticks(ax.xaxis, numbers[0] / 1.5, numbers[-1] * 1.8)
    ax.set_xlabel("synthetic images, thousands")
    ax.grid(axis="y", color="0.9")


def _thousands(records: list[dict]) -> list[float]:
    return [record["images"] / 1_000 for record in records]


def _networks(ax: Axes, records: list[dict]) -> None:
    """Time beside its limit, in pairs."""
    names = [record["network"].replace("-2500-", "-2500-\n") for record in records]
    for y, record in enumerate(records):
        for who, shift, face in (("ours", -0.19, "black"), ("limit", 0.19, "white")):
            value = growth.seconds_of_a_thousand(record, who)
            label = {"ours": "mlpcli", "limit": epoch.LIMIT}[who] if y == 0 else None
            ax.plot(
                value,
                y + shift,
                "o" if who == "ours" else "s",
                color="black",
                markerfacecolor=face,
                linestyle="none",
                label=label,
            )
            ax.annotate(_significant(value), (value, y + shift), **_BESIDE)
    values = [growth.seconds_of_a_thousand(r, who) for r in records for who in ("ours", "limit")]
    ax.set_xscale("log")
    low, high = min(values) / 1.5, max(values) * 4
    ax.set_xlim(low, high)
    _plain_ticks(ax.xaxis, low, high)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.legend(loc="upper right", frameon=False)
    ax.set_title("Larger networks")
    ax.set_xlabel("seconds for 1,000 samples")
