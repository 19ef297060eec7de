"""Interruption: the first SIGINT or SIGTERM ends the run at any point; later ones are ignored."""

from __future__ import annotations

import signal
import sys
import threading
import time
from types import FrameType, TracebackType

STOP = (signal.SIGINT, signal.SIGTERM)
AGAIN = 0.02  # seconds until a swallowed interrupt is raised again


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
