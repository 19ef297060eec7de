"""Interruption: the first SIGINT or SIGTERM ends the run at any point, within PATIENCE; later ones are ignored."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from types import FrameType, TracebackType

STOP = (signal.SIGINT, signal.SIGTERM)
AGAIN = 0.02  # seconds until a swallowed interrupt is raised again
PATIENCE = 4.0
"""Seconds that a call of a library may go on after the signal (one matrix decomposition may take minutes, and Python
raises nothing before it returns). Then the process ends as if it was killed, which loses nothing: see `store/`."""
INTERRUPTED = 130
"""Exit code."""
LAST_WORDS = "seqcls: interrupted; run the same command again to go on where it stopped"
SHOW_CURSOR = "\x1b[?25h"


class Interruption:
    """`with Interruption():` a signal raises KeyboardInterrupt once, in the main thread.

    Python cannot raise out of a finaliser (`__del__`, a generator that is discarded): it prints the KeyboardInterrupt
    and continues, and the signal is lost. Here it is not printed, and raised again a moment later. A second signal must
    not interrupt the clean-up that the first one started. A signal that the parent process ignores (`nohup`, a
    background job of a shell) stays ignored.
    """

    def __init__(self) -> None:
        self._asked = 0  # the number of the signal, once one has arrived
        self._raised = False
        self._swallowing = False  # inside the hook below, where an interrupt would be lost again

    def __enter__(self) -> Interruption:
        self._ended = threading.Event()
        self._write: socket.socket | None = None
        try:
            self._signals, self._write = socket.socketpair()
        except OSError:  # no more open files: the command says so itself as soon as it opens one
            pass
        else:
            self._write.setblocking(False)
            self._wakeup = signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)
            threading.Thread(target=self._watch, daemon=True).start()
        self._before = {number: signal.getsignal(number) for number in STOP}
        self._hook, sys.unraisablehook = sys.unraisablehook, self._unraisable
        for number, handler in self._before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, self._stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_IGN if self._asked else handler)  # the process is ending already
        sys.unraisablehook = self._hook
        self._ended.set()
        if self._write is not None:
            signal.set_wakeup_fd(self._wakeup)
            self._write.close()  # ends `_watch`

    def _watch(self) -> None:
        """Python writes the number of a signal to the socket at once, even while a library computes."""
        with self._signals:
            while number := self._signals.recv(1):
                if number[0] in STOP and not self._ended.wait(PATIENCE):
                    print(f"{SHOW_CURSOR if sys.stderr.isatty() else ''}{LAST_WORDS}", file=sys.stderr, flush=True)
                    os._exit(INTERRUPTED)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        if not self._raised:
            self._asked, self._raised = number, True
            raise KeyboardInterrupt

    def _unraisable(self, swallowed: sys.UnraisableHookArgs) -> None:
        if not isinstance(swallowed.exc_value, KeyboardInterrupt):
            self._hook(swallowed)
            return
        self._swallowing = True
        threading.Thread(target=self._raise_again, daemon=True).start()
        self._swallowing = False

    def _raise_again(self) -> None:
        time.sleep(AGAIN)
        while self._swallowing:
            time.sleep(AGAIN)
        self._raised = False
        main = threading.main_thread().ident
        assert main is not None
        signal.pthread_kill(main, self._asked)
