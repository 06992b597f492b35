/* A system without name servers, and one without threads.
 *
 * A getaddrinfo that hangs for the host name "hanging.test", as the system's does while no name server answers.
 *
 * SIGNPATH_TEST_LOOKUP is the descriptor of a socket. Each lookup of that name writes a report to it, waits until the other
 * end sends a byte or goes away, and then finds 127.0.0.1.
 *
 * The name "elsewhere.localhost" leads to another machine (192.0.2.1, which RFC 5737 keeps for documentation).
 *
 * With SIGNPATH_TEST_NO_THREADS no thread can be created.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* In which thread the lookup is, and whether signals of the program may interrupt it. */
struct report {
    int32_t thread;
    int32_t takes_signals;
};

typedef int lookup(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **addresses) {
    lookup *system_lookup = (lookup *)dlsym(RTLD_NEXT, "getaddrinfo");
    const char *descriptor = getenv("SIGNPATH_TEST_LOOKUP");
    if (host != NULL && strcmp(host, "elsewhere.localhost") == 0) {
        return system_lookup("192.0.2.1", port, hints, addresses);
    }
    if (host == NULL || strcmp(host, "hanging.test") != 0 || descriptor == NULL) {
        return system_lookup(host, port, hints, addresses);
    }
    int socket = atoi(descriptor);
    sigset_t blocked;
    sigemptyset(&blocked);
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    struct report report = {gettid(), !sigismember(&blocked, SIGTERM)};
    char byte = 0;
    if (write(socket, &report, sizeof report) != sizeof report || read(socket, &byte, 1) < 0) {
        return EAI_SYSTEM;
    }
    return system_lookup("127.0.0.1", port, hints, addresses);
}

typedef int create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument) {
    create *system_create = (create *)dlsym(RTLD_NEXT, "pthread_create");
    if (getenv("SIGNPATH_TEST_NO_THREADS") != NULL) {
        return EAGAIN;
    }
    return system_create(thread, attributes, start, argument);
}
