# SPDX-License-Identifier: MIT
#
# Storage under attack: damaged images, fuzzers, failing disks.

STORAGE_SRCS := tools/storage/exercise.c
CHECK_IMAGE := $(O)/host/check_image

$(CHECK_IMAGE): tools/storage/check_image.c $(STORAGE_SRCS) $(wildcard tools/storage/*.h) $(O)/host/libcairn.a
	$(call say,HOSTLD,$@)
	$(Q)$(HOST_CC) $(HOST_CFLAGS) $(ASAN_FLAGS) -o $@ tools/storage/check_image.c $(STORAGE_SRCS) $(O)/host/libcairn.a

# The fuzzers: libFuzzer is clang's, so the library is compiled once more, by clang.
FUZZ_CC ?= clang
FUZZ_FLAGS := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
$(eval $(call host_library,fuzz,$(FUZZ_FLAGS),,$(FUZZ_CC)))
FUZZERS := $(addprefix $(O)/fuzz/fuzz-,ext fat)

$(FUZZERS): $(O)/fuzz/fuzz-%: tools/storage/fuzz.c tools/storage/fuzz_%.c $(STORAGE_SRCS) $(wildcard tools/storage/*.h) $(O)/fuzz/libcairn.a
	$(call say,HOSTLD,$@)
	$(Q)$(FUZZ_CC) $(HOST_CFLAGS) $(subst fuzzer-no-link,fuzzer,$(FUZZ_FLAGS)) -o $@ tools/storage/fuzz.c tools/storage/fuzz_$*.c $(STORAGE_SRCS) $(O)/fuzz/libcairn.a

# The tests that leave the images they damage.
HOSTILE_MAKERS := $(addprefix $(O)/host/,fs/ext/test/test_ext_hostile fs/ext/test/test_ext_journal fs/fat/test/test_hostile fs/fat/test/test_features)

# The host tests with gcov's counters. What the tests of fs do not link is counted by nobody.
COVERAGE_FLAGS := --coverage -fprofile-update=atomic -Wno-maybe-uninitialized # counters confuse that warning
COVERAGE_TEST_SRCS := $(filter fs/%,$(HOST_TEST_SRCS))
$(eval $(call host_library,coverage,$(COVERAGE_FLAGS),$(COVERAGE_TEST_SRCS)))
.SECONDARY: $(patsubst %.c,$(O)/coverage/obj/%.o,$(COVERAGE_TEST_SRCS))

##@ Goals
.PHONY: hostile
## hostile: damaged images, ours and e2fsprogs' and dosfstools' (fetched once with apt), in the host build and in QEMU
hostile: $(CHECK_IMAGE) $(HOSTILE_MAKERS) $(O)/cairn $(O)/root.img
	$(Q)T='$(T)' tools/storage/hostile --out '$(O)'

.PHONY: fuzz
## fuzz: damage disks at random for T= seconds (60), FS=ext or fat (both); SEED= repeats; needs clang
fuzz: $(FUZZERS)
	$(Q)FS='$(FS)' T='$(T)' SEED='$(SEED)' tools/storage/fuzz --out '$(O)'

.PHONY: coverage
## coverage: which lines of fs/ the host tests run, file by file; T= selects files and names the lines that are missed
coverage: $(patsubst %.c,$(O)/coverage/%,$(COVERAGE_TEST_SRCS))
	$(Q)find $(O)/coverage -name '*.gcda' -delete
	$(Q)T='$(T)' tools/test/coverage.py --out '$(O)'

.PHONY: faults
## faults: every read, write, flush and block of a load, a mount and an umount fails once, or is never answered, on the host; a sample with QEMU's disks (minutes)
faults: $(addprefix $(O)/host/fs/vfs/test/,test_disk_faults test_silent_faults test_mount_faults) $(O)/host/fs/fat/test/test_faults $(O)/host/fs/ext/test/test_ext_state $(KTEST_DEPS)
	$(Q)CAIRN_FAULTS=all $(TEST_ENV) tools/test/run host -t faults
	$(Q)$(TEST_ENV) tools/test/run qemu -t disk-
