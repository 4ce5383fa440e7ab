"""Remove from virtual environments what no verb reads: tests, headers, stubs, debug symbols.

What is left must still work: the system tests run every verb in the image.
"""

import shutil
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

# Relative to site-packages. A pattern that matches nothing is fine: packages move things.
FOLDERS = [
    "**/tests",
    "duckdb/experimental",
    "joblib/test",
    "numpy/_core/include",
    "numpy/*/lib",
    "onnxruntime/tools",
    "onnxruntime/transformers",
    "onnxruntime/quantization",
    "onnxruntime/datasets",
    "sqlalchemy/testing",
    "sqlalchemy/dialects/mssql",
    "sqlalchemy/dialects/mysql",
    "sqlalchemy/dialects/oracle",
    "scipy/cluster",
    "scipy/differentiate",
    "scipy/fftpack",
    "scipy/io",
    "scipy/odr",
    "scipy/signal",
    "onnx/backend",
    "onnx/reference",
    "onnx/include",
    "onnx/examples",
    "sklearn/datasets/data",
    "sklearn/datasets/descr",
    "sklearn/datasets/images",
    "scipy/datasets",
    "pygments/lexers",
    "tzdata/zoneinfo",  # days are UTC
]
# The C library of ONNX Runtime: its Python module carries the same code a second time.
FILES = [
    "onnxruntime/capi/libonnxruntime.so*",
    "numpy/_core/_multiarray_tests*",  # these two are for NumPy's own tests
    "numpy/_core/_simd*",
    "**/*.pyi",
    "**/*.pyx",
    "**/*.pxd",
    "**/*.tp",
    "**/*.h",
    "**/*.hpp",
    "**/*.c",
    "**/*.cc",
    "**/*.cpp",
    "**/*.a",
]
# Libraries that were published with symbols that only a debugger reads.
SYMBOLS = [
    f"{package}/**/*.so"
    for package in ("greenlet", "httptools", "scipy", "sklearn", "sqlalchemy", "uvloop")
]


def prunable(packages: Path) -> Iterator[Path]:
    """Yield the folders and files to remove."""
    for pattern in FOLDERS:
        yield from (path for path in packages.glob(pattern) if path.is_dir())
    for pattern in FILES:
        yield from (path for path in packages.glob(pattern) if path.is_file())


def drop_symbols(library: Path) -> None:
    """Cut a 64-bit little-endian ELF file after what the loader maps, and forget its sections.

    Section headers, symbols and debug information serve linkers and debuggers alone; the layout is
    that of elf(5).
    """
    data = bytearray(library.read_bytes())
    if data[:6] != b"\x7fELF\x02\x01":
        return
    (first,) = struct.unpack_from("<Q", data, 0x20)
    size, count = struct.unpack_from("<HH", data, 0x36)
    end = first + size * count
    for header in range(first, end, size):
        offset, _, _, length = struct.unpack_from("<QQQQ", data, header + 8)
        end = max(end, offset + length)
    struct.pack_into("<Q", data, 0x28, 0)
    struct.pack_into("<HHH", data, 0x3A, 0, 0, 0)
    library.write_bytes(data[:end])


for venv in sys.argv[1:]:
    for site_packages in Path(venv).glob("lib/python*/site-packages"):
        for path in list(prunable(site_packages)):
            if path.is_dir():
                shutil.rmtree(path)
            elif path.exists():
                path.unlink()
        for pattern in SYMBOLS:
            for library in site_packages.glob(pattern):
                drop_symbols(library)
