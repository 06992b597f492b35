/* Loads the module and signs with it, again for each line on stdin, and verifies. In C or C++, for any system: packaging
   runs it where there is no other program for this, and while the module is replaced. Arguments: the module, the CKA_LABEL
   of a key, RSA or EC. */

/* First, because it needs nothing of the others. */
#include <signpath_pkcs11.h>

#ifdef _WIN32
#include <windows.h>
#define RTLD_NOW 0
#define RTLD_LOCAL 0
#define dlopen(name, flags) ((void *)LoadLibraryA(name))
#define dlsym(library, name) ((void *)GetProcAddress((HMODULE)(library), name))
#define dlclose(library) FreeLibrary((HMODULE)(library))
#define dlerror() "LoadLibrary failed"
#else
#include <dlfcn.h>
#endif
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static CK_FUNCTION_LIST_PTR module;

static void fail(const char *what, CK_RV rv)
{
    fprintf(stderr, "%s: %#lx\n", what, rv);
    exit(1);
}

static void check(const char *function, CK_RV rv)
{
    if (rv != CKR_OK)
        fail(function, rv);
}

static CK_OBJECT_HANDLE find(CK_SESSION_HANDLE session, CK_OBJECT_CLASS kind, char *label)
{
    CK_ATTRIBUTE wanted[] = {
        {CKA_CLASS, &kind, sizeof kind},
        {CKA_LABEL, label, strlen(label)},
    };
    CK_OBJECT_HANDLE object = 0;
    CK_ULONG count = 0;
    check("C_FindObjectsInit", module->C_FindObjectsInit(session, wanted, 2));
    check("C_FindObjects", module->C_FindObjects(session, &object, 1, &count));
    check("C_FindObjectsFinal", module->C_FindObjectsFinal(session));
    if (count != 1)
        fail("objects with that label", count);
    return object;
}

static void sign(CK_SESSION_HANDLE session, char *label)
{
    CK_KEY_TYPE type = 0;
    CK_ATTRIBUTE attribute = {CKA_KEY_TYPE, &type, sizeof type};
    CK_OBJECT_HANDLE key = find(session, CKO_PRIVATE_KEY, label);
    CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, NULL, 0};
    CK_BYTE data[] = "signed by a C program";
    CK_BYTE signature[1024];
    CK_ULONG length = sizeof signature;
    CK_RV rv;

    check("C_GetAttributeValue", module->C_GetAttributeValue(session, key, &attribute, 1));
    if (type == CKK_EC)
        mechanism.mechanism = CKM_ECDSA_SHA256;
    check("C_SignInit", module->C_SignInit(session, &mechanism, key));
    check("C_Sign", module->C_Sign(session, data, sizeof data, signature, &length));

    key = find(session, CKO_PUBLIC_KEY, label);
    check("C_VerifyInit", module->C_VerifyInit(session, &mechanism, key));
    check("C_Verify", module->C_Verify(session, data, sizeof data, signature, length));
    data[0] ^= 1;
    check("C_VerifyInit", module->C_VerifyInit(session, &mechanism, key));
    rv = module->C_Verify(session, data, sizeof data, signature, length);
    if (rv != CKR_SIGNATURE_INVALID)
        fail("C_Verify of other data", rv);
    printf("verified %lu bytes\n", length);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    CK_RV (*get_function_list)(CK_FUNCTION_LIST_PTR_PTR);
    CK_SESSION_HANDLE session = 0;
    CK_SLOT_ID slot = 0;
    CK_ULONG count = 1;
    CK_TOKEN_INFO token;
    CK_BYTE pin[] = SIGNPATH_PIN_CONFIG;
    void *library;
    int line;

    if (argc != 3) {
        fputs("usage: sign MODULE LABEL, with " SIGNPATH_VARIABLE_API_TOKEN " set\n", stderr);
        return 2;
    }
    library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    *(void **)&get_function_list = dlsym(library, "C_GetFunctionList");
    check("C_GetFunctionList", get_function_list(&module));
    check("C_Initialize", module->C_Initialize(NULL));
    check("C_GetSlotList", module->C_GetSlotList(CK_TRUE, &slot, &count));
    check("C_GetTokenInfo", module->C_GetTokenInfo(slot, &token));
    if (slot != SIGNPATH_SLOT_ID || memcmp(token.label, SIGNPATH_TOKEN_LABEL, sizeof SIGNPATH_TOKEN_LABEL - 1) != 0)
        fail("another token in slot", slot);
    check("C_OpenSession", module->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session));
    check("C_Login", module->C_Login(session, CKU_USER, pin, sizeof pin - 1));
    sign(session, argv[2]);
    while ((line = getchar()) != EOF)
        if (line == '\n')
            sign(session, argv[2]);
    check("C_Finalize", module->C_Finalize(NULL));
    dlclose(library);
    return 0;
}
