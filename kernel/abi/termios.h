// SPDX-License-Identifier: MIT
/* Terminals as Linux programs see them: ioctl numbers, termios, window size (asm-generic). */
#ifndef CAIRN_ABI_TERMIOS_H
#define CAIRN_ABI_TERMIOS_H

#include <stdint.h>

#define ABI_NCCS 19

struct abi_termios {
    uint32_t iflag, oflag, cflag, lflag;
    uint8_t line;
    uint8_t cc[ABI_NCCS];
};

struct abi_termios2 {
    struct abi_termios base;
    uint32_t ispeed, ospeed;
};

struct abi_winsize {
    uint16_t rows, columns, x_pixels, y_pixels;
};

enum abi_cc { /* indices into cc */
              ABI_VINTR = 0,
              ABI_VQUIT = 1,
              ABI_VERASE = 2,
              ABI_VKILL = 3,
              ABI_VEOF = 4,
              ABI_VTIME = 5,
              ABI_VMIN = 6,
              ABI_VSTART = 8,
              ABI_VSTOP = 9,
              ABI_VSUSP = 10,
              ABI_VEOL = 11,
              ABI_VREPRINT = 12,
              ABI_VWERASE = 14,
              ABI_VLNEXT = 15,
              ABI_VEOL2 = 16,
};

enum abi_iflag {
    ABI_ISTRIP = 0000040,
    ABI_INLCR = 0000100,
    ABI_IGNCR = 0000200,
    ABI_ICRNL = 0000400,
    ABI_IXON = 0002000,
    ABI_IXANY = 0004000,
    ABI_IMAXBEL = 0020000,
    ABI_IUTF8 = 0040000,
};

enum abi_oflag {
    ABI_OPOST = 0000001,
    ABI_ONLCR = 0000004,
    ABI_OCRNL = 0000010,
    ABI_ONOCR = 0000020,
    ABI_ONLRET = 0000040
};

enum abi_cflag {
    ABI_B38400 = 0000017,
    ABI_CS8 = 0000060,
    ABI_CREAD = 0000200,
    ABI_HUPCL = 0002000
};

enum abi_lflag {
    ABI_ISIG = 0000001,
    ABI_ICANON = 0000002,
    ABI_ECHO = 0000010,
    ABI_ECHOE = 0000020,
    ABI_ECHOK = 0000040,
    ABI_ECHONL = 0000100,
    ABI_NOFLSH = 0000200,
    ABI_TOSTOP = 0000400,
    ABI_ECHOCTL = 0001000,
    ABI_ECHOKE = 0004000,
    ABI_IEXTEN = 0100000,
};

#define ABI_TCGETS     0x5401u
#define ABI_TCSETS     0x5402u
#define ABI_TCSETSW    0x5403u
#define ABI_TCSETSF    0x5404u
#define ABI_TCSBRK     0x5409u
#define ABI_TCXONC     0x540au
#define ABI_TCFLSH     0x540bu
#define ABI_TIOCEXCL   0x540cu
#define ABI_TIOCNXCL   0x540du
#define ABI_TIOCSCTTY  0x540eu
#define ABI_TIOCGPGRP  0x540fu
#define ABI_TIOCSPGRP  0x5410u
#define ABI_TIOCOUTQ   0x5411u
#define ABI_TIOCGWINSZ 0x5413u
#define ABI_TIOCSWINSZ 0x5414u
#define ABI_TIOCINQ    0x541bu
#define ABI_TIOCNOTTY  0x5422u
#define ABI_TIOCSETD   0x5423u
#define ABI_TIOCGETD   0x5424u
#define ABI_TIOCGSID   0x5429u
#define ABI_TCGETS2    0x802c542au
#define ABI_TCSETS2    0x402c542bu
#define ABI_TCSETSW2   0x402c542cu
#define ABI_TCSETSF2   0x402c542du

#endif
