/* A host program in C, which ends threads and itself in the middle of things.
 *
 *   host cancel      a thread is cancelled (pthread_cancel) while it is in C_Sign: "cancelled" is printed when that has been
 *                    asked for, after a byte came on standard input
 *   host atexit      C_Sign is called by an exit handler
 *   host destructor  C_Sign is called by the destructor of a library or program, after the exit handlers
 *
 * The module is the one that SIGNPATH_TEST_MODULE names, the key the first EC key. The exit status is 0 if C_Sign said CKR_OK. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <p11-kit/pkcs11.h>

static CK_FUNCTION_LIST *module;
static CK_SESSION_HANDLE session;
static CK_RV signed_with = CKR_GENERAL_ERROR;
static int signs_last;

static void check(CK_RV rv, const char *what) {
    if (rv != CKR_OK) {
        fprintf(stderr, "%s: 0x%lx\n", what, rv);
        _exit(2);
    }
}

static void begin(void) {
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_KEY_TYPE type = CKK_EC;
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class}, {CKA_KEY_TYPE, &type, sizeof type}};
    CK_OBJECT_HANDLE key;
    CK_ULONG count;
    CK_MECHANISM mechanism = {CKM_ECDSA_SHA256, NULL, 0};
    check(module->C_FindObjectsInit(session, template, 2), "C_FindObjectsInit");
    check(module->C_FindObjects(session, &key, 1, &count), "C_FindObjects");
    check(module->C_FindObjectsFinal(session), "C_FindObjectsFinal");
    check(module->C_SignInit(session, &mechanism, key), "C_SignInit");
}

static CK_RV sign(void) {
    unsigned char signature[512];
    CK_ULONG length = sizeof signature;
    return module->C_Sign(session, (unsigned char *)"data", 4, signature, &length);
}

static void *sign_in_thread(void *unused) {
    signed_with = sign();
    for (;;) {
        pthread_testcancel();
    }
    return unused;
}

static void cancel(void) {
    pthread_t thread;
    void *result;
    char byte;
    pthread_create(&thread, NULL, sign_in_thread, NULL);
    if (read(0, &byte, 1) != 1) {
        _exit(2);
    }
    pthread_cancel(thread);
    puts("cancelled");
    fflush(stdout);
    pthread_join(thread, &result);
    _exit(result == PTHREAD_CANCELED && signed_with == CKR_OK ? 0 : 1);
}

static void sign_at_exit(void) {
    _exit(sign() == CKR_OK ? 0 : 1);
}

__attribute__((destructor)) static void sign_in_destructor(void) {
    if (signs_last) {
        sign_at_exit();
    }
}

int main(int count, char **arguments) {
    void *library = dlopen(getenv("SIGNPATH_TEST_MODULE"), RTLD_NOW);
    CK_C_GetFunctionList get_function_list;
    if (count != 2 || library == NULL) {
        return 2;
    }
    get_function_list = (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList");
    alarm(120);
    check(get_function_list(&module), "C_GetFunctionList");
    if (strcmp(arguments[1], "atexit") == 0) {
        atexit(sign_at_exit);
    }
    check(module->C_Initialize(NULL), "C_Initialize");
    check(module->C_OpenSession(1, CKF_SERIAL_SESSION, NULL, NULL, &session), "C_OpenSession");
    check(module->C_Login(session, CKU_USER, (unsigned char *)"CONFIG", 6), "C_Login");
    begin();
    if (strcmp(arguments[1], "cancel") == 0) {
        cancel();
    }
    signs_last = strcmp(arguments[1], "destructor") == 0;
    return 3;
}
