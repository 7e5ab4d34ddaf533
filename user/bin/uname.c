// SPDX-License-Identifier: MIT
// uname: which system this is.
#include "user/lib/tool.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static const struct tool tool = {"uname", "[-asnrvmo]", "Print the system's name and version.", 0};

int main(int argc, char **argv)
{
    static const char order[] = "snrvmo";
    bool wanted[sizeof(order)] = {false}, any = false;
    struct utsname names;
    const char *texts[] = {names.sysname, names.nodename, names.release,
                           names.version, names.machine,  "GNU/Linux"};
    int option;

    tool_begin(&tool, argc, argv);
    while ((option = tool_option(argc, argv, "asnrvmo")) != -1) {
        if (option == 'a')
            memset(wanted, true, sizeof(wanted));
        else
            wanted[strchr(order, option) - order] = true;
        any = true;
    }
    if (!any)
        wanted[0] = true;
    if (uname(&names) != 0)
        die_errno("uname");
    any = false;
    for (size_t i = 0; i < strlen(order); i++) {
        if (!wanted[i])
            continue;
        printf("%s%s", any ? " " : "", texts[i]);
        any = true;
    }
    putchar('\n');
    return tool_end(0);
}
