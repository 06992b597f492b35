/* Signs and verifies with the module's entry points, in C or C++. Argument: the CKA_LABEL of an RSA key. */

/* First, because it needs nothing of the other. */
#include <signpath_pkcs11.h>

#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(const char *function, CK_RV rv)
{
    if (rv != CKR_OK) {
        fprintf(stderr, "%s: %#lx\n", function, rv);
        exit(1);
    }
}

static CK_OBJECT_HANDLE find(CK_SESSION_HANDLE session, CK_OBJECT_CLASS kind, char *label)
{
    CK_ATTRIBUTE wanted[] = {
        {CKA_CLASS, &kind, sizeof kind},
        {CKA_LABEL, label, strlen(label)},
    };
    CK_OBJECT_HANDLE object = 0;
    CK_ULONG count = 0;
    check("C_FindObjectsInit", C_FindObjectsInit(session, wanted, 2));
    check("C_FindObjects", C_FindObjects(session, &object, 1, &count));
    check("C_FindObjectsFinal", C_FindObjectsFinal(session));
    if (count != 1) {
        fprintf(stderr, "%s: not found\n", label);
        exit(1);
    }
    return object;
}

int main(int argc, char **argv)
{
    CK_SLOT_ID slot = 0;
    CK_ULONG count = 1;
    CK_TOKEN_INFO token;
    CK_SESSION_HANDLE session = 0;
    CK_BYTE pin[] = SIGNPATH_PIN_CONFIG;
    CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, NULL, 0};
    CK_BYTE data[] = "signed by a C program";
    CK_BYTE signature[512];
    CK_ULONG length = sizeof signature;
    const size_t label_length = strlen(SIGNPATH_TOKEN_LABEL);

    if (argc != 2 || getenv(SIGNPATH_VARIABLE_API_TOKEN) == NULL) {
        fputs("usage: sign LABEL, with " SIGNPATH_VARIABLE_API_TOKEN " set\n", stderr);
        return 2;
    }
    check("C_Initialize", C_Initialize(NULL));
    check("C_GetSlotList", C_GetSlotList(CK_TRUE, &slot, &count));
    check("C_GetTokenInfo", C_GetTokenInfo(slot, &token));
    if (count != 1 || slot != SIGNPATH_SLOT_ID ||
        memcmp(token.label, SIGNPATH_TOKEN_LABEL, label_length) != 0) {
        fputs("another token\n", stderr);
        return 1;
    }
    printf("slot %lu: %.*s\n", slot, (int)label_length, (char *)token.label);

    check("C_OpenSession", C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session));
    check("C_Login", C_Login(session, CKU_USER, pin, sizeof pin - 1));
    puts("logged in");

    check("C_SignInit", C_SignInit(session, &mechanism, find(session, CKO_PRIVATE_KEY, argv[1])));
    check("C_Sign", C_Sign(session, data, sizeof data, signature, &length));
    printf("%s: %lu bytes of signature\n", argv[1], length);

    CK_OBJECT_HANDLE key = find(session, CKO_PUBLIC_KEY, argv[1]);
    check("C_VerifyInit", C_VerifyInit(session, &mechanism, key));
    check("C_Verify", C_Verify(session, data, sizeof data, signature, length));
    puts("verified");

    data[0] ^= 1;
    check("C_VerifyInit", C_VerifyInit(session, &mechanism, key));
    if (C_Verify(session, data, sizeof data, signature, length) != CKR_SIGNATURE_INVALID) {
        fputs("verified with other data\n", stderr);
        return 1;
    }
    puts("not verified with other data");
    check("C_Finalize", C_Finalize(NULL));
    return 0;
}
