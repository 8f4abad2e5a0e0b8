"""A program on a terminal of a known size."""

import os
import pty
import select
import subprocess
import time


def on_a_terminal(command, rows=24, columns=80, seconds=300):
    """Exit code, and all that a terminal of this size was sent."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ["TERM"] = "xterm"
        subprocess.run(["stty", "rows", str(rows), "cols", str(columns)])
        os.execvp(command[0], command)
    sent, end = b"", time.time() + seconds
    while time.time() < end:
        if select.select([terminal], [], [], 1)[0]:
            try:
                part = os.read(terminal, 65536)
            except OSError:
                break
            if not part:
                break
            sent += part
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), sent.decode()
