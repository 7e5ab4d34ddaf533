# SPDX-License-Identifier: MIT
#
# The test programs of user space: for Cairn (static, cross-compiled) into $(O)/user/tests, and, but
# for those that only make sense on Cairn, for this machine, Linux, the oracle, into $(O)/user/host-tests.

USER_CC ?= $(CROSS)gcc
HOST_CC ?= cc

ABI_SRCS := $(sort $(wildcard user/test/abi/*.c))
USER_TEST_CFLAGS := -std=gnu11 -D_GNU_SOURCE -O1 -pthread -Wall -Wextra -Wshadow \
                    -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wvla
# Its start-up is its own: not every C library has one for static PIE.
PIE_FLAGS := -static-pie -fpie -nostdlib -fno-stack-protector -Wl,--no-dynamic-linker

USER_TESTS := $(addprefix $(O)/user/tests/,abi pie stress leakcheck thrash touchmem fragment churn promise lockmem mistreat failnth failnth_exec crash dbjournal dbtree)
USER_HOST_TESTS := $(addprefix $(O)/user/host-tests/,abi pie stress thrash touchmem crash dbjournal dbtree)

# The cases of file systems, and those ABI cases that speak of files, which run on each file system, too.
CONF_SRCS := $(sort $(wildcard user/test/conf/*.c)) user/test/place.c user/test/abi/frame.c user/test/abi/lib.c \
             $(addprefix user/test/abi/,open.c rename.c path.c permission.c directory.c stat.c readwrite.c mapfile.c)
CONF_HEADERS := user/test/abi/abi.h user/test/abi/frame.h user/test/conf/conf.h user/test/place.h
USER_TESTS += $(O)/user/tests/conf
USER_HOST_TESTS += $(O)/user/host-tests/conf

# $(call user_test,folder,program,compiler and flags,sources,headers,libraries)
define user_test
$(O)/user/$1/$2: $4 $5 user/test/build.mk
	$$(call say,TESTCC,$$@)
	$$(call make_dir)
	$$(Q)$3 $(USER_TEST_CFLAGS) -o $$@ $4 $6
endef
$(eval $(call user_test,tests,abi,$(USER_CC) -static -s,$(ABI_SRCS),user/test/abi/abi.h user/test/abi/frame.h,-lm))
$(eval $(call user_test,tests,pie,$(USER_CC) $(PIE_FLAGS) -s,user/test/pie.c))
$(eval $(call user_test,tests,conf,$(USER_CC) -static -s,$(CONF_SRCS),$(CONF_HEADERS),-lm))
$(foreach p,stress thrash touchmem fragment churn promise lockmem mistreat,$(eval $(call user_test,tests,$p,$(USER_CC) -static -s,user/test/$p.c)))
$(eval $(call user_test,tests,leakcheck,$(USER_CC) -static -s,user/test/leakcheck.c user/test/picture.c,user/test/picture.h))
$(eval $(call user_test,tests,failnth,$(USER_CC) -static -s,user/test/failnth.c user/test/failnth_ops.c user/test/picture.c,user/test/failnth.h user/test/picture.h))
$(eval $(call user_test,tests,failnth_exec,$(USER_CC) -static -s -nostdlib -fno-stack-protector,user/test/failnth_exec.c))
CRASH_RUN := $(addprefix user/test/crash/,run.c mark.c ops.c generate.c)
CRASH_HEADERS := $(wildcard user/test/crash/*.h)
$(eval $(call user_test,tests,crash,$(USER_CC) -static -s -I.,$(CRASH_RUN),$(CRASH_HEADERS)))
$(eval $(call user_test,host-tests,crash,$(HOST_CC) -I.,$(CRASH_RUN),$(CRASH_HEADERS)))
DB_SRCS := user/test/db/db.c user/test/crash/mark.c
DB_HEADERS := user/test/db/db.h user/test/crash/mark.h
$(foreach p,journal tree,$(eval $(call user_test,tests,db$p,$(USER_CC) -static -s -I.,user/test/db/$p.c $(DB_SRCS),$(DB_HEADERS))))
$(foreach p,journal tree,$(eval $(call user_test,host-tests,db$p,$(HOST_CC) -I.,user/test/db/$p.c $(DB_SRCS),$(DB_HEADERS))))
$(eval $(call user_test,host-tests,abi,$(HOST_CC),$(ABI_SRCS),user/test/abi/abi.h user/test/abi/frame.h,-lm))
$(eval $(call user_test,host-tests,conf,$(HOST_CC),$(CONF_SRCS),$(CONF_HEADERS),-lm))
$(eval $(call user_test,host-tests,pie,$(HOST_CC) $(PIE_FLAGS),user/test/pie.c))
$(foreach p,stress thrash touchmem,$(eval $(call user_test,host-tests,$p,$(HOST_CC),user/test/$p.c)))

.PHONY: user-tests host-abi
##@ Goals
## user-tests: the programs for /tests: abi, conf, stress, leakcheck, thrash, churn, failnth, mistreat, crash, dbjournal, dbtree, fsx, …
user-tests: $(USER_TESTS)
##@ Testing
## host-abi: the ABI cases on this Linux, the oracle
host-abi: $(USER_HOST_TESTS)
	@$(O)/user/host-tests/abi

# A random exerciser of file content, and trees that are compared between systems.
FSX_SRCS := $(wildcard user/test/fsx/*.c) user/test/place.c
FSX_HEADERS := user/test/fsx/fsx.h user/test/place.h
$(eval $(call user_test,tests,fsx,$(USER_CC) -static -s,$(FSX_SRCS),$(FSX_HEADERS)))
$(eval $(call user_test,host-tests,fsx,$(HOST_CC),$(FSX_SRCS),$(FSX_HEADERS)))
USER_TESTS += $(O)/user/tests/fsx
USER_HOST_TESTS += $(O)/user/host-tests/fsx
FSTREE_SRCS := $(wildcard user/test/fstree/*.c) user/test/place.c
FSTREE_HEADERS := user/test/fstree/fstree.h user/test/place.h
$(eval $(call user_test,tests,fstree,$(USER_CC) -static -s,$(FSTREE_SRCS),$(FSTREE_HEADERS)))
$(eval $(call user_test,host-tests,fstree,$(HOST_CC),$(FSTREE_SRCS),$(FSTREE_HEADERS)))
USER_TESTS += $(O)/user/tests/fstree
USER_HOST_TESTS += $(O)/user/host-tests/fstree

# A directory of many names, and what it costs.
$(eval $(call user_test,tests,manynames,$(USER_CC) -static -s,user/test/manynames.c user/test/place.c,user/test/place.h))
$(eval $(call user_test,host-tests,manynames,$(HOST_CC),user/test/manynames.c user/test/place.c,user/test/place.h))
USER_TESTS += $(O)/user/tests/manynames
USER_HOST_TESTS += $(O)/user/host-tests/manynames
