"""The operators' page at `/`: what the loop knows, to be looked at; it changes nothing.

`snapshot.py` has what `housing status --json` says, `live.py` what the server knows by itself,
`view.py` makes of both what the templates fill in, `form.py` reads a house that somebody typed,
`access.py` says who may look, and `routes.py` puts all of it on paths.
"""
