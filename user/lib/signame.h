// SPDX-License-Identifier: MIT
// Signals by name: kill, trap and job notices.
#ifndef CAIRN_USER_LIB_SIGNAME_H
#define CAIRN_USER_LIB_SIGNAME_H

/** "INT" for SIGINT; NULL where the number has no name. */
const char *signal_name(int number);

/** The number of "INT", "SIGINT", "int" or "2"; -1 if there is none. 0 is accepted as "0". */
int signal_number(const char *name);

/** What a killed program's notice says: "Terminated", "Segmentation fault", …; never NULL. */
const char *signal_notice(int number);

/** The kill command, shared with the shell.
 *  @resolve: turns an operand into a process or (negative) group; prints its own error and returns 0
 *            on failure. NULL: numbers only. */
int kill_command(int argc, char **argv, int (*resolve)(const char *operand));

#endif
