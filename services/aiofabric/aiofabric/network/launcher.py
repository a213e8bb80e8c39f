"""Becomes another program, after three things that have to be done in the child itself. Run by `processes`, as a file.

``python -I -S launcher.py PID_FILE attached|detached PARENT_PID PROGRAM [ARGUMENT …]``

- attached: the kernel kills the program when its parent ends, however that ends (Linux);
- detached: the program gets a session of its own and no parent, and outlives whoever started it;
- both: its process id is in the file before it runs; with ``-`` for the file it is in none.

It is a program of its own because code between fork and exec is not safe in a process with threads, as gRPC's are.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Do as the module's docstring says; does not return."""
    pid_file, mode, parent, program = arguments[0], arguments[1], int(arguments[2]), arguments[3:]
    if mode == "detached":
        if os.fork():
            os._exit(0)
        os.setsid()
    elif sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the line above
            os._exit(1)
    if pid_file != "-":
        with open(pid_file, "w", encoding="ascii") as file:  # noqa: PTH123 - pathlib is slow to import
            file.write(str(os.getpid()))
    os.execvp(program[0], program)  # noqa: S606 - that is the purpose


if __name__ == "__main__":
    main(sys.argv[1:])
