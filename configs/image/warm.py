"""Import what a server imports, so that its bytecode is written.

Neither the base image nor what pip installs without `--compile` has any, and the image's user may
not write it: every start would compile some hundred modules.
"""

import importlib

for name in (
    "housing_cli.api.early",
    "housing_cli.api.process.server",
    "uvicorn.lifespan.on",
    "uvicorn.loops.uvloop",
    "uvicorn.protocols.http.httptools_impl",
):
    importlib.import_module(name)

importlib.import_module("housing_cli.cli").make_app()

# What is imported only when it is needed comes along with an application.
importlib.import_module("housing_cli.api.app").create_app()
