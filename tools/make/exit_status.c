// SPDX-License-Identifier: MIT
//
// A function for GNU make: $(exit-status N) ends make with status N.
//
// make has only three exit statuses of its own, and `make exec` must end with the status of the
// command that ran in the guest. The two declarations below are all we need of <gnumake.h>, which
// not every distribution installs.

#include <stdlib.h>

typedef char *(*gmk_func_ptr)(const char *name, unsigned int argc, char **argv);
extern void gmk_add_function(const char *name, gmk_func_ptr func, unsigned int min_args,
                             unsigned int max_args, unsigned int flags);

int plugin_is_GPL_compatible;
int exit_status_gmk_setup(void);

static char *exit_status(const char *name, unsigned int argc, char **argv)
{
    (void)name;
    (void)argc;
    exit(atoi(argv[0]));
}

/** Called by make when it loads this file. */
int exit_status_gmk_setup(void)
{
    gmk_add_function("exit-status", exit_status, 1, 1, 0);
    return 1;
}
