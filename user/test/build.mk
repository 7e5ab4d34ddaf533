# SPDX-License-Identifier: MIT
# The user-space test programs: for Cairn (static, cross-compiled) and for the host, Linux, the oracle.

USER_CC ?= riscv64-linux-gnu-gcc
HOST_CC ?= cc

ABI_SRC := $(sort $(wildcard user/test/abi/*.c))
USER_TEST_CFLAGS := -std=gnu11 -D_GNU_SOURCE -O1 -pthread -Wall -Wextra -Wshadow \
                    -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wvla
USER_TEST_LIBS := -lm
PIE_FLAGS := -static-pie -fpie -nostdlib -fno-stack-protector -Wl,--no-dynamic-linker

USER_TESTS := $(addprefix $(O)/user/tests/,abi pie stress leakcheck thrash)
USER_HOST_TESTS := $(addprefix $(O)/user/host-tests/,abi pie stress thrash)

$(O)/user/tests/abi: $(ABI_SRC) user/test/abi/abi.h
	@mkdir -p $(@D)
	$(USER_CC) $(USER_TEST_CFLAGS) -static -s -o $@ $(ABI_SRC) $(USER_TEST_LIBS)

$(O)/user/tests/pie: user/test/pie.c
	@mkdir -p $(@D)
	$(USER_CC) $(USER_TEST_CFLAGS) $(PIE_FLAGS) -s -o $@ $<

$(O)/user/tests/%: user/test/%.c
	@mkdir -p $(@D)
	$(USER_CC) $(USER_TEST_CFLAGS) -static -s -o $@ $<

$(O)/user/host-tests/abi: $(ABI_SRC) user/test/abi/abi.h
	@mkdir -p $(@D)
	$(HOST_CC) $(USER_TEST_CFLAGS) -o $@ $(ABI_SRC) $(USER_TEST_LIBS)

$(O)/user/host-tests/pie: user/test/pie.c
	@mkdir -p $(@D)
	$(HOST_CC) $(USER_TEST_CFLAGS) $(PIE_FLAGS) -o $@ $<

$(O)/user/host-tests/%: user/test/%.c
	@mkdir -p $(@D)
	$(HOST_CC) $(USER_TEST_CFLAGS) -o $@ $<

user-tests: $(USER_TESTS) ## test programs for /tests (abi, pie, stress, leakcheck, thrash)
host-abi: $(USER_HOST_TESTS) ## the ABI cases on this Linux, the oracle
	$(O)/user/host-tests/abi
.PHONY: user-tests host-abi
