"""CSV as a stream: decoded by its byte order mark, cut at line ends outside quotes, a bounded piece at a time.

Lines are counted before they are split, so a line with a wrong number of fields is set aside and not padded.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from connectors.files.sheet import ASIDE, POSITION, Sheet, UnreadableFileError
from plant.sources.batch import FilesSource

PIECE_BYTES = 16 << 20
"""A piece of a file held in memory at a time; reading and storing it takes some 20 times as much."""
LONGEST = 4
"""Pieces after which a quoted field that never ends is taken for a stray quote."""
TRIES = 100
"""Line ends looked at for one outside quotes, before more of the file is read."""
MARKS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip


def sheets(path: Path, source: FilesSource) -> Iterator[Sheet]:
    """The rows of a CSV file, a piece at a time; row numbers go on from piece to piece. Reports come in one piece.

    Raises:
        UnreadableFileError: undecodable anywhere in the file (before the first piece is given), or without a header.
    """
    if path.stat().st_size > PIECE_BYTES:
        for _ in _decoded(path, source):  # a fault at the end of the file must not cost half of it
            pass
    before, header, rest = 0, "", ""
    for text, last in _decoded(path, source):
        rest += text
        if not header:
            header, rest = _header(rest, last=last)
        if not header or (source.content == "reports" and not last):
            continue
        body, rest = (rest, "") if last else _cut(rest)
        if body or last:
            sheet, before = _sheet(header, body, before, source)
            yield sheet
    if not header:
        raise UnreadableFileError("empty_file", f"{path}: no header line: send the file again")


def _header(text: str, *, last: bool) -> tuple[str, str]:
    """The first line that is not blank, and what is behind it; nothing while it may go on."""
    text = text.lstrip()
    end = text.find("\n")
    while end >= 0 and text.count('"', 0, end) % 2:
        end = text.find("\n", end + 1)
    if end < 0:
        return (text, "") if last else ("", text)
    return text[:end], text[end + 1 :]


def _cut(text: str) -> tuple[str, str]:
    """Text up to its last line end outside quotes, and behind it."""
    last = end = text.rfind("\n")
    for _ in range(TRIES):
        if end < 0 or text.count('"', 0, end) % 2 == 0:
            break
        end = text.rfind("\n", 0, end)
    else:
        end = last if len(text) > LONGEST * PIECE_BYTES else -1
    return (text[:end], text[end + 1 :]) if end >= 0 else ("", text)


def _decoded(path: Path, source: FilesSource) -> Iterator[tuple[str, bool]]:
    """Text with line feeds only, and whether it is the last."""
    with path.open("rb") as stream:
        head = stream.read(4)
        mark, encoding = next(((m, e) for m, e in MARKS if head.startswith(m)), (b"", source.encoding))
        stream.seek(len(mark))
        try:
            decode = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(), translate=True)
            block = stream.read(PIECE_BYTES)
            while following := stream.read(PIECE_BYTES):
                yield decode.decode(block), False
                block = following
            yield decode.decode(block, final=True), True
        except (UnicodeError, LookupError) as error:
            raise UnreadableFileError(
                "undecodable", f"{path}: not {encoding} text ({error}): set `encoding` of source {source.name!r}"
            ) from error


def _sheet(header: str, body: str, before: int, source: FilesSource) -> tuple[Sheet, int]:
    """Lines as a sheet, numbered on from `before`; and the number of the last one."""
    lines = pl.Series("line", [header, *body.split("\n")], dtype=pl.String)
    lines = lines.filter(lines.str.strip_chars() != "")
    quoted = lines.str.contains('"', literal=True)
    if quoted.any() and (lines.str.count_matches('"', literal=True) % 2 == 1).any():
        return _by_hand(f"{header}\n{body}", before, source)
    bare = lines.str.replace_all(r'"[^"]*"', "") if quoted.any() else lines
    separators = bare.str.count_matches(source.separator, literal=True)
    return _split(lines, separators, before, source), before + lines.len() - 1


def _split(lines: pl.Series, separators: pl.Series, before: int, source: FilesSource) -> Sheet:
    frame = pl.DataFrame({"line": lines, "found": separators.cast(pl.Int64) + 1}).with_row_index(POSITION)
    frame = frame.with_columns(pl.col(POSITION).cast(pl.Int64) + before, valid=pl.col("found").first())
    whole = pl.col("found") == pl.col("valid")
    good = frame if frame.select(whole.all()).item() else frame.filter(whole)
    rows = pl.read_csv(
        io.BytesIO("\n".join(good["line"]).encode()),
        separator=source.separator, infer_schema=False,
    )  # fmt: skip
    return Sheet(rows.with_columns(good[POSITION][1:]), frame.filter(~whole).select(*ASIDE))


def _by_hand(text: str, before: int, source: FilesSource) -> tuple[Sheet, int]:
    """Quoted fields with line breaks: the csv module reads what a line count cannot."""
    read = [r for r in csv.reader(io.StringIO(text, newline=""), delimiter=source.separator) if r]
    header, width = read[0], len(read[0])
    numbered = list(enumerate(read[1:], before + 1))
    good = [(n, r) for n, r in numbered if len(r) == width]
    bad = [(n, source.separator.join(r), len(r), width) for n, r in numbered if len(r) != width]
    cells = {h: [r[i] or None for _, r in good] for i, h in enumerate(header)}
    rows = pl.DataFrame(cells, schema=dict.fromkeys(header, pl.String))
    placed = rows.with_columns(pl.Series(POSITION, [n for n, _ in good], dtype=pl.Int64))
    return Sheet(placed, pl.DataFrame(bad, schema=ASIDE, orient="row")), before + len(numbered)
