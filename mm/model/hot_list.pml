// SPDX-License-Identifier: MIT
/* A model of the word `busy` of hot lists (mm/hot_list.c) for SPIN: a hart that frees and allocates
 * single frames through its list, with interrupts off, and two harts that want every frame and drain
 * the list.
 *
 * Proved for every order of steps: each frame is in one place, so none is handed out twice or lost;
 * the hart never waits, it goes to the buddy when it finds the list taken.
 *
 * What a release forbids is a choice in the mutant that lacks it: see kernel/base/model/ring.pml.
 *
 * Mutants, each of which must fail:
 *   NO_SWAP       hot_pop() and hot_push(): the owner uses its list without taking `busy`
 *   LOOK_AND_SET  hot_enter(): a load and a store instead of a swap
 *   NO_RELEASE    hot_leave(): `busy` may be seen free before the list's new length
 *   NO_WAIT       frames_drain_hot(): the drainer goes ahead although it found the list taken */

#define NR_FRAMES 2

#define IN_BUDDY 0
#define IN_LIST  1
#define IN_USE   2
#define NONE     NR_FRAMES

byte place[NR_FRAMES];
byte pages[NR_FRAMES];
byte nr;
bool is_busy;

/* A frame goes from one place to another, and was really there. */
inline move(frame, from, to)
{
    assert(place[frame] == from);
    place[frame] = to
}

inline enter()
{
#ifndef LOOK_AND_SET
    atomic { has_entered = !is_busy; is_busy = true }
#else
    has_entered = !is_busy;
    is_busy = true
#endif
}

/* The last store to the list, and hot_leave(). */
inline set_length_and_leave(new_length)
{
#ifndef NO_RELEASE
    nr = new_length;
    is_busy = false
#else
    is_busy = false;
    nr = new_length
#endif
}

inline owner_enters()
{
#ifndef NO_SWAP
    enter()
#else
    has_entered = true
#endif
}

/* hot_push(), or the buddy. */
inline free_frame(frame)
{
    owner_enters();
    if
    :: has_entered ->
        length = nr;
        atomic { pages[length] = frame; move(frame, IN_USE, IN_LIST) };
        set_length_and_leave(length + 1)
    :: else -> atomic { move(frame, IN_USE, IN_BUDDY) }
    fi
}

/* hot_pop(), or the buddy's frame of that number; NONE if it has not got it. */
inline alloc_frame(frame, other)
{
    owner_enters();
    frame = NONE;
    if
    :: has_entered ->
        length = nr;
        if
        :: length > 0 ->
            atomic { frame = pages[length - 1]; move(frame, IN_LIST, IN_USE) };
            set_length_and_leave(length - 1)
        :: else -> set_length_and_leave(0)
        fi
    :: else
    fi;
    atomic {
        if
        :: frame == NONE && place[other] == IN_BUDDY -> frame = other; move(frame, IN_BUDDY, IN_USE)
        :: else
        fi
    }
}

/* The hart whose list it is: frees what it has, and allocates again. */
proctype hart()
{
    byte first, second, length, nr_rounds;
    bool has_entered;

    do
    :: nr_rounds < 2 ->
        alloc_frame(first, 0);
        alloc_frame(second, 1);
        if
        :: first != NONE -> free_frame(first)
        :: else
        fi;
        if
        :: second != NONE -> free_frame(second)
        :: else
        fi;
        nr_rounds++
    :: else -> break
    od
}

/* frames_drain_hot() on another hart. */
proctype drainer()
{
    byte length;
    bool has_entered;

    do
    :: true ->
        enter();
#ifndef NO_WAIT
        if
        :: has_entered -> break
        :: else -> !is_busy
        fi
#else
        break
#endif
    od;
    length = nr;
    do
    :: length > 0 -> length--; atomic { move(pages[length], IN_LIST, IN_BUDDY) }
    :: else -> break
    od;
    set_length_and_leave(0)
}

init
{
    byte i;

    atomic {
        run hart();
        run drainer();
        run drainer()
    };
    _nr_pr == 1;
    /* What is in the list is what the frames say. */
    do
    :: i < nr -> assert(place[pages[i]] == IN_LIST); i++
    :: else -> break
    od;
    assert(!is_busy && nr == (place[0] == IN_LIST) + (place[1] == IN_LIST))
}
