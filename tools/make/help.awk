# SPDX-License-Identifier: MIT
# Prints the `## NAME: text` lines of the makefiles, a variable with the default that stands below it,
# and the goals that explain themselves on their own line (`goal: ... ## text`).
# `##@ Title` starts a section, and sections of one title are joined.
function flush_entry() {
    if (name == "") return
    if (!(title in lines)) order[++sections] = title
    lines[title] = lines[title] sprintf("  %-12s %s\n", name, text)
    name = ""
}
/^##@ / { flush_entry(); title = substr($0, 5); next }
/^## [A-Za-z_-]+: / { flush_entry(); name = $2; sub(/:$/, "", name); text = $0; sub(/^## [^:]*: /, "", text); next }
/^[a-z][a-z-]*:[^=].* ## / {
    flush_entry(); title = "Goals"; name = $1; sub(/:$/, "", name); text = $0; sub(/^.* ## /, "", text); next
}
name != "" && $1 == name && $2 == "?=" {
    value = $0; sub(/^[^=]*= */, "", value)
    if (value != "" && value !~ /\$/) text = text " [" value "]"
}
{ flush_entry() }
END {
    flush_entry()
    print "make [goal] [VARIABLE=value] ..."
    for (pass = 1; pass <= 2; pass++)
        for (i = 1; i <= sections; i++)
            if ((order[i] == "Goals") == (pass == 1)) printf "\n%s:\n%s", order[i], lines[order[i]]
}
