/* Stands for Windows' library of that name under Wine, whose crypt32.dll gives out the keys of certificates as keys of the older
   CryptoAPI only. Signs with such a key as NCryptSignHash would: PKCS #1 v1.5 and PSS. RSA keys, which must be exportable. */

#define NCryptFreeObject declared_NCryptFreeObject
#define NCryptGetProperty declared_NCryptGetProperty
#define NCryptSetProperty declared_NCryptSetProperty
#define NCryptSignHash declared_NCryptSignHash
#include <windows.h>
#include <bcrypt.h>
#include <ncrypt.h>
#include <string.h>
#undef NCryptFreeObject
#undef NCryptGetProperty
#undef NCryptSetProperty
#undef NCryptSignHash

#define MAX_KEY 4096

/* What CryptExportKey writes: these two, and the numbers of the key from the lowest byte to the highest. */
struct exported {
    BLOBHEADER header;
    RSAPUBKEY key;
    BYTE numbers[MAX_KEY];
};

static BOOL export(HCRYPTPROV provider, struct exported *exported)
{
    HCRYPTKEY key = 0;
    DWORD length = sizeof *exported;
    BOOL done = (CryptGetUserKey(provider, AT_KEYEXCHANGE, &key) || CryptGetUserKey(provider, AT_SIGNATURE, &key)) &&
                CryptExportKey(key, 0, PRIVATEKEYBLOB, 0, (BYTE *)exported, &length);
    if (key)
        CryptDestroyKey(key);
    return done;
}

static BYTE *reversed(BYTE *to, const BYTE *from, DWORD length)
{
    while (length-- > 0)
        *to++ = from[length];
    return to;
}

/* The same key as BCryptImportKeyPair reads it, from the highest byte to the lowest. */
static NTSTATUS import(const struct exported *exported, BCRYPT_KEY_HANDLE *key)
{
    struct {
        BCRYPT_RSAKEY_BLOB header;
        BYTE numbers[MAX_KEY];
    } blob;
    DWORD modulus = exported->key.bitlen / 8, prime = modulus / 2;
    const BYTE *numbers = exported->numbers;
    BYTE *end = reversed(blob.numbers, (const BYTE *)&exported->key.pubexp, 4);
    BCRYPT_ALG_HANDLE algorithm;
    NTSTATUS status;

    end = reversed(end, numbers, modulus);
    end = reversed(end, numbers + modulus, prime);
    end = reversed(end, numbers + modulus + prime, prime);
    blob.header.Magic = BCRYPT_RSAPRIVATE_MAGIC;
    blob.header.BitLength = exported->key.bitlen;
    blob.header.cbPublicExp = 4;
    blob.header.cbModulus = modulus;
    blob.header.cbPrime1 = blob.header.cbPrime2 = prime;
    status = BCryptOpenAlgorithmProvider(&algorithm, BCRYPT_RSA_ALGORITHM, NULL, 0);
    if (status == 0)
        status = BCryptImportKeyPair(algorithm, NULL, BCRYPT_RSAPRIVATE_BLOB, key, (BYTE *)&blob, (DWORD)(end - (BYTE *)&blob), 0);
    return status;
}

__declspec(dllexport) SECURITY_STATUS WINAPI NCryptGetProperty(NCRYPT_HANDLE object, LPCWSTR property, BYTE *output, DWORD size, DWORD *length,
                                                               DWORD flags)
{
    struct exported exported;
    const void *value = L"RSA";
    (void)flags;
    if (!export(object, &exported))
        return NTE_BAD_KEY;
    *length = sizeof L"RSA";
    if (wcscmp(property, NCRYPT_LENGTH_PROPERTY) == 0) {
        value = &exported.key.bitlen;
        *length = sizeof exported.key.bitlen;
    } else if (wcscmp(property, L"Algorithm Group") != 0) {
        return NTE_NOT_SUPPORTED;
    }
    if (output != NULL && size < *length)
        return NTE_BUFFER_TOO_SMALL;
    if (output != NULL)
        memcpy(output, value, *length);
    return 0;
}

__declspec(dllexport) SECURITY_STATUS WINAPI NCryptSetProperty(NCRYPT_HANDLE object, LPCWSTR property, BYTE *input, DWORD size, DWORD flags)
{
    (void)object, (void)property, (void)input, (void)size, (void)flags;
    return NTE_NOT_SUPPORTED;
}

__declspec(dllexport) SECURITY_STATUS WINAPI NCryptSignHash(NCRYPT_KEY_HANDLE object, void *padding, BYTE *hash, DWORD hash_size, BYTE *output,
                                                            DWORD size, DWORD *length, DWORD flags)
{
    struct exported exported;
    BCRYPT_KEY_HANDLE key;
    NTSTATUS status;
    if (!export(object, &exported))
        return NTE_BAD_KEY;
    *length = exported.key.bitlen / 8;
    if (output == NULL)
        return 0;
    status = import(&exported, &key);
    if (status == 0) {
        status = BCryptSignHash(key, padding, hash, hash_size, output, size, length, flags & ~NCRYPT_SILENT_FLAG);
        BCryptDestroyKey(key);
    }
    return status == 0 ? 0 : NTE_FAIL;
}

__declspec(dllexport) SECURITY_STATUS WINAPI NCryptFreeObject(NCRYPT_HANDLE object) { return CryptReleaseContext(object, 0) ? 0 : NTE_INVALID_HANDLE; }
