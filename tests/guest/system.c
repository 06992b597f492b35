/* A system that runs short: `socket` fails with the error that the variable SIGNPATH_TEST_SOCKET_ERROR names by its number,
 * while it is set; `send` with that of SIGNPATH_TEST_SEND_ERROR. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

typedef ssize_t sender(int, const void *, size_t, int);

ssize_t send(int descriptor, const void *bytes, size_t length, int flags) {
    sender *system_send = (sender *)dlsym(RTLD_NEXT, "send");
    const char *error = getenv("SIGNPATH_TEST_SEND_ERROR");
    if (error != NULL && *error != '\0') {
        errno = atoi(error);
        return -1;
    }
    return system_send(descriptor, bytes, length, flags);
}

typedef int create(int, int, int);

int socket(int domain, int type, int protocol) {
    create *system_socket = (create *)dlsym(RTLD_NEXT, "socket");
    const char *error = getenv("SIGNPATH_TEST_SOCKET_ERROR");
    if (domain != AF_UNIX && error != NULL && *error != '\0') {
        errno = atoi(error);
        return -1;
    }
    return system_socket(domain, type, protocol);
}
