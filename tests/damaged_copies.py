"""Damaged copies of text files, as accidents, editors and other versions make them."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import yaml

ODD = (None, True, -1, 0, 3.5, 1e308, 10**30, float("nan"), "", "text", "../../x", "\0", [], [1],
       {}, {"a": 1}, [[[[]]]])  # fmt: skip
CELLS = ("", "text", "nan", "inf", "-1", "1e400", "9" * 40, "True", '"', "a,b", "../x", "0.5")
WHOLE = (b"", b" ", b"\n", b"null", b"[]", b"{}", b"3", b'"text"', b"\xff\xfe\x00\x01", b"\0" * 64,
         b"\t: :\t", b"[" * 100_000, b"{" * 100_000, b'{"a":' * 50_000, b"a: &a [*a]", b"- " * 999,
         b"\xef\xbb\xbf{}", b"serial\n", b"!!python/object:os.system [x]")  # fmt: skip


def damaged_json(raw: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Keys removed, renamed or added, and values of other types, of JSON."""
    for content in _values(json.loads(raw), count, seed):
        yield json.dumps(content).encode()


def damaged_yaml(raw: bytes, count: int, seed: int) -> Iterator[bytes]:
    """The same of YAML."""
    for content in _values(yaml.safe_load(raw), count, seed):
        yield yaml.safe_dump(content).encode()


def damaged_csv(raw: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Columns removed, renamed or moved, odd cells, rows twice or cut short, of a csv file."""
    rng = np.random.default_rng(seed)
    rows = [line.split(",") for line in raw.decode().splitlines()]
    for number in range(count):
        table = [list(row) for row in rows]
        row, column = int(rng.integers(len(table))), int(rng.integers(len(table[0])))
        match number % 8:
            case 0:
                table[row][min(column, len(table[row]) - 1)] = str(rng.choice(CELLS))
            case 1:
                table = [[*line[:column], *line[column + 1 :]] for line in table]
            case 2:
                table[0][column] = str(rng.choice(["", "other", "serial", "epoch"]))
            case 3:
                table = [*table, *table[row:]]
            case 4:
                table = table[: row or 1]
            case 5:
                table[row].append("more")
            case 6:
                cell = str(rng.choice(CELLS))
                table = [table[0], *([*line[:column], cell, *line[column + 1 :]]
                                     for line in table[1:])]  # fmt: skip
            case 7:
                table[row] = table[row][:column]
        yield "\n".join(";".join(line) if number % 31 == 30 else ",".join(line) for line in table
                        ).encode()  # fmt: skip


def _values(content: Any, count: int, seed: int) -> Iterator[Any]:
    rng = np.random.default_rng(seed)
    for number in range(count):
        changed = copy.deepcopy(content)
        places = list(_places(changed))
        holder, key = places[int(rng.integers(len(places)))]
        odd = ODD[int(rng.integers(len(ODD)))]
        match number % 4:
            case 0 | 1:
                holder[key] = odd
            case 2:
                del holder[key]
            case 3:
                if isinstance(holder, dict):
                    holder["junk"] = odd
                else:
                    holder.append(odd)
        yield changed


def _places(content: Any) -> Iterator[tuple[Any, Any]]:
    keys = range(len(content)) if isinstance(content, list) else list(content)
    for key in keys:
        yield content, key
        if isinstance(content[key], dict | list):
            yield from _places(content[key])
