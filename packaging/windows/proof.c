/* What tests/header/sign.c does not show of the library on Windows. Commands:

   reload MODULE LABEL COUNT   loads, signs and unloads COUNT times
   stack MODULE LABEL BYTES    signs in a thread with a stack of BYTES
   protect TEXT                prints the text, encrypted with DPAPI for this user, in hexadecimal
   import STORE FILE PASSWORD  adds the certificates of a PKCS #12 file and their keys to the personal store of the user or the machine
   guest MODULE LABEL          signs in a process without a console, and fails if it then has one, or new handles that children inherit
   catches LIBRARY             fails unless the library of packaging/panic catches its panic
   append MODULE COUNT         makes COUNT calls that are logged, each with a line of its own
   hold FILE MODULE COUNT      the same, while the program has FILE open and does not allow that it is renamed */

#define main client_main
#include "../../tests/header/sign.c"
#undef main

#include <wincrypt.h>

static char *label;

static void load(const char *path)
{
    CK_RV (*get_function_list)(CK_FUNCTION_LIST_PTR_PTR);
    void *library = dlopen(path, RTLD_NOW);
    if (library == NULL) {
        fprintf(stderr, "%s: error %lu\n", path, GetLastError());
        exit(1);
    }
    *(void **)&get_function_list = dlsym(library, "C_GetFunctionList");
    check("C_GetFunctionList", get_function_list(&module));
}

static void use(void)
{
    CK_SESSION_HANDLE session = 0;
    CK_BYTE pin[] = "CONFIG";
    check("C_Initialize", module->C_Initialize(NULL));
    check("C_OpenSession", module->C_OpenSession(1, CKF_SERIAL_SESSION, NULL, NULL, &session));
    check("C_Login", module->C_Login(session, CKU_USER, pin, sizeof pin - 1));
    sign(session, label);
    check("C_Finalize", module->C_Finalize(NULL));
}

static DWORD WINAPI use_in_thread(void *unused)
{
    (void)unused;
    use();
    return 0;
}

static int reload(const char *path, int count)
{
    while (count-- > 0) {
        load(path);
        use();
        FreeLibrary(GetModuleHandleA(path));
        if (GetModuleHandleA(path) != NULL) {
            fprintf(stderr, "%s is still loaded\n", path);
            return 1;
        }
    }
    return 0;
}

static int in_small_stack(const char *path, int bytes)
{
    HANDLE thread;
    DWORD status = 1;
    load(path);
    thread = CreateThread(NULL, bytes, use_in_thread, NULL, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    WaitForSingleObject(thread, INFINITE);
    GetExitCodeThread(thread, &status);
    return status;
}

static int protect(char *text)
{
    DATA_BLOB input = {strlen(text), (BYTE *)text}, output;
    DWORD index;
    if (!CryptProtectData(&input, L"token", NULL, NULL, NULL, 0, &output))
        return 1;
    for (index = 0; index < output.cbData; index++)
        printf("%02x", output.pbData[index]);
    printf("\n");
    return 0;
}

static int import(const char *of, const char *path, const char *password)
{
    static BYTE content[1 << 16];
    FILE *file = fopen(path, "rb");
    DATA_BLOB data = {file == NULL ? 0 : fread(content, 1, sizeof content, file), content};
    WCHAR wide[64] = {0};
    DWORD place = strcmp(of, "machine") == 0 ? CERT_SYSTEM_STORE_LOCAL_MACHINE : CERT_SYSTEM_STORE_CURRENT_USER;
    HCERTSTORE imported, store = CertOpenStore(CERT_STORE_PROV_SYSTEM_W, 0, 0, place, L"My");
    PCCERT_CONTEXT certificate = NULL;
    MultiByteToWideChar(CP_UTF8, 0, password, -1, wide, 63);
    imported = PFXImportCertStore(&data, wide, CRYPT_EXPORTABLE);
    if (store == NULL || imported == NULL) {
        fprintf(stderr, "%s: error %lu\n", path, GetLastError());
        return 1;
    }
    while ((certificate = CertEnumCertificatesInStore(imported, certificate)) != NULL)
        if (!CertAddCertificateContextToStore(store, certificate, CERT_STORE_ADD_REPLACE_EXISTING, NULL))
            return 1;
    CertCloseStore(imported, 0);
    CertCloseStore(store, 0);
    return 0;
}

static int inheritable_handles(void)
{
    UINT_PTR handle;
    DWORD flags;
    int count = 0;
    for (handle = 4; handle < 1 << 16; handle += 4)
        count += GetHandleInformation((HANDLE)handle, &flags) && (flags & HANDLE_FLAG_INHERIT);
    return count;
}

static int is_a_guest(const char *path)
{
    CK_SESSION_HANDLE session = 0;
    CK_BYTE pin[] = "CONFIG";
    int before = inheritable_handles();
    load(path);
    check("C_Initialize", module->C_Initialize(NULL));
    check("C_OpenSession", module->C_OpenSession(1, CKF_SERIAL_SESSION, NULL, NULL, &session));
    check("C_Login", module->C_Login(session, CKU_USER, pin, sizeof pin - 1));
    sign(session, label);
    /* The log file and the connection to the service are still open. */
    return inheritable_handles() == before && GetConsoleCP() == 0 && GetConsoleWindow() == NULL ? 0 : 3;
}

/* Starts this program again, without a console. */
static int guest(const char *path)
{
    STARTUPINFOA startup = {.cb = sizeof startup};
    PROCESS_INFORMATION process;
    char command_line[1024];
    DWORD status = 1;
    snprintf(command_line, sizeof command_line, "proof guest-without-console \"%s\" \"%s\"", path, label);
    if (!CreateProcessA("proof.exe", command_line, NULL, NULL, FALSE, DETACHED_PROCESS, NULL, NULL, &startup, &process))
        return 1;
    WaitForSingleObject(process.hProcess, INFINITE);
    GetExitCodeProcess(process.hProcess, &status);
    return status;
}

static int catches(const char *path)
{
    int (*catches_a_panic)(void) = NULL;
    void *library = dlopen(path, RTLD_NOW);
    if (library != NULL)
        *(void **)&catches_a_panic = dlsym(library, "catches_a_panic");
    return catches_a_panic != NULL && catches_a_panic() == 1 ? 0 : 1;
}

static int append(const char *path, int count)
{
    CK_SLOT_ID slot;
    CK_ULONG slots;
    load(path);
    check("C_Initialize", module->C_Initialize(NULL));
    while (count-- > 0) {
        slots = 1;
        check("C_GetSlotList", module->C_GetSlotList(CK_TRUE, &slot, &slots));
    }
    check("C_Finalize", module->C_Finalize(NULL));
    return 0;
}

static int hold(const char *file, const char *path, int count)
{
    if (CreateFileA(file, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL) == INVALID_HANDLE_VALUE)
        return 1;
    return append(path, count);
}

int main(int argc, char **argv)
{
    const char *command = argc > 2 ? argv[1] : "";
    label = argc > 3 ? argv[3] : NULL;
    if (argc == 5 && strcmp(command, "reload") == 0)
        return reload(argv[2], atoi(argv[4]));
    if (argc == 5 && strcmp(command, "stack") == 0)
        return in_small_stack(argv[2], atoi(argv[4]));
    if (argc == 4 && strcmp(command, "append") == 0)
        return append(argv[2], atoi(argv[3]));
    if (argc == 5 && strcmp(command, "hold") == 0)
        return hold(argv[2], argv[3], atoi(argv[4]));
    if (argc == 3 && strcmp(command, "protect") == 0)
        return protect(argv[2]);
    if (argc == 5 && strcmp(command, "import") == 0)
        return import(argv[2], argv[3], argv[4]);
    if (argc == 4 && strcmp(command, "guest") == 0)
        return guest(argv[2]);
    if (argc == 4 && strcmp(command, "guest-without-console") == 0)
        return is_a_guest(argv[2]);
    if (argc == 3 && strcmp(command, "catches") == 0)
        return catches(argv[2]);
    fputs("usage: proof COMMAND ARGUMENT...\n", stderr);
    return 2;
}
