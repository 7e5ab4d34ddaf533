// SPDX-License-Identifier: MIT
/* Who may have how much memory, and who is to go first when there is none. */
#include "abi.h"

#include <sys/prctl.h>
#include <sys/resource.h>

static long read_number(const char *path)
{
    char text[64];

    read_file(path, text, sizeof(text));
    return strtol(text, NULL, 10);
}

/* Write a number to a file of /proc, in one call; the call's result. */
static long put_number(const char *path, const char *number)
{
    int fd = (int)OK(open(path, O_WRONLY));
    long got = write(fd, number, strlen(number));
    int err = errno;

    OK(close(fd));
    errno = err;
    return got;
}

/* ---- The out-of-memory killer ---------------------------------------------------------------- */

#define ADJ "/proc/self/oom_score_adj"

CASE(memlimit, oom_score_adj_is_kept_and_inherited)
{
    pid_t pid;

    OK(put_number(ADJ, "321\n"));
    EXPECT_EQ(read_number(ADJ), 321);
    EXPECT_EQ(read_number("/proc/self/oom_adj"), 321 * 17 / 1000);
    CHILD (pid) {
        EXPECT_EQ(read_number(ADJ), 321);
        OK(put_number(ADJ, "999"));
    }
    EXPECT_EXIT(pid, 0);
    EXPECT_EQ(read_number(ADJ), 321);
}

CASE(memlimit, oom_score_adj_takes_only_its_range)
{
    EXPECT_ERR(put_number(ADJ, "1001"), EINVAL);
    EXPECT_ERR(put_number(ADJ, "-1001"), EINVAL);
    EXPECT_ERR(put_number(ADJ, "many"), EINVAL);
    EXPECT_ERR(put_number("/proc/self/oom_adj", "16"), EINVAL);
    OK(put_number(ADJ, "+1000"));
    EXPECT_EQ(read_number("/proc/self/oom_adj"), 15);
}

CASE(memlimit, oom_score_follows_the_adjustment)
{
    long before = read_number("/proc/self/oom_score");

    OK(put_number(ADJ, "600"));
    EXPECT(read_number("/proc/self/oom_score") >= before + 300);
}

CASE(memlimit, a_user_may_not_spare_himself)
{
    pid_t pid;

    NEED_ROOT();
    CHILD (pid) {
        become_user(TEST_UID, TEST_GID);
        OK(prctl(PR_SET_DUMPABLE, 1));
        OK(put_number(ADJ, "500"));
        EXPECT_ERR(put_number(ADJ, "-500"), EACCES);
        EXPECT_EQ(read_number(ADJ), 500);
    }
    EXPECT_EXIT(pid, 0);
}
