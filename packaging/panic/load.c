/* Argument: the library. The exit status is 0 if it caught its panic. */
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    int (*catches_a_panic)(void);
    void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
    if (library == NULL) {
        fprintf(stderr, "%s\n", argc == 2 ? dlerror() : "usage: load LIBRARY");
        return 2;
    }
    *(void **)&catches_a_panic = dlsym(library, "catches_a_panic");
    return catches_a_panic() == 1 ? 0 : 1;
}
