# SPDX-License-Identifier: MIT
#
# What all rules share: quiet output, and rebuilding when flags change.

Q := $(if $(filter-out 0,$(V)),,@)

# $(call say,VERB,what): one line of progress, on standard error.
say = @printf '  %-7s %s\n' '$1' '$(patsubst $(O)/%,%,$2)' >&2

# $(call make_dir): make the folder of the target.
make_dir = @mkdir -p $(@D)

# A flag file holds the flags that objects were built with, and is touched only when they change.
# $(call flag_file,path,text) defines its rule; objects depend on the path.
define flag_file
$1: FORCE
	@mkdir -p $$(@D)
	@printf '%s\n' '$(subst ','\'',$2)' | cmp -s - $$@ || printf '%s\n' '$(subst ','\'',$2)' > $$@
endef

.PHONY: FORCE
FORCE:

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wvla \
            -Wno-unused-parameter $(if $(filter-out 0,$(WERROR)),-Werror)
