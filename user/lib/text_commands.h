// SPDX-License-Identifier: MIT
// The commands that are both programs of their own and builtins of the shell. They write through
// standard output and report errors by warn_text(), under the name that is set there.
#ifndef CAIRN_USER_LIB_TEXT_COMMANDS_H
#define CAIRN_USER_LIB_TEXT_COMMANDS_H

int echo_command(int argc, char **argv);
int printf_command(int argc, char **argv);
int test_command(int argc, char **argv);

#endif
