"""posix_spawn without holding up the other threads, which `os.posix_spawn` does until the program's file is open.

Where that is on a file server that does not answer, it is for ever, and the whole program stands still with it.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable, Mapping, Sequence

_LIBC = ctypes.CDLL(None)  # lets other threads run during a call
_ROOM = 1024  # bytes; more than any C library has in its attributes and its file actions
_SET = 128  # bytes of a sigset_t
_Chars = ctypes.Array[ctypes.c_char]
_SETSIGDEF, _SETSIGMASK, _SETSID = 0x04, 0x08, 0x80  # of <spawn.h>


def spawn(command: Sequence[str], environment: Mapping[str, str], output: int, defaults: Iterable[int]) -> int:
    """The process id of `command`, in a session of its own. No signal is blocked in it, `defaults` are not ignored.

    stdin is /dev/null, stdout and stderr are `output`. Raises OSError, ValueError.
    """
    actions, attributes = ctypes.create_string_buffer(_ROOM), ctypes.create_string_buffer(_ROOM)
    _done(_LIBC.posix_spawn_file_actions_init(actions))
    try:
        _done(_LIBC.posix_spawnattr_init(attributes))
        try:
            _done(_LIBC.posix_spawn_file_actions_addopen(actions, 0, os.fsencode(os.devnull), os.O_RDONLY, 0))
            for descriptor in (1, 2):
                _done(_LIBC.posix_spawn_file_actions_adddup2(actions, output, descriptor))
            flags = ctypes.c_short(_SETSIGDEF | _SETSIGMASK | _SETSID)
            _done(_LIBC.posix_spawnattr_setflags(attributes, flags))
            _done(_LIBC.posix_spawnattr_setsigmask(attributes, _signals(())))
            _done(_LIBC.posix_spawnattr_setsigdefault(attributes, _signals(defaults)))
            return _spawn(command, [f"{name}={value}" for name, value in environment.items()], actions, attributes)
        finally:
            _LIBC.posix_spawnattr_destroy(attributes)
    finally:
        _LIBC.posix_spawn_file_actions_destroy(actions)


def _spawn(command: Sequence[str], environment: Sequence[str], actions: _Chars, attributes: _Chars) -> int:
    number = ctypes.c_int()
    arguments = _words(command)
    _done(_LIBC.posix_spawn(ctypes.byref(number), arguments[0], actions, attributes, arguments, _words(environment)))
    return number.value


def _words(words: Sequence[str]) -> ctypes.Array[ctypes.c_char_p]:
    """Ended by NULL, as exec has them."""
    encoded = [os.fsencode(word) for word in words]
    if any(b"\0" in word for word in encoded):
        raise ValueError("embedded null byte")
    return (ctypes.c_char_p * (len(encoded) + 1))(*encoded, None)


def _signals(numbers: Iterable[int]) -> _Chars:
    found = ctypes.create_string_buffer(_SET)
    _LIBC.sigemptyset(found)
    for number in numbers:
        _LIBC.sigaddset(found, number)
    return found


def _done(error: int) -> None:
    if error:
        raise OSError(error, os.strerror(error))
