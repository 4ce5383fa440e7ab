"""What is said of how a table's file was read: what was found out and might be wrong."""

from __future__ import annotations

from housing_cli.data.reading import UTF8, Reading


def reading_notes(reading: Reading) -> list[str]:
    """Return a note for each thing that the file did not say and the reader may want to check."""
    notes = []
    if reading.encoding not in {"", UTF8}:
        notes.append(
            f"note: not UTF-8; read as {reading.encoding}, by which there is {reading.sample}\n"
            "  if that is misspelled, save the file as UTF-8"
        )
    if reading.sheet:
        notes.append(f"note: of several sheets, `{reading.sheet}` was read")
    if reading.units:
        units: dict[str, list[str]] = {}
        for name, unit in reading.units.items():
            units.setdefault(unit, []).append(name)
        told = [f"  {', '.join(names)}: in {unit}" for unit, names in units.items()]
        notes.append("\n".join(["note: numbers were read without their unit:", *told]))
    return notes
