/* The entry points of signpath-pkcs11, and the names and values that a program needs with them.
 *
 * Include a PKCS #11 header before this one, such as <p11-kit/pkcs11.h> of libp11-kit-dev: its types
 * are used here. What needs a type of a newer version of the standard is declared if that header has
 * the type.
 *
 * Generated from the crate; a test holds it current. */

#ifndef SIGNPATH_PKCS11_H
#define SIGNPATH_PKCS11_H

#ifndef CKR_OK
#error "include a PKCS #11 header before signpath_pkcs11.h"
#endif

/** The one slot. */
#define SIGNPATH_SLOT_ID 1

/** `label` of the token, blank-padded there. */
#define SIGNPATH_TOKEN_LABEL "SignPath"

/** `manufacturerID` of the token, blank-padded there. */
#define SIGNPATH_TOKEN_MANUFACTURER_ID "SignPath"

/** `model` of the token, blank-padded there. */
#define SIGNPATH_TOKEN_MODEL "Signing policies"

/** `serialNumber` of the token, blank-padded there. */
#define SIGNPATH_TOKEN_SERIAL_NUMBER "1"

/** The longest PIN that the token says it takes, in bytes. */
#define SIGNPATH_MAX_PIN_LENGTH 4096

/** The PIN that stands for the credentials of the configuration. */
#define SIGNPATH_PIN_CONFIG "CONFIG"

/** The API that is asked if none is configured. */
#define SIGNPATH_DEFAULT_API_URL "https://app.signpath.io/Api"

/** The environment variable that names the JSON file of the configuration. */
#define SIGNPATH_VARIABLE_CONFIG_FILE "SIGNPATH_CONFIG_FILE"

/** The environment variable of the setting `OrganizationId`. */
#define SIGNPATH_VARIABLE_ORGANIZATION_ID "SIGNPATH_ORGANIZATION_ID"

/** The environment variable of the setting `ApiToken`. */
#define SIGNPATH_VARIABLE_API_TOKEN "SIGNPATH_API_TOKEN"

/** The environment variable of the setting `ApiUrl`. */
#define SIGNPATH_VARIABLE_API_URL "SIGNPATH_API_URL"

/** The environment variable of the setting `ProjectSlug`. */
#define SIGNPATH_VARIABLE_PROJECT_SLUG "SIGNPATH_PROJECT_SLUG"

/** The environment variable of the setting `SigningPolicySlug`. */
#define SIGNPATH_VARIABLE_SIGNING_POLICY_SLUG "SIGNPATH_SIGNING_POLICY_SLUG"

/** The environment variable of the setting `ArtifactConfigurationSlug`. */
#define SIGNPATH_VARIABLE_ARTIFACT_CONFIGURATION_SLUG "SIGNPATH_ARTIFACT_CONFIGURATION_SLUG"

/** The environment variable of the setting `Description`. */
#define SIGNPATH_VARIABLE_DESCRIPTION "SIGNPATH_DESCRIPTION"

/** The environment variable of the setting `Metadata`. */
#define SIGNPATH_VARIABLE_METADATA "SIGNPATH_METADATA"

/** The environment variable of the setting `MetadataCommandLine`. */
#define SIGNPATH_VARIABLE_METADATA_COMMAND_LINE "SIGNPATH_METADATA_COMMAND_LINE"

/** The environment variable of the setting `MetadataUser`. */
#define SIGNPATH_VARIABLE_METADATA_USER "SIGNPATH_METADATA_USER"

/** The environment variable of the setting `SigningApi`. */
#define SIGNPATH_VARIABLE_SIGNING_API "SIGNPATH_SIGNING_API"

/** The environment variable of the setting `AllowInsecureHttp`. */
#define SIGNPATH_VARIABLE_ALLOW_INSECURE_HTTP "SIGNPATH_ALLOW_INSECURE_HTTP"

/** The environment variable of the setting `TlsCaFile`. */
#define SIGNPATH_VARIABLE_TLS_CA_FILE "SIGNPATH_TLS_CA_FILE"

/** The environment variable of the setting `TlsClientCertificate`. */
#define SIGNPATH_VARIABLE_TLS_CLIENT_CERTIFICATE "SIGNPATH_TLS_CLIENT_CERTIFICATE"

/** The environment variable of the setting `HttpProxy`. */
#define SIGNPATH_VARIABLE_HTTP_PROXY "http_proxy"

/** The environment variable of the setting `ChainCertificatesFile`. */
#define SIGNPATH_VARIABLE_CHAIN_CERTIFICATES_FILE "SIGNPATH_CHAIN_CERTIFICATES_FILE"

/** The environment variable of the setting `PolicyCacheSeconds`. */
#define SIGNPATH_VARIABLE_POLICY_CACHE_SECONDS "SIGNPATH_POLICY_CACHE_SECONDS"

/** The environment variable of the setting `IncludeDummyX509CertificateForGpgKeys`. */
#define SIGNPATH_VARIABLE_INCLUDE_DUMMY_X509CERTIFICATE_FOR_GPG_KEYS "SIGNPATH_INCLUDE_DUMMY_X509CERTIFICATE_FOR_GPG_KEYS"

/** The environment variable of the setting `Cryptoki.LoginRequired`. */
#define SIGNPATH_VARIABLE_CRYPTOKI_LOGIN_REQUIRED "SIGNPATH_CRYPTOKI_LOGIN_REQUIRED"

/** The environment variable of the setting `Cryptoki.DoNotFailOnReadWriteSessions`. */
#define SIGNPATH_VARIABLE_CRYPTOKI_DO_NOT_FAIL_ON_READ_WRITE_SESSIONS "SIGNPATH_CRYPTOKI_DO_NOT_FAIL_ON_READ_WRITE_SESSIONS"

/** The environment variable of the setting `HttpRequestTimeoutInSeconds`. */
#define SIGNPATH_VARIABLE_HTTP_REQUEST_TIMEOUT_IN_SECONDS "SIGNPATH_HTTP_REQUEST_TIMEOUT_IN_SECONDS"

/** The environment variable of the setting `ServiceUnavailableTimeoutInSeconds`. */
#define SIGNPATH_VARIABLE_SERVICE_UNAVAILABLE_TIMEOUT_IN_SECONDS "SIGNPATH_SERVICE_UNAVAILABLE_TIMEOUT_IN_SECONDS"

/** The environment variable of the setting `Log.Console.Level`. */
#define SIGNPATH_VARIABLE_LOG_CONSOLE_LEVEL "SIGNPATH_LOG_CONSOLE_LEVEL"

/** The environment variable of the setting `Log.Console.OutputStream`. */
#define SIGNPATH_VARIABLE_LOG_CONSOLE_OUTPUT_STREAM "SIGNPATH_LOG_CONSOLE_OUTPUT_STREAM"

/** The environment variable of the setting `Log.File.Level`. */
#define SIGNPATH_VARIABLE_LOG_FILE_LEVEL "SIGNPATH_LOG_FILE_LEVEL"

/** The environment variable of the setting `Log.File.Directory`. */
#define SIGNPATH_VARIABLE_LOG_FILE_DIRECTORY "SIGNPATH_LOG_FILE_DIRECTORY"

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * C_Initialize (PKCS #11 3.2, section 5.4.1). The module locks with the operating system's
 * means. A thread of its own waits for the system to resolve a host name, and for nothing else;
 * with CKF_LIBRARY_CANT_CREATE_OS_THREADS there is none.
 */
CK_RV C_Initialize(void *pInitArgs);

/**
 * C_Finalize (PKCS #11 3.2, section 5.4.2).
 */
CK_RV C_Finalize(void *pReserved);

/**
 * C_GetInfo (PKCS #11 3.2, section 5.4.3).
 */
CK_RV C_GetInfo(CK_INFO *pInfo);

/**
 * C_GetFunctionList (PKCS #11 3.2, section 5.4.4): the list of version 2.40.
 */
CK_RV C_GetFunctionList(CK_FUNCTION_LIST **ppFunctionList);

/**
 * C_GetSlotList (PKCS #11 3.2, section 5.5.1). The token is always present.
 */
CK_RV C_GetSlotList(CK_BBOOL tokenPresent, CK_SLOT_ID *pSlotList, CK_ULONG *pulCount);

/**
 * C_GetSlotInfo (PKCS #11 3.2, section 5.5.2).
 */
CK_RV C_GetSlotInfo(CK_SLOT_ID slotID, CK_SLOT_INFO *pInfo);

/**
 * C_GetTokenInfo (PKCS #11 3.2, section 5.5.3).
 */
CK_RV C_GetTokenInfo(CK_SLOT_ID slotID, CK_TOKEN_INFO *pInfo);

/**
 * C_GetMechanismList (PKCS #11 3.2, section 5.5.5).
 */
CK_RV C_GetMechanismList(CK_SLOT_ID slotID, CK_MECHANISM_TYPE *pMechanismList, CK_ULONG *pulCount);

/**
 * C_GetMechanismInfo (PKCS #11 3.2, section 5.5.6).
 */
CK_RV C_GetMechanismInfo(CK_SLOT_ID slotID, CK_MECHANISM_TYPE type_, CK_MECHANISM_INFO *pInfo);

/**
 * C_InitToken: this token signs and verifies, and does nothing else.
 */
CK_RV C_InitToken(CK_SLOT_ID slotID, CK_UTF8CHAR *pPin, CK_ULONG ulPinLen, CK_UTF8CHAR *pLabel);

/**
 * C_InitPIN: this token signs and verifies, and does nothing else.
 */
CK_RV C_InitPIN(CK_SESSION_HANDLE hSession, CK_UTF8CHAR *pPin, CK_ULONG ulPinLen);

/**
 * C_SetPIN: this token signs and verifies, and does nothing else.
 */
CK_RV C_SetPIN(CK_SESSION_HANDLE hSession,
               CK_UTF8CHAR *pOldPin,
               CK_ULONG ulOldLen,
               CK_UTF8CHAR *pNewPin,
               CK_ULONG ulNewLen);

/**
 * C_OpenSession (PKCS #11 3.2, section 5.6.1). Read/write sessions are granted, although
 * nothing can be written, because some programs open no others; the configuration may want
 * them refused.
 */
CK_RV C_OpenSession(CK_SLOT_ID slotID,
                    CK_FLAGS flags,
                    void *pApplication,
                    CK_NOTIFY Notify,
                    CK_SESSION_HANDLE *phSession);

/**
 * C_CloseSession (PKCS #11 3.2, section 5.6.2).
 */
CK_RV C_CloseSession(CK_SESSION_HANDLE hSession);

/**
 * C_CloseAllSessions (PKCS #11 3.2, section 5.6.3).
 */
CK_RV C_CloseAllSessions(CK_SLOT_ID slotID);

/**
 * C_GetSessionInfo (PKCS #11 3.2, section 5.6.4).
 */
CK_RV C_GetSessionInfo(CK_SESSION_HANDLE hSession, CK_SESSION_INFO *pInfo);

/**
 * C_GetOperationState (PKCS #11 3.2, section 5.6.6).
 */
CK_RV C_GetOperationState(CK_SESSION_HANDLE hSession,
                          CK_BYTE *pOperationState,
                          CK_ULONG *pulOperationStateLen);

/**
 * C_SetOperationState (PKCS #11 3.2, section 5.6.7). No state was ever given out.
 */
CK_RV C_SetOperationState(CK_SESSION_HANDLE hSession,
                          CK_BYTE *pOperationState,
                          CK_ULONG ulOperationStateLen,
                          CK_OBJECT_HANDLE hEncryptionKey,
                          CK_OBJECT_HANDLE hAuthenticationKey);

/**
 * C_Login (PKCS #11 3.2, section 5.6.8). A NULL PIN asks for the configured credentials.
 */
CK_RV C_Login(CK_SESSION_HANDLE hSession,
              CK_USER_TYPE userType,
              CK_UTF8CHAR *pPin,
              CK_ULONG ulPinLen);

/**
 * C_Logout (PKCS #11 3.2, section 5.6.10).
 */
CK_RV C_Logout(CK_SESSION_HANDLE hSession);

/**
 * C_CreateObject (PKCS #11 3.2, section 5.7.1): session objects, for verification.
 */
CK_RV C_CreateObject(CK_SESSION_HANDLE hSession,
                     CK_ATTRIBUTE *pTemplate,
                     CK_ULONG ulCount,
                     CK_OBJECT_HANDLE *phObject);

/**
 * C_CopyObject (PKCS #11 3.2, section 5.7.2).
 */
CK_RV C_CopyObject(CK_SESSION_HANDLE hSession,
                   CK_OBJECT_HANDLE hObject,
                   CK_ATTRIBUTE *pTemplate,
                   CK_ULONG ulCount,
                   CK_OBJECT_HANDLE *phNewObject);

/**
 * C_DestroyObject (PKCS #11 3.2, section 5.7.3).
 */
CK_RV C_DestroyObject(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject);

/**
 * C_GetObjectSize (PKCS #11 3.2, section 5.7.4).
 */
CK_RV C_GetObjectSize(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject, CK_ULONG *pulSize);

/**
 * C_GetAttributeValue (PKCS #11 3.2, section 5.7.5).
 */
CK_RV C_GetAttributeValue(CK_SESSION_HANDLE hSession,
                          CK_OBJECT_HANDLE hObject,
                          CK_ATTRIBUTE *pTemplate,
                          CK_ULONG ulCount);

/**
 * C_SetAttributeValue (PKCS #11 3.2, section 5.7.6).
 */
CK_RV C_SetAttributeValue(CK_SESSION_HANDLE hSession,
                          CK_OBJECT_HANDLE hObject,
                          CK_ATTRIBUTE *pTemplate,
                          CK_ULONG ulCount);

/**
 * C_FindObjectsInit (PKCS #11 3.2, section 5.7.7).
 */
CK_RV C_FindObjectsInit(CK_SESSION_HANDLE hSession, CK_ATTRIBUTE *pTemplate, CK_ULONG ulCount);

/**
 * C_FindObjects (PKCS #11 3.2, section 5.7.8).
 */
CK_RV C_FindObjects(CK_SESSION_HANDLE hSession,
                    CK_OBJECT_HANDLE *phObject,
                    CK_ULONG ulMaxObjectCount,
                    CK_ULONG *pulObjectCount);

/**
 * C_FindObjectsFinal (PKCS #11 3.2, section 5.7.9).
 */
CK_RV C_FindObjectsFinal(CK_SESSION_HANDLE hSession);

/**
 * C_EncryptInit: this token signs and verifies, and does nothing else.
 */
CK_RV C_EncryptInit(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hKey);

/**
 * C_Encrypt: this token signs and verifies, and does nothing else.
 */
CK_RV C_Encrypt(CK_SESSION_HANDLE hSession,
                CK_BYTE *pData,
                CK_ULONG ulDataLen,
                CK_BYTE *pEncryptedData,
                CK_ULONG *pulEncryptedDataLen);

/**
 * C_EncryptUpdate: this token signs and verifies, and does nothing else.
 */
CK_RV C_EncryptUpdate(CK_SESSION_HANDLE hSession,
                      CK_BYTE *pPart,
                      CK_ULONG ulPartLen,
                      CK_BYTE *pEncryptedPart,
                      CK_ULONG *pulEncryptedPartLen);

/**
 * C_EncryptFinal: this token signs and verifies, and does nothing else.
 */
CK_RV C_EncryptFinal(CK_SESSION_HANDLE hSession,
                     CK_BYTE *pLastEncryptedPart,
                     CK_ULONG *pulLastEncryptedPartLen);

/**
 * C_DecryptInit: this token signs and verifies, and does nothing else.
 */
CK_RV C_DecryptInit(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hKey);

/**
 * C_Decrypt: this token signs and verifies, and does nothing else.
 */
CK_RV C_Decrypt(CK_SESSION_HANDLE hSession,
                CK_BYTE *pEncryptedData,
                CK_ULONG ulEncryptedDataLen,
                CK_BYTE *pData,
                CK_ULONG *pulDataLen);

/**
 * C_DecryptUpdate: this token signs and verifies, and does nothing else.
 */
CK_RV C_DecryptUpdate(CK_SESSION_HANDLE hSession,
                      CK_BYTE *pEncryptedPart,
                      CK_ULONG ulEncryptedPartLen,
                      CK_BYTE *pPart,
                      CK_ULONG *pulPartLen);

/**
 * C_DecryptFinal: this token signs and verifies, and does nothing else.
 */
CK_RV C_DecryptFinal(CK_SESSION_HANDLE hSession, CK_BYTE *pLastPart, CK_ULONG *pulLastPartLen);

/**
 * C_DigestInit (PKCS #11 3.2, section 5.12.1). A NULL mechanism ends an active digest.
 */
CK_RV C_DigestInit(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism);

/**
 * C_Digest (PKCS #11 3.2, section 5.12.2). Data and digest may be in the same place.
 */
CK_RV C_Digest(CK_SESSION_HANDLE hSession,
               CK_BYTE *pData,
               CK_ULONG ulDataLen,
               CK_BYTE *pDigest,
               CK_ULONG *pulDigestLen);

/**
 * C_DigestUpdate (PKCS #11 3.2, section 5.12.3).
 */
CK_RV C_DigestUpdate(CK_SESSION_HANDLE hSession, CK_BYTE *pPart, CK_ULONG ulPartLen);

/**
 * C_DigestKey (PKCS #11 3.2, section 5.12.4). There are no secret keys to digest; the digest
 * goes on without one.
 */
CK_RV C_DigestKey(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hKey);

/**
 * C_DigestFinal (PKCS #11 3.2, section 5.12.5).
 */
CK_RV C_DigestFinal(CK_SESSION_HANDLE hSession, CK_BYTE *pDigest, CK_ULONG *pulDigestLen);

/**
 * C_SignInit (PKCS #11 3.2, section 5.13.1). A NULL mechanism ends an active signature.
 */
CK_RV C_SignInit(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hKey);

/**
 * C_Sign (PKCS #11 3.2, section 5.13.2).
 */
CK_RV C_Sign(CK_SESSION_HANDLE hSession,
             CK_BYTE *pData,
             CK_ULONG ulDataLen,
             CK_BYTE *pSignature,
             CK_ULONG *pulSignatureLen);

/**
 * C_SignUpdate (PKCS #11 3.2, section 5.13.3).
 */
CK_RV C_SignUpdate(CK_SESSION_HANDLE hSession, CK_BYTE *pPart, CK_ULONG ulPartLen);

/**
 * C_SignFinal (PKCS #11 3.2, section 5.13.4).
 */
CK_RV C_SignFinal(CK_SESSION_HANDLE hSession, CK_BYTE *pSignature, CK_ULONG *pulSignatureLen);

/**
 * C_SignRecoverInit: this token signs and verifies, and does nothing else.
 */
CK_RV C_SignRecoverInit(CK_SESSION_HANDLE hSession,
                        CK_MECHANISM *pMechanism,
                        CK_OBJECT_HANDLE hKey);

/**
 * C_SignRecover: this token signs and verifies, and does nothing else.
 */
CK_RV C_SignRecover(CK_SESSION_HANDLE hSession,
                    CK_BYTE *pData,
                    CK_ULONG ulDataLen,
                    CK_BYTE *pSignature,
                    CK_ULONG *pulSignatureLen);

/**
 * C_VerifyInit (PKCS #11 3.2, section 5.15.1). A NULL mechanism ends an active verification.
 */
CK_RV C_VerifyInit(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_OBJECT_HANDLE hKey);

/**
 * C_Verify (PKCS #11 3.2, section 5.15.2).
 */
CK_RV C_Verify(CK_SESSION_HANDLE hSession,
               CK_BYTE *pData,
               CK_ULONG ulDataLen,
               CK_BYTE *pSignature,
               CK_ULONG ulSignatureLen);

/**
 * C_VerifyUpdate (PKCS #11 3.2, section 5.15.3).
 */
CK_RV C_VerifyUpdate(CK_SESSION_HANDLE hSession, CK_BYTE *pPart, CK_ULONG ulPartLen);

/**
 * C_VerifyFinal (PKCS #11 3.2, section 5.15.4).
 */
CK_RV C_VerifyFinal(CK_SESSION_HANDLE hSession, CK_BYTE *pSignature, CK_ULONG ulSignatureLen);

/**
 * C_VerifyRecoverInit: this token signs and verifies, and does nothing else.
 */
CK_RV C_VerifyRecoverInit(CK_SESSION_HANDLE hSession,
                          CK_MECHANISM *pMechanism,
                          CK_OBJECT_HANDLE hKey);

/**
 * C_VerifyRecover: this token signs and verifies, and does nothing else.
 */
CK_RV C_VerifyRecover(CK_SESSION_HANDLE hSession,
                      CK_BYTE *pSignature,
                      CK_ULONG ulSignatureLen,
                      CK_BYTE *pData,
                      CK_ULONG *pulDataLen);

/**
 * C_DigestEncryptUpdate: this token signs and verifies, and does nothing else.
 */
CK_RV C_DigestEncryptUpdate(CK_SESSION_HANDLE hSession,
                            CK_BYTE *pPart,
                            CK_ULONG ulPartLen,
                            CK_BYTE *pEncryptedPart,
                            CK_ULONG *pulEncryptedPartLen);

/**
 * C_DecryptDigestUpdate: this token signs and verifies, and does nothing else.
 */
CK_RV C_DecryptDigestUpdate(CK_SESSION_HANDLE hSession,
                            CK_BYTE *pEncryptedPart,
                            CK_ULONG ulEncryptedPartLen,
                            CK_BYTE *pPart,
                            CK_ULONG *pulPartLen);

/**
 * C_SignEncryptUpdate: this token signs and verifies, and does nothing else.
 */
CK_RV C_SignEncryptUpdate(CK_SESSION_HANDLE hSession,
                          CK_BYTE *pPart,
                          CK_ULONG ulPartLen,
                          CK_BYTE *pEncryptedPart,
                          CK_ULONG *pulEncryptedPartLen);

/**
 * C_DecryptVerifyUpdate: this token signs and verifies, and does nothing else.
 */
CK_RV C_DecryptVerifyUpdate(CK_SESSION_HANDLE hSession,
                            CK_BYTE *pEncryptedPart,
                            CK_ULONG ulEncryptedPartLen,
                            CK_BYTE *pPart,
                            CK_ULONG *pulPartLen);

/**
 * C_GenerateKey: this token signs and verifies, and does nothing else.
 */
CK_RV C_GenerateKey(CK_SESSION_HANDLE hSession,
                    CK_MECHANISM *pMechanism,
                    CK_ATTRIBUTE *pTemplate,
                    CK_ULONG ulCount,
                    CK_OBJECT_HANDLE *phKey);

/**
 * C_GenerateKeyPair: this token signs and verifies, and does nothing else.
 */
CK_RV C_GenerateKeyPair(CK_SESSION_HANDLE hSession,
                        CK_MECHANISM *pMechanism,
                        CK_ATTRIBUTE *pPublicKeyTemplate,
                        CK_ULONG ulPublicKeyAttributeCount,
                        CK_ATTRIBUTE *pPrivateKeyTemplate,
                        CK_ULONG ulPrivateKeyAttributeCount,
                        CK_OBJECT_HANDLE *phPublicKey,
                        CK_OBJECT_HANDLE *phPrivateKey);

/**
 * C_WrapKey: this token signs and verifies, and does nothing else.
 */
CK_RV C_WrapKey(CK_SESSION_HANDLE hSession,
                CK_MECHANISM *pMechanism,
                CK_OBJECT_HANDLE hWrappingKey,
                CK_OBJECT_HANDLE hKey,
                CK_BYTE *pWrappedKey,
                CK_ULONG *pulWrappedKeyLen);

/**
 * C_UnwrapKey: this token signs and verifies, and does nothing else.
 */
CK_RV C_UnwrapKey(CK_SESSION_HANDLE hSession,
                  CK_MECHANISM *pMechanism,
                  CK_OBJECT_HANDLE hUnwrappingKey,
                  CK_BYTE *pWrappedKey,
                  CK_ULONG ulWrappedKeyLen,
                  CK_ATTRIBUTE *pTemplate,
                  CK_ULONG ulAttributeCount,
                  CK_OBJECT_HANDLE *phKey);

/**
 * C_DeriveKey: this token signs and verifies, and does nothing else.
 */
CK_RV C_DeriveKey(CK_SESSION_HANDLE hSession,
                  CK_MECHANISM *pMechanism,
                  CK_OBJECT_HANDLE hBaseKey,
                  CK_ATTRIBUTE *pTemplate,
                  CK_ULONG ulAttributeCount,
                  CK_OBJECT_HANDLE *phKey);

/**
 * C_SeedRandom (PKCS #11 3.2, section 5.19.1). The operating system sees to the seed.
 */
CK_RV C_SeedRandom(CK_SESSION_HANDLE hSession, CK_BYTE *pSeed, CK_ULONG ulSeedLen);

/**
 * C_GenerateRandom (PKCS #11 3.2, section 5.19.2).
 */
CK_RV C_GenerateRandom(CK_SESSION_HANDLE hSession, CK_BYTE *pRandomData, CK_ULONG ulRandomLen);

/**
 * C_GetFunctionStatus: there are no parallel sessions any more.
 */
CK_RV C_GetFunctionStatus(CK_SESSION_HANDLE hSession);

/**
 * C_CancelFunction: there are no parallel sessions any more.
 */
CK_RV C_CancelFunction(CK_SESSION_HANDLE hSession);

/**
 * C_WaitForSlotEvent (PKCS #11 3.2, section 5.5.4). Nothing ever happens to the slot, so that
 * it waits until C_Finalize.
 */
CK_RV C_WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID *pSlot, void *pReserved);

#if defined(CKF_INTERFACE_FORK_SAFE)
/**
 * C_GetInterfaceList (PKCS #11 3.2, section 5.4.5).
 */
CK_RV C_GetInterfaceList(CK_INTERFACE *pInterfacesList, CK_ULONG *pulCount);
#endif

#if defined(CKF_INTERFACE_FORK_SAFE)
/**
 * C_GetInterface (PKCS #11 3.2, section 5.4.6). Without name or version any will do, the
 * newest first.
 */
CK_RV C_GetInterface(CK_UTF8CHAR *pInterfaceName,
                     CK_VERSION *pVersion,
                     CK_INTERFACE **ppInterface,
                     CK_FLAGS flags);
#endif

/**
 * C_LoginUser (PKCS #11 3.2, section 5.6.9). The name of a user is the organization, and the
 * PIN then the API token.
 */
CK_RV C_LoginUser(CK_SESSION_HANDLE hSession,
                  CK_USER_TYPE userType,
                  CK_UTF8CHAR *pPin,
                  CK_ULONG ulPinLen,
                  CK_UTF8CHAR *pUsername,
                  CK_ULONG ulUsernameLen);

/**
 * C_SessionCancel (PKCS #11 3.2, section 5.6.5). All that can be active can be cancelled.
 */
CK_RV C_SessionCancel(CK_SESSION_HANDLE hSession, CK_FLAGS flags);

/**
 * C_MessageEncryptInit: this token signs and verifies, and does nothing else.
 */
CK_RV C_MessageEncryptInit(CK_SESSION_HANDLE hSession,
                           CK_MECHANISM *pMechanism,
                           CK_OBJECT_HANDLE hKey);

/**
 * C_EncryptMessage: this token signs and verifies, and does nothing else.
 */
CK_RV C_EncryptMessage(CK_SESSION_HANDLE hSession,
                       void *pParameter,
                       CK_ULONG ulParameterLen,
                       CK_BYTE *pAssociatedData,
                       CK_ULONG ulAssociatedDataLen,
                       CK_BYTE *pPlaintext,
                       CK_ULONG ulPlaintextLen,
                       CK_BYTE *pCiphertext,
                       CK_ULONG *pulCiphertextLen);

/**
 * C_EncryptMessageBegin: this token signs and verifies, and does nothing else.
 */
CK_RV C_EncryptMessageBegin(CK_SESSION_HANDLE hSession,
                            void *pParameter,
                            CK_ULONG ulParameterLen,
                            CK_BYTE *pAssociatedData,
                            CK_ULONG ulAssociatedDataLen);

/**
 * C_EncryptMessageNext: this token signs and verifies, and does nothing else.
 */
CK_RV C_EncryptMessageNext(CK_SESSION_HANDLE hSession,
                           void *pParameter,
                           CK_ULONG ulParameterLen,
                           CK_BYTE *pPlaintextPart,
                           CK_ULONG ulPlaintextPartLen,
                           CK_BYTE *pCiphertextPart,
                           CK_ULONG *pulCiphertextPartLen,
                           CK_FLAGS flags);

/**
 * C_MessageEncryptFinal: this token signs and verifies, and does nothing else.
 */
CK_RV C_MessageEncryptFinal(CK_SESSION_HANDLE hSession);

/**
 * C_MessageDecryptInit: this token signs and verifies, and does nothing else.
 */
CK_RV C_MessageDecryptInit(CK_SESSION_HANDLE hSession,
                           CK_MECHANISM *pMechanism,
                           CK_OBJECT_HANDLE hKey);

/**
 * C_DecryptMessage: this token signs and verifies, and does nothing else.
 */
CK_RV C_DecryptMessage(CK_SESSION_HANDLE hSession,
                       void *pParameter,
                       CK_ULONG ulParameterLen,
                       CK_BYTE *pAssociatedData,
                       CK_ULONG ulAssociatedDataLen,
                       CK_BYTE *pCiphertext,
                       CK_ULONG ulCiphertextLen,
                       CK_BYTE *pPlaintext,
                       CK_ULONG *pulPlaintextLen);

/**
 * C_DecryptMessageBegin: this token signs and verifies, and does nothing else.
 */
CK_RV C_DecryptMessageBegin(CK_SESSION_HANDLE hSession,
                            void *pParameter,
                            CK_ULONG ulParameterLen,
                            CK_BYTE *pAssociatedData,
                            CK_ULONG ulAssociatedDataLen);

/**
 * C_DecryptMessageNext: this token signs and verifies, and does nothing else.
 */
CK_RV C_DecryptMessageNext(CK_SESSION_HANDLE hSession,
                           void *pParameter,
                           CK_ULONG ulParameterLen,
                           CK_BYTE *pCiphertextPart,
                           CK_ULONG ulCiphertextPartLen,
                           CK_BYTE *pPlaintextPart,
                           CK_ULONG *pulPlaintextPartLen,
                           CK_FLAGS flags);

/**
 * C_MessageDecryptFinal: this token signs and verifies, and does nothing else.
 */
CK_RV C_MessageDecryptFinal(CK_SESSION_HANDLE hSession);

/**
 * C_MessageSignInit (PKCS #11 3.2, section 5.14.1). A NULL mechanism ends an active process.
 */
CK_RV C_MessageSignInit(CK_SESSION_HANDLE hSession,
                        CK_MECHANISM *pMechanism,
                        CK_OBJECT_HANDLE hKey);

/**
 * C_SignMessage (PKCS #11 3.2, section 5.14.2).
 */
CK_RV C_SignMessage(CK_SESSION_HANDLE hSession,
                    void *pParameter,
                    CK_ULONG ulParameterLen,
                    CK_BYTE *pData,
                    CK_ULONG ulDataLen,
                    CK_BYTE *pSignature,
                    CK_ULONG *pulSignatureLen);

/**
 * C_SignMessageBegin (PKCS #11 3.2, section 5.14.3).
 */
CK_RV C_SignMessageBegin(CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen);

/**
 * C_SignMessageNext (PKCS #11 3.2, section 5.14.4). It is the last part if there is a length
 * of the signature.
 */
CK_RV C_SignMessageNext(CK_SESSION_HANDLE hSession,
                        void *pParameter,
                        CK_ULONG ulParameterLen,
                        CK_BYTE *pDataPart,
                        CK_ULONG ulDataPartLen,
                        CK_BYTE *pSignature,
                        CK_ULONG *pulSignatureLen);

/**
 * C_MessageSignFinal (PKCS #11 3.2, section 5.14.5). A message without its last part is
 * dropped.
 */
CK_RV C_MessageSignFinal(CK_SESSION_HANDLE hSession);

/**
 * C_MessageVerifyInit (PKCS #11 3.2, section 5.16.1). A NULL mechanism ends an active process.
 */
CK_RV C_MessageVerifyInit(CK_SESSION_HANDLE hSession,
                          CK_MECHANISM *pMechanism,
                          CK_OBJECT_HANDLE hKey);

/**
 * C_VerifyMessage (PKCS #11 3.2, section 5.16.2).
 */
CK_RV C_VerifyMessage(CK_SESSION_HANDLE hSession,
                      void *pParameter,
                      CK_ULONG ulParameterLen,
                      CK_BYTE *pData,
                      CK_ULONG ulDataLen,
                      CK_BYTE *pSignature,
                      CK_ULONG ulSignatureLen);

/**
 * C_VerifyMessageBegin (PKCS #11 3.2, section 5.16.3).
 */
CK_RV C_VerifyMessageBegin(CK_SESSION_HANDLE hSession, void *pParameter, CK_ULONG ulParameterLen);

/**
 * C_VerifyMessageNext (PKCS #11 3.2, section 5.16.4). It is the last part if there is a
 * signature.
 */
CK_RV C_VerifyMessageNext(CK_SESSION_HANDLE hSession,
                          void *pParameter,
                          CK_ULONG ulParameterLen,
                          CK_BYTE *pDataPart,
                          CK_ULONG ulDataPartLen,
                          CK_BYTE *pSignature,
                          CK_ULONG ulSignatureLen);

/**
 * C_MessageVerifyFinal (PKCS #11 3.2, section 5.16.5). A message without its last part is
 * dropped.
 */
CK_RV C_MessageVerifyFinal(CK_SESSION_HANDLE hSession);

/**
 * C_EncapsulateKey: this token signs and verifies, and does nothing else.
 */
CK_RV C_EncapsulateKey(CK_SESSION_HANDLE hSession,
                       CK_MECHANISM *pMechanism,
                       CK_OBJECT_HANDLE hPublicKey,
                       CK_ATTRIBUTE *pTemplate,
                       CK_ULONG ulAttributeCount,
                       CK_BYTE *pCiphertext,
                       CK_ULONG *pulCiphertextLen,
                       CK_OBJECT_HANDLE *phKey);

/**
 * C_DecapsulateKey: this token signs and verifies, and does nothing else.
 */
CK_RV C_DecapsulateKey(CK_SESSION_HANDLE hSession,
                       CK_MECHANISM *pMechanism,
                       CK_OBJECT_HANDLE hPrivateKey,
                       CK_ATTRIBUTE *pTemplate,
                       CK_ULONG ulAttributeCount,
                       CK_BYTE *pCiphertext,
                       CK_ULONG ulCiphertextLen,
                       CK_OBJECT_HANDLE *phKey);

/**
 * C_VerifySignatureInit (PKCS #11 3.2, section 5.15.7). A NULL mechanism ends an active
 * verification.
 */
CK_RV C_VerifySignatureInit(CK_SESSION_HANDLE hSession,
                            CK_MECHANISM *pMechanism,
                            CK_OBJECT_HANDLE hKey,
                            CK_BYTE *pSignature,
                            CK_ULONG ulSignatureLen);

/**
 * C_VerifySignature (PKCS #11 3.2, section 5.15.8).
 */
CK_RV C_VerifySignature(CK_SESSION_HANDLE hSession, CK_BYTE *pData, CK_ULONG ulDataLen);

/**
 * C_VerifySignatureUpdate (PKCS #11 3.2, section 5.15.9).
 */
CK_RV C_VerifySignatureUpdate(CK_SESSION_HANDLE hSession, CK_BYTE *pPart, CK_ULONG ulPartLen);

/**
 * C_VerifySignatureFinal (PKCS #11 3.2, section 5.15.10).
 */
CK_RV C_VerifySignatureFinal(CK_SESSION_HANDLE hSession);

#if defined(CKF_ASYNC_SESSION)
/**
 * C_GetSessionValidationFlags (PKCS #11 3.2, section 5.6.11). The token has no validation
 * objects, so that no operation has a flag of one.
 */
CK_RV C_GetSessionValidationFlags(CK_SESSION_HANDLE hSession,
                                  CK_SESSION_VALIDATION_FLAGS_TYPE type_,
                                  CK_FLAGS *pFlags);
#endif

#if defined(CKF_ASYNC_SESSION)
/**
 * C_AsyncComplete: this token signs and verifies, and does nothing else.
 */
CK_RV C_AsyncComplete(CK_SESSION_HANDLE hSession,
                      CK_UTF8CHAR *pFunctionName,
                      CK_ASYNC_DATA *pResult);
#endif

/**
 * C_AsyncGetID: this token signs and verifies, and does nothing else.
 */
CK_RV C_AsyncGetID(CK_SESSION_HANDLE hSession, CK_UTF8CHAR *pFunctionName, CK_ULONG *pulID);

/**
 * C_AsyncJoin: this token signs and verifies, and does nothing else.
 */
CK_RV C_AsyncJoin(CK_SESSION_HANDLE hSession,
                  CK_UTF8CHAR *pFunctionName,
                  CK_ULONG ulID,
                  CK_BYTE *pData,
                  CK_ULONG ulData);

/**
 * C_WrapKeyAuthenticated: this token signs and verifies, and does nothing else.
 */
CK_RV C_WrapKeyAuthenticated(CK_SESSION_HANDLE hSession,
                             CK_MECHANISM *pMechanism,
                             CK_OBJECT_HANDLE hWrappingKey,
                             CK_OBJECT_HANDLE hKey,
                             CK_BYTE *pAssociatedData,
                             CK_ULONG ulAssociatedDataLen,
                             CK_BYTE *pWrappedKey,
                             CK_ULONG *pulWrappedKeyLen);

/**
 * C_UnwrapKeyAuthenticated: this token signs and verifies, and does nothing else.
 */
CK_RV C_UnwrapKeyAuthenticated(CK_SESSION_HANDLE hSession,
                               CK_MECHANISM *pMechanism,
                               CK_OBJECT_HANDLE hUnwrappingKey,
                               CK_BYTE *pWrappedKey,
                               CK_ULONG ulWrappedKeyLen,
                               CK_ATTRIBUTE *pTemplate,
                               CK_ULONG ulAttributeCount,
                               CK_BYTE *pAssociatedData,
                               CK_ULONG ulAssociatedDataLen,
                               CK_OBJECT_HANDLE *phKey);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SIGNPATH_PKCS11_H */
