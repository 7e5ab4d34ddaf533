// SPDX-License-Identifier: MIT
/* The init of the Linux that Cairn is compared with: from an initramfs to a program on the disk or beside it.
 *
 * Debian's kernel has the disk's driver and the file system as modules. tools/bench/os_linux.py puts
 * those it needs into /modules of the initramfs, named so that their order is that of loading. This
 * program loads them, mounts the disk (the same image that Cairn boots from) with the usual file
 * systems in it, and runs what the kernel's command line says behind `--`. If that program is in the
 * initramfs itself, the disk is its own business, and is only waited for. Then it powers off. The
 * last line says with which status the command ended; without it, the run was not whole. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000 };

static void power_off(void)
{
    fflush(NULL);
    sync();
    reboot(RB_POWER_OFF);
    _exit(1);
}

static void give_up(const char *what)
{
    printf("init: %s: %s\n", what, strerror(errno));
    power_off();
}

static void load_module(const char *name)
{
    char path[512];
    int fd;

    snprintf(path, sizeof(path), "/modules/%s", name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) != 0 && errno != EEXIST))
        give_up(path);
    close(fd);
}

static void load_modules(void)
{
    struct dirent **entries;
    int nr = scandir("/modules", &entries, NULL, alphasort);

    if (nr < 0)
        give_up("/modules");
    for (int i = 0; i < nr; i++) {
        if (entries[i]->d_name[0] != '.')
            load_module(entries[i]->d_name);
    }
}

/* The driver finds the disk a moment after its module is there. */
static void mount_disk(void)
{
    for (int waited = 0; mount("/dev/vda", "/root", "ext2", 0, NULL) != 0; waited += 10) {
        if (waited >= PATIENCE_MS || (errno != ENOENT && errno != ENXIO))
            give_up("/dev/vda");
        usleep(10000);
    }
}

static void enter_disk(void)
{
    if (mount("dev", "/root/dev", "devtmpfs", 0, NULL) != 0 ||
        mount("proc", "/root/proc", "proc", 0, NULL) != 0 || chroot("/root") != 0 ||
        chdir("/") != 0)
        give_up("the mounted disk");
}

/* What a program of the initramfs finds: /proc, /tmp, and the disk's node. */
static void stay_in_initramfs(void)
{
    mkdir("/proc", 0755);
    mkdir("/tmp", 0777);
    if (mount("proc", "/proc", "proc", 0, NULL) != 0 || mount("tmp", "/tmp", "tmpfs", 0, NULL) != 0)
        give_up("/proc and /tmp");
    for (int waited = 0; access("/dev/vda", F_OK) != 0; waited += 10) {
        if (waited >= PATIENCE_MS)
            give_up("/dev/vda");
        usleep(10000);
    }
}

int main(int argc, char **argv)
{
    int status = 0;
    pid_t pid;

    (void)argc;
    mkdir("/dev", 0755);
    mkdir("/root", 0755);
    if (mount("dev", "/dev", "devtmpfs", 0, NULL) != 0 && errno != EBUSY)
        give_up("/dev");
    load_modules();
    if (access(argv[1], X_OK) == 0) {
        stay_in_initramfs();
    } else {
        mount_disk();
        enter_disk();
    }
    pid = fork();
    if (pid == 0) {
        execv(argv[1], argv + 1);
        give_up(argv[1]);
    }
    waitpid(pid, &status, 0);
    printf("init: ended with %d\n",
           WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    power_off();
}
