// SPDX-License-Identifier: MIT
/* execve, continued: scripts, the auxiliary vector, set-id programs, static PIE, exec among threads. */
#include "abi.h"

#include <elf.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/statvfs.h>

static void make_script(const char *path, const char *interpreter, const char *rest)
{
    char text[PATH_MAX + 256];
    int len = snprintf(text, sizeof(text), "#!%s%s", interpreter, rest);
    if (len > 240)
        SKIP("the test directory's path is too long for a #! line");
    write_file(path, text, (size_t)len);
    OK(chmod(path, 0755));
}

static pid_t run_script(const char *path, const char *arg)
{
    pid_t pid;
    CHILD (pid) {
        execl(path, "ignored", arg, NULL);
        FAIL("execl(%s): %s", path, abi_errno_name(errno));
    }
    return pid;
}

/* `@args count first last`-style check, driven by the environment: ARGS=a|b|c. */
HELPER(same_args)
{
    char line[1024] = "";
    const char *want = getenv("ARGS");
    for (int i = 0; i < argc; i++) {
        strcat(line, i ? "|" : "");
        strcat(line, argv[i]);
    }
    if (want && !strcmp(line, want))
        return 0;
    dprintf(2, "same_args: expected %s, came %s\n", want ? want : "(null)", line);
    return 1;
}

CASE(exec, script_with_argument)
{
    make_script("script", abi_self, " @same_args\n");
    setenv("ARGS", "./script|extra", 1);
    EXPECT_EXIT(run_script("./script", "extra"), 0);
}

HELPER(bare_script)
{
    return argc == 1 && !strcmp(argv[0], "extra") ? 0 : 1;
}

CASE(exec, script_without_argument)
{
    make_script("@bare_script", abi_self, "\nthe rest is the interpreter's matter\n");
    EXPECT_EXIT(run_script("@bare_script", "extra"), 0);
}

CASE(exec, script_argument_is_one_word_trimmed)
{
    /* everything after the interpreter is one argument: "@same_args x" is no helper's name */
    make_script("script", abi_self, " @two words \t\n");
    EXPECT_EXIT(run_script("./script", NULL), 0);
    make_script("blanks", abi_self, " \t @same_args \t \n");
    setenv("ARGS", "./blanks", 1);
    EXPECT_EXIT(run_script("./blanks", NULL), 0);
}

static int two_words(int argc, char **argv)
{
    return argc == 1 && !strcmp(argv[0], "./script") ? 0 : 1;
}
static const struct abi_helper two_words_desc = {"@two words", two_words};
static const struct abi_helper *const two_words_ref
    __attribute__((section("abi_helpers"), used)) = &two_words_desc;

CASE(exec, script_without_final_newline)
{
    make_script("script", abi_self, " @same_args");
    setenv("ARGS", "./script|x", 1);
    EXPECT_EXIT(run_script("./script", "x"), 0);
}

CASE(exec, script_nests)
{
    char cwd[PATH_MAX], inner[PATH_MAX + 16], want[2 * PATH_MAX];
    EXPECT(getcwd(cwd, sizeof(cwd)));
    snprintf(inner, sizeof(inner), "%s/inner", cwd);
    make_script("inner", abi_self, " @same_args\n");
    make_script("outer", inner, " option\n");
    snprintf(want, sizeof(want), "%s|option|./outer|x", inner);
    setenv("ARGS", want, 1);
    EXPECT_EXIT(run_script("./outer", "x"), 0);
}

static void refused(const char *path, int want)
{
    char *argv[] = {(char *)path, NULL};
    EXPECT_ERR(execv(path, argv), want);
}

CASE(exec, script_refusals)
{
    char cwd[PATH_MAX], self[PATH_MAX + 16];
    EXPECT(getcwd(cwd, sizeof(cwd)));
    snprintf(self, sizeof(self), "%s/loop", cwd);
    make_file("plain", 0644);
    make_script("loop", self, "\n");
    make_script("nowhere", "/nonexistent/interpreter", "\n");
    make_script("noexec", "plain", "\n");
    make_script("empty", "", "\n");
    make_script("blank", "   ", "\n");
    refused("./loop", ELOOP);
    refused("./nowhere", ENOENT);
    refused("./noexec", EACCES);
    refused("./empty", ENOEXEC);
    refused("./blank", ENOEXEC);
}

/* Prints nothing; the exit status has a bit for every wrong entry of the auxiliary vector. */
HELPER(check_auxv)
{
    const Elf64_Phdr *ph = (const Elf64_Phdr *)getauxval(AT_PHDR);
    bool load = false;
    int wrong = 0;
    if (argc != 1)
        return 255;
    for (unsigned long i = 0; ph && i < getauxval(AT_PHNUM); i++)
        load |= ph[i].p_type == PT_LOAD;
    wrong |= load && getauxval(AT_PHENT) == sizeof(Elf64_Phdr) ? 0 : 1;
    wrong |= getauxval(AT_PAGESZ) == 4096 ? 0 : 2;
    wrong |= getauxval(AT_ENTRY) != 0 && getauxval(AT_RANDOM) != 0 ? 0 : 4;
    wrong |= getauxval(AT_EXECFN) && !strcmp((char *)getauxval(AT_EXECFN), argv[0]) ? 0 : 8;
    wrong |= getauxval(AT_UID) == getuid() && getauxval(AT_EUID) == geteuid() ? 0 : 16;
    wrong |= getauxval(AT_GID) == getgid() && getauxval(AT_EGID) == getegid() ? 0 : 32;
    wrong |= getauxval(AT_SECURE) == 0 && getauxval(AT_CLKTCK) == 100 ? 0 : 64;
    wrong |= getauxval(AT_HWCAP) != 0 ? 0 : 128;
    return wrong;
}

CASE(exec, auxiliary_vector_is_true)
{
    pid_t pid;
    OK(symlink(abi_self, "prog"));
    CHILD (pid) {
        execl("./prog", "x", "@check_auxv", "./prog", NULL);
    }
    EXPECT_EXIT(pid, 0);
}

HELPER(print_random)
{
    (void)argc;
    (void)argv;
    return write(1, (void *)getauxval(AT_RANDOM), 16) == 16 ? 0 : 1;
}

CASE(exec, at_random_differs_between_programs)
{
    char bytes[2][16];
    int fd[2];
    for (int i = 0; i < 2; i++) {
        pid_t pid;
        OK(pipe(fd));
        CHILD (pid) {
            dup2(fd[1], 1);
            execl(abi_self, abi_self, "@print_random", NULL);
        }
        EXPECT_EXIT(pid, 0);
        EXPECT_EQ(read(fd[0], bytes[i], 16), 16);
    }
    EXPECT(memcmp(bytes[0], bytes[1], 16) != 0);
}

CASE(exec, stack_is_aligned_and_strings_lie_at_its_top)
{
    extern char **environ;
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    EXPECT_EQ(here % 16, 0);
    EXPECT((uintptr_t)environ > here);
    EXPECT((uintptr_t)getauxval(AT_EXECFN) > here);
    EXPECT((uintptr_t)getauxval(AT_RANDOM) > here);
}

HELPER(print_ids)
{
    (void)argc;
    (void)argv;
    return (getuid() == TEST_UID ? 1 : 0) | (geteuid() == 0 ? 2 : 0) |
           (getauxval(AT_SECURE) ? 4 : 0) | (getegid() == 0 ? 8 : 0);
}

CASE(exec, set_id_bits_raise_the_effective_ids)
{
    struct statvfs vfs;
    pid_t pid;
    NEED_ROOT();
    OK(statvfs(".", &vfs));
    if (vfs.f_flag & ST_NOSUID)
        SKIP("the test directory is mounted nosuid");
    copy_file("/proc/self/exe", "prog", 04755);
    CHILD (pid) {
        become_user(TEST_UID, TEST_GID);
        execl("./prog", "prog", "@print_ids", NULL);
    }
    EXPECT_EXIT(pid, 1 | 2 | 4);
    OK(chmod("prog", 02755));
    CHILD (pid) {
        become_user(TEST_UID, TEST_GID);
        execl("./prog", "prog", "@print_ids", NULL);
    }
    EXPECT_EXIT(pid, 1 | 4 | 8);
    OK(chmod("prog", 0755));
    CHILD (pid) {
        become_user(TEST_UID, TEST_GID);
        execl("./prog", "prog", "@print_ids", NULL);
    }
    EXPECT_EXIT(pid, 1);
}

CASE(exec, writing_a_set_id_file_as_user_clears_the_bits)
{
    pid_t pid;
    NEED_ROOT();
    make_file("f", 06777);
    CHILD (pid) {
        become_user(TEST_UID, TEST_GID);
        int fd = (int)OK(open("f", O_WRONLY));
        OK(write(fd, "x", 1));
    }
    EXPECT_EXIT(pid, 0);
    EXPECT_EQ(mode_of("f") & 07777, 0777);
}

CASE(exec, static_pie_program_runs)
{
    char path[PATH_MAX + 8];
    pid_t pid;
    strcpy(path, abi_self);
    strcpy(strrchr(path, '/') + 1, "pie");
    if (!exists(path))
        SKIP("%s is not there", path);
    CHILD (pid) {
        execl(path, "pie", "one", NULL);
    }
    EXPECT_EXIT(pid, 42);
}

static void *exec_from_thread(void *arg)
{
    char pid[16];
    snprintf(pid, sizeof(pid), "%d", getpid());
    execl(abi_self, abi_self, "@check_pid", pid, NULL);
    return arg;
}

static void *sleep_forever(void *arg)
{
    for (;;)
        pause();
    return arg;
}

CASE(exec, by_a_thread_ends_the_others_and_becomes_leader)
{
    pid_t pid;
    CHILD (pid) {
        pthread_t t[4];
        for (int i = 0; i < 3; i++)
            EXPECT_EQ(pthread_create(&t[i], NULL, sleep_forever, NULL), 0);
        EXPECT_EQ(pthread_create(&t[3], NULL, exec_from_thread, NULL), 0);
        pthread_join(t[3], NULL);
        _exit(9);
    }
    EXPECT_EXIT(pid, 0);
}

HELPER(heap_and_brk)
{
    char *start = sbrk(0);
    (void)argc;
    (void)argv;
    if (brk(start + (1 << 20)) != 0)
        return 1;
    for (int i = 0; i < 1 << 20; i++) {
        if (start[i] != 0)
            return 2;
    }
    return 0;
}

CASE(exec, new_heap_is_zeroed)
{
    for (int i = 0; i < 5; i++) {
        pid_t pid;
        CHILD (pid) {
            memset(malloc(1 << 20), 0xff, 1 << 20);
            execl(abi_self, abi_self, "@heap_and_brk", NULL);
        }
        EXPECT_EXIT(pid, 0);
    }
}
