/* An OpenSSL provider that does nothing but say with which settings it is loaded (provider-base(7), core_get_params). */
#include <stddef.h>
#include <stdio.h>

enum { CORE_GET_PARAMS = 2, UTF8_PTR = 6 };

struct dispatch { int id; void (*function)(void); };
struct param { const char *key; unsigned type; void *data; size_t size, returned; };
typedef int get_params(const void *handle, struct param *params);

int OSSL_provider_init(const void *handle, const struct dispatch *core, const struct dispatch **out, void **context)
{
    static const struct dispatch none[] = {{0, NULL}};
    const char *module = "", *pin = "";
    struct param params[] = {
        {"pkcs11-module-path", UTF8_PTR, &module, sizeof module, 0},
        {"pkcs11-module-token-pin", UTF8_PTR, &pin, sizeof pin, 0},
        {NULL, 0, NULL, 0, 0},
    };
    for (; core->id; core++)
        if (core->id == CORE_GET_PARAMS)
            ((get_params *)core->function)(handle, params);
    printf("module %s, PIN %s\n", module, pin);
    *out = none;
    *context = NULL;
    return 1;
}
