"""When Python looks for garbage: not while modules are made, which are none.

To look for some while hundreds of modules are imported takes a twentieth of a command's time and
a tenth of a server's start. `__main__` pauses before it imports the command line, which resumes
before the verb runs; a server pauses again until its application is ready.
"""

import gc


def pause() -> None:
    """Look for no garbage until `resume`."""
    gc.disable()


def resume() -> None:
    """Look for garbage again, but never among what was made since `pause`."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
