/* Forks at each allocation of a login, whatever the module has begun there, and logs in in each child.
 *
 * The module is the one that SIGNPATH_TEST_MODULE names. Prints how many children failed; the exit status is 0 if none did. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <p11-kit/pkcs11.h>

extern void *__libc_malloc(size_t size);

static CK_FUNCTION_LIST *module;
static int is_in_login, children, failures;

static CK_RV open_session(CK_SESSION_HANDLE *session) {
    CK_RV rv = module->C_Initialize(NULL);
    return rv != CKR_OK ? rv : module->C_OpenSession(1, CKF_SERIAL_SESSION, NULL, NULL, session);
}

static CK_RV log_in(CK_SESSION_HANDLE session) {
    return module->C_Login(session, CKU_USER, (unsigned char *)"CONFIG", 6);
}

/* Takes the place of the C library's. A child that waits for what its parent has begun is ended. */
void *malloc(size_t size) {
    if (is_in_login) {
        children++;
        pid_t child = fork();
        if (child == 0) {
            is_in_login = 0;
            alarm(10);
            CK_SESSION_HANDLE session;
            _exit(open_session(&session) != CKR_OK || log_in(session) != CKR_OK);
        }
        int status;
        waitpid(child, &status, 0);
        failures += status != 0;
    }
    return __libc_malloc(size);
}

int main(void) {
    void *library = dlopen(getenv("SIGNPATH_TEST_MODULE"), RTLD_NOW);
    CK_RV (*get_functions)(CK_FUNCTION_LIST **) = dlsym(library, "C_GetFunctionList");
    CK_SESSION_HANDLE session;
    if (get_functions(&module) != CKR_OK || open_session(&session) != CKR_OK) {
        return 2;
    }
    is_in_login = 1;
    CK_RV rv = log_in(session);
    is_in_login = 0;
    printf("%d of %d children failed\n", failures, children);
    return rv != CKR_OK || children == 0 || failures != 0;
}
