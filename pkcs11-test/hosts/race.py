"""Has two threads write to one buffer at once, to show that ThreadSanitizer sees it.

Usage: race.py MODULE
"""

import ctypes
import sys
import threading

SIZE = 1 << 16
SLOT = 1
CKF_SERIAL_SESSION = 4


def main():
    module = ctypes.CDLL(sys.argv[1])
    session = ctypes.c_ulong()
    buffer = ctypes.create_string_buffer(SIZE)
    assert module.C_Initialize(None) == 0
    slot, flags = ctypes.c_ulong(SLOT), ctypes.c_ulong(CKF_SERIAL_SESSION)
    assert module.C_OpenSession(slot, flags, None, None, ctypes.byref(session)) == 0

    def write():
        for _ in range(200):
            module.C_GenerateRandom(session, buffer, ctypes.c_ulong(SIZE))

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert module.C_Finalize(None) == 0


main()
