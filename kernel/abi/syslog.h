// SPDX-License-Identifier: MIT
/* syslog(2): what to do with the kernel's log. */
#ifndef CAIRN_ABI_SYSLOG_H
#define CAIRN_ABI_SYSLOG_H

enum abi_syslog {
    ABI_SYSLOG_CLOSE = 0,
    ABI_SYSLOG_OPEN = 1,
    ABI_SYSLOG_READ = 2,
    ABI_SYSLOG_READ_ALL = 3,
    ABI_SYSLOG_READ_CLEAR = 4,
    ABI_SYSLOG_CLEAR = 5,
    ABI_SYSLOG_CONSOLE_OFF = 6,
    ABI_SYSLOG_CONSOLE_ON = 7,
    ABI_SYSLOG_CONSOLE_LEVEL = 8,
    ABI_SYSLOG_SIZE_UNREAD = 9,
    ABI_SYSLOG_SIZE_BUFFER = 10,
};

#endif
