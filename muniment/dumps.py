"""No core dumps: what a process that crashes leaves on the disk would hold keys and content in clear."""

import resource
import sys

_PR_SET_DUMPABLE = 4  # of linux/prctl.h


def leave_none() -> None:
    """Have neither this process nor what it starts dump its memory, and nobody but root look into it while it runs.

    The limit is what children inherit. It does not bind a kernel that pipes dumps into a program (core(5)); there the
    process itself has to be not dumpable (PR_SET_DUMPABLE(2const)), which also keeps other processes of this user from
    tracing it or reading its environment (ptrace(2)).
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        import ctypes

        if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "this system does not let a process keep its memory to itself")
