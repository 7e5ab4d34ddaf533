// SPDX-License-Identifier: MIT
/* A model of the ring (kernel/base/ring.c) for SPIN, which tries every order in which the steps of
 * these processes can follow each other: two producers, one of them pushing a batch, and two
 * consumers, one of them popping a batch, on a ring of two cells, so that cells are used again.
 *
 * Proved for all of these orders:
 *   - the pop of position p gets the value of the push of position p, whole: nothing is lost,
 *     doubled, overtaken, or read half-written;
 *   - "empty" is said only when the oldest position is not published, "full" only when the
 *     consumer of the lap before has not released the cell: the two meanings of "maybe";
 *   - nobody waits: a producer or a consumer may stop for ever between its reservation and its
 *     publication, and all others come to an end;
 *   - who goes round the loop does so because another one has moved the position, so that
 *     somebody always gets on.
 *
 * SPIN takes memory to be sequentially consistent. What a fence forbids is therefore put in as a
 * choice: with a mutant that lacks the fence, the two accesses around it may be done in either order.
 * Not modelled: positions that wrap (64 bits don't), and a compare-and-exchange that fails without
 * a reason.
 *
 * Mutants, each of which must fail:
 *   NO_PUSH_RELEASE     publish_value(): the sequence may be visible before the value
 *   NO_POP_RELEASE      take_value(): the cell may be free before its value has been read
 *   NO_ACQUIRE          cell_state(): a consumer may read the value before the sequence
 *   NO_EXCHANGE         reserve(): the position is stored, not exchanged
 *   LOOK_AT_THE_FIRST   count_ready(): a batch takes it that one cell that is ready speaks for all
 *   WAIT_FOR_THE_PEER   "empty" and "full" are not told but waited out */

#define NR_CELLS   2
#define NR_VALUES  4
#define NR_THREADS 4

byte sequence[NR_CELLS];
byte cell_value[NR_CELLS];
byte push_position, pop_position;

/* What the proof keeps on the side. */
byte pushed_value[NR_VALUES]; /* by position */
bool published[NR_VALUES + NR_CELLS];
bool released[NR_VALUES + NR_CELLS];
byte nr_pushed, nr_popped, nr_ended;
bool has_stopped;

/* What a side's cell is ready at, beyond its position. */
#define PUSH 0
#define POP  1

#define SEQUENCE(at) sequence[(at) % NR_CELLS]
#define VALUE(at)    cell_value[(at) % NR_CELLS]

/* cell_state() of the cell that comes next, and what "not yet" is allowed to mean. */
inline look(lead)
{
    state = SEQUENCE(position + got) - (position + got) - lead;
    assert(got > 0 || state >= 0 || lead == PUSH || !published[position]);
    assert(got > 0 || state >= 0 || lead == POP || !released[position - NR_CELLS])
}

/* reserve() on one side: `got` positions from `position` on, 0 for "maybe". One atomic block is one
 * access to what is shared, with what follows from it. */
inline reserve(side, lead, nr)
{
    atomic { wanted = nr; got = 0; position = side };
    do
    :: atomic {
        got < wanted ->
        look(lead);
        if
#ifdef LOOK_AT_THE_FIRST
        :: state == 0 -> got = wanted
#else
        :: state == 0 -> got++
#endif
        :: state != 0 && got > 0 -> wanted = got
#ifndef WAIT_FOR_THE_PEER
        :: state < 0 && got == 0 -> wanted = 0
        :: state > 0 && got == 0 -> assert(side != position); position = side
#else
        :: state != 0 && got == 0 -> assert(side != position); position = side
#endif
        fi
    }
    :: atomic {
        got == wanted ->
        if
        :: got == 0 -> break
#ifndef NO_EXCHANGE
        :: got > 0 && side != position -> position = side; wanted = nr; got = 0
        :: got > 0 && side == position -> side = position + got; break
#else
        :: got > 0 -> side = position + got; break
#endif
        fi
    }
    od
}

/* Between a reservation and its publication: whoever stands here may never go on. */
inline perhaps_stop()
{
    if
    :: true
    :: atomic { got > 0 && !has_stopped -> has_stopped = true; goto ended }
    fi
}

/* The value is written in two halves, so that one that is read meanwhile is seen to be torn. */
inline write_value(at, value)
{
    atomic { pushed_value[at] = value; VALUE(at) = 0 };
    VALUE(at) = value
}

inline publish_value(at, value)
{
#ifndef NO_PUSH_RELEASE
    write_value(at, value);
#endif
    atomic { SEQUENCE(at) = at + 1; published[at] = true; nr_pushed++ };
#ifdef NO_PUSH_RELEASE
    write_value(at, value);
#endif
}

inline read_value(at)
{
    atomic {
        value = VALUE(at);
#ifdef NO_ACQUIRE
        if
        :: value = early
        :: true
        fi;
#endif
        assert(value == pushed_value[at]);
        value = 0
    }
}

inline take_value(at)
{
#ifndef NO_POP_RELEASE
    read_value(at);
#endif
    atomic { SEQUENCE(at) = at + NR_CELLS; released[at] = true; nr_popped++ };
#ifdef NO_POP_RELEASE
    read_value(at);
#endif
}

/* What a consumer might have read before it looked at the sequence. */
inline read_early()
{
#ifdef NO_ACQUIRE
    early = VALUE(pop_position)
#else
    skip
#endif
}

proctype producer(byte first_value; byte nr_at_once; byte nr_pushes)
{
    byte position, got, wanted, i, sent;
    short state;

    do
    :: nr_pushes > 0 ->
        reserve(push_position, PUSH, nr_at_once);
        perhaps_stop();
        do
        :: i < got -> publish_value(position + i, first_value + sent + i); i++
        :: else -> break
        od;
        atomic { sent = sent + got; i = 0; nr_pushes-- }
    :: else -> break
    od;
ended:
    atomic { position = 0; got = 0; wanted = 0; state = 0; nr_ended++ }
}

proctype consumer(byte nr_at_once; byte nr_pops)
{
    byte position, got, wanted, i, value;
    short state;
#ifdef NO_ACQUIRE
    byte early;
#endif

    do
    :: nr_pops > 0 ->
        read_early();
        reserve(pop_position, POP, nr_at_once);
        perhaps_stop();
        do
        :: i < got -> take_value(position + i); i++
        :: else -> break
        od;
        atomic { i = 0; nr_pops-- }
    :: else -> break
    od;
ended:
    atomic { position = 0; got = 0; wanted = 0; state = 0; nr_ended++ }
}

init
{
    byte position, got, wanted, value, early;
    short state;

    atomic {
        sequence[1] = 1;
        run producer(1, 1, 2);
        run producer(3, 2, 1);
        run consumer(1, 2);
        run consumer(2, 1)
    };
    nr_ended == NR_THREADS;
    /* All that was pushed comes out in the end. */
    do
    :: !has_stopped && nr_popped < nr_pushed ->
        reserve(pop_position, POP, 1);
        assert(got == 1);
        take_value(position)
    :: else -> break
    od
}
