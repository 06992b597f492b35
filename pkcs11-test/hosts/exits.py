"""An application in Python that ends in one way or another while its threads use the module.

Usage: exits.py MODULE WAY; the exit status is 7 unless a signal ends it.
"""

import multiprocessing
import os
import signal
import sys
import threading
import time

import PyKCS11


def sign(library, log_in=True):
    session = library.openSession(library.getSlotList(tokenPresent=True)[0])
    if log_in:
        session.login("CONFIG")
    [key] = session.findObjects([(PyKCS11.CKA_CLASS, PyKCS11.CKO_PRIVATE_KEY), (PyKCS11.CKA_LABEL, "demo/p-256")])
    mechanism = PyKCS11.Mechanism(PyKCS11.CKM_ECDSA, None)
    assert len(session.sign(key, bytes(32), mechanism)) == 64


def keep_signing(library):
    while True:
        sign(library, log_in=False)


def in_child(path):
    library = PyKCS11.PyKCS11Lib()
    library.load(path)
    sign(library)


def main():
    path, way = sys.argv[1:]
    library = PyKCS11.PyKCS11Lib()
    library.load(path)
    sign(library)
    for _ in range(4):
        threading.Thread(target=keep_signing, args=[library], daemon=True).start()
    time.sleep(0.02)
    if way == "return":
        raise SystemExit(7)
    if way == "_exit":
        os._exit(7)
    if way == "abort":
        os.abort()
    if way == "SIGTERM":
        os.kill(os.getpid(), signal.SIGTERM)
    if way == "fork":
        child = multiprocessing.get_context("fork").Process(target=in_child, args=[path])
        child.start()
        child.join()
        os._exit(7 if child.exitcode == 0 else 99)


main()
