"""A forked process that a test looks into, measured like the test itself."""

import gc
import os
import warnings


def forked(child):
    """Run ``child`` in a forked process, which must end well."""
    # What other tests left is collected here: httpxr's client hangs where a child
    # collects it (its threads are the parent's).
    gc.collect()
    with warnings.catch_warnings():
        # Newer Pythons warn of threads, and the server has some.
        warnings.simplefilter("ignore", DeprecationWarning)
        process = os.fork()
    if not process:
        status = 1
        try:
            child()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(process, 0)[1] == 0
