// SPDX-License-Identifier: MIT
// Switching off.
//
// The one that goes down last is process 1, so it is asked by the signal that init takes for that:
// USR1 halt, USR2 power off, TERM restart. A process 1 that is not our init ignores them; then, as
// under -f, the steps are taken from here.
#include "user/lib/power.h"

#include "user/lib/tool.h"

#include <signal.h>
#include <unistd.h>

enum { ANSWER_SECONDS = 5 };

int power_command(int argc, char **argv, enum power_action action)
{
    static const int requests[] = {
        [POWER_OFF] = SIGUSR2,
        [POWER_RESTART] = SIGTERM,
        [POWER_HALT] = SIGUSR1,
    };
    bool force = false;

    while (tool_option(argc, argv, "f") != -1)
        force = true;
    if (optind < argc)
        tool_usage();
    if (geteuid() != 0)
        die_text("only root may do that");
    if (!force && kill(1, requests[action]) == 0) {
        sleep(ANSWER_SECONDS); // init ends this process, too
        warn_text("process 1 does not answer; going down without it");
    }
    end_all_processes();
    sync();
    unmount_everything();
    power_down(action);
    die_errno("the kernel refused");
}
