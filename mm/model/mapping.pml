// SPDX-License-Identifier: MIT
/* A model of the handshake between page faults and truncation for SPIN: begin_mapping() and install()
 * in mm/fault.c, cut_page() in fs/cache/mapping.c. Two address spaces fault on a page of a file that
 * is being cut off meanwhile. Both faults found the page when it still belonged to the file.
 *
 *     fault:  count the page as mapped;   fence;  does it still belong?   no: count back, give up
 *     cut:    take it out of the file;    fence;  is it counted as mapped?  yes: remove the entries
 *
 * Proved for every order of steps: when the cut has ended, no entry maps the page, and none ever
 * will; and the count is right in the end.
 *
 * What a fence forbids is a choice in the mutant that lacks it: the two accesses around it change
 * places.
 *
 * Mutants, each of which must fail:
 *   NO_FAULT_FENCE   begin_mapping(): it may be looked whether the page belongs before it is counted
 *   NO_CUT_FENCE     cut_page(): the count may be read before the page is out of the file
 *   NO_TABLE_LOCK    install(): the page is counted and entered without the page-table lock
 *   COUNT_LATE       install(): the page is counted after its entry is set */

#define NR_SPACES 2

bool belongs = true;
byte nr_maps;
bool has_entry[NR_SPACES];
bool table_lock[NR_SPACES];
bool is_cut;

inline lock(space)
{
    atomic { !table_lock[space] -> table_lock[space] = true }
}

inline unlock(space)
{
    table_lock[space] = false
}

inline set_entry(space)
{
    atomic { assert(!is_cut); has_entry[space] = true }
}

proctype fault(byte space)
{
    bool may_map;

#ifndef NO_TABLE_LOCK
    lock(space);
#endif
#if defined(COUNT_LATE)
    may_map = belongs;
    if
    :: may_map -> set_entry(space); nr_maps++
    :: else
    fi;
#else
#ifndef NO_FAULT_FENCE
    nr_maps++;
    may_map = belongs;
#else
    may_map = belongs;
    nr_maps++;
#endif
    if
    :: may_map -> set_entry(space)
    :: else -> nr_maps--
    fi;
#endif
#ifndef NO_TABLE_LOCK
    unlock(space)
#endif
}

/* space_unmap_pages() for each area that shows the page. */
inline unmap_all()
{
    space = 0;
    do
    :: space < NR_SPACES ->
        lock(space);
        if
        :: has_entry[space] -> has_entry[space] = false; nr_maps--
        :: else
        fi;
        unlock(space);
        space++
    :: else -> break
    od
}

proctype cut()
{
    byte space, seen;

#ifndef NO_CUT_FENCE
    belongs = false;
    seen = nr_maps;
#else
    seen = nr_maps;
    belongs = false;
#endif
    if
    :: seen != 0 -> unmap_all()
    :: else
    fi;
    atomic { assert(!has_entry[0] && !has_entry[1]); is_cut = true }
}

init
{
    atomic {
        run fault(0);
        run fault(1);
        run cut()
    };
    _nr_pr == 1;
    assert(nr_maps == 0 && !has_entry[0] && !has_entry[1])
}
