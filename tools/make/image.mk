# SPDX-License-Identifier: MIT
#
# The images: the root file system on the disk, and the initramfs linked into the kernel.
#
# What goes in comes from user/build.mk:
#   USER_BOX         the multi-call binary, installed as /bin/box (empty: none is built)
#   USER_BOX_NAMES   its names: hard links in /bin (/sbin/init links to it, too, when named init)
#   USER_PROGRAMS    more programs for /bin
# and from user/test/build.mk:
#   USER_TESTS       programs for /tests, only on the disk
# and from user/bench/build.mk:
#   USER_BENCH       a program for /bin, only on the disk
# user/rootfs/ is laid over both. Everything is owned by root, whoever builds.

# A bare-metal compiler has no C library: then there is a kernel, but nothing to run on it.
ifeq ($(findstring linux,$(CROSS)),)
USER_BOX :=
USER_PROGRAMS :=
USER_TESTS :=
USER_BENCH :=
endif

ROOTFS_FILES := $(if $(wildcard user/rootfs),$(shell find user/rootfs -type f -o -type l))
IMAGE_ARGS = --box '$(USER_BOX)' --names '$(USER_BOX_NAMES)' --programs '$(USER_PROGRAMS)$1' --overlay user/rootfs

$(eval $(call flag_file,$(O)/image.flags,$(call IMAGE_ARGS, $(USER_BENCH)) $(USER_TESTS) $(ROOTFS_FILES)))

$(O)/initramfs.cpio: $(USER_BOX) $(USER_PROGRAMS) $(ROOTFS_FILES) tools/image/mkinitramfs.py tools/image/tree.py $(O)/image.flags
	$(call say,CPIO,$@)
	$(call make_dir)
	$(Q)python3 tools/image/mkinitramfs.py $(call IMAGE_ARGS) $@

$(O)/root.img: $(USER_BOX) $(USER_PROGRAMS) $(USER_TESTS) $(USER_BENCH) $(ROOTFS_FILES) tools/image/mkroot.py tools/image/tree.py $(O)/image.flags
	$(call say,EXT2,$@)
	$(call make_dir)
	$(Q)python3 tools/image/mkroot.py $(call IMAGE_ARGS, $(USER_BENCH)) --tests '$(USER_TESTS)' $@

.PHONY: image
##@ Goals
## image: only the root image, $(O)/root.img, and the initramfs
image: $(O)/root.img $(O)/initramfs.cpio
