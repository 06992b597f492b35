/* An application that ends in one way or another while its threads use the module.
 *
 * Usage: exits MODULE WAY; the exit status is 7 unless a signal ends it. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <p11-kit/pkcs11.h>

#define THREADS 4

static CK_FUNCTION_LIST *functions;

/* Signs with the first key that signs with ECDSA; whether that worked. */
static int sign(void)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class}, {CKA_LABEL, "demo/p-256", 10}};
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    CK_OBJECT_HANDLE key;
    CK_BYTE digest[32] = {7}, signature[64];
    CK_ULONG count = 0, length = sizeof signature;
    CK_RV rv;

    if (functions->C_OpenSession(1, CKF_SERIAL_SESSION, NULL, NULL, &session) != CKR_OK)
        return 0;
    rv = functions->C_Login(session, CKU_USER, (CK_UTF8CHAR_PTR)"CONFIG", 6);
    if (rv != CKR_OK && rv != CKR_USER_ALREADY_LOGGED_IN)
        return 0;
    return functions->C_FindObjectsInit(session, template, 2) == CKR_OK &&
           functions->C_FindObjects(session, &key, 1, &count) == CKR_OK && count == 1 &&
           functions->C_FindObjectsFinal(session) == CKR_OK &&
           functions->C_SignInit(session, &mechanism, key) == CKR_OK &&
           functions->C_Sign(session, digest, sizeof digest, signature, &length) == CKR_OK && length == 64;
}

static void *keep_signing(void *unused)
{
    for (;;)
        sign();
    return unused;
}

static void require(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "exits: %s\n", what);
        _exit(99);
    }
}

/* Signs in a forked child, which leaves by `leave`. */
static void fork_and(void (*leave)(int))
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        require(functions->C_Initialize(NULL) == CKR_OK, "C_Initialize in the child");
        require(sign(), "C_Sign in the child");
        leave(5);
    }
    require(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 5, "the child");
}

int main(int argc, char **argv)
{
    pthread_t thread;
    CK_C_GetFunctionList get_list;
    void *library;
    const char *way;

    require(argc == 3, "usage: exits MODULE WAY");
    way = argv[2];
    library = dlopen(argv[1], RTLD_NOW);
    require(library != NULL, "dlopen");
    get_list = (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList");
    require(get_list && get_list(&functions) == CKR_OK, "C_GetFunctionList");
    require(functions->C_Initialize(NULL) == CKR_OK, "C_Initialize");
    require(sign(), "C_Sign");
    for (int number = 0; number < THREADS; number++)
        require(pthread_create(&thread, NULL, keep_signing, NULL) == 0, "pthread_create");
    usleep(20000);

    if (!strcmp(way, "exit"))
        exit(7);
    if (!strcmp(way, "_exit"))
        _exit(7);
    if (!strcmp(way, "quick_exit"))
        quick_exit(7);
    if (!strcmp(way, "abort"))
        abort();
    if (!strcmp(way, "pthread_exit")) {
        /* The others cannot be joined; one of them ends the process. */
        alarm(1);
        pthread_exit(NULL);
    }
    if (!strcmp(way, "finalize"))
        require(functions->C_Finalize(NULL) == CKR_OK, "C_Finalize");
    if (!strcmp(way, "dlclose"))
        dlclose(library);
    if (!strcmp(way, "fork-exit"))
        fork_and(exit);
    if (!strcmp(way, "fork-_exit"))
        fork_and(_exit);
    if (!strncmp(way, "SIG", 3)) {
        int number = !strcmp(way, "SIGTERM") ? SIGTERM : !strcmp(way, "SIGINT") ? SIGINT : SIGKILL;
        kill(getpid(), number);
        sleep(5);
    }
    return 7;
}
