/* Runs the Linux program of the same name, with the same arguments, for tests that ask openssl and others under Wine: Wine starts
   programs of Linux, but neither waits for them nor gives them its pipes. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#define TIMEOUT_MILLISECONDS 60000

static const char script[] = "base=$1; shift; \"$@\" </dev/null >\"$base.out\" 2>\"$base.err\"; echo $? >\"$base.new\"; mv \"$base.new\" \"$base.status\"";

static char command_line[1 << 15];

static void fail(const char *what)
{
    fprintf(stderr, "%s: error %lu\n", what, GetLastError());
    exit(125);
}

/* Quotes an argument as CommandLineToArgvW reads it. */
static void append(const char *argument)
{
    char *end = command_line + strlen(command_line);
    size_t backslashes = 0;
    if (2 * strlen(argument) + 4 > (size_t)(command_line + sizeof command_line - end))
        fail("the command line is too long");
    if (end != command_line)
        *end++ = ' ';
    *end++ = '"';
    for (; *argument != 0; argument++) {
        if (*argument == '"')
            for (backslashes++; backslashes > 0; backslashes--)
                *end++ = '\\';
        backslashes = *argument == '\\' ? backslashes + 1 : 0;
        *end++ = *argument;
    }
    for (; backslashes > 0; backslashes--)
        *end++ = '\\';
    *end++ = '"';
    *end = 0;
}

/* The path as Linux has it. */
static char *path_of(const char *path)
{
    static char *(CDECL *unix_name)(const WCHAR *);
    WCHAR wide[MAX_PATH] = {0};
    char *converted;
    *(FARPROC *)&unix_name = GetProcAddress(GetModuleHandleA("kernel32"), "wine_get_unix_file_name");
    if (unix_name == NULL)
        fail("this is not Wine");
    MultiByteToWideChar(CP_UTF8, 0, path, -1, wide, MAX_PATH - 1);
    converted = unix_name(wide);
    if (converted == NULL)
        fail(path);
    return converted;
}

static int has_drive(const char *text) { return text[0] != 0 && text[1] == ':' && (text[2] == '\\' || text[2] == '/'); }

/* A path of Linux to which Windows has added names. */
static int is_mixed(const char *text) { return text[0] == '/' && strchr(text, '\\') != NULL && GetFileAttributesA(text) != INVALID_FILE_ATTRIBUTES; }

/* Opens a file beside the temporary one, whose names differ by their extension. */
static FILE *open_beside(const char *base, const char *extension)
{
    char path[MAX_PATH + 8];
    snprintf(path, sizeof path, "%s.%s", base, extension);
    return fopen(path, "rb");
}

static void copy_and_remove(const char *base, const char *extension, DWORD stream)
{
    char path[MAX_PATH + 8], buffer[4096];
    FILE *file = open_beside(base, extension);
    size_t length;
    DWORD written;
    if (file == NULL)
        fail(extension);
    while ((length = fread(buffer, 1, sizeof buffer, file)) > 0)
        WriteFile(GetStdHandle(stream), buffer, length, &written, NULL);
    fclose(file);
    snprintf(path, sizeof path, "%s.%s", base, extension);
    DeleteFileA(path);
}

int main(int argc, char **argv)
{
    STARTUPINFOA startup = {.cb = sizeof startup};
    PROCESS_INFORMATION process;
    char own[MAX_PATH] = {0}, folder[MAX_PATH], base[MAX_PATH], path[MAX_PATH + 8], *name;
    int index, status = 125, waited;
    FILE *file;
    GetModuleFileNameA(NULL, own, MAX_PATH - 1);
    name = strrchr(own, '\\') + 1;
    *strrchr(name, '.') = 0;
    if (!GetTempPathA(MAX_PATH, folder) || !GetTempFileNameA(folder, "run", 0, base))
        fail("no temporary file");
    append("sh");
    append("-c");
    append(script);
    append("sh");
    append(path_of(base));
    append(name);
    for (index = 1; index < argc; index++)
        append(has_drive(argv[index]) || is_mixed(argv[index]) ? path_of(argv[index]) : argv[index]);
    if (!CreateProcessA("Z:\\bin\\sh", command_line, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &process))
        fail("sh");
    for (waited = 0; (file = open_beside(base, "status")) == NULL; waited += 5) {
        if (waited > TIMEOUT_MILLISECONDS)
            fail(name);
        Sleep(5);
    }
    if (fscanf(file, "%d", &status) != 1)
        fail("the status");
    fclose(file);
    copy_and_remove(base, "out", STD_OUTPUT_HANDLE);
    copy_and_remove(base, "err", STD_ERROR_HANDLE);
    snprintf(path, sizeof path, "%s.status", base);
    DeleteFileA(path);
    DeleteFileA(base);
    return status;
}
